/*
 * A publisher: asked for, accepted or rejected by the owner, then a source of
 * tags that go two ways: parsed, as packets to the owner, and untouched to the
 * players.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "media/wire/amf.h"
#include "media/wire/flv.h"
#include "node/ingest/rtmp_int.h"

#define BAD_NAME "NetStream.Publish.BadName"

/* ---- beginning and end ---- */

static void publisher_free(struct rtmp_publisher *p)
{
	flv_demux_free(p->demux);
	free(p->url);
	free(p);
}

void rtmp_publish_free_dead(struct rtmp_conn *c)
{
	struct rtmp_publisher *p;

	while ((p = c->dead_pubs)) {
		c->dead_pubs = p->next_dead;
		publisher_free(p);
	}
}

static void send_error(struct rtmp_conn *c, const char *code, const char *description)
{
	struct buf b;

	buf_init(&b, 4096);
	rtmp_add_status(&b, "error", code, description);
	rtmp_conn_send(c, &b);
	buf_fini(&b);
}

void rtmp_publish_end(struct rtmp_conn *c, bool clean, const char *why)
{
	struct rtmp_publisher *p = c->pub;
	struct rtmp_server *s = c->server;

	if (!p)
		return;
	c->pub = NULL;
	p->ended = true;
	if (p->stream)
		rtmp_stream_unpublish(p->stream, p, clean);
	if (p->accepted) {
		rtmp_server_count_publisher(s, -1);
		rtmp_conn_set_polled(c, false);
	}
	if (c->state == CONN_OPEN)
		rtmp_conn_set_deadline(c, RTMP_COMMAND_MS, "nothing more was asked for");
	s->cb.on_publish_end(s->arg, p, clean, why);
	p->next_dead = c->dead_pubs;
	c->dead_pubs = p;
	if (!c->feeding)
		rtmp_publish_free_dead(c);
}

static char *make_url(const struct rtmp_conn *c, const char *name)
{
	const char *base = c->tc_url[0] ? c->tc_url : c->app;

	return name[0] ? xasprintf("%s/%s", base, name) : xstrdup(base);
}

void rtmp_publish_ask(struct rtmp_conn *c, const char *name)
{
	struct rtmp_server *s = c->server;
	struct rtmp_publisher *p;
	struct rtmp_name n;
	struct err err;

	if (c->pub || c->player) {
		send_error(c, BAD_NAME, "this connection already has a stream");
		return;
	}
	if (rtmp_name_parse(&n, c->app, c->tc_url, name, &err) < 0) {
		send_error(c, BAD_NAME, err.msg);
		rtmp_conn_linger(c);
		return;
	}
	p = xcalloc(1, sizeof(*p));
	p->conn = c;
	p->name = n;
	p->url = make_url(c, name);
	p->req = (struct rtmp_request){ .name = p->name.name, .key = p->name.key, .url = p->url,
					.peer = c->peer, .app = p->name.app };
	c->pub = p;
	rtmp_conn_set_deadline(c, RTMP_ANSWER_MS, "nobody decided about the publisher");
	s->cb.on_publish(s->arg, p, &p->req);
}

static void on_track(void *arg, enum track track, const struct track_config *config)
{
	struct rtmp_publisher *p = arg;
	struct rtmp_server *s = p->conn->server;

	if (!p->ended)
		s->cb.on_track(s->arg, p, track, config);
}

static void on_packet(void *arg, const struct media_packet *pkt)
{
	struct rtmp_publisher *p = arg;
	struct rtmp_server *s = p->conn->server;

	if (p->ended)
		return;
	if (!p->has_media)
		p->conn->deadline_ms = 0;	/* the idle check takes over */
	p->has_media = true;
	s->cb.on_packet(s->arg, p, pkt);
}

/* Audio that we cannot carry is left out; without its video a stream is pointless. */
static void on_refused(void *arg, enum track track, const char *why)
{
	struct rtmp_publisher *p = arg;

	if (p->ended)
		return;
	if (track == TRACK_VIDEO)
		rtmp_publish_kick(p, why);
	else if (log_may(&p->conn->server->media_limit, 30))
		log_warn(NULL, "audio is left out, the video goes on: stream=%s peer=%s why=\"%s\"",
			 p->req.name, p->req.peer, why);
}

void rtmp_publish_accept(struct rtmp_publisher *p, void *user)
{
	static const struct flv_demux_cb demux_cb = { on_track, on_packet, on_refused };
	struct rtmp_conn *c = p->conn;
	struct buf b;

	assert(!p->accepted && !p->ended);
	p->user = user;
	p->accepted = true;
	p->demux = flv_demux_new(&demux_cb, p);
	p->last_data_ms = clock_mono_ms();
	p->stream = rtmp_stream_publish(c->server, p);
	rtmp_server_count_publisher(c->server, 1);
	rtmp_conn_set_polled(c, true);
	rtmp_chunk_reader_set_max(c->reader, RTMP_MSG_MAX);
	rtmp_conn_set_deadline(c, RTMP_FIRST_MEDIA_MS, "no media came after publish");
	if (!c->feeding) {
		c->resume = true;
		rtmp_server_tick_soon(c->server);
	}
	buf_init(&b, 4096);
	rtmp_add_user_control(&b, RTMP_STREAM_BEGIN, RTMP_STREAM_ID);
	rtmp_add_status(&b, "status", "NetStream.Publish.Start", "Publishing.");
	rtmp_conn_send(c, &b);
	buf_fini(&b);
}

static void end_with_error(struct rtmp_publisher *p, const char *code, const char *description)
{
	struct rtmp_conn *c = p->conn;

	send_error(c, code, description);
	rtmp_publish_end(c, false, description);	/* p is gone */
	rtmp_conn_linger(c);
}

void rtmp_publish_reject(struct rtmp_publisher *p, bool denied, const char *description)
{
	assert(!p->accepted && !p->ended);
	end_with_error(p, denied ? "NetStream.Publish.Denied" : BAD_NAME, description);
}

void rtmp_publish_kick(struct rtmp_publisher *p, const char *why)
{
	if (!p->ended)
		end_with_error(p, "NetStream.Publish.Failed", why);
}

void *rtmp_publisher_user(const struct rtmp_publisher *p)
{
	return p->user;
}

const struct rtmp_request *rtmp_publisher_request(const struct rtmp_publisher *p)
{
	return &p->req;
}

int64_t rtmp_publisher_last_data_ms(const struct rtmp_publisher *p)
{
	return p->last_data_ms;
}

void rtmp_publish_tick(struct rtmp_conn *c, int64_t now_ms)
{
	struct rtmp_publisher *p = c->pub;

	if (p->has_media && now_ms - p->last_data_ms >= (int64_t)c->server->opts.idle_ms)
		rtmp_conn_close(c, false, "no data came for too long");
}

/* ---- media ---- */

static void push_tag(struct rtmp_publisher *p, const struct rtmp_msg *m)
{
	enum relay_kind kind = RELAY_OTHER;
	struct flv_tag t;
	struct err err;
	int ret;

	if (m->type == RTMP_VIDEO)
		ret = flv_parse_video(&t, m->data, m->len, &err);
	else
		ret = flv_parse_audio(&t, m->data, m->len, &err);
	if (ret == 0)
		ret = flv_demux_push(p->demux, m->type == RTMP_VIDEO ? TRACK_VIDEO : TRACK_AUDIO,
				     m->time_ms, &t, &err);
	if (ret < 0) {
		log_debug(NULL, "RTMP tag dropped: stream=%s type=%u why=\"%s\"", p->req.name, m->type,
			  err.msg);
		return;
	}
	if (p->ended || t.kind == FLV_UNSUPPORTED)
		return;
	if (t.kind == FLV_CONFIG)
		kind = RELAY_HEADER;
	else if (t.kind == FLV_FRAME)
		kind = t.key ? RELAY_KEY : RELAY_FRAME;
	rtmp_stream_push(p->stream, p, m, kind);
}

/* "@setDataFrame" is for us; players get what follows it. */
static void push_data(struct rtmp_publisher *p, const struct rtmp_msg *m)
{
	struct rtmp_msg body = *m;
	struct amf_value v;
	struct rd r;

	if (m->type == RTMP_DATA_AMF3 && body.len > 0) {	/* a byte of 0, then AMF0 */
		body.data++;
		body.len--;
	}
	body.type = RTMP_DATA_AMF0;
	r = rd_of(body.data, body.len);
	if (amf_read(&r, &v, NULL) < 0)
		return;
	if (amf_is_str(&v, "@setDataFrame")) {
		body.data = r.p;
		body.len = r.left;
		if (amf_read(&r, &v, NULL) < 0)
			return;
	}
	rtmp_stream_push(p->stream, p, &body,
			 amf_is_str(&v, "onMetaData") ? RELAY_METADATA : RELAY_OTHER);
}

static void push_message(struct rtmp_publisher *p, const struct rtmp_msg *m)
{
	p->last_data_ms = clock_mono_ms();
	if (m->type == RTMP_AUDIO || m->type == RTMP_VIDEO)
		push_tag(p, m);
	else if (m->type == RTMP_DATA_AMF0 || m->type == RTMP_DATA_AMF3)
		push_data(p, m);
}

void rtmp_publish_media(struct rtmp_conn *c, const struct rtmp_msg *m)
{
	struct rtmp_publisher *p = c->pub;
	struct flv_aggregate a;
	struct flv_sub_tag t;

	if (!p || !p->accepted)
		return;
	if (m->type != RTMP_AGGREGATE) {
		push_message(p, m);
		return;
	}
	a = flv_aggregate_of(m->data, m->len, m->time_ms);
	while (!p->ended && flv_aggregate_next(&a, &t)) {
		struct rtmp_msg sub = { .type = t.type, .stream_id = m->stream_id, .csid = m->csid,
					.time_ms = t.time_ms, .data = t.data, .len = t.len };

		push_message(p, &sub);
	}
}
