#ifndef LP_NODE_TC_SELECT_H
#define LP_NODE_TC_SELECT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which orchestrator gets a segment, when a second one is asked for it, and who is
 * left alone for how long.  Numbers in, choice out: pure, times are milliseconds of
 * one monotonic clock, randomness comes from the caller's seed.
 *
 * The weights, in one place:
 *
 * A score is the round trip of a segment (from its end to its last byte back) over
 * its duration; below 1 is faster than real time.  A new measure counts for 0.3, and
 * for more the longer the last one is past: what is known halves in 60 s, and a score
 * drifts towards 0.6, the guess for one that nobody knows.  So a slow one is tried
 * again when the others do no better than the guess, and an old glory fades.
 *
 * A stream stays where it is unless somebody takes at most 0.7 of the time, or it is
 * slower than real time and somebody is faster.  Those within 10 % of the fastest are
 * equally fast, and among them the cheapest is chosen, and then the one that has the
 * fewest of our streams.  Below a tenth of real time all are equally fast: there a score
 * is noise.  Neither price nor load moves a stream that runs.
 *
 * Of a stream's segments 5 % go to others, while its own orchestrator is below 0.8.
 * Two out of a hundred may be asked of a second orchestrator when they are late.
 */
#define TC_SCORE_UNKNOWN 0.6
#define TC_SCORE_FLOOR 0.1
#define TC_SCORE_HALF_LIFE_MS 60000
#define TC_SCORE_GAIN 0.3
#define TC_SCORE_MAX 10.0	/* so that one bad hour can be made good again */
#define TC_SCORE_RECENT 20
#define TC_SWITCH_RATIO 0.7
#define TC_EQUAL_RATIO 0.9
#define TC_HEALTHY 0.8

/* ---- scores ---- */

/* What was measured of one orchestrator.  All zero: nothing. */
struct tc_score {
	double ratio;			/* at at_ms */
	int64_t at_ms;			/* of the last measure */
	double recent[TC_SCORE_RECENT];	/* measures, a ring */
	unsigned n;			/* measures and failures so far */
	unsigned n_recent;		/* measures so far */
};

void tc_score_add(struct tc_score *s, double ratio, int64_t now_ms);
/* A try came to nothing: at least as bad as 1.5, and 1.5 times as bad as before. */
void tc_score_failed(struct tc_score *s, int64_t now_ms);
/* What is to be expected now. */
double tc_score_at(const struct tc_score *s, int64_t now_ms);
/* 19 of the last 20 were at most this; 0 when nothing was measured. */
double tc_score_p95(const struct tc_score *s);

/* ---- choice ---- */

struct tc_candidate {
	bool can;		/* the segment may go there now */
	double score;		/* to be expected */
	uint64_t price;		/* wei for 10^6 pixels; 0 off chain */
	unsigned load;		/* sessions that we have with it */
	uint64_t n;		/* segments it had from us */
	int64_t age_ms;		/* since we know it */
};

/* Index of the one to use, or -1: none can.  sticky: the stream's own, or -1. */
int tc_select_best(const struct tc_candidate *c, size_t n, int sticky);
/* Index of another one than sticky to try out: the one with the fewest segments for
 * its age; equal ones by lot.  -1: none, or the stream is not healthy enough. */
int tc_select_explore(const struct tc_candidate *c, size_t n, int sticky, uint64_t *seed);

/* ---- budgets ---- */

/* A share of a stream's segments.  Begins with one token, in hundredths. */
struct tc_budget {
	unsigned hundredths, earn, cap;
};
#define TC_EXPLORE_BUDGET ((struct tc_budget){ .hundredths = 100, .earn = 5, .cap = 100 })
#define TC_HEDGE_BUDGET ((struct tc_budget){ .hundredths = 100, .earn = 2, .cap = 300 })

void tc_budget_earn(struct tc_budget *b);	/* a segment began */
bool tc_budget_has(const struct tc_budget *b);
void tc_budget_take(struct tc_budget *b);	/* one that it has */

/* A try that runs for longer than this is late: what 19 of 20 took there, and at
 * least three quarters of the period after which it is given up. */
uint64_t tc_late_after_ms(const struct tc_score *s, uint32_t duration_ms, uint64_t period_ms);

/* ---- leaving alone ---- */

#define TC_LIE_MS 60000
#define TC_LIE_MAX_MS 600000
#define TC_FAIL_MS 1000
#define TC_FAIL_MAX_MS 60000
#define TC_ASKED_MIN_MS 200	/* one that says "again in 1 ms" is not taken at its word */
#define TC_ASKED_MAX_MS 60000
#define TC_ASKED_DEFAULT_MS 1000
#define TC_GOOD_FORGIVES 20	/* segments of good work that make up for a lie */

/* All zero: in good standing. */
struct tc_suspension {
	int64_t until_ms;	/* it lied, or asked for it: not used before */
	int64_t failed_until_ms;	/* it failed: used before only where there is no other */
	unsigned n_lies, n_failures;	/* what doubles the next one */
	unsigned n_good;	/* in a row */
	const char *why;	/* of the last one; a literal */
};

/* Each returns for how long it is left alone.  Lies: 60 s, doubled up to 10 min;
 * failures: 1 s, doubled up to 60 s. */
uint64_t tc_suspend_lied(struct tc_suspension *s, int64_t now_ms);
uint64_t tc_suspend_failed(struct tc_suspension *s, int64_t now_ms);
/* How long it is to be left alone when it asked for ms (0: it did not say): within bounds. */
uint64_t tc_asked_ms(uint64_t ms);
/* Suspended for so long. */
uint64_t tc_suspend_asked(struct tc_suspension *s, uint64_t ms, int64_t now_ms);
/* A segment was well done: failures count half from here on, lies one less each
 * TC_GOOD_FORGIVES segments in a row. */
void tc_suspend_good(struct tc_suspension *s);
bool tc_is_suspended(const struct tc_suspension *s, int64_t now_ms);
bool tc_has_failed(const struct tc_suspension *s, int64_t now_ms);

#endif
