#ifndef LP_CMD_PARAM_READ_H
#define LP_CMD_PARAM_READ_H
#include "cmd/cli.h"
#include "cmd/params.h"

/* The parameters' values now, values[i] of params[i]; one batch.  Exit code. */
int param_read_all(struct cli *c, struct u256 values[PARAMS_MAX], struct err *err);

/* Who may change them now. */
struct param_owner {
	struct eth_addr owner;	/* of the Controller */
	bool is_vote;		/* it is the Treasury: a vote and nothing else */
	bool paused;
};
int param_read_owner(struct cli *c, struct param_owner *o, struct err *err);
/* The Governor's and the Treasury's own are changed by a vote whoever owns the Controller. */
bool param_is_voted(const struct param *p, const struct param_owner *o);

#endif
