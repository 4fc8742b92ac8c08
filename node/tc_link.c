/*
 * A stream's sessions with orchestrators.  Each one takes a place there, so a stream
 * holds one, a second as a backup when it lives on, and more only as long as a segment
 * needs them: where it has been is no place to go back to, and an orchestrator is tried
 * out.  One that does not answer soon is not waited for: another is asked beside it.
 */
#include "node/tc_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "node/peer/conn.h"

#define LINKS_MAX 3
/* A stream that has seen so many segments gets its backup. */
#define BACKUP_AFTER 2
#define IDLE_MS 30000
#define REFUSED_RETRY_MS 3000
#define REFUSED_RETRY_MIN_MS 200
#define REFUSED_RETRY_MAX_MS 60000
/* Then another is asked beside it. */
#define OPEN_PATIENCE_MS 250
/* One that does not even answer: facts/reliability C5. */
#define OPEN_DEADLINE_MS 2000
#define SILENT_RETRY_MS 10000

/* ---- ends ---- */

static struct tc_try *try_on(const struct tc_segment *g, const struct tc_link *l)
{
	size_t i;

	for (i = 0; i < SEG_TRIES_AT_ONCE; i++)
		if (g->try[i] && g->try[i]->link == l)
			return g->try[i];
	return NULL;
}

static void lose_tries(struct tc_link *l, const struct err *why)
{
	list_each(n, &l->s->segments) {
		struct tc_try *y = try_on(list_entry(n, struct tc_segment, node), l);

		if (y)
			tc_try_link_lost(y, why);
	}
}

static void set_none(struct tc_link *l)
{
	if (l->state != LINK_NONE)
		l->o->n_sessions--;
	l->state = LINK_NONE;
	l->ch = NULL;
}

void tc_link_lost(struct tc_link *l)
{
	struct err err;

	if (!l->o)
		return;
	set_none(l);
	err_set(&err, ERR_IO, "connection to orchestrator %s lost", l->o->hostport);
	lose_tries(l, &err);
	tc_kick(l->s);
}

void tc_link_close(struct tc_link *l)
{
	if (l->ch)
		peer_channel_close(l->ch);
	set_none(l);
}

/* ---- what it says ---- */

static int64_t retry_after(uint32_t asked_ms)
{
	if (asked_ms == 0)
		return REFUSED_RETRY_MS;
	if (asked_ms < REFUSED_RETRY_MIN_MS)
		return REFUSED_RETRY_MIN_MS;
	return asked_ms < REFUSED_RETRY_MAX_MS ? asked_ms : REFUSED_RETRY_MAX_MS;
}

static void on_refuse(struct tc_link *l, const struct msg_refuse *m)
{
	bool was_open = l->state == LINK_OPEN;
	struct err err;

	if (log_may(&l->o->log_limit, 10))
		log_warn(&l->s->log, "orchestrator refuses the session: orch=%s reason=%s",
			 l->o->hostport, m->reason);
	l->retry_at_ms = clock_mono_ms() + retry_after(m->retry_after_ms);
	l->o->refused_until_ms = l->retry_at_ms;
	tc_link_close(l);
	if (!was_open)
		return;
	err_set(&err, ERR_IO, "orchestrator ended the session: %s", m->reason);
	lose_tries(l, &err);
}

static void on_session_msg(void *arg, struct peer_channel *ch, uint16_t type,
			   const uint8_t *data, size_t len)
{
	struct tc_link *l = arg;
	struct msg_session_accept accept;
	struct msg_refuse refuse;
	struct err err;

	if (type != MSG_SESSION_ACCEPT && type != MSG_REFUSE)
		return;		/* a later version's: nothing we need */
	if (type == MSG_SESSION_ACCEPT && l->state == LINK_OPENING &&
	    msg_session_accept_unpack(&accept, data, len, &err) == 0) {
		l->state = LINK_OPEN;
		l->max_inflight = accept.max_inflight ? accept.max_inflight : 1;
		log_debug(&l->s->log, "session accepted: orch=%s codec_profile=%s",
			  l->o->hostport, accept.codec_profile);
	} else if (type == MSG_REFUSE && msg_refuse_unpack(&refuse, data, len, &err) == 0) {
		on_refuse(l, &refuse);
	} else {
		err_set(&err, ERR_INVALID, "unexpected message %u on a session", type);
		peer_channel_abort(ch, &err);
		tc_link_lost(l);
		l->retry_at_ms = clock_mono_ms() + REFUSED_RETRY_MS;
	}
	tc_kick(l->s);
}

static void on_session_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	(void)arg;
	(void)data;
	peer_channel_consumed(ch, len);
}

static void on_session_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct tc_link *l = arg;

	(void)ch;
	(void)why;
	l->retry_at_ms = clock_mono_ms() + REFUSED_RETRY_MS;
	tc_link_lost(l);
}

static const struct peer_channel_cb session_cb = {
	.on_msg = on_session_msg,
	.on_data = on_session_data,
	.on_close = on_session_close,
};

/* ---- opening ---- */

bool tc_link_has_room(const struct tc_link *l, int64_t now)
{
	return l->state == LINK_OPEN && orch_is_usable(l->o) && now >= l->busy_until_ms &&
		l->inflight < l->max_inflight;
}

void tc_link_busy(struct tc_link *l, uint32_t ms)
{
	l->busy_until_ms = clock_mono_ms() + (int64_t)tc_asked_ms(ms);
}

bool tc_link_can_open(const struct tc_link *l, int64_t now)
{
	return l->state == LINK_NONE && orch_is_usable(l->o) && now >= l->retry_at_ms;
}

void tc_link_open(struct tc_link *l)
{
	struct tc_session *s = l->s;
	struct msg_open_session m = {
		.stream = s->stream,
		.profiles = s->profiles,
		.source_width = s->width, .source_height = s->height,
		.source_fps_num = s->fps_num, .source_fps_den = s->fps_den,
		.max_segment_ms = SEGMENT_MS_MAX,
	};
	int64_t now = clock_mono_ms();
	struct buf b;
	struct err err;

	memcpy(m.preset, s->preset, sizeof(m.preset));
	l->ch = peer_channel_open(l->o->conn, &session_cb, l, &err);
	if (!l->ch) {
		l->retry_at_ms = now + REFUSED_RETRY_MS;
		return;
	}
	buf_init(&b, 65536);
	msg_open_session_pack(&b, &m);
	peer_channel_msg(l->ch, MSG_OPEN_SESSION, &b);
	buf_fini(&b);
	l->state = LINK_OPENING;
	l->o->n_sessions++;
	l->price = l->o->price;
	l->opened_ms = l->used_ms = now;
}

/* Asked and not answered: its place among the links is another's now. */
static void give_up_silent(struct tc_session *s, int64_t now)
{
	struct err err;
	size_t i;

	err_set(&err, ERR_TIMEOUT, "no answer to the session within %d ms", OPEN_DEADLINE_MS);
	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++) {
		struct tc_link *l = &s->link[i];

		if (l->state != LINK_OPENING || now - l->opened_ms < OPEN_DEADLINE_MS)
			continue;
		if (log_may(&l->o->log_limit, 10))
			log_warn(&s->log, "orchestrator does not answer: orch=%s waited_ms=%d",
				 l->o->hostport, OPEN_DEADLINE_MS);
		peer_channel_abort(l->ch, &err);
		set_none(l);
		l->retry_at_ms = now + SILENT_RETRY_MS;
	}
}

static struct tc_link *best_of(struct tc_session *s, tc_link_can *can, uint32_t avoid)
{
	struct tc_candidate c[TC_ORCHESTRATORS_MAX];
	int i;

	tc_session_candidates(s, c, can, avoid);
	i = tc_select_best(c, TC_ORCHESTRATORS_MAX, -1);
	return i < 0 ? NULL : &s->link[i];
}

static void open_wanted(struct tc_session *s, const struct tc_need *need, int64_t now)
{
	unsigned n_all = 0, n = 0, want = s->n_begun >= BACKUP_AFTER ? 2 : 1;
	bool is_coming = false;
	struct tc_link *l;
	size_t i;

	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++) {
		bool is_slow;

		l = &s->link[i];
		if (l->state == LINK_NONE || !orch_is_usable(l->o))
			continue;
		is_slow = l->state == LINK_OPENING && now - l->opened_ms >= OPEN_PATIENCE_MS;
		n_all++;
		n += !is_slow;
		is_coming |= l->state == LINK_OPENING && !is_slow && !(need->avoid & 1u << i);
	}
	if (need->is && !is_coming && want <= n)
		want = n + 1;
	while (n < want && n_all < LINKS_MAX &&
	       (l = best_of(s, tc_link_can_open, need->is ? need->avoid : 0))) {
		tc_link_open(l);
		n += l->state != LINK_NONE;
		n_all += l->state != LINK_NONE;
	}
}

static bool is_idle_backup(const struct tc_link *l, int64_t now)
{
	(void)now;
	return l->state == LINK_OPEN && (int)l->o->index != l->s->sticky && orch_is_usable(l->o);
}

/* Of those not in use the best is the backup; the others give their places back. */
static void close_idle(struct tc_session *s, int64_t now)
{
	const struct tc_link *backup = best_of(s, is_idle_backup, 0);
	size_t i;

	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++) {
		struct tc_link *l = &s->link[i];

		if (l->state == LINK_OPEN && l != backup && (int)i != s->sticky &&
		    l->inflight == 0 && now - l->used_ms >= IDLE_MS)
			tc_link_close(l);
	}
}

void tc_links_tend(struct tc_session *s, const struct tc_need *need, int64_t now)
{
	give_up_silent(s, now);
	close_idle(s, now);
	open_wanted(s, need, now);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* When it may be used that may not now, or is to be looked at. */
int64_t tc_link_wakes_at(const struct tc_link *l, int64_t now)
{
	const struct tc_suspension *sus = &l->o->suspension;
	int64_t until = tc_is_suspended(sus, now) ? sus->until_ms : sus->failed_until_ms;
	int64_t at = 0;

	if (!l->o->ready)
		return 0;	/* on_ready kicks */
	switch (l->state) {
	case LINK_NONE:
		at = later(until, l->retry_at_ms);
		break;
	case LINK_OPENING:
		at = l->opened_ms + OPEN_PATIENCE_MS;
		if (at <= now)
			at = l->opened_ms + OPEN_DEADLINE_MS;
		break;
	case LINK_OPEN:
		until = later(until, l->busy_until_ms);
		at = until > now ? until : l->used_ms + IDLE_MS;
		break;
	}
	return at > now ? at : 0;
}
