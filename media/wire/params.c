/*
 * Codec parameters as the MP4 family writes them.  NAL units and SPS are in nal.c.
 *
 * Sources: ISO 14496-15 5.3.3 (avcC), 8.3.3 (hvcC); ISO 14496-3 1.6.2
 * (AudioSpecificConfig); AV1 ISOBMFF 2.3 and AV1 5.5; VP codec ISO media file format
 * binding 2.2; RFC 7845 5.1 (OpusHead); RFC 6381 and ISO 14496-15 E (codec names).
 */
#include "media/wire/params.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "media/wire/bits.h"

#define SIDE_MAX 16384		/* pixels */
#define CHANNELS_MAX 64

static const int aac_rates[13] = { 96000, 88200, 64000, 48000, 44100, 32000, 24000,
				   22050, 16000, 12000, 11025, 8000, 7350 };

/* What an AudioSpecificConfig says. */
struct asc {
	unsigned object_type;	/* of the core coder: 2 for HE-AAC too */
	int rate;		/* of the core coder: 1024 samples a frame at this rate */
	unsigned channel_config;
	int channels;
};

/* ---- H.264, HEVC ---- */

/* Calls back for each parameter set of an avcC or hvcC; false when damaged. */
typedef bool set_cb(void *arg, const uint8_t *nal, size_t len);

static bool each_of_array(struct rd *r, unsigned n, set_cb *cb, void *arg)
{
	const uint8_t *nal;
	size_t len;

	for (; n > 0; n--) {
		len = rd_u16(r);
		nal = rd_bytes(r, len);
		if (!nal || (len > 0 && !cb(arg, nal, len)))
			return false;
	}
	return !r->failed;
}

static bool each_set(const struct track_config *c, set_cb *cb, void *arg)
{
	struct rd r = rd_of(c->extra, c->extra_len);
	unsigned n_arrays;

	if (c->codec == CODEC_H264) {
		rd_bytes(&r, 5);
		return each_of_array(&r, rd_u8(&r) & 31, cb, arg) &&
		       each_of_array(&r, rd_u8(&r), cb, arg);
	}
	rd_bytes(&r, 22);
	n_arrays = rd_u8(&r);
	for (; n_arrays > 0 && !r.failed; n_arrays--) {
		rd_u8(&r);
		if (!each_of_array(&r, rd_u16(&r), cb, arg))
			return false;
	}
	return !r.failed;
}

struct first_sps {
	enum codec codec;
	const uint8_t *nal;
	size_t len;
};

static bool on_set_find_sps(void *arg, const uint8_t *nal, size_t len)
{
	struct first_sps *f = arg;
	bool is_sps = f->codec == CODEC_H264 ? (nal[0] & 31) == 7 : (nal[0] >> 1 & 63) == 33;

	if (is_sps && !f->nal) {
		f->nal = nal;
		f->len = len;
	}
	return true;
}

static int parse_nal_codec(struct track_config *c, struct err *err)
{
	struct first_sps f = { .codec = c->codec };
	const char *box = c->codec == CODEC_H264 ? "avcC" : "hvcC";
	struct sps s;
	int res;

	/* Version 0 is an hvcC of early encoders; the fields are the same. */
	if (c->extra_len < 7 || c->extra[0] > 1 || (c->codec == CODEC_H264 && c->extra[0] != 1) ||
	    params_nal_len_size(c) == 3)
		return err_set(err, ERR_INVALID, "%s: not one", box);
	if (!each_set(c, on_set_find_sps, &f))
		return err_set(err, ERR_INVALID, "%s: cut short", box);
	if (!f.nal)
		return err_set(err, ERR_INVALID, "%s: holds no SPS", box);
	res = c->codec == CODEC_H264 ? sps_parse_h264(&s, f.nal, f.len, err)
				     : sps_parse_hevc(&s, f.nal, f.len, err);
	if (res < 0)
		return err_wrap(err, "%s", box);
	/* As displayed: wide or narrow pixels count as square ones (the worker's
	 * decoder reckons the same). */
	c->width = (int)(((int64_t)s.width * s.sar_num + s.sar_den / 2) / s.sar_den);
	c->height = s.height;
	c->fps_num = s.fps_num;
	c->fps_den = s.fps_den;
	return 0;
}

int params_nal_len_size(const struct track_config *c)
{
	size_t at = c->codec == CODEC_HEVC ? 21 : 4;

	return c->extra_len > at ? (c->extra[at] & 3) + 1 : 4;
}

static bool on_set_add(void *arg, const uint8_t *nal, size_t len)
{
	struct buf *b = arg;

	return buf_add_u32(b, 1) && buf_add(b, nal, len);
}

bool params_add_annexb(struct buf *b, const struct track_config *c)
{
	if (c->codec != CODEC_H264 && c->codec != CODEC_HEVC)
		return false;
	return each_set(c, on_set_add, b);
}

/* Parameter sets collected from an access unit, in the order of their arrays. */
struct sets {
	const uint8_t *nal[8];
	size_t len[8];
	unsigned n;
};

static void sets_add(struct sets *s, const uint8_t *nal, size_t len)
{
	if (s->n < 8 && len <= UINT16_MAX) {
		s->nal[s->n] = nal;
		s->len[s->n++] = len;
	}
}

static void sets_write(struct buf *b, const struct sets *s)
{
	unsigned i;

	for (i = 0; i < s->n; i++) {
		buf_add_u16(b, (uint16_t)s->len[i]);
		buf_add(b, s->nal[i], s->len[i]);
	}
}

static bool write_avcc(struct buf *b, const struct sets *sps, const struct sets *pps)
{
	if (sps->len[0] < 4)
		return false;
	buf_add_u8(b, 1);
	buf_add(b, sps->nal[0] + 1, 3);
	buf_add_u8(b, 0xff);		/* 4-byte lengths */
	buf_add_u8(b, (uint8_t)(0xe0 | sps->n));
	sets_write(b, sps);
	buf_add_u8(b, (uint8_t)pps->n);
	sets_write(b, pps);
	return true;
}

static bool write_hvcc(struct buf *b, const struct sets sets[3])
{
	static const uint8_t types[3] = { 32, 33, 34 };
	uint8_t head[23] = { 1 };
	struct sps sps;
	unsigned i;

	if (sps_parse_hevc(&sps, sets[1].nal[0], sets[1].len[0], NULL) < 0)
		return false;
	memcpy(head + 1, sps.ptl, 12);
	head[13] = 0xf0;
	head[15] = 0xfc;
	head[16] = (uint8_t)(0xfc | sps.chroma);
	head[17] = (uint8_t)(0xf8 | ((sps.depth_luma - 8) & 7));
	head[18] = (uint8_t)(0xf8 | ((sps.depth_chroma - 8) & 7));
	head[21] = 0x0f;		/* one temporal layer, 4-byte lengths */
	head[22] = 3;
	buf_add(b, head, sizeof(head));
	for (i = 0; i < 3; i++) {
		buf_add_u8(b, (uint8_t)(0x80 | types[i]));
		buf_add_u16(b, (uint16_t)sets[i].n);
		sets_write(b, &sets[i]);
	}
	return true;
}

bool params_from_annexb(struct track_config *c, const uint8_t *au, size_t len)
{
	struct track_config made = { .codec = c->codec == CODEC_HEVC ? CODEC_HEVC : CODEC_H264 };
	struct sets sets[3] = { { .n = 0 } };	/* VPS, SPS, PPS */
	const uint8_t *nal;
	struct buf b;
	size_t pos = 0;
	unsigned type;
	bool ok;
	long n;

	while ((n = nal_next_annexb(au, len, &pos, &nal)) > 0) {
		type = made.codec == CODEC_HEVC ? (nal[0] >> 1 & 63) - 32u : (nal[0] & 31) - 6u;
		if (type <= 2)
			sets_add(&sets[type], nal, (size_t)n);
	}
	/* Type 6 of H.264 is SEI, which falls into the unused VPS place. */
	if (sets[1].n == 0 || sets[2].n == 0)
		return false;
	buf_init(&b, CODEC_EXTRA_MAX);
	if (made.codec == CODEC_H264)
		ok = write_avcc(&b, &sets[1], &sets[2]);
	else
		ok = write_hvcc(&b, sets);
	ok = ok && !b.failed;
	if (ok) {
		memcpy(made.extra, b.data, b.len);
		made.extra_len = b.len;
		ok = params_parse(&made, NULL) == 0;
	}
	buf_fini(&b);
	if (ok)
		*c = made;
	return ok;
}

/* ---- AV1, VP9 ---- */

static bool set_rate(struct track_config *c, uint64_t num, uint64_t den)
{
	while (num > INT32_MAX || den > INT32_MAX) {
		num >>= 1;
		den >>= 1;
	}
	if (num == 0 || den == 0 || num > den * 1000)
		return false;
	c->fps_num = (int)num;
	c->fps_den = (int)den;
	return true;
}

/* AV1 5.5.1: operating points and the decoder model. */
static void skip_av1_points(struct bits *b, bool has_model, unsigned delay_bits)
{
	bool has_delay = bits_get(b, 1);
	unsigned n = bits_get(b, 5) + 1, level;

	for (; n > 0 && !b->failed; n--) {
		bits_skip(b, 12);
		level = bits_get(b, 5);
		if (level > 7)
			bits_skip(b, 1);
		if (has_model && bits_get(b, 1))
			bits_skip(b, 2 * delay_bits + 1);
		if (has_delay && bits_get(b, 1))
			bits_skip(b, 4);
	}
}

static uint32_t read_uvlc(struct bits *b)
{
	unsigned n = 0;

	while (!b->failed && bits_get(b, 1) == 0)
		n++;
	if (b->failed || n >= 32)
		return UINT32_MAX;
	return (uint32_t)((UINT64_C(1) << n) - 1 + bits_get(b, n));
}

/* AV1 5.5.1 sequence_header_obu.  Leaves c alone when it runs short. */
static bool read_av1_sequence(struct track_config *c, const uint8_t *data, size_t len)
{
	struct bits b = bits_of(data, len);
	unsigned delay_bits = 0, w_bits, h_bits;
	uint64_t scale = 0, ticks = 0, units = 0;
	bool has_model = false;
	uint32_t w, h;

	bits_skip(&b, 4);
	if (bits_get(&b, 1)) {		/* reduced still picture header */
		bits_skip(&b, 5);
	} else {
		if (bits_get(&b, 1)) {
			units = bits_get(&b, 32);
			scale = bits_get(&b, 32);
			if (bits_get(&b, 1))
				ticks = (uint64_t)read_uvlc(&b) + 1;
			has_model = bits_get(&b, 1);
			if (has_model) {
				delay_bits = bits_get(&b, 5) + 1;
				bits_skip(&b, 32 + 5 + 5);
			}
		}
		skip_av1_points(&b, has_model, delay_bits);
	}
	w_bits = bits_get(&b, 4) + 1;
	h_bits = bits_get(&b, 4) + 1;
	w = bits_get(&b, w_bits) + 1;
	h = bits_get(&b, h_bits) + 1;
	if (b.failed || w > SIDE_MAX || h > SIDE_MAX)
		return false;
	c->width = (int)w;
	c->height = (int)h;
	if (ticks && units <= UINT32_MAX && ticks <= UINT32_MAX)
		set_rate(c, scale, units * ticks);
	return true;
}

/* The payload of the first OBU of a type (AV1 5.3); NULL: none, or damaged. */
static const uint8_t *find_obu(const uint8_t *data, size_t len, unsigned type, size_t *obu_len)
{
	struct rd r = rd_of(data, len);
	uint8_t head, byte;
	uint64_t size;
	unsigned shift;
	const uint8_t *p;

	while (r.left > 0 && !r.failed) {
		head = rd_u8(&r);
		if (head & 4)
			rd_u8(&r);
		size = r.left;
		if (head & 2) {
			size = 0;
			for (shift = 0, byte = 0x80; byte & 0x80 && shift < 56; shift += 7) {
				byte = rd_u8(&r);
				size |= (uint64_t)(byte & 127) << shift;
			}
		}
		if (size > r.left)
			return NULL;
		p = rd_bytes(&r, (size_t)size);
		if (p && (head >> 3 & 15) == type) {
			*obu_len = (size_t)size;
			return p;
		}
	}
	return NULL;
}

#define OBU_SEQUENCE_HEADER 1

static int parse_av1(struct track_config *c, struct err *err)
{
	const uint8_t *obu;
	size_t len;

	if (c->extra_len < 4 || c->extra[0] != 0x81)
		return err_set(err, ERR_INVALID, "av1C: not one");
	obu = find_obu(c->extra + 4, c->extra_len - 4, OBU_SEQUENCE_HEADER, &len);
	/* The sequence header may be left out: the key frames carry it. */
	if (obu && !read_av1_sequence(c, obu, len))
		return err_set(err, ERR_INVALID, "av1C: sequence header damaged or too large");
	return 0;
}

/* The fields of a vpcC, with or without its four bytes of version and flags:
 * enhanced RTMP senders differ, and "version 1, flags 0" cannot be a profile, level
 * and depth. */
static const uint8_t *vpcc_fields(const struct track_config *c)
{
	static const uint8_t full_box[4] = { 1, 0, 0, 0 };

	if (c->extra_len >= 10 && memcmp(c->extra, full_box, 4) == 0)
		return c->extra + 4;
	return c->extra_len >= 6 ? c->extra : NULL;
}

static int parse_vp(struct err *err, const struct track_config *c)
{
	const uint8_t *f = vpcc_fields(c);

	if (!f || f[0] > 3)
		return err_set(err, ERR_INVALID, "vpcC: not one");
	return 0;
}

/* VP9 bitstream 6.2: the size in a key frame's uncompressed header. */
static bool read_vp9_key(struct track_config *c, const uint8_t *data, size_t len)
{
	struct bits b = bits_of(data, len);
	unsigned profile, w, h;

	if (bits_get(&b, 2) != 2)
		return false;
	profile = bits_get(&b, 1);
	profile |= bits_get(&b, 1) << 1;
	if (profile == 3)
		bits_skip(&b, 1);
	if (bits_get(&b, 2) != 0)	/* shows an old frame, or not a key frame */
		return false;
	bits_skip(&b, 2);
	if (bits_get(&b, 24) != 0x498342)
		return false;
	if (profile >= 2)
		bits_skip(&b, 1);
	if (bits_get(&b, 3) != 7)	/* not sRGB */
		bits_skip(&b, profile & 1 ? 4 : 1);
	else if (profile & 1)
		bits_skip(&b, 1);
	w = bits_get(&b, 16) + 1;
	h = bits_get(&b, 16) + 1;
	if (b.failed || w > SIDE_MAX || h > SIDE_MAX)
		return false;
	c->width = (int)w;
	c->height = (int)h;
	return true;
}

/* VP8, RFC 6386 9.1. */
static bool read_vp8_key(struct track_config *c, const uint8_t *data, size_t len)
{
	int w, h;

	if (len < 10 || data[0] & 1 || data[3] != 0x9d || data[4] != 1 || data[5] != 0x2a)
		return false;
	w = (data[6] | data[7] << 8) & 0x3fff;
	h = (data[8] | data[9] << 8) & 0x3fff;
	if (w == 0 || h == 0)
		return false;
	c->width = w;
	c->height = h;
	return true;
}

bool params_size_from_key(struct track_config *c, const uint8_t *au, size_t len)
{
	const uint8_t *obu;
	size_t n;

	if (c->codec == CODEC_AV1) {
		obu = find_obu(au, len, OBU_SEQUENCE_HEADER, &n);
		return obu && read_av1_sequence(c, obu, n);
	}
	if (c->codec == CODEC_VP9)
		return read_vp9_key(c, au, len);
	return c->codec == CODEC_VP8 && read_vp8_key(c, au, len);
}

/* ---- audio ---- */

static unsigned read_object_type(struct bits *b)
{
	unsigned type = bits_get(b, 5);

	return type == 31 ? 32 + bits_get(b, 6) : type;
}

/* 0 for a reserved index. */
static int read_aac_rate(struct bits *b)
{
	unsigned i = bits_get(b, 4);

	if (i == 15)
		return (int)bits_get(b, 24);
	return i < 13 ? aac_rates[i] : 0;
}

/* Channels of a program_config_element (4.4.1.1), up to the last element list. */
static int read_pce_channels(struct bits *b)
{
	unsigned n_pairs[3], n_lfe, i, j;	/* front, side, back */
	int channels = 0;

	bits_skip(b, 10);
	for (i = 0; i < 3; i++)
		n_pairs[i] = bits_get(b, 4);
	n_lfe = bits_get(b, 2);
	bits_skip(b, 7);
	if (bits_get(b, 1))
		bits_skip(b, 4);
	if (bits_get(b, 1))
		bits_skip(b, 4);
	if (bits_get(b, 1))
		bits_skip(b, 3);
	for (i = 0; i < 3; i++) {
		for (j = 0; j < n_pairs[i]; j++) {
			channels += bits_get(b, 1) ? 2 : 1;
			bits_skip(b, 4);
		}
	}
	return channels + (int)n_lfe;
}

static const uint8_t config_channels[16] = { 0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0 };

static int asc_parse(struct asc *a, const struct track_config *c, struct err *err)
{
	struct bits b = bits_of(c->extra, c->extra_len);

	a->object_type = read_object_type(&b);
	a->rate = read_aac_rate(&b);
	a->channel_config = bits_get(&b, 4);
	a->channels = config_channels[a->channel_config];
	if (a->object_type == 5 || a->object_type == 29) {	/* HE-AAC, signalled ahead */
		read_aac_rate(&b);
		a->object_type = read_object_type(&b);
	}
	if (a->channel_config == 0) {
		bits_skip(&b, 1);
		if (bits_get(&b, 1))
			bits_skip(&b, 14);
		bits_skip(&b, 1);
		a->channels = read_pce_channels(&b);
	}
	if (b.failed || a->object_type == 0 || a->channels == 0 || a->channels > CHANNELS_MAX ||
	    a->rate < 1000 || a->rate > 192000)
		return err_set(err, ERR_INVALID, "AudioSpecificConfig: damaged");
	return 0;
}

static int parse_aac(struct track_config *c, struct err *err)
{
	struct asc a;

	if (asc_parse(&a, c, err) < 0)
		return -1;
	c->sample_rate = a.rate;
	c->channels = a.channels;
	return 0;
}

static int parse_opus(struct track_config *c, struct err *err)
{
	/* The major version is the high half of the byte. */
	if (c->extra_len < 19 || memcmp(c->extra, "OpusHead", 8) != 0 || c->extra[8] > 15 ||
	    c->extra[9] == 0)
		return err_set(err, ERR_INVALID, "OpusHead: not one");
	if (c->extra[18] != 0 && c->extra_len < 21u + c->extra[9])
		return err_set(err, ERR_INVALID, "OpusHead: channel mapping cut short");
	c->sample_rate = 48000;		/* always, whatever was fed to the encoder */
	c->channels = c->extra[9];
	return 0;
}

int params_mp3_frame(const uint8_t *p, size_t len, struct mp3_frame *f)
{
	static const uint16_t kbits[2][3][15] = {
		{ { 0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448 },
		  { 0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384 },
		  { 0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320 } },
		{ { 0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256 },
		  { 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160 },
		  { 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160 } },
	};
	static const int rates[3] = { 44100, 48000, 32000 };
	unsigned version, layer, bitrate, rate, pad, low;

	if (len < 4 || p[0] != 0xff || (p[1] & 0xe0) != 0xe0)
		return -1;
	version = p[1] >> 3 & 3;	/* 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5 */
	layer = 3u - (p[1] >> 1 & 3);	/* 0: layer I, 2: layer III */
	bitrate = p[2] >> 4;
	rate = p[2] >> 2 & 3;
	pad = p[2] >> 1 & 1;
	if (version == 1 || layer == 3 || bitrate == 0 || bitrate == 15 || rate == 3)
		return -1;
	low = version != 3;
	f->sample_rate = rates[rate] >> (version == 3 ? 0 : version == 2 ? 1 : 2);
	f->channels = p[3] >> 6 == 3 ? 1 : 2;
	f->samples = layer == 0 ? 384 : layer == 2 && low ? 576 : 1152;
	f->len = (size_t)kbits[low][layer][bitrate] * 125u * (unsigned)f->samples /
		 (unsigned)f->sample_rate;
	if (layer == 0)
		f->len = f->len / 4 * 4 + 4 * pad;
	else
		f->len += pad;
	return 0;
}

/* Nothing announces MP3: extra may hold the header of a frame, else the caller has
 * set rate and channels. */
static int parse_mp3(struct track_config *c, struct err *err)
{
	struct mp3_frame f;

	if (c->extra_len == 0 && c->sample_rate > 0 && c->channels > 0)
		return 0;
	if (params_mp3_frame(c->extra, c->extra_len, &f) < 0)
		return err_set(err, ERR_INVALID, "MP3: no frame header");
	c->sample_rate = f.sample_rate;
	c->channels = f.channels;
	return 0;
}

int params_parse(struct track_config *c, struct err *err)
{
	if (c->extra_len > CODEC_EXTRA_MAX)
		return err_set(err, ERR_LIMIT, "codec parameters: %zu bytes", c->extra_len);
	switch (c->codec) {
	case CODEC_H264:
	case CODEC_HEVC:
		return parse_nal_codec(c, err);
	case CODEC_AV1:
		return parse_av1(c, err);
	case CODEC_VP9:
	case CODEC_VP8:
		return parse_vp(err, c);
	case CODEC_AAC:
		return parse_aac(c, err);
	case CODEC_MP3:
		return parse_mp3(c, err);
	case CODEC_OPUS:
		return parse_opus(c, err);
	case CODEC_NONE:
		break;
	}
	return err_set(err, ERR_INVALID, "no codec");
}

bool params_adts(uint8_t to[7], const struct track_config *c, size_t len)
{
	size_t total = len + 7;
	unsigned i, config;
	struct asc a;

	if (total > 8191 || asc_parse(&a, c, NULL) < 0 || a.object_type > 4)
		return false;
	for (i = 0; i < 13 && aac_rates[i] != a.rate; i++)
		;
	/* Three bits: the layouts above 7 have no ADTS; a program config element is
	 * replaced by the usual layout of as many channels. */
	config = a.channel_config;
	if (config == 0)
		config = a.channels == 8 ? 7 : (unsigned)a.channels;
	if (i == 13 || config > 7)
		return false;
	to[0] = 0xff;
	to[1] = 0xf1;
	to[2] = (uint8_t)((a.object_type - 1) << 6 | i << 2 | config >> 2);
	to[3] = (uint8_t)(config << 6 | total >> 11);
	to[4] = (uint8_t)(total >> 3);
	to[5] = (uint8_t)(total << 5 | 0x1f);
	to[6] = 0xfc;
	return true;
}

/* ---- RFC 6381 ---- */

static void hevc_codecs(char to[40], const struct track_config *c)
{
	static const char *const spaces[4] = { "", "A", "B", "C" };
	const uint8_t *e = c->extra;
	uint32_t compat = 0, in;
	int i, n, last = 11;

	if (c->extra_len < 13) {
		snprintf(to, 40, "hvc1");
		return;
	}
	in = (uint32_t)e[2] << 24 | (uint32_t)e[3] << 16 | (uint32_t)e[4] << 8 | e[5];
	for (i = 0; i < 32; i++)	/* bit-reversed, by the standard */
		compat |= (in >> i & 1) << (31 - i);
	n = snprintf(to, 40, "hvc1.%s%d.%X.%c%d", spaces[e[1] >> 6], e[1] & 31, compat,
		     e[1] & 0x20 ? 'H' : 'L', e[12]);
	while (last > 5 && e[last] == 0)
		last--;
	for (i = 6; i <= last && n < 37; i++)
		n += snprintf(to + n, 40 - (size_t)n, ".%X", e[i]);
}

static void av1_codecs(char to[40], const struct track_config *c)
{
	const uint8_t *e = c->extra;
	int depth;

	if (c->extra_len < 4) {
		snprintf(to, 40, "av01");
		return;
	}
	depth = !(e[2] & 0x40) ? 8 : (e[2] & 0x20) ? 12 : 10;
	snprintf(to, 40, "av01.%d.%02d%c.%02d", e[1] >> 5, e[1] & 31, e[2] & 0x80 ? 'H' : 'M', depth);
}

static void vp_codecs(char to[40], const struct track_config *c)
{
	const uint8_t *f = vpcc_fields(c);
	const char *name = c->codec == CODEC_VP8 ? "vp08" : "vp09";

	if (f)
		snprintf(to, 40, "%s.%02d.%02d.%02d", name, f[0], f[1], f[2] >> 4);
	else
		snprintf(to, 40, "%s", name);
}

static void aac_codecs(char to[40], const struct track_config *c)
{
	struct bits b = bits_of(c->extra, c->extra_len);
	unsigned type = read_object_type(&b);

	snprintf(to, 40, "mp4a.40.%u", type ? type : 2);
}

void params_codecs(char to[40], const struct track_config *c)
{
	const uint8_t *e = c->extra;

	to[0] = 0;
	switch (c->codec) {
	case CODEC_H264:
		if (c->extra_len >= 4)
			snprintf(to, 40, "avc1.%02x%02x%02x", e[1], e[2], e[3]);
		else
			snprintf(to, 40, "avc1");
		break;
	case CODEC_HEVC:
		hevc_codecs(to, c);
		break;
	case CODEC_AV1:
		av1_codecs(to, c);
		break;
	case CODEC_VP9:
	case CODEC_VP8:
		vp_codecs(to, c);
		break;
	case CODEC_AAC:
		aac_codecs(to, c);
		break;
	case CODEC_MP3:
		snprintf(to, 40, "mp4a.40.34");
		break;
	case CODEC_OPUS:
		snprintf(to, 40, "opus");
		break;
	case CODEC_NONE:
		break;
	}
}
