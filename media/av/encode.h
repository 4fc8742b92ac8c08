#ifndef LP_MEDIA_AV_ENCODE_H
#define LP_MEDIA_AV_ENCODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libavcodec/avcodec.h>
#include "media/av/ladder.h"
struct err;

/*
 * One encoder, opened for one rendition of one segment.  It sees frame numbers
 * instead of times, so that its bytes do not depend on where in the stream the
 * segment lies; the packets get the pictures' own times back.
 */
struct encoder;

struct encoder_opts;
/* An encoder of a device instead of the software one. */
struct encoder_hw {
	const char *name;		/* libavcodec's */
	/* All that depends on it; format and frames of the device are those of first. */
	void (*set_up)(AVCodecContext *c, const struct encoder_opts *o, AVDictionary **d);
	int rc;				/* out: the AVERROR of an encoder_open that failed */
};

struct encoder_opts {
	const struct ladder_rung *rung;
	const char *preset;
	int fps_num, fps_den;		/* for rate control and the VUI */
	int64_t frame_90k;		/* usual distance of two pictures */
	const char *x264_extra;		/* more x264-params, NULL: none; for tests */
	struct encoder_hw *hw;		/* NULL: software.  Borrowed for encoder_open */
};

/* first: a picture of the rung's size, for the colour description.  Returns NULL
 * with ERR_INVALID (settings refused by the encoder) or ERR_INTERNAL. */
struct encoder *encoder_open(const struct encoder_opts *opts, const AVFrame *first,
			     struct err *err);
void encoder_free(struct encoder *e);

/* Code one picture; pts in 90 kHz, rising.  frame's pts and type are overwritten.
 * Fails with ERR_INTERNAL, ERR_LIMIT (too many pictures or bytes). */
int encoder_push(struct encoder *e, AVFrame *frame, struct err *err);

/* No more pictures: complete the packets.  Once. */
int encoder_flush(struct encoder *e, struct err *err);

/* The packets made so far, in coding order with the pictures' times.  Borrowed until
 * the encoder is used again. */
AVPacket *const *encoder_packets(const struct encoder *e, size_t *n);
/* Those packets belong to the caller now. */
void encoder_drop(struct encoder *e);
/* The stream's parameters.  Borrowed until encoder_free; any thread. */
const AVCodecParameters *encoder_params(const struct encoder *e);

/* Is there such a preset (x264's names)? */
bool encoder_has_preset(const char *preset);

#endif
