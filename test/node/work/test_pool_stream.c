/* Tasks whose input is streamed, and renditions passed on as they are made. */
#include "test/node/work/pool_rig.h"
#include "test/node/work/fake_ladder.h"

#include "base/log.h"

static const struct work_cb piece_cbs = {
	.piece = job_on_piece, .rendition = job_on_rendition, .done = job_on_done,
};

static struct work_opts one_worker(void)
{
	struct work_opts o = rig_opts;

	o.n_workers = 1;
	return o;
}

static struct work_pool_stats stats_of(struct rig *r)
{
	struct work_pool_stats st;

	work_pool_stats(r->pool, &st);
	return st;
}

static void open_with(struct job *j, struct rig *r, const char *stream, const struct work_cb *cb)
{
	struct work_spec spec = rig_spec(stream, NULL, 0);

	*j = (struct job){ .rig = r };
	j->task = work_task_start(r->pool, &spec, cb, j, &j->err);
	assert_non_null(j->task);
}

static void open_task(struct job *j, struct rig *r, const char *stream)
{
	open_with(j, r, stream, &piece_cbs);
}

static void feed(struct job *j, const char *text)
{
	assert_int_equal(work_task_feed(j->task, (const uint8_t *)text, strlen(text), &j->err), 0);
}

/* A task with this as its last input. */
static void finish(struct job *j, const char *text)
{
	feed(j, text);
	work_task_finish(j->task, 2000, 30000);
}

static void wait_piece(struct job *j)
{
	rig_wait(j->rig, &j->has_piece);
	j->has_piece = false;
}

static void expect_done(struct job *j, const char *text)
{
	rig_wait(j->rig, &j->ended);
	if (j->err.code)
		fail_msg("%s", j->err.msg);
	assert_int_equal(j->n_renditions, 2);
	assert_string_equal(j->text, text);
	assert_int_equal(j->st.n_tries, 1);
	job_fini(j);
}

static void expect_failed(struct job *j, enum err_code code, const char *why)
{
	rig_wait(j->rig, &j->ended);
	assert_int_equal(j->err.code, code);
	if (!strstr(j->err.msg, why))
		fail_msg("\"%s\" does not say \"%s\"", j->err.msg, why);
	assert_int_equal(j->n_renditions, 0);
	job_fini(j);
}

/* The pool still works, with all of its workers. */
static void expect_well(struct rig *r)
{
	struct job j[2];
	int i;

	for (i = 0; i < 2; i++)
		job_begin(&j[i], r, i ? "well1" : "well2", "echo");
	for (i = 0; i < 2; i++) {
		rig_wait(r, &j[i].ended);
		assert_int_equal(j[i].err.code, ERR_NONE);
		job_fini(&j[i]);
	}
	assert_int_equal(stats_of(r).n_busy, 0);
	assert_int_equal(stats_of(r).n_free, stats_of(r).n_workers);
}

static void signal_one(int pid, int sig)
{
	assert_true(pid > 1);
	kill(pid, sig);
}

/* A streamed task at work, its worker and its zygote. */
static int begin_at_work(struct job *j, struct rig *r, int *zygote)
{
	int pid = 0, parent = 0;

	open_task(j, r, "a");
	feed(j, "pids ");
	wait_piece(j);
	assert_int_equal(sscanf(j->pieces[0], "%d %d", &pid, &parent), 2);
	assert_true(pid > 1 && parent > 1);
	if (zygote)
		*zygote = parent;
	return pid;
}

static bool is_gone(int pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, ZYGOTE_FD);
	return access(path, F_OK) < 0;
}

static void wait_gone(struct rig *r, int pid)
{
	int i;

	for (i = 0; i < 500 && !is_gone(pid); i++)
		rig_pause(r, 10);
	assert_true(is_gone(pid));
}

/* ---- it works ---- */

static void pieces_come_while_the_input_is_open(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct job j;

	open_task(&j, r, "a");
	feed(&j, "echo ");
	while (j.n_pieces < 2)
		wait_piece(&j);
	assert_string_equal(j.pieces[0], "echo ");
	assert_string_equal(j.pieces[1], "echo ");
	assert_int_equal(stats_of(r).n_busy, 1);
	assert_int_equal(stats_of(r).n_free, 1);
	rig_pause(r, 20);
	feed(&j, "two ");
	while (j.n_pieces < 4)
		wait_piece(&j);
	assert_string_equal(j.pieces[1], "echo two ");
	assert_int_equal(j.n_renditions, 0);
	finish(&j, "three");
	rig_wait(r, &j.ended);
	assert_null(j.last.data);
	assert_int_equal(j.last.len, 14);
	assert_int_equal(j.st.n_decoded, 60);
	expect_done(&j, "echo two three");
	assert_int_equal(stats_of(r).n_done, 1);
	rig_free(r);
}

/* Nothing is up yet: all of it waits here. */
static void input_is_kept_until_there_is_a_worker(void **state)
{
	struct work_opts o = one_worker();
	struct rig *r = rig_new(&o);
	struct job whole, early, late;

	open_task(&early, r, "a");
	feed(&early, "echo ");
	feed(&early, "early ");
	open_with(&whole, r, "b", &job_cbs);
	feed(&whole, "echo ");
	finish(&whole, "whole");
	open_task(&late, r, "c");
	assert_int_equal(stats_of(r).n_free, 0);
	while (early.pieces_len[1] < 11)
		wait_piece(&early);
	assert_int_equal(stats_of(r).n_queued, 2);
	feed(&late, "echo ");
	finish(&early, "bird");
	expect_done(&early, "echo early bird");
	finish(&late, "late");
	expect_done(&whole, "echo whole");
	expect_done(&late, "echo late");
	rig_free(r);
}

static void same_bytes_streamed_and_whole_kept_and_passed_on(void **state)
{
	static const char text[] = "pieces of what was fed";
	struct rig *r = rig_new(&rig_opts);
	struct work_spec spec;
	struct blob *in = blob_new(text, strlen(text), NULL);
	struct job j;

	open_with(&j, r, "a", &job_cbs);
	finish(&j, text);
	rig_wait(r, &j.ended);
	assert_non_null(j.last.data);
	expect_done(&j, text);
	spec = rig_spec("a", in, 20000);
	j = (struct job){ .rig = r };
	assert_non_null(work_task_start(r->pool, &spec, &piece_cbs, &j, NULL));
	rig_wait(r, &j.ended);
	assert_null(j.last.data);
	assert_true(j.n_pieces >= 4);
	expect_done(&j, text);
	job_run(&j, r, "a", text);
	expect_done(&j, text);
	blob_unref(in);
	rig_free(r);
}

static void stream_keeps_its_worker(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct job j;
	int pid = begin_at_work(&j, r, NULL);

	work_task_finish(j.task, 2000, 30000);
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_NONE);
	job_fini(&j);
	assert_int_equal(begin_at_work(&j, r, NULL), pid);
	work_task_cancel(j.task);
	job_fini(&j);
	rig_free(r);
}

static void largest_input_comes_back_and_no_more_is_taken(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	uint8_t *big = malloc(SEGMENT_BYTES_MAX);
	size_t i, n, step = 1;
	struct job j;

	for (i = 0; i < SEGMENT_BYTES_MAX; i++)
		big[i] = (uint8_t)(i * 2654435761u >> 13);
	big[0] = ' ';
	open_task(&j, r, "a");
	for (i = 0; i < SEGMENT_BYTES_MAX; i += n) {
		n = SEGMENT_BYTES_MAX - i < step ? SEGMENT_BYTES_MAX - i : step;
		assert_int_equal(work_task_feed(j.task, big + i, n, NULL), 0);
		if (step % 3 == 0)
			rig_pause(r, 0);
		step = step < 200000 ? step * 3 / 2 + 1 : 3;
	}
	assert_int_equal(work_task_feed(j.task, big, 1, &j.err), -1);
	assert_int_equal(j.err.code, ERR_LIMIT);
	j.err.code = ERR_NONE;
	work_task_finish(j.task, 60000, 60000);
	assert_int_equal(work_task_feed(j.task, big, 0, &j.err), -1);
	assert_int_equal(j.err.code, ERR_INVALID);
	j.err.code = ERR_NONE;
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.len, SEGMENT_BYTES_MAX);
	assert_memory_equal(j.text, big, SEGMENT_BYTES_MAX);
	job_fini(&j);
	free(big);
	rig_free(r);
}

/* ---- it is refused ---- */

static void absurd_streamed_task_is_refused_at_once(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct work_spec spec = rig_spec("a", NULL, 0);
	struct err err;

	spec.fmp4 = true;
	assert_null(work_task_start(r->pool, &spec, &piece_cbs, NULL, &err));
	assert_int_equal(err.code, ERR_INVALID);
	spec.fmp4 = false;
	spec.kind = TASK_PROBE;
	assert_null(work_task_start(r->pool, &spec, &piece_cbs, NULL, &err));
	assert_int_equal(err.code, ERR_INVALID);
	rig_free(r);
}

static void absurd_end_fails_from_the_loop(void **state)
{
	struct work_opts o = one_worker();
	struct rig *r = rig_new(&o);
	struct job empty, waits, lasts;

	open_task(&empty, r, "a");
	rig_pause(r, 50);
	open_task(&waits, r, "b");
	open_task(&lasts, r, "c");
	feed(&lasts, "echo");
	work_task_finish(empty.task, 2000, 10000);
	work_task_finish(waits.task, 2000, 10000);
	work_task_finish(lasts.task, SEGMENT_MS_MAX + 1, 10000);
	assert_false(empty.ended || waits.ended || lasts.ended);
	expect_failed(&empty, ERR_INVALID, "empty");
	expect_failed(&waits, ERR_INVALID, "empty");
	expect_failed(&lasts, ERR_INVALID, "too long");
	assert_int_equal(stats_of(r).n_crashed, 0);
	expect_well(r);
	rig_free(r);
}

static void whole_task_takes_no_feed(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct job j;
	struct err err;

	job_begin(&j, r, "a", "echo");
	assert_int_equal(work_task_feed(j.task, (const uint8_t *)"x", 1, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	work_task_finish(j.task, 1, 1);
	expect_done(&j, "echo");
	rig_free(r);
}

/* ---- it goes wrong ---- */

static void killed_worker_ends_the_task_and_is_replaced(void **state)
{
	struct work_opts o = one_worker();
	struct rig *r = rig_new(&o);
	struct job j;
	int pid = begin_at_work(&j, r, NULL), i;

	feed(&j, "more ");
	signal_one(pid, SIGKILL);
	for (i = 0; i < 100 && !j.ended; i++) {
		feed(&j, "and more ");	/* goes nowhere */
		rig_pause(r, 1);
	}
	rig_wait(r, &j.ended);
	assert_int_equal(j.st.n_tries, 1);
	expect_failed(&j, ERR_IO, "the worker died: ");
	assert_int_equal(stats_of(r).n_crashed, 1);
	assert_int_equal(stats_of(r).n_retried, 0);
	assert_int_equal(stats_of(r).n_failed, 1);
	expect_well(r);
	rig_free(r);
}

static void broken_streamed_workers_get_one_try(void **state)
{
	static const char *const words[] = { "crash ", "garbage ", "early-done ", "exit ",
					     "finish-early " };
	struct rig *r = rig_new(&rig_opts);
	struct job j;
	size_t i;

	for (i = 0; i < 5; i++) {
		open_task(&j, r, "a");
		feed(&j, words[i]);
		rig_wait(r, &j.ended);
		assert_int_equal(j.st.n_tries, 1);
		expect_failed(&j, ERR_IO, i == 4 ? "before its input was whole" : "the worker died");
		assert_int_equal(stats_of(r).n_crashed, i + 1);
	}
	expect_well(r);
	rig_free(r);
}

static void one_try_when_asked_for_or_when_pieces_are_gone(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct blob *in = blob_new("crash", 5, NULL);
	struct work_spec spec = rig_spec("a", in, 20000);
	struct job j = { .rig = r };

	spec.max_tries = 1;
	assert_non_null(work_task_start(r->pool, &spec, &job_cbs, &j, NULL));
	rig_wait(r, &j.ended);
	assert_int_equal(j.st.n_tries, 1);
	expect_failed(&j, ERR_IO, "the worker died");
	j = (struct job){ .rig = r };
	spec.max_tries = 2;
	assert_non_null(work_task_start(r->pool, &spec, &piece_cbs, &j, NULL));
	rig_wait(r, &j.ended);
	assert_int_equal(j.st.n_tries, 1);
	expect_failed(&j, ERR_IO, "the worker died");
	j = (struct job){ .rig = r };
	assert_non_null(work_task_start(r->pool, &spec, &job_cbs, &j, NULL));
	rig_wait(r, &j.ended);
	assert_int_equal(j.st.n_tries, 2);
	expect_failed(&j, ERR_INVALID, "twice");
	blob_unref(in);
	rig_free(r);
}

/* Frozen, it reads nothing: a segment waits here, and no more. */
static void stopped_worker_times_out_after_the_end_of_input(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	uint8_t zero[1880] = { 0 };
	struct job j;
	int pid = begin_at_work(&j, r, NULL), i;

	signal_one(pid, SIGSTOP);
	for (i = 0; i < 17000; i++)
		assert_int_equal(work_task_feed(j.task, zero, sizeof(zero), NULL), 0);
	rig_pause(r, 100);
	assert_false(j.ended);
	work_task_finish(j.task, 2000, 200);
	rig_wait(r, &j.ended);
	assert_int_equal(j.st.n_tries, 1);
	expect_failed(&j, ERR_TIMEOUT, "did not finish in time");
	assert_int_equal(stats_of(r).n_hung, 1);
	wait_gone(r, pid);
	expect_well(r);
	rig_free(r);
}

static void finished_task_that_finds_no_worker_times_out(void **state)
{
	struct work_opts o = one_worker();
	struct rig *r = rig_new(&o);
	struct job busy, late;

	begin_at_work(&busy, r, NULL);
	open_task(&late, r, "b");
	feed(&late, "echo");
	work_task_finish(late.task, 2000, 30);
	expect_failed(&late, ERR_TIMEOUT, "no worker was free");
	work_task_finish(busy.task, 2000, 10000);
	rig_wait(r, &busy.ended);
	assert_int_equal(busy.err.code, ERR_NONE);
	job_fini(&busy);
	rig_free(r);
}

static void input_that_never_ends_times_out(void **state)
{
	struct rig *r;
	struct job j;
	int i;

	if (!getenv("TEST_LONG"))
		skip();		/* 65 s */
	r = rig_new(&rig_opts);
	begin_at_work(&j, r, NULL);
	for (i = 0; i < 14 && !j.ended; i++)
		rig_pause(r, 5000);
	expect_failed(&j, ERR_TIMEOUT, "did not come in time");
	assert_int_equal(stats_of(r).n_hung, 0);
	expect_well(r);
	rig_free(r);
}

static void bad_input_ends_the_task_while_it_is_open(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	struct job j;
	int i;

	for (i = 0; i < 3; i++) {
		open_task(&j, r, "a");
		feed(&j, "bad ");
		feed(&j, "and more of it, which nobody reads");
		if (i == 1)
			work_task_finish(j.task, 2000, 10000);
		if (i == 2)
			rig_pause(r, 5);
		if (i == 2 && !j.ended)
			feed(&j, "late");
		rig_wait(r, &j.ended);
		assert_int_equal(j.st.n_tries, 1);
		expect_failed(&j, ERR_INVALID, "picture");
	}
	open_task(&j, r, "a");
	finish(&j, "bad-end ");
	expect_failed(&j, ERR_INVALID, "cut off");
	assert_int_equal(stats_of(r).n_crashed, 0);
	expect_well(r);
	rig_free(r);
}

/* Its own calls from its own callbacks. */
static void on_done_feed(void *arg, const struct work_stats *st, const struct err *err)
{
	struct job *j = arg;

	assert_int_equal(work_task_feed(j->task, (const uint8_t *)"x", 1, NULL), 0);
	work_task_finish(j->task, 1, 1);
	job_on_done(arg, st, err);
}

static void feed_from_the_last_callback_is_dropped(void **state)
{
	static const struct work_cb cb = { .piece = job_on_piece, .rendition = job_on_rendition,
					   .done = on_done_feed };
	struct rig *r = rig_new(&rig_opts);
	struct job j;

	open_with(&j, r, "a", &cb);
	feed(&j, "bad ");
	expect_failed(&j, ERR_INVALID, "picture");
	open_with(&j, r, "a", &cb);
	finish(&j, "echo");
	expect_done(&j, "echo");
	rig_free(r);
}

static void on_piece_go_on(void *arg, size_t index, const uint8_t *data, size_t len)
{
	struct job *j = arg;

	job_on_piece(arg, index, data, len);
	if (index > 0)
		return;
	if (j->pieces_len[0] < 20)
		feed(j, "more ");
	else
		work_task_finish(j->task, 2000, 10000);
}

static void pieces_may_bring_more_input(void **state)
{
	static const struct work_cb cb = { .piece = on_piece_go_on, .rendition = job_on_rendition,
					   .done = job_on_done };
	struct rig *r = rig_new(&rig_opts);
	struct job j;

	open_with(&j, r, "a", &cb);
	feed(&j, "echo ");
	expect_done(&j, "echo more more more ");
	rig_free(r);
}

static void on_piece_cancel(void *arg, size_t index, const uint8_t *data, size_t len)
{
	struct job *j = arg;

	job_on_piece(arg, index, data, len);
	work_task_cancel(j->task);
}

static void cancel_in_a_piece_is_the_end_of_them(void **state)
{
	static const struct work_cb cb = { .piece = on_piece_cancel, .rendition = job_on_rendition,
					   .done = job_on_done };
	struct work_opts o = one_worker();
	struct rig *r = rig_new(&o);
	struct blob *in = blob_new("pieces of it", 12, NULL);
	struct work_spec spec = rig_spec("a", in, 20000);
	struct job j = { .rig = r };

	/* All four pieces and the end come in one read. */
	j.task = work_task_start(r->pool, &spec, &cb, &j, NULL);
	rig_wait(r, &j.has_piece);
	rig_pause(r, 20);
	assert_int_equal(j.n_pieces, 1);
	assert_false(j.ended);
	job_fini(&j);
	expect_well(r);
	blob_unref(in);
	rig_free(r);
}

static void cancel_kills_in_every_state(void **state)
{
	static const char *const words[] = { "echo ", "crash ", "garbage ", "bad ", "stop " };
	struct rig *r = rig_new(&rig_opts);
	struct job j;
	int i, pid = begin_at_work(&j, r, NULL);

	feed(&j, "more");
	work_task_cancel(j.task);
	wait_gone(r, pid);
	assert_false(j.ended);
	job_fini(&j);
	for (i = 0; i < 60; i++) {
		open_task(&j, r, "a");
		feed(&j, words[i % 5]);
		rig_pause(r, (uint64_t)(i / 15));
		if (!j.ended && i % 2)
			finish(&j, "more");
		if (!j.ended)
			work_task_cancel(j.task);
		job_fini(&j);
	}
	expect_well(r);
	rig_free(r);
}

static void zygote_that_dies_ends_what_cannot_be_repeated(void **state)
{
	struct work_opts o = one_worker();
	struct rig *r = rig_new(&o);
	struct job runs, waits;
	int zygote;

	begin_at_work(&runs, r, &zygote);
	open_task(&waits, r, "b");
	feed(&waits, "echo ");
	signal_one(zygote, SIGKILL);
	expect_failed(&runs, ERR_IO, "the worker died: ");
	finish(&waits, "on");
	expect_done(&waits, "echo on");
	rig_free(r);
}

static void close_ends_streamed_tasks(void **state)
{
	struct work_opts o = one_worker();
	struct rig *r = rig_new(&o);
	struct job runs, waits;
	int pid = begin_at_work(&runs, r, NULL);

	open_task(&waits, r, "b");
	feed(&waits, "echo ");
	work_pool_close(r->pool, rig_on_closed, r);
	feed(&runs, "more");
	feed(&waits, "more");
	rig_wait(r, &r->closed);
	expect_failed(&runs, ERR_INTERNAL, "shutting down");
	expect_failed(&waits, ERR_INTERNAL, "shutting down");
	rig_free(r);
	assert_true(is_gone(pid));
}

/* ---- devices ---- */

static void workers_are_told_their_device(void **state)
{
	struct work_opts o = rig_opts;
	struct rig *r = rig_new(&o);
	struct job j;

	job_run(&j, r, "a", "device");
	expect_done(&j, "none");
	rig_free(r);
	o.device = "vaapi:/dev/dri/renderD128";
	r = rig_new(&o);
	job_run(&j, r, "a", "device");
	expect_done(&j, o.device);
	rig_free(r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_come_while_the_input_is_open),
		cmocka_unit_test(input_is_kept_until_there_is_a_worker),
		cmocka_unit_test(same_bytes_streamed_and_whole_kept_and_passed_on),
		cmocka_unit_test(stream_keeps_its_worker),
		cmocka_unit_test(largest_input_comes_back_and_no_more_is_taken),
		cmocka_unit_test(absurd_streamed_task_is_refused_at_once),
		cmocka_unit_test(absurd_end_fails_from_the_loop),
		cmocka_unit_test(whole_task_takes_no_feed),
		cmocka_unit_test(killed_worker_ends_the_task_and_is_replaced),
		cmocka_unit_test(broken_streamed_workers_get_one_try),
		cmocka_unit_test(one_try_when_asked_for_or_when_pieces_are_gone),
		cmocka_unit_test(stopped_worker_times_out_after_the_end_of_input),
		cmocka_unit_test(finished_task_that_finds_no_worker_times_out),
		cmocka_unit_test(input_that_never_ends_times_out),
		cmocka_unit_test(bad_input_ends_the_task_while_it_is_open),
		cmocka_unit_test(feed_from_the_last_callback_is_dropped),
		cmocka_unit_test(pieces_may_bring_more_input),
		cmocka_unit_test(cancel_in_a_piece_is_the_end_of_them),
		cmocka_unit_test(cancel_kills_in_every_state),
		cmocka_unit_test(zygote_that_dies_ends_what_cannot_be_repeated),
		cmocka_unit_test(close_ends_streamed_tasks),
		cmocka_unit_test(workers_are_told_their_device),
	};

	if (argc > 1 && strcmp(argv[1], WORK_ZYGOTE_ARG) == 0)
		return work_zygote_main(argc, argv);
	log_setup(LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
