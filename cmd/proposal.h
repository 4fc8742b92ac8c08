#ifndef LP_CMD_PROPOSAL_H
#define LP_CMD_PROPOSAL_H
#include "bind/livepeer_governor.h"
#include "cmd/round.h"

/*
 * Proposals as the Governor tells them: what was proposed (its event), and where that stands.
 * Their clock counts rounds: the stakes of round `snapshot` vote, in the rounds after it up to
 * `deadline`.
 */
enum proposal_state {		/* IGovernor.ProposalState */
	PROPOSAL_PENDING, PROPOSAL_ACTIVE, PROPOSAL_CANCELED, PROPOSAL_DEFEATED, PROPOSAL_SUCCEEDED,
	PROPOSAL_QUEUED, PROPOSAL_EXPIRED, PROPOSAL_EXECUTED, N_PROPOSAL_STATES
};

struct proposal {
	struct livepeer_governor_proposal_created_event e;	/* owned */
	char id[U256_DEC_MAX];
	struct hash32 description_hash;
	/* by proposals_read_state */
	enum proposal_state state;
	uint64_t snapshot, deadline;	/* rounds */
	uint64_t eta;			/* second since 1970, when it may be executed; 0: not queued */
	struct u256 votes[3];		/* against, for, abstaining */
	struct u256 quorum;
	bool has_quorum;		/* it is known once the snapshot's round is over */
	bool voted;			/* the account asked for has */
};

struct proposals {
	struct proposal *p;		/* oldest first */
	size_t n;
};
/* Those proposed in blocks from..head; their states are read for the newest PROPOSALS_MAX alone,
 * which are all that are kept; *older: how many were left out.  Exit code. */
#define PROPOSALS_MAX 100
int proposals_read(struct cli *c, struct proposals *l, uint64_t from, size_t *older, struct err *err);
void proposals_fini(struct proposals *l);
/* A number, 0x and hex digits, or the first digits of a number that no other begins with: of the
 * last rounds, else of all.  l->p[*i].  Exit code. */
int proposal_find(struct cli *c, struct proposals *l, size_t *i, const char *text, const struct round_now *r,
		  struct err *err);
/* The first block of the last PROPOSAL_ROUNDS rounds. */
#define PROPOSAL_ROUNDS 60
uint64_t proposals_since(const struct round_now *r);

const char *proposal_state_name(enum proposal_state s);		/* "active" */
/* "voting until round 24 ends ..."; to has room for 300. */
char *proposal_words(char to[300], const struct proposal *p, const struct cli *c, const struct round_now *r);
void proposal_show(struct cli *c, const struct proposal *p, const struct round_now *r);
json_t *proposal_json(const struct cli *c, const struct proposal *p, const struct round_now *r);
/* Finds and shows one, to JSON as "proposal".  Exit code. */
int proposal_show_one(struct cli *c, const char *text, const struct round_now *r, struct err *err);
/* The same of one to which a transaction did something: later blocks are there than when the
 * command began. */
int proposal_tell(struct cli *c, const struct u256 *id, struct err *err);

#endif
