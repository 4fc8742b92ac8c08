#include "media/wire/flv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "media/wire/bits.h"
#include "media/wire/params.h"

/* Media time may differ this much from the sample count before audio follows it. */
#define AUDIO_RESYNC_90K (100 * 90)

enum { PACKET_START, PACKET_FRAMES, PACKET_END, PACKET_FRAMES_X, PACKET_METADATA,
       PACKET_TS_START, PACKET_MULTITRACK, PACKET_MODEX };
enum { AUDIO_MULTICHANNEL = 4, AUDIO_MULTITRACK = 5 };
enum { MULTI_ONE, MULTI_MANY, MULTI_MANY_CODECS };

#define FRAME_COMMAND 5
#define FOURCC(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* ---- tag headers ---- */

static int cut_short(struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, "%s tag is cut short", what);
}

static void set_rest(struct flv_tag *t, enum flv_kind kind, const struct rd *r)
{
	t->kind = kind;
	t->data = r->p;
	t->len = r->left;
}

static int unsupported(struct flv_tag *t, const char *name)
{
	t->kind = FLV_UNSUPPORTED;
	snprintf(t->name, sizeof(t->name), "%s", name);
	return 0;
}

static int unsupported_fourcc(struct flv_tag *t, uint32_t fourcc)
{
	char s[5] = { (char)(fourcc >> 24), (char)(fourcc >> 16), (char)(fourcc >> 8), (char)fourcc, 0 };
	size_t i;

	for (i = 0; i < 4; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			s[i] = '?';
	return unsupported(t, s);
}

static int32_t rd_s24(struct rd *r)
{
	return (int32_t)(rd_u24(r) << 8) >> 8;
}

/*
 * The wrappers around an enhanced tag: any number of ModEx (a size, that much
 * data, the next packet type), then perhaps Multitrack.
 */
struct wrapped {
	unsigned packet;	/* packet type inside the wrappers */
	uint32_t fourcc;
	bool other_track;	/* holds no track 0 */
};

static int unwrap_modex(struct flv_tag *t, struct rd *r, unsigned *packet, struct err *err)
{
	while (*packet == PACKET_MODEX) {
		size_t size = (size_t)rd_u8(r) + 1;
		const uint8_t *data;
		uint8_t next;

		if (size == 256)
			size = (size_t)rd_u16(r) + 1;
		data = rd_bytes(r, size);
		next = rd_u8(r);
		if (r->failed)
			return cut_short(err, "ModEx");
		/* Type 0: nanoseconds beyond the millisecond. */
		if (next >> 4 == 0 && size >= 3)
			t->nano = ((uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2]) % 1000000;
		*packet = next & 15;
	}
	return 0;
}

/* Leave in r the body of track 0. */
static int unwrap_multitrack(struct wrapped *w, struct rd *r, struct err *err)
{
	uint8_t b = rd_u8(r);
	unsigned kind = b >> 4;
	const uint8_t *body;
	uint8_t id;
	uint32_t size;

	w->packet = b & 15;
	if (kind > MULTI_MANY_CODECS)
		return err_set(err, ERR_INVALID, "multitrack type %u", kind);
	if (kind != MULTI_MANY_CODECS)
		w->fourcc = rd_u32(r);
	if (kind == MULTI_ONE) {
		w->other_track = rd_u8(r) != 0;
		return r->failed ? cut_short(err, "multitrack") : 0;
	}
	while (r->left > 0) {
		if (kind == MULTI_MANY_CODECS)
			w->fourcc = rd_u32(r);
		id = rd_u8(r);
		size = rd_u24(r);
		body = rd_bytes(r, size);
		if (r->failed)
			return cut_short(err, "multitrack");
		if (id == 0) {
			*r = rd_of(body, size);
			return 0;
		}
	}
	w->other_track = true;
	return 0;
}

static int unwrap(struct wrapped *w, struct flv_tag *t, struct rd *r, unsigned packet,
		  unsigned multitrack, const char *what, struct err *err)
{
	*w = (struct wrapped){ .packet = packet };
	if (unwrap_modex(t, r, &w->packet, err) < 0)
		return -1;
	if (w->packet == multitrack)
		return unwrap_multitrack(w, r, err);
	w->fourcc = rd_u32(r);
	return r->failed ? cut_short(err, what) : 0;
}

static enum codec video_fourcc(uint32_t f)
{
	switch (f) {
	case FOURCC('a', 'v', 'c', '1'): return CODEC_H264;
	case FOURCC('h', 'v', 'c', '1'): return CODEC_HEVC;
	case FOURCC('a', 'v', '0', '1'): return CODEC_AV1;
	case FOURCC('v', 'p', '0', '9'): return CODEC_VP9;
	default: return CODEC_NONE;
	}
}

static int parse_ex_video(struct flv_tag *t, uint8_t first, struct rd *r, struct err *err)
{
	struct wrapped w;

	t->key = (first >> 4 & 7) == 1;
	if ((first >> 4 & 7) == FRAME_COMMAND && (first & 15) != PACKET_METADATA)
		return 0;
	if (unwrap(&w, t, r, first & 15, PACKET_MULTITRACK, "video", err) < 0)
		return -1;
	if (w.other_track)
		return 0;
	t->codec = video_fourcc(w.fourcc);
	if (t->codec == CODEC_NONE)
		return unsupported_fourcc(t, w.fourcc);
	switch (w.packet) {
	case PACKET_START:
		set_rest(t, FLV_CONFIG, r);
		return 0;
	case PACKET_FRAMES:
		if (t->codec == CODEC_H264 || t->codec == CODEC_HEVC)
			t->cts_ms = rd_s24(r);
		if (r->failed)
			return cut_short(err, "video");
		set_rest(t, FLV_FRAME, r);
		return 0;
	case PACKET_FRAMES_X:
		set_rest(t, FLV_FRAME, r);
		return 0;
	case PACKET_TS_START:
		return unsupported(t, "AV1 in MPEG-TS form");
	default:
		return 0;
	}
}

static const char *legacy_video_name(unsigned id)
{
	static const char *const names[] = {
		"", "JPEG", "Sorenson H.263", "screen video", "VP6", "VP6 with alpha",
		"screen video 2",
	};

	return id < sizeof(names) / sizeof(names[0]) ? names[id] : "";
}

static int parse_legacy_video(struct flv_tag *t, uint8_t first, struct rd *r, struct err *err)
{
	unsigned id = first & 15;
	uint8_t packet;

	t->key = first >> 4 == 1;
	if (first >> 4 == FRAME_COMMAND)
		return 0;
	if (id != 7 && id != 12) {
		char name[28];

		snprintf(name, sizeof(name), "id %u %s", id, legacy_video_name(id));
		return unsupported(t, name);
	}
	t->codec = id == 7 ? CODEC_H264 : CODEC_HEVC;
	packet = rd_u8(r);
	t->cts_ms = rd_s24(r);
	if (r->failed)
		return cut_short(err, "video");
	if (packet == PACKET_START)
		set_rest(t, FLV_CONFIG, r);
	else if (packet == PACKET_FRAMES)
		set_rest(t, FLV_FRAME, r);
	return 0;
}

int flv_parse_video(struct flv_tag *t, const uint8_t *data, size_t len, struct err *err)
{
	struct rd r = rd_of(data, len);
	uint8_t first = rd_u8(&r);

	*t = (struct flv_tag){ .kind = FLV_NOTHING };
	if (len == 0)		/* some encoders send empty tags to keep the line alive */
		return 0;
	if (first & 0x80)
		return parse_ex_video(t, first, &r, err);
	return parse_legacy_video(t, first, &r, err);
}

static enum codec audio_fourcc(uint32_t f)
{
	switch (f) {
	case FOURCC('m', 'p', '4', 'a'): return CODEC_AAC;
	case FOURCC('O', 'p', 'u', 's'): return CODEC_OPUS;
	case FOURCC('.', 'm', 'p', '3'): return CODEC_MP3;
	default: return CODEC_NONE;
	}
}

static int parse_ex_audio(struct flv_tag *t, uint8_t first, struct rd *r, struct err *err)
{
	struct wrapped w;

	if (unwrap(&w, t, r, first & 15, AUDIO_MULTITRACK, "audio", err) < 0)
		return -1;
	if (w.other_track)
		return 0;
	t->codec = audio_fourcc(w.fourcc);
	if (t->codec == CODEC_NONE)
		return unsupported_fourcc(t, w.fourcc);
	if (w.packet == PACKET_START)
		set_rest(t, FLV_CONFIG, r);
	else if (w.packet == PACKET_FRAMES)
		set_rest(t, FLV_FRAME, r);
	return 0;
}

static const char *legacy_audio_name(unsigned format)
{
	static const char *const names[16] = {
		[0] = "PCM", [1] = "ADPCM", [3] = "PCM", [4] = "Nellymoser", [5] = "Nellymoser",
		[6] = "Nellymoser", [7] = "G.711 A-law", [8] = "G.711 mu-law", [11] = "Speex",
		[15] = "device specific",
	};

	return names[format] ? names[format] : "";
}

int flv_parse_audio(struct flv_tag *t, const uint8_t *data, size_t len, struct err *err)
{
	struct rd r = rd_of(data, len);
	uint8_t first = rd_u8(&r), packet;
	unsigned format = first >> 4;
	char name[28];

	*t = (struct flv_tag){ .kind = FLV_NOTHING };
	if (len == 0)
		return 0;
	switch (format) {
	case 9:
		return parse_ex_audio(t, first, &r, err);
	case 2:
	case 14:
		t->codec = CODEC_MP3;
		set_rest(t, FLV_FRAME, &r);
		return 0;
	case 10:
		t->codec = CODEC_AAC;
		packet = rd_u8(&r);
		if (r.failed)
			return cut_short(err, "audio");
		set_rest(t, packet == PACKET_START ? FLV_CONFIG : FLV_FRAME, &r);
		return 0;
	default:
		snprintf(name, sizeof(name), "format %u %s", format, legacy_audio_name(format));
		return unsupported(t, name);
	}
}

/* ---- demuxer ---- */

/* Audio time by counting samples. */
struct audio_clock {
	bool running;
	int64_t base_90k;
	int64_t n_samples;	/* since base */
	int rate;
};

struct track_state {
	struct track_config config;	/* codec CODEC_NONE: none yet */
	bool announced;			/* on_track was called for it */
	bool refused;
};

struct flv_demux {
	struct flv_demux_cb cb;
	void *arg;
	struct track_state tracks[N_TRACKS];
	bool has_time;
	int64_t time_ms;	/* unwrapped, of the last tag */
	struct audio_clock clock;
	int aac_samples;	/* a frame: 1024 or 960 */
	int nal_len_size;
};

struct flv_demux *flv_demux_new(const struct flv_demux_cb *cb, void *arg)
{
	struct flv_demux *d = xcalloc(1, sizeof(*d));

	d->cb = *cb;
	d->arg = arg;
	return d;
}

void flv_demux_free(struct flv_demux *d)
{
	free(d);
}

/* 32-bit stamps are compared by signed difference: a wrap is a small step. */
static int64_t unwrap_time(struct flv_demux *d, uint32_t time_ms)
{
	if (!d->has_time)
		d->time_ms = time_ms;
	else
		d->time_ms += (int32_t)(time_ms - (uint32_t)d->time_ms);
	d->has_time = true;
	return d->time_ms;
}

static void refuse(struct flv_demux *d, enum track track, const char *why)
{
	if (d->tracks[track].refused)
		return;
	d->tracks[track].refused = true;
	d->cb.on_refused(d->arg, track, why);
}

/*
 * HEVC parameters sent as AVC (OBS 29 builds and forks did): an hvcC whose first
 * array holds parameter sets, where an avcC would have an SPS.
 */
static bool is_hvcc(const uint8_t *p, size_t len)
{
	bool sps_of_avcc = len > 8 && (p[5] & 0x1f) == 1 && (p[8] & 0x1f) == 7;

	return len > 28 && !sps_of_avcc && p[22] > 0 && p[22] < 16 && (p[23] & 0x3f) >= 32 &&
	       (p[23] & 0x3f) <= 39;
}

/* ISO 14496-3 4.4.1: frameLengthFlag follows the channels in the plain object types. */
static int aac_frame_samples(const struct track_config *c)
{
	struct bits b = bits_of(c->extra, c->extra_len);
	unsigned type = bits_get(&b, 5);

	if (bits_get(&b, 4) == 15)
		bits_skip(&b, 24);
	bits_skip(&b, 4);
	return type <= 4 && bits_get(&b, 1) ? 960 : 1024;
}

static bool is_same_config(const struct track_config *a, const struct track_config *b)
{
	return a->codec == b->codec && a->extra_len == b->extra_len &&
	       memcmp(a->extra, b->extra, a->extra_len) == 0 && a->width == b->width &&
	       a->height == b->height && a->sample_rate == b->sample_rate &&
	       a->channels == b->channels;
}

/* Parameters are complete: tell, if they are news. */
static void announce(struct flv_demux *d, enum track track, const struct track_config *c)
{
	struct track_state *ts = &d->tracks[track];

	if (ts->announced && is_same_config(&ts->config, c))
		return;
	ts->config = *c;
	ts->announced = true;
	if (c->codec == CODEC_H264 || c->codec == CODEC_HEVC)
		d->nal_len_size = params_nal_len_size(c);
	if (c->codec == CODEC_AAC)
		d->aac_samples = aac_frame_samples(c);
	if (track == TRACK_AUDIO)
		d->clock.running = false;
	d->cb.on_track(d->arg, track, c);
}

static int push_config(struct flv_demux *d, enum track track, const struct flv_tag *t, struct err *err)
{
	struct track_state *ts = &d->tracks[track];
	struct track_config c = { .codec = t->codec, .extra_len = t->len };

	if (t->len > CODEC_EXTRA_MAX)
		return err_set(err, ERR_LIMIT, "codec parameters of %zu bytes", t->len);
	if (t->codec == CODEC_H264 && is_hvcc(t->data, t->len)) {
		refuse(d, track, "HEVC is sent under the codec id of AVC; use an encoder that "
		       "speaks enhanced RTMP (FourCC hvc1)");
		return 0;
	}
	if (t->len > 0)
		memcpy(c.extra, t->data, t->len);
	if (params_parse(&c, err) < 0)
		return err_wrap(err, "%s sequence header", codec_name(t->codec));
	/* VP9 (and AV1 without a sequence header OBU) tell their size in the key
	 * frame only: announced then.  The size known so far makes a repeated
	 * header no news. */
	if (codec_is_video(c.codec) && c.width == 0) {
		if (ts->config.codec == c.codec) {
			c.width = ts->config.width;
			c.height = ts->config.height;
			c.fps_num = ts->config.fps_num;
			c.fps_den = ts->config.fps_den;
		}
		if (!ts->announced || !is_same_config(&ts->config, &c)) {
			ts->config = c;
			ts->config.width = ts->config.height = 0;
			ts->announced = false;
		}
		return 0;
	}
	announce(d, track, &c);
	return 0;
}

/* A key frame of a codec whose parameters are silent about the size. */
static void size_from_key(struct flv_demux *d, const struct flv_tag *t)
{
	struct track_config c = d->tracks[TRACK_VIDEO].config;

	if (params_size_from_key(&c, t->data, t->len))
		announce(d, TRACK_VIDEO, &c);
}

static bool is_key(const struct flv_demux *d, const struct flv_tag *t)
{
	if (t->codec == CODEC_H264 || t->codec == CODEC_HEVC)
		return nal_has_idr(t->codec, t->data, t->len, d->nal_len_size);
	return t->key;
}

static int push_video(struct flv_demux *d, int64_t time_ms, struct flv_tag *t, struct err *err)
{
	struct track_state *ts = &d->tracks[TRACK_VIDEO];
	struct media_packet p = {
		.track = TRACK_VIDEO, .data = t->data, .len = t->len, .dts_90k = time_ms * 90,
		.pts_90k = (time_ms + t->cts_ms) * 90 + (int64_t)t->nano * 90 / 1000000,
	};

	if (ts->config.codec != t->codec) {
		t->key = false;
		return err_set(err, ERR_INVALID, "%s frame before its sequence header",
			       codec_name(t->codec));
	}
	t->key = is_key(d, t);
	if (t->key && (t->codec == CODEC_VP9 || !ts->announced))
		size_from_key(d, t);
	if (!ts->announced) {
		t->key = false;
		return err_set(err, ERR_INVALID, "%s frame before a key frame", codec_name(t->codec));
	}
	p.key = t->key;
	d->cb.on_packet(d->arg, &p);
	return 0;
}

/* RFC 6716 3.1: samples at 48 kHz in a packet; 0 when it is no Opus packet. */
static int opus_samples(const uint8_t *p, size_t len)
{
	unsigned config, n;
	int samples;

	if (len < 1 || ((p[0] & 3) == 3 && len < 2))
		return 0;
	config = p[0] >> 3;
	if (config >= 16)
		samples = 120 << (config & 3);
	else if (config >= 12)
		samples = config & 1 ? 960 : 480;
	else
		samples = (config & 3) == 3 ? 2880 : 480 << (config & 3);
	n = (p[0] & 3) == 0 ? 1 : (p[0] & 3) < 3 ? 2 : p[1] & 63;
	return samples * (int)n > 5760 ? 0 : samples * (int)n;
}

static int mp3_samples(const uint8_t *p, size_t len)
{
	struct mp3_frame f;
	int n = 0;

	while (len >= 4 && params_mp3_frame(p, len, &f) == 0) {
		n += f.samples;
		if (f.len < 4 || f.len >= len)
			break;
		p += f.len;
		len -= f.len;
	}
	return n;
}

static int count_samples(const struct flv_demux *d, const struct flv_tag *t)
{
	if (t->codec == CODEC_OPUS)
		return opus_samples(t->data, t->len);
	if (t->codec == CODEC_MP3)
		return mp3_samples(t->data, t->len);
	return d->aac_samples;
}

/* The time of the next audio frame, which has samples. */
static int64_t audio_time(struct audio_clock *c, int64_t stamp_90k, int samples, int rate)
{
	int64_t counted = 0;

	if (c->running && c->rate == rate) {
		counted = c->base_90k + c->n_samples * 90000 / rate;
		if (llabs(stamp_90k - counted) > AUDIO_RESYNC_90K)
			c->running = false;
	}
	if (!c->running || c->rate != rate) {
		*c = (struct audio_clock){ .running = true, .base_90k = stamp_90k, .rate = rate };
		counted = stamp_90k;
	}
	c->n_samples += samples;
	return counted;
}

/* MP3 has no sequence header: its frames say what it is. */
static int config_from_mp3(struct flv_demux *d, const struct flv_tag *t, struct err *err)
{
	const struct track_config *have = &d->tracks[TRACK_AUDIO].config;
	struct track_config c = { .codec = CODEC_MP3 };
	struct mp3_frame f;

	if (params_mp3_frame(t->data, t->len, &f) < 0)
		return err_set(err, ERR_INVALID, "MP3 packet without a frame header");
	if (have->codec == CODEC_MP3 && have->sample_rate == f.sample_rate && have->channels == f.channels)
		return 0;
	c.extra_len = 4;
	memcpy(c.extra, t->data, 4);
	c.sample_rate = f.sample_rate;
	c.channels = f.channels;
	announce(d, TRACK_AUDIO, &c);
	return 0;
}

static int push_audio(struct flv_demux *d, int64_t time_ms, struct flv_tag *t, struct err *err)
{
	const struct track_config *c = &d->tracks[TRACK_AUDIO].config;
	struct media_packet p = { .track = TRACK_AUDIO, .data = t->data, .len = t->len };

	if (t->codec == CODEC_MP3 && config_from_mp3(d, t, err) < 0)
		return -1;
	if (c->codec != t->codec)
		return err_set(err, ERR_INVALID, "%s frame before its sequence header",
			       codec_name(t->codec));
	p.dts_90k = p.pts_90k = audio_time(&d->clock, time_ms * 90, count_samples(d, t), c->sample_rate);
	d->cb.on_packet(d->arg, &p);
	return 0;
}

int flv_demux_push(struct flv_demux *d, enum track track, uint32_t time_ms, struct flv_tag *t,
		   struct err *err)
{
	char why[96];
	int64_t at;

	if (t->kind == FLV_UNSUPPORTED) {
		snprintf(why, sizeof(why), "%s codec %s is not supported",
			 track == TRACK_VIDEO ? "video" : "audio", t->name);
		refuse(d, track, why);
	}
	if (t->kind == FLV_NOTHING || t->kind == FLV_UNSUPPORTED || d->tracks[track].refused) {
		t->key = false;
		return 0;
	}
	if (t->kind == FLV_CONFIG) {
		t->key = false;
		return push_config(d, track, t, err);
	}
	at = unwrap_time(d, time_ms);
	if (t->len == 0) {
		t->key = false;
		return 0;
	}
	return track == TRACK_VIDEO ? push_video(d, at, t, err) : push_audio(d, at, t, err);
}

/* ---- aggregates ---- */

struct flv_aggregate flv_aggregate_of(const uint8_t *data, size_t len, uint32_t time_ms)
{
	return (struct flv_aggregate){ .rd = rd_of(data, len), .time_ms = time_ms };
}

bool flv_aggregate_next(struct flv_aggregate *a, struct flv_sub_tag *t)
{
	uint32_t time_ms;

	t->type = rd_u8(&a->rd) & 0x1f;
	t->len = rd_u24(&a->rd);
	time_ms = rd_u24(&a->rd);
	time_ms |= (uint32_t)rd_u8(&a->rd) << 24;
	rd_u24(&a->rd);		/* stream id */
	t->data = rd_bytes(&a->rd, t->len);
	if (a->rd.failed)
		return false;
	if (a->rd.left >= 4)
		rd_u32(&a->rd);	/* back pointer; left out by some behind the last tag */
	if (!a->started)
		a->first_ms = time_ms;
	a->started = true;
	t->time_ms = a->time_ms + (time_ms - a->first_ms);
	return true;
}
