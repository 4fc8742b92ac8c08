#include "test/test.h"

#include <string.h>

#include "base/eip712.h"
#include "test/vectors.h"

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

static struct hash32 domain_of(const json_t *v)
{
	struct eip712_domain d;

	d.chain_id = (uint64_t)json_integer_value(json_object_get(v, "chainId"));
	vectors_hex(d.contract.b, 20, v, "verifyingContract");
	return eip712_domain_hash(&d);
}

static void domain_hash_agrees_with_ethers(void **state)
{
	struct hash32 want, got;
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(*state, "domains"), i, v) {
		vectors_hex(want.b, 32, v, "domainHash");
		got = domain_of(v);
		assert_memory_equal(got.b, want.b, 32);
	}
	assert_int_equal(i, 2);
}

static void digest_of_atoms_agrees_with_ethers(void **state)
{
	uint8_t key[32], transcript[32];
	struct hash32 want, got, domain;
	struct eip712 e;
	json_t *v;
	size_t i;

	vectors_hex(key, 32, *state, "staticKey");
	vectors_hex(transcript, 32, *state, "transcript");
	json_array_foreach(json_object_get(*state, "domains"), i, v) {
		domain = domain_of(v);
		eip712_init(&e, "PeerIdentity(bytes32 staticKey,bytes32 transcript,uint8 side)");
		eip712_add_word(&e, key);
		eip712_add_word(&e, transcript);
		eip712_add_uint(&e, 1);
		vectors_hex(want.b, 32, json_object_get(v, "identity"), "digest");
		got = eip712_digest(&e, &domain);
		assert_memory_equal(got.b, want.b, 32);
	}
}

static void each_domain_gives_another_digest(void **state)
{
	struct eip712_domain off = { 0 }, on = { .chain_id = 1 }, other = { .contract = { { 1 } } };
	struct hash32 a = eip712_domain_hash(&off), b = eip712_domain_hash(&on);
	struct hash32 c = eip712_domain_hash(&other);

	assert_memory_not_equal(a.b, b.b, 32);
	assert_memory_not_equal(a.b, c.b, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domain_hash_agrees_with_ethers),
		cmocka_unit_test(digest_of_atoms_agrees_with_ethers),
		cmocka_unit_test(each_domain_gives_another_digest),
	};

	return cmocka_run_group_tests(tests, load, drop);
}
