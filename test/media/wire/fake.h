#ifndef LP_TEST_FAKE_H
#define LP_TEST_FAKE_H
#include <string.h>
#include "base/hex.h"
#include "media/wire/packet.h"
#include "media/wire/params.h"

/*
 * Made-up coded frames with real NAL headers, and parameters that real encoders
 * wrote (origin beside each).
 */

/* libx264 (Debian 12), 640x358 30 fps High level 3.0, avcC from FFmpeg's mp4 muxer */
#define AVCC_640X358 \
	"0164001effe1001a6764001eacd940a02ff9b0110000030001000003003c0f162d96" \
	"01000468efbcb0fdf8f800"
/* the same encoder, 320x240 25 fps baseline */
#define AVCC_320X240 \
	"0142c00dffe100186742c00dd90141fb011000000300100000030320f142a48001000568cb83cb20"
/* libx265, 640x358 30 fps Main */
#define HEVC_VPS "40010c01ffff01600000030090000003000003003f959009"
#define HEVC_SPS "42010101600000030090000003000003003fa005020171f36595912930bc05a020000003002000000303c1"
#define HEVC_PPS "4401c073c18927"
/* SVT-AV1 1.4, 640x358 */
#define AV1C_640X358 "81010c000a0b0000000cc4ff6500be0010"
/* FFmpeg aac, 44100 Hz stereo (with its trailing SBR hint) */
#define ASC_44100 "121056e500"
/* libopus, stereo */
#define OPUS_HEAD "4f707573486561640102380180bb0000000000"

static inline size_t from_hex(uint8_t *to, const char *hex)
{
	size_t n = strlen(hex) / 2;

	return hex_parse(to, n, hex) == 0 ? n : 0;
}

static inline struct track_config config_of(enum codec codec, const char *hex)
{
	struct track_config c = { .codec = codec };

	c.extra_len = from_hex(c.extra, hex);
	return c;
}

/* Bytes without zeros, so that no start code can arise. */
static inline void fake_fill(uint8_t *to, size_t len, unsigned seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = (uint8_t)(1 + ((seed + i * 7) & 127));
}

/* An H.264 access unit of one slice with len bytes of payload, 4-byte length. */
static inline size_t fake_au(uint8_t *to, bool idr, size_t len, unsigned seed)
{
	size_t n = len + 2;

	to[0] = (uint8_t)(n >> 24);
	to[1] = (uint8_t)(n >> 16);
	to[2] = (uint8_t)(n >> 8);
	to[3] = (uint8_t)n;
	to[4] = idr ? 0x65 : 0x41;
	to[5] = 0x88;		/* first_mb_in_slice 0 */
	fake_fill(to + 6, len, seed);
	return len + 6;
}
#endif
