#ifndef LP_MEDIA_WIRE_PLAYLIST_READ_H
#define LP_MEDIA_WIRE_PLAYLIST_READ_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct err;

/*
 * Reads a media playlist (RFC 8216 4.3) that somebody else wrote: which segments,
 * in which order, how long.  A playlist whose segments are encrypted or parts of
 * files is refused, not misread.  Pure.  Any thread.
 */
#define MEDIA_PLAYLIST_BYTES_MAX (8u << 20)
#define MEDIA_PLAYLIST_ITEMS_MAX 43200		/* 24 h of 2 s */
#define MEDIA_PLAYLIST_URI_MAX 4096

struct media_item {
	char *uri;		/* as written, not resolved; owned by the playlist */
	const char *map;	/* URI of its EXT-X-MAP; NULL: none.  Owned by the playlist */
	int64_t duration_90k;	/* EXTINF */
	bool discontinuity;	/* DISCONTINUITY stands before it */
};

struct media_playlist {
	struct media_item *item;
	size_t n;		/* at least 1 */
	char **map;		/* the strings that items point to */
	size_t n_maps;
	bool ended;		/* EXT-X-ENDLIST */
};

/*
 * Segments marked EXT-X-GAP are left out.
 * Fails with ERR_INVALID (naming the line; also for a master playlist, keys, byte
 * ranges, no segment), ERR_LIMIT.
 */
int media_playlist_parse(struct media_playlist *p, const char *text, size_t len, struct err *err);
void media_playlist_fini(struct media_playlist *p);

#endif
