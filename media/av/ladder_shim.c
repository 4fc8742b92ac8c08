/*
 * Stands in for the streaming engine until that has landed: gathers the input, and runs
 * the ladder on all of it at the end.  To be deleted with it.
 */
#include "media/av/ladder.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

struct ladder {
	const struct ladder_spec *spec;
	ladder_sink *sink;
	void *arg;
	struct buf in;
};

struct ladder *ladder_open(const struct ladder_spec *spec, ladder_sink *sink, void *arg,
			   struct err *err)
{
	struct ladder *l = xcalloc(1, sizeof(*l));

	l->spec = spec;
	l->sink = sink;
	l->arg = arg;
	buf_init(&l->in, 32u << 20);
	return l;
}

int ladder_feed(struct ladder *l, const uint8_t *data, size_t len, struct err *err)
{
	return buf_add(&l->in, data, len) ? 0 : err_set(err, ERR_LIMIT, "input");
}

int ladder_end(struct ladder *l, struct ladder_stats *stats, struct err *err)
{
	return ladder_run(l->spec, l->in.data, l->in.len, l->sink, l->arg, stats, err);
}

void ladder_free(struct ladder *l)
{
	if (!l)
		return;
	buf_fini(&l->in);
	free(l);
}
