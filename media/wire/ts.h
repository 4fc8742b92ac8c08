#ifndef LP_MEDIA_WIRE_TS_H
#define LP_MEDIA_WIRE_TS_H
#include <stddef.h>
#include <stdint.h>

/* What both sides of MPEG-TS need (ISO 13818-1). */

#define TS_PACKET 188
#define TS_SYNC 0x47
#define TS_CLOCK_MASK ((INT64_C(1) << 33) - 1)	/* PTS, DTS and PCR base are 33 bits of 90 kHz */

enum {
	TS_TYPE_MPEG1_AUDIO = 0x03,
	TS_TYPE_MPEG2_AUDIO = 0x04,
	TS_TYPE_ADTS = 0x0f,
	TS_TYPE_H264 = 0x1b,
	TS_TYPE_HEVC = 0x24,
};

/* Annex A: 0 over a whole section with its CRC. */
static inline uint32_t ts_crc32(const uint8_t *p, size_t len)
{
	uint32_t crc = UINT32_MAX;
	int i;

	for (; len > 0; len--) {
		crc ^= (uint32_t)*p++ << 24;
		for (i = 0; i < 8; i++)
			crc = crc & 0x80000000 ? crc << 1 ^ 0x04c11db7 : crc << 1;
	}
	return crc;
}

#endif
