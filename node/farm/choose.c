/*
 * A transcoder that is full is no candidate, however fast it says it is: else one that
 * claims to be the fastest, and is not, would have every task wait for it.
 */
#include "node/farm/choose.h"

#include <math.h>

#define STICK_PERCENT 20	/* so much earlier must another be, */
#define STICK_MS 50.0		/* and so much, for a stream to move */
#define EQUAL_PERCENT 5
#define EQUAL_MS 2.0
#define EARLY_LOAD_PERCENT 80
#define NEW_WEIGHT 0.25
#define FORGET_WEIGHT 0.03

const struct speed speed_new = { .slowness = 1 };

double choose_claimed_ms(const struct choice_member *m, double pixels)
{
	return (m->outstanding + pixels) * 1000 / (double)m->capacity;
}

double choose_expected_ms(const struct choice_member *m, double pixels)
{
	double rtt_ms = m->rtt_us > 0 ? m->rtt_us / 1000.0 : 0;

	return choose_claimed_ms(m, pixels) * m->slowness + m->lateness_ms + rtt_ms;
}

static bool may_have(const struct choice_member *m, const struct choice_task *t)
{
	if (!m->usable || m->capacity == 0 || m->running >= m->slots)
		return false;
	return !t->early ||
		(m->rate + t->rate) * 100 <= (double)m->capacity * EARLY_LOAD_PERCENT;
}

static bool is_equal(double a_ms, double b_ms)
{
	return fabs(a_ms - b_ms) <= EQUAL_MS + fmin(a_ms, b_ms) * EQUAL_PERCENT / 100;
}

int choose_member(const struct choice_member *m, size_t n, const struct choice_task *t)
{
	double ms, best_ms = INFINITY, warm_ms = INFINITY;
	int best = -1, warm = -1;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!may_have(&m[i], t))
			continue;
		ms = choose_expected_ms(&m[i], t->pixels);
		if (m[i].warm && ms < warm_ms) {
			warm = (int)i;
			warm_ms = ms;
		}
		best_ms = fmin(best_ms, ms);
	}
	if (warm >= 0 && best_ms >= warm_ms * (100 - STICK_PERCENT) / 100 - STICK_MS)
		return warm;
	for (i = 0; i < n; i++) {
		if (!may_have(&m[i], t) || !is_equal(choose_expected_ms(&m[i], t->pixels), best_ms))
			continue;
		if (best < 0 || m[i].turn < m[best].turn)
			best = (int)i;
	}
	return best;
}

static double within(double v, double min, double max)
{
	return v < min ? min : v > max ? max : v;
}

void speed_measure(struct speed *s, double claimed_ms, double actual_ms)
{
	double ratio = within(actual_ms / fmax(claimed_ms, 0.001), SPEED_MIN, SPEED_MAX);
	double late = within(actual_ms - claimed_ms * ratio, 0, LATENESS_MAX_MS);

	s->slowness += (ratio - s->slowness) * NEW_WEIGHT;
	s->lateness_ms += (late - s->lateness_ms) * NEW_WEIGHT;
}

void speed_forget(struct speed *s)
{
	s->slowness += (1 - s->slowness) * FORGET_WEIGHT;
	s->lateness_ms -= s->lateness_ms * FORGET_WEIGHT;
}
