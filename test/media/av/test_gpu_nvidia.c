/*
 * The ladder on an NVIDIA card without an encoder that is none (fake_cuda.h): what runs on
 * it, and what becomes of a segment when it is full or breaks at any point.
 */
#include "test/test.h"
#include <dlfcn.h>
#include <unistd.h>
#include "media/av/gpu.h"
#include "media/av/gpu_ladder.h"
#include "test/media/av/fake_cuda.h"
#include "test/media/av/media.h"
#include "test/media/av/compare.h"

#define X264 "-c:v libx264 -preset veryfast -threads 1"
#define DEVICE "nvidia:0"

static struct fake_cuda *card;
static char folder[200];

static void *load(const char *name)
{
	char path[300];
	void *lib;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	lib = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	if (!lib)
		fprintf(stderr, "%s\n", dlerror());
	return lib;
}

static int setup(void **state)
{
	void *cuda = load("libcuda.so.1");

	/* By soname: this is what libav finds from here on. */
	if (!cuda || !load("libnvcuvid.so.1") || !load("libnvidia-ml.so.1"))
		return -1;
	card = dlsym(cuda, "fake_cuda");
	return media_setup(state);
}

static int heal(void **state)
{
	card->allocs_left = card->decoders_left = -1;
	card->copies_left = card->kernels_left = card->pictures_left = -1;
	card->n_kernels = card->n_pictures = card->most_mapped = 0;
	card->n_refused = 0;
	return 0;
}

/* Nothing may stay on the card, however a test ended. */
static int check_left(void **state)
{
	gpu_ladder_close();
	assert_int_equal(card->n_contexts, 0);
	assert_int_equal(card->n_mapped, 0);
	assert_int_equal(card->n_allocs, card->n_frees);
	return 0;
}

static struct bytes plain_clip(void)
{
	return media_make("plain.ts", "-f lavfi -i testsrc2=s=320x180:r=25 -f lavfi -i sine=r=48000 -t 2 "
			  "-pix_fmt yuv420p " X264 " -bf 2 -g 50 -c:a aac");
}

/* Grey instead of the source's pictures, but as many of the same sizes at the same times. */
static void compare_times(struct ladder_spec spec, struct bytes in)
{
	struct result cpu, gpu;
	size_t i;

	run_well(&cpu, &spec, in);
	spec.device = DEVICE;
	run_well(&gpu, &spec, in);
	assert_int_equal(cpu.stats.n_decoded, gpu.stats.n_decoded);
	assert_int_equal(cpu.stats.width, gpu.stats.width);
	assert_int_equal(cpu.stats.height, gpu.stats.height);
	for (i = 0; i < spec.n_rungs; i++)
		compare_rendition(&cpu, &gpu, i);
	result_fini(&cpu);
	result_fini(&gpu);
}

static void a_card_without_encoder_decodes_and_scales(void **state)
{
	const struct ladder_rung rungs[] = {
		RUNG(320, 180, 500000), RUNG(256, 144, 300000), RUNG(64, 36, 100000),
	};
	struct bytes in = plain_clip();

	compare_times(spec_of(rungs, 3), in);
	assert_int_equal(card->n_pictures, 50);
	/* Two planes: one step, one step, and two steps to a quarter. */
	assert_int_equal(card->n_kernels, 50 * 2 * 4);
	free(in.data);
}

static void rates_keep_few_pictures_of_the_decoder(void **state)
{
	struct ladder_rung rungs[LADDER_MAX];
	struct ladder_spec spec = spec_of(rungs, LADDER_MAX);
	struct bytes in = plain_clip();
	size_t i;

	for (i = 0; i < LADDER_MAX; i++) {
		rungs[i] = (struct ladder_rung)RUNG(64, 36, 100000);
		rungs[i].fps_num = 3 + 4 * (int)i;
		rungs[i].fps_den = 1;
	}
	compare_times(spec, in);
	assert_true(card->most_mapped > 1);
	free(in.data);
}

static void pictures_of_a_coded_size_are_cut_to_the_shown(void **state)
{
	/* 1080p is coded as 1088 lines; here 184 and 192. */
	struct bytes in = media_make("cut.ts", "-f lavfi -i testsrc2=s=328x186:r=25 -t 1 -pix_fmt yuv420p "
				     X264);

	compare_times(spec_of(two_rungs, 2), in);
	assert_true(card->n_pictures == 25);
	free(in.data);
}

static void hevc_is_decoded_there_too(void **state)
{
	struct bytes in = media_make("hevc.ts", "-f lavfi -i testsrc2=s=320x180:r=25 -t 1 -pix_fmt yuv420p "
				     "-c:v libx265 -preset ultrafast -x265-params log-level=none");

	compare_times(spec_of(two_rungs, 2), in);
	assert_true(card->n_pictures == 25);
	free(in.data);
}

static void expect(struct bytes in, enum err_code code, const char *text)
{
	struct ladder_spec spec = spec_of(two_rungs, 2);
	struct result r;

	spec.device = DEVICE;
	run_spec(&r, &spec, in);
	assert_int_equal(r.rc, -1);
	if (text)
		assert_string_equal(r.err.msg, text);
	assert_int_equal(r.err.code, code);
	assert_int_equal(r.n, 0);
	result_fini(&r);
}

static void what_it_does_not_take_is_for_the_cpu(void **state)
{
	struct bytes in = media_make("ten.ts", "-f lavfi -i testsrc2=s=320x180:r=25 -t 1 -pix_fmt "
				     "yuv420p10le " X264);

	expect(in, ERR_INTERNAL, "device cannot decode yuv420p10le");
	free(in.data);
	in = media_make("lace.ts", "-f lavfi -i testsrc2=s=320x180:r=50 -t 1 -vf interlace -pix_fmt "
			"yuv420p " X264 " -flags +ilme+ildct");
	expect(in, ERR_INTERNAL, "device cannot decode interlaced pictures");
	free(in.data);
	in = plain_clip();
	compare_times(spec_of(two_rungs, 2), in);	/* none of that is held against H.264 */
	free(in.data);
}

static void damage_is_refused(void **state)
{
	struct bytes in = plain_clip();
	size_t i;

	for (i = in.len / 3; i < in.len / 3 + 4000; i++)
		in.data[i] ^= (uint8_t)(i * 7);
	expect(in, ERR_INVALID, NULL);
	free(in.data);
}

/* Each of a card's failures, at its 1st, 2nd, 3rd ... call: always told as the device's,
 * never as the input's, nothing given out; and the next segment finds a good card. */
static void break_at(int *left, int step, int most, const char *text)
{
	struct ladder_spec spec = spec_of(two_rungs, 2);
	struct bytes in = plain_clip();
	struct result r;
	int at;

	spec.device = DEVICE;
	for (at = 0; at < most; at += step) {
		heal(NULL);
		*left = at;
		run_spec(&r, &spec, in);
		if (r.rc == 0) {
			assert_int_equal(card->n_refused, 0);	/* it did not come to that */
			assert_true(at > 0);
			result_fini(&r);
			break;
		}
		if (r.err.code != ERR_IO || !strstr(r.err.msg, text))
			print_message("at %d: %s\n", at, r.err.msg);
		assert_int_equal(r.err.code, ERR_IO);
		assert_true(strncmp(r.err.msg, "device nvidia:0: ", 17) == 0);
		assert_non_null(strstr(r.err.msg, text));
		assert_int_equal(r.n, 0);
		result_fini(&r);
		assert_int_equal(card->n_contexts, 0);
	}
	heal(NULL);
	run_well(&r, &spec, in);
	result_fini(&r);
	free(in.data);
}

static void a_full_card_is_no_fault_of_the_input(void **state)
{
	break_at(&card->allocs_left, 1, 100, "CUDA_ERROR_OUT_OF_MEMORY");
	break_at(&card->decoders_left, 1, 100, "CUDA_ERROR_OUT_OF_MEMORY");
}

static void a_card_that_breaks_is_no_fault_of_the_input(void **state)
{
	break_at(&card->pictures_left, 7, 50, "CUDA_ERROR_ILLEGAL_ADDRESS");
	break_at(&card->kernels_left, 31, 200, "CUDA_ERROR_ILLEGAL_ADDRESS");
	break_at(&card->copies_left, 31, 200, "CUDA_ERROR_ILLEGAL_ADDRESS");
}

static void the_probe_tells_it(void **state)
{
	struct gpu_name n = { GPU_NVIDIA, "0" };
	struct gpu_caps caps;
	struct err err;

	assert_int_equal(gpu_probe(&n, &caps, &err), 0);
	assert_true(caps.decode_h264 && caps.decode_hevc && caps.scale && !caps.encode_h264);
	assert_int_equal(caps.encode_sessions, 0);
	assert_string_equal(caps.model, "Fake Card");
	assert_string_equal(caps.what, "decodes h264 hevc, scales, no encoder: x264");
	gpu_ladder_close();
	strcpy(n.device, "7");
	assert_int_equal(gpu_probe(&n, &caps, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.msg, "invalid device ordinal"));
}

static void usage_comes_from_the_management_library(void **state)
{
	struct gpu_name n = { GPU_NVIDIA, "0" };
	struct gpu_usage u;

	assert_true(gpu_usage(&n, &u));
	assert_int_equal(u.utilisation, 42);
	assert_true(u.memory_used == 3ull << 30 && u.memory_total == 16ull << 30);
	strcpy(n.device, "1");
	assert_false(gpu_usage(&n, &u));
	strcpy(n.device, "2");
	assert_false(gpu_usage(&n, &u));
	assert_int_equal(u.memory_total, 0);
}

#ifdef LP_SANITIZED
/* libx265 199 leaks 4 kB an encoder. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libx265\n";
}
#endif

#define ON_CARD(test) cmocka_unit_test_setup_teardown(test, heal, check_left)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ON_CARD(a_card_without_encoder_decodes_and_scales),
		ON_CARD(rates_keep_few_pictures_of_the_decoder),
		ON_CARD(pictures_of_a_coded_size_are_cut_to_the_shown),
		ON_CARD(hevc_is_decoded_there_too),
		ON_CARD(what_it_does_not_take_is_for_the_cpu),
		ON_CARD(damage_is_refused),
		ON_CARD(a_full_card_is_no_fault_of_the_input),
		ON_CARD(a_card_that_breaks_is_no_fault_of_the_input),
		ON_CARD(the_probe_tells_it),
		ON_CARD(usage_comes_from_the_management_library),
	};
	char *end;

	snprintf(folder, sizeof(folder), "%s", argv[0]);
	end = strrchr(folder, '/');
	if (end)
		*end = '\0';
	return cmocka_run_group_tests(tests, setup, media_teardown);
}
