#include "node/bench/figures.h"

#define SLACK 1e-9	/* 10 sessions at 0.8 are 10, not 9.999... */

void bench_figures_add(struct bench_figures *f, double source_s, double transcode_s)
{
	f->n_done++;
	f->n_realtime += transcode_s <= source_s;
	f->source_s += source_s;
	f->transcode_s += transcode_s;
}

double bench_segs_ratio(const struct bench_figures *f)
{
	return f->n_done ? (double)f->n_realtime / (double)f->n_done : 0;
}

double bench_duration_ratio(const struct bench_figures *f)
{
	return f->source_s > 0 ? f->transcode_s / f->source_s : 0;
}

bool bench_fits(const struct bench_figures *f)
{
	return f->n_done > 0 && f->n_failed == 0 && bench_duration_ratio(f) <= BENCH_RATIO_MAX;
}

unsigned bench_recommend(const struct bench_figures *f)
{
	double ratio = bench_duration_ratio(f), n;

	if (f->n_done == 0 || ratio <= 0)
		return 0;
	n = f->n_sessions * BENCH_RATIO_MAX / ratio + SLACK;
	return n < BENCH_SESSIONS_MAX ? (unsigned)n : BENCH_SESSIONS_MAX;
}

unsigned bench_search_next(const struct bench_search *s)
{
	if (s->good == BENCH_SESSIONS_MAX)
		return 0;
	if (s->bad)
		return s->bad - s->good > 1 ? s->good + (s->bad - s->good) / 2 : 0;
	if (s->good == 0)
		return 1;
	return s->good < BENCH_SESSIONS_MAX / 2 ? s->good * 2 : BENCH_SESSIONS_MAX;
}

void bench_search_tell(struct bench_search *s, unsigned n_sessions, bool fits)
{
	if (fits && n_sessions > s->good)
		s->good = n_sessions;
	else if (!fits && (s->bad == 0 || n_sessions < s->bad))
		s->bad = n_sessions;
}
