#ifndef LP_TEST_MEDIA_AV_COMPARE_H
#define LP_TEST_MEDIA_AV_COMPARE_H
/*
 * Renditions of a device beside those of the CPU: the same pictures at the same times,
 * and alike to look at.  Include after test/media/av/media.h.
 */
#include <math.h>
#include "media/av/decode.h"
#include "media/av/input.h"

#define PSNR_LEAST 30.0

struct reel {
	uint8_t *luma;		/* of all pictures */
	size_t len, cap;
	int64_t pts[1000];
	size_t n;
};

static inline int reel_add(void *arg, const AVFrame *f, struct err *err)
{
	struct reel *r = arg;
	int y;

	assert_true(r->n < 1000);
	r->pts[r->n++] = f->pts;
	if (r->len + (size_t)f->width * f->height > r->cap) {
		r->cap = 2 * r->cap + (size_t)f->width * f->height;
		r->luma = realloc(r->luma, r->cap);
	}
	for (y = 0; y < f->height; y++, r->len += (size_t)f->width)
		memcpy(r->luma + r->len, f->data[0] + (ptrdiff_t)y * f->linesize[0], (size_t)f->width);
	return 0;
}

static inline int decode_reel(struct reel *r, const struct input *in, struct decoded *size,
			      struct err *err)
{
	struct decoder *d = decoder_open(in, UINT64_MAX, reel_add, r, err);
	int rc = d ? 0 : -1;
	size_t i;

	for (i = 0; rc == 0 && i < in->video.n; i++)
		rc = decoder_push(d, in->video.pkt[i], err);
	if (rc == 0)
		rc = decoder_end(d, err);
	if (rc == 0)
		*size = *decoder_result(d);
	decoder_free(d);
	return rc;
}

static inline void reel_of(struct reel *r, const struct ladder_out *out)
{
	struct decoded d;
	struct input in;
	struct err err;

	memset(r, 0, sizeof(*r));
	if (input_load(&in, out->fmp4, out->data, out->len, 4096 * 2304, &err) < 0 ||
	    decode_reel(r, &in, &d, &err) < 0) {
		fprintf(stderr, "rendition %zu: %s\n", out->index, err.msg);
		fail();
	}
	assert_int_equal(d.width, out->width);
	assert_int_equal(d.height, out->height);
	input_fini(&in);
}

static inline double psnr_of(const struct reel *a, const struct reel *b)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < a->len; i++)
		sum += (double)(a->luma[i] - b->luma[i]) * (a->luma[i] - b->luma[i]);
	return sum > 0 ? 10 * log10(255.0 * 255.0 * (double)a->len / sum) : 99;
}

/* Returns the PSNR of rendition i. */
static inline double compare_rendition(const struct result *a, const struct result *b, size_t i)
{
	struct reel ra, rb;
	double psnr;
	size_t k;

	assert_int_equal(a->out[i].n_video, b->out[i].n_video);
	assert_int_equal(a->out[i].duration_90k, b->out[i].duration_90k);
	reel_of(&ra, &a->out[i]);
	reel_of(&rb, &b->out[i]);
	assert_int_equal(ra.n, rb.n);
	for (k = 0; k < ra.n; k++)
		assert_int_equal(ra.pts[k], rb.pts[k]);
	assert_int_equal(ra.len, rb.len);
	psnr = psnr_of(&ra, &rb);
	free(ra.luma);
	free(rb.luma);
	return psnr;
}

/* The ladder on the device and on the CPU. */
static inline void compare_ladders(struct ladder_spec spec, const char *device, struct bytes in)
{
	struct result cpu, gpu;
	double psnr;
	size_t i;

	run_well(&cpu, &spec, in);
	spec.device = device;
	run_well(&gpu, &spec, in);
	assert_int_equal(cpu.stats.n_decoded, gpu.stats.n_decoded);
	assert_int_equal(cpu.stats.width, gpu.stats.width);
	assert_int_equal(cpu.stats.height, gpu.stats.height);
	for (i = 0; i < spec.n_rungs; i++) {
		psnr = compare_rendition(&cpu, &gpu, i);
		print_message("%s: rendition %zu %dx%d: %u pictures, PSNR %.1f dB\n", device, i,
			      gpu.out[i].width, gpu.out[i].height, gpu.out[i].n_video, psnr);
		assert_true(psnr >= PSNR_LEAST);
	}
	result_fini(&cpu);
	result_fini(&gpu);
}

#endif
