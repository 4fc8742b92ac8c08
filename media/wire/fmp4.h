#ifndef LP_MEDIA_WIRE_FMP4_H
#define LP_MEDIA_WIRE_FMP4_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/wire/packet.h"
struct buf;
struct err;

/*
 * Writes fragmented MP4: an init segment (ftyp, moov) and fragments (moof, mdat) of
 * at most one video and one audio track.  Track ids are 1 + enum track.  Video runs
 * on 90 kHz, audio on its sample rate.  Pure; one thread at a time.
 *
 * Source: ISO 14496-12 8; ISO 23000-19 7 (default-base-is-moof, tfdt, trun version 1
 * with signed composition offsets).
 */

/* Units a second of a track with these parameters. */
uint32_t fmp4_timescale(const struct track_config *c);

/*
 * Append an init segment; video or audio may be NULL.  The configs have been through
 * params_parse.  Fails with ERR_INVALID (no track, a codec without MP4 form) and
 * leaves b as it was.
 */
int fmp4_init(struct buf *b, const struct track_config *video, const struct track_config *audio,
	      struct err *err);

/* Append the box that begins a media segment. */
void fmp4_styp(struct buf *b);

struct fmp4_sample {
	uint32_t size;			/* bytes */
	uint32_t duration;		/* in the track's timescale, as cts */
	int32_t cts;			/* pts - dts */
	bool key;
};

/* Samples of one track that follow each other. */
struct fmp4_run {
	enum track track;
	uint64_t dts;			/* of the first, in the track's timescale */
	const struct fmp4_sample *samples;
	size_t n;
	const uint8_t *data;		/* of all samples, back to back */
	size_t len;
};

/* Append one fragment; runs without samples are left out.  sequence counts up from 1. */
void fmp4_fragment(struct buf *b, uint32_t sequence, const struct fmp4_run *runs, size_t n);

#endif
