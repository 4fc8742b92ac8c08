#include "node/chain/follow_plan.h"

#include <stdio.h>

#include "base/err.h"

typedef unsigned long long ull;

#define NUMBER_MAX (UINT64_C(1) << 62)	/* no chain gets there: sums below do not wrap */
#define SEEK_FIRST 8			/* most branches are short */
#define SEEK_MORE 64

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void set(struct follow_plan *p, enum follow_what what, uint64_t first, uint64_t last)
{
	*p = (struct follow_plan){ .what = what, .first = first, .last = last };
}

#define set_odd(p, ...) (set(p, FOLLOW_ODD, 0, 0), (void)snprintf((p)->why, sizeof((p)->why), __VA_ARGS__))

/* Downwards from `top`, which is kept. */
static void seek(struct follow_plan *p, const struct kept *k, uint64_t top, uint64_t n)
{
	uint64_t lowest = kept_lowest(k)->number;

	set(p, FOLLOW_SEEK, top - lowest >= n ? top - n + 1 : lowest, top);
}

/* next..head is to be read: one by one what may still be taken back, the rest at once. */
static void read_on(struct follow_plan *p, const struct kept *k, const struct follow_bounds *b, uint64_t next,
		    uint64_t head)
{
	if (head - next >= k->keep)
		set(p, FOLLOW_RANGE, next, min_u64(head - k->keep, next + b->range_max - 1));
	else
		set(p, FOLLOW_BLOCKS, next, min_u64(head, next + b->blocks_max - 1));
}

/* It is not above what we have. */
static void on_low_head(struct follow_plan *p, const struct kept *k, const struct eth_header *head)
{
	const struct eth_header *top = kept_top(k), *ours = kept_at(k, head->number);

	if (ours && !kept_hash_equal(&ours->hash, &head->hash)) {
		seek(p, k, head->number, SEEK_FIRST);
	} else if (ours == top) {
		set(p, FOLLOW_CAUGHT_UP, 0, 0);
	} else {
		set(p, FOLLOW_BEHIND, 0, 0);
		snprintf(p->why, sizeof(p->why), "it is at block %llu, and block %llu was there already",
			 (ull)head->number, (ull)top->number);
	}
}

void follow_on_head(struct follow_plan *p, const struct kept *k, const struct follow_bounds *b,
		    const struct eth_header *head)
{
	const struct eth_header *top = kept_top(k);

	if (head->number > NUMBER_MAX)
		set_odd(p, "no chain has %llu blocks", (ull)head->number);
	else if (top && head->number <= top->number)
		on_low_head(p, k, head);
	else if (top)
		read_on(p, k, b, top->number + 1, head->number);
	else if (head->number < b->start_block)
		set(p, FOLLOW_EARLY, 0, 0);
	else
		read_on(p, k, b, b->start_block, head->number);
}

/* Are they first, first + 1, ... and each the parent of the next? */
static bool is_chain(struct follow_plan *p, uint64_t first, const struct eth_header *h, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (h[i].number != first + i) {
			set_odd(p, "asked for block %llu it told of %llu", (ull)(first + i), (ull)h[i].number);
			return false;
		}
		if (i && !kept_hash_equal(&h[i].parent, &h[i - 1].hash)) {
			set_odd(p, "block %llu is not the parent of block %llu", (ull)h[i - 1].number,
				(ull)h[i].number);
			return false;
		}
	}
	return true;
}

void follow_on_blocks(struct follow_plan *p, const struct kept *k, const struct eth_header *h, size_t n)
{
	const struct eth_header *top = kept_top(k);
	uint64_t first = p->first, last = p->last;

	if (!is_chain(p, first, h, n))
		return;
	if (top && !kept_hash_equal(&h[0].parent, &top->hash))
		seek(p, k, top->number, SEEK_FIRST);
	else
		set(p, FOLLOW_BLOCKS, first, last);
}

/* Nothing in this window is ours. */
static void seek_deeper(struct follow_plan *p, const struct kept *k, uint64_t start_block, uint64_t lowest)
{
	uint64_t end = kept_lowest(k)->number;

	if (lowest > end)
		seek(p, k, lowest - 1, SEEK_MORE);
	else if (end == start_block)	/* nothing was there before: all can be taken back */
		set(p, FOLLOW_UNDO, end, kept_top(k)->number);
	else
		set(p, FOLLOW_RESET, 0, 0);
}

void follow_on_seek(struct follow_plan *p, const struct kept *k, uint64_t start_block,
		    const struct eth_header *h, size_t n, const struct eth_header *above)
{
	size_t i = n;

	if (!is_chain(p, p->first, h, n))
		return;
	if (above && !kept_hash_equal(&above->parent, &h[n - 1].hash)) {
		set_odd(p, "block %llu is not the parent of block %llu", (ull)h[n - 1].number, (ull)above->number);
		return;
	}
	while (i > 0 && !kept_hash_equal(&h[i - 1].hash, &kept_at(k, h[i - 1].number)->hash))
		i--;
	if (i == n && !above)	/* that block was why we are seeking */
		set_odd(p, "two answers about block %llu differ", (ull)h[n - 1].number);
	else if (i > 0)
		set(p, FOLLOW_UNDO, h[i - 1].number + 1, kept_top(k)->number);
	else
		seek_deeper(p, k, start_block, h[0].number);
}

void follow_on_range(struct follow_plan *p, const struct kept *k, const struct eth_header *anchor,
		     const struct eth_header *last)
{
	const struct eth_header *top = kept_top(k);

	if (last->number != p->last)
		set_odd(p, "asked for block %llu it told of %llu", (ull)p->last, (ull)last->number);
	else if (top && anchor->number != top->number)
		set_odd(p, "asked for block %llu it told of %llu", (ull)top->number, (ull)anchor->number);
	else if (top && !kept_hash_equal(&anchor->hash, &top->hash))
		seek(p, k, top->number, SEEK_FIRST);
	else if (top && p->first == p->last && !kept_hash_equal(&last->parent, &top->hash))
		set_odd(p, "block %llu is not the parent of block %llu", (ull)top->number, (ull)last->number);
}

static bool is_asked_for(const struct eth_log *l, const struct eth_addr *addresses, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (eth_addr_equal(&l->address, &addresses[i]))
			return true;
	}
	return false;
}

int follow_check_range(uint64_t first, const struct eth_header *last, const struct eth_addr *addresses,
		       size_t n_addresses, const struct eth_log *logs, size_t n_logs, struct err *err)
{
	for (size_t i = 0; i < n_logs; i++) {
		const struct eth_log *l = &logs[i];

		if (l->block < first || l->block > last->number)
			return err_set(err, ERR_INVALID, "a log of block %llu among those of %llu to %llu",
				       (ull)l->block, (ull)first, (ull)last->number);
		if (l->block == last->number && !kept_hash_equal(&l->block_hash, &last->hash))
			return err_set(err, ERR_INVALID, "a log of another block %llu", (ull)l->block);
		if (i && l->block == l[-1].block && !kept_hash_equal(&l->block_hash, &l[-1].block_hash))
			return err_set(err, ERR_INVALID, "logs of two blocks %llu", (ull)l->block);
		if (!is_asked_for(l, addresses, n_addresses))
			return err_set(err, ERR_INVALID, "a log of a contract that was not asked for");
	}
	return 0;
}

int follow_check_logs(const struct eth_header *h, const struct eth_addr *addresses, size_t n_addresses,
		      const struct eth_log *logs, size_t n_logs, struct err *err)
{
	return follow_check_range(h->number, h, addresses, n_addresses, logs, n_logs, err);
}
