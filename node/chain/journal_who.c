/*
 * A nonce is used and none of our transactions with it has a receipt.  Was it another
 * program with the same key, or does the node only not tell the receipt?  To take the one
 * for the other would send an intent twice, so displaced needs proof: the block in which the
 * nonce was used is found by halving, and in it a transaction with that nonce which is none
 * of ours and which the account's key has signed.  No endpoint can make that up.
 *
 * Where the proof cannot be had (states pruned, a kind of transaction that is not known
 * here) the intent stays as it is, and says so.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "eth/tx.h"
#include "node/chain/journal_int.h"

#define LOOK_BACK 256		/* blocks, when the row does not say where it was unused */
#define TRY_AGAIN_MS 5000
#define BLOCK_TXS_MAX 100000

static void later(struct journal *j, int64_t ms, const char *why)
{
	const struct tx_info *tx = &journal_entry_now(j)->row.tx;

	journal_hot(j, tx->id)->h.ask_ms = clock_mono_ms() + ms;
	if (!why || strncmp(tx->why, why, sizeof(tx->why) - 1) == 0) {
		journal_step_end(j, false);
		return;
	}
	log_warn(&j->log, "a transaction's nonce is used by something else: id=%" PRIu64 " nonce=%" PRIu64 " why=\"%s\"",
		 tx->id, tx->nonce, why);
	journal_commit(j, tx->state, why);
}

static void not_found(struct journal *j, const char *message)
{
	char why[200];

	snprintf(why, sizeof(why), "its nonce is used, by what cannot be found: %.140s", message);
	later(j, TRY_AGAIN_MS, why);
}

/* ---- is it really another one of this account? ---- */

static const char *text_of(const json_t *tx, const char *field)
{
	const char *s = json_string_value(json_object_get(tx, field));

	return s ? s : "";
}

static int read_fees(struct tx *t, const json_t *j, struct err *err)
{
	t->legacy = strcmp(text_of(j, "type"), "0x2") != 0;
	if (t->legacy)
		return rpc_u256(&t->max_fee, json_object_get(j, "gasPrice"), "gasPrice", err);
	if (rpc_u256(&t->max_fee, json_object_get(j, "maxFeePerGas"), "maxFeePerGas", err) < 0)
		return -1;
	return rpc_u256(&t->max_tip, json_object_get(j, "maxPriorityFeePerGas"), "maxPriorityFeePerGas", err);
}

static int read_to(struct tx *t, const json_t *j, struct err *err)
{
	const json_t *to = json_object_get(j, "to");

	t->creates = !to || json_is_null(to);
	return t->creates ? 0 : rpc_addr(&t->to, to, "to", err);
}

/* data: malloc'ed, t's. */
static int read_tx(struct tx *t, uint8_t **data, const json_t *j, struct err *err)
{
	const char *type = text_of(j, "type");

	if ((*type && strcmp(type, "0x0") != 0 && strcmp(type, "0x2") != 0) ||
	    json_array_size(json_object_get(j, "accessList")) > 0)
		return err_set(err, ERR_INVALID, "it is of a kind that is not known here");
	if (read_fees(t, j, err) < 0 || read_to(t, j, err) < 0 ||
	    rpc_u64(&t->nonce, json_object_get(j, "nonce"), "nonce", err) < 0 ||
	    rpc_u64(&t->gas, json_object_get(j, "gas"), "gas", err) < 0 ||
	    rpc_u256(&t->value, json_object_get(j, "value"), "value", err) < 0 ||
	    rpc_bytes(data, &t->n_data, json_object_get(j, "input"), TX_DATA_MAX, "input", err) < 0)
		return -1;
	t->data = *data;
	return 0;
}

/* v: 0 or 1 of EIP-1559, chain id and parity of EIP-155. */
static int read_sig(struct sig65 *sig, const struct tx *t, const json_t *j, struct err *err)
{
	struct u256 r, s;
	uint64_t v;

	if (rpc_u256(&r, json_object_get(j, "r"), "r", err) < 0 ||
	    rpc_u256(&s, json_object_get(j, "s"), "s", err) < 0 ||
	    rpc_u64(&v, json_object_get(j, "v"), "v", err) < 0)
		return -1;
	if (t->legacy && v >= 2 * t->chain_id + 35)
		v -= 2 * t->chain_id + 35;
	if (v > 1)
		return err_set(err, ERR_INVALID, "its signature is of no chain");
	u256_to_be(sig->b, &r);
	u256_to_be(sig->b + 32, &s);
	sig->b[64] = (uint8_t)(27 + v);
	return 0;
}

/* The account's key has signed it, for this chain and this nonce. */
static int prove(const struct journal *j, const json_t *json, uint64_t nonce, struct err *err)
{
	struct tx t = { .chain_id = j->o.chain_id };
	struct hash32 digest;
	uint8_t *data = NULL;
	struct sig65 sig;
	int rc;

	rc = read_tx(&t, &data, json, err);
	if (rc == 0)
		rc = read_sig(&sig, &t, json, err);
	if (rc == 0 && t.nonce != nonce)
		rc = err_set(err, ERR_INVALID, "it has another nonce");
	if (rc == 0)
		rc = tx_digest(&digest, &t, err);
	if (rc == 0)
		rc = sig_verify(&j->o.account, &digest, &sig, err);
	free(data);
	return rc;
}

/* ---- the block ---- */

static bool is_ours(const struct tx_info *tx, const struct hash32 *hash)
{
	for (size_t i = 0; i < tx->n_attempts; i++) {
		if (memcmp(tx->attempts[i].hash.b, hash->b, sizeof(hash->b)) == 0)
			return true;
	}
	return false;
}

/* The account's transaction with the nonce; NULL when there is none. */
static const json_t *find_tx(const json_t *block, const struct eth_addr *from, uint64_t nonce)
{
	const json_t *txs = json_object_get(block, "transactions");
	size_t n = json_array_size(txs);

	for (size_t i = 0; i < n && i < BLOCK_TXS_MAX; i++) {
		const json_t *tx = json_array_get(txs, i);
		struct eth_addr a;
		uint64_t v;

		if (rpc_addr(&a, json_object_get(tx, "from"), "from", NULL) == 0 && eth_addr_equal(&a, from) &&
		    rpc_u64(&v, json_object_get(tx, "nonce"), "nonce", NULL) == 0 && v == nonce)
			return tx;
	}
	return NULL;
}

static void displaced(struct journal *j, const struct hash32 *hash, const struct eth_header *block)
{
	char why[200], hex[65];

	hex_fmt(hex, hash->b, sizeof(hash->b));
	snprintf(why, sizeof(why), "nonce %" PRIu64 " was used by another program: 0x%s in block %" PRIu64,
		 journal_entry_now(j)->row.tx.nonce, hex, block->number);
	journal_change_init(j, TX_DISPLACED, why);
	j->change.tx_hash = *hash;
	j->change.block_hash = block->hash;
	j->change.block = block->number;
	journal_commit_change(j);
}

static void on_block(void *arg, struct rpc_reply *r, size_t n, const struct err *err)
{
	struct journal *j = arg;
	const struct tx_info *info = &journal_entry_now(j)->row.tx;
	struct eth_header block;
	struct err bad = { 0 };
	struct hash32 hash;
	const json_t *tx;

	j->batch = NULL;
	if (err || !r->result || rpc_header(&block, r->result, &bad) < 0) {
		not_found(j, err ? err->msg : bad.msg[0] ? bad.msg : r->message);
		return;
	}
	tx = find_tx(r->result, &j->o.account, info->nonce);
	if (!tx)
		not_found(j, "it is not in the block that it should be in");
	else if (rpc_hash(&hash, json_object_get(tx, "hash"), "hash", &bad) < 0)
		not_found(j, bad.msg);
	else if (is_ours(info, &hash))		/* so there is a receipt, and it will be told */
		later(j, (int64_t)j->o.poll_ms, NULL);
	else if (prove(j, tx, info->nonce, &bad) < 0)
		not_found(j, bad.msg);
	else
		displaced(j, &hash, &block);
}

/* ---- in which block was it used? ---- */

static void halve(struct journal *j);

static void on_half(void *arg, struct rpc_reply *r, size_t n, const struct err *err)
{
	struct journal *j = arg;
	uint64_t mid = j->who.low + (j->who.high - j->who.low) / 2, count;
	struct err bad = { 0 };

	j->batch = NULL;
	if (err || !r->result || rpc_u64(&count, r->result, "transaction count", &bad) < 0) {
		not_found(j, err ? err->msg : bad.msg[0] ? bad.msg : r->message);
		return;
	}
	if (count > journal_entry_now(j)->row.tx.nonce)
		j->who.high = mid;
	else
		j->who.low = mid;
	halve(j);
}

static void ask_count_at(struct journal *j, uint64_t block, rpc_done_cb *cb)
{
	struct rpc_call call = { .method = "eth_getTransactionCount" };
	char hex[24];

	snprintf(hex, sizeof(hex), "0x%" PRIx64, block);
	call.params = journal_params_account(j, hex);
	journal_ask(j, RPC_ANY, &call, 1, cb);
}

static void halve(struct journal *j)
{
	struct who *w = &j->who;
	struct rpc_call call = { .method = "eth_getBlockByNumber" };

	if (w->high - w->low > 1) {
		ask_count_at(j, w->low + (w->high - w->low) / 2, on_half);
		return;
	}
	call.params = journal_params_block(w->high, true);
	journal_ask(j, RPC_ANY, &call, 1, on_block);
}

static uint64_t deep_block(const struct journal *j)
{
	return j->chain.head + 1 > j->o.depth ? j->chain.head + 1 - j->o.depth : 0;
}

static void on_deep_count(void *arg, struct rpc_reply *r, size_t n, const struct err *err)
{
	struct journal *j = arg;
	const struct journal_row *row = &journal_entry_now(j)->row;
	struct err bad = { 0 };
	uint64_t count;

	j->batch = NULL;
	if (err || !r->result || rpc_u64(&count, r->result, "transaction count", &bad) < 0) {
		not_found(j, err ? err->msg : bad.msg[0] ? bad.msg : r->message);
		return;
	}
	if (count <= row->tx.nonce) {		/* used, but not at depth */
		later(j, (int64_t)j->o.poll_ms, NULL);
		return;
	}
	j->who.high = deep_block(j);
	j->who.low = row->signed_block;
	if (j->who.low >= j->who.high)
		j->who.low = j->who.high > LOOK_BACK ? j->who.high - LOOK_BACK : 0;
	halve(j);
}

void journal_find_user(struct journal *j)
{
	ask_count_at(j, deep_block(j), on_deep_count);
}
