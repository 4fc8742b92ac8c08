#include "test/test.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"

static void wiped_memory_is_zero(void **state)
{
	uint8_t a[32], zero[32] = { 0 };

	memset(a, 7, sizeof(a));
	secret_wipe(a, sizeof(a));
	assert_memory_equal(a, zero, sizeof(a));
}

static void random_bytes_differ(void **state)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	secret_random(a, sizeof(a));
	secret_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
}

static void equal_tells_the_last_byte(void **state)
{
	assert_true(secret_equal("abcd", "abcd", 4));
	assert_false(secret_equal("abcd", "abce", 4));
	assert_true(secret_equal("", "", 0));
}

static void strings_of_different_length_differ(void **state)
{
	assert_true(secret_str_equal("token", "token"));
	assert_false(secret_str_equal("token", "token2"));
	assert_false(secret_str_equal("token", ""));
	assert_false(secret_str_equal("token", "tokem"));
	assert_true(secret_str_equal("", ""));
}

static void blocks_are_aligned_and_writable_to_their_end(void **state)
{
	size_t len;

	for (len = 1; len < 70; len++) {
		uint8_t *p = secret_alloc(len);

		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, 1, len);
		secret_free(p);
	}
	secret_free(NULL);
}

/* In a child: the settings stay with the process. */
static void a_started_process_leaves_no_core(void **state)
{
	struct rlimit lim;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		secret_process_init();
		if (getrlimit(RLIMIT_CORE, &lim) < 0 || lim.rlim_cur != 0 || lim.rlim_max != 0)
			_exit(1);
#ifndef LP_SANITIZED
		if (prctl(PR_GET_DUMPABLE) != 0)
			_exit(2);
#endif
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wiped_memory_is_zero),
		cmocka_unit_test(random_bytes_differ),
		cmocka_unit_test(equal_tells_the_last_byte),
		cmocka_unit_test(strings_of_different_length_differ),
		cmocka_unit_test(blocks_are_aligned_and_writable_to_their_end),
		cmocka_unit_test(a_started_process_leaves_no_core),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
