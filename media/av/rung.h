#ifndef LP_MEDIA_AV_RUNG_H
#define LP_MEDIA_AV_RUNG_H
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "media/av/ladder.h"
struct AVCodecParameters;
struct AVFrame;
struct AVPacket;
struct encoder;
struct frameq;
struct input;
struct scaler;

/* What the rungs of a job and the thread that collects their work share. */
struct rung_hub {
	atomic_bool stop;		/* somebody failed, or nobody wants it any more */
	pthread_mutex_t lock;		/* for what rungs have made */
	pthread_cond_t changed;		/* a rung has finished a GOP, or all, or failed */
};

/*
 * One rendition in the making: rate conversion, scaling, encoding.  Rungs
 * form a tree: each scales from the next larger one (its parent) where that costs
 * no quality, else from the source, and hands its scaled pictures to its children
 * before it encodes them.  Before a rung with a thread of its own is a bounded queue;
 * else it is a call; the bytes are the same, because each rung sees the same
 * pictures in the same order.
 *
 * Whoever gives a picture scales it: it is still in the cache there, and what waits
 * in the queue is the smaller one (10 MB less for a source of 1080p).
 */
struct rung {
	/* given */
	const struct ladder_rung *spec;	/* borrowed */
	size_t index;			/* in the caller's list */
	const char *preset;		/* borrowed */
	const struct input *in;		/* borrowed; only what is fixed once it has begun */
	struct rung *parent;		/* NULL: scales from the source */
	struct rung *children[LADDER_MAX];
	size_t n_children;
	uint64_t cpu_limit_us;
	struct rung_hub *hub;		/* borrowed */

	/* at work, by whoever gives pictures */
	struct scaler *scaler;		/* owned */
	struct AVFrame *held;		/* rate conversion: waits for its successor */
	int64_t origin, held_tick;	/* pts of tick 0; tick of the held picture */
	struct AVFrame *last_in, *last_out;	/* a repeated picture is scaled once */
	uint64_t give_us;		/* of CPU */

	/* at work, in the thread of its own where it has one */
	struct frameq *queue;		/* owned; NULL without threads */
	pthread_t thread;
	struct encoder *encoder;	/* owned; opened by the first picture */
	uint64_t cpu_us;

	/* made, under the hub's lock */
	struct AVPacket **pkt;		/* not yet collected */
	size_t n, cap;
	bool news;			/* collecting is worth it */
	bool done;			/* nothing follows */

	/* once it is done */
	bool failed, give_failed;
	struct err err, give_err;	/* each written by one thread */
};

void rung_init(struct rung *r);
void rung_fini(struct rung *r);

/* Give a picture (borrowed) of the source to a rung without parent, or of the
 * parent to a child: always from the same thread.  Scales it, and queues it where
 * there is a queue.  -1: rung_error says why, or the whole stops. */
int rung_give(struct rung *r, const struct AVFrame *frame);

/* The source has ended: finish, and end the children.  Without threads all is made
 * when this returns. */
void rung_end(struct rung *r);

/* What a rung's thread runs; it ends after rung_end or a stop. */
void rung_work(struct rung *r);

/* Why it failed, NULL if it did not.  Borrowed; once all threads are joined. */
const struct err *rung_error(const struct rung *r);

/* The stream's parameters, once there is a packet.  Borrowed until rung_fini. */
const struct AVCodecParameters *rung_params(const struct rung *r);

#endif
