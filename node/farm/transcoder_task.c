/*
 * A task is a channel that the orchestrator opened: Task, DATA [, TaskEnd], and back
 * RenditionHeader, DATA ... RenditionTrailer ... TaskDone, CLOSE.
 *
 * Input to be transcoded goes to a worker as it comes, whether its length is known or
 * not; what cannot be taken in pieces (MP4, tasks of other kinds, and on devices) is
 * gathered first.  Output goes out as it is made: a rendition's bytes may wait on
 * those of another one, never on its own end.
 *
 * What a device says it cannot do (ERR_INTERNAL, before it made a byte) the CPU does
 * then; all other failures are answered, because another try is the farm's affair.
 *
 * The orchestrator is not trusted with more than work: a message out of order aborts
 * its channel; input is bounded (SEGMENT_BYTES_MAX a task, `slots` tasks) and must
 * be there in time.
 */
#include "node/farm/transcoder_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/mem.h"
#include "node/peer/conn.h"

#define TASK_MS 10000		/* from a channel's opening to its Task */
#define INPUT_SLACK_MS 15000	/* an input takes as long as its media, and so much more */
#define DEADLINE_DEFAULT_MS 30000
#define LOGS_A_MINUTE 20

enum task_step {
	STEP_TASK,	/* the channel is open: Task is due */
	STEP_INPUT,	/* on a lane; bytes come */
	STEP_WORK,	/* the input is whole */
};

struct task {
	struct list_node node;
	struct transcoder *t;
	struct peer_channel *ch;
	enum task_step step;
	int64_t since_ms;		/* of this step */
	struct msg_task msg;
	size_t len;			/* bytes that came */
	struct lane *lane;		/* NULL: none yet */
	struct work_task *work;		/* NULL: its input is gathered, or it is over */
	struct buf gathered;
	struct blob *input;		/* once gathered */
	int current;			/* whose bytes come now; -1: nobody's */
	uint64_t sent[PROFILES_MAX];	/* bytes of each rendition */
	double pixels;			/* of those that are whole */
};

static bool is_gathered(const struct task *k)
{
	return k->msg.fmp4 || k->msg.kind != TASK_TRANSCODE || lane_is_device(k->lane);
}

/* ---- the end ---- */

static void task_free(struct task *k)
{
	if (k->work)
		work_task_cancel(k->work);
	if (k->lane)
		lane_leave(k->lane, &k->msg);
	list_remove(&k->node);
	buf_fini(&k->gathered);
	blob_unref(k->input);
	uplink_tell_load(k->t);
	free(k);
}

static void send_done(struct task *k, const struct work_stats *st, enum err_code code,
		      const char *why)
{
	struct msg_task_done m = { .code = (int)code };
	struct buf b;

	snprintf(m.reason, sizeof(m.reason), "%s", why);
	if (st) {
		m.n_decoded = st->n_decoded;
		m.wall_ms = st->wall_ms;
		m.cpu_ms = st->cpu_ms;
		m.width = st->width;
		m.height = st->height;
	}
	buf_init(&b, 4096);
	msg_task_done_pack(&b, &m);
	peer_channel_msg(k->ch, MSG_TASK_DONE, &b);
	buf_fini(&b);
	peer_channel_close(k->ch);
}

/* An answer without work. */
static void task_refuse(struct task *k, enum err_code code, const char *why)
{
	k->t->n_refused++;
	send_done(k, NULL, code, why);
	task_free(k);
}

/* The orchestrator broke a rule. */
static void task_abort(struct task *k, const struct err *why)
{
	if (log_may(&k->t->task_limit, LOGS_A_MINUTE))
		log_warn(NULL, "the orchestrator's task is against the rules: sequence=%llu why=%s",
			 (unsigned long long)k->msg.sequence, why->msg);
	k->t->n_refused++;
	peer_channel_abort(k->ch, why);
	task_free(k);
}

static void task_fault(struct task *k, const char *why)
{
	struct err err;

	err_set(&err, ERR_INVALID, "%s", why);
	task_abort(k, &err);
}

/* ---- what the workers make ---- */

static void on_piece(void *arg, size_t index, const uint8_t *data, size_t len)
{
	struct task *k = arg;
	struct msg_rendition_header head = { .index = (uint32_t)index, .offset = k->sent[index] };
	struct buf b;

	if (k->current != (int)index) {
		buf_init(&b, 4096);
		msg_rendition_header_pack(&b, &head);
		peer_channel_msg(k->ch, MSG_RENDITION_HEADER, &b);
		buf_fini(&b);
		k->current = (int)index;
	}
	peer_channel_data(k->ch, data, len);
	k->sent[index] += len;
}

static void on_rendition(void *arg, const struct work_rendition *r)
{
	struct task *k = arg;
	struct msg_rendition_trailer m = {
		.index = (uint32_t)r->index, .len = r->len, .data_hash = r->sha256,
		.n_video = r->n_video, .duration_ms = r->duration_ms,
		.width = r->width, .height = r->height,
		.fmp4 = r->fmp4, .init_len = (uint32_t)r->init_len,
	};
	struct buf b;

	buf_init(&b, 4096);
	msg_rendition_trailer_pack(&b, &m);
	peer_channel_msg(k->ch, MSG_RENDITION_TRAILER, &b);
	buf_fini(&b);
	k->current = -1;
	if (k->msg.kind == TASK_TRANSCODE)
		k->pixels += (double)r->width * r->height * r->n_video;
}

static uint32_t deadline_of(const struct task *k)
{
	return k->msg.deadline_ms ? k->msg.deadline_ms : DEADLINE_DEFAULT_MS;
}

static uint32_t busy_ms(const struct task *k)
{
	return k->step == STEP_WORK ? (uint32_t)(clock_mono_ms() - k->since_ms) : 0;
}

static bool is_begun(const struct task *k)
{
	size_t i;

	for (i = 0; i < PROFILES_MAX; i++)
		if (k->sent[i] > 0)
			return true;
	return false;
}

static int work_start(struct task *k, struct blob *input, struct err *err);

/* On the CPU, in what is left of the time. */
static bool try_on_cpu(struct task *k, const struct err *err)
{
	struct err own;

	if (!lane_is_device(k->lane) || err->code != ERR_INTERNAL || is_begun(k) ||
	    busy_ms(k) >= deadline_of(k))
		return false;
	lane_done(k->lane, &k->msg, 0, NULL, 0, err);
	k->lane = lane_take(k->t, &k->msg, true);
	return k->lane && work_start(k, k->input, &own) == 0;
}

static void task_ended(struct task *k, const struct work_stats *st, const struct err *err)
{
	struct transcoder *t = k->t;

	if (err && log_may(&t->task_limit, LOGS_A_MINUTE))
		log_warn(NULL, "a task fails: stream=%s sequence=%llu why=%s", k->msg.stream_key,
			 (unsigned long long)k->msg.sequence, err->msg);
	if (err) {
		t->n_failed++;
	} else {
		t->n_done++;
		t->n_pixels += k->pixels;
	}
	send_done(k, st, err ? err->code : ERR_NONE, err ? err->msg : "");
	if (k->lane)
		lane_done(k->lane, &k->msg, k->pixels, st, busy_ms(k), err);
	k->lane = NULL;
	task_free(k);
}

static void on_done(void *arg, const struct work_stats *st, const struct err *err)
{
	struct task *k = arg;

	k->work = NULL;
	if (!err || !try_on_cpu(k, err))
		task_ended(k, st, err);
}

/* ---- work ---- */

static int work_start(struct task *k, struct blob *input, struct err *err)
{
	static const struct work_cb cb = {
		.piece = on_piece, .rendition = on_rendition, .done = on_done };
	const struct msg_task *m = &k->msg;
	struct work_spec spec = {
		.kind = m->kind, .stream_key = m->stream_key, .fmp4 = m->fmp4, .input = input,
		.max_tries = 1, .profiles = &m->profiles, .preset = m->preset,
		.duration_ms = m->duration_ms, .sequence = m->sequence,
		.deadline_ms = deadline_of(k) - busy_ms(k),
	};

	k->work = work_task_start(lane_pool(k->lane), &spec, &cb, k, err);
	return k->work ? 0 : -1;
}

static int start_gathered(struct task *k, struct err *err)
{
	k->input = blob_new(k->gathered.data, k->gathered.len, err);
	buf_fini(&k->gathered);
	return k->input ? work_start(k, k->input, err) : -1;
}

static void input_is_whole(struct task *k, uint32_t duration_ms)
{
	struct err err;

	k->step = STEP_WORK;
	k->since_ms = clock_mono_ms();
	k->msg.duration_ms = duration_ms;
	if (!is_gathered(k))
		work_task_finish(k->work, duration_ms, deadline_of(k));
	else if (start_gathered(k, &err) < 0)
		task_refuse(k, err.code, err.msg);
}

/* ---- what the orchestrator says ---- */

/* The message is well-formed; does it make sense to us? */
static const char *fault_of(const struct msg_task *m)
{
	if (!m->streamed && m->len == 0)
		return "a task without input";
	return NULL;
}

static void take_task(struct task *k, const uint8_t *data, size_t len)
{
	struct transcoder *t = k->t;
	const char *fault;
	struct err err;

	if (msg_task_unpack(&k->msg, data, len, &err) < 0) {
		task_abort(k, &err);
		return;
	}
	fault = fault_of(&k->msg);
	if (fault) {
		task_fault(k, fault);
		return;
	}
	k->lane = t->draining ? NULL : lane_take(t, &k->msg, false);
	if (!k->lane) {
		task_refuse(k, ERR_BUSY, t->draining ? "it drains" : "all slots are taken");
		return;
	}
	k->step = STEP_INPUT;
	k->since_ms = clock_mono_ms();
	uplink_tell_load(t);
	if (!is_gathered(k) && work_start(k, NULL, &err) < 0)
		task_refuse(k, err.code, err.msg);
}

static void take_end(struct task *k, const uint8_t *data, size_t len)
{
	struct msg_task_end m;
	struct err err;

	if (msg_task_end_unpack(&m, data, len, &err) < 0)
		task_abort(k, &err);
	else if (m.len != k->len)
		task_fault(k, "another length came than was sent");
	else
		input_is_whole(k, m.duration_ms);
}

static void on_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data,
		   size_t len)
{
	struct task *k = arg;

	(void)ch;
	if (type == MSG_TASK && k->step == STEP_TASK)
		take_task(k, data, len);
	else if (type == MSG_TASK_END && k->step == STEP_INPUT && k->msg.streamed)
		take_end(k, data, len);
	else if (type < 64)	/* those of a later version are ignored */
		task_fault(k, "unexpected message inside a task");
}

static int keep_input(struct task *k, const uint8_t *data, size_t len, struct err *err)
{
	if (!is_gathered(k))
		return work_task_feed(k->work, data, len, err);
	buf_add(&k->gathered, data, len);	/* its bound was looked at */
	return 0;
}

static void on_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct task *k = arg;
	size_t max = k->msg.streamed ? SEGMENT_BYTES_MAX : k->msg.len;
	struct err err;

	if (k->step != STEP_INPUT) {
		task_fault(k, "input at the wrong time");
		return;
	}
	if (len > max - k->len) {
		task_fault(k, "more input than a task may have");
		return;
	}
	k->len += len;
	if (keep_input(k, data, len, &err) < 0) {
		task_refuse(k, err.code, err.msg);
		return;
	}
	peer_channel_consumed(ch, len);
	if (!k->msg.streamed && k->len == max)
		input_is_whole(k, k->msg.duration_ms);
}

/* Nobody waits for it any more. */
static void on_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	(void)ch;
	(void)why;
	task_free(arg);
}

void transcoder_task_open(struct transcoder *t, struct peer_channel *ch)
{
	static const struct peer_channel_cb cb = {
		.on_msg = on_msg, .on_data = on_data, .on_close = on_close };
	struct task *k = xcalloc(1, sizeof(*k));

	k->t = t;
	k->ch = ch;
	k->current = -1;
	k->since_ms = clock_mono_ms();
	buf_init(&k->gathered, SEGMENT_BYTES_MAX);
	list_add_tail(&t->tasks, &k->node);
	peer_channel_set(ch, &cb, k);
}

/* The work itself has the pool's deadline. */
static const char *task_is_late(const struct task *k, int64_t now_ms)
{
	switch (k->step) {
	case STEP_TASK:
		return now_ms - k->since_ms > TASK_MS ? "no task came" : NULL;
	case STEP_INPUT:
		return now_ms - k->since_ms > SEGMENT_MS_MAX + INPUT_SLACK_MS
			       ? "the input does not come to its end" : NULL;
	case STEP_WORK:
		break;
	}
	return NULL;
}

void transcoder_tasks_tick(struct transcoder *t)
{
	int64_t now = clock_mono_ms();

	list_each(n, &t->tasks) {
		struct task *k = list_entry(n, struct task, node);
		const char *late = task_is_late(k, now);

		if (late)
			task_fault(k, late);
	}
}

void transcoder_tasks_drop(struct transcoder *t)
{
	list_each(n, &t->tasks)
		task_free(list_entry(n, struct task, node));
}
