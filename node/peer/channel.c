/*
 * Channels: queues, credits, turns.
 *
 * The wire.  The opener says an empty DATA frame first, so that channels appear at
 * the peer in the order of their numbers; there any MSG or DATA frame with a number
 * above all seen opens one.  Numbers are never used again.  CLOSE by either side
 * ends both directions; what still arrives for an ended channel is ignored.  A side
 * that closed counts the channel as open until its CLOSE is on the way, behind what
 * was queued, so the peer's limit is never passed by a close and open.
 *
 * Credits count DATA bytes only.  A sender starts with the window from the peer's
 * hello; the receiver gives back what its owner consumed, a quarter of the window
 * at a time.  A peer that sends more than it may is cut off.
 *
 * Turns.  A channel is on c->turns when a frame of it may be sent now; each turn is
 * one frame, then it goes to the end.  Opening and CREDIT frames (c->notes) go first.
 *
 * Alternative not taken: half-closed channels.  No conversation needs them: the side
 * that asked says CLOSE when it has its answer.
 */
#include "node/peer/impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CHUNK_MIN 4096		/* small writes share a chunk of this size */
#define CHUNK_MAX 65536
#define CHANNEL_QUEUE_MAX (2u * SEGMENT_BYTES_MAX)
#define CONN_QUEUE_MAX (256u << 20)
/* A turn's DATA frame is not cut smaller than this to fit into a record. */
#define PIECE_MIN 1024
#define DRAIN_WINDOW_DEFAULT (1u << 20)
#define DRAIN_WINDOW_MAX (8u << 20)
#define CREDIT_MAX (1ull << 32)

/* ---- reasons ---- */

void close_reason_add(struct buf *b, const struct err *why)
{
	if (!why)
		return;
	buf_add_u16(b, (uint16_t)why->code);
	buf_add(b, why->msg, strnlen(why->msg, sizeof(why->msg) - 1));
}

bool close_reason_read(struct err *why, const struct frame *f)
{
	struct rd r = rd_of(f->payload, f->len);
	unsigned code = rd_u16(&r);
	char text[160];
	size_t i, n = r.left < sizeof(text) - 1 ? r.left : sizeof(text) - 1;

	if (r.failed || code == ERR_NONE)
		return false;
	for (i = 0; i < n; i++)
		text[i] = r.p[i] >= 0x20 && r.p[i] < 0x7f ? (char)r.p[i] : '?';
	text[n] = 0;
	err_set(why, code <= ERR_INTERNAL ? (enum err_code)code : ERR_INTERNAL,
		"the peer says: %s", n ? text : "nothing");
	return true;
}

/* ---- lists ---- */

void channels_init(struct peer_conn *c)
{
	TAILQ_INIT(&c->notes);
	TAILQ_INIT(&c->turns);
	TAILQ_INIT(&c->drained);
	TAILQ_INIT(&c->failed);
}

/* Numbers of one side are all odd or all even: the lowest bit says nothing. */
static unsigned bucket_of(uint32_t id)
{
	return (id >> 1) % N_BUCKETS;
}

static bool is_ours(const struct peer_conn *c, uint32_t id)
{
	return (id % 2 == 1) == c->is_dialler;
}

static struct peer_channel *find(struct peer_conn *c, uint32_t id)
{
	struct peer_channel *ch;

	LIST_FOREACH(ch, &c->buckets[bucket_of(id)], in_bucket)
		if (ch->id == id)
			return ch;
	return NULL;
}

static struct peer_channel *channel_new(struct peer_conn *c, uint32_t id)
{
	struct peer_channel *ch = xcalloc(1, sizeof(*ch));

	ch->conn = c;
	ch->id = id;
	TAILQ_INIT(&ch->queue);
	ch->credit = c->hello.window;
	ch->may_recv = c->window;
	LIST_INSERT_HEAD(&c->buckets[bucket_of(id)], ch, in_bucket);
	if (is_ours(c, id))
		c->n_local++;
	else
		c->n_remote++;
	return ch;
}

static void note(struct peer_channel *ch)
{
	if (!ch->has_note)
		TAILQ_INSERT_TAIL(&ch->conn->notes, ch, in_notes);
	ch->has_note = true;
	conn_wake(ch->conn);
}

static void forget_drain(struct peer_channel *ch)
{
	if (ch->is_drained)
		TAILQ_REMOVE(&ch->conn->drained, ch, in_drained);
	ch->is_drained = false;
}

static void forget_failure(struct peer_channel *ch)
{
	if (!ch->failure)
		return;
	TAILQ_REMOVE(&ch->conn->failed, ch, in_failed);
	free(ch->failure);
	ch->failure = NULL;
}

static void drop_queue(struct peer_channel *ch)
{
	struct chunk *k;

	while ((k = TAILQ_FIRST(&ch->queue))) {
		TAILQ_REMOVE(&ch->queue, k, link);
		free(k);
	}
	ch->conn->n_queued -= ch->n_queued;
	ch->n_queued = 0;
	if (ch->has_turn)
		TAILQ_REMOVE(&ch->conn->turns, ch, in_turns);
	ch->has_turn = false;
}

/* Off all lists and onto that of the dead: somebody up the stack may hold it. */
static void bury(struct peer_channel *ch)
{
	struct peer_conn *c = ch->conn;

	if (ch->state == CHANNEL_GONE)
		return;
	drop_queue(ch);
	forget_drain(ch);
	forget_failure(ch);
	if (ch->has_note)
		TAILQ_REMOVE(&c->notes, ch, in_notes);
	ch->has_note = false;
	LIST_REMOVE(ch, in_bucket);
	if (is_ours(c, ch->id))
		c->n_local--;
	else
		c->n_remote--;
	ch->cb = NULL;
	ch->state = CHANNEL_GONE;
	SLIST_INSERT_HEAD(&c->dead, ch, in_dead);
}

void channels_reap(struct peer_conn *c)
{
	struct peer_channel *ch;

	while ((ch = SLIST_FIRST(&c->dead))) {
		SLIST_REMOVE_HEAD(&c->dead, in_dead);
		free(ch);
	}
}

/* Bury it, then tell its owner, who may do anything. */
static void end_channel(struct peer_channel *ch, const struct err *why)
{
	const struct peer_channel_cb *cb = ch->cb;
	struct err own;

	if (ch->failure) {
		own = *ch->failure;
		why = &own;
	}
	bury(ch);
	if (cb && cb->on_close)
		cb->on_close(ch->arg, ch, why);
}

void channels_end(struct peer_conn *c, const struct err *why)
{
	struct peer_channel *ch;
	size_t i;

	for (i = 0; i < N_BUCKETS; i++)
		while ((ch = LIST_FIRST(&c->buckets[i])))
			end_channel(ch, why);
}

void channels_silence(struct peer_conn *c)
{
	struct peer_channel *ch;
	size_t i;

	for (i = 0; i < N_BUCKETS; i++)
		LIST_FOREACH(ch, &c->buckets[i], in_bucket)
			ch->cb = NULL;
}

void channels_fini(struct peer_conn *c)
{
	channels_silence(c);
	channels_end(c, NULL);
	channels_reap(c);
}

/* ---- queue ---- */

static bool has_window(const struct peer_conn *c)
{
	return c->hello.window > 0;
}

/* Put it in the row when its first frame may be sent now. */
static void take_turn(struct peer_channel *ch)
{
	const struct chunk *k = TAILQ_FIRST(&ch->queue);

	if (ch->has_turn || !k)
		return;
	if (k->kind == FRAME_DATA && has_window(ch->conn) && ch->credit == 0)
		return;
	TAILQ_INSERT_TAIL(&ch->conn->turns, ch, in_turns);
	ch->has_turn = true;
	conn_wake(ch->conn);
}

static struct chunk *chunk_add(struct peer_channel *ch, enum frame_kind kind, size_t cap)
{
	struct chunk *k = xmalloc(sizeof(*k) + cap);

	memset(k, 0, sizeof(*k));
	k->kind = kind;
	k->cap = cap;
	TAILQ_INSERT_TAIL(&ch->queue, k, link);
	return k;
}

static void chunk_fill(struct peer_channel *ch, struct chunk *k, const void *data, size_t len)
{
	if (len > 0)
		memcpy(k->data + k->len, data, len);
	k->len += len;
	ch->n_queued += len;
	ch->conn->n_queued += len;
}

static void queue_close(struct peer_channel *ch, const struct err *why)
{
	struct buf b;

	buf_init(&b, 512);
	close_reason_add(&b, why);
	chunk_fill(ch, chunk_add(ch, FRAME_CLOSE, b.len), b.data, b.len);
	buf_fini(&b);
	take_turn(ch);
}

/* Our side's fault: the peer is told now, the owner from the loop. */
static void channel_fail(struct peer_channel *ch, const struct err *why)
{
	drop_queue(ch);
	forget_drain(ch);
	ch->failure = xmalloc(sizeof(*ch->failure));
	*ch->failure = *why;
	ch->state = CHANNEL_FAILED;
	ch->moved_ms = uv_now(ch->conn->ctx->loop);
	TAILQ_INSERT_TAIL(&ch->conn->failed, ch, in_failed);
	queue_close(ch, why);
	conn_wake(ch->conn);
}

/* Room for len more bytes, or the channel fails. */
static bool may_queue(struct peer_channel *ch, size_t len)
{
	struct err err;

	if (ch->state != CHANNEL_OPEN)
		return false;
	if (len <= CHANNEL_QUEUE_MAX - ch->n_queued && ch->conn->n_queued + len <= CONN_QUEUE_MAX)
		return true;
	err_set(&err, ERR_LIMIT, "the peer takes too little: %zu bytes wait, %zu on all channels",
		ch->n_queued, ch->conn->n_queued);
	channel_fail(ch, &err);
	return false;
}

/* Below it on_drain runs. */
static size_t drain_mark(const struct peer_conn *c)
{
	uint32_t w = c->hello.window;

	if (w == 0)
		w = DRAIN_WINDOW_DEFAULT;
	return (w < DRAIN_WINDOW_MAX ? w : DRAIN_WINDOW_MAX) / 2;
}

/* ---- sending, from conn_settle ---- */

/* False when it does not fit below limit. */
static bool add_note(struct peer_channel *ch, struct buf *out, size_t limit)
{
	uint8_t n[4] = { (uint8_t)(ch->owed >> 24), (uint8_t)(ch->owed >> 16),
			 (uint8_t)(ch->owed >> 8), (uint8_t)ch->owed };

	if (out->len + 2 * FRAME_HEAD + sizeof(n) > limit)
		return false;
	if (ch->announce)
		frame_add(out, FRAME_DATA, ch->id, NULL, 0);
	ch->announce = false;
	if (ch->owed > 0 && ch->state == CHANNEL_OPEN) {
		frame_add(out, FRAME_CREDIT, ch->id, n, sizeof(n));
		ch->may_recv += ch->owed;
		ch->owed = 0;
	}
	TAILQ_REMOVE(&ch->conn->notes, ch, in_notes);
	ch->has_note = false;
	return true;
}

/* How much of n DATA bytes goes into the next frame; 0: does not fit now. */
static size_t piece_of(const struct peer_channel *ch, size_t n, size_t room)
{
	if (n > FRAME_PAYLOAD_MAX)
		n = FRAME_PAYLOAD_MAX;
	if (has_window(ch->conn) && n > ch->credit)
		n = (size_t)ch->credit;
	if (FRAME_HEAD + n <= room)
		return n;
	return room >= FRAME_HEAD + PIECE_MIN ? room - FRAME_HEAD : 0;
}

static void mark_drained(struct peer_channel *ch)
{
	if (!ch->was_above || ch->n_queued >= drain_mark(ch->conn))
		return;
	ch->was_above = false;
	if (ch->state != CHANNEL_OPEN || ch->is_drained)
		return;
	TAILQ_INSERT_TAIL(&ch->conn->drained, ch, in_drained);
	ch->is_drained = true;
}

/* n bytes of the first chunk are on the way. */
static void frame_sent(struct peer_channel *ch, size_t n)
{
	struct chunk *k = TAILQ_FIRST(&ch->queue);
	enum frame_kind kind = k->kind;

	k->off += n;
	ch->n_queued -= n;
	ch->conn->n_queued -= n;
	ch->moved_ms = uv_now(ch->conn->ctx->loop);
	if (kind == FRAME_DATA && has_window(ch->conn))
		ch->credit -= n;
	if (k->off == k->len) {
		TAILQ_REMOVE(&ch->queue, k, link);
		free(k);
	}
	TAILQ_REMOVE(&ch->conn->turns, ch, in_turns);
	ch->has_turn = false;
	if (kind == FRAME_CLOSE) {
		bury(ch);
		return;
	}
	take_turn(ch);
	mark_drained(ch);
}

static bool add_frame(struct peer_channel *ch, struct buf *out, size_t limit)
{
	struct chunk *k = TAILQ_FIRST(&ch->queue);
	size_t n = k->len - k->off, room = limit - out->len;

	if (k->kind == FRAME_DATA) {
		n = piece_of(ch, n, room);
		if (n == 0)
			return false;
	} else if (FRAME_HEAD + n > room) {
		return false;
	}
	frame_add(out, k->kind, ch->id, k->data + k->off, n);
	frame_sent(ch, n);
	return true;
}

void channels_add_frames(struct peer_conn *c, struct buf *out, size_t limit)
{
	struct peer_channel *ch;

	while ((ch = TAILQ_FIRST(&c->notes)))
		if (!add_note(ch, out, limit))
			return;
	while ((ch = TAILQ_FIRST(&c->turns)))
		if (!add_frame(ch, out, limit))
			return;
}

void channels_deliver_drains(struct peer_conn *c)
{
	struct peer_channel *ch;

	while ((ch = TAILQ_FIRST(&c->drained))) {
		forget_drain(ch);
		if (ch->cb && ch->cb->on_drain)
			ch->cb->on_drain(ch->arg, ch);
	}
}

void channels_deliver_failures(struct peer_conn *c)
{
	const struct peer_channel_cb *cb;
	struct peer_channel *ch;
	struct err why;

	while ((ch = TAILQ_FIRST(&c->failed))) {
		why = *ch->failure;
		forget_failure(ch);
		cb = ch->cb;
		ch->cb = NULL;
		ch->state = CHANNEL_CLOSING;
		if (cb && cb->on_close)
			cb->on_close(ch->arg, ch, &why);
	}
}

void channels_expire(struct peer_conn *c, uint64_t now_ms)
{
	struct peer_channel *ch;
	struct err why;
	size_t i;

	err_set(&why, ERR_TIMEOUT, "the end of this channel was not read");
	for (i = 0; i < N_BUCKETS; i++) {
		LIST_FOREACH(ch, &c->buckets[i], in_bucket) {
			if (ch->state != CHANNEL_CLOSING ||
			    now_ms - ch->moved_ms < c->limits.stall_ms)
				continue;
			drop_queue(ch);
			queue_close(ch, &why);
			ch->moved_ms = now_ms;
		}
	}
}

/* ---- receiving ---- */

static void refuse(struct peer_channel *ch, enum err_code code, const char *text)
{
	struct err why;

	err_set(&why, code, "%s", text);
	peer_channel_abort(ch, &why);
}

static struct peer_channel *open_remote(struct peer_conn *c, uint32_t id)
{
	struct peer_channel *ch;

	if (c->n_remote >= c->limits.max_channels) {
		conn_fault(c, ERR_LIMIT, "more than %u channels opened", c->limits.max_channels);
		return NULL;
	}
	c->last_remote_id = id;
	ch = channel_new(c, id);
	if (c->we_drain)
		refuse(ch, ERR_BUSY, "this node drains");
	else if (c->cb && c->cb->on_channel)
		c->cb->on_channel(c->arg, c, ch);
	if (!conn_is_over(c) && ch->state == CHANNEL_OPEN && !ch->cb)
		refuse(ch, ERR_NOT_FOUND, "nobody takes this channel");
	return ch;
}

/* The channel of a frame; NULL when it is to be ignored, or the connection ended. */
static struct peer_channel *channel_for(struct peer_conn *c, const struct frame *f)
{
	struct peer_channel *ch = find(c, f->channel);

	if (ch)
		return ch;
	if (is_ours(c, f->channel)) {
		if (f->channel >= c->next_id)
			conn_fault(c, ERR_INVALID, "frame for channel %lu, which we never opened",
				   (unsigned long)f->channel);
		return NULL;
	}
	if (f->channel <= c->last_remote_id || (f->kind != FRAME_MSG && f->kind != FRAME_DATA))
		return NULL;
	return open_remote(c, f->channel);
}

static void take_msg(struct peer_channel *ch, const struct frame *f)
{
	struct rd r = rd_of(f->payload, f->len);
	uint16_t type = rd_u16(&r);

	if (r.failed)
		conn_fault(ch->conn, ERR_INVALID, "message without a type");
	else if (ch->state == CHANNEL_OPEN && ch->cb && ch->cb->on_msg)
		ch->cb->on_msg(ch->arg, ch, type, r.p, r.left);
}

static void take_data(struct peer_channel *ch, const struct frame *f)
{
	uint32_t n = (uint32_t)f->len;

	if (ch->conn->window > 0) {
		if (n > ch->may_recv) {
			conn_fault(ch->conn, ERR_LIMIT, "channel %lu overran its credit",
				   (unsigned long)ch->id);
			return;
		}
		ch->may_recv -= n;
		ch->held += n;
	}
	if (ch->state != CHANNEL_OPEN || n == 0)
		return;
	if (ch->cb && ch->cb->on_data)
		ch->cb->on_data(ch->arg, ch, f->payload, f->len);
	else
		peer_channel_consumed(ch, f->len);
}

static void take_credit(struct peer_channel *ch, const struct frame *f)
{
	struct rd r = rd_of(f->payload, f->len);
	uint32_t n = rd_u32(&r);

	if (r.failed || r.left > 0 || ch->credit + n > CREDIT_MAX) {
		conn_fault(ch->conn, ERR_INVALID, "absurd credit");
		return;
	}
	ch->credit += n;
	take_turn(ch);
}

static void take_close(struct peer_channel *ch, const struct frame *f)
{
	struct err why;
	bool aborted = close_reason_read(&why, f);

	end_channel(ch, aborted ? &why : NULL);
}

void channels_take_frame(struct peer_conn *c, const struct frame *f)
{
	struct peer_channel *ch;

	switch (f->kind) {
	case FRAME_MSG:
	case FRAME_DATA:
	case FRAME_CREDIT:
	case FRAME_CLOSE:
		break;
	case FRAME_HELLO:
	case FRAME_PING:
	case FRAME_PONG:
	case FRAME_GOAWAY:
		conn_fault(c, ERR_INVALID, "frame of kind %d on a channel", (int)f->kind);
		return;
	default:	/* of a later version */
		return;
	}
	ch = channel_for(c, f);
	if (!ch || conn_is_over(c) || ch->state == CHANNEL_GONE)
		return;
	if (f->kind == FRAME_MSG)
		take_msg(ch, f);
	else if (f->kind == FRAME_DATA)
		take_data(ch, f);
	else if (f->kind == FRAME_CREDIT)
		take_credit(ch, f);
	else
		take_close(ch, f);
}

/* ---- what owners call ---- */

static int may_open(const struct peer_conn *c, struct err *err)
{
	if (c->state != CONN_READY)
		return err_set(err, ERR_IO, "%s is not connected", c->name);
	if (c->we_drain || c->peer_drains)
		return err_set(err, ERR_IO, "%s is going away", c->name);
	if (c->n_local >= c->hello.max_channels)
		return err_set(err, ERR_BUSY, "%s has %u channels open, its limit", c->name,
			       c->n_local);
	if (c->next_id > UINT32_MAX - 2)
		return err_set(err, ERR_IO, "channel numbers of %s are used up: connect again",
			       c->name);
	return 0;
}

struct peer_channel *peer_channel_open(struct peer_conn *c, const struct peer_channel_cb *cb,
				       void *arg, struct err *err)
{
	struct peer_channel *ch;

	if (may_open(c, err) < 0)
		return NULL;
	ch = channel_new(c, c->next_id);
	c->next_id += 2;
	peer_channel_set(ch, cb, arg);
	ch->announce = true;
	note(ch);
	return ch;
}

void peer_channel_set(struct peer_channel *ch, const struct peer_channel_cb *cb, void *arg)
{
	if (ch->state == CHANNEL_OPEN || ch->state == CHANNEL_FAILED)
		ch->cb = cb;
	ch->arg = arg;
}

void *peer_channel_arg(const struct peer_channel *ch)
{
	return ch->arg;
}

uint32_t peer_channel_id(const struct peer_channel *ch)
{
	return ch->id;
}

struct peer_conn *peer_channel_conn(const struct peer_channel *ch)
{
	return ch->conn;
}

void peer_channel_msg(struct peer_channel *ch, uint16_t type, const struct buf *body)
{
	uint8_t head[2] = { (uint8_t)(type >> 8), (uint8_t)type };
	struct chunk *k;
	struct err err;

	if (!may_queue(ch, sizeof(head) + body->len))
		return;
	if (body->failed || body->len > FRAME_PAYLOAD_MAX - sizeof(head)) {
		err_set(&err, ERR_LIMIT, "message %u of %zu bytes, at most %zu", type, body->len,
			FRAME_PAYLOAD_MAX - sizeof(head));
		channel_fail(ch, &err);
		return;
	}
	k = chunk_add(ch, FRAME_MSG, sizeof(head) + body->len);
	chunk_fill(ch, k, head, sizeof(head));
	chunk_fill(ch, k, body->data, body->len);
	take_turn(ch);
}

size_t peer_channel_data(struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct chunk *k;
	size_t n, cap;

	if (len == 0 || !may_queue(ch, len))
		return ch->n_queued;
	k = TAILQ_LAST(&ch->queue, chunk_queue);
	while (len > 0) {
		if (!k || k->kind != FRAME_DATA || k->len == k->cap) {
			cap = len < CHUNK_MIN ? CHUNK_MIN : len < CHUNK_MAX ? len : CHUNK_MAX;
			k = chunk_add(ch, FRAME_DATA, cap);
		}
		n = len < k->cap - k->len ? len : k->cap - k->len;
		chunk_fill(ch, k, data, n);
		data += n;
		len -= n;
	}
	if (ch->n_queued >= drain_mark(ch->conn))
		ch->was_above = true;
	take_turn(ch);
	return ch->n_queued;
}

void peer_channel_consumed(struct peer_channel *ch, size_t len)
{
	uint32_t n = len < ch->held ? (uint32_t)len : ch->held;

	if (ch->state != CHANNEL_OPEN || n == 0)
		return;
	ch->held -= n;
	ch->owed += n;
	if (ch->owed >= ch->conn->window / 4)
		note(ch);
}

static void closed_by_owner(struct peer_channel *ch)
{
	ch->cb = NULL;
	forget_drain(ch);
	forget_failure(ch);
	ch->state = CHANNEL_CLOSING;
	ch->moved_ms = uv_now(ch->conn->ctx->loop);
}

void peer_channel_close(struct peer_channel *ch)
{
	if (ch->state == CHANNEL_OPEN)	/* of a failed one it is queued already */
		queue_close(ch, NULL);
	if (ch->state == CHANNEL_OPEN || ch->state == CHANNEL_FAILED)
		closed_by_owner(ch);
}

void peer_channel_abort(struct peer_channel *ch, const struct err *why)
{
	if (ch->state == CHANNEL_OPEN) {
		drop_queue(ch);
		queue_close(ch, why);
	}
	if (ch->state == CHANNEL_OPEN || ch->state == CHANNEL_FAILED)
		closed_by_owner(ch);
}
