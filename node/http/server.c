/* The listening socket, who may connect, deadlines, the end. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "node/http/cond.h"
#include "node/http/impl.h"

#define N_EVENTS	256	/* handled before the loop's other handles get a turn */
#define N_ACCEPTS	64
#define BACKLOG		1024

static const struct http_limits default_limits = {
	.wait_ms = {
		[WAIT_IDLE] = 30000, [WAIT_HEAD] = 5000, [WAIT_BODY] = 10000,
		[WAIT_SEND] = 20000, [WAIT_LINGER] = 2000,
	},
	.tick_ms = 250,
	.body_min_bytes = 10 * 1024,
	.accept_pause_ms = 250,
};

/* ---- the address ---- */

static int parse_addr(struct sockaddr_storage *ss, const char *addr, struct err *err)
{
	const char *colon = strrchr(addr, ':'), *host = addr;
	char text[INET6_ADDRSTRLEN] = "0.0.0.0", *end;
	size_t n = colon ? (size_t)(colon - addr) : 0;
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;

	if (!colon || colon[1] < '0' || colon[1] > '9' || *end || port > 65535)
		return err_set(err, ERR_INVALID, "address %s: give HOST:PORT", addr);
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	if (n >= sizeof(text))
		return err_set(err, ERR_INVALID, "address %s: host too long", addr);
	if (n > 0)
		snprintf(text, sizeof(text), "%.*s", (int)n, host);
	if (strcmp(text, "localhost") == 0)
		strcpy(text, "127.0.0.1");
	if (uv_ip4_addr(text, (int)port, (struct sockaddr_in *)ss) == 0 ||
	    uv_ip6_addr(text, (int)port, (struct sockaddr_in6 *)ss) == 0)
		return 0;
	return err_set(err, ERR_INVALID, "address %s: the host must be an IP address", addr);
}

static int open_listener(struct http_server *s, const char *addr, struct err *err)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	int one = 1;

	if (parse_addr(&ss, addr, err) < 0)
		return -1;
	s->listen_fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listen_fd < 0)
		return err_set(err, ERR_IO, "listen on %s: %s", addr, strerror(errno));
	setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* Accepted sockets inherit it. */
	setsockopt(s->listen_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(s->listen_fd, (struct sockaddr *)&ss,
		 ss.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) < 0 ||
	    listen(s->listen_fd, BACKLOG) < 0 ||
	    getsockname(s->listen_fd, (struct sockaddr *)&ss, &len) < 0)
		return err_set(err, ERR_IO, "listen on %s: %s", addr, strerror(errno));
	s->port = ntohs(ss.ss_family == AF_INET ? ((struct sockaddr_in *)&ss)->sin_port
						: ((struct sockaddr_in6 *)&ss)->sin6_port);
	return 0;
}

/* ---- who is connected ---- */

static unsigned peer_bucket(const struct http_server *s, const uint8_t addr[16])
{
	uint64_t h = s->peer_seed;
	unsigned i;

	for (i = 0; i < 16; i++)
		h = (h ^ addr[i]) * UINT64_C(0x100000001b3);
	return (unsigned)(h >> 32) % PEER_BUCKETS;
}

static bool is_loopback(const uint8_t a[16])
{
	static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t six[16] = { [15] = 1 };

	return memcmp(a, six, 16) == 0 || (memcmp(a, v4_mapped, 12) == 0 && a[12] == 127);
}

/* One more of this address; false when it has enough.  An IPv6 host owns a /64. */
static bool peer_count_add(struct http_server *s, struct http_conn *c)
{
	uint8_t key[16];
	struct peer_count **at, *p;

	if (is_loopback(c->addr))
		return true;
	memcpy(key, c->addr, 16);
	if (key[0] || key[1])
		memset(key + 8, 0, 8);
	at = &s->peers[peer_bucket(s, key)];
	for (p = *at; p && memcmp(p->addr, key, 16) != 0; p = p->next)
		;
	if (!p) {
		p = xcalloc(1, sizeof(*p));
		memcpy(p->addr, key, 16);
		p->next = *at;
		*at = p;
	}
	if (p->n >= s->max_per_addr)
		return false;
	p->n++;
	c->peer = p;
	return true;
}

static void peer_count_drop(struct http_server *s, struct peer_count *p)
{
	struct peer_count **at;

	if (!p || --p->n > 0)
		return;
	at = &s->peers[peer_bucket(s, p->addr)];
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	free(p);
}

static void note_addr(struct http_conn *c, const struct sockaddr_storage *ss)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)ss;

	if (ss->ss_family == AF_INET6) {
		memcpy(c->addr, &v6->sin6_addr, 16);
		c->addr_port = ntohs(v6->sin6_port);
		return;
	}
	c->addr[10] = c->addr[11] = 0xff;
	if (ss->ss_family == AF_INET) {
		memcpy(c->addr + 12, &v4->sin_addr, 4);
		c->addr_port = ntohs(v4->sin_port);
	} else {
		c->addr[12] = 127;	/* a socket pair */
	}
}

/* ---- connections ---- */

static void on_tick(uv_timer_t *t);
static void close_handles(struct http_server *s);

static void watch_time(struct http_server *s)
{
	if (!uv_is_active((uv_handle_t *)&s->tick) && !uv_is_closing((uv_handle_t *)&s->tick))
		uv_timer_start(&s->tick, on_tick, s->limits.tick_ms, s->limits.tick_ms);
}

static void on_deferred(uv_idle_t *h)
{
	struct http_server *s = h->data;
	struct link now;

	link_init(&now);
	while (link_is_in(&s->deferred)) {	/* those that come meanwhile wait */
		struct link *l = s->deferred.next;

		link_remove(l);
		link_append(&now, l);
	}
	while (link_is_in(&now)) {
		struct http_conn *c = link_owner(now.next, struct http_conn, deferred);

		link_remove(&c->deferred);
		conn_drive(c);
	}
	server_reap(s);
	if (!link_is_in(&s->deferred))
		uv_idle_stop(&s->deferred_run);
}

void conn_defer(struct http_conn *c)
{
	struct http_server *s = c->srv;

	if (c->driving || c->state == CONN_CLOSED || link_is_in(&c->deferred))
		return;
	link_append(&s->deferred, &c->deferred);
	uv_idle_start(&s->deferred_run, on_deferred);
}

const char *server_date(struct http_server *s)
{
	int64_t now_s = clock_wall_ms() / 1000;
	char text[30];

	if (now_s != s->date_s) {
		s->date_s = now_s;
		http_date_fmt(text, now_s);
		snprintf(s->date, sizeof(s->date), "Date: %s\r\n", text);
	}
	return s->date;
}

void server_reap(struct http_server *s)
{
	while (link_is_in(&s->dead)) {
		struct http_conn *c = link_owner(s->dead.next, struct http_conn, all);

		link_remove(&c->all);
		free(c);
	}
}

void server_forget_conn(struct http_conn *c)
{
	struct http_server *s = c->srv;

	link_remove(&c->all);
	link_append(&s->dead, &c->all);
	peer_count_drop(s, c->peer);
	c->peer = NULL;
	s->stats.n_conns--;
	if (s->closing && !link_is_in(&s->conns))
		close_handles(s);
}

static void say_busy(struct http_server *s, int fd)
{
	static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
				   "Connection: close\r\nContent-Type: application/json\r\n"
				   "Content-Length: 35\r\n\r\n"
				   "{\"errors\":[\"too many connections\"]}";

	s->stats.n_refused++;
	if (!s->tls)
		(void)!send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void turn_away(struct http_server *s, int fd)
{
	say_busy(s, fd);
	close(fd);
}

static void add_conn(struct http_server *s, int fd, const struct sockaddr_storage *ss)
{
	struct http_conn *c = s->stats.n_conns < s->max_conns ? conn_new(s, fd) : NULL;

	if (!c) {
		turn_away(s, fd);
		return;
	}
	note_addr(c, ss);
	s->stats.n_conns++;
	link_append(&s->conns, &c->all);
	if (!peer_count_add(s, c)) {
		say_busy(s, fd);
		conn_close(c);
		return;
	}
	watch_time(s);
	conn_drive(c);	/* nothing to read yet: starts its deadline */
}

void http_server_adopt(struct http_server *s, int fd)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNIX };

	add_conn(s, fd, &ss);
}

/* No descriptor is left: take one caller by the one held back, so that it learns,
 * then leave the others in the backlog for a while instead of spinning. */
static void pause_accept(struct http_server *s)
{
	int fd, why = errno;

	if (log_may(&s->log_accept, 2))
		log_warn(NULL, "no descriptor left for a connection, accepting pauses: n_conns=%u error=%s",
			 s->stats.n_conns, strerror(why));
	if (s->reserve_fd >= 0) {
		close(s->reserve_fd);
		fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			turn_away(s, fd);
	}
	s->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uv_poll_stop(&s->listener);
	s->accept_paused = true;
	s->accept_again_ms = uv_now(s->loop) + s->limits.accept_pause_ms;
	watch_time(s);
}

static void on_listener(uv_poll_t *h, int status, int events)
{
	struct http_server *s = h->data;
	struct sockaddr_storage ss;
	socklen_t len;
	int i, fd;

	for (i = 0; i < N_ACCEPTS; i++) {
		len = sizeof(ss);
		fd = accept4(s->listen_fd, (struct sockaddr *)&ss, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			add_conn(s, fd, &ss);
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			pause_accept(s);
			break;
		}
	}
	server_reap(s);
}

static void on_ready(uv_poll_t *h, int status, int events)
{
	struct http_server *s = h->data;
	struct epoll_event ev[N_EVENTS];
	int i, n = epoll_wait(s->epoll_fd, ev, N_EVENTS, 0);

	for (i = 0; i < n; i++) {
		struct http_conn *c = ev[i].data.ptr;
		uint32_t e = ev[i].events;

		if (e & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
			c->can_read = true;
		if (e & (EPOLLOUT | EPOLLHUP))
			c->can_write = true;
		if (e & (EPOLLRDHUP | EPOLLHUP))
			c->peer_done = true;
		if (e & EPOLLERR)
			c->broken = true;
		conn_drive(c);
	}
	server_reap(s);
}

/* ---- deadlines ---- */

static void expire_ring(struct http_server *s, enum wait what, uint64_t now)
{
	struct link *ring = &s->waits[what];

	while (link_is_in(ring)) {
		struct http_conn *c = link_owner(ring->next, struct http_conn, wait);

		if (c->deadline_ms > now)
			return;
		/* Whatever becomes of it, it leaves the front, so this ends. */
		c->wait_for = WAIT_NONE;
		link_remove(&c->wait);
		conn_expire(c, what);
	}
}

static void close_all(struct http_server *s)
{
	while (link_is_in(&s->conns))
		conn_close(link_owner(s->conns.next, struct http_conn, all));
}

static void on_tick(uv_timer_t *t)
{
	struct http_server *s = t->data;
	uint64_t now = uv_now(s->loop);
	int i;

	for (i = 0; i < N_WAITS; i++)
		expire_ring(s, (enum wait)i, now);
	if (s->closing && now >= s->drain_until_ms)
		close_all(s);
	server_reap(s);
	if (s->closing)
		return;
	if (s->accept_paused && now >= s->accept_again_ms) {
		s->accept_paused = false;
		uv_poll_start(&s->listener, UV_READABLE, on_listener);
	}
	if (!link_is_in(&s->conns) && !s->accept_paused)
		uv_timer_stop(&s->tick);
}

/* ---- life ---- */

static void free_server(struct http_server *s)
{
	struct route *rt;
	char **h;

	server_reap(s);
	while ((rt = s->routes)) {
		s->routes = rt->next;
		free(rt->methods);
		free(rt->pattern);
		free(rt);
	}
	for (h = s->allow_hosts; h && *h; h++)
		free(*h);
	free(s->allow_hosts);
	SSL_CTX_free(s->tls);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	if (s->reserve_fd >= 0)
		close(s->reserve_fd);
	free(s);
}

static void on_handle_closed(uv_handle_t *h)
{
	struct http_server *s = h->data;
	void (*closed)(void *arg) = s->closed;
	void *arg = s->closed_arg;

	if (--s->n_open > 0)
		return;
	free_server(s);
	if (closed)
		closed(arg);
}

static void close_handles(struct http_server *s)
{
	uv_handle_t *all[] = { (uv_handle_t *)&s->listener, (uv_handle_t *)&s->ready,
			       (uv_handle_t *)&s->tick, (uv_handle_t *)&s->deferred_run };
	size_t i;

	if (uv_is_closing(all[0]))
		return;
	for (i = 0; i < 4; i++)
		uv_close(all[i], on_handle_closed);
}

static void copy_hosts(struct http_server *s, const char *const *hosts)
{
	size_t n = 0;

	if (!hosts)
		return;
	while (hosts[n])
		n++;
	s->allow_hosts = xcalloc(n + 1, sizeof(*s->allow_hosts));
	while (n-- > 0)
		s->allow_hosts[n] = xstrdup(hosts[n]);
}

static void init_server(struct http_server *s, uv_loop_t *loop, const struct http_opts *opts)
{
	int i;

	s->loop = loop;
	s->listen_fd = s->epoll_fd = s->reserve_fd = -1;
	s->max_conns = opts->max_conns ? opts->max_conns : 10000;
	s->max_per_addr = opts->max_per_addr ? opts->max_per_addr : 256;
	s->cors = opts->cors;
	s->limits = default_limits;
	s->routes_end = &s->routes;
	link_init(&s->conns);
	link_init(&s->dead);
	link_init(&s->deferred);
	for (i = 0; i < N_WAITS; i++)
		link_init(&s->waits[i]);
	copy_hosts(s, opts->allow_hosts);
	if (getrandom(&s->peer_seed, sizeof(s->peer_seed), GRND_NONBLOCK) < 0)
		s->peer_seed = (uint64_t)clock_mono_us();
}

static void start_handles(struct http_server *s)
{
	uv_poll_init(s->loop, &s->listener, s->listen_fd);
	uv_poll_init(s->loop, &s->ready, s->epoll_fd);
	uv_timer_init(s->loop, &s->tick);
	uv_idle_init(s->loop, &s->deferred_run);
	s->listener.data = s->ready.data = s->tick.data = s->deferred_run.data = s;
	s->n_open = 4;
	uv_poll_start(&s->listener, UV_READABLE, on_listener);
	uv_poll_start(&s->ready, UV_READABLE, on_ready);
}

struct http_server *http_server_new(uv_loop_t *loop, const char *addr, const struct http_opts *opts,
				    struct err *err)
{
	static const struct http_opts defaults;
	struct http_server *s = xcalloc(1, sizeof(*s));

	opts = opts ? opts : &defaults;
	init_server(s, loop, opts);
	/* sendfile() has no MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	if (opts->tls_cert) {
		s->tls = tls_ctx_new(opts->tls_cert, opts->tls_key ? opts->tls_key : opts->tls_cert,
				     err);
		if (!s->tls)
			goto fail;
	}
	if (open_listener(s, addr, err) < 0)
		goto fail;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (s->epoll_fd < 0 || s->reserve_fd < 0) {
		err_set(err, ERR_IO, "listen on %s: %s", addr, strerror(errno));
		goto fail;
	}
	start_handles(s);
	return s;
fail:
	free_server(s);
	return NULL;
}

int http_server_port(const struct http_server *s)
{
	return s->port;
}

void http_server_close(struct http_server *s, uint64_t drain_ms, void (*closed)(void *arg), void *arg)
{
	uint64_t soon = drain_ms < s->limits.tick_ms ? drain_ms : s->limits.tick_ms;
	struct link *l, *next;

	assert(!s->closing);
	s->closing = true;
	s->closed = closed;
	s->closed_arg = arg;
	s->drain_until_ms = uv_now(s->loop) + drain_ms;
	uv_poll_stop(&s->listener);
	/* Waiting connections have no request, so no callback runs in here. */
	for (l = s->conns.next; l != &s->conns; l = next) {
		struct http_conn *c = link_owner(l, struct http_conn, all);

		next = l->next;
		if (c->state != CONN_REQUEST)
			conn_close(c);
	}
	if (!link_is_in(&s->conns))
		close_handles(s);
	else
		uv_timer_start(&s->tick, on_tick, soon, s->limits.tick_ms);
}

void http_server_stats(const struct http_server *s, struct http_stats *out)
{
	*out = s->stats;
}

void http_server_limits(struct http_server *s, struct http_limits *out)
{
	*out = s->limits;
}

void http_server_set_limits(struct http_server *s, const struct http_limits *l)
{
	s->limits = *l;
}
