/*
 * The life of a connection: states, frames of channel 0, deadlines, heartbeat, and
 * the one way in which it ends.
 *
 * Hellos: the dialler's goes with its last handshake message.  A listener answers
 * with its own only after its owner accepted the connection, so on_ready means on
 * both sides that the other one agreed.  Over a socketpair both speak at once.
 *
 * The end: FRAME_CLOSE on channel 0 with the reason, as last words.  A side that
 * closes for a fault then discards input for up to a second, because closing a
 * socket with unread input resets it, and the peer would never read the reason.
 *
 * Heartbeat: a PING each ping_ms also while data flows, so that the RTT is known
 * under load, or sooner beside a PONG.  Any byte proves life.  When our own process was stopped for a while,
 * the timer runs before the input that waited: a late tick is not held against the
 * peer.
 */
#include "node/peer/impl.h"

#include <assert.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/secret.h"

#define PROTOCOL_VERSION 1
#define LINGER_MS 1000
/* Of a channel that we let a peer open; what it promises us may be absurd. */
#define LOCAL_CHANNELS_MAX 1024

const struct peer_limits peer_limits_default = {
	.window = 1u << 20,
	.max_channels = 256,
	.handshake_ms = 5000,
	.ping_ms = 500,
	.dead_ms = 1500,
	.stall_ms = 10000,
};

/* ---- context ---- */

struct peer_ctx *peer_ctx_new(uv_loop_t *loop, const struct sig_key *key,
			      const struct hash32 *domain, const char *agent)
{
	struct peer_ctx *ctx = xcalloc(1, sizeof(*ctx));

	signal(SIGPIPE, SIG_IGN);
	ctx->loop = loop;
	ctx->key = key;
	if (key) {
		ctx->static_key = secret_alloc(sizeof(*ctx->static_key));
		noise_key_generate(ctx->static_key);
	}
	if (domain)
		ctx->domain = *domain;
	snprintf(ctx->agent, sizeof(ctx->agent), "%s", agent);
	ctx->limits = peer_limits_default;
	ctx->scratch = xmalloc(SCRATCH_LEN);
	TAILQ_INIT(&ctx->conns);
	TAILQ_INIT(&ctx->listeners);
	return ctx;
}

void peer_ctx_free(struct peer_ctx *ctx)
{
	struct peer_listener *l;
	struct peer_conn *c;

	if (!ctx)
		return;
	while ((l = TAILQ_FIRST(&ctx->listeners)))
		peer_listener_close(l);
	while ((c = TAILQ_FIRST(&ctx->conns)))
		peer_conn_close(c);
	secret_free(ctx->static_key);
	free(ctx->scratch);
	free(ctx);
}

void peer_ctx_limits(struct peer_ctx *ctx, const struct peer_limits *l)
{
	assert(l->max_channels > 0 && l->window > 0 && l->ping_ms > 0 && l->dead_ms > l->ping_ms);
	ctx->limits = *l;
}

void peer_ctx_stats(const struct peer_ctx *ctx, struct peer_stats *out)
{
	*out = ctx->stats;
}

/* ---- making and freeing ---- */

static void on_idle(uv_idle_t *h)
{
	struct peer_conn *c = h->data;

	uv_idle_stop(h);
	if (!conn_is_over(c))
		conn_settle(c);
}

struct peer_conn *peer_conn_new(struct peer_ctx *ctx, const char *name, bool is_dialler)
{
	struct peer_conn *c = xcalloc(1, sizeof(*c));

	c->ctx = ctx;
	c->name = xstrdup(name);
	log_init(&c->log, "peer=%s", name);
	c->limits = ctx->limits;
	c->window = ctx->limits.window;
	c->is_dialler = is_dialler;
	c->rtt_us = -1;
	c->next_id = is_dialler ? 1 : 2;
	buf_init(&c->raw, 4096);
	buf_init(&c->out, 2 * NOISE_MSG_MAX);
	channels_init(c);
	uv_timer_init(ctx->loop, &c->timer);
	uv_idle_init(ctx->loop, &c->idle);
	c->timer.data = c->idle.data = c->connect.data = c->resolve.data = c->write.data = c;
	c->n_open = 2;
	TAILQ_INSERT_TAIL(&ctx->conns, c, in_ctx);
	ctx->stats.n_conns++;
	return c;
}

void conn_unref(struct peer_conn *c)
{
	if (--c->n_open > 0)
		return;
	channels_fini(c);
	link_fini(c);
	free(c->name);
	free(c);
}

static void on_handle_closed(uv_handle_t *h)
{
	conn_unref(h->data);
}

/* Takes it from all lists; libuv's callbacks then free it. */
void conn_destroy(struct peer_conn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	c->state = CONN_CLOSED;
	listener_forget(c);
	TAILQ_REMOVE(&c->ctx->conns, c, in_ctx);
	c->ctx->stats.n_conns--;
	if (c->is_resolving)
		uv_cancel((uv_req_t *)&c->resolve);
	link_drop_sock(c);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
	uv_close((uv_handle_t *)&c->idle, on_handle_closed);
}

bool conn_is_over(const struct peer_conn *c)
{
	return c->state >= CONN_LINGER;
}

void conn_wake(struct peer_conn *c)
{
	if (!conn_is_over(c))
		uv_idle_start(&c->idle, on_idle);
}

void conn_settle(struct peer_conn *c)
{
	channels_deliver_failures(c);
	if (!conn_is_over(c))
		link_pump(c);
	channels_deliver_drains(c);
	if (!conn_is_over(c))
		channels_reap(c);
}

/* ---- the end ---- */

static void on_linger_end(uv_timer_t *h)
{
	conn_destroy(h->data);
}

void conn_fail(struct peer_conn *c, enum fail_kind kind, const struct err *why)
{
	struct err copy = *why;		/* may stand in what the owner frees */
	const struct peer_conn_cb *cb;
	bool told;

	if (conn_is_over(c))
		return;
	log_debug(&c->log, "connection ends: reason=%s", copy.msg);
	if (kind == FAIL_FAULT) {
		c->ctx->stats.n_bad++;
		listener_punish(c);
	}
	told = kind != FAIL_LINK && link_last_words(c, &copy);
	c->state = CONN_LINGER;
	channels_end(c, &copy);
	cb = c->cb;
	c->cb = NULL;
	if (cb && cb->on_close)
		cb->on_close(c->arg, c, &copy);
	if (c->state == CONN_CLOSED)	/* its owner closed it just now */
		return;
	if (told)
		uv_timer_start(&c->timer, on_linger_end, LINGER_MS, 0);
	else
		conn_destroy(c);
}

int conn_fault(struct peer_conn *c, enum err_code code, const char *fmt, ...)
{
	struct err err;
	va_list ap;

	err.code = code;
	va_start(ap, fmt);
	vsnprintf(err.msg, sizeof(err.msg), fmt, ap);
	va_end(ap);
	conn_fail(c, FAIL_FAULT, &err);
	return -1;
}

void peer_conn_close(struct peer_conn *c)
{
	c->cb = NULL;
	channels_silence(c);
	if (!conn_is_over(c))
		link_last_words(c, NULL);
	conn_destroy(c);
}

/* ---- the beginning ---- */

static void on_deadline(uv_timer_t *h)
{
	struct peer_conn *c = h->data;
	struct err err;

	err_set(&err, ERR_TIMEOUT, "no %s within %u ms",
		c->state == CONN_DIALLING ? "connection" : "handshake", c->limits.handshake_ms);
	conn_fail(c, c->state == CONN_DIALLING ? FAIL_LINK : FAIL_FAULT, &err);
}

void conn_start_deadline(struct peer_conn *c)
{
	uv_timer_start(&c->timer, on_deadline, c->limits.handshake_ms, 0);
}

void conn_begin(struct peer_conn *c)
{
	struct err err;

	c->state = c->is_bare ? CONN_HELLO : CONN_NOISE;
	if (!c->is_bare)
		c->noise = noise_new(c->is_dialler, c->ctx->static_key, "lpnode peer 1", 13, NULL);
	c->hello_due = c->is_bare;
	if (link_start(c, &err) < 0) {
		conn_fail(c, FAIL_LINK, &err);
		return;
	}
	conn_wake(c);
}

void conn_keys_done(struct peer_conn *c)
{
	c->state = CONN_HELLO;
	c->hello_due = c->is_dialler;
	c->ctx->stats.n_handshakes++;
}

/* ---- heartbeat ---- */

static bool is_dead(struct peer_conn *c, uint64_t now)
{
	struct err err;

	if (now - c->recv_ms >= c->limits.dead_ms)
		err_set(&err, ERR_TIMEOUT, "no sign of life for %llu ms",
			(unsigned long long)(now - c->recv_ms));
	else if (c->is_writing && now - c->write_ms >= c->limits.stall_ms)
		err_set(&err, ERR_TIMEOUT, "the peer does not read");
	else
		return false;
	c->ctx->stats.n_dead++;
	conn_fail(c, FAIL_LINK, &err);
	return true;
}

static void on_tick(uv_timer_t *h);

/* The next ping, or the moment at which silence is the end. */
static void plan_tick(struct peer_conn *c, uint64_t now)
{
	uint64_t since = now - c->ping_ms, wait = c->limits.ping_ms, dead;

	if (since < wait)
		wait -= since;
	dead = c->recv_ms + c->limits.dead_ms;
	if (dead < now + wait)
		wait = dead > now ? dead - now : 1;
	c->tick_due_ms = now + wait;
	uv_timer_start(&c->timer, on_tick, wait, 0);
}

static void ping(struct peer_conn *c, uint64_t now)
{
	c->ping_due = true;
	c->ping_wait = true;
	c->ping_id++;
	c->ping_ms = now;
	c->ping_us = clock_mono_us();
}

static void on_tick(uv_timer_t *h)
{
	struct peer_conn *c = h->data;
	uint64_t now = uv_now(c->ctx->loop), half = c->limits.ping_ms / 2;
	bool we_slept = now > c->tick_due_ms + half;

	if (we_slept)
		c->write_ms = now;
	if (we_slept && now - c->recv_ms >= c->limits.dead_ms - 2 * half)
		c->recv_ms = now - (c->limits.dead_ms - 2 * half);
	if (is_dead(c, now))
		return;
	if (!c->ping_due && now - c->ping_ms >= c->limits.ping_ms)
		ping(c, now);
	plan_tick(c, now);
	channels_expire(c, now);
	conn_settle(c);
}

/* Ours goes with the answer when it is due soon: two nodes that have nothing else to do
 * wake each other half as often. */
static void ping_along(struct peer_conn *c)
{
	uint64_t now = uv_now(c->ctx->loop);

	if (!c->has_ping || c->state != CONN_READY || c->ping_due ||
	    now - c->ping_ms < c->limits.ping_ms / 2 || now >= c->tick_due_ms)
		return;
	ping(c, now);
	plan_tick(c, now);
}

static void heartbeat_start(struct peer_conn *c)
{
	uv_timer_stop(&c->timer);
	if (!c->has_ping)
		return;
	c->tick_due_ms = uv_now(c->ctx->loop);
	uv_timer_start(&c->timer, on_tick, 0, 0);
}

/* ---- frames of channel 0 ---- */

static void add_hello(struct peer_conn *c, struct buf *out)
{
	struct msg_hello h = {
		.version = PROTOCOL_VERSION,
		.max_channels = c->limits.max_channels,
		.window = c->window,
	};
	struct buf b;

	memcpy(h.agent, c->ctx->agent, sizeof(h.agent));
	buf_init(&b, FRAME_PAYLOAD_MAX);
	if (!msg_hello_pack(&b, &h))
		abort();
	frame_add(out, FRAME_HELLO, 0, b.data, b.len);
	buf_fini(&b);
	c->hello_due = false;
	c->hello_sent = true;
}

/* At most a frame of each kind: a peer's flood of pings costs no memory. */
void conn_add_control(struct peer_conn *c, struct buf *out)
{
	uint8_t id[8];
	int i;

	if (c->hello_due)
		add_hello(c, out);
	if (!c->hello_sent)
		return;
	if (c->pong_due)
		frame_add(out, FRAME_PONG, 0, c->pong, sizeof(c->pong));
	if (c->ping_due) {
		for (i = 0; i < 8; i++)
			id[i] = (uint8_t)(c->ping_id >> (56 - 8 * i));
		frame_add(out, FRAME_PING, 0, id, sizeof(id));
	}
	if (c->goaway_due)
		frame_add(out, FRAME_GOAWAY, 0, NULL, 0);
	c->pong_due = c->ping_due = c->goaway_due = false;
}

static void become_ready(struct peer_conn *c)
{
	c->state = CONN_READY;
	heartbeat_start(c);
	log_debug(&c->log, "connection ready: agent=%s", c->hello.agent);
	if (c->cb && c->cb->on_ready)
		c->cb->on_ready(c->arg, c);
}

static void take_hello(struct peer_conn *c, const struct frame *f)
{
	struct err err;

	if (f->kind != FRAME_HELLO) {
		conn_fault(c, ERR_INVALID, "frame of kind %d before the hello", (int)f->kind);
		return;
	}
	if (msg_hello_unpack(&c->hello, f->payload, f->len, &err) < 0) {
		conn_fail(c, FAIL_FAULT, &err);
		return;
	}
	if (c->hello.version != PROTOCOL_VERSION) {
		conn_fault(c, ERR_INVALID, "protocol version %lu, ours is %d",
			   (unsigned long)c->hello.version, PROTOCOL_VERSION);
		return;
	}
	if (c->hello.max_channels > LOCAL_CHANNELS_MAX)
		c->hello.max_channels = LOCAL_CHANNELS_MAX;
	if (c->listener) {
		if (!listener_admits(c, &err)) {
			conn_fail(c, FAIL_REFUSED, &err);
			return;
		}
		if (conn_is_over(c))
			return;
		c->hello_due = true;
	}
	become_ready(c);
}

static void take_pong(struct peer_conn *c, const struct frame *f)
{
	uint64_t id = 0;
	int64_t rtt;
	size_t i;

	for (i = 0; i < f->len; i++)
		id = id << 8 | f->payload[i];
	if (!c->ping_wait || id != c->ping_id)
		return;
	c->ping_wait = false;
	rtt = clock_mono_us() - c->ping_us;
	c->rtt_us = rtt < 0 ? 0 : rtt > INT32_MAX ? INT32_MAX : (int)rtt;
}

static void take_close(struct peer_conn *c, const struct frame *f)
{
	struct err why;

	if (!close_reason_read(&why, f))
		err_set(&why, ERR_IO, "closed by the peer");
	conn_fail(c, FAIL_LINK, &why);
}

static void take_goaway(struct peer_conn *c)
{
	if (c->peer_drains)
		return;
	c->peer_drains = true;
	if (c->cb && c->cb->on_goaway)
		c->cb->on_goaway(c->arg, c);
}

static void take_control(struct peer_conn *c, const struct frame *f)
{
	switch (f->kind) {
	case FRAME_PING:
	case FRAME_PONG:
		if (f->len != 8) {
			conn_fault(c, ERR_INVALID, "ping of %zu bytes", f->len);
		} else if (f->kind == FRAME_PONG) {
			take_pong(c, f);
		} else {
			memcpy(c->pong, f->payload, 8);
			c->pong_due = true;
			ping_along(c);
		}
		return;
	case FRAME_GOAWAY:
		take_goaway(c);
		return;
	case FRAME_CLOSE:
		take_close(c, f);
		return;
	case FRAME_HELLO:
	case FRAME_MSG:
	case FRAME_DATA:
	case FRAME_CREDIT:
		conn_fault(c, ERR_INVALID, "frame of kind %d on channel 0", (int)f->kind);
		return;
	}
	/* Kinds of a later version are ignored. */
}

void conn_take_frame(struct peer_conn *c, const struct frame *f)
{
	if (c->state == CONN_HELLO && !(f->kind == FRAME_CLOSE && f->channel == 0))
		take_hello(c, f);
	else if (f->channel == 0)
		take_control(c, f);
	else
		channels_take_frame(c, f);
}

/* ---- what owners see ---- */

const struct eth_addr *peer_conn_addr(const struct peer_conn *c)
{
	return &c->addr;
}

struct hash32 peer_conn_handshake(const struct peer_conn *c)
{
	if (c->state != CONN_READY || !c->noise)
		return (struct hash32){ { 0 } };
	return noise_handshake_hash(c->noise);
}

const char *peer_conn_name(const struct peer_conn *c)
{
	return c->name;
}

bool peer_conn_is_ready(const struct peer_conn *c)
{
	return c->state == CONN_READY;
}

bool peer_conn_is_flushed(const struct peer_conn *c)
{
	return c->n_queued == 0 && c->out.len == 0 && !c->is_writing;
}

int peer_conn_rtt_us(const struct peer_conn *c)
{
	return c->rtt_us;
}

void peer_conn_goaway(struct peer_conn *c)
{
	if (c->we_drain)
		return;
	c->we_drain = true;
	c->goaway_due = true;
	conn_wake(c);
}

/* ---- socketpair ---- */

struct peer_conn *peer_attach(struct peer_ctx *ctx, int fd, bool dialler, bool ping,
			      const struct peer_conn_cb *cb, void *arg, struct err *err)
{
	struct peer_conn *c = peer_conn_new(ctx, "local", dialler);
	int rc;

	c->cb = cb;
	c->arg = arg;
	c->is_bare = true;
	c->window = 0;
	c->has_ping = ping;
	link_open_sock(c, true);
	rc = uv_pipe_open((uv_pipe_t *)c->sock, fd);
	if (rc < 0) {
		close(fd);
		err_set(err, ERR_IO, "socketpair: %s", uv_strerror(rc));
		conn_destroy(c);
		return NULL;
	}
	if (ping)
		conn_start_deadline(c);
	c->state = CONN_HELLO;
	c->hello_due = true;
	if (link_start(c, err) < 0) {
		conn_destroy(c);
		return NULL;
	}
	conn_wake(c);
	return c;
}
