#ifndef LP_BASE_HEX_H
#define LP_BASE_HEX_H
#include <stddef.h>
#include <stdint.h>

/* Lower-case hex. to has room for 2 * len + 1 chars; always NUL-terminated. */
void hex_fmt(char *to, const uint8_t *data, size_t len);

/*
 * Parse exactly 2 * len hex digits (either case, optional 0x) from NUL-terminated
 * s.  Returns 0, or -1 for another length or a foreign character; to is then
 * undefined.
 */
int hex_parse(uint8_t *to, size_t len, const char *s);

#endif
