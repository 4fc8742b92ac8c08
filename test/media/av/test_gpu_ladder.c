/*
 * The ladder on a device, on machines without one: real device frames by Vulkan in
 * software (Debian's mesa-vulkan-drivers), which scales; and what is said where there is
 * nothing.  Devices that decode and encode: test/gpu/.
 */
#include "test/test.h"
#include <unistd.h>
#include "media/av/gpu.h"
#include "media/av/gpu_device.h"
#include "media/av/gpu_ladder.h"
#include "test/media/av/media.h"
#include "test/media/av/compare.h"

#define X264 "-c:v libx264 -preset veryfast -pix_fmt yuv420p -threads 1"
#define SOUND "-f lavfi -i sine=f=440:r=48000"
#define DEVICE "vulkan:0"

/* Open all the time: a driver that stays loaded can be named to the leak checker. */
static struct gpu_device *vulkan;

static int setup(void **state)
{
	vulkan = gpu_device_open(DEVICE, NULL);
	return media_setup(state);
}

static int teardown(void **state)
{
	gpu_ladder_close();
	return media_teardown(state);
}

static void need_vulkan(void)
{
	if (vulkan)
		return;
	print_message("no Vulkan device here (mesa-vulkan-drivers has one in software)\n");
	skip();
}

static struct bytes plain_clip(void)
{
	return media_make("plain.ts", "-f lavfi -i testsrc2=s=320x180:r=25 " SOUND " -t 2 " X264
			  " -bf 2 -g 50 -b:v 1M -c:a aac -b:a 64k -ac 2");
}

/* ---- a device of software ---- */

static void pictures_go_to_the_device_and_come_back(void **state)
{
	const struct ladder_rung rungs[] = {
		RUNG(320, 180, 3000000), RUNG(256, 144, 2000000), RUNG(160, 90, 1000000),
		RUNG(80, 46, 500000),
	};
	struct bytes in = plain_clip();

	need_vulkan();
	compare_ladders(spec_of(rungs, 4), DEVICE, in);
	free(in.data);
}

static void rates_and_gops_are_those_of_the_cpu(void **state)
{
	struct ladder_rung rungs[] = {
		RUNG(256, 144, 2000000), RUNG(160, 90, 1000000), RUNG(128, 72, 1000000),
		RUNG(128, 72, 1000000),
	};
	struct bytes in = plain_clip();

	need_vulkan();
	rungs[0].fps_num = 15;
	rungs[1].fps_num = 50;
	rungs[2].fps_num = 15;
	rungs[0].fps_den = rungs[1].fps_den = rungs[2].fps_den = 1;
	rungs[3].gop_ms = 500;
	compare_ladders(spec_of(rungs, 4), DEVICE, in);
	free(in.data);
}

static void an_interlaced_source_is_decoded_in_software(void **state)
{
	struct bytes in = media_make("lace.ts", "-f lavfi -i testsrc2=s=320x240:r=50 -t 1 -vf "
				     "interlace " X264 " -flags +ilme+ildct -b:v 2M");
	const struct ladder_rung rungs[] = { RUNG(160, 120, 1000000) };

	need_vulkan();
	compare_ladders(spec_of(rungs, 1), DEVICE, in);
	free(in.data);
}

static void a_streamed_input_is_done_at_its_end(void **state)
{
	struct ladder_spec spec = spec_of(two_rungs, 2);
	struct bytes in = plain_clip();
	struct result whole, parts = { 0 };
	struct ladder *l;
	size_t at, n;

	need_vulkan();
	spec.device = DEVICE;
	run_well(&whole, &spec, in);
	l = ladder_open(&spec, result_sink, &parts, &parts.err);
	assert_non_null(l);
	for (at = 0; at < in.len; at += n) {
		n = in.len - at < 5000 ? in.len - at : 5000;
		assert_int_equal(ladder_feed(l, in.data + at, n, &parts.err), 0);
	}
	assert_int_equal(parts.n, 0);
	assert_int_equal(ladder_end(l, &parts.stats, &parts.err), 0);
	ladder_free(l);
	assert_same_renditions(&whole, &parts);
	assert_int_equal(parts.stats.n_decoded, 50);
	result_fini(&whole);
	result_fini(&parts);
	/* Freed before its end, it has done nothing. */
	l = ladder_open(&spec, result_sink, &parts, &parts.err);
	assert_int_equal(ladder_feed(l, in.data, 5000, &parts.err), 0);
	ladder_free(l);
	assert_int_equal(parts.n, 0);
	free(in.data);
}

static void sound_alone_needs_no_device_work(void **state)
{
	struct bytes in = media_make("sound.ts", SOUND " -t 1 -c:a aac");
	struct ladder_spec spec = spec_of(two_rungs, 2);
	struct result r;

	need_vulkan();
	spec.device = DEVICE;
	run_well(&r, &spec, in);
	assert_int_equal(r.out[0].n_video, 0);
	assert_int_equal(r.out[0].width, 0);
	assert_true(r.out[0].last && r.out[0].total == r.out[0].len);
	result_fini(&r);
	free(in.data);
}

static void damage_is_refused_and_the_next_segment_is_not(void **state)
{
	struct ladder_spec spec = spec_of(two_rungs, 2);
	struct bytes in = plain_clip();
	struct result r;
	size_t i;

	need_vulkan();
	spec.device = DEVICE;
	for (i = in.len / 3; i < in.len / 3 + 4000; i++)
		in.data[i] ^= (uint8_t)(i * 7);
	run_spec(&r, &spec, in);
	assert_int_equal(r.rc, -1);
	assert_int_equal(r.err.code, ERR_INVALID);
	assert_int_equal(r.n, 0);
	result_fini(&r);
	free(in.data);
	in = plain_clip();
	run_well(&r, &spec, in);
	result_fini(&r);
	free(in.data);
}

static void other_codecs_belong_on_the_cpu(void **state)
{
	struct ladder_rung rungs[] = { RUNG(256, 144, 300000), RUNG(160, 90, 150000) };
	struct ladder_spec spec = spec_of(rungs, 2);
	struct bytes in = plain_clip();
	struct result r;

	need_vulkan();
	rungs[1].encoder = LADDER_VP9;
	spec.device = DEVICE;
	run_spec(&r, &spec, in);
	assert_int_equal(r.err.code, ERR_INTERNAL);
	assert_string_equal(r.err.msg, "device cannot encode rendition 1: only H.264 and HEVC");
	result_fini(&r);
	free(in.data);
}

static void a_failing_rendition_ends_the_others(void **state)
{
	struct ladder_rung rungs[] = { RUNG(256, 144, 300000), RUNG(160, 90, 150000) };
	struct ladder_spec spec = spec_of(rungs, 2);
	struct bytes in = plain_clip();
	struct result r;

	need_vulkan();
	spec.device = DEVICE;
	rungs[1].h264 = LADDER_H264_BASELINE;
	rungs[1].gop_ms = -1;
	spec.cpu_limit_s = 1;
	rungs[0].width = 4096;		/* fifty pictures of it take longer than a second */
	rungs[0].height = 2304;
	spec.max_pixels = 4096 * 2304;
	spec.preset = "veryslow";
	run_spec(&r, &spec, in);
	assert_int_equal(r.rc, -1);
	assert_int_equal(r.err.code, ERR_LIMIT);
	assert_true(strncmp(r.err.msg, "rendition 0: ", 13) == 0);
	assert_int_equal(r.n, 0);
	result_fini(&r);
	free(in.data);
}

static void the_probe_tells_what_a_device_does(void **state)
{
	struct gpu_name n = { GPU_VULKAN, "0" };
	struct gpu_caps caps;
	struct err err;

	need_vulkan();
	assert_int_equal(gpu_probe(&n, &caps, &err), 0);
	assert_true(caps.scale && !caps.decode_h264 && !caps.encode_h264);
	assert_int_equal(caps.encode_sessions, 0);
	assert_string_equal(caps.what, "no decoder, scales, no encoder: x264");
}

/* ---- no device ---- */

static void without_a_driver_the_missing_library_is_named(void **state)
{
	struct gpu_name n = { GPU_NVIDIA, "0" };
	struct gpu_caps caps;
	struct err err;

	if (access("/dev/nvidiactl", F_OK) == 0)
		skip();
	assert_int_equal(gpu_probe(&n, &caps, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.msg, "no NVIDIA driver here: Cannot load libcuda.so.1");
}

static void a_render_node_that_is_not_there_is_named(void **state)
{
	struct gpu_name n = { GPU_VAAPI, "/dev/dri/renderD199" };
	struct gpu_caps caps;
	struct err err;

	assert_int_equal(gpu_probe(&n, &caps, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.msg, "device vaapi:/dev/dri/renderD199: cannot be opened: "
			    "No VA display found for device /dev/dri/renderD199.");
	n.kind = GPU_QSV;
	assert_int_equal(gpu_probe(&n, &caps, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.msg, "device qsv:/dev/dri/renderD199: cannot be opened: "));
}

static void a_task_for_a_missing_device_fails_as_io(void **state)
{
	struct ladder_spec spec = spec_of(two_rungs, 2);
	struct bytes in = plain_clip();
	struct result r;

	spec.device = "vaapi:/dev/dri/renderD199";
	run_spec(&r, &spec, in);
	assert_int_equal(r.rc, -1);
	assert_int_equal(r.err.code, ERR_IO);
	spec.device = "toaster:0";
	run_spec(&r, &spec, in);
	assert_int_equal(r.err.code, ERR_INVALID);
	free(in.data);
}

#ifdef LP_SANITIZED
/* libx265 199 leaks 4 kB an encoder; what drivers leak is not ours to free. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libx265\nleak:libvulkan\nleak:libLLVM\n";
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pictures_go_to_the_device_and_come_back),
		cmocka_unit_test(rates_and_gops_are_those_of_the_cpu),
		cmocka_unit_test(an_interlaced_source_is_decoded_in_software),
		cmocka_unit_test(a_streamed_input_is_done_at_its_end),
		cmocka_unit_test(sound_alone_needs_no_device_work),
		cmocka_unit_test(damage_is_refused_and_the_next_segment_is_not),
		cmocka_unit_test(other_codecs_belong_on_the_cpu),
		cmocka_unit_test(a_failing_rendition_ends_the_others),
		cmocka_unit_test(the_probe_tells_what_a_device_does),
		cmocka_unit_test(without_a_driver_the_missing_library_is_named),
		cmocka_unit_test(a_render_node_that_is_not_there_is_named),
		cmocka_unit_test(a_task_for_a_missing_device_fails_as_io),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
