#include "test/test.h"

#include <string.h>

#include "base/buf.h"

static void integers_are_big_endian_and_come_back(void **state)
{
	static const uint8_t want[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0, 0, 0, 0, 0, 0, 11 };
	struct buf b;
	struct rd r;

	buf_init(&b, 100);
	buf_add_u8(&b, 1);
	buf_add_u16(&b, 0x0203);
	buf_add_u24(&b, 0x040506);
	buf_add_u32(&b, 0x0708090a);
	buf_add_u64(&b, 11);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));
	r = rd_of(b.data, b.len);
	assert_int_equal(rd_u8(&r), 1);
	assert_int_equal(rd_u16(&r), 0x0203);
	assert_int_equal(rd_u24(&r), 0x040506);
	assert_int_equal(rd_u32(&r), 0x0708090a);
	assert_int_equal(rd_u64(&r), 11);
	assert_false(r.failed);
	buf_fini(&b);
}

static void little_endian_is_read_by_name(void **state)
{
	struct rd r = rd_of("\x01\x02\x03\x04", 4);

	assert_int_equal(rd_u32le(&r), 0x04030201);
}

static void a_short_read_fails_for_good(void **state)
{
	struct rd r = rd_of("\x01\x02\x03", 3);

	assert_int_equal(rd_u32(&r), 0);
	assert_true(r.failed);
	assert_int_equal(rd_u8(&r), 0);
	assert_null(rd_bytes(&r, 0));
}

static void what_passes_the_maximum_is_not_added_at_all(void **state)
{
	struct buf b;

	buf_init(&b, 5);
	assert_true(buf_add(&b, "abc", 3));
	assert_false(buf_add(&b, "def", 3));
	assert_int_equal(b.len, 3);
	assert_false(buf_add(&b, "d", 1));	/* sticky */
	assert_true(b.failed);
	buf_clear(&b);
	assert_true(buf_add(&b, "abcde", 5));
	assert_false(buf_addf(&b, "%d", 1));
	assert_memory_equal(b.data, "abcde", 5);
	buf_fini(&b);
}

static void consume_drops_from_the_front(void **state)
{
	struct buf b;

	buf_init(&b, 10);
	buf_add_str(&b, "abcdef");
	buf_consume(&b, 2);
	assert_string_equal(buf_cstr(&b), "cdef");
	buf_consume(&b, 99);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

static void a_full_or_empty_buffer_is_a_string_too(void **state)
{
	struct buf b;

	buf_init(&b, 3);
	assert_string_equal(buf_cstr(&b), "");
	buf_add_str(&b, "abc");
	assert_string_equal(buf_cstr(&b), "abc");
	assert_int_equal(b.len, 3);
	assert_false(buf_add_u8(&b, 'd'));	/* the NUL has not raised the maximum */
	buf_fini(&b);
}

static void long_formats_fit(void **state)
{
	char x[1000];
	struct buf b;

	memset(x, 'x', sizeof(x) - 1);
	x[sizeof(x) - 1] = 0;
	buf_init(&b, 2000);
	assert_true(buf_addf(&b, "%s!", x));
	assert_int_equal(b.len, 1000);
	assert_int_equal(b.data[999], '!');
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_big_endian_and_come_back),
		cmocka_unit_test(little_endian_is_read_by_name),
		cmocka_unit_test(a_short_read_fails_for_good),
		cmocka_unit_test(what_passes_the_maximum_is_not_added_at_all),
		cmocka_unit_test(consume_drops_from_the_front),
		cmocka_unit_test(a_full_or_empty_buffer_is_a_string_too),
		cmocka_unit_test(long_formats_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
