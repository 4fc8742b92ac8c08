#include "base/hash.h"

#include <endian.h>
#include <nettle/sha3.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Bytes that Keccak-256 takes in between two permutations. */
#define KECCAK_RATE 136

struct sha256 {
	EVP_MD_CTX *ctx;
};

struct sha256 *sha256_new(void)
{
	struct sha256 *s = xcalloc(1, sizeof(*s));

	s->ctx = EVP_MD_CTX_new();
	if (!s->ctx)
		abort();	/* out of memory, as in xmalloc */
	sha256_reset(s);
	return s;
}

void sha256_reset(struct sha256 *s)
{
	if (!EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL))
		abort();
}

void sha256_add(struct sha256 *s, const void *data, size_t len)
{
	if (!EVP_DigestUpdate(s->ctx, data, len))
		abort();
}

struct hash32 sha256_end(struct sha256 *s)
{
	struct hash32 h;

	if (!EVP_DigestFinal_ex(s->ctx, h.b, NULL))
		abort();
	return h;
}

void sha256_free(struct sha256 *s)
{
	if (!s)
		return;
	EVP_MD_CTX_free(s->ctx);
	free(s);
}

struct hash32 hash_sha256(const void *data, size_t len)
{
	struct hash32 h;

	if (!EVP_Digest(len ? data : "", len, h.b, NULL, EVP_sha256(), NULL))
		abort();
	return h;
}

static void absorb(struct sha3_state *st, const uint8_t block[KECCAK_RATE])
{
	uint64_t word;
	size_t i;

	for (i = 0; i < KECCAK_RATE / 8; i++) {
		memcpy(&word, block + 8 * i, 8);
		st->a[i] ^= le64toh(word);
	}
	sha3_permute(st);
}

/* Ethereum's hash is Keccak as submitted: its padding starts with 0x01 where
 * SHA-3's starts with 0x06, so nettle's sha3_256_* do not fit. */
struct hash32 hash_keccak256(const void *data, size_t len)
{
	struct sha3_state st = { { 0 } };
	uint8_t last[KECCAK_RATE] = { 0 };
	const uint8_t *p = data;
	struct hash32 h;
	uint64_t word;
	size_t i;

	for (; len >= KECCAK_RATE; p += KECCAK_RATE, len -= KECCAK_RATE)
		absorb(&st, p);
	if (len)
		memcpy(last, p, len);
	last[len] ^= 0x01;
	last[KECCAK_RATE - 1] ^= 0x80;
	absorb(&st, last);
	for (i = 0; i < sizeof(h.b) / 8; i++) {
		word = htole64(st.a[i]);
		memcpy(h.b + 8 * i, &word, 8);
	}
	return h;
}
