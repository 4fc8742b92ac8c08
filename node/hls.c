#include "node/hls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "media/wire/playlist.h"
#include "node/http/server.h"
#include "node/live.h"
#include "node/window.h"

#define TYPE_M3U8 "application/vnd.apple.mpegurl"
#define PLAYLIST_MAX (256u << 10)

static void reply_playlist(struct http_req *r, struct buf *b, uint64_t version)
{
	char etag[32];

	snprintf(etag, sizeof(etag), "\"%llx\"", (unsigned long long)version);
	http_set_header(r, "ETag", etag);
	http_set_header(r, "Cache-Control", "max-age=1");
	http_reply(r, 200, TYPE_M3U8, b->data, b->len);
}

static uint64_t fnv(const uint8_t *p, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3u;
	return h;
}

static void not_found(struct http_req *r)
{
	http_reply_error(r, 404, "no such stream, rendition or segment: %s", http_req_path(r));
}

static void get_master(void *arg, struct http_req *r)
{
	struct live *l = lives_find(arg, http_req_param(r, "name"));
	struct buf b;

	buf_init(&b, PLAYLIST_MAX);
	if (!l || !live_master(l, &b))
		not_found(r);
	else
		reply_playlist(r, &b, fnv(b.data, b.len));
	buf_fini(&b);
}

static struct window *find_window(struct lives *ls, struct http_req *r)
{
	struct live *l = lives_find(ls, http_req_param(r, "name"));

	return l ? live_window(l, http_req_param(r, "rendition")) : NULL;
}

static void get_playlist(void *arg, struct http_req *r)
{
	struct window *w = find_window(arg, r);
	struct buf b;

	if (!w || window_is_empty(w)) {
		not_found(r);
		return;
	}
	buf_init(&b, PLAYLIST_MAX);
	playlist_render(window_playlist(w), &b);
	reply_playlist(r, &b, window_version(w));
	buf_fini(&b);
}

/* "123.ts" -> 123.  The whole name must be that. */
static bool parse_name(const char *file, const char *prefix, const char *suffix, uint64_t *seq)
{
	size_t n = strlen(prefix);
	char *end;

	if (strncmp(file, prefix, n) != 0 || file[n] < '0' || file[n] > '9' || strlen(file) > 40)
		return false;
	*seq = strtoull(file + n, &end, 10);
	return strcmp(end, suffix) == 0;
}

static void reply_segment(struct http_req *r, const char *type, struct blob *b, size_t offset)
{
	http_set_header(r, "Cache-Control", "public, max-age=3600, immutable");
	http_reply_blob(r, 200, type, b, offset);
}

static void get_segment(void *arg, struct http_req *r)
{
	struct window *w = find_window(arg, r);
	const char *file = http_req_param(r, "file");
	const struct window_segment *s = NULL;
	uint64_t seq;

	if (w && parse_name(file, "", ".ts", &seq)) {
		s = window_find(w, seq);
		if (s && !s->fmp4) {
			reply_segment(r, "video/mp2t", s->data, 0);
			return;
		}
	} else if (w && parse_name(file, "", ".m4s", &seq)) {
		s = window_find(w, seq);
		if (s && s->fmp4) {
			reply_segment(r, "video/mp4", s->data, s->init_len);
			return;
		}
	} else if (w && parse_name(file, "init-", ".mp4", &seq)) {
		s = window_find_map(w, seq);
		if (s) {
			http_set_header(r, "Cache-Control", "public, max-age=3600, immutable");
			http_reply(r, 200, "video/mp4", s->map->data, s->map_len);
			return;
		}
	}
	not_found(r);
}

void hls_routes(struct http_server *s, struct lives *ls)
{
	http_route(s, "GET", "/hls/:name/index.m3u8", get_master, ls);
	http_route(s, "GET", "/hls/:name/:rendition/index.m3u8", get_playlist, ls);
	http_route(s, "GET", "/hls/:name/:rendition/:file", get_segment, ls);
}
