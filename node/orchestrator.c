/*
 * The orchestrator's connections and its life.  The first message on a channel says
 * what conversation it is: OpenSession, SegmentHeader, or a transcoder's Join.
 */
#include "node/orch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "node/evidence.h"
#include "node/farm/farm.h"
#include "node/peer/conn.h"
#include "node/signer.h"
#include "node/stats.h"

#define PEER_CONNS_MAX 256
#define PEER_CONNS_PER_ADDR 32
#define TICK_MS 1000
/* From a segment's header to its trailer, beyond the longest agreed. */
#define COLLECT_SLACK_MS 15000

struct eth_addr broadcaster_addr(const struct broadcaster_conn *bc)
{
	return bc->local ? signer_addr(bc->o->signer) : *peer_conn_addr(bc->conn);
}

void orch_refuse(struct peer_channel *ch, enum refuse_code code, uint32_t retry_ms,
		 const char *reason)
{
	struct msg_refuse m = { .code = code, .retry_after_ms = retry_ms };
	struct buf b;

	snprintf(m.reason, sizeof(m.reason), "%s", reason);
	buf_init(&b, 4096);
	msg_refuse_pack(&b, &m);
	peer_channel_msg(ch, MSG_REFUSE, &b);
	buf_fini(&b);
	peer_channel_close(ch);
}

/* ---- connections ---- */

/* A channel whose first message has not come. */
static void on_first_msg(void *arg, struct peer_channel *ch, uint16_t type,
			 const uint8_t *data, size_t len)
{
	struct broadcaster_conn *bc = arg;

	if (type == MSG_OPEN_SESSION) {
		session_open(bc, ch, data, len);
	} else if (type == MSG_SEGMENT_HEADER) {
		segment_open(bc, ch, data, len);
	} else if (type == MSG_JOIN && !bc->local) {
		bc->is_transcoder = true;
		farm_join(bc->o->farm, bc->conn, ch, data, len);
	} else {
		orch_refuse(ch, REFUSE_UNSUPPORTED, 0, "unknown conversation");
	}
}

static void on_first_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	(void)arg;
	(void)data;
	if (len > 0)
		orch_refuse(ch, REFUSE_INVALID, 0, "data before any message");
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
	log_info(NULL, "peer connected: peer=%s eth=%s", peer_conn_name(c), addr);
}

static void on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	(void)c;
	peer_channel_set(ch, &first_cb, arg);
}

static void on_goaway(void *arg, struct peer_conn *c)
{
	struct broadcaster_conn *bc = arg;

	if (bc->is_transcoder)
		farm_drains(bc->o->farm, c);
}

static void on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct broadcaster_conn *bc = arg;

	/* One that never proved who it is may come as often as it likes: no line for it. */
	if (bc->ready && log_may(&bc->o->life_limit, 120))
		log_info(NULL, "peer gone: peer=%s why=%s", peer_conn_name(c),
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

			if (!g->is_signed && now - g->header_ms > SEGMENT_MS_MAX + COLLECT_SLACK_MS)
				segment_break(g, REFUSE_INVALID, "the segment does not end");
		}
	}
}

struct orchestrator *orchestrator_new(uv_loop_t *loop, struct peer_ctx *peers,
				      struct farm *farm,
				      const struct signer *signer, struct stats *stats,
				      const struct orchestrator_opts *opts)
{
	struct orchestrator *o = xcalloc(1, sizeof(*o));

	o->peers = peers;
	o->farm = farm;
	o->signer = signer;
	o->stats = stats;
	o->opts = *opts;
	o->opts.evidence_path = NULL;	/* copied by its user */
	o->evidence = evidence_new(loop, opts->evidence_path, signer_domain(signer));
	o->conduct = conduct_new();
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
			segment_free(list_entry(m, struct segment_in, node));
		list_each(m, &bc->sessions)
			session_free(list_entry(m, struct session, node));
		peer_conn_close(bc->conn);
		list_remove(&bc->node);
		free(bc);
	}
}

void orchestrator_free(struct orchestrator *o)
{
	if (!o)
		return;
	conduct_free(o->conduct);
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
			buf_addf(b, ",\"inflight\":%u,\"done\":%llu,\"refused\":%llu,\"early\":%llu,"
				 "\"pixelsPerSecond\":%.0f}", s->inflight,
				 (unsigned long long)s->n_done, (unsigned long long)s->n_refused,
				 (unsigned long long)s->n_early, s->demand);
			first = false;
		}
	}
	buf_add_u8(b, ']');
}

void orchestrator_metrics(const struct orchestrator *o, struct buf *b)
{
	prom_gauge(b, "orchestrator_sessions", "Sessions open.", o->n_sessions);
	prom_gauge(b, "max_sessions_total", "Sessions allowed; 0: as many as are carried in real time.",
		   o->opts.max_sessions);
}

void orchestrator_set_max_sessions(struct orchestrator *o, unsigned n)
{
	o->opts.max_sessions = n;
}

unsigned orchestrator_max_sessions(const struct orchestrator *o)
{
	return o->opts.max_sessions;
}
