/*
 * A device shows what it can do by doing it: the embedded clip goes through the ladder
 * on it, once as H.264 and once as HEVC, and what then is known about the device is its
 * capabilities.  Nothing else tells reliably: drivers list codecs that the card lacks.
 */
#include "media/av/gpu.h"
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "media/av/gpu_ladder.h"
#include "media/av/ladder.h"
#include "media/av/selftest_clip.inc"

#define CLIP_PICTURES 20

/* Keeps the one rendition, and what it should have. */
struct result {
	struct ladder_out out;
	bool came;
};

static void keep(void *arg, struct ladder_out *out)
{
	struct result *r = arg;

	r->out = *out;
	r->came = true;
}

/* Both sizes are above every encoder's least. */
static const struct ladder_rung h264_rung = {
	.width = 256, .height = 144, .bitrate = 300000, .quality = -1,
};
static const struct ladder_rung hevc_rung = {
	.width = 320, .height = 180, .bitrate = 300000, .encoder = LADDER_HEVC, .quality = -1,
};

static int transcode(const char *device, const struct ladder_rung *rung, const uint8_t *data,
		     size_t len, struct result *r, struct err *err)
{
	struct ladder_spec spec = {
		.rungs = rung, .n_rungs = 1, .preset = "superfast", .max_pixels = 320 * 192,
		.device = device,
	};

	*r = (struct result){ 0 };
	if (ladder_run(&spec, data, len, keep, r, NULL, err) < 0)
		return -1;
	if (r->came && r->out.n_video == CLIP_PICTURES)
		return 0;
	err_set(err, ERR_INTERNAL, "device %s: %u pictures of %d", device ? device : "",
		r->came ? r->out.n_video : 0, CLIP_PICTURES);
	free(r->out.data);
	return -1;
}

static int try_h264(const char *device, struct err *err)
{
	struct result r;
	int rc = transcode(device, &h264_rung, selftest_clip, sizeof(selftest_clip), &r, err);

	if (rc == 0)
		free(r.out.data);
	return rc;
}

/* The clip as HEVC comes from the software encoder.  A failure is none of the device's
 * other abilities: it only is not said to do HEVC. */
static bool try_hevc(const char *device)
{
	struct result source, r;
	bool ok;

	if (transcode(NULL, &hevc_rung, selftest_clip, sizeof(selftest_clip), &source, NULL) < 0)
		return false;
	ok = transcode(device, &hevc_rung, source.out.data, source.out.len, &r, NULL) == 0;
	if (ok)
		free(r.out.data);
	free(source.out.data);
	return ok;
}

int gpu_probe(const struct gpu_name *n, struct gpu_caps *caps, struct err *err)
{
	char device[GPU_NAME_MAX];

	bool hevc;

	memset(caps, 0, sizeof(*caps));
	gpu_name_fmt(device, n);
	if (try_h264(device, err) < 0)
		return -1;
	hevc = try_hevc(device);
	if (!gpu_ladder_caps(caps))	/* HEVC took it down */
		return err_set(err, ERR_INTERNAL, "device %s is lost when it is given HEVC", device);
	caps->decode_hevc &= hevc;
	caps->encode_hevc &= hevc;
	caps->encode_sessions = caps->encode_h264 ? gpu_ladder_sessions() : 0;
	gpu_model(n, caps->model);
	gpu_caps_describe(caps);
	return 0;
}
