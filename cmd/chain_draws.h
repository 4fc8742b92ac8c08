#ifndef LP_CMD_CHAIN_DRAWS_H
#define LP_CMD_CHAIN_DRAWS_H
#include <stddef.h>
#include "bind/verifier.h"
#include "cmd/chain_claim.h"

/* Verifiers drawn for a claim whose challenge is there: the same for all its batches. */
struct chain_draws {
	struct verifier_draw *d;	/* owned */
	size_t n;
	struct verifier_parameters p;
};
/* Exit code. */
int draws_read(struct chain_draws *d, struct cli *c, const struct chain_job *job, const struct chain_claim *k,
	       struct err *err);
void draws_fini(struct chain_draws *d);

#endif
