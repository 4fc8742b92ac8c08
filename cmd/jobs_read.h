#ifndef LP_CMD_JOBS_READ_H
#define LP_CMD_JOBS_READ_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bind/jobs_manager.h"
#include "bind/verifier.h"
#include "cmd/cli.h"
#include "cmd/round.h"
#include "protocol/claim.h"
#include "protocol/election.h"
#include "protocol/job_options.h"
#include "protocol/ranges.h"

/*
 * What the chain knows of jobs, elections and claims, put together for the commands: its
 * storage, its logs, and what follows from both.  Functions that return int return an exit
 * code, unless said otherwise.
 */

/* ---- a block's hash, as contracts can have it ---- */
enum hash_state {
	HASH_FUTURE,	/* its block, or the one after it, is still to be made: what is simulated on
			 * the newest block cannot have that one's own hash */
	HASH_RECENT,	/* in history, until block `until` */
	HASH_SEALED,	/* for good */
	HASH_LOST,	/* no contract can have it any more */
};
struct block_hash {
	uint64_t number, until;
	enum hash_state state;
	struct hash32 h;		/* when recent or sealed */
};
int block_hashes_read(struct cli *c, struct block_hash *b, size_t n, struct err *err);

/* ---- jobs ---- */
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

/* ---- claims ---- */
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
bool claim_awaits_verdicts(const struct chain_claim *k);
const char *claim_void_words(uint64_t reason);
/* What it is, and until when; to has room for 200. */
void claim_words(char to[200], const struct chain_claim *k, const struct round_now *r);
struct jobs_manager_claim_ref claim_ref(const struct chain_job *job, const struct chain_claim *k);

/* Verifiers drawn for a claim whose challenge is there: the same for all its batches. */
struct chain_draws {
	struct verifier_draw *d;	/* owned */
	size_t n;
	struct verifier_parameters p;
};
int draws_read(struct chain_draws *d, struct cli *c, const struct chain_job *job, const struct chain_claim *k,
	       struct err *err);
void draws_fini(struct chain_draws *d);

/* ---- words ---- */
/* "block 1234", and in about how long when that is known; "block 1234, passed". */
char *block_when(char to[100], const struct round_now *r, uint64_t block);
/* What segments cost: in gwei where ETH would be all zeros. */
char *fmt_eth(char to[100], const struct u256 *wei);
/* For --json only. */
void json_field(struct cli *c, const char *name, json_t *value);
/* Sequences are strings of digits: they may exceed what JSON's numbers are exact for. */
json_t *json_u64_text(uint64_t v);
json_t *json_sequences(const uint64_t *s, size_t n);
/* "3-9, 12" of a list that ascends. */
void fmt_sequences(char *to, size_t n, const uint64_t *s, size_t n_s);

#endif
