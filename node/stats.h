#ifndef LP_NODE_STATS_H
#define LP_NODE_STATS_H
#include <stdint.h>
#include "base/prom.h"
struct buf;

/*
 * What a node counts.  One struct, owned by the node, handed to the roles that
 * count; printed by the admin port as Prometheus text with the family's names
 * (facts/go-livepeer.md 6c) where the meaning is the same.  Loop thread.
 */

/* Milliseconds in logarithmic buckets, 8 to each doubling: within 9 % of the truth. */
#define HIST_BUCKETS 160
struct hist {
	uint64_t n[HIST_BUCKETS];
	uint64_t count;
	double sum_ms, max_ms;
};
void hist_add(struct hist *h, double ms);
/* q in 0..1; 0 when nothing was added. */
double hist_quantile(const struct hist *h, double q);

struct stats {
	/* broadcaster */
	uint64_t streams_created, streams_started, streams_ended;
	uint64_t publish_refused;
	uint64_t segments_source;		/* appeared */
	uint64_t segments_untranscodable;
	uint64_t segments_uploaded, upload_failed;
	uint64_t renditions_in, renditions_lost;
	uint64_t segments_complete;		/* all renditions there */
	uint64_t transcode_retried, orchestrator_swaps, orchestrator_lies;
	uint64_t hedges, hedges_won;		/* second tries beside a late first one */
	uint64_t segments_refused_input;	/* orchestrators agree: it cannot be decoded */
	struct hist source_duration, transcode_time, segment_total, node_overhead, webhook_time;
	double media_ms, transcode_ms;		/* sums: the realtime ratio */
	/* orchestrator */
	uint64_t sessions_opened, sessions_refused;
	uint64_t segments_in, segments_refused, segments_done, segments_failed;
	uint64_t segments_early;		/* work began before they were whole */
	uint64_t equivocations;
	struct hist worker_time, after_trailer;
};

void prom_hist(struct buf *b, const char *name, const char *help, const struct hist *h);

#endif
