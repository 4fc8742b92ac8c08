#include "test/test.h"

#include <string.h>

#include "base/err.h"
#include "media/wire/inspect.h"
#include "node/farm/check.h"
#include "protocol/profile.h"

#define WRAP (INT64_C(1) << 33)

/* 2 s of 25 fps at 320x240: right in every respect. */
static struct inspect found;
static struct profile profile;
static struct check_source source;

static int set_up(void **state)
{
	found = (struct inspect){ .video = CODEC_H264, .n_video = 50, .starts_with_idr = true,
				  .first_pts_90k = 900000, .duration_90k = 180000,
				  .width = 320, .height = 240 };
	profile = (struct profile){ .name = "p", .width = 320, .height = 240, .fps_den = 1 };
	source = (struct check_source){ .duration_ms = 2000, .n_video = 50, .first_pts_90k = 900000 };
	return 0;
}

static void holds(void)
{
	struct err err = { 0 };

	if (check_rendition(&found, &profile, &source, &err) < 0)
		fail_msg("refused: %s", err.msg);
}

static void fails(const char *why)
{
	struct err err = { 0 };

	assert_int_equal(check_rendition(&found, &profile, &source, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	if (!strstr(err.msg, why))
		fail_msg("%s: %s expected", err.msg, why);
}

static void what_was_asked_for_passes(void **state)
{
	holds();
}

static void damage_is_seen(void **state)
{
	found.damaged = true;
	fails("damaged");
}

static void it_begins_with_an_idr(void **state)
{
	found.starts_with_idr = false;
	fails("IDR");
	found.starts_with_idr = true;
	found.video = CODEC_NONE;
	fails("IDR");
}

static void its_size_is_the_profiles(void **state)
{
	found.width = 322;
	fails("322x240, 320x240 asked");
	found.width = 320;
	found.height = 180;
	fails("320x180");
}

static void every_frame_is_there_at_the_sources_rate(void **state)
{
	found.n_video = 49;
	fails("49 frames, 50 expected");
	found.n_video = 51;
	fails("51 frames");
	source.n_video = 0;	/* not known */
	holds();
}

static void another_rate_may_be_off_by_a_few_frames(void **state)
{
	profile.fps_num = 10;	/* 20 frames, 3 more or less */
	found.n_video = 23;
	holds();
	found.n_video = 17;
	holds();
	found.n_video = 16;
	fails("16 frames, 20 expected");
	found.n_video = 24;
	fails("24 frames");
}

static void it_is_as_long_as_its_source(void **state)
{
	found.duration_90k = 90 * 2180;
	holds();
	found.duration_90k = 90 * 2200;
	fails("2200 ms long, source 2000 ms");
	found.duration_90k = 90 * 1700;
	fails("1700 ms long");
}

static void it_begins_when_its_source_begins(void **state)
{
	found.first_pts_90k = 900000 + 90 * 170;
	holds();
	found.first_pts_90k = 900000 - 90 * 200;
	fails("begins at");
	/* over the wrap of 33 bits it is near */
	source.first_pts_90k = WRAP - 900;
	found.first_pts_90k = 900;
	holds();
	found.first_pts_90k = WRAP / 2;
	fails("begins at");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_was_asked_for_passes, set_up),
		cmocka_unit_test_setup(damage_is_seen, set_up),
		cmocka_unit_test_setup(it_begins_with_an_idr, set_up),
		cmocka_unit_test_setup(its_size_is_the_profiles, set_up),
		cmocka_unit_test_setup(every_frame_is_there_at_the_sources_rate, set_up),
		cmocka_unit_test_setup(another_rate_may_be_off_by_a_few_frames, set_up),
		cmocka_unit_test_setup(it_is_as_long_as_its_source, set_up),
		cmocka_unit_test_setup(it_begins_when_its_source_begins, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
