/*
 * A task at a member.  The input goes out as fast as the member takes it, from the
 * task's own copy, so that little of it waits in the channel's queue; the answer is read
 * by intake.h.
 */
#include "node/farm/impl.h"

#include <stdlib.h>

#include "base/mem.h"
#include "node/farm/intake.h"

/* Above the largest mark below which on_drain runs (peer/channel.c), far below what
 * a channel and a connection may queue. */
#define QUEUE_HIGH (4u << 20)
#define PIECE_LEN (256u << 10)
#define EARLY_MAX_MS (SEGMENT_MS_MAX + 15000)
#define DONE_SHARE_MAX 0.95	/* one that should be done is nearly so */

/* ---- what a member has to do ---- */

/* Part of the work that should be done by now. */
static double done_share(const struct attempt *a, uint64_t now)
{
	const struct farm_task *t = a->t;
	double span = t->whole ? a->claimed_ms * a->m->rec->speed.slowness : t->expected_ms;
	double share = (double)(now - a->started_at) / (span > 1 ? span : 1);

	return share < DONE_SHARE_MAX ? share : DONE_SHARE_MAX;
}

void attempt_load(const struct member *m, const struct farm_task *t, struct choice_member *out)
{
	uint64_t now = uv_now(m->farm->loop);

	*out = (struct choice_member){
		.warm = t && member_is_warm(m, t->stream->hash), .slots = m->load.slots,
		.running = m->n_running, .capacity = m->load.capacity,
		.slowness = m->rec->speed.slowness, .lateness_ms = m->rec->speed.lateness_ms,
		.rtt_us = peer_conn_rtt_us(m->conn), .turn = m->turn,
	};
	list_each(n, &m->attempts) {
		const struct attempt *a = list_entry(n, struct attempt, node);

		out->outstanding += a->t->pixels * (1 - done_share(a, now));
		out->rate += a->t->rate;
	}
}

/* ---- its end ---- */

/* Since its member could finish it. */
static double busy_ms(const struct attempt *a)
{
	const struct farm_task *t = a->t;

	return (double)(uv_now(t->farm->loop) - (a->early ? t->whole_at : a->started_at));
}

/* For when it has been checked. */
static void note_speed(const struct attempt *a, struct farm_task *t)
{
	t->claimed_ms = a->claimed_ms;
	t->actual_ms = busy_ms(a);
	/* One that began early had less left to do: it tells only when it was slow. */
	if (a->early && t->actual_ms < t->claimed_ms)
		t->claimed_ms = 0;
}

static void detach(struct attempt *a)
{
	struct member *m = a->m;
	struct farm_task *t = a->t;

	list_remove(&a->node);
	m->n_running--;
	t->attempt = NULL;
	member_heat(m, t->stream->hash);
	intake_free(a->in);
	free(a);
}

void attempt_end(struct attempt *a, enum outcome o, const struct err *why)
{
	struct farm_task *t = a->t;
	struct member *m = a->m;
	struct err copy = { 0 };

	if (why)
		copy = *why;	/* may stand in what goes now */
	t->worker = m->serial;
	t->worker_addr = m->addr;
	t->worker_is_local = m->local;
	t->done.early = a->early;
	snprintf(t->done.transcoder, sizeof(t->done.transcoder), "%s", m->name);
	if (o == OUTCOME_DONE) {
		note_speed(a, t);
		t->result = a->in;
		a->in = NULL;
	} else if (o == OUTCOME_LATE && t->whole) {
		speed_measure(&m->rec->speed, a->claimed_ms, busy_ms(a));
	}
	/* TaskDone ends the conversation, whatever it says. */
	if (a->ch && (o == OUTCOME_LIED || o == OUTCOME_LATE || o == OUTCOME_LOST))
		peer_channel_abort(a->ch, &copy);
	else if (a->ch)
		peer_channel_close(a->ch);
	detach(a);
	/* Of what is done, verify.c says whether it is good. */
	if (o != OUTCOME_DONE)
		member_judge(t->farm, t->worker, &t->worker_addr, o, &copy);
	task_attempt_over(t, o, &copy);
}

void attempt_drop(struct attempt *a)
{
	struct err why;

	err_set(&why, ERR_BUSY, "the task is not wanted any more");
	if (a->ch)
		peer_channel_abort(a->ch, &why);
	detach(a);
}

/* ---- the answer ---- */

static enum outcome outcome_of(int code)
{
	switch (code) {
	case ERR_NONE: return OUTCOME_DONE;
	case ERR_INVALID: case ERR_LIMIT: return OUTCOME_VERDICT;
	case ERR_IO: case ERR_TIMEOUT: return OUTCOME_DIED;
	case ERR_BUSY: return OUTCOME_BUSY;
	default: break;
	}
	return OUTCOME_FAILED;
}

/* Of one that began early, what it took from the end of its input: before that it mostly
 * waited for it. */
static unsigned wall_of(const struct attempt *a, const struct msg_task_done *d)
{
	const struct farm_task *t = a->t;
	uint64_t since = uv_now(t->farm->loop) - t->whole_at;

	return a->early && t->whole && since < d->wall_ms ? (unsigned)since : d->wall_ms;
}

static void on_task_done(struct attempt *a, const uint8_t *data, size_t len)
{
	struct msg_task_done d;
	struct err err;

	if (intake_done(a->in, data, len, &d, &err) < 0) {
		attempt_end(a, OUTCOME_LIED, &err);
		return;
	}
	a->t->done.wall_ms = wall_of(a, &d);
	a->t->done.cpu_ms = d.cpu_ms;
	err_set(&err, (enum err_code)d.code, "%.190s", d.reason);
	attempt_end(a, outcome_of(d.code), &err);
}

static void on_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data,
		   size_t len)
{
	struct attempt *a = arg;
	struct err err;
	int rc = 0;

	(void)ch;
	if (type == MSG_TASK_DONE) {
		on_task_done(a, data, len);
		return;
	}
	if (type == MSG_RENDITION_HEADER)
		rc = intake_header(a->in, data, len, &err);
	else if (type == MSG_RENDITION_TRAILER)
		rc = intake_trailer(a->in, data, len, &err);
	else if (type < 64)		/* others are of a later version */
		rc = err_set(&err, ERR_INVALID, "message %u in an answer", type);
	if (rc < 0)
		attempt_end(a, OUTCOME_LIED, &err);
}

static void on_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct attempt *a = arg;
	struct farm_task *t = a->t;
	uint64_t offset;
	size_t index;
	struct err err;

	if (intake_data(a->in, data, len, &index, &offset, &err) < 0) {
		attempt_end(a, OUTCOME_LIED, &err);
		return;
	}
	peer_channel_consumed(ch, len);
	if (t->cb.piece)
		t->cb.piece(t->arg, index, offset, data, len);	/* may end a and t */
}

static void on_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct attempt *a = arg;
	struct err err;

	(void)ch;
	a->ch = NULL;
	if (!peer_conn_is_ready(a->m->conn)) {
		member_gone(a->m, why);		/* and all that it has */
	} else if (!why) {
		err_set(&err, ERR_INVALID, "its answer has no end");
		attempt_end(a, OUTCOME_LIED, &err);
	} else if (why->code == ERR_BUSY || why->code == ERR_LIMIT) {
		/* It takes no channel, or too little of all of them (peer_channel_data). */
		attempt_end(a, OUTCOME_BUSY, why);
	} else {
		attempt_end(a, OUTCOME_FAILED, why);
	}
}

/* ---- the input ---- */

static void send_end(struct attempt *a)
{
	struct msg_task_end m = { .len = a->t->input.len, .duration_ms = a->t->src.duration_ms };
	struct buf b;

	buf_init(&b, 4096);
	msg_task_end_pack(&b, &m);
	peer_channel_msg(a->ch, MSG_TASK_END, &b);
	buf_fini(&b);
	a->end_sent = true;
	intake_input_ended(a->in);
}

void attempt_pump(struct attempt *a)
{
	struct farm_task *t = a->t;
	size_t n;

	while (!a->paused && a->n_sent < t->input.len) {
		n = t->input.len - a->n_sent;
		if (n > PIECE_LEN)
			n = PIECE_LEN;
		a->paused = peer_channel_data(a->ch, t->input.data + a->n_sent, n) >= QUEUE_HIGH;
		a->n_sent += n;
	}
	if (t->whole && !a->end_sent && a->n_sent == t->input.len)
		send_end(a);
}

static void on_drain(void *arg, struct peer_channel *ch)
{
	struct attempt *a = arg;

	(void)ch;
	a->paused = false;
	attempt_pump(a);
}

static const struct peer_channel_cb task_cb = {
	.on_msg = on_msg, .on_data = on_data, .on_close = on_close, .on_drain = on_drain,
};

/* ---- its beginning ---- */

void attempt_set_deadline(struct attempt *a)
{
	struct farm_task *t = a->t;
	uint64_t now = uv_now(t->farm->loop);
	uint64_t left = t->deadline_at > now ? t->deadline_at - now : 0;

	if (!t->whole)
		a->deadline_at = now + EARLY_MAX_MS;
	else
		a->deadline_at = now + tries_share_ms(&t->tries,
			member_has_others(t->farm, a->m->serial), left);
}

static void send_task(struct attempt *a)
{
	struct farm_task *t = a->t;
	struct msg_task m = t->msg;
	struct buf b;

	if (t->whole)
		m.deadline_ms = (uint32_t)(a->deadline_at - uv_now(t->farm->loop));
	buf_init(&b, 65536);
	msg_task_pack(&b, &m);
	peer_channel_msg(a->ch, MSG_TASK, &b);
	buf_fini(&b);
}

bool attempt_start(struct farm_task *t, struct member *m)
{
	struct attempt *a = xcalloc(1, sizeof(*a));
	struct choice_member load;
	struct err err;

	a->ch = peer_channel_open(m->conn, &task_cb, a, &err);
	if (!a->ch) {
		free(a);
		return false;
	}
	attempt_load(m, t, &load);
	a->m = m;
	a->t = t;
	a->in = intake_new(&t->msg.profiles);
	a->early = !t->whole;
	a->started_at = uv_now(t->farm->loop);
	a->claimed_ms = choose_claimed_ms(&load, t->pixels);
	list_add_tail(&m->attempts, &a->node);
	m->n_running++;
	m->turn = ++t->farm->last_turn;
	member_heat(m, t->stream->hash);
	t->attempt = a;
	attempt_set_deadline(a);
	send_task(a);
	attempt_pump(a);
	return true;
}
