#ifndef LP_PROTOCOL_PROFILE_H
#define LP_PROTOCOL_PROFILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/hash.h"
struct buf;
struct err;

/*
 * Transcoding profiles: the 13 presets of the Livepeer family, their JSON form,
 * the Studio's default ladder, and the rules that fit a profile to a source.
 * Pure.  Any thread.  Source: facts/go-livepeer.md 4, facts/studio-api.md.
 */
#define PROFILES_MAX 10
#define PROFILE_NAME_MAX 64

enum profile_encoder { ENCODER_H264, ENCODER_HEVC, ENCODER_VP8, ENCODER_VP9, ENCODER_AV1 };
enum profile_h264 { H264_ANY, H264_BASELINE, H264_CONSTRAINED_HIGH, H264_MAIN, H264_HIGH };

/* Plain value. */
struct profile {
	char name[PROFILE_NAME_MAX];	/* [A-Za-z0-9_-]{1,63}: it is part of a URL; not "source" */
	int width, height;		/* asked for; fitted by profile_fit */
	uint32_t bitrate;		/* bits a second; 0 only with quality */
	int fps_num, fps_den;		/* 0/1: the source's rate */
	int32_t gop_ms;			/* 0: one IDR a segment; -1: intra only */
	enum profile_encoder encoder;
	enum profile_h264 h264;
	int quality;			/* CRF 0..63; -1: rate control by bitrate */
};

struct profile_list {
	struct profile p[PROFILES_MAX];
	size_t n;
};

/* 240p0, 360p0, 480p0, 720p0: facts/studio-api.md (ConstrainedHigh, source rate). */
void profiles_default(struct profile_list *l);
/* "P240p30fps16x9,P360p30fps16x9".  Fails with ERR_NOT_FOUND naming the preset and those there are. */
int profiles_parse_presets(struct profile_list *l, const char *text, struct err *err);
/* JSON array of objects, at most 64 KiB.  Fails with ERR_INVALID naming the
 * element and the field. */
int profiles_parse_json(struct profile_list *l, const char *json, size_t len, struct err *err);
/* -transcodingOptions: presets, or a path to a JSON file when it has a '/' or ends in .json. */
int profiles_parse_option(struct profile_list *l, const char *text, struct err *err);
void profiles_to_json(struct buf *b, const struct profile_list *l);
size_t profiles_preset_count(void);
const struct profile *profiles_preset(size_t i);

/*
 * Output size for a source of src_w x src_h (as displayed): the source's shape
 * kept within the profile's box (portrait sources turn the box), even, clamped to
 * 146x50..4096x4096 for H.264.
 */
void profile_fit(const struct profile *p, int src_w, int src_h, int *w, int *h);

/* Leave out rungs larger than the source (both sides after turning the box).
 * A list that would become empty keeps its smallest rung, at the source's size. */
void profiles_fit_source(struct profile_list *l, int src_w, int src_h);

/* keccak256 over the canonical form of the whole list, what a session agrees on. */
struct hash32 profiles_hash(const struct profile_list *l);

/* Does a profile, a list, keep every rule above?  For lists that did not come through
 * the parsers here.  Fail with ERR_INVALID naming element and field. */
int profile_check(const struct profile *p, struct err *err);
int profiles_check(const struct profile_list *l, struct err *err);	/* names too: no two alike */

/* Can HLS carry them all?  Fails with ERR_INVALID naming the profile: VP8 fits
 * neither MPEG-TS nor the fragmented MP4 that FFmpeg 5.1 writes. */
int profiles_check_hls(const struct profile_list *l, struct err *err);

bool profile_is_fmp4(const struct profile *p);	/* VP9, AV1 (and VP8): not for MPEG-TS */

#endif
