/* Answers: the head, bodies from memory, streams. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/blob.h"
#include "base/mem.h"
#include "node/http/cond.h"
#include "node/http/impl.h"

static const char *reason(int status)
{
	switch (status) {
	case 200: return "OK";
	case 201: return "Created";
	case 202: return "Accepted";
	case 204: return "No Content";
	case 206: return "Partial Content";
	case 301: return "Moved Permanently";
	case 302: return "Found";
	case 303: return "See Other";
	case 304: return "Not Modified";
	case 307: return "Temporary Redirect";
	case 308: return "Permanent Redirect";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 402: return "Payment Required";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 409: return "Conflict";
	case 410: return "Gone";
	case 411: return "Length Required";
	case 412: return "Precondition Failed";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 415: return "Unsupported Media Type";
	case 416: return "Range Not Satisfiable";
	case 417: return "Expectation Failed";
	case 422: return "Unprocessable Content";
	case 429: return "Too Many Requests";
	case 431: return "Request Header Fields Too Large";
	case 500: return "Internal Server Error";
	case 501: return "Not Implemented";
	case 502: return "Bad Gateway";
	case 503: return "Service Unavailable";
	case 504: return "Gateway Timeout";
	case 505: return "HTTP Version Not Supported";
	default: return "Status";
	}
}

/* ---- head ---- */

static char *put(char *to, const char *text, size_t len)
{
	memcpy(to, text, len);
	return to + len;
}

#define PUT_TEXT(to, text) put(to, text, sizeof(text) - 1)

static char *put_number(char *to, uint64_t v)
{
	char digits[20], *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return put(to, p, (size_t)(digits + sizeof(digits) - p));
}

size_t reply_head(struct http_req *r, char to[HEAD_SPACE], int status, const char *type, int64_t len)
{
	const struct http_conn *c = r->conn;
	const char *date = server_date(c->srv), *text = reason(status);
	char *p = PUT_TEXT(to, "HTTP/1.1 ");
	size_t n;

	p = put_number(p, (uint64_t)status);
	*p++ = ' ';
	p = put(p, text, strlen(text));
	p = PUT_TEXT(p, "\r\n");
	p = put(p, date, strlen(date));
	if (type && (n = strlen(type)) < 200) {
		p = PUT_TEXT(p, "Content-Type: ");
		p = put(p, type, n);
		p = PUT_TEXT(p, "\r\n");
	}
	if (len >= 0) {
		p = PUT_TEXT(p, "Content-Length: ");
		p = put_number(p, (uint64_t)len);
		p = PUT_TEXT(p, "\r\n");
	}
	if (r->out_chunked)
		p = PUT_TEXT(p, "Transfer-Encoding: chunked\r\n");
	if (!r->keep_alive)
		p = PUT_TEXT(p, "Connection: close\r\n");
	else if (r->minor == 0)
		p = PUT_TEXT(p, "Connection: keep-alive\r\n");
	if (c->srv->cors)
		p = PUT_TEXT(p, "Access-Control-Allow-Origin: *\r\n"
				"Access-Control-Expose-Headers: Content-Length, Content-Range, "
				"ETag, Location\r\n");
	return (size_t)(p - to);
}

/* A body that nobody read and that is not all here ends the connection. */
static void settle_body(struct http_req *r)
{
	bool is_read = r->body_fn && !r->body_status;

	if (r->conn->srv->closing || (!is_read && !req_body_is_here(r)))
		r->keep_alive = false;
}

bool reply_may_begin(struct http_req *r)
{
	if (r->begun)
		return false;
	r->begun = true;
	settle_body(r);
	return true;
}

void reply_send(struct http_req *r, int status, const char *type, int64_t len,
		const void *body, size_t body_len, bool more)
{
	char head[HEAD_SPACE];
	struct iovec iov[4];
	int n = 0;

	iov[n++] = (struct iovec){ head, reply_head(r, head, status, type, len) };
	if (r->extra.len)
		iov[n++] = (struct iovec){ r->extra.data, r->extra.len };
	iov[n++] = (struct iovec){ (void *)"\r\n", 2 };
	if (body_len && !r->no_body)
		iov[n++] = (struct iovec){ (void *)body, body_len };
	out_bytes(r->conn, iov, n, more && !r->no_body);
}

void reply_done(struct http_req *r)
{
	r->done = true;
	conn_defer(r->conn);
}

static bool is_token(const char *s)
{
	size_t n = strspn(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return n > 0 && s[n] == 0;
}

void http_set_header(struct http_req *r, const char *name, const char *value)
{
	assert(is_token(name) && !strpbrk(value, "\r\n"));
	buf_add_str(&r->extra, name);
	buf_add_str(&r->extra, ": ");
	buf_add_str(&r->extra, value);
	buf_add_str(&r->extra, "\r\n");
	assert(!r->extra.failed);
	if (strcasecmp(name, "ETag") == 0) {
		free(r->etag);
		r->etag = xstrdup(value);
	}
}

bool reply_is_not_modified(const struct http_req *r, int status)
{
	const char *list;

	if (!r->etag || !r->is_get || status != 200)
		return false;
	list = http_req_header(r, "If-None-Match");
	return list && etag_in_list(list, r->etag);
}

/* ---- whole answers ---- */

void http_reply(struct http_req *r, int status, const char *type, const void *body, size_t len)
{
	if (!reply_may_begin(r))
		return;
	if (reply_is_not_modified(r, status))
		status = 304;
	r->no_body = r->is_head || status == 204 || status == 304;
	if (status == 204 || status == 304)
		reply_send(r, status, NULL, -1, NULL, 0, false);
	else
		reply_send(r, status, type, (int64_t)len, body, len, false);
	reply_done(r);
}

static void add_json_string(struct buf *b, const char *s)
{
	for (; *s; s++) {
		uint8_t ch = (uint8_t)*s;

		if (ch == '"' || ch == '\\')
			buf_addf(b, "\\%c", ch);
		else if (ch < 0x20)
			buf_addf(b, "\\u%04x", ch);
		else
			buf_add_u8(b, ch);
	}
}

/* Cut a text that vsnprintf cut inside of a character back to whole ones. */
static void trim_utf8(char *s)
{
	size_t len = strlen(s), n;

	for (n = 0; n < 4 && len > 0 && !utf8_is_valid(s, len); n++)
		s[--len] = 0;
	if (!utf8_is_valid(s, len))
		s[0] = 0;
}

void http_reply_error(struct http_req *r, int status, const char *fmt, ...)
{
	char text[512];
	struct buf b;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	trim_utf8(text);
	buf_init(&b, 8 * sizeof(text));
	buf_add_str(&b, "{\"errors\":[\"");
	add_json_string(&b, text);
	buf_add_str(&b, "\"]}");
	http_reply(r, status, "application/json", b.data, b.len);
	buf_fini(&b);
}

/* ---- streams ---- */

void http_reply_begin(struct http_req *r, int status, const char *type, int64_t len)
{
	if (!reply_may_begin(r))
		return;
	r->no_body = r->is_head || status == 204 || status == 304;
	r->out_sized = len >= 0;
	r->out_left = len >= 0 ? (uint64_t)len : 0;
	r->out_chunked = len < 0 && r->minor > 0 && status != 204 && status != 304;
	if (len < 0 && r->minor == 0)
		r->keep_alive = false;	/* HTTP/1.0: the end is the end */
	reply_send(r, status, type, len, NULL, 0, false);
}

/* Room in the promised length for len more bytes. */
static size_t promised(struct http_req *r, size_t len)
{
	if (!r->out_sized)
		return len;
	if (len > r->out_left)
		len = (size_t)r->out_left;
	r->out_left -= len;
	return len;
}

static bool may_write(const struct http_req *r)
{
	return r->begun && !r->done && !r->no_body && !r->conn->broken;
}

static size_t after_write(struct http_req *r)
{
	struct http_conn *c = r->conn;

	if (c->out_len)
		r->wants_drain = true;
	conn_defer(c);
	return (size_t)c->out_len;
}

size_t http_write(struct http_req *r, const void *data, size_t len)
{
	struct iovec iov[3];
	char size[24];
	int n = 0;

	if (!may_write(r))
		return 0;
	len = promised(r, len);
	if (len == 0)
		return (size_t)r->conn->out_len;
	if (r->out_chunked) {
		n = snprintf(size, sizeof(size), "%zx\r\n", len);
		iov[0] = (struct iovec){ size, (size_t)n };
		iov[1] = (struct iovec){ (void *)data, len };
		iov[2] = (struct iovec){ (void *)"\r\n", 2 };
		n = 3;
	} else {
		iov[0] = (struct iovec){ (void *)data, len };
		n = 1;
	}
	out_bytes(r->conn, iov, n, false);
	return after_write(r);
}

void http_write_blob(struct http_req *r, struct blob *b)
{
	struct iovec end = { (void *)"\r\n", 2 }, iov;
	char size[24];
	size_t len;

	if (!may_write(r))
		return;
	len = promised(r, b->len);
	if (len == 0)
		return;
	if (r->out_chunked) {
		iov.iov_base = size;
		iov.iov_len = (size_t)snprintf(size, sizeof(size), "%zx\r\n", len);
		out_bytes(r->conn, &iov, 1, true);
	}
	out_blob(r->conn, b, 0, len);
	if (r->out_chunked)
		out_bytes(r->conn, &end, 1, false);
	after_write(r);
}

void http_on_drain(struct http_req *r, void (*fn)(void *arg, struct http_req *r), void *arg)
{
	r->drain_fn = fn;
	r->drain_arg = arg;
}

void http_reply_end(struct http_req *r)
{
	struct iovec end = { (void *)"0\r\n\r\n", 5 };

	if (!r->begun || r->done)
		return;
	if (r->out_chunked && !r->no_body)
		out_bytes(r->conn, &end, 1, false);
	/* Less than was promised: only a cut tells the client. */
	if (r->out_sized && r->out_left && !r->no_body)
		r->conn->broken = true;
	reply_done(r);
}
