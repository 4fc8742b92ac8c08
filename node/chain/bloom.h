#ifndef LP_NODE_CHAIN_BLOOM_H
#define LP_NODE_CHAIN_BLOOM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "eth/answer.h"

/*
 * A block's logsBloom: which addresses and topics its logs may have.  With it an endpoint
 * that leaves logs out, or invents some, is found out.  Pure, any thread.
 * Source: Yellow Paper, 4.4.3 (the function M).
 */
struct bloom {
	uint8_t b[256];
};

void bloom_add(struct bloom *b, const void *data, size_t len);
void bloom_add_log(struct bloom *b, const struct eth_log *l);
bool bloom_has(const struct bloom *b, const void *data, size_t len);

enum bloom_verdict {
	BLOOM_FITS,	/* as far as it can tell, these are all */
	BLOOM_UNSURE,	/* one of the addresses may have logged more: look at the receipts */
	BLOOM_LIE,	/* a log that the block does not have */
};
/* logs: those of these addresses, as an endpoint told them. */
enum bloom_verdict bloom_judge(const struct bloom *b, const struct eth_addr *addresses, size_t n,
			       const struct eth_log *logs, size_t n_logs);

#endif
