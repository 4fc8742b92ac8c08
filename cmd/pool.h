#ifndef LP_CMD_POOL_H
#define LP_CMD_POOL_H
#include "bind/bonding_manager.h"
#include "cmd/round.h"

/* All candidates: what each is, what it has worked, what stake with it may expect.  In one request
 * for up to 1000 of them. */
struct pool_row {
	struct bonding_manager_transcoder_info info;
	uint64_t rank;			/* by stake, from 1 */
	uint64_t jobs, segments;	/* that it has claimed; when logs are there */
	char *uri;			/* "" none; NULL: not known.  Owned */
	bool has_yield;
	struct u256 yield_round, yield_year;	/* expected, for a delegator: parts of 10^12, of a million */
};
struct pool {
	struct round_now r;
	struct pool_row *rows;		/* by rank; owned */
	size_t n;
	uint64_t total;			/* candidates there are: more than n when cut */
	uint64_t size, max;		/* of the pool itself, for the next round */
	struct u256 next_stake;		/* next round's active stake */
	struct u256 supply, next_tokens;	/* LPT there are, about what the next round mints for rewards */
	uint64_t inflation;		/* PERC a round */
	uint64_t rounds_a_year_milli;	/* thousandths; 0: not known */
	bool has_claims, has_uris;	/* logs of them could be had */
};
/* Exit code; pool_fini also after a failure. */
int pool_read(struct cli *c, struct pool *p, struct err *err);
void pool_fini(struct pool *p);

#endif
