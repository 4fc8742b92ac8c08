#ifndef LP_TEST_NODE_FARM_RIG_H
#define LP_TEST_NODE_FARM_RIG_H
/*
 * A farm on a loop of its own, transcoders that do what the test says and nothing
 * else, and tasks whose ends can be waited for.  Included once by each test program.
 */
#include "test/node/rig.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/sig.h"
#include "node/farm/farm.h"
#include "node/farm/join.h"
#include "node/peer/conn.h"
#include "node/peer/impl.h"

#define CODECS "test codecs"
#define N_RUNGS 2
#define N_FRAMES 50		/* 2 s */
#define FAKES_MAX 8
#define FAKE_TASKS_MAX 64

struct fake;

/* A task as the transcoder sees it. */
struct fake_task {
	struct fake *f;
	struct peer_channel *ch;	/* NULL: closed */
	struct msg_task task;
	struct msg_task_end end;
	struct buf input;
	bool got_task, whole, closed;
	struct err why;			/* ERR_NONE: closed in order */
};

struct fake {
	struct rig *rig;
	bool local;
	struct peer_conn *conn, *far;	/* its own end; the farm's (remote only) */
	struct peer_channel *join;	/* NULL: closed */
	struct msg_load load;
	const struct farm_secret *secret;
	uint8_t nonce[32];
	bool accepted, mutual, refused, lost, hold_proof, refuse_channels;
	unsigned n_refused;		/* channels */
	struct msg_refuse refuse;
	struct fake_task task[FAKE_TASKS_MAX];
	unsigned n_tasks;
};

struct rig {
	uv_loop_t loop;
	struct peer_ctx *near, *away;	/* the farm's and the transcoders' */
	struct farm *farm;
	struct farm_secret *secret, *wrong;
	struct fake fake[FAKES_MAX];
	unsigned n_fakes, n_ended, n_changes;
	struct clip clip;		/* input and, as it is, every rendition */
};

struct job {
	struct rig *rig;
	struct farm_task *t;
	struct buf pieces[N_RUNGS];
	unsigned n_restarts;		/* pieces that began again */
	unsigned n_renditions, order;	/* the how manieth to end, from 1 */
	struct hash32 sha[N_RUNGS];
	struct farm_rendition last;
	bool done, cancel_in_piece, cancel_in_rendition, cancel_in_done;
	struct farm_done d;
	struct err err;			/* ERR_NONE: it went well */
};

/* ---- what a transcoder says ---- */

static inline void say(struct peer_channel *ch, enum msg_type type, struct buf *b)
{
	assert_false(b->failed);
	peer_channel_msg(ch, (uint16_t)type, b);
	buf_fini(b);
}

#define SAY(ch, TYPE, name, ...) do {					\
	struct msg_##name m_ = __VA_ARGS__;				\
	struct buf b_;							\
									\
	buf_init(&b_, 60000);						\
	assert_true(msg_##name##_pack(&b_, &m_));			\
	say(ch, TYPE, &b_);						\
} while (0)

static inline void say_load(struct fake *f)
{
	SAY(f->join, MSG_LOAD, load, f->load);
}

static inline void say_header(struct fake_task *ft, unsigned index, uint64_t offset)
{
	SAY(ft->ch, MSG_RENDITION_HEADER, rendition_header, { .index = index, .offset = offset });
}

static inline void say_data(struct fake_task *ft, const void *data, size_t len)
{
	peer_channel_data(ft->ch, data, len);
}

/* A right trailer for these bytes; the caller may then change it. */
static inline struct msg_rendition_trailer trailer_of(unsigned index, const void *data, size_t len)
{
	return (struct msg_rendition_trailer){
		.index = index, .len = len, .data_hash = hash_sha256(data, len),
		.n_video = N_FRAMES, .duration_ms = 2000, .width = CLIP_WIDTH, .height = CLIP_HEIGHT,
	};
}

static inline void say_trailer(struct fake_task *ft, const struct msg_rendition_trailer *t)
{
	SAY(ft->ch, MSG_RENDITION_TRAILER, rendition_trailer, *t);
}

static inline void say_done(struct fake_task *ft, int code, const char *reason)
{
	struct msg_task_done d = { .code = code, .wall_ms = 7, .cpu_ms = 5 };

	snprintf(d.reason, sizeof(d.reason), "%s", reason);
	SAY(ft->ch, MSG_TASK_DONE, task_done, d);
}

static inline void say_rendition(struct fake_task *ft, unsigned index, const void *data, size_t len)
{
	struct msg_rendition_trailer t = trailer_of(index, data, len);

	say_header(ft, index, 0);
	say_data(ft, data, len);
	say_trailer(ft, &t);
}

/* All that was asked for. */
static inline void say_all(struct fake_task *ft)
{
	const struct clip *c = &ft->f->rig->clip;
	unsigned i;

	for (i = 0; i < ft->task.profiles.n; i++)
		say_rendition(ft, i, c->bytes.data, c->bytes.len);
	say_done(ft, 0, "");
}

/* ---- the transcoder's end ---- */

static inline void task_on_msg(void *arg, struct peer_channel *ch, uint16_t type,
			       const uint8_t *data, size_t len)
{
	struct fake_task *ft = arg;
	struct err err;

	if (type == MSG_TASK) {
		assert_false(ft->got_task);
		assert_int_equal(msg_task_unpack(&ft->task, data, len, &err), 0);
		ft->got_task = true;
	} else if (type == MSG_TASK_END) {
		assert_int_equal(msg_task_end_unpack(&ft->end, data, len, &err), 0);
		assert_int_equal(ft->end.len, ft->input.len);
		assert_false(ft->whole);
		ft->whole = true;
	} else {
		fail_msg("message %d to a transcoder", type);
	}
}

static inline void task_on_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct fake_task *ft = arg;

	assert_true(ft->got_task && !ft->whole);
	assert_true(buf_add(&ft->input, data, len));
	peer_channel_consumed(ch, len);
}

static inline void task_on_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct fake_task *ft = arg;

	ft->ch = NULL;
	ft->closed = true;
	if (why)
		ft->why = *why;
}

static const struct peer_channel_cb fake_task_cb = {
	.on_msg = task_on_msg, .on_data = task_on_data, .on_close = task_on_close,
};

static inline void fake_on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	struct err busy = { ERR_BUSY, "no channel for you" };
	struct fake *f = arg;
	struct fake_task *ft;

	if (f->refuse_channels) {
		f->n_refused++;
		peer_channel_abort(ch, &busy);
		return;
	}
	ft = &f->task[f->n_tasks++];
	assert_true(f->n_tasks <= FAKE_TASKS_MAX);
	ft->f = f;
	ft->ch = ch;
	buf_init(&ft->input, 64u << 20);
	peer_channel_set(ch, &fake_task_cb, ft);
}

static inline void say_proof(struct fake *f, const struct msg_join_challenge *c)
{
	struct msg_join_proof p = { .load = f->load };
	struct hash32 hs = peer_conn_handshake(f->conn);

	memset(f->nonce, 0x5a, sizeof(f->nonce));
	memcpy(p.nonce, f->nonce, sizeof(p.nonce));
	farm_proof(p.hmac, f->secret, FARM_TRANSCODER, &hs, f->nonce, c->nonce);
	SAY(f->join, MSG_JOIN_PROOF, join_proof, p);
}

static struct msg_join_challenge last_challenge;

static inline void join_on_msg(void *arg, struct peer_channel *ch, uint16_t type,
			       const uint8_t *data, size_t len)
{
	struct fake *f = arg;
	struct hash32 hs = peer_conn_handshake(f->conn);
	struct msg_join_accept a;
	struct err err;

	if (type == MSG_JOIN_CHALLENGE) {
		assert_int_equal(msg_join_challenge_unpack(&last_challenge, data, len, &err), 0);
		if (!f->hold_proof)
			say_proof(f, &last_challenge);
	} else if (type == MSG_JOIN_ACCEPT) {
		assert_int_equal(msg_join_accept_unpack(&a, data, len, &err), 0);
		f->accepted = true;
		f->mutual = !f->local && farm_proof_holds(a.hmac, f->secret, FARM_ORCHESTRATOR, &hs,
							  f->nonce, last_challenge.nonce);
		if (f->local)
			say_load(f);
	} else {
		assert_int_equal(type, MSG_REFUSE);
		assert_int_equal(msg_refuse_unpack(&f->refuse, data, len, &err), 0);
		f->refused = true;
	}
}

static inline void join_on_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct fake *f = arg;

	f->join = NULL;
}

static const struct peer_channel_cb fake_join_cb = {
	.on_msg = join_on_msg, .on_close = join_on_close,
};

static inline void fake_join(struct fake *f)
{
	f->join = peer_channel_open(f->conn, &fake_join_cb, f, NULL);
	assert_non_null(f->join);
	SAY(f->join, MSG_JOIN, join, { .version = 1, .codec_profile = CODECS });
}

static inline void fake_on_ready(void *arg, struct peer_conn *c)
{
	fake_join(arg);
}

static inline void fake_on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct fake *f = arg;

	f->conn = NULL;
	f->lost = true;
}

static const struct peer_conn_cb fake_cb = {
	.on_ready = fake_on_ready, .on_channel = fake_on_channel, .on_close = fake_on_close,
};

/* ---- the orchestrator's end of a remote one, as orchestrator.c does it ---- */

static inline void far_on_msg(void *arg, struct peer_channel *ch, uint16_t type,
			      const uint8_t *data, size_t len)
{
	struct rig *r = arg;

	assert_int_equal(type, MSG_JOIN);
	farm_join(r->farm, peer_channel_conn(ch), ch, data, len);
}

static const struct peer_channel_cb far_first_cb = { .on_msg = far_on_msg };

static inline void far_on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	peer_channel_set(ch, &far_first_cb, arg);
}

static inline void far_on_goaway(void *arg, struct peer_conn *c)
{
	struct rig *r = arg;

	farm_drains(r->farm, c);
}

static inline void far_on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct rig *r = arg;
	unsigned i;

	for (i = 0; i < FAKES_MAX; i++)
		if (r->fake[i].far == c)
			r->fake[i].far = NULL;
}

static const struct peer_conn_cb far_cb = {
	.on_channel = far_on_channel, .on_goaway = far_on_goaway, .on_close = far_on_close,
};

/* ---- the rig ---- */

static inline struct farm_secret *secret_of(const char *text)
{
	char path[] = "/tmp/lp_farm_secretXXXXXX";
	struct farm_secret *s;
	int fd = mkstemp(path);
	struct err err;

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	s = farm_secret_load(path, &err);
	unlink(path);
	assert_non_null(s);
	return s;
}

static inline void rig_on_changed(void *arg)
{
	struct rig *r = arg;

	r->n_changes++;
}

static inline struct rig *rig_new_with(unsigned max_queue, bool has_secret)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	struct farm_opts opts = { .codec_profile = CODECS, .max_queue = max_queue,
				  .max_pixels = 4096 * 2304 };

	assert_int_equal(uv_loop_init(&r->loop), 0);
	r->near = peer_ctx_new(&r->loop, NULL, NULL, "farm");
	r->away = peer_ctx_new(&r->loop, NULL, NULL, "transcoder");
	r->secret = secret_of("the secret of this farm\n");
	r->wrong = secret_of("the secret of another farm");
	opts.secret = has_secret ? r->secret : NULL;
	r->farm = farm_new(&r->loop, &opts);
	farm_on_change(r->farm, rig_on_changed, r);
	clip_make(&r->clip, 1000, N_FRAMES, 3);
	return r;
}

static inline struct rig *rig_new(void)
{
	return rig_new_with(16, true);
}

static inline void rig_free(struct rig *r)
{
	unsigned i, k;

	farm_close(r->farm);
	for (i = 0; i < r->n_fakes; i++) {
		if (r->fake[i].conn)
			peer_conn_close(r->fake[i].conn);
		for (k = 0; k < r->fake[i].n_tasks; k++)
			buf_fini(&r->fake[i].task[k].input);
	}
	peer_ctx_free(r->near);
	peer_ctx_free(r->away);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	farm_free(r->farm);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	farm_secret_free(r->secret);
	farm_secret_free(r->wrong);
	clip_fini(&r->clip);
	free(r);
}

/* One that dials; it joins by itself. */
static inline struct fake *fake_start(struct rig *r, bool local, uint64_t capacity, unsigned slots)
{
	struct fake *f = &r->fake[r->n_fakes++];
	int fd[2];

	assert_true(r->n_fakes <= FAKES_MAX);
	f->rig = r;
	f->local = local;
	f->secret = r->secret;
	f->load = (struct msg_load){ .capacity = capacity, .slots = slots, .cores = 4,
				     .hardware = "made \"up\"" };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	f->conn = peer_attach(r->away, fd[1], true, !local, &fake_cb, f, NULL);
	if (local)
		assert_int_equal(farm_attach(r->farm, r->near, fd[0], NULL), 0);
	else
		f->far = peer_attach(r->near, fd[0], false, true, &far_cb, r, NULL);
	assert_true(f->conn && (local || f->far));
	if (!local)		/* as if it had proven one */
		f->far->addr.b[19] = (uint8_t)r->n_fakes;
	return f;
}

static inline unsigned n_members(const struct rig *r)
{
	struct farm_room room;

	farm_room(r->farm, &room);
	return room.n_members;
}

#define CAPACITY 100000000ull	/* a 2 s task of ours, 7.68 M pixels, in 77 ms */

static inline struct fake *fake_new(struct rig *r, bool local, uint64_t capacity, unsigned slots)
{
	struct fake *f = fake_start(r, local, capacity, slots);
	unsigned n = n_members(r);

	spin_until(&r->loop, f->accepted && n_members(r) == n + 1);
	return f;
}

static inline struct fake *remote_new(struct rig *r)
{
	return fake_new(r, false, CAPACITY, 4);
}

static inline struct fake *local_new(struct rig *r)
{
	return fake_new(r, true, CAPACITY, 4);
}

static inline void fake_die(struct fake *f)
{
	unsigned i;

	peer_conn_close(f->conn);
	f->conn = NULL;
	f->join = NULL;
	for (i = 0; i < f->n_tasks; i++)
		f->task[i].ch = NULL;
}

/* All at once: for local ones, which have no heartbeat. */
static inline void jump(struct rig *r, int64_t ms)
{
	__atomic_add_fetch(&warped_ns, ms * 1000000, __ATOMIC_RELAXED);
	settle(&r->loop);
}

/* ---- tasks ---- */

static inline void job_on_piece(void *arg, size_t index, uint64_t offset, const uint8_t *data, size_t len)
{
	struct job *j = arg;

	assert_true(index < N_RUNGS && len > 0 && !j->done);
	if (offset == 0 && j->pieces[index].len > 0) {
		j->n_restarts++;
		buf_clear(&j->pieces[index]);
	}
	assert_int_equal(offset, j->pieces[index].len);
	assert_true(buf_add(&j->pieces[index], data, len));
	if (j->cancel_in_piece) {
		farm_task_cancel(j->t);
		j->t = NULL;
	}
}

static inline void job_on_rendition(void *arg, const struct farm_rendition *w)
{
	struct job *j = arg;
	struct hash32 h = hash_sha256(w->data->data, w->data->len);

	assert_false(j->done);
	assert_int_equal(w->index, j->n_renditions);
	assert_memory_equal(&h, &w->sha256, sizeof(h));
	assert_int_equal(j->pieces[w->index].len, w->data->len);
	assert_memory_equal(j->pieces[w->index].data, w->data->data, w->data->len);
	j->sha[j->n_renditions++] = h;
	j->last = *w;
	if (j->cancel_in_rendition) {
		farm_task_cancel(j->t);
		j->t = NULL;
	}
}

static inline void job_on_done(void *arg, const struct farm_done *d, const struct err *err)
{
	struct job *j = arg;

	assert_false(j->done);
	j->done = true;
	j->d = *d;
	j->order = ++j->rig->n_ended;
	if (err)
		j->err = *err;
	if (j->cancel_in_done)
		farm_task_cancel(j->t);
	j->t = NULL;
	assert_int_equal(j->n_renditions, err ? 0 : N_RUNGS);
}

static const struct farm_cb job_cbs = { job_on_piece, job_on_rendition, job_on_done };

static const struct profile_list rig_profiles = {
	.n = N_RUNGS,
	.p = { { .name = "one", .width = CLIP_WIDTH, .height = CLIP_HEIGHT, .bitrate = 100000,
		 .fps_den = 1, .quality = -1 },
	       { .name = "two", .width = CLIP_WIDTH, .height = CLIP_HEIGHT, .bitrate = 200000,
		 .fps_den = 1, .quality = -1 } },
};

static inline struct farm_spec spec_of(const char *key)
{
	return (struct farm_spec){ .stream_key = key, .profiles = &rig_profiles,
				   .preset = "superfast", .expected_ms = 2000, .fps = 25,
				   .sequence = 17 };
}

static inline void job_init(struct job *j, struct rig *r)
{
	size_t i;

	memset(j, 0, sizeof(*j));
	j->rig = r;
	for (i = 0; i < N_RUNGS; i++)
		buf_init(&j->pieces[i], 64u << 20);
}

static inline void job_open(struct job *j, struct rig *r, const char *key, bool early)
{
	struct farm_spec spec = spec_of(key);
	struct err err = { 0 };

	job_init(j, r);
	spec.early = early;
	j->t = farm_task_open(r->farm, &spec, &job_cbs, j, &err);
	assert_non_null(j->t);
}

static inline void job_feed(struct job *j, size_t from, size_t to)
{
	const struct clip *c = &j->rig->clip;

	assert_int_equal(farm_task_feed(j->t, c->bytes.data + from, to - from, NULL), 0);
}

static inline void job_end(struct job *j, uint32_t deadline_ms)
{
	struct farm_source src = { .duration_ms = 2000, .deadline_ms = deadline_ms };

	farm_task_end(j->t, &src);
}

#define DEADLINE_MS 100000	/* of what is not to be late, however loaded the machine */

/* A whole one. */
static inline void job_start(struct job *j, struct rig *r, const char *key)
{
	job_open(j, r, key, false);
	job_feed(j, 0, r->clip.bytes.len);
	job_end(j, DEADLINE_MS);
}

static inline void job_fini(struct job *j)
{
	size_t i;

	for (i = 0; i < N_RUNGS; i++)
		buf_fini(&j->pieces[i]);
}

/* Its nth task has all of its input. */
static inline struct fake_task *wait_task(struct fake *f, unsigned n)
{
	spin_until(&f->rig->loop, f->n_tasks > n && f->task[n].whole);
	return &f->task[n];
}

static inline void wait_done(struct job *j)
{
	spin_until(&j->rig->loop, j->done);
}

#endif
