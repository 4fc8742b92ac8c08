#ifndef LP_BASE_BUF_H
#define LP_BASE_BUF_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A growing byte buffer born with its maximum, and a cursor that reads bytes
 * without ever running past their end.  Integers are big-endian unless the name
 * says otherwise.  Neither locks: one thread at a time.
 */

struct buf {
	uint8_t *data;	/* owned; NULL while empty */
	size_t len;	/* bytes in use */
	size_t cap;	/* bytes allocated */
	size_t max;	/* len never exceeds this */
	bool failed;	/* something did not fit; sticky until buf_clear */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);

/* Forget the content (and a failure), keep the memory. */
void buf_clear(struct buf *b);

/*
 * Append.  What would pass max is not appended at all; failed is set and false
 * returned, so a builder may check once at its end.
 */
bool buf_add(struct buf *b, const void *data, size_t len);
bool buf_add_u8(struct buf *b, uint8_t v);
bool buf_add_u16(struct buf *b, uint16_t v);
bool buf_add_u24(struct buf *b, uint32_t v);
bool buf_add_u32(struct buf *b, uint32_t v);
bool buf_add_u64(struct buf *b, uint64_t v);
bool buf_add_str(struct buf *b, const char *s);
bool buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Make room for len more bytes and return where they go (len is not advanced:
 * add to b->len what was written), or NULL with failed set. */
uint8_t *buf_reserve(struct buf *b, size_t len);

/* Drop len bytes (at most b->len) from the front. */
void buf_consume(struct buf *b, size_t len);

/* The content as a C string: appends a NUL behind len; owned by b. "" on failure. */
const char *buf_cstr(struct buf *b);

/* A read cursor over borrowed bytes. */
struct rd {
	const uint8_t *p;	/* next byte */
	size_t left;		/* bytes after p */
	bool failed;		/* a read ran short; all later reads give 0 */
};

struct rd rd_of(const void *data, size_t len);
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u24(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint32_t rd_u32le(struct rd *r);
uint64_t rd_u64(struct rd *r);
/* len bytes, borrowed from the input; NULL (failed set) when fewer are left. */
const uint8_t *rd_bytes(struct rd *r, size_t len);

#endif
