#ifndef LP_MEDIA_AV_GPU_PATH_H
#define LP_MEDIA_AV_GPU_PATH_H
#include <stdbool.h>
#include <stddef.h>
#include "media/av/gpu.h"
#include "media/av/ladder.h"

/*
 * Which part of a segment's way runs on the device.  Pure functions.
 *
 * Each of the three stages runs there if the device can do it; pictures are moved
 * between device and memory where two neighbours differ.  A device that can neither
 * decode the source nor encode a rendition is of no use to it (moving pictures there
 * and back for the scaling alone costs more than scaling them), so the whole segment
 * is refused and belongs on a CPU.
 */
struct gpu_path {
	bool decode, scale;
	bool encode[LADDER_MAX];	/* by rendition; false: x264 or x265 on the CPU */
};

/*
 * codec: the source's (enum AVCodecID).  no_decode: the device refused this source.
 * n at most LADDER_MAX.  Fails with ERR_INTERNAL "device cannot ...".
 */
int gpu_path_plan(struct gpu_path *p, enum gpu_kind kind, const struct gpu_caps *caps, int codec,
		  bool no_decode, const struct ladder_rung *rungs, size_t n, struct err *err);

bool gpu_caps_decode(const struct gpu_caps *c, int codec);
bool gpu_caps_encode(const struct gpu_caps *c, enum ladder_encoder encoder);

/*
 * The filters that scale on such a device, as libavfilter reads them.  Where the
 * device looks at 4x4 pixels or fewer (CUDA, Vulkan), no step makes a picture smaller
 * than half: more would skip pixels, which shows as flicker.
 */
#define GPU_SCALE_TEXT_MAX 1024
void gpu_scale_text(char to[GPU_SCALE_TEXT_MAX], enum gpu_kind kind, int from_width,
		    int from_height, int to_width, int to_height);

#endif
