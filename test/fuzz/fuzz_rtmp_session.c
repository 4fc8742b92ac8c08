/*
 * A whole connection of the RTMP server.  The first byte says what stands before
 * the input and what the owner does:
 *	1 handshake is done		2 connect, createStream, publish were sent
 *	4 the owner answers later	8 the owner rejects
 *	16 it kicks at the first packet	32 a player watches
 *	64 a second copy of the input comes on another connection
 *	128 parameters of H.264 were sent
 * The rest is what the client sends, in two pieces.
 */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "media/wire/amf.h"
#include "media/wire/rtmp_handshake.h"
#include "node/ingest/rtmp_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uv_loop_t loop;
static struct rtmp_server *server;
static uint8_t flags;
static struct rtmp_publisher *waiting;
static unsigned n_asked, n_ended;
static int64_t now_ms = 1000000;

static void on_publish(void *arg, struct rtmp_publisher *p, const struct rtmp_request *req)
{
	assert(strlen(req->name) > 0 && strlen(req->name) <= RTMP_NAME_MAX && !strpbrk(req->name, "./ "));
	n_asked++;
	if (flags & 8)
		rtmp_publish_reject(p, flags & 1, "no");
	else if ((flags & 4) && !waiting)
		waiting = p;
	else
		rtmp_publish_accept(p, NULL);
}

static bool on_play(void *arg, const struct rtmp_request *req)
{
	return true;
}

static void on_track(void *arg, struct rtmp_publisher *p, enum track track, const struct track_config *c)
{
	assert(c->codec != CODEC_NONE);
}

static void on_packet(void *arg, struct rtmp_publisher *p, const struct media_packet *pkt)
{
	assert(pkt->len > 0);
	if (flags & 16)
		rtmp_publish_kick(p, "kicked");
}

static void on_publish_end(void *arg, struct rtmp_publisher *p, bool clean, const char *why)
{
	n_ended++;
	if (waiting == p)
		waiting = NULL;
}

static void start(void)
{
	static const struct rtmp_opts opts = { .idle_ms = 1000, .max_conns = 16, .max_per_addr = 16 };
	static const struct rtmp_cb cb = { on_publish, on_play, on_track, on_packet, on_publish_end };

	signal(SIGPIPE, SIG_IGN);
	secret_process_init();
	log_setup(LOG_ERROR, false);
	uv_loop_init(&loop);
	server = rtmp_server_new(&loop, "127.0.0.1:0", &opts, &cb, NULL, NULL);
	assert(server);
}

static void turn(int n)
{
	while (n-- > 0)
		uv_run(&loop, UV_RUN_NOWAIT);
}

static void drain(int fd)
{
	static uint8_t sink[1 << 16];

	while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
		;
}

static struct rtmp_conn *open_conn(int *fd)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		abort();
	*fd = fds[1];
	return rtmp_conn_new(server, fds[0]);
}

static void feed(struct rtmp_conn *c, const void *data, size_t len)
{
	if (len > 0 && c->state != CONN_CLOSED && c->state != CONN_LINGER)
		rtmp_conn_feed(c, data, len);
}

static void feed_msg(struct rtmp_conn *c, const struct buf *body, uint8_t type)
{
	struct rtmp_msg m = { .type = type, .csid = 3, .data = body->data, .len = body->len };
	struct buf b;

	buf_init(&b, 8192);
	rtmp_chunk_write(&b, &m, 128);
	feed(c, b.data, b.len);
	buf_fini(&b);
}

static void feed_start(struct rtmp_conn *c, const char *verb)
{
	static const uint8_t hello[RTMP_C0C1_LEN + RTMP_HANDSHAKE_LEN] = { 3 };
	struct buf b;

	if (flags & 3)
		feed(c, hello, sizeof(hello));
	if (!(flags & 2))
		return;
	buf_init(&b, 1024);
	amf_add_str(&b, "connect");
	amf_add_number(&b, 1);
	amf_begin_object(&b);
	amf_put_str(&b, "app", "live");
	amf_end_object(&b);
	feed_msg(c, &b, RTMP_COMMAND_AMF0);
	buf_clear(&b);
	amf_add_str(&b, verb);
	amf_add_number(&b, 2);
	amf_add_null(&b);
	amf_add_str(&b, "cam?key=k");
	feed_msg(c, &b, RTMP_COMMAND_AMF0);
	buf_fini(&b);
}

/* x264 640x360 baseline, as in test/media/wire/flv_vectors.h */
static const uint8_t avc_header[] = {
	0x17, 0, 0, 0, 0,
	0x01, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x42, 0xc0, 0x1e,
	0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01,
	0x00, 0x00, 0x03, 0x00, 0x3c, 0x0f, 0x16, 0x2e, 0x48, 0x01, 0x00, 0x05,
	0x68, 0xcb, 0x83, 0xcb, 0x20,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rtmp_conn *c[3] = { NULL };
	int fd[3], n = 0, i;
	struct buf header = { .data = (uint8_t *)avc_header, .len = sizeof(avc_header) };

	if (len < 2)
		return 0;
	if (!server)
		start();
	clock_fake(now_ms, now_ms);
	flags = data[0];
	data++, len--;
	n_asked = n_ended = 0;
	if (flags & 32) {
		flags |= 3;
		c[n] = open_conn(&fd[n]);
		feed_start(c[n++], "play");
		flags = data[-1];
	}
	for (i = 0; i < 1 + !!(flags & 64); i++, n++) {
		c[n] = open_conn(&fd[n]);
		feed_start(c[n], "publish");
		if (flags & 128)
			feed_msg(c[n], &header, RTMP_VIDEO);
		feed(c[n], data, len / 2);
		turn(1);
	}
	if (waiting)
		rtmp_publish_accept(waiting, NULL);
	waiting = NULL;
	rtmp_server_tick_soon(server);
	turn(2);
	for (i = 0; i < n; i++)
		drain(fd[i]);
	/* A connection may have been freed by now: the server's list knows. */
	for (i = 0; i < n; i++) {
		struct rtmp_conn *o;

		for (o = server->conns; o && o != c[i]; o = o->next)
			;
		if (o)
			feed(o, data + len / 2, len - len / 2);
	}
	turn(1);
	now_ms += 60000;
	clock_fake(now_ms, now_ms);
	rtmp_server_tick_soon(server);
	turn(2);
	for (i = 0; i < n; i++)
		close(fd[i]);
	turn(3);
	assert(!server->conns && !server->streams);
	assert(n_asked == n_ended);
	assert(server->stats.n_publishers == 0 && server->stats.n_players == 0 &&
	       server->stats.gop_bytes == 0);
	return 0;
}
