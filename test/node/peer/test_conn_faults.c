/* What a peer may do to us that no honest one does. */
#include "test/node/peer/liar.h"

static struct world *world_listening(const struct peer_limits *l)
{
	struct world *w = world_new(l);

	world_listen(w, 100, 100);
	return w;
}

static struct peer_stats stats_of(struct world *w)
{
	struct peer_stats st;

	peer_ctx_stats(w->b_ctx, &st);
	return st;
}

/* b has closed this socket without a word. */
static void expect_eof(struct world *w, int fd)
{
	uint8_t byte;

	assert_false(raw_read(w, fd, &byte, 1));
}

/* ---- before the handshake is done ---- */

static void honest_liar_gets_through(void **state)
{
	struct world *w = world_listening(&quick);
	struct liar *l = liar_ready(w, 1000);
	struct eth_addr a = sig_key_addr(w->a_key);
	struct frame f;

	assert_true(eth_addr_equal(peer_conn_addr(w->b.conn), &a));
	assert_true(liar_await(l, FRAME_HELLO, &f));
	liar_free(l);
	spin_until(w, w->b.n_closed);
	assert_int_equal(w->b.err.code, ERR_IO);
	assert_int_equal(stats_of(w).n_bad, 0);
	world_free(w);
}

static void identity_that_does_not_hold_is_refused(void **state)
{
	struct world *w = world_listening(&quick);
	unsigned lie, n = 0;

	for (lie = TRUTH + 1; lie < N_LIES; lie++) {
		struct liar *l = liar_handshake(w, NULL, lie);

		expect_eof(w, l->fd);
		assert_int_equal(stats_of(w).n_bad, ++n);
		liar_free(l);
	}
	assert_int_equal(w->n_asked, 0);
	assert_int_equal(stats_of(w).n_handshakes, 0);
	world_free(w);
}

static void silent_half_open_connection_is_closed_at_its_deadline(void **state)
{
	struct peer_limits l = quick;
	struct world *w;
	int fd;

	l.handshake_ms = 30;
	w = world_listening(&l);
	fd = raw_connect_from(w, NULL);
	expect_eof(w, fd);
	close(fd);
	assert_int_equal(stats_of(w).n_bad, 1);
	world_free(w);
}

static void peer_that_stops_within_the_handshake_is_closed_at_its_deadline(void **state)
{
	struct peer_limits l = quick;
	struct world *w;
	struct liar *liar;
	struct frame f;

	l.handshake_ms = 60;
	w = world_listening(&l);
	liar = liar_handshake(w, NULL, TRUTH);	/* says no hello */
	assert_true(liar_read(liar, &f));
	assert_int_equal(f.kind, FRAME_CLOSE);
	assert_int_equal(f.payload[1], ERR_TIMEOUT);
	assert_int_equal(w->n_asked, 0);
	liar_free(liar);
	world_free(w);
}

static void huge_or_senseless_first_bytes_are_refused_at_once(void **state)
{
	static const char *const firsts[] = {
		"\xff\xff\xff\xff\xff\xff\xff\xff", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01",
	};
	struct world *w = world_listening(&quick);
	size_t i;

	for (i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		int fd = raw_connect_from(w, NULL);

		raw_write(w, fd, firsts[i], strlen(firsts[i]));
		expect_eof(w, fd);
		close(fd);
	}
	assert_int_equal(stats_of(w).n_bad, 3);
	world_free(w);
}

static void empty_and_short_records_are_refused(void **state)
{
	struct world *w = world_listening(&quick);
	uint8_t bytes[70] = { 0 };
	unsigned len;

	for (len = 0; len < 32; len += 31) {
		int fd = raw_connect_from(w, NULL);

		bytes[1] = (uint8_t)len;
		raw_write(w, fd, bytes, 2 + len);
		expect_eof(w, fd);
		close(fd);
	}
	world_free(w);
}

static void connection_that_comes_and_goes_is_no_offence(void **state)
{
	struct world *w = world_listening(&quick);

	close(raw_connect_from(w, NULL));
	spin_until(w, stats_of(w).n_conns == 1);
	spin_until(w, stats_of(w).n_conns == 0);
	assert_int_equal(stats_of(w).n_bad, 0);
	world_free(w);
}

static void other_version_is_told(void **state)
{
	struct world *w = world_listening(&quick);
	struct liar *l = liar_handshake(w, NULL, TRUTH);

	liar_hello(l, 2, 0);
	liar_expects_close(l, ERR_INVALID, "version 2");
	assert_int_equal(w->n_asked, 0);
	liar_free(l);
	world_free(w);
}

static void hello_must_come_first_and_once(void **state)
{
	struct world *w = world_listening(&quick);
	struct liar *l = liar_handshake(w, NULL, TRUTH);

	liar_frame(l, FRAME_PING, 0, "12345678", 8);
	liar_expects_close(l, ERR_INVALID, "before the hello");
	liar_free(l);
	l = liar_handshake(w, NULL, TRUTH);
	liar_frame(l, FRAME_HELLO, 0, "\xff\xff\xff", 3);
	liar_expects_close(l, ERR_INVALID, "protobuf");
	liar_free(l);
	l = liar_ready(w, 0);
	liar_hello(l, 1, 0);
	liar_expects_close(l, ERR_INVALID, "kind 1");
	liar_free(l);
	world_free(w);
}

/* ---- who is let in ---- */

static void refused_peer_never_sees_us_ready(void **state)
{
	struct world *w = world_listening(&quick);

	w->refuse = true;
	dial(w);
	spin_until(w, w->a.n_closed);
	assert_int_equal(w->a.n_ready, 0);
	assert_int_equal(w->a.err.code, ERR_DENIED);
	assert_int_equal(w->b.n_closed, 0);
	assert_int_equal(stats_of(w).n_bad, 0);
	world_free(w);
}

static void connections_beyond_the_cap_are_closed(void **state)
{
	struct world *w = world_new(&quick);
	int fd[3];

	world_listen(w, 2, 100);
	fd[0] = raw_connect_from(w, NULL);
	fd[1] = raw_connect_from(w, "127.0.0.2");
	spin_until(w, stats_of(w).n_conns == 2);
	fd[2] = raw_connect_from(w, "127.0.0.3");
	expect_eof(w, fd[2]);
	assert_int_equal(stats_of(w).n_conns, 2);
	close(fd[0]);
	spin_until(w, stats_of(w).n_conns == 1);
	dial(w);
	spin_until(w, w->a.n_ready);
	close(fd[1]);
	close(fd[2]);
	world_free(w);
}

static void connections_beyond_the_cap_of_an_address_are_closed(void **state)
{
	struct world *w = world_new(&quick);
	int fd[3];

	world_listen(w, 100, 1);
	fd[0] = raw_connect_from(w, "127.0.0.2");
	fd[1] = raw_connect_from(w, "127.0.0.2");
	expect_eof(w, fd[1]);
	fd[2] = raw_connect_from(w, "127.0.0.3");
	spin_until(w, stats_of(w).n_conns == 2);
	close(fd[0]);
	close(fd[1]);
	close(fd[2]);
	world_free(w);
}

static void one_identity_from_many_addresses_is_capped(void **state)
{
	struct world *w = world_new(&quick);
	struct liar *l;

	world_listen(w, 100, 1);
	dial(w);
	spin_until(w, w->a.n_ready);
	l = liar_handshake(w, "127.0.0.2", TRUTH);	/* with a's key */
	liar_hello(l, 1, 0);
	liar_expects_close(l, ERR_BUSY, "this identity");
	assert_int_equal(w->n_asked, 1);
	assert_int_equal(w->b.n_closed, 0);
	liar_free(l);
	world_free(w);
}

static void closed_listener_drops_the_half_open_and_keeps_the_ready(void **state)
{
	struct world *w = world_listening(&quick);
	struct end *e;
	int fd;

	dial(w);
	spin_until(w, w->a.n_ready);
	fd = raw_connect_from(w, NULL);
	spin_until(w, stats_of(w).n_conns == 2);
	peer_listener_close(w->listener);
	expect_eof(w, fd);
	close(fd);
	e = open_channel(&w->a);
	send_msg(e, 1, "still there");
	spin_until(w, w->b.n_ends && w->b.ends[0].n_msgs);
	world_free(w);
}

/* ---- once ready ---- */

static void overrun_credit_ends_the_connection(void **state)
{
	struct peer_limits lim = quick;
	static const uint8_t block[16384];
	struct world *w;
	struct liar *l;

	lim.window = 40000;
	w = world_listening(&lim);
	w->b.hold = true;
	l = liar_ready(w, 0);
	liar_frame(l, FRAME_DATA, 1, block, 16384);
	liar_frame(l, FRAME_DATA, 1, block, 16384);
	liar_frame(l, FRAME_DATA, 1, block, 40000 - 2 * 16384);
	spin_until(w, w->b.n_ends && w->b.ends[0].n_bytes == 40000);
	liar_frame(l, FRAME_DATA, 1, block, 1);
	liar_expects_close(l, ERR_LIMIT, "overran its credit");
	assert_int_equal(w->b.ends[0].n_closed, 1);
	assert_int_equal(w->b.ends[0].n_bytes, 40000);
	assert_int_equal(w->b.err.code, ERR_LIMIT);
	assert_int_equal(stats_of(w).n_bad, 1);
	liar_free(l);
	world_free(w);
}

static void reason_reaches_a_peer_that_goes_on_sending(void **state)
{
	static const uint8_t block[16384];
	struct world *w = world_listening(&quick);
	struct liar *l;
	int i;

	w->b.hold = true;
	l = liar_ready(w, 0);
	for (i = 0; i < 100; i++)
		liar_frame(l, FRAME_DATA, 1, block, sizeof(block));
	liar_expects_close(l, ERR_LIMIT, "overran its credit");
	/* Its later data is taken in, or a reset could overtake the reason. */
	for (i = 0; i < 5; i++) {
		assert_true(liar_frame(l, FRAME_DATA, 1, block, sizeof(block)));
		uv_run(&w->loop, UV_RUN_NOWAIT);
	}
	liar_free(l);
	world_free(w);
}

static void too_many_channels_end_the_connection(void **state)
{
	struct peer_limits lim = quick;
	struct world *w;
	struct liar *l;

	lim.max_channels = 2;
	w = world_listening(&lim);
	l = liar_ready(w, 0);
	liar_frame(l, FRAME_MSG, 1, "\0\1x", 3);
	liar_frame(l, FRAME_CLOSE, 1, NULL, 0);
	liar_frame(l, FRAME_MSG, 3, "\0\1x", 3);
	liar_frame(l, FRAME_MSG, 9, "\0\1x", 3);	/* gaps are fine */
	liar_frame(l, FRAME_MSG, 11, "\0\1x", 3);
	liar_expects_close(l, ERR_LIMIT, "more than 2 channels");
	assert_int_equal(w->b.n_ends, 3);
	liar_free(l);
	world_free(w);
}

static void frames_that_make_no_sense_end_the_connection(void **state)
{
	static const struct {
		int kind;
		uint32_t channel;
		const char *payload;
		size_t len;
		const char *words;
	} bad[] = {
		{ FRAME_PING, 0, "1234567", 7, "ping of 7" },
		{ FRAME_MSG, 0, "\0\1", 2, "on channel 0" },
		{ FRAME_DATA, 0, "x", 1, "on channel 0" },
		{ FRAME_CREDIT, 0, "\0\0\0\1", 4, "on channel 0" },
		{ FRAME_GOAWAY, 1, NULL, 0, "on a channel" },
		{ FRAME_PING, 1, "12345678", 8, "on a channel" },
		{ FRAME_MSG, 1, "\1", 1, "without a type" },
		{ FRAME_MSG, 2, "\0\1", 2, "never opened" },
		{ FRAME_CREDIT, 5, "\0\0\0\1\0", 5, "absurd" },
		{ FRAME_CREDIT, 5, "\0\0\1", 3, "absurd" },
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct world *w = world_listening(&quick);
		struct liar *l = liar_ready(w, 0);

		if (bad[i].channel == 5)
			liar_frame(l, FRAME_DATA, 5, NULL, 0);
		liar_frame(l, bad[i].kind, bad[i].channel, bad[i].payload, bad[i].len);
		liar_expects_close(l, ERR_INVALID, bad[i].words);
		assert_int_equal(w->b.n_closed, 1);
		liar_free(l);
		world_free(w);
	}
}

static void credits_beyond_all_measure_end_the_connection(void **state)
{
	struct world *w = world_listening(&quick);
	struct liar *l = liar_ready(w, 1000);

	liar_frame(l, FRAME_DATA, 1, NULL, 0);
	liar_frame(l, FRAME_CREDIT, 1, "\xff\xff\xff\xff", 4);
	liar_frame(l, FRAME_CREDIT, 1, "\xff\xff\xff\xff", 4);
	liar_expects_close(l, ERR_INVALID, "absurd");
	liar_free(l);
	world_free(w);
}

static void what_a_later_version_says_is_ignored(void **state)
{
	struct world *w = world_listening(&quick);
	struct liar *l = liar_ready(w, 0);

	liar_frame(l, 200, 0, "?", 1);
	liar_frame(l, 200, 77, "?", 1);
	liar_frame(l, 9, 1, NULL, 0);
	liar_frame(l, FRAME_CLOSE, 5, NULL, 0);		/* never opened */
	liar_frame(l, FRAME_CREDIT, 7, "\0\0\0\1", 4);
	liar_frame(l, FRAME_PONG, 0, "12345678", 8);	/* nobody pinged */
	liar_frame(l, FRAME_MSG, 1, "\xff\xfeunknown type", 14);
	spin_until(w, w->b.n_ends && w->b.ends[0].n_msgs);
	assert_int_equal(w->b.n_closed, 0);
	liar_free(l);
	world_free(w);
}

static void late_frames_of_an_ended_channel_are_ignored(void **state)
{
	struct world *w = world_listening(&quick);
	struct liar *l = liar_ready(w, 0);
	struct frame f;

	liar_frame(l, FRAME_MSG, 1, "\0\1", 2);
	spin_until(w, w->b.n_ends && w->b.ends[0].n_msgs);
	close_end(&w->b.ends[0]);
	do
		assert_true(liar_await(l, FRAME_CLOSE, &f));
	while (f.channel != 1);
	liar_frame(l, FRAME_MSG, 1, "\0\1", 2);
	liar_frame(l, FRAME_DATA, 1, "x", 1);
	liar_frame(l, FRAME_CREDIT, 1, "\0\0\0\1", 4);
	liar_frame(l, FRAME_CLOSE, 1, NULL, 0);
	liar_frame(l, FRAME_MSG, 3, "\0\1", 2);
	spin_until(w, w->b.n_ends == 2 && w->b.ends[1].n_msgs);
	assert_int_equal(w->b.ends[0].n_msgs, 1);
	liar_free(l);
	world_free(w);
}

static void frame_length_of_4_gib_ends_the_connection(void **state)
{
	static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 5, 0, 0, 0, 1 };
	struct world *w = world_listening(&quick);
	struct liar *l = liar_ready(w, 0);
	uint8_t rec[100];

	noise_encrypt(l->noise, huge, sizeof(huge), rec, NULL);
	liar_send_record(l, rec, sizeof(huge) + NOISE_TAG);
	liar_expects_close(l, ERR_LIMIT, "4294967295");
	liar_free(l);
	/* the same bare, on a socketpair */
	world_free(w);
	w = world_new(&quick);
	{
		int fd[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
		w->a.conn = peer_attach(w->a_ctx, fd[0], true, false, &conn_cb, &w->a, NULL);
		assert_int_equal(write(fd[1], huge, sizeof(huge)), sizeof(huge));
		spin_until(w, w->a.n_closed);
		assert_int_equal(w->a.err.code, ERR_LIMIT);
		close(fd[1]);
	}
	world_free(w);
}

static void frame_cut_by_its_record_ends_the_connection(void **state)
{
	static const uint8_t part[] = { 0, 0, 0, 4, 5, 0, 0, 0, 1, 'x' };
	struct world *w = world_listening(&quick);
	struct liar *l = liar_ready(w, 0);
	uint8_t rec[100];

	noise_encrypt(l->noise, part, sizeof(part), rec, NULL);
	liar_send_record(l, rec, sizeof(part) + NOISE_TAG);
	liar_expects_close(l, ERR_INVALID, "within a frame");
	liar_free(l);
	world_free(w);
}

static void forged_record_ends_the_connection(void **state)
{
	static const uint8_t junk[200] = { 1, 2, 3 };
	struct world *w = world_listening(&quick);
	struct liar *l = liar_ready(w, 0);

	liar_send_record(l, junk, sizeof(junk));
	liar_expects_close(l, ERR_INVALID, "decrypt");
	world_free(w);		/* while it still lingers */
	liar_free(l);
}

static void one_byte_at_a_time_is_understood(void **state)
{
	static const uint8_t text[] = { 0, 0, 0, 5, 4, 0, 0, 0, 1, 0, 1, 'a', 'b', 'c' };
	struct world *w = world_listening(&quick);
	struct liar *l = liar_ready(w, 0);
	uint8_t rec[2 + sizeof(text) + NOISE_TAG];
	size_t i;

	rec[0] = 0;
	rec[1] = sizeof(text) + NOISE_TAG;
	noise_encrypt(l->noise, text, sizeof(text), rec + 2, NULL);
	for (i = 0; i < sizeof(rec); i++) {
		assert_int_equal(w->b.n_ends, 0);
		raw_write(w, l->fd, rec + i, 1);
		spin_until(w, uv_run(&w->loop, UV_RUN_NOWAIT) >= 0);
	}
	spin_until(w, w->b.n_ends && w->b.ends[0].n_msgs);
	liar_free(l);
	world_free(w);
}

static void peer_that_vanishes_ends_its_channels_first(void **state)
{
	struct world *w = world_listening(&quick);
	struct liar *l = liar_ready(w, 0);

	liar_frame(l, FRAME_MSG, 1, "\0\1", 2);
	spin_until(w, w->b.n_ends && w->b.ends[0].n_msgs);
	liar_free(l);
	spin_until(w, w->b.n_closed);
	assert_int_equal(w->b.ends[0].n_closed, 1);
	assert_int_equal(w->b.ends[0].err.code, ERR_IO);
	assert_int_equal(w->b.n_open_at_close, 0);
	world_free(w);
}

static void silent_peer_is_dead_within_its_time(void **state)
{
	struct peer_limits lim = quick;
	struct world *w;
	struct liar *l;
	int64_t start, took;

	lim.dead_ms = 100;
	w = world_listening(&lim);
	l = liar_ready(w, 0);
	liar_frame(l, FRAME_MSG, 1, "\0\1", 2);
	spin_until(w, w->b.n_ends);
	start = clock_mono_ms();
	spin_until(w, w->b.n_closed);
	took = clock_mono_ms() - start;
	assert_int_equal(w->b.err.code, ERR_TIMEOUT);
	assert_int_equal(stats_of(w).n_dead, 1);
	assert_true(took >= 90 && took < 1000);
	liar_free(l);
	world_free(w);
}

static void any_byte_is_a_sign_of_life(void **state)
{
	struct peer_limits lim = quick;
	struct world *w;
	struct liar *l;
	int64_t until;

	lim.dead_ms = 150;
	w = world_listening(&lim);
	l = liar_ready(w, 0);
	for (until = clock_mono_ms() + 400; clock_mono_ms() < until; ) {
		liar_frame(l, 100, 0, NULL, 0);
		uv_run(&w->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(w->b.n_closed, 0);
	liar_free(l);
	world_free(w);
}

static void our_own_long_pause_is_not_held_against_the_peer(void **state)
{
	struct peer_limits lim = quick;
	struct world *w;
	int64_t until;

	lim.dead_ms = 100;
	w = world_listening(&lim);
	dial(w);
	spin_until(w, w->a.n_ready && w->b.n_ready);
	usleep(300000);		/* both sides stand still, as under SIGSTOP */
	for (until = clock_mono_ms() + 60; clock_mono_ms() < until; )
		uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->a.n_closed + w->b.n_closed, 0);
	world_free(w);
}

static void peer_that_sends_but_never_reads_is_given_up(void **state)
{
	struct peer_limits lim = quick;
	struct world *w;
	struct liar *l;

	lim.stall_ms = 60;
	w = world_listening(&lim);
	l = liar_ready(w, 1u << 30);
	send_data(open_channel(&w->b), 40u << 20);
	while (!w->b.n_closed) {
		liar_frame(l, 100, 0, NULL, 0);
		uv_run(&w->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(w->b.err.code, ERR_TIMEOUT);
	assert_non_null(strstr(w->b.err.msg, "does not read"));
	liar_free(l);
	world_free(w);
}

static void closed_channel_that_nobody_reads_is_dropped(void **state)
{
	struct peer_limits lim = quick;
	struct world *w;
	struct end *e;

	lim.stall_ms = 60;
	lim.max_channels = 1;
	w = world_listening(&lim);
	dial(w);
	spin_until(w, w->a.n_ready);
	w->b.hold = true;
	e = open_channel(&w->a);
	send_data(e, 3u << 20);
	close_end(e);
	assert_null(peer_channel_open(w->a.conn, &channel_cb, e, NULL));
	spin_until(w, w->b.n_ends && w->b.ends[0].n_closed);
	assert_int_equal(w->b.ends[0].err.code, ERR_TIMEOUT);
	e = open_channel(&w->a);
	send_msg(e, 1, "x");
	spin_until(w, w->b.n_ends == 2 && w->b.ends[1].n_msgs);
	world_free(w);
}

static void flood_of_pings_costs_no_memory(void **state)
{
	struct world *w = world_listening(&quick);
	struct liar *l = liar_ready(w, 0);
	struct frame f;
	int i, n_pongs = 0;

	for (i = 0; i < 20000; i++)
		liar_frame(l, FRAME_PING, 0, "abcdefgh", 8);
	liar_frame(l, FRAME_PING, 0, "the last", 8);
	while (liar_await(l, FRAME_PONG, &f)) {
		n_pongs++;
		if (memcmp(f.payload, "the last", 8) == 0)
			break;
	}
	assert_true(n_pongs > 0 && n_pongs <= 20001);
	liar_free(l);
	world_free(w);
}

/* From its ping on, until the next one that it says beside an answer. */
static int64_t next_ping_ms(struct liar *l)
{
	int64_t from = clock_mono_ms();
	struct frame f;

	usleep(110 * 1000);
	liar_frame(l, FRAME_PING, 0, "12345678", 8);
	assert_true(liar_await(l, FRAME_PONG, &f));
	assert_true(liar_await(l, FRAME_PING, &f));
	return clock_mono_ms() - from;
}

/* A slow machine may make it late, not always. */
static void ping_that_is_due_soon_goes_along_with_an_answer(void **state)
{
	struct peer_limits lim = quick;
	int64_t least = INT64_MAX, ms;
	struct world *w;
	struct liar *l;
	struct frame f;
	int i;

	lim.ping_ms = 200;
	lim.dead_ms = 5000;
	w = world_listening(&lim);
	l = liar_ready(w, 0);
	assert_true(liar_await(l, FRAME_PING, &f));
	for (i = 0; i < 10 && least >= 190; i++) {
		ms = next_ping_ms(l);
		least = ms < least ? ms : least;
	}
	assert_true(least < 190);
	liar_free(l);
	world_free(w);
}

static void repeated_pong_changes_nothing(void **state)
{
	struct peer_limits lim = quick;
	struct world *w;
	struct liar *l;
	struct frame f;
	int64_t until;
	int rtt;

	lim.ping_ms = 2000;
	w = world_listening(&lim);
	l = liar_ready(w, 0);
	assert_true(liar_await(l, FRAME_PING, &f));
	assert_true(peer_conn_rtt_us(w->b.conn) < 0);
	liar_frame(l, FRAME_PONG, 0, f.payload, 8);
	spin_until(w, peer_conn_rtt_us(w->b.conn) >= 0);
	rtt = peer_conn_rtt_us(w->b.conn);
	liar_frame(l, FRAME_PONG, 0, f.payload, 8);
	for (until = clock_mono_ms() + 20; clock_mono_ms() < until; )
		uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(peer_conn_rtt_us(w->b.conn), rtt);
	liar_free(l);
	world_free(w);
}

static void last_words_are_read_though_writing_fails(void **state)
{
	static const uint8_t words[] = {
		0, 0, 0, 4, 1, 0, 0, 0, 0, 8, 1, 32, 10,	/* hello */
		0, 0, 0, 2, 4, 0, 0, 0, 2, 0, 1,		/* message on channel 2 */
		0, 0, 0, 0, 7, 0, 0, 0, 2,			/* and its end */
	};
	struct world *w = world_new(&quick);
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(write(fd[1], words, sizeof(words)), sizeof(words));
	close(fd[1]);
	w->a.conn = peer_attach(w->a_ctx, fd[0], true, false, &conn_cb, &w->a, NULL);
	spin_until(w, w->a.n_closed);
	assert_int_equal(w->a.n_ready, 1);
	assert_string_equal(w->a.ends[0].events, "mc");
	assert_int_equal(w->a.ends[0].err.code, ERR_NONE);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_liar_gets_through),
		cmocka_unit_test(identity_that_does_not_hold_is_refused),
		cmocka_unit_test(silent_half_open_connection_is_closed_at_its_deadline),
		cmocka_unit_test(peer_that_stops_within_the_handshake_is_closed_at_its_deadline),
		cmocka_unit_test(huge_or_senseless_first_bytes_are_refused_at_once),
		cmocka_unit_test(empty_and_short_records_are_refused),
		cmocka_unit_test(connection_that_comes_and_goes_is_no_offence),
		cmocka_unit_test(other_version_is_told),
		cmocka_unit_test(hello_must_come_first_and_once),
		cmocka_unit_test(refused_peer_never_sees_us_ready),
		cmocka_unit_test(connections_beyond_the_cap_are_closed),
		cmocka_unit_test(connections_beyond_the_cap_of_an_address_are_closed),
		cmocka_unit_test(one_identity_from_many_addresses_is_capped),
		cmocka_unit_test(closed_listener_drops_the_half_open_and_keeps_the_ready),
		cmocka_unit_test(overrun_credit_ends_the_connection),
		cmocka_unit_test(reason_reaches_a_peer_that_goes_on_sending),
		cmocka_unit_test(too_many_channels_end_the_connection),
		cmocka_unit_test(frames_that_make_no_sense_end_the_connection),
		cmocka_unit_test(credits_beyond_all_measure_end_the_connection),
		cmocka_unit_test(what_a_later_version_says_is_ignored),
		cmocka_unit_test(late_frames_of_an_ended_channel_are_ignored),
		cmocka_unit_test(frame_length_of_4_gib_ends_the_connection),
		cmocka_unit_test(frame_cut_by_its_record_ends_the_connection),
		cmocka_unit_test(forged_record_ends_the_connection),
		cmocka_unit_test(one_byte_at_a_time_is_understood),
		cmocka_unit_test(peer_that_vanishes_ends_its_channels_first),
		cmocka_unit_test(silent_peer_is_dead_within_its_time),
		cmocka_unit_test(any_byte_is_a_sign_of_life),
		cmocka_unit_test(our_own_long_pause_is_not_held_against_the_peer),
		cmocka_unit_test(peer_that_sends_but_never_reads_is_given_up),
		cmocka_unit_test(closed_channel_that_nobody_reads_is_dropped),
		cmocka_unit_test(flood_of_pings_costs_no_memory),
		cmocka_unit_test(ping_that_is_due_soon_goes_along_with_an_answer),
		cmocka_unit_test(repeated_pong_changes_nothing),
		cmocka_unit_test(last_words_are_read_though_writing_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
