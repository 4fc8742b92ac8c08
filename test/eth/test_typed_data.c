#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/typed_data.h"
#include "test/vectors.h"

static struct err err;
static struct typed_data t;

/* ---- known answers ---- */

static void same(const struct hash32 *h, const json_t *v, const char *field)
{
	uint8_t want[32];

	vectors_hex(want, 32, v, field);
	assert_memory_equal(h->b, want, 32);
}

static void check_vector(const json_t *v)
{
	const char *text = json_string_value(json_object_get(v, "data"));

	if (typed_data_hash(&t, text, strlen(text), &err) < 0)
		fail_msg("%s: %s", err.msg, text);
	same(&t.domain, v, "domain");
	same(&t.message, v, "message");
	same(&t.digest, v, "digest");
}

static void vectors_hash_to_what_they_say(void **state)
{
	json_t *root = vectors_load("test/vectors/typed_data.json");
	size_t i;

	assert_true(json_array_size(root) > 50);
	for (i = 0; i < json_array_size(root); i++)
		check_vector(json_array_get(root, i));
	json_decref(root);
}

static void the_standard_s_example_has_the_standard_s_digest(void **state)
{
	static const char want[] = "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2";
	json_t *root = vectors_load("test/vectors/typed_data.json");
	uint8_t digest[32];

	check_vector(json_array_get(root, 0));
	assert_int_equal(hex_parse(digest, 32, want), 0);
	assert_memory_equal(t.digest.b, digest, 32);
	assert_string_equal(t.primary, "Mail");
	assert_true(t.has_chain_id);
	assert_int_equal(t.chain_id, 1);
	json_decref(root);
}

/* ---- rules ---- */

#define DATA(types, primary, message) \
	"{\"types\":{" types "},\"primaryType\":\"" primary "\",\"domain\":{\"name\":\"x\"},\"message\":" message "}"
#define ONE(type, value) DATA("\"M\":[{\"name\":\"a\",\"type\":\"" type "\"}]", "M", "{\"a\":" value "}")

static int hash(const char *text)
{
	return typed_data_hash(&t, text, strlen(text), &err);
}

static void takes(const char *text)
{
	if (hash(text) < 0)
		fail_msg("%s: %s", err.msg, text);
}

static void refuses(const char *text, const char *why)
{
	if (hash(text) == 0)
		fail_msg("taken: %s", text);
	if (!strstr(err.msg, why))
		fail_msg("%s: %s", text, err.msg);
}

static void numbers_are_within_their_types(void **state)
{
	takes(ONE("uint8", "255"));
	refuses(ONE("uint8", "256"), "a: the number does not fit");
	refuses(ONE("uint8", "-1"), "does not fit");
	takes(ONE("int8", "-128"));
	takes(ONE("int8", "127"));
	refuses(ONE("int8", "-129"), "does not fit");
	refuses(ONE("int8", "128"), "does not fit");
	takes(ONE("int64", "-9223372036854775808"));
	takes(ONE("uint256", "\"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\""));
	takes(ONE("int256", "\"-57896044618658097711785492504343953926634992332820282019728792003956564819968\""));
	refuses(ONE("int256", "\"-57896044618658097711785492504343953926634992332820282019728792003956564819969\""),
		"does not fit");
	refuses(ONE("uint256", "1.0"), "not a whole number");
	refuses(ONE("uint256", "\"1e3\""), "not a whole number");
	refuses(ONE("uint256", "\"\""), "not a whole number");
	refuses(ONE("uint256", "\"-0x1\""), "not a whole number");
	refuses(ONE("uint256", "\"1\\u0000\""), "not a whole number");
	refuses(ONE("uint256", "true"), "not a whole number");
}

static void other_atoms_are_what_they_say(void **state)
{
	takes(ONE("bool", "false"));
	refuses(ONE("bool", "0"), "neither true nor false");
	takes(ONE("bytes", "\"0x\""));
	refuses(ONE("bytes", "\"\""), "0x and hex digits");
	refuses(ONE("bytes", "\"0x1\""), "0x and hex digits");
	refuses(ONE("bytes", "\"0xzz\""), "0x and hex digits");
	takes(ONE("bytes2", "\"0xFFee\""));
	refuses(ONE("bytes2", "\"0xff\""), "not so many bytes");
	refuses(ONE("address", "\"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8dD826\""), "capitals");
	takes(ONE("address", "\"0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826\""));
	takes(ONE("string", "\"a\\u0000b\""));
	refuses(ONE("string", "5"), "not a text");
	refuses(ONE("string", "null"), "not a text");
}

static void a_text_is_hashed_behind_its_nul_too(void **state)
{
	struct hash32 whole;

	takes(ONE("string", "\"a\\u0000b\""));
	whole = t.digest;
	takes(ONE("string", "\"a\""));
	assert_memory_not_equal(whole.b, t.digest.b, 32);
}

static void types_are_checked_before_anything_is_hashed(void **state)
{
	refuses(ONE("uint", "1"), "no such type as \"uint\"");
	refuses(ONE("uint7", "1"), "no such type");
	refuses(ONE("Other", "1"), "no such type");
	refuses(ONE("uint8[", "1"), "no such type");
	refuses(ONE("uint8[0]", "[]"), "no such type");
	refuses(ONE("uint8[01]", "[1]"), "no such type");
	refuses(ONE("(uint8)", "1"), "no such type");
	refuses(ONE("uint8 [2]", "1"), "no such type");
	refuses(DATA("\"uint8\":[]", "uint8", "{}"), "not a name for a type");
	refuses(DATA("\"A b\":[]", "A b", "{}"), "not a name for a type");
	refuses(DATA("\"M\":{}", "M", "{}"), "no list of fields");
	refuses(DATA("\"M\":[{\"name\":\"a\"}]", "M", "{}"), "without a proper type");
	refuses(DATA("\"M\":[{\"type\":\"bool\"}]", "M", "{}"), "without a proper name");
	refuses(DATA("\"M\":[{\"name\":\"a\",\"type\":\"bool\"},{\"name\":\"a\",\"type\":\"bool\"}]", "M",
		     "{\"a\":true}"), "two fields of one name");
	refuses(DATA("\"M\":[]", "N", "{}"), "primaryType");
	refuses(DATA("\"M\":[]", "EIP712Domain", "{}"), "primaryType");
}

static void what_is_shown_is_what_is_signed(void **state)
{
	refuses(DATA("\"M\":[{\"name\":\"a\",\"type\":\"bool\"}]", "M", "{\"a\":true,\"amount\":1}"),
		"message: has a field that its type does not have");
	refuses(DATA("\"M\":[{\"name\":\"a\",\"type\":\"bool\"}]", "M", "{}"), "a: missing");
	refuses("{\"types\":{\"M\":[]},\"primaryType\":\"M\",\"domain\":{\"chain\":1},\"message\":{}}",
		"domain: has a field");
	refuses(DATA("\"M\":[]", "M", "{\"a\":1,\"a\":2}"), "line 1");
	refuses(DATA("\"M\":[]", "M", "[]"), "message: not an object");
	refuses("{\"types\":{\"M\":[]},\"primaryType\":\"M\",\"domain\":{\"chainId\":\"0x10000000000000000\"},"
		"\"message\":{}}", "chainId: no such chain");
}

static void arrays_have_as_many_items_as_they_say(void **state)
{
	takes(ONE("uint8[2]", "[1,2]"));
	refuses(ONE("uint8[2]", "[1]"), "not so many items");
	takes(ONE("uint8[]", "[]"));
	refuses(ONE("uint8[]", "{}"), "not a list");
	takes(ONE("uint8[2][]", "[[1,2],[3,4]]"));
	refuses(ONE("uint8[2][]", "[[1,2],[3]]"), "not so many items");
}

/* ---- types within themselves ---- */

#define NODE "\"Node\":[{\"name\":\"v\",\"type\":\"uint8\"},{\"name\":\"c\",\"type\":\"Node[]\"}]"

static struct hash32 node(uint8_t v, const struct hash32 *children, size_t n)
{
	uint8_t words[96] = { 0 };
	struct hash32 type = hash_keccak256("Node(uint8 v,Node[] c)", 22), list = hash_keccak256(children, n * 32);

	memcpy(words, type.b, 32);
	words[63] = v;
	memcpy(words + 64, list.b, 32);
	return hash_keccak256(words, sizeof(words));
}

static void a_type_may_have_a_list_of_itself(void **state)
{
	struct hash32 child = node(2, NULL, 0), want = node(1, &child, 1);

	takes(DATA(NODE, "Node", "{\"v\":1,\"c\":[{\"v\":2,\"c\":[]}]}"));
	assert_memory_equal(t.message.b, want.b, 32);
}

static void depth_and_size_are_bounded(void **state)
{
	char *text = calloc(1, TYPED_DATA_MAX + 2), *p = text;
	int i;

	p += sprintf(p, "{\"types\":{" NODE "},\"primaryType\":\"Node\",\"domain\":{},\"message\":");
	for (i = 0; i < 30; i++)
		p += sprintf(p, "{\"v\":1,\"c\":[");
	for (i = 0; i < 30; i++)
		p += sprintf(p, "]}");
	strcpy(p, "}");
	assert_int_equal(hash(text), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	memset(text, ' ', TYPED_DATA_MAX + 1);
	assert_int_equal(typed_data_hash(&t, text, TYPED_DATA_MAX + 1, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_hash_to_what_they_say),
		cmocka_unit_test(the_standard_s_example_has_the_standard_s_digest),
		cmocka_unit_test(numbers_are_within_their_types),
		cmocka_unit_test(other_atoms_are_what_they_say),
		cmocka_unit_test(a_text_is_hashed_behind_its_nul_too),
		cmocka_unit_test(types_are_checked_before_anything_is_hashed),
		cmocka_unit_test(what_is_shown_is_what_is_signed),
		cmocka_unit_test(arrays_have_as_many_items_as_they_say),
		cmocka_unit_test(a_type_may_have_a_list_of_itself),
		cmocka_unit_test(depth_and_size_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
