/*
 * The store's one writing thread.  What waits when it is free goes into one commit, each
 * function in a nested transaction of its own, so that one that fails takes nothing from
 * the others: a sync costs milliseconds and a row microseconds.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "node/store/impl.h"

#define COMMIT_MAX 128				/* functions in one commit */
#define READER_CHECK_NS (60ull * 1000000000)

struct job {
	struct list_node node;
	store_fn *fn;
	store_done_cb *done;
	void *arg;
	bool failed;
	struct err err;
};

/* Outlives the store until the loop has closed it. */
struct waker {
	uv_async_t async;
	struct store_thread *th;	/* NULL: closed */
};

struct store_thread {
	struct store *s;		/* borrowed, outlives us */
	uv_thread_t id;
	uv_loop_t *loop;
	struct waker *waker;
	unsigned n_pending;		/* the loop's: submitted, done not yet called */

	uv_mutex_t lock;		/* of all below */
	uv_cond_t wake;
	struct list waiting, finished;	/* struct job.node */
	bool closing;
};

/* ---- on the thread ---- */

static void job_fail(struct job *j, const struct err *err)
{
	j->failed = true;
	j->err = *err;
}

static void fail_all(struct list *jobs, const struct err *err)
{
	list_each(n, jobs) {
		struct job *j = list_entry(n, struct job, node);

		if (!j->failed)
			job_fail(j, err);
	}
}

static void run_one(struct store *s, struct store_txn *parent, struct job *j)
{
	struct err err = { 0 };
	struct store_txn t;

	if (store_txn_begin(&t, s, parent->txn, 0, &err) < 0 || store_txn_run(&t, j->fn, j->arg, &err) < 0)
		job_fail(j, &err);
}

static void run_jobs(struct store *s, struct list *jobs)
{
	struct err err = { 0 };
	struct store_txn t;

	if (store_txn_begin(&t, s, NULL, 0, &err) < 0) {
		fail_all(jobs, &err);
		return;
	}
	list_each(n, jobs)
		run_one(s, &t, list_entry(n, struct job, node));
	if (store_txn_commit(&t, &err) < 0)
		fail_all(jobs, &err);
}

static void move(struct list *to, struct list *from, unsigned max)
{
	while (max-- > 0 && !list_is_empty(from)) {
		struct list_node *n = list_first(from);

		list_remove(n);
		list_add_tail(to, n);
	}
}

/* Waits for work; false when there is none and never will be.  Readers that died are
 * cleared now and then: they hold old pages, and the file would grow. */
static bool take(struct store_thread *th, struct list *jobs)
{
	int n_dead;

	uv_mutex_lock(&th->lock);
	while (list_is_empty(&th->waiting) && !th->closing) {
		if (uv_cond_timedwait(&th->wake, &th->lock, READER_CHECK_NS) == UV_ETIMEDOUT)
			mdb_reader_check(th->s->env, &n_dead);
	}
	move(jobs, &th->waiting, COMMIT_MAX);
	uv_mutex_unlock(&th->lock);
	return !list_is_empty(jobs);
}

static void run_thread(void *arg)
{
	struct store_thread *th = arg;
	struct list jobs;

	list_init(&jobs);
	while (take(th, &jobs)) {
		run_jobs(th->s, &jobs);
		uv_mutex_lock(&th->lock);
		move(&th->finished, &jobs, COMMIT_MAX);
		uv_mutex_unlock(&th->lock);
		uv_async_send(&th->waker->async);
	}
}

/* ---- on the loop ---- */

static void job_end(struct store_thread *th, struct job *j)
{
	struct job end = *j;

	free(j);
	if (--th->n_pending == 0)
		uv_unref((uv_handle_t *)&th->waker->async);
	if (end.done)
		end.done(end.arg, end.failed ? &end.err : NULL);
}

/* The last done may close the store: th is not touched after it. */
static void on_wake(uv_async_t *async)
{
	struct waker *w = async->data;
	struct list jobs;

	if (!w->th)
		return;
	list_init(&jobs);
	uv_mutex_lock(&w->th->lock);
	move(&jobs, &w->th->finished, STORE_WAITING_MAX);
	uv_mutex_unlock(&w->th->lock);
	while (!list_is_empty(&jobs)) {
		struct job *j = list_entry(list_first(&jobs), struct job, node);

		list_remove(&j->node);
		job_end(w->th, j);
	}
}

static struct store_thread *thread_new(struct store *s, uv_loop_t *loop)
{
	struct store_thread *th = xcalloc(1, sizeof(*th));
	int rc;

	th->s = s;
	th->loop = loop;
	th->waker = xcalloc(1, sizeof(*th->waker));
	th->waker->th = th;
	list_init(&th->waiting);
	list_init(&th->finished);
	rc = uv_mutex_init(&th->lock) || uv_cond_init(&th->wake) ||
	     uv_async_init(loop, &th->waker->async, on_wake);
	assert(rc == 0);
	th->waker->async.data = th->waker;
	uv_unref((uv_handle_t *)&th->waker->async);
	rc = uv_thread_create(&th->id, run_thread, th);
	assert(rc == 0);
	return th;
}

int store_submit(struct store *s, uv_loop_t *loop, store_fn *fn, store_done_cb *done, void *arg,
		 struct err *err)
{
	struct store_thread *th = s->thread ? s->thread : (s->thread = thread_new(s, loop));
	struct job *j;

	assert(th->loop == loop);
	if (th->n_pending >= STORE_WAITING_MAX)
		return err_set(err, ERR_BUSY, "store: %d writes wait already", STORE_WAITING_MAX);
	j = xcalloc(1, sizeof(*j));
	j->fn = fn;
	j->done = done;
	j->arg = arg;
	if (th->n_pending++ == 0)
		uv_ref((uv_handle_t *)&th->waker->async);
	uv_mutex_lock(&th->lock);
	list_add_tail(&th->waiting, &j->node);
	uv_cond_signal(&th->wake);
	uv_mutex_unlock(&th->lock);
	return 0;
}

static void on_waker_closed(uv_handle_t *h)
{
	free(h->data);
}

void store_thread_close(struct store_thread *th)
{
	if (!th)
		return;
	assert(th->n_pending == 0);
	uv_mutex_lock(&th->lock);
	th->closing = true;
	uv_cond_signal(&th->wake);
	uv_mutex_unlock(&th->lock);
	uv_thread_join(&th->id);
	uv_cond_destroy(&th->wake);
	uv_mutex_destroy(&th->lock);
	th->waker->th = NULL;
	uv_close((uv_handle_t *)&th->waker->async, on_waker_closed);
	free(th);
}
