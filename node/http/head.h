#ifndef LP_NODE_HTTP_HEAD_H
#define LP_NODE_HTTP_HEAD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The head of a request, read strictly: what two readers could understand in two
 * ways is refused, because it is how requests are smuggled past a proxy.  Two
 * readers have to agree: this one, then llhttp.  Pure functions over bytes.
 *
 * Source: RFC 9112, sections 2.2, 3, 5, 6; facts/dependencies section 2.
 */

#define HEAD_MAX_LEN	16384	/* with its empty line: 431 beyond */
#define HEAD_MAX_FIELDS	100	/* 431 beyond */
#define HEAD_MAX_TARGET	8192	/* 414 beyond */

/* A field: offsets into the head. */
struct head_field {
	uint16_t name, name_len, value, value_len;
};

struct head {
	uint16_t method_len;		/* the method begins the head */
	uint16_t target, target_len;
	uint16_t authority, authority_len;	/* value of Host */
	uint8_t minor;			/* HTTP/1.minor */
	bool chunked;
	bool has_length;
	bool keep_alive;		/* filled by head_read */
	bool expect_continue, expect_other;
	uint64_t length;		/* Content-Length; 0 if none */
	unsigned n_fields;
	struct head_field fields[HEAD_MAX_FIELDS];
};

/*
 * Where does the head end?  data may still grow.  pos: 0 at first, then what the
 * last call left (so that a head which drips in is looked at once).
 *
 * Returns its length with the empty line, 0: not yet all there, -1: an LF without
 * CR, why says so.
 */
int head_find_end(const char *data, size_t len, size_t *pos, const char **why);

/*
 * Read a whole head (up to and with its empty line).  Returns 0 or the status to
 * refuse it with (400, 414, 431, 501, 505); why then says why.
 */
int head_parse(struct head *h, const char *data, size_t len, const char **why);

/* head_parse, and llhttp must come to the same result. */
int head_read(struct head *h, const char *data, size_t len, const char **why);

#endif
