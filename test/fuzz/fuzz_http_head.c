/* Heads: the strict scan, the scan for the end, and llhttp behind both. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/http/head.h"
#include "node/http/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_fields(const struct head *h, size_t len)
{
	unsigned i;

	must(h->n_fields <= HEAD_MAX_FIELDS);
	must(h->method_len > 0 && h->target + h->target_len <= len && h->target_len > 0);
	must(h->authority_len > 0 && h->authority + h->authority_len <= len);
	must(!(h->chunked && h->has_length));
	for (i = 0; i < h->n_fields; i++) {
		must(h->fields[i].name_len > 0);
		must(h->fields[i].name + h->fields[i].name_len < len);
		must(h->fields[i].value + h->fields[i].value_len < len);
	}
}

/* What is taken has no byte that another reader could see as a line end. */
static void check_bytes(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		must(s[i] != 0);
		must(s[i] != '\r' || (i + 1 < len && s[i + 1] == '\n'));
		must(s[i] != '\n' || (i > 0 && s[i - 1] == '\r'));
		must(s[i] != '\n' || i + 1 == len || (s[i + 1] != ' ' && s[i + 1] != '\t'));
	}
}

/* Found in one look as in many. */
static int find_end(const char *s, size_t len)
{
	const char *why;
	size_t pos = 0, drip = 0, n;
	int end = head_find_end(s, len, &pos, &why), got = 0;

	for (n = 0; n <= len && got == 0; n += 1 + n / 16)
		got = head_find_end(s, n, &drip, &why);
	if (got == 0)
		got = head_find_end(s, len, &drip, &why);
	must(got == end);
	return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *s = (const char *)data, *why = NULL;
	int scan = http_head_check(s, len, &why), end, status;
	struct head h;

	must(scan == 0 || (why && (scan == 400 || scan == 431)));
	end = find_end(s, len);
	if (scan == 0) {
		must(end == (int)len);
		check_bytes(s, len);
	}
	status = head_read(&h, s, len, &why);
	must(status == 0 || why);
	if (status == 0) {
		must(scan == 0);
		check_fields(&h, len);
	}
	return 0;
}
