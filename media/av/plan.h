#ifndef LP_MEDIA_AV_PLAN_H
#define LP_MEDIA_AV_PLAN_H
#include <stddef.h>
#include "media/av/ladder.h"

/*
 * Which rung scales from which.  A pure function of the rungs, because it decides
 * about the bytes.
 */
#define PLAN_SOURCE (-1)

struct plan {
	size_t order[LADDER_MAX];	/* rungs by falling size: the heaviest starts first */
	int parent[LADDER_MAX];		/* by rung: another rung, or PLAN_SOURCE */
};

/* n at most LADDER_MAX. */
void plan_make(struct plan *p, const struct ladder_rung *rungs, size_t n);

#endif
