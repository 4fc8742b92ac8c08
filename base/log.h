#ifndef LP_BASE_LOG_H
#define LP_BASE_LOG_H
#include <stdbool.h>

/*
 * One event, one line on stderr: time, level, who, a sentence a stranger
 * understands, then key=value.  error: an operator must act.  warn: something was
 * lost or degraded.  info: life cycle and one line a segment.  debug: messages.
 *
 * The message format is "sentence: key=%s key=%d"; in JSON form the part after the
 * last ": " that looks like key=value pairs becomes fields.  Control characters
 * are escaped, so a peer cannot forge lines.  Any thread.
 */

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* A long-lived object's prefix, such as "stream=abc".  Plain value. */
struct log {
	char prefix[96];
};

/* Set a prefix: key=value words, printed after the sentence. */
void log_init(struct log *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Process-wide, before threads start: lowest level shown, JSON or text. */
void log_setup(enum log_level max, bool json);

/* l may be NULL: no prefix. */
void log_error(const struct log *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const struct log *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_info(const struct log *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const struct log *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * For what a peer can trigger at will: true at most n times a minute.  The caller
 * keeps the struct (zeroed at first) beside what it limits.
 */
struct log_limit {
	long long window_start_ms;
	unsigned n_in_window;
};
bool log_may(struct log_limit *lim, unsigned n_per_minute);

#endif
