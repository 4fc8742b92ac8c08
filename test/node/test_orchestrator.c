/*
 * An orchestrator against a broadcaster that says what a test tells it.  The farm is
 * the double below: it ends tasks when told.
 */
#include "test/node/rig.h"

#include <jansson.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/blob.h"
#include "base/hex.h"
#include "node/farm/farm.h"
#include "node/orch_internal.h"
#include "node/peer/conn.h"
#include "node/signer.h"
#include "node/stats.h"

/* ---- the farm's double ---- */

struct farm_task {
	const struct farm_cb *cb;
	void *arg;
	struct buf input;
	struct profile_list profiles;
	bool early, whole;
	struct farm_source src;
	struct farm_task *next;
};

/* n_tasks: those whose input is whole; n_open: those whose is not. */
static struct farm_task *tasks;
static unsigned n_tasks, n_open, n_started, n_cancelled, n_stream_ends, n_joins, n_drains;
static bool farm_is_full;
static struct farm_room the_room;
static char last_key[128];

struct farm_task *farm_task_open(struct farm *f, const struct farm_spec *spec,
				 const struct farm_cb *cb, void *arg, struct err *err)
{
	struct farm_task *t;

	(void)f;
	if (farm_is_full) {
		err_set(err, ERR_BUSY, "the queue is full");
		return NULL;
	}
	t = xcalloc(1, sizeof(*t));
	t->cb = cb;
	t->arg = arg;
	t->profiles = *spec->profiles;
	t->early = spec->early;
	buf_init(&t->input, SEGMENT_BYTES_MAX);
	snprintf(last_key, sizeof(last_key), "%s", spec->stream_key);
	t->next = tasks;
	tasks = t;
	n_open++;
	return t;
}

void farm_task_allow_early(struct farm_task *t)
{
	t->early = true;
}

int farm_task_feed(struct farm_task *t, const uint8_t *data, size_t len, struct err *err)
{
	return buf_add(&t->input, data, len) ? 0 : err_set(err, ERR_LIMIT, "too long");
}

void farm_task_end(struct farm_task *t, const struct farm_source *src)
{
	t->whole = true;
	t->src = *src;
	n_open--;
	n_tasks++;
	n_started++;
}

size_t farm_task_len(const struct farm_task *t)
{
	return t->input.len;
}

static void task_free(struct farm_task *t)
{
	struct farm_task **at = &tasks;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	buf_fini(&t->input);
	if (t->whole)
		n_tasks--;
	else
		n_open--;
	free(t);
}

void farm_task_cancel(struct farm_task *t)
{
	n_cancelled += t->whole;
	task_free(t);
}

void farm_stream_end(struct farm *f, const char *key)
{
	(void)f;
	(void)key;
	n_stream_ends++;
}

void farm_room(const struct farm *f, struct farm_room *out)
{
	(void)f;
	*out = the_room;
}

void farm_join(struct farm *f, struct peer_conn *c, struct peer_channel *ch,
	       const uint8_t *data, size_t len)
{
	(void)f;
	(void)c;
	(void)data;
	(void)len;
	n_joins++;
	peer_channel_close(ch);
}

void farm_drains(struct farm *f, const struct peer_conn *c)
{
	(void)f;
	(void)c;
	n_drains++;
}

/* The oldest whole task. */
static struct farm_task *oldest(void)
{
	struct farm_task *t, *found = NULL;

	for (t = tasks; t; t = t->next)
		if (t->whole)
			found = t;
	assert_non_null(found);
	return found;
}

static void piece(struct farm_task *t, size_t index, size_t offset, size_t len)
{
	t->cb->piece(t->arg, index, offset, t->input.data + offset, len);
}

/* The oldest task ends: with every rendition a copy of the input, or err. */
static void task_end(const struct err *err)
{
	struct farm_task *t = oldest();
	const struct farm_cb *cb = t->cb;
	struct farm_done d = { .wall_ms = 7, .n_tries = 1 };
	struct blob *copy = blob_new(t->input.data, t->input.len, NULL);
	void *arg = t->arg;
	size_t i;

	for (i = 0; !err && i < t->profiles.n; i++) {
		struct farm_rendition r = { .index = i, .data = copy,
			.sha256 = hash_sha256(copy->data, copy->len), .n_video = 25,
			.duration_ms = 1000, .width = 320, .height = 240 };

		piece(t, i, 0, t->input.len);
		cb->rendition(arg, &r);
	}
	blob_unref(copy);
	task_free(t);
	cb->done(arg, &d, err);
}

/* ---- the broadcaster ---- */

#define TALKS_MAX 48

/* A channel as the broadcaster sees it. */
struct talk {
	struct world *w;
	struct peer_channel *ch;	/* NULL: over */
	bool accepted, refused, receipt, ended;
	struct msg_refuse refuse;
	struct msg_session_accept accept;
	struct msg_receipt got;
	unsigned n_renditions, n_begun;
	int now;		/* whose bytes come */
	size_t n_bytes, len[PROFILES_MAX];
	struct hash32 hashes[PROFILES_MAX];
	struct msg_rendition_trailer tail[PROFILES_MAX];
};

struct world {
	uv_loop_t loop;
	struct eip712_domain domain;
	struct sig_key *okey, *bkey;
	struct signer *osigner, *bsigner;
	struct peer_ctx *octx, *bctx;
	struct orchestrator *o;
	struct stats stats;
	struct peer_conn *conn;
	bool ready;
	struct stream_id stream;
	struct talk talk[TALKS_MAX];
	unsigned n_talks;
	char dir[64], path[96];
	off_t evidence_len;	/* what the file has in the end; 0: not looked at */
};

static void on_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data, size_t len)
{
	struct talk *t = arg;
	struct msg_rendition_header head;
	struct err err;

	(void)ch;
	switch (type) {
	case MSG_SESSION_ACCEPT:
		assert_int_equal(msg_session_accept_unpack(&t->accept, data, len, &err), 0);
		t->accepted = true;
		return;
	case MSG_REFUSE:
		assert_int_equal(msg_refuse_unpack(&t->refuse, data, len, &err), 0);
		t->refused = true;
		return;
	case MSG_RENDITION_HEADER:
		assert_int_equal(msg_rendition_header_unpack(&head, data, len, &err), 0);
		if (t->now != (int)head.index && head.offset == 0)
			t->n_begun++;
		t->now = (int)head.index;
		assert_true(head.offset == 0 || head.offset == t->len[head.index]);
		t->len[head.index] = head.offset;
		return;
	case MSG_RENDITION_TRAILER:
		assert_int_equal(msg_rendition_trailer_unpack(&t->tail[t->n_renditions], data, len, &err), 0);
		assert_int_equal(t->now, t->tail[t->n_renditions].index);
		assert_int_equal(t->len[t->now], t->tail[t->n_renditions].len);
		t->hashes[t->n_renditions] = t->tail[t->n_renditions].data_hash;
		t->n_renditions++;
		return;
	case MSG_RECEIPT:
		assert_int_equal(msg_receipt_unpack(&t->got, data, len, &err), 0);
		t->receipt = true;
		return;
	default:
		fail_msg("message %u", type);
	}
}

static void on_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct talk *t = arg;

	(void)data;
	t->n_bytes += len;
	t->len[t->now] += len;
	peer_channel_consumed(ch, len);
}

static void on_talk_end(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct talk *t = arg;

	(void)ch;
	(void)why;
	t->ch = NULL;
	t->ended = true;
}

static const struct peer_channel_cb talk_cb = {
	.on_msg = on_msg, .on_data = on_data, .on_close = on_talk_end,
};

static void on_ready(void *arg, struct peer_conn *c)
{
	struct world *w = arg;

	(void)c;
	w->ready = true;
}

static void on_conn_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct world *w = arg;

	(void)c;
	(void)why;
	w->conn = NULL;
	w->ready = false;
}

static const struct peer_conn_cb conn_cb = { .on_ready = on_ready, .on_close = on_conn_close };

static void dial(struct world *w)
{
	char at[32];
	struct err err;

	snprintf(at, sizeof(at), "127.0.0.1:%d", orchestrator_port(w->o));
	w->conn = peer_dial(w->bctx, at, NULL, &conn_cb, w, &err);
	spin_until(&w->loop, w->ready);
}

static void hang_up(struct world *w)
{
	unsigned i;

	peer_conn_close(w->conn);
	w->conn = NULL;
	w->ready = false;
	for (i = 0; i < w->n_talks; i++)
		w->talk[i].ch = NULL;
}

static struct world *world_of(unsigned max_sessions, unsigned max_inflight)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct orchestrator_opts oo = { .max_sessions = max_sessions,
		.max_inflight = max_inflight, .codec_profile = "test/1" };
	struct eth_addr me;
	struct err err;

	n_started = n_cancelled = n_stream_ends = n_joins = n_drains = 0;
	the_room = (struct farm_room){ .n_members = 1, .capacity = 1000000000, .slots = 4 };
	farm_is_full = false;
	uv_loop_init(&w->loop);
	w->okey = sig_key_generate();
	w->bkey = sig_key_generate();
	w->osigner = signer_new(w->okey, &w->domain);
	w->bsigner = signer_new(w->bkey, &w->domain);
	w->octx = peer_ctx_new(&w->loop, w->okey, signer_domain(w->osigner), "orch");
	w->bctx = peer_ctx_new(&w->loop, w->bkey, signer_domain(w->bsigner), "cast");
	me = signer_addr(w->bsigner);
	w->stream = stream_id_new(&me);
	strcpy(w->dir, "/tmp/lpnode-test-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/evidence.jsonl", w->dir);
	oo.evidence_path = w->path;
	w->o = orchestrator_new(&w->loop, w->octx, NULL, w->osigner, &w->stats, &oo);
	assert_int_equal(orchestrator_listen(w->o, "127.0.0.1:0", &err), 0);
	dial(w);
	return w;
}

static struct world *world_new(void)
{
	return world_of(10, 4);
}

static void world_free(struct world *w)
{
	struct stat st;

	orchestrator_close(w->o);
	if (w->conn)
		peer_conn_close(w->conn);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(n_tasks + n_open, 0);
	if (w->evidence_len) {
		assert_int_equal(stat(w->path, &st), 0);
		assert_int_equal(st.st_size, w->evidence_len);
	}
	orchestrator_free(w->o);
	peer_ctx_free(w->octx);
	peer_ctx_free(w->bctx);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	signer_free(w->osigner);
	signer_free(w->bsigner);
	sig_key_free(w->okey);
	sig_key_free(w->bkey);
	unlink(w->path);
	rmdir(w->dir);
	free(w);
}

static struct talk *talk_open(struct world *w)
{
	struct talk *t = &w->talk[w->n_talks++];
	struct err err;

	assert_true(w->n_talks <= TALKS_MAX);
	t->w = w;
	t->now = -1;
	t->ch = peer_channel_open(w->conn, &talk_cb, t, &err);
	assert_non_null(t->ch);
	return t;
}

#define SAY(t, TYPE, name, m) do {						\
	struct buf say_buf;							\
	buf_init(&say_buf, 65536);						\
	msg_##name##_pack(&say_buf, m);						\
	peer_channel_msg((t)->ch, TYPE, &say_buf);				\
	buf_fini(&say_buf);							\
} while (0)

static struct talk *ask_session(struct world *w, const struct stream_id *stream)
{
	struct msg_open_session m = { .stream = *stream, .preset = "superfast",
		.source_width = 320, .source_height = 240, .source_fps_num = 25,
		.source_fps_den = 1, .max_segment_ms = 4000 };
	struct talk *t = talk_open(w);
	int i;

	m.profiles.n = 2;
	for (i = 0; i < 2; i++)
		m.profiles.p[i] = (struct profile){ .name = "a", .width = 320, .height = 240,
			.bitrate = 100000, .fps_den = 1, .quality = -1 };
	strcpy(m.profiles.p[1].name, "b");
	SAY(t, MSG_OPEN_SESSION, open_session, &m);
	spin_until(&w->loop, t->accepted || t->refused);
	return t;
}

static struct talk *session(struct world *w)
{
	struct talk *t = ask_session(w, &w->stream);

	assert_true(t->accepted);
	return t;
}

static struct talk *header(struct world *w, const struct talk *s, uint64_t seq)
{
	struct msg_segment_header m = { .session = peer_channel_id(s->ch), .sequence = seq,
		.width = 320, .height = 240 };
	struct talk *t = talk_open(w);

	SAY(t, MSG_SEGMENT_HEADER, segment_header, &m);
	return t;
}

/* What a test may get wrong about a segment. */
struct wrong {
	bool sig, hash, len, stream, transcoder, signer, job;
	uint32_t duration_ms;
};

static void trailer(struct talk *t, uint64_t seq, const char *text, const struct wrong *x)
{
	struct world *w = t->w;
	struct signed_segment s = { .transcoder = signer_addr(w->osigner), .stream = w->stream,
		.sequence = seq, .duration_ms = x->duration_ms ? x->duration_ms : 1000,
		.data_hash = hash_sha256(text, strlen(text)) };
	struct msg_segment_trailer m = { .duration_ms = s.duration_ms, .len = strlen(text),
		.n_video = 25, .deadline_ms = 6000 };

	if (x->hash)
		s.data_hash.b[3] ^= 1;
	if (x->stream)
		s.stream.s[70] = s.stream.s[70] == 'a' ? 'b' : 'a';
	if (x->transcoder)
		s.transcoder.b[0] ^= 1;
	if (x->job)
		s.job_id[31] = 1;
	signer_segment(x->signer ? w->osigner : w->bsigner, &s);
	m.data_hash = s.data_hash;
	m.sig = s.sig;
	m.len += x->len;
	if (x->sig)
		m.sig.b[9] ^= 1;
	SAY(t, MSG_SEGMENT_TRAILER, segment_trailer, &m);
}

static struct talk *send_segment(struct world *w, const struct talk *s, uint64_t seq,
				 const char *text, const struct wrong *x)
{
	static const struct wrong nothing;
	struct talk *t = header(w, s, seq);

	peer_channel_data(t->ch, (const uint8_t *)text, strlen(text));
	trailer(t, seq, text, x ? x : &nothing);
	return t;
}

static void assert_refused(struct talk *t, enum refuse_code code)
{
	spin_until(&t->w->loop, t->ended);
	assert_true(t->refused);
	assert_int_equal(t->refuse.code, code);
	assert_false(t->receipt);
}

static void assert_done(struct talk *t)
{
	spin_until(&t->w->loop, n_tasks > 0);
	task_end(NULL);
	spin_until(&t->w->loop, t->ended);
	assert_true(t->receipt);
}

/* ---- work ---- */

static void work_comes_back_signed(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w), *t = send_segment(w, s, 7, "some video", NULL);
	struct eth_addr o = signer_addr(w->osigner);
	struct signed_rendition r = { .stream = w->stream, .sequence = 7, .name = "b" };
	struct receipt rc = { .stream = w->stream, .sequence = 7,
		.data_hash = hash_sha256("some video", 10) };
	struct signed_segment sg = { .transcoder = o, .stream = w->stream, .sequence = 7,
		.duration_ms = 1000, .data_hash = hash_sha256("some video", 10) };
	struct hash32 digest;
	struct err err;

	(void)state;
	assert_int_equal(s->accept.max_inflight, 4);
	assert_string_equal(s->accept.codec_profile, "test/1");
	assert_done(t);
	assert_int_equal(t->n_renditions, 2);
	assert_int_equal(t->n_bytes, 20);
	r.data_hash = hash_sha256("some video", 10);
	digest = rendition_digest(&r, signer_domain(w->osigner));
	assert_int_equal(sig_verify(&o, &digest, &t->tail[1].sig, &err), 0);
	signer_segment(w->bsigner, &sg);
	rc.broadcaster_sig = sg.sig;
	rc.transcoded_hash = transcoded_hash(t->hashes, 2);
	digest = receipt_digest(&rc, signer_domain(w->osigner));
	assert_int_equal(sig_verify(&o, &digest, &t->got.sig, &err), 0);
	assert_int_equal(w->stats.segments_done, 1);
	assert_true(orchestrator_is_idle(w->o));
	world_free(w);
}

static void what_does_not_hold_is_refused(void **state)
{
	static const struct {
		struct wrong x;
		enum refuse_code code;
	} cases[] = {
		{ { .sig = true }, REFUSE_DENIED },
		{ { .hash = true }, REFUSE_DENIED },
		{ { .len = true }, REFUSE_DENIED },
		{ { .stream = true }, REFUSE_DENIED },
		{ { .transcoder = true }, REFUSE_DENIED },
		{ { .signer = true }, REFUSE_DENIED },
		{ { .job = true }, REFUSE_DENIED },
		{ { .duration_ms = 4001 }, REFUSE_INVALID },
	};
	struct world *w = world_new();
	struct talk *s = session(w);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(send_segment(w, s, i, "bytes", &cases[i].x), cases[i].code);
	assert_int_equal(n_started, 0);
	assert_int_equal(w->stats.segments_refused, i);
	assert_int_equal(w->stats.equivocations, 0);
	/* none of them counts as seen */
	assert_done(send_segment(w, s, 0, "other bytes", NULL));
	world_free(w);
}

static void failures_of_work_have_codes(void **state)
{
	static const struct {
		enum err_code err;
		enum refuse_code code;
	} cases[] = {
		{ ERR_INVALID, REFUSE_INPUT }, { ERR_LIMIT, REFUSE_INPUT },
		{ ERR_TIMEOUT, REFUSE_INTERNAL }, { ERR_INTERNAL, REFUSE_INTERNAL },
	};
	struct world *w = world_new();
	struct talk *s = session(w);
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		struct talk *t = send_segment(w, s, i, "bytes", NULL);

		spin_until(&w->loop, n_tasks);
		err_set(&err, cases[i].err, "as told");
		task_end(&err);
		assert_refused(t, cases[i].code);
		assert_string_equal(t->refuse.reason, "as told");
	}
	farm_is_full = true;
	assert_refused(send_segment(w, s, 9, "bytes", NULL), REFUSE_BUSY);
	world_free(w);
}

static void retry_of_the_same_bytes_is_done_again(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w);

	(void)state;
	assert_done(send_segment(w, s, 3, "bytes", NULL));
	assert_done(send_segment(w, s, 3, "bytes", NULL));
	assert_int_equal(w->stats.equivocations, 0);
	world_free(w);
}

static void too_old_is_refused(void **state)
{
	struct world *w = world_of(10, 4);
	struct talk *s = session(w);
	uint64_t i;

	(void)state;
	for (i = 0; i < SEEN_MAX; i++) {
		struct talk *t = send_segment(w, s, 1000 + i, "bytes", NULL);

		assert_done(t);
		memset(t, 0, sizeof(*t));
		w->n_talks--;
	}
	assert_refused(send_segment(w, s, 999, "bytes", NULL), REFUSE_INVALID);
	world_free(w);
}

/* ---- evidence ---- */

static void parse_signed(struct signed_segment *s, const json_t *j)
{
	struct err err;
	const char *t;

	memset(s, 0, sizeof(*s));
	t = json_string_value(json_object_get(j, "jobId"));
	assert_int_equal(hex_parse(s->job_id, 32, t + 2), 0);
	t = json_string_value(json_object_get(j, "transcoder"));
	assert_int_equal(hex_parse(s->transcoder.b, 20, t + 2), 0);
	assert_int_equal(stream_id_parse(&s->stream, json_string_value(json_object_get(j, "streamId")), &err), 0);
	s->sequence = strtoull(json_string_value(json_object_get(j, "sequence")), NULL, 10);
	s->duration_ms = (uint32_t)json_integer_value(json_object_get(j, "durationMs"));
	t = json_string_value(json_object_get(j, "dataHash"));
	assert_int_equal(hex_parse(s->data_hash.b, 32, t + 2), 0);
	t = json_string_value(json_object_get(j, "signature"));
	assert_int_equal(hex_parse(s->sig.b, 65, t + 2), 0);
}

/* Does the line prove it, to somebody who has nothing else? */
static void assert_proof(const char *line, uint64_t seq, const struct eth_addr *who)
{
	json_t *j = json_loads(line, 0, NULL);
	struct signed_segment a, b;
	struct hash32 domain, da, db;
	struct eth_addr addr;
	struct err err;

	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "kind")), "equivocation");
	assert_int_equal(strlen(json_string_value(json_object_get(j, "time"))), 24);
	assert_int_equal(hex_parse(domain.b, 32, json_string_value(json_object_get(j, "domainSeparator")) + 2), 0);
	assert_int_equal(hex_parse(addr.b, 20, json_string_value(json_object_get(j, "broadcaster")) + 2), 0);
	assert_true(eth_addr_equal(&addr, who));
	parse_signed(&a, json_array_get(json_object_get(j, "segments"), 0));
	parse_signed(&b, json_array_get(json_object_get(j, "segments"), 1));
	assert_int_equal(a.sequence, seq);
	assert_int_equal(b.sequence, seq);
	assert_true(stream_id_equal(&a.stream, &b.stream));
	assert_memory_not_equal(a.data_hash.b, b.data_hash.b, 32);
	da = segment_digest(&a, &domain);
	db = segment_digest(&b, &domain);
	assert_int_equal(sig_verify(who, &da, &a.sig, &err), 0);
	assert_int_equal(sig_verify(who, &db, &b.sig, &err), 0);
	json_decref(j);
}

static size_t read_lines(struct world *w, char line[][2048], size_t max)
{
	FILE *f = fopen(w->path, "r");
	size_t n = 0;

	if (!f)
		return 0;
	while (n < max && fgets(line[n], 2048, f))
		n++;
	fclose(f);
	return n;
}

static void two_segments_for_one_sequence_are_proven(void **state)
{
	static char line[8][2048];
	struct world *w = world_new();
	struct talk *s = session(w);
	struct eth_addr who = signer_addr(w->bsigner);
	struct wrong longer = { .duration_ms = 1500 };
	struct stat st;

	(void)state;
	assert_done(send_segment(w, s, 1ull << 60, "one", NULL));
	assert_refused(send_segment(w, s, 1ull << 60, "two", &longer), REFUSE_DENIED);
	spin_until(&w->loop, read_lines(w, line, 8) == 1);
	assert_proof(line[0], 1ull << 60, &who);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(w->stats.equivocations, 1);
	/* the first bytes are still the ones that count */
	assert_done(send_segment(w, s, 1ull << 60, "one", NULL));
	world_free(w);
}

static void a_new_session_does_not_forget(void **state)
{
	static char line[8][2048];
	struct world *w = world_new();
	struct talk *s = session(w);
	struct eth_addr who = signer_addr(w->bsigner);

	(void)state;
	assert_done(send_segment(w, s, 5, "one", NULL));
	hang_up(w);
	dial(w);
	s = session(w);
	assert_refused(send_segment(w, s, 5, "two", NULL), REFUSE_DENIED);
	spin_until(&w->loop, read_lines(w, line, 8) == 1);
	assert_proof(line[0], 5, &who);
	world_free(w);
}

static void evidence_is_bounded(void **state)
{
	static char line[16][2048];
	struct world *w = world_new();
	struct talk *s = session(w);
	FILE *f;
	uint64_t i;

	(void)state;
	for (i = 0; i < 8; i++) {	/* a stream gets 4 lines */
		assert_done(send_segment(w, s, i, "one", NULL));
		assert_refused(send_segment(w, s, i, "two", NULL), REFUSE_DENIED);
	}
	settle(&w->loop);
	spin_until(&w->loop, read_lines(w, line, 16) == 4);
	assert_int_equal(w->stats.equivocations, 8);
	world_free(w);

	w = world_new();		/* a full file keeps what it has */
	f = fopen(w->path, "w");
	for (i = 0; i < (1 << 20) - 100; i++)
		fputc(i % 100 == 99 ? '\n' : 'x', f);
	fclose(f);
	s = session(w);
	assert_done(send_segment(w, s, 1, "one", NULL));
	assert_refused(send_segment(w, s, 1, "two", NULL), REFUSE_DENIED);
	w->evidence_len = (1 << 20) - 100;
	world_free(w);
}

static void link_in_place_of_the_file_is_not_followed(void **state)
{
	struct world *w = world_new();
	char target[128];
	struct talk *s;
	struct stat st;

	(void)state;
	snprintf(target, sizeof(target), "%s/target", w->dir);
	assert_int_equal(symlink(target, w->path), 0);
	s = session(w);
	assert_done(send_segment(w, s, 1, "one", NULL));
	assert_refused(send_segment(w, s, 1, "two", NULL), REFUSE_DENIED);
	settle(&w->loop);
	assert_int_equal(stat(target, &st), -1);
	world_free(w);
}

/* ---- limits ---- */

static void more_segments_at_once_than_agreed_are_refused(void **state)
{
	struct world *w = world_of(10, 2);
	struct talk *s = session(w), *a, *b;

	(void)state;
	a = send_segment(w, s, 1, "one", NULL);
	b = send_segment(w, s, 2, "two", NULL);
	assert_refused(header(w, s, 3), REFUSE_BUSY);
	assert_done(a);
	assert_done(b);
	assert_done(send_segment(w, s, 3, "three", NULL));
	world_free(w);
}

static void sessions_beyond_the_limit_are_refused_as_busy(void **state)
{
	struct world *w = world_of(1, 4);
	struct talk *s = session(w), *t;

	(void)state;
	t = ask_session(w, &w->stream);
	assert_refused(t, REFUSE_BUSY);
	assert_true(t->refuse.retry_after_ms > 0);
	peer_channel_close(s->ch);
	s->ch = NULL;
	settle(&w->loop);
	session(w);
	assert_int_equal(w->stats.sessions_refused, 1);
	world_free(w);
}

static void session_without_work_makes_room(void **state)
{
	struct world *w = world_of(2, 4);
	struct talk *idle = session(w), *busy = session(w), *t;

	(void)state;
	t = send_segment(w, busy, 1, "one", NULL);
	spin_until(&w->loop, n_tasks == 1);
	warp(&w->loop, 29000);
	assert_refused(ask_session(w, &w->stream), REFUSE_BUSY);
	warp(&w->loop, 2000);
	assert_true(ask_session(w, &w->stream)->accepted);
	assert_refused(idle, REFUSE_BUSY);
	assert_refused(ask_session(w, &w->stream), REFUSE_BUSY);
	assert_done(t);
	world_free(w);
}

static void segment_that_never_ends_loses_its_slot(void **state)
{
	struct world *w = world_of(10, 1);
	struct talk *s = session(w), *t = header(w, s, 1);

	(void)state;
	settle(&w->loop);
	warp(&w->loop, 74000);
	assert_false(t->refused);
	warp(&w->loop, 3000);
	assert_refused(t, REFUSE_INVALID);
	assert_done(send_segment(w, s, 1, "one", NULL));
	world_free(w);
}

static void bytes_beyond_the_limit_are_refused(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w), *t = header(w, s, 1);
	size_t i, n = 1 << 20;
	uint8_t *mb = xcalloc(1, n);

	(void)state;
	for (i = 0; i < SEGMENT_BYTES_MAX / n; i++) {
		peer_channel_data(t->ch, mb, n);
		uv_run(&w->loop, UV_RUN_NOWAIT);
	}
	settle(&w->loop);
	assert_false(t->refused);
	peer_channel_data(t->ch, mb, 1);
	assert_refused(t, REFUSE_INVALID);
	free(mb);
	world_free(w);
}

/* 2 renditions of 320x240 at 25 a second */
#define DEMAND (2.0 * 320 * 240 * 25)

static void what_cannot_be_carried_in_real_time_is_refused(void **state)
{
	struct world *w = world_of(0, 4);
	struct talk *s, *t, *u;

	(void)state;
	the_room.n_members = 0;
	t = ask_session(w, &w->stream);
	assert_refused(t, REFUSE_BUSY);
	assert_non_null(strstr(t->refuse.reason, "no transcoder"));
	the_room.n_members = 1;
	the_room.capacity = (uint64_t)(2 * DEMAND / ORCH_SOLD) + 1;
	s = session(w);
	session(w);
	t = ask_session(w, &w->stream);
	assert_refused(t, REFUSE_BUSY);
	assert_true(t->refuse.retry_after_ms > 0);
	assert_non_null(strstr(t->refuse.reason, "3.8 million pixels"));
	assert_non_null(strstr(t->refuse.reason, "0.0 of 7.7 are free"));
	/* Two that were opened and do nothing make room, and then have to wait themselves. */
	warp(&w->loop, 6000);
	u = session(w);
	assert_done(send_segment(w, u, 1, "one", NULL));
	assert_done(send_segment(w, s, 1, "one", NULL));
	assert_refused(ask_session(w, &w->stream), REFUSE_BUSY);
	warp(&w->loop, 11000);
	assert_done(send_segment(w, u, 2, "two", NULL));
	session(w);		/* s rests */
	world_free(w);
}

static void session_that_rested_waits_for_room(void **state)
{
	struct world *w = world_of(0, 4);
	struct talk *s, *u, *t;

	(void)state;
	the_room.capacity = (uint64_t)(DEMAND / ORCH_SOLD) + 1;
	s = session(w);
	warp(&w->loop, 6000);
	u = session(w);
	assert_done(send_segment(w, u, 1, "one", NULL));
	t = send_segment(w, s, 1, "one", NULL);
	assert_refused(t, REFUSE_BUSY);
	assert_non_null(strstr(t->refuse.reason, "real time"));
	warp(&w->loop, 11000);
	assert_done(send_segment(w, s, 1, "one", NULL));
	world_free(w);
}

static void operators_number_is_not_questioned_and_may_change(void **state)
{
	struct world *w = world_of(1, 4);

	(void)state;
	the_room.capacity = 1;
	session(w);
	assert_refused(ask_session(w, &w->stream), REFUSE_BUSY);
	orchestrator_set_max_sessions(w->o, 2);
	assert_int_equal(orchestrator_max_sessions(w->o), 2);
	session(w);
	orchestrator_set_max_sessions(w->o, 0);
	assert_refused(ask_session(w, &w->stream), REFUSE_BUSY);
	world_free(w);
}

/* ---- work that begins before it is signed for ---- */

/* The rest of a segment whose header was sent. */
static void finish(struct talk *t, uint64_t seq)
{
	static const struct wrong nothing;

	peer_channel_data(t->ch, (const uint8_t *)"one", 3);
	trailer(t, seq, "one", &nothing);
	spin_until(&t->w->loop, n_tasks == 1);
	assert_done(t);
}

static bool task_is_early(struct world *w, unsigned n)
{
	spin_until(&w->loop, n_open == n);
	return tasks->early;
}

static void one_unsigned_segment_may_begin_early(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w), *a, *b;

	(void)state;
	a = header(w, s, 1);
	assert_true(task_is_early(w, 1));
	b = header(w, s, 2);
	assert_false(task_is_early(w, 2));
	finish(a, 1);
	header(w, s, 3);		/* b is still unsigned */
	assert_false(task_is_early(w, 2));
	finish(b, 2);
	world_free(w);
}

/* The next header overtakes the trailer: each has a channel of its own. */
static void the_next_one_begins_early_when_the_one_before_is_signed(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w), *a, *b;

	(void)state;
	a = header(w, s, 1);
	assert_true(task_is_early(w, 1));
	b = header(w, s, 2);
	assert_false(task_is_early(w, 2));
	finish(a, 1);
	assert_true(task_is_early(w, 1));
	header(w, s, 3);
	assert_false(task_is_early(w, 2));
	finish(b, 2);
	assert_true(task_is_early(w, 1));
	world_free(w);
}

static void who_leaves_work_unsigned_waits_for_the_trailer(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w), *t;
	struct err err;
	unsigned i;

	(void)state;
	t = header(w, s, 1);
	assert_true(task_is_early(w, 1));
	err_set(&err, ERR_IO, "never mind");
	peer_channel_abort(t->ch, &err);
	t->ch = NULL;
	spin_until(&w->loop, n_open == 0);
	for (i = 0; i < CONDUCT_GOOD; i++) {
		t = header(w, s, 2 + i);
		assert_false(task_is_early(w, 1));
		finish(t, 2 + i);
		*t = (struct talk){ 0 };
		w->n_talks--;
	}
	header(w, s, 100);
	assert_true(task_is_early(w, 1));
	world_free(w);
}

static void trailer_that_does_not_hold_ends_the_early_start_too(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w);

	(void)state;
	assert_refused(send_segment(w, s, 1, "one", &(struct wrong){ .sig = true }), REFUSE_DENIED);
	header(w, s, 2);
	assert_false(task_is_early(w, 1));
	world_free(w);
}

static void segment_that_never_ends_is_left_unpaid(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w), *t = header(w, s, 1);

	(void)state;
	assert_true(task_is_early(w, 1));
	warp(&w->loop, 77000);
	assert_refused(t, REFUSE_INVALID);
	s = session(w);
	header(w, s, 2);
	assert_false(task_is_early(w, 1));
	world_free(w);
}

static void trust_is_dearer_each_time(void **state)
{
	struct conduct *c = conduct_new();
	struct eth_addr a = { { 1 } }, b = { { 2 } };
	unsigned i;

	(void)state;
	conduct_left_unpaid(c, &a);
	for (i = 0; i < CONDUCT_GOOD; i++) {
		assert_false(conduct_may_start_early(c, &a));
		conduct_paid(c, &a);
	}
	assert_true(conduct_may_start_early(c, &a));
	assert_true(conduct_may_start_early(c, &b));
	conduct_left_unpaid(c, &a);
	for (i = 0; i < 2 * CONDUCT_GOOD; i++) {
		assert_false(conduct_may_start_early(c, &a));
		conduct_paid(c, &a);
	}
	assert_true(conduct_may_start_early(c, &a));
	/* the oldest of many is forgotten, not the newest */
	for (i = 0; i < 1024; i++) {
		b.b[18] = (uint8_t)(i >> 8);
		b.b[19] = (uint8_t)i;
		b.b[0] = 3;
		conduct_left_unpaid(c, &b);
	}
	assert_false(conduct_may_start_early(c, &b));
	conduct_free(c);
}

static void renditions_take_turns_and_begin_again(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w), *t = send_segment(w, s, 1, "0123456789", NULL);
	struct farm_task *f;

	(void)state;
	spin_until(&w->loop, n_tasks == 1);
	f = oldest();
	piece(f, 0, 0, 4);
	piece(f, 1, 0, 3);
	piece(f, 0, 4, 2);
	piece(f, 1, 3, 7);
	/* another transcoder makes them now: task_end begins both again */
	assert_done(t);
	assert_int_equal(t->n_renditions, 2);
	assert_int_equal(t->n_bytes, 16 + 20);
	assert_int_equal(t->len[0], 10);
	assert_int_equal(t->len[1], 10);
	world_free(w);
}

static void transcoder_is_given_to_the_farm(void **state)
{
	struct world *w = world_new();
	struct talk *t = talk_open(w);
	struct msg_join m = { .version = 1 };

	(void)state;
	SAY(t, MSG_JOIN, join, &m);
	spin_until(&w->loop, n_joins == 1 && t->ended);
	peer_conn_goaway(w->conn);
	spin_until(&w->loop, n_drains == 1);
	world_free(w);
}

/* ---- order ---- */

static void words_out_of_order_are_refused(void **state)
{
	static const struct wrong nothing;
	struct world *w = world_new();
	struct talk *s = session(w), *t;
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	t = talk_open(w);		/* data before any message */
	peer_channel_data(t->ch, (const uint8_t *)"x", 1);
	assert_refused(t, REFUSE_INVALID);
	t = talk_open(w);		/* a trailer first */
	trailer(t, 1, "", &nothing);
	assert_refused(t, REFUSE_UNSUPPORTED);
	t = talk_open(w);		/* a conversation of a later version */
	peer_channel_msg(t->ch, 500, &b);
	assert_refused(t, REFUSE_UNSUPPORTED);
	t = header(w, s, 1);		/* a second header */
	peer_channel_msg(t->ch, MSG_SEGMENT_HEADER, &b);
	assert_refused(t, REFUSE_INVALID);
	t = talk_open(w);		/* no protobuf */
	buf_add(&b, "\xff\xff\xff", 3);
	peer_channel_msg(t->ch, MSG_OPEN_SESSION, &b);
	assert_refused(t, REFUSE_INVALID);
	t = send_segment(w, s, 2, "one", NULL);		/* bytes after the trailer */
	peer_channel_data(t->ch, (const uint8_t *)"x", 1);
	assert_refused(t, REFUSE_INVALID);
	t = send_segment(w, s, 3, "one", NULL);		/* two trailers */
	trailer(t, 3, "one", &nothing);
	assert_refused(t, REFUSE_INVALID);
	assert_int_equal(n_started, 2);
	assert_int_equal(n_cancelled, 2);
	assert_int_equal(n_tasks, 0);
	buf_fini(&b);
	world_free(w);
}

static void segment_needs_a_session_of_its_own_connection(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w), *t;
	struct msg_segment_header m = { .session = 77, .sequence = 1, .width = 320, .height = 240 };

	(void)state;
	t = talk_open(w);
	SAY(t, MSG_SEGMENT_HEADER, segment_header, &m);
	assert_refused(t, REFUSE_INVALID);
	t = header(w, s, 1);
	settle(&w->loop);
	peer_channel_close(s->ch);
	s->ch = NULL;
	trailer(t, 1, "", &(struct wrong){ .sig = false });
	assert_refused(t, REFUSE_INVALID);
	world_free(w);
}

static void stream_of_another_origin_is_denied(void **state)
{
	struct world *w = world_new();
	struct eth_addr other = signer_addr(w->osigner);
	struct stream_id id = stream_id_new(&other);

	(void)state;
	assert_refused(ask_session(w, &id), REFUSE_DENIED);
	assert_int_equal(w->stats.sessions_refused, 1);
	world_free(w);
}

static void local_broadcaster_has_our_own_key(void **state)
{
	struct world *w = world_new();
	struct signer *b = w->bsigner;
	struct eth_addr me = signer_addr(w->osigner);
	struct talk *s;
	struct err err;
	int fd[2];

	(void)state;
	hang_up(w);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(orchestrator_attach(w->o, fd[0], &err), 0);
	w->conn = peer_attach(w->bctx, fd[1], true, false, &conn_cb, w, &err);
	spin_until(&w->loop, w->ready);
	w->bsigner = w->osigner;
	w->stream = stream_id_new(&me);
	/* draining, it still serves its own node */
	orchestrator_drain(w->o);
	s = session(w);
	assert_done(send_segment(w, s, 1, "one", NULL));
	w->bsigner = b;
	world_free(w);
}

/* ---- ends ---- */

static void connection_may_vanish_in_every_state(void **state)
{
	int when;

	(void)state;
	for (when = 0; when < 7; when++) {
		struct world *w = world_new();
		struct talk *s, *t = NULL;

		if (when == 0)
			talk_open(w);
		s = when > 0 ? session(w) : NULL;
		if (when > 1)
			t = header(w, s, 1);
		if (when > 2)
			peer_channel_data(t->ch, (const uint8_t *)"one", 3);
		if (when > 3) {
			trailer(t, 1, "one", &(struct wrong){ .sig = false });
			spin_until(&w->loop, n_tasks == 1);
		}
		if (when == 5)
			task_end(NULL);
		if (when == 6) {
			assert_done(t);
			t = send_segment(w, s, 2, "two", NULL);
			spin_until(&w->loop, n_tasks == 1);
		}
		settle(&w->loop);
		hang_up(w);
		spin_until(&w->loop, orchestrator_is_idle(w->o) && n_tasks == 0 &&
			   n_stream_ends == (when > 0));
		/* and the next one is served */
		dial(w);
		s = session(w);
		assert_done(send_segment(w, s, 9, "nine", NULL));
		world_free(w);
	}
}

static void channel_may_vanish_while_work_runs(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w), *t = send_segment(w, s, 1, "one", NULL);
	struct err err;

	(void)state;
	spin_until(&w->loop, n_tasks == 1);
	err_set(&err, ERR_TIMEOUT, "too late");
	peer_channel_abort(t->ch, &err);
	t->ch = NULL;
	spin_until(&w->loop, n_tasks == 0);
	assert_int_equal(n_cancelled, 1);
	assert_true(orchestrator_is_idle(w->o));
	world_free(w);
}

static void session_may_end_while_its_work_runs(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w), *t = send_segment(w, s, 1, "one", NULL);

	(void)state;
	spin_until(&w->loop, n_tasks == 1);
	peer_channel_close(s->ch);
	s->ch = NULL;
	settle(&w->loop);
	assert_done(t);
	world_free(w);
}

static void drain_finishes_what_runs_and_takes_nothing_new(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w), *t = send_segment(w, s, 1, "one", NULL);
	struct err err;

	(void)state;
	spin_until(&w->loop, n_tasks == 1);
	orchestrator_drain(w->o);
	settle(&w->loop);
	assert_false(orchestrator_is_idle(w->o));
	assert_null(peer_channel_open(w->conn, &talk_cb, t, &err));
	assert_done(t);
	spin_until(&w->loop, orchestrator_is_idle(w->o));
	world_free(w);
}

static void not_idle_until_the_answer_is_sent(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w), *t;
	size_t i, n = 8 << 20;
	uint8_t *big = xcalloc(1, n + 1);

	(void)state;
	for (i = 0; i < n; i++)
		big[i] = 'x';
	t = send_segment(w, s, 1, (char *)big, NULL);
	spin_until(&w->loop, n_tasks == 1);
	task_end(NULL);
	assert_false(orchestrator_is_idle(w->o));
	spin_until(&w->loop, orchestrator_is_idle(w->o));
	orchestrator_close(w->o);
	spin_until(&w->loop, t->ended || !w->conn);
	assert_true(t->receipt);
	assert_int_equal(t->n_bytes, 2 * n);
	free(big);
	/* closed already */
	settle(&w->loop);
	orchestrator_free(w->o);
	w->o = orchestrator_new(&w->loop, w->octx, NULL, w->osigner, &w->stats,
				&(struct orchestrator_opts){ .max_sessions = 1 });
	world_free(w);
}

static void closed_with_everything_running(void **state)
{
	struct world *w = world_new();
	struct talk *s = session(w);

	(void)state;
	send_segment(w, s, 1, "one", NULL);
	header(w, s, 2);
	talk_open(w);
	spin_until(&w->loop, n_tasks == 1);
	world_free(w);
}

static void status_lists_sessions(void **state)
{
	struct world *w = world_new();
	struct buf b;
	json_t *j;

	(void)state;
	session(w);
	session(w);
	buf_init(&b, 65536);
	orchestrator_status(w->o, &b);
	j = json_loads(buf_cstr(&b), 0, NULL);
	assert_int_equal(json_array_size(j), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(j, 1), "streamId")),
			    w->stream.s);
	json_decref(j);
	buf_fini(&b);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_comes_back_signed),
		cmocka_unit_test(what_does_not_hold_is_refused),
		cmocka_unit_test(failures_of_work_have_codes),
		cmocka_unit_test(retry_of_the_same_bytes_is_done_again),
		cmocka_unit_test(too_old_is_refused),
		cmocka_unit_test(two_segments_for_one_sequence_are_proven),
		cmocka_unit_test(a_new_session_does_not_forget),
		cmocka_unit_test(evidence_is_bounded),
		cmocka_unit_test(link_in_place_of_the_file_is_not_followed),
		cmocka_unit_test(more_segments_at_once_than_agreed_are_refused),
		cmocka_unit_test(sessions_beyond_the_limit_are_refused_as_busy),
		cmocka_unit_test(session_without_work_makes_room),
		cmocka_unit_test(segment_that_never_ends_loses_its_slot),
		cmocka_unit_test(bytes_beyond_the_limit_are_refused),
		cmocka_unit_test(what_cannot_be_carried_in_real_time_is_refused),
		cmocka_unit_test(session_that_rested_waits_for_room),
		cmocka_unit_test(operators_number_is_not_questioned_and_may_change),
		cmocka_unit_test(one_unsigned_segment_may_begin_early),
		cmocka_unit_test(the_next_one_begins_early_when_the_one_before_is_signed),
		cmocka_unit_test(who_leaves_work_unsigned_waits_for_the_trailer),
		cmocka_unit_test(trailer_that_does_not_hold_ends_the_early_start_too),
		cmocka_unit_test(segment_that_never_ends_is_left_unpaid),
		cmocka_unit_test(trust_is_dearer_each_time),
		cmocka_unit_test(renditions_take_turns_and_begin_again),
		cmocka_unit_test(transcoder_is_given_to_the_farm),
		cmocka_unit_test(words_out_of_order_are_refused),
		cmocka_unit_test(segment_needs_a_session_of_its_own_connection),
		cmocka_unit_test(stream_of_another_origin_is_denied),
		cmocka_unit_test(local_broadcaster_has_our_own_key),
		cmocka_unit_test(connection_may_vanish_in_every_state),
		cmocka_unit_test(channel_may_vanish_while_work_runs),
		cmocka_unit_test(session_may_end_while_its_work_runs),
		cmocka_unit_test(drain_finishes_what_runs_and_takes_nothing_new),
		cmocka_unit_test(not_idle_until_the_answer_is_sent),
		cmocka_unit_test(closed_with_everything_running),
		cmocka_unit_test(status_lists_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
