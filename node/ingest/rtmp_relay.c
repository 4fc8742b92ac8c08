/*
 * Streams between one publisher and its players.  Everything a player gets stands
 * in the stream's GOP cache as the bytes of the wire; see rtmp_gop.h.  A player
 * has one write in flight, which always ends with a whole message, so it can be
 * moved to another group of pictures between two writes: a slow one is taken off
 * and put back at the next key frame.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "node/ingest/rtmp_gop.h"
#include "node/ingest/rtmp_int.h"

#define CSID_AUDIO 4
#define CSID_VIDEO 6
#define CSID_DATA 5

struct rtmp_stream {
	struct rtmp_server *server;
	struct rtmp_stream *next;
	char name[RTMP_NAME_MAX + 1];
	const struct rtmp_publisher *pub;	/* NULL: players wait for one */
	unsigned n_pubs;		/* that point to us: also those that were replaced */
	struct rtmp_player *players;
	unsigned busy;			/* a loop over players runs: do not free */
	bool has_video;
	bool ended_cleanly;		/* players were told that the publisher is gone */
	struct buf metadata, video_header, audio_header;	/* message bodies */
	struct gop_list gops;
};

struct rtmp_player {
	struct rtmp_conn *conn;
	struct rtmp_stream *stream;
	struct rtmp_player *next;
	bool started;			/* Play.Start was sent */
	bool paused;
	bool stopped;			/* only waits for its write to end */
	bool writing;
	uv_write_t req;
	struct gop *gop;		/* what comes next; NULL: waits for a key frame */
	struct gop_pos pos;
	uint64_t at;			/* gop_list.total at pos */
	struct gop *pinned;		/* in flight */
	int64_t wait_until_ms;		/* for a publisher; 0: there is one */
	int64_t progress_ms;		/* the write in flight last moved */
	size_t last_queue;
};

/* ---- streams ---- */

static struct rtmp_stream *find_or_add(struct rtmp_server *s, const char *name)
{
	struct rtmp_stream *st;

	for (st = s->streams; st; st = st->next)
		if (strcmp(st->name, name) == 0)
			return st;
	st = xcalloc(1, sizeof(*st));
	st->server = s;
	strcpy(st->name, name);
	buf_init(&st->metadata, RTMP_HEADER_MAX);
	buf_init(&st->video_header, RTMP_HEADER_MAX);
	buf_init(&st->audio_header, RTMP_HEADER_MAX);
	gop_list_init(&st->gops, &s->stats.gop_bytes);
	st->next = s->streams;
	s->streams = st;
	return st;
}

static void free_if_unused(struct rtmp_stream *st)
{
	struct rtmp_stream **at = &st->server->streams;

	if (st->n_pubs > 0 || st->players || st->busy > 0)
		return;
	while (*at != st)
		at = &(*at)->next;
	*at = st->next;
	gop_list_fini(&st->gops);
	buf_fini(&st->metadata);
	buf_fini(&st->video_header);
	buf_fini(&st->audio_header);
	free(st);
}

/* ---- a player's place ---- */

static void detach(struct rtmp_player *p)
{
	if (!p->gop)
		return;
	p->gop->cursors--;
	p->gop = NULL;
	gop_list_sweep(&p->stream->gops);
}

static void attach(struct rtmp_player *p, struct gop *g, bool at_head)
{
	p->gop = g;
	g->cursors++;
	p->pos = (struct gop_pos){ .past_head = !at_head };
	p->at = g->start;
}

/* Put a player that waits at the current group, if it can begin there. */
static void try_join(struct rtmp_player *p)
{
	struct gop *g = p->stream->gops.current;

	if (p->started && !p->paused && !p->stopped && !p->gop && g && g->joinable)
		attach(p, g, true);
}

/* On to the next group; what it needs came on the way. */
static bool move_on(struct rtmp_player *p)
{
	struct gop *old = p->gop, *g = old->next;

	if (!g)
		return false;
	attach(p, g, false);	/* first: without a reader before it, it may be swept */
	old->cursors--;
	gop_list_sweep(&p->stream->gops);
	return true;
}

/* ---- sending ---- */

static void player_free(struct rtmp_player *p)
{
	struct rtmp_stream *st = p->stream;
	struct rtmp_player **at = &st->players;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->conn->player = NULL;
	free(p);
	free_if_unused(st);
}

static void flush_player(struct rtmp_player *p);

static void on_sent(uv_write_t *req, int status)
{
	struct rtmp_player *p = req->data;

	p->writing = false;
	p->pinned->pins--;
	p->pinned = NULL;
	gop_list_sweep(&p->stream->gops);
	if (p->stopped)
		player_free(p);
	else if (status == 0)
		flush_player(p);	/* an error also reaches the reading side */
}

/* Skip n bytes of pieces already written. */
static void drop_written(uv_buf_t **pieces, unsigned *n_pieces, size_t n)
{
	while (*n_pieces > 0 && n >= (*pieces)->len) {
		n -= (*pieces)->len;
		(*pieces)++;
		(*n_pieces)--;
	}
	if (*n_pieces > 0) {
		(*pieces)->base += n;
		(*pieces)->len -= n;
	}
}

/* Write as much as the socket takes now; leave the rest in flight. */
static void write_pieces(struct rtmp_player *p, struct gop *g, uv_buf_t *pieces, unsigned n_pieces)
{
	uv_stream_t *stream = (uv_stream_t *)&p->conn->tcp;
	unsigned i;
	int n = 0;

	for (i = 0; i < n_pieces; i++)
		p->conn->server->stats.bytes_out += pieces[i].len;
	if (uv_stream_get_write_queue_size(stream) == 0)
		n = uv_try_write(stream, pieces, n_pieces);
	if (n > 0)
		drop_written(&pieces, &n_pieces, (size_t)n);
	if (n_pieces == 0)
		return;
	p->req.data = p;
	if (uv_write(&p->req, stream, pieces, n_pieces, on_sent) < 0) {
		rtmp_conn_close(p->conn, false, "cannot write");	/* p is gone */
		return;
	}
	p->writing = true;
	p->pinned = g;
	g->pins++;
	p->progress_ms = clock_mono_ms();
	p->last_queue = 0;
}

static void flush_player(struct rtmp_player *p)
{
	struct rtmp_conn *c = p->conn;
	uv_buf_t few[8], *pieces;
	unsigned n;

	while (c->player == p && !p->stopped && !p->writing && p->gop && c->state == CONN_OPEN) {
		struct gop *g = p->gop;

		n = gop_n_pieces(g);
		pieces = n <= 8 ? few : xmalloc(n * sizeof(*pieces));
		n = gop_gather(g, &p->pos, pieces);
		p->at = g->start + g->len;
		if (n > 0)
			write_pieces(p, g, pieces, n);
		if (pieces != few)
			free(pieces);
		if (n == 0 && !move_on(p))
			return;
	}
}

/* A player this far behind continues at the next key frame. */
static void check_lag(struct rtmp_player *p)
{
	if (p->gop && p->writing && p->stream->gops.total - p->at > RTMP_PLAYER_LAG_MAX)
		detach(p);
}

void rtmp_stream_flush(struct rtmp_stream *st)
{
	struct rtmp_player *p, *next;

	st->busy++;
	for (p = st->players; p; p = next) {
		next = p->next;
		check_lag(p);
		flush_player(p);
	}
	st->busy--;
	free_if_unused(st);
}

/* ---- from the publisher ---- */

static void write_header(struct buf *to, const struct buf *body, uint8_t type, uint32_t csid,
			 uint32_t time_ms)
{
	struct rtmp_msg m = { .type = type, .csid = csid, .stream_id = RTMP_STREAM_ID,
			      .time_ms = time_ms, .data = body->data, .len = body->len };

	if (body->len > 0)
		rtmp_chunk_write(to, &m, RTMP_CHUNK_SIZE_OUT);
}

static void begin_gop(struct rtmp_stream *st, bool joinable, uint32_t time_ms)
{
	struct rtmp_player *p;
	struct buf head;

	buf_init(&head, 4 * RTMP_HEADER_MAX);
	/* Time 0: ffmpeg takes later metadata for a track of text. */
	write_header(&head, &st->metadata, RTMP_DATA_AMF0, CSID_DATA, 0);
	write_header(&head, &st->video_header, RTMP_VIDEO, CSID_VIDEO, time_ms);
	write_header(&head, &st->audio_header, RTMP_AUDIO, CSID_AUDIO, time_ms);
	gop_list_begin(&st->gops, joinable, &head);
	buf_fini(&head);
	for (p = st->players; p; p = p->next)
		try_join(p);
}

static void keep(struct buf *b, const struct rtmp_msg *m)
{
	buf_clear(b);
	buf_add(b, m->data, m->len);	/* a longer one is not kept: RTMP_HEADER_MAX */
}

/* Which group does a frame go to?  false: none yet. */
static bool choose_gop(struct rtmp_stream *st, const struct rtmp_msg *m, enum relay_kind kind)
{
	struct gop *g = st->gops.current;

	if (kind == RELAY_KEY)
		begin_gop(st, true, m->time_ms);
	else if (kind == RELAY_FRAME && !st->has_video && (!g || g->len > RTMP_GOP_AUDIO_ONLY))
		begin_gop(st, true, m->time_ms);
	else if (g && g->len + m->len > RTMP_GOP_MAX)
		begin_gop(st, false, m->time_ms);
	return st->gops.current != NULL;
}

void rtmp_stream_push(struct rtmp_stream *st, const struct rtmp_publisher *p,
		      const struct rtmp_msg *m, enum relay_kind kind)
{
	struct rtmp_msg out = *m;

	if (st->pub != p)	/* another publisher took over */
		return;
	if (m->type == RTMP_VIDEO && kind != RELAY_OTHER)
		st->has_video = true;
	if (kind == RELAY_METADATA) {
		keep(&st->metadata, m);
		out.time_ms = 0;	/* see begin_gop */
	} else if (kind == RELAY_HEADER) {
		keep(m->type == RTMP_VIDEO ? &st->video_header : &st->audio_header, m);
	}
	if (st->server->opts.no_gop_cache && !st->players) {
		gop_list_end(&st->gops);	/* nobody to keep it for */
		return;
	}
	if (!choose_gop(st, m, kind))
		return;
	out.stream_id = RTMP_STREAM_ID;
	out.csid = m->type == RTMP_VIDEO ? CSID_VIDEO : m->type == RTMP_AUDIO ? CSID_AUDIO : CSID_DATA;
	gop_list_add(&st->gops, &out, RTMP_CHUNK_SIZE_OUT);
}

/* Another time line begins: nobody may run into it from the old one. */
static void reset(struct rtmp_stream *st)
{
	struct rtmp_player *p;

	for (p = st->players; p; p = p->next)
		detach(p);
	gop_list_end(&st->gops);
	buf_clear(&st->metadata);
	buf_clear(&st->video_header);
	buf_clear(&st->audio_header);
	st->has_video = false;
}

/* ---- telling players ---- */

/* No "|RtmpSampleAccess": only Flash asked for it. */
static void send_start(struct rtmp_player *p)
{
	struct buf b;

	buf_init(&b, 4096);
	rtmp_add_user_control(&b, RTMP_STREAM_BEGIN, RTMP_STREAM_ID);
	rtmp_add_status(&b, "status", "NetStream.Play.Reset", "Playing.");
	rtmp_add_status(&b, "status", "NetStream.Play.Start", "Playing.");
	rtmp_conn_send(p->conn, &b);
	buf_fini(&b);
}

static void send_unpublished(struct rtmp_player *p)
{
	struct buf b;

	buf_init(&b, 4096);
	rtmp_add_status(&b, "status", "NetStream.Play.UnpublishNotify", "The stream has ended.");
	rtmp_add_user_control(&b, RTMP_STREAM_EOF, RTMP_STREAM_ID);
	rtmp_conn_send(p->conn, &b);
	buf_fini(&b);
}

/* The stream is there: begin, or go on after a publisher came back. */
static void player_start(struct rtmp_player *p)
{
	struct rtmp_conn *c = p->conn;

	p->wait_until_ms = 0;
	if (!p->started)
		send_start(p);
	if (c->player != p || p->stopped)
		return;
	p->started = true;
	try_join(p);
	flush_player(p);
}

struct rtmp_stream *rtmp_stream_publish(struct rtmp_server *s, struct rtmp_publisher *pub)
{
	struct rtmp_stream *st = find_or_add(s, pub->name.name);
	struct rtmp_player *p, *next;

	st->pub = pub;
	st->n_pubs++;
	st->ended_cleanly = false;
	reset(st);
	st->busy++;
	for (p = st->players; p; p = next) {
		next = p->next;
		if (!p->stopped)
			player_start(p);
	}
	st->busy--;
	return st;
}

void rtmp_stream_unpublish(struct rtmp_stream *st, const struct rtmp_publisher *pub, bool clean)
{
	struct rtmp_player *p, *next;

	st->n_pubs--;
	if (st->pub != pub) {
		free_if_unused(st);
		return;
	}
	st->busy++;
	rtmp_stream_flush(st);
	st->pub = NULL;
	st->ended_cleanly = clean;
	for (p = st->players; p; p = next) {
		next = p->next;
		if (p->stopped)
			continue;
		p->wait_until_ms = clock_mono_ms() + RTMP_PLAY_WAIT_MS;
		if (clean && p->started)
			send_unpublished(p);
	}
	reset(st);
	st->busy--;
	free_if_unused(st);
}

/* ---- from the player ---- */

static void refuse_play(struct rtmp_conn *c, const char *code, const char *description)
{
	struct buf b;

	buf_init(&b, 4096);
	rtmp_add_status(&b, "error", code, description);
	rtmp_conn_send(c, &b);
	buf_fini(&b);
	rtmp_conn_linger(c);
}

static char *play_url(const struct rtmp_conn *c, const char *name)
{
	const char *base = c->tc_url[0] ? c->tc_url : c->app;

	return name[0] ? xasprintf("%s/%s", base, name) : xstrdup(base);
}

static bool may_play(struct rtmp_conn *c, const struct rtmp_name *n, const char *name)
{
	char *url = play_url(c, name);
	struct rtmp_request req = { .name = n->name, .key = n->key, .url = url, .peer = c->peer,
				    .app = n->app };
	bool ok = c->server->cb.on_play(c->server->arg, &req);

	free(url);
	return ok;
}

void rtmp_play_start(struct rtmp_conn *c, const char *name)
{
	struct rtmp_player *p;
	struct rtmp_name n;
	struct err err;

	if (c->pub || c->player)	/* "play" again, or beside publishing */
		return;
	if (rtmp_name_parse(&n, c->app, c->tc_url, name, &err) < 0) {
		refuse_play(c, "NetStream.Play.StreamNotFound", err.msg);
		return;
	}
	if (!may_play(c, &n, name)) {
		refuse_play(c, "NetStream.Play.Failed", "Playing is not allowed.");
		return;
	}
	p = xcalloc(1, sizeof(*p));
	p->conn = c;
	p->stream = find_or_add(c->server, n.name);
	p->next = p->stream->players;
	p->stream->players = p;
	c->player = p;
	c->deadline_ms = 0;
	c->server->stats.n_players++;
	if (p->stream->pub)
		player_start(p);
	else
		p->wait_until_ms = clock_mono_ms() + RTMP_PLAY_WAIT_MS;
}

void rtmp_play_pause(struct rtmp_conn *c, bool paused)
{
	struct rtmp_player *p = c->player;
	struct buf b;

	if (!p || p->stopped || !p->started || p->paused == paused)
		return;
	p->paused = paused;
	buf_init(&b, 4096);
	rtmp_add_status(&b, "status", paused ? "NetStream.Pause.Notify" : "NetStream.Unpause.Notify",
			paused ? "Paused." : "Playing.");
	rtmp_conn_send(c, &b);
	buf_fini(&b);
	if (c->player != p || p->stopped)
		return;
	if (paused) {
		detach(p);
		return;
	}
	try_join(p);
	flush_player(p);
}

void rtmp_play_stop(struct rtmp_conn *c)
{
	struct rtmp_player *p = c->player;

	if (!p || p->stopped)
		return;
	p->stopped = true;
	c->server->stats.n_players--;
	detach(p);
	if (c->state == CONN_OPEN)
		rtmp_conn_set_deadline(c, RTMP_COMMAND_MS, "nothing more was asked for");
	if (!p->writing)
		player_free(p);
}

void rtmp_play_free(struct rtmp_conn *c)
{
	if (c->player)	/* its write was cancelled before the close */
		player_free(c->player);
}

static void check_stall(struct rtmp_player *p, int64_t now_ms)
{
	size_t queue = uv_stream_get_write_queue_size((uv_stream_t *)&p->conn->tcp);

	if (queue != p->last_queue) {
		p->last_queue = queue;
		p->progress_ms = now_ms;
	} else if (now_ms - p->progress_ms >= RTMP_STALL_MS) {
		rtmp_conn_close(p->conn, false, "the player takes nothing");
	}
}

void rtmp_play_tick(struct rtmp_conn *c, int64_t now_ms)
{
	struct rtmp_player *p = c->player;

	if (p->stopped)
		return;
	if (p->wait_until_ms > 0 && now_ms >= p->wait_until_ms) {
		if (!p->started) {
			refuse_play(c, "NetStream.Play.StreamNotFound", "No such stream.");
			return;
		}
		if (!p->stream->ended_cleanly)
			send_unpublished(p);
		rtmp_conn_linger(c);
		return;
	}
	if (p->writing)
		check_stall(p, now_ms);
}
