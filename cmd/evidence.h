#ifndef LP_CMD_EVIDENCE_H
#define LP_CMD_EVIDENCE_H
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "cmd/chain_claim.h"
#include "cmd/chain_draws.h"
#include "cmd/receipts_file.h"
#include "protocol/merkle.h"

/* What a claim's challenged segments are verified by: its receipts, their tree, and batches. */

/* Segments that one transaction verifies, and what was signed about them. */
struct batch {
	struct claim_segment s[CLAIM_BATCH_MAX];
	size_t index[CLAIM_BATCH_MAX];	/* leaves */
	size_t n;
	struct hash32 work;
	struct buf signatures;
	size_t n_signed;
};

struct evidence {
	struct chain_job job;
	struct chain_claims claims;
	const struct chain_claim *claim;	/* of claims */
	struct claim_job rules;
	struct chain_draws draws;
	struct round_now round;
	struct receipts receipts;
	struct merkle tree;
	struct batch *batches;			/* owned */
	size_t n_batches;
	size_t lost;		/* challenged, but below what was verified last */
};

/* args: JOB CLAIM; receipts: a path, or NULL, which is wrong; size: segments of a batch.  v was
 * zeroed, and is to be freed in any case.  Exit code. */
int evidence_read(struct evidence *v, struct cli *c, char **args, const struct eth_addr *who, const char *receipts,
		  uint64_t size, struct err *err);
void evidence_fini(struct evidence *v);

#endif
