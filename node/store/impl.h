#ifndef LP_NODE_STORE_IMPL_H
#define LP_NODE_STORE_IMPL_H
#include <lmdb.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "node/store/store.h"

/*
 * What the store's two files share.  All tables live in LMDB's one unnamed database, each
 * key behind its table's name and a NUL: a table then needs no handle, which LMDB would
 * want opened in a transaction that nobody else runs beside.
 */
struct store_thread;

struct store {
	MDB_env *env;
	MDB_dbi dbi;
	atomic_bool broken;		/* the disk failed: nothing is acknowledged any more */
	struct store_thread *thread;	/* owned; NULL before the first store_submit */
};

struct store_txn {
	struct store *s;
	MDB_txn *txn;
};

/* Begins in `parent` when not NULL. */
int store_txn_begin(struct store_txn *t, struct store *s, MDB_txn *parent, unsigned flags, struct err *err);
/* Runs fn, then commits or aborts. */
int store_txn_run(struct store_txn *t, store_fn *fn, void *arg, struct err *err);
int store_txn_commit(struct store_txn *t, struct err *err);

void store_thread_close(struct store_thread *th);

#endif
