/* What comes from files and logs about claims: receipts, openings, ranges, options of jobs,
 * multiproofs.  What is accepted is written back the same. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "protocol/claim.h"
#include "protocol/job_options.h"
#include "protocol/merkle.h"
#include "protocol/ranges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_same(struct buf *b, const uint8_t *data, size_t len)
{
	if (b->failed || b->len != len || memcmp(b->data, data, len) != 0)
		abort();
	buf_fini(b);
}

static void read_ranges(const uint8_t *data, size_t len)
{
	struct ranges l;
	struct buf b;
	char text[40];
	uint32_t at;

	if (ranges_parse(&l, data, len, 0, NULL) < 0)
		return;
	buf_init(&b, len);
	ranges_pack(&b, &l);
	check_same(&b, data, len);
	ranges_fmt(text, sizeof(text), &l);
	if (!ranges_find(&l, ranges_end(&l) - 1, &at) || at != l.segments - 1)
		abort();
	ranges_fini(&l);
}

static void read_options(const uint8_t *data, size_t len)
{
	struct job_options o;
	uint32_t units;
	struct buf b;

	if (job_options_parse(&o, data, len, NULL) < 0)
		return;
	buf_init(&b, len);
	job_options_pack(&b, &o);
	check_same(&b, data, len);
	job_options_units(&units, &o, NULL);
}

static void read_lines(const uint8_t *data, size_t len)
{
	struct claim_segment s, again;
	struct claim_opening o;
	struct buf b;

	claim_opening_parse(&o, (const char *)data, len, true, NULL);
	claim_opening_parse(&o, (const char *)data, len, false, NULL);
	if (claim_segment_parse(&s, (const char *)data, len, NULL) < 0)
		return;
	buf_init(&b, CLAIM_LINE_MAX);
	claim_segment_fmt(&b, &s);
	if (claim_segment_parse(&again, (const char *)b.data, b.len, NULL) < 0 ||
	    memcmp(&s, &again, sizeof(s)) != 0)
		abort();
	buf_fini(&b);
}

/* Counts from the first bytes; the memory is of the sizes they say. */
static void check_proof(const uint8_t *data, size_t len)
{
	struct hash32 leaves[256] = { 0 }, proof[256] = { 0 }, root = { 0 };
	struct merkle_multiproof p = { .proof = proof };
	struct u256 flags[4] = { 0 };

	if (len < 4)
		return;
	memcpy(flags, data + 4, len - 4 < sizeof(flags) ? len - 4 : sizeof(flags));
	p.flags = flags;
	p.n_proof = data[1];
	p.n_flags = data[2] | (size_t)(data[3] & 3) << 8;
	merkle_check_multi(&root, leaves, data[0], &p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	read_ranges(data, len);
	read_options(data, len);
	read_lines(data, len);
	check_proof(data, len);
	return 0;
}
