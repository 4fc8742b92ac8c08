/*
 * One engine for segments that are there and segments that are still coming: bytes
 * in, units out of them, pictures, renditions, pieces.  ladder_run feeds it at once,
 * so both ways give the same bytes because they are one way.
 */
#include "media/av/ladder.h"
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "media/av/decode.h"
#include "media/av/encode.h"
#include "media/av/gpu_ladder.h"
#include "media/av/input.h"
#include "media/av/input_ts.h"
#include "media/av/job.h"
#include "media/av/libav.h"

#define CPU_LIMIT_S 20
#define SIDE_MIN 16
#define SIDE_MAX 8192
#define BITRATE_MAX 500000000u
#define FPS_MAX 240
#define PRESET_MAX 16

struct ladder {
	struct ladder_spec spec;	/* what it points to is copied */
	struct ladder_rung rungs[LADDER_MAX];
	char preset[PRESET_MAX];
	ladder_sink *sink;
	void *arg;
	int64_t start_us;
	uint64_t start_cpu_us;
	struct input in;
	struct input_ts *ts;		/* owned; NULL: the input was loaded whole */
	struct decoder *decoder;	/* owned; NULL: not begun, or no video */
	struct job *job;		/* owned; NULL: not begun */
	struct buf whole;		/* the input of a device, which takes it at its end */
};

/* ---- what was asked for ---- */

static int check_rung(const struct ladder_rung *r, uint64_t max_pixels, struct err *err)
{
	if (r->width < SIDE_MIN || r->height < SIDE_MIN || r->width > SIDE_MAX ||
	    r->height > SIDE_MAX || r->width % 2 || r->height % 2)
		return err_set(err, ERR_INVALID, "size %dx%d: even, %d to %d a side", r->width,
			       r->height, SIDE_MIN, SIDE_MAX);
	if ((uint64_t)r->width * (uint64_t)r->height > max_pixels)
		return err_set(err, ERR_LIMIT, "size %dx%d: too many pixels", r->width, r->height);
	if (r->encoder == LADDER_VP8)
		return err_set(err, ERR_INVALID, "VP8 cannot be written into MP4: use VP9");
	if (r->encoder > LADDER_AV1 || r->h264 > LADDER_H264_HIGH)
		return err_set(err, ERR_INVALID, "no such encoder or profile");
	if (r->quality > 63 || (r->quality < 0 && r->bitrate == 0))
		return err_set(err, ERR_INVALID, "neither bitrate nor quality 0 to 63");
	if (r->bitrate > BITRATE_MAX)
		return err_set(err, ERR_LIMIT, "bitrate %u, at most %u", r->bitrate, BITRATE_MAX);
	if (r->fps_num < 0 || (r->fps_num > 0 && (r->fps_den <= 0 ||
						    r->fps_num / r->fps_den > FPS_MAX)))
		return err_set(err, ERR_INVALID, "frame rate %d/%d", r->fps_num, r->fps_den);
	if (r->gop_ms < -1)
		return err_set(err, ERR_INVALID, "gop of %d ms", (int)r->gop_ms);
	return 0;
}

static int check_spec(const struct ladder_spec *s, struct err *err)
{
	size_t i;

	if (s->n_rungs == 0)
		return err_set(err, ERR_INVALID, "no rendition asked for");
	if (s->n_rungs > LADDER_MAX)
		return err_set(err, ERR_LIMIT, "%zu renditions, at most %d", s->n_rungs, LADDER_MAX);
	if (!encoder_has_preset(s->preset))
		return err_set(err, ERR_INVALID, "no preset \"%s\"", s->preset ? s->preset : "");
	for (i = 0; i < s->n_rungs; i++)
		if (check_rung(&s->rungs[i], s->max_pixels, err) < 0)
			return err_wrap(err, "rendition %zu", i);
	return 0;
}

/* ---- life ---- */

static struct ladder *open_any(const struct ladder_spec *spec, ladder_sink *sink, void *arg,
			       struct err *err)
{
	struct ladder *l;

	libav_setup();
	if (check_spec(spec, err) < 0)
		return NULL;
	l = xcalloc(1, sizeof(*l));
	l->start_us = clock_mono_us();
	l->start_cpu_us = process_cpu_us();
	l->spec = *spec;
	memcpy(l->rungs, spec->rungs, spec->n_rungs * sizeof(*l->rungs));
	l->spec.rungs = l->rungs;
	strncpy(l->preset, spec->preset, sizeof(l->preset) - 1);	/* a known one fits */
	l->spec.preset = l->preset;
	if (l->spec.cpu_limit_s == 0)
		l->spec.cpu_limit_s = CPU_LIMIT_S;
	l->sink = sink;
	l->arg = arg;
	input_init(&l->in, spec->max_pixels);
	buf_init(&l->whole, INPUT_MAX_BYTES);
	return l;
}

struct ladder *ladder_open(const struct ladder_spec *spec, ladder_sink *sink, void *arg,
			   struct err *err)
{
	struct ladder *l;

	if (spec->fmp4) {
		err_set(err, ERR_INVALID, "MP4 cannot be taken in parts");
		return NULL;
	}
	l = open_any(spec, sink, arg, err);
	if (l && !spec->device)
		l->ts = input_ts_new(&l->in);
	return l;
}

void ladder_free(struct ladder *l)
{
	if (!l)
		return;
	decoder_free(l->decoder);
	job_free(l->job);
	input_ts_free(l->ts);
	input_fini(&l->in);
	buf_fini(&l->whole);
	free(l);
}

/* ---- work ---- */

static int on_picture(void *arg, const AVFrame *frame, struct err *err)
{
	return job_give(arg, frame, err);
}

/* More threads than cores only pass pictures from cache to cache. */
static unsigned threads_of(const struct ladder_spec *s)
{
	cpu_set_t cores;

	if (s->n_threads > 0)
		return s->n_threads;
	return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? (unsigned)CPU_COUNT(&cores) : LADDER_MAX;
}

/* The head of the input is known. */
static int begin(struct ladder *l, struct err *err)
{
	uint64_t limit_us = (uint64_t)l->spec.cpu_limit_s * 1000000;

	l->job = job_new(&l->spec, &l->in, l->sink, l->arg);
	if (l->spec.n_threads != 1 && job_start_threads(l->job, threads_of(&l->spec), err) < 0)
		return -1;
	if (!l->in.video.par)
		return 0;
	l->decoder = decoder_open(&l->in, limit_us, on_picture, l->job, err);
	return l->decoder ? 0 : -1;
}

/* Decode what is there, hand on what is done. */
static int advance(struct ladder *l, struct err *err)
{
	AVPacket *unit;
	int rc = 0;

	if (!l->in.begun)
		return 0;
	if (!l->job && begin(l, err) < 0)
		return -1;
	while (rc == 0 && (unit = input_take_video(&l->in))) {
		rc = decoder_push(l->decoder, unit, err);
		av_packet_free(&unit);
		if (rc == 0)
			rc = job_deliver(l->job, err);
	}
	return rc;
}

/* A rung's failure is the cause of the decoder's "a rendition failed". */
static int fail(struct ladder *l, struct err *err)
{
	return l->job ? job_fail(l->job, err) : -1;
}

static int feed(struct ladder *l, const uint8_t *data, size_t len, struct err *err)
{
	long n;

	while (len > 0) {
		n = input_ts_feed(l->ts, data, len, err);
		if (n < 0)
			return err_wrap(err, "input");
		if (advance(l, err) < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	/* What waited for a rung or for sound may be ready without a new picture. */
	return l->job ? job_deliver(l->job, err) : 0;
}

int ladder_feed(struct ladder *l, const uint8_t *data, size_t len, struct err *err)
{
	if (l->spec.device)
		return buf_add(&l->whole, data, len) ? 0 :
			err_set(err, ERR_LIMIT, "input: more than %u bytes", INPUT_MAX_BYTES);
	return feed(l, data, len, err) < 0 ? fail(l, err) : 0;
}

static int end(struct ladder *l, struct err *err)
{
	if (l->ts && input_ts_end(l->ts, err) < 0)
		return err_wrap(err, "input");
	if (advance(l, err) < 0)
		return -1;
	if (l->decoder && decoder_end(l->decoder, err) < 0)
		return -1;
	return job_end(l->job, err);
}

static void fill_stats(const struct ladder *l, struct ladder_stats *st)
{
	const struct decoded *d = l->decoder ? decoder_result(l->decoder) : NULL;

	*st = (struct ladder_stats){ 0 };
	if (d) {
		st->n_decoded = (unsigned)d->n_pictures;
		st->width = d->width;
		st->height = d->height;
	}
	st->wall_ms = (unsigned)((clock_mono_us() - l->start_us) / 1000);
	st->cpu_ms = (unsigned)((process_cpu_us() - l->start_cpu_us) / 1000);
}

int ladder_end(struct ladder *l, struct ladder_stats *stats, struct err *err)
{
	int rc;

	if (l->spec.device)
		return gpu_ladder_run(&l->spec, l->whole.data, l->whole.len, l->sink, l->arg, stats,
				      err);
	rc = end(l, err) < 0 ? fail(l, err) : 0;
	if (stats)
		fill_stats(l, stats);
	return rc;
}

/* ---- the whole at once ---- */

static int run(struct ladder *l, const uint8_t *input, size_t len, struct ladder_stats *stats,
	       struct err *err)
{
	if (!l->spec.fmp4) {
		l->ts = input_ts_new(&l->in);
		if (ladder_feed(l, input, len, err) < 0)
			return -1;
	} else if (input_load(&l->in, true, input, len, l->spec.max_pixels, err) < 0) {
		return err_wrap(err, "input");
	}
	return ladder_end(l, stats, err);
}

int ladder_run(const struct ladder_spec *spec, const uint8_t *input, size_t len,
	       ladder_sink *sink, void *arg, struct ladder_stats *stats, struct err *err)
{
	struct ladder *l = open_any(spec, sink, arg, err);
	int rc;

	if (!l)
		return -1;
	if (l->spec.device)
		rc = gpu_ladder_run(&l->spec, input, len, sink, arg, stats, err);
	else
		rc = run(l, input, len, stats, err);
	ladder_free(l);
	return rc;
}
