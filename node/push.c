/*
 * A request goes through: authorize, read the body, (MP4: remux to TS in a
 * worker,) inspect on the thread pool, hand to its stream, wait for the renditions,
 * (MP4: remux them back,) answer.  The client may vanish at any point: then what
 * is running finishes and its result goes nowhere.
 */
#include "node/push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "media/wire/inspect.h"
#include "node/auth.h"
#include "node/http/server.h"
#include "node/live.h"
#include "node/transcode.h"
#include "node/work/pool.h"

#define PUSHES_MAX 64			/* at once: each may hold 32 MiB */
#define REMUX_DEADLINE_MS 5000
#define GRANTS_MAX 256

/* Who was allowed lately, so that the webhook is asked once a stream, not once a
 * segment. */
struct grant {
	char asked[129], name[129];
	struct hash32 key;
	bool has_profiles;
	struct profile_list profiles;
};

struct push {
	uv_loop_t *loop;
	struct lives *ls;
	struct auth *auth;
	struct work_pool *pool;
	struct tc *tc;
	struct grant grants[GRANTS_MAX];
	size_t n_grants, next_grant;
	unsigned n_active;
	struct list reqs;	/* struct push_req.node */
	bool closed;
};

/* One request. */
struct push_req {
	struct list_node node;
	struct push *p;
	struct http_req *r;	/* NULL once the client is gone or answered */
	char name[129];		/* stream it goes to */
	char seq[40];		/* as in the URL */
	bool mp4, multipart;
	uint32_t duration_ms;
	struct profile_list profiles;
	bool has_profiles;
	struct auth_call *auth;
	struct hash32 key;
	char work_key[72];	/* whose worker remuxes: no longer than a name may be */
	struct buf body;
	struct blob *data;	/* the segment as TS, once whole */
	struct live *live;	/* set while it owes us a result */
	uv_work_t work;
	struct hash32 sha256;
	struct inspect facts;
	struct err err;
	bool failed;
	/* the answer */
	struct { struct blob *data; char name[PROFILE_NAME_MAX]; struct work_task *task; bool mp4; } part[PROFILES_MAX];
	size_t n_parts;
	unsigned n_remuxing;
};

static void free_req(struct push_req *q)
{
	size_t i;

	for (i = 0; i < q->n_parts; i++)
		blob_unref(q->part[i].data);
	q->p->n_active--;
	list_remove(&q->node);
	buf_fini(&q->body);
	blob_unref(q->data);
	free(q);
}

/* The request to answer, NULL when the client is gone; nothing comes from it to q
 * any more. */
static struct http_req *take_req(struct push_req *q)
{
	struct http_req *r = q->r;

	q->r = NULL;
	if (r)
		http_req_on_close(r, NULL, NULL);
	return r;
}

/* The end of every path. */
static void fail(struct push_req *q, int status, const char *why)
{
	struct http_req *r = take_req(q);

	if (r)
		http_reply_error(r, status, "%s", why);
	free_req(q);
}

static int status_of(const struct push *p, const struct err *err)
{
	switch (err->code) {
	case ERR_INVALID:
	case ERR_LIMIT:
		return 422;
	case ERR_BUSY:
		return 503;
	case ERR_TIMEOUT:
	case ERR_IO:
		return p->tc && tc_ready(p->tc) == 0 ? 503 : 500;
	case ERR_DENIED:
		return 403;
	case ERR_NONE: case ERR_NOT_FOUND: case ERR_INTERNAL:
		break;
	}
	return 500;
}

/* ---- the answer ---- */

static void reply_parts(struct push_req *q)
{
	struct http_req *r = take_req(q);
	uint8_t rnd[12];
	char boundary[25], type[80], head[400];
	size_t i;

	if (!r) {
		free_req(q);
		return;
	}
	if (!q->multipart) {
		http_reply(r, 200, "text/plain", "", 0);
		free_req(q);
		return;
	}
	secret_random(rnd, sizeof(rnd));
	hex_fmt(boundary, rnd, sizeof(rnd));
	snprintf(type, sizeof(type), "multipart/mixed; boundary=%s", boundary);
	http_reply_begin(r, 200, type, -1);
	for (i = 0; i < q->n_parts; i++) {
		const char *ext = q->part[i].mp4 ? "mp4" : "ts";
		int n = snprintf(head, sizeof(head),
				 "%s--%s\r\nContent-Disposition: attachment; filename=\"%s_%s.%s\"\r\n"
				 "Content-Length: %zu\r\nContent-Type: %s\r\nRendition-Name: %s\r\n\r\n",
				 i ? "\r\n" : "", boundary, q->part[i].name, q->seq, ext,
				 q->part[i].data->len, q->part[i].mp4 ? "video/mp4" : "video/MP2T",
				 q->part[i].name);

		http_write(r, head, (size_t)n);
		http_write_blob(r, q->part[i].data);
	}
	http_write(r, head, (size_t)snprintf(head, sizeof(head), "%s--%s--\r\n",
					     q->n_parts ? "\r\n" : "", boundary));
	http_reply_end(r);
	free_req(q);
}

struct remux_arg {
	struct push_req *q;
	size_t i;
};

static void on_part_data(void *arg, const struct work_rendition *r)
{
	struct remux_arg *ra = arg;

	blob_unref(ra->q->part[ra->i].data);
	ra->q->part[ra->i].data = blob_ref(r->data);
	ra->q->part[ra->i].mp4 = true;
}

static void on_part_done(void *arg, const struct work_stats *st, const struct err *err)
{
	struct remux_arg *ra = arg;
	struct push_req *q = ra->q;

	(void)st;
	free(ra);
	if (err && !q->failed) {
		q->failed = true;
		q->err = *err;
	}
	if (--q->n_remuxing > 0)
		return;
	if (q->failed)
		fail(q, 500, q->err.msg);
	else
		reply_parts(q);
}

/* A pusher of MP4 gets MP4 back. */
static void remux_parts(struct push_req *q)
{
	static const struct work_cb cb = { .rendition = on_part_data, .done = on_part_done };
	size_t i;

	for (i = 0; i < q->n_parts && !q->failed; i++) {
		struct work_spec spec = {
			.kind = TASK_TO_MP4, .stream_key = q->work_key, .input = q->part[i].data,
			.preset = "superfast", .duration_ms = q->duration_ms,
			.deadline_ms = REMUX_DEADLINE_MS,
		};
		struct remux_arg *ra;

		if (q->part[i].mp4)
			continue;
		ra = xmalloc(sizeof(*ra));
		*ra = (struct remux_arg){ q, i };
		if (work_task_start(q->p->pool, &spec, &cb, ra, &q->err)) {
			q->n_remuxing++;
			continue;
		}
		free(ra);
		q->failed = true;
	}
	if (q->n_remuxing > 0)
		return;
	if (q->failed)
		fail(q, 503, q->err.msg);
	else
		reply_parts(q);
}

static void on_result(void *arg, const struct tc_result *r)
{
	struct push_req *q = arg;
	const struct profile_list *profiles = live_profiles(q->live);
	size_t i;

	q->live = NULL;
	if (r->err) {
		fail(q, status_of(q->p, r->err), r->err->msg);
		return;
	}
	if (r->n == 0 && profiles->n > 0 && q->facts.n_video > 0) {
		fail(q, 503, "no orchestrator is connected: the source plays, renditions do not");
		return;
	}
	/* Sound alone has no renditions: it is handed back as it came, under each name. */
	if (r->n == 0 && q->facts.n_video == 0) {
		for (i = 0; i < profiles->n; i++) {
			q->part[i].data = blob_ref(q->data);
			snprintf(q->part[i].name, sizeof(q->part[i].name), "%s", profiles->p[i].name);
		}
		q->n_parts = profiles->n;
	}
	for (i = 0; i < r->n; i++) {
		q->part[i].data = blob_ref(r->renditions[i].data);
		q->part[i].mp4 = r->renditions[i].facts.init_len > 0;
		snprintf(q->part[i].name, sizeof(q->part[i].name), "%s", profiles->p[i].name);
	}
	if (r->n > 0)
		q->n_parts = r->n;
	if (q->mp4 && q->multipart && q->r && !q->p->closed)
		remux_parts(q);
	else
		reply_parts(q);
}

/* ---- into the stream ---- */

static void hand_over(struct push_req *q)
{
	struct live *l = lives_find(q->p->ls, q->name);
	struct err err;

	if (l && live_is_live(l) && !live_is_push(l)) {
		fail(q, 409, "this stream is being published by RTMP");
		return;
	}
	if (!l || !live_is_live(l))
		l = live_open(q->p->ls, q->name, true, q->has_profiles ? &q->profiles : NULL, &err);
	if (!l) {
		fail(q, lives_find(q->p->ls, q->name) ? 409 : 503, err.msg);
		return;
	}
	q->live = l;
	live_push(l, q->data, false, &q->facts, q->duration_ms, &q->sha256, on_result, q);
}

/* On the thread pool. */
static void run_inspect(uv_work_t *w)
{
	struct push_req *q = w->data;

	if (!q->data)
		q->data = blob_new(q->body.data, q->body.len, &q->err);
	if (!q->data) {
		q->failed = true;
		return;
	}
	buf_fini(&q->body);
	q->sha256 = hash_sha256(q->data->data, q->data->len);
	q->failed = inspect_segment(&q->facts, false, q->data->data, q->data->len, &q->err) < 0;
}

static void after_inspect(uv_work_t *w, int status)
{
	struct push_req *q = w->data;

	(void)status;
	if (q->failed)
		fail(q, 422, q->err.msg);
	else if (q->facts.duration_90k > SEGMENT_MS_MAX * 90LL)
		fail(q, 422, "the segment is longer than 60 s");
	else
		hand_over(q);
}

static void inspect(struct push_req *q)
{
	q->work.data = q;
	uv_queue_work(q->p->loop, &q->work, run_inspect, after_inspect);
}

static void on_ts(void *arg, const struct work_rendition *r)
{
	struct push_req *q = arg;

	q->data = blob_ref(r->data);
}

static void on_ts_done(void *arg, const struct work_stats *st, const struct err *err)
{
	struct push_req *q = arg;

	(void)st;
	if (err)
		fail(q, status_of(q->p, err), err->msg);
	else
		inspect(q);
}

static void remux_input(struct push_req *q)
{
	static const struct work_cb cb = { .rendition = on_ts, .done = on_ts_done };
	struct work_spec spec = {
		.kind = TASK_TO_TS, .stream_key = q->work_key, .fmp4 = true, .preset = "superfast",
		.duration_ms = q->duration_ms, .deadline_ms = REMUX_DEADLINE_MS,
	};
	struct err err;
	struct work_task *t = NULL;

	spec.input = blob_new(q->body.data, q->body.len, &err);
	if (spec.input)
		t = work_task_start(q->p->pool, &spec, &cb, q, &err);
	blob_unref(spec.input);
	buf_fini(&q->body);
	if (!t)
		fail(q, 503, err.msg);
}

static void on_body(void *arg, struct http_req *r, const uint8_t *data, size_t len, bool ok)
{
	struct push_req *q = arg;

	(void)r;
	if (data) {
		buf_add(&q->body, data, len);
		return;
	}
	if (!ok) {
		take_req(q);
		free_req(q);
	} else if (q->p->closed) {
		fail(q, 503, "this node is shutting down");
	} else if (q->body.len == 0) {
		fail(q, 422, "the segment is empty");
	} else if (q->mp4) {
		remux_input(q);
	} else {
		inspect(q);
	}
}

/* ---- who and what ---- */

static struct grant *find_grant(struct push *p, const char *asked, const struct hash32 *key)
{
	size_t i;

	for (i = 0; i < p->n_grants; i++)
		if (strcmp(p->grants[i].asked, asked) == 0 &&
		    secret_equal(&p->grants[i].key, key, sizeof(*key)))
			return &p->grants[i];
	return NULL;
}

static void add_grant(struct push *p, const char *asked, const struct hash32 *key,
		      const struct auth_verdict *v)
{
	struct grant *g = &p->grants[p->next_grant++ % GRANTS_MAX];

	memset(g, 0, sizeof(*g));
	snprintf(g->asked, sizeof(g->asked), "%s", asked);
	snprintf(g->name, sizeof(g->name), "%s", v->name);
	g->key = *key;
	if (v->profiles) {
		g->has_profiles = true;
		g->profiles = *v->profiles;
	}
	if (p->n_grants < GRANTS_MAX)
		p->n_grants++;
}

static void use_grant(struct push_req *q, const char *name, const struct profile_list *profiles)
{
	struct hash32 h = hash_sha256(name, strlen(name));

	memcpy(q->work_key, "push/", 5);
	hex_fmt(q->work_key + 5, h.b, sizeof(h.b));
	if (name != q->name)	/* the verdict may just repeat what was asked */
		snprintf(q->name, sizeof(q->name), "%s", name);
	if (profiles && !q->has_profiles) {
		q->has_profiles = true;
		q->profiles = *profiles;
	}
	http_req_read_body(q->r, SEGMENT_BYTES_MAX, on_body, q);
}

static void on_auth(void *arg, const struct auth_verdict *v)
{
	struct push_req *q = arg;

	q->auth = NULL;
	if (!v->allowed) {
		fail(q, 403, v->reason);
		return;
	}
	add_grant(q->p, q->name, &q->key, v);
	use_grant(q, v->name, v->profiles);
}

static void on_gone(void *arg, struct http_req *r)
{
	struct push_req *q = arg;

	if (q->r != r)
		return;		/* answered */
	q->r = NULL;
	if (q->auth) {
		auth_cancel(q->auth);
		free_req(q);
	}
	/* Else a body callback with !ok, a task or the stream ends it. */
}

/* "12.ts", "abc.mp4": false for other extensions. */
static bool parse_file(struct push_req *q, const char *file)
{
	const char *dot = strrchr(file, '.');
	size_t n = dot ? (size_t)(dot - file) : 0;

	if (n == 0 || n >= sizeof(q->seq))
		return false;
	memcpy(q->seq, file, n);
	q->seq[n] = 0;
	if (!stream_name_is_valid(q->seq))
		return false;
	q->mp4 = strcmp(dot, ".mp4") == 0;
	return q->mp4 || strcmp(dot, ".ts") == 0;
}

static bool parse_headers(struct push_req *q, struct http_req *r, struct err *err)
{
	const char *s = http_req_header(r, "Content-Duration");
	char name[129];
	char *end;
	long ms = 2000;

	if (s) {
		ms = strtol(s, &end, 10);
		if (end == s || *end || ms <= 0 || ms > SEGMENT_MS_MAX) {
			err_set(err, ERR_INVALID, "Content-Duration: %.20s: give milliseconds, 1 to %d",
				s, SEGMENT_MS_MAX);
			return false;
		}
	}
	q->duration_ms = (uint32_t)ms;
	s = http_req_header(r, "Accept");
	q->multipart = s && strstr(s, "multipart/mixed");
	s = http_req_header(r, "Livepeer-Transcode-Configuration");
	if (s && auth_parse_answer(s, strlen(s), name, &q->profiles, &q->has_profiles, err) < 0) {
		err_wrap(err, "Livepeer-Transcode-Configuration");
		return false;
	}
	if (s)
		snprintf(q->name, sizeof(q->name), "%s", name);
	return true;
}

static void key_of(struct http_req *r, char *key, size_t size)
{
	const char *auth = http_req_header(r, "Authorization");

	key[0] = 0;
	if (auth && strncmp(auth, "Bearer ", 7) == 0)
		snprintf(key, size, "%s", auth + 7);
	else if (!http_req_query(r, "key", key, size))
		key[0] = 0;
}

static void put_segment(void *arg, struct http_req *r)
{
	struct push *p = arg;
	struct push_req *q;
	struct grant *g;
	char key[256];
	struct err err;

	if (p->closed) {
		http_reply_error(r, 503, "this node is shutting down");
		return;
	}
	if (p->n_active >= PUSHES_MAX) {
		http_reply_error(r, 503, "%u pushes are running already", p->n_active);
		return;
	}
	q = xcalloc(1, sizeof(*q));
	q->p = p;
	q->r = r;
	p->n_active++;
	list_add_tail(&p->reqs, &q->node);
	buf_init(&q->body, SEGMENT_BYTES_MAX);
	snprintf(q->name, sizeof(q->name), "%s", http_req_param(r, "name"));
	if (!stream_name_is_valid(http_req_param(r, "name"))) {
		fail(q, 400, "a stream name is 1 to 128 of A-Z a-z 0-9 _ -");
		return;
	}
	if (!parse_file(q, http_req_param(r, "file"))) {
		fail(q, 400, "push segments as /live/NAME/SEQ.ts or SEQ.mp4");
		return;
	}
	if (!parse_headers(q, r, &err)) {
		fail(q, 400, err.msg);
		return;
	}
	http_req_on_close(r, on_gone, q);
	key_of(r, key, sizeof(key));
	q->key = hash_sha256(key, strlen(key));
	g = find_grant(p, q->name, &q->key);
	if (g && lives_find(p->ls, g->name)) {
		use_grant(q, g->name, g->has_profiles ? &g->profiles : NULL);
	} else {
		struct auth_call *c = auth_check(p->auth, q->name, key, http_req_url(r),
						 http_req_peer(r), on_auth, q);

		/* NULL: on_auth has run, and q may be gone. */
		if (c)
			q->auth = c;
	}
	secret_wipe(key, sizeof(key));
}

struct push *push_new(uv_loop_t *loop, struct http_server *s, struct lives *ls,
		      struct auth *auth, struct work_pool *pool, struct tc *tc)
{
	struct push *p = xcalloc(1, sizeof(*p));

	p->loop = loop;
	p->ls = ls;
	p->auth = auth;
	p->pool = pool;
	p->tc = tc;
	list_init(&p->reqs);
	http_route(s, "PUT|POST", "/live/:name/:file", put_segment, p);
	return p;
}

void push_close(struct push *p)
{
	if (!p)
		return;
	p->closed = true;
	list_each(n, &p->reqs) {
		struct push_req *q = list_entry(n, struct push_req, node);

		if (!q->auth)
			continue;
		auth_cancel(q->auth);
		q->auth = NULL;
		fail(q, 503, "this node is shutting down");
	}
}

void push_free(struct push *p)
{
	free(p);
}
