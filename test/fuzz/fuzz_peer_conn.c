/*
 * A connection above the decrypted frame layer, on one end of a socketpair; the
 * input is what the peer sends on the other.
 *
 *	byte 0: bit 0 we are the dialler, bit 1 we offer a window of 4096 bytes and
 *	enforce it, bit 2 a hello is sent before the input, bit 3 no data is consumed,
 *	bit 4 input goes byte by byte (its first 300)
 *
 * The type of a message says what our side does in its callback, so that the input
 * drives all of conn.h: see act().  Checked: callbacks once each and in order, what
 * we send is whole frames, all memory goes.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "node/peer/conn.h"
#include "node/peer/impl.h"
#include "protocol/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Our side. */
static struct peer_conn *conn;
static unsigned n_open, n_ready;
static bool no_consume;

/* What the other side has got. */
static struct buf seen;
static const uint8_t hello[] = { 0, 0, 0, 8, 1, 0, 0, 0, 0, 8, 1, 32, 5, 40, 0x80, 0x80, 1 };

static const struct peer_channel_cb channel_cb;

static void open_one(struct peer_conn *c)
{
	if (peer_channel_open(c, &channel_cb, NULL, NULL))
		n_open++;
}

static void send_data(struct peer_channel *ch, size_t len)
{
	static const uint8_t block[200000];

	peer_channel_data(ch, block, len);
}

static void act(struct peer_channel *ch, uint16_t type, const uint8_t *data, size_t len)
{
	struct peer_conn *c = peer_channel_conn(ch);
	struct buf body = { .data = (uint8_t *)data, .len = len };
	struct err why = { ERR_BUSY, "for the test" };

	switch (type % 12) {
	case 1: send_data(ch, 1 + len * 7); break;
	case 2: send_data(ch, 200000); break;
	case 3: n_open--; peer_channel_close(ch); break;
	case 4: n_open--; peer_channel_abort(ch, &why); break;
	case 5: open_one(c); break;
	case 6: conn = NULL; n_open = 0; peer_conn_close(c); break;
	case 7: peer_conn_goaway(c); break;
	case 8: peer_channel_consumed(ch, len * 100); break;
	case 9: body.len = FRAME_PAYLOAD_MAX + 5; peer_channel_msg(ch, 1, &body); break;
	case 10: peer_channel_msg(ch, 1, &body); send_data(ch, 10); n_open--;
		peer_channel_close(ch); break;
	default: peer_channel_msg(ch, type, &body); break;
	}
}

static void on_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data, size_t len)
{
	act(ch, type, data, len);
}

static void on_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	assert(len > 0 && len <= FRAME_PAYLOAD_MAX);
	if (!no_consume)
		peer_channel_consumed(ch, len);
	if (data[0] == 'A')
		act(ch, data[len - 1], data, len);
}

static void on_channel_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	assert(n_open > 0);
	n_open--;
	if (why && why->msg[0] == 0)
		abort();
}

static void on_drain(void *arg, struct peer_channel *ch)
{
	send_data(ch, 100);
}

static const struct peer_channel_cb channel_cb = { on_msg, on_data, on_channel_close, on_drain };

static void on_ready(void *arg, struct peer_conn *c)
{
	assert(n_ready++ == 0);
	open_one(c);
}

static void on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	if (peer_channel_id(ch) % 7 == 0)
		return;		/* nobody takes it */
	n_open++;
	peer_channel_set(ch, &channel_cb, NULL);
}

static void on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	assert(conn == c && n_open == 0 && why->code != ERR_NONE);
	conn = NULL;
}

static const struct peer_conn_cb conn_cb = { on_ready, on_channel, NULL, on_close };

/* ---- the other side ---- */

static void drain(int fd)
{
	uint8_t *to;
	ssize_t n;

	do {
		to = buf_reserve(&seen, 65536);
		n = to ? recv(fd, to, 65536, MSG_DONTWAIT) : 0;
		if (n > 0)
			seen.len += (size_t)n;
	} while (n > 0);
}

static void give(uv_loop_t *loop, int fd, const uint8_t *p, size_t len)
{
	ssize_t n;

	while (len > 0 && conn) {
		n = send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
		uv_run(loop, UV_RUN_NOWAIT);
		drain(fd);
	}
}

/* Whole frames, except that the last may be cut when we were closed amid a write. */
static void check_seen(bool cut_is_fine)
{
	size_t at = 0;
	struct frame f;
	long n = 1;

	while (at < seen.len && (n = frame_parse(&f, seen.data + at, seen.len - at, NULL)) > 0) {
		if (at == 0)
			assert(f.kind == FRAME_HELLO || (f.kind == FRAME_CLOSE && f.channel == 0));
		at += (size_t)n;
	}
	assert(n >= 0);
	assert(at == seen.len || cut_is_fine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t mode = len ? data[0] : 0;
	struct peer_ctx *ctx;
	uv_loop_t loop;
	int fd[2], i;

	if (len == 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
		return 0;
	n_open = n_ready = 0;
	no_consume = mode & 8;
	buf_init(&seen, 64u << 20);
	uv_loop_init(&loop);
	ctx = peer_ctx_new(&loop, NULL, NULL, "fuzz");
	conn = peer_attach(ctx, fd[0], mode & 1, false, &conn_cb, NULL, NULL);
	assert(conn);
	if (mode & 2)
		conn->window = 4096;
	if (mode & 4)
		give(&loop, fd[1], hello, sizeof(hello));
	data++, len--;
	for (i = 0; (mode & 16) && i < 300 && len > 0; i++, data++, len--)
		give(&loop, fd[1], data, 1);
	give(&loop, fd[1], data, len);
	for (i = 0; i < 20; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		drain(fd[1]);
	}
	check_seen(!conn || conn->is_writing);
	close(fd[1]);
	for (i = 0; i < 20 && conn; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert(!conn);
	peer_ctx_free(ctx);
	uv_run(&loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&loop) != 0)
		abort();
	buf_fini(&seen);
	return 0;
}
