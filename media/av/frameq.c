#include "media/av/frameq.h"
#include <pthread.h>
#include <stdlib.h>
#include "base/mem.h"

struct frameq {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	AVFrame *ring[FRAMEQ_LEN];
	unsigned first, n;
	bool ended, aborted;
};

struct frameq *frameq_new(void)
{
	struct frameq *q = xcalloc(1, sizeof(*q));

	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->changed, NULL);
	return q;
}

void frameq_free(struct frameq *q)
{
	unsigned i;

	if (!q)
		return;
	for (i = 0; i < q->n; i++)
		av_frame_free(&q->ring[(q->first + i) % FRAMEQ_LEN]);
	pthread_cond_destroy(&q->changed);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

bool frameq_push(struct frameq *q, AVFrame *frame)
{
	bool taken;

	pthread_mutex_lock(&q->lock);
	while (q->n == FRAMEQ_LEN && !q->aborted)
		pthread_cond_wait(&q->changed, &q->lock);
	taken = !q->aborted;
	if (taken)
		q->ring[(q->first + q->n++) % FRAMEQ_LEN] = frame;
	/* One waiter at most: producer and consumer never wait at the same time. */
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
	if (!taken)
		av_frame_free(&frame);
	return taken;
}

AVFrame *frameq_pop(struct frameq *q)
{
	AVFrame *frame = NULL;

	pthread_mutex_lock(&q->lock);
	while (q->n == 0 && !q->ended && !q->aborted)
		pthread_cond_wait(&q->changed, &q->lock);
	if (q->n > 0 && !q->aborted) {
		frame = q->ring[q->first];
		q->first = (q->first + 1) % FRAMEQ_LEN;
		q->n--;
	}
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
	return frame;
}

void frameq_end(struct frameq *q)
{
	pthread_mutex_lock(&q->lock);
	q->ended = true;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

void frameq_abort(struct frameq *q)
{
	pthread_mutex_lock(&q->lock);
	q->aborted = true;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->lock);
}
