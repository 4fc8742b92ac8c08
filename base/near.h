#ifndef LP_BASE_NEAR_H
#define LP_BASE_NEAR_H
#include <stddef.h>

/* How near a mistyped name is to a known one: what "did you mean" goes by.  Any thread. */
#define NEAR_LEN_MAX 64

/* Edits (Levenshtein) between two names, letters of either size alike; 999 when one is longer
 * than NEAR_LEN_MAX.  a is a_len bytes long. */
unsigned near_distance(const char *a, size_t a_len, const char *b);
/* Names of len letters that are further away are not meant. */
unsigned near_limit(size_t len);

#endif
