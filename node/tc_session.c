/*
 * A stream's session: its links to orchestrators, the choice among them, and the
 * order of results.  on_kick is the only place that starts tries and calls back.
 */
#include "node/tc_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/mem.h"
#include "node/peer/conn.h"
#include "node/stats.h"

/* Links held at once: the one in use, and two to fall back on or to try out. */
#define LINKS_WANTED 3
#define REFUSED_RETRY_MS 3000
/* One that does not even answer: facts/reliability C5. */
#define OPEN_DEADLINE_MS 2000
#define SILENT_RETRY_MS 10000
/* Another orchestrator must be this much faster before a stream moves. */
#define SWITCH_RATIO 0.7

static void on_kick(uv_timer_t *timer);

void tc_kick(struct tc_session *s)
{
	if (!uv_is_closing((uv_handle_t *)&s->kick))
		uv_timer_start(&s->kick, on_kick, 0, 0);
}

void tc_kick_all(struct tc *t)
{
	list_each(n, &t->sessions)
		tc_kick(list_entry(n, struct tc_session, node));
}

/* ---- links ---- */

static void fail_link_segments(struct tc_link *l, const struct err *why)
{
	list_each(n, &l->s->segments) {
		struct tc_segment *g = list_entry(n, struct tc_segment, node);

		if (g->link == l)
			tc_segment_link_lost(g, why);
	}
}

void tc_link_lost(struct tc_link *l)
{
	struct err err;

	if (!l->s)
		return;
	l->state = LINK_NONE;
	l->ch = NULL;
	err_set(&err, ERR_IO, "connection to orchestrator %s lost", l->o->hostport);
	fail_link_segments(l, &err);
	tc_kick(l->s);
}

static void link_refused(struct tc_link *l, const struct msg_refuse *m)
{
	struct err err;

	if (log_may(&l->o->log_limit, 10))
		log_warn(&l->s->log, "orchestrator refuses the session: orch=%s reason=%s",
			 l->o->hostport, m->reason);
	if (l->state == LINK_OPEN) {	/* it had accepted, and ends it */
		err_set(&err, ERR_IO, "orchestrator ended the session: %s", m->reason);
		fail_link_segments(l, &err);
	}
	l->retry_at_ms = clock_mono_ms() +
		(m->retry_after_ms ? (int64_t)m->retry_after_ms : REFUSED_RETRY_MS);
	l->state = LINK_NONE;
	peer_channel_close(l->ch);
	l->ch = NULL;
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
		link_refused(l, &refuse);
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

static void link_open(struct tc_link *l)
{
	struct tc_session *s = l->s;
	struct msg_open_session m = {
		.stream = s->stream,
		.profiles = s->profiles,
		.source_width = s->width, .source_height = s->height,
		.source_fps_num = s->fps_num, .source_fps_den = s->fps_den,
		.max_segment_ms = SEGMENT_MS_MAX,
	};
	struct buf b;
	struct err err;

	memcpy(m.preset, s->preset, sizeof(m.preset));
	l->ch = peer_channel_open(l->o->conn, &session_cb, l, &err);
	if (!l->ch) {
		l->retry_at_ms = clock_mono_ms() + REFUSED_RETRY_MS;
		return;
	}
	buf_init(&b, 65536);
	msg_open_session_pack(&b, &m);
	peer_channel_msg(l->ch, MSG_OPEN_SESSION, &b);
	buf_fini(&b);
	l->state = LINK_OPENING;
	l->opened_ms = clock_mono_ms();
}

/* Asked and not answered: its place among the links is another's now. */
static void give_up_opening(struct tc_session *s, int64_t now)
{
	struct err err;
	size_t i;

	err_set(&err, ERR_TIMEOUT, "no answer to the session within %d ms", OPEN_DEADLINE_MS);
	for (i = 0; i < s->t->n_orch; i++) {
		struct tc_link *l = &s->link[i];

		if (l->state != LINK_OPENING || now - l->opened_ms < OPEN_DEADLINE_MS)
			continue;
		if (log_may(&l->o->log_limit, 10))
			log_warn(&s->log, "orchestrator does not answer: orch=%s waited_ms=%d",
				 l->o->hostport, OPEN_DEADLINE_MS);
		peer_channel_abort(l->ch, &err);
		l->ch = NULL;
		l->state = LINK_NONE;
		l->retry_at_ms = now + SILENT_RETRY_MS;
	}
}

static void open_links(struct tc_session *s)
{
	int64_t now = clock_mono_ms();
	unsigned n = 0;
	size_t i;

	for (i = 0; i < s->t->n_orch; i++)
		n += s->link[i].state != LINK_NONE && orch_is_usable(s->t->orch[i]);
	for (i = 0; i < s->t->n_orch && n < LINKS_WANTED; i++) {
		struct tc_link *l = &s->link[i];

		l->s = s;
		l->o = s->t->orch[i];
		if (l->state != LINK_NONE || !orch_is_usable(l->o) || now < l->retry_at_ms)
			continue;
		link_open(l);
		n += l->state != LINK_NONE;
	}
}

/* ---- choice ---- */

static bool link_has_room(const struct tc_link *l)
{
	return l->state == LINK_OPEN && orch_is_usable(l->o) && l->inflight < l->max_inflight;
}

struct tc_link *tc_session_pick(struct tc_session *s, uint32_t avoid)
{
	struct tc_link *best = NULL, *sticky = NULL, *unknown = NULL;
	size_t i;

	for (i = 0; i < s->t->n_orch; i++) {
		struct tc_link *l = &s->link[i];

		if (!link_has_room(l) || (avoid & 1u << i))
			continue;
		if ((int)i == s->sticky)
			sticky = l;
		/* Each gets one segment to show what it can. */
		if (!l->o->tested && !l->o->testing)
			return l;
		if (!l->o->tested)
			unknown = l;
		else if (!best || l->o->score < best->o->score)
			best = l;
	}
	/* One that is still showing it gets more only where there is no other. */
	if (!best)
		return unknown;
	if (sticky && !sticky->o->tested)
		return best;
	if (sticky && (best == sticky || (sticky->o->score <= 1 &&
					  best->o->score > SWITCH_RATIO * sticky->o->score)))
		return sticky;
	return best;
}

/* A trial segment does not move the stream. */
void tc_session_chose(struct tc_session *s, const struct tc_link *l)
{
	if (s->sticky < 0 || l->o->tested)
		s->sticky = (int)l->o->index;
}

/* ---- the one place that moves things ---- */

static void start_tries(struct tc_session *s)
{
	list_each(n, &s->segments) {
		struct tc_segment *g = list_entry(n, struct tc_segment, node);
		struct tc_link *l;

		/* One whose bytes still come and that has no try by now goes whole, at its end. */
		if (g->state != SEG_PENDING)
			continue;
		l = tc_session_pick(s, g->tried);
		if (!l && g->tried)
			l = tc_session_pick(s, 0);	/* all were tried: again, then */
		if (!l)
			return;		/* segments go in order */
		tc_session_chose(s, l);
		tc_segment_try(g, l);
	}
}

static void deliver(struct tc_session *s)
{
	struct list_node *n;

	while (s->cb && (n = list_first(&s->segments))) {
		struct tc_segment *g = list_entry(n, struct tc_segment, node);
		struct tc_result r;

		if (g->state != SEG_DONE)
			return;
		r = (struct tc_result){
			.sequence = g->sequence,
			.err = g->failed ? &g->err : NULL,
			.n = g->n_out,
			.renditions = g->out,
			.orchestrator = g->orchestrator,
			.transcode_ms = g->receipt.transcode_ms,
			.total_ms = g->total_ms,
			.n_tries = g->n_tries,
		};
		list_remove(&g->node);
		s->n_segments--;
		s->cb(s->arg, &r);	/* may free s: its memory lives until the timer closed */
		tc_segment_free(g);
	}
}

/* When a link may be used again that may not now; 0: nothing to wait for. */
static int64_t link_wakes_at(const struct tc_link *l, const struct orch *o, int64_t now)
{
	int64_t at = o->suspended_until_ms;

	if (!o->ready)
		return 0;	/* on_ready kicks */
	if (l->state == LINK_OPENING)
		return l->opened_ms + OPEN_DEADLINE_MS;
	if (l->state == LINK_NONE && l->retry_at_ms > at)
		at = l->retry_at_ms;
	return at > now ? at : 0;
}

static void on_kick(uv_timer_t *timer)
{
	struct tc_session *s = timer->data;
	int64_t now = clock_mono_ms(), wake = 0;
	size_t i;

	give_up_opening(s, now);
	open_links(s);
	start_tries(s);
	deliver(s);
	if (!s->cb)
		return;
	for (i = 0; i < s->t->n_orch; i++) {
		int64_t at = link_wakes_at(&s->link[i], s->t->orch[i], now);

		if (at && (!wake || at < wake))
			wake = at;
	}
	if (wake && !uv_is_active((uv_handle_t *)&s->kick))
		uv_timer_start(&s->kick, on_kick, wake > now ? (uint64_t)(wake - now) + 1 : 1, 0);
}

struct tc_session *tc_session_new(struct tc *t, const struct tc_session_opts *opts,
				  tc_result_cb *cb, void *arg)
{
	struct tc_session *s = xcalloc(1, sizeof(*s));

	s->t = t;
	strncpy(s->name, opts->name, sizeof(s->name) - 1);
	log_init(&s->log, "stream=%.80s", s->name);
	s->stream = opts->stream;
	s->profiles = opts->profiles;
	strncpy(s->preset, opts->preset, sizeof(s->preset) - 1);
	s->width = opts->width;
	s->height = opts->height;
	s->fps_num = opts->fps_num;
	s->fps_den = opts->fps_den;
	s->cb = cb;
	s->arg = arg;
	s->sticky = -1;
	list_init(&s->segments);
	list_add_tail(&t->sessions, &s->node);
	uv_timer_init(t->loop, &s->kick);
	s->kick.data = s;
	tc_kick(s);
	return s;
}

static void on_session_closed(uv_handle_t *h)
{
	free(h->data);
}

void tc_session_free(struct tc_session *s)
{
	size_t i;

	if (!s || !s->cb)
		return;
	s->cb = NULL;
	list_each(n, &s->segments) {
		struct tc_segment *g = list_entry(n, struct tc_segment, node);

		list_remove(n);
		tc_segment_free(g);
	}
	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++)
		if (s->link[i].ch)
			peer_channel_close(s->link[i].ch);
	list_remove(&s->node);
	uv_close((uv_handle_t *)&s->kick, on_session_closed);
}

unsigned tc_session_pending(const struct tc_session *s)
{
	return s->n_segments;
}

const char *tc_session_orchestrator(const struct tc_session *s)
{
	return s->sticky < 0 ? "" : s->t->orch[s->sticky]->hostport;
}
