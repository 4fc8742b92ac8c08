#include "test/test.h"

#include <string.h>

#include "base/hash.h"
#include "test/vectors.h"

static uint8_t input[1000];	/* as eip712.mjs makes it */

static int fill(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(input); i++)
		input[i] = (uint8_t)(i * 7 + 3);
	*state = vectors_load("test/vectors/eip712.json");
	return 0;
}

static int drop(void **state)
{
	json_decref(*state);
	return 0;
}

static void check_all(const json_t *list, struct hash32 (*fn)(const void *, size_t))
{
	struct hash32 want, got;
	json_t *v;
	size_t i;

	assert_true(json_array_size(list) > 4);
	json_array_foreach(list, i, v) {
		vectors_hex(want.b, 32, v, "hash");
		got = fn(input, (size_t)json_integer_value(json_object_get(v, "len")));
		assert_memory_equal(got.b, want.b, 32);
	}
}

static void keccak_agrees_with_ethers(void **state)
{
	check_all(json_object_get(*state, "keccak"), hash_keccak256);
}

static void sha256_agrees_with_node(void **state)
{
	check_all(json_object_get(*state, "sha256"), hash_sha256);
}

/* Ethereum's well-known hash of nothing, and FIPS 180's of "abc". */
static void known_answers(void **state)
{
	char hex[65];
	struct hash32 h = hash_keccak256(NULL, 0);

	hex_fmt(hex, h.b, 32);
	assert_string_equal(hex, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
	h = hash_keccak256("abc", 3);
	hex_fmt(hex, h.b, 32);
	assert_string_equal(hex, "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
	h = hash_sha256("abc", 3);
	hex_fmt(hex, h.b, 32);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void chunks_make_the_same_sha256(void **state)
{
	struct hash32 want = hash_sha256(input, sizeof(input)), got;
	struct sha256 *s = sha256_new();
	size_t step, at, n;

	for (step = 1; step < 200; step += 37) {
		sha256_reset(s);
		for (at = 0; at < sizeof(input); at += n) {
			n = sizeof(input) - at < step ? sizeof(input) - at : step;
			sha256_add(s, input + at, n);
		}
		got = sha256_end(s);
		assert_memory_equal(got.b, want.b, 32);
	}
	sha256_free(s);
	sha256_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keccak_agrees_with_ethers),
		cmocka_unit_test(sha256_agrees_with_node),
		cmocka_unit_test(known_answers),
		cmocka_unit_test(chunks_make_the_same_sha256),
	};

	return cmocka_run_group_tests(tests, fill, drop);
}
