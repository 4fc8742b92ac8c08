/*
 * The frame loop of a worker.  Blocking on purpose: there is one task at a time and
 * nothing else to do meanwhile.  The node is trusted here, the media is not; still
 * a frame out of order ends the process rather than guess.
 *
 * Order of a task: Task, DATA...; answered by RenditionHeader, DATA...,
 * RenditionTrailer for each output, then TaskDone.  All on the task's channel.
 * Renditions take turns as their GOPs are done, a header at each turn.  A streamed
 * task's DATA ends with TaskEnd; when it fails before, TaskDone comes at once and the
 * rest of the input is read and dropped, until the node ends this process.
 */
#include "node/work/child.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "media/av/ladder.h"
#include "node/work/confine.h"
#include "protocol/frame.h"
#include "protocol/peer_msg.h"

#define READ_LEN 65536
#define WRITE_LEN (16 * (FRAME_HEAD + FRAME_PAYLOAD_MAX))
#define NO_TURN LADDER_MAX	/* is no index */

struct child {
	int fd;
	const char *device;	/* borrowed; NULL: CPU */
	struct buf in;		/* read, not yet parsed; its first `used` bytes are done with */
	size_t used;
	struct buf out;		/* frames to write */
	struct buf msg;		/* scratch: a message being packed */
	uint32_t channel;	/* of the task at work */
	struct msg_task task;
	size_t turn;		/* whose bytes were sent last; NO_TURN: a header is due */
	uint64_t sent[LADDER_MAX];	/* bytes of each rendition */
	bool broken;		/* the node is gone: stop sending */
};

static void flush(struct child *c)
{
	if (!c->broken && fd_write_all(c->fd, c->out.data, c->out.len) < 0)
		c->broken = true;
	buf_clear(&c->out);
}

static void send_frame(struct child *c, enum frame_kind kind, uint32_t channel,
		       const void *payload, size_t len)
{
	if (c->out.len + FRAME_HEAD + len > c->out.max)
		flush(c);
	frame_add(&c->out, kind, channel, payload, len);
}

static void send_msg(struct child *c)
{
	send_frame(c, FRAME_MSG, c->channel, c->msg.data, c->msg.len);
}

static struct buf *begin_msg(struct child *c, enum msg_type type)
{
	buf_clear(&c->msg);
	buf_add_u16(&c->msg, type);
	return &c->msg;
}

/* The next frame, good until the next call.  Returns 1, 0 at the end of the
 * connection, -1 when what came is no frame. */
static int next_frame(struct child *c, struct frame *f)
{
	for (;;) {
		long used = frame_parse(f, c->in.data + c->used, c->in.len - c->used, NULL);
		ssize_t n;
		uint8_t *to;

		if (used < 0)
			return -1;
		c->used += (size_t)used;
		if (used > 0)
			return 1;
		buf_consume(&c->in, c->used);
		c->used = 0;
		to = buf_reserve(&c->in, READ_LEN);
		if (!to)
			return -1;
		do {
			n = read(c->fd, to, READ_LEN);
		} while (n < 0 && errno == EINTR);
		if (n <= 0)
			return 0;
		c->in.len += (size_t)n;
	}
}

static int greet(struct child *c)
{
	struct msg_hello hello = { .version = 1, .agent = "lpnode-worker", .max_channels = 1 };
	struct frame f;

	buf_clear(&c->msg);
	if (!msg_hello_pack(&c->msg, &hello))
		return -1;
	send_frame(c, FRAME_HELLO, 0, c->msg.data, c->msg.len);
	flush(c);
	if (next_frame(c, &f) != 1)
		return 0;
	if (f.kind != FRAME_HELLO || f.channel != 0 ||
	    msg_hello_unpack(&hello, f.payload, f.len, NULL) < 0 || hello.version != 1)
		return -1;
	return 1;
}

/* The whole input.  Returns as next_frame; on 1 *data is the caller's. */
static int read_input(struct child *c, uint8_t **data)
{
	size_t len = 0;
	struct frame f;
	int rc = 1;

	*data = xmalloc(c->task.len + 1);
	while (len < c->task.len && (rc = next_frame(c, &f)) == 1) {
		if (f.kind != FRAME_DATA || f.channel != c->channel || f.len > c->task.len - len) {
			rc = -1;
			break;
		}
		memcpy(*data + len, f.payload, f.len);
		len += f.len;
	}
	if (rc != 1)
		free(*data);
	return rc;
}

static void send_data(struct child *c, const uint8_t *p, size_t len)
{
	while (len > 0) {
		size_t n = len < FRAME_PAYLOAD_MAX ? len : FRAME_PAYLOAD_MAX;

		send_frame(c, FRAME_DATA, c->channel, p, n);
		p += n;
		len -= n;
	}
}

static void send_header(struct child *c, size_t index)
{
	struct msg_rendition_header head = { .index = (uint32_t)index, .offset = c->sent[index] };

	c->turn = index;
	msg_rendition_header_pack(begin_msg(c, MSG_RENDITION_HEADER), &head);
	send_msg(c);
}

static void send_trailer(struct child *c, const struct ladder_out *out)
{
	struct msg_rendition_trailer tail = {
		/* No hash and no signature: the node computes and signs its own. */
		.index = (uint32_t)out->index, .len = out->total, .n_video = out->n_video,
		.duration_ms = (uint32_t)(out->duration_90k / 90),
		.width = out->width, .height = out->height, .fmp4 = out->fmp4,
		.init_len = (uint32_t)out->init_len,
	};

	c->turn = NO_TURN;
	msg_rendition_trailer_pack(begin_msg(c, MSG_RENDITION_TRAILER), &tail);
	send_msg(c);
}

/* Takes out->data. */
static void send_piece(void *arg, struct ladder_out *out)
{
	struct child *c = arg;

	if (c->turn != out->index && (out->len > 0 || out->last))
		send_header(c, out->index);
	send_data(c, out->data, out->len);
	c->sent[out->index] += out->len;
	if (out->last)
		send_trailer(c, out);
	flush(c);
	free(out->data);
}

static void rungs_of(struct ladder_rung to[LADDER_MAX], const struct profile_list *l)
{
	size_t i;

	_Static_assert(LADDER_MAX >= PROFILES_MAX, "a rung a profile");
	_Static_assert((int)LADDER_AV1 == (int)ENCODER_AV1 && (int)LADDER_H264_HIGH == (int)H264_HIGH,
		       "the enums are the same");
	for (i = 0; i < l->n; i++) {
		const struct profile *p = &l->p[i];

		to[i] = (struct ladder_rung){
			.width = p->width, .height = p->height, .bitrate = p->bitrate,
			.fps_num = p->fps_num, .fps_den = p->fps_den, .gop_ms = p->gop_ms,
			.encoder = (enum ladder_encoder)p->encoder,
			.h264 = (enum ladder_h264)p->h264, .quality = p->quality,
		};
	}
}

/* rungs: good as long as the result. */
static struct ladder_spec spec_of(const struct child *c, struct ladder_rung rungs[LADDER_MAX])
{
	rungs_of(rungs, &c->task.profiles);
	return (struct ladder_spec){
		.rungs = rungs, .n_rungs = c->task.profiles.n, .preset = c->task.preset,
		.fmp4 = c->task.fmp4, .max_pixels = c->task.max_pixels, .device = c->device,
	};
}

static int transcode(struct child *c, const uint8_t *data, struct ladder_stats *st, struct err *err)
{
	struct ladder_rung rungs[LADDER_MAX];
	struct ladder_spec spec = spec_of(c, rungs);

	return ladder_run(&spec, data, c->task.len, send_piece, c, st, err);
}

static int remux(struct child *c, const uint8_t *data, struct err *err)
{
	struct ladder_out out = { 0 };

	if (ladder_remux(c->task.kind == TASK_TO_MP4, data, c->task.len, &out, err) < 0)
		return -1;
	send_piece(c, &out);
	return 0;
}

static int work(struct child *c, const uint8_t *data, struct ladder_stats *st, struct err *err)
{
	switch (c->task.kind) {
	case TASK_TRANSCODE:
		return transcode(c, data, st, err);
	case TASK_PROBE:
		return ladder_probe(c->task.fmp4, data, c->task.len, c->task.max_pixels, st, err);
	case TASK_TO_TS:
	case TASK_TO_MP4:
		return remux(c, data, err);
	}
	return err_set(err, ERR_INTERNAL, "unknown kind of task: %d", (int)c->task.kind);
}

static void send_done(struct child *c, const struct ladder_stats *st, const struct err *err)
{
	struct msg_task_done done = {
		.code = err ? (int)err->code : 0, .n_decoded = st->n_decoded,
		.wall_ms = st->wall_ms, .cpu_ms = st->cpu_ms,
		.width = st->width, .height = st->height,
	};

	_Static_assert(sizeof(done.reason) == sizeof(err->msg), "the same text");
	if (err)
		memcpy(done.reason, err->msg, sizeof(done.reason));
	msg_task_done_pack(begin_msg(c, MSG_TASK_DONE), &done);
	send_msg(c);
	flush(c);
}

static int serve_whole(struct child *c)
{
	struct ladder_stats st = { 0 };
	struct err err;
	uint8_t *data;
	int rc = read_input(c, &data);

	if (rc != 1)
		return rc;
	rc = work(c, data, &st, &err);
	free(data);
	send_done(c, &st, rc < 0 ? &err : NULL);
	return 1;
}

/* ---- a streamed task ---- */

static int msg_type_of(const struct frame *f)
{
	return f->kind == FRAME_MSG && f->len >= 2 ? f->payload[0] << 8 | f->payload[1] : 0;
}

/* The next bytes of the input; len came before.  At its end f->len is 0.  Returns as
 * next_frame. */
static int next_input(struct child *c, struct frame *f, uint64_t len)
{
	struct msg_task_end end;
	int rc = next_frame(c, f);

	if (rc != 1)
		return rc;
	if (f->channel != c->channel)
		return -1;
	if (f->kind == FRAME_DATA)
		return f->len > 0 && f->len <= SEGMENT_BYTES_MAX - len ? 1 : -1;
	if (msg_type_of(f) != MSG_TASK_END ||
	    msg_task_end_unpack(&end, f->payload + 2, f->len - 2, NULL) < 0 || end.len != len)
		return -1;
	f->len = 0;
	return 1;
}

/* A failure is answered at once, what comes of the input then is dropped.  Sets *failed;
 * returns as next_frame. */
static int feed_all(struct child *c, struct ladder *l, bool *failed)
{
	const struct ladder_stats none = { 0 };
	uint64_t len = 0;
	struct err err;
	struct frame f;
	int rc;

	while ((rc = next_input(c, &f, len)) == 1 && f.len > 0) {
		len += f.len;
		if (*failed || ladder_feed(l, f.payload, f.len, &err) == 0)
			continue;
		*failed = true;
		send_done(c, &none, &err);
	}
	return rc;
}

static int serve_streamed(struct child *c)
{
	struct ladder_rung rungs[LADDER_MAX];
	struct ladder_spec spec = spec_of(c, rungs);
	struct ladder_stats st = { 0 };
	struct err err;
	struct ladder *l = ladder_open(&spec, send_piece, c, &err);
	bool failed = !l;
	int rc;

	if (failed)
		send_done(c, &st, &err);
	rc = feed_all(c, l, &failed);
	if (rc == 1 && !failed) {
		failed = ladder_end(l, &st, &err) < 0;
		send_done(c, &st, failed ? &err : NULL);
	}
	ladder_free(l);
	return rc;
}

/* One task.  Returns as next_frame. */
static int serve_one(struct child *c)
{
	struct frame f;
	int rc = next_frame(c, &f);

	if (rc != 1)
		return rc;
	if (msg_type_of(&f) != MSG_TASK ||
	    msg_task_unpack(&c->task, f.payload + 2, f.len - 2, NULL) < 0)
		return -1;
	c->channel = f.channel;
	c->turn = NO_TURN;
	memset(c->sent, 0, sizeof(c->sent));
	rc = c->task.streamed ? serve_streamed(c) : serve_whole(c);
	return rc == 1 && c->broken ? 0 : rc;
}

static int confine_as_told(bool confine, const char *device, struct err *err)
{
	if (!confine)
		return 0;
	return device ? confine_device_process(err) : confine_process(err);
}

int child_main(int fd, bool confine, const char *device)
{
	struct child c = { .fd = fd, .device = device };
	struct err err;
	int rc;

	if (confine_as_told(confine, device, &err) < 0) {
		log_error(NULL, "a worker cannot be confined: error=%s", err.msg);
		return 1;
	}
	buf_init(&c.in, READ_LEN + FRAME_HEAD + FRAME_PAYLOAD_MAX);
	buf_init(&c.out, WRITE_LEN);
	buf_init(&c.msg, FRAME_PAYLOAD_MAX);
	buf_reserve(&c.in, READ_LEN);
	rc = greet(&c);
	while (rc == 1)
		rc = serve_one(&c);
	buf_fini(&c.msg);
	buf_fini(&c.out);
	buf_fini(&c.in);
	return rc < 0;
}
