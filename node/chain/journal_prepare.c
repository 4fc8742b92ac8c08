/*
 * Before an intent gets a nonce: would it succeed, can it be paid, what may it cost?  After
 * it is mined deep enough: does a second endpoint say so too?
 *
 * A nonce is given last.  What cannot be paid or would revert must not have one: it would
 * stand in the way of everything behind it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "eth/tx.h"
#include "node/chain/journal_int.h"
#include "node/chain/journal_say.h"

static struct hot *hot_now(struct journal *j)
{
	return journal_hot(j, journal_entry_now(j)->row.tx.id);
}

void journal_explain(const struct journal *j, char to[200], const struct rpc_reply *r)
{
	char words[180];

	if (j->explain && j->explain(words, sizeof(words), r->data, r->n_data))
		snprintf(to, 200, "%s", words);
	else
		snprintf(to, 200, "%.190s", r->message[0] ? r->message : "reverted without a reason");
}

/* ---- the nonce ---- */

/* Of two endpoints: a count that is too high would open a gap. */
static void on_count(void *arg, struct rpc_reply *r, size_t n, const struct err *err)
{
	struct journal *j = arg;
	struct err bad = { 0 };
	uint64_t count;

	j->batch = NULL;
	if (!err && !r->result)
		err_set(&bad, ERR_IO, "the node says: %.150s", r->message);
	else if (!err && rpc_u64(&count, r->result, "transaction count", &bad) == 0) {
		journal_sign(j, &j->sign.offer, j->sign.gas, count, false);
		return;
	}
	journal_put_off(j, SOON_MS, err ? err->msg : bad.msg);
}

static void ask_count(struct journal *j)
{
	struct rpc_call call = { "eth_getTransactionCount", journal_params_account(j, "latest") };

	journal_crash_point(j, "simulated");
	journal_ask(j, RPC_AGREE, &call, 1, on_count);
}

/* ---- money ---- */

/* What the transactions under way may still take from the account, and this one. */
static int sum_costs(const struct journal *j, const struct journal_row *row, struct u256 *sum, struct err *err)
{
	struct tx tx = { .gas = j->sign.gas, .max_fee = j->sign.offer.max_fee, .value = row->tx.value };

	if (tx_max_cost(sum, &tx, err) < 0)
		return -1;
	for (size_t i = 0; i < j->load.n; i++) {
		const struct tx_info *other = &j->load.e[i].row.tx;
		struct u256 cost;

		if (other->state != TX_SIGNED && other->state != TX_SENT)
			continue;
		tx = (struct tx){ .gas = other->attempts[other->n_attempts - 1].gas, .value = other->value,
				  .max_fee = other->attempts[other->n_attempts - 1].offer.max_fee };
		if (tx_max_cost(&cost, &tx, err) < 0)
			return -1;
		if (!u256_add(sum, sum, &cost))
			return err_set(err, ERR_LIMIT, "the costs exceed 256 bits");
	}
	return 0;
}

static void fmt_eth(char to[60], const struct u256 *wei)
{
	char all[U256_DEC_MAX + 3];

	u256_fmt_fixed(all, wei, 18);
	snprintf(to, 60, "%.50s ETH", all);
}

/* Can it not be paid?  Then why says so. */
static bool is_too_poor(const struct journal *j, const struct journal_row *row, const struct u256 *balance,
			   char why[200])
{
	char need[60], has[60];
	struct err err = { 0 };
	struct u256 sum;

	if (sum_costs(j, row, &sum, &err) < 0) {
		snprintf(why, 200, "%s", err.msg);
		return true;
	}
	if (u256_cmp(balance, &sum) >= 0)
		return false;
	fmt_eth(need, &sum);
	fmt_eth(has, balance);
	snprintf(why, 200, "value and gas of all that is under way need up to %s, the account has %s", need, has);
	return true;
}

/* ---- the simulation ---- */

enum { SIM_CALL, SIM_BALANCE, SIM_PENDING, SIM_GAS, N_SIM };

static void refuse(struct journal *j, const struct rpc_reply *r)
{
	char why[200];

	journal_explain(j, why, r);
	journal_commit(j, TX_REFUSED, why);
}

/* The node failed and not the call; for ever, when it does so again and again. */
static void unclear(struct journal *j, const struct rpc_reply *r)
{
	struct hot *hot = hot_now(j);

	if (++hot->n_unclear >= UNCLEAR_MAX)
		refuse(j, r);
	else
		journal_put_off(j, SOON_MS, r->message);
}

/* True: the step went on or ended here. */
static bool simulation_ends(struct journal *j, const struct rpc_reply *r)
{
	switch (sim_answer_of(r)) {
	case SIM_FINE:
		return false;
	case SIM_REVERTS:
		refuse(j, r);
		return true;
	case SIM_POOR:
		journal_put_off(j, POOR_MS, r->message);
		return true;
	case SIM_UNCLEAR:
		unclear(j, r);
		return true;
	}
	return false;
}

/* Asked for, or estimated and a quarter more; 0 with why when no block could hold it. */
static uint64_t gas_of(const struct journal *j, const struct journal_row *row, uint64_t estimate, char why[200])
{
	uint64_t max = j->chain.block_gas < TX_GAS_MAX ? j->chain.block_gas : TX_GAS_MAX;
	uint64_t least = row->gas ? row->gas : estimate, gas;

	if (least > max) {
		snprintf(why, 200, "it needs %" PRIu64 " gas, the network takes at most %" PRIu64, least, max);
		return 0;
	}
	gas = row->gas ? row->gas : estimate + estimate / 4;
	return gas < max ? gas : max;
}

/* Transactions of this account that are not ours wait at the node.  They may be mined, and
 * then ours come behind them; a nonce that they have would make two of one. */
static bool waits_for_foreign(struct journal *j, uint64_t pending)
{
	uint64_t ours = j->load.next_nonce > j->chain.count ? j->load.next_nonce : j->chain.count;
	struct hot *hot = hot_now(j);
	int64_t now = clock_mono_ms();

	if (pending <= ours) {
		hot->foreign_since_ms = 0;
		return false;
	}
	if (!hot->foreign_since_ms)
		hot->foreign_since_ms = now;
	return now - hot->foreign_since_ms < (int64_t)j->o.patience_ms;
}

static void price_it(struct journal *j, const struct journal_row *row, const struct rpc_reply *r)
{
	char why[200];
	struct err err = { 0 };
	struct u256 balance;

	if (!r[SIM_BALANCE].result || rpc_u256(&balance, r[SIM_BALANCE].result, "balance", &err) < 0) {
		journal_put_off(j, SOON_MS, "the node does not tell the balance");
		return;
	}
	if (is_too_poor(j, row, &balance, why))
		journal_put_off(j, POOR_MS, why);
	else
		ask_count(j);
}

static void on_simulated(void *arg, struct rpc_reply *r, size_t n, const struct err *err)
{
	struct journal *j = arg;
	const struct journal_row *row = &journal_entry_now(j)->row;
	uint64_t estimate = 0, pending = 0;
	char why[200];

	j->batch = NULL;
	if (err) {
		journal_put_off(j, SOON_MS, err->msg);
		return;
	}
	if (simulation_ends(j, &r[SIM_CALL]) || (n > SIM_GAS && simulation_ends(j, &r[SIM_GAS])))
		return;
	if (n > SIM_GAS && rpc_u64(&estimate, r[SIM_GAS].result, "gas", NULL) < 0) {
		unclear(j, &r[SIM_GAS]);
		return;
	}
	j->sign.gas = gas_of(j, row, estimate, why);
	if (!j->sign.gas) {
		journal_commit(j, TX_REFUSED, why);
		return;
	}
	if (r[SIM_PENDING].result && rpc_u64(&pending, r[SIM_PENDING].result, "count", NULL) == 0 &&
	    waits_for_foreign(j, pending)) {
		journal_put_off(j, 2 * (int64_t)j->o.poll_ms, "another program's transactions of this account wait");
		return;
	}
	price_it(j, row, r);
}

static void simulate(struct journal *j)
{
	const struct journal_row *row = &journal_entry_now(j)->row;
	struct rpc_call calls[N_SIM] = {
		[SIM_CALL] = { "eth_call", journal_params_call(j, row, row->gas, "latest") },
		[SIM_BALANCE] = { "eth_getBalance", journal_params_account(j, "latest") },
		[SIM_PENDING] = { "eth_getTransactionCount", journal_params_account(j, "pending") },
	};
	size_t n = SIM_GAS;

	if (!row->gas)
		calls[n++] = (struct rpc_call){ "eth_estimateGas", journal_params_call(j, row, 0, NULL) };
	journal_ask(j, RPC_ANY, calls, n, on_simulated);
}

/* What the round knows comes first: while the network is too dear nothing is asked. */
void journal_prepare(struct journal *j)
{
	struct err err = { 0 };

	if (fee_first(&j->sign.offer, &j->o.fees, &j->chain.market, &err) < 0)
		journal_put_off(j, SOON_MS, err.msg);
	else
		simulate(j);
}

/* ---- at depth ---- */

enum { DEEP_RECEIPT, DEEP_BLOCK, DEEP_TOP, N_DEEP };

/* The same call behind the block before: mostly it fails in the same way. */
static void on_explained(void *arg, struct rpc_reply *r, size_t n, const struct err *err)
{
	struct journal *j = arg;
	char why[200] = "it failed on the chain";

	j->batch = NULL;
	if (!err && sim_answer_of(r) == SIM_REVERTS)
		journal_explain(j, why, r);
	snprintf(j->change.why, sizeof(j->change.why), "%s", why);
	journal_commit_change(j);
}

static void explain_failure(struct journal *j)
{
	const struct journal_row *row = &journal_entry_now(j)->row;
	struct rpc_call call = { .method = "eth_call" };
	char block[24];

	snprintf(block, sizeof(block), "0x%" PRIx64, row->tx.block ? row->tx.block - 1 : 0);
	call.params = journal_params_call(j, row, row->tx.attempts[0].gas, block);
	journal_ask(j, RPC_ANY, &call, 1, on_explained);
}

static bool was_cancelled(const struct tx_info *tx)
{
	for (size_t i = 0; i < tx->n_attempts; i++) {
		if (memcmp(tx->attempts[i].hash.b, tx->tx_hash.b, sizeof(tx->tx_hash.b)) == 0)
			return tx->attempts[i].cancels;
	}
	return false;
}

static void finish(struct journal *j, const struct eth_receipt *r)
{
	const struct tx_info *tx = &journal_entry_now(j)->row.tx;
	enum tx_state to = was_cancelled(tx) ? TX_CANCELLED : r->ok ? TX_DONE : TX_FAILED;

	journal_change_init(j, to, "");
	j->change.gas_used = r->gas_used;
	j->change.gas_price = r->gas_price;
	journal_crash_point(j, "confirmed");
	if (to == TX_FAILED)
		explain_failure(j);
	else
		journal_commit_change(j);
}

/* The receipt is the one that the row notes, its block is in the chain, and there are as many
 * behind it as was asked for. */
static int check_depth(const struct tx_info *tx, uint64_t depth, const struct rpc_reply *r,
		       struct eth_receipt *receipt, struct err *err)
{
	struct eth_header block, top;

	for (int i = 0; i < N_DEEP; i++) {
		if (!r[i].result)
			return err_set(err, ERR_IO, "the node says: %.150s", r[i].message);
	}
	if (rpc_header(&block, r[DEEP_BLOCK].result, err) < 0 || rpc_header(&top, r[DEEP_TOP].result, err) < 0 ||
	    rpc_receipt(receipt, r[DEEP_RECEIPT].result, err) < 0)
		return -1;
	if (!journal_receipt_is_news(tx, receipt) && block.number == tx->block && receipt->block == tx->block &&
	    memcmp(block.hash.b, tx->block_hash.b, sizeof(block.hash.b)) == 0 &&
	    top.number == tx->block + depth - 1)
		return 0;
	eth_receipt_fini(receipt);
	return err_set(err, ERR_IO, "the node contradicts itself");
}

static void on_deep(void *arg, struct rpc_reply *r, size_t n, const struct err *err)
{
	struct journal *j = arg;
	struct eth_receipt receipt;
	struct err bad = { 0 };

	j->batch = NULL;
	if (!err && check_depth(&journal_entry_now(j)->row.tx, j->o.depth, r, &receipt, &bad) == 0) {
		finish(j, &receipt);
		eth_receipt_fini(&receipt);
		return;
	}
	journal_complain(j, "confirm", err ? err->msg : bad.msg);
	hot_now(j)->h.ask_ms = clock_mono_ms() + SOON_MS;
	journal_step_end(j, false);
}

void journal_confirm(struct journal *j)
{
	const struct tx_info *tx = &journal_entry_now(j)->row.tx;
	struct rpc_call calls[N_DEEP] = {
		[DEEP_RECEIPT] = { "eth_getTransactionReceipt", journal_params_hash(&tx->tx_hash) },
		[DEEP_BLOCK] = { "eth_getBlockByNumber", journal_params_block(tx->block, false) },
		[DEEP_TOP] = { "eth_getBlockByNumber", journal_params_block(tx->block + j->o.depth - 1, false) },
	};

	journal_crash_point(j, "confirming");
	journal_ask(j, RPC_AGREE, calls, N_DEEP, on_deep);
}
