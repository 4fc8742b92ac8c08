#ifndef LP_NODE_CHAIN_PIN_H
#define LP_NODE_CHAIN_PIN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/hash.h"
#include "base/sig.h"
struct err;
struct rpc;

/*
 * Which chain and which contracts: asked once, then pinned.  Loop thread.
 * Source: DESIGN 7; facts/reliability.md D8.
 */
enum chain_contract {
	CONTRACT_CONTROLLER, CONTRACT_LIVEPEER_TOKEN, CONTRACT_BONDING_MANAGER, CONTRACT_JOBS_MANAGER,
	CONTRACT_ROUNDS_MANAGER, CONTRACT_MINTER, CONTRACT_VERIFIER, CONTRACT_SERVICE_REGISTRY,
	CONTRACT_TREASURY, CONTRACT_BONDING_VOTES, CONTRACT_LIVEPEER_GOVERNOR,
	CONTRACT_GENESIS_CLAIM, CONTRACT_LIVEPEER_TOKEN_FAUCET,		/* may be absent */
	N_CHAIN_CONTRACTS
};
/* As the Controller registers it: "BondingManager". */
const char *chain_contract_name(enum chain_contract c);

struct chain_pin {
	uint64_t chain_id;
	struct hash32 genesis;			/* hash of block 0 */
	struct hash32 controller_code;		/* keccak256 of its code */
	struct eth_addr contracts[N_CHAIN_CONTRACTS];	/* zero where there is none */
};

/* Asks for all of it in two batches.  err: ERR_INVALID in words for people when the chain id is not
 * want_chain_id (unless 0), there is no code at the Controller, it does not answer as one, or a
 * contract that must be there is not; ERR_IO/ERR_TIMEOUT when no endpoint answers.
 * done runs once, never within pin_ask. */
typedef void pin_done_cb(void *arg, const struct chain_pin *pin, const struct err *err);
void pin_ask(struct rpc *r, const struct eth_addr *controller, uint64_t want_chain_id,
	     uint64_t deadline_ms, pin_done_cb *done, void *arg);

/* "money/31337-3fa20b17": a store's folder for this chain, below the data directory. */
void pin_store_name(char to[64], const struct chain_pin *p);
/* Compares with the pin in the folder `dir`, or keeps this one there when there is none.  Fails with ERR_DENIED, naming what
 * changed, when chain id, genesis or the Controller's code differ. */
int pin_check(const char *dir, const struct chain_pin *p, struct err *err);

#endif
