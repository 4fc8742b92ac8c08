#include "test/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "node/chain/journal_row.h"
#include "node/chain/journal_say.h"

static struct journal_row some_row(void)
{
	struct journal_row r = {
		.tx = { .state = TX_MINED, .creates = false, .value = u256_of(12345), .nonce = 7, .has_nonce = true,
			.block = 99, .gas_used = 21000, .gas_price = u256_of(3), .created_ms = 1700000000000,
			.ended_ms = -1 },
		.chain_id = 31337, .gas = 50000, .until_block = 1000, .signed_block = 98, .n_data = 4,
	};

	strcpy(r.tx.key, "bond/1");
	strcpy(r.tx.what, "bond 1 LPT");
	strcpy(r.tx.why, "waits");
	memset(r.tx.from.b, 1, 20);
	memset(r.tx.to.b, 2, 20);
	memset(r.tx.tx_hash.b, 3, 32);
	memset(r.tx.block_hash.b, 4, 32);
	r.data = xmalloc(4);
	memcpy(r.data, "\x01\x02\x03\x04", 4);
	return r;
}

static void assert_same(const struct journal_row *a, const struct journal_row *b)
{
	assert_int_equal(a->n_data, b->n_data);
	assert_memory_equal(a->data, b->data, a->n_data);
	assert_string_equal(a->tx.key, b->tx.key);
	assert_string_equal(a->tx.what, b->tx.what);
	assert_string_equal(a->tx.why, b->tx.why);
	assert_int_equal(a->tx.state, b->tx.state);
	assert_int_equal(a->tx.has_nonce, b->tx.has_nonce);
	assert_int_equal(a->tx.creates, b->tx.creates);
	assert_int_equal(a->tx.nonce, b->tx.nonce);
	assert_int_equal(u256_cmp(&a->tx.value, &b->tx.value), 0);
	assert_int_equal(u256_cmp(&a->tx.gas_price, &b->tx.gas_price), 0);
	assert_memory_equal(&a->tx.from, &b->tx.from, 20);
	assert_memory_equal(&a->tx.to, &b->tx.to, 20);
	assert_memory_equal(&a->tx.tx_hash, &b->tx.tx_hash, 32);
	assert_memory_equal(&a->tx.block_hash, &b->tx.block_hash, 32);
	assert_int_equal(a->tx.block, b->tx.block);
	assert_int_equal(a->tx.gas_used, b->tx.gas_used);
	assert_int_equal(a->tx.created_ms, b->tx.created_ms);
	assert_int_equal(a->tx.ended_ms, b->tx.ended_ms);
	assert_int_equal(a->chain_id, b->chain_id);
	assert_int_equal(a->gas, b->gas);
	assert_int_equal(a->until_block, b->until_block);
	assert_int_equal(a->signed_block, b->signed_block);
}

static void a_row_reads_back_as_it_was_written(void **state)
{
	struct journal_row r = some_row(), got;
	struct buf b;

	buf_init(&b, JOURNAL_ROW_MAX);
	journal_row_pack(&b, &r);
	assert_false(b.failed);
	assert_int_equal(journal_row_unpack(&got, b.data, b.len, NULL), 0);
	assert_same(&r, &got);
	journal_row_fini(&got);
	journal_row_fini(&r);
	buf_fini(&b);
}

static void the_largest_row_fits(void **state)
{
	struct journal_row r = some_row(), got;
	struct buf b;

	r.n_data = 128 * 1024;
	r.data = xrealloc(r.data, r.n_data);
	memset(r.data, 5, r.n_data);
	memset(r.tx.key, 'k', JOURNAL_KEY_MAX);
	memset(r.tx.what, 'w', JOURNAL_WHAT_MAX);
	memset(r.tx.why, 'y', sizeof(r.tx.why) - 1);
	buf_init(&b, JOURNAL_ROW_MAX);
	journal_row_pack(&b, &r);
	assert_false(b.failed);
	assert_int_equal(journal_row_unpack(&got, b.data, b.len, NULL), 0);
	assert_same(&r, &got);
	journal_row_fini(&got);
	journal_row_fini(&r);
	buf_fini(&b);
}

static void a_row_cut_anywhere_or_with_more_behind_it_is_refused(void **state)
{
	struct journal_row r = some_row(), got;
	struct err err;
	struct buf b;

	buf_init(&b, JOURNAL_ROW_MAX);
	journal_row_pack(&b, &r);
	for (size_t n = 0; n < b.len; n++) {
		uint8_t *cut = xmalloc(n + 1);	/* so that a sanitizer sees reads behind it */

		memcpy(cut, b.data, n);
		cut = xrealloc(cut, n ? n : 1);
		assert_int_equal(journal_row_unpack(&got, cut, n, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		free(cut);
	}
	buf_add_u8(&b, 0);
	assert_int_equal(journal_row_unpack(&got, b.data, b.len, &err), -1);
	journal_row_fini(&r);
	buf_fini(&b);
}

static void a_row_of_a_newer_program_says_so(void **state)
{
	struct journal_row got;
	struct err err;

	assert_int_equal(journal_row_unpack(&got, "\x02\x00", 2, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "newer program"));
	assert_int_equal(journal_row_unpack(&got, "\x00\x00", 2, &err), -1);
	assert_non_null(strstr(err.msg, "damaged"));
}

static void an_attempt_reads_back(void **state)
{
	struct tx_attempt a = { .offer = { u256_of(5), u256_of(2) }, .gas = 21000, .signed_ms = 17, .cancels = true };
	struct tx_attempt got;
	const uint8_t *raw;
	struct err err;
	size_t n_raw;
	struct buf b;

	memset(a.hash.b, 9, 32);
	buf_init(&b, JOURNAL_ROW_MAX);
	journal_attempt_pack(&b, &a, "raw bytes", 9);
	assert_int_equal(journal_attempt_unpack(&got, &raw, &n_raw, b.data, b.len, NULL), 0);
	assert_int_equal(n_raw, 9);
	assert_memory_equal(raw, "raw bytes", 9);
	assert_memory_equal(&got.hash, &a.hash, 32);
	assert_true(got.cancels);
	assert_int_equal(got.gas, 21000);
	assert_int_equal(got.signed_ms, 17);
	assert_int_equal(u256_cmp(&got.offer.max_fee, &a.offer.max_fee), 0);
	assert_int_equal(u256_cmp(&got.offer.max_tip, &a.offer.max_tip), 0);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(journal_attempt_unpack(&got, &raw, &n_raw, b.data, n, &err), -1);
	buf_fini(&b);
}

/* ---- what nodes say ---- */

static struct rpc_reply says(int64_t code, const char *message)
{
	struct rpc_reply r = { .code = code };

	snprintf(r.message, sizeof(r.message), "%s", message);
	return r;
}

static void what_nodes_say_of_a_transaction_is_understood(void **state)
{
	static const struct {
		const char *message;
		enum send_answer means;
	} cases[] = {
		{ "already known", SEND_ACCEPTED },				/* geth */
		{ "transaction already imported", SEND_ACCEPTED },		/* Anvil */
		{ "AlreadyKnown", SEND_ACCEPTED },				/* Nethermind */
		{ "nonce too low: next nonce 5, tx nonce 4", SEND_NONCE_USED },	/* geth */
		{ "OldNonce", SEND_NONCE_USED },
		{ "replacement transaction underpriced", SEND_OUTBID },
		{ "ReplacementNotAllowed", SEND_OUTBID },
		{ "insufficient funds for gas * price + value: balance 1, tx cost 2, overshot 1", SEND_POOR },
		{ "Insufficient funds for gas * price + value", SEND_POOR },
		{ "Upfront cost exceeds account balance", SEND_POOR },		/* Besu */
		{ "transaction underpriced: tip needed 1, tip permitted 0", SEND_CHEAP },
		{ "max fee per gas less than block base fee", SEND_CHEAP },
		{ "FeeTooLow, EffectivePriorityFeePerGas too low", SEND_CHEAP },
		{ "exceeds block gas limit", SEND_BAD },
		{ "intrinsic gas too low", SEND_BAD },
		{ "txpool is full", SEND_UNCLEAR },
		{ "unknown transaction type", SEND_UNCLEAR },
		{ "", SEND_UNCLEAR },
	};
	struct hash32 hash = { { 0 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rpc_reply r = says(-32000, cases[i].message);

		if (send_answer_of(&r, &hash) != cases[i].means)
			fail_msg("%s", cases[i].message);
	}
}

static void a_hash_is_believed_only_when_it_is_ours(void **state)
{
	struct rpc_reply r = { .result = json_string("0x0101010101010101010101010101010101010101010101010101010101010101") };
	struct hash32 hash;

	memset(hash.b, 1, sizeof(hash.b));
	assert_int_equal(send_answer_of(&r, &hash), SEND_ACCEPTED);
	hash.b[31] = 2;
	assert_int_equal(send_answer_of(&r, &hash), SEND_UNCLEAR);
	json_decref(r.result);
	r.result = json_null();
	assert_int_equal(send_answer_of(&r, &hash), SEND_UNCLEAR);
}

static void a_revert_is_told_from_a_node_that_fails(void **state)
{
	static const struct {
		int64_t code;
		const char *message;
		enum sim_answer means;
	} cases[] = {
		{ 3, "execution reverted: not yet", SIM_REVERTS },
		{ 3, "", SIM_REVERTS },
		{ -32000, "execution reverted", SIM_REVERTS },
		{ -32015, "VM execution error.", SIM_REVERTS },			/* Nethermind */
		{ -32000, "invalid opcode: INVALID", SIM_REVERTS },
		{ -32000, "gas required exceeds allowance (16777216)", SIM_REVERTS },
		{ -32003, "Out of gas: gas required exceeds allowance: 0", SIM_REVERTS },
		{ -32000, "insufficient funds for transfer", SIM_POOR },
		{ -32000, "err: insufficient funds for gas * price + value", SIM_POOR },
		{ -32603, "internal error", SIM_UNCLEAR },
		{ -32000, "header not found", SIM_UNCLEAR },
	};
	struct rpc_reply r;
	uint8_t data[4] = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r = says(cases[i].code, cases[i].message);
		if (sim_answer_of(&r) != cases[i].means)
			fail_msg("%s", cases[i].message);
	}
	r = says(-32000, "something");
	r.data = data;
	r.n_data = sizeof(data);
	assert_int_equal(sim_answer_of(&r), SIM_REVERTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_reads_back_as_it_was_written),
		cmocka_unit_test(the_largest_row_fits),
		cmocka_unit_test(a_row_cut_anywhere_or_with_more_behind_it_is_refused),
		cmocka_unit_test(a_row_of_a_newer_program_says_so),
		cmocka_unit_test(an_attempt_reads_back),
		cmocka_unit_test(what_nodes_say_of_a_transaction_is_understood),
		cmocka_unit_test(a_hash_is_believed_only_when_it_is_ours),
		cmocka_unit_test(a_revert_is_told_from_a_node_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
