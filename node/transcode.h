#ifndef LP_NODE_TRANSCODE_H
#define LP_NODE_TRANSCODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "base/sig.h"
#include "media/wire/inspect.h"
#include "protocol/peer_msg.h"
struct blob;
struct buf;
struct err;
struct http_client;
struct peer_ctx;
struct signer;
struct stats;
struct work_pool;

/*
 * The broadcaster's side of transcoding: the orchestrators it knows, a session a
 * stream, and each segment on its way through one of them and back.
 *
 * A segment's first try has max(2 s, 1.5 x duration) from its trailer; then it goes
 * to the next orchestrator, at most 3 tries; where there is no other, the running
 * try may go on for as long.  One that is late, but not over its deadline, may get a
 * second try beside the first, for 2 % of a stream's segments: the first whole answer
 * that passes the checks wins.  What comes back is refused unless hash, rendition
 * and receipt signatures, duration and frame count fit.
 *
 * A stream sticks to one orchestrator and keeps a session with a second one; the rules
 * of choice and their weights are in node/tc_select.h.  One that lies is not used for
 * 60 s, doubled up to 10 min; one that fails is avoided for 1 s, doubled up to 60 s,
 * where there is another.  Loop thread.
 */
struct tc;		/* all of it */
struct tc_session;	/* one stream's */
struct tc_segment;	/* one segment's */

#define TC_ORCHESTRATORS_MAX 16
#define TC_TRIES_MAX 3

/* probe: pool for decoding the first frame of foreign renditions; NULL: not done.
 * All borrowed, outlive tc. */
struct tc *tc_new(uv_loop_t *loop, struct peer_ctx *peers, const struct signer *signer,
		  struct work_pool *probe, struct stats *stats);
/* One for good: "host:port", or "0xADDRESS@host:port" which names who must answer.
 * Dialled from the loop, now and again with back-off.  Fails with ERR_INVALID, ERR_LIMIT. */
int tc_add_orchestrator(struct tc *t, const char *address, struct err *err);
/*
 * Others come and go with a webhook's list (node/discovery.h), asked now and each 60 s.
 * One that is not on the list any more gets nothing new and is let go when no segment is
 * there.  Of more than there are places for, those are taken that come first by a hash
 * of this node and them.  Once.  client: borrowed, outlives tc_close.  Fails with
 * ERR_INVALID (URL).
 */
int tc_set_webhook(struct tc *t, struct http_client *client, const char *url, struct err *err);
/* An orchestrator in this process, behind a socketpair end (taken).  It signs with
 * our own key, and its results are not probed. */
int tc_add_local(struct tc *t, int fd, struct err *err);
bool tc_has_orchestrators(const struct tc *t);	/* or a webhook that tells some */

struct tc_session_opts {
	const char *name;		/* for the log and the probe; copied */
	struct stream_id stream;
	struct profile_list profiles;	/* as asked; fitted to the source on both sides */
	const char *preset;		/* copied */
	int width, height, fps_num, fps_den;	/* source */
};

/* A rendition that passed every check. */
struct tc_rendition {
	struct blob *data;
	struct inspect facts;
};

struct tc_result {
	uint64_t sequence;
	const struct err *err;		/* NULL: all renditions are there.  ERR_INVALID: the
					 * input is bad; ERR_TIMEOUT, ERR_BUSY: nobody in time */
	size_t n;
	const struct tc_rendition *renditions;	/* in profile order, borrowed */
	const char *orchestrator;	/* who did it, or who failed last */
	unsigned transcode_ms;		/* as the orchestrator tells: pure work */
	unsigned total_ms;		/* from trailer to here */
	unsigned n_tries;		/* a second one beside the first counts, too */
};

/* Results come in the order in which segments began, exactly one each, never from
 * inside a call to tc. */
typedef void tc_result_cb(void *arg, const struct tc_result *r);

struct tc_session *tc_session_new(struct tc *t, const struct tc_session_opts *opts,
				  tc_result_cb *cb, void *arg);
/* No result comes after this. */
void tc_session_free(struct tc_session *s);
unsigned tc_session_pending(const struct tc_session *s);	/* segments without a result yet */
const char *tc_session_orchestrator(const struct tc_session *s);	/* "" if none chosen */

/* What is known when a segment begins. */
struct tc_source {
	uint64_t sequence;
	bool fmp4;
	bool discontinuity;
	int width, height;	/* as displayed; may differ from the session's */
};
/* A segment begins: its bytes may now be passed on as they are produced. */
struct tc_segment *tc_segment_begin(struct tc_session *s, const struct tc_source *src);
void tc_segment_data(struct tc_segment *g, const uint8_t *data, size_t len);
/* It is whole.  source: referenced; facts as the segmenter or inspect found them. */
struct tc_facts {
	uint32_t duration_ms;
	unsigned n_video;
	int64_t first_pts_90k;
	struct hash32 sha256;
};
void tc_segment_end(struct tc_segment *g, struct blob *source, const struct tc_facts *facts);
/* It will not be transcoded after all (untranscodable): no result comes. */
void tc_segment_drop(struct tc_segment *g);

/* JSON array of the orchestrators for /status (appended). */
void tc_status(const struct tc *t, struct buf *b);
unsigned tc_ready(const struct tc *t);	/* orchestrators connected now */

/* Ends sessions' channels and connections. */
void tc_close(struct tc *t);
/* After tc_close, when the loop has run its closing callbacks. */
void tc_free(struct tc *t);

#endif
