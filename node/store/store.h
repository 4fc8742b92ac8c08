#ifndef LP_NODE_STORE_H
#define LP_NODE_STORE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>
struct err;

/*
 * Durable key-value tables: an LMDB environment with its safe flags (no NOSYNC,
 * NOMETASYNC, WRITEMAP).  A commit that returned is on disk.  Several processes may have
 * it open.  What is written in one transaction is there whole or not at all.
 *
 * Writes are serialised by LMDB over all processes; on the loop only store_submit is used,
 * whose functions run on the store's one thread, several in one commit.  The other
 * functions may be called on any thread but the loop's, before the loop runs, or by a
 * command that has nothing else to do.
 *
 * A full disk: ERR_LIMIT, nothing changed, and the next write may succeed.  A failing disk
 * (EIO, MDB_PANIC): ERR_IO for ever after; whoever owns the store must stop acknowledging.
 * The file grows by itself up to map_max, as much as is written; then writes fail with
 * ERR_LIMIT until the program is started with more.  All processes give the same map_max.
 *
 * One process opens a store once, and does not use it after fork.  No network file system.
 * Source: facts/reliability.md 1.1.
 */
#define STORE_KEY_MAX 470
#define STORE_WAITING_MAX 1024		/* submitted and not yet done */

struct store;
struct store_txn;

/* dir and what is missing above it is made (0700).  map_max in bytes, rounded up to a MiB.
 * Fails with ERR_DENIED (others can write there, or a network file system), ERR_IO. */
struct store *store_open(const char *dir, size_t map_max, struct err *err);
/* After the last submitted function has run and its done was called; may be called from that
 * done.  When store_submit was used the loop must still run once more.  NULL is fine. */
void store_close(struct store *s);

/* Returns 0: commit; -1 with err: nothing of it is kept. */
typedef int store_fn(struct store_txn *t, void *arg, struct err *err);
int store_read(struct store *s, store_fn *fn, void *arg, struct err *err);
int store_write(struct store *s, store_fn *fn, void *arg, struct err *err);

/* On the loop.  fn runs on the store's thread in order of submission; done runs on the loop
 * after the commit is durable, or with what fn or the commit failed of.  Functions that fail
 * take nothing from others of the same commit.  At most STORE_WAITING_MAX wait: then ERR_BUSY,
 * and done is not run.  One loop for a store; it stays alive while something waits. */
typedef void store_done_cb(void *arg, const struct err *err);	/* err NULL: durable */
int store_submit(struct store *s, uv_loop_t *loop, store_fn *fn, store_done_cb *done, void *arg,
		 struct err *err);

/* ---- in a transaction ---- */
struct store_bytes {
	const void *p;		/* valid until the transaction ends or writes; may be unaligned */
	size_t n;
};
/* A table is made by its first put; names of [a-z_]{1,32}. */
int store_get(struct store_txn *t, const char *table, const void *key, size_t n_key,
	      struct store_bytes *value, struct err *err);	/* ERR_NOT_FOUND */
int store_put(struct store_txn *t, const char *table, const void *key, size_t n_key,
	      const void *value, size_t n_value, struct err *err);
/* ERR_INVALID when the key is there already. */
int store_put_new(struct store_txn *t, const char *table, const void *key, size_t n_key,
		  const void *value, size_t n_value, struct err *err);
int store_del(struct store_txn *t, const char *table, const void *key, size_t n_key,
	      struct err *err);					/* not there: not an error */
/* Rows in order of keys from `from` on (NULL: all); visit returns 0 to go on, 1 to stop, -1 to
 * fail.  visit must not write. */
typedef int store_visit_cb(void *arg, struct store_bytes key, struct store_bytes value, struct err *err);
int store_each(struct store_txn *t, const char *table, const void *from, size_t n_from,
	       store_visit_cb *visit, void *arg, struct err *err);
/* The same from the last key down. */
int store_each_down(struct store_txn *t, const char *table, store_visit_cb *visit, void *arg,
		    struct err *err);

#endif
