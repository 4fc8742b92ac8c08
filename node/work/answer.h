#ifndef LP_NODE_WORK_ANSWER_H
#define LP_NODE_WORK_ANSWER_H
#include <stddef.h>
#include <stdint.h>
#include "node/work/pool.h"
#include "protocol/peer_msg.h"
struct err;

/*
 * Reads what a worker process sends.  The worker has decoded foreign media, so its
 * bytes are foreign too: whatever is out of order, too large, too many or not what
 * the task asked for is refused, and the worker with it.  Pure: bytes in, results
 * out.
 *
 * Renditions take turns: a header names the one whose bytes follow, and how many of
 * it came before; each begins once and goes on where it was.  Memory: the renditions
 * kept, at most 32 MiB each and four times that together (buffers that grow reserve up to
 * twice as much); or nothing of them when pieces are passed on.
 */
struct answer;

enum answer_event {
	ANSWER_MORE,	/* nothing is complete yet */
	ANSWER_HELLO,	/* the worker is ready; comes once, first */
	ANSWER_DONE,	/* the task is over: answer_take */
};

/* What a task came to.  r[] is filled when done.code is 0, one for each output
 * asked for, in that order. */
struct work_result {
	struct msg_task_done done;	/* its reason is printable ASCII */
	struct work_rendition r[PROFILES_MAX];	/* holds a reference to each data, if kept */
	size_t n;
};
void work_result_free(struct work_result *r);

struct answer *answer_new(void);
void answer_free(struct answer *a);

/* Bytes of a rendition, hashed, in order; from inside answer_feed.  It must not call
 * this module. */
typedef void answer_piece_cb(void *arg, size_t index, const uint8_t *data, size_t len);

/* A task was sent on this channel; the worker is idle (after HELLO or DONE).  piece:
 * gets the renditions' bytes as they come, and the result has none; NULL: kept. */
void answer_expect(struct answer *a, const struct msg_task *task, uint32_t channel,
		   answer_piece_cb *piece, void *arg);

/*
 * Take len bytes.  At most one event is in them: a worker says nothing unasked.
 * Fails with ERR_INVALID or ERR_LIMIT when the worker breaks a rule; it must be
 * killed then.
 */
int answer_feed(struct answer *a, const uint8_t *data, size_t len, enum answer_event *event,
		struct err *err);

/* After ANSWER_DONE: the result, given to the caller. */
struct work_result *answer_take(struct answer *a);

#endif
