/*
 * The calling thread drives the device: it decodes, scales in the cascade of plan.h,
 * opens encoders and downloads what the CPU will encode.  Each rendition has a thread
 * that only encodes and muxes, fed by a bounded queue: encoders wait (for the device or
 * the CPU), and x264 must have the other cores.
 *
 * Whether a device takes a source shows only when it is tried, so a refused source
 * begins again with the software decoder; nothing has been given out by then, because
 * renditions are given out when all pictures are through.
 */
#include "media/av/gpu_ladder.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <libavutil/mathematics.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "media/av/decode.h"
#include "media/av/encode.h"
#include "media/av/frameq.h"
#include "media/av/gpu_decode.h"
#include "media/av/gpu_device.h"
#include "media/av/gpu_path.h"
#include "media/av/input.h"
#include "media/av/libav.h"
#include "media/av/mux.h"
#include "media/av/plan.h"
#include "media/av/rate.h"
#include "media/av/scale.h"

#define STACK_BYTES (1 << 20)	/* a driver's calls run on it, too */
#define CPU_LIMIT_S 20
#define DECODER_EXTRA 4		/* pictures on the way through the scalers */

struct job;

struct rendition {
	/* given */
	const struct ladder_rung *spec;	/* borrowed */
	size_t index;
	struct job *job;		/* borrowed */
	struct rendition *children[LADDER_MAX];
	size_t n_children;
	bool is_child;
	bool on_device;			/* encodes there; false also once the device refused it */

	/* the calling thread's */
	struct rate rate;
	AVFrame *held;			/* rate conversion: waits for its successor */
	struct gpu_scaler *scaler;	/* owned; NULL: scales in memory */
	struct scaler *soft_scaler;	/* owned */
	struct gpu_store *store;	/* owned; to move scaled pictures to the device */

	/* the rendition's thread's, once it runs */
	struct frameq *queue;		/* owned */
	pthread_t thread;
	bool has_thread;
	struct scaler *plain;		/* owned; nv12 to yuv420p */
	struct encoder *encoder;	/* owned; opened by the calling thread if on_device */
	bool failed;
	struct err err;
	struct mux_out mux;
	struct ladder_out out;
};

struct job {
	const struct ladder_spec *spec;
	const struct input *in;
	struct gpu_device *device;
	struct gpu_path path;
	struct plan plan;
	struct rendition *r;		/* in the caller's order */
	size_t n;
	struct gpu_store *source;	/* owned; pictures decoded in memory, for scaling there */
	struct scaler *source_plain;	/* owned */
	int source_width, source_height;
	atomic_bool stop;
};

/* ---- a rendition's thread ---- */

static int fail(struct rendition *r)
{
	r->failed = true;
	atomic_store(&r->job->stop, true);
	return -1;
}

static void fps_of(const struct rendition *r, struct encoder_opts *o)
{
	o->fps_num = r->job->in->fps_num;
	o->fps_den = r->job->in->fps_den;
	o->frame_90k = r->job->in->frame_90k;
	if (r->spec->fps_num <= 0)
		return;
	o->fps_num = r->spec->fps_num;
	o->fps_den = r->spec->fps_den;
	o->frame_90k = av_rescale(90000, o->fps_den, o->fps_num);
}

static struct encoder_opts encoder_opts_of(const struct rendition *r)
{
	struct encoder_opts o = { .rung = r->spec, .preset = r->job->spec->preset };

	fps_of(r, &o);
	return o;
}

/* An encoder on a device fails only with the device. */
static int encoder_failed(struct rendition *r)
{
	if (r->on_device && r->err.code == ERR_INTERNAL)
		gpu_fail(r->job->device, "encode", AVERROR_EXTERNAL, &r->err);
	return fail(r);
}

/* frame: its own reference. */
static int encode_soft(struct rendition *r, const AVFrame *frame)
{
	struct encoder_opts o = encoder_opts_of(r);
	AVFrame *f = scaler_run(r->plain, frame, &r->err);
	int rc = -1;

	if (f && !r->encoder)
		r->encoder = encoder_open(&o, f, &r->err);
	if (f && r->encoder)
		rc = encoder_push(r->encoder, f, &r->err);
	av_frame_free(&f);
	return rc < 0 ? fail(r) : 0;
}

static int encode(struct rendition *r, AVFrame *frame)
{
	unsigned limit_s = r->job->spec->cpu_limit_s ? r->job->spec->cpu_limit_s : CPU_LIMIT_S;

	if (!frame->hw_frames_ctx && encode_soft(r, frame) < 0)
		return -1;
	if (frame->hw_frames_ctx && encoder_push(r->encoder, frame, &r->err) < 0)
		return encoder_failed(r);
	if (thread_cpu_us() <= (uint64_t)limit_s * 1000000)
		return 0;
	err_set(&r->err, ERR_LIMIT, "a rendition of more than %u s of CPU", limit_s);
	return fail(r);
}

static bool wants_fmp4(const struct input *in)
{
	return in->audio.par && !mux_ts_takes(in->audio.par->codec_id);
}

static int mux(struct rendition *r)
{
	const struct input *in = r->job->in;
	struct mux_track video = { 0 };
	struct mux_track audio = { in->audio.par, in->audio.pkt, in->audio.n };
	const struct mux_track *t = r->encoder ? &video : &audio;
	int64_t first = INT64_MAX, last = INT64_MIN;
	size_t i;

	if (r->encoder) {
		video.par = encoder_params(r->encoder);
		video.pkt = encoder_packets(r->encoder, &video.n);
	}
	if (mux_segment(&r->mux, wants_fmp4(in), &video, &audio, &r->err) < 0)
		return fail(r);
	for (i = 0; i < t->n; i++) {
		int64_t end = t->pkt[i]->pts + (t->pkt[i]->duration > 0 ? t->pkt[i]->duration : 0);

		first = t->pkt[i]->pts < first ? t->pkt[i]->pts : first;
		last = end > last ? end : last;
	}
	r->out = (struct ladder_out){
		.index = r->index, .data = r->mux.data, .len = r->mux.len, .last = true,
		.total = r->mux.len, .n_video = (unsigned)video.n,
		.duration_90k = t->n ? last - first : 0,
		.width = r->encoder ? r->spec->width : 0, .height = r->encoder ? r->spec->height : 0,
		.fmp4 = wants_fmp4(in), .init_len = r->mux.init_len,
	};
	return 0;
}

static void *run_thread(void *arg)
{
	struct rendition *r = arg;
	AVFrame *f;
	int rc = 0;

	while (rc == 0 && !atomic_load(&r->job->stop) && (f = frameq_pop(r->queue))) {
		rc = encode(r, f);
		av_frame_free(&f);
	}
	/* Whoever feeds us must not wait for room that nobody makes. */
	if (rc < 0 || atomic_load(&r->job->stop)) {
		frameq_abort(r->queue);
		return NULL;
	}
	if (r->encoder && encoder_flush(r->encoder, &r->err) < 0)
		encoder_failed(r);
	else
		mux(r);
	return NULL;
}

/* ---- pictures, on the calling thread ---- */

/* to_device: frame becomes one there (through *store, made when needed).  Takes frame;
 * gives another, NULL with err. */
static AVFrame *moved(struct job *j, AVFrame *frame, bool to_device, struct gpu_store **store,
		      struct err *err)
{
	AVFrame *to;

	if ((frame->hw_frames_ctx != NULL) == to_device)
		return frame;
	if (to_device && !*store)
		*store = gpu_store_new(j->device, frame->width, frame->height, err);
	to = !to_device ? gpu_download(j->device, frame, err) :
	     *store ? gpu_upload(*store, frame, err) : NULL;
	av_frame_free(&frame);
	return to;
}

static AVFrame *scaled(struct rendition *r, const AVFrame *frame, struct err *err)
{
	if (r->scaler)
		return gpu_scaler_run(r->scaler, frame, err);
	return scaler_run(r->soft_scaler, frame, err);
}

/* The first picture: does the device encode this rendition? */
static int settle_encoder(struct rendition *r, const AVFrame *first, struct err *err)
{
	struct encoder_opts o = encoder_opts_of(r);
	bool cannot = false;

	r->encoder = gpu_encoder_open(r->job->device, &o, first, &cannot, err);
	if (r->encoder)
		return 0;
	r->on_device = false;	/* too small or too large for it: the CPU does this one */
	return cannot ? 0 : -1;
}

static int hand_over(struct rendition *r, const AVFrame *picture, struct err *err)
{
	AVFrame *f = av_frame_clone(picture);

	if (!f)
		return err_set(err, ERR_INTERNAL, "no memory for a picture");
	if (r->on_device) {
		f = moved(r->job, f, true, &r->store, err);
		if (f && !r->encoder && settle_encoder(r, f, err) < 0)
			av_frame_free(&f);
	}
	if (f && !r->on_device)
		f = moved(r->job, f, false, NULL, err);
	if (!f)
		return -1;
	if (!frameq_push(r->queue, f))
		return err_set(err, ERR_INTERNAL, "a rendition failed");
	return 0;
}

/* Scale once; show on n ticks from first, or once with its own time if n is 0. */
static int process(struct rendition *r, const AVFrame *frame, const struct rate_span *s,
		   struct err *err)
{
	AVFrame *out = scaled(r, frame, err);
	int64_t k, n = s ? s->n : 1;
	size_t i;
	int rc = out ? 0 : -1;

	for (k = 0; k < n && rc == 0; k++) {
		if (s)
			out->pts = rate_time(&r->rate, s->first + k);
		for (i = 0; i < r->n_children && rc == 0; i++)
			rc = process(r->children[i], out, NULL, err);
		if (rc == 0)
			rc = hand_over(r, out, err);
	}
	av_frame_free(&out);
	return rc;
}

static int give(struct rendition *r, const AVFrame *frame, struct err *err)
{
	struct rate_span s;
	int rc = 0;

	if (r->spec->fps_num <= 0)
		return process(r, frame, NULL, err);
	s = rate_take(&r->rate, frame->pts);
	if (s.n > 0)
		rc = process(r, r->held, &s, err);
	av_frame_free(&r->held);
	r->held = av_frame_clone(frame);
	if (!r->held)
		return err_set(err, ERR_INTERNAL, "no memory for a picture");
	return rc;
}

static int give_end(struct rendition *r, struct err *err)
{
	struct rate_span s;

	if (!r->held)
		return 0;
	s = rate_end(&r->rate, r->held->pts + r->job->in->frame_90k);
	return s.n > 0 ? process(r, r->held, &s, err) : 0;
}

/* The size of pictures in memory may change inside a segment: so does what depends on it. */
static AVFrame *source_picture(struct job *j, const AVFrame *frame, struct err *err)
{
	AVFrame *f;

	if (j->source_width != frame->width || j->source_height != frame->height) {
		gpu_store_free(j->source);
		scaler_free(j->source_plain);
		j->source = NULL;
		j->source_plain = scaler_new(frame->width, frame->height);
		j->source_width = frame->width;
		j->source_height = frame->height;
	}
	f = frame->hw_frames_ctx ? av_frame_clone(frame) : scaler_run(j->source_plain, frame, err);
	return f ? moved(j, f, j->path.scale, &j->source, err) : NULL;
}

static int on_picture(void *arg, const AVFrame *frame, struct err *err)
{
	struct job *j = arg;
	AVFrame *f = source_picture(j, frame, err);
	int rc = f ? 0 : -1;
	size_t i;

	for (i = 0; i < j->n && rc == 0; i++)
		if (!j->r[j->plan.order[i]].is_child)
			rc = give(&j->r[j->plan.order[i]], f, err);
	av_frame_free(&f);
	return rc;
}

static int end_source(struct job *j, struct err *err)
{
	int rc = 0;
	size_t i;

	for (i = 0; i < j->n && rc == 0; i++)
		rc = give_end(&j->r[j->plan.order[i]], err);
	return rc;
}

/* ---- one try ---- */

static void rendition_init(struct job *j, size_t index)
{
	struct rendition *r = &j->r[index];

	r->index = index;
	r->job = j;
	r->spec = &j->spec->rungs[index];
	r->on_device = j->path.encode[index];
	rate_init(&r->rate, r->spec->fps_num, r->spec->fps_den);
	r->queue = frameq_new();
	r->plain = scaler_new(r->spec->width, r->spec->height);
	if (j->path.scale)
		r->scaler = gpu_scaler_new(j->device, r->spec->width, r->spec->height);
	else
		r->soft_scaler = scaler_new(r->spec->width, r->spec->height);
}

static void job_init(struct job *j)
{
	size_t i;
	int parent;

	j->n = j->spec->n_rungs;
	j->r = xcalloc(j->n, sizeof(*j->r));
	plan_make(&j->plan, j->spec->rungs, j->n);
	for (i = 0; i < j->n; i++)
		rendition_init(j, i);
	for (i = 0; i < j->n; i++) {
		parent = j->plan.parent[j->plan.order[i]];
		if (parent == PLAN_SOURCE)
			continue;
		j->r[parent].children[j->r[parent].n_children++] = &j->r[j->plan.order[i]];
		j->r[j->plan.order[i]].is_child = true;
	}
}

static void rendition_fini(struct rendition *r)
{
	frameq_free(r->queue);
	encoder_free(r->encoder);
	scaler_free(r->plain);
	gpu_store_free(r->store);
	scaler_free(r->soft_scaler);
	gpu_scaler_free(r->scaler);
	av_frame_free(&r->held);
	free(r->out.data);
}

static void job_fini(struct job *j)
{
	size_t i;

	for (i = 0; i < j->n; i++)
		rendition_fini(&j->r[i]);
	scaler_free(j->source_plain);
	gpu_store_free(j->source);
	free(j->r);
}

static int start_threads(struct job *j, struct err *err)
{
	pthread_attr_t attr;
	size_t i;
	int rc = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (i = 0; i < j->n && rc == 0; i++) {
		rc = pthread_create(&j->r[i].thread, &attr, run_thread, &j->r[i]);
		j->r[i].has_thread = rc == 0;
	}
	pthread_attr_destroy(&attr);
	return rc ? err_set(err, ERR_INTERNAL, "no thread for a rendition: %s", strerror(rc)) : 0;
}

static void join_threads(struct job *j)
{
	size_t i;

	for (i = 0; i < j->n; i++)
		frameq_end(j->r[i].queue);
	for (i = 0; i < j->n; i++)
		if (j->r[i].has_thread)
			pthread_join(j->r[i].thread, NULL);
}

static int decode_soft(struct job *j, struct decoded *dec, struct err *err)
{
	unsigned limit_s = j->spec->cpu_limit_s ? j->spec->cpu_limit_s : CPU_LIMIT_S;
	struct decoder *d = decoder_open(j->in, (uint64_t)limit_s * 1000000, on_picture, j, err);
	int rc = d ? 0 : -1;
	size_t i;

	for (i = 0; i < j->in->video.n && rc == 0; i++)
		rc = decoder_push(d, j->in->video.pkt[i], err);
	if (rc == 0)
		rc = decoder_end(d, err);
	if (d)
		*dec = *decoder_result(d);
	decoder_free(d);
	return rc;
}

static int decode(struct job *j, struct decoded *dec, bool *refused, struct err *err)
{
	int extra = DECODER_EXTRA;
	size_t i;

	if (j->in->video.n == 0)
		return 0;
	if (!j->path.decode)
		return decode_soft(j, dec, err);
	for (i = 0; i < j->n; i++)
		extra += j->spec->rungs[i].fps_num > 0;
	return gpu_decode(dec, j->device, j->in, j->spec->max_pixels, extra, on_picture, j, refused,
			  err);
}

/* The reason of the rendition that failed first, in the caller's order. */
static int rendition_failure(const struct job *j, struct err *err)
{
	size_t i;

	for (i = 0; i < j->n; i++) {
		if (!j->r[i].failed)
			continue;
		if (err)
			*err = j->r[i].err;
		return err_wrap(err, "rendition %zu", i);
	}
	return 0;
}

static void give_out(struct job *j, ladder_sink *sink, void *arg)
{
	struct ladder_out out;
	size_t i;

	for (i = 0; i < j->n; i++) {
		out = j->r[i].out;
		j->r[i].out.data = NULL;	/* the sink's now */
		sink(arg, &out);
	}
}

static int run(struct job *j, struct decoded *dec, bool *refused, struct err *err)
{
	int rc;

	job_init(j);
	rc = start_threads(j, err);
	if (rc == 0)
		rc = decode(j, dec, refused, err);
	if (rc == 0)
		rc = end_source(j, err);
	if (rc < 0)
		atomic_store(&j->stop, true);
	join_threads(j);
	/* A rendition's failure is the cause of "a rendition failed". */
	return rendition_failure(j, err) < 0 ? -1 : rc;
}

/* ---- the segment ---- */

static struct gpu_device *device;	/* kept: opening one takes up to half a second */

static struct gpu_device *device_of(const char *name, struct err *err)
{
	if (device && strcmp(device->text, name) != 0)
		gpu_ladder_close();
	if (!device)
		device = gpu_device_open(name, err);
	return device;
}

void gpu_ladder_close(void)
{
	gpu_device_close(device);
	device = NULL;
}

bool gpu_ladder_caps(struct gpu_caps *caps)
{
	if (!device)
		return false;
	*caps = device->caps;
	return true;
}

unsigned gpu_ladder_sessions(void)
{
	return device ? gpu_device_sessions(device, LADDER_H264, GPU_SESSIONS_MAX) : 0;
}

/* refused: the device does not take the source; dec, sink as in gpu_ladder_run. */
static int try(const struct ladder_spec *spec, const struct input *in, bool *refused,
	       struct decoded *dec, ladder_sink *sink, void *arg, struct err *err)
{
	struct job j = { .spec = spec, .in = in, .device = device };
	bool no_decode = *refused;
	int rc;

	*refused = false;
	if (in->video.n > 0 &&
	    gpu_path_plan(&j.path, device->name.kind, &device->caps, in->video.par->codec_id,
			  no_decode, spec->rungs, spec->n_rungs, err) < 0)
		return -1;
	rc = run(&j, dec, refused, err);
	if (rc == 0)
		give_out(&j, sink, arg);
	job_fini(&j);
	return rc;
}

static int learn(const struct ladder_spec *spec, struct err *err)
{
	size_t i;

	for (i = 0; i < spec->n_rungs; i++)
		if (gpu_device_learn(device, spec->rungs[i].encoder, err) < 0)
			return -1;
	return 0;
}

static int run_loaded(const struct ladder_spec *spec, const struct input *in, struct decoded *dec,
		      ladder_sink *sink, void *arg, struct err *err)
{
	bool refused = false;
	struct err first;
	int rc;

	if (!device_of(spec->device, err) || learn(spec, err) < 0)
		return -1;
	rc = try(spec, in, &refused, dec, sink, arg, err);
	if (rc == 0 || !refused)
		return rc;
	first = *err;
	rc = try(spec, in, &refused, dec, sink, arg, err);
	if (rc < 0 && err->code == ERR_INTERNAL)
		*err = first;	/* the better reason */
	return rc;
}

int gpu_ladder_run(const struct ladder_spec *spec, const uint8_t *input, size_t len,
		   ladder_sink *sink, void *arg, struct ladder_stats *stats, struct err *err)
{
	int64_t start_us = clock_mono_us();
	uint64_t start_cpu = process_cpu_us();
	struct decoded dec = { 0 };
	struct err why = { 0 };
	struct input in;
	int rc;

	libav_setup();
	if (input_load(&in, spec->fmp4, input, len, spec->max_pixels, err) < 0)
		return err_wrap(err, "input");
	rc = run_loaded(spec, &in, &dec, sink, arg, &why);
	input_fini(&in);
	if (rc < 0 && why.code == ERR_IO)
		gpu_ladder_close();
	if (rc < 0 && err)
		*err = why;
	if (stats)
		*stats = (struct ladder_stats){
			.n_decoded = (unsigned)dec.n_pictures, .width = dec.width, .height = dec.height,
			.wall_ms = (unsigned)((clock_mono_us() - start_us) / 1000),
			.cpu_ms = (unsigned)((process_cpu_us() - start_cpu) / 1000),
		};
	return rc;
}
