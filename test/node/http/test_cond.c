/* Ranges, entity tags, dates. */
#include "test/test.h"

#include "node/http/cond.h"

static void ranges_are_read_as_rfc_9110_says(void **state)
{
	static const struct {
		const char *value;
		uint64_t total;
		enum range_result res;
		uint64_t from, len;
	} cases[] = {
		{ NULL, 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=0-499", 10000, RANGE_PART, 0, 500 },	/* RFC 9110, 14.1.2 */
		{ "bytes=500-999", 10000, RANGE_PART, 500, 500 },
		{ "bytes=-500", 10000, RANGE_PART, 9500, 500 },
		{ "bytes=9500-", 10000, RANGE_PART, 9500, 500 },
		{ "bytes=0-0,-1", 10000, RANGE_WHOLE, 0, 0 },	/* several: all of it */
		{ "bytes=0-", 10, RANGE_PART, 0, 10 },
		{ "bytes=5-99", 10, RANGE_PART, 5, 5 },
		{ "bytes=-99", 10, RANGE_PART, 0, 10 },
		{ "bytes=10-", 10, RANGE_NONE, 0, 0 },
		{ "bytes=10-20", 10, RANGE_NONE, 0, 0 },
		{ "bytes=-0", 10, RANGE_NONE, 0, 0 },
		{ "bytes=0-", 0, RANGE_NONE, 0, 0 },
		{ "bytes=-5", 0, RANGE_NONE, 0, 0 },
		{ "bytes=5-4", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=-", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=a-b", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=1-2x", 10, RANGE_WHOLE, 0, 0 },
		{ "lines=1-2", 10, RANGE_WHOLE, 0, 0 },
		{ "bytes=99999999999999999999-", 10, RANGE_WHOLE, 0, 0 },
	};
	uint64_t from, len;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		from = len = 0;
		assert_int_equal(range_parse(cases[i].value, cases[i].total, &from, &len), cases[i].res);
		if (cases[i].res != RANGE_PART)
			continue;
		assert_int_equal(from, cases[i].from);
		assert_int_equal(len, cases[i].len);
	}
}

static void tags_are_compared(void **state)
{
	assert_true(etag_in_list("\"a\"", "\"a\""));
	assert_true(etag_in_list("W/\"a\"", "\"a\""));
	assert_true(etag_in_list("\"x\", W/\"y\" ,\"a\"", "\"a\""));
	assert_true(etag_in_list("*", "\"a\""));
	assert_false(etag_in_list("\"b\"", "\"a\""));
	assert_false(etag_in_list("a", "\"a\""));
	assert_false(etag_in_list("\"a", "\"a\""));
	assert_false(etag_in_list("", "\"a\""));
	assert_true(etag_is_same("\"a\"", "\"a\""));
	assert_false(etag_is_same("W/\"a\"", "W/\"a\""));
	assert_false(etag_is_same("Sun, 06 Nov 1994 08:49:37 GMT", "\"a\""));
}

static void date_is_that_of_rfc_9110(void **state)
{
	char to[30];

	http_date_fmt(to, 784111777);	/* RFC 9110, 5.6.7 */
	assert_string_equal(to, "Sun, 06 Nov 1994 08:49:37 GMT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_read_as_rfc_9110_says),
		cmocka_unit_test(tags_are_compared),
		cmocka_unit_test(date_is_that_of_rfc_9110),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
