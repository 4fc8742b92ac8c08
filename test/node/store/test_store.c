#include "test/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/err.h"
#include "node/store/store.h"

#define MAP (64 << 20)

/* liblmdb calls this one instead of libc's. */
static atomic_uint n_syncs;
static atomic_bool sync_fails;

int fdatasync(int fd)
{
	atomic_fetch_add(&n_syncs, 1);
	if (atomic_load(&sync_fails)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

/* ---- a folder and a store for each test ---- */

struct rig {
	char dir[64], store[80];
	struct store *s;
	struct err err;
};

static void open_it(struct rig *r, size_t map)
{
	r->s = store_open(r->store, map, &r->err);
	if (!r->s)
		fail_msg("%s", r->err.msg);
}

static int set_up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	snprintf(r->dir, sizeof(r->dir), "/tmp/lpnode-store-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->store, sizeof(r->store), "%s/a/b", r->dir);
	atomic_store(&sync_fails, false);
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = { "a/b/data.mdb", "a/b/lock.mdb", "a/b", "a", "." };
	struct rig *r = *state;
	char path[128];

	store_close(r->s);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", r->dir, files[i]);
		if (unlink(path) < 0)
			rmdir(path);
	}
	rmdir(r->dir);
	free(r);
	return 0;
}

/* ---- small functions of transactions ---- */

struct put {
	const char *table, *key, *value;
	bool fails;
};

static int put(struct store_txn *t, void *arg, struct err *err)
{
	const struct put *p = arg;

	if (store_put(t, p->table, p->key, strlen(p->key), p->value, strlen(p->value), err) < 0)
		return -1;
	return p->fails ? err_set(err, ERR_INVALID, "not this time") : 0;
}

static int put_new(struct store_txn *t, void *arg, struct err *err)
{
	const struct put *p = arg;

	return store_put_new(t, p->table, p->key, strlen(p->key), p->value, strlen(p->value), err);
}

static int del(struct store_txn *t, void *arg, struct err *err)
{
	const struct put *p = arg;

	return store_del(t, p->table, p->key, strlen(p->key), err);
}

static void write_one(struct rig *r, const char *table, const char *key, const char *value)
{
	struct put p = { table, key, value, false };

	if (store_write(r->s, put, &p, &r->err) < 0)
		fail_msg("%s", r->err.msg);
}

struct text {
	const char *table, *from;
	char s[400];
	int left;		/* rows until it stops */
};

static int add_row(void *arg, struct store_bytes key, struct store_bytes value, struct err *err)
{
	struct text *t = arg;
	size_t n = strlen(t->s);

	snprintf(t->s + n, sizeof(t->s) - n, "%.*s=%.*s ", (int)key.n, (const char *)key.p, (int)value.n,
		 (const char *)value.p);
	return --t->left == 0 ? 1 : t->left == -100 ? err_set(err, ERR_INVALID, "enough") : 0;
}

static int each(struct store_txn *t, void *arg, struct err *err)
{
	struct text *x = arg;

	return store_each(t, x->table, x->from, x->from ? strlen(x->from) : 0, add_row, x, err);
}

static int each_down(struct store_txn *t, void *arg, struct err *err)
{
	struct text *x = arg;

	return store_each_down(t, x->table, add_row, x, err);
}

static void assert_rows(struct rig *r, store_fn *fn, const char *table, const char *from, int max,
			const char *want)
{
	struct text x = { .table = table, .from = from, .left = max };

	assert_int_equal(store_read(r->s, fn, &x, &r->err), 0);
	assert_string_equal(x.s, want);
}

/* ---- rows ---- */

static void rows_come_in_order_of_their_keys_and_tables_are_apart(void **state)
{
	struct rig *r = *state;

	open_it(r, MAP);
	assert_rows(r, each, "b", NULL, 0, "");
	assert_rows(r, each_down, "b", NULL, 0, "");
	write_one(r, "b", "2", "two");
	write_one(r, "b", "10", "ten");
	write_one(r, "b", "1", "one");
	write_one(r, "a", "z", "before");
	write_one(r, "b_c", "0", "after");
	write_one(r, "b", "2", "TWO");
	assert_rows(r, each, "b", NULL, 0, "1=one 10=ten 2=TWO ");
	assert_rows(r, each, "b", "10", 0, "10=ten 2=TWO ");
	assert_rows(r, each, "b", "11", 0, "2=TWO ");
	assert_rows(r, each, "b", "3", 0, "");
	assert_rows(r, each, "b", NULL, 2, "1=one 10=ten ");
	assert_rows(r, each_down, "b", NULL, 0, "2=TWO 10=ten 1=one ");
	assert_rows(r, each_down, "b", NULL, 1, "2=TWO ");
	assert_rows(r, each_down, "b_c", NULL, 0, "0=after ");
	assert_rows(r, each_down, "a", NULL, 0, "z=before ");
	assert_rows(r, each, "c", NULL, 0, "");
	assert_rows(r, each_down, "c", NULL, 0, "");
}

static void a_visit_that_fails_fails_the_walk(void **state)
{
	struct rig *r = *state;
	struct text x = { .table = "t", .left = -99 };

	open_it(r, MAP);
	write_one(r, "t", "1", "one");
	assert_int_equal(store_read(r->s, each, &x, &r->err), -1);
	assert_int_equal(r->err.code, ERR_INVALID);
	assert_string_equal(r->err.msg, "enough");
}

static void a_new_row_does_not_replace_and_a_deleted_one_is_gone(void **state)
{
	struct rig *r = *state;
	struct put first = { "t", "k", "first", false }, second = { "t", "k", "second", false };

	open_it(r, MAP);
	assert_int_equal(store_write(r->s, put_new, &first, &r->err), 0);
	assert_int_equal(store_write(r->s, put_new, &second, &r->err), -1);
	assert_int_equal(r->err.code, ERR_INVALID);
	assert_rows(r, each, "t", NULL, 0, "k=first ");
	assert_int_equal(store_write(r->s, del, &first, &r->err), 0);
	assert_int_equal(store_write(r->s, del, &first, &r->err), 0);
	assert_rows(r, each, "t", NULL, 0, "");
	assert_int_equal(store_write(r->s, put_new, &second, &r->err), 0);
}

static int get_missing(struct store_txn *t, void *arg, struct err *err)
{
	struct store_bytes v;

	return store_get(t, "t", "k", 1, &v, err);
}

static void what_is_not_there_is_not_found(void **state)
{
	struct rig *r = *state;

	open_it(r, MAP);
	assert_int_equal(store_read(r->s, get_missing, NULL, &r->err), -1);
	assert_int_equal(r->err.code, ERR_NOT_FOUND);
}

static int put_long_key(struct store_txn *t, void *arg, struct err *err)
{
	static const char key[STORE_KEY_MAX + 1];

	return store_put(t, "table_of_thirty_two_chars_name__", key, *(size_t *)arg, "v", 1, err);
}

static void the_longest_key_fits_and_a_longer_one_is_refused(void **state)
{
	struct rig *r = *state;
	size_t n = STORE_KEY_MAX;

	open_it(r, MAP);
	assert_int_equal(store_write(r->s, put_long_key, &n, &r->err), 0);
	n++;
	assert_int_equal(store_write(r->s, put_long_key, &n, &r->err), -1);
	assert_int_equal(r->err.code, ERR_LIMIT);
}

static void a_transaction_that_fails_leaves_nothing(void **state)
{
	struct rig *r = *state;
	struct put p = { "t", "k", "v", true };

	open_it(r, MAP);
	write_one(r, "t", "old", "1");
	assert_int_equal(store_write(r->s, put, &p, &r->err), -1);
	assert_string_equal(r->err.msg, "not this time");
	assert_rows(r, each, "t", NULL, 0, "old=1 ");
}

static void what_was_written_is_there_after_reopening(void **state)
{
	struct rig *r = *state;
	struct stat st;

	open_it(r, MAP);
	write_one(r, "t", "k", "v");
	store_close(r->s);
	open_it(r, 1);		/* also with a map below what is in use */
	assert_rows(r, each, "t", NULL, 0, "k=v ");
	assert_int_equal(stat(r->store, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

/* ---- opening ---- */

static void a_folder_where_others_can_write_is_refused(void **state)
{
	struct rig *r = *state;

	open_it(r, MAP);
	store_close(r->s);
	r->s = NULL;
	assert_int_equal(chmod(r->store, 0770), 0);
	assert_null(store_open(r->store, MAP, &r->err));
	assert_int_equal(r->err.code, ERR_DENIED);
	assert_non_null(strstr(r->err.msg, "chmod"));
}

static void a_file_that_is_no_store_is_an_error(void **state)
{
	struct rig *r = *state;
	char path[128];
	FILE *f;

	open_it(r, MAP);
	store_close(r->s);
	r->s = NULL;
	snprintf(path, sizeof(path), "%s/data.mdb", r->store);
	f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < 10000; i++)
		fputc('x', f);
	fclose(f);
	assert_null(store_open(r->store, MAP, &r->err));
	assert_int_equal(r->err.code, ERR_IO);
}

static void a_place_where_no_folder_can_be_is_an_error(void **state)
{
	struct rig *r = *state;

	assert_null(store_open("/proc/no/such", MAP, &r->err));
	assert_int_equal(r->err.code, ERR_IO);
}

static void a_program_that_is_started_does_not_inherit_the_data(void **state)
{
	struct rig *r = *state;
	char link[64], to[256];

	open_it(r, MAP);
	for (int fd = 3; fd < 100; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, to, sizeof(to) - 1);
		if (n <= 0)
			continue;
		to[n] = 0;
		if (strstr(to, ".mdb"))
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
}

/* ---- no room ---- */

#define BIG 60000

static int put_big(struct store_txn *t, void *arg, struct err *err)
{
	static char value[BIG];
	unsigned *k = arg;

	return store_put(t, "big", k, sizeof(*k), value, sizeof(value), err);
}

static unsigned fill(struct rig *r)
{
	unsigned k = 0;

	while (store_write(r->s, put_big, &k, &r->err) == 0)
		assert_in_range(++k, 1, 10000);
	assert_int_equal(r->err.code, ERR_LIMIT);
	return k;
}

static void the_file_grows_to_its_largest_size_and_no_further(void **state)
{
	struct rig *r = *state;
	char path[128];
	struct stat st;
	unsigned n;

	open_it(r, 2 << 20);
	write_one(r, "t", "k", "v");
	snprintf(path, sizeof(path), "%s/data.mdb", r->store);
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 1, 1 << 20);
	n = fill(r);
	assert_in_range(n, 15, 40);
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 1, 2 << 20);
	assert_rows(r, each, "t", NULL, 0, "k=v ");
	store_close(r->s);
	open_it(r, 4 << 20);
	assert_in_range(fill(r), n + 15, 100);
}

/* The limit is the process's: a child of its own meets it. */
static int fill_disk(struct rig *r)
{
	struct rlimit small = { 1 << 20, 1 << 20 }, large = { 1 << 20, RLIM_INFINITY };
	struct rlimit was;
	unsigned n;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	small.rlim_max = large.rlim_cur = large.rlim_max = was.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	open_it(r, MAP);
	write_one(r, "t", "k", "v");
	n = fill(r);
	if (n < 5 || n > 20)
		return 2;
	write_one(r, "t", "small", "v");	/* what fits still goes in */
	setrlimit(RLIMIT_FSIZE, &large);
	if (store_write(r->s, put_big, &n, &r->err) < 0)
		return 3;
	assert_rows(r, each, "t", NULL, 0, "k=v small=v ");
	store_close(r->s);
	return 0;
}

static void a_full_disk_changes_nothing_and_may_have_room_again(void **state)
{
	struct rig *r = *state;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fill_disk(r));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	open_it(r, MAP);
	assert_rows(r, each, "t", NULL, 0, "k=v small=v ");
}

static void a_disk_that_failed_once_is_not_believed_again(void **state)
{
	struct rig *r = *state;
	struct put p = { "t", "lost", "v", false };

	open_it(r, MAP);
	write_one(r, "t", "k", "v");
	atomic_store(&sync_fails, true);
	assert_int_equal(store_write(r->s, put, &p, &r->err), -1);
	assert_int_equal(r->err.code, ERR_IO);
	atomic_store(&sync_fails, false);
	assert_int_equal(store_write(r->s, put, &p, &r->err), -1);
	assert_int_equal(r->err.code, ERR_IO);
	store_close(r->s);
	open_it(r, MAP);
	assert_rows(r, each, "t", NULL, 0, "k=v ");
}

/* ---- the thread ---- */

#define N_JOBS 600

struct jobs {
	struct rig *r;
	uv_loop_t loop;
	unsigned n_run, n_done, n_failed;
	bool closes;
	struct job {
		struct jobs *all;
		unsigned k, n_run;
		enum { JOB_PUT, JOB_FAIL, JOB_BIG } kind;
	} job[N_JOBS];
};

static void jobs_init(struct jobs *j, struct rig *r)
{
	memset(j, 0, sizeof(*j));
	j->r = r;
	uv_loop_init(&j->loop);
	for (unsigned i = 0; i < N_JOBS; i++)
		j->job[i] = (struct job){ .all = j, .k = i };
}

static void jobs_end(struct jobs *j)
{
	if (j->r->s)
		store_close(j->r->s);
	j->r->s = NULL;
	uv_run(&j->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&j->loop), 0);
}

/* Runs in the order of submission: each sees the ones before it. */
static int run_job(struct store_txn *t, void *arg, struct err *err)
{
	struct job *j = arg;

	j->n_run = j->all->n_run++;
	if (j->kind == JOB_BIG)
		return put_big(t, &j->k, err);
	if (store_put(t, "jobs", &j->k, sizeof(j->k), "v", 1, err) < 0)
		return -1;
	return j->kind == JOB_FAIL ? err_set(err, ERR_INVALID, "asked to fail") : 0;
}

static void on_done(void *arg, const struct err *err)
{
	struct job *j = arg;
	struct jobs *all = j->all;

	assert_int_equal(j->k, all->n_done);
	assert_int_equal(j->n_run, all->n_done);
	assert_int_equal(err != NULL, j->kind == JOB_FAIL);
	if (err)
		assert_string_equal(err->msg, "asked to fail");
	all->n_failed += err != NULL;
	if (++all->n_done == N_JOBS && all->closes) {
		store_close(all->r->s);
		all->r->s = NULL;
	}
}

static int count(void *arg, struct store_bytes key, struct store_bytes value, struct err *err)
{
	++*(unsigned *)arg;
	return 0;
}

static int count_jobs(struct store_txn *t, void *arg, struct err *err)
{
	return store_each(t, "jobs", NULL, 0, count, arg, err);
}

static void submitted_functions_run_in_order_several_in_one_commit(void **state)
{
	struct rig *r = *state;
	struct jobs j;
	unsigned n = 0, syncs;

	open_it(r, MAP);
	jobs_init(&j, r);
	syncs = atomic_load(&n_syncs);
	for (unsigned i = 0; i < N_JOBS; i++) {
		j.job[i].kind = i % 3 == 1 ? JOB_FAIL : JOB_PUT;
		assert_int_equal(store_submit(r->s, &j.loop, run_job, on_done, &j.job[i], &r->err), 0);
	}
	assert_int_equal(j.n_done, 0);
	uv_run(&j.loop, UV_RUN_DEFAULT);	/* ends by itself: nothing waits any more */
	assert_int_equal(j.n_done, N_JOBS);
	assert_int_equal(j.n_failed, N_JOBS / 3);
	assert_in_range(atomic_load(&n_syncs) - syncs, 1, N_JOBS / 6);
	assert_int_equal(store_read(r->s, count_jobs, &n, &r->err), 0);
	assert_int_equal(n, N_JOBS - N_JOBS / 3);
	jobs_end(&j);
}

static void the_last_done_may_close_the_store(void **state)
{
	struct rig *r = *state;
	struct jobs j;

	open_it(r, MAP);
	jobs_init(&j, r);
	j.closes = true;
	for (unsigned i = 0; i < N_JOBS; i++)
		assert_int_equal(store_submit(r->s, &j.loop, run_job, on_done, &j.job[i], &r->err), 0);
	uv_run(&j.loop, UV_RUN_DEFAULT);
	assert_null(r->s);
	jobs_end(&j);
}

static int sleep_a_little(struct store_txn *t, void *arg, struct err *err)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return 0;
}

static void more_than_may_wait_are_refused(void **state)
{
	struct rig *r = *state;
	uv_loop_t loop;

	open_it(r, MAP);
	uv_loop_init(&loop);
	for (unsigned i = 0; i < STORE_WAITING_MAX; i++)
		assert_int_equal(store_submit(r->s, &loop, sleep_a_little, NULL, NULL, &r->err), 0);
	assert_int_equal(store_submit(r->s, &loop, sleep_a_little, NULL, NULL, &r->err), -1);
	assert_int_equal(r->err.code, ERR_BUSY);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(store_submit(r->s, &loop, sleep_a_little, NULL, NULL, &r->err), 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	store_close(r->s);
	r->s = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void on_either(void *arg, const struct err *err)
{
	struct job *j = arg;

	j->all->n_done++;
	if (err) {
		j->all->n_failed++;
		assert_int_equal(err->code, ERR_LIMIT);
	}
	j->kind = err ? JOB_FAIL : JOB_PUT;
}

struct is_there {
	unsigned k;
	const char *table;
	bool there;
};

static int look(struct store_txn *t, void *arg, struct err *err)
{
	struct is_there *l = arg;
	struct store_bytes v;

	l->there = store_get(t, l->table, &l->k, sizeof(l->k), &v, NULL) == 0;
	return 0;
}

/* Whatever LMDB notices only at the commit fails with it: what was told is what is there. */
static void a_full_store_takes_what_it_says_and_nothing_else(void **state)
{
	struct rig *r = *state;
	struct jobs j;

	open_it(r, 2 << 20);
	jobs_init(&j, r);
	for (unsigned i = 0; i < 100; i++) {
		j.job[i].kind = i % 2 ? JOB_BIG : JOB_PUT;
		assert_int_equal(store_submit(r->s, &j.loop, run_job, on_either, &j.job[i], &r->err), 0);
		if (i % 4 == 3)
			uv_run(&j.loop, UV_RUN_DEFAULT);
	}
	uv_run(&j.loop, UV_RUN_DEFAULT);
	assert_int_equal(j.n_done, 100);
	assert_in_range(j.n_failed, 1, 99);
	for (unsigned i = 0; i < 100; i++) {
		struct is_there l = { i, i % 2 ? "big" : "jobs", false };

		assert_int_equal(store_read(r->s, look, &l, &r->err), 0);
		assert_int_equal(l.there, j.job[i].kind == JOB_PUT);
	}
	jobs_end(&j);
}

static void on_io_error(void *arg, const struct err *err)
{
	assert_non_null(err);
	assert_int_equal(err->code, ERR_IO);
	++*(unsigned *)arg;
}

static int nothing(struct store_txn *t, void *arg, struct err *err)
{
	return store_put(t, "t", "x", 1, "y", 1, err);
}

static void after_a_disk_error_nothing_is_acknowledged(void **state)
{
	struct rig *r = *state;
	unsigned n = 0;
	struct jobs j;

	open_it(r, MAP);
	jobs_init(&j, r);
	atomic_store(&sync_fails, true);
	assert_int_equal(store_submit(r->s, &j.loop, nothing, on_io_error, &n, &r->err), 0);
	uv_run(&j.loop, UV_RUN_DEFAULT);
	atomic_store(&sync_fails, false);
	assert_int_equal(store_submit(r->s, &j.loop, nothing, on_io_error, &n, &r->err), 0);
	uv_run(&j.loop, UV_RUN_DEFAULT);
	assert_int_equal(n, 2);
	jobs_end(&j);
}

/* Reads beside the writing thread, each of one whole state: both rows change together. */
static int put_pair(struct store_txn *t, void *arg, struct err *err)
{
	struct job *j = arg;

	if (store_put(t, "pair", "a", 1, &j->k, sizeof(j->k), err) < 0)
		return -1;
	return store_put(t, "pair", "b", 1, &j->k, sizeof(j->k), err);
}

static int read_pair(struct store_txn *t, void *arg, struct err *err)
{
	struct store_bytes a, b;

	if (store_get(t, "pair", "a", 1, &a, err) < 0)
		return 0;
	assert_int_equal(store_get(t, "pair", "b", 1, &b, err), 0);
	assert_int_equal(a.n, sizeof(unsigned));
	assert_memory_equal(a.p, b.p, a.n);
	++*(unsigned *)arg;
	return 0;
}

struct reader {
	struct store *s;
	atomic_bool stop;
	unsigned n_seen;
};

static void run_reader(void *arg)
{
	struct reader *r = arg;

	while (!atomic_load(&r->stop) || r->n_seen == 0)
		assert_int_equal(store_read(r->s, read_pair, &r->n_seen, NULL), 0);
}

static void on_pair(void *arg, const struct err *err)
{
	struct job *j = arg;

	assert_null(err);
	j->all->n_done++;
}

static void readers_on_other_threads_see_whole_commits(void **state)
{
	struct rig *r = *state;
	struct reader rd[2];
	uv_thread_t id[2];
	struct jobs j;

	open_it(r, MAP);
	jobs_init(&j, r);
	for (int i = 0; i < 2; i++) {
		rd[i] = (struct reader){ .s = r->s };
		assert_int_equal(uv_thread_create(&id[i], run_reader, &rd[i]), 0);
	}
	for (unsigned i = 0; i < N_JOBS; i++) {
		assert_int_equal(store_submit(r->s, &j.loop, put_pair, on_pair, &j.job[i], &r->err), 0);
		uv_run(&j.loop, UV_RUN_NOWAIT);
	}
	uv_run(&j.loop, UV_RUN_DEFAULT);
	for (int i = 0; i < 2; i++) {
		atomic_store(&rd[i].stop, true);
		uv_thread_join(&id[i]);
	}
	assert_int_equal(j.n_done, N_JOBS);
	jobs_end(&j);
}

/* ---- other processes ---- */

static int add_one(struct store_txn *t, void *arg, struct err *err)
{
	struct store_bytes v;
	unsigned n = 0;

	if (store_get(t, "t", "count", 5, &v, err) == 0)
		memcpy(&n, v.p, sizeof(n));
	n++;
	return store_put(t, "t", "count", 5, &n, sizeof(n), err);
}

static int get_count(struct store_txn *t, void *arg, struct err *err)
{
	struct store_bytes v;

	if (store_get(t, "t", "count", 5, &v, err) < 0)
		return -1;
	memcpy(arg, v.p, sizeof(unsigned));
	return 0;
}

static pid_t start_counter(struct rig *r, int n)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	r->s = store_open(r->store, MAP, &r->err);
	while (r->s && n-- > 0) {
		if (store_write(r->s, add_one, NULL, &r->err) < 0)
			_exit(1);
	}
	_exit(r->s ? 0 : 2);
}

static void two_processes_write_one_after_the_other(void **state)
{
	struct rig *r = *state;
	pid_t pid[2] = { start_counter(r, 50), start_counter(r, 50) };
	unsigned n = 0;
	int status;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	open_it(r, MAP);
	assert_int_equal(store_read(r->s, get_count, &n, &r->err), 0);
	assert_int_equal(n, 100);
}

static int tell_and_sleep(struct store_txn *t, void *arg, struct err *err)
{
	struct store_bytes v;

	store_get(t, "t", "count", 5, &v, err);
	if (write(*(int *)arg, "r", 1) != 1)
		_exit(3);
	for (;;)
		pause();
}

/* A child that reads and is killed within: its reader's place is free again. */
static void kill_a_reader(struct rig *r)
{
	int pipes[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		r->s = store_open(r->store, MAP, &r->err);
		if (r->s)
			store_read(r->s, tell_and_sleep, &pipes[1], &r->err);
		_exit(2);
	}
	assert_int_equal(read(pipes[0], &c, 1), 1);
	assert_true(pid > 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(pipes[0]);
	close(pipes[1]);
}

/* A dead reader's pages come free when the next process opens the store, also while this
 * one has it open (alone it would begin with an empty table of readers). */
static void readers_that_died_are_forgotten(void **state)
{
	struct rig *r = *state;
	int status;
	pid_t pid;
	unsigned k = 0;

	open_it(r, 2 << 20);
	kill_a_reader(r);
	pid = start_counter(r, 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (int i = 0; i < 200; i++) {
		if (store_write(r->s, put_big, &k, &r->err) < 0)
			fail_msg("%s", r->err.msg);
	}
}

/* ---- killed at any moment ---- */

struct child {
	int to;			/* pipe: numbers of what is durable */
	struct rig *r;
	uv_loop_t loop;
	unsigned next;
};

static int put_numbered(struct store_txn *t, void *arg, struct err *err)
{
	unsigned k = (unsigned)(uintptr_t)arg;
	char pad[700];

	memset(pad, (int)k, sizeof(pad));
	if (store_put_new(t, "n", &k, sizeof(k), pad, sizeof(pad), err) < 0)
		return -1;
	return store_put(t, "last", "k", 1, &k, sizeof(k), err);
}

static struct child child;

static void submit_next(void);

static void on_numbered(void *arg, const struct err *err)
{
	unsigned k = (unsigned)(uintptr_t)arg;

	if (err || write(child.to, &k, sizeof(k)) != sizeof(k))
		_exit(4);
	submit_next();
}

static void submit_next(void)
{
	if (store_submit(child.r->s, &child.loop, put_numbered, on_numbered,
			 (void *)(uintptr_t)child.next++, &child.r->err) < 0)
		_exit(5);
}

static void run_child(struct rig *r, int to, unsigned first, bool threaded)
{
	child = (struct child){ .to = to, .r = r, .next = first };
	r->s = store_open(r->store, MAP, &r->err);
	if (!r->s)
		_exit(6);
	if (threaded) {
		uv_loop_init(&child.loop);
		for (int i = 0; i < 8; i++)
			submit_next();
		uv_run(&child.loop, UV_RUN_DEFAULT);
	}
	for (unsigned k = first;; k++) {
		if (store_write(r->s, put_numbered, (void *)(uintptr_t)k, &r->err) < 0 ||
		    write(to, &k, sizeof(k)) != sizeof(k))
			_exit(7);
	}
}

/* Lets the child write, kills it, and returns the first number that was not acknowledged. */
static unsigned run_until_killed(struct rig *r, unsigned first, bool threaded, unsigned n_acks, long wait_ns)
{
	unsigned k, next = first;
	int pipes[2], status;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0)
		run_child(r, pipes[1], first, threaded);
	close(pipes[1]);
	for (unsigned i = 0; i < n_acks; i++)
		assert_int_equal(read(pipes[0], &k, sizeof(k)), sizeof(k));
	nanosleep(&(struct timespec){ .tv_nsec = wait_ns }, NULL);
	assert_true(pid > 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	next = first + n_acks;
	while (read(pipes[0], &k, sizeof(k)) == sizeof(k)) {
		assert_int_equal(k, next);
		next++;
	}
	close(pipes[0]);
	return next;
}

struct numbers {
	unsigned n, last;
	bool holes;
};

/* Keys are little-endian and so out of order: counted, and each is below the count. */
static int check_number(void *arg, struct store_bytes key, struct store_bytes value, struct err *err)
{
	struct numbers *x = arg;
	unsigned k;

	memcpy(&k, key.p, sizeof(k));
	x->n++;
	x->holes |= k > x->last || value.n != 700 || ((const char *)value.p)[699] != (char)k;
	return 0;
}

static int check_numbers(struct store_txn *t, void *arg, struct err *err)
{
	struct numbers *x = arg;
	struct store_bytes v;

	if (store_get(t, "last", "k", 1, &v, err) < 0)
		return -1;
	memcpy(&x->last, v.p, sizeof(x->last));
	return store_each(t, "n", NULL, 0, check_number, x, err);
}

static void what_was_acknowledged_survives_kill_9(void **state)
{
	const char *said = getenv("SEED");
	unsigned seed = said ? (unsigned)atoi(said) : (unsigned)time(NULL), first = 0;
	int n_cycles = getenv("TEST_LONG") ? 200 : 20;
	struct rig *r = *state;

	print_message("seed %u\n", seed);
	for (int i = 0; i < n_cycles; i++) {
		bool threaded = rand_r(&seed) % 2;
		unsigned n_acks = 1 + (unsigned)rand_r(&seed) % 20;
		unsigned acked = run_until_killed(r, first, threaded, n_acks, rand_r(&seed) % 3000000);
		struct numbers x = { 0 };

		open_it(r, MAP);
		assert_int_equal(store_read(r->s, check_numbers, &x, &r->err), 0);
		assert_false(x.holes);
		assert_int_equal(x.n, x.last + 1);
		assert_true(x.n >= acked);
		first = x.n;
		store_close(r->s);
		r->s = NULL;
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rows_come_in_order_of_their_keys_and_tables_are_apart),
		T(a_visit_that_fails_fails_the_walk),
		T(a_new_row_does_not_replace_and_a_deleted_one_is_gone),
		T(what_is_not_there_is_not_found),
		T(the_longest_key_fits_and_a_longer_one_is_refused),
		T(a_transaction_that_fails_leaves_nothing),
		T(what_was_written_is_there_after_reopening),
		T(a_folder_where_others_can_write_is_refused),
		T(a_file_that_is_no_store_is_an_error),
		T(a_place_where_no_folder_can_be_is_an_error),
		T(a_program_that_is_started_does_not_inherit_the_data),
		T(the_file_grows_to_its_largest_size_and_no_further),
		T(a_full_disk_changes_nothing_and_may_have_room_again),
		T(a_disk_that_failed_once_is_not_believed_again),
		T(submitted_functions_run_in_order_several_in_one_commit),
		T(the_last_done_may_close_the_store),
		T(more_than_may_wait_are_refused),
		T(a_full_store_takes_what_it_says_and_nothing_else),
		T(after_a_disk_error_nothing_is_acknowledged),
		T(readers_on_other_threads_see_whole_commits),
		T(two_processes_write_one_after_the_other),
		T(readers_that_died_are_forgotten),
		T(what_was_acknowledged_survives_kill_9),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
