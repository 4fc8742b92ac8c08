/*
 * The orchestrator.  A remote one is joined by
 *
 *	Join >  < JoinChallenge  JoinProof >  < JoinAccept (or Refuse)
 *
 * and believed only when its accept proves the farm's secret; then, on first use, its
 * address is pinned: an impostor without the secret is never pinned.  One in this
 * process is behind a socketpair that nobody else can hold, so it accepts the Join at
 * once, and nothing is proven.
 *
 * Lost, refused, false: what runs for it ends, and it is dialled again - after what it
 * asked for, or FALSE_MS.  While the node drains it is not.
 */
#include "node/farm/transcoder_int.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/secret.h"
#include "node/farm/join.h"
#include "node/peer/conn.h"
#include "node/peer/keep.h"

#define JOIN_VERSION 1
#define ANSWER_MS 5000		/* for each step of joining */
#define FALSE_MS 5000		/* until a false or confused orchestrator is dialled again */
#define REFUSED_MS_MIN 1000

/* ---- the end of a membership ---- */

static void forget(struct transcoder *t)
{
	struct uplink *l = &t->uplink;

	l->state = UPLINK_AWAY;	/* first: tasks that end tell their load to members alone */
	l->conn = NULL;
	l->ch = NULL;
	transcoder_tasks_drop(t);
}

/* Drop the connection; a remote one is dialled again, not before wait_ms. */
static void leave(struct transcoder *t, uint64_t wait_ms)
{
	struct uplink *l = &t->uplink;
	struct peer_conn *c = l->conn;

	forget(t);
	if (l->keep) {
		peer_keep_wait(l->keep, wait_ms);
		peer_keep_drop(l->keep);
	} else if (c) {
		peer_conn_close(c);
	}
}

/* It broke a rule. */
static void fault(struct transcoder *t, const struct err *why)
{
	struct uplink *l = &t->uplink;

	if (log_may(&l->limit, 4))
		log_warn(NULL, "the orchestrator breaks the rules of joining: orch=%s why=%s",
			 l->hostport, why->msg);
	leave(t, FALSE_MS);
}

/* ---- load ---- */

static void load_of(const struct transcoder *t, struct msg_load *m)
{
	*m = (struct msg_load){
		.capacity = lanes_capacity(t), .slots = t->slots, .running = t->n_running,
		.cores = t->cores,
	};
	memcpy(m->hardware, t->hardware, sizeof(m->hardware));
	lanes_load(t, m);
}

static void send_load(struct transcoder *t)
{
	struct uplink *l = &t->uplink;
	struct buf b;

	load_of(t, &l->told);
	buf_init(&b, 16384);
	msg_load_pack(&b, &l->told);
	peer_channel_msg(l->ch, MSG_LOAD, &b);
	buf_fini(&b);
}

/* By a tenth, and a fourth of the slots. */
static bool is_much(const struct transcoder *t)
{
	const struct msg_load *told = &t->uplink.told;
	uint64_t capacity = lanes_capacity(t);
	uint64_t by = capacity > told->capacity ? capacity - told->capacity
						: told->capacity - capacity;
	unsigned n = t->n_running > told->running ? t->n_running - told->running
						  : told->running - t->n_running;

	return by > told->capacity / 10 || n > t->slots / 4;
}

void uplink_tell_load(struct transcoder *t)
{
	if (t->uplink.state == UPLINK_MEMBER && t->uplink.ch && is_much(t))
		send_load(t);
}

/* ---- trust ---- */

/* Writing may wait for a disk: not on the loop.  Lives on its own. */
struct pin_job {
	uv_work_t req;
	char *path, *hostport;
	struct eth_addr addr;
	struct err err;
	int rc;
};

static void pin_work(uv_work_t *req)
{
	struct pin_job *j = req->data;

	j->rc = pins_add(j->path, j->hostport, &j->addr, &j->err);
}

static void on_pinned(uv_work_t *req, int status)
{
	struct pin_job *j = req->data;

	if (status < 0)
		log_warn(NULL, "orchestrator not pinned, who answers first after a restart is "
			 "trusted again: orch=%s", j->hostport);
	else if (j->rc < 0)
		log_error(NULL, "orchestrator cannot be pinned, who answers first after a restart "
			  "is trusted again: orch=%s why=%s", j->hostport, j->err.msg);
	free(j->path);
	free(j->hostport);
	free(j);
}

/* It knows the secret.  Was it here before? */
static void trust(struct transcoder *t)
{
	struct uplink *l = &t->uplink;
	struct pin_job *j;
	char hex[43];

	if (l->has_expect)
		return;
	l->expect = *peer_conn_addr(l->conn);
	l->has_expect = true;
	peer_keep_expect(l->keep, &l->expect);
	eth_addr_fmt(hex, &l->expect);
	log_info(NULL, "orchestrator trusted on first use, from now on it must be this one: "
		 "orch=%s eth=%s pins=%s", l->hostport, hex, l->pins_path ? l->pins_path : "none");
	if (!l->pins_path)
		return;
	j = xcalloc(1, sizeof(*j));
	j->req.data = j;
	j->path = xstrdup(l->pins_path);
	j->hostport = xstrdup(l->hostport);
	j->addr = l->expect;
	if (uv_queue_work(t->loop, &j->req, pin_work, on_pinned) < 0)
		on_pinned(&j->req, -1);
}

/* ---- joining, in order ---- */

static const struct peer_channel_cb join_cb;

static void say(struct uplink *l, enum msg_type type, enum uplink_state next, const struct buf *b)
{
	l->state = next;
	l->asked_ms = clock_mono_ms();
	peer_channel_msg(l->ch, type, b);
}

static void say_join(struct transcoder *t)
{
	struct msg_join m = { .version = JOIN_VERSION };
	struct uplink *l = &t->uplink;
	struct err err;
	struct buf b;

	l->ch = peer_channel_open(l->conn, &join_cb, t, &err);
	if (!l->ch) {
		if (log_may(&l->limit, 4))
			log_warn(NULL, "orchestrator cannot be joined: orch=%s why=%s", l->hostport,
				 err.msg);
		leave(t, FALSE_MS);
		return;
	}
	snprintf(m.codec_profile, sizeof(m.codec_profile), "%s", t->opts.codec_profile);
	buf_init(&b, 4096);
	msg_join_pack(&b, &m);
	say(l, MSG_JOIN, UPLINK_ASKED, &b);
	buf_fini(&b);
}

static void take_challenge(struct transcoder *t, const uint8_t *data, size_t len)
{
	struct uplink *l = &t->uplink;
	struct hash32 handshake = peer_conn_handshake(l->conn);
	struct msg_join_challenge m;
	struct msg_join_proof proof;
	struct err err;
	struct buf b;

	if (msg_join_challenge_unpack(&m, data, len, &err) < 0) {
		fault(t, &err);
		return;
	}
	memcpy(l->nonce_orchestrator, m.nonce, sizeof(m.nonce));
	secret_random(l->nonce_transcoder, sizeof(l->nonce_transcoder));
	memcpy(proof.nonce, l->nonce_transcoder, sizeof(proof.nonce));
	farm_proof(proof.hmac, l->secret, FARM_TRANSCODER, &handshake, l->nonce_transcoder,
		   l->nonce_orchestrator);
	load_of(t, &proof.load);
	l->told = proof.load;
	buf_init(&b, 16384);
	msg_join_proof_pack(&b, &proof);
	say(l, MSG_JOIN_PROOF, UPLINK_PROVEN, &b);
	buf_fini(&b);
}

static void become_member(struct transcoder *t)
{
	struct uplink *l = &t->uplink;
	char hex[43] = "local";

	l->state = UPLINK_MEMBER;
	if (!l->local)
		eth_addr_fmt(hex, peer_conn_addr(l->conn));
	log_info(NULL, "joined an orchestrator: orch=%s eth=%s mpx_s=%llu slots=%u", l->hostport,
		 hex, (unsigned long long)(lanes_capacity(t) / 1000000), t->slots);
	send_load(t);
}

static bool is_proven(const struct uplink *l, const struct msg_join_accept *m)
{
	struct hash32 handshake = peer_conn_handshake(l->conn);

	return farm_proof_holds(m->hmac, l->secret, FARM_ORCHESTRATOR, &handshake,
				l->nonce_transcoder, l->nonce_orchestrator);
}

static void take_accept(struct transcoder *t, const uint8_t *data, size_t len)
{
	struct uplink *l = &t->uplink;
	struct msg_join_accept m;
	struct err err;
	char hex[43];

	if (msg_join_accept_unpack(&m, data, len, &err) < 0) {
		fault(t, &err);
		return;
	}
	if (!l->local && !is_proven(l, &m)) {
		eth_addr_fmt(hex, peer_conn_addr(l->conn));
		if (log_may(&l->refusal_limit, 1))
			log_error(NULL, "who answers as the orchestrator does not know the farm's "
				  "secret, no work is taken from it: orch=%s eth=%s", l->hostport, hex);
		leave(t, FALSE_MS);
		return;
	}
	if (!l->local)
		trust(t);
	become_member(t);
}

static void take_refuse(struct transcoder *t, const uint8_t *data, size_t len)
{
	struct uplink *l = &t->uplink;
	struct msg_refuse m;
	struct err err;
	uint64_t wait;

	if (msg_refuse_unpack(&m, data, len, &err) < 0) {
		fault(t, &err);
		return;
	}
	wait = m.retry_after_ms;
	if (wait == 0)
		wait = FALSE_MS;
	if (wait < REFUSED_MS_MIN)
		wait = REFUSED_MS_MIN;
	/* Only a full house passes by itself. */
	if (log_may(&l->refusal_limit, 4))
		(m.code == REFUSE_BUSY ? log_warn : log_error)
			(NULL, "the orchestrator does not take this transcoder: orch=%s why=%s",
			 l->hostport, m.reason);
	leave(t, wait);
}

static void on_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data,
		   size_t len)
{
	struct transcoder *t = arg;
	struct uplink *l = &t->uplink;
	enum uplink_state accept_due = l->local ? UPLINK_ASKED : UPLINK_PROVEN;
	struct err err;

	(void)ch;
	if (type == MSG_REFUSE) {
		take_refuse(t, data, len);
	} else if (type == MSG_JOIN_CHALLENGE && l->state == UPLINK_ASKED && !l->local) {
		take_challenge(t, data, len);
	} else if (type == MSG_JOIN_ACCEPT && l->state == accept_due) {
		take_accept(t, data, len);
	} else if (type < 64) {	/* those of a later version are ignored */
		err_set(&err, ERR_INVALID, "message %u at the wrong time", type);
		fault(t, &err);
	}
}

static void on_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct err err;

	(void)ch;
	(void)data;
	err_set(&err, ERR_INVALID, "%zu media bytes among the messages of joining", len);
	fault(arg, &err);
}

/* The channel alone is no use; when the connection dies its own on_close follows. */
static void on_channel_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct transcoder *t = arg;
	struct uplink *l = &t->uplink;

	(void)ch;
	l->ch = NULL;
	if (!l->conn || !peer_conn_is_ready(l->conn))
		return;
	if (log_may(&l->limit, 4))
		log_warn(NULL, "the orchestrator ends our membership: orch=%s why=%s", l->hostport,
			 why ? why->msg : "no reason told");
	leave(t, FALSE_MS);
}

static const struct peer_channel_cb join_cb = {
	.on_msg = on_msg,
	.on_data = on_data,
	.on_close = on_channel_close,
};

/* ---- the connection ---- */

static void on_ready(void *arg, struct peer_conn *c)
{
	struct transcoder *t = arg;

	t->uplink.conn = c;
	if (t->ready && !t->draining)
		say_join(t);
}

static void on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	struct transcoder *t = arg;
	struct err err;

	(void)c;
	if (t->uplink.state == UPLINK_MEMBER) {
		transcoder_task_open(t, ch);
		return;
	}
	err_set(&err, ERR_DENIED, "tasks are taken from an orchestrator that was joined");
	peer_channel_abort(ch, &err);
}

static void on_goaway(void *arg, struct peer_conn *c)
{
	struct transcoder *t = arg;

	(void)c;
	log_info(NULL, "the orchestrator drains, what runs is finished: orch=%s", t->uplink.hostport);
}

static void log_loss(struct uplink *l, const struct err *why)
{
	/* Somebody else is there, or has changed its key: nothing that passes. */
	if (why->code == ERR_DENIED) {
		if (log_may(&l->refusal_limit, 1))
			log_error(NULL, "the orchestrator is not the one it must be, or does not "
				  "want us: orch=%s why=%s", l->hostport, why->msg);
	} else if (l->local) {
		log_error(NULL, "the orchestrator in this process is gone: why=%s", why->msg);
	} else if (log_may(&l->limit, 4)) {
		log_warn(NULL, "orchestrator %s, trying again: orch=%s why=%s",
			 l->conn ? "lost" : "not reached", l->hostport, why->msg);
	}
}

static void on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct transcoder *t = arg;

	(void)c;
	log_loss(&t->uplink, why);
	forget(t);
	if (t->draining) {
		peer_keep_free(t->uplink.keep);
		t->uplink.keep = NULL;
	}
}

static const struct peer_conn_cb conn_cb = {
	.on_ready = on_ready,
	.on_channel = on_channel,
	.on_goaway = on_goaway,
	.on_close = on_close,
};

/* ---- from outside ---- */

int transcoder_attach(struct transcoder *t, struct peer_ctx *peers, int fd, struct err *err)
{
	struct uplink *l = &t->uplink;

	t->peers = peers;
	l->local = true;
	strcpy(l->hostport, "local");
	l->conn = peer_attach(peers, fd, true, false, &conn_cb, t, err);
	return l->conn ? 0 : -1;
}

/* Who must answer: the option, the address itself, or a pin. */
static int find_expected(struct uplink *l, const struct eth_addr *expect, struct err *err)
{
	struct eth_addr named;
	bool has_name;

	if (peer_address_parse(l->address, l->hostport, &named, &has_name, err) < 0)
		return -1;
	if (has_name && expect && !eth_addr_equal(&named, expect))
		return err_set(err, ERR_INVALID, "'%.100s' names another address than the one "
			       "expected", l->address);
	l->has_expect = has_name || expect;
	if (l->has_expect)
		l->expect = expect ? *expect : named;
	else if (l->pins_path)
		return pins_find(l->pins_path, l->hostport, &l->has_expect, &l->expect, err);
	return 0;
}

int transcoder_join(struct transcoder *t, struct peer_ctx *peers, const char *hostport,
		    const struct eth_addr *expect, const struct farm_secret *secret,
		    const char *pins_path, struct err *err)
{
	struct uplink *l = &t->uplink;

	l->address = xstrdup(hostport);
	l->pins_path = pins_path ? xstrdup(pins_path) : NULL;
	l->secret = secret;
	if (find_expected(l, expect, err) < 0) {
		uplink_free(t);
		return -1;
	}
	t->peers = peers;
	if (t->ready)
		uplink_start(t);
	return 0;
}

bool transcoder_is_joined(const struct transcoder *t)
{
	return t->uplink.state == UPLINK_MEMBER;
}

void uplink_start(struct transcoder *t)
{
	struct uplink *l = &t->uplink;
	struct err err;

	if (!t->peers || t->draining)
		return;
	if (l->local) {
		if (l->conn && peer_conn_is_ready(l->conn))
			say_join(t);
		return;
	}
	l->keep = peer_keep_new(t->loop, t->peers, l->address,
				l->has_expect ? &l->expect : NULL, &conn_cb, t, &err);
	if (!l->keep)	/* it was parsed before: only our own mistake leads here */
		log_error(NULL, "orchestrator cannot be dialled: orch=%s why=%s", l->hostport,
			  err.msg);
}

void uplink_tick(struct transcoder *t)
{
	struct uplink *l = &t->uplink;
	struct err err;

	switch (l->state) {
	case UPLINK_AWAY:
		return;
	case UPLINK_MEMBER:
		send_load(t);
		return;
	case UPLINK_ASKED:
	case UPLINK_PROVEN:
		if (clock_mono_ms() - l->asked_ms < ANSWER_MS)
			return;
		err_set(&err, ERR_TIMEOUT, "no answer within %d ms", ANSWER_MS);
		fault(t, &err);
	}
}

void uplink_close(struct transcoder *t)
{
	struct uplink *l = &t->uplink;
	struct peer_conn *c = l->conn;

	forget(t);
	if (l->keep)
		peer_keep_free(l->keep);
	else if (c)
		peer_conn_close(c);
	l->keep = NULL;
}

void uplink_free(struct transcoder *t)
{
	free(t->uplink.address);
	free(t->uplink.pins_path);
	t->uplink.address = t->uplink.pins_path = NULL;
}
