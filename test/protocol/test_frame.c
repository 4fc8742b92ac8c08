#include "test/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "protocol/frame.h"

static void frame_has_the_documented_bytes(void **state)
{
	static const uint8_t want[] = { 0, 0, 0, 3, 5, 0, 0, 1, 2, 'a', 'b', 'c' };
	struct buf b;

	buf_init(&b, 100);
	assert_true(frame_add(&b, FRAME_DATA, 258, "abc", 3));
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));
	buf_fini(&b);
}

static void frames_come_back_one_by_one(void **state)
{
	struct buf b;
	struct frame f;
	long n, m;

	buf_init(&b, 100000);
	frame_add(&b, FRAME_MSG, 1, "hello", 5);
	frame_add(&b, FRAME_CLOSE, 0xffffffff, NULL, 0);
	n = frame_parse(&f, b.data, b.len, NULL);
	assert_int_equal(n, FRAME_HEAD + 5);
	assert_int_equal(f.kind, FRAME_MSG);
	assert_int_equal(f.channel, 1);
	assert_int_equal(f.len, 5);
	assert_memory_equal(f.payload, "hello", 5);
	m = frame_parse(&f, b.data + n, b.len - (size_t)n, NULL);
	assert_int_equal(m, FRAME_HEAD);
	assert_int_equal(f.kind, FRAME_CLOSE);
	assert_int_equal(f.channel, 0xffffffff);
	assert_int_equal(f.len, 0);
	buf_fini(&b);
}

static void part_of_a_frame_needs_more(void **state)
{
	struct buf b;
	struct frame f;
	size_t i;

	buf_init(&b, 100);
	frame_add(&b, FRAME_MSG, 7, "1234567", 7);
	for (i = 0; i < b.len; i++) {
		uint8_t *exact = malloc(i ? i : 1);

		memcpy(exact, b.data, i);
		assert_int_equal(frame_parse(&f, exact, i, NULL), 0);
		free(exact);
	}
	buf_fini(&b);
}

static void length_above_the_cap_is_refused_from_its_four_bytes(void **state)
{
	static const uint8_t huge[4] = { 0xff, 0xff, 0xff, 0xff };
	static const uint8_t one_over[4] = { 0, 0, 0x40, 0x01 };
	static const uint8_t at_cap[4] = { 0, 0, 0x40, 0 };
	struct frame f;
	struct err err = { 0 };

	assert_int_equal(frame_parse(&f, huge, 4, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	err.code = ERR_NONE;
	assert_int_equal(frame_parse(&f, one_over, 4, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(frame_parse(&f, at_cap, 4, &err), 0);
}

static void unknown_kind_is_passed_up(void **state)
{
	static const uint8_t wire[] = { 0, 0, 0, 1, 200, 0, 0, 0, 0, 'x' };
	struct frame f;

	assert_int_equal(frame_parse(&f, wire, sizeof(wire), NULL), sizeof(wire));
	assert_int_equal(f.kind, 200);
	assert_int_equal(f.len, 1);
}

static void frame_that_does_not_fit_is_not_added_in_part(void **state)
{
	static const uint8_t big[FRAME_PAYLOAD_MAX + 1];
	struct buf b;

	buf_init(&b, 20);
	assert_false(frame_add(&b, FRAME_DATA, 1, big, 12));
	assert_int_equal(b.len, 0);
	assert_true(b.failed);
	buf_fini(&b);
	buf_init(&b, 1 << 20);
	assert_true(frame_add(&b, FRAME_DATA, 1, big, FRAME_PAYLOAD_MAX));
	assert_false(frame_add(&b, FRAME_DATA, 1, big, FRAME_PAYLOAD_MAX + 1));
	assert_int_equal(b.len, FRAME_HEAD + FRAME_PAYLOAD_MAX);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_has_the_documented_bytes),
		cmocka_unit_test(frames_come_back_one_by_one),
		cmocka_unit_test(part_of_a_frame_needs_more),
		cmocka_unit_test(length_above_the_cap_is_refused_from_its_four_bytes),
		cmocka_unit_test(unknown_kind_is_passed_up),
		cmocka_unit_test(frame_that_does_not_fit_is_not_added_in_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
