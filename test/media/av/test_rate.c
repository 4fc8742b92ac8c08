#include "test/test.h"
#include "media/av/rate.h"

/* Show n pictures, a distance apart; counts what is shown, and checks that ticks follow
 * each other. */
static int64_t shown_of(struct rate *r, int n, int64_t distance, int64_t start)
{
	int64_t total = 0, next = 0;
	struct rate_span s;
	int i;

	for (i = 0; i < n; i++) {
		s = rate_take(r, start + i * distance);
		if (s.n > 0) {
			assert_int_equal(s.first, next);
			next = s.first + s.n;
		}
		total += s.n;
	}
	s = rate_end(r, start + n * distance);
	assert_true(s.n == 0 || s.first == next);
	return total + s.n;
}

static void two_seconds_give_two_seconds_of_each_rate(void **state)
{
	static const struct { int num, den; int64_t shown; } rates[] = {
		{ 25, 1, 50 }, { 30, 1, 60 }, { 50, 1, 100 }, { 15, 1, 30 }, { 10, 1, 20 }, { 1, 1, 2 },
		{ 30000, 1001, 60 }, { 1, 2, 1 },
	};
	struct rate r;
	size_t i;

	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		rate_init(&r, rates[i].num, rates[i].den);
		assert_int_equal(shown_of(&r, 50, 3600, 126000), rates[i].shown);
	}
}

static void a_tick_is_a_time_from_the_first_picture(void **state)
{
	struct rate r;

	rate_init(&r, 30, 1);
	rate_take(&r, 126000);
	assert_int_equal(rate_time(&r, 0), 126000);
	assert_int_equal(rate_time(&r, 10), 126000 + 30000);
}

static void a_gap_stays_a_gap(void **state)
{
	struct rate r;
	struct rate_span s;

	rate_init(&r, 30, 1);
	rate_take(&r, 0);
	s = rate_take(&r, 5 * 90000);
	assert_int_equal(s.first, 0);
	assert_int_equal(s.n, 31);
	s = rate_end(&r, 5 * 90000 + 3600);
	assert_int_equal(s.first, 150);
	assert_int_equal(s.n, 1);
}

static void a_rate_below_a_picture_a_segment_shows_one(void **state)
{
	struct rate r;

	rate_init(&r, 1, 10);
	assert_int_equal(shown_of(&r, 3, 3600, 0), 1);
	rate_init(&r, 30, 1);
	assert_int_equal(rate_end(&r, 0).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_seconds_give_two_seconds_of_each_rate),
		cmocka_unit_test(a_tick_is_a_time_from_the_first_picture),
		cmocka_unit_test(a_gap_stays_a_gap),
		cmocka_unit_test(a_rate_below_a_picture_a_segment_shows_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
