#include "media/wire/amf.h"

#include <string.h>

#include "base/err.h"

enum {
	M0_NUMBER, M0_BOOL, M0_STRING, M0_OBJECT, M0_MOVIECLIP, M0_NULL, M0_UNDEFINED,
	M0_REFERENCE, M0_ECMA_ARRAY, M0_OBJECT_END, M0_STRICT_ARRAY, M0_DATE,
	M0_LONG_STRING, M0_UNSUPPORTED, M0_RECORDSET, M0_XML, M0_TYPED_OBJECT, M0_AMF3,
};

enum {
	M3_UNDEFINED, M3_NULL, M3_FALSE, M3_TRUE, M3_INTEGER, M3_DOUBLE, M3_STRING,
	M3_XML_DOC, M3_DATE, M3_ARRAY, M3_OBJECT, M3_XML, M3_BYTES,
};

/* References an AMF3 value may define; Flash-era encoders use a handful. */
#define AMF3_STRINGS_MAX 128
#define AMF3_TRAITS_MAX 16
#define AMF3_NAMES_MAX 128

static int cut_short(struct err *err)
{
	return err_set(err, ERR_INVALID, "AMF value is cut short");
}

static double rd_double(struct rd *r)
{
	uint64_t bits = rd_u64(r);
	double d;

	memcpy(&d, &bits, sizeof(d));
	return d;
}

static void set_str(struct amf_value *v, struct rd *r, size_t len)
{
	v->type = AMF_STRING;
	v->str = (const char *)rd_bytes(r, len);
	v->len = v->str ? len : 0;
}

/* ---- AMF3 ---- */

struct text {
	const char *s;
	size_t len;
};

struct amf3_traits {
	unsigned first, n;	/* sealed members: names[first .. first + n) */
	bool dynamic;
};

/* Reference tables of one AMF3 value. */
struct amf3 {
	struct rd rd;
	struct text strings[AMF3_STRINGS_MAX];
	unsigned n_strings;
	struct text names[AMF3_NAMES_MAX];
	unsigned n_names;
	struct amf3_traits traits[AMF3_TRAITS_MAX];
	unsigned n_traits;
};

/* An open container: sealed members, then named ones, then n dense elements. */
struct amf3_frame {
	unsigned sealed_next, sealed_end;	/* into names */
	bool named;				/* name, value pairs until an empty name */
	uint32_t dense;				/* elements left */
};

static uint32_t rd_u29(struct rd *r)
{
	uint32_t v = 0;
	int i;

	for (i = 0; i < 3; i++) {
		uint8_t b = rd_u8(r);

		v = v << 7 | (b & 0x7f);
		if (!(b & 0x80))
			return v;
	}
	return v << 8 | rd_u8(r);
}

static int amf3_text(struct amf3 *a, struct text *t, struct err *err)
{
	uint32_t u = rd_u29(&a->rd);

	if (!(u & 1)) {
		if (u >> 1 >= a->n_strings)
			return err_set(err, ERR_INVALID, "AMF3 string reference %u of %u",
				       u >> 1, a->n_strings);
		*t = a->strings[u >> 1];
		return 0;
	}
	t->len = u >> 1;
	t->s = (const char *)rd_bytes(&a->rd, t->len);
	if (a->rd.failed)
		return cut_short(err);
	if (t->len == 0)	/* the empty string is never put into the table */
		return 0;
	if (a->n_strings == AMF3_STRINGS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d AMF3 strings", AMF3_STRINGS_MAX);
	a->strings[a->n_strings++] = *t;
	return 0;
}

/* The class description behind an object's U29; u has bit 0 set. */
static int amf3_read_traits(struct amf3 *a, uint32_t u, struct amf3_traits *t, struct err *err)
{
	struct text class_name;
	uint32_t i, n;

	if (!(u & 2)) {
		if (u >> 2 >= a->n_traits)
			return err_set(err, ERR_INVALID, "AMF3 traits reference %u of %u",
				       u >> 2, a->n_traits);
		*t = a->traits[u >> 2];
		return 0;
	}
	if (u & 4)
		return err_set(err, ERR_INVALID, "AMF3 externalizable object");
	n = u >> 4;
	if (a->n_traits == AMF3_TRAITS_MAX || n > AMF3_NAMES_MAX - a->n_names)
		return err_set(err, ERR_LIMIT, "too many AMF3 traits");
	if (amf3_text(a, &class_name, err) < 0)
		return -1;
	*t = (struct amf3_traits){ .first = a->n_names, .n = n, .dynamic = u & 8 };
	for (i = 0; i < n; i++)
		if (amf3_text(a, &a->names[a->n_names++], err) < 0)
			return -1;
	a->traits[a->n_traits++] = *t;
	return 0;
}

static int amf3_open_object(struct amf3 *a, struct amf3_frame *f, bool *opened, struct err *err)
{
	uint32_t u = rd_u29(&a->rd);
	struct amf3_traits t;

	*opened = false;
	if (!(u & 1))		/* an object seen before */
		return 0;
	if (amf3_read_traits(a, u, &t, err) < 0)
		return -1;
	*f = (struct amf3_frame){ .sealed_next = t.first, .sealed_end = t.first + t.n,
				  .named = t.dynamic };
	*opened = true;
	return 0;
}

static int amf3_open_array(struct amf3 *a, struct amf3_frame *f, bool *opened)
{
	uint32_t u = rd_u29(&a->rd);

	*opened = u & 1;
	*f = (struct amf3_frame){ .named = true, .dense = u >> 1 };
	return 0;
}

/* Date, XML, byte array: by reference or with u >> 1 bytes (a date: 8). */
static void amf3_skip_blob(struct amf3 *a, bool date)
{
	uint32_t u = rd_u29(&a->rd);

	if (u & 1)
		rd_bytes(&a->rd, date ? 8 : u >> 1);
}

/*
 * Read a marker and, unless it opens a container, its value.  opened: f tells what
 * is to come.
 */
static int amf3_begin(struct amf3 *a, struct amf_value *v, struct amf3_frame *f, bool *opened,
		      struct err *err)
{
	uint8_t marker = rd_u8(&a->rd);
	struct text t;

	*opened = false;
	*v = (struct amf_value){ .type = AMF_NULL, .amf3 = true };
	if (a->rd.failed)
		return cut_short(err);
	switch (marker) {
	case M3_UNDEFINED:
	case M3_NULL:
		return 0;
	case M3_FALSE:
	case M3_TRUE:
		v->type = AMF_BOOL;
		v->truth = marker == M3_TRUE;
		return 0;
	case M3_INTEGER:
		v->type = AMF_NUMBER;
		v->number = (int32_t)(rd_u29(&a->rd) << 3) >> 3;
		break;
	case M3_DOUBLE:
		v->type = AMF_NUMBER;
		v->number = rd_double(&a->rd);
		break;
	case M3_STRING:
		if (amf3_text(a, &t, err) < 0)
			return -1;
		*v = (struct amf_value){ .type = AMF_STRING, .str = t.s, .len = t.len };
		return 0;
	case M3_DATE:
	case M3_XML_DOC:
	case M3_XML:
	case M3_BYTES:
		v->type = AMF_OTHER;
		amf3_skip_blob(a, marker == M3_DATE);
		break;
	case M3_ARRAY:
		v->type = AMF_ARRAY;
		if (amf3_open_array(a, f, opened) < 0)
			return -1;
		break;
	case M3_OBJECT:
		v->type = AMF_OBJECT;
		if (amf3_open_object(a, f, opened, err) < 0)
			return -1;
		break;
	default:
		return err_set(err, ERR_INVALID, "AMF3 marker 0x%02x", marker);
	}
	return a->rd.failed ? cut_short(err) : 0;
}

/* Is there another value in the container?  Reads its name, if it has one. */
static int amf3_next_name(struct amf3 *a, struct amf3_frame *f, struct text *name, bool *more,
			  struct err *err)
{
	*more = true;
	*name = (struct text){ "", 0 };
	if (f->sealed_next < f->sealed_end) {
		*name = a->names[f->sealed_next++];
		return 0;
	}
	if (f->named) {
		if (amf3_text(a, name, err) < 0)
			return -1;
		if (name->len > 0)
			return 0;
		f->named = false;
	}
	*more = f->dense > 0;
	if (*more)
		f->dense--;
	return 0;
}

/* The rest of a container, with all that is in it. */
static int amf3_skip(struct amf3 *a, const struct amf3_frame *top, struct err *err)
{
	struct amf3_frame stack[AMF_DEPTH_MAX];
	struct amf_value v;
	struct text name;
	bool opened, more;
	int depth = 1;

	stack[0] = *top;
	while (depth > 0) {
		struct amf3_frame f;

		if (amf3_next_name(a, &stack[depth - 1], &name, &more, err) < 0)
			return -1;
		if (!more) {
			depth--;
			continue;
		}
		if (amf3_begin(a, &v, &f, &opened, err) < 0)
			return -1;
		if (!opened)
			continue;
		if (depth == AMF_DEPTH_MAX)
			return err_set(err, ERR_LIMIT, "AMF3 nested deeper than %d", AMF_DEPTH_MAX);
		stack[depth++] = f;
	}
	return 0;
}

static int amf3_read(struct rd *r, struct amf_value *v, struct err *err)
{
	struct amf3 a;
	struct amf3_frame f;
	bool opened;

	a.rd = *r;
	a.n_strings = a.n_names = a.n_traits = 0;
	if (amf3_begin(&a, v, &f, &opened, err) < 0)
		return -1;
	if (opened && amf3_skip(&a, &f, err) < 0)
		return -1;
	if (opened) {
		v->raw = r->p;
		v->len = (size_t)(a.rd.p - r->p);
	}
	*r = a.rd;
	return 0;
}

static bool amf3_get(const struct amf_value *obj, const char *name, struct amf_value *v)
{
	struct amf3 a;
	struct amf3_frame f, inner;
	struct amf_value self;
	struct text t;
	bool opened, more;

	a.rd = rd_of(obj->raw, obj->len);
	a.n_strings = a.n_names = a.n_traits = 0;
	if (amf3_begin(&a, &self, &f, &opened, NULL) < 0 || !opened)
		return false;
	while (amf3_next_name(&a, &f, &t, &more, NULL) == 0 && more) {
		if (amf3_begin(&a, v, &inner, &opened, NULL) < 0)
			return false;
		if (opened && amf3_skip(&a, &inner, NULL) < 0)
			return false;
		if (t.len == strlen(name) && memcmp(t.s, name, t.len) == 0)
			return true;
	}
	return false;
}

/* ---- AMF0 ---- */

/* An open container: names (until the end mark), or n elements. */
struct amf0_frame {
	bool named;
	uint32_t left;
};

static int amf0_begin(struct rd *r, struct amf_value *v, struct amf0_frame *f, bool *opened,
		      struct err *err)
{
	uint8_t marker = rd_u8(r);

	*opened = false;
	*v = (struct amf_value){ .type = AMF_NULL };
	if (r->failed)
		return cut_short(err);
	switch (marker) {
	case M0_NUMBER:
		v->type = AMF_NUMBER;
		v->number = rd_double(r);
		break;
	case M0_BOOL:
		v->type = AMF_BOOL;
		v->truth = rd_u8(r) != 0;
		break;
	case M0_STRING:
		set_str(v, r, rd_u16(r));
		break;
	case M0_LONG_STRING:
	case M0_XML:
		set_str(v, r, rd_u32(r));
		break;
	case M0_NULL:
	case M0_UNDEFINED:
	case M0_UNSUPPORTED:
		return 0;
	case M0_REFERENCE:
		rd_u16(r);
		break;
	case M0_DATE:
		v->type = AMF_OTHER;
		rd_bytes(r, 10);
		break;
	case M0_TYPED_OBJECT:
		rd_bytes(r, rd_u16(r));
		*f = (struct amf0_frame){ .named = true };
		*opened = true;
		v->type = AMF_OBJECT;
		break;
	case M0_ECMA_ARRAY:
		rd_u32(r);	/* the count is often wrong: the end mark counts */
		*f = (struct amf0_frame){ .named = true };
		*opened = true;
		v->type = AMF_OBJECT;
		break;
	case M0_OBJECT:
		*f = (struct amf0_frame){ .named = true };
		*opened = true;
		v->type = AMF_OBJECT;
		break;
	case M0_STRICT_ARRAY:
		*f = (struct amf0_frame){ .left = rd_u32(r) };
		*opened = true;
		v->type = AMF_ARRAY;
		break;
	case M0_AMF3:
		return amf3_read(r, v, err);
	default:
		return err_set(err, ERR_INVALID, "AMF0 marker 0x%02x", marker);
	}
	return r->failed ? cut_short(err) : 0;
}

static int amf0_next_name(struct rd *r, struct amf0_frame *f, struct text *name, bool *more,
			  struct err *err)
{
	*more = false;
	*name = (struct text){ "", 0 };
	if (!f->named) {
		*more = f->left > 0;
		if (*more)
			f->left--;
		return 0;
	}
	if (r->left == 0)	/* no end mark: see amf_read */
		return 0;
	name->len = rd_u16(r);
	name->s = (const char *)rd_bytes(r, name->len);
	if (r->failed)
		return cut_short(err);
	if (name->len == 0 && r->left > 0 && r->p[0] == M0_OBJECT_END) {
		rd_u8(r);
		return 0;
	}
	*more = true;
	return 0;
}

static int amf0_skip(struct rd *r, const struct amf0_frame *top, struct err *err)
{
	struct amf0_frame stack[AMF_DEPTH_MAX], f;
	struct amf_value v;
	struct text name;
	bool opened, more;
	int depth = 1;

	stack[0] = *top;
	while (depth > 0) {
		if (amf0_next_name(r, &stack[depth - 1], &name, &more, err) < 0)
			return -1;
		if (!more) {
			depth--;
			continue;
		}
		if (amf0_begin(r, &v, &f, &opened, err) < 0)
			return -1;
		if (!opened)
			continue;
		if (depth == AMF_DEPTH_MAX)
			return err_set(err, ERR_LIMIT, "AMF0 nested deeper than %d", AMF_DEPTH_MAX);
		stack[depth++] = f;
	}
	return 0;
}

int amf_read(struct rd *r, struct amf_value *v, struct err *err)
{
	const uint8_t *start = r->p;
	struct amf0_frame f;
	bool opened;

	if (amf0_begin(r, v, &f, &opened, err) < 0)
		return -1;
	if (!opened)
		return 0;
	if (amf0_skip(r, &f, err) < 0)
		return -1;
	v->raw = start;
	v->len = (size_t)(r->p - start);
	return 0;
}

bool amf_get(const struct amf_value *obj, const char *name, struct amf_value *v)
{
	struct amf_value self;
	struct amf0_frame f;
	struct text t;
	struct rd r;
	bool opened, more;

	if (obj->type != AMF_OBJECT || !obj->raw)
		return false;
	if (obj->amf3)
		return amf3_get(obj, name, v);
	r = rd_of(obj->raw, obj->len);
	if (amf0_begin(&r, &self, &f, &opened, NULL) < 0 || !opened)
		return false;
	while (amf0_next_name(&r, &f, &t, &more, NULL) == 0 && more) {
		if (amf_read(&r, v, NULL) < 0)
			return false;
		if (t.len == strlen(name) && memcmp(t.s, name, t.len) == 0)
			return true;
	}
	return false;
}

bool amf_copy_str(char *to, size_t cap, const struct amf_value *v)
{
	to[0] = 0;
	if (v->type != AMF_STRING || v->len >= cap)
		return false;
	if (v->len > 0 && memchr(v->str, 0, v->len))
		return false;
	if (v->len > 0)
		memcpy(to, v->str, v->len);
	to[v->len] = 0;
	return true;
}

bool amf_is_str(const struct amf_value *v, const char *s)
{
	size_t len = strlen(s);

	return v->type == AMF_STRING && v->len == len && memcmp(v->str, s, len) == 0;
}

uint32_t amf_u32(const struct amf_value *v)
{
	if (v->type != AMF_NUMBER || !(v->number >= 0 && v->number <= UINT32_MAX))
		return 0;
	return (uint32_t)v->number;
}

/* ---- writing ---- */

void amf_add_number(struct buf *b, double n)
{
	uint64_t bits;

	memcpy(&bits, &n, sizeof(bits));
	buf_add_u8(b, M0_NUMBER);
	buf_add_u64(b, bits);
}

void amf_add_bool(struct buf *b, bool truth)
{
	buf_add_u8(b, M0_BOOL);
	buf_add_u8(b, truth);
}

void amf_add_key(struct buf *b, const char *key)
{
	size_t len = strlen(key);

	if (len > UINT16_MAX)
		len = UINT16_MAX;
	buf_add_u16(b, (uint16_t)len);
	buf_add(b, key, len);
}

void amf_add_str(struct buf *b, const char *s)
{
	buf_add_u8(b, M0_STRING);
	amf_add_key(b, s);
}

void amf_add_null(struct buf *b)
{
	buf_add_u8(b, M0_NULL);
}

void amf_begin_object(struct buf *b)
{
	buf_add_u8(b, M0_OBJECT);
}

void amf_end_object(struct buf *b)
{
	buf_add_u24(b, M0_OBJECT_END);
}

void amf_begin_array(struct buf *b, uint32_t n)
{
	buf_add_u8(b, M0_STRICT_ARRAY);
	buf_add_u32(b, n);
}

void amf_put_number(struct buf *b, const char *key, double n)
{
	amf_add_key(b, key);
	amf_add_number(b, n);
}

void amf_put_str(struct buf *b, const char *key, const char *s)
{
	amf_add_key(b, key);
	amf_add_str(b, s);
}
