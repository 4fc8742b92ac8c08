/*
 * One connection.  All its ways to end lead to rtmp_conn_close, which tells the
 * owner at once and frees when libuv has let go of the handle; so code that runs
 * inside a callback may close and still touch the connection on its way out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"
#include "media/wire/rtmp_handshake.h"
#include "node/ingest/rtmp_int.h"

#define ACK_WINDOW_DEFAULT 2500000
#define ACK_WINDOW_MIN 1024

/* A reply in libuv's queue. */
struct out {
	uv_write_t req;
	struct rtmp_conn *conn;
	size_t len;
	uint8_t data[];
};

static void set_reading(struct rtmp_conn *c, bool on);

void rtmp_conn_set_deadline(struct rtmp_conn *c, int ms, const char *why)
{
	c->deadline_ms = clock_mono_ms() + ms;
	c->deadline_why = why;
}

/* ---- ending ---- */

static void on_conn_closed(uv_handle_t *h)
{
	struct rtmp_conn *c = h->data;
	struct rtmp_server *s = c->server;

	rtmp_play_free(c);
	rtmp_publish_free_dead(c);
	rtmp_chunk_reader_free(c->reader);
	buf_fini(&c->held);
	free(c->hs);
	free(c->app);
	free(c->tc_url);
	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	free(c);
	s->stats.n_conns--;
	s->n_handles--;
	rtmp_server_finish(s);
}

void rtmp_conn_close(struct rtmp_conn *c, bool clean, const char *why)
{
	if (c->state == CONN_CLOSED)
		return;
	c->state = CONN_CLOSED;
	c->deadline_ms = 0;
	log_debug(NULL, "RTMP connection closed: peer=%s why=\"%s\"", c->peer, why);
	rtmp_publish_end(c, clean, why);
	rtmp_play_stop(c);
	uv_close((uv_handle_t *)&c->tcp, on_conn_closed);
}

void rtmp_conn_bad(struct rtmp_conn *c, const char *why)
{
	if (c->state == CONN_CLOSED)
		return;
	c->server->stats.n_bad++;
	if (log_may(&c->server->bad_limit, 30))
		log_warn(NULL, "RTMP connection closed, it breaks the protocol: peer=%s why=\"%s\"",
			 c->peer, why);
	rtmp_conn_close(c, false, why);
}

/*
 * The peer closes first when it has read our last message; closing while unread
 * input waits would reset the connection and could destroy that message.
 */
void rtmp_conn_linger(struct rtmp_conn *c)
{
	if (c->state == CONN_CLOSED || c->state == CONN_LINGER)
		return;
	rtmp_publish_end(c, false, "closed by the server");
	rtmp_play_stop(c);
	if (c->state == CONN_CLOSED)
		return;
	c->state = CONN_LINGER;
	rtmp_conn_set_polled(c, false);
	set_reading(c, true);	/* to see the peer's end */
	rtmp_conn_set_deadline(c, RTMP_LINGER_MS, "the last message was delivered");
	if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, NULL) < 0)
		rtmp_conn_close(c, false, "cannot shut down");
}

/* ---- sending ---- */

static void on_reply_sent(uv_write_t *req, int status)
{
	struct out *o = req->data;

	o->conn->out_bytes -= o->len;
	free(o);
}

void rtmp_conn_send(struct rtmp_conn *c, const struct buf *b)
{
	uv_stream_t *stream = (uv_stream_t *)&c->tcp;
	uv_buf_t rest = uv_buf_init((char *)b->data, (unsigned)b->len);
	struct out *o;
	int n;

	if (c->state == CONN_CLOSED || c->state == CONN_LINGER || b->len == 0)
		return;
	c->server->stats.bytes_out += b->len;
	if (uv_stream_get_write_queue_size(stream) == 0) {
		n = uv_try_write(stream, &rest, 1);
		if (n == (int)b->len)
			return;
		if (n > 0)
			rest = uv_buf_init(rest.base + n, (unsigned)(rest.len - (size_t)n));
	}
	if (c->out_bytes + rest.len > RTMP_OUT_MAX) {
		rtmp_conn_bad(c, "it does not read our replies");
		return;
	}
	o = xmalloc(sizeof(*o) + rest.len);
	*o = (struct out){ .conn = c, .len = rest.len };
	memcpy(o->data, rest.base, rest.len);
	o->req.data = o;
	rest.base = (char *)o->data;
	c->out_bytes += o->len;
	if (uv_write(&o->req, stream, &rest, 1, on_reply_sent) < 0) {
		c->out_bytes -= o->len;
		free(o);
		rtmp_conn_close(c, false, "cannot write");
	}
}

static void send_control(struct rtmp_conn *c, enum rtmp_type type, uint32_t value)
{
	struct buf b;

	buf_init(&b, 64);
	rtmp_chunk_write_control(&b, type, value);
	rtmp_conn_send(c, &b);
	buf_fini(&b);
}

/* ---- handshake ---- */

static void answer_handshake(struct rtmp_conn *c)
{
	uint8_t random[RTMP_HANDSHAKE_LEN];
	struct err err;
	struct buf b;

	secret_random(random, sizeof(random));
	buf_init(&b, RTMP_S0S1S2_LEN);
	if (rtmp_handshake_answer(buf_reserve(&b, RTMP_S0S1S2_LEN), c->hs, random,
				  (uint32_t)clock_mono_ms(), NULL, &err) < 0) {
		rtmp_conn_bad(c, err.msg);
	} else {
		b.len = RTMP_S0S1S2_LEN;
		rtmp_conn_send(c, &b);
	}
	buf_fini(&b);
}

/* Returns how many bytes it took. */
static size_t feed_handshake(struct rtmp_conn *c, const uint8_t *data, size_t len)
{
	size_t total = c->state == CONN_C0C1 ? RTMP_C0C1_LEN : RTMP_HANDSHAKE_LEN;
	size_t n = len < total - c->n_hs ? len : total - c->n_hs;

	if (c->state == CONN_C0C1) {
		/* HTTP, TLS and the like end here, not at the deadline. */
		if (c->n_hs == 0 && data[0] != 3) {
			rtmp_conn_bad(c, "not RTMP: the first byte is not version 3");
			return n;
		}
		if (!c->hs)
			c->hs = xmalloc(RTMP_C0C1_LEN);
		memcpy(c->hs + c->n_hs, data, n);
	}
	c->n_hs += n;
	if (c->n_hs < total)
		return n;
	c->n_hs = 0;
	if (c->state == CONN_C2) {	/* whatever it echoes: some echo nonsense */
		c->state = CONN_OPEN;
		rtmp_conn_set_deadline(c, RTMP_COMMAND_MS, "no publish or play command came");
		return n;
	}
	answer_handshake(c);
	free(c->hs);
	c->hs = NULL;
	if (c->state == CONN_C0C1)
		c->state = CONN_C2;
	return n;
}

/* ---- messages ---- */

static void on_user_control(struct rtmp_conn *c, const struct rtmp_msg *m)
{
	struct rd r = rd_of(m->data, m->len);
	uint16_t event = rd_u16(&r);
	uint32_t value = rd_u32(&r);
	struct buf b;

	if (r.failed || event != RTMP_PING_REQUEST)
		return;
	buf_init(&b, 64);
	rtmp_add_user_control(&b, RTMP_PING_RESPONSE, value);
	rtmp_conn_send(c, &b);
	buf_fini(&b);
}

static void on_window_ack_size(struct rtmp_conn *c, const struct rtmp_msg *m)
{
	struct rd r = rd_of(m->data, m->len);
	uint32_t v = rd_u32(&r);

	if (!r.failed && v > 0)
		c->ack_window = v < ACK_WINDOW_MIN ? ACK_WINDOW_MIN : v;
}

/* Input is held while a publish request waits for its answer, and until what was
 * held has been read. */
static bool is_holding(const struct rtmp_conn *c)
{
	return c->resume || (c->pub && !c->pub->accepted);
}

static enum rtmp_next on_message(void *arg, const struct rtmp_msg *m)
{
	struct rtmp_conn *c = arg;

	switch (m->type) {
	case RTMP_USER_CONTROL:
		on_user_control(c, m);
		break;
	case RTMP_WINDOW_ACK_SIZE:
		on_window_ack_size(c, m);
		break;
	case RTMP_AUDIO:
	case RTMP_VIDEO:
	case RTMP_DATA_AMF0:
	case RTMP_DATA_AMF3:
	case RTMP_AGGREGATE:
		rtmp_publish_media(c, m);
		break;
	case RTMP_COMMAND_AMF0:
	case RTMP_COMMAND_AMF3:
		rtmp_command(c, m);
		break;
	default:	/* acknowledgements, bandwidth hints, shared objects */
		break;
	}
	return c->state == CONN_OPEN && !is_holding(c) ? RTMP_GO_ON : RTMP_STOP;
}

static void hold(struct rtmp_conn *c, const uint8_t *data, size_t len)
{
	/* Reading stops at the limit, which one more read may exceed. */
	if (!buf_add(&c->held, data, len))
		rtmp_conn_bad(c, "too much was sent before publishing was allowed");
	else if (c->held.len >= RTMP_HELD_MAX)
		set_reading(c, false);
}

/*
 * Adobe RTMP 5.4.3: acknowledge each window; librtmp-based senders stall without.
 */
static void acknowledge(struct rtmp_conn *c)
{
	if (c->state != CONN_OPEN || c->bytes_in - c->acked < c->ack_window)
		return;
	c->acked = c->bytes_in;
	send_control(c, RTMP_ACK, (uint32_t)c->bytes_in);
}

static void feed_chunks(struct rtmp_conn *c, const uint8_t *data, size_t len)
{
	struct err err;
	long n;

	if (is_holding(c)) {
		hold(c, data, len);
		return;
	}
	n = rtmp_chunk_read(c->reader, data, len, on_message, c, &err);
	if (n < 0)
		rtmp_conn_bad(c, err.msg);
	else if (c->state == CONN_OPEN && (size_t)n < len)
		hold(c, data + n, len - (size_t)n);
}

void rtmp_conn_feed(struct rtmp_conn *c, const uint8_t *data, size_t len)
{
	size_t n;

	c->feeding = true;
	while (len > 0 && (c->state == CONN_C0C1 || c->state == CONN_C2)) {
		n = feed_handshake(c, data, len);
		data += n;
		len -= n;
	}
	if (len > 0 && c->state == CONN_OPEN) {
		c->bytes_in += len;
		feed_chunks(c, data, len);
	}
	c->feeding = false;
	rtmp_publish_free_dead(c);
	acknowledge(c);
	if (c->pub && c->pub->stream)
		rtmp_stream_flush(c->pub->stream);
}

static void resume(struct rtmp_conn *c)
{
	struct buf held = c->held;

	c->resume = false;
	if (c->state != CONN_OPEN)
		return;
	buf_init(&c->held, held.max);
	set_reading(c, true);
	c->bytes_in -= held.len;	/* counted when it came */
	rtmp_conn_feed(c, held.data, held.len);
	buf_fini(&held);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
	struct rtmp_conn *c = h->data;

	*buf = uv_buf_init((char *)c->server->read_buf, RTMP_READ_BUF);
}

static void take_input(struct rtmp_conn *c, const uint8_t *data, size_t len)
{
	c->server->stats.bytes_in += len;
	if (c->state != CONN_LINGER)
		rtmp_conn_feed(c, data, len);
}

/* error: UV_EOF or another of libuv's codes. */
static void end_input(struct rtmp_conn *c, int error)
{
	bool inside = c->state != CONN_OPEN || rtmp_chunk_reader_is_inside(c->reader);

	if (error == UV_EOF)
		rtmp_conn_close(c, !inside, inside ? "connection cut inside a message"
						   : "connection closed by the client");
	else
		rtmp_conn_close(c, false, uv_strerror(error));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct rtmp_conn *c = stream->data;

	if (c->state == CONN_CLOSED)
		return;
	if (n > 0)
		take_input(c, (const uint8_t *)buf->base, (size_t)n);
	else if (n < 0)
		end_input(c, (int)n);
}

/*
 * Encoders send a packet at a time, some 80 a second: by events that is 80 wake-ups
 * and reads a stream, nearly all of what ingest costs.  So a running publisher's
 * socket is not watched but read each RTMP_POLL_MS, whatever has come.
 */
void rtmp_conn_poll(struct rtmp_conn *c)
{
	uint8_t *buf = c->server->read_buf;
	ssize_t n = RTMP_READ_BUF;

	while (n == RTMP_READ_BUF && c->polled && c->reading && c->state == CONN_OPEN) {
		n = recv(c->fd, buf, RTMP_READ_BUF, MSG_DONTWAIT);
		if (n > 0)
			take_input(c, buf, (size_t)n);
		else if (n == 0)
			end_input(c, UV_EOF);
		else if (errno != EAGAIN && errno != EINTR)
			end_input(c, uv_translate_sys_error(errno));
	}
}

static void watch(struct rtmp_conn *c, bool on)
{
	if (!on)
		uv_read_stop((uv_stream_t *)&c->tcp);
	else if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) < 0)
		rtmp_conn_close(c, false, "cannot read");
}

static void set_reading(struct rtmp_conn *c, bool on)
{
	if (c->reading == on || c->state == CONN_CLOSED)
		return;
	c->reading = on;
	if (!c->polled)
		watch(c, on);
}

void rtmp_conn_set_polled(struct rtmp_conn *c, bool on)
{
	if (c->polled == on || c->state == CONN_CLOSED || uv_fileno((uv_handle_t *)&c->tcp, &c->fd) < 0)
		return;
	c->polled = on;
	if (c->reading)
		watch(c, !on);
}

/* ---- beginning ---- */

static void set_peer(struct rtmp_conn *c)
{
	struct sockaddr_storage ss;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&ss;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&ss;
	int len = sizeof(ss);
	char ip[INET6_ADDRSTRLEN] = "";

	snprintf(c->peer, sizeof(c->peer), "unknown");
	if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&ss, &len) < 0)
		return;
	if (ss.ss_family == AF_INET) {
		uv_ip4_name(v4, ip, sizeof(ip));
		snprintf(c->peer, sizeof(c->peer), "%s:%u", ip, ntohs(v4->sin_port));
		memset(c->addr + 10, 0xff, 2);
		memcpy(c->addr + 12, &v4->sin_addr, 4);
	} else if (ss.ss_family == AF_INET6) {
		uv_ip6_name(v6, ip, sizeof(ip));
		snprintf(c->peer, sizeof(c->peer), "[%s]:%u", ip, ntohs(v6->sin6_port));
		memcpy(c->addr, &v6->sin6_addr, 16);
	}
}

static bool is_too_many(const struct rtmp_conn *c)
{
	const struct rtmp_server *s = c->server;
	const struct rtmp_conn *o;
	unsigned n = 0;

	if (s->stats.n_conns > s->opts.max_conns)
		return true;
	for (o = s->conns; o; o = o->next)
		n += memcmp(o->addr, c->addr, sizeof(c->addr)) == 0;
	return n > s->opts.max_per_addr;
}

struct rtmp_conn *rtmp_conn_new(struct rtmp_server *s, int fd)
{
	struct rtmp_conn *c = xcalloc(1, sizeof(*c));
	int ret;

	c->server = s;
	c->ack_window = ACK_WINDOW_DEFAULT;
	c->tcp.data = c;
	c->reader = rtmp_chunk_reader_new(RTMP_MSG_MAX_UNKNOWN);
	buf_init(&c->held, RTMP_HELD_MAX + RTMP_READ_BUF);
	uv_tcp_init(s->loop, &c->tcp);
	c->next = s->conns;
	if (s->conns)
		s->conns->prev = c;
	s->conns = c;
	s->stats.n_conns++;
	s->n_handles++;
	ret = fd >= 0 ? uv_tcp_open(&c->tcp, fd)
		      : uv_accept((uv_stream_t *)&s->listener, (uv_stream_t *)&c->tcp);
	if (ret < 0) {
		if (fd >= 0)
			close(fd);
		rtmp_conn_close(c, false, uv_strerror(ret));
		return NULL;
	}
	set_peer(c);
	if (is_too_many(c)) {
		if (log_may(&s->full_limit, 6))
			log_warn(NULL, "RTMP connection refused, too many are open: peer=%s open=%u",
				 c->peer, s->stats.n_conns - 1);
		rtmp_conn_close(c, false, "too many connections");
		return NULL;
	}
	uv_tcp_nodelay(&c->tcp, 1);
	uv_tcp_keepalive(&c->tcp, 1, 30);
	rtmp_conn_set_deadline(c, RTMP_HANDSHAKE_MS, "the handshake took too long");
	set_reading(c, true);
	return c->state == CONN_CLOSED ? NULL : c;
}

void rtmp_conn_tick(struct rtmp_conn *c, int64_t now_ms)
{
	if (c->resume)
		resume(c);
	if (c->deadline_ms > 0 && now_ms >= c->deadline_ms) {
		rtmp_conn_close(c, false, c->deadline_why);
		return;
	}
	if (c->pub)
		rtmp_publish_tick(c, now_ms);
	if (c->player)
		rtmp_play_tick(c, now_ms);
}
