#include "media/wire/pktqueue.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define KEEP_BYTES 16384	/* a cleared queue keeps this much memory at most */

struct queued {
	enum track track;
	bool key;
	int64_t dts, pts;
	size_t off, len;	/* in bytes */
};

void pkt_queue_init(struct pkt_queue *q, size_t max_bytes)
{
	memset(q, 0, sizeof(*q));
	buf_init(&q->bytes, max_bytes);
}

void pkt_queue_fini(struct pkt_queue *q)
{
	buf_fini(&q->bytes);
	free(q->ents);
	q->ents = NULL;
	q->head = q->n = q->cap = 0;
}

size_t pkt_queue_len(const struct pkt_queue *q)
{
	return q->n - q->head;
}

/* Move what waits to the front, once as much as waits has gone. */
static void compact(struct pkt_queue *q)
{
	size_t i, gone = q->head < q->n ? q->ents[q->head].off : q->bytes.len;

	if (q->head == 0 || q->head * 2 < q->n)
		return;
	buf_consume(&q->bytes, gone);
	memmove(q->ents, q->ents + q->head, (q->n - q->head) * sizeof(*q->ents));
	q->n -= q->head;
	q->head = 0;
	for (i = 0; i < q->n; i++)
		q->ents[i].off -= gone;
}

bool pkt_queue_add(struct pkt_queue *q, const struct media_packet *p)
{
	if (!buf_add(&q->bytes, p->data, p->len)) {
		q->bytes.failed = false;	/* refused as a whole: what is in stays good */
		return false;
	}
	if (q->n == q->cap) {
		q->cap = q->cap ? q->cap * 2 : 16;
		q->ents = xrealloc(q->ents, q->cap * sizeof(*q->ents));
	}
	q->ents[q->n++] = (struct queued){ .track = p->track, .key = p->key, .dts = p->dts_90k,
					   .pts = p->pts_90k, .off = q->bytes.len - p->len,
					   .len = p->len };
	return true;
}

struct media_packet pkt_queue_at(const struct pkt_queue *q, size_t i)
{
	const struct queued *e = &q->ents[q->head + i];

	return (struct media_packet){ .track = e->track, .key = e->key, .dts_90k = e->dts,
				      .pts_90k = e->pts, .data = q->bytes.data + e->off,
				      .len = e->len };
}

void pkt_queue_pop(struct pkt_queue *q)
{
	q->head++;
	compact(q);
}

void pkt_queue_clear(struct pkt_queue *q)
{
	q->head = q->n = 0;
	buf_clear(&q->bytes);
	if (q->bytes.cap > KEEP_BYTES)
		buf_fini(&q->bytes);
}
