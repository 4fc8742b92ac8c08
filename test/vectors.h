#ifndef LP_TEST_VECTORS_H
#define LP_TEST_VECTORS_H
/* Reads test/vectors/X.json (tests run in the repository's root) and hex out of it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"

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

#endif
