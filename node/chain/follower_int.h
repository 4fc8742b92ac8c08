#ifndef LP_NODE_CHAIN_FOLLOWER_INT_H
#define LP_NODE_CHAIN_FOLLOWER_INT_H
/*
 * What the files of the follower share: follower.c decides when, follower_ask.c asks and
 * checks, follower_commit.c writes.  Of timer, batch and commit at most one is under way.
 */
#include "base/err.h"
#include "base/log.h"
#include "node/chain/bloom.h"
#include "node/chain/follow_plan.h"
#include "node/chain/follower.h"
#include "node/chain/rpc.h"
#include "node/store/store.h"

#define FOLLOWER_NAME_MAX 16
#define FOLLOWER_BLOCKS_MAX 64		/* read at once: below RPC_BATCH_MAX */
#define FOLLOWER_RANGE_MAX 2000

/* A block that is being read. */
struct follower_block {
	struct eth_header h;
	struct bloom bloom;
	bool has_bloom;
	bool is_unsure;			/* its receipts are wanted */
	struct eth_logs logs;		/* owned */
};

/* How much is asked for at once. */
struct follower_bound {
	uint64_t now, max;
	uint64_t too_much;		/* what failed lately; UINT64_MAX: nothing */
	unsigned n_good;		/* rounds since then */
};

struct follower {
	uv_loop_t *loop;
	struct follower_opts o;
	char name[FOLLOWER_NAME_MAX + 1];
	char table[32];
	struct kept_meta meta;
	struct log log;
	struct log_limit may_tell;	/* what an endpoint can cause at will */
	uv_timer_t timer;
	struct rpc_batch *batch;	/* NULL: nothing is asked */
	bool is_committing;
	bool is_loaded;			/* kept is what the store has */

	struct kept kept;
	/* One round, from the head that was told to the commit */
	struct eth_header head;
	struct follow_plan plan;
	struct eth_header above;	/* lowest of the last SEEK window */
	bool has_above;
	struct follower_block *blocks;	/* owned; of a BLOCKS or RANGE plan */
	size_t n_blocks;
	size_t next_check;		/* which of them, or of a range's logs, is looked at next */

	struct follower_bound range, batch_size;
	unsigned n_failures;		/* in a row */
	int64_t degraded_since;
	char why[160];
	struct hash32 told_hash;	/* what moved was last told */
	bool told_any, told_caught_up;

	bool is_closing;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* ---- follower.c ---- */
/* The round has a plan: carry it out. */
void follower_act(struct follower *f);
/* Nothing came of the round: told, and begun again after a while.  err is borrowed. */
void follower_fail(struct follower *f, const struct err *err);
/* A commit is over; NULL: done, and kept is what it says now.  again: somebody else wrote. */
void follower_committed(struct follower *f, const struct err *err, bool again);
void follower_drop_blocks(struct follower *f);

/* ---- follower_ask.c: each ends in follower_act or follower_fail, later ---- */
void follower_ask_head(struct follower *f);
void follower_ask_blocks(struct follower *f);
void follower_ask_range(struct follower *f);
void follower_ask_seek(struct follower *f);
/* Two endpoints must say that the oldest kept block is gone: then RESET is committed. */
void follower_ask_reset(struct follower *f);

/* ---- follower_commit.c: each ends in follower_committed, later ---- */
void follower_commit_load(struct follower *f);
void follower_commit_plan(struct follower *f);	/* BLOCKS, RANGE (takes blocks), UNDO, RESET */

#endif
