#ifndef LP_NODE_TC_INTERNAL_H
#define LP_NODE_TC_INTERNAL_H
#include <uv.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "node/transcode.h"
#include "protocol/peer_msg.h"

/*
 * Shared by the three files of node/transcode.h: tc_orch.c (who there is),
 * tc_session.c (a stream's links to them and the order of results), tc_segment.c
 * (one segment's tries) and tc_check.c (is what came back what was asked for?).
 * Everything that ends a wait only marks its session with tc_kick; the session then
 * starts tries and delivers results from one timer callback, so nothing here runs
 * inside a caller.
 */
struct peer_conn;
struct peer_channel;
struct sha256;

/* One orchestrator. */
struct orch {
	struct tc *t;
	size_t index;			/* in t->orch and every session's link[] */
	char hostport[280];		/* "local" for the one in this process */
	bool local;
	struct peer_conn *conn;		/* NULL between dials */
	bool ready, draining;
	uv_timer_t redial;
	uint64_t backoff_ms;
	bool tested;			/* score means something */
	bool testing;			/* a first segment is on its way */
	double score;			/* total time / duration, moving average */
	int64_t suspended_until_ms;	/* after a lie or a refusal */
	uint64_t n_done, n_failed;
	struct log_limit log_limit;	/* connection trouble */
};

struct tc {
	uv_loop_t *loop;
	struct peer_ctx *peers;		/* borrowed */
	const struct signer *signer;	/* borrowed */
	struct work_pool *probe;	/* borrowed or NULL */
	struct stats *stats;		/* borrowed */
	struct orch *orch[TC_ORCHESTRATORS_MAX];	/* owned */
	size_t n_orch;
	struct list sessions;		/* struct tc_session.node */
	bool closing;
};

enum link_state {
	LINK_NONE,	/* no channel */
	LINK_OPENING,	/* asked, no answer yet */
	LINK_OPEN,	/* segments may go */
};

/* A session's agreement with one orchestrator. */
struct tc_link {
	struct tc_session *s;
	struct orch *o;
	enum link_state state;
	struct peer_channel *ch;
	int64_t opened_ms;		/* when it was asked */
	int64_t retry_at_ms;		/* after a refusal, or silence */
	unsigned inflight, max_inflight;
};

struct tc_session {
	struct list_node node;
	struct tc *t;
	char name[132];
	struct log log;
	struct stream_id stream;
	struct profile_list profiles;
	char preset[16];
	int width, height, fps_num, fps_den;	/* when it began */
	tc_result_cb *cb;		/* NULL: freed, waiting for the timer to close */
	void *arg;
	struct tc_link link[TC_ORCHESTRATORS_MAX];
	int sticky;			/* index of the orchestrator last chosen, -1 */
	struct list segments;		/* struct tc_segment.node, in order of begin */
	unsigned n_segments;
	uv_timer_t kick;
};

enum seg_state {
	SEG_COLLECTING,	/* its bytes are still being produced */
	SEG_PENDING,	/* whole, waiting for an orchestrator */
	SEG_RUNNING,	/* whole, trailer sent, waiting for results */
	SEG_CHECKING,	/* everything came, being looked at off the loop */
	SEG_DONE,	/* result is ready; waits for its turn */
};

/* A rendition on its way in. */
struct incoming {
	struct buf data;
	struct sha256 *sha;
	bool complete;
	struct msg_rendition_trailer trailer;
};

struct tc_segment {
	struct list_node node;
	struct tc_session *s;		/* NULL: dropped, waiting for handles */
	enum seg_state state;
	uint64_t sequence;
	struct tc_source src;
	struct blob *source;		/* owned, once whole */
	struct tc_facts facts;
	int64_t ended_ms;		/* when the trailer could be sent */
	unsigned n_periods;		/* deadlines that passed */
	uv_timer_t deadline;

	/* the running try */
	struct tc_link *link;		/* NULL: none */
	struct peer_channel *ch;
	struct signed_segment signed_seg;
	struct incoming in[PROFILES_MAX];
	int current;			/* rendition whose bytes come now, -1 */
	struct msg_receipt receipt;

	uint32_t tried;			/* bit per orchestrator */
	unsigned n_tries;
	struct tc_check *check;		/* running, owned by itself */
	struct orch *worker;		/* whose work is being checked, connected or not */

	struct err err;			/* of the last failure */
	bool failed;
	char orchestrator[280];
	struct tc_rendition out[PROFILES_MAX];
	size_t n_out;
	unsigned total_ms;
};

/* tc_session.c */
void tc_kick(struct tc_session *s);
void tc_kick_all(struct tc *t);
void tc_link_lost(struct tc_link *l);	/* its connection is gone */
struct tc_link *tc_session_pick(struct tc_session *s, uint32_t avoid);
void tc_session_chose(struct tc_session *s, const struct tc_link *l);

/* tc_orch.c */
bool orch_is_usable(const struct orch *o);
void orch_score(struct orch *o, double ratio);
void orch_suspend(struct orch *o, uint64_t ms);
struct eth_addr orch_addr(const struct orch *o);

/* tc_segment.c */
void tc_segment_try(struct tc_segment *g, struct tc_link *l);
void tc_segment_free(struct tc_segment *g);
void tc_segment_fail(struct tc_segment *g, const struct err *err);
void tc_segment_link_lost(struct tc_segment *g, const struct err *why);
uint64_t tc_segment_period_ms(const struct tc_segment *g);
void tc_segment_checked(struct tc_segment *g, const struct err *err,
			struct tc_rendition *renditions, size_t n);

/* tc_check.c: takes the incoming buffers; ends in tc_segment_checked unless cancelled. */
struct tc_check *tc_check_start(struct tc_segment *g);
void tc_check_cancel(struct tc_check *c);

#endif
