#ifndef LP_CMD_DEPOSIT_H
#define LP_CMD_DEPOSIT_H
#include "cmd/cli.h"

/* A broadcaster's deposit, which jobs' escrows come out of.  Exit codes. */

/* The account's. */
int deposit_read(struct cli *c, struct u256 *deposit, struct err *err);
void deposit_tell(struct cli *c, const struct u256 *deposit);
/* 3 with words when the deposit and what is added to it are less than the escrow. */
int deposit_must_cover(const struct u256 *deposit, const struct u256 *added, const struct u256 *escrow,
		       struct err *err);

#endif
