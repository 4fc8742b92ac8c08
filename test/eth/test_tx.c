#include "test/test.h"

#include <string.h>

#include "base/eip712.h"
#include "base/err.h"
#include "base/mem.h"
#include "eth/rlp.h"
#include "eth/tx.h"
#include "test/vectors.h"

static json_t *ours;

static int load(void **state)
{
	ours = vectors_load("test/vectors/eth.json");
	return 0;
}

static int drop(void **state)
{
	json_decref(ours);
	return 0;
}

static struct u256 number(const json_t *o, const char *key)
{
	struct u256 v;

	assert_int_equal(u256_parse_dec(&v, json_string_value(json_object_get(o, key)), NULL), 0);
	return v;
}

static uint64_t small_number(const json_t *o, const char *key)
{
	struct u256 v = number(o, key);
	uint64_t n;

	assert_true(u256_to_u64(&n, &v));
	return n;
}

/* data is owned by the caller: free it. */
static struct tx tx_of(const json_t *o)
{
	struct tx t = { 0 };

	t.legacy = json_is_true(json_object_get(o, "legacy"));
	t.chain_id = small_number(o, "chainId");
	t.nonce = small_number(o, "nonce");
	t.gas = small_number(o, "gas");
	t.max_fee = number(o, "maxFee");
	t.max_tip = number(o, "maxTip");
	t.value = number(o, "value");
	t.creates = json_is_null(json_object_get(o, "to"));
	if (!t.creates)
		vectors_hex(t.to.b, 20, o, "to");
	t.data = vectors_unhex(json_string_value(json_object_get(o, "data")), &t.n_data);
	return t;
}

static struct sig_key *key_of(const json_t *o, const char *key)
{
	uint8_t secret[32];

	vectors_hex(secret, 32, o, key);
	return sig_key_new(secret, NULL);
}

static void assert_same(const struct tx *a, const struct tx *b)
{
	assert_int_equal(a->legacy, b->legacy);
	assert_int_equal(a->chain_id, b->chain_id);
	assert_int_equal(a->nonce, b->nonce);
	assert_int_equal(a->gas, b->gas);
	assert_int_equal(a->creates, b->creates);
	assert_int_equal(u256_cmp(&a->max_fee, &b->max_fee), 0);
	assert_int_equal(u256_cmp(&a->max_tip, &b->max_tip), 0);
	assert_int_equal(u256_cmp(&a->value, &b->value), 0);
	assert_true(eth_addr_equal(&a->to, &b->to));
	assert_int_equal(a->n_data, b->n_data);
	if (a->n_data)
		assert_memory_equal(a->data, b->data, a->n_data);
}

static void check_signing(const struct tx *t, const json_t *v)
{
	struct sig_key *key = key_of(v, "key");
	struct hash32 hash, want;
	size_t len;
	uint8_t *raw = vectors_unhex(json_string_value(json_object_get(v, "raw")), &len);
	struct buf b;

	vectors_hex(want.b, 32, v, "digest");
	assert_int_equal(tx_digest(&hash, t, NULL), 0);
	assert_memory_equal(hash.b, want.b, 32);
	buf_init(&b, TX_DATA_MAX);
	buf_add_str(&b, "before");
	assert_int_equal(tx_sign(&b, &hash, t, key, NULL), 0);
	assert_int_equal(b.len, 6 + len);
	assert_memory_equal(b.data + 6, raw, len);
	vectors_hex(want.b, 32, v, "hash");
	assert_memory_equal(hash.b, want.b, 32);
	buf_fini(&b);
	free(raw);
	sig_key_free(key);
}

static void check_parsing(const struct tx *t, const json_t *v)
{
	struct eth_addr sender, from;
	struct hash32 hash, want;
	struct tx got;
	size_t len, n;
	uint8_t *raw = vectors_unhex(json_string_value(json_object_get(v, "raw")), &len);

	assert_int_equal(tx_parse(&got, &sender, &hash, raw, len, NULL), 0);
	assert_same(&got, t);
	vectors_hex(want.b, 32, v, "hash");
	assert_memory_equal(hash.b, want.b, 32);
	vectors_hex(from.b, 20, v, "from");
	assert_true(eth_addr_equal(&sender, &from));
	raw[len] = 0x80;
	assert_int_equal(tx_parse(&got, &sender, &hash, raw, len + 1, NULL), -1);
	for (n = 0; n < len; n += len > 500 ? 97 : 1)
		assert_int_equal(tx_parse(&got, &sender, &hash, raw, n, NULL), -1);
	free(raw);
}

static void transactions_agree_with_ethers(void **state)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(ours, "txs"), i, v) {
		struct tx t = tx_of(v);

		check_signing(&t, v);
		check_parsing(&t, v);
		free((void *)t.data);
	}
	assert_int_equal(i, 40);
}

/* The standard's own: https://eips.ethereum.org/EIPS/eip-155, Example. */
static void the_example_of_eip_155(void **state)
{
	static const char raw_hex[] =
		"f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a7640000"
		"8025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f"
		"761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83";
	struct tx t = {
		.legacy = true, .chain_id = 1, .nonce = 9, .gas = 21000,
		.max_fee = { { 20000000000 } }, .value = { { 1000000000000000000 } },
	};
	struct hash32 hash;
	struct sig_key *key;
	uint8_t secret[32], *raw;
	struct buf b;
	char hex[65];
	size_t len;

	memset(secret, 0x46, 32);
	memset(t.to.b, 0x35, 20);
	key = sig_key_new(secret, NULL);
	assert_int_equal(tx_digest(&hash, &t, NULL), 0);
	hex_fmt(hex, hash.b, 32);
	assert_string_equal(hex, "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
	buf_init(&b, 1000);
	assert_int_equal(tx_sign(&b, &hash, &t, key, NULL), 0);
	raw = vectors_unhex(raw_hex, &len);
	assert_int_equal(b.len, len);
	assert_memory_equal(b.data, raw, len);
	free(raw);
	buf_fini(&b);
	sig_key_free(key);
}

/* The secret of a key comes out as it went in, for keystores. */
static void a_key_gives_its_secret(void **state)
{
	uint8_t in[32], out[32];
	struct sig_key *key;

	memset(in, 0x46, 32);
	key = sig_key_new(in, NULL);
	sig_key_export(key, out);
	assert_memory_equal(in, out, 32);
	sig_key_free(key);
}

static void created_addresses_agree_with_ethers(void **state)
{
	struct eth_addr from, want, got;
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(ours, "created"), i, v) {
		vectors_hex(from.b, 20, v, "from");
		vectors_hex(want.b, 20, v, "address");
		got = tx_created_address(&from, small_number(v, "nonce"));
		assert_true(eth_addr_equal(&got, &want));
	}
	assert_int_equal(i, 8);
}

/* The example of EIP-712; base/eip712 makes flat structs, nested ones enter as their hash. */
static void the_example_of_eip_712(void **state)
{
	json_t *v = json_object_get(ours, "etherMail");
	struct hash32 domain, want, got;
	uint8_t word[32];
	struct eip712 e;
	char hex[65];

	eip712_init(&e, json_string_value(json_object_get(v, "type")));
	vectors_hex(word, 32, v, "from");
	eip712_add_word(&e, word);
	vectors_hex(word, 32, v, "to");
	eip712_add_word(&e, word);
	eip712_add_string(&e, json_string_value(json_object_get(v, "contents")));
	vectors_hex(domain.b, 32, v, "domainHash");
	vectors_hex(want.b, 32, v, "digest");
	got = eip712_digest(&e, &domain);
	assert_memory_equal(got.b, want.b, 32);
	hex_fmt(hex, got.b, 32);	/* as the standard prints it */
	assert_string_equal(hex, "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
}

/* ---- what is never signed ---- */

static struct tx plain(void)
{
	return (struct tx){ .chain_id = 1, .gas = 21000, .max_fee = { { 10 } }, .max_tip = { { 10 } } };
}

static void check_refused(const struct tx *t, enum err_code code, const char *why)
{
	struct sig_key *key = sig_key_generate();
	struct hash32 hash;
	struct err err;
	struct buf b;

	buf_init(&b, 1 << 20);
	assert_int_equal(tx_digest(&hash, t, &err), -1);
	assert_int_equal(err.code, code);
	assert_int_equal(tx_sign(&b, &hash, t, key, &err), -1);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.msg, why));
	assert_int_equal(b.len, 0);
	buf_fini(&b);
	sig_key_free(key);
}

static void what_any_chain_would_take_is_not_signed(void **state)
{
	struct tx t = plain();

	t.chain_id = 0;
	check_refused(&t, ERR_INVALID, "chain id");
	t.legacy = true;
	check_refused(&t, ERR_INVALID, "chain id");
	t.chain_id = UINT64_MAX / 2;	/* v would overflow */
	check_refused(&t, ERR_INVALID, "chain id");
}

static void limits_are_kept(void **state)
{
	uint8_t *data = xcalloc(1, TX_DATA_MAX + 1);
	struct hash32 hash;
	struct tx t = plain();

	t.gas = TX_GAS_MAX;
	assert_int_equal(tx_digest(&hash, &t, NULL), 0);
	t.gas++;
	check_refused(&t, ERR_LIMIT, "gas");
	t = plain();
	t.max_tip.w[0]++;
	check_refused(&t, ERR_INVALID, "tip");
	t.legacy = true;	/* has none */
	assert_int_equal(tx_digest(&hash, &t, NULL), 0);
	t = plain();
	t.data = data;
	t.n_data = TX_DATA_MAX;
	assert_int_equal(tx_digest(&hash, &t, NULL), 0);
	t.n_data++;
	check_refused(&t, ERR_LIMIT, "data");
	free(data);
}

static void the_longest_transaction_fits_and_comes_back(void **state)
{
	struct sig_key *key = sig_key_generate();
	uint8_t *data = xcalloc(1, TX_DATA_MAX);
	struct u256 top = { { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } };
	struct tx t = plain(), got;
	struct eth_addr sender, me = sig_key_addr(key);
	struct hash32 hash, again;
	struct buf b;

	t.chain_id = (UINT64_MAX - 36) / 2;
	t.nonce = UINT64_MAX;
	t.gas = TX_GAS_MAX;
	t.max_fee = t.max_tip = t.value = top;
	t.data = data;
	t.n_data = TX_DATA_MAX;
	for (t.legacy = false;; t.legacy = true, t.max_tip = u256_zero) {
		buf_init(&b, 1 << 20);
		assert_int_equal(tx_sign(&b, &hash, &t, key, NULL), 0);
		assert_int_equal(tx_parse(&got, &sender, &again, b.data, b.len, NULL), 0);
		assert_same(&got, &t);
		assert_true(eth_addr_equal(&sender, &me));
		assert_memory_equal(hash.b, again.b, 32);
		buf_fini(&b);
		if (t.legacy)
			break;
	}
	free(data);
	sig_key_free(key);
}

static void a_full_buffer_is_a_limit_and_left_as_it_was(void **state)
{
	struct sig_key *key = sig_key_generate();
	struct tx t = plain();
	struct hash32 hash;
	struct err err;
	struct buf b;
	size_t max;

	for (max = 4; max < 90; max += 7) {
		buf_init(&b, max);
		buf_add_str(&b, "kept");
		assert_int_equal(tx_sign(&b, &hash, &t, key, &err), -1);
		assert_int_equal(err.code, ERR_LIMIT);
		assert_int_equal(b.len, 4);
		buf_fini(&b);
	}
	sig_key_free(key);
}

static void costs_are_summed_and_overflow_is_told(void **state)
{
	struct u256 top = { { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } }, wei;
	struct tx t = plain();
	struct err err;

	t.value = u256_of(5);
	assert_int_equal(tx_max_cost(&wei, &t, NULL), 0);
	assert_int_equal(wei.w[0], 210005);
	t.max_fee = top;
	assert_int_equal(tx_max_cost(&wei, &t, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	t.max_fee = u256_of(1);
	t.value = top;
	assert_int_equal(tx_max_cost(&wei, &t, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
}

/* ---- raw transactions of others ---- */

static void check_unreadable(const uint8_t *raw, size_t len, enum err_code code, const char *why)
{
	struct eth_addr sender;
	struct hash32 hash;
	struct err err;
	struct tx t;

	assert_int_equal(tx_parse(&t, &sender, &hash, raw, len, &err), -1);
	assert_int_equal(err.code, code);
	if (!strstr(err.msg, why))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, why);
}

static void kinds_that_we_do_not_make_are_refused_by_name(void **state)
{
	static const struct { const char *name, *why; enum err_code code; } cases[] = {
		{ "withAccessList", "access list", ERR_INVALID }, { "ofType1", "type 1", ERR_INVALID },
		{ "beforeEip155", "without chain id", ERR_INVALID }, { "aboveGasCap", "gas", ERR_LIMIT },
	};
	size_t i, len;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *v = json_object_get(json_object_get(ours, "foreign"), cases[i].name);
		uint8_t *raw = vectors_unhex(json_string_value(v), &len);

		check_unreadable(raw, len, cases[i].code, cases[i].why);
		free(raw);
	}
}

/* A list of n numbers; field at is `odd` bytes of 1 instead. */
static void check_fields(uint8_t type, size_t n, size_t at, size_t odd, bool as_list, const char *why)
{
	static const uint8_t ones[40] = { 1 };
	struct rlp_out o;
	struct buf b;
	size_t i;

	buf_init(&b, 500);
	if (type)
		buf_add_u8(&b, type);
	rlp_out_init(&o, &b);
	rlp_open_list(&o);
	for (i = 0; i < n; i++) {
		if (type && i == 8 && i != at) {	/* the access list */
			rlp_open_list(&o);
			rlp_close_list(&o);
		} else if (i != at) {
			rlp_add_u64(&o, i == 5 || (!type && i == 3) ? 0 : !type && i == 6 ? 37 : 1);
		} else if (as_list) {
			rlp_open_list(&o);
			rlp_add_u64(&o, 1);
			rlp_close_list(&o);
		} else {
			rlp_add_bytes(&o, ones, odd);
		}
	}
	rlp_close_list(&o);
	assert_int_equal(rlp_finish(&o, NULL), 0);
	check_unreadable(b.data, b.len, ERR_INVALID, why);
	buf_fini(&b);
}

static void fields_of_the_wrong_kind_are_refused(void **state)
{
	size_t at;

	for (at = 0; at < 12; at++)
		if (at != 5 && at != 7 && at != 8)
			check_fields(2, 12, at, 0, true, "a list");
	for (at = 0; at < 9; at++)
		if (at != 3 && at != 5)
			check_fields(0, 9, at, 0, true, "a list");
	check_fields(2, 12, 7, 0, true, "or a list");
	check_fields(2, 12, 8, 0, true, "access list");
	check_fields(2, 12, 8, 0, false, "access list");
	check_fields(2, 12, 5, 0, true, "no address");
	check_fields(2, 12, 5, 19, false, "no address");
	check_fields(2, 12, 5, 21, false, "no address");
	check_fields(2, 12, 0, 9, false, "64 bits");
	check_fields(2, 12, 2, 33, false, "256 bits");
	check_fields(2, 12, 9, 2, false, "parity");
	check_fields(2, 13, 99, 0, false, "more fields");
	check_fields(2, 11, 99, 0, false, "cut short");
	check_fields(0, 10, 99, 0, false, "more fields");
	check_fields(0, 8, 99, 0, false, "cut short");
}

static void nothing_and_strings_are_no_transactions(void **state)
{
	check_unreadable((const uint8_t *)"", 0, ERR_INVALID, "nothing");
	check_unreadable((const uint8_t *)"\x80", 1, ERR_INVALID, "type 128");
	check_unreadable((const uint8_t *)"\x02", 1, ERR_INVALID, "cut short");
	check_unreadable((const uint8_t *)"\x02\x80", 2, ERR_INVALID, "one list");
	check_unreadable((const uint8_t *)"\xc0", 1, ERR_INVALID, "cut short");
	check_unreadable((const uint8_t *)"\xc0\xc0", 2, ERR_INVALID, "one list");
}

/* One bit anywhere: another transaction or sender, or none. */
static void a_flipped_bit_is_seen(void **state)
{
	json_t *v = json_array_get(json_object_get(ours, "txs"), 1);
	struct eth_addr from, sender;
	struct hash32 hash;
	struct tx t;
	size_t len, i;
	uint8_t *raw = vectors_unhex(json_string_value(json_object_get(v, "raw")), &len);

	vectors_hex(from.b, 20, v, "from");
	for (i = 0; i < len * 8; i++) {
		raw[i / 8] ^= (uint8_t)(1 << i % 8);
		if (tx_parse(&t, &sender, &hash, raw, len, NULL) == 0)
			assert_false(eth_addr_equal(&sender, &from));
		raw[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	free(raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transactions_agree_with_ethers),
		cmocka_unit_test(the_example_of_eip_155),
		cmocka_unit_test(a_key_gives_its_secret),
		cmocka_unit_test(created_addresses_agree_with_ethers),
		cmocka_unit_test(the_example_of_eip_712),
		cmocka_unit_test(what_any_chain_would_take_is_not_signed),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(the_longest_transaction_fits_and_comes_back),
		cmocka_unit_test(a_full_buffer_is_a_limit_and_left_as_it_was),
		cmocka_unit_test(costs_are_summed_and_overflow_is_told),
		cmocka_unit_test(kinds_that_we_do_not_make_are_refused_by_name),
		cmocka_unit_test(fields_of_the_wrong_kind_are_refused),
		cmocka_unit_test(nothing_and_strings_are_no_transactions),
		cmocka_unit_test(a_flipped_bit_is_seen),
	};

	return cmocka_run_group_tests(tests, load, drop);
}
