#include "media/av/rung.h"
#include <stdlib.h>
#include <libavutil/frame.h>
#include <libavutil/mathematics.h>
#include "base/mem.h"
#include "media/av/encode.h"
#include "media/av/frameq.h"
#include "media/av/input.h"
#include "media/av/libav.h"
#include "media/av/scale.h"

void rung_init(struct rung *r)
{
	r->scaler = scaler_new(r->spec->width, r->spec->height);
}

void rung_fini(struct rung *r)
{
	size_t i;

	frameq_free(r->queue);
	scaler_free(r->scaler);
	encoder_free(r->encoder);
	av_frame_free(&r->held);
	av_frame_free(&r->last_in);
	av_frame_free(&r->last_out);
	for (i = 0; i < r->n; i++)
		av_packet_free(&r->pkt[i]);
	free(r->pkt);
}

/* r->err is set: nobody needs to go on. */
static int fail(struct rung *r)
{
	r->failed = true;
	atomic_store(&r->hub->stop, true);
	return -1;
}

/* The same on the giver's side, with r->give_err. */
static int fail_giving(struct rung *r)
{
	r->give_failed = true;
	atomic_store(&r->hub->stop, true);
	return -1;
}

static bool is_stopped(const struct rung *r)
{
	return atomic_load(&r->hub->stop);
}

static int out_of_memory(struct rung *r)
{
	err_set(&r->give_err, ERR_INTERNAL, "no memory for a picture");
	return fail_giving(r);
}

static int out_of_time(const struct rung *r, struct err *err)
{
	return err_set(err, ERR_LIMIT, "a rendition of more than %llu s of CPU",
		       (unsigned long long)(r->cpu_limit_us / 1000000));
}

static bool has_rate(const struct rung *r)
{
	return r->spec->fps_num > 0;
}

/* ---- encode ---- */

static int open_encoder(struct rung *r, const AVFrame *first)
{
	struct encoder_opts o = {
		.rung = r->spec, .preset = r->preset,
		.fps_num = r->in->fps_num, .fps_den = r->in->fps_den,
		.frame_90k = r->in->frame_90k,
	};

	if (has_rate(r)) {
		o.fps_num = r->spec->fps_num;
		o.fps_den = r->spec->fps_den;
		o.frame_90k = av_rescale(90000, o.fps_den, o.fps_num);
	}
	r->encoder = encoder_open(&o, first, &r->err);
	return r->encoder ? 0 : fail(r);
}

/* Put what the encoder has made where it is collected. */
static void publish(struct rung *r)
{
	bool news = false;
	size_t n, i;
	AVPacket *const *p = encoder_packets(r->encoder, &n);

	if (n == 0)
		return;
	pthread_mutex_lock(&r->hub->lock);
	if (r->n + n > r->cap) {
		r->cap = 2 * (r->n + n);
		r->pkt = xrealloc(r->pkt, r->cap * sizeof(*r->pkt));
	}
	for (i = 0; i < n; i++) {
		r->pkt[r->n++] = p[i];
		news = news || (p[i]->flags & AV_PKT_FLAG_KEY);	/* the GOP before is whole */
	}
	r->news = r->news || news;
	if (news)
		pthread_cond_signal(&r->hub->changed);
	pthread_mutex_unlock(&r->hub->lock);
	encoder_drop(r->encoder);
}

/* frame: its own reference, changed by the encoder. */
static int encode(struct rung *r, AVFrame *frame)
{
	if (!r->encoder && open_encoder(r, frame) < 0)
		return -1;
	if (encoder_push(r->encoder, frame, &r->err) < 0)
		return fail(r);
	publish(r);
	return 0;
}

/* Pass on and encode a picture of this rendition's size; takes it. */
static int process(struct rung *r, AVFrame *frame)
{
	uint64_t before;
	size_t i;
	int rc = 0;

	for (i = 0; i < r->n_children && rc == 0; i++)
		rc = rung_give(r->children[i], frame);
	before = thread_cpu_us();
	if (rc == 0)
		rc = encode(r, frame);
	av_frame_free(&frame);
	r->cpu_us += thread_cpu_us() - before;
	if (rc == 0 && r->cpu_us > r->cpu_limit_us) {
		out_of_time(r, &r->err);
		return fail(r);
	}
	return rc;
}

/* ---- scale: from here on by whoever gives pictures ---- */

/* A picture that comes again (a lower rate made higher) is scaled once. */
static AVFrame *scale(struct rung *r, const AVFrame *frame)
{
	AVFrame *out;

	if (r->last_in && r->last_in->data[0] == frame->data[0]) {
		out = av_frame_clone(r->last_out);
		if (out)
			out->pts = frame->pts;
		else
			err_set(&r->give_err, ERR_INTERNAL, "no memory for a picture");
		return out;
	}
	out = scaler_run(r->scaler, frame, &r->give_err);
	if (!out || !has_rate(r))
		return out;
	/* Holding the reference keeps its memory from coming back as another picture. */
	av_frame_free(&r->last_in);
	av_frame_free(&r->last_out);
	r->last_in = av_frame_clone(frame);
	r->last_out = av_frame_clone(out);
	if (!r->last_in || !r->last_out)
		av_frame_free(&r->last_in);
	return out;
}

/* One picture that belongs to this rendition: scale it and bring it to its thread. */
static int hand_over(struct rung *r, const AVFrame *frame)
{
	uint64_t before = thread_cpu_us();
	AVFrame *out = scale(r, frame);

	r->give_us += thread_cpu_us() - before;
	if (!out)
		return fail_giving(r);
	if (r->give_us > r->cpu_limit_us) {
		av_frame_free(&out);
		out_of_time(r, &r->give_err);
		return fail_giving(r);
	}
	if (r->queue)
		return frameq_push(r->queue, out) ? 0 : -1;
	return process(r, out);
}

/* ---- rate conversion ---- */

/* The tick nearest to a time. */
static int64_t tick_of(const struct rung *r, int64_t pts)
{
	return av_rescale_rnd(pts - r->origin, r->spec->fps_num,
			      (int64_t)r->spec->fps_den * 90000, AV_ROUND_NEAR_INF);
}

/* Show the held picture on its ticks before end; on one second of them at most,
 * so that a gap in the source stays a gap. */
static int show_held(struct rung *r, int64_t end)
{
	int64_t most = r->held_tick + 1 + r->spec->fps_num / r->spec->fps_den;
	int64_t tick;

	if (end > most)
		end = most;
	for (tick = r->held_tick; tick < end; tick++) {
		r->held->pts = r->origin + av_rescale(tick, (int64_t)r->spec->fps_den * 90000,
						      r->spec->fps_num);
		if (hand_over(r, r->held) < 0)
			return -1;
	}
	return 0;
}

/* Each picture is shown from the tick nearest to its time until the next one's. */
static int convert(struct rung *r, const AVFrame *frame)
{
	int64_t tick;

	if (!r->held)
		r->origin = frame->pts;
	tick = tick_of(r, frame->pts);
	if (r->held && show_held(r, tick) < 0)
		return -1;
	av_frame_free(&r->held);
	r->held = av_frame_clone(frame);
	if (!r->held)
		return out_of_memory(r);
	r->held_tick = tick;
	return 0;
}

static int convert_end(struct rung *r)
{
	int64_t end;

	if (!r->held)
		return 0;
	end = tick_of(r, r->held->pts + r->in->frame_90k);
	/* A rate below one picture a segment still shows one. */
	if (end <= 0)
		end = 1;
	return show_held(r, end);
}

/* ---- in and out ---- */

int rung_give(struct rung *r, const AVFrame *frame)
{
	if (!r->parent && has_rate(r))
		return convert(r, frame);
	return hand_over(r, frame);
}

/* All pictures are in: code the rest. */
static void finish(struct rung *r)
{
	uint64_t before;
	size_t i;

	for (i = 0; i < r->n_children; i++)
		rung_end(r->children[i]);
	if (is_stopped(r) || !r->encoder)
		return;
	before = thread_cpu_us();
	if (encoder_flush(r->encoder, &r->err) < 0)
		fail(r);
	else
		publish(r);
	r->cpu_us += thread_cpu_us() - before;
}

static void end(struct rung *r)
{
	finish(r);
	pthread_mutex_lock(&r->hub->lock);
	r->done = r->news = true;
	pthread_cond_signal(&r->hub->changed);
	pthread_mutex_unlock(&r->hub->lock);
}

void rung_end(struct rung *r)
{
	/* A failure has stopped all. */
	if (!r->parent && has_rate(r) && !is_stopped(r))
		convert_end(r);
	if (r->queue)
		frameq_end(r->queue);
	else
		end(r);
}

void rung_work(struct rung *r)
{
	AVFrame *f;
	int rc = 0;

	while (rc == 0 && !is_stopped(r) && (f = frameq_pop(r->queue)))
		rc = process(r, f);
	/* Whoever feeds us must not wait for room that nobody makes. */
	if (rc < 0 || is_stopped(r))
		frameq_abort(r->queue);
	end(r);
}

const struct err *rung_error(const struct rung *r)
{
	if (r->failed)
		return &r->err;
	return r->give_failed ? &r->give_err : NULL;
}

const AVCodecParameters *rung_params(const struct rung *r)
{
	return encoder_params(r->encoder);
}
