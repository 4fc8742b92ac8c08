/*
 * Whatever an orchestrator that was taken over can say to its transcoder.  One end of a
 * socketpair is the transcoder's; the input is what stands at the other, and what the
 * workers (made up here) do meanwhile:
 *
 *	byte 0: bit 0 it comes from outside and has to prove the secret, bit 1 it does not
 *	by itself, bit 2 there is a device
 *	then records: what to do, a length of two bytes, so many bytes; see act()
 *
 * Checked: input comes to workers in order and within its bounds, never more tasks than
 * slots, nothing behind a TaskDone but the channel's end, all memory goes.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/log.h"
#include "base/mem.h"
#include "node/farm/join.h"
#include "node/farm/transcoder_int.h"
#include "node/peer/conn.h"
#include "node/work/gpuprobe.h"
#include "protocol/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define JOIN_CHANNEL 1
#define SLOTS 2
#define CHANNELS 128		/* whose end is looked at */

static uv_loop_t loop;
static struct transcoder *t;
static int fd;			/* the orchestrator's */
static struct buf seen;		/* what the transcoder says, from the frame not yet looked at */
static uint32_t channel;	/* of the last task, 0: none */
static size_t n_sent;		/* input on it */
static bool is_done[CHANNELS];	/* TaskDone came on channel 2 * i */
static struct msg_join_proof proof;	/* its last */
static bool proven;

/* ---- the workers ---- */

struct work_task {
	struct list_node node;
	struct work_cb cb;
	void *arg;
	struct blob *input;
	size_t len, n_profiles;
	bool streamed, finished;
	uint64_t made[PROFILES_MAX];
};

struct work_pool {
	struct list tasks;
};

struct work_pool *work_pool_new(uv_loop_t *l, const struct work_opts *opts, struct err *err)
{
	struct work_pool *p = xcalloc(1, sizeof(*p));

	list_init(&p->tasks);
	return p;
}

struct work_task *work_task_start(struct work_pool *p, const struct work_spec *spec,
				  const struct work_cb *cb, void *arg, struct err *err)
{
	struct work_task *w = xcalloc(1, sizeof(*w));

	assert(spec->deadline_ms > 0 && spec->stream_key[0]);
	assert(spec->input || (spec->kind == TASK_TRANSCODE && !spec->fmp4));
	w->cb = *cb;
	w->arg = arg;
	w->input = spec->input ? blob_ref(spec->input) : NULL;
	w->streamed = !spec->input;
	w->finished = !w->streamed;
	w->n_profiles = spec->kind == TASK_TRANSCODE ? spec->profiles->n : 1;
	list_add_tail(&p->tasks, &w->node);
	return w;
}

static void task_free(struct work_task *w)
{
	list_remove(&w->node);
	blob_unref(w->input);
	free(w);
}

int work_task_feed(struct work_task *w, const uint8_t *data, size_t len, struct err *err)
{
	assert(w->streamed && !w->finished && len > 0);
	w->len += len;
	assert(w->len <= SEGMENT_BYTES_MAX);
	return 0;
}

void work_task_finish(struct work_task *w, uint32_t duration_ms, uint64_t deadline_ms)
{
	assert(w->streamed && !w->finished && w->len > 0 && deadline_ms > 0);
	w->finished = true;
}

void work_task_cancel(struct work_task *w)
{
	task_free(w);
}

void work_stream_end(struct work_pool *p, const char *stream_key)
{
}

void work_pool_stats(const struct work_pool *p, struct work_pool_stats *out)
{
	*out = (struct work_pool_stats){ .n_up = 1 };
}

void work_pool_close(struct work_pool *p, void (*closed)(void *arg), void *arg)
{
	assert(list_is_empty(&p->tasks));
	free(p);
}

static struct work_task *some_task(unsigned lane)
{
	struct work_pool *p = lane_pool(t->lanes[lane % t->n_lanes]);

	return list_is_empty(&p->tasks) ? NULL : list_entry(list_first(&p->tasks), struct work_task,
							    node);
}

static void work_piece(struct work_task *w, const uint8_t *p, size_t len)
{
	if (!w || len < 2 || w->n_profiles == 0 || !w->cb.piece)
		return;
	w->made[p[0] % w->n_profiles] += len - 1;
	w->cb.piece(w->arg, p[0] % w->n_profiles, p + 1, len - 1);
}

static void work_end(struct work_task *w, unsigned code)
{
	struct work_stats st = { .cpu_ms = 100, .wall_ms = 100 };
	struct work_rendition r = { .width = 320, .height = 240, .n_video = 50 };
	struct err err;
	size_t i;

	if (!w || (code == 0 && !w->finished))
		return;
	for (i = 0; code == 0 && i < w->n_profiles && w->cb.rendition; i++) {
		r.index = i;
		r.len = w->made[i];
		w->cb.rendition(w->arg, &r);
	}
	err_set(&err, (enum err_code)(code % (ERR_INTERNAL + 1)), "made up");
	w->cb.done(w->arg, &st, code ? &err : NULL);
	task_free(w);
}

/* ---- the device's probe ---- */

static gpuprobe_cb *probe_cb;	/* NULL: none runs */
static void *probe_arg;

struct gpuprobe *gpuprobe_start(uv_loop_t *l, const char *name, unsigned timeout_ms,
				gpuprobe_cb *cb, void *arg, struct err *err)
{
	assert(!probe_cb);
	probe_cb = cb;
	probe_arg = arg;
	return (struct gpuprobe *)&probe_cb;
}

void gpuprobe_cancel(struct gpuprobe *p)
{
	assert(probe_cb);
	probe_cb = NULL;
}

static void probe_end(bool works)
{
	static const struct gpu_caps caps = { .encode_h264 = true, .encode_sessions = 4 };
	static const struct err err = { ERR_IO, "made up" };
	gpuprobe_cb *cb = probe_cb;

	probe_cb = NULL;
	if (cb)
		cb(probe_arg, works ? &caps : NULL, works ? NULL : &err);
}

/* ---- the orchestrator ---- */

static void listen_to(const struct frame *f)
{
	unsigned type, i = f->channel / 2;

	if (f->kind == FRAME_CLOSE || f->channel == 0)
		return;
	if (f->channel % 2 == 0 && i < CHANNELS)
		assert(!is_done[i]);
	if (f->kind != FRAME_MSG || f->len < 2)
		return;
	type = (unsigned)f->payload[0] << 8 | f->payload[1];
	if (type == MSG_TASK_DONE && i < CHANNELS)
		is_done[i] = true;
	if (type == MSG_JOIN_PROOF)
		proven = msg_join_proof_unpack(&proof, f->payload + 2, f->len - 2, NULL) == 0;
}

static void turn(void)
{
	struct frame f;
	uint8_t *to;
	ssize_t got;
	long n;

	uv_run(&loop, UV_RUN_NOWAIT);
	assert(t->n_running <= SLOTS);
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

static void give_challenge(void)
{
	struct msg_join_challenge m = { { 5 } };
	struct buf b;

	buf_init(&b, 100);
	msg_join_challenge_pack(&b, &m);
	give_msg(JOIN_CHANNEL, MSG_JOIN_CHALLENGE, &b);
}

static void give_accept(const struct farm_secret *secret)
{
	static const uint8_t nonce[32] = { 5 };
	struct hash32 none = { { 0 } };
	struct msg_join_accept m = { { 0 } };
	struct buf b;

	if (proven)
		farm_proof(m.hmac, secret, FARM_ORCHESTRATOR, &none, proof.nonce, nonce);
	buf_init(&b, 100);
	msg_join_accept_pack(&b, &m);
	give_msg(JOIN_CHANNEL, MSG_JOIN_ACCEPT, &b);
}

/* bits: 0-1 kind, 2 container, 3 streamed, 4 an encoder no device has */
static void give_task(unsigned bits, unsigned len)
{
	struct msg_task m = { .stream_key = "s", .kind = bits & 3, .fmp4 = bits & 4,
			      .preset = "superfast", .streamed = bits & 8, .len = len,
			      .duration_ms = 2000, .max_pixels = 1 << 24 };
	struct buf b;

	m.profiles.n = 2;
	m.profiles.p[0] = m.profiles.p[1] = (struct profile){ .name = "a", .width = 320,
		.height = 240, .bitrate = 1000, .fps_den = 1, .quality = -1 };
	strcpy(m.profiles.p[1].name, "b");
	if (bits & 16)
		m.profiles.p[1].encoder = ENCODER_VP9;
	buf_init(&b, 4096);
	msg_task_pack(&b, &m);
	channel += 2;
	n_sent = 0;
	give_msg(channel, MSG_TASK, &b);
}

static void give_end(unsigned by)
{
	struct msg_task_end m = { .len = n_sent + by, .duration_ms = 2000 };
	struct buf b;

	buf_init(&b, 100);
	msg_task_end_pack(&b, &m);
	give_msg(channel, MSG_TASK_END, &b);
}

static void act(uint8_t what, const uint8_t *p, size_t len, const struct farm_secret *secret)
{
	unsigned lane = what / 16, first = len ? p[0] : 0;

	switch (what % 16) {
	case 0: give(p, len); break;
	case 1: give_frame(FRAME_MSG, channel, p, len); break;
	case 2:
		n_sent += len;
		give_frame(FRAME_DATA, channel, p, len);
		break;
	case 3: give_frame(FRAME_MSG, JOIN_CHANNEL, p, len); break;
	case 4: give_task(first, len > 1 ? p[1] : 0); break;
	case 5: give_end(first); break;
	case 6: work_piece(some_task(lane), p, len); break;
	case 7: work_end(some_task(lane), first % (ERR_INTERNAL + 1)); break;
	case 8: give_frame(FRAME_CLOSE, channel, p, len); break;
	case 9: give_challenge(); break;
	case 10: give_accept(secret); break;
	case 11: give_frame(FRAME_GOAWAY, 0, NULL, 0); break;
	case 12: give_frame(FRAME_DATA, JOIN_CHANNEL, p, len); break;
	case 13: give_frame(FRAME_CLOSE, JOIN_CHANNEL, p, len); break;
	case 14: transcoder_drain(t); break;
	case 15:
		if (lane & 1)
			probe_end(first & 1);
		else
			channel = 2 * first;
		break;
	}
	turn();
}

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
	static const uint8_t hello[] = { 0, 0, 0, 8, 1, 0, 0, 0, 0, 8, 1, 32, 5, 40, 0x80, 0x80, 1 };
	size_t n;

	give(hello, sizeof(hello));
	if ((mode & 3) == 1)
		give_challenge();
	if (!(mode & 2))
		give_accept(secret);
	while (len >= 3) {
		n = (size_t)data[1] << 8 | data[2];
		if (n > len - 3)
			n = len - 3;
		act(data[0], data + 3, n, secret);
		data += 3 + n;
		len -= 3 + n;
	}
}

static void reset(void)
{
	channel = 0;
	n_sent = 0;
	proven = false;
	memset(is_done, 0, sizeof(is_done));
	buf_init(&seen, 64u << 20);
	uv_loop_init(&loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const devices[] = { "nvidia:0", NULL };
	static struct farm_secret *secret;
	struct transcoder_opts opts = { .n_cpu = 1, .slots = SLOTS, .max_pixels = 1 << 24,
					.capacity = 1000000, .codec_profile = "c" };
	struct peer_ctx *ctx;
	int fds[2];

	if (len == 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return 0;
	if (!secret) {
		secret = make_secret();
		log_setup(LOG_ERROR, false);
	}
	if (data[0] & 4)
		opts.devices = devices;
	fd = fds[1];
	reset();
	ctx = peer_ctx_new(&loop, NULL, NULL, "fuzz");
	t = transcoder_new(&loop, &opts, NULL);
	assert(t && transcoder_attach(t, ctx, fds[0], NULL) == 0);
	turn();
	turn();
	assert(transcoder_is_ready(t));
	/* As if it had been dialled, but for the Noise. */
	t->uplink.local = !(data[0] & 1);
	t->uplink.secret = secret;
	t->uplink.has_expect = true;
	run(data[0], secret, data + 1, len - 1);
	transcoder_close(t);
	turn();
	assert(t->n_running == 0 && list_is_empty(&t->tasks));
	close(fd);
	peer_ctx_free(ctx);
	uv_run(&loop, UV_RUN_DEFAULT);
	transcoder_free(t);
	if (uv_loop_close(&loop) != 0)
		abort();
	buf_fini(&seen);
	return 0;
}
