#include "protocol/claim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/eip712.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "protocol/merkle.h"

#define SEGMENT_TYPE "Segment(uint256 jobId,address transcoder,string streamId,uint64 sequence," \
		     "uint32 durationMs,bytes32 dataHash)"
#define RECEIPT_TYPE "Receipt(uint256 jobId,string streamId,uint64 sequence,bytes32 dataHash," \
		     "bytes32 transcodedHash,bytes broadcasterSig)"
#define VERDICT_TYPE "Verdict(uint256 jobId,address transcoder,uint32 claimId,bytes32 work," \
		     "bytes32 commitment)"
#define STORED_TYPE "Stored(uint256 jobId,address transcoder,uint32 claimId,bytes32 work)"

/* ---- lines of files ---- */

static json_t *load_line(const char *line, size_t len, struct err *err)
{
	json_error_t why;
	json_t *o;

	if (len > CLAIM_LINE_MAX) {
		err_set(err, ERR_LIMIT, "a line of %zu bytes, at most %d", len, CLAIM_LINE_MAX);
		return NULL;
	}
	o = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
	if (!o)
		err_set(err, ERR_INVALID, "not JSON: %s", why.text);
	else if (!json_is_object(o))
		err_set(err, ERR_INVALID, "not a JSON object");
	if (!json_is_object(o)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* A whole number, or a string of its digits. */
static int get_number(struct u256 *v, const json_t *o, const char *field, unsigned bits,
		      struct err *err)
{
	const json_t *j = json_object_get(o, field);
	struct u256 n = { { 0 } };

	if (!j)
		return err_set(err, ERR_INVALID, "%s: missing", field);
	if (json_is_integer(j) && json_integer_value(j) >= 0)
		n = u256_of((uint64_t)json_integer_value(j));
	else if (!json_is_string(j))
		return err_set(err, ERR_INVALID, "%s: not a number without sign", field);
	else if (u256_parse_dec(&n, json_string_value(j), err) < 0)
		return err_wrap(err, "%s", field);
	if (u256_bits(&n) > bits)
		return err_set(err, ERR_INVALID, "%s: larger than %u bits", field, bits);
	*v = n;
	return 0;
}

static int get_u64(uint64_t *v, const json_t *o, const char *field, unsigned bits, struct err *err)
{
	struct u256 n;

	if (get_number(&n, o, field, bits, err) < 0)
		return -1;
	*v = n.w[0];
	return 0;
}

static int get_hex(uint8_t *to, size_t len, const json_t *o, const char *field, struct err *err)
{
	const char *s = json_string_value(json_object_get(o, field));

	if (!s)
		return err_set(err, ERR_INVALID, "%s: %s", field,
			       json_object_get(o, field) ? "not a string" : "missing");
	if (s[0] != '0' || s[1] != 'x' || hex_parse(to, len, s) < 0)
		return err_set(err, ERR_INVALID, "%s: not 0x and %zu hex digits: \"%.40s\"", field,
			       2 * len, s);
	return 0;
}

int claim_segment_parse(struct claim_segment *s, const char *line, size_t len, struct err *err)
{
	json_t *o = load_line(line, len, err);
	uint64_t ms = 0;
	int rc;

	if (!o)
		return -1;
	memset(s, 0, sizeof(*s));
	rc = get_u64(&s->sequence, o, "sequence", 64, err) < 0 ||
	     get_u64(&ms, o, "durationMs", 32, err) < 0 ||
	     get_hex(s->data_hash.b, 32, o, "dataHash", err) < 0 ||
	     get_hex(s->transcoded_hash.b, 32, o, "transcodedHash", err) < 0 ||
	     get_hex(s->broadcaster_sig.b, 65, o, "broadcasterSig", err) < 0 ||
	     get_hex(s->transcoder_sig.b, 65, o, "transcoderSig", err) < 0 ? -1 : 0;
	s->duration_ms = (uint32_t)ms;
	json_decref(o);
	return rc;
}

static void add_hex(struct buf *b, const char *name, const uint8_t *p, size_t n)
{
	char hex[2 * 65 + 1];

	hex_fmt(hex, p, n);
	buf_addf(b, ",\"%s\":\"0x%s\"", name, hex);
}

void claim_segment_fmt(struct buf *b, const struct claim_segment *s)
{
	buf_addf(b, "{\"sequence\":\"%" PRIu64 "\",\"durationMs\":%" PRIu32, s->sequence,
		 s->duration_ms);
	add_hex(b, "dataHash", s->data_hash.b, 32);
	add_hex(b, "transcodedHash", s->transcoded_hash.b, 32);
	add_hex(b, "broadcasterSig", s->broadcaster_sig.b, 65);
	add_hex(b, "transcoderSig", s->transcoder_sig.b, 65);
	buf_add_str(b, "}");
}

int claim_opening_parse(struct claim_opening *o, const char *line, size_t len, bool statement,
			struct err *err)
{
	json_t *j = load_line(line, len, err);
	uint64_t k = 0;
	int rc;

	if (!j)
		return -1;
	memset(o, 0, sizeof(*o));
	rc = get_hex(o->work.b, 32, j, "work", err) < 0 || get_u64(&k, j, "k", 16, err) < 0 ||
	     get_hex(o->sig.b, 65, j, "signature", err) < 0 ? -1 : 0;
	if (rc == 0 && !statement)
		rc = get_number(&o->answers, j, "answers", 128, err) < 0 ||
		     get_hex(o->work_hash.b, 32, j, "workHash", err) < 0 ||
		     get_hex(o->salt.b, 32, j, "salt", err) < 0 ? -1 : 0;
	o->k = (uint16_t)k;
	json_decref(j);
	return rc;
}

void claim_opening_pack(struct buf *b, const struct claim_opening *o, bool statement)
{
	uint8_t word[32];

	buf_add_u16(b, o->k);
	if (!statement) {
		u256_to_be(word, &o->answers);
		buf_add(b, word + 16, 16);
		buf_add(b, o->work_hash.b, 32);
		buf_add(b, o->salt.b, 32);
	}
	buf_add(b, o->sig.b, 65);
}

/* ---- what is signed ---- */

static void add_number(struct eip712 *e, const struct u256 *v)
{
	uint8_t word[32];

	u256_to_be(word, v);
	eip712_add_word(e, word);
}

struct hash32 claim_segment_digest(const struct claim_segment *s, const struct claim_job *j)
{
	struct eip712 e;

	eip712_init(&e, SEGMENT_TYPE);
	add_number(&e, &j->job_id);
	eip712_add_addr(&e, &j->transcoder);
	eip712_add_word(&e, j->stream_id_hash.b);
	eip712_add_uint(&e, s->sequence);
	eip712_add_uint(&e, s->duration_ms);
	eip712_add_word(&e, s->data_hash.b);
	return eip712_digest(&e, &j->domain);
}

struct hash32 claim_receipt_digest(const struct claim_segment *s, const struct claim_job *j)
{
	struct eip712 e;

	eip712_init(&e, RECEIPT_TYPE);
	add_number(&e, &j->job_id);
	eip712_add_word(&e, j->stream_id_hash.b);
	eip712_add_uint(&e, s->sequence);
	eip712_add_word(&e, s->data_hash.b);
	eip712_add_word(&e, s->transcoded_hash.b);
	eip712_add_bytes(&e, s->broadcaster_sig.b, sizeof(s->broadcaster_sig.b));
	return eip712_digest(&e, &j->domain);
}

int claim_segment_check(const struct claim_segment *s, const struct claim_job *j,
			struct hash32 *leaf, struct err *err)
{
	struct hash32 digest = claim_segment_digest(s, j);

	if (s->duration_ms > j->max_segment_ms)
		return err_set(err, ERR_INVALID, "segment %" PRIu64 " lasts %" PRIu32 " ms, the job's "
			       "longest is %" PRIu32, s->sequence, s->duration_ms, j->max_segment_ms);
	if (sig_verify(&j->broadcaster, &digest, &s->broadcaster_sig, err) < 0)
		return err_wrap(err, "segment %" PRIu64 ": broadcasterSig", s->sequence);
	digest = claim_receipt_digest(s, j);
	if (sig_verify(&j->transcoder, &digest, &s->transcoder_sig, err) < 0)
		return err_wrap(err, "segment %" PRIu64 ": transcoderSig", s->sequence);
	if (leaf)
		*leaf = merkle_leaf(&digest);
	return 0;
}

int claim_opening_check(const struct claim_opening *o, const struct claim_job *j, uint32_t claim_id,
			const struct eth_addr *holder, bool statement, struct err *err)
{
	struct hash32 digest;
	struct eip712 e, c = { .n_words = 0 };

	eip712_init(&e, statement ? STORED_TYPE : VERDICT_TYPE);
	add_number(&e, &j->job_id);
	eip712_add_addr(&e, &j->transcoder);
	eip712_add_uint(&e, claim_id);
	eip712_add_word(&e, o->work.b);
	if (!statement) {
		eip712_add_addr(&c, holder);
		add_number(&c, &o->answers);
		eip712_add_word(&c, o->work_hash.b);
		eip712_add_word(&c, o->salt.b);
		eip712_add_bytes(&e, c.words, c.n_words * 32);
	}
	digest = eip712_digest(&e, &j->domain);
	return sig_verify(holder, &digest, &o->sig, err);
}

/* ---- hashes ---- */

static void add_word_u64(struct buf *b, uint64_t v)
{
	static const uint8_t zeros[24];

	buf_add(b, zeros, sizeof(zeros));
	buf_add_u64(b, v);
}

static struct hash32 hash_of(struct buf *b)
{
	struct hash32 h = hash_keccak256(b->data, b->len);

	buf_fini(b);
	return h;
}

struct hash32 claim_work_hash(const struct claim_segment *s, size_t n)
{
	struct buf b;
	size_t i;

	buf_init(&b, 64 + 96 * n);
	add_word_u64(&b, 32);
	add_word_u64(&b, n);
	for (i = 0; i < n; i++) {
		add_word_u64(&b, s[i].sequence);
		buf_add(&b, s[i].data_hash.b, 32);
		buf_add(&b, s[i].transcoded_hash.b, 32);
	}
	return hash_of(&b);
}

struct hash32 job_details_hash(const struct job_details *d)
{
	uint8_t word[32] = { 0 };
	struct buf b;

	buf_init(&b, 192);
	buf_add(&b, d->stream_id_hash.b, 32);
	buf_add(&b, d->options_hash.b, 32);
	add_word_u64(&b, d->max_segment_ms);
	buf_add(&b, d->plant_commitment.b, 32);
	memcpy(word + 12, d->broadcaster.b, 20);
	buf_add(&b, word, 32);
	u256_to_be(word, &d->segment_fee);
	buf_add(&b, word, 32);
	return hash_of(&b);
}

void claim_content(uint8_t to[23], const struct hash32 *root, const void *ranges, size_t n_ranges)
{
	struct hash32 both[2] = { *root, hash_keccak256(ranges, n_ranges) };
	struct hash32 h = hash_keccak256(both, sizeof(both));

	memcpy(to, h.b, 23);
}

bool claim_is_challenged(uint64_t claim_block, const struct hash32 *hash, uint64_t sequence,
			 uint32_t rate)
{
	struct u256 v, quot, rem, d = u256_of(rate);
	struct hash32 h;
	struct buf b;

	buf_init(&b, 96);
	add_word_u64(&b, claim_block + 1);
	buf_add(&b, hash->b, 32);
	add_word_u64(&b, sequence);
	h = hash_of(&b);
	v = u256_from_be(h.b);
	return u256_div(&quot, &rem, &v, &d) && u256_is_zero(&rem);
}
