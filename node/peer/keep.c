/*
 * One timer drives it all: the first dial, so that nothing calls back inside
 * peer_keep_new, and each dial after a loss.  peer_keep_wait only moves the earliest
 * time of the next dial: a refusal outlives the connection that brought it.
 */
#include "node/peer/keep.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"
#include "node/peer/addr.h"

#define BACKOFF_FIRST_MS 200
#define BACKOFF_MAX_MS 5000
#define WAIT_MAX_MS 60000
#define HOSTPORT_LEN 280

struct peer_keep {
	uv_loop_t *loop;
	struct peer_ctx *peers;		/* borrowed */
	char hostport[HOSTPORT_LEN];
	bool has_expect;
	struct eth_addr expect;
	const struct peer_conn_cb *cb;	/* borrowed */
	void *arg;
	struct peer_conn *conn;		/* NULL between dials */
	uv_timer_t redial;
	uint64_t backoff_ms;		/* the last pause; 0: none since it was ready */
	uint64_t not_before_ms;		/* loop time */
};

static int parse_name(struct eth_addr *addr, const char *from, size_t len, struct err *err)
{
	char hex[64];

	if (len >= sizeof(hex))
		return err_set(err, ERR_INVALID, "%.60s...: no address of 40 hex digits", from);
	memcpy(hex, from, len);
	hex[len] = 0;
	return eth_addr_parse(addr, hex, err);
}

/* It stands in logs, in lines of files and in JSON: nothing there needs an escape. */
static bool is_plain(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s >= 0x7f || *s == '"' || *s == '\\')
			return false;
	return true;
}

int peer_address_parse(const char *address, char *hostport, struct eth_addr *addr,
		       bool *has_addr, struct err *err)
{
	const char *at = strchr(address, '@');
	const char *where = at ? at + 1 : address;
	struct hostport hp;

	*has_addr = false;
	if (at && parse_name(addr, address, (size_t)(at - address), err) < 0)
		return err_wrap(err, "'%.100s'", address);
	if (hostport_parse(&hp, where, err) < 0)
		return -1;
	if (hp.port == 0)
		return err_set(err, ERR_INVALID, "'%.100s': nobody listens on port 0", address);
	if (!is_plain(where))
		return err_set(err, ERR_INVALID, "'%.100s' is no host:port", address);
	strcpy(hostport, where);	/* at most "[", HOST_MAX, "]:65535" */
	*has_addr = at != NULL;
	return 0;
}

static void on_redial(uv_timer_t *timer);

/* 200 ms, doubled to 5 s, up to a quarter more; not before what a refusal asked for. */
static void redial_later(struct peer_keep *k)
{
	uint64_t now = uv_now(k->loop), wait, jitter;

	secret_random(&jitter, sizeof(jitter));
	k->backoff_ms = k->backoff_ms ? k->backoff_ms * 2 : BACKOFF_FIRST_MS;
	if (k->backoff_ms > BACKOFF_MAX_MS)
		k->backoff_ms = BACKOFF_MAX_MS;
	wait = k->backoff_ms + jitter % (k->backoff_ms / 4);
	if (k->not_before_ms > now && k->not_before_ms - now > wait)
		wait = k->not_before_ms - now;
	uv_timer_start(&k->redial, on_redial, wait, 0);
}

static void on_ready(void *arg, struct peer_conn *c)
{
	struct peer_keep *k = arg;

	k->backoff_ms = 0;
	if (k->cb->on_ready)
		k->cb->on_ready(k->arg, c);
}

static void on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	struct peer_keep *k = arg;

	if (k->cb->on_channel)
		k->cb->on_channel(k->arg, c, ch);
}

static void on_goaway(void *arg, struct peer_conn *c)
{
	struct peer_keep *k = arg;

	if (k->cb->on_goaway)
		k->cb->on_goaway(k->arg, c);
}

/* The owner goes last: it may free us. */
static void on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct peer_keep *k = arg;

	k->conn = NULL;
	redial_later(k);
	if (k->cb->on_close)
		k->cb->on_close(k->arg, c, why);
}

static const struct peer_conn_cb conn_cb = {
	.on_ready = on_ready,
	.on_channel = on_channel,
	.on_goaway = on_goaway,
	.on_close = on_close,
};

static void on_redial(uv_timer_t *timer)
{
	struct peer_keep *k = timer->data;
	struct err err;

	k->conn = peer_dial(k->peers, k->hostport, k->has_expect ? &k->expect : NULL, &conn_cb,
			    k, &err);
	if (!k->conn)
		on_close(k, NULL, &err);
}

struct peer_keep *peer_keep_new(uv_loop_t *loop, struct peer_ctx *peers, const char *address,
				const struct eth_addr *expect, const struct peer_conn_cb *cb,
				void *arg, struct err *err)
{
	struct peer_keep *k;
	char hostport[HOSTPORT_LEN];
	struct eth_addr named;
	bool has_addr;

	if (peer_address_parse(address, hostport, &named, &has_addr, err) < 0)
		return NULL;
	if (has_addr && expect && !eth_addr_equal(&named, expect)) {
		err_set(err, ERR_INVALID, "'%.100s' names another address than the one expected",
			address);
		return NULL;
	}
	k = xcalloc(1, sizeof(*k));
	k->loop = loop;
	k->peers = peers;
	strcpy(k->hostport, hostport);
	k->cb = cb;
	k->arg = arg;
	if (has_addr || expect)
		peer_keep_expect(k, has_addr ? &named : expect);
	uv_timer_init(loop, &k->redial);
	k->redial.data = k;
	uv_timer_start(&k->redial, on_redial, 0, 0);
	return k;
}

const char *peer_keep_hostport(const struct peer_keep *k)
{
	return k->hostport;
}

struct peer_conn *peer_keep_conn(const struct peer_keep *k)
{
	return k->conn;
}

void peer_keep_expect(struct peer_keep *k, const struct eth_addr *addr)
{
	k->expect = *addr;
	k->has_expect = true;
}

void peer_keep_wait(struct peer_keep *k, uint64_t ms)
{
	uint64_t now = uv_now(k->loop);

	if (ms > WAIT_MAX_MS)
		ms = WAIT_MAX_MS;
	k->not_before_ms = now + ms;
	if (!k->conn && uv_is_active((uv_handle_t *)&k->redial) &&
	    uv_timer_get_due_in(&k->redial) < ms)
		uv_timer_start(&k->redial, on_redial, ms, 0);
}

void peer_keep_drop(struct peer_keep *k)
{
	if (!k->conn)
		return;
	peer_conn_close(k->conn);
	k->conn = NULL;
	redial_later(k);
}

static void on_timer_closed(uv_handle_t *h)
{
	free(h->data);
}

void peer_keep_free(struct peer_keep *k)
{
	if (!k)
		return;
	if (k->conn)
		peer_conn_close(k->conn);
	k->conn = NULL;
	uv_close((uv_handle_t *)&k->redial, on_timer_closed);
}
