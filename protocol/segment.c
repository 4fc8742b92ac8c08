#include "protocol/segment.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/secret.h"

#define SEGMENT_TYPE "Segment(uint256 jobId,address transcoder,string streamId,uint64 sequence," \
		     "uint32 durationMs,bytes32 dataHash)"
#define RENDITION_TYPE "Rendition(string streamId,string name,uint64 sequence,bytes32 sha256)"
#define RECEIPT_TYPE "Receipt(uint256 jobId,string streamId,uint64 sequence,bytes32 dataHash," \
		     "bytes32 transcodedHash,bytes broadcasterSig)"
#define PEER_IDENTITY_TYPE "PeerIdentity(bytes32 staticKey,bytes32 transcript,uint8 side)"

/* ---- stream ids ---- */

struct stream_id stream_id_new(const struct eth_addr *origin)
{
	struct stream_id id;
	uint8_t rnd[16];

	secret_random(rnd, sizeof(rnd));
	hex_fmt(id.s, origin->b, sizeof(origin->b));
	hex_fmt(id.s + 40, rnd, sizeof(rnd));
	return id;
}

int stream_id_parse(struct stream_id *id, const char *s, struct err *err)
{
	size_t len = strlen(s);

	/* Small letters only: the id is signed as text, so it has one spelling. */
	if (len != STREAM_ID_LEN || strspn(s, "0123456789abcdef") != len)
		return err_set(err, ERR_INVALID, "not a stream id (%d small hex digits)",
			       STREAM_ID_LEN);
	memcpy(id->s, s, len + 1);
	return 0;
}

struct eth_addr stream_id_origin(const struct stream_id *id)
{
	struct eth_addr a = { { 0 } };
	char hex[41];

	memcpy(hex, id->s, 40);
	hex[40] = 0;
	hex_parse(a.b, sizeof(a.b), hex);
	return a;
}

bool stream_id_equal(const struct stream_id *a, const struct stream_id *b)
{
	return strcmp(a->s, b->s) == 0;
}

/* ---- what is signed ---- */

struct hash32 segment_digest(const struct signed_segment *s, const struct hash32 *domain)
{
	struct eip712 e;

	eip712_init(&e, SEGMENT_TYPE);
	eip712_add_word(&e, s->job_id);
	eip712_add_addr(&e, &s->transcoder);
	eip712_add_string(&e, s->stream.s);
	eip712_add_uint(&e, s->sequence);
	eip712_add_uint(&e, s->duration_ms);
	eip712_add_word(&e, s->data_hash.b);
	return eip712_digest(&e, domain);
}

struct hash32 rendition_digest(const struct signed_rendition *r, const struct hash32 *domain)
{
	struct eip712 e;

	eip712_init(&e, RENDITION_TYPE);
	eip712_add_string(&e, r->stream.s);
	eip712_add_string(&e, r->name);
	eip712_add_uint(&e, r->sequence);
	eip712_add_word(&e, r->data_hash.b);
	return eip712_digest(&e, domain);
}

struct hash32 receipt_digest(const struct receipt *r, const struct hash32 *domain)
{
	struct eip712 e;

	eip712_init(&e, RECEIPT_TYPE);
	eip712_add_word(&e, r->job_id);
	eip712_add_string(&e, r->stream.s);
	eip712_add_uint(&e, r->sequence);
	eip712_add_word(&e, r->data_hash.b);
	eip712_add_word(&e, r->transcoded_hash.b);
	eip712_add_bytes(&e, r->broadcaster_sig.b, sizeof(r->broadcaster_sig.b));
	return eip712_digest(&e, domain);
}

/* struct hash32 is 32 bytes and nothing else, so the array is the concatenation. */
_Static_assert(sizeof(struct hash32) == 32, "hash32 has padding");

struct hash32 transcoded_hash(const struct hash32 *renditions, size_t n)
{
	return hash_keccak256(renditions, n * sizeof(*renditions));
}

struct hash32 peer_identity_digest(const uint8_t static_key[32], const struct hash32 *transcript,
				   uint8_t side, const struct hash32 *domain)
{
	struct eip712 e;

	eip712_init(&e, PEER_IDENTITY_TYPE);
	eip712_add_word(&e, static_key);
	eip712_add_word(&e, transcript->b);
	eip712_add_uint(&e, side);
	return eip712_digest(&e, domain);
}

/* ---- replays ---- */

#define SEEN_STEP 16

/*
 * The table holds the SEEN_MAX highest sequences, in no order.  What was forgotten
 * was always the lowest, so everything forgotten lies below the lowest remembered.
 */
static size_t lowest(const struct seen *s)
{
	size_t i, low = 0;

	for (i = 1; i < s->n; i++) {
		if (s->e[i].sequence < s->e[low].sequence)
			low = i;
	}
	return low;
}

enum seen_verdict seen_check(const struct seen *s, uint64_t sequence, const struct hash32 *hash)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (s->e[i].sequence != sequence)
			continue;
		return memcmp(&s->e[i].hash, hash, sizeof(*hash)) == 0 ? SEEN_SAME :
									 SEEN_EQUIVOCATION;
	}
	if (s->n == SEEN_MAX && sequence < s->e[lowest(s)].sequence)
		return SEEN_TOO_OLD;
	return SEEN_NEW;
}

static size_t place_for_new(struct seen *s)
{
	if (s->n == SEEN_MAX)
		return lowest(s);
	if (s->n == s->cap) {
		s->cap += SEEN_STEP;
		s->e = xrealloc(s->e, s->cap * sizeof(s->e[0]));
	}
	return s->n++;
}

void seen_add(struct seen *s, uint64_t sequence, const struct hash32 *hash)
{
	size_t at;

	if (seen_check(s, sequence, hash) != SEEN_NEW)
		return;	/* the first bytes seen for a sequence are the ones that count */
	at = place_for_new(s);
	s->e[at].sequence = sequence;
	s->e[at].hash = *hash;
	if (sequence > s->highest)
		s->highest = sequence;
}

void seen_fini(struct seen *s)
{
	free(s->e);
	*s = (struct seen){ 0 };
}
