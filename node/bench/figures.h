#ifndef LP_NODE_BENCH_FIGURES_H
#define LP_NODE_BENCH_FIGURES_H
#include <stdbool.h>
#include <stdint.h>

/*
 * What a bench found, and what follows from it: the two ratios of livepeer_bench, how
 * many sessions to allow, and the search for that number.  Pure.  Any thread.
 *
 * Source: facts/go-livepeer.md 6b and 8: the largest number of sessions with a
 * duration ratio of at most 0.8.
 */
#define BENCH_RATIO_MAX 0.8
#define BENCH_SESSIONS_MAX 10000	/* as -maxSessions */

struct bench_figures {
	unsigned n_sessions;
	uint64_t n_done, n_realtime, n_failed;	/* segments; realtime: of those done */
	double source_s, transcode_s;		/* sums over those done */
	bool interrupted;
};

/* A segment was transcoded. */
void bench_figures_add(struct bench_figures *f, double source_s, double transcode_s);
/* Part of the segments that took no longer than they play; 0 when there is none. */
double bench_segs_ratio(const struct bench_figures *f);
/* Transcoding time for each second of source; 0 when nothing was done. */
double bench_duration_ratio(const struct bench_figures *f);
/* Does the machine keep up with so many, with the reserve? */
bool bench_fits(const struct bench_figures *f);
/*
 * The number of sessions that one run lets expect: time grows with sessions once
 * the cores are busy.  Where they are not it is too small, never too large.  0: not
 * even one (or nothing was done).
 */
unsigned bench_recommend(const struct bench_figures *f);

/* The largest number that fits: doubled until one does not, then halved between. */
struct bench_search {
	unsigned good;	/* largest that fitted; 0 */
	unsigned bad;	/* smallest that did not; 0: none yet */
};
/* What to try next; 0: search->good is the answer. */
unsigned bench_search_next(const struct bench_search *s);
void bench_search_tell(struct bench_search *s, unsigned n_sessions, bool fits);

#endif
