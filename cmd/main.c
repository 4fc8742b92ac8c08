/*
 * lpnode: parse options, run a node.  Exit codes: 0 an orderly end, 1 the machine
 * (address taken, disk, codecs), 2 the command line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/secret.h"
#include "cmd/bench.h"
#include "cmd/cli.h"
#include "cmd/options.h"
#include "node/node.h"
#include "node/work/gpuprobe.h"
#include "node/work/pool.h"

/* What `lpnode NAME ...` does instead of running a node.  main gets the arguments from
 * NAME on and returns the exit code. */
static const struct subcommand {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *help;
} subcommands[] = {
	{ "bench", bench_main, "how many streams this machine transcodes at once" },
};

static const struct subcommand *find_subcommand(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
		if (strcmp(subcommands[i].name, name) == 0)
			return &subcommands[i];
	return NULL;
}

/* A word behind lpnode that is no flag: one of the above, or a chain command or its mistyping. */
static int run_word(int argc, char **argv)
{
	const struct subcommand *sub = find_subcommand(argv[0]);

	return sub ? sub->main(argc, argv) : cli_main(argc, argv);
}

static int usage(const struct err *err)
{
	fprintf(stderr, "lpnode: %s\n", err->msg);
	return 2;
}

static int setup_log(const struct config *c, struct err *err)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	bool json = strcmp(c->log_format, "json") == 0;
	int i;

	if (!json && strcmp(c->log_format, "text") != 0)
		return err_set(err, ERR_INVALID, "-logFormat=%s: give text or json", c->log_format);
	for (i = 0; i < 4; i++) {
		if (strcmp(c->verbosity, names[i]) == 0) {
			log_setup((enum log_level)i, json);
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "-v=%s: give error, warn, info or debug", c->verbosity);
}

static void default_datadir(struct config *c)
{
	const char *home = getenv("HOME");

	if (!c->node.datadir)
		c->node.datadir = xasprintf("%s/.lpnode", home ? home : ".");
}

static void print_help(void)
{
	size_t i;

	printf("lpnode: a decentralized live video network in one program.\n\n"
	       "usage: lpnode -broadcaster [-orchestrator -transcoder] [FLAGS]\n"
	       "each flag also as LP_NAME in the environment, or as NAME VALUE in -config FILE\n");
	printf("\nor: lpnode COMMAND [FLAGS], with --help for its flags\n");
	for (i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
		printf("  %-38s%s\n", subcommands[i].name, subcommands[i].help);
	cli_print_commands(stdout);
	printf("\n");
	opt_print_help(stdout, lpnode_opts, n_lpnode_opts);
}

static int run(struct config *c, struct err *err)
{
	if (c->version) {
		printf("lpnode %s\n", LP_VERSION);
		return 0;
	}
	if (c->help) {
		print_help();
		return 0;
	}
	if (c->help_markdown) {
		opt_print_markdown(stdout, lpnode_opts, n_lpnode_opts);
		return 0;
	}
	if (c->help_commands) {
		cli_print_markdown(stdout);
		return 0;
	}
	if (setup_log(c, err) < 0 || node_check_opts(&c->node, err) < 0)
		return usage(err);
	default_datadir(c);
	if (node_run(&c->node, err) == 0)
		return 0;
	log_error(NULL, "cannot start: why=%s", err->msg);
	return err->code == ERR_INVALID ? 2 : 1;
}

int main(int argc, char **argv)
{
	extern char **environ;
	/* What only commands need may stand in the same config file. */
	struct opt_more more = { .others = cli_common_opts, .n_others = n_cli_common_opts };
	struct config c = { 0 };
	struct err err = { 0 };
	int rc;

	if (argc > 1 && strcmp(argv[1], WORK_ZYGOTE_ARG) == 0)
		return work_zygote_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], GPU_PROBE_ARG) == 0)
		return gpu_probe_main(argc, argv);
	if (argc > 1 && argv[1][0] != '-')
		return run_word(argc - 1, argv + 1);
	secret_process_init();
	mem_process_init();
	if (opt_parse_more(lpnode_opts, n_lpnode_opts, &c, argc, argv, environ, NULL, &more, &err) < 0)
		return usage(&err);
	rc = run(&c, &err);
	opt_free(lpnode_opts, n_lpnode_opts, &c);
	return rc;
}
