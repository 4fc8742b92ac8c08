#ifndef LP_NODE_CHAIN_FOLLOWER_H
#define LP_NODE_CHAIN_FOLLOWER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "eth/answer.h"
struct err;
struct rpc;
struct store;
struct store_txn;

/*
 * Follows the chain's head: each block once, in order, with the logs of the contracts asked
 * for; a block that the chain gave up is taken back before its successor comes.  What is
 * derived from a block is written in the same commit as the cursor, so a crash neither loses
 * nor repeats a block, and the rows equal those of a follower that begins anew.
 *
 * Blocks deeper than `keep` are final: a reorganisation beyond it calls reset.  Far behind
 * (start, sleep), ranges of logs are read instead of single blocks (adaptive: halved when the
 * endpoint refuses a range, at most 2000 blocks), and headers only for the last `keep`.
 *
 * Lies: a header's parent must be the last one's hash, a log must be of the block whose hash
 * the header has, a head that falls back by less than keep without another branch is a stale
 * endpoint and waits; an endpoint's answer that does not fit is asked for again elsewhere.
 * Loop thread; apply, undo and reset run on the store's thread.
 * Source: DESIGN 7; facts/reliability.md D6, D9, D10; facts/protocol-contracts.md 7.1.
 */
#define FOLLOWER_KEEP_MIN 64
#define FOLLOWER_ADDRESSES_MAX 32

/* first..last: one block, or a range far behind the head (header is then of last).  Logs are
 * in order.  Must be a function of its arguments and the store alone. */
struct chain_step {
	uint64_t first, last;
	struct eth_header header;
	const struct eth_log *logs;
	size_t n_logs;
};

struct follower_opts {
	struct rpc *rpc;	/* all borrowed */
	struct store *store;
	const char *name;	/* of its tables, [a-z_]{1,16}: several may live in a store */
	struct eth_addr addresses[FOLLOWER_ADDRESSES_MAX];
	size_t n_addresses;
	uint64_t start_block;	/* first block of interest (the deployment) */
	uint64_t keep;		/* 0: 128; at least FOLLOWER_KEEP_MIN */
	uint64_t poll_ms;	/* 0: 1000 */
	/* On the store's thread, in the commit that moves the cursor.  Any may be NULL. */
	int (*apply)(void *arg, struct store_txn *t, const struct chain_step *step, struct err *err);
	int (*undo)(void *arg, struct store_txn *t, const struct eth_header *gone, struct err *err);
	int (*reset)(void *arg, struct store_txn *t, struct err *err);
	/* On the loop, after the commit: the head now; caught_up when nothing is left to read. */
	void (*moved)(void *arg, const struct eth_header *head, bool caught_up);
	void *arg;
};

struct follower;
struct follower *follower_new(uv_loop_t *loop, const struct follower_opts *opts, struct err *err);
void follower_free(struct follower *f, void (*closed)(void *arg), void *arg);

/* The last block that was applied; false before the first. */
bool follower_head(const struct follower *f, struct eth_header *head);
/* Since when no endpoint told anything usable, ms of clock_mono_ms; 0: all is well. */
int64_t follower_degraded_since(const struct follower *f, char why[160]);

#endif
