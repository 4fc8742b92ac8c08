#include "media/wire/rtmp_handshake.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"

#define LEN RTMP_HANDSHAKE_LEN
#define DIGEST_LEN 32
#define VERSION 3

/* The text parts of the keys; the 32 bytes behind them complete the long form. */
#define PLAYER_KEY "Genuine Adobe Flash Player 001"
#define SERVER_KEY "Genuine Adobe Flash Media Server 001"

static const uint8_t key_tail[32] = {
	0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e,
	0x7e, 0x57, 0x6e, 0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36,
	0xcf, 0xeb, 0x31, 0xae,
};

static void hmac(uint8_t out[DIGEST_LEN], const void *key, size_t key_len, const uint8_t *a,
		 size_t a_len, const uint8_t *b, size_t b_len)
{
	crypto_auth_hmacsha256_state st;

	crypto_auth_hmacsha256_init(&st, key, key_len);
	crypto_auth_hmacsha256_update(&st, a, a_len);
	crypto_auth_hmacsha256_update(&st, b, b_len);
	crypto_auth_hmacsha256_final(&st, out);
}

/* Where the digest of a C1 or S1 stands: four bytes' sum says how far into its
 * block of 764 bytes. */
static size_t digest_pos(const uint8_t *p, enum rtmp_handshake kind)
{
	size_t base = kind == RTMP_HANDSHAKE_DIGEST_FIRST ? 8 : 772;
	size_t sum = (size_t)p[base] + p[base + 1] + p[base + 2] + p[base + 3];

	return base + 4 + sum % 728;
}

/* The digest covers all of the block but itself. */
static void digest_of(uint8_t out[DIGEST_LEN], const uint8_t *p, size_t pos, const char *key)
{
	hmac(out, key, strlen(key), p, pos, p + pos + DIGEST_LEN, LEN - pos - DIGEST_LEN);
}

static bool has_digest(const uint8_t *c1, enum rtmp_handshake kind)
{
	size_t pos = digest_pos(c1, kind);
	uint8_t want[DIGEST_LEN];

	digest_of(want, c1, pos, PLAYER_KEY);
	return memcmp(want, c1 + pos, DIGEST_LEN) == 0;
}

static enum rtmp_handshake detect(const uint8_t *c1)
{
	static const uint8_t zero[4];

	if (memcmp(c1 + 4, zero, 4) == 0)
		return RTMP_HANDSHAKE_SIMPLE;
	if (has_digest(c1, RTMP_HANDSHAKE_DIGEST_LAST))
		return RTMP_HANDSHAKE_DIGEST_LAST;
	if (has_digest(c1, RTMP_HANDSHAKE_DIGEST_FIRST))
		return RTMP_HANDSHAKE_DIGEST_FIRST;
	return RTMP_HANDSHAKE_SIMPLE;	/* a version of its own, but no digest: echo */
}

static void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* S2: random bytes signed with a key made of the client's digest. */
static void sign_s2(uint8_t *s2, const uint8_t *c1_digest)
{
	uint8_t long_key[sizeof(SERVER_KEY) - 1 + sizeof(key_tail)];
	uint8_t key[DIGEST_LEN];

	memcpy(long_key, SERVER_KEY, sizeof(SERVER_KEY) - 1);
	memcpy(long_key + sizeof(SERVER_KEY) - 1, key_tail, sizeof(key_tail));
	hmac(key, long_key, sizeof(long_key), c1_digest, DIGEST_LEN, NULL, 0);
	hmac(s2 + LEN - DIGEST_LEN, key, sizeof(key), s2, LEN - DIGEST_LEN, NULL, 0);
}

int rtmp_handshake_answer(uint8_t out[RTMP_S0S1S2_LEN], const uint8_t c0c1[RTMP_C0C1_LEN],
			  const uint8_t random[RTMP_HANDSHAKE_LEN], uint32_t time_ms,
			  enum rtmp_handshake *kind, struct err *err)
{
	static const uint8_t server_version[4] = { 4, 5, 0, 1 };
	const uint8_t *c1 = c0c1 + 1;
	uint8_t *s1 = out + 1, *s2 = out + 1 + LEN;
	enum rtmp_handshake k;
	size_t pos;

	if (c0c1[0] != VERSION)
		return err_set(err, ERR_INVALID, "not RTMP: version %u, want %d", c0c1[0], VERSION);
	k = detect(c1);
	if (kind)
		*kind = k;
	out[0] = VERSION;
	memcpy(s1, random, LEN);
	put_u32(s1, time_ms);
	put_u32(s1 + 4, 0);
	memcpy(s2, c1, LEN);
	if (k == RTMP_HANDSHAKE_SIMPLE)
		return 0;
	memcpy(s1 + 4, server_version, 4);
	pos = digest_pos(s1, k);
	digest_of(s1 + pos, s1, pos, SERVER_KEY);
	memcpy(s2, random, LEN);
	sign_s2(s2, c1 + digest_pos(c1, k));
	return 0;
}
