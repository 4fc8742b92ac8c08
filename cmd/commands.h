#ifndef LP_CMD_COMMANDS_H
#define LP_CMD_COMMANDS_H
#include "cmd/cli.h"

/* The tables of the chain commands, each in the file of what it is about; cmd/cli_main.c lists
 * them. */
extern const struct cli_commands account_commands;	/* account ... */
extern const struct cli_commands sign_commands;		/* sign, recover */
extern const struct cli_commands tx_commands;		/* tx ... */
extern const struct cli_commands deploy_commands;	/* deploy */
extern const struct cli_commands protocol_commands;	/* protocol */
extern const struct cli_commands round_commands;	/* round, initialize-round, seal: rounds.c */
extern const struct cli_commands register_commands;	/* transcoder register, transcoder update */
extern const struct cli_commands transcoder_commands;	/* transcoder ..., availability, reward */
extern const struct cli_commands service_uri_commands;	/* service-uri */
extern const struct cli_commands propose_commands;	/* propose */
extern const struct cli_commands governance_commands;	/* proposals, vote, queue, execute */
extern const struct cli_commands deposit_commands;	/* deposit, withdraw-deposit */
extern const struct cli_commands job_create_commands;	/* job create */
extern const struct cli_commands job_commands;		/* job end, topup, refund */
extern const struct cli_commands job_show_commands;	/* job show, job list */
extern const struct cli_commands claim_create_commands;	/* claim create */
extern const struct cli_commands claim_commands;	/* claims, claim void */
extern const struct cli_commands distribute_commands;	/* distribute-fees */
extern const struct cli_commands verify_commands;	/* claim draws, verify */
extern const struct cli_commands slash_reward_commands;	/* slash missed-reward */
extern const struct cli_commands slash_commands;	/* slash missed-verification, slash refute-election */
extern const struct cli_commands delegator_commands;	/* balance, delegator */
extern const struct cli_commands bond_commands;		/* bond, unbond */
extern const struct cli_commands lock_commands;		/* rebond, withdraw-stake, complete-move */
extern const struct cli_commands earnings_commands;	/* withdraw-fees, claim-earnings */
extern const struct cli_commands pool_commands;		/* transcoders */
extern const struct cli_commands token_commands;	/* token ..., faucet */

#endif
