/*
 * Dialling: a numeric address at once, a name by getaddrinfo on libuv's pool; its
 * addresses are tried one after the other ("localhost" may be ::1 first, where
 * nobody listens).  One deadline covers it all, up to on_ready.
 */
#include "node/peer/impl.h"

#include <assert.h>
#include <netdb.h>
#include <string.h>

#include "node/peer/addr.h"

static void try_next(struct peer_conn *c, struct err *last);

static void on_connect(uv_connect_t *req, int status)
{
	struct peer_conn *c = req->data;
	struct err err;

	if (conn_is_over(c))
		return;
	if (status == 0) {
		conn_begin(c);
		return;
	}
	err_set(&err, ERR_IO, "connect: %s", uv_strerror(status));
	link_drop_sock(c);
	try_next(c, &err);
}

static int connect_to(struct peer_conn *c, const struct sockaddr *sa, struct err *err)
{
	int rc;

	link_open_sock(c, false);
	rc = uv_tcp_connect(&c->connect, (uv_tcp_t *)c->sock, sa, on_connect);
	if (rc == 0)
		return 0;
	link_drop_sock(c);
	return err_set(err, ERR_IO, "connect: %s", uv_strerror(rc));
}

static void try_next(struct peer_conn *c, struct err *last)
{
	while (c->next_addr) {
		const struct addrinfo *ai = c->next_addr;

		c->next_addr = ai->ai_next;
		if (connect_to(c, ai->ai_addr, last) == 0)
			return;
	}
	conn_fail(c, FAIL_LINK, last);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct peer_conn *c = req->data;
	struct err err;

	c->is_resolving = false;
	c->addrs = c->next_addr = res;
	err_set(&err, ERR_IO, "no address: %s", status < 0 ? uv_strerror(status) : "none");
	if (!conn_is_over(c))
		try_next(c, &err);
	conn_unref(c);
}

static int resolve(struct peer_conn *c, const struct hostport *hp, struct err *err)
{
	static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	char port[8];
	int rc;

	snprintf(port, sizeof(port), "%u", hp->port);
	rc = uv_getaddrinfo(c->ctx->loop, &c->resolve, on_resolved, hp->host, port, &hints);
	if (rc < 0)
		return err_set(err, ERR_IO, "no address: %s", uv_strerror(rc));
	c->is_resolving = true;
	c->n_open++;
	return 0;
}

struct peer_conn *peer_dial(struct peer_ctx *ctx, const char *hostport, const struct eth_addr *expect,
			    const struct peer_conn_cb *cb, void *arg, struct err *err)
{
	struct sockaddr_storage sa;
	struct hostport hp;
	struct peer_conn *c;
	int rc;

	assert(ctx->key);
	if (hostport_parse(&hp, hostport, err) < 0)
		return NULL;
	if (hp.port == 0) {
		err_set(err, ERR_INVALID, "'%.100s': nobody listens on port 0", hostport);
		return NULL;
	}
	c = peer_conn_new(ctx, hostport, true);
	c->cb = cb;
	c->arg = arg;
	c->has_ping = true;
	c->has_expect = expect != NULL;
	if (expect)
		c->expect = *expect;
	if (hostport_numeric(&sa, &hp))
		rc = connect_to(c, (const struct sockaddr *)&sa, err);
	else
		rc = resolve(c, &hp, err);
	if (rc < 0) {
		conn_destroy(c);
		return NULL;
	}
	conn_start_deadline(c);
	return c;
}
