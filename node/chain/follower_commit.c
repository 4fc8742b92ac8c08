/*
 * The follower's writes.  A commit owns all it needs, for the store's thread must not look
 * at a struct follower that the loop changes; of the follower it reads only what never
 * changes (opts, table).  It first looks whether the store is where the loop believes: when
 * another process moved it, nothing is written and what is there is taken over.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "node/chain/follower_int.h"

static const uint8_t meta_key[] = { 0 };
static const uint8_t header_key[] = { 1 };	/* where they begin */

struct commit {
	struct follower *f;
	enum follow_what what;		/* BLOCKS, RANGE, UNDO, RESET; CAUGHT_UP: only load */
	struct kept kept;		/* as it is; after the commit as it became */
	uint64_t first;			/* RANGE, UNDO */
	struct follower_block *blocks;	/* owned */
	size_t n_blocks;
	bool is_elsewhere;		/* somebody else wrote: kept is what is there */
};

static void commit_free(struct commit *c)
{
	for (size_t i = 0; i < c->n_blocks; i++)
		eth_logs_fini(&c->blocks[i].logs);
	free(c->blocks);
	kept_fini(&c->kept);
	free(c);
}

/* ---- reading what is there ---- */
static int on_row(void *arg, struct store_bytes key, struct store_bytes value, struct err *err)
{
	return kept_load(arg, key.p, key.n, value.p, value.n, err);
}

static int load_rows(struct store_txn *t, const struct follower *f, struct kept *k, struct err *err)
{
	kept_clear(k);
	return store_each(t, f->table, header_key, sizeof(header_key), on_row, k, err);
}

static int newest_row(void *arg, struct store_bytes key, struct store_bytes value, struct err *err)
{
	struct eth_header *h = arg;

	if (key.n == sizeof(meta_key))
		return 1;
	return kept_row_parse(h, key.p, key.n, value.p, value.n, err) < 0 ? -1 : 1;
}

/* 1: the store's newest is ours; 0: it is not. */
static int is_where_we_are(struct store_txn *t, const struct commit *c, struct err *err)
{
	const struct eth_header *top = kept_top(&c->kept);
	struct eth_header h = { .number = UINT64_MAX };

	if (store_each_down(t, c->f->table, newest_row, &h, err) < 0)
		return -1;
	if (!top)
		return h.number == UINT64_MAX;
	return h.number == top->number && kept_hash_equal(&h.hash, &top->hash);
}

/* ---- writing ---- */
static int put_header(struct store_txn *t, const struct follower *f, const struct eth_header *h, struct err *err)
{
	uint8_t key[KEPT_KEY_LEN], row[KEPT_ROW_LEN];

	kept_key(key, h->number);
	kept_row(row, h);
	return store_put(t, f->table, key, sizeof(key), row, sizeof(row), err);
}

static int del_header(struct store_txn *t, const struct follower *f, uint64_t number, struct err *err)
{
	uint8_t key[KEPT_KEY_LEN];

	kept_key(key, number);
	return store_del(t, f->table, key, sizeof(key), err);
}

static int put_meta(struct store_txn *t, const struct follower *f, struct err *err)
{
	uint8_t row[KEPT_META_LEN];

	kept_meta_row(row, &f->meta);
	return store_put(t, f->table, meta_key, sizeof(meta_key), row, sizeof(row), err);
}

/* All that is kept goes, and with it what was derived. */
static int forget(struct store_txn *t, const struct follower *f, struct kept *k, struct err *err)
{
	if (f->o.reset && f->o.reset(f->o.arg, t, err) < 0)
		return -1;
	for (size_t i = 0; i < k->n; i++) {
		if (del_header(t, f, k->h[i].number, err) < 0)
			return -1;
	}
	kept_clear(k);
	return put_meta(t, f, err);
}

static int drop_surplus(struct store_txn *t, const struct follower *f, struct kept *k, size_t n_more,
			struct err *err)
{
	size_t n = kept_surplus(k, n_more);

	for (size_t i = 0; i < n; i++) {
		if (del_header(t, f, k->h[i].number, err) < 0)
			return -1;
	}
	return 0;
}

static int apply(struct store_txn *t, const struct follower *f, uint64_t first, const struct follower_block *b,
		 struct err *err)
{
	struct chain_step step = { .first = first, .last = b->h.number, .header = b->h, .logs = b->logs.l,
				   .n_logs = b->logs.n };

	return f->o.apply ? f->o.apply(f->o.arg, t, &step, err) : 0;
}

static int write_blocks(struct store_txn *t, struct commit *c, struct err *err)
{
	for (size_t i = 0; i < c->n_blocks; i++) {
		const struct eth_header *h = &c->blocks[i].h;

		if (apply(t, c->f, h->number, &c->blocks[i], err) < 0 || put_header(t, c->f, h, err) < 0 ||
		    drop_surplus(t, c->f, &c->kept, 1, err) < 0)
			return -1;
		kept_push(&c->kept, h);
	}
	return 0;
}

/* What was kept is final now; the last block of the range stands for all before. */
static int write_range(struct store_txn *t, struct commit *c, struct err *err)
{
	if (apply(t, c->f, c->first, c->blocks, err) < 0)
		return -1;
	for (size_t i = 0; i < c->kept.n; i++) {
		if (del_header(t, c->f, c->kept.h[i].number, err) < 0)
			return -1;
	}
	kept_clear(&c->kept);
	kept_push(&c->kept, &c->blocks[0].h);
	return put_header(t, c->f, &c->blocks[0].h, err);
}

static int write_undo(struct store_txn *t, struct commit *c, struct err *err)
{
	const struct follower_opts *o = &c->f->o;

	while (kept_top(&c->kept) && kept_top(&c->kept)->number >= c->first) {
		const struct eth_header *gone = kept_top(&c->kept);

		if (o->undo && o->undo(o->arg, t, gone, err) < 0)
			return -1;
		if (del_header(t, c->f, gone->number, err) < 0)
			return -1;
		kept_pop(&c->kept);
	}
	return 0;
}

static int write_plan(struct store_txn *t, struct commit *c, struct err *err)
{
	switch (c->what) {
	case FOLLOW_BLOCKS:
		return write_blocks(t, c, err);
	case FOLLOW_RANGE:
		return write_range(t, c, err);
	case FOLLOW_UNDO:
		return write_undo(t, c, err);
	case FOLLOW_RESET:
		return forget(t, c->f, &c->kept, err);
	case FOLLOW_CAUGHT_UP:
	case FOLLOW_BEHIND:
	case FOLLOW_EARLY:
	case FOLLOW_SEEK:
	case FOLLOW_ODD:
		break;
	}
	return err_set(err, ERR_INTERNAL, "plan %d writes nothing", c->what);
}

static int on_write(struct store_txn *t, void *arg, struct err *err)
{
	struct commit *c = arg;
	int rc = is_where_we_are(t, c, err);

	if (rc < 0)
		return err_wrap(err, "the table %s is damaged", c->f->table);
	if (rc)
		return write_plan(t, c, err);
	if (load_rows(t, c->f, &c->kept, err) < 0)
		return err_wrap(err, "the table %s is damaged", c->f->table);
	c->is_elsewhere = true;
	return 0;
}

/* Rows of other contracts, or from another first block on, are made again. */
static int check_meta(struct store_txn *t, struct commit *c, struct err *err)
{
	const struct kept_meta *want = &c->f->meta;
	struct kept_meta m;
	struct store_bytes v;

	if (store_get(t, c->f->table, meta_key, sizeof(meta_key), &v, err) < 0) {
		if (err->code != ERR_NOT_FOUND)
			return -1;
		return c->kept.n ? err_set(err, ERR_INVALID, "its description is missing") : put_meta(t, c->f, err);
	}
	if (kept_meta_parse(&m, v.p, v.n, err) < 0)
		return -1;
	if (m.start_block == want->start_block && kept_hash_equal(&m.addresses, &want->addresses))
		return 0;
	return forget(t, c->f, &c->kept, err);
}

static int on_load(struct store_txn *t, void *arg, struct err *err)
{
	struct commit *c = arg;

	if (load_rows(t, c->f, &c->kept, err) < 0 || check_meta(t, c, err) < 0 ||
	    drop_surplus(t, c->f, &c->kept, 0, err) < 0)
		return err_wrap(err, "the table %s", c->f->table);
	kept_loaded(&c->kept);
	return 0;
}

/* ---- back on the loop ---- */
static void swap_kept(struct kept *a, struct kept *b)
{
	struct kept t = *a;

	*a = *b;
	*b = t;
}

static void on_done(void *arg, const struct err *err)
{
	struct commit *c = arg;
	struct follower *f = c->f;
	bool again = c->is_elsewhere || c->what == FOLLOW_CAUGHT_UP;

	f->is_committing = false;
	if (!err) {
		swap_kept(&f->kept, &c->kept);
		f->is_loaded = true;
	}
	commit_free(c);
	if (f->is_closing)
		follower_free(f, NULL, NULL);
	else
		follower_committed(f, err, again);
}

static void submit(struct follower *f, struct commit *c, store_fn *fn)
{
	struct err err;

	f->is_committing = true;
	if (store_submit(f->o.store, f->loop, fn, on_done, c, &err) == 0)
		return;
	f->is_committing = false;
	commit_free(c);
	follower_committed(f, &err, false);
}

static struct commit *commit_new(struct follower *f, enum follow_what what)
{
	struct commit *c = xcalloc(1, sizeof(*c));

	c->f = f;
	c->what = what;
	kept_copy(&c->kept, &f->kept);
	return c;
}

void follower_commit_load(struct follower *f)
{
	submit(f, commit_new(f, FOLLOW_CAUGHT_UP), on_load);
}

void follower_commit_plan(struct follower *f)
{
	struct commit *c = commit_new(f, f->plan.what);

	c->first = f->plan.first;
	c->blocks = f->blocks;
	c->n_blocks = f->n_blocks;
	f->blocks = NULL;
	f->n_blocks = 0;
	submit(f, c, on_write);
}
