#ifndef LP_NODE_WORK_FORKER_H
#define LP_NODE_WORK_FORKER_H
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
struct err;

/*
 * The node's hold on its zygote process (node/work/zygote.h): starts it, asks it
 * for children, hears how they end.  Loop thread; callbacks come from the loop.
 */
struct forker;

struct forker_cb {
	void (*ready)(void *arg);	/* warm; children asked for before come now */
	void (*forked)(void *arg, uint32_t id, int pid);
	void (*exited)(void *arg, uint32_t id, int wait_status);
	/* The zygote is gone, and all its children with it.  Call forker_close. */
	void (*down)(void *arg);
};

/* Executes /proc/self/exe.  device: the children's, or NULL; cb is borrowed.  Fails with
 * ERR_IO. */
struct forker *forker_start(uv_loop_t *loop, bool confine, const char *device,
			    const struct forker_cb *cb, void *arg, struct err *err);
/* Asks the kernel now: down may be on its way through the loop. */
bool forker_is_alive(const struct forker *f);

/*
 * Ask for child id with this end of a socket pair (fd is taken, also on failure).
 * These three fail with ERR_IO when the zygote does not take messages: it is
 * stuck or gone, close it.
 */
int forker_fork(struct forker *f, uint32_t id, int fd, struct err *err);
int forker_kill(struct forker *f, uint32_t id, struct err *err);
int forker_allow_cpu(struct forker *f, uint32_t id, int seconds, struct err *err);

/* End it: orderly, by force after a second; with force at once.  No other callback
 * runs from here on; closed (may be NULL) runs when its process is reaped. */
void forker_close(struct forker *f, bool force, void (*closed)(void *arg), void *arg);

#endif
