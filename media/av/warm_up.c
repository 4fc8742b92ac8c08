/*
 * Makes a process warm before it forks: a picture of every kind of work is done
 * once, so that library pages, tables and heap are touched and shared by the
 * children (facts/worker-spike 1).  All threads are joined at the end.
 */
#include "media/av/ladder.h"
#include <stdlib.h>
#include <string.h>
#include <libavcodec/avcodec.h>
#include "base/err.h"
#include "media/av/encode.h"
#include "media/av/mux.h"
#include "media/av/picture.h"

#define WARM_FRAMES 6

/* Moving stripes: something to predict, something to code. */
static void paint(AVFrame *f, int n)
{
	int i, x, y, h;

	for (i = 0; i < 3; i++) {
		h = i ? f->height / 2 : f->height;
		for (y = 0; y < h; y++)
			for (x = 0; x < f->linesize[i]; x++)
				f->data[i][(ptrdiff_t)y * f->linesize[i] + x] =
					(uint8_t)(x * 3 + (y ^ (x >> 3)) + n * 7);
	}
}

static int code_source(struct encoder **e, struct pic_pool *pool, struct err *err)
{
	static const struct ladder_rung source = {
		.width = 1920, .height = 1080, .bitrate = 6000000, .quality = -1,
	};
	struct encoder_opts o = {
		.rung = &source, .preset = "ultrafast", .fps_num = 30, .fps_den = 1,
		.frame_90k = 3000,
	};
	AVFrame *f;
	int i, rc = 0;

	for (i = 0; i < WARM_FRAMES && rc == 0; i++) {
		f = pic_pool_get(pool);
		if (!f)
			return err_set(err, ERR_INTERNAL, "no memory for a picture");
		paint(f, i);
		f->pts = i * 3000;
		if (!*e)
			*e = encoder_open(&o, f, err);
		rc = *e ? encoder_push(*e, f, err) : -1;
		av_frame_free(&f);
	}
	return rc == 0 ? encoder_flush(*e, err) : -1;
}

static int make_source(struct mux_out *out, struct err *err)
{
	struct mux_track video = { 0 }, audio = { 0 };
	struct encoder *e = NULL;
	struct pic_pool pool;
	int rc = -1;

	if (!pic_pool_init(&pool, 1920, 1080))
		return err_set(err, ERR_INTERNAL, "no memory for a picture");
	if (code_source(&e, &pool, err) == 0) {
		video.par = encoder_params(e);
		video.pkt = encoder_packets(e, &video.n);
		rc = mux_segment(out, false, &video, &audio, err);
	}
	encoder_free(e);
	pic_pool_fini(&pool);
	return rc;
}

static void drop(void *arg, struct ladder_out *out)
{
	free(out->data);
}

int ladder_warm_up(struct err *err)
{
	static const struct ladder_rung rungs[] = {
		{ .width = 1280, .height = 720, .bitrate = 4000000, .quality = -1 },
		{ .width = 854, .height = 480, .bitrate = 2000000, .quality = -1 },
		{ .width = 640, .height = 360, .bitrate = 1200000, .quality = -1 },
		{ .width = 426, .height = 240, .bitrate = 600000, .quality = -1 },
	};
	struct ladder_spec spec = {
		.rungs = rungs, .n_rungs = 4, .preset = "superfast", .max_pixels = 1920 * 1088,
	};
	struct mux_out source = { 0 };
	int rc;

	if (make_source(&source, err) < 0)
		return err_wrap(err, "warm-up");
	rc = ladder_run(&spec, source.data, source.len, drop, NULL, NULL, err);
	free(source.data);
	if (rc < 0)
		return err_wrap(err, "warm-up");
	ladder_codec_profile();
	return 0;
}
