#ifndef LP_MEDIA_WIRE_FLV_H
#define LP_MEDIA_WIRE_FLV_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "media/wire/packet.h"
struct err;

/*
 * FLV audio and video tags as RTMP carries them, legacy and enhanced (v1, v2), to
 * codec parameters and packets.  First a tag's header is parsed (a pure function),
 * then a demuxer gives time and meaning to a stream of tags.  Pure.  One thread at
 * a time for a demuxer.
 *
 * Source: Adobe FLV 10.1 annex E; veovera enhanced RTMP v2; HEVC under codec id 12
 * is the older habit of CDNs in China, still sent by encoders.
 */

enum flv_kind {
	FLV_NOTHING,		/* end marks, metadata, commands, other tracks */
	FLV_CONFIG,		/* sequence header: data is the codec's parameters */
	FLV_FRAME,
	FLV_UNSUPPORTED,	/* a codec we do not carry: name says which */
};

/* One parsed tag.  data is borrowed from the tag. */
struct flv_tag {
	enum flv_kind kind;
	enum codec codec;
	bool key;		/* video: what the tag says; after flv_demux_push, what is true */
	int32_t cts_ms;		/* video: pts - dts, negative is legal */
	uint32_t nano;		/* added to the presentation time, < 1 ms (ModEx) */
	const uint8_t *data;
	size_t len;
	char name[28];		/* FLV_UNSUPPORTED: "Sorenson H.263", "fLaC" */
};

/* Parse the body of a video (type 9) or audio (type 8) message.  Fails with
 * ERR_INVALID when it is cut short or contradicts itself. */
int flv_parse_video(struct flv_tag *t, const uint8_t *data, size_t len, struct err *err);
int flv_parse_audio(struct flv_tag *t, const uint8_t *data, size_t len, struct err *err);

struct flv_demux_cb {
	/* New or changed parameters of a track; before its packets. */
	void (*on_track)(void *arg, enum track track, const struct track_config *config);
	void (*on_packet)(void *arg, const struct media_packet *p);
	/* The track cannot be carried, once a track: why is a sentence for people. */
	void (*on_refused)(void *arg, enum track track, const char *why);
};

struct flv_demux;

struct flv_demux *flv_demux_new(const struct flv_demux_cb *cb, void *arg);
void flv_demux_free(struct flv_demux *d);

/*
 * One tag in the order of arrival.
 *
 * time_ms: the message's 32-bit time stamp, which wraps; packets get it unwrapped
 * (all tracks on one line) in 90 kHz.  Audio times are rebuilt from the number of
 * samples, as milliseconds are too coarse for them, and follow the time stamps
 * again when those are more than 100 ms off.
 * t->key becomes true exactly for packets passed on with key.
 * Fails with ERR_INVALID for parameters that cannot be parsed and frames before
 * parameters: the tag is dropped, the stream goes on.
 */
int flv_demux_push(struct flv_demux *d, enum track track, uint32_t time_ms, struct flv_tag *t,
		   struct err *err);

/* The tags inside an aggregate message (type 22), re-based to the message's time. */
struct flv_aggregate {
	struct rd rd;
	uint32_t time_ms;	/* of the message */
	uint32_t first_ms;	/* of the first tag */
	bool started;
};
struct flv_sub_tag {
	uint8_t type;		/* 8 audio, 9 video, 18 data */
	uint32_t time_ms;
	const uint8_t *data;
	size_t len;
};
struct flv_aggregate flv_aggregate_of(const uint8_t *data, size_t len, uint32_t time_ms);
/* false: the end, or the rest is damaged. */
bool flv_aggregate_next(struct flv_aggregate *a, struct flv_sub_tag *t);

#endif
