/* A request: made from a head, asked by its handler, found its route. */
#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "node/http/impl.h"

/* ---- life ---- */

static char *cut(struct http_req *r, size_t at, size_t len)
{
	r->head[at + len] = 0;
	return r->head + at;
}

static void take_body_rules(struct http_req *r, const struct head *h)
{
	r->keep_alive = h->keep_alive;
	r->expect_continue = h->expect_continue && h->minor > 0;
	r->chunked = h->chunked;
	r->body_left = h->length;
	r->body_done = !h->chunked && h->length == 0;
}

struct http_req *req_new(struct http_conn *c, const struct head *h, const char *head, size_t len)
{
	size_t fields_len = h->n_fields * sizeof(h->fields[0]);
	/* fields, head, and the decoded path twice: whole, and split into segments */
	struct http_req *r = xmalloc(sizeof(*r) + fields_len + len + 2 * (h->target_len + 2u));
	unsigned i;

	memset(r, 0, sizeof(*r));
	r->conn = c;
	r->fields = (struct head_field *)(void *)r->store;
	r->head = r->store + fields_len;
	memcpy(r->fields, h->fields, fields_len);
	memcpy(r->head, head, len);
	r->n_fields = h->n_fields;
	r->minor = h->minor;
	r->method = cut(r, 0, h->method_len);
	r->target = cut(r, h->target, h->target_len);
	r->host = cut(r, h->authority, h->authority_len);
	for (i = 0; i < r->n_fields; i++) {
		cut(r, r->fields[i].name, r->fields[i].name_len);
		cut(r, r->fields[i].value, r->fields[i].value_len);
	}
	r->path_space = r->head + len;
	r->path = r->query = "";
	r->is_head = strcmp(r->method, "HEAD") == 0;
	r->is_get = r->is_head || strcmp(r->method, "GET") == 0;
	take_body_rules(r, h);
	buf_init(&r->extra, HEAD_MAX_LEN);
	return r;
}

struct http_req *req_new_empty(struct http_conn *c)
{
	struct http_req *r = xcalloc(1, sizeof(*r) + 1);

	r->conn = c;
	r->minor = 1;
	r->body_done = true;
	r->method = r->target = r->host = r->path = r->query = r->store;
	buf_init(&r->extra, HEAD_MAX_LEN);
	return r;
}

void req_free(struct http_req *r)
{
	if (r->close_fn)
		r->close_fn(r->close_arg, r);
	buf_fini(&r->extra);
	free(r->url);
	free(r->etag);
	free(r);
}

/* ---- what handlers ask ---- */

const char *http_req_method(const struct http_req *r)
{
	return r->method;
}

const char *http_req_path(const struct http_req *r)
{
	return r->path;
}

const char *http_req_param(const struct http_req *r, const char *name)
{
	unsigned i;

	for (i = 0; i < r->n_params; i++) {
		const struct path_param *p = &r->params[i];

		if (strncmp(p->name, name, p->name_len) == 0 && name[p->name_len] == 0)
			return p->value;
	}
	return "";
}

const char *http_req_header(const struct http_req *r, const char *name)
{
	size_t len = strlen(name);
	unsigned i;

	for (i = 0; i < r->n_fields; i++)
		if (r->fields[i].name_len == len &&
		    strcasecmp(r->head + r->fields[i].name, name) == 0)
			return r->head + r->fields[i].value;
	return NULL;
}

bool http_req_query(const struct http_req *r, const char *name, char *to, size_t size)
{
	return query_get(r->query, name, to, size);
}

bool http_form_value(const char *form, const char *name, char *to, size_t size)
{
	return query_get(form, name, to, size);
}

const char *http_req_peer(const struct http_req *r)
{
	static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct http_req *m = (struct http_req *)r;	/* the text is only a cache */
	const struct http_conn *c = r->conn;
	char addr[INET6_ADDRSTRLEN];

	if (r->peer_text[0])
		return r->peer_text;
	if (memcmp(c->addr, v4_mapped, 12) == 0) {
		inet_ntop(AF_INET, c->addr + 12, addr, sizeof(addr));
		snprintf(m->peer_text, sizeof(m->peer_text), "%s:%u", addr, c->addr_port);
	} else {
		inet_ntop(AF_INET6, c->addr, addr, sizeof(addr));
		snprintf(m->peer_text, sizeof(m->peer_text), "[%s]:%u", addr, c->addr_port);
	}
	return r->peer_text;
}

int64_t http_req_body_len(const struct http_req *r)
{
	return r->chunked ? -1 : (int64_t)(r->body_left + r->body_got);
}

const char *http_req_url(const struct http_req *r)
{
	struct http_req *m = (struct http_req *)r;

	if (r->url)
		return r->url;
	if (r->target[0] == '/')
		m->url = xasprintf("%s://%s%s", r->conn->ssl ? "https" : "http", r->host, r->target);
	else
		m->url = xstrdup(r->target);
	return r->url;
}

void http_req_on_close(struct http_req *r, void (*fn)(void *arg, struct http_req *r), void *arg)
{
	r->close_fn = fn;
	r->close_arg = arg;
}

/* ---- the body ---- */

bool req_body_is_here(const struct http_req *r)
{
	const struct http_conn *c = r->conn;
	size_t here = c->driving ? c->win_len : c->saved.len;

	return r->body_done || (!r->chunked && here >= r->body_left);
}

static void send_continue(struct http_req *r)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec iov = { (void *)text, sizeof(text) - 1 };

	r->expect_continue = false;
	if (!r->begun && !r->body_done)
		out_bytes(r->conn, &iov, 1, false);
}

void http_req_read_body(struct http_req *r, uint64_t max_len, http_body_cb *fn, void *arg)
{
	assert(!r->body_fn);	/* our mistake: a body is read once */
	r->body_fn = fn;
	r->body_arg = arg;
	r->body_max = max_len;
	if (!r->chunked && r->body_left > max_len)
		r->body_status = 413;
	else if (r->expect_continue)
		send_continue(r);
	conn_defer(r->conn);
}

void http_req_pause(struct http_req *r, bool paused)
{
	r->paused = paused;
	if (!paused)
		conn_defer(r->conn);
}

/* ---- finding the handler ---- */

/* "http://authority/path" (RFC 9112, 3.2.2): the authority must be Host's, so that
 * there is one answer to "for whom?".  Returns where the path begins, or NULL. */
static const char *skip_authority(const struct http_req *r)
{
	const char *p = r->target;
	size_t n = strlen(r->host);

	if (*p == '/')
		return p;
	if (strncasecmp(p, "http://", 7) == 0)
		p += 7;
	else if (strncasecmp(p, "https://", 8) == 0)
		p += 8;
	else
		return NULL;
	return strncasecmp(p, r->host, n) == 0 && p[n] == '/' ? p + n : NULL;
}

static bool is_host_allowed(const struct http_req *r)
{
	char *const *allowed = r->conn->srv->allow_hosts;
	size_t n = strlen(r->host);
	const char *colon = strrchr(r->host, ':');

	if (!allowed)
		return true;
	if (colon && !strchr(colon, ']'))	/* not inside of [::1] */
		n = (size_t)(colon - r->host);
	for (; *allowed; allowed++)
		if (strlen(*allowed) == n && strncasecmp(*allowed, r->host, n) == 0)
			return true;
	return false;
}

/* Fills path and query; false for a path that is refused. */
static bool read_target(struct http_req *r, char **split)
{
	const char *raw = skip_authority(r), *q;
	char *path = r->path_space;
	size_t len, i;

	if (!raw)
		return false;
	q = strchr(raw, '?');
	len = q ? (size_t)(q - raw) : strlen(raw);
	if (path_decode(path, raw, len) < 0)
		return false;
	r->path = path;
	if (q)
		r->query = q + 1;
	len = strlen(path);
	*split = path + len + 1;
	for (i = 0; i <= len; i++)
		(*split)[i] = path[i] == '/' ? 0 : path[i];
	return true;
}

/* Is method one of "GET" (HEAD too) or "PUT|POST"? */
static bool method_is_in(const char *methods, const char *method)
{
	size_t len = strlen(method);
	const char *p;

	if (strcmp(method, "HEAD") == 0 && method_is_in(methods, "GET"))
		return true;
	for (p = methods; *p; p += strcspn(p, "|"), p += *p == '|')
		if (strcspn(p, "|") == len && memcmp(p, method, len) == 0)
			return true;
	return false;
}

static void allow_add(struct buf *allow, const char *methods)
{
	const char *p = methods;

	for (; *p; p++) {
		if (p == methods && allow->len)
			buf_add_str(allow, ", ");
		if (*p == '|')
			buf_add_str(allow, ", ");
		else
			buf_add(allow, p, 1);
	}
	if (method_is_in(methods, "GET"))
		buf_add_str(allow, ", HEAD");
}

/* The path is known, the method is not: OPTIONS of a browser, or 405. */
static void answer_other_method(struct http_req *r, struct buf *allow)
{
	bool cors = r->conn->srv->cors;

	if (cors)
		buf_add_str(allow, ", OPTIONS");
	http_set_header(r, "Allow", buf_cstr(allow));
	if (!cors || strcmp(r->method, "OPTIONS") != 0) {
		http_reply_error(r, 405, "method %s is not for this path", r->method);
		return;
	}
	http_set_header(r, "Access-Control-Allow-Methods", buf_cstr(allow));
	http_set_header(r, "Access-Control-Allow-Headers",
			"Authorization, Content-Type, Range, If-Match");
	http_set_header(r, "Access-Control-Max-Age", "86400");
	http_reply(r, 204, NULL, NULL, 0);
}

static void find_route(struct http_req *r, const char *split)
{
	const struct route *rt;
	struct buf allow;
	int n;

	buf_init(&allow, 4096);
	for (rt = r->conn->srv->routes; rt; rt = rt->next) {
		n = path_match(rt->pattern, r->path, split, r->params);
		if (n < 0)
			continue;
		if (method_is_in(rt->methods, r->method)) {
			r->n_params = (unsigned)n;
			buf_fini(&allow);
			rt->fn(rt->arg, r);
			return;
		}
		allow_add(&allow, rt->methods);
	}
	if (allow.len)
		answer_other_method(r, &allow);
	else
		http_reply_error(r, 404, "nothing at this path");
	buf_fini(&allow);
}

void req_dispatch(struct http_req *r)
{
	char *split;

	if (!is_host_allowed(r))
		http_reply_error(r, 403, "this Host is not served here");
	else if (!read_target(r, &split))
		http_reply_error(r, 400, "bad path");
	else
		find_route(r, split);
}

void http_route(struct http_server *s, const char *method, const char *pattern,
		http_handler *fn, void *arg)
{
	struct route *rt = xcalloc(1, sizeof(*rt));

	rt->methods = xstrdup(method);
	rt->pattern = xstrdup(pattern);
	rt->fn = fn;
	rt->arg = arg;
	*s->routes_end = rt;
	s->routes_end = &rt->next;
}
