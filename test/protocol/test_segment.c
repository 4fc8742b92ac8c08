#include "test/test.h"

#include <string.h>

#include "base/err.h"
#include "protocol/segment.h"
#include "test/vectors.h"

/* ---- digests, against ethers ---- */

static int load(void **state)
{
	*state = vectors_load("test/vectors/eip712.json");
	return 0;
}

static int drop(void **state)
{
	json_decref(*state);
	return 0;
}

/* What the vectors have in common, in one of their domains. */
struct fixture {
	struct hash32 domain;
	uint8_t job_id[32];
	uint64_t sequence;
	struct stream_id stream;
	struct hash32 data_hash;
	struct eth_addr transcoder;
};

static struct fixture fixture(const json_t *all, const json_t *v)
{
	const char *stream = json_string_value(json_object_get(all, "streamId"));
	struct eip712_domain d;
	struct fixture f;

	d.chain_id = (uint64_t)json_integer_value(json_object_get(v, "chainId"));
	vectors_hex(d.contract.b, 20, v, "verifyingContract");
	f.domain = eip712_domain_hash(&d);
	vectors_hex(f.job_id, 32, v, "jobId");
	f.sequence = strtoull(json_string_value(json_object_get(v, "sequence")), NULL, 10);
	vectors_hex(f.data_hash.b, 32, all, "dataHash");
	vectors_hex(f.transcoder.b, 20, all, "transcoder");
	assert_int_equal(stream_id_parse(&f.stream, stream, NULL), 0);
	return f;
}

/* The digest is the vector's, and its signature is the vector's signer's. */
static void check(const json_t *v, const char *key, const struct hash32 *got)
{
	const json_t *o = json_object_get(v, key);
	struct eth_addr signer;
	struct hash32 want;
	struct sig65 sig;

	vectors_hex(want.b, 32, o, "digest");
	vectors_hex(sig.b, 65, o, "signature");
	vectors_hex(signer.b, 20, o, "signer");
	assert_memory_equal(got->b, want.b, 32);
	assert_int_equal(sig_verify(&signer, got, &sig, NULL), 0);
}

static void each_domain(void **state, void (*fn)(const json_t *all, const json_t *v,
						 const struct fixture *f))
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(*state, "domains"), i, v) {
		struct fixture f = fixture(*state, v);

		fn(*state, v, &f);
	}
	assert_int_equal(i, 2);
}

static void check_segment(const json_t *all, const json_t *v, const struct fixture *f)
{
	struct signed_segment s = { .transcoder = f->transcoder, .stream = f->stream,
				    .sequence = f->sequence, .duration_ms = 2002,
				    .data_hash = f->data_hash };
	struct hash32 got;

	memcpy(s.job_id, f->job_id, 32);
	got = segment_digest(&s, &f->domain);
	check(v, "segment", &got);
}

static void segment_digest_agrees_with_ethers(void **state)
{
	each_domain(state, check_segment);
}

static void check_rendition(const json_t *all, const json_t *v, const struct fixture *f)
{
	const json_t *first = json_array_get(json_object_get(all, "renditions"), 0);
	struct signed_rendition r = { .stream = f->stream, .name = "P240p30fps16x9",
				      .sequence = f->sequence };
	struct hash32 got;

	assert_int_equal(hex_parse(r.data_hash.b, 32, json_string_value(first)), 0);
	got = rendition_digest(&r, &f->domain);
	check(v, "rendition", &got);
}

static void rendition_digest_agrees_with_ethers(void **state)
{
	each_domain(state, check_rendition);
}

static void check_receipt(const json_t *all, const json_t *v, const struct fixture *f)
{
	struct receipt r = { .stream = f->stream, .sequence = f->sequence,
			     .data_hash = f->data_hash };
	struct hash32 got;

	memcpy(r.job_id, f->job_id, 32);
	vectors_hex(r.transcoded_hash.b, 32, all, "transcodedHash");
	vectors_hex(r.broadcaster_sig.b, 65, json_object_get(v, "segment"), "signature");
	got = receipt_digest(&r, &f->domain);
	check(v, "receipt", &got);
}

static void receipt_digest_agrees_with_ethers(void **state)
{
	each_domain(state, check_receipt);
}

static void check_identity(const json_t *all, const json_t *v, const struct fixture *f)
{
	struct hash32 transcript, got;
	uint8_t key[32];

	vectors_hex(key, 32, all, "staticKey");
	vectors_hex(transcript.b, 32, all, "transcript");
	got = peer_identity_digest(key, &transcript, 1, &f->domain);
	check(v, "identity", &got);
}

static void identity_digest_agrees_with_ethers(void **state)
{
	each_domain(state, check_identity);
}

static void transcoded_hash_agrees_with_ethers(void **state)
{
	json_t *list = json_object_get(*state, "renditions");
	struct hash32 r[3], want, got;
	size_t i;

	for (i = 0; i < 3; i++)
		assert_int_equal(hex_parse(r[i].b, 32, json_string_value(json_array_get(list, i))), 0);
	vectors_hex(want.b, 32, *state, "transcodedHash");
	got = transcoded_hash(r, 3);
	assert_memory_equal(got.b, want.b, 32);
	got = transcoded_hash(r, 2);
	assert_memory_not_equal(got.b, want.b, 32);
}

/* ---- stream ids ---- */

static void a_stream_id_names_its_origin(void **state)
{
	struct eth_addr origin = { { 0xab, 1, 2 } }, back;
	struct stream_id id = stream_id_new(&origin), other = stream_id_new(&origin), parsed;

	assert_int_equal(strlen(id.s), STREAM_ID_LEN);
	back = stream_id_origin(&id);
	assert_true(eth_addr_equal(&back, &origin));
	assert_false(stream_id_equal(&id, &other));
	assert_int_equal(stream_id_parse(&parsed, id.s, NULL), 0);
	assert_true(stream_id_equal(&id, &parsed));
}

static void a_stream_id_has_one_spelling(void **state)
{
	struct eth_addr origin = { { 0xab } };
	struct stream_id id = stream_id_new(&origin), parsed;
	char s[STREAM_ID_LEN + 3];
	struct err err;

	strcpy(s, id.s);
	s[0] = 'A';
	assert_int_equal(stream_id_parse(&parsed, s, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	strcpy(s, id.s);
	s[71] = 'g';
	assert_int_equal(stream_id_parse(&parsed, s, &err), -1);
	s[71] = 0;
	assert_int_equal(stream_id_parse(&parsed, s, &err), -1);
	snprintf(s, sizeof(s), "%s0", id.s);
	assert_int_equal(stream_id_parse(&parsed, s, &err), -1);
	assert_int_equal(stream_id_parse(&parsed, "", &err), -1);
}

/* ---- replays ---- */

static enum seen_verdict ask(const struct seen *s, uint64_t sequence, uint8_t n)
{
	struct hash32 hash = { { n } };

	return seen_check(s, sequence, &hash);
}

static void add(struct seen *s, uint64_t sequence, uint8_t n)
{
	struct hash32 hash = { { n } };

	seen_add(s, sequence, &hash);
}

static void same_bytes_are_a_retry_other_bytes_equivocation(void **state)
{
	struct seen s = { 0 };

	assert_int_equal(ask(&s, 0, 1), SEEN_NEW);
	add(&s, 0, 1);
	assert_int_equal(ask(&s, 0, 1), SEEN_SAME);
	assert_int_equal(ask(&s, 0, 2), SEEN_EQUIVOCATION);
	assert_int_equal(ask(&s, 1, 1), SEEN_NEW);
	add(&s, 0, 2);	/* the first one counts */
	assert_int_equal(ask(&s, 0, 1), SEEN_SAME);
	assert_int_equal(s.n, 1);
	seen_fini(&s);
}

static void only_what_lies_below_the_remembered_is_too_old(void **state)
{
	struct seen s = { 0 };
	uint64_t i;

	for (i = 0; i < SEEN_MAX + 10; i++) {
		assert_int_equal(ask(&s, 2 * i, 1), SEEN_NEW);
		add(&s, 2 * i, 1);
	}
	assert_int_equal(s.n, SEEN_MAX);
	assert_int_equal(s.highest, 2 * (SEEN_MAX + 9));
	assert_int_equal(ask(&s, 18, 1), SEEN_TOO_OLD);
	assert_int_equal(ask(&s, 19, 1), SEEN_TOO_OLD);
	assert_int_equal(ask(&s, 20, 1), SEEN_SAME);
	assert_int_equal(ask(&s, 21, 1), SEEN_NEW);	/* a gap may be filled late */
	add(&s, 21, 1);
	assert_int_equal(ask(&s, 20, 1), SEEN_TOO_OLD);
	assert_int_equal(ask(&s, 21, 1), SEEN_SAME);
	seen_fini(&s);
}

static void sequences_out_of_order_and_at_the_end_of_numbers(void **state)
{
	struct seen s = { 0 };

	add(&s, UINT64_MAX, 1);
	add(&s, 5, 2);
	assert_true(s.highest == UINT64_MAX);
	assert_int_equal(ask(&s, 5, 2), SEEN_SAME);
	assert_int_equal(ask(&s, 4, 2), SEEN_NEW);
	assert_int_equal(ask(&s, UINT64_MAX, 2), SEEN_EQUIVOCATION);
	seen_fini(&s);
}

/* Whatever the order: nothing once added is ever NEW again. */
static void nothing_added_is_new_again(void **state)
{
	static uint64_t added[2000];
	struct seen s = { 0 };
	uint64_t x = 88172645463325252u;	/* xorshift: the same each run */
	size_t i, k, n = 0;

	for (i = 0; i < 2000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (ask(&s, x % 3000, 1) != SEEN_NEW)
			continue;
		add(&s, x % 3000, 1);
		added[n++] = x % 3000;
		for (k = 0; k < n; k += 7)
			assert_int_not_equal(ask(&s, added[k], 1), SEEN_NEW);
	}
	assert_true(n > SEEN_MAX);
	seen_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segment_digest_agrees_with_ethers),
		cmocka_unit_test(rendition_digest_agrees_with_ethers),
		cmocka_unit_test(receipt_digest_agrees_with_ethers),
		cmocka_unit_test(identity_digest_agrees_with_ethers),
		cmocka_unit_test(transcoded_hash_agrees_with_ethers),
		cmocka_unit_test(a_stream_id_names_its_origin),
		cmocka_unit_test(a_stream_id_has_one_spelling),
		cmocka_unit_test(same_bytes_are_a_retry_other_bytes_equivocation),
		cmocka_unit_test(only_what_lies_below_the_remembered_is_too_old),
		cmocka_unit_test(sequences_out_of_order_and_at_the_end_of_numbers),
		cmocka_unit_test(nothing_added_is_new_again),
	};

	return cmocka_run_group_tests(tests, load, drop);
}
