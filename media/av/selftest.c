/*
 * Is this build of the codec libraries the one whose bytes are known?  The id
 * names it, a small clip transcoded proves it.
 */
#include "media/av/ladder.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>
#include "base/err.h"
#include "base/hash.h"
#include "base/hex.h"
#include "media/av/encode.h"
#include "media/av/libav.h"
#include "media/av/picture.h"
#include "media/av/selftest_clip.inc"

/* What each known set of builds makes of the clip: SHA-256 over its renditions. */
static const struct {
	const char *profile, *hash;
} golden[] = {
	/* Debian 12: libx264 164.3095, FFmpeg 5.1 */
	{ "x264-164-lavc59.37.100-sws6.7.100",
	  "940e38fa8d21861af1deaf8a99e689edc5d33a482e8a0667793544b3f10a178f" },
};

static char profile_id[80];

/* "x264 - core 164 r3095 ...": x264 says so in a SEI of its first picture. */
static int build_in(const AVPacket *p)
{
	static const char mark[] = "x264 - core ";
	const char *at = p->data ? memmem(p->data, p->size, mark, sizeof(mark) - 1) : NULL;

	/* Packets are zero-padded: atoi ends inside the padding at the latest. */
	return at ? atoi(at + sizeof(mark) - 1) : 0;
}

/* The build of the x264 that is really loaded, 0 if it does not tell. */
static int x264_build(void)
{
	static const struct ladder_rung rung = {
		.width = 64, .height = 64, .bitrate = 100000, .quality = -1,
	};
	struct encoder_opts o = {
		.rung = &rung, .preset = "ultrafast", .fps_num = 30, .fps_den = 1,
		.frame_90k = 3000,
	};
	struct encoder *e = NULL;
	struct pic_pool pool;
	AVPacket *const *pkt;
	AVFrame *f = NULL;
	int i, build = 0;
	size_t n = 0;

	libav_setup();
	if (pic_pool_init(&pool, 64, 64))
		f = pic_pool_get(&pool);
	if (f) {
		for (i = 0; i < 3; i++)
			memset(f->data[i], 128, (size_t)f->linesize[i] * (i ? 32 : 64));
		f->pts = 0;
		e = encoder_open(&o, f, NULL);
	}
	if (e && encoder_push(e, f, NULL) == 0 && encoder_flush(e, NULL) == 0) {
		pkt = encoder_packets(e, &n);
		build = n > 0 ? build_in(pkt[0]) : 0;
	}
	encoder_free(e);
	av_frame_free(&f);
	pic_pool_fini(&pool);
	return build;
}

static void make_profile_id(void)
{
	unsigned c = avcodec_version(), s = swscale_version();

	snprintf(profile_id, sizeof(profile_id), "x264-%d-lavc%u.%u.%u-sws%u.%u.%u", x264_build(),
		 c >> 16, c >> 8 & 255, c & 255, s >> 16, s >> 8 & 255, s & 255);
}

const char *ladder_codec_profile(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_profile_id);
	return profile_id;
}

const uint8_t *ladder_clip(size_t *len)
{
	*len = sizeof(selftest_clip);
	return selftest_clip;
}

static void hash_rendition(void *arg, struct ladder_out *out)
{
	sha256_add(arg, out->data, out->len);
	free(out->data);
}

int ladder_self_test(bool *known, char hash_hex[65], struct err *err)
{
	static const struct ladder_rung rungs[] = {
		{ .width = 256, .height = 144, .bitrate = 300000, .quality = -1 },
		{ .width = 160, .height = 90, .bitrate = 150000, .quality = -1 },
	};
	struct ladder_spec spec = {
		.rungs = rungs, .n_rungs = 2, .preset = "superfast", .max_pixels = 320 * 180,
		.n_threads = 1,		/* renditions come in order */
	};
	struct sha256 *s = sha256_new();
	const char *id = ladder_codec_profile();
	struct hash32 h;
	size_t i;
	int rc;

	*known = false;
	rc = ladder_run(&spec, selftest_clip, sizeof(selftest_clip), hash_rendition, s, NULL, err);
	h = sha256_end(s);
	sha256_free(s);
	if (rc < 0)
		return err_wrap(err, "codec self-test");
	hex_fmt(hash_hex, h.b, sizeof(h.b));
	for (i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		if (strcmp(golden[i].profile, id) != 0)
			continue;
		*known = true;
		if (strcmp(golden[i].hash, hash_hex) != 0)
			return err_set(err, ERR_INVALID, "codecs %s make other bytes than known: %s",
				       id, hash_hex);
	}
	return 0;
}
