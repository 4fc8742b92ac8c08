/* From the plan's JSON to the values that the contracts take, found by name. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "node/chain/deploy_int.h"

/* ---- single values ---- */

static struct u256 word_of_bytes(const uint8_t *p, size_t n, bool left)
{
	uint8_t be[32] = { 0 };

	memcpy(left ? be : be + 32 - n, p, n);
	return u256_from_be(be);
}

static int bad(const struct abi_type *t, const char *text, struct err *err)
{
	struct buf type;

	buf_init(&type, 200);
	abi_type_fmt(&type, t);
	err_set(err, ERR_INVALID, "\"%.80s\" is no %s", text, buf_cstr(&type));
	buf_fini(&type);
	return -1;
}

static int parse_uint(struct u256 *w, const struct abi_type *t, const char *s, struct err *err)
{
	int rc = strncmp(s, "0x", 2) == 0 ? u256_parse_hex(w, s, NULL) : u256_parse_dec(w, s, NULL);

	if (rc < 0)
		return bad(t, s, err);
	if (u256_bits(w) > t->bits)
		return err_set(err, ERR_INVALID, "%.80s is more than %u bits hold", s, t->bits);
	return 0;
}

static int parse_addr(struct u256 *w, const struct abi_type *t, const char *s, struct err *err)
{
	struct eth_addr a;

	if (eth_addr_parse(&a, s, NULL) < 0)
		return bad(t, s, err);
	*w = word_of_bytes(a.b, sizeof(a.b), false);
	return 0;
}

static int parse_fixed(struct u256 *w, const struct abi_type *t, const char *s, struct err *err)
{
	uint8_t bytes[32];

	if (strncmp(s, "0x", 2) != 0 || hex_parse(bytes, t->size, s) < 0)
		return bad(t, s, err);
	*w = word_of_bytes(bytes, t->size, true);
	return 0;
}

static int parse_bool(struct u256 *w, const struct abi_type *t, const char *s, struct err *err)
{
	*w = u256_of(strcmp(s, "true") == 0);
	return u256_is_zero(w) && strcmp(s, "false") != 0 ? bad(t, s, err) : 0;
}

static int parse_text(struct abi_value *v, const struct abi_type *t, const char *s, struct err *err)
{
	switch (t->kind) {
	case ABI_UINT: return parse_uint(&v->word, t, s, err);
	case ABI_ADDRESS: return parse_addr(&v->word, t, s, err);
	case ABI_FIXED_BYTES: return parse_fixed(&v->word, t, s, err);
	case ABI_BOOL: return parse_bool(&v->word, t, s, err);
	case ABI_STRING:
		v->bytes = (uint8_t *)xstrdup(s);
		v->n_bytes = strlen(s);
		return 0;
	default: return bad(t, s, err);
	}
}

/* "@X" and "#TEXT": what they stand for, as text that is parsed again. */
static int parse_reference(struct abi_value *v, const struct deploy *d, const struct abi_type *t,
			   const char *s, struct err *err)
{
	const struct eth_addr *at;
	struct hash32 hash;
	char text[67] = "0x";

	if (*s == '#') {
		hash = hash_keccak256(s + 1, strlen(s + 1));
		hex_fmt(text + 2, hash.b, sizeof(hash.b));
		return parse_text(v, t, text, err);
	}
	at = strcmp(s, "@deployer") == 0 ? &d->deployer : deploy_at(d, s + 1);
	if (!at)
		return err_set(err, ERR_INVALID, "%.60s is not there yet", s);
	eth_addr_fmt(text, at);
	return parse_text(v, t, text, err);
}

static int parse_json(struct abi_value *v, const struct deploy *d, const struct abi_type *t,
		      const json_t *j, struct err *err)
{
	const char *s = json_string_value(j);
	char text[32];

	if (s && *s == '$') {
		j = json_object_get(json_object_get(d->profile, "values"), s + 1);
		if (!j)
			return err_set(err, ERR_INVALID, "%.60s is not given", s + 1);
		s = json_string_value(j);
	}
	if (s)
		return *s == '@' || *s == '#' ? parse_reference(v, d, t, s, err) : parse_text(v, t, s, err);
	if (json_is_boolean(j))
		return parse_text(v, t, json_is_true(j) ? "true" : "false", err);
	if (!json_is_integer(j) || json_integer_value(j) < 0)
		return err_set(err, ERR_INVALID, "neither a text nor a number");
	snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(j));
	return parse_text(v, t, text, err);
}

int deploy_value(struct abi_value *v, const struct deploy *d, const char *type, const json_t *j,
		 struct err *err)
{
	struct abi_type t;
	int rc;

	memset(v, 0, sizeof(*v));
	if (abi_type_parse(&t, type, err) < 0)
		return -1;
	rc = parse_json(v, d, &t, j, err);
	abi_type_fini(&t);
	return rc;
}

/* ---- arguments ---- */

static int struct_input(struct abi_value *v, const struct deploy *d, const char *contract,
			const struct bind_param *p, struct err *err)
{
	size_t i;

	memset(v, 0, sizeof(*v));
	v->items = xcalloc(p->n_fields, sizeof(*v->items));
	v->n_items = p->n_fields;
	for (i = 0; i < p->n_fields; i++) {
		if (deploy_input(&v->items[i], d, contract, &p->fields[i], err) < 0) {
			abi_value_fini(v);
			return -1;
		}
	}
	return 0;
}

int deploy_input(struct abi_value *v, const struct deploy *d, const char *contract,
		 const struct bind_param *p, struct err *err)
{
	const json_t *j;

	memset(v, 0, sizeof(*v));
	if (*p->type == '(' && p->type[strlen(p->type) - 1] == ')')
		return struct_input(v, d, contract, p, err);
	j = json_object_get(json_object_get(d->profile, contract), p->name);
	if (!j)
		j = json_object_get(json_object_get(d->plan, "names"), p->name);
	if (!j)
		return err_set(err, ERR_INVALID, "%s.%s has no value", contract, p->name);
	if (deploy_value(v, d, p->type, j, err) < 0)
		return err_wrap(err, "%s.%s", contract, p->name);
	return 0;
}

/* v, a tuple of f's arguments, is taken. */
static int encode(struct buf *b, const struct bind_function *f, struct abi_value *v, struct err *err)
{
	struct abi_type t;
	int rc = abi_type_parse(&t, strchr(f->signature, '('), err);

	if (rc == 0)
		rc = abi_encode(b, &t, v, err);
	abi_type_fini(&t);
	abi_value_fini(v);
	return rc;
}

int deploy_inputs(struct buf *b, const struct deploy *d, const char *contract,
		  const struct bind_function *f, struct err *err)
{
	struct bind_param all = { .fields = f->inputs, .n_fields = f->n_inputs };
	struct abi_value v;

	if (f->n_inputs == 0)
		return 0;
	if (struct_input(&v, d, contract, &all, err) < 0)
		return -1;
	return encode(b, f, &v, err);
}

int deploy_args(struct buf *b, const struct deploy *d, const struct bind_function *f,
		const json_t *args, struct err *err)
{
	struct abi_value v = { .n_items = json_array_size(args) };
	size_t i;

	if (v.n_items != f->n_inputs)
		return err_set(err, ERR_INVALID, "%zu arguments, not %zu", v.n_items, f->n_inputs);
	v.items = v.n_items ? xcalloc(v.n_items, sizeof(*v.items)) : NULL;
	for (i = 0; i < v.n_items; i++) {
		if (deploy_value(&v.items[i], d, f->inputs[i].type, json_array_get(args, i), err) < 0) {
			abi_value_fini(&v);
			return err_wrap(err, "%s", f->inputs[i].name);
		}
	}
	return encode(b, f, &v, err);
}

/* ---- what the deployer says otherwise ---- */

/* "one, two, three" of an object's keys. */
static void list_keys(struct buf *b, json_t *o)
{
	const char *key;
	json_t *value;

	json_object_foreach(o, key, value)
		buf_addf(b, "%s%s", b->len ? ", " : "", key);
}

static int unknown(const char *name, json_t *o, struct err *err)
{
	struct buf keys;

	buf_init(&keys, 4096);
	list_keys(&keys, o);
	err_set(err, ERR_INVALID, "there is no %.60s to set; there is %s", name, buf_cstr(&keys));
	buf_fini(&keys);
	return -1;
}

static int put_text(json_t *o, const char *name, const char *value, struct err *err)
{
	if (json_object_set_new(o, name, json_string(value)) < 0)
		return err_set(err, ERR_INVALID, "%.60s: what is set is no text", name);
	return 0;
}

static int set_option(struct deploy *d, const char *name, const char *value, struct err *err)
{
	json_t *options = json_object_get(d->profile, "options"), *values = json_object_get(d->profile, "values");
	bool yes = strcmp(value, "true") == 0;

	if (json_object_get(options, name)) {
		if (!yes && strcmp(value, "false") != 0)
			return err_set(err, ERR_INVALID, "%s is true or false, not \"%.40s\"", name, value);
		json_object_set_new(options, name, json_boolean(yes));
		return 0;
	}
	if (!json_object_get(values, name) && strcmp(name, "genesisRoot") != 0) {
		json_t *all = json_copy(options);

		json_object_update(all, values);
		unknown(name, all, err);
		json_decref(all);
		return -1;
	}
	return put_text(values, name, value, err);
}

int deploy_set(struct deploy *d, const char *name, const char *value, struct err *err)
{
	const char *dot = strchr(name, '.');
	char contract[64];
	json_t *o;

	if (!dot)
		return set_option(d, name, value, err);
	snprintf(contract, sizeof(contract), "%.*s", (int)(dot - name), name);
	o = json_object_get(d->profile, contract);
	if (!o || !deploy_artifact(contract))
		return err_set(err, ERR_INVALID, "%.60s: %s has no parameters to set", name, contract);
	if (!json_object_get(o, dot + 1))
		return unknown(name, o, err);
	return put_text(o, dot + 1, value, err);
}
