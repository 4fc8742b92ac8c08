/*
 * Whom a segment goes to: numbers in, choice out.
 */
#include "test/test.h"

#include "node/tc_select.h"

#define N 5
#define EQUAL(a, b) assert_true((a) > (b) - 1e-6 && (a) < (b) + 1e-6)

static struct tc_candidate at(double score)
{
	return (struct tc_candidate){ .can = true, .score = score, .age_ms = 1000 };
}

/* ---- scores ---- */

static void first_measure_is_the_score_and_later_ones_weigh_less(void **state)
{
	struct tc_score s = { .n = 0 };

	(void)state;
	EQUAL(tc_score_at(&s, 0), TC_SCORE_UNKNOWN);
	tc_score_add(&s, 0.2, 5000);
	EQUAL(tc_score_at(&s, 5000), 0.2);
	tc_score_add(&s, 1.2, 5000);
	EQUAL(tc_score_at(&s, 5000), 0.5);
}

static void score_drifts_to_unknown_by_half_a_minute(void **state)
{
	struct tc_score s = { .n = 0 };

	(void)state;
	tc_score_add(&s, 3.0, 0);
	EQUAL(tc_score_at(&s, 60000), 1.8);
	EQUAL(tc_score_at(&s, 120000), 1.2);
	assert_true(tc_score_at(&s, 3600000) < TC_SCORE_UNKNOWN + 0.001);
	tc_score_add(&s, 0.1, 3600000);	/* what was known is past: this is what is */
	EQUAL(tc_score_at(&s, 3600000), 0.1);
}

static void clock_that_stands_still_or_goes_back_changes_nothing(void **state)
{
	struct tc_score s = { .n = 0 };

	(void)state;
	tc_score_add(&s, 3.0, 1000);
	EQUAL(tc_score_at(&s, 0), 3.0);
}

static void failures_make_it_worse_within_a_bound(void **state)
{
	struct tc_score s = { .n = 0 };
	int i;

	(void)state;
	tc_score_failed(&s, 0);
	EQUAL(tc_score_at(&s, 0), 1.5);
	tc_score_failed(&s, 0);
	EQUAL(tc_score_at(&s, 0), 2.25);
	for (i = 0; i < 50; i++)
		tc_score_failed(&s, 0);
	EQUAL(tc_score_at(&s, 0), TC_SCORE_MAX);
	EQUAL(tc_score_p95(&s), 0);	/* no measures */
	tc_score_add(&s, 1e9, 0);
	EQUAL(tc_score_at(&s, 0), TC_SCORE_MAX);
}

static void p95_is_of_the_last_twenty(void **state)
{
	struct tc_score s = { .n = 0 };
	int i;

	(void)state;
	for (i = 1; i <= 20; i++)
		tc_score_add(&s, i / 10.0, 0);
	EQUAL(tc_score_p95(&s), 1.9);
	for (i = 0; i < 19; i++)
		tc_score_add(&s, 0.5, 0);
	EQUAL(tc_score_p95(&s), 0.5);
}

/* ---- the best ---- */

static void fastest_that_can_is_chosen(void **state)
{
	struct tc_candidate c[N] = { at(0.9), at(0.5), at(0.2), at(0.7) };

	(void)state;
	assert_int_equal(tc_select_best(c, N, -1), 2);
	c[2].can = false;
	assert_int_equal(tc_select_best(c, N, -1), 1);
	c[0].can = c[1].can = c[3].can = false;
	assert_int_equal(tc_select_best(c, N, -1), -1);
	assert_int_equal(tc_select_best(c, N, 2), -1);
}

static void stream_stays_unless_another_is_much_faster(void **state)
{
	struct tc_candidate c[2] = { at(0.5), at(0.4) };

	(void)state;
	assert_int_equal(tc_select_best(c, 2, 0), 0);
	c[1].score = 0.34;
	assert_int_equal(tc_select_best(c, 2, 0), 1);
	c[0].can = false;
	c[1].score = 5;
	assert_int_equal(tc_select_best(c, 2, 0), 1);
}

static void noise_below_a_tenth_of_real_time_moves_nothing(void **state)
{
	struct tc_candidate c[2] = { at(0.05), at(0.005) };

	(void)state;
	assert_int_equal(tc_select_best(c, 2, 0), 0);
	c[1].price = 1;
	assert_int_equal(tc_select_best(c, 2, -1), 0);
}

static void one_slower_than_real_time_is_left_for_any_faster(void **state)
{
	struct tc_candidate c[2] = { at(1.2), at(1.1) };

	(void)state;
	assert_int_equal(tc_select_best(c, 2, 0), 1);
	c[1].score = 1.3;
	assert_int_equal(tc_select_best(c, 2, 0), 0);
}

static void cheaper_wins_among_equally_fast(void **state)
{
	struct tc_candidate c[3] = { at(0.50), at(0.52), at(0.9) };

	(void)state;
	c[0].price = 100;
	c[1].price = 90;
	c[2].price = 1;		/* not as fast */
	assert_int_equal(tc_select_best(c, 3, -1), 1);
	c[1].price = 100;
	assert_int_equal(tc_select_best(c, 3, -1), 0);
}

static void streams_spread_over_equally_fast_and_cheap(void **state)
{
	struct tc_candidate c[3] = { at(TC_SCORE_UNKNOWN), at(TC_SCORE_UNKNOWN), at(0.58) };

	(void)state;
	c[0].load = 2;
	c[1].load = 1;
	c[2].load = 3;
	assert_int_equal(tc_select_best(c, 3, -1), 1);
	c[1].load = 3;
	assert_int_equal(tc_select_best(c, 3, -1), 0);
	c[2].score = 0.3;
	assert_int_equal(tc_select_best(c, 3, -1), 2);
}

static void price_and_load_move_no_stream(void **state)
{
	struct tc_candidate c[2] = { at(0.5), at(0.5) };

	(void)state;
	c[0].price = 100;
	c[0].load = 7;
	c[1].price = 1;
	assert_int_equal(tc_select_best(c, 2, 0), 0);
}

/* ---- trying out ---- */

static void least_used_for_its_age_is_tried_out(void **state)
{
	struct tc_candidate c[3] = { at(0.3), at(0.9), at(0.9) };
	uint64_t seed = 1;

	(void)state;
	c[1].n = 10;
	c[1].age_ms = 1000;
	c[2].n = 50;
	c[2].age_ms = 100000;
	assert_int_equal(tc_select_explore(c, 3, 0, &seed), 2);
	c[2].can = false;
	assert_int_equal(tc_select_explore(c, 3, 0, &seed), 1);
	c[1].can = false;
	assert_int_equal(tc_select_explore(c, 3, 0, &seed), -1);
}

static void stream_in_trouble_tries_nothing_out(void **state)
{
	struct tc_candidate c[2] = { at(0.8), at(0.1) };
	uint64_t seed = 1;

	(void)state;
	assert_int_equal(tc_select_explore(c, 2, 0, &seed), -1);
	assert_int_equal(tc_select_explore(c, 2, -1, &seed), -1);
	c[0].score = 0.79;
	assert_int_equal(tc_select_explore(c, 2, 0, &seed), 1);
	c[0].can = false;
	assert_int_equal(tc_select_explore(c, 2, 0, &seed), -1);
}

static void equal_ones_are_tried_by_lot(void **state)
{
	struct tc_candidate c[N] = { at(0.3), at(0.6), at(0.6), at(0.6), at(0.6) };
	unsigned n[N] = { 0 };
	uint64_t seed = 42;
	int i;

	(void)state;
	for (i = 0; i < 4000; i++)
		n[tc_select_explore(c, N, 0, &seed)]++;
	assert_int_equal(n[0], 0);
	for (i = 1; i < N; i++)
		assert_in_range(n[i], 850, 1150);
}

static void shares_are_kept_in_the_long_run(void **state)
{
	struct tc_budget e = TC_EXPLORE_BUDGET, h = TC_HEDGE_BUDGET;
	unsigned i, n_e = 0, n_h = 0;

	(void)state;
	for (i = 0; i < 1000; i++) {
		tc_budget_earn(&e);
		tc_budget_earn(&h);
		if (tc_budget_has(&e))
			tc_budget_take(&e), n_e++;
		if (tc_budget_has(&h))
			tc_budget_take(&h), n_h++;
	}
	assert_int_equal(n_e, 50);
	assert_int_equal(n_h, 21);	/* one at start */
}

static void budget_saved_up_is_bounded(void **state)
{
	struct tc_budget h = TC_HEDGE_BUDGET;
	unsigned i, n = 0;

	(void)state;
	for (i = 0; i < 10000; i++)
		tc_budget_earn(&h);
	for (; tc_budget_has(&h); n++)
		tc_budget_take(&h);
	assert_int_equal(n, 3);
}

static void late_is_what_is_unusual_there_and_near_the_deadline(void **state)
{
	struct tc_score s = { .n = 0 };

	(void)state;
	assert_int_equal(tc_late_after_ms(&s, 2000, 3000), 2250);
	tc_score_add(&s, 0.3, 0);
	assert_int_equal(tc_late_after_ms(&s, 2000, 3000), 2250);
	tc_score_add(&s, 1.3, 0);
	assert_int_equal(tc_late_after_ms(&s, 2000, 3000), 2600);
}

/* ---- leaving alone ---- */

static void lies_double_and_are_forgiven_slowly(void **state)
{
	struct tc_suspension s = { .until_ms = 0 };
	int i;

	(void)state;
	assert_int_equal(tc_suspend_lied(&s, 1000), 60000);
	assert_true(tc_is_suspended(&s, 60999));
	assert_false(tc_is_suspended(&s, 61000));
	assert_int_equal(tc_suspend_lied(&s, 100000), 120000);
	assert_int_equal(tc_suspend_lied(&s, 300000), 240000);
	assert_int_equal(tc_suspend_lied(&s, 600000), 480000);
	assert_int_equal(tc_suspend_lied(&s, 1200000), 600000);
	assert_int_equal(tc_suspend_lied(&s, 2000000), 600000);
	tc_suspend_good(&s);
	assert_int_equal(tc_suspend_lied(&s, 3000000), 600000);
	for (i = 0; i < 4 * TC_GOOD_FORGIVES; i++)
		tc_suspend_good(&s);
	assert_int_equal(tc_suspend_lied(&s, 4000000), 60000);
}

static void failures_double_and_halve_with_good_work(void **state)
{
	struct tc_suspension s = { .until_ms = 0 };
	unsigned i;

	(void)state;
	for (i = 0; i < 6; i++)
		assert_int_equal(tc_suspend_failed(&s, 0), 1000 << i);
	assert_int_equal(tc_suspend_failed(&s, 0), 60000);
	assert_int_equal(tc_suspend_failed(&s, 0), 60000);
	assert_false(tc_is_suspended(&s, 0));	/* only avoided */
	assert_true(tc_has_failed(&s, 59999));
	tc_suspend_good(&s);
	assert_int_equal(tc_suspend_failed(&s, 0), 8000);
	tc_suspend_good(&s);
	tc_suspend_good(&s);
	tc_suspend_good(&s);
	assert_int_equal(tc_suspend_failed(&s, 0), 1000);
}

static void shorter_reason_does_not_shorten_a_longer_one(void **state)
{
	struct tc_suspension s = { .until_ms = 0 };

	(void)state;
	tc_suspend_lied(&s, 0);
	tc_suspend_asked(&s, 500, 0);
	tc_suspend_failed(&s, 0);
	assert_true(tc_is_suspended(&s, 59999));
	assert_string_equal(s.why, "its work was refused");
}

static void what_it_asks_for_is_honoured_within_bounds(void **state)
{
	struct tc_suspension s = { .until_ms = 0 };

	(void)state;
	assert_int_equal(tc_suspend_asked(&s, 0, 0), 1000);
	assert_int_equal(tc_suspend_asked(&s, 1, 0), 200);
	assert_int_equal(tc_suspend_asked(&s, 700, 0), 700);
	assert_int_equal(tc_suspend_asked(&s, UINT32_MAX, 0), 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_measure_is_the_score_and_later_ones_weigh_less),
		cmocka_unit_test(score_drifts_to_unknown_by_half_a_minute),
		cmocka_unit_test(clock_that_stands_still_or_goes_back_changes_nothing),
		cmocka_unit_test(failures_make_it_worse_within_a_bound),
		cmocka_unit_test(p95_is_of_the_last_twenty),
		cmocka_unit_test(fastest_that_can_is_chosen),
		cmocka_unit_test(stream_stays_unless_another_is_much_faster),
		cmocka_unit_test(noise_below_a_tenth_of_real_time_moves_nothing),
		cmocka_unit_test(one_slower_than_real_time_is_left_for_any_faster),
		cmocka_unit_test(cheaper_wins_among_equally_fast),
		cmocka_unit_test(streams_spread_over_equally_fast_and_cheap),
		cmocka_unit_test(price_and_load_move_no_stream),
		cmocka_unit_test(least_used_for_its_age_is_tried_out),
		cmocka_unit_test(stream_in_trouble_tries_nothing_out),
		cmocka_unit_test(equal_ones_are_tried_by_lot),
		cmocka_unit_test(shares_are_kept_in_the_long_run),
		cmocka_unit_test(budget_saved_up_is_bounded),
		cmocka_unit_test(late_is_what_is_unusual_there_and_near_the_deadline),
		cmocka_unit_test(lies_double_and_are_forgiven_slowly),
		cmocka_unit_test(failures_double_and_halve_with_good_work),
		cmocka_unit_test(shorter_reason_does_not_shorten_a_longer_one),
		cmocka_unit_test(what_it_asks_for_is_honoured_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
