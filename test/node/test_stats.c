#include "test/test.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "node/stats.h"

static void quantiles_are_within_a_bucket_of_the_truth(void **state)
{
	struct hist h = { 0 };
	int i;

	(void)state;
	for (i = 1; i <= 1000; i++)
		hist_add(&h, i);
	assert_true(fabs(hist_quantile(&h, 0.5) - 500) < 500 * 0.1);
	assert_true(fabs(hist_quantile(&h, 0.99) - 990) < 990 * 0.1);
	assert_true(hist_quantile(&h, 1) == 1000);
}

static void an_empty_histogram_says_0(void **state)
{
	struct hist h = { 0 };

	(void)state;
	assert_true(hist_quantile(&h, 0.5) == 0);
}

static void absurd_values_stay_inside(void **state)
{
	struct hist h = { 0 };

	(void)state;
	hist_add(&h, -5);
	hist_add(&h, 1e300);
	hist_add(&h, NAN);
	assert_int_equal(h.count, 3);
	assert_true(hist_quantile(&h, 0.3) == 0 || hist_quantile(&h, 0.3) < 1);
}

static void prometheus_buckets_are_cumulative(void **state)
{
	struct hist h = { 0 };
	struct buf b;
	const char *s;

	(void)state;
	hist_add(&h, 8);
	hist_add(&h, 300);
	hist_add(&h, 99999);
	buf_init(&b, 65536);
	prom_hist(&b, "x_seconds", "X.", &h);
	s = buf_cstr(&b);
	assert_non_null(strstr(s, "livepeer_x_seconds_bucket{le=\"0.005\"} 0\n"));
	assert_non_null(strstr(s, "livepeer_x_seconds_bucket{le=\"0.01\"} 1\n"));
	assert_non_null(strstr(s, "livepeer_x_seconds_bucket{le=\"0.5\"} 2\n"));
	assert_non_null(strstr(s, "livepeer_x_seconds_bucket{le=\"+Inf\"} 3\n"));
	assert_non_null(strstr(s, "livepeer_x_seconds_count 3\n"));
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_are_within_a_bucket_of_the_truth),
		cmocka_unit_test(an_empty_histogram_says_0),
		cmocka_unit_test(absurd_values_stay_inside),
		cmocka_unit_test(prometheus_buckets_are_cumulative),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
