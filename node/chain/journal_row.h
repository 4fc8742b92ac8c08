#ifndef LP_NODE_CHAIN_JOURNAL_ROW_H
#define LP_NODE_CHAIN_JOURNAL_ROW_H
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "node/chain/journal.h"
struct err;

/*
 * The journal's rows as bytes, and back.  A store may be damaged or be of a newer program:
 * everything read is bounded and checked.  Pure.  Any thread.
 */
#define JOURNAL_ROW_MAX (132 * 1024)

/* A row of `intents`; the id is its key and stands in tx.id. */
struct journal_row {
	struct tx_info tx;	/* attempts are rows of their own: not packed */
	uint64_t chain_id;
	uint64_t gas;		/* asked for; 0: estimated */
	uint64_t until_block;
	uint64_t signed_block;	/* the head when the nonce was given: it was unused there */
	uint8_t *data;		/* owned */
	size_t n_data;
};
void journal_row_fini(struct journal_row *r);

void journal_row_pack(struct buf *b, const struct journal_row *r);
/* Fails with ERR_INVALID, saying what is wrong; then nothing is to be freed. */
int journal_row_unpack(struct journal_row *r, const void *bytes, size_t n, struct err *err);

/* A row of `attempts`: the signed bytes with what is told of them. */
void journal_attempt_pack(struct buf *b, const struct tx_attempt *a, const void *raw, size_t n_raw);
/* raw: borrowed from bytes. */
int journal_attempt_unpack(struct tx_attempt *a, const uint8_t **raw, size_t *n_raw, const void *bytes,
			   size_t n, struct err *err);

#endif
