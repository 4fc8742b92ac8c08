#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_fini(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

uint8_t *buf_reserve(struct buf *b, size_t len)
{
	size_t want;

	if (b->failed || len > b->max - b->len) {
		b->failed = true;
		return NULL;
	}
	if (b->data && b->len + len <= b->cap)
		return b->data + b->len;
	want = b->cap ? b->cap * 2 : 64;
	while (want < b->len + len)
		want *= 2;
	if (want > b->max)
		want = b->max ? b->max : 1;
	b->data = xrealloc(b->data, want);
	b->cap = want;
	return b->data + b->len;
}

bool buf_add(struct buf *b, const void *data, size_t len)
{
	uint8_t *to;

	if (len == 0)
		return !b->failed;
	to = buf_reserve(b, len);
	if (!to)
		return false;
	memcpy(to, data, len);
	b->len += len;
	return true;
}

static bool add_be(struct buf *b, uint64_t v, size_t n)
{
	uint8_t tmp[8];
	size_t i;

	for (i = 0; i < n; i++)
		tmp[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
	return buf_add(b, tmp, n);
}

bool buf_add_u8(struct buf *b, uint8_t v)
{
	return add_be(b, v, 1);
}

bool buf_add_u16(struct buf *b, uint16_t v)
{
	return add_be(b, v, 2);
}

bool buf_add_u24(struct buf *b, uint32_t v)
{
	return add_be(b, v, 3);
}

bool buf_add_u32(struct buf *b, uint32_t v)
{
	return add_be(b, v, 4);
}

bool buf_add_u64(struct buf *b, uint64_t v)
{
	return add_be(b, v, 8);
}

bool buf_add_str(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

bool buf_addf(struct buf *b, const char *fmt, ...)
{
	char small[256];
	char *big;
	va_list ap;
	int n;
	bool ok;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0)
		return false;
	if ((size_t)n < sizeof(small))
		return buf_add(b, small, (size_t)n);
	big = xmalloc((size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(big, (size_t)n + 1, fmt, ap);
	va_end(ap);
	ok = buf_add(b, big, (size_t)n);
	free(big);
	return ok;
}

void buf_consume(struct buf *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
}

const char *buf_cstr(struct buf *b)
{
	if (b->len == b->cap) {
		/* The NUL is not content: it may stand one past max. */
		b->data = xrealloc(b->data, b->cap + 1);
		b->cap++;
	}
	b->data[b->len] = 0;
	return (const char *)b->data;
}

struct rd rd_of(const void *data, size_t len)
{
	return (struct rd){ .p = data, .left = len };
}

const uint8_t *rd_bytes(struct rd *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->failed || len > r->left) {
		r->failed = true;
		return NULL;
	}
	if (len) {
		r->p += len;
		r->left -= len;
	}
	return p;
}

static uint64_t rd_be(struct rd *r, size_t n)
{
	const uint8_t *p = rd_bytes(r, n);
	uint64_t v = 0;
	size_t i;

	if (!p)
		return 0;
	for (i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)rd_be(r, 1);
}

uint16_t rd_u16(struct rd *r)
{
	return (uint16_t)rd_be(r, 2);
}

uint32_t rd_u24(struct rd *r)
{
	return (uint32_t)rd_be(r, 3);
}

uint32_t rd_u32(struct rd *r)
{
	return (uint32_t)rd_be(r, 4);
}

uint32_t rd_u32le(struct rd *r)
{
	return __builtin_bswap32((uint32_t)rd_be(r, 4));
}

uint64_t rd_u64(struct rd *r)
{
	return rd_be(r, 8);
}
