#ifndef LP_TEST_NODE_PEER_HARNESS_H
#define LP_TEST_NODE_PEER_HARNESS_H
/*
 * Two sides on one loop that write down what happens to them.
 */
#include "test/test.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "node/peer/conn.h"
#include "protocol/frame.h"
#include "protocol/peer_msg.h"

#define ENDS_MAX 64

struct side;

/* One channel as its owner sees it. */
struct end {
	struct side *side;
	struct peer_channel *ch;	/* NULL once closed */
	uint64_t n_bytes, n_unconsumed;
	uint64_t sum;			/* of all bytes, position-weighted */
	unsigned n_msgs, n_closed, n_drained;
	struct err err;			/* of on_close; code ERR_NONE: in order */
	char events[64];		/* m, d (runs merged), c */
};

/* One connection as its owner sees it. */
struct side {
	struct world *w;
	struct peer_conn *conn;		/* NULL once closed */
	unsigned n_ready, n_closed, n_goaway, n_ends;
	unsigned n_open_at_close;	/* channels not told when on_close ran: a bug */
	struct err err;
	struct end ends[ENDS_MAX];
	bool hold;			/* consume nothing */
	bool refuse_channels;		/* set no callbacks */
	int in_call;			/* inside a function of conn.h: no callback may come */
	/* What to do inside the nth callback; NULL: nothing. */
	void (*act)(struct side *s, struct peer_channel *ch);
	unsigned act_at, n_callbacks;
};

struct world {
	uv_loop_t loop;
	uv_timer_t watchdog;
	struct peer_ctx *a_ctx, *b_ctx;
	struct sig_key *a_key, *b_key;
	struct hash32 domain;
	struct peer_listener *listener;
	struct side a, b;	/* a dials, b is dialled */
	unsigned n_asked;	/* times accept ran */
	bool refuse;		/* accept says no */
	char at[64];		/* "127.0.0.1:port" */
};

/* ---- callbacks ---- */

static inline void note_event(struct end *e, char c)
{
	size_t n = strlen(e->events);

	if (c == 'd' && n > 0 && e->events[n - 1] == 'd')
		return;
	if (n + 1 < sizeof(e->events))
		e->events[n] = c;
}

static inline void callback(struct side *s, struct peer_channel *ch)
{
	assert_int_equal(s->in_call, 0);
	if (s->act && s->n_callbacks++ == s->act_at)
		s->act(s, ch);
}

static inline void on_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data, size_t len)
{
	struct end *e = arg;

	assert_ptr_equal(e->ch, ch);
	assert_int_equal(e->n_closed, 0);
	e->n_msgs++;
	note_event(e, 'm');
	callback(e->side, ch);
}

static inline void on_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct end *e = arg;
	size_t i;

	assert_ptr_equal(e->ch, ch);
	assert_true(len > 0);
	for (i = 0; i < len; i += 97)
		e->sum += (e->n_bytes + i) * (data[i] + 1u);
	e->n_bytes += len;
	note_event(e, 'd');
	if (e->side->hold)
		e->n_unconsumed += len;
	else
		peer_channel_consumed(ch, len);
	callback(e->side, ch);
}

static inline void on_channel_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct end *e = arg;

	assert_ptr_equal(e->ch, ch);
	e->n_closed++;
	e->ch = NULL;
	if (why)
		e->err = *why;
	note_event(e, 'c');
	callback(e->side, ch);
}

static inline void on_drain(void *arg, struct peer_channel *ch)
{
	struct end *e = arg;

	e->n_drained++;
	callback(e->side, ch);
}

static const struct peer_channel_cb channel_cb = { on_msg, on_data, on_channel_close, on_drain };

static inline struct end *end_new(struct side *s)
{
	struct end *e = &s->ends[s->n_ends++];

	assert_true(s->n_ends <= ENDS_MAX);
	e->side = s;
	return e;
}

static inline void on_ready(void *arg, struct peer_conn *c)
{
	struct side *s = arg;

	s->n_ready++;
	assert_true(peer_conn_is_ready(c));
	callback(s, NULL);
}

static inline void on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	struct side *s = arg;
	struct end *e;

	assert_ptr_equal(peer_channel_conn(ch), c);
	if (s->refuse_channels)
		return;
	e = end_new(s);
	e->ch = ch;
	peer_channel_set(ch, &channel_cb, e);
	assert_ptr_equal(peer_channel_arg(ch), e);
	callback(s, ch);
}

static inline void on_goaway(void *arg, struct peer_conn *c)
{
	struct side *s = arg;

	s->n_goaway++;
	callback(s, NULL);
}

static inline void on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct side *s = arg;
	unsigned i;

	s->n_closed++;
	s->conn = NULL;
	s->err = *why;
	for (i = 0; i < s->n_ends; i++)
		s->n_open_at_close += s->ends[i].ch != NULL;
	callback(s, NULL);
}

static const struct peer_conn_cb conn_cb = { on_ready, on_channel, on_goaway, on_close };

static inline bool on_accept(void *arg, struct peer_conn *c, const struct peer_conn_cb **cb, void **conn_arg)
{
	struct world *w = arg;

	w->n_asked++;
	if (w->refuse)
		return false;
	w->b.conn = c;
	*cb = &conn_cb;
	*conn_arg = &w->b;
	return true;
}

/* ---- the world ---- */

#define WATCHDOG_MS 30000

static inline void on_watchdog(uv_timer_t *t)
{
	fail_msg("nothing more happens");
}

static const struct peer_limits quick = {
	.window = 1u << 20,
	.max_channels = 256,
	.handshake_ms = 5000,
	.ping_ms = 20,
	.dead_ms = 5000,
	.stall_ms = 10000,
};

static inline struct world *world_new(const struct peer_limits *l)
{
	struct world *w = xcalloc(1, sizeof(*w));

	assert_int_equal(uv_loop_init(&w->loop), 0);
	uv_timer_init(&w->loop, &w->watchdog);
	uv_timer_start(&w->watchdog, on_watchdog, WATCHDOG_MS, WATCHDOG_MS);
	memset(w->domain.b, 7, sizeof(w->domain.b));
	w->a_key = sig_key_generate();
	w->b_key = sig_key_generate();
	w->a_ctx = peer_ctx_new(&w->loop, w->a_key, &w->domain, "test-a");
	w->b_ctx = peer_ctx_new(&w->loop, w->b_key, &w->domain, "test-b");
	peer_ctx_limits(w->a_ctx, l);
	peer_ctx_limits(w->b_ctx, l);
	w->a.w = w->b.w = w;
	return w;
}

static inline void world_listen(struct world *w, unsigned max_conns, unsigned max_per_addr)
{
	struct err err;

	w->listener = peer_listen(w->b_ctx, "127.0.0.1:0", max_conns, max_per_addr, on_accept, w, &err);
	assert_non_null(w->listener);
	snprintf(w->at, sizeof(w->at), "127.0.0.1:%d", peer_listener_port(w->listener));
}

/* Everything closes, nothing leaks, the loop runs dry. */
static inline void world_free(struct world *w)
{
	w->a.in_call = w->b.in_call = 1;	/* no callback from here on */
	peer_ctx_free(w->a_ctx);
	peer_ctx_free(w->b_ctx);
	uv_close((uv_handle_t *)&w->watchdog, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	sig_key_free(w->a_key);
	sig_key_free(w->b_key);
	free(w);
}

#define spin_until(w, condition)				\
	do {							\
		uv_timer_again(&(w)->watchdog);			\
		while (!(condition))				\
			uv_run(&(w)->loop, UV_RUN_ONCE);	\
	} while (0)

static inline void dial(struct world *w)
{
	struct err err = { 0 };

	w->a.in_call++;
	w->a.conn = peer_dial(w->a_ctx, w->at, NULL, &conn_cb, &w->a, &err);
	w->a.in_call--;
	assert_non_null(w->a.conn);
}

static inline struct world *world_tcp_with(const struct peer_limits *l)
{
	struct world *w = world_new(l);

	world_listen(w, 100, 100);
	dial(w);
	spin_until(w, w->a.n_ready && w->b.n_ready);
	return w;
}

static inline struct world *world_tcp(void)
{
	return world_tcp_with(&quick);
}

static inline struct world *world_local(void)
{
	struct world *w = world_new(&quick);
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	w->a.conn = peer_attach(w->a_ctx, fd[0], true, false, &conn_cb, &w->a, NULL);
	w->b.conn = peer_attach(w->b_ctx, fd[1], false, false, &conn_cb, &w->b, NULL);
	assert_true(w->a.conn && w->b.conn);
	spin_until(w, w->a.n_ready && w->b.n_ready);
	return w;
}

static inline struct end *open_channel(struct side *s)
{
	struct end *e = end_new(s);

	s->in_call++;
	e->ch = peer_channel_open(s->conn, &channel_cb, e, NULL);
	s->in_call--;
	assert_non_null(e->ch);
	return e;
}

static inline void send_msg(struct end *e, uint16_t type, const char *text)
{
	struct buf b;

	buf_init(&b, 20000);
	buf_add_str(&b, text);
	e->side->in_call++;
	peer_channel_msg(e->ch, type, &b);
	e->side->in_call--;
	buf_fini(&b);
}

static inline size_t send_data(struct end *e, size_t len)
{
	static uint8_t block[1 << 20];
	size_t n, queued = 0;

	if (!block[1])
		for (n = 0; n < sizeof(block); n++)
			block[n] = (uint8_t)(n * 7 + (n >> 8));
	e->side->in_call++;
	for (; len > 0; len -= n) {
		n = len < sizeof(block) ? len : sizeof(block);
		queued = peer_channel_data(e->ch, block, n);
	}
	e->side->in_call--;
	return queued;
}

static inline void close_end(struct end *e)
{
	e->side->in_call++;
	peer_channel_close(e->ch);
	e->side->in_call--;
	e->ch = NULL;
}

static inline void close_conn(struct side *s)
{
	unsigned i;

	s->in_call++;
	peer_conn_close(s->conn);
	s->in_call--;
	s->conn = NULL;
	for (i = 0; i < s->n_ends; i++)
		s->ends[i].ch = NULL;
}

#endif
