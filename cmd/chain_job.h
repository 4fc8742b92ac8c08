#ifndef LP_CMD_CHAIN_JOB_H
#define LP_CMD_CHAIN_JOB_H
#include <stddef.h>
#include <stdint.h>
#include "bind/jobs_manager.h"
#include "cmd/block_hash.h"
#include "cmd/cli.h"
#include "cmd/round.h"
#include "protocol/claim.h"
#include "protocol/election.h"
#include "protocol/job_options.h"

/*
 * What the chain knows of a job and who is elected for it, put together for the commands: its
 * storage, its logs, and what follows from both.  Functions that return int return an exit code,
 * unless said otherwise.
 */

struct chain_job {
	uint64_t id;
	struct jobs_manager_job j;
	struct jobs_manager_new_job_event made;		/* owned */
	struct job_options options;
	struct jobs_manager_claim_params params;	/* of the job: claimPeriod is this one's */
	uint64_t claims_until;				/* last block in which claims are taken */
	struct u256 segment_fee;			/* wei */
};
/* "17"; err names the argument. */
int job_id_parse(uint64_t *id, const char *text, struct err *err);
/* Exit code 3 when there is no such job. */
int job_read(struct chain_job *job, struct cli *c, uint64_t id, struct err *err);
/* The job of an argument, and the round: what most commands about a job begin with. */
int job_arg(struct chain_job *job, struct round_now *r, struct cli *c, const char *text, struct err *err);
void job_fini(struct chain_job *job);
struct job_details job_details(const struct chain_job *job);
/* What a transcoder's receipts on it are checked by. */
struct claim_job job_claim_job(const struct chain_job *job, const struct cli *c, const struct eth_addr *transcoder);

/* Who may work on it, best first.  Nobody while the seed is not there. */
struct chain_election {
	struct block_hash seed;
	struct election_candidate *c;			/* owned */
	size_t n;
};
int election_read(struct chain_election *e, struct cli *c, const struct chain_job *job, struct err *err);
void election_fini(struct chain_election *e);
/* -1: it was not eligible. */
int election_rank_of(const struct chain_election *e, const struct eth_addr *who);

#endif
