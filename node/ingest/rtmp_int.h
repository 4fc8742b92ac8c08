#ifndef LP_NODE_INGEST_RTMP_INT_H
#define LP_NODE_INGEST_RTMP_INT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "base/buf.h"
#include "base/log.h"
#include "media/wire/rtmp_chunk.h"
#include "node/ingest/rtmp.h"
#include "node/ingest/rtmp_name.h"
struct err;
struct flv_demux;
struct flv_tag;

/*
 * Shared by the files of the RTMP server, for nobody else (but the fuzz target):
 *   rtmp.c          listening, limits, the clock tick, closing
 *   rtmp_conn.c     a connection: handshake, chunks, acknowledgements, sending, ending
 *   rtmp_command.c  what commands do
 *   rtmp_publish.c  a publisher's life, its media
 *   rtmp_gop.c      the GOP cache of a stream
 *   rtmp_relay.c    streams and players
 * Loop thread.
 */
#define RTMP_CHUNK_SIZE_OUT 60000	/* ffmpeg copies it: fewer, larger reads for us */
#define RTMP_READ_BUF (256 << 10)
#define RTMP_POLL_MS 10			/* adds half of it to the latency, on average */
#define RTMP_MSG_MAX_UNKNOWN (256 << 10)	/* before a publisher was accepted */
#define RTMP_OUT_MAX (256 << 10)	/* replies a client leaves unread */
#define RTMP_HELD_MAX (256 << 10)	/* sent before we allowed to publish */
#define RTMP_STREAM_ID 1		/* of every createStream: one stream a connection */

#define RTMP_HANDSHAKE_MS 5000
#define RTMP_COMMAND_MS 15000		/* from handshake or the last stream's end to publish or play */
#define RTMP_ANSWER_MS 30000		/* the owner decides about a publisher */
#define RTMP_FIRST_MEDIA_MS 10000
#define RTMP_PLAY_WAIT_MS 10000		/* a player waits for its stream */
#define RTMP_STALL_MS 10000		/* a player takes nothing */
#define RTMP_LINGER_MS 2000		/* a last message reaches the client */

#define RTMP_PLAYER_LAG_MAX (4 << 20)
#define RTMP_GOP_MAX (16 << 20)
#define RTMP_GOP_AUDIO_ONLY (64 << 10)
#define RTMP_HEADER_MAX (64 << 10)	/* kept metadata and sequence headers, each */

struct rtmp_server {
	uv_loop_t *loop;
	uv_tcp_t listener;
	uv_timer_t tick, poll;		/* poll runs while there are publishers */
	unsigned n_handles;		/* listener, timers and connections still open */
	struct rtmp_opts opts;
	struct rtmp_cb cb;
	void *arg;
	struct rtmp_conn *conns;
	struct rtmp_stream *streams;
	uint8_t *read_buf;		/* one for all: libuv reads and we parse at once */
	struct rtmp_stats stats;
	struct log_limit bad_limit, full_limit, media_limit;
	bool closing;
	void (*closed)(void *arg);
	void *closed_arg;
};

enum conn_state {
	CONN_C0C1,	/* hs collects C0 and C1 */
	CONN_C2,	/* n_hs bytes of C2 came */
	CONN_OPEN,	/* chunks */
	CONN_LINGER,	/* a last message is on its way; input is thrown away */
	CONN_CLOSED,	/* uv_close was called */
};

struct rtmp_conn {
	struct rtmp_server *server;	/* outlives us */
	struct rtmp_conn *prev, *next;
	uv_tcp_t tcp;
	uv_shutdown_t shutdown;
	enum conn_state state;
	char peer[64];			/* "127.0.0.1:40312" */
	uint8_t addr[16];		/* IPv4 mapped */
	uint8_t *hs;			/* C0 and C1 as they come; NULL when answered */
	size_t n_hs;
	struct rtmp_chunk_reader *reader;
	uint64_t bytes_in, acked;
	uint32_t ack_window;
	size_t out_bytes;		/* of replies, in libuv's queue */
	int64_t deadline_ms;		/* clock_mono_ms; 0: none */
	const char *deadline_why;
	char *app, *tc_url;		/* NULL before connect */
	struct buf held;		/* input while a publish request is being decided */
	bool resume;			/* a publisher was accepted: read what is held, at the next tick */
	bool reading;			/* wants input */
	bool polled;			/* read by rtmp_conn_poll instead of libuv's events */
	uv_os_fd_t fd;			/* when polled */
	bool feeding;			/* inside rtmp_conn_feed: nothing may be freed */
	struct rtmp_publisher *pub;
	struct rtmp_publisher *dead_pubs;	/* ended while feeding */
	struct rtmp_player *player;
};

struct rtmp_publisher {
	struct rtmp_conn *conn;
	struct rtmp_publisher *next_dead;
	struct rtmp_name name;
	char *url;
	struct rtmp_request req;
	bool accepted, ended;
	void *user;
	struct flv_demux *demux;
	struct rtmp_stream *stream;	/* NULL until accepted */
	bool has_media;
	int64_t last_data_ms;
};

/* ---- rtmp.c ---- */

/* Tick now: see resume. */
void rtmp_server_tick_soon(struct rtmp_server *s);
/* A publisher runs or has ended: read by polling while there is one. */
void rtmp_server_count_publisher(struct rtmp_server *s, int change);
/* Read all polled connections now. */
void rtmp_server_poll(struct rtmp_server *s);
/* A handle has closed: frees the server with the last one. */
void rtmp_server_finish(struct rtmp_server *s);

/* ---- rtmp_conn.c ---- */

/* fd: an accepted socket, taken over; -1: accept from the listener.  NULL: failed. */
struct rtmp_conn *rtmp_conn_new(struct rtmp_server *s, int fd);
/* Bytes from the peer.  The connection may be closed (not freed) afterwards. */
void rtmp_conn_feed(struct rtmp_conn *c, const uint8_t *data, size_t len);
/* Queue bytes (copied).  Closes the connection when the peer leaves too much unread. */
void rtmp_conn_send(struct rtmp_conn *c, const struct buf *b);
/* Close after what is queued has gone out. */
void rtmp_conn_linger(struct rtmp_conn *c);
/* Close now; why goes to on_publish_end if there is a publisher. */
void rtmp_conn_close(struct rtmp_conn *c, bool clean, const char *why);
/* The peer broke the protocol: count, log (limited), close. */
void rtmp_conn_bad(struct rtmp_conn *c, const char *why);
void rtmp_conn_set_deadline(struct rtmp_conn *c, int ms, const char *why);
/* Read by polling from now on, or by events again. */
void rtmp_conn_set_polled(struct rtmp_conn *c, bool on);
/* Read what has come, if polled. */
void rtmp_conn_poll(struct rtmp_conn *c);
/* Time passed. */
void rtmp_conn_tick(struct rtmp_conn *c, int64_t now_ms);

/* ---- rtmp_command.c ---- */

void rtmp_command(struct rtmp_conn *c, const struct rtmp_msg *m);
/* onStatus on our stream; level "status" or "error". */
void rtmp_add_status(struct buf *b, const char *level, const char *code, const char *description);
void rtmp_add_user_control(struct buf *b, unsigned event, uint32_t value);
enum { RTMP_STREAM_BEGIN = 0, RTMP_STREAM_EOF = 1, RTMP_PING_REQUEST = 6, RTMP_PING_RESPONSE = 7 };

/* ---- rtmp_publish.c ---- */

/* A publish command: asks the owner, or refuses the name. */
void rtmp_publish_ask(struct rtmp_conn *c, const char *name);
/* Audio, video, data and aggregate messages of a publisher. */
void rtmp_publish_media(struct rtmp_conn *c, const struct rtmp_msg *m);
/* Tell the owner that it is gone.  The connection stays. */
void rtmp_publish_end(struct rtmp_conn *c, bool clean, const char *why);
/* Free what ended while the connection was feeding. */
void rtmp_publish_free_dead(struct rtmp_conn *c);
void rtmp_publish_tick(struct rtmp_conn *c, int64_t now_ms);

/* ---- rtmp_relay.c ---- */

/* The stream of that name, made if need be, fed by p from now on. */
struct rtmp_stream *rtmp_stream_publish(struct rtmp_server *s, struct rtmp_publisher *p);
/* p feeds it no more; players wait for another publisher.  clean: they are told. */
void rtmp_stream_unpublish(struct rtmp_stream *st, const struct rtmp_publisher *p, bool clean);

enum relay_kind { RELAY_OTHER, RELAY_METADATA, RELAY_HEADER, RELAY_FRAME, RELAY_KEY };
/* A message of the publisher, for the cache and the players. */
void rtmp_stream_push(struct rtmp_stream *st, const struct rtmp_publisher *p,
		      const struct rtmp_msg *m, enum relay_kind kind);
/* Send to players what came. */
void rtmp_stream_flush(struct rtmp_stream *st);

/* A play command. */
void rtmp_play_start(struct rtmp_conn *c, const char *name);
void rtmp_play_pause(struct rtmp_conn *c, bool paused);
/* The player wants no more, or its connection ends. */
void rtmp_play_stop(struct rtmp_conn *c);
void rtmp_play_tick(struct rtmp_conn *c, int64_t now_ms);
/* The connection is closed: free the player. */
void rtmp_play_free(struct rtmp_conn *c);

#endif
