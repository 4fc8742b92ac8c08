/*
 * Pushes over real HTTP into real streams without orchestrators; the worker pool is
 * the double below: it keeps tasks until told.
 */
#include "test/node/rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/sig.h"
#include "node/auth.h"
#include "node/http/client.h"
#include "node/http/server.h"
#include "node/live.h"
#include "node/push.h"
#include "node/signer.h"
#include "node/stats.h"
#include "node/window.h"
#include "node/work/pool.h"

/* ---- the pool's double ---- */

struct work_task {
	struct work_cb cb;
	void *arg;
};

static struct work_task *task;	/* one at a time is enough */

struct work_task *work_task_start(struct work_pool *p, const struct work_spec *spec,
				  const struct work_cb *cb, void *arg, struct err *err)
{
	(void)p;
	(void)spec;
	(void)err;
	assert_null(task);
	task = xcalloc(1, sizeof(*task));
	task->cb = *cb;
	task->arg = arg;
	return task;
}

/* The task ends: with data as its one rendition, or err. */
static void task_end(struct blob *data, const struct err *err)
{
	struct work_task *t = task;
	struct work_rendition r = { .data = data };
	struct work_stats st = { .n_tries = 1 };

	task = NULL;
	if (data)
		t->cb.rendition(t->arg, &r);
	t->cb.done(t->arg, &st, err);
	free(t);
}

void work_task_cancel(struct work_task *t) { (void)t; fail(); }
void work_stream_end(struct work_pool *p, const char *key) { (void)p; (void)key; }
void work_pool_stats(const struct work_pool *p, struct work_pool_stats *o) { (void)p; (void)o; }
void work_pool_close(struct work_pool *p, void (*closed)(void *), void *arg)
{
	(void)p;
	(void)closed;
	(void)arg;
}
struct work_pool *work_pool_new(uv_loop_t *loop, const struct work_opts *o, struct err *err)
{
	(void)loop;
	(void)o;
	(void)err;
	return NULL;
}

/* ---- the world ---- */

struct world {
	uv_loop_t loop;
	struct sig_key *key;
	struct eip712_domain domain;
	struct signer *signer;
	struct stats stats;
	struct lives *ls;
	struct http_client *client;
	struct auth *auth;
	struct http_server *http;
	struct push *push;
	int hook;	/* a webhook that accepts and says nothing; -1: none */
	bool closed;
	struct clip clip;
};

static int listen_local(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	getsockname(fd, (struct sockaddr *)&a, &len);
	*port = ntohs(a.sin_port);
	return fd;
}

static struct world *world_new(bool with_hook)
{
	struct lives_opts lo = { .target_ms = 2000, .window_ms = 12000, .grace_ms = 10000,
		.keep_ms = 60000, .push_idle_ms = 60000, .max_streams = 4, .preset = "superfast" };
	struct http_opts ho = { .max_conns = 100, .max_per_addr = 100 };
	struct world *w = xcalloc(1, sizeof(*w));
	char url[64];
	struct err err;
	int port;

	uv_loop_init(&w->loop);
	w->key = sig_key_generate();
	w->signer = signer_new(w->key, &w->domain);
	w->ls = lives_new(&w->loop, &lo, NULL, w->signer, &w->stats);
	w->hook = -1;
	if (with_hook) {
		w->hook = listen_local(&port);
		snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
		w->client = http_client_new(&w->loop);
	}
	w->auth = auth_new(w->client, NULL, with_hook ? url : NULL, &w->stats, &err);
	w->http = http_server_new(&w->loop, "127.0.0.1:0", &ho, &err);
	assert_non_null(w->http);
	w->push = push_new(&w->loop, w->http, w->ls, w->auth, NULL, NULL);
	clip_make(&w->clip, 0, 50, 1);
	return w;
}

/* In the order of node.c. */
static void world_close(struct world *w)
{
	struct err err;

	w->closed = true;
	push_close(w->push);
	http_server_close(w->http, 500, NULL, NULL);
	lives_close(w->ls);
	if (task) {
		err_set(&err, ERR_INTERNAL, "shutting down");
		task_end(NULL, &err);
	}
	if (w->client)
		http_client_free(w->client, NULL, NULL);
}

static void world_free(struct world *w)
{
	if (!w->closed)
		world_close(w);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	push_free(w->push);
	lives_free(w->ls);
	auth_free(w->auth);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	signer_free(w->signer);
	sig_key_free(w->key);
	if (w->hook >= 0)
		close(w->hook);
	clip_fini(&w->clip);
	free(w);
}

/* ---- a client ---- */

struct client {
	int fd;
	char text[8192];
	size_t len;
	bool ended;
};

static void client_send(struct world *w, struct client *c, const char *path, const char *headers,
			const void *body, size_t len)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)http_server_port(w->http)) };
	char head[1024];
	int n = snprintf(head, sizeof(head), "PUT %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
			 "Content-Length: %zu\r\n%s\r\n", path, len, headers);

	memset(c, 0, sizeof(*c));
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(write(c->fd, head, (size_t)n), n);
	if (len > 0)
		assert_int_equal(write(c->fd, body, len), len);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

static bool client_done(struct client *c)
{
	ssize_t n = read(c->fd, c->text + c->len, sizeof(c->text) - 1 - c->len);

	if (n > 0)
		c->len += (size_t)n;
	if (n == 0)
		c->ended = true;
	return c->ended;
}

static int client_status(struct world *w, struct client *c)
{
	int status = 0;

	spin_until(&w->loop, client_done(c));
	close(c->fd);
	sscanf(c->text, "HTTP/1.1 %d", &status);
	return status;
}

static int put(struct world *w, struct client *c, const char *path, const char *headers,
	       const void *body, size_t len)
{
	client_send(w, c, path, headers, body, len);
	return client_status(w, c);
}

/* ---- tests ---- */

static void pushed_segment_plays(void **state)
{
	struct world *w = world_new(false);
	struct client c;

	(void)state;
	assert_int_equal(put(w, &c, "/live/a/0.ts", "", w->clip.bytes.data, w->clip.bytes.len), 200);
	assert_true(live_is_live(lives_find(w->ls, "a")));
	assert_int_equal(window_bytes(live_window(lives_find(w->ls, "a"), "source")),
			 w->clip.bytes.len);
	/* and with parts asked for there are none, but well formed */
	assert_int_equal(put(w, &c, "/live/a/1.ts", "Accept: multipart/mixed\r\n",
			     w->clip.bytes.data, w->clip.bytes.len), 200);
	assert_non_null(strstr(c.text, "multipart/mixed; boundary="));
	world_free(w);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *path, *headers, *body;
		int status;
	} cases[] = {
		{ "/live/a.b/0.ts", "", "x", 400 },
		{ "/live/a/0.avi", "", "x", 400 },
		{ "/live/a/.ts", "", "x", 400 },
		{ "/live/a/0", "", "x", 400 },
		{ "/live/a/0.ts", "Content-Duration: 0\r\n", "x", 400 },
		{ "/live/a/0.ts", "Content-Duration: 60001\r\n", "x", 400 },
		{ "/live/a/0.ts", "Content-Duration: 2s\r\n", "x", 400 },
		{ "/live/a/0.ts", "Livepeer-Transcode-Configuration: {\r\n", "x", 400 },
		{ "/live/a/0.ts", "Livepeer-Transcode-Configuration: {\"manifestID\":\"../x\"}\r\n", "x", 400 },
		{ "/live/a/0.ts", "", "", 422 },
		{ "/live/a/0.ts", "", "this is no transport stream", 422 },
	};
	struct world *w = world_new(false);
	struct client c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = put(w, &c, cases[i].path, cases[i].headers, cases[i].body,
				 strlen(cases[i].body));

		if (status != cases[i].status)
			fail_msg("case %zu: %d, %s", i, status, c.text);
	}
	assert_int_equal(lives_count(w->ls), 0);
	world_free(w);
}

/* Move every video time stamp of a TS by seconds: PTS, and DTS where there is one. */
static void shift(uint8_t *ts, size_t len, int seconds)
{
	size_t i, k;

	for (i = 0; i + 19 < len; i++) {
		if (memcmp(ts + i, "\0\0\1\xe0", 4) != 0 || (ts[i + 6] & 0xc0) != 0x80)
			continue;
		for (k = i + 9; k < i + (ts[i + 7] & 0x40 ? 19 : 14); k += 5) {
			uint8_t *p = ts + k;
			uint64_t t = (uint64_t)(p[0] >> 1 & 7) << 30 | (uint64_t)p[1] << 22 |
				(uint64_t)(p[2] >> 1) << 15 | (uint64_t)p[3] << 7 | p[4] >> 1;

			t += (uint64_t)seconds * 90000;
			p[0] = (uint8_t)((p[0] & 0xf1) | (t >> 30 & 7) << 1);
			p[1] = (uint8_t)(t >> 22);
			p[2] = (uint8_t)(t >> 14 | 1);
			p[3] = (uint8_t)(t >> 7);
			p[4] = (uint8_t)(t << 1 | 1);
		}
	}
}

static int put_two_parts(struct world *w, const char *path, int seconds_apart)
{
	struct client c;
	struct buf b;
	int status;

	buf_init(&b, 1 << 20);
	buf_add(&b, w->clip.bytes.data, w->clip.bytes.len);
	buf_add(&b, w->clip.bytes.data, w->clip.bytes.len);
	shift(b.data + w->clip.bytes.len, w->clip.bytes.len, seconds_apart);
	status = put(w, &c, path, "", b.data, b.len);
	buf_fini(&b);
	return status;
}

static void segment_longer_than_a_minute_is_refused(void **state)
{
	struct world *w = world_new(false);

	(void)state;
	assert_int_equal(put_two_parts(w, "/live/a/0.ts", 50), 200);
	assert_int_equal(put_two_parts(w, "/live/a/1.ts", 70), 422);
	world_free(w);
}

static void mp4_is_remuxed_first(void **state)
{
	struct world *w = world_new(false);
	struct client c;
	struct blob *ts;
	struct err err;

	(void)state;
	client_send(w, &c, "/live/a/0.mp4", "", "mp4", 3);
	spin_until(&w->loop, task);
	ts = blob_new(w->clip.bytes.data, w->clip.bytes.len, &err);
	task_end(ts, NULL);
	blob_unref(ts);
	assert_int_equal(client_status(w, &c), 200);
	client_send(w, &c, "/live/a/1.mp4", "", "mp4", 3);
	spin_until(&w->loop, task);
	err_set(&err, ERR_INVALID, "no mp4 at all");
	task_end(NULL, &err);
	assert_int_equal(client_status(w, &c), 422);
	world_free(w);
}

static void client_may_go_while_the_webhook_is_asked(void **state)
{
	struct world *w = world_new(true);
	struct client c;

	(void)state;
	client_send(w, &c, "/live/a/0.ts", "", w->clip.bytes.data, w->clip.bytes.len);
	settle(&w->loop);
	close(c.fd);
	settle(&w->loop);
	assert_int_equal(lives_count(w->ls), 0);
	world_free(w);
}

static void webhook_that_says_nothing_refuses(void **state)
{
	struct world *w = world_new(true);
	struct client c;

	(void)state;
	client_send(w, &c, "/live/a/0.ts", "", w->clip.bytes.data, w->clip.bytes.len);
	settle(&w->loop);
	warp(&w->loop, 2500);
	assert_int_equal(client_status(w, &c), 403);
	assert_int_equal(lives_count(w->ls), 0);
	world_free(w);
}

static void closing_answers_one_that_waits_for_the_webhook(void **state)
{
	struct world *w = world_new(true);
	struct client c;

	(void)state;
	client_send(w, &c, "/live/a/0.ts", "", w->clip.bytes.data, w->clip.bytes.len);
	settle(&w->loop);
	world_close(w);
	assert_int_equal(client_status(w, &c), 503);
	world_free(w);
}

static void closing_in_every_state_opens_no_stream(void **state)
{
	unsigned turns;

	(void)state;
	for (turns = 0; turns < 30; turns++) {
		struct world *w = world_new(false);
		struct client c;
		unsigned i;

		client_send(w, &c, turns % 2 ? "/live/a/0.mp4" : "/live/a/0.ts", "",
			    w->clip.bytes.data, w->clip.bytes.len);
		for (i = 0; i < turns; i++)
			uv_run(&w->loop, UV_RUN_NOWAIT);
		world_close(w);
		assert_int_equal(lives_count(w->ls), 0);
		uv_run(&w->loop, UV_RUN_DEFAULT);
		assert_int_equal(lives_count(w->ls), 0);
		close(c.fd);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pushed_segment_plays),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(segment_longer_than_a_minute_is_refused),
		cmocka_unit_test(mp4_is_remuxed_first),
		cmocka_unit_test(client_may_go_while_the_webhook_is_asked),
		cmocka_unit_test(webhook_that_says_nothing_refuses),
		cmocka_unit_test(closing_answers_one_that_waits_for_the_webhook),
		cmocka_unit_test(closing_in_every_state_opens_no_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
