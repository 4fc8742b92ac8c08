#include "media/wire/fmp4.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"

#define VIDEO_TIMESCALE 90000

uint32_t fmp4_timescale(const struct track_config *c)
{
	return codec_is_video(c->codec) || c->sample_rate <= 0 ? VIDEO_TIMESCALE
							       : (uint32_t)c->sample_rate;
}

/* ---- boxes: begin returns where the size goes, end puts it there ---- */

static size_t box_begin(struct buf *b, const char *type)
{
	size_t at = b->len;

	buf_add_u32(b, 0);
	buf_add(b, type, 4);
	return at;
}

static size_t full_box_begin(struct buf *b, const char *type, unsigned version, uint32_t flags)
{
	size_t at = box_begin(b, type);

	buf_add_u32(b, version << 24 | flags);
	return at;
}

static void put_u32(struct buf *b, size_t at, uint32_t v)
{
	int i;

	for (i = 0; !b->failed && i < 4; i++)
		b->data[at + (size_t)i] = (uint8_t)(v >> (24 - 8 * i));
}

static void box_end(struct buf *b, size_t at)
{
	put_u32(b, at, (uint32_t)(b->len - at));
}

static void zeros(struct buf *b, size_t n)
{
	static const uint8_t none[32];

	buf_add(b, none, n);
}

static void add_matrix(struct buf *b)
{
	static const uint32_t unity[9] = { 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000 };
	int i;

	for (i = 0; i < 9; i++)
		buf_add_u32(b, unity[i]);
}

/* ---- sample entries ---- */

static void add_config_box(struct buf *b, const char *type, const uint8_t *data, size_t len)
{
	size_t at = box_begin(b, type);

	buf_add(b, data, len);
	box_end(b, at);
}

static void add_vpcc(struct buf *b, const struct track_config *c)
{
	bool full = c->extra_len >= 10 && memcmp(c->extra, "\1\0\0\0", 4) == 0;
	size_t at = full_box_begin(b, "vpcC", 1, 0), skip = full ? 4 : 0;

	buf_add(b, c->extra + skip, c->extra_len - skip);
	if (c->extra_len - skip < 8)	/* codecInitializationDataSize left out */
		buf_add_u16(b, 0);
	box_end(b, at);
}

static const char *video_entry(enum codec c)
{
	switch (c) {
	case CODEC_H264: return "avc1";
	case CODEC_HEVC: return "hvc1";
	case CODEC_AV1: return "av01";
	case CODEC_VP9: return "vp09";
	default: return NULL;
	}
}

static void add_video_entry(struct buf *b, const struct track_config *c)
{
	size_t at = box_begin(b, video_entry(c->codec));

	zeros(b, 6);
	buf_add_u16(b, 1);		/* data reference */
	zeros(b, 16);
	buf_add_u16(b, (uint16_t)c->width);
	buf_add_u16(b, (uint16_t)c->height);
	buf_add_u32(b, 0x480000);	/* 72 dpi */
	buf_add_u32(b, 0x480000);
	buf_add_u32(b, 0);
	buf_add_u16(b, 1);		/* frame count */
	zeros(b, 32);			/* compressor name */
	buf_add_u16(b, 24);
	buf_add_u16(b, 0xffff);
	if (c->codec == CODEC_H264)
		add_config_box(b, "avcC", c->extra, c->extra_len);
	else if (c->codec == CODEC_HEVC)
		add_config_box(b, "hvcC", c->extra, c->extra_len);
	else if (c->codec == CODEC_AV1)
		add_config_box(b, "av1C", c->extra, c->extra_len);
	else
		add_vpcc(b, c);
	box_end(b, at);
}

/* An MPEG-4 descriptor's tag and length, in the four-byte form that all read. */
static void add_descriptor(struct buf *b, uint8_t tag, size_t len)
{
	buf_add_u8(b, tag);
	buf_add_u8(b, (uint8_t)(0x80 | (len >> 21 & 127)));
	buf_add_u8(b, (uint8_t)(0x80 | (len >> 14 & 127)));
	buf_add_u8(b, (uint8_t)(0x80 | (len >> 7 & 127)));
	buf_add_u8(b, (uint8_t)(len & 127));
}

/* ISO 14496-14 5.6; ISO 14496-1 7.2.6.5. */
static void add_esds(struct buf *b, const struct track_config *c)
{
	bool aac = c->codec == CODEC_AAC;
	size_t info = aac ? 5 + c->extra_len : 0;
	size_t at = full_box_begin(b, "esds", 0, 0);

	add_descriptor(b, 3, 3 + 5 + 13 + info + 5 + 1);
	buf_add_u16(b, 0);
	buf_add_u8(b, 0);
	add_descriptor(b, 4, 13 + info);
	buf_add_u8(b, aac ? 0x40 : c->sample_rate < 32000 ? 0x69 : 0x6b);
	buf_add_u8(b, 0x15);		/* audio stream */
	zeros(b, 11);			/* buffer size and rates: unknown */
	if (aac) {
		add_descriptor(b, 5, c->extra_len);
		buf_add(b, c->extra, c->extra_len);
	}
	add_descriptor(b, 6, 1);
	buf_add_u8(b, 2);
	box_end(b, at);
}

/* Encapsulation of Opus in ISO BMFF 4.3.2: OpusHead, big-endian, version 0. */
static void add_dops(struct buf *b, const struct track_config *c)
{
	const uint8_t *h = c->extra + 8;
	size_t at = box_begin(b, "dOps");

	buf_add_u8(b, 0);
	buf_add_u8(b, h[1]);
	buf_add_u16(b, (uint16_t)(h[2] | h[3] << 8));
	buf_add_u32(b, (uint32_t)h[4] | (uint32_t)h[5] << 8 | (uint32_t)h[6] << 16 |
		       (uint32_t)h[7] << 24);
	buf_add_u16(b, (uint16_t)(h[8] | h[9] << 8));
	buf_add_u8(b, h[10]);
	if (h[10] != 0)
		buf_add(b, h + 11, 2u + h[1]);
	box_end(b, at);
}

static void add_audio_entry(struct buf *b, const struct track_config *c)
{
	size_t at = box_begin(b, c->codec == CODEC_OPUS ? "Opus" : "mp4a");

	zeros(b, 6);
	buf_add_u16(b, 1);
	zeros(b, 8);
	buf_add_u16(b, (uint16_t)c->channels);
	buf_add_u16(b, 16);
	zeros(b, 4);
	/* 16.16; rates above 65535 are only in the codec's own box */
	buf_add_u32(b, c->sample_rate > 65535 ? 0 : (uint32_t)c->sample_rate << 16);
	if (c->codec == CODEC_OPUS)
		add_dops(b, c);
	else
		add_esds(b, c);
	box_end(b, at);
}

/* ---- moov ---- */

static void add_tkhd(struct buf *b, uint32_t id, const struct track_config *c)
{
	size_t at = full_box_begin(b, "tkhd", 0, 7);	/* enabled, in movie, in preview */
	bool video = codec_is_video(c->codec);

	zeros(b, 8);
	buf_add_u32(b, id);
	zeros(b, 18);					/* duration unknown, layer 0 */
	buf_add_u16(b, video ? 0 : 1);			/* alternate group */
	buf_add_u16(b, video ? 0 : 0x100);		/* volume */
	zeros(b, 2);
	add_matrix(b);
	buf_add_u32(b, (uint32_t)c->width << 16);
	buf_add_u32(b, (uint32_t)c->height << 16);
	box_end(b, at);
}

/* Sample tables are empty: the samples are in the fragments. */
static void add_stbl(struct buf *b, const struct track_config *c)
{
	static const char *const tables[] = { "stts", "stsc", "stco" };
	size_t stbl = box_begin(b, "stbl"), at;
	unsigned i;

	at = full_box_begin(b, "stsd", 0, 0);
	buf_add_u32(b, 1);
	if (codec_is_video(c->codec))
		add_video_entry(b, c);
	else
		add_audio_entry(b, c);
	box_end(b, at);
	for (i = 0; i < 3; i++) {
		at = full_box_begin(b, tables[i], 0, 0);
		buf_add_u32(b, 0);
		box_end(b, at);
	}
	at = full_box_begin(b, "stsz", 0, 0);
	zeros(b, 8);
	box_end(b, at);
	box_end(b, stbl);
}

static void add_minf(struct buf *b, const struct track_config *c)
{
	bool video = codec_is_video(c->codec);
	size_t minf = box_begin(b, "minf"), dinf, at;

	at = full_box_begin(b, video ? "vmhd" : "smhd", 0, video ? 1 : 0);
	zeros(b, video ? 8 : 4);
	box_end(b, at);
	dinf = box_begin(b, "dinf");
	at = full_box_begin(b, "dref", 0, 0);
	buf_add_u32(b, 1);
	box_end(b, full_box_begin(b, "url ", 0, 1));	/* in this file */
	box_end(b, at);
	box_end(b, dinf);
	add_stbl(b, c);
	box_end(b, minf);
}

static void add_trak(struct buf *b, uint32_t id, const struct track_config *c)
{
	bool video = codec_is_video(c->codec);
	size_t trak = box_begin(b, "trak"), mdia, at;

	add_tkhd(b, id, c);
	mdia = box_begin(b, "mdia");
	at = full_box_begin(b, "mdhd", 0, 0);
	zeros(b, 8);
	buf_add_u32(b, fmp4_timescale(c));
	buf_add_u32(b, 0);
	buf_add_u16(b, 0x55c4);		/* language "und" */
	zeros(b, 2);
	box_end(b, at);
	at = full_box_begin(b, "hdlr", 0, 0);
	zeros(b, 4);
	buf_add(b, video ? "vide" : "soun", 4);
	zeros(b, 12);
	buf_add(b, video ? "video" : "sound", 6);
	box_end(b, at);
	add_minf(b, c);
	box_end(b, mdia);
	box_end(b, trak);
}

static void add_trex(struct buf *b, uint32_t id)
{
	size_t at = full_box_begin(b, "trex", 0, 0);

	buf_add_u32(b, id);
	buf_add_u32(b, 1);
	zeros(b, 12);
	box_end(b, at);
}

static void add_mvhd(struct buf *b)
{
	size_t at = full_box_begin(b, "mvhd", 0, 0);

	zeros(b, 8);
	buf_add_u32(b, 1000);
	buf_add_u32(b, 0);
	buf_add_u32(b, 0x10000);	/* rate 1 */
	buf_add_u16(b, 0x100);		/* volume 1 */
	zeros(b, 10);
	add_matrix(b);
	zeros(b, 24);
	buf_add_u32(b, N_TRACKS + 1);	/* next track id */
	box_end(b, at);
}

static int check_tracks(const struct track_config *video, const struct track_config *audio,
			struct err *err)
{
	if (!video && !audio)
		return err_set(err, ERR_INVALID, "MP4 without tracks");
	if (video && (!video_entry(video->codec) || video->extra_len == 0))
		return err_set(err, ERR_INVALID, "MP4 does not carry %s", codec_name(video->codec));
	if (audio && audio->codec != CODEC_AAC && audio->codec != CODEC_MP3 &&
	    (audio->codec != CODEC_OPUS || audio->extra_len < 19))
		return err_set(err, ERR_INVALID, "MP4 does not carry %s", codec_name(audio->codec));
	return 0;
}

int fmp4_init(struct buf *b, const struct track_config *video, const struct track_config *audio,
	      struct err *err)
{
	const struct track_config *tracks[N_TRACKS] = { video, audio };
	size_t at, moov;
	uint32_t i;

	if (check_tracks(video, audio, err) < 0)
		return -1;
	at = box_begin(b, "ftyp");
	buf_add(b, "iso6\0\0\0\1iso6mp41", 16);
	if (!video || !audio)		/* a CMAF file has one track */
		buf_add(b, "cmfc", 4);
	box_end(b, at);
	moov = box_begin(b, "moov");
	add_mvhd(b);
	for (i = 0; i < N_TRACKS; i++) {
		if (tracks[i])
			add_trak(b, i + 1, tracks[i]);
	}
	at = box_begin(b, "mvex");
	for (i = 0; i < N_TRACKS; i++) {
		if (tracks[i])
			add_trex(b, i + 1);
	}
	box_end(b, at);
	box_end(b, moov);
	return 0;
}

/* ---- fragments ---- */

void fmp4_styp(struct buf *b)
{
	size_t at = box_begin(b, "styp");

	buf_add(b, "msdh\0\0\0\0msdhmsix", 16);
	box_end(b, at);
}

/* sample_depends_on and is-non-sync, 8.8.3.1 */
#define FLAGS_KEY 0x02000000
#define FLAGS_DELTA 0x01010000

/* Returns where the data offset goes. */
static size_t add_traf(struct buf *b, const struct fmp4_run *r)
{
	size_t traf = box_begin(b, "traf"), at, offset_at, i;
	bool video = r->track == TRACK_VIDEO;

	at = full_box_begin(b, "tfhd", 0, 0x020000 | (video ? 0 : 0x20));
	buf_add_u32(b, (uint32_t)r->track + 1);
	if (!video)
		buf_add_u32(b, FLAGS_KEY);
	box_end(b, at);
	at = full_box_begin(b, "tfdt", 1, 0);
	buf_add_u64(b, r->dts);
	box_end(b, at);
	/* data offset, durations, sizes; for video flags and composition offsets */
	at = full_box_begin(b, "trun", 1, video ? 0xf01 : 0x301);
	buf_add_u32(b, (uint32_t)r->n);
	offset_at = b->len;
	buf_add_u32(b, 0);
	for (i = 0; i < r->n; i++) {
		buf_add_u32(b, r->samples[i].duration);
		buf_add_u32(b, r->samples[i].size);
		if (!video)
			continue;
		buf_add_u32(b, r->samples[i].key ? FLAGS_KEY : FLAGS_DELTA);
		buf_add_u32(b, (uint32_t)r->samples[i].cts);
	}
	box_end(b, at);
	box_end(b, traf);
	return offset_at;
}

void fmp4_fragment(struct buf *b, uint32_t sequence, const struct fmp4_run *runs, size_t n)
{
	size_t moof = box_begin(b, "moof"), at, i, data, offset_at[N_TRACKS] = { 0 };

	at = full_box_begin(b, "mfhd", 0, 0);
	buf_add_u32(b, sequence);
	box_end(b, at);
	for (i = 0; i < n && i < N_TRACKS; i++) {
		if (runs[i].n > 0)
			offset_at[i] = add_traf(b, &runs[i]);
	}
	box_end(b, moof);
	data = b->len - moof + 8;
	at = box_begin(b, "mdat");
	for (i = 0; i < n && i < N_TRACKS; i++) {
		if (runs[i].n == 0)
			continue;
		put_u32(b, offset_at[i], (uint32_t)data);
		buf_add(b, runs[i].data, runs[i].len);
		data += runs[i].len;
	}
	box_end(b, at);
}
