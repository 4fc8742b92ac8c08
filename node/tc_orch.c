/*
 * The orchestrators a broadcaster knows: kept connected, each in a slot, with what was
 * measured of it.  Those of the options stay; those of a webhook come and go, and a
 * slot is used again only when no stream's segment is at its orchestrator any more.
 */
#include "node/tc_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "node/peer/conn.h"
#include "node/peer/keep.h"
#include "node/signer.h"
#include "node/stats.h"

/* ---- standing ---- */

static bool is_there(const struct orch *o, int64_t now)
{
	return o && o->ready && !o->draining && !o->leaving &&
		!tc_is_suspended(&o->suspension, now);
}

/* One that failed is avoided where there is another, and better than none. */
bool orch_is_usable(const struct orch *o)
{
	int64_t now = clock_mono_ms();
	size_t i;

	if (!is_there(o, now))
		return false;
	if (!tc_has_failed(&o->suspension, now))
		return true;
	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++) {
		const struct orch *other = o->t->orch[i];

		if (is_there(other, now) && !tc_has_failed(&other->suspension, now))
			return false;
	}
	return true;
}

void orch_worked(struct orch *o, double ratio)
{
	o->n_done++;
	tc_score_add(&o->score, ratio, clock_mono_ms());
	tc_suspend_good(&o->suspension);
}

void orch_outrun(struct orch *o, double ratio)
{
	int64_t now = clock_mono_ms();

	if (ratio > tc_score_at(&o->score, now))
		tc_score_add(&o->score, ratio, now);
}

void orch_failed(struct orch *o)
{
	int64_t now = clock_mono_ms();

	tc_score_failed(&o->score, now);
	tc_suspend_failed(&o->suspension, now);
}

uint64_t orch_lied(struct orch *o)
{
	int64_t now = clock_mono_ms();

	tc_score_failed(&o->score, now);
	return tc_suspend_lied(&o->suspension, now);
}

struct eth_addr orch_addr(const struct orch *o)
{
	return o->local ? signer_addr(o->t->signer) : *peer_conn_addr(o->conn);
}

/* ---- connection ---- */

static void on_ready(void *arg, struct peer_conn *c)
{
	struct orch *o = arg;
	char addr[43];

	o->conn = c;
	o->ready = true;
	o->draining = false;
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
	list_each(n, &o->t->sessions) {
		struct tc_link *l = &list_entry(n, struct tc_session, node)->link[o->index];

		tc_link_lost(l);
		l->retry_at_ms = 0;	/* what it refused before is past */
	}
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

/* ---- slots ---- */

static struct orch *orch_new(struct tc *t, const struct orch_entry *e, struct err *err)
{
	struct orch *o;
	size_t i;

	for (i = 0; i < TC_ORCHESTRATORS_MAX && t->orch[i]; i++)
		;
	if (i == TC_ORCHESTRATORS_MAX) {
		err_set(err, ERR_LIMIT, "more than %d orchestrators", TC_ORCHESTRATORS_MAX);
		return NULL;
	}
	o = xcalloc(1, sizeof(*o));
	o->t = t;
	o->index = i;
	strcpy(o->hostport, e->hostport);
	o->expect = e->addr;
	o->has_expect = e->has_addr;
	o->added_ms = clock_mono_ms();
	t->orch[i] = o;
	return o;
}

static void orch_free(struct orch *o)
{
	if (!o)
		return;
	o->t->orch[o->index] = NULL;
	if (o->keep)
		peer_keep_free(o->keep);
	else if (o->conn)
		peer_conn_close(o->conn);
	free(o);
}

static struct orch *orch_dial(struct tc *t, const struct orch_entry *e, struct err *err)
{
	struct orch *o = orch_new(t, e, err);

	if (!o)
		return NULL;
	o->keep = peer_keep_new(t->loop, t->peers, o->hostport, o->has_expect ? &o->expect : NULL,
				&conn_cb, o, err);
	if (o->keep)
		return o;
	orch_free(o);
	return NULL;
}

int tc_add_orchestrator(struct tc *t, const char *address, struct err *err)
{
	struct orch_entry e = { .has_addr = false };

	if (peer_address_parse(address, e.hostport, &e.addr, &e.has_addr, err) < 0)
		return -1;
	return orch_dial(t, &e, err) ? 0 : -1;
}

int tc_add_local(struct tc *t, int fd, struct err *err)
{
	struct orch *o = orch_new(t, &(struct orch_entry){ .hostport = "local" }, err);

	if (!o)
		return -1;
	o->local = true;
	o->conn = peer_attach(t->peers, fd, true, false, &conn_cb, o, err);
	if (o->conn)
		return 0;
	orch_free(o);
	return -1;
}

/* ---- those of the webhook ---- */

static bool is_same(const struct orch *o, const struct orch_entry *e)
{
	struct orch_entry own = { .has_addr = o->has_expect, .addr = o->expect };

	strcpy(own.hostport, o->hostport);
	/* The operator's word about who answers there goes before the webhook's. */
	return o->found ? orch_entry_equal(&own, e) : strcmp(own.hostport, e->hostport) == 0;
}

static struct orch *find(const struct tc *t, const struct orch_entry *e)
{
	size_t i;

	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++)
		if (t->orch[i] && is_same(t->orch[i], e))
			return t->orch[i];
	return NULL;
}

static bool is_told(const struct orch *o)
{
	size_t i;

	for (i = 0; i < o->t->n_told; i++)
		if (is_same(o, &o->t->told[i]))
			return true;
	return false;
}

static void add_told(struct tc *t)
{
	size_t i;

	for (i = 0; i < t->n_told; i++) {
		struct orch *o = find(t, &t->told[i]);
		struct err err;

		if (o)
			continue;
		o = orch_dial(t, &t->told[i], &err);
		if (!o)
			return;		/* no slot yet: when one that leaves has gone */
		o->found = true;
		log_info(NULL, "orchestrator told by the webhook: orch=%s", o->hostport);
	}
}

void tc_sweep(struct tc *t)
{
	bool freed = false;
	size_t i;

	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++) {
		struct orch *o = t->orch[i];

		if (!o || !o->leaving || o->n_tries > 0)
			continue;
		list_each(n, &t->sessions)
			tc_session_forget(list_entry(n, struct tc_session, node), i);
		orch_free(o);
		freed = true;
	}
	if (freed)
		add_told(t);
}

static unsigned n_slots_for_told(const struct tc *t)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++)
		n += !t->orch[i] || t->orch[i]->found;
	return n;
}

static void on_list(void *arg, struct orch_list *l)
{
	struct eth_addr me;
	struct tc *t = arg;
	size_t i;

	me = signer_addr(t->signer);
	orch_list_cut(l, &me, n_slots_for_told(t));
	memcpy(t->told, l->e, l->n * sizeof(l->e[0]));
	t->n_told = l->n;
	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++) {
		struct orch *o = t->orch[i];

		if (!o || !o->found)
			continue;
		if (!o->leaving && !is_told(o))
			log_info(NULL, "orchestrator no longer told by the webhook, let go: orch=%s",
				 o->hostport);
		o->leaving = !is_told(o);
	}
	tc_sweep(t);
	add_told(t);
	tc_kick_all(t);
}

int tc_set_webhook(struct tc *t, struct http_client *client, const char *url, struct err *err)
{
	t->discovery = discovery_new(t->loop, client, url, on_list, t, err);
	return t->discovery ? 0 : -1;
}

/* ---- what is told ---- */

bool tc_has_orchestrators(const struct tc *t)
{
	size_t i;

	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++)
		if (t->orch[i])
			return true;
	return t->discovery != NULL;
}

unsigned tc_ready(const struct tc *t)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++)
		n += t->orch[i] && orch_is_usable(t->orch[i]);
	return n;
}

static const char *state_name(const struct orch *o, int64_t now)
{
	if (!o->ready)
		return "connecting";
	if (o->leaving)
		return "leaving";
	if (o->draining)
		return "draining";
	if (!orch_is_usable(o))
		return "suspended";
	return now < o->refused_until_ms ? "refusing" : "ready";
}

/* Why it is not simply ready, and for how long. */
static void add_reason(struct buf *b, const struct orch *o, int64_t now)
{
	const struct tc_suspension *s = &o->suspension;
	int64_t until = now;
	const char *why = s->why;

	if (tc_is_suspended(s, now))
		until = s->until_ms;
	else if (tc_has_failed(s, now))
		until = s->failed_until_ms;
	if (until == now && now < o->refused_until_ms) {
		until = o->refused_until_ms;
		why = "it refuses sessions";
	}
	if (until > now)
		buf_addf(b, ",\"why\":\"%s\",\"forMs\":%lld", why, (long long)(until - now));
}

static void add_orch(struct buf *b, const struct orch *o)
{
	int64_t now = clock_mono_ms();
	struct eth_addr addr = o->expect;
	char hex[43];

	if (o->ready)
		addr = orch_addr(o);
	eth_addr_fmt(hex, &addr);
	buf_add_str(b, "{\"addr\":");
	json_add_string(b, o->hostport);
	buf_addf(b, ",\"ethAddr\":\"%s\",\"state\":\"%s\",\"rttUs\":%d,\"score\":%.3f,"
		 "\"done\":%llu,\"failed\":%llu", hex, state_name(o, now),
		 o->conn ? peer_conn_rtt_us(o->conn) : -1, tc_score_at(&o->score, now),
		 (unsigned long long)o->n_done, (unsigned long long)o->n_failed);
	add_reason(b, o, now);
	buf_add_str(b, "}");
}

void tc_status(const struct tc *t, struct buf *b)
{
	const char *comma = "";
	size_t i;

	buf_add_str(b, "[");
	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++) {
		if (!t->orch[i])
			continue;
		buf_add_str(b, comma);
		add_orch(b, t->orch[i]);
		comma = ",";
	}
	buf_add_str(b, "]");
}

/* ---- life ---- */

struct tc *tc_new(uv_loop_t *loop, struct peer_ctx *peers, const struct signer *signer,
		  struct work_pool *probe, struct stats *stats)
{
	struct tc *t = xcalloc(1, sizeof(*t));

	t->loop = loop;
	t->peers = peers;
	t->signer = signer;
	t->probe = probe;
	t->stats = stats;
	secret_random(&t->seed, sizeof(t->seed));
	list_init(&t->sessions);
	return t;
}

void tc_close(struct tc *t)
{
	size_t i;

	list_each(n, &t->sessions)
		tc_session_free(list_entry(n, struct tc_session, node));
	if (t->discovery)
		discovery_close(t->discovery);
	t->discovery = NULL;
	for (i = 0; i < TC_ORCHESTRATORS_MAX; i++)
		orch_free(t->orch[i]);
}

void tc_free(struct tc *t)
{
	free(t);
}
