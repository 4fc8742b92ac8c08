#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t fake_mono_ms = -1;
static int64_t fake_wall_ms;

static int64_t now_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
	return fake_mono_ms >= 0 ? fake_mono_ms * 1000 : now_us(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

int64_t clock_wall_ms(void)
{
	return fake_mono_ms >= 0 ? fake_wall_ms : now_us(CLOCK_REALTIME) / 1000;
}

void clock_fake(int64_t mono_ms, int64_t wall_ms)
{
	fake_mono_ms = mono_ms;
	fake_wall_ms = wall_ms;
}

void clock_fmt_utc(char to[25], int64_t wall_ms)
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm tm;
	char day[24];

	gmtime_r(&s, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(to, 25, "%.19s.%03uZ", day, (unsigned)(wall_ms % 1000) % 1000);
}
