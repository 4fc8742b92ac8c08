#ifndef LP_PROTOCOL_JOB_OPTIONS_H
#define LP_PROTOCOL_JOB_OPTIONS_H
#include <stddef.h>
#include <stdint.h>
#include "protocol/profile.h"
struct buf;
struct err;

/*
 * A job's transcoding options as the chain has them, and the work they mean: eth/contracts/
 * lib/Options.sol in C.  Pure.  Any thread.
 * Source: docs/contracts.md 5.
 */
#define JOB_OPTIONS_MAX (11 + 19 * PROFILES_MAX)

struct job_rendition {
	uint16_t width, height;
	uint32_t rate;			/* 1/1000 frames a second; 0: the source's */
	uint32_t bitrate;
	enum profile_encoder encoder;
	uint8_t h264;			/* enum profile_h264 */
	int32_t gop_ms;
	int8_t quality;			/* -1: by bitrate */
};

struct job_options {
	uint16_t width, height;		/* of the source */
	uint32_t rate;			/* 1/1000 frames a second */
	uint16_t max_segment_ms;
	struct job_rendition r[PROFILES_MAX];
	size_t n;
};

/* o: width, height, rate, max_segment_ms are filled; the profiles are fitted to that source (
 * no rung above it, its shape).  Fails with ERR_INVALID. */
int job_options_of_profiles(struct job_options *o, const struct profile_list *l, struct err *err);
void job_options_pack(struct buf *b, const struct job_options *o);
/* Of bytes from the chain.  Fails with ERR_INVALID where the contract would. */
int job_options_parse(struct job_options *o, const void *data, size_t len, struct err *err);
/* Units of the longest segment: 10^6 encoded pixels of H.264, rounded up.  Fails with ERR_LIMIT
 * above 2^32 - 1. */
int job_options_units(uint32_t *units, const struct job_options *o, struct err *err);
const char *job_encoder_name(enum profile_encoder e);

#endif
