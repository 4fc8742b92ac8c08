#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cli_internal.h"

/* What is printed to standard output meanwhile. */
static struct {
	int fd, saved;
	char path[32];
	char text[8192];
} out;

static void begin(void)
{
	fflush(stdout);
	strcpy(out.path, "/tmp/lp-test-fmt-XXXXXX");
	out.fd = mkstemp(out.path);
	assert_true(out.fd >= 0);
	out.saved = dup(STDOUT_FILENO);
	dup2(out.fd, STDOUT_FILENO);
}

static const char *end(void)
{
	ssize_t n;

	fflush(stdout);
	dup2(out.saved, STDOUT_FILENO);
	close(out.saved);
	n = pread(out.fd, out.text, sizeof(out.text) - 1, 0);
	close(out.fd);
	unlink(out.path);
	assert_true(n >= 0);
	out.text[n] = '\0';
	return out.text;
}

static void fill_table(struct cli *c)
{
	static const struct cli_column cols[] = {
		{ "rank", "RANK", true }, { "name", "NAME", false }, { "stake", "STAKE", true }, { "uri", "URI", false },
	};
	struct cli_table *t = cli_table_new(cols, 4);

	cli_cell(t, json_integer(1), "1");
	cli_cell(t, json_string("Zürich"), "Zürich");
	cli_cell(t, json_string("1500"), "1500 LPT");
	cli_cell(t, json_string("a"), "a");
	cli_cell(t, json_integer(20), "20");
	cli_cell(t, json_string("x"), "x");
	cli_cell(t, NULL, "-");
	cli_cell(t, json_string("\x1b[31mb"), "\x1b[31mb");
	cli_table_end(c, t, "list");
}

static void columns_are_aligned_and_strangers_text_is_clean(void **state)
{
	struct cli c = { .out = json_object() };

	begin();
	fill_table(&c);
	assert_string_equal(end(),
			    "RANK  NAME       STAKE  URI\n"
			    "   1  Zürich  1500 LPT  a\n"
			    "  20  x              -  ?[31mb\n");
	assert_int_equal(json_object_size(c.out), 0);
	json_decref(c.out);
}

static void the_same_table_in_json_has_the_values_as_they_are(void **state)
{
	struct cli c = { .out = json_object(), .o.json = true };
	char *text;

	begin();
	fill_table(&c);
	assert_string_equal(end(), "");
	text = json_dumps(c.out, JSON_COMPACT);
	assert_string_equal(text,
			    "{\"list\":[{\"rank\":1,\"name\":\"Zürich\",\"stake\":\"1500\",\"uri\":\"a\"},"
			    "{\"rank\":20,\"name\":\"x\",\"stake\":null,\"uri\":\"\\u001B[31mb\"}]}");
	free(text);
	json_decref(c.out);
}

static void a_table_without_rows_says_so(void **state)
{
	static const struct cli_column cols[] = { { "id", "ID", true } };
	struct cli c = { .out = json_object() };

	begin();
	cli_table_end(&c, cli_table_new(cols, 1), "list");
	assert_string_equal(end(), "none\n");
	c.o.json = true;
	cli_table_end(&c, cli_table_new(cols, 1), "list");
	assert_int_equal(json_array_size(json_object_get(c.out, "list")), 0);
	assert_true(json_is_array(json_object_get(c.out, "list")));
	json_decref(c.out);
}

static void fields_are_for_people_or_for_programs(void **state)
{
	struct cli c = { .out = json_object() };
	struct u256 v = { { 5, 1, 0, 0 } };

	begin();
	cli_field(&c, "stake", cli_json_amount(&v), "stake", "%s", "18 LPT");
	cli_field(&c, NULL, NULL, "a label that is longer than its column", "x\ny");
	cli_field(&c, "hidden", json_true(), NULL, NULL);
	cli_say(&c, "two\nlines");
	assert_string_equal(end(),
			    "stake                   18 LPT\n"
			    "a label that is longer than its column x?y\n"
			    "two\nlines\n");
	c.o.json = true;
	begin();
	cli_field(&c, "stake", cli_json_amount(&v), "stake", "%s", "18 LPT");
	cli_field(&c, "none", NULL, "none", "-");
	cli_field(&c, NULL, NULL, "people", "x");
	cli_say(&c, "x");
	assert_string_equal(end(), "");
	assert_string_equal(json_string_value(json_object_get(c.out, "stake")), "18446744073709551621");
	assert_true(json_is_null(json_object_get(c.out, "none")));
	assert_int_equal(json_object_size(c.out), 2);
	json_decref(c.out);
}

static void cleans(const char *text, const char *want)
{
	struct buf b;

	buf_init(&b, 1000);
	cli_add_clean(&b, text, false);
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
}

static void only_what_is_seen_passes_the_sieve(void **state)
{
	cleans("plain, 日本 ☃ é", "plain, 日本 ☃ é");
	cleans("a\x1b]0;title\x07" "b\rc\nd\te\x7f", "a?]0;title?b?c?d?e?");
	cleans("\xc2\x9b" "31m", "?31m");		/* a control of eight bits */
	cleans("\xe2\x80\xae" "abc", "?abc");		/* right to left from here */
	cleans("\xe2\x80\x8b\xef\xbb\xbf", "??");	/* not to be seen */
	cleans("\xff\xfe\x80", "???");
	cleans("\xc0\xaf\xe0\x80\xaf", "?????");	/* longer than need be */
	cleans("\xed\xa0\x80", "???");			/* half a surrogate pair */
	cleans("\xf4\x90\x80\x80", "????");
	cleans("cut \xe2\x82", "cut ??");
	cleans("", "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_aligned_and_strangers_text_is_clean),
		cmocka_unit_test(the_same_table_in_json_has_the_values_as_they_are),
		cmocka_unit_test(a_table_without_rows_says_so),
		cmocka_unit_test(fields_are_for_people_or_for_programs),
		cmocka_unit_test(only_what_is_seen_passes_the_sieve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
