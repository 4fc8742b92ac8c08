#ifndef LP_TEST_VECTORS_H
#define LP_TEST_VECTORS_H
/* Reads test/vectors/X.json (tests run in the repository's root) and hex out of it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"

static inline json_t *vectors_load(const char *path)
{
	json_error_t why;
	json_t *root = json_load_file(path, 0, &why);

	if (!root) {
		fprintf(stderr, "%s: %s\n", path, why.text);
		abort();
	}
	return root;
}

static inline void vectors_hex(uint8_t *to, size_t len, const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (!s || hex_parse(to, len, s) < 0) {
		fprintf(stderr, "vector %s is not %zu bytes of hex\n", key, len);
		abort();
	}
}

/* Of any length, with or without 0x.  Free it; a pointer also when it is empty. */
static inline uint8_t *vectors_unhex(const char *s, size_t *len)
{
	uint8_t *data;

	if (strncmp(s, "0x", 2) == 0)
		s += 2;
	*len = strlen(s) / 2;
	data = xmalloc(*len + 1);
	if (hex_parse(data, *len, s) < 0) {
		fprintf(stderr, "%.80s: no hex\n", s);
		abort();
	}
	return data;
}

#endif
