#ifndef LP_CMD_PARAMS_H
#define LP_CMD_PARAMS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/u256.h"
#include "node/chain/pin.h"
struct bind_artifact;
struct bind_function;
struct err;

/*
 * The parameters that a vote can change: their names, what they are counted in, which view
 * tells them and which setter changes them.  A test compares the table with the contracts'
 * ABI: every setter is there with each of its arguments.
 * Source: whitepaper, Livepeer Protocol Parameter Reference; docs/contracts.md 8.
 */
enum param_unit {
	PARAM_BLOCKS, PARAM_ROUNDS, PARAM_SECONDS, PARAM_COUNT,
	PARAM_PERC,	/* parts of a million, at most all of them */
	PARAM_PERC_ANY,	/* parts of a million, more than all too */
	PARAM_PERCENT,	/* parts of a hundred */
	PARAM_ONE_IN,	/* 1 in N */
	PARAM_LPT, PARAM_ETH,
};

struct param {
	const char *name;	/* "roundLength": as the contracts have it */
	const char *paper;	/* the whitepaper's; NULL: it has none */
	enum chain_contract contract;
	enum param_unit unit;
	const char *getter;	/* "parameters()" ... */
	unsigned word;		/* ... and which word of its answer */
	const char *setter;	/* "setPeriods" ... */
	unsigned arg;		/* ... and which of its arguments */
	uint64_t min, max;	/* in its unit; max 0: what fits */
	const char *help;
};
extern const struct param params[];
extern const size_t n_params;
#define PARAMS_MAX 64	/* n_params is less */

/* By its name or the whitepaper's, in any case.  NULL; then *nearest is what may be meant. */
const struct param *param_find(const char *name, const char **nearest);
/* "60", "60 blocks", "12.5%", "100 LPT", "1/500", "2 days".  ERR_INVALID, ERR_LIMIT, naming
 * the parameter and what can be written. */
int param_parse(struct u256 *v, const struct param *p, const char *text, struct err *err);
/* "60 blocks", "12.5%"; to has room for 120. */
char *param_fmt(char to[120], const struct param *p, const struct u256 *v);
const char *param_unit_name(enum param_unit u);		/* in JSON: "blocks", "millionths" */

/* The parameter that an argument of a setter is; NULL. */
const struct param *param_of_setter(enum chain_contract contract, const char *setter, unsigned arg);
/* Calldata that sets it, args[n_args] all the setter's; asserts that there is such a setter. */
void param_set_call(struct buf *data, const struct param *p, const struct u256 *args, size_t n_args);
unsigned param_n_args(const struct param *p);

/* In bind/artifacts.h; NULL when there is none. */
const struct bind_artifact *artifact_find(const char *contract);
const struct bind_function *artifact_function(const struct bind_artifact *a, const char *name);

#endif
