/*
 * A stream's session: whom its segments go to, and the order of results.  on_kick is
 * the only place that starts tries of whole segments and calls back.
 */
#include "node/tc_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

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

/* ---- choice ---- */

/* One at which a segment of ours waits has been no faster than that. */
static double waiting_ratio(const struct tc_session *s, const struct tc_link *l)
{
	double ratio = 0;
	size_t i;

	if (l->inflight == 0)
		return 0;
	list_each(n, &s->segments) {
		const struct tc_segment *g = list_entry(n, struct tc_segment, node);

		for (i = 0; i < SEG_TRIES_AT_ONCE; i++)
			if (g->try[i] && g->try[i]->link == l && !g->try[i]->check)
				ratio = fmax(ratio, tc_try_ratio(g->try[i]));
	}
	return ratio;
}

void tc_session_candidates(const struct tc_session *s, struct tc_candidate c[TC_ORCHESTRATORS_MAX],
			   tc_link_can *can, uint32_t avoid)
{
	int64_t now = clock_mono_ms();
	size_t i;

	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++) {
		const struct tc_link *l = &s->link[i];
		const struct orch *o = l->o;

		c[i] = (struct tc_candidate){ .can = false };
		if (!o || (avoid & 1u << i) || !can(l, now))
			continue;
		c[i] = (struct tc_candidate){
			.can = true,
			.score = fmax(tc_score_at(&o->score, now), waiting_ratio(s, l)),
			.price = l->state == LINK_NONE ? o->price : l->price,
			.load = o->n_sessions,
			.n = o->n_given,
			.age_ms = now - o->added_ms,
		};
	}
}

struct tc_link *tc_session_pick(struct tc_session *s, uint32_t avoid)
{
	struct tc_candidate c[TC_ORCHESTRATORS_MAX];
	int i;

	tc_session_candidates(s, c, tc_link_has_room, avoid);
	i = tc_select_best(c, TC_ORCHESTRATORS_MAX, s->sticky);
	return i < 0 ? NULL : &s->link[i];
}

static bool may_have_room(const struct tc_link *l, int64_t now)
{
	return tc_link_has_room(l, now) || tc_link_can_open(l, now) ||
		(l->state == LINK_OPENING && orch_is_usable(l->o));
}

bool tc_session_has_other(const struct tc_session *s, uint32_t avoid)
{
	struct tc_candidate c[TC_ORCHESTRATORS_MAX];

	tc_session_candidates(s, c, may_have_room, avoid);
	return tc_select_best(c, TC_ORCHESTRATORS_MAX, -1) >= 0;
}

/* One to try out with the segment that begins now.  Its session may have to be opened
 * first; then it is a later segment that goes there. */
static struct tc_link *explore(struct tc_session *s)
{
	struct tc_candidate c[TC_ORCHESTRATORS_MAX];
	struct tc_link *l;
	int i;

	if (s->sticky < 0 || s->link[s->sticky].o->score.n == 0 || !tc_budget_has(&s->explore))
		return NULL;
	tc_session_candidates(s, c, may_have_room, 0);
	if (s->exploring >= 0 && c[s->exploring].can)
		for (i = 0; i < TC_ORCHESTRATORS_MAX; i++)
			c[i].can &= i == s->exploring || i == s->sticky;
	i = s->exploring = tc_select_explore(c, TC_ORCHESTRATORS_MAX, s->sticky, &s->t->seed);
	if (i < 0)
		return NULL;
	l = &s->link[i];
	if (l->state == LINK_NONE)
		tc_link_open(l);
	if (l->state != LINK_OPEN)
		return NULL;
	tc_budget_take(&s->explore);
	s->exploring = -1;
	return l;
}

/* What is tried out, or taken because it failed elsewhere, does not move the stream. */
struct tc_link *tc_session_begins(struct tc_session *s)
{
	struct tc_link *l;

	s->n_begun++;
	tc_budget_earn(&s->explore);
	tc_budget_earn(&s->hedge);
	l = explore(s);
	if (l)
		return l;
	l = tc_session_pick(s, 0);
	if (l)
		s->sticky = (int)l->o->index;
	return l;
}

void tc_session_forget(struct tc_session *s, size_t index)
{
	struct tc_link *l = &s->link[index];

	if (!l->o)
		return;
	tc_link_close(l);
	*l = (struct tc_link){ .s = s };
	if (s->sticky == (int)index)
		s->sticky = -1;
	if (s->exploring == (int)index)
		s->exploring = -1;
	list_each(n, &s->segments) {
		struct tc_segment *g = list_entry(n, struct tc_segment, node);

		g->tried &= ~(1u << index);
		g->denied &= ~(1u << index);
	}
}

/* ---- the one place that moves things ---- */

/* New slots are seen here, by whoever looks next. */
static void meet(struct tc_session *s)
{
	size_t i;

	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++)
		s->link[i].o = s->t->orch[i];
}

static void start_tries(struct tc_session *s, struct tc_need *need)
{
	list_each(n, &s->segments) {
		struct tc_segment *g = list_entry(n, struct tc_segment, node);
		struct tc_link *l;
		uint32_t avoid;

		/* One whose bytes still come and that has no try by now goes whole, at its end. */
		if (g->state != SEG_PENDING)
			continue;
		/* All were tried: again, then. */
		avoid = tc_session_has_other(s, g->tried) ? g->tried : 0;
		l = tc_session_pick(s, avoid);
		if (!l) {
			*need = (struct tc_need){ .is = true, .avoid = avoid };
			return;		/* segments go in order */
		}
		if (!g->tried)
			s->sticky = (int)l->o->index;
		tc_segment_try(g, l, false);
	}
}

/* Late segments get a second try beside the first, as far as the budget goes. */
static void start_hedges(struct tc_session *s, struct tc_need *need, int64_t now)
{
	list_each(n, &s->segments) {
		struct tc_segment *g = list_entry(n, struct tc_segment, node);
		int64_t at = tc_segment_late_at(g);
		struct tc_link *l;

		if (!at || now < at)
			continue;
		l = tc_session_pick(s, g->tried);
		if (!l && !need->is)	/* wanted for the deadline, too */
			*need = (struct tc_need){ .is = true, .avoid = g->tried };
		if (!l || !tc_budget_has(&s->hedge))
			continue;
		tc_budget_take(&s->hedge);
		tc_segment_try(g, l, true);
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
			.transcode_ms = g->transcode_ms,
			.total_ms = g->total_ms,
			.n_tries = g->n_tries,
		};
		list_remove(&g->node);
		s->n_segments--;
		s->cb(s->arg, &r);	/* may free s: its memory lives until the timer closed */
		tc_segment_free(g);
	}
}

static void sooner(int64_t *wake, int64_t at, int64_t now)
{
	if (at > now && (!*wake || at < *wake))
		*wake = at;
}

static void set_alarm(struct tc_session *s)
{
	int64_t now = clock_mono_ms(), wake = 0;
	size_t i;

	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++)
		if (s->link[i].o)
			sooner(&wake, tc_link_wakes_at(&s->link[i], now), now);
	list_each(n, &s->segments)
		sooner(&wake, tc_segment_late_at(list_entry(n, struct tc_segment, node)), now);
	if (wake && !uv_is_active((uv_handle_t *)&s->kick))
		uv_timer_start(&s->kick, on_kick, (uint64_t)(wake - now) + 1, 0);
}

static void on_kick(uv_timer_t *timer)
{
	struct tc_session *s = timer->data;
	struct tc_need need = { .is = false };
	int64_t now = clock_mono_ms();

	tc_sweep(s->t);
	meet(s);
	start_tries(s, &need);
	start_hedges(s, &need, now);
	tc_links_tend(s, &need, now);
	deliver(s);
	if (s->cb)
		set_alarm(s);
}

struct tc_session *tc_session_new(struct tc *t, const struct tc_session_opts *opts,
				  tc_result_cb *cb, void *arg)
{
	struct tc_session *s = xcalloc(1, sizeof(*s));
	size_t i;

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
	s->sticky = s->exploring = -1;
	s->explore = TC_EXPLORE_BUDGET;
	s->hedge = TC_HEDGE_BUDGET;
	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++)
		s->link[i].s = s;
	meet(s);
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
		tc_link_close(&s->link[i]);
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
