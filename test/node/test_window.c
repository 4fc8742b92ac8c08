#include "test/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/err.h"
#include "node/window.h"

static struct blob *bytes(const char *s)
{
	struct err err;
	struct blob *b = blob_new(s, strlen(s), &err);

	assert_non_null(b);
	return b;
}

static void add(struct window *w, uint64_t seq, const char *data, size_t init_len, int64_t wall_ms)
{
	struct playlist_entry e = { .duration_90k = 180000, .wall_start_ms = wall_ms };
	struct window_segment s = {
		.sequence = seq, .data = bytes(data), .init_len = init_len, .fmp4 = init_len > 0,
	};

	window_add(w, &s, &e);
	blob_unref(s.data);
}

static void segments_are_found_until_nobody_can_want_them(void **state)
{
	struct window *w = window_new(2000, 6000);
	int64_t t = 1000000;
	uint64_t i;

	(void)state;
	for (i = 0; i < 40; i++) {
		add(w, 100 + i, "segment", 0, t + (int64_t)i * 2000);
		window_expire(w, t + (int64_t)(i + 1) * 2000);
	}
	assert_null(window_find(w, 100));
	assert_non_null(window_find(w, 139));
	assert_int_equal(window_last_sequence(w), 139);
	/* What the playlist lists can be fetched, and one playlist's length more. */
	assert_non_null(window_find(w, 137));
	assert_true(window_bytes(w) < 20 * strlen("segment"));
	window_free(w);
}

static void equal_inits_share_a_map_and_another_gets_its_own(void **state)
{
	struct window *w = window_new(2000, 60000);

	(void)state;
	add(w, 1, "INITaaaa", 4, 0);
	add(w, 2, "INITbbbb", 4, 2000);
	add(w, 3, "JNITcccc", 4, 4000);
	assert_int_equal(window_find(w, 2)->map_sequence, 1);
	assert_int_equal(window_find(w, 3)->map_sequence, 3);
	assert_non_null(window_find_map(w, 1));
	assert_null(window_find_map(w, 2));
	assert_memory_equal(window_find_map(w, 3)->map->data, "JNIT", 4);
	window_free(w);
}

static void a_map_outlives_its_own_segment(void **state)
{
	struct window *w = window_new(2000, 6000);
	int64_t t = 1000000;
	uint64_t i;

	(void)state;
	for (i = 0; i < 40; i++) {
		add(w, i, "INITxxxx", 4, t + (int64_t)i * 2000);
		window_expire(w, t + (int64_t)(i + 1) * 2000);
	}
	assert_null(window_find(w, 0));
	assert_non_null(window_find_map(w, 0));
	window_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_are_found_until_nobody_can_want_them),
		cmocka_unit_test(equal_inits_share_a_map_and_another_gets_its_own),
		cmocka_unit_test(a_map_outlives_its_own_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
