/*
 * The own scaler against swscale at the ladder's steps, both with the same bytes as
 * result: bench_scale [ROUNDS].  CPU time of this thread, in turns; ratios are of one
 * round.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <libswscale/swscale.h>
#include "media/av/bicubic.h"
#include "media/av/libav.h"
#include "media/av/picture.h"

#define ROUNDS_MAX 100
#define PICTURES 60	/* a round */

static const int steps[][4] = {
	{ 1920, 1080, 1280, 720 }, { 1280, 720, 854, 480 }, { 854, 480, 640, 360 },
	{ 640, 360, 426, 240 },
};
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

struct step {
	struct pic_pool from_pool, to_pool;
	AVFrame *from, *to;
	struct bicubic *own;
	struct SwsContext *sws;
};

static void step_init(struct step *s, const int size[4])
{
	size_t i;

	if (!pic_pool_init(&s->from_pool, size[0], size[1]) ||
	    !pic_pool_init(&s->to_pool, size[2], size[3]))
		exit(1);
	s->from = pic_pool_get(&s->from_pool);
	s->to = pic_pool_get(&s->to_pool);
	for (i = 0; i < s->from_pool.size; i++)
		s->from->data[0][i] = (uint8_t)(rand() >> 7);
	s->own = bicubic_new(size[0], size[1], size[2], size[3]);
	s->sws = sws_getContext(size[0], size[1], AV_PIX_FMT_YUV420P, size[2], size[3],
				AV_PIX_FMT_YUV420P, SWS_BICUBIC | SWS_BITEXACT | SWS_ACCURATE_RND,
				NULL, NULL, NULL);
	if (!s->own || !s->sws) {
		fprintf(stderr, "no own scaler on this CPU\n");
		exit(1);
	}
}

static void step_fini(struct step *s)
{
	av_frame_free(&s->from);
	av_frame_free(&s->to);
	pic_pool_fini(&s->from_pool);
	pic_pool_fini(&s->to_pool);
	bicubic_free(s->own);
	sws_freeContext(s->sws);
}

static void scale(struct step *s, bool own)
{
	if (own)
		bicubic_run(s->own, s->to, s->from);
	else
		sws_scale(s->sws, (const uint8_t *const *)s->from->data, s->from->linesize, 0,
			  s->from->height, s->to->data, s->to->linesize);
}

/* ms a picture. */
static double measure(struct step *s, bool own)
{
	uint64_t before = thread_cpu_us();
	int i;

	for (i = 0; i < PICTURES; i++)
		scale(s, own);
	return (double)(thread_cpu_us() - before) / 1000 / PICTURES;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void compare(const int size[4], size_t rounds)
{
	double own[ROUNDS_MAX], ratio[ROUNDS_MAX];
	struct step s;
	size_t i;

	step_init(&s, size);
	for (i = 0; i < rounds; i++) {
		own[i] = measure(&s, true);
		ratio[i] = measure(&s, false) / own[i];
	}
	qsort(own, rounds, sizeof(own[0]), by_value);
	qsort(ratio, rounds, sizeof(ratio[0]), by_value);
	printf("%dx%d to %dx%d: %.3f ms a picture (%.3f to %.3f), swscale / own %.2f (%.2f to %.2f), n=%zu\n",
	       size[0], size[1], size[2], size[3], own[rounds / 2], own[0], own[rounds - 1],
	       ratio[rounds / 2], ratio[0], ratio[rounds - 1], rounds);
	step_fini(&s);
}

int main(int argc, char **argv)
{
	size_t i, rounds = argc > 1 ? (size_t)atoi(argv[1]) : 20;

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench_scale [ROUNDS]\n");
		return 2;
	}
	for (i = 0; i < N_STEPS; i++)
		compare(steps[i], rounds);
	return 0;
}
