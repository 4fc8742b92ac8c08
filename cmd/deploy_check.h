#ifndef LP_CMD_DEPLOY_CHECK_H
#define LP_CMD_DEPLOY_CHECK_H
#include "cmd/cli.h"

struct deploy;

/* Is all that was deployed as it was asked for: code at every address, then parameters, owners and
 * entries.  Says so; exit code. */
int deploy_check(struct cli *c, struct deploy *d, struct err *err);

#endif
