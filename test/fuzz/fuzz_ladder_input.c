/*
 * Arbitrary bytes as a segment: taken apart and decoded with tight limits, then
 * written again in both containers.  The first byte says MPEG-TS (even) or MP4, and
 * in what parts a transport stream comes a second time.
 */
#include <stdint.h>
#include <stdlib.h>
#include "base/err.h"
#include "media/av/decode.h"
#include "media/av/input.h"
#include "media/av/input_ts.h"
#include "media/av/ladder.h"
#include "media/av/libav.h"

#define MAX_PIXELS (320 * 240)
#define MAX_PICTURES 6

static int on_picture(void *arg, const AVFrame *f, struct err *err)
{
	int64_t *last = arg;

	if (f->pts <= *last || f->width <= 0 || f->height <= 0)
		abort();	/* promised by decode.h */
	*last = f->pts;
	return 0;
}

/* In parts of so many bytes: the same units and the same verdict. */
static void compare_parts(const struct input *whole, int rc, const uint8_t *data, size_t len,
			  size_t step)
{
	struct input in;
	struct input_ts *ts;
	size_t at, end;
	long n = 0;

	input_init(&in, MAX_PIXELS);
	ts = input_ts_new(&in);
	for (at = 0, end = 0; at < len && n >= 0; at += (size_t)n) {
		if (at == end)
			end = len - at < step ? len : at + step;
		n = input_ts_feed(ts, data + at, end - at, NULL);
		if (n < 0)
			break;
	}
	if ((n < 0 || input_ts_end(ts, NULL) < 0) != (rc < 0))
		abort();
	if (rc == 0 && (in.video.n != whole->video.n || in.audio.n != whole->audio.n ||
			in.fps_num != whole->fps_num || in.n_pictures != whole->n_pictures))
		abort();
	input_ts_free(ts);
	input_fini(&in);
}

static void decode_some(struct input *in)
{
	int64_t last = INT64_MIN;
	struct err err;
	struct decoder *d = decoder_open(in, 2000000, on_picture, &last, &err);
	AVPacket *p;
	int rc = d ? 0 : -1;

	while (rc == 0 && decoder_result(d)->n_pictures < MAX_PICTURES &&
	       (p = input_take_video(in))) {
		rc = decoder_push(d, p, &err);
		av_packet_free(&p);
	}
	if (rc == 0)
		decoder_end(d, &err);
	decoder_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ladder_out out;
	struct input in;
	struct err err;
	bool fmp4;
	int rc;

	if (len < 1)
		return 0;
	libav_setup();
	fmp4 = data[0] & 1;
	rc = input_load(&in, fmp4, data + 1, len - 1, MAX_PIXELS, &err);
	if (!fmp4)
		compare_parts(&in, rc, data + 1, len - 1, 1 + data[0]);
	if (rc < 0)
		return 0;
	if (in.video.n > 0)
		decode_some(&in);
	input_fini(&in);
	if (ladder_remux(!fmp4, data + 1, len - 1, &out, &err) == 0)
		free(out.data);
	return 0;
}
