#ifndef LP_NODE_TC_INTERNAL_H
#define LP_NODE_TC_INTERNAL_H
#include <uv.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "node/discovery.h"
#include "node/tc_incoming.h"
#include "node/tc_select.h"
#include "node/transcode.h"
#include "protocol/peer_msg.h"

/*
 * Shared by the files of node/transcode.h: tc_orch.c (who there is), tc_link.c (a
 * stream's sessions with them), tc_session.c (whom a segment goes to, and the order of
 * results), tc_segment.c (what becomes of a segment's tries), tc_try.c (one try: the
 * conversation) and tc_check.c (is what came back what was asked for?).  The rules of
 * choice are numbers in tc_select.c, what comes in is gathered in tc_incoming.c.
 *
 * Everything that ends a wait only marks its session with tc_kick; the session then
 * starts tries and delivers results from one timer callback, so nothing here runs
 * inside a caller.
 */
struct peer_conn;
struct peer_channel;
struct peer_keep;

/* One orchestrator, in a slot of t->orch: its index there is its index in every
 * session's link[] and in segments' masks.  The slot is free again when it has gone
 * and no try runs on it. */
struct orch {
	struct tc *t;
	size_t index;
	char hostport[ORCH_HOSTPORT_LEN];	/* "local" for the one in this process */
	struct eth_addr expect;		/* who must answer, where that is known */
	bool has_expect;
	bool local;
	bool found;			/* told by the webhook, so it may go away ... */
	bool leaving;			/* ... and is not told any more */
	struct peer_keep *keep;		/* NULL for the local one */
	struct peer_conn *conn;		/* NULL between dials */
	bool ready, draining;
	int64_t added_ms;
	uint64_t price;			/* wei for 10^6 pixels; off chain 0 */
	struct tc_score score;
	struct tc_suspension suspension;
	int64_t refused_until_ms;	/* it refused a session */
	unsigned n_sessions;		/* links that are open or opening */
	unsigned n_tries;		/* running, with those whose work is being checked */
	uint64_t n_given, n_done, n_failed;
	struct log_limit log_limit;	/* connection trouble */
};

struct tc {
	uv_loop_t *loop;
	struct peer_ctx *peers;		/* borrowed */
	const struct signer *signer;	/* borrowed */
	struct work_pool *probe;	/* borrowed or NULL */
	struct stats *stats;		/* borrowed */
	struct orch *orch[TC_ORCHESTRATORS_MAX];	/* owned; NULL: free slot */
	struct discovery *discovery;	/* owned or NULL */
	struct orch_entry told[TC_ORCHESTRATORS_MAX];	/* by the webhook, last time */
	size_t n_told;
	struct list sessions;		/* struct tc_session.node */
	uint64_t seed;			/* of lots among equals */
};

enum link_state {
	LINK_NONE,	/* no channel */
	LINK_OPENING,	/* asked, no answer yet */
	LINK_OPEN,	/* segments may go */
};

/* A session's agreement with one orchestrator. */
struct tc_link {
	struct tc_session *s;
	struct orch *o;			/* NULL: the slot is free */
	enum link_state state;
	struct peer_channel *ch;
	uint64_t price;			/* as agreed when it opened: it does not change
					 * while the session runs, whatever o asks now */
	int64_t opened_ms;		/* when it was asked */
	int64_t used_ms;		/* when a try last began or ended */
	int64_t retry_at_ms;		/* after a refusal, or silence */
	int64_t busy_until_ms;		/* it has no room for this stream's segments */
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
	int exploring;			/* one whose link opens to be tried out, -1 */
	struct tc_budget explore, hedge;
	uint64_t n_begun;		/* segments so far */
	struct list segments;		/* struct tc_segment.node, in order of begin */
	unsigned n_segments;
	uv_timer_t kick;
};

enum seg_state {
	SEG_COLLECTING,	/* its bytes are still being produced */
	SEG_PENDING,	/* whole, waiting for an orchestrator */
	SEG_RUNNING,	/* whole, with a try or two */
	SEG_DONE,	/* result is ready; waits for its turn */
};

/* At most one beside the first, when that is late. */
#define SEG_TRIES_AT_ONCE 2

struct tc_segment {
	struct list_node node;
	struct tc_session *s;		/* NULL: dropped, waiting for handles */
	enum seg_state state;
	uint64_t sequence;
	struct tc_source src;
	struct blob *source;		/* owned, once whole */
	struct tc_facts facts;
	int64_t ended_ms;		/* when it was whole */
	unsigned n_periods;		/* deadlines that passed */
	uv_timer_t deadline;

	struct tc_try *try[SEG_TRIES_AT_ONCE];	/* owned; the running ones, the oldest first */
	uint32_t tried;			/* bit per orchestrator */
	uint32_t denied;		/* those who said that the input is bad */
	unsigned n_tries;
	bool hedged;			/* had its second try in parallel */

	struct err err;			/* of the last failure */
	bool failed;
	char orchestrator[ORCH_HOSTPORT_LEN];
	struct tc_rendition out[PROFILES_MAX];
	size_t n_out;
	unsigned transcode_ms, total_ms;
};

/* A segment at one orchestrator: a channel, and what came back through it. */
struct tc_try {
	struct tc_segment *g;
	struct orch *o;			/* counts us in n_tries */
	struct tc_link *link;		/* whose room we take; NULL: lost */
	struct peer_channel *ch;	/* NULL: lost, or all has come */
	bool hedge;			/* begun because the first was late */
	int64_t whole_ms;		/* when its trailer was sent; 0: not yet */
	struct signed_segment signed_seg;
	struct tc_incoming in;
	struct msg_receipt receipt;
	struct tc_check *check;		/* running; ends by itself */
};

enum try_failure {
	TRY_FAILED,	/* late, lost, refused */
	TRY_BUSY,	/* no room: says nothing of its work */
	TRY_DENIED,	/* it says that the input is bad */
	TRY_LIED,	/* what came was refused */
};

/* tc_session.c */
void tc_kick(struct tc_session *s);
void tc_kick_all(struct tc *t);
/* What there is to choose from: those outside avoid for whom can says so. */
typedef bool tc_link_can(const struct tc_link *l, int64_t now);
void tc_session_candidates(const struct tc_session *s, struct tc_candidate c[TC_ORCHESTRATORS_MAX],
			   tc_link_can *can, uint32_t avoid);
/* For a segment that begins now; NULL: nobody has room yet. */
struct tc_link *tc_session_begins(struct tc_session *s);
struct tc_link *tc_session_pick(struct tc_session *s, uint32_t avoid);
/* Is there anyone outside avoid who has room, or may be asked for a session? */
bool tc_session_has_other(const struct tc_session *s, uint32_t avoid);
void tc_session_forget(struct tc_session *s, size_t index);	/* that slot is freed */

/* tc_link.c */
struct tc_need {		/* a segment that no open session takes */
	bool is;
	uint32_t avoid;		/* where it has been */
};
void tc_link_open(struct tc_link *l);
void tc_link_close(struct tc_link *l);
bool tc_link_has_room(const struct tc_link *l, int64_t now);
/* It refused a segment as busy: other streams may go on there. */
void tc_link_busy(struct tc_link *l, uint32_t ms);
bool tc_link_can_open(const struct tc_link *l, int64_t now);
void tc_link_lost(struct tc_link *l);	/* its connection is gone */
void tc_links_tend(struct tc_session *s, const struct tc_need *need, int64_t now);
int64_t tc_link_wakes_at(const struct tc_link *l, int64_t now);	/* 0: never */

/* tc_orch.c */
bool orch_is_usable(const struct orch *o);
void orch_worked(struct orch *o, double ratio);
void orch_outrun(struct orch *o, double ratio);	/* another was faster than that */
void orch_failed(struct orch *o);
uint64_t orch_lied(struct orch *o);
struct eth_addr orch_addr(const struct orch *o);
void tc_sweep(struct tc *t);	/* frees the slots of those that have gone */

/* tc_segment.c */
void tc_segment_try(struct tc_segment *g, struct tc_link *l, bool hedge);
void tc_segment_free(struct tc_segment *g);
uint64_t tc_segment_period_ms(const struct tc_segment *g);
void tc_segment_wait(struct tc_segment *g);	/* for one more period */
/* When its only try is late enough for a second one; 0: no such. */
int64_t tc_segment_late_at(const struct tc_segment *g);
void tc_segment_try_failed(struct tc_segment *g, struct tc_try *y, enum try_failure how,
			   const struct err *why);
/* Everything came: no deadline while it is looked at. */
void tc_segment_try_came(struct tc_segment *g);
void tc_segment_try_won(struct tc_segment *g, struct tc_try *y,
			struct tc_rendition *renditions, size_t n);

/* tc_try.c */
struct tc_try *tc_try_start(struct tc_segment *g, struct tc_link *l, bool hedge, struct err *err);
void tc_try_data(struct tc_try *y, const uint8_t *data, size_t len);
void tc_try_whole(struct tc_try *y);	/* the segment is: say so */
void tc_try_link_lost(struct tc_try *y, const struct err *why);
/* How long it has been at work, over the segment's duration. */
double tc_try_ratio(const struct tc_try *y);
void tc_try_checked(struct tc_try *y, const struct err *err,
		    struct tc_rendition *renditions, size_t n);
/* End it in whatever state; tell goes to the orchestrator, NULL: an end in order. */
void tc_try_free(struct tc_try *y, const struct err *tell);

/* tc_check.c: takes the incoming buffers; ends in tc_try_checked unless cancelled. */
struct tc_check *tc_check_start(struct tc_try *y);
void tc_check_cancel(struct tc_check *c);

#endif
