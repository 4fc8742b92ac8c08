/*
 * Joining.  A stranger proves that it knows the secret before it is told anything that
 * only one who knows it could say (join.h); the one in this process comes by a
 * socketpair and needs none.
 *
 * What a transcoder is worth is kept by its address, in a record that outlives its
 * connection: one that lies does not begin anew by dialling again.
 */
#include "node/farm/impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "node/farm/join.h"

#define JOIN_MS 5000
#define JOINING_MAX 64
#define DENIED_RETRY_MS 5000
#define FULL_RETRY_MS 5000
#define PENALTY_MIN_MS 1000
#define PENALTY_MAX_MS 60000
#define PENALTY_LESS 8		/* a good answer takes off one part in so many */
#define LATE_IN_A_ROW_MAX 3
#define WARM_MS 5000

/* ---- records ---- */

struct record *record_find(struct farm *f, const struct eth_addr *addr)
{
	list_each(n, &f->records) {
		struct record *r = list_entry(n, struct record, node);

		if (eth_addr_equal(&r->addr, addr))
			return r;
	}
	return NULL;
}

/* There are more records than members may be, so one of nobody is found. */
static void forget_oldest(struct farm *f)
{
	list_each(n, &f->records) {
		struct record *r = list_entry(n, struct record, node);

		if (r->n_members > 0)
			continue;
		list_remove(&r->node);
		f->n_records--;
		free(r);
		return;
	}
}

static struct record *record_use(struct farm *f, const struct eth_addr *addr)
{
	struct record *r = record_find(f, addr);

	if (!r) {
		if (f->n_records >= RECORDS_MAX)
			forget_oldest(f);
		r = xcalloc(1, sizeof(*r));
		r->addr = *addr;
		r->speed = speed_new;
		list_node_init(&r->node);
		f->n_records++;
	}
	list_remove(&r->node);
	list_add_tail(&f->records, &r->node);
	r->n_members++;
	return r;
}

static void suspend(struct farm *f, struct record *r, const char *name, const char *why)
{
	r->penalty_ms = r->penalty_ms ? r->penalty_ms * 2 : PENALTY_MIN_MS;
	if (r->penalty_ms < PENALTY_MIN_MS)
		r->penalty_ms = PENALTY_MIN_MS;
	if (r->penalty_ms > PENALTY_MAX_MS)
		r->penalty_ms = PENALTY_MAX_MS;
	r->suspended_until = uv_now(f->loop) + r->penalty_ms;
	r->n_late_in_a_row = 0;
	if (log_may(&f->log_limit, LOGS_A_MINUTE))
		log_warn(NULL, "transcoder suspended: transcoder=%s ms=%llu why=%s", name,
			 (unsigned long long)r->penalty_ms, why);
}

static struct member *find_member(const struct farm *f, uint64_t serial)
{
	list_each(n, &f->members) {
		struct member *m = list_entry(n, struct member, node);

		if (m->serial == serial)
			return m;
	}
	return NULL;
}

static void judge_good(struct record *r)
{
	r->n_done++;
	r->n_late_in_a_row = 0;
	r->penalty_ms -= r->penalty_ms / PENALTY_LESS;
	if (r->penalty_ms < PENALTY_MIN_MS / 2)
		r->penalty_ms = 0;
}

void member_judge(struct farm *f, uint64_t serial, const struct eth_addr *addr, enum outcome o,
		  const struct err *why)
{
	struct member *m = find_member(f, serial);
	struct record *r = m ? m->rec : record_find(f, addr);
	const char *name = m ? m->name : "one that went away";

	if (!r)
		return;
	switch (o) {
	case OUTCOME_DONE:
		judge_good(r);
		return;
	case OUTCOME_LIED:
		r->n_lied++;
		f->n_lies++;
		suspend(f, r, name, why->msg);
		return;
	case OUTCOME_LATE:
		r->n_late++;
		f->n_late++;
		if (++r->n_late_in_a_row >= LATE_IN_A_ROW_MAX)
			suspend(f, r, name, "three tasks in a row were late");
		return;
	case OUTCOME_BUSY:
		f->n_busy++;
		if (m)
			m->avoid_until = uv_now(f->loop) + BUSY_MS;
		return;
	case OUTCOME_LOST:
		r->n_lost++;
		f->n_losses++;
		return;
	case OUTCOME_VERDICT:
	case OUTCOME_DIED:
	case OUTCOME_FAILED:
		break;
	}
	r->n_failed++;
}

/* ---- who there is ---- */

bool member_is_up(const struct member *m, uint64_t now)
{
	return m->state == MEMBER_READY && !m->draining && now >= m->rec->suspended_until;
}

bool member_has_others(const struct farm *f, uint64_t serial)
{
	list_each(n, &f->members) {
		struct member *m = list_entry(n, struct member, node);

		if (m->serial != serial && member_is_up(m, uv_now(f->loop)))
			return true;
	}
	return false;
}

static struct warm *find_warm(struct member *m, uint64_t key)
{
	size_t i;

	for (i = 0; i < WARM_MAX; i++)
		if (m->warm[i].at && m->warm[i].key == key)
			return &m->warm[i];
	return NULL;
}

void member_heat(struct member *m, uint64_t key)
{
	struct warm *w = find_warm(m, key), *oldest = &m->warm[0];
	size_t i;

	for (i = 0; i < WARM_MAX; i++)
		if (m->warm[i].at < oldest->at)
			oldest = &m->warm[i];
	if (!w)
		w = oldest;
	w->key = key;
	w->at = uv_now(m->farm->loop) + 1;	/* 0 is empty */
}

bool member_is_warm(const struct member *m, uint64_t key)
{
	const struct warm *w = find_warm((struct member *)m, key);

	return w && uv_now(m->farm->loop) <= w->at + WARM_MS;
}

void member_cool(struct member *m, uint64_t key)
{
	struct warm *w = find_warm(m, key);

	if (w)
		w->at = 0;
}

/* ---- the end of one ---- */

static void member_free(struct member *m)
{
	if (m->rec) {
		m->rec->n_members--;
		m->farm->n_members--;
	} else {
		m->farm->n_joining--;
	}
	list_remove(&m->node);
	free(m);
}

static void let_go(struct member *m, const struct err *why)
{
	list_each(n, &m->attempts)
		attempt_end(list_entry(n, struct attempt, node), OUTCOME_LOST, why);
	if (m->ch)
		peer_channel_abort(m->ch, why);
	farm_kick(m->farm);
	member_free(m);
}

void member_gone(struct member *m, const struct err *why)
{
	struct err closed;

	err_set(&closed, ERR_IO, "it left");
	if (m->rec && log_may(&m->farm->life_limit, 2 * LOGS_A_MINUTE))
		log_info(&m->log, "transcoder gone: tasks=%u why=%s", m->n_running,
			 why ? why->msg : closed.msg);
	let_go(m, why ? why : &closed);
}

void member_close(struct member *m)
{
	struct err why;

	err_set(&why, ERR_IO, "shutting down");
	peer_channel_close(m->ch);
	m->ch = NULL;
	let_go(m, &why);
}

/* ---- joining ---- */

static void say(struct peer_channel *ch, enum msg_type type, const struct buf *b)
{
	peer_channel_msg(ch, (uint16_t)type, b);
}

static void refuse(struct farm *f, struct peer_channel *ch, enum refuse_code code,
		   uint32_t retry_ms, const char *why)
{
	struct msg_refuse m = { .code = code, .retry_after_ms = retry_ms };
	struct buf b;

	f->n_refused++;
	if (log_may(&f->log_limit, LOGS_A_MINUTE))
		log_warn(NULL, "transcoder refused: transcoder=%s why=%s",
			 peer_conn_name(peer_channel_conn(ch)), why);
	snprintf(m.reason, sizeof(m.reason), "%s", why);
	buf_init(&b, 4096);
	msg_refuse_pack(&b, &m);
	say(ch, MSG_REFUSE, &b);
	buf_fini(&b);
	peer_channel_close(ch);
}

static void refuse_member(struct member *m, enum refuse_code code, uint32_t retry_ms,
			  const char *why)
{
	refuse(m->farm, m->ch, code, retry_ms, why);
	member_free(m);
}

static void take_load(struct member *m, const struct msg_load *load)
{
	bool first = m->state == MEMBER_JOINING;

	m->load = *load;
	m->state = MEMBER_READY;
	if (m->n_running == 0)
		speed_forget(&m->rec->speed);
	farm_kick(m->farm);
	if (first && log_may(&m->farm->life_limit, 2 * LOGS_A_MINUTE))
		log_info(&m->log, "transcoder joined: capacity=%llu slots=%u cores=%u devices=%zu "
			 "hardware=%s", (unsigned long long)load->capacity, load->slots, load->cores,
			 load->n_devices, load->hardware);
}

static void accept_member(struct member *m, const uint8_t hmac[32])
{
	struct farm *f = m->farm;
	struct msg_join_accept acc = { 0 };
	struct buf b;

	if (hmac)
		memcpy(acc.hmac, hmac, sizeof(acc.hmac));
	list_remove(&m->node);
	list_add_tail(&f->members, &m->node);
	f->n_joining--;
	f->n_members++;
	f->n_joined++;
	m->rec = record_use(f, &m->addr);
	m->join_by = UINT64_MAX;
	buf_init(&b, 4096);
	msg_join_accept_pack(&b, &acc);
	say(m->ch, MSG_JOIN_ACCEPT, &b);
	buf_fini(&b);
}

static void on_proof(struct member *m, const uint8_t *data, size_t len)
{
	struct hash32 handshake = peer_conn_handshake(m->conn);
	const struct farm_secret *secret = m->farm->opts.secret;
	struct msg_join_proof p;
	uint8_t hmac[32];
	struct err err;

	if (msg_join_proof_unpack(&p, data, len, &err) < 0) {
		refuse_member(m, REFUSE_INVALID, DENIED_RETRY_MS, err.msg);
		return;
	}
	if (!farm_proof_holds(p.hmac, secret, FARM_TRANSCODER, &handshake, p.nonce, m->nonce)) {
		refuse_member(m, REFUSE_DENIED, DENIED_RETRY_MS,
			      "it does not know this orchestrator's secret (-orchSecret)");
		return;
	}
	if (m->farm->n_members >= FARM_MEMBERS_MAX) {
		refuse_member(m, REFUSE_BUSY, FULL_RETRY_MS, "there are enough transcoders here");
		return;
	}
	farm_proof(hmac, secret, FARM_ORCHESTRATOR, &handshake, p.nonce, m->nonce);
	accept_member(m, hmac);
	take_load(m, &p.load);
}

static void on_load(struct member *m, const uint8_t *data, size_t len)
{
	struct msg_load load;
	struct err err;

	if (msg_load_unpack(&load, data, len, &err) == 0)
		take_load(m, &load);
	else
		member_gone(m, &err);
}

static void on_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data,
		   size_t len)
{
	struct member *m = arg;
	struct err err;

	(void)ch;
	if (type == MSG_JOIN_PROOF && !m->rec) {
		on_proof(m, data, len);
	} else if (type == MSG_LOAD && m->rec) {
		on_load(m, data, len);
	} else if (type < 64) {		/* others are of a later version */
		err_set(&err, ERR_INVALID, "message %u out of order", type);
		member_gone(m, &err);
	}
}

static void on_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct err err;

	(void)ch;
	(void)data;
	err_set(&err, ERR_INVALID, "%zu bytes of media where none belong", len);
	member_gone(arg, &err);
}

static void on_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct member *m = arg;

	(void)ch;
	m->ch = NULL;
	member_gone(m, why);
}

static const struct peer_channel_cb join_cb = {
	.on_msg = on_msg, .on_data = on_data, .on_close = on_close,
};

static bool is_here(const struct farm *f, const struct peer_conn *c)
{
	list_each(n, &f->joining)
		if (list_entry(n, struct member, node)->conn == c)
			return true;
	list_each(n, &f->members)
		if (list_entry(n, struct member, node)->conn == c)
			return true;
	return false;
}

/* May it try?  0: yes. */
static enum refuse_code check_join(const struct farm *f, const struct peer_conn *c, bool local,
				   const uint8_t *data, size_t len, struct err *err)
{
	struct msg_join join;

	if (msg_join_unpack(&join, data, len, err) < 0)
		return REFUSE_INVALID;
	if (is_here(f, c)) {
		err_set(err, ERR_INVALID, "it has joined already");
		return REFUSE_INVALID;
	}
	if (!local && !f->opts.secret) {
		err_set(err, ERR_INVALID, "this orchestrator takes no transcoders (-orchSecret)");
		return REFUSE_UNSUPPORTED;
	}
	if (join.version != 1 || strcmp(join.codec_profile, f->opts.codec_profile) != 0) {
		err_set(err, ERR_INVALID, "its codecs are not ours: version=%u codecs=%.60s ours=%.60s",
			join.version, join.codec_profile, f->opts.codec_profile);
		return REFUSE_UNSUPPORTED;
	}
	if (f->closing || f->n_joining >= JOINING_MAX || f->n_members >= FARM_MEMBERS_MAX) {
		err_set(err, ERR_BUSY, "%s",
			f->closing ? "shutting down" : "there are enough transcoders here");
		return REFUSE_BUSY;
	}
	return 0;
}

static struct member *member_new(struct farm *f, struct peer_conn *c, struct peer_channel *ch,
				 bool local)
{
	struct member *m = xcalloc(1, sizeof(*m));

	m->farm = f;
	m->conn = c;
	m->ch = ch;
	m->local = local;
	m->serial = ++f->last_serial;
	m->addr = *peer_conn_addr(c);
	snprintf(m->name, sizeof(m->name), "%s", peer_conn_name(c));
	log_init(&m->log, "transcoder=%s", m->name);
	list_init(&m->attempts);
	list_add_tail(&f->joining, &m->node);
	f->n_joining++;
	peer_channel_set(ch, &join_cb, m);
	return m;
}

static void challenge(struct member *m)
{
	struct msg_join_challenge c;
	struct buf b;

	secret_random(m->nonce, sizeof(m->nonce));
	memcpy(c.nonce, m->nonce, sizeof(c.nonce));
	buf_init(&b, 4096);
	msg_join_challenge_pack(&b, &c);
	say(m->ch, MSG_JOIN_CHALLENGE, &b);
	buf_fini(&b);
	m->join_by = uv_now(m->farm->loop) + JOIN_MS;
	farm_kick(m->farm);
}

void member_join(struct farm *f, struct peer_conn *c, struct peer_channel *ch, bool local,
		 const uint8_t *data, size_t len)
{
	enum refuse_code code;
	struct member *m;
	struct err err;

	code = check_join(f, c, local, data, len, &err);
	if (code) {
		refuse(f, ch, code, code == REFUSE_BUSY ? FULL_RETRY_MS : DENIED_RETRY_MS, err.msg);
		return;
	}
	m = member_new(f, c, ch, local);
	if (local)
		accept_member(m, NULL);
	else
		challenge(m);
}

void member_expire_joining(struct farm *f, uint64_t now)
{
	list_each(n, &f->joining) {
		struct member *m = list_entry(n, struct member, node);

		if (now >= m->join_by)
			refuse_member(m, REFUSE_DENIED, DENIED_RETRY_MS, "no proof came in time");
	}
}
