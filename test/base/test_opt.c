#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/opt.h"

struct config {
	bool orchestrator;
	bool player;
	uint64_t max_sessions;
	uint64_t any;
	char *http_addr;
	char *data_dir;
	char *password;
	uint64_t timeout_ms;
	char *config;
};

#define FIELD(f) offsetof(struct config, f)
static const struct opt table[] = {
	{ "orchestrator", OPT_BOOL, FIELD(orchestrator), NULL, 0, 0, "Roles", NULL,
	  "sell transcoding" },
	{ "player", OPT_BOOL, FIELD(player), "true", 0, 0, "HTTP", NULL, "serve the player page" },
	{ "maxSessions", OPT_UINT, FIELD(max_sessions), "10", 1, 10000, "Limits", NULL,
	  "streams handled at once; beyond it new ones are refused as busy, which their "
	  "broadcasters take to another orchestrator" },
	{ "any", OPT_UINT, FIELD(any), NULL, 0, 0, "Limits", NULL, "any number | none" },
	{ "httpAddr", OPT_STRING, FIELD(http_addr), "127.0.0.1:8935", 0, 0, "HTTP", "HOST:PORT",
	  "address on which segments are taken and served" },
	{ "datadir", OPT_STRING, FIELD(data_dir), NULL, 0, 0, "Storage", "DIR", "where state lives" },
	{ "ethPassword", OPT_SECRET, FIELD(password), NULL, 0, 0, "Storage", NULL,
	  "opens the keystore" },
	{ "aVeryLongFlagNameIndeedTimeout", OPT_DURATION, FIELD(timeout_ms), "2s", 500, 600000,
	  "Limits", NULL, "how long to wait" },
	{ "config", OPT_STRING, FIELD(config), NULL, 0, 0, "Storage", "FILE", "settings file" },
};
#define N (sizeof(table) / sizeof(table[0]))
enum { ORCHESTRATOR, PLAYER, MAX_SESSIONS, ANY, HTTP_ADDR, DATA_DIR, PASSWORD, TIMEOUT, CONFIG };

/* ---- helpers ---- */

static struct config c;
static enum opt_source sources[N];
static struct err err;

/* Words of line, split at spaces, as argv. */
static int parse_env(const char *line, char **env)
{
	char copy[1000], *argv[50] = { (char *)"lpnode" }, *p;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (p = strtok(copy, " "); p; p = strtok(NULL, " "))
		argv[argc++] = p;
	opt_free(table, N, &c);
	memset(&c, 0, sizeof(c));
	memset(&err, 0, sizeof(err));
	return opt_parse(table, N, &c, argc, argv, env, sources, &err);
}

static int parse(const char *line)
{
	return parse_env(line, NULL);
}

static void refused(const char *line, const char *msg)
{
	assert_int_equal(parse(line), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_string_equal(err.msg, msg);
	assert_null(c.http_addr);	/* nothing left to free */
}

static int file(const char *text)
{
	memset(&err, 0, sizeof(err));
	return opt_parse_file_text(table, N, &c, text, strlen(text), sources, &err);
}

static int drop(void **state)
{
	opt_free(table, N, &c);
	memset(&c, 0, sizeof(c));
	return 0;
}

/* ---- command line ---- */

static void defaults_fill_the_config(void **state)
{
	size_t i;

	assert_int_equal(parse(""), 0);
	assert_false(c.orchestrator);
	assert_true(c.player);
	assert_int_equal(c.max_sessions, 10);
	assert_string_equal(c.http_addr, "127.0.0.1:8935");
	assert_null(c.data_dir);
	assert_null(c.password);
	assert_int_equal(c.timeout_ms, 2000);
	for (i = 0; i < N; i++)
		assert_int_equal(sources[i], OPT_DEFAULT);
}

static void one_and_two_dashes_space_and_equals(void **state)
{
	static const char *const same[] = {
		"-maxSessions 20", "--maxSessions 20", "-maxSessions=20", "--maxSessions=20",
		"-maxSessions 5 -maxSessions 20",
	};
	size_t i;

	for (i = 0; i < 5; i++) {
		assert_int_equal(parse(same[i]), 0);
		assert_int_equal(c.max_sessions, 20);
		assert_int_equal(sources[MAX_SESSIONS], OPT_FLAG);
	}
	assert_int_equal(parse("-httpAddr=a=b -orchestrator"), 0);
	assert_string_equal(c.http_addr, "a=b");
	assert_true(c.orchestrator);
}

static void booleans_are_those_of_go(void **state)
{
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	char line[50];
	size_t i;

	for (i = 0; i < 6; i++) {
		snprintf(line, sizeof(line), "-player=%s", no[i]);
		assert_int_equal(parse(line), 0);
		assert_false(c.player);
		snprintf(line, sizeof(line), "--orchestrator=%s", yes[i]);
		assert_int_equal(parse(line), 0);
		assert_true(c.orchestrator);
	}
	refused("-player=yes", "-player=yes: neither true nor false; give it as in -player=true");
	refused("-player=", "-player=: neither true nor false; give it as in -player=true");
	refused("-player false", "-player false: write it as -player=false");
}

static void an_empty_string_unsets(void **state)
{
	assert_int_equal(parse("-httpAddr="), 0);
	assert_null(c.http_addr);
	assert_int_equal(sources[HTTP_ADDR], OPT_FLAG);
}

static void numbers_are_whole_and_in_range(void **state)
{
	refused("-maxSessions=abc",
		"-maxSessions=abc: not a whole number; give 1 to 10000, such as -maxSessions 10");
	refused("-maxSessions 10001",
		"-maxSessions=10001: too large; give 1 to 10000, such as -maxSessions 10");
	refused("-maxSessions=0",
		"-maxSessions=0: too small; give 1 to 10000, such as -maxSessions 10");
	refused("-maxSessions=",
		"-maxSessions=: not a whole number; give 1 to 10000, such as -maxSessions 10");
	refused("-any -5", "-any=-5: not a whole number; give it as in -any 10");
	refused("-any 18446744073709551616",
		"-any=18446744073709551616: too large; give it as in -any 10");
	assert_int_equal(parse("-any 18446744073709551615 -maxSessions 10000"), 0);
	assert_true(c.any == UINT64_MAX);
	assert_int_equal(c.max_sessions, 10000);
}

static void durations_have_units(void **state)
{
	static const struct { const char *text; uint64_t ms; } good[] = {
		{ "500ms", 500 }, { "2s", 2000 }, { "1.5s", 1500 }, { "10m", 600000 },
		{ "1m30s", 90000 }, { "0.001m590ms", 650 },
	};
	static const char *const bad[] = {
		"2", "s", "2 s", "2x", "-2s", "1.s", ".5s", "2s3", "1e3s", "99999999999999999999s",
		"213503982335d", "1h", "499ms", "0",
	};
	char line[100];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(line, sizeof(line), "-aVeryLongFlagNameIndeedTimeout=%s", good[i].text);
		assert_int_equal(parse(line), 0);
		assert_int_equal(c.timeout_ms, good[i].ms);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "-aVeryLongFlagNameIndeedTimeout=%s", bad[i]);
		assert_int_equal(parse(line), -1);
		assert_non_null(strstr(err.msg, "500ms to 10m, such as "
				       "-aVeryLongFlagNameIndeedTimeout 2s"));
	}
}

static void a_missing_value_is_told_with_an_example(void **state)
{
	refused("-httpAddr",
		"-httpAddr: needs a value; give it as in -httpAddr 127.0.0.1:8935");
	refused("-datadir", "-datadir: needs a value; give it as in -datadir DIR");
	refused("-datadir -orchestrator",
		"-datadir: needs a value, a flag follows; give it as in -datadir DIR");
	assert_int_equal(parse("-datadir -odd-name"), 0);
	assert_string_equal(c.data_dir, "-odd-name");
}

static void unknown_flags_suggest_the_nearest(void **state)
{
	refused("-maxSesions=5", "-maxSesions: unknown flag; did you mean -maxSessions?");
	refused("--MAXSESSIONS 5", "-MAXSESSIONS: unknown flag; did you mean -maxSessions?");
	refused("-dataDir x", "-dataDir: unknown flag; did you mean -datadir?");
	refused("-zebra", "-zebra: unknown flag; --help lists all");
	refused("-ethPasword=hunter2", "-ethPasword: unknown flag; did you mean -ethPassword?");
}

static int parse_more(struct opt_more *more, const char *line)
{
	static char copy[1000];
	char *argv[50] = { (char *)"lpnode" }, *p;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (p = strtok(copy, " "); p; p = strtok(NULL, " "))
		argv[argc++] = p;
	opt_free(table, N, &c);
	memset(&c, 0, sizeof(c));
	return opt_parse_more(table, N, &c, argc, argv, NULL, sources, more, &err);
}

static void words_are_taken_where_they_are_asked_for(void **state)
{
	char *args[50];
	struct opt_more more = { .args = args };

	assert_int_equal(parse_more(&more, "one -orchestrator two -maxSessions 3 - -5 -- -any --"), 0);
	assert_int_equal(more.n_args, 6);
	assert_string_equal(args[0], "one");
	assert_string_equal(args[1], "two");
	assert_string_equal(args[2], "-");
	assert_string_equal(args[3], "-5");
	assert_string_equal(args[4], "-any");
	assert_string_equal(args[5], "--");
	assert_true(c.orchestrator);
	assert_int_equal(c.max_sessions, 3);
	/* What stands behind "--" names no file either. */
	assert_int_equal(parse_more(&more, "-- -config /nonexistent"), 0);
	assert_int_equal(more.n_args, 2);
}

static void settings_of_another_program_are_passed_over_in_a_shared_file(void **state)
{
	static const struct opt others[] = {
		{ "ethUrl", OPT_STRING, 0, NULL, 0, 0, "Chain", "URL", "where" },
		{ "chainId", OPT_UINT, 0, NULL, 0, 9, "Chain", "N", "which" },
	};
	struct opt_more more = { .others = others, .n_others = 2 };
	char path[] = "/tmp/lp-test-opt-XXXXXX", line[100];
	int fd = mkstemp(path);

	snprintf(line, sizeof(line), "-config %s", path);
	assert_int_equal(write(fd, "ethUrl x\nmaxSessions 7\nchainId 5\n", 33), 33);
	assert_int_equal(parse_more(&more, line), 0);
	assert_int_equal(c.max_sessions, 7);
	assert_int_equal(parse_more(NULL, line), -1);
	assert_non_null(strstr(err.msg, "line 1: ethUrl: unknown setting"));
	/* A mistake is one in the other program's settings too. */
	assert_int_equal(write(fd, "chainId 99\n", 11), 11);
	assert_int_equal(parse_more(&more, line), -1);
	assert_non_null(strstr(err.msg, "line 4: chainId 99: too large"));
	assert_int_equal(parse_more(&more, "-ethUrl x"), -1);
	assert_non_null(strstr(err.msg, "unknown flag"));
	close(fd);
	unlink(path);
}

static void positional_words_are_refused(void **state)
{
	refused("start", "start: not a flag; flags begin with -, --help lists all");
	refused("-orchestrator now", "now: not a flag; flags begin with -, --help lists all");
	refused("--", "--: not a flag; flags begin with -, --help lists all");
	refused("-", "-: not a flag; flags begin with -, --help lists all");
}

static void very_long_words_do_not_break_the_message(void **state)
{
	char line[900] = "-";

	memset(line + 1, 'x', 800);
	line[801] = 0;
	assert_int_equal(parse(line), -1);
	assert_true(strlen(err.msg) < sizeof(err.msg));
	snprintf(line, sizeof(line), "-maxSessions=%0500d", 7);
	assert_int_equal(parse(line), 0);
	line[200] = 'x';
	assert_int_equal(parse(line), -1);
	assert_non_null(strstr(err.msg, "such as -maxSessions 10"));
}

/* ---- environment and file ---- */

static char *write_file(const char *text)
{
	static char path[64];
	int fd;

	strcpy(path, "/tmp/lp-test-opt-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static void flag_beats_environment_beats_file_beats_default(void **state)
{
	char *env_some[] = { (char *)"LP_MAXSESSIONS=30", (char *)"LP_HTTPADDR=env:1",
			     (char *)"PATH=/bin", (char *)"LP_DATADIR=", NULL };
	char *path = write_file("maxSessions 40\nhttpAddr file:1\ndatadir /file\norchestrator\n");
	char line[100];

	snprintf(line, sizeof(line), "-maxSessions 20 -config %s", path);
	assert_int_equal(parse_env(line, env_some), 0);
	assert_int_equal(c.max_sessions, 20);
	assert_int_equal(sources[MAX_SESSIONS], OPT_FLAG);
	assert_string_equal(c.http_addr, "env:1");
	assert_int_equal(sources[HTTP_ADDR], OPT_ENV);
	assert_string_equal(c.data_dir, "/file");	/* an empty variable is none */
	assert_int_equal(sources[DATA_DIR], OPT_FILE);
	assert_true(c.orchestrator);
	assert_int_equal(c.timeout_ms, 2000);
	assert_int_equal(sources[TIMEOUT], OPT_DEFAULT);
	unlink(path);
}

static void file_is_named_by_environment_unless_a_flag_does(void **state)
{
	char *path = write_file("maxSessions 40\n"), var[100], line[200];
	char *env[] = { var, NULL };

	snprintf(var, sizeof(var), "LP_CONFIG=%s", path);
	assert_int_equal(parse_env("", env), 0);
	assert_int_equal(c.max_sessions, 40);
	assert_string_equal(c.config, path);
	snprintf(var, sizeof(var), "LP_CONFIG=/nonexistent");
	snprintf(line, sizeof(line), "--config=%s", path);
	assert_int_equal(parse_env(line, env), 0);
	assert_int_equal(c.max_sessions, 40);
	/* A value that looks like it is not the flag. */
	assert_int_equal(parse("-datadir config"), 0);
	assert_null(c.config);
	unlink(path);
}

static void errors_name_where_they_stand(void **state)
{
	char *env[] = { (char *)"LP_MAXSESSIONS=many", NULL };
	char *path = write_file("# fine\n\nmaxSessions many\n"), line[100], want[300];

	assert_int_equal(parse_env("", env), -1);
	assert_string_equal(err.msg, "LP_MAXSESSIONS=many: not a whole number; give 1 to 10000, "
			    "such as LP_MAXSESSIONS=10");
	snprintf(line, sizeof(line), "-config %s", path);
	snprintf(want, sizeof(want), "%s: line 3: maxSessions many: not a whole number; "
		 "give 1 to 10000, such as maxSessions 10", path);
	refused(line, want);
	unlink(path);
	refused("-config /nonexistent/x", "-config /nonexistent/x: No such file or directory");
	refused("-config /", "-config /: Is a directory");
}

static void a_file_over_64_kib_is_refused(void **state)
{
	char *text = malloc((64 << 10) + 2), *path, line[100];

	memset(text, '#', (64 << 10) + 1);
	text[(64 << 10) + 1] = 0;
	path = write_file(text);
	snprintf(line, sizeof(line), "-config %s", path);
	assert_int_equal(parse(line), -1);
	assert_non_null(strstr(err.msg, "at most 65536"));
	unlink(path);
	free(text);
}

static void lines_are_name_and_value(void **state)
{
	assert_int_equal(file("  httpAddr\t a b#c  # comment\r\n#maxSessions x\n"
			      "orchestrator # on\nplayer false\nmaxSessions 7"), 0);
	assert_string_equal(c.http_addr, "a b#c");
	assert_true(c.orchestrator);
	assert_false(c.player);
	assert_int_equal(c.max_sessions, 7);
	assert_int_equal(sources[MAX_SESSIONS], OPT_FILE);
}

static void bad_lines_are_refused_by_number(void **state)
{
	static const struct { const char *text, *msg; } bad[] = {
		{ "\nmaxSesions 5", "line 2: maxSesions: unknown setting; did you mean maxSessions?" },
		{ "-maxSessions 5", "line 1: maxSessions: unknown setting; did you mean maxSessions?" },
		{ "maxSessions=5", "line 1: maxSessions=: write name and value with a space between" },
		{ "ethPasword=x", "line 1: ethPasword: unknown setting; did you mean ethPassword?" },
		{ "datadir", "line 1: datadir: has no value; give it as in datadir DIR" },
		{ "datadir # x", "line 1: datadir: has no value; give it as in datadir DIR" },
		{ "config x", "line 1: config: a config file cannot name another" },
		{ "datadir a\x01z", "line 1: control character (0x01)" },
		{ "datadir a\rz", "line 1: control character (0x0d)" },
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(file(bad[i].text), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_string_equal(err.msg, bad[i].msg);
	}
	assert_int_equal(opt_parse_file_text(table, N, &c, "datadir a\0b", 11, NULL, &err), -1);
}

static void a_bad_file_changes_nothing(void **state)
{
	assert_int_equal(parse("-datadir /here"), 0);
	assert_int_equal(file("datadir /there\nmaxSessions x\n"), -1);
	assert_string_equal(c.data_dir, "/here");
}

/* ---- printing ---- */

static char out[8192];

static void print_with(void (*fn)(FILE *to))
{
	FILE *f = fmemopen(out, sizeof(out), "w");

	fn(f);
	fclose(f);
}

static void help(FILE *to)
{
	opt_print_help(to, table, N);
}

static void markdown(FILE *to)
{
	opt_print_markdown(to, table, N);
}

static void changed(FILE *to)
{
	opt_print_changed(to, table, N, &c, sources);
}

static void help_is_grouped_and_aligned(void **state)
{
	char *line;

	print_with(help);
	assert_ptr_equal(strstr(out, "Roles:\n"
		"  -orchestrator               sell transcoding\n"
		"\n"
		"HTTP:\n"
		"  -player                     serve the player page (default true)\n"
		"  -httpAddr HOST:PORT         address on which segments are taken and served (default\n"
		"                              127.0.0.1:8935)\n"
		"\n"
		"Limits:\n"
		"  -maxSessions N              streams handled at once; beyond it new ones are refused as\n"
		"                              busy, which their broadcasters take to another orchestrator (1\n"
		"                              to 10000, default 10)\n"
		"  -any N                      any number | none\n"
		"  -aVeryLongFlagNameIndeedTimeout DURATION\n"
		"                              how long to wait (500ms to 10m, default 2s)\n"), out);
	for (line = strtok(out, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 92);
}

static void markdown_is_a_table_a_group(void **state)
{
	print_with(markdown);
	assert_non_null(strstr(out, "### HTTP\n\n| flag | default | range | meaning |\n"
		"|---|---|---|---|\n| `-player` | `true` |  | serve the player page |\n"
		"| `-httpAddr HOST:PORT` | `127.0.0.1:8935` |  | address on which"));
	assert_non_null(strstr(out, "| `-maxSessions N` | `10` | 1 to 10000 | streams"));
	assert_non_null(strstr(out, "any number \\| none |\n"));
}

static void only_what_changed_is_dumped_and_secrets_are_masked(void **state)
{
	assert_int_equal(parse("-maxSessions 20 -ethPassword hunter2 -player=false "
			       "-aVeryLongFlagNameIndeedTimeout 90s -httpAddr 127.0.0.1:8935"), 0);
	print_with(changed);
	assert_string_equal(out, "player=false  # command line\nmaxSessions=20  # command line\n"
			    "ethPassword=***  # command line\n"
			    "aVeryLongFlagNameIndeedTimeout=90s  # command line\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_fill_the_config),
		cmocka_unit_test(one_and_two_dashes_space_and_equals),
		cmocka_unit_test(booleans_are_those_of_go),
		cmocka_unit_test(an_empty_string_unsets),
		cmocka_unit_test(numbers_are_whole_and_in_range),
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(a_missing_value_is_told_with_an_example),
		cmocka_unit_test(unknown_flags_suggest_the_nearest),
		cmocka_unit_test(positional_words_are_refused),
		cmocka_unit_test(words_are_taken_where_they_are_asked_for),
		cmocka_unit_test(settings_of_another_program_are_passed_over_in_a_shared_file),
		cmocka_unit_test(very_long_words_do_not_break_the_message),
		cmocka_unit_test(flag_beats_environment_beats_file_beats_default),
		cmocka_unit_test(file_is_named_by_environment_unless_a_flag_does),
		cmocka_unit_test(errors_name_where_they_stand),
		cmocka_unit_test(a_file_over_64_kib_is_refused),
		cmocka_unit_test(lines_are_name_and_value),
		cmocka_unit_test(bad_lines_are_refused_by_number),
		cmocka_unit_test(a_bad_file_changes_nothing),
		cmocka_unit_test(help_is_grouped_and_aligned),
		cmocka_unit_test(markdown_is_a_table_a_group),
		cmocka_unit_test(only_what_changed_is_dumped_and_secrets_are_masked),
	};

	return cmocka_run_group_tests(tests, NULL, drop);
}
