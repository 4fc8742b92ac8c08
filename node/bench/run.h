#ifndef LP_NODE_BENCH_RUN_H
#define LP_NODE_BENCH_RUN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "node/bench/figures.h"
#include "node/work/pool.h"
struct bench_source;
struct err;
struct profile_list;

/*
 * Transcodes a source in several sessions at once, by worker processes as a node
 * does it: each session is a stream of its own with at most one segment at work.
 * Runs a loop of its own until all sessions are over or a signal (INT, TERM) ends
 * them.
 */
struct bench_run_opts {
	const struct bench_source *source;	/* borrowed, as all here */
	size_t n_segs;				/* of the source; at least 1 */
	unsigned n_sessions;
	uint64_t delay_ms;			/* from one session's start to the next one's */
	unsigned repeat;			/* times that each goes through the source */
	bool live;				/* a segment begins no sooner than it would be there */
	const struct profile_list *profiles;	/* sizes fitted */
	const char *preset;
	struct work_opts work;			/* of each pool; device is set from devices */
	const char *const *devices;		/* session k works on device k mod n */
	size_t n_devices;			/* 0: CPU */
	const char *out_prefix;			/* keep PREFIX_PROFILE_SESSION_SEGMENT.ts; NULL: not */
	uint64_t progress_ms;			/* between two calls of it */
};

struct bench_done {
	unsigned session;
	uint64_t segment;
	double source_s;
	double transcode_s;	/* from handing it in to its last rendition, the queue included */
	unsigned n_frames;	/* decoded */
};

struct bench_progress {
	const struct bench_figures *figures;
	uint64_t n_total;		/* segments there are to do */
	unsigned n_running, n_queued;	/* tasks */
};

struct bench_run_cb {
	void (*segment)(void *arg, const struct bench_done *d);
	/* This one could not be transcoded, or kept; the session goes on. */
	void (*failed)(void *arg, unsigned session, uint64_t segment, const struct err *why);
	void (*progress)(void *arg, const struct bench_progress *p);
};

/* Fills f, also when segments failed or a signal came.  Fails with ERR_IO, ERR_TIMEOUT
 * when the workers do not start. */
int bench_run(struct bench_figures *f, const struct bench_run_opts *opts,
	      const struct bench_run_cb *cb, void *arg, struct err *err);

#endif
