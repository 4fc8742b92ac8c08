/* A foreign segment: odd first byte: fragmented MP4, even: MPEG-TS. */
#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "media/wire/inspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct inspect in;
	struct err err;

	if (len < 1)
		return 0;
	if (inspect_segment(&in, data[0] & 1, data + 1, len - 1, &err) < 0) {
		assert(err.code == ERR_INVALID || err.code == ERR_LIMIT);
		return 0;
	}
	assert(in.n_video + in.n_audio > 0);
	assert(in.init_len <= len - 1);
	assert(in.width >= 0 && in.height >= 0);
	assert(memchr(in.codecs, 0, sizeof(in.codecs)));
	assert((in.audio == CODEC_NONE) == (in.n_audio == 0) || (data[0] & 1));
	return 0;
}
