#include "node/chain/journal_row.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "eth/tx.h"

#define VERSION 1
#define RAW_MAX (TX_DATA_MAX + 1024)

enum { CREATES = 1, HAS_NONCE = 2, CANCELS = 4 };

void journal_row_fini(struct journal_row *r)
{
	free(r->data);
	r->data = NULL;
	r->n_data = 0;
}

/* ---- writing ---- */

static void add_u256(struct buf *b, const struct u256 *v)
{
	uint8_t be[32];

	u256_to_be(be, v);
	buf_add(b, be, sizeof(be));
}

static void add_text(struct buf *b, const char *s)
{
	buf_add_u16(b, (uint16_t)strlen(s));
	buf_add_str(b, s);
}

static void add_bytes(struct buf *b, const void *data, size_t n)
{
	buf_add_u32(b, (uint32_t)n);
	if (n)
		buf_add(b, data, n);
}

static void add_mined(struct buf *b, const struct tx_info *tx)
{
	buf_add(b, tx->tx_hash.b, sizeof(tx->tx_hash.b));
	buf_add(b, tx->block_hash.b, sizeof(tx->block_hash.b));
	buf_add_u64(b, tx->block);
	buf_add_u64(b, tx->gas_used);
	add_u256(b, &tx->gas_price);
}

void journal_row_pack(struct buf *b, const struct journal_row *r)
{
	const struct tx_info *tx = &r->tx;

	buf_add_u8(b, VERSION);
	buf_add_u8(b, (uint8_t)tx->state);
	buf_add_u8(b, (uint8_t)((tx->creates ? CREATES : 0) | (tx->has_nonce ? HAS_NONCE : 0)));
	buf_add_u64(b, r->chain_id);
	buf_add(b, tx->from.b, sizeof(tx->from.b));
	buf_add(b, tx->to.b, sizeof(tx->to.b));
	add_u256(b, &tx->value);
	buf_add_u64(b, r->gas);
	buf_add_u64(b, r->until_block);
	buf_add_u64(b, r->signed_block);
	buf_add_u64(b, tx->nonce);
	buf_add_u64(b, (uint64_t)tx->created_ms);
	buf_add_u64(b, (uint64_t)tx->ended_ms);
	add_mined(b, tx);
	add_text(b, tx->key);
	add_text(b, tx->what);
	add_text(b, tx->why);
	add_bytes(b, r->data, r->n_data);
}

void journal_attempt_pack(struct buf *b, const struct tx_attempt *a, const void *raw, size_t n_raw)
{
	buf_add_u8(b, VERSION);
	buf_add_u8(b, a->cancels ? CANCELS : 0);
	buf_add(b, a->hash.b, sizeof(a->hash.b));
	add_u256(b, &a->offer.max_fee);
	add_u256(b, &a->offer.max_tip);
	buf_add_u64(b, a->gas);
	buf_add_u64(b, (uint64_t)a->signed_ms);
	add_bytes(b, raw, n_raw);
}

/* ---- reading ---- */

static void get(struct rd *r, void *to, size_t n)
{
	const uint8_t *p = rd_bytes(r, n);

	if (p)
		memcpy(to, p, n);
}

static struct u256 get_u256(struct rd *r)
{
	uint8_t be[32] = { 0 };

	get(r, be, sizeof(be));
	return u256_from_be(be);
}

/* to has room for max chars and the NUL. */
static void get_text(struct rd *r, char *to, size_t max)
{
	size_t n = rd_u16(r);
	const uint8_t *p = n <= max ? rd_bytes(r, n) : NULL;

	if (!p || memchr(p, 0, n)) {
		r->failed = true;
		return;
	}
	memcpy(to, p, n);
	to[n] = 0;
}

/* Borrowed; NULL when none, or when there are more than max. */
static const uint8_t *get_bytes(struct rd *r, size_t *n, size_t max)
{
	const uint8_t *p;

	*n = rd_u32(r);
	if (*n > max)
		r->failed = true;
	p = r->failed || *n == 0 ? NULL : rd_bytes(r, *n);
	if (!p)
		*n = 0;
	return p;
}

static int check_version(struct rd *r, struct err *err)
{
	unsigned v = rd_u8(r);

	if (v > VERSION)
		return err_set(err, ERR_INVALID, "the journal is of a newer program (row version %u, this one "
			       "knows %u)", v, VERSION);
	return v == VERSION && !r->failed ? 0 : err_set(err, ERR_INVALID, "the journal is damaged");
}

static void get_mined(struct rd *r, struct tx_info *tx)
{
	get(r, tx->tx_hash.b, sizeof(tx->tx_hash.b));
	get(r, tx->block_hash.b, sizeof(tx->block_hash.b));
	tx->block = rd_u64(r);
	tx->gas_used = rd_u64(r);
	tx->gas_price = get_u256(r);
}

static void get_flags(struct rd *r, struct tx_info *tx)
{
	unsigned flags = rd_u8(r);

	tx->creates = flags & CREATES;
	tx->has_nonce = flags & HAS_NONCE;
	r->failed |= (flags & ~(unsigned)(CREATES | HAS_NONCE)) != 0;
}

static const uint8_t *get_row(struct rd *r, struct journal_row *row)
{
	struct tx_info *tx = &row->tx;
	unsigned state = rd_u8(r);

	r->failed |= state > TX_DISPLACED;
	tx->state = (enum tx_state)state;
	get_flags(r, tx);
	row->chain_id = rd_u64(r);
	get(r, tx->from.b, sizeof(tx->from.b));
	get(r, tx->to.b, sizeof(tx->to.b));
	tx->value = get_u256(r);
	row->gas = rd_u64(r);
	row->until_block = rd_u64(r);
	row->signed_block = rd_u64(r);
	tx->nonce = rd_u64(r);
	tx->created_ms = (int64_t)rd_u64(r);
	tx->ended_ms = (int64_t)rd_u64(r);
	get_mined(r, tx);
	get_text(r, tx->key, JOURNAL_KEY_MAX);
	get_text(r, tx->what, JOURNAL_WHAT_MAX);
	get_text(r, tx->why, sizeof(tx->why) - 1);
	return get_bytes(r, &row->n_data, TX_DATA_MAX);
}

int journal_row_unpack(struct journal_row *row, const void *bytes, size_t n, struct err *err)
{
	struct rd r = rd_of(bytes, n);
	const uint8_t *data;

	memset(row, 0, sizeof(*row));
	if (check_version(&r, err) < 0)
		return -1;
	data = get_row(&r, row);
	if (r.failed || r.left)
		return err_set(err, ERR_INVALID, "the journal is damaged: an intent cannot be read");
	if (row->n_data) {
		row->data = xmalloc(row->n_data);
		memcpy(row->data, data, row->n_data);
	}
	return 0;
}

int journal_attempt_unpack(struct tx_attempt *a, const uint8_t **raw, size_t *n_raw, const void *bytes,
			   size_t n, struct err *err)
{
	struct rd r = rd_of(bytes, n);
	unsigned flags;

	memset(a, 0, sizeof(*a));
	if (check_version(&r, err) < 0)
		return -1;
	flags = rd_u8(&r);
	a->cancels = flags & CANCELS;
	get(&r, a->hash.b, sizeof(a->hash.b));
	a->offer.max_fee = get_u256(&r);
	a->offer.max_tip = get_u256(&r);
	a->gas = rd_u64(&r);
	a->signed_ms = (int64_t)rd_u64(&r);
	*raw = get_bytes(&r, n_raw, RAW_MAX);
	if (r.failed || r.left || !*raw || flags & ~(unsigned)CANCELS)
		return err_set(err, ERR_INVALID, "the journal is damaged: a transaction cannot be read");
	return 0;
}
