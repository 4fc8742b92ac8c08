/*
 * The own scaler beside swscale: the same bytes for whatever sizes it takes on.  The
 * planes end with their last sample, so that a sanitizer sees a step beside them.
 */
#include "test/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <libavutil/cpu.h>
#include <libswscale/swscale.h>
#include "base/err.h"
#include "media/av/bicubic.h"
#include "media/av/bicubic_taps.h"
#include "media/av/scale.h"

#define ROUNDS 250
/* swscale reads and writes whole vectors: what it is given has room for that. */
#define SWSCALE_ROOM 128

enum content { NOISE, EXTREMES, STRIPES, N_CONTENTS };

static uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(seed >> 33) % below;
}

static int plane_width(const AVFrame *f, int i)
{
	return i ? (f->width + 1) / 2 : f->width;
}

static int plane_height(const AVFrame *f, int i)
{
	return i ? (f->height + 1) / 2 : f->height;
}

/* room: bytes after each line; after the last one only where keep_last is set. */
static AVFrame *new_frame(int w, int h, int room, bool keep_last)
{
	AVFrame *f = av_frame_alloc();
	size_t len;
	int i;

	assert_non_null(f);
	f->format = AV_PIX_FMT_YUV420P;
	f->width = w;
	f->height = h;
	for (i = 0; i < 3; i++) {
		f->linesize[i] = plane_width(f, i) + room;
		len = (size_t)f->linesize[i] * plane_height(f, i) - (keep_last ? 0 : room);
		f->data[i] = malloc(len);
		assert_non_null(f->data[i]);
		memset(f->data[i], 0xa5, len);
	}
	return f;
}

static void free_frame(AVFrame *f)
{
	int i;

	for (i = 0; i < 3; i++)
		free(f->data[i]);
	av_frame_free(&f);
}

static uint8_t sample(enum content c, int x, int y)
{
	switch (c) {
	case NOISE: return (uint8_t)rnd(256);
	case EXTREMES: return rnd(2) ? 255 : 0;
	case STRIPES: return (x / 3 + y / 2) % 2 ? 255 : 0;
	case N_CONTENTS: break;
	}
	return 0;
}

static void paint(AVFrame *a, AVFrame *b, enum content c)
{
	int i, x, y;

	for (i = 0; i < 3; i++)
		for (y = 0; y < plane_height(a, i); y++)
			for (x = 0; x < plane_width(a, i); x++)
				a->data[i][a->linesize[i] * y + x] =
					b->data[i][b->linesize[i] * y + x] = sample(c, x, y);
}

static void scale_by_swscale(AVFrame *to, const AVFrame *from)
{
	struct SwsContext *sws = sws_getContext(from->width, from->height, AV_PIX_FMT_YUV420P,
						to->width, to->height, AV_PIX_FMT_YUV420P,
						SWS_BICUBIC | SWS_BITEXACT | SWS_ACCURATE_RND,
						NULL, NULL, NULL);

	assert_non_null(sws);
	assert_int_equal(sws_scale(sws, (const uint8_t *const *)from->data, from->linesize, 0,
				   from->height, to->data, to->linesize), to->height);
	sws_freeContext(sws);
}

static void assert_same(const AVFrame *a, const AVFrame *b)
{
	int i, y;

	for (i = 0; i < 3; i++)
		for (y = 0; y < plane_height(a, i); y++)
			assert_memory_equal(a->data[i] + a->linesize[i] * y,
					    b->data[i] + b->linesize[i] * y, plane_width(a, i));
}

/* What lies between the lines is somebody else's. */
static void assert_nothing_beside(const AVFrame *f)
{
	int i, x, y;

	for (i = 0; i < 3; i++)
		for (y = 0; y + 1 < plane_height(f, i); y++)
			for (x = plane_width(f, i); x < f->linesize[i]; x++)
				assert_int_equal(f->data[i][f->linesize[i] * y + x], 0xa5);
}

/* False: these sizes are left to swscale. */
static bool compare(int src_w, int src_h, int w, int h, int room, enum content c)
{
	struct bicubic *b = bicubic_new(src_w, src_h, w, h);
	AVFrame *from, *from2, *to, *want;

	if (!b)
		return false;
	from = new_frame(src_w, src_h, room, false);
	from2 = new_frame(src_w, src_h, SWSCALE_ROOM, true);
	to = new_frame(w, h, room, false);
	want = new_frame(w, h, SWSCALE_ROOM, true);
	paint(from, from2, c);
	bicubic_run(b, to, from);
	scale_by_swscale(want, from2);
	assert_same(to, want);
	assert_nothing_beside(to);
	/* A second picture finds a ring that is not empty. */
	paint(from, from2, NOISE);
	bicubic_run(b, to, from);
	scale_by_swscale(want, from2);
	assert_same(to, want);
	free_frame(from);
	free_frame(from2);
	free_frame(to);
	free_frame(want);
	bicubic_free(b);
	return true;
}

static bool is_there(void)
{
	struct bicubic *b = bicubic_new(64, 64, 48, 48);

	bicubic_free(b);
	return b != NULL;
}

static void the_ladders_own_steps_are_swscales_bytes(void **state)
{
	static const int steps[][4] = {
		{ 1920, 1080, 1280, 720 }, { 1280, 720, 854, 480 }, { 854, 480, 640, 360 },
		{ 640, 360, 426, 240 }, { 1920, 1080, 1024, 576 }, { 1920, 1080, 640, 360 },
		{ 320, 180, 256, 144 }, { 256, 144, 160, 90 }, { 854, 480, 1280, 720 },
		{ 608, 1080, 406, 720 }, { 720, 576, 1024, 576 }, { 640, 480, 640, 360 },
	};
	size_t i;

	if (!is_there())
		skip();
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		assert_true(compare(steps[i][0], steps[i][1], steps[i][2], steps[i][3], 0,
				    (enum content)(i % N_CONTENTS)));
}

static void any_sizes_are_swscales_bytes(void **state)
{
	int i, src_w, src_h, w, h, taken = 0;

	if (!is_there())
		skip();
	for (i = 0; i < ROUNDS; i++) {
		src_w = 32 + (int)rnd(i % 8 ? 250 : 900);
		src_h = 32 + (int)rnd(i % 8 ? 150 : 500);
		w = 16 + (int)rnd((uint32_t)src_w * 3 / 2);
		h = 16 + (int)rnd((uint32_t)src_h * 3 / 2);
		taken += compare(src_w, src_h, w, h, (int)rnd(3) * 13, (enum content)rnd(N_CONTENTS));
	}
	assert_true(taken > ROUNDS / 2);
}

/* The smallest it takes, and both sides of whole groups and vectors. */
static void narrow_pictures_are_swscales_bytes(void **state)
{
	int w;

	if (!is_there())
		skip();
	for (w = 1; w <= 70; w++) {
		assert_true(compare(32, 32, w < 16 ? 16 : w, 16 + w % 5, 0, EXTREMES));
		compare(31 + w, 33, w, w, 1, NOISE);
	}
}

static void what_it_cannot_do_is_left_to_swscale(void **state)
{
	assert_null(bicubic_new(30, 64, 20, 40));
	assert_null(bicubic_new(64, 30, 40, 20));
	assert_null(bicubic_new(1920, 1080, 320, 1080));	/* six times */
	assert_null(bicubic_new(16386, 64, 16384, 64));
}

static void an_old_cpu_is_left_to_swscale(void **state)
{
	av_force_cpu_flags(AV_CPU_FLAG_SSE2);
	assert_null(bicubic_new(64, 64, 48, 48));
	av_force_cpu_flags(-1);
}

static void weights_sum_up_to_one(void **state)
{
	struct taps t;
	int from, to, i, j, sum;

	for (from = 16; from < 700; from += 37)
		for (to = 1; to < 700; to += 29) {
			assert_true(taps_init(&t, from, to, 4096) || from > 20 * to);
			for (i = 0; i < t.n; i++) {
				for (sum = 0, j = 0; j < t.size; j++)
					sum += t.weight[i * t.size + j];
				assert_in_range(sum, 4095, 4097);
				assert_true(t.pos[i] >= 0 && t.pos[i] + t.size <= from);
			}
			taps_fini(&t);
		}
}

static AVFrame *through_scaler(const AVFrame *from, int w, int h)
{
	struct scaler *s = scaler_new(w, h);
	struct err err;
	AVFrame *to = scaler_run(s, from, &err);

	assert_non_null(to);
	scaler_free(s);
	return to;
}

/* Full range is a flag that travels along, in both. */
static void the_scaler_gives_the_same_on_any_cpu(void **state)
{
	AVFrame *from = new_frame(322, 182, SWSCALE_ROOM, true), *a, *b;

	paint(from, from, NOISE);
	from->color_range = AVCOL_RANGE_JPEG;
	a = through_scaler(from, 214, 122);
	av_force_cpu_flags(0);
	b = through_scaler(from, 214, 122);
	av_force_cpu_flags(-1);
	assert_same(a, b);
	assert_int_equal(a->color_range, AVCOL_RANGE_JPEG);
	av_frame_free(&a);
	av_frame_free(&b);
	free_frame(from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ladders_own_steps_are_swscales_bytes),
		cmocka_unit_test(any_sizes_are_swscales_bytes),
		cmocka_unit_test(narrow_pictures_are_swscales_bytes),
		cmocka_unit_test(what_it_cannot_do_is_left_to_swscale),
		cmocka_unit_test(an_old_cpu_is_left_to_swscale),
		cmocka_unit_test(weights_sum_up_to_one),
		cmocka_unit_test(the_scaler_gives_the_same_on_any_cpu),
	};

	seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
	printf("SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
