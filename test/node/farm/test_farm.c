#include "test/node/farm/farm_rig.h"

/* ---- the way it should go ---- */

static void check_happy(struct rig *r, struct fake *f)
{
	const struct buf *in = &r->clip.bytes;
	struct fake_task *ft;
	struct job j;
	unsigned i;

	job_start(&j, r, "s");
	ft = wait_task(f, f->n_tasks);
	assert_int_equal(ft->input.len, in->len);
	assert_memory_equal(ft->input.data, in->data, in->len);
	assert_int_equal(ft->end.duration_ms, 2000);
	assert_string_equal(ft->task.stream_key, "s");
	assert_string_equal(ft->task.preset, "superfast");
	assert_true(ft->task.streamed && ft->task.bitexact && ft->task.kind == TASK_TRANSCODE);
	assert_int_equal(ft->task.sequence, 17);
	assert_int_equal(ft->task.max_pixels, 4096 * 2304);
	assert_true(ft->task.deadline_ms > 5000 && ft->task.deadline_ms <= DEADLINE_MS);
	/* renditions take turns, and end in any order */
	for (i = 0; i < N_RUNGS; i++) {
		say_header(ft, i, 0);
		say_data(ft, in->data, 1000);
	}
	for (i = N_RUNGS; i-- > 0;) {
		struct msg_rendition_trailer t = trailer_of(i, in->data, in->len);

		say_header(ft, i, 1000);
		say_data(ft, in->data + 1000, in->len - 1000);
		say_trailer(ft, &t);
	}
	say_done(ft, 0, "");
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.n_renditions, N_RUNGS);
	assert_int_equal(j.d.n_tries, 1);
	assert_int_equal(j.d.wall_ms, 7);
	assert_int_equal(j.d.cpu_ms, 5);
	assert_false(j.d.early);
	assert_int_equal(j.last.n_video, N_FRAMES);
	assert_int_equal(j.last.duration_ms, 2000);
	assert_int_equal(j.last.width, CLIP_WIDTH);
	assert_string_equal(j.d.transcoder, "local");
	spin_until(&r->loop, ft->closed);
	assert_int_equal(ft->why.code, ERR_NONE);
	assert_true(farm_is_idle(r->farm));
	job_fini(&j);
}

static void a_task_goes_through_a_local_one(void **state)
{
	struct rig *r = rig_new();

	check_happy(r, local_new(r));
	rig_free(r);
}

static void a_task_goes_through_a_remote_one(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r);

	assert_true(f->mutual);
	check_happy(r, f);
	check_happy(r, f);
	rig_free(r);
}

static void input_of_megabytes_arrives_and_is_not_queued_at_once(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r);
	size_t len = SEGMENT_BYTES_MAX, most = 0, i;
	uint8_t *data = xmalloc(len);
	struct fake_task *ft;
	struct job j;
	struct err err;

	for (i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 31 + (i >> 11));
	job_open(&j, r, "s", false);
	assert_int_equal(farm_task_feed(j.t, data, len - 5, &err), 0);
	assert_int_equal(farm_task_feed(j.t, data, 6, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(farm_task_feed(j.t, data, 5, &err), 0);
	assert_int_equal(farm_task_len(j.t), len);
	job_end(&j, DEADLINE_MS);
	ft = &f->task[0];
	while (!ft->whole) {
		uv_run(&r->loop, UV_RUN_NOWAIT);
		most = f->far->n_queued > most ? f->far->n_queued : most;
	}
	assert_true(most > 1 << 20 && most < 5 << 20);
	assert_int_equal(ft->input.len, len);
	assert_memory_equal(ft->input.data, data, len - 5);
	farm_task_cancel(j.t);
	free(data);
	job_fini(&j);
	rig_free(r);
}

static void an_empty_input_is_bad(void **state)
{
	struct rig *r = rig_new();
	struct job j;

	local_new(r);
	job_open(&j, r, "s", false);
	job_end(&j, DEADLINE_MS);
	assert_false(j.done);
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_INVALID);
	job_fini(&j);
	rig_free(r);
}

static void a_spec_that_is_no_message_is_invalid(void **state)
{
	struct rig *r = rig_new();
	struct farm_spec spec = spec_of("");
	struct err err;

	local_new(r);
	assert_null(farm_task_open(r->farm, &spec, &job_cbs, NULL, &err));
	assert_int_equal(err.code, ERR_INVALID);
	spec = spec_of("s");
	spec.preset = "placebo";
	assert_null(farm_task_open(r->farm, &spec, &job_cbs, NULL, &err));
	assert_int_equal(err.code, ERR_INVALID);
	rig_free(r);
}

/* ---- joining ---- */

static void who_does_not_know_the_secret_is_denied(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_start(r, false, CAPACITY, 4);

	f->secret = r->wrong;
	spin_until(&r->loop, f->refused && !f->join);
	assert_int_equal(f->refuse.code, REFUSE_DENIED);
	assert_int_equal(f->refuse.retry_after_ms, 5000);
	assert_non_null(strstr(f->refuse.reason, "secret"));
	assert_false(f->accepted);
	assert_int_equal(n_members(r), 0);
	rig_free(r);
}

static void nobody_joins_from_outside_without_a_secret(void **state)
{
	struct rig *r = rig_new_with(4, false);
	struct fake *f = fake_start(r, false, CAPACITY, 4);

	spin_until(&r->loop, f->refused);
	assert_int_equal(f->refuse.code, REFUSE_UNSUPPORTED);
	assert_non_null(strstr(f->refuse.reason, "-orchSecret"));
	check_happy(r, local_new(r));
	rig_free(r);
}

static void other_codecs_are_refused(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r);
	struct peer_channel *ch = peer_channel_open(f->conn, &fake_join_cb, f, NULL);

	/* on a connection that has joined: once is enough */
	SAY(ch, MSG_JOIN, join, { .version = 1, .codec_profile = CODECS });
	spin_until(&r->loop, f->refused);
	assert_int_equal(f->refuse.code, REFUSE_INVALID);
	assert_int_equal(n_members(r), 1);
	f = fake_start(r, false, CAPACITY, 4);
	f->hold_proof = true;
	spin_until(&r->loop, f->join);
	peer_channel_close(f->join);
	f->join = peer_channel_open(f->conn, &fake_join_cb, f, NULL);
	SAY(f->join, MSG_JOIN, join, { .version = 1, .codec_profile = "others" });
	spin_until(&r->loop, f->refused);
	assert_int_equal(f->refuse.code, REFUSE_UNSUPPORTED);
	assert_non_null(strstr(f->refuse.reason, "others"));
	rig_free(r);
}

static void who_proves_nothing_is_refused_in_time(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_start(r, false, CAPACITY, 4);

	f->hold_proof = true;
	spin_until(&r->loop, f->join);
	settle(&r->loop);
	assert_false(f->refused);
	warp(&r->loop, 6000);
	spin_until(&r->loop, f->refused);
	assert_int_equal(f->refuse.code, REFUSE_DENIED);
	rig_free(r);
}

static void a_proof_is_good_on_its_own_connection_only(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_start(r, false, CAPACITY, 4), *g;
	struct msg_join_challenge seen;

	f->hold_proof = true;
	spin_until(&r->loop, f->join);
	settle(&r->loop);
	seen = last_challenge;
	g = fake_start(r, false, CAPACITY, 4);
	g->hold_proof = true;
	spin_until(&r->loop, memcmp(&seen, &last_challenge, sizeof(seen)) != 0);
	say_proof(g, &seen);	/* the other's nonce */
	spin_until(&r->loop, g->refused);
	assert_int_equal(g->refuse.code, REFUSE_DENIED);
	say_proof(f, &seen);
	spin_until(&r->loop, f->accepted);
	rig_free(r);
}

static void nonsense_on_the_joined_channel_ends_membership(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r);

	SAY(f->join, MSG_TASK_DONE, task_done, { .code = 0 });
	spin_until(&r->loop, !f->join && n_members(r) == 0);
	f = remote_new(r);
	peer_channel_data(f->join, (const uint8_t *)"x", 1);
	spin_until(&r->loop, !f->join && n_members(r) == 0);
	rig_free(r);
}

/* Over TCP and Noise, as strangers come. */
struct noise_rig {
	struct rig *r;
	struct sig_key *key[2];
	struct peer_ctx *ctx[2];
	struct peer_listener *listener;
};

static bool on_accept(void *arg, struct peer_conn *c, const struct peer_conn_cb **cb, void **conn_arg)
{
	struct noise_rig *n = arg;

	*cb = &far_cb;
	*conn_arg = n->r;
	return true;
}

static struct fake *noise_dial(struct noise_rig *n, const struct farm_secret *secret)
{
	struct fake *f = &n->r->fake[n->r->n_fakes++];
	char at[64];

	f->rig = n->r;
	f->secret = secret;
	f->load = (struct msg_load){ .capacity = CAPACITY, .slots = 4 };
	snprintf(at, sizeof(at), "127.0.0.1:%d", peer_listener_port(n->listener));
	f->conn = peer_dial(n->ctx[1], at, NULL, &fake_cb, f, NULL);
	assert_non_null(f->conn);
	return f;
}

static void the_secret_is_asked_for_over_noise(void **state)
{
	struct noise_rig n = { .r = rig_new() };
	struct rig *r = n.r;
	struct hash32 domain = { { 7 } };
	struct fake *good, *bad;
	struct eth_addr a;
	struct job j;
	struct buf b;
	char hex[43];
	int i;

	for (i = 0; i < 2; i++) {
		n.key[i] = sig_key_generate();
		n.ctx[i] = peer_ctx_new(&r->loop, n.key[i], &domain, "test");
	}
	n.listener = peer_listen(n.ctx[0], "127.0.0.1:0", 8, 8, on_accept, &n, NULL);
	assert_non_null(n.listener);
	bad = noise_dial(&n, r->wrong);
	spin_until(&r->loop, bad->refused);
	assert_int_equal(bad->refuse.code, REFUSE_DENIED);
	good = noise_dial(&n, r->secret);
	spin_until(&r->loop, good->accepted && n_members(r) == 1);
	assert_true(good->mutual);
	job_start(&j, r, "s");
	say_all(wait_task(good, 0));
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_memory_equal(j.d.transcoder, "127.0.0.1:", 10);
	buf_init(&b, 1 << 16);
	farm_status(r->farm, &b);
	a = sig_key_addr(n.key[1]);
	eth_addr_fmt(hex, &a);
	assert_non_null(strstr(buf_cstr(&b), hex));
	buf_fini(&b);
	job_fini(&j);
	peer_listener_close(n.listener);
	farm_close(r->farm);
	fake_die(good);
	fake_die(bad);
	for (i = 0; i < 2; i++)
		peer_ctx_free(n.ctx[i]);
	rig_free(r);
	for (i = 0; i < 2; i++)
		sig_key_free(n.key[i]);
}

/* ---- what goes wrong at a transcoder ---- */

static bool status_has(struct rig *r, const char *text)
{
	struct buf b;
	bool has;

	buf_init(&b, 1 << 16);
	farm_status(r->farm, &b);
	has = strstr(buf_cstr(&b), text) != NULL;
	buf_fini(&b);
	return has;
}

static bool is_suspended(struct rig *r)
{
	return status_has(r, "\"state\":\"suspended\"");
}

static bool one_lied(struct rig *r)
{
	return status_has(r, "\"lied\":1");
}

static void its_death_is_not_the_tasks_fault(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r), *g;
	struct fake_task *ft;
	struct job j;

	job_start(&j, r, "s");
	ft = wait_task(f, 0);
	say_header(ft, 0, 0);
	say_data(ft, r->clip.bytes.data, 500);
	spin_until(&r->loop, j.pieces[0].len == 500);
	g = remote_new(r);
	fake_die(f);
	ft = wait_task(g, 0);
	assert_memory_equal(ft->input.data, r->clip.bytes.data, r->clip.bytes.len);
	say_all(ft);
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.d.n_tries, 1);
	assert_int_equal(j.n_restarts, 1);
	assert_int_equal(n_members(r), 1);
	job_fini(&j);
	rig_free(r);
}

static void a_task_is_lost_six_times_and_no_more(void **state)
{
	struct rig *r = rig_new();
	struct fake *f;
	struct job j;
	int i;

	f = remote_new(r);
	job_start(&j, r, "s");
	for (i = 0; i < FARM_LOSSES_MAX; i++) {
		wait_task(f, 0);
		assert_false(j.done);
		f = remote_new(r);
		fake_die(&r->fake[r->n_fakes - 2]);
	}
	wait_task(f, 0);
	fake_die(f);
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_IO);
	assert_non_null(strstr(j.err.msg, "went away"));
	job_fini(&j);
	rig_free(r);
}

static void leaving_by_the_join_channel_gives_its_tasks_back(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r), *g;
	struct job j;

	job_start(&j, r, "s");
	wait_task(f, 0);
	g = remote_new(r);
	peer_channel_close(f->join);
	f->join = NULL;
	say_all(wait_task(g, 0));
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_NONE);
	spin_until(&r->loop, f->task[0].closed);
	job_fini(&j);
	rig_free(r);
}

/* Channels end in no certain order: here the task's before the one it joined by. */
static void its_death_may_show_at_a_task_first(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r), *g;
	struct job j[2];
	int i;

	peer_channel_close(f->join);
	spin_until(&r->loop, n_members(r) == 0);
	f->accepted = false;
	fake_join(f);
	spin_until(&r->loop, f->accepted && n_members(r) == 1);
	for (i = 0; i < 2; i++)
		job_start(&j[i], r, "s");
	wait_task(f, 1);
	g = remote_new(r);
	fake_die(f);
	for (i = 0; i < 2; i++)
		say_all(wait_task(g, (unsigned)i));
	for (i = 0; i < 2; i++) {
		wait_done(&j[i]);
		assert_int_equal(j[i].err.code, ERR_NONE);
		assert_int_equal(j[i].d.n_tries, 1);
		job_fini(&j[i]);
	}
	rig_free(r);
}

static void a_frozen_one_is_lost_within_its_heartbeat(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r), *g;
	struct job j;

	job_start(&j, r, "s");
	wait_task(f, 0);
	g = remote_new(r);
	uv_read_stop(f->conn->sock);
	warp(&r->loop, 2600);	/* 1.5 s, seen at a heartbeat each half second */
	say_all(wait_task(g, 0));
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.d.n_tries, 1);
	job_fini(&j);
	rig_free(r);
}

static void a_late_one_loses_the_task_at_55_percent(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_new(r, true, CAPACITY / 2, 4), *g;
	struct job j;

	/* alone it has 90 of 100 s, then the same again */
	job_start(&j, r, "s");
	wait_task(f, 0);
	jump(r, 70000);
	assert_false(f->task[0].closed);
	jump(r, 21000);
	spin_until(&r->loop, f->task[0].closed);
	assert_int_equal(f->task[0].why.code, ERR_TIMEOUT);
	say_all(wait_task(f, 1));
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.d.n_tries, 2);
	job_fini(&j);

	/* with another it has 55 s */
	g = local_new(r);
	job_start(&j, r, "t");
	wait_task(g, 0);
	jump(r, 40000);
	assert_false(g->task[0].closed);
	jump(r, 16000);
	say_all(wait_task(f, 2));
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.d.n_tries, 2);
	job_fini(&j);
	rig_free(r);
}

static void late_twice_is_a_timeout(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = local_new(r);
	struct job j;

	job_start(&j, r, "s");
	wait_task(f, 0);
	jump(r, 91000);
	spin_until(&r->loop, f->n_tasks == 2);
	jump(r, 10000);
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_TIMEOUT);
	assert_int_equal(j.d.n_tries, 2);
	job_fini(&j);
	rig_free(r);
}

static void three_late_in_a_row_suspend(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = local_new(r);
	struct job j[3];
	int i;

	for (i = 0; i < 3; i++)
		job_start(&j[i], r, "s");
	wait_task(f, 2);
	__atomic_add_fetch(&warped_ns, INT64_C(91000) * 1000000, __ATOMIC_RELAXED);
	spin_until(&r->loop, is_suspended(r));
	assert_true(status_has(r, "\"late\":3"));
	assert_false(status_has(r, "\"slowness\":1.00"));
	assert_int_equal(f->n_tasks, 3);
	for (i = 0; i < 3; i++) {
		farm_task_cancel(j[i].t);
		job_fini(&j[i]);
	}
	rig_free(r);
}

static void one_without_room_is_avoided_for_a_while(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r);
	struct job j;
	int64_t since;

	job_start(&j, r, "s");
	since = real_ms() + warped_ns / 1000000;
	say_done(wait_task(f, 0), ERR_BUSY, "no room");
	wait_task(f, 1);
	assert_true(real_ms() + warped_ns / 1000000 - since >= 199);
	say_all(&f->task[1]);
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.d.n_tries, 1);
	job_fini(&j);
	rig_free(r);
}

static void one_that_takes_no_channel_is_busy(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r);
	struct job j;

	f->refuse_channels = true;
	job_start(&j, r, "s");
	spin_until(&r->loop, f->n_refused == 2);
	f->refuse_channels = false;
	say_all(wait_task(f, 0));
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.d.n_tries, 1);
	job_fini(&j);
	rig_free(r);
}

static void one_that_drains_while_it_joins_gets_nothing(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_start(r, false, CAPACITY, 4);

	f->hold_proof = true;
	spin_until(&r->loop, f->join);
	settle(&r->loop);
	peer_conn_goaway(f->conn);
	settle(&r->loop);
	say_proof(f, &last_challenge);
	spin_until(&r->loop, f->accepted);
	settle(&r->loop);
	assert_int_equal(n_members(r), 0);
	assert_true(status_has(r, "\"state\":\"draining\""));
	rig_free(r);
}

static void one_that_drains_gets_nothing_new(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r), *g;
	struct job j, k;

	job_start(&j, r, "s");
	wait_task(f, 0);
	g = remote_new(r);
	peer_conn_goaway(f->conn);
	spin_until(&r->loop, n_members(r) == 1);
	job_start(&k, r, "s");
	say_all(wait_task(g, 0));
	wait_done(&k);
	say_all(&f->task[0]);
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(k.err.code, ERR_NONE);
	assert_int_equal(f->n_tasks, 1);
	job_fini(&j);
	job_fini(&k);
	rig_free(r);
}

/* ---- lies ---- */

static struct msg_rendition_trailer right(struct fake_task *ft)
{
	const struct buf *b = &ft->f->rig->clip.bytes;

	say_header(ft, 0, 0);
	say_data(ft, b->data, b->len);
	return trailer_of(0, b->data, b->len);
}

static void wrong_offset(struct fake_task *ft)
{
	say_header(ft, 0, 1);
}

static void begins_again(struct fake_task *ft)
{
	say_header(ft, 0, 0);
	say_data(ft, "abc", 3);
	say_header(ft, 0, 0);
}

static void wrong_hash(struct fake_task *ft)
{
	struct msg_rendition_trailer t = right(ft);

	t.data_hash.b[0] ^= 1;
	say_trailer(ft, &t);
}

static void wrong_length(struct fake_task *ft)
{
	struct msg_rendition_trailer t = right(ft);

	t.len--;
	say_trailer(ft, &t);
}

static void wrong_size(struct fake_task *ft)
{
	struct msg_rendition_trailer t = right(ft);

	t.width = 640;
	say_trailer(ft, &t);
}

static void wrong_container(struct fake_task *ft)
{
	struct msg_rendition_trailer t = right(ft);

	t.fmp4 = true;
	say_trailer(ft, &t);
}

static void too_many_bytes(struct fake_task *ft)
{
	static uint8_t mb[1 << 20];
	int i;

	say_header(ft, 0, 0);
	for (i = 0; i < 33; i++)
		say_data(ft, mb, sizeof(mb));
}

static void unasked_rendition(struct fake_task *ft)
{
	say_header(ft, N_RUNGS, 0);
}

static void unasked_end(struct fake_task *ft)
{
	struct msg_rendition_trailer t = right(ft);

	t.index = 7;
	say_trailer(ft, &t);
}

static void ended_again(struct fake_task *ft)
{
	struct msg_rendition_trailer t = right(ft);

	say_trailer(ft, &t);
	say_trailer(ft, &t);
}

static void end_without_bytes(struct fake_task *ft)
{
	struct msg_rendition_trailer t = trailer_of(1, "abc", 3);

	say_trailer(ft, &t);
}

static void data_of_nothing(struct fake_task *ft)
{
	say_data(ft, "abc", 3);
}

static void done_with_nothing(struct fake_task *ft)
{
	say_done(ft, 0, "");
}

static void done_with_half(struct fake_task *ft)
{
	struct msg_rendition_trailer t = right(ft);

	say_trailer(ft, &t);
	say_done(ft, 0, "");
}

static void other_message(struct fake_task *ft)
{
	SAY(ft->ch, MSG_JOIN, join, { .version = 1, .codec_profile = CODECS });
}

static void not_protobuf(struct fake_task *ft)
{
	struct buf b;

	buf_init(&b, 100);
	buf_add_str(&b, "\xff\xff\xff\xff");
	say(ft->ch, MSG_RENDITION_TRAILER, &b);
}

static void silent_end(struct fake_task *ft)
{
	peer_channel_close(ft->ch);
	ft->ch = NULL;
}

static void rubbish(struct fake_task *ft)
{
	say_rendition(ft, 0, "rubbish", 7);
	say_rendition(ft, 1, "rubbish", 7);
	say_done(ft, 0, "");
}

/* Sound in itself: of another task, as a peer in one of two tasks might send. */
static void of_another_time(struct fake_task *ft)
{
	struct clip c;

	clip_make(&c, 61000, N_FRAMES, 3);
	say_rendition(ft, 0, c.bytes.data, c.bytes.len);
	say_rendition(ft, 1, c.bytes.data, c.bytes.len);
	say_done(ft, 0, "");
	clip_fini(&c);
}

static void frames_missing(struct fake_task *ft)
{
	struct clip c;

	clip_make(&c, 1000, N_FRAMES - 2, 3);
	say_rendition(ft, 0, c.bytes.data, c.bytes.len);
	say_rendition(ft, 1, c.bytes.data, c.bytes.len);
	say_done(ft, 0, "");
	clip_fini(&c);
}

struct lie {
	const char *name, *log;
	void (*tell)(struct fake_task *ft);
};
#define LIE(f) { #f, NULL, f }
static const struct lie lies[] = {
	LIE(wrong_offset), LIE(begins_again), LIE(wrong_hash), LIE(wrong_length), LIE(wrong_size),
	LIE(wrong_container), LIE(too_many_bytes), LIE(unasked_rendition), LIE(unasked_end),
	LIE(ended_again), LIE(end_without_bytes), LIE(data_of_nothing), LIE(done_with_nothing),
	LIE(done_with_half), LIE(other_message), LIE(not_protobuf), LIE(silent_end), LIE(rubbish),
	LIE(of_another_time), LIE(frames_missing),
};

/* The liar's other task goes on; the task goes to another one, which is asked first. */
static void check_lie(const struct lie *lie)
{
	struct rig *r = rig_new();
	struct fake *liar = remote_new(r), *honest;
	struct job j, other;

	job_start(&j, r, "s");
	wait_task(liar, 0);
	job_start(&other, r, "s");
	wait_task(liar, 1);
	honest = remote_new(r);
	assert_false(one_lied(r));
	lie->tell(&liar->task[0]);
	spin_until(&r->loop, honest->n_tasks == 1 || j.done);
	if (j.done)
		fail_msg("%s: %s", lie->name, j.err.msg);
	assert_true(one_lied(r));
	say_all(wait_task(honest, 0));
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_int_equal(j.d.n_tries, 2);
	assert_int_equal(n_members(r), 2);
	say_all(&liar->task[1]);
	wait_done(&other);
	assert_int_equal(other.err.code, ERR_NONE);
	assert_int_equal(other.d.n_tries, 1);
	job_fini(&j);
	job_fini(&other);
	rig_free(r);
}

static void every_lie_costs_one_retry(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		check_lie(&lies[i]);
}

static void a_rendition_may_not_end_before_its_input(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r);
	struct fake_task *ft;
	struct job j;

	job_open(&j, r, "s", true);
	job_feed(&j, 0, 1000);
	spin_until(&r->loop, f->n_tasks == 1 && f->task[0].input.len == 1000);
	ft = &f->task[0];
	say_rendition(ft, 0, r->clip.bytes.data, r->clip.bytes.len);
	spin_until(&r->loop, ft->closed);
	assert_true(one_lied(r));
	assert_false(j.done);
	farm_task_cancel(j.t);
	job_fini(&j);
	rig_free(r);
}

static void penalties_double_and_outlive_the_connection(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = local_new(r);
	struct job j;
	int i;

	/* 1, 2, 4, 8 s, then 16 */
	for (i = 0; i < 5; i++) {
		job_start(&j, r, "s");
		wrong_offset(wait_task(f, f->n_tasks));
		spin_until(&r->loop, is_suspended(r));
		farm_task_cancel(j.t);
		job_fini(&j);
		if (i == 4)
			break;
		jump(r, 1000 << i);
		spin_until(&r->loop, !is_suspended(r));
	}
	fake_die(f);
	spin_until(&r->loop, n_members(r) == 0);
	f = fake_start(r, true, CAPACITY, 4);
	spin_until(&r->loop, f->accepted && n_members(r) == 1);
	jump(r, 8000);
	assert_true(is_suspended(r));
	jump(r, 8200);
	assert_false(is_suspended(r));
	rig_free(r);
}

static void two_liars_end_a_task(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r), *g = remote_new(r);
	struct job j;
	int i;

	job_start(&j, r, "s");
	for (i = 0; i < 2; i++) {
		spin_until(&r->loop, f->n_tasks + g->n_tasks == (unsigned)i + 1);
		if (f->n_tasks && f->task[0].ch)
			wrong_offset(wait_task(f, 0));
		else
			wrong_offset(wait_task(g, 0));
		spin_until(&r->loop, j.done || f->n_tasks + g->n_tasks == 2);
	}
	wait_done(&j);
	assert_int_equal(f->n_tasks, 1);
	assert_int_equal(g->n_tasks, 1);
	assert_int_equal(j.err.code, ERR_IO);
	assert_int_equal(j.d.n_tries, 2);
	job_fini(&j);
	rig_free(r);
}

/* ---- verdicts ---- */

/* Whoever has a task says this; its number of tries. */
static unsigned answer_all(struct rig *r, struct job *j, int code, const char *text)
{
	unsigned i, k, n = 0;

	while (!j->done) {
		uv_run(&r->loop, UV_RUN_NOWAIT);
		for (i = 0; i < r->n_fakes; i++) {
			for (k = 0; k < r->fake[i].n_tasks; k++) {
				struct fake_task *ft = &r->fake[i].task[k];

				if (!ft->whole || !ft->ch)
					continue;
				say_done(ft, code, text);
				peer_channel_close(ft->ch);
				ft->ch = NULL;
				n++;
			}
		}
	}
	return n;
}

static void bad_input_is_believed_from_the_second_on(void **state)
{
	struct rig *r = rig_new();
	struct job j;

	remote_new(r);
	job_start(&j, r, "s");
	assert_int_equal(answer_all(r, &j, ERR_INVALID, "no video"), 1);
	assert_int_equal(j.err.code, ERR_INVALID);
	assert_string_equal(j.err.msg, "no video");
	job_fini(&j);
	remote_new(r);
	remote_new(r);
	job_start(&j, r, "s");
	assert_int_equal(answer_all(r, &j, ERR_LIMIT, "too large"), 2);
	assert_int_equal(j.err.code, ERR_LIMIT);
	job_fini(&j);
	rig_free(r);
}

static void bad_input_is_believed_from_our_own(void **state)
{
	struct rig *r = rig_new();
	struct job j;

	fake_new(r, false, 1000, 4);	/* too slow to be asked first */
	local_new(r);
	job_start(&j, r, "s");
	assert_int_equal(answer_all(r, &j, ERR_INVALID, "no video"), 1);
	assert_string_equal(j.d.transcoder, "local");
	assert_int_equal(j.err.code, ERR_INVALID);
	job_fini(&j);
	rig_free(r);
}

static void poison_kills_two_workers_in_the_whole_farm(void **state)
{
	struct rig *r = rig_new();
	struct job j;
	int i;

	for (i = 0; i < 4; i++)
		remote_new(r);
	job_start(&j, r, "s");
	assert_int_equal(answer_all(r, &j, ERR_IO, "signal 11"), 2);
	assert_int_equal(j.err.code, ERR_INVALID);
	assert_string_equal(j.err.msg, "a worker failed on it twice: signal 11");
	job_fini(&j);
	rig_free(r);
}

static void poison_is_tried_twice_on_the_only_one(void **state)
{
	struct rig *r = rig_new();
	struct job j;

	local_new(r);
	job_start(&j, r, "s");
	assert_int_equal(answer_all(r, &j, ERR_TIMEOUT, "hung"), 2);
	assert_int_equal(j.err.code, ERR_INVALID);
	assert_string_equal(j.err.msg, "a worker failed on it twice: hung");
	job_fini(&j);
	rig_free(r);
}

static void a_verdict_stands_when_nobody_else_is_left(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r), *g;
	struct job j, block;

	job_start(&j, r, "s");
	wait_task(f, 0);
	g = fake_new(r, false, CAPACITY, 1);
	job_start(&block, r, "t");
	wait_task(g, 0);
	say_done(&f->task[0], ERR_INVALID, "no video");
	settle(&r->loop);
	assert_false(j.done);
	assert_int_equal(f->n_tasks, 1);
	fake_die(g);
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_INVALID);
	assert_string_equal(j.err.msg, "no video");
	farm_task_cancel(block.t);
	job_fini(&j);
	job_fini(&block);
	rig_free(r);
}

static void a_reason_is_made_printable(void **state)
{
	struct rig *r = rig_new();
	struct job j;

	local_new(r);
	job_start(&j, r, "s");
	answer_all(r, &j, ERR_INVALID, "a\xc3\xa4");
	assert_string_equal(j.err.msg, "a??");
	job_fini(&j);
	rig_free(r);
}

/* ---- early ---- */

static void work_begins_before_the_input_is_whole(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r);
	size_t len = r->clip.bytes.len;
	struct fake_task *ft;
	struct job j;

	job_open(&j, r, "s", true);
	settle(&r->loop);
	assert_int_equal(f->n_tasks, 0);
	job_feed(&j, 0, 1000);
	spin_until(&r->loop, f->n_tasks == 1 && f->task[0].input.len == 1000);
	ft = &f->task[0];
	assert_int_equal(ft->task.deadline_ms, 0);
	say_header(ft, 0, 0);
	say_data(ft, r->clip.bytes.data, 700);
	spin_until(&r->loop, j.pieces[0].len == 700);
	job_feed(&j, 1000, len);
	spin_until(&r->loop, ft->input.len == len);
	assert_false(ft->whole);
	job_end(&j, DEADLINE_MS);
	spin_until(&r->loop, ft->whole);
	say_header(ft, 0, 700);
	say_data(ft, r->clip.bytes.data + 700, len - 700);
	struct msg_rendition_trailer t = trailer_of(0, r->clip.bytes.data, len);
	say_trailer(ft, &t);
	say_rendition(ft, 1, r->clip.bytes.data, len);
	say_done(ft, 0, "");
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_true(j.d.early);
	assert_int_equal(j.d.queue_ms, 0);
	assert_int_equal(j.n_restarts, 0);
	job_fini(&j);
	rig_free(r);
}

static void work_may_be_allowed_to_begin_later(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r);
	struct job j;

	job_open(&j, r, "s", false);
	job_feed(&j, 0, 1000);
	settle(&r->loop);
	assert_int_equal(f->n_tasks, 0);
	farm_task_allow_early(j.t);
	spin_until(&r->loop, f->n_tasks == 1 && f->task[0].input.len == 1000);
	farm_task_cancel(j.t);
	job_fini(&j);
	rig_free(r);
}

static void an_early_try_that_fails_waits_for_the_whole(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r);
	struct job j;

	job_open(&j, r, "s", true);
	job_feed(&j, 0, 1000);
	spin_until(&r->loop, f->n_tasks == 1 && f->task[0].got_task);
	say_done(&f->task[0], ERR_IO, "signal 11");
	spin_until(&r->loop, f->task[0].closed);
	job_feed(&j, 1000, r->clip.bytes.len);
	settle(&r->loop);
	assert_int_equal(f->n_tasks, 1);
	job_end(&j, DEADLINE_MS);
	say_all(wait_task(f, 1));
	wait_done(&j);
	assert_int_equal(j.err.code, ERR_NONE);
	assert_false(j.d.early);
	assert_int_equal(j.d.n_tries, 2);
	job_fini(&j);
	rig_free(r);
}

/* A stream of ours is 3.84 M pixels a second. */
static void early_work_stays_below_80_percent(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_new(r, false, 10000000, 8);
	struct job j[3];
	int i;

	for (i = 0; i < 3; i++) {
		job_open(&j[i], r, "s", true);
		job_feed(&j[i], 0, 1000);
	}
	spin_until(&r->loop, f->n_tasks == 2);
	settle(&r->loop);
	assert_int_equal(f->n_tasks, 2);
	/* what is whole is given whatever the load is */
	job_feed(&j[2], 1000, r->clip.bytes.len);
	job_end(&j[2], DEADLINE_MS);
	say_all(wait_task(f, 2));
	wait_done(&j[2]);
	assert_false(j[2].d.early);
	for (i = 0; i < 3; i++) {
		if (j[i].t)
			farm_task_cancel(j[i].t);
		job_fini(&j[i]);
	}
	rig_free(r);
}

static void the_last_slot_is_for_what_is_whole(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_new(r, false, 10 * CAPACITY, 1);
	struct job block, early, whole;

	job_start(&block, r, "s");
	wait_task(f, 0);
	job_open(&early, r, "e", true);
	job_feed(&early, 0, 1000);
	settle(&r->loop);
	job_start(&whole, r, "w");
	settle(&r->loop);
	assert_int_equal(f->n_tasks, 1);
	say_all(&f->task[0]);
	spin_until(&r->loop, f->n_tasks == 2 && f->task[1].got_task);
	assert_string_equal(f->task[1].task.stream_key, "w");
	say_all(wait_task(f, 1));
	spin_until(&r->loop, f->n_tasks == 3 && f->task[2].got_task);
	assert_string_equal(f->task[2].task.stream_key, "e");
	farm_task_cancel(early.t);
	spin_until(&r->loop, f->task[2].closed);
	wait_done(&whole);
	wait_done(&block);
	job_fini(&block);
	job_fini(&early);
	job_fini(&whole);
	rig_free(r);
}

/* ---- who gets what ---- */

/* A task of "s" begins, and is taken back: nothing is measured. */
static void touch(struct rig *r, struct fake *f, unsigned n)
{
	struct job j;

	job_start(&j, r, "s");
	wait_task(f, n);
	farm_task_cancel(j.t);
	job_fini(&j);
	spin_until(&r->loop, f->task[n].closed);
}

static void a_stream_stays_where_it_is_warm(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = local_new(r), *g;
	unsigned i;

	touch(r, f, 0);
	g = fake_new(r, true, 3 * CAPACITY, 4);
	for (i = 1; i < 5; i++)		/* g would be 51 ms earlier: that is not enough */
		touch(r, f, i);
	jump(r, 5100);
	touch(r, g, 0);
	rig_free(r);
}

static void a_stream_that_ended_is_cold(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = local_new(r), *g;

	touch(r, f, 0);
	g = fake_new(r, true, 3 * CAPACITY, 4);
	touch(r, f, 1);
	farm_stream_end(r->farm, "s");
	touch(r, g, 0);
	rig_free(r);
}

static void segments_of_a_stream_go_side_by_side(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_new(r, false, CAPACITY / 4, 4), *g = fake_new(r, false, CAPACITY / 4, 4);
	struct job j[4];
	int i;

	/* 307 ms each: a second one at the same place would be twice as late */
	for (i = 0; i < 4; i++)
		job_start(&j[i], r, "s");
	spin_until(&r->loop, f->n_tasks + g->n_tasks == 4);
	assert_int_equal(f->n_tasks, 2);
	assert_int_equal(g->n_tasks, 2);
	for (i = 0; i < 2; i++) {
		say_all(wait_task(f, (unsigned)i));
		say_all(wait_task(g, (unsigned)i));
	}
	for (i = 0; i < 4; i++) {
		wait_done(&j[i]);
		assert_int_equal(j[i].err.code, ERR_NONE);
		job_fini(&j[i]);
	}
	rig_free(r);
}

static void no_more_tasks_than_slots_and_streams_take_turns(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_new(r, false, CAPACITY, 2);
	static const char *const keys[] = { "a", "a", "a", "a", "b", "c" };
	/* b while an a is at work; then a, which has waited longer than c */
	static const char *const want[] = { "a", "a", "b", "a", "c", "a" };
	struct job j[6];
	struct farm_room room;
	unsigned i;

	for (i = 0; i < 6; i++) {
		job_start(&j[i], r, keys[i]);
		if (i == 1)
			wait_task(f, 1);
	}
	settle(&r->loop);
	assert_int_equal(f->n_tasks, 2);
	farm_room(r->farm, &room);
	assert_int_equal(room.running, 2);
	assert_int_equal(room.queued, 4);
	assert_int_equal(room.slots, 2);
	assert_int_equal(room.capacity, CAPACITY);
	for (i = 0; i < 6; i++) {
		say_all(wait_task(f, i));
		assert_string_equal(f->task[i].task.stream_key, want[i]);
		spin_until(&r->loop, f->n_tasks == (i + 3 < 6 ? i + 3 : 6));
	}
	for (i = 0; i < 6; i++) {
		wait_done(&j[i]);
		job_fini(&j[i]);
	}
	assert_true(j[5].d.queue_ms < 10000);
	rig_free(r);
}

static void a_retry_goes_before_what_waits(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_new(r, true, CAPACITY, 1);
	struct job a, b;

	job_start(&a, r, "a");
	wait_task(f, 0);
	job_start(&b, r, "b");
	say_done(&f->task[0], ERR_IO, "signal 11");
	wait_task(f, 1);
	assert_string_equal(f->task[1].task.stream_key, "a");
	say_all(&f->task[1]);
	say_all(wait_task(f, 2));
	wait_done(&a);
	wait_done(&b);
	assert_int_equal(a.d.n_tries, 2);
	job_fini(&a);
	job_fini(&b);
	rig_free(r);
}

static void a_full_queue_is_busy(void **state)
{
	struct rig *r = rig_new_with(2, true);
	struct farm_spec spec = spec_of("s");
	struct job j[3];
	struct err err;
	int i;

	assert_null(farm_task_open(r->farm, &spec, &job_cbs, NULL, &err));
	assert_int_equal(err.code, ERR_BUSY);
	fake_new(r, true, CAPACITY, 1);
	for (i = 0; i < 3; i++)
		job_open(&j[i], r, "s", false);
	assert_null(farm_task_open(r->farm, &spec, &job_cbs, NULL, &err));
	assert_int_equal(err.code, ERR_BUSY);
	for (i = 0; i < 3; i++) {
		farm_task_cancel(j[i].t);
		job_fini(&j[i]);
	}
	job_open(&j[0], r, "s", false);
	farm_task_cancel(j[0].t);
	job_fini(&j[0]);
	rig_free(r);
}

static void who_waits_in_vain_is_told_in_time(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_new(r, true, CAPACITY, 1);
	struct job j, k;

	job_start(&j, r, "s");
	wait_task(f, 0);
	job_open(&k, r, "t", false);
	job_feed(&k, 0, 1000);
	job_end(&k, 30000);
	jump(r, 20000);
	assert_false(k.done);
	jump(r, 11000);
	wait_done(&k);
	assert_int_equal(k.err.code, ERR_TIMEOUT);
	assert_int_equal(k.d.n_tries, 0);
	farm_task_cancel(j.t);
	job_fini(&j);
	job_fini(&k);
	rig_free(r);
}

static void changes_are_told(void **state)
{
	struct rig *r = rig_new();
	struct fake *f;

	f = remote_new(r);
	spin_until(&r->loop, r->n_changes == 1);
	say_load(f);
	settle(&r->loop);
	assert_int_equal(r->n_changes, 1);
	f->load.capacity /= 2;
	say_load(f);
	spin_until(&r->loop, r->n_changes == 2);
	peer_conn_goaway(f->conn);
	spin_until(&r->loop, r->n_changes == 3);
	fake_die(f);
	settle(&r->loop);
	assert_int_equal(r->n_changes, 3);
	rig_free(r);
}

/* ---- cancel and close ---- */

static void a_task_can_be_cancelled_in_every_state(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_new(r, false, CAPACITY, 1), *g;
	struct job j, k;

	job_open(&j, r, "s", false);		/* collecting */
	job_feed(&j, 0, 1000);
	farm_task_cancel(j.t);
	job_fini(&j);

	job_start(&j, r, "s");			/* running */
	wait_task(f, 0);
	job_start(&k, r, "s");			/* waiting */
	settle(&r->loop);
	farm_task_cancel(k.t);
	farm_task_cancel(j.t);
	job_fini(&j);
	job_fini(&k);
	spin_until(&r->loop, f->task[0].closed);

	job_start(&j, r, "s");			/* begun early */
	farm_task_cancel(j.t);
	job_fini(&j);
	job_open(&j, r, "s", true);
	job_feed(&j, 0, 1000);
	spin_until(&r->loop, f->n_tasks == 2);
	farm_task_cancel(j.t);
	job_fini(&j);
	spin_until(&r->loop, f->task[1].closed);

	job_start(&j, r, "s");			/* being checked */
	say_all(wait_task(f, 2));
	spin_until(&r->loop, f->task[2].closed);
	if (!j.done)
		farm_task_cancel(j.t);
	job_fini(&j);

	job_open(&j, r, "s", false);		/* ended, not told */
	job_end(&j, DEADLINE_MS);
	farm_task_cancel(j.t);
	job_fini(&j);
	assert_false(j.done);
	assert_true(farm_is_idle(r->farm));
	g = f;
	check_happy(r, g);
	rig_free(r);
}

static void a_task_can_be_cancelled_in_its_callbacks(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = local_new(r);
	struct job j;
	int i;

	for (i = 0; i < 3; i++) {
		job_start(&j, r, "s");
		j.cancel_in_piece = i == 0;
		j.cancel_in_rendition = i == 1;
		j.cancel_in_done = i == 2;
		say_all(wait_task(f, (unsigned)i));
		if (i == 2)
			wait_done(&j);
		else
			spin_until(&r->loop, !j.t);
		settle(&r->loop);
		assert_true(j.done == (i == 2));
		assert_true(farm_is_idle(r->farm));
		job_fini(&j);
	}
	rig_free(r);
}

static void closing_ends_tasks_in_the_next_turn(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_new(r, false, CAPACITY, 1);
	struct farm_spec spec = spec_of("s");
	struct job run, wait, collect;
	struct err err;

	job_start(&run, r, "s");
	wait_task(f, 0);
	job_start(&wait, r, "s");
	job_open(&collect, r, "s", false);
	farm_close(r->farm);
	assert_false(run.done || wait.done || collect.done);
	assert_null(farm_task_open(r->farm, &spec, &job_cbs, NULL, &err));
	assert_int_equal(err.code, ERR_BUSY);
	assert_int_equal(farm_task_feed(collect.t, (const uint8_t *)"x", 1, NULL), 0);
	job_end(&collect, 1000);
	wait_done(&collect);
	assert_true(run.done && wait.done);
	assert_int_equal(run.err.code, ERR_INTERNAL);
	assert_int_equal(wait.err.code, ERR_INTERNAL);
	spin_until(&r->loop, !f->join && f->task[0].closed);
	job_fini(&run);
	job_fini(&wait);
	job_fini(&collect);
	rig_free(r);
}

static void closing_while_results_are_checked(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = remote_new(r);
	struct job j;

	job_start(&j, r, "s");
	say_all(wait_task(f, 0));
	spin_until(&r->loop, f->task[0].closed);
	farm_close(r->farm);
	wait_done(&j);
	assert_true(j.err.code == ERR_INTERNAL || j.err.code == ERR_NONE);
	job_fini(&j);
	rig_free(r);
}

/* ---- what people see ---- */

static void status_and_metrics_name_every_transcoder(void **state)
{
	struct rig *r = rig_new();
	struct fake *f = fake_start(r, false, CAPACITY, 4);
	struct buf b;
	const char *s;

	f->load.n_devices = 1;
	f->load.device[0] = (struct msg_device){ .name = "nvidia:0", .what = "H.264", .sessions = 2,
		.max_sessions = 5, .utilisation = 50, .memory_used = 1000, .memory_total = 4000,
		.up = true };
	spin_until(&r->loop, n_members(r) == 1);
	check_happy(r, f);
	buf_init(&b, 1 << 20);
	farm_status(r->farm, &b);
	s = buf_cstr(&b);
	assert_memory_equal(s, "[{\"name\":\"local\",\"address\":\"0x0000", 34);
	assert_non_null(strstr(s, "\"state\":\"ready\",\"capacity\":100000000,\"slots\":4,\"running\":0"));
	assert_non_null(strstr(s, "\"done\":1,\"failed\":0,\"lied\":0,\"late\":0,\"lost\":0"));
	assert_non_null(strstr(s, "\"hardware\":\"made \\\"up\\\"\""));
	assert_non_null(strstr(s, "\"devices\":[{\"name\":\"nvidia:0\",\"what\":\"H.264\",\"up\":true,"
			       "\"sessions\":2,\"maxSessions\":5,\"utilisation\":50,"
			       "\"memoryUsed\":1000,\"memoryTotal\":4000}]}]"));
	buf_clear(&b);
	farm_metrics(r->farm, &b);
	s = buf_cstr(&b);
	assert_non_null(strstr(s, "\nlivepeer_transcoders_number 1\n"));
	assert_non_null(strstr(s, "\nlivepeer_transcoders_pixels_per_second 1e+08\n"));
	assert_non_null(strstr(s, "\nlivepeer_farm_tasks_total{outcome=\"done\"} 1\n"));
	assert_non_null(strstr(s, "\nlivepeer_transcoder_device_utilisation{device=\"local/nvidia:0\"} 0.5\n"));
	assert_non_null(strstr(s, "\nlivepeer_transcoder_device_memory_bytes{device=\"local/nvidia:0\"} 4000\n"));
	buf_fini(&b);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_task_goes_through_a_local_one),
		cmocka_unit_test(a_task_goes_through_a_remote_one),
		cmocka_unit_test(input_of_megabytes_arrives_and_is_not_queued_at_once),
		cmocka_unit_test(an_empty_input_is_bad),
		cmocka_unit_test(a_spec_that_is_no_message_is_invalid),
		cmocka_unit_test(who_does_not_know_the_secret_is_denied),
		cmocka_unit_test(nobody_joins_from_outside_without_a_secret),
		cmocka_unit_test(other_codecs_are_refused),
		cmocka_unit_test(who_proves_nothing_is_refused_in_time),
		cmocka_unit_test(a_proof_is_good_on_its_own_connection_only),
		cmocka_unit_test(nonsense_on_the_joined_channel_ends_membership),
		cmocka_unit_test(the_secret_is_asked_for_over_noise),
		cmocka_unit_test(its_death_is_not_the_tasks_fault),
		cmocka_unit_test(a_task_is_lost_six_times_and_no_more),
		cmocka_unit_test(leaving_by_the_join_channel_gives_its_tasks_back),
		cmocka_unit_test(its_death_may_show_at_a_task_first),
		cmocka_unit_test(a_frozen_one_is_lost_within_its_heartbeat),
		cmocka_unit_test(a_late_one_loses_the_task_at_55_percent),
		cmocka_unit_test(late_twice_is_a_timeout),
		cmocka_unit_test(three_late_in_a_row_suspend),
		cmocka_unit_test(one_without_room_is_avoided_for_a_while),
		cmocka_unit_test(one_that_takes_no_channel_is_busy),
		cmocka_unit_test(one_that_drains_while_it_joins_gets_nothing),
		cmocka_unit_test(one_that_drains_gets_nothing_new),
		cmocka_unit_test(every_lie_costs_one_retry),
		cmocka_unit_test(a_rendition_may_not_end_before_its_input),
		cmocka_unit_test(penalties_double_and_outlive_the_connection),
		cmocka_unit_test(two_liars_end_a_task),
		cmocka_unit_test(bad_input_is_believed_from_the_second_on),
		cmocka_unit_test(bad_input_is_believed_from_our_own),
		cmocka_unit_test(poison_kills_two_workers_in_the_whole_farm),
		cmocka_unit_test(poison_is_tried_twice_on_the_only_one),
		cmocka_unit_test(a_verdict_stands_when_nobody_else_is_left),
		cmocka_unit_test(a_reason_is_made_printable),
		cmocka_unit_test(work_begins_before_the_input_is_whole),
		cmocka_unit_test(work_may_be_allowed_to_begin_later),
		cmocka_unit_test(an_early_try_that_fails_waits_for_the_whole),
		cmocka_unit_test(early_work_stays_below_80_percent),
		cmocka_unit_test(the_last_slot_is_for_what_is_whole),
		cmocka_unit_test(a_stream_stays_where_it_is_warm),
		cmocka_unit_test(a_stream_that_ended_is_cold),
		cmocka_unit_test(segments_of_a_stream_go_side_by_side),
		cmocka_unit_test(no_more_tasks_than_slots_and_streams_take_turns),
		cmocka_unit_test(a_retry_goes_before_what_waits),
		cmocka_unit_test(a_full_queue_is_busy),
		cmocka_unit_test(who_waits_in_vain_is_told_in_time),
		cmocka_unit_test(changes_are_told),
		cmocka_unit_test(a_task_can_be_cancelled_in_every_state),
		cmocka_unit_test(a_task_can_be_cancelled_in_its_callbacks),
		cmocka_unit_test(closing_ends_tasks_in_the_next_turn),
		cmocka_unit_test(closing_while_results_are_checked),
		cmocka_unit_test(status_and_metrics_name_every_transcoder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
