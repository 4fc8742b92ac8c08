#ifndef LP_TEST_NODE_WORK_POOL_RIG_H
#define LP_TEST_NODE_WORK_POOL_RIG_H
/* A pool on a loop of its own, and tasks whose ends can be waited for.  Included
 * once by each test program. */
#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/hash.h"
#include "node/work/pool.h"

#ifdef LP_SANITIZED
#define RIG_CONFINE false
#define RIG_PATIENCE_MS 60000
#else
#define RIG_CONFINE true
#define RIG_PATIENCE_MS 20000
#endif

struct rig {
	uv_loop_t loop;
	uv_timer_t patience;
	struct work_pool *pool;
	bool closed, impatient;
	unsigned n_ended;
};

struct job {
	struct rig *rig;
	struct work_task *task;
	char *text;		/* of the last rendition, NUL-terminated */
	size_t len;
	struct work_rendition last;
	size_t n_renditions;
	char *pieces[PROFILES_MAX];	/* passed on so far, NUL-terminated */
	size_t n_pieces, pieces_len[PROFILES_MAX], pieces_cap[PROFILES_MAX];
	bool has_piece;
	bool ended;
	unsigned order;		/* the how manieth to end, from 1 */
	struct err err;		/* code ERR_NONE: it went well */
	struct work_stats st;
};

static void rig_on_patience(uv_timer_t *t)
{
	struct rig *r = t->data;

	r->impatient = true;
}

static inline struct rig *rig_new(const struct work_opts *opts)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct err err;

	uv_loop_init(&r->loop);
	uv_timer_init(&r->loop, &r->patience);
	r->patience.data = r;
	r->pool = work_pool_new(&r->loop, opts, &err);
	assert_non_null(r->pool);
	return r;
}

static const struct work_opts rig_opts = {
	.n_workers = 2, .max_queue = 8, .max_pixels = 4096 * 2304, .confine = RIG_CONFINE,
	.idle_ms = 5000,
};

/* Run the loop until *flag is set. */
static inline void rig_wait(struct rig *r, const bool *flag)
{
	r->impatient = false;
	uv_timer_start(&r->patience, rig_on_patience, RIG_PATIENCE_MS, 0);
	while (!*flag && !r->impatient)
		uv_run(&r->loop, UV_RUN_ONCE);
	uv_timer_stop(&r->patience);
	assert_true(*flag);
}

static void rig_on_pause(uv_timer_t *t)
{
	*(bool *)t->data = true;
}

/* Run the loop for ms. */
static inline void rig_pause(struct rig *r, uint64_t ms)
{
	uv_timer_t t;
	bool over = false;

	uv_timer_init(&r->loop, &t);
	t.data = &over;
	uv_timer_start(&t, rig_on_pause, ms, 0);
	rig_wait(r, &over);
	uv_close((uv_handle_t *)&t, NULL);
	uv_run(&r->loop, UV_RUN_NOWAIT);
}

static void rig_on_closed(void *arg)
{
	struct rig *r = arg;

	r->closed = true;
}

static inline void rig_free(struct rig *r)
{
	if (!r->closed)
		work_pool_close(r->pool, rig_on_closed, r);
	rig_wait(r, &r->closed);
	uv_close((uv_handle_t *)&r->patience, NULL);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	free(r);
}

static inline void job_on_piece(void *arg, size_t index, const uint8_t *data, size_t len)
{
	struct job *j = arg;

	assert_false(j->ended);
	while (j->pieces_cap[index] < j->pieces_len[index] + len + 1) {
		j->pieces_cap[index] = 2 * j->pieces_cap[index] + 1000;
		j->pieces[index] = realloc(j->pieces[index], j->pieces_cap[index]);
	}
	memcpy(j->pieces[index] + j->pieces_len[index], data, len);
	j->pieces_len[index] += len;
	j->pieces[index][j->pieces_len[index]] = 0;
	j->n_pieces++;
	j->has_piece = true;
}

static inline void job_on_rendition(void *arg, const struct work_rendition *w)
{
	struct job *j = arg;
	const void *data = w->data ? (const void *)w->data->data : j->pieces[w->index];
	struct hash32 h = hash_sha256(data, w->len);

	assert_memory_equal(&h, &w->sha256, sizeof(h));
	assert_int_equal(w->index, j->n_renditions);
	assert_int_equal(w->len, w->data ? w->data->len : j->pieces_len[w->index]);
	j->n_renditions++;
	free(j->text);
	j->len = w->len;
	j->text = malloc(j->len + 1);
	memcpy(j->text, data, j->len);
	j->text[j->len] = 0;
	j->last = *w;
}

static inline void job_on_done(void *arg, const struct work_stats *st, const struct err *err)
{
	struct job *j = arg;

	assert_false(j->ended);
	j->ended = true;
	j->order = ++j->rig->n_ended;
	j->st = *st;
	if (err)
		j->err = *err;
}

static const struct work_cb job_cbs = { .rendition = job_on_rendition, .done = job_on_done };

static const struct profile_list rig_profiles = {
	.n = 2,
	.p = { { .name = "240p0", .width = 426, .height = 240, .bitrate = 250000, .fps_den = 1,
		 .h264 = H264_CONSTRAINED_HIGH, .quality = -1 },
	       { .name = "360p0", .width = 640, .height = 360, .bitrate = 800000, .fps_den = 1,
		 .h264 = H264_CONSTRAINED_HIGH, .quality = -1 } },
};

static inline struct work_spec rig_spec(const char *stream, struct blob *input, uint64_t deadline_ms)
{
	return (struct work_spec){ .kind = TASK_TRANSCODE, .stream_key = stream, .input = input,
				   .profiles = &rig_profiles, .preset = "superfast",
				   .duration_ms = 2000, .sequence = 7, .deadline_ms = deadline_ms };
}

/* A task with this input; false: refused, and why is in j->err. */
static inline bool job_start(struct job *j, struct rig *r, const char *stream, const void *input,
		      size_t len, uint64_t deadline_ms)
{
	struct blob *b = blob_new(input, len, NULL);
	struct work_spec spec = rig_spec(stream, b, deadline_ms);

	*j = (struct job){ .rig = r };
	j->task = work_task_start(r->pool, &spec, &job_cbs, j, &j->err);
	blob_unref(b);
	return j->task;
}

static inline void job_begin(struct job *j, struct rig *r, const char *stream, const char *what)
{
	assert_true(job_start(j, r, stream, what, strlen(what), 30000));
}

/* Start and wait.  Free by job_fini. */
static inline void job_run(struct job *j, struct rig *r, const char *stream, const char *what)
{
	job_begin(j, r, stream, what);
	rig_wait(r, &j->ended);
}

static inline void job_fini(struct job *j)
{
	size_t i;

	for (i = 0; i < PROFILES_MAX; i++)
		free(j->pieces[i]);
	free(j->text);
}

#endif
