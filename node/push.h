#ifndef LP_NODE_PUSH_H
#define LP_NODE_PUSH_H
#include <uv.h>
struct auth;
struct http_server;
struct lives;
struct tc;
struct work_pool;

/*
 * HTTP push ingest: PUT or POST /live/NAME/SEQ.ts (or .mp4), one segment a request.
 * Headers Content-Duration (ms), Content-Resolution, Livepeer-Transcode-Configuration;
 * with "Accept: multipart/mixed" the renditions come back as parts.  200 after the
 * transcode, 403 refused, 422 undecodable (do not retry), 500 failed, 503 no
 * orchestrator (facts/go-livepeer.md 2a).  Loop thread.
 */
struct push;

/* All borrowed, outlive it.  pool remuxes MP4 (foreign media never meets our own
 * process); tc may be NULL: source only. */
struct push *push_new(uv_loop_t *loop, struct http_server *s, struct lives *ls,
		      struct auth *auth, struct work_pool *pool, struct tc *tc);
/* Before what it borrows: requests that wait for others are answered, new ones refused.
 * NULL is fine. */
void push_close(struct push *p);
void push_free(struct push *p);

#endif
