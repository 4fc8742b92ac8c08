#include "media/av/gpu_decode.h"
#include <string.h>
#include <libavcodec/avcodec.h>
#include <libavutil/hwcontext.h>
#include <libavutil/pixdesc.h>
#include "base/err.h"
#include "media/av/gpu_device.h"
#include "media/av/input.h"
#include "media/av/libav.h"
#include "media/av/picture.h"

/* As in decode.c: set on good frames of several slices, too. */
#define MEANINGLESS_ERROR_BITS FF_DECODE_ERROR_DECODE_SLICES

struct gpu_decoder {
	struct gpu_device *device;
	const struct input *in;
	AVCodecContext *ctx;
	uint64_t max_pixels;
	decode_cb *cb;
	void *arg;
	struct decoded out;
	int64_t last_pts;
	enum AVPixelFormat source_format;	/* what the stream holds; NONE: not known yet */
	bool no_hardware;			/* libavcodec did not offer the device, or no longer */
	bool refused;
};

static bool is_plain(enum AVPixelFormat f)
{
	return f == AV_PIX_FMT_YUV420P || f == AV_PIX_FMT_YUVJ420P || f == AV_PIX_FMT_NV12;
}

/* Asked for each new set of parameters; again, without the device, when that failed. */
static enum AVPixelFormat choose_format(AVCodecContext *c, const enum AVPixelFormat *offer)
{
	struct gpu_decoder *d = c->opaque;
	size_t i;

	d->source_format = c->sw_pix_fmt;
	if (!is_plain(c->sw_pix_fmt))
		return AV_PIX_FMT_NONE;
	for (i = 0; offer[i] != AV_PIX_FMT_NONE; i++)
		if (offer[i] == d->device->format)
			return offer[i];
	d->no_hardware = true;
	return AV_PIX_FMT_NONE;
}

static int open_decoder(struct gpu_decoder *d, int extra, struct err *err)
{
	const AVCodecParameters *par = d->in->video.par;
	const char *name = gpu_decoder_name(d->device, par->codec_id);
	const AVCodec *codec = name ? avcodec_find_decoder_by_name(name)
				    : avcodec_find_decoder(par->codec_id);
	AVCodecContext *c;
	int rc;

	c = d->ctx = codec ? avcodec_alloc_context3(codec) : NULL;
	if (!c || avcodec_parameters_to_context(c, par) < 0)
		return err_set(err, ERR_INTERNAL, "no decoder for %s", avcodec_get_name(par->codec_id));
	c->opaque = d;
	c->get_format = choose_format;
	c->hw_device_ctx = av_buffer_ref(d->device->ref);
	c->extra_hw_frames = extra;
	c->thread_count = 1;
	c->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER;
	c->max_pixels = (int64_t)d->max_pixels;
	c->pkt_timebase = (AVRational){ 1, 90000 };
	rc = c->hw_device_ctx ? avcodec_open2(c, codec, NULL) : AVERROR(ENOMEM);
	return rc < 0 ? gpu_fail(d->device, codec->name, rc, err) : 0;
}

static int refuse(struct gpu_decoder *d, const char *what, struct err *err)
{
	d->refused = true;
	return err_set(err, ERR_INTERNAL, "device cannot decode %s", what);
}

/* The device has no such decoder: it need not be asked again. */
static int forget_codec(struct gpu_decoder *d, struct err *err)
{
	enum AVCodecID id = d->in->video.par->codec_id;

	if (id == AV_CODEC_ID_H264)
		d->device->caps.decode_h264 = false;
	if (id == AV_CODEC_ID_HEVC)
		d->device->caps.decode_hevc = false;
	return refuse(d, avcodec_get_name(id), err);
}

static int unit_failed(struct gpu_decoder *d, int rc, size_t unit, struct err *err)
{
	const char *format = av_get_pix_fmt_name(d->source_format);

	if (format && !is_plain(d->source_format))
		return refuse(d, format, err);
	if (d->no_hardware && !gpu_is_full(rc))
		return d->out.n_pictures ? refuse(d, "what changed in it", err) : forget_codec(d, err);
	if (rc == AVERROR_INVALIDDATA && !d->no_hardware)
		return err_set(err, ERR_INVALID, "unit %zu: %s", unit, av_err2str(rc));
	return gpu_fail(d->device, "decode", rc, err);
}

static int check_picture(struct gpu_decoder *d, const AVFrame *f, struct err *err)
{
	const AVHWFramesContext *hw;

	if ((f->flags & AV_FRAME_FLAG_CORRUPT) ||
	    (f->decode_error_flags & ~MEANINGLESS_ERROR_BITS))
		return err_set(err, ERR_INVALID, "picture %zu is damaged", d->out.n_pictures);
	if (f->format != d->device->format || !f->hw_frames_ctx)
		return forget_codec(d, err);
	if ((uint64_t)f->width * (uint64_t)f->height > d->max_pixels)
		return err_set(err, ERR_LIMIT, "picture of %dx%d", f->width, f->height);
	if (d->out.n_pictures >= INPUT_MAX_VIDEO)
		return err_set(err, ERR_LIMIT, "more than %d pictures", INPUT_MAX_VIDEO);
	hw = (const AVHWFramesContext *)f->hw_frames_ctx->data;
	if (hw->sw_format != AV_PIX_FMT_NV12)
		return refuse(d, av_get_pix_fmt_name(hw->sw_format), err);
	if (f->interlaced_frame)
		return refuse(d, "interlaced pictures", err);
	return 0;
}

static bool is_turned(const AVFrame *f)
{
	const AVFrameSideData *sd = av_frame_get_side_data(f, AV_FRAME_DATA_DISPLAYMATRIX);

	return sd && sd->size >= 9 * sizeof(int32_t) &&
	       !pic_turn_is_none(pic_turn_of((const int32_t *)sd->data));
}

static int first_picture(struct gpu_decoder *d, const AVFrame *f, struct err *err)
{
	AVRational sar = f->sample_aspect_ratio;

	if (is_turned(f))
		return refuse(d, "turned pictures", err);
	d->out.width = f->width;
	d->out.height = f->height;
	if (sar.num <= 0 || sar.den <= 0)
		sar = d->in->video.par->sample_aspect_ratio;
	if (sar.num > 0 && sar.den > 0 && sar.num < 16 * sar.den && sar.den < 16 * sar.num)
		d->out.width = (int)(((int64_t)f->width * sar.num + sar.den / 2) / sar.den);
	return 0;
}

/* As in decode.c: the stamp of the source, made to rise where the source's does not. */
static int64_t rising_pts(struct gpu_decoder *d, int64_t pts)
{
	if (pts == AV_NOPTS_VALUE)
		pts = d->last_pts == AV_NOPTS_VALUE ? 0 : d->last_pts + d->in->frame_90k;
	else if (d->last_pts != AV_NOPTS_VALUE && pts <= d->last_pts)
		pts = d->last_pts + 1;
	d->last_pts = pts;
	return pts;
}

static int take_picture(struct gpu_decoder *d, AVFrame *f, struct err *err)
{
	if (check_picture(d, f, err) < 0)
		return -1;
	if (d->out.n_pictures == 0 && first_picture(d, f, err) < 0)
		return -1;
	f->pts = rising_pts(d, f->pts);
	d->out.n_pictures++;
	return d->cb(d->arg, f, err);
}

static int take_all(struct gpu_decoder *d, AVFrame *f, size_t unit, struct err *err)
{
	int rc;

	for (;;) {
		rc = avcodec_receive_frame(d->ctx, f);
		if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
			return 0;
		if (rc < 0)
			return unit_failed(d, rc, unit, err);
		rc = take_picture(d, f, err);
		av_frame_unref(f);
		if (rc < 0)
			return -1;
	}
}

/* One unit in (NULL: the end).  A full decoder wants its pictures taken first. */
static int decode_unit(struct gpu_decoder *d, const AVPacket *pkt, size_t unit, AVFrame *f,
		       struct err *err)
{
	int rc;

	gpu_log_forget();
	rc = avcodec_send_packet(d->ctx, pkt);
	if (rc == AVERROR(EAGAIN)) {
		if (take_all(d, f, unit, err) < 0)
			return -1;
		rc = avcodec_send_packet(d->ctx, pkt);
	}
	if (rc < 0)
		return unit_failed(d, rc, unit, err);
	if (take_all(d, f, unit, err) < 0)
		return -1;
	/* Not every decoder fails when it is given no format. */
	if (d->no_hardware || (d->source_format != AV_PIX_FMT_NONE && !is_plain(d->source_format)))
		return unit_failed(d, AVERROR_EXTERNAL, unit, err);
	return 0;
}

static int check_count(const struct gpu_decoder *d, struct err *err)
{
	size_t most = d->in->n_pictures, least = most - d->in->n_leading;

	if (d->out.n_pictures == 0 || d->out.n_pictures < least || d->out.n_pictures > most)
		return err_set(err, ERR_INVALID, "%zu pictures from %zu units", d->out.n_pictures, most);
	return 0;
}

static int decode_all(struct gpu_decoder *d, AVFrame *f, struct err *err)
{
	size_t i;

	for (i = 0; i < d->in->video.n; i++)
		if (decode_unit(d, d->in->video.pkt[i], i, f, err) < 0)
			return -1;
	if (decode_unit(d, NULL, i, f, err) < 0)
		return -1;
	return check_count(d, err);
}

int gpu_decode(struct decoded *out, struct gpu_device *device, const struct input *in,
	       uint64_t max_pixels, int extra, decode_cb *cb, void *arg, bool *refused,
	       struct err *err)
{
	struct gpu_decoder d = {
		.device = device, .in = in, .max_pixels = max_pixels, .cb = cb, .arg = arg,
		.last_pts = AV_NOPTS_VALUE, .source_format = AV_PIX_FMT_NONE,
	};
	AVFrame *f = av_frame_alloc();
	int rc = -1;

	if (!f)
		err_set(err, ERR_INTERNAL, "no memory for a picture");
	else if (in->has_matrix && !pic_turn_is_none(pic_turn_of(in->matrix)))
		refuse(&d, "turned pictures", err);
	else if (open_decoder(&d, extra, err) == 0)
		rc = decode_all(&d, f, err);
	*out = d.out;
	*refused = d.refused;
	av_frame_free(&f);
	avcodec_free_context(&d.ctx);
	return rc;
}
