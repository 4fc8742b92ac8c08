#ifndef LP_CMD_CMD_OPERATE_H
#define LP_CMD_CMD_OPERATE_H
#include "cmd/cli.h"

/* Commands of operators and voters; cmd/cli_main.c lists the tables. */
extern const struct cli_commands protocol_commands;	/* protocol, round, initialize-round, seal */
extern const struct cli_commands transcoder_commands;	/* transcoder ..., availability, reward, service-uri */
extern const struct cli_commands governance_commands;	/* propose, proposals, vote, queue, execute */

#endif
