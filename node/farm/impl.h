#ifndef LP_NODE_FARM_IMPL_H
#define LP_NODE_FARM_IMPL_H
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/sig.h"
#include "node/farm/choose.h"
#include "node/farm/farm.h"
#include "node/farm/tries.h"
#include "node/peer/conn.h"

/*
 * What the files of node/farm/farm.h share; nobody else includes it.
 *
 *	farm.c		the turn of things: deadlines, whose turn it is, ends
 *	member.c	who has joined, and what it is worth
 *	attempt.c	one task at one member: the channel between them
 *	task.c		a task's states, its tries and its end
 *	verify.c	a stranger's renditions, on the thread pool
 *	report.c	status and metrics
 *	choose.c, tries.c, intake.c, check.c, join.c: pure
 *
 * Re-entrancy: whatever happens only changes state and calls farm_kick.  Tasks are
 * given out and their ends told from one timer's callback (farm.c, on_turn); only
 * farm_cb.piece is called elsewhere, as the last thing of a channel's callback.
 */
#define LOGS_A_MINUTE 60
#define WARM_MAX 64
#define BUSY_MS 200
#define RECORDS_MAX (2 * FARM_MEMBERS_MAX)

struct intake;
struct verify;

/* What is remembered of a transcoder's address, also when it goes and comes back. */
struct record {
	struct list_node node;
	struct eth_addr addr;
	unsigned n_members;		/* joined now by this address; 0: may be forgotten */
	uint64_t n_done, n_failed, n_lied, n_late, n_lost;	/* tasks */
	unsigned n_late_in_a_row;
	uint64_t penalty_ms;		/* of the last lie, less with each good answer */
	uint64_t suspended_until;	/* loop time */
	struct speed speed;
};

enum member_state {
	MEMBER_JOINING,		/* its proof, or (local) its first load, has not come */
	MEMBER_READY,
};

/* A stream whose worker a member has. */
struct warm {
	uint64_t key;		/* hash of the stream's */
	uint64_t at;		/* last used, loop time; 0: empty */
};

struct member {
	struct list_node node;		/* of farm.joining, then farm.members */
	struct farm *farm;
	struct peer_conn *conn;		/* borrowed */
	struct peer_channel *ch;	/* the one it joined by */
	bool local, draining;
	enum member_state state;
	char name[64];
	struct eth_addr addr;		/* proven; zero when local */
	uint64_t serial;		/* its name with tasks, which may outlive it */
	struct record *rec;		/* NULL until it has joined */
	uint8_t nonce[32];		/* ours */
	uint64_t join_by;		/* joining: loop time */
	struct msg_load load;		/* the last */
	uint64_t avoid_until;		/* it was busy; loop time */
	uint64_t turn;			/* when it was last chosen, a count */
	struct list attempts;		/* struct attempt.node */
	unsigned n_running;		/* of them */
	struct warm warm[WARM_MAX];
	struct log log;
};

/* A task at a member. */
struct attempt {
	struct list_node node;
	struct member *m;
	struct farm_task *t;
	struct peer_channel *ch;	/* NULL once closed by the member */
	struct intake *in;
	size_t n_sent;			/* bytes of the input */
	bool paused;			/* until on_drain */
	bool end_sent;
	bool early;			/* begun before the input was whole */
	uint64_t started_at, deadline_at;	/* loop time */
	double claimed_ms;		/* by the member's capacity and what it had to do */
};

/* Those who feed one stream of tasks. */
struct stream {
	struct list_node node;		/* of farm.streams while something waits */
	struct list waiting;		/* struct farm_task.queue */
	char key[128];
	uint64_t hash;
	unsigned n_tasks;		/* the last one frees us */
	unsigned n_running;
	struct list_node all;
};

enum task_state {
	TASK_COLLECTING,	/* its input is not whole, nobody is at it */
	TASK_WAITING,		/* its input is whole: in its stream's queue, or in retries */
	TASK_RUNNING,		/* at a member */
	TASK_CHECKING,		/* what came back is being looked at */
	TASK_ENDED,		/* its end will be told in the next turn */
};
#define N_TASK_STATES (TASK_ENDED + 1)

struct farm_task {
	struct list_node node;		/* of farm.tasks */
	struct list_node queue;		/* waiting: stream.waiting or farm.retries; ended: farm.ended */
	struct farm *farm;
	struct stream *stream;
	enum task_state state;
	struct msg_task msg;
	struct farm_cb cb;
	void *arg;
	bool cancelled, telling;	/* its end is being told */
	bool may_be_early, whole;
	double fps;
	uint32_t expected_ms;
	double pixels, rate;		/* to be made; a second, in real time */
	struct buf input;
	size_t len;			/* fed, also when input is gone */
	struct farm_source src;		/* once whole */
	uint64_t whole_at, deadline_at;	/* loop time, once whole */
	bool was_started;
	struct tries tries;
	uint64_t avoid;			/* serial of the member that failed it; 0: none */
	struct attempt *attempt;	/* running */
	struct verify *verify;		/* checking */

	/* What it came to, or did last. */
	struct farm_done done;
	bool has_verdict;		/* err is one, of the member avoid */
	struct err err;			/* ERR_NONE: well */
	struct intake *result;		/* owned; what came back */
	uint64_t worker;		/* serial of who made it, */
	struct eth_addr worker_addr;
	bool worker_is_local;
	double claimed_ms, actual_ms;	/* 0: says nothing about its speed */
	struct farm_rendition out[PROFILES_MAX];	/* data borrowed from result */
};

enum task_end { END_DONE, END_BAD_INPUT, END_TIMEOUT, END_FAILED, END_CANCELLED };
#define N_TASK_ENDS (END_CANCELLED + 1)

struct farm {
	uv_loop_t *loop;
	struct farm_opts opts;
	uv_timer_t timer;		/* on_turn: at once when kicked, else at the next deadline */
	bool closing, closed;
	struct list locals;		/* connections of our own */
	struct list joining, members;	/* struct member.node */
	unsigned n_joining, n_members;
	struct list records;		/* struct record.node, least lately used first */
	unsigned n_records;
	uint64_t last_serial, last_turn;
	struct list tasks, retries, ended;
	struct list streams;		/* that have tasks waiting: whose turn is next, first */
	struct list all_streams;
	unsigned n_in_state[N_TASK_STATES];
	void (*changed)(void *arg);
	void *changed_arg;
	struct farm_room told;		/* what changed was last called for */
	uint64_t n_ends[N_TASK_ENDS];
	uint64_t n_retries, n_losses, n_lies, n_late, n_busy, n_early, n_joined, n_refused;
	struct log_limit log_limit;	/* tries that fail, suspensions, refusals */
	struct log_limit life_limit;	/* who comes and goes */
};

/* farm.c */
void farm_kick(struct farm *f);

/* member.c */
void member_join(struct farm *f, struct peer_conn *c, struct peer_channel *ch, bool local,
		 const uint8_t *data, size_t len);
void member_gone(struct member *m, const struct err *why);
void member_close(struct member *m);		/* without a word about it */
void member_expire_joining(struct farm *f, uint64_t now);
bool member_is_up(const struct member *m, uint64_t now);
/* Is there one that is up, besides the one with this serial? */
bool member_has_others(const struct farm *f, uint64_t serial);
void member_heat(struct member *m, uint64_t key);
bool member_is_warm(const struct member *m, uint64_t key);
void member_cool(struct member *m, uint64_t key);
/* How a task ended there, by serial and address: it may be gone. */
void member_judge(struct farm *f, uint64_t serial, const struct eth_addr *addr, enum outcome o,
		  const struct err *why);
struct record *record_find(struct farm *f, const struct eth_addr *addr);

/* attempt.c */
/* What choose.h has to know of a member, for a task of t's stream (may be NULL). */
void attempt_load(const struct member *m, const struct farm_task *t, struct choice_member *out);
/* False: it cannot be given there now. */
bool attempt_start(struct farm_task *t, struct member *m);
void attempt_pump(struct attempt *a);
void attempt_set_deadline(struct attempt *a);
/* Ends it, and tells the task unless tell is false. */
void attempt_end(struct attempt *a, enum outcome o, const struct err *why);
void attempt_drop(struct attempt *a);		/* the task does not want it any more */

/* task.c */
void task_set_state(struct farm_task *t, enum task_state s);
void task_attempt_over(struct farm_task *t, enum outcome o, const struct err *why);
void task_verified(struct farm_task *t, const struct err *err);
void task_end(struct farm_task *t, const struct err *err);	/* NULL: done */
void task_tell(struct farm_task *t);		/* its end; frees it */

/* verify.c: takes t's input for the while; ends in task_verified unless cancelled. */
void verify_start(struct farm_task *t);
void verify_cancel(struct verify *v);

#endif
