#ifndef LP_NODE_WINDOW_H
#define LP_NODE_WINDOW_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/wire/playlist.h"
struct blob;

/*
 * The HLS window of one rendition (or of the source): its playlist and the
 * segments that a client may still ask for.  Loop thread.
 */
struct window;

/* One segment as it is served. */
struct window_segment {
	uint64_t sequence;
	struct blob *data;	/* owned by the window; ref it to keep it */
	size_t init_len;	/* fMP4: leading ftyp+moov of data; the rest is SEQ.m4s */
	bool fmp4;
	/* Filled in by window_add, fMP4 only: the segment whose init this one uses. */
	struct blob *map;	/* owned by the window */
	size_t map_len;
	uint64_t map_sequence;	/* served as init-MAPSEQUENCE.mp4 */
};

struct window *window_new(int target_ms, int window_ms);
void window_free(struct window *w);

/* Append: data is referenced.  entry->fmp4, map_sequence and bytes are filled in
 * from the segment. */
void window_add(struct window *w, const struct window_segment *s, struct playlist_entry *entry);
void window_end(struct window *w);	/* ENDLIST */
/* Drop what RFC 8216 6.2.2 lets go; call after an add and now and then. */
void window_expire(struct window *w, int64_t now_wall_ms);

const struct window_segment *window_find(const struct window *w, uint64_t sequence);
/* The segment that still needs init-SEQUENCE.mp4 (its map), or NULL. */
const struct window_segment *window_find_map(const struct window *w, uint64_t map_sequence);
struct playlist *window_playlist(struct window *w);
bool window_is_empty(const struct window *w);
uint64_t window_last_sequence(const struct window *w);	/* of the newest; 0 when empty */
/* Changes with every change of the playlist, and is no other window's: for ETag. */
uint64_t window_version(const struct window *w);
size_t window_bytes(const struct window *w);

#endif
