#ifndef LP_NODE_HTTP_IMPL_H
#define LP_NODE_HTTP_IMPL_H
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <uv.h>
#include "base/buf.h"
#include "base/log.h"
#include "node/http/chunk.h"
#include "node/http/head.h"
#include "node/http/path.h"
#include "node/http/server.h"

/*
 * What the files of the server share, and what tests may turn.
 *
 * Design.  A connection is a socket in the server's own epoll set, edge-triggered
 * for both directions; the loop watches that one descriptor.  So a response that
 * blocks, a request that waits for its handler and an idle connection cost no
 * system call and no libuv handle (uv_poll_start on a change of direction is two
 * epoll_ctl calls a time, and a second descriptor for sendfile would be more).
 *
 * conn_drive() is the only place that reads, ends requests and closes; it is
 * called from the loop's top level only (readiness, the deferred list, the tick).
 * Functions that handlers call (http_reply, http_write ...) may write to the
 * socket but never end anything: they leave a mark and have the connection driven
 * later (conn_defer).  So a handler may go on using its request until it returns,
 * whatever the peer did meanwhile.
 *
 * A closed connection's struct is freed by server_reap(), after the batch of events
 * that may still name it.
 */

struct link {
	struct link *prev, *next;	/* a ring through its head; self-linked when out */
};

static inline void link_init(struct link *l)
{
	l->prev = l->next = l;
}

static inline void link_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	link_init(l);
}

static inline void link_append(struct link *ring, struct link *l)
{
	l->prev = ring->prev;
	l->next = ring;
	ring->prev->next = l;
	ring->prev = l;
}

static inline bool link_is_in(const struct link *l)
{
	return l->next != l;
}

#define link_owner(l, type, member) ((type *)(void *)((char *)(l) - offsetof(type, member)))

/* What a connection waits for.  Each has one duration, so each ring is in order. */
enum wait {
	WAIT_IDLE,	/* for a request to begin */
	WAIT_HEAD,	/* for the rest of a head, or of the TLS handshake */
	WAIT_BODY,	/* for body_min_bytes more of a body */
	WAIT_SEND,	/* for the peer to take bytes */
	WAIT_LINGER,	/* for the peer to close */
	N_WAITS,
	WAIT_NONE = N_WAITS,	/* for a handler */
};

/* Deadlines of the server; tests make them short. */
struct http_limits {
	uint64_t wait_ms[N_WAITS];
	uint64_t tick_ms;	/* how often deadlines are looked at */
	uint64_t body_min_bytes;	/* per wait_ms[WAIT_BODY] */
	uint64_t accept_pause_ms;	/* without descriptors */
};
void http_server_limits(struct http_server *s, struct http_limits *out);
void http_server_set_limits(struct http_server *s, const struct http_limits *l);
/* Serve a connected stream socket (takes fd), for tests and the fuzz target. */
void http_server_adopt(struct http_server *s, int fd);

#define READ_SIZE	65536	/* of the shared buffer, and of one read */
#define SEND_TURN	(2u << 20)	/* bytes of one connection before others get a turn */
#define TURN_WORK	64	/* and this much of: 1 a request, READ_WORK a read */
#define READ_WORK	4

struct route {
	struct route *next;
	char *methods;		/* "GET" or "PUT|POST" */
	char *pattern;
	http_handler *fn;
	void *arg;
};

/* Connections of one address. */
struct peer_count {
	struct peer_count *next;
	uint8_t addr[16];
	unsigned n;
};
#define PEER_BUCKETS 1024

struct http_server {
	uv_loop_t *loop;
	uv_poll_t listener;
	uv_poll_t ready;	/* the epoll set */
	uv_timer_t tick;	/* runs while there is something to watch */
	uv_idle_t deferred_run;	/* active while deferred is not empty */
	int n_open;		/* of these handles */
	int listen_fd, epoll_fd, reserve_fd;
	int port;
	unsigned max_conns, max_per_addr;
	bool cors;
	bool closing;
	bool accept_paused;
	char **allow_hosts;	/* owned, NULL-terminated; NULL: any */
	SSL_CTX *tls;		/* NULL: plain */
	struct route *routes, **routes_end;
	struct http_limits limits;
	struct link conns;	/* all that are open */
	struct link dead;	/* closed, to be freed (by the same link) */
	struct link deferred;	/* to be driven soon */
	struct link waits[N_WAITS];
	struct peer_count *peers[PEER_BUCKETS];
	uint64_t peer_seed;
	uint64_t drain_until_ms;
	uint64_t accept_again_ms;
	int64_t date_s;		/* second that date shows */
	char date[40];		/* "Date: ...\r\n" */
	struct http_stats stats;
	struct log_limit log_accept;
	void (*closed)(void *arg);
	void *closed_arg;
	uint8_t read_buf[READ_SIZE];	/* borrowed by the connection being driven */
};

enum conn_state {
	CONN_HEAD,	/* waiting for a whole head */
	CONN_REQUEST,	/* req is with its handler, or its answer is under way */
	CONN_LINGER,	/* all said; throw away input until the peer closes */
	CONN_CLOSED,
};

/* A piece of output that waits. */
struct out {
	struct out *next;
	struct blob *blob;	/* referenced; NULL: a file or bytes */
	int fd;			/* file, owned; -1 */
	uint64_t off;		/* next byte */
	uint64_t len;		/* bytes left */
	size_t cap;		/* of bytes */
	uint8_t bytes[];
};

struct http_conn {
	struct http_server *srv;	/* borrowed */
	struct link all, wait, deferred;
	int fd;
	enum conn_state state : 8;
	enum wait wait_for : 8;
	bool can_read, can_write;	/* since the last edge */
	bool peer_done;		/* it sent FIN: nothing more will come */
	bool broken;		/* no more can be written or read: close at the next drive */
	bool driving;
	bool again;		/* it had its turn and could go on: drive it after the others */
	bool linger;		/* closing at once could destroy the answer */
	uint8_t n_blank;	/* empty lines before the head */
	uint64_t deadline_ms;
	uint64_t body_mark;	/* req->body_got when WAIT_BODY began */
	const uint8_t *win;	/* input not yet used; in read_buf or saved; while driving */
	size_t win_len;
	size_t scanned;		/* of the head */
	struct buf saved;	/* input kept between drives */
	struct out *out, **out_end;
	uint64_t out_len;	/* bytes in out */
	SSL *ssl;
	struct buf cipher;	/* TLS bytes to be sent */
	struct http_req *req;	/* owned */
	struct peer_count *peer;	/* NULL: not counted */
	uint8_t addr[16];
	uint16_t addr_port;
};

struct http_req {
	struct http_conn *conn;	/* borrowed */
	/* ---- what was asked ---- */
	const char *method, *target, *host, *path, *query;	/* in store */
	struct head_field *fields;	/* in store; offsets into head */
	char *head;		/* in store, each string NUL-terminated */
	char *path_space;	/* in store: the path, whole and then split */
	unsigned n_fields;
	unsigned n_params;
	struct path_param params[PATH_MAX_PARAMS];
	char *url;		/* made when asked for */
	char peer_text[64];
	uint8_t minor;
	bool is_head, is_get;
	bool keep_alive;
	bool expect_continue;	/* and "100 Continue" not yet sent */
	/* ---- its body ---- */
	bool chunked;
	bool body_done;		/* all of it was read */
	bool body_told;		/* body_fn got its end */
	bool paused;
	int body_status;	/* answer this: the body may not or cannot be read */
	uint64_t body_left;	/* not chunked */
	uint64_t body_got, body_max;
	struct chunk_rd chunk;
	http_body_cb *body_fn;
	void *body_arg;
	/* ---- the answer ---- */
	bool begun;		/* its head is out */
	bool done;		/* its end is queued */
	bool out_chunked;
	bool no_body;		/* HEAD, 204, 304 */
	bool wants_drain;
	uint64_t out_left;	/* of a streamed answer of known length */
	bool out_sized;
	struct buf extra;	/* header lines set by the handler */
	char *etag;
	void (*drain_fn)(void *arg, struct http_req *r);
	void *drain_arg;
	void (*close_fn)(void *arg, struct http_req *r);
	void *close_arg;
	char store[] __attribute__((aligned(8)));
};

/* ---- server.c ---- */
void server_reap(struct http_server *s);
/* Have it driven from the loop's top level soon; no-op while it is driven. */
void conn_defer(struct http_conn *c);
void server_forget_conn(struct http_conn *c);	/* conn_close's part of the books */
const char *server_date(struct http_server *s);	/* "Date: ...\r\n" */

/* ---- conn.c ---- */
struct http_conn *conn_new(struct http_server *s, int fd);
void conn_drive(struct http_conn *c);
void conn_close(struct http_conn *c);
/* It waited in vain for this, and waits for nothing now. */
void conn_expire(struct http_conn *c, enum wait what);

/* ---- out.c: all of them set c->broken when the peer is gone ---- */
/* Send now what goes, keep a copy of the rest.  more: more follows at once. */
void out_bytes(struct http_conn *c, const struct iovec *iov, int n, bool more);
void out_blob(struct http_conn *c, struct blob *b, uint64_t off, uint64_t len);	/* references b */
void out_file(struct http_conn *c, int fd, uint64_t off, uint64_t len);	/* takes fd */
/* Send what waits; true when something went. */
bool out_flush(struct http_conn *c);
bool out_is_empty(const struct http_conn *c);
void out_free_all(struct http_conn *c);

/* ---- tls.c ---- */
SSL_CTX *tls_ctx_new(const char *cert, const char *key, struct err *err);
int tls_attach(struct http_conn *c);
/* Like read(): -1 with EAGAIN, 0 at the end. */
ssize_t tls_read(struct http_conn *c, void *to, size_t size);
/* Encrypt into c->cipher; bytes taken, or -1. */
ssize_t tls_write(struct http_conn *c, const void *data, size_t len);
void tls_bye(struct http_conn *c);

/* ---- request.c ---- */
struct http_req *req_new(struct http_conn *c, const struct head *h, const char *head, size_t len);
/* A request that could not be read, to answer an error with. */
struct http_req *req_new_empty(struct http_conn *c);
void req_free(struct http_req *r);	/* tells close_fn first */
/* Is all of the body read, or in our hands? */
bool req_body_is_here(const struct http_req *r);
/* Find its handler and call it, or answer 4xx. */
void req_dispatch(struct http_req *r);

/* ---- reply.c ---- */
#define HEAD_SPACE 1024
/* Status line and fields into to[]; with r->extra and an empty line it is the head.
 * len -1: no Content-Length. */
size_t reply_head(struct http_req *r, char to[HEAD_SPACE], int status, const char *type, int64_t len);
/* Begin an answer: false when it has one already (or its body broke off). */
bool reply_may_begin(struct http_req *r);
/* The head and, unless r->no_body, some of the body. */
void reply_send(struct http_req *r, int status, const char *type, int64_t len,
		const void *body, size_t body_len, bool more);
void reply_done(struct http_req *r);
/* Is the client's copy good (If-None-Match)? */
bool reply_is_not_modified(const struct http_req *r, int status);

#endif
