/* The text of a pins file: what is found stands there, what fails names the line. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "node/farm/join.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct eth_addr addr;
	struct err err = { 0 };
	bool found = true;

	if (pins_find_text((const char *)data, len, "host:1", &found, &addr, &err) < 0) {
		if (found || err.code != ERR_INVALID || !strstr(err.msg, "line "))
			abort();
	} else if (found && !memmem(data, len, "host:1 0x", 9)) {
		abort();
	}
	return 0;
}
