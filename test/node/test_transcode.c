/*
 * The broadcaster's side against orchestrators that do what a test tells them.
 */
#include "test/node/rig.h"

#include <sys/socket.h>

#include "node/http/client.h"
#include "node/http/server.h"
#include "node/peer/conn.h"
#include "node/signer.h"
#include "node/stats.h"
#include "node/transcode.h"

#define FAKES_MAX 5
#define RESULTS_MAX 64
#define SEGS_MAX 64
#define N_FRAMES 25	/* a second */

enum mode {
	HONEST,
	SILENT,			/* takes everything, says nothing */
	REFUSES,		/* with f->code, when the trailer is there */
	REFUSES_HEADER,		/* with f->code, at once */
	WRONG_HASH, WRONG_LEN, WRONG_SIG, OTHERS_SIG, WRONG_RECEIPT,
	GARBAGE,		/* well signed bytes that are no video */
	TOO_SHORT,		/* well signed, fewer frames */
	NO_RECEIPT,		/* renditions, then the end */
	ONE_MISSING,		/* a receipt, but not every rendition */
	TALKS_ON,		/* another receipt after the receipt */
	DATA_AFTER,		/* media bytes after the receipt */
	EARLY_RECEIPT,		/* before the trailer */
	GOES_AT_HEADER, GOES_AT_TRAILER, GOES_HALFWAY, GOES_AFTER_RECEIPT,
	UNKNOWN_WORDS,		/* messages of a later version, then honest */
	TAKES_TURNS,		/* renditions by the piece */
	BEGINS_AGAIN,		/* with other bytes than at first */
	BAD_OFFSET,
};

struct world;
struct fake;

/* A segment as an orchestrator sees it. */
struct fseg {
	struct fake *f;
	struct peer_channel *ch;	/* NULL: over */
	struct msg_segment_header head;
	struct msg_segment_trailer tail;
	struct buf bytes;
	bool whole;
	struct err why;			/* of an abort by the broadcaster */
};

struct fake {
	struct world *w;
	struct sig_key *key;
	struct signer *signer;
	struct peer_ctx *ctx;
	struct peer_listener *listener;
	struct peer_conn *conn;
	struct peer_channel *session;
	struct msg_open_session open;
	char at[32];
	enum mode mode;
	enum refuse_code code;
	uint32_t retry_ms;
	unsigned max_inflight;
	bool hold_session, refuse_session;
	unsigned n_sessions, n_segs, n_whole;
	struct fseg seg[SEGS_MAX];
};

struct got {
	uint64_t sequence;
	bool failed;
	struct err err;
	size_t n;
	unsigned n_tries;
	char orchestrator[64];
};

struct world {
	uv_loop_t loop;
	struct sig_key *key;
	struct eip712_domain domain;
	struct signer *signer;
	struct peer_ctx *ctx;
	struct stats stats;
	struct tc *tc;
	struct tc_session *s;
	struct stream_id stream;
	struct profile_list profiles;
	struct fake f[FAKES_MAX];
	unsigned n_fakes;
	struct got got[RESULTS_MAX];
	unsigned n_got;
	unsigned free_session_at;	/* in this result's callback; 0: never */
	int in_call;
	bool closed;	/* tc_close was called */
	struct clip clip[RESULTS_MAX];
	bool made[RESULTS_MAX];
	struct http_server *hook;
	struct http_client *client;
	char list[4096];	/* what the webhook says */
	unsigned n_asked;
};

/* ---- the orchestrator ---- */

static void say(struct peer_channel *ch, uint16_t type, struct buf *b)
{
	peer_channel_msg(ch, type, b);
	buf_clear(b);
}

static void say_refuse(struct peer_channel *ch, enum refuse_code code, uint32_t retry_ms)
{
	struct msg_refuse m = { .code = code, .reason = "as told", .retry_after_ms = retry_ms };
	struct buf b;

	buf_init(&b, 4096);
	msg_refuse_pack(&b, &m);
	say(ch, MSG_REFUSE, &b);
	buf_fini(&b);
	peer_channel_close(ch);
}

static void say_header(struct fseg *g, uint32_t i, uint64_t offset)
{
	struct msg_rendition_header m = { .index = i, .offset = offset };
	struct buf b;

	buf_init(&b, 4096);
	msg_rendition_header_pack(&b, &m);
	say(g->ch, MSG_RENDITION_HEADER, &b);
	buf_fini(&b);
}

static struct hash32 say_trailer(struct fseg *g, uint32_t i, const uint8_t *data, size_t len)
{
	struct fake *f = g->f;
	struct msg_rendition_trailer t = { .index = i, .n_video = N_FRAMES, .duration_ms = 1000,
		.width = CLIP_WIDTH, .height = CLIP_HEIGHT };
	struct signed_rendition r = { .stream = f->open.stream, .sequence = g->head.sequence };
	struct buf b;

	t.data_hash = r.data_hash = hash_sha256(data, len);
	t.len = len + (f->mode == WRONG_LEN);
	strcpy(r.name, f->open.profiles.p[i].name);
	signer_rendition(f->mode == OTHERS_SIG ? f->w->f[0].signer : f->signer, &r);
	t.sig = r.sig;
	if (f->mode == WRONG_SIG)
		t.sig.b[5] ^= 1;
	if (f->mode == WRONG_HASH)
		t.data_hash.b[0] ^= 1;
	buf_init(&b, 4096);
	msg_rendition_trailer_pack(&b, &t);
	say(g->ch, MSG_RENDITION_TRAILER, &b);
	buf_fini(&b);
	return r.data_hash;
}

static struct hash32 say_rendition(struct fseg *g, uint32_t i)
{
	struct fake *f = g->f;
	struct clip other = { .ended = false };
	const uint8_t *data = g->bytes.data;
	size_t len = g->bytes.len;
	struct hash32 hash;

	if (f->mode == GARBAGE)
		data = (const uint8_t *)"this is no video at all, not even nearly", len = 40;
	if (f->mode == TOO_SHORT) {
		clip_make(&other, (int64_t)g->head.sequence * 1000, N_FRAMES / 2, 7);
		data = other.bytes.data;
		len = other.bytes.len;
	}
	say_header(g, i, 0);
	if (f->mode == BEGINS_AGAIN || f->mode == BAD_OFFSET) {
		peer_channel_data(g->ch, (const uint8_t *)"another's work", 14);
		say_header(g, i, f->mode == BAD_OFFSET ? 13 : 0);
	}
	peer_channel_data(g->ch, data, len);
	hash = say_trailer(g, i, data, len);
	clip_fini(&other);
	return hash;
}

/* Both by turns, in pieces of 1000 bytes. */
static void say_by_turns(struct fseg *g, struct hash32 *h)
{
	const uint8_t *data = g->bytes.data;
	size_t at, len = g->bytes.len;
	uint32_t i;

	for (at = 0; at < len; at += 1000)
		for (i = 0; i < 2; i++) {
			say_header(g, i, at);
			peer_channel_data(g->ch, data + at, len - at < 1000 ? len - at : 1000);
		}
	h[1] = say_trailer(g, 1, data, len);
	say_header(g, 0, len);
	h[0] = say_trailer(g, 0, data, len);
}

static void say_receipt(struct fseg *g, const struct hash32 *hashes)
{
	struct fake *f = g->f;
	struct receipt r = { .stream = f->open.stream, .sequence = g->head.sequence,
		.data_hash = g->tail.data_hash, .broadcaster_sig = g->tail.sig };
	struct msg_receipt m = { .sequence = r.sequence, .transcode_ms = 5 };
	struct buf b;

	r.transcoded_hash = transcoded_hash(hashes, f->open.profiles.n);
	if (f->mode == WRONG_RECEIPT)
		r.sequence++;
	signer_receipt(f->signer, &r);
	m.data_hash = r.data_hash;
	m.transcoded_hash = r.transcoded_hash;
	m.sig = r.sig;
	buf_init(&b, 4096);
	msg_receipt_pack(&b, &m);
	say(g->ch, MSG_RECEIPT, &b);
	buf_fini(&b);
}

static void go(struct fake *f)
{
	unsigned i;

	peer_conn_close(f->conn);
	f->conn = NULL;
	f->session = NULL;
	for (i = 0; i < f->n_segs; i++)
		f->seg[i].ch = NULL;
}

static void fake_answer(struct fseg *g)
{
	struct fake *f = g->f;
	struct hash32 h[PROFILES_MAX];
	size_t i, n = f->open.profiles.n - (f->mode == ONE_MISSING);
	struct buf b;

	buf_init(&b, 64);
	if (f->mode == UNKNOWN_WORDS)
		say(g->ch, 999, &b);
	for (i = 0; i < n && f->mode != TAKES_TURNS; i++)
		h[i] = say_rendition(g, (uint32_t)i);
	if (f->mode == TAKES_TURNS)
		say_by_turns(g, h);
	if (f->mode == ONE_MISSING)
		h[n] = h[0];
	if (f->mode == GOES_HALFWAY) {
		settle(&f->w->loop);
		go(f);
		return;
	}
	if (f->mode != NO_RECEIPT)
		say_receipt(g, h);
	if (f->mode == TALKS_ON)
		say_receipt(g, h);
	if (f->mode == DATA_AFTER)
		peer_channel_data(g->ch, (const uint8_t *)"more", 4);
	if (f->mode != GOES_AFTER_RECEIPT) {
		peer_channel_close(g->ch);
		g->ch = NULL;
	}
	buf_fini(&b);
}

static void on_seg_msg(void *arg, struct peer_channel *ch, uint16_t type,
		       const uint8_t *data, size_t len)
{
	struct fseg *g = arg;
	struct fake *f = g->f;
	struct err err;

	assert_int_equal(type, MSG_SEGMENT_TRAILER);
	assert_int_equal(msg_segment_trailer_unpack(&g->tail, data, len, &err), 0);
	assert_int_equal(g->tail.len, g->bytes.len);
	g->whole = true;
	f->n_whole++;
	switch (f->mode) {
	case SILENT:
		return;
	case REFUSES:
		say_refuse(ch, f->code, f->retry_ms);
		g->ch = NULL;
		return;
	case GOES_AT_TRAILER:
		go(f);
		return;
	default:
		fake_answer(g);
	}
}

static void on_seg_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct fseg *g = arg;

	buf_add(&g->bytes, data, len);
	peer_channel_consumed(ch, len);
}

static void on_seg_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct fseg *g = arg;

	(void)ch;
	g->ch = NULL;
	if (why)
		g->why = *why;
}

static const struct peer_channel_cb seg_cb = {
	.on_msg = on_seg_msg, .on_data = on_seg_data, .on_close = on_seg_close,
};

static void take_segment(struct fake *f, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct fseg *g = &f->seg[f->n_segs++];
	struct hash32 h[PROFILES_MAX] = { { { 0 } } };
	struct err err;

	assert_true(f->n_segs < SEGS_MAX);
	g->f = f;
	g->ch = ch;
	buf_init(&g->bytes, 1 << 20);
	assert_int_equal(msg_segment_header_unpack(&g->head, data, len, &err), 0);
	assert_non_null(f->session);
	assert_int_equal(g->head.session, peer_channel_id(f->session));
	peer_channel_set(ch, &seg_cb, g);
	if (f->mode == REFUSES_HEADER) {
		say_refuse(ch, f->code, f->retry_ms);
		g->ch = NULL;
	} else if (f->mode == GOES_AT_HEADER) {
		go(f);
	} else if (f->mode == EARLY_RECEIPT) {
		say_receipt(g, h);
	}
}

static void fake_accept(struct fake *f)
{
	struct msg_session_accept m = {
		.output_stream = f->open.stream, .max_inflight = f->max_inflight,
		.codec_profile = "test",
	};
	struct buf b;

	buf_init(&b, 4096);
	msg_session_accept_pack(&b, &m);
	say(f->session, MSG_SESSION_ACCEPT, &b);
	buf_fini(&b);
}

static void on_first_msg(void *arg, struct peer_channel *ch, uint16_t type,
			 const uint8_t *data, size_t len)
{
	struct fake *f = arg;
	struct err err;

	if (type == MSG_SEGMENT_HEADER) {
		take_segment(f, ch, data, len);
		return;
	}
	assert_int_equal(type, MSG_OPEN_SESSION);
	assert_int_equal(msg_open_session_unpack(&f->open, data, len, &err), 0);
	f->n_sessions++;
	if (f->refuse_session) {
		say_refuse(ch, f->code, f->retry_ms);
		return;
	}
	f->session = ch;
	if (!f->hold_session)
		fake_accept(f);
}

static void on_session_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct fake *f = arg;

	(void)why;
	if (f->session == ch)
		f->session = NULL;
}

static const struct peer_channel_cb first_cb = {
	.on_msg = on_first_msg, .on_close = on_session_close,
};

static void on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	(void)c;
	peer_channel_set(ch, &first_cb, arg);
}

static void on_conn_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct fake *f = arg;

	(void)why;
	if (f->conn == c)
		f->conn = NULL;
}

static const struct peer_conn_cb conn_cb = { .on_channel = on_channel, .on_close = on_conn_close };

static bool on_accept(void *arg, struct peer_conn *c, const struct peer_conn_cb **cb,
		      void **conn_arg)
{
	struct fake *f = arg;

	f->conn = c;
	*cb = &conn_cb;
	*conn_arg = f;
	return true;
}

/* ---- the broadcaster ---- */

static struct world *world_new(void)
{
	struct world *w = xcalloc(1, sizeof(*w));

	uv_loop_init(&w->loop);
	w->key = sig_key_generate();
	w->signer = signer_new(w->key, &w->domain);
	w->ctx = peer_ctx_new(&w->loop, w->key, signer_domain(w->signer), "test");
	w->tc = tc_new(&w->loop, w->ctx, w->signer, NULL, &w->stats);
	w->profiles.n = 2;
	w->profiles.p[0] = (struct profile){ .name = "a", .width = CLIP_WIDTH,
		.height = CLIP_HEIGHT, .bitrate = 100000, .fps_den = 1, .quality = -1 };
	w->profiles.p[1] = w->profiles.p[0];
	strcpy(w->profiles.p[1].name, "b");
	return w;
}

/* An orchestrator that nobody has told of yet. */
static struct fake *new_fake(struct world *w, enum mode mode)
{
	struct fake *f = &w->f[w->n_fakes++];
	struct err err;

	f->w = w;
	f->mode = mode;
	f->max_inflight = 4;
	f->key = sig_key_generate();
	f->signer = signer_new(f->key, &w->domain);
	f->ctx = peer_ctx_new(&w->loop, f->key, signer_domain(f->signer), "fake");
	f->listener = peer_listen(f->ctx, "127.0.0.1:0", 16, 16, on_accept, f, &err);
	assert_non_null(f->listener);
	snprintf(f->at, sizeof(f->at), "127.0.0.1:%d", peer_listener_port(f->listener));
	return f;
}

/* An orchestrator; it is connected when this returns. */
static struct fake *add_fake(struct world *w, enum mode mode)
{
	unsigned before = tc_ready(w->tc);
	struct fake *f = new_fake(w, mode);
	struct err err;

	assert_int_equal(tc_add_orchestrator(w->tc, f->at, &err), 0);
	spin_until(&w->loop, tc_ready(w->tc) == before + 1);
	return f;
}

static void on_result(void *arg, const struct tc_result *r)
{
	struct world *w = arg;
	struct got *g = &w->got[w->n_got++];

	assert_int_equal(w->in_call, 0);
	assert_true(w->n_got < RESULTS_MAX);
	g->sequence = r->sequence;
	g->failed = r->err != NULL;
	if (r->err)
		g->err = *r->err;
	else
		assert_int_equal(r->n, w->profiles.n);
	g->n = r->n;
	g->n_tries = r->n_tries;
	snprintf(g->orchestrator, sizeof(g->orchestrator), "%s", r->orchestrator);
	if (w->free_session_at == w->n_got) {
		tc_session_free(w->s);
		w->s = NULL;
	}
}

static void open_session(struct world *w)
{
	struct eth_addr me = signer_addr(w->signer);
	struct tc_session_opts o = {
		.name = "test", .profiles = w->profiles, .preset = "superfast",
		.width = CLIP_WIDTH, .height = CLIP_HEIGHT, .fps_num = 25, .fps_den = 1,
	};

	o.stream = w->stream = stream_id_new(&me);
	w->in_call++;
	w->s = tc_session_new(w->tc, &o, on_result, w);
	w->in_call--;
	settle(&w->loop);
}

static struct tc_segment *begin(struct world *w, uint64_t seq)
{
	struct tc_source src = { .sequence = seq, .width = CLIP_WIDTH, .height = CLIP_HEIGHT };
	struct tc_segment *g;

	if (!w->made[seq])
		clip_make(&w->clip[seq], (int64_t)seq * 1000, N_FRAMES, (unsigned)seq);
	w->made[seq] = true;
	w->in_call++;
	g = tc_segment_begin(w->s, &src);
	w->in_call--;
	return g;
}

/* All bytes are there. */
static void ends(struct world *w, struct tc_segment *g, uint64_t seq)
{
	const struct clip *c = &w->clip[seq];
	struct tc_facts facts = { .duration_ms = 1000, .n_video = c->n_video,
		.first_pts_90k = c->first_pts_90k, .sha256 = hash_sha256(c->bytes.data, c->bytes.len) };
	struct err err;
	struct blob *b = blob_new(c->bytes.data, c->bytes.len, &err);

	w->in_call++;
	tc_segment_end(g, b, &facts);
	w->in_call--;
	blob_unref(b);
}

static void end(struct world *w, struct tc_segment *g, uint64_t seq)
{
	tc_segment_data(g, w->clip[seq].bytes.data, w->clip[seq].bytes.len);
	ends(w, g, seq);
}

static void segment(struct world *w, uint64_t seq)
{
	end(w, begin(w, seq), seq);
}

static const struct got *result(struct world *w, unsigned i)
{
	spin_until(&w->loop, w->n_got > i);
	return &w->got[i];
}

static void fake_fini(struct fake *f)
{
	unsigned i;

	if (f->conn)
		peer_conn_close(f->conn);
	peer_listener_close(f->listener);
	for (i = 0; i < f->n_segs; i++)
		buf_fini(&f->seg[i].bytes);
}

static void world_free(struct world *w)
{
	unsigned i;

	tc_session_free(w->s);
	if (!w->closed)
		tc_close(w->tc);
	if (w->hook) {
		http_client_free(w->client, NULL, NULL);
		http_server_close(w->hook, 0, NULL, NULL);
	}
	for (i = 0; i < w->n_fakes; i++)
		fake_fini(&w->f[i]);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	tc_free(w->tc);
	peer_ctx_free(w->ctx);
	for (i = 0; i < w->n_fakes; i++) {
		peer_ctx_free(w->f[i].ctx);
		signer_free(w->f[i].signer);
		sig_key_free(w->f[i].key);
	}
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	signer_free(w->signer);
	sig_key_free(w->key);
	for (i = 0; i < RESULTS_MAX; i++)
		if (w->made[i])
			clip_fini(&w->clip[i]);
	free(w);
}

/* ---- good days ---- */

static void renditions_come_back_in_order(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, HONEST);
	uint64_t i;

	(void)state;
	open_session(w);
	for (i = 0; i < 8; i++)
		segment(w, i);
	result(w, 7);
	for (i = 0; i < 8; i++) {
		assert_int_equal(w->got[i].sequence, i);
		assert_false(w->got[i].failed);
		assert_int_equal(w->got[i].n_tries, 1);
		assert_string_equal(w->got[i].orchestrator, f->at);
	}
	assert_int_equal(tc_session_pending(w->s), 0);
	assert_int_equal(w->stats.segments_uploaded, 8);
	assert_int_equal(w->stats.transcode_retried, 0);
	world_free(w);
}

static void bytes_travel_while_the_segment_is_made(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, HONEST);
	struct tc_segment *g;

	(void)state;
	open_session(w);
	g = begin(w, 1);
	tc_segment_data(g, w->clip[1].bytes.data, 1000);
	spin_until(&w->loop, f->n_segs == 1 && f->seg[0].bytes.len == 1000);
	assert_false(f->seg[0].whole);
	tc_segment_drop(g);
	spin_until(&w->loop, !f->seg[0].ch);
	assert_int_equal(w->n_got, 0);
	assert_int_equal(tc_session_pending(w->s), 0);
	world_free(w);
}

static void local_orchestrator_signs_with_our_key(void **state)
{
	struct world *w = world_new();
	struct fake *f = &w->f[0];
	struct err err;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	f->w = w;
	f->max_inflight = 1;
	f->signer = w->signer;
	f->conn = peer_attach(w->ctx, fd[1], false, false, &conn_cb, f, &err);
	assert_int_equal(tc_add_local(w->tc, fd[0], &err), 0);
	spin_until(&w->loop, tc_ready(w->tc) == 1);
	open_session(w);
	segment(w, 1);
	assert_false(result(w, 0)->failed);
	assert_string_equal(w->got[0].orchestrator, "local");
	peer_conn_close(f->conn);
	buf_fini(&f->seg[0].bytes);
	world_free(w);
}

static void later_words_are_ignored(void **state)
{
	struct world *w = world_new();

	(void)state;
	add_fake(w, UNKNOWN_WORDS);
	open_session(w);
	segment(w, 1);
	assert_false(result(w, 0)->failed);
	world_free(w);
}

static void session_accepted_mid_segment_gets_it_whole(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, HONEST);
	struct tc_segment *g;

	(void)state;
	f->hold_session = true;
	open_session(w);
	g = begin(w, 1);
	tc_segment_data(g, w->clip[1].bytes.data, 100);
	spin_until(&w->loop, f->session);
	fake_accept(f);
	settle(&w->loop);
	assert_int_equal(f->n_segs, 0);
	end(w, g, 1);
	assert_false(result(w, 0)->failed);
	assert_int_equal(f->seg[0].bytes.len, w->clip[1].bytes.len);
	world_free(w);
}

static void no_more_segments_at_once_than_agreed(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, SILENT);
	uint64_t i;

	(void)state;
	f->max_inflight = 2;
	open_session(w);
	for (i = 0; i < 5; i++)
		segment(w, i);
	settle(&w->loop);
	assert_int_equal(f->n_segs, 2);
	f->mode = HONEST;
	fake_answer(&f->seg[1]);
	settle(&w->loop);
	assert_int_equal(w->n_got, 0);	/* 0 is before it */
	fake_answer(&f->seg[0]);
	result(w, 4);
	for (i = 0; i < 5; i++)
		assert_int_equal(w->got[i].sequence, i);
	world_free(w);
}

/* ---- refusals ---- */

static void busy_orchestrator_is_left_for_another(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, REFUSES), *h = add_fake(w, HONEST);
	unsigned n;

	(void)state;
	f->code = REFUSE_BUSY;
	f->retry_ms = 2000;
	open_session(w);
	segment(w, 1);
	segment(w, 2);
	assert_false(result(w, 1)->failed);
	assert_string_equal(w->got[0].orchestrator, h->at);
	assert_true(f->n_segs <= 2);	/* both began before it could say so */
	n = f->n_segs;
	segment(w, 3);
	assert_string_equal(result(w, 2)->orchestrator, h->at);
	assert_int_equal(f->n_segs, n);
	/* Busy for this stream is not busy for all. */
	assert_int_equal(tc_ready(w->tc), 2);
	world_free(w);
}

static void busy_only_orchestrator_is_asked_again_when_it_said(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, REFUSES);

	(void)state;
	f->code = REFUSE_BUSY;
	f->retry_ms = 700;
	open_session(w);
	segment(w, 1);
	spin_until(&w->loop, f->n_whole == 1);
	f->mode = HONEST;
	settle(&w->loop);
	warp(&w->loop, 500);
	assert_int_equal(f->n_segs, 1);
	warp(&w->loop, 400);
	/* well before the deadline's 2 s */
	assert_false(result(w, 0)->failed);
	assert_int_equal(w->got[0].n_tries, 2);
	world_free(w);
}

static void absurd_retry_after_does_not_lose_an_orchestrator(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, REFUSES);

	(void)state;
	f->code = REFUSE_BUSY;
	f->retry_ms = UINT32_MAX;
	open_session(w);
	segment(w, 1);
	spin_until(&w->loop, f->n_whole == 1);
	settle(&w->loop);
	f->mode = HONEST;
	warp(&w->loop, 61000);
	assert_int_equal(tc_ready(w->tc), 1);
	world_free(w);
}

static void bad_input_is_believed_after_two_say_so(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, REFUSES), *g = add_fake(w, REFUSES), *h = add_fake(w, HONEST);

	(void)state;
	f->code = g->code = REFUSE_INPUT;
	h->hold_session = true;
	open_session(w);
	segment(w, 1);
	assert_true(result(w, 0)->failed);
	assert_int_equal(w->got[0].err.code, ERR_INVALID);
	assert_int_equal(w->got[0].n_tries, 2);
	assert_string_equal(w->got[0].err.msg, "as told");
	assert_int_equal(f->n_segs + g->n_segs, 2);
	assert_int_equal(w->stats.segments_refused_input, 1);
	assert_int_equal(tc_ready(w->tc), 3);	/* nobody is to blame */
	world_free(w);
}

static void one_that_calls_good_input_bad_costs_one_try(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, REFUSES), *h = add_fake(w, HONEST);

	(void)state;
	f->code = REFUSE_INPUT;
	open_session(w);
	segment(w, 1);
	assert_false(result(w, 0)->failed);
	assert_string_equal(w->got[0].orchestrator, h->at);
	assert_int_equal(w->stats.segments_refused_input, 0);
	assert_int_equal(tc_ready(w->tc), 1);	/* and it is avoided for that */
	world_free(w);
}

static void denied_everywhere_fails_after_three_tries(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, REFUSES);

	(void)state;
	f->code = REFUSE_DENIED;
	open_session(w);
	segment(w, 1);
	assert_true(result(w, 0)->failed);
	assert_int_equal(w->got[0].n_tries, 3);
	assert_int_equal(f->n_segs, 3);
	world_free(w);
}

static void refused_before_its_end_a_segment_goes_whole_elsewhere(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, REFUSES_HEADER), *h = add_fake(w, HONEST);
	struct tc_segment *g;

	(void)state;
	f->code = REFUSE_BUSY;
	f->retry_ms = 60000;
	open_session(w);
	g = begin(w, 1);
	spin_until(&w->loop, f->n_segs == 1);
	settle(&w->loop);
	end(w, g, 1);
	assert_false(result(w, 0)->failed);
	assert_int_equal(w->got[0].n_tries, 1);
	assert_int_equal(h->n_segs, 1);
	world_free(w);
}

static void refused_session_is_asked_again(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, HONEST);

	(void)state;
	f->refuse_session = true;
	f->code = REFUSE_BUSY;
	f->retry_ms = 500;
	open_session(w);
	segment(w, 1);
	spin_until(&w->loop, f->n_sessions == 1);
	settle(&w->loop);
	f->refuse_session = false;
	warp(&w->loop, 800);
	assert_false(result(w, 0)->failed);
	world_free(w);
}

/* ---- silence ---- */

static void slow_only_orchestrator_may_go_on(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, SILENT);

	(void)state;
	open_session(w);
	segment(w, 1);
	spin_until(&w->loop, f->n_whole == 1);
	warp(&w->loop, 5000);
	f->mode = HONEST;
	fake_answer(&f->seg[0]);
	assert_false(result(w, 0)->failed);
	assert_int_equal(w->got[0].n_tries, 1);
	world_free(w);
}

static void silence_for_three_deadlines_is_a_failure(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, SILENT);

	(void)state;
	open_session(w);
	segment(w, 1);
	spin_until(&w->loop, f->n_whole == 1);
	warp(&w->loop, 6500);
	assert_true(result(w, 0)->failed);
	assert_int_equal(w->got[0].err.code, ERR_TIMEOUT);
	world_free(w);
}

static void nobody_there_is_a_failure_in_time(void **state)
{
	struct world *w = world_new();

	(void)state;
	open_session(w);
	segment(w, 1);
	warp(&w->loop, 6500);
	assert_true(result(w, 0)->failed);
	assert_int_equal(w->got[0].err.code, ERR_TIMEOUT);
	world_free(w);
}

static void unanswered_session_requests_do_not_starve_the_others(void **state)
{
	struct world *w = world_new();
	struct fake *h;
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		add_fake(w, HONEST)->hold_session = true;
	h = add_fake(w, HONEST);
	open_session(w);
	segment(w, 1);
	assert_int_equal(h->n_sessions, 0);
	warp(&w->loop, 3000);
	assert_false(result(w, 0)->failed);
	assert_string_equal(w->got[0].orchestrator, h->at);
	world_free(w);
}

/* ---- lies ---- */

static void lie_costs_one_try_and_suspends_the_liar(void **state)
{
	static const enum mode lies[] = { WRONG_HASH, WRONG_LEN, WRONG_SIG, OTHERS_SIG,
		WRONG_RECEIPT, GARBAGE, TOO_SHORT, ONE_MISSING, EARLY_RECEIPT, BAD_OFFSET };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct world *w = world_new();
		struct fake *h, *f;
		unsigned k = 0;

		/* the honest one first, for OTHERS_SIG; both get a first segment */
		h = add_fake(w, HONEST);
		f = add_fake(w, lies[i]);
		open_session(w);
		for (k = 0; k < 4; k++) {
			segment(w, k);
			assert_false(result(w, k)->failed);
			assert_string_equal(w->got[k].orchestrator, h->at);
		}
		assert_int_equal(f->n_segs, 1);
		assert_int_equal(w->stats.orchestrator_lies, 1);
		assert_int_equal(tc_ready(w->tc), 1);
		world_free(w);
	}
}

static void what_comes_after_the_receipt_changes_nothing(void **state)
{
	static const enum mode modes[] = { TALKS_ON, DATA_AFTER };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct world *w = world_new();
		struct fake *f = add_fake(w, modes[i]);
		unsigned k;

		open_session(w);
		for (k = 0; k < 3; k++)
			segment(w, k);
		result(w, 2);
		for (k = 0; k < 3; k++) {
			assert_false(w->got[k].failed);
			assert_int_equal(w->got[k].n_tries, 1);
		}
		assert_int_equal(f->n_segs, 3);
		assert_int_equal(w->stats.orchestrator_lies, 0);
		assert_int_equal(tc_ready(w->tc), 1);
		world_free(w);
	}
}

static void end_without_a_receipt_is_a_failed_try(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, NO_RECEIPT), *h = add_fake(w, HONEST);

	(void)state;
	open_session(w);
	segment(w, 1);
	assert_false(result(w, 0)->failed);
	assert_int_equal(f->n_segs, 1);
	assert_string_equal(w->got[0].orchestrator, h->at);
	world_free(w);
}

static void liar_that_hangs_up_is_suspended_all_the_same(void **state)
{
	struct world *w = world_new();
	struct fake *h = add_fake(w, HONEST), *f = add_fake(w, GARBAGE);
	unsigned k;

	(void)state;
	open_session(w);
	for (k = 0; k < 2; k++) {
		segment(w, k);
		result(w, k);
	}
	spin_until(&w->loop, f->session);
	segment(w, 2);
	spin_until(&w->loop, f->n_whole == 1);
	go(f);
	assert_false(result(w, 2)->failed);
	spin_until(&w->loop, f->conn);
	warp(&w->loop, 400);
	for (k = 3; k < 5; k++) {
		segment(w, k);
		assert_false(result(w, k)->failed);
		assert_int_equal(w->got[k].n_tries, 1);
	}
	assert_int_equal(w->stats.orchestrator_lies, 1);
	assert_string_equal(w->got[4].orchestrator, h->at);
	world_free(w);
}

/* ---- lost connections ---- */

static void connection_lost_in_any_state_costs_one_try(void **state)
{
	static const enum mode modes[] = { GOES_AT_HEADER, GOES_AT_TRAILER, GOES_HALFWAY };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct world *w = world_new();
		struct fake *f = add_fake(w, modes[i]), *h = add_fake(w, HONEST);
		struct tc_segment *g;

		open_session(w);
		g = begin(w, 1);
		spin_until(&w->loop, f->n_segs == 1);
		settle(&w->loop);
		end(w, g, 1);
		assert_false(result(w, 0)->failed);
		assert_string_equal(w->got[0].orchestrator, h->at);
		world_free(w);
	}
}

static void only_orchestrator_comes_back_and_gets_the_segment_again(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, GOES_AT_TRAILER);

	(void)state;
	open_session(w);
	segment(w, 1);
	spin_until(&w->loop, f->n_whole == 1);
	f->mode = HONEST;
	warp(&w->loop, 600);
	assert_false(result(w, 0)->failed);
	assert_int_equal(f->n_segs, 2);
	assert_int_equal(f->n_sessions, 2);
	world_free(w);
}

static void connection_lost_after_the_receipt_costs_nothing(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, GOES_AFTER_RECEIPT);

	(void)state;
	open_session(w);
	segment(w, 1);
	spin_until(&w->loop, f->n_whole == 1);
	settle(&w->loop);
	go(f);
	assert_false(result(w, 0)->failed);
	assert_int_equal(w->got[0].n_tries, 1);
	world_free(w);
}

static void draining_orchestrator_finishes_and_gets_nothing_new(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, SILENT), *h;

	(void)state;
	open_session(w);
	segment(w, 1);
	spin_until(&w->loop, f->n_whole == 1);
	peer_conn_goaway(f->conn);
	spin_until(&w->loop, tc_ready(w->tc) == 0);
	h = add_fake(w, HONEST);
	settle(&w->loop);
	segment(w, 2);
	spin_until(&w->loop, h->n_whole == 1);
	f->mode = HONEST;
	fake_answer(&f->seg[0]);
	assert_false(result(w, 1)->failed);
	assert_string_equal(w->got[0].orchestrator, f->at);
	assert_string_equal(w->got[1].orchestrator, h->at);
	world_free(w);
}

/* ---- choice ---- */

static void first_segments_show_who_is_there_and_one_each_is_enough(void **state)
{
	struct world *w = world_new();
	struct fake *a = add_fake(w, HONEST), *b = add_fake(w, SILENT);
	unsigned k;

	(void)state;
	open_session(w);
	segment(w, 0);
	result(w, 0);
	for (k = 1; k < 6; k++) {
		segment(w, k);
		settle(&w->loop);
	}
	/* b has shown nothing yet: the others do not wait for it */
	assert_int_equal(b->n_segs, 1);
	assert_true(a->n_segs >= 4);
	b->mode = HONEST;
	fake_answer(&b->seg[0]);
	result(w, 5);
	world_free(w);
}

static void stream_stays_where_it_is_well_served(void **state)
{
	struct world *w = world_new();
	struct fake *a = add_fake(w, SILENT), *b = add_fake(w, SILENT);
	unsigned k, n_a;

	(void)state;
	open_session(w);
	for (k = 0; k < 8; k++) {
		struct fake *f;

		segment(w, k);
		settle(&w->loop);
		f = a->n_whole > 0 && a->seg[a->n_segs - 1].head.sequence == k && a->seg[a->n_segs - 1].ch ? a : b;
		/* b takes 0.8 of a's time: better, but not enough to move */
		warp(&w->loop, f == a ? 500 : 400);
		f->mode = HONEST;
		fake_answer(&f->seg[f->n_segs - 1]);
		f->mode = SILENT;
		result(w, k);
	}
	n_a = a->n_segs;
	assert_int_equal(b->n_segs, 1);
	assert_int_equal(n_a, 7);
	assert_string_equal(tc_session_orchestrator(w->s), a->at);
	world_free(w);
}

static void stream_moves_to_one_that_is_much_faster(void **state)
{
	struct world *w = world_new();
	struct fake *a = add_fake(w, SILENT), *b = add_fake(w, SILENT);
	unsigned k;

	(void)state;
	open_session(w);
	for (k = 0; k < 8; k++) {
		struct fake *f;

		segment(w, k);
		settle(&w->loop);
		f = a->n_segs > 0 && a->seg[a->n_segs - 1].head.sequence == k ? a : b;
		warp(&w->loop, f == a ? 900 : 200);
		f->mode = HONEST;
		fake_answer(&f->seg[f->n_segs - 1]);
		f->mode = SILENT;
		result(w, k);
	}
	/* two until there is a session with b, and one later, to see what it can now */
	assert_in_range(a->n_segs, 2, 3);
	assert_string_equal(tc_session_orchestrator(w->s), b->at);
	world_free(w);
}

/* ---- renditions by turns ---- */

static void renditions_may_take_turns_and_begin_again(void **state)
{
	static const enum mode modes[] = { TAKES_TURNS, BEGINS_AGAIN };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct world *w = world_new();

		add_fake(w, modes[i]);
		open_session(w);
		segment(w, 1);
		assert_false(result(w, 0)->failed);
		assert_int_equal(w->got[0].n_tries, 1);
		assert_int_equal(w->stats.orchestrator_lies, 0);
		world_free(w);
	}
}

static void renditions_may_come_before_the_segment_is_whole(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, SILENT);
	struct hash32 h[PROFILES_MAX];
	struct tc_segment *g;
	struct fseg *seg = &f->seg[0];

	(void)state;
	open_session(w);
	g = begin(w, 1);
	tc_segment_data(g, w->clip[1].bytes.data, w->clip[1].bytes.len);
	spin_until(&w->loop, seg->bytes.len == w->clip[1].bytes.len);
	h[0] = say_rendition(seg, 0);
	h[1] = say_rendition(seg, 1);
	settle(&w->loop);
	ends(w, g, 1);
	spin_until(&w->loop, seg->whole);
	say_receipt(seg, h);
	assert_false(result(w, 0)->failed);
	assert_int_equal(w->stats.orchestrator_lies, 0);
	world_free(w);
}

/* ---- the second try ---- */

/* Sessions with both, a is the stream's own and b has been tried out: results 0 to 2. */
static void warm_up(struct world *w, struct fake **a, struct fake **b)
{
	unsigned k;

	*a = add_fake(w, HONEST);
	*b = add_fake(w, HONEST);
	open_session(w);
	for (k = 0; k < 2; k++) {
		segment(w, k);
		result(w, k);
	}
	spin_until(&w->loop, (*b)->session);
	settle(&w->loop);
	segment(w, 2);
	result(w, 2);
	assert_int_equal((*a)->n_segs, 2);
	assert_int_equal((*b)->n_segs, 1);
	assert_string_equal(tc_session_orchestrator(w->s), (*a)->at);
}

/* Segment 3 is late at a, and b has it too: a->seg[2], b->seg[1]. */
static void both_have_it(struct world *w, struct fake **a, struct fake **b)
{
	warm_up(w, a, b);
	(*a)->mode = (*b)->mode = SILENT;
	segment(w, 3);
	spin_until(&w->loop, (*a)->n_whole == 3);
	warp(&w->loop, 1400);
	assert_int_equal((*b)->n_segs, 1);
	warp(&w->loop, 200);
	spin_until(&w->loop, (*b)->n_whole == 2);
	assert_int_equal(w->stats.hedges, 1);
}

static void answers(struct fake *f, unsigned seg)
{
	f->mode = HONEST;
	fake_answer(&f->seg[seg]);
}

static bool status_has(struct world *w, const char *what)
{
	struct buf b;
	bool has;

	buf_init(&b, 65536);
	tc_status(w->tc, &b);
	has = strstr(buf_cstr(&b), what) != NULL;
	buf_fini(&b);
	return has;
}

static void late_segment_is_had_from_the_second(void **state)
{
	struct world *w = world_new();
	struct fake *a, *b;

	(void)state;
	both_have_it(w, &a, &b);
	answers(b, 1);
	assert_false(result(w, 3)->failed);
	assert_string_equal(w->got[3].orchestrator, b->at);
	assert_int_equal(w->got[3].n_tries, 2);
	assert_int_equal(w->stats.hedges_won, 1);
	assert_int_equal(w->stats.transcode_retried, 0);
	spin_until(&w->loop, !a->seg[2].ch);
	assert_int_equal(a->seg[2].why.code, ERR_TIMEOUT);
	/* it did not fail: it was slow */
	assert_false(status_has(w, "\"failed\":1"));
	assert_int_equal(tc_ready(w->tc), 2);
	world_free(w);
}

static void late_first_may_still_win(void **state)
{
	struct world *w = world_new();
	struct fake *a, *b;

	(void)state;
	both_have_it(w, &a, &b);
	answers(a, 2);
	assert_false(result(w, 3)->failed);
	assert_string_equal(w->got[3].orchestrator, a->at);
	assert_int_equal(w->stats.hedges_won, 0);
	spin_until(&w->loop, !b->seg[1].ch);
	assert_int_equal(b->seg[1].why.code, ERR_TIMEOUT);
	assert_false(status_has(w, "\"failed\":1"));
	world_free(w);
}

static void when_both_answer_there_is_one_result(void **state)
{
	struct world *w = world_new();
	struct fake *a, *b;

	(void)state;
	both_have_it(w, &a, &b);
	answers(b, 1);
	answers(a, 2);
	assert_false(result(w, 3)->failed);
	settle(&w->loop);
	assert_int_equal(w->n_got, 4);
	assert_int_equal(w->stats.orchestrator_lies, 0);
	assert_false(status_has(w, "\"failed\":1"));
	segment(w, 4);
	assert_false(result(w, 4)->failed);
	world_free(w);
}

static void second_goes_on_when_the_first_dies_or_lies(void **state)
{
	static const enum mode ends[] = { GOES_AT_TRAILER, WRONG_HASH, GARBAGE, REFUSES };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct world *w = world_new();
		struct fake *a, *b;

		both_have_it(w, &a, &b);
		a->mode = ends[i];
		if (ends[i] == GOES_AT_TRAILER) {
			go(a);
		} else if (ends[i] == REFUSES) {
			say_refuse(a->seg[2].ch, REFUSE_INPUT, 0);
			a->seg[2].ch = NULL;
		} else {
			fake_answer(&a->seg[2]);
		}
		spin_until(&w->loop, status_has(w, "\"failed\":1"));
		settle(&w->loop);
		assert_int_equal(w->n_got, 3);
		answers(b, 1);
		assert_false(result(w, 3)->failed);
		assert_string_equal(w->got[3].orchestrator, b->at);
		assert_int_equal(w->got[3].n_tries, 2);
		assert_int_equal(w->stats.transcode_retried, 0);
		world_free(w);
	}
}

static void first_goes_on_when_the_second_dies_or_lies(void **state)
{
	static const enum mode ends[] = { GOES_AT_TRAILER, WRONG_HASH, GARBAGE };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct world *w = world_new();
		struct fake *a, *b;

		both_have_it(w, &a, &b);
		b->mode = ends[i];
		if (ends[i] == GOES_AT_TRAILER)
			go(b);
		else
			fake_answer(&b->seg[1]);
		spin_until(&w->loop, status_has(w, "\"failed\":1"));
		answers(a, 2);
		assert_false(result(w, 3)->failed);
		assert_string_equal(w->got[3].orchestrator, a->at);
		world_free(w);
	}
}

static void third_try_follows_when_both_fail(void **state)
{
	struct world *w = world_new();
	struct fake *a, *b;

	(void)state;
	both_have_it(w, &a, &b);
	say_refuse(a->seg[2].ch, REFUSE_INTERNAL, 0);
	say_refuse(b->seg[1].ch, REFUSE_INTERNAL, 0);
	a->seg[2].ch = b->seg[1].ch = NULL;
	a->mode = b->mode = HONEST;
	assert_false(result(w, 3)->failed);
	assert_int_equal(w->got[3].n_tries, 3);
	assert_int_equal(w->stats.transcode_retried, 1);
	world_free(w);
}

static void first_fails_at_its_deadline_and_the_second_has_one_of_its_own(void **state)
{
	struct world *w = world_new();
	struct fake *a, *b;

	(void)state;
	both_have_it(w, &a, &b);
	warp(&w->loop, 600);
	spin_until(&w->loop, !a->seg[2].ch);
	assert_true(status_has(w, "\"failed\":1"));
	assert_int_equal(w->n_got, 3);
	warp(&w->loop, 1000);
	answers(b, 1);
	assert_false(result(w, 3)->failed);
	assert_string_equal(w->got[3].orchestrator, b->at);
	assert_int_equal(w->got[3].n_tries, 2);
	world_free(w);
}

static void without_budget_a_silent_one_is_left_at_the_deadline(void **state)
{
	struct world *w = world_new();
	struct fake *a, *b;

	(void)state;
	both_have_it(w, &a, &b);
	answers(a, 2);		/* late, so that the stream is b's now */
	result(w, 3);
	b->mode = SILENT;
	segment(w, 4);
	spin_until(&w->loop, b->n_whole == 3);
	warp(&w->loop, 1800);
	assert_int_equal(a->n_segs, 3);	/* the one token is spent */
	warp(&w->loop, 400);
	assert_false(result(w, 4)->failed);
	assert_string_equal(w->got[4].orchestrator, a->at);
	assert_int_equal(w->got[4].n_tries, 2);
	assert_int_equal(w->stats.hedges, 1);
	assert_int_equal(w->stats.transcode_retried, 1);
	/* and a late answer goes nowhere */
	spin_until(&w->loop, !b->seg[2].ch);
	assert_int_equal(b->seg[2].why.code, ERR_TIMEOUT);
	world_free(w);
}

static void freed_while_two_tries_run(void **state)
{
	unsigned when;

	(void)state;
	for (when = 0; when < 12; when++) {
		struct world *w = world_new();
		struct fake *a, *b;
		unsigned i;

		both_have_it(w, &a, &b);
		if (when > 3)
			answers(b, 1);
		if (when > 7)
			answers(a, 2);
		for (i = 0; i < when; i++)
			uv_run(&w->loop, UV_RUN_NOWAIT);
		i = w->n_got;
		tc_session_free(w->s);
		w->s = NULL;
		settle(&w->loop);
		assert_int_equal(w->n_got, i);
		world_free(w);
	}
}

/* ---- leaving alone ---- */

static void repeated_lies_keep_it_out_for_longer(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, GARBAGE);

	(void)state;
	open_session(w);
	segment(w, 0);
	spin_until(&w->loop, w->stats.orchestrator_lies == 1);
	assert_true(status_has(w, "\"state\":\"suspended\""));
	assert_true(status_has(w, "\"why\":\"its work was refused\",\"forMs\":"));
	assert_int_equal(tc_ready(w->tc), 0);
	warp(&w->loop, 61000);
	assert_int_equal(tc_ready(w->tc), 1);
	assert_false(status_has(w, "\"why\""));
	assert_true(result(w, 0)->failed);
	segment(w, 1);
	spin_until(&w->loop, w->stats.orchestrator_lies == 2);
	warp(&w->loop, 110000);
	assert_int_equal(tc_ready(w->tc), 0);
	f->mode = HONEST;
	warp(&w->loop, 11000);
	assert_int_equal(tc_ready(w->tc), 1);
	world_free(w);
}

static void one_that_failed_is_avoided_but_better_than_none(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, REFUSES), *h;
	struct err err;

	(void)state;
	f->code = REFUSE_INTERNAL;
	open_session(w);
	segment(w, 0);
	assert_true(result(w, 0)->failed);
	assert_int_equal(f->n_segs, 3);
	assert_int_equal(tc_ready(w->tc), 1);	/* the only one */
	assert_true(status_has(w, "it failed"));
	h = new_fake(w, HONEST);
	assert_int_equal(tc_add_orchestrator(w->tc, h->at, &err), 0);
	spin_until(&w->loop, status_has(w, "\"state\":\"suspended\""));
	assert_int_equal(tc_ready(w->tc), 1);
	segment(w, 1);
	assert_string_equal(result(w, 1)->orchestrator, h->at);
	warp(&w->loop, 4500);
	assert_int_equal(tc_ready(w->tc), 2);
	world_free(w);
}

static void refused_session_goes_to_the_next_at_once(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, HONEST), *h = add_fake(w, HONEST);

	(void)state;
	f->refuse_session = true;
	f->code = REFUSE_BUSY;
	f->retry_ms = 3600000;
	open_session(w);
	segment(w, 0);
	assert_false(result(w, 0)->failed);
	assert_string_equal(w->got[0].orchestrator, h->at);
	assert_int_equal(f->n_sessions, 1);
	assert_true(status_has(w, "\"state\":\"refusing\""));
	/* an hour is more than we give it */
	warp(&w->loop, 61000);
	segment(w, 1);
	segment(w, 2);
	result(w, 2);
	spin_until(&w->loop, f->n_sessions == 2);
	world_free(w);
}

/* ---- sessions and trying out ---- */

static unsigned n_open(const struct world *w)
{
	unsigned i, n = 0;

	for (i = 0; i < w->n_fakes; i++)
		n += w->f[i].session != NULL;
	return n;
}

static void stream_holds_two_sessions_at_rest(void **state)
{
	struct world *w = world_new();
	unsigned i;

	(void)state;
	for (i = 0; i < FAKES_MAX; i++)
		add_fake(w, HONEST);
	open_session(w);
	assert_int_equal(n_open(w), 1);
	for (i = 0; i < 12; i++) {
		segment(w, i);
		result(w, i);
		settle(&w->loop);
		assert_in_range(n_open(w), i < 1 ? 1 : 2, 3);	/* one may be tried out */
	}
	warp(&w->loop, 31000);
	assert_int_equal(n_open(w), 2);
	assert_non_null(w->f[0].session);
	world_free(w);
}

static void few_segments_are_spent_on_trying_others(void **state)
{
	struct world *w = world_new();
	struct fake *a;
	unsigned i;

	(void)state;
	a = add_fake(w, HONEST);
	for (i = 1; i < FAKES_MAX; i++)
		add_fake(w, HONEST);
	open_session(w);
	for (i = 0; i < 60; i++) {
		segment(w, i);
		assert_false(result(w, i)->failed);
		settle(&w->loop);
	}
	assert_in_range(a->n_segs, 60 - 1 - 3, 60 - 2);
	world_free(w);
}

/* ---- the webhook ---- */

static void on_ask(void *arg, struct http_req *r)
{
	struct world *w = arg;

	w->n_asked++;
	http_reply(r, 200, "application/json", w->list, strlen(w->list));
}

static void set_webhook(struct world *w)
{
	struct err err;
	char url[64];

	w->hook = http_server_new(&w->loop, "127.0.0.1:0", NULL, &err);
	assert_non_null(w->hook);
	http_route(w->hook, "GET", "/list", on_ask, w);
	w->client = http_client_new(&w->loop);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/list", http_server_port(w->hook));
	assert_int_equal(tc_set_webhook(w->tc, w->client, url, &err), 0);
	assert_true(tc_has_orchestrators(w->tc));
}

/* Of f[0], and of f[1] if both. */
static void tell(struct world *w, bool first, bool second)
{
	snprintf(w->list, sizeof(w->list), "[%s%s%s%s%s%s%s]",
		 first ? "{\"address\":\"https://" : "", first ? w->f[0].at : "",
		 first ? "\"}" : "", first && second ? "," : "",
		 second ? "{\"address\":\"" : "", second ? w->f[1].at : "", second ? "\"}" : "");
}

static void told_ones_come_and_go_when_their_work_is_done(void **state)
{
	struct world *w = world_new();
	struct fake *a = new_fake(w, HONEST), *b = new_fake(w, HONEST);
	char entry[64];

	(void)state;
	snprintf(entry, sizeof(entry), "\"addr\":\"%s\"", a->at);
	tell(w, true, false);
	set_webhook(w);
	spin_until(&w->loop, tc_ready(w->tc) == 1);
	open_session(w);
	segment(w, 0);
	assert_false(result(w, 0)->failed);
	tell(w, false, true);
	warp(&w->loop, 59000);
	a->mode = SILENT;
	segment(w, 1);
	spin_until(&w->loop, a->n_whole == 2);
	/* only b is told now; what runs at a may end there */
	warp(&w->loop, 1200);
	spin_until(&w->loop, w->n_asked == 2 && tc_ready(w->tc) == 1 && b->conn);
	assert_non_null(a->conn);
	assert_true(status_has(w, entry));
	assert_true(status_has(w, "\"state\":\"leaving\""));
	segment(w, 2);
	spin_until(&w->loop, b->n_whole == 1);
	assert_int_equal(a->n_segs, 2);
	answers(a, 1);
	assert_string_equal(result(w, 1)->orchestrator, a->at);
	assert_string_equal(result(w, 2)->orchestrator, b->at);
	spin_until(&w->loop, !a->conn);
	assert_false(status_has(w, entry));
	world_free(w);
}

static void places_are_used_again(void **state)
{
	struct world *w = world_new();
	struct fake *a = new_fake(w, HONEST), *b = new_fake(w, HONEST);
	size_t i, n = 0;

	(void)state;
	(void)a;
	/* a and 15 that nobody answers at */
	n += (size_t)snprintf(w->list, sizeof(w->list), "[{\"address\":\"%s\"}", w->f[0].at);
	for (i = 1; i < TC_ORCHESTRATORS_MAX; i++)
		n += (size_t)snprintf(w->list + n, sizeof(w->list) - n,
				      ",{\"address\":\"127.0.0.1:%zu\"}", i);
	strcat(w->list, "]");
	set_webhook(w);
	spin_until(&w->loop, tc_ready(w->tc) == 1);
	open_session(w);
	segment(w, 0);
	result(w, 0);
	tell(w, false, true);
	warp(&w->loop, 60000);
	spin_until(&w->loop, tc_ready(w->tc) == 1 && b->conn);
	segment(w, 1);
	assert_false(result(w, 1)->failed);
	assert_string_equal(w->got[1].orchestrator, b->at);
	world_free(w);
}

static void named_ones_must_be_who_they_are(void **state)
{
	struct world *w = world_new();
	struct fake *a = new_fake(w, HONEST);
	struct eth_addr me = signer_addr(w->signer), its = signer_addr(a->signer);
	char hex[43], address[128];
	struct err err;

	(void)state;
	eth_addr_fmt(hex, &me);
	snprintf(address, sizeof(address), "%s@%s", hex, a->at);
	assert_int_equal(tc_add_orchestrator(w->tc, address, &err), 0);
	warp(&w->loop, 1000);
	assert_int_equal(tc_ready(w->tc), 0);
	eth_addr_fmt(hex, &its);
	snprintf(address, sizeof(address), "%s@%s", hex, a->at);
	assert_int_equal(tc_add_orchestrator(w->tc, address, &err), 0);
	spin_until(&w->loop, tc_ready(w->tc) == 1);
	world_free(w);
}

/* ---- ends ---- */

static void session_freed_inside_its_callback(void **state)
{
	struct world *w = world_new();
	uint64_t i;

	(void)state;
	add_fake(w, HONEST);
	open_session(w);
	w->free_session_at = 2;
	for (i = 0; i < 4; i++)
		segment(w, i);
	result(w, 1);
	settle(&w->loop);
	assert_int_equal(w->n_got, 2);
	world_free(w);
}

static void session_freed_in_every_state(void **state)
{
	unsigned when;

	(void)state;
	for (when = 0; when < 40; when++) {
		struct world *w = world_new();
		struct tc_segment *g;
		unsigned i;

		add_fake(w, when % 2 ? HONEST : SILENT);
		open_session(w);
		segment(w, 0);
		g = begin(w, 1);
		if (when > 4)
			end(w, g, 1);
		for (i = 0; i < when / 2; i++)
			uv_run(&w->loop, UV_RUN_NOWAIT);
		i = w->n_got;
		tc_session_free(w->s);
		w->s = NULL;
		settle(&w->loop);
		assert_int_equal(w->n_got, i);
		world_free(w);
	}
}

static void closed_with_everything_running(void **state)
{
	struct world *w = world_new();

	(void)state;
	add_fake(w, SILENT);
	add_fake(w, HONEST);
	open_session(w);
	segment(w, 0);
	segment(w, 1);
	begin(w, 2);
	tc_close(w->tc);
	w->closed = true;
	w->s = NULL;
	settle(&w->loop);
	assert_int_equal(w->n_got, 0);
	world_free(w);
}

static void hostport_must_have_a_port(void **state)
{
	static const char *const bad[] = { "host", "host:", ":80", "host:0", "host:65536", "host:80x",
		"host:-1" };
	struct world *w = world_new();
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(tc_add_orchestrator(w->tc, bad[i], &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
	assert_false(tc_has_orchestrators(w->tc));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renditions_come_back_in_order),
		cmocka_unit_test(bytes_travel_while_the_segment_is_made),
		cmocka_unit_test(local_orchestrator_signs_with_our_key),
		cmocka_unit_test(later_words_are_ignored),
		cmocka_unit_test(session_accepted_mid_segment_gets_it_whole),
		cmocka_unit_test(no_more_segments_at_once_than_agreed),
		cmocka_unit_test(busy_orchestrator_is_left_for_another),
		cmocka_unit_test(busy_only_orchestrator_is_asked_again_when_it_said),
		cmocka_unit_test(absurd_retry_after_does_not_lose_an_orchestrator),
		cmocka_unit_test(bad_input_is_believed_after_two_say_so),
		cmocka_unit_test(one_that_calls_good_input_bad_costs_one_try),
		cmocka_unit_test(denied_everywhere_fails_after_three_tries),
		cmocka_unit_test(refused_before_its_end_a_segment_goes_whole_elsewhere),
		cmocka_unit_test(refused_session_is_asked_again),
		cmocka_unit_test(slow_only_orchestrator_may_go_on),
		cmocka_unit_test(silence_for_three_deadlines_is_a_failure),
		cmocka_unit_test(nobody_there_is_a_failure_in_time),
		cmocka_unit_test(unanswered_session_requests_do_not_starve_the_others),
		cmocka_unit_test(lie_costs_one_try_and_suspends_the_liar),
		cmocka_unit_test(what_comes_after_the_receipt_changes_nothing),
		cmocka_unit_test(end_without_a_receipt_is_a_failed_try),
		cmocka_unit_test(liar_that_hangs_up_is_suspended_all_the_same),
		cmocka_unit_test(connection_lost_in_any_state_costs_one_try),
		cmocka_unit_test(only_orchestrator_comes_back_and_gets_the_segment_again),
		cmocka_unit_test(connection_lost_after_the_receipt_costs_nothing),
		cmocka_unit_test(draining_orchestrator_finishes_and_gets_nothing_new),
		cmocka_unit_test(first_segments_show_who_is_there_and_one_each_is_enough),
		cmocka_unit_test(stream_stays_where_it_is_well_served),
		cmocka_unit_test(stream_moves_to_one_that_is_much_faster),
		cmocka_unit_test(renditions_may_take_turns_and_begin_again),
		cmocka_unit_test(renditions_may_come_before_the_segment_is_whole),
		cmocka_unit_test(late_segment_is_had_from_the_second),
		cmocka_unit_test(late_first_may_still_win),
		cmocka_unit_test(when_both_answer_there_is_one_result),
		cmocka_unit_test(second_goes_on_when_the_first_dies_or_lies),
		cmocka_unit_test(first_goes_on_when_the_second_dies_or_lies),
		cmocka_unit_test(third_try_follows_when_both_fail),
		cmocka_unit_test(first_fails_at_its_deadline_and_the_second_has_one_of_its_own),
		cmocka_unit_test(without_budget_a_silent_one_is_left_at_the_deadline),
		cmocka_unit_test(freed_while_two_tries_run),
		cmocka_unit_test(repeated_lies_keep_it_out_for_longer),
		cmocka_unit_test(one_that_failed_is_avoided_but_better_than_none),
		cmocka_unit_test(refused_session_goes_to_the_next_at_once),
		cmocka_unit_test(stream_holds_two_sessions_at_rest),
		cmocka_unit_test(few_segments_are_spent_on_trying_others),
		cmocka_unit_test(told_ones_come_and_go_when_their_work_is_done),
		cmocka_unit_test(places_are_used_again),
		cmocka_unit_test(named_ones_must_be_who_they_are),
		cmocka_unit_test(session_freed_inside_its_callback),
		cmocka_unit_test(session_freed_in_every_state),
		cmocka_unit_test(closed_with_everything_running),
		cmocka_unit_test(hostport_must_have_a_port),
	};

	slow_clock();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
