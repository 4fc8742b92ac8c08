/* The server over loopback: what it answers, refuses, bounds and survives. */
#include "test/node/http/harness.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/blob.h"

#define H "Host: a\r\n"
#define CLOSE "Connection: close\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" H CLOSE "\r\n"
#define BIG ((size_t)8 << 20)

/* What the handlers below leave for the tests to see. */
static struct {
	struct http_req *parked;
	unsigned n_closed;	/* on_close calls */
	uint64_t n_body, body_sum;
	unsigned n_body_ends;
	bool body_ok, body_ended;
	bool closed;		/* as n_closed > 0 */
	struct blob *blob;
	int dirfd;
	unsigned n_drains;
	size_t max_queued;
	uint64_t left;		/* of /stream */
	bool pause_at_once;
	char text[400];
} seen;

static void on_gone(void *arg, struct http_req *r)
{
	seen.n_closed++;
	seen.closed = true;
	if (seen.parked == r)
		seen.parked = NULL;
}

static void on_hello(void *arg, struct http_req *r)
{
	http_req_on_close(r, on_gone, NULL);
	http_set_header(r, "ETag", "\"v1\"");
	http_reply(r, 200, "text/plain", "hello", 5);
}

static void on_later(void *arg, struct http_req *r)
{
	seen.parked = r;
	http_req_on_close(r, on_gone, NULL);
}

static void on_params(void *arg, struct http_req *r)
{
	char q[100] = "-", text[400];

	http_req_query(r, "q", q, sizeof(q));
	snprintf(text, sizeof(text), "%s|%s|%s|%s|%s|%s|%s", http_req_method(r), http_req_path(r),
		 http_req_param(r, "a"), http_req_param(r, "rest"), http_req_param(r, "none"), q,
		 http_req_url(r));
	http_reply(r, 200, "text/plain", text, strlen(text));
}

static void on_blob(void *arg, struct http_req *r)
{
	http_set_header(r, "ETag", "\"b1\"");
	http_reply_blob(r, 200, "video/mp2t", seen.blob, arg ? 10 : 0);
}

static void on_file(void *arg, struct http_req *r)
{
	http_reply_file(r, "text/plain", seen.dirfd, http_req_param(r, "path"));
}

static void on_count_body(void *arg, struct http_req *r, const uint8_t *data, size_t len, bool ok)
{
	char text[40];
	size_t i;

	if (data) {
		seen.n_body += len;
		for (i = 0; i < len; i++)
			seen.body_sum = seen.body_sum * 31 + data[i];
		return;
	}
	seen.n_body_ends++;
	seen.body_ended = true;
	seen.body_ok = ok;
	if (!ok)
		return;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)seen.n_body);
	http_reply(r, 200, "text/plain", text, strlen(text));
}

static void on_count(void *arg, struct http_req *r)
{
	http_req_on_close(r, on_gone, NULL);
	if (seen.pause_at_once) {
		http_req_pause(r, true);
		seen.parked = r;
	}
	http_req_read_body(r, 100u << 20, on_count_body, NULL);
}

static void on_small(void *arg, struct http_req *r)
{
	http_req_read_body(r, 10, on_count_body, NULL);
}

static void on_echo_body(void *arg, struct http_req *r, const uint8_t *data, size_t len, bool ok)
{
	if (!data)
		http_reply_end(r);
	else
		http_write(r, data, len);
}

static void on_echo(void *arg, struct http_req *r)
{
	http_reply_begin(r, 200, "text/plain", -1);
	http_req_read_body(r, 1 << 20, on_echo_body, NULL);
}

/* 8 MiB in pieces, waiting for drain above 256 KiB. */
static void pump(void *arg, struct http_req *r)
{
	static uint8_t piece[65536];
	size_t queued = 0;

	if (arg == r)
		seen.n_drains++;
	while (seen.left > 0 && queued < (256u << 10)) {
		memset(piece, 'a' + (int)(seen.left / sizeof(piece) % 26), sizeof(piece));
		queued = http_write(r, piece, sizeof(piece));
		seen.left -= sizeof(piece);
		if (queued > seen.max_queued)
			seen.max_queued = queued;
	}
	if (seen.left == 0)
		http_reply_end(r);
}

static void on_stream(void *arg, struct http_req *r)
{
	seen.left = BIG;
	http_req_on_close(r, on_gone, NULL);
	http_on_drain(r, pump, r);
	http_reply_begin(r, 200, "text/plain", arg ? (int64_t)BIG : -1);
	pump(NULL, r);
}

static void on_two_blobs(void *arg, struct http_req *r)
{
	http_reply_begin(r, 200, "video/mp2t", -1);
	http_write_blob(r, seen.blob);
	http_write(r, "mid", 3);
	http_write_blob(r, seen.blob);
	http_reply_end(r);
}

/* Answers with less than it promised. */
static void on_short(void *arg, struct http_req *r)
{
	http_reply_begin(r, 200, "text/plain", 10);
	http_write(r, "abc", 3);
	http_reply_end(r);
}

static void on_error(void *arg, struct http_req *r)
{
	http_reply_error(r, 422, "bad \"x\" at line\n%d", 7);
}

static void add_routes(struct http_server *s)
{
	http_route(s, "GET", "/", on_hello, NULL);
	http_route(s, "GET", "/hello", on_hello, NULL);
	http_route(s, "GET", "/later", on_later, NULL);
	http_route(s, "PUT|POST", "/later", on_later, NULL);
	http_route(s, "GET", "/p/:a", on_params, NULL);
	http_route(s, "GET|POST", "/r/*rest", on_params, NULL);
	http_route(s, "GET", "/blob", on_blob, NULL);
	http_route(s, "GET", "/blob10", on_blob, &seen);
	http_route(s, "GET", "/file/*path", on_file, NULL);
	http_route(s, "PUT|POST", "/count", on_count, NULL);
	http_route(s, "POST", "/small", on_small, NULL);
	http_route(s, "POST", "/echo", on_echo, NULL);
	http_route(s, "POST", "/ignore", on_hello, NULL);
	http_route(s, "GET", "/stream", on_stream, NULL);
	http_route(s, "GET", "/stream-sized", on_stream, &seen);
	http_route(s, "GET", "/two", on_two_blobs, NULL);
	http_route(s, "GET", "/short", on_short, NULL);
	http_route(s, "GET", "/error", on_error, NULL);
}

static void start_with(struct env *e, const struct http_opts *opts)
{
	struct http_limits l;

	env_start(e, opts);
	add_routes(e->s);
	http_server_limits(e->s, &l);
	l.wait_ms[WAIT_LINGER] = 200;
	l.tick_ms = 5;
	http_server_set_limits(e->s, &l);
	memset(&seen, 0, sizeof(seen));
	seen.dirfd = -1;
}

static void start(struct env *e)
{
	start_with(e, NULL);
}

static void shorten(struct env *e, enum wait w, uint64_t ms)
{
	struct http_limits l;

	http_server_limits(e->s, &l);
	l.wait_ms[w] = ms;
	http_server_set_limits(e->s, &l);
}

static void stop(struct env *e)
{
	env_stop(e);
	blob_unref(seen.blob);
	seen.blob = NULL;
	if (seen.dirfd >= 0)
		close(seen.dirfd);
}

static struct blob *make_blob(size_t len)
{
	uint8_t *data = xmalloc(len);
	struct blob *b;
	size_t i;

	for (i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	b = blob_new(data, len, NULL);
	assert_non_null(b);
	free(data);
	return b;
}

#define assert_has(text, part)							\
	do {									\
		if (!strcasestr(text, part))					\
			fail_msg("\"%s\" is not in: %s", part, text);		\
	} while (0)

/* ---- plain answers ---- */

static void answer_has_date_length_type_and_body(void **state)
{
	struct env e;
	char *a;

	start(&e);
	a = talk(&e, GET("/hello"));
	assert_int_equal(status_of(a), 200);
	assert_string_equal(body_of(a), "hello");
	assert_has(a, "\r\nDate: ");
	assert_has(a, " GMT\r\n");
	assert_has(a, "\r\nContent-Length: 5\r\n");
	assert_has(a, "\r\nContent-Type: text/plain\r\n");
	assert_has(a, "\r\nConnection: close\r\n");
	assert_null(strcasestr(a, "\r\nServer:"));
	assert_null(strcasestr(a, "\r\nAccess-Control"));
	assert_int_equal(seen.n_closed, 1);
	free(a);
	stop(&e);
}

static void head_gives_the_same_head_without_body(void **state)
{
	struct env e;
	char *a;

	start(&e);
	seen.blob = make_blob(100000);
	a = talk(&e, "HEAD /hello HTTP/1.1\r\n" H CLOSE "\r\n");
	assert_int_equal(status_of(a), 200);
	assert_has(a, "\r\nContent-Length: 5\r\n");
	assert_string_equal(body_of(a), "");
	free(a);
	a = talk(&e, "HEAD /blob HTTP/1.1\r\n" H CLOSE "\r\n");
	assert_has(a, "\r\nContent-Length: 100000\r\n");
	assert_string_equal(body_of(a), "");
	free(a);
	a = talk(&e, "HEAD /stream HTTP/1.1\r\n" H CLOSE "\r\n");
	assert_int_equal(status_of(a), 200);
	assert_string_equal(body_of(a), "");
	free(a);
	stop(&e);
}

static void requests_follow_each_other_on_one_connection(void **state)
{
	struct http_stats st;
	struct env e;
	char *a;
	int fd, i;

	start(&e);
	fd = dial(&e);
	for (i = 0; i < 50; i++) {
		put_text(&e, fd, "GET /hello HTTP/1.1\r\n" H "\r\n");
		a = get_answer(&e, fd);
		assert_int_equal(status_of(a), 200);
		assert_null(strcasestr(a, "\r\nConnection:"));
		free(a);
	}
	http_server_stats(e.s, &st);
	assert_int_equal(st.n_requests, 50);
	assert_int_equal(st.n_conns, 1);
	assert_int_equal(seen.n_closed, 50);
	close(fd);
	stop(&e);
}

static void http_1_0_is_closed_unless_it_asks_to_stay(void **state)
{
	struct env e;
	char *a;
	int fd;

	start(&e);
	a = talk(&e, "GET /hello HTTP/1.0\r\n" H "\r\n");
	assert_has(a, "Connection: close");
	free(a);
	fd = dial(&e);
	put_text(&e, fd, "GET /hello HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n");
	a = get_answer(&e, fd);
	assert_has(a, "Connection: keep-alive");
	free(a);
	put_text(&e, fd, "GET /hello HTTP/1.0\r\n" H "\r\n");
	a = get_answer(&e, fd);
	assert_int_equal(status_of(a), 200);
	free(a);
	close(fd);
	seen.blob = make_blob(100);
	/* a stream of unknown length ends with the connection, not in chunks */
	a = talk(&e, "GET /two HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n");
	assert_null(strcasestr(a, "chunked"));
	free(a);
	stop(&e);
}

static void a_byte_at_a_time_is_understood(void **state)
{
	static const char s[] = "\r\n\r\nPOST /count HTTP/1.1\r\n" H CLOSE
				"Transfer-Encoding: chunked\r\n\r\n"
				"5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\n";
	struct got g = { 0 };
	struct env e;
	size_t i;
	int fd;

	start(&e);
	fd = dial(&e);
	for (i = 0; i < sizeof(s) - 1; i++) {
		put_bytes(&e, fd, s + i, 1);
		uv_run(&e.loop, UV_RUN_NOWAIT);
	}
	get_more(&e, fd, &g, 0);
	assert_int_equal(status_of(g.data), 200);
	assert_string_equal(body_of(g.data), "5");
	free(g.data);
	close(fd);
	stop(&e);
}

static void params_query_and_url_reach_the_handler(void **state)
{
	struct env e;
	char *a;

	start(&e);
	a = talk(&e, GET("/p/x%20y?q=1+2&z"));
	assert_string_equal(body_of(a), "GET|/p/x y|x y|||1 2|http://a/p/x%20y?q=1+2&z");
	free(a);
	a = talk(&e, "POST /r/u/v%2Bw HTTP/1.1\r\nHost: b:80\r\n" CLOSE "\r\n");
	assert_string_equal(body_of(a), "POST|/r/u/v+w||u/v+w||-|http://b:80/r/u/v%2Bw");
	free(a);
	a = talk(&e, "GET http://b:80/p/1 HTTP/1.1\r\nHost: b:80\r\n" CLOSE "\r\n");
	assert_string_equal(body_of(a), "GET|/p/1|1|||-|http://b:80/p/1");
	free(a);
	assert_int_equal(ask(&e, "GET http://c/p/1 HTTP/1.1\r\nHost: b\r\n" CLOSE "\r\n"), 400);
	stop(&e);
}

static void unknown_paths_and_methods_are_told_apart(void **state)
{
	struct env e;
	char *a;

	start(&e);
	a = talk(&e, GET("/nothing"));
	assert_int_equal(status_of(a), 404);
	assert_string_equal(body_of(a), "{\"errors\":[\"nothing at this path\"]}");
	free(a);
	a = talk(&e, "DELETE /later HTTP/1.1\r\n" H CLOSE "\r\n");
	assert_int_equal(status_of(a), 405);
	assert_has(a, "\r\nAllow: GET, HEAD, PUT, POST\r\n");
	free(a);
	assert_int_equal(ask(&e, "OPTIONS /later HTTP/1.1\r\n" H CLOSE "\r\n"), 405);
	a = talk(&e, GET("/error"));
	assert_int_equal(status_of(a), 422);
	assert_string_equal(body_of(a), "{\"errors\":[\"bad \\\"x\\\" at line\\u000a7\"]}");
	free(a);
	stop(&e);
}

/* ---- what is refused ---- */

/* Status of a request with n times "x" in its middle. */
static int ask_long(struct env *e, const char *before, size_t n, const char *after)
{
	struct buf b;
	size_t i;
	int status;

	buf_init(&b, n + 1000);
	buf_add_str(&b, before);
	for (i = 0; i < n; i++)
		buf_add_u8(&b, 'x');
	buf_add_str(&b, after);
	status = ask(e, buf_cstr(&b));
	buf_fini(&b);
	return status;
}

/* facts/dependencies, section 2, table "Malformed input". */
static void malformed_requests_end_the_connection(void **state)
{
	static const struct {
		const char *s;
		int status;
	} cases[] = {
		{ "POST /count HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
		{ "POST /count HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400 },
		{ "GET /hello HTTP/1.1\nHost: a\n\n", 400 },
		{ "GET /hello HTTP/1.1\r\n\r\n", 400 },
		{ "GET /hello HTTP/1.1\r\nHost : a\r\n\r\n", 400 },
		{ "POST /count HTTP/1.1\r\n" H "X: \rxTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
		{ "POST /count HTTP/1.1\r\n Content-Length: 5\r\n" H "\r\nhello", 400 },
		{ "GET /hello HTTP/1.1\r\n" H H "\r\n", 400 },
		{ "GET /hello HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400 },
		{ "GET /hello HTTP/2.0\r\n" H "\r\n", 505 },
		{ "BREW /hello HTTP/1.1\r\n" H "\r\n", 501 },
		{ "POST /count HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", 501 },
		{ "GET /hello HTTP/1.1\r\n" H CLOSE "Expect: tea\r\n\r\n", 417 },
		{ "POST /count HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400 },
		{ "CONNECT a:80 HTTP/1.1\r\n" H CLOSE "\r\n", 400 },
		{ "\r\n\r\n\r\n\r\n\r\n\r\nGET /hello HTTP/1.1\r\n" H "\r\n", 400 },
		{ "\x16\x03\x01\x02\n", 400 },
	};
	static const char nul[] = "GET /hello HTTP/1.1\r\n" H "X: a\0b\r\n\r\n";
	struct http_stats st;
	struct env e;
	char *a;
	size_t i;

	start(&e);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = talk(&e, cases[i].s);
		if (status_of(a) != cases[i].status)
			fail_msg("case %zu: %s", i, a);
		assert_has(a, "{\"errors\":[\"");
		free(a);
	}
	a = talk_bytes(&e, nul, sizeof(nul) - 1, NULL);
	assert_int_equal(status_of(a), 400);
	free(a);

	/* a 70 kB header, a 20 kB chunk extension, a 9 kB target */
	assert_int_equal(ask_long(&e, "GET /hello HTTP/1.1\r\n" H "X: ", 70000, "\r\n\r\n"), 431);
	assert_int_equal(ask_long(&e, "POST /count HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5;",
				  20000, "\r\nhello\r\n0\r\n\r\n"), 400);
	assert_int_equal(ask_long(&e, "GET /", 9000, " HTTP/1.1\r\n" H "\r\n"), 414);
	do {
		turn(&e, -1);
		http_server_stats(e.s, &st);
	} while (st.n_conns);
	http_server_stats(e.s, &st);
	assert_true(st.n_bad >= 15);
	stop(&e);
}

static void bad_paths_are_400_before_any_handler(void **state)
{
	static const char *const paths[] = {
		"/file/../x", "/file/%2e%2e/x", "/file/a%2fb", "/file/a%00b", "/file/a%5cb", "/file/a\\b",
		"/file//x", "/file/", "/file/%ff", "/file/%zz", "//", "/file/.",
	};
	char text[200];
	struct env e;
	size_t i;

	start(&e);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" H CLOSE "\r\n", paths[i]);
		assert_int_equal(ask(&e, text), 400);
	}
	stop(&e);
}

static void host_must_be_on_the_list(void **state)
{
	static const char *const hosts[] = { "localhost", "127.0.0.1", "[::1]", NULL };
	struct http_opts opts = { .allow_hosts = hosts };
	struct env e;

	start_with(&e, &opts);
	assert_int_equal(ask(&e, "GET /hello HTTP/1.1\r\nHost: localhost\r\n" CLOSE "\r\n"), 200);
	assert_int_equal(ask(&e, "GET /hello HTTP/1.1\r\nHost: LOCALHOST:7935\r\n" CLOSE "\r\n"), 200);
	assert_int_equal(ask(&e, "GET /hello HTTP/1.1\r\nHost: [::1]:1\r\n" CLOSE "\r\n"), 200);
	assert_int_equal(ask(&e, "GET /hello HTTP/1.1\r\nHost: [::1]\r\n" CLOSE "\r\n"), 200);
	assert_int_equal(ask(&e, "GET /hello HTTP/1.1\r\nHost: evil.example\r\n" CLOSE "\r\n"), 403);
	assert_int_equal(ask(&e, "GET /hello HTTP/1.1\r\nHost: localhost.evil.example\r\n" CLOSE "\r\n"), 403);
	stop(&e);
}

static void cors_is_on_every_answer_and_answers_preflights(void **state)
{
	struct http_opts opts = { .cors = true };
	struct env e;
	char *a;

	start_with(&e, &opts);
	a = talk(&e, GET("/hello"));
	assert_has(a, "\r\nAccess-Control-Allow-Origin: *\r\n");
	assert_has(a, "\r\nAccess-Control-Expose-Headers: Content-Length, Content-Range, ETag, Location\r\n");
	free(a);
	a = talk(&e, GET("/nothing"));
	assert_int_equal(status_of(a), 404);
	assert_has(a, "\r\nAccess-Control-Allow-Origin: *\r\n");
	free(a);
	a = talk(&e, "GET / HTTP/1.1\n\n");
	assert_int_equal(status_of(a), 400);
	assert_has(a, "\r\nAccess-Control-Allow-Origin: *\r\n");
	free(a);
	a = talk(&e, "OPTIONS /later HTTP/1.1\r\n" H CLOSE "Origin: http://x\r\n"
		 "Access-Control-Request-Method: PUT\r\n\r\n");
	assert_int_equal(status_of(a), 204);
	assert_has(a, "\r\nAccess-Control-Allow-Methods: GET, HEAD, PUT, POST, OPTIONS\r\n");
	assert_has(a, "\r\nAccess-Control-Allow-Headers: Authorization, Content-Type, Range, If-Match\r\n");
	assert_null(strcasestr(a, "\r\nContent-Length:"));
	free(a);
	assert_int_equal(ask(&e, "OPTIONS /nothing HTTP/1.1\r\n" H CLOSE "\r\n"), 404);
	stop(&e);
}

/* ---- conditions and ranges ---- */

static void known_etag_is_304(void **state)
{
	struct env e;
	char *a;

	start(&e);
	seen.blob = make_blob(50000);
	a = talk(&e, "GET /hello HTTP/1.1\r\n" H CLOSE "If-None-Match: \"x\", W/\"v1\"\r\n\r\n");
	assert_int_equal(status_of(a), 304);
	assert_has(a, "\r\nETag: \"v1\"\r\n");
	assert_string_equal(body_of(a), "");
	free(a);
	assert_int_equal(ask(&e, "GET /hello HTTP/1.1\r\n" H CLOSE "If-None-Match: \"x\"\r\n\r\n"), 200);
	a = talk(&e, "GET /blob HTTP/1.1\r\n" H CLOSE "If-None-Match: \"b1\"\r\nRange: bytes=0-1\r\n\r\n");
	assert_int_equal(status_of(a), 304);
	assert_string_equal(body_of(a), "");
	free(a);
	stop(&e);
}

static void check_range(struct env *e, const char *path, const char *extra, int status, size_t skip,
			size_t from, size_t len)
{
	char s[300], text[100];
	size_t n, head;
	char *a;

	snprintf(s, sizeof(s), "GET %s HTTP/1.1\r\n" H CLOSE "%s\r\n", path, extra);
	a = talk_bytes(e, s, strlen(s), &n);
	assert_int_equal(status_of(a), status);
	head = (size_t)(body_of(a) - a);
	assert_int_equal(n - head, len);
	assert_memory_equal(a + head, seen.blob->data + skip + from, len);
	if (status == 206) {
		snprintf(text, sizeof(text), "\r\nContent-Range: bytes %zu-%zu/%zu\r\n", from,
			 from + len - 1, seen.blob->len - skip);
		assert_has(a, text);
	}
	free(a);
}

static void ranges_of_blobs_are_exact(void **state)
{
	static const size_t sizes[] = { 1000, 300000 };	/* by copy, by sendfile */
	struct env e;
	size_t i, n;
	char *a;

	start(&e);
	for (i = 0; i < 2; i++) {
		n = sizes[i];
		blob_unref(seen.blob);
		seen.blob = make_blob(n);
		check_range(&e, "/blob", "", 200, 0, 0, n);
		check_range(&e, "/blob10", "", 200, 10, 0, n - 10);
		check_range(&e, "/blob", "Range: bytes=1-99\r\n", 206, 0, 1, 99);
		check_range(&e, "/blob", "Range: bytes=100-\r\n", 206, 0, 100, n - 100);
		check_range(&e, "/blob", "Range: bytes=-7\r\n", 206, 0, n - 7, 7);
		check_range(&e, "/blob10", "Range: bytes=5-9\r\n", 206, 10, 5, 5);
		check_range(&e, "/blob", "Range: bytes=0-1,5-6\r\n", 200, 0, 0, n);
		check_range(&e, "/blob", "If-Range: \"b1\"\r\nRange: bytes=2-3\r\n", 206, 0, 2, 2);
		check_range(&e, "/blob", "If-Range: \"b0\"\r\nRange: bytes=2-3\r\n", 200, 0, 0, n);
		check_range(&e, "/blob", "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\nRange: bytes=2-3\r\n",
			    200, 0, 0, n);
		check_range(&e, "/blob", "Range: bytes=999999-\r\n", 416, 0, 0, 0);
	}
	a = talk(&e, "GET /blob HTTP/1.1\r\n" H CLOSE "Range: bytes=999999-\r\n\r\n");
	assert_has(a, "\r\nContent-Range: bytes */300000\r\n");
	free(a);
	stop(&e);
}

static void heap_and_empty_blobs_are_served(void **state)
{
	uint8_t *data = xmalloc(40000);
	struct env e;

	start(&e);
	memset(data, 'h', 40000);
	seen.blob = blob_from_heap(data, 40000);
	check_range(&e, "/blob", "", 200, 0, 0, 40000);
	check_range(&e, "/blob", "Range: bytes=39999-\r\n", 206, 0, 39999, 1);
	blob_unref(seen.blob);
	seen.blob = blob_new("", 0, NULL);
	check_range(&e, "/blob", "", 200, 0, 0, 0);
	check_range(&e, "/blob", "Range: bytes=0-\r\n", 416, 0, 0, 0);
	stop(&e);
}

/* ---- files ---- */

static void write_file(int dirfd, const char *name, const void *data, size_t len)
{
	int fd = openat(dirfd, name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void files_are_served_from_below_the_folder_only(void **state)
{
	char dir[] = "/tmp/lpnode-test-XXXXXX", *big = xmalloc(300000), etag[100], s[300];
	struct env e;
	size_t n;
	char *a, *p;

	start(&e);
	assert_non_null(mkdtemp(dir));
	seen.dirfd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	memset(big, 'f', 300000);
	assert_int_equal(mkdirat(seen.dirfd, "sub", 0700), 0);
	write_file(seen.dirfd, "a.txt", "text", 4);
	write_file(seen.dirfd, "empty", "", 0);
	write_file(seen.dirfd, "sub/big", big, 300000);
	assert_int_equal(symlinkat("a.txt", seen.dirfd, "link"), 0);
	assert_int_equal(symlinkat("/etc", seen.dirfd, "etc"), 0);
	assert_int_equal(mkfifoat(seen.dirfd, "fifo", 0600), 0);

	a = talk(&e, GET("/file/a.txt"));
	assert_int_equal(status_of(a), 200);
	assert_string_equal(body_of(a), "text");
	assert_has(a, "\r\nETag: \"");
	p = strstr(a, "\r\nETag: ") + 8;
	snprintf(etag, sizeof(etag), "%.*s", (int)strcspn(p, "\r"), p);
	free(a);
	snprintf(s, sizeof(s), "GET /file/a.txt HTTP/1.1\r\n" H CLOSE "If-None-Match: %s\r\n\r\n", etag);
	assert_int_equal(ask(&e, s), 304);
	a = talk_bytes(&e, GET("/file/sub/big"), strlen(GET("/file/sub/big")), &n);
	assert_int_equal(n - (size_t)(body_of(a) - a), 300000);
	assert_memory_equal(body_of(a), big, 300000);
	free(a);
	a = talk(&e, "GET /file/sub/big HTTP/1.1\r\n" H CLOSE "Range: bytes=299998-\r\n\r\n");
	assert_int_equal(status_of(a), 206);
	assert_string_equal(body_of(a), "ff");
	free(a);
	a = talk(&e, GET("/file/empty"));
	assert_int_equal(status_of(a), 200);
	assert_string_equal(body_of(a), "");
	free(a);
	assert_int_equal(ask(&e, GET("/file/none")), 404);
	assert_int_equal(ask(&e, GET("/file/sub")), 404);
	assert_int_equal(ask(&e, GET("/file/link")), 404);
	assert_int_equal(ask(&e, GET("/file/etc/passwd")), 404);
	assert_int_equal(ask(&e, GET("/file/fifo")), 404);
	assert_int_equal(ask(&e, GET("/file/%252e%252e/a.txt")), 404);
	assert_int_equal(ask(&e, GET("/file/%2e%2e/a.txt")), 400);

	unlinkat(seen.dirfd, "a.txt", 0);
	unlinkat(seen.dirfd, "empty", 0);
	unlinkat(seen.dirfd, "sub/big", 0);
	unlinkat(seen.dirfd, "sub", AT_REMOVEDIR);
	unlinkat(seen.dirfd, "link", 0);
	unlinkat(seen.dirfd, "etc", 0);
	unlinkat(seen.dirfd, "fifo", 0);
	rmdir(dir);
	free(big);
	stop(&e);
}

/* ---- bodies ---- */

static void bodies_of_both_framings_are_counted(void **state)
{
	struct env e;
	char *a;

	start(&e);
	a = talk(&e, "POST /count HTTP/1.1\r\n" H CLOSE "Content-Length: 5\r\n\r\nhello");
	assert_string_equal(body_of(a), "5");
	free(a);
	seen.n_body = 0;
	a = talk(&e, "PUT /count HTTP/1.1\r\n" H CLOSE "Transfer-Encoding: chunked\r\n\r\n"
		 "3\r\nabc\r\nA;x\r\n0123456789\r\n0\r\nT: u\r\n\r\n");
	assert_string_equal(body_of(a), "13");
	free(a);
	seen.n_body = 0;
	a = talk(&e, "POST /count HTTP/1.1\r\n" H CLOSE "\r\n");
	assert_string_equal(body_of(a), "0");
	free(a);
	assert_int_equal(seen.n_body_ends, 3);
	stop(&e);
}

static void a_large_upload_streams_through(void **state)
{
	uint8_t *data = xmalloc(BIG);
	uint64_t sum = 0;
	struct env e;
	char head[200], *a;
	size_t i;
	int fd;

	start(&e);
	for (i = 0; i < BIG; i++) {
		data[i] = (uint8_t)(i * 13 + i / 777);
		sum = sum * 31 + data[i];
	}
	fd = dial(&e);
	snprintf(head, sizeof(head), "POST /count HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", BIG);
	put_text(&e, fd, head);
	put_bytes(&e, fd, data, BIG);
	a = get_answer(&e, fd);
	assert_string_equal(body_of(a), "8388608");
	assert_true(seen.body_sum == sum);
	free(a);
	close(fd);
	free(data);
	stop(&e);
}

static void an_answer_may_begin_before_the_body_ends(void **state)
{
	struct got g = { 0 };
	struct env e;
	int fd;

	start(&e);
	fd = dial(&e);
	put_text(&e, fd, "POST /echo HTTP/1.1\r\n" H CLOSE "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	while (!g.data || !strstr(g.data, "3\r\nabc\r\n"))
		get_more(&e, fd, &g, g.len + 1);
	put_text(&e, fd, "2\r\nde\r\n0\r\n\r\n");
	get_more(&e, fd, &g, 0);
	assert_non_null(strstr(g.data, "\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
	free(g.data);
	close(fd);
	stop(&e);
}

static void too_large_a_body_is_413(void **state)
{
	struct env e;

	start(&e);
	assert_int_equal(ask(&e, "POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\n0123"), 413);
	assert_int_equal(seen.n_body_ends, 1);
	assert_false(seen.body_ok);
	assert_int_equal(seen.n_body, 0);
	assert_int_equal(ask(&e, "POST /small HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
			     "8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n"), 413);
	assert_int_equal(seen.n_body_ends, 2);
	assert_false(seen.body_ok);
	assert_int_equal(ask(&e, "POST /small HTTP/1.1\r\n" H CLOSE "Content-Length: 10\r\n\r\n0123456789"), 200);
	stop(&e);
}

static void expect_continue_is_answered_when_the_body_is_read(void **state)
{
	struct got g = { 0 };
	struct env e;
	char *a;
	int fd;

	start(&e);
	fd = dial(&e);
	put_text(&e, fd, "POST /count HTTP/1.1\r\n" H CLOSE "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	get_more(&e, fd, &g, 25);
	assert_string_equal(g.data, "HTTP/1.1 100 Continue\r\n\r\n");
	put_text(&e, fd, "hello");
	get_more(&e, fd, &g, 0);
	assert_int_equal(status_of(g.data + 25), 200);
	free(g.data);
	close(fd);
	/* refused: no 100 */
	a = talk(&e, "POST /small HTTP/1.1\r\n" H "Content-Length: 500\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(status_of(a), 413);
	free(a);
	stop(&e);
}

static void an_ignored_body_is_skipped_if_small_else_the_connection_ends(void **state)
{
	struct env e;
	char *a;

	start(&e);
	a = talk(&e, "POST /ignore HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"
		     "GET /error HTTP/1.1\r\n" H CLOSE "\r\n");
	assert_int_equal(status_of(a), 200);
	assert_has(a, "HTTP/1.1 422");
	free(a);
	a = talk(&e, "POST /ignore HTTP/1.1\r\n" H "Content-Length: 500000\r\n\r\nGET /hello HTTP/1.1\r\n" H "\r\n");
	assert_int_equal(status_of(a), 200);
	assert_has(a, "Connection: close");
	assert_null(strstr(a + 10, "HTTP/1.1"));	/* the body is no request */
	free(a);
	stop(&e);
}

static void paused_body_stays_in_the_socket(void **state)
{
	uint8_t *data = xcalloc(1, BIG);
	char head[200], *a;
	size_t sent = 0;
	struct env e;
	int fd, i;

	start(&e);
	seen.pause_at_once = true;
	fd = dial(&e);
	snprintf(head, sizeof(head), "POST /count HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", BIG);
	put_text(&e, fd, head);
	for (i = 0; i < 200; i++) {
		ssize_t n = send(fd, data, BIG - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		uv_run(&e.loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(seen.n_body, 0);
	assert_true(sent < BIG);
	http_req_pause(seen.parked, false);
	put_bytes(&e, fd, data, BIG - sent);
	a = get_answer(&e, fd);
	assert_string_equal(body_of(a), "8388608");
	free(a);
	free(data);
	close(fd);
	stop(&e);
}

/* ---- streams out ---- */

static void streamed_answers_wait_for_the_reader(void **state)
{
	struct got g = { 0 };
	struct env e;
	const char *body;
	int fd, i;

	start(&e);
	fd = dial(&e);
	put_text(&e, fd, "GET /stream-sized HTTP/1.1\r\n" H CLOSE "\r\n");
	for (i = 0; i < 100; i++)
		uv_run(&e.loop, UV_RUN_NOWAIT);
	assert_true(seen.left > 0);	/* it did not all go into memory */
	get_more(&e, fd, &g, 0);
	body = body_of(g.data);
	assert_int_equal(g.len - (size_t)(body - g.data), BIG);
	assert_int_equal(body[BIG - 1], 'b');
	assert_true(seen.n_drains > 0);
	assert_true(seen.max_queued < (1u << 20));
	assert_int_equal(seen.n_closed, 1);
	free(g.data);
	close(fd);
	stop(&e);
}

static void chunked_answers_are_whole(void **state)
{
	struct got g = { 0 };
	struct env e;
	const char *p;
	int fd;

	start(&e);
	seen.blob = make_blob(70000);
	fd = dial(&e);
	put_text(&e, fd, "GET /two HTTP/1.1\r\n" H CLOSE "\r\n");
	get_more(&e, fd, &g, 0);
	assert_has(g.data, "\r\nTransfer-Encoding: chunked\r\n");
	p = body_of(g.data);
	assert_int_equal(g.len - (size_t)(p - g.data), 2 * (7 + 70000 + 2) + 3 + 3 + 2 + 5);
	assert_memory_equal(p, "11170\r\n", 7);
	assert_memory_equal(p + 7, seen.blob->data, 70000);
	assert_memory_equal(p + 7 + 70000, "\r\n3\r\nmid\r\n11170\r\n", 17);
	assert_memory_equal(p + 7 + 70000 + 17, seen.blob->data, 70000);
	assert_string_equal(p + 7 + 70000 + 17 + 70000, "\r\n0\r\n\r\n");
	free(g.data);
	close(fd);
	stop(&e);
}

static void too_short_a_stream_is_cut_not_ended(void **state)
{
	struct env e;
	char *a;

	start(&e);
	a = talk(&e, "GET /short HTTP/1.1\r\n" H "\r\n");
	assert_has(a, "\r\nContent-Length: 10\r\n");
	assert_string_equal(body_of(a), "abc");
	free(a);
	stop(&e);
}

/* ---- pipelining ---- */

static void pipelined_requests_are_answered_in_order(void **state)
{
	char s[20000], *p = s;
	struct got g = { 0 };
	struct env e;
	const char *at;
	int fd, i;

	start(&e);
	for (i = 0; i < 200; i++)
		p += sprintf(p, "GET /p/n%d HTTP/1.1\r\n" H "%s\r\n", i, i == 199 ? CLOSE : "");
	fd = dial(&e);
	put_text(&e, fd, s);
	get_more(&e, fd, &g, 0);
	for (at = g.data, i = 0; i < 200; i++) {
		char want[40];

		snprintf(want, sizeof(want), "GET|/p/n%d|n%d|", i, i);
		at = strstr(at, want);
		assert_non_null(at);
	}
	free(g.data);
	close(fd);
	stop(&e);
}

static void pipelined_requests_wait_while_an_answer_is_not_taken(void **state)
{
	static const char one[] = "GET /blob HTTP/1.1\r\n" H "\r\n";
	struct http_stats st;
	struct env e;
	int fd, i;

	start(&e);
	seen.blob = make_blob(4 << 20);
	fd = dial_with(&e, 4096);
	for (i = 0; i < 1000; i++)
		put_text(&e, fd, one);
	for (i = 0; i < 200; i++)
		uv_run(&e.loop, UV_RUN_NOWAIT);
	http_server_stats(e.s, &st);
	assert_true(st.n_requests >= 1 && st.n_requests <= 2);
	assert_true(st.bytes_in <= 1000 * sizeof(one));
	close(fd);
	stop(&e);
}

static void a_waiting_request_holds_up_the_next(void **state)
{
	struct got g = { 0 };
	struct env e;
	int fd, i;

	start(&e);
	fd = dial(&e);
	put_text(&e, fd, "GET /later HTTP/1.1\r\n" H "\r\nGET /hello HTTP/1.1\r\n" H CLOSE "\r\n");
	for (i = 0; i < 20; i++)
		turn(&e, -1);
	assert_non_null(seen.parked);
	assert_int_equal(recv(fd, &i, 1, MSG_DONTWAIT), -1);
	http_reply(seen.parked, 200, "text/plain", "late", 4);
	get_more(&e, fd, &g, 0);
	assert_non_null(strstr(g.data, "lateHTTP/1.1 200 OK"));
	assert_non_null(strstr(g.data, "\r\n\r\nhello"));
	assert_int_equal(seen.n_closed, 2);
	free(g.data);
	close(fd);
	stop(&e);
}

/* ---- clients that leave ---- */

static void park(struct env *e, int *fd, const char *request)
{
	*fd = dial(e);
	put_text(e, *fd, request);
	while (!seen.parked)
		turn(e, -1);
}

static void reset(int fd)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

static void handler_learns_that_its_client_left(void **state)
{
	struct http_stats st;
	struct env e;
	int fd, how;

	for (how = 0; how < 2; how++) {
		start(&e);
		park(&e, &fd, "GET /later HTTP/1.1\r\n" H "\r\n");
		if (how)
			reset(fd);
		else
			close(fd);
		wait_for_true(&e, &seen.closed);
		assert_null(seen.parked);
		assert_int_equal(seen.n_closed, 1);
		http_server_stats(e.s, &st);
		assert_int_equal(st.n_conns, 0);
		stop(&e);
	}
}

static void answers_to_a_client_that_left_do_no_harm(void **state)
{
	struct http_req *r;
	struct env e;
	int fd, i;

	/* The reset is in the kernel, the server has not seen it when it answers. */
	for (i = 0; i < 3; i++) {
		start(&e);
		seen.blob = make_blob(300000);
		park(&e, &fd, "GET /later HTTP/1.1\r\n" H "\r\n");
		r = seen.parked;
		reset(fd);
		if (i == 0) {
			http_reply(r, 200, "text/plain", "x", 1);
		} else if (i == 1) {
			http_reply_blob(r, 200, "text/plain", seen.blob, 0);
		} else {
			http_reply_begin(r, 200, "text/plain", -1);
			http_write(r, "abc", 3);
			http_write_blob(r, seen.blob);
			http_write(r, "abc", 3);
			http_reply_end(r);
		}
		assert_int_equal(seen.n_closed, 0);	/* r is good until the loop runs */
		wait_for_true(&e, &seen.closed);
		assert_int_equal(seen.n_closed, 1);
		stop(&e);
	}
}

static void a_body_that_breaks_off_is_told(void **state)
{
	static const char *const heads[] = {
		"POST /count HTTP/1.1\r\n" H "Content-Length: 500\r\n\r\nabc",
		"POST /count HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n50\r\nabc",
		"POST /count HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
	};
	struct env e;
	size_t i;
	int fd;

	for (i = 0; i < 6; i++) {
		start(&e);
		fd = dial(&e);
		put_text(&e, fd, heads[i / 2]);
		while (seen.n_body < 3)
			turn(&e, -1);
		assert_false(seen.body_ended);
		if (i % 2)
			reset(fd);
		else
			close(fd);
		wait_for_true(&e, &seen.closed);
		assert_int_equal(seen.n_body_ends, 1);
		assert_false(seen.body_ok);
		assert_int_equal(seen.n_closed, 1);
		stop(&e);
	}
}

static void client_that_leaves_mid_answer_frees_everything(void **state)
{
	static const char *const paths[] = {
		"GET /stream HTTP/1.1\r\n" H "\r\n", "GET /blob HTTP/1.1\r\n" H "\r\n",
	};
	struct http_stats st;
	struct env e;
	char some[1000];
	int fd, i, how;

	for (how = 0; how < 4; how++) {
		start(&e);
		seen.blob = make_blob(8 << 20);
		fd = dial_with(&e, 4096);
		put_text(&e, fd, paths[how & 1]);
		for (i = 0; i < 20; i++)
			uv_run(&e.loop, UV_RUN_NOWAIT);
		assert_true(recv(fd, some, sizeof(some), MSG_DONTWAIT) > 0);
		if (how & 2)
			reset(fd);
		else
			close(fd);
		do {
			turn(&e, -1);
			http_server_stats(e.s, &st);
		} while (st.n_conns);
		assert_int_equal(seen.blob->refs, 1);
		stop(&e);
	}
}

/* ---- slow ones ---- */

static void silent_and_dripping_clients_are_cut(void **state)
{
	static const struct {
		enum wait wait;
		const char *s;
		int status;
	} cases[] = {
		{ WAIT_IDLE, "", 0 },
		{ WAIT_HEAD, "GET /hel", 408 },
		{ WAIT_HEAD, "GET /hello HTTP/1.1\r\n", 408 },
		{ WAIT_BODY, "POST /count HTTP/1.1\r\n" H "Content-Length: 50\r\n\r\nabc", 408 },
		{ WAIT_BODY, "POST /count HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 408 },
	};
	struct env e;
	char *a;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(&e);
		shorten(&e, cases[i].wait, 40);
		a = talk(&e, cases[i].s);
		assert_int_equal(status_of(a), cases[i].status);
		if (cases[i].wait == WAIT_BODY) {
			assert_int_equal(seen.n_body_ends, 1);
			assert_false(seen.body_ok);
		}
		free(a);
		stop(&e);
	}
}

static void a_head_must_be_done_in_time_however_it_drips(void **state)
{
	int64_t began = now_ms();
	struct env e;
	char byte = 'x';
	int fd;

	start(&e);
	shorten(&e, WAIT_HEAD, 60);
	fd = dial(&e);
	put_text(&e, fd, "GET /");
	while (recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN) {
		send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		turn(&e, -1);
		assert_true(now_ms() - began < PATIENCE_MS);
	}
	assert_true(now_ms() - began >= 60);
	close(fd);
	stop(&e);
}

static void an_idle_connection_ends_after_its_time(void **state)
{
	struct got g = { 0 };
	struct env e;
	int fd;

	start(&e);
	shorten(&e, WAIT_IDLE, 40);
	fd = dial(&e);
	put_text(&e, fd, "GET /hello HTTP/1.1\r\n" H "\r\n");
	get_more(&e, fd, &g, 0);
	assert_int_equal(status_of(g.data), 200);
	free(g.data);
	close(fd);
	stop(&e);
}

static void a_body_above_the_floor_may_take_long(void **state)
{
	char piece[2000];
	struct http_limits l;
	struct env e;
	int64_t began = now_ms();
	size_t sent = 0;
	char *a;
	int fd;

	start(&e);
	http_server_limits(e.s, &l);
	l.wait_ms[WAIT_BODY] = 50;
	l.body_min_bytes = 100;
	http_server_set_limits(e.s, &l);
	memset(piece, 'x', sizeof(piece));
	fd = dial(&e);
	put_text(&e, fd, "POST /count HTTP/1.1\r\n" H CLOSE "Transfer-Encoding: chunked\r\n\r\n");
	while (now_ms() - began < 200) {
		put_text(&e, fd, "64\r\n");
		put_bytes(&e, fd, piece, 100);
		put_text(&e, fd, "\r\n");
		sent += 100;
		turn(&e, -1);
	}
	put_text(&e, fd, "0\r\n\r\n");
	a = get_answer(&e, fd);
	assert_int_equal(status_of(a), 200);
	assert_int_equal(seen.n_body, sent);
	free(a);
	close(fd);
	stop(&e);
}

static void a_reader_that_stalls_is_cut(void **state)
{
	struct env e;
	int fd;

	start(&e);
	shorten(&e, WAIT_SEND, 60);
	fd = dial_with(&e, 4096);
	put_text(&e, fd, "GET /stream HTTP/1.1\r\n" H "\r\n");
	wait_for_true(&e, &seen.closed);
	assert_true(seen.left > 0);
	close(fd);
	stop(&e);
}

static void a_slow_reader_that_moves_is_served(void **state)
{
	char part[30000];
	size_t got = 0;
	struct env e;
	ssize_t n = 1;
	int fd;

	start(&e);
	seen.blob = make_blob(2 << 20);
	shorten(&e, WAIT_SEND, 300);
	fd = dial_with(&e, 4096);
	put_text(&e, fd, "GET /blob HTTP/1.1\r\n" H CLOSE "\r\n");
	while (n) {
		n = recv(fd, part, sizeof(part), MSG_DONTWAIT);
		if (n > 0)
			got += (size_t)n;
		assert_true(n >= 0 || errno == EAGAIN);
		turn(&e, -1);
	}
	assert_true(got > (2 << 20));
	close(fd);
	stop(&e);
}

/* ---- caps ---- */

static void connections_beyond_the_cap_get_503(void **state)
{
	struct http_opts opts = { .max_conns = 2 };
	struct http_stats st;
	struct env e;
	char *a;
	int fd[2];

	start_with(&e, &opts);
	fd[0] = dial(&e);
	fd[1] = dial(&e);
	do {
		turn(&e, -1);
		http_server_stats(e.s, &st);
	} while (st.n_conns < 2);
	a = talk(&e, "");
	assert_int_equal(status_of(a), 503);
	assert_string_equal(body_of(a), "{\"errors\":[\"too many connections\"]}");
	free(a);
	http_server_stats(e.s, &st);
	assert_int_equal(st.n_refused, 1);
	close(fd[0]);
	do {
		turn(&e, -1);
		http_server_stats(e.s, &st);
	} while (st.n_conns == 2);
	assert_int_equal(ask(&e, GET("/hello")), 200);
	close(fd[1]);
	stop(&e);
}

static void accepting_pauses_without_descriptors_and_comes_back(void **state)
{
	struct rlimit old, low;
	struct http_stats st;
	struct env e;
	int fd[4], spare[64], n = 0, i, top;
	char *a;

	start(&e);
	{
		struct http_limits l;

		http_server_limits(e.s, &l);
		l.accept_pause_ms = 30;
		http_server_set_limits(e.s, &l);
	}
	for (i = 0; i < 4; i++)
		fd[i] = dial(&e);
	getrlimit(RLIMIT_NOFILE, &old);
	top = dup(0);
	close(top);
	low = old;
	low.rlim_cur = (rlim_t)top + 8;
	setrlimit(RLIMIT_NOFILE, &low);
	while (n < 64 && (spare[n] = dup(0)) >= 0)
		n++;
	assert_true(n < 64);
	turn(&e, -1);
	turn(&e, -1);
	http_server_stats(e.s, &st);
	assert_int_equal(st.n_conns, 0);
	assert_true(st.n_refused >= 1);	/* by the descriptor held back */
	setrlimit(RLIMIT_NOFILE, &old);
	while (n > 0)
		close(spare[--n]);
	for (i = 0; i < 200; i++) {
		turn(&e, -1);
		http_server_stats(e.s, &st);
		if (st.n_conns + st.n_refused >= 4)
			break;
	}
	assert_true(st.n_conns >= 1);	/* those in the backlog */
	a = talk(&e, GET("/hello"));
	assert_int_equal(status_of(a), 200);
	free(a);
	for (i = 0; i < 4; i++)
		close(fd[i]);
	stop(&e);
}

/* Heap only: what the kernel keeps for a socket is not ours. */
static void an_idle_connection_costs_little_memory(void **state)
{
#ifndef LP_SANITIZED
	enum { N = 500 };
	struct mallinfo2 before, after;
	struct http_stats st;
	struct env e;
	int fd[N], i;
	char *a;

	start(&e);
	a = talk(&e, GET("/hello"));
	free(a);
	before = mallinfo2();
	for (i = 0; i < N; i++) {
		fd[i] = dial(&e);
		put_text(&e, fd[i], "GET /hello HTTP/1.1\r\n" H "\r\n");
		a = get_answer(&e, fd[i]);
		free(a);
	}
	after = mallinfo2();
	http_server_stats(e.s, &st);
	assert_int_equal(st.n_conns, N);
	assert_true((after.uordblks - before.uordblks) / N < 1024);
	for (i = 0; i < N; i++)
		close(fd[i]);
	stop(&e);
#else
	skip();	/* the sanitizer's allocator does not count */
#endif
}

/* ---- the end ---- */

static void closing_lets_answers_finish_and_ends_the_idle(void **state)
{
	struct got g = { 0 }, idle = { 0 };
	struct env e;
	char *a;
	int fd, idle_fd, half_fd;

	start(&e);
	idle_fd = dial(&e);
	put_text(&e, idle_fd, "GET /hello HTTP/1.1\r\n" H "\r\n");
	a = get_answer(&e, idle_fd);
	free(a);
	half_fd = dial(&e);
	put_text(&e, half_fd, "GET /he");
	park(&e, &fd, "GET /later HTTP/1.1\r\n" H "\r\n");
	http_server_close(e.s, 5000, on_env_closed, &e);
	e.s = NULL;
	get_more(&e, idle_fd, &idle, 0);
	assert_true(idle.ended);
	assert_false(e.closed);
	http_reply(seen.parked, 200, "text/plain", "bye", 3);
	get_more(&e, fd, &g, 0);
	assert_string_equal(body_of(g.data), "bye");
	assert_has(g.data, "Connection: close");
	wait_for_true(&e, &e.closed);
	free(g.data);
	free(idle.data);
	close(fd);
	close(idle_fd);
	close(half_fd);
	stop(&e);
}

static void closing_cuts_what_does_not_finish(void **state)
{
	struct env e;
	int fd;

	start(&e);
	park(&e, &fd, "GET /later HTTP/1.1\r\n" H "\r\n");
	http_server_close(e.s, 30, on_env_closed, &e);
	e.s = NULL;
	wait_for_true(&e, &e.closed);
	assert_int_equal(seen.n_closed, 1);
	close(fd);
	stop(&e);
}

static struct env *closing_env;

static void on_close_server(void *arg, struct http_req *r)
{
	http_reply(r, 200, "text/plain", "x", 1);
	http_server_close(closing_env->s, 0, on_env_closed, closing_env);
	closing_env->s = NULL;
}

static void a_handler_may_close_the_server(void **state)
{
	struct env e;
	char *a;

	start(&e);
	closing_env = &e;
	http_route(e.s, "GET", "/quit", on_close_server, NULL);
	a = talk(&e, GET("/quit"));
	assert_int_equal(status_of(a), 200);
	free(a);
	wait_for_true(&e, &e.closed);
	stop(&e);
}

static void bad_addresses_are_told(void **state)
{
	static const char *const bad[] = { "", "x", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999",
					   "127.0.0.1:8x", "no.such.host:80", "1.2.3.4.5:80", "[::1:80" };
	struct err err;
	uv_loop_t loop;
	size_t i;

	uv_loop_init(&loop);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.code = ERR_NONE;
		assert_null(http_server_new(&loop, bad[i], NULL, &err));
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.msg, bad[i]));
	}
	assert_null(http_server_new(&loop, "203.0.113.1:80", NULL, &err));	/* not ours */
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_has_date_length_type_and_body),
		cmocka_unit_test(head_gives_the_same_head_without_body),
		cmocka_unit_test(requests_follow_each_other_on_one_connection),
		cmocka_unit_test(http_1_0_is_closed_unless_it_asks_to_stay),
		cmocka_unit_test(a_byte_at_a_time_is_understood),
		cmocka_unit_test(params_query_and_url_reach_the_handler),
		cmocka_unit_test(unknown_paths_and_methods_are_told_apart),
		cmocka_unit_test(malformed_requests_end_the_connection),
		cmocka_unit_test(bad_paths_are_400_before_any_handler),
		cmocka_unit_test(host_must_be_on_the_list),
		cmocka_unit_test(cors_is_on_every_answer_and_answers_preflights),
		cmocka_unit_test(known_etag_is_304),
		cmocka_unit_test(ranges_of_blobs_are_exact),
		cmocka_unit_test(heap_and_empty_blobs_are_served),
		cmocka_unit_test(files_are_served_from_below_the_folder_only),
		cmocka_unit_test(bodies_of_both_framings_are_counted),
		cmocka_unit_test(a_large_upload_streams_through),
		cmocka_unit_test(an_answer_may_begin_before_the_body_ends),
		cmocka_unit_test(too_large_a_body_is_413),
		cmocka_unit_test(expect_continue_is_answered_when_the_body_is_read),
		cmocka_unit_test(an_ignored_body_is_skipped_if_small_else_the_connection_ends),
		cmocka_unit_test(paused_body_stays_in_the_socket),
		cmocka_unit_test(streamed_answers_wait_for_the_reader),
		cmocka_unit_test(chunked_answers_are_whole),
		cmocka_unit_test(too_short_a_stream_is_cut_not_ended),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(pipelined_requests_wait_while_an_answer_is_not_taken),
		cmocka_unit_test(a_waiting_request_holds_up_the_next),
		cmocka_unit_test(handler_learns_that_its_client_left),
		cmocka_unit_test(answers_to_a_client_that_left_do_no_harm),
		cmocka_unit_test(a_body_that_breaks_off_is_told),
		cmocka_unit_test(client_that_leaves_mid_answer_frees_everything),
		cmocka_unit_test(silent_and_dripping_clients_are_cut),
		cmocka_unit_test(a_head_must_be_done_in_time_however_it_drips),
		cmocka_unit_test(an_idle_connection_ends_after_its_time),
		cmocka_unit_test(a_body_above_the_floor_may_take_long),
		cmocka_unit_test(a_reader_that_stalls_is_cut),
		cmocka_unit_test(a_slow_reader_that_moves_is_served),
		cmocka_unit_test(connections_beyond_the_cap_get_503),
		cmocka_unit_test(accepting_pauses_without_descriptors_and_comes_back),
		cmocka_unit_test(an_idle_connection_costs_little_memory),
		cmocka_unit_test(closing_lets_answers_finish_and_ends_the_idle),
		cmocka_unit_test(closing_cuts_what_does_not_finish),
		cmocka_unit_test(a_handler_may_close_the_server),
		cmocka_unit_test(bad_addresses_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
