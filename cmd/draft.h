#ifndef LP_CMD_DRAFT_H
#define LP_CMD_DRAFT_H
#include "base/hash.h"
#include "cmd/params.h"
#include "cmd/round.h"

/*
 * A proposal before it is one: changes of parameters as somebody typed them, or a call of any
 * kind, made into calls of the Treasury; and whether they would work.
 */
#define DRAFT_ACTIONS_MAX 32		/* calls of a proposal */
#define DRAFT_ARGS_MAX 8		/* of a setter */
#define DRAFT_DATA_MAX (64 * 1024)	/* bytes of a call */
#define DRAFT_DESCRIPTION_MAX 8192

struct draft_action {
	enum chain_contract contract;	/* N_CHAIN_CONTRACTS: none of ours */
	struct eth_addr to;
	struct u256 value;
	struct buf data;
	const struct param *param;	/* one of the setter's; NULL: a call as given */
	struct u256 args[DRAFT_ARGS_MAX];
};

struct draft {
	struct draft_action a[DRAFT_ACTIONS_MAX];
	size_t n;
	bool given[PARAMS_MAX];		/* named on the command line */
	struct u256 now[PARAMS_MAX], then[PARAMS_MAX];
	const char *description;
	/* of a draft that is whole */
	struct u256 id;
	struct hash32 description_hash;
};

struct draft_opts {
	char *description, *target, *calldata, *value;
	bool unchecked;		/* draft_simulate passes */
};

/* Each an exit code.  d is zeroed; the description is borrowed from o. */
int draft_read(struct draft *d, struct cli *c, char **args, size_t n_args, const struct draft_opts *o,
	       struct err *err);
/* What no simulation tells in words: values, and who may set them. */
int draft_check(struct cli *c, const struct draft *d, struct err *err);
/* Would each call work if the Treasury made it now? */
int draft_simulate(struct cli *c, const struct draft *d, const struct draft_opts *o, struct err *err);
void draft_fini(struct draft *d);

#endif
