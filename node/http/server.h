#ifndef LP_NODE_HTTP_SERVER_H
#define LP_NODE_HTTP_SERVER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
struct blob;
struct err;

/*
 * HTTP/1.1 server on libuv: llhttp behind a strict scan of the head, TLS by
 * OpenSSL memory BIOs, one router table.  Bodies stream both ways; files and
 * blobs go out by sendfile on plain connections.  The seam for HTTP/2: handlers
 * see only struct http_req, never a connection.  Loop thread.
 *
 * Limits (DESIGN 5): head 16 KiB and 100 fields, 5 s to send it; idle keep-alive
 * 30 s; body rate floor 1 KiB/s averaged over 10 s; a response that makes no
 * progress for 20 s is cut; max_conns in all, max_per_addr an address (503 and
 * close beyond).  Each request head: exactly one Host, no CR or LF alone, no NUL,
 * no folded line, no Content-Length beside Transfer-Encoding.
 *
 * Source: RFC 9110, 9112; facts/dependencies 2; facts/reliability A14, B3, B10.
 */
struct http_server;
struct http_req;

struct http_opts {
	unsigned max_conns;		/* 10000 */
	unsigned max_per_addr;		/* 256; loopback is exempt */
	const char *tls_cert, *tls_key;	/* PEM files; NULL: plain */
	const char *const *allow_hosts;	/* NULL: any; else NULL-terminated names a Host may
					 * have (DNS rebinding guard of the admin port) */
	bool cors;			/* Access-Control-Allow-Origin: * on everything, and answers to OPTIONS */
};

/* A handler of one route.  Called when the head is complete; it answers now or
 * later with exactly one http_reply* (or reads the body first). */
typedef void http_handler(void *arg, struct http_req *req);

/*
 * Listen on addr ("127.0.0.1:0", "[::1]:80", ":80"; numeric).  opts NULL: defaults.
 * Ignores SIGPIPE for the process (sendfile has no other way).  Fails with
 * ERR_INVALID (address, certificate), ERR_IO.
 */
struct http_server *http_server_new(uv_loop_t *loop, const char *addr, const struct http_opts *opts,
				    struct err *err);
int http_server_port(const struct http_server *s);
/* Stop accepting; running responses finish within drain_ms, idle connections close now. */
void http_server_close(struct http_server *s, uint64_t drain_ms, void (*closed)(void *arg), void *arg);

/*
 * Routes, tried in the order added.  method: "GET" (HEAD too) or "PUT", "POST",
 * "DELETE", or several as "PUT|POST".  pattern: segments of "/hls/:name/index.m3u8"; ":x"
 * matches one segment, a final "*x" the rest.  A path that matches with another
 * method is 405 with Allow.  Paths are percent-decoded once, segment by segment;
 * NUL, "/" or "\" inside a segment, "." and ".." segments, empty segments and invalid UTF-8
 * are 400.
 */
void http_route(struct http_server *s, const char *method, const char *pattern,
		http_handler *fn, void *arg);

/* ---- the request: strings live until it is answered and freed ---- */
const char *http_req_method(const struct http_req *r);
const char *http_req_path(const struct http_req *r);		/* decoded */
const char *http_req_param(const struct http_req *r, const char *name);	/* ":name"; "" if none */
const char *http_req_header(const struct http_req *r, const char *name);	/* NULL if none */
/* Decoded query value in to[]; false if absent or too long. */
bool http_req_query(const struct http_req *r, const char *name, char *to, size_t size);
/* The same for a form in a body (application/x-www-form-urlencoded). */
bool http_form_value(const char *form, const char *name, char *to, size_t size);
const char *http_req_peer(const struct http_req *r);		/* "1.2.3.4:567" */
int64_t http_req_body_len(const struct http_req *r);		/* -1: chunked, unknown */
/* Scheme, host and raw target as the client sent them: "http://host:port/path?query". */
const char *http_req_url(const struct http_req *r);
/* Called once when the request dies (answered or client gone); a handler that
 * answers later must set it and forget r then. */
void http_req_on_close(struct http_req *r, void (*fn)(void *arg, struct http_req *r), void *arg);

/*
 * Read the body.  max_len: larger is answered 413 and fn gets end with an error.
 * data == NULL: the end; ok false when it broke off (then no reply can be given).
 * The end comes once, unless the request was answered whole before.
 * "Expect: 100-continue" is answered when this is called.
 */
typedef void http_body_cb(void *arg, struct http_req *r, const uint8_t *data, size_t len, bool ok);
void http_req_read_body(struct http_req *r, uint64_t max_len, http_body_cb *fn, void *arg);
/* Backpressure: stop and resume reading this request's body. */
void http_req_pause(struct http_req *r, bool paused);

/* ---- the answer ---- */
/* Extra header of the answer; before http_reply*.  CR and LF in value are refused (assert: ours). */
void http_set_header(struct http_req *r, const char *name, const char *value);
/* Whole body, copied.  HEAD sends the head only.  With an ETag header set and a
 * matching If-None-Match the answer is 304. */
void http_reply(struct http_req *r, int status, const char *type, const void *body, size_t len);
/* A blob from offset (0 usually) to its end, by reference; Range and If-Range
 * answered (206, 416); sendfile when plain and the blob has a descriptor. */
void http_reply_blob(struct http_req *r, int status, const char *type, struct blob *b, size_t offset);
/* A file below directory dirfd (openat2 RESOLVE_BENEATH, no symlinks, regular
 * files only), streamed by sendfile; ETag from size and mtime; 404 if not there. */
void http_reply_file(struct http_req *r, const char *type, int dirfd, const char *path);
/* {"errors":["text"]} with status (the Studio's form). */
void http_reply_error(struct http_req *r, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Streaming: head now, then pieces, then end.  len -1: chunked.  http_write
 * returns the bytes queued and not yet sent: above 1 MiB wait for drain. */
void http_reply_begin(struct http_req *r, int status, const char *type, int64_t len);
size_t http_write(struct http_req *r, const void *data, size_t len);
void http_write_blob(struct http_req *r, struct blob *b);
void http_on_drain(struct http_req *r, void (*fn)(void *arg, struct http_req *r), void *arg);
void http_reply_end(struct http_req *r);

struct http_stats {
	unsigned n_conns;
	uint64_t n_requests, n_bad, n_refused, bytes_in, bytes_out;
};
void http_server_stats(const struct http_server *s, struct http_stats *out);

/* The strict head scan by itself, for tests and the fuzz target: 0, or the status
 * (400, 431) with a reason. head ends with an empty line. */
int http_head_check(const char *head, size_t len, const char **why);

#endif
