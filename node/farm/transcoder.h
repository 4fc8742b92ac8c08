#ifndef LP_NODE_FARM_TRANSCODER_H
#define LP_NODE_FARM_TRANSCODER_H
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/sig.h"
struct buf;
struct err;
struct farm_secret;
struct peer_ctx;
struct work_pool;

/*
 * The transcoder role: takes tasks from one orchestrator, in this process behind a
 * socketpair or elsewhere behind the peer wire, and has its worker processes do
 * them: a pool on the CPU, and one for each GPU (lanes).  Measures at start how many
 * pixels a second it encodes, corrects that while it works, and tells it with its
 * load once a second.  A task that a lane loses is answered as failed: retrying is
 * the farm's affair, so a bad input is not tried twice at each place.
 *
 * Connection lost: what runs for it is stopped, and it is dialled again with
 * back-off.  Loop thread.
 */
struct transcoder;

struct transcoder_opts {
	unsigned n_cpu;			/* cores to count with; 0: all */
	unsigned slots;			/* tasks at once; 0: twice the cores, at least 4 */
	const char *const *devices;	/* "nvidia:0", "vaapi:/dev/dri/renderD128", "qsv:..."; NULL-ended
					 * or NULL; borrowed */
	unsigned device_sessions;	/* renditions at once a device; 0: what its probe found */
	uint64_t max_pixels;
	uint64_t capacity;		/* pixels a second instead of a measurement; 0: measure */
	bool confine;
	const char *codec_profile;	/* borrowed */
};

/* Worker processes for so many slots asked for (0: the default above). */
unsigned transcoder_slots(unsigned asked);

/* Starts its pools, and measures.  Fails with ERR_IO, ERR_INVALID (a device that is none). */
struct transcoder *transcoder_new(uv_loop_t *loop, const struct transcoder_opts *opts,
				  struct err *err);
/* Workers are up and the capacity is known (true also when that took too long). */
bool transcoder_is_ready(const struct transcoder *t);

/* The orchestrator in this process, behind a socketpair end (taken).  Joins when ready. */
int transcoder_attach(struct transcoder *t, struct peer_ctx *peers, int fd, struct err *err);
/*
 * One elsewhere: dialled when ready, again whenever lost.  expect: who must answer there,
 * or NULL: whoever answered first, remembered in the file pins_path (copied); a
 * different one later is refused, loudly.  secret: borrowed.
 */
int transcoder_join(struct transcoder *t, struct peer_ctx *peers, const char *hostport,
		    const struct eth_addr *expect, const struct farm_secret *secret,
		    const char *pins_path, struct err *err);
bool transcoder_is_joined(const struct transcoder *t);

/* Finish what runs, tell the orchestrator, take no more. */
void transcoder_drain(struct transcoder *t);
bool transcoder_is_idle(const struct transcoder *t);
void transcoder_close(struct transcoder *t);
void transcoder_free(struct transcoder *t);	/* after the loop ran dry */

/* Its workers on the CPU, for /status. */
const struct work_pool *transcoder_pool(const struct transcoder *t);
/* JSON object for /status and metrics (appended). */
void transcoder_status(const struct transcoder *t, struct buf *b);
void transcoder_metrics(const struct transcoder *t, struct buf *b);

#endif
