#ifndef LP_NODE_CHAIN_KEPT_H
#define LP_NODE_CHAIN_KEPT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "eth/answer.h"
struct err;

/*
 * The last headers that a follower applied, up to depth `keep` below the newest: each the
 * parent of the next, and what a branch of the chain is compared with.  With them the rows
 * that they are kept in.  Pure, one thread at a time.
 */
#define KEPT_KEEP_MAX 4096
#define KEPT_ROW_LEN 106	/* version, hash, parent, time, base fee */
#define KEPT_KEY_LEN 9		/* 1, number */
#define KEPT_META_LEN 41	/* version, first block, hash of the addresses */

struct kept {
	struct eth_header *h;	/* owned; the oldest first, numbers without a gap */
	size_t n, cap;		/* n is at most keep + 1 */
	uint64_t keep;
};

void kept_init(struct kept *k, uint64_t keep);
void kept_fini(struct kept *k);
void kept_clear(struct kept *k);
/* to is fresh. */
void kept_copy(struct kept *to, const struct kept *from);

/* NULL when nothing is kept, or not that block. */
const struct eth_header *kept_top(const struct kept *k);
const struct eth_header *kept_lowest(const struct kept *k);
const struct eth_header *kept_at(const struct kept *k, uint64_t number);

/* h is the child of the newest, or the first of all.  The oldest beyond keep go. */
void kept_push(struct kept *k, const struct eth_header *h);
/* The newest goes. */
void kept_pop(struct kept *k);
/* How many of the oldest go when n more are pushed. */
size_t kept_surplus(const struct kept *k, size_t n);

bool kept_hash_equal(const struct hash32 *a, const struct hash32 *b);

/* ---- rows: what is read back may be damaged ---- */
void kept_key(uint8_t key[KEPT_KEY_LEN], uint64_t number);
void kept_row(uint8_t row[KEPT_ROW_LEN], const struct eth_header *h);
/* Fails with ERR_INVALID in words. */
int kept_row_parse(struct eth_header *h, const void *key, size_t n_key, const void *row, size_t n_row,
		   struct err *err);
/* The next row in order of keys, at start.  Fails with ERR_INVALID when it is damaged or does
 * not continue what was there, ERR_LIMIT when there are more than any keep allows. */
int kept_load(struct kept *k, const void *key, size_t n_key, const void *row, size_t n_row,
	      struct err *err);
/* After the last row: those beyond keep go, for it may have been larger. */
void kept_loaded(struct kept *k);

/* What the rows were made of: another first block or other addresses make other rows. */
struct kept_meta {
	uint64_t start_block;
	struct hash32 addresses;
};
void kept_meta_row(uint8_t row[KEPT_META_LEN], const struct kept_meta *m);
int kept_meta_parse(struct kept_meta *m, const void *row, size_t n, struct err *err);

#endif
