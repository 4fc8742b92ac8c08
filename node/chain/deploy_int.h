#ifndef LP_NODE_CHAIN_DEPLOY_INT_H
#define LP_NODE_CHAIN_DEPLOY_INT_H
#include <jansson.h>

#include "eth/bind.h"
#include "node/chain/deploy.h"

/* Between deploy.c, deploy_value.c and deploy_check.c. */

enum deploy_kind {
	DEPLOY_CREATE,		/* of a contract that is its own address */
	DEPLOY_PROXY,
	DEPLOY_IMPLEMENT,	/* the creation of a proxy's implementation */
	DEPLOY_UPGRADE,		/* the proxy takes the one created before, and is initialised */
	DEPLOY_REGISTER,
	DEPLOY_CALL,
};

struct deploy_item {
	enum deploy_kind kind;
	const char *contract;	/* borrowed from the plan */
	const json_t *step;	/* borrowed from the plan */
	struct eth_addr created;	/* zero before */
};

struct deploy {
	json_t *plan;			/* owned; the profile with what was set */
	json_t *profile;		/* borrowed from plan */
	struct eth_addr deployer;
	struct deploy_item *items;
	size_t n_items;
	struct hash32 digest;
	uint64_t gas;
};

/* ---- deploy.c ---- */
const struct bind_artifact *deploy_artifact(const char *name);	/* NULL: none */
const struct bind_function *deploy_function(const struct bind_artifact *a, const char *name);
/* Where the contract is, or NULL when it is not created yet. */
const struct eth_addr *deploy_at(const struct deploy *d, const char *contract);

/* ---- deploy_value.c ---- */
/* A value of the plan as one of type.  Fails with ERR_INVALID. */
int deploy_value(struct abi_value *v, const struct deploy *d, const char *type, const json_t *j,
		 struct err *err);
/* The value of a parameter of a contract's constructor or initialize: by its name. */
int deploy_input(struct abi_value *v, const struct deploy *d, const char *contract,
		 const struct bind_param *p, struct err *err);
/* All of a function's, encoded behind what is in b. */
int deploy_inputs(struct buf *b, const struct deploy *d, const char *contract,
		  const struct bind_function *f, struct err *err);
/* args[n] given by position. */
int deploy_args(struct buf *b, const struct deploy *d, const struct bind_function *f,
		const json_t *args, struct err *err);
/* Puts one "NAME=VALUE" into the plan. */
int deploy_set(struct deploy *d, const char *name, const char *value, struct err *err);

#endif
