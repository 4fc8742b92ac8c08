#ifndef LP_MEDIA_WIRE_TSMUX_H
#define LP_MEDIA_WIRE_TSMUX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/wire/packet.h"
struct buf;
struct err;

/*
 * MPEG-TS multiplexer: one program with at most one video (H.264, HEVC) and one
 * audio (AAC in ADTS, MP3) stream, written straight into the caller's buffer.
 *
 * Timestamps are written as given, mod 2^33.  The PCR runs TSMUX_PCR_DELAY_90K
 * behind the dts, so a caller whose time line begins at 0 adds an offset of at least
 * that much (the segmenter adds 1.4 s); who passes on the times of another TS adds
 * nothing.  Bytes are a pure function of the calls since tsmux_begin(fresh).
 * A full buffer shows as out->failed.  One thread at a time.
 *
 * Source: ISO 13818-1 2.4, 2.7.2 (PCR at least each 100 ms); ISO 14496-10 Annex B.
 */
struct tsmux;

#define TSMUX_PCR_DELAY_90K 63000	/* 0.7 s: room for audio that is grouped or late */

struct tsmux *tsmux_new(void);
void tsmux_free(struct tsmux *m);

/*
 * Set what a track carries; NULL or CODEC_NONE: nothing.  To be called between
 * segments, before tsmux_begin.  config is copied as far as needed.  Fails with
 * ERR_INVALID (a codec that TS does not carry here, or damaged parameters): the
 * track is empty then.
 */
int tsmux_set_track(struct tsmux *m, enum track track, const struct track_config *config,
		    struct err *err);

/*
 * Begin a segment: PAT and PMT.  fresh: continuity counters begin at 0 and the first
 * packet of each PID has the discontinuity indicator; else the counters run on from
 * the segment before.
 */
void tsmux_begin(struct tsmux *m, struct buf *out, bool fresh);

/* One access unit. */
struct tsmux_au {
	const uint8_t *data;
	size_t len;
	int len_size;			/* bytes of the NAL length prefixes; 0: Annex B */
	int64_t pts_90k, dts_90k;
	bool key;			/* IDR: gets the random access indicator and, if it
					 * holds none, the track's parameter sets */
};

/* Write an access unit.  false: its NAL units are damaged or there are none, and
 * nothing was written. */
bool tsmux_video(struct tsmux *m, struct buf *out, const struct tsmux_au *au);

/*
 * Add one audio frame (raw AAC, whole MP3).  Frames are gathered to about 100 ms a
 * PES packet, so they come out with a later call.  false: it has no ADTS form
 * (above 8184 bytes, ...), and was left out.
 */
bool tsmux_audio(struct tsmux *m, struct buf *out, const uint8_t *data, size_t len,
		 int64_t pts_90k);

/* Write the gathered audio: at the end of a segment. */
void tsmux_flush(struct tsmux *m, struct buf *out);

#endif
