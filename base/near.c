#include "base/near.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned near_distance(const char *a, size_t a_len, const char *b)
{
	unsigned row[NEAR_LEN_MAX + 1], diag, up;
	size_t b_len = strlen(b), i, k;

	if (a_len > NEAR_LEN_MAX || b_len > NEAR_LEN_MAX)
		return 999;
	for (k = 0; k <= b_len; k++)
		row[k] = (unsigned)k;
	for (i = 1; i <= a_len; i++) {
		diag = row[0];
		row[0] = (unsigned)i;
		for (k = 1; k <= b_len; k++) {
			bool same = tolower((unsigned char)a[i - 1]) ==
				    tolower((unsigned char)b[k - 1]);

			up = row[k];
			row[k] = min3(up + 1, row[k - 1] + 1, diag + !same);
			diag = up;
		}
	}
	return row[b_len];
}

unsigned near_limit(size_t len)
{
	return len < 6 ? (unsigned)len / 2 : 3;
}
