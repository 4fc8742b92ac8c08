#ifndef LP_NODE_HTTP_COND_H
#define LP_NODE_HTTP_COND_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Conditions and ranges of a request, and the date of an answer.  Pure. */

enum range_result {
	RANGE_WHOLE,	/* no range, one we do not understand, or several: send all */
	RANGE_PART,
	RANGE_NONE,	/* 416 */
};

/* value: of the Range field; total: length of the representation.
 * Source: RFC 9110, 14.1.2, 14.2. */
enum range_result range_parse(const char *value, uint64_t total, uint64_t *from, uint64_t *len);

/* Does an If-None-Match list name this ETag ("..." with its quotes)?  Weak comparison. */
bool etag_in_list(const char *list, const char *etag);
/* If-Range: only a strong, equal tag lets a range be answered (dates never match). */
bool etag_is_same(const char *value, const char *etag);

/* "Sun, 06 Nov 1994 08:49:37 GMT"; to has room for 30 chars. */
void http_date_fmt(char to[30], int64_t unix_s);

#endif
