/*
 * Lanes: the CPU's pool, and one a device.
 *
 * Capacity is counted in encoded pixels a second.  The CPU's is pixels for each
 * second of CPU time, times the cores: CPU time hardly depends on what else runs,
 * wall time does.  A device's work does not show as CPU time, so its capacity is
 * taken from the wall: pixels of a task by its time, times the tasks side by side.
 * Both follow the real tasks by an exponential mean.
 *
 * A device takes work once its probe has transcoded the clip.  When it fails at that, or
 * at DEVICE_BAD_MAX tasks in a row, it is down for a second, doubled to a minute, then
 * probed again: what it can do is known by its doing, and no stream pays for it.
 * Meanwhile its work goes to the CPU.
 */
#include "node/farm/transcoder_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/prom.h"
#include "media/av/gpu.h"
#include "media/av/ladder.h"
#include "node/work/gpuprobe.h"

/* When measuring fails: half of what a slow core of today makes (preset superfast). */
#define RATE_UNKNOWN 30e6
/*
 * The clip's small pictures cost more a pixel than real ones.  Found by hand: the clip
 * 72 to 80 Mpx per CPU second; 4 rungs up to 720p of noisy mandelbrot 89 to 93, of
 * testsrc2 118 to 131.  Taken is the harder one.
 */
#define CLIP_FACTOR 1.2
#define MEASURE_MS 700
#define MEASURE_ROUNDS 3	/* tasks a core, at least; the first is not counted */
#define CLIP_MS 20000

#define MEAN_WEIGHT 0.1
#define SAMPLE_MS_MIN 50	/* of CPU or wall time: below, the clock is too coarse */

/* Before a device has shown what it does; hardware encoders manage some 1080p30 more. */
#define DEVICE_RATE_UNKNOWN 200e6
#define DEVICE_SESSIONS 8	/* renditions at once, as drivers of small cards allow */
#define DEVICE_BAD_MAX 3
#define LOOK_MS 2000		/* between looks at its usage */
#define DEVICE_PAUSE_MIN_MS 1000
#define DEVICE_PAUSE_MAX_MS 60000

struct lane {
	struct transcoder *t;
	const char *device;	/* borrowed; NULL: the CPU */
	struct work_pool *pool;	/* NULL once closed */
	unsigned n_workers;
	unsigned max_sessions;	/* renditions at once; 0: no limit but the tasks' */
	unsigned n_tasks, n_renditions;
	double rate;		/* CPU: pixels a CPU second; device: pixels a second, all tasks */
	bool rate_is_known;
	/* a device's */
	bool works;		/* it has shown so, and not failed since */
	struct gpuprobe *probe;	/* running */
	char what[96];		/* it can do, in words */
	unsigned n_bad;		/* failures in a row */
	uint64_t pause_ms, try_at_ms;
	uv_work_t look;		/* at its usage, which takes ms: on the pool of threads */
	bool looks;		/* that runs; what follows is then the thread's */
	struct gpu_name name;
	struct gpu_usage seen;
	bool has_seen;
	struct gpu_usage usage;	/* last; total 0: not told */
	uint64_t look_at_ms;
	uint64_t n_done, n_failed;
};

static struct lane *cpu_lane(const struct transcoder *t)
{
	return t->lanes[0];
}

static const char *lane_name(const struct lane *l)
{
	return l->device ? l->device : "cpu";
}

static bool lane_is_up(const struct lane *l)
{
	struct work_pool_stats st;

	if (!l->pool || (l->device && !l->works))
		return false;
	work_pool_stats(l->pool, &st);
	return st.n_up > 0;
}

struct work_pool *lane_pool(const struct lane *l)
{
	return l->pool;
}

bool lane_is_device(const struct lane *l)
{
	return l->device != NULL;
}

/* ---- opening and closing ---- */

static int lane_open(struct transcoder *t, const char *device, unsigned n_workers, struct err *err)
{
	struct work_opts o = {
		.n_workers = n_workers, .max_queue = n_workers, .max_pixels = t->opts.max_pixels,
		.confine = t->opts.confine, .idle_ms = 5000, .device = device,
	};
	struct lane *l = xcalloc(1, sizeof(*l));

	l->t = t;
	l->device = device;
	l->rate = device ? DEVICE_RATE_UNKNOWN : RATE_UNKNOWN;
	l->n_workers = n_workers;
	if (device)
		l->max_sessions = n_workers;
	l->pool = work_pool_new(t->loop, &o, err);
	t->lanes[t->n_lanes++] = l;
	return l->pool ? 0 : err_wrap(err, "%s", lane_name(l));
}

int lanes_open(struct transcoder *t, struct err *err)
{
	unsigned n = t->opts.device_sessions ? t->opts.device_sessions : DEVICE_SESSIONS;
	const char *const *d;
	struct gpu_name name;
	const uint8_t *clip;
	size_t len;

	clip = ladder_clip(&len);
	t->clip = blob_new(clip, len, err);
	if (!t->clip || lane_open(t, NULL, t->slots, err) < 0)
		return -1;
	for (d = t->opts.devices; d && *d; d++) {
		if (t->n_lanes == LANES_MAX)
			return err_set(err, ERR_INVALID, "more than %d devices", DEVICES_MAX);
		if (gpu_name_parse(&name, *d, err) < 0 || lane_open(t, *d, n, err) < 0)
			return -1;
		t->lanes[t->n_lanes - 1]->name = name;
	}
	return 0;
}

static void measure_end(struct transcoder *t);

void lanes_close(struct transcoder *t)
{
	size_t i;

	if (t->measure.jobs)
		measure_end(t);
	for (i = 0; i < t->n_lanes; i++) {
		struct lane *l = t->lanes[i];

		if (l->probe)
			gpuprobe_cancel(l->probe);
		l->probe = NULL;
		if (l->pool)
			work_pool_close(l->pool, NULL, NULL);
		l->pool = NULL;
	}
	blob_unref(t->clip);
	t->clip = NULL;
}

void lanes_free(struct transcoder *t)
{
	size_t i;

	for (i = 0; i < t->n_lanes; i++)
		free(t->lanes[i]);
}

/* ---- the clip ---- */

static struct work_task *clip_start(struct lane *l, const char *key, const struct work_cb *cb,
				    void *arg, struct err *err)
{
	static const struct profile_list profiles = {
		.n = 3,
		.p = { { .name = "a", .width = 320, .height = 180, .bitrate = 400000, .fps_den = 1,
			 .h264 = H264_CONSTRAINED_HIGH, .quality = -1 },
		       { .name = "b", .width = 256, .height = 144, .bitrate = 250000, .fps_den = 1,
			 .h264 = H264_CONSTRAINED_HIGH, .quality = -1 },
		       { .name = "c", .width = 160, .height = 90, .bitrate = 120000, .fps_den = 1,
			 .h264 = H264_CONSTRAINED_HIGH, .quality = -1 } },
	};
	struct work_spec spec = {
		.kind = TASK_TRANSCODE, .stream_key = key, .input = l->t->clip, .max_tries = 1,
		.profiles = &profiles, .preset = "superfast", .duration_ms = 800,
		.deadline_ms = CLIP_MS,
	};

	return work_task_start(l->pool, &spec, cb, arg, err);
}

/* ---- measuring ---- */

struct measure_job {
	struct transcoder *t;
	struct work_task *task;		/* NULL: rests */
	char key[32];
	unsigned n_done;
	double pixels;			/* of the running task */
};

static void measure_next(struct measure_job *j);

/* Time counts from the first end: workers were still coming up before. */
static bool measure_is_enough(const struct transcoder *t)
{
	const struct measure *m = &t->measure;

	return m->err.code || (m->n_started >= MEASURE_ROUNDS * m->n_jobs && m->since_ms &&
			       uv_now(t->loop) - m->since_ms >= MEASURE_MS);
}

static void measure_end(struct transcoder *t)
{
	struct measure *m = &t->measure;
	unsigned i;

	for (i = 0; i < m->n_jobs; i++) {
		if (m->jobs[i].task)
			work_task_cancel(m->jobs[i].task);
		work_stream_end(lane_pool(cpu_lane(t)), m->jobs[i].key);
	}
	free(m->jobs);
	m->jobs = NULL;
}

static void measure_result(struct transcoder *t)
{
	struct measure *m = &t->measure;
	struct lane *l = cpu_lane(t);

	if (m->err.code || m->cpu_ms < 1) {
		log_error(NULL, "capacity cannot be measured, taking a low one: mpx_s=%.0f why=%s",
			  l->rate * t->cores / 1e6, m->err.code ? m->err.msg : "no CPU time is told");
	} else {
		l->rate = m->pixels * CLIP_FACTOR / (m->cpu_ms / 1000);
		log_info(NULL, "capacity measured: mpx_s=%.0f cores=%u tasks=%u cpu_ms=%.0f ms=%llu",
			 l->rate * t->cores / 1e6, t->cores, m->n_started, m->cpu_ms,
			 (unsigned long long)(uv_now(t->loop) - m->since_ms));
	}
	l->rate_is_known = true;
	measure_end(t);
}

static void on_measured_rendition(void *arg, const struct work_rendition *r)
{
	struct measure_job *j = arg;

	j->pixels += (double)r->width * r->height * r->n_video;
}

/* A worker's first task finds its memory cold: it does not count. */
static void measure_add(struct measure_job *j, const struct work_stats *st)
{
	struct measure *m = &j->t->measure;

	if (j->n_done++ == 0) {
		if (!m->since_ms)
			m->since_ms = uv_now(j->t->loop);
		return;
	}
	m->pixels += j->pixels;
	m->cpu_ms += st->cpu_ms;
}

static void on_measured(void *arg, const struct work_stats *st, const struct err *err)
{
	struct measure_job *j = arg;
	struct transcoder *t = j->t;
	struct measure *m = &t->measure;

	j->task = NULL;
	m->n_running--;
	if (err)
		m->err = *err;
	else
		measure_add(j, st);
	if (!measure_is_enough(t))
		measure_next(j);
	if (m->n_running == 0)
		measure_result(t);
}

static void measure_next(struct measure_job *j)
{
	static const struct work_cb cb = { .rendition = on_measured_rendition, .done = on_measured };
	struct measure *m = &j->t->measure;

	j->pixels = 0;
	j->task = clip_start(cpu_lane(j->t), j->key, &cb, j, &m->err);
	if (!j->task)
		return;
	m->n_running++;
	m->n_started++;
}

void lanes_measure(struct transcoder *t)
{
	struct measure *m = &t->measure;
	unsigned i;

	if (t->opts.capacity) {
		cpu_lane(t)->rate = (double)t->opts.capacity / t->cores;
		cpu_lane(t)->rate_is_known = true;
		return;
	}
	m->n_jobs = t->cores < t->slots ? t->cores : t->slots;
	m->jobs = xcalloc(m->n_jobs, sizeof(*m->jobs));
	for (i = 0; i < m->n_jobs; i++) {
		m->jobs[i].t = t;
		snprintf(m->jobs[i].key, sizeof(m->jobs[i].key), "measure/%u", i);
		measure_next(&m->jobs[i]);
	}
	if (m->n_running == 0)
		measure_result(t);
}

bool lanes_are_known(const struct transcoder *t)
{
	return cpu_lane(t)->rate_is_known && lane_is_up(cpu_lane(t));
}

void lanes_give_up_measuring(struct transcoder *t)
{
	if (t->measure.jobs) {
		err_set(&t->measure.err, ERR_TIMEOUT, "it takes too long");
		measure_result(t);
	}
}

/* ---- devices: up and down ---- */

static void device_down(struct lane *l, const struct err *why)
{
	l->works = false;
	l->n_bad = 0;
	l->pause_ms = l->pause_ms ? l->pause_ms * 2 : DEVICE_PAUSE_MIN_MS;
	if (l->pause_ms > DEVICE_PAUSE_MAX_MS)
		l->pause_ms = DEVICE_PAUSE_MAX_MS;
	l->try_at_ms = uv_now(l->t->loop) + l->pause_ms;
	log_warn(NULL, "a device fails, the CPU does its work: device=%s wait_ms=%llu why=%s",
		 l->device, (unsigned long long)l->pause_ms, why->msg);
}

/* Whoever has no encoder leaves that to the CPU. */
static unsigned sessions_of(const struct lane *l, const struct gpu_caps *caps)
{
	if (l->t->opts.device_sessions)
		return l->t->opts.device_sessions;
	return caps->encode_sessions ? caps->encode_sessions : DEVICE_SESSIONS;
}

static void on_probed(void *arg, const struct gpu_caps *caps, const struct err *err)
{
	struct lane *l = arg;

	l->probe = NULL;
	if (!caps) {
		device_down(l, err);
		return;
	}
	l->works = true;
	l->max_sessions = sessions_of(l, caps);
	snprintf(l->what, sizeof(l->what), "%s", caps->what);
	log_info(NULL, "a device works: device=%s renditions=%u model=%s what=%s", l->device,
		 l->max_sessions, caps->model, caps->what);
}

static void device_try(struct lane *l)
{
	struct err err;

	l->probe = gpuprobe_start(l->t->loop, l->device, 0, on_probed, l, &err);
	if (!l->probe)
		device_down(l, &err);
}

static void look_work(uv_work_t *req)
{
	struct lane *l = req->data;

	l->has_seen = gpu_usage(&l->name, &l->seen);
}

/* Lanes live until the loop has run dry, so also until here. */
static void on_looked(uv_work_t *req, int status)
{
	struct lane *l = req->data;

	l->looks = false;
	l->usage = status == 0 && l->has_seen ? l->seen : (struct gpu_usage){ 0 };
	if (l->usage.utilisation > 100)
		l->usage.utilisation = 100;
}

static void device_look(struct lane *l)
{
	l->look.data = l;
	l->look_at_ms = uv_now(l->t->loop) + LOOK_MS;
	l->looks = uv_queue_work(l->t->loop, &l->look, look_work, on_looked) == 0;
}

void lanes_tick(struct transcoder *t)
{
	size_t i;

	for (i = 1; i < t->n_lanes; i++) {
		struct lane *l = t->lanes[i];

		if (!l->works && !l->probe && uv_now(t->loop) >= l->try_at_ms)
			device_try(l);
		if (l->works && !l->looks && uv_now(t->loop) >= l->look_at_ms)
			device_look(l);
	}
}

/* ---- tasks ---- */

/* Hardware does these two, and nothing but transcoding. */
static bool is_for_devices(const struct msg_task *m)
{
	size_t i;

	for (i = 0; i < m->profiles.n; i++)
		if (m->profiles.p[i].encoder != ENCODER_H264 &&
		    m->profiles.p[i].encoder != ENCODER_HEVC)
			return false;
	return m->kind == TASK_TRANSCODE && m->profiles.n > 0;
}

/* The least busy device with room, NULL: none. */
static struct lane *find_device(const struct transcoder *t, unsigned n)
{
	struct lane *best = NULL;
	size_t i;

	for (i = 1; i < t->n_lanes; i++) {
		struct lane *l = t->lanes[i];

		/* A task of more renditions than it may have goes there alone. */
		if (lane_is_up(l) && l->n_tasks < l->n_workers &&
		    (l->n_tasks == 0 || l->n_renditions + n <= l->max_sessions) &&
		    (!best || l->n_renditions < best->n_renditions))
			best = l;
	}
	return best;
}

/* At least one: a remux is something to do, too. */
static unsigned renditions_of_task(const struct msg_task *m)
{
	return m->profiles.n ? (unsigned)m->profiles.n : 1;
}

struct lane *lane_take(struct transcoder *t, const struct msg_task *m, bool cpu_only)
{
	unsigned n = renditions_of_task(m);
	struct lane *l = NULL;

	if (t->n_running >= t->slots)
		return NULL;
	if (!cpu_only && is_for_devices(m))
		l = find_device(t, n);
	if (!l)
		l = cpu_lane(t);
	l->n_tasks++;
	l->n_renditions += n;
	t->n_running++;
	return l;
}

void lane_leave(struct lane *l, const struct msg_task *m)
{
	l->n_tasks--;
	l->n_renditions -= renditions_of_task(m);
	l->t->n_running--;
}

static void sample(struct lane *l, double pixels, unsigned ms)
{
	double rate = pixels / (ms / 1000.0);

	if (ms < SAMPLE_MS_MIN || pixels <= 0)
		return;
	l->rate = l->rate_is_known ? l->rate * (1 - MEAN_WEIGHT) + rate * MEAN_WEIGHT : rate;
	l->rate_is_known = true;
}

/* n_side: tasks that were at work, this one included. */
static void learn(struct lane *l, double pixels, const struct work_stats *st, unsigned busy_ms,
		  unsigned n_side)
{
	if (l->device)
		sample(l, pixels * n_side, busy_ms);
	else if (!l->t->opts.capacity)
		sample(l, pixels, st->cpu_ms);
}

static void device_ended(struct lane *l, const struct err *err)
{
	if (!err) {
		l->n_bad = 0;
		l->pause_ms = 0;
	} else if (err->code == ERR_IO || err->code == ERR_INTERNAL) {
		if (++l->n_bad >= DEVICE_BAD_MAX && l->works)
			device_down(l, err);
	}
}

void lane_done(struct lane *l, const struct msg_task *m, double pixels,
	       const struct work_stats *st, unsigned busy_ms, const struct err *err)
{
	unsigned n_side = l->n_tasks;

	lane_leave(l, m);
	if (l->device)
		device_ended(l, err);
	if (err) {
		l->n_failed++;
		return;
	}
	l->n_done++;
	learn(l, pixels, st, busy_ms, n_side);
}

/* ---- telling ---- */

static double lane_capacity(const struct lane *l)
{
	if (!l->device)
		return l->rate * l->t->cores;
	return lane_is_up(l) ? l->rate : 0;
}

uint64_t lanes_capacity(const struct transcoder *t)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < t->n_lanes; i++)
		sum += lane_capacity(t->lanes[i]);
	return sum < (double)CAPACITY_MAX ? (uint64_t)sum : CAPACITY_MAX;
}

void lanes_load(const struct transcoder *t, struct msg_load *load)
{
	size_t i;

	load->n_devices = t->n_lanes - 1;
	for (i = 0; i < load->n_devices; i++) {
		const struct lane *l = t->lanes[i + 1];
		struct msg_device *d = &load->device[i];

		snprintf(d->name, sizeof(d->name), "%s", l->device);
		snprintf(d->what, sizeof(d->what), "%s", l->what);
		d->sessions = l->n_renditions;
		d->max_sessions = l->max_sessions;
		d->utilisation = l->usage.utilisation;
		d->memory_used = l->usage.memory_used;
		d->memory_total = l->usage.memory_total;
		d->up = lane_is_up(l);
	}
}

void lanes_status(const struct transcoder *t, struct buf *b)
{
	struct work_pool_stats st;
	size_t i;

	buf_add_str(b, "[");
	for (i = 0; i < t->n_lanes; i++) {
		const struct lane *l = t->lanes[i];

		st = (struct work_pool_stats){ 0 };
		if (l->pool)
			work_pool_stats(l->pool, &st);
		buf_addf(b, "%s{\"name\":", i ? "," : "");
		json_add_string(b, lane_name(l));
		buf_add_str(b, ",\"what\":");
		json_add_string(b, l->what);
		buf_addf(b, ",\"up\":%s,\"capacity\":%.0f,\"tasks\":%u,\"renditions\":%u,"
			 "\"maxRenditions\":%u,\"utilisation\":%u,\"memoryUsed\":%llu,"
			 "\"memoryTotal\":%llu,\"done\":%llu,\"failed\":%llu,\"workers\":%u,"
			 "\"crashed\":%llu,\"hung\":%llu}",
			 lane_is_up(l) ? "true" : "false", lane_capacity(l), l->n_tasks,
			 l->n_renditions, l->max_sessions, l->usage.utilisation,
			 (unsigned long long)l->usage.memory_used,
			 (unsigned long long)l->usage.memory_total, (unsigned long long)l->n_done,
			 (unsigned long long)l->n_failed, st.n_up,
			 (unsigned long long)st.n_crashed, (unsigned long long)st.n_hung);
	}
	buf_add_str(b, "]");
}

/* One metric of all lanes. */
static void lanes_metric(const struct transcoder *t, struct buf *b, const char *name,
			 const char *help, const char *type, double (*of)(const struct lane *l))
{
	size_t i;

	prom_head(b, name, help, type);
	for (i = 0; i < t->n_lanes; i++)
		prom_value(b, name, "lane", lane_name(t->lanes[i]), of(t->lanes[i]));
}

static double up_of(const struct lane *l)
{
	return lane_is_up(l);
}

static double renditions_of(const struct lane *l)
{
	return l->n_renditions;
}

static double done_of(const struct lane *l)
{
	return (double)l->n_done;
}

static double failed_of(const struct lane *l)
{
	return (double)l->n_failed;
}

void lanes_metrics(const struct transcoder *t, struct buf *b)
{
	lanes_metric(t, b, "transcoder_lane_up", "1: takes work.", "gauge", up_of);
	lanes_metric(t, b, "transcoder_lane_capacity_pixels",
		     "Pixels it encodes a second, as measured.", "gauge", lane_capacity);
	lanes_metric(t, b, "transcoder_lane_renditions", "Renditions at work.", "gauge",
		     renditions_of);
	lanes_metric(t, b, "transcoder_lane_tasks_done_total", "Tasks done.", "counter", done_of);
	lanes_metric(t, b, "transcoder_lane_tasks_failed_total", "Tasks failed.", "counter",
		     failed_of);
}
