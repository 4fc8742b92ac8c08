#ifndef LP_TEST_NODE_HTTP_HARNESS_H
#define LP_TEST_NODE_HTTP_HARNESS_H
/*
 * A server and raw sockets in one thread: whoever waits for bytes runs the loop
 * meanwhile.  Nothing waits longer than PATIENCE_MS.
 */
#include "test/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/err.h"
#include "base/mem.h"
#include "node/http/impl.h"
#include "node/http/server.h"

#define PATIENCE_MS 20000
#define UNUSED __attribute__((unused))

struct env {
	uv_loop_t loop;
	struct http_server *s;
	int port;
	bool closed;
};

static UNUSED int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static UNUSED void env_start(struct env *e, const struct http_opts *opts)
{
	struct err err = { 0 };

	memset(e, 0, sizeof(*e));
	assert_int_equal(uv_loop_init(&e->loop), 0);
	e->s = http_server_new(&e->loop, "127.0.0.1:0", opts, &err);
	if (!e->s)
		fail_msg("%s", err.msg);
	e->port = http_server_port(e->s);
}

static void on_env_closed(void *arg)
{
	((struct env *)arg)->closed = true;
}

static UNUSED void env_stop(struct env *e)
{
	if (e->s)
		http_server_close(e->s, 0, on_env_closed, e);
	e->s = NULL;
	uv_run(&e->loop, UV_RUN_DEFAULT);
	assert_true(e->closed);
	assert_int_equal(uv_loop_close(&e->loop), 0);
}

static UNUSED void turn(struct env *e, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	uv_run(&e->loop, UV_RUN_NOWAIT);
	poll(&p, fd >= 0, 1);
	uv_run(&e->loop, UV_RUN_NOWAIT);
}

static UNUSED int dial_with(struct env *e, int rcvbuf)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)e->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (rcvbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static UNUSED int dial(struct env *e)
{
	return dial_with(e, 0);
}

/* Send all, running the loop while the socket is full. */
static UNUSED void put_bytes(struct env *e, int fd, const void *data, size_t len)
{
	const uint8_t *p = data;
	int64_t end = now_ms() + PATIENCE_MS;

	while (len > 0 && now_ms() < end) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN)
			return;
		if (n < 0) {
			uv_run(&e->loop, UV_RUN_NOWAIT);
			continue;
		}
		p += n;
		len -= (size_t)n;
	}
	assert_int_equal(len, 0);
}

static UNUSED void put_text(struct env *e, int fd, const char *s)
{
	put_bytes(e, fd, s, strlen(s));
}

struct got {
	char *data;	/* NUL-terminated */
	size_t len;
	bool ended;	/* EOF or reset */
};

/* Read until the peer closes or (need > 0) at least need bytes came. */
static UNUSED void get_more(struct env *e, int fd, struct got *g, size_t need)
{
	int64_t end = now_ms() + PATIENCE_MS;
	char part[65536];

	while (!g->ended && (need == 0 || g->len < need)) {
		ssize_t n = recv(fd, part, sizeof(part), MSG_DONTWAIT);

		if (n > 0) {
			g->data = xrealloc(g->data, g->len + (size_t)n + 1);
			memcpy(g->data + g->len, part, (size_t)n);
			g->len += (size_t)n;
			g->data[g->len] = 0;
			continue;
		}
		if (n == 0 || errno != EAGAIN) {
			g->ended = true;
			break;
		}
		if (now_ms() > end)
			fail_msg("no answer; so far: %.200s", g->data ? g->data : "");
		turn(e, fd);
	}
	if (!g->data)
		g->data = xstrdup("");
}

/* One answer with a Content-Length (or none: only its head). */
static UNUSED char *get_answer(struct env *e, int fd)
{
	struct got g = { 0 };
	char *end = NULL, *len;
	size_t total;

	while (!g.ended && !(end = g.data ? strstr(g.data, "\r\n\r\n") : NULL))
		get_more(e, fd, &g, g.len + 1);
	len = end ? strcasestr(g.data, "\r\ncontent-length: ") : NULL;
	if (!end || !len || len > end)
		return g.data;
	total = (size_t)(end - g.data) + 4 + strtoul(len + 18, NULL, 10);
	get_more(e, fd, &g, total);
	return g.data;
}

/* Everything the server says to these bytes until it closes. */
static UNUSED char *talk_bytes(struct env *e, const void *data, size_t len, size_t *got_len)
{
	struct got g = { 0 };
	int fd = dial(e);

	put_bytes(e, fd, data, len);
	get_more(e, fd, &g, 0);
	close(fd);
	if (got_len)
		*got_len = g.len;
	return g.data;
}

static UNUSED char *talk(struct env *e, const char *s)
{
	return talk_bytes(e, s, strlen(s), NULL);
}

static UNUSED int status_of(const char *answer)
{
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static UNUSED const char *body_of(const char *answer)
{
	const char *p = strstr(answer, "\r\n\r\n");

	return p ? p + 4 : "";
}

/* Status of a request that ends its connection. */
static UNUSED int ask(struct env *e, const char *s)
{
	char *a = talk(e, s);
	int status = status_of(a);

	free(a);
	return status;
}

static UNUSED void wait_for_true(struct env *e, const bool *flag)
{
	int64_t end = now_ms() + PATIENCE_MS;

	while (!*flag) {
		if (now_ms() > end)
			fail_msg("it did not happen");
		turn(e, -1);
	}
}

#endif
