/*
 * The ladder on a device that is really there: gpu_ladder DEVICE.  Run by scripts/test_gpu.sh.
 *
 * gpu_ladder -hold DEVICE SECONDS: works for so long at a ladder that takes much memory.
 * Exit code 0: it went well; 3: the device was full or lost (ERR_IO); 1: anything else.
 */
#include "test/test.h"
#include <unistd.h>
#include "base/clock.h"
#include "media/av/gpu.h"
#include "media/av/gpu_ladder.h"
#include "test/media/av/media.h"
#include "test/media/av/compare.h"

#define SOURCE(codec, rate, more) "-f lavfi -i testsrc2=s=1280x720:r=" rate " -f lavfi -i sine=r=48000" \
	" -t 2 " codec " -pix_fmt yuv420p -b:v 6M -g 120 -bf 2 -c:a aac " more

static const char *device;
static struct gpu_caps caps;

static struct bytes clip(void)
{
	return media_make("plain.ts", SOURCE("-c:v libx264 -preset veryfast", "30", ""));
}

static void the_device_tells_what_it_can(void **state)
{
	struct gpu_name n;
	struct err err;

	assert_int_equal(gpu_name_parse(&n, device, &err), 0);
	if (gpu_probe(&n, &caps, &err) < 0)
		fail_msg("%s", err.msg);
	print_message("%s (%s): %s; %u encoders at once\n", device, caps.model, caps.what,
		      caps.encode_sessions);
}

static void usage_is_told_or_not_at_all(void **state)
{
	struct gpu_usage u;
	struct gpu_name n;

	assert_int_equal(gpu_name_parse(&n, device, NULL), 0);
	if (!gpu_usage(&n, &u)) {
		assert_int_not_equal(n.kind, GPU_NVIDIA);
		skip();
	}
	assert_true(u.utilisation <= 100);
	assert_true(u.memory_used <= u.memory_total);
	print_message("%s: %u %% busy, %llu of %llu MiB\n", device, u.utilisation,
		      (unsigned long long)(u.memory_used >> 20),
		      (unsigned long long)(u.memory_total >> 20));
}

static void renditions_are_those_of_the_cpu(void **state)
{
	struct ladder_rung rungs[] = {
		RUNG(1280, 720, 6000000), RUNG(854, 480, 3000000), RUNG(640, 360, 2000000),
		RUNG(426, 240, 1000000), RUNG(128, 72, 500000),
	};
	struct ladder_spec spec = spec_of(rungs, 5);
	struct bytes in = clip();

	compare_ladders(spec, device, in);
	compare_ladders(spec, device, in);	/* on the device that is open already */
	free(in.data);
}

static void rates_and_gops_are_those_of_the_cpu(void **state)
{
	struct ladder_rung rungs[] = {
		RUNG(640, 360, 2000000), RUNG(640, 360, 2000000), RUNG(426, 240, 1500000),
		RUNG(426, 240, 6000000),
	};
	struct ladder_spec spec = spec_of(rungs, 4);
	struct bytes in = clip();

	rungs[0].fps_num = 15;
	rungs[1].fps_num = 60;
	rungs[0].fps_den = rungs[1].fps_den = 1;
	rungs[2].gop_ms = 500;
	rungs[3].gop_ms = -1;
	compare_ladders(spec, device, in);
	free(in.data);
}

static unsigned count_keys(const struct input_track *t, bool *reordered)
{
	unsigned n = 0;
	size_t i;

	*reordered = false;
	for (i = 0; i < t->n; i++) {
		n += (t->pkt[i]->flags & AV_PKT_FLAG_KEY) != 0;
		*reordered |= i > 0 && t->pkt[i]->pts <= t->pkt[i - 1]->pts;
	}
	return n;
}

static void key_frames_stand_where_they_should(void **state)
{
	struct ladder_rung rungs[] = {
		RUNG(640, 360, 2000000), RUNG(640, 360, 2000000), RUNG(640, 360, 9000000),
	};
	struct ladder_spec spec = spec_of(rungs, 3);
	static const unsigned want[] = { 1, 4, 60 };
	struct bytes in = clip();
	struct result r;
	struct input out;
	bool reordered;
	size_t i;

	rungs[1].gop_ms = 500;
	rungs[2].gop_ms = -1;
	spec.device = device;
	run_well(&r, &spec, in);
	for (i = 0; i < 3; i++) {
		assert_int_equal(input_load(&out, false, r.out[i].data, r.out[i].len, 1920 * 1088,
					    &r.err), 0);
		assert_int_equal(count_keys(&out.video, &reordered), want[i]);
		if (caps.encode_h264)
			assert_false(reordered);
		input_fini(&out);
	}
	result_fini(&r);
	free(in.data);
}

static void rates_of_bits_are_kept(void **state)
{
	struct ladder_rung rungs[] = { RUNG(640, 360, 1000000) };
	struct ladder_spec spec = spec_of(rungs, 1);
	struct bytes in = media_make("noise.ts", "-f lavfi -i nullsrc=s=640x360:r=30,geq=random(1)*255:128:"
				     "128 -t 2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -b:v 20M");
	struct result r;

	spec.device = device;
	run_well(&r, &spec, in);
	/* Two seconds at 1 Mbit/s and a second of buffer. */
	assert_in_range(r.out[0].len, 60000, 450000);
	result_fini(&r);
	free(in.data);
}

static void hevc_goes_both_ways(void **state)
{
	struct ladder_rung rungs[] = { RUNG(640, 360, 2000000), RUNG(426, 240, 1000000) };
	struct ladder_spec spec = spec_of(rungs, 2);
	struct bytes in;

	if (!caps.decode_hevc && !caps.encode_hevc)
		skip();
	rungs[0].encoder = rungs[1].encoder = LADDER_HEVC;
	in = media_make("hevc.ts", SOURCE("-c:v libx265 -preset ultrafast", "30", "-x265-params "
					  "log-level=none"));
	compare_ladders(spec, device, in);
	free(in.data);
}

/* Either the device's encoder gets it from the software decoder, or it is the CPU's. */
static void done_or_refused(struct bytes in)
{
	struct ladder_rung rungs[] = { RUNG(640, 360, 2000000) };
	struct ladder_spec spec = spec_of(rungs, 1);
	struct result r;

	spec.device = device;
	run_spec(&r, &spec, in);
	if (r.rc < 0) {
		print_message("refused: %s\n", r.err.msg);
		assert_int_equal(r.err.code, ERR_INTERNAL);
		assert_non_null(strstr(r.err.msg, "device cannot "));
	}
	result_fini(&r);
	free(in.data);
	in = clip();
	run_well(&r, &spec, in);	/* the device is as before */
	result_fini(&r);
	free(in.data);
}

static void what_it_does_not_take_is_done_otherwise_or_refused(void **state)
{
	done_or_refused(media_make("ten.ts", "-f lavfi -i testsrc2=s=1280x720:r=30 -t 1 -c:v libx264 "
				   "-preset ultrafast -pix_fmt yuv420p10le"));
	done_or_refused(media_make("wide.ts", "-f lavfi -i testsrc2=s=1280x720:r=30 -t 1 -c:v libx264 "
				   "-preset ultrafast -pix_fmt yuv422p"));
	done_or_refused(media_make("lace.ts", "-f lavfi -i testsrc2=s=1280x720:r=50 -t 1 -vf interlace "
				   "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -flags +ilme+ildct"));
}

static void damaged_sources_cost_no_more_than_themselves(void **state)
{
	struct ladder_rung rungs[] = { RUNG(640, 360, 2000000) };
	struct ladder_spec spec = spec_of(rungs, 1);
	unsigned seed, n_refused = 0;
	struct bytes in;
	struct result r;
	size_t i;

	spec.device = device;
	for (seed = 1; seed <= 30; seed++) {
		in = clip();
		srand(seed);
		for (i = 0; i < 40; i++)
			in.data[(size_t)rand() % in.len] ^= (uint8_t)(1 + rand() % 255);
		run_spec(&r, &spec, in);
		n_refused += r.rc < 0;
		if (r.rc < 0 && r.err.code != ERR_INVALID && r.err.code != ERR_LIMIT)
			print_message("seed %u: %s\n", seed, r.err.msg);
		result_fini(&r);
		free(in.data);
	}
	print_message("%u of 30 damaged sources refused\n", n_refused);
	in = clip();
	run_well(&r, &spec, in);
	result_fini(&r);
	free(in.data);
}

static int hold(int seconds)
{
	static const struct ladder_rung rungs[] = {
		RUNG(3840, 2160, 20000000), RUNG(2560, 1440, 10000000), RUNG(1920, 1080, 6000000),
		RUNG(1280, 720, 3000000),
	};
	struct ladder_spec spec = spec_of(rungs, 4);
	int64_t end_ms = clock_mono_ms() + seconds * 1000;
	struct bytes in = clip();
	struct result r;
	int rc = 0;

	spec.max_pixels = 4096 * 2304;
	spec.cpu_limit_s = 600;
	spec.device = device;
	while (rc == 0 && clock_mono_ms() < end_ms) {
		run_spec(&r, &spec, in);
		if (r.rc < 0) {
			fprintf(stderr, "%s\n", r.err.msg);
			rc = r.err.code == ERR_IO ? 3 : 1;
		}
		result_fini(&r);
	}
	free(in.data);
	return rc;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_device_tells_what_it_can),
		cmocka_unit_test(usage_is_told_or_not_at_all),
		cmocka_unit_test(renditions_are_those_of_the_cpu),
		cmocka_unit_test(rates_and_gops_are_those_of_the_cpu),
		cmocka_unit_test(key_frames_stand_where_they_should),
		cmocka_unit_test(rates_of_bits_are_kept),
		cmocka_unit_test(hevc_goes_both_ways),
		cmocka_unit_test(what_it_does_not_take_is_done_otherwise_or_refused),
		cmocka_unit_test(damaged_sources_cost_no_more_than_themselves),
	};
	int rc;

	if (argc == 4 && !strcmp(argv[1], "-hold")) {
		device = argv[2];
		if (media_setup(NULL) < 0)
			return 1;
		rc = hold(atoi(argv[3]));
		media_teardown(NULL);
		return rc;
	}
	if (argc != 2) {
		fprintf(stderr, "usage: gpu_ladder [-hold] DEVICE [SECONDS]\n");
		return 2;
	}
	device = argv[1];
	return cmocka_run_group_tests(tests, media_setup, media_teardown);
}
