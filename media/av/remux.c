/* The other container, without coding. */
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "media/av/input.h"
#include "media/av/ladder.h"
#include "media/av/libav.h"
#include "media/av/mux.h"

/* MP4 begins at 0; MPEG-TS needs room for the clock that runs ahead. */
static void delay_units(struct input *in)
{
	struct input_track *const t[2] = { &in->video, &in->audio };
	size_t k, i;

	for (k = 0; k < 2; k++)
		for (i = 0; i < t[k]->n; i++) {
			t[k]->pkt[i]->pts += LADDER_TS_DELAY_90K;
			t[k]->pkt[i]->dts += LADDER_TS_DELAY_90K;
		}
}

int ladder_remux(bool to_fmp4, const uint8_t *input, size_t len, struct ladder_out *out,
		 struct err *err)
{
	struct mux_track video, audio;
	struct mux_out m;
	struct input in;
	int64_t first = INT64_MAX, last = INT64_MIN;
	const struct input_track *t;
	size_t i;
	int rc;

	libav_setup();
	memset(out, 0, sizeof(*out));
	if (input_load(&in, !to_fmp4, input, len, UINT64_MAX, err) < 0)
		return err_wrap(err, "input");
	video = (struct mux_track){ in.video.par, in.video.pkt, in.video.n };
	audio = (struct mux_track){ in.audio.par, in.audio.pkt, in.audio.n };
	t = in.video.n > 0 ? &in.video : &in.audio;
	for (i = 0; i < t->n; i++) {
		first = t->pkt[i]->pts < first ? t->pkt[i]->pts : first;
		last = t->pkt[i]->pts > last ? t->pkt[i]->pts : last;
	}
	if (!to_fmp4)
		delay_units(&in);
	rc = mux_segment(&m, to_fmp4, &video, &audio, err);
	if (rc == 0) {
		out->data = m.data;
		out->len = out->total = m.len;
		out->last = true;
		out->init_len = m.init_len;
		out->fmp4 = to_fmp4;
		out->n_video = (unsigned)in.video.n;
		out->duration_90k = last - first + (in.video.n > 0 ? in.frame_90k : 0);
		out->width = in.width;
		out->height = in.height;
	}
	input_fini(&in);
	return rc;
}
