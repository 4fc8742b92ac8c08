#ifndef LP_CMD_CLAIM_ARG_H
#define LP_CMD_CLAIM_ARG_H
#include "cmd/chain_claim.h"

/* JOB TRANSCODER CLAIM on a command line, and what the chain has there.  Exit codes. */
struct claim_arg {
	uint64_t job, claim;
	struct eth_addr transcoder;
};
int claim_arg_parse(struct claim_arg *a, const struct cli *c, char **args, struct err *err);

/* One claim with its job; zero it first, free it in any case. */
struct named_claim {
	struct chain_job job;
	struct chain_claims claims;	/* of the transcoder on the job */
	const struct chain_claim *k;	/* of claims */
};
int named_claim_read(struct named_claim *n, struct cli *c, const struct claim_arg *a, struct err *err);
void named_claim_fini(struct named_claim *n);

#endif
