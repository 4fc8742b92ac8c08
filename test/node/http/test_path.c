/* Paths, queries, route patterns. */
#include "test/test.h"

#include <stdlib.h>
#include <string.h>

#include "node/http/path.h"

static int decode(const char *raw, char *to)
{
	size_t len = strlen(raw);
	char *in = malloc(len + 1), *out = malloc(len + 2);	/* what req_new gives */
	int n;

	memcpy(in, raw, len);
	n = path_decode(out, in, len);
	if (n >= 0)
		strcpy(to, out);
	free(in);
	free(out);
	return n;
}

static void paths_are_decoded_once(void **state)
{
	static const struct {
		const char *raw, *path;
		int n;
	} cases[] = {
		{ "/", "/", 0 },
		{ "/a", "/a", 1 },
		{ "/a/b%20c/d.e", "/a/b c/d.e", 3 },
		{ "/%252e%252e/x", "/%2e%2e/x", 2 },	/* a strange name, not a way up */
		{ "/%2541", "/%41", 1 },
		{ "/%C3%A9/\xc3\xa9", "/\xc3\xa9/\xc3\xa9", 2 },
		{ "/...", "/...", 1 },
		{ "/.a", "/.a", 1 },
		{ "/a+b", "/a+b", 1 },
	};
	char to[100];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(decode(cases[i].raw, to), cases[i].n);
		assert_string_equal(to, cases[i].path);
	}
}

/* facts/reliability, B3 */
static void ways_out_of_the_tree_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "a", "*", "//", "/a//b", "/a/", "/.", "/..", "/../etc/passwd", "/a/../b",
		"/%2e%2e/x", "/%2E%2e", "/.%2e/x", "/%2e/x", "/a/%2e%2e%2fb", "/a%2fb", "/a%2Fb",
		"/a\\b", "/..\\x", "/a%5cb", "/%5C", "/a%00b", "/%00", "/a%0ab", "/a%0d", "/a%7f",
		"/%", "/%4", "/%zz", "/a%", "/\xff", "/%ff", "/%c0%af", "/%c0%ae%c0%ae/x",
		"/%e0%80%af", "/%ed%a0%80", "/%f4%90%80%80", "/%c3", "/%f5%80%80%80",
	};
	char to[100];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (decode(bad[i], to) >= 0)
			fail_msg("taken: %s", bad[i]);
}

static void too_many_segments_are_refused(void **state)
{
	char raw[4 * PATH_MAX_SEGMENTS], to[4 * PATH_MAX_SEGMENTS];
	int i;

	for (i = 0; i <= PATH_MAX_SEGMENTS; i++)
		memcpy(raw + 2 * i, "/a", 3);
	assert_int_equal(decode(raw, to), -1);
	assert_int_equal(decode(raw + 2, to), PATH_MAX_SEGMENTS);
}

static void queries_are_found_and_decoded(void **state)
{
	static const char q[] = "a=1&b=x%20y+z&%63=3&empty=&flag&a=2&bad=%zz&nl=%0a&nul=%00&t=%26%3D";
	char v[16];

	assert_true(query_get(q, "a", v, sizeof(v)));
	assert_string_equal(v, "1");
	assert_true(query_get(q, "b", v, sizeof(v)));
	assert_string_equal(v, "x y z");
	assert_true(query_get(q, "c", v, sizeof(v)));
	assert_string_equal(v, "3");
	assert_true(query_get(q, "empty", v, sizeof(v)));
	assert_string_equal(v, "");
	assert_true(query_get(q, "flag", v, sizeof(v)));
	assert_string_equal(v, "");
	assert_true(query_get(q, "t", v, sizeof(v)));
	assert_string_equal(v, "&=");
	assert_false(query_get(q, "bad", v, sizeof(v)));
	assert_false(query_get(q, "nl", v, sizeof(v)));
	assert_false(query_get(q, "nul", v, sizeof(v)));
	assert_false(query_get(q, "x", v, sizeof(v)));
	assert_false(query_get(q, "", v, sizeof(v)));
	assert_false(query_get("", "a", v, sizeof(v)));
	assert_false(query_get("a=12345", "a", v, 5));
	assert_true(query_get("a=1234", "a", v, 5));
	assert_false(query_get("%zz=1", "zz", v, 5));
}

static int match(const char *pattern, const char *path, struct path_param *params)
{
	static char split[100];
	size_t i;

	for (i = 0; i <= strlen(path); i++)
		split[i] = path[i] == '/' ? 0 : path[i];
	return path_match(pattern, path, split, params);
}

static void patterns_match_whole_paths(void **state)
{
	struct path_param p[PATH_MAX_PARAMS];

	assert_int_equal(match("/", "/", p), 0);
	assert_int_equal(match("/", "/a", p), -1);
	assert_int_equal(match("/a", "/", p), -1);
	assert_int_equal(match("/a/b", "/a/b", p), 0);
	assert_int_equal(match("/a/b", "/a", p), -1);
	assert_int_equal(match("/a", "/a/b", p), -1);
	assert_int_equal(match("/a", "/ab", p), -1);
	assert_int_equal(match("/hls/:name/index.m3u8", "/hls/x y/index.m3u8", p), 1);
	assert_string_equal(p[0].value, "x y");
	assert_int_equal(p[0].name_len, 4);
	assert_int_equal(match("/hls/:name/index.m3u8", "/hls/index.m3u8", p), -1);
	assert_int_equal(match("/:a/:b", "/1/2", p), 2);
	assert_string_equal(p[0].value, "1");
	assert_string_equal(p[1].value, "2");
	assert_int_equal(match("/f/*rest", "/f/a/b/c", p), 1);
	assert_string_equal(p[0].value, "a/b/c");
	assert_int_equal(match("/f/*rest", "/f", p), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_decoded_once),
		cmocka_unit_test(ways_out_of_the_tree_are_refused),
		cmocka_unit_test(too_many_segments_are_refused),
		cmocka_unit_test(queries_are_found_and_decoded),
		cmocka_unit_test(patterns_match_whole_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
