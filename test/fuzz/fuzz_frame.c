/* Foreign bytes as a run of frames: what parses must print the same bytes again. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "protocol/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct frame f;
	struct err err;
	struct buf b;
	long n;

	buf_init(&b, FRAME_HEAD + FRAME_PAYLOAD_MAX);
	while ((n = frame_parse(&f, data, len, &err)) > 0) {
		if ((size_t)n > len || f.len > FRAME_PAYLOAD_MAX)
			abort();
		buf_clear(&b);
		if (!frame_add(&b, f.kind, f.channel, f.payload, f.len) ||
		    b.len != (size_t)n || memcmp(b.data, data, b.len) != 0)
			abort();
		data += n;
		len -= (size_t)n;
	}
	if (n < 0 && err.code != ERR_LIMIT)
		abort();
	buf_fini(&b);
	return 0;
}
