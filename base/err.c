#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What did not fit shows that it did not. */
static void mark_cut(struct err *err, int n)
{
	if (n >= (int)sizeof(err->msg))
		memcpy(err->msg + sizeof(err->msg) - 4, "...", 4);
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	err->code = code;
	va_start(ap, fmt);
	mark_cut(err, vsnprintf(err->msg, sizeof(err->msg), fmt, ap));
	va_end(ap);
	return -1;
}

/* s behind the n bytes of msg; how long it would be with room for all. */
static int add_text(char msg[sizeof(((struct err *)0)->msg)], int n, const char *s)
{
	size_t max = sizeof(((struct err *)0)->msg) - 1, len = strlen(s), at = (size_t)n;
	size_t fits = at >= max ? 0 : len < max - at ? len : max - at;

	if (at <= max) {
		memcpy(msg + at, s, fits);
		msg[at + fits] = 0;
	}
	return n + (int)len;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char inner[sizeof(err->msg)];
	va_list ap;
	int n;

	if (!err)
		return -1;
	memcpy(inner, err->msg, sizeof(inner));
	va_start(ap, fmt);
	n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->msg))
		n = add_text(err->msg, add_text(err->msg, n, ": "), inner);
	mark_cut(err, n);
	return -1;
}

const char *err_code_name(enum err_code code)
{
	switch (code) {
	case ERR_NONE: return "none";
	case ERR_INVALID: return "invalid";
	case ERR_LIMIT: return "limit";
	case ERR_NOT_FOUND: return "not_found";
	case ERR_DENIED: return "denied";
	case ERR_BUSY: return "busy";
	case ERR_TIMEOUT: return "timeout";
	case ERR_IO: return "io";
	case ERR_INTERNAL: return "internal";
	}
	return "unknown";
}
