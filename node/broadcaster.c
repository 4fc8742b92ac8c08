#include "node/broadcaster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "node/auth.h"
#include "node/ingest/rtmp.h"
#include "node/live.h"
#include "node/stats.h"

struct broadcaster {
	struct rtmp_server *rtmp;
	enum publish_conflict conflict;
	struct auth *auth;		/* borrowed */
	struct lives *lives;		/* borrowed */
	struct stats *stats;		/* borrowed */
	struct list publishers;		/* struct publisher.node */
	struct log_limit refusals;
};

/* An RTMP publisher, from its request to its end. */
struct publisher {
	struct list_node node;
	struct broadcaster *b;
	struct rtmp_publisher *rtmp;
	struct auth_call *auth;		/* the webhook is being asked */
	struct live *live;		/* NULL until accepted */
};

static struct publisher *find_publisher(struct broadcaster *b, const struct rtmp_publisher *p)
{
	list_each(n, &b->publishers) {
		struct publisher *q = list_entry(n, struct publisher, node);

		if (q->rtmp == p)
			return q;
	}
	return NULL;
}

static struct publisher *find_by_live(struct broadcaster *b, const struct live *l)
{
	list_each(n, &b->publishers) {
		struct publisher *q = list_entry(n, struct publisher, node);

		if (q->live == l)
			return q;
	}
	return NULL;
}

static void reject(struct publisher *q, bool denied, const char *why)
{
	const struct rtmp_request *req = rtmp_publisher_request(q->rtmp);
	struct rtmp_publisher *rtmp = q->rtmp;

	if (log_may(&q->b->refusals, 30))
		log_warn(NULL, "publisher refused: stream=%s peer=%s why=%s", req->name, req->peer,
			 why);
	list_remove(&q->node);
	free(q);
	rtmp_publish_reject(rtmp, denied, why);
}

static void on_auth(void *arg, const struct auth_verdict *v)
{
	struct publisher *q = arg, *old;
	struct broadcaster *b = q->b;
	struct live *l = lives_find(b->lives, v->name ? v->name : "");
	struct err err;

	q->auth = NULL;
	if (!v->allowed) {
		reject(q, true, v->reason);
		return;
	}
	old = l && live_is_live(l) ? find_by_live(b, l) : NULL;
	if (old && b->conflict == CONFLICT_REPLACE)
		rtmp_publish_kick(old->rtmp, "replaced by a newer publisher");
	l = live_open(b->lives, v->name, false, v->profiles, &err);
	if (!l) {
		b->stats->publish_refused++;
		reject(q, false, err.msg);
		return;
	}
	q->live = l;
	log_info(NULL, "publisher accepted: stream=%s peer=%s", v->name,
		 rtmp_publisher_request(q->rtmp)->peer);
	rtmp_publish_accept(q->rtmp, q);
}

static void on_publish(void *arg, struct rtmp_publisher *p, const struct rtmp_request *req)
{
	struct broadcaster *b = arg;
	struct publisher *q = xcalloc(1, sizeof(*q));
	struct auth_call *c;

	q->b = b;
	q->rtmp = p;
	list_add_tail(&b->publishers, &q->node);
	c = auth_check(b->auth, req->name, req->key, req->url, req->peer, on_auth, q);
	/* NULL: on_auth has run, and q may be gone. */
	if (c)
		q->auth = c;
}

static bool on_play(void *arg, const struct rtmp_request *req)
{
	(void)arg;
	(void)req;	/* watching is open: access control comes with the Studio API */
	return true;
}

static void on_track(void *arg, struct rtmp_publisher *p, enum track track,
		     const struct track_config *config)
{
	struct publisher *q = rtmp_publisher_user(p);

	(void)arg;
	if (q && q->live)
		live_set_track(q->live, track, config);
}

static void on_packet(void *arg, struct rtmp_publisher *p, const struct media_packet *pkt)
{
	struct publisher *q = rtmp_publisher_user(p);

	(void)arg;
	if (q && q->live)
		live_packet(q->live, pkt);
}

static void on_publish_end(void *arg, struct rtmp_publisher *p, bool clean, const char *why)
{
	struct publisher *q = find_publisher(arg, p);

	(void)clean;
	if (!q)
		return;
	if (q->auth)
		auth_cancel(q->auth);
	if (q->live)
		live_publisher_gone(q->live, why);
	list_remove(&q->node);
	free(q);
}

static const struct rtmp_cb rtmp_cb = {
	.on_publish = on_publish,
	.on_play = on_play,
	.on_track = on_track,
	.on_packet = on_packet,
	.on_publish_end = on_publish_end,
};

struct broadcaster *broadcaster_new(uv_loop_t *loop, const char *rtmp_addr, bool gop_cache,
				    enum publish_conflict conflict, struct auth *auth,
				    struct lives *lives, struct stats *stats, struct err *err)
{
	struct rtmp_opts opts = {
		.idle_ms = 10000, .max_conns = 1000, .max_per_addr = 64,
		.no_gop_cache = !gop_cache,
	};
	struct broadcaster *b = xcalloc(1, sizeof(*b));

	b->conflict = conflict;
	b->auth = auth;
	b->lives = lives;
	b->stats = stats;
	list_init(&b->publishers);
	b->rtmp = rtmp_server_new(loop, rtmp_addr, &opts, &rtmp_cb, b, err);
	if (!b->rtmp) {
		free(b);
		return NULL;
	}
	return b;
}

int broadcaster_rtmp_port(const struct broadcaster *b)
{
	return rtmp_server_port(b->rtmp);
}

void broadcaster_close(struct broadcaster *b)
{
	rtmp_server_close(b->rtmp, NULL, NULL);
	b->rtmp = NULL;
}

void broadcaster_free(struct broadcaster *b)
{
	free(b);
}

void broadcaster_rtmp_stats(const struct broadcaster *b, struct rtmp_stats *out)
{
	memset(out, 0, sizeof(*out));
	if (b->rtmp)
		rtmp_server_stats(b->rtmp, out);
}
