#ifndef LP_TEST_NODE_FARM_BOSS_H
#define LP_TEST_NODE_FARM_BOSS_H
/*
 * An orchestrator as the transcoder sees it, over a real listener with Noise or over a
 * socketpair: says what it is told to, and writes down what comes.  Included once by
 * each test program.
 */
#include "test/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/secret.h"
#include "node/farm/join.h"
#include "node/farm/transcoder.h"
#include "node/peer/conn.h"
#include "node/work/pool.h"
#include "protocol/peer_msg.h"

#ifdef LP_SANITIZED
#define BOSS_CONFINE false
#define BOSS_PATIENCE_MS 60000
#else
#define BOSS_CONFINE true
#define BOSS_PATIENCE_MS 30000
#endif

enum manner {
	HONEST,
	FALSE_PROOF,	/* accepts with a proof made without the secret */
	OLD_PROOF,	/* accepts with a good proof, of another connection */
	BUSY,		/* refuses once, then is honest */
	HASTY,		/* accepts before it is asked for a challenge's answer */
	MUTE,		/* says nothing */
	MEDIA,		/* sends media bytes instead of a challenge */
	GARBAGE,	/* a challenge that is no message */
	EARLY,		/* opens a task's channel before it accepts */
};

struct boss {
	uv_loop_t loop;
	uv_timer_t watchdog;
	struct sig_key *key, *other_key;
	struct peer_ctx *ctx, *other_ctx;	/* ours, the transcoder's */
	struct peer_listener *listener;
	char at[64], dir[64], secret_path[96], pins[96];
	struct farm_secret *secret, *other_secret;	/* ours, the transcoder's */
	struct transcoder *t;
	bool local;

	enum manner manner;
	struct peer_conn *conn;
	struct peer_channel *join;
	uint8_t nonce[32];
	struct msg_join_accept old;	/* of the last connection */
	unsigned n_conns, n_joins, n_proofs, n_bad_proofs, n_accepted, n_loads, n_goaway, n_closed;
	struct msg_load load;
	struct msg_join joined_with;
	uint64_t refused_at, back_at;
	struct job *early;
};

/* A task as its giver sees it. */
struct job {
	struct boss *b;
	struct peer_channel *ch;	/* NULL once over */
	struct msg_task_done done;
	bool is_done, is_closed;
	struct err err;			/* of on_close; ERR_NONE: in order */
	struct buf out[PROFILES_MAX];
	struct msg_rendition_trailer tail[PROFILES_MAX];
	size_t n_tails;
	int current;
	unsigned n_headers;
};

/* ---- waiting ---- */

static void boss_on_watchdog(uv_timer_t *w)
{
	fail_msg("nothing more happens");
}

#define boss_until(b, condition)						\
	do {									\
		uv_timer_start(&(b)->watchdog, boss_on_watchdog, BOSS_PATIENCE_MS, 0);	\
		while (!(condition))						\
			uv_run(&(b)->loop, UV_RUN_ONCE);			\
		uv_timer_stop(&(b)->watchdog);					\
	} while (0)

static void boss_on_pause(uv_timer_t *w)
{
	*(bool *)w->data = true;
}

static inline void boss_pause(struct boss *b, uint64_t ms)
{
	uv_timer_t w;
	bool over = false;

	uv_timer_init(&b->loop, &w);
	w.data = &over;
	uv_timer_start(&w, boss_on_pause, ms, 0);
	boss_until(b, over);
	uv_close((uv_handle_t *)&w, NULL);
	uv_run(&b->loop, UV_RUN_NOWAIT);
}

/* ---- tasks ---- */

static inline void job_on_msg(void *arg, struct peer_channel *ch, uint16_t type,
			      const uint8_t *data, size_t len)
{
	struct job *j = arg;
	struct msg_rendition_header h;
	struct err err = { 0 };

	assert_false(j->is_done);
	if (type == MSG_RENDITION_HEADER) {
		assert_int_equal(msg_rendition_header_unpack(&h, data, len, &err), 0);
		assert_int_equal(h.offset, j->out[h.index].len);
		j->current = (int)h.index;
		j->n_headers++;
	} else if (type == MSG_RENDITION_TRAILER) {
		assert_int_equal(msg_rendition_trailer_unpack(&j->tail[j->n_tails], data, len, &err),
				 0);
		assert_int_equal(j->tail[j->n_tails].index, j->n_tails);
		j->n_tails++;
		j->current = -1;
	} else {
		assert_int_equal(type, MSG_TASK_DONE);
		assert_int_equal(msg_task_done_unpack(&j->done, data, len, &err), 0);
		j->is_done = true;
	}
}

static inline void job_on_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct job *j = arg;

	assert_true(j->current >= 0);
	buf_add(&j->out[j->current], data, len);
	peer_channel_consumed(ch, len);
}

static inline void job_on_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct job *j = arg;

	j->ch = NULL;
	j->is_closed = true;
	if (why)
		j->err = *why;
}

static const struct peer_channel_cb job_cb = { job_on_msg, job_on_data, job_on_close, NULL };

static inline struct job *job_open(struct boss *b)
{
	struct job *j = xcalloc(1, sizeof(*j));
	size_t i;

	j->b = b;
	j->current = -1;
	for (i = 0; i < PROFILES_MAX; i++)
		buf_init(&j->out[i], RENDITION_BYTES_MAX);
	j->ch = peer_channel_open(b->conn, &job_cb, j, NULL);
	assert_non_null(j->ch);
	return j;
}

static inline void job_free(struct job *j)
{
	size_t i;

	if (j->ch)
		peer_channel_close(j->ch);
	for (i = 0; i < PROFILES_MAX; i++)
		buf_fini(&j->out[i]);
	free(j);
}

static inline struct msg_task job_task(const char *stream)
{
	struct msg_task m = {
		.kind = TASK_TRANSCODE, .preset = "superfast", .duration_ms = 2000, .sequence = 7,
		.max_pixels = 4096 * 2304, .streamed = true,
	};

	snprintf(m.stream_key, sizeof(m.stream_key), "%s", stream);
	m.profiles.n = 2;
	m.profiles.p[0] = (struct profile){ .name = "a", .width = 640, .height = 360,
		.bitrate = 800000, .fps_den = 1, .quality = -1 };
	m.profiles.p[1] = (struct profile){ .name = "b", .width = 426, .height = 240,
		.bitrate = 400000, .fps_den = 1, .quality = -1 };
	return m;
}

static inline void job_say(struct job *j, uint16_t type, const struct buf *b)
{
	peer_channel_msg(j->ch, type, b);
}

static inline void job_say_task(struct job *j, const struct msg_task *m)
{
	struct buf b;

	buf_init(&b, 16384);
	assert_true(msg_task_pack(&b, m));
	job_say(j, MSG_TASK, &b);
	buf_fini(&b);
}

static inline void job_say_end(struct job *j, size_t len)
{
	struct msg_task_end m = { .len = len, .duration_ms = 2000 };
	struct buf b;

	buf_init(&b, 16384);
	assert_true(msg_task_end_pack(&b, &m));
	job_say(j, MSG_TASK_END, &b);
	buf_fini(&b);
}

/* A whole task of len bytes, streamed or not. */
static inline struct job *job_give(struct boss *b, const struct msg_task *m, const void *data,
				   size_t len)
{
	struct msg_task task = *m;
	struct job *j = job_open(b);

	task.len = m->streamed ? 0 : len;
	job_say_task(j, &task);
	peer_channel_data(j->ch, data, len);
	if (m->streamed)
		job_say_end(j, len);
	return j;
}

static inline struct job *job_give_text(struct boss *b, const char *stream, const char *text)
{
	struct msg_task m = job_task(stream);

	return job_give(b, &m, text, strlen(text));
}

static inline void job_wait(struct job *j)
{
	boss_until(j->b, j->is_closed);
}

/* ---- joining ---- */

static inline void boss_say(struct boss *b, uint16_t type, const struct buf *body)
{
	peer_channel_msg(b->join, type, body);
}

static inline void boss_accept(struct boss *b, const struct msg_join_accept *m)
{
	struct buf body;

	buf_init(&body, 4096);
	msg_join_accept_pack(&body, m);
	boss_say(b, MSG_JOIN_ACCEPT, &body);
	buf_fini(&body);
	b->n_accepted++;
}

static inline void boss_refuse(struct boss *b, enum refuse_code code, uint32_t retry_ms,
			       const char *why)
{
	struct msg_refuse m = { .code = code, .retry_after_ms = retry_ms };
	struct buf body;

	snprintf(m.reason, sizeof(m.reason), "%s", why);
	buf_init(&body, 4096);
	msg_refuse_pack(&body, &m);
	boss_say(b, MSG_REFUSE, &body);
	buf_fini(&body);
	peer_channel_close(b->join);
	b->join = NULL;
	b->refused_at = uv_now(&b->loop);
}

static inline void boss_challenge(struct boss *b)
{
	struct msg_join_challenge m;
	struct buf body;

	secret_random(b->nonce, sizeof(b->nonce));
	memcpy(m.nonce, b->nonce, sizeof(m.nonce));
	buf_init(&body, 4096);
	msg_join_challenge_pack(&body, &m);
	boss_say(b, MSG_JOIN_CHALLENGE, &body);
	buf_fini(&body);
}

static inline void boss_on_join(struct boss *b, const uint8_t *data, size_t len)
{
	struct msg_join_accept none = { { 0 } };
	struct buf garbage;

	b->n_joins++;
	assert_int_equal(msg_join_unpack(&b->joined_with, data, len, NULL), 0);
	if (b->local) {
		boss_accept(b, &none);
		return;
	}
	switch (b->manner) {
	case HASTY:
		boss_accept(b, &none);
		return;
	case MUTE:
		return;
	case MEDIA:
		peer_channel_data(b->join, (const uint8_t *)"media", 5);
		return;
	case GARBAGE:
		buf_init(&garbage, 16);
		buf_add_str(&garbage, "\xff\xff");
		boss_say(b, MSG_JOIN_CHALLENGE, &garbage);
		buf_fini(&garbage);
		return;
	case BUSY:
		boss_refuse(b, REFUSE_BUSY, 1500, "full");
		b->manner = HONEST;
		return;
	case HONEST: case FALSE_PROOF: case OLD_PROOF: case EARLY:
		boss_challenge(b);
	}
}

static inline void boss_on_proof(struct boss *b, const uint8_t *data, size_t len)
{
	struct hash32 handshake = peer_conn_handshake(b->conn);
	struct msg_join_accept m;
	struct msg_join_proof p;

	b->n_proofs++;
	assert_int_equal(msg_join_proof_unpack(&p, data, len, NULL), 0);
	b->load = p.load;
	if (!farm_proof_holds(p.hmac, b->secret, FARM_TRANSCODER, &handshake, p.nonce, b->nonce)) {
		b->n_bad_proofs++;
		boss_refuse(b, REFUSE_DENIED, 1000, "the secret is another one");
		return;
	}
	if (b->manner == EARLY)
		b->early = job_give_text(b, "early", "task");
	farm_proof(m.hmac, b->secret, FARM_ORCHESTRATOR, &handshake, p.nonce, b->nonce);
	if (b->manner == FALSE_PROOF)	/* what it can make without it: the other's own proof */
		memcpy(m.hmac, p.hmac, sizeof(m.hmac));
	if (b->manner == OLD_PROOF)
		m = b->old;
	else
		b->old = m;
	boss_accept(b, &m);
}

static inline void boss_on_join_msg(void *arg, struct peer_channel *ch, uint16_t type,
				    const uint8_t *data, size_t len)
{
	struct boss *b = arg;

	if (type == MSG_JOIN) {
		boss_on_join(b, data, len);
	} else if (type == MSG_JOIN_PROOF) {
		boss_on_proof(b, data, len);
	} else {
		assert_int_equal(type, MSG_LOAD);
		assert_int_equal(msg_load_unpack(&b->load, data, len, NULL), 0);
		b->n_loads++;
	}
}

static inline void boss_on_join_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct boss *b = arg;

	b->join = NULL;
}

static const struct peer_channel_cb boss_join_cb = { boss_on_join_msg, NULL, boss_on_join_close,
						     NULL };

static inline void boss_on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	struct boss *b = arg;

	assert_null(b->join);	/* it opens one, for joining */
	b->join = ch;
	peer_channel_set(ch, &boss_join_cb, b);
}

static inline void boss_on_goaway(void *arg, struct peer_conn *c)
{
	struct boss *b = arg;

	b->n_goaway++;
}

static inline void boss_on_conn_close(void *arg, struct peer_conn *c, const struct err *why)
{
	struct boss *b = arg;

	b->conn = NULL;
	b->n_closed++;
}

static const struct peer_conn_cb boss_conn_cb = {
	.on_channel = boss_on_channel, .on_goaway = boss_on_goaway,
	.on_close = boss_on_conn_close,
};

static inline bool boss_on_accept(void *arg, struct peer_conn *c, const struct peer_conn_cb **cb,
				  void **conn_arg)
{
	struct boss *b = arg;

	b->n_conns++;
	b->back_at = uv_now(&b->loop);
	b->conn = c;
	*cb = &boss_conn_cb;
	*conn_arg = b;
	return true;
}

/* The orchestrator is gone, and with it all that was said. */
static inline void boss_vanish(struct boss *b)
{
	peer_conn_close(b->conn);
	b->conn = NULL;
	b->join = NULL;
}

/* ---- the world ---- */

static const struct transcoder_opts boss_opts = {
	.n_cpu = 2, .slots = 2, .max_pixels = 4096 * 2304, .capacity = 1000000000,
	.confine = BOSS_CONFINE, .codec_profile = "codec-1",
};

static inline struct farm_secret *boss_secret(struct boss *b, const char *text)
{
	int fd = open(b->secret_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct farm_secret *s;

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	s = farm_secret_load(b->secret_path, NULL);
	assert_non_null(s);
	return s;
}

static inline struct boss *boss_new(const struct transcoder_opts *opts)
{
	static const struct peer_limits limits = {
		.window = 1u << 20, .max_channels = 256, .handshake_ms = 10000, .ping_ms = 500,
		.dead_ms = 20000, .stall_ms = 20000,
	};
	struct hash32 domain = { { 7 } };
	struct boss *b = xcalloc(1, sizeof(*b));
	struct err err;

	assert_int_equal(uv_loop_init(&b->loop), 0);
	uv_timer_init(&b->loop, &b->watchdog);
	b->key = sig_key_generate();
	b->other_key = sig_key_generate();
	b->ctx = peer_ctx_new(&b->loop, b->key, &domain, "boss");
	b->other_ctx = peer_ctx_new(&b->loop, b->other_key, &domain, "transcoder");
	peer_ctx_limits(b->ctx, &limits);
	peer_ctx_limits(b->other_ctx, &limits);
	strcpy(b->dir, "/tmp/lp-test-transcoder-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->secret_path, sizeof(b->secret_path), "%s/secret", b->dir);
	snprintf(b->pins, sizeof(b->pins), "%s/pins", b->dir);
	b->secret = boss_secret(b, "the secret of this farm");
	b->other_secret = boss_secret(b, "the secret of this farm");
	b->t = transcoder_new(&b->loop, opts, &err);
	if (!b->t)
		fail_msg("%s", err.msg);
	return b;
}

static inline void boss_listen(struct boss *b)
{
	b->listener = peer_listen(b->ctx, "127.0.0.1:0", 10, 10, boss_on_accept, b, NULL);
	assert_non_null(b->listener);
	snprintf(b->at, sizeof(b->at), "127.0.0.1:%d", peer_listener_port(b->listener));
}

static inline void boss_call(struct boss *b, const struct eth_addr *expect)
{
	struct err err;

	if (transcoder_join(b->t, b->other_ctx, b->at, expect, b->other_secret, b->pins, &err) < 0)
		fail_msg("%s", err.msg);
}

#define boss_until_joined(b) boss_until(b, transcoder_is_joined((b)->t) && (b)->n_loads > 0)

/* An honest one that was joined. */
static inline struct boss *boss_joined(const struct transcoder_opts *opts)
{
	struct boss *b = boss_new(opts);

	boss_listen(b);
	boss_call(b, NULL);
	boss_until_joined(b);
	return b;
}

static inline struct boss *boss_local(const struct transcoder_opts *opts)
{
	struct boss *b = boss_new(opts);
	int fd[2];

	b->local = true;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	b->conn = peer_attach(b->ctx, fd[0], false, false, &boss_conn_cb, b, NULL);
	assert_non_null(b->conn);
	assert_int_equal(transcoder_attach(b->t, b->other_ctx, fd[1], NULL), 0);
	return b;
}

static inline void boss_unlink(struct boss *b, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	unlink(path);
}

/* Nothing is left over: no handle, no file. */
static inline void boss_free(struct boss *b)
{
	transcoder_close(b->t);
	peer_ctx_free(b->ctx);
	peer_ctx_free(b->other_ctx);
	uv_close((uv_handle_t *)&b->watchdog, NULL);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b->loop), 0);
	transcoder_free(b->t);
	sig_key_free(b->key);
	sig_key_free(b->other_key);
	farm_secret_free(b->secret);
	farm_secret_free(b->other_secret);
	boss_unlink(b, "secret");
	boss_unlink(b, "pins");
	boss_unlink(b, "pins.lock");
	assert_int_equal(rmdir(b->dir), 0);
	free(b);
}

#endif
