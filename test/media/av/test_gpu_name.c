#include "test/test.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "media/av/gpu.h"

static char dir[] = "/tmp/lpnode-gpu-XXXXXX";

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	return rmdir(dir);
}

static const char *path_of(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void device_names_are_parsed(void **state)
{
	struct gpu_name n;
	struct err err;

	assert_int_equal(gpu_name_parse(&n, "nvidia:1", &err), 0);
	assert_int_equal(n.kind, GPU_NVIDIA);
	assert_string_equal(n.device, "1");
	assert_int_equal(gpu_name_parse(&n, "vaapi:/dev/dri/renderD129", &err), 0);
	assert_int_equal(n.kind, GPU_VAAPI);
	assert_string_equal(n.device, "/dev/dri/renderD129");
	assert_int_equal(gpu_name_parse(&n, "qsv:/dev/dri/by-path/pci-0000:00:02.0-render", &err), 0);
	assert_int_equal(n.kind, GPU_QSV);
	assert_int_equal(gpu_name_parse(&n, "vulkan:0", &err), 0);
	assert_int_equal(n.kind, GPU_VULKAN);
}

static void what_is_no_device_name_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "nvidia", "nvidia:", "nvidia:x", "nvidia:-1", "nvidia:1000", "nvidia:256",
		"nvidia:0 ", "nvidia:00", "nvidia:/dev/nvidia0", "vaapi:", "vaapi:0", "vaapi:renderD128",
		"vaapi:/dev/../etc/passwd", "vaapi:/etc/passwd", "vaapi:/dev/dri/", "vaapi:/dev/a,b",
		"qsv:/dev/dri/a b", "cuda:0", "NVIDIA:0",
		"vaapi:/dev/dri/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct gpu_name n;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(gpu_name_parse(&n, bad[i], &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

static void a_list_of_numbers_becomes_names(void **state)
{
	char names[4][GPU_NAME_MAX];
	struct err err;

	assert_int_equal(gpu_list(GPU_NVIDIA, "0,2", NULL, names, 4, &err), 2);
	assert_string_equal(names[0], "nvidia:0");
	assert_string_equal(names[1], "nvidia:2");
	assert_int_equal(gpu_list(GPU_VAAPI, "/dev/dri/renderD128", NULL, names, 4, &err), 1);
	assert_string_equal(names[0], "vaapi:/dev/dri/renderD128");
}

static void bad_lists_are_refused(void **state)
{
	char names[2][GPU_NAME_MAX];
	struct err err;

	assert_int_equal(gpu_list(GPU_NVIDIA, "", NULL, names, 2, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(gpu_list(GPU_NVIDIA, "0,", NULL, names, 2, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(gpu_list(GPU_NVIDIA, "1,1", NULL, names, 2, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(gpu_list(GPU_NVIDIA, "ALL", NULL, names, 2, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(gpu_list(GPU_NVIDIA, "0,1,2", NULL, names, 2, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
}

static void all_finds_the_device_files_in_order(void **state)
{
	static const char *const files[] = {
		"nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm", "nvidia0", "nvidia",
		"dri/renderD129", "dri/renderD128", "dri/card0",
	};
	char names[8][GPU_NAME_MAX];
	struct err err;
	size_t i;

	mkdir(path_of("dri"), 0700);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		put(files[i], "");
	assert_int_equal(gpu_list(GPU_NVIDIA, "all", dir, names, 8, &err), 3);
	assert_string_equal(names[0], "nvidia:0");
	assert_string_equal(names[1], "nvidia:2");
	assert_string_equal(names[2], "nvidia:10");
	assert_int_equal(gpu_list(GPU_QSV, "all", dir, names, 8, &err), 2);
	assert_string_equal(names[0], "qsv:/dev/dri/renderD128");
	assert_string_equal(names[1], "qsv:/dev/dri/renderD129");
	assert_int_equal(gpu_list(GPU_NVIDIA, "all", dir, names, 2, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(path_of(files[i]));
	rmdir(path_of("dri"));
}

static void all_without_any_device_says_what_is_missing(void **state)
{
	char names[2][GPU_NAME_MAX];
	struct err err;

	assert_int_equal(gpu_list(GPU_NVIDIA, "all", dir, names, 2, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.msg, "no NVIDIA device (/dev/nvidia0) here");
	assert_int_equal(gpu_list(GPU_VAAPI, "all", dir, names, 2, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.msg, "no render node (/dev/dri/renderD128) here");
}

static void usage_is_read_from_the_drivers_files(void **state)
{
	static const char *const dirs[] = {
		"class", "class/drm", "class/drm/renderD128", "class/drm/renderD128/device",
	};
	struct gpu_usage u;
	size_t i;

	for (i = 0; i < 4; i++)
		mkdir(path_of(dirs[i]), 0700);
	assert_false(gpu_usage_sysfs(dir, "/dev/dri/renderD128", &u));
	put("class/drm/renderD128/device/gpu_busy_percent", "37\n");
	assert_true(gpu_usage_sysfs(dir, "/dev/dri/renderD128", &u));
	assert_int_equal(u.utilisation, 37);
	assert_int_equal(u.memory_total, 0);
	put("class/drm/renderD128/device/mem_info_vram_used", "1073741824\n");
	put("class/drm/renderD128/device/mem_info_vram_total", "8589934592\n");
	assert_true(gpu_usage_sysfs(dir, "/dev/dri/renderD128", &u));
	assert_true(u.memory_used == 1ull << 30 && u.memory_total == 8ull << 30);
	put("class/drm/renderD128/device/gpu_busy_percent", "nothing\n");
	assert_false(gpu_usage_sysfs(dir, "/dev/dri/renderD128", &u));
	put("class/drm/renderD128/device/gpu_busy_percent", "4000\n");
	assert_false(gpu_usage_sysfs(dir, "/dev/dri/renderD128", &u));
	assert_false(gpu_usage_sysfs(dir, "/dev/dri/renderD129", &u));
	assert_false(gpu_usage_sysfs(dir, "renderD128", &u));
	unlink(path_of("class/drm/renderD128/device/gpu_busy_percent"));
	unlink(path_of("class/drm/renderD128/device/mem_info_vram_used"));
	unlink(path_of("class/drm/renderD128/device/mem_info_vram_total"));
	for (i = 4; i-- > 0; )
		rmdir(path_of(dirs[i]));
}

static void without_a_management_library_nothing_is_told(void **state)
{
	struct gpu_name n = { GPU_NVIDIA, "199" };
	struct gpu_usage u;

	/* Nor is there ever a 200th card where there is the library. */
	assert_false(gpu_usage(&n, &u));
	assert_int_equal(u.memory_total, 0);
}

static void capabilities_are_told_in_a_line(void **state)
{
	struct gpu_caps c = { .decode_h264 = true, .decode_hevc = true, .scale = true };

	gpu_caps_describe(&c);
	assert_string_equal(c.what, "decodes h264 hevc, scales, no encoder: x264");
	c = (struct gpu_caps){ .encode_h264 = true, .encode_hevc = true };
	gpu_caps_describe(&c);
	assert_string_equal(c.what, "no decoder, no scaler, encodes h264 hevc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_names_are_parsed),
		cmocka_unit_test(what_is_no_device_name_is_refused),
		cmocka_unit_test(a_list_of_numbers_becomes_names),
		cmocka_unit_test(bad_lists_are_refused),
		cmocka_unit_test(all_finds_the_device_files_in_order),
		cmocka_unit_test(all_without_any_device_says_what_is_missing),
		cmocka_unit_test(usage_is_read_from_the_drivers_files),
		cmocka_unit_test(without_a_management_library_nothing_is_told),
		cmocka_unit_test(capabilities_are_told_in_a_line),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
