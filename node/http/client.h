#ifndef LP_NODE_HTTP_CLIENT_H
#define LP_NODE_HTTP_CLIENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
struct err;

/*
 * Outgoing HTTP by libcurl's multi interface on the loop: webhooks and JSON-RPC.
 * http(s) only, no redirects, no ambient proxy, answer at most max_body.  A user and a
 * password in a URL become basic authentication; no error text has anything of the URL.
 */
struct http_client;
struct http_call;

struct http_client *http_client_new(uv_loop_t *loop);
void http_client_free(struct http_client *c, void (*closed)(void *arg), void *arg);

/* status 0: no answer, err says why: ERR_NOT_FOUND when nobody listens there or no host has the
 * name, ERR_TIMEOUT, ERR_LIMIT, ERR_IO.  body is borrowed for the call. */
typedef void http_call_cb(void *arg, int status, const uint8_t *body, size_t len, const struct err *err);

/* POST a JSON body.  deadline_ms for everything.  Fails at once with ERR_INVALID
 * (bad URL); else the callback runs exactly once unless cancelled. */
struct http_call *http_post_json(struct http_client *c, const char *url, const char *json,
				 uint64_t deadline_ms, size_t max_body, http_call_cb *cb, void *arg,
				 struct err *err);
/* GET, otherwise the same. */
struct http_call *http_get(struct http_client *c, const char *url, uint64_t deadline_ms,
			   size_t max_body, http_call_cb *cb, void *arg, struct err *err);
/* Would they take it?  Known schemes, a host; the name is not looked up. */
bool http_url_is_valid(const char *url);
/* "scheme://host:port": without user, password, path and query, where keys stand.  to has
 * HTTP_ORIGIN_MAX bytes.  false when it is no valid URL, or longer. */
#define HTTP_ORIGIN_MAX 280
bool http_url_origin(char to[HTTP_ORIGIN_MAX], const char *url);
/* Within a callback: the seconds that this answer's Retry-After asks to wait; 0: no such. */
uint64_t http_client_retry_after(const struct http_client *c);
void http_call_cancel(struct http_call *call);

#endif
