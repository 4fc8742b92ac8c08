/*
 * Streams from packets and pushes to windows; transcoding is the double below, which
 * answers when told.
 */
#include "test/node/rig.h"

#include <jansson.h>

#include "base/list.h"
#include "base/sig.h"
#include "media/wire/inspect.h"
#include "media/wire/playlist.h"
#include "node/live.h"
#include "node/signer.h"
#include "node/stats.h"
#include "node/transcode.h"
#include "node/window.h"

/* ---- the double of node/transcode.h ---- */

#define SEGS_MAX 64

struct tc {
	bool has_orchestrators;
};
struct tc_segment {
	struct tc_session *s;
	struct tc_source src;
	struct tc_facts facts;
	struct blob *source;
	size_t n_bytes;
	bool ended, dropped;
};
struct tc_session {
	struct tc_session_opts opts;
	tc_result_cb *cb;
	void *arg;
	unsigned n_pending;
};

static struct tc_session *session;	/* the last one made; NULL: freed */
static struct tc_segment segs[SEGS_MAX];
static unsigned n_segs, n_sessions, pretend_pending;

bool tc_has_orchestrators(const struct tc *t)
{
	return t->has_orchestrators;
}

struct tc_session *tc_session_new(struct tc *t, const struct tc_session_opts *opts,
				  tc_result_cb *cb, void *arg)
{
	(void)t;
	session = xcalloc(1, sizeof(*session));
	session->opts = *opts;
	session->cb = cb;
	session->arg = arg;
	n_sessions++;
	return session;
}

void tc_session_free(struct tc_session *s)
{
	unsigned i;

	if (!s)
		return;
	for (i = 0; i < n_segs; i++)
		if (segs[i].s == s)
			segs[i].s = NULL;
	if (s == session)
		session = NULL;
	free(s);
}

unsigned tc_session_pending(const struct tc_session *s)
{
	return s->n_pending + pretend_pending;
}

struct tc_segment *tc_segment_begin(struct tc_session *s, const struct tc_source *src)
{
	struct tc_segment *g = &segs[n_segs++];

	assert_true(n_segs < SEGS_MAX);
	*g = (struct tc_segment){ .s = s, .src = *src };
	s->n_pending++;
	return g;
}

void tc_segment_data(struct tc_segment *g, const uint8_t *data, size_t len)
{
	(void)data;
	assert_non_null(g->s);
	g->n_bytes += len;
}

void tc_segment_end(struct tc_segment *g, struct blob *source, const struct tc_facts *facts)
{
	assert_non_null(g->s);
	assert_false(g->ended);
	g->ended = true;
	g->source = blob_ref(source);
	g->facts = *facts;
	assert_int_equal(g->n_bytes, source->len);
}

void tc_segment_drop(struct tc_segment *g)
{
	assert_non_null(g->s);
	assert_false(g->ended);
	g->dropped = true;
	g->s->n_pending--;
	g->s = NULL;
}

/* Answer segment i: with its source as every rendition, or err. */
static void answer(unsigned i, const struct err *err)
{
	struct tc_segment *g = &segs[i];
	struct tc_rendition r[PROFILES_MAX];
	struct tc_result res = { .sequence = g->src.sequence, .err = err, .orchestrator = "x",
		.transcode_ms = 5, .total_ms = 9, .n_tries = 1 };
	struct err e;
	size_t k;

	assert_non_null(g->s);
	assert_true(g->ended);
	res.n = err ? 0 : g->s->opts.profiles.n;
	for (k = 0; k < res.n; k++) {
		r[k].data = g->source;
		assert_int_equal(inspect_segment(&r[k].facts, false, g->source->data,
						 g->source->len, &e), 0);
	}
	res.renditions = r;
	g->s->n_pending--;
	g->s->cb(g->s->arg, &res);
	g->s = NULL;
}

/* ---- the world ---- */

struct world {
	uv_loop_t loop;
	struct tc tc;
	struct sig_key *key;
	struct eip712_domain domain;
	struct signer *signer;
	struct stats stats;
	struct lives_opts opts;
	struct lives *ls;
	int64_t now_ms, t_ms;	/* both clocks; media time */
	int n_done;
	struct tc_result done[16];
	enum err_code done_err[16];
	void *done_arg[16];
};

static void set_time(struct world *w, int64_t ms)
{
	w->now_ms = ms;
	clock_fake(ms, 1800000000000LL + ms);
}

/* Time passes, and the tick of lives sees it. */
static void pass(struct world *w, int64_t ms)
{
	set_time(w, w->now_ms + ms);
	warp(&w->loop, 600);
}

static struct world *world_new(void)
{
	struct world *w = xcalloc(1, sizeof(*w));

	uv_loop_init(&w->loop);
	w->key = sig_key_generate();
	w->signer = signer_new(w->key, &w->domain);
	w->tc.has_orchestrators = true;
	w->opts = (struct lives_opts){ .target_ms = 2000, .window_ms = 12000, .grace_ms = 10000,
		.keep_ms = 60000, .push_idle_ms = 60000, .max_streams = 4, .preset = "superfast" };
	w->opts.profiles.n = 2;
	w->opts.profiles.p[0] = (struct profile){ .name = "lo", .width = 320, .height = 240,
		.bitrate = 100000, .fps_den = 1, .quality = -1 };
	w->opts.profiles.p[1] = (struct profile){ .name = "hd", .width = 1280, .height = 720,
		.bitrate = 900000, .fps_den = 1, .quality = -1 };
	n_segs = n_sessions = pretend_pending = 0;
	set_time(w, 1000000);
	return w;
}

static void start(struct world *w)
{
	w->ls = lives_new(&w->loop, &w->opts, &w->tc, w->signer, &w->stats);
}

static struct world *world_started(void)
{
	struct world *w = world_new();

	start(w);
	return w;
}

static void world_free(struct world *w)
{
	unsigned i;

	lives_close(w->ls);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	lives_free(w->ls);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	assert_null(session);
	for (i = 0; i < n_segs; i++)
		blob_unref(segs[i].source);
	signer_free(w->signer);
	sig_key_free(w->key);
	clock_fake(-1, 0);
	free(w);
}

static struct live *publish(struct world *w, const char *name)
{
	struct track_config v = config_of(CODEC_H264, AVCC_320X240);
	struct err err;
	struct live *l = live_open(w->ls, name, false, NULL, &err);

	if (!l)
		fail_msg("%s", err.msg);
	live_set_track(l, TRACK_VIDEO, &v);
	return l;
}

/* ms of 25 fps video in real time; key frames every gop_ms from media time 0. */
static void play(struct world *w, struct live *l, int ms, int gop_ms)
{
	uint8_t au[256];
	int i;

	for (i = 0; i < ms; i += 40) {
		bool key = w->t_ms % gop_ms == 0;
		struct media_packet p = { .track = TRACK_VIDEO, .key = key, .data = au,
			.len = fake_au(au, key, 200, (unsigned)w->t_ms) };

		p.dts_90k = p.pts_90k = w->t_ms * 90;
		live_packet(l, &p);
		w->t_ms += 40;
		set_time(w, w->now_ms + 40);
	}
}

static char *playlist_of(struct live *l, const char *rendition)
{
	struct buf b;
	char *text;

	buf_init(&b, 1 << 18);
	playlist_render(window_playlist(live_window(l, rendition)), &b);
	text = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return text;
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what))) {
		n++;
		text += strlen(what);
	}
	return n;
}

static unsigned count_in(struct live *l, const char *rendition, const char *what)
{
	char *text = playlist_of(l, rendition);
	unsigned n = count(text, what);

	free(text);
	return n;
}

static char *master_of(struct live *l)
{
	struct buf b;
	char *text = NULL;

	buf_init(&b, 1 << 18);
	if (live_master(l, &b))
		text = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return text;
}

static json_t *status_of(struct world *w)
{
	struct buf b;
	json_t *j;

	buf_init(&b, 1 << 20);
	lives_status(w->ls, &b);
	j = json_loads(buf_cstr(&b), 0, NULL);
	assert_non_null(j);
	buf_fini(&b);
	return j;
}

/* ---- the source ---- */

static void source_plays_before_any_transcoding_answers(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a");
	char *m;

	(void)state;
	assert_null(master_of(l));
	play(w, l, 2040, 1000);
	assert_int_equal(count_in(l, "source", ".ts"), 1);
	m = master_of(l);
	assert_non_null(strstr(m, "source/index.m3u8"));
	assert_null(strstr(m, "lo/index.m3u8"));
	assert_non_null(strstr(m, "RESOLUTION=320x240"));
	assert_non_null(strstr(m, "#EXT-X-INDEPENDENT-SEGMENTS"));
	free(m);
	assert_null(live_window(l, "hd"));	/* above the source */
	assert_non_null(live_window(l, "lo"));
	assert_int_equal(session->opts.profiles.n, 1);
	assert_string_equal(session->opts.preset, "superfast");
	assert_int_equal(session->opts.width, 320);
	world_free(w);
}

static void dates_are_those_of_the_first_frames(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a");
	char *text, want[64] = "#EXT-X-PROGRAM-DATE-TIME:";

	(void)state;
	clock_fmt_utc(want + strlen(want), 1800000000000LL + w->now_ms);
	play(w, l, 4040, 1000);
	text = playlist_of(l, "source");
	assert_non_null(strstr(text, want));
	free(text);
	world_free(w);
}

static void renditions_follow_in_any_case_with_the_source_s_place(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a");
	struct err err;
	char *a, *b;

	(void)state;
	play(w, l, 6040, 1000);
	assert_true(n_segs >= 3);
	answer(0, NULL);
	err_set(&err, ERR_TIMEOUT, "nobody");
	answer(1, &err);
	answer(2, NULL);
	a = playlist_of(l, "source");
	b = playlist_of(l, "lo");
	assert_int_equal(count(a, ".ts"), 3);
	assert_int_equal(count(b, ".ts"), 2);
	assert_int_equal(count(a, "#EXT-X-DISCONTINUITY\n"), 0);
	assert_int_equal(count(b, "#EXT-X-DISCONTINUITY\n"), 1);	/* the gap */
	assert_int_equal(w->stats.renditions_lost, 1);
	assert_int_equal(w->stats.segments_complete, 2);
	assert_int_equal(window_last_sequence(live_window(l, "lo")),
			 window_last_sequence(live_window(l, "source")));
	free(a);
	free(b);
	world_free(w);
}

static void rendition_far_behind_leaves_the_master(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a");
	char *m;

	(void)state;
	play(w, l, 2040, 1000);
	answer(0, NULL);
	m = master_of(l);
	assert_non_null(strstr(m, "lo/index.m3u8"));
	free(m);
	play(w, l, 16000, 1000);
	m = master_of(l);
	assert_null(strstr(m, "lo/index.m3u8"));
	free(m);
	world_free(w);
}

static void without_orchestrators_the_source_is_all(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a");

	(void)state;
	w->tc.has_orchestrators = false;
	play(w, l, 4040, 1000);
	assert_int_equal(count_in(l, "source", ".ts"), 2);
	assert_int_equal(n_sessions, 0);
	assert_int_equal(w->stats.renditions_lost, 0);
	/* one that comes later serves what is left */
	w->tc.has_orchestrators = true;
	play(w, l, 2000, 1000);
	assert_int_equal(n_sessions, 1);
	world_free(w);
}

static void segments_beyond_the_queue_are_lost_not_kept(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a");

	(void)state;
	play(w, l, 2040, 1000);
	pretend_pending = 16;
	play(w, l, 4000, 1000);
	assert_int_equal(count_in(l, "source", ".ts"), 3);
	assert_int_equal(n_segs, 2);	/* the second had begun before */
	assert_int_equal(w->stats.renditions_lost, 1);
	pretend_pending = 0;
	world_free(w);
}

static void what_does_not_stand_alone_is_source_only(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a"), *other = publish(w, "b");
	char *m;

	(void)state;
	play(w, l, 40000, 1000000);	/* one key frame */
	assert_true(w->stats.segments_untranscodable > 0);
	assert_true(segs[0].dropped);
	m = master_of(l);
	assert_null(strstr(m, "#EXT-X-INDEPENDENT-SEGMENTS"));
	free(m);
	/* it says nothing of another stream */
	w->t_ms = 0;
	play(w, other, 2040, 1000);
	m = master_of(other);
	assert_non_null(strstr(m, "#EXT-X-INDEPENDENT-SEGMENTS"));
	free(m);
	world_free(w);
}

static void long_gop_is_warned_of_once_with_the_remedy(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a");
	json_t *j, *warnings;

	(void)state;
	play(w, l, 30040, 6000);
	j = status_of(w);
	warnings = json_object_get(json_array_get(j, 0), "warnings");
	assert_int_equal(json_array_size(warnings), 1);
	assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)), "Keyframe Interval 2"));
	json_decref(j);
	world_free(w);
}

static void status_is_json_in_every_state(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a");
	json_t *j;

	(void)state;
	json_decref(status_of(w));
	play(w, l, 2040, 1000);
	answer(0, NULL);
	live_publisher_gone(l, "gone");
	j = status_of(w);
	assert_string_equal(json_string_value(json_object_get(json_array_get(j, 0), "state")), "waiting");
	assert_int_equal(json_array_size(json_object_get(json_array_get(j, 0), "renditions")), 1);
	json_decref(j);
	world_free(w);
}

/* ---- a publisher goes ---- */

static void publisher_back_within_the_grace_goes_on(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a"), *again;
	char *text;

	(void)state;
	play(w, l, 3000, 1000);
	live_publisher_gone(l, "connection reset");
	assert_int_equal(count_in(l, "source", ".ts"), 2);	/* nothing is lost */
	pass(w, 9000);
	assert_int_equal(count_in(l, "source", "#EXT-X-ENDLIST"), 0);
	w->t_ms = 0;
	again = publish(w, "a");
	assert_ptr_equal(again, l);
	play(w, l, 2040, 1000);
	text = playlist_of(l, "source");
	assert_int_equal(count(text, ".ts"), 3);
	assert_int_equal(count(text, "#EXT-X-DISCONTINUITY\n"), 1);
	free(text);
	assert_int_equal(n_sessions, 1);
	world_free(w);
}

static void publisher_gone_for_longer_ends_the_stream(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a");

	(void)state;
	play(w, l, 2040, 1000);
	answer(0, NULL);
	live_publisher_gone(l, "bye");
	answer(1, NULL);
	pass(w, 10001);
	assert_int_equal(count_in(l, "source", "#EXT-X-ENDLIST"), 1);
	assert_int_equal(count_in(l, "lo", "#EXT-X-ENDLIST"), 1);
	assert_null(session);
	assert_int_equal(w->stats.streams_ended, 1);
	/* kept for late viewers, then gone */
	pass(w, 59000);
	assert_ptr_equal(lives_find(w->ls, "a"), l);
	pass(w, 1001);
	assert_null(lives_find(w->ls, "a"));
	assert_int_equal(lives_count(w->ls), 0);
	world_free(w);
}

static void the_end_waits_for_renditions(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a");
	struct err err;

	(void)state;
	play(w, l, 3000, 1000);
	lives_drain(w->ls);
	assert_false(lives_are_idle(w->ls));
	assert_int_equal(count_in(l, "source", "#EXT-X-ENDLIST"), 0);
	answer(0, NULL);
	err_set(&err, ERR_TIMEOUT, "nobody");
	answer(1, &err);	/* frees the session inside its callback */
	assert_true(lives_are_idle(w->ls));
	assert_int_equal(count_in(l, "lo", "#EXT-X-ENDLIST"), 1);
	world_free(w);
}

static void nothing_begins_while_draining(void **state)
{
	struct world *w = world_started();
	struct err err;

	(void)state;
	publish(w, "a");
	lives_drain(w->ls);
	assert_null(live_open(w->ls, "b", true, NULL, &err));
	assert_int_equal(err.code, ERR_BUSY);
	assert_null(live_open(w->ls, "a", false, NULL, &err));
	assert_int_equal(err.code, ERR_BUSY);
	assert_true(lives_are_idle(w->ls));
	lives_close(w->ls);
	assert_null(live_open(w->ls, "c", true, NULL, &err));
	uv_run(&w->loop, UV_RUN_DEFAULT);
	lives_free(w->ls);
	start(w);
	world_free(w);
}

static void name_in_use_is_refused(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a");
	struct err err;

	(void)state;
	assert_null(live_open(w->ls, "a", false, NULL, &err));
	assert_int_equal(err.code, ERR_BUSY);
	assert_null(live_open(w->ls, "a", true, NULL, &err));
	live_publisher_gone(l, "bye");
	assert_null(live_open(w->ls, "a", true, NULL, &err));	/* not as another kind */
	assert_int_equal(err.code, ERR_BUSY);
	assert_non_null(live_open(w->ls, "a", false, NULL, &err));
	world_free(w);
}

static void ended_streams_make_room_for_new_ones(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct world *w = world_started();
	struct err err;
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		live_publisher_gone(publish(w, names[i]), "bye");
	assert_null(live_open(w->ls, "e", false, NULL, &err));	/* any may come back */
	assert_int_equal(err.code, ERR_BUSY);
	pass(w, 10001);
	publish(w, "e");
	assert_int_equal(lives_count(w->ls), 4);
	assert_non_null(lives_find(w->ls, "e"));
	world_free(w);
}

static void name_used_again_never_repeats_a_sequence_or_a_version(void **state)
{
	struct world *w = world_started();
	struct live *l = publish(w, "a");
	uint64_t last, version, i;

	(void)state;
	w->tc.has_orchestrators = false;
	for (i = 0; i < 30; i++)
		play(w, l, 2000, 1000);
	set_time(w, 1000000 + 40000);	/* the clock goes back */
	last = window_last_sequence(live_window(l, "source"));
	version = window_version(live_window(l, "source"));
	live_publisher_gone(l, "bye");
	pass(w, 1);
	last = window_last_sequence(live_window(l, "source"));
	pass(w, 10001);
	w->t_ms = 0;
	set_time(w, 1000001);
	l = publish(w, "a");
	for (i = 0; i < 30; i++) {
		play(w, l, 2000, 1000);
		assert_true(window_version(live_window(l, "source")) != version);
	}
	assert_true(window_last_sequence(live_window(l, "source")) > last + 28);
	assert_null(window_find(live_window(l, "source"), last));
	world_free(w);
}

/* ---- pushes ---- */

static void on_done(void *arg, const struct tc_result *r)
{
	struct world *w = *(struct world **)arg;

	w->done_arg[w->n_done] = arg;
	w->done_err[w->n_done] = r->err ? r->err->code : ERR_NONE;
	w->done[w->n_done++] = *r;
}

static void push(struct world *w, struct live *l, int64_t start_ms, struct world **arg)
{
	struct clip c;
	struct inspect in;
	struct hash32 h;
	struct blob *b;
	struct err err;

	*arg = w;
	clip_make(&c, start_ms, 50, 3);
	assert_int_equal(inspect_segment(&in, false, c.bytes.data, c.bytes.len, &err), 0);
	/* what a pusher's own time line would say */
	in.first_pts_90k = start_ms * 90;
	h = hash_sha256(c.bytes.data, c.bytes.len);
	b = blob_new(c.bytes.data, c.bytes.len, &err);
	live_push(l, b, false, &in, 2000, &h, on_done, arg);
	blob_unref(b);
	clip_fini(&c);
}

static void pushes_are_answered_each_with_its_own(void **state)
{
	struct world *w = world_started(), *arg[4];
	struct err err;
	struct live *l = live_open(w->ls, "p", true, NULL, &err);

	(void)state;
	push(w, l, 0, &arg[0]);
	push(w, l, 2000, &arg[1]);
	push(w, l, 9000, &arg[2]);
	assert_int_equal(count_in(l, "source", ".ts"), 3);
	assert_int_equal(count_in(l, "source", "#EXT-X-DISCONTINUITY\n"), 1);
	assert_int_equal(w->n_done, 0);
	answer(0, NULL);
	err_set(&err, ERR_TIMEOUT, "nobody");
	answer(1, &err);
	answer(2, NULL);
	assert_int_equal(w->n_done, 3);
	assert_ptr_equal(w->done_arg[0], &arg[0]);
	assert_int_equal(w->done[0].n, 1);
	assert_int_equal(w->done_err[1], ERR_TIMEOUT);
	assert_ptr_equal(w->done_arg[2], &arg[2]);
	world_free(w);
}

static void push_without_orchestrators_is_answered_at_once(void **state)
{
	struct world *w = world_started(), *arg;
	struct err err;
	struct live *l = live_open(w->ls, "p", true, NULL, &err);

	(void)state;
	w->tc.has_orchestrators = false;
	push(w, l, 0, &arg);
	assert_int_equal(w->n_done, 1);
	assert_int_equal(w->done_err[0], ERR_NONE);
	assert_int_equal(w->done[0].n, 0);
	world_free(w);
}

static void forgotten_push_is_not_answered(void **state)
{
	struct world *w = world_started(), *arg[2];
	struct err err;
	struct live *l = live_open(w->ls, "p", true, NULL, &err);

	(void)state;
	push(w, l, 0, &arg[0]);
	push(w, l, 2000, &arg[1]);
	live_push_forget(l, &arg[0]);
	answer(0, NULL);
	answer(1, NULL);
	assert_int_equal(w->n_done, 1);
	assert_ptr_equal(w->done_arg[0], &arg[1]);
	world_free(w);
}

static void idle_pushed_stream_ends(void **state)
{
	struct world *w = world_started(), *arg;
	struct err err;
	struct live *l = live_open(w->ls, "p", true, NULL, &err);

	(void)state;
	push(w, l, 0, &arg);
	answer(0, NULL);
	pass(w, 59000);
	assert_true(live_is_live(l));
	pass(w, 1001);
	assert_false(live_is_live(l));
	assert_int_equal(count_in(l, "source", "#EXT-X-ENDLIST"), 1);
	world_free(w);
}

static void closing_answers_what_waits(void **state)
{
	struct world *w = world_started(), *arg;
	struct err err;
	struct live *l = live_open(w->ls, "p", true, NULL, &err);

	(void)state;
	push(w, l, 0, &arg);
	lives_close(w->ls);
	assert_int_equal(w->n_done, 1);
	assert_int_equal(w->done_err[0], ERR_IO);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	lives_free(w->ls);
	start(w);
	world_free(w);
}

static void a_flood_of_tiny_pushes_is_bounded(void **state)
{
	struct world *w = world_started(), *arg;
	struct err err;
	struct live *l = live_open(w->ls, "p", true, NULL, &err);
	size_t most = 0, bytes;
	unsigned i;

	(void)state;
	w->tc.has_orchestrators = false;
	for (i = 0; i < 600; i++) {
		w->n_done = 0;
		push(w, l, i * 2000, &arg);	/* 2 s of media, no time passes */
		bytes = window_bytes(live_window(l, "source"));
		if (i == 299)
			most = bytes;
	}
	assert_true(bytes < most + most / 10);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(source_plays_before_any_transcoding_answers),
		cmocka_unit_test(dates_are_those_of_the_first_frames),
		cmocka_unit_test(renditions_follow_in_any_case_with_the_source_s_place),
		cmocka_unit_test(rendition_far_behind_leaves_the_master),
		cmocka_unit_test(without_orchestrators_the_source_is_all),
		cmocka_unit_test(segments_beyond_the_queue_are_lost_not_kept),
		cmocka_unit_test(what_does_not_stand_alone_is_source_only),
		cmocka_unit_test(long_gop_is_warned_of_once_with_the_remedy),
		cmocka_unit_test(status_is_json_in_every_state),
		cmocka_unit_test(publisher_back_within_the_grace_goes_on),
		cmocka_unit_test(publisher_gone_for_longer_ends_the_stream),
		cmocka_unit_test(the_end_waits_for_renditions),
		cmocka_unit_test(nothing_begins_while_draining),
		cmocka_unit_test(name_in_use_is_refused),
		cmocka_unit_test(ended_streams_make_room_for_new_ones),
		cmocka_unit_test(name_used_again_never_repeats_a_sequence_or_a_version),
		cmocka_unit_test(pushes_are_answered_each_with_its_own),
		cmocka_unit_test(push_without_orchestrators_is_answered_at_once),
		cmocka_unit_test(forgotten_push_is_not_answered),
		cmocka_unit_test(idle_pushed_stream_ends),
		cmocka_unit_test(closing_answers_what_waits),
		cmocka_unit_test(a_flood_of_tiny_pushes_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
