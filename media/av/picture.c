#include "media/av/picture.h"
#include <string.h>
#include <libavutil/imgutils.h>

/* Lines start on a cache line; swscale and x264 may read a vector past the end. */
#define LINE_ALIGN 64
#define TAIL_PAD 64

static int align_up(int n)
{
	return (n + LINE_ALIGN - 1) & ~(LINE_ALIGN - 1);
}

bool pic_pool_init(struct pic_pool *p, int width, int height)
{
	int rows[3] = { height, (height + 1) / 2, (height + 1) / 2 };
	int i;

	*p = (struct pic_pool){ .width = width, .height = height };
	p->linesize[0] = align_up(width);
	p->linesize[1] = p->linesize[2] = align_up((width + 1) / 2);
	for (i = 0; i < 3; i++) {
		p->offset[i] = p->size;
		p->size += (size_t)p->linesize[i] * rows[i];
	}
	p->size += TAIL_PAD;
	p->pool = av_buffer_pool_init(p->size, NULL);
	return p->pool != NULL;
}

void pic_pool_fini(struct pic_pool *p)
{
	av_buffer_pool_uninit(&p->pool);
}

AVFrame *pic_pool_get(struct pic_pool *p)
{
	AVFrame *f = av_frame_alloc();
	int i;

	if (!f)
		return NULL;
	f->buf[0] = av_buffer_pool_get(p->pool);
	if (!f->buf[0]) {
		av_frame_free(&f);
		return NULL;
	}
	f->format = AV_PIX_FMT_YUV420P;
	f->width = p->width;
	f->height = p->height;
	for (i = 0; i < 3; i++) {
		f->linesize[i] = p->linesize[i];
		f->data[i] = f->buf[0]->data + p->offset[i];
	}
	f->extended_data = f->data;
	return f;
}

void pic_copy_meta(AVFrame *to, const AVFrame *from)
{
	const AVFrameSideData *cc = av_frame_get_side_data(from, AV_FRAME_DATA_A53_CC);
	AVBufferRef *ref;

	to->pts = from->pts;
	to->color_range = from->color_range;
	to->color_primaries = from->color_primaries;
	to->color_trc = from->color_trc;
	to->colorspace = from->colorspace;
	to->chroma_location = from->chroma_location;
	if (!cc || av_frame_get_side_data(to, AV_FRAME_DATA_A53_CC))
		return;
	ref = av_buffer_ref(cc->buf);
	if (ref && !av_frame_new_side_data_from_buf(to, AV_FRAME_DATA_A53_CC, ref))
		av_buffer_unref(&ref);
}

enum AVPixelFormat pic_plain_format(enum AVPixelFormat f)
{
	if (f == AV_PIX_FMT_YUVJ420P)
		return AV_PIX_FMT_YUV420P;
	if (f == AV_PIX_FMT_YUVJ422P)
		return AV_PIX_FMT_YUV422P;
	if (f == AV_PIX_FMT_YUVJ444P)
		return AV_PIX_FMT_YUV444P;
	if (f == AV_PIX_FMT_YUVJ440P)
		return AV_PIX_FMT_YUV440P;
	return f;
}

/*
 * The matrix sends a source point (x, y) to (m0 x + m3 y, m1 x + m4 y).  Only
 * quarter turns and mirrors are obeyed; any other angle goes to the nearest.
 * Source: ISO 14496-12, 6.2.2.
 */
struct pic_turn pic_turn_of(const int32_t m[9])
{
	struct pic_turn t = { false, false, false };
	int64_t straight = llabs((int64_t)m[0]) + llabs((int64_t)m[4]);
	int64_t crossed = llabs((int64_t)m[1]) + llabs((int64_t)m[3]);

	t.swap = crossed > straight;
	t.flip_x = (t.swap ? m[1] : m[0]) < 0;
	t.flip_y = (t.swap ? m[3] : m[4]) < 0;
	return t;
}

bool pic_turn_is_none(struct pic_turn t)
{
	return !t.swap && !t.flip_x && !t.flip_y;
}

/* A plane of w x h source pixels; the steps walk the source as the result is
 * written row by row. */
static void turn_plane(uint8_t *to, int to_stride, const uint8_t *from, int from_stride,
		       int w, int h, struct pic_turn t)
{
	ptrdiff_t step_x = t.flip_x ? -1 : 1;
	ptrdiff_t step_y = t.flip_y ? -(ptrdiff_t)from_stride : from_stride;
	ptrdiff_t inner = t.swap ? step_y : step_x;
	ptrdiff_t outer = t.swap ? step_x : step_y;
	int to_w = t.swap ? h : w, to_h = t.swap ? w : h;
	int block = 32, x0, y0, x, y;

	if (t.flip_x)
		from += w - 1;
	if (t.flip_y)
		from += (ptrdiff_t)from_stride * (h - 1);
	/* In blocks, so that a turned plane does not miss the cache at each pixel. */
	for (y0 = 0; y0 < to_h; y0 += block)
		for (x0 = 0; x0 < to_w; x0 += block)
			for (y = y0; y < y0 + block && y < to_h; y++)
				for (x = x0; x < x0 + block && x < to_w; x++)
					to[(ptrdiff_t)to_stride * y + x] =
						from[outer * y + inner * x];
}

void pic_turn(AVFrame *to, const AVFrame *from, struct pic_turn t)
{
	int cw = (from->width + 1) / 2, ch = (from->height + 1) / 2, i;

	for (i = 0; i < 3; i++)
		turn_plane(to->data[i], to->linesize[i], from->data[i], from->linesize[i],
			   i ? cw : from->width, i ? ch : from->height, t);
}

static void median_line(uint8_t *to, const uint8_t *above, const uint8_t *here,
			const uint8_t *below, int w)
{
	int x;

	for (x = 0; x < w; x++) {
		uint8_t lo = above[x] < below[x] ? above[x] : below[x];
		uint8_t hi = above[x] < below[x] ? below[x] : above[x];
		uint8_t v = here[x] < lo ? lo : here[x];

		to[x] = v > hi ? hi : v;
	}
}

static void deinterlace_plane(uint8_t *to, int to_stride, const uint8_t *from,
			      int from_stride, int w, int h, int keep)
{
	const uint8_t *line, *above, *below;
	int y;

	for (y = 0; y < h; y++) {
		line = from + (ptrdiff_t)from_stride * y;
		above = y > 0 ? line - from_stride : NULL;
		below = y + 1 < h ? line + from_stride : NULL;
		if ((y & 1) == keep || (!above && !below))
			memcpy(to, line, w);
		else
			median_line(to, above ? above : below, line, below ? below : above, w);
		to += to_stride;
	}
}

void pic_deinterlace(AVFrame *to, const AVFrame *from, bool top_first)
{
	int cw = (from->width + 1) / 2, ch = (from->height + 1) / 2, i;

	for (i = 0; i < 3; i++)
		deinterlace_plane(to->data[i], to->linesize[i], from->data[i],
				  from->linesize[i], i ? cw : from->width,
				  i ? ch : from->height, top_first ? 0 : 1);
}
