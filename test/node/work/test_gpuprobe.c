/* The probe's process: this program itself, which misbehaves as its device's number says. */
#include "test/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/err.h"
#include "node/work/gpuprobe.h"

#define GOOD "{\"device\":\"nvidia:0\",\"decode_h264\":true,\"decode_hevc\":false,\"scale\":true," \
	     "\"encode_h264\":true,\"encode_hevc\":false,\"encode_sessions\":3,\"model\":\"Card\"}"

static int misbehave(int argc, char **argv)
{
	int i;

	if (argc != 3)
		return 9;
	switch (atoi(strchr(argv[2], ':') + 1)) {
	case 250:
		puts(GOOD);
		return 0;
	case 251:
		for (;;)
			pause();
	case 252:
		raise(SIGKILL);
		return 0;
	case 253:
		for (i = 0; i < 100000; i++)
			if (write(STDOUT_FILENO, "{{{{{{{{", 8) < 0)
				return 1;
		return 0;
	case 254:
		return 0;
	case 255:
		/* An answer, then a driver that crashes while it is taken down. */
		puts(GOOD);
		fflush(stdout);
		raise(SIGKILL);
		return 0;
	}
	return gpu_probe_main(argc, argv);
}

struct result {
	unsigned n;
	bool ok;
	struct gpu_caps caps;
	struct err err;
};

static void on_result(void *arg, const struct gpu_caps *caps, const struct err *err)
{
	struct result *r = arg;

	r->n++;
	r->ok = caps != NULL;
	if (caps)
		r->caps = *caps;
	else
		r->err = *err;
}

static struct result probe(const char *name, unsigned timeout_ms)
{
	struct result r = { 0 };
	struct err err;
	uv_loop_t loop;

	uv_loop_init(&loop);
	assert_non_null(gpuprobe_start(&loop, name, timeout_ms, on_result, &r, &err));
	assert_int_equal(r.n, 0);	/* never inside */
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_int_equal(r.n, 1);
	return r;
}

static void capabilities_come_from_the_other_process(void **state)
{
	struct result r = probe("nvidia:250", 0);

	assert_true(r.ok && r.caps.decode_h264 && !r.caps.decode_hevc && r.caps.encode_h264);
	assert_int_equal(r.caps.encode_sessions, 3);
	assert_string_equal(r.caps.model, "Card");
	assert_string_equal(r.caps.what, "decodes h264, scales, encodes h264");
	r = probe("nvidia:255", 0);
	assert_true(r.ok);
}

static void a_missing_driver_is_named(void **state)
{
	struct result r;

	if (access("/dev/nvidiactl", F_OK) == 0)
		skip();
	r = probe("nvidia:0", 0);
	assert_false(r.ok);
	assert_int_equal(r.err.code, ERR_IO);
	assert_string_equal(r.err.msg, "no NVIDIA driver here: Cannot load libcuda.so.1");
}

static void a_hanging_probe_is_ended_at_its_deadline(void **state)
{
	struct result r = probe("nvidia:251", 50);

	assert_int_equal(r.err.code, ERR_TIMEOUT);
	assert_string_equal(r.err.msg, "device nvidia:251: its probe did not end in time");
}

static void a_probe_that_dies_says_of_what(void **state)
{
	struct result r = probe("nvidia:252", 0);

	assert_int_equal(r.err.code, ERR_IO);
	assert_string_equal(r.err.msg, "device nvidia:252: its probe died of signal 9");
	r = probe("nvidia:254", 0);
	assert_int_equal(r.err.code, ERR_IO);
	assert_string_equal(r.err.msg, "device nvidia:254: its probe ended without an answer");
}

static void a_probe_that_talks_without_end_is_ended(void **state)
{
	struct result r = probe("nvidia:253", 0);

	assert_int_equal(r.err.code, ERR_IO);
}

static void nothing_is_told_after_a_cancel(void **state)
{
	static const char *const names[] = { "nvidia:250", "nvidia:251", "nvidia:252", "nvidia:253" };
	struct result r = { 0 };
	struct gpuprobe *p;
	uv_loop_t loop;
	size_t i, turns;

	for (i = 0; i < 4; i++)
		for (turns = 0; turns < 2; turns++) {
			uv_loop_init(&loop);
			p = gpuprobe_start(&loop, names[i], 0, on_result, &r, NULL);
			assert_non_null(p);
			if (turns)
				uv_run(&loop, UV_RUN_NOWAIT);
			if (r.n == 0)
				gpuprobe_cancel(p);
			uv_run(&loop, UV_RUN_DEFAULT);
			assert_int_equal(uv_loop_close(&loop), 0);
			assert_true(r.n == 0 || turns);
			r.n = 0;
		}
}

static void what_is_no_device_is_refused_at_once(void **state)
{
	struct err err;
	uv_loop_t loop;

	uv_loop_init(&loop);
	assert_null(gpuprobe_start(&loop, "toaster:0", 0, on_result, NULL, &err));
	assert_int_equal(err.code, ERR_INVALID);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void answers_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "{", "[]", "1", "{}", "null", "{\"error\":1}", "{\"decode_h264\":true}",
		"{\"decode_h264\":1,\"decode_hevc\":false,\"scale\":true,\"encode_h264\":true,"
		"\"encode_hevc\":false,\"encode_sessions\":3}",
		"{\"decode_h264\":true,\"decode_hevc\":false,\"scale\":true,\"encode_h264\":true,"
		"\"encode_hevc\":false,\"encode_sessions\":17}",
		"{\"decode_h264\":true,\"decode_hevc\":false,\"scale\":true,\"encode_h264\":true,"
		"\"encode_hevc\":false,\"encode_sessions\":-1}",
	};
	struct gpu_caps caps;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(gpuprobe_parse(&caps, bad[i], strlen(bad[i]), &err), -1);
		assert_int_equal(err.code, ERR_IO);
	}
}

static void failures_keep_their_code_and_lose_control_characters(void **state)
{
	static const char line[] = "{\"code\":8,\"error\":\"bad\\n\\u001b[1mcard\"}";
	struct gpu_caps caps;
	struct err err;

	assert_int_equal(ERR_INTERNAL, 8);
	assert_int_equal(gpuprobe_parse(&caps, line, strlen(line), &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_string_equal(err.msg, "bad??[1mcard");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capabilities_come_from_the_other_process),
		cmocka_unit_test(a_missing_driver_is_named),
		cmocka_unit_test(a_hanging_probe_is_ended_at_its_deadline),
		cmocka_unit_test(a_probe_that_dies_says_of_what),
		cmocka_unit_test(a_probe_that_talks_without_end_is_ended),
		cmocka_unit_test(nothing_is_told_after_a_cancel),
		cmocka_unit_test(what_is_no_device_is_refused_at_once),
		cmocka_unit_test(answers_that_are_none_are_refused),
		cmocka_unit_test(failures_keep_their_code_and_lose_control_characters),
	};

	if (argc > 1 && strcmp(argv[1], GPU_PROBE_ARG) == 0)
		return misbehave(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
