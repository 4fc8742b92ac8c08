#ifndef LP_CMD_CMD_JOBS_H
#define LP_CMD_CMD_JOBS_H
#include "cmd/cli.h"

/* Commands of jobs; cmd/cli_main.c lists the tables. */
extern const struct cli_commands job_commands;		/* deposit, withdraw-deposit, job ... */
extern const struct cli_commands claim_commands;	/* claim create, claims, distribute-fees */
extern const struct cli_commands verify_commands;	/* claim draws, verify */
extern const struct cli_commands slash_commands;	/* slash ... */

#endif
