#ifndef LP_NODE_WORK_WORKER_H
#define LP_NODE_WORK_WORKER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "protocol/peer_msg.h"
struct blob;
struct buf;
struct err;
struct work_result;

/*
 * The node's end of the connection to one worker process: sends a task, reads the
 * answer.  Knows nothing of processes, queues or deadlines.  Loop thread;
 * callbacks come from the loop; each may call worker_close.
 */
struct worker;

struct worker_cb {
	/* It said hello: worker_run may be called. */
	void (*ready)(void *arg);
	/* Bytes of a rendition, for a task that passes them on. */
	void (*piece)(void *arg, size_t index, const uint8_t *data, size_t len);
	/* The task is over, well or not (res->done.code); res is given.  Idle again, but
	 * when it ended ill before its input did: such a worker is to be closed. */
	void (*answered)(void *arg, struct work_result *res);
	/* The other end is gone (ERR_IO) or talks nonsense (ERR_INVALID, ERR_LIMIT).
	 * Kill the process; nothing else comes. */
	void (*lost)(void *arg, const struct err *why);
};

/* fd: our end of a socket pair, taken, also on failure.  cb is borrowed.  Fails
 * with ERR_IO. */
struct worker *worker_open(uv_loop_t *loop, int fd, const struct worker_cb *cb, void *arg,
			   struct err *err);
/* Send a task (task->len is input->len; a reference to input is kept while it is
 * written).  The worker is ready and idle.  pieces: its renditions go to cb->piece as
 * they come, and are not kept. */
void worker_run(struct worker *w, const struct msg_task *task, struct blob *input, bool pieces);

/*
 * The same for a streamed task.  begin: what there is of its input, taken (the buffer
 * is empty then).  worker_feed copies; a worker that does not read makes it wait here,
 * so the caller bounds a task's input (SEGMENT_BYTES_MAX; the buffer reserves up to
 * twice what waits).  What is fed to a worker that has died goes nowhere.
 */
void worker_stream(struct worker *w, const struct msg_task *task, struct buf *begin, bool pieces);
void worker_feed(struct worker *w, const uint8_t *data, size_t len);
void worker_finish(struct worker *w, const struct msg_task_end *end);
/* No callback runs from here on; frees itself. */
void worker_close(struct worker *w);

#endif
