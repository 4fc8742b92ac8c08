#include "node/chain/bloom.h"

#include <string.h>

#include "base/hash.h"

/* A bloom with more bits than this says of any address "perhaps": it is not asked. */
#define BITS_TELLING_MAX 1024

static unsigned bit_of(const struct hash32 *h, unsigned pair)
{
	return (h->b[2 * pair] << 8 | h->b[2 * pair + 1]) & 2047;
}

void bloom_add(struct bloom *b, const void *data, size_t len)
{
	struct hash32 h = hash_keccak256(data, len);

	for (unsigned i = 0; i < 3; i++)
		b->b[255 - bit_of(&h, i) / 8] |= 1 << bit_of(&h, i) % 8;
}

void bloom_add_log(struct bloom *b, const struct eth_log *l)
{
	bloom_add(b, l->address.b, sizeof(l->address.b));
	for (unsigned i = 0; i < l->n_topics; i++)
		bloom_add(b, l->topics[i].b, sizeof(l->topics[i].b));
}

static bool covers(const struct bloom *b, const struct bloom *part)
{
	for (size_t i = 0; i < sizeof(b->b); i++) {
		if (part->b[i] & ~b->b[i])
			return false;
	}
	return true;
}

bool bloom_has(const struct bloom *b, const void *data, size_t len)
{
	struct bloom one = { { 0 } };

	bloom_add(&one, data, len);
	return covers(b, &one);
}

static unsigned bits(const struct bloom *b)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(b->b); i++)
		n += __builtin_popcount(b->b[i]);
	return n;
}

static bool may_have_logged(const struct bloom *b, const struct eth_addr *addresses, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bloom_has(b, addresses[i].b, sizeof(addresses[i].b)))
			return true;
	}
	return false;
}

enum bloom_verdict bloom_judge(const struct bloom *b, const struct eth_addr *addresses, size_t n,
			       const struct eth_log *logs, size_t n_logs)
{
	struct bloom told = { { 0 } };

	for (size_t i = 0; i < n_logs; i++)
		bloom_add_log(&told, &logs[i]);
	if (!covers(b, &told))
		return BLOOM_LIE;
	if (memcmp(told.b, b->b, sizeof(told.b)) == 0)
		return BLOOM_FITS;
	if (bits(b) > BITS_TELLING_MAX || !may_have_logged(b, addresses, n))
		return BLOOM_FITS;
	return BLOOM_UNSURE;
}
