/*
 * MPEG-TS demultiplexer.  Three layers, each with its own bound: packets (sync),
 * sections (PAT, PMT: 1024 bytes, CRC checked), PES packets (16 MiB).
 *
 * A PES packet is handed on when its announced length is there, else when the next
 * one of its PID begins.  Whatever is odd (a counter that jumps, a length that
 * disagrees) marks the units it touches as damaged and never stops the stream: the
 * caller decides what damage means.
 */
#include "media/wire/tsdemux.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "media/wire/params.h"
#include "media/wire/ts.h"

#define LOST_MAX 65536		/* bytes without sync */
#define RESYNCED 8		/* packets in a row that make us believe in the sync again */
#define SECTION_MAX 1024
#define PES_MAX (16u << 20)
#define PIDS_MAX 64
#define ADTS_MAX 8191

struct section {
	uint8_t data[SECTION_MAX];
	size_t len;		/* collected; 0: waiting for a start */
};

/* One elementary stream. */
struct es {
	int pid;		/* -1: none */
	enum track track;
	enum codec codec;
	int cc;			/* last continuity counter, -1: none yet */
	bool repeated;		/* that packet came twice already */
	bool open;		/* a PES packet is being collected */
	bool damaged;		/* something broke inside it */
	size_t want;		/* its whole length; 0: until the next begins */
	struct buf pes;		/* header and payload */
	struct buf audio;	/* payload with the head of a frame from the PES before */
	int64_t next_pts;	/* of the next audio frame in 1/90000 s, -1 unknown */
	int64_t pts_rest;	/* fraction of it in 1/sample_rate ticks */
};

struct ts_demux {
	ts_unit_cb *cb;
	void *arg;
	uint8_t carry[TS_PACKET];	/* a packet cut by the end of a push */
	size_t carry_len;
	size_t lost;		/* bytes skipped since the last good run */
	unsigned good;		/* packets in a row with sync */
	bool damaged;
	bool has_pat;
	int pmt_pid;		/* -1: none */
	struct section pat, pmt;
	struct es es[N_TRACKS];
};

struct ts_demux *ts_demux_new(ts_unit_cb *cb, void *arg)
{
	struct ts_demux *d = xcalloc(1, sizeof(*d));
	int i;

	d->cb = cb;
	d->arg = arg;
	d->pmt_pid = -1;
	for (i = 0; i < N_TRACKS; i++) {
		d->es[i].pid = -1;
		d->es[i].track = (enum track)i;
		buf_init(&d->es[i].pes, PES_MAX);
		buf_init(&d->es[i].audio, PES_MAX + ADTS_MAX);
	}
	return d;
}

void ts_demux_free(struct ts_demux *d)
{
	int i;

	if (!d)
		return;
	for (i = 0; i < N_TRACKS; i++) {
		buf_fini(&d->es[i].pes);
		buf_fini(&d->es[i].audio);
	}
	free(d);
}

bool ts_demux_had_damage(const struct ts_demux *d)
{
	return d->damaged;
}

bool ts_demux_has_track(const struct ts_demux *d, enum track track)
{
	return d->es[track].pid >= 0;
}

/* ---- elementary streams ---- */

static int64_t read_pts(const uint8_t *p)
{
	return (int64_t)(p[0] >> 1 & 7) << 30 | (int64_t)p[1] << 22 | (int64_t)(p[2] >> 1) << 15 |
	       (int64_t)p[3] << 7 | p[4] >> 1;
}

/* What a NAL unit means for the borders of access units (ISO 14496-10 7.4.1.2.3,
 * ISO 23008-2 7.4.2.4.4). */
enum nal_role { NAL_PART, NAL_OPENS, NAL_FIRST_SLICE, NAL_SLICE };

static enum nal_role nal_role(enum codec codec, const uint8_t *nal, size_t len)
{
	unsigned type;

	if (codec == CODEC_H264) {
		type = nal[0] & 31;
		if (type >= 1 && type <= 5)	/* first_mb_in_slice 0 is a single 1 bit */
			return len > 1 && nal[1] & 0x80 ? NAL_FIRST_SLICE : NAL_SLICE;
		return (type >= 6 && type <= 9) || (type >= 14 && type <= 18) ? NAL_OPENS : NAL_PART;
	}
	type = nal[0] >> 1 & 63;
	if (type < 32)
		return len > 2 && nal[2] & 0x80 ? NAL_FIRST_SLICE : NAL_SLICE;
	return (type >= 32 && type <= 35) || type == 39 || (type >= 41 && type <= 44) ||
	       (type >= 48 && type <= 55) ? NAL_OPENS : NAL_PART;
}

static bool is_idr(enum codec codec, const uint8_t *nal)
{
	unsigned type = nal[0] >> 1 & 63;

	return codec == CODEC_H264 ? (nal[0] & 31) == 5 : type >= 16 && type <= 21;
}

static void give_video(struct ts_demux *d, struct ts_unit *u, const uint8_t *data, size_t len)
{
	u->data = data;
	u->len = len;
	d->cb(d->arg, u);
	/* A PES packet has one pair of timestamps, for its first unit. */
	u->pts_90k = u->dts_90k = -1;
	u->key = false;
}

/* Where the start code of a unit begins, with its leading zero byte. */
static size_t start_of(const uint8_t *data, const uint8_t *nal)
{
	size_t at = (size_t)(nal - data) - 3;

	return at > 0 && data[at - 1] == 0 ? at - 1 : at;
}

static void split_video(struct ts_demux *d, struct ts_unit *u, const uint8_t *data, size_t len)
{
	const uint8_t *nal = NULL;
	size_t pos = 0, begin = 0;
	bool has_slice = false;
	enum nal_role role;
	long n;

	while ((n = nal_next_annexb(data, len, &pos, &nal)) > 0) {
		role = nal_role(u->codec, nal, (size_t)n);
		if (has_slice && (role == NAL_OPENS || role == NAL_FIRST_SLICE)) {
			give_video(d, u, data + begin, start_of(data, nal) - begin);
			begin = start_of(data, nal);
			has_slice = false;
		}
		if (role >= NAL_FIRST_SLICE) {
			has_slice = true;
			u->key = u->key || is_idr(u->codec, nal);
		}
	}
	if (n < 0)
		d->damaged = u->damaged = true;
	if (has_slice || n < 0)
		give_video(d, u, data + begin, len - begin);
}

/* Length and parameters of the audio frame at p; 0: not one, -1: its header is cut. */
static long audio_frame_at(const struct es *e, const uint8_t *p, size_t len, struct ts_unit *u,
			   size_t *skip, int *samples)
{
	static const int rates[16] = { 96000, 88200, 64000, 48000, 44100, 32000, 24000,
				       22050, 16000, 12000, 11025, 8000, 7350 };
	struct mp3_frame f;
	unsigned rate, config;
	size_t n;

	*skip = 0;
	if (e->codec == CODEC_MP3) {
		if (len < 4)
			return -1;
		if (params_mp3_frame(p, len, &f) < 0)
			return 0;
		u->sample_rate = f.sample_rate;
		u->channels = f.channels;
		*samples = f.samples;
		return (long)f.len;
	}
	if (len < 7)
		return -1;
	rate = p[2] >> 2 & 15;
	n = (size_t)(p[3] & 3) << 11 | (size_t)p[4] << 3 | p[5] >> 5;
	*skip = p[1] & 1 ? 7 : 9;
	if (p[0] != 0xff || (p[1] & 0xf6) != 0xf0 || rates[rate] == 0 || n <= *skip)
		return 0;
	config = (p[2] & 1u) << 2 | p[3] >> 6;
	u->asc[0] = (uint8_t)(((p[2] >> 6) + 1) << 3 | rate >> 1);
	u->asc[1] = (uint8_t)(rate << 7 | config << 3);
	u->sample_rate = rates[rate];
	u->channels = config == 7 ? 8 : (int)config;
	*samples = 1024 * ((p[6] & 3) + 1);
	return (long)n;
}

/* The next frame's time is this one's plus its length, exact over any count. */
static void advance_audio_pts(struct es *e, int samples, int sample_rate)
{
	int64_t ticks = (int64_t)samples * 90000 + e->pts_rest;

	if (e->next_pts < 0)
		return;
	e->next_pts = (e->next_pts + ticks / sample_rate) & TS_CLOCK_MASK;
	e->pts_rest = ticks % sample_rate;
}

/* Frames of one PES payload, behind what the last one left over.  pts belongs to the
 * first frame that begins in this payload. */
static void split_audio(struct ts_demux *d, struct es *e, struct ts_unit *u, int64_t pts,
			const uint8_t *data, size_t len)
{
	size_t old = e->audio.len, at = 0, skip;
	int samples = 0;
	long n;

	buf_add(&e->audio, data, len);
	while (at < e->audio.len) {
		n = audio_frame_at(e, e->audio.data + at, e->audio.len - at, u, &skip, &samples);
		if (n < 0 || (n > 0 && (size_t)n > e->audio.len - at))
			break;
		if (n == 0) {		/* lost: look at the next byte */
			d->damaged = u->damaged = true;
			at++;
			continue;
		}
		if (at >= old && pts >= 0) {
			e->next_pts = pts;
			e->pts_rest = 0;
			pts = -1;
		}
		u->pts_90k = u->dts_90k = e->next_pts;
		u->data = e->audio.data + at + skip;
		u->len = (size_t)n - skip;
		d->cb(d->arg, u);
		u->damaged = false;
		advance_audio_pts(e, samples, u->sample_rate);
		at += (size_t)n;
	}
	buf_consume(&e->audio, at);
}

/* The PES packet of e is whole: parse its header and pass on what it holds. */
static void finish_pes(struct ts_demux *d, struct es *e)
{
	const uint8_t *p = e->pes.data;
	struct ts_unit u = { .track = e->track, .codec = e->codec, .pts_90k = -1, .dts_90k = -1 };
	size_t len = e->pes.len, head;

	if (!e->open)
		return;
	e->open = false;
	if (e->want && len < e->want)
		e->damaged = true;
	if (e->damaged)
		d->damaged = true;
	if (len < 9 || p[0] != 0 || p[1] != 0 || p[2] != 1 || (p[6] & 0xc0) != 0x80 ||
	    (p[6] & 0x30) != 0 || (head = 9u + p[8]) > len) {
		d->damaged = true;
		return;
	}
	if (p[7] & 0x80 && p[8] >= 5)
		u.pts_90k = u.dts_90k = read_pts(p + 9);
	if ((p[7] & 0xc0) == 0xc0 && p[8] >= 10)
		u.dts_90k = read_pts(p + 14);
	u.damaged = e->damaged;
	if (len == head)
		return;
	if (e->track == TRACK_VIDEO)
		split_video(d, &u, p + head, len - head);
	else
		split_audio(d, e, &u, u.pts_90k, p + head, len - head);
}

/* A packet with payload of e: is its counter the next one?  false: drop the packet,
 * it is the repetition that 2.4.3.3 allows. */
static bool check_counter(struct ts_demux *d, struct es *e, int cc, bool discontinuity)
{
	int want = (e->cc + 1) & 15;

	if (e->cc >= 0 && !discontinuity && cc != want) {
		if (cc == e->cc && !e->repeated) {
			e->repeated = true;
			return false;
		}
		d->damaged = e->damaged = true;
	}
	e->cc = cc;
	e->repeated = false;
	return true;
}

static int push_pes(struct ts_demux *d, struct es *e, const uint8_t *p, size_t len, bool start,
		    struct err *err)
{
	size_t packet_len;

	if (start) {
		/* What broke at this packet belongs to the PES before it. */
		finish_pes(d, e);
		buf_clear(&e->pes);
		e->open = true;
		e->damaged = false;
		e->want = 0;
	}
	if (!e->open) {
		/* A PES whose head is missing, or more than it announced: only what
		 * follows a first start can be judged. */
		if (e->want)
			d->damaged = true;
		return 0;
	}
	if (!buf_add(&e->pes, p, len))
		return err_set(err, ERR_LIMIT, "TS: a PES packet above %u bytes", PES_MAX);
	if (e->want == 0 && start && len >= 6) {
		packet_len = (size_t)p[4] << 8 | p[5];
		e->want = packet_len ? packet_len + 6 : 0;
	}
	if (e->want && e->pes.len >= e->want) {
		if (e->pes.len > e->want)
			e->damaged = true;
		e->pes.len = e->want;
		finish_pes(d, e);
	}
	return 0;
}

/* ---- PAT and PMT ---- */

static void on_pat(struct ts_demux *d, const uint8_t *p, size_t len)
{
	size_t at;

	if (p[0] != 0 || !(p[5] & 1))
		return;
	for (at = 8; at + 4 <= len - 4; at += 4) {
		if (p[at] == 0 && p[at + 1] == 0)	/* the network PID */
			continue;
		d->pmt_pid = (p[at + 2] & 31) << 8 | p[at + 3];
		return;
	}
}

static void es_select(struct ts_demux *d, struct es *e, int pid, enum codec codec)
{
	if (e->pid == pid && e->codec == codec)
		return;
	finish_pes(d, e);
	buf_clear(&e->audio);
	e->pid = pid;
	e->codec = codec;
	e->cc = -1;
	e->want = 0;
	e->repeated = e->open = e->damaged = false;
	e->next_pts = -1;
}

static enum codec codec_of_type(uint8_t stream_type)
{
	switch (stream_type) {
	case TS_TYPE_H264: return CODEC_H264;
	case TS_TYPE_HEVC: return CODEC_HEVC;
	case TS_TYPE_ADTS: return CODEC_AAC;
	case TS_TYPE_MPEG1_AUDIO:
	case TS_TYPE_MPEG2_AUDIO: return CODEC_MP3;
	}
	return CODEC_NONE;
}

static void on_pmt(struct ts_demux *d, const uint8_t *p, size_t len)
{
	int pid[N_TRACKS] = { -1, -1 }, n = 0, i;
	enum codec codec[N_TRACKS] = { CODEC_NONE, CODEC_NONE }, c;
	size_t at;

	if (p[0] != 2 || !(p[5] & 1) || len < 16)
		return;
	at = 12 + ((size_t)(p[10] & 15) << 8 | p[11]);
	for (; at + 5 <= len - 4 && n < PIDS_MAX; n++) {
		c = codec_of_type(p[at]);
		i = codec_is_video(c) ? TRACK_VIDEO : TRACK_AUDIO;
		if (c != CODEC_NONE && codec[i] == CODEC_NONE) {
			codec[i] = c;
			pid[i] = (p[at + 1] & 31) << 8 | p[at + 2];
		}
		at += 5 + ((size_t)(p[at + 3] & 15) << 8 | p[at + 4]);
	}
	for (i = 0; i < N_TRACKS; i++)
		es_select(d, &d->es[i], pid[i], codec[i]);
}

typedef void section_cb(struct ts_demux *d, const uint8_t *p, size_t len);

/* Passes on a section once all of it is there; false: more is needed. */
static bool take_section(struct ts_demux *d, struct section *s, section_cb *cb)
{
	size_t whole;

	if (s->len < 3)
		return false;
	whole = 3 + ((size_t)(s->data[1] & 15) << 8 | s->data[2]);
	if (s->len < whole && whole <= SECTION_MAX)
		return false;
	if (s->data[0] == 0xff) {		/* stuffing up to the packet's end */
		s->len = 0;
		return false;
	}
	if (whole > SECTION_MAX || whole < 12 || ts_crc32(s->data, whole) != 0) {
		d->damaged = true;
		s->len = 0;
		return false;
	}
	cb(d, s->data, whole);
	memmove(s->data, s->data + whole, s->len - whole);
	s->len -= whole;
	return true;
}

static void add_section_bytes(struct section *s, const uint8_t *p, size_t len)
{
	size_t n = len < SECTION_MAX - s->len ? len : SECTION_MAX - s->len;

	memcpy(s->data + s->len, p, n);
	s->len += n;
}

static void push_section(struct ts_demux *d, struct section *s, const uint8_t *p, size_t len,
			 bool start, section_cb *cb)
{
	size_t pointer;

	if (!start) {
		if (s->len == 0)
			return;
		add_section_bytes(s, p, len);
		while (take_section(d, s, cb))
			;
		return;
	}
	pointer = len ? p[0] : 0;
	if (len < 1 || pointer > len - 1) {
		d->damaged = true;
		return;
	}
	if (s->len > 0) {		/* the end of the section before */
		add_section_bytes(s, p + 1, pointer);
		while (take_section(d, s, cb))
			;
	}
	s->len = 0;
	add_section_bytes(s, p + 1 + pointer, len - 1 - pointer);
	while (take_section(d, s, cb))
		;
}

/* ---- packets ---- */

static int push_packet(struct ts_demux *d, const uint8_t *p, struct err *err)
{
	int pid = (p[1] & 31) << 8 | p[2], i;
	bool start = p[1] & 0x40, discontinuity = false;
	size_t at = 4;

	if (p[1] & 0x80 || p[3] & 0xc0) {	/* transport error, scrambled */
		d->damaged = true;
		return 0;
	}
	if (p[3] & 0x20) {
		at = 5u + p[4];
		discontinuity = p[4] > 0 && p[5] & 0x80;
	}
	if (!(p[3] & 0x10))
		return 0;
	if (at >= TS_PACKET) {
		if (at > TS_PACKET)
			d->damaged = true;
		return 0;
	}
	if (pid == 0)
		push_section(d, &d->pat, p + at, TS_PACKET - at, start, on_pat);
	else if (pid == d->pmt_pid)
		push_section(d, &d->pmt, p + at, TS_PACKET - at, start, on_pmt);
	for (i = 0; i < N_TRACKS; i++) {
		struct es *e = &d->es[i];

		if (pid == e->pid && check_counter(d, e, p[3] & 15, discontinuity))
			return push_pes(d, e, p + at, TS_PACKET - at, start, err);
	}
	return 0;
}

/* How many bytes to skip until a believable packet start; at least one. */
static size_t skip_to_sync(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 1; i < len; i++) {
		if (p[i] == TS_SYNC && (i + TS_PACKET >= len || p[i + TS_PACKET] == TS_SYNC))
			return i;
	}
	return len;
}

static int lose(struct ts_demux *d, size_t n, struct err *err)
{
	d->damaged = true;
	d->good = 0;
	d->lost += n;
	if (d->lost > LOST_MAX)
		return err_set(err, ERR_INVALID, "TS: no sync within %d bytes", LOST_MAX);
	return 0;
}

static int in_sync(struct ts_demux *d, const uint8_t *p, struct err *err)
{
	if (++d->good >= RESYNCED)
		d->lost = 0;
	return push_packet(d, p, err);
}

int ts_demux_push(struct ts_demux *d, const uint8_t *data, size_t len, struct err *err)
{
	size_t n;

	if (d->carry_len > 0) {
		n = TS_PACKET - d->carry_len < len ? TS_PACKET - d->carry_len : len;
		memcpy(d->carry + d->carry_len, data, n);
		d->carry_len += n;
		data += n;
		len -= n;
		if (d->carry_len < TS_PACKET)
			return 0;
		d->carry_len = 0;
		if (in_sync(d, d->carry, err) < 0)
			return -1;
	}
	while (len > 0) {
		if (data[0] != TS_SYNC) {
			n = skip_to_sync(data, len);
			if (lose(d, n, err) < 0)
				return -1;
		} else if (len < TS_PACKET) {
			memcpy(d->carry, data, len);
			d->carry_len = len;
			return 0;
		} else {
			n = TS_PACKET;
			if (in_sync(d, data, err) < 0)
				return -1;
		}
		data += n;
		len -= n;
	}
	return 0;
}

void ts_demux_flush(struct ts_demux *d)
{
	int i;

	if (d->carry_len > 0)
		d->damaged = true;
	d->carry_len = 0;
	for (i = 0; i < N_TRACKS; i++) {
		finish_pes(d, &d->es[i]);
		if (d->es[i].audio.len > 0)
			d->damaged = true;
		buf_clear(&d->es[i].audio);
	}
}
