#ifndef LP_PROTOCOL_RANGES_H
#define LP_PROTOCOL_RANGES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct buf;
struct err;

/*
 * Which segments a claim is for: ranges, ascending and disjoint, as eth/contracts/lib/
 * Ranges.sol packs them: (uint64 start, uint32 length), 12 bytes each.  Pure.  Any thread.
 * Source: docs/contracts.md 5; whitepaper, Transcoder Griefing (why ranges).
 */
#define RANGES_SEGMENTS_MAX 65535	/* of one claim */
#define RANGE_SIZE 12

struct range {
	uint64_t start;
	uint32_t length;
};

/* All zero is empty. */
struct ranges {
	struct range *r;	/* owned */
	size_t n, cap;
	uint32_t segments;	/* sum of lengths */
};

/* One sequence more, above all before it; it lengthens the last range when it follows it.
 * Fails with ERR_INVALID (not above), ERR_LIMIT. */
int ranges_add(struct ranges *l, uint64_t sequence, struct err *err);
void ranges_pack(struct buf *b, const struct ranges *l);
/* The chain's own rules, and not a segment below `next` (0: any).  l is empty after a failure,
 * ERR_INVALID or ERR_LIMIT. */
int ranges_parse(struct ranges *l, const void *data, size_t len, uint64_t next, struct err *err);
void ranges_fini(struct ranges *l);

/* Which of them all it is: its leaf in the claim's tree.  False when it is none. */
bool ranges_find(const struct ranges *l, uint64_t sequence, uint32_t *i);
/* The sequence after the last; 0 when empty. */
uint64_t ranges_end(const struct ranges *l);
/* "17", "3-9, 12": at most n bytes with the NUL; "..." where there are more. */
void ranges_fmt(char *to, size_t n, const struct ranges *l);

#endif
