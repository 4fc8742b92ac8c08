#ifndef LP_PROTOCOL_ELECTION_H
#define LP_PROTOCOL_ELECTION_H
#include <stddef.h>
#include <stdint.h>
#include "base/hash.h"
#include "base/sig.h"

/*
 * Who may work on a job, in order: stake-weighted rendezvous hashing, computed to the
 * bit as eth/contracts/lib/Election.sol does, so that every node and the chain have
 * the same list.  With u uniform, -log2(u) / stake is smallest for each candidate with
 * a chance in proportion to its stake.  Integers only.  Pure.  Any thread.
 * Source: docs/contracts.md 5; DESIGN 6.  Vectors: test/vectors/election.json.
 */

/* -log2 in Q64: 0 to 2^72. */
struct election_log {
	uint64_t hi, lo;
};

/* floor(L x 2^96 / stake): below 2^169, most significant limb first. */
struct election_score {
	uint64_t limb[3];
};

struct election_candidate {
	struct eth_addr addr;
	uint8_t stake[12];		/* of the job's round: base units of LPT, big-endian */
	struct election_score score;	/* filled by election_rank */
};

/* h: 32 bytes, big-endian.  The algorithm is the definition, not the real number. */
struct election_log election_neg_log2(const uint8_t h[32]);

/*
 * Orders candidates, best first: by score, ties to the lower address.  Their place is
 * their rank.
 *
 * seed: hash of the block after the job's.  job_id: uint256, big-endian.
 * Candidates without stake are dropped.  Returns how many are left, at the start of c.
 */
size_t election_rank(struct election_candidate *c, size_t n, const struct hash32 *seed,
		     const uint8_t job_id[32]);

#endif
