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

/*
 * Once, before the first thread of a node: whole segments come and go in its heap for
 * months, and what they no longer need goes back to the system at once.  Without it
 * glibc learns from each large buffer freed to keep the next of that size in the heap,
 * and up to twice 32 MiB of free memory at its top.
 */
void mem_process_init(void);

#endif
