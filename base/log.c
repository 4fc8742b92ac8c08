#include "base/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

/* A line longer than this is cut: a peer's text must not flood the log. */
#define LINE_MAX_LEN 2000

static enum log_level max_level = LOG_INFO;
static bool as_json;

void log_init(struct log *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->prefix, sizeof(l->prefix), fmt, ap);
	va_end(ap);
}

void log_setup(enum log_level max, bool json)
{
	max_level = max;
	as_json = json;
}

static void add_escaped(struct buf *b, const char *s, size_t len, bool json)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (json && (c == '"' || c == '\\'))
			buf_addf(b, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_addf(b, json ? "\\u%04x" : "\\x%02x", c);
		else
			buf_add_u8(b, c);
	}
}

/* Where "key=value ..." begins: behind the first ": " that a key= follows. */
static const char *find_fields(const char *msg)
{
	const char *p = msg;

	while ((p = strstr(p, ": "))) {
		const char *k = p + 2;

		while (isalnum((unsigned char)*k) || *k == '_')
			k++;
		if (*k == '=' && k > p + 2)
			return p;
		p += 2;
	}
	return NULL;
}

/* "a=1 b=two words c=3": a value runs until the next " key=". */
static void add_json_fields(struct buf *b, const char *s)
{
	while (*s) {
		const char *eq = strchr(s, '='), *end, *k;

		if (!eq)
			return;
		for (end = eq + 1; (end = strchr(end, ' ')); end++) {
			for (k = end + 1; isalnum((unsigned char)*k) || *k == '_'; k++)
				;
			if (*k == '=' && k > end + 1)
				break;
		}
		if (!end)
			end = eq + strlen(eq);
		buf_add_str(b, ",\"");
		add_escaped(b, s, (size_t)(eq - s), true);
		buf_add_str(b, "\":\"");
		add_escaped(b, eq + 1, (size_t)(end - eq - 1), true);
		buf_add_str(b, "\"");
		s = *end ? end + 1 : end;
	}
}

static void emit(enum log_level level, const struct log *l, const char *fmt, va_list ap)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	char msg[LINE_MAX_LEN], now[25];
	const char *fields;
	struct buf b;

	if (level > max_level)
		return;
	vsnprintf(msg, sizeof(msg), fmt, ap);
	clock_fmt_utc(now, clock_wall_ms());
	buf_init(&b, 8 * LINE_MAX_LEN);
	if (as_json) {
		fields = find_fields(msg);
		buf_addf(&b, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":\"", now, names[level]);
		add_escaped(&b, msg, fields ? (size_t)(fields - msg) : strlen(msg), true);
		buf_add_str(&b, "\"");
		if (l)
			add_json_fields(&b, l->prefix);
		if (fields)
			add_json_fields(&b, fields + 2);
		buf_add_str(&b, "}\n");
	} else {
		buf_addf(&b, "%s %-5s ", now, names[level]);
		add_escaped(&b, msg, strlen(msg), false);
		if (l && l->prefix[0]) {
			buf_add_str(&b, find_fields(msg) ? " " : ": ");
			add_escaped(&b, l->prefix, strlen(l->prefix), false);
		}
		buf_add_str(&b, "\n");
	}
	/* One write a line, so that lines of several threads do not mix. */
	if (write(STDERR_FILENO, b.data, b.len) < 0) {
		/* Nobody is left to tell. */
	}
	buf_fini(&b);
}

#define LOG_FN(name, level)					\
	void name(const struct log *l, const char *fmt, ...)	\
	{							\
		va_list ap;					\
								\
		va_start(ap, fmt);				\
		emit(level, l, fmt, ap);			\
		va_end(ap);					\
	}

LOG_FN(log_error, LOG_ERROR)
LOG_FN(log_warn, LOG_WARN)
LOG_FN(log_info, LOG_INFO)
LOG_FN(log_debug, LOG_DEBUG)

bool log_may(struct log_limit *lim, unsigned n_per_minute)
{
	int64_t now = clock_mono_ms();

	if (lim->window_start_ms == 0 || now - lim->window_start_ms >= 60000) {
		lim->window_start_ms = now;
		lim->n_in_window = 0;
	}
	return lim->n_in_window++ < n_per_minute;
}
