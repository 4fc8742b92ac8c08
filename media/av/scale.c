#include "media/av/scale.h"
#include <stdbool.h>
#include <stdlib.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include "base/err.h"
#include "base/mem.h"
#include "media/av/bicubic.h"
#include "media/av/picture.h"

/* BITEXACT and ACCURATE_RND make the result independent of the CPU for 8 % more
 * time (facts/media-limits 2b, 2e). */
#define SCALE_FLAGS (SWS_BICUBIC | SWS_BITEXACT | SWS_ACCURATE_RND)

struct scaler {
	int width, height;
	struct pic_pool pool;
	/* One of the two is open for the source below, or none yet; the bytes are the
	 * same. */
	struct bicubic *own;
	struct SwsContext *sws;
	int src_width, src_height;
	enum AVPixelFormat src_format;
	int src_full;		/* full range */
};

struct scaler *scaler_new(int width, int height)
{
	struct scaler *s = xcalloc(1, sizeof(*s));

	s->width = width;
	s->height = height;
	return s;
}

void scaler_free(struct scaler *s)
{
	if (!s)
		return;
	bicubic_free(s->own);
	sws_freeContext(s->sws);
	pic_pool_fini(&s->pool);
	free(s);
}

static bool is_rgb(enum AVPixelFormat f)
{
	const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f);

	return d && (d->flags & AV_PIX_FMT_FLAG_RGB);
}

static int open_swscale(struct scaler *s, int width, int height, enum AVPixelFormat f, int full,
			struct err *err)
{
	const int *table = sws_getCoefficients(SWS_CS_DEFAULT);

	s->sws = sws_getContext(width, height, f, s->width, s->height, AV_PIX_FMT_YUV420P,
				SCALE_FLAGS, NULL, NULL, NULL);
	if (!s->sws)
		return err_set(err, ERR_INVALID, "pictures of %s, %dx%d cannot be scaled",
			       av_get_pix_fmt_name(f), width, height);
	/* The same range on both sides: values are kept, the flag travels along. */
	if (!is_rgb(f))
		sws_setColorspaceDetails(s->sws, table, full, table, full, 0, 1 << 16, 1 << 16);
	return 0;
}

/* Open what scales this source unless it is open already. */
static int prepare(struct scaler *s, const AVFrame *from, struct err *err)
{
	enum AVPixelFormat f = pic_plain_format(from->format);
	int full = from->color_range == AVCOL_RANGE_JPEG && !is_rgb(f);

	if ((s->own || s->sws) && s->src_width == from->width &&
	    s->src_height == from->height && s->src_format == f && s->src_full == full)
		return 0;
	bicubic_free(s->own);
	sws_freeContext(s->sws);
	s->own = NULL;
	s->sws = NULL;
	if (f == AV_PIX_FMT_YUV420P)
		s->own = bicubic_new(from->width, from->height, s->width, s->height);
	if (!s->own && open_swscale(s, from->width, from->height, f, full, err) < 0)
		return -1;
	s->src_width = from->width;
	s->src_height = from->height;
	s->src_format = f;
	s->src_full = full;
	return 0;
}

static bool work(const struct scaler *s, AVFrame *to, const AVFrame *from)
{
	if (!s->own)
		return sws_scale(s->sws, (const uint8_t *const *)from->data, from->linesize, 0,
				 from->height, to->data, to->linesize) == s->height;
	bicubic_run(s->own, to, from);
	return true;
}

/* Pass the picture on as it is, under the plain name of its format. */
static AVFrame *pass(const AVFrame *from, struct err *err)
{
	AVFrame *f = av_frame_clone(from);

	if (!f) {
		err_set(err, ERR_INTERNAL, "no memory for a picture");
		return NULL;
	}
	f->format = AV_PIX_FMT_YUV420P;
	return f;
}

AVFrame *scaler_run(struct scaler *s, const AVFrame *from, struct err *err)
{
	AVFrame *to;

	if (from->width == s->width && from->height == s->height &&
	    pic_plain_format(from->format) == AV_PIX_FMT_YUV420P)
		return pass(from, err);
	if (prepare(s, from, err) < 0)
		return NULL;
	if (!s->pool.pool && !pic_pool_init(&s->pool, s->width, s->height))
		to = NULL;
	else
		to = pic_pool_get(&s->pool);
	if (!to) {
		err_set(err, ERR_INTERNAL, "no memory for a picture");
		return NULL;
	}
	if (!work(s, to, from)) {
		av_frame_free(&to);
		err_set(err, ERR_INTERNAL, "swscale gave no picture");
		return NULL;
	}
	pic_copy_meta(to, from);
	if (is_rgb(s->src_format)) {
		/* What swscale's default makes of RGB. */
		to->colorspace = AVCOL_SPC_SMPTE170M;
		to->color_range = AVCOL_RANGE_MPEG;
	}
	return to;
}
