/* The first picture and its size, from no more bytes than that takes. */
#include <string.h>
#include "base/clock.h"
#include "base/err.h"
#include "media/av/decode.h"
#include "media/av/input.h"
#include "media/av/input_ts.h"
#include "media/av/ladder.h"
#include "media/av/libav.h"

#define CPU_LIMIT_US 20000000

static int ignore_picture(void *arg, const AVFrame *frame, struct err *err)
{
	return 0;
}

/* Decode up to the first picture.  alone: the first unit and nothing behind it, which
 * does not wait for pictures that may be shown before. */
static int decode_first(struct input *in, bool alone, struct ladder_stats *st, struct err *err)
{
	struct decoder *d = decoder_open(in, CPU_LIMIT_US, ignore_picture, NULL, err);
	const struct decoded *res = d ? decoder_result(d) : NULL;
	size_t n = alone ? 1 : in->video.n, i;
	int rc = d ? 0 : -1;

	for (i = 0; rc == 0 && i < n && res->n_pictures == 0; i++)
		rc = decoder_push(d, in->video.pkt[i], err);
	if (rc == 0 && res->n_pictures == 0)
		rc = decoder_drain(d, err);
	if (rc == 0 && res->n_pictures == 0)
		rc = err_set(err, ERR_INVALID, "no picture from %zu units", i);
	if (rc == 0) {
		st->n_decoded = 1;
		st->width = res->width;
		st->height = res->height;
	}
	decoder_free(d);
	return rc;
}

/* From the first unit of a transport stream alone. */
static int probe_head(const uint8_t *data, size_t len, uint64_t max_pixels,
		      struct ladder_stats *st, struct err *err)
{
	struct input_ts *ts;
	struct input in;
	long n = 0;
	int rc = -1;

	input_init(&in, max_pixels);
	ts = input_ts_new(&in);
	while (len > 0 && in.video.n == 0 && (n = input_ts_feed(ts, data, len, err)) >= 0) {
		data += n;
		len -= (size_t)n;
	}
	if (n >= 0 && in.video.n > 0)
		rc = decode_first(&in, true, st, err);
	input_ts_free(ts);
	input_fini(&in);
	return rc;
}

static int probe_whole(bool fmp4, const uint8_t *data, size_t len, uint64_t max_pixels,
		       struct ladder_stats *st, struct err *err)
{
	struct input in;
	int rc;

	if (input_load(&in, fmp4, data, len, max_pixels, err) < 0)
		return err_wrap(err, "input");
	rc = in.video.n > 0 ? decode_first(&in, true, st, err) : 0;
	if (rc < 0)		/* half a frame, perhaps: the other field follows */
		rc = decode_first(&in, false, st, err);
	input_fini(&in);
	return rc;
}

int ladder_probe(bool fmp4, const uint8_t *input, size_t len, uint64_t max_pixels,
		 struct ladder_stats *stats, struct err *err)
{
	int64_t start_us = clock_mono_us();
	uint64_t start_cpu = process_cpu_us();
	int rc = -1;

	libav_setup();
	memset(stats, 0, sizeof(*stats));
	if (!fmp4)
		rc = probe_head(input, len, max_pixels, stats, err);
	if (rc < 0)
		rc = probe_whole(fmp4, input, len, max_pixels, stats, err);
	stats->wall_ms = (unsigned)((clock_mono_us() - start_us) / 1000);
	stats->cpu_ms = (unsigned)((process_cpu_us() - start_cpu) / 1000);
	return rc;
}
