#ifndef LP_NODE_ADMIN_H
#define LP_NODE_ADMIN_H
#include <stdint.h>
struct err;
struct http_server;
struct status;

/*
 * What an operator changes while the node runs, on the admin port (the family's
 * endpoints, facts/go-livepeer.md 2b):
 *
 *   POST /setMaxSessions   maxSessions=N|auto, as a form or in the query
 *   GET  /maxSessions      "N" or "auto"
 *
 * The token of -cliTokenFile is asked for as for /status; requests that a web page
 * sends (they carry Origin) are refused, because the port is open to every browser
 * on the machine.  Loop thread.
 */
void admin_routes(struct http_server *s, struct status *st);

/* "auto" is 0; else 1..10000.  Fails with ERR_INVALID naming both. */
int max_sessions_parse(const char *text, unsigned *n, struct err *err);

#endif
