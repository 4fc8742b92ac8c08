/*
 * Bytes of a connection.  Over TCP everything is a record: u16 big-endian length
 * and a Noise message.  The three of the handshake come first (message 1 without
 * payload, 2 and 3 with a packed Identity), then each record's plaintext is a run
 * of whole frames: no frame is split over records, so frames are parsed where they
 * were decrypted, without a copy.  Over a socketpair the frames stand bare.
 *
 * Reading: all connections of a context read into one scratch buffer, in front of
 * which the part of a record that came before is copied back; an idle connection
 * holds no buffer.
 *
 * Writing: one record at a time, up to 64 KiB, is given to the kernel, control frames
 * first, at most RECORDS_AT_ONCE in a turn of the loop; what it does not take at once
 * libuv keeps, and the next record is made when that has gone.  The kernel is kept from
 * hoarding by TCP_NOTSENT_LOWAT, which unlike a small SO_SNDBUF does not limit what
 * is in flight on a long path.  So a ping waits behind 128 KiB at most.
 * */
#include "node/peer/impl.h"

#include <assert.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "protocol/segment.h"

#define PLAIN_MAX (NOISE_MSG_MAX - NOISE_TAG)
#define IDENTITY_MAX 256
#define HANDSHAKE_MAX (96 + NOISE_TAG + IDENTITY_MAX)
#define NOTSENT_MAX (64 << 10)
#define RECORDS_AT_ONCE 4

/* ---- socket ---- */

union sock {
	uv_stream_t stream;
	uv_tcp_t tcp;
	uv_pipe_t pipe;
};

void link_open_sock(struct peer_conn *c, bool is_pipe)
{
	union sock *s = xcalloc(1, sizeof(*s));

	if (is_pipe)
		uv_pipe_init(c->ctx->loop, &s->pipe, 0);
	else
		uv_tcp_init(c->ctx->loop, &s->tcp);
	s->stream.data = c;
	c->sock = &s->stream;
	c->n_open++;
}

static void on_sock_closed(uv_handle_t *h)
{
	struct peer_conn *c = h->data;

	free(h);
	conn_unref(c);
}

void link_drop_sock(struct peer_conn *c)
{
	if (c->sock)
		uv_close((uv_handle_t *)c->sock, on_sock_closed);
	c->sock = NULL;
}

static void tune_tcp(struct peer_conn *c)
{
	int lowat = NOTSENT_MAX;
	uv_os_fd_t fd;

	uv_tcp_nodelay((uv_tcp_t *)c->sock, 1);
	if (uv_fileno((uv_handle_t *)c->sock, &fd) == 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
}

void link_fini(struct peer_conn *c)
{
	if (c->noise)
		noise_free(c->noise);
	if (c->addrs)
		uv_freeaddrinfo(c->addrs);
	free(c->in);
	buf_fini(&c->raw);
	buf_fini(&c->out);
}

/* ---- handshake ---- */

static struct hash32 identity_digest(struct peer_conn *c, bool ours)
{
	const uint8_t *key = ours ? c->ctx->static_key->public : noise_remote_static(c->noise);
	struct hash32 h = ours ? noise_transcript_next(c->noise) : noise_transcript_read(c->noise);
	uint8_t side = c->is_dialler == ours ? 0 : 1;

	return peer_identity_digest(key, &h, side, &c->ctx->domain);
}

static void add_identity(struct peer_conn *c, struct buf *to)
{
	struct hash32 d = identity_digest(c, true);
	struct msg_identity id = {
		.addr = sig_key_addr(c->ctx->key),
		.sig = sig_sign(c->ctx->key, &d),
	};

	msg_identity_pack(to, &id);
}

static int say_handshake(struct peer_conn *c)
{
	uint8_t msg[HANDSHAKE_MAX];
	struct buf payload;
	struct err err;
	size_t len;
	int rc;

	buf_init(&payload, IDENTITY_MAX);
	/* Message 1 is sent in the clear: nothing of ours is in it. */
	if (!c->is_dialler || noise_remote_static(c->noise))
		add_identity(c, &payload);
	rc = payload.failed ? -1 : noise_write(c->noise, payload.data, payload.len, msg, &len, &err);
	buf_fini(&payload);
	if (rc < 0)
		return conn_fault(c, ERR_INTERNAL, "handshake cannot be written");
	buf_add_u16(&c->raw, (uint16_t)len);
	buf_add(&c->raw, msg, len);
	return 0;
}

/* Did who holds this Noise key sign for the address, here and now? */
static int check_identity(struct peer_conn *c, const uint8_t *payload, size_t len, struct err *err)
{
	struct msg_identity id;
	struct hash32 d = identity_digest(c, false);
	char want[43], got[43];

	if (msg_identity_unpack(&id, payload, len, err) < 0 ||
	    sig_verify(&id.addr, &d, &id.sig, err) < 0)
		return err_wrap(err, "identity");
	if (c->has_expect && !eth_addr_equal(&id.addr, &c->expect)) {
		eth_addr_fmt(want, &c->expect);
		eth_addr_fmt(got, &id.addr);
		return err_set(err, ERR_DENIED, "identity: %s answers, expected %s", got, want);
	}
	c->addr = id.addr;
	return 0;
}

static void take_handshake(struct peer_conn *c, const uint8_t *msg, size_t len)
{
	uint8_t payload[HANDSHAKE_MAX];
	struct err err;
	size_t payload_len;

	if (noise_read(c->noise, msg, len, payload, &payload_len, &err) < 0 ||
	    (noise_remote_static(c->noise) &&
	     check_identity(c, payload, payload_len, &err) < 0)) {
		conn_fail(c, FAIL_FAULT, &err);
		return;
	}
	if (noise_wants_write(c->noise) && say_handshake(c) < 0)
		return;
	if (noise_is_done(c->noise))
		conn_keys_done(c);
}

/* ---- reading ---- */

/* Frames at p.  Returns the bytes used; conn_is_over() is to be asked after. */
static size_t take_frames(struct peer_conn *c, const uint8_t *p, size_t len)
{
	size_t used = 0;
	struct frame f;
	struct err err;
	long n;

	while (used < len) {
		n = frame_parse(&f, p + used, len - used, &err);
		if (n < 0)
			conn_fail(c, FAIL_FAULT, &err);
		if (n <= 0)
			break;
		used += (size_t)n;
		conn_take_frame(c, &f);
		if (conn_is_over(c))
			break;
	}
	return used;
}

static void take_record(struct peer_conn *c, uint8_t *p, size_t len)
{
	struct err err;

	if (c->state == CONN_NOISE) {
		take_handshake(c, p, len);
		return;
	}
	if (noise_decrypt(c->noise, p, len, p, &err) < 0) {
		conn_fail(c, FAIL_FAULT, &err);
		return;
	}
	len -= NOISE_TAG;
	if (take_frames(c, p, len) < len && !conn_is_over(c))
		conn_fault(c, ERR_INVALID, "record ends within a frame");
}

static size_t take_records(struct peer_conn *c, uint8_t *p, size_t len)
{
	size_t used = 0, n;

	while (len - used >= 2 && !conn_is_over(c)) {
		n = (size_t)p[used] << 8 | p[used + 1];
		if (c->state == CONN_NOISE && n > HANDSHAKE_MAX) {
			conn_fault(c, ERR_LIMIT, "handshake message of %zu bytes", n);
			break;
		}
		if (len - used < 2 + n)
			break;
		take_record(c, p + used + 2, n);
		used += 2 + n;
	}
	return used;
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct peer_conn *c = h->data;

	if (c->in_len > 0)
		memcpy(c->ctx->scratch, c->in, c->in_len);
	buf->base = (char *)c->ctx->scratch + c->in_len;
	buf->len = SCRATCH_LEN - c->in_len;
	if (buf->len > 65536)	/* let others have their turn */
		buf->len = 65536;
}

static void keep_rest(struct peer_conn *c, const uint8_t *p, size_t len)
{
	free(c->in);
	c->in = NULL;
	c->in_len = len;
	if (len == 0)
		return;
	c->in = xmalloc(len);
	memcpy(c->in, p, len);
}

static void take_input(struct peer_conn *c, size_t n)
{
	uint8_t *p = c->ctx->scratch;
	size_t len = c->in_len + n, used;

	c->recv_ms = uv_now(c->ctx->loop);
	c->ctx->stats.bytes_in += n;
	used = c->is_bare ? take_frames(c, p, len) : take_records(c, p, len);
	if (conn_is_over(c))
		return;
	keep_rest(c, p + used, len - used);
	conn_settle(c);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct peer_conn *c = s->data;
	struct err err;

	if (c->state == CONN_CLOSED || n == 0)
		return;
	if (c->state == CONN_LINGER) {
		c->in_len = 0;
		if (n < 0)
			conn_destroy(c);
		return;
	}
	if (n > 0) {
		take_input(c, (size_t)n);
		return;
	}
	if (n == UV_EOF)
		err_set(&err, ERR_IO, "connection closed by the peer%s",
			c->in_len ? " within a record" : "");
	else
		err_set(&err, ERR_IO, "read: %s", uv_strerror((int)n));
	conn_fail(c, FAIL_LINK, &err);
}

int link_start(struct peer_conn *c, struct err *err)
{
	int rc;

	if (!c->is_bare) {
		tune_tcp(c);
		if (c->is_dialler && say_handshake(c) < 0)
			return err_set(err, ERR_INTERNAL, "handshake cannot be written");
	}
	c->recv_ms = uv_now(c->ctx->loop);
	rc = uv_read_start(c->sock, on_alloc, on_read);
	if (rc < 0)
		return err_set(err, ERR_IO, "read: %s", uv_strerror(rc));
	return 0;
}

/* ---- writing ---- */

/* Encrypts what stands in b behind at + 2, and puts the length before it. */
static void seal(struct peer_conn *c, struct buf *b, size_t at)
{
	size_t len = b->len - at - 2;
	uint8_t *p = b->data + at + 2;

	if (noise_encrypt(c->noise, p, len, p, NULL) < 0)
		abort();
	b->len += NOISE_TAG;
	b->data[at] = (uint8_t)((len + NOISE_TAG) >> 8);
	b->data[at + 1] = (uint8_t)(len + NOISE_TAG);
}

static void make_record(struct peer_conn *c)
{
	struct buf *b = &c->out;
	size_t at = b->len, head = c->is_bare ? 0 : 2;

	/* All at once: it is filled to the brim when there is data at all. */
	buf_reserve(b, c->n_queued > PLAIN_MAX ? 2 + NOISE_MSG_MAX : 4096);
	b->len += head;
	conn_add_control(c, b);
	if (c->hello_sent)
		channels_add_frames(c, b, at + head + PLAIN_MAX);
	if (b->len == at + head) {
		b->len = at;
	} else if (!c->is_bare) {
		buf_reserve(b, NOISE_TAG);
		seal(c, b, at);
	}
}

/* libuv reads before it reports this: the peer's last words are not lost. */
static void writing_failed(struct peer_conn *c, int rc)
{
	struct err err;

	err_set(&err, ERR_IO, "write: %s", uv_strerror(rc));
	conn_fail(c, FAIL_LINK, &err);
}

static void on_written(uv_write_t *req, int status)
{
	struct peer_conn *c = req->data;

	c->is_writing = false;
	if (conn_is_over(c))
		return;
	if (status < 0)
		writing_failed(c, status);
	else
		conn_settle(c);
}

/* All that may go now; false when there is nothing. */
static bool fill_out(struct peer_conn *c)
{
	buf_clear(&c->out);
	buf_add(&c->out, c->raw.data, c->raw.len);
	buf_fini(&c->raw);
	if (c->state >= CONN_HELLO)
		make_record(c);
	return c->out.len > 0;
}

/*
 * Straight to the kernel: libuv would come back for each write with two more system
 * calls.  Returns what was taken; the rest, and errors, are uv_write's.
 */
static size_t write_now(struct peer_conn *c)
{
	uv_buf_t b = uv_buf_init((char *)c->out.data, (unsigned)c->out.len);
	int n = uv_try_write(c->sock, &b, 1);

	return n > 0 ? (size_t)n : 0;
}

static void write_later(struct peer_conn *c, size_t from)
{
	uv_buf_t b = uv_buf_init((char *)c->out.data + from, (unsigned)(c->out.len - from));
	int rc = uv_write(&c->write, c->sock, &b, 1, on_written);

	if (rc < 0) {
		writing_failed(c, rc);
		return;
	}
	c->is_writing = true;
	c->write_ms = uv_now(c->ctx->loop);
}

void link_pump(struct peer_conn *c)
{
	size_t n;
	int i;

	if (c->is_writing || c->state < CONN_NOISE)
		return;
	for (i = 0; i < RECORDS_AT_ONCE; i++) {
		if (!fill_out(c)) {
			buf_fini(&c->out);
			return;
		}
		c->ctx->stats.bytes_out += c->out.len;
		n = write_now(c);
		if (n < c->out.len) {
			write_later(c, n);
			return;
		}
	}
	buf_fini(&c->out);
	conn_wake(c);	/* others have their turn first */
}

/* Only when the kernel has taken all that came before: a record inside another one
 * would be no record. */
bool link_last_words(struct peer_conn *c, const struct err *why)
{
	struct buf b, reason;
	uv_buf_t u;
	size_t head = c->is_bare ? 0 : 2;
	bool sent;

	if (c->state < CONN_HELLO || c->raw.len > 0 ||
	    uv_stream_get_write_queue_size(c->sock) > 0)
		return false;
	buf_init(&b, 1024);
	buf_init(&reason, 512);
	close_reason_add(&reason, why);
	buf_reserve(&b, 1024);
	b.len = head;
	frame_add(&b, FRAME_CLOSE, 0, reason.data, reason.len);
	if (!c->is_bare)
		seal(c, &b, 0);
	u = uv_buf_init((char *)b.data, (unsigned)b.len);
	sent = uv_try_write(c->sock, &u, 1) == (int)b.len;
	buf_fini(&reason);
	buf_fini(&b);
	return sent;
}
