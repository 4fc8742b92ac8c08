/*
 * Whose turn it is: tasks that are tried again go first, then the stream with the
 * fewest tasks at work, then the one that has waited longest for its turn; work that
 * may begin before its input is whole comes last.  Where a task goes: choose.h.
 *
 * What goes wrong: a transcoder dies or freezes (its connection ends, for the latter
 * after 1.5 s without a byte), is late, lies, or has no room - attempt.c tells task.c,
 * which asks tries.h, and the task is back in the queue or at its end.
 *
 * Alternative not taken: a task waits for a fast transcoder that is full while a slow
 * one is free (choose.c says why not).
 */
#include "node/farm/impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A connection of our own: to the transcoder in this process. */
struct local {
	struct list_node node;
	struct farm *farm;
	struct peer_conn *conn;
};

static void on_turn(uv_timer_t *timer);

void farm_kick(struct farm *f)
{
	if (!f->closed)
		uv_timer_start(&f->timer, on_turn, 0, 0);
}

/* ---- deadlines ---- */

static void expire_task(struct farm_task *t, uint64_t now)
{
	struct err err;

	if (t->state == TASK_RUNNING && now >= t->attempt->deadline_at) {
		err_set(&err, ERR_TIMEOUT, "not done within %llu ms",
			(unsigned long long)(now - (t->whole && t->attempt->early ? t->whole_at :
						    t->attempt->started_at)));
		attempt_end(t->attempt, OUTCOME_LATE, &err);
	} else if (t->state == TASK_WAITING && now >= t->deadline_at) {
		if (t->err.code == ERR_NONE)
			err_set(&err, ERR_TIMEOUT, "no transcoder was free in time");
		else
			err_set(&err, ERR_TIMEOUT, "no transcoder was free in time after: %.150s",
				t->err.msg);
		task_end(t, &err);
	}
}

static uint64_t due_at(const struct farm_task *t)
{
	switch (t->state) {
	case TASK_WAITING:
		return t->deadline_at;
	case TASK_RUNNING:
		return t->attempt->deadline_at;
	case TASK_COLLECTING:
	case TASK_CHECKING:
	case TASK_ENDED:
		break;
	}
	return UINT64_MAX;
}

/* Waits that are over have been seen to. */
static void sooner(uint64_t *at, uint64_t other, uint64_t now)
{
	if (other > now && other < *at)
		*at = other;
}

/* A try may be born with no time left. */
static uint64_t later_than(uint64_t now, uint64_t at)
{
	return at > now ? at : now + 1;
}

/* When there is something to do again if nothing happens. */
static uint64_t next_turn_at(const struct farm *f, uint64_t now)
{
	uint64_t at = UINT64_MAX;
	bool waits = f->n_in_state[TASK_WAITING] + f->n_in_state[TASK_COLLECTING] > 0;

	list_each(n, &f->tasks)
		sooner(&at, later_than(now, due_at(list_entry(n, struct farm_task, node))), now);
	list_each(n, &f->joining)
		sooner(&at, list_entry(n, struct member, node)->join_by, now);
	list_each(n, &f->members) {
		const struct member *m = list_entry(n, struct member, node);

		if (!waits)
			break;
		sooner(&at, m->avoid_until, now);
		sooner(&at, m->rec->suspended_until, now);
	}
	return at;
}

/* ---- who gets what ---- */

static bool may_have(const struct member *m, const struct farm_task *t)
{
	const struct farm *f = t->farm;
	uint64_t now = uv_now(f->loop);

	if (!member_is_up(m, now) || now < m->avoid_until)
		return false;
	return t->avoid != m->serial || !member_has_others(f, m->serial);
}

static struct member *choose(const struct farm *f, const struct farm_task *t, bool early)
{
	struct choice_task ct = { .pixels = t->pixels, .rate = t->rate, .early = early };
	struct choice_member cm[FARM_MEMBERS_MAX];
	struct member *who[FARM_MEMBERS_MAX];
	size_t n_all = 0;
	int i;

	list_each(n, &f->members) {
		struct member *m = list_entry(n, struct member, node);

		if (!may_have(m, t))
			continue;
		attempt_load(m, t, &cm[n_all]);
		cm[n_all].usable = true;
		who[n_all++] = m;
	}
	i = choose_member(cm, n_all, &ct);
	return i < 0 ? NULL : who[i];
}

static bool give(struct farm *f, struct farm_task *t, bool early)
{
	uint64_t now = uv_now(f->loop);
	struct member *m;

	while ((m = choose(f, t, early))) {
		if (!attempt_start(t, m)) {
			m->avoid_until = now + BUSY_MS;
			continue;
		}
		task_set_state(t, TASK_RUNNING);
		if (!t->was_started && !early)
			t->done.queue_ms = (unsigned)(now - t->whole_at);
		t->was_started = true;
		return true;
	}
	return false;
}

static struct farm_task *next_of_streams(const struct farm *f)
{
	struct stream *best = NULL;

	list_each(n, &f->streams) {
		struct stream *s = list_entry(n, struct stream, node);

		if (!best || s->n_running < best->n_running)
			best = s;
	}
	return best ? list_entry(list_first(&best->waiting), struct farm_task, queue) : NULL;
}

/* The verdict of one that was not alone, and is now, stands. */
static bool verdict_stands(const struct farm_task *t)
{
	return t->has_verdict && !member_has_others(t->farm, t->avoid);
}

static void give_retries(struct farm *f)
{
	list_each(n, &f->retries) {
		struct farm_task *t = list_entry(n, struct farm_task, queue);

		if (verdict_stands(t)) {
			struct err err = t->err;

			task_end(t, &err);
		} else {
			/* Where it may go is full, perhaps: others may go elsewhere. */
			give(f, t, false);
		}
	}
}

static void give_early(struct farm *f)
{
	list_each(n, &f->tasks) {
		struct farm_task *t = list_entry(n, struct farm_task, node);

		if (t->state == TASK_COLLECTING && t->may_be_early && t->len > 0)
			give(f, t, true);
	}
}

static void dispatch(struct farm *f)
{
	struct farm_task *t;

	give_retries(f);
	while ((t = next_of_streams(f)) && give(f, t, false))
		;
	give_early(f);
}

/* ---- the turn ---- */

static void tell_changed(struct farm *f)
{
	struct farm_room now;

	farm_room(f, &now);
	if (now.n_members == f->told.n_members && now.capacity == f->told.capacity &&
	    now.slots == f->told.slots)
		return;
	f->told = now;
	if (f->changed)
		f->changed(f->changed_arg);
}

static void on_timer_closed(uv_handle_t *h)
{
	struct farm *f = h->data;

	f->loop = NULL;
}

static void on_turn(uv_timer_t *timer)
{
	struct farm *f = timer->data;
	uint64_t now, at;

	uv_update_time(f->loop);
	now = uv_now(f->loop);
	list_each(n, &f->tasks)
		expire_task(list_entry(n, struct farm_task, node), now);
	member_expire_joining(f, now);
	if (!f->closing)
		dispatch(f);
	/* What was decided up to here makes no further turn necessary. */
	uv_timer_stop(timer);
	while (!list_is_empty(&f->ended))
		task_tell(list_entry(list_first(&f->ended), struct farm_task, queue));
	tell_changed(f);
	if (f->closing) {
		f->closed = true;
		uv_close((uv_handle_t *)timer, on_timer_closed);
		return;
	}
	at = next_turn_at(f, now);
	if (!uv_is_active((uv_handle_t *)timer) && at != UINT64_MAX)
		uv_timer_start(timer, on_turn, at - now, 0);
}

/* ---- the transcoder in this process ---- */

static void on_first_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data,
			 size_t len)
{
	struct local *l = arg;
	struct err err;

	if (type == MSG_JOIN) {
		member_join(l->farm, l->conn, ch, true, data, len);
		return;
	}
	err_set(&err, ERR_INVALID, "message %u instead of a join", type);
	peer_channel_abort(ch, &err);
}

static const struct peer_channel_cb first_cb = { .on_msg = on_first_msg };

static void on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	(void)c;
	peer_channel_set(ch, &first_cb, arg);
}

static void on_goaway(void *arg, struct peer_conn *c)
{
	struct local *l = arg;

	farm_drains(l->farm, c);
}

static void on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct local *l = arg;

	(void)c;
	(void)why;
	list_remove(&l->node);
	free(l);
}

static const struct peer_conn_cb local_cb = {
	.on_channel = on_channel, .on_goaway = on_goaway, .on_close = on_close,
};

int farm_attach(struct farm *f, struct peer_ctx *peers, int fd, struct err *err)
{
	struct local *l = xcalloc(1, sizeof(*l));

	l->farm = f;
	l->conn = peer_attach(peers, fd, false, false, &local_cb, l, err);
	if (!l->conn) {
		free(l);
		return -1;
	}
	list_add_tail(&f->locals, &l->node);
	return 0;
}

/* ---- what the rest of the node calls ---- */

struct farm *farm_new(uv_loop_t *loop, const struct farm_opts *opts)
{
	struct farm *f = xcalloc(1, sizeof(*f));

	f->loop = loop;
	f->opts = *opts;
	list_init(&f->locals);
	list_init(&f->joining);
	list_init(&f->members);
	list_init(&f->records);
	list_init(&f->tasks);
	list_init(&f->retries);
	list_init(&f->ended);
	list_init(&f->streams);
	list_init(&f->all_streams);
	uv_timer_init(loop, &f->timer);
	f->timer.data = f;
	return f;
}

void farm_join(struct farm *f, struct peer_conn *c, struct peer_channel *ch, const uint8_t *data,
	       size_t len)
{
	member_join(f, c, ch, false, data, len);
}

static void drain(struct list *members, const struct peer_conn *c)
{
	list_each(n, members) {
		struct member *m = list_entry(n, struct member, node);

		if (m->conn != c || m->draining)
			continue;
		m->draining = true;
		if (log_may(&m->farm->life_limit, 2 * LOGS_A_MINUTE))
			log_info(&m->log, "transcoder takes nothing new: tasks=%u", m->n_running);
		farm_kick(m->farm);
	}
}

void farm_drains(struct farm *f, const struct peer_conn *c)
{
	drain(&f->members, c);
	drain(&f->joining, c);
}

void farm_room(const struct farm *f, struct farm_room *out)
{
	*out = (struct farm_room){ .queued = f->n_in_state[TASK_WAITING] };
	list_each(n, &f->members) {
		const struct member *m = list_entry(n, struct member, node);

		if (m->state != MEMBER_READY || m->draining)
			continue;
		out->n_members++;
		out->capacity += m->load.capacity;
		out->slots += m->load.slots;
		out->running += m->n_running;
	}
}

void farm_on_change(struct farm *f, void (*changed)(void *arg), void *arg)
{
	f->changed = changed;
	f->changed_arg = arg;
}

bool farm_is_idle(const struct farm *f)
{
	return list_is_empty(&f->tasks);
}

static void end_tasks(struct farm *f)
{
	struct err err;

	err_set(&err, ERR_INTERNAL, "shutting down");
	list_each(n, &f->tasks) {
		struct farm_task *t = list_entry(n, struct farm_task, node);

		if (t->state == TASK_ENDED)
			continue;
		if (t->attempt)
			attempt_drop(t->attempt);
		if (t->verify)
			verify_cancel(t->verify);
		t->verify = NULL;
		task_end(t, &err);
	}
}

void farm_close(struct farm *f)
{
	if (f->closing)
		return;
	f->closing = true;
	end_tasks(f);
	list_each(n, &f->joining)
		member_close(list_entry(n, struct member, node));
	list_each(n, &f->members)
		member_close(list_entry(n, struct member, node));
	list_each(n, &f->locals) {
		struct local *l = list_entry(n, struct local, node);

		peer_conn_close(l->conn);
		list_remove(&l->node);
		free(l);
	}
	farm_kick(f);
}

void farm_free(struct farm *f)
{
	if (!f)
		return;
	assert(f->closed && list_is_empty(&f->tasks));
	list_each(n, &f->records)
		free(list_entry(n, struct record, node));
	free(f);
}
