#ifndef LP_BASE_BLOB_H
#define LP_BASE_BLOB_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct err;

/*
 * Immutable, reference-counted bytes of media: a segment, a rendition.  They live
 * in a sealed memfd, so that HTTP can sendfile() them and a worker can be handed
 * the descriptor, and are mapped read-only for everything else.  Any thread.
 */
struct blob {
	const uint8_t *data;
	size_t len;
	int fd;		/* memfd with exactly len bytes; -1 when blob_from_heap made it */
	int refs;	/* touched by blob_ref and blob_unref only */
};

/*
 * Copy data into a new memfd.  len may be 0.  Fails with ERR_IO (no memory or
 * descriptor left).  Returns one reference, or NULL.
 */
struct blob *blob_new(const void *data, size_t len, struct err *err);

/*
 * A blob whose bytes come in pieces: they go straight into the memfd, so nothing
 * else is held meanwhile.  Zeroed (or after finish or drop): nothing is open.
 */
struct blob_writer {
	bool open;
	int fd;
	size_t len;
};
/* Fails with ERR_IO. */
int blob_writer_open(struct blob_writer *w, struct err *err);
/* Append.  Fails with ERR_IO: what is there is no longer whole, drop it. */
int blob_writer_add(struct blob_writer *w, const void *data, size_t len, struct err *err);
/* Seal it.  Returns one reference; NULL with ERR_IO.  w is empty then in any case. */
struct blob *blob_writer_finish(struct blob_writer *w, struct err *err);
void blob_writer_drop(struct blob_writer *w);	/* nothing open is fine */

/* Take over malloc'ed data (freed with the last reference).  fd is -1. */
struct blob *blob_from_heap(uint8_t *data, size_t len);

struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob *b);	/* NULL is fine */

#endif
