#include "node/ingest/rtmp_gop.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "media/wire/rtmp_chunk.h"

struct gop_block {
	struct gop_block *next;
	size_t len;
	uint8_t data[GOP_BLOCK - 32];	/* with malloc's own words just under GOP_BLOCK */
};

void gop_list_init(struct gop_list *l, uint64_t *held)
{
	*l = (struct gop_list){ .held = held };
}

static void gop_free(struct gop_list *l, struct gop *g)
{
	struct gop_block *b;

	*l->held -= (uint64_t)g->n_blocks * GOP_BLOCK + g->head.cap;
	while ((b = g->first)) {
		g->first = b->next;
		free(b);
	}
	buf_fini(&g->head);
	free(g);
}

void gop_list_sweep(struct gop_list *l)
{
	struct gop **at = &l->oldest, *g;
	bool followed = false;	/* a reader will come to the groups after its own */

	while ((g = *at)) {
		followed |= g->cursors > 0;
		if (followed || g->pins > 0 || g == l->current) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		gop_free(l, g);
	}
}

void gop_list_fini(struct gop_list *l)
{
	l->current = NULL;
	gop_list_sweep(l);
	assert(!l->oldest);
}

void gop_list_begin(struct gop_list *l, bool joinable, struct buf *head)
{
	struct gop *g = xcalloc(1, sizeof(*g)), **at = &l->oldest;

	g->joinable = joinable;
	g->head = *head;
	g->start = l->total;
	*l->held += g->head.cap;
	buf_init(head, head->max);
	while (*at)
		at = &(*at)->next;
	*at = g;
	l->current = g;
	gop_list_sweep(l);
}

void gop_list_end(struct gop_list *l)
{
	l->current = NULL;
	gop_list_sweep(l);
}

static void add_bytes(struct gop_list *l, struct gop *g, const uint8_t *data, size_t len)
{
	struct gop_block *b;
	size_t n;

	while (len > 0) {
		b = g->last;
		if (!b || b->len == sizeof(b->data)) {
			b = xmalloc(sizeof(*b));
			b->next = NULL;
			b->len = 0;
			if (g->last)
				g->last->next = b;
			else
				g->first = b;
			g->last = b;
			g->n_blocks++;
			*l->held += GOP_BLOCK;
		}
		n = sizeof(b->data) - b->len;
		n = len < n ? len : n;
		memcpy(b->data + b->len, data, n);
		b->len += n;
		g->len += n;
		l->total += n;
		data += n;
		len -= n;
	}
}

void gop_list_add(struct gop_list *l, const struct rtmp_msg *m, size_t chunk_size)
{
	uint8_t header[RTMP_CHUNK_HEADER_MAX];
	size_t pos = 0, n;

	do {
		add_bytes(l, l->current, header, rtmp_chunk_header(header, m, pos == 0));
		n = m->len - pos < chunk_size ? m->len - pos : chunk_size;
		add_bytes(l, l->current, m->data + pos, n);
		pos += n;
	} while (pos < m->len);
}

unsigned gop_n_pieces(const struct gop *g)
{
	return g->n_blocks + 1;
}

static unsigned add_piece(uv_buf_t *pieces, unsigned n, uint8_t *data, size_t len)
{
	if (len == 0)
		return n;
	pieces[n] = uv_buf_init((char *)data, (unsigned)len);
	return n + 1;
}

unsigned gop_gather(const struct gop *g, struct gop_pos *pos, uv_buf_t *pieces)
{
	unsigned n = 0;

	if (!pos->past_head)
		n = add_piece(pieces, n, g->head.data, g->head.len);
	pos->past_head = true;
	if (!pos->block)
		pos->block = g->first;
	while (pos->block) {
		n = add_piece(pieces, n, pos->block->data + pos->off, pos->block->len - pos->off);
		pos->off = pos->block->len;
		if (!pos->block->next)
			break;
		pos->block = pos->block->next;
		pos->off = 0;
	}
	return n;
}
