/*
 * The reader is a loop over two states: at a chunk header, or inside a chunk's
 * payload.  A header cut by the end of the input is kept (at most 18 bytes) and
 * read as if it stood before the next input; so the parser of a header always
 * sees it whole, and payload is never kept there.
 */
#include "media/wire/rtmp_chunk.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define DEFAULT_CHUNK_SIZE 128
#define HEADER_MAX RTMP_CHUNK_HEADER_MAX
#define EXTENDED 0xffffff

/* Assembly memory kept between messages; a key frame's goes back. */
#define KEEP_CAP (16 << 10)

/* What a chunk stream remembers from one header to the next. */
struct chunk_stream {
	uint32_t csid;
	uint32_t time_ms;	/* of the current or last message */
	uint32_t delta;		/* added by a type 3 header that begins a message */
	uint32_t ext;		/* last extended timestamp field */
	uint32_t msg_len;
	uint32_t stream_id;
	uint8_t type;
	bool has_ext;		/* the last full header had one: type 3 has it too */
	bool started;		/* a message is unfinished */
	uint8_t *data;		/* what came of it; owned */
	size_t have, cap;
};

struct rtmp_chunk_reader {
	size_t chunk_size;
	size_t max_msg;
	struct chunk_stream *streams;
	size_t n_streams;
	size_t cur;		/* stream whose payload comes, while left > 0 */
	size_t left;		/* payload bytes of the current chunk still to come */
	size_t partial;		/* sum of have */
	uint8_t carry[HEADER_MAX];
	size_t n_carry;
};

/* The input: carried bytes, then the caller's. */
struct input {
	const uint8_t *a, *b;
	size_t na, nb;
};

/* A parsed header, not yet applied. */
struct header {
	unsigned fmt;
	uint32_t csid;
	uint32_t field;		/* 24-bit timestamp or delta, or the extended one */
	uint32_t msg_len;
	uint32_t stream_id;
	uint8_t type;
	bool has_ext;
};

struct rtmp_chunk_reader *rtmp_chunk_reader_new(size_t max_msg)
{
	struct rtmp_chunk_reader *r = xcalloc(1, sizeof(*r));

	r->chunk_size = DEFAULT_CHUNK_SIZE;
	rtmp_chunk_reader_set_max(r, max_msg);
	return r;
}

void rtmp_chunk_reader_free(struct rtmp_chunk_reader *r)
{
	size_t i;

	if (!r)
		return;
	for (i = 0; i < r->n_streams; i++)
		free(r->streams[i].data);
	free(r->streams);
	free(r);
}

void rtmp_chunk_reader_set_max(struct rtmp_chunk_reader *r, size_t max_msg)
{
	r->max_msg = max_msg < RTMP_MSG_MAX ? max_msg : RTMP_MSG_MAX;
}

bool rtmp_chunk_reader_is_inside(const struct rtmp_chunk_reader *r)
{
	size_t i;

	for (i = 0; i < r->n_streams; i++)
		if (r->streams[i].started)
			return true;
	return r->n_carry > 0;
}

static size_t input_peek(const struct input *in, uint8_t to[HEADER_MAX])
{
	size_t na = in->na < HEADER_MAX ? in->na : HEADER_MAX;
	size_t nb = in->nb < HEADER_MAX - na ? in->nb : HEADER_MAX - na;

	if (na > 0)
		memcpy(to, in->a, na);
	if (nb > 0)
		memcpy(to + na, in->b, nb);
	return na + nb;
}

static void input_skip(struct input *in, size_t n)
{
	size_t na = n < in->na ? n : in->na;

	in->a += na;
	in->na -= na;
	in->b += n - na;
	in->nb -= n - na;
}

static struct chunk_stream *find_stream(struct rtmp_chunk_reader *r, uint32_t csid)
{
	size_t i;

	for (i = 0; i < r->n_streams; i++)
		if (r->streams[i].csid == csid)
			return &r->streams[i];
	return NULL;
}

static struct chunk_stream *add_stream(struct rtmp_chunk_reader *r, uint32_t csid)
{
	struct chunk_stream *s;

	if (r->n_streams == RTMP_CHUNK_STREAMS_MAX)
		return NULL;
	if (r->n_streams % 8 == 0)
		r->streams = xrealloc(r->streams, (r->n_streams + 8) * sizeof(*s));
	s = &r->streams[r->n_streams++];
	*s = (struct chunk_stream){ .csid = csid };
	return s;
}

static uint32_t be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | be24(p + 1);
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/*
 * A type 3 header on a stream with extended timestamps repeats the field - with
 * most encoders.  Some old ones leave it out, so look whether the four bytes are
 * it; if not, they are payload.
 */
static bool is_repeated_ext(const struct chunk_stream *s, const uint8_t *p)
{
	uint32_t v = be32(p);

	return v == s->ext || v == s->time_ms;
}

/* Length of the basic header, csid into h.  0: more bytes needed. */
static size_t parse_basic(struct header *h, const uint8_t *p, size_t n)
{
	if (n < 1)
		return 0;
	h->fmt = p[0] >> 6;
	h->csid = p[0] & 0x3f;
	if (h->csid > 1)
		return 1;
	if (h->csid == 0) {
		if (n < 2)
			return 0;
		h->csid = 64u + p[1];
		return 2;
	}
	if (n < 3)
		return 0;
	h->csid = 64u + p[1] + 256u * p[2];
	return 3;
}

/* Length of the whole header; 0: more bytes needed. */
static size_t parse_header(struct header *h, const struct chunk_stream *s, size_t basic,
			   const uint8_t *p, size_t n)
{
	static const size_t lens[4] = { 11, 7, 3, 0 };
	size_t len = basic + lens[h->fmt];

	if (n < len)
		return 0;
	p += basic;
	if (h->fmt == 3) {
		h->has_ext = false;
		if (!s || !s->has_ext)
			return len;
		if (n < len + 4)
			return 0;
		h->has_ext = is_repeated_ext(s, p);
		return h->has_ext ? len + 4 : len;
	}
	h->field = be24(p);
	if (h->fmt < 2) {
		h->msg_len = be24(p + 3);
		h->type = p[6];
	}
	if (h->fmt == 0)
		h->stream_id = le32(p + 7);
	h->has_ext = h->field == EXTENDED;
	if (!h->has_ext)
		return len;
	if (n < len + 4)
		return 0;
	h->field = be32(p + lens[h->fmt]);
	return len + 4;
}

/* A header of type 0 to 2 begins a message. */
static void apply_full(struct chunk_stream *s, const struct header *h)
{
	s->has_ext = h->has_ext;
	s->ext = h->field;
	s->delta = h->field;
	s->time_ms = h->fmt == 0 ? h->field : s->time_ms + h->field;
	if (h->fmt == 0)
		s->stream_id = h->stream_id;
	if (h->fmt < 2) {
		s->msg_len = h->msg_len;
		s->type = h->type;
	}
}

/* Take a header: afterwards a chunk of r->left bytes of stream r->cur follows. */
static int apply_header(struct rtmp_chunk_reader *r, const struct header *h, struct err *err)
{
	struct chunk_stream *s = find_stream(r, h->csid);
	size_t rest;

	/* librtmp begins the control stream with type 1. */
	if (!s && h->fmt > 1)
		return err_set(err, ERR_INVALID, "chunk type %u on new chunk stream %u", h->fmt, h->csid);
	if (!s) {
		s = add_stream(r, h->csid);
		if (!s)
			return err_set(err, ERR_LIMIT, "more than %d chunk streams",
				       RTMP_CHUNK_STREAMS_MAX);
	}
	if (s->started && h->fmt != 3)
		return err_set(err, ERR_INVALID, "new message inside an unfinished one of %u bytes",
			       s->msg_len);
	if (h->fmt != 3)
		apply_full(s, h);
	else if (!s->started)
		s->time_ms += s->delta;
	if (s->msg_len > r->max_msg)
		return err_set(err, ERR_LIMIT, "message of %u bytes, at most %zu", s->msg_len, r->max_msg);
	s->started = true;
	rest = s->msg_len - s->have;
	r->cur = (size_t)(s - r->streams);
	r->left = rest < r->chunk_size ? rest : r->chunk_size;
	return 0;
}

static int add_partial(struct rtmp_chunk_reader *r, struct chunk_stream *s, const uint8_t *p,
		       size_t n, struct err *err)
{
	size_t want;

	if (n > RTMP_MSG_MAX - r->partial)
		return err_set(err, ERR_LIMIT, "unfinished messages hold %zu bytes", r->partial);
	if (s->have + n > s->cap) {
		want = s->cap ? s->cap * 4 : 2048;
		while (want < s->have + n)
			want *= 4;
		/* All of a small message at once; a big one as it comes. */
		if (want > s->msg_len || s->msg_len <= KEEP_CAP)
			want = s->msg_len;
		s->data = xrealloc(s->data, want);
		s->cap = want;
	}
	memcpy(s->data + s->have, p, n);
	s->have += n;
	r->partial += n;
	return 0;
}

static void drop_partial(struct rtmp_chunk_reader *r, struct chunk_stream *s)
{
	r->partial -= s->have;
	s->have = 0;
	s->started = false;
	if (s->cap > KEEP_CAP) {
		free(s->data);
		s->data = NULL;
		s->cap = 0;
	}
}

static int set_chunk_size(struct rtmp_chunk_reader *r, const uint8_t *data, size_t len, struct err *err)
{
	uint32_t v;

	if (len < 4)
		return err_set(err, ERR_INVALID, "Set Chunk Size of %zu bytes", len);
	v = be32(data);
	if (v == 0)
		return err_set(err, ERR_INVALID, "chunk size 0");
	if (v > RTMP_CHUNK_SIZE_MAX)
		return err_set(err, ERR_LIMIT, "chunk size %u, at most %d", v, RTMP_CHUNK_SIZE_MAX);
	r->chunk_size = v;
	return 0;
}

static void abort_message(struct rtmp_chunk_reader *r, const uint8_t *data, size_t len)
{
	struct chunk_stream *s = len >= 4 ? find_stream(r, be32(data)) : NULL;

	if (s && s->started)
		drop_partial(r, s);
}

static int deliver(struct rtmp_chunk_reader *r, struct chunk_stream *s, const uint8_t *data,
		   rtmp_msg_cb *cb, void *arg, enum rtmp_next *next, struct err *err)
{
	struct rtmp_msg m = {
		.type = s->type, .stream_id = s->stream_id, .csid = s->csid,
		.time_ms = s->time_ms, .data = data, .len = s->msg_len,
	};

	*next = RTMP_GO_ON;
	s->started = false;	/* an Abort of the stream it came on must find nothing */
	if (m.type == RTMP_SET_CHUNK_SIZE)
		return set_chunk_size(r, m.data, m.len, err);
	if (m.type == RTMP_ABORT)
		abort_message(r, m.data, m.len);
	else
		*next = cb(arg, &m);
	return 0;
}

/* The current chunk's next bytes: those of one of the two parts of the input. */
static int read_payload(struct rtmp_chunk_reader *r, struct input *in, rtmp_msg_cb *cb, void *arg,
			enum rtmp_next *next, struct err *err)
{
	struct chunk_stream *s = &r->streams[r->cur];
	const uint8_t *p = in->na > 0 ? in->a : in->b;
	size_t avail = in->na > 0 ? in->na : in->nb;
	size_t n = r->left < avail ? r->left : avail;
	int ret;

	*next = RTMP_GO_ON;
	r->left -= n;
	input_skip(in, n);
	if (s->have == 0 && n == s->msg_len)
		return deliver(r, s, p, cb, arg, next, err);
	if (add_partial(r, s, p, n, err) < 0)
		return -1;
	if (s->have < s->msg_len)
		return 0;
	ret = deliver(r, s, s->data, cb, arg, next, err);
	drop_partial(r, s);
	return ret;
}

/* 1: a header was taken, 0: it is not whole yet. */
static int read_header(struct rtmp_chunk_reader *r, struct input *in, struct err *err)
{
	uint8_t tmp[HEADER_MAX];
	const uint8_t *p = tmp;
	struct header h = { 0 };
	size_t n, basic, len;

	if (in->na == 0 && in->nb >= HEADER_MAX) {
		p = in->b;
		n = HEADER_MAX;
	} else {
		n = input_peek(in, tmp);
	}
	basic = parse_basic(&h, p, n);
	len = basic ? parse_header(&h, find_stream(r, h.csid), basic, p, n) : 0;
	if (len == 0)
		return 0;
	input_skip(in, len);
	return apply_header(r, &h, err) < 0 ? -1 : 1;
}

long rtmp_chunk_read(struct rtmp_chunk_reader *r, const uint8_t *data, size_t len,
		     rtmp_msg_cb *cb, void *arg, struct err *err)
{
	uint8_t carried[HEADER_MAX];
	struct input in = { .a = carried, .b = data, .na = r->n_carry, .nb = len };
	enum rtmp_next next = RTMP_GO_ON;
	int ret;

	memcpy(carried, r->carry, r->n_carry);
	r->n_carry = 0;
	while (in.na + in.nb > 0 && next == RTMP_GO_ON) {
		if (r->left == 0) {
			ret = read_header(r, &in, err);
			if (ret < 0)
				return -1;
			if (ret == 0)
				break;
			if (r->left > 0)
				continue;
		}
		/* left is 0 here only for a message without a body. */
		if (read_payload(r, &in, cb, arg, &next, err) < 0)
			return -1;
	}
	/* A header cut short, or carried bytes that turned out to be payload and
	 * what follows, when stopped: both are shorter than a header. */
	if (next == RTMP_GO_ON) {
		r->n_carry = input_peek(&in, r->carry);
		return (long)len;
	}
	memcpy(r->carry, in.a, in.na);
	r->n_carry = in.na;
	return (long)(len - in.nb);
}

static size_t put_basic(uint8_t *to, unsigned fmt, uint32_t csid)
{
	if (csid < 64) {
		to[0] = (uint8_t)(fmt << 6 | csid);
		return 1;
	}
	to[0] = (uint8_t)(fmt << 6 | (csid < 320 ? 0 : 1));
	to[1] = (uint8_t)(csid - 64);
	if (csid < 320)
		return 2;
	to[2] = (uint8_t)((csid - 64) >> 8);
	return 3;
}

static void put_be(uint8_t *to, uint32_t v, size_t n)
{
	while (n-- > 0)
		*to++ = (uint8_t)(v >> (8 * n));
}

size_t rtmp_chunk_header(uint8_t to[RTMP_CHUNK_HEADER_MAX], const struct rtmp_msg *m, bool first)
{
	bool ext = m->time_ms >= EXTENDED;
	size_t n = put_basic(to, first ? 0 : 3, m->csid);

	if (first) {
		put_be(to + n, ext ? EXTENDED : m->time_ms, 3);
		put_be(to + n + 3, (uint32_t)m->len, 3);
		to[n + 6] = m->type;
		to[n + 7] = (uint8_t)m->stream_id;
		to[n + 8] = (uint8_t)(m->stream_id >> 8);
		to[n + 9] = (uint8_t)(m->stream_id >> 16);
		to[n + 10] = (uint8_t)(m->stream_id >> 24);
		n += 11;
	}
	if (!ext)
		return n;
	put_be(to + n, m->time_ms, 4);
	return n + 4;
}

void rtmp_chunk_write(struct buf *b, const struct rtmp_msg *m, size_t chunk_size)
{
	uint8_t header[RTMP_CHUNK_HEADER_MAX];
	size_t pos = 0, n;

	do {
		buf_add(b, header, rtmp_chunk_header(header, m, pos == 0));
		n = m->len - pos < chunk_size ? m->len - pos : chunk_size;
		buf_add(b, m->data + pos, n);
		pos += n;
	} while (pos < m->len);
}

void rtmp_chunk_write_control(struct buf *b, enum rtmp_type type, uint32_t value)
{
	uint8_t body[5] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
			    (uint8_t)value, 2 };
	struct rtmp_msg m = { .type = type, .csid = 2, .data = body,
			      .len = type == RTMP_SET_PEER_BANDWIDTH ? 5 : 4 };

	rtmp_chunk_write(b, &m, sizeof(body));
}
