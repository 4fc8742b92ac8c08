/*
 * One struct a connection, a session, a segment.  The first message on a channel
 * says what conversation it is: OpenSession or SegmentHeader.
 */
#include "node/orchestrator.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "node/evidence.h"
#include "node/peer/conn.h"
#include "node/signer.h"
#include "node/stats.h"
#include "node/work/pool.h"
#include "protocol/peer_msg.h"

#define PEER_CONNS_MAX 256
#define PEER_CONNS_PER_ADDR 32
#define BUSY_RETRY_MS 2000
#define TICK_MS 1000
/* From a segment's header to its trailer, beyond the longest agreed. */
#define COLLECT_SLACK_MS 15000
/* A session this long without a segment makes room for another (facts/reliability C5). */
#define IDLE_MS 30000
#define DEADLINE_MIN_MS 4000
#define DEADLINE_MAX_MS 60000

struct orchestrator {
	struct peer_ctx *peers;		/* all borrowed */
	struct work_pool *pool;
	const struct signer *signer;
	struct stats *stats;
	struct orchestrator_opts opts;
	struct peer_listener *listener;
	struct list conns;		/* struct broadcaster_conn.node */
	struct evidence *evidence;	/* owned */
	uv_timer_t tick;
	unsigned n_sessions, n_segments;
	bool draining;
	struct log_limit log_limit;	/* refusals */
	struct log_limit life_limit;	/* who comes and goes */
};

/* A broadcaster. */
struct broadcaster_conn {
	struct list_node node;
	struct orchestrator *o;
	struct peer_conn *conn;
	bool local, ready;
	struct list sessions;		/* struct session.node */
	struct list segments;		/* struct segment_in.node */
};

struct session {
	struct list_node node;
	struct broadcaster_conn *bc;
	struct peer_channel *ch;
	struct log log;
	struct msg_open_session open;
	char key[STREAM_ID_LEN + 48];	/* worker affinity: whose stream */
	struct history *history;	/* what was signed for this stream */
	int64_t active_ms;		/* last segment's header or end */
	unsigned inflight;
	uint64_t n_done, n_refused;
};

/* A segment from its header to its receipt. */
struct segment_in {
	struct list_node node;
	struct broadcaster_conn *bc;
	struct session *s;		/* NULL: its session is over */
	struct peer_channel *ch;
	struct msg_segment_header head;
	struct profile_list profiles;	/* the session's, fitted to this source */
	struct buf data;
	struct sha256 *sha;
	struct signed_segment signed_seg;
	struct hash32 rendition_hash[PROFILES_MAX];
	struct work_task *task;
	int64_t header_ms, trailer_ms;
};

/* Whose signature counts. */
static struct eth_addr broadcaster_addr(const struct broadcaster_conn *bc)
{
	return bc->local ? signer_addr(bc->o->signer) : *peer_conn_addr(bc->conn);
}

/* ---- answers ---- */

static void refuse(struct orchestrator *o, struct peer_channel *ch, enum refuse_code code,
		   uint32_t retry_ms, const char *reason)
{
	struct msg_refuse m = { .code = code, .retry_after_ms = retry_ms };
	struct buf b;

	(void)o;
	snprintf(m.reason, sizeof(m.reason), "%s", reason);
	buf_init(&b, 4096);
	msg_refuse_pack(&b, &m);
	peer_channel_msg(ch, MSG_REFUSE, &b);
	buf_fini(&b);
	peer_channel_close(ch);
}

static void free_segment(struct segment_in *g)
{
	if (g->task)
		work_task_cancel(g->task);
	if (g->s) {
		g->s->inflight--;
		g->s->active_ms = clock_mono_ms();
	}
	list_remove(&g->node);
	g->bc->o->n_segments--;
	buf_fini(&g->data);
	sha256_free(g->sha);
	free(g);
}

static void refuse_segment(struct segment_in *g, enum refuse_code code, const char *reason)
{
	struct orchestrator *o = g->bc->o;

	o->stats->segments_refused++;
	if (g->s)
		g->s->n_refused++;
	if (log_may(&o->log_limit, 60))
		log_warn(g->s ? &g->s->log : NULL, "segment refused: seq=%llu why=%s",
			 (unsigned long long)g->head.sequence, reason);
	refuse(o, g->ch, code, code == REFUSE_BUSY ? BUSY_RETRY_MS : 0, reason);
	free_segment(g);
}

/* ---- results of the workers ---- */

static void on_rendition(void *arg, const struct work_rendition *r)
{
	struct segment_in *g = arg;
	struct msg_rendition_header head = { .index = (uint32_t)r->index };
	struct msg_rendition_trailer tail = {
		.index = (uint32_t)r->index, .len = r->data->len, .data_hash = r->sha256,
		.n_video = r->n_video, .duration_ms = r->duration_ms,
		.width = r->width, .height = r->height,
		.fmp4 = r->fmp4, .init_len = (uint32_t)r->init_len,
	};
	struct signed_rendition sr = {
		.stream = g->signed_seg.stream, .sequence = g->head.sequence,
		.data_hash = r->sha256,
	};
	struct buf b;

	snprintf(sr.name, sizeof(sr.name), "%s", g->profiles.p[r->index].name);
	signer_rendition(g->bc->o->signer, &sr);
	tail.sig = sr.sig;
	g->rendition_hash[r->index] = r->sha256;
	buf_init(&b, 4096);
	msg_rendition_header_pack(&b, &head);
	peer_channel_msg(g->ch, MSG_RENDITION_HEADER, &b);
	peer_channel_data(g->ch, r->data->data, r->data->len);
	buf_clear(&b);
	msg_rendition_trailer_pack(&b, &tail);
	peer_channel_msg(g->ch, MSG_RENDITION_TRAILER, &b);
	buf_fini(&b);
}

static void send_receipt(struct segment_in *g, const struct work_stats *st)
{
	struct receipt r = {
		.stream = g->signed_seg.stream, .sequence = g->head.sequence,
		.data_hash = g->signed_seg.data_hash,
		.transcoded_hash = transcoded_hash(g->rendition_hash, g->profiles.n),
		.broadcaster_sig = g->signed_seg.sig,
	};
	struct msg_receipt m;
	struct buf b;

	memcpy(r.job_id, g->signed_seg.job_id, sizeof(r.job_id));
	signer_receipt(g->bc->o->signer, &r);
	m = (struct msg_receipt){
		.sequence = r.sequence, .data_hash = r.data_hash,
		.transcoded_hash = r.transcoded_hash, .sig = r.sig,
		.transcode_ms = st->wall_ms,
	};
	buf_init(&b, 4096);
	msg_receipt_pack(&b, &m);
	peer_channel_msg(g->ch, MSG_RECEIPT, &b);
	buf_fini(&b);
	peer_channel_close(g->ch);
}

static enum refuse_code code_of(const struct err *err)
{
	switch (err->code) {
	case ERR_INVALID: return REFUSE_INPUT;
	case ERR_LIMIT: return REFUSE_INPUT;
	case ERR_BUSY: return REFUSE_BUSY;
	case ERR_NONE: case ERR_NOT_FOUND: case ERR_DENIED: case ERR_TIMEOUT: case ERR_IO:
	case ERR_INTERNAL: break;
	}
	return REFUSE_INTERNAL;
}

/* One line a segment; the broadcaster in the same process says it for its own. */
static void log_done(const struct segment_in *g, const struct work_stats *st)
{
	(g->bc->local ? log_debug : log_info)(&g->s->log, "segment done: stream=%.8s seq=%llu ms=%lld "
		"work_ms=%u queue_ms=%u cpu_ms=%u tries=%u", g->s->open.stream.s + 40,
		(unsigned long long)g->head.sequence, (long long)(clock_mono_ms() - g->trailer_ms),
		st->wall_ms, st->queue_ms, st->cpu_ms, st->n_tries);
}

static void on_done(void *arg, const struct work_stats *st, const struct err *err)
{
	struct segment_in *g = arg;
	struct stats *stats = g->bc->o->stats;

	g->task = NULL;
	if (err) {
		stats->segments_failed++;
		refuse_segment(g, code_of(err), err->msg);
		return;
	}
	stats->segments_done++;
	hist_add(&stats->worker_time, st->wall_ms);
	send_receipt(g, st);
	if (g->s) {
		g->s->n_done++;
		log_done(g, st);
	}
	free_segment(g);
}

/* ---- segments ---- */

static void start_work(struct segment_in *g, const struct msg_segment_trailer *m)
{
	static const struct work_cb cb = { .rendition = on_rendition, .done = on_done };
	struct orchestrator *o = g->bc->o;
	struct work_spec spec = {
		.kind = TASK_TRANSCODE, .stream_key = g->s->key, .fmp4 = g->head.fmp4,
		.profiles = &g->profiles, .preset = g->s->open.preset,
		.duration_ms = m->duration_ms, .sequence = g->head.sequence,
		.deadline_ms = m->deadline_ms,
	};
	struct err err;

	if (spec.deadline_ms < DEADLINE_MIN_MS)
		spec.deadline_ms = DEADLINE_MIN_MS;
	if (spec.deadline_ms > DEADLINE_MAX_MS)
		spec.deadline_ms = DEADLINE_MAX_MS;
	spec.input = blob_new(g->data.data, g->data.len, &err);
	if (!spec.input) {
		refuse_segment(g, REFUSE_INTERNAL, err.msg);
		return;
	}
	buf_fini(&g->data);
	g->task = work_task_start(o->pool, &spec, &cb, g, &err);
	blob_unref(spec.input);
	if (!g->task)
		refuse_segment(g, REFUSE_BUSY, err.msg);
}

/* The trailer against everything we know; a reason on failure. */
static enum refuse_code check_trailer(struct segment_in *g, const struct msg_segment_trailer *m,
				      struct err *err)
{
	struct session *s = g->s;
	struct orchestrator *o = g->bc->o;
	struct hash32 hash = sha256_end(g->sha), digest;
	struct eth_addr me = signer_addr(o->signer), from;

	if (m->len != g->data.len || memcmp(&hash, &m->data_hash, sizeof(hash)) != 0) {
		err_set(err, ERR_DENIED, "hash or length does not fit the %zu bytes that came",
			g->data.len);
		return REFUSE_DENIED;
	}
	if (m->duration_ms > s->open.max_segment_ms) {
		err_set(err, ERR_LIMIT, "%u ms long, at most %u agreed", m->duration_ms,
			s->open.max_segment_ms);
		return REFUSE_INVALID;
	}
	g->signed_seg = (struct signed_segment){
		.transcoder = me, .stream = s->open.stream, .sequence = g->head.sequence,
		.duration_ms = m->duration_ms, .data_hash = hash, .sig = m->sig,
	};
	memcpy(g->signed_seg.job_id, s->open.job_id, sizeof(g->signed_seg.job_id));
	from = broadcaster_addr(g->bc);
	digest = segment_digest(&g->signed_seg, signer_domain(o->signer));
	if (sig_verify(&from, &digest, &m->sig, err) < 0) {
		err_wrap(err, "segment signature");
		return REFUSE_DENIED;
	}
	switch (history_check(s->history, &g->signed_seg)) {
	case SEEN_NEW:
	case SEEN_SAME:
		return 0;
	case SEEN_EQUIVOCATION:
		o->stats->equivocations++;
		if (log_may(&o->log_limit, 60))
			log_warn(&s->log, "broadcaster signed two different segments: seq=%llu",
				 (unsigned long long)g->head.sequence);
		err_set(err, ERR_DENIED, "sequence %llu was signed with other data before",
			(unsigned long long)g->head.sequence);
		return REFUSE_DENIED;
	case SEEN_TOO_OLD:
		break;
	}
	err_set(err, ERR_INVALID, "sequence %llu is too old", (unsigned long long)g->head.sequence);
	return REFUSE_INVALID;
}

static void on_trailer(struct segment_in *g, const uint8_t *data, size_t len)
{
	struct msg_segment_trailer m;
	enum refuse_code code;
	struct err err;

	if (msg_segment_trailer_unpack(&m, data, len, &err) < 0) {
		refuse_segment(g, REFUSE_INVALID, err.msg);
		return;
	}
	if (!g->s) {
		refuse_segment(g, REFUSE_INVALID, "its session is over");
		return;
	}
	code = check_trailer(g, &m, &err);
	if (code) {
		refuse_segment(g, code, err.msg);
		return;
	}
	history_add(g->s->history, &g->signed_seg);
	g->trailer_ms = clock_mono_ms();
	start_work(g, &m);
}

static void on_segment_msg(void *arg, struct peer_channel *ch, uint16_t type,
			   const uint8_t *data, size_t len)
{
	struct segment_in *g = arg;

	(void)ch;
	if (type == MSG_SEGMENT_TRAILER && !g->task)
		on_trailer(g, data, len);
	else if (type < 64)
		refuse_segment(g, REFUSE_INVALID, "unexpected message inside a segment");
}

static void on_segment_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct segment_in *g = arg;

	if (g->task || !buf_add(&g->data, data, len)) {
		refuse_segment(g, REFUSE_INVALID, "more bytes than a segment may have");
		return;
	}
	sha256_add(g->sha, data, len);
	peer_channel_consumed(ch, len);
}

static void on_segment_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	(void)ch;
	(void)why;
	free_segment(arg);	/* nobody waits for it any more */
}

static const struct peer_channel_cb segment_cb = {
	.on_msg = on_segment_msg,
	.on_data = on_segment_data,
	.on_close = on_segment_close,
};

static struct session *find_session(struct broadcaster_conn *bc, uint32_t channel)
{
	list_each(n, &bc->sessions) {
		struct session *s = list_entry(n, struct session, node);

		if (peer_channel_id(s->ch) == channel)
			return s;
	}
	return NULL;
}

static void open_segment(struct broadcaster_conn *bc, struct peer_channel *ch,
			 const uint8_t *data, size_t len)
{
	struct orchestrator *o = bc->o;
	struct msg_segment_header m;
	struct segment_in *g;
	struct session *s;
	struct err err;
	size_t i;

	if (msg_segment_header_unpack(&m, data, len, &err) < 0) {
		refuse(o, ch, REFUSE_INVALID, 0, err.msg);
		return;
	}
	s = find_session(bc, m.session);
	if (!s) {
		refuse(o, ch, REFUSE_INVALID, 0, "no such session");
		return;
	}
	if (s->inflight >= o->opts.max_inflight) {
		o->stats->segments_refused++;
		refuse(o, ch, REFUSE_BUSY, BUSY_RETRY_MS, "too many segments at once");
		return;
	}
	g = xcalloc(1, sizeof(*g));
	g->bc = bc;
	g->s = s;
	g->ch = ch;
	g->head = m;
	g->profiles = s->open.profiles;
	for (i = 0; i < g->profiles.n; i++)
		profile_fit(&s->open.profiles.p[i], m.width, m.height,
			    &g->profiles.p[i].width, &g->profiles.p[i].height);
	buf_init(&g->data, SEGMENT_BYTES_MAX);
	g->sha = sha256_new();
	g->header_ms = s->active_ms = clock_mono_ms();
	s->inflight++;
	o->n_segments++;
	o->stats->segments_in++;
	list_add_tail(&bc->segments, &g->node);
	peer_channel_set(ch, &segment_cb, g);
}

/* ---- sessions ---- */

static void free_session(struct session *s)
{
	list_each(n, &s->bc->segments) {
		struct segment_in *g = list_entry(n, struct segment_in, node);

		if (g->s == s)
			g->s = NULL;
	}
	work_stream_end(s->bc->o->pool, s->key);
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
	free_session(arg);
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

	if (o->n_sessions < o->opts.max_sessions)
		return true;
	s = find_idle(o);
	if (!s)
		return false;
	refuse(o, s->ch, REFUSE_BUSY, BUSY_RETRY_MS, "idle while others wait for a session");
	free_session(s);
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
	refuse(bc->o, ch, code, code == REFUSE_BUSY ? BUSY_RETRY_MS : 0, why);
	free(s);
}

static void open_session(struct broadcaster_conn *bc, struct peer_channel *ch,
			 const uint8_t *data, size_t len)
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
	if (!make_room(o)) {
		snprintf(why, sizeof(why), "all %u sessions are taken (-maxSessions)",
			 o->opts.max_sessions);
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

/* ---- connections ---- */

/* A channel whose first message has not come. */
static void on_first_msg(void *arg, struct peer_channel *ch, uint16_t type,
			 const uint8_t *data, size_t len)
{
	struct broadcaster_conn *bc = arg;

	if (type == MSG_OPEN_SESSION)
		open_session(bc, ch, data, len);
	else if (type == MSG_SEGMENT_HEADER)
		open_segment(bc, ch, data, len);
	else
		refuse(bc->o, ch, REFUSE_UNSUPPORTED, 0, "unknown conversation");
}

static void on_first_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct broadcaster_conn *bc = arg;

	(void)data;
	if (len > 0)
		refuse(bc->o, ch, REFUSE_INVALID, 0, "data before any message");
}

static void on_first_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	(void)arg;
	(void)ch;
	(void)why;
}

static const struct peer_channel_cb first_cb = {
	.on_msg = on_first_msg,
	.on_data = on_first_data,
	.on_close = on_first_close,
};

static void on_ready(void *arg, struct peer_conn *c)
{
	struct broadcaster_conn *bc = arg;
	char addr[43];

	bc->ready = true;
	if (bc->local || !log_may(&bc->o->life_limit, 120))
		return;
	eth_addr_fmt(addr, peer_conn_addr(c));
	log_info(NULL, "broadcaster connected: peer=%s eth=%s", peer_conn_name(c), addr);
}

static void on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	(void)c;
	peer_channel_set(ch, &first_cb, arg);
}

static void on_goaway(void *arg, struct peer_conn *c)
{
	(void)arg;
	(void)c;
}

static void on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct broadcaster_conn *bc = arg;

	/* One that never proved who it is may come as often as it likes: no line for it. */
	if (bc->ready && log_may(&bc->o->life_limit, 120))
		log_info(NULL, "broadcaster gone: peer=%s why=%s", peer_conn_name(c),
			 why ? why->msg : "closed");
	list_remove(&bc->node);
	free(bc);	/* its channels' on_close emptied the lists */
}

static const struct peer_conn_cb conn_cb = {
	.on_ready = on_ready,
	.on_channel = on_channel,
	.on_goaway = on_goaway,
	.on_close = on_close,
};

static struct broadcaster_conn *conn_new(struct orchestrator *o, struct peer_conn *c, bool local)
{
	struct broadcaster_conn *bc = xcalloc(1, sizeof(*bc));

	bc->o = o;
	bc->conn = c;
	bc->local = local;
	list_init(&bc->sessions);
	list_init(&bc->segments);
	list_add_tail(&o->conns, &bc->node);
	return bc;
}

static bool on_accept(void *arg, struct peer_conn *c, const struct peer_conn_cb **cb,
		      void **conn_arg)
{
	struct orchestrator *o = arg;

	if (o->draining)
		return false;
	*cb = &conn_cb;
	*conn_arg = conn_new(o, c, false);
	return true;
}

/* A segment that never ends keeps its slot from others. */
static void on_tick(uv_timer_t *timer)
{
	struct orchestrator *o = timer->data;
	int64_t now = clock_mono_ms();

	list_each(n, &o->conns) {
		struct broadcaster_conn *bc = list_entry(n, struct broadcaster_conn, node);

		list_each(m, &bc->segments) {
			struct segment_in *g = list_entry(m, struct segment_in, node);

			if (!g->task && now - g->header_ms > SEGMENT_MS_MAX + COLLECT_SLACK_MS)
				refuse_segment(g, REFUSE_INVALID, "the segment does not end");
		}
	}
}

struct orchestrator *orchestrator_new(uv_loop_t *loop, struct peer_ctx *peers,
				      struct work_pool *pool,
				      const struct signer *signer, struct stats *stats,
				      const struct orchestrator_opts *opts)
{
	struct orchestrator *o = xcalloc(1, sizeof(*o));

	o->peers = peers;
	o->pool = pool;
	o->signer = signer;
	o->stats = stats;
	o->opts = *opts;
	o->opts.evidence_path = NULL;	/* copied by its user */
	o->evidence = evidence_new(loop, opts->evidence_path, signer_domain(signer));
	list_init(&o->conns);
	uv_timer_init(loop, &o->tick);
	o->tick.data = o;
	uv_timer_start(&o->tick, on_tick, TICK_MS, TICK_MS);
	return o;
}

int orchestrator_listen(struct orchestrator *o, const char *hostport, struct err *err)
{
	o->listener = peer_listen(o->peers, hostport, PEER_CONNS_MAX, PEER_CONNS_PER_ADDR,
				  on_accept, o, err);
	return o->listener ? 0 : -1;
}

int orchestrator_port(const struct orchestrator *o)
{
	return o->listener ? peer_listener_port(o->listener) : 0;
}

int orchestrator_attach(struct orchestrator *o, int fd, struct err *err)
{
	struct broadcaster_conn *bc = conn_new(o, NULL, true);

	bc->conn = peer_attach(o->peers, fd, false, false, &conn_cb, bc, err);
	if (bc->conn)
		return 0;
	list_remove(&bc->node);
	free(bc);
	return -1;
}

void orchestrator_drain(struct orchestrator *o)
{
	o->draining = true;
	list_each(n, &o->conns) {
		struct broadcaster_conn *bc = list_entry(n, struct broadcaster_conn, node);

		if (!bc->local)
			peer_conn_goaway(bc->conn);
	}
}

bool orchestrator_is_idle(const struct orchestrator *o)
{
	list_each(n, &o->conns)
		if (!peer_conn_is_flushed(list_entry(n, struct broadcaster_conn, node)->conn))
			return false;
	return o->n_segments == 0;
}

void orchestrator_close(struct orchestrator *o)
{
	uv_close((uv_handle_t *)&o->tick, NULL);
	if (o->listener)
		peer_listener_close(o->listener);
	o->listener = NULL;
	list_each(n, &o->conns) {
		struct broadcaster_conn *bc = list_entry(n, struct broadcaster_conn, node);

		list_each(m, &bc->segments)
			free_segment(list_entry(m, struct segment_in, node));
		list_each(m, &bc->sessions)
			free_session(list_entry(m, struct session, node));
		peer_conn_close(bc->conn);
		list_remove(&bc->node);
		free(bc);
	}
}

void orchestrator_free(struct orchestrator *o)
{
	if (!o)
		return;
	evidence_free(o->evidence);
	free(o);
}

void orchestrator_status(const struct orchestrator *o, struct buf *b)
{
	bool first = true;

	buf_add_u8(b, '[');
	list_each(n, &o->conns) {
		struct broadcaster_conn *bc = list_entry(n, struct broadcaster_conn, node);

		list_each(m, &bc->sessions) {
			struct session *s = list_entry(m, struct session, node);

			buf_addf(b, "%s{\"streamId\":\"%s\",\"peer\":", first ? "" : ",",
				 s->open.stream.s);
			json_add_string(b, peer_conn_name(bc->conn));
			buf_addf(b, ",\"inflight\":%u,\"done\":%llu,\"refused\":%llu}", s->inflight,
				 (unsigned long long)s->n_done, (unsigned long long)s->n_refused);
			first = false;
		}
	}
	buf_add_u8(b, ']');
}
