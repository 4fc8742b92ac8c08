/* ABI encoding and decoding: heads of 32 bytes, tails where a length is not fixed. */
#include "eth/abi.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define WORD 32
#define ABI_BYTES_MAX (16u << 20)

struct abi_selector abi_selector_of(const char *signature)
{
	struct hash32 h = hash_keccak256(signature, strlen(signature));
	struct abi_selector s;

	memcpy(s.b, h.b, sizeof(s.b));
	return s;
}

struct hash32 abi_topic_of(const char *signature)
{
	return hash_keccak256(signature, strlen(signature));
}

void abi_value_fini(struct abi_value *v)
{
	size_t i;

	for (i = 0; i < v->n_items; i++)
		abi_value_fini(&v->items[i]);
	free(v->items);
	free(v->bytes);
	memset(v, 0, sizeof(*v));
}

static bool is_dynamic(const struct abi_type *t)
{
	size_t i;

	if (t->kind == ABI_BYTES || t->kind == ABI_STRING || (t->kind == ABI_ARRAY && t->count < 0))
		return true;
	for (i = 0; i < t->n_items; i++)
		if (is_dynamic(&t->items[i]))
			return true;
	return false;
}

/* Bytes in the head of the whole it is in. */
static size_t head_size(const struct abi_type *t)
{
	size_t sum = 0, i;

	if (is_dynamic(t))
		return WORD;
	if (t->kind == ABI_ARRAY)
		return (size_t)t->count * head_size(&t->items[0]);
	if (t->kind != ABI_TUPLE)
		return WORD;
	for (i = 0; i < t->n_items; i++)
		sum += head_size(&t->items[i]);
	return sum;
}

/* ---- encoding ---- */

static bool add_word(struct buf *b, const struct u256 *v)
{
	uint8_t be[WORD];

	u256_to_be(be, v);
	return buf_add(b, be, sizeof(be));
}

static void set_word(struct buf *b, size_t at, size_t v)
{
	struct u256 wide = u256_of(v);

	if (!b->failed)
		u256_to_be(b->data + at, &wide);
}

static void add_padded(struct buf *b, const uint8_t *data, size_t len)
{
	static const uint8_t zeros[WORD];
	struct u256 n = u256_of(len);

	add_word(b, &n);
	buf_add(b, data, len);
	buf_add(b, zeros, (WORD - len % WORD) % WORD);
}

/* An int's value is its two's complement: above its width all bits are its sign. */
static bool int_fits(const struct u256 *w, unsigned bits)
{
	uint8_t be[WORD];
	size_t i, first = (256 - bits) / 8;
	uint8_t fill;

	u256_to_be(be, w);
	fill = be[first] & 0x80 ? 0xff : 0;
	for (i = 0; i < first; i++)
		if (be[i] != fill)
			return false;
	return true;
}

static bool tail_is_zero(const struct u256 *w, unsigned from)
{
	uint8_t be[WORD];
	unsigned i;

	u256_to_be(be, w);
	for (i = from; i < WORD; i++)
		if (be[i])
			return false;
	return true;
}

static bool word_fits(const struct abi_type *t, const struct u256 *w)
{
	switch (t->kind) {
	case ABI_UINT: return u256_bits(w) <= t->bits;
	case ABI_INT: return int_fits(w, t->bits);
	case ABI_ADDRESS: return u256_bits(w) <= 160;
	case ABI_BOOL: return u256_bits(w) <= 1;
	case ABI_FIXED_BYTES: return tail_is_zero(w, t->size);
	default: return false;
	}
}

static int encode(struct buf *b, const struct abi_type *t, const struct abi_value *v, struct err *err);

static const struct abi_type *item_type(const struct abi_type *t, size_t i)
{
	return t->kind == ABI_ARRAY ? &t->items[0] : &t->items[i];
}

/* Members one after the other: heads, then the tails that dynamic heads point to. */
static int encode_members(struct buf *b, const struct abi_type *t, const struct abi_value *v, struct err *err)
{
	size_t start = b->len, at = start, i;
	static const uint8_t zeros[WORD];

	for (i = 0; i < v->n_items; i++)
		if (is_dynamic(item_type(t, i)))
			buf_add(b, zeros, WORD);
		else if (encode(b, item_type(t, i), &v->items[i], err) < 0)
			return -1;
	for (i = 0; i < v->n_items; i++) {
		const struct abi_type *it = item_type(t, i);

		if (is_dynamic(it)) {
			set_word(b, at, b->len - start);
			if (encode(b, it, &v->items[i], err) < 0)
				return -1;
		}
		at += head_size(it);
	}
	return 0;
}

static int encode_array(struct buf *b, const struct abi_type *t, const struct abi_value *v, struct err *err)
{
	struct u256 n = u256_of(v->n_items);

	if (t->count < 0)
		add_word(b, &n);
	else if ((size_t)t->count != v->n_items)
		return err_set(err, ERR_INVALID, "abi: %zu items where %zd should be", v->n_items, t->count);
	return encode_members(b, t, v, err);
}

static int encode(struct buf *b, const struct abi_type *t, const struct abi_value *v, struct err *err)
{
	switch (t->kind) {
	case ABI_BYTES:
	case ABI_STRING:
		add_padded(b, v->bytes, v->n_bytes);
		return 0;
	case ABI_ARRAY:
		return encode_array(b, t, v, err);
	case ABI_TUPLE:
		if (v->n_items != t->n_items)
			return err_set(err, ERR_INVALID, "abi: %zu members where %zu should be", v->n_items, t->n_items);
		return encode_members(b, t, v, err);
	default:
		if (!word_fits(t, &v->word))
			return err_set(err, ERR_INVALID, "abi: a value too wide for its type");
		add_word(b, &v->word);
		return 0;
	}
}

int abi_encode(struct buf *b, const struct abi_type *t, const struct abi_value *v, struct err *err)
{
	size_t start = b->len;
	int rc;

	if (t->kind != ABI_TUPLE)
		return err_set(err, ERR_INVALID, "abi: the arguments are no tuple");
	rc = encode(b, t, v, err);
	if (rc == 0 && b->failed)
		rc = err_set(err, ERR_LIMIT, "abi: more than %zu bytes", b->max);
	if (rc < 0)
		b->len = start;
	return rc;
}

/* ---- decoding: data comes from a node that may lie ---- */

struct source {
	const uint8_t *data;
	size_t len;
	size_t values_left;
	size_t bytes_left;	/* offsets may point many values to one place: copies of it count */
	struct err *err;
};

static int bad(struct source *in, const char *why)
{
	return err_set(in->err, ERR_INVALID, "abi: %s", why);
}

static int read_word(struct source *in, size_t at, struct u256 *w)
{
	if (at > in->len || in->len - at < WORD)
		return bad(in, "cut short");
	*w = u256_from_be(in->data + at);
	return 0;
}

/* A word that counts or points: not beyond the data. */
static int read_size(struct source *in, size_t at, size_t *v)
{
	struct u256 w;
	uint64_t n;

	if (read_word(in, at, &w) < 0)
		return -1;
	if (!u256_to_u64(&n, &w) || n > in->len)
		return bad(in, "a length or an offset beyond the data");
	*v = n;
	return 0;
}

static int decode_bytes(struct source *in, size_t at, struct abi_value *v)
{
	size_t len, i, padded;

	if (read_size(in, at, &len) < 0)
		return -1;
	padded = (len + WORD - 1) / WORD * WORD;
	at += WORD;
	if (padded > in->len - at)
		return bad(in, "bytes cut short");
	for (i = len; i < padded; i++)
		if (in->data[at + i])
			return bad(in, "padding that is not zero");
	if (len > in->bytes_left)
		return bad(in, "more bytes in its values than the data has");
	in->bytes_left -= len;
	v->bytes = xmalloc(len + 1);
	memcpy(v->bytes, in->data + at, len);
	v->bytes[len] = '\0';
	v->n_bytes = len;
	return 0;
}

static int decode(struct source *in, size_t at, const struct abi_type *t, struct abi_value *v);

/* n members whose heads begin at `base`, which is what their offsets count from. */
static int decode_members(struct source *in, size_t base, const struct abi_type *t, struct abi_value *v,
			  size_t n)
{
	size_t at = base, i, offset;

	if (n > in->values_left)
		return bad(in, "too many values");
	in->values_left -= n;
	v->items = n ? xcalloc(n, sizeof(*v->items)) : NULL;
	v->n_items = n;
	for (i = 0; i < n; i++) {
		const struct abi_type *it = item_type(t, i);
		size_t from = at;

		if (is_dynamic(it)) {
			if (read_size(in, at, &offset) < 0)
				return -1;
			from = base + offset;
		}
		if (decode(in, from, it, &v->items[i]) < 0)
			return -1;
		at += head_size(it);
	}
	return 0;
}

static int decode_array(struct source *in, size_t at, const struct abi_type *t, struct abi_value *v)
{
	size_t n = (size_t)t->count;

	if (t->count >= 0)
		return decode_members(in, at, t, v, n);
	if (read_size(in, at, &n) < 0)
		return -1;
	return decode_members(in, at + WORD, t, v, n);
}

static int decode(struct source *in, size_t at, const struct abi_type *t, struct abi_value *v)
{
	switch (t->kind) {
	case ABI_BYTES:
	case ABI_STRING:
		return decode_bytes(in, at, v);
	case ABI_ARRAY:
		return decode_array(in, at, t, v);
	case ABI_TUPLE:
		return decode_members(in, at, t, v, t->n_items);
	default:
		if (read_word(in, at, &v->word) < 0)
			return -1;
		return word_fits(t, &v->word) ? 0 : bad(in, "a value too wide for its type");
	}
}

int abi_decode(struct abi_value *v, const struct abi_type *t, const void *data, size_t len, struct err *err)
{
	struct source in = { .data = data, .len = len, .values_left = ABI_VALUES_MAX, .bytes_left = len,
			     .err = err };

	memset(v, 0, sizeof(*v));
	if (t->kind != ABI_TUPLE)
		return err_set(err, ERR_INVALID, "abi: the arguments are no tuple");
	if (decode_members(&in, 0, t, v, t->n_items) == 0)
		return 0;
	abi_value_fini(v);
	return -1;
}

/* ---- flat calldata ---- */

void abi_args_init(struct abi_args *a, size_t n_words)
{
	memset(a, 0, sizeof(*a));
	a->n_words = n_words;
	buf_init(&a->head, n_words * WORD);
	buf_init(&a->tail, ABI_BYTES_MAX);
}

void abi_args_u256(struct abi_args *a, const struct u256 *v)
{
	add_word(&a->head, v);
}

void abi_args_u64(struct abi_args *a, uint64_t v)
{
	struct u256 w = u256_of(v);

	add_word(&a->head, &w);
}

void abi_args_addr(struct abi_args *a, const struct eth_addr *v)
{
	uint8_t word[WORD] = { 0 };

	memcpy(word + 12, v->b, sizeof(v->b));
	buf_add(&a->head, word, sizeof(word));
}

void abi_args_word(struct abi_args *a, const uint8_t word[32])
{
	buf_add(&a->head, word, WORD);
}

void abi_args_bool(struct abi_args *a, bool v)
{
	abi_args_u64(a, v);
}

void abi_args_bytes(struct abi_args *a, const void *data, size_t len)
{
	abi_args_u64(a, a->n_words * WORD + a->tail.len);
	add_padded(&a->tail, data, len);
}

int abi_args_end(struct abi_args *a, const struct abi_selector *sel, struct buf *b, struct err *err)
{
	bool whole = !a->head.failed && !a->tail.failed && a->head.len == a->n_words * WORD;
	size_t start = b->len;
	int rc = 0;

	if (sel)
		buf_add(b, sel->b, sizeof(sel->b));
	buf_add(b, a->head.data, a->head.len);
	buf_add(b, a->tail.data, a->tail.len);
	if (!whole || b->failed) {
		rc = err_set(err, ERR_LIMIT, "abi: arguments that do not fit their call");
		b->len = start;
	}
	buf_fini(&a->head);
	buf_fini(&a->tail);
	return rc;
}
