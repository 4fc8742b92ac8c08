#include "node/work/worker.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "node/work/answer.h"
#include "protocol/frame.h"

#define READ_LEN 65536

/* Where a streamed task's input stands. */
enum input_state {
	INPUT_WHOLE,	/* all of it is sent, or the task is none */
	INPUT_OPEN,	/* more may be fed */
	INPUT_ENDING,	/* its end is to be sent behind what waits */
};

struct worker {
	uv_pipe_t pipe;
	const struct worker_cb *cb;	/* NULL once closed or lost */
	void *arg;
	struct answer *answer;
	uint32_t channel;	/* of the last task; a task a channel, odd: we dialled */
	enum input_state input;
	struct buf waiting;	/* of a streamed input: goes when the write under way is done */
	struct msg_task_end end;	/* when INPUT_ENDING */
	bool is_writing;	/* a part of it */
	bool is_deaf;		/* a write failed */
	uint8_t read[READ_LEN];
};

/* Something on its way: a message, then input.  Input is written from where it lies,
 * with a frame's head before each piece. */
struct sending {
	uv_write_t req;
	struct worker *worker;	/* whose is_writing this is; NULL: nobody's */
	struct blob *input;	/* a reference, or NULL */
	struct buf part;	/* of a streamed input */
	struct buf msg;		/* the message's frame */
	uint8_t (*heads)[FRAME_HEAD];
	uv_buf_t *bufs;
};

static void on_closed(uv_handle_t *h)
{
	struct worker *w = h->data;

	answer_free(w->answer);
	buf_fini(&w->waiting);
	free(w);
}

void worker_close(struct worker *w)
{
	w->cb = NULL;
	uv_close((uv_handle_t *)&w->pipe, on_closed);
}

static void lose(struct worker *w, const struct err *why)
{
	const struct worker_cb *cb = w->cb;

	uv_read_stop((uv_stream_t *)&w->pipe);
	w->cb = NULL;
	cb->lost(w->arg, why);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct worker *w = h->data;

	*buf = uv_buf_init((char *)w->read, sizeof(w->read));
}

static void on_piece(void *arg, size_t index, const uint8_t *data, size_t len)
{
	struct worker *w = arg;

	if (w->cb)	/* not closed by the piece before */
		w->cb->piece(w->arg, index, data, len);
}

/* It cannot have seen all of what it says it has done. */
static bool is_early(const struct worker *w, const struct work_result *res)
{
	return w->input != INPUT_WHOLE && res->done.code == 0;
}

static void on_done(struct worker *w)
{
	struct work_result *res = answer_take(w->answer);
	struct err err;

	if (!is_early(w, res)) {
		w->cb->answered(w->arg, res);
		return;
	}
	work_result_free(res);
	err_set(&err, ERR_INVALID, "broken answer: done before its input was whole");
	lose(w, &err);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct worker *w = s->data;
	enum answer_event event;
	struct err err;
	int rc;

	if (!w->cb || n == 0)
		return;
	if (n < 0) {
		err_set(&err, ERR_IO, "%s", n == UV_EOF ? "it hung up" : uv_strerror((int)n));
		lose(w, &err);
		return;
	}
	rc = answer_feed(w->answer, w->read, (size_t)n, &event, &err);
	if (!w->cb)	/* closed by a piece */
		return;
	if (rc < 0) {
		err_wrap(&err, "broken answer");
		lose(w, &err);
	} else if (event == ANSWER_HELLO) {
		w->cb->ready(w->arg);
	} else if (event == ANSWER_DONE) {
		on_done(w);
	}
}

static void send_waiting(struct worker *w);

static void on_written(uv_write_t *req, int status)
{
	struct sending *s = req->data;
	struct worker *w = s->worker;

	blob_unref(s->input);
	buf_fini(&s->part);
	buf_fini(&s->msg);
	free(s->heads);
	free(s->bufs);
	free(s);
	if (!w)
		return;
	w->is_writing = false;
	/* A failure shows as the end of what we read, too. */
	w->is_deaf |= status < 0;
	if (w->cb)
		send_waiting(w);
}

/* As frame_add does it; here the payload stays where it is. */
static void head_fmt(uint8_t to[FRAME_HEAD], enum frame_kind kind, uint32_t channel, size_t len)
{
	const uint8_t head[FRAME_HEAD] = {
		(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len,
		(uint8_t)kind,
		(uint8_t)(channel >> 24), (uint8_t)(channel >> 16), (uint8_t)(channel >> 8),
		(uint8_t)channel,
	};
	size_t i;

	for (i = 0; i < FRAME_HEAD; i++)
		to[i] = head[i];
}

static struct sending *sending_new(void)
{
	struct sending *s = xcalloc(1, sizeof(*s));

	s->req.data = s;
	buf_init(&s->msg, FRAME_HEAD + FRAME_PAYLOAD_MAX);
	buf_init(&s->part, SEGMENT_BYTES_MAX);
	return s;
}

/* Only ENOMEM and mistakes of ours fail at once; the deadline covers them. */
static void start_write(struct worker *w, struct sending *s, unsigned n_bufs)
{
	if (uv_write(&s->req, (uv_stream_t *)&w->pipe, s->bufs, n_bufs, on_written) < 0)
		on_written(&s->req, UV_ENOMEM);
}

static void send_hello(struct worker *w)
{
	struct msg_hello hello = { .version = 1, .agent = "lpnode", .max_channels = 1 };
	struct sending *s = sending_new();
	struct buf body;

	buf_init(&body, FRAME_PAYLOAD_MAX);
	msg_hello_pack(&body, &hello);
	frame_add(&s->msg, FRAME_HELLO, 0, body.data, body.len);
	buf_fini(&body);
	s->bufs = xmalloc(sizeof(s->bufs[0]));
	s->bufs[0] = uv_buf_init((char *)s->msg.data, (unsigned)s->msg.len);
	start_write(w, s, 1);
}

static void add_task_frame(struct buf *to, const struct msg_task *task, uint32_t channel)
{
	struct buf body;

	buf_init(&body, FRAME_PAYLOAD_MAX);
	buf_add_u16(&body, MSG_TASK);
	msg_task_pack(&body, task);
	frame_add(to, FRAME_MSG, channel, body.data, body.len);
	buf_fini(&body);
}

static void add_end_frame(struct buf *to, const struct msg_task_end *end, uint32_t channel)
{
	struct buf body;

	buf_init(&body, FRAME_PAYLOAD_MAX);
	buf_add_u16(&body, MSG_TASK_END);
	msg_task_end_pack(&body, end);
	frame_add(to, FRAME_MSG, channel, body.data, body.len);
	buf_fini(&body);
}

/* Write data in frames, then s->msg; or the message first. */
static void send_input(struct worker *w, struct sending *s, bool msg_first, const uint8_t *data,
		       size_t data_len)
{
	size_t n = (data_len + FRAME_PAYLOAD_MAX - 1) / FRAME_PAYLOAD_MAX, i;
	uv_buf_t *to;

	s->heads = xmalloc(n * sizeof(s->heads[0]) + 1);
	s->bufs = xmalloc((2 * n + 1) * sizeof(s->bufs[0]));
	s->bufs[msg_first ? 0 : 2 * n] = uv_buf_init((char *)s->msg.data, (unsigned)s->msg.len);
	to = s->bufs + msg_first;
	for (i = 0; i < n; i++) {
		size_t at = i * FRAME_PAYLOAD_MAX, left = data_len - at;
		size_t len = left < FRAME_PAYLOAD_MAX ? left : FRAME_PAYLOAD_MAX;

		head_fmt(s->heads[i], FRAME_DATA, w->channel, len);
		to[2 * i] = uv_buf_init((char *)s->heads[i], FRAME_HEAD);
		to[2 * i + 1] = uv_buf_init((char *)data + at, (unsigned)len);
	}
	start_write(w, s, (unsigned)(2 * n) + (s->msg.len > 0));
}

static void begin_task(struct worker *w, const struct msg_task *task, bool pieces)
{
	w->channel = w->channel ? w->channel + 2 : 1;
	answer_expect(w->answer, task, w->channel, pieces ? on_piece : NULL, w);
}

void worker_run(struct worker *w, const struct msg_task *task, struct blob *input, bool pieces)
{
	struct sending *s = sending_new();

	begin_task(w, task, pieces);
	s->input = blob_ref(input);
	add_task_frame(&s->msg, task, w->channel);
	send_input(w, s, true, input->data, input->len);
}

/* ---- streamed input: one write at a time, meanwhile the rest is gathered ---- */

static void send_waiting(struct worker *w)
{
	struct sending *s;

	if (w->is_writing || (w->waiting.len == 0 && w->input != INPUT_ENDING))
		return;
	if (w->is_deaf) {
		buf_fini(&w->waiting);
		return;
	}
	s = sending_new();
	s->worker = w;
	s->part = w->waiting;
	buf_init(&w->waiting, SEGMENT_BYTES_MAX);
	if (w->input == INPUT_ENDING) {
		add_end_frame(&s->msg, &w->end, w->channel);
		w->input = INPUT_WHOLE;
	}
	w->is_writing = true;
	send_input(w, s, false, s->part.data, s->part.len);
}

void worker_stream(struct worker *w, const struct msg_task *task, struct buf *begin, bool pieces)
{
	struct sending *s = sending_new();

	begin_task(w, task, pieces);
	add_task_frame(&s->msg, task, w->channel);
	send_input(w, s, true, NULL, 0);
	w->input = INPUT_OPEN;
	buf_fini(&w->waiting);
	w->waiting = *begin;
	buf_init(begin, SEGMENT_BYTES_MAX);
	send_waiting(w);
}

void worker_feed(struct worker *w, const uint8_t *data, size_t len)
{
	buf_add(&w->waiting, data, len);
	send_waiting(w);
}

void worker_finish(struct worker *w, const struct msg_task_end *end)
{
	w->input = INPUT_ENDING;
	w->end = *end;
	send_waiting(w);
}

struct worker *worker_open(uv_loop_t *loop, int fd, const struct worker_cb *cb, void *arg,
			   struct err *err)
{
	struct worker *w = xcalloc(1, sizeof(*w));
	int rc;

	uv_pipe_init(loop, &w->pipe, 0);
	w->pipe.data = w;
	w->cb = cb;
	w->arg = arg;
	w->answer = answer_new();
	buf_init(&w->waiting, SEGMENT_BYTES_MAX);
	rc = uv_pipe_open(&w->pipe, fd);
	if (rc < 0) {
		close(fd);
		worker_close(w);
		err_set(err, ERR_IO, "worker's socket: %s", uv_strerror(rc));
		return NULL;
	}
	uv_read_start((uv_stream_t *)&w->pipe, on_alloc, on_read);
	send_hello(w);
	return w;
}
