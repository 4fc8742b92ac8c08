#ifndef LP_MEDIA_AV_GPU_DEVICE_H
#define LP_MEDIA_AV_GPU_DEVICE_H
#include <stdbool.h>
#include <stddef.h>
#include <libavutil/buffer.h>
#include <libavutil/frame.h>
#include <libavutil/pixfmt.h>
#include "media/av/encode.h"
#include "media/av/gpu.h"
struct err;

/*
 * One hardware context, and what is done with pictures on it: moving and scaling.
 * One thread at a time; encoders may run on others beside it.
 *
 * caps is what the device is believed to do: all that its kind may, less what it has
 * failed to do (gpu_device_learn, gpu_decode).
 */
struct gpu_device {
	struct gpu_name name;
	char text[GPU_NAME_MAX];	/* "nvidia:0" */
	AVBufferRef *ref;		/* owned */
	enum AVPixelFormat format;	/* of pictures on it */
	struct gpu_caps caps;
	bool tried_h264, tried_hevc;	/* encoders: caps holds the answer */
};

/* Fails with ERR_INVALID (no such name), ERR_IO (no driver, no device: named). */
struct gpu_device *gpu_device_open(const char *name, struct err *err);
void gpu_device_close(struct gpu_device *d);

/* Try once whether it has this encoder.  Fails with ERR_IO when it has no room now. */
int gpu_device_learn(struct gpu_device *d, enum ladder_encoder encoder, struct err *err);

/* How many encoders of the kind open at once, at most max. */
unsigned gpu_device_sessions(struct gpu_device *d, enum ladder_encoder encoder, unsigned max);

/* What libav called the cause since the last forget, "" if it said nothing.  Process-wide:
 * libav has one log. */
void gpu_log_forget(void);
void gpu_log_first(char *to, size_t cap);
/* Does a failure mean that there is no room now, rather than that it cannot? */
bool gpu_is_full(int rc);

/* rc, or a failure that libav logged and did not return: FFmpeg 5.1 ignores CUDA's errors
 * in transfers and in scale_cuda, and would give pictures of the memory's last use. */
int gpu_heard_failure(int rc);

/* ERR_IO "device nvidia:0: WHAT: cause": the device or its memory is gone; -1. */
int gpu_fail(const struct gpu_device *d, const char *what, int rc, struct err *err);

/* The device's decoder of a codec: a name for libavcodec, NULL: the plain one, with help. */
const char *gpu_decoder_name(const struct gpu_device *d, int codec);

/* ---- moving ---- */

/* Pictures of one size on the device, to move others into. */
struct gpu_store;
struct gpu_store *gpu_store_new(struct gpu_device *d, int width, int height, struct err *err);
void gpu_store_free(struct gpu_store *s);
/* yuv420p to a new nv12 picture on the device, and back to a new nv12 one in memory.
 * NULL with ERR_IO or ERR_INTERNAL. */
AVFrame *gpu_upload(struct gpu_store *s, const AVFrame *from, struct err *err);
AVFrame *gpu_download(struct gpu_device *d, const AVFrame *from, struct err *err);

/* ---- scaling ---- */

struct gpu_scaler;
struct gpu_scaler *gpu_scaler_new(struct gpu_device *d, int width, int height);
void gpu_scaler_free(struct gpu_scaler *s);
/* Always a new nv12 picture, also of the same size: a decoder's own are few.  NULL with
 * ERR_IO. */
AVFrame *gpu_scaler_run(struct gpu_scaler *s, const AVFrame *from, struct err *err);

/* ---- encoding ---- */

/*
 * As encoder_open, for first on the device.  NULL with *cannot set when the device
 * does not do this (the CPU may), else with ERR_IO.
 */
struct encoder *gpu_encoder_open(struct gpu_device *d, const struct encoder_opts *opts,
				 const AVFrame *first, bool *cannot, struct err *err);

#endif
