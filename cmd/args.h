#ifndef LP_CMD_ARGS_H
#define LP_CMD_ARGS_H
#include "cmd/cli.h"

/* What stands on the command line; what cannot be read is named by `what`.  Exit codes. */

/* AMOUNT; without a unit it is in `unit`. */
int amount_arg(struct u256 *v, const char *text, const char *what, enum cli_unit unit, struct err *err);
/* TRANSCODER, --to and the like. */
int addr_arg(const struct cli *c, struct eth_addr *a, const char *text, const char *what, struct err *err);

#endif
