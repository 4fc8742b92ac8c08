#ifndef LP_NODE_INGEST_RTMP_H
#define LP_NODE_INGEST_RTMP_H
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "media/wire/packet.h"
struct err;
struct sockaddr;

/*
 * RTMP server: publish and play, on the loop.  It owns connections, handshake,
 * chunk streams and commands, the FLV parsing of what publishers send and the
 * relay of the untouched tags to players (a late joiner gets metadata, sequence
 * headers and the last GOP).  Who may publish or play, and what happens to the
 * packets, is decided by the callbacks.
 *
 * Limits: handshake 5 s, first media 10 s after publish, a silent publisher ends
 * after idle_ms, message 8 MiB, chunk size 1 MiB, GOP cache 16 MiB, a player's
 * send queue 4 MiB (then frames up to the next key frame are dropped; after 10 s
 * without progress it is closed), 64 connections an address, max_conns in all.
 *
 * Source: Adobe RTMP 1.0; veovera enhanced RTMP v1/v2; facts/media-servers 4.
 */
struct rtmp_server;
struct rtmp_publisher;	/* a publish request, then a running publisher */

struct rtmp_opts {
	uint64_t idle_ms;	/* 10000 */
	unsigned max_conns;	/* 1000 */
	unsigned max_per_addr;	/* 64 */
	bool no_gop_cache;	/* a player that joins waits for a key frame; saves a GOP a stream */
};

struct rtmp_request {
	const char *name;	/* [A-Za-z0-9_-]{1,128}, checked */
	const char *key;	/* "" when none; from ?key=KEY or /KEY; secret: never log it */
	const char *url;	/* tcUrl/name as the client gave it, key included, for the auth webhook */
	const char *peer;	/* "127.0.0.1:40312" */
	const char *app;	/* "live" */
};

struct rtmp_cb {
	/* Somebody wants to publish.  Answer with rtmp_publish_accept or
	 * rtmp_publish_reject, now or later (the client waits; it may vanish:
	 * then on_publish_end comes and the answer is no longer allowed).  The
	 * request's strings live as long as the publisher. */
	void (*on_publish)(void *arg, struct rtmp_publisher *p, const struct rtmp_request *req);
	/* Somebody wants to watch; true allows.  The stream need not exist yet:
	 * the server waits 10 s for it, then answers StreamNotFound. */
	bool (*on_play)(void *arg, const struct rtmp_request *req);
	/* Parameters of a track, first or changed; before its packets. */
	void (*on_track)(void *arg, struct rtmp_publisher *p, enum track track,
			 const struct track_config *config);
	void (*on_packet)(void *arg, struct rtmp_publisher *p, const struct media_packet *pkt);
	/* The publisher is gone, whatever its state was (exactly once).  clean:
	 * it said FCUnpublish, deleteStream or closed in order.  p dies on return. */
	void (*on_publish_end)(void *arg, struct rtmp_publisher *p, bool clean, const char *why);
};

/* Listens at addr ("127.0.0.1:1935", "[::1]:0").  Fails with ERR_INVALID, ERR_IO. */
struct rtmp_server *rtmp_server_new(uv_loop_t *loop, const char *addr, const struct rtmp_opts *opts,
				    const struct rtmp_cb *cb, void *arg, struct err *err);
int rtmp_server_port(const struct rtmp_server *s);

void rtmp_publish_accept(struct rtmp_publisher *p, void *user);	/* user: rtmp_publisher_user */
/* description goes to the encoder's log: onStatus NetStream.Publish.BadName (or
 * Denied), then the connection closes.  on_publish_end comes before this returns. */
void rtmp_publish_reject(struct rtmp_publisher *p, bool denied, const char *description);
/* End a running publisher: on_publish_end comes before this returns. */
void rtmp_publish_kick(struct rtmp_publisher *p, const char *why);
void *rtmp_publisher_user(const struct rtmp_publisher *p);
const struct rtmp_request *rtmp_publisher_request(const struct rtmp_publisher *p);
int64_t rtmp_publisher_last_data_ms(const struct rtmp_publisher *p);	/* clock_mono_ms */

struct rtmp_stats {
	unsigned n_conns, n_publishers, n_players;
	uint64_t bytes_in, bytes_out, n_bad;	/* n_bad: connections closed for breaking the protocol */
	uint64_t gop_bytes;	/* held by the GOP caches of all streams */
};
void rtmp_server_stats(const struct rtmp_server *s, struct rtmp_stats *out);

/* Stop listening, end all connections (on_publish_end for each), free when all
 * handles have closed; closed may be NULL. */
void rtmp_server_close(struct rtmp_server *s, void (*closed)(void *arg), void *arg);

#endif
