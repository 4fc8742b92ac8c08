/*
 * One try: a segment's conversation with one orchestrator.  It may begin while the
 * segment's bytes are still being produced, renditions may come before it is whole, and
 * everything is held here until its trailers and the receipt hold.  What becomes of the
 * segment is tc_segment.c's affair.
 */
#include "node/tc_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/mem.h"
#include "node/peer/conn.h"
#include "node/signer.h"
#include "node/stats.h"

/* ---- what comes back ---- */

static int on_rendition_header(struct tc_try *y, const uint8_t *data, size_t len, struct err *err)
{
	struct msg_rendition_header m;

	if (msg_rendition_header_unpack(&m, data, len, err) < 0)
		return -1;
	return tc_incoming_header(&y->in, &m, err);
}

static int on_rendition_trailer(struct tc_try *y, const uint8_t *data, size_t len,
				struct err *err)
{
	struct tc_session *s = y->g->s;
	struct msg_rendition_trailer m;
	struct signed_rendition r = { .stream = s->stream, .sequence = y->g->sequence };
	struct eth_addr signer = orch_addr(y->o);
	struct hash32 digest;

	if (msg_rendition_trailer_unpack(&m, data, len, err) < 0 ||
	    tc_incoming_trailer(&y->in, &m, err) < 0)
		return -1;
	strcpy(r.name, s->profiles.p[m.index].name);
	r.data_hash = m.data_hash;
	digest = rendition_digest(&r, signer_domain(s->t->signer));
	if (sig_verify(&signer, &digest, &m.sig, err) < 0)
		return err_wrap(err, "rendition %u", m.index);
	return 0;
}

static int on_receipt(struct tc_try *y, const uint8_t *data, size_t len, struct err *err)
{
	struct tc_session *s = y->g->s;
	struct receipt r = { .stream = s->stream, .sequence = y->g->sequence };
	struct hash32 hashes[PROFILES_MAX], digest;
	struct eth_addr signer = orch_addr(y->o);
	int missing = tc_incoming_missing(&y->in);
	size_t i;

	if (msg_receipt_unpack(&y->receipt, data, len, err) < 0)
		return -1;
	if (!y->whole_ms)
		return err_set(err, ERR_INVALID, "receipt before the segment's trailer");
	if (missing >= 0)
		return err_set(err, ERR_INVALID, "receipt, but rendition %s is missing",
			       s->profiles.p[missing].name);
	for (i = 0; i < s->profiles.n; i++)
		hashes[i] = y->in.r[i].trailer.data_hash;
	r.data_hash = y->g->facts.sha256;
	r.transcoded_hash = transcoded_hash(hashes, s->profiles.n);
	r.broadcaster_sig = y->signed_seg.sig;
	digest = receipt_digest(&r, signer_domain(s->t->signer));
	if (sig_verify(&signer, &digest, &y->receipt.sig, err) < 0)
		return err_wrap(err, "receipt");
	return 0;
}

static void on_refuse(struct tc_try *y, const uint8_t *data, size_t len)
{
	enum try_failure how = TRY_FAILED;
	struct msg_refuse m;
	struct err err;

	if (msg_refuse_unpack(&m, data, len, &err) < 0) {
		tc_segment_try_failed(y->g, y, TRY_LIED, &err);
		return;
	}
	err_set(&err, m.code == REFUSE_BUSY ? ERR_BUSY :
		m.code == REFUSE_INPUT || m.code == REFUSE_INVALID ? ERR_INVALID : ERR_INTERNAL,
		"%s", m.reason);
	if (m.code == REFUSE_BUSY) {
		/* No room for this stream: those that it carries there are not moved. */
		tc_link_busy(y->link, m.retry_after_ms);
		how = TRY_BUSY;
	} else if (m.code == REFUSE_INPUT) {
		how = TRY_DENIED;
	}
	tc_segment_try_failed(y->g, y, how, &err);
}

/* Everything came and is signed: look at it off the loop.  Nothing more is heard from
 * the orchestrator meanwhile; the link's room stays ours until the verdict. */
static void start_check(struct tc_try *y)
{
	peer_channel_close(y->ch);
	y->ch = NULL;
	tc_segment_try_came(y->g);
	y->check = tc_check_start(y);
}

static void on_msg(void *arg, struct peer_channel *ch, uint16_t type,
		   const uint8_t *data, size_t len)
{
	struct tc_try *y = arg;
	struct err err;
	int rc = 0;

	(void)ch;
	switch (type) {
	case MSG_RENDITION_HEADER:
		rc = on_rendition_header(y, data, len, &err);
		break;
	case MSG_RENDITION_TRAILER:
		rc = on_rendition_trailer(y, data, len, &err);
		break;
	case MSG_RECEIPT:
		rc = on_receipt(y, data, len, &err);
		if (rc == 0)
			start_check(y);
		break;
	case MSG_REFUSE:
		on_refuse(y, data, len);
		return;
	default:
		return;		/* a later version's message: nothing we need */
	}
	if (rc < 0)
		tc_segment_try_failed(y->g, y, TRY_LIED, &err);
}

static void on_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct tc_try *y = arg;
	struct err err;

	if (tc_incoming_data(&y->in, data, len, &err) < 0)
		tc_segment_try_failed(y->g, y, TRY_LIED, &err);
	else
		peer_channel_consumed(ch, len);
}

static void on_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct tc_try *y = arg;
	struct err err;

	(void)ch;
	y->ch = NULL;
	if (why)
		err = *why;
	else
		err_set(&err, ERR_IO, "orchestrator ended the segment without a receipt");
	tc_segment_try_failed(y->g, y, TRY_FAILED, &err);
}

static const struct peer_channel_cb segment_cb = {
	.on_msg = on_msg,
	.on_data = on_data,
	.on_close = on_close,
};

/* ---- what goes out ---- */

static void send_header(struct tc_try *y)
{
	const struct tc_segment *g = y->g;
	struct msg_segment_header m = {
		.session = peer_channel_id(y->link->ch),
		.sequence = g->sequence,
		.fmp4 = g->src.fmp4,
		.discontinuity = g->src.discontinuity,
		.width = g->src.width,
		.height = g->src.height,
	};
	struct buf b;

	buf_init(&b, 4096);
	msg_segment_header_pack(&b, &m);
	peer_channel_msg(y->ch, MSG_SEGMENT_HEADER, &b);
	buf_fini(&b);
}

void tc_try_data(struct tc_try *y, const uint8_t *data, size_t len)
{
	peer_channel_data(y->ch, data, len);
}

void tc_try_whole(struct tc_try *y)
{
	const struct tc_segment *g = y->g;
	struct signed_segment *seg = &y->signed_seg;
	struct msg_segment_trailer m;
	struct buf b;

	*seg = (struct signed_segment){
		.transcoder = orch_addr(y->o),
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
	peer_channel_msg(y->ch, MSG_SEGMENT_TRAILER, &b);
	buf_fini(&b);
	y->whole_ms = clock_mono_ms();
	g->s->t->stats->segments_uploaded++;
}

/* Header, and all bytes and the trailer if they are there. */
struct tc_try *tc_try_start(struct tc_segment *g, struct tc_link *l, bool hedge, struct err *err)
{
	struct tc_try *y = xcalloc(1, sizeof(*y));

	y->ch = peer_channel_open(l->o->conn, &segment_cb, y, err);
	if (!y->ch) {
		free(y);
		return NULL;
	}
	y->g = g;
	y->o = l->o;
	y->o->n_tries++;
	y->o->n_given++;
	y->link = l;
	l->inflight++;
	l->used_ms = clock_mono_ms();
	y->hedge = hedge;
	tc_incoming_init(&y->in, g->s->profiles.n);
	send_header(y);
	if (g->source) {
		peer_channel_data(y->ch, g->source->data, g->source->len);
		tc_try_whole(y);
	}
	return y;
}

/* ---- ends ---- */

double tc_try_ratio(const struct tc_try *y)
{
	uint32_t duration_ms = y->g->facts.duration_ms;

	if (!y->whole_ms)
		return 0;
	return (double)(clock_mono_ms() - y->whole_ms) / (duration_ms ? duration_ms : 1);
}

static void leave_link(struct tc_try *y)
{
	if (!y->link)
		return;
	y->link->inflight--;
	y->link->used_ms = clock_mono_ms();
	y->link = NULL;
}

void tc_try_link_lost(struct tc_try *y, const struct err *why)
{
	leave_link(y);
	if (!y->check)		/* else all had come */
		tc_segment_try_failed(y->g, y, TRY_FAILED, why);
}

void tc_try_checked(struct tc_try *y, const struct err *err,
		    struct tc_rendition *renditions, size_t n)
{
	y->check = NULL;
	if (!err)
		tc_segment_try_won(y->g, y, renditions, n);
	else if (err->code == ERR_INVALID || err->code == ERR_LIMIT)
		tc_segment_try_failed(y->g, y, TRY_LIED, err);
	else
		tc_segment_try_failed(y->g, y, TRY_FAILED, err);
}

void tc_try_free(struct tc_try *y, const struct err *tell)
{
	if (y->check)
		tc_check_cancel(y->check);
	leave_link(y);
	if (y->ch && tell)
		peer_channel_abort(y->ch, tell);
	else if (y->ch)
		peer_channel_close(y->ch);
	tc_incoming_fini(&y->in);
	y->o->n_tries--;
	free(y);
}
