/*
 * What becomes of a segment: its tries, one after the other, and beside one that is
 * late a second one.  The first whole answer that passes the checks wins; the other try
 * is cancelled.  A failure counts against an orchestrator when it failed or missed the
 * deadline, not when another was faster.
 */
#include "node/tc_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/mem.h"
#include "node/stats.h"

#define PERIOD_MIN_MS 2000

uint64_t tc_segment_period_ms(const struct tc_segment *g)
{
	uint64_t ms = (uint64_t)g->facts.duration_ms * 3 / 2;

	return ms < PERIOD_MIN_MS ? PERIOD_MIN_MS : ms;
}

/* ---- the running tries ---- */

static void add_try(struct tc_segment *g, struct tc_try *y)
{
	g->try[g->try[0] ? 1 : 0] = y;
}

/* The other one, if there is, becomes the oldest. */
static void end_try(struct tc_segment *g, struct tc_try *y, const struct err *tell)
{
	if (y == g->try[0])
		g->try[0] = g->try[1];
	g->try[1] = NULL;
	tc_try_free(y, tell);
}

static void end_tries(struct tc_segment *g, const struct err *tell)
{
	while (g->try[0])
		end_try(g, g->try[0], tell);
}

void tc_segment_try(struct tc_segment *g, struct tc_link *l, bool hedge)
{
	struct stats *st = g->s->t->stats;
	struct tc_try *y;
	struct err err;

	y = tc_try_start(g, l, hedge, &err);
	if (!y) {	/* no try: the segment has not been there */
		st->upload_failed++;
		tc_suspend_asked(&l->o->suspension, 0, clock_mono_ms());
		if (log_may(&l->o->log_limit, 10))
			log_warn(&g->s->log, "segment cannot be sent: seq=%llu orch=%s why=%s",
				 (unsigned long long)g->sequence, l->o->hostport, err.msg);
		tc_kick(g->s);
		return;
	}
	add_try(g, y);
	g->tried |= 1u << l->o->index;
	if (hedge) {
		g->hedged = true;
		st->hedges++;
		log_debug(&g->s->log, "segment is late, a second orchestrator has it too: seq=%llu "
			  "late=%s second=%s", (unsigned long long)g->sequence, g->orchestrator,
			  l->o->hostport);
	} else {
		st->orchestrator_swaps += g->n_tries && strcmp(g->orchestrator, l->o->hostport) != 0;
		strcpy(g->orchestrator, l->o->hostport);
	}
	g->n_tries++;
	if (g->state != SEG_COLLECTING)
		g->state = SEG_RUNNING;
}

int64_t tc_segment_late_at(const struct tc_segment *g)
{
	const struct tc_try *y = g->try[0];

	if (g->state != SEG_RUNNING || !y || g->try[1] || y->check || g->hedged ||
	    g->n_periods > 0 || g->n_tries >= TC_TRIES_MAX)
		return 0;
	return y->whole_ms + (int64_t)tc_late_after_ms(&y->o->score, g->facts.duration_ms,
						       tc_segment_period_ms(g));
}

/* ---- results ---- */

static void finish(struct tc_segment *g)
{
	uv_timer_stop(&g->deadline);
	g->total_ms = (unsigned)(clock_mono_ms() - g->ended_ms);
	g->state = SEG_DONE;
	tc_kick(g->s);
}

static void fail(struct tc_segment *g, const struct err *err)
{
	end_tries(g, err);
	g->err = *err;
	g->failed = true;
	finish(g);
}

/* One that says "undecodable" may lie: two are believed, or the only one there is. */
static bool is_bad_input(struct tc_segment *g)
{
	if ((g->denied & (g->denied - 1)) != 0)
		return true;
	return g->denied && !tc_session_has_other(g->s, g->tried);
}

/* Another made it: whoever said that it cannot be decoded was wrong. */
static void blame_deniers(struct tc_segment *g)
{
	size_t i;

	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++)
		if (g->denied & 1u << i)
			orch_failed(g->s->t->orch[i]);
}

static void hold_against(struct tc_segment *g, struct orch *o, enum try_failure how,
			 const struct err *why)
{
	switch (how) {
	case TRY_FAILED:
		orch_failed(o);
		return;
	case TRY_BUSY:
		return;
	case TRY_DENIED:
		g->denied |= 1u << o->index;
		return;
	case TRY_LIED:
		g->s->t->stats->orchestrator_lies++;
		log_warn(&g->s->log, "orchestrator's work refused, suspended: orch=%s for_ms=%llu "
			 "why=%s", o->hostport, (unsigned long long)orch_lied(o), why->msg);
		return;
	}
}

/* A try came to nothing.  The other one goes on, or another follows, here or
 * elsewhere, while tries and time are left. */
void tc_segment_try_failed(struct tc_segment *g, struct tc_try *y, enum try_failure how,
			   const struct err *why)
{
	struct err err = *why;	/* it may be the try's own */

	y->o->n_failed++;
	log_warn(&g->s->log, "segment try failed: seq=%llu orch=%s try=%u why=%s",
		 (unsigned long long)g->sequence, y->o->hostport, g->n_tries, err.msg);
	hold_against(g, y->o, how, &err);
	end_try(g, y, &err);
	g->err = err;
	if (g->state == SEG_COLLECTING) {
		tc_kick(g->s);
		return;
	}
	if (g->try[0]) {
		/* The deadline was stopped if it was this one's work that was looked at. */
		if (!g->try[0]->check && !uv_is_active((uv_handle_t *)&g->deadline))
			tc_segment_wait(g);
		return;
	}
	if (how == TRY_DENIED && is_bad_input(g)) {
		g->s->t->stats->segments_refused_input++;
		fail(g, &err);
	} else if (g->n_tries >= TC_TRIES_MAX || g->n_periods >= TC_TRIES_MAX) {
		fail(g, &err);
	} else {
		g->s->t->stats->transcode_retried++;
		g->state = SEG_PENDING;
		if (!uv_is_active((uv_handle_t *)&g->deadline))
			tc_segment_wait(g);
		tc_kick(g->s);
	}
}

void tc_segment_try_came(struct tc_segment *g)
{
	uv_timer_stop(&g->deadline);
}

void tc_segment_try_won(struct tc_segment *g, struct tc_try *y,
			struct tc_rendition *renditions, size_t n)
{
	struct tc_try *other = y == g->try[0] ? g->try[1] : g->try[0];
	struct err err;

	memcpy(g->out, renditions, n * sizeof(*renditions));
	g->n_out = n;
	g->transcode_ms = y->receipt.transcode_ms;
	strcpy(g->orchestrator, y->o->hostport);
	orch_worked(y->o, tc_try_ratio(y));
	if (other)
		orch_outrun(other->o, tc_try_ratio(other));
	g->s->t->stats->hedges_won += y->hedge;
	blame_deniers(g);
	end_try(g, y, NULL);
	err_set(&err, ERR_TIMEOUT, "another orchestrator was faster");
	end_tries(g, &err);
	finish(g);
}

/* ---- deadlines ---- */

static void on_deadline(uv_timer_t *timer)
{
	struct tc_segment *g = timer->data;
	struct err err;

	if (!g->s)
		return;
	g->n_periods++;
	err_set(&err, ERR_TIMEOUT, "no renditions within %llu ms",
		(unsigned long long)(g->n_periods * tc_segment_period_ms(g)));
	if (g->n_periods < TC_TRIES_MAX) {
		tc_segment_wait(g);
		/* The second one has begun later and goes on.  And where there is no other
		 * orchestrator, the only one may. */
		if (g->try[1] || (g->try[0] && tc_session_pick(g->s, g->tried)))
			tc_segment_try_failed(g, g->try[0], TRY_FAILED, &err);
	} else if (g->try[0]) {
		while (g->state == SEG_RUNNING)
			tc_segment_try_failed(g, g->try[0], TRY_FAILED, &err);
	} else {
		fail(g, g->n_tries ? &g->err : &err);
	}
}

void tc_segment_wait(struct tc_segment *g)
{
	uv_timer_start(&g->deadline, on_deadline, tc_segment_period_ms(g), 0);
}

/* ---- life ---- */

struct tc_segment *tc_segment_begin(struct tc_session *s, const struct tc_source *src)
{
	struct tc_segment *g = xcalloc(1, sizeof(*g));
	struct tc_link *l;

	g->s = s;
	g->state = SEG_COLLECTING;
	g->src = *src;
	g->sequence = src->sequence;
	list_add_tail(&s->segments, &g->node);
	s->n_segments++;
	uv_timer_init(s->t->loop, &g->deadline);
	g->deadline.data = g;
	/* At once, so that no byte is missed; else it goes whole when it ends. */
	l = tc_session_begins(s);
	if (l)
		tc_segment_try(g, l, false);
	return g;
}

void tc_segment_data(struct tc_segment *g, const uint8_t *data, size_t len)
{
	if (g->try[0])
		tc_try_data(g->try[0], data, len);
}

void tc_segment_end(struct tc_segment *g, struct blob *source, const struct tc_facts *facts)
{
	g->source = blob_ref(source);
	g->facts = *facts;
	g->ended_ms = clock_mono_ms();
	if (g->try[0]) {
		tc_try_whole(g->try[0]);
		g->state = SEG_RUNNING;
	} else {	/* what failed before its end was no try of the segment */
		g->state = SEG_PENDING;
		g->tried = g->denied = 0;
		g->n_tries = 0;
	}
	tc_segment_wait(g);
	tc_kick(g->s);
}

void tc_segment_drop(struct tc_segment *g)
{
	struct tc_session *s = g->s;
	struct err err;

	err_set(&err, ERR_INVALID, "segment will not be transcoded");
	end_tries(g, &err);
	list_remove(&g->node);
	s->n_segments--;
	tc_segment_free(g);
	tc_kick(s);
}

static void on_timer_closed(uv_handle_t *h)
{
	free(h->data);
}

/* From whatever state; out of its session's list already. */
void tc_segment_free(struct tc_segment *g)
{
	struct err err;
	size_t i;

	err_set(&err, ERR_IO, "the stream is over");
	end_tries(g, &err);
	for (i = 0; i < g->n_out; i++)
		blob_unref(g->out[i].data);
	blob_unref(g->source);
	g->s = NULL;
	uv_close((uv_handle_t *)&g->deadline, on_timer_closed);
}
