/*
 * One batch at one endpoint: first its chain id where that is not known, then the calls, in
 * several requests where the endpoint takes no larger ones.  Large answers are parsed on
 * another thread: thirty megabytes of JSON take half a second.
 */
#include "node/chain/rpc_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define READ_ELSEWHERE (256 * 1024)	/* bytes; some ms of parsing */
#define TRY_MIN_MS 250

struct reading {
	uv_work_t work;
	struct rpc_try *owner;		/* NULL when it was cleared meanwhile */
	uint8_t *body;
	size_t len, n;
	uint64_t first_id;
	struct rpc_reply *replies;	/* n, owned; what is in them once rc is 0 */
	int rc;
	struct err err;
};

bool rpc_try_is_running(const struct rpc_try *t)
{
	return t->state == TRY_CHECK || t->state == TRY_ASKED || t->state == TRY_READING;
}

static void free_replies(struct rpc_try *t)
{
	size_t i;

	for (i = 0; t->replies && i < t->n_done; i++)
		rpc_reply_fini(&t->replies[i]);
	free(t->replies);
	t->replies = NULL;
	t->n_done = 0;
}

void rpc_try_clear(struct rpc_try *t)
{
	if (t->call)
		http_call_cancel(t->call);
	if (t->reading)
		t->reading->owner = NULL;
	t->call = NULL;
	t->reading = NULL;
	free_replies(t);
	t->state = TRY_NONE;
}

static void failed(struct rpc_try *t, uint64_t retry_after_s, const struct err *why)
{
	rpc_endpoint_failed(t->ep, t->started_ms, retry_after_s, why);
	t->batch->last = *why;
	err_wrap(&t->batch->last, "%s", t->ep->shown);
	free_replies(t);
	t->state = TRY_FAILED;
}

/* With several endpoints none may use up all the time there is. */
static uint64_t limit_ms(const struct rpc_try *t)
{
	const struct rpc *r = t->batch->rpc;
	int64_t left = t->batch->deadline_ms - rpc_now_ms();

	if (r->n > 1)
		left /= 2;
	if (left < TRY_MIN_MS)
		left = TRY_MIN_MS;
	return (uint64_t)left < r->try_ms ? (uint64_t)left : r->try_ms;
}

static size_t body_max(const struct rpc_call *calls, size_t n)
{
	size_t i, max = 100;

	for (i = 0; i < n; i++)
		max += 100 + 6 * strlen(calls[i].method) + strlen(calls[i].params);
	return max;
}

static void on_answer(void *arg, int status, const uint8_t *body, size_t len,
		      const struct err *from);

/* The next calls of the batch, as many as the endpoint takes at once. */
static void ask(struct rpc_try *t)
{
	struct rpc_batch *batch = t->batch;
	struct rpc *r = batch->rpc;
	size_t left = batch->n - t->n_done;
	const struct rpc_call *calls = batch->calls + t->n_done;
	struct err err = { 0 };
	struct buf b;

	t->n_asked = left < t->ep->batch_max ? left : t->ep->batch_max;
	t->first_id = r->next_id;
	r->next_id += t->n_asked;
	t->started_ms = rpc_now_ms();
	t->state = TRY_ASKED;
	t->ep->requests++;
	buf_init(&b, body_max(calls, t->n_asked));
	rpc_write(&b, t->first_id, calls, t->n_asked);
	t->call = http_post_json(r->http, t->ep->url, buf_cstr(&b), limit_ms(t), RPC_ANSWER_MAX,
				 on_answer, t, &err);
	buf_fini(&b);
	if (!t->call)
		failed(t, 0, &err);
}

void rpc_try_start(struct rpc_try *t)
{
	t->started_ms = rpc_now_ms();
	t->replies = xcalloc(t->batch->n, sizeof(*t->replies));
	if (!rpc_health_needs_check(t->ep->health, rpc_now_ms())) {
		ask(t);
		return;
	}
	t->state = TRY_CHECK;
	t->check_until_ms = t->started_ms + (int64_t)limit_ms(t);
	rpc_endpoint_check(t->ep);
}

/* The endpoint has its bad mark already. */
void rpc_try_checked(struct rpc_try *t, const struct err *why_not)
{
	if (!why_not) {
		ask(t);
		return;
	}
	t->batch->last = *why_not;
	err_wrap(&t->batch->last, "%s", t->ep->shown);
	free_replies(t);
	t->state = TRY_FAILED;
}

void rpc_try_check_late(struct rpc_try *t)
{
	struct err err = { 0 };

	err_set(&err, ERR_TIMEOUT, "no answer in time");
	rpc_try_checked(t, &err);
}

/* ---- answers ---- */

bool rpc_call_is_head(const struct rpc_call *c)
{
	return strcmp(c->method, "eth_getBlockByNumber") == 0 && strncmp(c->params, "[\"latest\"", 9) == 0;
}

static void note_heads(struct rpc_try *t)
{
	struct eth_header h;
	size_t i;

	for (i = 0; i < t->batch->n; i++) {
		const struct rpc_call *c = &t->batch->calls[i];
		const json_t *j = t->replies[i].result;

		if (!j)
			continue;
		if (strcmp(c->method, "eth_blockNumber") == 0 && rpc_u64(&h.number, j, "", NULL) == 0)
			rpc_endpoint_told_head(t->ep, h.number);
		if (rpc_call_is_head(c) && rpc_header(&h, j, NULL) == 0)
			rpc_endpoint_told_head(t->ep, h.number);
	}
}

static const struct rpc_reply *find_busy(const struct rpc_reply *replies, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (rpc_is_busy(&replies[i]))
			return &replies[i];
	return NULL;
}

/* n_asked more of t->replies are filled. */
static void took(struct rpc_try *t)
{
	const struct rpc_reply *busy = find_busy(t->replies + t->n_done, t->n_asked);
	struct err err = { 0 };

	t->n_done += t->n_asked;
	if (busy) {
		err_set(&err, ERR_BUSY, "%s", busy->message);
		failed(t, 0, &err);
		return;
	}
	rpc_endpoint_answered(t->ep, t->started_ms);
	if (t->n_done < t->batch->n) {
		ask(t);
		return;
	}
	t->state = TRY_ANSWERED;
	note_heads(t);
}

/* A batch can be too large for an endpoint by itself or by its answer: then less is asked at
 * once, from now on.  One object in place of an array is a refusal of the whole. */
static bool asks_less(struct rpc_try *t, const struct err *why, const void *body, size_t len)
{
	bool is_object = len && *(const char *)body == '{';

	if (t->n_asked == 1)
		return false;
	if (why->code != ERR_LIMIT && !(why->code == ERR_INVALID && is_object))
		return false;
	t->ep->batch_max = t->n_asked / 2;
	t->ep->batch_max_ms = rpc_now_ms();
	ask(t);
	return true;
}

static void read_over(struct rpc_try *t, int rc, const struct err *err, const void *body, size_t len)
{
	if (rc == 0)
		took(t);
	else if (!asks_less(t, err, body, len))
		failed(t, 0, err);
}

static void on_read(uv_work_t *w, int status)
{
	struct reading *g = w->data;
	struct rpc_try *t = g->owner;
	size_t i;

	if (t) {
		t->reading = NULL;
		if (g->rc == 0)
			memcpy(t->replies + t->n_done, g->replies, g->n * sizeof(*g->replies));
		read_over(t, g->rc, &g->err, g->body, g->len);
	}
	for (i = 0; !t && g->rc == 0 && i < g->n; i++)
		rpc_reply_fini(&g->replies[i]);
	free(g->replies);
	free(g->body);
	free(g);
	if (t)
		rpc_settle(t->batch);
}

static void do_read(uv_work_t *w)
{
	struct reading *g = w->data;

	g->rc = rpc_read(g->replies, g->n, g->first_id, g->body, g->len, &g->err);
}

static void read_elsewhere(struct rpc_try *t, const void *body, size_t len)
{
	struct reading *g = xcalloc(1, sizeof(*g));

	g->work.data = g;
	g->owner = t;
	g->body = xmalloc(len);
	memcpy(g->body, body, len);
	g->len = len;
	g->n = t->n_asked;
	g->replies = xcalloc(g->n, sizeof(*g->replies));
	g->first_id = t->first_id;
	t->reading = g;
	t->state = TRY_READING;
	uv_queue_work(t->batch->rpc->loop, &g->work, do_read, on_read);
}

static void read_here(struct rpc_try *t, const void *body, size_t len)
{
	struct err err = { 0 };
	int rc = rpc_read(t->replies + t->n_done, t->n_asked, t->first_id, body, len, &err);

	read_over(t, rc, &err, body, len);
}

static void on_answer(void *arg, int status, const uint8_t *body, size_t len,
		      const struct err *from)
{
	struct rpc_try *t = arg;
	struct err err = { 0 };

	t->call = NULL;
	if (rpc_http_check(status, from, &err) < 0) {
		if (!asks_less(t, &err, body, len))
			failed(t, http_client_retry_after(t->batch->rpc->http), &err);
	} else if (len > READ_ELSEWHERE) {
		read_elsewhere(t, body, len);
	} else {
		read_here(t, body, len);
	}
	rpc_settle(t->batch);
}
