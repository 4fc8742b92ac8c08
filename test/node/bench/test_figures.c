#include "test/test.h"

#include "node/bench/figures.h"

static void the_ratios_are_those_of_the_family(void **state)
{
	struct bench_figures f = { .n_sessions = 2 };

	assert_true(bench_segs_ratio(&f) == 0);
	assert_true(bench_duration_ratio(&f) == 0);
	bench_figures_add(&f, 2, 1);
	bench_figures_add(&f, 2, 2);	/* just in time is in time */
	bench_figures_add(&f, 2, 2.001);
	bench_figures_add(&f, 4, 1.5);
	assert_int_equal(f.n_done, 4);
	assert_int_equal(f.n_realtime, 3);
	assert_true(bench_segs_ratio(&f) == 0.75);
	assert_float_equal((float)bench_duration_ratio(&f), 0.6501f, 1e-6f);
}

static struct bench_figures figures(unsigned n_sessions, double ratio)
{
	struct bench_figures f = { .n_sessions = n_sessions };

	bench_figures_add(&f, 100, 100 * ratio);
	return f;
}

static void a_run_recommends_what_its_ratio_leaves_room_for(void **state)
{
	static const struct { unsigned n; double ratio; unsigned want; } cases[] = {
		{ 1, 0.2, 4 }, { 1, 0.8, 1 }, { 1, 0.81, 0 }, { 10, 0.8, 10 }, { 10, 0.7, 11 },
		{ 10, 1.6, 5 }, { 3, 0.4, 6 }, { 3, 100, 0 }, { 10000, 0.1, BENCH_SESSIONS_MAX },
	};
	struct bench_figures f;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f = figures(cases[i].n, cases[i].ratio);
		assert_int_equal(bench_recommend(&f), cases[i].want);
		/* What fits is never told to take fewer, what does not never as many. */
		if (bench_fits(&f))
			assert_true(bench_recommend(&f) >= cases[i].n);
		else
			assert_true(bench_recommend(&f) < cases[i].n);
	}
	f = (struct bench_figures){ .n_sessions = 4 };
	assert_int_equal(bench_recommend(&f), 0);
}

static void nothing_done_or_a_failed_segment_does_not_fit(void **state)
{
	struct bench_figures f = figures(1, 0.8);

	assert_true(bench_fits(&f));
	f.n_failed = 1;
	assert_false(bench_fits(&f));
	f = (struct bench_figures){ .n_sessions = 1 };
	assert_false(bench_fits(&f));
}

/* Search against a machine that carries exactly carries sessions. */
static unsigned search(unsigned carries, unsigned *n_runs)
{
	struct bench_search s = { 0 };
	unsigned n;

	for (*n_runs = 0; (n = bench_search_next(&s)) > 0; (*n_runs)++) {
		assert_in_range(n, 1, BENCH_SESSIONS_MAX);
		assert_true(*n_runs < 40);
		bench_search_tell(&s, n, n <= carries);
	}
	return s.good;
}

static void the_search_finds_what_a_machine_carries(void **state)
{
	unsigned carries, n_runs;

	for (carries = 0; carries < 700; carries++)
		assert_int_equal(search(carries, &n_runs), carries);
	assert_int_equal(search(BENCH_SESSIONS_MAX - 1, &n_runs), BENCH_SESSIONS_MAX - 1);
	assert_int_equal(search(1000000, &n_runs), BENCH_SESSIONS_MAX);
	search(100, &n_runs);
	assert_true(n_runs <= 14);
}

static void a_machine_that_changes_its_mind_does_not_hold_the_search_up(void **state)
{
	struct bench_search s = { 0 };
	unsigned seed, n, i, x;

	for (seed = 1; seed < 500; seed++) {
		s = (struct bench_search){ 0 };
		x = seed;
		for (i = 0; (n = bench_search_next(&s)) > 0; i++) {
			assert_true(i < 40);
			x = x * 1664525 + 1013904223;
			bench_search_tell(&s, n, x >> 31);
		}
		assert_true(s.bad == 0 || s.good < s.bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ratios_are_those_of_the_family),
		cmocka_unit_test(a_run_recommends_what_its_ratio_leaves_room_for),
		cmocka_unit_test(nothing_done_or_a_failed_segment_does_not_fit),
		cmocka_unit_test(the_search_finds_what_a_machine_carries),
		cmocka_unit_test(a_machine_that_changes_its_mind_does_not_hold_the_search_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
