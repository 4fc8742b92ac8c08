#ifndef LP_NODE_CHAIN_RPC_INTERNAL_H
#define LP_NODE_CHAIN_RPC_INTERNAL_H
#include "base/err.h"
#include "base/log.h"
#include "node/chain/rpc.h"
#include "node/chain/rpc_choose.h"
#include "node/http/client.h"

/*
 * Inside of rpc: endpoints (rpc_endpoint.c: chain id, health), tries (rpc_try.c: one batch at
 * one endpoint) and batches (rpc.c: which tries, which answer).  Each layer calls the one
 * above by rpc_settle, which goes last: it may end the batch and free everything.
 */
struct http_call;
struct reading;

struct rpc_endpoint {
	struct rpc *rpc;
	struct rpc_health *health;	/* in rpc->health */
	char *url;			/* never printed: keys stand in it */
	char shown[HTTP_ORIGIN_MAX];
	struct http_call *check;	/* running: its chain id, then its head */
	uint64_t check_id;
	bool asks_head;			/* the second part of the check */
	int64_t check_ms;		/* when that was sent */
	size_t batch_max;		/* calls of one request; fewer when it refused more */
	int64_t batch_max_ms;		/* when it did */
	uint64_t requests, failures, head;
	char why_not[160];
	enum err_code why_code;		/* of why_not */
	struct log_limit may_log;
};

enum try_state {
	TRY_NONE,
	TRY_CHECK,	/* waits for the endpoint's chain id */
	TRY_ASKED,	/* waits for an answer */
	TRY_READING,	/* a large one is parsed on another thread */
	TRY_ANSWERED,
	TRY_FAILED,
};

struct rpc_try {
	struct rpc_batch *batch;
	struct rpc_endpoint *ep;
	enum try_state state;
	struct http_call *call;
	struct reading *reading;
	uint64_t first_id;
	size_t n_asked, n_done;		/* calls of this request, of those before it */
	int64_t started_ms;		/* of this request */
	int64_t check_until_ms;		/* TRY_CHECK: longer is not waited for */
	struct rpc_reply *replies;	/* batch->n; the first n_done are filled */
};

struct rpc_batch {
	struct rpc *rpc;
	struct rpc_batch *next, **at;	/* in rpc->batches */
	enum rpc_way way;
	struct rpc_call *calls;		/* owned, as are their strings */
	size_t n;
	int64_t begun_ms, deadline_ms;
	int64_t not_before_ms;		/* of the next try */
	int64_t wake_ms;		/* when to look again */
	unsigned rounds;		/* of all endpoints without success */
	bool refused;			/* too many were in flight */
	const char *differs;		/* RPC_AGREE: endpoints said different things about this
					 * method; NULL: not yet */
	bool delivered;			/* RPC_EACH: only the other endpoints' tries go on */
	struct rpc_try tries[RPC_ENDPOINTS_MAX];	/* by endpoint, in this round */
	struct err last;		/* the last failure of an endpoint */
	rpc_done_cb *cb;
	void *arg;
};

struct rpc {
	uv_loop_t *loop;
	uv_timer_t timer;
	struct http_client *http;
	struct log log;
	struct rpc_endpoint ep[RPC_ENDPOINTS_MAX];
	struct rpc_health health[RPC_ENDPOINTS_MAX];
	size_t n;			/* endpoints */
	uint64_t try_ms, chain_id, trusted_head, next_id;
	struct rpc_batch *batches;
	size_t n_batches;
	struct rpc_endpoint *answering;	/* while a callback runs: whose answer it was given */
	unsigned n_open;		/* handles: timer, HTTP client */
	bool closing;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* Real time: what is waited for is curl's and libuv's. */
int64_t rpc_now_ms(void);

/* ---- rpc_endpoint.c ---- */
int rpc_endpoints_parse(struct rpc *r, const char *urls, struct err *err);
void rpc_endpoints_fini(struct rpc *r);
/* Ask for the chain id (and the head where one is trusted), unless that runs. */
void rpc_endpoint_check(struct rpc_endpoint *ep);
/* Those whose rest is over and whose chain id should be asked for before somebody needs it. */
void rpc_endpoints_check_idle(struct rpc *r);
void rpc_endpoint_failed(struct rpc_endpoint *ep, int64_t started_ms, uint64_t retry_after_s,
			 const struct err *why);
void rpc_endpoint_answered(struct rpc_endpoint *ep, int64_t started_ms);
/* It told a block number as its head. */
void rpc_endpoint_told_head(struct rpc_endpoint *ep, uint64_t head);
/* status of an HTTP answer as an error; 0 when there is something to read. */
int rpc_http_check(int status, const struct err *from, struct err *err);

/* ---- rpc_try.c ---- */
void rpc_try_start(struct rpc_try *t);		/* state is FAILED at once, or rpc_settle comes */
void rpc_try_checked(struct rpc_try *t, const struct err *why_not);	/* of a try in TRY_CHECK */
void rpc_try_check_late(struct rpc_try *t);	/* the check itself goes on */
void rpc_try_clear(struct rpc_try *t);		/* cancels, frees, back to TRY_NONE */
bool rpc_try_is_running(const struct rpc_try *t);
bool rpc_call_is_head(const struct rpc_call *c);	/* block "latest" */

/* ---- rpc.c ---- */
/* Something happened to a try of this batch. */
void rpc_settle(struct rpc_batch *b);

#endif
