#include "test/test.h"

#include <string.h>

#include "base/err.h"

static void text_gains_context_on_the_way_up(void **state)
{
	struct err err;

	assert_int_equal(err_set(&err, ERR_LIMIT, "%d bytes", 7), -1);
	assert_int_equal(err_wrap(&err, "segment %d", 17), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.msg, "segment 17: 7 bytes");
}

static void long_text_is_cut_and_terminated(void **state)
{
	char x[500];
	struct err err;
	int i;

	memset(x, 'x', sizeof(x) - 1);
	x[sizeof(x) - 1] = 0;
	err_set(&err, ERR_IO, "%s", x);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	for (i = 0; i < 3; i++)
		err_wrap(&err, "%.150s", x);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_int_equal(err.code, ERR_IO);
}

static void nobody_has_to_ask_for_the_text(void **state)
{
	assert_int_equal(err_set(NULL, ERR_IO, "x"), -1);
	assert_int_equal(err_wrap(NULL, "x"), -1);
}

static void each_code_has_its_own_word(void **state)
{
	int i, k;

	for (i = ERR_NONE; i <= ERR_INTERNAL; i++) {
		assert_string_not_equal(err_code_name((enum err_code)i), "unknown");
		for (k = ERR_NONE; k < i; k++)
			assert_string_not_equal(err_code_name((enum err_code)i),
						err_code_name((enum err_code)k));
	}
	assert_string_equal(err_code_name((enum err_code)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_gains_context_on_the_way_up),
		cmocka_unit_test(long_text_is_cut_and_terminated),
		cmocka_unit_test(nobody_has_to_ask_for_the_text),
		cmocka_unit_test(each_code_has_its_own_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
