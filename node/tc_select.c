#include "node/tc_select.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- scores ---- */

/* How much of what was known still counts: 1 just now, 0 nothing. */
static double known(const struct tc_score *s, int64_t now_ms)
{
	int64_t age_ms = now_ms > s->at_ms ? now_ms - s->at_ms : 0;

	return s->n == 0 ? 0 : exp2(-(double)age_ms / TC_SCORE_HALF_LIFE_MS);
}

double tc_score_at(const struct tc_score *s, int64_t now_ms)
{
	return TC_SCORE_UNKNOWN + (s->ratio - TC_SCORE_UNKNOWN) * known(s, now_ms);
}

static void set(struct tc_score *s, double ratio, int64_t now_ms)
{
	s->ratio = fmin(ratio, TC_SCORE_MAX);
	s->at_ms = now_ms;
	s->n++;
}

void tc_score_add(struct tc_score *s, double ratio, int64_t now_ms)
{
	double gain = 1 - (1 - TC_SCORE_GAIN) * known(s, now_ms);
	double before = tc_score_at(s, now_ms);

	ratio = fmin(ratio, TC_SCORE_MAX);
	s->recent[s->n_recent++ % TC_SCORE_RECENT] = ratio;
	set(s, before + gain * (ratio - before), now_ms);
}

void tc_score_failed(struct tc_score *s, int64_t now_ms)
{
	set(s, fmax(1.5, 1.5 * tc_score_at(s, now_ms)), now_ms);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double tc_score_p95(const struct tc_score *s)
{
	double sorted[TC_SCORE_RECENT];
	unsigned n = s->n_recent < TC_SCORE_RECENT ? s->n_recent : TC_SCORE_RECENT;

	if (n == 0)
		return 0;
	memcpy(sorted, s->recent, sizeof(sorted));
	qsort(sorted, n, sizeof(sorted[0]), by_size);
	return sorted[(n * 95 + 99) / 100 - 1];
}

/* ---- choice ---- */

static double score_of(const struct tc_candidate *c)
{
	return fmax(c->score, TC_SCORE_FLOOR);
}

static int fastest(const struct tc_candidate *c, size_t n)
{
	int best = -1;
	size_t i;

	for (i = 0; i < n; i++)
		if (c[i].can && (best < 0 || c[i].score < c[best].score))
			best = (int)i;
	return best;
}

/* Of two that are equally fast. */
static bool is_better(const struct tc_candidate *a, const struct tc_candidate *b)
{
	if (a->price != b->price)
		return a->price < b->price;
	if (a->load != b->load)
		return a->load < b->load;
	return a->score < b->score;
}

static int best_of_the_fast(const struct tc_candidate *c, size_t n)
{
	int first = fastest(c, n), best = first;
	size_t i;

	for (i = 0; first >= 0 && i < n; i++) {
		bool is_fast = c[i].can && score_of(&c[i]) * TC_EQUAL_RATIO <= score_of(&c[first]);

		if (is_fast && is_better(&c[i], &c[best]))
			best = (int)i;
	}
	return best;
}

int tc_select_best(const struct tc_candidate *c, size_t n, int sticky)
{
	int best = best_of_the_fast(c, n);
	double own;

	if (best < 0 || sticky < 0 || !c[sticky].can)
		return best;
	own = score_of(&c[sticky]);
	if (score_of(&c[best]) <= TC_SWITCH_RATIO * own || (own > 1 && c[best].score < own))
		return best;
	return sticky;
}

/* splitmix64: enough for a lot among equals. */
static uint64_t next_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

int tc_select_explore(const struct tc_candidate *c, size_t n, int sticky, uint64_t *seed)
{
	unsigned n_equal = 0;
	double least = 0;
	int best = -1;
	size_t i;

	if (sticky < 0 || !c[sticky].can || c[sticky].score >= TC_HEALTHY)
		return -1;
	for (i = 0; i < n; i++) {
		double rate = (double)c[i].n / (double)(c[i].age_ms > 0 ? c[i].age_ms : 1);

		if (!c[i].can || (int)i == sticky || (best >= 0 && rate > least))
			continue;
		n_equal = best >= 0 && rate == least ? n_equal + 1 : 1;
		if (n_equal == 1 || next_random(seed) % n_equal == 0)
			best = (int)i;
		least = rate;
	}
	return best;
}

/* ---- budgets ---- */

void tc_budget_earn(struct tc_budget *b)
{
	b->hundredths += b->earn;
	if (b->hundredths > b->cap)
		b->hundredths = b->cap;
}

bool tc_budget_has(const struct tc_budget *b)
{
	return b->hundredths >= 100;
}

void tc_budget_take(struct tc_budget *b)
{
	b->hundredths -= 100;
}

uint64_t tc_late_after_ms(const struct tc_score *s, uint32_t duration_ms, uint64_t period_ms)
{
	double usual_ms = tc_score_p95(s) * duration_ms, least_ms = 0.75 * (double)period_ms;

	return (uint64_t)fmax(usual_ms, least_ms);
}

/* ---- leaving alone ---- */

/* first_ms, doubled for each time before. */
static uint64_t backoff(uint64_t first_ms, unsigned n_before, uint64_t max_ms)
{
	uint64_t ms = n_before < 16 ? first_ms << n_before : max_ms;

	return ms < max_ms ? ms : max_ms;
}

static void until(int64_t *at_ms, int64_t now_ms, uint64_t ms)
{
	if (*at_ms < now_ms + (int64_t)ms)
		*at_ms = now_ms + (int64_t)ms;
}

uint64_t tc_suspend_lied(struct tc_suspension *s, int64_t now_ms)
{
	uint64_t ms = backoff(TC_LIE_MS, s->n_lies, TC_LIE_MAX_MS);

	if (ms < TC_LIE_MAX_MS)
		s->n_lies++;
	s->n_good = 0;
	s->why = "its work was refused";
	until(&s->until_ms, now_ms, ms);
	return ms;
}

uint64_t tc_suspend_failed(struct tc_suspension *s, int64_t now_ms)
{
	uint64_t ms = backoff(TC_FAIL_MS, s->n_failures, TC_FAIL_MAX_MS);

	if (ms < TC_FAIL_MAX_MS)
		s->n_failures++;
	s->n_good = 0;
	s->why = tc_is_suspended(s, now_ms) ? s->why : "it failed";
	until(&s->failed_until_ms, now_ms, ms);
	return ms;
}

uint64_t tc_asked_ms(uint64_t ms)
{
	if (ms == 0)
		return TC_ASKED_DEFAULT_MS;
	if (ms < TC_ASKED_MIN_MS)
		return TC_ASKED_MIN_MS;
	return ms > TC_ASKED_MAX_MS ? TC_ASKED_MAX_MS : ms;
}

uint64_t tc_suspend_asked(struct tc_suspension *s, uint64_t ms, int64_t now_ms)
{
	ms = tc_asked_ms(ms);
	s->why = tc_is_suspended(s, now_ms) ? s->why : "it is busy";
	until(&s->until_ms, now_ms, ms);
	return ms;
}

void tc_suspend_good(struct tc_suspension *s)
{
	s->n_failures /= 2;
	if (++s->n_good % TC_GOOD_FORGIVES == 0 && s->n_lies > 0)
		s->n_lies--;
}

bool tc_is_suspended(const struct tc_suspension *s, int64_t now_ms)
{
	return now_ms < s->until_ms;
}

bool tc_has_failed(const struct tc_suspension *s, int64_t now_ms)
{
	return now_ms < s->failed_until_ms;
}
