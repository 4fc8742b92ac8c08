#include "test/test.h"

#include <string.h>

#include "base/near.h"

static unsigned between(const char *a, const char *b)
{
	return near_distance(a, strlen(a), b);
}

static void edits_are_counted_without_regard_to_size(void **state)
{
	assert_int_equal(between("", ""), 0);
	assert_int_equal(between("bond", "BOND"), 0);
	assert_int_equal(between("bond", "bonds"), 1);
	assert_int_equal(between("bnod", "bond"), 2);
	assert_int_equal(between("", "bond"), 4);
	assert_int_equal(between("sitting", "kitten"), 3);
	assert_int_equal(near_distance("bondXYZ", 4, "bond"), 0);
}

static void what_is_too_long_is_near_to_nothing(void **state)
{
	char text[NEAR_LEN_MAX + 2];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(between(text, text), 999);
	text[NEAR_LEN_MAX] = '\0';
	assert_int_equal(between(text, text), 0);
}

static void short_names_allow_fewer_edits(void **state)
{
	assert_int_equal(near_limit(1), 0);
	assert_int_equal(near_limit(4), 2);
	assert_int_equal(near_limit(6), 3);
	assert_int_equal(near_limit(40), 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits_are_counted_without_regard_to_size),
		cmocka_unit_test(what_is_too_long_is_near_to_nothing),
		cmocka_unit_test(short_names_allow_fewer_edits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
