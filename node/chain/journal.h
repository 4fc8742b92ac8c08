#ifndef LP_NODE_CHAIN_JOURNAL_H
#define LP_NODE_CHAIN_JOURNAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "base/hash.h"
#include "base/sig.h"
#include "base/u256.h"
#include "eth/answer.h"
#include "node/chain/fees.h"
struct err;
struct rpc;
struct store;

/*
 * The transaction journal: every transaction of one account on one chain, from the intent
 * to the receipt at depth, durable at each step, so that kill -9 anywhere sends nothing
 * twice and forgets nothing.
 *
 *	planned    the intent is on disk under its key; it was simulated (or will be)
 *	signed     a nonce is its own, and the signed bytes are on disk: only now may they be sent
 *	sent       an endpoint accepted them, or knew them already
 *	mined      a receipt of one of its hashes is in a block not yet deep enough
 *	done       the receipt stands at depth, status 1
 *	failed     the receipt stands at depth, status 0
 *	refused    the simulation failed, or it was given up before it had a nonce: never sent
 *	cancelled  a transaction to oneself with its nonce stands at depth instead
 *	displaced  its nonce was used, at depth, by a transaction that is none of ours
 *
 * Rules: a nonce is given in the same commit as the signed bytes, and only to what was
 * simulated and can be paid, so there are no gaps; the same bytes are sent again (30 s,
 * doubling) until mined; after `patience` without being mined while the market asks more, a
 * replacement is signed, journalled, sent, and *all* hashes of the nonce are watched; a block
 * that goes away puts mined back to sent, and what is final is watched until it is 64 blocks
 * deep, so that it too is sent again.  Nothing above TX_GAS_MAX gas or the fee ceiling is
 * signed.  The chain's word that a receipt stands at depth is asked of two endpoints
 * (RPC_AGREE); displaced is believed only with the other transaction and our key's signature
 * under it.  Several processes may drive the journal of one account at once: each step
 * checks the row it is about to change in the same commit.
 *
 * Loop thread.  Tables: node/chain/journal_db.h.
 * Source: DESIGN 7; facts/reliability.md D2-D6, E4; facts/protocol-contracts.md 7.1.
 */
#define JOURNAL_KEY_MAX 200
#define JOURNAL_WHAT_MAX 200
#define JOURNAL_ATTEMPTS_MAX 32		/* hashes of one nonce */
#define JOURNAL_OPEN_MAX 64		/* intents with a nonce that are not final */

struct journal;

struct journal_opts {
	struct store *store;		/* all borrowed, outlive the journal */
	struct rpc *rpc;
	uint64_t chain_id;
	const struct sig_key *key;	/* NULL: look, do not send (tx list) */
	struct eth_addr account;
	struct fee_policy fees;
	bool legacy;			/* even where the chain has a base fee */
	uint64_t depth;			/* confirmations: 1 is the block itself */
	uint64_t poll_ms;		/* 0: 1000 */
	uint64_t patience_ms;		/* 0: 60000; then replaced, at most once in so long */
	/* Tests: called with the step's name at each place where a crash would matter, durable
	 * or not yet ("planned", "signing", "signed", "sending", "accepted", "sent", ...). */
	void (*step)(void *arg, const char *name);
	void *step_arg;
};

enum tx_state {
	TX_PLANNED, TX_SIGNED, TX_SENT, TX_MINED,
	TX_DONE, TX_FAILED, TX_REFUSED, TX_CANCELLED, TX_DISPLACED,	/* final */
};
const char *tx_state_name(enum tx_state s);
bool tx_state_is_final(enum tx_state s);

struct intent {
	/* Action and object, "reward/17": the same key is never sent twice, even by another
	 * process or after years, unless it ended refused or displaced: then it was not mined and
	 * never can be, and whoever submits the key again gets a new intent with a new nonce. */
	const char *key;
	const char *what;	/* for people: "bond 100 LPT to 0x..." */
	bool creates;		/* a contract; to is not used */
	struct eth_addr to;
	struct u256 value;	/* wei */
	const uint8_t *data;	/* copied */
	size_t n_data;
	uint64_t gas;		/* limit; 0: estimated, and a quarter more */
	uint64_t until_block;	/* not given a nonce after this block; 0: no end */
};

struct tx_attempt {
	struct hash32 hash;
	struct fee_offer offer;
	uint64_t gas;
	int64_t signed_ms;	/* wall clock */
	bool cancels;		/* to oneself, nothing in it */
};

/* As it stands on disk.  Strings end with NUL. */
struct tx_info {
	uint64_t id;		/* 1, 2, ... of this store */
	enum tx_state state;
	char key[JOURNAL_KEY_MAX + 1], what[JOURNAL_WHAT_MAX + 1];
	bool creates;
	struct eth_addr to, from;
	struct u256 value;
	uint64_t nonce;		/* from signed on */
	bool has_nonce;
	struct tx_attempt attempts[JOURNAL_ATTEMPTS_MAX];
	size_t n_attempts;
	/* from mined on */
	struct hash32 tx_hash, block_hash;
	uint64_t block, gas_used;
	struct u256 gas_price;
	/* refused, failed: why, in words where the contract's error could be decoded by the hook;
	 * before: what it waits for, "" when for nothing but its turn */
	char why[200];
	int64_t created_ms, ended_ms;
};

/* data: what a call reverted with.  Writes words into to (at most n bytes with the NUL), true
 * when it knows them: "RoundNotInitialized(round 17)". */
typedef bool journal_explain_fn(char *to, size_t n, const uint8_t *data, size_t n_data);
void journal_explain_with(struct journal *j, journal_explain_fn *fn);

/* Also takes up everything that was not final.  Fails with ERR_INVALID when the store's rows
 * are of a newer program. */
struct journal *journal_new(uv_loop_t *loop, const struct journal_opts *opts, struct err *err);
void journal_free(struct journal *j, void (*closed)(void *arg), void *arg);

/* What became of an intent, called after each change of state that is seen (another process may
 * make two at once), and no more after a final one.  receipt: the one of this state, when mined,
 * done or failed; NULL otherwise, or when no endpoint tells it.  An intent that could not even
 * be written to disk is told as refused with id 0.  May call the journal, also journal_free. */
typedef void journal_cb(void *arg, const struct tx_info *tx, const struct eth_receipt *receipt);

/* Journals the intent, simulates it (eth_call, estimate), gives it a nonce, sends it, watches it.
 * A key that is there already and not refused: nothing new is begun, cb reports on the old one.
 * cb may be NULL.  A simulation that reverts ends as refused, with why.  Fails at once with
 * ERR_INVALID, ERR_BUSY (JOURNAL_OPEN_MAX). */
int journal_submit(struct journal *j, const struct intent *i, journal_cb *cb, void *arg,
		   struct err *err);
/* Report on a transaction that is there; cb runs at least once, later.  ERR_NOT_FOUND. */
int journal_watch(struct journal *j, uint64_t id, journal_cb *cb, void *arg, struct err *err);
/* Replace it now, by a dearer same or by a transaction to oneself.  One that is only planned
 * is cancelled by refusing it: nothing is sent.  What is replaced twice as a cancellation
 * stays one.  ERR_INVALID when there is nothing to replace (planned, mined or final);
 * ERR_LIMIT at the ceiling; ERR_NOT_FOUND. */
int journal_speed_up(struct journal *j, uint64_t id, struct err *err);
int journal_cancel(struct journal *j, uint64_t id, struct err *err);

/* Newest first; to has room for max.  By any thread (reads the store).  0 with err set when it
 * fails; clear err before. */
size_t journal_list(struct store *s, const struct eth_addr *account, struct tx_info *to, size_t max,
		    struct err *err);
int journal_get(struct store *s, uint64_t id, struct tx_info *to, struct err *err);

#endif
