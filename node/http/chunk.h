#ifndef LP_NODE_HTTP_CHUNK_H
#define LP_NODE_HTTP_CHUNK_H
#include <stddef.h>
#include <stdint.h>

/*
 * Reads a chunked body, strictly.  llhttp 8.1 is not used for it: it takes an
 * unbounded chunk extension, and its trailer ends at a bare CR (CVE-2025-23167),
 * which lets a request hide behind a body.  Pure: bytes in, spans of the same
 * bytes out.
 *
 * Source: RFC 9112, 7.1.  Trailers are checked and thrown away.
 */

#define CHUNK_MAX_EXT		1024	/* bytes of one chunk's extension */
#define CHUNK_MAX_TRAILER	16384	/* bytes of all trailer lines */

struct chunk_rd {
	int state;		/* enum in chunk.c; 0 at first */
	unsigned n;		/* digits of the size, then bytes of this line */
	unsigned n_trailer;	/* bytes of trailer so far */
	uint64_t left;		/* of this chunk's data */
};

enum chunk_result {
	CHUNK_MORE,	/* all of it eaten; more must come */
	CHUNK_DATA,	/* data[0..n) is body */
	CHUNK_END,	/* the body is over; what is left is the next message */
	CHUNK_BAD,	/* not chunked coding */
};

/* One step.  *used: bytes of p eaten, always set.  data, n: set with CHUNK_DATA. */
enum chunk_result chunk_read(struct chunk_rd *c, const uint8_t *p, size_t len, size_t *used,
			     const uint8_t **data, size_t *n);

#endif
