#ifndef LP_ETH_RLP_H
#define LP_ETH_RLP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/u256.h"
struct err;

/*
 * Recursive Length Prefix (Ethereum yellow paper, appendix B).  Canonical encoding
 * only, both ways.  Any thread.
 */

/* Writing.  A list is opened and closed around its items; at most RLP_DEPTH_MAX deep. */
#define RLP_DEPTH_MAX 16
struct rlp_out {
	struct buf *b;
	size_t open[RLP_DEPTH_MAX];
	size_t depth;
	bool failed;		/* too deep, or closed what was not open */
};
void rlp_out_init(struct rlp_out *o, struct buf *b);
void rlp_add_bytes(struct rlp_out *o, const void *data, size_t len);
void rlp_add_u64(struct rlp_out *o, uint64_t v);	/* no leading zeros; 0 is empty */
void rlp_add_u256(struct rlp_out *o, const struct u256 *v);
void rlp_open_list(struct rlp_out *o);
void rlp_close_list(struct rlp_out *o);
/* Fails with ERR_LIMIT (the buf is full) or ERR_INTERNAL (lists too deep or left open). */
int rlp_finish(const struct rlp_out *o, struct err *err);

/* Reading: items of a list, or of the whole input, one after the other. */
struct rlp_item {
	bool is_list;
	const uint8_t *data;	/* the string, or the list's payload; borrowed */
	size_t len;
};
/* The next item of r.  Fails with ERR_INVALID: cut short, not canonical. */
int rlp_next(struct rd *r, struct rlp_item *item, struct err *err);
int rlp_u64(uint64_t *v, const struct rlp_item *item, struct err *err);
int rlp_u256(struct u256 *v, const struct rlp_item *item, struct err *err);
/* One item, nothing behind it, everything within canonical, at most RLP_DEPTH_MAX deep. */
int rlp_check(const void *data, size_t len, struct err *err);

#endif
