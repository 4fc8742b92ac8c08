#include "test/test.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "media/wire/playlist.h"

#define S 90000

static char text[65536];

static const char *render(struct playlist *p)
{
	struct buf b;

	buf_init(&b, sizeof(text) - 1);
	playlist_render(p, &b);
	memcpy(text, b.data, b.len);
	text[b.len] = 0;
	buf_fini(&b);
	return text;
}

static void add(struct playlist *p, uint64_t seq, int64_t duration_90k, bool discontinuity)
{
	struct playlist_entry e = {
		.sequence = seq, .duration_90k = duration_90k, .discontinuity = discontinuity,
		.wall_start_ms = 1700000000000 + (int64_t)seq * 2000, .bytes = 250000,
	};

	playlist_add(p, &e);
}

static int count(const char *s, const char *what)
{
	int n = 0;

	for (; (s = strstr(s, what)); s++)
		n++;
	return n;
}

static void a_list_is_written_to_the_letter(void **state)
{
	struct playlist *p = playlist_new(2000, 12000);

	(void)state;
	add(p, 7, 2 * S, false);
	add(p, 8, 2 * S + 1800, false);
	playlist_end(p);
	assert_string_equal(render(p),
		"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n"
		"#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:34.000Z\n#EXTINF:2.00000,\n7.ts\n"
		"#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:36.000Z\n#EXTINF:2.02000,\n8.ts\n"
		"#EXT-X-ENDLIST\n");
	playlist_free(p);
}

static void the_window_moves_and_counts_what_left(void **state)
{
	struct playlist *p = playlist_new(2000, 8000);
	uint64_t i, oldest;

	(void)state;
	for (i = 0; i < 20; i++)
		add(p, i, 2 * S, i == 3 || i == 5);
	assert_int_equal(playlist_len(p), 4);
	render(p);
	assert_non_null(strstr(text, "#EXT-X-MEDIA-SEQUENCE:16\n"));
	assert_non_null(strstr(text, "#EXT-X-DISCONTINUITY-SEQUENCE:2\n"));
	assert_int_equal(count(text, "#EXTINF"), 4);
	/* 15 left just now and may still be asked for; long ago ones may not. */
	assert_true(playlist_oldest_needed(p, 1700000000000 + 20 * 2000, &oldest));
	assert_true(oldest <= 15 && oldest >= 11);
	assert_true(playlist_oldest_needed(p, 1700000000000 + 200000, &oldest));
	assert_int_equal(oldest, 16);
	playlist_free(p);
}

static void a_gap_is_a_discontinuity_and_media_sequence_counts_entries(void **state)
{
	struct playlist *p = playlist_new(2000, 6000);

	(void)state;
	add(p, 10, 2 * S, false);
	add(p, 13, 2 * S, false);
	assert_non_null(strstr(render(p), "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM"));
	add(p, 14, 2 * S, false);
	add(p, 15, 2 * S, false);
	assert_non_null(strstr(render(p), "#EXT-X-MEDIA-SEQUENCE:11\n"));
	assert_non_null(strstr(text, "13.ts"));
	playlist_free(p);
}

static void target_duration_bounds_every_rounded_extinf_and_never_falls(void **state)
{
	struct playlist *p = playlist_new(2000, 6000);
	uint64_t i;

	(void)state;
	add(p, 0, 2 * S + S / 2 - 1, false);
	assert_non_null(strstr(render(p), "TARGETDURATION:2\n"));
	add(p, 1, 8 * S + S / 2, false);
	assert_non_null(strstr(render(p), "TARGETDURATION:9\n"));
	for (i = 2; i < 30; i++)
		add(p, i, 2 * S, false);
	assert_non_null(strstr(render(p), "TARGETDURATION:9\n"));
	/* At least 3 target durations stay. */
	assert_true(playlist_len(p) * 2 >= 27);
	playlist_free(p);
}

static void version_changes_with_the_text_only(void **state)
{
	struct playlist *p = playlist_new(2000, 6000);
	uint64_t v;

	(void)state;
	add(p, 0, 2 * S, false);
	v = playlist_version(p);
	render(p);
	render(p);
	assert_int_equal(playlist_version(p), v);
	add(p, 1, 2 * S, false);
	assert_int_not_equal(playlist_version(p), v);
	playlist_free(p);
}

static void fmp4_maps_stand_where_they_change(void **state)
{
	struct playlist *p = playlist_new(2000, 20000);
	struct playlist_entry e = { .duration_90k = 2 * S, .fmp4 = true };

	(void)state;
	for (e.sequence = 0; e.sequence < 4; e.sequence++) {
		e.map_sequence = e.sequence < 2 ? 0 : 2;
		playlist_add(p, &e);
	}
	assert_int_equal(count(render(p), "#EXT-X-MAP"), 2);
	assert_non_null(strstr(text, "#EXT-X-VERSION:6\n"));
	assert_non_null(strstr(text, "#EXT-X-MAP:URI=\"init-2.mp4\"\n"));
	assert_non_null(strstr(text, "\n3.m4s\n"));
	playlist_free(p);
}

static void bandwidth_is_measured_and_the_peak_is_kept(void **state)
{
	struct playlist *p = playlist_new(2000, 6000);
	struct playlist_entry e = { .duration_90k = 2 * S, .bytes = 500000 };
	uint64_t i;

	(void)state;
	playlist_add(p, &e);
	for (i = 1; i < 10; i++)
		add(p, i, 2 * S, false);
	assert_int_equal(playlist_rate(p).peak_bps, 2000000);
	assert_int_equal(playlist_rate(p).average_bps, 1000000);
	playlist_free(p);
}

static void a_master_lists_what_is_known_only(void **state)
{
	struct playlist_variant v[2] = {
		{ .uri = "source/index.m3u8", .rate = { 6000000, 5000000 },
		  .codecs = "avc1.640028,mp4a.40.2", .width = 1920, .height = 1080, .fps = 29.97 },
		{ .uri = "audio/index.m3u8", .rate = { 130000, 128000 }, .codecs = "" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	playlist_master_render(&b, v, 2, true);
	assert_string_equal(buf_cstr(&b),
		"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n"
		"#EXT-X-STREAM-INF:BANDWIDTH=6000000,AVERAGE-BANDWIDTH=5000000,"
		"CODECS=\"avc1.640028,mp4a.40.2\",RESOLUTION=1920x1080,FRAME-RATE=29.970\n"
		"source/index.m3u8\n"
		"#EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000\naudio/index.m3u8\n");
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_written_to_the_letter),
		cmocka_unit_test(the_window_moves_and_counts_what_left),
		cmocka_unit_test(a_gap_is_a_discontinuity_and_media_sequence_counts_entries),
		cmocka_unit_test(target_duration_bounds_every_rounded_extinf_and_never_falls),
		cmocka_unit_test(version_changes_with_the_text_only),
		cmocka_unit_test(fmp4_maps_stand_where_they_change),
		cmocka_unit_test(bandwidth_is_measured_and_the_peak_is_kept),
		cmocka_unit_test(a_master_lists_what_is_known_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
