/*
 * EIP-712 over JSON.  The type of a value is kept as its text and taken apart from the right:
 * "Person[2][]" is an array of "Person[2]".  Every JSON value is looked at once, so the work is
 * bounded by the text; type hashes are made once each.
 */
#include "eth/typed_data.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/sig.h"
#include "base/u256.h"
#include "eth/abi.h"

#define DOMAIN "EIP712Domain"
#define TYPE_TEXT_MAX 128
#define ENCODED_TYPE_MAX (TYPED_DATA_MAX + 8192)

struct known_type {
	const char *name;	/* borrowed from the JSON */
	struct hash32 hash;
	bool hashed;
};

struct coder {
	json_t *types;		/* borrowed */
	struct known_type known[TYPED_DATA_TYPES_MAX + 1];
	size_t n_known;
	struct err *err;
};

static int bad(struct coder *co, const char *where, const char *why)
{
	return err_set(co->err, ERR_INVALID, "%.60s: %s", where, why);
}

/* ---- the types ---- */

static bool is_identifier(const char *s)
{
	size_t i;

	if (!s || !*s || strlen(s) > TYPED_DATA_NAME_MAX || isdigit((unsigned char)*s))
		return false;
	for (i = 0; s[i]; i++) {
		if (!isalnum((unsigned char)s[i]) && s[i] != '_' && s[i] != '$')
			return false;
	}
	return true;
}

/* An elementary type, written as EIP-712 has it: "uint" is none, "uint256" is. */
static bool parse_atom(struct abi_type *t, const char *text)
{
	struct buf b;
	bool same;

	if (abi_type_parse(t, text, NULL) < 0)
		return false;
	buf_init(&b, 1024);
	abi_type_fmt(&b, t);
	same = strcmp(buf_cstr(&b), text) == 0 && t->kind != ABI_ARRAY && t->kind != ABI_TUPLE;
	buf_fini(&b);
	if (!same)
		abi_type_fini(t);
	return same;
}

static bool is_atom(const char *text)
{
	struct abi_type t;

	if (!parse_atom(&t, text))
		return false;
	abi_type_fini(&t);
	return true;
}

/* Cuts the last "[N]" off text.  *count: N, -1 for "[]".  False: no array. */
static bool cut_array(char *text, int64_t *count)
{
	size_t len = strlen(text);
	char *open = strrchr(text, '['), *end;

	if (!open || len < 2 || text[len - 1] != ']')
		return false;
	*count = -1;
	if (open[1] != ']') {
		if (open[1] < '1' || open[1] > '9')
			return false;
		*count = strtoll(open + 1, &end, 10);
		if (*end != ']' || end[1] || *count > TYPED_DATA_MAX)
			return false;
	}
	*open = '\0';
	return true;
}

/* The type without its arrays. */
static void base_of(char base[TYPE_TEXT_MAX], const char *text)
{
	int64_t count;

	snprintf(base, TYPE_TEXT_MAX, "%s", text);
	while (cut_array(base, &count))
		;
}

static const char *text_of(const json_t *field, const char *what)
{
	return json_string_value(json_object_get(field, what));
}

static int check_field(struct coder *co, const char *type, const json_t *field)
{
	const char *text = text_of(field, "type");
	char base[TYPE_TEXT_MAX];

	if (!is_identifier(text_of(field, "name")))
		return bad(co, type, "a field without a proper name");
	if (!text || strlen(text) >= sizeof(base))
		return bad(co, type, "a field without a proper type");
	base_of(base, text);
	if (json_object_get(co->types, base) || is_atom(base))
		return 0;
	return err_set(co->err, ERR_INVALID, "%.60s: no such type as \"%.60s\"", type, text);
}

static int check_type(struct coder *co, const char *name, const json_t *fields)
{
	size_t n = json_array_size(fields), i, k;

	if (!is_identifier(name) || is_atom(name))
		return bad(co, name, "not a name for a type");
	if (!json_is_array(fields))
		return bad(co, name, "the type is no list of fields");
	if (n > TYPED_DATA_FIELDS_MAX)
		return err_set(co->err, ERR_LIMIT, "%.60s: %zu fields, at most %d", name, n, TYPED_DATA_FIELDS_MAX);
	for (i = 0; i < n; i++) {
		if (check_field(co, name, json_array_get(fields, i)) < 0)
			return -1;
		for (k = 0; k < i; k++) {
			if (strcmp(text_of(json_array_get(fields, i), "name"), text_of(json_array_get(fields, k), "name")) == 0)
				return bad(co, name, "two fields of one name");
		}
	}
	return 0;
}

static int check_types(struct coder *co)
{
	const char *name;
	json_t *fields;

	if (!json_is_object(co->types))
		return bad(co, "types", "missing, or no object");
	if (json_object_size(co->types) > TYPED_DATA_TYPES_MAX)
		return err_set(co->err, ERR_LIMIT, "types: %zu, at most %d", json_object_size(co->types),
			       TYPED_DATA_TYPES_MAX);
	json_object_foreach(co->types, name, fields) {
		if (check_type(co, name, fields) < 0)
			return -1;
		co->known[co->n_known++].name = name;
	}
	return 0;
}

/* ---- encodeType ---- */

struct names {
	const char *n[TYPED_DATA_TYPES_MAX + 1];
	size_t count;
};

/* name and what it refers to; the list is short and each stands in it once. */
static void collect(const struct coder *co, struct names *list, const char *name)
{
	const json_t *fields = json_object_get(co->types, name);
	char base[TYPE_TEXT_MAX];
	size_t i;

	if (!fields)
		return;		/* an atom */
	for (i = 0; i < list->count; i++) {
		if (strcmp(list->n[i], name) == 0)
			return;
	}
	for (i = 0; i < co->n_known && strcmp(co->known[i].name, name) != 0; i++)
		;
	list->n[list->count++] = co->known[i].name;
	for (i = 0; i < json_array_size(fields); i++) {
		base_of(base, text_of(json_array_get(fields, i), "type"));
		collect(co, list, base);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_type(const struct coder *co, struct buf *b, const char *name)
{
	const json_t *fields = json_object_get(co->types, name), *f;
	size_t i;

	buf_addf(b, "%s(", name);
	for (i = 0; i < json_array_size(fields); i++) {
		f = json_array_get(fields, i);
		buf_addf(b, "%s%s %s", i ? "," : "", text_of(f, "type"), text_of(f, "name"));
	}
	buf_add_str(b, ")");
}

static struct hash32 hash_type(const struct coder *co, const char *name)
{
	struct names list = { .count = 0 };
	struct hash32 h;
	struct buf b;
	size_t i;

	collect(co, &list, name);
	qsort(list.n + 1, list.count - 1, sizeof(list.n[0]), by_name);
	buf_init(&b, ENCODED_TYPE_MAX);
	for (i = 0; i < list.count; i++)
		add_type(co, &b, list.n[i]);
	h = hash_keccak256(b.data, b.len);
	buf_fini(&b);
	return h;
}

static const struct hash32 *type_hash(struct coder *co, const char *name)
{
	struct known_type *k = co->known;

	while (strcmp(k->name, name) != 0)	/* names come from types: it is there */
		k++;
	if (!k->hashed)
		k->hash = hash_type(co, name);
	k->hashed = true;
	return &k->hash;
}

/* ---- numbers ---- */

/* JSON numbers, and texts for what is larger than they can be. */
static int read_number(struct u256 *v, bool *negative, const json_t *j)
{
	const char *s = json_string_value(j);
	json_int_t i = json_integer_value(j);

	if (json_is_integer(j)) {
		*negative = i < 0;
		*v = u256_of(i < 0 ? 0 - (uint64_t)i : (uint64_t)i);
		return 0;
	}
	if (!s || strlen(s) != json_string_length(j))
		return -1;
	*negative = *s == '-';
	s += *negative;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return *negative ? -1 : u256_parse_hex(v, s, NULL);
	return u256_parse_dec(v, s, NULL);
}

static void negate(uint8_t word[32])
{
	unsigned carry = 1;
	int i;

	for (i = 31; i >= 0; i--) {
		carry += (uint8_t)~word[i];
		word[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

/* Is the magnitude within a two's complement number of so many bits? */
static bool int_fits(const struct u256 *v, bool negative, unsigned bits)
{
	struct u256 less, one = u256_of(1);

	if (u256_bits(v) < bits)
		return true;
	return negative && u256_sub(&less, v, &one) && u256_bits(&less) < bits;
}

static int encode_number(struct coder *co, uint8_t word[32], const struct abi_type *t, const json_t *j,
			 const char *where)
{
	bool negative = false;
	struct u256 v;

	if (read_number(&v, &negative, j) < 0)
		return bad(co, where, "not a whole number");
	if (t->kind == ABI_UINT ? negative || u256_bits(&v) > t->bits : !int_fits(&v, negative, t->bits))
		return bad(co, where, "the number does not fit its type");
	u256_to_be(word, &v);
	if (negative)
		negate(word);
	return 0;
}

/* ---- other atoms ---- */

static int encode_addr(struct coder *co, uint8_t word[32], const json_t *j, const char *where)
{
	const char *s = json_string_value(j);
	struct eth_addr a;

	if (!s || eth_addr_parse(&a, s, NULL) < 0)
		return bad(co, where, "not an address, or its capitals are wrong");
	memcpy(word + 12, a.b, sizeof(a.b));
	return 0;
}

/* "0x" and hex.  fixed: exactly so many bytes, left-aligned; 0: any number, hashed. */
static int encode_bytes(struct coder *co, uint8_t word[32], const json_t *j, size_t fixed, const char *where)
{
	const char *s = json_string_value(j);
	size_t n = s ? strlen(s) : 0;
	struct hash32 h;
	uint8_t *bytes;

	if (n < 2 || n % 2 || s[0] != '0' || s[1] != 'x' || n != json_string_length(j))
		return bad(co, where, "bytes are written as 0x and hex digits");
	n = n / 2 - 1;
	if (fixed && n != fixed)
		return bad(co, where, "not so many bytes as its type says");
	bytes = xmalloc(n + 1);
	if (hex_parse(bytes, n, s) < 0) {
		free(bytes);
		return bad(co, where, "bytes are written as 0x and hex digits");
	}
	h = hash_keccak256(bytes, n);
	memcpy(word, fixed ? bytes : h.b, fixed ? n : sizeof(h.b));
	free(bytes);
	return 0;
}

static int encode_string(struct coder *co, uint8_t word[32], const json_t *j, const char *where)
{
	struct hash32 h;

	if (!json_is_string(j))
		return bad(co, where, "not a text");
	h = hash_keccak256(json_string_value(j), json_string_length(j));
	memcpy(word, h.b, sizeof(h.b));
	return 0;
}

static int encode_bool(struct coder *co, uint8_t word[32], const json_t *j, const char *where)
{
	if (!json_is_boolean(j))
		return bad(co, where, "neither true nor false");
	word[31] = json_is_true(j);
	return 0;
}

static int encode_atom(struct coder *co, uint8_t word[32], const char *type, const json_t *j, const char *where)
{
	struct abi_type t;
	int rc = -1;

	if (!parse_atom(&t, type))
		return bad(co, where, "no such type");
	switch (t.kind) {
	case ABI_UINT:
	case ABI_INT:
		rc = encode_number(co, word, &t, j, where);
		break;
	case ABI_ADDRESS:
		rc = encode_addr(co, word, j, where);
		break;
	case ABI_BOOL:
		rc = encode_bool(co, word, j, where);
		break;
	case ABI_FIXED_BYTES:
		rc = encode_bytes(co, word, j, t.size, where);
		break;
	case ABI_BYTES:
		rc = encode_bytes(co, word, j, 0, where);
		break;
	case ABI_STRING:
		rc = encode_string(co, word, j, where);
		break;
	case ABI_ARRAY:
	case ABI_TUPLE:		/* parse_atom takes neither */
		break;
	}
	abi_type_fini(&t);
	return rc;
}

/* ---- structs and arrays ---- */

static int encode_value(struct coder *co, uint8_t word[32], const char *type, const json_t *j, const char *where,
			int depth);

static int hash_struct(struct coder *co, struct hash32 *h, const char *type, const json_t *j, const char *where,
		       int depth)
{
	const json_t *fields = json_object_get(co->types, type), *value;
	size_t n = json_array_size(fields), i;
	uint8_t *words;
	int rc = 0;

	if (!json_is_object(j))
		return bad(co, where, "not an object");
	words = xcalloc(n + 1, 32);
	memcpy(words, type_hash(co, type)->b, 32);
	for (i = 0; i < n && rc == 0; i++) {
		const char *name = text_of(json_array_get(fields, i), "name");

		value = json_object_get(j, name);
		rc = value ? encode_value(co, words + 32 * (i + 1), text_of(json_array_get(fields, i), "type"), value, name,
					  depth) :
		     bad(co, name, "missing");
	}
	/* What is not signed must not be shown as if it were. */
	if (rc == 0 && json_object_size(j) != n)
		rc = bad(co, where, "has a field that its type does not have");
	if (rc == 0)
		*h = hash_keccak256(words, 32 * (n + 1));
	free(words);
	return rc;
}

static int hash_array(struct coder *co, uint8_t word[32], const char *item, int64_t count, const json_t *j,
		      const char *where, int depth)
{
	size_t n = json_array_size(j), i;
	struct hash32 h;
	uint8_t *words;
	int rc = 0;

	if (!json_is_array(j))
		return bad(co, where, "not a list");
	if (count >= 0 && n != (size_t)count)
		return bad(co, where, "not so many items as its type says");
	words = xcalloc(n + 1, 32);
	for (i = 0; i < n && rc == 0; i++)
		rc = encode_value(co, words + 32 * i, item, json_array_get(j, i), where, depth);
	h = hash_keccak256(words, 32 * n);
	memcpy(word, h.b, sizeof(h.b));
	free(words);
	return rc;
}

static int encode_value(struct coder *co, uint8_t word[32], const char *type, const json_t *j, const char *where,
			int depth)
{
	char item[TYPE_TEXT_MAX];
	struct hash32 h;
	int64_t count;

	if (depth == 0)
		return err_set(co->err, ERR_LIMIT, "%.60s: more than %d levels deep", where, TYPED_DATA_DEPTH_MAX);
	snprintf(item, sizeof(item), "%s", type);
	if (cut_array(item, &count))
		return hash_array(co, word, item, count, j, where, depth - 1);
	if (!json_object_get(co->types, type))
		return encode_atom(co, word, type, j, where);
	if (hash_struct(co, &h, type, j, where, depth - 1) < 0)
		return -1;
	memcpy(word, h.b, sizeof(h.b));
	return 0;
}

/* ---- the whole ---- */

/* The type of a domain that does not say: its fields in the standard's order. */
static void derive_domain(json_t *types, const json_t *domain)
{
	static const char *const fields[][2] = {
		{ "name", "string" }, { "version", "string" }, { "chainId", "uint256" },
		{ "verifyingContract", "address" }, { "salt", "bytes32" },
	};
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (json_object_get(domain, fields[i][0]))
			json_array_append_new(list, json_pack("{s:s, s:s}", "name", fields[i][0], "type", fields[i][1]));
	}
	json_object_set_new(types, DOMAIN, list);
}

static int read_chain_id(struct typed_data *t, const json_t *domain, struct err *err)
{
	const json_t *j = json_object_get(domain, "chainId");
	bool negative;
	struct u256 v;

	if (!j || read_number(&v, &negative, j) < 0)
		return 0;
	t->has_chain_id = true;
	if (negative || !u256_to_u64(&t->chain_id, &v))
		return err_set(err, ERR_INVALID, "chainId: no such chain");
	return 0;
}

static int hash_root(struct coder *co, struct typed_data *t, json_t *root)
{
	const char *primary = text_of(root, "primaryType");
	json_t *domain = json_object_get(root, "domain");
	uint8_t all[2 + 32 + 32] = { 0x19, 0x01 };

	co->types = json_object_get(root, "types");
	if (!json_is_object(domain))
		return bad(co, "domain", "missing, or no object");
	if (json_is_object(co->types) && !json_object_get(co->types, DOMAIN))
		derive_domain(co->types, domain);
	if (check_types(co) < 0)
		return -1;
	if (!is_identifier(primary) || !json_object_get(co->types, primary) || strcmp(primary, DOMAIN) == 0)
		return bad(co, "primaryType", "missing, or none of the types");
	strcpy(t->primary, primary);
	if (hash_struct(co, &t->domain, DOMAIN, domain, "domain", TYPED_DATA_DEPTH_MAX) < 0 ||
	    hash_struct(co, &t->message, primary, json_object_get(root, "message"), "message", TYPED_DATA_DEPTH_MAX) < 0)
		return -1;
	memcpy(all + 2, t->domain.b, 32);
	memcpy(all + 34, t->message.b, 32);
	t->digest = hash_keccak256(all, sizeof(all));
	return read_chain_id(t, domain, co->err);
}

int typed_data_hash(struct typed_data *t, const char *json, size_t len, struct err *err)
{
	struct coder co = { .err = err };
	json_error_t why;
	json_t *root;
	int rc;

	memset(t, 0, sizeof(*t));
	if (len > TYPED_DATA_MAX)
		return err_set(err, ERR_LIMIT, "%zu bytes, at most %d", len, TYPED_DATA_MAX);
	root = json_loadb(json, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
	if (!root)
		return err_set(err, ERR_INVALID, "no typed data: line %d: %.100s", why.line, why.text);
	rc = hash_root(&co, t, root);
	json_decref(root);
	return rc < 0 ? err_wrap(err, "typed data") : 0;
}
