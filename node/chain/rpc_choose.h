#ifndef LP_NODE_CHAIN_RPC_CHOOSE_H
#define LP_NODE_CHAIN_RPC_CHOOSE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which endpoint is asked next: rules over what each did so far, apart from any I/O.  All
 * times are ms of a monotonic clock that the caller reads.  Plain values, any thread.
 *
 * An endpoint that failed rests, longer each time.  Among those that do not rest: first who
 * is not behind the chain, then whose chain id is known to be right, then who failed little
 * lately, then who is quick (in powers of two: a little slower is no reason to change), then
 * the order in which the operator named them.  Bad marks fade: who is never asked again
 * could not better itself.
 */
#define RPC_REST_MIN_MS 250
#define RPC_REST_MAX_MS 30000
#define RPC_REST_ALL_MS 3000		/* the longest rest while nobody else can be asked */
#define RPC_RETRY_AFTER_MAX_MS 300000	/* believed to this length */
#define RPC_RECHECK_MS 30000		/* a chain id is asked for again after this */

struct rpc_health {
	bool checked;		/* its chain id was right, and it did not fail since */
	bool wrong_chain;	/* what it said when it was last asked */
	bool behind;
	bool told_to_wait;	/* rest_until_ms is its own Retry-After */
	unsigned failures;	/* in a row */
	int64_t checked_ms;
	int64_t failed_ms;	/* when it last failed */
	int64_t rest_until_ms;
	unsigned bad_permille;	/* failed lately, 0..1000; at scored_ms */
	unsigned latency_ms;	/* smoothed; at scored_ms */
	int64_t scored_ms;
};

/* A request that was begun at started_ms failed.  What was begun before the last failure is the
 * same trouble and lengthens nothing.  retry_after_s: 0 when the endpoint asked for nothing.
 * random: any number, spreads those who would come back together. */
void rpc_health_failed(struct rpc_health *h, int64_t now_ms, int64_t started_ms,
		       uint64_t retry_after_s, uint32_t random);
/* It answered well. */
void rpc_health_answered(struct rpc_health *h, int64_t now_ms, int64_t started_ms);
/* Its chain id was asked for and is right. */
void rpc_health_checked(struct rpc_health *h, int64_t now_ms);
/* Must it be asked for its chain id before it is used? */
bool rpc_health_needs_check(const struct rpc_health *h, int64_t now_ms);

/*
 * The best of those in allowed (bit i: h[i]) that need not rest; -1 when there is none.
 * turn_ms: then, when the first of them may be asked (INT64_MAX when allowed is empty).
 */
int rpc_choose(const struct rpc_health *h, size_t n, unsigned allowed, int64_t now_ms,
	       int64_t *turn_ms);

#endif
