/*
 * Keystore files of strangers.  One that is well formed costs what it says, so files are
 * opened only when their costs are small: one with a number of three digits is not tried.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/keystore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Hex text has long runs of digits as well, but in quotes. */
static bool has_large_number(const uint8_t *data, size_t len)
{
	bool quoted = false;
	size_t i, run = 0;

	for (i = 0; i < len; i++) {
		if (data[i] == '\\')
			i++;
		else if (data[i] == '"')
			quoted = !quoted;
		run = i < len && !quoted && isdigit(data[i]) ? run + 1 : 0;
		if (run > 2)
			return true;
	}
	return false;
}

/* Refused for its costs, or short: either ends at once. */
static void try_opening(const char *json, size_t len)
{
	struct err err = { 0 };
	struct sig_key *key = keystore_decrypt(json, len, "password", &err);

	if (!key && err.code != ERR_INVALID && err.code != ERR_LIMIT && err.code != ERR_DENIED)
		abort();
	sig_key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct eth_addr addr;
	struct err err = { 0 };

	if (keystore_address(&addr, (const char *)data, len, &err) < 0 && err.code != ERR_INVALID &&
	    err.code != ERR_LIMIT && err.code != ERR_NOT_FOUND)
		abort();
	if (!has_large_number(data, len))
		try_opening((const char *)data, len);
	return 0;
}
