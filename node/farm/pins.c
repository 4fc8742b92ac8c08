/*
 * The pins file.  A rewrite goes to a new file that is synced and renamed, so a crash
 * leaves the old or the new text.  Nodes that share a file take turns by a lock on
 * PATH.lock: the file itself is replaced, so a lock on it would guard nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"
#include "node/farm/join.h"

#define PINS_BYTES_MAX (64u << 10)
#define LOCK_PAUSE_MS 10
#define LOCK_PAUSES 200
#define HOSTPORT_MAX 279
#define ADDR_LEN 42	/* 0x and 40 digits */

/* ---- text ---- */

/* "host:port 0xADDRESS".  hostport: what is looked for. */
static int parse_pin(const char *line, size_t len, const char *hostport, bool *matches,
		     struct eth_addr *addr)
{
	const char *space = memchr(line, ' ', len);
	size_t name_len = space ? (size_t)(space - line) : 0;
	char hex[ADDR_LEN + 1];

	if (name_len == 0 || name_len > HOSTPORT_MAX || !memchr(line, ':', name_len) ||
	    len - name_len - 1 != ADDR_LEN)
		return -1;
	memcpy(hex, space + 1, ADDR_LEN);
	hex[ADDR_LEN] = 0;
	*matches = name_len == strlen(hostport) && memcmp(line, hostport, name_len) == 0;
	return eth_addr_parse(addr, hex, NULL);
}

/* One line; what it pins is kept if it is what is looked for. */
static int take_line(const char *line, size_t len, const char *hostport, bool *found,
		     struct eth_addr *addr)
{
	struct eth_addr a;
	bool matches;

	if (len == 0 || line[0] == '#')
		return 0;
	if (parse_pin(line, len, hostport, &matches, &a) < 0)
		return -1;
	if (!matches)
		return 0;
	if (*found && !eth_addr_equal(&a, addr))
		return -1;
	*found = true;
	*addr = a;
	return 0;
}

int pins_find_text(const char *text, size_t len, const char *hostport, bool *found,
		   struct eth_addr *addr, struct err *err)
{
	size_t at, line_len;
	unsigned n = 1;

	*found = false;
	for (at = 0; at < len; at += line_len + 1, n++) {
		const char *end = memchr(text + at, '\n', len - at);

		line_len = end ? (size_t)(end - text) - at : len - at;
		if (take_line(text + at, line_len, hostport, found, addr) == 0)
			continue;
		*found = false;
		return err_set(err, ERR_INVALID, "line %u is no \"host:port 0xADDRESS\", or "
			       "contradicts one above", n);
	}
	return 0;
}

/* ---- file ---- */

static int read_fd(int fd, struct buf *text, struct err *err)
{
	uint8_t block[4096];
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) != 0) {
		if (n < 0 && errno != EINTR)
			return err_set(err, ERR_IO, "%s", strerror(errno));
		if (n > 0 && !buf_add(text, block, (size_t)n))
			return err_set(err, ERR_INVALID, "longer than %u bytes", PINS_BYTES_MAX);
	}
	return 0;
}

/* No file: no text. */
static int read_text(const char *path, struct buf *text, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_set(err, ERR_IO, "%s", strerror(errno));
	rc = read_fd(fd, text, err);
	close(fd);
	return rc;
}

static int find_at(const char *path, struct buf *text, const char *hostport, bool *found,
		   struct eth_addr *addr, struct err *err)
{
	*found = false;
	if (read_text(path, text, err) < 0)
		return -1;
	return pins_find_text((const char *)text->data, text->len, hostport, found, addr, err);
}

int pins_find(const char *path, const char *hostport, bool *found, struct eth_addr *addr,
	      struct err *err)
{
	struct buf text;
	int rc;

	buf_init(&text, PINS_BYTES_MAX);
	rc = find_at(path, &text, hostport, found, addr, err);
	buf_fini(&text);
	if (rc < 0) {
		*found = false;
		err_wrap(err, "pins file %s", path);
	}
	return rc;
}

static int replace(const char *path, const struct buf *text, struct err *err)
{
	char *tmp = xasprintf("%s.new", path);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	int rc = fd < 0 ? -1 : fd_write_all(fd, text->data, text->len);

	if (rc == 0)
		rc = fsync(fd);
	if (rc == 0)
		rc = rename(tmp, path);
	if (rc < 0) {
		err_set(err, ERR_IO, "%s", strerror(errno));
		unlink(tmp);
	} else {
		fd_sync_folder(path);
	}
	if (fd >= 0)
		close(fd);
	free(tmp);
	return rc;
}

static int add_line(struct buf *text, const char *hostport, const struct eth_addr *addr,
		    struct err *err)
{
	char hex[ADDR_LEN + 1];

	eth_addr_fmt(hex, addr);
	if (text->len > 0 && text->data[text->len - 1] != '\n')
		buf_add_str(text, "\n");
	if (!buf_addf(text, "%s %s\n", hostport, hex) || text->failed)
		return err_set(err, ERR_LIMIT, "longer than %u bytes", PINS_BYTES_MAX);
	return 0;
}

/* Under the lock.  Somebody else may have pinned it meanwhile. */
static int add_locked(const char *path, const char *hostport, const struct eth_addr *addr,
		      struct buf *text, struct err *err)
{
	struct eth_addr there;
	bool found;

	if (find_at(path, text, hostport, &found, &there, err) < 0)
		return -1;
	if (found && eth_addr_equal(&there, addr))
		return 0;
	if (found)
		return err_set(err, ERR_DENIED, "%s has another address there", hostport);
	if (add_line(text, hostport, addr, err) < 0)
		return -1;
	return replace(path, text, err);
}

/* Counts its pauses: off the loop, where the clock of tests is not for it. */
static int lock_wait(int fd)
{
	static const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000 };
	int i;

	for (i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || i == LOCK_PAUSES)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int lock_open(const char *path, struct err *err)
{
	char *name = xasprintf("%s.lock", path);
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	free(name);
	if (fd >= 0 && lock_wait(fd) == 0)
		return fd;
	err_set(err, ERR_IO, "lock: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool is_hostport(const char *s)
{
	return strlen(s) <= HOSTPORT_MAX && s[0] != '#' && strchr(s, ':') &&
	       !s[strcspn(s, " \t\r\n")];
}

int pins_add(const char *path, const char *hostport, const struct eth_addr *addr, struct err *err)
{
	struct buf text;
	int fd, rc;

	if (!is_hostport(hostport))
		return err_set(err, ERR_INVALID, "'%.100s' is no host:port", hostport);
	fd = lock_open(path, err);
	if (fd < 0)
		return err_wrap(err, "pins file %s", path);
	buf_init(&text, PINS_BYTES_MAX);
	rc = add_locked(path, hostport, addr, &text, err);
	buf_fini(&text);
	close(fd);
	return rc < 0 ? err_wrap(err, "pins file %s", path) : 0;
}
