/*
 * What a segment claims to be.  TS goes through the demultiplexer; of fragmented MP4
 * only the boxes are read, and of the first video sample the NAL types, so that
 * "starts with an IDR" is not taken on trust.
 *
 * Sources: ISO 14496-12 8.3 to 8.8; ISO 14496-15; RFC 8216 3.
 */
#include "media/wire/inspect.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "media/wire/params.h"
#include "media/wire/ts.h"
#include "media/wire/tsdemux.h"

#define SAMPLES_MAX 1000000	/* of a segment: a day of audio */
#define PTS_WRAP (TS_CLOCK_MASK + 1)

/* The span of one track's timestamps. */
struct span {
	unsigned n;
	int64_t first;			/* of the first frame, as it stands */
	int64_t min, max;		/* relative to first */
	int64_t frame;			/* length of a frame, 0: take the average distance */
};

static void span_add(struct span *s, int64_t rel)
{
	s->min = s->n == 0 || rel < s->min ? rel : s->min;
	s->max = s->n == 0 || rel > s->max ? rel : s->max;
	s->n++;
}

static int64_t span_duration(const struct span *s)
{
	int64_t frame = s->frame;

	if (s->n == 0)
		return 0;
	if (frame == 0 && s->n > 1)
		frame = (s->max - s->min + (s->n - 1) / 2) / (s->n - 1);
	return s->max - s->min + frame;
}

/* "avc1.64001f,mp4a.40.2" */
static void join_codecs(char to[64], const struct track_config *v, const struct track_config *a)
{
	char video[40] = "", audio[40] = "";

	params_codecs(video, v);
	params_codecs(audio, a);
	snprintf(to, 64, "%.40s%s%.20s", video, video[0] && audio[0] ? "," : "", audio);
}

/* ---- MPEG-TS ---- */

struct ts_look {
	struct inspect *out;
	struct track_config video, audio;
	struct span spans[N_TRACKS];
};

static void look_at_video(struct ts_look *l, const struct ts_unit *u)
{
	struct inspect *out = l->out;

	if (out->n_video == 0) {
		l->video.codec = u->codec;
		out->starts_with_idr = u->key;
	}
	out->n_video++;
	/* The first parameter sets are the segment's. */
	if (l->video.extra_len == 0 && u->key)
		params_from_annexb(&l->video, u->data, u->len);
}

static void look_at_audio(struct ts_look *l, const struct ts_unit *u)
{
	if (l->out->n_audio == 0) {
		l->audio.codec = u->codec;
		if (u->codec == CODEC_AAC) {
			memcpy(l->audio.extra, u->asc, sizeof(u->asc));
			l->audio.extra_len = sizeof(u->asc);
			l->spans[TRACK_AUDIO].frame = INT64_C(1024) * 90000 / u->sample_rate;
		}
	}
	l->out->n_audio++;
}

static void on_unit(void *arg, const struct ts_unit *u)
{
	struct ts_look *l = arg;
	struct span *s = &l->spans[u->track];
	int64_t rel;

	if (u->track == TRACK_VIDEO)
		look_at_video(l, u);
	else
		look_at_audio(l, u);
	if (u->damaged)
		l->out->damaged = true;
	if (u->pts_90k < 0)
		return;
	if (s->n == 0)
		s->first = u->pts_90k;
	rel = (u->pts_90k - s->first) & TS_CLOCK_MASK;
	span_add(s, rel >= PTS_WRAP / 2 ? rel - PTS_WRAP : rel);
}

static int inspect_ts(struct inspect *out, const uint8_t *data, size_t len, struct err *err)
{
	struct ts_look l = { .out = out };
	struct span *v = &l.spans[TRACK_VIDEO], *a = &l.spans[TRACK_AUDIO];
	struct ts_demux *d = ts_demux_new(on_unit, &l);
	int res = ts_demux_push(d, data, len, err);

	ts_demux_flush(d);
	out->damaged = out->damaged || ts_demux_had_damage(d);
	ts_demux_free(d);
	if (res < 0)
		return -1;
	if (v->n + a->n == 0)
		return err_set(err, ERR_INVALID, "TS: no program with frames");
	out->video = l.video.codec;
	out->audio = l.audio.codec;
	out->width = l.video.width;
	out->height = l.video.height;
	if (v->n == 1 && l.video.fps_num > 0)
		v->frame = INT64_C(90000) * l.video.fps_den / l.video.fps_num;
	if (a->n) {
		out->audio_first_pts_90k = (a->first + a->min) & TS_CLOCK_MASK;
		out->audio_duration_90k = span_duration(a);
	}
	if (v->n) {
		out->first_pts_90k = (v->first + v->min) & TS_CLOCK_MASK;
		out->duration_90k = span_duration(v);
	} else {
		out->first_pts_90k = out->audio_first_pts_90k;
		out->duration_90k = out->audio_duration_90k;
	}
	join_codecs(out->codecs, &l.video, &l.audio);
	return 0;
}

/* ---- fragmented MP4 ---- */

#define BOX(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

struct box {
	uint32_t type;
	const uint8_t *whole;	/* with its header */
	struct rd body;
};

/* The next box of r: 1, 0 at the end, -1 when damaged. */
static int next_box(struct rd *r, struct box *b)
{
	const uint8_t *start = r->p;
	uint64_t size, head = 8;

	if (r->left == 0)
		return 0;
	size = rd_u32(r);
	b->type = rd_u32(r);
	if (size == 1) {
		size = rd_u64(r);
		head = 16;
	}
	if (r->failed)
		return -1;
	if (size == 0)			/* up to the end */
		size = head + r->left;
	if (size < head || size - head > r->left)
		return -1;
	b->whole = start;
	b->body = rd_of(rd_bytes(r, (size_t)(size - head)), (size_t)(size - head));
	return 1;
}

/* The first child of a type; false: none. */
static bool find_box(struct rd in, uint32_t type, struct box *b)
{
	while (next_box(&in, b) > 0) {
		if (b->type == type)
			return true;
	}
	return false;
}

struct mp4_track {
	uint32_t id;		/* 0: no such track */
	uint32_t timescale;
	uint32_t def_duration, def_size, def_flags;
	struct track_config config;
	uint64_t next_dts;	/* where a fragment without tfdt goes on */
	struct span span;	/* in 1/timescale */
	bool key_first;
};

struct mp4_look {
	struct inspect *out;
	const uint8_t *data;
	size_t len;
	unsigned n_samples;
	struct mp4_track tracks[N_TRACKS];
};

struct entry_kind {
	uint32_t entry, config;
	enum codec codec;
	size_t skip;		/* in the config box before the record */
};

static const struct entry_kind kinds[] = {
	{ BOX('a', 'v', 'c', '1'), BOX('a', 'v', 'c', 'C'), CODEC_H264, 0 },
	{ BOX('a', 'v', 'c', '3'), BOX('a', 'v', 'c', 'C'), CODEC_H264, 0 },
	{ BOX('h', 'v', 'c', '1'), BOX('h', 'v', 'c', 'C'), CODEC_HEVC, 0 },
	{ BOX('h', 'e', 'v', '1'), BOX('h', 'v', 'c', 'C'), CODEC_HEVC, 0 },
	{ BOX('a', 'v', '0', '1'), BOX('a', 'v', '1', 'C'), CODEC_AV1, 0 },
	{ BOX('v', 'p', '0', '9'), BOX('v', 'p', 'c', 'C'), CODEC_VP9, 0 },
	{ BOX('v', 'p', '0', '8'), BOX('v', 'p', 'c', 'C'), CODEC_VP8, 0 },
	{ BOX('m', 'p', '4', 'a'), BOX('e', 's', 'd', 's'), CODEC_AAC, 4 },
	{ BOX('O', 'p', 'u', 's'), BOX('d', 'O', 'p', 's'), CODEC_OPUS, 0 },
};

static void set_extra(struct track_config *c, const uint8_t *p, size_t len)
{
	if (p && len <= CODEC_EXTRA_MAX) {
		memcpy(c->extra, p, len);
		c->extra_len = len;
	}
}

/* The tag and length of an MPEG-4 descriptor (ISO 14496-1 8.3.3). */
static size_t descriptor(struct rd *r, uint8_t *tag)
{
	size_t n = 0;
	uint8_t byte = 0x80;
	int i;

	*tag = rd_u8(r);
	for (i = 0; i < 4 && byte & 0x80; i++) {
		byte = rd_u8(r);
		n = n << 7 | (byte & 127);
	}
	return n;
}

/* ES_Descriptor > DecoderConfigDescriptor > DecoderSpecificInfo */
static void read_esds(struct track_config *c, struct rd r)
{
	uint8_t tag, flags, object;
	size_t n;

	descriptor(&r, &tag);
	rd_u16(&r);
	flags = rd_u8(&r);
	if (flags & 0x80)
		rd_u16(&r);
	if (flags & 0x40)
		rd_bytes(&r, rd_u8(&r));
	if (flags & 0x20)
		rd_u16(&r);
	descriptor(&r, &tag);
	object = rd_u8(&r);
	rd_bytes(&r, 12);
	if (object == 0x69 || object == 0x6b) {
		c->codec = CODEC_MP3;
		return;
	}
	n = descriptor(&r, &tag);
	if (tag == 5)
		set_extra(c, rd_bytes(&r, n), n);
}

/* dOps is an OpusHead without its magic, version 0, big-endian. */
static void read_dops(struct track_config *c, struct rd r)
{
	const uint8_t *p = r.p;
	size_t len = r.left;

	if (len < 11 || len + 8 > CODEC_EXTRA_MAX)
		return;
	memcpy(c->extra, "OpusHead", 8);
	memcpy(c->extra + 8, p, len);
	c->extra[8] = 1;
	c->extra[10] = p[3];
	c->extra[11] = p[2];
	c->extra_len = len + 8;
}

/* A sample entry (8.5.2): size or rate, and the codec's own box. */
static void read_entry(struct mp4_track *t, const struct box *entry, const struct entry_kind *k)
{
	struct track_config *c = &t->config;
	struct rd r = entry->body;
	struct box b;

	c->codec = k->codec;
	if (codec_is_video(k->codec)) {
		rd_bytes(&r, 24);
		c->width = rd_u16(&r);
		c->height = rd_u16(&r);
		rd_bytes(&r, 50);
	} else {
		rd_bytes(&r, 16);
		c->channels = rd_u16(&r);
		rd_bytes(&r, 6);
		c->sample_rate = rd_u16(&r);
		rd_bytes(&r, 2);
	}
	if (r.failed || !find_box(r, k->config, &b))
		return;
	rd_bytes(&b.body, k->skip);
	if (k->codec == CODEC_AAC)
		read_esds(c, b.body);
	else if (k->codec == CODEC_OPUS)
		read_dops(c, b.body);
	else
		set_extra(c, b.body.p, b.body.left);
}

static const struct entry_kind *kind_of(uint32_t type)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].entry == type)
			return &kinds[i];
	}
	return NULL;
}

/* A trak whose codec we know takes the place of its kind, if that is free. */
static void read_trak(struct mp4_look *l, struct rd trak)
{
	struct mp4_track *t;
	struct box b, mdia, entry;
	const struct entry_kind *k;
	uint32_t id, timescale;
	int wide;

	if (!find_box(trak, BOX('t', 'k', 'h', 'd'), &b))
		return;
	wide = rd_u8(&b.body) == 1 ? 8 : 4;
	rd_bytes(&b.body, (size_t)(3 + 2 * wide));
	id = rd_u32(&b.body);
	if (b.body.failed || !find_box(trak, BOX('m', 'd', 'i', 'a'), &mdia) ||
	    !find_box(mdia.body, BOX('m', 'd', 'h', 'd'), &b))
		return;
	wide = rd_u8(&b.body) == 1 ? 8 : 4;
	rd_bytes(&b.body, (size_t)(3 + 2 * wide));
	timescale = rd_u32(&b.body);
	if (b.body.failed || timescale == 0 || id == 0 ||
	    !find_box(mdia.body, BOX('m', 'i', 'n', 'f'), &b) ||
	    !find_box(b.body, BOX('s', 't', 'b', 'l'), &b) ||
	    !find_box(b.body, BOX('s', 't', 's', 'd'), &b))
		return;
	rd_bytes(&b.body, 8);
	if (b.body.failed || next_box(&b.body, &entry) <= 0)
		return;
	k = kind_of(entry.type);
	if (!k)
		return;
	t = &l->tracks[codec_is_video(k->codec) ? TRACK_VIDEO : TRACK_AUDIO];
	if (t->id != 0)
		return;
	t->id = id;
	t->timescale = timescale;
	read_entry(t, &entry, k);
	params_parse(&t->config, NULL);	/* what the sample entry said stays if it fails */
}

static struct mp4_track *track_of(struct mp4_look *l, uint32_t id)
{
	int i;

	for (i = 0; i < N_TRACKS; i++) {
		if (id != 0 && l->tracks[i].id == id)
			return &l->tracks[i];
	}
	return NULL;
}

static void read_moov(struct mp4_look *l, struct rd moov)
{
	struct rd in = moov;
	struct box b, trex;
	struct mp4_track *t;

	while (next_box(&in, &b) > 0) {
		if (b.type == BOX('t', 'r', 'a', 'k'))
			read_trak(l, b.body);
	}
	if (!find_box(moov, BOX('m', 'v', 'e', 'x'), &b))
		return;
	while (next_box(&b.body, &trex) > 0) {
		if (trex.type != BOX('t', 'r', 'e', 'x'))
			continue;
		rd_u32(&trex.body);
		t = track_of(l, rd_u32(&trex.body));
		rd_u32(&trex.body);
		if (!t)
			continue;
		t->def_duration = rd_u32(&trex.body);
		t->def_size = rd_u32(&trex.body);
		t->def_flags = rd_u32(&trex.body);
	}
}

/* Defaults that hold for one traf. */
struct traf {
	struct mp4_track *t;
	uint64_t base;		/* of data offsets, in the file */
	uint32_t duration, size, flags;
	uint64_t dts;
	uint64_t next_data;	/* where the samples of the next trun stand */
};

#define NOT_SYNC 0x00010000	/* sample_is_non_sync_sample, 8.8.3.1 */

/* The first video sample: does the segment begin where a decoder can? */
static void look_at_first(struct mp4_look *l, struct mp4_track *t, uint32_t flags, uint64_t at,
			  uint32_t size)
{
	enum codec c = t->config.codec;

	if (at > l->len || size > l->len - at) {
		l->out->damaged = true;
		return;
	}
	t->key_first = !(flags & NOT_SYNC);
	if (c == CODEC_H264 || c == CODEC_HEVC)
		t->key_first = t->key_first && nal_has_idr(c, l->data + at, size,
							   params_nal_len_size(&t->config));
}

static void add_sample(struct mp4_look *l, struct mp4_track *t, uint64_t dts, int64_t cts,
		       uint32_t duration)
{
	struct span *s = &t->span;
	/* Unsigned and within 60 bits, so that absurd times wrap instead of
	 * overflowing here or in the sums made of them. */
	uint64_t pts = dts + (uint64_t)cts;

	if (s->n == 0)
		s->first = (int64_t)(pts << 4) >> 4;
	s->frame = duration;
	span_add(s, (int64_t)((pts - (uint64_t)s->first) << 4) >> 4);
	l->n_samples++;
}

static int read_trun(struct mp4_look *l, struct traf *f, struct rd r, struct err *err)
{
	uint32_t head = rd_u32(&r), flags = head & 0xffffff, n = rd_u32(&r), i;
	uint32_t per_sample = (uint32_t)__builtin_popcount(flags & 0xf00) * 4;
	uint32_t first_flags = f->flags, duration, size, sample_flags;
	bool has_first = flags & 0x4;
	uint64_t at = f->next_data;
	int64_t cts;

	if (flags & 0x1)
		at = f->base + (uint64_t)(int64_t)(int32_t)rd_u32(&r);
	if (has_first)
		first_flags = rd_u32(&r);
	if (r.failed || (per_sample && n > r.left / per_sample))
		return err_set(err, ERR_INVALID, "trun: cut short");
	if (n > SAMPLES_MAX - l->n_samples)
		return err_set(err, ERR_LIMIT, "trun: more than %d samples", SAMPLES_MAX);
	for (i = 0; i < n; i++) {
		duration = flags & 0x100 ? rd_u32(&r) : f->duration;
		size = flags & 0x200 ? rd_u32(&r) : f->size;
		sample_flags = flags & 0x400 ? rd_u32(&r) : f->flags;
		cts = 0;
		if (flags & 0x800) {
			cts = rd_u32(&r);
			if (head >> 24)
				cts = (int32_t)(uint32_t)cts;
		}
		if (i == 0 && has_first)
			sample_flags = first_flags;
		if (f->t == &l->tracks[TRACK_VIDEO] && f->t->span.n == 0)
			look_at_first(l, f->t, sample_flags, at, size);
		add_sample(l, f->t, f->dts, cts, duration);
		f->dts += duration;
		at += size;
	}
	/* The samples have to be in the file. */
	if (at > l->len)
		l->out->damaged = true;
	f->next_data = at;
	return 0;
}

static void read_tfhd(struct mp4_look *l, struct traf *f, struct rd r)
{
	uint32_t flags = rd_u32(&r) & 0xffffff;

	f->t = track_of(l, rd_u32(&r));
	if (!f->t)
		return;
	if (flags & 0x1)
		f->base = rd_u64(&r);
	if (flags & 0x2)
		rd_u32(&r);
	f->duration = flags & 0x8 ? rd_u32(&r) : f->t->def_duration;
	f->size = flags & 0x10 ? rd_u32(&r) : f->t->def_size;
	f->flags = flags & 0x20 ? rd_u32(&r) : f->t->def_flags;
	if (r.failed)
		f->t = NULL;
}

static int read_traf(struct mp4_look *l, struct rd traf, uint64_t moof_at, struct err *err)
{
	struct traf f = { .base = moof_at, .next_data = moof_at };
	struct box b;
	int more;

	if (!find_box(traf, BOX('t', 'f', 'h', 'd'), &b))
		return err_set(err, ERR_INVALID, "traf without tfhd");
	read_tfhd(l, &f, b.body);
	if (!f.t)			/* a track we do not look at */
		return 0;
	f.next_data = f.base;
	f.dts = f.t->next_dts;
	if (find_box(traf, BOX('t', 'f', 'd', 't'), &b))
		f.dts = rd_u32(&b.body) >> 24 ? rd_u64(&b.body) : rd_u32(&b.body);
	while ((more = next_box(&traf, &b)) > 0) {
		if (b.type == BOX('t', 'r', 'u', 'n') && read_trun(l, &f, b.body, err) < 0)
			return -1;
	}
	f.t->next_dts = f.dts;
	if (more < 0)
		l->out->damaged = true;
	return 0;
}

static int read_moof(struct mp4_look *l, const struct box *moof, struct err *err)
{
	struct rd in = moof->body;
	struct box b;
	int more;

	while ((more = next_box(&in, &b)) > 0) {
		if (b.type == BOX('t', 'r', 'a', 'f') &&
		    read_traf(l, b.body, (uint64_t)(moof->whole - l->data), err) < 0)
			return -1;
	}
	if (more < 0)
		l->out->damaged = true;
	return 0;
}

/* 1/timescale to 1/90000 s, rounded down; absurd values stay absurd but defined. */
static int64_t to_90k(int64_t v, uint32_t timescale)
{
	return (int64_t)((__int128)v * 90000 / timescale);
}

static void span_report(const struct mp4_track *t, int64_t *first, int64_t *duration)
{
	*first = to_90k(t->span.first + t->span.min, t->timescale);
	*duration = to_90k(span_duration(&t->span), t->timescale);
}

static int inspect_mp4(struct inspect *out, const uint8_t *data, size_t len, struct err *err)
{
	struct mp4_look l = { .out = out, .data = data, .len = len };
	struct mp4_track *v = &l.tracks[TRACK_VIDEO], *a = &l.tracks[TRACK_AUDIO];
	struct rd in = rd_of(data, len);
	struct box b;
	int more;

	while ((more = next_box(&in, &b)) > 0) {
		if (b.type == BOX('m', 'o', 'o', 'v')) {
			read_moov(&l, b.body);
			out->init_len = (size_t)(in.p - data);
		} else if (b.type == BOX('m', 'o', 'o', 'f') && read_moof(&l, &b, err) < 0) {
			return -1;
		}
	}
	if (more < 0)
		out->damaged = true;
	if (v->span.n + a->span.n == 0)
		return err_set(err, ERR_INVALID, "MP4: no fragment with frames");
	out->video = v->config.codec;
	out->audio = a->config.codec;
	out->n_video = v->span.n;
	out->n_audio = a->span.n;
	out->width = v->config.width;
	out->height = v->config.height;
	out->starts_with_idr = v->key_first;
	if (a->span.n)
		span_report(a, &out->audio_first_pts_90k, &out->audio_duration_90k);
	if (v->span.n)
		span_report(v, &out->first_pts_90k, &out->duration_90k);
	else
		span_report(a, &out->first_pts_90k, &out->duration_90k);
	join_codecs(out->codecs, &v->config, &a->config);
	return 0;
}

int inspect_segment(struct inspect *out, bool fmp4, const uint8_t *data, size_t len, struct err *err)
{
	memset(out, 0, sizeof(*out));
	out->audio_first_pts_90k = -1;
	return fmp4 ? inspect_mp4(out, data, len, err) : inspect_ts(out, data, len, err);
}
