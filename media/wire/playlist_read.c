#include "media/wire/playlist_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define MAPS_MAX 4096
#define EXTINF_S_MAX 3600

/* A piece of the text. */
struct span {
	const char *p;
	size_t len;
};

struct reader {
	struct media_playlist *to;
	size_t cap;
	int64_t duration_90k;		/* of the EXTINF that waits for its URI; -1: none */
	bool discontinuity, gap;	/* say something of the next segment */
};

/* Takes the prefix off; false: s does not begin with it. */
static bool take(struct span *s, const char *prefix)
{
	size_t len = strlen(prefix);

	if (s->len < len || memcmp(s->p, prefix, len) != 0)
		return false;
	s->p += len;
	s->len -= len;
	return true;
}

static bool is(struct span s, const char *text)
{
	return take(&s, text) && s.len == 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "2", "2.002", "2.002," and a title behind it: 4.3.2.1. */
static int read_extinf(struct reader *r, struct span s, struct err *err)
{
	int64_t whole = 0, frac = 0, scale = 1;
	size_t i = 0;

	for (; i < s.len && is_digit(s.p[i]) && whole <= EXTINF_S_MAX; i++)
		whole = whole * 10 + (s.p[i] - '0');
	if (i == 0 || whole > EXTINF_S_MAX)
		return err_set(err, ERR_INVALID, "EXTINF is no duration up to %d s", EXTINF_S_MAX);
	if (i < s.len && s.p[i] == '.') {
		for (i++; i < s.len && is_digit(s.p[i]); i++) {
			if (scale >= 1000000000)	/* finer than a clock can be */
				continue;
			frac = frac * 10 + (s.p[i] - '0');
			scale *= 10;
		}
	}
	if (i < s.len && s.p[i] != ',' && s.p[i] != ' ')
		return err_set(err, ERR_INVALID, "EXTINF is not a number");
	r->duration_90k = whole * 90000 + (frac * 90000 + scale / 2) / scale;
	return 0;
}

/* The value of NAME=VALUE or NAME="VALUE" in an attribute list (4.2). */
static bool find_attribute(struct span list, const char *name, struct span *value)
{
	size_t i = 0, from, name_at, name_len;
	bool quoted;

	while (i < list.len) {
		while (i < list.len && (list.p[i] == ' ' || list.p[i] == ','))
			i++;
		name_at = i;
		while (i < list.len && list.p[i] != '=')
			i++;
		name_len = i++ - name_at;
		quoted = i < list.len && list.p[i] == '"';
		i += quoted;
		from = i;
		while (i < list.len && list.p[i] != (quoted ? '"' : ','))
			i++;
		if (name_len == strlen(name) && memcmp(list.p + name_at, name, name_len) == 0 &&
		    from <= list.len) {
			*value = (struct span){ list.p + from, i - from };
			return true;
		}
		i++;
	}
	return false;
}

static int check_uri(struct span uri, struct err *err)
{
	if (uri.len == 0)
		return err_set(err, ERR_INVALID, "an empty URI");
	if (uri.len > MEDIA_PLAYLIST_URI_MAX)
		return err_set(err, ERR_LIMIT, "a URI of %zu bytes, at most %d", uri.len,
			       MEDIA_PLAYLIST_URI_MAX);
	return 0;
}

static int read_map(struct reader *r, struct span list, struct err *err)
{
	struct media_playlist *p = r->to;
	struct span uri, range;

	if (!find_attribute(list, "URI", &uri))
		return err_set(err, ERR_INVALID, "EXT-X-MAP without URI");
	if (find_attribute(list, "BYTERANGE", &range))
		return err_set(err, ERR_INVALID, "byte ranges of files are not supported");
	if (check_uri(uri, err) < 0)
		return -1;
	if (p->n_maps == MAPS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d EXT-X-MAP", MAPS_MAX);
	p->map = xrealloc(p->map, (p->n_maps + 1) * sizeof(p->map[0]));
	p->map[p->n_maps++] = xstrndup(uri.p, uri.len);
	return 0;
}

static int read_key(struct span list, struct err *err)
{
	struct span method;

	if (find_attribute(list, "METHOD", &method) && is(method, "NONE"))
		return 0;
	return err_set(err, ERR_INVALID, "its segments are encrypted (EXT-X-KEY)");
}

static int read_tag(struct reader *r, struct span s, struct err *err)
{
	if (take(&s, "EXTINF:"))
		return read_extinf(r, s, err);
	if (take(&s, "EXT-X-MAP:"))
		return read_map(r, s, err);
	if (take(&s, "EXT-X-KEY:"))
		return read_key(s, err);
	if (take(&s, "EXT-X-BYTERANGE:"))
		return err_set(err, ERR_INVALID, "byte ranges of files are not supported");
	if (take(&s, "EXT-X-STREAM-INF:"))
		return err_set(err, ERR_INVALID,
			       "a master playlist; give one of the media playlists it names");
	if (is(s, "EXT-X-DISCONTINUITY"))
		r->discontinuity = true;
	else if (is(s, "EXT-X-GAP"))
		r->gap = true;
	else if (is(s, "EXT-X-ENDLIST"))
		r->to->ended = true;
	return 0;
}

static void add_item(struct reader *r, struct span uri)
{
	struct media_playlist *p = r->to;

	if (p->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 64;
		p->item = xrealloc(p->item, r->cap * sizeof(p->item[0]));
	}
	p->item[p->n++] = (struct media_item){
		.uri = xstrndup(uri.p, uri.len), .map = p->n_maps ? p->map[p->n_maps - 1] : NULL,
		.duration_90k = r->duration_90k, .discontinuity = r->discontinuity,
	};
	r->discontinuity = false;
}

static int read_uri(struct reader *r, struct span uri, struct err *err)
{
	if (r->duration_90k < 0)
		return err_set(err, ERR_INVALID, "a segment without EXTINF");
	if (check_uri(uri, err) < 0)
		return -1;
	if (r->to->n == MEDIA_PLAYLIST_ITEMS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d segments", MEDIA_PLAYLIST_ITEMS_MAX);
	if (!r->gap)
		add_item(r, uri);
	r->gap = false;
	r->duration_90k = -1;
	return 0;
}

static int read_line(struct reader *r, struct span s, struct err *err)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t')
			return err_set(err, ERR_INVALID, "control character (0x%02x)",
				       (unsigned char)s.p[i]);
	if (s.len == 0)
		return 0;
	return take(&s, "#") ? read_tag(r, s, err) : read_uri(r, s, err);
}

/* The next line of *text, without its end. */
static struct span next_line(struct span *text)
{
	const char *nl = memchr(text->p, '\n', text->len);
	struct span line = { text->p, nl ? (size_t)(nl - text->p) : text->len };
	size_t took = line.len + (nl != NULL);

	text->p += took;
	text->len -= took;
	while (line.len > 0 && (line.p[line.len - 1] == '\r' || line.p[line.len - 1] == ' '))
		line.len--;
	return line;
}

static int read_lines(struct reader *r, struct span text, struct err *err)
{
	unsigned n_line = 1;

	take(&text, "\xef\xbb\xbf");	/* a byte order mark: forbidden by section 4, seen */
	if (!is(next_line(&text), "#EXTM3U"))
		return err_set(err, ERR_INVALID, "not a playlist: it does not begin with #EXTM3U");
	while (text.len > 0) {
		n_line++;
		if (read_line(r, next_line(&text), err) < 0)
			return err_wrap(err, "line %u", n_line);
	}
	if (r->to->n == 0)
		return err_set(err, ERR_INVALID, "a playlist without segments");
	return 0;
}

int media_playlist_parse(struct media_playlist *p, const char *text, size_t len, struct err *err)
{
	struct reader r = { .to = p, .duration_90k = -1 };

	*p = (struct media_playlist){ 0 };
	if (len > MEDIA_PLAYLIST_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "a playlist of %zu bytes, at most %u", len,
			       MEDIA_PLAYLIST_BYTES_MAX);
	if (read_lines(&r, (struct span){ text, len }, err) == 0)
		return 0;
	media_playlist_fini(p);
	return -1;
}

void media_playlist_fini(struct media_playlist *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		free(p->item[i].uri);
	for (i = 0; i < p->n_maps; i++)
		free(p->map[i]);
	free(p->item);
	free(p->map);
	*p = (struct media_playlist){ 0 };
}
