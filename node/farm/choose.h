#ifndef LP_NODE_FARM_CHOOSE_H
#define LP_NODE_FARM_CHOOSE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which transcoder gets a task: the one with the earliest expected finish, or, while
 * that is not clearly earlier, the one that has the stream's worker warm; among
 * equals the one that has waited longest.  And how much a transcoder's own claims
 * are worth.  Numbers in, a number out.  Pure.
 */
struct choice_member {
	bool usable;		/* may be given this task at all */
	bool warm;		/* has done this stream lately */
	unsigned slots, running;	/* tasks */
	uint64_t capacity;	/* pixels a second, as it says */
	double outstanding;	/* pixels of its tasks still to be made */
	double rate;		/* pixels a second that its streams need, in real time */
	double slowness;	/* measured time / expected time */
	double lateness_ms;	/* what slowness, being bounded, does not explain */
	int rtt_us;		/* -1: unknown */
	uint64_t turn;		/* when it was last chosen, a count */
};
struct choice_task {
	double pixels;		/* to be made */
	double rate;		/* pixels a second of its stream, in real time */
	bool early;		/* its input is not whole: only where there is room to spare */
};

/* Index, or -1: nobody now. */
int choose_member(const struct choice_member *m, size_t n, const struct choice_task *t);

/* When it would be done there, from now, as the member's capacity alone has it. */
double choose_claimed_ms(const struct choice_member *m, double pixels);
/* The same, by what was measured. */
double choose_expected_ms(const struct choice_member *m, double pixels);

/* What a member's claims are worth.  Born as speed_new; a plain value. */
struct speed {
	double slowness;	/* moving average, SPEED_MIN..SPEED_MAX */
	double lateness_ms;	/* moving average, 0..LATENESS_MAX_MS */
};
#define SPEED_MIN 0.25
#define SPEED_MAX 8.0
#define LATENESS_MAX_MS 20000.0
extern const struct speed speed_new;
/* A task that was claimed to take so long took that long. */
void speed_measure(struct speed *s, double claimed_ms, double actual_ms);
/* Time passes in which it has nothing to do: one that was slow once is tried again. */
void speed_forget(struct speed *s);

#endif
