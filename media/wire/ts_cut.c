#include "media/wire/ts_cut.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "media/wire/packet.h"
#include "media/wire/params.h"
#include "media/wire/ts.h"
#include "media/wire/tsdemux.h"

#define UNIT_MAX (32u << 20)	/* a whole PES packet, its start codes grown to lengths */

struct ts_cut {
	struct ts_demux *demux;
	struct segmenter *segmenter;
	struct track_config config[N_TRACKS];	/* as told to the segmenter; CODEC_NONE: not yet */
	int64_t dts_90k[N_TRACKS];		/* of the last frame, unwrapped */
	int64_t step_90k[N_TRACKS];		/* from the one before it */
	bool has_time[N_TRACKS];
	struct buf unit;			/* a video frame with lengths for start codes */
	unsigned n_dropped;
};

/* 33 bits on a line without end: the nearest to where the track is. */
static int64_t unwrap(int64_t near, int64_t t)
{
	int64_t step = (t - near) & TS_CLOCK_MASK;

	return near + (step > TS_CLOCK_MASK / 2 ? step - TS_CLOCK_MASK - 1 : step);
}

/* Times of a unit; one without goes on where its track is.  false: nothing to go on. */
static bool place(struct ts_cut *c, const struct ts_unit *u, struct media_packet *p)
{
	int64_t *last = &c->dts_90k[u->track], near = *last;

	if (u->dts_90k < 0 && !c->has_time[u->track])
		return false;
	/* Both tracks stand on one line. */
	if (!c->has_time[u->track])
		near = c->has_time[!u->track] ? c->dts_90k[!u->track] : u->dts_90k;
	if (u->dts_90k < 0) {
		p->dts_90k = p->pts_90k = near + c->step_90k[u->track];
	} else {
		p->dts_90k = unwrap(near, u->dts_90k);
		p->pts_90k = unwrap(p->dts_90k, u->pts_90k);
		if (c->has_time[u->track])
			c->step_90k[u->track] = p->dts_90k - near;
	}
	*last = p->dts_90k;
	c->has_time[u->track] = true;
	return true;
}

static void tell(struct ts_cut *c, enum track track, const struct track_config *config)
{
	struct track_config *old = &c->config[track];

	if (old->codec == config->codec && old->extra_len == config->extra_len &&
	    memcmp(old->extra, config->extra, config->extra_len) == 0)
		return;
	if (segmenter_set_track(c->segmenter, track, config, NULL) == 0)
		*old = *config;
}

static void learn_video(struct ts_cut *c, const struct ts_unit *u)
{
	struct track_config config = { .codec = u->codec };

	if (u->key && params_from_annexb(&config, u->data, u->len))
		tell(c, TRACK_VIDEO, &config);
}

static void learn_audio(struct ts_cut *c, const struct ts_unit *u)
{
	struct track_config config = {
		.codec = u->codec, .sample_rate = u->sample_rate, .channels = u->channels,
	};

	if (u->codec == CODEC_AAC) {
		memcpy(config.extra, u->asc, sizeof(u->asc));
		config.extra_len = sizeof(u->asc);
	}
	tell(c, TRACK_AUDIO, &config);
}

/* Start codes become lengths.  false: damaged. */
static bool to_prefixed(struct ts_cut *c, const struct ts_unit *u, struct media_packet *p)
{
	const uint8_t *nal;
	size_t pos = 0;
	long n;

	buf_clear(&c->unit);
	while ((n = nal_next_annexb(u->data, u->len, &pos, &nal)) > 0) {
		buf_add_u32(&c->unit, (uint32_t)n);
		buf_add(&c->unit, nal, (size_t)n);
	}
	p->data = c->unit.data;
	p->len = c->unit.len;
	return n == 0 && !c->unit.failed;
}

static bool take(struct ts_cut *c, const struct ts_unit *u)
{
	struct media_packet p = { .track = u->track, .key = u->key, .data = u->data, .len = u->len };

	if (u->track == TRACK_VIDEO)
		learn_video(c, u);
	else
		learn_audio(c, u);
	if (!place(c, u, &p))
		return false;
	if (u->track == TRACK_VIDEO && !to_prefixed(c, u, &p))
		return false;
	return segmenter_push(c->segmenter, &p, NULL) == 0;
}

static void on_unit(void *arg, const struct ts_unit *u)
{
	struct ts_cut *c = arg;

	c->n_dropped += !take(c, u);
}

struct ts_cut *ts_cut_new(const struct segmenter_opts *opts, const struct segmenter_cb *cb,
			  void *arg)
{
	struct ts_cut *c = xcalloc(1, sizeof(*c));

	c->demux = ts_demux_new(on_unit, c);
	c->segmenter = segmenter_new(opts, cb, arg);
	buf_init(&c->unit, UNIT_MAX);
	return c;
}

int ts_cut_push(struct ts_cut *c, const uint8_t *data, size_t len, struct err *err)
{
	return ts_demux_push(c->demux, data, len, err);
}

void ts_cut_flush(struct ts_cut *c)
{
	ts_demux_flush(c->demux);
	segmenter_flush(c->segmenter);
}

unsigned ts_cut_n_dropped(const struct ts_cut *c)
{
	return c->n_dropped;
}

void ts_cut_free(struct ts_cut *c)
{
	if (!c)
		return;
	ts_demux_free(c->demux);
	segmenter_free(c->segmenter);
	buf_fini(&c->unit);
	free(c);
}
