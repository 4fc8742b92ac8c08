#ifndef LP_NODE_FARM_CHECK_H
#define LP_NODE_FARM_CHECK_H
#include <stdint.h>
struct err;
struct inspect;
struct profile;

/*
 * Is a rendition, as inspect_segment found it, what was asked for?  Undamaged,
 * begins with an IDR, has the size, the number of frames, the duration and the
 * first time of its source.  Whether the picture is right is the verifier's.
 * Pure.  Any thread.
 */
struct check_source {
	uint32_t duration_ms;
	unsigned n_video;	/* 0: not known, frames are not counted */
	int64_t first_pts_90k;
};
/* p: fitted to the source.  Fails with ERR_INVALID. */
int check_rendition(const struct inspect *in, const struct profile *p,
		    const struct check_source *src, struct err *err);

#endif
