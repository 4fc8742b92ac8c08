/*
 * Is what came back what was asked for?  Structure is looked at on the thread pool
 * (frames, times, size), and the first frame of a stranger's rendition is decoded
 * by a worker process, before anything is published (facts/reliability C3).
 */
#include "node/tc_internal.h"

#include <stdlib.h>

#include "base/blob.h"
#include "base/mem.h"
#include "node/farm/check.h"
#include "node/work/pool.h"

#define PROBE_DEADLINE_MS 3000

struct tc_check {
	struct tc_try *y;		/* NULL once cancelled */
	uv_work_t work;
	struct profile_list profiles;	/* sizes fitted */
	struct tc_facts source;
	bool probe;
	struct work_pool *pool;
	char stream_key[STREAM_ID_LEN + 8];
	struct buf data[PROFILES_MAX];	/* taken from the try */
	struct tc_rendition out[PROFILES_MAX];
	size_t n;
	struct err err;
	bool failed;
	struct work_task *task[PROFILES_MAX];
	unsigned n_probing;
};

/* On the thread pool: touches nothing but c. */
static void run_check(uv_work_t *w)
{
	struct tc_check *c = w->data;
	struct check_source src = {
		.duration_ms = c->source.duration_ms, .n_video = c->source.n_video,
		.first_pts_90k = c->source.first_pts_90k,
	};
	size_t i;

	for (i = 0; i < c->n && !c->failed; i++) {
		struct tc_rendition *r = &c->out[i];
		const struct profile *p = &c->profiles.p[i];

		r->data = blob_new(c->data[i].data, c->data[i].len, &c->err);
		buf_fini(&c->data[i]);
		c->failed = !r->data ||
			inspect_segment(&r->facts, profile_is_fmp4(p), r->data->data,
					r->data->len, &c->err) < 0 ||
			check_rendition(&r->facts, p, &src, &c->err) < 0;
		if (c->failed)
			err_wrap(&c->err, "rendition %s", p->name);
	}
}

static void free_check(struct tc_check *c)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		buf_fini(&c->data[i]);
		blob_unref(c->out[i].data);
	}
	free(c);
}

static void deliver(struct tc_check *c)
{
	struct tc_try *y = c->y;
	size_t i;

	if (y && c->failed) {
		tc_try_checked(y, &c->err, NULL, 0);
	} else if (y) {
		tc_try_checked(y, NULL, c->out, c->n);
		for (i = 0; i < c->n; i++)
			c->out[i].data = NULL;	/* given */
	}
	free_check(c);
}

struct probe_arg {
	struct tc_check *c;
	size_t i;
};

static void on_probed(void *arg, const struct work_stats *st, const struct err *err)
{
	struct probe_arg *pa = arg;
	struct tc_check *c = pa->c;

	(void)st;
	c->task[pa->i] = NULL;
	if (err && !c->failed) {
		c->failed = true;
		c->err = *err;
		err_wrap(&c->err, "first frame of rendition %s", c->profiles.p[pa->i].name);
	}
	free(pa);
	if (--c->n_probing == 0)
		deliver(c);
}

static void start_probes(struct tc_check *c)
{
	static const struct work_cb cb = { .done = on_probed };
	size_t i;

	for (i = 0; i < c->n && !c->failed; i++) {
		struct work_spec spec = {
			.kind = TASK_PROBE,
			.stream_key = c->stream_key,
			.fmp4 = profile_is_fmp4(&c->profiles.p[i]),
			.input = c->out[i].data,
			.preset = "superfast",
			.duration_ms = c->source.duration_ms,
			.deadline_ms = PROBE_DEADLINE_MS,
		};
		struct probe_arg *pa = xmalloc(sizeof(*pa));

		*pa = (struct probe_arg){ .c = c, .i = i };
		c->task[i] = work_task_start(c->pool, &spec, &cb, pa, &c->err);
		if (c->task[i]) {
			c->n_probing++;
			continue;
		}
		free(pa);
		c->failed = true;
	}
	if (c->n_probing == 0)
		deliver(c);
}

static void after_check(uv_work_t *w, int status)
{
	struct tc_check *c = w->data;

	(void)status;
	if (c->y && !c->failed && c->probe)
		start_probes(c);
	else
		deliver(c);
}

struct tc_check *tc_check_start(struct tc_try *y)
{
	const struct tc_segment *g = y->g;
	struct tc_session *s = g->s;
	struct tc_check *c = xcalloc(1, sizeof(*c));
	size_t i;

	c->y = y;
	c->profiles = s->profiles;
	c->n = s->profiles.n;
	c->source = g->facts;
	c->pool = s->t->probe;
	c->probe = c->pool && !y->o->local;
	snprintf(c->stream_key, sizeof(c->stream_key), "probe/%s", s->stream.s);
	for (i = 0; i < c->n; i++) {
		struct profile *p = &c->profiles.p[i];

		profile_fit(p, g->src.width, g->src.height, &p->width, &p->height);
		c->data[i] = y->in.r[i].data;
		y->in.r[i].data = (struct buf){ 0 };
	}
	c->work.data = c;
	uv_queue_work(s->t->loop, &c->work, run_check, after_check);
	return c;
}

/* The thread or the probes finish by themselves; their result goes nowhere. */
void tc_check_cancel(struct tc_check *c)
{
	c->y = NULL;
}
