/*
 * Chunk streams: the same bytes at once and in pieces must give the same messages
 * and the same end.  The first byte chooses the size of the pieces.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "media/wire/rtmp_chunk.h"

#define MSG_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A checksum of all that came. */
struct sum {
	uint64_t h;
	bool stop;	/* stop at each message */
};

static void add(struct sum *s, uint64_t v)
{
	s->h = (s->h ^ v) * 0x100000001b3ull;
}

static enum rtmp_next on_msg(void *arg, const struct rtmp_msg *m)
{
	struct sum *s = arg;
	size_t i;

	assert(m->len <= MSG_MAX);
	add(s, m->type);
	add(s, m->csid);
	add(s, m->stream_id);
	add(s, m->time_ms);
	add(s, m->len);
	for (i = 0; i < m->len; i++)
		add(s, m->data[i]);
	return s->stop ? RTMP_STOP : RTMP_GO_ON;
}

static bool run(struct sum *s, const uint8_t *data, size_t len, size_t step)
{
	struct rtmp_chunk_reader *r = rtmp_chunk_reader_new(MSG_MAX);
	struct err err;
	size_t pos = 0, n;
	bool ok = true;
	uint8_t *piece;
	long used;

	while (ok && pos < len) {
		n = len - pos < step ? len - pos : step;
		piece = malloc(n);
		memcpy(piece, data + pos, n);
		used = rtmp_chunk_read(r, piece, n, on_msg, s, &err);
		free(piece);
		ok = used >= 0;
		assert(!ok || (size_t)used <= n);
		assert(!ok || s->stop || (size_t)used == n);
		pos += ok ? (size_t)used : 0;
	}
	/* A stop may leave a few carried bytes that are whole messages. */
	while (ok && s->stop) {
		uint64_t before = s->h;

		ok = rtmp_chunk_read(r, NULL, 0, on_msg, s, &err) >= 0;
		if (s->h == before)
			break;
	}
	add(s, ok);
	rtmp_chunk_reader_free(r);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct sum whole = { 0 }, pieces = { 0 }, stops = { .stop = true };

	if (len < 1)
		return 0;
	run(&whole, data + 1, len - 1, len);
	run(&pieces, data + 1, len - 1, 1u + data[0] % 64u);
	run(&stops, data + 1, len - 1, 1u + data[0]);
	assert(whole.h == pieces.h);
	assert(whole.h == stops.h);
	return 0;
}
