#include "test/test.h"

#include "base/hex.h"

static void bytes_become_small_digits_and_come_back(void **state)
{
	static const uint8_t data[] = { 0x00, 0x1f, 0xa0, 0xff };
	uint8_t back[4];
	char s[9];

	hex_fmt(s, data, sizeof(data));
	assert_string_equal(s, "001fa0ff");
	assert_int_equal(hex_parse(back, 4, s), 0);
	assert_memory_equal(back, data, 4);
}

static void capitals_and_0x_are_taken(void **state)
{
	uint8_t b[2];

	assert_int_equal(hex_parse(b, 2, "0xABcd"), 0);
	assert_int_equal(b[0], 0xab);
	assert_int_equal(b[1], 0xcd);
}

static void other_lengths_and_characters_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "ab", "abc", "abcdef", "abcde", "abxg", "ab d", "0x", "0xab", "0x0xabcd", "-bcd",
	};
	uint8_t b[2];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hex_parse(b, 2, bad[i]), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_become_small_digits_and_come_back),
		cmocka_unit_test(capitals_and_0x_are_taken),
		cmocka_unit_test(other_lengths_and_characters_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
