#ifndef LP_MEDIA_AV_MUX_TS_H
#define LP_MEDIA_AV_MUX_TS_H
#include "media/av/mux.h"

/* What mux_segment does for MPEG-TS; use that. */
int mux_ts(struct mux_out *out, const struct mux_track *video, const struct mux_track *audio,
	   struct err *err);

#endif
