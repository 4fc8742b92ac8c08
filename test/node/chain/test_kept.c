#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "node/chain/kept.h"
#include "test/test.h"

static struct hash32 hash_of(uint64_t n)
{
	struct hash32 h = { { 0 } };

	memcpy(h.b, &n, sizeof(n));
	return h;
}

static struct eth_header header(uint64_t n)
{
	struct eth_header h = { .number = n, .hash = hash_of(n), .parent = hash_of(n - 1), .timestamp = 1000 + n,
				.base_fee = u256_of(7 * n), .has_base_fee = n % 2 };

	return h;
}

static void push(struct kept *k, uint64_t first, uint64_t last)
{
	for (uint64_t i = first; i <= last; i++) {
		struct eth_header h = header(i);

		kept_push(k, &h);
	}
}

static int load(struct kept *k, uint64_t n, struct err *err)
{
	uint8_t key[KEPT_KEY_LEN], row[KEPT_ROW_LEN];
	struct eth_header h = header(n);

	kept_key(key, n);
	kept_row(row, &h);
	return kept_load(k, key, sizeof(key), row, sizeof(row), err);
}

static void as_many_as_keep_says_are_kept_and_one_below(void **state)
{
	struct kept k;

	kept_init(&k, 64);
	assert_null(kept_top(&k));
	push(&k, 10, 74);
	assert_int_equal(k.n, 65);
	assert_int_equal(kept_lowest(&k)->number, 10);
	assert_int_equal(kept_surplus(&k, 3), 3);
	push(&k, 75, 300);
	assert_int_equal(k.n, 65);
	assert_int_equal(kept_top(&k)->number, 300);
	assert_int_equal(kept_lowest(&k)->number, 236);
	assert_null(kept_at(&k, 235));
	assert_null(kept_at(&k, 301));
	assert_int_equal(kept_at(&k, 240)->number, 240);
	kept_pop(&k);
	assert_int_equal(kept_top(&k)->number, 299);
	kept_fini(&k);
}

static void a_row_reads_back_as_it_was(void **state)
{
	uint8_t key[KEPT_KEY_LEN], row[KEPT_ROW_LEN];
	struct eth_header h = header(77), back;

	kept_key(key, 77);
	kept_row(row, &h);
	assert_int_equal(kept_row_parse(&back, key, sizeof(key), row, sizeof(row), NULL), 0);
	assert_int_equal(back.number, 77);
	assert_true(kept_hash_equal(&back.hash, &h.hash));
	assert_true(kept_hash_equal(&back.parent, &h.parent));
	assert_int_equal(back.timestamp, h.timestamp);
	assert_int_equal(u256_cmp(&back.base_fee, &h.base_fee), 0);
	assert_true(back.has_base_fee);
}

static void damaged_rows_are_errors_in_words(void **state)
{
	uint8_t key[KEPT_KEY_LEN], row[KEPT_ROW_LEN];
	struct eth_header h = header(77);
	struct err err;

	kept_key(key, 77);
	kept_row(row, &h);
	for (size_t n = 0; n < sizeof(row); n++) {
		assert_int_equal(kept_row_parse(&h, key, sizeof(key), row, n, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
	assert_int_equal(kept_row_parse(&h, key, 8, row, sizeof(row), &err), -1);
	row[0] = 2;
	assert_int_equal(kept_row_parse(&h, key, sizeof(key), row, sizeof(row), &err), -1);
	assert_non_null(strstr(err.msg, "newer program"));
	row[0] = 1;
	row[73] = 7;
	assert_int_equal(kept_row_parse(&h, key, sizeof(key), row, sizeof(row), &err), -1);
}

static void rows_that_do_not_follow_each_other_are_refused(void **state)
{
	struct err err;
	struct kept k;

	kept_init(&k, 64);
	assert_int_equal(load(&k, 5, &err), 0);
	assert_int_equal(load(&k, 6, &err), 0);
	assert_int_equal(load(&k, 8, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_string_equal(err.msg, "block 8 does not continue block 6");
	kept_fini(&k);
}

static void rows_of_a_larger_keep_are_cut(void **state)
{
	struct err err;
	struct kept k;

	kept_init(&k, 64);
	for (uint64_t i = 1; i <= 200; i++)
		assert_int_equal(load(&k, i, &err), 0);
	assert_int_equal(kept_surplus(&k, 0), 135);
	kept_loaded(&k);
	assert_int_equal(k.n, 65);
	assert_int_equal(kept_lowest(&k)->number, 136);
	kept_fini(&k);
}

static void rows_without_end_are_refused(void **state)
{
	struct err err;
	struct kept k;
	int rc = 0;
	uint64_t i;

	kept_init(&k, 64);
	for (i = 1; rc == 0 && i < 10000; i++)
		rc = load(&k, i, &err);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(i, KEPT_KEEP_MAX + 3);
	kept_fini(&k);
}

static void the_description_reads_back(void **state)
{
	struct kept_meta m = { .start_block = 99, .addresses = hash_of(5) }, back;
	uint8_t row[KEPT_META_LEN];
	struct err err;

	kept_meta_row(row, &m);
	assert_int_equal(kept_meta_parse(&back, row, sizeof(row), &err), 0);
	assert_int_equal(back.start_block, 99);
	assert_true(kept_hash_equal(&back.addresses, &m.addresses));
	assert_int_equal(kept_meta_parse(&back, row, 0, &err), -1);
	assert_int_equal(kept_meta_parse(&back, row, sizeof(row) - 1, &err), -1);
	row[0] = 9;
	assert_int_equal(kept_meta_parse(&back, row, sizeof(row), &err), -1);
	assert_non_null(strstr(err.msg, "newer program"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_keep_says_are_kept_and_one_below),
		cmocka_unit_test(a_row_reads_back_as_it_was),
		cmocka_unit_test(damaged_rows_are_errors_in_words),
		cmocka_unit_test(rows_that_do_not_follow_each_other_are_refused),
		cmocka_unit_test(rows_of_a_larger_keep_are_cut),
		cmocka_unit_test(rows_without_end_are_refused),
		cmocka_unit_test(the_description_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
