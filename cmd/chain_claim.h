#ifndef LP_CMD_CHAIN_CLAIM_H
#define LP_CMD_CHAIN_CLAIM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bind/jobs_manager.h"
#include "cmd/block_hash.h"
#include "cmd/chain_job.h"
#include "protocol/ranges.h"

/*
 * Claims on a job, put together from logs (chain_claim_logs.c) and storage, what can be done with
 * each now, and how that is said (chain_claim_words.c).  Functions that return int return an exit
 * code.
 */

enum claim_phase {
	CLAIM_WAITS,		/* which segments are challenged is not known yet */
	CLAIM_UNVERIFIED,	/* challenged segments are to be verified */
	CLAIM_JUDGED,		/* verdicts are awaited */
	CLAIM_MATURES,		/* nothing is to be done until it is payable */
	CLAIM_PAYABLE,
	CLAIM_MISSED,		/* a challenged segment was not verified in time: may be slashed */
	CLAIM_LOST,		/* its challenge can be had no more: refunded by who asks for it */
	CLAIM_VOID,
	CLAIM_PAID,
};
const char *claim_phase_name(enum claim_phase p);	/* in JSON: "unverified" */

struct chain_claim {
	uint64_t id;
	struct eth_addr transcoder;
	struct jobs_manager_claim k;
	struct jobs_manager_claim_params params;
	struct jobs_manager_new_claim_event made;	/* owned */
	struct ranges ranges;				/* owned */
	uint64_t verify_until, slash_until, payable_from;	/* blocks */
	bool settled;			/* no verdict on it can change */
	struct block_hash challenge;
	uint64_t *challenged;		/* owned; ascending; when the challenge is there */
	size_t n_challenged;
	uint64_t *unverified;		/* of those; owned */
	size_t n_unverified;
	struct jobs_manager_verified_batch *batches;	/* calls of verify, as a finder must show them; owned */
	size_t n_batches;
	uint64_t void_reason;		/* IJobsManager.VoidReason */
	struct u256 paid;		/* to the transcoder and its delegators */
	enum claim_phase phase;		/* what could be sent now */
};
struct chain_claims {
	struct chain_claim *k;		/* in the order they were made; owned */
	size_t n;
};
#define CLAIMS_MAX 2000			/* of one list */

/* Claims on a job, of one transcoder unless NULL. */
int claims_read(struct chain_claims *l, struct cli *c, const struct chain_job *job,
		const struct eth_addr *transcoder, struct err *err);
void claims_fini(struct chain_claims *l);
/* Exit code 3 when there is none. */
int claims_find(const struct chain_claim **claim, const struct chain_claims *l, uint64_t id,
		const struct chain_job *job, struct err *err);
/* Some of its verified segments have no verdict. */
bool claim_awaits_verdicts(const struct chain_claim *k);
const char *claim_void_words(uint64_t reason);
/* What it is, and until when; to has room for 200. */
void claim_words(char to[200], const struct chain_claim *k, const struct round_now *r);
struct jobs_manager_claim_ref claim_ref(const struct chain_job *job, const struct chain_claim *k);

#endif
