/* Paths, queries, patterns, ranges and tags: everything decoded from a head. */
#include <stdlib.h>
#include <string.h>

#include "node/http/cond.h"
#include "node/http/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_path(const char *path, size_t max)
{
	size_t n = strlen(path), i;

	must(n <= max && path[0] == '/' && utf8_is_valid(path, n));
	must(!strstr(path, "//") && !strchr(path, '\\'));
	for (i = 0; i < n; i++)
		must((uint8_t)path[i] >= 0x20 && path[i] != 0x7f);
	for (i = 0; i < n; i++) {
		size_t seg = strcspn(path + i + 1, "/");

		if (path[i] != '/')
			continue;
		must(!(seg == 1 && path[i + 1] == '.'));
		must(!(seg == 2 && path[i + 1] == '.' && path[i + 2] == '.'));
	}
}

static void match_all(const char *path, char *split)
{
	static const char *const patterns[] = {
		"/", "/hls/:name/index.m3u8", "/:a/:b/:c", "/file/*rest", "/*all", "/a",
	};
	struct path_param params[PATH_MAX_PARAMS];
	size_t i;
	int n;

	for (i = 0; i <= strlen(path); i++)
		split[i] = path[i] == '/' ? 0 : path[i];
	for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		for (n = path_match(patterns[i], path, split, params); n > 0; n--)
			must(params[n - 1].value[0] != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *raw = malloc(len + 1), *path = malloc(len + 2), *split = malloc(len + 2), value[32];
	uint64_t from = 0, n = 0;
	const char *query;

	memcpy(raw, data, len);
	raw[len] = 0;
	query = strchr(raw, '?');
	if (path_decode(path, raw, query ? (size_t)(query - raw) : len) >= 0) {
		check_path(path, len);
		match_all(path, split);
	}
	if (query_get(query ? query + 1 : raw, "name", value, sizeof(value)))
		must(strlen(value) < sizeof(value) && !strpbrk(value, "\r\n"));
	if (range_parse(raw, 1000, &from, &n) == RANGE_PART)
		must(from < 1000 && n > 0 && n <= 1000 - from);
	etag_in_list(raw, "\"tag\"");
	etag_is_same(raw, "\"tag\"");
	free(raw);
	free(path);
	free(split);
	return 0;
}
