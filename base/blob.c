#include "base/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

static int write_all(int fd, const uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

struct blob *blob_new(const void *data, size_t len, struct err *err)
{
	struct blob *b;
	void *map = NULL;
	int fd = memfd_create("lpnode-media", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0) {
		err_set(err, ERR_IO, "memfd: %s", strerror(errno));
		return NULL;
	}
	if (write_all(fd, data, len) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		goto fail;
	if (len > 0) {
		map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED)
			goto fail;
	}
	b = xcalloc(1, sizeof(*b));
	*b = (struct blob){ .data = map, .len = len, .fd = fd, .refs = 1 };
	return b;
fail:
	err_set(err, ERR_IO, "memfd of %zu bytes: %s", len, strerror(errno));
	close(fd);
	return NULL;
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
