#include "node/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

#define FILE_MAX (1 << 20)
#define WAITING_MAX (64u << 10)
#define LINES_PER_STREAM 4
#define UNUSED_MAX 64

/* What struct seen does not keep of a segment. */
struct signing {
	uint8_t job_id[32];
	uint32_t duration_ms;
	struct sig65 sig;
};

struct history {
	struct list_node node;
	struct evidence *e;
	struct eth_addr broadcaster;
	struct stream_id stream;
	unsigned n_users;
	unsigned n_lines;
	struct seen seen;
	struct signing *signing;	/* owned; of seen.e[], same place */
	size_t n_signing;		/* places; seen.cap once something was added */
};

struct evidence {
	uv_loop_t *loop;
	char *path;
	struct hash32 domain;
	struct list histories;	/* struct history.node, the one closed last at the tail */
	unsigned n_unused;
	struct buf waiting;	/* lines for the next job */
	struct buf writing;	/* lines of the running job */
	bool busy;
	uv_work_t work;
	struct err err;		/* of the running job */
	bool failed;
	struct log_limit log_limit;
};

/* ---- the file ---- */

/* All of it or nothing, so that every line is whole. */
static int append(int fd, const struct buf *b, const char *path, struct err *err)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "%.120s: not a regular file", path);
	if (st.st_size + (off_t)b->len > FILE_MAX)
		return err_set(err, ERR_LIMIT, "%.120s is full (%d bytes): move it away", path,
			       FILE_MAX);
	n = pwrite(fd, b->data, b->len, st.st_size);
	if (n == (ssize_t)b->len && fsync(fd) == 0)
		return 0;
	err_set(err, ERR_IO, "%.120s: %s", path, n < 0 ? strerror(errno) : "no room");
	if (n > 0 && ftruncate(fd, st.st_size) < 0)
		return err_wrap(err, "a line is broken off");
	return -1;
}

/* On the thread pool: touches path, writing, err and failed, which are the job's while
 * it runs. */
static void run_write(uv_work_t *work)
{
	struct evidence *e = work->data;
	int fd = open(e->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		err_set(&e->err, ERR_IO, "%.120s: %s", e->path, strerror(errno));
		e->failed = true;
		return;
	}
	e->failed = append(fd, &e->writing, e->path, &e->err) < 0;
	close(fd);
}

static void start_write(struct evidence *e);

static void after_write(uv_work_t *work, int status)
{
	struct evidence *e = work->data;

	(void)status;
	e->busy = false;
	if (e->failed && log_may(&e->log_limit, 2))
		log_error(NULL, "evidence against a broadcaster is not kept: why=%s", e->err.msg);
	buf_clear(&e->writing);
	start_write(e);
}

static void start_write(struct evidence *e)
{
	struct buf b = e->writing;

	if (e->busy || e->waiting.len == 0)
		return;
	e->writing = e->waiting;
	e->waiting = b;
	e->busy = true;
	e->work.data = e;
	uv_queue_work(e->loop, &e->work, run_write, after_write);
}

/* ---- a line ---- */

static void add_hex(struct buf *b, const char *key, const uint8_t *data, size_t len)
{
	char hex[2 * 65 + 1];

	hex_fmt(hex, data, len);
	buf_addf(b, "\"%s\":\"0x%s\"", key, hex);
}

/* The sequence is text: a JSON number is not exact above 2^53. */
static void add_segment(struct buf *b, const struct signed_segment *s)
{
	buf_add_u8(b, '{');
	add_hex(b, "jobId", s->job_id, sizeof(s->job_id));
	buf_add_u8(b, ',');
	add_hex(b, "transcoder", s->transcoder.b, sizeof(s->transcoder.b));
	buf_addf(b, ",\"streamId\":\"%s\",\"sequence\":\"%llu\",\"durationMs\":%u,", s->stream.s,
		 (unsigned long long)s->sequence, s->duration_ms);
	add_hex(b, "dataHash", s->data_hash.b, sizeof(s->data_hash.b));
	buf_add_u8(b, ',');
	add_hex(b, "signature", s->sig.b, sizeof(s->sig.b));
	buf_add_u8(b, '}');
}

static void write_line(struct history *h, const struct signed_segment *first,
		       const struct signed_segment *second)
{
	struct evidence *e = h->e;
	char time[25];
	struct buf b;

	if (!e->path || h->n_lines >= LINES_PER_STREAM)
		return;
	h->n_lines++;
	buf_init(&b, 4096);
	clock_fmt_utc(time, clock_wall_ms());
	buf_addf(&b, "{\"kind\":\"equivocation\",\"time\":\"%s\",", time);
	add_hex(&b, "broadcaster", h->broadcaster.b, sizeof(h->broadcaster.b));
	buf_add_u8(&b, ',');
	add_hex(&b, "domainSeparator", e->domain.b, sizeof(e->domain.b));
	buf_add_str(&b, ",\"segments\":[");
	add_segment(&b, first);
	buf_add_u8(&b, ',');
	add_segment(&b, second);
	buf_add_str(&b, "]}\n");
	if (!buf_add(&e->waiting, b.data, b.len)) {
		e->waiting.failed = false;
		if (log_may(&e->log_limit, 2))
			log_error(NULL, "evidence against a broadcaster is not kept: why=the disk is slow");
	}
	buf_fini(&b);
	start_write(e);
}

/* ---- what was signed ---- */

static int place_of(const struct history *h, uint64_t sequence)
{
	size_t i;

	for (i = 0; i < h->seen.n; i++)
		if (h->seen.e[i].sequence == sequence)
			return (int)i;
	return -1;
}

static struct signed_segment earlier(const struct history *h, int at,
				     const struct signed_segment *like)
{
	struct signed_segment s = {
		.transcoder = like->transcoder, .stream = h->stream,
		.sequence = h->seen.e[at].sequence, .data_hash = h->seen.e[at].hash,
		.duration_ms = h->signing[at].duration_ms, .sig = h->signing[at].sig,
	};

	memcpy(s.job_id, h->signing[at].job_id, sizeof(s.job_id));
	return s;
}

enum seen_verdict history_check(struct history *h, const struct signed_segment *s)
{
	enum seen_verdict v = seen_check(&h->seen, s->sequence, &s->data_hash);
	struct signed_segment first;

	if (v == SEEN_EQUIVOCATION) {
		first = earlier(h, place_of(h, s->sequence), s);
		write_line(h, &first, s);
	}
	return v;
}

/* It grows with the table beside it. */
static struct signing *signing_at(struct history *h, int place)
{
	if (h->n_signing < h->seen.cap) {
		h->n_signing = h->seen.cap;
		h->signing = xrealloc(h->signing, h->n_signing * sizeof(h->signing[0]));
	}
	return &h->signing[place];
}

void history_add(struct history *h, const struct signed_segment *s)
{
	struct signing *to;

	if (seen_check(&h->seen, s->sequence, &s->data_hash) != SEEN_NEW)
		return;
	seen_add(&h->seen, s->sequence, &s->data_hash);
	to = signing_at(h, place_of(h, s->sequence));
	memcpy(to->job_id, s->job_id, sizeof(to->job_id));
	to->duration_ms = s->duration_ms;
	to->sig = s->sig;
}

/* ---- streams ---- */

static struct history *find(struct evidence *e, const struct eth_addr *broadcaster,
			    const struct stream_id *stream)
{
	list_each(n, &e->histories) {
		struct history *h = list_entry(n, struct history, node);

		if (eth_addr_equal(&h->broadcaster, broadcaster) &&
		    stream_id_equal(&h->stream, stream))
			return h;
	}
	return NULL;
}

struct history *history_open(struct evidence *e, const struct eth_addr *broadcaster,
			     const struct stream_id *stream)
{
	struct history *h = find(e, broadcaster, stream);

	if (h) {
		if (h->n_users++ == 0)
			e->n_unused--;
		return h;
	}
	h = xcalloc(1, sizeof(*h));
	h->e = e;
	h->broadcaster = *broadcaster;
	h->stream = *stream;
	h->n_users = 1;
	list_add_tail(&e->histories, &h->node);
	return h;
}

static void history_free(struct history *h)
{
	list_remove(&h->node);
	seen_fini(&h->seen);
	free(h->signing);
	free(h);
}

static void forget_oldest(struct evidence *e)
{
	list_each(n, &e->histories) {
		struct history *h = list_entry(n, struct history, node);

		if (h->n_users > 0)
			continue;
		history_free(h);
		e->n_unused--;
		return;
	}
}

void history_close(struct history *h)
{
	struct evidence *e = h->e;

	if (--h->n_users > 0)
		return;
	if (h->seen.n == 0) {
		history_free(h);
		return;
	}
	list_remove(&h->node);
	list_add_tail(&e->histories, &h->node);
	if (++e->n_unused > UNUSED_MAX)
		forget_oldest(e);
}

struct evidence *evidence_new(uv_loop_t *loop, const char *path, const struct hash32 *domain)
{
	struct evidence *e = xcalloc(1, sizeof(*e));

	e->loop = loop;
	e->path = path ? xstrdup(path) : NULL;
	e->domain = *domain;
	list_init(&e->histories);
	buf_init(&e->waiting, WAITING_MAX);
	buf_init(&e->writing, WAITING_MAX);
	return e;
}

void evidence_free(struct evidence *e)
{
	if (!e)
		return;
	list_each(n, &e->histories)
		history_free(list_entry(n, struct history, node));
	buf_fini(&e->waiting);
	buf_fini(&e->writing);
	free(e->path);
	free(e);
}
