/*
 * A stream's life.  One way in (packets through the segmenter, or pushed
 * segments), one way out (add_source, add_renditions), and a list of segments
 * whose renditions have not come yet, which carries each one's place on the time
 * line from the first to the second.
 */
#include "node/live.h"

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
#include "media/wire/inspect.h"
#include "media/wire/params.h"
#include "media/wire/segmenter.h"
#include "node/signer.h"
#include "node/stats.h"
#include "node/transcode.h"
#include "node/window.h"

#define SEGMENT_BYTES_CAP (33u << 20)	/* the segmenter's own bound, and a last frame */
#define PENDING_MAX 16			/* segments waiting for renditions; beyond: lost */
#define GOP_WARN_MS 4000
#define STALE_SEGMENTS 6		/* a rendition this far behind leaves the master */
/* Sequences begin at seconds since this moment, so that they never go back and no
 * cached segment name is used again, also after a restart. */
#define EPOCH_MS 1704067200000LL

struct rendition {
	char name[PROFILE_NAME_MAX];
	struct window *window;	/* owned */
	char codecs[64];
	int width, height;
	double fps;
	uint64_t n_segments, n_lost, last_sequence;
};

/* A segment whose renditions are on their way. */
struct pending {
	struct list_node node;
	uint64_t sequence;
	int64_t duration_90k, wall_start_ms;
	bool discontinuity;
	live_push_cb *done;	/* or NULL */
	void *arg;
};

struct live {
	struct list_node node;
	struct lives *ls;
	char name[132];
	struct stream_id id;
	struct log log;
	enum live_state state;
	bool push;
	int64_t since_wall_ms, changed_ms;	/* first publish; last change of state or push */
	struct segmenter *seg;		/* owned; NULL for pushed streams */
	struct blob_writer cur;		/* the segment being cut */
	struct err cur_err;		/* why it cannot be whole; code ERR_NONE: it can */
	struct sha256 *sha;		/* of cur */
	struct tc_session *tc;		/* owned; NULL: source only (so far) */
	struct tc_segment *cur_tc;	/* of cur */
	int64_t wall_first_ms;		/* when the publisher's first packet came */
	int64_t wall_begin_ms;		/* when the segment being cut began */
	int64_t wall_next_ms;		/* where the next segment begins; 0: not known */
	int64_t next_pts_90k;		/* pushed: where a segment that continues begins */
	uint64_t next_sequence;		/* pushed streams; the segmenter counts itself */
	struct profile_list profiles;	/* as asked */
	bool profiles_fitted;
	struct rendition source;
	struct rendition r[PROFILES_MAX];
	size_t n_r;
	struct list pending;
	char orchestrator[280];
	enum codec video, audio;
	char warning[200];
	bool has_dependent;		/* some segment did not begin with a key frame */
	struct log_limit bad_packets;
};

struct lives {
	uv_loop_t *loop;
	struct lives_opts opts;
	struct tc *tc;			/* borrowed or NULL */
	const struct signer *signer;	/* borrowed */
	struct stats *stats;		/* borrowed */
	struct list all;		/* struct live.node */
	unsigned n;
	bool draining;			/* nothing new begins */
	uv_timer_t tick;
};

static void rendition_init(struct rendition *r, const struct lives *ls, const char *name)
{
	*r = (struct rendition){ .window = window_new(ls->opts.target_ms, ls->opts.window_ms) };
	snprintf(r->name, sizeof(r->name), "%s", name);
}

/* ---- transcoding ---- */

static void try_finish(struct live *l);

static struct pending *find_pending(struct live *l, uint64_t sequence)
{
	list_each(n, &l->pending) {
		struct pending *p = list_entry(n, struct pending, node);

		if (p->sequence == sequence)
			return p;
	}
	return NULL;
}

static void add_rendition(struct rendition *r, const struct pending *p,
			  const struct tc_rendition *got)
{
	struct playlist_entry e = {
		.duration_90k = p->duration_90k,
		.wall_start_ms = p->wall_start_ms,
		.discontinuity = p->discontinuity,
	};
	struct window_segment s = {
		.sequence = p->sequence,
		.data = got->data,
		.init_len = got->facts.init_len,
		.fmp4 = got->facts.init_len > 0,
	};

	window_add(r->window, &s, &e);
	window_expire(r->window, clock_wall_ms());
	r->n_segments++;
	r->last_sequence = p->sequence;
	r->width = got->facts.width;
	r->height = got->facts.height;
	snprintf(r->codecs, sizeof(r->codecs), "%s", got->facts.codecs);
}

static void count_result(struct live *l, const struct pending *p, const struct tc_result *r)
{
	struct stats *st = l->ls->stats;
	double media_ms = (double)p->duration_90k / 90;

	if (r->err) {
		st->renditions_lost += l->n_r;
		log_warn(&l->log, "segment has no renditions: seq=%llu tries=%u peer=%s why=%s",
			 (unsigned long long)r->sequence, r->n_tries, r->orchestrator,
			 r->err->msg);
		return;
	}
	st->renditions_in += r->n;
	st->segments_complete++;
	st->media_ms += media_ms;
	st->transcode_ms += r->total_ms;
	hist_add(&st->transcode_time, r->transcode_ms);
	hist_add(&st->segment_total, r->total_ms);
	hist_add(&st->node_overhead, r->total_ms > r->transcode_ms ?
		 r->total_ms - r->transcode_ms : 0);
	log_info(&l->log, "segment transcoded: seq=%llu peer=%s ms=%u work_ms=%u tries=%u",
		 (unsigned long long)r->sequence, r->orchestrator, r->total_ms,
		 r->transcode_ms, r->n_tries);
}

static void on_result(void *arg, const struct tc_result *r)
{
	struct live *l = arg;
	struct pending *p = find_pending(l, r->sequence);
	size_t i;

	if (!p)
		return;
	snprintf(l->orchestrator, sizeof(l->orchestrator), "%s", r->orchestrator);
	count_result(l, p, r);
	for (i = 0; i < l->n_r; i++) {
		if (r->err)
			l->r[i].n_lost++;
		else if (i < r->n)
			add_rendition(&l->r[i], p, &r->renditions[i]);
		l->r[i].fps = l->profiles.p[i].fps_num ?
			(double)l->profiles.p[i].fps_num / l->profiles.p[i].fps_den : l->source.fps;
	}
	if (p->done)
		p->done(p->arg, r);
	list_remove(&p->node);
	free(p);
	try_finish(l);
}

/* The first segment with a picture decides the ladder: rungs above it are left out. */
static void fit_profiles(struct live *l, int width, int height)
{
	size_t i;

	if (l->profiles_fitted || width <= 0 || height <= 0)
		return;
	l->profiles_fitted = true;
	if (l->profiles.n == 0)
		return;
	profiles_fit_source(&l->profiles, width, height);
	for (i = 0; i < l->profiles.n; i++) {
		rendition_init(&l->r[i], l->ls, l->profiles.p[i].name);
		profile_fit(&l->profiles.p[i], width, height, &l->r[i].width, &l->r[i].height);
	}
	l->n_r = l->profiles.n;
}

static void ensure_session(struct live *l, int width, int height, int fps_num, int fps_den)
{
	struct tc_session_opts o = {
		.name = l->name, .stream = l->id, .preset = l->ls->opts.preset,
		.width = width, .height = height, .fps_num = fps_num, .fps_den = fps_den,
	};

	if (!l->ls->tc || !tc_has_orchestrators(l->ls->tc))
		return;
	fit_profiles(l, width, height);
	if (l->tc || l->n_r == 0)
		return;
	o.profiles = l->profiles;
	l->tc = tc_session_new(l->ls->tc, &o, on_result, l);
}

static struct tc_segment *begin_transcode(struct live *l, const struct tc_source *src,
					  int fps_num, int fps_den)
{
	if (src->width <= 0 || src->height <= 0)
		return NULL;
	ensure_session(l, src->width, src->height, fps_num, fps_den);
	if (!l->tc)
		return NULL;
	if (tc_session_pending(l->tc) >= PENDING_MAX)
		return NULL;
	return tc_segment_begin(l->tc, src);
}

/* ---- the source ---- */

/* Where a segment stands in time: behind the last one, or where it began by the clock. */
static int64_t place(struct live *l, bool discontinuity, int64_t duration_90k, int64_t began_ms)
{
	int64_t start = l->wall_next_ms;

	if (start == 0 || discontinuity)
		start = began_ms;
	l->wall_next_ms = start + duration_90k / 90;
	return start;
}

static struct pending *add_pending(struct live *l, uint64_t sequence, int64_t duration_90k,
				   int64_t wall_start_ms, bool discontinuity)
{
	struct pending *p = xcalloc(1, sizeof(*p));

	p->sequence = sequence;
	p->duration_90k = duration_90k;
	p->wall_start_ms = wall_start_ms;
	p->discontinuity = discontinuity;
	list_add_tail(&l->pending, &p->node);
	return p;
}

static void add_source(struct live *l, struct blob *data, uint64_t sequence, size_t init_len,
		       int64_t duration_90k, int64_t wall_start_ms, bool discontinuity)
{
	struct playlist_entry e = {
		.duration_90k = duration_90k,
		.wall_start_ms = wall_start_ms,
		.discontinuity = discontinuity,
	};
	struct window_segment s = {
		.sequence = sequence, .data = data, .init_len = init_len, .fmp4 = init_len > 0,
	};

	window_add(l->source.window, &s, &e);
	window_expire(l->source.window, clock_wall_ms());
	l->source.n_segments++;
	l->source.last_sequence = sequence;
	l->ls->stats->segments_source++;
	hist_add(&l->ls->stats->source_duration, (double)duration_90k / 90);
}

static void lost_all(struct live *l, const char *why, uint64_t sequence)
{
	size_t i;

	for (i = 0; i < l->n_r; i++)
		l->r[i].n_lost++;
	l->ls->stats->renditions_lost += l->n_r;
	log_warn(&l->log, "segment goes out as source only: seq=%llu why=%s",
		 (unsigned long long)sequence, why);
}

static const char *why_source_only(const struct segment_info *info)
{
	if (!info->transcodable)
		return "it does not stand alone (no key frame, or too long)";
	if (info->n_video == 0)
		return "it has no video";
	return "too many segments are waiting already";
}

static void warn_long_gop(struct live *l)
{
	int gop_ms = l->seg ? segmenter_gop_ms(l->seg) : 0;

	if (gop_ms <= GOP_WARN_MS || l->warning[0])
		return;
	snprintf(l->warning, sizeof(l->warning), "key frames are %.1f s apart, so segments are as "
		 "long and players lag: set the encoder's key-frame interval to 2 s "
		 "(OBS: Output > Streaming > Keyframe Interval 2)", gop_ms / 1000.0);
	log_warn(&l->log, "%s: gop_ms=%d", l->warning, gop_ms);
}

/* ---- segmenter callbacks ---- */

static void on_begin(void *arg, const struct segment_info *info)
{
	struct live *l = arg;
	struct tc_source src = {
		.sequence = info->sequence, .fmp4 = info->container == CONTAINER_FMP4,
		.discontinuity = info->discontinuity, .width = info->width, .height = info->height,
	};

	blob_writer_drop(&l->cur);
	l->cur_err.code = ERR_NONE;
	blob_writer_open(&l->cur, &l->cur_err);
	sha256_reset(l->sha);
	/* The segmenter holds a stream's first packets back while it waits for a track. */
	l->wall_begin_ms = l->wall_next_ms == 0 ? l->wall_first_ms : clock_wall_ms();
	l->cur_tc = NULL;
	if (info->independent)
		l->cur_tc = begin_transcode(l, &src, info->fps_num, info->fps_den);
}

static void on_data(void *arg, const uint8_t *data, size_t len)
{
	struct live *l = arg;

	if (l->cur_err.code == ERR_NONE && l->cur.len + len > SEGMENT_BYTES_CAP)
		err_set(&l->cur_err, ERR_LIMIT, "segment above %u bytes", SEGMENT_BYTES_CAP);
	if (l->cur_err.code != ERR_NONE)
		return;
	blob_writer_add(&l->cur, data, len, &l->cur_err);
	if (!l->cur_tc)
		return;
	sha256_add(l->sha, data, len);
	tc_segment_data(l->cur_tc, data, len);
}

static void on_end(void *arg, const struct segment_info *info)
{
	struct live *l = arg;
	/* The first of all continues nothing, and breaks nothing. */
	bool discontinuity = info->discontinuity && l->source.n_segments > 0;
	int64_t wall = place(l, info->discontinuity, info->duration_90k, l->wall_begin_ms);
	struct tc_facts facts;
	struct blob *data = NULL;

	if (l->cur_err.code == ERR_NONE)
		data = blob_writer_finish(&l->cur, &l->cur_err);
	if (!data) {
		log_error(&l->log, "segment lost: seq=%llu why=%s",
			  (unsigned long long)info->sequence, l->cur_err.msg);
		if (l->cur_tc)
			tc_segment_drop(l->cur_tc);
		l->cur_tc = NULL;
		return;
	}
	add_source(l, data, info->sequence, info->init_len, info->duration_90k, wall,
		   discontinuity);
	snprintf(l->source.codecs, sizeof(l->source.codecs), "%s", info->codecs);
	l->source.width = info->width;
	l->source.height = info->height;
	if (info->fps_den > 0)
		l->source.fps = (double)info->fps_num / info->fps_den;
	log_debug(&l->log, "segment cut: seq=%llu ms=%lld bytes=%zu",
		  (unsigned long long)info->sequence, (long long)info->duration_90k / 90,
		  data->len);
	if (l->cur_tc && info->transcodable && info->n_video > 0) {
		facts = (struct tc_facts){
			.duration_ms = (uint32_t)((info->duration_90k + 45) / 90),
			.n_video = info->n_video,
			.first_pts_90k = info->start_pts_90k,
			.sha256 = sha256_end(l->sha),
		};
		add_pending(l, info->sequence, info->duration_90k, wall, discontinuity);
		tc_segment_end(l->cur_tc, data, &facts);
	} else {
		if (l->cur_tc)
			tc_segment_drop(l->cur_tc);
		if (!info->transcodable)
			l->ls->stats->segments_untranscodable++;
		if (!info->independent)
			l->has_dependent = true;
		if (l->tc)
			lost_all(l, why_source_only(info), info->sequence);
	}
	l->cur_tc = NULL;
	blob_unref(data);
	warn_long_gop(l);
}

static const struct segmenter_cb segmenter_cb = {
	.begin = on_begin, .data = on_data, .end = on_end,
};

/* ---- states ---- */

static void set_state(struct live *l, enum live_state state)
{
	l->state = state;
	l->changed_ms = clock_mono_ms();
}

/* All renditions are there or given up: now the lists can end. */
static void try_finish(struct live *l)
{
	size_t i;

	if (l->state != LIVE_ENDING || !list_is_empty(&l->pending))
		return;
	window_end(l->source.window);
	for (i = 0; i < l->n_r; i++)
		window_end(l->r[i].window);
	if (l->tc) {
		tc_session_free(l->tc);
		l->tc = NULL;
	}
	set_state(l, LIVE_ENDED);
	l->ls->stats->streams_ended++;
	log_info(&l->log, "stream ended: segments=%llu",
		 (unsigned long long)l->source.n_segments);
}

static void end_stream(struct live *l)
{
	if (l->state == LIVE_ENDING || l->state == LIVE_ENDED)
		return;
	set_state(l, LIVE_ENDING);
	if (l->seg)
		segmenter_flush(l->seg);
	try_finish(l);
}

static void drop_pending(struct live *l)
{
	struct err err;
	struct tc_result r = { .err = &err, .orchestrator = "" };

	err_set(&err, ERR_IO, "stream closed");
	list_each(n, &l->pending) {
		struct pending *p = list_entry(n, struct pending, node);

		r.sequence = p->sequence;
		if (p->done)
			p->done(p->arg, &r);
		free(p);
	}
}

static void free_live(struct live *l)
{
	size_t i;

	list_remove(&l->node);
	l->ls->n--;
	tc_session_free(l->tc);
	drop_pending(l);
	segmenter_free(l->seg);
	blob_writer_drop(&l->cur);
	sha256_free(l->sha);
	window_free(l->source.window);
	for (i = 0; i < l->n_r; i++)
		window_free(l->r[i].window);
	free(l);
}

static void expire_windows(struct live *l)
{
	int64_t now = clock_wall_ms();
	size_t i;

	window_expire(l->source.window, now);
	for (i = 0; i < l->n_r; i++)
		window_expire(l->r[i].window, now);
}

static void on_tick(uv_timer_t *timer)
{
	struct lives *ls = timer->data;
	int64_t now = clock_mono_ms();

	list_each(n, &ls->all) {
		struct live *l = list_entry(n, struct live, node);
		uint64_t idle = (uint64_t)(now - l->changed_ms);

		switch (l->state) {
		case LIVE_LIVE:
			if (l->push && idle >= ls->opts.push_idle_ms)
				end_stream(l);
			expire_windows(l);
			break;
		case LIVE_WAITING:
			if (idle >= ls->opts.grace_ms)
				end_stream(l);
			break;
		case LIVE_ENDING:
			try_finish(l);
			break;
		case LIVE_ENDED:
			if (idle >= ls->opts.keep_ms)
				free_live(l);
			break;
		}
	}
}

struct lives *lives_new(uv_loop_t *loop, const struct lives_opts *opts, struct tc *tc,
			const struct signer *signer, struct stats *stats)
{
	struct lives *ls = xcalloc(1, sizeof(*ls));

	ls->loop = loop;
	ls->opts = *opts;
	ls->tc = tc;
	ls->signer = signer;
	ls->stats = stats;
	list_init(&ls->all);
	uv_timer_init(loop, &ls->tick);
	ls->tick.data = ls;
	uv_timer_start(&ls->tick, on_tick, 500, 500);
	return ls;
}

struct live *lives_find(const struct lives *ls, const char *name)
{
	list_each(n, &ls->all) {
		struct live *l = list_entry(n, struct live, node);

		if (strcmp(l->name, name) == 0)
			return l;
	}
	return NULL;
}

unsigned lives_count(const struct lives *ls)
{
	return ls->n;
}

void lives_drain(struct lives *ls)
{
	ls->draining = true;
	list_each(n, &ls->all)
		end_stream(list_entry(n, struct live, node));
}

bool lives_are_idle(const struct lives *ls)
{
	list_each(n, &ls->all)
		if (list_entry(n, struct live, node)->state != LIVE_ENDED)
			return false;
	return true;
}

void lives_close(struct lives *ls)
{
	ls->draining = true;
	list_each(n, &ls->all)
		free_live(list_entry(n, struct live, node));
	uv_close((uv_handle_t *)&ls->tick, NULL);
}

void lives_free(struct lives *ls)
{
	free(ls);
}

static uint64_t first_sequence(const struct live *old)
{
	uint64_t now = (uint64_t)(clock_wall_ms() - EPOCH_MS) / 1000;

	if (old && old->source.last_sequence >= now)
		return old->source.last_sequence + 1;
	return now;
}

static struct live *live_new(struct lives *ls, const char *name, bool push, uint64_t sequence)
{
	struct segmenter_opts so = {
		.target_ms = ls->opts.target_ms, .max_ms = 16000, .max_bytes = 32u << 20,
		.first_sequence = sequence,
	};
	struct live *l = xcalloc(1, sizeof(*l));
	struct eth_addr me = signer_addr(ls->signer);

	l->ls = ls;
	snprintf(l->name, sizeof(l->name), "%s", name);
	l->id = stream_id_new(&me);
	log_init(&l->log, "stream=%.80s", name);
	l->push = push;
	l->since_wall_ms = clock_wall_ms();
	l->sha = sha256_new();
	l->next_sequence = sequence;
	list_init(&l->pending);
	rendition_init(&l->source, ls, "source");
	if (!push)
		l->seg = segmenter_new(&so, &segmenter_cb, l);
	list_add_tail(&ls->all, &l->node);
	ls->n++;
	ls->stats->streams_created++;
	return l;
}

/* Streams that only wait for late viewers make room for new ones. */
static void free_oldest_ended(struct lives *ls)
{
	struct live *oldest = NULL;

	list_each(n, &ls->all) {
		struct live *l = list_entry(n, struct live, node);

		if (l->state == LIVE_ENDED && (!oldest || l->changed_ms < oldest->changed_ms))
			oldest = l;
	}
	if (oldest)
		free_live(oldest);
}

struct live *live_open(struct lives *ls, const char *name, bool push,
		       const struct profile_list *profiles, struct err *err)
{
	struct live *l = lives_find(ls, name);
	uint64_t sequence = first_sequence(l);

	if (ls->draining) {
		err_set(err, ERR_BUSY, "this node is shutting down");
		return NULL;
	}
	if (l && (l->state == LIVE_LIVE || (l->state != LIVE_ENDED && l->push != push))) {
		err_set(err, ERR_BUSY, "stream %s is already being published", name);
		return NULL;
	}
	if (l && l->state == LIVE_WAITING) {
		log_info(&l->log, "publisher is back, stream goes on");
		set_state(l, LIVE_LIVE);
		return l;
	}
	if (l && l->state == LIVE_ENDING) {
		err_set(err, ERR_BUSY, "stream %s is just ending: try again", name);
		return NULL;
	}
	if (l)
		free_live(l);
	if (ls->n >= ls->opts.max_streams)
		free_oldest_ended(ls);
	if (ls->n >= ls->opts.max_streams) {
		err_set(err, ERR_BUSY, "%u streams are there already (-maxStreams)", ls->n);
		return NULL;
	}
	l = live_new(ls, name, push, sequence);
	l->profiles = profiles ? *profiles : ls->opts.profiles;
	set_state(l, LIVE_LIVE);
	ls->stats->streams_started++;
	log_info(&l->log, "stream started: id=%s kind=%s", l->id.s, push ? "push" : "rtmp");
	return l;
}

bool live_is_live(const struct live *l)
{
	return l->state == LIVE_LIVE;
}

bool live_is_push(const struct live *l)
{
	return l->push;
}

const struct profile_list *live_profiles(const struct live *l)
{
	return &l->profiles;
}

/* ---- packets ---- */

void live_set_track(struct live *l, enum track track, const struct track_config *config)
{
	struct err err;

	if (segmenter_set_track(l->seg, track, config, &err) < 0) {
		log_warn(&l->log, "codec parameters refused: codec=%s why=%s",
			 codec_name(config->codec), err.msg);
		return;
	}
	if (track == TRACK_VIDEO)
		l->video = config->codec;
	else
		l->audio = config->codec;
	log_info(&l->log, "track: codec=%s width=%d height=%d sample_rate=%d channels=%d",
		 codec_name(config->codec), config->width, config->height, config->sample_rate,
		 config->channels);
}

void live_packet(struct live *l, const struct media_packet *p)
{
	struct err err;

	if (l->wall_first_ms == 0)
		l->wall_first_ms = clock_wall_ms();
	if (segmenter_push(l->seg, p, &err) < 0 && log_may(&l->bad_packets, 6))
		log_warn(&l->log, "frame dropped: why=%s", err.msg);
}

void live_publisher_gone(struct live *l, const char *why)
{
	if (l->state != LIVE_LIVE)
		return;
	log_info(&l->log, "publisher gone: why=%s wait_ms=%llu", why,
		 (unsigned long long)l->ls->opts.grace_ms);
	if (l->seg)
		segmenter_break(l->seg);
	l->wall_next_ms = l->wall_first_ms = 0;
	set_state(l, LIVE_WAITING);
}

/* ---- pushed segments ---- */

/* It plays, but has no renditions: is that as it should be? */
static void answer_source_only(const struct live *l, const struct inspect *in, live_push_cb *done,
			       void *arg, uint64_t sequence)
{
	struct tc_result r = { .sequence = sequence, .orchestrator = "" };
	struct err err;

	if (in->n_video && !in->starts_with_idr) {
		err_set(&err, ERR_INVALID, "the segment does not begin with a key frame");
		r.err = &err;
	} else if (l->tc && tc_session_pending(l->tc) >= PENDING_MAX) {
		err_set(&err, ERR_BUSY, "%d segments of this stream wait already", PENDING_MAX);
		r.err = &err;
	}
	done(arg, &r);
}

/* 33-bit time stamps: does b follow a within 100 ms? */
static bool follows(int64_t a, int64_t b)
{
	int64_t d = (b - a) & ((1LL << 33) - 1);

	return d < 9000 || d > (1LL << 33) - 9000;
}

void live_push(struct live *l, struct blob *data, bool fmp4, const struct inspect *in,
	       uint32_t duration_ms, const struct hash32 *sha256, live_push_cb *done, void *arg)
{
	int64_t duration_90k = in->duration_90k > 0 ? in->duration_90k : (int64_t)duration_ms * 90;
	bool first = window_is_empty(l->source.window);
	bool discontinuity = !first && !follows(l->next_pts_90k, in->first_pts_90k);
	uint64_t sequence = l->next_sequence++;
	int64_t wall = place(l, discontinuity, duration_90k, clock_wall_ms() - duration_90k / 90);
	struct tc_source src = {
		.sequence = sequence, .fmp4 = fmp4, .discontinuity = discontinuity,
		.width = in->width, .height = in->height,
	};
	struct tc_facts facts = {
		.duration_ms = (uint32_t)((duration_90k + 45) / 90), .n_video = in->n_video,
		.first_pts_90k = in->first_pts_90k, .sha256 = *sha256,
	};
	struct tc_segment *g = NULL;
	struct pending *p;

	if (in->n_video && !in->starts_with_idr)
		l->has_dependent = true;
	l->next_pts_90k = in->first_pts_90k + duration_90k;
	l->changed_ms = clock_mono_ms();
	add_source(l, data, sequence, in->init_len, duration_90k, wall, discontinuity);
	l->video = in->video;
	l->audio = in->audio;
	l->source.width = in->width;
	l->source.height = in->height;
	if (in->duration_90k > 0 && in->n_video)
		l->source.fps = in->n_video * 90000.0 / (double)in->duration_90k;
	snprintf(l->source.codecs, sizeof(l->source.codecs), "%s", in->codecs);
	if (in->n_video && in->starts_with_idr)
		g = begin_transcode(l, &src, 0, 0);
	if (!g) {
		answer_source_only(l, in, done, arg, sequence);
		return;
	}
	p = add_pending(l, sequence, duration_90k, wall, discontinuity);
	p->done = done;
	p->arg = arg;
	tc_segment_data(g, data->data, data->len);
	tc_segment_end(g, data, &facts);
}

void live_push_forget(struct live *l, void *arg)
{
	list_each(n, &l->pending) {
		struct pending *p = list_entry(n, struct pending, node);

		if (p->arg == arg)
			p->done = NULL;
	}
}

/* ---- HLS ---- */

struct window *live_window(const struct live *l, const char *rendition)
{
	size_t i;

	if (strcmp(rendition, "source") == 0)
		return l->source.window;
	for (i = 0; i < l->n_r; i++)
		if (strcmp(l->r[i].name, rendition) == 0)
			return l->r[i].window;
	return NULL;
}

/* A rendition that fell far behind is not offered: players would stall on it. */
static bool is_playable(const struct live *l, const struct rendition *r)
{
	return !window_is_empty(r->window) &&
		r->last_sequence + STALE_SEGMENTS >= l->source.last_sequence;
}

static int by_size(const void *a, const void *b)
{
	const struct playlist_variant *x = a, *y = b;
	long long px = (long long)x->width * x->height, py = (long long)y->width * y->height;

	if (px != py)
		return px < py ? 1 : -1;
	return x->rate.peak_bps < y->rate.peak_bps ? 1 : -1;
}

bool live_master(const struct live *l, struct buf *b)
{
	struct playlist_variant v[PROFILES_MAX + 1];
	char uri[PROFILES_MAX + 1][PROFILE_NAME_MAX + 16];
	size_t i, n = 0;

	for (i = 0; i <= l->n_r; i++) {
		const struct rendition *r = i ? &l->r[i - 1] : &l->source;

		if (i ? !is_playable(l, r) : window_is_empty(r->window))
			continue;
		snprintf(uri[n], sizeof(uri[n]), "%s/index.m3u8", r->name);
		v[n] = (struct playlist_variant){
			.uri = uri[n], .name = r->name,
			.rate = playlist_rate(window_playlist(r->window)),
			.codecs = r->codecs, .width = r->width, .height = r->height, .fps = r->fps,
		};
		n++;
	}
	if (n == 0)
		return false;
	/* Source first, the rest best first: a player begins with what is there first. */
	qsort(v + 1, n - 1, sizeof(v[0]), by_size);
	playlist_master_render(b, v, n, !l->has_dependent);
	return true;
}

/* ---- status ---- */

static void rendition_status(struct buf *b, const struct rendition *r)
{
	buf_add_str(b, "{\"name\":");
	json_add_string(b, r->name);
	buf_addf(b, ",\"width\":%d,\"height\":%d,\"segments\":%llu,\"lost\":%llu,"
		 "\"lastSequence\":%llu,\"bitrate\":%llu}", r->width, r->height,
		 (unsigned long long)r->n_segments, (unsigned long long)r->n_lost,
		 (unsigned long long)r->last_sequence,
		 (unsigned long long)playlist_rate(window_playlist(r->window)).average_bps);
}

static void live_status(struct buf *b, const struct live *l)
{
	static const char *const states[] = { "live", "waiting", "ended", "ended" };
	size_t i;

	buf_addf(b, "{\"name\":\"%s\",\"streamId\":\"%s\",\"state\":\"%s\",\"kind\":\"%s\","
		 "\"sinceMs\":%lld,\"source\":{\"width\":%d,\"height\":%d,\"fps\":%.3f,"
		 "\"videoCodec\":\"%s\",\"audioCodec\":\"%s\",\"gopMs\":%d,\"bitrate\":%llu},"
		 "\"segments\":%llu,\"lastSequence\":%llu,\"windowBytes\":%zu,\"warnings\":[", l->name, l->id.s,
		 states[l->state], l->push ? "push" : "rtmp", (long long)l->since_wall_ms,
		 l->source.width, l->source.height, l->source.fps, codec_name(l->video),
		 codec_name(l->audio), l->seg ? segmenter_gop_ms(l->seg) : 0,
		 (unsigned long long)playlist_rate(window_playlist(l->source.window)).average_bps,
		 (unsigned long long)l->source.n_segments, (unsigned long long)l->source.last_sequence,
		 window_bytes(l->source.window));
	if (l->warning[0])
		json_add_string(b, l->warning);
	buf_add_str(b, "],\"orchestrator\":");
	json_add_string(b, l->orchestrator);
	buf_add_str(b, ",\"renditions\":[");
	for (i = 0; i < l->n_r; i++) {
		if (i)
			buf_add_u8(b, ',');
		rendition_status(b, &l->r[i]);
	}
	buf_add_str(b, "]}");
}

void lives_status(const struct lives *ls, struct buf *b)
{
	bool first = true;

	buf_add_u8(b, '[');
	list_each(n, &ls->all) {
		if (!first)
			buf_add_u8(b, ',');
		first = false;
		live_status(b, list_entry(n, struct live, node));
	}
	buf_add_u8(b, ']');
}
