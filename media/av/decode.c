#include "media/av/decode.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include "base/err.h"
#include "base/mem.h"
#include "media/av/input.h"
#include "media/av/libav.h"
#include "media/av/picture.h"
#include "media/av/scale.h"

/* FFmpeg 5.1 sets this bit on good frames of several slices too: it says nothing. */
#define MEANINGLESS_ERROR_BITS FF_DECODE_ERROR_DECODE_SLICES

struct decoder {
	const struct input *in;		/* borrowed */
	AVCodecContext *ctx;
	AVFrame *frame;
	uint64_t max_pixels, cpu_limit_us;
	decode_cb *cb;
	void *arg;
	size_t n_units;
	struct decoded out;
	int64_t last_pts;
	bool saw_interlaced;
	struct pic_turn turn;
	struct scaler *plain;		/* to yuv420p, when the picture must be reworked */
	int plain_width, plain_height;
	struct pic_pool deint, turned;
};

static const AVCodec *find_decoder(enum AVCodecID id)
{
	if (id == AV_CODEC_ID_AV1)	/* FFmpeg's own needs hardware */
		return avcodec_find_decoder_by_name("libdav1d");
	return avcodec_find_decoder(id);
}

/*
 * Damaged units may leave parts of a picture unwritten without an error.  Then
 * whatever the memory held before would show, which differs from run to run: a
 * crafted segment could make honest transcoders disagree.  So pictures begin
 * empty.  Costs 0.3 ms a picture of 1080p.
 */
static int get_empty_buffer(AVCodecContext *c, AVFrame *f, int flags)
{
	int i, rc = avcodec_default_get_buffer2(c, f, flags);

	for (i = 0; rc >= 0 && i < AV_NUM_DATA_POINTERS && f->buf[i]; i++)
		memset(f->buf[i]->data, 0, f->buf[i]->size);
	return rc;
}

/*
 * Concealment is on as a detector: it is the only part of the H.264 decoder that
 * notices macroblocks that no slice covered, and says so in decode_error_flags,
 * which refuses the picture.  Off, three times as many damaged segments pass.
 */
static int open_codec(struct decoder *d, struct err *err)
{
	const AVCodecParameters *par = d->in->video.par;
	const AVCodec *codec = find_decoder(par->codec_id);
	AVCodecContext *c;
	int rc;

	if (!codec)
		return err_set(err, ERR_INTERNAL, "no decoder for %s",
			       avcodec_get_name(par->codec_id));
	c = d->ctx = avcodec_alloc_context3(codec);
	if (!c || avcodec_parameters_to_context(c, par) < 0)
		return err_set(err, ERR_INTERNAL, "no memory for a decoder");
	c->thread_count = 1;
	c->thread_type = 0;
	c->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER;
	c->error_concealment = FF_EC_GUESS_MVS | FF_EC_DEBLOCK;
	c->max_pixels = (int64_t)d->max_pixels;
	c->get_buffer2 = get_empty_buffer;
	c->pkt_timebase = (AVRational){ 1, 90000 };
	rc = avcodec_open2(c, codec, NULL);
	if (rc < 0)
		return err_set(err, ERR_INVALID, "decoder of %s: %s", codec->name, av_err2str(rc));
	return 0;
}

/* Is the picture whole? */
static int check_picture(struct decoder *d, const AVFrame *f, struct err *err)
{
	if ((f->flags & AV_FRAME_FLAG_CORRUPT) ||
	    (f->decode_error_flags & ~MEANINGLESS_ERROR_BITS))
		return err_set(err, ERR_INVALID, "picture %zu is damaged", d->out.n_pictures);
	if (f->width <= 0 || f->height <= 0 || !f->data[0])
		return err_set(err, ERR_INVALID, "picture %zu is empty", d->out.n_pictures);
	if ((uint64_t)f->width * (uint64_t)f->height > d->max_pixels)
		return err_set(err, ERR_LIMIT, "picture of %dx%d", f->width, f->height);
	if (d->out.n_pictures >= INPUT_MAX_VIDEO)
		return err_set(err, ERR_LIMIT, "more than %d pictures", INPUT_MAX_VIDEO);
	return 0;
}

/* The stamp of the source, made to rise where the source's does not. */
static int64_t rising_pts(struct decoder *d, int64_t pts)
{
	if (pts == AV_NOPTS_VALUE)
		pts = d->last_pts == AV_NOPTS_VALUE ? 0 : d->last_pts + d->in->frame_90k;
	else if (d->last_pts != AV_NOPTS_VALUE && pts <= d->last_pts)
		pts = d->last_pts + 1;
	d->last_pts = pts;
	return pts;
}

static void first_picture(struct decoder *d, const AVFrame *f)
{
	const AVFrameSideData *sd = av_frame_get_side_data(f, AV_FRAME_DATA_DISPLAYMATRIX);
	int w = f->width, h = f->height;
	AVRational sar = f->sample_aspect_ratio;

	if (d->in->has_matrix)
		d->turn = pic_turn_of(d->in->matrix);
	else if (sd && sd->size >= 9 * sizeof(int32_t))
		d->turn = pic_turn_of((const int32_t *)sd->data);
	if (sar.num <= 0 || sar.den <= 0)
		sar = d->in->video.par->sample_aspect_ratio;
	if (sar.num > 0 && sar.den > 0 && sar.num < 16 * sar.den && sar.den < 16 * sar.num)
		w = (int)(((int64_t)w * sar.num + sar.den / 2) / sar.den);
	d->out.width = d->turn.swap ? h : w;
	d->out.height = d->turn.swap ? w : h;
}

/* from: taken.  Returns a pool's picture of the same or the turned size. */
static AVFrame *rework(struct pic_pool *pool, int w, int h, AVFrame *from,
		       void (*work)(AVFrame *to, const AVFrame *from, const struct decoder *d),
		       const struct decoder *d)
{
	AVFrame *to = NULL;

	if (pool->pool && (pool->width != w || pool->height != h))
		pic_pool_fini(pool);
	if (from && (pool->pool || pic_pool_init(pool, w, h)))
		to = pic_pool_get(pool);
	if (to) {
		work(to, from, d);
		pic_copy_meta(to, from);
	}
	av_frame_free(&from);
	return to;
}

static void do_deinterlace(AVFrame *to, const AVFrame *from, const struct decoder *d)
{
	pic_deinterlace(to, from, from->top_field_first);
}

static void do_turn(AVFrame *to, const AVFrame *from, const struct decoder *d)
{
	pic_turn(to, from, d->turn);
}

/* Deinterlace and turn.  Returns a new frame, NULL on failure. */
static AVFrame *upright(struct decoder *d, const AVFrame *f, struct err *err)
{
	AVFrame *p;
	int top_first = f->top_field_first;

	if (d->plain_width != f->width || d->plain_height != f->height) {
		scaler_free(d->plain);
		d->plain = scaler_new(f->width, f->height);
		d->plain_width = f->width;
		d->plain_height = f->height;
	}
	p = scaler_run(d->plain, f, err);
	if (!p)
		return NULL;
	p->top_field_first = top_first;
	if (f->interlaced_frame)
		p = rework(&d->deint, f->width, f->height, p, do_deinterlace, d);
	if (p && !pic_turn_is_none(d->turn))
		p = rework(&d->turned, d->turn.swap ? f->height : f->width,
			   d->turn.swap ? f->width : f->height, p, do_turn, d);
	if (!p)
		err_set(err, ERR_INTERNAL, "no memory for a picture");
	return p;
}

static int pass_on(struct decoder *d, AVFrame *f, struct err *err)
{
	AVFrame *p;
	int rc;

	f->pts = rising_pts(d, f->pts);
	if (pic_plain_format(f->format) != f->format)
		f->color_range = AVCOL_RANGE_JPEG;
	if (d->out.n_pictures == 0)
		first_picture(d, f);
	d->out.n_pictures++;
	d->saw_interlaced |= f->interlaced_frame;
	if (!f->interlaced_frame && pic_turn_is_none(d->turn))
		return d->cb(d->arg, f, err);
	p = upright(d, f, err);
	if (!p)
		return -1;
	rc = d->cb(d->arg, p, err);
	av_frame_free(&p);
	return rc;
}

static int refuse_unit(const struct decoder *d, int rc, struct err *err)
{
	if (rc == AVERROR(ENOMEM))
		return err_set(err, ERR_INTERNAL, "no memory to decode unit %zu", d->n_units);
	return err_set(err, ERR_INVALID, "unit %zu: %s", d->n_units, av_err2str(rc));
}

/* One unit in (NULL: the end), all pictures out that it makes ready. */
static int decode(struct decoder *d, const AVPacket *pkt, struct err *err)
{
	uint64_t before = thread_cpu_us();
	int rc = avcodec_send_packet(d->ctx, pkt);

	if (rc < 0)
		return refuse_unit(d, rc, err);
	for (;;) {
		rc = avcodec_receive_frame(d->ctx, d->frame);
		d->out.cpu_us += thread_cpu_us() - before;
		if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
			break;
		if (rc < 0)
			return refuse_unit(d, rc, err);
		rc = check_picture(d, d->frame, err);
		if (rc == 0)
			rc = pass_on(d, d->frame, err);
		av_frame_unref(d->frame);
		if (rc < 0)
			return -1;
		before = thread_cpu_us();
	}
	if (d->out.cpu_us > d->cpu_limit_us)
		return err_set(err, ERR_LIMIT, "decoding takes too long");
	d->n_units++;
	return 0;
}

/* Every unit must have given its picture; a frame of two fields may take two. */
static int check_count(const struct decoder *d, struct err *err)
{
	size_t most = d->in->n_pictures, least = most - d->in->n_leading;

	if (d->in->video.par->codec_id == AV_CODEC_ID_VP8)
		least = 1;	/* has units that are never shown */
	if (d->saw_interlaced)
		least /= 2;
	if (d->out.n_pictures == 0 || d->out.n_pictures < least || d->out.n_pictures > most)
		return err_set(err, ERR_INVALID, "%zu pictures from %zu units",
			       d->out.n_pictures, d->in->n_pictures);
	return 0;
}

struct decoder *decoder_open(const struct input *in, uint64_t cpu_limit_us, decode_cb *cb,
			     void *arg, struct err *err)
{
	struct decoder *d = xcalloc(1, sizeof(*d));

	d->in = in;
	d->max_pixels = in->max_pixels;
	d->cpu_limit_us = cpu_limit_us;
	d->cb = cb;
	d->arg = arg;
	d->last_pts = AV_NOPTS_VALUE;
	d->frame = av_frame_alloc();
	if (!d->frame)
		err_set(err, ERR_INTERNAL, "no memory for a picture");
	else if (open_codec(d, err) == 0)
		return d;
	decoder_free(d);
	return NULL;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	scaler_free(d->plain);
	pic_pool_fini(&d->deint);
	pic_pool_fini(&d->turned);
	avcodec_free_context(&d->ctx);
	av_frame_free(&d->frame);
	free(d);
}

int decoder_push(struct decoder *d, const AVPacket *unit, struct err *err)
{
	return decode(d, unit, err);
}

int decoder_drain(struct decoder *d, struct err *err)
{
	return decode(d, NULL, err);
}

int decoder_end(struct decoder *d, struct err *err)
{
	if (decode(d, NULL, err) < 0)
		return -1;
	return check_count(d, err);
}

const struct decoded *decoder_result(const struct decoder *d)
{
	return &d->out;
}
