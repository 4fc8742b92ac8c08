#include "protocol/election.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

static const int LOG_BITS = 73;		/* 2^72 is the largest */
static const int SCALE_BITS = 96;

/* ---- the logarithm ---- */

static bool is_all_ones(const uint8_t h[32])
{
	int i;

	for (i = 0; i < 32 && h[i] == 0xff; i++)
		;
	return i == 32;
}

/* x + 1 in four limbs, lowest first; x is not the largest number. */
static void successor(uint64_t limb[4], const uint8_t x[32])
{
	uint64_t carry = 1;
	int i, k;

	for (i = 0; i < 4; i++) {
		limb[i] = 0;
		for (k = 0; k < 8; k++)
			limb[i] |= (uint64_t)x[31 - 8 * i - k] << (8 * k);
		limb[i] += carry;
		carry = carry && limb[i] == 0;
	}
}

static int highest_bit(const uint64_t limb[4])
{
	int i = 3;

	while (i > 0 && limb[i] == 0)
		i--;
	return 64 * i + 63 - __builtin_clzll(limb[i]);
}

/* Bits n-127 to n of a number whose highest bit is n; zeros where it has none. */
static u128 top_bits(const uint64_t limb[4], int n)
{
	u128 m = 0;
	int i, bit;

	for (i = 0; i < 128; i++) {
		bit = n - i;
		m <<= 1;
		if (bit >= 0)
			m |= limb[bit / 64] >> (bit % 64) & 1;
	}
	return m;
}

/*
 * m in [2^127, 2^128) stands for m / 2^127.  Squares it, cut to that precision, and
 * halves it if it became 2 or more.  Returns whether it did: the next bit of log2.
 */
static unsigned int square(u128 *m)
{
	uint64_t a = (uint64_t)(*m >> 64), b = (uint64_t)*m;
	u128 low = (u128)b * b, cross = (u128)a * b, high = (u128)a * a;
	u128 mid = (low >> 64) + (uint64_t)cross + (uint64_t)cross;

	high += 2 * (cross >> 64) + (mid >> 64);
	if (high >> 127) {
		*m = high;
		return 1;
	}
	*m = high << 1 | (mid >> 63 & 1);
	return 0;
}

struct election_log election_neg_log2(const uint8_t h[32])
{
	struct election_log none = { 0, 0 }, l;
	uint64_t limb[4], frac = 0;
	u128 m, result;
	int i, n;

	if (is_all_ones(h))
		return none;
	successor(limb, h);
	n = highest_bit(limb);
	m = top_bits(limb, n);
	for (i = 0; i < 64; i++)
		frac = frac << 1 | square(&m);
	result = ((u128)256 << 64) - ((u128)n << 64 | frac);
	l.hi = (uint64_t)(result >> 64);
	l.lo = (uint64_t)result;
	return l;
}

/* ---- scores ---- */

static u128 stake_of(const struct election_candidate *c)
{
	u128 stake = 0;
	size_t i;

	for (i = 0; i < sizeof(c->stake); i++)
		stake = stake << 8 | c->stake[i];
	return stake;
}

/* keccak256(abi.encode(seed, job id, address)) */
static struct hash32 draw(const struct hash32 *seed, const uint8_t job_id[32],
			  const struct eth_addr *addr)
{
	uint8_t words[96] = { 0 };

	memcpy(words, seed->b, 32);
	memcpy(words + 32, job_id, 32);
	memcpy(words + 64 + 12, addr->b, 20);
	return hash_keccak256(words, sizeof(words));
}

/* Long division, a bit at a time: the remainder stays below twice a uint96. */
static struct election_score divide(struct election_log l, u128 stake)
{
	u128 log = (u128)l.hi << 64 | l.lo, rest = 0;
	struct election_score s = { { 0 } };
	int i;

	for (i = LOG_BITS + SCALE_BITS - 1; i >= 0; i--) {
		rest <<= 1;
		if (i >= SCALE_BITS)
			rest |= log >> (i - SCALE_BITS) & 1;
		if (rest < stake)
			continue;
		rest -= stake;
		s.limb[2 - i / 64] |= (uint64_t)1 << (i % 64);
	}
	return s;
}

static int compare(const void *left, const void *right)
{
	const struct election_candidate *a = left, *b = right;
	int i;

	for (i = 0; i < 3; i++) {
		if (a->score.limb[i] != b->score.limb[i])
			return a->score.limb[i] < b->score.limb[i] ? -1 : 1;
	}
	return memcmp(a->addr.b, b->addr.b, sizeof(a->addr.b));
}

size_t election_rank(struct election_candidate *c, size_t n, const struct hash32 *seed,
		     const uint8_t job_id[32])
{
	size_t i, kept = 0;

	for (i = 0; i < n; i++) {
		u128 stake = stake_of(&c[i]);
		struct hash32 h = draw(seed, job_id, &c[i].addr);

		if (stake == 0)
			continue;
		c[kept] = c[i];
		c[kept++].score = divide(election_neg_log2(h.b), stake);
	}
	if (kept > 1)
		qsort(c, kept, sizeof(*c), compare);
	return kept;
}
