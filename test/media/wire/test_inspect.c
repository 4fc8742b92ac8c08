#include "test/test.h"

#include "base/buf.h"
#include "base/err.h"
#include "media/wire/fmp4.h"
#include "media/wire/inspect.h"
#include "media/wire/tsmux.h"
#include "test/media/wire/fake.h"

/* ---- what is inspected ---- */

static void make_ts(struct buf *b, bool starts_with_idr)
{
	struct track_config v = config_of(CODEC_H264, AVCC_640X358), a = config_of(CODEC_AAC, ASC_44100);
	struct tsmux *m = tsmux_new();
	uint8_t au[600], frame[100];
	struct tsmux_au u = { .data = au, .len_size = 4 };
	int i;

	assert_int_equal(params_parse(&a, NULL), 0);
	tsmux_set_track(m, TRACK_VIDEO, &v, NULL);
	tsmux_set_track(m, TRACK_AUDIO, &a, NULL);
	buf_init(b, 1 << 20);
	tsmux_begin(m, b, true);
	fake_fill(frame, sizeof(frame), 9);
	for (i = 0; i < 10; i++) {
		u.key = i == 0 && starts_with_idr;
		u.len = fake_au(au, u.key, 500, (unsigned)i);
		u.dts_90k = (INT64_C(1) << 33) - 9000 + i * 3000;	/* over the wrap */
		u.pts_90k = u.dts_90k + (i % 2 ? 6000 : 0);
		assert_true(tsmux_video(m, b, &u));
		assert_true(tsmux_audio(m, b, frame, sizeof(frame), u.dts_90k + 100));
	}
	tsmux_flush(m, b);
	tsmux_free(m);
}

/* A video fragment of three samples (B-frame last) and an audio one of two. */
static void make_mp4(struct buf *b, bool starts_with_idr)
{
	static const struct fmp4_sample video[] = { { 106, 3000, 3000, true }, { 106, 3000, 6000, false },
						    { 106, 3000, 0, false } };
	static const struct fmp4_sample audio[] = { { 50, 1024, 0, true }, { 60, 1024, 0, true } };
	struct track_config v = config_of(CODEC_H264, AVCC_640X358), a = config_of(CODEC_AAC, ASC_44100);
	uint8_t data[400], sound[110];
	struct fmp4_run runs[2] = {
		{ TRACK_VIDEO, 900000, video, 3, data, 318 }, { TRACK_AUDIO, 441000, audio, 2, sound, 110 } };
	int i;

	assert_int_equal(params_parse(&v, NULL), 0);
	assert_int_equal(params_parse(&a, NULL), 0);
	for (i = 0; i < 3; i++)
		fake_au(data + 106 * i, i == 0 && starts_with_idr, 100, (unsigned)i);
	fake_fill(sound, sizeof(sound), 3);
	buf_init(b, 1 << 20);
	assert_int_equal(fmp4_init(b, &v, &a, NULL), 0);
	fmp4_styp(b);
	fmp4_fragment(b, 1, runs, 2);
	runs[0].dts += 9000;
	runs[1].dts += 2048;
	fmp4_fragment(b, 2, runs, 2);
}

static void ts_facts_are_found_over_the_wrap(void **state)
{
	struct inspect in;
	struct buf b;

	make_ts(&b, true);
	assert_int_equal(inspect_segment(&in, false, b.data, b.len, NULL), 0);
	assert_int_equal(in.video, CODEC_H264);
	assert_int_equal(in.audio, CODEC_AAC);
	assert_int_equal(in.n_video, 10);
	assert_int_equal(in.n_audio, 10);
	assert_true(in.starts_with_idr);
	assert_false(in.damaged);
	assert_int_equal(in.first_pts_90k, (INT64_C(1) << 33) - 9000);
	/* pts 0 .. 9 * 3000 + 6000, and a frame of the average distance */
	assert_int_equal(in.duration_90k, 33000 + 3667);
	assert_int_equal(in.audio_first_pts_90k, (INT64_C(1) << 33) - 8900);
	assert_int_equal(in.audio_duration_90k, 9 * 3000 + 2089);
	assert_int_equal(in.width, 640);
	assert_int_equal(in.height, 358);
	assert_string_equal(in.codecs, "avc1.64001e,mp4a.40.2");
	buf_fini(&b);
}

static void mp4_facts_are_found(void **state)
{
	struct inspect in;
	struct buf b;

	make_mp4(&b, true);
	assert_int_equal(inspect_segment(&in, true, b.data, b.len, NULL), 0);
	assert_int_equal(in.video, CODEC_H264);
	assert_int_equal(in.audio, CODEC_AAC);
	assert_int_equal(in.n_video, 6);
	assert_int_equal(in.n_audio, 4);
	assert_true(in.starts_with_idr);
	assert_false(in.damaged);
	assert_int_equal(in.first_pts_90k, 903000);
	assert_int_equal(in.duration_90k, 18000);
	assert_int_equal(in.audio_first_pts_90k, 900000);
	assert_int_equal(in.audio_duration_90k, 4 * 1024 * 90000 / 44100);
	assert_int_equal(in.width, 640);
	assert_memory_equal(b.data + in.init_len + 4, "styp", 4);
	assert_string_equal(in.codecs, "avc1.64001e,mp4a.40.2");
	buf_fini(&b);
}

static void segment_without_idr_is_told_apart(void **state)
{
	struct inspect in;
	struct buf b;

	make_ts(&b, false);
	assert_int_equal(inspect_segment(&in, false, b.data, b.len, NULL), 0);
	assert_false(in.starts_with_idr);
	buf_fini(&b);
	/* the sample's flag says key, its NAL unit does not: the unit is believed */
	make_mp4(&b, false);
	assert_int_equal(inspect_segment(&in, true, b.data, b.len, NULL), 0);
	assert_false(in.starts_with_idr);
	buf_fini(&b);
}

static void every_truncation_is_an_error_or_damage(void **state)
{
	struct inspect in, whole;
	struct err err;
	struct buf b;
	size_t len;

	make_mp4(&b, true);
	assert_int_equal(inspect_segment(&whole, true, b.data, b.len, NULL), 0);
	for (len = 0; len < b.len; len++) {
		int res = inspect_segment(&in, true, b.data, len, &err);

		if (res < 0)
			assert_true(err.code == ERR_INVALID);
		else
			assert_true(in.damaged || in.n_video < whole.n_video);
	}
	buf_fini(&b);
	make_ts(&b, true);
	assert_int_equal(inspect_segment(&whole, false, b.data, b.len, NULL), 0);
	for (len = 0; len < b.len; len += 47) {
		int res = inspect_segment(&in, false, b.data, len, &err);

		if (res < 0)
			assert_true(err.code == ERR_INVALID);
		else
			assert_true(in.damaged || in.n_video < whole.n_video || in.n_audio < whole.n_audio);
	}
	buf_fini(&b);
}

static uint8_t *find(struct buf *b, const char *type)
{
	return memmem(b->data, b->len, type, 4);
}

static void absurd_mp4_counts_are_refused(void **state)
{
	struct inspect in;
	struct err err;
	struct buf b;
	uint8_t *trun;

	make_mp4(&b, true);
	trun = find(&b, "trun");
	memset(trun + 8, 0xff, 4);		/* 4294967295 samples */
	assert_int_equal(inspect_segment(&in, true, b.data, b.len, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	/* the same without any field a sample: no bytes are missing, only sense */
	memset(trun + 5, 0, 3);
	assert_int_equal(inspect_segment(&in, true, b.data, b.len, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	buf_fini(&b);
}

static void absurd_mp4_sizes_are_damage(void **state)
{
	struct inspect in;
	struct buf b;
	uint8_t *moof;

	make_mp4(&b, true);
	moof = find(&b, "moof");
	memcpy(moof - 4, "\0\0\0\7", 4);	/* smaller than its own header */
	assert_int_equal(inspect_segment(&in, true, b.data, b.len, NULL), -1);
	buf_fini(&b);
	make_mp4(&b, true);
	moof = find(&b, "mdat");
	memcpy(moof - 4, "\x7f\xff\xff\xff", 4);
	assert_int_equal(inspect_segment(&in, true, b.data, b.len, NULL), 0);
	assert_true(in.damaged);
	assert_int_equal(in.n_video, 3);
	buf_fini(&b);
}

static void garbage_is_invalid(void **state)
{
	static uint8_t junk[100000];
	struct inspect in;
	struct err err;
	int kind;

	for (kind = 0; kind < 2; kind++) {
		assert_int_equal(inspect_segment(&in, kind, junk, 0, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_int_equal(inspect_segment(&in, kind, junk, sizeof(junk), &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

/* ---- the writer, beyond what inspect looks at ---- */

static void tracks_run_on_their_own_clocks(void **state)
{
	struct track_config a = config_of(CODEC_AAC, ASC_44100), v = config_of(CODEC_AV1, AV1C_640X358);

	assert_int_equal(params_parse(&a, NULL), 0);
	assert_int_equal(fmp4_timescale(&a), 44100);
	assert_int_equal(fmp4_timescale(&v), 90000);
}

static void one_track_file_says_cmaf(void **state)
{
	struct track_config v = config_of(CODEC_AV1, AV1C_640X358), o = config_of(CODEC_OPUS, OPUS_HEAD);
	struct buf b;

	buf_init(&b, 10000);
	assert_int_equal(params_parse(&v, NULL), 0);
	assert_int_equal(params_parse(&o, NULL), 0);
	assert_int_equal(fmp4_init(&b, &v, NULL, NULL), 0);
	assert_memory_equal(b.data, "\0\0\0\x1c" "ftypiso6\0\0\0\1iso6mp41cmfc", 28);
	assert_non_null(find(&b, "av1C"));
	buf_clear(&b);
	assert_int_equal(fmp4_init(&b, &v, &o, NULL), 0);
	assert_memory_equal(b.data, "\0\0\0\x18" "ftyp", 8);
	/* dOps: version 0, 2 channels, pre-skip 312 and 48000 Hz, now big-endian */
	assert_memory_equal(find(&b, "dOps"), "dOps\0\2\1\x38\0\0\xbb\x80\0\0\0", 15);
	buf_fini(&b);
}

static void codecs_without_mp4_form_are_refused(void **state)
{
	struct track_config v = { .codec = CODEC_VP8 };
	struct buf b;
	struct err err;

	buf_init(&b, 10000);
	assert_int_equal(fmp4_init(&b, &v, NULL, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(fmp4_init(&b, NULL, NULL, &err), -1);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ts_facts_are_found_over_the_wrap),
		cmocka_unit_test(mp4_facts_are_found),
		cmocka_unit_test(segment_without_idr_is_told_apart),
		cmocka_unit_test(every_truncation_is_an_error_or_damage),
		cmocka_unit_test(absurd_mp4_counts_are_refused),
		cmocka_unit_test(absurd_mp4_sizes_are_damage),
		cmocka_unit_test(garbage_is_invalid),
		cmocka_unit_test(tracks_run_on_their_own_clocks),
		cmocka_unit_test(one_track_file_says_cmaf),
		cmocka_unit_test(codecs_without_mp4_form_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
