#ifndef LP_TEST_NODE_RIG_H
#define LP_TEST_NODE_RIG_H
/*
 * For tests of the roles: a loop whose time jumps on demand, and segments that pass
 * every check.
 */
#include "test/test.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "media/wire/segmenter.h"
#include "test/media/wire/fake.h"

/*
 * The process's monotonic clock, libuv's too: the linker takes this clock_gettime
 * before the C library's.  Deadlines of seconds are met by a jump.
 */
static int64_t warped_ns;
/* Where a test measures times: what passes by itself counts for 1/20, so that a slow
 * machine does not matter.  Set once, before the first loop. */
static int64_t slow_since_ns;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	long rc = syscall(SYS_clock_gettime, id, ts);
	int64_t ns;

	if (rc < 0 || id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID)
		return (int)rc;
	ns = ts->tv_nsec + __atomic_load_n(&warped_ns, __ATOMIC_RELAXED);
	if (slow_since_ns && (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE))
		ns -= (ts->tv_sec * 1000000000 + ts->tv_nsec - slow_since_ns) / 20 * 19;
	ts->tv_sec += ns / 1000000000;
	ts->tv_nsec = ns % 1000000000;
	if (ts->tv_nsec < 0) {
		ts->tv_nsec += 1000000000;
		ts->tv_sec--;
	}
	return 0;
}

static inline int64_t real_ms(void)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline void slow_clock(void)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	slow_since_ns = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Turn the loop until cond holds; 20 s of real time are a failure. */
#define spin_until(loop, cond) do {						\
	int64_t give_up_at = real_ms() + 20000;					\
	while (!(cond)) {							\
		if (real_ms() > give_up_at)					\
			fail_msg("never: %s", #cond);				\
		uv_run(loop, UV_RUN_NOWAIT);					\
		sched_yield();							\
	}									\
} while (0)

/* Everything that can happen without time passing has happened, as far as we know. */
static inline void settle(uv_loop_t *loop)
{
	int i;

	for (i = 0; i < 50; i++) {
		uv_run(loop, UV_RUN_NOWAIT);
		sched_yield();
	}
}

static inline void warp(uv_loop_t *loop, int64_t ms)
{
	/* In steps below a heartbeat's patience, as time passes in life. */
	while (ms > 0) {
		int64_t step = ms < 200 ? ms : 200;

		__atomic_add_fetch(&warped_ns, step * 1000000, __ATOMIC_RELAXED);
		settle(loop);
		ms -= step;
	}
}

/* ---- media: H.264 320x240, 25 fps, an IDR first ---- */

#define CLIP_WIDTH 320
#define CLIP_HEIGHT 240

struct clip {
	struct buf bytes;
	unsigned n_video;
	int64_t duration_90k, first_pts_90k;
	bool ended;
};

static void clip_begin(void *arg, const struct segment_info *info)
{
	(void)arg;
	(void)info;
}

static void clip_data(void *arg, const uint8_t *data, size_t len)
{
	struct clip *c = arg;

	if (!c->ended)
		assert_true(buf_add(&c->bytes, data, len));
}

static void clip_end(void *arg, const struct segment_info *info)
{
	struct clip *c = arg;

	if (c->ended)
		return;
	c->ended = true;
	c->n_video = info->n_video;
	c->duration_90k = info->duration_90k;
	c->first_pts_90k = info->start_pts_90k;
}

/* A TS segment of n frames whose first has time start_ms. */
static inline void clip_make(struct clip *c, int64_t start_ms, int n, unsigned seed)
{
	static const struct segmenter_cb cb = { clip_begin, clip_data, clip_end };
	struct segmenter_opts so = { .target_ms = 2000, .max_ms = 16000, .max_bytes = 32u << 20 };
	struct track_config v = config_of(CODEC_H264, AVCC_320X240);
	struct segmenter *s;
	struct err err;
	uint8_t au[256];
	int i;

	memset(c, 0, sizeof(*c));
	buf_init(&c->bytes, 1 << 20);
	s = segmenter_new(&so, &cb, c);
	assert_int_equal(segmenter_set_track(s, TRACK_VIDEO, &v, &err), 0);
	for (i = 0; i < n; i++) {
		struct media_packet p = {
			.track = TRACK_VIDEO, .key = i == 0, .data = au,
			.len = fake_au(au, i == 0, 200, seed + (unsigned)i),
		};

		p.dts_90k = p.pts_90k = (start_ms + i * 40) * 90;
		assert_int_equal(segmenter_push(s, &p, &err), 0);
	}
	segmenter_flush(s);
	assert_true(c->ended);
	segmenter_free(s);
}

static inline void clip_fini(struct clip *c)
{
	buf_fini(&c->bytes);
}

#endif
