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
		n += snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, ": %s", inner);
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
