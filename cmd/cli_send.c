/*
 * From a plan to transactions that are done: what happens and what it costs is told before
 * anything is sent; the journal sends; what the chain said of it is told afterwards.
 *
 * An intent's key ends with the number that the journal's next transaction will have: no two
 * intents share one, and two processes that begin at the same time do.  While the same intent
 * is under way it is joined, so that a command typed again after a Ctrl-C sends nothing twice;
 * done, it is joined too while nobody was told of it (cmd/cli_asked.c).
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cmd/cli_internal.h"
#include "node/chain/rpc.h"
#include "node/store/store.h"

#define LOOK_BACK 1024		/* transactions among which one under way is looked for */
#define PROGRESS_MS 1000

/* ---- asking ---- */

int cli_ask_to_send(struct cli *c, struct err *err)
{
	if (c->o.yes)
		return 0;
	if (c->o.json || !isatty(STDIN_FILENO)) {
		err_set(err, ERR_INVALID, "nobody to ask: add --yes to send it");
		return 2;
	}
	if (cli_confirm(c, "Send?"))
		return 0;
	err_set(err, ERR_DENIED, "nothing was sent");
	return 3;
}

/* ---- waiting ---- */

struct waiting {
	struct cli *c;
	struct tx_info tx;
	bool done;		/* stop running the loop */
	bool final, timed_out;
	bool tty;		/* standard error is one: a line that changes */
	int64_t since_ms;
	uv_timer_t deadline, progress;
	uv_signal_t signals[2];
	int n_open;		/* handles */
	bool closed;
};

static void show_progress(struct waiting *w, bool changed)
{
	int64_t s = (clock_mono_ms() - w->since_ms) / 1000;
	struct buf b;

	/* In a log a line each when it is out and when it is in a block; the end is told later. */
	if (!w->tx.id || (!w->tty && !(changed && (w->tx.state == TX_SENT || w->tx.state == TX_MINED))))
		return;
	buf_init(&b, 4096);
	buf_addf(&b, "#%" PRIu64 " ", w->tx.id);
	cli_add_clean(&b, w->tx.what, false);
	buf_addf(&b, ": %s, %" PRId64 " s", tx_state_name(w->tx.state), s);
	if (*w->tx.why) {
		buf_add_str(&b, ", ");
		cli_add_clean(&b, w->tx.why, false);
	}
	fprintf(stderr, "%s%s%s", w->tty ? "\r" : "", buf_cstr(&b), w->tty ? "\033[K" : "\n");
	buf_fini(&b);
}

static void on_tx(void *arg, const struct tx_info *tx, const struct eth_receipt *receipt)
{
	struct waiting *w = arg;
	bool changed = !w->tx.id || w->tx.state != tx->state;

	w->tx = *tx;
	show_progress(w, changed);
	if (tx_state_is_final(tx->state))
		w->final = w->done = true;
}

static void on_deadline(uv_timer_t *t)
{
	struct waiting *w = t->data;

	w->timed_out = w->done = true;
}

static void on_progress(uv_timer_t *t)
{
	show_progress(t->data, false);
}

static void on_interrupt(uv_signal_t *s, int signum)
{
	struct waiting *w = s->data;

	w->timed_out = w->done = true;
}

static void start_waiting(struct waiting *w, struct cli *c)
{
	static const int signums[] = { SIGINT, SIGTERM };
	size_t i;

	memset(w, 0, sizeof(*w));
	w->c = c;
	w->tty = isatty(STDERR_FILENO);
	w->since_ms = clock_mono_ms();
	w->n_open = 4;
	uv_timer_init(&c->loop, &w->deadline);
	uv_timer_init(&c->loop, &w->progress);
	w->deadline.data = w->progress.data = w;
	uv_timer_start(&w->deadline, on_deadline, c->o.wait_ms, 0);
	uv_timer_start(&w->progress, on_progress, PROGRESS_MS, PROGRESS_MS);
	for (i = 0; i < 2; i++) {
		uv_signal_init(&c->loop, &w->signals[i]);
		w->signals[i].data = w;
		uv_signal_start(&w->signals[i], on_interrupt, signums[i]);
	}
}

static void on_handle_closed(uv_handle_t *h)
{
	struct waiting *w = h->data;

	w->closed = --w->n_open == 0;
}

static void stop_waiting(struct waiting *w)
{
	uv_close((uv_handle_t *)&w->deadline, on_handle_closed);
	uv_close((uv_handle_t *)&w->progress, on_handle_closed);
	uv_close((uv_handle_t *)&w->signals[0], on_handle_closed);
	uv_close((uv_handle_t *)&w->signals[1], on_handle_closed);
	cli_run_until(w->c, &w->closed);
	if (w->tty && w->tx.id)
		fputs("\r\033[K", stderr);
}

/* The exit code that a transaction's end means. */
static int judge(const struct tx_info *tx, bool timed_out, struct err *err)
{
	if (tx->state == TX_DONE)
		return 0;
	if (timed_out) {
		err_set(err, ERR_TIMEOUT, "#%" PRIu64 " is %s%s%s%s, not done yet: it goes on with `lpnode tx wait %" PRIu64
			"`", tx->id, tx_state_name(tx->state), *tx->why ? " (" : "", tx->why, *tx->why ? ")" : "", tx->id);
		return 5;
	}
	err_set(err, ERR_DENIED, "%.60s: %s%s%s", tx->what, tx_state_name(tx->state), *tx->why ? ": " : "", tx->why);
	return tx->state == TX_REFUSED ? 3 : 4;
}

/* Runs until the transaction that cb reports on is final; begin starts it. */
static int wait_for(struct cli *c, const struct intent *begin, uint64_t id, struct cli_wait_result *r,
		    struct err *err)
{
	struct waiting w;
	int rc;

	start_waiting(&w, c);
	rc = begin ? journal_submit(c->journal, begin, on_tx, &w, err) : journal_watch(c->journal, id, on_tx, &w, err);
	if (rc == 0)
		cli_run_until(c, &w.done);
	stop_waiting(&w);
	if (rc < 0)
		return 1;
	r->tx = w.tx;
	r->timed_out = !w.final;
	/* A replacement since then is told, although its state is the same. */
	if (!w.final && w.tx.id)
		journal_get(c->store, w.tx.id, &r->tx, NULL);
	if (!w.final && !w.tx.id) {
		err_set(err, ERR_TIMEOUT, "nothing was heard of it: see `lpnode tx list`");
		return 5;
	}
	if (!w.tx.id) {
		err_set(err, ERR_IO, "nothing was sent: %s", w.tx.why);
		return 1;
	}
	return judge(&r->tx, !w.final, err);
}

int cli_wait_tx(struct cli *c, uint64_t id, struct cli_wait_result *r, struct err *err)
{
	return wait_for(c, NULL, id, r, err);
}

/* ---- sending ---- */

json_t *cli_json_tx(const struct tx_info *tx)
{
	json_t *o = json_object();
	struct u256 gas = u256_of(tx->gas_used), cost;
	bool mined = tx->block != 0;

	json_object_set_new(o, "id", json_integer((json_int_t)tx->id));
	json_object_set_new(o, "what", json_string(tx->what));
	json_object_set_new(o, "state", json_string(tx_state_name(tx->state)));
	json_object_set_new(o, "from", cli_json_addr(&tx->from));
	json_object_set_new(o, "to", tx->creates ? json_null() : cli_json_addr(&tx->to));
	json_object_set_new(o, "value", cli_json_amount(&tx->value));
	json_object_set_new(o, "nonce", tx->has_nonce ? json_integer((json_int_t)tx->nonce) : json_null());
	json_object_set_new(o, "hash", mined ? cli_json_hash(&tx->tx_hash) : tx->n_attempts ?
			    cli_json_hash(&tx->attempts[tx->n_attempts - 1].hash) : json_null());
	json_object_set_new(o, "block", mined ? json_integer((json_int_t)tx->block) : json_null());
	json_object_set_new(o, "gasUsed", mined ? json_integer((json_int_t)tx->gas_used) : json_null());
	json_object_set_new(o, "gasPrice", mined ? cli_json_amount(&tx->gas_price) : json_null());
	json_object_set_new(o, "cost", mined && u256_mul(&cost, &gas, &tx->gas_price) ? cli_json_amount(&cost) :
			    json_null());
	json_object_set_new(o, "why", *tx->why ? json_string(tx->why) : json_null());
	return o;
}

/* Begins with base and "/". */
static bool has_base(const char *key, const char *base)
{
	size_t n = strlen(base);

	return strncmp(key, base, n) == 0 && key[n] == '/' && !strchr(key + n + 1, '/');
}

/* What the journal has, the newest first, and the plan that is being sent. */
struct sending {
	struct cli *c;
	const struct cli_plan *plan;
	struct tx_info *list;
	size_t n;
};

static char *base_of(const struct sending *s, size_t i)
{
	char addr[43];

	eth_addr_fmt(addr, &s->c->account);
	return xasprintf("%s/%s", addr, s->plan->tx[i].key);
}

/* What this command has asked for in the plan's place before it was cut off, unless that came to
 * nothing. */
static const struct tx_info *asked_before(const struct sending *s, size_t i)
{
	const struct tx_info *found = NULL;
	char *base = base_of(s, i);
	size_t k;

	for (k = 0; k < s->n && !found; k++) {
		const struct tx_info *tx = &s->list[k];

		if ((tx->state == TX_DONE || !tx_state_is_final(tx->state)) && cli_asked_has(s->c->asked, tx->key) &&
		    has_base(tx->key, base) && strcmp(tx->what, s->plan->tx[i].what) == 0)
			found = tx;
	}
	free(base);
	return found;
}

/*
 * Done, and nobody was told.  An approval is used up by what comes behind it: when none of that was
 * begun and it is needed again, it was used by something else.
 */
static const struct tx_info *done_before(const struct sending *s, size_t i)
{
	const struct tx_info *tx = asked_before(s, i);
	bool used = strncmp(s->plan->tx[i].key, "approve/", 8) != 0;

	if (!tx || tx->state != TX_DONE)
		return NULL;
	while (!used && ++i < s->plan->n)
		used = asked_before(s, i);
	return used ? tx : NULL;
}

/* The same while it is under way, into *key; exit code 3 when another one of its kind is. */
static int find_open(char **key, const struct sending *s, size_t i, const char *base, struct err *err)
{
	size_t k;

	for (k = 0; k < s->n; k++) {
		const struct tx_info *tx = &s->list[k];

		if (tx_state_is_final(tx->state) || !has_base(tx->key, base))
			continue;
		if (strcmp(tx->what, s->plan->tx[i].what) == 0) {
			*key = xstrdup(tx->key);
			cli_say(s->c, "#%" PRIu64 " is the same and under way (%s): waiting for it", tx->id,
				tx_state_name(tx->state));
			return 0;
		}
		err_set(err, ERR_DENIED, "#%" PRIu64 " is under way (%.60s): wait for it with `lpnode tx wait %" PRIu64
			"`, or give it up with `lpnode tx cancel %" PRIu64 "`", tx->id, tx->what, tx->id, tx->id);
		return 3;
	}
	return 0;
}

/* The key to send under: of the same intent while it is under way, or done and not told of; else a
 * new one. */
static int choose_in(char **key, const struct sending *s, size_t i, struct err *err)
{
	const struct tx_info *done = done_before(s, i);
	char *base;
	int rc;

	if (done) {
		cli_say(s->c, "#%" PRIu64 " %s was done before `lpnode %s` was cut off: it is not sent again", done->id,
			done->what, s->c->command->name);
		*key = xstrdup(done->key);
		return 0;
	}
	base = base_of(s, i);
	rc = find_open(key, s, i, base, err);
	if (rc == 0 && !*key)
		*key = xasprintf("%s/%" PRIu64, base, s->n ? s->list[0].id + 1 : 1);
	free(base);
	return rc;
}

static int choose_key(char **key, struct cli *c, const struct cli_plan *plan, size_t i, struct err *err)
{
	struct sending s = { .c = c, .plan = plan, .list = xcalloc(LOOK_BACK, sizeof(*s.list)) };
	struct err why = { 0 };
	int rc;

	*key = NULL;
	s.n = journal_list(c->store, &c->account, s.list, LOOK_BACK, &why);
	if (why.code)
		*err = why;
	rc = why.code ? 1 : choose_in(key, &s, i, err);
	free(s.list);
	return rc == 0 ? cli_asked_add(c, *key, i + 1 == plan->n, err) : rc;
}

static int fetch_receipt(struct cli *c, const struct tx_info *tx, struct eth_receipt *receipt, struct err *err)
{
	json_t *hash = cli_json_hash(&tx->tx_hash);
	char *params = xasprintf("[\"%s\"]", json_string_value(hash));
	struct rpc_call call = { "eth_getTransactionReceipt", params };
	struct rpc_reply r;
	int rc = cli_rpc(c, &call, 1, &r, err);

	if (rc == 0 && !r.result)
		rc = cli_refused(&r, "receipt", err);
	else if (rc == 0 && rpc_receipt(receipt, r.result, err) < 0)
		rc = 1;
	rpc_reply_fini(&r);
	free(params);
	json_decref(hash);
	return rc;
}

static void tell_end(struct cli *c, const struct tx_info *tx, json_t *list)
{
	char a[100], b[100];
	struct u256 gas = u256_of(tx->gas_used), cost;

	json_array_append_new(list, cli_json_tx(tx));
	if (tx->state == TX_DONE && u256_mul(&cost, &gas, &tx->gas_price))
		cli_say(c, "#%" PRIu64 " %s: done in block %" PRIu64 ", %" PRIu64 " gas at %s, %s", tx->id, tx->what,
			tx->block, tx->gas_used, cli_fmt_gwei(a, &tx->gas_price), cli_fmt_amount(b, &cost, UNIT_ETH));
}

static int send_one(struct cli *c, const struct cli_plan *plan, size_t i, struct eth_receipt *receipt, json_t *list,
		    struct err *err)
{
	const struct cli_plan_tx *tx = &plan->tx[i];
	struct intent in = {
		.what = tx->what, .creates = tx->creates, .to = tx->to, .value = tx->value,
		.data = tx->data.data, .n_data = tx->data.len, .gas = tx->gas,
	};
	struct cli_wait_result *r = xcalloc(1, sizeof(*r));
	char *key;
	int rc = choose_key(&key, c, plan, i, err);

	in.key = key;
	if (rc == 0) {
		rc = wait_for(c, &in, 0, r, err);
		if (r->tx.id)
			tell_end(c, &r->tx, list);
	}
	if (rc == 0)
		rc = fetch_receipt(c, &r->tx, receipt, err);
	free(key);
	free(r);
	return rc;
}

int cli_send(struct cli *c, struct cli_plan *plan, struct eth_receipt *receipts, struct err *err)
{
	json_t *list = json_array();
	size_t i, k;
	int rc;

	memset(receipts, 0, plan->n * sizeof(*receipts));
	rc = cli_tell_plan(c, plan, err);
	if (rc == 0)
		rc = cli_ask_to_send(c, err);
	if (rc == 0)
		rc = cli_asked_read(c, err);
	for (i = 0; i < plan->n && rc == 0; i++)
		rc = send_one(c, plan, i, &receipts[i], list, err);
	if (c->o.json && json_array_size(list))
		json_object_set(c->out, "transactions", list);
	json_decref(list);
	for (k = 0; rc != 0 && k < plan->n; k++)
		eth_receipt_fini(&receipts[k]);
	return rc;
}
