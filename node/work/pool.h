#ifndef LP_NODE_WORK_POOL_H
#define LP_NODE_WORK_POOL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "base/hash.h"
#include "protocol/peer_msg.h"
struct blob;
struct err;

/*
 * Worker processes: a zygote (`lpnode` exec'ed once with an internal flag, warmed,
 * single-threaded) forks confined children ahead of need; each serves one stream,
 * one task at a time, and is replaced before it serves another.  Tasks and results
 * are the transcoder messages over a socketpair.  A crash, a hang past the
 * deadline or a broken answer costs the task one retry in a fresh child, then it
 * fails; at once when its input was streamed or its results were passed on as they
 * came.  Loop thread; all decoding happens in the children.
 *
 * Source: DESIGN 2; facts/worker-spike.md.
 */
struct work_pool;
struct work_task;

struct work_opts {
	unsigned n_workers;	/* tasks at once; 0: cores */
	unsigned max_queue;	/* tasks waiting; beyond it ERR_BUSY */
	uint64_t max_pixels;	/* 4096 * 2304 */
	bool confine;		/* seccomp, RLIMIT_AS ...; false only under sanitizers */
	uint64_t idle_ms;	/* a stream's child without work this long is ended: 5000 */
	const char *device;	/* the workers' GPU, told to the ladder; NULL: CPU.  Borrowed.  Its
				 * driver opens files and maps memory: such workers have no
				 * new privileges and no core, and are else not confined */
};

/* Starts the zygote (/proc/self/exe, with next to no environment) and ignores
 * SIGPIPE for the process.  Fails with ERR_IO. */
struct work_pool *work_pool_new(uv_loop_t *loop, const struct work_opts *opts, struct err *err);

/* Entry of the zygote process: main() calls it when argv[1] is WORK_ZYGOTE_ARG.
 * Returns the exit code. */
#define WORK_ZYGOTE_ARG "--worker-zygote"
int work_zygote_main(int argc, char **argv);

struct work_spec {
	enum task_kind kind;
	const char *stream_key;		/* copied */
	bool fmp4;			/* container of input */
	struct blob *input;		/* referenced for the task's life; NULL: streamed, by
					 * work_task_feed and work_task_finish */
	unsigned max_tries;		/* 1 or 2; 0: 2; streamed or with cb.piece: 1 */
	const struct profile_list *profiles;	/* TASK_TRANSCODE, sizes fitted; copied */
	const char *preset;
	uint32_t duration_ms;		/* streamed: not used, see work_task_finish */
	uint64_t sequence;
	uint64_t deadline_ms;		/* from now, all tries; then ERR_TIMEOUT.  Streamed: not
					 * used, see work_task_finish */
};

struct work_rendition {
	size_t index;
	struct blob *data;		/* borrowed: ref it to keep it; NULL: went to cb.piece */
	size_t len;
	struct hash32 sha256;		/* computed by us over what came */
	unsigned n_video;
	uint32_t duration_ms;
	int width, height;
	bool fmp4;
	size_t init_len;
};

struct work_stats {
	unsigned wall_ms, cpu_ms, n_decoded;
	unsigned queue_ms;		/* waited for a free worker */
	unsigned n_tries;
	int width, height;
};

struct work_cb {
	/* Bytes of a rendition as the worker makes them, each rendition's in order,
	 * renditions taking turns, from the loop; worthless when the task fails.  NULL: they
	 * are kept, and come with rendition. */
	void (*piece)(void *arg, size_t index, const uint8_t *data, size_t len);
	/* A rendition: each once, in order, just before done, and only when all came
	 * and the task succeeded.  NULL for TASK_PROBE.  With piece its data is NULL and its
	 * len in len. */
	void (*rendition)(void *arg, const struct work_rendition *r);
	/* The end; err NULL: all renditions came.  ERR_INVALID: bad input (also a
	 * second crash on it), ERR_LIMIT, ERR_TIMEOUT, ERR_INTERNAL; ERR_IO: the worker
	 * died on the only try.  The task is gone when it returns. */
	void (*done)(void *arg, const struct work_stats *st, const struct err *err);
};

/* Queue a task.  NULL with ERR_BUSY when the queue is full, ERR_LIMIT for an input
 * above SEGMENT_BYTES_MAX, ERR_INVALID when the spec is no valid message.
 * Callbacks never run inside; after work_task_cancel none runs. */
struct work_task *work_task_start(struct work_pool *p, const struct work_spec *spec,
				  const struct work_cb *cb, void *arg, struct err *err);

/*
 * A streamed task: MPEG-TS in, TASK_TRANSCODE.  It takes a worker as soon as there is
 * one and keeps it while its input lasts, at most SEGMENT_MS_MAX and a few seconds from
 * work_task_start; then it fails with ERR_TIMEOUT.
 *
 * It may fail before its input is whole (bad input, a worker that died): done comes
 * then, from the loop, never inside a call, and as ever the task is gone with it: no
 * feed, finish or cancel after done.  Until it comes, and inside the task's own
 * callbacks, what is fed to a failed task is dropped.
 *
 * Memory in this process: what the worker has not read yet, at most SEGMENT_BYTES_MAX
 * (the buffer reserves up to twice that), and the renditions as node/work/answer.h says.
 */

/* Copied; goes to the worker as soon as there is one.  Fails with ERR_LIMIT when it would
 * be above SEGMENT_BYTES_MAX (nothing of it is taken), ERR_INVALID for a task that is
 * not streamed or is finished. */
int work_task_feed(struct work_task *t, const uint8_t *data, size_t len, struct err *err);
/* The input is whole.  deadline_ms: from now.  Without a byte of input, or above
 * SEGMENT_MS_MAX, the task fails with ERR_INVALID. */
void work_task_finish(struct work_task *t, uint32_t duration_ms, uint64_t deadline_ms);
void work_task_cancel(struct work_task *t);	/* kills the child if it is running */
/* The stream is over: its child may go. */
void work_stream_end(struct work_pool *p, const char *stream_key);

struct work_pool_stats {
	unsigned n_workers, n_busy, n_queued;
	unsigned n_up;		/* workers that could take or have a task */
	unsigned n_free;	/* tasks that could be started now and would not wait for others:
				 * workers that are neither busy nor waited for */
	uint64_t n_done, n_failed, n_retried, n_crashed, n_hung;
};
void work_pool_stats(const struct work_pool *p, struct work_pool_stats *out);

/* End all children (running tasks get done with ERR_INTERNAL "shutting down"). */
void work_pool_close(struct work_pool *p, void (*closed)(void *arg), void *arg);

#endif
