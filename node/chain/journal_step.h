#ifndef LP_NODE_CHAIN_JOURNAL_STEP_H
#define LP_NODE_CHAIN_JOURNAL_STEP_H
#include <stdbool.h>
#include <stdint.h>
#include "node/chain/journal_row.h"

/*
 * What is to be done next about an intent, given its row, what the chain said, and the time.
 * Pure: everything that the journal decides is decided here.
 */

enum journal_step {
	STEP_WAIT,
	STEP_EXPIRE,	/* planned: its last block has passed */
	STEP_DROP,	/* planned: given up by a person */
	STEP_PREPARE,	/* planned: simulate it, give it a nonce, sign it */
	STEP_SEND,	/* the newest bytes, again or for the first time */
	STEP_REPLACE,	/* sign a dearer one with the same nonce */
	STEP_MINED,	/* there is a receipt, or another one than was noted */
	STEP_UNMINED,	/* the block that it was in is gone */
	STEP_CONFIRM,	/* deep enough: ask twice, then it is final */
	STEP_WHO,	/* its nonce is used, by none of ours it seems: find by what */
	STEP_SETTLE,	/* final for long: watched no more */
};

/* A final row is watched on until it is so deep: a reorganisation beyond the depth that was
 * asked for is met by sending the same bytes again. */
#define JOURNAL_SETTLED_DEPTH 64
/* So many answers in a row without the receipt of a final one, before that is believed. */
#define JOURNAL_MISSING_MAX 3

/* The chain as one endpoint told it. */
struct chain_now {
	bool known;		/* without it nothing is decided */
	uint64_t head;
	uint64_t block_gas;	/* limit of a block */
	uint64_t count;		/* the account's nonces used at head */
	struct fee_market market;
};

/* Of one row, in memory alone: a restart forgets it and loses nothing but patience.
 * Times are of clock_mono_ms; 0 is at once. */
struct row_hot {
	int64_t try_ms;		/* planned: not prepared before */
	int64_t send_ms;	/* not sent again before */
	int64_t lost_ms;	/* the same when the node does not know it any more */
	int64_t bump_ms;	/* not replaced before */
	int64_t ask_ms;		/* no STEP_CONFIRM, no STEP_WHO before */
	unsigned n_missing;	/* answers in a row without the receipt of a final one */
	bool outbid;		/* the newest was refused as too cheap for its place */
	bool want_dearer, want_cancel;	/* a person's wish */
};

struct step_rules {
	bool can_sign;
	uint64_t depth;
};

/* What the chain said of the row. */
struct row_told {
	bool asked;			/* it answered for the receipts of all attempts */
	const struct eth_receipt *receipt;	/* one that there is, or NULL */
	bool lost;			/* the newest is not known there */
};

enum journal_step journal_step(const struct journal_row *row, const struct row_hot *hot,
			       const struct chain_now *chain, const struct row_told *told,
			       const struct step_rules *rules, int64_t now_ms);

/* Is the receipt another one than the row notes? */
bool journal_receipt_is_news(const struct tx_info *tx, const struct eth_receipt *r);

#endif
