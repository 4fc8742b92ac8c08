#include "test/test.h"
#include <stdio.h>
#include <string.h>
#include <libavcodec/avcodec.h>
#include "base/err.h"
#include "media/av/gpu_path.h"

static struct gpu_caps caps_of(unsigned bits)
{
	return (struct gpu_caps){
		.decode_h264 = bits & 1, .decode_hevc = bits & 2, .scale = bits & 4,
		.encode_h264 = bits & 8, .encode_hevc = bits & 16,
	};
}

/* Every capability, source, and encoder: said again in other words. */
static void every_combination_takes_the_path_it_should(void **state)
{
	static const int codecs[] = {
		AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_VP9, AV_CODEC_ID_AV1,
		AV_CODEC_ID_MPEG2VIDEO,
	};
	unsigned bits, c, e, no_decode, kind, n_refused = 0, n_taken = 0;
	struct gpu_path p;
	struct err err;

	for (kind = 0; kind < GPU_KINDS; kind++)
	for (bits = 0; bits < 32; bits++)
	for (c = 0; c < 5; c++)
	for (e = LADDER_H264; e <= LADDER_AV1; e++)
	for (no_decode = 0; no_decode < 2; no_decode++) {
		struct gpu_caps caps = caps_of(bits);
		struct ladder_rung r = { .encoder = (enum ladder_encoder)e };
		bool decodes = !no_decode && ((c == 0 && bits & 1) || (c == 1 && bits & 2));
		bool encodes = (e == LADDER_H264 && bits & 8) || (e == LADDER_HEVC && bits & 16);
		bool ours = e == LADDER_H264 || e == LADDER_HEVC;
		int rc = gpu_path_plan(&p, (enum gpu_kind)kind, &caps, codecs[c], no_decode, &r, 1,
				       &err);

		if (!ours || (!decodes && !encodes && kind != GPU_VULKAN)) {
			assert_int_equal(rc, -1);
			assert_int_equal(err.code, ERR_INTERNAL);
			assert_true(strncmp(err.msg, "device cannot ", 14) == 0);
			n_refused++;
			continue;
		}
		assert_int_equal(rc, 0);
		assert_true(p.decode == decodes && p.encode[0] == encodes);
		assert_true(p.scale == ((bits & 4) != 0));
		n_taken++;
	}
	assert_true(n_refused > 0 && n_taken > 0);
}

static void a_data_centre_card_leaves_encoding_to_the_cpu(void **state)
{
	struct gpu_caps caps = { .decode_h264 = true, .decode_hevc = true, .scale = true };
	struct ladder_rung r[2] = { { .encoder = LADDER_H264 }, { .encoder = LADDER_HEVC } };
	struct gpu_path p;

	assert_int_equal(gpu_path_plan(&p, GPU_NVIDIA, &caps, AV_CODEC_ID_H264, false, r, 2, NULL), 0);
	assert_true(p.decode && p.scale && !p.encode[0] && !p.encode[1]);
}

static void a_source_that_it_cannot_decode_is_uploaded_for_its_encoder(void **state)
{
	struct gpu_caps caps = { .decode_h264 = true, .scale = true, .encode_h264 = true };
	struct ladder_rung r[2] = { { .encoder = LADDER_H264 }, { .encoder = LADDER_HEVC } };
	struct gpu_path p;
	struct err err;

	assert_int_equal(gpu_path_plan(&p, GPU_NVIDIA, &caps, AV_CODEC_ID_VP9, false, r, 1, &err), 0);
	assert_true(!p.decode && p.scale && p.encode[0]);
	/* One rendition that has nothing from the device makes the segment the CPU's. */
	assert_int_equal(gpu_path_plan(&p, GPU_NVIDIA, &caps, AV_CODEC_ID_VP9, false, r, 2, &err), -1);
	assert_string_equal(err.msg, "device cannot decode this vp9, nor encode rendition 1");
}

static void filters_are_spelled_for_each_kind(void **state)
{
	char t[GPU_SCALE_TEXT_MAX];

	gpu_scale_text(t, GPU_NVIDIA, 1920, 1080, 1280, 720);
	assert_string_equal(t, "scale_cuda=w=1280:h=720:interp_algo=bicubic:format=nv12:passthrough=0");
	gpu_scale_text(t, GPU_VAAPI, 1920, 1080, 320, 180);
	assert_string_equal(t, "scale_vaapi=w=320:h=180:mode=hq:format=nv12:extra_hw_frames=20");
	gpu_scale_text(t, GPU_QSV, 1920, 1080, 320, 180);
	assert_string_equal(t, "scale_qsv=w=320:h=180:mode=hq:format=nv12:extra_hw_frames=20");
	gpu_scale_text(t, GPU_VULKAN, 640, 360, 640, 360);
	assert_string_equal(t, "scale_vulkan=w=640:h=360:format=nv12");
}

static void no_step_makes_a_picture_smaller_than_half(void **state)
{
	char t[GPU_SCALE_TEXT_MAX];

	gpu_scale_text(t, GPU_VULKAN, 1920, 1080, 256, 144);
	assert_string_equal(t, "scale_vulkan=w=960:h=540:format=nv12,scale_vulkan=w=480:h=270:format=nv12,"
			    "scale_vulkan=w=256:h=144:format=nv12");
	/* Odd halves become even; a side that is small already stays. */
	gpu_scale_text(t, GPU_VULKAN, 1366, 200, 320, 180);
	assert_string_equal(t, "scale_vulkan=w=684:h=180:format=nv12,scale_vulkan=w=342:h=180:format=nv12,"
			    "scale_vulkan=w=320:h=180:format=nv12");
}

static void the_longest_chain_fits(void **state)
{
	static const int sides[] = { 2, 16, 18, 500, 8192, 16384 };
	char t[GPU_SCALE_TEXT_MAX];
	char end[40];
	size_t a, b, len;

	for (a = 0; a < 6; a++)
		for (b = 0; b < 6; b++) {
			gpu_scale_text(t, GPU_NVIDIA, sides[a], sides[b], 16, 16);
			len = strlen(t);
			snprintf(end, sizeof(end), "passthrough=0");
			assert_true(len < sizeof(t) && !strcmp(t + len - strlen(end), end));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination_takes_the_path_it_should),
		cmocka_unit_test(a_data_centre_card_leaves_encoding_to_the_cpu),
		cmocka_unit_test(a_source_that_it_cannot_decode_is_uploaded_for_its_encoder),
		cmocka_unit_test(filters_are_spelled_for_each_kind),
		cmocka_unit_test(no_step_makes_a_picture_smaller_than_half),
		cmocka_unit_test(the_longest_chain_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
