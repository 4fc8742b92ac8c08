/* RLP: strings and lists with their lengths in front. */
#include "eth/rlp.h"

#include <string.h>

#include "base/err.h"

void rlp_out_init(struct rlp_out *o, struct buf *b)
{
	memset(o, 0, sizeof(*o));
	o->b = b;
}

static size_t be_len(uint64_t v)
{
	return v ? (71 - (size_t)__builtin_clzll(v)) / 8 : 0;
}

/* A length's head into to (at most 9 bytes): short is 0x80 for strings, 0xc0 for lists. */
static size_t put_head(uint8_t *to, uint8_t offset, uint64_t len)
{
	size_t n = be_len(len), i;

	if (len <= 55) {
		to[0] = (uint8_t)(offset + len);
		return 1;
	}
	to[0] = (uint8_t)(offset + 55 + n);
	for (i = 0; i < n; i++)
		to[1 + i] = (uint8_t)(len >> 8 * (n - 1 - i));
	return 1 + n;
}

void rlp_add_bytes(struct rlp_out *o, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t head[9];

	if (len != 1 || p[0] >= 0x80)
		buf_add(o->b, head, put_head(head, 0x80, len));
	if (len)
		buf_add(o->b, data, len);
}

void rlp_add_u64(struct rlp_out *o, uint64_t v)
{
	struct u256 wide = u256_of(v);

	rlp_add_u256(o, &wide);
}

void rlp_add_u256(struct rlp_out *o, const struct u256 *v)
{
	uint8_t be[32];
	size_t n = (u256_bits(v) + 7) / 8;

	u256_to_be(be, v);
	rlp_add_bytes(o, be + 32 - n, n);
}

void rlp_open_list(struct rlp_out *o)
{
	if (o->depth == RLP_DEPTH_MAX)
		o->failed = true;
	else
		o->open[o->depth++] = o->b->len;
}

/* The head goes in front of what the list holds: its length is known only now. */
void rlp_close_list(struct rlp_out *o)
{
	uint8_t head[9];
	size_t n, start, len;

	if (o->depth == 0) {
		o->failed = true;
		return;
	}
	start = o->open[--o->depth];
	len = o->b->len - start;
	n = put_head(head, 0xc0, len);
	if (!buf_reserve(o->b, n))	/* rlp_finish tells */
		return;
	memmove(o->b->data + start + n, o->b->data + start, len);
	memcpy(o->b->data + start, head, n);
	o->b->len += n;
}

int rlp_finish(const struct rlp_out *o, struct err *err)
{
	if (o->failed || o->depth)
		return err_set(err, ERR_INTERNAL, "rlp: lists do not nest");
	if (o->b->failed)
		return err_set(err, ERR_LIMIT, "rlp: more than %zu bytes", o->b->max);
	return 0;
}

static int bad(struct err *err, const char *why)
{
	return err_set(err, ERR_INVALID, "rlp: %s", why);
}

/* A length of n bytes, without leading zeros and above what the short form holds. */
static int read_long(struct rd *r, size_t n, uint64_t *len, struct err *err)
{
	const uint8_t *p = rd_bytes(r, n);
	size_t i;

	if (!p)
		return bad(err, "cut short in a length");
	for (*len = 0, i = 0; i < n; i++)
		*len = *len << 8 | p[i];
	if (p[0] == 0 || *len <= 55)
		return bad(err, "a length that is not canonical");
	return 0;
}

int rlp_next(struct rd *r, struct rlp_item *item, struct err *err)
{
	uint8_t head = rd_u8(r);
	uint64_t len;

	if (r->failed)
		return bad(err, "cut short");
	item->is_list = head >= 0xc0;
	if (head < 0x80) {
		item->data = r->p - 1;
		item->len = 1;
		return 0;
	}
	len = head - (item->is_list ? 0xc0u : 0x80u);
	if (len > 55 && read_long(r, len - 55, &len, err) < 0)
		return -1;
	if (len > r->left)
		return bad(err, "cut short");
	item->data = rd_bytes(r, len);
	item->len = len;
	if (!item->is_list && len == 1 && item->data[0] < 0x80)
		return bad(err, "a single byte with a length");
	return 0;
}

int rlp_u256(struct u256 *v, const struct rlp_item *item, struct err *err)
{
	uint8_t be[32] = { 0 };

	if (item->is_list)
		return bad(err, "a list where a number should be");
	if (item->len > 32)
		return bad(err, "a number above 256 bits");
	if (item->len && item->data[0] == 0)
		return bad(err, "a number with leading zeros");
	if (item->len)
		memcpy(be + 32 - item->len, item->data, item->len);
	*v = u256_from_be(be);
	return 0;
}

int rlp_u64(uint64_t *v, const struct rlp_item *item, struct err *err)
{
	struct u256 wide;

	if (rlp_u256(&wide, item, err) < 0)
		return -1;
	return u256_to_u64(v, &wide) ? 0 : bad(err, "a number above 64 bits");
}

static int check_items(struct rd r, size_t depth, struct err *err)
{
	struct rlp_item item;

	if (depth > RLP_DEPTH_MAX)
		return bad(err, "lists too deep");
	while (r.left) {
		if (rlp_next(&r, &item, err) < 0)
			return -1;
		if (item.is_list && check_items(rd_of(item.data, item.len), depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

int rlp_check(const void *data, size_t len, struct err *err)
{
	struct rd r = rd_of(data, len);
	struct rlp_item item;

	if (rlp_next(&r, &item, err) < 0)
		return -1;
	if (r.left)
		return bad(err, "bytes behind the item");
	return item.is_list ? check_items(rd_of(item.data, item.len), 1, err) : 0;
}
