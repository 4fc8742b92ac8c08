/*
 * A task, from its first byte to its end.  It keeps its input until then, so that
 * another transcoder can be given all of it.
 */
#include "node/farm/impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/mem.h"
#include "node/farm/intake.h"
#include "protocol/frame.h"

#define EXPECTED_MS 2000
#define EXPECTED_FPS 30

/* ---- streams ---- */

/* FNV-1a. */
static uint64_t hash_of(const char *s)
{
	uint64_t h = 14695981039346656037ull;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 1099511628211ull;
	return h;
}

static struct stream *stream_of(struct farm *f, const char *key)
{
	struct stream *s;

	list_each(n, &f->all_streams) {
		s = list_entry(n, struct stream, all);
		if (strcmp(s->key, key) == 0) {
			s->n_tasks++;
			return s;
		}
	}
	s = xcalloc(1, sizeof(*s));
	snprintf(s->key, sizeof(s->key), "%s", key);
	s->hash = hash_of(key);
	s->n_tasks = 1;
	list_init(&s->waiting);
	list_node_init(&s->node);
	list_add_tail(&f->all_streams, &s->all);
	return s;
}

static void stream_leave(struct stream *s)
{
	if (--s->n_tasks > 0)
		return;
	list_remove(&s->all);
	list_remove(&s->node);
	free(s);
}

void farm_stream_end(struct farm *f, const char *stream_key)
{
	uint64_t hash = hash_of(stream_key);

	list_each(n, &f->members)
		member_cool(list_entry(n, struct member, node), hash);
}

/* ---- states ---- */

static void leave_queue(struct farm_task *t)
{
	struct stream *s = t->stream;

	list_remove(&t->queue);
	/* Its next turn is after everybody else's. */
	list_remove(&s->node);
	if (!list_is_empty(&s->waiting))
		list_add_tail(&t->farm->streams, &s->node);
}

void task_set_state(struct farm_task *t, enum task_state s)
{
	if (t->state == TASK_WAITING)
		leave_queue(t);
	t->stream->n_running -= t->state == TASK_RUNNING;
	t->stream->n_running += s == TASK_RUNNING;
	t->farm->n_in_state[t->state]--;
	t->farm->n_in_state[s]++;
	t->state = s;
}

static void wait_first(struct farm_task *t)
{
	struct stream *s = t->stream;

	task_set_state(t, TASK_WAITING);
	list_add_tail(&s->waiting, &t->queue);
	if (s->node.next == &s->node)
		list_add_tail(&t->farm->streams, &s->node);
}

/* Tried before: ahead of all streams' turns. */
static void wait_again(struct farm_task *t, bool at_head)
{
	task_set_state(t, TASK_WAITING);
	if (at_head)
		list_add_head(&t->farm->retries, &t->queue);
	else
		list_add_tail(&t->farm->retries, &t->queue);
}

/* ---- the beginning ---- */

/* Pixels to be made: a second in real time, and in all. */
static void estimate(struct farm_task *t, uint32_t ms)
{
	const struct profile_list *l = &t->msg.profiles;
	size_t i;

	t->rate = 0;
	for (i = 0; i < l->n; i++) {
		const struct profile *p = &l->p[i];
		double fps = p->fps_num > 0 && p->fps_den > 0 ?
			(double)p->fps_num / p->fps_den : t->fps;

		t->rate += (double)p->width * p->height * fps;
	}
	t->expected_ms = ms;
	t->pixels = t->rate * ms / 1000;
}

static int fill_msg(struct msg_task *m, const struct farm *f, const struct farm_spec *spec,
		    struct err *err)
{
	*m = (struct msg_task){
		.kind = TASK_TRANSCODE, .fmp4 = spec->fmp4, .sequence = spec->sequence,
		.max_pixels = f->opts.max_pixels, .bitexact = true, .streamed = true,
		.profiles = *spec->profiles,
	};
	if (strlen(spec->stream_key) >= sizeof(m->stream_key) ||
	    strlen(spec->preset) >= sizeof(m->preset))
		return err_set(err, ERR_INVALID, "stream key or preset is too long");
	strcpy(m->stream_key, spec->stream_key);
	strcpy(m->preset, spec->preset);
	return 0;
}

/* Would a member take it?  It holds what it cannot unpack for a broken connection. */
static int check_msg(const struct msg_task *m, struct err *err)
{
	struct msg_task back;
	struct buf b;
	int rc;

	buf_init(&b, FRAME_PAYLOAD_MAX - 2);
	if (!msg_task_pack(&b, m))
		rc = err_set(err, ERR_INVALID, "task does not fit a message");
	else
		rc = msg_task_unpack(&back, b.data, b.len, err);
	buf_fini(&b);
	return rc;
}

static int check_room(const struct farm *f, struct err *err)
{
	struct farm_room room;
	unsigned n, n_free;

	if (f->closing)
		return err_set(err, ERR_BUSY, "shutting down");
	farm_room(f, &room);
	if (room.n_members == 0)
		return err_set(err, ERR_BUSY, "no transcoder is there");
	n = f->n_in_state[TASK_WAITING] + f->n_in_state[TASK_COLLECTING];
	n_free = room.slots > room.running ? room.slots - room.running : 0;
	if (n >= f->opts.max_queue + n_free)
		return err_set(err, ERR_BUSY, "%u tasks wait for %u transcoders", n, room.n_members);
	return 0;
}

struct farm_task *farm_task_open(struct farm *f, const struct farm_spec *spec,
				 const struct farm_cb *cb, void *arg, struct err *err)
{
	struct farm_task *t;
	struct msg_task msg;

	if (fill_msg(&msg, f, spec, err) < 0 || check_msg(&msg, err) < 0 || check_room(f, err) < 0)
		return NULL;
	t = xcalloc(1, sizeof(*t));
	t->farm = f;
	t->msg = msg;
	t->cb = *cb;
	t->arg = arg;
	t->may_be_early = spec->early && !spec->fmp4;
	t->fps = spec->fps > 0 && spec->fps <= 1000 ? spec->fps : EXPECTED_FPS;
	estimate(t, spec->expected_ms ? spec->expected_ms : EXPECTED_MS);
	t->stream = stream_of(f, spec->stream_key);
	buf_init(&t->input, SEGMENT_BYTES_MAX);
	list_node_init(&t->queue);
	list_add_tail(&f->tasks, &t->node);
	f->n_in_state[TASK_COLLECTING]++;
	return t;
}

void farm_task_allow_early(struct farm_task *t)
{
	if (t->msg.fmp4 || t->tries.n > 0)	/* after a try: when it is whole (try_again) */
		return;
	t->may_be_early = true;
	farm_kick(t->farm);
}

/* ---- its input ---- */

int farm_task_feed(struct farm_task *t, const uint8_t *data, size_t len, struct err *err)
{
	assert(!t->whole);
	if (len > SEGMENT_BYTES_MAX - t->len)
		return err_set(err, ERR_LIMIT, "more than %u bytes", SEGMENT_BYTES_MAX);
	t->len += len;
	if (t->state == TASK_ENDED)
		return 0;	/* its end is on the way to the caller */
	buf_add(&t->input, data, len);
	if (t->attempt)
		attempt_pump(t->attempt);
	else if (t->may_be_early && t->len == len)
		farm_kick(t->farm);
	return 0;
}

size_t farm_task_len(const struct farm_task *t)
{
	return t->len;
}

void farm_task_end(struct farm_task *t, const struct farm_source *src)
{
	struct err err;

	assert(!t->whole);
	t->whole = true;
	t->src = *src;
	uv_update_time(t->farm->loop);
	t->whole_at = uv_now(t->farm->loop);
	t->deadline_at = t->whole_at + src->deadline_ms;
	if (t->state == TASK_ENDED)
		return;
	if (t->len == 0) {
		err_set(&err, ERR_INVALID, "the input is empty");
		task_end(t, &err);
		return;
	}
	if (src->duration_ms)
		estimate(t, src->duration_ms);
	t->msg.duration_ms = src->duration_ms < SEGMENT_MS_MAX ? src->duration_ms : SEGMENT_MS_MAX;
	if (t->attempt) {
		attempt_set_deadline(t->attempt);
		attempt_pump(t->attempt);
	} else {
		wait_first(t);
	}
	farm_kick(t->farm);
}

/* ---- its tries ---- */

static void try_again(struct farm_task *t, enum outcome o)
{
	bool is_try = o != OUTCOME_BUSY && o != OUTCOME_LOST;

	if (is_try) {
		t->farm->n_retries++;
		t->avoid = t->worker;
		t->may_be_early = false;
	}
	t->has_verdict = o == OUTCOME_VERDICT || (t->has_verdict && !is_try);
	if (t->whole)
		wait_again(t, o == OUTCOME_BUSY);
	else
		task_set_state(t, TASK_COLLECTING);
	farm_kick(t->farm);
	if (o != OUTCOME_BUSY && log_may(&t->farm->log_limit, LOGS_A_MINUTE))
		log_warn(NULL, "task is tried again: sequence=%llu try=%u losses=%u transcoder=%s "
			 "why=%s", (unsigned long long)t->msg.sequence, t->tries.n,
			 t->tries.n_losses, t->done.transcoder, t->err.msg);
}

static void take_result(struct farm_task *t)
{
	size_t i;

	for (i = 0; i < t->msg.profiles.n; i++) {
		const struct intake_rendition *r = intake_get(t->result, i);

		t->out[i] = (struct farm_rendition){
			.index = i, .data = r->data, .sha256 = r->trailer.data_hash,
			.n_video = r->trailer.n_video, .duration_ms = r->trailer.duration_ms,
			.width = r->trailer.width, .height = r->trailer.height,
			.fmp4 = r->trailer.fmp4, .init_len = r->trailer.init_len,
		};
	}
}

static void task_succeeded(struct farm_task *t)
{
	struct record *r;

	member_judge(t->farm, t->worker, &t->worker_addr, OUTCOME_DONE, NULL);
	r = record_find(t->farm, &t->worker_addr);
	if (r && t->claimed_ms > 0)
		speed_measure(&r->speed, t->claimed_ms, t->actual_ms);
	t->farm->n_early += t->done.early;
	t->tries.n++;
	task_end(t, NULL);
}

static void task_failed(struct farm_task *t, enum outcome o, const struct err *why)
{
	struct err err = *why;

	if (!t->has_verdict || (o != OUTCOME_BUSY && o != OUTCOME_LOST))
		t->err = err;
	if (tries_over(&t->tries, o, t->worker_is_local, member_has_others(t->farm, t->worker),
		       &err)) {
		task_end(t, &err);
	} else if (t->whole && uv_now(t->farm->loop) >= t->deadline_at) {
		err.code = ERR_TIMEOUT;
		task_end(t, &err);
	} else {
		try_again(t, o);
	}
}

void task_attempt_over(struct farm_task *t, enum outcome o, const struct err *why)
{
	if (o != OUTCOME_DONE) {
		task_failed(t, o, why);
		return;
	}
	take_result(t);
	if (t->worker_is_local) {
		task_succeeded(t);
		return;
	}
	task_set_state(t, TASK_CHECKING);
	verify_start(t);
	farm_kick(t->farm);
}

void task_verified(struct farm_task *t, const struct err *err)
{
	if (!err) {
		task_succeeded(t);
		return;
	}
	intake_free(t->result);
	t->result = NULL;
	member_judge(t->farm, t->worker, &t->worker_addr, OUTCOME_LIED, err);
	task_failed(t, OUTCOME_LIED, err);
}

/* ---- its end ---- */

void task_end(struct farm_task *t, const struct err *err)
{
	t->err = err ? *err : (struct err){ 0 };
	t->done.n_tries = t->tries.n;
	if (err) {
		intake_free(t->result);
		t->result = NULL;
	}
	buf_fini(&t->input);
	task_set_state(t, TASK_ENDED);
	list_add_tail(&t->farm->ended, &t->queue);
	farm_kick(t->farm);
}

static void task_free(struct farm_task *t)
{
	if (t->state == TASK_WAITING)
		leave_queue(t);
	list_remove(&t->queue);
	list_remove(&t->node);
	t->farm->n_in_state[t->state]--;
	t->stream->n_running -= t->state == TASK_RUNNING;
	stream_leave(t->stream);
	buf_fini(&t->input);
	intake_free(t->result);
	free(t);
}

static enum task_end end_of(const struct err *err)
{
	switch (err->code) {
	case ERR_NONE: return END_DONE;
	case ERR_INVALID: case ERR_LIMIT: return END_BAD_INPUT;
	case ERR_TIMEOUT: case ERR_BUSY: return END_TIMEOUT;
	case ERR_NOT_FOUND: case ERR_DENIED: case ERR_IO: case ERR_INTERNAL: break;
	}
	return END_FAILED;
}

void task_tell(struct farm_task *t)
{
	bool failed = t->err.code != ERR_NONE;
	size_t i;

	list_remove(&t->queue);
	t->telling = true;
	t->farm->n_ends[end_of(&t->err)]++;
	for (i = 0; i < t->msg.profiles.n && !failed && !t->cancelled && t->cb.rendition; i++)
		t->cb.rendition(t->arg, &t->out[i]);
	if (!t->cancelled)
		t->cb.done(t->arg, &t->done, failed ? &t->err : NULL);
	task_free(t);
}

void farm_task_cancel(struct farm_task *t)
{
	struct farm *f = t->farm;

	t->cancelled = true;
	if (t->telling)		/* task_tell frees it */
		return;
	f->n_ends[END_CANCELLED]++;
	if (t->attempt)
		attempt_drop(t->attempt);
	if (t->verify)
		verify_cancel(t->verify);
	task_free(t);
	farm_kick(f);
}
