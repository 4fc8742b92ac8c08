#include "test/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "media/wire/amf.h"
#include "media/wire/rtmp_chunk.h"
#include "media/wire/rtmp_handshake.h"
#include "node/ingest/rtmp.h"
#include "node/ingest/rtmp_int.h"
#include "test/media/wire/flv_vectors.h"

/*
 * A real server and clients on plain sockets, all in this thread: the loop is
 * turned after everything a client does.  Time is faked.
 */

/* ---- the server's owner ---- */

static struct {
	enum { ACCEPT, REJECT_BUSY, REJECT_DENIED, LATER } answer;
	bool kick_on_packet, deny_play;
	struct rtmp_publisher *pub;	/* last one asked about */
	char name[200], key[200], url[300];
	unsigned n_asked, n_ended, n_tracks, n_packets, n_keys, n_played;
	bool clean;
	char why[200];
	struct track_config video;
	uint8_t last[64];
	size_t last_len;
} owner;

static uv_loop_t loop;
static struct rtmp_server *server;
static int64_t now_ms;
static bool closed;

static void on_publish(void *arg, struct rtmp_publisher *p, const struct rtmp_request *req)
{
	owner.n_asked++;
	owner.pub = p;
	snprintf(owner.name, sizeof(owner.name), "%s", req->name);
	snprintf(owner.key, sizeof(owner.key), "%s", req->key);
	snprintf(owner.url, sizeof(owner.url), "%s", req->url);
	if (owner.answer == ACCEPT)
		rtmp_publish_accept(p, &owner);
	else if (owner.answer != LATER)
		rtmp_publish_reject(p, owner.answer == REJECT_DENIED, "no thanks");
}

static bool on_play(void *arg, const struct rtmp_request *req)
{
	owner.n_played++;
	return !owner.deny_play;
}

static void on_track(void *arg, struct rtmp_publisher *p, enum track track, const struct track_config *c)
{
	assert_ptr_equal(rtmp_publisher_user(p), &owner);
	owner.n_tracks++;
	if (track == TRACK_VIDEO)
		owner.video = *c;
}

static void on_packet(void *arg, struct rtmp_publisher *p, const struct media_packet *pkt)
{
	owner.n_packets++;
	owner.n_keys += pkt->key;
	owner.last_len = pkt->len < sizeof(owner.last) ? pkt->len : sizeof(owner.last);
	memcpy(owner.last, pkt->data, owner.last_len);
	if (owner.kick_on_packet)
		rtmp_publish_kick(p, "kicked");
}

static void on_publish_end(void *arg, struct rtmp_publisher *p, bool clean, const char *why)
{
	owner.n_ended++;
	owner.clean = clean;
	snprintf(owner.why, sizeof(owner.why), "%s", why);
	rtmp_publish_kick(p, "again");		/* does nothing any more */
}

static void on_closed(void *arg)
{
	closed = true;
}

static void turn(int n)
{
	while (n-- > 0) {
		uv_run(&loop, UV_RUN_NOWAIT);
		if (server)
			rtmp_server_poll(server);	/* not each 25 ms of real time */
	}
}

/* Let fake time pass and the server see it. */
static void pass(int64_t ms)
{
	now_ms += ms;
	clock_fake(now_ms, now_ms);
	rtmp_server_tick_soon(server);
	turn(5);
}

/* ---- a client ---- */

struct client {
	int fd;
	struct rtmp_chunk_reader *reader;
	size_t n_handshake;		/* bytes of S0, S1, S2 that came */
	bool eof;
	struct {
		uint8_t type;
		uint32_t time_ms;
		struct buf body;
	} msgs[2000];
	unsigned n_msgs;
	unsigned n_read;		/* by expect() */
};

static enum rtmp_next on_reply(void *arg, const struct rtmp_msg *m)
{
	struct client *c = arg;

	if (c->n_msgs == 2000)
		return RTMP_GO_ON;
	c->msgs[c->n_msgs].type = m->type;
	c->msgs[c->n_msgs].time_ms = m->time_ms;
	buf_init(&c->msgs[c->n_msgs].body, 1 << 20);
	buf_add(&c->msgs[c->n_msgs].body, m->data, m->len);
	c->n_msgs++;
	return RTMP_GO_ON;
}

static struct client *client_on(int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	c->fd = fd;
	c->reader = rtmp_chunk_reader_new(RTMP_MSG_MAX);
	turn(2);
	return c;
}

static struct client *client_by_tcp(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				   .sin_port = htons((uint16_t)rtmp_server_port(server)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	return client_on(fd);
}

/* By socketpair: what is sent is there at once, so no test waits for the kernel. */
static struct client *client_new(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_non_null(rtmp_conn_new(server, fds[0]));
	return client_on(fds[1]);
}

static void client_free(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	while (c->n_msgs > 0)
		buf_fini(&c->msgs[--c->n_msgs].body);
	rtmp_chunk_reader_free(c->reader);
	free(c);
	turn(5);
}

/* Take what has come. */
static void client_read(struct client *c)
{
	static uint8_t tmp[1 << 16];
	struct err err;
	ssize_t n;
	size_t skip;
	int i;

	for (i = 0; i < 3; i++) {
		turn(2);
		n = recv(c->fd, tmp, sizeof(tmp), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			c->eof = true;
		if (n <= 0)
			continue;
		i = 0;
		skip = RTMP_S0S1S2_LEN - c->n_handshake;
		skip = (size_t)n < skip ? (size_t)n : skip;
		c->n_handshake += skip;
		if ((size_t)n > skip)
			assert_true(rtmp_chunk_read(c->reader, tmp + skip, (size_t)n - skip, on_reply, c,
						    &err) >= 0);
	}
}

static void client_send(struct client *c, const void *data, size_t len)
{
	const uint8_t *p = data;
	ssize_t n;

	while (len > 0) {
		n = send(c->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		turn(2);
		if (n < 0 && errno != EAGAIN) {
			c->eof = true;
			return;
		}
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

static void client_handshake(struct client *c)
{
	static uint8_t out[RTMP_C0C1_LEN + RTMP_HANDSHAKE_LEN] = { 3 };

	client_send(c, out, sizeof(out));
	client_read(c);
	assert_int_equal(c->n_handshake, RTMP_S0S1S2_LEN);
}

static void client_msg(struct client *c, uint8_t type, uint32_t time_ms, const void *data, size_t len)
{
	struct rtmp_msg m = { .type = type, .csid = 4 + type % 8u, .stream_id = type == 20 ? 0 : 1,
			      .time_ms = time_ms, .data = data, .len = len };
	struct buf b;

	buf_init(&b, 16 << 20);
	rtmp_chunk_write(&b, &m, 128);
	client_send(c, b.data, b.len);
	buf_fini(&b);
}

/* A command with null and one or two strings behind it. */
static void client_command(struct client *c, const char *name, double id, const char *s1, const char *s2)
{
	struct buf b;

	buf_init(&b, 4096);
	amf_add_str(&b, name);
	amf_add_number(&b, id);
	amf_add_null(&b);
	if (s1)
		amf_add_str(&b, s1);
	if (s2)
		amf_add_str(&b, s2);
	client_msg(c, RTMP_COMMAND_AMF0, 0, b.data, b.len);
	buf_fini(&b);
}

static void client_connect(struct client *c, const char *app, bool enhanced)
{
	struct buf b;
	char url[256];

	snprintf(url, sizeof(url), "rtmp://127.0.0.1/%s", app);
	buf_init(&b, 4096);
	amf_add_str(&b, "connect");
	amf_add_number(&b, 1);
	amf_begin_object(&b);
	amf_put_str(&b, "app", app);
	amf_put_str(&b, "tcUrl", url);
	if (enhanced) {
		amf_add_key(&b, "fourCcList");
		amf_begin_array(&b, 1);
		amf_add_str(&b, "hvc1");
		amf_put_number(&b, "capsEx", 15);
	}
	amf_end_object(&b);
	client_msg(c, RTMP_COMMAND_AMF0, 0, b.data, b.len);
	buf_fini(&b);
	client_read(c);
}

/* The next message of a type, NULL: none came. */
static const struct buf *expect(struct client *c, uint8_t type)
{
	client_read(c);
	while (c->n_read < c->n_msgs)
		if (c->msgs[c->n_read++].type == type)
			return &c->msgs[c->n_read - 1].body;
	return NULL;
}

static bool holds(const struct buf *b, const char *s)
{
	return b && memmem(b->data, b->len, s, strlen(s));
}

/* Did an onStatus with this code come? */
static bool got_status(struct client *c, const char *code)
{
	const struct buf *b;

	while ((b = expect(c, RTMP_COMMAND_AMF0)))
		if (holds(b, code))
			return true;
	return false;
}

static struct client *publisher(const char *name)
{
	struct client *c = client_new();

	client_handshake(c);
	client_connect(c, "live", false);
	client_command(c, "createStream", 2, NULL, NULL);
	client_command(c, "publish", 3, name, "live");
	client_read(c);
	return c;
}

static struct client *player(const char *name)
{
	struct client *c = client_new();

	client_handshake(c);
	client_connect(c, "live", false);
	client_command(c, "createStream", 2, NULL, NULL);
	client_command(c, "play", 3, name, NULL);
	client_read(c);
	return c;
}

static void send_header(struct client *c)
{
	uint8_t tag[5 + sizeof(avcc)] = { 0x17 };

	memcpy(tag + 5, avcc, sizeof(avcc));
	client_msg(c, RTMP_VIDEO, 0, tag, sizeof(tag));
}

/* A frame of len bytes: one NAL unit, mark behind its header. */
static void send_frame(struct client *c, uint32_t time_ms, bool key, uint8_t mark, size_t len)
{
	uint8_t *tag = calloc(1, 5 + 4 + len);

	tag[0] = key ? 0x17 : 0x27;
	tag[1] = 1;
	tag[6] = (uint8_t)(len >> 16);
	tag[7] = (uint8_t)(len >> 8);
	tag[8] = (uint8_t)len;
	tag[5] = (uint8_t)(len >> 24);
	tag[9] = key ? 0x65 : 0x41;
	tag[10] = mark;
	client_msg(c, RTMP_VIDEO, time_ms, tag, 9 + len);
	free(tag);
}

static void send_metadata(struct client *c)
{
	struct buf b;

	buf_init(&b, 1000);
	amf_add_str(&b, "@setDataFrame");
	amf_add_str(&b, "onMetaData");
	amf_begin_object(&b);
	amf_put_str(&b, "encoder", "test");
	amf_end_object(&b);
	client_msg(c, RTMP_DATA_AMF0, 0, b.data, b.len);
	buf_fini(&b);
}

static unsigned n_conns(void)
{
	struct rtmp_stats st;

	rtmp_server_stats(server, &st);
	return st.n_conns;
}

static uint64_t n_bad(void)
{
	struct rtmp_stats st;

	rtmp_server_stats(server, &st);
	return st.n_bad;
}

static int setup(void **state)
{
	static const struct rtmp_opts opts = { .idle_ms = 8000, .max_conns = 20, .max_per_addr = 4 };
	static const struct rtmp_cb cb = { on_publish, on_play, on_track, on_packet, on_publish_end };

	memset(&owner, 0, sizeof(owner));
	now_ms = 1000000;
	clock_fake(now_ms, now_ms);
	closed = false;
	uv_loop_init(&loop);
	server = rtmp_server_new(&loop, "127.0.0.1:0", &opts, &cb, NULL, NULL);
	return server ? 0 : -1;
}

static int teardown(void **state)
{
	if (server)
		rtmp_server_close(server, on_closed, NULL);
	server = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	clock_fake(-1, 0);
	if (!closed || owner.n_ended != owner.n_asked)
		return -1;
	return uv_loop_close(&loop);
}

/* ---- tests ---- */

static void a_publisher_is_asked_about_and_its_media_comes_out(void **state)
{
	static const uint8_t want[] = { 0, 0, 0, 2, 0x65, 'k' };
	struct client *c = publisher("cam?key=K%31");

	assert_string_equal(owner.name, "cam");
	assert_string_equal(owner.key, "K1");
	assert_string_equal(owner.url, "rtmp://127.0.0.1/live/cam?key=K%31");
	assert_true(got_status(c, "NetStream.Publish.Start"));
	send_metadata(c);
	send_header(c);
	send_frame(c, 40, true, 'k', 2);
	send_frame(c, 80, false, 'p', 2);
	assert_int_equal(owner.n_tracks, 1);
	assert_int_equal(owner.video.width, 640);
	assert_int_equal(owner.n_packets, 2);
	assert_int_equal(owner.n_keys, 1);
	assert_int_equal(owner.last_len, sizeof(want));
	client_command(c, "FCUnpublish", 4, "cam", NULL);
	assert_int_equal(owner.n_ended, 1);
	assert_true(owner.clean);
	client_free(c);
	assert_int_equal(n_conns(), 0);
	assert_int_equal(owner.n_ended, 1);
}

static void bytes_one_by_one_do_as_well(void **state)
{
	struct client *c = client_new();
	uint8_t hello[RTMP_C0C1_LEN + RTMP_HANDSHAKE_LEN] = { 3 };
	size_t i;

	for (i = 0; i < sizeof(hello); i++) {
		client_send(c, hello + i, 1);
	}
	client_read(c);
	assert_int_equal(c->n_handshake, RTMP_S0S1S2_LEN);
	client_connect(c, "live", false);
	assert_true(holds(expect(c, RTMP_COMMAND_AMF0), "NetConnection.Connect.Success"));
	client_free(c);
}

static void connect_is_answered_in_the_order_that_pleases_all(void **state)
{
	struct client *c = client_new();

	client_handshake(c);
	client_connect(c, "live", false);
	assert_int_equal(c->n_msgs, 3);		/* Set Chunk Size is obeyed by the reader */
	assert_int_equal(c->msgs[0].type, RTMP_WINDOW_ACK_SIZE);
	assert_int_equal(c->msgs[1].type, RTMP_SET_PEER_BANDWIDTH);
	assert_int_equal(c->msgs[2].type, RTMP_COMMAND_AMF0);
	assert_false(holds(&c->msgs[2].body, "fourCcList"));
	client_free(c);
}

static void enhanced_clients_are_told_the_codecs(void **state)
{
	struct client *c = client_new();
	const struct buf *b;

	client_handshake(c);
	client_connect(c, "live", true);
	b = expect(c, RTMP_COMMAND_AMF0);
	assert_true(holds(b, "fourCcList"));
	assert_true(holds(b, "av01"));
	assert_true(holds(b, "capsEx"));
	client_free(c);
}

static void unknown_commands_are_answered_and_harmless(void **state)
{
	static const char *const names[] = { "_checkbw", "releaseStream", "FCPublish", "getStreamLength",
					     "xyzzy", "setPlaylist", "FCSubscribe" };
	struct client *c = client_new();
	unsigned n;
	size_t i;

	client_handshake(c);
	client_connect(c, "live", false);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		n = c->n_msgs;
		client_command(c, names[i], 5, "cam", NULL);
		client_read(c);
		assert_true(c->n_msgs > n);
		assert_true(holds(&c->msgs[n].body, "_result"));
	}
	n = c->n_msgs;
	client_command(c, "xyzzy", 0, NULL, NULL);	/* wants no answer */
	client_command(c, "_result", 7, NULL, NULL);
	client_read(c);
	assert_int_equal(c->n_msgs, n);
	assert_false(c->eof);
	client_free(c);
}

static void amf3_commands_have_a_byte_in_front(void **state)
{
	struct client *c = client_new();
	struct buf b;

	client_handshake(c);
	client_connect(c, "live", false);
	buf_init(&b, 100);
	buf_add_u8(&b, 0);
	amf_add_str(&b, "createStream");
	amf_add_number(&b, 9);
	amf_add_null(&b);
	c->n_read = c->n_msgs;
	client_msg(c, RTMP_COMMAND_AMF3, 0, b.data, b.len);
	assert_true(holds(expect(c, RTMP_COMMAND_AMF0), "_result"));
	buf_fini(&b);
	client_free(c);
}

static void pings_are_answered_and_windows_acknowledged(void **state)
{
	struct client *c = client_new();
	const struct buf *b;
	uint8_t junk[3000] = { 0 };

	client_handshake(c);
	client_msg(c, RTMP_USER_CONTROL, 0, "\0\6\1\2\3\4", 6);
	b = expect(c, RTMP_USER_CONTROL);
	assert_non_null(b);
	assert_int_equal(b->len, 6);
	assert_memory_equal(b->data, "\0\7\1\2\3\4", 6);
	client_msg(c, RTMP_WINDOW_ACK_SIZE, 0, "\0\0\x08\0", 4);
	client_msg(c, 99, 0, junk, sizeof(junk));	/* an unknown type is ignored */
	b = expect(c, RTMP_ACK);
	assert_non_null(b);
	assert_int_equal(b->len, 4);
	assert_true((b->data[2] << 8 | b->data[3]) >= 2048);
	client_free(c);
}

static void a_bad_name_is_said_before_the_close(void **state)
{
	struct client *c = publisher("../../etc/passwd");

	assert_int_equal(owner.n_asked, 0);
	assert_true(got_status(c, "NetStream.Publish.BadName"));
	client_read(c);
	assert_true(c->eof);
	client_free(c);
}

static void a_rejected_publisher_hears_why_and_the_first_lives_on(void **state)
{
	struct client *a = publisher("cam"), *b, *d;

	owner.answer = REJECT_BUSY;
	b = publisher("cam");
	assert_true(got_status(b, "NetStream.Publish.BadName"));
	client_read(b);
	assert_true(b->eof);
	owner.answer = REJECT_DENIED;
	d = publisher("cam");
	assert_true(got_status(d, "NetStream.Publish.Denied"));
	assert_int_equal(owner.n_ended, 2);
	send_header(a);
	send_frame(a, 0, true, 'k', 2);
	assert_int_equal(owner.n_packets, 1);
	client_free(a);
	client_free(b);
	client_free(d);
}

static void media_sent_before_the_answer_is_not_lost(void **state)
{
	struct client *c;

	owner.answer = LATER;
	c = publisher("cam");
	assert_false(got_status(c, "NetStream.Publish.Start"));
	send_header(c);
	send_frame(c, 0, true, 'k', 50000);
	assert_int_equal(owner.n_tracks, 0);
	rtmp_publish_accept(owner.pub, &owner);
	assert_int_equal(owner.n_tracks, 0);	/* no callback inside */
	turn(5);
	assert_int_equal(owner.n_tracks, 1);
	assert_int_equal(owner.n_packets, 1);
	assert_true(got_status(c, "NetStream.Publish.Start"));
	send_frame(c, 40, false, 'p', 2);
	assert_int_equal(owner.n_packets, 2);
	client_free(c);
}

static void too_much_before_the_answer_waits_in_the_socket(void **state)
{
	struct client *c;
	uint8_t *much = calloc(1, 8 << 20);
	ssize_t n, sent = 0;
	int i;

	owner.answer = LATER;
	c = publisher("cam");
	for (i = 0; i < 200; i++) {
		n = send(c->fd, much, 1 << 16, MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += n > 0 ? n : 0;
		turn(2);
	}
	assert_true(sent < 8 << 20);
	assert_int_equal(owner.n_ended, 0);
	rtmp_publish_reject(owner.pub, true, "no");
	assert_int_equal(owner.n_ended, 1);
	client_free(c);
	free(much);
}

static void a_publisher_that_vanishes_before_the_answer_is_reported(void **state)
{
	struct client *c;

	owner.answer = LATER;
	c = publisher("cam");
	client_free(c);
	assert_int_equal(owner.n_ended, 1);
}

static void an_end_is_clean_only_between_messages(void **state)
{
	struct client *c = publisher("cam");

	send_header(c);
	client_free(c);
	assert_int_equal(owner.n_ended, 1);
	assert_true(owner.clean);
	c = publisher("cam");
	client_send(c, "\x04\x00\x00\x00\x00\x01\x2c\x09\x01\x00\x00\x00zz", 14);
	client_free(c);
	assert_int_equal(owner.n_ended, 2);
	assert_false(owner.clean);
}

static void one_connection_may_publish_twice(void **state)
{
	struct client *c = publisher("cam");

	client_command(c, "deleteStream", 0, NULL, NULL);
	assert_int_equal(owner.n_ended, 1);
	assert_true(owner.clean);
	client_command(c, "publish", 5, "other", NULL);
	assert_int_equal(owner.n_asked, 2);
	assert_string_equal(owner.name, "other");
	client_command(c, "publish", 6, "third", NULL);	/* while the second runs */
	assert_int_equal(owner.n_asked, 2);
	assert_true(got_status(c, "BadName"));
	send_header(c);
	assert_int_equal(owner.n_tracks, 1);
	client_free(c);
}

static void kicking_inside_a_packet_is_safe(void **state)
{
	struct client *c = publisher("cam");

	owner.kick_on_packet = true;
	send_header(c);
	send_frame(c, 0, true, 'k', 2);
	send_frame(c, 40, true, 'k', 2);
	assert_int_equal(owner.n_packets, 1);
	assert_int_equal(owner.n_ended, 1);
	assert_string_equal(owner.why, "kicked");
	assert_true(got_status(c, "NetStream.Publish.Failed"));
	client_read(c);
	assert_true(c->eof);
	client_free(c);
}

static void hevc_under_the_id_of_avc_ends_with_a_clear_word(void **state)
{
	struct client *c = publisher("cam");
	uint8_t tag[5 + sizeof(hvcc)] = { 0x17 };

	memcpy(tag + 5, hvcc, sizeof(hvcc));
	client_msg(c, RTMP_VIDEO, 0, tag, sizeof(tag));
	assert_int_equal(owner.n_ended, 1);
	assert_non_null(strstr(owner.why, "HEVC"));
	assert_true(got_status(c, "HEVC"));
	client_free(c);
}

static void an_unknown_audio_codec_leaves_the_video(void **state)
{
	struct client *c = publisher("cam");

	log_setup(LOG_ERROR, false);
	client_msg(c, RTMP_AUDIO, 0, "\xb2zz", 3);	/* Speex */
	send_header(c);
	send_frame(c, 0, true, 'k', 2);
	assert_int_equal(owner.n_ended, 0);
	assert_int_equal(owner.n_packets, 1);
	client_free(c);
}

static void aggregates_are_taken_apart(void **state)
{
	static const uint8_t body[] = {
		9, 0, 0, 11, 0, 0, 10, 0, 0, 0, 0, 0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 'a', 0, 0, 0, 22,
		9, 0, 0, 11, 0, 0, 50, 0, 0, 0, 0, 0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 'b', 0, 0, 0, 22,
	};
	struct client *c = publisher("cam");

	send_header(c);
	client_msg(c, RTMP_AGGREGATE, 1000, body, sizeof(body));
	assert_int_equal(owner.n_packets, 2);
	assert_int_equal(owner.n_keys, 1);
	client_free(c);
}

static void what_is_not_rtmp_is_closed_and_counted(void **state)
{
	struct client *c = client_new();

	log_setup(LOG_ERROR, false);
	client_send(c, "GET / HTTP/1.1\r\n\r\n", 18);
	client_read(c);
	assert_true(c->eof);
	assert_int_equal(n_bad(), 1);
	client_free(c);
	c = client_new();
	client_handshake(c);
	client_send(c, "\xc4zzzz", 5);		/* a header that follows nothing */
	client_read(c);
	assert_true(c->eof);
	assert_int_equal(n_bad(), 2);
	client_free(c);
	c = client_new();
	client_handshake(c);
	client_command(c, "publish", 2, "cam", NULL);	/* without connect */
	client_read(c);
	assert_true(c->eof);
	assert_int_equal(n_bad(), 3);
	client_free(c);
}

static void strangers_may_send_only_small_messages(void **state)
{
	struct client *c = client_new();
	uint8_t header[12] = { 4, 0, 0, 0, 0x10, 0, 0, 9, 1 };

	client_handshake(c);
	client_send(c, header, sizeof(header));
	client_read(c);
	assert_true(c->eof);
	client_free(c);
	c = publisher("cam");
	client_send(c, header, sizeof(header));
	client_read(c);
	assert_false(c->eof);
	client_free(c);
}

static void every_wait_ends(void **state)
{
	struct client *hs = client_new(), *idle = client_new(), *pub, *silent;

	client_send(hs, "\3zzz", 4);
	client_handshake(idle);
	pass(RTMP_HANDSHAKE_MS - 1);
	client_read(hs);
	assert_false(hs->eof);
	pass(1);
	client_read(hs);
	assert_true(hs->eof);
	client_read(idle);
	assert_false(idle->eof);
	pass(RTMP_COMMAND_MS);
	client_read(idle);
	assert_true(idle->eof);
	client_free(hs);
	client_free(idle);

	pub = publisher("cam");
	send_header(pub);		/* no frame: no media */
	pass(RTMP_FIRST_MEDIA_MS);
	assert_int_equal(owner.n_ended, 1);
	assert_false(owner.clean);
	client_free(pub);

	silent = publisher("cam");
	send_header(silent);
	send_frame(silent, 0, true, 'k', 2);
	pass(7999);
	assert_int_equal(owner.n_ended, 1);
	assert_int_equal(rtmp_publisher_last_data_ms(owner.pub), now_ms - 7999);
	send_frame(silent, 0, false, 'p', 2);
	pass(7999);
	assert_int_equal(owner.n_ended, 1);
	pass(1);
	assert_int_equal(owner.n_ended, 2);
	client_free(silent);

	owner.answer = LATER;
	pub = publisher("cam");
	pass(RTMP_ANSWER_MS);
	assert_int_equal(owner.n_ended, 3);
	client_free(pub);
}

static void too_many_connections_of_an_address_are_closed(void **state)
{
	struct client *c[5];
	int i, n;

	log_setup(LOG_ERROR, false);
	for (i = 0; i < 5; i++) {
		c[i] = client_by_tcp();
		for (n = 0; n < 1000 && (i < 4 ? n_conns() <= (unsigned)i : !c[i]->eof); n++) {
			poll(NULL, 0, n > 10);	/* real TCP may take a moment */
			client_read(c[i]);
		}
	}
	for (i = 0; i < 5; i++)
		assert_int_equal(c[i]->eof, i == 4);
	assert_int_equal(n_conns(), 4);
	for (i = 0; i < 5; i++)
		client_free(c[i]);
}

static void a_client_that_reads_no_replies_is_closed(void **state)
{
	struct client *c = client_new();
	struct buf b;
	int i, small = 4096;

	log_setup(LOG_ERROR, false);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	client_handshake(c);
	buf_init(&b, 1 << 20);
	for (i = 0; i < 2000; i++) {
		struct rtmp_msg m = { .type = RTMP_USER_CONTROL, .csid = 2,
				      .data = (const uint8_t *)"\0\6zzzz", .len = 6 };

		rtmp_chunk_write(&b, &m, 128);
	}
	for (i = 0; i < 500 && n_bad() == 0; i++) {
		if (send(c->fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			break;
		turn(2);
	}
	assert_int_equal(n_bad(), 1);
	buf_fini(&b);
	client_free(c);
}

/* The marks of the video frames that came, "H" for a sequence header. */
static void marks(struct client *c, char *to, size_t cap)
{
	size_t n = 0;
	unsigned i;

	client_read(c);
	for (i = 0; i < c->n_msgs && n + 1 < cap; i++)
		if (c->msgs[i].type == RTMP_VIDEO)
			to[n++] = c->msgs[i].body.data[1] == 0 ? 'H' : (char)c->msgs[i].body.data[10];
	to[n] = 0;
}

static void a_late_player_gets_headers_and_the_last_gop(void **state)
{
	struct client *pub = publisher("cam"), *c;
	struct rtmp_stats st;
	char got[100];

	send_metadata(pub);
	send_header(pub);
	send_frame(pub, 0, true, 'A', 100);
	send_frame(pub, 40, false, 'b', 100);
	send_frame(pub, 80, true, 'C', 100000);		/* over several chunks and blocks */
	send_frame(pub, 120, false, 'd', 70000);
	c = player("cam");
	assert_true(got_status(c, "NetStream.Play.Start"));
	marks(c, got, sizeof(got));
	assert_string_equal(got, "HCd");
	c->n_read = 0;
	assert_true(holds(expect(c, RTMP_DATA_AMF0), "onMetaData"));
	send_frame(pub, 160, false, 'e', 100);
	send_frame(pub, 200, true, 'F', 100);
	send_frame(pub, 240, false, 'g', 100);
	marks(c, got, sizeof(got));
	assert_string_equal(got, "HCdeFg");
	assert_int_equal(c->msgs[c->n_msgs - 1].time_ms, 240);
	assert_int_equal(c->msgs[c->n_msgs - 1].body.len, 109);
	rtmp_server_stats(server, &st);
	assert_int_equal(st.n_players, 1);
	assert_true(st.gop_bytes >= 32 << 10 && st.gop_bytes < 40 << 10);	/* old ones are gone */
	client_free(c);
	client_free(pub);
	rtmp_server_stats(server, &st);
	assert_int_equal(st.gop_bytes, 0);
	assert_int_equal(st.n_players, 0);
}

static void without_the_cache_a_late_player_waits_for_a_key_frame(void **state)
{
	struct client *pub, *c;
	struct rtmp_stats st;
	char got[100];

	server->opts.no_gop_cache = true;
	pub = publisher("cam");
	send_header(pub);
	send_frame(pub, 0, true, 'A', 100);
	send_frame(pub, 40, false, 'b', 100);
	rtmp_server_stats(server, &st);
	assert_int_equal(st.gop_bytes, 0);
	c = player("cam");
	send_frame(pub, 80, false, 'c', 100);
	marks(c, got, sizeof(got));
	assert_string_equal(got, "");
	send_frame(pub, 120, true, 'D', 100);
	send_frame(pub, 160, false, 'e', 100);
	marks(c, got, sizeof(got));
	assert_string_equal(got, "HDe");
	client_free(c);
	client_free(pub);
}

static void several_gops_in_one_read_all_reach_the_player(void **state)
{
	static const uint8_t body[] = {
		9, 0, 0, 11, 0, 0, 10, 0, 0, 0, 0, 0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 'B', 0, 0, 0, 22,
		9, 0, 0, 11, 0, 0, 20, 0, 0, 0, 0, 0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 'C', 0, 0, 0, 22,
		9, 0, 0, 11, 0, 0, 30, 0, 0, 0, 0, 0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 'D', 0, 0, 0, 22,
	};
	struct client *pub = publisher("cam"), *c = player("cam");
	struct rtmp_stats st;
	char got[100];

	send_header(pub);
	send_frame(pub, 0, true, 'A', 2);
	client_msg(pub, RTMP_AGGREGATE, 1000, body, sizeof(body));
	marks(c, got, sizeof(got));
	assert_string_equal(got, "HABCD");
	rtmp_server_stats(server, &st);
	assert_true(st.gop_bytes < 40 << 10);		/* one block is left */
	client_free(c);
	client_free(pub);
}

static void new_parameters_reach_players_in_order(void **state)
{
	struct client *pub = publisher("cam"), *c, *late;
	uint8_t tag[5 + sizeof(avcc_1280)] = { 0x17 };
	char got[100];

	send_header(pub);
	send_frame(pub, 0, true, 'A', 2);
	c = player("cam");
	memcpy(tag + 5, avcc_1280, sizeof(avcc_1280));
	client_msg(pub, RTMP_VIDEO, 40, tag, sizeof(tag));
	send_frame(pub, 40, true, 'B', 2);
	late = player("cam");
	marks(c, got, sizeof(got));
	assert_string_equal(got, "HAHB");
	marks(late, got, sizeof(got));
	assert_string_equal(got, "HB");
	client_free(late);
	client_free(c);
	client_free(pub);
}

static void audio_only_streams_can_be_joined(void **state)
{
	struct client *pub = publisher("cam"), *c;
	uint8_t tag[300] = { 0xaf, 0 };
	unsigned i, n = 0;

	memcpy(tag + 2, asc_44100, sizeof(asc_44100));
	client_msg(pub, RTMP_AUDIO, 0, tag, 2 + sizeof(asc_44100));
	tag[1] = 1;
	for (i = 0; i < 500; i++)
		client_msg(pub, RTMP_AUDIO, i * 23, tag, sizeof(tag));
	c = player("cam");
	client_msg(pub, RTMP_AUDIO, 500 * 23, tag, sizeof(tag));
	client_read(c);
	for (i = 0; i < c->n_msgs; i++)
		n += c->msgs[i].type == RTMP_AUDIO;
	assert_true(n >= 3 && n < 250);
	client_free(c);
	client_free(pub);
}

static void a_player_waits_for_its_stream_but_not_for_ever(void **state)
{
	struct client *c = player("cam"), *pub, *other;
	char got[100];

	assert_false(got_status(c, "NetStream.Play.Start"));
	pub = publisher("cam");
	send_header(pub);
	send_frame(pub, 0, true, 'A', 2);
	assert_true(got_status(c, "NetStream.Play.Start"));
	marks(c, got, sizeof(got));
	assert_string_equal(got, "HA");
	other = player("nothing");
	pass(RTMP_PLAY_WAIT_MS - 2500);		/* the publisher's idle limit is 8 s */
	send_frame(pub, 40, false, 'b', 2);
	pass(2500);
	assert_true(got_status(other, "NetStream.Play.StreamNotFound"));
	client_read(other);
	assert_true(other->eof);
	client_read(c);
	assert_false(c->eof);
	client_free(other);
	client_free(c);
	client_free(pub);
}

static void players_survive_a_publisher_that_comes_back(void **state)
{
	struct client *pub = publisher("cam"), *c = player("cam");
	char got[100];

	send_header(pub);
	send_frame(pub, 0, true, 'A', 2);
	client_read(c);
	client_send(pub, "\x04", 1);		/* cut inside a message: not clean */
	client_free(pub);
	assert_false(owner.clean);
	pass(5000);
	client_read(c);
	assert_false(c->eof);
	pub = publisher("cam");
	send_header(pub);
	send_frame(pub, 0, true, 'B', 2);
	marks(c, got, sizeof(got));
	assert_string_equal(got, "HAHB");
	client_command(pub, "FCUnpublish", 0, "cam", NULL);
	assert_true(got_status(c, "NetStream.Play.UnpublishNotify"));
	pass(RTMP_PLAY_WAIT_MS);
	client_read(c);
	assert_true(c->eof);
	client_free(c);
	client_free(pub);
}

static void a_replaced_publisher_may_outlive_its_successor(void **state)
{
	struct client *a = publisher("cam"), *c = player("cam"), *b = publisher("cam");
	char got[100];

	send_header(a);
	send_frame(a, 0, true, 'A', 2);		/* to the owner only */
	send_header(b);
	send_frame(b, 0, true, 'B', 2);
	marks(c, got, sizeof(got));
	assert_string_equal(got, "HB");
	assert_int_equal(owner.n_packets, 2);
	client_free(c);
	client_free(b);
	send_frame(a, 0, true, 'A', 2);
	assert_int_equal(owner.n_packets, 3);
	client_free(a);
}

static void playing_can_be_denied(void **state)
{
	struct client *pub = publisher("cam"), *c;

	owner.deny_play = true;
	c = player("cam");
	assert_int_equal(owner.n_played, 1);
	assert_true(got_status(c, "NetStream.Play.Failed"));
	client_read(c);
	assert_true(c->eof);
	client_free(c);
	client_free(pub);
}

static void a_paused_player_gets_nothing_until_it_goes_on(void **state)
{
	struct client *pub = publisher("cam"), *c;
	struct buf b;
	char got[100];
	int i;

	send_header(pub);
	send_frame(pub, 0, true, 'A', 2);
	c = player("cam");
	for (i = 1; i >= 0; i--) {
		buf_init(&b, 100);
		amf_add_str(&b, "pause");
		amf_add_number(&b, 0);
		amf_add_null(&b);
		amf_add_bool(&b, i);
		amf_add_number(&b, 0);
		client_msg(c, RTMP_COMMAND_AMF0, 0, b.data, b.len);
		buf_fini(&b);
		if (i)
			send_frame(pub, 40, false, 'b', 2);
		marks(c, got, sizeof(got));
		assert_string_equal(got, i ? "HA" : "HAHAb");
	}
	client_free(c);
	client_free(pub);
}

static void a_player_that_reads_nothing_holds_little_and_is_closed(void **state)
{
	struct client *pub = publisher("cam"), *c;
	struct rtmp_stats st;
	int i, small = 4096;

	send_header(pub);
	send_frame(pub, 0, true, 'A', 1000);
	c = player("cam");
	setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	/* 10 GOPs of 3 MB: far beyond what sockets and the lag limit hold. */
	for (i = 0; i < 30; i++)
		send_frame(pub, (uint32_t)i * 40, i % 3 == 0, 'x', 1000000);
	rtmp_server_stats(server, &st);
	assert_int_equal(st.n_players, 1);
	assert_true(st.gop_bytes < 11 << 20);
	for (i = 0; i < 6; i++) {	/* the first tick sees that something went out */
		pass(RTMP_STALL_MS / 5);
		send_frame(pub, 4000, false, 'x', 2);
	}
	rtmp_server_stats(server, &st);
	assert_int_equal(st.n_players, 0);
	assert_true(st.gop_bytes < 4 << 20);
	client_free(c);
	client_free(pub);
}

static void a_slow_player_goes_on_at_a_key_frame(void **state)
{
	struct client *pub = publisher("cam"), *c;
	char got[100];
	int i;

	send_header(pub);
	send_frame(pub, 0, true, 'A', 1000);
	c = player("cam");
	client_read(c);
	for (i = 0; i < 30; i++)
		send_frame(pub, (uint32_t)i * 40, i % 3 == 0, (uint8_t)(i % 3 == 0 ? 'K' : 'x'), 990000);
	marks(c, got, sizeof(got));
	send_frame(pub, 9000, true, 'Y', 100);
	send_frame(pub, 9040, false, 'z', 100);
	marks(c, got, sizeof(got));
	assert_true(strlen(got) < 36);
	assert_int_equal(strncmp(got, "HA", 2), 0);
	assert_string_equal(got + strlen(got) - 2, "Yz");
	/* What was left out ends before a header and a key frame, never inside a GOP. */
	for (i = 2; got[i]; i++)
		if (got[i] == 'H')
			assert_true(got[i + 1] == 'K' || got[i + 1] == 'Y');
	client_free(c);
	client_free(pub);
}

static void closing_the_server_ends_everybody_once(void **state)
{
	struct client *a = publisher("a"), *b = publisher("b"), *c = player("a"), *d = client_new();

	owner.answer = LATER;
	rtmp_server_close(server, on_closed, NULL);
	server = NULL;
	assert_int_equal(owner.n_ended, 2);
	turn(5);
	assert_true(closed);
	client_free(a);
	client_free(b);
	client_free(c);
	client_free(d);
}

static void bad_addresses_say_what_is_wanted(void **state)
{
	static const char *const addrs[] = { "", "1935", ":1935", "localhost:1935", "127.0.0.1:70000",
					     "127.0.0.1:", "[::1:1935", "127.0.0.1:19x" };
	static const struct rtmp_opts opts = { 0 };
	static const struct rtmp_cb cb = { 0 };
	struct rtmp_server *s;
	char addr[32];
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		assert_null(rtmp_server_new(&loop, addrs[i], &opts, &cb, NULL, &err));
		assert_int_equal(err.code, ERR_INVALID);
	}
	snprintf(addr, sizeof(addr), "127.0.0.1:%d", rtmp_server_port(server));
	assert_null(rtmp_server_new(&loop, addr, &opts, &cb, NULL, &err));
	assert_int_equal(err.code, ERR_IO);
	s = rtmp_server_new(&loop, "[::1]:0", &opts, &cb, NULL, &err);
	if (s) {	/* a machine may lack IPv6 */
		assert_true(rtmp_server_port(s) > 0);
		rtmp_server_close(s, NULL, NULL);
	}
	turn(3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_publisher_is_asked_about_and_its_media_comes_out),
		TEST(bytes_one_by_one_do_as_well),
		TEST(connect_is_answered_in_the_order_that_pleases_all),
		TEST(enhanced_clients_are_told_the_codecs),
		TEST(unknown_commands_are_answered_and_harmless),
		TEST(amf3_commands_have_a_byte_in_front),
		TEST(pings_are_answered_and_windows_acknowledged),
		TEST(a_bad_name_is_said_before_the_close),
		TEST(a_rejected_publisher_hears_why_and_the_first_lives_on),
		TEST(media_sent_before_the_answer_is_not_lost),
		TEST(too_much_before_the_answer_waits_in_the_socket),
		TEST(a_publisher_that_vanishes_before_the_answer_is_reported),
		TEST(an_end_is_clean_only_between_messages),
		TEST(one_connection_may_publish_twice),
		TEST(kicking_inside_a_packet_is_safe),
		TEST(hevc_under_the_id_of_avc_ends_with_a_clear_word),
		TEST(an_unknown_audio_codec_leaves_the_video),
		TEST(aggregates_are_taken_apart),
		TEST(what_is_not_rtmp_is_closed_and_counted),
		TEST(strangers_may_send_only_small_messages),
		TEST(every_wait_ends),
		TEST(too_many_connections_of_an_address_are_closed),
		TEST(a_client_that_reads_no_replies_is_closed),
		TEST(a_late_player_gets_headers_and_the_last_gop),
		TEST(without_the_cache_a_late_player_waits_for_a_key_frame),
		TEST(several_gops_in_one_read_all_reach_the_player),
		TEST(new_parameters_reach_players_in_order),
		TEST(audio_only_streams_can_be_joined),
		TEST(a_player_waits_for_its_stream_but_not_for_ever),
		TEST(players_survive_a_publisher_that_comes_back),
		TEST(a_replaced_publisher_may_outlive_its_successor),
		TEST(playing_can_be_denied),
		TEST(a_paused_player_gets_nothing_until_it_goes_on),
		TEST(a_player_that_reads_nothing_holds_little_and_is_closed),
		TEST(a_slow_player_goes_on_at_a_key_frame),
		TEST(closing_the_server_ends_everybody_once),
		TEST(bad_addresses_say_what_is_wanted),
	};

	signal(SIGPIPE, SIG_IGN);
	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
