#ifndef LP_MEDIA_AV_GPU_DECODE_H
#define LP_MEDIA_AV_GPU_DECODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/av/decode.h"
struct gpu_device;

/*
 * The video of a segment, decoded on a device: 8-bit 4:2:0 of H.264 and HEVC; pictures come as they lie on
 * the device.  As strict as libavcodec's parser and the driver are: less than
 * decode.h, which sees every macroblock.
 *
 * extra: pictures that the callback may keep.  *refused: the device, its driver or this
 * way of decoding does not take this source (also interlaced and turned ones); the
 * error is then ERR_INTERNAL and says why, and the software may.  When the device takes
 * no such codec at all, d->caps no longer has it.  Other failures: ERR_INVALID
 * (damaged), ERR_LIMIT (max_pixels), ERR_IO (the device is lost or full).
 */
int gpu_decode(struct decoded *out, struct gpu_device *d, const struct input *in,
	       uint64_t max_pixels, int extra, decode_cb *cb, void *arg, bool *refused,
	       struct err *err);

#endif
