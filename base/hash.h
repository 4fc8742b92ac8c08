#ifndef LP_BASE_HASH_H
#define LP_BASE_HASH_H
#include <stddef.h>
#include <stdint.h>

/*
 * SHA-256 (OpenSSL, in hardware) for megabytes of payload, keccak-256 (nettle's
 * permutation with Ethereum's padding) for structures.  Any thread.
 */
struct hash32 {
	uint8_t b[32];
};

struct hash32 hash_sha256(const void *data, size_t len);
struct hash32 hash_keccak256(const void *data, size_t len);

/* Incremental SHA-256, for bytes that pass in chunks. */
struct sha256;
struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *s, const void *data, size_t len);
struct hash32 sha256_end(struct sha256 *s);	/* s may then be reused by sha256_reset */
void sha256_reset(struct sha256 *s);
void sha256_free(struct sha256 *s);

#endif
