#ifndef LP_NODE_FARM_TRIES_H
#define LP_NODE_FARM_TRIES_H
#include <stdbool.h>
struct err;

/*
 * Is a task tried again, and if not, what is it told?  Two transcoders that found the
 * input bad, or lost a worker on it, are believed; one is not while there are others, for
 * it could take a stream's renditions away.  Pure.
 */
enum outcome {
	OUTCOME_DONE,
	OUTCOME_VERDICT,	/* it says that the input is bad */
	OUTCOME_DIED,		/* it says that its worker died or hung on it */
	OUTCOME_LIED,		/* its answer breaks a rule or fails a check */
	OUTCOME_LATE,		/* it did not answer within the try's deadline */
	OUTCOME_FAILED,		/* it gave up for reasons of its own */
	OUTCOME_BUSY,		/* it has no room: not a try */
	OUTCOME_LOST,		/* it went away: not a try */
};

struct tries {
	unsigned n;		/* that ended */
	unsigned n_losses, n_verdicts, n_died;
};

/*
 * One ended so (not OUTCOME_DONE), on the transcoder in this process (is_local), with
 * others there or not.  True: it was the last, err says what the task came to; given is
 * what that transcoder said.
 */
bool tries_over(struct tries *t, enum outcome o, bool is_local, bool has_others, struct err *err);

/* How long the next one may take, of the left_ms that the task has. */
unsigned long long tries_share_ms(const struct tries *t, bool has_others, unsigned long long left_ms);

#endif
