#ifndef LP_MEDIA_WIRE_PLAYLIST_H
#define LP_MEDIA_WIRE_PLAYLIST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct buf;

/*
 * Writes HLS playlists (RFC 8216; versions 3 and 6/7 where EXT-X-MAP is used).  A
 * media playlist is a live window over an ordered list of entries with gaps
 * allowed; the writer keeps MEDIA-SEQUENCE, DISCONTINUITY-SEQUENCE and
 * TARGETDURATION right over its life.  Pure.  Loop thread.
 */
struct playlist;

/* One segment of a window. */
struct playlist_entry {
	uint64_t sequence;		/* names the file: SEQ.ts, SEQ.m4s */
	int64_t duration_90k;
	int64_t wall_start_ms;		/* PROGRAM-DATE-TIME of the first frame */
	bool discontinuity;		/* DISCONTINUITY stands before it */
	bool fmp4;			/* SEQ.m4s with its EXT-X-MAP "init-MAPSEQ.mp4" */
	uint64_t map_sequence;		/* segment whose init this one uses */
	size_t bytes;			/* for measured BANDWIDTH */
};

/*
 * window_ms: media kept in the list (at least 3 target durations stay in any
 * case).  target_ms: first TARGETDURATION is its ceiling with headroom for a
 * source with longer GOPs: ceil(max(target, longest so far)).  TARGETDURATION
 * never falls; it rises (the RFC forbids it, players accept it better than a
 * violated bound) only when a longer segment comes, which is counted.
 */
struct playlist *playlist_new(int target_ms, int window_ms);
void playlist_free(struct playlist *p);

/* Sequences must ascend.  A step of more than 1 makes the entry discontinuous
 * (its MEDIA-SEQUENCE still goes up by 1). */
void playlist_add(struct playlist *p, const struct playlist_entry *e);
/* The stream is over: EXT-X-ENDLIST. */
void playlist_end(struct playlist *p);

/* The oldest sequence that a client may still ask for: RFC 8216 6.2.2 keeps a
 * removed segment for its duration plus that of the longest playlist with it. */
bool playlist_oldest_needed(const struct playlist *p, int64_t now_wall_ms, uint64_t *sequence);

/* Renders into b (appended).  The text is cached until the next change. */
void playlist_render(struct playlist *p, struct buf *b);
/* Changes with every change of the text: for ETag. */
uint64_t playlist_version(const struct playlist *p);
size_t playlist_len(const struct playlist *p);	/* entries in the window */

/* Measured over the entries of the window and before: RFC 8216 4.3.4.2. */
struct playlist_rate {
	uint64_t peak_bps;	/* BANDWIDTH: highest of any contiguous run of 0.5..1.5 targets */
	uint64_t average_bps;	/* AVERAGE-BANDWIDTH */
};
struct playlist_rate playlist_rate(const struct playlist *p);

/* One variant of a master playlist. */
struct playlist_variant {
	const char *uri;	/* "720p0/index.m3u8" */
	const char *name;	/* NAME is not standard on STREAM-INF: a comment-free VIDEO-less form; used for ordering ties only */
	struct playlist_rate rate;
	const char *codecs;	/* may be empty: attribute left out */
	int width, height;	/* 0: audio only, no RESOLUTION */
	double fps;		/* 0: left out */
};
/* Best first as given.  independent: all segments begin with an IDR. */
void playlist_master_render(struct buf *b, const struct playlist_variant *v, size_t n,
			    bool independent);

#endif
