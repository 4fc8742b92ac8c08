/*
 * liar_transcoder MODE HOST:PORT SECRETFILE [MS]: joins an orchestrator's farm as a real
 * transcoder does, does the tasks, and then lies about them, so that tests can see what
 * a farm makes of it.  Prints the address that it proves, "joined" each time it is let
 * in (or "refused: why"), and a line for each task: "MODE seq=N".  "honest" tells no lie:
 * the control that everything else about it is right.  MS: the delay of "slow", 3000.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/buf.h"
#include "base/eip712.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/sig.h"
#include "media/av/ladder.h"
#include "node/farm/join.h"
#include "node/peer/conn.h"
#include "node/peer/keep.h"
#include "node/signer.h"
#include "protocol/peer_msg.h"
#include "test/tools/work.h"

enum lie {
	HONEST,
	LIE_HASH,	/* a hash that is not the bytes' */
	LIE_HALF,	/* only the first half of the frames */
	LIE_SWAP,	/* the first two renditions exchanged */
	LIE_SOURCE,	/* the source given back as every rendition */
	LIE_BYTES,	/* noise, with the right hash */
	LIE_OFFSET,	/* a rendition that begins where it does not */
	LIE_FLOOD,	/* 40 MiB of rendition */
	LIE_UNASKED,	/* a rendition that nobody asked for */
	LIE_EARLY,	/* "done" before the input is whole, without a rendition */
	LIE_REFUSE,	/* "the input cannot be decoded" */
	LIE_DIED,	/* "my worker died on it" */
	LIE_SILENT,	/* no answer, ever */
	LIE_SLOW,	/* the truth, late */
	LIE_BUSY,	/* "no room", always */
	LIE_GREEDY,	/* all the capacity and slots there can be, and then late */
	LIE_CLOSE,	/* the channel ends in the middle of a rendition */
	LIE_DISCONNECT,	/* the connection does */
};
static const char *const lie_names[] = {
	"honest", "hash", "half", "swap", "source", "bytes", "offset", "flood", "unasked", "early",
	"refuse", "died", "silent", "slow", "busy", "greedy", "close", "disconnect",
};

#define LOAD_MS 1000
#define CAPACITY 1000000000	/* of ten machines: it is to be given tasks */
#define SLOTS 8
#define SENT_MS 100		/* for what was queued to leave before the end */

struct task {
	struct list_node node;		/* of tasks */
	struct peer_channel *ch;	/* NULL: it was closed */
	struct msg_task msg;
	bool has_msg, working, waiting;
	struct buf input;
	struct work work;
	struct err err;
	int rc;
	uv_work_t req;
	uv_timer_t delay;
};

static enum lie lie;
static unsigned delay_ms = 3000;
static struct farm_secret *secret;
static struct peer_keep *keep;
static struct peer_channel *member;	/* where we joined; NULL: not yet, or no more */
static bool has_joined;
static uint8_t nonce[32], their_nonce[32];
static struct list tasks;		/* struct task.node */
static unsigned n_running;

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
}

static void tell(struct peer_channel *ch, enum msg_type type, struct buf *b)
{
	peer_channel_msg(ch, (uint16_t)type, b);
	buf_clear(b);
}

/* ---- the answer to a task ---- */

static void on_task_freed(uv_handle_t *h)
{
	free(h->data);
}

static void task_free(struct task *k)
{
	list_remove(&k->node);
	n_running--;
	buf_fini(&k->input);
	work_fini(&k->work);
	uv_close((uv_handle_t *)&k->delay, on_task_freed);
}

static void send_header(struct task *k, size_t i, uint64_t offset)
{
	struct msg_rendition_header head = { .index = (uint32_t)i, .offset = offset };
	struct buf b;

	buf_init(&b, 4096);
	msg_rendition_header_pack(&b, &head);
	tell(k->ch, MSG_RENDITION_HEADER, &b);
	buf_fini(&b);
}

static void send_rendition(struct task *k, size_t i)
{
	const struct buf *data = &k->work.data[i];
	const struct ladder_out *out = &k->work.out[i];
	struct msg_rendition_trailer tail = {
		.index = (uint32_t)i, .len = data->len,
		.data_hash = hash_sha256(data->data, data->len), .n_video = out->n_video,
		.duration_ms = (uint32_t)(out->duration_90k / 90),
		.width = out->width, .height = out->height, .fmp4 = out->fmp4,
		.init_len = (uint32_t)out->init_len,
	};
	struct buf b;

	send_header(k, i, lie == LIE_OFFSET ? 188 : 0);
	peer_channel_data(k->ch, data->data, data->len);
	if (lie == LIE_HASH)
		tail.data_hash.b[7] ^= 1;
	buf_init(&b, 4096);
	msg_rendition_trailer_pack(&b, &tail);
	tell(k->ch, MSG_RENDITION_TRAILER, &b);
	buf_fini(&b);
}

static void send_done(struct task *k, int code, const char *reason)
{
	struct msg_task_done m = { .code = code, .wall_ms = 1, .cpu_ms = 1 };
	struct buf b;

	snprintf(m.reason, sizeof(m.reason), "%s", reason);
	buf_init(&b, 4096);
	msg_task_done_pack(&b, &m);
	tell(k->ch, MSG_TASK_DONE, &b);
	buf_fini(&b);
	peer_channel_close(k->ch);
	k->ch = NULL;
}

static void send_flood(struct task *k)
{
	static uint8_t zeros[1 << 20];
	int i;

	send_header(k, 0, 0);
	for (i = 0; i < 40; i++)
		peer_channel_data(k->ch, zeros, sizeof(zeros));
}

static void send_beginning(struct task *k)
{
	send_header(k, 0, 0);
	peer_channel_data(k->ch, k->work.data[0].data, k->work.data[0].len / 2);
}

static void spoil(struct task *k)
{
	struct work *w = &k->work;
	size_t i;

	if (lie == LIE_SWAP && w->n >= 2)
		work_swap(w, 0, 1);
	for (i = 0; i < w->n; i++) {
		if (lie == LIE_HALF)
			w->data[i].len = w->data[i].len / 2 / 188 * 188;
		else if (lie == LIE_SOURCE)
			work_replace(w, i, k->input.data, k->input.len);
		else if (lie == LIE_BYTES)
			secret_random(w->data[i].data, w->data[i].len);
	}
}

static void answer_whole(struct task *k)
{
	size_t i;

	spoil(k);
	if (lie == LIE_UNASKED)
		send_header(k, k->work.n, 0);
	for (i = 0; i < k->work.n; i++)
		send_rendition(k, i);
	send_done(k, 0, "");
	task_free(k);
}

/* The connection ends; nothing of it is told to us (peer_keep_drop). */
static void drop(void)
{
	list_each(n, &tasks) {
		struct task *k = list_entry(n, struct task, node);

		k->ch = NULL;
		if (!k->working && !k->waiting)
			task_free(k);
	}
	member = NULL;
	has_joined = false;
	peer_keep_drop(keep);
}

/* What was queued has left. */
static void on_sent(uv_timer_t *t)
{
	struct task *k = t->data;

	k->waiting = false;
	if (k->ch)
		drop();
	else
		task_free(k);
}

static void answer(struct task *k)
{
	if (k->rc < 0) {
		send_done(k, k->err.code, k->err.msg);
		task_free(k);
	} else if (lie == LIE_CLOSE) {
		send_beginning(k);
		peer_channel_close(k->ch);
		task_free(k);
	} else if (lie == LIE_DISCONNECT) {
		send_beginning(k);
		k->waiting = true;
		uv_timer_start(&k->delay, on_sent, SENT_MS, 0);
	} else {
		answer_whole(k);
	}
}

static void on_delay(uv_timer_t *t)
{
	struct task *k = t->data;

	k->waiting = false;
	if (k->ch)
		answer(k);
	else
		task_free(k);
}

/* ---- the work, honestly done, beside the loop ---- */

static void do_work(uv_work_t *r)
{
	struct task *k = r->data;

	k->rc = work_do(&k->work, &k->msg.profiles, k->msg.preset, k->msg.fmp4, &k->input, &k->err);
}

static void on_worked(uv_work_t *r, int status)
{
	struct task *k = r->data;

	(void)status;
	k->working = false;
	if (!k->ch) {
		task_free(k);
	} else if (lie == LIE_SLOW || lie == LIE_GREEDY) {
		k->waiting = true;
		uv_timer_start(&k->delay, on_delay, delay_ms, 0);
	} else {
		answer(k);
	}
}

static void on_input_whole(struct task *k)
{
	switch (lie) {
	case LIE_SILENT:
		return;
	case LIE_FLOOD:
		send_flood(k);
		return;
	case LIE_REFUSE:
		send_done(k, ERR_INVALID, "the input cannot be decoded");
		break;
	case LIE_DIED:
		send_done(k, ERR_IO, "the worker died on it");
		break;
	case LIE_EARLY: case LIE_BUSY:
		return;	/* said before */
	case HONEST: case LIE_HASH: case LIE_HALF: case LIE_SWAP: case LIE_SOURCE: case LIE_BYTES:
	case LIE_OFFSET: case LIE_UNASKED: case LIE_SLOW: case LIE_GREEDY: case LIE_CLOSE:
	case LIE_DISCONNECT:
		k->working = true;
		k->req.data = k;
		uv_queue_work(uv_default_loop(), &k->req, do_work, on_worked);
		return;
	}
	task_free(k);
}

/* ---- what comes ---- */

static void on_task(struct task *k, const uint8_t *data, size_t len)
{
	struct err err;

	if (msg_task_unpack(&k->msg, data, len, &err) < 0) {
		printf("task that cannot be read: %s\n", err.msg);
		fflush(stdout);
		return;
	}
	k->has_msg = true;
	printf("%s seq=%llu\n", lie_names[lie], (unsigned long long)k->msg.sequence);
	fflush(stdout);
	if (lie != LIE_EARLY && lie != LIE_BUSY)
		return;
	send_done(k, lie == LIE_BUSY ? ERR_BUSY : ERR_NONE, lie == LIE_BUSY ? "no room" : "");
	task_free(k);
}

static void on_task_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data,
			size_t len)
{
	struct task *k = arg;

	(void)ch;
	if (type == MSG_TASK && !k->has_msg)
		on_task(k, data, len);
	else if (type == MSG_TASK_END && k->has_msg && !k->working)
		on_input_whole(k);
}

static void on_task_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct task *k = arg;

	buf_add(&k->input, data, len);
	peer_channel_consumed(ch, len);
}

static void on_task_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct task *k = arg;

	(void)ch;
	(void)why;
	k->ch = NULL;
	if (!k->working && !k->waiting)
		task_free(k);
}

static const struct peer_channel_cb task_cb = {
	.on_msg = on_task_msg, .on_data = on_task_data, .on_close = on_task_close,
};

static void on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	struct task *k = xcalloc(1, sizeof(*k));

	(void)arg;
	(void)c;
	k->ch = ch;
	buf_init(&k->input, SEGMENT_BYTES_MAX);
	uv_timer_init(uv_default_loop(), &k->delay);
	k->delay.data = k;
	list_add_tail(&tasks, &k->node);
	n_running++;
	peer_channel_set(ch, &task_cb, k);
}

/* ---- joining ---- */

static struct msg_load my_load(void)
{
	struct msg_load l = { .capacity = CAPACITY, .slots = SLOTS, .running = n_running, .cores = 8 };

	if (lie == LIE_GREEDY) {
		l.capacity = CAPACITY_MAX;
		l.slots = 100000;
	}
	snprintf(l.hardware, sizeof(l.hardware), "liar");
	return l;
}

static void send_proof(struct peer_channel *ch)
{
	struct hash32 handshake = peer_conn_handshake(peer_channel_conn(ch));
	struct msg_join_proof p = { .load = my_load() };
	struct buf b;

	secret_random(nonce, sizeof(nonce));
	memcpy(p.nonce, nonce, sizeof(p.nonce));
	farm_proof(p.hmac, secret, FARM_TRANSCODER, &handshake, nonce, their_nonce);
	buf_init(&b, 4096);
	msg_join_proof_pack(&b, &p);
	tell(ch, MSG_JOIN_PROOF, &b);
	buf_fini(&b);
}

static void on_accept(struct peer_channel *ch, const struct msg_join_accept *m)
{
	struct hash32 handshake = peer_conn_handshake(peer_channel_conn(ch));

	has_joined = farm_proof_holds(m->hmac, secret, FARM_ORCHESTRATOR, &handshake, nonce,
				      their_nonce);
	say(has_joined ? "joined" : "refused: the orchestrator does not know the secret");
}

static void on_join_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data,
			size_t len)
{
	struct msg_join_challenge challenge;
	struct msg_join_accept accept;
	struct msg_refuse refuse;
	struct err err;

	(void)arg;
	if (type == MSG_JOIN_CHALLENGE && msg_join_challenge_unpack(&challenge, data, len, &err) == 0) {
		memcpy(their_nonce, challenge.nonce, sizeof(their_nonce));
		send_proof(ch);
	} else if (type == MSG_JOIN_ACCEPT && msg_join_accept_unpack(&accept, data, len, &err) == 0) {
		on_accept(ch, &accept);
	} else if (type == MSG_REFUSE && msg_refuse_unpack(&refuse, data, len, &err) == 0) {
		printf("refused: %s\n", refuse.reason);
		fflush(stdout);
		peer_keep_wait(keep, refuse.retry_after_ms);
		drop();
	}
}

static void on_join_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	(void)arg;
	(void)ch;
	(void)why;
	member = NULL;
	has_joined = false;
}

static const struct peer_channel_cb join_cb = {
	.on_msg = on_join_msg, .on_close = on_join_close,
};

static void on_ready(void *arg, struct peer_conn *c)
{
	struct msg_join m = { .version = 1 };
	struct err err;
	struct buf b;

	(void)arg;
	member = peer_channel_open(c, &join_cb, NULL, &err);
	if (!member)
		return;
	snprintf(m.codec_profile, sizeof(m.codec_profile), "%s", ladder_codec_profile());
	buf_init(&b, 4096);
	msg_join_pack(&b, &m);
	tell(member, MSG_JOIN, &b);
	buf_fini(&b);
}

static const struct peer_conn_cb conn_cb = {
	.on_ready = on_ready, .on_channel = on_channel,
};

static void on_load_tick(uv_timer_t *t)
{
	struct msg_load l = my_load();
	struct buf b;

	(void)t;
	if (!member || !has_joined)
		return;
	buf_init(&b, 4096);
	msg_load_pack(&b, &l);
	tell(member, MSG_LOAD, &b);
	buf_fini(&b);
}

/* ---- the program ---- */

/* A tool of tests ends with them: nothing to tidy. */
static void on_signal(uv_signal_t *s, int signum)
{
	(void)s;
	(void)signum;
	_exit(0);
}

static int find_lie(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(lie_names) / sizeof(lie_names[0]); i++)
		if (strcmp(name, lie_names[i]) == 0)
			return (int)i;
	return -1;
}

static int fail(const struct err *err)
{
	fprintf(stderr, "liar_transcoder: %s\n", err->msg);
	return 1;
}

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	struct eip712_domain domain = { 0 };
	struct sig_key *key = sig_key_generate();
	struct eth_addr me;
	struct signer *signer;
	uv_signal_t term;
	uv_timer_t load;
	struct err err;
	char text[43];

	if (argc < 4 || argc > 5 || find_lie(argv[1]) < 0) {
		fprintf(stderr, "usage: liar_transcoder MODE HOST:PORT SECRETFILE [MS]\n");
		return 2;
	}
	lie = (enum lie)find_lie(argv[1]);
	if (argc == 5)
		delay_ms = (unsigned)strtoul(argv[4], NULL, 10);
	signal(SIGPIPE, SIG_IGN);
	log_setup(LOG_WARN, false);
	secret = farm_secret_load(argv[3], &err);
	/* The first transcode of a process is slow: none of the test's affair. */
	if (!secret || ladder_warm_up(&err) < 0)
		return fail(&err);
	signer = signer_new(key, &domain);
	me = signer_addr(signer);
	eth_addr_fmt(text, &me);
	say(text);
	list_init(&tasks);
	keep = peer_keep_new(loop, peer_ctx_new(loop, key, signer_domain(signer), "liar"), argv[2],
			     NULL, &conn_cb, NULL, &err);
	if (!keep)
		return fail(&err);
	uv_timer_init(loop, &load);
	uv_timer_start(&load, on_load_tick, LOAD_MS, LOAD_MS);
	uv_signal_init(loop, &term);
	uv_signal_start(&term, on_signal, SIGTERM);
	return uv_run(loop, UV_RUN_DEFAULT);
}
