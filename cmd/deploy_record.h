#ifndef LP_CMD_DEPLOY_RECORD_H
#define LP_CMD_DEPLOY_RECORD_H
#include <stdbool.h>
#include <stdint.h>
#include "base/hash.h"
#include "cmd/cli.h"

/*
 * Which deployment of an account this is, in the store's table "deploys": account and number of a
 * deployment, its digest, and whether it is over.  Exit codes.
 */

/* The one that was not finished, else (or anew) the next; 3 when it was another. */
int deploy_record_choose(uint64_t *number, bool *was_there, struct cli *c, const struct hash32 *digest, bool anew,
			 struct err *err);
int deploy_record_finish(struct cli *c, uint64_t number, const struct hash32 *digest, struct err *err);

#endif
