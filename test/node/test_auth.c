#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "node/auth.h"
#include "node/stats.h"

static struct stats stats;

static char *write_keys(const char *text)
{
	char *path = strdup("/tmp/lpnode-keys-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static struct auth *with_keys(const char *text, struct err *err)
{
	char *path = write_keys(text);
	struct auth *a = auth_new(NULL, path, NULL, &stats, err);

	unlink(path);
	free(path);
	return a;
}

static void keep(void *arg, const struct auth_verdict *v)
{
	*(int *)arg = v->allowed;
}

static int ask(struct auth *a, const char *name, const char *key, const char *peer)
{
	int allowed = -1;

	assert_null(auth_check(a, name, key, "rtmp://x/live", peer, keep, &allowed));
	return allowed;
}

static void a_key_opens_its_name_only_and_a_star_any(void **state)
{
	struct err err;
	struct auth *a = with_keys("# comment\nalice secret1\n* master\n\n", &err);

	(void)state;
	assert_non_null(a);
	assert_int_equal(ask(a, "alice", "secret1", "1.1.1.1:1"), 1);
	assert_int_equal(ask(a, "bob", "secret1", "1.1.1.2:1"), 0);
	assert_int_equal(ask(a, "bob", "master", "1.1.1.3:1"), 1);
	assert_int_equal(ask(a, "alice", "", "1.1.1.4:1"), 0);
	assert_int_equal(ask(a, "alice", "secret", "1.1.1.5:1"), 0);
	auth_free(a);
}

static void guessing_is_slowed_down_per_address(void **state)
{
	struct err err;
	struct auth *a = with_keys("alice secret1\n", &err);
	int i;

	(void)state;
	clock_fake(1000, 0);
	for (i = 0; i < 10; i++)
		assert_int_equal(ask(a, "alice", "wrong", "9.9.9.9:5"), 0);
	assert_int_equal(ask(a, "alice", "secret1", "9.9.9.9:6"), 0);
	assert_int_equal(ask(a, "alice", "secret1", "9.9.9.8:6"), 1);
	clock_fake(1000 + 61000, 0);
	assert_int_equal(ask(a, "alice", "secret1", "9.9.9.9:6"), 1);
	clock_fake(-1, 0);
	auth_free(a);
}

static void a_bad_key_file_is_named_with_its_line(void **state)
{
	struct err err;

	(void)state;
	assert_null(with_keys("alice secret1\nbob\n", &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "line 2"));
	assert_null(with_keys("a/b key\n", &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_null(with_keys("\n", &err));
	assert_non_null(strstr(err.msg, "holds no key"));
	assert_null(auth_new(NULL, "/nonexistent/keys", NULL, &stats, &err));
	assert_int_equal(err.code, ERR_IO);
}

static void names_that_could_be_paths_are_refused(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", "a/b", "a\\b", "a b", "\xc3\xa9", "a%2fb", "a\nb", "a.ts",
	};
	char longest[130];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(stream_name_is_valid(bad[i]));
	assert_true(stream_name_is_valid("A-z_09"));
	memset(longest, 'a', 129);
	longest[129] = 0;
	assert_false(stream_name_is_valid(longest));
	longest[128] = 0;
	assert_true(stream_name_is_valid(longest));
}

static int parse(const char *json, char name[129], struct profile_list *p, bool *has)
{
	struct err err;

	return auth_parse_answer(json, strlen(json), name, p, has, &err);
}

static void webhook_answers_are_read_and_bad_ones_refused(void **state)
{
	static const char *const bad[] = {
		"{", "[]", "{}", "{\"manifestID\":\"\"}", "{\"manifestID\":\"a/b\"}",
		"{\"manifestID\":5}", "{\"manifestID\":\"a\",\"presets\":[5]}",
		"{\"manifestID\":\"a\",\"presets\":[\"P999\"]}",
		"{\"manifestID\":\"a\",\"profiles\":[{\"width\":-1}]}",
		"{\"manifestID\":\"a\",\"manifestID\":\"b\"}",
		"{\"manifestID\":\"a\",\"profiles\":[{\"name\":\"v\",\"width\":640,\"height\":360,"
		"\"bitrate\":500000,\"encoder\":\"VP8\"}]}",
	};
	struct profile_list p;
	char name[129];
	bool has;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i], name, &p, &has), -1);
	assert_int_equal(parse("{\"manifestID\":\"m1\"}", name, &p, &has), 0);
	assert_string_equal(name, "m1");
	assert_false(has);
	assert_int_equal(parse("{\"manifestID\":\"m\",\"presets\":[\"P240p30fps16x9\",\"P360p30fps16x9\"]}",
			       name, &p, &has), 0);
	assert_true(has);
	assert_int_equal(p.n, 2);
	assert_int_equal(parse("{\"manifestID\":\"m\",\"profiles\":[]}", name, &p, &has), 0);
	assert_true(has);
	assert_int_equal(p.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_opens_its_name_only_and_a_star_any),
		cmocka_unit_test(guessing_is_slowed_down_per_address),
		cmocka_unit_test(a_bad_key_file_is_named_with_its_line),
		cmocka_unit_test(names_that_could_be_paths_are_refused),
		cmocka_unit_test(webhook_answers_are_read_and_bad_ones_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
