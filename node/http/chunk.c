#include "node/http/chunk.h"

#include <stdbool.h>

enum {
	SIZE,		/* hex digits of a chunk's size */
	EXT,		/* behind ";", thrown away */
	SIZE_LF,
	DATA,
	DATA_CR,	/* the line end behind a chunk's data */
	DATA_LF,
	TRAILER,	/* first byte of a trailer line, or the last line end */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	END_LF,
	ENDED,
};

static int hex_value(uint8_t b)
{
	if (b >= '0' && b <= '9')
		return b - '0';
	b |= 0x20;
	return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

static bool is_text(uint8_t b)
{
	return (b >= 0x20 && b != 0x7f) || b == '\t';
}

static bool is_name(uint8_t b)
{
	return b > 0x20 && b < 0x7f && b != ':';
}

/* 15 digits: 2^60, so nothing overflows. */
static bool size_byte(struct chunk_rd *c, uint8_t b)
{
	int v = hex_value(b);

	if (v >= 0) {
		c->left = c->left << 4 | (unsigned)v;
		return ++c->n <= 15;
	}
	if (c->n == 0)
		return false;
	c->n = 0;
	c->state = b == ';' ? EXT : SIZE_LF;
	return b == ';' || b == '\r';
}

static bool ext_byte(struct chunk_rd *c, uint8_t b)
{
	if (b == '\r') {
		c->state = SIZE_LF;
		return true;
	}
	return is_text(b) && ++c->n <= CHUNK_MAX_EXT;
}

static bool trailer_byte(struct chunk_rd *c, uint8_t b)
{
	if (++c->n_trailer > CHUNK_MAX_TRAILER)
		return false;
	switch (c->state) {
	case TRAILER:
		c->state = b == '\r' ? END_LF : TRAILER_NAME;
		return b == '\r' || is_name(b);
	case TRAILER_NAME:
		if (b == ':')
			c->state = TRAILER_VALUE;
		return b == ':' || is_name(b);
	default:
		if (b == '\r')
			c->state = TRAILER_LF;
		return b == '\r' || is_text(b);
	}
}

static bool expect(struct chunk_rd *c, uint8_t b, char want, int next)
{
	c->state = next;
	return b == (uint8_t)want;
}

/* Everything but data, a byte at a time. */
static bool framing_byte(struct chunk_rd *c, uint8_t b)
{
	switch (c->state) {
	case SIZE:
		return size_byte(c, b);
	case EXT:
		return ext_byte(c, b);
	case SIZE_LF:
		return expect(c, b, '\n', c->left ? DATA : TRAILER);
	case DATA_CR:
		return expect(c, b, '\r', DATA_LF);
	case DATA_LF:
		c->n = 0;
		return expect(c, b, '\n', SIZE);
	case TRAILER_LF:
		return expect(c, b, '\n', TRAILER);
	case END_LF:
		return expect(c, b, '\n', ENDED);
	default:
		return trailer_byte(c, b);
	}
}

enum chunk_result chunk_read(struct chunk_rd *c, const uint8_t *p, size_t len, size_t *used,
			     const uint8_t **data, size_t *n)
{
	size_t i;

	for (i = 0; i < len && c->state != DATA && c->state != ENDED; i++) {
		if (!framing_byte(c, p[i])) {
			*used = i;
			return CHUNK_BAD;
		}
	}
	*used = i;
	if (c->state == ENDED)
		return CHUNK_END;
	if (i == len)
		return CHUNK_MORE;
	*data = p + i;
	*n = len - i < c->left ? len - i : (size_t)c->left;
	c->left -= *n;
	if (c->left == 0)
		c->state = DATA_CR;
	*used = i + *n;
	return CHUNK_DATA;
}
