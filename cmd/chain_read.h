#ifndef LP_CMD_CHAIN_READ_H
#define LP_CMD_CHAIN_READ_H
#include <stdint.h>
#include "cmd/cli.h"

/* Between the files that read jobs and claims: answers' numbers, and topics of logs. */

/* Exit code of what returned 0 or -1: the endpoint's answer is no good. */
int chain_decoded(int rc);
/* A number that fits, with room to add to it.  Exit code; what: "claimId". */
int chain_u64(uint64_t *to, const struct u256 *v, const char *what, struct err *err);
struct hash32 topic_of_u64(uint64_t v);
struct hash32 topic_of_addr(const struct eth_addr *a);

#endif
