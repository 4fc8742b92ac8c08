"""Known answers for test_rtmp_handshake.c, from Python's hmac and hashlib only.

C1 is the bytes (7 i + 3) mod 256 with the digest put in; the server's random bytes are
(11 i + 5) mod 256, its clock 0x01020304.  Prints, for both layouts, where the digests
stand, the client's digest, S1's digest and S2's signature.
"""
import hashlib
import hmac

PLAYER = b"Genuine Adobe Flash Player 001"
SERVER = b"Genuine Adobe Flash Media Server 001"
TAIL = bytes.fromhex("f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae")


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def position(block, base):
    return sum(block[base:base + 4]) % 728 + base + 4


def signed(block, base, key):
    at = position(block, base)
    digest = mac(key, block[:at] + block[at + 32:])
    return at, digest, block[:at] + digest + block[at + 32:]


for name, base in (("digest last", 772), ("digest first", 8)):
    c1 = bytes((7 * i + 3) % 256 for i in range(1536))
    random = bytes((11 * i + 5) % 256 for i in range(1536))
    c_at, c_digest, c1 = signed(c1, base, PLAYER)
    s_at, s_digest, s1 = signed(bytes([1, 2, 3, 4, 4, 5, 0, 1]) + random[8:], base, SERVER)
    s2 = mac(mac(SERVER + TAIL, c_digest), random[:1504])
    print(name, c_at, c_digest.hex(), s_at, s_digest.hex(), s2.hex(), sep="\n  ")
