#ifndef LP_NODE_BENCH_SOURCE_H
#define LP_NODE_BENCH_SOURCE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct blob;
struct err;
struct work_opts;

/*
 * What a bench transcodes: the segments of a media playlist, or a file cut into
 * segments of about 2 s at its key frames.  All of it is held in memory, so that no
 * disk is measured.  MPEG-TS is cut by our own parsers, MP4 is remuxed by a worker
 * process first.  Reads files and runs a loop of its own: for a program that has
 * nothing else to do yet.
 */
#define BENCH_SOURCE_BYTES_MAX (1u << 30)

struct bench_segment {
	struct blob *data;
	bool fmp4;		/* its init part stands before it */
	int64_t duration_90k;
};

struct bench_source {
	struct bench_segment *seg;
	size_t n;		/* at least 1 */
	size_t bytes;
	int width, height;	/* of the first segment whose parameters can be read */
	unsigned n_skipped;	/* pieces of a file that begin without a key frame */
};

/*
 * max_segments: 0: all.  workers: how to run the one that remuxes; borrowed.
 * Fails with ERR_NOT_FOUND (no such file), ERR_INVALID (not a playlist, no video...),
 * ERR_LIMIT (more than BENCH_SOURCE_BYTES_MAX; an MP4 above SEGMENT_BYTES_MAX), ERR_IO.
 */
int bench_source_load(struct bench_source *s, const char *path, size_t max_segments,
		      const struct work_opts *workers, struct err *err);
void bench_source_fini(struct bench_source *s);

#endif
