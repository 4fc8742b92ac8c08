#ifndef LP_NODE_CHAIN_JOURNAL_DB_H
#define LP_NODE_CHAIN_JOURNAL_DB_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "node/chain/journal_row.h"
#include "node/store/store.h"

/*
 * The journal's transactions of the store.  Each first compares the row with what the step
 * was decided on and does nothing when another process was there before.  Any thread that
 * may run a store_fn.
 *
 *	intents		id			row
 *	intent_keys	account, key		id of the last intent with the key
 *	attempts	id, number		signed bytes
 *	nonces		account, nonce		id
 *	next_nonces	account			the first one above all in nonces
 *	open_intents	account, id		nothing: those that are not settled
 */
#define JOURNAL_LOAD_MAX 512	/* open intents looked at in one go, oldest first */

/* An intent with its newest signed bytes. */
struct journal_entry {
	struct journal_row row;
	uint8_t *raw;		/* owned; NULL before signed */
	size_t n_raw;
};
void journal_entry_fini(struct journal_entry *e);
/* ERR_NOT_FOUND. */
int journal_db_get(struct store_txn *t, uint64_t id, struct journal_entry *e, struct err *err);

struct journal_load {
	struct eth_addr account;
	uint64_t chain_id;
	const uint64_t *more;		/* ids of others that are wanted as well */
	size_t n_more;
	struct journal_entry *e;	/* out: owned by the caller, journal_load_fini */
	size_t n;
	uint64_t next_nonce;		/* out: above all that were given here */
};
void journal_load_fini(struct journal_load *l);
int journal_db_load(struct store_txn *t, struct journal_load *l, struct err *err);

struct journal_plan {
	struct journal_row row;		/* owned; id is set */
	bool is_new;			/* out: false when the key was there */
};
int journal_db_plan(struct store_txn *t, struct journal_plan *plan, struct err *err);
/* For plan->row.tx.nonce: the intent that has it is watched again, or the plan is made. */
int journal_db_fill(struct store_txn *t, struct journal_plan *plan, struct err *err);

/* What a step was decided on. */
struct journal_seen {
	uint64_t id;
	enum tx_state state;
	size_t n_attempts;
};

/* A nonce and its first bytes, or other bytes for the nonce. */
struct journal_sign {
	struct journal_seen seen;
	const struct sig_key *key;	/* borrowed */
	struct fee_offer offer;
	uint64_t gas;
	bool legacy, cancels;
	uint64_t count, head;		/* nonces used on the chain at head; for the first */
	int64_t now_ms;			/* wall clock */
	bool changed;			/* out */
};
int journal_db_sign(struct store_txn *t, struct journal_sign *s, struct err *err);

/* To another state. */
struct journal_change {
	struct journal_seen seen;
	enum tx_state to;
	struct hash32 tx_hash, block_hash;	/* of mined, displaced */
	uint64_t block, gas_used;
	struct u256 gas_price;
	char why[200];			/* replaces the row's */
	bool settled;			/* watched no more */
	int64_t now_ms;
	bool changed;			/* out */
};
int journal_db_change(struct store_txn *t, struct journal_change *c, struct err *err);

#endif
