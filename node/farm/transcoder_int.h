#ifndef LP_NODE_FARM_TRANSCODER_INT_H
#define LP_NODE_FARM_TRANSCODER_INT_H
#include <uv.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "node/farm/transcoder.h"
#include "node/work/pool.h"
#include "protocol/peer_msg.h"

/*
 * What the files of the transcoder role share; nobody else includes it.
 *
 *	transcoder.c		the object: options, readiness, drain, status
 *	transcoder_uplink.c	the orchestrator: joining, proofs, load
 *	transcoder_task.c	a channel a task: input in, renditions out
 *	transcoder_lane.c	a pool of workers each: where a task runs, how fast it is
 */
struct blob;
struct farm_secret;
struct lane;
struct peer_channel;
struct peer_conn;
struct peer_keep;

#define LANES_MAX (1 + DEVICES_MAX)	/* the CPU first */

enum uplink_state {
	UPLINK_AWAY,	/* no connection, or we do not join yet */
	UPLINK_ASKED,	/* Join is said: the challenge is due, of a local one the accept */
	UPLINK_PROVEN,	/* our proof is said: the accept is due */
	UPLINK_MEMBER,
};

struct uplink {
	enum uplink_state state;
	bool local;
	char hostport[280];		/* "local" */
	struct peer_conn *conn;		/* NULL: none; a remote one's only once it is ready */
	struct peer_channel *ch;	/* the farm's */
	int64_t asked_ms;		/* when the answer that is due was asked for */
	struct msg_load told;		/* last */
	struct log_limit limit, refusal_limit;

	/* a remote one's */
	struct peer_keep *keep;		/* NULL before we are ready, and when local */
	char *address;			/* as the operator wrote it */
	struct eth_addr expect;
	bool has_expect;		/* by an option, a pin or the first answer */
	const struct farm_secret *secret;	/* borrowed */
	char *pins_path;
	uint8_t nonce_transcoder[32], nonce_orchestrator[32];
};

/* How fast is it?  A clip goes through as many workers as there are cores. */
struct measure {
	struct measure_job *jobs;	/* a core each; NULL: over, or not begun */
	unsigned n_jobs, n_running, n_started;
	uint64_t since_ms;		/* the first one's end; 0: not yet */
	double pixels, cpu_ms;
	struct err err;			/* why a task failed; ERR_NONE */
};

struct transcoder {
	uv_loop_t *loop;
	struct transcoder_opts opts;
	unsigned cores, slots;
	char hardware[96];
	struct lane *lanes[LANES_MAX];	/* owned */
	size_t n_lanes;
	struct blob *clip;		/* what the CPU is measured with */
	struct measure measure;
	uint64_t started_ms;
	bool ready, draining, closing;
	uv_timer_t tick;
	struct peer_ctx *peers;		/* borrowed; NULL: neither attached nor joining */
	struct uplink uplink;
	struct list tasks;		/* struct task.node */
	unsigned n_running;
	uint64_t n_done, n_failed, n_refused;
	double n_pixels;		/* encoded for it */
	struct log_limit task_limit;
};

/* ---- transcoder_lane.c ---- */
int lanes_open(struct transcoder *t, struct err *err);
void lanes_close(struct transcoder *t);
void lanes_free(struct transcoder *t);
/* Begin to measure; lanes_are_known tells when that is over. */
void lanes_measure(struct transcoder *t);
bool lanes_are_known(const struct transcoder *t);
void lanes_give_up_measuring(struct transcoder *t);	/* it takes too long */
uint64_t lanes_capacity(const struct transcoder *t);
void lanes_load(const struct transcoder *t, struct msg_load *load);
void lanes_status(const struct transcoder *t, struct buf *b);
void lanes_metrics(const struct transcoder *t, struct buf *b);

void lanes_tick(struct transcoder *t);	/* probes devices that are not up */

/* Where a task runs: a device, if it is for one and one has room, else the CPU; NULL: all
 * slots are taken.  It counts there until one of the two below. */
struct lane *lane_take(struct transcoder *t, const struct msg_task *m, bool cpu_only);
void lane_leave(struct lane *l, const struct msg_task *m);
/* It ended by itself.  pixels: encoded for it; busy_ms: from its whole input to its end. */
void lane_done(struct lane *l, const struct msg_task *m, double pixels,
	       const struct work_stats *st, unsigned busy_ms, const struct err *err);
struct work_pool *lane_pool(const struct lane *l);
bool lane_is_device(const struct lane *l);

/* ---- transcoder_uplink.c ---- */
void uplink_start(struct transcoder *t);	/* we are ready: dial, or say Join */
void uplink_tick(struct transcoder *t);	/* once a second: load, deadlines */
void uplink_tell_load(struct transcoder *t);	/* if it changed much */
void uplink_close(struct transcoder *t);
void uplink_free(struct transcoder *t);

/* ---- transcoder_task.c ---- */
void transcoder_task_open(struct transcoder *t, struct peer_channel *ch);
void transcoder_tasks_tick(struct transcoder *t);	/* deadlines of the input */
void transcoder_tasks_drop(struct transcoder *t);	/* their connection is gone */

#endif
