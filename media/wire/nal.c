/*
 * NAL units and sequence parameter sets of H.264 (ISO 14496-10) and HEVC (ISO
 * 23008-2).  Declared in params.h.
 *
 * Only what segmenting needs is read from an SPS: size, rate, profile.  The rate
 * stands at the far end, in the VUI, behind everything else; encoders get their
 * VUI wrong more often than their size, so a VUI that runs short costs the rate
 * and not the stream.
 */
#include "media/wire/params.h"

#include <string.h>

#include "base/err.h"
#include "media/wire/bits.h"

#define SPS_MAX 2048		/* bytes; the largest with all scaling lists is below 1 KiB */
#define SIDE_MAX 16384		/* pixels */

long nal_next_prefixed(const uint8_t *data, size_t len, int len_size, size_t *pos,
		       const uint8_t **nal)
{
	while (*pos < len) {
		size_t n = 0;
		int i;

		if ((size_t)len_size > len - *pos)
			return -1;
		for (i = 0; i < len_size; i++)
			n = n << 8 | data[*pos + (size_t)i];
		*pos += (size_t)len_size;
		if (n > len - *pos)
			return -1;
		if (n == 0)	/* an empty unit means nothing; Apple's encoders send some */
			continue;
		*nal = data + *pos;
		*pos += n;
		return (long)n;
	}
	return 0;
}

/* The offset of the next 00 00 01 at or after pos, or len.  Looks at every third
 * byte: only a 0 or 1 there can belong to a start code. */
static size_t find_start_code(const uint8_t *data, size_t len, size_t pos)
{
	size_t i = pos + 2;

	while (i < len) {
		if (data[i] > 1)
			i += 3;
		else if (data[i] == 0)
			i++;
		else if (data[i - 1] == 0 && data[i - 2] == 0)
			return i - 2;
		else
			i += 3;
	}
	return len;
}

long nal_next_annexb(const uint8_t *data, size_t len, size_t *pos, const uint8_t **nal)
{
	size_t start = find_start_code(data, len, *pos), i, end;

	/* What stands before a start code may only be zeros (7.4.1, leading_zero_8bits). */
	for (i = *pos; i < start; i++) {
		if (data[i] != 0)
			return -1;
	}
	while (start < len) {
		const uint8_t *unit = data + start + 3;
		size_t next = find_start_code(data, len, start + 3);

		*pos = next;
		end = next;
		while (end > start + 3 && data[end - 1] == 0)	/* trailing_zero_8bits */
			end--;
		if (end > start + 3) {
			*nal = unit;
			return (long)(end - start - 3);
		}
		start = next;
	}
	*pos = len;
	return 0;
}

static bool is_idr_type(enum codec codec, uint8_t first)
{
	unsigned type;

	if (codec == CODEC_H264)
		return (first & 31) == 5;
	type = first >> 1 & 63;
	return type >= 16 && type <= 21;
}

static bool is_slice_type(enum codec codec, uint8_t first)
{
	if (codec == CODEC_H264)
		return (first & 31) >= 1 && (first & 31) <= 5;
	return (first >> 1 & 63) < 32;
}

enum au_kind nal_au_kind(enum codec codec, const uint8_t *data, size_t len, int len_size)
{
	enum au_kind kind = AU_BAD;
	const uint8_t *nal;
	size_t pos = 0;
	long n;

	for (;;) {
		n = len_size ? nal_next_prefixed(data, len, len_size, &pos, &nal)
			     : nal_next_annexb(data, len, &pos, &nal);
		if (n <= 0)
			return n == 0 ? kind : AU_BAD;
		if (kind != AU_BAD || !is_slice_type(codec, nal[0]))
			continue;
		/* All slices of a picture agree.  Annex B shows no damage further on,
		 * so its rest need not be searched. */
		kind = is_idr_type(codec, nal[0]) ? AU_IDR : AU_PLAIN;
		if (len_size == 0)
			return kind;
	}
}

bool nal_has_idr(enum codec codec, const uint8_t *data, size_t len, int len_size)
{
	return (codec == CODEC_H264 || codec == CODEC_HEVC) &&
	       nal_au_kind(codec, data, len, len_size) == AU_IDR;
}

/* Removes emulation prevention bytes (7.3.1).  to has room for len. */
static size_t unescape(uint8_t *to, const uint8_t *nal, size_t len)
{
	size_t i, n = 0;
	int zeros = 0;

	for (i = 0; i < len; i++) {
		if (zeros >= 2 && nal[i] == 3) {
			zeros = 0;
			continue;
		}
		zeros = nal[i] == 0 ? zeros + 1 : 0;
		to[n++] = nal[i];
	}
	return n;
}

/* Reduce num/den into fps, if it is a believable rate (0.1 to 1000). */
static void set_fps(struct sps *s, uint64_t num, uint64_t den)
{
	uint64_t a = num, b = den, t;

	if (num == 0 || den == 0)
		return;
	while (b) {
		t = a % b;
		a = b;
		b = t;
	}
	num /= a;
	den /= a;
	if (num > INT32_MAX || den > INT32_MAX || num > den * 1000 || num * 10 < den)
		return;
	s->fps_num = (int)num;
	s->fps_den = (int)den;
}

/* Size in pixels after cropping, crop in units of unit_w x unit_h. */
static int set_size(struct sps *s, uint64_t width, uint64_t height, const uint64_t crop[4],
		    uint64_t unit_w, uint64_t unit_h, struct err *err)
{
	uint64_t cut_w = (crop[0] + crop[1]) * unit_w, cut_h = (crop[2] + crop[3]) * unit_h;

	if (width > SIDE_MAX || height > SIDE_MAX)
		return err_set(err, ERR_LIMIT, "SPS: picture of %llu x %llu, at most %d a side",
			       (unsigned long long)width, (unsigned long long)height, SIDE_MAX);
	if (cut_w >= width || cut_h >= height)
		return err_set(err, ERR_INVALID, "SPS: cropping leaves no picture");
	s->width = (int)(width - cut_w);
	s->height = (int)(height - cut_h);
	s->sar_num = s->sar_den = 1;
	return 0;
}

/* The shape of a pixel (E.2.1, table E-1); absurd ones are square. */
static void read_sar(struct sps *s, struct bits *b)
{
	static const uint8_t table[][2] = {
		{ 1, 1 }, { 1, 1 }, { 12, 11 }, { 10, 11 }, { 16, 11 }, { 40, 33 }, { 24, 11 },
		{ 20, 11 }, { 32, 11 }, { 80, 33 }, { 18, 11 }, { 15, 11 }, { 64, 33 },
		{ 160, 99 }, { 4, 3 }, { 3, 2 }, { 2, 1 },
	};
	unsigned idc = bits_get(b, 8);
	int num = 1, den = 1;

	if (idc == 255) {	/* Extended_SAR */
		num = (int)bits_get(b, 16);
		den = (int)bits_get(b, 16);
	} else if (idc < sizeof(table) / sizeof(table[0])) {
		num = table[idc][0];
		den = table[idc][1];
	}
	if (b->failed || num <= 0 || den <= 0 || num >= 16 * den || den >= 16 * num)
		return;
	s->sar_num = num;
	s->sar_den = den;
}

/* The part of the VUI before the timing, alike in both codecs (E.1.1). */
static void read_vui_head(struct sps *s, struct bits *b)
{
	if (bits_get(b, 1))
		read_sar(s, b);
	if (bits_get(b, 1))				/* overscan */
		bits_skip(b, 1);
	if (bits_get(b, 1)) {				/* video signal type */
		bits_skip(b, 4);
		if (bits_get(b, 1))
			bits_skip(b, 24);
	}
	if (bits_get(b, 1)) {				/* chroma location */
		bits_ue(b);
		bits_ue(b);
	}
}

static void skip_scaling_list_h264(struct bits *b, int n)
{
	int32_t last = 8, next = 8;
	int i;

	for (i = 0; i < n && !b->failed; i++) {
		if (next != 0)
			next = (last + bits_se(b) + 256) & 255;
		if (next != 0)
			last = next;
	}
}

static bool has_chroma_info(uint8_t profile)
{
	static const uint8_t with[] = { 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135 };

	return memchr(with, profile, sizeof(with)) != NULL;
}

/* chroma_format_idc and what hangs on it.  Returns the ChromaArrayType. */
static unsigned read_chroma_h264(struct bits *b, unsigned *n_lists)
{
	unsigned format = bits_ue(b), i;
	bool separate = false;

	if (format == 3)
		separate = bits_get(b, 1);
	bits_ue(b);		/* bit depths */
	bits_ue(b);
	bits_skip(b, 1);
	*n_lists = format == 3 ? 12 : 8;
	if (bits_get(b, 1)) {
		for (i = 0; i < *n_lists; i++) {
			if (bits_get(b, 1))
				skip_scaling_list_h264(b, i < 6 ? 16 : 64);
		}
	}
	if (format > 3)
		b->failed = true;
	return separate ? 0 : format;
}

static void skip_poc_h264(struct bits *b)
{
	uint32_t type = bits_ue(b), n;

	if (type == 0) {
		bits_ue(b);
	} else if (type == 1) {
		bits_skip(b, 1);
		bits_se(b);
		bits_se(b);
		for (n = bits_ue(b); n > 0 && !b->failed; n--)
			bits_se(b);
	}
}

int sps_parse_h264(struct sps *s, const uint8_t *nal, size_t len, struct err *err)
{
	uint8_t raw[SPS_MAX];
	uint64_t mbs_w, map_h, crop[4] = { 0 };
	unsigned chroma = 1, n_lists, frame_only, i;
	uint32_t units;
	struct bits b;

	if (len > SPS_MAX)
		return err_set(err, ERR_LIMIT, "SPS: %zu bytes", len);
	if (len < 4 || (nal[0] & 31) != 7)
		return err_set(err, ERR_INVALID, "SPS: not one");
	memset(s, 0, sizeof(*s));
	b = bits_of(raw, unescape(raw, nal + 1, len - 1));
	s->profile = (uint8_t)bits_get(&b, 8);
	s->compat = (uint8_t)bits_get(&b, 8);
	s->level = (uint8_t)bits_get(&b, 8);
	bits_ue(&b);
	if (has_chroma_info(s->profile))
		chroma = read_chroma_h264(&b, &n_lists);
	bits_ue(&b);		/* log2_max_frame_num */
	skip_poc_h264(&b);
	bits_ue(&b);		/* max_num_ref_frames */
	bits_skip(&b, 1);
	mbs_w = (uint64_t)bits_ue(&b) + 1;
	map_h = (uint64_t)bits_ue(&b) + 1;
	frame_only = bits_get(&b, 1);
	bits_skip(&b, frame_only ? 1 : 2);
	if (bits_get(&b, 1)) {
		for (i = 0; i < 4; i++)
			crop[i] = bits_ue(&b);
	}
	if (b.failed)
		return err_set(err, ERR_INVALID, "SPS: cut short");
	if (set_size(s, mbs_w * 16, map_h * 16 * (2 - frame_only), crop,
		     chroma == 1 || chroma == 2 ? 2 : 1,
		     (chroma == 1 ? 2 : 1) * (2 - frame_only), err) < 0)
		return -1;
	if (!bits_get(&b, 1))
		return 0;
	read_vui_head(s, &b);
	if (bits_get(&b, 1)) {
		units = bits_get(&b, 32);
		i = bits_get(&b, 32);
		if (!b.failed)	/* a tick is a field */
			set_fps(s, i, (uint64_t)units * 2);
	}
	return 0;
}

/* 7.3.3 profile_tier_level, with the general part. */
static void read_ptl(struct bits *b, struct sps *s, unsigned n_sub_minus1)
{
	bool profile[8] = { 0 }, level[8] = { 0 };
	unsigned i;

	s->profile = (uint8_t)(bits_get(b, 8) & 31);
	bits_skip(b, 32 + 48);
	s->level = (uint8_t)bits_get(b, 8);
	for (i = 0; i < n_sub_minus1; i++) {
		profile[i] = bits_get(b, 1);
		level[i] = bits_get(b, 1);
	}
	if (n_sub_minus1 > 0)
		bits_skip(b, 2 * (8 - n_sub_minus1));
	for (i = 0; i < n_sub_minus1; i++)
		bits_skip(b, (profile[i] ? 88 : 0) + (level[i] ? 8 : 0));
}

/* 7.3.4 */
static void skip_scaling_lists_hevc(struct bits *b)
{
	unsigned size, matrix, n, i;

	for (size = 0; size < 4; size++) {
		for (matrix = 0; matrix < 6; matrix += size == 3 ? 3 : 1) {
			if (!bits_get(b, 1)) {
				bits_ue(b);
				continue;
			}
			n = size == 0 ? 16 : 64;
			if (size > 1)
				bits_se(b);
			for (i = 0; i < n && !b->failed; i++)
				bits_se(b);
		}
	}
}

/* 7.3.7 st_ref_pic_set.  Returns NumDeltaPocs; prev is that of the set before. */
static unsigned skip_ref_pic_set(struct bits *b, unsigned idx, unsigned prev)
{
	unsigned n = 0, neg, pos, i;

	if (idx > 0 && bits_get(b, 1)) {
		bits_skip(b, 1);
		bits_ue(b);
		for (i = 0; i <= prev && !b->failed; i++) {
			if (bits_get(b, 1) || bits_get(b, 1))
				n++;
		}
		return n;
	}
	neg = bits_ue(b);
	pos = bits_ue(b);
	if (neg > 16 || pos > 16)
		b->failed = true;
	for (i = 0; !b->failed && i < neg + pos; i++) {
		bits_ue(b);
		bits_skip(b, 1);
	}
	return neg + pos;
}

static void skip_ref_pic_sets(struct bits *b, unsigned poc_bits)
{
	unsigned n = bits_ue(b), i, prev = 0;

	if (n > 64)
		b->failed = true;
	for (i = 0; i < n && !b->failed; i++)
		prev = skip_ref_pic_set(b, i, prev);
	if (bits_get(b, 1)) {		/* long-term pictures */
		n = bits_ue(b);
		if (n > 32)
			b->failed = true;
		for (i = 0; i < n && !b->failed; i++)
			bits_skip(b, poc_bits + 1);
	}
}

/* From the picture order count to the VUI's timing. */
static void read_hevc_rate(struct bits *b, struct sps *s, unsigned n_sub_minus1)
{
	unsigned poc_bits, i;
	uint32_t units, scale;

	poc_bits = bits_ue(b) + 4;
	if (poc_bits > 16)
		b->failed = true;
	for (i = bits_get(b, 1) ? 0 : n_sub_minus1; i <= n_sub_minus1; i++) {
		bits_ue(b);
		bits_ue(b);
		bits_ue(b);
	}
	for (i = 0; i < 6; i++)		/* block sizes and depths */
		bits_ue(b);
	if (bits_get(b, 1) && bits_get(b, 1))
		skip_scaling_lists_hevc(b);
	bits_skip(b, 2);		/* amp, sao */
	if (bits_get(b, 1)) {		/* pcm */
		bits_skip(b, 8);
		bits_ue(b);
		bits_ue(b);
		bits_skip(b, 1);
	}
	skip_ref_pic_sets(b, poc_bits);
	bits_skip(b, 2);
	if (!bits_get(b, 1))
		return;
	read_vui_head(s, b);
	bits_skip(b, 3);
	if (bits_get(b, 1)) {		/* default display window */
		for (i = 0; i < 4; i++)
			bits_ue(b);
	}
	if (!bits_get(b, 1))
		return;
	units = bits_get(b, 32);
	scale = bits_get(b, 32);
	if (!b->failed)
		set_fps(s, scale, units);
}

int sps_parse_hevc(struct sps *s, const uint8_t *nal, size_t len, struct err *err)
{
	uint8_t raw[SPS_MAX];
	uint64_t width, height, crop[4] = { 0 };
	unsigned n_sub_minus1, chroma, i;
	struct bits b;

	if (len > SPS_MAX)
		return err_set(err, ERR_LIMIT, "SPS: %zu bytes", len);
	if (len < 4 || (nal[0] >> 1 & 63) != 33)
		return err_set(err, ERR_INVALID, "SPS: not one");
	memset(s, 0, sizeof(*s));
	b = bits_of(raw, unescape(raw, nal + 2, len - 2));
	bits_skip(&b, 4);
	n_sub_minus1 = bits_get(&b, 3);
	bits_skip(&b, 1);
	if (n_sub_minus1 > 6)
		return err_set(err, ERR_INVALID, "SPS: 8 sub-layers");
	read_ptl(&b, s, n_sub_minus1);
	bits_ue(&b);
	chroma = bits_ue(&b);
	s->chroma = (uint8_t)(chroma < 255 ? chroma : 255);
	if (chroma == 3 && bits_get(&b, 1))
		chroma = 0;
	width = bits_ue(&b);
	height = bits_ue(&b);
	if (bits_get(&b, 1)) {
		for (i = 0; i < 4; i++)
			crop[i] = bits_ue(&b);
	}
	s->depth_luma = (uint8_t)(8 + (bits_ue(&b) & 15));
	s->depth_chroma = (uint8_t)(8 + (bits_ue(&b) & 15));
	if (b.failed || s->chroma > 3)
		return err_set(err, ERR_INVALID, "SPS: cut short");
	memcpy(s->ptl, raw + 1, sizeof(s->ptl));
	if (set_size(s, width, height, crop, chroma == 1 || chroma == 2 ? 2 : 1,
		     chroma == 1 ? 2 : 1, err) < 0)
		return -1;
	read_hevc_rate(&b, s, n_sub_minus1);
	return 0;
}
