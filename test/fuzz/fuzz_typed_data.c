/* Typed data of strangers: refused for a reason, or hashed the same each time. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/typed_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct typed_data a, b;
	struct err err = { 0 };

	if (typed_data_hash(&a, (const char *)data, len, &err) < 0) {
		if (err.code != ERR_INVALID && err.code != ERR_LIMIT)
			abort();
		return 0;
	}
	if (typed_data_hash(&b, (const char *)data, len, NULL) < 0 || memcmp(&a, &b, sizeof(a)) != 0)
		abort();
	return 0;
}
