#ifndef LP_NODE_HLS_H
#define LP_NODE_HLS_H
struct http_server;
struct lives;

/*
 * HLS over the live streams: /hls/NAME/index.m3u8 (master), /hls/NAME/RENDITION/
 * index.m3u8, SEQ.ts, SEQ.m4s, init-SEQ.mp4 beside it.  Playlists: max-age 1 and an
 * ETag; segments: immutable (a sequence is never used twice).  Loop thread.
 */
void hls_routes(struct http_server *s, struct lives *ls);	/* ls borrowed */

#endif
