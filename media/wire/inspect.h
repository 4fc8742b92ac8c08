#ifndef LP_MEDIA_WIRE_INSPECT_H
#define LP_MEDIA_WIRE_INSPECT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/wire/packet.h"
struct err;

/*
 * What a whole media segment claims to be, found without decoding: used on pushed
 * segments and on renditions that come back from others.  Costs about 1 ms a
 * megabyte.  Pure, any thread.
 */
struct inspect {
	enum codec video, audio;	/* CODEC_NONE: no such track */
	unsigned n_video, n_audio;	/* coded frames */
	bool starts_with_idr;
	int64_t first_pts_90k;		/* smallest video (else audio) pts, 33 bit in TS */
	int64_t duration_90k;		/* largest pts - smallest pts + one frame, of video (else audio) */
	int64_t audio_first_pts_90k, audio_duration_90k;	/* -1, 0: no audio */
	int width, height;		/* of the first SPS / sample entry */
	size_t init_len;		/* fMP4: ftyp+moov; 0 for TS */
	bool damaged;
	char codecs[64];		/* RFC 6381 list */
};

/* fmp4 false: MPEG-TS.  Fails with ERR_INVALID (no program, no frames), ERR_LIMIT. */
int inspect_segment(struct inspect *out, bool fmp4, const uint8_t *data, size_t len, struct err *err);

#endif
