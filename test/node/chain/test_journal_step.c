#include "test/test.h"

#include <stdbool.h>
#include <string.h>

#include "node/chain/journal_step.h"

/* A table: what a row is, what was told, and the one step that follows.  The chain's head is
 * 100, the account has used 5 nonces, the row's is 5; now is 1000; depth 3. */
#define HEAD 100
#define NOW 1000

enum told { NOT_ASKED, NO_RECEIPT, RECEIPT, OTHER_BLOCK, FLIPPED, LOST };

struct row_case {
	const char *name;
	enum tx_state state;
	enum told told;
	uint64_t count;		/* nonces used; 0: 5 */
	uint64_t block;		/* of the row and its receipt */
	uint64_t until;
	struct row_hot hot;
	uint64_t base;		/* base fee; the newest offer is 10 with tip 1 */
	bool deaf, looks;
	enum journal_step want;
};

static const struct row_case cases[] = {
	{ "planned is prepared", TX_PLANNED, .want = STEP_PREPARE },
	{ "planned, put off", TX_PLANNED, .hot = { .try_ms = NOW + 1 }, .want = STEP_WAIT },
	{ "planned, who only looks", TX_PLANNED, .looks = true, .want = STEP_WAIT },
	{ "planned, the chain is not known", TX_PLANNED, .deaf = true, .want = STEP_WAIT },
	{ "planned, its last block is the head", TX_PLANNED, .until = HEAD, .want = STEP_PREPARE },
	{ "planned, its last block has passed", TX_PLANNED, .until = HEAD - 1, .want = STEP_EXPIRE },
	{ "planned, given up", TX_PLANNED, .hot = { .want_cancel = true }, .want = STEP_DROP },
	{ "planned, given up without a chain", TX_PLANNED, .deaf = true, .hot = { .want_cancel = true },
	  .want = STEP_DROP },

	{ "signed is sent", TX_SIGNED, NO_RECEIPT, .want = STEP_SEND },
	{ "signed is sent before it is replaced", TX_SIGNED, NO_RECEIPT, .base = 50, .want = STEP_SEND },
	{ "signed, sent a moment ago", TX_SIGNED, NO_RECEIPT, .hot = { .send_ms = NOW + 1 }, .want = STEP_WAIT },
	{ "signed, refused as too cheap", TX_SIGNED, NO_RECEIPT, .hot = { .send_ms = NOW + 1, .outbid = true },
	  .want = STEP_REPLACE },
	{ "signed, the answer was lost and it is mined", TX_SIGNED, RECEIPT, .count = 6, .block = HEAD,
	  .want = STEP_MINED },
	{ "signed, its nonce is used", TX_SIGNED, NO_RECEIPT, .count = 6, .want = STEP_WHO },
	{ "signed, who only looks", TX_SIGNED, NO_RECEIPT, .looks = true, .want = STEP_WAIT },

	{ "sent waits", TX_SENT, NO_RECEIPT, .hot = { .send_ms = NOW + 1 }, .want = STEP_WAIT },
	{ "sent, long ago", TX_SENT, NO_RECEIPT, .hot = { .send_ms = NOW }, .want = STEP_SEND },
	{ "sent, the node forgot it", TX_SENT, LOST, .hot = { .send_ms = NOW + 9, .lost_ms = NOW }, .want = STEP_SEND },
	{ "sent, forgotten, sent again just now", TX_SENT, LOST, .hot = { .send_ms = NOW + 9, .lost_ms = NOW + 1 },
	  .want = STEP_WAIT },
	{ "sent, the market asks more, impatient", TX_SENT, NO_RECEIPT, .base = 10, .hot = { .send_ms = NOW + 1 },
	  .want = STEP_REPLACE },
	{ "sent, the market asks more, patient yet", TX_SENT, NO_RECEIPT, .base = 10,
	  .hot = { .send_ms = NOW + 1, .bump_ms = NOW + 1 }, .want = STEP_WAIT },
	{ "sent, replacing was put off", TX_SENT, NO_RECEIPT, .base = 10,
	  .hot = { .send_ms = NOW + 1, .try_ms = NOW + 1 }, .want = STEP_WAIT },
	{ "sent, a person wants it dearer", TX_SENT, NO_RECEIPT,
	  .hot = { .send_ms = NOW + 1, .bump_ms = NOW + 1, .want_dearer = true }, .want = STEP_REPLACE },
	{ "sent, a person cancels", TX_SENT, NO_RECEIPT,
	  .hot = { .send_ms = NOW + 1, .bump_ms = NOW + 1, .want_cancel = true }, .want = STEP_REPLACE },
	{ "sent, cancelled but mined", TX_SENT, RECEIPT, .count = 6, .block = HEAD, .hot = { .want_cancel = true },
	  .want = STEP_MINED },
	{ "sent, mined", TX_SENT, RECEIPT, .count = 6, .block = HEAD, .want = STEP_MINED },
	{ "sent, mined, says who counts badly", TX_SENT, RECEIPT, .count = 5, .block = HEAD, .want = STEP_MINED },
	{ "sent, nonce used, nothing is sent", TX_SENT, NO_RECEIPT, .count = 6, .base = 50,
	  .hot = { .ask_ms = NOW + 1, .want_dearer = true }, .want = STEP_WAIT },
	{ "sent, nonce used, receipts not told", TX_SENT, NOT_ASKED, .count = 6, .want = STEP_WAIT },
	{ "sent, nonce used, receipts denied", TX_SENT, NO_RECEIPT, .count = 6, .want = STEP_WHO },

	{ "mined, not deep", TX_MINED, RECEIPT, .count = 6, .block = HEAD - 1, .want = STEP_WAIT },
	{ "mined, deep", TX_MINED, RECEIPT, .count = 6, .block = HEAD - 2, .want = STEP_CONFIRM },
	{ "mined, deep, asked just now", TX_MINED, RECEIPT, .count = 6, .block = HEAD - 2,
	  .hot = { .ask_ms = NOW + 1 }, .want = STEP_WAIT },
	{ "mined, deep, receipt not told", TX_MINED, NOT_ASKED, .count = 6, .block = HEAD - 2, .want = STEP_WAIT },
	{ "mined in another block", TX_MINED, OTHER_BLOCK, .count = 6, .block = HEAD - 2, .want = STEP_MINED },
	{ "mined, the block is gone", TX_MINED, NO_RECEIPT, .block = HEAD - 2, .want = STEP_UNMINED },
	{ "mined, by an endpoint that is behind", TX_MINED, NO_RECEIPT, .block = HEAD + 1, .want = STEP_WAIT },

	{ "done, watched on", TX_DONE, RECEIPT, .count = 6, .block = HEAD - 62, .want = STEP_WAIT },
	{ "done, settled", TX_DONE, RECEIPT, .count = 6, .block = HEAD - 63, .want = STEP_SETTLE },
	{ "done, receipt missing once", TX_DONE, NO_RECEIPT, .block = HEAD - 5, .hot = { .n_missing = 1 },
	  .want = STEP_WAIT },
	{ "done, receipt missing on and on", TX_DONE, NO_RECEIPT, .block = HEAD - 5,
	  .hot = { .n_missing = JOURNAL_MISSING_MAX }, .want = STEP_UNMINED },
	{ "done, in another block now", TX_DONE, OTHER_BLOCK, .count = 6, .block = HEAD - 5, .want = STEP_MINED },
	{ "done, failed after all", TX_DONE, FLIPPED, .count = 6, .block = HEAD - 5, .want = STEP_MINED },
	{ "failed, done after all", TX_FAILED, RECEIPT, .count = 6, .block = HEAD - 5, .want = STEP_MINED },
	{ "cancelled, watched on", TX_CANCELLED, RECEIPT, .count = 6, .block = HEAD - 5, .want = STEP_WAIT },
	{ "refused", TX_REFUSED, .want = STEP_SETTLE },
	{ "displaced", TX_DISPLACED, NO_RECEIPT, .count = 6, .want = STEP_SETTLE },
};

static void set_hash(struct hash32 *h, int v)
{
	memset(h->b, v, sizeof(h->b));
}

static struct journal_row row_of(const struct row_case *c)
{
	struct journal_row row = { .tx = { .state = c->state, .block = c->block }, .until_block = c->until };

	if (c->state == TX_PLANNED || c->state == TX_REFUSED)
		return row;
	row.tx.has_nonce = true;
	row.tx.nonce = 5;
	row.tx.n_attempts = 1;
	row.tx.attempts[0].offer = (struct fee_offer){ u256_of(10), u256_of(1) };
	set_hash(&row.tx.attempts[0].hash, 1);
	if (c->state >= TX_MINED) {
		set_hash(&row.tx.tx_hash, 1);
		set_hash(&row.tx.block_hash, 2);
	}
	return row;
}

static enum journal_step step_of(const struct row_case *c)
{
	struct journal_row row = row_of(c);
	struct chain_now chain = { .known = !c->deaf, .head = HEAD, .count = c->count ? c->count : 5,
				   .block_gas = 30000000 };
	struct step_rules rules = { .can_sign = !c->looks, .depth = 3 };
	struct eth_receipt receipt = { .block = c->block, .ok = c->told != FLIPPED };
	struct row_told told = { .asked = c->told != NOT_ASKED, .lost = c->told == LOST };

	chain.market.base_fee = u256_of(c->base ? c->base : 1);
	chain.market.tip = u256_of(1);
	set_hash(&receipt.tx_hash, 1);
	set_hash(&receipt.block_hash, c->told == OTHER_BLOCK ? 9 : 2);
	if (c->told == RECEIPT || c->told == OTHER_BLOCK || c->told == FLIPPED)
		told.receipt = &receipt;
	return journal_step(&row, &c->hot, &chain, &told, &rules, NOW);
}

static void each_row_has_its_next_step(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum journal_step got = step_of(&cases[i]);

		if (got != cases[i].want)
			fail_msg("%s: step %d, not %d", cases[i].name, (int)got, (int)cases[i].want);
	}
}

/* Whatever the hints are: with nobody's word on the chain nothing is sent, signed or decided. */
static void without_a_chain_every_row_waits(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct row_case c = cases[i];

		c.deaf = true;
		if (c.want != STEP_DROP)
			assert_int_equal(step_of(&c), STEP_WAIT);
	}
}

static void one_replaced_to_the_last_is_only_sent_again(void **state)
{
	struct row_hot hot = { .want_dearer = true, .send_ms = NOW + 1 };
	struct row_case c = { "", TX_SENT, NO_RECEIPT, .base = 50 };
	struct chain_now chain = { .known = true, .head = HEAD, .count = 5 };
	struct step_rules rules = { .can_sign = true, .depth = 3 };
	struct row_told told = { .asked = true };
	struct journal_row row = row_of(&c);

	chain.market.base_fee = u256_of(50);
	row.tx.n_attempts = JOURNAL_ATTEMPTS_MAX;
	assert_int_equal(journal_step(&row, &hot, &chain, &told, &rules, NOW), STEP_WAIT);
	hot.send_ms = 0;
	assert_int_equal(journal_step(&row, &hot, &chain, &told, &rules, NOW), STEP_SEND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_has_its_next_step),
		cmocka_unit_test(without_a_chain_every_row_waits),
		cmocka_unit_test(one_replaced_to_the_last_is_only_sent_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
