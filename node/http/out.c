/*
 * What waits to be sent.  Plain: bytes by sendmsg, blobs and files by sendfile, the
 * head held back with MSG_MORE so that it leaves with the first of the file.  TLS:
 * up to 64 KiB are encrypted at a time and sent by one call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/mem.h"
#include "node/http/impl.h"

/* Below this a copy is cheaper than another system call. */
#define SENDFILE_MIN	16384
#define CIPHER_TURN	65536	/* plain bytes encrypted before they are sent */
#define TLS_RECORD	16384
#define MAX_IOV		16

static void append(struct http_conn *c, struct out *o)
{
	o->next = NULL;
	*c->out_end = o;
	c->out_end = &o->next;
	c->out_len += o->len;
}

static void free_first(struct http_conn *c)
{
	struct out *o = c->out;

	c->out = o->next;
	if (!c->out)
		c->out_end = &c->out;
	blob_unref(o->blob);
	if (o->fd >= 0)
		close(o->fd);
	free(o);
}

void out_free_all(struct http_conn *c)
{
	while (c->out)
		free_first(c);
	c->out_len = 0;
}

bool out_is_empty(const struct http_conn *c)
{
	return !c->out && c->cipher.len == 0;
}

static void sent(struct http_conn *c, size_t n)
{
	c->srv->stats.bytes_out += n;
}

/* EAGAIN: wait for the next edge.  Anything else: nobody is there. */
static void note_send_error(struct http_conn *c)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		c->can_write = false;
	else if (errno != EINTR)
		c->broken = true;
}

static ssize_t send_iov(struct http_conn *c, struct iovec *iov, size_t n, bool more)
{
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t k = sendmsg(c->fd, &m, MSG_NOSIGNAL | (more ? MSG_MORE : 0));

	if (k < 0)
		note_send_error(c);
	else
		sent(c, (size_t)k);
	return k;
}

/* Room at the end of the queue for up to len bytes: behind those that wait, or new. */
static struct out *tail_for(struct http_conn *c, size_t len)
{
	struct out *o = NULL;
	size_t cap = len < 4000 ? 4000 : len;

	if (c->out) {
		o = link_owner(c->out_end, struct out, next);
		if (o->cap > 0 && o->cap - (o->off + o->len) >= len)
			return o;
	}
	o = xmalloc(sizeof(*o) + cap);
	o->blob = NULL;
	o->fd = -1;
	o->off = o->len = 0;
	o->cap = cap;
	append(c, o);
	return o;
}

static void keep_copy(struct http_conn *c, const uint8_t *data, size_t len)
{
	struct out *o;

	if (len == 0)
		return;
	o = tail_for(c, len);
	memcpy(o->bytes + o->off + o->len, data, len);
	o->len += len;
	c->out_len += len;
}

void out_bytes(struct http_conn *c, const struct iovec *iov, int n, bool more)
{
	size_t skip = 0;
	ssize_t k;
	int i;

	if (c->broken)
		return;
	if (!c->ssl && !c->out && c->can_write) {
		k = send_iov(c, (struct iovec *)iov, (size_t)n, more);
		skip = k > 0 ? (size_t)k : 0;
	}
	for (i = 0; i < n && !c->broken; i++) {
		size_t done = skip < iov[i].iov_len ? skip : iov[i].iov_len;

		keep_copy(c, (const uint8_t *)iov[i].iov_base + done, iov[i].iov_len - done);
		skip -= done;
	}
}

void out_blob(struct http_conn *c, struct blob *b, uint64_t off, uint64_t len)
{
	struct out *o;

	if (len == 0 || c->broken)
		return;
	o = xcalloc(1, sizeof(*o));
	*o = (struct out){ .blob = blob_ref(b), .fd = -1, .off = off, .len = len };
	append(c, o);
}

void out_file(struct http_conn *c, int fd, uint64_t off, uint64_t len)
{
	struct out *o;

	if (len == 0 || c->broken) {
		close(fd);
		return;
	}
	o = xcalloc(1, sizeof(*o));
	*o = (struct out){ .fd = fd, .off = off, .len = len };
	append(c, o);
}

static int file_of(const struct out *o)
{
	return o->blob ? o->blob->fd : o->fd;
}

/* Bytes in memory (also of a small blob) go by iovec; all else by sendfile. */
static const uint8_t *memory_of(const struct out *o)
{
	if (o->blob)
		return o->len < SENDFILE_MIN || o->blob->fd < 0 ? o->blob->data + o->off : NULL;
	return o->fd < 0 ? o->bytes + o->off : NULL;
}

static void advance(struct http_conn *c, size_t n)
{
	c->out_len -= n;
	while (c->out && n >= c->out->len) {
		n -= c->out->len;
		free_first(c);
	}
	if (n) {
		c->out->off += n;
		c->out->len -= n;
	}
}

/* Bytes sent; -1 when no more goes now. */
static ssize_t send_memory(struct http_conn *c)
{
	struct iovec iov[MAX_IOV];
	struct out *o;
	size_t n = 0;
	ssize_t k;

	for (o = c->out; o && n < MAX_IOV && memory_of(o); o = o->next)
		iov[n++] = (struct iovec){ (void *)memory_of(o), o->len };
	k = send_iov(c, iov, n, o != NULL);
	if (k >= 0)
		advance(c, (size_t)k);
	return k;
}

static ssize_t send_file(struct http_conn *c)
{
	off_t off = (off_t)c->out->off;
	size_t want = c->out->len < SEND_TURN ? c->out->len : SEND_TURN;
	ssize_t k = sendfile(c->fd, file_of(c->out), &off, want);

	if (k < 0) {
		note_send_error(c);
		return -1;
	}
	if (k == 0) {		/* the file became shorter than we promised */
		c->broken = true;
		return -1;
	}
	sent(c, (size_t)k);
	advance(c, (size_t)k);
	return k;
}

static bool flush_plain(struct http_conn *c)
{
	size_t total = 0;
	ssize_t k;

	while (c->out && c->can_write && !c->broken) {
		if (total >= SEND_TURN) {
			c->again = true;	/* a turn for the others */
			break;
		}
		k = memory_of(c->out) ? send_memory(c) : send_file(c);
		if (k > 0)
			total += (size_t)k;
	}
	return total > 0;
}

/* One record's worth from the front of the queue; false when TLS refuses. */
static bool encrypt_some(struct http_conn *c, size_t *total)
{
	uint8_t scratch[TLS_RECORD];
	struct out *o = c->out;
	const uint8_t *p = o->blob ? o->blob->data + o->off : o->fd < 0 ? o->bytes + o->off : NULL;
	size_t want = o->len < TLS_RECORD ? o->len : TLS_RECORD;
	ssize_t k;

	if (!p) {
		k = pread(o->fd, scratch, want, (off_t)o->off);
		if (k <= 0)
			return false;
		want = (size_t)k;
		p = scratch;
	}
	k = tls_write(c, p, want);
	if (k <= 0)
		return false;
	advance(c, (size_t)k);
	*total += (size_t)k;
	return true;
}

static bool send_cipher(struct http_conn *c)
{
	struct iovec iov = { c->cipher.data, c->cipher.len };
	ssize_t k;

	if (c->cipher.len == 0)
		return false;
	k = send_iov(c, &iov, 1, false);
	if (k <= 0)
		return false;
	buf_consume(&c->cipher, (size_t)k);
	if (c->cipher.len == 0)
		buf_fini(&c->cipher);
	return true;
}

static bool flush_tls(struct http_conn *c)
{
	bool went = false;
	size_t total = 0, batch;

	while (c->can_write && !c->broken && !out_is_empty(c)) {
		if (total >= SEND_TURN) {
			c->again = true;
			break;
		}
		for (batch = 0; c->out && c->cipher.len < CIPHER_TURN; ) {
			if (!encrypt_some(c, &batch)) {
				c->broken = true;
				break;
			}
		}
		total += batch;
		went |= send_cipher(c);
	}
	return went;
}

bool out_flush(struct http_conn *c)
{
	return c->ssl ? flush_tls(c) : flush_plain(c);
}
