/*
 * The journal's rounds, and those who watch.  What is decided stands in journal_step, what
 * is written in journal_db, the steps themselves in journal_act, journal_prepare and
 * journal_who.
 *
 * Every round starts from the disk and not from memory: another process may drive the same
 * rows, and a restart is a round like any other.
 */
#include "node/chain/journal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "eth/tx.h"
#include "node/chain/journal_int.h"

#define POLL_MS 1000
#define ASK_MAX 100		/* calls of one look at the chain; below RPC_BATCH_MAX */
#define PATIENCE_MS 60000
#define SETTLING_POLLS 10	/* rounds are so much rarer when nothing waits any more */
#define DEAF_MAX 3		/* then watchers are told without the receipt */

struct watcher {
	struct list_node node;
	uint64_t id;		/* 0: not yet on disk */
	journal_cb *cb;		/* may be NULL */
	void *arg;
	bool told;
	enum tx_state state;	/* last told */
};

const char *tx_state_name(enum tx_state s)
{
	static const char *const names[] = {
		[TX_PLANNED] = "planned", [TX_SIGNED] = "signed", [TX_SENT] = "sent", [TX_MINED] = "mined",
		[TX_DONE] = "done", [TX_FAILED] = "failed", [TX_REFUSED] = "refused",
		[TX_CANCELLED] = "cancelled", [TX_DISPLACED] = "displaced",
	};

	return names[s];
}

bool tx_state_is_final(enum tx_state s)
{
	return s >= TX_DONE;
}

void journal_crash_point(struct journal *j, const char *name)
{
	if (j->o.step)
		j->o.step(j->o.step_arg, name);
}

void journal_complain(struct journal *j, const char *doing, const char *why)
{
	if (log_may(&j->log_limit, 6))
		log_warn(&j->log, "transactions wait: doing=\"%s\" why=\"%s\"", doing, why);
}

/* ---- closing ---- */

static void free_round(struct journal *j);

static void on_timer_closed(uv_handle_t *h)
{
	struct journal *j = h->data;
	void (*closed)(void *arg) = j->closed;
	void *arg = j->closed_arg;

	free_round(j);
	list_each(n, &j->watchers)
		free(list_entry(n, struct watcher, node));
	list_each(n, &j->hots)
		free(list_entry(n, struct hot, node));
	free(j);
	if (closed)
		closed(arg);
}

static void free_round(struct journal *j)
{
	for (size_t i = 0; j->facts && i < j->load.n; i++) {
		if (j->facts[i].has)
			eth_receipt_fini(&j->facts[i].receipt);
	}
	free(j->facts);
	j->facts = NULL;
	journal_load_fini(&j->load);
	free(j->more);
	j->more = NULL;
}

static void close_when_idle(struct journal *j)
{
	if (!j->closing || j->n_writes > 0)
		return;
	uv_close((uv_handle_t *)&j->timer, on_timer_closed);
}

void journal_free(struct journal *j, void (*closed)(void *arg), void *arg)
{
	if (!j || j->closing)
		return;
	j->closing = true;
	j->closed = closed;
	j->closed_arg = arg;
	uv_timer_stop(&j->timer);
	if (j->batch)
		rpc_cancel(j->batch);
	j->batch = NULL;
	close_when_idle(j);
}

/* ---- the store and the endpoints ---- */

bool journal_write(struct journal *j, store_fn *fn, store_done_cb *cb)
{
	struct err err = { 0 };

	if (store_submit(j->o.store, j->loop, fn, cb, j, &err) < 0) {
		journal_complain(j, "write", err.msg);
		return false;
	}
	j->n_writes++;
	return true;
}

bool journal_write_done(struct journal *j)
{
	j->n_writes--;
	close_when_idle(j);
	return !j->closing;
}

void journal_ask(struct journal *j, enum rpc_way way, struct rpc_call *calls, size_t n, rpc_done_cb *cb)
{
	assert(!j->batch);
	j->batch = rpc_send(j->o.rpc, way, calls, n, ASK_DEADLINE_MS, cb, j);
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)calls[i].params);
}

/* ---- what is known of a row in memory ---- */

struct hot *journal_hot(struct journal *j, uint64_t id)
{
	struct hot *hot;

	list_each(n, &j->hots) {
		hot = list_entry(n, struct hot, node);
		if (hot->id == id)
			return hot;
	}
	hot = xcalloc(1, sizeof(*hot));
	hot->id = id;
	hot->send_wait_ms = RESEND_MS;
	hot->lost_wait_ms = LOST_MS;
	list_add_tail(&j->hots, &hot->node);
	return hot;
}

/* The wall clock may have gone back since: then the patience begins anew. */
static int64_t patience_left(const struct journal *j, const struct tx_info *tx)
{
	int64_t age = clock_wall_ms() - tx->attempts[tx->n_attempts - 1].signed_ms;
	int64_t patience = (int64_t)j->o.patience_ms;

	return age < 0 ? patience : age > patience ? 0 : patience - age;
}

/* Those that are loaded, and those wished for but not yet loaded, stay. */
static void refresh_hots(struct journal *j)
{
	list_each(n, &j->hots)
		list_entry(n, struct hot, node)->seen = false;
	for (size_t i = 0; i < j->load.n; i++) {
		const struct tx_info *tx = &j->load.e[i].row.tx;
		struct hot *hot = journal_hot(j, tx->id);

		hot->seen = true;
		if (tx->n_attempts > 0 && hot->h.bump_ms == 0)
			hot->h.bump_ms = clock_mono_ms() + patience_left(j, tx);
	}
	list_each(n, &j->hots) {
		struct hot *hot = list_entry(n, struct hot, node);

		if (hot->seen || hot->h.want_cancel || hot->h.want_dearer)
			continue;
		list_remove(&hot->node);
		free(hot);
	}
}

/* ---- watching ---- */

static const struct journal_entry *find_entry(const struct journal *j, uint64_t id)
{
	for (size_t i = 0; i < j->load.n; i++) {
		if (j->load.e[i].row.tx.id == id)
			return &j->load.e[i];
	}
	return NULL;
}

/* The receipt that the row notes; NULL when the chain did not tell it in this round. */
static const struct eth_receipt *receipt_of(const struct journal *j, const struct journal_entry *e)
{
	const struct facts *f = j->facts ? &j->facts[e - j->load.e] : NULL;
	enum tx_state s = e->row.tx.state;

	if (!f || !f->has || (s != TX_MINED && s != TX_DONE && s != TX_FAILED))
		return NULL;
	return journal_receipt_is_news(&e->row.tx, &f->receipt) ? NULL : &f->receipt;
}

static bool waits_for_receipt(const struct journal *j, const struct journal_entry *e)
{
	enum tx_state s = e->row.tx.state;

	return (s == TX_MINED || s == TX_DONE || s == TX_FAILED) && !receipt_of(j, e) && j->n_deaf < DEAF_MAX &&
	       !j->chain.known;
}

static void tell(struct journal *j, struct watcher *w, const struct journal_entry *e)
{
	struct watcher now = *w;

	w->told = true;
	w->state = e->row.tx.state;
	if (tx_state_is_final(w->state)) {
		list_remove(&w->node);
		free(w);
	}
	if (now.cb)
		now.cb(now.arg, &e->row.tx, receipt_of(j, e));
}

/* A callback may free the journal: its memory stays until the loop has closed the timer. */
static void tell_watchers(struct journal *j)
{
	list_each(n, &j->watchers) {
		struct watcher *w = list_entry(n, struct watcher, node);
		const struct journal_entry *e = w->id ? find_entry(j, w->id) : NULL;

		if (!e || (w->told && w->state == e->row.tx.state) || waits_for_receipt(j, e))
			continue;
		tell(j, w, e);
		if (j->closing)
			return;
	}
}

static struct watcher *watcher_new(struct journal *j, uint64_t id, journal_cb *cb, void *arg)
{
	struct watcher *w = xcalloc(1, sizeof(*w));

	w->id = id;
	w->cb = cb;
	w->arg = arg;
	list_add_tail(&j->watchers, &w->node);
	return w;
}

/* ---- a round: load ---- */

static void start_round(struct journal *j);

static void on_timer(uv_timer_t *t)
{
	start_round(t->data);
}

static bool is_quiet(const struct journal *j)
{
	for (size_t i = 0; i < j->load.n; i++) {
		if (!tx_state_is_final(j->load.e[i].row.tx.state))
			return false;
	}
	return j->load.n > 0;
}

static void end_round(struct journal *j)
{
	uint64_t wait = is_quiet(j) ? SETTLING_POLLS * j->o.poll_ms : j->o.poll_ms;

	free_round(j);
	j->busy = false;
	if (j->closing)
		return;
	uv_timer_start(&j->timer, on_timer, j->again || j->progressed ? 0 : wait, 0);
}

static void wake(struct journal *j)
{
	j->again = true;
	if (!j->busy && !j->closing)
		uv_timer_start(&j->timer, on_timer, 0, 0);
}

static void count_open(struct journal *j)
{
	j->n_open = 0;
	for (size_t i = 0; i < j->load.n; i++)
		j->n_open += !tx_state_is_final(j->load.e[i].row.tx.state);
}

static void ask_chain(struct journal *j);

static void on_loaded(void *arg, const struct err *err)
{
	struct journal *j = arg;

	if (!journal_write_done(j))
		return;
	if (err) {
		journal_complain(j, "read the journal", err->msg);
		end_round(j);
		return;
	}
	count_open(j);
	refresh_hots(j);
	if (j->load.n > 0) {
		j->facts = xcalloc(j->load.n, sizeof(*j->facts));
		ask_chain(j);
	} else {
		end_round(j);
	}
}

/* Watched ones that are open no more. */
static void want_watched(struct journal *j)
{
	size_t n = 0;

	list_each(node, &j->watchers)
		n++;
	j->more = xcalloc(n + 1, sizeof(*j->more));
	j->load = (struct journal_load){ .account = j->o.account, .chain_id = j->o.chain_id, .more = j->more };
	list_each(node, &j->watchers) {
		uint64_t id = list_entry(node, struct watcher, node)->id;
		bool is_new = id != 0;

		for (size_t i = 0; i < j->load.n_more; i++)
			is_new = is_new && j->more[i] != id;
		if (is_new)
			j->more[j->load.n_more++] = id;
	}
}

static int run_load(struct store_txn *t, void *arg, struct err *err)
{
	struct journal *j = arg;

	return journal_db_load(t, &j->load, err);
}

static void start_round(struct journal *j)
{
	if (j->busy || j->closing)
		return;
	j->busy = true;
	j->again = j->progressed = false;
	j->chain = (struct chain_now){ 0 };
	want_watched(j);
	if (!journal_write(j, run_load, on_loaded))
		end_round(j);
}

/* ---- a round: ask ---- */

enum { ASK_BLOCK, ASK_COUNT, ASK_TIP, ASK_PRICE, N_ASK };

/* Calls about an entry: its receipts, and whether what was sent is still known. */
static size_t n_calls(const struct tx_info *tx)
{
	return tx->n_attempts + (tx->state == TX_SENT);
}

static size_t add_calls_about(const struct tx_info *tx, struct rpc_call *calls, size_t n)
{
	for (size_t k = 0; k < tx->n_attempts; k++)
		calls[n++] = (struct rpc_call){ "eth_getTransactionReceipt",
						journal_params_hash(&tx->attempts[k].hash) };
	if (tx->state == TX_SENT)
		calls[n++] = (struct rpc_call){ "eth_getTransactionByHash",
						journal_params_hash(&tx->attempts[tx->n_attempts - 1].hash) };
	return n;
}

/* Which entries are asked for: those that wait first, settling ones if there is room in the
 * batch. */
static size_t add_receipts(struct journal *j, struct rpc_call *calls, size_t n, bool final)
{
	for (size_t i = 0; i < j->load.n; i++) {
		const struct tx_info *tx = &j->load.e[i].row.tx;

		if (tx_state_is_final(tx->state) == final && n + n_calls(tx) <= ASK_MAX)
			n = add_calls_about(tx, calls, n);
	}
	return n;
}

static void on_chain(void *arg, struct rpc_reply *r, size_t n, const struct err *err);

static void ask_chain(struct journal *j)
{
	struct rpc_call calls[ASK_MAX] = {
		[ASK_BLOCK] = { "eth_getBlockByNumber", xstrdup("[\"latest\",false]") },
		[ASK_COUNT] = { "eth_getTransactionCount", journal_params_account(j, "latest") },
		[ASK_TIP] = { "eth_maxPriorityFeePerGas", xstrdup("[]") },
		[ASK_PRICE] = { "eth_gasPrice", xstrdup("[]") },
	};
	size_t n = add_receipts(j, calls, N_ASK, false);

	n = add_receipts(j, calls, n, true);
	journal_ask(j, RPC_ANY, calls, n, on_chain);
}

/* A node that suggests no tip leaves it to our least; one without a price is no old chain's. */
static int read_market(struct journal *j, const struct eth_header *h, const struct rpc_reply *r, struct err *err)
{
	struct fee_market *m = &j->chain.market;

	m->legacy = j->o.legacy || !h->has_base_fee;
	m->base_fee = h->base_fee;
	if (m->legacy)
		return rpc_u256(&m->tip, r[ASK_PRICE].result, "eth_gasPrice", err);
	if (!r[ASK_TIP].result || rpc_u256(&m->tip, r[ASK_TIP].result, "tip", NULL) < 0)
		m->tip = u256_zero;
	return 0;
}

static int read_chain(struct journal *j, const struct rpc_reply *r, struct err *err)
{
	struct eth_header h;

	for (int i = ASK_BLOCK; i <= ASK_COUNT; i++) {
		if (!r[i].result)
			return err_set(err, ERR_IO, "the node says: %.150s", r[i].message);
	}
	if (rpc_header(&h, r[ASK_BLOCK].result, err) < 0 || read_market(j, &h, r, err) < 0 ||
	    rpc_u64(&j->chain.block_gas, json_object_get(r[ASK_BLOCK].result, "gasLimit"), "gasLimit", err) < 0 ||
	    rpc_u64(&j->chain.count, r[ASK_COUNT].result, "transaction count", err) < 0)
		return -1;
	j->chain.head = h.number;
	j->chain.known = true;
	return 0;
}

/* A receipt of another transaction than was asked for is no answer. */
static void read_receipt(struct facts *f, const struct hash32 *hash, const struct rpc_reply *r)
{
	struct eth_receipt got;

	if (!r->result)
		return;
	if (json_is_null(r->result)) {
		f->n_answered++;
		return;
	}
	if (rpc_receipt(&got, r->result, NULL) < 0)
		return;
	if (f->has || memcmp(got.tx_hash.b, hash->b, sizeof(hash->b)) != 0) {
		eth_receipt_fini(&got);
		return;
	}
	f->n_answered++;
	f->has = true;
	f->receipt = got;
}

static bool is_null(const struct rpc_reply *r)
{
	return json_is_null(r->result);
}

/* In the order of add_receipts. */
static size_t read_receipts(struct journal *j, const struct rpc_reply *r, size_t n, bool final)
{
	for (size_t i = 0; i < j->load.n; i++) {
		const struct tx_info *tx = &j->load.e[i].row.tx;

		if (tx_state_is_final(tx->state) != final || n + n_calls(tx) > ASK_MAX)
			continue;
		for (size_t k = 0; k < tx->n_attempts; k++)
			read_receipt(&j->facts[i], &tx->attempts[k].hash, &r[n++]);
		if (tx->state == TX_SENT)
			j->facts[i].lost = is_null(&r[n++]);
	}
	return n;
}

static bool was_asked(const struct journal *j, size_t i)
{
	return j->facts[i].n_answered == j->load.e[i].row.tx.n_attempts;
}

static void count_missing(struct journal *j)
{
	for (size_t i = 0; i < j->load.n; i++) {
		struct hot *hot = journal_hot(j, j->load.e[i].row.tx.id);

		if (j->facts[i].has)
			hot->h.n_missing = 0;
		else if (was_asked(j, i))
			hot->h.n_missing++;
	}
}

static void next_step(struct journal *j);
static bool fill_gap(struct journal *j);

static void on_chain(void *arg, struct rpc_reply *r, size_t n, const struct err *err)
{
	struct journal *j = arg;
	struct err bad = { 0 };

	j->batch = NULL;
	if (err || read_chain(j, r, &bad) < 0) {
		journal_complain(j, "ask the chain", err ? err->msg : bad.msg);
		j->n_deaf++;
	} else {
		j->n_deaf = 0;
		read_receipts(j, r, read_receipts(j, r, N_ASK, false), true);
		count_missing(j);
	}
	tell_watchers(j);
	j->i = 0;
	if (!j->closing && !fill_gap(j))
		next_step(j);
}

/* ---- a round: act ---- */

static void next_step(struct journal *j)
{
	struct step_rules rules = { .can_sign = j->o.key != NULL, .depth = j->o.depth };

	while (j->i < j->load.n) {
		const struct journal_entry *e = journal_entry_now(j);
		const struct facts *f = &j->facts[j->i];
		struct row_told told = { was_asked(j, j->i), f->has ? &f->receipt : NULL, f->lost };
		enum journal_step step = journal_step(&e->row, &journal_hot(j, e->row.tx.id)->h, &j->chain,
						      &told, &rules, clock_mono_ms());

		if (step != STEP_WAIT) {
			journal_step_begin(j, step);
			return;
		}
		j->i++;
	}
	end_round(j);
}

void journal_step_end(struct journal *j, bool changed)
{
	j->progressed |= changed;
	j->i++;
	next_step(j);
}

/* ---- gaps ----
 * Nonces are given without gaps.  One can open all the same below what waits: the account was
 * used by another program too and a reorganisation took its transaction away, or an endpoint
 * lied about the count.  When it stays for as long as a replacement would wait, it is filled:
 * with the transaction of ours that had the nonce, however long ago, or with nothing to
 * oneself. */

static bool is_gap(const struct journal *j)
{
	bool waits = false;

	for (size_t i = 0; i < j->load.n; i++) {
		const struct tx_info *tx = &j->load.e[i].row.tx;

		if (tx->has_nonce && tx->nonce == j->chain.count)
			return false;
		waits |= (tx->state == TX_SIGNED || tx->state == TX_SENT) && tx->nonce > j->chain.count;
	}
	return j->chain.known && j->o.key && waits;
}

static void on_filled(void *arg, const struct err *err)
{
	struct journal *j = arg;

	if (!journal_write_done(j))
		return;
	if (err)
		journal_complain(j, "fill a gap of nonces", err->msg);
	j->again = true;
	next_step(j);
}

static int run_fill(struct store_txn *t, void *arg, struct err *err)
{
	struct journal *j = arg;

	return journal_db_fill(t, &j->fill, err);
}

static bool fill_gap(struct journal *j)
{
	struct tx_info *tx = &j->fill.row.tx;
	int64_t now = clock_mono_ms();

	if (!is_gap(j)) {
		j->gap_since_ms = 0;
		return false;
	}
	if (j->gap_since_ms == 0 || j->gap_nonce != j->chain.count) {
		j->gap_since_ms = now;
		j->gap_nonce = j->chain.count;
	}
	if (now - j->gap_since_ms < (int64_t)j->o.patience_ms)
		return false;
	j->gap_since_ms = now;
	j->fill = (struct journal_plan){ .row = { .chain_id = j->o.chain_id, .gas = 21000 } };
	tx->from = tx->to = j->o.account;
	tx->has_nonce = true;
	tx->nonce = j->gap_nonce;
	tx->created_ms = clock_wall_ms();
	snprintf(tx->key, sizeof(tx->key), "fill/%" PRIu64, tx->nonce);
	snprintf(tx->what, sizeof(tx->what), "fill the gap at nonce %" PRIu64 " with nothing", tx->nonce);
	log_warn(&j->log, "a gap below waiting transactions is filled: nonce=%" PRIu64, tx->nonce);
	return journal_write(j, run_fill, on_filled);
}

/* ---- what callers do ---- */

struct submit {
	struct journal_plan plan;
	struct journal *j;
	struct watcher *w;
};

static int run_plan(struct store_txn *t, void *arg, struct err *err)
{
	struct submit *s = arg;

	return journal_db_plan(t, &s->plan, err);
}

static void submit_free(struct submit *s)
{
	journal_row_fini(&s->plan.row);
	free(s);
}

/* The disk would not take it: it was never sent, and never will be. */
static void tell_not_kept(struct watcher *w, struct tx_info *tx, const struct err *err)
{
	struct watcher now = *w;

	list_remove(&w->node);
	free(w);
	tx->id = 0;
	tx->state = TX_REFUSED;
	snprintf(tx->why, sizeof(tx->why), "%s", err->msg);
	if (now.cb)
		now.cb(now.arg, tx, NULL);
}

static void on_planned(void *arg, const struct err *err)
{
	struct submit *s = arg;
	struct journal *j = s->j;

	j->n_submits--;
	if (journal_write_done(j)) {
		if (err) {
			tell_not_kept(s->w, &s->plan.row.tx, err);
		} else {
			s->w->id = s->plan.row.tx.id;
			journal_crash_point(j, "planned");
			wake(j);
		}
	}
	submit_free(s);
}

static int check_text(const char *name, const char *s, size_t max, struct err *err)
{
	size_t n = strlen(s);

	if (n == 0 || n > max)
		return err_set(err, ERR_INVALID, "intent: %s of %zu bytes, 1 to %zu", name, n, max);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return err_set(err, ERR_INVALID, "intent: a control character in %s", name);
	}
	return 0;
}

static int check_intent(const struct journal *j, const struct intent *i, struct err *err)
{
	if (!j->o.key)
		return err_set(err, ERR_INVALID, "the journal was opened without a key");
	if (check_text("key", i->key, JOURNAL_KEY_MAX, err) < 0 ||
	    check_text("what", i->what, JOURNAL_WHAT_MAX, err) < 0)
		return -1;
	if (i->n_data > TX_DATA_MAX)
		return err_set(err, ERR_INVALID, "intent: %zu bytes of data, at most %d", i->n_data, TX_DATA_MAX);
	if (i->gas > TX_GAS_MAX)
		return err_set(err, ERR_INVALID, "intent: %" PRIu64 " gas, the network takes at most %u", i->gas,
			       TX_GAS_MAX);
	if (j->n_open + j->n_submits >= JOURNAL_OPEN_MAX)
		return err_set(err, ERR_BUSY, "%d transactions are under way already", JOURNAL_OPEN_MAX);
	return 0;
}

static void plan_intent(struct journal_row *row, const struct journal *j, const struct intent *i)
{
	struct tx_info *tx = &row->tx;

	row->chain_id = j->o.chain_id;
	row->gas = i->gas;
	row->until_block = i->until_block;
	tx->state = TX_PLANNED;
	tx->creates = i->creates;
	tx->from = j->o.account;
	if (!i->creates)
		tx->to = i->to;
	tx->value = i->value;
	tx->created_ms = clock_wall_ms();
	snprintf(tx->key, sizeof(tx->key), "%s", i->key);
	snprintf(tx->what, sizeof(tx->what), "%s", i->what);
	if (i->n_data == 0)
		return;
	row->data = xmalloc(i->n_data);
	memcpy(row->data, i->data, i->n_data);
	row->n_data = i->n_data;
}

int journal_submit(struct journal *j, const struct intent *i, journal_cb *cb, void *arg,
		   struct err *err)
{
	struct submit *s;

	if (check_intent(j, i, err) < 0)
		return -1;
	s = xcalloc(1, sizeof(*s));
	s->j = j;
	plan_intent(&s->plan.row, j, i);
	journal_crash_point(j, "planning");
	if (store_submit(j->o.store, j->loop, run_plan, on_planned, s, err) < 0) {
		submit_free(s);
		return -1;
	}
	s->w = watcher_new(j, 0, cb, arg);
	j->n_writes++;
	j->n_submits++;
	return 0;
}

/* One of this account.  A short read on the loop: what a person asks is answered at once. */
static int get_own(struct journal *j, uint64_t id, struct tx_info *tx, struct err *err)
{
	if (journal_get(j->o.store, id, tx, err) < 0)
		return -1;
	return eth_addr_equal(&tx->from, &j->o.account) ? 0 :
	       err_set(err, ERR_NOT_FOUND, "transaction %" PRIu64 " is of another account", id);
}

int journal_watch(struct journal *j, uint64_t id, journal_cb *cb, void *arg, struct err *err)
{
	struct tx_info *tx = xcalloc(1, sizeof(*tx));
	int rc = get_own(j, id, tx, err);

	free(tx);
	if (rc < 0)
		return -1;
	watcher_new(j, id, cb, arg);
	wake(j);
	return 0;
}

static int check_wish(struct journal *j, const struct tx_info *tx, bool cancel, struct err *err)
{
	const struct fee_market nothing = { 0 };
	struct fee_offer next;

	if (!j->o.key)
		return err_set(err, ERR_INVALID, "the journal was opened without a key");
	if (tx->state == TX_PLANNED && cancel)
		return 0;
	if (tx->state != TX_SIGNED && tx->state != TX_SENT)
		return err_set(err, ERR_INVALID, "transaction %" PRIu64 " is %s: there is nothing to replace",
			       tx->id, tx_state_name(tx->state));
	if (tx->n_attempts == JOURNAL_ATTEMPTS_MAX)
		return err_set(err, ERR_LIMIT, "transaction %" PRIu64 " was replaced %d times already", tx->id,
			       JOURNAL_ATTEMPTS_MAX - 1);
	return fee_bump(&next, &tx->attempts[tx->n_attempts - 1].offer, &j->o.fees, &nothing, err);
}

static int wish(struct journal *j, uint64_t id, bool cancel, struct err *err)
{
	struct tx_info *tx = xcalloc(1, sizeof(*tx));
	int rc = get_own(j, id, tx, err);
	struct hot *hot;

	if (rc == 0)
		rc = check_wish(j, tx, cancel, err);
	free(tx);
	if (rc < 0)
		return -1;
	hot = journal_hot(j, id);
	hot->h.want_cancel |= cancel;
	hot->h.want_dearer |= !cancel;
	hot->h.try_ms = 0;
	wake(j);
	return 0;
}

int journal_speed_up(struct journal *j, uint64_t id, struct err *err)
{
	return wish(j, id, false, err);
}

int journal_cancel(struct journal *j, uint64_t id, struct err *err)
{
	return wish(j, id, true, err);
}

void journal_explain_with(struct journal *j, journal_explain_fn *fn)
{
	j->explain = fn;
}

static void set_defaults(struct journal_opts *o)
{
	if (!o->poll_ms)
		o->poll_ms = POLL_MS;
	if (!o->patience_ms)
		o->patience_ms = PATIENCE_MS;
	if (!o->depth)
		o->depth = 1;
}

static int run_check(struct store_txn *t, void *load, struct err *err)
{
	return journal_db_load(t, load, err);
}

/* Before the loop runs: rows that cannot be read are found at once. */
static int check_rows(const struct journal_opts *o, size_t *n_open, struct err *err)
{
	struct journal_load load = { .account = o->account, .chain_id = o->chain_id };

	if (store_read(o->store, run_check, &load, err) < 0)
		return -1;
	*n_open = 0;
	for (size_t i = 0; i < load.n; i++)
		*n_open += !tx_state_is_final(load.e[i].row.tx.state);
	journal_load_fini(&load);
	return 0;
}

struct journal *journal_new(uv_loop_t *loop, const struct journal_opts *opts, struct err *err)
{
	struct journal *j;
	size_t n_open;

	if (check_rows(opts, &n_open, err) < 0)
		return NULL;
	j = xcalloc(1, sizeof(*j));
	j->o = *opts;
	j->loop = loop;
	j->n_open = n_open;
	set_defaults(&j->o);
	log_init(&j->log, "room=journal");
	list_init(&j->watchers);
	list_init(&j->hots);
	uv_timer_init(loop, &j->timer);
	j->timer.data = j;
	uv_timer_start(&j->timer, on_timer, 0, 0);
	return j;
}
