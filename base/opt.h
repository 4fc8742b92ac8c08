#ifndef LP_BASE_OPT_H
#define LP_BASE_OPT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
struct err;

/*
 * One table drives the command line, LP_ environment, config file, --help, the
 * settings dump and the manual page.  Precedence: command line > environment >
 * file > default.  Flags take one or two dashes, "-flag v" and "-flag=v"; booleans
 * "-flag" and "-flag=false".  Environment: LP_ and the name in upper case.  File:
 * "name value" lines, # comments; at most 64 KiB.
 */
enum opt_kind {
	OPT_BOOL,	/* bool field */
	OPT_UINT,	/* uint64_t field, min..max */
	OPT_STRING,	/* char * field, owned by the config; NULL when unset */
	OPT_SECRET,	/* as OPT_STRING, never printed */
	OPT_DURATION,	/* uint64_t field in ms: "2s", "500ms", "10m"; min..max in ms */
};

struct opt {
	const char *name;	/* camelCase, as typed */
	enum opt_kind kind;
	size_t field;		/* offset in the config struct */
	const char *def;	/* as typed; NULL: unset / false / 0 */
	uint64_t min, max;	/* of OPT_UINT, OPT_DURATION; both 0: any */
	const char *group;	/* heading in --help and the manual */
	const char *arg;	/* placeholder in --help: "HOST:PORT" */
	const char *help;	/* one sentence, no full stop needed */
};

/* Where a value came from, parallel to the table. */
enum opt_source { OPT_DEFAULT, OPT_FILE, OPT_ENV, OPT_FLAG };

/*
 * Fill config (zeroed by the caller) from argv[1..argc-1], env (NULL-terminated
 * "K=V" array, usually environ) and the file that -config names.
 *
 * sources: NULL, or an array as long as the table.
 * Returns 0.  Fails with ERR_INVALID and one line naming the flag, its value and
 * the remedy (an unknown flag suggests the nearest known one).  Positional
 * arguments are an error.
 */
int opt_parse(const struct opt *table, size_t n, void *config, int argc, char **argv,
	      char **env, enum opt_source *sources, struct err *err);
/* What opt_parse_more takes beyond opt_parse. */
struct opt_more {
	/* Settings of another program's table in the same config file: passed over, but checked. */
	const struct opt *others;
	size_t n_others;
	/* Words that are no flags, in their order (borrowed from argv); room for argc.  "--" ends
	 * the flags. */
	char **args;
	size_t n_args;
};
int opt_parse_more(const struct opt *table, size_t n, void *config, int argc, char **argv,
		   char **env, enum opt_source *sources, struct opt_more *more, struct err *err);
/* Parse one config text (for the fuzz target and opt_parse). */
int opt_parse_file_text(const struct opt *table, size_t n, void *config, const char *text,
			size_t len, enum opt_source *sources, struct err *err);
/* Free the strings of a config filled by opt_parse. */
void opt_free(const struct opt *table, size_t n, void *config);

void opt_print_help(FILE *to, const struct opt *table, size_t n);
/* Markdown tables by group, for docs/operators.md. */
void opt_print_markdown(FILE *to, const struct opt *table, size_t n);
/* "name=value" for every setting that differs from its default; secrets masked. */
void opt_print_changed(FILE *to, const struct opt *table, size_t n, const void *config,
		       const enum opt_source *sources);

#endif
