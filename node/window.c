#include "node/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/mem.h"

/* A bound for a publisher of tiny segments, beyond what the list and late clients need:
 * three windows' worth of segments half as long as asked. */
#define WINDOW_SEGMENTS_MIN 128

struct window {
	struct playlist *playlist;	/* owned */
	struct window_segment *seg;	/* owned, oldest first */
	size_t n, cap, max;
	uint64_t tag;			/* tells this window from earlier ones of its name */
};

struct window *window_new(int target_ms, int window_ms)
{
	struct window *w = xcalloc(1, sizeof(*w));

	w->playlist = playlist_new(target_ms, window_ms);
	w->max = WINDOW_SEGMENTS_MIN + 6 * (size_t)window_ms / (size_t)target_ms;
	w->tag = (uint64_t)clock_mono_us() ^ (uint64_t)clock_wall_ms() << 20;
	return w;
}

static void drop_oldest(struct window *w)
{
	blob_unref(w->seg[0].data);
	blob_unref(w->seg[0].map);
	w->n--;
	memmove(w->seg, w->seg + 1, w->n * sizeof(w->seg[0]));
}

void window_free(struct window *w)
{
	if (!w)
		return;
	while (w->n)
		drop_oldest(w);
	playlist_free(w->playlist);
	free(w->seg);
	free(w);
}

/* Segments with equal init sections share the EXT-X-MAP of the first. */
static void choose_map(struct window_segment *s, const struct window_segment *last)
{
	if (last && last->map && last->map_len == s->init_len &&
	    memcmp(last->map->data, s->data->data, s->init_len) == 0) {
		s->map = blob_ref(last->map);
		s->map_len = last->map_len;
		s->map_sequence = last->map_sequence;
		return;
	}
	s->map = blob_ref(s->data);
	s->map_len = s->init_len;
	s->map_sequence = s->sequence;
}

void window_add(struct window *w, const struct window_segment *s, struct playlist_entry *entry)
{
	struct window_segment *added;

	if (w->n == w->max)
		drop_oldest(w);
	if (w->n == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 8;
		w->seg = xrealloc(w->seg, w->cap * sizeof(w->seg[0]));
	}
	added = &w->seg[w->n];
	*added = *s;
	blob_ref(added->data);
	added->map = NULL;
	added->map_sequence = 0;
	if (s->fmp4)
		choose_map(added, w->n ? added - 1 : NULL);
	w->n++;
	entry->sequence = s->sequence;
	entry->bytes = s->data->len;
	entry->fmp4 = s->fmp4;
	entry->map_sequence = added->map_sequence;
	playlist_add(w->playlist, entry);
}

void window_end(struct window *w)
{
	playlist_end(w->playlist);
}

void window_expire(struct window *w, int64_t now_wall_ms)
{
	uint64_t oldest;

	if (!playlist_oldest_needed(w->playlist, now_wall_ms, &oldest))
		return;
	while (w->n && w->seg[0].sequence < oldest)
		drop_oldest(w);
}

const struct window_segment *window_find(const struct window *w, uint64_t sequence)
{
	size_t i;

	for (i = w->n; i-- > 0;)
		if (w->seg[i].sequence == sequence)
			return &w->seg[i];
	return NULL;
}

const struct window_segment *window_find_map(const struct window *w, uint64_t map_sequence)
{
	size_t i;

	for (i = w->n; i-- > 0;)
		if (w->seg[i].map && w->seg[i].map_sequence == map_sequence)
			return &w->seg[i];
	return NULL;
}

struct playlist *window_playlist(struct window *w)
{
	return w->playlist;
}

bool window_is_empty(const struct window *w)
{
	return w->n == 0;
}

uint64_t window_last_sequence(const struct window *w)
{
	return w->n ? w->seg[w->n - 1].sequence : 0;
}

size_t window_bytes(const struct window *w)
{
	size_t i, sum = 0;

	for (i = 0; i < w->n; i++)
		sum += w->seg[i].data->len;
	return sum;
}

uint64_t window_version(const struct window *w)
{
	return (w->tag ^ playlist_version(w->playlist) * 0x9e3779b97f4a7c15u);
}
