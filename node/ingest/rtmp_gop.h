#ifndef LP_NODE_INGEST_RTMP_GOP_H
#define LP_NODE_INGEST_RTMP_GOP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "base/buf.h"
struct rtmp_msg;

/*
 * The last group of pictures of a stream, as the very bytes that players get: in
 * chunks, in blocks that are written once and then only read.  A player is a
 * position in it, so it costs nothing per frame but the socket write.  Older
 * groups live on while a player's position or a write in flight needs them.
 * Loop thread.
 */
#define GOP_BLOCK (32 << 10)

struct gop_block;

struct gop {
	struct gop *next;		/* newer */
	bool joinable;			/* begins with a key frame, or there is no video */
	unsigned cursors;		/* players that read it, and then what follows */
	unsigned pins;			/* writes in flight that use its memory */
	struct buf head;		/* metadata and sequence headers for who joins here */
	struct gop_block *first, *last;
	size_t len;			/* bytes in blocks */
	unsigned n_blocks;
	uint64_t start;			/* gop_list.total when it began */
};

struct gop_list {
	struct gop *oldest;
	struct gop *current;		/* the last of the list, or NULL: no frame yet */
	uint64_t total;			/* bytes ever added */
	uint64_t *held;			/* account of memory, shared by all lists */
};

/* Where a reader stands inside a group.  Zero: before its head. */
struct gop_pos {
	bool past_head;
	struct gop_block *block;
	size_t off;
};

void gop_list_init(struct gop_list *l, uint64_t *held);
/* No group is referenced any more. */
void gop_list_fini(struct gop_list *l);

/* A new group is current.  head: taken over (emptied). */
void gop_list_begin(struct gop_list *l, bool joinable, struct buf *head);
/* The stream is over: there is no current group. */
void gop_list_end(struct gop_list *l);
/* Add a message to the current group, in chunks of chunk_size. */
void gop_list_add(struct gop_list *l, const struct rtmp_msg *m, size_t chunk_size);
/* Free what nobody needs: after a change of cursors or pins. */
void gop_list_sweep(struct gop_list *l);

/* At most this many pieces come from gop_gather. */
unsigned gop_n_pieces(const struct gop *g);
/* All bytes behind pos as pieces of its memory; pos moves to the end.  Returns the
 * number of pieces. */
unsigned gop_gather(const struct gop *g, struct gop_pos *pos, uv_buf_t *pieces);

#endif
