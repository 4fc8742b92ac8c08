#include "test/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "eth/rlp.h"
#include "test/vectors.h"

static json_t *ours;

static int load(void **state)
{
	ours = vectors_load("test/vectors/eth.json");
	return 0;
}

static int drop(void **state)
{
	json_decref(ours);
	return 0;
}

/* Free data. */
struct bytes {
	uint8_t *data;
	size_t len;
};

static struct bytes unhex(const char *s)
{
	struct bytes b;

	b.data = vectors_unhex(s, &b.len);
	return b;
}

/* ---- writing what a vector says ---- */

/* "#123" is a number, "0xab" bytes in our vectors, all else text. */
static void add_string(struct rlp_out *o, const json_t *v, bool hex)
{
	const char *s = json_string_value(v);
	struct u256 n;

	if (hex) {
		struct bytes b = unhex(s);

		rlp_add_bytes(o, b.data, b.len);
		free(b.data);
	} else if (*s == '#') {
		assert_int_equal(u256_parse_dec(&n, s + 1, NULL), 0);
		rlp_add_u256(o, &n);
	} else {
		rlp_add_bytes(o, s, json_string_length(v));
	}
}

static void add(struct rlp_out *o, const json_t *v, bool hex)
{
	json_t *item;
	size_t i;

	if (json_is_integer(v)) {
		rlp_add_u64(o, (uint64_t)json_integer_value(v));
	} else if (json_is_string(v)) {
		add_string(o, v, hex);
	} else {
		rlp_open_list(o);
		json_array_foreach(v, i, item)
			add(o, item, hex);
		rlp_close_list(o);
	}
}

/* ---- and reading it ---- */

static void match(const struct rlp_item *item, const json_t *v, bool hex);

static void match_list(const struct rlp_item *list, const json_t *v, bool hex)
{
	struct rd r = rd_of(list->data, list->len);
	struct rlp_item item;
	json_t *want;
	size_t i;

	assert_true(list->is_list);
	json_array_foreach(v, i, want) {
		assert_int_equal(rlp_next(&r, &item, NULL), 0);
		match(&item, want, hex);
	}
	assert_int_equal(r.left, 0);
}

static void match(const struct rlp_item *item, const json_t *v, bool hex)
{
	uint64_t n;

	if (json_is_array(v)) {
		match_list(item, v, hex);
		return;
	}
	assert_false(item->is_list);
	if (json_is_integer(v)) {
		assert_int_equal(rlp_u64(&n, item, NULL), 0);
		assert_int_equal(n, json_integer_value(v));
	} else if (hex) {
		struct bytes want = unhex(json_string_value(v));

		assert_int_equal(item->len, want.len);
		assert_memory_equal(item->data, want.data, want.len);
		free(want.data);
	} else if (*json_string_value(v) != '#') {
		assert_int_equal(item->len, json_string_length(v));
		assert_memory_equal(item->data, json_string_value(v), item->len);
	}
}

static void check_both_ways(const json_t *v, const char *data, bool hex)
{
	struct bytes want = unhex(data);
	struct rd r = rd_of(want.data, want.len);
	struct rlp_item item;
	struct rlp_out o;
	struct buf b;

	buf_init(&b, 1 << 20);
	rlp_out_init(&o, &b);
	add(&o, v, hex);
	assert_int_equal(rlp_finish(&o, NULL), 0);
	assert_int_equal(b.len, want.len);
	assert_memory_equal(b.data, want.data, want.len);
	assert_int_equal(rlp_check(want.data, want.len, NULL), 0);
	assert_int_equal(rlp_next(&r, &item, NULL), 0);
	assert_int_equal(r.left, 0);
	match(&item, v, hex);
	buf_fini(&b);
	free(want.data);
}

static json_t *load_with_nul(const char *path)
{
	json_t *root = json_load_file(path, JSON_ALLOW_NUL, NULL);

	assert_non_null(root);
	return root;
}

static void official_encodings_are_ours(void **state)
{
	json_t *root = load_with_nul("test/vectors/eth_rlptest.json"), *v;
	const char *name;

	assert_int_equal(json_object_size(root), 28);
	json_object_foreach(root, name, v)
		if (strcmp(name, "bigint") != 0)	/* 2^256: see the next test */
			check_both_ways(json_object_get(v, "in"), json_string_value(json_object_get(v, "out")), false);
	json_decref(root);
}

static void a_number_above_256_bits_is_bytes_only(void **state)
{
	json_t *root = load_with_nul("test/vectors/eth_rlptest.json");
	struct bytes b = unhex(json_string_value(json_object_get(json_object_get(root, "bigint"), "out")));
	struct rd r = rd_of(b.data, b.len);
	struct rlp_item item;
	struct u256 v;
	struct err err;

	assert_int_equal(rlp_next(&r, &item, NULL), 0);
	assert_int_equal(item.len, 33);
	assert_int_equal(rlp_u256(&v, &item, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "256 bits"));
	free(b.data);
	json_decref(root);
}

static void encodings_agree_with_ethers(void **state)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(ours, "rlp"), i, v)
		check_both_ways(json_object_get(v, "value"), json_string_value(json_object_get(v, "data")), true);
	assert_int_equal(i, 40);
}

static void official_nonsense_is_refused(void **state)
{
	json_t *root = vectors_load("test/vectors/eth_invalidRLPTest.json"), *v;
	const char *name;
	struct err err;

	assert_int_equal(json_object_size(root), 26);
	json_object_foreach(root, name, v) {
		struct bytes b = unhex(json_string_value(json_object_get(v, "out")));

		if (rlp_check(b.data, b.len, &err) == 0)
			fail_msg("%s is accepted", name);
		assert_int_equal(err.code, ERR_INVALID);
		free(b.data);
	}
	json_decref(root);
}

/* ---- edges ---- */

static void each_shortened_input_is_refused(void **state)
{
	json_t *v;
	size_t i, n;

	json_array_foreach(json_object_get(ours, "rlp"), i, v) {
		struct bytes b = unhex(json_string_value(json_object_get(v, "data")));

		for (n = 0; n < b.len; n++)
			assert_int_equal(rlp_check(b.data, n, NULL), -1);
		b.data[b.len] = 0x80;
		assert_int_equal(rlp_check(b.data, b.len + 1, NULL), -1);
		free(b.data);
	}
}

static void numbers_with_leading_zeros_or_of_lists_are_refused(void **state)
{
	static const struct { uint8_t in[12]; size_t len; const char *why; } cases[] = {
		{ { 0x00 }, 1, "leading zeros" }, { { 0x82, 0x00, 0x01 }, 3, "leading zeros" },
		{ { 0xc0 }, 1, "a list" }, { { 0xc1, 0x01 }, 2, "a list" },
		{ { 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0 }, 10, "64 bits" },
	};
	struct rlp_item item;
	struct err err;
	uint64_t n;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rd r = rd_of(cases[i].in, cases[i].len);

		assert_int_equal(rlp_next(&r, &item, NULL), 0);
		assert_int_equal(rlp_u64(&n, &item, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.msg, cases[i].why));
	}
}

static void numbers_come_back(void **state)
{
	static const uint64_t list[] = { 0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffffff, 1ull << 32, UINT64_MAX };
	struct u256 top = { { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } }, wide;
	struct rlp_item item;
	struct rlp_out o;
	struct buf b;
	struct rd r;
	uint64_t n;
	size_t i;

	buf_init(&b, 200);
	rlp_out_init(&o, &b);
	for (i = 0; i < 9; i++)
		rlp_add_u64(&o, list[i]);
	rlp_add_u256(&o, &top);
	assert_int_equal(rlp_finish(&o, NULL), 0);
	r = rd_of(b.data, b.len);
	for (i = 0; i < 9; i++) {
		assert_int_equal(rlp_next(&r, &item, NULL), 0);
		assert_int_equal(rlp_u64(&n, &item, NULL), 0);
		assert_true(n == list[i]);
	}
	assert_int_equal(rlp_next(&r, &item, NULL), 0);
	assert_int_equal(rlp_u256(&wide, &item, NULL), 0);
	assert_int_equal(u256_cmp(&wide, &top), 0);
	buf_fini(&b);
}

static int nest(struct buf *b, size_t depth, struct err *err)
{
	struct rlp_out o;
	size_t i;

	buf_clear(b);
	rlp_out_init(&o, b);
	for (i = 0; i < depth; i++)
		rlp_open_list(&o);
	for (i = 0; i < depth; i++)
		rlp_close_list(&o);
	return rlp_finish(&o, err);
}

static void lists_nest_so_deep_and_no_deeper(void **state)
{
	uint8_t deep[RLP_DEPTH_MAX + 1];
	struct err err;
	struct buf b;
	size_t i;

	buf_init(&b, 100);
	assert_int_equal(nest(&b, RLP_DEPTH_MAX, NULL), 0);
	assert_int_equal(rlp_check(b.data, b.len, NULL), 0);
	assert_int_equal(nest(&b, RLP_DEPTH_MAX + 1, &err), -1);
	for (i = 0; i < sizeof(deep); i++)
		deep[i] = (uint8_t)(0xc0 + sizeof(deep) - 1 - i);
	assert_int_equal(rlp_check(deep, sizeof(deep), &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "deep"));
	buf_fini(&b);
}

static void lists_left_open_or_closed_twice_are_our_fault(void **state)
{
	struct rlp_out o;
	struct err err;
	struct buf b;

	buf_init(&b, 100);
	rlp_out_init(&o, &b);
	rlp_open_list(&o);
	assert_int_equal(rlp_finish(&o, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	rlp_close_list(&o);
	assert_int_equal(rlp_finish(&o, NULL), 0);
	rlp_close_list(&o);
	assert_int_equal(rlp_finish(&o, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	buf_fini(&b);
}

/* Whatever the room, a list that does not fit is ERR_LIMIT, and one that does is whole. */
static void a_full_buffer_is_a_limit(void **state)
{
	static const uint8_t data[60] = { 1 };
	struct rlp_out o;
	struct err err;
	struct buf b;
	size_t max;

	for (max = 0; max <= 66; max++) {
		buf_init(&b, max);
		rlp_out_init(&o, &b);
		rlp_open_list(&o);
		rlp_add_bytes(&o, data, sizeof(data));
		rlp_add_u64(&o, 1);
		rlp_close_list(&o);
		assert_int_equal(rlp_finish(&o, &err), max < 65 ? -1 : 0);
		if (max < 65)
			assert_int_equal(err.code, ERR_LIMIT);
		buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(official_encodings_are_ours),
		cmocka_unit_test(a_number_above_256_bits_is_bytes_only),
		cmocka_unit_test(encodings_agree_with_ethers),
		cmocka_unit_test(official_nonsense_is_refused),
		cmocka_unit_test(each_shortened_input_is_refused),
		cmocka_unit_test(numbers_with_leading_zeros_or_of_lists_are_refused),
		cmocka_unit_test(numbers_come_back),
		cmocka_unit_test(lists_nest_so_deep_and_no_deeper),
		cmocka_unit_test(lists_left_open_or_closed_twice_are_our_fault),
		cmocka_unit_test(a_full_buffer_is_a_limit),
	};

	return cmocka_run_group_tests(tests, load, drop);
}
