#ifndef LP_NODE_CHAIN_PIN_H
#define LP_NODE_CHAIN_PIN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/hash.h"
#include "base/sig.h"
struct err;
struct eth_header;
struct pinning;
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

/* Asks for all of it, and for the head, in one batch.  controller NULL: there is none yet, so that
 * the pin gets chain id and genesis only.  err: ERR_INVALID in words for people when the chain id is
 * not want_chain_id (unless 0), there is no code at the Controller, it does not answer as one, or a
 * contract that must be there is not; what rpc_send fails with when no endpoint answers.
 * done runs once, never within pin_ask; not after pin_cancel.  head is one endpoint's word. */
typedef void pin_done_cb(void *arg, const struct chain_pin *pin, const struct eth_header *head,
			 const struct err *err);
struct pinning *pin_ask(struct rpc *r, const struct eth_addr *controller, uint64_t want_chain_id,
			uint64_t deadline_ms, pin_done_cb *done, void *arg);
void pin_cancel(struct pinning *p);

/* "money/31337-3fa20b17": a store's folder for this chain, below the data directory. */
void pin_store_name(char to[64], const struct chain_pin *p);
/* Compares with the pin in the folder `dir`, or keeps this one there when there is none.  Fails with ERR_DENIED, naming what
 * changed, when chain id, genesis or the Controller's code differ. */
int pin_check(const char *dir, const struct chain_pin *p, struct err *err);

#endif
