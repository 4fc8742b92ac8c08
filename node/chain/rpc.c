/*
 * Batches: at which endpoints each is tried, and which answer holds.
 *
 * A batch goes in rounds.  In a round each endpoint is tried at most once, as many at a time
 * as its way wants.  When nothing runs and nobody is left who need not rest, the round is
 * judged: an answer, or another round after a pause.  The deadline ends it in any state.
 *
 * All batches share one timer; advance() is the one place that decides.
 */
#include "node/chain/rpc_internal.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define TRY_MS 4000		/* so that work goes on within 5 s of a fault that passed */
#define ROUND_MS 250		/* pause behind the first round, doubling */
#define ROUND_MAX_MS 3000
#define SECOND_WAIT_MS 2000	/* RPC_AGREE waits so long for a second one to end its rest */
#define SLOW_MS 500		/* a try that was waited for so long is a failure at the deadline */

int64_t rpc_now_ms(void)
{
	return (int64_t)(uv_hrtime() / 1000000);
}

/* ---- the end of a batch ---- */

static void clear_tries(struct rpc_batch *b)
{
	size_t i;

	for (i = 0; i < b->rpc->n; i++)
		rpc_try_clear(&b->tries[i]);
}

static void free_batch(struct rpc_batch *b)
{
	size_t i;

	clear_tries(b);
	*b->at = b->next;
	if (b->next)
		b->next->at = b->at;
	b->rpc->n_batches--;
	for (i = 0; i < b->n; i++) {
		free((char *)b->calls[i].method);
		free((char *)b->calls[i].params);
	}
	free(b->calls);
	free(b);
}

static size_t n_running(const struct rpc_batch *b)
{
	size_t i, n = 0;

	for (i = 0; i < b->rpc->n; i++)
		n += rpc_try_is_running(&b->tries[i]);
	return n;
}

/* A transaction goes on to the endpoints that have not answered yet. */
static void let_go(struct rpc_batch *b)
{
	b->delivered = true;
	b->wake_ms = INT64_MAX;
	if (b->way != RPC_EACH || n_running(b) == 0)
		free_batch(b);
}

static void deliver(struct rpc_batch *b, struct rpc_try *t)
{
	struct rpc_reply *replies = t->replies;
	rpc_done_cb *cb = b->cb;
	struct rpc *r = b->rpc;
	void *arg = b->arg;
	size_t i, n = b->n;

	t->replies = NULL;
	t->n_done = 0;
	r->answering = t->ep;
	let_go(b);
	cb(arg, replies, n, NULL);
	r->answering = NULL;	/* freeing r waits for its handles, so it is still there */
	for (i = 0; i < n; i++)
		rpc_reply_fini(&replies[i]);
	free(replies);
}

static void deliver_error(struct rpc_batch *b, const struct err *err)
{
	struct err copy = *err;
	rpc_done_cb *cb = b->cb;
	void *arg = b->arg;

	free_batch(b);
	cb(arg, NULL, 0, &copy);
}

void rpc_blame(struct rpc *r, const char *why)
{
	struct err err = { 0 };

	if (!r->answering)
		return;
	err_set(&err, ERR_INVALID, "%s", why);
	rpc_endpoint_failed(r->answering, rpc_now_ms(), 0, &err);
	r->answering = NULL;
}

/* ---- what the tries of a round say ---- */

static size_t n_in(const struct rpc_batch *b, enum try_state state)
{
	size_t i, n = 0;

	for (i = 0; i < b->rpc->n; i++)
		n += b->tries[i].state == state;
	return n;
}

static struct rpc_try *find_answered(struct rpc_batch *b)
{
	size_t i;

	for (i = 0; i < b->rpc->n; i++)
		if (b->tries[i].state == TRY_ANSWERED)
			return &b->tries[i];
	return NULL;
}

static bool is_accepted(const struct rpc_batch *b, const struct rpc_try *t)
{
	size_t i;

	for (i = 0; t->state == TRY_ANSWERED && i < b->n; i++)
		if (!t->replies[i].result)
			return false;
	return t->state == TRY_ANSWERED;
}

static struct rpc_try *find_accepted(struct rpc_batch *b)
{
	size_t i;

	for (i = 0; i < b->rpc->n; i++)
		if (is_accepted(b, &b->tries[i]))
			return &b->tries[i];
	return NULL;
}

static bool replies_equal(const struct rpc_reply *a, const struct rpc_reply *b)
{
	if (a->result && b->result)
		return rpc_equal(a->result, b->result);
	return !a->result && !b->result && a->code == b->code && a->n_data == b->n_data &&
	       (a->n_data == 0 || memcmp(a->data, b->data, a->n_data) == 0);
}

static bool tries_agree(struct rpc_batch *batch, const struct rpc_try *a, const struct rpc_try *b)
{
	const struct rpc_call *c = batch->calls;
	size_t i;

	for (i = 0; i < batch->n; i++) {
		if (!rpc_call_is_head(&c[i]) && !replies_equal(&a->replies[i], &b->replies[i])) {
			batch->differs = c[i].method;
			return false;
		}
	}
	return true;
}

static struct rpc_try *find_agreed(struct rpc_batch *b)
{
	const struct rpc_try *t = b->tries;
	size_t i, k;

	for (i = 0; i < b->rpc->n; i++)
		for (k = 0; k < i; k++)
			if (t[i].state == TRY_ANSWERED && t[k].state == TRY_ANSWERED && tries_agree(b, &t[i], &t[k]))
				return &b->tries[k];
	return NULL;
}

/* An answer that holds whatever the others will say. */
static struct rpc_try *find_holding(struct rpc_batch *b)
{
	switch (b->way) {
	case RPC_ANY:
		return find_answered(b);
	case RPC_EACH:
		return find_accepted(b);
	case RPC_AGREE:
		return find_agreed(b);
	}
	return NULL;
}

/* ---- tries ---- */

static size_t n_wanted(const struct rpc_batch *b)
{
	switch (b->way) {
	case RPC_ANY:
		return 1;
	case RPC_EACH:
		return b->rpc->n;
	case RPC_AGREE:		/* two; when they differ one more, and one more */
		return n_in(b, TRY_ANSWERED) ? 1 : 2;
	}
	return 1;
}

static unsigned untried(const struct rpc_batch *b)
{
	unsigned mask = 0;
	size_t i;

	for (i = 0; i < b->rpc->n; i++)
		if (b->tries[i].state == TRY_NONE)
			mask |= 1u << i;
	return mask;
}

static int choose(const struct rpc_batch *b, unsigned allowed, int64_t *turn_ms)
{
	return rpc_choose(b->rpc->health, b->rpc->n, allowed, rpc_now_ms(), turn_ms);
}

static void start_tries(struct rpc_batch *b)
{
	int64_t turn;
	int i;

	if (rpc_now_ms() < b->not_before_ms)
		return;
	while (n_running(b) < n_wanted(b) && (i = choose(b, untried(b), &turn)) >= 0)
		rpc_try_start(&b->tries[i]);
	rpc_endpoints_check_idle(b->rpc);
}

/* ---- the end of a round ---- */

static bool all_are_of_another_chain(const struct rpc *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (!r->health[i].wrong_chain)
			return false;
	return true;
}

static void next_round(struct rpc_batch *b)
{
	int64_t pause = (int64_t)ROUND_MS << (b->rounds < 4 ? b->rounds : 4), turn;

	if (pause > ROUND_MAX_MS)
		pause = ROUND_MAX_MS;
	if (n_in(b, TRY_NONE) < b->rpc->n) {
		b->rounds++;
		b->not_before_ms = rpc_now_ms() + pause + randombytes_uniform(50);
		clear_tries(b);
	}
	choose(b, untried(b), &turn);
	b->wake_ms = turn > b->not_before_ms ? turn : b->not_before_ms;
}

/* One answered, the others could not: it stands, unless one of them can soon. */
static void end_round_of_one(struct rpc_batch *b)
{
	int64_t turn;

	choose(b, untried(b), &turn);
	if (!b->differs && turn <= b->begun_ms + SECOND_WAIT_MS)
		b->wake_ms = turn;
	else if (!b->differs)
		deliver(b, find_answered(b));
	else
		next_round(b);
}

static void deliver_wrong_chain(struct rpc_batch *b)
{
	const struct rpc_endpoint *ep = &b->rpc->ep[0];
	struct err err = { 0 };

	err_set(&err, ERR_DENIED, "%.60s: %s", ep->shown, ep->why_not);
	deliver_error(b, &err);
}

static void end_round(struct rpc_batch *b)
{
	size_t n_answered = n_in(b, TRY_ANSWERED);

	if (b->way == RPC_EACH && n_answered) {
		deliver(b, find_answered(b));		/* a refusal */
	} else if (n_answered == 1) {
		end_round_of_one(b);
	} else if (n_answered == 0 && all_are_of_another_chain(b->rpc)) {
		deliver_wrong_chain(b);
	} else {
		next_round(b);
	}
}

/* Somebody else may be quicker than a check that takes long.  Returns when to look again. */
static int64_t drop_late_checks(struct rpc_batch *b)
{
	int64_t next = INT64_MAX;
	size_t i;

	for (i = 0; i < b->rpc->n; i++) {
		struct rpc_try *t = &b->tries[i];

		if (t->state == TRY_CHECK && t->check_until_ms <= rpc_now_ms())
			rpc_try_check_late(t);
		if (t->state == TRY_CHECK && t->check_until_ms < next)
			next = t->check_until_ms;
	}
	return next;
}

static void advance(struct rpc_batch *b)
{
	struct rpc_try *t;

	if (b->delivered) {
		if (n_running(b) == 0)
			free_batch(b);
		return;
	}
	t = find_holding(b);
	if (t) {
		deliver(b, t);
		return;
	}
	drop_late_checks(b);
	start_tries(b);
	b->wake_ms = drop_late_checks(b);
	if (rpc_now_ms() < b->not_before_ms)
		b->wake_ms = b->not_before_ms;
	else if (n_running(b) == 0)
		end_round(b);
}

/* ---- time ---- */

static void blame_the_slow(struct rpc_batch *b)
{
	struct err err = { 0 };
	size_t i;

	err_set(&err, ERR_TIMEOUT, "no answer in time");
	for (i = 0; i < b->rpc->n; i++) {
		struct rpc_try *t = &b->tries[i];

		if (t->state == TRY_ASKED && rpc_now_ms() - t->started_ms >= SLOW_MS)
			rpc_endpoint_failed(t->ep, t->started_ms, 0, &err);
	}
}

static void too_late(struct rpc_batch *b)
{
	struct rpc_try *t = find_answered(b);
	struct err err = b->last;

	blame_the_slow(b);
	if (b->delivered) {
		free_batch(b);
	} else if (t && !b->differs && (b->way == RPC_EACH || n_in(b, TRY_ANSWERED) == 1)) {
		deliver(b, t);
	} else {
		if (b->differs)
			err_set(&err, ERR_DENIED, "the endpoints' answers to %s differ", b->differs);
		else if (!err.code)
			err_set(&err, ERR_TIMEOUT, "no JSON-RPC endpoint answered within %" PRId64 " ms",
				b->deadline_ms - b->begun_ms);
		deliver_error(b, &err);
	}
}

static void refuse(struct rpc_batch *b)
{
	struct err err = { 0 };

	err_set(&err, ERR_BUSY, "more than %d batches in flight", RPC_IN_FLIGHT_MAX);
	deliver_error(b, &err);
}

static struct rpc_batch *find_due(const struct rpc *r, int64_t now_ms)
{
	struct rpc_batch *b;

	for (b = r->batches; b; b = b->next)
		if (b->deadline_ms <= now_ms || b->wake_ms <= now_ms)
			return b;
	return NULL;
}

static void on_tick(uv_timer_t *timer);

static void schedule(struct rpc *r)
{
	int64_t now = rpc_now_ms(), next = INT64_MAX;
	const struct rpc_batch *b;

	if (r->closing)
		return;
	for (b = r->batches; b; b = b->next) {
		int64_t at = b->wake_ms < b->deadline_ms ? b->wake_ms : b->deadline_ms;

		if (at < next)
			next = at;
	}
	uv_update_time(r->loop);
	if (next == INT64_MAX)
		uv_timer_stop(&r->timer);
	else
		uv_timer_start(&r->timer, on_tick, next > now ? (uint64_t)(next - now) : 0, 0);
}

static void on_tick(uv_timer_t *timer)
{
	struct rpc *r = timer->data;
	int64_t now = rpc_now_ms();
	struct rpc_batch *b;

	while (!r->closing && (b = find_due(r, now))) {
		b->wake_ms = INT64_MAX;
		if (b->refused)
			refuse(b);
		else if (b->deadline_ms <= now)
			too_late(b);
		else
			advance(b);
	}
	schedule(r);
}

void rpc_settle(struct rpc_batch *b)
{
	struct rpc *r = b->rpc;

	advance(b);
	schedule(r);
}

/* ---- what callers do ---- */

static void copy_calls(struct rpc_batch *b, const struct rpc_call *calls)
{
	size_t i;

	b->calls = xcalloc(b->n, sizeof(*b->calls));
	for (i = 0; i < b->n; i++) {
		b->calls[i].method = xstrdup(calls[i].method);
		b->calls[i].params = xstrdup(calls[i].params);
	}
}

struct rpc_batch *rpc_send(struct rpc *r, enum rpc_way way, const struct rpc_call *calls, size_t n,
			   uint64_t deadline_ms, rpc_done_cb *cb, void *arg)
{
	struct rpc_batch *b;
	size_t i;

	if (r->closing)
		return NULL;
	b = xcalloc(1, sizeof(*b));
	*b = (struct rpc_batch){ .rpc = r, .next = r->batches, .at = &r->batches, .n = n, .cb = cb,
				 .arg = arg, .way = r->n == 1 && way == RPC_AGREE ? RPC_ANY : way };
	b->begun_ms = b->wake_ms = rpc_now_ms();
	b->deadline_ms = b->begun_ms + (int64_t)(deadline_ms < 86400000 ? deadline_ms : 86400000);
	b->refused = r->n_batches >= RPC_IN_FLIGHT_MAX;
	copy_calls(b, calls);
	for (i = 0; i < r->n; i++) {
		b->tries[i].batch = b;
		b->tries[i].ep = &r->ep[i];
	}
	if (b->next)
		b->next->at = &b->next;
	r->batches = b;
	r->n_batches++;
	schedule(r);
	return b;
}

void rpc_cancel(struct rpc_batch *b)
{
	struct rpc *r;

	if (!b)
		return;
	r = b->rpc;
	free_batch(b);
	schedule(r);
}

uint64_t rpc_chain_id(const struct rpc *r)
{
	return r->chain_id;
}

void rpc_note_head(struct rpc *r, uint64_t number)
{
	r->trusted_head = number;
}

/* ---- life ---- */

struct rpc *rpc_new(uv_loop_t *loop, const struct rpc_opts *opts, struct err *err)
{
	struct rpc *r = xcalloc(1, sizeof(*r));

	r->loop = loop;
	r->try_ms = opts->try_ms ? opts->try_ms : TRY_MS;
	r->chain_id = opts->chain_id;
	r->next_id = 1;
	log_init(&r->log, "chain=rpc");
	if (rpc_endpoints_parse(r, opts->urls, err) < 0) {
		rpc_endpoints_fini(r);
		free(r);
		return NULL;
	}
	r->http = http_client_new(loop);
	uv_timer_init(loop, &r->timer);
	r->timer.data = r;
	r->n_open = 2;
	return r;
}

static void drop_handle(void *arg)
{
	struct rpc *r = arg;

	if (--r->n_open)
		return;
	if (r->closed)
		r->closed(r->closed_arg);
	rpc_endpoints_fini(r);
	free(r);
}

static void on_timer_closed(uv_handle_t *h)
{
	drop_handle(h->data);
}

void rpc_free(struct rpc *r, void (*closed)(void *arg), void *arg)
{
	struct err err = { 0 };

	r->closing = true;
	r->closed = closed;
	r->closed_arg = arg;
	err_set(&err, ERR_IO, "shutting down");
	while (r->batches) {
		if (r->batches->delivered)
			free_batch(r->batches);
		else
			deliver_error(r->batches, &err);
	}
	http_client_free(r->http, drop_handle, r);
	uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}
