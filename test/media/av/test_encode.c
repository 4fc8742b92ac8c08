#include "test/test.h"
#include <string.h>
#include "base/err.h"
#include "media/av/encode.h"
#include "media/av/input.h"
#include "media/av/libav.h"
#include "media/av/picture.h"

#define N 30

/* A textured picture that moves: motion search, transforms and rate control all
 * have something to do. */
static void paint(AVFrame *f, int n)
{
	int i, x, y;

	for (i = 0; i < 3; i++)
		for (y = 0; y < (i ? f->height / 2 : f->height); y++)
			for (x = 0; x < f->linesize[i]; x++)
				f->data[i][y * f->linesize[i] + x] =
					(uint8_t)((x + n * 2) * (y + n) / 7 + ((x ^ y) & 31) * 3);
}

static struct encoder *encode(const struct ladder_rung *rung, const char *preset,
			      const char *extra, int64_t start, int64_t step)
{
	struct encoder_opts o = {
		.rung = rung, .preset = preset, .fps_num = 30, .fps_den = 1,
		.frame_90k = 3000, .x264_extra = extra,
	};
	struct encoder *e = NULL;
	struct pic_pool pool;
	struct err err;
	AVFrame *f;
	int i;

	libav_setup();
	assert_true(pic_pool_init(&pool, rung->width, rung->height));
	for (i = 0; i < N; i++) {
		f = pic_pool_get(&pool);
		assert_non_null(f);
		paint(f, i);
		f->pts = start + i * step;
		if (!e)
			e = encoder_open(&o, f, &err);
		assert_non_null(e);
		assert_int_equal(encoder_push(e, f, &err), 0);
		av_frame_free(&f);
	}
	assert_int_equal(encoder_flush(e, &err), 0);
	pic_pool_fini(&pool);
	return e;
}

static void assert_same_bytes(const struct encoder *a, const struct encoder *b)
{
	AVPacket *const *pa, *const *pb;
	size_t na, nb, i;

	pa = encoder_packets(a, &na);
	pb = encoder_packets(b, &nb);
	assert_int_equal(na, nb);
	for (i = 0; i < na; i++) {
		assert_int_equal(pa[i]->size, pb[i]->size);
		assert_memory_equal(pa[i]->data, pb[i]->data, pa[i]->size);
	}
}

static const struct ladder_rung rung = {
	.width = 320, .height = 180, .bitrate = 400000, .quality = -1,
};

static void x264_without_assembler_makes_the_same_bytes(void **state)
{
	static const char *const presets[] = { "ultrafast", "superfast", "veryfast", "medium" };
	struct encoder *a, *b;
	size_t i;

	for (i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		a = encode(&rung, presets[i], NULL, 0, 3000);
		b = encode(&rung, presets[i], "asm=0", 0, 3000);
		assert_same_bytes(a, b);
		encoder_free(b);
		b = encode(&rung, presets[i], "asm=SSE2", 0, 3000);
		assert_same_bytes(a, b);
		encoder_free(a);
		encoder_free(b);
	}
}

static void bytes_do_not_depend_on_where_the_segment_lies(void **state)
{
	struct encoder *a = encode(&rung, "superfast", NULL, 0, 3000);
	struct encoder *b = encode(&rung, "superfast", NULL, 123456789012, 3003);

	assert_same_bytes(a, b);
	encoder_free(a);
	encoder_free(b);
}

static void packets_get_the_times_of_their_pictures(void **state)
{
	struct encoder *e = encode(&rung, "superfast", NULL, 1000000, 3003);
	AVPacket *const *p;
	bool seen[N] = { false };
	int64_t number, last = INT64_MIN;
	size_t n, i;

	p = encoder_packets(e, &n);
	assert_int_equal(n, N);
	for (i = 0; i < n; i++) {
		assert_int_equal((p[i]->pts - 1000000) % 3003, 0);
		number = (p[i]->pts - 1000000) / 3003;
		assert_in_range(number, 0, N - 1);
		assert_false(seen[number]);
		seen[number] = true;
		assert_true(p[i]->dts > last && p[i]->dts <= p[i]->pts);
		last = p[i]->dts;
	}
	/* superfast codes B pictures: decoding starts ahead of showing. */
	assert_true(p[0]->dts < p[0]->pts);
	encoder_free(e);
}

static void unknown_presets_are_not_there(void **state)
{
	assert_true(encoder_has_preset("superfast"));
	assert_true(encoder_has_preset("veryslow"));
	assert_false(encoder_has_preset("placebo"));
	assert_false(encoder_has_preset(""));
	assert_false(encoder_has_preset(NULL));
}

static void rates_snap_to_the_common_ones(void **state)
{
	static const struct {
		double fps;
		int num, den;
	} cases[] = {
		{ 30.0, 30, 1 }, { 29.97003, 30000, 1001 }, { 23.976, 24000, 1001 },
		{ 24.0, 24, 1 }, { 59.94, 60000, 1001 }, { 25.02, 25, 1 }, { 27.0, 2700, 100 },
		{ 0.0, 100, 100 }, { 1e9, 24000, 100 },
	};
	size_t i;
	int num, den;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		input_snap_fps(cases[i].fps, &num, &den);
		assert_int_equal(num, cases[i].num);
		assert_int_equal(den, cases[i].den);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(x264_without_assembler_makes_the_same_bytes),
		cmocka_unit_test(bytes_do_not_depend_on_where_the_segment_lies),
		cmocka_unit_test(packets_get_the_times_of_their_pictures),
		cmocka_unit_test(unknown_presets_are_not_there),
		cmocka_unit_test(rates_snap_to_the_common_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
