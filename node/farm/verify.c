/*
 * What a stranger made is looked at before anybody gets it, as a broadcaster looks at
 * what an orchestrator sends (tc_check.c), on the thread pool: about 1 ms a megabyte.
 * The thread owns what it reads: the job has taken the input and refers to the
 * renditions, and goes on alone when its task is cancelled.
 */
#include "node/farm/impl.h"

#include <stdlib.h>

#include "base/blob.h"
#include "base/mem.h"
#include "media/wire/inspect.h"
#include "node/farm/check.h"
#include "node/farm/intake.h"

struct verify {
	struct farm_task *t;		/* NULL: cancelled */
	uv_work_t work;
	struct profile_list profiles;
	struct buf input;
	bool fmp4;
	struct blob *data[PROFILES_MAX];	/* references */
	struct inspect found[PROFILES_MAX];
	bool failed;
	struct err err;
};

/* source: what we found in the input ourselves.  Its sender's figures are not taken: with
 * wrong ones it could have a transcoder suspended. */
static int look_at(struct verify *v, size_t i, const struct inspect *source)
{
	const struct profile *p = &v->profiles.p[i];
	struct check_source src = { 0 };

	if (inspect_segment(&v->found[i], profile_is_fmp4(p), v->data[i]->data, v->data[i]->len,
			    &v->err) < 0)
		return -1;
	if (!source)	/* a codec that we do not look into, and a decoder took */
		source = &v->found[i];
	src.duration_ms = (uint32_t)(source->duration_90k / 90);
	src.n_video = source->n_video;
	src.first_pts_90k = source->first_pts_90k;
	return check_rendition(&v->found[i], p, &src, &v->err);
}

/* On the thread pool: touches nothing but v. */
static void run(uv_work_t *w)
{
	struct verify *v = w->data;
	struct inspect source;
	bool readable;
	size_t i;

	readable = inspect_segment(&source, v->fmp4, v->input.data, v->input.len, NULL) == 0;
	for (i = 0; i < v->profiles.n && !v->failed; i++) {
		v->failed = look_at(v, i, readable ? &source : NULL) < 0;
		if (v->failed)
			err_wrap(&v->err, "rendition %s", v->profiles.p[i].name);
	}
}

/* What was found is what is told: a stranger's own figures count for nothing. */
static void fill_out(struct verify *v)
{
	size_t i;

	for (i = 0; i < v->profiles.n; i++) {
		v->t->out[i].n_video = v->found[i].n_video;
		v->t->out[i].duration_ms = (uint32_t)(v->found[i].duration_90k / 90);
		v->t->out[i].init_len = v->found[i].init_len;
	}
}

static void free_verify(struct verify *v)
{
	size_t i;

	for (i = 0; i < v->profiles.n; i++)
		blob_unref(v->data[i]);
	buf_fini(&v->input);
	free(v);
}

static void after(uv_work_t *w, int status)
{
	struct verify *v = w->data;
	struct farm_task *t = v->t;

	(void)status;	/* it is never cancelled */
	if (t) {
		t->verify = NULL;
		t->input = v->input;
		v->input = (struct buf){ 0 };
		if (!v->failed)
			fill_out(v);
		task_verified(t, v->failed ? &v->err : NULL);
	}
	free_verify(v);
}

void verify_start(struct farm_task *t)
{
	struct verify *v = xcalloc(1, sizeof(*v));
	size_t i;

	v->t = t;
	v->profiles = t->msg.profiles;
	v->fmp4 = t->msg.fmp4;
	v->input = t->input;
	t->input = (struct buf){ 0 };
	for (i = 0; i < v->profiles.n; i++)
		v->data[i] = blob_ref(intake_get(t->result, i)->data);
	t->verify = v;
	v->work.data = v;
	uv_queue_work(t->farm->loop, &v->work, run, after);
}

void verify_cancel(struct verify *v)
{
	v->t = NULL;
}
