/* Which endpoint is asked next, on a clock of the test's own. */
#include "test/test.h"

#include "node/chain/rpc_choose.h"

#define ALL 7u

static int64_t now;

/* Three that work. */
static void start(struct rpc_health h[3])
{
	int i;

	now = 1000000;
	for (i = 0; i < 3; i++) {
		h[i] = (struct rpc_health){ 0 };
		rpc_health_checked(&h[i], now);
		rpc_health_answered(&h[i], now, now - 20);
	}
}

static int choose(const struct rpc_health h[3])
{
	int64_t turn;

	return rpc_choose(h, 3, ALL, now, &turn);
}

static int64_t turn_of(const struct rpc_health h[3], unsigned allowed)
{
	int64_t turn;

	rpc_choose(h, 3, allowed, now, &turn);
	return turn;
}

static void break_down(struct rpc_health *h)
{
	rpc_health_failed(h, now, now, 0, 0);
}

static void equal_ones_are_taken_as_they_are_named(void **state)
{
	struct rpc_health h[3];
	int64_t turn;

	start(h);
	assert_int_equal(choose(h), 0);
	assert_int_equal(rpc_choose(h, 3, 6, now, &turn), 1);
	assert_int_equal(rpc_choose(h, 3, 4, now, &turn), 2);
	assert_int_equal(rpc_choose(h, 3, 0, now, &turn), -1);
	assert_true(turn == INT64_MAX);
}

static void who_failed_rests_longer_each_time(void **state)
{
	static const int64_t rests[] = { 250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000 };
	struct rpc_health h[3];
	size_t i;

	start(h);
	for (i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
		break_down(&h[0]);
		assert_int_equal(h[0].rest_until_ms - now, rests[i]);
		assert_int_equal(choose(h), 1);
		now = h[0].rest_until_ms;
	}
}

static void chance_lengthens_a_rest_by_at_most_half(void **state)
{
	struct rpc_health h[3];
	uint32_t random;

	for (random = 0; random < 5000; random += 7) {
		start(h);
		rpc_health_failed(&h[0], now, now, 0, random * 2654435761u);
		assert_in_range(h[0].rest_until_ms - now, 250, 375);
	}
}

static void a_success_ends_the_row_of_failures(void **state)
{
	struct rpc_health h[3];

	start(h);
	break_down(&h[0]);
	now += 300;
	break_down(&h[0]);
	now += 600;
	rpc_health_answered(&h[0], now, now - 10);
	break_down(&h[0]);
	assert_int_equal(h[0].rest_until_ms - now, 250);
}

static void what_was_begun_before_a_failure_says_nothing_of_now(void **state)
{
	struct rpc_health h[3];
	int64_t before;

	start(h);
	before = now;
	now += 100;
	break_down(&h[0]);
	rpc_health_failed(&h[0], now, before, 0, 0);	/* ten at once are one trouble */
	rpc_health_failed(&h[0], now, before, 0, 0);
	assert_int_equal(h[0].failures, 1);
	rpc_health_answered(&h[0], now, before);
	assert_int_equal(h[0].failures, 1);
	assert_true(h[0].rest_until_ms > now);
}

static void behind_a_rest_the_chain_id_is_asked_for(void **state)
{
	struct rpc_health h[3];

	start(h);
	assert_false(rpc_health_needs_check(&h[0], now));
	break_down(&h[0]);
	assert_true(rpc_health_needs_check(&h[0], now));
	now = h[0].rest_until_ms;
	assert_int_equal(choose(h), 1);		/* those that are known to be right come first */
	rpc_health_checked(&h[0], now);
	assert_int_equal(choose(h), 0);
	now += RPC_RECHECK_MS;
	assert_true(rpc_health_needs_check(&h[0], now));
}

static void retry_after_is_kept(void **state)
{
	struct rpc_health h[3];
	int i;

	start(h);
	for (i = 0; i < 3; i++)
		rpc_health_failed(&h[i], now, now, 20, 0);
	assert_int_equal(choose(h), -1);
	assert_int_equal(turn_of(h, ALL) - now, 20000);
	/* Nobody waits for ever. */
	rpc_health_failed(&h[0], now, now, UINT64_MAX, 0);
	assert_int_equal(h[0].rest_until_ms - now, RPC_RETRY_AFTER_MAX_MS);
	/* Less than our own rest does not shorten it. */
	start(h);
	for (i = 0; i < 5; i++)
		rpc_health_failed(&h[0], now, now, 1, 0);
	assert_int_equal(h[0].rest_until_ms - now, 4000);
}

static void when_all_rest_nobody_rests_long(void **state)
{
	struct rpc_health h[3];
	int i, k;

	start(h);
	for (i = 0; i < 3; i++)
		for (k = 0; k < 8 + i; k++)
			break_down(&h[i]);
	assert_int_equal(turn_of(h, ALL) - now, RPC_REST_ALL_MS);
	now += RPC_REST_ALL_MS;
	assert_int_equal(choose(h), 0);
	/* One that works spares the others. */
	rpc_health_checked(&h[2], now);
	h[2].rest_until_ms = now;
	assert_int_equal(choose(h), 2);
	assert_int_equal(turn_of(h, 3) - h[0].failed_ms, 30000);
}

static void the_first_turn_is_told(void **state)
{
	struct rpc_health h[3];

	start(h);
	break_down(&h[1]);
	break_down(&h[1]);
	break_down(&h[2]);
	break_down(&h[0]);
	break_down(&h[0]);
	break_down(&h[0]);
	assert_int_equal(turn_of(h, ALL) - now, 250);
	assert_int_equal(turn_of(h, 3) - now, 500);
}

static void who_is_behind_comes_last(void **state)
{
	struct rpc_health h[3];

	start(h);
	h[0].behind = true;
	assert_int_equal(choose(h), 1);
	h[1].behind = h[2].behind = true;
	assert_int_equal(choose(h), 0);
}

static void the_slow_come_behind_the_quick_for_a_while(void **state)
{
	struct rpc_health h[3];

	start(h);
	h[0].latency_ms = 0;
	rpc_health_answered(&h[0], now, now - 900);
	assert_int_equal(choose(h), 1);
	now += 29000;
	assert_int_equal(choose(h), 1);
	now += 200000;
	assert_int_equal(choose(h), 0);		/* it gets another chance */
}

static void a_little_slower_is_no_reason(void **state)
{
	struct rpc_health h[3];

	start(h);
	h[0].latency_ms = 99;
	assert_int_equal(choose(h), 0);
	h[0].latency_ms = 180;
	h[1].latency_ms = h[2].latency_ms = 110;
	assert_int_equal(choose(h), 0);
	h[0].latency_ms = 220;
	assert_int_equal(choose(h), 1);
}

static void who_fails_often_comes_behind_for_a_while(void **state)
{
	struct rpc_health h[3];
	int i;

	start(h);
	for (i = 0; i < 6; i++) {		/* every second request */
		break_down(&h[0]);
		now = h[0].rest_until_ms;
		rpc_health_checked(&h[0], now);
		rpc_health_answered(&h[0], now, now);
	}
	assert_int_equal(choose(h), 1);
	now += 60000;
	assert_int_equal(choose(h), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_ones_are_taken_as_they_are_named),
		cmocka_unit_test(who_failed_rests_longer_each_time),
		cmocka_unit_test(chance_lengthens_a_rest_by_at_most_half),
		cmocka_unit_test(a_success_ends_the_row_of_failures),
		cmocka_unit_test(what_was_begun_before_a_failure_says_nothing_of_now),
		cmocka_unit_test(behind_a_rest_the_chain_id_is_asked_for),
		cmocka_unit_test(retry_after_is_kept),
		cmocka_unit_test(when_all_rest_nobody_rests_long),
		cmocka_unit_test(the_first_turn_is_told),
		cmocka_unit_test(who_is_behind_comes_last),
		cmocka_unit_test(the_slow_come_behind_the_quick_for_a_while),
		cmocka_unit_test(a_little_slower_is_no_reason),
		cmocka_unit_test(who_fails_often_comes_behind_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
