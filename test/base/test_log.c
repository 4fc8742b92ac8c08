#include "test/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* stderr goes into a memfd for the time of one call. */
static char line[8192];

static void capture(void (*fn)(void))
{
	int fd = memfd_create("log", 0), saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_true(fd >= 0 && saved >= 0);
	dup2(fd, STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	n = pread(fd, line, sizeof(line) - 1, 0);
	assert_true(n >= 0);
	line[n] = 0;
	close(fd);
	close(saved);
}

static int set_clock(void **state)
{
	clock_fake(1000, 1795321860123);
	return 0;
}

static int reset(void **state)
{
	clock_fake(-1, 0);
	log_setup(LOG_INFO, false);
	return 0;
}

static void say_hello(void)
{
	struct log l;

	log_init(&l, "stream=%s", "abc");
	log_info(&l, "segment done: seq=%d took_ms=%d", 3, 40);
}

static void say_evil(void)
{
	log_warn(NULL, "peer says: reason=%s", "x\n2026 error fake\x1b[2J\"\\");
}

static void say_debug(void)
{
	log_debug(NULL, "detail");
}

static void say_long(void)
{
	char *x = malloc(9000);

	memset(x, 'x', 8999);
	x[8999] = 0;
	log_info(NULL, "%s", x);
	free(x);
}

static void a_line_has_time_level_sentence_fields_and_prefix(void **state)
{
	capture(say_hello);
	assert_string_equal(line, "2026-11-22T04:31:00.123Z info  "
			    "segment done: seq=3 took_ms=40 stream=abc\n");
}

static void json_has_fields(void **state)
{
	log_setup(LOG_INFO, true);
	capture(say_hello);
	assert_string_equal(line, "{\"time\":\"2026-11-22T04:31:00.123Z\",\"level\":\"info\","
			    "\"msg\":\"segment done\",\"stream\":\"abc\",\"seq\":\"3\","
			    "\"took_ms\":\"40\"}\n");
}

static void a_peer_cannot_forge_a_line(void **state)
{
	capture(say_evil);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	assert_null(strchr(line, 0x1b));
	log_setup(LOG_INFO, true);
	capture(say_evil);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	assert_non_null(strstr(line, "\\u001b[2J\\\"\\\\"));
}

static void levels_below_are_silent(void **state)
{
	capture(say_debug);
	assert_string_equal(line, "");
	log_setup(LOG_DEBUG, false);
	capture(say_debug);
	assert_non_null(strstr(line, "debug detail"));
}

static void long_lines_are_cut(void **state)
{
	capture(say_long);
	assert_true(strlen(line) < 2100);
	assert_int_equal(line[strlen(line) - 1], '\n');
}

static void rate_is_limited_by_the_minute(void **state)
{
	struct log_limit lim = { 0 };

	assert_true(log_may(&lim, 2));
	assert_true(log_may(&lim, 2));
	assert_false(log_may(&lim, 2));
	clock_fake(1000 + 60000, 0);
	assert_true(log_may(&lim, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_has_time_level_sentence_fields_and_prefix,
						set_clock, reset),
		cmocka_unit_test_setup_teardown(json_has_fields, set_clock, reset),
		cmocka_unit_test_setup_teardown(a_peer_cannot_forge_a_line, set_clock, reset),
		cmocka_unit_test_setup_teardown(levels_below_are_silent, set_clock, reset),
		cmocka_unit_test_setup_teardown(long_lines_are_cut, set_clock, reset),
		cmocka_unit_test_setup_teardown(rate_is_limited_by_the_minute, set_clock, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
