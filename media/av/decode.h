#ifndef LP_MEDIA_AV_DECODE_H
#define LP_MEDIA_AV_DECODE_H
#include <stddef.h>
#include <stdint.h>
#include <libavcodec/packet.h>
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
struct decoder;

struct decoded {
	size_t n_pictures;
	int width, height;	/* of the first picture, as displayed with square pixels */
	uint64_t cpu_us;	/* spent in the decoder */
};

/* Gets each picture (borrowed).  -1 with err filled ends decoding. */
typedef int decode_cb(void *arg, const AVFrame *frame, struct err *err);

/*
 * in: borrowed, outlives us; it has begun.  All fail with ERR_INVALID (damaged,
 * unsupported), ERR_LIMIT (max_pixels, cpu_limit_us), ERR_INTERNAL, or the
 * callback's error; after a failure there is only decoder_free.
 */
struct decoder *decoder_open(const struct input *in, uint64_t cpu_limit_us, decode_cb *cb,
			     void *arg, struct err *err);
void decoder_free(struct decoder *d);
/* The next unit: gives the pictures that are ready with it. */
int decoder_push(struct decoder *d, const AVPacket *unit, struct err *err);
/* No unit follows: gives the rest, then counts all against the input's units. */
int decoder_end(struct decoder *d, struct err *err);
/* The same without counting: for who wants no more than the first pictures. */
int decoder_drain(struct decoder *d, struct err *err);
const struct decoded *decoder_result(const struct decoder *d);

#endif
