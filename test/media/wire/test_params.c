#include "test/test.h"

#include "base/buf.h"
#include "base/err.h"
#include "test/media/wire/fake.h"

/* What each encoder's parameters say.  ffprobe agrees on size, rate and channels. */
static void known_parameters_are_read(void **state)
{
	static const struct {
		enum codec codec;
		const char *hex;
		int width, height, fps_num, fps_den, rate, channels;
		const char *codecs;
	} t[] = {
		{ CODEC_H264, AVCC_640X358, 640, 358, 30, 1, 0, 0, "avc1.64001e" },
		{ CODEC_H264, AVCC_320X240, 320, 240, 25, 1, 0, 0, "avc1.42c00d" },
		{ CODEC_AV1, AV1C_640X358, 640, 358, 0, 0, 0, 0, "av01.0.01M.08" },
		/* av1C without a sequence header: profile 1, level 4.0, high tier, 10 bit */
		{ CODEC_AV1, "8128c000", 0, 0, 0, 0, 0, 0, "av01.1.08H.10" },
		/* vpcC of libvpx profile 2, level 3.1, 10 bit: with and without version and flags */
		{ CODEC_VP9, "01000000021fa0010101" "0000", 0, 0, 0, 0, 0, 0, "vp09.02.31.10" },
		{ CODEC_VP9, "021fa0010101" "0000", 0, 0, 0, 0, 0, 0, "vp09.02.31.10" },
		{ CODEC_AAC, ASC_44100, 0, 0, 0, 0, 44100, 2, "mp4a.40.2" },
		{ CODEC_AAC, "1190", 0, 0, 0, 0, 48000, 2, "mp4a.40.2" },
		/* ISO 14496-3 1.6.2: HE-AAC signalled ahead, core 24 kHz, output 48 kHz */
		{ CODEC_AAC, "2b118800", 0, 0, 0, 0, 24000, 2, "mp4a.40.5" },
		/* explicit rate 44100 (index 15) mono */
		{ CODEC_AAC, "1780562208", 0, 0, 0, 0, 44100, 1, "mp4a.40.2" },
		{ CODEC_OPUS, OPUS_HEAD, 0, 0, 0, 0, 48000, 2, "opus" },
		{ CODEC_MP3, "fffb9064", 0, 0, 0, 0, 44100, 2, "mp4a.40.34" },
	};
	char name[40];
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct track_config c = config_of(t[i].codec, t[i].hex);
		struct err err = { .msg = "" };

		if (params_parse(&c, &err) < 0)
			fail_msg("%s: %s", t[i].hex, err.msg);
		assert_int_equal(c.width, t[i].width);
		assert_int_equal(c.height, t[i].height);
		assert_int_equal(c.fps_num, t[i].fps_num);
		assert_int_equal(c.fps_den, t[i].fps_den);
		assert_int_equal(c.sample_rate, t[i].rate);
		assert_int_equal(c.channels, t[i].channels);
		params_codecs(name, &c);
		assert_string_equal(name, t[i].codecs);
	}
}

static void parameters_cut_short_fail_and_change_nothing(void **state)
{
	static const struct { enum codec codec; const char *hex; } t[] = {
		{ CODEC_H264, AVCC_640X358 }, { CODEC_AAC, "2b118800" }, { CODEC_OPUS, OPUS_HEAD },
		{ CODEC_VP9, "021fa0010101" }, { CODEC_MP3, "fffb9064" },
	};
	size_t i, len;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct track_config whole = config_of(t[i].codec, t[i].hex);
		/* the trailing four bytes of an avcC (High profile) are optional */
		size_t needed = t[i].codec == CODEC_H264 ? whole.extra_len - 4 :
				t[i].codec == CODEC_AAC ? 3 : whole.extra_len;

		for (len = 0; len < needed; len++) {
			struct track_config c = whole, before;
			struct err err;

			c.extra_len = len;
			before = c;
			assert_int_equal(params_parse(&c, &err), -1);
			assert_int_equal(err.code, ERR_INVALID);
			assert_memory_equal(&c, &before, sizeof(c));
		}
	}
}

static void picture_above_16384_is_refused_as_too_large(void **state)
{
	/* baseline, POC type 2, width 2048 macroblocks: ue of 23 bits; height 1 */
	static const uint8_t sps[] = { 0x67, 66, 0, 30, 0xdc, 0x00, 0x20, 0x03, 0x90 };
	struct err err;
	struct sps s;

	assert_int_equal(sps_parse_h264(&s, sps, sizeof(sps), &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
}

static size_t annexb_of(uint8_t *to, const char *const *hex, size_t n)
{
	size_t len = 0, i;

	for (i = 0; i < n; i++) {
		memcpy(to + len, "\0\0\0\1", 4);
		len += 4 + from_hex(to + len + 4, hex[i]);
	}
	return len;
}

static void hevc_parameter_sets_make_an_hvcc_and_come_back(void **state)
{
	static const char *const sets[] = { HEVC_VPS, HEVC_SPS, HEVC_PPS };
	struct track_config c = { .codec = CODEC_HEVC };
	uint8_t annexb[512];
	size_t len = annexb_of(annexb, sets, 3);
	char name[40];
	struct buf b;

	assert_true(params_from_annexb(&c, annexb, len));
	assert_int_equal(c.width, 640);
	assert_int_equal(c.height, 358);
	assert_int_equal(c.fps_num, 30);
	params_codecs(name, &c);
	assert_string_equal(name, "hvc1.1.6.L63.90");	/* as FFmpeg 5.1 with x265 */
	assert_int_equal(params_nal_len_size(&c), 4);
	buf_init(&b, 1000);
	assert_true(params_add_annexb(&b, &c));
	assert_int_equal(b.len, len);
	assert_memory_equal(b.data, annexb, len);
	buf_fini(&b);
	/* profile, compatibility, constraints and level, without emulation prevention */
	assert_memory_equal(c.extra + 1, "\x01\x60\0\0\0\x90\0\0\0\0\0\x3f", 12);
}

static void h264_parameter_sets_make_an_avcc_and_come_back(void **state)
{
	struct track_config c = config_of(CODEC_H264, AVCC_640X358), d = { .codec = CODEC_H264 };
	struct buf b, again;

	buf_init(&b, 1000);
	buf_init(&again, 1000);
	assert_true(params_add_annexb(&b, &c));
	assert_true(params_from_annexb(&d, b.data, b.len));
	assert_int_equal(d.width, 640);
	assert_true(params_add_annexb(&again, &d));
	assert_int_equal(b.len, again.len);
	assert_memory_equal(b.data, again.data, b.len);
	/* without a PPS it is not complete */
	d = (struct track_config){ .codec = CODEC_H264 };
	assert_false(params_from_annexb(&d, b.data, b.len - 8));
	assert_int_equal(d.extra_len, 0);
	buf_fini(&b);
	buf_fini(&again);
}

static void vp9_and_av1_key_frames_tell_their_size(void **state)
{
	/* first bytes of what libvpx and SVT-AV1 coded at 640x358 */
	struct track_config v = { .codec = CODEC_VP9 }, a = { .codec = CODEC_AV1 };
	uint8_t vp9[32], av1[32];
	size_t vn = from_hex(vp9, "824983420027f016560838241c185c10");
	size_t an = from_hex(av1, "0a0b0000000cc4ff653efe4010329c53");

	assert_true(params_size_from_key(&v, vp9, vn));
	assert_int_equal(v.width, 640);
	assert_int_equal(v.height, 358);
	assert_true(params_size_from_key(&a, av1, an));
	assert_int_equal(a.width, 640);
	assert_int_equal(a.height, 358);
	vp9[0] = 0x86;		/* not a key frame */
	assert_false(params_size_from_key(&v, vp9, vn));
}

static void nal_units_are_walked_in_both_forms(void **state)
{
	static const uint8_t prefixed[] = { 0, 2, 9, 0xf0, 0, 0, 0, 3, 0x65, 1, 2 };
	static const uint8_t annexb[] = { 0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x65, 0, 2, 0, 0, 0, 1, 0x41 };
	const uint8_t *nal;
	size_t pos = 0;

	assert_int_equal(nal_next_prefixed(prefixed, sizeof(prefixed), 2, &pos, &nal), 2);
	assert_int_equal(nal[0], 9);
	/* the empty unit between them is passed over */
	assert_int_equal(nal_next_prefixed(prefixed, sizeof(prefixed), 2, &pos, &nal), 3);
	assert_int_equal(nal[0], 0x65);
	assert_int_equal(nal_next_prefixed(prefixed, sizeof(prefixed), 2, &pos, &nal), 0);
	pos = 0;
	assert_int_equal(nal_next_prefixed(prefixed, 3, 2, &pos, &nal), -1);
	pos = 0;
	assert_int_equal(nal_next_annexb(annexb, sizeof(annexb), &pos, &nal), 2);
	assert_int_equal(nal_next_annexb(annexb, sizeof(annexb), &pos, &nal), 3);
	assert_int_equal(nal[0], 0x65);
	assert_int_equal(nal_next_annexb(annexb, sizeof(annexb), &pos, &nal), 1);
	assert_int_equal(nal_next_annexb(annexb, sizeof(annexb), &pos, &nal), 0);
	pos = 0;
	assert_int_equal(nal_next_annexb(annexb + 4, 2, &pos, &nal), -1);
}

static void only_an_idr_slice_makes_an_access_unit_a_key(void **state)
{
	/* SPS, then a non-IDR I slice: a recovery point, not a place to cut */
	static const uint8_t recovery[] = { 0, 0, 0, 2, 0x67, 1, 0, 0, 0, 2, 0x41, 0x88 };
	static const uint8_t idr[] = { 0, 0, 0, 2, 0x09, 0xf0, 0, 0, 0, 2, 0x65, 0x88 };
	static const uint8_t broken[] = { 0, 0, 0, 2, 0x65, 0x88, 0, 0, 0, 9, 1 };
	static const uint8_t hevc_cra[] = { 0, 0, 1, 21 << 1, 1, 0x80 };

	assert_false(nal_has_idr(CODEC_H264, recovery, sizeof(recovery), 4));
	assert_true(nal_has_idr(CODEC_H264, idr, sizeof(idr), 4));
	assert_false(nal_has_idr(CODEC_H264, broken, sizeof(broken), 4));
	assert_true(nal_has_idr(CODEC_HEVC, hevc_cra, sizeof(hevc_cra), 0));
	assert_int_equal(nal_au_kind(CODEC_H264, recovery, 6, 4), AU_BAD);
}

static void adts_header_is_that_of_the_standard(void **state)
{
	struct track_config c = config_of(CODEC_AAC, "1190"), odd = config_of(CODEC_AAC, "1780000008");
	uint8_t h[7], want[7];

	from_hex(want, "fff14c800d7ffc");	/* FFmpeg's adts muxer: LC, 48 kHz, stereo, 107 bytes */
	assert_true(params_adts(h, &c, 100));
	assert_memory_equal(h, want, 7);
	assert_true(params_adts(h, &c, 8184));
	assert_false(params_adts(h, &c, 8185));
	assert_false(params_adts(h, &odd, 100));
}

static void mp3_headers_are_read(void **state)
{
	struct mp3_frame f;

	/* MPEG-1 layer III 128 kbit/s 44.1 kHz: 417 bytes; padded 418 */
	assert_int_equal(params_mp3_frame((const uint8_t *)"\xff\xfb\x90\x64", 4, &f), 0);
	assert_int_equal(f.len, 417);
	assert_int_equal(f.samples, 1152);
	assert_int_equal(params_mp3_frame((const uint8_t *)"\xff\xfb\x92\x64", 4, &f), 0);
	assert_int_equal(f.len, 418);
	/* MPEG-2 layer III 64 kbit/s 24 kHz mono: 192 bytes of 576 samples */
	assert_int_equal(params_mp3_frame((const uint8_t *)"\xff\xf3\x84\xc4", 4, &f), 0);
	assert_int_equal(f.len, 192);
	assert_int_equal(f.samples, 576);
	assert_int_equal(f.channels, 1);
	assert_int_equal(params_mp3_frame((const uint8_t *)"\xff\xfb\xf0\x64", 4, &f), -1);
	assert_int_equal(params_mp3_frame((const uint8_t *)"\xff\xfb\x90", 3, &f), -1);
}

static void codecs_have_names(void **state)
{
	assert_string_equal(codec_name(CODEC_HEVC), "hevc");
	assert_string_equal(codec_name(CODEC_NONE), "none");
	assert_true(codec_is_video(CODEC_VP8));
	assert_false(codec_is_video(CODEC_AAC));
	assert_false(codec_is_video(CODEC_NONE));
}

/* x264 164, 720x576 with pixels of 16:11: ffmpeg -vf setsar=16/11. */
static void a_size_is_as_displayed_when_pixels_are_not_square(void **state)
{
	static const uint8_t sps[] = {
		0x67, 0xf4, 0x00, 0x1e, 0x91, 0x96, 0x80, 0xb4, 0x12, 0x6c, 0x10, 0x40, 0x00, 0x00,
		0x03, 0x00, 0x40, 0x00, 0x00, 0x0c, 0x83, 0xc5, 0x8b, 0xa8,
	};
	struct track_config c = { .codec = CODEC_H264, .extra_len = 8 + sizeof(sps) + 1 };	/* no PPS */
	struct sps s;
	struct err err;

	(void)state;
	assert_int_equal(sps_parse_h264(&s, sps, sizeof(sps), &err), 0);
	assert_int_equal(s.width, 720);
	assert_int_equal(s.sar_num, 16);
	assert_int_equal(s.sar_den, 11);
	memcpy(c.extra, "\x01\xf4\x00\x1e\xff\xe1\x00\x18", 8);
	memcpy(c.extra + 8, sps, sizeof(sps));
	assert_int_equal(params_parse(&c, &err), 0);
	assert_int_equal(c.width, 1047);
	assert_int_equal(c.height, 576);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_is_as_displayed_when_pixels_are_not_square),
		cmocka_unit_test(known_parameters_are_read),
		cmocka_unit_test(parameters_cut_short_fail_and_change_nothing),
		cmocka_unit_test(picture_above_16384_is_refused_as_too_large),
		cmocka_unit_test(hevc_parameter_sets_make_an_hvcc_and_come_back),
		cmocka_unit_test(h264_parameter_sets_make_an_avcc_and_come_back),
		cmocka_unit_test(vp9_and_av1_key_frames_tell_their_size),
		cmocka_unit_test(nal_units_are_walked_in_both_forms),
		cmocka_unit_test(only_an_idr_slice_makes_an_access_unit_a_key),
		cmocka_unit_test(adts_header_is_that_of_the_standard),
		cmocka_unit_test(mp3_headers_are_read),
		cmocka_unit_test(codecs_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
