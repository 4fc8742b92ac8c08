/*
 * Encoders of devices, set as near to the software profile as they allow: the bit rate
 * is average and top with one second of buffer, no B pictures (NVENC codes short
 * segments without them faster, and not every card has them), only forced pictures
 * are IDR.
 */
#include <string.h>
#include <libavutil/hwcontext.h>
#include "base/err.h"
#include "base/mem.h"
#include "media/av/gpu_device.h"
#include "media/av/picture.h"

/* Above the number of pictures in a segment; QSV keeps it in 16 bits. */
#define GOP_FOREVER 30000
/* Every H.264 and HEVC encoder takes this size (NVENC's least is 145x49). */
#define TRIAL_WIDTH 640
#define TRIAL_HEIGHT 360

static void set_common(AVCodecContext *c, const struct ladder_rung *r)
{
	c->max_b_frames = 0;
	c->gop_size = r->gop_ms < 0 ? 1 : GOP_FOREVER;
	c->bit_rate = r->quality < 0 ? r->bitrate : 0;
	c->rc_max_rate = r->bitrate;
	c->rc_buffer_size = (int)r->bitrate;
}

static int qp_of(const struct ladder_rung *r)
{
	return r->quality < 1 ? 1 : r->quality > 51 ? 51 : r->quality;	/* 0 is "automatic" */
}

static void set_profile(const struct encoder_opts *o, const char *baseline, AVDictionary **d)
{
	enum ladder_h264 p = o->rung->h264;

	if (o->rung->encoder != LADDER_H264)
		return;
	av_dict_set(d, "profile", p == LADDER_H264_BASELINE ? baseline :
		    p == LADDER_H264_MAIN ? "main" : "high", 0);
}

static void set_nvenc(AVCodecContext *c, const struct encoder_opts *o, AVDictionary **d)
{
	set_common(c, o->rung);
	av_dict_set(d, "preset", "p4", 0);
	av_dict_set(d, "rc", "vbr", 0);
	if (o->rung->quality >= 0)
		av_dict_set_int(d, "cq", qp_of(o->rung), 0);
	set_profile(o, "baseline", d);
	av_dict_set(d, "forced-idr", "1", 0);
	av_dict_set(d, "aud", "1", 0);
}

/* A forced picture is always an IDR here. */
static void set_vaapi(AVCodecContext *c, const struct encoder_opts *o, AVDictionary **d)
{
	set_common(c, o->rung);
	if (o->rung->quality >= 0)
		av_dict_set_int(d, "qp", qp_of(o->rung), 0);
	set_profile(o, "constrained_baseline", d);
	av_dict_set(d, "aud", "1", 0);
}

static void set_qsv(AVCodecContext *c, const struct encoder_opts *o, AVDictionary **d)
{
	set_common(c, o->rung);
	if (o->rung->quality >= 0) {
		c->flags |= AV_CODEC_FLAG_QSCALE;
		c->global_quality = FF_QP2LAMBDA * qp_of(o->rung);
	}
	set_profile(o, "baseline", d);
	av_dict_set(d, "forced_idr", "1", 0);
	av_dict_set(d, "aud", "1", 0);
}

static const struct {
	const char *h264, *hevc;
	void (*set_up)(AVCodecContext *c, const struct encoder_opts *o, AVDictionary **d);
} encoders[GPU_KINDS] = {
	[GPU_NVIDIA] = { "h264_nvenc", "hevc_nvenc", set_nvenc },
	[GPU_VAAPI] = { "h264_vaapi", "hevc_vaapi", set_vaapi },
	[GPU_QSV] = { "h264_qsv", "hevc_qsv", set_qsv },
	/* FFmpeg 5.1 has none for Vulkan. */
};

struct encoder *gpu_encoder_open(struct gpu_device *d, const struct encoder_opts *opts,
				 const AVFrame *first, bool *cannot, struct err *err)
{
	struct encoder_opts o = *opts;
	struct encoder_hw hw = {
		.name = o.rung->encoder == LADDER_HEVC ? encoders[d->name.kind].hevc
						       : encoders[d->name.kind].h264,
		.set_up = encoders[d->name.kind].set_up,
	};
	struct encoder *e;

	*cannot = !hw.name;
	if (*cannot)
		return NULL;
	o.hw = &hw;
	gpu_log_forget();
	e = encoder_open(&o, first, err);
	if (e)
		return e;
	*cannot = !gpu_is_full(hw.rc);
	if (!*cannot)
		gpu_fail(d, hw.name, hw.rc, err);
	return NULL;
}

/* ---- trials ---- */

static AVFrame *grey_picture(struct gpu_device *d, struct err *err)
{
	struct gpu_store *s = gpu_store_new(d, TRIAL_WIDTH, TRIAL_HEIGHT, err);
	struct pic_pool pool = { 0 };
	AVFrame *f = NULL, *up = NULL;
	int i;

	if (s && pic_pool_init(&pool, TRIAL_WIDTH, TRIAL_HEIGHT))
		f = pic_pool_get(&pool);
	if (f) {
		for (i = 0; i < 3; i++)
			memset(f->data[i], 128, (size_t)f->linesize[i] * (TRIAL_HEIGHT / (i ? 2 : 1)));
		f->pts = 0;
		up = gpu_upload(s, f, err);
	} else if (s) {
		err_set(err, ERR_INTERNAL, "no memory for a picture");
	}
	av_frame_free(&f);
	pic_pool_fini(&pool);
	gpu_store_free(s);	/* the picture keeps what it needs */
	return up;
}

/* Open it and code a picture: some cards open an encoder that then gives nothing. */
static struct encoder *trial(struct gpu_device *d, enum ladder_encoder encoder,
			     const AVFrame *picture, bool *cannot, struct err *err)
{
	const struct ladder_rung rung = {
		.width = TRIAL_WIDTH, .height = TRIAL_HEIGHT, .bitrate = 800000, .encoder = encoder,
		.quality = -1,
	};
	const struct encoder_opts o = {
		.rung = &rung, .preset = "superfast", .fps_num = 30, .fps_den = 1, .frame_90k = 3000,
	};
	struct encoder *e = gpu_encoder_open(d, &o, picture, cannot, err);
	AVFrame *f;

	if (!e)
		return NULL;
	f = av_frame_clone(picture);
	if (f && encoder_push(e, f, err) == 0) {
		av_frame_free(&f);
		return e;
	}
	if (!f)
		err_set(err, ERR_INTERNAL, "no memory for a picture");
	av_frame_free(&f);
	encoder_free(e);
	*cannot = !gpu_is_full(0);
	return NULL;
}

int gpu_device_learn(struct gpu_device *d, enum ladder_encoder encoder, struct err *err)
{
	bool hevc = encoder == LADDER_HEVC, cannot = false;
	bool *tried = hevc ? &d->tried_hevc : &d->tried_h264;
	struct encoder *e;
	AVFrame *f;

	if (*tried || (encoder != LADDER_H264 && !hevc))
		return 0;
	f = grey_picture(d, err);
	if (!f)
		return -1;
	e = trial(d, encoder, f, &cannot, err);
	av_frame_free(&f);
	if (!e && !cannot)
		return -1;
	*tried = true;
	*(hevc ? &d->caps.encode_hevc : &d->caps.encode_h264) = e != NULL;
	encoder_free(e);
	return 0;
}

unsigned gpu_device_sessions(struct gpu_device *d, enum ladder_encoder encoder, unsigned max)
{
	struct encoder *open[GPU_SESSIONS_MAX];
	AVFrame *f = grey_picture(d, NULL);
	unsigned n = 0, i;
	bool cannot;

	if (max > GPU_SESSIONS_MAX)
		max = GPU_SESSIONS_MAX;
	while (f && n < max && (open[n] = trial(d, encoder, f, &cannot, NULL)))
		n++;
	for (i = 0; i < n; i++)
		encoder_free(open[i]);
	av_frame_free(&f);
	return n;
}
