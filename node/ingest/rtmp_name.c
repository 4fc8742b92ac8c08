#include "node/ingest/rtmp_name.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"

/* Undo %XX in place.  false: a broken escape, or a control character. */
static bool url_decode(char *s)
{
	char *to = s;
	uint8_t b;

	for (; *s; s++) {
		b = (uint8_t)*s;
		if (b == '%') {
			char digits[3] = { s[1], s[1] ? s[2] : 0, 0 };

			if (hex_parse(&b, 1, digits) < 0)
				return false;
			s += 2;
		}
		if (b < 0x20 || b == 0x7f)
			return false;
		*to++ = (char)b;
	}
	*to = 0;
	return true;
}

static bool is_name(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

	return n > 0 && n <= RTMP_NAME_MAX && s[n] == 0;
}

/* Copies the value of key= in a query ("a=b&key=K"), still encoded. */
static bool find_key(char key[RTMP_URL_MAX + 1], const char *query)
{
	while (query && *query) {
		size_t n = strcspn(query, "&");

		if (n >= 4 && strncmp(query, "key=", 4) == 0) {
			memcpy(key, query + 4, n - 4);
			key[n - 4] = 0;
			return true;
		}
		query += n + (query[n] == '&');
	}
	return false;
}

/* Cut s at its query; a name encoded as a whole ("a%3Fkey%3Db") is decoded first. */
static int split_query(char *s, const char **query, struct err *err)
{
	char *q = strchr(s, '?');

	if (!q && (strstr(s, "%3F") || strstr(s, "%3f"))) {
		if (!url_decode(s))
			return err_set(err, ERR_INVALID, "the stream name is not URL-encoded right");
		q = strchr(s, '?');
	}
	*query = q ? q + 1 : "";
	if (q)
		*q = 0;
	return 0;
}

/* The next part of a path, decoded; NULL at the end. */
static char *next_part(char **path)
{
	char *s;

	do {
		s = *path;
		if (!s)
			return NULL;
		*path = strchr(s, '/');
		if (*path)
			*(*path)++ = 0;
	} while (*s == 0 || strcmp(s, "_definst_") == 0);	/* Flash's default instance */
	return url_decode(s) ? s : NULL;
}

static int split_path(struct rtmp_name *n, char *path, bool need_key, struct err *err)
{
	char *app = next_part(&path);
	char *name = next_part(&path);

	if (!app || !name)
		return err_set(err, ERR_INVALID, "no stream name: publish to rtmp://HOST:PORT/live/NAME");
	if (!is_name(app))
		return err_set(err, ERR_INVALID, "the application name may hold only A-Z a-z 0-9 _ -");
	if (!is_name(name))
		return err_set(err, ERR_INVALID, "the stream name may hold only A-Z a-z 0-9 _ - (1 to %d)",
			       RTMP_NAME_MAX);
	strcpy(n->app, app);
	strcpy(n->name, name);
	if (!need_key || !path)
		return 0;
	if (!url_decode(path))
		return err_set(err, ERR_INVALID, "the key is not URL-encoded right");
	if (strlen(path) > RTMP_KEY_MAX)
		return err_set(err, ERR_LIMIT, "the key is longer than %d", RTMP_KEY_MAX);
	strcpy(n->key, path);
	return 0;
}

int rtmp_name_parse(struct rtmp_name *n, const char *app, const char *tc_url, const char *name,
		    struct err *err)
{
	char app_path[RTMP_URL_MAX + 1], name_path[RTMP_URL_MAX + 1], tc[RTMP_URL_MAX + 1];
	char path[2 * RTMP_URL_MAX + 2], key[RTMP_URL_MAX + 1] = "";
	const char *app_query, *name_query, *tc_query;
	bool has_key;

	memset(n, 0, sizeof(*n));
	if (strlen(app) > RTMP_URL_MAX || strlen(tc_url) > RTMP_URL_MAX || strlen(name) > RTMP_URL_MAX)
		return err_set(err, ERR_LIMIT, "the URL is longer than %d", RTMP_URL_MAX);
	strcpy(app_path, app);
	strcpy(name_path, name);
	strcpy(tc, tc_url);
	if (split_query(app_path, &app_query, err) < 0 || split_query(name_path, &name_query, err) < 0 ||
	    split_query(tc, &tc_query, err) < 0)
		return -1;
	has_key = find_key(key, name_query) || find_key(key, app_query) || find_key(key, tc_query);
	if (has_key && !url_decode(key))
		return err_set(err, ERR_INVALID, "the key is not URL-encoded right");
	if (strlen(key) > RTMP_KEY_MAX)
		return err_set(err, ERR_LIMIT, "the key is longer than %d", RTMP_KEY_MAX);
	snprintf(path, sizeof(path), "%s/%s", app_path, name_path);
	if (split_path(n, path, !has_key, err) < 0)
		return -1;
	if (has_key)
		strcpy(n->key, key);
	return 0;
}
