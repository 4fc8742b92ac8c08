#include "test/test.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

#define LARGE (20u << 20)
#define HEAP_MAX (4u << 20)

static void use(void *p, size_t len)
{
	memset(p, 1, len);
	__asm__ volatile("" : : "r"(p) : "memory");	/* or nothing of it would be done */
}

static void large_buffer_comes_and_goes(void)
{
	uint8_t *p = xmalloc(LARGE);

	use(p, LARGE);
	free(p);
}

/* In a child: the settings stay with the process.  Under sanitizers mallinfo2() tells 0
 * and this holds by itself. */
static void a_node_does_not_keep_what_segments_took(void **state)
{
	uint8_t *p, *small;
	int status, i;
	pid_t pid = fork();

	if (pid == 0) {
		mem_process_init();
		for (i = 0; i < 3; i++)
			large_buffer_comes_and_goes();
		/* The last one again, with something small that stays behind it. */
		p = xmalloc(LARGE);
		small = xmalloc(100);
		use(p, LARGE);
		use(small, 100);
		free(p);
		_exit(mallinfo2().arena > HEAP_MAX);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_does_not_keep_what_segments_took),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
