#include "media/av/libav.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>

/* No honest allocation of libav is larger: a plane of 16 k x 8 k has half of it.
 * Against tables whose length a file states and does not have. */
#define ALLOC_MAX ((size_t)256 << 20)

static void setup(void)
{
	av_log_set_level(AV_LOG_QUIET);
	av_max_alloc(ALLOC_MAX);
	setenv("SVT_LOG", "0", 0);	/* SVT-AV1 writes to stderr past libav's log */
}

void libav_setup(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, setup);
}

static uint64_t cpu_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t thread_cpu_us(void)
{
	return cpu_us(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t process_cpu_us(void)
{
	return cpu_us(CLOCK_PROCESS_CPUTIME_ID);
}
