#ifndef LP_PROTOCOL_CLAIM_H
#define LP_PROTOCOL_CLAIM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/hash.h"
#include "base/sig.h"
#include "base/u256.h"
struct buf;
struct err;

/*
 * What a transcoder claims and proves on chain, computed as eth/contracts/JobsManager.sol
 * does: receipts of segments, leaves, hashes, which segments are challenged.  Pure.  Any
 * thread.
 * Source: docs/contracts.md 5 and 6; vectors: test/vectors/claims.json.
 */

/* What is the same for all of a claim's segments. */
struct claim_job {
	struct u256 job_id;
	struct eth_addr broadcaster, transcoder;
	struct hash32 stream_id_hash;	/* keccak256 of its text, which may be any */
	struct hash32 domain;		/* eip712_domain_hash */
	uint32_t max_segment_ms;
};

/* One receipt: what VerifySegment of IJobsManager is. */
struct claim_segment {
	uint64_t sequence;
	uint32_t duration_ms;
	struct hash32 data_hash, transcoded_hash;
	struct sig65 broadcaster_sig;	/* over Segment(...) */
	struct sig65 transcoder_sig;	/* over Receipt(...) */
};

/* {"sequence", "durationMs", "dataHash", "transcodedHash", "broadcasterSig",
 * "transcoderSig"}: numbers, or strings of digits for what exceeds 2^53; hex with 0x.  Other
 * members are passed over.  Fails with ERR_INVALID naming the field, ERR_LIMIT. */
#define CLAIM_LINE_MAX 4096
int claim_segment_parse(struct claim_segment *s, const char *line, size_t len, struct err *err);
void claim_segment_fmt(struct buf *b, const struct claim_segment *s);

struct hash32 claim_segment_digest(const struct claim_segment *s, const struct claim_job *j);
struct hash32 claim_receipt_digest(const struct claim_segment *s, const struct claim_job *j);
/* The same checks as the chain's: length, both signatures.  Fills the leaf in the claim's tree
 * (NULL: not wanted).  Fails with ERR_INVALID, ERR_DENIED saying who signed. */
int claim_segment_check(const struct claim_segment *s, const struct claim_job *j,
			struct hash32 *leaf, struct err *err);

/* keccak256(abi.encode(list of (sequence, dataHash, transcodedHash))): what verifiers judge. */
struct hash32 claim_work_hash(const struct claim_segment *s, size_t n);
/* keccak256(abi.encode(JobDetails)) */
struct job_details {
	struct hash32 stream_id_hash, options_hash;
	uint32_t max_segment_ms;
	struct hash32 plant_commitment;
	struct eth_addr broadcaster;
	struct u256 segment_fee;	/* wei */
};
struct hash32 job_details_hash(const struct job_details *d);
/* What the chain keeps of a claim: the first 23 bytes. */
void claim_content(uint8_t to[23], const struct hash32 *root, const void *ranges, size_t n_ranges);

/* Is the segment of a claim of this block to be verified?  hash: of the block after it. */
bool claim_is_challenged(uint64_t claim_block, const struct hash32 *hash, uint64_t sequence,
			 uint32_t rate);

/* Verdicts: two bits a segment, lowest first. */
enum claim_answer { ANSWER_PASS, ANSWER_FAIL, ANSWER_INVALID_INPUT, ANSWER_UNAVAILABLE };
#define CLAIM_BATCH_MAX 64

#define OPENING_SIZE 147
#define STATEMENT_SIZE 67
/* One verifier's answer to a batch, as IVerifierSeats packs it. */
struct claim_opening {
	struct hash32 work;		/* to which batch it belongs */
	uint16_t k;			/* the draw */
	struct u256 answers;		/* at most 128 bits */
	struct hash32 work_hash, salt;
	struct sig65 sig;
};
/* {"work", "k", "answers", "workHash", "salt", "signature"}, answers a number or digits; of a
 * statement only "work", "k", "signature". */
int claim_opening_parse(struct claim_opening *o, const char *line, size_t len, bool statement,
			struct err *err);
void claim_opening_pack(struct buf *b, const struct claim_opening *o, bool statement);
/* Who signed the Verdict, or the Stored, of a claim.  Fails as sig_recover.
 *
 * Verdict(uint256 jobId,address transcoder,uint32 claimId,bytes32 work,bytes32 commitment) names
 * its signer in the commitment, so who is thought to have signed must be given. */
int claim_opening_check(const struct claim_opening *o, const struct claim_job *j, uint32_t claim_id,
			const struct eth_addr *holder, bool statement, struct err *err);

#endif
