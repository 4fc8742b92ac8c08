#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "media/wire/flv.h"

/*
 * Parameters of real encodes: x264 640x360 baseline (ffmpeg 5.1, testsrc2), AAC LC
 * 44.1 kHz stereo, x265 320x240, libaom av1C, libvpx vpcC, libopus OpusHead.
 */
#include "test/media/wire/flv_vectors.h"

struct seen {
	unsigned n_tracks, n_packets, n_refused;
	struct track_config config[N_TRACKS];
	struct media_packet last;
	char why[128];
};

static struct seen seen;
static struct flv_demux *demux;
static struct err err;

static void on_track(void *arg, enum track track, const struct track_config *c)
{
	seen.n_tracks++;
	seen.config[track] = *c;
}

static void on_packet(void *arg, const struct media_packet *p)
{
	seen.n_packets++;
	seen.last = *p;
}

static void on_refused(void *arg, enum track track, const char *why)
{
	seen.n_refused++;
	snprintf(seen.why, sizeof(seen.why), "%s", why);
}

static int setup(void **state)
{
	static const struct flv_demux_cb cb = { on_track, on_packet, on_refused };

	memset(&seen, 0, sizeof(seen));
	demux = flv_demux_new(&cb, NULL);
	return 0;
}

static int teardown(void **state)
{
	flv_demux_free(demux);
	return 0;
}

static uint8_t tag[8192];

/* A tag's bytes: hex of its header, then data. */
static size_t make(const char *header, const void *data, size_t len)
{
	size_t n = strlen(header) / 2;

	assert_int_equal(hex_parse(tag, n, header), 0);
	if (len > 0)
		memcpy(tag + n, data, len);
	return n + len;
}

static int push(enum track track, uint32_t time_ms, const char *header, const void *data, size_t len)
{
	struct flv_tag t;
	size_t n = make(header, data, len);
	uint8_t *exact = malloc(n ? n : 1);	/* ASan sees a read past the end */
	int ret;

	memcpy(exact, tag, n);
	ret = track == TRACK_VIDEO ? flv_parse_video(&t, exact, n, &err) : flv_parse_audio(&t, exact, n, &err);
	if (ret == 0)
		ret = flv_demux_push(demux, track, time_ms, &t, &err);
	free(exact);
	return ret;
}

#define VIDEO(ms, header, data) push(TRACK_VIDEO, ms, header, data, sizeof(data))
#define AUDIO(ms, header, data) push(TRACK_AUDIO, ms, header, data, sizeof(data))

/* Length-prefixed NAL units: an IDR slice, a P slice, HEVC's IDR_W_RADL and TRAIL_R. */
static const uint8_t idr[] = { 0, 0, 0, 2, 0x65, 0x88 };
static const uint8_t p_slice[] = { 0, 0, 0, 2, 0x41, 0x9a };
static const uint8_t hevc_idr[] = { 0, 0, 0, 3, 19 << 1, 1, 0x80 };
static const uint8_t hevc_trail[] = { 0, 0, 0, 3, 1 << 1, 1, 0x80 };

static void legacy_avc_and_aac_come_through(void **state)
{
	assert_int_equal(VIDEO(0, "1700000000", avcc), 0);
	assert_int_equal(AUDIO(0, "af00", asc_44100), 0);
	assert_int_equal(seen.n_tracks, 2);
	assert_int_equal(seen.config[TRACK_VIDEO].codec, CODEC_H264);
	assert_int_equal(seen.config[TRACK_VIDEO].width, 640);
	assert_int_equal(seen.config[TRACK_VIDEO].height, 360);
	assert_int_equal(seen.config[TRACK_AUDIO].codec, CODEC_AAC);
	assert_int_equal(seen.config[TRACK_AUDIO].sample_rate, 44100);
	assert_int_equal(VIDEO(40, "1701000050", idr), 0);
	assert_int_equal(seen.last.dts_90k, 40 * 90);
	assert_int_equal(seen.last.pts_90k, 120 * 90);
	assert_true(seen.last.key);
	assert_int_equal(seen.last.len, sizeof(idr));
}

static void composition_times_may_be_negative(void **state)
{
	VIDEO(0, "1700000000", avcc);
	assert_int_equal(VIDEO(100, "2701ffffec", p_slice), 0);
	assert_int_equal(seen.last.dts_90k, 9000);
	assert_int_equal(seen.last.pts_90k, 80 * 90);
}

static void key_means_idr_whatever_the_frame_type_says(void **state)
{
	VIDEO(0, "1700000000", avcc);
	VIDEO(1, "1701000000", p_slice);
	assert_false(seen.last.key);
	VIDEO(2, "2701000000", idr);
	assert_true(seen.last.key);
	VIDEO(0, "1c00000000", hvcc);
	VIDEO(3, "1c01000000", hevc_trail);
	assert_false(seen.last.key);
	VIDEO(4, "2c01000000", hevc_idr);
	assert_true(seen.last.key);
}

static void repeated_parameters_are_no_news_but_changed_ones_are(void **state)
{
	VIDEO(0, "1700000000", avcc);
	VIDEO(0, "1700000000", avcc);
	assert_int_equal(seen.n_tracks, 1);
	VIDEO(0, "1700000000", avcc_1280);
	assert_int_equal(seen.n_tracks, 2);
	assert_int_equal(seen.config[TRACK_VIDEO].width, 1280);
	AUDIO(0, "af00", asc_44100);
	AUDIO(0, "af00", asc_44100);
	AUDIO(0, "af00", asc_48000);
	assert_int_equal(seen.n_tracks, 4);
	/* The same ones by enhanced RTMP: no news either. */
	VIDEO(0, "9061766331", avcc_1280);
	assert_int_equal(seen.n_tracks, 4);
}

static void damaged_parameters_leave_the_old_ones(void **state)
{
	static const uint8_t junk[] = { 1, 2, 3 };

	VIDEO(0, "1700000000", avcc);
	assert_int_equal(VIDEO(0, "1700000000", junk), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(VIDEO(1, "1701000000", idr), 0);
	assert_int_equal(seen.n_packets, 1);
}

static void frames_before_parameters_are_dropped(void **state)
{
	assert_int_equal(VIDEO(0, "1701000000", idr), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(AUDIO(0, "af01", idr), -1);
	assert_int_equal(seen.n_packets, 0);
}

static void hevc_comes_by_fourcc_and_by_the_old_id(void **state)
{
	assert_int_equal(VIDEO(0, "9068766331", hvcc), 0);
	assert_int_equal(seen.config[TRACK_VIDEO].codec, CODEC_HEVC);
	assert_int_equal(seen.config[TRACK_VIDEO].width, 320);
	assert_int_equal(VIDEO(10, "916876633100000a", hevc_idr), 0);	/* coded frames with cts */
	assert_int_equal(seen.last.pts_90k, 20 * 90);
	assert_int_equal(seen.last.len, sizeof(hevc_idr));
	assert_int_equal(VIDEO(20, "a368766331", hevc_trail), 0);	/* X: without */
	assert_int_equal(seen.last.pts_90k, 20 * 90);
	assert_int_equal(seen.last.len, sizeof(hevc_trail));
	assert_int_equal(VIDEO(30, "2c01fffff6", hevc_trail), 0);
	assert_int_equal(seen.last.pts_90k, 20 * 90);
	assert_int_equal(seen.n_packets, 3);
}

static void hevc_under_the_id_of_avc_is_refused_by_name(void **state)
{
	assert_int_equal(VIDEO(0, "1700000000", hvcc), 0);
	assert_int_equal(seen.n_refused, 1);
	assert_non_null(strstr(seen.why, "HEVC"));
	assert_int_equal(seen.n_tracks, 0);
	assert_int_equal(VIDEO(0, "1701000000", hevc_idr), 0);
	assert_int_equal(seen.n_packets, 0);
	assert_int_equal(seen.n_refused, 1);
}

static void av1_comes_as_temporal_units(void **state)
{
	assert_int_equal(VIDEO(0, "9061763031", av1c), 0);
	assert_int_equal(VIDEO(5, "9161763031", av1_key), 0);
	assert_int_equal(seen.n_tracks, 1);
	assert_int_equal(seen.config[TRACK_VIDEO].codec, CODEC_AV1);
	assert_int_equal(seen.config[TRACK_VIDEO].width, 320);
	assert_true(seen.last.key);
	assert_int_equal(seen.last.len, sizeof(av1_key));	/* no composition time in it */
	assert_int_equal(seen.last.pts_90k, 450);
}

static void vp9_is_announced_with_the_size_of_its_key_frame(void **state)
{
	static const uint8_t inter[] = { 0x86, 0, 0 };

	assert_int_equal(VIDEO(0, "9076703039", vpcc), 0);
	assert_int_equal(seen.n_tracks, 0);
	assert_int_equal(VIDEO(1, "a176703039", inter), -1);	/* no size known yet */
	assert_int_equal(VIDEO(2, "9176703039", vp9_key), 0);
	assert_int_equal(seen.n_tracks, 1);
	assert_int_equal(seen.config[TRACK_VIDEO].width, 320);
	assert_int_equal(seen.config[TRACK_VIDEO].height, 240);
	assert_true(seen.last.key);
	assert_int_equal(VIDEO(3, "a176703039", inter), 0);
	assert_false(seen.last.key);
	VIDEO(4, "9076703039", vpcc);
	VIDEO(5, "9176703039", vp9_key);
	assert_int_equal(seen.n_tracks, 1);
	assert_int_equal(seen.n_packets, 3);
}

static void opus_comes_by_fourcc(void **state)
{
	static const uint8_t frame_20ms[] = { 0xfc, 1, 2, 3 };	/* CELT fullband, 20 ms, stereo */

	assert_int_equal(AUDIO(0, "904f707573", opus_head), 0);
	assert_int_equal(seen.config[TRACK_AUDIO].codec, CODEC_OPUS);
	assert_int_equal(seen.config[TRACK_AUDIO].channels, 2);
	assert_int_equal(AUDIO(7, "914f707573", frame_20ms), 0);
	assert_int_equal(AUDIO(28, "914f707573", frame_20ms), 0);
	assert_int_equal(seen.last.pts_90k, 27 * 90);	/* 20 ms on, not 21 */
}

static void modex_adds_nanoseconds(void **state)
{
	VIDEO(0, "9068766331", hvcc);
	/* ModEx: 3 bytes of data, type 0, then CodedFramesX: 500,000 ns = 45 ticks. */
	assert_int_equal(VIDEO(1, "a70207a1200368766331", hevc_trail), 0);
	assert_int_equal(seen.last.dts_90k, 90);
	assert_int_equal(seen.last.pts_90k, 135);
	/* A long ModEx of a type we do not know is skipped. */
	memset(tag, 0, sizeof(tag));
	assert_int_equal(VIDEO(2, "a7ff0001" "aaaa" "13" "68766331", hevc_trail), 0);
	assert_int_equal(seen.last.dts_90k, 180);
	assert_int_equal(seen.last.len, sizeof(hevc_trail));
	assert_int_equal(VIDEO(2, "a7ffffff", hevc_trail), -1);
}

static void of_several_tracks_the_first_is_taken(void **state)
{
	static const uint8_t many[] = {
		0, 0, 0, 7, 0, 0, 0, 3, 38, 1, 0x80,	/* track 0, 7 bytes: IDR */
		1, 0, 0, 2, 9, 9,
	};
	static const uint8_t others[] = { 1, 0, 0, 2, 9, 9, 2, 0, 0, 0 };
	static const uint8_t cut[] = { 1, 0, 0, 9, 9, 9 };

	VIDEO(0, "9068766331", hvcc);
	assert_int_equal(VIDEO(1, "961368766331", many), 0);	/* many tracks, one codec, X */
	assert_int_equal(seen.n_packets, 1);
	assert_int_equal(seen.last.len, 7);
	assert_int_equal(VIDEO(2, "961368766331", others), 0);
	assert_int_equal(seen.n_packets, 1);
	assert_int_equal(VIDEO(3, "96036876633100", hevc_idr), 0);	/* one track, id 0 */
	assert_int_equal(seen.n_packets, 2);
	assert_int_equal(VIDEO(3, "96036876633101", hevc_idr), 0);	/* one track, id 1 */
	assert_int_equal(seen.n_packets, 2);
	assert_int_equal(VIDEO(4, "9623" "61763031" "01000001aa" "68766331" "00000007", hevc_idr), 0);
	assert_int_equal(seen.n_packets, 3);	/* many codecs */
	assert_int_equal(seen.last.len, 7);
	assert_int_equal(VIDEO(5, "961368766331", cut), -1);
	assert_int_equal(VIDEO(5, "963368766331", cut), -1);	/* no such form */
}

static void unsupported_codecs_are_refused_once_each(void **state)
{
	AUDIO(0, "b2", idr);
	AUDIO(1, "b2", idr);
	assert_int_equal(seen.n_refused, 1);
	assert_string_equal(seen.why, "audio codec format 11 Speex is not supported");
	VIDEO(0, "1700000000", avcc);
	VIDEO(1, "1701000000", idr);
	assert_int_equal(seen.n_packets, 1);
	VIDEO(2, "12", idr);
	assert_int_equal(seen.n_refused, 2);
	assert_string_equal(seen.why, "video codec id 2 Sorenson H.263 is not supported");
}

static void unprintable_fourccs_do_not_reach_the_log(void **state)
{
	VIDEO(0, "900a1b2c41", idr);
	assert_string_equal(seen.why, "video codec ??,A is not supported");
}

static void what_is_no_frame_is_ignored(void **state)
{
	assert_int_equal(push(TRACK_VIDEO, 0, "", NULL, 0), 0);
	assert_int_equal(push(TRACK_AUDIO, 0, "", NULL, 0), 0);
	assert_int_equal(push(TRACK_VIDEO, 0, "5700", NULL, 0), 0);		/* command */
	assert_int_equal(push(TRACK_VIDEO, 0, "d000", NULL, 0), 0);
	VIDEO(0, "1700000000", avcc);
	assert_int_equal(push(TRACK_VIDEO, 0, "1702000000", NULL, 0), 0);	/* end */
	assert_int_equal(push(TRACK_VIDEO, 0, "1701000000", NULL, 0), 0);	/* empty frame */
	assert_int_equal(push(TRACK_VIDEO, 0, "9461766331", NULL, 0), 0);	/* metadata */
	assert_int_equal(seen.n_packets, 0);
	assert_int_equal(push(TRACK_VIDEO, 0, "170100", NULL, 0), -1);		/* cut */
	assert_int_equal(push(TRACK_VIDEO, 0, "90687663", NULL, 0), -1);
	assert_int_equal(push(TRACK_AUDIO, 0, "af", NULL, 0), -1);
}

static void stamps_are_unwrapped_over_both_tracks(void **state)
{
	VIDEO(0xffffff00, "1700000000", avcc);
	AUDIO(0xffffff00, "af00", asc_44100);
	VIDEO(0xfffffff0, "1701000000", idr);
	assert_int_equal(seen.last.dts_90k, 0xfffffff0ll * 90);
	VIDEO(0x10, "2701000000", p_slice);
	assert_int_equal(seen.last.dts_90k, 0x100000010ll * 90);
	AUDIO(0xffffffff, "af01", idr);		/* the other track is a bit behind */
	assert_int_equal(seen.last.dts_90k, 0xffffffffll * 90);
	VIDEO(0x80000000, "2701000000", p_slice);
	assert_int_equal(seen.last.dts_90k, 0x180000000ll * 90 - (1ll << 32) * 90);
}

static void audio_time_is_counted_in_samples(void **state)
{
	static const uint8_t frame[] = { 0x21, 0 };
	int i;

	AUDIO(0, "af00", asc_44100);
	for (i = 0; i < 1000; i++) {
		/* A stamp in ms, with the rounding of an encoder. */
		AUDIO((uint32_t)(i * 1024 * 1000ll / 44100), "af01", frame);
		assert_int_equal(seen.last.pts_90k, i * 1024 * 90000ll / 44100);
	}
}

static void audio_follows_its_stamps_when_they_leave_the_count(void **state)
{
	static const uint8_t frame[] = { 0x21, 0 };

	AUDIO(0, "af00", asc_48000);
	AUDIO(1000, "af01", frame);
	AUDIO(1121, "af01", frame);	/* 99.7 ms off the 21.3 counted */
	assert_int_equal(seen.last.pts_90k, 90000 + 1920);
	AUDIO(1143, "af01", frame);	/* 100.3 ms off */
	assert_int_equal(seen.last.pts_90k, 1143 * 90);
	AUDIO(500, "af01", frame);
	assert_int_equal(seen.last.pts_90k, 500 * 90);
}

static void mp3_describes_itself(void **state)
{
	/* MPEG-1 layer III, 128 kbit/s, 44.1 kHz, joint stereo: 417 bytes, 1152 samples. */
	uint8_t frame[417] = { 0xff, 0xfb, 0x90, 0x44 };

	assert_int_equal(AUDIO(0, "2f", frame), 0);
	assert_int_equal(seen.config[TRACK_AUDIO].codec, CODEC_MP3);
	assert_int_equal(seen.config[TRACK_AUDIO].sample_rate, 44100);
	AUDIO(26, "2f", frame);
	assert_int_equal(seen.last.pts_90k, 1152 * 90000 / 44100);
	AUDIO(52, "912e6d7033", frame);		/* enhanced ".mp3" */
	assert_int_equal(seen.last.pts_90k, 2 * 1152 * 90000 / 44100);
	assert_int_equal(seen.n_tracks, 1);
	assert_int_equal(AUDIO(60, "2f", idr), -1);
}

static void aggregates_are_taken_apart_and_rebased(void **state)
{
	static const uint8_t body[] = {
		8, 0, 0, 1, 0, 0, 100, 0, 0, 0, 0, 'a', 0, 0, 0, 12,
		9, 0, 0, 2, 0, 0, 120, 0, 0, 0, 0, 'b', 'c', 0, 0, 0, 13,
		9, 0, 0, 9, 0, 0, 130, 0, 0, 0, 0, 'c',
	};
	struct flv_aggregate a = flv_aggregate_of(body, sizeof(body), 5000);
	struct flv_sub_tag t;

	assert_true(flv_aggregate_next(&a, &t));
	assert_int_equal(t.type, 8);
	assert_int_equal(t.time_ms, 5000);
	assert_int_equal(t.len, 1);
	assert_true(flv_aggregate_next(&a, &t));
	assert_int_equal(t.type, 9);
	assert_int_equal(t.time_ms, 5020);
	assert_memory_equal(t.data, "bc", 2);
	assert_false(flv_aggregate_next(&a, &t));	/* cut short */
	a = flv_aggregate_of(body, 12, 5000);		/* no back pointer */
	assert_true(flv_aggregate_next(&a, &t));
	assert_false(flv_aggregate_next(&a, &t));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(legacy_avc_and_aac_come_through),
		TEST(composition_times_may_be_negative),
		TEST(key_means_idr_whatever_the_frame_type_says),
		TEST(repeated_parameters_are_no_news_but_changed_ones_are),
		TEST(damaged_parameters_leave_the_old_ones),
		TEST(frames_before_parameters_are_dropped),
		TEST(hevc_comes_by_fourcc_and_by_the_old_id),
		TEST(hevc_under_the_id_of_avc_is_refused_by_name),
		TEST(av1_comes_as_temporal_units),
		TEST(vp9_is_announced_with_the_size_of_its_key_frame),
		TEST(opus_comes_by_fourcc),
		TEST(modex_adds_nanoseconds),
		TEST(of_several_tracks_the_first_is_taken),
		TEST(unsupported_codecs_are_refused_once_each),
		TEST(unprintable_fourccs_do_not_reach_the_log),
		TEST(what_is_no_frame_is_ignored),
		TEST(stamps_are_unwrapped_over_both_tracks),
		TEST(audio_time_is_counted_in_samples),
		TEST(audio_follows_its_stamps_when_they_leave_the_count),
		TEST(mp3_describes_itself),
		TEST(aggregates_are_taken_apart_and_rebased),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
