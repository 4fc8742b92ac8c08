#include "media/wire/packet.h"

const char *codec_name(enum codec c)
{
	switch (c) {
	case CODEC_NONE: return "none";
	case CODEC_H264: return "h264";
	case CODEC_HEVC: return "hevc";
	case CODEC_AV1: return "av1";
	case CODEC_VP9: return "vp9";
	case CODEC_VP8: return "vp8";
	case CODEC_AAC: return "aac";
	case CODEC_MP3: return "mp3";
	case CODEC_OPUS: return "opus";
	}
	return "none";
}

bool codec_is_video(enum codec c)
{
	return c >= CODEC_H264 && c <= CODEC_VP8;
}
