/*
 * One connection: reads heads, hands requests to handlers one after the other,
 * feeds bodies, and goes on to the next request when the answer has left.  What a
 * client sends ahead (pipelining) stays in the socket until then, so it cannot make
 * memory grow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "node/http/impl.h"

#define MAX_BLANK_LINES 4	/* before a head; RFC 9112, 2.2 asks for one */

struct http_conn *conn_new(struct http_server *s, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	struct http_conn *c = xcalloc(1, sizeof(*c));

	c->srv = s;
	c->fd = fd;
	c->out_end = &c->out;
	c->wait_for = WAIT_NONE;
	c->can_write = true;
	link_init(&c->all);
	link_init(&c->wait);
	link_init(&c->deferred);
	buf_init(&c->saved, HEAD_MAX_LEN + READ_SIZE);
	buf_init(&c->cipher, 4 * READ_SIZE);
	ev.data.ptr = c;
	if ((s->tls && tls_attach(c) < 0) || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		SSL_free(c->ssl);
		free(c);
		return NULL;
	}
	return c;
}

/* ---- waiting ---- */

static void wait_for(struct http_conn *c, enum wait w, bool renew)
{
	struct http_server *s = c->srv;

	if (c->wait_for == w && !renew)
		return;
	c->wait_for = w;
	link_remove(&c->wait);
	if (w == WAIT_NONE)
		return;
	c->deadline_ms = uv_now(s->loop) + s->limits.wait_ms[w];
	link_append(&s->waits[w], &c->wait);
	if (w == WAIT_BODY)
		c->body_mark = c->req->body_got;
}

static bool wants_body(const struct http_req *r)
{
	return r->body_fn && !r->body_told && !r->paused && !r->done;
}

static void set_wait(struct http_conn *c, bool progress)
{
	switch (c->state) {
	case CONN_HEAD:
		if (c->saved.len || (c->ssl && !SSL_is_init_finished(c->ssl)))
			wait_for(c, WAIT_HEAD, false);
		else
			wait_for(c, WAIT_IDLE, false);
		break;
	case CONN_REQUEST:
		if (!out_is_empty(c))
			wait_for(c, WAIT_SEND, progress);
		else
			wait_for(c, wants_body(c->req) ? WAIT_BODY : WAIT_NONE, false);
		break;
	case CONN_LINGER:
		wait_for(c, WAIT_LINGER, false);
		break;
	case CONN_CLOSED:
		break;
	}
}

/* ---- input ---- */

static void use_up(struct http_conn *c, size_t n)
{
	c->win += n;
	c->win_len -= n;
}

static bool is_saved(const struct http_conn *c)
{
	return c->saved.data && c->win >= c->saved.data &&
	       c->win <= c->saved.data + c->saved.len;
}

/* The window is about to lose read_buf: keep what is in it. */
static void save_rest(struct http_conn *c)
{
	if (is_saved(c)) {
		buf_consume(&c->saved, (size_t)(c->win - c->saved.data));
	} else {
		buf_clear(&c->saved);
		buf_add(&c->saved, c->win, c->win_len);
	}
	if (c->saved.len == 0)
		buf_fini(&c->saved);
}

static ssize_t read_plain(struct http_conn *c)
{
	ssize_t n;

	if (!c->can_read) {
		errno = EAGAIN;
		return -1;
	}
	n = recv(c->fd, c->srv->read_buf, READ_SIZE, 0);
	if (n < 0 && errno == EAGAIN)
		c->can_read = false;
	if (n > 0) {
		c->srv->stats.bytes_in += (uint64_t)n;
		/* A short read empties the socket; a FIN behind it is a new edge
		 * unless it is already known. */
		if (n < READ_SIZE && !c->peer_done)
			c->can_read = false;
	}
	return n;
}

/* More input behind the window.  1: some came; 0: not now; -1: none will come. */
static int fill(struct http_conn *c)
{
	ssize_t n;

	if (c->win_len)
		save_rest(c);
	else
		buf_fini(&c->saved);
	do {
		n = c->ssl ? tls_read(c, c->srv->read_buf, READ_SIZE) : read_plain(c);
	} while (n < 0 && errno == EINTR);
	if (n <= 0) {
		bool later = n < 0 && errno == EAGAIN;

		c->win = c->saved.data;
		c->win_len = c->saved.len;
		if (n < 0 && !later)
			c->broken = true;
		return later ? 0 : -1;
	}
	if (c->saved.len == 0) {
		c->win = c->srv->read_buf;
		c->win_len = (size_t)n;
		return 1;
	}
	buf_add(&c->saved, c->srv->read_buf, (size_t)n);
	c->win = c->saved.data;
	c->win_len = c->saved.len;
	return 1;
}

/* Others get a turn after so much work on one connection. */
static bool has_had_turn(struct http_conn *c, unsigned *work, unsigned cost)
{
	*work += cost;
	if (*work <= TURN_WORK)
		return false;
	c->again = true;
	return true;
}

/* ---- CONN_HEAD ---- */

/* Answer what cannot be read as a request; the connection ends with it. */
static bool refuse_head(struct http_conn *c, int status, const char *why)
{
	c->srv->stats.n_bad++;
	c->linger = true;
	use_up(c, c->win_len);
	c->req = req_new_empty(c);
	c->state = CONN_REQUEST;
	log_debug(NULL, "request refused: peer=%s status=%d why=%s", http_req_peer(c->req), status, why);
	http_reply_error(c->req, status, "%s", why);
	return true;
}

static void skip_blank_lines(struct http_conn *c)
{
	while (c->n_blank < MAX_BLANK_LINES && c->scanned == 0 && c->win_len >= 2 &&
	       c->win[0] == '\r' && c->win[1] == '\n') {
		c->n_blank++;
		use_up(c, 2);
	}
}

static bool begin_request(struct http_conn *c, size_t len)
{
	const char *why = "", *data = (const char *)c->win;
	struct head h;
	int status = head_read(&h, data, len, &why);

	c->scanned = 0;
	c->n_blank = 0;
	if (status)
		return refuse_head(c, status, why);
	c->req = req_new(c, &h, data, len);
	use_up(c, len);
	c->state = CONN_REQUEST;
	c->srv->stats.n_requests++;
	if (h.expect_other)
		http_reply_error(c->req, 417, "only Expect: 100-continue");
	else
		req_dispatch(c->req);
	return true;
}

static bool step_head(struct http_conn *c, unsigned *work)
{
	const char *why = "";
	int n, got;

	if (has_had_turn(c, work, 1))
		return false;
	skip_blank_lines(c);
	n = head_find_end((const char *)c->win, c->win_len, &c->scanned, &why);
	if (n < 0)
		return refuse_head(c, 400, why);
	if (n > HEAD_MAX_LEN || (n == 0 && c->win_len >= HEAD_MAX_LEN))
		return refuse_head(c, 431, "head too long");
	if (n > 0)
		return begin_request(c, (size_t)n);
	got = fill(c);
	if (got < 0)
		conn_close(c);
	return got > 0;
}

/* ---- CONN_REQUEST ---- */

static void tell_body(struct http_req *r, const uint8_t *data, size_t len, bool ok)
{
	if (!data)
		r->body_told = true;
	r->body_fn(r->body_arg, r, data, len, ok);
}

/* The body ends badly: answer if nothing was answered, then tell the handler. */
static bool break_body(struct http_conn *c, int status, const char *why)
{
	struct http_req *r = c->req;

	c->linger = true;
	if (r->begun)
		c->broken = !r->done;
	else if (status)
		http_reply_error(r, status, "%s", why);
	else
		c->broken = true;
	r->keep_alive = false;
	if (r->body_fn && !r->body_told)
		tell_body(r, NULL, 0, false);
	return true;
}

static bool body_bytes(struct http_conn *c, const uint8_t *data, size_t n)
{
	struct http_req *r = c->req;

	r->body_got += n;
	if (r->body_got > r->body_max)
		return break_body(c, 413, "body too large");
	tell_body(r, data, n, true);
	return true;
}

static bool feed_chunked(struct http_conn *c)
{
	const uint8_t *data = NULL;
	size_t used, n = 0;
	enum chunk_result res = chunk_read(&c->req->chunk, c->win, c->win_len, &used, &data, &n);

	use_up(c, used);
	switch (res) {
	case CHUNK_MORE:
		return true;
	case CHUNK_DATA:
		return body_bytes(c, data, n);
	case CHUNK_END:
		c->req->body_done = true;
		return true;
	case CHUNK_BAD:
		c->srv->stats.n_bad++;
		return break_body(c, 400, "bad chunked body");
	}
	return true;
}

static bool feed_sized(struct http_conn *c)
{
	struct http_req *r = c->req;
	const uint8_t *data = c->win;
	size_t n = c->win_len < r->body_left ? c->win_len : (size_t)r->body_left;

	use_up(c, n);
	r->body_left -= n;
	r->body_done = r->body_left == 0;
	return body_bytes(c, data, n);
}

static bool step_body(struct http_conn *c, unsigned *work)
{
	struct http_req *r = c->req;
	int got;

	if (r->body_status)
		return break_body(c, r->body_status, r->body_status == 413 ? "body too large" :
				  "body too slow");
	if (r->body_done) {
		tell_body(r, NULL, 0, true);
		return true;
	}
	if (c->win_len)
		return r->chunked ? feed_chunked(c) : feed_sized(c);
	if (has_had_turn(c, work, READ_WORK))
		return false;
	got = fill(c);
	if (got < 0)
		return break_body(c, 0, NULL);
	return got > 0;
}

/* A body nobody asked for, if all of it is already here. */
static void skip_body(struct http_conn *c)
{
	struct http_req *r = c->req;

	if (r->body_done || !req_body_is_here(r))
		return;
	use_up(c, (size_t)r->body_left);
	r->body_left = 0;
	r->body_done = true;
}

static void end_connection(struct http_conn *c)
{
	if (!c->linger && c->win_len == 0 && !c->can_read) {
		conn_close(c);
		return;
	}
	if (c->ssl) {
		tls_bye(c);
		out_flush(c);
	}
	shutdown(c->fd, SHUT_WR);
	c->state = CONN_LINGER;
	use_up(c, c->win_len);
}

/* The answer has left. */
static bool end_request(struct http_conn *c)
{
	struct http_req *r = c->req;
	bool keep;

	skip_body(c);
	keep = r->keep_alive && r->body_done && !c->srv->closing;
	c->linger |= !r->body_done;
	c->req = NULL;
	c->state = CONN_HEAD;
	wait_for(c, WAIT_NONE, false);
	req_free(r);
	if (c->state == CONN_CLOSED)	/* by http_server_close() in a callback */
		return false;
	if (!keep)
		end_connection(c);
	return c->state != CONN_CLOSED;
}

static bool step_request(struct http_conn *c, unsigned *work)
{
	struct http_req *r = c->req;

	if (wants_body(r) && step_body(c, work))
		return true;
	if (c->broken)
		return false;
	if (!out_is_empty(c))
		return false;
	if (r->done)
		return end_request(c);
	if (r->wants_drain) {
		r->wants_drain = false;
		if (r->drain_fn)
			r->drain_fn(r->drain_arg, r);
		return true;
	}
	/* Whoever hangs up while we make the answer does not want it. */
	if (c->peer_done && req_body_is_here(r))
		c->broken = true;
	return false;
}

/* ---- CONN_LINGER ---- */

static bool step_linger(struct http_conn *c, unsigned *work)
{
	ssize_t n;

	if (has_had_turn(c, work, READ_WORK))
		return false;
	n = recv(c->fd, c->srv->read_buf, READ_SIZE, 0);
	if (n > 0)
		return true;
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		conn_close(c);
	else
		c->can_read = errno == EINTR;
	return false;
}

/* ---- all ---- */

static bool step(struct http_conn *c, unsigned *work)
{
	switch (c->state) {
	case CONN_HEAD:
		return step_head(c, work);
	case CONN_REQUEST:
		return step_request(c, work);
	case CONN_LINGER:
		return step_linger(c, work);
	case CONN_CLOSED:
		return false;
	}
	return false;
}

void conn_drive(struct http_conn *c)
{
	unsigned work = 0;
	bool went = false, more = true;

	if (c->state == CONN_CLOSED)
		return;
	c->driving = true;
	c->again = false;
	c->win = c->saved.data;
	c->win_len = c->saved.len;
	while (more && !c->broken && !c->again && c->state != CONN_CLOSED) {
		if (!out_is_empty(c))
			went |= out_flush(c);
		more = !c->broken && step(c, &work);
		/* A step of the TLS handshake also makes output. */
		more |= c->cipher.len > 0 && c->can_write;
	}
	c->driving = false;
	if (c->broken)
		conn_close(c);
	if (c->state == CONN_CLOSED)
		return;
	save_rest(c);
	c->win = NULL;
	c->win_len = 0;
	set_wait(c, went);
	if (c->again)
		conn_defer(c);
}

void conn_close(struct http_conn *c)
{
	struct http_req *r = c->req;

	if (c->state == CONN_CLOSED)
		return;
	c->state = CONN_CLOSED;
	c->req = NULL;
	if (c->ssl && !c->broken)
		tls_bye(c);
	if (c->cipher.len && !c->out)	/* a last alert */
		(void)!send(c->fd, c->cipher.data, c->cipher.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	c->broken = true;	/* what callbacks write from now on goes nowhere */
	epoll_ctl(c->srv->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
	close(c->fd);
	link_remove(&c->wait);
	link_remove(&c->deferred);
	SSL_free(c->ssl);
	c->ssl = NULL;
	out_free_all(c);
	buf_fini(&c->saved);
	buf_fini(&c->cipher);
	if (r && r->body_fn && !r->body_told && !r->done)
		tell_body(r, NULL, 0, false);
	if (r)
		req_free(r);
	server_forget_conn(c);
}

/* ---- deadlines ---- */

static void expire_body(struct http_conn *c)
{
	struct http_req *r = c->req;

	if (r->body_got - c->body_mark >= c->srv->limits.body_min_bytes) {
		wait_for(c, WAIT_BODY, true);
		return;
	}
	r->body_status = 408;
	conn_drive(c);
}

void conn_expire(struct http_conn *c, enum wait what)
{
	static const char late[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
				   "Content-Length: 0\r\n\r\n";

	switch (what) {
	case WAIT_BODY:
		expire_body(c);
		return;
	case WAIT_HEAD:
		if (!c->ssl)
			(void)!send(c->fd, late, sizeof(late) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case WAIT_IDLE:
	case WAIT_SEND:
	case WAIT_LINGER:
	case WAIT_NONE:
		break;
	}
	conn_close(c);
}
