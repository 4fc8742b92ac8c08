#ifndef LP_MEDIA_AV_GPU_H
#define LP_MEDIA_AV_GPU_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct err;
struct ladder_spec;

/*
 * Hardware devices by FFmpeg's abstraction.  Everything is loaded at run time: a
 * machine without a driver builds and runs all of this and gets an error that says
 * what is missing.  Worker processes only.
 */
enum gpu_kind { GPU_NVIDIA, GPU_VAAPI, GPU_QSV };

struct gpu_name {
	enum gpu_kind kind;
	char device[64];	/* "0", "/dev/dri/renderD128" */
};
/* "nvidia:0", "vaapi:/dev/dri/renderD128", "qsv:/dev/dri/renderD128".  ERR_INVALID. */
int gpu_name_parse(struct gpu_name *n, const char *text, struct err *err);

/* What a device showed that it can do, by doing it. */
struct gpu_caps {
	bool decode_h264, decode_hevc;
	bool scale;
	bool encode_h264, encode_hevc;
	unsigned encode_sessions;	/* renditions that opened at once, at most 16; 0: no encoder */
	char model[64];			/* "" if it does not tell */
	char what[96];			/* one line for people: "decodes h264 hevc, scales, no encoder: x264" */
};
/* Transcodes the embedded clip.  Fails with ERR_IO (no device or driver, named) or
 * ERR_INTERNAL (it is there and does not work). */
int gpu_probe(const struct gpu_name *n, struct gpu_caps *caps, struct err *err);

/* Memory and utilisation now; false when the driver does not tell.  Takes ms: not on the loop. */
struct gpu_usage { unsigned utilisation; uint64_t memory_used, memory_total; };
bool gpu_usage(const struct gpu_name *n, struct gpu_usage *u);

#endif
