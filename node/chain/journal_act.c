/* The steps of the journal that need one question to the chain, or none. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "node/chain/journal_int.h"
#include "node/chain/journal_say.h"

#define CANCEL_GAS 21000

static struct row_hot *hot_now(struct journal *j)
{
	return &journal_hot(j, journal_entry_now(j)->row.tx.id)->h;
}

static int64_t in_ms(int64_t ms)
{
	return clock_mono_ms() + ms;
}

/* ---- params ---- */

char *journal_params_account(const struct journal *j, const char *block)
{
	char addr[43];

	eth_addr_fmt(addr, &j->o.account);
	return xasprintf("[\"%s\",\"%s\"]", addr, block);
}

char *journal_params_block(uint64_t number, bool full)
{
	return xasprintf("[\"0x%" PRIx64 "\",%s]", number, full ? "true" : "false");
}

char *journal_params_hash(const struct hash32 *hash)
{
	char hex[65];

	hex_fmt(hex, hash->b, sizeof(hash->b));
	return xasprintf("[\"0x%s\"]", hex);
}

static char *hex_of(const uint8_t *data, size_t n)
{
	char *hex = xmalloc(2 * n + 1);

	hex_fmt(hex, data, n);
	return hex;
}

char *journal_params_call(const struct journal *j, const struct journal_row *row, uint64_t gas, const char *block)
{
	char from[43], to[43], value[67], gas_part[40] = "", block_part[40] = "";
	char *data = hex_of(row->data, row->n_data), *params;

	eth_addr_fmt(from, &j->o.account);
	eth_addr_fmt(to, &row->tx.to);
	u256_fmt_hex(value, &row->tx.value);
	if (gas)
		snprintf(gas_part, sizeof(gas_part), ",\"gas\":\"0x%" PRIx64 "\"", gas);
	if (block)
		snprintf(block_part, sizeof(block_part), ",\"%s\"", block);
	params = xasprintf("[{\"from\":\"%s\",%s%s%s\"value\":\"%s\",\"data\":\"0x%s\"%s}%s]", from,
			   row->tx.creates ? "" : "\"to\":\"", row->tx.creates ? "" : to,
			   row->tx.creates ? "" : "\",", value, data, gas_part, block_part);
	free(data);
	return params;
}

/* ---- commits ---- */

void journal_change_init(struct journal *j, enum tx_state to, const char *why)
{
	const struct tx_info *tx = &journal_entry_now(j)->row.tx;

	j->change = (struct journal_change){
		.seen = { tx->id, tx->state, tx->n_attempts }, .to = to,
		.tx_hash = tx->tx_hash, .block_hash = tx->block_hash, .block = tx->block,
		.gas_used = tx->gas_used, .gas_price = tx->gas_price, .now_ms = clock_wall_ms(),
	};
	snprintf(j->change.why, sizeof(j->change.why), "%s", why);
}

static int run_change(struct store_txn *t, void *arg, struct err *err)
{
	struct journal *j = arg;

	return journal_db_change(t, &j->change, err);
}

static void on_changed(void *arg, const struct err *err)
{
	struct journal *j = arg;
	const struct journal_change *c = &j->change;

	if (!journal_write_done(j))
		return;
	if (err) {
		journal_complain(j, "write the journal", err->msg);
	} else if (c->changed && c->to != c->seen.state) {
		log_debug(&j->log, "transaction: id=%" PRIu64 " was=%s is=%s why=\"%s\"", c->seen.id,
			  tx_state_name(c->seen.state), tx_state_name(c->to), c->why);
		journal_crash_point(j, tx_state_name(c->to));
	}
	journal_step_end(j, !err && (c->to != c->seen.state || !c->changed));
}

void journal_commit_change(struct journal *j)
{
	if (!journal_write(j, run_change, on_changed))
		journal_step_end(j, false);
}

void journal_commit(struct journal *j, enum tx_state to, const char *why)
{
	journal_change_init(j, to, why);
	journal_commit_change(j);
}

void journal_commit_mined(struct journal *j, enum tx_state to, const struct eth_receipt *r, const char *why)
{
	journal_change_init(j, to, why);
	j->change.tx_hash = r->tx_hash;
	j->change.block_hash = r->block_hash;
	j->change.block = r->block;
	j->change.gas_used = r->gas_used;
	j->change.gas_price = r->gas_price;
	journal_commit_change(j);
}

void journal_put_off(struct journal *j, int64_t ms, const char *why)
{
	const struct tx_info *tx = &journal_entry_now(j)->row.tx;

	hot_now(j)->try_ms = in_ms(ms);
	if (strncmp(tx->why, why, sizeof(tx->why) - 1) == 0) {
		journal_step_end(j, false);
		return;
	}
	log_info(&j->log, "a transaction waits: id=%" PRIu64 " what=\"%s\" why=\"%s\"", tx->id, tx->what, why);
	journal_commit(j, tx->state, why);
}

/* ---- signing ---- */

static int run_sign(struct store_txn *t, void *arg, struct err *err)
{
	struct journal *j = arg;

	return journal_db_sign(t, &j->sign, err);
}

/* A first signing that failed gave no nonce. */
static void on_signed(void *arg, const struct err *err)
{
	struct journal *j = arg;
	struct row_hot *hot;

	if (!journal_write_done(j))
		return;
	hot = hot_now(j);
	hot->try_ms = err ? in_ms(WAIT_MS) : 0;
	if (err) {
		journal_complain(j, "sign", err->msg);
	} else if (j->sign.changed) {
		hot->send_ms = 0;
		hot->bump_ms = in_ms((int64_t)j->o.patience_ms);
		hot->outbid = hot->want_dearer = false;
		hot->want_cancel = hot->want_cancel && !j->sign.cancels;
		journal_crash_point(j, "signed");
	}
	journal_step_end(j, !err);
}

void journal_sign(struct journal *j, const struct fee_offer *o, uint64_t gas, uint64_t count, bool cancels)
{
	const struct tx_info *tx = &journal_entry_now(j)->row.tx;

	j->sign = (struct journal_sign){
		.seen = { tx->id, tx->state, tx->n_attempts }, .key = j->o.key, .offer = *o, .gas = gas,
		.legacy = j->chain.market.legacy, .cancels = cancels, .count = count, .head = j->chain.head,
		.now_ms = clock_wall_ms(),
	};
	journal_crash_point(j, "signing");
	if (!journal_write(j, run_sign, on_signed))
		journal_step_end(j, false);
}

/* ---- sending ---- */

static int64_t doubled(int64_t ms, int64_t max)
{
	return 2 * ms < max ? 2 * ms : max;
}

static void sent_well(struct journal *j, struct hot *hot)
{
	hot->h.outbid = false;
	hot->h.send_ms = in_ms(hot->send_wait_ms);
	hot->h.lost_ms = in_ms(hot->lost_wait_ms);
	hot->send_wait_ms = doubled(hot->send_wait_ms, RESEND_MAX_MS);
	hot->lost_wait_ms = doubled(hot->lost_wait_ms, LOST_MAX_MS);
	journal_crash_point(j, "accepted");
	if (journal_entry_now(j)->row.tx.state == TX_SIGNED)
		journal_commit(j, TX_SENT, "");
	else
		journal_step_end(j, false);
}

/* It stays as it is; why is told, and the bytes are sent again. */
static void sent_ill(struct journal *j, struct hot *hot, const char *message)
{
	const struct tx_info *tx = &journal_entry_now(j)->row.tx;
	char why[200];

	snprintf(why, sizeof(why), "the node says: %.180s", message);
	hot->h.send_ms = hot->h.lost_ms = in_ms(ILL_MS);
	if (strcmp(tx->why, why) == 0)
		journal_step_end(j, false);
	else
		journal_commit(j, tx->state, why);
}

static void on_sent(void *arg, struct rpc_reply *r, size_t n, const struct err *err)
{
	struct journal *j = arg;
	const struct tx_info *tx = &journal_entry_now(j)->row.tx;
	struct hot *hot = journal_hot(j, tx->id);

	j->batch = NULL;
	if (err) {
		journal_complain(j, "send", err->msg);
		hot->h.send_ms = hot->h.lost_ms = in_ms(SOON_MS);
		journal_step_end(j, false);
		return;
	}
	switch (send_answer_of(r, &tx->attempts[tx->n_attempts - 1].hash)) {
	case SEND_ACCEPTED:
		sent_well(j, hot);
		return;
	case SEND_NONCE_USED:		/* by whom is told by receipts */
		hot->h.send_ms = hot->h.lost_ms = in_ms(2 * SOON_MS);
		journal_step_end(j, false);
		return;
	case SEND_OUTBID:
	case SEND_CHEAP:
		hot->h.outbid = true;
		sent_ill(j, hot, r->message);
		return;
	case SEND_POOR:
	case SEND_BAD:
	case SEND_UNCLEAR:
		sent_ill(j, hot, r->result ? "it gave another hash" : r->message);
		return;
	}
}

static void send_it(struct journal *j)
{
	const struct journal_entry *e = journal_entry_now(j);
	char *hex = hex_of(e->raw, e->n_raw);
	struct rpc_call call = { "eth_sendRawTransaction", xasprintf("[\"0x%s\"]", hex) };

	free(hex);
	journal_crash_point(j, "sending");
	journal_ask(j, RPC_EACH, &call, 1, on_sent);
}

/* ---- replacing ---- */

/* A person's wish is followed also where the network asks more than the ceiling: it then
 * waits, but in the pools. */
static int next_offer(struct journal *j, const struct tx_attempt *newest, struct fee_offer *o, struct err *err)
{
	const struct row_hot *hot = hot_now(j);
	const struct fee_market nothing = { .legacy = j->chain.market.legacy };

	if (fee_bump(o, &newest->offer, &j->o.fees, &j->chain.market, err) == 0)
		return 0;
	if (!hot->want_cancel && !hot->want_dearer)
		return -1;
	return fee_bump(o, &newest->offer, &j->o.fees, &nothing, err);
}

static void replace(struct journal *j)
{
	const struct tx_info *tx = &journal_entry_now(j)->row.tx;
	const struct tx_attempt *newest = &tx->attempts[tx->n_attempts - 1];
	struct row_hot *hot = hot_now(j);
	bool cancels = newest->cancels || hot->want_cancel;
	struct err err = { 0 };
	struct fee_offer o;

	if (next_offer(j, newest, &o, &err) < 0) {
		hot->want_cancel = hot->want_dearer = false;
		journal_put_off(j, WAIT_MS, err.msg);
		return;
	}
	log_info(&j->log, "a transaction is replaced: id=%" PRIu64 " what=\"%s\" nonce=%" PRIu64 " %s", tx->id,
		 tx->what, tx->nonce, cancels ? "by=nothing" : "by=a dearer one");
	journal_sign(j, &o, cancels ? CANCEL_GAS : newest->gas, 0, cancels);
}

/* ---- what the chain did ---- */

static void mined(struct journal *j)
{
	hot_now(j)->ask_ms = 0;
	journal_commit_mined(j, TX_MINED, &j->facts[j->i].receipt, "");
}

/* Its block is gone, so it is sent at once. */
static void unmined(struct journal *j)
{
	const struct tx_info *tx = &journal_entry_now(j)->row.tx;
	struct hot *hot = journal_hot(j, tx->id);
	const struct eth_receipt none = { 0 };

	log_warn(&j->log, "a transaction's block is gone, it is sent again: id=%" PRIu64 " what=\"%s\" block=%" PRIu64,
		 tx->id, tx->what, tx->block);
	hot->h.send_ms = hot->h.lost_ms = hot->h.ask_ms = hot->h.n_missing = 0;
	hot->lost_wait_ms = LOST_MS;
	hot->h.bump_ms = in_ms((int64_t)j->o.patience_ms);
	hot->send_wait_ms = RESEND_MS;
	journal_commit_mined(j, TX_SENT, &none, "");
}

static void settle(struct journal *j)
{
	journal_change_init(j, journal_entry_now(j)->row.tx.state, "");
	j->change.settled = true;
	journal_commit_change(j);
}

static void expire(struct journal *j)
{
	char why[200];

	snprintf(why, sizeof(why), "too late: block %" PRIu64 " has passed", journal_entry_now(j)->row.until_block);
	journal_commit(j, TX_REFUSED, why);
}

/* One round's grace: the node may tell the count before it tells the receipt. */
static void find_user(struct journal *j)
{
	struct hot *hot = journal_hot(j, journal_entry_now(j)->row.tx.id);

	if (hot->who_noted) {
		journal_find_user(j);
		return;
	}
	hot->who_noted = true;
	hot->h.ask_ms = in_ms((int64_t)j->o.poll_ms);
	journal_step_end(j, false);
}

void journal_step_begin(struct journal *j, enum journal_step step)
{
	switch (step) {
	case STEP_WAIT:
		journal_step_end(j, false);
		return;
	case STEP_EXPIRE:
		expire(j);
		return;
	case STEP_DROP:
		journal_commit(j, TX_REFUSED, "given up before it was sent");
		return;
	case STEP_PREPARE:
		journal_prepare(j);
		return;
	case STEP_SEND:
		send_it(j);
		return;
	case STEP_REPLACE:
		replace(j);
		return;
	case STEP_MINED:
		mined(j);
		return;
	case STEP_UNMINED:
		unmined(j);
		return;
	case STEP_CONFIRM:
		journal_confirm(j);
		return;
	case STEP_WHO:
		find_user(j);
		return;
	case STEP_SETTLE:
		settle(j);
		return;
	}
}
