#include "base/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"

int blob_writer_open(struct blob_writer *w, struct err *err)
{
	*w = (struct blob_writer){ .fd = memfd_create("lpnode-media", MFD_CLOEXEC | MFD_ALLOW_SEALING) };
	if (w->fd < 0)
		return err_set(err, ERR_IO, "memfd: %s", strerror(errno));
	w->open = true;
	return 0;
}

int blob_writer_add(struct blob_writer *w, const void *data, size_t len, struct err *err)
{
	if (fd_write_all(w->fd, data, len) < 0)
		return err_set(err, ERR_IO, "memfd of %zu bytes: %s", w->len + len, strerror(errno));
	w->len += len;
	return 0;
}

void blob_writer_drop(struct blob_writer *w)
{
	if (w->open)
		close(w->fd);
	w->open = false;
}

struct blob *blob_writer_finish(struct blob_writer *w, struct err *err)
{
	void *map = NULL;
	struct blob *b;

	if (fcntl(w->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		goto fail;
	if (w->len > 0) {
		map = mmap(NULL, w->len, PROT_READ, MAP_SHARED, w->fd, 0);
		if (map == MAP_FAILED)
			goto fail;
	}
	b = xcalloc(1, sizeof(*b));
	*b = (struct blob){ .data = map, .len = w->len, .fd = w->fd, .refs = 1 };
	w->open = false;
	return b;
fail:
	err_set(err, ERR_IO, "memfd of %zu bytes: %s", w->len, strerror(errno));
	blob_writer_drop(w);
	return NULL;
}

struct blob *blob_new(const void *data, size_t len, struct err *err)
{
	struct blob_writer w;

	if (blob_writer_open(&w, err) < 0)
		return NULL;
	if (blob_writer_add(&w, data, len, err) < 0) {
		blob_writer_drop(&w);
		return NULL;
	}
	return blob_writer_finish(&w, err);
}

struct blob *blob_from_heap(uint8_t *data, size_t len)
{
	struct blob *b = xcalloc(1, sizeof(*b));

	*b = (struct blob){ .data = data, .len = len, .fd = -1, .refs = 1 };
	return b;
}

struct blob *blob_ref(struct blob *b)
{
	__atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
	return b;
}

void blob_unref(struct blob *b)
{
	if (!b || __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (b->fd < 0) {
		free((void *)b->data);
	} else {
		if (b->len)
			munmap((void *)b->data, b->len);
		close(b->fd);
	}
	free(b);
}
