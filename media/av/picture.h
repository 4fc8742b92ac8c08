#ifndef LP_MEDIA_AV_PICTURE_H
#define LP_MEDIA_AV_PICTURE_H
#include <stdbool.h>
#include <stdint.h>
#include <libavutil/buffer.h>
#include <libavutil/frame.h>

/*
 * 8-bit 4:2:0 pictures from a pool, and the two things done to whole pictures
 * besides scaling: taking interlacing out and turning.  Integer arithmetic only,
 * so the result is the same on every machine.  A pool belongs to one thread; its
 * pictures may be freed by any.
 */
struct pic_pool {
	AVBufferPool *pool;	/* owned */
	int width, height;
	int linesize[3];
	size_t offset[3], size;
};

bool pic_pool_init(struct pic_pool *p, int width, int height);
void pic_pool_fini(struct pic_pool *p);
/* A yuv420p frame with undefined content; NULL when memory is gone. */
AVFrame *pic_pool_get(struct pic_pool *p);

/* Copy time, colour description and closed captions. */
void pic_copy_meta(AVFrame *to, const AVFrame *from);

/* The same as yuv420p of unspecified range naming: yuvj420p and friends are
 * old names for full-range formats. */
enum AVPixelFormat pic_plain_format(enum AVPixelFormat f);

/* How to turn a picture; derived from a display matrix. */
struct pic_turn {
	bool swap;		/* rows become columns */
	bool flip_x, flip_y;	/* read the source from right to left, bottom to top */
};
struct pic_turn pic_turn_of(const int32_t matrix[9]);
bool pic_turn_is_none(struct pic_turn t);

/* from and to: yuv420p, to of the turned size. */
void pic_turn(AVFrame *to, const AVFrame *from, struct pic_turn t);

/*
 * Keep the field that comes first in time; every other line becomes the median
 * of itself and its two neighbours: still parts keep their full detail, combs of
 * moving parts go.  from and to: yuv420p of the same size.
 */
void pic_deinterlace(AVFrame *to, const AVFrame *from, bool top_first);

#endif
