#ifndef LP_MEDIA_AV_MUX_MP4_H
#define LP_MEDIA_AV_MUX_MP4_H
#include "media/av/mux.h"

/* What mux_segment does for fMP4; use that. */
int mux_mp4(struct mux_out *out, const struct mux_track *video, const struct mux_track *audio,
	    struct err *err);

/* The track (0 or 1) whose packet at[track] comes next in decoding time; -1: all
 * are written.  Video goes first of equals. */
int mux_next(const struct mux_track *const t[2], const size_t at[2]);

#endif
