#ifndef LP_BASE_ERR_H
#define LP_BASE_ERR_H

/*
 * The one way functions fail: they return -1 and fill a struct err.  The code is
 * for the program to decide on, the text is for a person and gains context on the
 * way up.  Plain values, any thread.
 */

enum err_code {
	ERR_NONE,	/* nothing failed (a cleared struct err) */
	ERR_INVALID,	/* the input breaks a rule: do not retry */
	ERR_LIMIT,	/* too big, too many, too dear */
	ERR_NOT_FOUND,
	ERR_DENIED,	/* not allowed: wrong key, wrong signature */
	ERR_BUSY,	/* retry later, here or elsewhere */
	ERR_TIMEOUT,
	ERR_IO,		/* network, disk, device */
	ERR_INTERNAL,	/* a library failed in a way we do not handle */
};

struct err {
	enum err_code code;
	char msg[200];		/* outermost context first: "segment 17: connect: ..." */
};

/* Set code and text.  err may be NULL.  Returns -1, so that it can be returned. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "context: " before the text, keep the code.  Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A short stable word for a code ("invalid", "limit", ...), for logs and metrics. */
const char *err_code_name(enum err_code code);

#endif
