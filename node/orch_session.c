/* Who gets a session: the rules of who may ask, how many there may be, and what the farm
 * carries in real time. */
#include "node/orch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "node/evidence.h"
#include "node/farm/farm.h"
#include "node/peer/conn.h"
#include "node/signer.h"
#include "node/stats.h"

#define BUSY_RETRY_MS 2000
/* A session this long without a segment makes room for another (facts/reliability C5). */
#define IDLE_MS 30000
/* What a session without work still counts for: one just opened will begin, one between
 * two segments will go on. */
#define PROMISED_MS 5000
#define RESTS_MS 10000
#define SESSIONS_MAX 4096	/* whatever they ask for: idle ones are not free of memory */
#define FPS_USUAL 30
#define MEGA 1e6

/* ---- what they take ---- */

double ladder_demand(const struct profile_list *l, double fps)
{
	double sum = 0;
	size_t i;

	if (fps <= 0)
		fps = FPS_USUAL;
	for (i = 0; i < l->n; i++) {
		const struct profile *p = &l->p[i];
		double rate = p->fps_num ? (double)p->fps_num / p->fps_den : fps;

		sum += (double)p->width * p->height * rate;
	}
	return sum;
}

static double demand_of(const struct msg_open_session *m)
{
	struct profile_list fitted = m->profiles;
	double fps = m->source_fps_den > 0 ? (double)m->source_fps_num / m->source_fps_den : 0;
	size_t i;

	for (i = 0; i < fitted.n; i++)
		profile_fit(&m->profiles.p[i], m->source_width, m->source_height,
			    &fitted.p[i].width, &fitted.p[i].height);
	return ladder_demand(&fitted, fps);
}

/* A quarter of each new truth: a segment of many small frames does not shake it. */
void session_worked(struct session *s, double pixels, uint32_t duration_ms)
{
	if (duration_ms > 0)
		s->demand += (pixels * 1000 / duration_ms - s->demand) / 4;
}

static bool is_active(const struct session *s, int64_t now)
{
	return s->inflight > 0 || now - s->active_ms < (s->working ? RESTS_MS : PROMISED_MS);
}

/* Of all sessions at work but one. */
static double demand_now(struct orchestrator *o, const struct session *but)
{
	int64_t now = clock_mono_ms();
	double sum = 0;

	list_each(n, &o->conns) {
		struct broadcaster_conn *bc = list_entry(n, struct broadcaster_conn, node);

		list_each(m, &bc->sessions) {
			struct session *s = list_entry(m, struct session, node);

			if (s != but && is_active(s, now))
				sum += s->demand;
		}
	}
	return sum;
}

/* Can the farm carry s in real time beside what it has?  An operator who gave a number of
 * sessions has answered that. */
static int check_capacity(struct orchestrator *o, const struct session *s, struct err *err)
{
	struct farm_room room;
	double sold, used;

	farm_room(o->farm, &room);
	if (room.n_members == 0)
		return err_set(err, ERR_BUSY, "no transcoder is there");
	if (o->opts.max_sessions > 0)
		return 0;
	sold = ORCH_SOLD * (double)room.capacity;
	used = demand_now(o, s);
	if (used + s->demand <= sold)
		return 0;
	return err_set(err, ERR_BUSY, "cannot be carried in real time: it takes %.1f million pixels "
		       "a second, %.1f of %.1f are free", s->demand / MEGA,
		       sold > used ? (sold - used) / MEGA : 0, sold / MEGA);
}

int session_wake(struct session *s, struct err *err)
{
	if (!is_active(s, clock_mono_ms()) && check_capacity(s->bc->o, s, err) < 0)
		return -1;
	s->working = true;
	return 0;
}

/* ---- life ---- */

struct session *session_find(struct broadcaster_conn *bc, uint32_t channel)
{
	list_each(n, &bc->sessions) {
		struct session *s = list_entry(n, struct session, node);

		if (peer_channel_id(s->ch) == channel)
			return s;
	}
	return NULL;
}

void session_free(struct session *s)
{
	list_each(n, &s->bc->segments) {
		struct segment_in *g = list_entry(n, struct segment_in, node);

		if (g->s == s)
			g->s = NULL;
	}
	farm_stream_end(s->bc->o->farm, s->key);
	s->bc->o->n_sessions--;
	list_remove(&s->node);
	if (log_may(&s->bc->o->life_limit, 120))
		log_info(&s->log, "session ended: segments=%llu refused=%llu",
			 (unsigned long long)s->n_done, (unsigned long long)s->n_refused);
	history_close(s->history);
	free(s);
}

static void on_session_msg(void *arg, struct peer_channel *ch, uint16_t type,
			   const uint8_t *data, size_t len)
{
	(void)arg;
	(void)ch;
	(void)type;
	(void)data;
	(void)len;	/* nothing is said on an open session yet: a later version may */
}

static void on_session_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	(void)arg;
	(void)data;
	peer_channel_consumed(ch, len);
}

static void on_session_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	(void)ch;
	(void)why;
	session_free(arg);
}

static const struct peer_channel_cb session_cb = {
	.on_msg = on_session_msg,
	.on_data = on_session_data,
	.on_close = on_session_close,
};

static void accept_session(struct session *s)
{
	struct msg_session_accept m = {
		.output_stream = s->open.stream,
		.max_inflight = s->bc->o->opts.max_inflight,
	};
	struct buf b;

	snprintf(m.codec_profile, sizeof(m.codec_profile), "%s", s->bc->o->opts.codec_profile);
	buf_init(&b, 4096);
	msg_session_accept_pack(&b, &m);
	peer_channel_msg(s->ch, MSG_SESSION_ACCEPT, &b);
	buf_fini(&b);
}

/* The one that has had nothing to do for longest; NULL: all are in use. */
static struct session *find_idle(struct orchestrator *o)
{
	int64_t oldest = clock_mono_ms() - IDLE_MS + 1;
	struct session *idle = NULL;

	list_each(n, &o->conns) {
		struct broadcaster_conn *bc = list_entry(n, struct broadcaster_conn, node);

		list_each(m, &bc->sessions) {
			struct session *s = list_entry(m, struct session, node);

			if (s->inflight > 0 || s->active_ms >= oldest)
				continue;
			oldest = s->active_ms;
			idle = s;
		}
	}
	return idle;
}

static bool make_room(struct orchestrator *o)
{
	struct session *s;

	if (o->n_sessions < (o->opts.max_sessions ? o->opts.max_sessions : SESSIONS_MAX))
		return true;
	s = find_idle(o);
	if (!s)
		return false;
	orch_refuse(s->ch, REFUSE_BUSY, BUSY_RETRY_MS, "idle while others wait for a session");
	session_free(s);
	return true;
}

/* NULL: it may be opened. */
static const char *check_session(struct broadcaster_conn *bc, const struct msg_open_session *m)
{
	struct eth_addr origin = stream_id_origin(&m->stream), from = broadcaster_addr(bc);

	/* On one origin's stream nobody else signs, and workers tell streams apart by it. */
	return eth_addr_equal(&origin, &from) ? NULL : "the stream id names another origin";
}

static void refuse_session(struct broadcaster_conn *bc, struct peer_channel *ch, struct session *s,
			   enum refuse_code code, const char *why)
{
	bc->o->stats->sessions_refused++;
	orch_refuse(ch, code, code == REFUSE_BUSY ? BUSY_RETRY_MS : 0, why);
	free(s);
}

void session_open(struct broadcaster_conn *bc, struct peer_channel *ch, const uint8_t *data,
		  size_t len)
{
	struct orchestrator *o = bc->o;
	struct session *s;
	struct eth_addr from = broadcaster_addr(bc);
	struct err err;
	const char *bad;
	char addr[43], why[80];

	s = xcalloc(1, sizeof(*s));
	if (msg_open_session_unpack(&s->open, data, len, &err) < 0) {
		refuse_session(bc, ch, s, REFUSE_INVALID, err.msg);
		return;
	}
	bad = check_session(bc, &s->open);
	if (bad) {
		refuse_session(bc, ch, s, REFUSE_DENIED, bad);
		return;
	}
	if (o->draining && !bc->local) {
		refuse_session(bc, ch, s, REFUSE_BUSY, "shutting down");
		return;
	}
	s->demand = demand_of(&s->open);
	if (check_capacity(o, s, &err) < 0) {
		refuse_session(bc, ch, s, REFUSE_BUSY, err.msg);
		return;
	}
	if (!make_room(o)) {
		snprintf(why, sizeof(why), "all %u sessions are taken (-maxSessions)", o->n_sessions);
		refuse_session(bc, ch, s, REFUSE_BUSY, why);
		return;
	}
	s->bc = bc;
	s->ch = ch;
	s->active_ms = clock_mono_ms();
	s->history = history_open(o->evidence, &from, &s->open.stream);
	eth_addr_fmt(addr, &from);
	snprintf(s->key, sizeof(s->key), "%.10s/%s", addr, s->open.stream.s);
	log_init(&s->log, "session=%.8s peer=%.40s", s->open.stream.s + 40,
		 peer_conn_name(bc->conn));
	list_add_tail(&bc->sessions, &s->node);
	o->n_sessions++;
	o->stats->sessions_opened++;
	peer_channel_set(ch, &session_cb, s);
	if (log_may(&o->life_limit, 120))
		log_info(&s->log, "session opened: stream_id=%s renditions=%zu source=%dx%d",
			 s->open.stream.s, s->open.profiles.n, s->open.source_width,
			 s->open.source_height);
	accept_session(s);
}

