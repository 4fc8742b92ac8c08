/*
 * The cascade halves the cost of scaling (5.6 instead of 11.6 ms a frame for four
 * rungs) at more than 45 dB to the ideal, far above the coding noise
 * (facts/media-limits 2b).  Two steps of nearly the same size would soften twice
 * for little gain, so a parent is at least a quarter larger on each side; an equal
 * size is shared without scaling.
 */
#include "media/av/plan.h"
#include <stdbool.h>
#include <stdint.h>

static int64_t pixels(const struct ladder_rung *r)
{
	return (int64_t)r->width * r->height;
}

/* By pixels, then by bitrate, falling; equal ones keep the caller's order. */
static bool comes_before(const struct ladder_rung *a, const struct ladder_rung *b)
{
	if (pixels(a) != pixels(b))
		return pixels(a) > pixels(b);
	return a->bitrate > b->bitrate;
}

static bool same_rate(const struct ladder_rung *a, const struct ladder_rung *b)
{
	if (a->fps_num <= 0 || b->fps_num <= 0)
		return a->fps_num <= 0 && b->fps_num <= 0;
	return (int64_t)a->fps_num * b->fps_den == (int64_t)b->fps_num * a->fps_den;
}

static bool can_feed(const struct ladder_rung *from, const struct ladder_rung *to)
{
	int64_t skew = (int64_t)from->width * to->height - (int64_t)from->height * to->width;

	if (!same_rate(from, to))
		return false;
	if (from->width == to->width && from->height == to->height)
		return true;
	/* The same shape within 2 %: else the first step's rounding shows. */
	if (skew < 0)
		skew = -skew;
	if (skew * 50 > (int64_t)from->width * to->height)
		return false;
	return from->width * 4 >= to->width * 5 && from->height * 4 >= to->height * 5;
}

void plan_make(struct plan *p, const struct ladder_rung *rungs, size_t n)
{
	size_t i, k, moved;

	for (i = 0; i < n; i++) {
		moved = i;
		for (k = i; k > 0 && comes_before(&rungs[moved], &rungs[p->order[k - 1]]); k--)
			p->order[k] = p->order[k - 1];
		p->order[k] = moved;
	}
	for (i = 0; i < n; i++) {
		p->parent[p->order[i]] = PLAN_SOURCE;
		for (k = i; k-- > 0; ) {
			if (!can_feed(&rungs[p->order[k]], &rungs[p->order[i]]))
				continue;
			p->parent[p->order[i]] = (int)p->order[k];
			break;
		}
	}
}
