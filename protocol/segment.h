#ifndef LP_PROTOCOL_SEGMENT_H
#define LP_PROTOCOL_SEGMENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/eip712.h"
#include "base/hash.h"
#include "base/sig.h"
struct err;

/*
 * Signed segments, renditions and receipts as pure rules: what is signed and when
 * it holds.  All EIP-712 over the domain lpnode/1.  Any thread.
 * Source: whitepaper, sections Segments and Transcode Receipts; DESIGN 6.
 */

/* 40 hex of the origin's address + 32 hex random. */
#define STREAM_ID_LEN 72
struct stream_id {
	char s[STREAM_ID_LEN + 1];
};
struct stream_id stream_id_new(const struct eth_addr *origin);
int stream_id_parse(struct stream_id *id, const char *s, struct err *err);
struct eth_addr stream_id_origin(const struct stream_id *id);
bool stream_id_equal(const struct stream_id *a, const struct stream_id *b);

/* Segment(uint256 jobId,address transcoder,string streamId,uint64 sequence,
 * uint32 durationMs,bytes32 dataHash) */
struct signed_segment {
	uint8_t job_id[32];		/* uint256, big-endian; 0 off chain */
	struct eth_addr transcoder;
	struct stream_id stream;
	uint64_t sequence;
	uint32_t duration_ms;
	struct hash32 data_hash;	/* sha256 of the payload */
	struct sig65 sig;		/* by the broadcaster */
};
struct hash32 segment_digest(const struct signed_segment *s, const struct hash32 *domain);

/* Rendition(string streamId,string name,uint64 sequence,bytes32 sha256) */
struct signed_rendition {
	struct stream_id stream;
	char name[64];
	uint64_t sequence;
	struct hash32 data_hash;
	struct sig65 sig;		/* by the transcoder */
};
struct hash32 rendition_digest(const struct signed_rendition *r, const struct hash32 *domain);

/* Receipt(uint256 jobId,string streamId,uint64 sequence,bytes32 dataHash,
 * bytes32 transcodedHash,bytes broadcasterSig) */
struct receipt {
	uint8_t job_id[32];
	struct stream_id stream;
	uint64_t sequence;
	struct hash32 data_hash;
	struct hash32 transcoded_hash;
	struct sig65 broadcaster_sig;
	struct sig65 sig;		/* by the transcoder */
};
struct hash32 receipt_digest(const struct receipt *r, const struct hash32 *domain);

/* keccak256(sha256(rendition 0) || sha256(rendition 1) ...), in profile order. */
struct hash32 transcoded_hash(const struct hash32 *renditions, size_t n);

/* PeerIdentity(bytes32 staticKey,bytes32 transcript,uint8 side): side 0 dialled. */
struct hash32 peer_identity_digest(const uint8_t static_key[32], const struct hash32 *transcript,
				   uint8_t side, const struct hash32 *domain);

/*
 * What an orchestrator remembers of a stream to refuse a replay: the hashes of
 * the last SEEN_MAX sequences.  All zero is empty; its memory follows what is in it, for
 * most streams are short and many are remembered.
 */
#define SEEN_MAX 256
struct seen {
	struct seen_entry { uint64_t sequence; struct hash32 hash; } *e;	/* owned */
	size_t n, cap;
	uint64_t highest;
};
enum seen_verdict {
	SEEN_NEW,		/* never seen */
	SEEN_SAME,		/* the same bytes again: a retry, allowed */
	SEEN_EQUIVOCATION,	/* other bytes for this sequence: refuse, keep as evidence */
	SEEN_TOO_OLD,		/* below what is remembered */
};
enum seen_verdict seen_check(const struct seen *s, uint64_t sequence, const struct hash32 *hash);
void seen_add(struct seen *s, uint64_t sequence, const struct hash32 *hash);
void seen_fini(struct seen *s);

#endif
