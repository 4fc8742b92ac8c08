#include "media/wire/playlist.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

/* A list that keeps everything for days would never end: 24 h of 2 s. */
#define ENTRIES_MAX 43200
#define TEXT_MAX (8u << 20)

struct playlist {
	int target_ms, window_ms;
	int target_s;			/* EXT-X-TARGETDURATION */
	struct playlist_entry *e;	/* the window, oldest first */
	size_t n, cap;
	uint64_t media_sequence;	/* of e[0] */
	uint64_t discontinuity_sequence;	/* DISCONTINUITY tags that left */
	bool ended;
	uint64_t version;
	struct buf text;		/* rendered; empty: to do */
	/* removed entries that a client may still ask for: oldest sequence and when it left */
	struct gone { uint64_t sequence; int64_t until_wall_ms; } *gone;
	size_t n_gone, gone_cap;
	int64_t longest_list_ms;	/* longest playlist that was ever rendered */
	struct playlist_rate rate;
	double peak_bps;		/* over the whole life */
};

static int64_t ms_of(int64_t t_90k)
{
	return (t_90k + 45) / 90;
}

/* EXTINF rounded to the nearest second may not pass TARGETDURATION (4.3.3.1). */
static int rounded_s(int64_t duration_90k)
{
	return (int)((duration_90k + 45000) / 90000);
}

struct playlist *playlist_new(int target_ms, int window_ms)
{
	struct playlist *p = xcalloc(1, sizeof(*p));

	p->target_ms = target_ms;
	p->window_ms = window_ms;
	buf_init(&p->text, TEXT_MAX);
	return p;
}

void playlist_free(struct playlist *p)
{
	if (!p)
		return;
	buf_fini(&p->text);
	free(p->e);
	free(p->gone);
	free(p);
}

static int64_t list_ms(const struct playlist *p)
{
	int64_t sum = 0;
	size_t i;

	for (i = 0; i < p->n; i++)
		sum += p->e[i].duration_90k;
	return ms_of(sum);
}

/* Forget those that nobody may ask for any more. */
static void prune_gone(struct playlist *p, int64_t now_wall_ms)
{
	size_t i = 0;

	while (i < p->n_gone && p->gone[i].until_wall_ms <= now_wall_ms)
		i++;
	p->n_gone -= i;
	memmove(p->gone, p->gone + i, p->n_gone * sizeof(*p->gone));
}

static void remember_gone(struct playlist *p, const struct playlist_entry *e, int64_t now_wall_ms)
{
	if (p->n_gone == p->gone_cap) {
		p->gone_cap = p->gone_cap ? p->gone_cap * 2 : 16;
		p->gone = xrealloc(p->gone, p->gone_cap * sizeof(*p->gone));
	}
	p->gone[p->n_gone].sequence = e->sequence;
	p->gone[p->n_gone].until_wall_ms = now_wall_ms + ms_of(e->duration_90k) + p->longest_list_ms;
	p->n_gone++;
}

static void drop_first(struct playlist *p, int64_t now_wall_ms)
{
	remember_gone(p, &p->e[0], now_wall_ms);
	p->discontinuity_sequence += p->e[0].discontinuity;
	p->media_sequence++;
	p->n--;
	memmove(p->e, p->e + 1, p->n * sizeof(p->e[0]));
}

/* What leaves must leave at least window_ms, and 3 target durations (6.2.2). */
static void trim(struct playlist *p, int64_t now_wall_ms)
{
	int64_t keep_ms = (int64_t)p->target_s * 3000, sum = list_ms(p);

	if (keep_ms < p->window_ms)
		keep_ms = p->window_ms;
	while (p->n > 3 && (sum - ms_of(p->e[0].duration_90k) >= keep_ms || p->n > ENTRIES_MAX)) {
		sum -= ms_of(p->e[0].duration_90k);
		drop_first(p, now_wall_ms);
	}
}

/*
 * Peak: the highest rate of any run of segments between 0.5 and 1.5 target
 * durations long (4.3.4.2); a longer segment counts by itself.
 */
static void measure(struct playlist *p)
{
	int64_t low = (int64_t)p->target_s * 45000, high = low * 3;
	double bytes = 0, secs = 0, run_bytes = 0;
	int64_t run = 0;
	size_t i;

	for (i = p->n; i-- > 0;) {
		if (run > 0 && run + p->e[i].duration_90k > high)
			break;
		run += p->e[i].duration_90k;
		run_bytes += (double)p->e[i].bytes;
		if (run >= low && run_bytes * 8 * 90000 / (double)run > p->peak_bps)
			p->peak_bps = run_bytes * 8 * 90000 / (double)run;
	}
	for (i = 0; i < p->n; i++) {
		bytes += (double)p->e[i].bytes;
		secs += (double)p->e[i].duration_90k / 90000;
	}
	p->rate.average_bps = secs > 0 ? (uint64_t)(bytes * 8 / secs) : 0;
	p->rate.peak_bps = (uint64_t)(p->peak_bps > (double)p->rate.average_bps ?
				      p->peak_bps : (double)p->rate.average_bps);
}

static void changed(struct playlist *p)
{
	p->version++;
	buf_clear(&p->text);
}

void playlist_add(struct playlist *p, const struct playlist_entry *e)
{
	int64_t end_ms = e->wall_start_ms + ms_of(e->duration_90k);
	struct playlist_entry *to;

	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 8;
		p->e = xrealloc(p->e, p->cap * sizeof(p->e[0]));
	}
	/* A MAP cannot be revoked: what needed one leaves before what must not have it. */
	if (p->n && p->e[p->n - 1].fmp4 && !e->fmp4)
		while (p->n)
			drop_first(p, end_ms);
	to = &p->e[p->n];
	*to = *e;
	if (p->n == 0)
		p->media_sequence = e->sequence;
	else if (e->sequence != to[-1].sequence + 1)
		to->discontinuity = true;
	p->n++;
	if (p->target_s == 0)
		p->target_s = (p->target_ms + 999) / 1000;
	if (rounded_s(e->duration_90k) > p->target_s)
		p->target_s = rounded_s(e->duration_90k);
	measure(p);
	if (p->n_gone)
		prune_gone(p, end_ms);
	trim(p, end_ms);
	if (list_ms(p) > p->longest_list_ms)
		p->longest_list_ms = list_ms(p);
	changed(p);
}

void playlist_end(struct playlist *p)
{
	p->ended = true;
	changed(p);
}

bool playlist_oldest_needed(const struct playlist *p, int64_t now_wall_ms, uint64_t *sequence)
{
	size_t i;

	if (p->n == 0)
		return false;
	*sequence = p->e[0].sequence;
	for (i = 0; i < p->n_gone; i++) {
		if (p->gone[i].until_wall_ms > now_wall_ms) {
			*sequence = p->gone[i].sequence;
			break;
		}
	}
	return true;
}

static void render_entry(struct buf *b, const struct playlist *p, size_t i)
{
	const struct playlist_entry *e = &p->e[i];
	bool new_map = e->fmp4 && (i == 0 || !e[-1].fmp4 || e[-1].map_sequence != e->map_sequence ||
				   e->discontinuity);
	char utc[25];

	if (e->discontinuity)
		buf_add_str(b, "#EXT-X-DISCONTINUITY\n");
	if (new_map)
		buf_addf(b, "#EXT-X-MAP:URI=\"init-%llu.mp4\"\n", (unsigned long long)e->map_sequence);
	clock_fmt_utc(utc, e->wall_start_ms);
	buf_addf(b, "#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:%.5f,\n%llu.%s\n", utc,
		 (double)e->duration_90k / 90000, (unsigned long long)e->sequence,
		 e->fmp4 ? "m4s" : "ts");
}

static void render(struct playlist *p)
{
	struct buf *b = &p->text;
	bool fmp4 = false;
	size_t i;

	for (i = 0; i < p->n; i++)
		fmp4 |= p->e[i].fmp4;
	buf_addf(b, "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:%llu\n",
		 fmp4 ? 6 : 3, p->target_s, (unsigned long long)p->media_sequence);
	if (p->discontinuity_sequence)
		buf_addf(b, "#EXT-X-DISCONTINUITY-SEQUENCE:%llu\n",
			 (unsigned long long)p->discontinuity_sequence);
	for (i = 0; i < p->n; i++)
		render_entry(b, p, i);
	if (p->ended)
		buf_add_str(b, "#EXT-X-ENDLIST\n");
}

void playlist_render(struct playlist *p, struct buf *b)
{
	if (p->text.len == 0)
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

struct playlist_rate playlist_rate(const struct playlist *p)
{
	return p->rate;
}

void playlist_master_render(struct buf *b, const struct playlist_variant *v, size_t n,
			    bool independent)
{
	size_t i;

	buf_addf(b, "#EXTM3U\n#EXT-X-VERSION:%d\n", 3);
	if (independent)
		buf_add_str(b, "#EXT-X-INDEPENDENT-SEGMENTS\n");
	for (i = 0; i < n; i++) {
		buf_addf(b, "#EXT-X-STREAM-INF:BANDWIDTH=%llu,AVERAGE-BANDWIDTH=%llu",
			 (unsigned long long)v[i].rate.peak_bps,
			 (unsigned long long)v[i].rate.average_bps);
		if (v[i].codecs && v[i].codecs[0])
			buf_addf(b, ",CODECS=\"%s\"", v[i].codecs);
		if (v[i].width > 0 && v[i].height > 0)
			buf_addf(b, ",RESOLUTION=%dx%d", v[i].width, v[i].height);
		if (v[i].fps > 0)
			buf_addf(b, ",FRAME-RATE=%.3f", v[i].fps);
		buf_addf(b, "\n%s\n", v[i].uri);
	}
}
