#ifndef LP_MEDIA_AV_OUTLET_H
#define LP_MEDIA_AV_OUTLET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libavcodec/avcodec.h>
#include "media/av/ladder.h"
struct err;
struct input;
struct ts_writer;

/*
 * Where a rendition leaves: coded video from its rung and the segment's audio go in,
 * pieces come out.  MPEG-TS is written unit by unit, as soon as it is certain which
 * comes next, and handed on before each key frame but the first; so pieces end at the
 * same bytes however the input came.  One thread.
 */
struct outlet {
	const struct ladder_rung *spec;	/* borrowed */
	size_t index;
	const struct input *in;		/* borrowed; has begun */
	bool fmp4;
	ladder_sink *sink;
	void *arg;
	const AVCodecParameters *par;	/* borrowed; of the video, NULL as long as there is none */

	AVPacket **pkt;			/* video; NULL: written */
	size_t n, cap;
	size_t at_video, at_audio;	/* the next to write */
	struct ts_writer *writer;	/* owned; from the first unit on */
	size_t total;			/* bytes handed on */
	int64_t first, last;		/* of the video, or of audio alone */
};

void outlet_init(struct outlet *o, const struct ladder_rung *spec, size_t index,
		 const struct input *in, ladder_sink *sink, void *arg);
void outlet_fini(struct outlet *o);
/* Takes pkt. */
void outlet_add(struct outlet *o, AVPacket *pkt);
/* Hand on what is whole.  Fails as mux_segment does. */
int outlet_step(struct outlet *o, struct err *err);
/* All video is in and the input has ended: hand on the rest. */
int outlet_end(struct outlet *o, struct err *err);

#endif
