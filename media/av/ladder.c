#include "media/av/ladder.h"
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "media/av/decode.h"
#include "media/av/encode.h"
#include "media/av/frameq.h"
#include "media/av/gpu_ladder.h"
#include "media/av/input.h"
#include "media/av/libav.h"
#include "media/av/mux.h"
#include "media/av/plan.h"
#include "media/av/rung.h"

#define STACK_BYTES (512 << 10)		/* 64 kB is too little, 8 MB a waste (facts/worker-spike 2) */
#define CPU_LIMIT_S 20
#define SIDE_MIN 16
#define SIDE_MAX 8192
#define BITRATE_MAX 500000000u
#define FPS_MAX 240

struct job {
	struct rung *rungs;		/* in the caller's order */
	size_t n;
	struct plan plan;
	atomic_bool stop;
	size_t n_started;		/* threads, of plan.order */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t done[LADDER_MAX], n_done;	/* rungs whose thread is at its end, under lock */
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

/* MPEG-TS where it can carry both tracks, else MP4. */
static bool wants_fmp4(const struct ladder_rung *r, const struct input *in)
{
	if (in->video.par && r->encoder != LADDER_H264 && r->encoder != LADDER_HEVC)
		return true;
	return in->audio.par && !mux_ts_takes(in->audio.par->codec_id);
}

/* ---- threads ---- */

static void *run_thread(void *arg)
{
	struct rung *r = arg;
	struct job *j = r->job;

	rung_work(r);
	pthread_mutex_lock(&j->lock);
	j->done[j->n_done++] = r->index;
	pthread_cond_signal(&j->changed);
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

static int start_threads(struct job *j, struct err *err)
{
	pthread_attr_t attr;
	struct rung *r;
	size_t i;
	int rc = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (i = 0; i < j->n; i++)
		j->rungs[i].queue = frameq_new();
	for (i = 0; i < j->n && rc == 0; i++) {
		r = &j->rungs[j->plan.order[i]];
		rc = pthread_create(&r->thread, &attr, run_thread, r);
		j->n_started += rc == 0;
	}
	pthread_attr_destroy(&attr);
	if (rc != 0)
		return err_set(err, ERR_INTERNAL, "no thread for a rendition: %s", strerror(rc));
	return 0;
}

/* Wait for the next rung whose thread has ended. */
static struct rung *next_done(struct job *j, size_t k)
{
	struct rung *r;

	pthread_mutex_lock(&j->lock);
	while (j->n_done <= k)
		pthread_cond_wait(&j->changed, &j->lock);
	r = &j->rungs[j->done[k]];
	pthread_mutex_unlock(&j->lock);
	pthread_join(r->thread, NULL);
	return r;
}

/* ---- the run ---- */

static void job_init(struct job *j, const struct ladder_spec *spec, const struct input *in)
{
	unsigned limit_s = spec->cpu_limit_s ? spec->cpu_limit_s : CPU_LIMIT_S;
	struct rung *r, *p;
	size_t i;

	memset(j, 0, sizeof(*j));
	j->n = spec->n_rungs;
	j->rungs = xcalloc(j->n, sizeof(*j->rungs));
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->changed, NULL);
	plan_make(&j->plan, spec->rungs, j->n);
	for (i = 0; i < j->n; i++) {
		r = &j->rungs[j->plan.order[i]];
		r->index = j->plan.order[i];
		r->spec = &spec->rungs[r->index];
		r->ladder = spec;
		r->in = in;
		r->job = j;
		r->stop = &j->stop;
		r->cpu_limit_us = (uint64_t)limit_s * 1000000;
		r->out.fmp4 = wants_fmp4(r->spec, in);
		rung_init(r);
		if (j->plan.parent[r->index] == PLAN_SOURCE)
			continue;
		p = r->parent = &j->rungs[j->plan.parent[r->index]];
		p->children[p->n_children++] = r;
	}
}

static void job_fini(struct job *j)
{
	size_t i;

	for (i = 0; i < j->n; i++)
		rung_fini(&j->rungs[i]);
	pthread_cond_destroy(&j->changed);
	pthread_mutex_destroy(&j->lock);
	free(j->rungs);
}

/* A picture of the source, to every rung that scales from it. */
static int on_picture(void *arg, const AVFrame *frame, struct err *err)
{
	struct job *j = arg;
	struct rung *r;
	size_t i;

	for (i = 0; i < j->n; i++) {
		r = &j->rungs[j->plan.order[i]];
		if (!r->parent && rung_give(r, frame) < 0)
			return err_set(err, ERR_INTERNAL, "a rendition failed");
	}
	return 0;
}

static void end_source(struct job *j)
{
	size_t i;

	for (i = 0; i < j->n; i++)
		if (!j->rungs[j->plan.order[i]].parent)
			rung_end(&j->rungs[j->plan.order[i]]);
}

static void give_out(struct rung *r, ladder_sink *sink, void *arg)
{
	struct ladder_out out = r->out;

	if (r->failed || !out.data)
		return;
	r->out.data = NULL;	/* the sink's now */
	sink(arg, &out);
}

/* Collect all rungs; those done go to the sink unless something failed. */
static void finish_all(struct job *j, bool threads, ladder_sink *sink, void *arg)
{
	struct rung *r;
	size_t i;

	for (i = 0; i < (threads ? j->n_started : j->n); i++) {
		r = threads ? next_done(j, i) : &j->rungs[j->plan.order[i]];
		if (!atomic_load(&j->stop))
			give_out(r, sink, arg);
	}
}

/* The reason of the rung that failed first, in the caller's order. */
static int rung_failure(const struct job *j, struct err *err)
{
	size_t i;

	for (i = 0; i < j->n; i++) {
		if (!j->rungs[i].failed)
			continue;
		if (err)
			*err = j->rungs[i].err;
		return err_wrap(err, "rendition %zu", i);
	}
	return 0;
}

static int run(const struct ladder_spec *spec, const struct input *in, ladder_sink *sink,
	       void *arg, struct ladder_stats *stats, struct err *err)
{
	bool threads = spec->n_threads != 1;
	struct decoded dec = { 0 };
	struct job j;
	int rc = 0;

	job_init(&j, spec, in);
	if (threads)
		rc = start_threads(&j, err);
	if (rc == 0 && in->video.n > 0)
		rc = decode_video(&dec, in, spec->max_pixels,
				  j.rungs[0].cpu_limit_us, 0, on_picture, &j, err);
	if (rc < 0)
		atomic_store(&j.stop, true);
	end_source(&j);
	finish_all(&j, threads, sink, arg);
	/* A rung's failure is the cause of the decoder's "a rendition failed". */
	if (rung_failure(&j, err) < 0)
		rc = -1;
	stats->n_decoded = (unsigned)dec.n_pictures;
	stats->width = dec.width;
	stats->height = dec.height;
	job_fini(&j);
	return rc;
}

int ladder_run(const struct ladder_spec *spec, const uint8_t *input, size_t len,
	       ladder_sink *sink, void *arg, struct ladder_stats *stats, struct err *err)
{
	int64_t start_us = clock_mono_us();
	uint64_t start_cpu = process_cpu_us();
	struct ladder_stats st = { 0 };
	struct input in;
	int rc;

	libav_setup();
	if (check_spec(spec, err) < 0)
		return -1;
	if (spec->device)
		return gpu_ladder_run(spec, input, len, sink, arg, stats, err);
	if (input_load(&in, spec->fmp4, input, len, spec->max_pixels, err) < 0)
		return err_wrap(err, "input");
	rc = run(spec, &in, sink, arg, &st, err);
	input_fini(&in);
	st.wall_ms = (unsigned)((clock_mono_us() - start_us) / 1000);
	st.cpu_ms = (unsigned)((process_cpu_us() - start_cpu) / 1000);
	if (stats)
		*stats = st;
	return rc;
}

/* ---- probe and remux ---- */

static int ignore_picture(void *arg, const AVFrame *frame, struct err *err)
{
	return 0;
}

int ladder_probe(bool fmp4, const uint8_t *input, size_t len, uint64_t max_pixels,
		 struct ladder_stats *stats, struct err *err)
{
	int64_t start_us = clock_mono_us();
	uint64_t start_cpu = process_cpu_us();
	struct decoded dec = { 0 };
	struct input in;
	int rc = 0;

	libav_setup();
	memset(stats, 0, sizeof(*stats));
	if (input_load(&in, fmp4, input, len, max_pixels, err) < 0)
		return err_wrap(err, "input");
	if (in.video.n > 0)
		rc = decode_video(&dec, &in, max_pixels, CPU_LIMIT_S * 1000000ull, 1,
				  ignore_picture, NULL, err);
	input_fini(&in);
	stats->n_decoded = (unsigned)dec.n_pictures;
	stats->width = dec.width;
	stats->height = dec.height;
	stats->wall_ms = (unsigned)((clock_mono_us() - start_us) / 1000);
	stats->cpu_ms = (unsigned)((process_cpu_us() - start_cpu) / 1000);
	return rc;
}

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
		out->len = m.len;
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
