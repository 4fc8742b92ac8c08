#ifndef LP_MEDIA_AV_JOB_H
#define LP_MEDIA_AV_JOB_H
#include <stdbool.h>
#include <stddef.h>
#include "media/av/ladder.h"
#include "media/av/outlet.h"
#include "media/av/plan.h"
#include "media/av/rung.h"
struct AVFrame;
struct err;
struct input;

/*
 * The rungs of one segment at work, from its pictures to the pieces of its
 * renditions.  One thread gives the pictures and gets the pieces; with threads each
 * rung works in one of its own.
 */
struct job {
	struct rung *rungs;		/* in the caller's order */
	struct outlet *outlets;		/* the same */
	bool ended[LADDER_MAX];		/* the rendition has been handed on whole */
	size_t n, n_ended;
	struct plan plan;
	struct rung_hub hub;
	size_t n_threads;		/* started and not joined, of plan.order */
};

/* spec: borrowed until job_free, as in, which has begun. */
struct job *job_new(const struct ladder_spec *spec, const struct input *in, ladder_sink *sink,
		    void *arg);
/* Stops what runs. */
void job_free(struct job *j);

/* A thread each for the heaviest rungs, at most max; the others are worked on by the thread
 * that gives them pictures.  Fails with ERR_INTERNAL. */
int job_start_threads(struct job *j, unsigned max, struct err *err);
/* A picture of the source; waits for rungs that are behind. */
int job_give(struct job *j, const struct AVFrame *frame, struct err *err);
/* Hand on what is whole so far. */
int job_deliver(struct job *j, struct err *err);
/* No picture follows and the input has ended: wait for the rungs, hand on all. */
int job_end(struct job *j, struct err *err);
/* After a failure of any of these: stop, and replace err by the reason of the rung
 * that failed first in the caller's order, if one did.  Returns -1. */
int job_fail(struct job *j, struct err *err);

#endif
