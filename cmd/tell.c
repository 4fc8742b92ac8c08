#include "cmd/tell.h"

#include <inttypes.h>

#include "protocol/ranges.h"

char *block_when(char to[100], const struct round_now *r, uint64_t block)
{
	char time[60];

	round_time(time, r, block > r->block ? block - r->block : 0);
	snprintf(to, 100, "block %" PRIu64 "%s%s%s", block, block < r->block ? ", passed" : *time ? " (in " : "", time,
		 block >= r->block && *time ? ")" : "");
	return to;
}

char *fmt_eth(char to[100], const struct u256 *wei)
{
	struct u256 small = u256_of(100000000000000);	/* 0.0001 ETH */

	return !u256_is_zero(wei) && u256_cmp(wei, &small) < 0 ? cli_fmt_gwei(to, wei) :
								  cli_fmt_amount(to, wei, UNIT_ETH);
}

void json_field(struct cli *c, const char *name, json_t *value)
{
	cli_field(c, name, value, NULL, "%s", "");
}

json_t *json_u64_text(uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	return json_string(text);
}

json_t *json_sequences(const uint64_t *s, size_t n)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(list, json_u64_text(s[i]));
	return list;
}

void fmt_sequences(char *to, size_t n, const uint64_t *s, size_t n_s)
{
	struct ranges l = { 0 };
	size_t i;

	for (i = 0; i < n_s; i++)
		ranges_add(&l, s[i], NULL);
	ranges_fmt(to, n, &l);
	ranges_fini(&l);
}
