#include "media/av/job.h"
#include <stdlib.h>
#include <string.h>
#include <libavutil/frame.h>
#include "base/err.h"
#include "base/mem.h"
#include "media/av/frameq.h"
#include "media/av/input.h"

#define STACK_BYTES (512 << 10)		/* 64 kB is too little, 8 MB a waste (facts/worker-spike 2) */

static void plant(struct job *j, size_t i, const struct ladder_spec *spec, const struct input *in)
{
	struct rung *r = &j->rungs[i], *p;

	r->index = i;
	r->spec = &spec->rungs[i];
	r->preset = spec->preset;
	r->in = in;
	r->hub = &j->hub;
	r->cpu_limit_us = (uint64_t)spec->cpu_limit_s * 1000000;
	rung_init(r);
	if (j->plan.parent[i] == PLAN_SOURCE)
		return;
	p = r->parent = &j->rungs[j->plan.parent[i]];
	p->children[p->n_children++] = r;
}

struct job *job_new(const struct ladder_spec *spec, const struct input *in, ladder_sink *sink,
		    void *arg)
{
	struct job *j = xcalloc(1, sizeof(*j));
	size_t i;

	j->n = spec->n_rungs;
	j->rungs = xcalloc(j->n, sizeof(*j->rungs));
	j->outlets = xcalloc(j->n, sizeof(*j->outlets));
	pthread_mutex_init(&j->hub.lock, NULL);
	pthread_cond_init(&j->hub.changed, NULL);
	plan_make(&j->plan, spec->rungs, j->n);
	for (i = 0; i < j->n; i++)
		plant(j, j->plan.order[i], spec, in);
	for (i = 0; i < j->n; i++)
		outlet_init(&j->outlets[i], &spec->rungs[i], i, in, sink, arg);
	return j;
}

/* Join all threads; what they had not done is left undone. */
static void stop(struct job *j)
{
	size_t i;

	atomic_store(&j->hub.stop, true);
	for (i = 0; i < j->n; i++)
		if (j->rungs[i].queue)
			frameq_abort(j->rungs[i].queue);
	while (j->n_threads > 0)
		pthread_join(j->rungs[j->plan.order[--j->n_threads]].thread, NULL);
}

void job_free(struct job *j)
{
	size_t i;

	if (!j)
		return;
	stop(j);
	for (i = 0; i < j->n; i++) {
		outlet_fini(&j->outlets[i]);
		rung_fini(&j->rungs[i]);
	}
	pthread_cond_destroy(&j->hub.changed);
	pthread_mutex_destroy(&j->hub.lock);
	free(j->outlets);
	free(j->rungs);
	free(j);
}

static void *run_thread(void *arg)
{
	rung_work(arg);
	return NULL;
}

int job_start_threads(struct job *j, unsigned max, struct err *err)
{
	size_t n = max < j->n ? max : j->n;
	pthread_attr_t attr;
	struct rung *r;
	size_t i;
	int rc = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (i = 0; i < n; i++)
		j->rungs[j->plan.order[i]].queue = frameq_new();
	for (i = 0; i < n && rc == 0; i++) {
		r = &j->rungs[j->plan.order[i]];
		rc = pthread_create(&r->thread, &attr, run_thread, r);
		j->n_threads += rc == 0;
	}
	pthread_attr_destroy(&attr);
	if (rc != 0)
		return err_set(err, ERR_INTERNAL, "no thread for a rendition: %s", strerror(rc));
	return 0;
}

int job_give(struct job *j, const AVFrame *frame, struct err *err)
{
	struct rung *r;
	size_t i;

	for (i = 0; i < j->n; i++) {
		r = &j->rungs[j->plan.order[i]];
		if (!r->parent && rung_give(r, frame) < 0)
			return err_set(err, ERR_INTERNAL, "a rendition failed");
	}
	return 0;
}

/* ---- delivery ---- */

/* Move what a rung has made to its outlet.  Under the lock. */
static bool collect(struct job *j, size_t i)
{
	struct rung *r = &j->rungs[i];
	struct outlet *o = &j->outlets[i];
	size_t k;

	for (k = 0; k < r->n; k++)
		outlet_add(o, r->pkt[k]);
	if (r->n > 0)
		o->par = rung_params(r);
	r->n = 0;
	r->news = false;
	return r->done;
}

static int end_outlet(struct job *j, size_t i, struct err *err)
{
	j->ended[i] = true;
	j->n_ended++;
	/* A rung that failed or was stopped is done, but not with its rendition. */
	if (atomic_load(&j->hub.stop))
		return err_set(err, ERR_INTERNAL, "a rendition failed");
	return outlet_end(&j->outlets[i], err);
}

static int deliver_one(struct job *j, size_t i, struct err *err)
{
	bool done;
	int rc;

	pthread_mutex_lock(&j->hub.lock);
	done = collect(j, i);
	pthread_mutex_unlock(&j->hub.lock);
	rc = done ? end_outlet(j, i, err) : outlet_step(&j->outlets[i], err);
	return rc < 0 ? err_wrap(err, "rendition %zu", i) : 0;
}

int job_deliver(struct job *j, struct err *err)
{
	size_t i, k;

	for (k = 0; k < j->n; k++) {
		i = j->plan.order[k];
		if (!j->ended[i] && deliver_one(j, i, err) < 0)
			return -1;
	}
	return 0;
}

static void wait_for_news(struct job *j)
{
	bool news = false;
	size_t i;

	pthread_mutex_lock(&j->hub.lock);
	for (;;) {
		for (i = 0; i < j->n; i++)
			news = news || (!j->ended[i] && j->rungs[i].news);
		if (news)
			break;
		pthread_cond_wait(&j->hub.changed, &j->hub.lock);
	}
	pthread_mutex_unlock(&j->hub.lock);
}

int job_end(struct job *j, struct err *err)
{
	size_t i;

	for (i = 0; i < j->n; i++)
		if (!j->rungs[j->plan.order[i]].parent)
			rung_end(&j->rungs[j->plan.order[i]]);
	while (j->n_ended < j->n) {
		wait_for_news(j);
		if (job_deliver(j, err) < 0)
			return -1;
	}
	return 0;
}

int job_fail(struct job *j, struct err *err)
{
	const struct err *why;
	size_t i;

	stop(j);
	for (i = 0; i < j->n; i++) {
		why = rung_error(&j->rungs[i]);
		if (!why)
			continue;
		if (err)
			*err = *why;
		return err_wrap(err, "rendition %zu", i);
	}
	return -1;
}
