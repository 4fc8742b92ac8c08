#include "node/http/cond.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Digits up to 2^60; false when there is none or the number is absurd. */
static bool number(const char **p, uint64_t *v)
{
	const char *s = *p;

	*v = 0;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		if (*v >= UINT64_C(1) << 56)
			return false;
		*v = *v * 10 + (uint64_t)(**p - '0');
	}
	return *p > s;
}

enum range_result range_parse(const char *value, uint64_t total, uint64_t *from, uint64_t *len)
{
	const char *p = value;
	uint64_t a, b = UINT64_MAX;

	if (!value || strncmp(value, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	p += 6;
	if (*p == '-') {
		p++;
		if (!number(&p, &b) || *p)
			return RANGE_WHOLE;
		a = b > total ? 0 : total - b;
		if (b == 0 || total == 0)
			return RANGE_NONE;
		b = UINT64_MAX;
	} else {
		if (!number(&p, &a) || *p++ != '-')
			return RANGE_WHOLE;
		if (*p && (!number(&p, &b) || *p || b < a))
			return RANGE_WHOLE;
	}
	if (a >= total)
		return RANGE_NONE;
	if (b >= total)
		b = total - 1;
	*from = a;
	*len = b - a + 1;
	return RANGE_PART;
}

static const char *opaque(const char *tag)
{
	return strncmp(tag, "W/", 2) == 0 ? tag + 2 : tag;
}

bool etag_in_list(const char *list, const char *etag)
{
	size_t len = strlen(opaque(etag));
	const char *p = list;

	if (strcmp(list, "*") == 0)
		return true;
	while (*p) {
		const char *tag, *end;

		p += strspn(p, " \t,");
		tag = opaque(p);
		if (*tag != '"')
			return false;
		end = strchr(tag + 1, '"');
		if (!end)
			return false;
		p = end + 1;
		if ((size_t)(p - tag) == len && memcmp(tag, opaque(etag), len) == 0)
			return true;
	}
	return false;
}

bool etag_is_same(const char *value, const char *etag)
{
	return value[0] == '"' && strcmp(value, etag) == 0;
}

void http_date_fmt(char to[30], int64_t unix_s)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)unix_s;
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(to, 30, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * tm.tm_wday,
		 (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon,
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
		 (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}
