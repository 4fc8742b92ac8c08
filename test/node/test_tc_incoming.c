/*
 * Renditions on their way in, from somebody who may lie about all of it.
 */
#include "test/test.h"

#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "node/tc_incoming.h"

static struct tc_incoming in;
static struct err err;
static uint8_t zeros[1 << 20];

static int start(void **state)
{
	(void)state;
	tc_incoming_init(&in, 3);
	return 0;
}

static int end(void **state)
{
	(void)state;
	tc_incoming_fini(&in);
	return 0;
}

static int head(uint32_t index, uint64_t offset)
{
	struct msg_rendition_header m = { .index = index, .offset = offset };

	return tc_incoming_header(&in, &m, &err);
}

static int text(const char *s)
{
	return tc_incoming_data(&in, (const uint8_t *)s, strlen(s), &err);
}

static int tail(uint32_t index, const char *all)
{
	struct msg_rendition_trailer m = {
		.index = index, .len = strlen(all), .data_hash = hash_sha256(all, strlen(all)),
	};

	return tc_incoming_trailer(&in, &m, &err);
}

static void expect(uint32_t index, const char *all)
{
	assert_true(in.r[index].is_complete);
	assert_int_equal(in.r[index].data.len, strlen(all));
	assert_memory_equal(in.r[index].data.data, all, strlen(all));
}

static void renditions_come_one_after_the_other(void **state)
{
	(void)state;
	assert_int_equal(tc_incoming_missing(&in), 0);
	assert_int_equal(head(2, 0) | text("cc") | tail(2, "cc"), 0);
	assert_int_equal(head(0, 0) | text("aa") | tail(0, "aa"), 0);
	assert_int_equal(tc_incoming_missing(&in), 1);
	assert_int_equal(head(1, 0) | text("b") | text("b") | tail(1, "bb"), 0);
	assert_int_equal(tc_incoming_missing(&in), -1);
	expect(1, "bb");
}

static void renditions_take_turns(void **state)
{
	(void)state;
	assert_int_equal(head(0, 0) | text("one "), 0);
	assert_int_equal(head(1, 0) | text("three "), 0);
	assert_int_equal(head(0, 4) | text("two") | tail(0, "one two"), 0);
	assert_int_equal(head(2, 0) | head(1, 6) | text("four") | tail(1, "three four"), 0);
	assert_int_equal(head(2, 0) | text("x") | tail(2, "x"), 0);
	expect(0, "one two");
	expect(1, "three four");
	assert_int_equal(in.n_restarts, 0);
}

static void offset_must_be_what_came(void **state)
{
	static const uint64_t bad[] = { 1, 3, 5, RENDITION_BYTES_MAX, UINT64_MAX };
	size_t i;

	(void)state;
	assert_int_equal(head(0, 0) | text("four"), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(head(0, bad[i]), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
	assert_int_equal(head(1, 4), -1);
	assert_int_equal(head(3, 0), -1);
	assert_int_equal(head(9, 0), -1);
}

static void one_that_begins_again_forgets_what_came(void **state)
{
	(void)state;
	assert_int_equal(head(0, 0) | text("the first transcoder's"), 0);
	assert_int_equal(head(1, 0) | text("kept"), 0);
	assert_int_equal(head(0, 0) | text("new") | tail(0, "new"), 0);
	assert_int_equal(head(1, 4) | tail(1, "kept"), 0);
	expect(0, "new");
	expect(1, "kept");
	assert_int_equal(in.held, 7);
	assert_int_equal(in.n_restarts, 1);
}

static void whole_one_may_begin_again_and_is_missing_until_it_ends(void **state)
{
	(void)state;
	assert_int_equal(head(0, 0) | text("a") | tail(0, "a"), 0);
	assert_int_equal(head(0, 1), -1);	/* it had ended: there is nothing to go on with */
	assert_int_equal(head(0, 0), 0);
	assert_int_equal(tc_incoming_missing(&in), 0);
	assert_int_equal(text("b") | tail(0, "b"), 0);
	expect(0, "b");
}

static void they_begin_again_four_times_and_no_more(void **state)
{
	int i;

	(void)state;
	for (i = 0; i <= TC_RESTARTS_MAX; i++)
		assert_int_equal(head((uint32_t)i % 2, 0) | text("x") , 0);
	/* 0 and 1 began, then three times again */
	assert_int_equal(in.n_restarts, 3);
	assert_int_equal(head(0, 0) | text("x"), 0);
	assert_int_equal(head(1, 0), -1);
	assert_int_equal(err.code, ERR_LIMIT);
}

static void trailer_is_for_the_current_one_only(void **state)
{
	(void)state;
	assert_int_equal(tail(0, "a"), -1);
	assert_int_equal(head(0, 0) | text("a"), 0);
	assert_int_equal(head(1, 0) | text("b"), 0);
	assert_int_equal(tail(0, "a"), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(tail(1, "b"), 0);
	assert_int_equal(tail(1, "b"), -1);
}

static void length_and_hash_must_fit(void **state)
{
	(void)state;
	assert_int_equal(head(0, 0) | text("abc"), 0);
	assert_int_equal(tail(0, "abcd"), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(tail(0, "abd"), -1);
	assert_int_equal(err.code, ERR_DENIED);
}

static void bytes_outside_a_rendition_are_refused(void **state)
{
	(void)state;
	assert_int_equal(text("x"), -1);
	assert_int_equal(head(0, 0) | text("a") | tail(0, "a"), 0);
	assert_int_equal(text("x"), -1);
	assert_int_equal(err.code, ERR_INVALID);
}

static int megabytes(unsigned n)
{
	int rc = 0;

	while (rc == 0 && n-- > 0)
		rc = tc_incoming_data(&in, zeros, sizeof(zeros), &err);
	return rc;
}

static void one_rendition_holds_32_mib(void **state)
{
	(void)state;
	assert_int_equal(head(0, 0) | megabytes(32), 0);
	assert_int_equal(text("x"), -1);
	assert_int_equal(err.code, ERR_LIMIT);
}

static void all_together_hold_64_mib(void **state)
{
	(void)state;
	assert_int_equal(head(0, 0) | megabytes(31), 0);
	assert_int_equal(head(1, 0) | megabytes(31), 0);
	assert_int_equal(head(2, 0) | megabytes(2), 0);
	assert_int_equal(text("x"), -1);
	assert_int_equal(err.code, ERR_LIMIT);
}

static void what_is_thrown_away_counts_in_the_total(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(head(0, 0) | megabytes(32), 0);
	assert_int_equal(head(0, 0), 0);
	assert_int_equal(in.held, 0);
	assert_int_equal(text("x"), -1);
	assert_int_equal(err.code, ERR_LIMIT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(renditions_come_one_after_the_other),
		TEST(renditions_take_turns),
		TEST(offset_must_be_what_came),
		TEST(one_that_begins_again_forgets_what_came),
		TEST(whole_one_may_begin_again_and_is_missing_until_it_ends),
		TEST(they_begin_again_four_times_and_no_more),
		TEST(trailer_is_for_the_current_one_only),
		TEST(length_and_hash_must_fit),
		TEST(bytes_outside_a_rendition_are_refused),
		TEST(one_rendition_holds_32_mib),
		TEST(all_together_hold_64_mib),
		TEST(what_is_thrown_away_counts_in_the_total),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
