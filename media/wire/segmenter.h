#ifndef LP_MEDIA_WIRE_SEGMENTER_H
#define LP_MEDIA_WIRE_SEGMENTER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/wire/packet.h"
struct err;

/*
 * Cuts packets into independent segments at IDRs, about target_ms long, and muxes
 * them: MPEG-TS for H.264/HEVC with AAC/MP3, fragmented MP4 for AV1, VP9 and Opus.
 * Accepts video-only, audio-only, a track that appears late (with a
 * discontinuity; video starts the stream if it comes within 1.5 s of media),
 * B-frames, odd rates, timestamp jumps and wraps, new codec parameters
 * mid-stream.  A segment that meets no IDR is cut at 16 s or 32 MiB, marked
 * untranscodable, and what follows up to the next IDR too.  Nothing is lost at
 * the end.  Pure: no I/O, no clock; time is media time.  Loop thread.
 *
 * Source: DESIGN section 4; RFC 8216 3.2, 6.2.1; ISO 13818-1.
 */
struct segmenter;

enum container { CONTAINER_TS, CONTAINER_FMP4 };

struct segmenter_opts {
	int target_ms;			/* 2000 */
	int max_ms;			/* 16000 */
	size_t max_bytes;		/* 32 MiB */
	uint64_t first_sequence;
};

/* A segment's facts; valid for the call that gets it. */
struct segment_info {
	uint64_t sequence;
	enum container container;
	int64_t start_pts_90k;		/* first pts on the continuous (33-bit wrapped for TS) time line */
	int64_t duration_90k;
	bool discontinuity;		/* timestamps or parameters do not continue the last segment's */
	bool independent;		/* begins with an IDR (or is audio only) */
	bool transcodable;		/* independent and within the limits */
	unsigned n_video, n_audio;	/* frames */
	size_t init_len;		/* fMP4: leading bytes that are ftyp+moov; 0 for TS */
	int width, height;		/* of the video, 0 if none */
	int fps_num, fps_den;		/* measured over the segment when the SPS is silent */
	char codecs[64];		/* RFC 6381: "avc1.64001f,mp4a.40.2" */
};

struct segmenter_cb {
	/* The first bytes of a segment follow (only sequence, container,
	 * discontinuity, independent, size and codecs are known). */
	void (*begin)(void *arg, const struct segment_info *info);
	/* The next bytes, borrowed for the call. */
	void (*data)(void *arg, const uint8_t *data, size_t len);
	void (*end)(void *arg, const struct segment_info *info);
};

struct segmenter *segmenter_new(const struct segmenter_opts *opts,
				const struct segmenter_cb *cb, void *arg);

/* New or changed parameters of a track, before its packets.  Fails with
 * ERR_INVALID (parameters that cannot be parsed): the old ones stay. */
int segmenter_set_track(struct segmenter *s, enum track track,
			const struct track_config *config, struct err *err);

/* One packet in decode order of its track.  Fails with ERR_INVALID for a packet
 * that cannot be muxed (it is dropped, the stream goes on). */
int segmenter_push(struct segmenter *s, const struct media_packet *p, struct err *err);

/* The source stopped and another will go on: ends the open segment; the next
 * begins with a discontinuity. */
void segmenter_break(struct segmenter *s);

/* No more packets: ends the open segment. */
void segmenter_flush(struct segmenter *s);

uint64_t segmenter_next_sequence(const struct segmenter *s);
/* The longest distance of two key frames seen lately, ms; 0 until two came. */
int segmenter_gop_ms(const struct segmenter *s);
void segmenter_free(struct segmenter *s);

#endif
