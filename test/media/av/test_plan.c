#include "test/test.h"
#include "media/av/plan.h"

#define R(w, h, b) { .width = (w), .height = (h), .bitrate = (b), .quality = -1 }

static void usual_ladder_is_one_cascade(void **state)
{
	const struct ladder_rung rungs[] = {
		R(426, 240, 1), R(640, 360, 1), R(854, 480, 1), R(1280, 720, 1),
	};
	struct plan p;

	plan_make(&p, rungs, 4);
	assert_int_equal(p.order[0], 3);
	assert_int_equal(p.order[3], 0);
	assert_int_equal(p.parent[3], PLAN_SOURCE);
	assert_int_equal(p.parent[2], 3);
	assert_int_equal(p.parent[1], 2);
	assert_int_equal(p.parent[0], 1);
}

static void equal_sizes_share_one_picture(void **state)
{
	const struct ladder_rung rungs[] = { R(1280, 720, 1000), R(1280, 720, 4000) };
	struct plan p;

	plan_make(&p, rungs, 2);
	assert_int_equal(p.order[0], 1);
	assert_int_equal(p.parent[1], PLAN_SOURCE);
	assert_int_equal(p.parent[0], 1);
}

static void nearly_equal_size_skips_to_a_larger_one(void **state)
{
	const struct ladder_rung rungs[] = { R(1280, 720, 1), R(1024, 576, 1), R(960, 540, 1) };
	struct plan p;

	plan_make(&p, rungs, 3);
	assert_int_equal(p.parent[1], 0);
	assert_int_equal(p.parent[2], 0);
}

static void another_shape_scales_from_the_source(void **state)
{
	const struct ladder_rung rungs[] = { R(1280, 720, 1), R(640, 480, 1) };
	struct plan p;

	plan_make(&p, rungs, 2);
	assert_int_equal(p.parent[1], PLAN_SOURCE);
}

static void another_rate_scales_from_the_source(void **state)
{
	struct ladder_rung rungs[] = { R(1280, 720, 1), R(640, 360, 1), R(426, 240, 1) };
	struct plan p;

	rungs[1].fps_num = 30;
	rungs[1].fps_den = 1;
	rungs[2].fps_num = 60;
	rungs[2].fps_den = 2;
	plan_make(&p, rungs, 3);
	assert_int_equal(p.parent[1], PLAN_SOURCE);
	assert_int_equal(p.parent[2], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_ladder_is_one_cascade),
		cmocka_unit_test(equal_sizes_share_one_picture),
		cmocka_unit_test(nearly_equal_size_skips_to_a_larger_one),
		cmocka_unit_test(another_shape_scales_from_the_source),
		cmocka_unit_test(another_rate_scales_from_the_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
