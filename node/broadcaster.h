#ifndef LP_NODE_BROADCASTER_H
#define LP_NODE_BROADCASTER_H
#include <stdbool.h>
#include <uv.h>
struct auth;
struct err;
struct lives;
struct stats;

/*
 * RTMP publishers into live streams: who may publish, what happens when a name is
 * taken, and the packets' way to the segmenter.  (HTTP push is node/push.)  Loop
 * thread.
 */
struct broadcaster;

enum publish_conflict {
	CONFLICT_REJECT,	/* the first stays while it is alive */
	CONFLICT_REPLACE,	/* the newcomer takes the name over */
};

/* Listens for RTMP.  gop_cache: players join with the last GOP instead of waiting
 * for a key frame.  auth, lives, stats: borrowed, outlive it. */
struct broadcaster *broadcaster_new(uv_loop_t *loop, const char *rtmp_addr, bool gop_cache,
				    enum publish_conflict conflict, struct auth *auth,
				    struct lives *lives, struct stats *stats, struct err *err);
int broadcaster_rtmp_port(const struct broadcaster *b);
/* Publishers and players are disconnected, nothing new is taken. */
void broadcaster_close(struct broadcaster *b);
void broadcaster_free(struct broadcaster *b);	/* when the loop has run dry */

struct rtmp_stats;
void broadcaster_rtmp_stats(const struct broadcaster *b, struct rtmp_stats *out);

#endif
