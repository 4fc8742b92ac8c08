#ifndef LP_MEDIA_AV_DECODE_H
#define LP_MEDIA_AV_DECODE_H
#include <stddef.h>
#include <stdint.h>
#include <libavutil/frame.h>
struct err;
struct input;

/*
 * Decodes the video of a segment, strictly: one thread, every check that the
 * decoder has.  Any error, any picture missing or concealed refuses the segment.
 * That is a stable verdict, not proof of undamaged input (facts/worker-spike 6).
 * Pictures come in order of display with rising pts
 * (90 kHz), deinterlaced and turned upright.
 */
struct decoded {
	size_t n_pictures;
	int width, height;	/* of the first picture, as displayed with square pixels */
	uint64_t cpu_us;	/* spent in the decoder */
};

/* Gets each picture (borrowed).  -1 with err filled ends decoding. */
typedef int decode_cb(void *arg, const AVFrame *frame, struct err *err);

/*
 * max_pictures: end without error after so many, 0 for all (and then they are
 * counted against the units).  Fails with ERR_INVALID (damaged, unsupported),
 * ERR_LIMIT (max_pixels, cpu_limit_us), ERR_INTERNAL, or the callback's error.
 */
int decode_video(struct decoded *out, const struct input *in, uint64_t max_pixels,
		 uint64_t cpu_limit_us, size_t max_pictures, decode_cb *cb, void *arg,
		 struct err *err);

#endif
