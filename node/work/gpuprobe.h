#ifndef LP_NODE_WORK_GPUPROBE_H
#define LP_NODE_WORK_GPUPROBE_H
#include <stddef.h>
#include <uv.h>
#include "media/av/gpu.h"
struct err;

/*
 * Asks a device what it can do, in a process of its own: a driver that crashes, hangs
 * or writes on the terminal then costs nothing.  `lpnode --gpu-probe nvidia:0` prints
 * one line of JSON on standard output and ends.  Loop thread.
 */
#define GPU_PROBE_ARG "--gpu-probe"
#define GPUPROBE_LINE_MAX 1024
/* A first use compiles the scaler for the card, which takes seconds. */
#define GPUPROBE_MS 20000

struct gpuprobe;

/* caps: borrowed; NULL on failure: ERR_IO (no driver or device, the probe died),
 * ERR_INTERNAL (the device does not work), ERR_TIMEOUT. */
typedef void gpuprobe_cb(void *arg, const struct gpu_caps *caps, const struct err *err);

/* timeout_ms 0: GPUPROBE_MS.  NULL with ERR_INVALID (no device name), ERR_IO.  The result
 * comes once, from the loop; none after gpuprobe_cancel. */
struct gpuprobe *gpuprobe_start(uv_loop_t *loop, const char *name, unsigned timeout_ms,
				gpuprobe_cb *cb, void *arg, struct err *err);
void gpuprobe_cancel(struct gpuprobe *p);

/* What main() calls when argv[1] is GPU_PROBE_ARG.  Exit code: 0 the device works, 1 it
 * does not, 2 no device name. */
int gpu_probe_main(int argc, char **argv);

/* The line without its end.  0: caps filled; -1: err is what the device said, or
 * ERR_IO for a line that is none. */
int gpuprobe_parse(struct gpu_caps *caps, const char *line, size_t len, struct err *err);

#endif
