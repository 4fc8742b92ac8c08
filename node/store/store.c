/*
 * Tables in LMDB.  The map is reserved at its full size at once: without MDB_WRITEMAP that
 * costs address space and nothing else, and no transaction must ever wait for a resize (the
 * alternative, growing step by step, stops every reader of the process for each step and
 * has to be noticed by all other processes).
 */
#include "node/store/impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"

#define READERS_MAX 126
#define TABLE_MAX 32
#define ROW_KEY_MAX 511			/* LMDB's */
#define DIR_MAX 4000
#define SMB2_MAGIC 0xFE534D42u
#define CIFS_MAGIC 0xFF534D42u

/* ---- what LMDB says, in our words ---- */

static bool is_no_room(int rc)
{
	return rc == MDB_MAP_FULL || rc == ENOSPC || rc == EDQUOT || rc == EFBIG;
}

static bool is_damage(int rc)
{
	return rc == EIO || rc == MDB_PANIC || rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND ||
	       rc == MDB_INVALID;
}

/* A disk that failed once is not believed again: what the kernel could not write it has
 * dropped, and the next sync would succeed all the same. */
static int fail(struct store *s, int rc, const char *what, struct err *err)
{
	if (is_damage(rc))
		atomic_store(&s->broken, true);
	if (rc == MDB_MAP_FULL)
		return err_set(err, ERR_LIMIT, "store: %s: it has reached its largest size", what);
	if (rc == MDB_MAP_RESIZED)
		return err_set(err, ERR_LIMIT, "store: %s: another process made it larger than this "
			       "one may use", what);
	if (rc == MDB_READERS_FULL)
		return err_set(err, ERR_BUSY, "store: %s: too many readers", what);
	return err_set(err, is_no_room(rc) ? ERR_LIMIT : rc == MDB_VERSION_MISMATCH ? ERR_INVALID : ERR_IO,
		       "store: %s: %s", what, mdb_strerror(rc));
}

static int check_whole(struct store *s, struct err *err)
{
	return !atomic_load(&s->broken) ? 0 :
	       err_set(err, ERR_IO, "store: the disk has failed; nothing more is written");
}

/* ---- opening ---- */

static int make_dir(const char *path, struct err *err)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set(err, ERR_IO, "%.120s: %s", path, strerror(errno));
	return 0;
}

static int make_dirs(const char *dir, struct err *err)
{
	char path[DIR_MAX + 1];

	snprintf(path, sizeof(path), "%s", dir);
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (make_dir(path, err) < 0)
			return -1;
		*p = '/';
	}
	return make_dir(path, err);
}

static bool is_remote(const char *dir)
{
	struct statfs fs;

	if (statfs(dir, &fs) < 0)
		return false;
	return fs.f_type == NFS_SUPER_MAGIC || (uint32_t)fs.f_type == SMB2_MAGIC ||
	       (uint32_t)fs.f_type == CIFS_MAGIC;
}

static int check_dir(const char *dir, struct err *err)
{
	struct stat st;

	if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(err, ERR_IO, "%.120s: not a folder", dir);
	if (st.st_uid != geteuid() || st.st_mode & 022)
		return err_set(err, ERR_DENIED, "%.120s belongs to another user, or others can write "
			       "there: chown it, and chmod go-w", dir);
	if (is_remote(dir))
		return err_set(err, ERR_DENIED, "%.120s is on a network file system, where locks and "
			       "syncs do not hold: choose a local -datadir", dir);
	return 0;
}

static int set_up(struct store *s, size_t map_max, struct err *err)
{
	const size_t mib = 1 << 20;
	int rc = mdb_env_create(&s->env);

	if (rc == 0)
		rc = mdb_env_set_mapsize(s->env, (map_max + mib - 1) / mib * mib);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(s->env, READERS_MAX);
	return rc == 0 ? 0 : fail(s, rc, "open", err);
}

/* NOTLS: a read belongs to its transaction and not to its thread. */
static int open_env(struct store *s, const char *dir, struct err *err)
{
	int rc = mdb_env_open(s->env, dir, MDB_NOTLS, 0600);
	struct store_txn t;
	int fd, n_dead;

	if (rc != 0)
		return fail(s, rc, dir, err);
	if (mdb_env_get_fd(s->env, &fd) == 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	mdb_reader_check(s->env, &n_dead);
	if (store_txn_begin(&t, s, NULL, 0, err) < 0)
		return -1;
	rc = mdb_dbi_open(t.txn, NULL, 0, &s->dbi);
	if (rc == 0)
		return store_txn_commit(&t, err);
	mdb_txn_abort(t.txn);
	return fail(s, rc, dir, err);
}

/* The names of the new files, and of the folder, are to survive as well. */
static int sync_names(const char *dir, struct err *err)
{
	char *file = xasprintf("%s/data.mdb", dir);
	int rc = fd_sync_folder(file) < 0 || fd_sync_folder(dir) < 0 ?
		err_set(err, ERR_IO, "%.120s: %s", dir, strerror(errno)) : 0;

	free(file);
	return rc;
}

struct store *store_open(const char *dir, size_t map_max, struct err *err)
{
	struct store *s;

	if (strlen(dir) > DIR_MAX) {
		err_set(err, ERR_LIMIT, "%.100s...: too long a path", dir);
		return NULL;
	}
	if (make_dirs(dir, err) < 0 || check_dir(dir, err) < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	if (set_up(s, map_max, err) == 0 && open_env(s, dir, err) == 0 && sync_names(dir, err) == 0)
		return s;
	store_close(s);
	return NULL;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_thread_close(s->thread);
	if (s->env)
		mdb_env_close(s->env);
	free(s);
}

/* ---- transactions ---- */

int store_txn_begin(struct store_txn *t, struct store *s, MDB_txn *parent, unsigned flags, struct err *err)
{
	int rc;

	if (check_whole(s, err) < 0)
		return -1;
	*t = (struct store_txn){ .s = s };
	rc = mdb_txn_begin(s->env, parent, flags, &t->txn);
	return rc == 0 ? 0 : fail(s, rc, "begin", err);
}

/* The check once more: another thread may have met the failing disk meanwhile. */
int store_txn_commit(struct store_txn *t, struct err *err)
{
	int rc;

	if (check_whole(t->s, err) < 0) {
		mdb_txn_abort(t->txn);
		return -1;
	}
	errno = 0;
	rc = mdb_txn_commit(t->txn);
	if (rc == EIO && errno != EIO)	/* a write was cut short: nothing failed but the room */
		rc = ENOSPC;
	return rc == 0 ? 0 : fail(t->s, rc, "commit", err);
}

int store_txn_run(struct store_txn *t, store_fn *fn, void *arg, struct err *err)
{
	if (fn(t, arg, err) == 0)
		return store_txn_commit(t, err);
	mdb_txn_abort(t->txn);
	return -1;
}

int store_read(struct store *s, store_fn *fn, void *arg, struct err *err)
{
	struct store_txn t;
	int rc;

	if (store_txn_begin(&t, s, NULL, MDB_RDONLY, err) < 0)
		return -1;
	rc = fn(&t, arg, err);
	mdb_txn_abort(t.txn);
	return rc;
}

int store_write(struct store *s, store_fn *fn, void *arg, struct err *err)
{
	struct store_txn t;

	return store_txn_begin(&t, s, NULL, 0, err) < 0 ? -1 : store_txn_run(&t, fn, arg, err);
}

/* ---- rows ---- */

struct row_key {
	uint8_t b[ROW_KEY_MAX];
	size_t n_table;			/* name and NUL */
	MDB_val val;
};

static bool is_table_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz_");

	return n > 0 && n <= TABLE_MAX && !s[n];
}

static int row_key(struct row_key *k, const char *table, const void *key, size_t n, struct err *err)
{
	assert(is_table_name(table));
	k->n_table = strlen(table) + 1;
	if (n > STORE_KEY_MAX)
		return err_set(err, ERR_LIMIT, "store: a key of %zu bytes, at most %d", n, STORE_KEY_MAX);
	memcpy(k->b, table, k->n_table);
	if (n > 0)
		memcpy(k->b + k->n_table, key, n);
	k->val = (MDB_val){ .mv_data = k->b, .mv_size = k->n_table + n };
	return 0;
}

_Static_assert(TABLE_MAX + 1 + STORE_KEY_MAX <= ROW_KEY_MAX, "a row's key fits");

int store_get(struct store_txn *t, const char *table, const void *key, size_t n_key,
	      struct store_bytes *value, struct err *err)
{
	struct row_key k;
	MDB_val v;
	int rc;

	if (row_key(&k, table, key, n_key, err) < 0)
		return -1;
	rc = mdb_get(t->txn, t->s->dbi, &k.val, &v);
	if (rc == MDB_NOTFOUND)
		return err_set(err, ERR_NOT_FOUND, "store: no such row in %s", table);
	if (rc != 0)
		return fail(t->s, rc, table, err);
	*value = (struct store_bytes){ .p = v.mv_data, .n = v.mv_size };
	return 0;
}

static int put(struct store_txn *t, const char *table, const void *key, size_t n_key,
	       const void *value, size_t n_value, unsigned flags, struct err *err)
{
	MDB_val v = { .mv_data = (void *)(uintptr_t)value, .mv_size = n_value };
	struct row_key k;
	int rc;

	if (row_key(&k, table, key, n_key, err) < 0)
		return -1;
	rc = mdb_put(t->txn, t->s->dbi, &k.val, &v, flags);
	if (rc == MDB_KEYEXIST)
		return err_set(err, ERR_INVALID, "store: the row is there already in %s", table);
	return rc == 0 ? 0 : fail(t->s, rc, table, err);
}

int store_put(struct store_txn *t, const char *table, const void *key, size_t n_key,
	      const void *value, size_t n_value, struct err *err)
{
	return put(t, table, key, n_key, value, n_value, 0, err);
}

int store_put_new(struct store_txn *t, const char *table, const void *key, size_t n_key,
		  const void *value, size_t n_value, struct err *err)
{
	return put(t, table, key, n_key, value, n_value, MDB_NOOVERWRITE, err);
}

int store_del(struct store_txn *t, const char *table, const void *key, size_t n_key, struct err *err)
{
	struct row_key k;
	int rc;

	if (row_key(&k, table, key, n_key, err) < 0)
		return -1;
	rc = mdb_del(t->txn, t->s->dbi, &k.val, NULL);
	return rc == 0 || rc == MDB_NOTFOUND ? 0 : fail(t->s, rc, table, err);
}

/* ---- walking ---- */

/* Visits rows from the cursor's place (rc: of having gone there) until the table ends. */
static int walk(struct store_txn *t, MDB_cursor *c, const struct row_key *of, MDB_val *k, MDB_val *v, int rc,
		MDB_cursor_op step, store_visit_cb *visit, void *arg, struct err *err)
{
	int stop = 0;

	while (rc == 0 && stop == 0) {
		if (k->mv_size < of->n_table || memcmp(k->mv_data, of->b, of->n_table) != 0)
			return 0;
		stop = visit(arg, (struct store_bytes){ (uint8_t *)k->mv_data + of->n_table,
							k->mv_size - of->n_table },
			     (struct store_bytes){ v->mv_data, v->mv_size }, err);
		if (stop == 0)
			rc = mdb_cursor_get(c, k, v, step);
	}
	if (rc != 0 && rc != MDB_NOTFOUND)
		return fail(t->s, rc, "read", err);
	return stop < 0 ? -1 : 0;
}

int store_each(struct store_txn *t, const char *table, const void *from, size_t n_from,
	       store_visit_cb *visit, void *arg, struct err *err)
{
	struct row_key of;
	MDB_cursor *c;
	MDB_val k, v;
	int rc;

	if (row_key(&of, table, from, n_from, err) < 0)
		return -1;
	rc = mdb_cursor_open(t->txn, t->s->dbi, &c);
	if (rc != 0)
		return fail(t->s, rc, table, err);
	k = of.val;
	rc = walk(t, c, &of, &k, &v, mdb_cursor_get(c, &k, &v, MDB_SET_RANGE), MDB_NEXT, visit, arg, err);
	mdb_cursor_close(c);
	return rc;
}

/* To the last row before the first key that cannot be of the table: its name and a byte 1. */
static int seek_last(MDB_cursor *c, const struct row_key *of, MDB_val *k, MDB_val *v)
{
	uint8_t after[TABLE_MAX + 1];
	int rc;

	memcpy(after, of->b, of->n_table);
	after[of->n_table - 1] = 1;
	*k = (MDB_val){ .mv_data = after, .mv_size = of->n_table };
	rc = mdb_cursor_get(c, k, v, MDB_SET_RANGE);
	return mdb_cursor_get(c, k, v, rc == 0 ? MDB_PREV : MDB_LAST);
}

int store_each_down(struct store_txn *t, const char *table, store_visit_cb *visit, void *arg,
		    struct err *err)
{
	struct row_key of;
	MDB_cursor *c;
	MDB_val k, v;
	int rc;

	if (row_key(&of, table, NULL, 0, err) < 0)
		return -1;
	rc = mdb_cursor_open(t->txn, t->s->dbi, &c);
	if (rc != 0)
		return fail(t->s, rc, table, err);
	rc = walk(t, c, &of, &k, &v, seek_last(c, &of, &k, &v), MDB_PREV, visit, arg, err);
	mdb_cursor_close(c);
	return rc;
}
