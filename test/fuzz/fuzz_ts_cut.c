/* A foreign TS file cut into segments: whatever it holds, they follow one another and
 * can be read.  The first byte is how many bytes a push has (0: all). */
#include <assert.h>

#include "base/buf.h"
#include "base/err.h"
#include "media/wire/inspect.h"
#include "media/wire/ts_cut.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct world {
	struct buf bytes;
	uint64_t next;
};

static void on_begin(void *arg, const struct segment_info *info)
{
	struct world *w = arg;

	assert(info->sequence == w->next);
	buf_clear(&w->bytes);
}

static void on_data(void *arg, const uint8_t *data, size_t len)
{
	struct world *w = arg;

	assert(buf_add(&w->bytes, data, len));
}

static void on_end(void *arg, const struct segment_info *info)
{
	struct world *w = arg;
	struct inspect in;
	struct err err;

	assert(info->sequence == w->next++);
	assert(info->duration_90k > 0);
	assert(inspect_segment(&in, info->container == CONTAINER_FMP4, w->bytes.data, w->bytes.len,
			       &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct segmenter_cb cb = { on_begin, on_data, on_end };
	struct segmenter_opts opts = { .target_ms = 500, .max_ms = 4000, .max_bytes = 64 << 10 };
	struct world w = { .next = 0 };
	struct ts_cut *c;
	size_t step, n;

	if (len < 1)
		return 0;
	step = data[0] ? data[0] : len;
	buf_init(&w.bytes, 64 << 20);
	c = ts_cut_new(&opts, &cb, &w);
	for (data++, len--; len > 0; data += n, len -= n) {
		n = step < len ? step : len;
		if (ts_cut_push(c, data, n, NULL) < 0)
			break;
	}
	ts_cut_flush(c);
	ts_cut_free(c);
	buf_fini(&w.bytes);
	return 0;
}
