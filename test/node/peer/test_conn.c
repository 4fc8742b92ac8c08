#include "test/node/peer/harness.h"

#include <pthread.h>

/* ---- meeting ---- */

static void both_sides_learn_the_proven_address(void **state)
{
	struct world *w = world_tcp();
	struct eth_addr a = sig_key_addr(w->a_key), b = sig_key_addr(w->b_key);
	struct peer_stats st;

	assert_true(eth_addr_equal(peer_conn_addr(w->a.conn), &b));
	assert_true(eth_addr_equal(peer_conn_addr(w->b.conn), &a));
	assert_string_equal(peer_conn_name(w->a.conn), w->at);
	assert_int_equal(strncmp(peer_conn_name(w->b.conn), "127.0.0.1:", 10), 0);
	assert_int_equal(w->a.n_ready, 1);
	assert_int_equal(w->n_asked, 1);
	peer_ctx_stats(w->a_ctx, &st);
	assert_int_equal(st.n_handshakes, 1);
	assert_int_equal(st.n_conns, 1);
	assert_true(st.bytes_in > 200 && st.bytes_out > 200);
	world_free(w);
}

static void handshake_hash_is_of_both_ends_and_this_connection_alone(void **state)
{
	static const struct hash32 zero;
	struct world *w = world_tcp();
	struct hash32 a = peer_conn_handshake(w->a.conn), b = peer_conn_handshake(w->b.conn), other;

	assert_memory_equal(a.b, b.b, sizeof(a.b));
	assert_memory_not_equal(a.b, zero.b, sizeof(a.b));
	world_free(w);
	w = world_tcp();
	other = peer_conn_handshake(w->a.conn);
	assert_memory_not_equal(a.b, other.b, sizeof(a.b));
	world_free(w);
	w = world_local();
	other = peer_conn_handshake(w->a.conn);
	assert_memory_equal(other.b, zero.b, sizeof(zero.b));
	world_free(w);
}

static void pings_measure_the_round_trip(void **state)
{
	struct world *w = world_tcp();

	spin_until(w, peer_conn_rtt_us(w->a.conn) >= 0 && peer_conn_rtt_us(w->b.conn) >= 0);
	assert_true(peer_conn_rtt_us(w->a.conn) < 1000000);
	world_free(w);
}

static void expected_address_is_accepted_and_another_is_denied(void **state)
{
	struct world *w = world_new(&quick);
	struct eth_addr right = sig_key_addr(w->b_key), wrong = sig_key_addr(w->a_key);

	world_listen(w, 10, 10);
	w->a.conn = peer_dial(w->a_ctx, w->at, &wrong, &conn_cb, &w->a, NULL);
	spin_until(w, w->a.n_closed);
	assert_int_equal(w->a.err.code, ERR_DENIED);
	assert_non_null(strstr(w->a.err.msg, "expected"));
	assert_int_equal(w->a.n_ready, 0);
	assert_int_equal(w->n_asked, 0);
	w->a.conn = peer_dial(w->a_ctx, w->at, &right, &conn_cb, &w->a, NULL);
	spin_until(w, w->a.n_ready && w->b.n_ready);
	world_free(w);
}

static void local_pair_needs_no_identity(void **state)
{
	struct world *w = world_local();

	assert_true(eth_addr_is_zero(peer_conn_addr(w->a.conn)));
	assert_string_equal(peer_conn_name(w->a.conn), "local");
	assert_int_equal(peer_conn_rtt_us(w->a.conn), -1);
	world_free(w);
}

static void context_without_key_can_attach(void **state)
{
	struct world *w = world_new(&quick);
	struct peer_ctx *ctx = peer_ctx_new(&w->loop, NULL, NULL, "worker");
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	w->a.conn = peer_attach(w->a_ctx, fd[0], true, true, &conn_cb, &w->a, NULL);
	w->b.conn = peer_attach(ctx, fd[1], false, false, &conn_cb, &w->b, NULL);
	spin_until(w, w->a.n_ready && w->b.n_ready);
	/* one side pings, the other answers */
	spin_until(w, peer_conn_rtt_us(w->a.conn) >= 0);
	close_conn(&w->b);
	peer_ctx_free(ctx);
	world_free(w);
}

/* ---- talking ---- */

static void check_order(struct world *w)
{
	struct end *e = open_channel(&w->a), *f;

	assert_int_equal(peer_channel_id(e->ch), 1);
	send_msg(e, 10, "header");
	send_data(e, 300000);
	send_msg(e, 11, "middle");
	send_data(e, 20);
	send_msg(e, 60000, "a type nobody knows");
	close_end(e);
	spin_until(w, w->b.n_ends == 1 && w->b.ends[0].n_closed);
	f = &w->b.ends[0];
	assert_string_equal(f->events, "mdmdmc");
	assert_int_equal(f->n_bytes, 300020);
	assert_int_equal(f->n_msgs, 3);
	assert_int_equal(f->err.code, ERR_NONE);
	assert_int_equal(e->n_closed, 0);
}

static void messages_and_data_keep_their_order(void **state)
{
	struct world *w = world_tcp();

	check_order(w);
	world_free(w);
	w = world_local();
	check_order(w);
	world_free(w);
}

static uint64_t sum_of(size_t len, const uint8_t *data)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < len; i += 97)
		sum += i * (data[i % (1 << 20)] + 1u);
	return sum;
}

static void data_arrives_byte_for_byte(void **state)
{
	struct world *w = world_local();
	struct end *e = open_channel(&w->a);
	uint8_t data[97 * 5];
	size_t i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31);
	/* In writes of odd sizes, which share chunks and frames. */
	peer_channel_data(e->ch, data, 100);
	peer_channel_data(e->ch, data + 100, 1);
	peer_channel_data(e->ch, data + 101, sizeof(data) - 101);
	spin_until(w, w->b.n_ends && w->b.ends[0].n_bytes == sizeof(data));
	assert_int_equal(w->b.ends[0].sum, sum_of(sizeof(data), data));
	world_free(w);
}

static void the_listener_may_open_channels_too(void **state)
{
	struct world *w = world_tcp();
	struct end *e = open_channel(&w->b);

	assert_int_equal(peer_channel_id(e->ch), 2);
	send_msg(e, 1, "hello");
	spin_until(w, w->a.n_ends && w->a.ends[0].n_msgs);
	send_msg(&w->a.ends[0], 1, "answer");
	spin_until(w, e->n_msgs);
	world_free(w);
}

static void channels_appear_in_order_of_opening(void **state)
{
	struct world *w = world_tcp();
	struct end *first = open_channel(&w->a), *second = open_channel(&w->a);

	send_msg(second, 1, "before the first channel says anything");
	spin_until(w, w->b.n_ends == 2 && w->b.ends[1].n_msgs);
	assert_int_equal(peer_channel_id(w->b.ends[0].ch), peer_channel_id(first->ch));
	send_msg(first, 1, "later");
	spin_until(w, w->b.ends[0].n_msgs);
	world_free(w);
}

static void closing_delivers_what_is_queued(void **state)
{
	struct world *w = world_tcp();
	struct end *e = open_channel(&w->a);

	send_data(e, 20u << 20);
	close_end(e);
	spin_until(w, w->b.n_ends && w->b.ends[0].n_closed);
	assert_int_equal(w->b.ends[0].n_bytes, 20u << 20);
	assert_int_equal(w->b.ends[0].err.code, ERR_NONE);
	world_free(w);
}

static void abort_drops_the_queue_and_says_why(void **state)
{
	struct world *w = world_tcp();
	struct end *e = open_channel(&w->a), *f;
	struct err why;

	send_msg(e, 1, "first");
	spin_until(w, w->b.n_ends && w->b.ends[0].n_msgs);
	f = &w->b.ends[0];
	send_data(e, 10u << 20);
	err_set(&why, ERR_TIMEOUT, "too late\n\x1b[31m");
	peer_channel_abort(e->ch, &why);
	e->ch = NULL;
	spin_until(w, f->n_closed);
	assert_int_equal(f->err.code, ERR_TIMEOUT);
	assert_string_equal(f->err.msg, "the peer says: too late??[31m");
	assert_int_equal(f->n_bytes, 0);
	assert_int_equal(e->n_closed, 0);
	world_free(w);
}

static void channel_nobody_takes_is_refused(void **state)
{
	struct world *w = world_tcp();
	struct end *e = open_channel(&w->a);

	w->b.refuse_channels = true;
	send_msg(e, 1, "is anybody there");
	spin_until(w, e->n_closed);
	assert_int_equal(e->err.code, ERR_NOT_FOUND);
	assert_true(peer_conn_is_ready(w->a.conn));
	world_free(w);
}

static void empty_channel_opens_and_closes(void **state)
{
	struct world *w = world_tcp();

	close_end(open_channel(&w->a));
	spin_until(w, w->b.n_ends && w->b.ends[0].n_closed);
	assert_string_equal(w->b.ends[0].events, "c");
	world_free(w);
}

static void both_ends_may_close_at_once(void **state)
{
	struct world *w = world_tcp();
	struct end *e = open_channel(&w->a), *g;

	send_msg(e, 1, "x");
	spin_until(w, w->b.n_ends && w->b.ends[0].n_msgs);
	close_end(e);
	close_end(&w->b.ends[0]);
	/* the connection still works */
	g = open_channel(&w->a);
	send_msg(g, 1, "y");
	spin_until(w, w->b.n_ends == 2 && w->b.ends[1].n_msgs);
	assert_int_equal(e->n_closed + w->b.ends[0].n_closed, 0);
	world_free(w);
}

static void over_long_message_fails_its_channel_only(void **state)
{
	struct world *w = world_tcp();
	struct end *e = open_channel(&w->a);
	struct buf b;

	buf_init(&b, 20000);
	buf_reserve(&b, FRAME_PAYLOAD_MAX);
	memset(b.data, 'x', FRAME_PAYLOAD_MAX - 1);
	b.len = FRAME_PAYLOAD_MAX - 1;
	w->a.in_call++;
	peer_channel_msg(e->ch, 1, &b);
	w->a.in_call--;
	spin_until(w, e->n_closed && w->b.n_ends && w->b.ends[0].n_closed);
	assert_int_equal(e->err.code, ERR_LIMIT);
	assert_int_equal(w->b.ends[0].err.code, ERR_LIMIT);
	e = open_channel(&w->a);
	b.len = FRAME_PAYLOAD_MAX - 2;
	peer_channel_msg(e->ch, 1, &b);
	spin_until(w, w->b.n_ends == 2 && w->b.ends[1].n_msgs);
	buf_fini(&b);
	world_free(w);
}

/* ---- flow control ---- */

static void sender_stops_at_the_window_and_goes_on_with_credit(void **state)
{
	struct world *w = world_tcp();
	struct end *e = open_channel(&w->a), *probe, *f = &w->b.ends[0];
	size_t queued;

	w->b.hold = true;
	queued = send_data(e, 3u << 20);
	assert_int_equal(queued, 3u << 20);
	spin_until(w, f->n_bytes == 1u << 20);
	/* a round trip later nothing more has come */
	probe = open_channel(&w->a);
	send_msg(probe, 1, "?");
	spin_until(w, w->b.n_ends == 2 && w->b.ends[1].n_msgs);
	send_msg(&w->b.ends[1], 1, "!");
	spin_until(w, probe->n_msgs);
	assert_int_equal(f->n_bytes, 1u << 20);
	peer_channel_consumed(f->ch, 1u << 20);
	spin_until(w, f->n_bytes == 2u << 20);
	w->b.hold = false;
	peer_channel_consumed(f->ch, 1u << 20);
	spin_until(w, f->n_bytes == 3u << 20);
	assert_int_equal(e->n_drained, 1);
	world_free(w);
}

static void consuming_more_than_came_gives_no_extra_credit(void **state)
{
	struct world *w = world_tcp();
	struct end *e = open_channel(&w->a), *f = &w->b.ends[0];

	w->b.hold = true;
	send_data(e, 4u << 20);
	spin_until(w, f->n_bytes == 1u << 20);
	peer_channel_consumed(f->ch, 100u << 20);
	spin_until(w, f->n_bytes == 2u << 20);
	spin_until(w, e->n_drained || peer_conn_rtt_us(w->a.conn) >= 0);
	assert_int_equal(f->n_bytes, 2u << 20);
	world_free(w);
}

static void window_of_one_byte_still_moves(void **state)
{
	struct peer_limits l = quick;
	struct world *w;
	struct end *e;

	l.window = 1;
	w = world_tcp_with(&l);
	e = open_channel(&w->a);
	send_data(e, 200);
	spin_until(w, w->b.n_ends && w->b.ends[0].n_bytes == 200);
	world_free(w);
}

static void queue_is_bounded_when_the_peer_does_not_read(void **state)
{
	struct world *w = world_new(&quick);
	struct end *e;
	int fd[2];
	static const uint8_t hello[] = { 0, 0, 0, 4, 1, 0, 0, 0, 0, 8, 1, 32, 10 };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(write(fd[1], hello, sizeof(hello)), sizeof(hello));
	w->a.conn = peer_attach(w->a_ctx, fd[0], true, false, &conn_cb, &w->a, NULL);
	spin_until(w, w->a.n_ready);
	e = open_channel(&w->a);
	send_data(e, 2u * SEGMENT_BYTES_MAX);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(e->n_closed, 0);
	send_data(e, 1u << 20);
	spin_until(w, e->n_closed);
	assert_int_equal(e->err.code, ERR_LIMIT);
	assert_true(peer_conn_is_ready(w->a.conn));
	close(fd[1]);
	world_free(w);
}

static void channels_take_turns_and_messages_overtake_data(void **state)
{
	struct world *w = world_tcp();
	struct end *big = open_channel(&w->a), *small;

	send_data(big, 30u << 20);
	spin_until(w, w->b.n_ends && w->b.ends[0].n_bytes > 0);
	small = open_channel(&w->a);
	send_msg(small, 1, "passes thirty megabytes");
	spin_until(w, w->b.n_ends == 2 && w->b.ends[1].n_msgs);
	assert_true(w->b.ends[0].n_bytes < 15u << 20);
	world_free(w);
}

static void channels_share_the_line(void **state)
{
	struct world *w = world_local();	/* no window that would share it for us */
	struct end *first = open_channel(&w->a), *second = open_channel(&w->a);

	send_data(first, 4u << 20);
	send_data(second, 4u << 20);
	spin_until(w, w->b.n_ends == 2 && w->b.ends[1].n_bytes > 0);
	assert_true(w->b.ends[0].n_bytes < 1u << 20);
	spin_until(w, w->b.ends[1].n_bytes == 4u << 20);
	assert_true(w->b.ends[0].n_bytes > 3u << 20);
	world_free(w);
}

#ifdef LP_SANITIZED
#define BULK (30u << 20)
#define RTT_MAX_US 400000
#else
#define BULK (100u << 20)
#define RTT_MAX_US 50000
#endif

static void pings_stay_quick_beside_bulk_data(void **state)
{
	struct world *w = world_tcp();
	struct end *e = open_channel(&w->a), *f = &w->b.ends[0];
	int64_t start = clock_mono_us();
	int worst = 0;
	size_t sent = 0;

	while (f->n_bytes < BULK) {
		if (sent < BULK && sent - f->n_bytes < 8u << 20) {
			send_data(e, 1u << 20);
			sent += 1u << 20;
		}
		uv_run(&w->loop, UV_RUN_ONCE);
		if (peer_conn_rtt_us(w->a.conn) > worst)
			worst = peer_conn_rtt_us(w->a.conn);
	}
	print_message("%u MiB in %lld ms, worst ping %d us\n", BULK >> 20,
		      (long long)(clock_mono_us() - start) / 1000, worst);
	assert_true(worst > 0 && worst < RTT_MAX_US);
	world_free(w);
}

/* ---- limits, going away ---- */

static void opening_more_channels_than_allowed_is_busy(void **state)
{
	struct peer_limits l = quick;
	struct world *w;
	struct err err = { 0 };
	struct end *e[3];
	int i;

	l.max_channels = 3;
	w = world_tcp_with(&l);
	for (i = 0; i < 3; i++)
		e[i] = open_channel(&w->a);
	assert_null(peer_channel_open(w->a.conn, &channel_cb, NULL, &err));
	assert_int_equal(err.code, ERR_BUSY);
	/* Close and open at once, again and again: never above the limit on the wire. */
	for (i = 0; i < 20; i++) {
		send_data(e[i % 3], 100000);
		close_end(e[i % 3]);
		spin_until(w, (e[i % 3]->ch = peer_channel_open(w->a.conn, &channel_cb, e[i % 3], NULL)));
	}
	spin_until(w, w->b.n_ends == 23);
	assert_int_equal(w->a.n_closed + w->b.n_closed, 0);
	world_free(w);
}

static void goaway_refuses_new_channels_and_keeps_the_old(void **state)
{
	struct world *w = world_tcp();
	struct end *old = open_channel(&w->a);
	struct err err = { 0 };

	send_msg(old, 1, "x");
	spin_until(w, w->b.n_ends);
	peer_conn_goaway(w->b.conn);
	peer_conn_goaway(w->b.conn);
	spin_until(w, w->a.n_goaway);
	assert_null(peer_channel_open(w->a.conn, &channel_cb, NULL, &err));
	assert_int_equal(err.code, ERR_IO);
	assert_null(peer_channel_open(w->b.conn, &channel_cb, NULL, &err));
	send_msg(&w->b.ends[0], 1, "y");
	spin_until(w, old->n_msgs);
	assert_int_equal(w->a.n_goaway, 1);
	world_free(w);
}

static void channel_opened_before_goaway_came_is_told_busy(void **state)
{
	struct world *w = world_tcp();
	struct end *e;

	peer_conn_goaway(w->b.conn);
	e = open_channel(&w->a);
	send_msg(e, 1, "x");
	spin_until(w, e->n_closed);
	assert_int_equal(e->err.code, ERR_BUSY);
	assert_int_equal(w->b.n_ends, 0);
	world_free(w);
}

/* ---- the end ---- */

static void closed_connection_ends_every_channel_then_itself(void **state)
{
	struct world *w = world_tcp();
	struct end *e[3];
	int i;

	for (i = 0; i < 3; i++) {
		e[i] = open_channel(&w->a);
		send_msg(e[i], 1, "x");
	}
	spin_until(w, w->b.n_ends == 3 && w->b.ends[2].n_msgs);
	close_conn(&w->b);
	spin_until(w, w->a.n_closed);
	for (i = 0; i < 3; i++) {
		assert_int_equal(e[i]->n_closed, 1);
		assert_int_equal(e[i]->err.code, ERR_IO);
	}
	assert_int_equal(w->a.n_open_at_close, 0);
	assert_int_equal(w->a.n_closed, 1);
	assert_int_equal(w->a.err.code, ERR_IO);
	assert_non_null(strstr(w->a.err.msg, "closed by the peer"));
	assert_int_equal(w->b.n_closed, 0);
	world_free(w);
}

static void both_sides_may_close_at_once(void **state)
{
	struct world *w = world_tcp();

	send_data(open_channel(&w->a), 1u << 20);
	close_conn(&w->a);
	close_conn(&w->b);
	world_free(w);
}

static void leaving_it_to_the_context_closes_all(void **state)
{
	struct world *w = world_tcp();

	send_data(open_channel(&w->a), 5u << 20);
	send_data(open_channel(&w->b), 5u << 20);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	world_free(w);
}

/* What may be done inside any callback. */
static void act_close_conn(struct side *s, struct peer_channel *ch)
{
	if (s->conn)
		close_conn(s);
}

static void act_close_channels(struct side *s, struct peer_channel *ch)
{
	unsigned i;

	for (i = 0; i < s->n_ends; i++)
		if (s->ends[i].ch)
			close_end(&s->ends[i]);
}

static void act_abort_channels(struct side *s, struct peer_channel *ch)
{
	unsigned i;

	for (i = 0; i < s->n_ends; i++) {
		if (s->ends[i].ch)
			peer_channel_abort(s->ends[i].ch, NULL);
		s->ends[i].ch = NULL;
	}
}

static void act_open_and_fill(struct side *s, struct peer_channel *ch)
{
	struct end *e;

	if (!s->conn || !peer_conn_is_ready(s->conn))
		return;
	e = end_new(s);
	e->ch = peer_channel_open(s->conn, &channel_cb, e, NULL);
	if (e->ch)
		send_data(e, 3u << 20);
}

static void act_overfill(struct side *s, struct peer_channel *ch)
{
	unsigned i;

	for (i = 0; i < s->n_ends; i++)
		if (s->ends[i].ch)
			send_data(&s->ends[i], 65u << 20);
}

/* A conversation in which each kind of callback comes on both sides. */
static void converse(struct world *w)
{
	struct end *e = NULL, *f;
	int64_t until;

	if (w->a.conn)
		e = end_new(&w->a);
	if (e)
		e->ch = peer_channel_open(w->a.conn, &channel_cb, e, NULL);
	if (e && e->ch)
		send_msg(e, 1, "x");
	if (e && e->ch)
		send_data(e, 1500000);
	if (w->b.conn && peer_conn_is_ready(w->b.conn)) {
		f = end_new(&w->b);
		f->ch = peer_channel_open(w->b.conn, &channel_cb, f, NULL);
		if (f->ch)
			send_data(f, 100);
	}
	for (until = clock_mono_ms() + 8; clock_mono_ms() < until; )
		uv_run(&w->loop, UV_RUN_NOWAIT);
	if (e && e->ch)
		close_end(e);
	if (w->b.conn)
		peer_conn_goaway(w->b.conn);
	for (until = clock_mono_ms() + 2; clock_mono_ms() < until; )
		uv_run(&w->loop, UV_RUN_NOWAIT);
	if (w->b.conn)
		close_conn(&w->b);
	for (until = clock_mono_ms() + 2; clock_mono_ms() < until; )
		uv_run(&w->loop, UV_RUN_NOWAIT);
}

static void anything_may_be_closed_inside_any_callback(void **state)
{
	static void (*const acts[])(struct side *, struct peer_channel *) = {
		act_close_conn, act_close_channels, act_abort_channels, act_open_and_fill,
		act_overfill,
	};
	size_t i;
	unsigned at, n_acted, side;

	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		for (side = 0; side < 2; side++) {
			n_acted = 0;
			/* Filling a queue beyond its bound takes its time. */
			for (at = 0; at < (acts[i] == act_overfill ? 2 : 8); at++) {
				struct world *w = world_tcp();
				struct side *s = side ? &w->b : &w->a;

				s->act = acts[i];
				s->act_at = at;
				converse(w);
				assert_true(w->a.n_closed <= 1 && w->b.n_closed <= 1);
				assert_int_equal(w->a.n_open_at_close + w->b.n_open_at_close, 0);
				n_acted += s->n_callbacks > at;
				world_free(w);
			}
			assert_true(n_acted >= (acts[i] == act_overfill ? 2 : 4));
		}
	}
}

static void closing_inside_on_ready_is_safe(void **state)
{
	unsigned side;

	for (side = 0; side < 2; side++) {
		struct world *w = world_new(&quick);

		world_listen(w, 10, 10);
		(side ? &w->b : &w->a)->act = act_close_conn;
		dial(w);
		if (side)
			spin_until(w, w->a.n_closed);
		else
			spin_until(w, w->b.n_ready && w->b.n_closed);
		world_free(w);
	}
}

static void dialling_may_be_given_up_at_any_moment(void **state)
{
	static const char *const names[] = { NULL, "localhost" };
	size_t i;
	int turns, t;

	for (i = 0; i < 2; i++) {
		for (turns = 0; turns < 25; turns++) {
			struct world *w = world_new(&quick);

			world_listen(w, 10, 10);
			if (names[i])
				snprintf(w->at, sizeof(w->at), "%s:%d", names[i],
					 peer_listener_port(w->listener));
			dial(w);
			for (t = 0; t < turns; t++)
				uv_run(&w->loop, UV_RUN_NOWAIT);
			if (w->a.conn)
				close_conn(&w->a);
			world_free(w);
		}
	}
}

/* ---- dialling ---- */

static void refused_dial_is_reported_once_from_the_loop(void **state)
{
	struct world *w = world_new(&quick);

	world_listen(w, 10, 10);
	peer_listener_close(w->listener);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	dial(w);
	spin_until(w, w->a.n_closed);
	assert_int_equal(w->a.err.code, ERR_IO);
	assert_non_null(strstr(w->a.err.msg, "refused"));
	world_free(w);
}

static void names_are_resolved(void **state)
{
	struct world *w = world_new(&quick);

	world_listen(w, 10, 10);
	snprintf(w->at, sizeof(w->at), "localhost:%d", peer_listener_port(w->listener));
	dial(w);
	spin_until(w, w->a.n_ready);
	assert_string_equal(peer_conn_name(w->a.conn), w->at);
	world_free(w);
}

static void name_without_address_fails(void **state)
{
	struct world *w = world_new(&quick);

	/* No resolver is asked: the name breaks the rules of names. */
	snprintf(w->at, sizeof(w->at), "no..such..host:1");
	dial(w);
	spin_until(w, w->a.n_closed);
	assert_int_equal(w->a.err.code, ERR_IO);
	assert_non_null(strstr(w->a.err.msg, "no address"));
	world_free(w);
}

static void malformed_addresses_fail_at_once(void **state)
{
	struct world *w = world_new(&quick);
	struct err err = { 0 };

	assert_null(peer_dial(w->a_ctx, "nowhere", NULL, &conn_cb, &w->a, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_null(peer_dial(w->a_ctx, "127.0.0.1:0", NULL, &conn_cb, &w->a, &err));
	assert_null(peer_listen(w->a_ctx, "example.org:1", 1, 1, on_accept, w, &err));
	assert_int_equal(err.code, ERR_INVALID);
	world_listen(w, 1, 1);
	assert_null(peer_listen(w->a_ctx, w->at, 1, 1, on_accept, w, &err));
	assert_int_equal(err.code, ERR_IO);
	assert_null(peer_attach(w->a_ctx, -1, true, false, &conn_cb, &w->a, &err));
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(w->a.n_closed, 0);
	world_free(w);
}

static void silent_server_meets_the_deadline(void **state)
{
	struct peer_limits l = quick;
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct world *w;

	l.handshake_ms = 30;
	w = world_new(&l);
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 5), 0);
	getsockname(fd, (struct sockaddr *)&sa, &len);
	snprintf(w->at, sizeof(w->at), "127.0.0.1:%d", ntohs(sa.sin_port));
	dial(w);
	spin_until(w, w->a.n_closed);
	assert_int_equal(w->a.err.code, ERR_TIMEOUT);
	close(fd);
	world_free(w);
}

/* ---- two loops ---- */

struct other {
	int fd;
	unsigned n_bytes;
	bool closed;
	struct peer_channel *ch;
	uv_loop_t loop;
};

static void other_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	/* echo */
	peer_channel_data(ch, data, len);
}

static void other_channel_close(void *arg, struct peer_channel *ch, const struct err *why)
{
}

static void other_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	static const struct peer_channel_cb cb = { NULL, other_data, other_channel_close, NULL };

	peer_channel_set(ch, &cb, arg);
}

static void other_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct other *o = arg;

	o->closed = true;
}

static void *other_thread(void *arg)
{
	static const struct peer_conn_cb cb = { NULL, other_channel, NULL, other_close };
	struct other *o = arg;
	struct peer_ctx *ctx;

	uv_loop_init(&o->loop);
	ctx = peer_ctx_new(&o->loop, NULL, NULL, "other");
	peer_attach(ctx, o->fd, false, false, &cb, o, NULL);
	uv_run(&o->loop, UV_RUN_DEFAULT);	/* until the other side closes */
	peer_ctx_free(ctx);
	return (void *)(intptr_t)uv_loop_close(&o->loop);
}

static void socketpair_joins_two_loops(void **state)
{
	struct world *w = world_new(&quick);
	struct other o = { 0 };
	pthread_t thread;
	void *rc;
	struct end *e;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	o.fd = fd[1];
	assert_int_equal(pthread_create(&thread, NULL, other_thread, &o), 0);
	w->a.conn = peer_attach(w->a_ctx, fd[0], true, false, &conn_cb, &w->a, NULL);
	spin_until(w, w->a.n_ready);
	e = open_channel(&w->a);
	send_data(e, 10u << 20);
	spin_until(w, e->n_bytes == 10u << 20);
	close_conn(&w->a);
	pthread_join(thread, &rc);
	assert_null(rc);
	assert_true(o.closed);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_learn_the_proven_address),
		cmocka_unit_test(handshake_hash_is_of_both_ends_and_this_connection_alone),
		cmocka_unit_test(pings_measure_the_round_trip),
		cmocka_unit_test(expected_address_is_accepted_and_another_is_denied),
		cmocka_unit_test(local_pair_needs_no_identity),
		cmocka_unit_test(context_without_key_can_attach),
		cmocka_unit_test(messages_and_data_keep_their_order),
		cmocka_unit_test(data_arrives_byte_for_byte),
		cmocka_unit_test(the_listener_may_open_channels_too),
		cmocka_unit_test(channels_appear_in_order_of_opening),
		cmocka_unit_test(closing_delivers_what_is_queued),
		cmocka_unit_test(abort_drops_the_queue_and_says_why),
		cmocka_unit_test(channel_nobody_takes_is_refused),
		cmocka_unit_test(empty_channel_opens_and_closes),
		cmocka_unit_test(both_ends_may_close_at_once),
		cmocka_unit_test(over_long_message_fails_its_channel_only),
		cmocka_unit_test(sender_stops_at_the_window_and_goes_on_with_credit),
		cmocka_unit_test(consuming_more_than_came_gives_no_extra_credit),
		cmocka_unit_test(window_of_one_byte_still_moves),
		cmocka_unit_test(queue_is_bounded_when_the_peer_does_not_read),
		cmocka_unit_test(channels_take_turns_and_messages_overtake_data),
		cmocka_unit_test(channels_share_the_line),
		cmocka_unit_test(pings_stay_quick_beside_bulk_data),
		cmocka_unit_test(opening_more_channels_than_allowed_is_busy),
		cmocka_unit_test(goaway_refuses_new_channels_and_keeps_the_old),
		cmocka_unit_test(channel_opened_before_goaway_came_is_told_busy),
		cmocka_unit_test(closed_connection_ends_every_channel_then_itself),
		cmocka_unit_test(both_sides_may_close_at_once),
		cmocka_unit_test(leaving_it_to_the_context_closes_all),
		cmocka_unit_test(anything_may_be_closed_inside_any_callback),
		cmocka_unit_test(closing_inside_on_ready_is_safe),
		cmocka_unit_test(dialling_may_be_given_up_at_any_moment),
		cmocka_unit_test(refused_dial_is_reported_once_from_the_loop),
		cmocka_unit_test(names_are_resolved),
		cmocka_unit_test(name_without_address_fails),
		cmocka_unit_test(malformed_addresses_fail_at_once),
		cmocka_unit_test(silent_server_meets_the_deadline),
		cmocka_unit_test(socketpair_joins_two_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
