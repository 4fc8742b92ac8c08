#ifndef LP_PROTOCOL_NOISE_H
#define LP_PROTOCOL_NOISE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/hash.h"
struct err;

/*
 * Noise_XX_25519_ChaChaPoly_SHA256 (noiseprotocol.org revision 34) as a pure state
 * machine: bytes in, bytes out, no I/O.  Any thread, one at a time.
 */
#define NOISE_MSG_MAX 65535
#define NOISE_TAG 16

struct noise_key {	/* X25519 */
	uint8_t secret[32], public[32];
};
void noise_key_generate(struct noise_key *k);
void noise_key_from_secret(struct noise_key *k, const uint8_t secret[32]);

struct noise;

/* s: our static key, copied.  prologue may be NULL.  e: fixed ephemeral for
 * vectors, else NULL. */
struct noise *noise_new(bool initiator, const struct noise_key *s, const void *prologue,
			size_t prologue_len, const struct noise_key *e);
void noise_free(struct noise *n);	/* wipes */

bool noise_wants_write(const struct noise *n);	/* our turn in the handshake */
bool noise_is_done(const struct noise *n);	/* transport keys are there */

/* The handshake hash right now: before a payload is encrypted it covers
 * everything before it (DESIGN 5: PeerIdentity's transcript).
 * noise_transcript_next(): the hash at the moment the *next* written payload
 * will be encrypted (after this message's e and s tokens), so that the payload
 * can prove it; call it, make the payload, then noise_write. */
struct hash32 noise_transcript_next(struct noise *n);
/* The same for the payload just read by noise_read. */
struct hash32 noise_transcript_read(const struct noise *n);
const uint8_t *noise_remote_static(const struct noise *n);	/* 32 bytes; NULL before known */
/* The finished handshake's hash, for channel binding (section 11.2); zero before
 * noise_is_done. */
struct hash32 noise_handshake_hash(const struct noise *n);

/* Next handshake message with payload; out has room for 96 + 48 + payload_len bytes.
 * Fails with ERR_LIMIT. */
int noise_write(struct noise *n, const void *payload, size_t payload_len,
		uint8_t *out, size_t *out_len, struct err *err);
/* A handshake message of the peer; payload has room for len bytes.  Fails with
 * ERR_INVALID (does not decrypt, wrong length, all-zero DH). */
int noise_read(struct noise *n, const uint8_t *msg, size_t len,
	       uint8_t *payload, size_t *payload_len, struct err *err);

/* Transport: in place is allowed; out has room for len + 16 (encrypt) or len - 16.
 * Keys are rekeyed (REKEY, section 4.2) after every 2^20 messages on both sides. */
int noise_encrypt(struct noise *n, const uint8_t *in, size_t len, uint8_t *out, struct err *err);
int noise_decrypt(struct noise *n, const uint8_t *in, size_t len, uint8_t *out, struct err *err);

#endif
