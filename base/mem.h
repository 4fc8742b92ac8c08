#ifndef LP_BASE_MEM_H
#define LP_BASE_MEM_H
#include <stddef.h>

/*
 * Small allocations that cannot fail: they abort when memory is gone, so no error
 * path exists to be wrong.  Sizes that a peer can influence are checked against a
 * named limit before they come here.  Any thread.
 */

/* Like malloc, calloc, realloc, strdup and strndup.  Free with free(). */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));

/* printf into a fresh string.  Free with free(). */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

#endif
