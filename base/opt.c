/*
 * The sources are applied from the weakest to the strongest: defaults, file,
 * environment, flags, each simply overwriting what was there.  A wrong value is an
 * error even where a stronger source would overwrite it: it is a mistake all the
 * same, and would bite on the day the stronger one goes away.
 */
#include "base/opt.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/near.h"

#define FILE_LEN_MAX (64u << 10)
#define HELP_INDENT 30
#define HELP_WIDTH 92

/* A parsed value; which member counts is the option's kind. */
struct value {
	bool flag;
	uint64_t num;
	const char *text;	/* borrowed; NULL: unset */
};

/* ---- values ---- */

static bool has_range(const struct opt *o)
{
	return (o->kind == OPT_UINT || o->kind == OPT_DURATION) && (o->min || o->max);
}

static bool is_text(const struct opt *o)
{
	return o->kind == OPT_STRING || o->kind == OPT_SECRET;
}

/* As Go's flag package takes them. */
static const char *parse_bool(bool *to, const char *s)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };
	size_t i;

	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(s, yes[i]) == 0 || strcmp(s, no[i]) == 0) {
			*to = strcmp(s, yes[i]) == 0;
			return NULL;
		}
	}
	return "neither true nor false";
}

/* Digits at *s; moves *s behind them.  False when there are none or too many. */
static bool take_digits(const char **s, uint64_t *to)
{
	const char *p = *s;
	uint64_t v = 0;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	}
	*s = p;
	*to = v;
	return true;
}

static const char *parse_uint(uint64_t *to, const char *s)
{
	if (!*s || strspn(s, "0123456789") != strlen(s))
		return "not a whole number";
	return take_digits(&s, to) && !*s ? NULL : "too large";
}

/* Milliseconds of the unit at *s, 0 when it is none; moves *s behind it. */
static uint64_t take_unit(const char **s)
{
	static const struct { const char *name; uint64_t ms; } units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
	};
	size_t i, len;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		len = strlen(units[i].name);
		if (strncmp(*s, units[i].name, len) == 0) {
			*s += len;
			return units[i].ms;
		}
	}
	return 0;
}

/* "2s", "1.5s", "1m30s"; "0" alone needs no unit. */
static const char *parse_duration(uint64_t *to, const char *s)
{
	static const char *const bad = "not a duration (500ms, 2s, 10m, 1h)";
	uint64_t sum = 0, whole, frac, unit, scale;
	const char *start;

	if (!*s)
		return bad;
	if (strcmp(s, "0") == 0)
		s++;
	while (*s) {
		if (!isdigit((unsigned char)*s))
			return bad;
		if (!take_digits(&s, &whole))
			return "too long";
		frac = 0;
		scale = 1;
		if (*s == '.') {
			start = ++s;
			if (!take_digits(&s, &frac) || s - start > 6)
				return bad;
			for (; start < s; start++)
				scale *= 10;
		}
		unit = take_unit(&s);
		if (!unit)
			return bad;
		if (__builtin_mul_overflow(whole, unit, &whole) ||
		    __builtin_add_overflow(sum, whole + frac * unit / scale, &sum) ||
		    whole > UINT64_MAX - unit)
			return "too long";
	}
	*to = sum;
	return NULL;
}

/* NULL, or what is wrong with it. */
static const char *parse_value(const struct opt *o, struct value *v, const char *s)
{
	const char *why;

	*v = (struct value){ 0 };
	switch (o->kind) {
	case OPT_BOOL:
		return parse_bool(&v->flag, s);
	case OPT_STRING:
	case OPT_SECRET:
		v->text = *s ? s : NULL;
		return NULL;
	case OPT_UINT:
		why = parse_uint(&v->num, s);
		break;
	case OPT_DURATION:
		why = parse_duration(&v->num, s);
		break;
	default:
		return "of unknown kind";
	}
	if (why || !has_range(o))
		return why;
	if (v->num < o->min)
		return o->kind == OPT_UINT ? "too small" : "too short";
	if (v->num > o->max)
		return o->kind == OPT_UINT ? "too large" : "too long";
	return NULL;
}

static struct value default_value(const struct opt *o)
{
	struct value v = { 0 };

	if (o->def)
		assert(!parse_value(o, &v, o->def));	/* our own table */
	return v;
}

static void *field_of(const struct opt *o, void *config)
{
	return (char *)config + o->field;
}

static struct value load(const struct opt *o, const void *config)
{
	const void *at = (const char *)config + o->field;
	struct value v = { 0 };

	if (o->kind == OPT_BOOL)
		v.flag = *(const bool *)at;
	else if (is_text(o))
		v.text = *(char *const *)at;
	else
		v.num = *(const uint64_t *)at;
	return v;
}

static void store(const struct opt *o, void *config, const struct value *v)
{
	void *at = field_of(o, config);

	if (o->kind == OPT_BOOL) {
		*(bool *)at = v->flag;
	} else if (is_text(o)) {
		free(*(char **)at);
		*(char **)at = v->text ? xstrdup(v->text) : NULL;
	} else {
		*(uint64_t *)at = v->num;
	}
}

static bool is_same(const struct opt *o, const struct value *a, const struct value *b)
{
	if (o->kind == OPT_BOOL)
		return a->flag == b->flag;
	if (is_text(o))
		return strcmp(a->text ? a->text : "", b->text ? b->text : "") == 0;
	return a->num == b->num;
}

static void add_duration(struct buf *b, uint64_t ms)
{
	static const struct { const char *name; uint64_t ms; } units[] = {
		{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
	};
	size_t i;

	for (i = 0; ms % units[i].ms != 0 || (ms == 0 && units[i].ms != 1000); i++)
		;
	buf_addf(b, "%llu%s", (unsigned long long)(ms / units[i].ms), units[i].name);
}

static void add_value(struct buf *b, const struct opt *o, const struct value *v)
{
	switch (o->kind) {
	case OPT_BOOL:
		buf_add_str(b, v->flag ? "true" : "false");
		break;
	case OPT_STRING:
		buf_add_str(b, v->text ? v->text : "");
		break;
	case OPT_SECRET:
		buf_add_str(b, v->text ? "***" : "");
		break;
	case OPT_UINT:
		buf_addf(b, "%llu", (unsigned long long)v->num);
		break;
	case OPT_DURATION:
		add_duration(b, v->num);
		break;
	}
}

static void add_range(struct buf *b, const struct opt *o)
{
	struct value min = { .num = o->min }, max = { .num = o->max };

	if (!has_range(o))
		return;
	if (o->max == UINT64_MAX)
		buf_add_str(b, "at least ");
	add_value(b, o, &min);
	if (o->max == UINT64_MAX)
		return;
	buf_add_str(b, " to ");
	add_value(b, o, &max);
}

/* ---- what an error says ---- */

static void add_env_name(struct buf *b, const struct opt *o)
{
	const char *p;

	buf_add_str(b, "LP_");
	for (p = o->name; *p; p++)
		buf_add_u8(b, (uint8_t)toupper((unsigned char)*p));
}

/* The setting as a person writes it in that place; value NULL: its name alone. */
static void add_spelled(struct buf *b, const struct opt *o, enum opt_source from, char between,
			const char *value)
{
	if (from == OPT_FLAG)
		buf_add_str(b, "-");
	if (from == OPT_ENV)
		add_env_name(b, o);
	else
		buf_add_str(b, o->name);
	if (value)
		buf_addf(b, "%c%.40s%s", between, value, strlen(value) > 40 ? "..." : "");
}

/* A value that would be right: the default, else the least, else one of its kind. */
static void add_example(struct buf *b, const struct opt *o, enum opt_source from)
{
	static const char *const any[] = {
		[OPT_BOOL] = "true", [OPT_UINT] = "10", [OPT_DURATION] = "10s",
	};
	struct value v = default_value(o);
	char between = from == OPT_ENV || (o->kind == OPT_BOOL && from == OPT_FLAG) ? '=' : ' ';
	struct buf text;

	buf_init(&text, 256);
	if (is_text(o))
		buf_add_str(&text, o->kind == OPT_STRING && o->def && *o->def ? o->def :
				   o->arg ? o->arg : "VALUE");
	else if (o->def)
		add_value(&text, o, &v);
	else if (has_range(o))
		add_value(&text, o, &(struct value){ .num = o->min });
	else
		buf_add_str(&text, any[o->kind]);
	add_spelled(b, o, from, between, buf_cstr(&text));
	buf_fini(&text);
}

/* value NULL: it is missing. */
static int refuse(const struct opt *o, enum opt_source from, const char *value, const char *why,
		  struct err *err)
{
	struct buf b;
	int rc;

	buf_init(&b, 1024);
	add_spelled(&b, o, from, from == OPT_FILE ? ' ' : '=', value);
	buf_addf(&b, ": %s", why);
	if (has_range(o)) {
		buf_add_str(&b, "; give ");
		add_range(&b, o);
		buf_add_str(&b, ", such as ");
	} else {
		buf_add_str(&b, "; give it as in ");
	}
	add_example(&b, o, from);
	rc = err_set(err, ERR_INVALID, "%s", buf_cstr(&b));
	buf_fini(&b);
	return rc;
}

static const struct opt *nearest(const struct opt *table, size_t n, const char *name, size_t len)
{
	const struct opt *best = NULL;
	unsigned least = near_limit(len), d;
	size_t i;

	for (i = 0; i < n; i++) {
		d = near_distance(name, len, table[i].name);
		if (d <= least) {
			best = &table[i];
			least = d ? d - 1 : 0;
			if (d == 0)
				break;
		}
	}
	return best;
}

/* dash: "-" for a flag, "" in a file.  The value is left out: it may be a secret. */
static int refuse_unknown(const struct opt *table, size_t n, const char *dash, const char *name,
			  size_t len, struct err *err)
{
	const struct opt *o;
	int shown = len < 60 ? (int)len : 60;

	while (len > 0 && *name == '-')
		name++, len--, shown--;
	o = nearest(table, n, name, len);
	if (shown < 0)
		shown = 0;
	if (o)
		return err_set(err, ERR_INVALID, "%s%.*s: unknown %s; did you mean %s%s?", dash,
			       shown, name, *dash ? "flag" : "setting", dash, o->name);
	return err_set(err, ERR_INVALID, "%s%.*s: unknown %s; --help lists all", dash, shown,
		       name, *dash ? "flag" : "setting");
}

/* ---- setting ---- */

static const struct opt *find(const struct opt *table, size_t n, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return &table[i];
	}
	return NULL;
}

/* What a parse fills.  config NULL: only check. */
struct target {
	const struct opt *table;
	size_t n;
	void *config;
	enum opt_source *sources;	/* or NULL */
	struct opt_more *more;		/* or NULL */
};

static int set(const struct target *t, const struct opt *o, const char *text, enum opt_source from,
	       struct err *err)
{
	struct value v;
	const char *why = parse_value(o, &v, text);

	if (why)
		return refuse(o, from, text, why, err);
	if (!t->config)
		return 0;
	store(o, t->config, &v);
	if (t->sources)
		t->sources[o - t->table] = from;
	return 0;
}

static void set_defaults(const struct target *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		struct value v = default_value(&t->table[i]);

		store(&t->table[i], t->config, &v);
		if (t->sources)
			t->sources[i] = OPT_DEFAULT;
	}
}

/* ---- file ---- */

/* Where the line's content ends: at a comment (a # first or behind a space), less
 * the spaces before it. */
static size_t content_len(const char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (line[i] == '#' && (i == 0 || isspace((unsigned char)line[i - 1])))
			break;
	}
	while (i > 0 && isspace((unsigned char)line[i - 1]))
		i--;
	return i;
}

/* Is it another table's, which shares the file?  t is that table then. */
static const struct opt *find_other(struct target *t, const char *name, size_t len)
{
	const struct opt_more *more = t->more;
	const struct opt *o = more ? find(more->others, more->n_others, name, len) : NULL;

	if (o)
		*t = (struct target){ more->others, more->n_others, NULL, NULL, NULL };
	return o;
}

/* line is "name" or "name value", without spaces around it, not empty. */
static int parse_setting(const struct target *to, const char *line, struct err *err)
{
	struct target its = *to, *t = &its;
	size_t name_len = strcspn(line, " \t");
	const char *value = line + name_len + strspn(line + name_len, " \t");
	const char *eq = memchr(line, '=', name_len);
	const struct opt *o = find(t->table, t->n, line, name_len);

	if (!o)
		o = find_other(t, line, name_len);
	if (!o && eq && find(t->table, t->n, line, (size_t)(eq - line)))
		return err_set(err, ERR_INVALID, "%.*s=: write name and value with a space between",
			       (int)(eq - line), line);
	if (!o)
		return refuse_unknown(t->table, t->n, "", line, eq ? (size_t)(eq - line) : name_len,
				      err);
	if (strcmp(o->name, "config") == 0)
		return err_set(err, ERR_INVALID, "config: a config file cannot name another");
	if (!*value && o->kind == OPT_BOOL)
		value = "true";
	if (!*value)
		return refuse(o, OPT_FILE, NULL, "has no value", err);
	return set(t, o, value, OPT_FILE, err);
}

static int parse_line(const struct target *t, const char *line, size_t len, struct err *err)
{
	char *text;
	size_t i;
	int rc;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return err_set(err, ERR_INVALID, "control character (0x%02x)", c);
	}
	len = content_len(line, len);
	while (len > 0 && isspace((unsigned char)*line))
		line++, len--;
	if (len == 0)
		return 0;
	text = xstrndup(line, len);
	rc = parse_setting(t, text, err);
	free(text);
	return rc;
}

static int parse_lines(const struct target *t, const char *text, size_t len, struct err *err)
{
	const char *p = text, *end = text + len, *nl;
	unsigned n_line;

	for (n_line = 1; p < end; n_line++, p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			nl = end;
		if (parse_line(t, p, (size_t)(nl - p), err) < 0)
			return err_wrap(err, "line %u", n_line);
	}
	return 0;
}

static int parse_text(const struct target *t, const char *text, size_t len, struct err *err)
{
	struct target check = *t;

	check.config = NULL;
	if (len > FILE_LEN_MAX)
		return err_set(err, ERR_INVALID, "%zu bytes; at most %u", len, FILE_LEN_MAX);
	/* All or nothing: a config is not left half changed. */
	if (parse_lines(&check, text, len, err) < 0)
		return -1;
	return parse_lines(t, text, len, err);
}

int opt_parse_file_text(const struct opt *table, size_t n, void *config, const char *text,
			size_t len, enum opt_source *sources, struct err *err)
{
	struct target t = { table, n, config, sources, NULL };

	return parse_text(&t, text, len, err);
}

static int parse_file(const struct target *t, const char *path, struct err *err)
{
	FILE *f = fopen(path, "re");
	char *text;
	size_t len;
	int rc;

	if (!f)
		return err_set(err, ERR_INVALID, "-config %.120s: %s", path, strerror(errno));
	text = xmalloc(FILE_LEN_MAX + 1);
	errno = 0;
	len = fread(text, 1, FILE_LEN_MAX + 1, f);
	if (ferror(f))
		rc = err_set(err, ERR_INVALID, "-config %.120s: %s", path, strerror(errno));
	else if (parse_text(t, text, len, err) < 0)
		rc = err_wrap(err, "%.120s", path);
	else
		rc = 0;
	/* It may have held secrets. */
	explicit_bzero(text, FILE_LEN_MAX + 1);
	free(text);
	fclose(f);
	return rc;
}

/* ---- environment ---- */

/* NULL when it is not set, or set to nothing: many launchers cannot leave it out. */
static const char *env_value(const struct opt *o, char **env)
{
	const char *found = NULL, *name;
	struct buf b;
	size_t len;

	buf_init(&b, 256);
	add_env_name(&b, o);
	buf_add_str(&b, "=");
	name = buf_cstr(&b);
	len = strlen(name);
	for (; env && *env && !found; env++) {
		if (strncmp(*env, name, len) == 0 && (*env)[len])
			found = *env + len;
	}
	buf_fini(&b);
	return found;
}

static int parse_env(const struct target *t, char **env, struct err *err)
{
	const char *value;
	size_t i;

	for (i = 0; i < t->n; i++) {
		value = env_value(&t->table[i], env);
		if (value && set(t, &t->table[i], value, OPT_ENV, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- command line ---- */

/* A dash, then letters: "-", "--" and "-5" are none. */
static bool looks_like_flag(const char *arg)
{
	if (*arg != '-')
		return false;
	arg += arg[1] == '-' ? 2 : 1;
	return isalpha((unsigned char)*arg);
}

static const struct opt *flag_of(const struct target *t, const char *arg)
{
	const char *name = arg + strspn(arg, "-");

	return looks_like_flag(arg) ? find(t->table, t->n, name, strcspn(name, "=")) : NULL;
}

static int refuse_positional(const char *arg, const struct opt *before, struct err *err)
{
	bool ignored;

	if (before && before->kind == OPT_BOOL && !parse_bool(&ignored, arg))
		return err_set(err, ERR_INVALID, "-%s %s: write it as -%s=%s", before->name, arg,
			       before->name, arg);
	return err_set(err, ERR_INVALID, "%.60s: not a flag; flags begin with -, --help lists all",
		       arg);
}

/* One flag at argv[i].  Returns how many words it took, or -1. */
static int parse_flag(const struct target *t, char *const *argv, int left, struct err *err)
{
	const char *name = argv[0] + strspn(argv[0], "-"), *eq = strchr(name, '=');
	const struct opt *o = flag_of(t, argv[0]);

	if (!o)
		return refuse_unknown(t->table, t->n, "-", name, strcspn(name, "="), err);
	if (eq)
		return set(t, o, eq + 1, OPT_FLAG, err) < 0 ? -1 : 1;
	if (o->kind == OPT_BOOL)
		return set(t, o, "true", OPT_FLAG, err) < 0 ? -1 : 1;
	if (left < 2)
		return refuse(o, OPT_FLAG, NULL, "needs a value", err);
	/* "-datadir -orchestrator": surely not a folder of that name. */
	if (flag_of(t, argv[1]))
		return refuse(o, OPT_FLAG, NULL, "needs a value, a flag follows", err);
	return set(t, o, argv[1], OPT_FLAG, err) < 0 ? -1 : 2;
}

/* A word that is no flag.  only_args: behind "--". */
static int take_arg(const struct target *t, char *arg, const struct opt *before, bool *only_args,
		    struct err *err)
{
	if (!t->more || !t->more->args)
		return refuse_positional(arg, before, err);
	if (strcmp(arg, "--") == 0 && !*only_args)
		*only_args = true;
	else
		t->more->args[t->more->n_args++] = arg;
	return 0;
}

static int parse_argv(const struct target *t, int argc, char **argv, struct err *err)
{
	const struct opt *before = NULL;
	bool only_args = false;
	int i, took;

	if (t->more)
		t->more->n_args = 0;
	for (i = 1; i < argc; i += took) {
		if (only_args || !looks_like_flag(argv[i])) {
			took = take_arg(t, argv[i], before, &only_args, err) < 0 ? -1 : 1;
		} else {
			before = flag_of(t, argv[i]);
			took = parse_flag(t, argv + i, argc - i, err);
		}
		if (took < 0)
			return -1;
	}
	return 0;
}

/* The file to read, by flag or environment; NULL: none.  Owned by the caller. */
static char *config_path(const struct target *t, int argc, char **argv, char **env)
{
	const struct opt *o = find(t->table, t->n, "config", 6);
	const char *path = NULL, *eq;
	int i;

	if (!o)
		return NULL;
	path = env_value(o, env);
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const struct opt *f = flag_of(t, argv[i]);

		eq = strchr(argv[i], '=');
		if (f == o)
			path = eq ? eq + 1 : i + 1 < argc ? argv[i + 1] : NULL;
		if (f && f->kind != OPT_BOOL && !eq)
			i++;	/* its value */
	}
	return path && *path ? xstrdup(path) : NULL;
}

int opt_parse(const struct opt *table, size_t n, void *config, int argc, char **argv, char **env,
	      enum opt_source *sources, struct err *err)
{
	return opt_parse_more(table, n, config, argc, argv, env, sources, NULL, err);
}

int opt_parse_more(const struct opt *table, size_t n, void *config, int argc, char **argv, char **env,
		   enum opt_source *sources, struct opt_more *more, struct err *err)
{
	struct target check = { table, n, NULL, NULL, more }, t = { table, n, config, sources, more };
	char *path;
	int rc;

	/* The command line first: what was just typed is what a person wants to hear of. */
	if (parse_argv(&check, argc, argv, err) < 0)
		return -1;
	set_defaults(&t);
	path = config_path(&t, argc, argv, env);
	rc = path ? parse_file(&t, path, err) : 0;
	free(path);
	if (rc == 0)
		rc = parse_env(&t, env, err);
	if (rc == 0)
		rc = parse_argv(&t, argc, argv, err);
	if (rc < 0)
		opt_free(table, n, config);
	return rc;
}

void opt_free(const struct opt *table, size_t n, void *config)
{
	size_t i;

	for (i = 0; i < n; i++) {
		char **at = field_of(&table[i], config);

		if (!is_text(&table[i]))
			continue;
		if (table[i].kind == OPT_SECRET && *at)
			explicit_bzero(*at, strlen(*at));
		free(*at);
		*at = NULL;
	}
}

/* ---- printing ---- */

static bool is_first_of_group(const struct opt *table, size_t i)
{
	size_t k;

	for (k = 0; k < i; k++) {
		if (strcmp(table[k].group, table[i].group) == 0)
			return false;
	}
	return true;
}

static void add_flag(struct buf *b, const struct opt *o)
{
	static const char *const placeholder[] = {
		[OPT_BOOL] = NULL, [OPT_UINT] = "N", [OPT_STRING] = "TEXT",
		[OPT_SECRET] = "SECRET", [OPT_DURATION] = "DURATION",
	};
	const char *arg = o->arg ? o->arg : placeholder[o->kind];

	buf_addf(b, "-%s", o->name);
	if (arg && o->kind != OPT_BOOL)
		buf_addf(b, " %s", arg);
}

/* The default as it is shown; "" for one that says nothing. */
static void add_default(struct buf *b, const struct opt *o)
{
	struct value v = default_value(o);

	if (o->kind == OPT_SECRET || !o->def || !*o->def || (o->kind == OPT_BOOL && !v.flag))
		return;
	add_value(b, o, &v);
}

/* " (1 to 10000, default 10)", or nothing. */
static void add_facts(struct buf *b, const struct opt *o)
{
	struct buf range, def;

	buf_init(&range, 256);
	buf_init(&def, 1024);
	add_range(&range, o);
	add_default(&def, o);
	if (range.len || def.len)
		buf_addf(b, " (%s%s%s%s)", buf_cstr(&range), range.len && def.len ? ", " : "",
			 def.len ? "default " : "", buf_cstr(&def));
	buf_fini(&range);
	buf_fini(&def);
}

/* Words of text from column at on, broken before HELP_WIDTH. */
static void print_wrapped(FILE *to, const char *text, size_t at)
{
	size_t word;

	while (*(text += strspn(text, " "))) {
		word = strcspn(text, " ");
		if (at > HELP_INDENT && at + 1 + word > HELP_WIDTH) {
			fprintf(to, "\n%*s", HELP_INDENT, "");
			at = HELP_INDENT;
		} else if (at > HELP_INDENT) {
			fputc(' ', to);
			at++;
		}
		fwrite(text, 1, word, to);
		at += word;
		text += word;
	}
	fputc('\n', to);
}

static void print_help_line(FILE *to, const struct opt *o)
{
	struct buf flag, text;

	buf_init(&flag, 256);
	buf_init(&text, 4096);
	add_flag(&flag, o);
	buf_add_str(&text, o->help);
	add_facts(&text, o);
	fprintf(to, "  %-*s", HELP_INDENT - 2, buf_cstr(&flag));
	if (flag.len + 2 >= HELP_INDENT)
		fprintf(to, "\n%*s", HELP_INDENT, "");
	print_wrapped(to, buf_cstr(&text), HELP_INDENT);
	buf_fini(&flag);
	buf_fini(&text);
}

/* Call print for each option, group by group in the table's order. */
static void each_grouped(FILE *to, const struct opt *table, size_t n, const char *heading,
			 void (*print)(FILE *to, const struct opt *o))
{
	bool is_first = true;
	size_t i, k;

	for (i = 0; i < n; i++) {
		if (!is_first_of_group(table, i))
			continue;
		if (!is_first)
			fputc('\n', to);
		is_first = false;
		fprintf(to, heading, table[i].group);
		for (k = i; k < n; k++) {
			if (strcmp(table[k].group, table[i].group) == 0)
				print(to, &table[k]);
		}
	}
}

void opt_print_help(FILE *to, const struct opt *table, size_t n)
{
	each_grouped(to, table, n, "%s:\n", print_help_line);
	if (find(table, n, "config", 6))
		fputs("\nA flag may also be set as LP_NAME=value in the environment, or as a line "
		      "\"name value\" in\nthe file that -config names.  Flags win over the "
		      "environment, and that wins over the file.\n", to);
}

static void print_cell(FILE *to, const char *s)
{
	for (; *s; s++) {
		if (*s == '|')
			fputc('\\', to);
		fputc(*s, to);
	}
}

static void print_markdown_row(FILE *to, const struct opt *o)
{
	struct buf flag, def, range;

	buf_init(&flag, 256);
	buf_init(&def, 1024);
	buf_init(&range, 256);
	add_flag(&flag, o);
	add_default(&def, o);
	add_range(&range, o);
	fputs("| `", to);
	print_cell(to, buf_cstr(&flag));
	fputs("` | ", to);
	if (def.len) {
		fputc('`', to);
		print_cell(to, buf_cstr(&def));
		fputc('`', to);
	}
	fprintf(to, " | %s | ", buf_cstr(&range));
	print_cell(to, o->help);
	fputs(" |\n", to);
	buf_fini(&flag);
	buf_fini(&def);
	buf_fini(&range);
}

void opt_print_markdown(FILE *to, const struct opt *table, size_t n)
{
	each_grouped(to, table, n,
		     "### %s\n\n| flag | default | range | meaning |\n|---|---|---|---|\n",
		     print_markdown_row);
}

void opt_print_changed(FILE *to, const struct opt *table, size_t n, const void *config,
		       const enum opt_source *sources)
{
	static const char *const names[] = {
		[OPT_DEFAULT] = "default", [OPT_FILE] = "config file",
		[OPT_ENV] = "environment", [OPT_FLAG] = "command line",
	};
	struct buf b;
	size_t i;

	for (i = 0; i < n; i++) {
		struct value now = load(&table[i], config), def = default_value(&table[i]);

		if (is_same(&table[i], &now, &def))
			continue;
		buf_init(&b, FILE_LEN_MAX);
		add_value(&b, &table[i], &now);
		fprintf(to, "%s=%s", table[i].name, buf_cstr(&b));
		if (sources)
			fprintf(to, "  # %s", names[sources[i]]);
		fputc('\n', to);
		buf_fini(&b);
	}
}
