/* A segment from its header to its receipt. */
#include "node/orch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
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
#define DEADLINE_MIN_MS 4000
#define DEADLINE_MAX_MS 60000

void segment_free(struct segment_in *g)
{
	if (g->task)
		farm_task_cancel(g->task);
	if (g->s) {
		g->s->inflight--;
		g->s->unsigned_segments -= !g->is_signed;
		g->s->active_ms = clock_mono_ms();
	}
	list_remove(&g->node);
	g->bc->o->n_segments--;
	sha256_free(g->sha);
	free(g);
}

void segment_refuse(struct segment_in *g, enum refuse_code code, const char *reason)
{
	struct orchestrator *o = g->bc->o;

	o->stats->segments_refused++;
	if (g->s)
		g->s->n_refused++;
	if (log_may(&o->log_limit, 60))
		log_warn(g->s ? &g->s->log : NULL, "segment refused: seq=%llu why=%s",
			 (unsigned long long)g->head.sequence, reason);
	orch_refuse(g->ch, code, code == REFUSE_BUSY ? BUSY_RETRY_MS : 0, reason);
	segment_free(g);
}

/* Work was begun for it, and no signature pays for that. */
static void left_unpaid(struct segment_in *g)
{
	struct eth_addr who = broadcaster_addr(g->bc);

	if (!g->early || g->is_signed || g->bc->local)
		return;
	conduct_left_unpaid(g->bc->o->conduct, &who);
	if (log_may(&g->bc->o->log_limit, 60))
		log_info(g->s ? &g->s->log : NULL, "segment left without a trailer, its sender's work "
			 "begins at the trailer for a while: seq=%llu",
			 (unsigned long long)g->head.sequence);
}

void segment_break(struct segment_in *g, enum refuse_code code, const char *reason)
{
	left_unpaid(g);
	segment_refuse(g, code, reason);
}

/* ---- results of the farm ---- */

/* What follows belongs to rendition index, from offset on. */
static void turn_to(struct segment_in *g, size_t index, uint64_t offset)
{
	struct msg_rendition_header head = { .index = (uint32_t)index, .offset = offset };
	struct buf b;

	buf_init(&b, 4096);
	msg_rendition_header_pack(&b, &head);
	peer_channel_msg(g->ch, MSG_RENDITION_HEADER, &b);
	buf_fini(&b);
	g->current = (int)index;
	g->sent[index] = offset;
}

static void on_piece(void *arg, size_t index, uint64_t offset, const uint8_t *data, size_t len)
{
	struct segment_in *g = arg;

	if (g->current != (int)index || g->sent[index] != offset)
		turn_to(g, index, offset);
	peer_channel_data(g->ch, data, len);
	g->sent[index] += len;
}

static void on_rendition(void *arg, const struct farm_rendition *r)
{
	struct segment_in *g = arg;
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
	g->pixels += (double)r->n_video * r->width * r->height;
	if (g->current != (int)r->index)
		turn_to(g, r->index, g->sent[r->index]);
	buf_init(&b, 4096);
	msg_rendition_trailer_pack(&b, &tail);
	peer_channel_msg(g->ch, MSG_RENDITION_TRAILER, &b);
	buf_fini(&b);
}

static void send_receipt(struct segment_in *g, const struct farm_done *d)
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
		.transcode_ms = d->wall_ms,
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
static void log_done(const struct segment_in *g, const struct farm_done *d)
{
	(g->bc->local ? log_debug : log_info)(&g->s->log, "segment done: stream=%.8s seq=%llu ms=%lld "
		"work_ms=%u queue_ms=%u cpu_ms=%u tries=%u early=%s transcoder=%s",
		g->s->open.stream.s + 40, (unsigned long long)g->head.sequence,
		(long long)(clock_mono_ms() - g->trailer_ms), d->wall_ms, d->queue_ms, d->cpu_ms,
		d->n_tries, d->early ? "yes" : "no", d->transcoder);
}

static void on_done(void *arg, const struct farm_done *d, const struct err *err)
{
	struct segment_in *g = arg;
	struct stats *stats = g->bc->o->stats;

	g->task = NULL;
	if (err) {
		stats->segments_failed++;
		segment_refuse(g, code_of(err), err->msg);
		return;
	}
	stats->segments_done++;
	stats->segments_early += d->early;
	hist_add(&stats->worker_time, d->wall_ms);
	hist_add(&stats->after_trailer, (double)(clock_mono_ms() - g->trailer_ms));
	send_receipt(g, d);
	if (g->s) {
		g->s->n_done++;
		g->s->n_early += d->early;
		session_worked(g->s, g->pixels, g->signed_seg.duration_ms);
		log_done(g, d);
	}
	segment_free(g);
}

/* ---- what comes in ---- */

static void finish_input(struct segment_in *g, const struct msg_segment_trailer *m)
{
	struct farm_source src = {
		.duration_ms = m->duration_ms, .deadline_ms = m->deadline_ms,
	};

	if (src.deadline_ms < DEADLINE_MIN_MS)
		src.deadline_ms = DEADLINE_MIN_MS;
	if (src.deadline_ms > DEADLINE_MAX_MS)
		src.deadline_ms = DEADLINE_MAX_MS;
	farm_task_end(g->task, &src);
}

/* The trailer against everything we know; a reason on failure. */
static enum refuse_code check_trailer(struct segment_in *g, const struct msg_segment_trailer *m,
				      struct err *err)
{
	struct session *s = g->s;
	struct orchestrator *o = g->bc->o;
	struct hash32 hash = sha256_end(g->sha), digest;
	struct eth_addr me = signer_addr(o->signer), from;

	if (m->len != farm_task_len(g->task) || memcmp(&hash, &m->data_hash, sizeof(hash)) != 0) {
		err_set(err, ERR_DENIED, "hash or length does not fit the %zu bytes that came",
			farm_task_len(g->task));
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

/* One unsigned segment a session, of those who have always signed what they began. */
static bool may_start_early(const struct session *s, const struct msg_segment_header *m)
{
	struct eth_addr who = broadcaster_addr(s->bc);

	return !m->fmp4 &&
		(s->bc->local || conduct_may_start_early(s->bc->o->conduct, &who));
}

/* A live stream's next header comes a little before the trailer of the segment before:
 * each has a channel of its own.  The oldest that is unsigned may begin now. */
static void begin_next(struct session *s)
{
	list_each(n, &s->bc->segments) {
		struct segment_in *g = list_entry(n, struct segment_in, node);

		if (g->s != s || g->is_signed)
			continue;
		if (!g->early && may_start_early(s, &g->head)) {
			g->early = true;
			farm_task_allow_early(g->task);
		}
		return;
	}
}

static void on_trailer(struct segment_in *g, const uint8_t *data, size_t len)
{
	struct eth_addr who = broadcaster_addr(g->bc);
	struct session *s = g->s;
	struct msg_segment_trailer m;
	enum refuse_code code;
	struct err err;

	if (msg_segment_trailer_unpack(&m, data, len, &err) < 0) {
		segment_break(g, REFUSE_INVALID, err.msg);
		return;
	}
	if (!g->s) {
		segment_refuse(g, REFUSE_INVALID, "its session is over");
		return;
	}
	code = check_trailer(g, &m, &err);
	if (code) {
		segment_break(g, code, err.msg);
		return;
	}
	g->is_signed = true;
	g->s->unsigned_segments--;
	conduct_paid(g->bc->o->conduct, &who);
	history_add(g->s->history, &g->signed_seg);
	g->trailer_ms = clock_mono_ms();
	finish_input(g, &m);
	begin_next(s);
}

static void on_segment_msg(void *arg, struct peer_channel *ch, uint16_t type,
			   const uint8_t *data, size_t len)
{
	struct segment_in *g = arg;

	(void)ch;
	if (type == MSG_SEGMENT_TRAILER && !g->is_signed)
		on_trailer(g, data, len);
	else if (type < 64)
		segment_break(g, REFUSE_INVALID, "unexpected message inside a segment");
}

static void on_segment_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct segment_in *g = arg;

	if (g->is_signed || farm_task_feed(g->task, data, len, NULL) < 0) {
		segment_break(g, REFUSE_INVALID, "more bytes than a segment may have");
		return;
	}
	sha256_add(g->sha, data, len);
	peer_channel_consumed(ch, len);
}

static void on_segment_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	(void)ch;
	(void)why;
	left_unpaid(arg);
	segment_free(arg);	/* nobody waits for it any more */
}

static const struct peer_channel_cb segment_cb = {
	.on_msg = on_segment_msg,
	.on_data = on_segment_data,
	.on_close = on_segment_close,
};

/* ---- begin ---- */

static double source_fps(const struct session *s)
{
	return s->open.source_fps_den > 0 ?
		(double)s->open.source_fps_num / s->open.source_fps_den : 0;
}

static int open_task(struct segment_in *g, struct err *err)
{
	static const struct farm_cb cb = {
		.piece = on_piece, .rendition = on_rendition, .done = on_done,
	};
	struct farm_spec spec = {
		.stream_key = g->s->key, .profiles = &g->profiles, .preset = g->s->open.preset,
		.fmp4 = g->head.fmp4, .sequence = g->head.sequence,
		.expected_ms = g->head.expected_ms, .fps = source_fps(g->s), .early = g->early,
	};

	g->task = farm_task_open(g->bc->o->farm, &spec, &cb, g, err);
	return g->task ? 0 : -1;
}

static struct segment_in *segment_new(struct session *s, struct peer_channel *ch,
				      const struct msg_segment_header *m)
{
	struct segment_in *g = xcalloc(1, sizeof(*g));
	size_t i;

	g->bc = s->bc;
	g->s = s;
	g->ch = ch;
	g->head = *m;
	g->current = -1;
	g->early = s->unsigned_segments == 0 && may_start_early(s, m);
	g->profiles = s->open.profiles;
	for (i = 0; i < g->profiles.n; i++)
		profile_fit(&s->open.profiles.p[i], m->width, m->height,
			    &g->profiles.p[i].width, &g->profiles.p[i].height);
	g->sha = sha256_new();
	g->header_ms = s->active_ms = clock_mono_ms();
	s->inflight++;
	s->unsigned_segments++;
	s->bc->o->n_segments++;
	list_add_tail(&s->bc->segments, &g->node);
	peer_channel_set(ch, &segment_cb, g);
	return g;
}

void segment_open(struct broadcaster_conn *bc, struct peer_channel *ch, const uint8_t *data,
		  size_t len)
{
	struct orchestrator *o = bc->o;
	struct msg_segment_header m;
	struct segment_in *g;
	struct session *s;
	struct err err;

	if (msg_segment_header_unpack(&m, data, len, &err) < 0) {
		orch_refuse(ch, REFUSE_INVALID, 0, err.msg);
		return;
	}
	s = session_find(bc, m.session);
	if (!s) {
		orch_refuse(ch, REFUSE_INVALID, 0, "no such session");
		return;
	}
	if (s->inflight >= o->opts.max_inflight) {
		o->stats->segments_refused++;
		orch_refuse(ch, REFUSE_BUSY, BUSY_RETRY_MS, "too many segments at once");
		return;
	}
	if (session_wake(s, &err) < 0) {
		o->stats->segments_refused++;
		orch_refuse(ch, REFUSE_BUSY, BUSY_RETRY_MS, err.msg);
		return;
	}
	o->stats->segments_in++;
	g = segment_new(s, ch, &m);
	if (open_task(g, &err) < 0)
		segment_refuse(g, REFUSE_BUSY, err.msg);
}
