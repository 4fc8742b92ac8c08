/*
 * The server: listens, ticks, polls, closes.  One timer serves all deadlines, one
 * all publishers, one read buffer all connections: an idle one holds a kilobyte.
 */
#include "node/ingest/rtmp.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "node/ingest/rtmp_int.h"

#define TICK_MS 250
#define BACKLOG 128

static void on_tick(uv_timer_t *t)
{
	struct rtmp_server *s = t->data;
	int64_t now_ms = clock_mono_ms();
	struct rtmp_conn *c, *next;

	for (c = s->conns; c; c = next) {
		next = c->next;
		if (c->state != CONN_CLOSED)
			rtmp_conn_tick(c, now_ms);
	}
}

void rtmp_server_tick_soon(struct rtmp_server *s)
{
	uv_timer_start(&s->tick, on_tick, 0, TICK_MS);
}

void rtmp_server_poll(struct rtmp_server *s)
{
	struct rtmp_conn *c, *next;

	for (c = s->conns; c; c = next) {
		next = c->next;
		if (c->polled)
			rtmp_conn_poll(c);
	}
}

static void on_poll(uv_timer_t *t)
{
	rtmp_server_poll(t->data);
}

void rtmp_server_count_publisher(struct rtmp_server *s, int change)
{
	s->stats.n_publishers += (unsigned)change;
	if (s->stats.n_publishers == 0 || s->closing)
		uv_timer_stop(&s->poll);
	else if (!uv_is_active((uv_handle_t *)&s->poll))
		uv_timer_start(&s->poll, on_poll, RTMP_POLL_MS, RTMP_POLL_MS);
}

void rtmp_server_finish(struct rtmp_server *s)
{
	if (s->n_handles > 0)
		return;
	if (s->closed)
		s->closed(s->closed_arg);
	free(s->read_buf);
	free(s);
}

static void on_server_closed(uv_handle_t *h)
{
	struct rtmp_server *s = h->data;

	s->n_handles--;
	rtmp_server_finish(s);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct rtmp_server *s = listener->data;

	if (status == 0)
		rtmp_conn_new(s, -1);
	else if (log_may(&s->full_limit, 6))
		log_warn(NULL, "RTMP connection cannot be accepted: why=\"%s\"", uv_strerror(status));
}

/* "1.2.3.4:1935" or "[::1]:1935". */
static int parse_addr(struct sockaddr_storage *ss, const char *addr, struct err *err)
{
	const char *colon = strrchr(addr, ':');
	char host[64], *end;
	long port;
	size_t n;

	if (!colon || !colon[1] || (size_t)(colon - addr) >= sizeof(host))
		return err_set(err, ERR_INVALID, "%s: want ADDRESS:PORT", addr);
	port = strtol(colon + 1, &end, 10);
	if (*end || port < 0 || port > 65535)
		return err_set(err, ERR_INVALID, "%s: the port is no number of 0 to 65535", addr);
	n = (size_t)(colon - addr);
	memcpy(host, addr, n);
	host[n] = 0;
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = 0;
		if (uv_ip6_addr(host + 1, (int)port, (struct sockaddr_in6 *)ss) == 0)
			return 0;
	} else if (uv_ip4_addr(host, (int)port, (struct sockaddr_in *)ss) == 0) {
		return 0;
	}
	return err_set(err, ERR_INVALID, "%s: want a numeric address, as 127.0.0.1:1935 or [::1]:1935",
		       addr);
}

static void on_unstarted_closed(uv_handle_t *h)
{
	struct rtmp_server *s = h->data;

	free(s->read_buf);
	free(s);
}

struct rtmp_server *rtmp_server_new(uv_loop_t *loop, const char *addr, const struct rtmp_opts *opts,
				    const struct rtmp_cb *cb, void *arg, struct err *err)
{
	struct sockaddr_storage ss = { 0 };
	struct rtmp_server *s;
	int ret;

	if (parse_addr(&ss, addr, err) < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->loop = loop;
	s->opts = *opts;
	s->cb = *cb;
	s->arg = arg;
	s->read_buf = xmalloc(RTMP_READ_BUF);
	s->listener.data = s->tick.data = s->poll.data = s;
	uv_tcp_init(loop, &s->listener);
	ret = uv_tcp_bind(&s->listener, (struct sockaddr *)&ss, 0);
	if (ret == 0)
		ret = uv_listen((uv_stream_t *)&s->listener, BACKLOG, on_connection);
	if (ret < 0) {
		err_set(err, ERR_IO, "cannot listen on %s: %s", addr, uv_strerror(ret));
		uv_close((uv_handle_t *)&s->listener, on_unstarted_closed);
		return NULL;
	}
	uv_timer_init(loop, &s->tick);
	uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
	uv_timer_init(loop, &s->poll);
	s->n_handles = 3;
	return s;
}

int rtmp_server_port(const struct rtmp_server *s)
{
	struct sockaddr_storage ss = { 0 };
	int len = sizeof(ss);

	if (uv_tcp_getsockname(&s->listener, (struct sockaddr *)&ss, &len) < 0)
		return -1;
	/* The port stands at the same place in both families. */
	return ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

void rtmp_server_stats(const struct rtmp_server *s, struct rtmp_stats *out)
{
	*out = s->stats;
}

void rtmp_server_close(struct rtmp_server *s, void (*closed)(void *arg), void *arg)
{
	struct rtmp_conn *c;

	s->closing = true;
	s->closed = closed;
	s->closed_arg = arg;
	for (c = s->conns; c; c = c->next)
		rtmp_conn_close(c, false, "the server shuts down");
	uv_close((uv_handle_t *)&s->listener, on_server_closed);
	uv_close((uv_handle_t *)&s->tick, on_server_closed);
	uv_close((uv_handle_t *)&s->poll, on_server_closed);
}
