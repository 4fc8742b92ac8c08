#ifndef LP_CMD_RECEIPTS_FILE_H
#define LP_CMD_RECEIPTS_FILE_H
#include <stddef.h>
#include "cmd/cli.h"
#include "protocol/claim.h"

/*
 * Files of JSON lines that the commands of claims read: a transcoder's receipts, and what
 * verifiers signed.  Empty lines are passed over.  Each returns an exit code; err names file
 * and line.
 */
#define RECEIPTS_FILE_MAX (64u << 20)

/* In ascending order of sequence. */
struct receipts {
	struct claim_segment *s;	/* owned */
	size_t n, cap;
};
int receipts_load(struct receipts *r, const char *path, struct err *err);
void receipts_fini(struct receipts *r);
/* NULL: it has none of that sequence. */
const struct claim_segment *receipts_find(const struct receipts *r, uint64_t sequence);

/* Openings, or statements, in ascending order of draw. */
struct openings {
	struct claim_opening *o;	/* owned */
	size_t n, cap;
};
int openings_load(struct openings *l, const char *path, bool statements, struct err *err);
void openings_fini(struct openings *l);

#endif
