/* devnet.json as anybody may have changed it. */
#include <stdlib.h>

#include "base/err.h"
#include "cmd/devnet_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	struct devnet d;

	if (devnet_parse(&d, (const char *)data, len, "/somewhere", &err) < 0) {
		if (err.code != ERR_INVALID && err.code != ERR_LIMIT)
			abort();
		return 0;
	}
	if (!d.rpc || !d.chain_id || d.n_accounts > DEVNET_ACCOUNTS_MAX)
		abort();
	devnet_fini(&d);
	return 0;
}
