#ifndef LP_NODE_CHAIN_FEES_H
#define LP_NODE_CHAIN_FEES_H
#include <stdbool.h>
#include <stdint.h>
#include "base/u256.h"
struct err;

/*
 * What a transaction may cost: pure rules, any thread.  All prices are wei a gas.
 * A first offer covers a doubled base fee (2 * base + tip; legacy: the price and an eighth);
 * one so near the ceiling that it could not be raised below it goes to the ceiling.  A
 * replacement raises both prices by at least 1/8, rounded up, and at least to what a first
 * offer would be now.  Nothing ever passes the ceiling: what would need more waits.
 * Source: DESIGN 7; facts/reliability.md D4; EIP-1559.
 */
struct fee_policy {
	struct u256 ceiling;	/* max_fee is never above it */
	struct u256 tip;	/* asked for when the node suggests none; also the least */
};

struct fee_market {		/* as an endpoint says; it may lie: the ceiling bounds it */
	bool legacy;		/* no base fee on this chain */
	struct u256 base_fee;	/* of the next block, or of the head */
	struct u256 tip;	/* eth_maxPriorityFeePerGas; legacy: eth_gasPrice */
};

struct fee_offer {
	struct u256 max_fee;	/* legacy: the gas price */
	struct u256 max_tip;
};

/* Fails with ERR_LIMIT when the base fee alone (legacy: the price) is above the ceiling, in
 * words: "the network asks 350 gwei, -maxGasPrice is 200 gwei". */
int fee_first(struct fee_offer *o, const struct fee_policy *p, const struct fee_market *m,
	      struct err *err);
/* next replaces last.  Fails with ERR_LIMIT when that would pass the ceiling: last stands. */
int fee_bump(struct fee_offer *next, const struct fee_offer *last, const struct fee_policy *p,
	     const struct fee_market *m, struct err *err);
/* Would o be mined now?  If so there is nothing to bump. */
bool fee_covers(const struct fee_offer *o, const struct fee_market *m);

#endif
