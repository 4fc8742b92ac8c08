#include "node/farm/tries.h"

#include "base/err.h"
#include "node/farm/farm.h"

#define FIRST_PERCENT 55	/* of what is left, so that another one has a chance, */
#define ONLY_PERCENT 90		/* or the same again */

/* All tries are used up: whose fault was it? */
static void conclude(const struct tries *t, enum outcome last, struct err *err)
{
	bool input_is_bad = t->n_verdicts + t->n_died == t->n;

	if (input_is_bad && t->n_died == t->n) {
		err->code = ERR_INVALID;
		err_wrap(err, "a worker failed on it twice");
	} else if (input_is_bad && last == OUTCOME_DIED) {
		err->code = ERR_INVALID;
		err_wrap(err, "one transcoder refused it, a worker of another failed on it");
	} else if (last == OUTCOME_LATE) {
		err->code = ERR_TIMEOUT;
	} else if (!input_is_bad) {
		err->code = last == OUTCOME_FAILED ? ERR_INTERNAL : ERR_IO;
	}
}

bool tries_over(struct tries *t, enum outcome o, bool is_local, bool has_others, struct err *err)
{
	switch (o) {
	case OUTCOME_DONE:
		return true;
	case OUTCOME_BUSY:
		return false;
	case OUTCOME_LOST:
		if (++t->n_losses <= FARM_LOSSES_MAX)
			return false;
		err->code = ERR_IO;
		err_wrap(err, "%u transcoders went away with it", t->n_losses);
		return true;
	case OUTCOME_VERDICT:
		t->n_verdicts++;
		if (!is_local && has_others)
			break;
		t->n++;
		return true;
	case OUTCOME_DIED:
		t->n_died++;
		break;
	case OUTCOME_LIED:
	case OUTCOME_LATE:
	case OUTCOME_FAILED:
		break;
	}
	if (++t->n < FARM_TRIES_MAX)
		return false;
	conclude(t, o, err);
	return true;
}

unsigned long long tries_share_ms(const struct tries *t, bool has_others, unsigned long long left_ms)
{
	if (t->n + 1 >= FARM_TRIES_MAX)
		return left_ms;
	return left_ms * (has_others ? FIRST_PERCENT : ONLY_PERCENT) / 100;
}
