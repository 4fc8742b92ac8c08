/*
 * A session goes round: wait (for its start, for the segment's time), hand in a
 * segment, wait for its end and for its files.  The last session to end closes the
 * pools, and with them the loop runs dry.
 */
#include "node/bench/run.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/mem.h"
#include "node/bench/source.h"

#define WARM_UP_MS 30000
#define WARM_UP_LOOK_MS 10
#define DEADLINE_MS 120000	/* of one segment, the queue included */
#define KEY_MAX 32

struct run;

struct session {
	struct run *run;
	unsigned index;
	char key[KEY_MAX];
	struct work_pool *pool;
	struct work_task *task;		/* at work, or NULL */
	uv_timer_t timer;		/* until its start, until the next segment's time */
	uint64_t n_begun;		/* segments handed in */
	uint64_t started_ns, handed_in_ns;
	int64_t media_90k;		/* that was handed in: when the next one is due */
	unsigned n_writing;		/* files */
	bool over;
};

struct run {
	const struct bench_run_opts *o;
	struct bench_figures *f;
	const struct bench_run_cb *cb;
	void *arg;
	uv_loop_t loop;
	uv_timer_t warm_up, progress;
	uv_signal_t sigint, sigterm;
	struct work_pool **pools;
	size_t n_pools;
	struct session *sessions;
	uint64_t n_total;
	unsigned n_left;		/* sessions that are not over */
	uint64_t warm_up_ends_ns;
	bool ending;
	struct err err;
	bool failed;
};

/* A rendition on its way to disk, on a thread of its own. */
struct out_file {
	uv_work_t work;
	struct session *s;
	struct blob *data;
	char *path;
	uint64_t segment;
	struct err err;
	bool failed;
};

static const struct bench_segment *segment_at(const struct run *r, uint64_t n)
{
	return &r->o->source->seg[n % r->o->n_segs];
}

/* ---- the end ---- */

static void end_run(struct run *r)
{
	size_t i;

	if (r->ending)
		return;
	r->ending = true;
	for (i = 0; i < r->n_pools; i++)
		work_pool_close(r->pools[i], NULL, NULL);
	uv_close((uv_handle_t *)&r->warm_up, NULL);
	uv_close((uv_handle_t *)&r->progress, NULL);
	uv_close((uv_handle_t *)&r->sigint, NULL);
	uv_close((uv_handle_t *)&r->sigterm, NULL);
}

static void end_session(struct session *s)
{
	struct run *r = s->run;

	if (s->over)
		return;
	s->over = true;
	uv_close((uv_handle_t *)&s->timer, NULL);
	if (s->task)
		work_task_cancel(s->task);
	s->task = NULL;
	work_stream_end(s->pool, s->key);
	if (--r->n_left == 0)
		end_run(r);
}

static void end_sessions(struct run *r)
{
	unsigned i;

	for (i = 0; i < r->o->n_sessions; i++)
		end_session(&r->sessions[i]);
}

static void on_signal(uv_signal_t *h, int signum)
{
	struct run *r = h->data;

	(void)signum;
	r->f->interrupted = true;
	end_sessions(r);
}

/* ---- files ---- */

static int write_all(int fd, const uint8_t *p, size_t len)
{
	ssize_t n;

	for (; len > 0; p += n, len -= (size_t)n) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return -1;
	}
	return 0;
}

static void write_out(uv_work_t *work)
{
	struct out_file *o = work->data;
	int fd = open(o->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0 || write_all(fd, o->data->data, o->data->len) < 0) {
		o->failed = true;
		err_set(&o->err, ERR_IO, "%.100s: %s", o->path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
}

static void go_on(struct session *s);

static void on_written(uv_work_t *work, int status)
{
	struct out_file *o = work->data;
	struct session *s = o->s;

	(void)status;
	if (o->failed)
		s->run->cb->failed(s->run->arg, s->index, o->segment, &o->err);
	s->run->f->n_failed += o->failed;
	blob_unref(o->data);
	free(o->path);
	free(o);
	if (--s->n_writing == 0 && !s->task && !s->over)
		go_on(s);
}

static void on_rendition(void *arg, const struct work_rendition *rend)
{
	struct session *s = arg;
	const struct bench_run_opts *opts = s->run->o;
	struct out_file *o;

	if (!opts->out_prefix)
		return;
	o = xcalloc(1, sizeof(*o));
	o->work.data = o;
	o->s = s;
	o->segment = s->n_begun - 1;
	o->data = blob_ref(rend->data);
	o->path = xasprintf("%s_%s_%u_%llu.%s", opts->out_prefix,
			    opts->profiles->p[rend->index].name, s->index,
			    (unsigned long long)o->segment, rend->fmp4 ? "mp4" : "ts");
	s->n_writing++;
	uv_queue_work(&s->run->loop, &o->work, write_out, on_written);
}

/* ---- segments ---- */

static void on_done(void *arg, const struct work_stats *st, const struct err *err)
{
	struct session *s = arg;
	struct run *r = s->run;
	struct bench_done d = {
		.session = s->index, .segment = s->n_begun - 1, .n_frames = st->n_decoded,
		.source_s = (double)segment_at(r, s->n_begun - 1)->duration_90k / 90000,
		.transcode_s = (double)(uv_hrtime() - s->handed_in_ns) / 1e9,
	};

	s->task = NULL;
	if (err) {
		r->f->n_failed++;
		r->cb->failed(r->arg, s->index, d.segment, err);
	} else {
		bench_figures_add(r->f, d.source_s, d.transcode_s);
		r->cb->segment(r->arg, &d);
	}
	if (s->n_writing == 0)
		go_on(s);
}

static void hand_in(uv_timer_t *timer)
{
	static const struct work_cb cb = { .rendition = on_rendition, .done = on_done };
	struct session *s = timer->data;
	struct run *r = s->run;
	const struct bench_segment *g = segment_at(r, s->n_begun);
	struct work_spec spec = {
		.kind = TASK_TRANSCODE, .stream_key = s->key, .fmp4 = g->fmp4, .input = g->data,
		.profiles = r->o->profiles, .preset = r->o->preset, .sequence = s->n_begun,
		.duration_ms = (uint32_t)((g->duration_90k + 89) / 90), .deadline_ms = DEADLINE_MS,
	};
	struct err err;

	s->handed_in_ns = uv_hrtime();
	if (s->n_begun == 0)
		s->started_ns = s->handed_in_ns;
	s->n_begun++;
	s->media_90k += g->duration_90k;
	s->task = work_task_start(s->pool, &spec, &cb, s, &err);
	if (s->task)
		return;
	r->f->n_failed++;
	r->cb->failed(r->arg, s->index, s->n_begun - 1, &err);
	go_on(s);
}

/* The next segment in its time, or the end.  Always by the timer: segments that are
 * refused at once must not pile up on the stack. */
static void go_on(struct session *s)
{
	struct run *r = s->run;
	uint64_t now_ms = (uv_hrtime() - s->started_ns) / 1000000, due_ms;

	if (s->n_begun == (uint64_t)r->o->n_segs * r->o->repeat) {
		end_session(s);
		return;
	}
	due_ms = r->o->live ? (uint64_t)(s->media_90k / 90) : 0;
	uv_timer_start(&s->timer, hand_in, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

/* ---- the start ---- */

static void on_progress(uv_timer_t *timer)
{
	struct run *r = timer->data;
	struct bench_progress p = { .figures = r->f, .n_total = r->n_total };
	struct work_pool_stats st;
	size_t i;

	for (i = 0; i < r->n_pools; i++) {
		work_pool_stats(r->pools[i], &st);
		p.n_running += st.n_busy;
		p.n_queued += st.n_queued;
	}
	r->cb->progress(r->arg, &p);
}

static bool all_up(const struct run *r)
{
	struct work_pool_stats st;
	size_t i;

	for (i = 0; i < r->n_pools; i++) {
		work_pool_stats(r->pools[i], &st);
		if (st.n_up < st.n_workers)
			return false;
	}
	return true;
}

/* Warming up is no part of the measurement. */
static void on_warm_up(uv_timer_t *timer)
{
	struct run *r = timer->data;
	unsigned i;

	if (!all_up(r)) {
		if (uv_hrtime() < r->warm_up_ends_ns)
			return;
		r->failed = true;
		err_set(&r->err, ERR_TIMEOUT, "the workers do not start");
		end_sessions(r);
		return;
	}
	uv_timer_stop(timer);
	uv_update_time(&r->loop);
	for (i = 0; i < r->o->n_sessions; i++)
		uv_timer_start(&r->sessions[i].timer, hand_in, i * r->o->delay_ms, 0);
	uv_timer_start(&r->progress, on_progress, r->o->progress_ms, r->o->progress_ms);
}

static int start_pools(struct run *r, struct err *err)
{
	struct work_opts w = r->o->work;
	size_t n = r->o->n_devices ? r->o->n_devices : 1;

	w.max_queue = r->o->n_sessions;
	r->pools = xcalloc(n, sizeof(r->pools[0]));
	for (; r->n_pools < n; r->n_pools++) {
		w.device = r->o->n_devices ? r->o->devices[r->n_pools] : NULL;
		r->pools[r->n_pools] = work_pool_new(&r->loop, &w, err);
		if (!r->pools[r->n_pools])
			return err_wrap(err, "workers%s%s", w.device ? " on " : "",
					w.device ? w.device : "");
	}
	return 0;
}

static void init_handles(struct run *r)
{
	uv_timer_init(&r->loop, &r->warm_up);
	uv_timer_init(&r->loop, &r->progress);
	uv_signal_init(&r->loop, &r->sigint);
	uv_signal_init(&r->loop, &r->sigterm);
	r->warm_up.data = r->progress.data = r->sigint.data = r->sigterm.data = r;
}

static void init_sessions(struct run *r)
{
	unsigned i;

	r->n_left = r->o->n_sessions;
	r->sessions = xcalloc(r->o->n_sessions, sizeof(r->sessions[0]));
	for (i = 0; i < r->o->n_sessions; i++) {
		struct session *s = &r->sessions[i];

		s->run = r;
		s->index = i;
		s->pool = r->pools[i % r->n_pools];
		snprintf(s->key, sizeof(s->key), "bench-%u", i);
		uv_timer_init(&r->loop, &s->timer);
		s->timer.data = s;
	}
}

static void start(struct run *r)
{
	init_handles(r);
	if (start_pools(r, &r->err) < 0) {
		r->failed = true;
		end_run(r);
		return;
	}
	init_sessions(r);
	uv_signal_start(&r->sigint, on_signal, SIGINT);
	uv_signal_start(&r->sigterm, on_signal, SIGTERM);
	r->warm_up_ends_ns = uv_hrtime() + WARM_UP_MS * UINT64_C(1000000);
	uv_timer_start(&r->warm_up, on_warm_up, WARM_UP_LOOK_MS, WARM_UP_LOOK_MS);
}

int bench_run(struct bench_figures *f, const struct bench_run_opts *opts,
	      const struct bench_run_cb *cb, void *arg, struct err *err)
{
	struct run r = {
		.o = opts, .f = f, .cb = cb, .arg = arg,
		.n_total = (uint64_t)opts->n_segs * opts->repeat * opts->n_sessions,
	};

	*f = (struct bench_figures){ .n_sessions = opts->n_sessions };
	uv_loop_init(&r.loop);
	start(&r);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	assert(uv_loop_close(&r.loop) == 0);
	free(r.sessions);
	free(r.pools);
	if (!r.failed)
		return 0;
	*err = r.err;
	return -1;
}
