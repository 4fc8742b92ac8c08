#include "test/node/peer/harness.h"

#include "node/peer/keep.h"

/* What happens to the keeper; the listener's side is w->b. */
struct kept {
	struct world *w;
	struct peer_keep *k;
	unsigned n_ready, n_closed, n_goaway, n_null;	/* n_null: on_close without connection */
	uint64_t closed_at[8];
	struct err err;
	bool free_on_close, drop_on_ready;
};

static void k_on_ready(void *arg, struct peer_conn *c)
{
	struct kept *t = arg;

	assert_ptr_equal(peer_keep_conn(t->k), c);
	t->n_ready++;
	if (t->drop_on_ready)
		peer_keep_drop(t->k);
}

static void k_on_goaway(void *arg, struct peer_conn *c)
{
	struct kept *t = arg;

	t->n_goaway++;
}

static void k_on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct kept *t = arg;

	assert_non_null(t->k);	/* never inside peer_keep_new */
	assert_null(peer_keep_conn(t->k));
	if (t->n_closed < 8)
		t->closed_at[t->n_closed] = uv_now(&t->w->loop);
	t->n_closed++;
	t->n_null += c == NULL;
	t->err = *why;
	if (t->free_on_close) {
		peer_keep_free(t->k);
		t->k = NULL;
	}
}

static const struct peer_conn_cb keep_cb = {
	.on_ready = k_on_ready,
	.on_goaway = k_on_goaway,
	.on_close = k_on_close,
};

static struct kept *kept_new(const char *address, const struct eth_addr *expect)
{
	struct kept *t = xcalloc(1, sizeof(*t));
	struct err err;

	t->w = world_new(&quick);
	world_listen(t->w, 10, 10);
	t->k = peer_keep_new(&t->w->loop, t->w->a_ctx, address ? address : t->w->at, expect,
			     &keep_cb, t, &err);
	assert_non_null(t->k);
	assert_null(peer_keep_conn(t->k));
	return t;
}

static void kept_free(struct kept *t)
{
	peer_keep_free(t->k);
	world_free(t->w);
	free(t);
}

/* ---- addresses ---- */

static void address_is_host_and_port_and_perhaps_a_name(void **state)
{
	struct eth_addr a, want;
	char hostport[280];
	struct err err;
	bool has;

	memset(want.b, 0xab, sizeof(want.b));
	assert_int_equal(peer_address_parse("localhost:1", hostport, &a, &has, &err), 0);
	assert_string_equal(hostport, "localhost:1");
	assert_false(has);
	assert_int_equal(peer_address_parse("0xabababababababababababababababababababab@[::1]:65535",
					    hostport, &a, &has, &err), 0);
	assert_string_equal(hostport, "[::1]:65535");
	assert_true(has && eth_addr_equal(&a, &want));
}

static void damaged_addresses_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "@", "host", "host:", "host:0", "host:65536", "host:000001", ":1", "a b:1",
		"host:1\n", "a\"b:1", "a\\b:1", "\xc3\xa4:1", "::1:1", "@host:1", "0x@host:1", "name@host:1", "0xabab@host:1",
		"0xabababababababababababababababababababab",
		"0xabababababababababababababababababababab@",
		"0xabababababababababababababababababababab@host",
		"0xabababababababababababababababababababababababababababababababababababab@h:1",
		"0xabababababababababababababababababababab@x@host:0",
	};
	char hostport[280], *big = xcalloc(1, 4096);
	struct eth_addr a;
	struct err err;
	bool has;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err = (struct err){ 0 };
		if (peer_address_parse(bad[i], hostport, &a, &has, &err) == 0)
			fail_msg("'%s' is accepted", bad[i]);
		assert_int_equal(err.code, ERR_INVALID);
	}
	memset(big, 'a', 4000);
	memcpy(big + 4000, ":1", 3);
	assert_int_equal(peer_address_parse(big, hostport, &a, &has, &err), -1);
	free(big);
}

static void two_names_must_agree(void **state)
{
	static const char named[] = "0xabababababababababababababababababababab@127.0.0.1:1";
	struct world *w = world_new(&quick);
	struct eth_addr other = { { 1 } }, same;
	struct peer_keep *k;
	struct err err = { 0 };

	memset(same.b, 0xab, sizeof(same.b));
	assert_null(peer_keep_new(&w->loop, w->a_ctx, named, &other, &keep_cb, NULL, &err));
	assert_int_equal(err.code, ERR_INVALID);
	k = peer_keep_new(&w->loop, w->a_ctx, named, &same, &keep_cb, NULL, &err);
	assert_non_null(k);
	assert_string_equal(peer_keep_hostport(k), "127.0.0.1:1");
	peer_keep_free(k);
	world_free(w);
}

/* ---- dialling ---- */

static void peer_is_dialled_and_again_when_lost(void **state)
{
	struct kept *t = kept_new(NULL, NULL);
	unsigned i;

	for (i = 1; i <= 3; i++) {
		spin_until(t->w, t->n_ready == i && t->w->b.n_ready == i);
		peer_conn_goaway(t->w->b.conn);
		spin_until(t->w, t->n_goaway == i);
		peer_conn_close(t->w->b.conn);
		spin_until(t->w, t->n_closed == i);
	}
	assert_int_equal(t->n_null, 0);
	kept_free(t);
}

static void pauses_grow_while_nobody_is_ready(void **state)
{
	struct kept *t = kept_new(NULL, NULL);

	t->w->refuse = true;
	spin_until(t->w, t->n_closed == 4);
	assert_int_equal(t->n_ready, 0);
	assert_true(t->closed_at[1] - t->closed_at[0] >= 200);
	assert_true(t->closed_at[2] - t->closed_at[1] >= 400);
	assert_true(t->closed_at[3] - t->closed_at[2] >= 800);
	kept_free(t);
}

static void on_later(uv_timer_t *timer)
{
	struct kept *t = timer->data;

	/* Timers run in order of their times, however late: the dial came before. */
	assert_true(peer_keep_conn(t->k) || t->n_ready == 2);
	uv_close((uv_handle_t *)timer, NULL);
	timer->data = NULL;
}

static void pause_is_short_again_after_it_was_ready(void **state)
{
	struct kept *t = kept_new(NULL, NULL);
	uv_timer_t later;

	t->w->refuse = true;
	spin_until(t->w, t->n_closed == 3);
	t->w->refuse = false;
	spin_until(t->w, t->n_ready == 1 && t->w->b.n_ready == 1);
	peer_conn_close(t->w->b.conn);
	spin_until(t->w, t->n_closed == 4);
	uv_timer_init(&t->w->loop, &later);
	later.data = t;
	uv_timer_start(&later, on_later, 300, 0);	/* without the reset it would be 1600 */
	spin_until(t->w, later.data == NULL);
	kept_free(t);
}

static void dial_that_fails_at_once_is_told_from_the_loop(void **state)
{
	/* connect() itself refuses a broadcast address. */
	struct kept *t = kept_new("255.255.255.255:9", NULL);

	assert_int_equal(t->n_closed, 0);
	spin_until(t->w, t->n_closed == 2);
	assert_int_equal(t->n_null, 2);
	assert_int_equal(t->err.code, ERR_IO);
	assert_true(t->closed_at[1] - t->closed_at[0] >= 200);
	kept_free(t);
}

static void somebody_else_is_refused_until_expected(void **state)
{
	struct eth_addr wrong = { { 9 } }, right;
	struct kept *t = kept_new(NULL, &wrong);

	spin_until(t->w, t->n_closed == 1);
	assert_int_equal(t->err.code, ERR_DENIED);
	right = sig_key_addr(t->w->b_key);
	peer_keep_expect(t->k, &right);
	spin_until(t->w, t->n_ready == 1);
	kept_free(t);
}

static void wait_moves_the_next_dial_whether_connected_or_not(void **state)
{
	struct kept *t = kept_new(NULL, NULL);
	uint64_t asked;

	spin_until(t->w, t->n_ready == 1 && t->w->b.n_ready == 1);
	asked = uv_now(&t->w->loop);
	peer_keep_wait(t->k, 500);
	peer_conn_close(t->w->b.conn);
	spin_until(t->w, t->n_ready == 2 && t->w->b.n_ready == 2);
	assert_true(uv_now(&t->w->loop) - asked >= 500);
	peer_conn_close(t->w->b.conn);
	spin_until(t->w, t->n_closed == 2);
	asked = uv_now(&t->w->loop);
	peer_keep_wait(t->k, 400);
	spin_until(t->w, t->n_ready == 3);
	assert_true(uv_now(&t->w->loop) - asked >= 400);
	kept_free(t);
}

static void dropped_connection_is_not_reported_and_dialled_again(void **state)
{
	struct kept *t = kept_new(NULL, NULL);

	t->drop_on_ready = true;
	spin_until(t->w, t->n_ready == 1);
	assert_null(peer_keep_conn(t->k));
	peer_keep_drop(t->k);	/* nothing there: nothing happens */
	t->drop_on_ready = false;
	spin_until(t->w, t->n_ready == 2);
	assert_int_equal(t->n_closed, 0);
	kept_free(t);
}

static void it_may_be_freed_at_any_time(void **state)
{
	struct kept *t = kept_new(NULL, NULL);

	kept_free(t);			/* before the first dial */
	t = kept_new(NULL, NULL);
	spin_until(t->w, peer_keep_conn(t->k));
	kept_free(t);			/* while dialling */
	t = kept_new(NULL, NULL);
	spin_until(t->w, t->n_ready);
	kept_free(t);			/* while connected */
	t = kept_new(NULL, NULL);
	t->w->refuse = true;
	t->free_on_close = true;
	spin_until(t->w, t->n_closed);
	assert_int_equal(t->n_closed, 1);
	kept_free(t);			/* inside on_close */
	peer_keep_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(address_is_host_and_port_and_perhaps_a_name),
		cmocka_unit_test(damaged_addresses_are_refused),
		cmocka_unit_test(two_names_must_agree),
		cmocka_unit_test(peer_is_dialled_and_again_when_lost),
		cmocka_unit_test(pauses_grow_while_nobody_is_ready),
		cmocka_unit_test(pause_is_short_again_after_it_was_ready),
		cmocka_unit_test(dial_that_fails_at_once_is_told_from_the_loop),
		cmocka_unit_test(somebody_else_is_refused_until_expected),
		cmocka_unit_test(wait_moves_the_next_dial_whether_connected_or_not),
		cmocka_unit_test(dropped_connection_is_not_reported_and_dialled_again),
		cmocka_unit_test(it_may_be_freed_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
