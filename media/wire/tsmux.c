/*
 * Speed is in two things: the output is reserved once per PES packet and then written
 * straight through, and the pieces of an access unit (PES header, AUD, parameter
 * sets, start codes, NAL units) are copied from where they lie: an AVCC unit becomes
 * Annex B on the way, without a copy of its own.
 */
#include "media/wire/tsmux.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "media/wire/params.h"
#include "media/wire/ts.h"

#define ROOM (TS_PACKET - 4)		/* payload of a packet without adaptation field */
#define PID_PMT 0x1000
#define PID_VIDEO 0x100
#define PID_AUDIO 0x101
#define PCR_STEP_90K 9000		/* 2.7.2: at most 100 ms apart */
#define PCR_FILL_MAX 200		/* such packets for one gap: 20 s */
#define GROUP_90K 9000			/* audio of one PES packet */
#define GROUP_BYTES 8192
#define GROUP_GAP_90K 180		/* a hole in the audio (over 2 ms) begins a new PES packet */

enum { AF_DISCONTINUITY = 0x80, AF_RANDOM_ACCESS = 0x40, AF_PCR = 0x10 };

/* Continuity of one PID. */
struct pid {
	int pid;
	uint8_t cc;			/* of the next packet with payload */
	bool fresh;			/* its next packet tells of a discontinuity */
};

struct tsmux {
	enum codec codec[N_TRACKS];
	struct pid pat, pmt, es[N_TRACKS];
	uint8_t pmt_version;
	bool has_begun;			/* the PMT is out: a change is a new version */
	struct buf sets;		/* parameter sets of the video in Annex B form */
	uint8_t adts[7];		/* header of a frame, length still to be put in */
	int sample_rate;
	bool has_pcr;
	int64_t last_pcr;
	struct buf group;		/* audio frames not yet written */
	int64_t group_pts;
	int64_t group_samples;
	int group_rate;			/* MP3 may change its own */
};

struct tsmux *tsmux_new(void)
{
	struct tsmux *m = xcalloc(1, sizeof(*m));

	m->pmt.pid = PID_PMT;
	m->es[TRACK_VIDEO].pid = PID_VIDEO;
	m->es[TRACK_AUDIO].pid = PID_AUDIO;
	buf_init(&m->sets, 2 * CODEC_EXTRA_MAX);
	buf_init(&m->group, 2 * GROUP_BYTES);
	return m;
}

void tsmux_free(struct tsmux *m)
{
	if (!m)
		return;
	buf_fini(&m->sets);
	buf_fini(&m->group);
	free(m);
}

static int set_video(struct tsmux *m, const struct track_config *c, struct err *err)
{
	if (c->codec != CODEC_H264 && c->codec != CODEC_HEVC)
		return err_set(err, ERR_INVALID, "TS does not carry %s", codec_name(c->codec));
	/* Without extra data the parameter sets are in the access units. */
	if (c->extra_len > 0 && !params_add_annexb(&m->sets, c)) {
		buf_clear(&m->sets);
		return err_set(err, ERR_INVALID, "parameter sets cut short");
	}
	return 0;
}

static int set_audio(struct tsmux *m, const struct track_config *c, struct err *err)
{
	if (c->codec != CODEC_AAC && c->codec != CODEC_MP3)
		return err_set(err, ERR_INVALID, "TS does not carry %s", codec_name(c->codec));
	if (c->codec == CODEC_AAC && !params_adts(m->adts, c, 0))
		return err_set(err, ERR_INVALID, "this AAC has no ADTS form");
	m->sample_rate = c->sample_rate;
	return 0;
}

int tsmux_set_track(struct tsmux *m, enum track track, const struct track_config *config,
		    struct err *err)
{
	enum codec codec = config ? config->codec : CODEC_NONE, old = m->codec[track];
	int res = 0;

	m->codec[track] = CODEC_NONE;
	buf_clear(track == TRACK_VIDEO ? &m->sets : &m->group);
	if (codec != CODEC_NONE)
		res = track == TRACK_VIDEO ? set_video(m, config, err) : set_audio(m, config, err);
	if (res == 0)
		m->codec[track] = codec;
	if (m->codec[track] != old && m->has_begun) {
		m->pmt_version = (m->pmt_version + 1) & 31;
		m->has_begun = false;
	}
	return res;
}

/* ---- packets ---- */

/* The four bytes of a packet header, counting the packet. */
static uint8_t *put_head(uint8_t *o, struct pid *p, bool starts, bool has_field)
{
	o[0] = TS_SYNC;
	o[1] = (uint8_t)((starts ? 0x40 : 0) | p->pid >> 8);
	o[2] = (uint8_t)p->pid;
	o[3] = (uint8_t)((has_field ? 0x30 : 0x10) | p->cc);
	p->cc = (p->cc + 1) & 15;
	return o + 4;
}

static uint8_t *put_pcr(uint8_t *o, int64_t pcr)
{
	uint64_t base = (uint64_t)pcr & TS_CLOCK_MASK;

	o[0] = (uint8_t)(base >> 25);
	o[1] = (uint8_t)(base >> 17);
	o[2] = (uint8_t)(base >> 9);
	o[3] = (uint8_t)(base >> 1);
	o[4] = (uint8_t)(base << 7 | 0x7e);	/* reserved bits; extension 0 */
	o[5] = 0;
	return o + 6;
}

/* An adaptation field of len (1..184) bytes in all. */
static uint8_t *put_field(uint8_t *o, size_t len, uint8_t flags, int64_t pcr)
{
	uint8_t *end = o + len;

	*o++ = (uint8_t)(len - 1);
	if (len == 1)
		return o;
	*o++ = flags;
	if (flags & AF_PCR)
		o = put_pcr(o, pcr);
	memset(o, 0xff, (size_t)(end - o));
	return end;
}

static uint8_t take_fresh(struct pid *p)
{
	uint8_t flags = p->fresh ? AF_DISCONTINUITY : 0;

	p->fresh = false;
	return flags;
}

/* A section in one packet; it begins behind two bytes of o's pointer and field. */
static void put_section(struct buf *out, struct pid *p, uint8_t *section, size_t len)
{
	uint8_t *to = buf_reserve(out, TS_PACKET), *o, flags = take_fresh(p);
	uint32_t crc = ts_crc32(section, len);
	int i;

	if (!to)
		return;
	for (i = 0; i < 4; i++)
		section[len++] = (uint8_t)(crc >> (24 - 8 * i));
	o = put_head(to, p, true, flags != 0);
	if (flags)
		o = put_field(o, 2, flags, 0);
	*o++ = 0;			/* pointer_field */
	memcpy(o, section, len);
	o += len;
	memset(o, 0xff, (size_t)(to + TS_PACKET - o));
	out->len += TS_PACKET;
}

static void put_pat(struct tsmux *m, struct buf *out)
{
	uint8_t s[16] = { 0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe0 | PID_PMT >> 8, PID_PMT & 255 };

	put_section(out, &m->pat, s, 12);
}

static uint8_t stream_type(enum codec c)
{
	switch (c) {
	case CODEC_H264: return TS_TYPE_H264;
	case CODEC_HEVC: return TS_TYPE_HEVC;
	case CODEC_AAC: return TS_TYPE_ADTS;
	default: return TS_TYPE_MPEG1_AUDIO;
	}
}

static struct pid *pcr_pid(struct tsmux *m)
{
	return &m->es[m->codec[TRACK_VIDEO] != CODEC_NONE ? TRACK_VIDEO : TRACK_AUDIO];
}

static void put_pmt(struct tsmux *m, struct buf *out)
{
	int pcr = pcr_pid(m)->pid, i;
	uint8_t s[12 + 5 * N_TRACKS + 4] = { 2, 0xb0, 0, 0, 1, (uint8_t)(0xc1 | m->pmt_version << 1),
		0, 0, (uint8_t)(0xe0 | pcr >> 8), (uint8_t)pcr, 0xf0, 0 };
	size_t len = 12;

	for (i = 0; i < N_TRACKS; i++) {
		if (m->codec[i] == CODEC_NONE)
			continue;
		s[len++] = stream_type(m->codec[i]);
		s[len++] = (uint8_t)(0xe0 | m->es[i].pid >> 8);
		s[len++] = (uint8_t)m->es[i].pid;
		s[len++] = 0xf0;
		s[len++] = 0;
	}
	s[2] = (uint8_t)(len + 4 - 3);
	put_section(out, &m->pmt, s, len);
}

/* A packet that says nothing (2.4.3.3, PID 0x1fff). */
static void put_null(struct buf *out)
{
	uint8_t *p = buf_reserve(out, TS_PACKET);

	if (!p)
		return;
	memset(p, 0xff, TS_PACKET);
	memcpy(p, "\x47\x1f\xff\x10", 4);
	out->len += TS_PACKET;
}

void tsmux_begin(struct tsmux *m, struct buf *out, bool fresh)
{
	struct pid *all[] = { &m->pat, &m->pmt, &m->es[TRACK_VIDEO], &m->es[TRACK_AUDIO] };
	size_t i;

	for (i = 0; fresh && i < sizeof(all) / sizeof(all[0]); i++) {
		all[i]->cc = 0;
		all[i]->fresh = true;
	}
	m->has_pcr = m->has_pcr && !fresh;
	m->has_begun = true;
	put_pat(m, out);
	put_pmt(m, out);
	/* FFmpeg guesses the format from the first 2048 bytes and takes seven small PES
	 * packets in them for a program stream: a still picture's frames are that small. */
	put_pat(m, out);
	put_pmt(m, out);
	put_null(out);
}

/* ---- PES packets ---- */

/* The bytes of a PES packet, piece by piece from where they lie. */
struct pieces {
	const uint8_t *p;		/* the piece at hand */
	size_t left;
	const uint8_t *sets;		/* parameter sets that come next, or NULL */
	size_t sets_len;
	const uint8_t *data;		/* then the payload */
	size_t len, pos;
	int len_size;			/* 0: payload is one piece */
	enum codec codec;
	const uint8_t *nal;		/* NAL unit whose start code was given */
	size_t nal_len;
};

static bool is_aud(enum codec codec, const uint8_t *nal)
{
	return codec == CODEC_H264 ? (nal[0] & 31) == 9 : (nal[0] >> 1 & 63) == 35;
}

/* Only called while bytes are owed: the sizes were added up before. */
static void next_piece(struct pieces *s)
{
	static const uint8_t start_code[4] = { 0, 0, 0, 1 };
	long n;

	if (s->sets) {
		s->p = s->sets;
		s->left = s->sets_len;
		s->sets = NULL;
		return;
	}
	if (s->nal) {
		s->p = s->nal;
		s->left = s->nal_len;
		s->nal = NULL;
		return;
	}
	if (s->len_size == 0) {
		s->p = s->data;
		s->left = s->len;
		return;
	}
	do {
		n = nal_next_prefixed(s->data, s->len, s->len_size, &s->pos, &s->nal);
	} while (n > 0 && is_aud(s->codec, s->nal));
	s->nal_len = (size_t)n;
	s->p = start_code;
	s->left = sizeof(start_code);
}

static void take(struct pieces *s, uint8_t *to, size_t n)
{
	while (s->left < n) {
		memcpy(to, s->p, s->left);
		to += s->left;
		n -= s->left;
		next_piece(s);
	}
	memcpy(to, s->p, n);
	s->p += n;
	s->left -= n;
}

/* Whole packets while the piece at hand lasts: nearly all of the bytes. */
static uint8_t *put_run(uint8_t *o, struct pid *p, struct pieces *s, size_t n)
{
	for (; n > 0; n--) {
		o = put_head(o, p, false, false);
		memcpy(o, s->p, ROOM);
		o += ROOM;
		s->p += ROOM;
		s->left -= ROOM;
	}
	return o;
}

static void put_pes(struct buf *out, struct pid *p, struct pieces *s, size_t total, uint8_t flags,
		    int64_t pcr)
{
	size_t field = flags & AF_PCR ? 8 : flags ? 2 : 0, n, run;
	size_t packets = total <= ROOM - field ? 1 : 1 + (total - (ROOM - field) + ROOM - 1) / ROOM;
	uint8_t *o = buf_reserve(out, packets * TS_PACKET);

	if (!o)
		return;
	out->len += packets * TS_PACKET;
	if (total < ROOM - field)
		field = ROOM - total;
	o = put_head(o, p, true, field != 0);
	if (field)
		o = put_field(o, field, flags, pcr);
	n = ROOM - field;
	take(s, o, n);
	o += n;
	for (total -= n; total > 0; total -= n) {
		run = (s->left < total ? s->left : total) / ROOM;
		n = run * ROOM;
		if (run > 0) {
			o = put_run(o, p, s, run);
			continue;
		}
		n = total < ROOM ? total : ROOM;
		o = put_head(o, p, false, n < ROOM);
		if (n < ROOM)
			o = put_field(o, ROOM - n, 0, 0);
		take(s, o, n);
		o += n;
	}
}

static uint8_t *put_time(uint8_t *o, unsigned mark, int64_t t)
{
	uint64_t v = (uint64_t)t & TS_CLOCK_MASK;

	o[0] = (uint8_t)(mark << 4 | v >> 29 | 1);
	o[1] = (uint8_t)(v >> 22);
	o[2] = (uint8_t)(v >> 14 | 1);
	o[3] = (uint8_t)(v >> 7);
	o[4] = (uint8_t)(v << 1 | 1);
	return o + 5;
}

/* A PES header before len bytes of payload; to has room for 19. */
static size_t put_pes_head(uint8_t *to, uint8_t stream_id, uint8_t flags, size_t len, int64_t pts,
			   int64_t dts)
{
	bool has_dts = ((pts ^ dts) & TS_CLOCK_MASK) != 0;
	size_t times = has_dts ? 10 : 5, all = 3 + times + len;

	if (all > UINT16_MAX)
		all = 0;		/* unbounded: allowed for video only */
	to[0] = to[1] = 0;
	to[2] = 1;
	to[3] = stream_id;
	to[4] = (uint8_t)(all >> 8);
	to[5] = (uint8_t)all;
	to[6] = flags;
	to[7] = has_dts ? 0xc0 : 0x80;
	to[8] = (uint8_t)times;
	put_time(to + 9, has_dts ? 3 : 2, pts);
	if (has_dts)
		put_time(to + 14, 1, dts);
	return 9 + times;
}

/* Slow video: packets with nothing but a PCR, so that it comes each 100 ms. */
static void fill_pcr(struct tsmux *m, struct buf *out, int64_t pcr)
{
	struct pid *p = pcr_pid(m);
	uint8_t *o;
	int n;

	for (n = 0; m->has_pcr && n < PCR_FILL_MAX && pcr - m->last_pcr > PCR_STEP_90K; n++) {
		o = buf_reserve(out, TS_PACKET);
		if (!o)
			return;
		m->last_pcr += PCR_STEP_90K;
		o[0] = TS_SYNC;
		o[1] = (uint8_t)(p->pid >> 8);
		o[2] = (uint8_t)p->pid;
		/* Without payload the counter repeats that of the packet before. */
		o[3] = 0x20 | ((p->cc - 1) & 15);
		put_field(o + 4, ROOM, AF_PCR, m->last_pcr);
		out->len += TS_PACKET;
	}
	m->has_pcr = true;
	m->last_pcr = pcr;
}

/* What an access unit holds beside its slices. */
struct au_scan {
	size_t bytes;			/* in Annex B form, without its AUD */
	size_t aud;			/* Annex B: bytes of the AUD at its start */
	bool has_sps;
};

static bool is_sps(enum codec codec, const uint8_t *nal)
{
	return codec == CODEC_H264 ? (nal[0] & 31) == 7 : (nal[0] >> 1 & 63) == 33;
}

static bool scan_prefixed(struct au_scan *a, enum codec codec, const struct tsmux_au *au)
{
	const uint8_t *nal;
	size_t pos = 0;
	long n;

	while ((n = nal_next_prefixed(au->data, au->len, au->len_size, &pos, &nal)) > 0) {
		if (is_aud(codec, nal))
			continue;
		a->bytes += 4 + (size_t)n;
		a->has_sps = a->has_sps || is_sps(codec, nal);
	}
	return n == 0 && a->bytes > 0;
}

/* Looks no further than the first slice. */
static bool scan_annexb(struct au_scan *a, enum codec codec, const struct tsmux_au *au)
{
	const uint8_t *nal;
	size_t pos = 0;
	bool slice = false;
	long n;

	while (!slice && (n = nal_next_annexb(au->data, au->len, &pos, &nal)) > 0) {
		if (is_aud(codec, nal) && nal <= au->data + 4)
			a->aud = pos;
		a->has_sps = a->has_sps || is_sps(codec, nal);
		slice = codec == CODEC_H264 ? (nal[0] & 31) <= 5 : (nal[0] >> 1 & 63) < 32;
	}
	/* The next start code may lend its first zero byte to the AUD's end. */
	if (a->aud > 0 && a->aud < au->len && au->data[a->aud - 1] == 0)
		a->aud--;
	a->bytes = au->len - a->aud;
	return slice;
}

bool tsmux_video(struct tsmux *m, struct buf *out, const struct tsmux_au *au)
{
	static const uint8_t aud_h264[6] = { 0, 0, 0, 1, 9, 0xf0 };
	static const uint8_t aud_hevc[7] = { 0, 0, 0, 1, 0x46, 1, 0x50 };
	enum codec codec = m->codec[TRACK_VIDEO];
	size_t aud_len = codec == CODEC_H264 ? sizeof(aud_h264) : sizeof(aud_hevc), head, payload;
	uint8_t prefix[19 + sizeof(aud_hevc)], flags;
	struct au_scan scan = { .bytes = 0 };
	struct pieces s = { .data = au->data, .len = au->len, .len_size = au->len_size,
			    .codec = codec };

	if (codec == CODEC_NONE)
		return false;
	if (!(au->len_size ? scan_prefixed(&scan, codec, au) : scan_annexb(&scan, codec, au)))
		return false;
	if (au->len_size == 0) {
		s.data += scan.aud;
		s.len -= scan.aud;
	}
	payload = aud_len + scan.bytes;
	if (au->key && !scan.has_sps && m->sets.len > 0) {
		s.sets = m->sets.data;
		s.sets_len = m->sets.len;
		payload += m->sets.len;
	}
	/* 0x84: the payload begins with an access unit. */
	head = put_pes_head(prefix, 0xe0, 0x84, payload, au->pts_90k, au->dts_90k);
	memcpy(prefix + head, codec == CODEC_H264 ? aud_h264 : aud_hevc, aud_len);
	s.p = prefix;
	s.left = head + aud_len;
	fill_pcr(m, out, au->dts_90k - TSMUX_PCR_DELAY_90K);
	flags = (uint8_t)(take_fresh(&m->es[TRACK_VIDEO]) | AF_PCR | (au->key ? AF_RANDOM_ACCESS : 0));
	put_pes(out, &m->es[TRACK_VIDEO], &s, head + payload, flags, m->last_pcr);
	return true;
}

/* ---- audio ---- */

void tsmux_flush(struct tsmux *m, struct buf *out)
{
	struct pieces s = { .data = m->group.data, .len = m->group.len };
	uint8_t head[19], flags;

	if (m->group.len == 0)
		return;
	s.p = head;
	s.left = put_pes_head(head, 0xc0, 0x80, m->group.len, m->group_pts, m->group_pts);
	flags = take_fresh(&m->es[TRACK_AUDIO]);
	if (m->codec[TRACK_VIDEO] == CODEC_NONE) {
		fill_pcr(m, out, m->group_pts - TSMUX_PCR_DELAY_90K);
		flags |= AF_PCR | AF_RANDOM_ACCESS;
	}
	put_pes(out, &m->es[TRACK_AUDIO], &s, s.left + m->group.len, flags, m->last_pcr);
	buf_clear(&m->group);
}

/* Samples of a frame and, for MP3, its own rate; 0: not a frame. */
static int frame_samples(struct tsmux *m, const uint8_t *data, size_t len, int *rate)
{
	struct mp3_frame f;

	*rate = m->sample_rate;
	if (m->codec[TRACK_AUDIO] == CODEC_AAC)
		return len > 0 && len + 7 <= 8191 ? 1024 : 0;
	if (m->codec[TRACK_AUDIO] != CODEC_MP3 || params_mp3_frame(data, len, &f) < 0 ||
	    len > GROUP_BYTES)
		return 0;
	*rate = f.sample_rate;
	return f.samples;
}

/* Does a frame at pts go on where the gathered ones end, with room left? */
static bool fits_group(const struct tsmux *m, size_t len, int64_t pts, int samples, int rate)
{
	int64_t end = m->group_pts + m->group_samples * 90000 / rate;
	int64_t gap = pts - end;

	return rate == m->group_rate && gap < GROUP_GAP_90K && gap > -GROUP_GAP_90K &&
	       m->group.len + len + 7 <= GROUP_BYTES &&
	       (m->group_samples + samples) * INT64_C(90000) / rate <= GROUP_90K;
}

bool tsmux_audio(struct tsmux *m, struct buf *out, const uint8_t *data, size_t len,
		 int64_t pts_90k)
{
	uint8_t adts[7];
	int rate, samples = frame_samples(m, data, len, &rate);

	if (samples == 0 || rate <= 0)
		return false;
	if (m->group.len > 0 && !fits_group(m, len, pts_90k, samples, rate))
		tsmux_flush(m, out);
	if (m->group.len == 0) {
		m->group_pts = pts_90k;
		m->group_samples = 0;
		m->group_rate = rate;
	}
	if (m->codec[TRACK_AUDIO] == CODEC_AAC) {
		memcpy(adts, m->adts, sizeof(adts));
		adts[3] = (uint8_t)((adts[3] & 0xfc) | (len + 7) >> 11);
		adts[4] = (uint8_t)((len + 7) >> 3);
		adts[5] = (uint8_t)((len + 7) << 5 | 0x1f);
		buf_add(&m->group, adts, sizeof(adts));
	}
	buf_add(&m->group, data, len);
	m->group_samples += samples;
	return true;
}
