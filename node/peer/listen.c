/*
 * Listening: who is let in.  Caps are checked when a connection comes (of the
 * listener, of its network address) and again when its identity is known.  Beyond a
 * cap the connection is closed at once, unread: before the handshake there is no
 * way to say why that a flood could not turn against us.
 */
#include "node/peer/impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "node/peer/addr.h"
#include "node/peer/ban.h"

#define BACKLOG 256
#define POINTS_HANDSHAKE 1.0
#define POINTS_READY 5.0	/* who has proven an identity should know the rules */

struct peer_listener {
	struct peer_ctx *ctx;	/* borrowed */
	TAILQ_ENTRY(peer_listener) in_ctx;
	uv_tcp_t tcp;
	int port;
	unsigned max_conns, max_per_addr, n_conns;
	peer_accept_cb *accept;
	void *arg;
	struct ban_table bans;
	struct log_limit full;
};

/* ---- of a connection ---- */

void listener_forget(struct peer_conn *c)
{
	if (c->listener)
		c->listener->n_conns--;
	c->listener = NULL;
}

void listener_punish(struct peer_conn *c)
{
	double points = c->state == CONN_READY ? POINTS_READY : POINTS_HANDSHAKE;

	if (c->listener && !sockaddr_key_is_loopback(c->remote_ip))
		ban_add(&c->listener->bans, c->remote_ip, points, uv_now(c->ctx->loop));
}

bool listener_admits(struct peer_conn *c, struct err *why)
{
	const struct peer_conn *o;
	struct peer_listener *l = c->listener;
	unsigned n = 0;

	TAILQ_FOREACH(o, &c->ctx->conns, in_ctx)
		if (o->listener == l && o->state == CONN_READY && eth_addr_equal(&o->addr, &c->addr))
			n++;
	if (n >= l->max_per_addr) {
		err_set(why, ERR_BUSY, "%u connections of this identity already", n);
		return false;
	}
	if (!l->accept(l->arg, c, &c->cb, &c->arg)) {
		c->cb = NULL;
		err_set(why, ERR_DENIED, "not admitted");
		return false;
	}
	return true;
}

/* ---- incoming ---- */

static unsigned count_from(const struct peer_listener *l, const uint8_t key[16])
{
	const struct peer_conn *c;
	unsigned n = 0;

	TAILQ_FOREACH(c, &l->ctx->conns, in_ctx)
		if (c->listener == l && memcmp(c->remote_ip, key, 16) == 0)
			n++;
	return n;
}

/* NULL, or why the newest connection, from this address, is not let in. */
static const char *objection(struct peer_listener *l, const uint8_t key[16])
{
	if (ban_is_out(&l->bans, key, uv_now(l->ctx->loop)))
		return "its handshakes kept failing";
	if (l->n_conns > l->max_conns)
		return "too many connections";
	if (count_from(l, key) > l->max_per_addr)
		return "too many connections from this address";
	return NULL;
}

static void admit(struct peer_listener *l, struct peer_conn *c)
{
	struct sockaddr_storage sa = { 0 };
	int len = sizeof(sa);
	const char *why;
	char name[64];

	if (uv_accept((uv_stream_t *)&l->tcp, c->sock) < 0 ||
	    uv_tcp_getpeername((uv_tcp_t *)c->sock, (struct sockaddr *)&sa, &len) < 0) {
		conn_destroy(c);
		return;
	}
	sockaddr_fmt(name, (struct sockaddr *)&sa);
	sockaddr_key(c->remote_ip, (struct sockaddr *)&sa);
	free(c->name);
	c->name = xstrdup(name);
	log_init(&c->log, "peer=%s", name);
	why = objection(l, c->remote_ip);
	if (why) {
		if (log_may(&l->full, 6))
			log_warn(&c->log, "connection not let in: reason=%s", why);
		conn_destroy(c);
		return;
	}
	conn_start_deadline(c);
	conn_begin(c);
}

static void on_connection(uv_stream_t *s, int status)
{
	struct peer_listener *l = s->data;
	struct peer_conn *c;

	if (status < 0) {
		if (log_may(&l->full, 6))
			log_warn(NULL, "connection not accepted: reason=%s", uv_strerror(status));
		return;
	}
	c = peer_conn_new(l->ctx, "?", false);
	c->has_ping = true;
	c->listener = l;
	l->n_conns++;
	link_open_sock(c, false);
	admit(l, c);
}

/* ---- the listener ---- */

static void on_listener_closed(uv_handle_t *h)
{
	free(h->data);
}

void peer_listener_close(struct peer_listener *l)
{
	struct peer_conn *c, *next;

	for (c = TAILQ_FIRST(&l->ctx->conns); c; c = next) {
		next = TAILQ_NEXT(c, in_ctx);
		if (c->listener != l)
			continue;
		if (c->state != CONN_READY)
			peer_conn_close(c);
		else
			listener_forget(c);
	}
	TAILQ_REMOVE(&l->ctx->listeners, l, in_ctx);
	uv_close((uv_handle_t *)&l->tcp, on_listener_closed);
}

static int listen_on(struct peer_listener *l, const struct sockaddr *sa)
{
	struct sockaddr_storage name;
	int len = sizeof(name), rc;

	rc = uv_tcp_bind(&l->tcp, sa, 0);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
	if (rc == 0)
		rc = uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&name, &len);
	if (rc == 0)	/* the port stands at the same place in both families */
		l->port = ntohs(((struct sockaddr_in *)&name)->sin_port);
	return rc;
}

static int listen_addr(struct sockaddr_storage *sa, const char *hostport, struct err *err)
{
	struct hostport hp;

	if (hostport_parse(&hp, hostport, err) < 0)
		return -1;
	if (strcmp(hp.host, "localhost") == 0)
		strcpy(hp.host, "127.0.0.1");
	if (!hostport_numeric(sa, &hp))
		return err_set(err, ERR_INVALID, "'%.100s': listen on an address, not on a name",
			       hostport);
	return 0;
}

struct peer_listener *peer_listen(struct peer_ctx *ctx, const char *hostport, unsigned max_conns,
				  unsigned max_per_addr, peer_accept_cb *accept, void *arg,
				  struct err *err)
{
	struct sockaddr_storage sa;
	struct peer_listener *l;
	int rc;

	assert(ctx->key);
	if (listen_addr(&sa, hostport, err) < 0)
		return NULL;
	l = xcalloc(1, sizeof(*l));
	l->ctx = ctx;
	l->max_conns = max_conns;
	l->max_per_addr = max_per_addr;
	l->accept = accept;
	l->arg = arg;
	l->tcp.data = l;
	uv_tcp_init(ctx->loop, &l->tcp);
	TAILQ_INSERT_TAIL(&ctx->listeners, l, in_ctx);
	rc = listen_on(l, (const struct sockaddr *)&sa);
	if (rc < 0) {
		err_set(err, ERR_IO, "listen on %.100s: %s", hostport, uv_strerror(rc));
		peer_listener_close(l);
		return NULL;
	}
	return l;
}

int peer_listener_port(const struct peer_listener *l)
{
	return l->port;
}
