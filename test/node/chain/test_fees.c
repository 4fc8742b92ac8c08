#include "test/test.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "node/chain/fees.h"

#define GWEI 1000000000ull

static struct fee_policy policy(uint64_t ceiling, uint64_t tip)
{
	return (struct fee_policy){ u256_of(ceiling), u256_of(tip) };
}

static struct fee_market market(uint64_t base, uint64_t tip)
{
	return (struct fee_market){ false, u256_of(base), u256_of(tip) };
}

static struct fee_offer offer(uint64_t fee, uint64_t tip)
{
	return (struct fee_offer){ u256_of(fee), u256_of(tip) };
}

static uint64_t u64(struct u256 v)
{
	uint64_t n = 0;

	assert_true(u256_to_u64(&n, &v));
	return n;
}

static void assert_offer(const struct fee_offer *o, uint64_t fee, uint64_t tip)
{
	assert_int_equal(u64(o->max_fee), fee);
	assert_int_equal(u64(o->max_tip), tip);
}

static void a_first_offer_covers_a_doubled_base_fee_and_the_tip(void **state)
{
	static const struct {
		uint64_t ceiling, least_tip, base, tip, fee, max_tip;
	} cases[] = {
		{ 200, 1, 10, 2, 22, 2 },
		{ 200, 3, 10, 2, 23, 3 },	/* the least tip */
		{ 200, 1, 10, 0, 21, 1 },	/* none suggested */
		{ 200, 1, 90, 2, 200, 2 },	/* 182 could not be raised: the ceiling */
		{ 200, 1, 88, 1, 177, 1 },	/* 177 can: to 200 */
		{ 200, 1, 88, 2, 200, 2 },	/* 178 cannot */
		{ 200, 1, 200, 2, 200, 2 },	/* the base fee alone still fits */
		{ 200, 1, 1, 5000, 200, 200 },	/* a lie about tips is bounded */
		{ 200, 1, 0, 0, 1, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fee_policy p = policy(cases[i].ceiling, cases[i].least_tip);
		struct fee_market m = market(cases[i].base, cases[i].tip);
		struct fee_offer o;

		assert_int_equal(fee_first(&o, &p, &m, NULL), 0);
		assert_offer(&o, cases[i].fee, cases[i].max_tip);
	}
}

static void a_base_fee_above_the_ceiling_is_refused_in_words(void **state)
{
	struct fee_policy p = policy(200 * GWEI, GWEI);
	struct fee_market m = market(350 * GWEI, GWEI);
	struct fee_offer o;
	struct err err;

	assert_int_equal(fee_first(&o, &p, &m, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.msg, "the network asks 350 gwei, -maxGasPrice is 200 gwei");
	m.legacy = true;
	m.tip = u256_of(200 * GWEI + 1);
	assert_int_equal(fee_first(&o, &p, &m, &err), -1);
	assert_string_equal(err.msg, "the network asks 200.000000001 gwei, -maxGasPrice is 200 gwei");
}

static void an_old_chain_is_offered_an_eighth_above_what_it_asks(void **state)
{
	struct fee_policy p = policy(200, 1);
	struct fee_market m = { .legacy = true, .tip = u256_of(40) };
	struct fee_offer o, next;

	assert_int_equal(fee_first(&o, &p, &m, NULL), 0);
	assert_offer(&o, 45, 45);
	m.tip = u256_of(45);
	assert_true(fee_covers(&o, &m));
	m.tip = u256_of(46);
	assert_false(fee_covers(&o, &m));
	assert_int_equal(fee_bump(&next, &o, &p, &m, NULL), 0);
	assert_offer(&next, 52, 52);
}

static void a_replacement_raises_both_prices_by_an_eighth_at_least(void **state)
{
	static const struct {
		uint64_t fee, tip, base, market_tip, want_fee, want_tip;
	} cases[] = {
		{ 80, 8, 1, 1, 90, 9 },
		{ 81, 9, 1, 1, 92, 11 },	/* rounded up */
		{ 80, 0, 1, 1, 90, 1 },		/* a tip of nothing rises as well */
		{ 80, 8, 60, 10, 130, 10 },	/* what a first offer would be now */
		{ 800, 8, 1, 1, 1000, 9 },	/* 900 could not be raised once more */
	};
	struct fee_policy p = policy(1000, 1);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fee_offer last = offer(cases[i].fee, cases[i].tip), next;
		struct fee_market m = market(cases[i].base, cases[i].market_tip);

		assert_int_equal(fee_bump(&next, &last, &p, &m, NULL), 0);
		assert_offer(&next, cases[i].want_fee, cases[i].want_tip);
	}
}

static void a_replacement_past_the_ceiling_is_refused(void **state)
{
	struct fee_policy p = policy(1000 * GWEI, 1);
	struct fee_market m = market(1, 1), high = market(1001 * GWEI, 1);
	struct fee_offer last = offer(900 * GWEI, 1), low = offer(1, 1), next;
	struct err err;

	assert_int_equal(fee_bump(&next, &last, &p, &m, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.msg, "a replacement needs 1012.5 gwei, -maxGasPrice is 1000 gwei");
	assert_int_equal(fee_bump(&next, &low, &p, &high, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
}

static void the_largest_numbers_do_not_wrap(void **state)
{
	struct u256 max = { .w = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } };
	struct fee_policy p = { max, u256_of(1) };
	struct fee_market m = { false, max, max };
	struct fee_offer o, next;
	struct err err;

	assert_int_equal(fee_first(&o, &p, &m, NULL), 0);
	assert_int_equal(u256_cmp(&o.max_fee, &max), 0);
	assert_false(fee_covers(&o, &m));
	assert_int_equal(fee_bump(&next, &o, &p, &m, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
}

/* ---- 10,000 blocks ---- */

#define BLOCKS 10000
#define CEILING (200 * GWEI)
#define TIP_MAX (3 * GWEI)

static unsigned seed;

static uint64_t random_up_to(uint64_t n)
{
	return (((uint64_t)rand_r(&seed) << 31) ^ (uint64_t)rand_r(&seed)) % (n + 1);
}

/* Mostly a step of an eighth, as EIP-1559 has it; now and then a jump anywhere from a tenth
 * to a thousand times 1 gwei. */
static uint64_t next_base(uint64_t base)
{
	switch (random_up_to(9)) {
	case 0:
		return GWEI / 10 + random_up_to(1000 * GWEI);
	case 1:
		return GWEI / 10 + random_up_to(9 * GWEI);
	case 2: case 3: case 4:
		return base - base / 8 + 1;
	default:
		return base + base / 8 > 1000 * GWEI ? base : base + base / 8;
	}
}

struct world {
	struct fee_policy p;
	struct fee_market m;
	bool legacy, pending;
	struct fee_offer o;
	unsigned n_stuck;	/* blocks it waited while the ceiling would have paid */
	unsigned n_mined, n_replaced, longest;
};

static void assert_raised(const struct fee_offer *last, const struct fee_offer *next)
{
	assert_true(8 * u64(next->max_fee) >= 9 * u64(last->max_fee));
	assert_true(8 * u64(next->max_tip) >= 9 * u64(last->max_tip));
}

static void offer_something(struct world *w)
{
	struct fee_offer next;

	if (!w->pending) {
		w->pending = fee_first(&w->o, &w->p, &w->m, NULL) == 0;
	} else if (!fee_covers(&w->o, &w->m) && fee_bump(&next, &w->o, &w->p, &w->m, NULL) == 0) {
		assert_raised(&w->o, &next);
		w->o = next;
		w->n_replaced++;
	}
	if (!w->pending)
		return;
	assert_true(u256_cmp(&w->o.max_fee, &w->p.ceiling) <= 0);
	assert_true(u256_cmp(&w->o.max_tip, &w->o.max_fee) <= 0);
}

/* The block takes it when it pays the base fee (an old chain: the price). */
static void mine(struct world *w)
{
	uint64_t need = w->legacy ? u64(w->m.tip) : u64(w->m.base_fee);

	if (w->pending && u64(w->o.max_fee) >= need) {
		w->pending = false;
		w->n_mined++;
		w->n_stuck = 0;
	} else if (need <= CEILING) {
		w->n_stuck++;
	}
	if (w->n_stuck > w->longest)
		w->longest = w->n_stuck;
}

static void simulate(bool legacy)
{
	struct world w = { .p = policy(CEILING, GWEI / 10), .legacy = legacy };
	uint64_t base = GWEI;

	for (int i = 0; i < BLOCKS; i++) {
		/* It sees the block before the one that it may be mined in. */
		w.m = market(legacy ? 0 : base, legacy ? base : random_up_to(TIP_MAX));
		w.m.legacy = legacy;
		offer_something(&w);
		base = next_base(base);
		w.m = market(legacy ? 0 : base, legacy ? base : u64(w.m.tip));
		mine(&w);
	}
	print_message("%u mined, %u replaced, longest wait %u blocks\n", w.n_mined, w.n_replaced, w.longest);
	assert_true(w.n_mined > BLOCKS / 4);
	assert_true(w.n_replaced > 100);
	assert_true(w.longest <= 10);
}

static void ten_thousand_wild_blocks_never_cost_more_than_the_ceiling(void **state)
{
	const char *said = getenv("SEED");

	seed = said ? (unsigned)atoi(said) : (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	simulate(false);
	simulate(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_first_offer_covers_a_doubled_base_fee_and_the_tip),
		cmocka_unit_test(a_base_fee_above_the_ceiling_is_refused_in_words),
		cmocka_unit_test(an_old_chain_is_offered_an_eighth_above_what_it_asks),
		cmocka_unit_test(a_replacement_raises_both_prices_by_an_eighth_at_least),
		cmocka_unit_test(a_replacement_past_the_ceiling_is_refused),
		cmocka_unit_test(the_largest_numbers_do_not_wrap),
		cmocka_unit_test(ten_thousand_wild_blocks_never_cost_more_than_the_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
