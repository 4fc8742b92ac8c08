/* The words of the admin port. */
#include "test/test.h"

#include <string.h>

#include "base/err.h"
#include "node/admin.h"

static void max_sessions_is_a_number_or_auto(void **state)
{
	static const char *const bad[] = { "", "0", "-1", "+1", " 1", "1 ", "10001", "many", "auto ",
		"99999999999999999999999", "1e3", "0x10" };
	struct err err;
	unsigned n = 9;
	size_t i;

	(void)state;
	assert_int_equal(max_sessions_parse("auto", &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(max_sessions_parse("1", &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(max_sessions_parse("10000", &n, &err), 0);
	assert_int_equal(n, 10000);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(max_sessions_parse(bad[i], &n, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.msg, "maxSessions"));
		assert_non_null(strstr(err.msg, "from 1 to 10000, or auto"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(max_sessions_is_a_number_or_auto),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
