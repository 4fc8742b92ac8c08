/* The pool with a ladder that misbehaves when told to.  TEST_LONG=1: more crashes. */
#include "test/node/work/pool_rig.h"
#include "test/node/work/fake_ladder.h"

#include <sys/resource.h>

#include "base/log.h"

static struct work_opts opts_of(unsigned n_workers, unsigned max_queue, uint64_t idle_ms)
{
	struct work_opts o = rig_opts;

	o.n_workers = n_workers;
	o.max_queue = max_queue;
	o.idle_ms = idle_ms;
	return o;
}

static struct work_pool_stats stats_of(struct rig *r)
{
	struct work_pool_stats st;

	work_pool_stats(r->pool, &st);
	return st;
}

static bool is_gone(int pid)
{
	char path[64], line[256] = "", *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return true;
	state = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	return !state || state[2] == 'Z' || state[2] == 'X';
}

/* Never kill(-1): that is everybody. */
static void signal_one(int pid, int sig)
{
	assert_true(pid > 1);
	kill(pid, sig);
}

static void wait_gone(struct rig *r, int pid)
{
	int i;

	for (i = 0; i < 500 && !is_gone(pid); i++)
		rig_pause(r, 10);
	assert_true(is_gone(pid));
}

/* The worker that serves a stream, and its zygote. */
static int pid_of(struct rig *r, const char *stream, int *zygote)
{
	struct job j;
	int pid = 0, parent = 0;

	job_run(&j, r, stream, "pids");
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(sscanf(j.text, "%d %d", &pid, &parent), 2);
	assert_true(pid > 1 && parent > 1);
	job_fini(&j);
	if (zygote)
		*zygote = parent;
	return pid;
}

static void renditions_come_in_order_with_their_hashes(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct job j;

	job_run(&j, r, "a", "echo this");
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.n_renditions, 2);
	assert_string_equal(j.text, "echo this");
	assert_int_equal(j.last.width, 640);
	assert_int_equal(j.last.height, 360);
	assert_int_equal(j.last.duration_ms, 2000);
	assert_int_equal(j.last.n_video, 60);
	assert_false(j.last.fmp4);
	assert_int_equal(j.st.n_tries, 1);
	assert_int_equal(j.st.n_decoded, 60);
	assert_int_equal(j.st.width, 1280);
	assert_int_equal(j.st.wall_ms, 5);
	assert_int_equal(stats_of(r).n_done, 1);
	job_fini(&j);
	rig_free(r);
}

static void large_input_comes_back_whole(void **state)
{
	static const size_t sizes[] = { 1, 16384, 16385, 3000001, SEGMENT_BYTES_MAX };
	struct rig *r = rig_new(&rig_opts);
	char *big = malloc(SEGMENT_BYTES_MAX + 1);
	struct job j;
	size_t i;

	for (i = 0; i < SEGMENT_BYTES_MAX; i++)
		big[i] = (char)(i * 2654435761u >> 13);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_true(job_start(&j, r, "a", big, sizes[i], 60000));
		rig_wait(r, &j.ended);
		assert_int_equal(j.err.code, ERR_NONE);
		assert_int_equal(j.len, sizes[i]);
		assert_memory_equal(j.text, big, sizes[i]);
		job_fini(&j);
	}
	assert_false(job_start(&j, r, "a", big, SEGMENT_BYTES_MAX + 1, 60000));
	assert_int_equal(j.err.code, ERR_LIMIT);
	free(big);
	rig_free(r);
}

static void probe_and_remux_have_their_own_outputs(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct blob *in = blob_new("echo", 4, NULL);
	struct work_spec spec = rig_spec("a", in, 20000);
	enum task_kind kinds[] = { TASK_PROBE, TASK_TO_TS, TASK_TO_MP4 };
	struct job j;
	size_t i;

	spec.profiles = NULL;
	spec.preset = NULL;
	for (i = 0; i < 3; i++) {
		j = (struct job){ .rig = r };
		spec.kind = kinds[i];
		assert_non_null(work_task_start(r->pool, &spec, &job_cbs, &j, &j.err));
		rig_wait(r, &j.ended);
		assert_int_equal(j.err.code, ERR_NONE);
		assert_int_equal(j.n_renditions, i > 0);
		if (i == 0)
			assert_int_equal(j.st.width, 640);
		else
			assert_int_equal(j.last.fmp4, kinds[i] == TASK_TO_MP4);
		job_fini(&j);
	}
	blob_unref(in);
	rig_free(r);
}

static void absurd_task_is_refused_at_once(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct blob *in = blob_new("echo", 4, NULL);
	struct work_spec spec = rig_spec("a", in, 20000);
	char key[200];
	struct err err;

	memset(key, 'k', sizeof(key));
	key[sizeof(key) - 1] = 0;
	spec.stream_key = key;
	assert_null(work_task_start(r->pool, &spec, &job_cbs, NULL, &err));
	assert_int_equal(err.code, ERR_INVALID);
	spec.stream_key = "a";
	spec.preset = "placebo";
	assert_null(work_task_start(r->pool, &spec, &job_cbs, NULL, &err));
	assert_int_equal(err.code, ERR_INVALID);
	blob_unref(in);
	rig_free(r);
}

static void crash_is_retried_in_a_fresh_worker(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct job j;

	job_run(&j, r, "a", "crash-first");
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.n_renditions, 2);
	assert_int_equal(j.st.n_tries, 2);
	assert_int_equal(stats_of(r).n_crashed, 1);
	assert_int_equal(stats_of(r).n_retried, 1);
	job_fini(&j);
	rig_free(r);
}

static void input_that_fails_two_workers_is_invalid(void **state)
{
	static const char *const words[] = { "crash", "garbage", "early-done", "exit" };
	struct rig *r = rig_new(&rig_opts);
	struct job j;
	size_t i;

	for (i = 0; i < 4; i++) {
		job_run(&j, r, "a", words[i]);
		assert_int_equal(j.err.code, ERR_INVALID);
		assert_non_null(strstr(j.err.msg, "twice"));
		assert_int_equal(j.n_renditions, 0);
		assert_int_equal(j.st.n_tries, 2);
		assert_int_equal(stats_of(r).n_crashed, 2 * (i + 1));
		job_fini(&j);
	}
	job_run(&j, r, "a", "echo");
	assert_int_equal(j.err.code, ERR_NONE);
	job_fini(&j);
	rig_free(r);
}

static void hang_is_killed_and_tried_again_within_the_deadline(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct job j;
	uint64_t begin;

	pid_of(r, "warm", NULL);
	begin = uv_hrtime();
	/* Long enough for a fresh worker to come up on a busy machine. */
	assert_true(job_start(&j, r, "a", "spin", 4, 2000));
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_TIMEOUT);
	assert_int_equal(j.st.n_tries, 2);
	assert_in_range((uv_hrtime() - begin) / 1000000, 1990, 6000);
	assert_int_equal(stats_of(r).n_hung, 2);
	assert_true(job_start(&j, r, "a", "stop", 4, 2000));
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_TIMEOUT);
	assert_int_equal(stats_of(r).n_hung, 4);
	assert_int_equal(stats_of(r).n_busy, 0);
	rig_free(r);
}

static void hang_leaves_time_for_a_try_that_works(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct job j;
	struct blob *in = blob_new("spin-first", 10, NULL);
	struct work_spec spec = rig_spec("a", in, 2000);

	j = (struct job){ .rig = r };
	assert_non_null(work_task_start(r->pool, &spec, &job_cbs, &j, &j.err));
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.st.n_tries, 2);
	assert_int_equal(stats_of(r).n_hung, 1);
	blob_unref(in);
	job_fini(&j);
	rig_free(r);
}

static void error_of_the_ladder_is_passed_on_cleaned_and_not_retried(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct job j;
	int before = pid_of(r, "a", NULL);

	job_run(&j, r, "a", "bad");
	assert_int_equal(j.err.code, ERR_INVALID);
	assert_null(strchr(j.err.msg, '\x1b'));
	assert_null(strchr(j.err.msg, '\n'));
	assert_non_null(strstr(j.err.msg, "picture"));
	assert_int_equal(j.st.n_tries, 1);
	job_run(&j, r, "a", "no-memory");
	assert_int_equal(j.err.code, ERR_INTERNAL);
	/* The worker that met bad input is not used again. */
	assert_int_not_equal(pid_of(r, "a", NULL), before);
	wait_gone(r, before);
	rig_free(r);
}

static void worker_serves_one_stream_only(void **state)
{
	struct work_opts o = opts_of(1, 8, 60000);
	struct rig *r = rig_new(&o);
	int a = pid_of(r, "a", NULL), b;

	assert_int_equal(pid_of(r, "a", NULL), a);
	b = pid_of(r, "b", NULL);
	assert_int_not_equal(b, a);
	wait_gone(r, a);
	assert_int_not_equal(pid_of(r, "a", NULL), b);
	rig_free(r);
}

static void workers_end_with_their_stream_and_after_a_rest(void **state)
{
	struct work_opts o = opts_of(2, 8, 30);
	struct rig *r = rig_new(&o);
	int a = pid_of(r, "a", NULL), b;

	work_stream_end(r->pool, "a");
	wait_gone(r, a);
	b = pid_of(r, "b", NULL);
	wait_gone(r, b);
	assert_int_not_equal(pid_of(r, "b", NULL), b);
	rig_free(r);
}

static void streams_take_turns(void **state)
{
	struct work_opts o = opts_of(1, 8, 5000);
	struct rig *r = rig_new(&o);
	struct job j[5];
	int i;

	job_begin(&j[0], r, "a", "sleep 20");
	job_begin(&j[1], r, "a", "echo");
	job_begin(&j[2], r, "a", "echo");
	job_begin(&j[3], r, "b", "echo");
	job_begin(&j[4], r, "c", "echo");
	for (i = 0; i < 5; i++)
		rig_wait(r, &j[i].ended);
	/* a b c would be fair from the start; while nobody else waited a went first. */
	assert_int_equal(j[0].order, 1);
	assert_true(j[3].order < j[2].order);
	assert_true(j[4].order < j[2].order);
	assert_true(j[1].order < j[2].order);
	for (i = 0; i < 5; i++)
		job_fini(&j[i]);
	rig_free(r);
}

static void task_beyond_the_queue_is_refused_as_busy(void **state)
{
	struct work_opts o = opts_of(1, 2, 5000);
	struct rig *r = rig_new(&o);
	struct job j[4];
	int i;

	job_begin(&j[0], r, "a", "sleep 50");
	job_begin(&j[1], r, "b", "echo");
	job_begin(&j[2], r, "c", "echo");
	assert_false(job_start(&j[3], r, "d", "echo", 4, 1000));
	assert_int_equal(j[3].err.code, ERR_BUSY);
	for (i = 0; i < 3; i++) {
		rig_wait(r, &j[i].ended);
		assert_int_equal(j[i].err.code, ERR_NONE);
		job_fini(&j[i]);
	}
	rig_free(r);
}

static void task_that_finds_no_worker_times_out(void **state)
{
	struct work_opts o = opts_of(1, 2, 5000);
	struct rig *r = rig_new(&o);
	struct job busy, late;

	job_begin(&busy, r, "a", "sleep 300");
	assert_true(job_start(&late, r, "b", "echo", 4, 50));
	rig_wait(r, &late.ended);
	assert_int_equal(late.err.code, ERR_TIMEOUT);
	assert_int_equal(late.st.n_tries, 0);
	assert_false(busy.ended);
	rig_wait(r, &busy.ended);
	assert_int_equal(busy.err.code, ERR_NONE);
	job_fini(&busy);
	rig_free(r);
}

static void cancelled_tasks_say_nothing_and_free_their_worker(void **state)
{
	struct work_opts o = opts_of(1, 8, 5000);
	struct rig *r = rig_new(&o);
	struct job waits, runs, next;
	int pid = pid_of(r, "a", NULL);

	job_begin(&runs, r, "a", "spin");
	job_begin(&waits, r, "b", "echo");
	rig_pause(r, 5);
	work_task_cancel(waits.task);
	work_task_cancel(runs.task);
	job_run(&next, r, "c", "echo");
	assert_int_equal(next.err.code, ERR_NONE);
	wait_gone(r, pid);
	assert_false(waits.ended);
	assert_false(runs.ended);
	job_fini(&next);
	rig_free(r);
}

static void cancel_in_every_state(void **state)
{
	static const char *const words[] = { "echo", "crash", "garbage", "bad", "stop" };
	struct rig *r = rig_new(&rig_opts);
	struct job j;
	int i;

	/* From before the worker is up to after it has died once. */
	for (i = 0; i < 40; i++) {
		job_begin(&j, r, "a", words[i % 5]);
		rig_pause(r, (uint64_t)(i / 5));
		if (!j.ended)
			work_task_cancel(j.task);
		job_fini(&j);
	}
	job_run(&j, r, "a", "echo");
	assert_int_equal(j.err.code, ERR_NONE);
	job_fini(&j);
	rig_free(r);
}

static struct job *cancel_from_callback;

static void on_rendition_cancel(void *arg, const struct work_rendition *w)
{
	struct job *j = arg;

	j->n_renditions++;
	work_task_cancel(j->task);
}

static void on_done_cancel_other(void *arg, const struct work_stats *st, const struct err *err)
{
	struct job *j = arg;

	j->ended = true;
	if (cancel_from_callback) {
		work_task_cancel(cancel_from_callback->task);
		cancel_from_callback = NULL;
	}
}

static void callbacks_may_cancel(void **state)
{
	static const struct work_cb cancel_self = { .rendition = on_rendition_cancel,
						    .done = on_done_cancel_other };
	static const struct work_cb cancel_other = { .done = on_done_cancel_other };
	struct work_opts o = opts_of(1, 8, 5000);
	struct rig *r = rig_new(&o);
	struct blob *in = blob_new("echo", 4, NULL);
	struct work_spec spec = rig_spec("a", in, 20000);
	struct job a = { .rig = r }, b = { .rig = r }, c;

	a.task = work_task_start(r->pool, &spec, &cancel_self, &a, NULL);
	job_run(&c, r, "c", "echo");
	assert_int_equal(a.n_renditions, 1);
	assert_false(a.ended);
	job_fini(&c);
	b.task = work_task_start(r->pool, &spec, &cancel_other, &b, NULL);
	job_begin(&c, r, "c", "echo");
	cancel_from_callback = &c;
	rig_wait(r, &b.ended);
	rig_pause(r, 20);
	assert_false(c.ended);
	blob_unref(in);
	rig_free(r);
}

struct chain {
	struct job job;
	unsigned n_left;
	bool over;
};

static void on_done_start_next(void *arg, const struct work_stats *st, const struct err *err)
{
	struct chain *c = arg;
	struct blob *in = blob_new("echo", 4, NULL);
	struct work_spec spec = rig_spec("a", in, 20000);
	static const struct work_cb cb = { .done = on_done_start_next };

	c->job.err.code = err ? err->code : ERR_NONE;
	if (c->n_left-- > 0)
		assert_non_null(work_task_start(c->job.rig->pool, &spec, &cb, c, NULL));
	else
		c->over = true;
	blob_unref(in);
}

static void callbacks_may_start_tasks(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct chain c = { .job.rig = r, .n_left = 20 };

	on_done_start_next(&c, NULL, NULL);
	rig_wait(r, &c.over);
	assert_int_equal(c.job.err.code, ERR_NONE);
	assert_int_equal(stats_of(r).n_done, 20);
	rig_free(r);
}

static void on_done_close(void *arg, const struct work_stats *st, const struct err *err)
{
	struct job *j = arg;
	struct blob *in = blob_new("echo", 4, NULL);
	struct work_spec spec = rig_spec("a", in, 20000);

	j->ended = true;
	work_pool_close(j->rig->pool, rig_on_closed, j->rig);
	assert_null(work_task_start(j->rig->pool, &spec, &job_cbs, j, &j->err));
	blob_unref(in);
}

static void callbacks_may_close_the_pool(void **state)
{
	static const struct work_cb cb = { .done = on_done_close };
	struct rig *r = rig_new(&rig_opts);
	struct blob *in = blob_new("echo", 4, NULL);
	struct work_spec spec = rig_spec("a", in, 20000);
	struct job closes = { .rig = r }, other;

	assert_non_null(work_task_start(r->pool, &spec, &cb, &closes, NULL));
	job_begin(&other, r, "b", "spin");
	rig_wait(r, &r->closed);
	assert_int_equal(closes.err.code, ERR_BUSY);
	assert_int_equal(other.err.code, ERR_INTERNAL);
	blob_unref(in);
	rig_free(r);
}

static void zygote_that_dies_is_replaced_and_its_tasks_go_on(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct job runs, waits;
	int zygote, worker = pid_of(r, "a", &zygote), other;

	job_begin(&runs, r, "a", "sleep 100");
	job_begin(&waits, r, "b", "echo");
	signal_one(zygote, SIGKILL);
	rig_wait(r, &runs.ended);
	rig_wait(r, &waits.ended);
	assert_int_equal(runs.err.code, ERR_NONE);
	assert_int_equal(waits.err.code, ERR_NONE);
	assert_int_equal(stats_of(r).n_crashed, 0);
	wait_gone(r, worker);
	pid_of(r, "a", &other);
	assert_int_not_equal(other, zygote);
	job_fini(&runs);
	job_fini(&waits);
	rig_free(r);
}

static void zygote_that_is_stuck_is_replaced(void **state)
{
	struct rig *r;
	struct job j;
	int zygote, other;

	if (!getenv("TEST_LONG"))
		skip();		/* 3 s of waiting for a hello */
	r = rig_new(&rig_opts);
	pid_of(r, "a", &zygote);
	signal_one(zygote, SIGSTOP);
	job_run(&j, r, "a", "crash");
	assert_int_equal(j.err.code, ERR_INVALID);
	pid_of(r, "a", &other);
	assert_int_not_equal(other, zygote);
	wait_gone(r, zygote);
	rig_free(r);
}

static void workers_that_never_come_up_fail_tasks_until_they_do(void **state)
{
	char *lang = getenv("LANG") ? strdup(getenv("LANG")) : NULL;
	struct rig *r;
	struct job j;
	int i;

	setenv("LANG", "no-ladder", 1);
	r = rig_new(&rig_opts);
	job_run(&j, r, "a", "echo");
	assert_int_equal(j.err.code, ERR_INTERNAL);
	assert_string_equal(j.err.msg, "workers do not start");
	assert_int_equal(j.st.n_tries, 0);
	if (lang)
		setenv("LANG", lang, 1);
	else
		unsetenv("LANG");
	free(lang);
	/* The start that was under way when the first task failed fails, too. */
	for (i = 0; i < 2 && j.err.code != ERR_NONE; i++)
		job_run(&j, r, "a", "echo");
	assert_int_equal(j.err.code, ERR_NONE);
	job_fini(&j);
	rig_free(r);
}

static void lack_of_descriptors_is_waited_out(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct rlimit old, few;
	struct job j;

	pid_of(r, "a", NULL);
	pid_of(r, "b", NULL);
	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = 3;
	job_begin(&j, r, "a", "crash");
	setrlimit(RLIMIT_NOFILE, &few);
	rig_pause(r, 120);
	assert_false(j.ended);
	setrlimit(RLIMIT_NOFILE, &old);
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_INVALID);
	assert_int_equal(j.st.n_tries, 2);
	job_fini(&j);
	rig_free(r);
}

static void terminal_signals_do_not_end_workers(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct job j;
	int zygote, worker = pid_of(r, "a", &zygote);

	job_begin(&j, r, "a", "sleep 50");
	signal_one(zygote, SIGINT);
	signal_one(zygote, SIGTERM);
	signal_one(worker, SIGINT);
	signal_one(worker, SIGTERM);
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.st.n_tries, 1);
	job_fini(&j);
	rig_free(r);
}

static void close_ends_tasks_and_leaves_no_process(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct job runs, stopped, waits;
	int zygote, worker = pid_of(r, "a", &zygote);

	job_begin(&runs, r, "a", "spin");
	job_begin(&stopped, r, "b", "stop");
	job_begin(&waits, r, "c", "echo");
	rig_pause(r, 20);
	rig_free(r);
	assert_int_equal(runs.err.code, ERR_INTERNAL);
	assert_int_equal(waits.err.code, ERR_INTERNAL);
	assert_string_equal(stopped.err.msg, "shutting down");
	assert_true(is_gone(zygote));
	assert_true(is_gone(worker));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void close_before_anything_came_up(void **state)
{
	struct rig *r = rig_new(&rig_opts);

	rig_free(r);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* T10, F7: whatever the workers do, the next one is ready in half a second. */
static void crashes_in_a_row_are_survived(void **state)
{
	unsigned n = getenv("TEST_LONG") ? 500 : 10, i;
	struct rig *r = rig_new(&rig_opts);
	uint64_t worst = 0;
	struct job j;

	for (i = 0; i < n; i++) {
		uint64_t begin;

		job_run(&j, r, "a", "crash");
		assert_int_equal(j.err.code, ERR_INVALID);
		begin = uv_hrtime();
		job_run(&j, r, "a", "echo");
		assert_int_equal(j.err.code, ERR_NONE);
		if (uv_hrtime() - begin > worst)
			worst = uv_hrtime() - begin;
		job_fini(&j);
	}
	assert_int_equal(stats_of(r).n_crashed, 2 * n);
	print_message("           %u crashes; an answer after one took at most %.1f ms\n", 2 * n,
		      (double)worst / 1e6);
	assert_true(worst < 500000000);
	rig_free(r);
}

/* ---- the node dies ---- */

#define DOOMED_ARG "--doomed-node"

/* A node of its own: says who its worker and zygote are, then waits for the end. */
static int doomed_node(void)
{
	struct rig *r = rig_new(&rig_opts);
	struct job j;
	int zygote, worker = pid_of(r, "a", &zygote);

	job_begin(&j, r, "b", "spin");
	rig_pause(r, 10);
	dprintf(1, "%d %d\n", worker, zygote);
	rig_pause(r, 10000);
	return 1;
}

static void nothing_outlives_a_killed_node(void **state)
{
	char line[64] = "", exe[] = "/proc/self/exe", arg[] = DOOMED_ARG;
	char *argv[] = { exe, arg, NULL };
	int fds[2], worker = 0, zygote = 0, i;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		execv("/proc/self/exe", argv);
		_exit(1);
	}
	close(fds[1]);
	assert_true(read(fds[0], line, sizeof(line) - 1) > 0);
	assert_int_equal(sscanf(line, "%d %d", &worker, &zygote), 2);
	assert_false(is_gone(worker));
	signal_one(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (i = 0; i < 200 && !(is_gone(worker) && is_gone(zygote)); i++)
		usleep(10000);
	assert_true(is_gone(worker));
	assert_true(is_gone(zygote));
	close(fds[0]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renditions_come_in_order_with_their_hashes),
		cmocka_unit_test(large_input_comes_back_whole),
		cmocka_unit_test(probe_and_remux_have_their_own_outputs),
		cmocka_unit_test(absurd_task_is_refused_at_once),
		cmocka_unit_test(crash_is_retried_in_a_fresh_worker),
		cmocka_unit_test(input_that_fails_two_workers_is_invalid),
		cmocka_unit_test(hang_is_killed_and_tried_again_within_the_deadline),
		cmocka_unit_test(hang_leaves_time_for_a_try_that_works),
		cmocka_unit_test(error_of_the_ladder_is_passed_on_cleaned_and_not_retried),
		cmocka_unit_test(worker_serves_one_stream_only),
		cmocka_unit_test(workers_end_with_their_stream_and_after_a_rest),
		cmocka_unit_test(streams_take_turns),
		cmocka_unit_test(task_beyond_the_queue_is_refused_as_busy),
		cmocka_unit_test(task_that_finds_no_worker_times_out),
		cmocka_unit_test(cancelled_tasks_say_nothing_and_free_their_worker),
		cmocka_unit_test(cancel_in_every_state),
		cmocka_unit_test(callbacks_may_cancel),
		cmocka_unit_test(callbacks_may_start_tasks),
		cmocka_unit_test(callbacks_may_close_the_pool),
		cmocka_unit_test(zygote_that_dies_is_replaced_and_its_tasks_go_on),
		cmocka_unit_test(zygote_that_is_stuck_is_replaced),
		cmocka_unit_test(workers_that_never_come_up_fail_tasks_until_they_do),
		cmocka_unit_test(lack_of_descriptors_is_waited_out),
		cmocka_unit_test(terminal_signals_do_not_end_workers),
		cmocka_unit_test(close_ends_tasks_and_leaves_no_process),
		cmocka_unit_test(close_before_anything_came_up),
		cmocka_unit_test(crashes_in_a_row_are_survived),
		cmocka_unit_test(nothing_outlives_a_killed_node),
	};

	if (argc > 1 && strcmp(argv[1], WORK_ZYGOTE_ARG) == 0)
		return work_zygote_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], DOOMED_ARG) == 0)
		return doomed_node();
	log_setup(LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
