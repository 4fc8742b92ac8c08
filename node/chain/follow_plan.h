#ifndef LP_NODE_CHAIN_FOLLOW_PLAN_H
#define LP_NODE_CHAIN_FOLLOW_PLAN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "node/chain/kept.h"
struct err;

/*
 * What a follower does next, given what it keeps and what an endpoint told: the rules alone,
 * no I/O.  An endpoint is never believed further than its answers hold together; answers
 * that do not may also be of two moments with a reorganisation between, so that the remedy
 * is always the same: ask again from the head.
 */
enum follow_what {
	FOLLOW_CAUGHT_UP,	/* the head is the newest that is kept */
	FOLLOW_BEHIND,		/* the endpoint is behind us: wait */
	FOLLOW_EARLY,		/* the chain has not reached the first block of interest */
	FOLLOW_BLOCKS,		/* ask for the headers first..last; or, told: they may be applied */
	FOLLOW_RANGE,		/* the same with all logs of first..last at once */
	FOLLOW_SEEK,		/* another branch: ask for headers first..last, where does it begin? */
	FOLLOW_UNDO,		/* take back first..last */
	FOLLOW_RESET,		/* it begins below everything that is kept */
	FOLLOW_ODD,		/* does not hold together: why */
};

struct follow_plan {
	enum follow_what what;
	uint64_t first, last;
	char why[160];		/* ODD, BEHIND: in words */
};

struct follow_bounds {
	uint64_t start_block;
	uint64_t blocks_max;	/* headers asked for at once */
	uint64_t range_max;	/* blocks whose logs are asked for at once */
};

/* head: what the endpoint says the newest block is. */
void follow_on_head(struct follow_plan *p, const struct kept *k, const struct follow_bounds *b,
		    const struct eth_header *head);

/* h[n]: of first..last that a BLOCKS plan asked for.  BLOCKS: they continue what is kept. */
void follow_on_blocks(struct follow_plan *p, const struct kept *k, const struct eth_header *h, size_t n);

/* h[n]: of first..last that a SEEK plan asked for; above: the lowest of the window before, or
 * NULL. */
void follow_on_seek(struct follow_plan *p, const struct kept *k, uint64_t start_block,
		    const struct eth_header *h, size_t n, const struct eth_header *above);

/* anchor: what the endpoint says of the newest kept (NULL when none is), last: of the range's
 * last block.  RANGE: they hold together with what is kept.  The logs are checked apart. */
void follow_on_range(struct follow_plan *p, const struct kept *k, const struct eth_header *anchor,
		     const struct eth_header *last);

/* Are these logs of that block, and of these addresses?  Fails with ERR_INVALID in words. */
int follow_check_logs(const struct eth_header *h, const struct eth_addr *addresses, size_t n_addresses,
		      const struct eth_log *logs, size_t n_logs, struct err *err);
/* The same for the logs of first..last->number. */
int follow_check_range(uint64_t first, const struct eth_header *last, const struct eth_addr *addresses,
		       size_t n_addresses, const struct eth_log *logs, size_t n_logs, struct err *err);

#endif
