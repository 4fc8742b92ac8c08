#include "base/eip712.h"

#include <assert.h>
#include <string.h>

#define DOMAIN_TYPE "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"

void eip712_init(struct eip712 *e, const char *type)
{
	e->n_words = 0;
	eip712_add_string(e, type);
}

void eip712_add_word(struct eip712 *e, const uint8_t word[32])
{
	assert((e->n_words + 1) * 32 <= sizeof(e->words));
	memcpy(e->words + e->n_words * 32, word, 32);
	e->n_words++;
}

void eip712_add_uint(struct eip712 *e, uint64_t v)
{
	uint8_t word[32] = { 0 };
	size_t i;

	for (i = 0; i < 8; i++)
		word[31 - i] = (uint8_t)(v >> (8 * i));
	eip712_add_word(e, word);
}

void eip712_add_addr(struct eip712 *e, const struct eth_addr *a)
{
	uint8_t word[32] = { 0 };

	memcpy(word + 12, a->b, sizeof(a->b));
	eip712_add_word(e, word);
}

void eip712_add_bytes(struct eip712 *e, const void *data, size_t len)
{
	struct hash32 h = hash_keccak256(data, len);

	eip712_add_word(e, h.b);
}

void eip712_add_string(struct eip712 *e, const char *s)
{
	eip712_add_bytes(e, s, strlen(s));
}

struct hash32 eip712_domain_hash(const struct eip712_domain *d)
{
	struct eip712 e;

	eip712_init(&e, DOMAIN_TYPE);
	eip712_add_string(&e, "lpnode");
	eip712_add_string(&e, "1");
	eip712_add_uint(&e, d->chain_id);
	eip712_add_addr(&e, &d->contract);
	return hash_keccak256(e.words, e.n_words * 32);
}

struct hash32 eip712_digest(const struct eip712 *e, const struct hash32 *domain_hash)
{
	struct hash32 st = hash_keccak256(e->words, e->n_words * 32);
	uint8_t all[2 + 32 + 32] = { 0x19, 0x01 };

	memcpy(all + 2, domain_hash->b, 32);
	memcpy(all + 34, st.b, 32);
	return hash_keccak256(all, sizeof(all));
}
