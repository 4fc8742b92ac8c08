#ifndef LP_MEDIA_WIRE_BITS_H
#define LP_MEDIA_WIRE_BITS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads the bit fields of codec headers, most significant bit first, without ever
 * running past the end: a read that would gives 0 and sets failed for good.
 * Plain value, any thread.
 */
struct bits {
	const uint8_t *data;
	size_t n_bits;		/* in data */
	size_t pos;		/* next bit */
	bool failed;
};

static inline struct bits bits_of(const void *data, size_t len)
{
	return (struct bits){ .data = data, .n_bits = len * 8 };
}

/* The next n (0..32) bits as a number. */
static inline uint32_t bits_get(struct bits *b, unsigned n)
{
	uint64_t v = 0;
	unsigned i;

	if (b->failed || n > b->n_bits - b->pos) {
		b->failed = true;
		return 0;
	}
	for (i = 0; i < n; i++, b->pos++)
		v = v << 1 | (b->data[b->pos / 8] >> (7 - b->pos % 8) & 1);
	return (uint32_t)v;
}

static inline void bits_skip(struct bits *b, size_t n)
{
	if (b->failed || n > b->n_bits - b->pos)
		b->failed = true;
	else
		b->pos += n;
}

/* Exp-Golomb, unsigned: ue(v) of H.264 and HEVC. */
static inline uint32_t bits_ue(struct bits *b)
{
	unsigned n = 0;

	while (!b->failed && bits_get(b, 1) == 0)
		n++;
	if (b->failed || n > 31) {
		b->failed = true;
		return 0;
	}
	return (uint32_t)((UINT64_C(1) << n) - 1 + bits_get(b, n));
}

/* Exp-Golomb, signed: se(v). */
static inline int32_t bits_se(struct bits *b)
{
	uint32_t v = bits_ue(b);

	return v & 1 ? (int32_t)((v >> 1) + 1) : -(int32_t)(v >> 1);
}

#endif
