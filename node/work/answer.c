#include "node/work/answer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "protocol/frame.h"

#define READ_MAX (1u << 20)	/* longest piece fed at once */
#define RESULT_BYTES_MAX (4 * (size_t)RENDITION_BYTES_MAX)	/* of all renditions together */

enum answer_state {
	STATE_HELLO,		/* nothing came yet */
	STATE_IDLE,		/* no task: a byte is one too many */
	STATE_BETWEEN,		/* a rendition's header or the end comes next */
	STATE_RENDITION,	/* it is the turn of `turn` */
	STATE_DONE,		/* the result waits for answer_take */
};

/* A rendition on its way. */
struct part {
	bool begun, whole;
	size_t len;		/* that came */
	struct buf data;	/* it, if kept */
	struct sha256 *sha;	/* over it; made at the first use */
};

struct answer {
	enum answer_state state;
	struct buf in;		/* the start of a frame */
	uint32_t channel;
	enum task_kind kind;
	struct profile_list profiles;
	size_t n_expected, n_whole;
	answer_piece_cb *piece;	/* NULL: keep */
	void *arg;
	size_t n_bytes;		/* of all renditions so far */
	struct work_result *res;	/* of the task at work */
	size_t turn;		/* index of the rendition whose bytes come */
	bool turn_is_empty;	/* nothing came since its header */
	struct part part[PROFILES_MAX];
};

void work_result_free(struct work_result *r)
{
	size_t i;

	if (!r)
		return;
	for (i = 0; i < PROFILES_MAX; i++)
		blob_unref(r->r[i].data);
	free(r);
}

struct answer *answer_new(void)
{
	struct answer *a = xcalloc(1, sizeof(*a));
	size_t i;

	buf_init(&a->in, READ_MAX + FRAME_HEAD + FRAME_PAYLOAD_MAX);
	for (i = 0; i < PROFILES_MAX; i++)
		buf_init(&a->part[i].data, RENDITION_BYTES_MAX);
	return a;
}

void answer_free(struct answer *a)
{
	size_t i;

	if (!a)
		return;
	for (i = 0; i < PROFILES_MAX; i++) {
		sha256_free(a->part[i].sha);
		buf_fini(&a->part[i].data);
	}
	work_result_free(a->res);
	buf_fini(&a->in);
	free(a);
}

static size_t outputs_of(const struct msg_task *task)
{
	switch (task->kind) {
	case TASK_TRANSCODE:
		return task->profiles.n;
	case TASK_PROBE:
		return 0;
	case TASK_TO_TS:
	case TASK_TO_MP4:
		break;
	}
	return 1;
}

static void part_reset(struct part *p)
{
	buf_fini(&p->data);
	p->begun = p->whole = false;
	p->len = 0;
}

void answer_expect(struct answer *a, const struct msg_task *task, uint32_t channel,
		   answer_piece_cb *piece, void *arg)
{
	size_t i;

	assert(a->state == STATE_IDLE && !a->res);
	a->state = STATE_BETWEEN;
	a->channel = channel;
	a->kind = task->kind;
	a->profiles = task->profiles;
	a->n_expected = outputs_of(task);
	a->piece = piece;
	a->arg = arg;
	for (i = 0; i < PROFILES_MAX; i++)
		part_reset(&a->part[i]);
	a->n_whole = 0;
	a->n_bytes = 0;
	a->res = xcalloc(1, sizeof(*a->res));
}

static int on_hello(struct answer *a, const struct frame *f, struct err *err)
{
	struct msg_hello hello;

	if (f->kind != FRAME_HELLO || f->channel != 0)
		return err_set(err, ERR_INVALID, "frame kind %d instead of a hello", (int)f->kind);
	if (msg_hello_unpack(&hello, f->payload, f->len, err) < 0)
		return err_wrap(err, "hello");
	if (hello.version != 1)
		return err_set(err, ERR_INVALID, "hello with version %u", (unsigned)hello.version);
	a->state = STATE_IDLE;
	return 0;
}

/* A turn begins. */
static int on_header(struct answer *a, const uint8_t *p, size_t len, struct err *err)
{
	struct msg_rendition_header h;
	struct part *part;

	if (a->state == STATE_RENDITION && a->turn_is_empty)
		return err_set(err, ERR_INVALID, "rendition header behind the one of %zu", a->turn);
	if (msg_rendition_header_unpack(&h, p, len, err) < 0)
		return err_wrap(err, "rendition header");
	if (h.index >= a->n_expected || a->part[h.index].whole)
		return err_set(err, ERR_INVALID, "rendition %u of %zu, unasked or again",
			       (unsigned)h.index, a->n_expected);
	part = &a->part[h.index];
	if (h.offset != part->len || (a->state == STATE_RENDITION && h.index == a->turn))
		return err_set(err, ERR_INVALID, "rendition %u turns to %llu after %zu bytes",
			       (unsigned)h.index, (unsigned long long)h.offset, part->len);
	if (!part->sha)
		part->sha = sha256_new();
	if (!part->begun)
		sha256_reset(part->sha);
	part->begun = true;
	a->turn = h.index;
	a->turn_is_empty = true;
	a->state = STATE_RENDITION;
	return 0;
}

static int on_data(struct answer *a, const struct frame *f, struct err *err)
{
	struct part *part = &a->part[a->turn];

	if (a->state != STATE_RENDITION || f->len == 0)
		return err_set(err, ERR_INVALID, "%zu bytes of data outside a rendition", f->len);
	if (f->len > RENDITION_BYTES_MAX - part->len)
		return err_set(err, ERR_LIMIT, "rendition %zu is above %u bytes", a->turn,
			       RENDITION_BYTES_MAX);
	if (f->len > RESULT_BYTES_MAX - a->n_bytes)
		return err_set(err, ERR_LIMIT, "renditions together are above %zu bytes", RESULT_BYTES_MAX);
	part->len += f->len;
	a->n_bytes += f->len;
	a->turn_is_empty = false;
	sha256_add(part->sha, f->payload, f->len);
	if (a->piece)
		a->piece(a->arg, a->turn, f->payload, f->len);
	else
		buf_add(&part->data, f->payload, f->len);
	return 0;
}

/* Is it what was asked for?  Whether the picture is right is the verifier's. */
static int check_trailer(const struct answer *a, const struct msg_rendition_trailer *t,
			 struct err *err)
{
	const struct profile *p = &a->profiles.p[a->turn];
	size_t len = a->part[a->turn].len;
	bool transcode = a->kind == TASK_TRANSCODE;

	if (t->index != a->turn || t->len != len || t->len == 0 || t->init_len > t->len)
		return err_set(err, ERR_INVALID,
			       "trailer does not fit: rendition %u of %llu bytes, %zu came for %zu",
			       (unsigned)t->index, (unsigned long long)t->len, len, a->turn);
	if (transcode && (t->width != p->width || t->height != p->height))
		return err_set(err, ERR_INVALID, "rendition %zu is %dx%d instead of %dx%d",
			       a->turn, t->width, t->height, p->width, p->height);
	if (t->fmp4 != (transcode ? profile_is_fmp4(p) : a->kind == TASK_TO_MP4))
		return err_set(err, ERR_INVALID, "rendition %zu is in the other container", a->turn);
	if (t->duration_ms > SEGMENT_MS_MAX + 1000)
		return err_set(err, ERR_INVALID, "rendition %zu lasts %u ms", a->turn,
			       (unsigned)t->duration_ms);
	return 0;
}

static struct blob *take_data(struct buf *data)
{
	struct blob *b = blob_from_heap(xrealloc(data->data, data->len), data->len);

	buf_init(data, data->max);
	return b;
}

static int on_trailer(struct answer *a, const uint8_t *p, size_t len, struct err *err)
{
	struct work_rendition *r = &a->res->r[a->turn];
	struct part *part = &a->part[a->turn];
	struct msg_rendition_trailer t;

	if (a->state != STATE_RENDITION)
		return err_set(err, ERR_INVALID, "rendition trailer without a header");
	if (msg_rendition_trailer_unpack(&t, p, len, err) < 0)
		return err_wrap(err, "rendition trailer");
	if (check_trailer(a, &t, err) < 0)
		return -1;
	*r = (struct work_rendition){
		.index = a->turn, .len = part->len, .sha256 = sha256_end(part->sha),
		.n_video = t.n_video, .duration_ms = t.duration_ms, .width = t.width,
		.height = t.height, .fmp4 = t.fmp4, .init_len = t.init_len,
		.data = a->piece ? NULL : take_data(&part->data),
	};
	part->whole = true;
	a->n_whole++;
	a->state = STATE_BETWEEN;
	return 0;
}

static int on_done(struct answer *a, const uint8_t *p, size_t len, struct err *err)
{
	struct msg_task_done *d = &a->res->done;
	size_t i;

	/* A failure may stand inside a rendition, an end in order may not. */
	if (msg_task_done_unpack(d, p, len, err) < 0)
		return err_wrap(err, "task done");
	if (d->code == 0 && (a->state != STATE_BETWEEN || a->n_whole != a->n_expected))
		return err_set(err, ERR_INVALID, "done after %zu of %zu renditions", a->n_whole,
			       a->n_expected);
	a->res->n = d->code == 0 ? a->n_whole : 0;
	for (i = 0; i < PROFILES_MAX; i++)
		part_reset(&a->part[i]);
	a->state = STATE_DONE;
	return 0;
}

static int on_task_frame(struct answer *a, const struct frame *f, struct err *err)
{
	unsigned type;

	if (f->channel != a->channel)
		return err_set(err, ERR_INVALID, "frame on channel %u instead of %u",
			       (unsigned)f->channel, (unsigned)a->channel);
	if (f->kind == FRAME_DATA)
		return on_data(a, f, err);
	if (f->kind != FRAME_MSG || f->len < 2)
		return err_set(err, ERR_INVALID, "frame kind %d of %zu bytes in an answer",
			       (int)f->kind, f->len);
	type = (unsigned)f->payload[0] << 8 | f->payload[1];
	if (type == MSG_RENDITION_HEADER)
		return on_header(a, f->payload + 2, f->len - 2, err);
	if (type == MSG_RENDITION_TRAILER)
		return on_trailer(a, f->payload + 2, f->len - 2, err);
	if (type == MSG_TASK_DONE)
		return on_done(a, f->payload + 2, f->len - 2, err);
	return err_set(err, ERR_INVALID, "message type %u in an answer", type);
}

static int on_frame(struct answer *a, const struct frame *f, enum answer_event *event,
		    struct err *err)
{
	switch (a->state) {
	case STATE_HELLO:
		*event = ANSWER_HELLO;
		return on_hello(a, f, err);
	case STATE_BETWEEN:
	case STATE_RENDITION:
		if (on_task_frame(a, f, err) < 0)
			return -1;
		if (a->state == STATE_DONE)
			*event = ANSWER_DONE;
		return 0;
	case STATE_IDLE:
	case STATE_DONE:
		break;
	}
	return err_set(err, ERR_INVALID, "a frame without a task");
}

int answer_feed(struct answer *a, const uint8_t *data, size_t len, enum answer_event *event,
		struct err *err)
{
	struct frame f;
	size_t used = 0;
	long n;

	*event = ANSWER_MORE;
	if (len == 0)
		return 0;
	if (a->state == STATE_IDLE || a->state == STATE_DONE)
		return err_set(err, ERR_INVALID, "%zu bytes without a task", len);
	if (!buf_add(&a->in, data, len))
		return err_set(err, ERR_LIMIT, "%zu bytes at once", len);
	while ((n = frame_parse(&f, a->in.data + used, a->in.len - used, err)) > 0) {
		used += (size_t)n;
		if (on_frame(a, &f, event, err) < 0)
			return -1;
	}
	if (n < 0)
		return -1;
	buf_consume(&a->in, used);
	if (*event != ANSWER_MORE && a->in.len > 0)
		return err_set(err, ERR_INVALID, "%zu bytes behind the end", a->in.len);
	return 0;
}

struct work_result *answer_take(struct answer *a)
{
	struct work_result *r = a->res;

	assert(a->state == STATE_DONE);
	a->res = NULL;
	a->state = STATE_IDLE;
	return r;
}
