#ifndef LP_NODE_WORK_WORKER_H
#define LP_NODE_WORK_WORKER_H
#include <uv.h>
#include "protocol/peer_msg.h"
struct blob;
struct err;
struct work_result;

/*
 * The node's end of the connection to one worker process: sends a task, reads the
 * answer.  Knows nothing of processes, queues or deadlines.  Loop thread;
 * callbacks come from the loop; either may call worker_close.
 */
struct worker;

struct worker_cb {
	/* It said hello: worker_run may be called. */
	void (*ready)(void *arg);
	/* The task is over, well or not (res->done.code); res is given.  Idle again. */
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
 * written).  The worker is ready and idle. */
void worker_run(struct worker *w, const struct msg_task *task, struct blob *input);
/* No callback runs from here on; frees itself. */
void worker_close(struct worker *w);

#endif
