#ifndef LP_NODE_CHAIN_DEPLOY_H
#define LP_NODE_CHAIN_DEPLOY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/hash.h"
#include "base/sig.h"
#include "base/u256.h"
struct err;

/*
 * What `lpnode deploy` sends: eth/deploy.json (its "about" is the specification) as a list of
 * transactions, each made from the addresses that the ones before it created; and what must be
 * true of the chain afterwards.  Contracts and plan are in the program (bind/artifacts.h).
 * Pure: the caller sends, and tells what was created.  Any thread.
 */
struct deploy_opts {
	const char *profile;		/* "mainnet", "devnet" */
	/* What is other than the profile says, or NULL: "BondingManager.unbondingPeriod=7" a
	 * parameter, "faucet=false" an option or value; several with commas between. */
	const char *sets;
	const char *genesis_root;	/* of the Merkle tree of who may claim, or NULL */
	struct eth_addr deployer;
	const struct deploy_fund *funds;	/* LPT from the deployer when all else is done */
	size_t n_funds;
};
struct deploy_fund {
	struct eth_addr to;
	struct u256 amount;	/* LPTU */
};

struct deploy;

/* All is checked here, before anything is sent: every argument has a value and it fits.
 * Fails with ERR_INVALID naming what can be given. */
struct deploy *deploy_new(const struct deploy_opts *opts, struct err *err);
void deploy_free(struct deploy *d);

/* Equal for two that send the same transactions, whatever addresses come out. */
struct hash32 deploy_digest(const struct deploy *d);
/* A guess of the gas of all transactions, for people. */
uint64_t deploy_gas(const struct deploy *d);

struct deploy_tx {
	char key[100];		/* of this transaction among the others: "07-proxy-Verifier" */
	char what[120];		/* for people */
	bool creates;
	struct eth_addr to;
	struct buf data;	/* fini is the caller's, also after a failure */
};
size_t deploy_count(const struct deploy *d);
/* The transaction i, when those before it are mined (deploy_created was told). */
int deploy_tx(struct deploy_tx *tx, const struct deploy *d, size_t i, struct err *err);
/* Transaction i, which creates, is mined. */
void deploy_created(struct deploy *d, size_t i, const struct eth_addr *addr);

/* Contract i by the order of creation; NULL behind the last.  at is zero before it is created. */
const char *deploy_contract(const struct deploy *d, size_t i, struct eth_addr *at);

/* Calls that must answer so when all is mined: parameters, owners, what is registered. */
struct deploy_check {
	char what[160];		/* "BondingManager.unbondingPeriod is 7" */
	struct eth_addr to;
	struct buf data, want;	/* owned */
};
struct deploy_checks {
	struct deploy_check *c;
	size_t n;
};
int deploy_checks(struct deploy_checks *checks, const struct deploy *d, struct err *err);
void deploy_checks_fini(struct deploy_checks *checks);

#endif
