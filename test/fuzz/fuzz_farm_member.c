/*
 * Whatever a transcoder that was taken over can say to its orchestrator's farm.  One
 * end of a socketpair is the farm's; the input is what stands at the other, and what
 * the farm's user does meanwhile:
 *
 *	byte 0: bit 0 it comes from outside and proves the secret (what it makes is looked
 *	at), bit 1 it has not joined before the input begins, bit 2 there is a second task,
 *	bit 3 tasks begin early
 *	then records: what to do, a length of two bytes, so many bytes; see act()
 *
 * Checked: callbacks in order and once, pieces without gaps, what is called a rendition
 * has its hash, all memory goes.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "node/farm/farm.h"
#include "node/farm/join.h"
#include "node/peer/conn.h"
#include "protocol/frame.h"
#include "protocol/peer_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define N_JOBS 2
#define N_RUNGS 2
#define JOIN_CHANNEL 1

struct job {
	struct farm_task *t;	/* NULL: over */
	bool ended, early;
	size_t n_renditions;
	uint64_t len[N_RUNGS];	/* of pieces */
};

static uv_loop_t loop;
static struct farm *farm;
static struct peer_conn *far_conn;
static struct job job[N_JOBS];
static int fd;			/* the transcoder's */
static struct buf seen;		/* what the farm says, from the frame not yet looked at */
static uint32_t channel;	/* of the last task it gave, 0: none */
static struct buf sent[N_RUNGS];	/* as renditions on it */
static unsigned current;
static uint8_t nonce[32];
static bool challenged;

/* ---- the farm's user ---- */

static void on_piece(void *arg, size_t index, uint64_t offset, const uint8_t *data, size_t len)
{
	struct job *j = arg;

	assert(j->t && index < N_RUNGS && len > 0);
	assert(offset == j->len[index] || offset == 0);
	j->len[index] = offset + len;
}

static void on_rendition(void *arg, const struct farm_rendition *r)
{
	struct job *j = arg;
	struct hash32 h = hash_sha256(r->data->data, r->data->len);

	assert(j->t && j->ended && r->index == j->n_renditions++);
	assert(r->data->len == j->len[r->index] && r->init_len <= r->data->len);
	assert(memcmp(&h, &r->sha256, sizeof(h)) == 0);
}

static void on_done(void *arg, const struct farm_done *d, const struct err *err)
{
	struct job *j = arg;

	assert(j->t && d->n_tries <= FARM_TRIES_MAX);
	assert(j->n_renditions == (err ? 0 : N_RUNGS));
	assert(!err || err->msg[0]);
	j->t = NULL;
}

static const struct farm_cb job_cb = { on_piece, on_rendition, on_done };

static void open_job(struct job *j, bool early)
{
	static const struct profile_list profiles = { .n = N_RUNGS, .p = {
		{ .name = "a", .width = 320, .height = 240, .bitrate = 1000, .fps_den = 1, .quality = -1 },
		{ .name = "b", .width = 320, .height = 240, .bitrate = 1000, .fps_den = 1, .quality = -1 },
	} };
	struct farm_spec spec = { .stream_key = "s", .profiles = &profiles, .preset = "superfast",
				  .early = early };

	if (j->t)
		return;
	*j = (struct job){ .early = early };
	j->t = farm_task_open(farm, &spec, &job_cb, j, NULL);
}

static void feed_job(struct job *j, const uint8_t *p, size_t len)
{
	if (j->t && !j->ended)
		farm_task_feed(j->t, p, len, NULL);
}

static void end_job(struct job *j)
{
	struct farm_source src = { .duration_ms = 2000, .deadline_ms = 10000 };

	if (!j->t || j->ended)
		return;
	j->ended = true;
	farm_task_end(j->t, &src);
}

static void cancel_job(struct job *j)
{
	if (!j->t)
		return;
	farm_task_cancel(j->t);
	j->t = NULL;
	open_job(j, j->early);
}

/* ---- the transcoder ---- */

static void listen_to(const struct frame *f)
{
	struct msg_join_challenge c;
	unsigned type, i;

	if (f->kind != FRAME_MSG || f->len < 2)
		return;
	type = (unsigned)f->payload[0] << 8 | f->payload[1];
	if (type == MSG_JOIN_CHALLENGE && msg_join_challenge_unpack(&c, f->payload + 2, f->len - 2, NULL) == 0) {
		memcpy(nonce, c.nonce, sizeof(nonce));
		challenged = true;
	}
	if (type != MSG_TASK)
		return;
	channel = f->channel;
	for (i = 0; i < N_RUNGS; i++)
		buf_clear(&sent[i]);
}

static void turn(void)
{
	struct frame f;
	uint8_t *to;
	ssize_t got;
	long n;

	uv_run(&loop, UV_RUN_NOWAIT);
	do {
		to = buf_reserve(&seen, 65536);
		got = to ? recv(fd, to, 65536, MSG_DONTWAIT) : 0;
		if (got > 0)
			seen.len += (size_t)got;
	} while (got > 0);
	while ((n = frame_parse(&f, seen.data, seen.len, NULL)) > 0) {
		listen_to(&f);
		buf_consume(&seen, (size_t)n);
	}
	assert(n == 0);
}

static void give(const uint8_t *p, size_t len)
{
	ssize_t n = 1;
	int i;

	for (i = 0; len > 0 && (n > 0 || i < 100); i++) {
		n = send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
		turn();
	}
	turn();
}

static void give_frame(enum frame_kind kind, uint32_t ch, const uint8_t *p, size_t len)
{
	struct buf b;

	if (len > FRAME_PAYLOAD_MAX)
		len = FRAME_PAYLOAD_MAX;
	buf_init(&b, FRAME_HEAD + FRAME_PAYLOAD_MAX);
	frame_add(&b, kind, ch, p, len);
	give(b.data, b.len);
	buf_fini(&b);
}

static void give_msg(uint32_t ch, enum msg_type type, struct buf *body)
{
	struct buf b;

	buf_init(&b, FRAME_PAYLOAD_MAX);
	buf_add_u16(&b, (uint16_t)type);
	buf_add(&b, body->data, body->len);
	give_frame(FRAME_MSG, ch, b.data, b.len);
	buf_fini(&b);
	buf_fini(body);
}

static void give_header(unsigned index)
{
	struct msg_rendition_header h = { .index = index, .offset = sent[index].len };
	struct buf b;

	buf_init(&b, 100);
	msg_rendition_header_pack(&b, &h);
	give_msg(channel, MSG_RENDITION_HEADER, &b);
	current = index;
}

static void give_trailer(unsigned index)
{
	struct msg_rendition_trailer t = {
		.index = index, .len = sent[index].len, .duration_ms = 2000, .width = 320, .height = 240,
		.data_hash = hash_sha256(sent[index].data, sent[index].len),
	};
	struct buf b;

	buf_init(&b, 1000);
	msg_rendition_trailer_pack(&b, &t);
	give_msg(channel, MSG_RENDITION_TRAILER, &b);
}

static void give_done(int code)
{
	struct msg_task_done d = { .code = code, .reason = "said" };
	struct buf b;

	buf_init(&b, 1000);
	msg_task_done_pack(&b, &d);
	give_msg(channel, MSG_TASK_DONE, &b);
}

static const struct msg_load a_load = { .capacity = 1000000000, .slots = 2 };

static void join(const struct farm_secret *secret, bool local)
{
	static const uint8_t hello[] = { 0, 0, 0, 8, 1, 0, 0, 0, 0, 8, 1, 32, 5, 40, 0x80, 0x80, 1 };
	struct msg_join j = { .version = 1, .codec_profile = "c" };
	struct msg_join_proof p = { .load = a_load };
	struct hash32 none = { { 0 } };
	struct buf b;

	give(hello, sizeof(hello));
	buf_init(&b, 4096);
	msg_join_pack(&b, &j);
	give_msg(JOIN_CHANNEL, MSG_JOIN, &b);
	buf_init(&b, 4096);
	if (local) {
		msg_load_pack(&b, &a_load);
		give_msg(JOIN_CHANNEL, MSG_LOAD, &b);
		return;
	}
	assert(challenged);
	farm_proof(p.hmac, secret, FARM_TRANSCODER, &none, p.nonce, nonce);
	msg_join_proof_pack(&b, &p);
	give_msg(JOIN_CHANNEL, MSG_JOIN_PROOF, &b);
}

static void act(uint8_t what, const uint8_t *p, size_t len)
{
	unsigned index = len ? p[0] % N_RUNGS : 0;
	struct job *j = &job[what / 16 % N_JOBS];

	switch (what % 16) {
	case 0: give(p, len); break;
	case 1: give_frame(FRAME_MSG, channel, p, len); break;
	case 2:
		buf_add(&sent[current], p, len);
		give_frame(FRAME_DATA, channel, p, len);
		break;
	case 3: give_frame(FRAME_MSG, JOIN_CHANNEL, p, len); break;
	case 4: feed_job(j, p, len); break;
	case 5: end_job(j); break;
	case 6: cancel_job(j); break;
	case 7: give_frame(FRAME_CLOSE, channel, p, len); break;
	case 8: give_header(index); break;
	case 9: give_trailer(index); break;
	case 10: give_done(len ? p[0] % 10 : 0); break;
	case 11: open_job(j, j->early); break;
	case 12: farm_stream_end(farm, "s"); break;
	case 13: give_frame(FRAME_GOAWAY, 0, NULL, 0); break;
	case 14: give_frame(FRAME_DATA, JOIN_CHANNEL, p, len); break;
	default: break;
	}
	turn();
}

/* ---- the orchestrator's part of one from outside ---- */

static void far_on_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data, size_t len)
{
	if (type == MSG_JOIN)
		farm_join(farm, peer_channel_conn(ch), ch, data, len);
}

static const struct peer_channel_cb far_first = { .on_msg = far_on_msg };

static void far_on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	peer_channel_set(ch, &far_first, NULL);
}

static void far_on_goaway(void *arg, struct peer_conn *c)
{
	farm_drains(farm, c);
}

static void far_on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	far_conn = NULL;
}

static const struct peer_conn_cb far_cb = {
	.on_channel = far_on_channel, .on_goaway = far_on_goaway, .on_close = far_on_close,
};

static struct farm_secret *make_secret(void)
{
	char path[] = "/tmp/lp_fuzz_secretXXXXXX";
	int to = mkstemp(path);
	struct farm_secret *s;

	assert(to >= 0 && write(to, "sixteen bytes and more", 22) == 22);
	close(to);
	s = farm_secret_load(path, NULL);
	unlink(path);
	assert(s);
	return s;
}

static void run(uint8_t mode, const struct farm_secret *secret, const uint8_t *data, size_t len)
{
	size_t n;
	int i;

	if (!(mode & 2))
		join(secret, !(mode & 1));
	open_job(&job[0], mode & 8);
	if (mode & 4)
		open_job(&job[1], mode & 8);
	while (len >= 3) {
		n = (size_t)data[1] << 8 | data[2];
		if (n > len - 3)
			n = len - 3;
		act(data[0], data + 3, n);
		data += 3 + n;
		len -= 3 + n;
	}
	for (i = 0; i < 5; i++)
		turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct farm_secret *secret;
	struct farm_opts opts = { .codec_profile = "c", .max_queue = 4, .max_pixels = 1 << 24 };
	struct peer_ctx *ctx;
	int fds[2], i;

	if (len == 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return 0;
	if (!secret) {
		secret = make_secret();
		log_setup(LOG_ERROR, false);
	}
	opts.secret = secret;
	fd = fds[1];
	channel = 0;
	current = 0;
	challenged = false;
	memset(job, 0, sizeof(job));
	buf_init(&seen, 64u << 20);
	for (i = 0; i < N_RUNGS; i++)
		buf_init(&sent[i], 1u << 20);
	uv_loop_init(&loop);
	ctx = peer_ctx_new(&loop, NULL, NULL, "fuzz");
	farm = farm_new(&loop, &opts);
	far_conn = NULL;
	if (data[0] & 1)
		far_conn = peer_attach(ctx, fds[0], false, false, &far_cb, NULL, NULL);
	else
		assert(farm_attach(farm, ctx, fds[0], NULL) == 0);
	run(data[0], secret, data + 1, len - 1);
	farm_close(farm);
	turn();
	for (i = 0; i < N_JOBS; i++)
		assert(!job[i].t);
	close(fd);
	peer_ctx_free(ctx);
	uv_run(&loop, UV_RUN_DEFAULT);
	farm_free(farm);
	if (uv_loop_close(&loop) != 0)
		abort();
	buf_fini(&seen);
	for (i = 0; i < N_RUNGS; i++)
		buf_fini(&sent[i]);
	return 0;
}
