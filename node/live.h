#ifndef LP_NODE_LIVE_H
#define LP_NODE_LIVE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "base/hash.h"
#include "media/wire/packet.h"
#include "protocol/profile.h"
struct blob;
struct buf;
struct err;
struct inspect;
struct signer;
struct stats;
struct tc;
struct tc_rendition;
struct tc_result;
struct window;

/*
 * Live streams by name: from packets (RTMP) or whole segments (HTTP push) to the
 * HLS windows of the source and its renditions.  The source plays before any
 * transcoding answers; renditions follow in order, with a gap where one could not
 * be had in time.
 *
 * A stream is LIVE while its publisher is there, WAITING for grace_ms after it
 * went (the same name may go on, with a discontinuity), then ENDED: ENDLIST, and
 * the last window stays keep_ms.  Loop thread.
 */
struct lives;
struct live;

struct lives_opts {
	int target_ms;		/* segment length: 2000 */
	int window_ms;		/* media in a playlist: 12000 */
	uint64_t grace_ms;	/* 10000 */
	uint64_t keep_ms;	/* 60000 */
	uint64_t push_idle_ms;	/* 60000: a pushed stream without a push ends */
	unsigned max_streams;
	struct profile_list profiles;	/* default ladder */
	const char *preset;	/* borrowed, outlives us */
};

enum live_state { LIVE_LIVE, LIVE_WAITING, LIVE_ENDING, LIVE_ENDED };

/* tc: NULL or without orchestrators: source only. */
struct lives *lives_new(uv_loop_t *loop, const struct lives_opts *opts, struct tc *tc,
			const struct signer *signer, struct stats *stats);
struct live *lives_find(const struct lives *ls, const char *name);	/* any state; NULL */
unsigned lives_count(const struct lives *ls);
/* End every stream now (flush, ENDLIST as soon as its renditions are there); none begins. */
void lives_drain(struct lives *ls);
bool lives_are_idle(const struct lives *ls);	/* nothing waits for a rendition */
void lives_close(struct lives *ls);	/* drops all; then the loop runs dry */
void lives_free(struct lives *ls);	/* after lives_close and the loop */

/*
 * A publisher begins: makes the stream or goes on with a WAITING one.  Fails with
 * ERR_BUSY (the name is live, too many streams, shutting down).  profiles NULL: the default;
 * an empty list: source only.
 */
struct live *live_open(struct lives *ls, const char *name, bool push,
		       const struct profile_list *profiles, struct err *err);
bool live_is_live(const struct live *l);
bool live_is_push(const struct live *l);

/* RTMP and its like. */
void live_set_track(struct live *l, enum track track, const struct track_config *config);
void live_packet(struct live *l, const struct media_packet *p);
void live_publisher_gone(struct live *l, const char *why);

/*
 * A whole pushed segment, already inspected and MPEG-TS or fMP4.  done runs once,
 * inside the call or later: with the renditions in profile order, or err;
 * source-only streams get an empty result.  After live_push_forget it will not run.
 */
typedef void live_push_cb(void *arg, const struct tc_result *r);
void live_push(struct live *l, struct blob *data, bool fmp4, const struct inspect *facts,
	       uint32_t duration_ms, const struct hash32 *sha256, live_push_cb *done, void *arg);
void live_push_forget(struct live *l, void *arg);

/* For HLS: the window of a rendition ("source" too), NULL if there is none. */
struct window *live_window(const struct live *l, const char *rendition);
/* The master playlist; false when nothing can be played yet. */
bool live_master(const struct live *l, struct buf *b);
const struct profile_list *live_profiles(const struct live *l);

/* JSON array of streams for /status (appended). */
void lives_status(const struct lives *ls, struct buf *b);

#endif
