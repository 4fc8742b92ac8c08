#ifndef LP_NODE_CHAIN_JOURNAL_SAY_H
#define LP_NODE_CHAIN_JOURNAL_SAY_H
#include "eth/answer.h"

/*
 * What nodes mean by the words with which they refuse: geth, Erigon, Nethermind, Besu, Reth
 * and Anvil say the same things differently.  Pure.  Any thread.
 */

/* Of eth_sendRawTransaction.  None of them is believed further than to choose what is done
 * next: what became of a transaction is told by receipts. */
enum send_answer {
	SEND_ACCEPTED,		/* it knows it now, or did already */
	SEND_NONCE_USED,	/* mined, ours or another */
	SEND_OUTBID,		/* another one with the nonce pays too much to be replaced by this */
	SEND_CHEAP,		/* it pays too little for the pool */
	SEND_POOR,		/* the account cannot pay it */
	SEND_BAD,		/* it can never be mined as it is */
	SEND_UNCLEAR,
};
/* hash: what it must be called. */
enum send_answer send_answer_of(const struct rpc_reply *r, const struct hash32 *hash);

/* Of eth_call and eth_estimateGas. */
enum sim_answer {
	SIM_FINE,
	SIM_REVERTS,		/* the transaction would fail */
	SIM_POOR,		/* the account has not got the value or the gas */
	SIM_UNCLEAR,		/* the node failed, not the call */
};
enum sim_answer sim_answer_of(const struct rpc_reply *r);

#endif
