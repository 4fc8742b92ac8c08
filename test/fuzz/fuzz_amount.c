/* Amounts as typed: what is taken reads back the same from its exact text. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/cli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void try_unit(const char *text, enum cli_unit unit)
{
	struct err err = { 0 };
	struct u256 v, back;
	char to[100];

	if (cli_amount(&v, text, unit, &err) < 0) {
		if (err.code != ERR_INVALID && err.code != ERR_LIMIT)
			abort();
		return;
	}
	if (cli_amount(&back, cli_fmt_exact(to, &v, unit), unit, &err) < 0 || u256_cmp(&v, &back) != 0)
		abort();
	cli_fmt_amount(to, &v, unit);
	cli_fmt_gwei(to, &v);
	if (strlen(to) >= sizeof(to))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = xstrndup((const char *)data, len), perc_text[32];
	uint64_t perc, back;

	try_unit(text, UNIT_LPT);
	try_unit(text, UNIT_ETH);
	if (cli_perc(&perc, text, NULL) == 0 &&
	    (perc > 1000000 || cli_perc(&back, cli_fmt_perc(perc_text, perc), NULL) < 0 || back != perc))
		abort();
	free(text);
	return 0;
}
