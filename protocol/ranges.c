#include "protocol/ranges.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

static struct range *grow(struct ranges *l)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 8;
		l->r = xrealloc(l->r, l->cap * sizeof(*l->r));
	}
	return &l->r[l->n++];
}

uint64_t ranges_end(const struct ranges *l)
{
	return l->n ? l->r[l->n - 1].start + l->r[l->n - 1].length : 0;
}

int ranges_add(struct ranges *l, uint64_t sequence, struct err *err)
{
	uint64_t end = ranges_end(l);

	if (sequence < end)
		return err_set(err, ERR_INVALID, "sequence %" PRIu64 " after %" PRIu64, sequence,
			       end - 1);
	if (sequence == UINT64_MAX)	/* the one after it would have no number */
		return err_set(err, ERR_INVALID, "sequence %" PRIu64 " is too large", sequence);
	if (l->segments == RANGES_SEGMENTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d segments", RANGES_SEGMENTS_MAX);
	if (l->n && sequence == end)
		l->r[l->n - 1].length++;
	else
		*grow(l) = (struct range) { sequence, 1 };
	l->segments++;
	return 0;
}

void ranges_pack(struct buf *b, const struct ranges *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		buf_add_u64(b, l->r[i].start);
		buf_add_u32(b, l->r[i].length);
	}
}

static int add_range(struct ranges *l, uint64_t start, uint32_t length, uint64_t least,
		     struct err *err)
{
	if (start < least)
		return err_set(err, ERR_INVALID, "range begins at %" PRIu64 ", below %" PRIu64, start,
			       least);
	if (length == 0 || length > UINT64_MAX - start)
		return err_set(err, ERR_INVALID, "range of %" PRIu32 " segments from %" PRIu64, length,
			       start);
	if (length > RANGES_SEGMENTS_MAX - l->segments)
		return err_set(err, ERR_LIMIT, "more than %d segments", RANGES_SEGMENTS_MAX);
	*grow(l) = (struct range) { start, length };
	l->segments += length;
	return 0;
}

int ranges_parse(struct ranges *l, const void *data, size_t len, uint64_t next, struct err *err)
{
	struct rd r = rd_of(data, len);

	memset(l, 0, sizeof(*l));
	if (len == 0 || len % RANGE_SIZE)
		return err_set(err, ERR_INVALID, "%zu bytes of ranges, not a multiple of %d", len,
			       RANGE_SIZE);
	while (r.left) {
		uint64_t start = rd_u64(&r);
		uint32_t length = rd_u32(&r);

		if (add_range(l, start, length, l->n ? ranges_end(l) : next, err) < 0) {
			ranges_fini(l);
			return -1;
		}
	}
	return 0;
}

void ranges_fini(struct ranges *l)
{
	free(l->r);
	memset(l, 0, sizeof(*l));
}

bool ranges_find(const struct ranges *l, uint64_t sequence, uint32_t *index)
{
	uint32_t before = 0;
	size_t i;

	for (i = 0; i < l->n && sequence >= l->r[i].start; i++) {
		if (sequence - l->r[i].start < l->r[i].length) {
			*index = before + (uint32_t)(sequence - l->r[i].start);
			return true;
		}
		before += l->r[i].length;
	}
	return false;
}

void ranges_fmt(char *to, size_t n, const struct ranges *l)
{
	size_t len = 0, i;

	to[0] = 0;
	for (i = 0; i < l->n; i++) {
		uint64_t start = l->r[i].start, last = start + l->r[i].length - 1;
		char one[48];
		int k = start == last ? snprintf(one, sizeof(one), "%" PRIu64, start) :
			snprintf(one, sizeof(one), "%" PRIu64 "-%" PRIu64, start, last);

		/* Room for ", " before it and ", ..." behind it. */
		if (len + (size_t)k + 8 > n) {
			snprintf(to + len, n - len, "%s...", i ? ", " : "");
			return;
		}
		len += (size_t)snprintf(to + len, n - len, "%s%s", i ? ", " : "", one);
	}
}
