#ifndef LP_MEDIA_AV_INPUT_H
#define LP_MEDIA_AV_INPUT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libavcodec/avcodec.h>
struct err;

/*
 * One segment taken apart: the coded units of its first video and first audio
 * track, in decoding order, with times in 90 kHz units on one continuous line (a
 * 33-bit wrap inside the segment is unfolded).  MPEG-TS goes through our own
 * demultiplexer, MP4 through libavformat's with the format given, every reference
 * to other files refused and a list of allowed codecs.  Nothing is decoded.
 */
#define INPUT_MAX_BYTES (64u << 20)
#define INPUT_MAX_VIDEO 3600		/* units; 30 s at 120 a second */
#define INPUT_MAX_AUDIO 16384		/* frames; 16 s of AAC at 48 kHz are 750 */

struct input_track {
	AVCodecParameters *par;		/* NULL: no such track */
	AVPacket **pkt;			/* pts, dts, duration in 90 kHz */
	size_t n, cap;
};

struct input {
	struct input_track video, audio;
	bool has_matrix;
	int32_t matrix[9];		/* display matrix of the video track */
	size_t n_pictures;		/* pictures that a decoder must give back */
	size_t n_leading;		/* HEVC: leading pictures of the first CRA; may be left out */
	int64_t frame_90k;		/* usual distance of two pictures, at least 1 */
	int fps_num, fps_den;		/* the same as a rate, snapped to the common ones */
};

/*
 * data: borrowed for the call.  Fails with ERR_INVALID (damaged, no track, a codec
 * that is not on the list, does not start with a key frame), ERR_LIMIT (bytes,
 * units, max_pixels).
 */
int input_load(struct input *in, bool fmp4, const uint8_t *data, size_t len,
	       uint64_t max_pixels, struct err *err);
void input_fini(struct input *in);

/* The rate that a usual distance of frame_90k (as a fraction) stands for. */
void input_snap_fps(double fps, int *num, int *den);

#endif
