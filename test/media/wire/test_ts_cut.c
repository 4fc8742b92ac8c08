/* Files are made by the multiplexer, cut, and what comes out is inspected. */
#include "test/test.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "media/wire/inspect.h"
#include "media/wire/ts.h"
#include "media/wire/ts_cut.h"
#include "media/wire/tsmux.h"
#include "test/media/wire/fake.h"

#define FPS 30
#define SEGMENTS_MAX 32

struct cuts {
	struct segment_info info[SEGMENTS_MAX];
	struct inspect in[SEGMENTS_MAX];
	unsigned n, n_video, n_audio;
	struct buf bytes;
	struct buf all;		/* of every segment */
};

static void on_begin(void *arg, const struct segment_info *info)
{
	struct cuts *c = arg;

	(void)info;
	buf_clear(&c->bytes);
}

static void on_data(void *arg, const uint8_t *data, size_t len)
{
	struct cuts *c = arg;

	assert_true(buf_add(&c->bytes, data, len));
	assert_true(buf_add(&c->all, data, len));
}

static void on_end(void *arg, const struct segment_info *info)
{
	struct cuts *c = arg;
	struct err err;

	assert_true(c->n < SEGMENTS_MAX);
	c->info[c->n] = *info;
	assert_int_equal(info->container, CONTAINER_TS);
	assert_int_equal(inspect_segment(&c->in[c->n], false, c->bytes.data, c->bytes.len, &err), 0);
	assert_false(c->in[c->n].damaged);
	c->n_video += info->n_video;
	c->n_audio += info->n_audio;
	c->n++;
}

/* What cuts of 2 s give; the answer is the number of frames left out. */
static unsigned cut(struct cuts *c, const struct buf *file, size_t step)
{
	static const struct segmenter_cb cb = { on_begin, on_data, on_end };
	struct segmenter_opts opts = { .target_ms = 2000, .max_ms = 16000, .max_bytes = 8 << 20 };
	struct ts_cut *t = ts_cut_new(&opts, &cb, c);
	unsigned n_dropped;
	size_t at, n;

	memset(c, 0, sizeof(*c));
	buf_init(&c->bytes, 16 << 20);
	buf_init(&c->all, 16 << 20);
	for (at = 0; at < file->len; at += n) {
		n = step < file->len - at ? step : file->len - at;
		assert_int_equal(ts_cut_push(t, file->data + at, n, NULL), 0);
	}
	ts_cut_flush(t);
	n_dropped = ts_cut_n_dropped(t);
	ts_cut_free(t);
	return n_dropped;
}

static void fini(struct cuts *c)
{
	buf_fini(&c->bytes);
	buf_fini(&c->all);
}

/* frames of video with a key frame each second from frame first_key on, AAC beside it
 * when told; times begin at at. */
static void make(struct buf *out, const char *avcc, int frames, int first_key, bool audio, int64_t at)
{
	struct track_config v = config_of(CODEC_H264, avcc), a = config_of(CODEC_AAC, ASC_44100);
	struct tsmux *m = tsmux_new();
	uint8_t au[4000], frame[200];
	int i, k = 0;

	assert_int_equal(params_parse(&a, NULL), 0);
	assert_int_equal(tsmux_set_track(m, TRACK_VIDEO, &v, NULL), 0);
	assert_int_equal(tsmux_set_track(m, TRACK_AUDIO, audio ? &a : NULL, NULL), 0);
	tsmux_begin(m, out, true);
	for (i = 0; i < frames; i++) {
		bool key = i >= first_key && (i - first_key) % FPS == 0;
		int64_t dts = (at + i * 3000) & TS_CLOCK_MASK;
		struct tsmux_au x = { .data = au, .len = fake_au(au, key, 1000, (unsigned)i), .len_size = 4,
				      .pts_90k = (dts + 3000) & TS_CLOCK_MASK, .dts_90k = dts, .key = key };

		assert_true(tsmux_video(m, out, &x));
		for (; audio && k * INT64_C(92160000) / 44100 <= i * 3000; k++) {
			fake_fill(frame, sizeof(frame), (unsigned)k);
			assert_true(tsmux_audio(m, out, frame, sizeof(frame),
						(at + k * INT64_C(92160000) / 44100) & TS_CLOCK_MASK));
		}
	}
	tsmux_flush(m, out);
	tsmux_free(m);
}

static void a_file_is_cut_at_key_frames_and_nothing_is_lost(void **state)
{
	struct cuts c;
	struct buf file;
	unsigned i;

	buf_init(&file, 8 << 20);
	make(&file, AVCC_640X358, 11 * FPS, 0, true, 500000);
	assert_int_equal(cut(&c, &file, 65536), 0);
	assert_int_equal(c.n, 6);
	assert_int_equal(c.n_video, 11 * FPS);
	assert_in_range(c.n_audio, 11 * 44100 / 1024, 11 * 44100 / 1024 + 2);
	for (i = 0; i < c.n; i++) {
		assert_true(c.info[i].transcodable && c.in[i].starts_with_idr);
		assert_false(i > 0 && c.info[i].discontinuity);
		assert_int_equal(c.info[i].duration_90k, i < 5 ? 180000 : 90000);
		assert_int_equal(c.in[i].width, 640);
	}
	fini(&c);
	buf_fini(&file);
}

static void the_cuts_do_not_depend_on_how_bytes_arrive(void **state)
{
	static const size_t steps[] = { 188, 1, 4096, 1 << 24 };
	struct cuts a, b;
	struct buf file;
	size_t i;

	buf_init(&file, 8 << 20);
	make(&file, AVCC_640X358, 4 * FPS, 0, true, 126000);
	cut(&a, &file, 65536);
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_int_equal(cut(&b, &file, steps[i]), 0);
		assert_int_equal(a.all.len, b.all.len);
		assert_memory_equal(a.all.data, b.all.data, a.all.len);
		fini(&b);
	}
	fini(&a);
	buf_fini(&file);
}

static void a_clock_that_wraps_is_no_break(void **state)
{
	struct cuts c;
	struct buf file;
	unsigned i;

	buf_init(&file, 8 << 20);
	make(&file, AVCC_640X358, 6 * FPS, 0, true, TS_CLOCK_MASK - 3 * 90000);
	assert_int_equal(cut(&c, &file, 65536), 0);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.n_video, 6 * FPS);
	for (i = 0; i < c.n; i++) {
		assert_int_equal(c.info[i].duration_90k, 180000);
		assert_false(i > 0 && c.info[i].discontinuity);
	}
	fini(&c);
	buf_fini(&file);
}

static void frames_before_the_first_key_frame_are_counted_out(void **state)
{
	struct cuts c;
	struct buf file;

	buf_init(&file, 8 << 20);
	make(&file, AVCC_640X358, 20 + 2 * FPS, 20, false, 126000);
	assert_int_equal(cut(&c, &file, 65536), 20);
	assert_int_equal(c.n, 1);
	assert_int_equal(c.n_video, 2 * FPS);
	fini(&c);
	buf_fini(&file);
}

static void another_size_in_the_middle_begins_a_segment(void **state)
{
	struct cuts c;
	struct buf file;

	buf_init(&file, 8 << 20);
	make(&file, AVCC_640X358, 3 * FPS, 0, false, 126000);
	make(&file, AVCC_320X240, 2 * FPS, 0, false, 126000 + 3 * 90000);
	assert_int_equal(cut(&c, &file, 65536), 0);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.in[1].width, 640);
	assert_int_equal(c.info[1].duration_90k, 90000);
	assert_int_equal(c.in[2].width, 320);
	assert_true(c.info[2].discontinuity);
	fini(&c);
	buf_fini(&file);
}

static void what_is_no_ts_is_refused(void **state)
{
	static const struct segmenter_cb cb = { on_begin, on_data, on_end };
	static const uint8_t zeros[1 << 20];
	struct segmenter_opts opts = { .target_ms = 2000, .max_ms = 16000, .max_bytes = 8 << 20 };
	struct cuts c = { .n = 0 };
	struct ts_cut *t = ts_cut_new(&opts, &cb, &c);
	struct err err;

	assert_int_equal(ts_cut_push(t, zeros, sizeof(zeros), &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	ts_cut_flush(t);
	assert_int_equal(c.n, 0);
	ts_cut_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_cut_at_key_frames_and_nothing_is_lost),
		cmocka_unit_test(the_cuts_do_not_depend_on_how_bytes_arrive),
		cmocka_unit_test(a_clock_that_wraps_is_no_break),
		cmocka_unit_test(frames_before_the_first_key_frame_are_counted_out),
		cmocka_unit_test(another_size_in_the_middle_begins_a_segment),
		cmocka_unit_test(what_is_no_ts_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
