#ifndef LP_MEDIA_AV_MUX_H
#define LP_MEDIA_AV_MUX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libavcodec/avcodec.h>
struct err;

/*
 * Writes one segment from packets that are all there already: MPEG-TS by our own
 * muxer (a pure function of its input; mux_ts.h has it unit by unit), or one fragment
 * of MP4 by libavformat's.  Video and audio are merged by decoding time.
 */
struct mux_track {
	const AVCodecParameters *par;	/* NULL: no such track */
	AVPacket *const *pkt;		/* pts, dts, duration in 90 kHz; borrowed */
	size_t n;
};

struct mux_out {
	uint8_t *data;			/* malloc'ed, the caller's */
	size_t len;
	size_t init_len;		/* fMP4: ftyp and moov */
};

/* TS takes H.264 and HEVC (Annex B or as in MP4), AAC and MP3; fMP4 takes all but
 * VP8.  Fails with ERR_INVALID (codec not for this container, broken units),
 * ERR_LIMIT (size), ERR_INTERNAL. */
int mux_segment(struct mux_out *out, bool fmp4, const struct mux_track *video,
		const struct mux_track *audio, struct err *err);

/* May this codec stand in MPEG-TS? */
bool mux_ts_takes(enum AVCodecID id);

#endif
