/*
 * The pool joins tasks and workers.  Each of n slots holds at most one worker
 * process.  A slot without a stream holds a spare that was forked ahead; with its
 * first task it becomes the stream's, and is killed, never handed on, when the
 * stream ends, rests, or somebody else needs the slot.
 *
 * Whose turn it is: tasks that are tried again go first, then the stream with the
 * fewest tasks at work, then the one that has waited longest for its turn.  The
 * one at the head is never passed by, so nobody starves; at worst a worker that
 * has just become free is replaced by a fresh one for it (2 ms).
 *
 * What goes wrong: a worker dies, talks nonsense or takes too long - it is killed,
 * its slot filled again, the task tried once more in a fresh one, unless its input or
 * its results are gone already (streamed, passed on).  Workers do not
 * come up, or the zygote dies - all are ended and started again with growing
 * pauses; when that has failed BAD_STARTS_MAX times, waiting tasks are failed.
 */
#include "node/work/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "node/work/answer.h"
#include "node/work/forker.h"
#include "node/work/worker.h"
#include "protocol/frame.h"

#define WARM_UP_MS 20000	/* from exec to the first hello */
#define HELLO_MS 3000		/* from a warm zygote's fork to hello */
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 5000
#define BAD_STARTS_MAX 5
#define FIRST_TRY_PERCENT 60	/* of what is left of the deadline */
#define TRIES_MAX 2
#define ZYGOTES_MAX 3		/* that may die under one task before it is failed */
#define CPU_S_MAX 1000000
#define INPUT_SLACK_MS 5000	/* a streamed input may take this much longer than it lasts */
#define LOGS_A_MINUTE 20

enum slot_state {
	SLOT_EMPTY,	/* nothing: a start failed, or is about to be tried again */
	SLOT_STARTING,	/* a worker is asked for and has not said hello */
	SLOT_SPARE,	/* ready, of no stream */
	SLOT_IDLE,	/* a stream's, without work */
	SLOT_BUSY,	/* at work on task */
};

struct slot {
	struct work_pool *pool;
	enum slot_state state;
	struct worker *worker;	/* NULL when empty */
	uint32_t id;		/* the worker's name with the zygote */
	int pid;		/* 0 until known; for logs only */
	char key[128];		/* whose it is when idle or busy */
	struct work_task *task;	/* when busy */
	uint64_t asked_at_ns;	/* for this worker */
	uint64_t idle_since;
	uv_timer_t timer;	/* starting: for the hello; idle: how long */
};

/* A stream that has tasks waiting. */
struct stream {
	TAILQ_ENTRY(stream) link;
	TAILQ_HEAD(, work_task) waiting;
	char key[128];
};

enum task_state {
	TASK_WAITING,	/* in its stream's queue, or (stream NULL) in retries */
	TASK_RUNNING,
	TASK_ENDING,	/* callbacks run */
};

struct work_task {
	TAILQ_ENTRY(work_task) link;	/* while waiting */
	TAILQ_ENTRY(work_task) all;
	struct work_pool *pool;
	enum task_state state;
	struct stream *stream;
	struct slot *slot;	/* while running */
	struct msg_task msg;
	struct blob *input;	/* a reference; NULL: streamed */
	struct buf fed;		/* streamed and waiting: its input so far */
	size_t n_fed;		/* bytes, also those that went to the worker */
	bool is_whole;		/* no more input comes */
	bool is_absurd;		/* finished without input or duration: about to fail */
	uint32_t duration_ms;	/* streamed and finished */
	unsigned max_tries;
	struct work_cb cb;
	void *arg;
	bool cancelled;		/* in one of its callbacks */
	uint64_t serial;
	uint64_t queued_at, deadline_at;	/* loop time */
	unsigned queue_ms, n_tries, n_failures, n_zygotes;
	uv_timer_t timer;	/* waiting: the deadline; running: this try's end */
};

TAILQ_HEAD(task_list, work_task);

struct work_pool {
	uv_loop_t *loop;
	struct work_opts opts;
	struct forker *forker;	/* NULL between two zygotes */
	struct slot *slots;	/* opts.n_workers */
	TAILQ_HEAD(, stream) streams;
	struct task_list retries;
	struct task_list tasks;	/* all */
	uv_timer_t launch;	/* the pause before the next start; closing: a turn of the loop */
	bool zygote_is_warm;
	unsigned n_bad_starts;	/* in a row */
	bool zygote_is_stuck;	/* does not take messages: the next launch replaces it */
	uint32_t last_id;
	uint64_t last_serial;
	uint64_t doomed_serial;	/* tasks up to here have waited for too many starts */
	struct work_pool_stats st;
	struct log_limit log_limit;
	bool closing;
	unsigned n_open;	/* timers, ours and the tasks', and the forker at its end:
				 * the last one frees us */
	void (*closed)(void *arg);
	void *closed_arg;
};

static void dispatch(struct work_pool *p);
static void start_all(struct work_pool *p);
static void lose_zygote(struct work_pool *p, const char *why);

static void one_closed(struct work_pool *p)
{
	if (--p->n_open > 0)
		return;
	if (p->closed)
		p->closed(p->closed_arg);
	free(p->slots);
	free(p);
}

/* ---- starting workers ---- */

static unsigned count(const struct work_pool *p, enum slot_state state)
{
	unsigned i, n = 0;

	for (i = 0; i < p->opts.n_workers; i++)
		n += p->slots[i].state == state;
	return n;
}

static void on_launch(uv_timer_t *timer)
{
	struct work_pool *p = timer->data;

	if (p->zygote_is_stuck) {
		lose_zygote(p, "the worker zygote does not listen");
		return;
	}
	start_all(p);
	dispatch(p);
}

/* Starting failed: try again after a pause, longer each time.  Many slots failing
 * together count once. */
static void start_later(struct work_pool *p, const char *why)
{
	uint64_t ms = BACKOFF_MIN_MS;
	unsigned i;

	if (p->closing || uv_is_active((uv_handle_t *)&p->launch))
		return;
	for (i = 0; i < p->n_bad_starts && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	if (++p->n_bad_starts >= BAD_STARTS_MAX)
		p->doomed_serial = p->last_serial;
	if (log_may(&p->log_limit, LOGS_A_MINUTE))
		log_error(NULL, "workers do not start, trying again: wait_ms=%llu error=%s",
			  (unsigned long long)ms, why);
	uv_timer_start(&p->launch, on_launch, ms, 0);
}

static void slot_drop(struct slot *s)
{
	uv_timer_stop(&s->timer);
	if (s->worker)
		worker_close(s->worker);
	s->worker = NULL;
	s->task = NULL;
	s->state = SLOT_EMPTY;
	s->pid = 0;
}

static void on_start_timeout(uv_timer_t *timer)
{
	struct slot *s = timer->data;

	lose_zygote(s->pool, "no hello from a worker");
}

static const struct worker_cb worker_cbs;

static int slot_start(struct slot *s, struct err *err)
{
	struct work_pool *p = s->pool;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set(err, ERR_IO, "socketpair: %s", strerror(errno));
	s->worker = worker_open(p->loop, fds[0], &worker_cbs, s, err);
	if (!s->worker) {
		close(fds[1]);
		return -1;
	}
	s->id = ++p->last_id;
	if (forker_fork(p->forker, s->id, fds[1], err) < 0) {
		p->zygote_is_stuck = true;
		slot_drop(s);
		return -1;
	}
	s->state = SLOT_STARTING;
	s->asked_at_ns = uv_hrtime();
	uv_timer_start(&s->timer, on_start_timeout, p->zygote_is_warm ? HELLO_MS : WARM_UP_MS, 0);
	return 0;
}

/* Fill an empty slot, now or when starts work again. */
static void slot_fill(struct slot *s)
{
	struct err err;

	if (s->pool->closing || !s->pool->forker || uv_is_active((uv_handle_t *)&s->pool->launch))
		return;
	if (slot_start(s, &err) < 0)
		start_later(s->pool, err.msg);
}

/* End the slot's worker. */
static void slot_kill(struct slot *s)
{
	struct work_pool *p = s->pool;
	struct err err;

	slot_drop(s);
	if (!p->forker || forker_kill(p->forker, s->id, &err) == 0)
		return;
	/* Not here: callers do not expect tasks to end.  What was not killed now
	 * dies with its zygote. */
	p->zygote_is_stuck = true;
	start_later(p, err.msg);
}

/* The next one, please. */
static void slot_replace(struct slot *s)
{
	slot_kill(s);
	slot_fill(s);
}

/* ---- ends of a task ---- */

static void on_task_closed(uv_handle_t *h)
{
	struct work_task *t = h->data;
	struct work_pool *p = t->pool;

	blob_unref(t->input);
	buf_fini(&t->fed);
	free(t);
	one_closed(p);
}

static void leave_queue(struct work_task *t)
{
	struct work_pool *p = t->pool;
	struct stream *s = t->stream;

	p->st.n_queued--;
	if (!s) {
		TAILQ_REMOVE(&p->retries, t, link);
		return;
	}
	TAILQ_REMOVE(&s->waiting, t, link);
	t->stream = NULL;
	/* Its next turn is after everybody else's. */
	TAILQ_REMOVE(&p->streams, s, link);
	if (TAILQ_EMPTY(&s->waiting))
		free(s);
	else
		TAILQ_INSERT_TAIL(&p->streams, s, link);
}

/* Out of every list; a worker still at it is killed. */
static void task_detach(struct work_task *t)
{
	struct slot *s = t->slot;

	if (t->state == TASK_WAITING)
		leave_queue(t);
	t->state = TASK_ENDING;
	t->slot = NULL;
	if (s)
		slot_replace(s);
}

static void task_free(struct work_task *t)
{
	TAILQ_REMOVE(&t->pool->tasks, t, all);
	uv_close((uv_handle_t *)&t->timer, on_task_closed);
}

/* The one way to end with a result.  res: taken; NULL when no worker answered. */
static void task_end(struct work_task *t, struct work_result *res, const struct err *err)
{
	struct work_stats st = { .queue_ms = t->queue_ms, .n_tries = t->n_tries };
	size_t i;

	task_detach(t);
	if (err)
		t->pool->st.n_failed++;
	else
		t->pool->st.n_done++;
	if (res) {
		st.wall_ms = res->done.wall_ms;
		st.cpu_ms = res->done.cpu_ms;
		st.n_decoded = res->done.n_decoded;
		st.width = res->done.width;
		st.height = res->done.height;
	}
	dispatch(t->pool);
	for (i = 0; res && !err && i < res->n && !t->cancelled && t->cb.rendition; i++)
		t->cb.rendition(t->arg, &res->r[i]);
	if (!t->cancelled)
		t->cb.done(t->arg, &st, err);
	work_result_free(res);
	task_free(t);
}

static void task_fail(struct work_task *t, enum err_code code, const char *why)
{
	struct err err;

	err_set(&err, code, "%s", why);
	task_end(t, NULL, &err);
}

void work_task_cancel(struct work_task *t)
{
	struct work_pool *p = t->pool;

	t->cancelled = true;
	if (t->state == TASK_ENDING)	/* task_end frees it */
		return;
	task_detach(t);
	task_free(t);
	dispatch(p);
}

/* ---- tries ---- */

static void on_task_timer(uv_timer_t *timer);

static void wait_again(struct work_task *t)
{
	struct work_pool *p = t->pool;
	uint64_t now = uv_now(p->loop);

	t->state = TASK_WAITING;
	t->slot = NULL;
	TAILQ_INSERT_TAIL(&p->retries, t, link);
	p->st.n_queued++;
	uv_timer_start(&t->timer, on_task_timer, t->deadline_at > now ? t->deadline_at - now : 0, 0);
}

/* This try is lost, its worker with it. */
static void try_failed(struct work_task *t, enum err_code code, const char *why)
{
	struct work_pool *p = t->pool;
	struct slot *s = t->slot;

	if (log_may(&p->log_limit, LOGS_A_MINUTE))
		log_warn(NULL, "a worker is given up: sequence=%llu try=%u pid=%d why=%s",
			 (unsigned long long)t->msg.sequence, t->n_tries, s->pid, why);
	if (++t->n_failures >= t->max_tries || uv_now(p->loop) >= t->deadline_at) {
		task_fail(t, code, why);
		return;
	}
	p->st.n_retried++;
	wait_again(t);
	slot_replace(s);
	dispatch(p);
}

static void on_task_timer(uv_timer_t *timer)
{
	struct work_task *t = timer->data;

	if (t->state == TASK_ENDING)
		return;
	if (t->is_absurd) {
		task_fail(t, ERR_INVALID, "streamed input is empty or lasts too long");
	} else if (!t->is_whole) {
		task_fail(t, ERR_TIMEOUT, "the input did not come in time");
	} else if (t->state == TASK_RUNNING) {
		t->pool->st.n_hung++;
		try_failed(t, ERR_TIMEOUT, "the worker did not finish in time");
	} else {
		task_fail(t, ERR_TIMEOUT, "no worker was free in time");
	}
}

/* Every core for all of the time, and some for a coarse clock. */
static int cpu_seconds(uint64_t ms)
{
	uint64_t s = (ms / 1000 + 1) * uv_available_parallelism() + 5;

	return s < CPU_S_MAX ? (int)s : CPU_S_MAX;
}

static void allow_cpu(struct work_task *t, uint64_t ms)
{
	struct work_pool *p = t->pool;

	/* Refused only by a zygote that is gone: its end is on its way to us. */
	if (p->opts.confine && !p->opts.device && p->forker)
		forker_allow_cpu(p->forker, t->slot->id, cpu_seconds(ms), NULL);
}

static void end_input(struct work_task *t)
{
	struct msg_task_end end = { .len = t->n_fed, .duration_ms = t->duration_ms };

	worker_finish(t->slot->worker, &end);
}

static void send_task(struct work_task *t)
{
	struct worker *w = t->slot->worker;

	if (t->input) {
		worker_run(w, &t->msg, t->input, t->cb.piece);
		return;
	}
	worker_stream(w, &t->msg, &t->fed, t->cb.piece);
	if (t->is_whole && !t->is_absurd)
		end_input(t);
}

static void run(struct slot *s, struct work_task *t)
{
	uint64_t now = uv_now(s->pool->loop);
	uint64_t left = t->deadline_at > now ? t->deadline_at - now : 1;

	if (t->n_failures + 1 < t->max_tries)
		left = left * FIRST_TRY_PERCENT / 100;
	leave_queue(t);
	t->state = TASK_RUNNING;
	t->slot = s;
	if (t->n_tries++ == 0)
		t->queue_ms = (unsigned)(now - t->queued_at);
	uv_timer_stop(&s->timer);
	s->state = SLOT_BUSY;
	s->task = t;
	strcpy(s->key, t->msg.stream_key);
	allow_cpu(t, left);
	if (!t->is_absurd)
		uv_timer_start(&t->timer, on_task_timer, left, 0);
	send_task(t);
}

/* ---- whose turn ---- */

static unsigned n_running(const struct work_pool *p, const char *key)
{
	unsigned i, n = 0;

	for (i = 0; i < p->opts.n_workers; i++)
		n += p->slots[i].state == SLOT_BUSY && strcmp(p->slots[i].key, key) == 0;
	return n;
}

static struct work_task *next_task(const struct work_pool *p)
{
	struct stream *s, *best = NULL;
	unsigned n, least = 0;

	if (!TAILQ_EMPTY(&p->retries))
		return TAILQ_FIRST(&p->retries);
	TAILQ_FOREACH(s, &p->streams, link) {
		n = n_running(p, s->key);
		if (!best || n < least) {
			best = s;
			least = n;
		}
	}
	return best ? TAILQ_FIRST(&best->waiting) : NULL;
}

/* The stream's own worker that idles, else a spare.  A second try gets a fresh one. */
static struct slot *slot_for(const struct work_pool *p, const struct work_task *t)
{
	struct slot *spare = NULL;
	unsigned i;

	for (i = 0; i < p->opts.n_workers; i++) {
		struct slot *s = &p->slots[i];

		if (s->state == SLOT_IDLE && t->n_failures == 0 &&
		    strcmp(s->key, t->msg.stream_key) == 0)
			return s;
		if (s->state == SLOT_SPARE)
			spare = s;
	}
	return spare;
}

/* Nothing is free for a task that waits: end the worker that has idled longest,
 * unless one is coming anyway. */
static void make_room(struct work_pool *p)
{
	struct slot *oldest = NULL;
	unsigned i;

	if (count(p, SLOT_STARTING) + count(p, SLOT_EMPTY) > 0)
		return;
	for (i = 0; i < p->opts.n_workers; i++) {
		struct slot *s = &p->slots[i];

		if (s->state == SLOT_IDLE && (!oldest || s->idle_since < oldest->idle_since))
			oldest = s;
	}
	if (oldest)
		slot_replace(oldest);
}

static void dispatch(struct work_pool *p)
{
	struct work_task *t;
	struct slot *s;

	while (!p->closing && (t = next_task(p))) {
		s = slot_for(p, t);
		if (!s) {
			make_room(p);
			return;
		}
		run(s, t);
	}
}

/* ---- what workers say ---- */

static void on_ready(void *arg)
{
	struct slot *s = arg;

	uv_timer_stop(&s->timer);
	s->state = SLOT_SPARE;
	s->pool->n_bad_starts = 0;
	log_debug(NULL, "a worker is ready: pid=%d took_us=%llu", s->pid,
		  (unsigned long long)(uv_hrtime() - s->asked_at_ns) / 1000);
	dispatch(s->pool);
}

static void on_idle_timeout(uv_timer_t *timer)
{
	slot_replace(timer->data);
}

static void slot_rest(struct slot *s)
{
	s->task = NULL;
	s->state = SLOT_IDLE;
	s->idle_since = uv_now(s->pool->loop);
	uv_timer_start(&s->timer, on_idle_timeout, s->pool->opts.idle_ms, 0);
}

static void on_piece(void *arg, size_t index, const uint8_t *data, size_t len)
{
	struct slot *s = arg;
	struct work_task *t = s->task;

	t->cb.piece(t->arg, index, data, len);
}

static enum err_code code_of(int code)
{
	switch (code) {
	case ERR_INVALID:
	case ERR_LIMIT:
	case ERR_TIMEOUT:
		return (enum err_code)code;
	default:
		return ERR_INTERNAL;
	}
}

static void on_answered(void *arg, struct work_result *res)
{
	struct slot *s = arg;
	struct work_task *t = s->task;
	struct err err;

	if (res->done.code == 0) {
		t->slot = NULL;
		slot_rest(s);
		task_end(t, res, NULL);
		return;
	}
	/* Bad input may leave a worker fat or worse: it goes with the task. */
	err_set(&err, code_of(res->done.code), "%s", res->done.reason);
	task_end(t, res, &err);
}

static void try_crashed(struct work_task *t, const char *why)
{
	struct err err = { 0 };

	if (t->max_tries == 1)
		err_set(&err, ERR_IO, "the worker died: %s", why);
	else
		err_set(&err, ERR_INVALID, "a worker failed on it twice: %s", why);
	try_failed(t, err.code, t->n_failures + 1 < t->max_tries ? why : err.msg);
}

static void on_lost(void *arg, const struct err *why)
{
	struct slot *s = arg;
	struct work_pool *p = s->pool;
	enum slot_state was = s->state;

	/* A zygote takes its workers with it; its own end came first, but epoll does
	 * not keep the order. */
	if (p->forker && !forker_is_alive(p->forker)) {
		lose_zygote(p, "the worker zygote died");
		return;
	}
	if (was == SLOT_BUSY) {
		p->st.n_crashed++;
		try_crashed(s->task, why->msg);
		return;
	}
	if (was == SLOT_STARTING || was == SLOT_SPARE) {
		slot_kill(s);
		start_later(p, why->msg);
		return;
	}
	slot_replace(s);
	dispatch(p);
}

static const struct worker_cb worker_cbs = {
	.ready = on_ready, .piece = on_piece, .answered = on_answered, .lost = on_lost,
};

/* ---- the zygote ---- */

static struct work_task *find_unlucky(const struct work_pool *p)
{
	struct work_task *t;

	TAILQ_FOREACH(t, &p->retries, link)
		if (t->max_tries == 1 || t->n_zygotes >= ZYGOTES_MAX)
			return t;
	return NULL;
}

static void fail_unlucky(struct work_task *t, const char *why)
{
	struct err err;

	if (t->max_tries == 1)
		err_set(&err, ERR_IO, "the worker died: %s", why);
	else
		err_set(&err, ERR_INTERNAL, "the worker zygote died again and again");
	task_end(t, NULL, &err);
}

/* All workers are gone, by no fault of their tasks. */
static void lose_zygote(struct work_pool *p, const char *why)
{
	struct work_task *t;
	unsigned i;

	if (!p->forker)
		return;
	forker_close(p->forker, true, NULL, NULL);
	p->forker = NULL;
	p->zygote_is_stuck = p->zygote_is_warm = false;
	for (i = 0; i < p->opts.n_workers; i++) {
		t = p->slots[i].task;
		slot_drop(&p->slots[i]);
		if (t) {
			t->n_zygotes++;
			wait_again(t);
		}
	}
	start_later(p, why);
	while ((t = find_unlucky(p)))
		fail_unlucky(t, why);
}

static void on_zygote_down(void *arg)
{
	lose_zygote(arg, "the worker zygote died");
}

static void on_zygote_ready(void *arg)
{
	struct work_pool *p = arg;
	unsigned i;

	p->zygote_is_warm = true;
	for (i = 0; i < p->opts.n_workers; i++)
		if (p->slots[i].state == SLOT_STARTING)
			uv_timer_start(&p->slots[i].timer, on_start_timeout, HELLO_MS, 0);
}

static struct slot *find_slot(struct work_pool *p, uint32_t id)
{
	unsigned i;

	for (i = 0; i < p->opts.n_workers; i++)
		if (p->slots[i].worker && p->slots[i].id == id)
			return &p->slots[i];
	return NULL;
}

static void on_forked(void *arg, uint32_t id, int pid)
{
	struct slot *s = find_slot(arg, id);

	if (s)
		s->pid = pid;
}

/* The end of its socket tells that a worker is gone; this tells why. */
static void on_exited(void *arg, uint32_t id, int status)
{
	struct work_pool *p = arg;

	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && log_may(&p->log_limit, LOGS_A_MINUTE))
		log_warn(NULL, "a worker crashed: worker=%u signal=%d", (unsigned)id, WTERMSIG(status));
}

static const struct forker_cb forker_cbs = {
	.ready = on_zygote_ready, .forked = on_forked, .exited = on_exited, .down = on_zygote_down,
};

/* Those that waited when the last start failed; later ones have another chance. */
static void fail_doomed(struct work_pool *p)
{
	struct work_task *t;

	do {
		TAILQ_FOREACH(t, &p->tasks, all)
			if (t->state == TASK_WAITING && t->serial <= p->doomed_serial)
				break;
		if (t)
			task_fail(t, ERR_INTERNAL, "workers do not start");
	} while (t && !p->closing);
}

static void start_all(struct work_pool *p)
{
	struct err err;
	unsigned i;

	if (p->n_bad_starts >= BAD_STARTS_MAX)
		fail_doomed(p);
	if (p->closing)
		return;
	if (!p->forker)
		p->forker = forker_start(p->loop, p->opts.confine, p->opts.device, &forker_cbs, p, &err);
	if (!p->forker) {
		start_later(p, err.msg);
		return;
	}
	for (i = 0; i < p->opts.n_workers; i++)
		if (p->slots[i].state == SLOT_EMPTY)
			slot_fill(&p->slots[i]);
}

/* ---- what the rest of the node calls ---- */

struct work_pool *work_pool_new(uv_loop_t *loop, const struct work_opts *opts, struct err *err)
{
	struct work_pool *p = xcalloc(1, sizeof(*p));
	unsigned i;

	p->loop = loop;
	p->opts = *opts;
	if (p->opts.n_workers == 0)
		p->opts.n_workers = uv_available_parallelism();
	p->forker = forker_start(loop, opts->confine, opts->device, &forker_cbs, p, err);
	if (!p->forker) {
		free(p);
		return NULL;
	}
	/* A write to a worker that just died must not end the node. */
	signal(SIGPIPE, SIG_IGN);
	TAILQ_INIT(&p->streams);
	TAILQ_INIT(&p->retries);
	TAILQ_INIT(&p->tasks);
	uv_timer_init(loop, &p->launch);
	p->launch.data = p;
	p->n_open = p->opts.n_workers + 1;
	p->slots = xcalloc(p->opts.n_workers, sizeof(p->slots[0]));
	for (i = 0; i < p->opts.n_workers; i++) {
		p->slots[i].pool = p;
		uv_timer_init(loop, &p->slots[i].timer);
		p->slots[i].timer.data = &p->slots[i];
	}
	start_all(p);
	return p;
}

static struct stream *stream_of(struct work_pool *p, const char *key)
{
	struct stream *s;

	TAILQ_FOREACH(s, &p->streams, link)
		if (strcmp(s->key, key) == 0)
			return s;
	s = xcalloc(1, sizeof(*s));
	strcpy(s->key, key);
	TAILQ_INIT(&s->waiting);
	TAILQ_INSERT_TAIL(&p->streams, s, link);
	return s;
}

static int check_spec(const struct work_pool *p, const struct work_spec *spec, struct err *err)
{
	unsigned n_free = p->opts.n_workers - count(p, SLOT_BUSY);

	if (p->closing)
		return err_set(err, ERR_BUSY, "shutting down");
	if (strlen(spec->stream_key) >= sizeof(((struct stream *)0)->key) ||
	    (spec->preset && strlen(spec->preset) >= sizeof(((struct msg_task *)0)->preset)))
		return err_set(err, ERR_INVALID, "stream key or preset is too long");
	if (!spec->input && spec->fmp4)
		return err_set(err, ERR_INVALID, "MP4 cannot be streamed");
	if (spec->input && spec->input->len > SEGMENT_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "input of %zu bytes, at most %u", spec->input->len,
			       SEGMENT_BYTES_MAX);
	if (p->st.n_queued >= p->opts.max_queue + n_free)
		return err_set(err, ERR_BUSY, "%u tasks wait for %u workers", p->st.n_queued,
			       p->opts.n_workers);
	return 0;
}

static void fill_msg(struct msg_task *m, const struct work_pool *p, const struct work_spec *spec)
{
	*m = (struct msg_task){
		.kind = spec->kind, .fmp4 = spec->fmp4, .streamed = !spec->input,
		.len = spec->input ? spec->input->len : 0,
		.duration_ms = spec->input ? spec->duration_ms : 0, .sequence = spec->sequence,
		.max_pixels = p->opts.max_pixels, .bitexact = true,
	};
	strcpy(m->stream_key, spec->stream_key);
	if (spec->kind != TASK_TRANSCODE)
		return;
	m->profiles = *spec->profiles;
	if (spec->preset)
		strcpy(m->preset, spec->preset);
}

/* Would a worker take it?  It holds what it cannot unpack for a broken connection. */
static int check_msg(const struct msg_task *m, struct err *err)
{
	struct msg_task back;
	struct buf b;
	int rc;

	buf_init(&b, FRAME_PAYLOAD_MAX);
	if (!msg_task_pack(&b, m))
		rc = err_set(err, ERR_INVALID, "task does not fit a message");
	else
		rc = msg_task_unpack(&back, b.data, b.len, err);
	buf_fini(&b);
	return rc;
}

static unsigned tries_of(const struct work_spec *spec, const struct work_cb *cb)
{
	if (!spec->input || cb->piece)	/* gone once they are read, or passed on */
		return 1;
	return spec->max_tries > 0 && spec->max_tries < TRIES_MAX ? spec->max_tries : TRIES_MAX;
}

static void set_deadline(struct work_task *t, uint64_t ms)
{
	uv_update_time(t->pool->loop);
	t->deadline_at = uv_now(t->pool->loop) + ms;
	uv_timer_start(&t->timer, on_task_timer, ms, 0);
}

static struct work_task *task_new(struct work_pool *p, const struct work_spec *spec,
				  const struct work_cb *cb, void *arg)
{
	struct work_task *t = xcalloc(1, sizeof(*t));

	t->pool = p;
	t->cb = *cb;
	t->arg = arg;
	t->max_tries = tries_of(spec, cb);
	t->input = spec->input ? blob_ref(spec->input) : NULL;
	t->is_whole = t->input;
	buf_init(&t->fed, SEGMENT_BYTES_MAX);
	t->serial = ++p->last_serial;
	uv_timer_init(p->loop, &t->timer);
	t->timer.data = t;
	p->n_open++;
	set_deadline(t, t->input ? spec->deadline_ms : SEGMENT_MS_MAX + INPUT_SLACK_MS);
	t->queued_at = uv_now(p->loop);
	return t;
}

struct work_task *work_task_start(struct work_pool *p, const struct work_spec *spec,
				  const struct work_cb *cb, void *arg, struct err *err)
{
	struct work_task *t;
	struct msg_task msg;

	if (check_spec(p, spec, err) < 0)
		return NULL;
	fill_msg(&msg, p, spec);
	if (check_msg(&msg, err) < 0)
		return NULL;
	t = task_new(p, spec, cb, arg);
	t->msg = msg;
	t->stream = stream_of(p, spec->stream_key);
	TAILQ_INSERT_TAIL(&t->stream->waiting, t, link);
	TAILQ_INSERT_TAIL(&p->tasks, t, all);
	p->st.n_queued++;
	dispatch(p);
	return t;
}

int work_task_feed(struct work_task *t, const uint8_t *data, size_t len, struct err *err)
{
	if (t->state == TASK_ENDING)
		return 0;
	if (t->is_whole)
		return err_set(err, ERR_INVALID, "input behind its end");
	if (len > SEGMENT_BYTES_MAX - t->n_fed)
		return err_set(err, ERR_LIMIT, "input above %u bytes", SEGMENT_BYTES_MAX);
	t->n_fed += len;
	if (t->state == TASK_RUNNING)
		worker_feed(t->slot->worker, data, len);
	else
		buf_add(&t->fed, data, len);
	return 0;
}

void work_task_finish(struct work_task *t, uint32_t duration_ms, uint64_t deadline_ms)
{
	if (t->state == TASK_ENDING || t->is_whole)
		return;
	t->is_whole = true;
	t->duration_ms = duration_ms;
	t->is_absurd = t->n_fed == 0 || duration_ms > SEGMENT_MS_MAX;
	/* The timer runs for it in the next turn of the loop. */
	set_deadline(t, t->is_absurd ? 0 : deadline_ms);
	if (t->state != TASK_RUNNING || t->is_absurd)
		return;
	allow_cpu(t, deadline_ms);
	end_input(t);
}

void work_stream_end(struct work_pool *p, const char *stream_key)
{
	unsigned i;

	for (i = 0; i < p->opts.n_workers; i++) {
		struct slot *s = &p->slots[i];

		if (s->state == SLOT_IDLE && strcmp(s->key, stream_key) == 0)
			slot_replace(s);
	}
}

void work_pool_stats(const struct work_pool *p, struct work_pool_stats *out)
{
	*out = p->st;
	out->n_workers = p->opts.n_workers;
	out->n_busy = count(p, SLOT_BUSY);
	out->n_up = out->n_busy + count(p, SLOT_SPARE) + count(p, SLOT_IDLE);
	out->n_free = out->n_workers - out->n_busy;
	out->n_free -= out->n_queued < out->n_free ? out->n_queued : out->n_free;
}

/* ---- the end ---- */

static void on_slot_closed(uv_handle_t *h)
{
	struct slot *s = h->data;

	one_closed(s->pool);
}

static void on_launch_closed(uv_handle_t *h)
{
	one_closed(h->data);
}

static void on_forker_closed(void *arg)
{
	one_closed(arg);
}

static void on_close(uv_timer_t *timer)
{
	struct work_pool *p = timer->data;
	struct work_task *t;
	unsigned i;

	while ((t = TAILQ_FIRST(&p->tasks)))
		task_fail(t, ERR_INTERNAL, "shutting down");
	for (i = 0; i < p->opts.n_workers; i++) {
		slot_drop(&p->slots[i]);
		uv_close((uv_handle_t *)&p->slots[i].timer, on_slot_closed);
	}
	uv_close((uv_handle_t *)&p->launch, on_launch_closed);
	if (p->forker) {
		p->n_open++;
		forker_close(p->forker, false, on_forker_closed, p);
	}
}

void work_pool_close(struct work_pool *p, void (*closed)(void *arg), void *arg)
{
	p->closing = true;
	p->closed = closed;
	p->closed_arg = arg;
	/* From the loop: tasks are told, and nobody expects that in here. */
	uv_timer_start(&p->launch, on_close, 0, 0);
}
