/* A folder of keystore files, as geth keeps it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/mem.h"
#include "eth/keystore.h"

#define FILE_MAX (64 * 1024)
#define FILES_MAX 1000
#define NAMELESS_MAX 10	/* files opened in search of a key: a second each */

/* The whole file, or -1 with errno (EFBIG: longer than a keystore is). */
static ssize_t read_file(const char *path, char to[FILE_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	int saved;
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	errno = EINVAL;		/* what is no regular file */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		while ((n = read(fd, to + len, FILE_MAX - len)) > 0)
			len += (size_t)n;
	if (n == 0 && len == FILE_MAX) {
		errno = EFBIG;
		n = -1;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return n < 0 ? -1 : (ssize_t)len;
}

/* If it is a keystore. */
static void add_file(struct keystore_list *l, const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name), *text = xmalloc(FILE_MAX);
	ssize_t len = read_file(path, text);
	struct eth_addr a = { 0 };
	struct err err = { 0 };

	if (len >= 0 && (keystore_address(&a, text, (size_t)len, &err) == 0 || err.code == ERR_NOT_FOUND)) {
		l->e = xrealloc(l->e, (l->n + 1) * sizeof(*l->e));
		l->e[l->n].addr = a;
		l->e[l->n++].path = path;
	} else {
		free(path);
	}
	free(text);
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

int keystore_list(struct keystore_list *l, const char *dir, struct err *err)
{
	struct dirent **names;
	int n, i;

	memset(l, 0, sizeof(*l));
	n = scandir(dir, &names, not_hidden, alphasort);
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0)
		return err_set(err, ERR_IO, "keystore: %s: %s", dir, strerror(errno));
	for (i = 0; i < n; i++) {
		if (l->n < FILES_MAX)
			add_file(l, dir, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return 0;
}

void keystore_list_fini(struct keystore_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		free(l->e[i].path);
	free(l->e);
	memset(l, 0, sizeof(*l));
}

/* The path of an address's file, NULL if there is none.  Free with free(). */
static char *find(const char *dir, const struct eth_addr *addr)
{
	struct keystore_list l;
	char *path = NULL;
	size_t i;

	if (keystore_list(&l, dir, NULL) < 0)
		return NULL;
	for (i = 0; i < l.n && !path; i++)
		if (eth_addr_equal(&l.e[i].addr, addr))
			path = xstrdup(l.e[i].path);
	keystore_list_fini(&l);
	return path;
}

/* Where a new file is written before it has its name: hidden, so that no list sees it. */
static char *aside_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	int n = slash ? (int)(slash + 1 - path) : 0;

	return xasprintf("%.*s.%s.new", n, path, path + n);
}

/* Whole and on disk, or not there.  What a crash has left there, or a link that somebody
 * else has put there, goes first. */
static int write_new(const char *path, const void *data, size_t len, struct err *err)
{
	int fd, ok;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	ok = fd_write_all(fd, data, len) == 0 && fsync(fd) == 0;
	if (!ok)
		err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	close(fd);
	if (!ok)
		unlink(path);
	return ok ? 0 : -1;
}

/* Also when it fails, nothing is left aside. */
static int put_in_place(const char *aside, const char *path, struct err *err)
{
	if (rename(aside, path) == 0 && fd_sync_folder(path) == 0)
		return 0;
	err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	unlink(aside);
	return -1;
}

static char *new_path(const char *dir, const struct eth_addr *a)
{
	char hex[41], when[32];
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H-%M-%S", &tm);
	hex_fmt(hex, a->b, sizeof(a->b));
	return xasprintf("%s/UTC--%s.%09ldZ--%s", dir, when, now.tv_nsec, hex);
}

static int encrypt_to(const char *path, const struct sig_key *key, const char *password,
		      enum keystore_cost cost, struct err *err)
{
	struct buf json;
	int rc;

	buf_init(&json, FILE_MAX);
	rc = keystore_encrypt(&json, key, password, cost, err);
	if (rc == 0)
		rc = write_new(path, json.data, json.len, err);
	buf_fini(&json);
	return rc;
}

int keystore_store(char **path, const char *dir, const struct sig_key *key, const char *password,
		   enum keystore_cost cost, struct err *err)
{
	struct eth_addr a = sig_key_addr(key);
	char *there, *aside, text[43];
	int rc;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_set(err, ERR_IO, "keystore: %s: %s", dir, strerror(errno));
	there = find(dir, &a);
	if (there) {
		eth_addr_fmt(text, &a);
		err_set(err, ERR_INVALID, "%s is there already: %s", text, there);
		free(there);
		return -1;
	}
	*path = new_path(dir, &a);
	aside = aside_of(*path);
	rc = encrypt_to(aside, key, password, cost, err);
	if (rc == 0)
		rc = put_in_place(aside, *path, err);
	free(aside);
	if (rc == 0)
		return 0;
	free(*path);
	*path = NULL;
	return -1;
}

static struct sig_key *open_file(const char *path, const char *password, struct err *err)
{
	char *text = xmalloc(FILE_MAX);
	ssize_t len = read_file(path, text);
	struct sig_key *key = NULL;

	if (len < 0)
		err_set(err, ERR_IO, "%s", strerror(errno));
	else
		key = keystore_decrypt(text, (size_t)len, password, err);
	free(text);
	if (!key)
		err_wrap(err, "%s", path);
	return key;
}

/* The key of addr, if this file is of it and opens. */
static struct sig_key *try_file(const char *path, const struct eth_addr *addr, const char *password)
{
	struct sig_key *key = open_file(path, password, NULL);
	struct eth_addr is;

	if (!key)
		return NULL;
	is = sig_key_addr(key);
	if (eth_addr_equal(&is, addr))
		return key;
	sig_key_free(key);
	return NULL;
}

/* Among the files that do not say whose they are. */
static struct sig_key *search_nameless(const char *dir, const struct eth_addr *addr, const char *password,
				       struct err *err)
{
	struct sig_key *key = NULL;
	struct keystore_list l;
	size_t i, tried = 0;
	char text[43];

	if (keystore_list(&l, dir, err) < 0)
		return NULL;
	for (i = 0; i < l.n && !key && tried < NAMELESS_MAX; i++) {
		if (!eth_addr_is_zero(&l.e[i].addr))
			continue;
		key = try_file(l.e[i].path, addr, password);
		tried++;
	}
	keystore_list_fini(&l);
	if (key)
		return key;
	eth_addr_fmt(text, addr);
	if (tried)
		err_set(err, ERR_NOT_FOUND, "no key of %s in %s, and none of the %zu that do not say whose they are "
			"is it by this password", text, dir, tried);
	else
		err_set(err, ERR_NOT_FOUND, "no key of %s in %s", text, dir);
	return NULL;
}

struct sig_key *keystore_open(const char *dir, const struct eth_addr *addr, const char *password,
			      struct err *err)
{
	char *path = find(dir, addr);
	struct sig_key *key;

	if (!path)
		return search_nameless(dir, addr, password, err);
	key = open_file(path, password, err);
	free(path);
	return key;
}

/* Does the file open?  What does not is removed: it never gets its name. */
static int read_back(const char *aside, const char *password, struct err *err)
{
	struct sig_key *key = open_file(aside, password, err);

	sig_key_free(key);
	if (key)
		return 0;
	unlink(aside);
	return -1;
}

int keystore_change_password(const char *path, const char *old_password, const char *new_password,
			     struct err *err)
{
	struct sig_key *key = open_file(path, old_password, err);
	char *aside;
	int rc;

	if (!key)
		return -1;
	aside = aside_of(path);
	rc = encrypt_to(aside, key, new_password, KEYSTORE_STANDARD, err);
	sig_key_free(key);
	if (rc == 0)
		rc = read_back(aside, new_password, err);
	if (rc == 0)
		rc = put_in_place(aside, path, err);
	free(aside);
	return rc;
}
