#ifndef LP_BASE_SECRET_H
#define LP_BASE_SECRET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Secrets: random bytes, wiping, comparing in constant time, locked memory, and
 * the process settings that keep keys out of core files.  Any thread.
 */

/* Once at start: starts libsodium, forbids core dumps and ptrace by others. */
void secret_process_init(void);

void secret_random(void *to, size_t len);
void secret_wipe(void *p, size_t len);
bool secret_equal(const void *a, const void *b, size_t len);

/* Strings of any length, compared by their hashes: time tells neither length nor
 * the place of the first difference. */
bool secret_str_equal(const char *a, const char *b);

/* Locked, guarded, wiped on free.  Aborts when memory is gone. */
void *secret_alloc(size_t len);
void secret_free(void *p);

#endif
