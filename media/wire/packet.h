#ifndef LP_MEDIA_WIRE_PACKET_H
#define LP_MEDIA_WIRE_PACKET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the parsers of ingest hand to the segmenter: coded frames and the codec
 * parameters they need.  Plain values.
 */
enum codec {
	CODEC_NONE,
	CODEC_H264, CODEC_HEVC, CODEC_AV1, CODEC_VP9, CODEC_VP8,	/* video */
	CODEC_AAC, CODEC_MP3, CODEC_OPUS,				/* audio */
};

const char *codec_name(enum codec c);		/* "h264", "aac", ... */
bool codec_is_video(enum codec c);

enum track { TRACK_VIDEO, TRACK_AUDIO };
#define N_TRACKS 2

#define CODEC_EXTRA_MAX 4096

/* Codec parameters of one track. */
struct track_config {
	enum codec codec;		/* CODEC_NONE: no such track */
	uint8_t extra[CODEC_EXTRA_MAX];	/* avcC, hvcC, av1C, vpcC, AudioSpecificConfig, OpusHead */
	size_t extra_len;
	int width, height;		/* pixels, 0 unknown (from the SPS, not from metadata) */
	int fps_num, fps_den;		/* from the SPS's VUI; 0 unknown */
	int sample_rate, channels;	/* audio */
};

/*
 * One coded frame (video: access unit) or audio frame.  data is borrowed for the
 * call it is passed to.  H.264 and HEVC stand in length-prefixed form as in avcC
 * (4-byte or whatever lengthSizeMinusOne says); audio is raw (no ADTS).
 */
struct media_packet {
	enum track track;
	int64_t dts_90k, pts_90k;	/* 90 kHz, unwrapped by the source (may still jump) */
	bool key;			/* video: IDR (or a true random access point of AV1, VP9) */
	const uint8_t *data;
	size_t len;
};

#endif
