/*
 * The arithmetic is swscale's, because the result must be: where it rounds, cuts and
 * divides is part of the picture.  In short: a cubic with B = 0, C = 0.6 is sampled
 * with 54 bits; weights at either end that sum up to less than 0.2 % go; what hangs
 * over an edge falls on the outermost sample; then the weights are scaled to their
 * sum, each taking over the rounding error of the one before.
 * Source: FFmpeg 5.1, libswscale/utils.c, initFilter.
 */
#include "media/av/bicubic_taps.h"
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

#define SIDE_MIN 16
#define SIDE_MAX 16384
#define CUBIC_REACH 4		/* samples under the curve when nothing shrinks */
#define CUBIC_C 10066329	/* 0.6 with 24 bits, cut off */
#define NEGLIGIBLE 0.002
/* swscale splits the work in two at 256 * 16 / 24 weights. */
#define SIZE_MAX_WEIGHTS 128

/* A filter in the making. */
struct draft {
	int from, to;
	int64_t step;		/* samples a result, 16 bits of fraction */
	int64_t unit;		/* what stands for 1.0 */
	int size;		/* weights of each result */
	int64_t *w;		/* to * size */
	int32_t *pos;
};

/* The curve at distance d, which has 30 bits of fraction; 54 bits. */
static int64_t cubic(int64_t d)
{
	const int64_t c = CUBIC_C, one = 1 << 24;
	int64_t dd = (d * d) >> 30, ddd = (dd * d) >> 30;

	if (d >= INT64_C(1) << 31)
		return 0;
	if (d < INT64_C(1) << 30)
		return (12 * one - 6 * c) * ddd + (6 * c - 18 * one) * dd + 6 * one * (1 << 30);
	return -6 * c * ddd + 30 * c * dd - 48 * c * d + 24 * c * (1 << 30);
}

static int log2_floor(int n)
{
	return n > 0 ? 31 - __builtin_clz((unsigned)n) : 0;
}

static int draft_size(const struct draft *d)
{
	int size = 1 + CUBIC_REACH;

	if (d->step > 1 << 16)
		size = 1 + (CUBIC_REACH * d->from + d->to - 1) / d->to;
	return size < d->from - 2 ? size : d->from - 2;
}

/* Centres have 17 bits of fraction here, so that halves are whole. */
static void sample(struct draft *d)
{
	int64_t centre = d->step - (1 << 16), off;
	int64_t shrink = (INT64_C(1) << 54) / d->unit;
	int i, j;

	for (i = 0; i < d->to; i++, centre += 2 * d->step) {
		/* Cut towards zero, also below it. */
		d->pos[i] = (int32_t)((centre - (d->size - 2) * INT64_C(65536)) / (1 << 17));
		for (j = 0; j < d->size; j++) {
			off = llabs((d->pos[i] + j) * INT64_C(131072) - centre) << 13;
			if (d->step > 1 << 16)
				off = off * d->to / d->from;
			d->w[(size_t)i * d->size + j] = cubic(off) / shrink;
		}
	}
}

static void copy_through(struct draft *d)
{
	int i;

	for (i = 0; i < d->to; i++) {
		d->pos[i] = i;
		d->w[i] = d->unit;
	}
}

/* Drop what is negligible at the left of one result, unless it would then begin
 * after its right neighbour. */
static void trim_left(struct draft *d, int i)
{
	int64_t *w = d->w + (size_t)i * d->size, sum = 0;
	int j;

	for (j = 0; j < d->size; j++) {
		sum += llabs(w[0]);
		if ((double)sum > NEGLIGIBLE * (double)d->unit)
			return;
		if (i < d->to - 1 && d->pos[i] >= d->pos[i + 1])
			return;
		memmove(w, w + 1, (size_t)(d->size - 1) * sizeof(*w));
		w[d->size - 1] = 0;
		d->pos[i]++;
	}
}

/* Weights of one result without the negligible ones at the right. */
static int size_needed(const struct draft *d, int i)
{
	const int64_t *w = d->w + (size_t)i * d->size;
	int64_t sum = 0;
	int n = d->size;

	for (; n > 1; n--) {
		sum += llabs(w[n - 1]);
		if ((double)sum > NEGLIGIBLE * (double)d->unit)
			break;
	}
	return n;
}

/* All results get as many weights as the widest needs. */
static int trim(struct draft *d)
{
	int i, n, size = 1;

	for (i = d->to - 1; i >= 0; i--) {
		trim_left(d, i);
		n = size_needed(d, i);
		size = n > size ? n : size;
	}
	return size;
}

static int clamp(int v, int lo, int hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

/* Weights of samples that do not exist go to the outermost that does. */
static void fold(struct taps *t, const struct draft *d, int i, int64_t *out)
{
	const int64_t *w = d->w + (size_t)i * d->size;
	int j;

	t->pos[i] = clamp(d->pos[i], 0, d->from - t->size);
	memset(out, 0, (size_t)t->size * sizeof(*out));
	for (j = 0; j < t->size; j++)
		out[clamp(d->pos[i] + j, 0, d->from - 1) - t->pos[i]] += w[j];
}

static int64_t divide_rounded(int64_t a, int64_t b)
{
	return (a >= 0 ? a + (b >> 1) : a - (b >> 1)) / b;
}

static bool normalise(int16_t *to, const int64_t *w, int size, int one)
{
	int64_t sum = 0, error = 0, v, q;
	int j;

	for (j = 0; j < size; j++)
		sum += w[j];
	sum = (sum + one / 2) / one;
	if (sum <= 0)
		return false;
	for (j = 0; j < size; j++) {
		v = w[j] + error;
		q = divide_rounded(v, sum);
		if (q < INT16_MIN || q > INT16_MAX)
			return false;
		to[j] = (int16_t)q;
		error = v - q * sum;
	}
	return true;
}

static bool settle(struct taps *t, const struct draft *d, int one)
{
	int64_t out[SIZE_MAX_WEIGHTS];
	int i;

	for (i = 0; i < t->n; i++) {
		fold(t, d, i, out);
		if (!normalise(t->weight + (size_t)i * t->size, out, t->size, one))
			return false;
		if (i > 0 && t->pos[i] < t->pos[i - 1])
			return false;
	}
	return true;
}

static void draft_init(struct draft *d, int from, int to)
{
	int octaves = log2_floor(from / to);
	bool same;

	*d = (struct draft){ .from = from, .to = to };
	d->step = (((int64_t)from << 16) + (to >> 1)) / to;
	d->unit = INT64_C(1) << (54 - (octaves < 8 ? octaves : 8));
	same = llabs(d->step - (1 << 16)) < 10;
	d->size = same ? 1 : draft_size(d);
	d->w = xcalloc((size_t)to * d->size, sizeof(*d->w));
	d->pos = xcalloc((size_t)to, sizeof(*d->pos));
	if (same)
		copy_through(d);
	else
		sample(d);
}

bool taps_init(struct taps *t, int from, int to, int one)
{
	struct draft d;
	bool done = false;

	*t = (struct taps){ .n = to };
	if (from < SIDE_MIN || from > SIDE_MAX || to < 1 || to > SIDE_MAX)
		return false;
	draft_init(&d, from, to);
	t->size = trim(&d);
	if (t->size <= SIZE_MAX_WEIGHTS) {
		t->pos = xcalloc((size_t)to, sizeof(*t->pos));
		t->weight = xcalloc((size_t)to * t->size, sizeof(*t->weight));
		done = settle(t, &d, one);
	}
	free(d.w);
	free(d.pos);
	if (!done)
		taps_fini(t);
	return done;
}

void taps_fini(struct taps *t)
{
	free(t->pos);
	free(t->weight);
	*t = (struct taps){ 0 };
}
