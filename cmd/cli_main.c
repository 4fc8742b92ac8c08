/*
 * The frame of the chain commands: finds the command, reads its flags, brings up what it needs
 * in the order in which a mistake costs least, runs it, and says how it ended.
 */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/secret.h"
#include "cmd/cli_internal.h"
#include "cmd/commands.h"
#include "cmd/devnet_file.h"

static const struct cli_commands *const tables[] = {
	&account_commands,
	&sign_commands,
	&tx_commands,
	&deploy_commands,
	&protocol_commands,
	&round_commands,
	&register_commands,
	&pool_commands,
	&delegator_commands,
	&bond_commands,
	&lock_commands,
	&earnings_commands,
	&token_commands,
	&transcoder_commands,
	&service_uri_commands,
	&propose_commands,
	&governance_commands,
	&deposit_commands,
	&job_create_commands,
	&job_commands,
	&job_show_commands,
	&claim_create_commands,
	&claim_commands,
	&distribute_commands,
	&verify_commands,
	&slash_reward_commands,
	&slash_commands,
};
#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

/* ---- finding ---- */

/* visit returns true to stop; the command it stopped at, else NULL. */
typedef bool visit_fn(const struct cli_command *cmd, void *arg);

static const struct cli_command *each_command(visit_fn *visit, void *arg)
{
	size_t i, k;

	for (i = 0; i < N_TABLES; i++) {
		for (k = 0; k < tables[i]->n; k++) {
			if (visit(&tables[i]->c[k], arg))
				return &tables[i]->c[k];
		}
	}
	return NULL;
}

static bool has_name(const struct cli_command *cmd, void *name)
{
	return strcmp(cmd->name, name) == 0;
}

static bool has_first_word(const struct cli_command *cmd, void *word)
{
	size_t n = strlen(word);

	return strncmp(cmd->name, word, n) == 0 && (cmd->name[n] == ' ' || !cmd->name[n]);
}

bool cli_knows(const char *word)
{
	return each_command(has_first_word, (void *)word) != NULL;
}

/* n_words: how many words of argv are its name. */
static const struct cli_command *find(int argc, char **argv, int *n_words)
{
	const struct cli_command *cmd = NULL;
	char *two;

	if (argc > 1) {
		two = xasprintf("%s %s", argv[0], argv[1]);
		cmd = each_command(has_name, two);
		free(two);
	}
	*n_words = cmd ? 2 : 1;
	return cmd ? cmd : each_command(has_name, argv[0]);
}

struct guess {
	const char *typed;
	const char *best;
	unsigned least;
};

static bool compare(const struct cli_command *cmd, void *arg)
{
	struct guess *g = arg;
	size_t len = strlen(g->typed);
	unsigned d = near_distance(g->typed, len, cmd->name);

	if (d <= near_limit(len) && (!g->best || d < g->least)) {
		g->best = cmd->name;
		g->least = d;
	}
	return false;
}

/* The first word of a command of two is typed alone. */
static bool compare_first(const struct cli_command *cmd, void *arg)
{
	size_t len = strcspn(cmd->name, " ");
	struct cli_command first = { .name = cmd->name };
	struct guess *g = arg;
	char word[NEAR_LEN_MAX];

	if (cmd->name[len] != ' ' || len >= sizeof(word))
		return false;
	memcpy(word, cmd->name, len);
	word[len] = '\0';
	first.name = word;
	if (compare(&first, g), g->best == word)
		g->best = cmd->name;
	return false;
}

const char *cli_nearest(const char *word)
{
	struct guess g = { .typed = word };

	each_command(compare, &g);
	each_command(compare_first, &g);
	return g.best;
}

/* ---- help ---- */

#define USAGE_WIDTH 38		/* also in cmd/main.c */

struct printing {
	FILE *to;
	const char *group;	/* only this one */
	const char *first_word;	/* only those of two words that begin so */
};

static bool print_line(const struct cli_command *cmd, void *arg)
{
	const struct printing *p = arg;
	char *usage;

	if (p->group && strcmp(cmd->group, p->group) != 0)
		return false;
	if (p->first_word && !has_first_word(cmd, (void *)p->first_word))
		return false;
	usage = xasprintf("%s %s", cmd->name, cmd->args);
	if (strlen(usage) < USAGE_WIDTH)
		fprintf(p->to, "  %-*s%s\n", USAGE_WIDTH, usage, cmd->help);
	else
		fprintf(p->to, "  %s\n  %-*s%s\n", usage, USAGE_WIDTH, "", cmd->help);
	free(usage);
	return false;
}

/* Calls print for the heading of each group once, in the order of the tables. */
static void each_group(void (*print)(FILE *to, const char *group), FILE *to)
{
	const char *seen[64];
	size_t n = 0, i, k, s;

	for (i = 0; i < N_TABLES; i++) {
		for (k = 0; k < tables[i]->n; k++) {
			for (s = 0; s < n && strcmp(seen[s], tables[i]->c[k].group) != 0; s++)
				;
			if (s < n)
				continue;
			assert(n < 64);
			seen[n++] = tables[i]->c[k].group;
			print(to, tables[i]->c[k].group);
		}
	}
}

static void print_group(FILE *to, const char *group)
{
	struct printing p = { .to = to, .group = group };

	fprintf(to, "\n%s:\n", group);
	each_command(print_line, &p);
}

void cli_print_commands(FILE *to)
{
	each_group(print_group, to);
}

/* In a table's cell a bar ends it. */
static void print_cell(FILE *to, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			fputc('\\', to);
		fputc(*text, to);
	}
}

static void print_markdown_flag(FILE *to, const struct opt *o)
{
	fprintf(to, "`-%s%s", o->name, o->arg ? " " : "");
	print_cell(to, o->arg ? o->arg : "");
	fprintf(to, "` ");
	print_cell(to, o->help);
}

static bool print_markdown_command(const struct cli_command *cmd, void *arg)
{
	const struct printing *p = arg;
	size_t i;

	if (strcmp(cmd->group, p->group) != 0)
		return false;
	fprintf(p->to, "| `lpnode %s%s", cmd->name, *cmd->args ? " " : "");
	print_cell(p->to, cmd->args);
	fprintf(p->to, "` | ");
	print_cell(p->to, cmd->help);
	for (i = 0; i < cmd->n_opts; i++) {
		fprintf(p->to, "%s", i ? "; " : ". Flags: ");
		print_markdown_flag(p->to, &cmd->opts[i]);
	}
	fprintf(p->to, " |\n");
	return false;
}

static void print_markdown_group(FILE *to, const char *group)
{
	struct printing p = { .to = to, .group = group };

	fprintf(to, "\n### %s\n\n| command | what it does |\n|---|---|\n", group);
	each_command(print_markdown_command, &p);
}

void cli_print_markdown(FILE *to)
{
	opt_print_markdown(to, cli_common_opts, n_cli_common_opts);
	each_group(print_markdown_group, to);
}

static void print_command_help(const struct cli_command *cmd)
{
	struct opt *table;
	size_t n = cli_flags_table(&table, cmd);

	printf("lpnode %s: %s\n\nusage: lpnode %s%s%s [FLAGS]\n\n", cmd->name, cmd->help, cmd->name,
	       *cmd->args ? " " : "", cmd->args);
	opt_print_help(stdout, table, n);
	free(table);
}

/* ---- what is no command ---- */

static bool is_help(const char *word)
{
	return strcmp(word, "-h") == 0 || strcmp(word, "-help") == 0 || strcmp(word, "--help") == 0;
}

/* "tx", or "tx lits": what begins so is shown. */
static int refuse_second_word(int argc, char **argv)
{
	struct printing p = { .to = stderr, .first_word = argv[0] };
	const char *near = NULL;
	char *typed;

	if (argc > 1 && is_help(argv[1])) {
		p.to = stdout;
		printf("lpnode %s:\n", argv[0]);
		each_command(print_line, &p);
		return 0;
	}
	if (argc > 1 && argv[1][0] != '-') {
		typed = xasprintf("%s %s", argv[0], argv[1]);
		near = cli_nearest(typed);
		free(typed);
		fprintf(stderr, "lpnode %s %.40s: no such command%s%s%s\n", argv[0], argv[1],
			near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	}
	if (near)
		return 2;
	fprintf(stderr, "lpnode %s: say what; one of\n", argv[0]);
	each_command(print_line, &p);
	return 2;
}

static int refuse_word(int argc, char **argv)
{
	const char *near;

	if (cli_knows(argv[0]))
		return refuse_second_word(argc, argv);
	near = cli_nearest(argv[0]);
	fprintf(stderr, "lpnode: %.40s: no such command%s%s%s lpnode --help lists all\n", argv[0],
		near ? "; did you mean \"" : ";", near ? near : "", near ? "\"?" : "");
	return 2;
}

/* ---- running ---- */

static int setup_log(const char *level, struct err *err)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	int i;

	for (i = 0; i < 4; i++) {
		if (strcmp(level, names[i]) == 0) {
			log_setup((enum log_level)i, false);
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "-v=%.40s: give error, warn, info or debug", level);
}

static void set_defaults(struct cli_config *o)
{
	const char *home = getenv("HOME");

	if (!o->datadir)
		o->datadir = xasprintf("%s/.lpnode", home ? home : ".");
	if (!o->keystore)
		o->keystore = xasprintf("%s/keystore", o->datadir);
}

/* Files and passwords before the network is bothered; the chain before the store. */
static int bring_up(struct cli *c, enum cli_need need, struct err *err)
{
	bool chain = need != CLI_NOTHING && need != CLI_LOCAL_KEY;
	bool key = need == CLI_KEY || need == CLI_LOCAL_KEY || need == CLI_DEPLOY;
	bool store = need == CLI_KEY || need == CLI_STORE || need == CLI_DEPLOY;
	int rc = 0;

	if (need != CLI_NOTHING && need != CLI_CHAIN)
		rc = cli_find_account(c, !key, err);
	if (rc == 0 && chain)
		rc = cli_connect(c, err);
	if (rc == 0 && key)
		rc = cli_open_key(c, err);
	if (rc == 0 && store)
		rc = cli_open_store(c, err);
	return rc;
}

/* An account is known to the reads of CLI_CHAIN too, where it was named. */
static void name_account(struct cli *c)
{
	struct eth_addr a;

	if (c->o.account && cli_addr(c, &a, c->o.account, NULL) == 0) {
		c->account = a;
		c->has_account = true;
	}
}

static int run(struct cli *c, struct cli_flags *f, struct err *err)
{
	struct cli_config *o = f->values;
	int rc;

	if (setup_log(o->verbosity, err) < 0 || cli_fill_network(c, o, err) < 0)
		return 2;
	set_defaults(o);
	c->o = *o;
	name_account(c);
	rc = bring_up(c, c->command->need, err);
	return rc == 0 ? c->command->run(c, f->args, f->n_args, f->own, err) : rc;
}

/* It may quote what a stranger wrote. */
static void print_error(const struct cli_command *cmd, const struct err *err)
{
	struct buf b;

	buf_init(&b, 4096);
	cli_add_clean(&b, err->msg, false);
	fprintf(stderr, "lpnode %s: %s\n", cmd->name, buf_cstr(&b));
	buf_fini(&b);
}

static int end(struct cli *c, int rc, const struct err *err)
{
	char *text;

	if (rc != 0)
		print_error(c->command, err);
	if (c->o.json) {
		if (rc != 0)
			json_object_set_new(c->out, "error", json_pack("{s:i, s:s}", "code", rc, "message", err->msg));
		text = json_dumps(c->out, JSON_INDENT(2));
		printf("%s\n", text ? text : "{}");
		secret_wipe(text, text ? strlen(text) : 0);	/* account export */
		free(text);
	}
	if (fflush(stdout) == 0)
		return rc;
	perror("lpnode: standard output");
	return rc ? rc : 1;
}

static void close_all(struct cli *c)
{
	cli_disconnect(c);
	sig_key_free(c->key);
	free(c->keystore_file);
	if (c->devnet)
		devnet_fini(c->devnet);
	free(c->devnet);
	json_decref(c->out);
	assert(uv_loop_close(&c->loop) == 0);
}

static int run_command(const struct cli_command *cmd, int argc, char **argv)
{
	extern char **environ;
	struct cli *c = xcalloc(1, sizeof(*c));
	struct cli_flags f;
	struct err err = { 0 };
	int rc = 2;

	c->command = cmd;
	c->out = json_object();
	c->tty = isatty(STDOUT_FILENO);
	assert(uv_loop_init(&c->loop) == 0);
	if (cli_flags_parse(&f, cmd, argc, argv, environ, &err) == 0) {
		c->o = *(struct cli_config *)f.values;
		if (c->o.help)
			print_command_help(cmd);
		rc = c->o.help ? 0 : run(c, &f, &err);
	}
	rc = c->o.help ? 0 : end(c, rc, &err);
	cli_asked_end(c, rc == 0);
	close_all(c);
	cli_flags_fini(&f);
	free(c);
	return rc;
}

int cli_main(int argc, char **argv)
{
	const struct cli_command *cmd;
	int n_words;

	secret_process_init();
	mem_process_init();
	/* A peer that closes its end is an error of that call, not our end. */
	signal(SIGPIPE, SIG_IGN);
	cmd = find(argc, argv, &n_words);
	if (!cmd)
		return refuse_word(argc, argv);
	return run_command(cmd, argc - n_words + 1, argv + n_words - 1);
}
