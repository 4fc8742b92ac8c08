/*
 * The broadcaster's side against orchestrators that do what a test tells them.
 */
#include "test/node/rig.h"

#include <sys/socket.h>

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

static struct hash32 say_rendition(struct fseg *g, uint32_t i)
{
	struct fake *f = g->f;
	struct msg_rendition_header head = { .index = i };
	struct msg_rendition_trailer t = { .index = i, .n_video = N_FRAMES, .duration_ms = 1000,
		.width = CLIP_WIDTH, .height = CLIP_HEIGHT };
	struct signed_rendition r = { .stream = f->open.stream, .sequence = g->head.sequence };
	struct clip other = { .ended = false };
	const uint8_t *data = g->bytes.data;
	size_t len = g->bytes.len;
	struct buf b;

	if (f->mode == GARBAGE)
		data = (const uint8_t *)"this is no video at all, not even nearly", len = 40;
	if (f->mode == TOO_SHORT) {
		clip_make(&other, (int64_t)g->head.sequence * 1000, N_FRAMES / 2, 7);
		data = other.bytes.data;
		len = other.bytes.len;
	}
	buf_init(&b, 4096);
	msg_rendition_header_pack(&b, &head);
	say(g->ch, MSG_RENDITION_HEADER, &b);
	peer_channel_data(g->ch, data, len);
	t.data_hash = r.data_hash = hash_sha256(data, len);
	t.len = len + (f->mode == WRONG_LEN);
	strcpy(r.name, f->open.profiles.p[i].name);
	signer_rendition(f->mode == OTHERS_SIG ? f->w->f[0].signer : f->signer, &r);
	t.sig = r.sig;
	if (f->mode == WRONG_SIG)
		t.sig.b[5] ^= 1;
	if (f->mode == WRONG_HASH)
		t.data_hash.b[0] ^= 1;
	msg_rendition_trailer_pack(&b, &t);
	say(g->ch, MSG_RENDITION_TRAILER, &b);
	buf_fini(&b);
	clip_fini(&other);
	return r.data_hash;
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
	for (i = 0; i < n; i++)
		h[i] = say_rendition(g, (uint32_t)i);
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

/* An orchestrator; it is connected when this returns. */
static struct fake *add_fake(struct world *w, enum mode mode)
{
	struct fake *f = &w->f[w->n_fakes++];
	unsigned before = tc_ready(w->tc);
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

static void end(struct world *w, struct tc_segment *g, uint64_t seq)
{
	const struct clip *c = &w->clip[seq];
	struct tc_facts facts = { .duration_ms = 1000, .n_video = c->n_video,
		.first_pts_90k = c->first_pts_90k, .sha256 = hash_sha256(c->bytes.data, c->bytes.len) };
	struct err err;
	struct blob *b = blob_new(c->bytes.data, c->bytes.len, &err);

	w->in_call++;
	tc_segment_data(g, c->bytes.data, c->bytes.len);
	tc_segment_end(g, b, &facts);
	w->in_call--;
	blob_unref(b);
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

	(void)state;
	f->code = REFUSE_BUSY;
	f->retry_ms = 2000;
	open_session(w);
	segment(w, 1);
	segment(w, 2);
	assert_false(result(w, 1)->failed);
	assert_string_equal(w->got[0].orchestrator, h->at);
	assert_true(f->n_segs <= 1);
	assert_int_equal(tc_ready(w->tc), 1);
	warp(&w->loop, 2100);
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
	assert_int_equal(f->n_segs + g->n_segs, 2);
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

static void silent_orchestrator_is_left_at_the_deadline(void **state)
{
	struct world *w = world_new();
	struct fake *f = add_fake(w, SILENT), *h = add_fake(w, HONEST);

	(void)state;
	open_session(w);
	segment(w, 1);
	spin_until(&w->loop, f->n_whole == 1);
	warp(&w->loop, 1800);
	assert_int_equal(w->n_got, 0);
	warp(&w->loop, 400);
	assert_false(result(w, 0)->failed);
	assert_string_equal(w->got[0].orchestrator, h->at);
	assert_int_equal(w->got[0].n_tries, 2);
	/* and a late answer goes nowhere */
	spin_until(&w->loop, !f->seg[0].ch);
	assert_int_equal(f->seg[0].why.code, ERR_TIMEOUT);
	world_free(w);
}

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
		WRONG_RECEIPT, GARBAGE, TOO_SHORT, ONE_MISSING, EARLY_RECEIPT };
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
	segment(w, 0);
	result(w, 0);
	segment(w, 1);
	spin_until(&w->loop, f->n_whole == 1);
	go(f);
	assert_false(result(w, 1)->failed);
	spin_until(&w->loop, f->conn);
	warp(&w->loop, 400);
	for (k = 2; k < 5; k++) {
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
	assert_int_equal(a->n_segs, 1);
	assert_int_equal(b->n_segs, 7);
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
		cmocka_unit_test(silent_orchestrator_is_left_at_the_deadline),
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
		cmocka_unit_test(session_freed_inside_its_callback),
		cmocka_unit_test(session_freed_in_every_state),
		cmocka_unit_test(closed_with_everything_running),
		cmocka_unit_test(hostport_must_have_a_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
