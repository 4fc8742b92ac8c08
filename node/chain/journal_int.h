#ifndef LP_NODE_CHAIN_JOURNAL_INT_H
#define LP_NODE_CHAIN_JOURNAL_INT_H
#include "base/list.h"
#include "base/log.h"
#include "node/chain/journal_db.h"
#include "node/chain/journal_step.h"
#include "node/chain/rpc.h"

/*
 * What the journal's files share.  The journal goes in rounds: load what is open, ask the
 * chain in one batch, then take one step for each intent that has one to take, one after the
 * other.  A round that changed something is followed by the next at once.
 */
#define ASK_DEADLINE_MS 10000
#define SOON_MS 1000			/* after an endpoint failed */
#define WAIT_MS 5000			/* after a replacement or a signing could not be */
#define POOR_MS 15000			/* until somebody may have paid money in */
#define RESEND_MS 30000
#define RESEND_MAX_MS (16 * 60000)
#define LOST_MS 1000			/* until what a node forgot is sent again; doubles too */
#define LOST_MAX_MS 4000
#define ILL_MS 3000			/* until what a node would not take is sent again */
#define UNCLEAR_MAX 20			/* simulations in a row that only failed at the node */

struct hot {
	struct list_node node;
	uint64_t id;
	struct row_hot h;
	int64_t send_wait_ms;		/* behind the next sending that was accepted */
	int64_t lost_wait_ms;		/* the same, when the node forgets it again */
	int64_t foreign_since_ms;	/* others' transactions were seen waiting; 0: none */
	unsigned n_unclear;
	bool who_noted;			/* one round's grace before STEP_WHO */
	bool seen;			/* in this round */
};

/* What the chain said of one entry in this round. */
struct facts {
	unsigned n_answered;		/* attempts whose receipt was told, or told not to be */
	bool has, lost;
	struct eth_receipt receipt;	/* when has */
};

struct who {
	uint64_t low, high;		/* the nonce was unused at low, and used at high */
};

struct journal {
	struct journal_opts o;
	uv_loop_t *loop;
	uv_timer_t timer;
	struct log log;
	struct log_limit log_limit;
	journal_explain_fn *explain;
	struct list watchers;		/* struct watcher.node */
	struct list hots;
	unsigned n_submits;		/* not yet on disk */
	size_t n_open;			/* not final, as last loaded */

	/* of the round */
	bool busy, again, progressed;
	struct journal_load load;
	uint64_t *more;			/* owned: ids in load.more */
	struct facts *facts;		/* owned; one for each entry */
	struct chain_now chain;
	unsigned n_deaf;		/* rounds in a row without an answer */
	size_t i;			/* the entry whose step is taken */

	/* of the step */
	struct rpc_batch *batch;	/* in flight, or NULL */
	struct journal_change change;
	struct journal_sign sign;
	struct who who;

	/* a gap below the first nonce that waits */
	uint64_t gap_nonce;
	int64_t gap_since_ms;		/* 0: none */
	struct journal_plan fill;

	unsigned n_writes;		/* at the store's thread */
	bool closing;
	void (*closed)(void *arg);
	void *closed_arg;
};

static inline struct journal_entry *journal_entry_now(struct journal *j)
{
	return &j->load.e[j->i];
}

struct hot *journal_hot(struct journal *j, uint64_t id);
void journal_crash_point(struct journal *j, const char *name);
/* One batch at a time; the calls' params are freed here. */
void journal_ask(struct journal *j, enum rpc_way way, struct rpc_call *calls, size_t n, rpc_done_cb *cb);
/* To the store's thread; both with arg j.  When it cannot be queued cb is not called, and false. */
bool journal_write(struct journal *j, store_fn *fn, store_done_cb *cb);
/* Every callback of the store begins with it: false when the journal is closing. */
bool journal_write_done(struct journal *j);
/* Rate-limited. */
void journal_complain(struct journal *j, const char *doing, const char *why);

/* Starts what step says for the entry; journal_step_end follows, now or later. */
void journal_step_begin(struct journal *j, enum journal_step step);
void journal_step_end(struct journal *j, bool changed);

/* Commit the entry in another state (or the same with another why), and end the step. */
void journal_commit(struct journal *j, enum tx_state to, const char *why);
/* The same with what the receipt, or j->change, says of block and hash. */
void journal_commit_mined(struct journal *j, enum tx_state to, const struct eth_receipt *r, const char *why);
void journal_commit_change(struct journal *j);
/* Begins a change of this entry that keeps all but what is set afterwards. */
void journal_change_init(struct journal *j, enum tx_state to, const char *why);
/* Sign with this offer, and end the step. */
void journal_sign(struct journal *j, const struct fee_offer *o, uint64_t gas, uint64_t count, bool cancels);
/* Nothing is done but to say why (when that is news), and to try again in so long. */
void journal_put_off(struct journal *j, int64_t ms, const char *why);
/* "simulation: reverted with ..." in words. */
void journal_explain(const struct journal *j, char to[200], const struct rpc_reply *r);

void journal_prepare(struct journal *j);	/* STEP_PREPARE */
void journal_confirm(struct journal *j);	/* STEP_CONFIRM */
void journal_find_user(struct journal *j);	/* STEP_WHO */

/* params of calls, malloc'ed */
char *journal_params_account(const struct journal *j, const char *block);
char *journal_params_block(uint64_t number, bool full);
char *journal_params_hash(const struct hash32 *hash);
/* block: a tag or NULL for none */
char *journal_params_call(const struct journal *j, const struct journal_row *row, uint64_t gas, const char *block);

#endif
