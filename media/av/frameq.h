#ifndef LP_MEDIA_AV_FRAMEQ_H
#define LP_MEDIA_AV_FRAMEQ_H
#include <stdbool.h>
#include <libavutil/frame.h>

/*
 * A bounded queue of pictures between two threads, one producer and one consumer.
 * A full queue makes the producer wait; closing it from either side wakes both.
 * Each picture of 1080p that waits is 3 MB; two instead of four cost 8 % more CPU time,
 * eight bring nothing.
 */
#define FRAMEQ_LEN 4

struct frameq;

struct frameq *frameq_new(void);
void frameq_free(struct frameq *q);	/* frees what is still in it */

/* Takes frame, also on failure.  false: the consumer is gone. */
bool frameq_push(struct frameq *q, AVFrame *frame);
/* Gives the next frame; NULL when the producer ended and all is taken, or on abort. */
AVFrame *frameq_pop(struct frameq *q);
/* No more pushes: what is in the queue can still be popped. */
void frameq_end(struct frameq *q);
/* Neither side goes on: pushes fail, pops give NULL. */
void frameq_abort(struct frameq *q);

#endif
