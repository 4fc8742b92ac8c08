/*
 * Rounds: ask for the head, ask for what the plan wants, commit, again; at once while there
 * is more to read, after poll_ms when not.  Anything that fails ends the round, and the next
 * one begins from the head with what the store has: there is no other state to repair.
 */
#include "node/chain/follower.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "node/chain/follower_int.h"

#define KEEP_DEFAULT 128
#define POLL_DEFAULT_MS 1000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 2000	/* an endpoint that is well again is used within seconds */
#define RETRY_MS 10		/* with less */
#define GROW_AFTER 16		/* rounds that went well */
#define LINES_PER_MINUTE 10

static void begin(struct follower *f)
{
	if (!f->is_loaded)
		follower_commit_load(f);
	else
		follower_ask_head(f);
}

static void on_timer(uv_timer_t *t)
{
	begin(t->data);
}

static void rest(struct follower *f, uint64_t ms)
{
	uv_timer_start(&f->timer, on_timer, ms, 0);
}

static void tell(struct follower *f, bool caught_up)
{
	const struct eth_header *top = kept_top(&f->kept);

	if (!top || (f->told_any && f->told_caught_up == caught_up && kept_hash_equal(&f->told_hash, &top->hash)))
		return;
	f->told_any = true;
	f->told_caught_up = caught_up;
	f->told_hash = top->hash;
	rpc_note_head(f->o.rpc, top->number);
	if (f->o.moved) {
		struct eth_header h = *top;	/* the callee may free us */

		f->o.moved(f->o.arg, &h, caught_up);
	}
}

static void degrade(struct follower *f, const char *why)
{
	if (!f->degraded_since) {
		f->degraded_since = clock_mono_ms();
		if (log_may(&f->may_tell, LINES_PER_MINUTE))
			log_warn(&f->log, "the chain cannot be followed: %s", why);
	}
	snprintf(f->why, sizeof(f->why), "%s", why);
}

static void all_is_well(struct follower *f)
{
	if (f->degraded_since && log_may(&f->may_tell, LINES_PER_MINUTE))
		log_info(&f->log, "the chain is followed again: after_ms=%lld",
			 (long long)(clock_mono_ms() - f->degraded_since));
	f->degraded_since = 0;
	f->why[0] = '\0';
	f->n_failures = 0;
}

void follower_drop_blocks(struct follower *f)
{
	for (size_t i = 0; i < f->n_blocks; i++)
		eth_logs_fini(&f->blocks[i].logs);
	free(f->blocks);
	f->blocks = NULL;
	f->n_blocks = 0;
}

/* How much the round asked for at once; NULL when it asked for one thing. */
static struct follower_bound *bound_of_round(struct follower *f)
{
	if (f->plan.what == FOLLOW_RANGE)
		return &f->range;
	return f->plan.what == FOLLOW_BLOCKS ? &f->batch_size : NULL;
}

/* It may have been too much for the endpoint: less is asked for, at once when that was said.
 * An answer that came and does not hold (ERR_INVALID) says nothing about that. */
static bool shrink(struct follower *f, const struct err *err)
{
	struct follower_bound *b = bound_of_round(f);

	if (!b || b->now == 1 || err->code == ERR_INVALID || err->code == ERR_NOT_FOUND)
		return false;
	b->too_much = b->now;
	b->now /= 2;
	b->n_good = 0;
	return err->code == ERR_LIMIT || err->code == ERR_DENIED;
}

/* Quickly up to what was too much, that again only now and then: it costs a round. */
static void grow(struct follower *f)
{
	struct follower_bound *b = bound_of_round(f);

	if (!b || b->now == b->max)
		return;
	if (++b->n_good >= GROW_AFTER)
		b->too_much = UINT64_MAX;
	if (2 * b->now < b->too_much)
		b->now = 2 * b->now < b->max ? 2 * b->now : b->max;
}

void follower_fail(struct follower *f, const struct err *err)
{
	bool again = shrink(f, err);
	uint64_t ms = BACKOFF_FIRST_MS << f->n_failures;

	follower_drop_blocks(f);
	if (again) {
		log_debug(&f->log, "less is asked for: %s", err->msg);
		rest(f, RETRY_MS);
		return;
	}
	degrade(f, err->msg);
	if (f->n_failures < 5)
		f->n_failures++;
	rest(f, ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS);
}

/* What it told is usable, and there is nothing to read. */
static void wait_for_more(struct follower *f, bool caught_up)
{
	all_is_well(f);
	rest(f, f->o.poll_ms);
	if (caught_up)
		tell(f, true);
}

void follower_act(struct follower *f)
{
	struct err err;

	switch (f->plan.what) {
	case FOLLOW_CAUGHT_UP:
		wait_for_more(f, true);
		return;
	case FOLLOW_EARLY:
		wait_for_more(f, false);
		return;
	case FOLLOW_BEHIND:
		degrade(f, f->plan.why);
		rest(f, f->o.poll_ms);
		return;
	case FOLLOW_BLOCKS:
		follower_ask_blocks(f);
		return;
	case FOLLOW_RANGE:
		follower_ask_range(f);
		return;
	case FOLLOW_SEEK:
		follower_ask_seek(f);
		return;
	case FOLLOW_UNDO:
		if (log_may(&f->may_tell, LINES_PER_MINUTE))
			log_info(&f->log, "the chain gave up blocks: first=%llu last=%llu",
				 (unsigned long long)f->plan.first, (unsigned long long)f->plan.last);
		follower_commit_plan(f);
		return;
	case FOLLOW_RESET:
		follower_ask_reset(f);
		return;
	case FOLLOW_ODD:
		err_set(&err, ERR_INVALID, "an answer does not hold together: %s", f->plan.why);
		follower_fail(f, &err);
		return;
	}
}

void follower_committed(struct follower *f, const struct err *err, bool again)
{
	const struct eth_header *top;
	bool caught_up;

	if (err) {
		f->plan.what = FOLLOW_CAUGHT_UP;	/* the endpoint did well: as much is asked for again */
		follower_fail(f, err);
		return;
	}
	if (again) {
		rest(f, 0);
		return;
	}
	grow(f);
	all_is_well(f);
	top = kept_top(&f->kept);
	caught_up = f->plan.what == FOLLOW_BLOCKS && top && kept_hash_equal(&top->hash, &f->head.hash);
	rest(f, caught_up ? f->o.poll_ms : 0);
	tell(f, caught_up);
}

static int check_opts(const struct follower_opts *o, struct err *err)
{
	size_t n = strlen(o->name);

	if (n < 1 || n > FOLLOWER_NAME_MAX || strspn(o->name, "abcdefghijklmnopqrstuvwxyz_") != n)
		return err_set(err, ERR_INVALID, "\"%.40s\" is no name of a follower", o->name);
	if (o->n_addresses > FOLLOWER_ADDRESSES_MAX)
		return err_set(err, ERR_INVALID, "%zu contracts, at most %d", o->n_addresses, FOLLOWER_ADDRESSES_MAX);
	if (o->keep && (o->keep < FOLLOWER_KEEP_MIN || o->keep > KEPT_KEEP_MAX))
		return err_set(err, ERR_INVALID, "keep is %llu, not %d..%d", (unsigned long long)o->keep,
			       FOLLOWER_KEEP_MIN, KEPT_KEEP_MAX);
	if (o->start_block > INT64_MAX)
		return err_set(err, ERR_INVALID, "no chain has a block %llu", (unsigned long long)o->start_block);
	return 0;
}

struct follower *follower_new(uv_loop_t *loop, const struct follower_opts *opts, struct err *err)
{
	struct follower *f;

	if (check_opts(opts, err) < 0)
		return NULL;
	f = xcalloc(1, sizeof(*f));
	f->loop = loop;
	f->o = *opts;
	snprintf(f->name, sizeof(f->name), "%s", opts->name);
	f->o.name = f->name;
	f->o.poll_ms = opts->poll_ms ? opts->poll_ms : POLL_DEFAULT_MS;
	snprintf(f->table, sizeof(f->table), "follow_%s", f->name);
	log_init(&f->log, "follower=%s", f->name);
	f->meta.start_block = opts->start_block;
	f->meta.addresses = hash_keccak256(opts->addresses, opts->n_addresses * sizeof(opts->addresses[0]));
	kept_init(&f->kept, opts->keep ? opts->keep : KEEP_DEFAULT);
	f->range = (struct follower_bound){ FOLLOWER_RANGE_MAX, FOLLOWER_RANGE_MAX, UINT64_MAX, 0 };
	f->batch_size = (struct follower_bound){ FOLLOWER_BLOCKS_MAX, FOLLOWER_BLOCKS_MAX, UINT64_MAX, 0 };
	uv_timer_init(loop, &f->timer);
	f->timer.data = f;
	rest(f, 0);
	return f;
}

static void on_closed(uv_handle_t *h)
{
	struct follower *f = h->data;
	void (*closed)(void *) = f->closed;
	void *arg = f->closed_arg;

	follower_drop_blocks(f);
	kept_fini(&f->kept);
	free(f);
	if (closed)
		closed(arg);
}

/* A commit that is under way has the last word: follower_commit.c comes back here. */
void follower_free(struct follower *f, void (*closed)(void *arg), void *arg)
{
	if (!f)
		return;
	if (!f->is_closing) {
		f->is_closing = true;
		f->closed = closed;
		f->closed_arg = arg;
	}
	if (f->batch)
		rpc_cancel(f->batch);
	f->batch = NULL;
	if (!f->is_committing)
		uv_close((uv_handle_t *)&f->timer, on_closed);
}

bool follower_head(const struct follower *f, struct eth_header *head)
{
	const struct eth_header *top = kept_top(&f->kept);

	if (top)
		*head = *top;
	return top;
}

int64_t follower_degraded_since(const struct follower *f, char why[160])
{
	snprintf(why, 160, "%s", f->why);
	return f->degraded_since;
}
