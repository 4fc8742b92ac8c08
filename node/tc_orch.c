/*
 * The orchestrators a broadcaster knows: dialled, kept connected with back-off,
 * scored by how long a segment took there against its duration.
 */
#include "node/tc_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "node/peer/conn.h"
#include "node/signer.h"
#include "node/stats.h"

#define BACKOFF_FIRST_MS 200
#define BACKOFF_MAX_MS 5000

static void dial(struct orch *o);

bool orch_is_usable(const struct orch *o)
{
	return o->ready && !o->draining && clock_mono_ms() >= o->suspended_until_ms;
}

void orch_score(struct orch *o, double ratio)
{
	o->score = o->tested ? 0.7 * o->score + 0.3 * ratio : ratio;
	o->tested = true;
	o->testing = false;
}

void orch_suspend(struct orch *o, uint64_t ms)
{
	o->suspended_until_ms = clock_mono_ms() + (int64_t)ms;
	o->testing = false;
}

struct eth_addr orch_addr(const struct orch *o)
{
	return o->local ? signer_addr(o->t->signer) : *peer_conn_addr(o->conn);
}

static void on_redial(uv_timer_t *timer)
{
	dial(timer->data);
}

static void redial_later(struct orch *o)
{
	uint64_t jitter;

	if (o->t->closing || o->local)
		return;
	secret_random(&jitter, sizeof(jitter));
	o->backoff_ms = o->backoff_ms ? o->backoff_ms * 2 : BACKOFF_FIRST_MS;
	if (o->backoff_ms > BACKOFF_MAX_MS)
		o->backoff_ms = BACKOFF_MAX_MS;
	uv_timer_start(&o->redial, on_redial, o->backoff_ms + jitter % (o->backoff_ms / 4), 0);
}

static void on_ready(void *arg, struct peer_conn *c)
{
	struct orch *o = arg;
	char addr[43];

	o->ready = true;
	o->draining = false;
	o->backoff_ms = 0;
	if (!o->local) {
		eth_addr_fmt(addr, peer_conn_addr(c));
		log_info(NULL, "orchestrator connected: orch=%s eth=%s", o->hostport, addr);
	}
	tc_kick_all(o->t);
}

static void on_goaway(void *arg, struct peer_conn *c)
{
	struct orch *o = arg;

	(void)c;
	o->draining = true;
	log_info(NULL, "orchestrator drains, taking no new segments: orch=%s", o->hostport);
	tc_kick_all(o->t);
}

static void on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct orch *o = arg;

	(void)c;
	o->conn = NULL;
	if (log_may(&o->log_limit, 4))
		log_warn(NULL, "orchestrator connection lost: orch=%s why=%s", o->hostport,
			 why ? why->msg : "closed");
	if (o->ready)
		o->t->stats->orchestrator_swaps++;
	o->ready = false;
	o->testing = false;
	list_each(n, &o->t->sessions)
		tc_link_lost(&list_entry(n, struct tc_session, node)->link[o->index]);
	redial_later(o);
}

/* The broadcaster offers no services: an orchestrator has no reason to open one. */
static void on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	struct err err;

	(void)arg;
	(void)c;
	err_set(&err, ERR_INVALID, "this side takes no conversations");
	peer_channel_abort(ch, &err);
}

static const struct peer_conn_cb conn_cb = {
	.on_ready = on_ready,
	.on_channel = on_channel,
	.on_goaway = on_goaway,
	.on_close = on_close,
};

static void dial(struct orch *o)
{
	struct err err;

	o->conn = peer_dial(o->t->peers, o->hostport, NULL, &conn_cb, o, &err);
	if (o->conn)
		return;
	if (log_may(&o->log_limit, 4))
		log_warn(NULL, "orchestrator cannot be dialled: orch=%s why=%s", o->hostport,
			 err.msg);
	redial_later(o);
}

static struct orch *orch_new(struct tc *t, const char *hostport, struct err *err)
{
	struct orch *o;

	if (t->n_orch == TC_ORCHESTRATORS_MAX) {
		err_set(err, ERR_LIMIT, "more than %d orchestrators", TC_ORCHESTRATORS_MAX);
		return NULL;
	}
	if (strlen(hostport) >= sizeof(o->hostport)) {
		err_set(err, ERR_LIMIT, "orchestrator address too long");
		return NULL;
	}
	o = xcalloc(1, sizeof(*o));
	o->t = t;
	o->index = t->n_orch;
	strcpy(o->hostport, hostport);
	uv_timer_init(t->loop, &o->redial);
	o->redial.data = o;
	t->orch[t->n_orch++] = o;
	return o;
}

int tc_add_orchestrator(struct tc *t, const char *hostport, struct err *err)
{
	const char *colon = strrchr(hostport, ':');
	struct orch *o;
	long port = 0;
	char *rest = NULL;

	if (colon && colon[1] >= '0' && colon[1] <= '9')
		port = strtol(colon + 1, &rest, 10);
	if (colon == hostport || port <= 0 || port > 65535 || *rest)
		return err_set(err, ERR_INVALID, "%.200s: give HOST:PORT", hostport);
	o = orch_new(t, hostport, err);
	if (!o)
		return -1;
	dial(o);
	return 0;
}

int tc_add_local(struct tc *t, int fd, struct err *err)
{
	struct orch *o = orch_new(t, "local", err);

	if (!o)
		return -1;
	o->local = true;
	o->conn = peer_attach(t->peers, fd, true, false, &conn_cb, o, err);
	return o->conn ? 0 : -1;
}

bool tc_has_orchestrators(const struct tc *t)
{
	return t->n_orch > 0;
}

unsigned tc_ready(const struct tc *t)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < t->n_orch; i++)
		n += orch_is_usable(t->orch[i]);
	return n;
}

static const char *state_name(const struct orch *o)
{
	if (!o->ready)
		return "connecting";
	if (o->draining)
		return "draining";
	return orch_is_usable(o) ? "ready" : "suspended";
}

void tc_status(const struct tc *t, struct buf *b)
{
	size_t i;

	buf_add_str(b, "[");
	for (i = 0; i < t->n_orch; i++) {
		const struct orch *o = t->orch[i];
		struct eth_addr addr = { { 0 } };
		char hex[43];

		if (o->ready)
			addr = orch_addr(o);
		eth_addr_fmt(hex, &addr);
		buf_addf(b, "%s{\"addr\":", i ? "," : "");
		json_add_string(b, o->hostport);
		buf_addf(b, ",\"ethAddr\":\"%s\",\"state\":\"%s\",\"rttUs\":%d,\"score\":%.3f,"
			 "\"done\":%llu,\"failed\":%llu}", hex, state_name(o),
			 o->conn ? peer_conn_rtt_us(o->conn) : -1, o->score,
			 (unsigned long long)o->n_done, (unsigned long long)o->n_failed);
	}
	buf_add_str(b, "]");
}

struct tc *tc_new(uv_loop_t *loop, struct peer_ctx *peers, const struct signer *signer,
		  struct work_pool *probe, struct stats *stats)
{
	struct tc *t = xcalloc(1, sizeof(*t));

	t->loop = loop;
	t->peers = peers;
	t->signer = signer;
	t->probe = probe;
	t->stats = stats;
	list_init(&t->sessions);
	return t;
}

void tc_close(struct tc *t)
{
	size_t i;

	t->closing = true;
	list_each(n, &t->sessions)
		tc_session_free(list_entry(n, struct tc_session, node));
	for (i = 0; i < t->n_orch; i++) {
		struct orch *o = t->orch[i];

		uv_close((uv_handle_t *)&o->redial, NULL);
		if (o->conn)
			peer_conn_close(o->conn);
		o->conn = NULL;
		o->ready = false;
	}
}

void tc_free(struct tc *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < t->n_orch; i++)
		free(t->orch[i]);
	free(t);
}
