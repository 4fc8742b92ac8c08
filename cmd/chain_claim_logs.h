#ifndef LP_CMD_CHAIN_CLAIM_LOGS_H
#define LP_CMD_CHAIN_CLAIM_LOGS_H
#include "cmd/chain_claim.h"

/* Claims as events tell of them: what was claimed, verified, paid or made void; of one transcoder
 * unless NULL.  l was zeroed; it is the caller's to free, also after a failure.  Exit code. */
int claims_read_logs(struct chain_claims *l, struct cli *c, const struct chain_job *job,
		     const struct eth_addr *transcoder, struct err *err);

#endif
