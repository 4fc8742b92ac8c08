#include "node/http/path.h"

#include <stdint.h>
#include <string.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character, decoded if it is an escape; -1 for a bad escape. */
static int next_char(const char **p, const char *end)
{
	int hi, lo;

	if (**p != '%')
		return (uint8_t)*(*p)++;
	if (end - *p < 3)
		return -1;
	hi = hex_value((*p)[1]);
	lo = hex_value((*p)[2]);
	*p += 3;
	return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

/* How many bytes follow the first of a sequence, and the least value of its
 * second byte; -1: no sequence begins so.  Unicode, table 3-7. */
static int utf8_tail(uint8_t b, uint8_t *lo, uint8_t *hi)
{
	*lo = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : 0x80;
	*hi = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : 0xbf;
	if (b < 0x80)
		return 0;
	if (b < 0xc2 || b > 0xf4)
		return -1;
	return b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
}

bool utf8_is_valid(const char *s, size_t len)
{
	const uint8_t *p = (const uint8_t *)s, *end = p + len;
	uint8_t lo, hi;
	int n;

	while (p < end) {
		n = utf8_tail(*p++, &lo, &hi);
		if (n < 0 || end - p < n)
			return false;
		for (; n > 0; n--, p++) {
			if (*p < lo || *p > hi)
				return false;
			lo = 0x80;
			hi = 0xbf;
		}
	}
	return true;
}

static bool is_dots(const char *s, size_t len)
{
	return (len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.');
}

/* Decode one segment of raw into to; returns its length, 0 for a bad one. */
static size_t decode_segment(char *to, const char **raw, const char *end)
{
	char *s = to;
	int c;

	while (*raw < end && **raw != '/') {
		c = next_char(raw, end);
		if (c < 0x20 || c == 0x7f || c == '/' || c == '\\')
			return 0;
		*to++ = (char)c;
	}
	return is_dots(s, (size_t)(to - s)) ? 0 : (size_t)(to - s);
}

int path_decode(char *to, const char *raw, size_t len)
{
	const char *end = raw + len;
	char *start = to;
	int n_segments = 0;
	size_t n;

	if (len == 0 || *raw != '/')
		return -1;
	if (len == 1) {
		memcpy(to, "/", 2);
		return 0;
	}
	while (raw < end) {
		*to++ = *raw++;	/* "/" */
		n = decode_segment(to, &raw, end);
		if (n == 0 || ++n_segments > PATH_MAX_SEGMENTS)
			return -1;
		to += n;
	}
	*to = 0;
	return utf8_is_valid(start, (size_t)(to - start)) ? n_segments : -1;
}

/* Does the (encoded) name that ends at "=", "&" or end equal name?  Moves p. */
static bool name_is(const char **p, const char *end, const char *name)
{
	bool same = true;
	int c;

	while (*p < end && **p != '=' && **p != '&') {
		c = **p == '+' ? ' ' : 0;
		if (c)
			(*p)++;
		else
			c = next_char(p, end);
		if (c < 0)
			return false;
		if (same && *name && (uint8_t)*name == c)
			name++;
		else
			same = false;
	}
	return same && *name == 0;
}

static bool decode_value(const char *p, const char *end, char *to, size_t size)
{
	size_t n = 0;
	int c;

	while (p < end && *p != '&') {
		if (*p == '+') {
			c = ' ';
			p++;
		} else {
			c = next_char(&p, end);
		}
		if (c <= 0 || c == '\r' || c == '\n' || n + 1 >= size)
			return false;
		to[n++] = (char)c;
	}
	if (size == 0)
		return false;
	to[n] = 0;
	return true;
}

bool query_get(const char *query, const char *name, char *to, size_t size)
{
	const char *p = query, *end = query + strlen(query), *field;

	while (p < end) {
		field = p;
		if (name_is(&field, end, name)) {
			if (field < end && *field == '=')
				field++;
			return decode_value(field, end, to, size);
		}
		p = memchr(p, '&', (size_t)(end - p));
		if (!p)
			return false;
		p++;
	}
	return false;
}

int path_match(const char *pattern, const char *path, const char *split,
	       struct path_param params[PATH_MAX_PARAMS])
{
	const char *at = path;
	int n = 0;

	while (*pattern == '/' && *at == '/') {
		size_t want = strcspn(++pattern, "/"), got = strcspn(++at, "/");
		const char *name = pattern + 1;
		bool rest = *pattern == '*';

		if (rest || *pattern == ':') {
			if (got == 0 || n == PATH_MAX_PARAMS)
				return -1;
			params[n++] = (struct path_param){
				.name = name, .name_len = want - 1,
				.value = rest ? at : split + (at - path),
			};
			if (rest)
				return n;
		} else if (want != got || memcmp(pattern, at, want) != 0) {
			return -1;
		}
		pattern += want;
		at += got;
	}
	return *pattern || *at ? -1 : n;
}
