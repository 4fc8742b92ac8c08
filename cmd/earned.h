#ifndef LP_CMD_EARNED_H
#define LP_CMD_EARNED_H
#include "cmd/stake.h"

/*
 * What a delegator's stake has earned since it was bonded: what is bonded now and what was taken
 * out, less what was put in.  The contracts keep no such sum; their logs tell it.
 */
/* One batch.  Tells "earned" and "lost", or that the endpoint has no logs of so long ago. */
void earned_tell(struct cli *c, const struct stake *s);

#endif
