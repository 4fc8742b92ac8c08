#ifndef LP_MEDIA_AV_GPU_LADDER_H
#define LP_MEDIA_AV_GPU_LADDER_H
#include "media/av/ladder.h"
struct gpu_caps;

/*
 * ladder_run on a device (spec->device).  The same pictures, times, segment ends and
 * containers as on the CPU; other bytes.  Decoding, scaling and encoding each happen on
 * the device where it can (media/av/gpu_path.h); what it cannot encode is downloaded
 * and goes to the software encoder, a thread a rendition; what it cannot decode (also
 * interlaced and turned pictures) is decoded in software and uploaded, if the device
 * encodes.  Anything else fails with ERR_INTERNAL "device ... cannot ...": it is for a
 * worker on the CPU, and so is VP9 and AV1.
 *
 * ERR_IO "device ...: ...": the device is lost or full; this process should end.
 *
 * The device is opened by the first call and kept for the process; n_threads is not
 * heeded.  One thread at a time, and not before a fork: drivers do not survive one.
 */
int gpu_ladder_run(const struct ladder_spec *spec, const uint8_t *input, size_t len,
		   ladder_sink *sink, void *arg, struct ladder_stats *stats, struct err *err);

/* What the kept device is known to do by now; false: none is open. */
bool gpu_ladder_caps(struct gpu_caps *caps);
/* Count its H.264 encoders (16 at most); 0 without a device. */
unsigned gpu_ladder_sessions(void);
/* Close it. */
void gpu_ladder_close(void);

#endif
