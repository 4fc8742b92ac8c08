#ifndef LP_MEDIA_AV_GPU_H
#define LP_MEDIA_AV_GPU_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct err;

/*
 * Hardware devices by FFmpeg's abstraction.  Everything is loaded at run time: a
 * machine without a driver builds and runs all of this and gets an error that says
 * what is missing.  gpu_name_parse, gpu_list and gpu_usage may be called anywhere,
 * gpu_probe in worker processes only: a driver may crash or hang.
 *
 * How a segment is done on a device is in media/av/gpu_ladder.h.
 */
enum gpu_kind {
	GPU_NVIDIA,
	GPU_VAAPI,
	GPU_QSV,
	/* Any Vulkan, also one in software: it scales and does nothing else.  So that tests
	 * drive real device frames on machines without a GPU; no option offers it. */
	GPU_VULKAN,
};
#define GPU_KINDS 4

struct gpu_name {
	enum gpu_kind kind;
	char device[64];	/* "0", "/dev/dri/renderD128" */
};
/* "nvidia:0", "vaapi:/dev/dri/renderD128", "qsv:/dev/dri/renderD128", "vulkan:0".
 * ERR_INVALID. */
int gpu_name_parse(struct gpu_name *n, const char *text, struct err *err);
#define GPU_NAME_MAX 80
void gpu_name_fmt(char to[GPU_NAME_MAX], const struct gpu_name *n);

/*
 * What an operator wrote ("0,1", "all", "/dev/dri/renderD128") as device names.
 * "all": what is in dev_dir ("/dev"; NULL: that) - nvidia0 and up, or the render
 * nodes in dri/ - in order of number.  Returns how many; fails with ERR_INVALID (no
 * such spelling, a device twice), ERR_LIMIT (more than max), ERR_NOT_FOUND ("all"
 * and there is none).
 */
int gpu_list(enum gpu_kind kind, const char *spec, const char *dev_dir,
	     char names[][GPU_NAME_MAX], size_t max, struct err *err);

/* What a device showed that it can do, by doing it. */
struct gpu_caps {
	bool decode_h264, decode_hevc;
	bool scale;
	bool encode_h264, encode_hevc;
	unsigned encode_sessions;	/* renditions that opened at once, at most 16; 0: no encoder */
	char model[64];			/* "" if it does not tell */
	char what[96];			/* one line for people: "decodes h264 hevc, scales, no encoder: x264" */
};
#define GPU_SESSIONS_MAX 16

/* Load what only devices need, so that forks share it; else the first use does. */
void gpu_warm_up(void);

/* Transcodes the embedded clip.  Fails with ERR_IO (no device or driver, named) or
 * ERR_INTERNAL (it is there and does not work). */
int gpu_probe(const struct gpu_name *n, struct gpu_caps *caps, struct err *err);

/* Fill caps->what from the rest. */
void gpu_caps_describe(struct gpu_caps *caps);

/* Memory and utilisation now; false when the driver does not tell.  Takes ms: not on the loop. */
struct gpu_usage {
	unsigned utilisation;			/* percent */
	uint64_t memory_used, memory_total;	/* bytes; total 0: not told */
};
bool gpu_usage(const struct gpu_name *n, struct gpu_usage *u);
/* The same for a render node, from the files below sys_dir ("/sys"). */
bool gpu_usage_sysfs(const char *sys_dir, const char *device, struct gpu_usage *u);
/* What the driver calls it; "" if it does not tell.  As slow as gpu_usage. */
void gpu_model(const struct gpu_name *n, char model[64]);

#endif
