/*
 * Each plane is scaled across, two lines at a time, into a small ring of pair rows,
 * and down out of it, so that what lies between the two passes never leaves the cache.
 * The arithmetic is swscale's: 8-bit samples times 14-bit weights, cut to 15 bits,
 * times 12-bit weights, rounded.
 *
 * There is no version of it in plain C: where AVX2 is missing swscale does the same,
 * with its own code for older CPUs.  test/media/av/test_bicubic.c holds both together.
 * Source: FFmpeg 5.1, libswscale/swscale.c (hScale8To15), output.c (yuv2planeX_8).
 */
#include "media/av/bicubic.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <libswscale/swscale.h>
#include "base/mem.h"
#include "media/av/bicubic_avx2.h"
#include "media/av/bicubic_taps.h"

#define SWSCALE_KNOWN 6		/* major version whose bytes these are */
#define SIDE_MIN 32		/* so that chroma lines have the 16 samples of a load */
#define LOAD 16			/* bytes */
#define VECTOR 32		/* bytes */
#define ACROSS_ONE (1 << 14)
#define DOWN_ONE (1 << 12)

/* What one line of the result is made of. */
struct down_line {
	int first;		/* pair row; it holds the lines 2 * first and the next */
	int n;			/* pair rows; their weights follow each other */
	size_t weights;		/* index of the first in down.weights */
};

struct down {
	int n_max;		/* pair rows at once, the size of the ring */
	struct down_line *lines;	/* owned */
	int32_t *weights;	/* owned; two of 16 bits a pair row */
};

/* The scaler of planes of one size. */
struct plane {
	int src_height, width, height;
	struct bicubic_across across;
	struct down down;
	int32_t *ring;		/* owned; down.n_max pair rows */
	size_t row_len;		/* of a pair row */
	const int32_t **rows;	/* owned; scratch of bicubic_run */
};

struct bicubic {
	struct plane luma, chroma;
};

/* Whole vectors, zero.  Free with free(). */
static void *vectors_new(size_t n)
{
	void *p = aligned_alloc(VECTOR, n * VECTOR);

	if (!p)
		abort();	/* as xcalloc does */
	return memset(p, 0, n * VECTOR);
}

/* ---- the filters, laid out for the loops ---- */

static int pos_or_last(const struct taps *t, int i)
{
	return t->pos[i < t->n ? i : t->n - 1];
}

/* Weight j of result i, 0 beside those that there are. */
static int16_t weight_at(const struct taps *t, int i, int j)
{
	if (i >= t->n || j < 0 || j >= t->size)
		return 0;
	return t->weight[(size_t)i * t->size + j];
}

/* Samples from the first of a lane's first result to the first of its last. */
static int widest_lane(const struct taps *t)
{
	int i, span, widest = 0;

	for (i = 0; i < t->n; i += BICUBIC_LANE) {
		span = pos_or_last(t, i + BICUBIC_LANE - 1) - t->pos[i];
		widest = span > widest ? span : widest;
	}
	return widest;
}

/* Shuffles and weights of one load of one lane: results i and on, weights j and on. */
static void lay_lane(const struct bicubic_across *h, const struct taps *t, int i, int j,
		     int at, uint8_t *shuffle, uint8_t *weights)
{
	int o, k, b;
	int16_t w;

	for (o = 0; o < BICUBIC_LANE; o++) {
		b = pos_or_last(t, i + o) + j - at;
		memcpy(shuffle + 4 * o, (uint8_t[]){ b, 0x80, b + 1, 0x80 }, 4);
		for (k = 0; k < 2 * h->n_pairs; k++) {
			w = weight_at(t, i + o, j + k);
			memcpy(weights + VECTOR * (k / 2) + 4 * o + 2 * (k % 2), &w, 2);
		}
	}
}

static void lay_across(struct bicubic_across *h, const struct taps *t, int from)
{
	size_t stride = VECTOR * (size_t)(1 + h->n_pairs);
	uint8_t *table = h->table;
	int32_t *at = h->at;
	int i, j, lane, first;

	for (i = 0; i < h->n_groups * BICUBIC_GROUP; i += BICUBIC_GROUP)
		for (j = 0; j < 2 * h->n_pairs * h->n_loads; j += 2 * h->n_pairs, table += stride)
			for (lane = 0; lane < 2; lane++, at++) {
				first = pos_or_last(t, i + lane * BICUBIC_LANE) + j;
				*at = first < from - LOAD ? first : from - LOAD;
				lay_lane(h, t, i + lane * BICUBIC_LANE, j, *at, table + 16 * lane,
					 table + VECTOR + 16 * lane);
			}
}

static void choose_loads(struct bicubic_across *h, const struct taps *t)
{
	int n_pairs = (t->size + 1) / 2, most = (LOAD - widest_lane(t)) / 2;

	h->n_pairs = most < BICUBIC_PAIRS_MAX ? most : BICUBIC_PAIRS_MAX;
	if (h->n_pairs > n_pairs)
		h->n_pairs = n_pairs;
	h->n_loads = h->n_pairs > 0 ? (n_pairs + h->n_pairs - 1) / h->n_pairs : 0;
	h->n_groups = (t->n + BICUBIC_GROUP - 1) / BICUBIC_GROUP;
}

static bool across_init(struct bicubic_across *h, int from, int to)
{
	struct taps t;
	size_t n;

	if (!taps_init(&t, from, to, ACROSS_ONE))
		return false;
	choose_loads(h, &t);
	n = (size_t)h->n_groups * h->n_loads;
	if (n > 0) {
		h->at = xcalloc(n * 2, sizeof(*h->at));
		h->table = vectors_new(n * (1 + h->n_pairs));
		lay_across(h, &t, from);
	}
	taps_fini(&t);
	return n > 0;
}

static int32_t weight_pair(const struct taps *t, int i, int j)
{
	uint32_t even = (uint16_t)weight_at(t, i, j), odd = (uint16_t)weight_at(t, i, j + 1);

	return (int32_t)(even | odd << 16);
}

static void lay_down(struct down *d, const struct taps *t)
{
	size_t n = 0;
	int i, k, first;

	for (i = 0; i < t->n; i++) {
		d->lines[i].first = t->pos[i] / 2;
		d->lines[i].n = (t->pos[i] + t->size - 1) / 2 - d->lines[i].first + 1;
		d->lines[i].weights = n;
		first = 2 * d->lines[i].first - t->pos[i];	/* 0, or -1: a line too many */
		for (k = 0; k < d->lines[i].n; k++)
			d->weights[n++] = weight_pair(t, i, first + 2 * k);
	}
}

static bool down_init(struct down *d, int from, int to)
{
	struct taps t;

	if (!taps_init(&t, from, to, DOWN_ONE))
		return false;
	d->n_max = t.size / 2 + 1;
	d->lines = xcalloc((size_t)to, sizeof(*d->lines));
	d->weights = xcalloc((size_t)to * d->n_max, sizeof(*d->weights));
	lay_down(d, &t);
	taps_fini(&t);
	return true;
}

/* ---- life ---- */

static bool plane_init(struct plane *p, int src_width, int src_height, int width,
		       int height)
{
	p->src_height = src_height;
	p->width = width;
	p->height = height;
	p->row_len = (size_t)(width + BICUBIC_SPAN - 1) / BICUBIC_SPAN * BICUBIC_SPAN;
	if (!across_init(&p->across, src_width, width) || !down_init(&p->down, src_height, height))
		return false;
	p->rows = xcalloc((size_t)p->down.n_max, sizeof(*p->rows));
	p->ring = vectors_new(p->down.n_max * p->row_len * sizeof(*p->ring) / VECTOR);
	return true;
}

static void plane_fini(struct plane *p)
{
	free(p->ring);
	free(p->rows);
	free(p->down.weights);
	free(p->down.lines);
	free(p->across.table);
	free(p->across.at);
}

static bool can_run(void)
{
	return bicubic_avx2_is_there() && swscale_version() >> 16 == SWSCALE_KNOWN;
}

struct bicubic *bicubic_new(int src_width, int src_height, int width, int height)
{
	struct bicubic *b;

	if (!can_run() || src_width < SIDE_MIN || src_height < SIDE_MIN)
		return NULL;
	b = xcalloc(1, sizeof(*b));
	if (plane_init(&b->luma, src_width, src_height, width, height) &&
	    plane_init(&b->chroma, (src_width + 1) / 2, (src_height + 1) / 2, (width + 1) / 2,
		       (height + 1) / 2))
		return b;
	bicubic_free(b);
	return NULL;
}

void bicubic_free(struct bicubic *b)
{
	if (!b)
		return;
	plane_fini(&b->luma);
	plane_fini(&b->chroma);
	free(b);
}

/* ---- work ---- */

static int32_t *ring_row(const struct plane *p, int pair)
{
	return p->ring + (size_t)(pair % p->down.n_max) * p->row_len;
}

/* The last line stands for the one after it, which has no weight. */
static void make_pair(struct plane *p, int pair, const uint8_t *from, ptrdiff_t stride)
{
	const uint8_t *a = from + 2 * pair * stride;

	bicubic_avx2_across(&p->across, ring_row(p, pair), a,
			    2 * pair + 1 < p->src_height ? a + stride : a);
}

static void scale_plane(struct plane *p, uint8_t *to, ptrdiff_t to_stride,
			const uint8_t *from, ptrdiff_t stride)
{
	const struct down_line *l;
	int y, k, next = 0;	/* pair rows before it are made, or not needed */

	for (y = 0; y < p->height; y++, to += to_stride) {
		l = &p->down.lines[y];
		if (next < l->first)
			next = l->first;
		for (; next < l->first + l->n; next++)
			make_pair(p, next, from, stride);
		for (k = 0; k < l->n; k++)
			p->rows[k] = ring_row(p, l->first + k);
		bicubic_avx2_down(to, p->width, p->rows, p->down.weights + l->weights, l->n);
	}
}

void bicubic_run(struct bicubic *b, AVFrame *to, const AVFrame *from)
{
	int i;

	for (i = 0; i < 3; i++)
		scale_plane(i ? &b->chroma : &b->luma, to->data[i], to->linesize[i],
			    from->data[i], from->linesize[i]);
}
