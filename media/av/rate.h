#ifndef LP_MEDIA_AV_RATE_H
#define LP_MEDIA_AV_RATE_H
#include <stdbool.h>
#include <stdint.h>

/*
 * Rate conversion: a picture is shown on the ticks of the new rate from the one nearest
 * to its time until that of the next picture.  Pure arithmetic over times; who keeps the
 * picture shows it span.n times.  The same rule as rung.c's.
 */
struct rate {
	int num, den;
	int64_t origin_90k;	/* of tick 0: the first picture's time */
	bool holds;		/* a picture whose end is not known yet */
	int64_t tick;		/* where it begins */
};

/* The held picture's ticks. */
struct rate_span {
	int64_t first;
	int64_t n;		/* may be 0: another one takes its place */
};

void rate_init(struct rate *r, int num, int den);
/* A picture comes: it is the held one now; returns how long the one before is shown. */
struct rate_span rate_take(struct rate *r, int64_t pts_90k);
/* No more pictures; last_end: of the held one.  At least one picture is shown of any segment. */
struct rate_span rate_end(struct rate *r, int64_t last_end_90k);
int64_t rate_time(const struct rate *r, int64_t tick);

#endif
