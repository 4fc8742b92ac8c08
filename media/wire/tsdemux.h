#ifndef LP_MEDIA_WIRE_TSDEMUX_H
#define LP_MEDIA_WIRE_TSDEMUX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/wire/packet.h"
struct err;

/*
 * MPEG-TS demultiplexer for foreign bytes: one program, its first video and first
 * audio PID (H.264 0x1b, HEVC 0x24, AAC ADTS 0x0f, MP3 0x03/0x04).  One PES
 * packet may hold one or more access units (split at AUD or first slice) or ADTS
 * frames.  Bounded: PAT/PMT 1021 bytes, PES 16 MiB, 64 PIDs looked at.  Pure.
 * Source: ISO 13818-1 2.4; facts/worker-spike 5.
 */
struct ts_demux;

/* A coded frame as it stands in the TS: Annex B video, raw AAC (ADTS stripped,
 * its header as AudioSpecificConfig in config) or MP3 frames. */
struct ts_unit {
	enum track track;
	enum codec codec;
	int64_t pts_90k, dts_90k;	/* 33 bit, not unwrapped; -1: none */
	bool key;			/* video: holds an IDR */
	bool damaged;			/* continuity broke or lengths disagreed inside it */
	const uint8_t *data;		/* borrowed for the call */
	size_t len;
	int sample_rate, channels;	/* audio */
	uint8_t asc[2];			/* AAC: AudioSpecificConfig */
};
typedef void ts_unit_cb(void *arg, const struct ts_unit *u);

struct ts_demux *ts_demux_new(ts_unit_cb *cb, void *arg);
/* Feed bytes, any split.  Fails with ERR_INVALID when the stream loses sync for
 * more than 64 KiB, ERR_LIMIT for a bound. */
int ts_demux_push(struct ts_demux *d, const uint8_t *data, size_t len, struct err *err);
/* The end: passes on what is pending. */
void ts_demux_flush(struct ts_demux *d);
bool ts_demux_had_damage(const struct ts_demux *d);	/* continuity, sync, length */
/* Does the program have such a track, as far as the tables seen so far say? */
bool ts_demux_has_track(const struct ts_demux *d, enum track track);
void ts_demux_free(struct ts_demux *d);

#endif
