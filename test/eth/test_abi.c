#include "test/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "eth/abi.h"
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

/* ---- values as a vector writes them ---- */

/* Two's complement: -v is the top minus v, plus one. */
static struct u256 number_of(const char *s)
{
	struct u256 top = { { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } }, one = u256_of(1), v;

	assert_int_equal(u256_parse_dec(&v, s + (*s == '-'), NULL), 0);
	if (*s != '-')
		return v;
	assert_true(u256_sub(&v, &v, &one));
	assert_true(u256_sub(&v, &top, &v));
	return v;
}

/* Bytes at the left or right end of a word. */
static struct u256 word_of(const char *hex, bool left)
{
	uint8_t be[32] = { 0 }, *data;
	size_t len;

	data = vectors_unhex(hex, &len);
	memcpy(be + (left ? 0 : 32 - len), data, len);
	free(data);
	return u256_from_be(be);
}

static struct abi_value value_of(const struct abi_type *t, const json_t *v)
{
	const char *s = json_string_value(v);
	struct abi_value r = { 0 };
	size_t i;

	switch (t->kind) {
	case ABI_UINT:
	case ABI_INT:
		r.word = s ? number_of(s) : u256_of((uint64_t)json_integer_value(v));
		break;
	case ABI_ADDRESS: r.word = word_of(s, false); break;
	case ABI_BOOL: r.word = u256_of(json_is_true(v)); break;
	case ABI_FIXED_BYTES: r.word = word_of(s, true); break;
	case ABI_BYTES: r.bytes = vectors_unhex(s, &r.n_bytes); break;
	case ABI_STRING:
		r.bytes = (uint8_t *)xstrdup(s);
		r.n_bytes = strlen(s);
		break;
	case ABI_ARRAY:
	case ABI_TUPLE:
		r.n_items = json_array_size(v);
		r.items = xcalloc(r.n_items + 1, sizeof(*r.items));
		for (i = 0; i < r.n_items; i++)
			r.items[i] = value_of(&t->items[t->kind == ABI_TUPLE ? i : 0], json_array_get(v, i));
	}
	return r;
}

static void assert_same(const struct abi_value *a, const struct abi_value *b)
{
	size_t i;

	assert_int_equal(u256_cmp(&a->word, &b->word), 0);
	assert_int_equal(a->n_bytes, b->n_bytes);
	if (a->n_bytes)
		assert_memory_equal(a->bytes, b->bytes, a->n_bytes);
	assert_int_equal(a->n_items, b->n_items);
	for (i = 0; i < a->n_items; i++)
		assert_same(&a->items[i], &b->items[i]);
}

static void check_both_ways(const char *text, const json_t *value, const char *hex)
{
	struct abi_value v, got;
	struct abi_type t;
	struct buf b;
	uint8_t *data;
	size_t len;

	assert_int_equal(abi_type_parse(&t, text, NULL), 0);
	buf_init(&b, 1 << 20);
	abi_type_fmt(&b, &t);
	assert_string_equal(buf_cstr(&b), text);
	buf_clear(&b);
	v = value_of(&t, value);
	data = vectors_unhex(hex, &len);
	assert_int_equal(abi_encode(&b, &t, &v, NULL), 0);
	assert_int_equal(b.len, len);
	if (len)
		assert_memory_equal(b.data, data, len);
	assert_int_equal(abi_decode(&got, &t, data, len, NULL), 0);
	assert_same(&got, &v);
	abi_value_fini(&got);
	abi_value_fini(&v);
	abi_type_fini(&t);
	buf_fini(&b);
	free(data);
}

static void encodings_agree_with_ethers(void **state)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(ours, "abi"), i, v)
		check_both_ways(json_string_value(json_object_get(v, "type")), json_object_get(v, "value"),
				json_string_value(json_object_get(v, "data")));
	assert_int_equal(i, 102);
}

/* Its bytes are text, its types a list. */
static void official_encodings_are_ours(void **state)
{
	json_t *root = vectors_load("test/vectors/eth_basic_abi_tests.json"), *v, *args;

	assert_int_equal(json_object_size(root), 3);
	v = json_object_get(root, "SingleInteger");
	check_both_ways("(uint256)", json_object_get(v, "args"), json_string_value(json_object_get(v, "result")));
	v = json_object_get(root, "IntegerAndAddress");
	check_both_ways("(uint256,address)", json_object_get(v, "args"),
			json_string_value(json_object_get(v, "result")));
	v = json_object_get(root, "GithubWikiTest");
	args = json_object_get(v, "args");
	json_array_set_new(args, 2, json_string("0x31323334353637383930"));
	check_both_ways("(uint256,uint32[],bytes10,string)", args, json_string_value(json_object_get(v, "result")));
	json_decref(root);
}

static void selectors_and_topics_agree_with_ethers(void **state)
{
	struct hash32 want, topic;
	struct abi_selector sel;
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(ours, "signatures"), i, v) {
		const char *text = json_string_value(json_object_get(v, "text"));

		vectors_hex(want.b, 32, v, "hash");
		topic = abi_topic_of(text);
		assert_memory_equal(topic.b, want.b, 32);
		sel = abi_selector_of(text);
		assert_memory_equal(sel.b, want.b, 4);
	}
	assert_int_equal(i, 6);
	sel = abi_selector_of("transfer(address,uint256)");
	assert_memory_equal(sel.b, "\xa9\x05\x9c\xbb", 4);
}

/* ---- types ---- */

static void what_is_no_type_is_refused(void **state)
{
	static const char *const bad[] = {
		"", " ", "u", "uint0", "uint7", "uint257", "uint264", "uint08", "uint256 ", " uint256", "uint-8",
		"int12", "int0", "bytes0", "bytes33", "bytes01", "bytes032", "byte", "Address", "address payable",
		"boolean", "fixed128x18", "function", "uint256[", "uint256]", "uint256[]]", "uint256[0]",
		"uint256[-1]", "uint256[01]", "uint256[ ]", "uint256[1 ]", "uint256[99999]", "uint256[65536]",
		"uint256[4294967297]", "uint99999999999999999999", "(", ")", "(uint256", "uint256)", "(uint256,)",
		"(,uint256)", "(uint256,,bool)", "(uint256 a)", "()()", "tuple(uint256)", "[]", "uint256,bool",
		"(())", "(()[])",
		"uint256[][][][][][][][][]", "(((((((((uint8)))))))))",
	};
	struct abi_type t;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (abi_type_parse(&t, bad[i], &err) == 0)
			fail_msg("%s is accepted", bad[i]);
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.msg, " at "));
		assert_int_equal(abi_type_parse(&t, bad[i], NULL), -1);
	}
}

static void types_come_back_as_text(void **state)
{
	static const char *const good[][2] = {
		{ "uint", "uint256" }, { "int", "int256" }, { "uint8", "uint8" }, { "bytes1", "bytes1" },
		{ "bytes32[2][]", "bytes32[2][]" }, { "(address,uint96)[]", "(address,uint96)[]" }, { "()", "()" },
		{ "uint256[65529]", "uint256[65529]" }, { "uint256[][][][][][][][]", "uint256[][][][][][][][]" },
		{ "((((((((uint8))))))))", "((((((((uint8))))))))" },
	};
	struct abi_type t;
	struct buf b;
	size_t i;

	buf_init(&b, 1000);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		buf_clear(&b);
		assert_int_equal(abi_type_parse(&t, good[i][0], NULL), 0);
		abi_type_fmt(&b, &t);
		assert_string_equal(buf_cstr(&b), good[i][1]);
		abi_type_fini(&t);
	}
	buf_fini(&b);
}

static void a_tuple_has_at_most_64_members(void **state)
{
	char text[400] = "(bool";
	struct abi_type t;
	int i;

	for (i = 1; i < 64; i++)
		strcat(text, ",bool");
	strcat(text, ")");
	assert_int_equal(abi_type_parse(&t, text, NULL), 0);
	abi_type_fini(&t);
	strcpy(text + strlen(text) - 1, ",bool)");
	assert_int_equal(abi_type_parse(&t, text, NULL), -1);
}

/* ---- values that do not fit ---- */

static int encode_words(const char *type, const json_t *value, struct err *err)
{
	struct abi_type t;
	struct abi_value v;
	struct buf b;
	int rc;

	assert_int_equal(abi_type_parse(&t, type, NULL), 0);
	v = value_of(&t, value);
	buf_init(&b, 1000);
	buf_add_str(&b, "kept");
	rc = abi_encode(&b, &t, &v, err);
	if (rc < 0)
		assert_int_equal(b.len, 4);
	abi_value_fini(&v);
	abi_type_fini(&t);
	buf_fini(&b);
	return rc;
}

static void values_that_do_not_fit_their_type_are_not_written(void **state)
{
	static const struct { const char *type, *value; int rc; } cases[] = {
		{ "(uint8)", "[255]", 0 }, { "(uint8)", "[256]", -1 }, { "(int8)", "[\"127\"]", 0 },
		{ "(int8)", "[\"128\"]", -1 }, { "(int8)", "[\"-128\"]", 0 }, { "(int8)", "[\"-129\"]", -1 },
		{ "(int256)", "[\"-1\"]", 0 }, { "(uint248)", "[\"-1\"]", -1 },
		{ "(uint8[2])", "[[1]]", -1 }, { "(uint8[2])", "[[1,2,3]]", -1 }, { "(uint8[2])", "[[1,2]]", 0 },
		{ "((uint8,uint8))", "[[1]]", -1 }, { "((uint8,uint8))", "[[1,256]]", -1 },
		{ "(uint8)", "[]", -1 }, { "(uint8,string,uint8)", "[1,\"text\",256]", -1 },
		{ "(string,uint8[])", "[\"text\",[1,2,256]]", -1 },
		{ "(address)", "[\"0x01ffffffffffffffffffffffffffffffffffffffff\"]", -1 },
		{ "(bytes2)", "[\"0xffff\"]", 0 }, { "(bytes2)", "[\"0xffffff\"]", -1 },
	};
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *v = json_loads(cases[i].value, 0, NULL);

		if (encode_words(cases[i].type, v, &err) != cases[i].rc)
			fail_msg("%s of %s", cases[i].value, cases[i].type);
		if (cases[i].rc < 0)
			assert_int_equal(err.code, ERR_INVALID);
		json_decref(v);
	}
}

static void what_does_not_fit_the_buffer_is_a_limit(void **state)
{
	json_t *v = json_loads("[\"text\", [1, 2]]", 0, NULL);
	struct abi_value value;
	struct abi_type t;
	struct err err;
	struct buf b;
	size_t max;

	assert_int_equal(abi_type_parse(&t, "(string,uint8[])", NULL), 0);
	value = value_of(&t, v);
	for (max = 0; max <= 224; max += 8) {
		buf_init(&b, max);
		assert_int_equal(abi_encode(&b, &t, &value, &err), max < 224 ? -1 : 0);
		if (max < 224)
			assert_int_equal(err.code, ERR_LIMIT);
		buf_fini(&b);
	}
	abi_value_fini(&value);
	abi_type_fini(&t);
	json_decref(v);
}

static void arguments_are_a_tuple(void **state)
{
	struct abi_value v = { 0 };
	struct abi_type t;
	struct err err;
	struct buf b;

	assert_int_equal(abi_type_parse(&t, "uint256", NULL), 0);
	buf_init(&b, 100);
	assert_int_equal(abi_encode(&b, &t, &v, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(abi_decode(&v, &t, "", 0, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	abi_type_fini(&t);
}

/* ---- a node that lies ---- */

/* Words as small numbers; "ff" words by ~0. */
static int decode_words(const char *type, const uint64_t *words, size_t n, struct err *err)
{
	uint8_t *data = xmalloc(n * 32);
	struct abi_value v;
	struct abi_type t;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		struct u256 w = u256_of(words[i]);

		u256_to_be(data + i * 32, &w);
		if (words[i] == UINT64_MAX)
			memset(data + i * 32, 0xff, 32);
	}
	assert_int_equal(abi_type_parse(&t, type, NULL), 0);
	rc = abi_decode(&v, &t, data, n * 32, err);
	if (rc == 0)
		abi_value_fini(&v);
	abi_type_fini(&t);
	free(data);
	return rc;
}

static void lies_are_refused(void **state)
{
	static const struct { const char *type; uint64_t w[8]; size_t n; int rc; } cases[] = {
		{ "(uint256)", { 0 }, 0, -1 }, { "(uint8)", { 256 }, 1, -1 }, { "(bool)", { 2 }, 1, -1 },
		{ "(uint8)", { 255, 1, 2 }, 3, 0 },	/* more behind it is Solidity's way */
		{ "(int8)", { 128 }, 1, -1 }, { "(int8)", { UINT64_MAX }, 1, 0 }, { "(address)", { UINT64_MAX }, 1, -1 },
		{ "(bytes31)", { 1 }, 1, -1 }, { "(bytes32)", { 1 }, 1, 0 },
		{ "(bytes)", { 32, 0 }, 2, 0 }, { "(bytes)", { 32, 1 }, 2, -1 }, { "(bytes)", { 32, 31, 1 }, 3, -1 },
		{ "(bytes)", { 32, 32, 1 }, 3, 0 }, { "(bytes)", { 32, 33, 1 }, 3, -1 }, { "(bytes)", { 64, 0 }, 2, -1 },
		{ "(bytes)", { 33, 0 }, 2, -1 }, { "(bytes)", { UINT64_MAX, 0 }, 2, -1 },
		{ "(bytes)", { UINT64_MAX - 1, 0 }, 2, -1 }, { "(bytes)", { 32, UINT64_MAX }, 2, -1 },
		{ "(bytes)", { 32, UINT64_MAX - 31 }, 2, -1 }, { "(bytes)", { 0 }, 1, 0 },
		{ "(uint8[])", { 32, 2, 1, 2 }, 4, 0 }, { "(uint8[])", { 32, 3, 1, 2 }, 4, -1 },
		{ "(uint8[])", { 32, UINT64_MAX, 1 }, 3, -1 }, { "(uint8[])", { 32, 1ull << 59, 1 }, 3, -1 },
		{ "(uint8[2])", { 1 }, 1, -1 }, { "(string[1])", { 32, 32, 0 }, 3, 0 },
		{ "(string[1])", { 32, 96, 0 }, 3, -1 }, { "((bytes)[])", { 32, 1, 32, 32, 0 }, 5, 0 },
		{ "(bytes[])", { 32, 1, UINT64_MAX - 63 }, 3, -1 },	/* wraps round to the beginning */
		{ "((bytes)[])", { 32, 1, 32, 64, 0 }, 5, -1 }, { "(uint8[65529])", { 1 }, 1, -1 },
		{ "(uint8[65000][65000][65000][65000][65000])", { 1 }, 1, -1 },
	};
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (decode_words(cases[i].type, cases[i].w, cases[i].n, &err) != cases[i].rc)
			fail_msg("case %zu of %s: %s", i, cases[i].type, err.msg);
		if (cases[i].rc < 0)
			assert_int_equal(err.code, ERR_INVALID);
	}
}

/* Offsets that all point to the same long string: each value would be a copy of it. */
static void a_small_answer_does_not_become_gigabytes(void **state)
{
	enum { N = 2000, LEN = 64000 };
	uint64_t *w = xcalloc(2 + N + 1 + LEN / 32, sizeof(*w));
	struct err err;
	size_t i;

	w[0] = 32;
	w[1] = N;
	for (i = 0; i < N; i++)
		w[2 + i] = N * 32;
	w[2 + N] = LEN;
	assert_int_equal(decode_words("(bytes[])", w, 2 + N + 1 + LEN / 32, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "than the data"));
	free(w);
}

/* Arrays in arrays that share their members. */
static void a_small_answer_does_not_become_millions_of_values(void **state)
{
	enum { N = 600 };
	uint64_t *w = xcalloc(2 + 2 * N + 1, sizeof(*w));
	struct err err;
	size_t i;

	w[0] = 32;
	w[1] = N;
	for (i = 0; i < N; i++)
		w[2 + i] = N * 32;
	w[2 + N] = N;
	assert_int_equal(decode_words("(uint8[][])", w, 2 + 2 * N + 1, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "too many"));
	free(w);
}

static void each_shortened_answer_is_refused(void **state)
{
	struct abi_value got;
	struct abi_type t;
	uint8_t *data, *cut;
	size_t i, n, len;
	json_t *v;

	json_array_foreach(json_object_get(ours, "abi"), i, v) {
		if (strstr(json_string_value(json_object_get(v, "type")), "()"))
			continue;	/* has no bytes of its own */
		assert_int_equal(abi_type_parse(&t, json_string_value(json_object_get(v, "type")), NULL), 0);
		data = vectors_unhex(json_string_value(json_object_get(v, "data")), &len);
		for (n = 0; n < len; n += 31) {
			cut = xmalloc(n + 1);
			memcpy(cut, data, n);
			assert_int_equal(abi_decode(&got, &t, cut, n, NULL), -1);
			free(cut);
		}
		free(data);
		abi_type_fini(&t);
	}
}

/* ---- calldata of the flat kind ---- */

static void flat_arguments_are_those_of_the_tree(void **state)
{
	struct abi_selector sel = abi_selector_of("f(uint256,address,bytes,bool,bytes32,string,uint64)");
	json_t *v = json_loads("[\"7\",\"0x0102030405060708090a0b0c0d0e0f1011121314\",\"0xabcdef\",true,"
			       "\"0x0900000000000000000000000000000000000000000000000000000000000000\",\"\",9]", 0, NULL);
	struct eth_addr addr = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 } };
	struct u256 seven = u256_of(7);
	uint8_t word[32] = { 9 };
	struct abi_value value;
	struct abi_args a;
	struct abi_type t;
	struct buf want, got;

	assert_int_equal(abi_type_parse(&t, "(uint256,address,bytes,bool,bytes32,string,uint64)", NULL), 0);
	value = value_of(&t, v);
	buf_init(&want, 1000);
	buf_init(&got, 1000);
	buf_add(&want, sel.b, 4);
	assert_int_equal(abi_encode(&want, &t, &value, NULL), 0);
	abi_args_init(&a, 7);
	abi_args_u256(&a, &seven);
	abi_args_addr(&a, &addr);
	abi_args_bytes(&a, "\xab\xcd\xef", 3);
	abi_args_bool(&a, true);
	abi_args_word(&a, word);
	abi_args_bytes(&a, "", 0);
	abi_args_u64(&a, 9);
	assert_int_equal(abi_args_end(&a, &sel, &got, NULL), 0);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
	buf_fini(&want);
	buf_fini(&got);
	abi_value_fini(&value);
	abi_type_fini(&t);
	json_decref(v);
}

static void too_many_or_too_few_arguments_are_not_written(void **state)
{
	struct abi_args a;
	struct err err;
	struct buf b;
	size_t n;

	buf_init(&b, 100);
	buf_add_str(&b, "kept");
	for (n = 0; n <= 2; n++) {
		abi_args_init(&a, n);
		abi_args_u64(&a, 1);
		assert_int_equal(abi_args_end(&a, NULL, &b, &err), n == 1 ? 0 : -1);
		assert_int_equal(b.len, n ? 36 : 4);
		if (n != 1)
			assert_int_equal(err.code, ERR_LIMIT);
	}
	abi_args_init(&a, 4);
	for (n = 0; n < 4; n++)
		abi_args_u64(&a, n);
	assert_int_equal(abi_args_end(&a, NULL, &b, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(b.len, 36);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodings_agree_with_ethers),
		cmocka_unit_test(official_encodings_are_ours),
		cmocka_unit_test(selectors_and_topics_agree_with_ethers),
		cmocka_unit_test(what_is_no_type_is_refused),
		cmocka_unit_test(types_come_back_as_text),
		cmocka_unit_test(a_tuple_has_at_most_64_members),
		cmocka_unit_test(values_that_do_not_fit_their_type_are_not_written),
		cmocka_unit_test(what_does_not_fit_the_buffer_is_a_limit),
		cmocka_unit_test(arguments_are_a_tuple),
		cmocka_unit_test(lies_are_refused),
		cmocka_unit_test(a_small_answer_does_not_become_gigabytes),
		cmocka_unit_test(a_small_answer_does_not_become_millions_of_values),
		cmocka_unit_test(each_shortened_answer_is_refused),
		cmocka_unit_test(flat_arguments_are_those_of_the_tree),
		cmocka_unit_test(too_many_or_too_few_arguments_are_not_written),
	};

	return cmocka_run_group_tests(tests, load, drop);
}
