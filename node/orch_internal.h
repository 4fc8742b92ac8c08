#ifndef LP_NODE_ORCH_INTERNAL_H
#define LP_NODE_ORCH_INTERNAL_H
#include <uv.h>
#include "base/list.h"
#include "base/log.h"
#include "node/orchestrator.h"
#include "protocol/peer_msg.h"
#include "protocol/segment.h"

/*
 * Shared by the files of node/orchestrator.h: orchestrator.c (connections, life),
 * orch_session.c (who gets a session), orch_segment.c (a segment from its header to
 * its receipt), orch_conduct.c (who may have work begun before it is signed for).
 */
struct conduct;
struct evidence;
struct farm_task;
struct history;
struct peer_channel;
struct peer_conn;
struct sha256;

struct orchestrator {
	struct peer_ctx *peers;		/* all borrowed */
	struct farm *farm;
	const struct signer *signer;
	struct stats *stats;
	struct orchestrator_opts opts;
	struct peer_listener *listener;
	struct list conns;		/* struct broadcaster_conn.node */
	struct evidence *evidence;	/* owned */
	struct conduct *conduct;	/* owned */
	uv_timer_t tick;
	unsigned n_sessions, n_segments;
	bool draining;
	struct log_limit log_limit;	/* refusals */
	struct log_limit life_limit;	/* who comes and goes */
};

/* A broadcaster, or a transcoder: its first message tells. */
struct broadcaster_conn {
	struct list_node node;
	struct orchestrator *o;
	struct peer_conn *conn;
	bool local, ready;
	bool is_transcoder;		/* it said Join: the farm knows it */
	struct list sessions;		/* struct session.node */
	struct list segments;		/* struct segment_in.node */
};

struct session {
	struct list_node node;
	struct broadcaster_conn *bc;
	struct peer_channel *ch;
	struct log log;
	struct msg_open_session open;
	char key[STREAM_ID_LEN + 48];	/* worker affinity: whose stream */
	struct history *history;	/* what was signed for this stream */
	int64_t active_ms;		/* last segment's header or end; when it was opened */
	bool working;			/* it has had a segment */
	double demand;			/* encoded pixels a second, as promised, then as measured */
	unsigned inflight, unsigned_segments;	/* of those: whose trailer has not come */
	uint64_t n_done, n_refused, n_early;
};

/* A segment from its header to its receipt. */
struct segment_in {
	struct list_node node;
	struct broadcaster_conn *bc;
	struct session *s;		/* NULL: its session is over */
	struct peer_channel *ch;
	struct msg_segment_header head;
	struct profile_list profiles;	/* the session's, fitted to this source */
	struct sha256 *sha;
	struct signed_segment signed_seg;
	struct hash32 rendition_hash[PROFILES_MAX];
	uint64_t sent[PROFILES_MAX];	/* bytes of each rendition passed on */
	int current;			/* rendition whose bytes were sent last, -1 */
	struct farm_task *task;		/* NULL at the end */
	bool early;			/* asked for: work may begin before the trailer */
	bool is_signed;			/* the trailer came and holds */
	int64_t header_ms, trailer_ms;
	double pixels;			/* encoded, counted as renditions come */
};

/* orchestrator.c */
struct eth_addr broadcaster_addr(const struct broadcaster_conn *bc);	/* whose signature counts */
/* Tell why, and close the channel. */
void orch_refuse(struct peer_channel *ch, enum refuse_code code, uint32_t retry_ms,
		 const char *reason);

/* orch_session.c */
void session_open(struct broadcaster_conn *bc, struct peer_channel *ch, const uint8_t *data,
		  size_t len);
void session_free(struct session *s);
struct session *session_find(struct broadcaster_conn *bc, uint32_t channel);
/* A session that rests wants to work: does the farm carry it?  Fails with ERR_BUSY, and why. */
int session_wake(struct session *s, struct err *err);
void session_worked(struct session *s, double pixels, uint32_t duration_ms);

/* orch_segment.c */
void segment_open(struct broadcaster_conn *bc, struct peer_channel *ch, const uint8_t *data,
		  size_t len);
void segment_free(struct segment_in *g);
void segment_refuse(struct segment_in *g, enum refuse_code code, const char *reason);
/* The same, of one whose sender broke a rule: work begun for it is left unpaid. */
void segment_break(struct segment_in *g, enum refuse_code code, const char *reason);

/*
 * orch_conduct.c: work begins before a segment is signed for only for those who have
 * always signed what they began.  One that did not earns it back by CONDUCT_GOOD
 * segments that were whole, twice as many each time.  Remembers 1024 addresses, those
 * heard of last.  Pure.
 */
#define CONDUCT_GOOD 30
struct conduct *conduct_new(void);
void conduct_free(struct conduct *c);
bool conduct_may_start_early(const struct conduct *c, const struct eth_addr *who);
void conduct_paid(struct conduct *c, const struct eth_addr *who);	/* a trailer that holds */
void conduct_left_unpaid(struct conduct *c, const struct eth_addr *who);

#endif
