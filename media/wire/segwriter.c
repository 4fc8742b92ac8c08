#include "media/wire/segwriter.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "media/wire/fmp4.h"
#include "media/wire/params.h"
#include "media/wire/tsmux.h"

#define PIECE 32768			/* bytes that are worth a callback */
#define KEEP 65536			/* memory kept between callbacks */
#define FRAGMENT_90K 45000		/* media of one MP4 fragment */
#define FRAGMENT_BYTES (256 << 10)
#define SPARE (1 << 20)			/* over max_bytes: headers, stuffing */

/* Samples of one track for the next MP4 fragment. */
struct pending {
	struct buf data;
	struct fmp4_sample *samples;	/* owned */
	size_t n, cap;
	int64_t first_dts, last_dts;	/* 90 kHz */
};

struct seg_writer {
	seg_writer_cb *cb;
	void *arg;
	const struct track_config *tracks[N_TRACKS];	/* borrowed; NULL: none */
	enum container container;
	struct tsmux *ts;		/* owned; NULL until TS is written */
	struct buf out;			/* not handed on yet */
	size_t given;			/* bytes of the segment handed on */
	struct pending pending[N_TRACKS];
	uint32_t fragment;		/* number of the next one */
};

struct seg_writer *seg_writer_new(size_t max_bytes, seg_writer_cb *cb, void *arg)
{
	struct seg_writer *w = xcalloc(1, sizeof(*w));
	int i;

	w->cb = cb;
	w->arg = arg;
	w->fragment = 1;
	buf_init(&w->out, 2 * max_bytes + SPARE);
	for (i = 0; i < N_TRACKS; i++)
		buf_init(&w->pending[i].data, max_bytes + SPARE);
	return w;
}

void seg_writer_free(struct seg_writer *w)
{
	int i;

	if (!w)
		return;
	tsmux_free(w->ts);
	buf_fini(&w->out);
	for (i = 0; i < N_TRACKS; i++) {
		buf_fini(&w->pending[i].data);
		free(w->pending[i].samples);
	}
	free(w);
}

static bool fits_ts(const struct track_config *c)
{
	uint8_t adts[7];

	return !c || c->codec == CODEC_H264 || c->codec == CODEC_HEVC || c->codec == CODEC_MP3 ||
	       (c->codec == CODEC_AAC && params_adts(adts, c, 0));
}

static int set_ts_tracks(struct seg_writer *w, struct err *err)
{
	int i;

	if (!w->ts)
		w->ts = tsmux_new();
	for (i = 0; i < N_TRACKS; i++) {
		if (tsmux_set_track(w->ts, (enum track)i, w->tracks[i], err) < 0)
			return -1;
	}
	return 0;
}

/* The init part is written with each segment; here it is only tried. */
static int try_mp4_tracks(struct seg_writer *w, struct err *err)
{
	struct buf b;
	int res;

	buf_init(&b, 4 * CODEC_EXTRA_MAX);
	res = fmp4_init(&b, w->tracks[TRACK_VIDEO], w->tracks[TRACK_AUDIO], err);
	buf_fini(&b);
	return res;
}

int seg_writer_set_tracks(struct seg_writer *w, const struct track_config *video,
			  const struct track_config *audio, struct err *err)
{
	bool ts = fits_ts(video) && fits_ts(audio);

	w->tracks[TRACK_VIDEO] = video;
	w->tracks[TRACK_AUDIO] = audio;
	w->container = ts ? CONTAINER_TS : CONTAINER_FMP4;
	if ((ts ? set_ts_tracks(w, err) : try_mp4_tracks(w, err)) < 0) {
		w->tracks[TRACK_VIDEO] = w->tracks[TRACK_AUDIO] = NULL;
		return -1;
	}
	return 0;
}

enum container seg_writer_container(const struct seg_writer *w)
{
	return w->container;
}

bool seg_writer_switch_audio(struct seg_writer *w, const struct track_config *audio)
{
	const struct track_config *old = w->tracks[TRACK_AUDIO];

	if (w->container != CONTAINER_TS || !old || old->codec != audio->codec)
		return false;
	tsmux_flush(w->ts, &w->out);
	if (tsmux_set_track(w->ts, TRACK_AUDIO, audio, NULL) < 0) {
		tsmux_set_track(w->ts, TRACK_AUDIO, old, NULL);
		return false;		/* no ADTS form */
	}
	w->tracks[TRACK_AUDIO] = audio;
	return true;
}

static void hand_on(struct seg_writer *w, size_t at_least)
{
	if (w->out.len == 0 || w->out.len < at_least)
		return;
	w->given += w->out.len;
	w->cb(w->arg, w->out.data, w->out.len);
	buf_clear(&w->out);
	/* One big frame must not cost its size for the life of the stream. */
	if (w->out.cap > KEEP)
		buf_fini(&w->out);
}

size_t seg_writer_begin(struct seg_writer *w, bool fresh)
{
	size_t init_len;

	w->given = 0;
	buf_clear(&w->out);
	if (w->container == CONTAINER_TS) {
		tsmux_begin(w->ts, &w->out, fresh);
		return 0;
	}
	fmp4_init(&w->out, w->tracks[TRACK_VIDEO], w->tracks[TRACK_AUDIO], NULL);
	init_len = w->out.len;
	fmp4_styp(&w->out);
	return init_len;
}

/* ---- MP4 ---- */

static bool add_pending(struct pending *q, const struct media_packet *p, uint32_t duration)
{
	if (!buf_add(&q->data, p->data, p->len)) {
		q->data.failed = false;
		return false;
	}
	if (q->n == q->cap) {
		q->cap = q->cap ? q->cap * 2 : 32;
		q->samples = xrealloc(q->samples, q->cap * sizeof(*q->samples));
	}
	if (q->n == 0)
		q->first_dts = p->dts_90k;
	q->last_dts = p->dts_90k;
	q->samples[q->n++] = (struct fmp4_sample){ .size = (uint32_t)p->len, .duration = duration,
		.cts = (int32_t)(p->pts_90k - p->dts_90k), .key = p->key };
	return true;
}

static void clear_pending(struct pending *q)
{
	q->n = 0;
	buf_clear(&q->data);
	if (q->data.cap > KEEP)
		buf_fini(&q->data);
}

/* 90 kHz to the track's own clock, rounded. */
static uint64_t to_track_time(const struct track_config *c, int64_t t_90k)
{
	uint64_t scale = fmp4_timescale(c);

	return t_90k < 0 ? 0 : ((uint64_t)t_90k * scale + 45000) / 90000;
}

/* The last video sample lasts until the next one, or as long as the one before. */
static void close_video(struct seg_writer *w, int64_t next_dts)
{
	struct pending *q = &w->pending[TRACK_VIDEO];
	const struct track_config *c = w->tracks[TRACK_VIDEO];
	uint32_t duration = 3000;

	if (q->n == 0)
		return;
	if (next_dts > q->last_dts && next_dts - q->last_dts <= UINT32_MAX)
		duration = (uint32_t)(next_dts - q->last_dts);
	else if (q->n > 1)
		duration = q->samples[q->n - 2].duration;
	else if (c->fps_num > 0)
		duration = (uint32_t)(INT64_C(90000) * c->fps_den / c->fps_num);
	q->samples[q->n - 1].duration = duration;
}

/* Write what waits, of the tracks from first on. */
static void write_fragment(struct seg_writer *w, enum track first, int64_t next_dts)
{
	struct fmp4_run runs[N_TRACKS];
	size_t n = 0;
	int i;

	if (first == TRACK_VIDEO)
		close_video(w, next_dts);
	for (i = (int)first; i < N_TRACKS; i++) {
		struct pending *q = &w->pending[i];

		if (q->n == 0)
			continue;
		runs[n++] = (struct fmp4_run){ .track = (enum track)i, .samples = q->samples,
			.dts = to_track_time(w->tracks[i], q->first_dts), .n = q->n,
			.data = q->data.data, .len = q->data.len };
	}
	if (n == 0)
		return;
	fmp4_fragment(&w->out, w->fragment++, runs, n);
	for (i = (int)first; i < N_TRACKS; i++)
		clear_pending(&w->pending[i]);
}

static bool is_fragment_due(const struct seg_writer *w, enum track track, int64_t dts)
{
	const struct pending *q = &w->pending[track];

	return (q->n > 0 && dts - q->first_dts >= FRAGMENT_90K) ||
	       w->pending[TRACK_VIDEO].data.len + w->pending[TRACK_AUDIO].data.len >= FRAGMENT_BYTES;
}

static bool mp4_video(struct seg_writer *w, const struct media_packet *p)
{
	struct pending *q = &w->pending[TRACK_VIDEO];

	if (is_fragment_due(w, TRACK_VIDEO, p->dts_90k))
		write_fragment(w, TRACK_VIDEO, p->dts_90k);
	else if (q->n > 0)
		q->samples[q->n - 1].duration = (uint32_t)(p->dts_90k - q->last_dts);
	return add_pending(q, p, 0);
}

static bool mp4_audio(struct seg_writer *w, const struct media_packet *p, int samples)
{
	const struct track_config *c = w->tracks[TRACK_AUDIO];
	struct pending *q = &w->pending[TRACK_AUDIO];
	int64_t expected = q->last_dts;

	/* A run has no holes: a gap begins a new fragment, which has its own time. */
	if (q->n > 0)
		expected += (int64_t)q->samples[q->n - 1].duration * 90000 / fmp4_timescale(c);
	if ((!w->tracks[TRACK_VIDEO] && is_fragment_due(w, TRACK_AUDIO, p->dts_90k)) ||
	    (q->n > 0 && llabs(p->dts_90k - expected) > 900))
		write_fragment(w, TRACK_AUDIO, -1);
	return add_pending(q, p, (uint32_t)samples);
}

/* ---- either ---- */

bool seg_writer_video(struct seg_writer *w, const struct media_packet *p)
{
	struct tsmux_au au = { .data = p->data, .len = p->len, .pts_90k = p->pts_90k,
			       .dts_90k = p->dts_90k, .key = p->key };
	bool ok;

	if (!w->tracks[TRACK_VIDEO])
		return false;
	if (w->container == CONTAINER_TS) {
		au.len_size = params_nal_len_size(w->tracks[TRACK_VIDEO]);
		ok = tsmux_video(w->ts, &w->out, &au);
	} else {
		ok = mp4_video(w, p);
	}
	hand_on(w, PIECE);
	return ok;
}

bool seg_writer_audio(struct seg_writer *w, const struct media_packet *p, int samples)
{
	bool ok;

	if (!w->tracks[TRACK_AUDIO])
		return false;
	if (w->container == CONTAINER_TS)
		ok = tsmux_audio(w->ts, &w->out, p->data, p->len, p->pts_90k);
	else
		ok = mp4_audio(w, p, samples);
	hand_on(w, PIECE);
	return ok;
}

void seg_writer_end(struct seg_writer *w, int64_t next_dts_90k)
{
	if (w->container == CONTAINER_TS)
		tsmux_flush(w->ts, &w->out);
	else
		write_fragment(w, TRACK_VIDEO, next_dts_90k);
	hand_on(w, 0);
}

size_t seg_writer_bytes(const struct seg_writer *w)
{
	return w->given + w->out.len + w->pending[TRACK_VIDEO].data.len +
	       w->pending[TRACK_AUDIO].data.len;
}
