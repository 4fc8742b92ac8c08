#include "test/test.h"
#include <string.h>
#include "base/err.h"
#include "media/av/picture.h"
#include "media/av/scale.h"

static AVFrame *new_picture(struct pic_pool *pool, int w, int h)
{
	AVFrame *f;
	int i;

	assert_true(pic_pool_init(pool, w, h));
	f = pic_pool_get(pool);
	assert_non_null(f);
	for (i = 0; i < 3; i++)
		memset(f->data[i], 128, (size_t)f->linesize[i] * (i ? (h + 1) / 2 : h));
	return f;
}

/* A display matrix of ISO 14496-12 from its four corner values. */
static struct pic_turn turn_of(int a, int b, int c, int d)
{
	int32_t m[9] = { a * 65536, b * 65536, 0, c * 65536, d * 65536, 0, 0, 0, 1 << 30 };

	return pic_turn_of(m);
}

/* Where does the source pixel (0,0) of a 48x32 picture go? */
static void check_corner(struct pic_turn t, int want_x, int want_y)
{
	struct pic_pool a, b;
	AVFrame *from = new_picture(&a, 48, 32);
	AVFrame *to = new_picture(&b, t.swap ? 32 : 48, t.swap ? 48 : 32);

	from->data[0][0] = 7;
	pic_turn(to, from, t);
	assert_int_equal(to->data[0][want_y * to->linesize[0] + want_x], 7);
	av_frame_free(&from);
	av_frame_free(&to);
	pic_pool_fini(&a);
	pic_pool_fini(&b);
}

static void turns_follow_the_matrix(void **state)
{
	assert_true(pic_turn_is_none(turn_of(1, 0, 0, 1)));
	check_corner(turn_of(0, 1, -1, 0), 31, 0);	/* a quarter clockwise */
	check_corner(turn_of(0, -1, 1, 0), 0, 47);	/* a quarter back */
	check_corner(turn_of(-1, 0, 0, -1), 47, 31);	/* half */
	check_corner(turn_of(-1, 0, 0, 1), 47, 0);	/* mirrored */
	check_corner(turn_of(1, 0, 0, -1), 0, 31);	/* upside down, mirrored */
}

static void four_quarter_turns_give_the_picture_back(void **state)
{
	struct pic_turn t = turn_of(0, 1, -1, 0);
	struct pic_pool pool[5];
	AVFrame *f[5];
	int i, x, y;

	for (i = 0; i < 5; i++)
		f[i] = new_picture(&pool[i], i % 2 ? 70 : 98, i % 2 ? 98 : 70);
	for (y = 0; y < 70; y++)
		for (x = 0; x < 98; x++)
			f[0]->data[0][y * f[0]->linesize[0] + x] = (uint8_t)(x * 7 + y * 13);
	for (i = 0; i < 4; i++)
		pic_turn(f[i + 1], f[i], t);
	for (y = 0; y < 70; y++)
		assert_memory_equal(f[0]->data[0] + y * f[0]->linesize[0],
				    f[4]->data[0] + y * f[4]->linesize[0], 98);
	for (i = 0; i < 5; i++) {
		av_frame_free(&f[i]);
		pic_pool_fini(&pool[i]);
	}
}

static void deinterlacing_takes_combs_out(void **state)
{
	struct pic_pool a, b;
	AVFrame *from = new_picture(&a, 64, 32), *to = new_picture(&b, 64, 32);
	int x, y;

	/* An edge that stands at column 20 in one field and at 40 in the other. */
	for (y = 0; y < 32; y++)
		for (x = 0; x < 64; x++)
			from->data[0][y * from->linesize[0] + x] = x < (y & 1 ? 40 : 20) ? 16 : 235;
	pic_deinterlace(to, from, true);
	for (y = 0; y < 32; y++)
		assert_memory_equal(to->data[0] + y * to->linesize[0], from->data[0], 64);
	pic_deinterlace(to, from, false);
	for (y = 0; y < 32; y++)
		assert_memory_equal(to->data[0] + y * to->linesize[0],
				    from->data[0] + from->linesize[0], 64);
	av_frame_free(&from);
	av_frame_free(&to);
	pic_pool_fini(&a);
	pic_pool_fini(&b);
}

static void deinterlacing_keeps_a_smooth_still_picture(void **state)
{
	struct pic_pool a, b;
	AVFrame *from = new_picture(&a, 64, 33), *to = new_picture(&b, 64, 33);
	int x, y;

	for (y = 0; y < 33; y++)
		for (x = 0; x < 64; x++)
			from->data[0][y * from->linesize[0] + x] = (uint8_t)(x + y * 5);
	pic_deinterlace(to, from, true);
	for (y = 0; y < 33; y++)
		assert_memory_equal(to->data[0] + y * to->linesize[0],
				    from->data[0] + y * from->linesize[0], 64);
	av_frame_free(&from);
	av_frame_free(&to);
	pic_pool_fini(&a);
	pic_pool_fini(&b);
}

static void a_picture_that_fits_is_passed_on_without_a_copy(void **state)
{
	struct scaler *s = scaler_new(64, 32);
	struct pic_pool pool;
	AVFrame *from = new_picture(&pool, 64, 32), *to;
	struct err err;

	from->pts = 77;
	to = scaler_run(s, from, &err);
	assert_non_null(to);
	assert_ptr_equal(to->data[0], from->data[0]);
	assert_int_equal(to->pts, 77);
	av_frame_free(&to);
	av_frame_free(&from);
	scaler_free(s);
	pic_pool_fini(&pool);
}

static void full_range_stays_full_range(void **state)
{
	struct scaler *s = scaler_new(32, 16);
	struct pic_pool pool;
	AVFrame *from = new_picture(&pool, 64, 32), *to;
	struct err err;

	memset(from->data[0], 255, (size_t)from->linesize[0] * 32);
	from->color_range = AVCOL_RANGE_JPEG;
	to = scaler_run(s, from, &err);
	assert_non_null(to);
	assert_int_equal(to->color_range, AVCOL_RANGE_JPEG);
	assert_int_equal(to->data[0][5], 255);
	av_frame_free(&to);
	av_frame_free(&from);
	scaler_free(s);
	pic_pool_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_follow_the_matrix),
		cmocka_unit_test(four_quarter_turns_give_the_picture_back),
		cmocka_unit_test(deinterlacing_takes_combs_out),
		cmocka_unit_test(deinterlacing_keeps_a_smooth_still_picture),
		cmocka_unit_test(a_picture_that_fits_is_passed_on_without_a_copy),
		cmocka_unit_test(full_range_stays_full_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
