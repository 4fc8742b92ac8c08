#include "test/test.h"

#include <string.h>

#include "node/peer/ban.h"

static const uint8_t *key_of(unsigned n)
{
	static uint8_t key[16];

	memset(key, 0, sizeof(key));
	key[0] = 1;
	key[14] = (uint8_t)(n >> 8);
	key[15] = (uint8_t)n;
	return key;
}

static void ten_failures_in_a_row_are_enough(void **state)
{
	static struct ban_table t;
	int i;

	memset(&t, 0, sizeof(t));
	for (i = 0; i < 9; i++)
		ban_add(&t, key_of(1), 1, 1000);
	assert_false(ban_is_out(&t, key_of(1), 1000));
	ban_add(&t, key_of(1), 1, 1000);
	assert_true(ban_is_out(&t, key_of(1), 1000));
	assert_false(ban_is_out(&t, key_of(2), 1000));
}

static void a_ban_ends_when_the_score_has_halved(void **state)
{
	static struct ban_table t;

	memset(&t, 0, sizeof(t));
	ban_add(&t, key_of(1), 10, 1000);
	assert_true(ban_is_out(&t, key_of(1), 1000 + BAN_HALF_LIFE_MS - 1));
	assert_false(ban_is_out(&t, key_of(1), 1000 + BAN_HALF_LIFE_MS));
	/* and is not back by itself */
	assert_false(ban_is_out(&t, key_of(1), 1000 + BAN_HALF_LIFE_MS + 1));
}

static void rare_failures_never_ban(void **state)
{
	static struct ban_table t;
	int i;

	memset(&t, 0, sizeof(t));
	for (i = 0; i < 1000; i++) {
		ban_add(&t, key_of(1), 1, (uint64_t)i * 10000);
		assert_false(ban_is_out(&t, key_of(1), (uint64_t)i * 10000));
	}
}

static void no_attack_bans_for_longer_than_two_half_lives(void **state)
{
	static struct ban_table t;
	int i;

	memset(&t, 0, sizeof(t));
	for (i = 0; i < 100000; i++)
		ban_add(&t, key_of(1), 5, 1000);
	assert_true(ban_is_out(&t, key_of(1), 1000 + 2 * BAN_HALF_LIFE_MS - 1));
	assert_false(ban_is_out(&t, key_of(1), 1000 + 2 * BAN_HALF_LIFE_MS + 1));
}

static void more_addresses_than_entries_keep_the_worst(void **state)
{
	static struct ban_table t;
	unsigned i;

	memset(&t, 0, sizeof(t));
	ban_add(&t, key_of(9999), 20, 1000);
	for (i = 0; i < 3 * BAN_ENTRIES; i++)
		ban_add(&t, key_of(i), 1, 1000 + i);
	assert_true(ban_is_out(&t, key_of(9999), 2000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_failures_in_a_row_are_enough),
		cmocka_unit_test(a_ban_ends_when_the_score_has_halved),
		cmocka_unit_test(rare_failures_never_ban),
		cmocka_unit_test(no_attack_bans_for_longer_than_two_half_lives),
		cmocka_unit_test(more_addresses_than_entries_keep_the_worst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
