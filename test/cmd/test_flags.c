#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cmd/cli_internal.h"

struct own {
	bool light;
	char *to;
};
static const struct opt own_table[] = {
	{ "light", OPT_BOOL, offsetof(struct own, light), "false", 0, 0, "Own", NULL, "be quick" },
	{ "to", OPT_STRING, offsetof(struct own, to), NULL, 0, 0, "Own", "ADDR", "where to" },
};
static const struct cli_command bond = {
	"bond", "AMOUNT [--to ADDR]", "put stake down", "Delegators", 1, 2, CLI_NOTHING, own_table, 2,
	sizeof(struct own), NULL,
};

static struct cli_flags f;
static struct err err;

/* Words of line, split at spaces, behind the command's name. */
static int parse_env(const char *line, char **env)
{
	char *argv[50] = { (char *)"bond" }, *p;
	static char copy[1000];
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (p = strtok(copy, " "); p; p = strtok(NULL, " "))
		argv[argc++] = p;
	cli_flags_fini(&f);
	return cli_flags_parse(&f, &bond, argc, argv, env, &err);
}

static int parse(const char *line)
{
	return parse_env(line, NULL);
}

static const struct cli_config *common(void)
{
	return f.values;
}

static const struct own *own(void)
{
	return f.own;
}

static int tear_down(void **state)
{
	cli_flags_fini(&f);
	return 0;
}

static void refused(const char *line, const char *why)
{
	assert_int_equal(parse(line), -1);
	assert_int_equal(err.code, ERR_INVALID);
	if (!strstr(err.msg, why))
		fail_msg("%s: %s", line, err.msg);
}

static void flags_and_arguments_stand_in_any_order(void **state)
{
	static const char *const lines[] = {
		"5 0xabc -light -to me --json", "-light 5 --to me 0xabc -json", "--json -to=me -light=true 5 0xabc",
		"-light -to me -json -- 5 0xabc",
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i]), 0);
		assert_int_equal(f.n_args, 2);
		assert_string_equal(f.args[0], "5");
		assert_string_equal(f.args[1], "0xabc");
		assert_true(own()->light && common()->json);
		assert_string_equal(own()->to, "me");
	}
}

static void what_stands_behind_two_dashes_is_no_flag(void **state)
{
	assert_int_equal(parse("-light -- -5 --"), 0);
	assert_int_equal(f.n_args, 2);
	assert_string_equal(f.args[0], "-5");
	assert_string_equal(f.args[1], "--");
}

static void a_unit_may_be_a_word_of_its_own(void **state)
{
	assert_int_equal(parse("1.5 LPT 0xabc"), 0);
	assert_int_equal(f.n_args, 2);
	assert_string_equal(f.args[0], "1.5 LPT");
	assert_string_equal(f.args[1], "0xabc");
	assert_int_equal(parse("5 gwei"), 0);	/* two arguments are fine here */
	assert_int_equal(f.n_args, 2);
	refused("1.5 BTC 0xabc", "\"0xabc\" is too much; usage: lpnode bond AMOUNT [--to ADDR]");
}

static void too_few_and_too_many_are_told_with_the_usage(void **state)
{
	refused("", "something is missing; usage: lpnode bond AMOUNT [--to ADDR]");
	refused("-light", "something is missing");
	refused("1 2 3", "\"3\" is too much");
}

static void mistyped_flags_suggest_the_nearest(void **state)
{
	refused("5 -ethUlr x", "did you mean -ethUrl?");
	refused("5 -lihgt", "did you mean -light?");
	refused("5 -rtmpAddr x", "unknown flag");	/* the node's, not ours */
	refused("5 -to", "needs a value");
	refused("5 -waitTx 1", "1s to 1d");
	refused("5 -confirmations 1001", "0 to 1000");
}

static void help_asks_for_no_arguments(void **state)
{
	assert_int_equal(parse("-h"), 0);
	assert_true(common()->help);
	assert_int_equal(parse("--help"), 0);
	assert_true(common()->help);
}

static void the_stronger_source_wins(void **state)
{
	char path[] = "/tmp/lp-test-flags-XXXXXX", line[100], *env[] = { (char *)"LP_ETHURL=http://env", NULL };
	int fd = mkstemp(path);
	static const char text[] = "ethUrl http://file\nethController 0xfile\nrtmpAddr 1.2.3.4:5\ntranscoder\n";

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	snprintf(line, sizeof(line), "5 -config %s", path);
	assert_int_equal(parse(line), 0);
	assert_string_equal(common()->eth_url, "http://file");
	assert_int_equal(parse_env(line, env), 0);
	assert_string_equal(common()->eth_url, "http://env");
	assert_string_equal(common()->controller, "0xfile");
	snprintf(line, sizeof(line), "-ethUrl http://flag 5 -config %s", path);
	assert_int_equal(parse_env(line, env), 0);
	assert_string_equal(common()->eth_url, "http://flag");
	unlink(path);
}

static void a_mistake_in_a_shared_file_is_found_whoever_s_it_is(void **state)
{
	char path[] = "/tmp/lp-test-flags-XXXXXX", line[100];
	int fd = mkstemp(path);
	static const char text[] = "maxStreams many\n";

	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	snprintf(line, sizeof(line), "5 -config %s", path);
	refused(line, "maxStreams many: not a whole number");
	unlink(path);
}

static void no_command_has_a_flag_twice(void **state)
{
	size_t i, k;

	for (i = 0; i < n_cli_common_opts; i++) {
		for (k = 0; k < i; k++)
			assert_string_not_equal(cli_common_opts[i].name, cli_common_opts[k].name);
	}
}

static void near_words_are_suggested(void **state)
{
	assert_string_equal(cli_nearest("tx lits"), "tx list");
	assert_string_equal(cli_nearest("acount"), "account new");
	assert_string_equal(cli_nearest("sing"), "sign");
	assert_null(cli_nearest("zebra-crossing"));
	assert_true(cli_knows("account") && cli_knows("sign"));
	assert_false(cli_knows("acc") || cli_knows("accounts"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_and_arguments_stand_in_any_order),
		cmocka_unit_test(what_stands_behind_two_dashes_is_no_flag),
		cmocka_unit_test(a_unit_may_be_a_word_of_its_own),
		cmocka_unit_test(too_few_and_too_many_are_told_with_the_usage),
		cmocka_unit_test(mistyped_flags_suggest_the_nearest),
		cmocka_unit_test(help_asks_for_no_arguments),
		cmocka_unit_test(the_stronger_source_wins),
		cmocka_unit_test(a_mistake_in_a_shared_file_is_found_whoever_s_it_is),
		cmocka_unit_test(no_command_has_a_flag_twice),
		cmocka_unit_test(near_words_are_suggested),
	};

	return cmocka_run_group_tests(tests, NULL, tear_down);
}
