/*
 * One segment's way through an orchestrator and back.  A try is a channel; it may
 * begin while the segment's bytes are still being produced, and everything that
 * comes back is buffered here until its trailer and the receipt hold.
 */
#include "node/tc_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/mem.h"
#include "node/peer/conn.h"
#include "node/signer.h"
#include "node/stats.h"

#define PERIOD_MIN_MS 2000
#define LIE_SUSPEND_MS 60000
#define FAIL_SUSPEND_MS 1000
#define SUSPEND_MAX_MS 60000
/* So that one bad hour can be made good again. */
#define SCORE_MAX 10.0

uint64_t tc_segment_period_ms(const struct tc_segment *g)
{
	uint64_t ms = (uint64_t)g->facts.duration_ms * 3 / 2;

	return ms < PERIOD_MIN_MS ? PERIOD_MIN_MS : ms;
}

static void clear_incoming(struct tc_segment *g)
{
	size_t i;

	for (i = 0; i < PROFILES_MAX; i++) {
		buf_fini(&g->in[i].data);
		sha256_free(g->in[i].sha);
		g->in[i].sha = NULL;
		g->in[i].complete = false;
	}
	g->current = -1;
}

/* Detach from the running try; the channel is already gone or ends here. */
static void leave_link(struct tc_segment *g, const struct err *tell)
{
	if (!g->link)
		return;
	g->link->inflight--;
	if (!g->link->o->tested)
		g->link->o->testing = false;
	g->link = NULL;
	if (g->ch && tell)
		peer_channel_abort(g->ch, tell);
	else if (g->ch)
		peer_channel_close(g->ch);
	g->ch = NULL;
}

static void finish(struct tc_segment *g)
{
	uv_timer_stop(&g->deadline);
	g->total_ms = (unsigned)(clock_mono_ms() - g->ended_ms);
	g->state = SEG_DONE;
	tc_kick(g->s);
}

void tc_segment_fail(struct tc_segment *g, const struct err *err)
{
	g->err = *err;
	g->failed = true;
	clear_incoming(g);
	finish(g);
}

/*
 * The running try came to nothing.  Another follows, here or elsewhere, while
 * tries and time are left.
 */
static void try_failed(struct tc_segment *g, const struct err *why, bool final)
{
	struct orch *o = g->link ? g->link->o : NULL;

	if (o) {
		o->n_failed++;
		/* Busy now says nothing of its speed, and bad input is not its fault. */
		if (why->code != ERR_BUSY && !(final && why->code == ERR_INVALID))
			orch_score(o, o->score > 1 ? fmin(o->score * 1.5, SCORE_MAX) : 1.5);
		log_warn(&g->s->log, "segment try failed: seq=%llu orch=%s try=%u why=%s",
			 (unsigned long long)g->sequence, o->hostport, g->n_tries, why->msg);
	}
	leave_link(g, why);
	clear_incoming(g);
	g->err = *why;
	if (g->state == SEG_COLLECTING) {
		tc_kick(g->s);
		return;
	}
	if (final || g->n_tries >= TC_TRIES_MAX) {
		tc_segment_fail(g, why);
		return;
	}
	g->s->t->stats->transcode_retried++;
	g->state = SEG_PENDING;
	tc_kick(g->s);
}

void tc_segment_link_lost(struct tc_segment *g, const struct err *why)
{
	if (g->state == SEG_CHECKING || g->state == SEG_DONE)
		leave_link(g, NULL);	/* all had come */
	else
		try_failed(g, why, false);
}

static void lied(struct tc_segment *g, struct orch *o, const struct err *err)
{

	g->s->t->stats->orchestrator_lies++;
	orch_suspend(o, LIE_SUSPEND_MS);
	log_warn(&g->s->log, "orchestrator's work refused, suspended: orch=%s for_ms=%d why=%s",
		 o->hostport, LIE_SUSPEND_MS, err->msg);
	try_failed(g, err, false);
}

/* ---- what comes back ---- */

static int on_rendition_header(struct tc_segment *g, const uint8_t *data, size_t len,
			       struct err *err)
{
	struct msg_rendition_header m;

	if (msg_rendition_header_unpack(&m, data, len, err) < 0)
		return -1;
	if (m.index >= g->s->profiles.n || g->in[m.index].sha || g->current >= 0)
		return err_set(err, ERR_INVALID, "rendition %u out of turn", m.index);
	g->current = (int)m.index;
	buf_init(&g->in[m.index].data, RENDITION_BYTES_MAX);
	g->in[m.index].sha = sha256_new();
	return 0;
}

static int on_rendition_trailer(struct tc_segment *g, const uint8_t *data, size_t len,
				struct err *err)
{
	struct msg_rendition_trailer m;
	struct signed_rendition r = { .stream = g->s->stream, .sequence = g->sequence };
	struct incoming *in;
	struct hash32 hash, digest;
	struct eth_addr signer = orch_addr(g->link->o);

	if (msg_rendition_trailer_unpack(&m, data, len, err) < 0)
		return -1;
	if (g->current < 0 || m.index != (uint32_t)g->current)
		return err_set(err, ERR_INVALID, "trailer of rendition %u out of turn", m.index);
	in = &g->in[m.index];
	hash = sha256_end(in->sha);
	if (in->data.failed || m.len != in->data.len)
		return err_set(err, ERR_INVALID, "rendition %u: %zu bytes came, trailer says %llu",
			       m.index, in->data.len, (unsigned long long)m.len);
	if (memcmp(&hash, &m.data_hash, sizeof(hash)) != 0)
		return err_set(err, ERR_DENIED, "rendition %u: hash does not fit its bytes",
			       m.index);
	strcpy(r.name, g->s->profiles.p[m.index].name);
	r.data_hash = hash;
	digest = rendition_digest(&r, signer_domain(g->s->t->signer));
	if (sig_verify(&signer, &digest, &m.sig, err) < 0)
		return err_wrap(err, "rendition %u", m.index);
	in->trailer = m;
	in->complete = true;
	g->current = -1;
	return 0;
}

static int on_receipt(struct tc_segment *g, const uint8_t *data, size_t len, struct err *err)
{
	struct receipt r = { .stream = g->s->stream, .sequence = g->sequence };
	struct hash32 hashes[PROFILES_MAX], digest;
	struct eth_addr signer = orch_addr(g->link->o);
	size_t i;

	if (msg_receipt_unpack(&g->receipt, data, len, err) < 0)
		return -1;
	if (g->state != SEG_RUNNING)
		return err_set(err, ERR_INVALID, "receipt before the segment's trailer");
	for (i = 0; i < g->s->profiles.n; i++) {
		if (!g->in[i].complete)
			return err_set(err, ERR_INVALID, "receipt, but rendition %s is missing",
				       g->s->profiles.p[i].name);
		hashes[i] = g->in[i].trailer.data_hash;
	}
	r.data_hash = g->facts.sha256;
	r.transcoded_hash = transcoded_hash(hashes, g->s->profiles.n);
	r.broadcaster_sig = g->signed_seg.sig;
	digest = receipt_digest(&r, signer_domain(g->s->t->signer));
	if (sig_verify(&signer, &digest, &g->receipt.sig, err) < 0)
		return err_wrap(err, "receipt");
	return 0;
}

static void on_refuse(struct tc_segment *g, const uint8_t *data, size_t len)
{
	struct msg_refuse m;
	struct err err;
	bool final;

	if (msg_refuse_unpack(&m, data, len, &err) < 0) {
		lied(g, g->link->o, &err);
		return;
	}
	err_set(&err, m.code == REFUSE_BUSY ? ERR_BUSY :
		m.code == REFUSE_INPUT || m.code == REFUSE_INVALID ? ERR_INVALID : ERR_INTERNAL,
		"%s", m.reason);
	if (m.code == REFUSE_BUSY)
		orch_suspend(g->link->o, m.retry_after_ms == 0 ? FAIL_SUSPEND_MS :
			     m.retry_after_ms < SUSPEND_MAX_MS ? m.retry_after_ms : SUSPEND_MAX_MS);
	/* One that says "undecodable" may lie: believe two, or the only one there is. */
	final = m.code == REFUSE_INPUT &&
		(g->n_tries > 1 || !tc_session_pick(g->s, g->tried));
	try_failed(g, &err, final);
}

/* Everything came and is signed: look at it off the loop.  Nothing more is heard from
 * the orchestrator meanwhile; the link stays ours until the verdict. */
static void start_check(struct tc_segment *g)
{
	g->state = SEG_CHECKING;
	g->worker = g->link->o;
	peer_channel_close(g->ch);
	g->ch = NULL;
	uv_timer_stop(&g->deadline);
	g->check = tc_check_start(g);
}

static void on_msg(void *arg, struct peer_channel *ch, uint16_t type,
		   const uint8_t *data, size_t len)
{
	struct tc_segment *g = arg;
	struct err err;
	int rc;

	(void)ch;
	switch (type) {
	case MSG_RENDITION_HEADER:
		rc = on_rendition_header(g, data, len, &err);
		break;
	case MSG_RENDITION_TRAILER:
		rc = on_rendition_trailer(g, data, len, &err);
		break;
	case MSG_RECEIPT:
		rc = on_receipt(g, data, len, &err);
		if (rc == 0)
			start_check(g);
		break;
	case MSG_REFUSE:
		on_refuse(g, data, len);
		return;
	default:
		rc = 0;		/* a later version's message: nothing we need */
	}
	if (rc < 0)
		lied(g, g->link->o, &err);
}

static void on_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct tc_segment *g = arg;
	struct err err;

	if (g->current < 0 || !buf_add(&g->in[g->current].data, data, len)) {
		err_set(&err, ERR_LIMIT, "media bytes outside a rendition or above %u",
			RENDITION_BYTES_MAX);
		lied(g, g->link->o, &err);
		return;
	}
	sha256_add(g->in[g->current].sha, data, len);
	peer_channel_consumed(ch, len);
}

static void on_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct tc_segment *g = arg;
	struct err err;

	(void)ch;
	g->ch = NULL;
	if (why)
		err = *why;
	else
		err_set(&err, ERR_IO, "orchestrator ended the segment without a receipt");
	try_failed(g, &err, false);
}

static const struct peer_channel_cb segment_cb = {
	.on_msg = on_msg,
	.on_data = on_data,
	.on_close = on_close,
};

/* ---- what goes out ---- */

static void send_header(struct tc_segment *g)
{
	struct msg_segment_header m = {
		.session = peer_channel_id(g->link->ch),
		.sequence = g->sequence,
		.fmp4 = g->src.fmp4,
		.discontinuity = g->src.discontinuity,
		.width = g->src.width,
		.height = g->src.height,
	};
	struct buf b;

	buf_init(&b, 4096);
	msg_segment_header_pack(&b, &m);
	peer_channel_msg(g->ch, MSG_SEGMENT_HEADER, &b);
	buf_fini(&b);
}

static void send_trailer(struct tc_segment *g)
{
	struct signed_segment *seg = &g->signed_seg;
	struct msg_segment_trailer m;
	struct buf b;

	*seg = (struct signed_segment){
		.transcoder = orch_addr(g->link->o),
		.stream = g->s->stream,
		.sequence = g->sequence,
		.duration_ms = g->facts.duration_ms,
		.data_hash = g->facts.sha256,
	};
	signer_segment(g->s->t->signer, seg);
	m = (struct msg_segment_trailer){
		.duration_ms = seg->duration_ms,
		.len = g->source->len,
		.data_hash = seg->data_hash,
		.sig = seg->sig,
		.n_video = g->facts.n_video,
		.deadline_ms = (uint32_t)tc_segment_period_ms(g) * TC_TRIES_MAX,
	};
	buf_init(&b, 4096);
	msg_segment_trailer_pack(&b, &m);
	peer_channel_msg(g->ch, MSG_SEGMENT_TRAILER, &b);
	buf_fini(&b);
	g->s->t->stats->segments_uploaded++;
}

/* Start a try on l: header, and all bytes and the trailer if they are there. */
void tc_segment_try(struct tc_segment *g, struct tc_link *l)
{
	struct peer_channel *ch;
	struct err err;

	ch = peer_channel_open(l->o->conn, &segment_cb, g, &err);
	if (!ch) {	/* no try: the segment has not been there */
		g->s->t->stats->upload_failed++;
		orch_suspend(l->o, FAIL_SUSPEND_MS);
		if (log_may(&l->o->log_limit, 10))
			log_warn(&g->s->log, "segment cannot be sent: seq=%llu orch=%s why=%s",
				 (unsigned long long)g->sequence, l->o->hostport, err.msg);
		tc_kick(g->s);
		return;
	}
	g->ch = ch;
	g->link = l;
	g->tried |= 1u << l->o->index;
	l->inflight++;
	if (g->n_tries && strcmp(g->orchestrator, l->o->hostport) != 0)
		g->s->t->stats->orchestrator_swaps++;
	g->n_tries++;
	strcpy(g->orchestrator, l->o->hostport);
	if (!l->o->tested)
		l->o->testing = true;
	send_header(g);
	if (g->state == SEG_COLLECTING)
		return;
	peer_channel_data(g->ch, g->source->data, g->source->len);
	send_trailer(g);
	g->state = SEG_RUNNING;
}

/* ---- deadlines ---- */

static void on_deadline(uv_timer_t *timer)
{
	struct tc_segment *g = timer->data;
	struct err err;

	if (!g->s)
		return;
	g->n_periods++;
	err_set(&err, ERR_TIMEOUT, "no renditions within %llu ms",
		(unsigned long long)(g->n_periods * tc_segment_period_ms(g)));
	if (g->n_periods >= TC_TRIES_MAX) {
		if (g->link)
			try_failed(g, &err, true);
		else
			tc_segment_fail(g, g->n_tries ? &g->err : &err);
		return;
	}
	uv_timer_start(&g->deadline, on_deadline, tc_segment_period_ms(g), 0);
	/* Where there is no other orchestrator, the running try may go on. */
	if (g->link && tc_session_pick(g->s, g->tried))
		try_failed(g, &err, false);
}

/* ---- life ---- */

struct tc_segment *tc_segment_begin(struct tc_session *s, const struct tc_source *src)
{
	struct tc_segment *g = xcalloc(1, sizeof(*g));
	struct tc_link *l;

	g->s = s;
	g->state = SEG_COLLECTING;
	g->src = *src;
	g->sequence = src->sequence;
	g->current = -1;
	list_add_tail(&s->segments, &g->node);
	s->n_segments++;
	uv_timer_init(s->t->loop, &g->deadline);
	g->deadline.data = g;
	/* At once, so that no byte is missed; else it goes whole when it ends. */
	l = tc_session_pick(s, 0);
	if (l) {
		tc_session_chose(s, l);
		tc_segment_try(g, l);
	}
	return g;
}

void tc_segment_data(struct tc_segment *g, const uint8_t *data, size_t len)
{
	if (g->ch)
		peer_channel_data(g->ch, data, len);
}

void tc_segment_end(struct tc_segment *g, struct blob *source, const struct tc_facts *facts)
{
	g->source = blob_ref(source);
	g->facts = *facts;
	g->ended_ms = clock_mono_ms();
	if (g->ch) {
		send_trailer(g);
		g->state = SEG_RUNNING;
	} else {
		g->state = SEG_PENDING;
		g->tried = 0;
		g->n_tries = 0;
		tc_kick(g->s);
	}
	uv_timer_start(&g->deadline, on_deadline, tc_segment_period_ms(g), 0);
}

void tc_segment_drop(struct tc_segment *g)
{
	struct tc_session *s = g->s;
	struct err err;

	err_set(&err, ERR_INVALID, "segment will not be transcoded");
	leave_link(g, &err);
	list_remove(&g->node);
	s->n_segments--;
	tc_segment_free(g);
	tc_kick(s);
}

void tc_segment_checked(struct tc_segment *g, const struct err *err,
			struct tc_rendition *renditions, size_t n)
{
	g->check = NULL;
	if (err) {
		if (err->code == ERR_INVALID || err->code == ERR_LIMIT)
			lied(g, g->worker, err);
		else
			try_failed(g, err, false);
		/* The deadline was stopped for the check. */
		if (g->state != SEG_DONE)
			uv_timer_start(&g->deadline, on_deadline, tc_segment_period_ms(g), 0);
		return;
	}
	memcpy(g->out, renditions, n * sizeof(*renditions));
	g->n_out = n;
	clear_incoming(g);
	g->worker->n_done++;
	orch_score(g->worker, (double)(clock_mono_ms() - g->ended_ms) /
		   (g->facts.duration_ms ? g->facts.duration_ms : 1));
	leave_link(g, NULL);
	finish(g);
}

static void on_timer_closed(uv_handle_t *h)
{
	free(h->data);
}

/* From whatever state; out of its session's list already. */
void tc_segment_free(struct tc_segment *g)
{
	struct err err;
	size_t i;

	if (g->check)
		tc_check_cancel(g->check);
	err_set(&err, ERR_IO, "the stream is over");
	leave_link(g, &err);
	clear_incoming(g);
	for (i = 0; i < g->n_out; i++)
		blob_unref(g->out[i].data);
	blob_unref(g->source);
	g->s = NULL;
	uv_close((uv_handle_t *)&g->deadline, on_timer_closed);
}
