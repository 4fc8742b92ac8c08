/*
 * TARGETDURATION is what rounding to the nearest second demands (RFC 8216 4.3.3.1),
 * not the ceiling: a GOP of 2.002 s must not turn 2 into 3, since players stay three
 * of them behind the live edge.
 *
 * EXT-X-MAP holds for all segments after it and cannot be taken back, so fragmented
 * MP4 followed by TS in one list cannot be said: the MP4 entries leave the list then.
 */
#include "media/wire/playlist.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#define TEXT_MAX (4u << 20)
#define GONE_MAX 4096		/* removed entries remembered */
#define GONE_SPARE_MS 60000
#define MIN_TARGETS 3		/* RFC 8216 6.2.2: media that must stay in the list */

/* A removed entry that clients may still ask for. */
struct gone {
	uint64_t sequence;
	int64_t until_ms;	/* wall clock */
};

struct playlist {
	int64_t window_90k;
	int target_s;
	unsigned n_rises;	/* of target_s, after entries were shown */
	struct playlist_entry *entries;	/* owned; oldest first */
	size_t n, cap;
	int64_t total_90k;	/* of the entries */
	int64_t longest_90k;	/* longest that total_90k ever was */
	uint64_t media_sequence;	/* of the oldest entry */
	uint64_t discontinuity_sequence;
	bool has_any;		/* an entry was ever added */
	uint64_t last_sequence;
	bool ended;
	struct gone *gone;	/* owned; oldest first */
	size_t n_gone, cap_gone;
	uint64_t peak_bps;
	uint64_t all_bytes;
	int64_t all_90k;
	uint64_t version;
	struct buf text;	/* rendered, good while text_version is version */
	uint64_t text_version;
};

struct playlist *playlist_new(int target_ms, int window_ms)
{
	struct playlist *p = xcalloc(1, sizeof(*p));

	p->target_s = target_ms > 1000 ? (target_ms + 999) / 1000 : 1;
	p->window_90k = (int64_t)window_ms * 90;
	p->version = 1;
	buf_init(&p->text, TEXT_MAX);
	return p;
}

void playlist_free(struct playlist *p)
{
	if (!p)
		return;
	free(p->entries);
	free(p->gone);
	buf_fini(&p->text);
	free(p);
}

/* The oldest entry leaves the list at now; clients that read the list just before
 * may still come for it (6.2.2). */
static void remove_oldest(struct playlist *p, int64_t now_ms)
{
	struct playlist_entry *e = &p->entries[0];

	if (p->n_gone == GONE_MAX) {
		memmove(p->gone, p->gone + 1, (GONE_MAX - 1) * sizeof(*p->gone));
		p->n_gone--;
	}
	if (p->n_gone == p->cap_gone) {
		p->cap_gone = p->cap_gone ? p->cap_gone * 2 : 16;
		p->gone = xrealloc(p->gone, p->cap_gone * sizeof(*p->gone));
	}
	p->gone[p->n_gone++] = (struct gone){ .sequence = e->sequence,
		.until_ms = now_ms + (e->duration_90k + p->longest_90k) / 90 };
	p->total_90k -= e->duration_90k;
	p->media_sequence++;
	p->discontinuity_sequence += e->discontinuity;
	memmove(p->entries, p->entries + 1, (p->n - 1) * sizeof(*e));
	p->n--;
}

/* Media time may run ahead of the wall clock a little: keep some more. */
static void forget_gone(struct playlist *p, int64_t now_ms)
{
	size_t n = 0;

	while (n < p->n_gone && p->gone[n].until_ms < now_ms - GONE_SPARE_MS)
		n++;
	if (n == 0)
		return;
	memmove(p->gone, p->gone + n, (p->n_gone - n) * sizeof(*p->gone));
	p->n_gone -= n;
}

/* The highest rate of a run of entries that ends with the newest (4.3.4.2). */
static void measure(struct playlist *p)
{
	int64_t half = (int64_t)p->target_s * 45000, dur = 0;
	uint64_t bytes = 0, bps;
	size_t i;

	for (i = p->n; i > 0; i--) {
		bytes += p->entries[i - 1].bytes;
		dur += p->entries[i - 1].duration_90k;
		if (dur > 3 * half)
			break;
		bps = bytes * 8 * 90000 / (uint64_t)dur;
		if (dur >= half && bps > p->peak_bps)
			p->peak_bps = bps;
	}
	p->all_bytes += p->entries[p->n - 1].bytes;
	p->all_90k += p->entries[p->n - 1].duration_90k;
}

static void raise_target(struct playlist *p, int64_t duration_90k)
{
	int64_t seconds = (duration_90k + 45000) / 90000;

	if (seconds <= p->target_s)
		return;
	p->target_s = (int)seconds;
	p->n_rises += p->n > 0;
}

void playlist_add(struct playlist *p, const struct playlist_entry *e)
{
	struct playlist_entry *to;
	int64_t keep, end_ms = e->wall_start_ms + e->duration_90k / 90;

	assert(!p->has_any || e->sequence > p->last_sequence);
	assert(e->duration_90k > 0 && e->duration_90k < INT64_C(90000) * 86400);
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 16;
		p->entries = xrealloc(p->entries, p->cap * sizeof(*p->entries));
	}
	raise_target(p, e->duration_90k);
	to = &p->entries[p->n++];
	*to = *e;
	if (!p->has_any)
		p->media_sequence = e->sequence;
	else if (e->sequence != p->last_sequence + 1)
		to->discontinuity = true;
	p->has_any = true;
	p->last_sequence = e->sequence;
	p->total_90k += e->duration_90k;
	if (p->total_90k > p->longest_90k)
		p->longest_90k = p->total_90k;
	measure(p);
	keep = (int64_t)p->target_s * MIN_TARGETS * 90000;
	keep = keep > p->window_90k ? keep : p->window_90k;
	while (p->n > 1 && p->total_90k - p->entries[0].duration_90k >= keep)
		remove_oldest(p, end_ms);
	while (!e->fmp4 && p->n > 1 && p->entries[p->n - 2].fmp4)
		remove_oldest(p, end_ms);
	forget_gone(p, end_ms);
	p->version++;
}

void playlist_end(struct playlist *p)
{
	if (p->ended)
		return;
	p->ended = true;
	p->version++;
}

bool playlist_oldest_needed(const struct playlist *p, int64_t now_wall_ms, uint64_t *sequence)
{
	size_t i;

	for (i = 0; i < p->n_gone; i++) {
		if (p->gone[i].until_ms > now_wall_ms) {
			*sequence = p->gone[i].sequence;
			return true;
		}
	}
	if (p->n == 0)
		return false;
	*sequence = p->entries[0].sequence;
	return true;
}

static bool has_fmp4(const struct playlist *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (p->entries[i].fmp4)
			return true;
	}
	return false;
}

/* prev: the entry before e in the list, or NULL. */
static void render_entry(struct buf *b, const struct playlist_entry *e,
			 const struct playlist_entry *prev)
{
	uint64_t micros = ((uint64_t)e->duration_90k * 100 + 4) / 9;
	char when[25];

	if (e->discontinuity)
		buf_add_str(b, "#EXT-X-DISCONTINUITY\n");
	if (e->fmp4 && (!prev || !prev->fmp4 || prev->map_sequence != e->map_sequence))
		buf_addf(b, "#EXT-X-MAP:URI=\"init-%llu.mp4\"\n", (unsigned long long)e->map_sequence);
	/* Enough to date them all: EXTINF counts on from there (4.3.2.6). */
	if (!prev || e->discontinuity) {
		clock_fmt_utc(when, e->wall_start_ms);
		buf_addf(b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", when);
	}
	buf_addf(b, "#EXTINF:%llu.%06llu,\n%llu.%s\n", (unsigned long long)(micros / 1000000),
		 (unsigned long long)(micros % 1000000), (unsigned long long)e->sequence,
		 e->fmp4 ? "m4s" : "ts");
}

static void render(struct playlist *p)
{
	struct buf *b = &p->text;
	size_t i;

	buf_clear(b);
	/* EXT-X-MAP outside of I-frame playlists: version 6 (section 7). */
	buf_addf(b, "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:%d\n", has_fmp4(p) ? 6 : 3,
		 p->target_s);
	buf_addf(b, "#EXT-X-MEDIA-SEQUENCE:%llu\n", (unsigned long long)p->media_sequence);
	if (p->discontinuity_sequence > 0)
		buf_addf(b, "#EXT-X-DISCONTINUITY-SEQUENCE:%llu\n",
			 (unsigned long long)p->discontinuity_sequence);
	for (i = 0; i < p->n; i++)
		render_entry(b, &p->entries[i], i ? &p->entries[i - 1] : NULL);
	if (p->ended)
		buf_add_str(b, "#EXT-X-ENDLIST\n");
	p->text_version = p->version;
}

void playlist_render(struct playlist *p, struct buf *b)
{
	if (p->text_version != p->version)
		render(p);
	buf_add(b, p->text.data, p->text.len);
}

uint64_t playlist_version(const struct playlist *p)
{
	return p->version;
}

size_t playlist_len(const struct playlist *p)
{
	return p->n;
}

unsigned playlist_target_rises(const struct playlist *p)
{
	return p->n_rises;
}

struct playlist_rate playlist_rate(const struct playlist *p)
{
	struct playlist_rate r = { .peak_bps = p->peak_bps };

	if (p->all_90k > 0)
		r.average_bps = (uint64_t)((unsigned __int128)p->all_bytes * 8 * 90000 /
					   (uint64_t)p->all_90k);
	/* A stream shorter than half a target has no run to measure. */
	if (r.peak_bps < r.average_bps)
		r.peak_bps = r.average_bps;
	return r;
}

void playlist_master_render(struct buf *b, const struct playlist_variant *v, size_t n,
			    bool independent)
{
	size_t i;

	buf_add_str(b, "#EXTM3U\n#EXT-X-VERSION:3\n");
	if (independent)
		buf_add_str(b, "#EXT-X-INDEPENDENT-SEGMENTS\n");
	for (i = 0; i < n; i++, v++) {
		/* BANDWIDTH must be there and positive, also before anything is measured. */
		buf_addf(b, "#EXT-X-STREAM-INF:BANDWIDTH=%llu",
			 (unsigned long long)(v->rate.peak_bps ? v->rate.peak_bps : 1));
		if (v->rate.average_bps > 0)
			buf_addf(b, ",AVERAGE-BANDWIDTH=%llu", (unsigned long long)v->rate.average_bps);
		if (v->codecs && v->codecs[0])
			buf_addf(b, ",CODECS=\"%s\"", v->codecs);
		if (v->width > 0 && v->height > 0)
			buf_addf(b, ",RESOLUTION=%dx%d", v->width, v->height);
		if (v->fps > 0)
			buf_addf(b, ",FRAME-RATE=%.3f", v->fps);
		buf_addf(b, "\n%s\n", v->uri);
	}
}
