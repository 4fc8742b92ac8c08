/*
 * JSON profiles of strangers: whatever is accepted keeps the rules, prints to JSON
 * that is accepted again, and fits any source to an encodable size.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "protocol/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_fit(const struct profile_list *l, int src_w, int src_h)
{
	struct profile_list fitted = *l;
	size_t i;
	int w, h;

	profiles_fit_source(&fitted, src_w, src_h);
	if (profiles_check(&fitted, NULL) < 0 || (l->n > 0 && fitted.n == 0))
		abort();
	for (i = 0; i < fitted.n; i++) {
		profile_fit(&fitted.p[i], src_w, src_h, &w, &h);
		if (w < 16 || h < 16 || w > 4096 || h > 4096 || w % 2 || h % 2)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct profile_list l, again;
	struct hash32 a, b;
	struct buf json;

	if (profiles_parse_json(&l, (const char *)data, len, NULL) < 0)
		return 0;
	if (profiles_check(&l, NULL) < 0)
		abort();
	buf_init(&json, 64 << 10);
	profiles_to_json(&json, &l);
	if (json.failed || profiles_parse_json(&again, (char *)json.data, json.len, NULL) < 0)
		abort();
	a = profiles_hash(&l);
	b = profiles_hash(&again);
	if (memcmp(&a, &b, sizeof(a)) != 0)
		abort();
	buf_fini(&json);
	check_fit(&l, 1920, 1080);
	check_fit(&l, 607, 1081);
	check_fit(&l, 3, 9000);
	return 0;
}
