/* Foreign MPEG-TS: the first byte is how many bytes a push has (0: all). */
#include <assert.h>

#include "media/wire/tsdemux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static volatile uint8_t sink;

static void on_unit(void *arg, const struct ts_unit *u)
{
	size_t *n = arg, i;
	uint8_t x = 0;

	assert(u->track == TRACK_VIDEO || u->track == TRACK_AUDIO);
	assert(codec_is_video(u->codec) == (u->track == TRACK_VIDEO));
	assert(u->len > 0);
	assert(u->pts_90k >= -1 && u->pts_90k < INT64_C(1) << 33);
	assert(u->dts_90k >= -1 && u->dts_90k < INT64_C(1) << 33);
	if (u->track == TRACK_AUDIO)
		assert(u->sample_rate > 0);
	for (i = 0; i < u->len; i++)
		x ^= u->data[i];
	sink = x;
	*n += u->len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ts_demux *d;
	size_t step, n, total = 0, at;

	if (len < 1)
		return 0;
	step = data[0] ? data[0] : len;
	data++;
	len--;
	d = ts_demux_new(on_unit, &total);
	for (at = 0; at < len; at += n) {
		n = step < len - at ? step : len - at;
		if (ts_demux_push(d, data + at, n, NULL) < 0)
			break;
	}
	ts_demux_flush(d);
	assert(total <= len);
	ts_demux_free(d);
	return 0;
}
