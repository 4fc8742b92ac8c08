/* C structs to and from trees of ABI values, by tables that scripts/bindings.mjs writes. */
#include "eth/bind.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "eth/answer.h"

/* Pointers are copied as bytes: the structs' own say what they point to. */
static void *pointer_at(const void *base, size_t at)
{
	void *p;

	memcpy(&p, (const uint8_t *)base + at, sizeof(p));
	return p;
}

static void set_pointer(void *base, size_t at, void *p)
{
	memcpy((uint8_t *)base + at, &p, sizeof(p));
}

static size_t count_at(const void *base, size_t at)
{
	size_t n;

	memcpy(&n, (const uint8_t *)base + at, sizeof(n));
	return n;
}

/* ---- from C to values ---- */

static struct abi_value bytes_value(const void *p, size_t n)
{
	struct abi_value v = { .bytes = xmalloc(n + 1), .n_bytes = n };

	if (n)
		memcpy(v.bytes, p, n);
	v.bytes[n] = '\0';
	return v;
}

static struct abi_value members_value(const struct bind_shape *s, const void *base);

static struct abi_value array_value(const struct bind_field *f, const void *base)
{
	const uint8_t *items = pointer_at(base, f->at);
	struct abi_value v = { .n_items = count_at(base, f->at_n) };
	size_t i;

	v.items = v.n_items ? xcalloc(v.n_items, sizeof(*v.items)) : NULL;
	for (i = 0; i < v.n_items; i++) {
		struct abi_value one = members_value(f->of, items + i * f->of->size);

		v.items[i] = one.items[0];
		free(one.items);
	}
	return v;
}

/* n bytes at p, at the left or the right end of a word. */
static struct abi_value word_value(const uint8_t *p, size_t n, bool left)
{
	struct abi_value v = { 0 };
	uint8_t be[32] = { 0 };

	memcpy(left ? be : be + 32 - n, p, n);
	v.word = u256_from_be(be);
	return v;
}

static struct abi_value field_value(const struct bind_field *f, const void *base)
{
	const uint8_t *p = (const uint8_t *)base + f->at;
	struct abi_value v = { 0 };
	struct bind_bytes b;
	uint64_t n;
	bool yes;

	switch (f->kind) {
	case BIND_U64:
		memcpy(&n, p, sizeof(n));
		v.word = u256_of(n);
		return v;
	case BIND_U256:
		memcpy(&v.word, p, sizeof(v.word));
		return v;
	case BIND_BOOL:
		memcpy(&yes, p, sizeof(yes));
		v.word = u256_of(yes);
		return v;
	case BIND_ADDR: return word_value(p, sizeof(struct eth_addr), false);
	case BIND_HASH: return word_value(p, sizeof(struct hash32), true);
	case BIND_FIXED: return word_value(p, f->size, true);
	case BIND_STRING: return bytes_value(pointer_at(p, 0), strlen(pointer_at(p, 0)));
	case BIND_BYTES:
		memcpy(&b, p, sizeof(b));
		return bytes_value(b.p, b.n);
	case BIND_STRUCT: return members_value(f->of, p);
	case BIND_ARRAY: return array_value(f, base);
	}
	return v;
}

static struct abi_value members_value(const struct bind_shape *s, const void *base)
{
	struct abi_value v = { .n_items = s->n_fields };
	size_t i;

	v.items = v.n_items ? xcalloc(v.n_items, sizeof(*v.items)) : NULL;
	for (i = 0; i < v.n_items; i++)
		v.items[i] = field_value(&s->fields[i], base);
	return v;
}

void bind_call(struct buf *data, const struct abi_selector *sel, const struct bind_shape *s,
	       const void *args)
{
	struct abi_value v = members_value(s, args);
	struct abi_type t;

	buf_add(data, sel->b, sizeof(sel->b));
	if (abi_type_parse(&t, s->type, NULL) < 0 || abi_encode(data, &t, &v, NULL) < 0)
		data->failed = true;
	abi_type_fini(&t);
	abi_value_fini(&v);
}

/* ---- from values to C ---- */

static int store_members(void *base, const struct bind_shape *s, struct abi_value *v,
			 struct err *err);

/* The memory behind a value becomes the result's. */
static int store_bytes(void *to, const struct bind_field *f, struct abi_value *v, struct err *err)
{
	struct bind_bytes b = { .p = v->bytes, .n = v->n_bytes };

	if (f->kind == BIND_STRING && memchr(v->bytes, '\0', v->n_bytes))
		return err_set(err, ERR_INVALID, "a text with a zero byte in it");
	v->bytes = NULL;
	if (f->kind == BIND_STRING)
		set_pointer(to, 0, b.p);
	else
		memcpy(to, &b, sizeof(b));
	return 0;
}

/* The count goes up with each item that is whole, so that bind_fini frees what there is. */
static int store_array(void *base, const struct bind_field *f, struct abi_value *v, struct err *err)
{
	uint8_t *items = v->n_items ? xcalloc(v->n_items, f->of->size) : NULL;
	size_t n = 0;

	set_pointer(base, f->at, items);
	while (n < v->n_items) {
		struct abi_value one = { .items = &v->items[n], .n_items = 1 };
		int rc = store_members(items + n * f->of->size, f->of, &one, err);

		n++;
		memcpy((uint8_t *)base + f->at_n, &n, sizeof(n));
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int store(void *base, const struct bind_field *f, struct abi_value *v, struct err *err)
{
	uint8_t *to = (uint8_t *)base + f->at, be[32];
	bool yes = !u256_is_zero(&v->word);
	uint64_t n;

	u256_to_be(be, &v->word);
	switch (f->kind) {
	case BIND_U64:
		if (!u256_to_u64(&n, &v->word))
			return err_set(err, ERR_INVALID, "a number above 64 bits");
		memcpy(to, &n, sizeof(n));
		return 0;
	case BIND_U256: memcpy(to, &v->word, sizeof(v->word)); return 0;
	case BIND_BOOL: memcpy(to, &yes, sizeof(yes)); return 0;
	case BIND_ADDR: memcpy(to, be + 12, 20); return 0;
	case BIND_HASH: memcpy(to, be, sizeof(be)); return 0;
	case BIND_FIXED: memcpy(to, be, f->size); return 0;
	case BIND_STRING:
	case BIND_BYTES: return store_bytes(to, f, v, err);
	case BIND_STRUCT: return store_members(to, f->of, v, err);
	case BIND_ARRAY: return store_array(base, f, v, err);
	}
	return 0;
}

static int store_members(void *base, const struct bind_shape *s, struct abi_value *v,
			 struct err *err)
{
	size_t i;

	for (i = 0; i < s->n_fields; i++)
		if (store(base, &s->fields[i], &v->items[i], err) < 0)
			return -1;
	return 0;
}

static int read_into(void *base, const struct bind_shape *s, const void *data, size_t len,
		     struct err *err)
{
	struct abi_value v;
	struct abi_type t;
	int rc;

	if (abi_type_parse(&t, s->type, err) < 0)
		return -1;
	rc = abi_decode(&v, &t, data, len, err);
	abi_type_fini(&t);
	if (rc < 0)
		return -1;
	rc = store_members(base, s, &v, err);
	abi_value_fini(&v);
	return rc;
}

int bind_read(void *result, const struct bind_shape *s, const void *data, size_t len,
	      struct err *err)
{
	memset(result, 0, s->size);
	if (len == 0 && s->n_fields)	/* what a call of an address without code gives */
		return err_set(err, ERR_INVALID, "%s: no answer: there is no such contract", s->name);
	if (read_into(result, s, data, len, err) == 0)
		return 0;
	bind_fini(result, s);
	return err_wrap(err, "%s", s->name);
}

int bind_event_read(void *event, const struct bind_event *e, const struct eth_log *log,
		    struct err *err)
{
	size_t n = e->indexed.n_fields;

	memset(event, 0, e->data.size);
	if (log->n_topics == 0 || memcmp(&log->topics[0], &e->topic, sizeof(e->topic)) != 0)
		return err_set(err, ERR_NOT_FOUND, "the log is not %s", e->name);
	if (log->n_topics != n + 1)
		return err_set(err, ERR_INVALID, "%s: %u topics, not %zu", e->name, log->n_topics, n + 1);
	if (read_into(event, &e->indexed, log->topics + 1, n * sizeof(log->topics[0]), err) == 0 &&
	    read_into(event, &e->data, log->data, log->n_data, err) == 0)
		return 0;
	bind_fini(event, &e->data);
	memset(event, 0, e->data.size);
	return err_wrap(err, "%s", e->name);
}

static void fini_array(void *base, const struct bind_field *f)
{
	uint8_t *items = pointer_at(base, f->at);
	size_t n = count_at(base, f->at_n), i;

	for (i = 0; i < n; i++)
		bind_fini(items + i * f->of->size, f->of);
	free(items);
}

void bind_fini(void *result, const struct bind_shape *s)
{
	size_t i;

	for (i = 0; i < s->n_fields; i++) {
		const struct bind_field *f = &s->fields[i];
		uint8_t *p = (uint8_t *)result + f->at;

		if (f->kind == BIND_STRUCT)
			bind_fini(p, f->of);
		else if (f->kind == BIND_ARRAY)
			fini_array(result, f);
		else if (f->kind == BIND_STRING)
			free(pointer_at(p, 0));
		else if (f->kind == BIND_BYTES)
			free(pointer_at(p, offsetof(struct bind_bytes, p)));
	}
	memset(result, 0, s->size);
}
