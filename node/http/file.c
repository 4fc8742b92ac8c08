/* Answers from blobs and files, with ranges. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/blob.h"
#include "node/http/cond.h"
#include "node/http/impl.h"

/* Below this a body goes out with its head by one call. */
#define INLINE_MAX 16384

struct part {
	int status;
	uint64_t from, len;	/* of the representation */
	bool has_body;
};

/* Range, If-Range, If-None-Match: what of total bytes is sent, and as what. */
static struct part choose_part(struct http_req *r, int status, uint64_t total)
{
	struct part p = { .status = status, .len = total, .has_body = true };
	const char *if_range = http_req_header(r, "If-Range");
	char text[80];

	if (reply_is_not_modified(r, status))
		return (struct part){ .status = 304 };
	if (status != 200)
		return p;
	http_set_header(r, "Accept-Ranges", "bytes");
	if (!r->is_get || r->is_head || (if_range && !(r->etag && etag_is_same(if_range, r->etag))))
		return p;
	switch (range_parse(http_req_header(r, "Range"), total, &p.from, &p.len)) {
	case RANGE_WHOLE:
		break;
	case RANGE_PART:
		p.status = 206;
		snprintf(text, sizeof(text), "bytes %llu-%llu/%llu", (unsigned long long)p.from,
			 (unsigned long long)(p.from + p.len - 1), (unsigned long long)total);
		http_set_header(r, "Content-Range", text);
		break;
	case RANGE_NONE:
		snprintf(text, sizeof(text), "bytes */%llu", (unsigned long long)total);
		http_set_header(r, "Content-Range", text);
		return (struct part){ .status = 416 };
	}
	return p;
}

/* 304 and 416: nothing of the representation. */
static void reply_without(struct http_req *r, int status)
{
	r->no_body = true;
	reply_send(r, status, NULL, status == 304 ? -1 : 0, NULL, 0, false);
	reply_done(r);
}

void http_reply_blob(struct http_req *r, int status, const char *type, struct blob *b, size_t offset)
{
	struct part p;

	if (offset > b->len)
		offset = b->len;
	if (!reply_may_begin(r))
		return;
	p = choose_part(r, status, b->len - offset);
	if (!p.has_body) {
		reply_without(r, p.status);
		return;
	}
	r->no_body = r->is_head;
	if (p.len <= INLINE_MAX) {
		reply_send(r, p.status, type, (int64_t)p.len, b->data + offset + p.from,
			   (size_t)p.len, false);
	} else {
		reply_send(r, p.status, type, (int64_t)p.len, NULL, 0, true);
		if (!r->no_body)
			out_blob(r->conn, b, offset + p.from, p.len);
	}
	reply_done(r);
}

static int open_beneath(int dirfd, const char *path)
{
	struct open_how how = {
		/* NONBLOCK: a FIFO must not hold the loop until it is refused. */
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

void http_reply_file(struct http_req *r, const char *type, int dirfd, const char *path)
{
	int fd = open_beneath(dirfd, path);
	struct stat st;
	struct part p;
	char etag[64];

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		bool busy = fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM);

		if (fd >= 0)
			close(fd);
		http_reply_error(r, busy ? 503 : 404, busy ? "too busy" : "no such file");
		return;
	}
	if (!reply_may_begin(r)) {
		close(fd);
		return;
	}
	snprintf(etag, sizeof(etag), "\"%llx-%llx.%lx\"", (unsigned long long)st.st_size,
		 (unsigned long long)st.st_mtim.tv_sec, (unsigned long)st.st_mtim.tv_nsec);
	if (!r->etag)
		http_set_header(r, "ETag", etag);
	p = choose_part(r, 200, (uint64_t)st.st_size);
	if (!p.has_body) {
		close(fd);
		reply_without(r, p.status);
		return;
	}
	r->no_body = r->is_head;
	reply_send(r, p.status, type, (int64_t)p.len, NULL, 0, p.len > 0);
	if (r->no_body)
		close(fd);
	else
		out_file(r->conn, fd, p.from, p.len);
	reply_done(r);
}
