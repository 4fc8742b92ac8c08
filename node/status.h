#ifndef LP_NODE_STATUS_H
#define LP_NODE_STATUS_H
#include <stdbool.h>
#include <stdint.h>
struct broadcaster;
struct err;
struct farm;
struct http_req;
struct http_server;
struct lives;
struct orchestrator;
struct peer_ctx;
struct stats;
struct tc;
struct transcoder;
struct work_pool;

/*
 * What a node tells about itself: /status (JSON), /metrics (Prometheus) and
 * /healthz on the admin port, /api/streams and the player page on the public one.
 * Everything is borrowed; what a role lacks is NULL.  Loop thread.
 */
struct status {
	const char *const *roles;	/* NULL-terminated */
	int64_t started_ms;		/* clock_mono_ms */
	struct stats *stats;
	struct lives *lives;
	struct broadcaster *broadcaster;
	struct tc *tc;
	struct orchestrator *orchestrator;
	struct farm *farm;
	struct transcoder *transcoder;
	const struct work_pool *pool;	/* whose workers are shown: the transcoder's, else the probes' */
	struct peer_ctx *peers;
	struct http_server *http[2];	/* plain and TLS */
	const char *token;		/* admin token; NULL: none needed */
};

void status_admin_routes(struct http_server *s, struct status *st);
void status_public_routes(struct http_server *s, struct status *st);

/* Does the request carry the admin token, where there is one?  Else it is answered. */
bool status_may(const struct status *st, struct http_req *r);

/* The first line of a file of at most 4 KiB, for tokens; malloc'ed. */
char *status_read_token(const char *path, struct err *err);

#endif
