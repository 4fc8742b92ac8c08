/*
 * The follower's rules: a table of what it does next, and a model of it against chains that
 * reorganise and endpoints that lag and lie: whatever happened, once all is quiet what was
 * applied is what the chain has.  SEED=N repeats the model's luck.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "node/chain/follow_plan.h"
#include "test/test.h"

static struct hash32 hash_of(uint64_t branch, uint64_t n)
{
	struct hash32 h = { { 0 } };

	memcpy(h.b, &branch, sizeof(branch));
	memcpy(h.b + 8, &n, sizeof(n));
	return h;
}

/* Block n of a branch that left branch 0 at block `fork`. */
static struct eth_header block(uint64_t branch, uint64_t fork, uint64_t n)
{
	struct eth_header h = { .number = n };

	h.hash = hash_of(n < fork ? 0 : branch, n);
	h.parent = hash_of(n <= fork ? 0 : branch, n - 1);
	return h;
}

static void keep(struct kept *k, uint64_t first, uint64_t last)
{
	kept_init(k, 64);
	for (uint64_t i = first; i && i <= last; i++) {
		struct eth_header h = block(0, 0, i);

		kept_push(k, &h);
	}
}

/* ---- the table ---- */
static const struct follow_bounds bounds = { .start_block = 10, .blocks_max = 20, .range_max = 100 };

static const struct on_head_case {
	const char *name;
	uint64_t kept_first, kept_last;		/* 0: nothing is kept */
	uint64_t branch, fork, head;
	enum follow_what what;
	uint64_t first, last;
} on_head_cases[] = {
	{ "a chain that is not there yet is waited for", 0, 0, 0, 0, 9, FOLLOW_EARLY, 0, 0 },
	{ "the first block", 0, 0, 0, 0, 10, FOLLOW_BLOCKS, 10, 10 },
	{ "a short chain is read block by block", 0, 0, 0, 0, 73, FOLLOW_BLOCKS, 10, 29 },
	{ "what is final from the start is read at once", 0, 0, 0, 0, 74, FOLLOW_RANGE, 10, 10 },
	{ "a long chain in ranges", 0, 0, 0, 0, 100000, FOLLOW_RANGE, 10, 109 },
	{ "the head is known", 10, 20, 0, 0, 20, FOLLOW_CAUGHT_UP, 0, 0 },
	{ "one more", 10, 20, 0, 0, 21, FOLLOW_BLOCKS, 21, 21 },
	{ "as many as one batch holds", 10, 20, 0, 0, 84, FOLLOW_BLOCKS, 21, 40 },
	{ "asleep for longer than keep", 10, 20, 0, 0, 85, FOLLOW_RANGE, 21, 21 },
	{ "asleep for 500", 10, 20, 0, 0, 520, FOLLOW_RANGE, 21, 120 },
	{ "a head below ours is a stale endpoint", 10, 20, 0, 0, 15, FOLLOW_BEHIND, 0, 0 },
	{ "and one below all that is kept", 40, 90, 0, 0, 15, FOLLOW_BEHIND, 0, 0 },
	{ "even of another branch: there is nothing to compare", 40, 90, 1, 5, 15, FOLLOW_BEHIND, 0, 0 },
	{ "another block of our height", 10, 20, 1, 20, 20, FOLLOW_SEEK, 13, 20 },
	{ "another branch that is shorter", 10, 20, 1, 12, 15, FOLLOW_SEEK, 10, 15 },
	{ "another branch that is longer shows in its blocks", 10, 20, 1, 12, 25, FOLLOW_BLOCKS, 21, 25 },
	{ "a number that no chain has", 10, 20, 0, 0, UINT64_MAX, FOLLOW_ODD, 0, 0 },
};

static void the_head_says_what_to_do(void **state)
{
	for (size_t i = 0; i < sizeof(on_head_cases) / sizeof(on_head_cases[0]); i++) {
		const struct on_head_case *c = &on_head_cases[i];
		struct eth_header head = block(c->branch, c->fork, c->head);
		struct follow_plan p;
		struct kept k;

		keep(&k, c->kept_first, c->kept_last);
		follow_on_head(&p, &k, &bounds, &head);
		if (p.what != c->what || p.first != c->first || p.last != c->last)
			fail_msg("%s: %d %llu..%llu", c->name, p.what, (unsigned long long)p.first,
				 (unsigned long long)p.last);
		assert_int_equal(p.what == FOLLOW_ODD || p.what == FOLLOW_BEHIND, p.why[0] != 0);
		kept_fini(&k);
	}
}

static void blocks_must_continue_what_is_kept(void **state)
{
	struct follow_plan p = { .what = FOLLOW_BLOCKS, .first = 21, .last = 23 };
	struct eth_header h[3];
	struct kept k;

	keep(&k, 10, 20);
	for (int i = 0; i < 3; i++)
		h[i] = block(0, 0, 21 + i);
	follow_on_blocks(&p, &k, h, 3);
	assert_int_equal(p.what, FOLLOW_BLOCKS);
	h[0].parent = hash_of(7, 20);
	follow_on_blocks(&p, &k, h, 3);
	assert_int_equal(p.what, FOLLOW_SEEK);
	assert_int_equal(p.first, 13);
	assert_int_equal(p.last, 20);
	kept_fini(&k);
}

static void blocks_that_do_not_hold_together_are_odd(void **state)
{
	struct follow_plan p = { .what = FOLLOW_BLOCKS, .first = 21, .last = 23 };
	struct eth_header h[3];
	struct kept k;

	keep(&k, 10, 20);
	for (int i = 0; i < 3; i++)
		h[i] = block(0, 0, 21 + i);
	h[1].hash = hash_of(9, 9);
	follow_on_blocks(&p, &k, h, 3);
	assert_int_equal(p.what, FOLLOW_ODD);
	assert_string_equal(p.why, "block 22 is not the parent of block 23");
	p = (struct follow_plan){ .what = FOLLOW_BLOCKS, .first = 21, .last = 23 };
	h[1] = block(0, 0, 42);
	follow_on_blocks(&p, &k, h, 3);
	assert_int_equal(p.what, FOLLOW_ODD);
	assert_string_equal(p.why, "asked for block 22 it told of 42");
	kept_fini(&k);
}

/* Follows SEEK plans to their end on a branch that left ours at block `fork`. */
static struct follow_plan seek_to_end(const struct kept *k, uint64_t start, uint64_t fork, uint64_t head)
{
	struct eth_header h[64], top = block(1, fork, head), above;
	struct follow_bounds b = { .start_block = start, .blocks_max = 64, .range_max = 100 };
	struct follow_plan p;
	bool has_above = false;

	follow_on_head(&p, k, &b, &top);
	while (p.what == FOLLOW_SEEK) {
		size_t n = p.last - p.first + 1;

		assert_true(n <= 64);
		for (size_t i = 0; i < n; i++)
			h[i] = block(1, fork, p.first + i);
		follow_on_seek(&p, k, start, h, n, has_above ? &above : NULL);
		above = h[0];
		has_above = true;
	}
	return p;
}

static void the_branch_is_found_at_every_depth(void **state)
{
	struct kept k;

	keep(&k, 36, 100);
	for (uint64_t depth = 1; depth <= 64; depth++) {
		struct follow_plan p = seek_to_end(&k, 1, 101 - depth, 100);

		assert_int_equal(p.what, FOLLOW_UNDO);
		assert_int_equal(p.first, 101 - depth);
		assert_int_equal(p.last, 100);
	}
	assert_int_equal(seek_to_end(&k, 1, 36, 100).what, FOLLOW_RESET);
	assert_int_equal(seek_to_end(&k, 1, 3, 100).what, FOLLOW_RESET);
	kept_fini(&k);
}

static void a_chain_younger_than_keep_is_undone_to_its_first_block(void **state)
{
	struct follow_plan p;
	struct kept k;

	keep(&k, 36, 60);
	p = seek_to_end(&k, 36, 20, 60);
	assert_int_equal(p.what, FOLLOW_UNDO);
	assert_int_equal(p.first, 36);
	assert_int_equal(p.last, 60);
	kept_fini(&k);
}

static void two_answers_about_one_block_are_odd(void **state)
{
	struct follow_plan p = { .what = FOLLOW_SEEK, .first = 53, .last = 60 };
	struct eth_header h[8];
	struct kept k;

	keep(&k, 36, 60);
	for (int i = 0; i < 8; i++)
		h[i] = block(0, 0, 53 + i);
	follow_on_seek(&p, &k, 1, h, 8, NULL);
	assert_int_equal(p.what, FOLLOW_ODD);
	assert_string_equal(p.why, "two answers about block 60 differ");
	kept_fini(&k);
}

static void windows_of_a_search_must_join(void **state)
{
	struct follow_plan p = { .what = FOLLOW_SEEK, .first = 40, .last = 52 };
	struct eth_header h[13], above = block(2, 30, 53);
	struct kept k;

	keep(&k, 36, 60);
	for (int i = 0; i < 13; i++)
		h[i] = block(1, 30, 40 + i);
	follow_on_seek(&p, &k, 1, h, 13, &above);
	assert_int_equal(p.what, FOLLOW_ODD);
	kept_fini(&k);
}

static void a_range_must_begin_on_what_is_kept(void **state)
{
	struct eth_header anchor = block(0, 0, 20), last = block(0, 0, 80);
	struct follow_plan p = { .what = FOLLOW_RANGE, .first = 21, .last = 80 };
	struct kept k;

	keep(&k, 10, 20);
	follow_on_range(&p, &k, &anchor, &last);
	assert_int_equal(p.what, FOLLOW_RANGE);
	anchor.hash = hash_of(1, 20);
	follow_on_range(&p, &k, &anchor, &last);
	assert_int_equal(p.what, FOLLOW_SEEK);
	p = (struct follow_plan){ .what = FOLLOW_RANGE, .first = 21, .last = 80 };
	anchor.number = 19;
	follow_on_range(&p, &k, &anchor, &last);
	assert_int_equal(p.what, FOLLOW_ODD);
	p = (struct follow_plan){ .what = FOLLOW_RANGE, .first = 21, .last = 80 };
	last.number = 79;
	follow_on_range(&p, &k, &anchor, &last);
	assert_int_equal(p.what, FOLLOW_ODD);
	p = (struct follow_plan){ .what = FOLLOW_RANGE, .first = 21, .last = 21 };
	anchor = block(0, 0, 20);
	last = block(3, 0, 21);
	follow_on_range(&p, &k, &anchor, &last);
	assert_int_equal(p.what, FOLLOW_ODD);
	kept_fini(&k);
}

static void logs_must_be_of_the_block_and_of_the_contracts(void **state)
{
	struct eth_addr mine[2] = { { { 1 } }, { { 2 } } };
	struct eth_header h = block(0, 0, 20);
	struct eth_log l[2] = { { .address = mine[1], .block = 20, .block_hash = h.hash },
				{ .address = mine[0], .block = 20, .block_hash = h.hash, .index = 1 } };
	struct err err;

	assert_int_equal(follow_check_logs(&h, mine, 2, l, 2, &err), 0);
	l[1].block_hash = hash_of(1, 20);
	assert_int_equal(follow_check_logs(&h, mine, 2, l, 2, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	l[1].block_hash = h.hash;
	l[1].block = 21;
	assert_int_equal(follow_check_logs(&h, mine, 2, l, 2, &err), -1);
	l[1].block = 20;
	assert_int_equal(follow_check_logs(&h, mine, 1, l, 2, &err), -1);
	/* In a range: of blocks of which no header is known, but all of one. */
	l[0].block = l[1].block = 15;
	l[0].block_hash = l[1].block_hash = hash_of(5, 15);
	assert_int_equal(follow_check_range(10, &h, mine, 2, l, 2, &err), 0);
	l[1].block_hash = hash_of(6, 15);
	assert_int_equal(follow_check_range(10, &h, mine, 2, l, 2, &err), -1);
	assert_int_equal(follow_check_range(16, &h, mine, 2, l, 1, &err), -1);
}

/* ---- the model ---- */
#define CHAIN_MAX 4000

static uint64_t luck;

static uint64_t draw(uint64_t n)	/* splitmix64 */
{
	uint64_t z = luck += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31)) % n;
}

struct chain {
	struct eth_header h[CHAIN_MAX];
	uint64_t head, branches;
};

struct world {
	struct chain now, before;	/* before: what a lagging endpoint tells */
	uint64_t highest;		/* head there ever was */
	unsigned deepest;		/* reorganisations go this deep below it at most */
	unsigned lie_percent, lag_percent;
	bool is_still;
	/* the follower */
	struct kept kept;
	struct follow_bounds bounds;
	struct hash32 applied[CHAIN_MAX];	/* by number; zero: nothing */
	unsigned n_undone, n_resets;
};

static void mine(struct chain *c, uint64_t n)
{
	for (; n && c->head + 1 < CHAIN_MAX; n--) {
		struct eth_header *h = &c->h[c->head + 1];

		*h = (struct eth_header){ .number = c->head + 1, .hash = hash_of(c->branches, c->head + 1),
					  .parent = c->h[c->head].hash };
		c->head++;
	}
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* As a chain does: the new branch is as long as the old one, or nearly. */
static void reorganise(struct world *w, uint64_t depth)
{
	uint64_t floor = w->highest > w->deepest ? w->highest - w->deepest : 0, was = w->now.head;

	if (was < depth + 1 || was - depth < floor)
		return;
	w->now.branches++;
	w->now.head -= depth;
	mine(&w->now, depth + draw(4) - (depth > 1 && draw(4) == 0));
}

static void the_world_turns(struct world *w)
{
	if (w->is_still)
		return;
	if (draw(40) == 0)
		w->before = w->now;
	if (draw(3) == 0 && w->now.head < CHAIN_MAX - 1000)
		mine(&w->now, draw(20) ? draw(3) : draw(300));
	if (draw(12) == 0)
		reorganise(w, 1 + draw(w->deepest));
	w->highest = max_u64(w->highest, w->now.head);
}

/* A batch is answered by one endpoint, perhaps one that lags. */
static const struct chain *some_endpoint(struct world *w)
{
	return draw(100) < w->lag_percent ? &w->before : &w->now;
}

/* false: no such block, or no answer at all. */
static bool ask(struct world *w, const struct chain *c, uint64_t number, struct eth_header *h)
{
	if (draw(30) == 0)
		the_world_turns(w);
	if (number == UINT64_MAX)
		number = c->head;
	if (number > c->head)
		return false;
	*h = c->h[number];
	if (draw(100) >= w->lie_percent)
		return true;
	switch (draw(5)) {
	case 0:
		h->hash = hash_of(1000000 + draw(1000), number);
		break;
	case 1:
		h->parent = hash_of(1000000 + draw(1000), number - 1);
		break;
	case 2:
		h->number = draw(2) ? number + 1 + draw(300) : draw(number + 1);
		break;
	case 3:
		h->hash = h->parent;
		break;
	default:
		return false;
	}
	return true;
}

static void apply(struct world *w, const struct eth_header *h)
{
	static const struct hash32 none;

	assert_true(kept_hash_equal(&w->applied[h->number], &none));
	w->applied[h->number] = h->hash;
}

/* Logs carry the hashes of their blocks: here all blocks of the range do. */
static void apply_range(struct world *w, const struct follow_plan *p, const struct eth_header *last)
{
	for (uint64_t i = p->first; i < p->last; i++)
		apply(w, &w->now.h[i]);
	apply(w, last);
	kept_clear(&w->kept);
	kept_push(&w->kept, last);
}

static bool ask_many(struct world *w, const struct follow_plan *p, struct eth_header *h)
{
	const struct chain *c = some_endpoint(w);

	for (uint64_t i = p->first; i <= p->last; i++) {
		if (!ask(w, c, i, &h[i - p->first]))
			return false;
	}
	return true;
}

static void undo(struct world *w, uint64_t first)
{
	while (kept_top(&w->kept) && kept_top(&w->kept)->number >= first) {
		const struct eth_header *top = kept_top(&w->kept);

		assert_true(kept_hash_equal(&w->applied[top->number], &top->hash));
		memset(&w->applied[top->number], 0, sizeof(w->applied[0]));
		kept_pop(&w->kept);
		w->n_undone++;
	}
}

/* Two endpoints are asked about it: nobody lies twice the same. */
static void reset(struct world *w)
{
	uint64_t lowest = kept_lowest(&w->kept)->number;

	if (lowest > w->now.head || kept_hash_equal(&w->now.h[lowest].hash, &kept_lowest(&w->kept)->hash))
		return;
	memset(w->applied, 0, sizeof(w->applied));
	kept_clear(&w->kept);
	w->n_resets++;
}

static bool read_range(struct world *w, struct follow_plan *p)
{
	const struct chain *c = some_endpoint(w);
	struct eth_header anchor = { 0 }, last;

	if (!ask(w, c, p->last, &last) || (kept_top(&w->kept) && !ask(w, c, kept_top(&w->kept)->number, &anchor)))
		return false;
	/* Two endpoints must agree, and nobody lies twice the same. */
	if (!kept_hash_equal(&last.hash, &w->now.h[p->last].hash) ||
	    (kept_top(&w->kept) && !kept_hash_equal(&anchor.hash, &w->now.h[kept_top(&w->kept)->number].hash)))
		return false;
	follow_on_range(p, &w->kept, &anchor, &last);
	if (p->what == FOLLOW_RANGE)
		apply_range(w, p, &last);
	return p->what != FOLLOW_RANGE;
}

/* One round, as follower.c makes it.  True: it believes that it is caught up. */
static bool follow_once(struct world *w)
{
	struct eth_header h[64], head, above;
	bool has_above = false;
	struct follow_plan p;

	if (!ask(w, some_endpoint(w), UINT64_MAX, &head))
		return false;
	follow_on_head(&p, &w->kept, &w->bounds, &head);
	for (;;) {
		the_world_turns(w);
		switch (p.what) {
		case FOLLOW_CAUGHT_UP:
			return true;
		case FOLLOW_BEHIND:
		case FOLLOW_EARLY:
		case FOLLOW_ODD:
			return false;
		case FOLLOW_BLOCKS:
			if (!ask_many(w, &p, h))
				return false;
			follow_on_blocks(&p, &w->kept, h, p.last - p.first + 1);
			if (p.what != FOLLOW_BLOCKS)
				continue;
			for (uint64_t i = 0; i <= p.last - p.first; i++) {
				apply(w, &h[i]);
				kept_push(&w->kept, &h[i]);
			}
			return false;
		case FOLLOW_RANGE:
			if (read_range(w, &p))
				continue;
			return false;
		case FOLLOW_SEEK:
			if (!ask_many(w, &p, h))
				return false;
			follow_on_seek(&p, &w->kept, w->bounds.start_block, h, p.last - p.first + 1,
				       has_above ? &above : NULL);
			above = h[0];
			has_above = true;
			continue;
		case FOLLOW_UNDO:
			undo(w, p.first);
			return false;
		case FOLLOW_RESET:
			reset(w);
			return false;
		}
	}
}

static void assert_equals_the_chain(const struct world *w)
{
	static const struct hash32 none;

	for (uint64_t i = w->bounds.start_block; i < CHAIN_MAX; i++) {
		const struct hash32 *want = i <= w->now.head ? &w->now.h[i].hash : &none;

		if (!kept_hash_equal(&w->applied[i], want))
			fail_msg("seed deepest %u: block %llu of %llu", w->deepest, (unsigned long long)i, (unsigned long long)w->now.head);
	}
}

/* The faults end and the chain stands still, one block higher than it ever was, for an
 * endpoint with a lower head is taken for a stale one. */
static void settle(struct world *w)
{
	unsigned rounds = 0;

	w->lie_percent = w->lag_percent = 0;
	mine(&w->now, max_u64(w->highest, w->bounds.start_block) - w->now.head + 1);
	w->is_still = true;
	while (!follow_once(w))
		assert_true(++rounds < 3 * CHAIN_MAX);
}

/* Reorganisations of at most `deepest` below the highest head, endpoints that lag and lie. */
static unsigned long run_model(uint64_t seed, unsigned deepest, unsigned lies, unsigned lags)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned long n_undone;

	luck = seed;
	kept_init(&w->kept, 64);
	w->bounds = (struct follow_bounds){ draw(100), 1 + draw(64), 1 + draw(300) };
	w->deepest = deepest;
	w->now.h[0].hash = hash_of(0, 0);
	mine(&w->now, draw(500));
	w->before = w->now;
	w->highest = w->now.head;
	for (int phase = 0; phase < 3; phase++) {
		w->lie_percent = lies;
		w->lag_percent = lags;
		w->is_still = false;
		for (int i = 0; i < 200; i++)
			follow_once(w);
		settle(w);
		assert_equals_the_chain(w);
	}
	if (deepest <= 64 && !lies && !lags)
		assert_int_equal(w->n_resets, 0);
	n_undone = w->n_undone;
	kept_fini(&w->kept);
	free(w);
	return n_undone;
}

static uint64_t seed_of_run(void)
{
	const char *s = getenv("SEED");

	return s ? strtoull(s, NULL, 10) : (uint64_t)clock_wall_ms();
}

static void what_was_applied_is_what_the_chain_has(void **state)
{
	static const struct {
		unsigned deepest, lies, lags;
	} worlds[] = { { 64, 0, 0 }, { 64, 0, 20 }, { 64, 10, 0 }, { 64, 10, 20 }, { 200, 0, 0 }, { 200, 10, 20 } };
	uint64_t seed = seed_of_run();
	unsigned long n_undone = 0;
	int runs = getenv("TEST_LONG") ? 2000 : 30;

	print_message("SEED=%llu\n", (unsigned long long)seed);
	for (int i = 0; i < runs; i++) {
		for (size_t j = 0; j < sizeof(worlds) / sizeof(worlds[0]); j++)
			n_undone += run_model(seed + i, worlds[j].deepest, worlds[j].lies, worlds[j].lags);
	}
	assert_true(n_undone > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head_says_what_to_do),
		cmocka_unit_test(blocks_must_continue_what_is_kept),
		cmocka_unit_test(blocks_that_do_not_hold_together_are_odd),
		cmocka_unit_test(the_branch_is_found_at_every_depth),
		cmocka_unit_test(a_chain_younger_than_keep_is_undone_to_its_first_block),
		cmocka_unit_test(two_answers_about_one_block_are_odd),
		cmocka_unit_test(windows_of_a_search_must_join),
		cmocka_unit_test(a_range_must_begin_on_what_is_kept),
		cmocka_unit_test(logs_must_be_of_the_block_and_of_the_contracts),
		cmocka_unit_test(what_was_applied_is_what_the_chain_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
