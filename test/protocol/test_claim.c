#include "test/test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/eip712.h"
#include "base/err.h"
#include "protocol/claim.h"
#include "protocol/job_options.h"
#include "protocol/ranges.h"
#include "test/vectors.h"

static int load(void **state)
{
	*state = vectors_load("test/vectors/claims.json");
	return 0;
}

static int drop(void **state)
{
	json_decref(*state);
	return 0;
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static uint64_t number_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) ? strtoull(json_string_value(v), NULL, 10) :
				   (uint64_t)json_integer_value(v);
}

static struct claim_job job_of(const json_t *c)
{
	struct eip712_domain d = { .chain_id = number_of(c, "chainId") };
	struct claim_job j = { .max_segment_ms = 4000 };
	const char *stream = text_of(c, "streamId");
	uint8_t id[32];

	vectors_hex(d.contract.b, 20, c, "jobsManager");
	vectors_hex(id, 32, c, "jobId");
	vectors_hex(j.broadcaster.b, 20, c, "broadcaster");
	vectors_hex(j.transcoder.b, 20, c, "transcoder");
	j.job_id = u256_from_be(id);
	j.stream_id_hash = hash_keccak256(stream, strlen(stream));
	j.domain = eip712_domain_hash(&d);
	return j;
}

static struct claim_segment segment_of(const json_t *v)
{
	char *line = json_dumps(v, JSON_COMPACT);
	struct claim_segment s;
	struct err err;

	if (claim_segment_parse(&s, line, strlen(line), &err) < 0)
		fail_msg("%s: %s", line, err.msg);
	free(line);
	return s;
}

/* ---- against ethers ---- */

static void receipts_hold_and_give_their_leaves(void **state)
{
	const json_t *c = json_object_get(*state, "claim");
	struct claim_job j = job_of(c);
	struct hash32 leaf, want;
	size_t i;
	json_t *v;

	json_array_foreach(json_object_get(c, "segments"), i, v) {
		struct claim_segment s = segment_of(v);

		vectors_hex(want.b, 32, v, "leaf");
		assert_int_equal(claim_segment_check(&s, &j, &leaf, NULL), 0);
		assert_memory_equal(leaf.b, want.b, 32);
	}
	assert_int_equal(i, 4);
}

static void hashes_of_a_claim_are_those_of_ethers(void **state)
{
	const json_t *c = json_object_get(*state, "claim"), *d = json_object_get(c, "details");
	struct hash32 want, got, root;
	struct claim_segment s[4];
	struct job_details details = { .max_segment_ms = (uint32_t)number_of(d, "maxSegmentMs") };
	uint8_t packed[3 * RANGE_SIZE], content[23], want_content[23], fee[32];
	size_t i;
	json_t *v;

	json_array_foreach(json_object_get(c, "segments"), i, v)
		s[i] = segment_of(v);
	got = claim_work_hash(s, 4);
	vectors_hex(want.b, 32, c, "work");
	assert_memory_equal(got.b, want.b, 32);

	vectors_hex(details.stream_id_hash.b, 32, d, "streamIdHash");
	vectors_hex(details.options_hash.b, 32, d, "optionsHash");
	vectors_hex(details.plant_commitment.b, 32, d, "plantCommitment");
	vectors_hex(details.broadcaster.b, 20, d, "broadcaster");
	vectors_hex(fee, 32, d, "segmentFee");
	details.segment_fee = u256_from_be(fee);
	got = job_details_hash(&details);
	vectors_hex(want.b, 32, d, "hash");
	assert_memory_equal(got.b, want.b, 32);

	vectors_hex(root.b, 32, c, "root");
	vectors_hex(packed, sizeof(packed), c, "packed");
	vectors_hex(want_content, 23, c, "content");
	claim_content(content, &root, packed, sizeof(packed));
	assert_memory_equal(content, want_content, 23);
}

static void openings_and_statements_hold(void **state)
{
	const json_t *c = json_object_get(*state, "claim");
	struct claim_job j = job_of(c);
	struct eth_addr verifier;
	int statement;

	vectors_hex(verifier.b, 20, c, "verifier");
	for (statement = 0; statement < 2; statement++) {
		const json_t *v = json_object_get(c, statement ? "stored" : "opened");
		size_t size = statement ? STATEMENT_SIZE : OPENING_SIZE;
		char *line = json_dumps(v, JSON_COMPACT);
		uint8_t want[OPENING_SIZE];
		struct claim_opening o;
		struct err err;
		struct buf b;

		assert_int_equal(claim_opening_parse(&o, line, strlen(line), statement, &err), 0);
		buf_init(&b, 1000);
		claim_opening_pack(&b, &o, statement);
		vectors_hex(want, size, v, "packed");
		assert_int_equal(b.len, size);
		assert_memory_equal(b.data, want, size);
		assert_int_equal(claim_opening_check(&o, &j, 3, &verifier, statement, &err), 0);
		assert_int_equal(claim_opening_check(&o, &j, 4, &verifier, statement, &err), -1);
		verifier.b[0] ^= 1;
		assert_int_equal(claim_opening_check(&o, &j, 3, &verifier, statement, &err), -1);
		verifier.b[0] ^= 1;
		buf_fini(&b);
		free(line);
	}
}

static void challenges_are_those_of_the_contract(void **state)
{
	struct hash32 h;
	size_t i, k;
	json_t *v;

	json_array_foreach(json_object_get(*state, "challenges"), i, v) {
		const json_t *drawn = json_object_get(v, "drawn");
		uint64_t s, n = number_of(v, "count");

		vectors_hex(h.b, 32, v, "hash");
		for (s = 0, k = 0; s < n; s++) {
			if (!claim_is_challenged(number_of(v, "block"), &h, s, (uint32_t)number_of(v, "rate")))
				continue;
			assert_int_equal(s, json_integer_value(json_array_get(drawn, k++)));
		}
		assert_int_equal(k, json_array_size(drawn));
	}
	assert_int_equal(i, 4);
	assert_false(claim_is_challenged(1, &h, 1, 0));
}

/* ---- receipts that do not hold ---- */

static void a_receipt_of_another_job_or_signer_is_refused(void **state)
{
	const json_t *c = json_object_get(*state, "claim");
	struct claim_segment s = segment_of(json_array_get(json_object_get(c, "segments"), 0)), t;
	struct claim_job j = job_of(c), k;
	struct err err;

	k = j;
	k.job_id.w[0]++;
	assert_int_equal(claim_segment_check(&s, &k, NULL, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "segment 0: broadcasterSig"));
	k = j;
	k.transcoder.b[3] ^= 1;
	assert_int_equal(claim_segment_check(&s, &k, NULL, &err), -1);
	t = s;
	t.transcoded_hash.b[0] ^= 1;
	assert_int_equal(claim_segment_check(&t, &j, NULL, &err), -1);
	assert_non_null(strstr(err.msg, "segment 0: transcoderSig"));
	t = s;
	t.sequence++;
	assert_int_equal(claim_segment_check(&t, &j, NULL, &err), -1);
	k = j;
	k.max_segment_ms = s.duration_ms - 1;
	assert_int_equal(claim_segment_check(&s, &k, NULL, &err), -1);
	assert_string_equal(err.msg, "segment 0 lasts 2000 ms, the job's longest is 1999");
}

static void lines_that_are_no_receipts_are_refused_by_field(void **state)
{
#define H32 "0x0000000000000000000000000000000000000000000000000000000000000001"
#define REST ",\"dataHash\":\"" H32 "\",\"transcodedHash\":\"" H32 "\""
	static const struct { const char *line, *says; } cases[] = {
		{ "", "not JSON" },
		{ "[]", "not a JSON object" },
		{ "{\"sequence\":1,\"sequence\":1}", "not JSON" },
		{ "{}", "sequence: missing" },
		{ "{\"sequence\":-1}", "sequence: not a number without sign" },
		{ "{\"sequence\":1.5}", "sequence: not a number without sign" },
		{ "{\"sequence\":\"18446744073709551616\"}", "sequence: larger than 64 bits" },
		{ "{\"sequence\":\"0x1\"}", "sequence: " },
		{ "{\"sequence\":1}", "durationMs: missing" },
		{ "{\"sequence\":1,\"durationMs\":4294967296}", "durationMs: larger than 32 bits" },
		{ "{\"sequence\":1,\"durationMs\":1,\"dataHash\":\"0x12\"}", "dataHash: not 0x and 64 hex digits" },
		{ "{\"sequence\":1,\"durationMs\":1,\"dataHash\":7}", "dataHash: not a string" },
		{ "{\"sequence\":1,\"durationMs\":1" REST "}", "broadcasterSig: missing" },
	};
	struct claim_segment s;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(claim_segment_parse(&s, cases[i].line, strlen(cases[i].line), &err), -1);
		assert_non_null(strstr(err.msg, cases[i].says));
	}
	assert_int_equal(claim_segment_parse(&s, "{}", CLAIM_LINE_MAX + 1, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
}

static void a_receipt_reads_back_as_it_was_written(void **state)
{
	const json_t *c = json_object_get(*state, "claim");
	size_t i;
	json_t *v;

	json_array_foreach(json_object_get(c, "segments"), i, v) {
		struct claim_segment s = segment_of(v), again;
		struct buf b;

		buf_init(&b, CLAIM_LINE_MAX);
		claim_segment_fmt(&b, &s);
		assert_int_equal(claim_segment_parse(&again, (char *)b.data, b.len, NULL), 0);
		assert_memory_equal(&s, &again, sizeof(s));
		buf_fini(&b);
	}
}

/* ---- ranges ---- */

static void ranges_are_packed_as_the_chain_reads_them(void **state)
{
	const json_t *c = json_object_get(*state, "claim");
	uint64_t big = 9007199254740993u;
	uint8_t want[3 * RANGE_SIZE];
	struct ranges l = { 0 }, again;
	uint32_t at;
	char text[64];
	struct buf b;
	uint64_t i;

	for (i = 0; i < 2; i++)
		assert_int_equal(ranges_add(&l, i, NULL), 0);
	assert_int_equal(ranges_add(&l, 7, NULL), 0);
	for (i = 0; i < 4096; i++)
		assert_int_equal(ranges_add(&l, big + i, NULL), 0);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.segments, 4099);
	buf_init(&b, 1000);
	ranges_pack(&b, &l);
	vectors_hex(want, sizeof(want), c, "packed");
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));

	assert_int_equal(ranges_parse(&again, b.data, b.len, 0, NULL), 0);
	assert_int_equal(again.segments, 4099);
	assert_true(ranges_find(&again, 7, &at));
	assert_int_equal(at, 2);
	assert_true(ranges_find(&again, big + 4095, &at));
	assert_int_equal(at, 4098);
	assert_false(ranges_find(&again, 2, &at));
	assert_false(ranges_find(&again, big + 4096, &at));
	ranges_fmt(text, sizeof(text), &again);
	assert_string_equal(text, "0-1, 7, 9007199254740993-9007199254745088");
	ranges_fmt(text, 14, &again);
	assert_string_equal(text, "0-1, 7, ...");
	ranges_fmt(text, 11, &again);
	assert_string_equal(text, "0-1, ...");
	ranges_fini(&again);
	ranges_fini(&l);
	buf_fini(&b);
}

static void sequences_must_ascend(void **state)
{
	struct ranges l = { 0 };
	struct err err;

	assert_int_equal(ranges_add(&l, 5, &err), 0);
	assert_int_equal(ranges_add(&l, 5, &err), -1);
	assert_string_equal(err.msg, "sequence 5 after 5");
	assert_int_equal(ranges_add(&l, 4, &err), -1);
	assert_int_equal(ranges_add(&l, UINT64_MAX, &err), -1);
	assert_int_equal(ranges_add(&l, UINT64_MAX - 1, &err), 0);
	assert_int_equal(ranges_end(&l), UINT64_MAX);
	ranges_fini(&l);
}

static void malformed_ranges_are_refused(void **state)
{
	static const struct { uint64_t start; uint32_t length; uint64_t start2; uint32_t length2; uint64_t next; } bad[] = {
		{ 0, 0, 9, 1, 0 },			/* empty */
		{ 5, 2, 6, 1, 0 },			/* overlap */
		{ 5, 2, 1, 1, 0 },			/* back */
		{ 5, 2, 9, 1, 6 },			/* below what is claimed already */
		{ UINT64_MAX, 1, UINT64_MAX, 1, 0 },	/* its end has no number */
		{ 0, 65535, 70000, 1, 0 },		/* more than a claim has */
		{ 0, UINT32_MAX, 1ull << 40, 1, 0 },
	};
	struct ranges l;
	struct buf b;
	size_t i;

	buf_init(&b, 1000);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_clear(&b);
		buf_add_u64(&b, bad[i].start);
		buf_add_u32(&b, bad[i].length);
		buf_add_u64(&b, bad[i].start2);
		buf_add_u32(&b, bad[i].length2);
		assert_int_equal(ranges_parse(&l, b.data, b.len, bad[i].next, NULL), -1);
		assert_null(l.r);
	}
	assert_int_equal(ranges_parse(&l, b.data, 0, 0, NULL), -1);
	assert_int_equal(ranges_parse(&l, b.data, 13, 0, NULL), -1);
	buf_clear(&b);
	buf_add_u64(&b, 0);
	buf_add_u32(&b, 65535);
	assert_int_equal(ranges_parse(&l, b.data, b.len, 0, NULL), 0);
	ranges_fini(&l);
	buf_fini(&b);
}

/* ---- options ---- */

static void check_options(const json_t *v)
{
	size_t len = (strlen(text_of(v, "bytes")) - 2) / 2, i;
	uint64_t units = strtoull(text_of(v, "units"), NULL, 10);
	uint8_t bytes[JOB_OPTIONS_MAX];
	struct job_options o;
	uint32_t got;
	struct buf b;
	json_t *r;

	assert_true(len <= sizeof(bytes));
	vectors_hex(bytes, len, v, "bytes");
	assert_int_equal(job_options_parse(&o, bytes, len, NULL), 0);
	assert_int_equal(o.max_segment_ms, number_of(v, "ms"));
	json_array_foreach(json_object_get(v, "renditions"), i, r) {
		assert_int_equal(o.r[i].width, number_of(r, "width"));
		assert_int_equal(o.r[i].gop_ms, json_integer_value(json_object_get(r, "gop")));
		assert_int_equal(o.r[i].quality, json_integer_value(json_object_get(r, "quality")));
	}
	assert_int_equal(o.n, i);
	buf_init(&b, JOB_OPTIONS_MAX);
	job_options_pack(&b, &o);
	assert_int_equal(b.len, len);
	assert_memory_equal(b.data, bytes, len);
	buf_fini(&b);
	if (units > UINT32_MAX) {
		assert_int_equal(job_options_units(&got, &o, NULL), -1);
		return;
	}
	assert_int_equal(job_options_units(&got, &o, NULL), 0);
	assert_int_equal(got, units);
}

static void options_and_units_are_those_of_the_contract(void **state)
{
	size_t i;
	json_t *v;

	json_array_foreach(json_object_get(*state, "options"), i, v)
		check_options(v);
	assert_int_equal(i, 3);
}

static void profiles_are_fitted_to_the_source(void **state)
{
	struct job_options o = { .width = 1280, .height = 720, .rate = 30000, .max_segment_ms = 2000 };
	struct profile_list l;
	uint32_t units;

	assert_int_equal(profiles_parse_presets(&l, "P240p30fps16x9,P720p60fps16x9", NULL), 0);
	assert_int_equal(job_options_of_profiles(&o, &l, NULL), 0);
	assert_int_equal(o.n, 2);
	assert_int_equal(o.r[0].width, 426);
	assert_int_equal(o.r[0].rate, 30000);
	assert_int_equal(o.r[1].rate, 60000);
	assert_int_equal(job_options_units(&units, &o, NULL), 0);
	/* (426 x 240 x 30 + 1280 x 720 x 60) x 2 s / 10^6 = 116.7 */
	assert_int_equal(units, 117);
	o.width = 640;
	o.height = 360;
	assert_int_equal(job_options_of_profiles(&o, &l, NULL), 0);
	assert_int_equal(o.n, 1);	/* none above the source */
	o.rate = 0;
	assert_int_equal(job_options_of_profiles(&o, &l, NULL), -1);
}

static void options_the_contract_refuses_are_refused(void **state)
{
	const json_t *v = json_array_get(json_object_get(*state, "options"), 0);
	static const size_t zeroed[] = { 0, 1, 3, 5, 9, 11, 13 };	/* fields' offsets */
	static const size_t width[] = { 1, 2, 2, 4, 2, 2, 2 };
	uint8_t good[30], bytes[JOB_OPTIONS_MAX + 1] = { 0 };
	struct job_options o;
	size_t i;

	vectors_hex(good, 30, v, "bytes");
	for (i = 0; i < sizeof(zeroed) / sizeof(zeroed[0]); i++) {
		memcpy(bytes, good, 30);
		memset(bytes + zeroed[i], 0, width[i]);
		assert_int_equal(job_options_parse(&o, bytes, 30, NULL), -1);
	}
	memcpy(bytes, good, 30);
	bytes[23] = 5;
	assert_int_equal(job_options_parse(&o, bytes, 30, NULL), -1);
	bytes[23] = 4;
	assert_int_equal(job_options_parse(&o, bytes, 30, NULL), 0);
	for (i = 0; i < 30; i++)
		assert_int_equal(job_options_parse(&o, bytes, i, NULL), -1);
	assert_int_equal(job_options_parse(&o, bytes, JOB_OPTIONS_MAX + 1, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receipts_hold_and_give_their_leaves),
		cmocka_unit_test(hashes_of_a_claim_are_those_of_ethers),
		cmocka_unit_test(openings_and_statements_hold),
		cmocka_unit_test(challenges_are_those_of_the_contract),
		cmocka_unit_test(a_receipt_of_another_job_or_signer_is_refused),
		cmocka_unit_test(lines_that_are_no_receipts_are_refused_by_field),
		cmocka_unit_test(a_receipt_reads_back_as_it_was_written),
		cmocka_unit_test(ranges_are_packed_as_the_chain_reads_them),
		cmocka_unit_test(sequences_must_ascend),
		cmocka_unit_test(malformed_ranges_are_refused),
		cmocka_unit_test(options_and_units_are_those_of_the_contract),
		cmocka_unit_test(profiles_are_fitted_to_the_source),
		cmocka_unit_test(options_the_contract_refuses_are_refused),
	};

	return cmocka_run_group_tests(tests, load, drop);
}
