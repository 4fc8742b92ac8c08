#include "media/av/outlet.h"
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/mem.h"
#include "media/av/input.h"
#include "media/av/mux.h"
#include "media/av/mux_ts.h"

/* MPEG-TS where it can carry both tracks, else MP4. */
static bool wants_fmp4(const struct ladder_rung *r, const struct input *in)
{
	if (in->video.par && r->encoder != LADDER_H264 && r->encoder != LADDER_HEVC)
		return true;
	/* Sound that is still to come is that of a transport stream. */
	return in->audio.par && !mux_ts_takes(in->audio.par->codec_id);
}

void outlet_init(struct outlet *o, const struct ladder_rung *spec, size_t index,
		 const struct input *in, ladder_sink *sink, void *arg)
{
	memset(o, 0, sizeof(*o));
	o->spec = spec;
	o->index = index;
	o->in = in;
	o->fmp4 = wants_fmp4(spec, in);
	o->sink = sink;
	o->arg = arg;
	o->first = INT64_MAX;
	o->last = INT64_MIN;
}

void outlet_fini(struct outlet *o)
{
	size_t i;

	for (i = 0; i < o->n; i++)
		av_packet_free(&o->pkt[i]);
	free(o->pkt);
	ts_writer_free(o->writer);
}

static void note_time(struct outlet *o, const AVPacket *p)
{
	int64_t end = p->pts + (p->duration > 0 ? p->duration : 0);

	o->first = p->pts < o->first ? p->pts : o->first;
	o->last = end > o->last ? end : o->last;
}

void outlet_add(struct outlet *o, AVPacket *pkt)
{
	if (o->n == o->cap) {
		o->cap = o->cap ? 2 * o->cap : 128;
		o->pkt = xrealloc(o->pkt, o->cap * sizeof(*o->pkt));
	}
	o->pkt[o->n++] = pkt;
	note_time(o, pkt);
}

/* ---- pieces ---- */

static void give(struct outlet *o, struct ladder_out *piece)
{
	piece->index = o->index;
	o->total += piece->len;
	o->sink(o->arg, piece);
}

static void give_last(struct outlet *o, struct ladder_out *piece)
{
	piece->last = true;
	piece->total = o->total + piece->len;
	piece->n_video = (unsigned)o->n;
	piece->duration_90k = o->last > o->first ? o->last - o->first : 0;
	piece->width = o->par ? o->spec->width : 0;
	piece->height = o->par ? o->spec->height : 0;
	piece->fmp4 = o->fmp4;
	give(o, piece);
}

/* ---- MPEG-TS ---- */

enum next { NEXT_VIDEO, NEXT_AUDIO, NEXT_UNKNOWN };

/* Which unit goes next: as mux_next, but what has not come yet may come first. */
static enum next next_unit(const struct outlet *o, bool ended)
{
	const struct input_track *audio = &o->in->audio;
	bool has_video = o->at_video < o->n, has_audio = o->at_audio < audio->n;

	if (has_video && has_audio)
		return audio->pkt[o->at_audio]->dts < o->pkt[o->at_video]->dts ? NEXT_AUDIO :
		       NEXT_VIDEO;
	if (has_video && (o->in->ended || !o->in->has_sound))
		return NEXT_VIDEO;
	return has_audio && ended ? NEXT_AUDIO : NEXT_UNKNOWN;
}

static int open_writer(struct outlet *o, struct err *err)
{
	if (!o->writer)
		o->writer = ts_writer_new(o->par, o->in->audio.n > 0 ? o->in->audio.par : NULL, err);
	return o->writer ? 0 : -1;
}

static void give_gop(struct outlet *o)
{
	struct ladder_out piece = { .data = NULL };

	piece.data = ts_writer_take(o->writer, &piece.len);
	if (piece.data)
		give(o, &piece);
}

static int write_video(struct outlet *o, struct err *err)
{
	AVPacket **p = &o->pkt[o->at_video];
	int rc;

	if (o->at_video > 0 && ((*p)->flags & AV_PKT_FLAG_KEY))
		give_gop(o);
	rc = ts_writer_add(o->writer, true, *p, err);
	av_packet_free(p);
	o->at_video++;
	return rc;
}

static int write_certain(struct outlet *o, bool ended, struct err *err)
{
	enum next next;
	int rc = 0;

	while (rc == 0 && (next = next_unit(o, ended)) != NEXT_UNKNOWN) {
		if (open_writer(o, err) < 0)
			return -1;
		if (next == NEXT_VIDEO)
			rc = write_video(o, err);
		else
			rc = ts_writer_add(o->writer, false, o->in->audio.pkt[o->at_audio++], err);
	}
	return rc;
}

static int end_ts(struct outlet *o, struct err *err)
{
	struct ladder_out piece = { .data = NULL };

	if (write_certain(o, true, err) < 0 || open_writer(o, err) < 0)
		return -1;
	ts_writer_end(o->writer);
	piece.data = ts_writer_take(o->writer, &piece.len);
	give_last(o, &piece);
	return 0;
}

/* ---- MP4 ---- */

static int end_fmp4(struct outlet *o, struct err *err)
{
	struct mux_track video = { o->par, o->pkt, o->n };
	struct mux_track audio = { o->in->audio.par, o->in->audio.pkt, o->in->audio.n };
	struct ladder_out piece = { .data = NULL };
	struct mux_out out;

	if (mux_segment(&out, true, &video, &audio, err) < 0)
		return -1;
	piece.data = out.data;
	piece.len = out.len;
	piece.init_len = out.init_len;
	give_last(o, &piece);
	return 0;
}

int outlet_step(struct outlet *o, struct err *err)
{
	return o->fmp4 ? 0 : write_certain(o, false, err);
}

int outlet_end(struct outlet *o, struct err *err)
{
	size_t i;

	for (i = 0; o->n == 0 && i < o->in->audio.n; i++)
		note_time(o, o->in->audio.pkt[i]);
	return o->fmp4 ? end_fmp4(o, err) : end_ts(o, err);
}
