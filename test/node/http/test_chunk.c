/* The strict reader of chunked bodies. */
#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "node/http/chunk.h"

/* Feed s in pieces of step bytes; the body goes to out. Returns the last result;
 * *rest: bytes not eaten. */
static enum chunk_result run(const char *s, size_t len, size_t step, char *out, size_t *rest)
{
	struct chunk_rd c = { 0 };
	enum chunk_result res = CHUNK_MORE;
	size_t at = 0, n_out = 0;

	while (at < len && res != CHUNK_END && res != CHUNK_BAD) {
		size_t n = len - at < step ? len - at : step, used = 0, n_data = 0;
		const uint8_t *data = NULL;

		res = chunk_read(&c, (const uint8_t *)s + at, n, &used, &data, &n_data);
		assert_true(used <= n && n_data <= used);
		if (res == CHUNK_DATA) {
			memcpy(out + n_out, data, n_data);
			n_out += n_data;
		}
		at += used;
		if (res == CHUNK_MORE)
			assert_int_equal(used, n);
	}
	out[n_out] = 0;
	*rest = len - at;
	return res;
}

static void good_bodies_are_read_in_any_pieces(void **state)
{
	static const struct {
		const char *in, *out;
		size_t rest;
	} cases[] = {
		{ "0\r\n\r\n", "", 0 },
		{ "5\r\nhello\r\n0\r\n\r\nGET", "hello", 3 },
		{ "5;a=b;c=\"d e\"\r\nhello\r\n000A\r\n0123456789\r\n0\r\n\r\n", "hello0123456789", 0 },
		{ "1\r\na\r\n0\r\nX-T: v\r\nY:\r\n\r\n", "a", 0 },
	};
	size_t i, step, rest;
	char out[100];

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (step = 1; step < 60; step++) {
			assert_int_equal(run(cases[i].in, strlen(cases[i].in), step, out, &rest), CHUNK_END);
			assert_string_equal(out, cases[i].out);
			assert_int_equal(rest, cases[i].rest);
		}
	}
}

static void bad_framing_is_refused(void **state)
{
	static const char *const bad[] = {
		"\r\n", "g\r\n", "-5\r\nhello", "+5\r\nhello", "0x5\r\nhello", " 5\r\nhello", "5 \r\nhello",
		"5\nhello\r\n", "5\r\nhello\n", "5\r\nhelloX", "5\rXhello", "5\r\nhello\rX",
		"1000000000000000\r\n",		/* 16 digits */
		"0000000000000000\r\n",
		"5;a\rb\r\n", "5;a\nb\r\n", "5;a\x01\r\n",
		"0\r\n\rX", "0\r\n\n", "0\r\nX: a\rX\r\n\r\n", "0\r\nX: a\nY: b\r\n\r\n",
		"0\r\n: a\r\n\r\n", "0\r\n a\r\n\r\n", "0\r\nab c: d\r\n\r\n", "0\r\nX\r\n\r\n",
		"0\r\nX: a\r\n\rGET / HTTP/1.1\r\n",	/* CVE-2025-23167 */
	};
	char out[100];
	size_t i, rest;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (run(bad[i], strlen(bad[i]), 100, out, &rest) != CHUNK_BAD)
			fail_msg("taken: case %zu: %s", i, bad[i]);
		assert_int_equal(run(bad[i], strlen(bad[i]), 1, out, &rest), CHUNK_BAD);
	}
}

static void extension_and_trailer_have_limits(void **state)
{
	char *s = xmalloc(40000), *out = xmalloc(100);
	size_t rest;

	memset(s, 'a', 40000);
	memcpy(s, "1;", 2);
	memcpy(s + 2 + CHUNK_MAX_EXT, "\r\nz\r\n0\r\n\r\n", 11);
	assert_int_equal(run(s, 2 + CHUNK_MAX_EXT + 10, 100, out, &rest), CHUNK_END);
	memset(s, 'a', 40000);
	memcpy(s, "1;", 2);
	assert_int_equal(run(s, 20000, 100, out, &rest), CHUNK_BAD);	/* 20 kB */
	memcpy(s, "0\r\nX:", 5);
	assert_int_equal(run(s, 5 + CHUNK_MAX_TRAILER, 100, out, &rest), CHUNK_BAD);
	free(s);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_bodies_are_read_in_any_pieces),
		cmocka_unit_test(bad_framing_is_refused),
		cmocka_unit_test(extension_and_trailer_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
