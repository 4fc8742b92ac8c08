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
 * demultiplexer and may come in parts (input_ts.h), MP4 through libavformat's with
 * the format given, every reference to other files refused and a list of allowed
 * codecs.  Nothing is decoded.
 *
 * What must be known before the first picture is decoded (rate, reorder depth) comes
 * from the first LADDER_AHEAD video units, or all if there are fewer, however much
 * more is there already: so the result depends on the bytes, not on their arrival.
 */
#define INPUT_MAX_BYTES (64u << 20)
#define INPUT_MAX_VIDEO 3600		/* units; 30 s at 120 a second */
#define INPUT_MAX_AUDIO 16384		/* frames; 16 s of AAC at 48 kHz are 750 */

struct input_track {
	AVCodecParameters *par;		/* NULL: no such track */
	AVPacket **pkt;			/* pts, dts, duration in 90 kHz; NULL: taken */
	size_t n, cap;
	size_t at;			/* the next to take */
};

struct input {
	struct input_track video, audio;
	uint64_t max_pixels;
	int width, height;		/* of the video, from the first SPS or the container; 0 unknown */
	bool has_matrix;
	int32_t matrix[9];		/* display matrix of the video track */
	size_t n_pictures;		/* so far: pictures that a decoder must give back */
	size_t n_leading;		/* HEVC: leading pictures of the first CRA; may be left out */
	bool second_gop;		/* a second IDR has been seen */
	int sps_fps_num, sps_fps_den;	/* what the first SPS says; 0: nothing */

	bool ended;			/* no unit follows */
	bool begun;			/* what follows is known */
	bool has_sound;			/* there are audio units, or some may come */
	int64_t frame_90k;		/* usual distance of two pictures, at least 1 */
	int fps_num, fps_den;		/* the same as a rate, snapped to the common ones */
};

void input_init(struct input *in, uint64_t max_pixels);
void input_fini(struct input *in);

/*
 * The whole at once.  data: borrowed for the call; in is initialised here.  Fails
 * with ERR_INVALID (damaged, no track, a codec that is not on the list, does not
 * start with a key frame), ERR_LIMIT (bytes, units, max_pixels).
 */
int input_load(struct input *in, bool fmp4, const uint8_t *data, size_t len,
	       uint64_t max_pixels, struct err *err);

/* The next video unit, the caller's; NULL: none yet, or not begun. */
AVPacket *input_take_video(struct input *in);

/*
 * For those who take containers apart.  Add a unit to a track whose par is set:
 * takes pkt, also on failure.  A size above max_pixels is refused here, before any
 * decoder sees it.  may_have_sound: audio units may come later; asked when the head
 * is complete, and then it holds.
 */
int input_add(struct input *in, bool video, AVPacket *pkt, bool may_have_sound,
	      struct err *err);
/* No unit follows: begin if that is due still.  Fails with ERR_INVALID without any. */
int input_end(struct input *in, struct err *err);

/* The rate that a usual distance of frame_90k (as a fraction) stands for. */
void input_snap_fps(double fps, int *num, int *den);

#endif
