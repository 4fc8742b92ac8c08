/*
 * Rows of a transaction journal whose store is damaged: an error in words, or a row that
 * keeps all bounds and is written again as the same bytes.  The first byte chooses which kind.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/tx.h"
#include "node/chain/journal_row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_same(const struct buf *b, const uint8_t *data, size_t len)
{
	if (b->failed || b->len != len || memcmp(b->data, data, len) != 0)
		abort();
}

static void check_text(const char *s, size_t max)
{
	if (strnlen(s, max + 1) > max)
		abort();
}

static int check_err(const struct err *err)
{
	if (err->code != ERR_INVALID || !err->msg[0])
		abort();
	return 0;
}

static int intent(const uint8_t *data, size_t len)
{
	struct journal_row row;
	struct err err = { 0 };
	struct buf b;

	if (journal_row_unpack(&row, data, len, &err) < 0)
		return check_err(&err);
	check_text(row.tx.key, JOURNAL_KEY_MAX);
	check_text(row.tx.what, JOURNAL_WHAT_MAX);
	check_text(row.tx.why, sizeof(row.tx.why) - 1);
	if (row.n_data > TX_DATA_MAX || row.tx.n_attempts || !tx_state_name(row.tx.state))
		abort();
	buf_init(&b, JOURNAL_ROW_MAX);
	journal_row_pack(&b, &row);
	check_same(&b, data, len);
	buf_fini(&b);
	journal_row_fini(&row);
	return 0;
}

static int attempt(const uint8_t *data, size_t len)
{
	struct tx_attempt a;
	struct err err = { 0 };
	const uint8_t *raw;
	size_t n_raw;
	struct buf b;

	if (journal_attempt_unpack(&a, &raw, &n_raw, data, len, &err) < 0)
		return check_err(&err);
	if (n_raw == 0 || raw < data || raw + n_raw != data + len)
		abort();
	buf_init(&b, JOURNAL_ROW_MAX);
	journal_attempt_pack(&b, &a, raw, n_raw);
	check_same(&b, data, len);
	buf_fini(&b);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	return data[0] & 1 ? attempt(data + 1, len - 1) : intent(data + 1, len - 1);
}
