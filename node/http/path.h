#ifndef LP_NODE_HTTP_PATH_H
#define LP_NODE_HTTP_PATH_H
#include <stdbool.h>
#include <stddef.h>

/* Paths, queries and route patterns.  Pure functions over strings. */

#define PATH_MAX_SEGMENTS 64
#define PATH_MAX_PARAMS 8

/*
 * Decode the path of a request target ("/a%20b/c", without its query) once,
 * segment by segment, into to ("/a b/c", NUL-terminated; size at least len + 1).
 *
 * Returns the number of segments (0 for "/"), or -1: not absolute, a bad escape,
 * NUL or another control character, "/" or "\" inside a segment, "." or "..", an
 * empty segment, invalid UTF-8, more than PATH_MAX_SEGMENTS.
 */
int path_decode(char *to, const char *raw, size_t len);

/*
 * The decoded value of a query's first field of this name ("a=1&b=2"; "+" is a
 * blank).  False: not there, longer than size - 1, or with NUL, CR, LF or a bad
 * escape in it.
 */
bool query_get(const char *query, const char *name, char *to, size_t size);

/* The longest prefix of s that is whole, valid UTF-8 is all of it. */
bool utf8_is_valid(const char *s, size_t len);

/* A parameter of a matched route; both are borrowed. */
struct path_param {
	const char *name;	/* in the pattern, name_len chars */
	size_t name_len;
	const char *value;	/* NUL-terminated */
};

/*
 * Does the decoded path match pattern ("/hls/:name/x", "/files/" and "*rest")?
 * path: as path_decode made it.  split: the same with every "/" a NUL, where
 * values of ":name" point into.  Returns the number of params, or -1.
 */
int path_match(const char *pattern, const char *path, const char *split,
	       struct path_param params[PATH_MAX_PARAMS]);

#endif
