#ifndef LP_NODE_ORCHESTRATOR_H
#define LP_NODE_ORCHESTRATOR_H
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
struct buf;
struct err;
struct farm;
struct peer_ctx;
struct profile_list;
struct signer;
struct stats;

/*
 * The orchestrator role: takes sessions and signed segments from broadcasters over
 * the peer wire, has them transcoded by its farm, signs renditions and receipts.
 * Refuses, with a code and a reason: a signature or hash that does not hold, a
 * stream of another origin, a sequence repeated with other bytes (kept as evidence,
 * node/evidence.h), what is too long, too big or never ends, more segments at once
 * than agreed, and what its farm could not carry in real time.
 *
 * Work begins with a segment's first bytes where a transcoder has room to spare:
 * one unsigned segment a session, for broadcasters who have signed all they began;
 * the last GOP of each rendition is made only when the trailer holds.
 *
 * Loop thread.
 */
struct orchestrator;

/* How much of the farm's measured capacity is sold: the family's rule for real time. */
#define ORCH_SOLD 0.8

struct orchestrator_opts {
	unsigned max_sessions;		/* streams at once; 0: what the farm carries in real time */
	unsigned max_inflight;		/* segments of one session at once: 4 */
	const char *codec_profile;	/* told to broadcasters; borrowed */
	const char *evidence_path;	/* file of proofs, copied; NULL: none is written */
};

/* peers, farm, signer, stats: borrowed, outlive it. */
struct orchestrator *orchestrator_new(uv_loop_t *loop, struct peer_ctx *peers, struct farm *farm,
				      const struct signer *signer, struct stats *stats,
				      const struct orchestrator_opts *opts);
/* Listen for broadcasters and transcoders. */
int orchestrator_listen(struct orchestrator *o, const char *hostport, struct err *err);
int orchestrator_port(const struct orchestrator *o);	/* 0 if it does not listen */
/* A broadcaster in this process, behind a socketpair end (taken). */
int orchestrator_attach(struct orchestrator *o, int fd, struct err *err);

/* For sessions from now on; 0: what the farm carries. */
void orchestrator_set_max_sessions(struct orchestrator *o, unsigned n);
unsigned orchestrator_max_sessions(const struct orchestrator *o);

/* Encoded pixels a second of a ladder: each profile's size times its rate (fps, where it
 * takes the source's; 30 when that is not known).  sizes fitted.  Pure. */
double ladder_demand(const struct profile_list *l, double fps);

/* Finish what runs, take nothing new from others: our own broadcaster ends by itself. */
void orchestrator_drain(struct orchestrator *o);
bool orchestrator_is_idle(const struct orchestrator *o);	/* and all answers are on their way */
void orchestrator_close(struct orchestrator *o);	/* then the loop runs dry */
void orchestrator_free(struct orchestrator *o);

/* JSON array of sessions for /status, and gauges (appended). */
void orchestrator_status(const struct orchestrator *o, struct buf *b);
void orchestrator_metrics(const struct orchestrator *o, struct buf *b);

#endif
