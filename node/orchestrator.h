#ifndef LP_NODE_ORCHESTRATOR_H
#define LP_NODE_ORCHESTRATOR_H
#include <stdbool.h>
#include <uv.h>
struct buf;
struct err;
struct peer_ctx;
struct signer;
struct stats;
struct work_pool;

/*
 * The orchestrator role: takes sessions and signed segments from broadcasters over
 * the peer wire, has them transcoded by the worker pool, signs renditions and
 * receipts.  Refuses, with a code and a reason: a signature or hash that does not
 * hold, a stream of another origin, a sequence repeated with other bytes (kept as
 * evidence, node/evidence.h), what is too long, too big or never ends, more
 * sessions or segments at once than agreed.  A session without work makes room for
 * another when all are taken.  Loop thread.
 */
struct orchestrator;

struct orchestrator_opts {
	unsigned max_sessions;		/* 10 */
	unsigned max_inflight;		/* segments of one session at once: 4 */
	const char *codec_profile;	/* told to broadcasters; borrowed */
	const char *evidence_path;	/* file of proofs, copied; NULL: none is written */
};

/* peers, pool, signer, stats: borrowed, outlive it. */
struct orchestrator *orchestrator_new(uv_loop_t *loop, struct peer_ctx *peers, struct work_pool *pool,
				      const struct signer *signer, struct stats *stats,
				      const struct orchestrator_opts *opts);
/* Listen for broadcasters. */
int orchestrator_listen(struct orchestrator *o, const char *hostport, struct err *err);
int orchestrator_port(const struct orchestrator *o);	/* 0 if it does not listen */
/* A broadcaster in this process, behind a socketpair end (taken). */
int orchestrator_attach(struct orchestrator *o, int fd, struct err *err);

/* Finish what runs, take nothing new from others: our own broadcaster ends by itself. */
void orchestrator_drain(struct orchestrator *o);
bool orchestrator_is_idle(const struct orchestrator *o);	/* and all answers are on their way */
void orchestrator_close(struct orchestrator *o);	/* then the loop runs dry */
void orchestrator_free(struct orchestrator *o);

/* JSON array of sessions for /status (appended). */
void orchestrator_status(const struct orchestrator *o, struct buf *b);

#endif
