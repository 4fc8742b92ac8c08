/* ABI types from their text. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "eth/abi.h"

struct parser {
	const char *text, *p;
	struct err *err;
};

static int bad(struct parser *in, const char *why)
{
	return err_set(in->err, ERR_INVALID, "type \"%.60s\" at %d: %s", in->text, (int)(in->p - in->text), why);
}

/* A decimal number below 2^16; 0 when there is none, or one with leading zeros. */
static unsigned number(struct parser *in)
{
	unsigned v = 0;

	if (*in->p == '0')
		return 0;
	while (isdigit((unsigned char)*in->p) && v < 6553)
		v = v * 10 + (unsigned)(*in->p++ - '0');
	return v;
}

static bool word(struct parser *in, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(in->p, name, n) != 0)
		return false;
	in->p += n;
	return true;
}

static int parse_integer(struct parser *in, struct abi_type *t, enum abi_kind kind)
{
	t->kind = kind;
	t->bits = isdigit((unsigned char)*in->p) ? number(in) : 256;
	if (t->bits == 0 || t->bits > 256 || t->bits % 8)
		return bad(in, "no such width");
	return 0;
}

static int parse_bytes(struct parser *in, struct abi_type *t)
{
	t->kind = ABI_BYTES;
	if (!isdigit((unsigned char)*in->p))
		return 0;
	t->kind = ABI_FIXED_BYTES;
	t->size = number(in);
	return t->size >= 1 && t->size <= 32 ? 0 : bad(in, "bytes1 to bytes32");
}

static int parse(struct parser *in, struct abi_type *t, int depth);

static struct abi_type *grow(struct abi_type *t)
{
	t->items = xrealloc(t->items, (t->n_items + 1) * sizeof(*t->items));
	memset(&t->items[t->n_items], 0, sizeof(*t->items));
	return &t->items[t->n_items++];
}

static int parse_tuple(struct parser *in, struct abi_type *t, int depth)
{
	t->kind = ABI_TUPLE;
	if (word(in, ")"))	/* no arguments; Solidity has no empty structs */
		return depth == 0 ? 0 : bad(in, "a struct of nothing");
	for (;;) {
		if (t->n_items == 64)
			return bad(in, "more than 64 members");
		if (parse(in, grow(t), depth + 1) < 0)
			return -1;
		if (word(in, ")"))
			return 0;
		if (!word(in, ","))
			return bad(in, "',' or ')' expected");
	}
}

static int parse_base(struct parser *in, struct abi_type *t, int depth)
{
	if (word(in, "("))
		return parse_tuple(in, t, depth);
	if (word(in, "uint"))
		return parse_integer(in, t, ABI_UINT);
	if (word(in, "int"))
		return parse_integer(in, t, ABI_INT);
	if (word(in, "bytes"))
		return parse_bytes(in, t);
	if (word(in, "address"))
		t->kind = ABI_ADDRESS;
	else if (word(in, "bool"))
		t->kind = ABI_BOOL;
	else if (word(in, "string"))
		t->kind = ABI_STRING;
	else
		return bad(in, "no such type");
	return 0;
}

/* t becomes an array of what it was. */
static int wrap_array(struct parser *in, struct abi_type *t)
{
	struct abi_type item = *t;
	bool counted = isdigit((unsigned char)*in->p);

	memset(t, 0, sizeof(*t));
	*grow(t) = item;
	t->kind = ABI_ARRAY;
	t->count = counted ? (ssize_t)number(in) : -1;
	if (!word(in, "]"))
		return bad(in, "']' expected");
	return counted && t->count == 0 ? bad(in, "an array of none") : 0;
}

static int parse(struct parser *in, struct abi_type *t, int depth)
{
	if (depth > ABI_DEPTH_MAX)
		return bad(in, "too deep");
	if (parse_base(in, t, depth) < 0)
		return -1;
	for (; word(in, "["); depth++) {
		if (depth >= ABI_DEPTH_MAX)
			return bad(in, "too deep");
		if (wrap_array(in, t) < 0)
			return -1;
	}
	return 0;
}

int abi_type_parse(struct abi_type *t, const char *text, struct err *err)
{
	struct parser in = { .text = text, .p = text, .err = err };

	memset(t, 0, sizeof(*t));
	if (parse(&in, t, 0) == 0 && (*in.p == '\0' || bad(&in, "more than a type") == 0))
		return 0;
	abi_type_fini(t);
	return -1;
}

void abi_type_fini(struct abi_type *t)
{
	size_t i;

	for (i = 0; i < t->n_items; i++)
		abi_type_fini(&t->items[i]);
	free(t->items);
	memset(t, 0, sizeof(*t));
}

static void fmt_tuple(struct buf *b, const struct abi_type *t)
{
	size_t i;

	buf_add_u8(b, '(');
	for (i = 0; i < t->n_items; i++) {
		if (i)
			buf_add_u8(b, ',');
		abi_type_fmt(b, &t->items[i]);
	}
	buf_add_u8(b, ')');
}

void abi_type_fmt(struct buf *b, const struct abi_type *t)
{
	switch (t->kind) {
	case ABI_UINT: buf_addf(b, "uint%u", t->bits); break;
	case ABI_INT: buf_addf(b, "int%u", t->bits); break;
	case ABI_ADDRESS: buf_add_str(b, "address"); break;
	case ABI_BOOL: buf_add_str(b, "bool"); break;
	case ABI_FIXED_BYTES: buf_addf(b, "bytes%u", t->size); break;
	case ABI_BYTES: buf_add_str(b, "bytes"); break;
	case ABI_STRING: buf_add_str(b, "string"); break;
	case ABI_TUPLE: fmt_tuple(b, t); break;
	case ABI_ARRAY:
		abi_type_fmt(b, &t->items[0]);
		if (t->count < 0)
			buf_add_str(b, "[]");
		else
			buf_addf(b, "[%zd]", t->count);
		break;
	}
}
