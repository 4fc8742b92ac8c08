/*
 * Where to cut.  The bytes are segwriter.c's.
 *
 * Video leads.  A segment ends at the first IDR at or after the target; its length is
 * the distance of IDR to IDR, so the lengths of consecutive segments add up to the
 * media time without drift.  Audio is held until video has passed it: no IDR to come
 * can then have an earlier time, so what lies before an IDR is in the segment that it
 * ends and what has come early is in the next one.  Nothing ever waits for audio:
 * what is late goes into the segment that is open.
 *
 * Times.  Video keeps the source's own, moved by a fixed 1.4 s (room for the PCR and
 * for a dts before the first pts).  Sources round audio times to milliseconds, which
 * players hear as jitter, so audio is counted in samples from its first time and
 * steered to the source by at most one tick a frame; beyond 100 ms it is set anew.
 *
 * A source that jumps (10 s forward, 1 s back) begins a new time line: a
 * discontinuity.  Both tracks jump, one before the other: audio that jumped first
 * waits for the video; audio that still comes from the old line is dropped.  Less is
 * repaired tick by tick and never ends a segment.
 */
#include "media/wire/segmenter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "media/wire/params.h"
#include "media/wire/pktqueue.h"
#include "media/wire/segwriter.h"
#include "media/wire/ts.h"

#define SECOND 90000
#define OFFSET_90K 126000		/* 1.4 s on every time */
#define START_WAIT_90K 135000		/* 1.5 s: for the second track, before the first segment */
#define START_BYTES (8u << 20)
#define START_EARLY_90K 18000		/* audio this much before the first video is kept */
#define HELD_BYTES (64u << 10)
#define AUDIO_MAX 8184			/* bytes of a frame: what ADTS can say */
#define TOLERANCE_MS 100		/* an IDR this much before the target will do */
#define JUMP_AHEAD_90K (10 * SECOND)
#define JUMP_BACK_90K SECOND
#define APART_90K (2 * SECOND)		/* audio that jumped and is this far from the video */
#define VIDEO_GONE_90K (5 * SECOND)	/* so much audio without a video packet: it has stopped */
#define RESYNC_90K 9000			/* audio off by this is set anew */
#define STEER_90K 180			/* below it there is only rounding */
#define BEHIND_MAX 8			/* audio frames in a row that may carry too early times */
#define CTS_MAX_90K (10 * SECOND)
#define TIME_MAX (INT64_C(1) << 56)
#define N_GOPS 8
#define NO_TIME INT64_MIN

struct trk {
	struct track_config *cur;	/* owned; NULL: never set */
	struct track_config *next;	/* owned; waits for a place to cut, or NULL */
	bool fresh;			/* set or seen since the last break */
	bool active;			/* in the open segment */
	int64_t last_in;		/* dts of the source's last packet; NO_TIME: none */
};

/* Audio time, counted in samples. */
struct audio_clock {
	int64_t next;			/* of the next frame; NO_TIME: take the source's */
	int64_t rest;			/* fraction of it in 1/(90000 * rate) s */
	unsigned n_behind;		/* frames in a row with too early times */
};

struct segmenter {
	struct segmenter_opts opts;
	struct segmenter_cb cb;
	void *arg;
	struct seg_writer *writer;
	struct trk tracks[N_TRACKS];
	bool running;			/* past the start: tracks are decided */
	bool open;			/* a segment has begun */
	bool fresh_next;		/* the next segment continues nothing */
	bool want_fresh;		/* at the next IDR: cut, and begin anew */

	struct pkt_queue start;		/* everything, until running */
	bool start_has_key;
	int64_t start_first;		/* dts of the first queued packet */

	struct pkt_queue held;		/* audio that video has not passed */
	bool audio_waits;		/* held is for the next fresh segment only */
	int64_t old_line;		/* last video time before a jump; NO_TIME: settled */
	struct audio_clock clock;
	int64_t alone_90k;		/* audio since the last video packet */

	int64_t dts_shift;		/* subtracted so that pts >= dts, for negative cts */
	int64_t last_dts;		/* video, as written; NO_TIME: none */
	int64_t max_pts;		/* highest video pts of this time line; NO_TIME: none */
	int64_t last_key;		/* pts of the last key frame; NO_TIME: none */
	int gop_ms[N_GOPS];
	unsigned n_gops;

	uint64_t next_sequence;
	struct segment_info info;	/* of the open segment */
	int64_t start_pts, start_dts;
	int64_t video_end_pts;		/* highest pts in it; NO_TIME: no video yet */
	int64_t audio_end;		/* end of its last audio frame; NO_TIME */
	bool over_limit;		/* cut without an IDR */
};

static void on_bytes(void *arg, const uint8_t *data, size_t len)
{
	struct segmenter *s = arg;

	s->cb.data(s->arg, data, len);
}

/* Forget the time line, not the tracks. */
static void reset_times(struct segmenter *s)
{
	int i;

	for (i = 0; i < N_TRACKS; i++)
		s->tracks[i].last_in = NO_TIME;
	s->clock = (struct audio_clock){ .next = NO_TIME };
	s->dts_shift = s->alone_90k = 0;
	s->last_dts = s->max_pts = s->last_key = s->old_line = NO_TIME;
}

struct segmenter *segmenter_new(const struct segmenter_opts *opts, const struct segmenter_cb *cb,
				void *arg)
{
	struct segmenter *s = xcalloc(1, sizeof(*s));

	s->opts = *opts;
	s->cb = *cb;
	s->arg = arg;
	s->next_sequence = opts->first_sequence;
	/* Numbers that go on belong to a stream that was there before. */
	s->fresh_next = opts->first_sequence > 0;
	s->writer = seg_writer_new(opts->max_bytes, on_bytes, s);
	pkt_queue_init(&s->start, START_BYTES);
	pkt_queue_init(&s->held, HELD_BYTES);
	reset_times(s);
	return s;
}

void segmenter_free(struct segmenter *s)
{
	int i;

	if (!s)
		return;
	seg_writer_free(s->writer);
	for (i = 0; i < N_TRACKS; i++) {
		free(s->tracks[i].cur);
		free(s->tracks[i].next);
	}
	pkt_queue_fini(&s->start);
	pkt_queue_fini(&s->held);
	free(s);
}

uint64_t segmenter_next_sequence(const struct segmenter *s)
{
	return s->next_sequence;
}

int segmenter_gop_ms(const struct segmenter *s)
{
	int longest = 0;
	unsigned i;

	for (i = 0; i < N_GOPS; i++)
		longest = s->gop_ms[i] > longest ? s->gop_ms[i] : longest;
	return longest;
}

static int64_t distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

/* ---- a segment's begin and end ---- */

static void name_codecs(struct segmenter *s, char to[64])
{
	char name[N_TRACKS][40] = { "", "" };
	int i;

	for (i = 0; i < N_TRACKS; i++) {
		if (s->tracks[i].active)
			params_codecs(name[i], s->tracks[i].cur);
	}
	snprintf(to, 64, "%.40s%s%.20s", name[0], name[0][0] && name[1][0] ? "," : "", name[1]);
}

static void begin_segment(struct segmenter *s, int64_t pts, int64_t dts, bool independent)
{
	const struct trk *v = &s->tracks[TRACK_VIDEO];
	struct segment_info *info = &s->info;

	*info = (struct segment_info){ .sequence = s->next_sequence, .discontinuity = s->fresh_next,
				       .independent = independent };
	info->container = seg_writer_container(s->writer);
	info->start_pts_90k = info->container == CONTAINER_TS ? pts & TS_CLOCK_MASK : pts;
	if (v->active) {
		info->width = v->cur->width;
		info->height = v->cur->height;
	}
	name_codecs(s, info->codecs);
	info->init_len = seg_writer_begin(s->writer, s->fresh_next || s->next_sequence ==
							s->opts.first_sequence);
	s->next_sequence++;
	s->start_pts = pts;
	s->start_dts = dts;
	s->video_end_pts = s->audio_end = NO_TIME;
	s->over_limit = s->fresh_next = false;
	s->open = true;
	s->cb.begin(s->arg, info);
}

/* The distance of two frames of the open segment. */
static int64_t frame_90k(const struct segmenter *s)
{
	const struct track_config *c = s->tracks[TRACK_VIDEO].cur;

	if (s->info.n_video > 1 && s->video_end_pts > s->start_pts)
		return (s->video_end_pts - s->start_pts) / (s->info.n_video - 1);
	if (c->fps_num > 0)
		return INT64_C(90000) * c->fps_den / c->fps_num;
	return SECOND / 30;
}

/* Its length when nothing that follows can tell. */
static int64_t own_length(const struct segmenter *s)
{
	int64_t end = s->start_pts;

	if (s->info.n_video > 0)
		end = s->video_end_pts + frame_90k(s);
	/* Audio is a little longer than video; a lot longer only if video stopped. */
	if (s->audio_end != NO_TIME && (s->info.n_video == 0 || s->audio_end > end + SECOND))
		end = s->audio_end;
	return end > s->start_pts ? end - s->start_pts : 1;
}

/* The parameters' rate, else the measured one: as n/1 or n/1.001 if it is near. */
static void set_rate(struct segmenter *s)
{
	const struct track_config *c = s->tracks[TRACK_VIDEO].cur;
	struct segment_info *info = &s->info;
	double fps, near;

	if (info->n_video == 0)
		return;
	if (c->fps_num > 0) {
		info->fps_num = c->fps_num;
		info->fps_den = c->fps_den;
		return;
	}
	fps = info->n_video * 90000.0 / (double)info->duration_90k;
	near = (double)(int64_t)(fps + 0.5);
	info->fps_num = (int)(fps * 1000 + 0.5);
	info->fps_den = 1000;
	if (near > 0 && fps / near > 0.9996 && fps / near < 1.004) {
		info->fps_num = (int)near;
		info->fps_den = 1;
	} else if (near > 0 && fps / near > 0.996 && fps / near <= 0.9996) {
		info->fps_num = (int)near * 1000;
		info->fps_den = 1001;
	}
}

/* border: pts at which the next segment goes on; NO_TIME: nothing does. */
static void end_segment(struct segmenter *s, int64_t border, int64_t next_dts)
{
	struct segment_info *info = &s->info;

	s->open = false;
	seg_writer_end(s->writer, next_dts);
	info->duration_90k = border != NO_TIME && border > s->start_pts ? border - s->start_pts
									: own_length(s);
	set_rate(s);
	info->transcodable = info->independent && !s->over_limit &&
			     info->duration_90k <= (int64_t)s->opts.max_ms * 90 &&
			     seg_writer_bytes(s->writer) <= s->opts.max_bytes;
	s->cb.end(s->arg, info);
}

/* ---- audio ---- */

/* Samples of an Opus packet (RFC 6716 3.1), 0: not one. */
static int opus_samples(const uint8_t *p, size_t len)
{
	static const int celt[4] = { 120, 240, 480, 960 }, silk[4] = { 480, 960, 1920, 2880 };
	unsigned config = p[0] >> 3, code = p[0] & 3, n = code == 0 ? 1 : 2;
	int each = config < 12 ? silk[config & 3] : config < 16 ? silk[config & 1] : celt[config & 3];

	if (code == 3)
		n = len > 1 ? p[1] & 63 : 0;
	return (int)n * each <= 5760 ? (int)n * each : 0;
}

/* Samples and rate of a frame; 0: not one. */
static int audio_samples(const struct track_config *c, const struct media_packet *p, int *rate)
{
	struct mp3_frame f;

	*rate = c->sample_rate;
	if (c->codec == CODEC_AAC)
		return 1024;
	if (c->codec == CODEC_OPUS)
		return opus_samples(p->data, p->len);
	if (params_mp3_frame(p->data, p->len, &f) < 0)
		return 0;
	*rate = f.sample_rate;
	return f.samples;
}

/* The time of a frame that the source places at given; NO_TIME: leave it out, it
 * overlaps what was written. */
static int64_t clock_take(struct audio_clock *c, int64_t given, int samples, int rate)
{
	int64_t ahead = c->next == NO_TIME ? 0 : given - c->next, at, ticks;

	c->n_behind = ahead < -RESYNC_90K ? c->n_behind + 1 : 0;
	if (c->n_behind > BEHIND_MAX)
		return NO_TIME;
	if (c->next == NO_TIME || ahead > RESYNC_90K) {
		c->next = given;
		c->rest = 0;
	} else if (ahead > STEER_90K) {
		c->next++;
	} else if (ahead < -STEER_90K && c->n_behind == 0) {
		c->next--;
	}
	at = c->next;
	ticks = (int64_t)samples * SECOND + c->rest;
	c->next += ticks / rate;
	c->rest = ticks % rate;
	return at;
}

/* Would clock_take leave a frame out? */
static bool clock_refuses(const struct audio_clock *c, int64_t given)
{
	return c->next != NO_TIME && c->n_behind >= BEHIND_MAX && given - c->next < -RESYNC_90K;
}

/* Write a frame, checked at the door, into the open segment. */
static void write_audio(struct segmenter *s, const struct media_packet *p)
{
	struct media_packet q = *p;
	int rate, samples = audio_samples(s->tracks[TRACK_AUDIO].cur, p, &rate);
	int64_t at = clock_take(&s->clock, p->pts_90k, samples, rate);

	if (at == NO_TIME)
		return;
	q.pts_90k = q.dts_90k = at;
	if (!seg_writer_audio(s->writer, &q, samples))
		return;
	s->info.n_audio++;
	s->audio_end = s->clock.next;
}

/* Write what is held and lies before limit. */
static void write_held(struct segmenter *s, int64_t limit)
{
	struct media_packet p;

	while (s->open && !s->audio_waits && pkt_queue_len(&s->held) > 0) {
		p = pkt_queue_at(&s->held, 0);
		if (p.pts_90k >= limit)
			return;
		write_audio(s, &p);
		pkt_queue_pop(&s->held);
	}
}

/* Room is made by writing the oldest frame, or dropping it if it waits. */
static void hold(struct segmenter *s, const struct media_packet *p)
{
	struct media_packet old;

	while (!pkt_queue_add(&s->held, p) && pkt_queue_len(&s->held) > 0) {
		old = pkt_queue_at(&s->held, 0);
		if (s->open && !s->audio_waits)
			write_audio(s, &old);
		pkt_queue_pop(&s->held);
	}
}

/* A new time line began at pts: which of the held frames belong to it? */
static void keep_held_from(struct segmenter *s, int64_t pts)
{
	size_t n = pkt_queue_len(&s->held);
	struct media_packet p;

	for (; n > 0; n--) {
		p = pkt_queue_at(&s->held, 0);
		if (p.pts_90k >= pts - RESYNC_90K && p.pts_90k - pts < JUMP_AHEAD_90K)
			return;
		pkt_queue_pop(&s->held);
	}
}

/* ---- tracks ---- */

static void take_next_config(struct trk *t)
{
	if (!t->next)
		return;
	free(t->cur);
	t->cur = t->next;
	t->next = NULL;
}

/* Decide what the next segments carry; with_video: a key frame is at hand. */
static int choose_tracks(struct segmenter *s, bool with_video, struct err *err)
{
	struct trk *v = &s->tracks[TRACK_VIDEO], *a = &s->tracks[TRACK_AUDIO];

	take_next_config(v);
	if (a->next)		/* what is still held is coded otherwise */
		pkt_queue_clear(&s->held);
	take_next_config(a);
	v->active = with_video;
	a->active = a->cur && a->fresh;
	return seg_writer_set_tracks(s->writer, v->active ? v->cur : NULL,
				     a->active ? a->cur : NULL, err);
}

static bool is_same_config(const struct track_config *a, const struct track_config *b)
{
	return a && a->codec == b->codec && a->extra_len == b->extra_len &&
	       memcmp(a->extra, b->extra, a->extra_len) == 0 &&
	       a->sample_rate == b->sample_rate && a->channels == b->channels;
}

static int check_config(enum track track, struct track_config *c, struct err *err)
{
	bool video = codec_is_video(c->codec);

	if (c->codec == CODEC_NONE || video != (track == TRACK_VIDEO))
		return err_set(err, ERR_INVALID, "%s on the %s track", codec_name(c->codec),
			       track == TRACK_VIDEO ? "video" : "audio");
	if (c->codec == CODEC_VP8)
		return err_set(err, ERR_INVALID, "VP8 has no form in HLS");
	if (params_parse(c, err) < 0)
		return err_wrap(err, "%s", codec_name(c->codec));
	return 0;
}

int segmenter_set_track(struct segmenter *s, enum track track, const struct track_config *config,
			struct err *err)
{
	struct trk *t = &s->tracks[track];
	struct track_config *c = xmalloc(sizeof(*c));

	*c = *config;
	if (check_config(track, c, err) < 0) {
		free(c);
		return -1;
	}
	t->fresh = true;
	free(t->next);
	t->next = NULL;
	if (is_same_config(t->cur, c)) {
		free(c);
		return 0;
	}
	t->next = c;
	if (t->active)
		return 0;
	/* Nothing written depends on it; what is queued with other parameters does. */
	if (!s->running && t->cur) {
		pkt_queue_clear(&s->start);
		s->start_has_key = false;
	}
	if (track == TRACK_AUDIO)
		pkt_queue_clear(&s->held);
	take_next_config(t);
	return 0;
}

/* ---- cutting ---- */

/*
 * End the open segment and begin one with p.  fresh: the next continues nothing.
 * border: where in presentation time the next begins, NO_TIME if fresh and unknown.
 */
static int cut(struct segmenter *s, const struct media_packet *p, bool fresh, int64_t border,
	       int64_t pts, struct err *err)
{
	bool video = p->track == TRACK_VIDEO, first = !s->open;

	/* Audio from before a jump or with old parameters belongs to the old segment,
	 * all of it. */
	write_held(s, border == NO_TIME || s->tracks[TRACK_AUDIO].next ? INT64_MAX : border);
	if (s->open)
		end_segment(s, border, fresh && border == NO_TIME ? -1 : p->dts_90k);
	if (fresh) {
		s->fresh_next = s->fresh_next || !first;
		s->want_fresh = s->audio_waits = false;
		s->clock = (struct audio_clock){ .next = NO_TIME };
		if (choose_tracks(s, video, err) < 0)
			return -1;
		if (!first)
			keep_held_from(s, pts);
	}
	begin_segment(s, pts, p->dts_90k, !video || p->key);
	return 0;
}

/* ---- video ---- */

static bool has_jumped(const struct trk *t, int64_t dts)
{
	return t->last_in != NO_TIME &&
	       (dts > t->last_in + JUMP_AHEAD_90K || dts < t->last_in - JUMP_BACK_90K);
}

/* Times that can be written: dts ascends, pts is not before it. */
static void repair_times(struct segmenter *s, struct media_packet *p)
{
	int64_t dts;

	if (p->dts_90k - p->pts_90k > s->dts_shift)
		s->dts_shift = p->dts_90k - p->pts_90k;
	dts = p->dts_90k - s->dts_shift;
	if (s->last_dts != NO_TIME && dts <= s->last_dts)
		dts = s->last_dts + 1;
	p->dts_90k = s->last_dts = dts;
	if (p->pts_90k < dts)
		p->pts_90k = dts;
}

static void note_key(struct segmenter *s, int64_t pts)
{
	int64_t ms = s->last_key == NO_TIME ? 0 : (pts - s->last_key) / 90;

	if (ms > 0 && ms < 3600 * 1000)
		s->gop_ms[s->n_gops++ % N_GOPS] = (int)ms;
	s->last_key = pts;
}

/* VP9 and AV1 may tell their size only in the key frame.  true: it is another one
 * than what the open segment said. */
static bool has_new_size(struct segmenter *s, const struct media_packet *p)
{
	struct trk *t = &s->tracks[TRACK_VIDEO];
	struct track_config *c = t->next ? t->next : t->cur;
	int width = c->width, height = c->height;

	if (c->codec != CODEC_AV1 && c->codec != CODEC_VP9)
		return false;
	if (!params_size_from_key(c, p->data, p->len))
		return false;
	return width != c->width || height != c->height;
}

/* Would p take the segment past a limit? */
static bool is_over_limit(const struct segmenter *s, const struct media_packet *p)
{
	/* TS adds 1 byte to 46, and up to a packet at the end of each PES. */
	size_t need = p->len + p->len / 32 + 1024 + s->held.bytes.len;

	return p->dts_90k - s->start_dts >= (int64_t)s->opts.max_ms * 90 ||
	       seg_writer_bytes(s->writer) + need > s->opts.max_bytes;
}

/* An IDR: does the segment end here? */
static bool is_time_to_cut(const struct segmenter *s, const struct media_packet *p)
{
	int64_t target = (int64_t)(s->opts.target_ms > 2 * TOLERANCE_MS ?
				   s->opts.target_ms - TOLERANCE_MS : s->opts.target_ms / 2) * 90;

	return !s->info.independent || p->pts_90k - s->start_pts >= target || is_over_limit(s, p);
}

/* Cut before p if that is due. */
static int cut_for_video(struct segmenter *s, const struct media_packet *p, bool fresh, bool jumped,
			 struct err *err)
{
	int64_t border;

	if (fresh || !s->open) {
		border = jumped || !s->open ? NO_TIME : p->pts_90k;
		return cut(s, p, true, border, p->key ? p->pts_90k : p->dts_90k, err);
	}
	if (p->key && is_time_to_cut(s, p))
		return cut(s, p, false, p->pts_90k, p->pts_90k, err);
	if (p->key || s->info.n_video == 0 || !is_over_limit(s, p))
		return 0;
	/* No IDR in sight.  Frames are still being reordered here, so the border is
	 * the decoding time with the reordering of the segment's begin. */
	s->over_limit = true;
	border = s->start_pts + (p->dts_90k - s->start_dts);
	return cut(s, p, false, border, border, err);
}

static int push_video(struct segmenter *s, const struct media_packet *given, struct err *err)
{
	struct trk *t = &s->tracks[TRACK_VIDEO];
	bool late = !t->active, jumped = !late && has_jumped(t, given->dts_90k);
	bool resized = given->key && has_new_size(s, given), fresh;
	struct media_packet p = *given;

	if (!p.key && (t->next || late))
		return err_set(err, ERR_INVALID, "no key frame with the new parameters yet");
	fresh = jumped || late || resized || t->next || (p.key && s->want_fresh);
	if (jumped || late) {
		s->old_line = jumped ? t->last_in : NO_TIME;
		s->dts_shift = 0;
		s->last_dts = s->last_key = NO_TIME;
		s->max_pts = NO_TIME;
	}
	t->last_in = p.dts_90k;
	s->alone_90k = 0;
	repair_times(s, &p);
	if (cut_for_video(s, &p, fresh, jumped || late, err) < 0)
		return -1;
	if (p.key)
		note_key(s, p.pts_90k);
	if (s->max_pts == NO_TIME || p.pts_90k > s->max_pts)
		s->max_pts = p.pts_90k;
	write_held(s, s->max_pts + 1);
	if (!seg_writer_video(s->writer, &p))
		return err_set(err, ERR_INVALID, "access unit of %zu bytes cannot be muxed", p.len);
	s->info.n_video++;
	if (s->video_end_pts == NO_TIME || p.pts_90k > s->video_end_pts)
		s->video_end_pts = p.pts_90k;
	return 0;
}

/* ---- audio ---- */

static int push_audio_only(struct segmenter *s, const struct media_packet *p, struct err *err)
{
	struct trk *t = &s->tracks[TRACK_AUDIO];
	bool jumped = has_jumped(t, p->pts_90k);
	int res = 0;

	t->last_in = p->pts_90k;
	if (!s->open || jumped || t->next)
		res = cut(s, p, true, NO_TIME, p->pts_90k, err);
	else if (clock_refuses(&s->clock, p->pts_90k))
		return 0;	/* a segment must not begin with a frame that is left out */
	else if (p->pts_90k - s->start_pts >= (int64_t)s->opts.target_ms * 90)
		res = cut(s, p, false, p->pts_90k, p->pts_90k, err);
	if (res == 0)
		write_audio(s, p);
	return res;
}

/* New audio parameters beside running video: at once where the frames tell them,
 * else at the next IDR.  false: p has to be dropped. */
static bool switch_audio(struct segmenter *s)
{
	struct trk *t = &s->tracks[TRACK_AUDIO];

	s->want_fresh = true;
	if (!s->open || s->audio_waits)
		return false;
	write_held(s, INT64_MAX);
	if (!seg_writer_switch_audio(s->writer, t->next))
		return false;
	take_next_config(t);
	return true;
}

/* Does audio at pts come from the time line before the video's jump? */
static bool is_from_old_line(struct segmenter *s, int64_t pts)
{
	int64_t now = s->tracks[TRACK_VIDEO].last_in;

	if (s->old_line == NO_TIME)
		return false;
	if (distance(pts, s->old_line) < distance(pts, now))
		return true;
	s->old_line = NO_TIME;
	s->tracks[TRACK_AUDIO].last_in = NO_TIME;
	return false;
}

static int go_on_without_video(struct segmenter *s, const struct media_packet *p, struct err *err)
{
	write_held(s, INT64_MAX);
	s->tracks[TRACK_AUDIO].last_in = p->pts_90k;
	s->tracks[TRACK_VIDEO].last_in = NO_TIME;
	s->alone_90k = 0;
	if (cut(s, p, true, NO_TIME, p->pts_90k, err) < 0)
		return -1;
	write_audio(s, p);
	return 0;
}

static int push_audio(struct segmenter *s, const struct media_packet *p, struct err *err)
{
	struct trk *v = &s->tracks[TRACK_VIDEO], *t = &s->tracks[TRACK_AUDIO];
	bool jumped;

	if (!v->active)
		return push_audio_only(s, p, err);
	if (!t->active)
		s->want_fresh = s->audio_waits = true;	/* late: from the next IDR on */
	else if (is_from_old_line(s, p->pts_90k))
		return 0;
	else if (t->next && !switch_audio(s))
		return err_set(err, ERR_INVALID, "audio parameters change at the next key frame");
	if (v->last_in == NO_TIME) {		/* before the first video */
		hold(s, p);
		return 0;
	}
	jumped = has_jumped(t, p->pts_90k);
	if (t->last_in != NO_TIME && p->pts_90k > t->last_in)
		s->alone_90k += p->pts_90k - t->last_in < SECOND ? p->pts_90k - t->last_in : SECOND;
	t->last_in = p->pts_90k;
	if (jumped && distance(p->pts_90k, v->last_in) > APART_90K) {
		write_held(s, INT64_MAX);
		s->want_fresh = s->audio_waits = true;
	} else if (!s->audio_waits && s->alone_90k > VIDEO_GONE_90K) {
		return go_on_without_video(s, p, err);
	} else if (!s->audio_waits && s->alone_90k < SECOND &&
		   distance(p->pts_90k, v->last_in) > JUMP_AHEAD_90K) {
		return err_set(err, ERR_INVALID, "audio is %lld ms away from the video",
			       (long long)(p->pts_90k - v->last_in) / 90);
	}
	hold(s, p);
	if (s->max_pts != NO_TIME)
		write_held(s, s->max_pts + 1);
	return 0;
}

static int push_running(struct segmenter *s, const struct media_packet *p, struct err *err)
{
	return p->track == TRACK_VIDEO ? push_video(s, p, err) : push_audio(s, p, err);
}

/* ---- start ---- */

/* Decide the tracks by what has come and send it on. */
static void start(struct segmenter *s)
{
	bool video = s->start_has_key, seen_key = false;
	int64_t from = NO_TIME;
	size_t i, n = pkt_queue_len(&s->start);
	struct media_packet p;

	if (n == 0 || choose_tracks(s, video, NULL) < 0)
		goto out;
	s->running = true;
	for (i = 0; i < n && video && from == NO_TIME; i++) {
		p = pkt_queue_at(&s->start, i);
		if (p.track == TRACK_VIDEO && p.key)
			from = p.dts_90k - START_EARLY_90K;
	}
	for (i = 0; i < n; i++) {
		p = pkt_queue_at(&s->start, i);
		seen_key = seen_key || (p.track == TRACK_VIDEO && p.key);
		if (p.track == TRACK_VIDEO ? seen_key : p.pts_90k >= from)
			push_running(s, &p, NULL);
	}
out:
	pkt_queue_fini(&s->start);
	s->start_has_key = false;
}

static int push_waiting(struct segmenter *s, const struct media_packet *p)
{
	const struct trk *a = &s->tracks[TRACK_AUDIO];
	bool full;

	if (p->track == TRACK_VIDEO) {
		if (!p->key && !s->start_has_key)
			return 0;	/* no decoder could use it */
		s->start_has_key = true;
	}
	if (pkt_queue_len(&s->start) == 0)
		s->start_first = p->dts_90k;
	full = !pkt_queue_add(&s->start, p);
	if (full || (s->start_has_key && a->cur && a->fresh) ||
	    distance(p->dts_90k, s->start_first) >= START_WAIT_90K)
		start(s);
	if (full && s->running)
		return push_running(s, p, NULL);
	return 0;
}

/* ---- the door ---- */

/* Refuses what cannot be muxed, and finds out for itself what a key frame is: some
 * encoders call a recovery point one. */
static int check_packet(const struct segmenter *s, struct media_packet *p, struct err *err)
{
	const struct trk *t = &s->tracks[p->track];
	const struct track_config *c = t->next ? t->next : t->cur;
	enum au_kind kind;
	int rate;

	if (!c)
		return err_set(err, ERR_INVALID, "packet of a track without parameters");
	if (p->len == 0 || p->len > s->opts.max_bytes / 2)
		return err_set(err, ERR_INVALID, "packet of %zu bytes", p->len);
	if (p->dts_90k > TIME_MAX || p->dts_90k < -TIME_MAX || p->pts_90k > TIME_MAX ||
	    p->pts_90k < -TIME_MAX || distance(p->pts_90k, p->dts_90k) > CTS_MAX_90K)
		return err_set(err, ERR_INVALID, "absurd timestamp");
	if (p->track == TRACK_AUDIO && (audio_samples(c, p, &rate) == 0 || p->len > AUDIO_MAX))
		return err_set(err, ERR_INVALID, "not an audio frame: %zu bytes", p->len);
	if (c->codec != CODEC_H264 && c->codec != CODEC_HEVC)
		return 0;
	kind = nal_au_kind(c->codec, p->data, p->len, params_nal_len_size(c));
	if (kind == AU_BAD)
		return err_set(err, ERR_INVALID, "NAL units are damaged");
	p->key = kind == AU_IDR;
	return 0;
}

int segmenter_push(struct segmenter *s, const struct media_packet *packet, struct err *err)
{
	struct media_packet p = *packet;

	if (check_packet(s, &p, err) < 0)
		return -1;
	p.dts_90k += OFFSET_90K;
	p.pts_90k += OFFSET_90K;
	s->tracks[p.track].fresh = true;
	return s->running ? push_running(s, &p, err) : push_waiting(s, &p);
}

void segmenter_break(struct segmenter *s)
{
	int i;

	if (!s->running)
		start(s);
	write_held(s, INT64_MAX);
	if (s->open)
		end_segment(s, NO_TIME, -1);
	pkt_queue_clear(&s->held);
	for (i = 0; i < N_TRACKS; i++) {
		take_next_config(&s->tracks[i]);
		s->tracks[i].fresh = s->tracks[i].active = false;
	}
	reset_times(s);
	s->fresh_next = s->fresh_next || s->next_sequence > s->opts.first_sequence;
	s->running = s->want_fresh = s->audio_waits = false;
}

void segmenter_flush(struct segmenter *s)
{
	segmenter_break(s);
}
