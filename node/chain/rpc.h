#ifndef LP_NODE_CHAIN_RPC_H
#define LP_NODE_CHAIN_RPC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "eth/answer.h"
struct err;

/*
 * JSON-RPC over several endpoints of which each may be slow, broken, behind, of another
 * chain, or lying.  A batch is tried at one endpoint after the other, the better ones
 * first, until one gives an answer that holds or the deadline is over.  An endpoint that
 * failed rests (back-off with jitter, 250 ms to 30 s, Retry-After kept); when all rest the
 * one whose turn comes first is waited for.  Before an endpoint's first use, and again
 * after each failure, it is asked for its chain id: another one than the first agreed on
 * is never used.  Loop thread.
 * Source: facts/reliability.md D1, D2, D8, D9.
 */
#define RPC_ENDPOINTS_MAX 8
#define RPC_IN_FLIGHT_MAX 64	/* batches; more fail at once with ERR_BUSY */

struct rpc;
struct rpc_batch;

struct rpc_opts {
	const char *urls;	/* comma-separated http(s) URLs, copied */
	uint64_t try_ms;	/* one try at one endpoint; 0: 4000 */
	uint64_t chain_id;	/* it must be this; 0: what the first endpoint that answers says */
};

enum rpc_way {
	RPC_ANY,	/* one endpoint's answer */
	RPC_EACH,	/* sent to every endpoint in use; done when one accepted, with its answer,
			 * else with a refusal: for transactions.  The others' sending goes on */
	RPC_AGREE,	/* two endpoints' answers must be equal, where two are configured and
			 * answer; done with ERR_DENIED when they stay different: for money.  Block
			 * "latest" may differ: they are seldom at the same */
};

/* replies: n of them, or NULL and err; freed by rpc after the call, a caller may take what it
 * needs out of them (json_incref).  Runs exactly once unless cancelled, never within rpc_send. */
typedef void rpc_done_cb(void *arg, struct rpc_reply *replies, size_t n, const struct err *err);

/* Fails with ERR_INVALID naming the URL. */
struct rpc *rpc_new(uv_loop_t *loop, const struct rpc_opts *opts, struct err *err);
/* Batches in flight end with ERR_IO first, within this call; no more are taken. */
void rpc_free(struct rpc *r, void (*closed)(void *arg), void *arg);

/* Methods and params are copied.  n of 1..RPC_BATCH_MAX.  deadline_ms from now on for all
 * tries.  Errors of single calls (reverts) are answers; a busy one (rpc_is_busy) is a failure
 * of the endpoint.  Fails with ERR_DENIED as soon as all endpoints are of another chain, ERR_BUSY
 * (too many in flight), else with what the last endpoint failed with or ERR_TIMEOUT.  NULL, and
 * no callback, within or behind rpc_free. */
struct rpc_batch *rpc_send(struct rpc *r, enum rpc_way way, const struct rpc_call *calls, size_t n,
			   uint64_t deadline_ms, rpc_done_cb *cb, void *arg);
void rpc_cancel(struct rpc_batch *b);		/* NULL is fine; not once the callback has run */

/* Within an rpc_done_cb only: the answer that it was given does not hold, for a reason that only
 * the caller can see.  Its endpoint rests as after a failure, so that another one is asked next. */
void rpc_blame(struct rpc *r, const char *why);

/* 0 until an endpoint has answered. */
uint64_t rpc_chain_id(const struct rpc *r);
/* The highest block that the caller trusts: endpoints more than 3 behind it are used when no
 * other answers. */
void rpc_note_head(struct rpc *r, uint64_t number);

/* For /status, metrics and the command line's count of requests. */
struct rpc_endpoint_info {
	const char *url;	/* without user, password and path: keys stand there */
	bool usable;
	char why_not[160];	/* last failure, "" when none */
	bool is_nobody;		/* it was that nobody listens there, or no host has the name */
	uint64_t requests, failures;
	uint64_t head;		/* highest block it told; 0 not known */
};
size_t rpc_endpoints(const struct rpc *r, struct rpc_endpoint_info to[RPC_ENDPOINTS_MAX]);

#endif
