#ifndef LP_MEDIA_WIRE_PKTQUEUE_H
#define LP_MEDIA_WIRE_PKTQUEUE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "media/wire/packet.h"

/*
 * Packets that wait for a decision, with copies of their bytes, first in first out.
 * Bounded by bytes; the caller decides what a full queue means.  Embedded object.
 */
struct pkt_queue {
	struct buf bytes;	/* payloads back to back, from the first waiting one on */
	struct queued *ents;	/* owned */
	size_t head, n, cap;	/* entries head .. n-1 wait */
};

void pkt_queue_init(struct pkt_queue *q, size_t max_bytes);
void pkt_queue_fini(struct pkt_queue *q);

/* Append a copy.  false: no room, nothing was added. */
bool pkt_queue_add(struct pkt_queue *q, const struct media_packet *p);

size_t pkt_queue_len(const struct pkt_queue *q);
/* The i-th waiting packet; its data is good until the next change of q. */
struct media_packet pkt_queue_at(const struct pkt_queue *q, size_t i);
/* Drop the first packet. */
void pkt_queue_pop(struct pkt_queue *q);
/* Drop everything and give back large memory. */
void pkt_queue_clear(struct pkt_queue *q);

#endif
