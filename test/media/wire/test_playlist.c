#include "test/test.h"

#include <string.h>

#include "base/buf.h"
#include "media/wire/playlist.h"

#define WALL 1795323660000	/* 2026-11-22T05:01:00Z */

static struct playlist_entry ts(uint64_t seq, int ms)
{
	return (struct playlist_entry){ .sequence = seq, .duration_90k = (int64_t)ms * 90,
					.wall_start_ms = WALL + (int64_t)seq * 2000, .bytes = 500000 };
}

static void assert_text(struct playlist *p, const char *want)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	playlist_render(p, &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
}

static bool has_text(struct playlist *p, const char *want)
{
	struct buf b;
	bool found;

	buf_init(&b, 1 << 20);
	playlist_render(p, &b);
	found = strstr(buf_cstr(&b), want) != NULL;
	buf_fini(&b);
	return found;
}

static void live_list_slides_and_counts(void **state)
{
	struct playlist *p = playlist_new(2000, 6000);
	struct playlist_entry e;
	uint64_t version;
	int i;

	for (i = 0; i < 3; i++) {
		e = ts((uint64_t)i, 2000);
		playlist_add(p, &e);
	}
	assert_text(p, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
		       "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T05:01:00.000Z\n"
		       "#EXTINF:2.000000,\n0.ts\n#EXTINF:2.000000,\n1.ts\n#EXTINF:2.000000,\n2.ts\n");
	version = playlist_version(p);
	e = ts(3, 2000);
	e.discontinuity = true;
	playlist_add(p, &e);
	assert_int_not_equal(version, playlist_version(p));
	assert_text(p, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:1\n"
		       "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T05:01:02.000Z\n"
		       "#EXTINF:2.000000,\n1.ts\n#EXTINF:2.000000,\n2.ts\n#EXT-X-DISCONTINUITY\n"
		       "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T05:01:06.000Z\n#EXTINF:2.000000,\n3.ts\n");
	for (i = 4; i < 7; i++) {
		e = ts((uint64_t)i, 2000);
		playlist_add(p, &e);
	}
	/* the entry with the tag is gone: the tag is counted from now on */
	assert_true(has_text(p, "#EXT-X-MEDIA-SEQUENCE:4\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n"));
	assert_false(has_text(p, "#EXT-X-DISCONTINUITY\n"));
	assert_int_equal(playlist_len(p), 3);
	playlist_end(p);
	assert_true(has_text(p, "6.ts\n#EXT-X-ENDLIST\n"));
	playlist_free(p);
}

static void gap_in_sequence_is_a_discontinuity_that_counts_one(void **state)
{
	struct playlist *p = playlist_new(2000, 6000);
	struct playlist_entry e = ts(10, 2000);
	int i;

	playlist_add(p, &e);
	e = ts(14, 2000);	/* three renditions were lost */
	playlist_add(p, &e);
	assert_true(has_text(p, "10.ts\n#EXT-X-DISCONTINUITY\n"));
	for (i = 15; i < 18; i++) {
		e = ts((uint64_t)i, 2000);
		playlist_add(p, &e);
	}
	assert_true(has_text(p, "#EXT-X-MEDIA-SEQUENCE:12\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n"));
	playlist_free(p);
}

static void target_duration_rounds_and_never_falls(void **state)
{
	struct playlist *p = playlist_new(2000, 6000);
	struct playlist_entry e = ts(0, 2433);
	int i;

	playlist_add(p, &e);	/* 2.433 rounds to 2: players stay at 3 x 2 s */
	assert_true(has_text(p, "TARGETDURATION:2\n"));
	assert_int_equal(playlist_target_rises(p), 0);
	e = ts(1, 3500);
	playlist_add(p, &e);
	assert_true(has_text(p, "TARGETDURATION:4\n"));
	assert_int_equal(playlist_target_rises(p), 1);
	for (i = 2; i < 20; i++) {
		e = ts((uint64_t)i, 1000);
		playlist_add(p, &e);
	}
	assert_true(has_text(p, "TARGETDURATION:4\n"));
	/* at least three target durations stay, although the window asks for less */
	assert_int_equal(playlist_len(p), 12);
	playlist_free(p);
}

static void first_segment_longer_than_target_is_no_rise(void **state)
{
	struct playlist *p = playlist_new(2000, 6000);
	struct playlist_entry e = ts(0, 8300);

	playlist_add(p, &e);
	assert_true(has_text(p, "TARGETDURATION:8\n"));
	assert_int_equal(playlist_target_rises(p), 0);
	playlist_free(p);
}

static void removed_segment_stays_needed_as_the_rfc_says(void **state)
{
	struct playlist *p = playlist_new(2000, 6000);
	struct playlist_entry e;
	uint64_t oldest;
	int64_t removed_at = WALL + 4 * 2000;	/* when 3 was complete */
	int i;

	assert_false(playlist_oldest_needed(p, WALL, &oldest));
	for (i = 0; i < 4; i++) {
		e = ts((uint64_t)i, 2000);
		playlist_add(p, &e);
	}
	/* its 2 s and the 8 s that the list was long before 0 left it */
	assert_true(playlist_oldest_needed(p, removed_at + 9999, &oldest));
	assert_int_equal(oldest, 0);
	assert_true(playlist_oldest_needed(p, removed_at + 10000, &oldest));
	assert_int_equal(oldest, 1);
	playlist_free(p);
}

static void fmp4_entries_name_their_init_part(void **state)
{
	struct playlist *p = playlist_new(2000, 60000);
	struct playlist_entry e;
	int i;

	for (i = 0; i < 3; i++) {
		e = ts((uint64_t)i, 2000);
		e.fmp4 = true;
		e.map_sequence = i < 2 ? 0 : 2;
		e.discontinuity = i == 2;
		playlist_add(p, &e);
	}
	assert_text(p, "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
		       "#EXT-X-MAP:URI=\"init-0.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2026-11-22T05:01:00.000Z\n"
		       "#EXTINF:2.000000,\n0.m4s\n#EXTINF:2.000000,\n1.m4s\n#EXT-X-DISCONTINUITY\n"
		       "#EXT-X-MAP:URI=\"init-2.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2026-11-22T05:01:04.000Z\n"
		       "#EXTINF:2.000000,\n2.m4s\n");
	/* EXT-X-MAP cannot be revoked, so TS pushes fMP4 out of the list */
	e = ts(3, 2000);
	e.discontinuity = true;
	playlist_add(p, &e);
	assert_text(p, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:3\n"
		       "#EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-DISCONTINUITY\n"
		       "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T05:01:06.000Z\n#EXTINF:2.000000,\n3.ts\n");
	playlist_free(p);
}

static void durations_are_written_to_the_microsecond(void **state)
{
	struct playlist *p = playlist_new(2000, 60000);
	struct playlist_entry e = ts(0, 0);

	e.duration_90k = 180180;	/* 60 frames of 29.97 */
	playlist_add(p, &e);
	assert_true(has_text(p, "#EXTINF:2.002000,\n"));
	e = ts(1, 0);
	e.duration_90k = 180001;
	playlist_add(p, &e);
	assert_true(has_text(p, "#EXTINF:2.000011,\n"));
	playlist_free(p);
}

static void rates_are_measured_over_runs(void **state)
{
	struct playlist *p = playlist_new(2000, 6000);
	struct playlist_entry e = ts(0, 2000);
	struct playlist_rate r;

	e.bytes = 250000;		/* 1 Mbit/s */
	playlist_add(p, &e);
	e = ts(1, 500);
	e.bytes = 250000;		/* 4 Mbit/s, but too short to count alone */
	playlist_add(p, &e);
	r = playlist_rate(p);
	assert_int_equal(r.average_bps, 1600000);
	assert_int_equal(r.peak_bps, 1600000);	/* both together: 2.5 s */
	e = ts(2, 1000);
	e.bytes = 500000;		/* 4 Mbit/s over exactly half a target */
	playlist_add(p, &e);
	assert_int_equal(playlist_rate(p).peak_bps, 4000000);
	playlist_free(p);
}

static void master_lists_variants_as_given(void **state)
{
	static const struct playlist_variant v[] = {
		{ "720p/index.m3u8", "720p", { 4400000, 4000000 }, "avc1.64001f,mp4a.40.2", 1280, 720,
		  29.97002997 },
		{ "audio/index.m3u8", "audio", { 0, 0 }, "", 0, 0, 0 },
	};
	struct buf b;

	buf_init(&b, 10000);
	playlist_master_render(&b, v, 2, true);
	assert_string_equal(buf_cstr(&b), "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n"
		"#EXT-X-STREAM-INF:BANDWIDTH=4400000,AVERAGE-BANDWIDTH=4000000,"
		"CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=29.970\n"
		"720p/index.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1\naudio/index.m3u8\n");
	buf_fini(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_list_slides_and_counts),
		cmocka_unit_test(gap_in_sequence_is_a_discontinuity_that_counts_one),
		cmocka_unit_test(target_duration_rounds_and_never_falls),
		cmocka_unit_test(first_segment_longer_than_target_is_no_rise),
		cmocka_unit_test(removed_segment_stays_needed_as_the_rfc_says),
		cmocka_unit_test(fmp4_entries_name_their_init_part),
		cmocka_unit_test(durations_are_written_to_the_microsecond),
		cmocka_unit_test(rates_are_measured_over_runs),
		cmocka_unit_test(master_lists_variants_as_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
