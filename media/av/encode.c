/*
 * The recipe for bytes that do not depend on the machine (facts/media-limits 2e):
 * x264 with one thread, cpu-independent=1 and frame numbers from 0 as times, the
 * encoder opened per segment.  H.264 only; the other codecs are compared by
 * picture, but run with one thread too where they can.
 */
#include "media/av/encode.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libavutil/opt.h>
#include "base/err.h"
#include "base/mem.h"

#define MAX_PICTURES 3600
#define MAX_BYTES (64u << 20)
/* Farther apart than any segment is long: only forced pictures become IDR, and
 * what x264 makes of a scene cut is an I picture that is none. */
#define GOP_FOREVER (1 << 20)

struct encoder {
	AVCodecContext *ctx;
	AVCodecParameters *par;
	int64_t frame_90k, gop_90k;	/* gop_90k 0: no forced key frames */
	int64_t last_key;		/* pts of it */
	int64_t *pts;			/* of picture i, 90 kHz */
	size_t n_pictures, n_packets;	/* put in, come out */
	AVPacket **pkt;			/* those not taken */
	size_t n, cap, bytes;
};

/* x264's presets, slower to the right of faster, with what the others call them. */
static const struct {
	const char *name;
	int vpx_speed, svt_preset;
} presets[] = {
	{ "ultrafast", 8, 12 }, { "superfast", 8, 12 }, { "veryfast", 7, 11 },
	{ "faster", 7, 10 }, { "fast", 6, 9 }, { "medium", 5, 8 }, { "slow", 4, 7 },
	{ "slower", 3, 6 }, { "veryslow", 2, 5 },
};

static int preset_index(const char *preset)
{
	size_t i;

	for (i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		if (!strcmp(preset, presets[i].name))
			return (int)i;
	return -1;
}

bool encoder_has_preset(const char *preset)
{
	return preset && preset_index(preset) >= 0;
}

static const char *encoder_name(enum ladder_encoder e)
{
	switch (e) {
	case LADDER_H264: return "libx264";
	case LADDER_HEVC: return "libx265";
	case LADDER_VP8: return "libvpx";
	case LADDER_VP9: return "libvpx-vp9";
	case LADDER_AV1: return "libsvtav1";
	}
	return "";
}

static void set_picture(AVCodecContext *c, const struct encoder_opts *o, const AVFrame *first)
{
	c->width = o->rung->width;
	c->height = o->rung->height;
	c->pix_fmt = AV_PIX_FMT_YUV420P;
	c->sample_aspect_ratio = (AVRational){ 1, 1 };
	c->color_range = first->color_range;
	c->color_primaries = first->color_primaries;
	c->color_trc = first->color_trc;
	c->colorspace = first->colorspace;
	c->chroma_sample_location = first->chroma_location;
	c->framerate = (AVRational){ o->fps_num, o->fps_den };
	c->time_base = (AVRational){ o->fps_den, o->fps_num };
}

/* bitrate is average, top and one second of buffer; with a quality it is only the
 * top, where the encoder knows such a thing. */
static void set_rate(AVCodecContext *c, const struct ladder_rung *r, AVDictionary **d)
{
	bool mpeg = r->encoder == LADDER_H264 || r->encoder == LADDER_HEVC;
	int top = mpeg ? 51 : 63;

	c->bit_rate = r->quality < 0 ? r->bitrate : 0;
	if (r->quality >= 0)
		av_dict_set_int(d, "crf", r->quality < top ? r->quality : top, 0);
	/* libvpx's wrapper divides the buffer by the average: both or none. */
	if (r->bitrate > 0 && (mpeg || (r->encoder == LADDER_VP9 && r->quality < 0))) {
		c->rc_max_rate = r->bitrate;
		c->rc_buffer_size = (int)r->bitrate;
	}
}

static void set_gop(AVCodecContext *c, const struct encoder_opts *o)
{
	const struct ladder_rung *r = o->rung;
	bool mpeg = r->encoder == LADDER_H264 || r->encoder == LADDER_HEVC;

	c->gop_size = r->gop_ms < 0 ? 1 : GOP_FOREVER;
	c->keyint_min = r->gop_ms < 0 || !mpeg ? 0 : GOP_FOREVER / 2;
	/* SVT-AV1 obeys no forced pictures: count them out. */
	if (r->encoder == LADDER_AV1 && r->gop_ms > 0)
		c->gop_size = (int)av_rescale(r->gop_ms, o->fps_num, 1000LL * o->fps_den);
	if (c->gop_size < 1)
		c->gop_size = 1;
}

static void set_h264(AVCodecContext *c, const struct encoder_opts *o, AVDictionary **d)
{
	static const char *const profiles[] = {
		[LADDER_H264_ANY] = "high", [LADDER_H264_BASELINE] = "baseline",
		[LADDER_H264_CONSTRAINED_HIGH] = "high", [LADDER_H264_MAIN] = "main",
		[LADDER_H264_HIGH] = "high",
	};
	enum ladder_h264 p = o->rung->h264;
	char params[200];

	snprintf(params, sizeof(params), "cpu-independent=1:aud=1:open-gop=0%s%s",
		 o->x264_extra ? ":" : "", o->x264_extra ? o->x264_extra : "");
	av_dict_set(d, "x264-params", params, 0);
	av_dict_set(d, "preset", o->preset, 0);
	av_dict_set(d, "profile", profiles[p], 0);
	av_dict_set(d, "forced-idr", "1", 0);
	if (p == LADDER_H264_BASELINE || p == LADDER_H264_CONSTRAINED_HIGH)
		c->max_b_frames = 0;
}

static void set_hevc(const struct encoder_opts *o, AVDictionary **d)
{
	av_dict_set(d, "x265-params", "log-level=none:pools=none:frame-threads=1:wpp=0:"
		    "aud=1:open-gop=0:repeat-headers=1:scenecut=0", 0);
	av_dict_set(d, "preset", o->preset, 0);
	av_dict_set(d, "forced-idr", "1", 0);
}

static void set_vpx(const struct encoder_opts *o, AVDictionary **d)
{
	av_dict_set(d, "deadline", "realtime", 0);
	av_dict_set_int(d, "cpu-used", presets[preset_index(o->preset)].vpx_speed, 0);
	av_dict_set(d, "lag-in-frames", "0", 0);
}

static void set_av1(const struct encoder_opts *o, AVDictionary **d)
{
	av_dict_set_int(d, "preset", presets[preset_index(o->preset)].svt_preset, 0);
	/* As few threads of its own as it can. */
	av_dict_set(d, "svtav1-params", "lp=1", 0);
}

static void set_codec(AVCodecContext *c, const struct encoder_opts *o, AVDictionary **d)
{
	switch (o->rung->encoder) {
	case LADDER_H264:
		set_h264(c, o, d);
		break;
	case LADDER_HEVC:
		set_hevc(o, d);
		break;
	case LADDER_VP8:
	case LADDER_VP9:
		set_vpx(o, d);
		break;
	case LADDER_AV1:
		set_av1(o, d);
		break;
	}
	/* MP4 wants the parameters of these outside of the packets. */
	if (o->rung->encoder == LADDER_AV1 || o->rung->encoder == LADDER_VP9)
		c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
}

/* Pictures that lie on a device come with the context that they belong to. */
static int set_hw(AVCodecContext *c, const struct encoder_opts *o, const AVFrame *first,
		  AVDictionary **d)
{
	c->pix_fmt = first->format;
	c->hw_frames_ctx = av_buffer_ref(first->hw_frames_ctx);
	o->hw->set_up(c, o, d);
	return c->hw_frames_ctx ? 0 : AVERROR(ENOMEM);
}

struct encoder *encoder_open(const struct encoder_opts *o, const AVFrame *first,
			     struct err *err)
{
	const char *name = o->hw ? o->hw->name : encoder_name(o->rung->encoder);
	const AVCodec *codec = avcodec_find_encoder_by_name(name);
	struct encoder *e = xcalloc(1, sizeof(*e));
	AVDictionary *opts = NULL;
	int rc = AVERROR(ENOMEM);

	e->frame_90k = o->frame_90k;
	e->gop_90k = o->rung->gop_ms > 0 ? (int64_t)o->rung->gop_ms * 90 : 0;
	e->pts = xmalloc(MAX_PICTURES * sizeof(*e->pts));
	e->par = avcodec_parameters_alloc();
	e->ctx = codec ? avcodec_alloc_context3(codec) : NULL;
	if (e->ctx && e->par) {
		e->ctx->thread_count = 1;
		e->ctx->thread_type = 0;
		e->ctx->flags |= AV_CODEC_FLAG_CLOSED_GOP;
		set_picture(e->ctx, o, first);
		rc = 0;
		if (o->hw) {
			rc = set_hw(e->ctx, o, first, &opts);
		} else {
			set_rate(e->ctx, o->rung, &opts);
			set_gop(e->ctx, o);
			set_codec(e->ctx, o, &opts);
		}
		if (rc >= 0)
			rc = avcodec_open2(e->ctx, codec, &opts);
	}
	if (rc >= 0 && av_dict_count(opts) > 0)	/* an option that nobody took */
		rc = AVERROR_OPTION_NOT_FOUND;
	av_dict_free(&opts);
	if (rc >= 0)
		rc = avcodec_parameters_from_context(e->par, e->ctx);
	if (rc < 0) {
		if (o->hw)
			o->hw->rc = rc;
		err_set(err, codec ? ERR_INVALID : ERR_INTERNAL, "encoder %s: %s", name,
			av_err2str(rc));
		encoder_free(e);
		return NULL;
	}
	return e;
}

void encoder_free(struct encoder *e)
{
	size_t i;

	if (!e)
		return;
	for (i = 0; i < e->n; i++)
		av_packet_free(&e->pkt[i]);
	free(e->pkt);
	free(e->pts);
	avcodec_parameters_free(&e->par);
	avcodec_free_context(&e->ctx);
	free(e);
}

/* A picture number as a time; numbers before the first are the decoder's head
 * start for B pictures. */
static int64_t time_of(const struct encoder *e, int64_t number)
{
	if (number < 0)
		return e->pts[0] + number * e->frame_90k;
	if (number >= (int64_t)e->n_pictures)
		number = (int64_t)e->n_pictures - 1;
	return e->pts[number];
}

/* Takes p.  Neither of its times lies behind the pictures put in, so they are known. */
static int keep(struct encoder *e, AVPacket *p, struct err *err)
{
	if (e->n == e->cap) {
		e->cap = e->cap ? 2 * e->cap : 128;
		e->pkt = xrealloc(e->pkt, e->cap * sizeof(*e->pkt));
	}
	e->pkt[e->n++] = p;
	e->n_packets++;
	p->dts = time_of(e, p->dts);
	p->pts = time_of(e, p->pts);
	p->duration = e->frame_90k;
	e->bytes += (size_t)p->size;
	if (e->bytes > MAX_BYTES)
		return err_set(err, ERR_LIMIT, "a rendition of more than %u bytes", MAX_BYTES);
	return 0;
}

/* Take all packets that are ready. */
static int collect(struct encoder *e, struct err *err)
{
	AVPacket *p;
	int rc;

	for (;;) {
		p = av_packet_alloc();
		rc = p ? avcodec_receive_packet(e->ctx, p) : AVERROR(ENOMEM);
		if (rc < 0)
			break;
		if (keep(e, p, err) < 0)
			return -1;
	}
	av_packet_free(&p);
	if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
		return 0;
	return err_set(err, ERR_INTERNAL, "encoder: %s", av_err2str(rc));
}

static bool must_be_key(struct encoder *e, int64_t pts)
{
	if (e->n_pictures == 0)
		return true;
	return e->gop_90k > 0 && pts - e->last_key >= e->gop_90k - e->frame_90k / 2;
}

int encoder_push(struct encoder *e, AVFrame *frame, struct err *err)
{
	int64_t pts = frame->pts;
	int rc;

	if (e->n_pictures == MAX_PICTURES)
		return err_set(err, ERR_LIMIT, "a rendition of more than %d pictures", MAX_PICTURES);
	/* The decoder's picture type would be taken as a wish. */
	frame->pict_type = AV_PICTURE_TYPE_NONE;
	frame->key_frame = 0;
	if (must_be_key(e, pts)) {
		frame->pict_type = AV_PICTURE_TYPE_I;
		e->last_key = pts;
	}
	frame->pts = (int64_t)e->n_pictures;
	frame->interlaced_frame = 0;
	frame->sample_aspect_ratio = (AVRational){ 1, 1 };
	e->pts[e->n_pictures++] = pts;
	rc = avcodec_send_frame(e->ctx, frame);
	if (rc < 0)
		return err_set(err, ERR_INTERNAL, "encoder: %s", av_err2str(rc));
	return collect(e, err);
}

int encoder_flush(struct encoder *e, struct err *err)
{
	int rc = avcodec_send_frame(e->ctx, NULL);

	if (rc < 0)
		return err_set(err, ERR_INTERNAL, "encoder: %s", av_err2str(rc));
	if (collect(e, err) < 0)
		return -1;
	if (e->n_packets != e->n_pictures)
		return err_set(err, ERR_INTERNAL, "encoder made %zu packets of %zu pictures",
			       e->n_packets, e->n_pictures);
	return 0;
}

AVPacket *const *encoder_packets(const struct encoder *e, size_t *n)
{
	*n = e->n;
	return e->pkt;
}

void encoder_drop(struct encoder *e)
{
	e->n = 0;
}

const AVCodecParameters *encoder_params(const struct encoder *e)
{
	return e->par;
}
