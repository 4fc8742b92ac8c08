/* A config file: accepted settings are in range; nothing leaks, accepted or not. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/opt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct config {
	bool orchestrator;
	uint64_t max_sessions;
	uint64_t any;
	uint64_t timeout_ms;
	char *http_addr;
	char *password;
	char *config;
};

#define FIELD(f) offsetof(struct config, f)
static const struct opt table[] = {
	{ "orchestrator", OPT_BOOL, FIELD(orchestrator), NULL, 0, 0, "a", NULL, "x" },
	{ "maxSessions", OPT_UINT, FIELD(max_sessions), "10", 1, 10000, "a", NULL, "x" },
	{ "any", OPT_UINT, FIELD(any), NULL, 0, 0, "a", NULL, "x" },
	{ "timeout", OPT_DURATION, FIELD(timeout_ms), "2s", 500, 600000, "a", NULL, "x" },
	{ "httpAddr", OPT_STRING, FIELD(http_addr), NULL, 0, 0, "a", NULL, "x" },
	{ "password", OPT_SECRET, FIELD(password), NULL, 0, 0, "a", NULL, "x" },
	{ "config", OPT_STRING, FIELD(config), NULL, 0, 0, "a", NULL, "x" },
};
#define N (sizeof(table) / sizeof(table[0]))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config c = { 0 };
	enum opt_source sources[N] = { OPT_DEFAULT };
	struct err err = { 0 };

	if (opt_parse_file_text(table, N, &c, (const char *)data, len, sources, &err) < 0) {
		if (err.code != ERR_INVALID || !err.msg[0] || c.http_addr || c.password)
			abort();
		return 0;
	}
	if (c.config || (sources[1] == OPT_FILE && (c.max_sessions < 1 || c.max_sessions > 10000)) ||
	    (sources[3] == OPT_FILE && (c.timeout_ms < 500 || c.timeout_ms > 600000)))
		abort();
	if (c.http_addr && (!c.http_addr[0] || strpbrk(c.http_addr, "\n\r\x1b")))
		abort();
	opt_free(table, N, &c);
	return 0;
}
