/*
 * What a command has asked of the journal and has not told of yet: under account and command the
 * journal's keys.  One that is cut off after its transaction was mined and before anybody was told
 * (kill -9, an endpoint that fails right then) is typed again by who does not know better: it must
 * find what was done, and not do it again.  The row goes when the command has ended well and what
 * it says was written out, or when `lpnode tx wait` has told of the last one of its plan.
 *
 * A row: 1, whether the last key is its plan's last, then each key with its NUL.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "cmd/cli_internal.h"
#include "node/store/store.h"

#define TABLE "cli_asked"
#define VERSION 1
#define ROW_MAX (2 + ASKED_MAX * (JOURNAL_KEY_MAX + 1))

/* ---- rows ---- */

static void row_key(struct buf *b, const struct cli *c)
{
	buf_init(b, STORE_KEY_MAX);
	buf_add(b, c->account.b, sizeof(c->account.b));
	buf_add_str(b, c->command->name);
}

static int parse(struct cli_asked *a, struct store_bytes row, struct err *err)
{
	const char *p = row.p, *end = p + row.n;
	size_t n;

	memset(a, 0, sizeof(*a));
	if (row.n < 2 || p[0] != VERSION || (row.n > 2 && end[-1] != '\0'))
		return err_set(err, ERR_INVALID, "the store has a command's row of another program");
	a->whole = p[1] != 0;
	for (p += 2; p < end && a->n < ASKED_MAX; p += n + 1) {
		n = strlen(p);
		if (n > JOURNAL_KEY_MAX)
			return err_set(err, ERR_INVALID, "the store has a command's row with an absurd key");
		memcpy(a->key[a->n++], p, n + 1);
	}
	return 0;
}

/* Without a row: nothing was asked. */
static int get(struct store_txn *t, const struct buf *key, struct cli_asked *a, struct err *err)
{
	struct err why = { 0 };
	struct store_bytes row;

	memset(a, 0, sizeof(*a));
	if (store_get(t, TABLE, key->data, key->len, &row, &why) == 0)
		return parse(a, row, err);
	if (why.code == ERR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

static int put(struct store_txn *t, const struct buf *key, const struct cli_asked *a, struct err *err)
{
	struct buf b;
	size_t i;
	int rc;

	buf_init(&b, ROW_MAX);
	buf_add(&b, (uint8_t[]){ VERSION, a->whole }, 2);
	for (i = 0; i < a->n; i++)
		buf_add(&b, a->key[i], strlen(a->key[i]) + 1);
	rc = store_put(t, TABLE, key->data, key->len, b.data, b.len, err);
	buf_fini(&b);
	return rc;
}

/* ---- in transactions ---- */

struct job {
	struct cli *c;
	struct buf row;
	struct cli_asked *a;
	const char *key;
	bool last, found;
};

static int run(struct cli *c, store_fn *fn, bool writes, struct job *job, struct err *err)
{
	int rc;

	job->c = c;
	row_key(&job->row, c);
	rc = (writes ? store_write : store_read)(c->store, fn, job, err);
	buf_fini(&job->row);
	return rc < 0 ? 1 : 0;
}

static int read_in(struct store_txn *t, void *arg, struct err *err)
{
	struct job *job = arg;

	return get(t, &job->row, job->a, err);
}

bool cli_asked_has(const struct cli_asked *a, const char *key)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		if (strcmp(a->key[i], key) == 0)
			return true;
	}
	return false;
}

static void append(struct cli_asked *a, const char *key)
{
	if (a->n == ASKED_MAX)		/* who is cut off so often loses the oldest */
		memmove(a->key[0], a->key[1], --a->n * sizeof(a->key[0]));
	memcpy(a->key[a->n++], key, strlen(key) + 1);
}

static int add_in(struct store_txn *t, void *arg, struct err *err)
{
	struct cli_asked a;
	struct job *job = arg;

	if (get(t, &job->row, &a, err) < 0)
		return -1;
	a.whole = job->last;
	if (!cli_asked_has(&a, job->key))
		append(&a, job->key);
	return put(t, &job->row, &a, err);
}

static int forget_in(struct store_txn *t, void *arg, struct err *err)
{
	struct job *job = arg;

	return store_del(t, TABLE, job->row.data, job->row.len, err);
}

/* The row whose plan ends with the key. */
static int on_row(void *arg, struct store_bytes key, struct store_bytes row, struct err *err)
{
	struct job *job = arg;
	struct cli_asked a;

	if (key.n < 20 || memcmp(key.p, job->c->account.b, 20) != 0)
		return 1;
	if (parse(&a, row, err) < 0)
		return -1;
	job->found = a.whole && a.n && strcmp(a.key[a.n - 1], job->key) == 0;
	if (!job->found)
		return 0;
	buf_clear(&job->row);
	buf_add(&job->row, key.p, key.n);
	return 1;
}

static int heard_in(struct store_txn *t, void *arg, struct err *err)
{
	struct job *job = arg;

	if (store_each(t, TABLE, job->c->account.b, 20, on_row, job, err) < 0)
		return -1;
	return job->found ? forget_in(t, job, err) : 0;
}

/* ---- what a command does ---- */

int cli_asked_read(struct cli *c, struct err *err)
{
	struct job job = { 0 };

	if (c->asked)
		return 0;
	job.a = c->asked = xcalloc(1, sizeof(*c->asked));
	return run(c, read_in, false, &job, err);
}

int cli_asked_add(struct cli *c, const char *key, bool last, struct err *err)
{
	struct job job = { .key = key, .last = last };

	return run(c, add_in, true, &job, err);
}

static void complain(const struct err *err)
{
	fprintf(stderr, "lpnode: what was told cannot be noted: %s\n", err->msg);
}

void cli_asked_end(struct cli *c, bool well)
{
	struct job job = { .key = c->heard };
	struct err err = { 0 };

	/* One row too many is told of, and harms nobody; one too few would. */
	if (well && c->asked && run(c, forget_in, true, &job, &err) != 0)
		complain(&err);
	if (well && c->heard && run(c, heard_in, true, &job, &err) != 0)
		complain(&err);
	free(c->asked);
	free(c->heard);
	c->asked = NULL;
	c->heard = NULL;
}
