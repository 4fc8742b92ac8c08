/* The transcoder before a made-up orchestrator, with a ladder that misbehaves when told. */
#include "test/node/farm/boss.h"
#include "test/node/work/fake_ladder.h"

#include <jansson.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/work/gpuprobe.h"

/* ---- joining ---- */

static void both_prove_the_secret_and_load_is_told(void **state)
{
	struct boss *b = boss_joined(&boss_opts);
	unsigned n;

	assert_int_equal(b->n_proofs, 1);
	assert_int_equal(b->n_bad_proofs, 0);
	assert_int_equal(b->joined_with.version, 1);
	assert_string_equal(b->joined_with.codec_profile, "codec-1");
	assert_int_equal(b->load.capacity, 1000000000);
	assert_int_equal(b->load.slots, 2);
	assert_int_equal(b->load.running, 0);
	assert_int_equal(b->load.cores, 2);
	assert_non_null(strstr(b->load.hardware, "2 cores"));
	assert_int_equal(b->load.n_devices, 0);
	n = b->n_loads;
	boss_until(b, b->n_loads >= n + 2);	/* from time to time */
	boss_free(b);
}

static void one_in_this_process_is_joined_without_proofs(void **state)
{
	struct boss *b = boss_local(&boss_opts);

	boss_until_joined(b);
	assert_int_equal(b->n_proofs, 0);
	assert_int_equal(b->n_joins, 1);
	boss_free(b);
}

static void nothing_is_said_before_workers_are_up(void **state)
{
	struct boss *b = boss_new(&boss_opts);

	boss_listen(b);
	boss_call(b, NULL);
	assert_false(transcoder_is_ready(b->t));
	boss_until(b, b->n_conns);
	assert_true(transcoder_is_ready(b->t));
	boss_until_joined(b);
	boss_free(b);
}

static void another_secret_is_refused_and_tried_again(void **state)
{
	struct boss *b = boss_new(&boss_opts);

	farm_secret_free(b->other_secret);
	b->other_secret = boss_secret(b, "the secret of another farm");
	boss_listen(b);
	boss_call(b, NULL);
	boss_until(b, b->n_bad_proofs == 2);
	assert_false(transcoder_is_joined(b->t));
	boss_free(b);
}

static void who_does_not_know_the_secret_gives_no_work(void **state)
{
	struct boss *b = boss_new(&boss_opts);

	b->manner = FALSE_PROOF;
	boss_listen(b);
	boss_call(b, NULL);
	boss_until(b, b->n_closed);
	assert_false(transcoder_is_joined(b->t));
	assert_int_equal(b->n_accepted, 1);
	assert_int_equal(b->n_loads, 0);
	assert_int_equal(access(b->pins, F_OK), -1);	/* nor is it trusted */
	b->manner = HONEST;
	boss_until_joined(b);	/* the right one is waited for */
	boss_free(b);
}

static void proof_of_another_connection_is_worth_nothing(void **state)
{
	struct boss *b = boss_joined(&boss_opts);

	b->manner = OLD_PROOF;
	boss_vanish(b);
	boss_until(b, b->n_accepted == 2 && b->n_closed == 1);
	assert_false(transcoder_is_joined(b->t));
	boss_free(b);
}

static void confused_orchestrators_are_left(void **state)
{
	static const enum manner manners[] = { HASTY, MEDIA, GARBAGE };
	struct boss *b;
	size_t i;

	for (i = 0; i < 3; i++) {
		b = boss_new(&boss_opts);
		b->manner = manners[i];
		boss_listen(b);
		boss_call(b, NULL);
		boss_until(b, b->n_closed);
		assert_false(transcoder_is_joined(b->t));
		assert_int_equal(b->n_proofs, 0);
		boss_free(b);
	}
}

static void orchestrator_that_says_nothing_is_left(void **state)
{
	struct boss *b = boss_new(&boss_opts);

	b->manner = MUTE;
	boss_listen(b);
	boss_call(b, NULL);
	clock_fake(1000, 0);
	boss_until(b, b->n_joins);
	boss_pause(b, 1100);
	assert_int_equal(b->n_closed, 0);
	clock_fake(7000, 0);
	boss_until(b, b->n_closed);
	clock_fake(-1, 0);
	assert_false(transcoder_is_joined(b->t));
	assert_int_equal(b->n_joins, 1);
	boss_free(b);
}

static void refused_one_comes_back_when_it_was_told_to(void **state)
{
	struct boss *b = boss_new(&boss_opts);

	b->manner = BUSY;
	boss_listen(b);
	boss_call(b, NULL);
	boss_until_joined(b);
	assert_int_equal(b->n_conns, 2);
	assert_true(b->back_at - b->refused_at >= 1400);
	boss_free(b);
}

static void orchestrator_may_end_a_membership(void **state)
{
	struct boss *b = boss_joined(&boss_opts);

	boss_refuse(b, REFUSE_BUSY, 1000, "go away for a while");
	boss_until(b, b->n_closed);
	assert_false(transcoder_is_joined(b->t));
	b->n_loads = 0;
	boss_until_joined(b);
	peer_channel_close(b->join);	/* without a word */
	b->join = NULL;
	boss_until(b, b->n_closed == 2);
	assert_false(transcoder_is_joined(b->t));
	boss_free(b);
}

/* ---- trust ---- */

static bool is_pinned(struct boss *b, const struct sig_key *key)
{
	struct eth_addr a, want = sig_key_addr(key);
	bool found;

	assert_int_equal(pins_find(b->pins, b->at, &found, &a, NULL), 0);
	return found && eth_addr_equal(&a, &want);
}

static void first_orchestrator_is_pinned(void **state)
{
	struct boss *b = boss_new(&boss_opts);

	boss_until(b, transcoder_is_ready(b->t));
	boss_listen(b);
	boss_call(b, NULL);
	boss_until_joined(b);
	boss_until(b, is_pinned(b, b->key));
	boss_vanish(b);
	b->n_loads = 0;
	boss_until_joined(b);
	boss_free(b);
}

/* Handshakes that the transcoder broke off. */
static unsigned n_bad(const struct boss *b)
{
	struct peer_stats st;

	peer_ctx_stats(b->other_ctx, &st);
	return (unsigned)st.n_bad;
}

static void another_one_than_the_pinned_is_not_joined(void **state)
{
	struct boss *b = boss_new(&boss_opts);
	struct eth_addr other = { { 9 } };

	boss_listen(b);
	assert_int_equal(pins_add(b->pins, b->at, &other, NULL), 0);
	boss_call(b, NULL);
	boss_until(b, n_bad(b) >= 3);	/* tried again and again */
	assert_int_equal(b->n_conns, 0);
	assert_int_equal(b->n_joins, 0);
	boss_free(b);
}

static void named_orchestrator_needs_no_pin(void **state)
{
	struct boss *b = boss_new(&boss_opts);
	struct eth_addr a = sig_key_addr(b->key), other = { { 9 } };
	char named[128], hex[43], at[64];
	struct err err;

	boss_listen(b);
	assert_int_equal(pins_add(b->pins, b->at, &other, NULL), 0);
	eth_addr_fmt(hex, &a);
	snprintf(named, sizeof(named), "%s@%s", hex, b->at);
	assert_int_equal(transcoder_join(b->t, b->other_ctx, named, &other, b->other_secret,
					 b->pins, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	strcpy(at, b->at);
	assert_int_equal(transcoder_join(b->t, b->other_ctx, named, NULL, b->other_secret, b->pins,
					 &err), 0);
	boss_until_joined(b);
	assert_string_equal(at, b->at);
	boss_free(b);
}

static void damaged_pins_are_not_taken_for_none(void **state)
{
	struct boss *b = boss_new(&boss_opts);
	struct err err;
	FILE *f;

	boss_listen(b);
	f = fopen(b->pins, "w");
	fputs("rubbish\n", f);
	fclose(f);
	assert_int_equal(transcoder_join(b->t, b->other_ctx, b->at, NULL, b->other_secret, b->pins,
					 &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	boss_free(b);
}

/* ---- tasks ---- */

static void expect_input(const struct job *j, const void *data, size_t len)
{
	struct hash32 h = hash_sha256(data, len);
	size_t i;

	assert_int_equal(j->err.code, ERR_NONE);
	if (j->done.code)
		fail_msg("%d: %s", j->done.code, j->done.reason);
	assert_int_equal(j->n_tails, 2);
	for (i = 0; i < 2; i++) {
		assert_int_equal(j->out[i].len, len);
		assert_memory_equal(j->out[i].data, data, len);
		assert_int_equal(j->tail[i].len, len);
		assert_memory_equal(&j->tail[i].data_hash, &h, sizeof(h));
		assert_int_equal(j->tail[i].n_video, 60);
		assert_int_equal(j->tail[i].width, i ? 426 : 640);
	}
	assert_int_equal(j->done.n_decoded, 60);
	assert_int_equal(j->done.width, 1280);
}

static void do_tasks(struct boss *b)
{
	size_t len = 3000000, i;	/* more than a window */
	uint8_t *data = xmalloc(len);
	struct msg_task m = job_task("a");
	struct job *j;

	for (i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 7 + (i >> 9));
	memcpy(data, "media ", 6);
	for (i = 0; i < 4; i++) {
		m.streamed = i % 2 == 0;
		m.fmp4 = i >= 2;	/* gathered first */
		j = job_give(b, &m, data, len);
		job_wait(j);
		expect_input(j, data, len);
		job_free(j);
	}
	free(data);
}

static void tasks_are_done_over_tcp(void **state)
{
	struct boss *b = boss_joined(&boss_opts);

	do_tasks(b);
	boss_free(b);
}

static void tasks_are_done_in_this_process(void **state)
{
	struct boss *b = boss_local(&boss_opts);

	boss_until_joined(b);
	do_tasks(b);
	boss_free(b);
}

static void remux_and_probe_are_done_too(void **state)
{
	struct boss *b = boss_joined(&boss_opts);
	struct msg_task m = job_task("a");
	struct job *j;

	m.streamed = false;
	m.profiles.n = 0;
	m.kind = TASK_TO_MP4;
	j = job_give(b, &m, "media", 5);
	job_wait(j);
	assert_int_equal(j->done.code, 0);
	assert_int_equal(j->n_tails, 1);
	assert_true(j->tail[0].fmp4);
	assert_int_equal(j->tail[0].init_len, 1);
	assert_memory_equal(j->out[0].data, "media", 5);
	job_free(j);
	m.kind = TASK_PROBE;
	j = job_give(b, &m, "media", 5);
	job_wait(j);
	assert_int_equal(j->done.code, 0);
	assert_int_equal(j->n_tails, 0);
	assert_int_equal(j->done.width, 640);
	job_free(j);
	boss_free(b);
}

static void failures_are_answered_not_tried_again(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} bad[] = {
		{ "bad ", ERR_INVALID }, { "crash ", ERR_IO }, { "no-memory ", ERR_INTERNAL },
		{ "crash-first ", ERR_IO }, { "media", ERR_NONE },
	};
	struct boss *b = boss_joined(&boss_opts);
	struct job *j;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		j = job_give_text(b, bad[i].text, bad[i].text);
		job_wait(j);
		assert_true(j->is_done);
		if (strcmp(bad[i].text, "crash-first ") == 0 && j->done.code == 0)
			;	/* a worker before it has run already */
		else
			assert_int_equal(j->done.code, bad[i].code);
		assert_int_equal(j->err.code, ERR_NONE);
		if (bad[i].code)
			assert_true(j->done.reason[0] || j->done.code == 0);
		job_free(j);
	}
	boss_free(b);
}

static void hang_ends_at_the_deadline(void **state)
{
	struct boss *b = boss_joined(&boss_opts);
	struct msg_task m = job_task("a");
	struct job *j;

	m.deadline_ms = 300;
	j = job_give(b, &m, "spin ", 5);
	job_wait(j);
	assert_int_equal(j->done.code, ERR_TIMEOUT);
	job_free(j);
	boss_free(b);
}

static void task_beyond_the_slots_is_answered_as_busy(void **state)
{
	struct boss *b = boss_joined(&boss_opts);
	struct msg_task m = job_task("a");
	struct job *open[2], *third, *again;
	size_t i;

	for (i = 0; i < 2; i++) {
		open[i] = job_open(b);
		job_say_task(open[i], &m);
	}
	third = job_give_text(b, "c", "media");
	job_wait(third);
	assert_int_equal(third->done.code, ERR_BUSY);
	assert_int_equal(third->err.code, ERR_NONE);
	boss_until(b, b->load.running == 2);
	peer_channel_close(open[0]->ch);	/* given up: its slot is free */
	open[0]->ch = NULL;
	boss_until(b, b->load.running == 1);
	again = job_give_text(b, "c", "media");
	job_wait(again);
	assert_int_equal(again->done.code, 0);
	job_free(open[0]);
	job_free(open[1]);
	job_free(third);
	job_free(again);
	boss_free(b);
}

static void input_that_does_not_come_is_given_up(void **state)
{
	struct boss *b = boss_joined(&boss_opts);
	struct msg_task m = job_task("a");
	struct job *silent = job_open(b), *whole;

	m.streamed = false;
	m.fmp4 = true;
	m.len = 1000;
	whole = job_open(b);
	clock_fake(1000, 0);
	job_say_task(whole, &m);
	peer_channel_data(whole->ch, (const uint8_t *)"media", 5);
	boss_until(b, b->load.running == 1);
	clock_fake(1000 + 60000 + 14000, 0);
	job_wait(silent);
	assert_int_equal(silent->err.code, ERR_INVALID);
	assert_false(whole->is_closed);
	clock_fake(1000 + 60000 + 16000, 0);
	job_wait(whole);
	assert_int_equal(whole->err.code, ERR_INVALID);
	clock_fake(-1, 0);
	job_free(silent);
	job_free(whole);
	boss_free(b);
}

/* ---- tasks against the rules ---- */

static void expect_abort(struct boss *b, struct job *j, const char *text)
{
	job_wait(j);
	assert_false(j->is_done);
	assert_int_equal(j->err.code, ERR_INVALID);
	if (!strstr(j->err.msg, text))
		fail_msg("'%s' does not say '%s'", j->err.msg, text);
	job_free(j);
	assert_true(transcoder_is_joined(b->t));
}

static struct job *began(struct boss *b, struct msg_task *m)
{
	struct job *j = job_open(b);

	job_say_task(j, m);
	return j;
}

static void task_against_the_rules_ends_its_channel_alone(void **state)
{
	struct boss *b = boss_joined(&boss_opts);
	struct msg_task m = job_task("a"), whole = m;
	uint8_t bytes[100] = "media";
	struct buf garbage;
	struct job *j;

	whole.streamed = false;
	whole.len = 50;

	j = job_open(b);
	peer_channel_data(j->ch, bytes, 10);
	expect_abort(b, j, "input at the wrong time");

	j = job_open(b);
	job_say_end(j, 10);
	expect_abort(b, j, "unexpected message");

	j = began(b, &m);
	job_say_task(j, &m);
	expect_abort(b, j, "unexpected message");

	j = began(b, &whole);
	job_say_end(j, 50);
	expect_abort(b, j, "unexpected message");

	j = began(b, &whole);
	peer_channel_data(j->ch, bytes, 51);
	expect_abort(b, j, "more input");

	j = began(b, &m);
	peer_channel_data(j->ch, bytes, 51);
	job_say_end(j, 50);
	expect_abort(b, j, "another length");

	whole.len = 0;
	expect_abort(b, began(b, &whole), "without input");

	buf_init(&garbage, 16);
	buf_add_str(&garbage, "\xff\xff\xff");
	j = job_open(b);
	job_say(j, MSG_TASK, &garbage);
	buf_fini(&garbage);
	job_wait(j);
	assert_int_equal(j->err.code, ERR_INVALID);
	job_free(j);

	j = job_give_text(b, "a", "media");	/* as if nothing had been */
	job_wait(j);
	assert_int_equal(j->done.code, 0);
	job_free(j);
	boss_until(b, b->load.running == 0);
	boss_free(b);
}

static void no_task_is_taken_before_the_proof(void **state)
{
	struct boss *b = boss_new(&boss_opts);

	b->manner = EARLY;
	boss_listen(b);
	boss_call(b, NULL);
	boss_until(b, b->early && b->early->is_closed);
	assert_int_equal(b->early->err.code, ERR_DENIED);
	job_free(b->early);
	boss_until_joined(b);
	boss_free(b);
}

/* ---- the end ---- */

static void lost_connection_ends_its_tasks_and_comes_back(void **state)
{
	struct boss *b = boss_joined(&boss_opts);
	struct msg_task m = job_task("a");
	struct job *j[2], *after;

	j[0] = job_give_text(b, "a", "stop ");
	j[1] = began(b, &m);
	peer_channel_data(j[1]->ch, (const uint8_t *)"media", 5);
	boss_until(b, b->load.running == 2);
	boss_vanish(b);
	j[0]->ch = j[1]->ch = NULL;
	b->n_loads = 0;
	boss_until_joined(b);
	assert_int_equal(b->load.running, 0);
	after = job_give_text(b, "b", "media");
	job_wait(after);
	assert_int_equal(after->done.code, 0);
	job_free(j[0]);
	job_free(j[1]);
	job_free(after);
	boss_free(b);
}

static void drain_finishes_what_runs_and_takes_no_more(void **state)
{
	struct boss *b = boss_joined(&boss_opts);
	struct msg_task m = job_task("a");
	struct job *running = began(b, &m), *late = job_open(b);

	boss_until(b, b->load.running == 1);
	assert_false(transcoder_is_idle(b->t));
	transcoder_drain(b->t);
	transcoder_drain(b->t);
	boss_until(b, b->n_goaway == 1);
	assert_null(peer_channel_open(b->conn, &job_cb, late, NULL));
	job_say_task(late, &m);		/* its channel is older */
	job_wait(late);
	assert_int_equal(late->done.code, ERR_BUSY);
	assert_false(transcoder_is_idle(b->t));
	peer_channel_data(running->ch, (const uint8_t *)"media", 5);
	job_say_end(running, 5);
	job_wait(running);
	expect_input(running, "media", 5);
	boss_until(b, transcoder_is_idle(b->t));
	boss_vanish(b);			/* and is not looked for any more */
	boss_until(b, !transcoder_is_joined(b->t));
	boss_pause(b, 400);
	assert_int_equal(b->n_conns, 1);
	job_free(late);
	job_free(running);
	boss_free(b);
}

static void drain_before_joining_is_the_end_of_it(void **state)
{
	struct boss *b = boss_new(&boss_opts);

	boss_listen(b);
	boss_call(b, NULL);
	transcoder_drain(b->t);
	assert_true(transcoder_is_idle(b->t));
	boss_until(b, transcoder_is_ready(b->t));
	boss_pause(b, 100);
	assert_int_equal(b->n_conns, 0);
	boss_free(b);
}

static void it_may_be_closed_at_any_time(void **state)
{
	struct transcoder_opts measured = boss_opts;
	struct boss *b = boss_new(&boss_opts);
	struct job *j;

	boss_free(b);				/* at once */
	measured.capacity = 0;
	b = boss_new(&measured);
	boss_free(b);				/* while measuring */
	b = boss_new(&boss_opts);
	boss_listen(b);
	boss_call(b, NULL);
	boss_until(b, b->n_conns);
	boss_free(b);				/* while joining */
	b = boss_local(&boss_opts);
	boss_free(b);				/* before its peer said anything */
	b = boss_joined(&boss_opts);
	j = job_give_text(b, "a", "stop ");
	boss_until(b, b->load.running == 1);
	transcoder_close(b->t);			/* at work */
	job_wait(j);
	job_free(j);
	boss_free(b);
}

/* ---- capacity ---- */

static void capacity_is_measured(void **state)
{
	struct transcoder_opts o = boss_opts;
	struct boss *b;

	o.capacity = 0;
	b = boss_local(&o);
	boss_until_joined(b);
	/* 3 rungs of 60 pictures in 4 ms, says this ladder, on 2 cores */
	assert_int_equal(b->load.capacity / 1000000, 3919);
	boss_free(b);
}

static void capacity_follows_the_work(void **state)
{
	struct transcoder_opts o = boss_opts;
	struct boss *b;
	struct job *j;
	uint64_t before;

	o.capacity = 0;
	b = boss_local(&o);
	boss_until_joined(b);
	before = b->load.capacity;
	/* 60 pictures of 640x360 and 426x240 in 100 ms of CPU: slower than before */
	j = job_give_text(b, "a", "slow ");
	job_wait(j);
	assert_int_equal(j->done.cpu_ms, 100);
	boss_until(b, b->load.capacity != before);
	assert_in_range(b->load.capacity / 1000000, 3919 * 9 / 10 + 30, 3919 * 9 / 10 + 50);
	job_free(j);
	boss_free(b);
}

/* ---- devices ---- */

static enum err_code code_of(struct boss *b, const char *text)
{
	struct job *j = job_give_text(b, text, text);
	enum err_code code;

	job_wait(j);
	code = (enum err_code)j->done.code;
	job_free(j);
	return code;
}

/* Who did it: the made-up ladder tells. */
static void expect_device(struct boss *b, const char *want)
{
	struct msg_task m = job_task("who");
	struct job *j;

	m.streamed = false;
	m.fmp4 = true;		/* in one piece also on the CPU */
	j = job_give(b, &m, "device", 6);
	job_wait(j);
	assert_int_equal(j->done.code, 0);
	assert_int_equal(j->out[1].len, strlen(want));
	assert_memory_equal(j->out[1].data, want, strlen(want));
	job_free(j);
}

static struct boss *boss_with_device(void)
{
	static const char *const devices[] = { "nvidia:0", NULL };
	struct transcoder_opts o = boss_opts;
	struct boss *b;

	o.devices = devices;
	o.slots = 3;
	o.device_sessions = 4;
	b = boss_joined(&o);
	assert_int_equal(b->load.n_devices, 1);
	assert_string_equal(b->load.device[0].name, "nvidia:0");
	assert_int_equal(b->load.device[0].max_sessions, 4);
	boss_until(b, b->load.device[0].up);
	assert_non_null(strstr(b->load.device[0].what, "h264"));
	return b;
}

static void device_does_what_it_can_and_the_cpu_the_rest(void **state)
{
	struct boss *b = boss_with_device();
	struct msg_task m = job_task("a"), vp9 = job_task("b");
	struct job *j[2], *k;
	uint64_t with = b->load.capacity;
	int i;

	assert_true(with > 1000000000);
	expect_device(b, "nvidia:0");
	for (i = 0; i < 2; i++)
		j[i] = began(b, &m);
	boss_until(b, b->load.device[0].sessions == 4);
	expect_device(b, "none");		/* it is full */
	job_free(j[0]);
	boss_until(b, b->load.device[0].sessions == 2);
	expect_device(b, "nvidia:0");
	job_free(j[1]);
	vp9.streamed = false;
	vp9.profiles.p[0].encoder = ENCODER_VP9;
	k = job_give(b, &vp9, "device", 6);
	job_wait(k);
	/* streamed to the CPU's worker: only a ladder that has it whole tells who it is */
	assert_memory_equal(k->out[1].data, "device", 6);
	job_free(k);
	k = job_give(b, &m, "media", 5);	/* streamed: gathered for the device */
	job_wait(k);
	expect_input(k, "media", 5);
	job_free(k);
	boss_free(b);
}

static void device_that_fails_is_down_for_a_while(void **state)
{
	struct boss *b = boss_with_device();
	struct job *j;
	unsigned i;

	for (i = 0; i < 3; i++) {
		expect_device(b, "nvidia:0");
		/* What it cannot do the CPU is asked for, which cannot either. */
		assert_int_equal(code_of(b, "no-memory "), ERR_INTERNAL);
	}
	/* A success between them: it is not down. */
	assert_true(b->load.device[0].up);
	for (i = 0; i < 3; i++)
		assert_int_equal(code_of(b, "crash "), ERR_IO);
	boss_until(b, !b->load.device[0].up);
	expect_device(b, "none");
	boss_until(b, b->load.device[0].up);	/* a second later */
	expect_device(b, "nvidia:0");
	j = job_give_text(b, "a", "bad ");	/* the input's fault */
	job_wait(j);
	assert_int_equal(j->done.code, ERR_INVALID);
	job_free(j);
	boss_free(b);
}

static void device_that_is_not_there_is_never_up(void **state)
{
	static const char *const devices[] = { "nvidia:9", NULL }, *const none[] = { "toaster", NULL };
	struct transcoder_opts o = boss_opts;
	struct boss *b;
	struct err err;
	unsigned n;

	o.devices = devices;
	b = boss_joined(&o);
	n = b->n_loads;
	boss_until(b, b->n_loads > n + 1);
	assert_false(b->load.device[0].up);
	expect_device(b, "none");
	o.devices = none;
	assert_null(transcoder_new(&b->loop, &o, &err));
	assert_int_equal(err.code, ERR_INVALID);
	boss_free(b);
}

/* What it found is believed where no option says another number. */
static void probe_tells_how_many_renditions(void **state)
{
	static const char *const devices[] = { "nvidia:0", NULL };
	struct transcoder_opts o = boss_opts;
	struct boss *b;

	o.devices = devices;
	b = boss_joined(&o);
	boss_until(b, b->load.device[0].up);
	assert_int_equal(b->load.device[0].max_sessions, 5);
	boss_free(b);
}

#define PROBE_GOOD								\
	"{\"device\":\"nvidia:0\",\"decode_h264\":true,\"decode_hevc\":false,\"scale\":true,"	\
	"\"encode_h264\":true,\"encode_hevc\":false,\"encode_sessions\":5,\"model\":\"Card\"}"
#define PROBE_BAD "{\"code\":7,\"error\":\"no such card\"}"

/* What the probe of a device prints: there is one, "nvidia:0". */
static int fake_probe(const char *device)
{
	bool there = strcmp(device, "nvidia:0") == 0;

	puts(there ? PROBE_GOOD : PROBE_BAD);
	return !there;
}

/* ---- telling ---- */

static void status_and_metrics_are_well_formed(void **state)
{
	struct boss *b = boss_joined(&boss_opts);
	json_t *v, *lanes;
	struct buf text;

	code_of(b, "media");
	buf_init(&text, 1 << 20);
	transcoder_status(b->t, &text);
	v = json_loads(buf_cstr(&text), 0, NULL);
	assert_non_null(v);
	assert_string_equal(json_string_value(json_object_get(v, "orchestrator")), b->at);
	assert_true(json_is_true(json_object_get(v, "joined")));
	assert_int_equal(json_integer_value(json_object_get(v, "done")), 1);
	assert_int_equal(json_integer_value(json_object_get(v, "slots")), 2);
	lanes = json_object_get(v, "lanes");
	assert_int_equal(json_array_size(lanes), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(lanes, 0), "name")),
			    "cpu");
	json_decref(v);
	buf_clear(&text);
	transcoder_metrics(b->t, &text);
	assert_non_null(strstr(buf_cstr(&text), "\nlivepeer_transcoder_joined 1\n"));
	assert_non_null(strstr(buf_cstr(&text), "\nlivepeer_transcoder_tasks_done_total 1\n"));
	assert_non_null(strstr(buf_cstr(&text), "livepeer_transcoder_lane_up{lane=\"cpu\"} 1\n"));
	buf_fini(&text);
	boss_free(b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_prove_the_secret_and_load_is_told),
		cmocka_unit_test(one_in_this_process_is_joined_without_proofs),
		cmocka_unit_test(nothing_is_said_before_workers_are_up),
		cmocka_unit_test(another_secret_is_refused_and_tried_again),
		cmocka_unit_test(who_does_not_know_the_secret_gives_no_work),
		cmocka_unit_test(proof_of_another_connection_is_worth_nothing),
		cmocka_unit_test(confused_orchestrators_are_left),
		cmocka_unit_test(orchestrator_that_says_nothing_is_left),
		cmocka_unit_test(refused_one_comes_back_when_it_was_told_to),
		cmocka_unit_test(orchestrator_may_end_a_membership),
		cmocka_unit_test(first_orchestrator_is_pinned),
		cmocka_unit_test(another_one_than_the_pinned_is_not_joined),
		cmocka_unit_test(named_orchestrator_needs_no_pin),
		cmocka_unit_test(damaged_pins_are_not_taken_for_none),
		cmocka_unit_test(tasks_are_done_over_tcp),
		cmocka_unit_test(tasks_are_done_in_this_process),
		cmocka_unit_test(remux_and_probe_are_done_too),
		cmocka_unit_test(failures_are_answered_not_tried_again),
		cmocka_unit_test(hang_ends_at_the_deadline),
		cmocka_unit_test(task_beyond_the_slots_is_answered_as_busy),
		cmocka_unit_test(input_that_does_not_come_is_given_up),
		cmocka_unit_test(task_against_the_rules_ends_its_channel_alone),
		cmocka_unit_test(no_task_is_taken_before_the_proof),
		cmocka_unit_test(lost_connection_ends_its_tasks_and_comes_back),
		cmocka_unit_test(drain_finishes_what_runs_and_takes_no_more),
		cmocka_unit_test(drain_before_joining_is_the_end_of_it),
		cmocka_unit_test(it_may_be_closed_at_any_time),
		cmocka_unit_test(capacity_is_measured),
		cmocka_unit_test(capacity_follows_the_work),
		cmocka_unit_test(device_does_what_it_can_and_the_cpu_the_rest),
		cmocka_unit_test(device_that_is_not_there_is_never_up),
		cmocka_unit_test(probe_tells_how_many_renditions),
		cmocka_unit_test(device_that_fails_is_down_for_a_while),
		cmocka_unit_test(status_and_metrics_are_well_formed),
	};

	if (argc > 1 && strcmp(argv[1], WORK_ZYGOTE_ARG) == 0)
		return work_zygote_main(argc, argv);
	if (argc > 2 && strcmp(argv[1], GPU_PROBE_ARG) == 0)
		return fake_probe(argv[2]);
	log_setup(LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
