#ifndef LP_MEDIA_AV_MUX_TS_H
#define LP_MEDIA_AV_MUX_TS_H
#include <stdbool.h>
#include "media/av/mux.h"

/*
 * MPEG-TS unit by unit, in order of decoding: video goes first of equals.  Its bytes
 * are a function of the units, not of when they are taken.
 */
struct ts_writer;

/* NULL parameters: no such track.  Copied.  Fails with ERR_INVALID (codec not for this
 * container, broken parameters), ERR_LIMIT. */
struct ts_writer *ts_writer_new(const AVCodecParameters *video, const AVCodecParameters *audio,
				struct err *err);
void ts_writer_free(struct ts_writer *w);
int ts_writer_add(struct ts_writer *w, bool video, const AVPacket *p, struct err *err);
void ts_writer_end(struct ts_writer *w);	/* writes audio that was gathered */
/* What has been written since the last time; malloc'ed, NULL: nothing. */
uint8_t *ts_writer_take(struct ts_writer *w, size_t *len);

/* What mux_segment does for MPEG-TS; use that. */
int mux_ts(struct mux_out *out, const struct mux_track *video, const struct mux_track *audio,
	   struct err *err);

#endif
