#ifndef LP_NODE_PEER_CONN_H
#define LP_NODE_PEER_CONN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "base/hash.h"
#include "base/sig.h"
struct buf;
struct err;
struct noise_key;

/*
 * Peer connections: Noise over TCP (or the same frames bare over a socketpair to a
 * process of our own), channels multiplexed over it with credit-based flow
 * control, heartbeat.  A megabyte of video never holds up a ping: at most 64 KiB
 * are handed to the kernel ahead of a control frame, channels take turns.
 *
 * Limits: handshake 5 s, PING at least each 500 ms (also under load, for the RTT), dead after
 * 1500 ms without a byte (of 2 s allowed), frame 16 KiB, max_channels, receive window a channel,
 * out-queue bounded by windows.  Loop thread; callbacks never run inside the call
 * that causes them, except on_drain.
 */
struct peer_ctx;	/* what all connections of a node share */
struct peer_conn;
struct peer_channel;
struct peer_listener;

/* key: our identity, borrowed, outlives us; NULL when only peer_attach is used.
 * domain: EIP-712 domain hash, copied; NULL is fine without key.  Ignores SIGPIPE
 * for the process: libuv writes to sockets without MSG_NOSIGNAL. */
struct peer_ctx *peer_ctx_new(uv_loop_t *loop, const struct sig_key *key,
			      const struct hash32 *domain, const char *agent);
/* Closes what is left, without callbacks; the loop must run once more for it. */
void peer_ctx_free(struct peer_ctx *ctx);

/* What tests and unusual nodes change, for connections made from now on. */
struct peer_limits {
	uint32_t window;	/* DATA bytes a channel may send us unasked: 1 MiB */
	uint32_t max_channels;	/* open at once, of those that a peer opens: 256 */
	uint32_t handshake_ms;	/* from dial or accept until on_ready: 5000 */
	uint32_t ping_ms;	/* 500 */
	uint32_t dead_ms;	/* without a byte: 1500 */
	uint32_t stall_ms;	/* for a peer to take 64 KiB, or a byte of a channel that
				 * we closed: 10000 */
};
void peer_ctx_limits(struct peer_ctx *ctx, const struct peer_limits *l);
extern const struct peer_limits peer_limits_default;

/* Each may be NULL, here and in peer_channel_cb; the structs are borrowed for as long
 * as the object lives. */
struct peer_conn_cb {
	/* Handshake and hello are done. */
	void (*on_ready)(void *arg, struct peer_conn *c);
	/* The peer opened a channel: set its callbacks by peer_channel_set before
	 * returning, else it is refused with ERR_NOT_FOUND. */
	void (*on_channel)(void *arg, struct peer_conn *c, struct peer_channel *ch);
	/* The peer drains: open nothing new. */
	void (*on_goaway)(void *arg, struct peer_conn *c);
	/* Over, for whatever reason; exactly once; every channel got on_close
	 * before.  c dies on return. */
	void (*on_close)(void *arg, struct peer_conn *c, const struct err *why);
};

struct peer_channel_cb {
	void (*on_msg)(void *arg, struct peer_channel *ch, uint16_t type,
		       const uint8_t *data, size_t len);
	/* Media bytes, borrowed.  They count against the window until
	 * peer_channel_consumed gives them back. */
	void (*on_data)(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len);
	/* The peer ended the channel (why NULL: in order), or the connection died.
	 * Exactly once, unless we closed first.  ch dies on return. */
	void (*on_close)(void *arg, struct peer_channel *ch, const struct err *why);
	/* Queue fell below half of the window. */
	void (*on_drain)(void *arg, struct peer_channel *ch);
};

/* Dial "host:port" (numeric or name; resolved on the pool).  expect: the address
 * the peer must prove, or NULL for any. */
struct peer_conn *peer_dial(struct peer_ctx *ctx, const char *hostport, const struct eth_addr *expect,
			    const struct peer_conn_cb *cb, void *arg, struct err *err);
/* Take over one end of a socketpair (fd is taken, also on failure): no Noise, no
 * identity, no flow control, no deadline and no heartbeat unless ping; dialler: odd
 * channel numbers, the other end must be attached with the opposite. */
struct peer_conn *peer_attach(struct peer_ctx *ctx, int fd, bool dialler, bool ping,
			      const struct peer_conn_cb *cb, void *arg, struct err *err);

/*
 * Listen on "host:port" (numeric or localhost).  accept is asked once a peer has
 * proven its identity, just before on_ready: it gives the callbacks and arg, or
 * returns false to refuse.  What fails before is the listener's own affair.
 *
 * max_conns: of this listener, half-open ones included; max_per_addr: from one
 * network address (an IPv6 /64), and again of one proven identity.  An address
 * whose handshakes keep failing is not let in for a while (loopback always is).
 * Fails with ERR_INVALID (address), ERR_IO (in use, not allowed).
 */
typedef bool peer_accept_cb(void *arg, struct peer_conn *c, const struct peer_conn_cb **cb, void **conn_arg);
struct peer_listener *peer_listen(struct peer_ctx *ctx, const char *hostport, unsigned max_conns,
				  unsigned max_per_addr, peer_accept_cb *accept, void *arg,
				  struct err *err);
int peer_listener_port(const struct peer_listener *l);
/* Connections that are not ready yet are dropped; the others live on. */
void peer_listener_close(struct peer_listener *l);

const struct eth_addr *peer_conn_addr(const struct peer_conn *c);	/* proven; zero on a socketpair */
/* The finished handshake's hash, the same on both ends and on no other connection (Noise,
 * section 11.2, channel binding); zero on a socketpair and before on_ready. */
struct hash32 peer_conn_handshake(const struct peer_conn *c);
const char *peer_conn_name(const struct peer_conn *c);	/* "127.0.0.1:15000" or "local" */
bool peer_conn_is_ready(const struct peer_conn *c);
bool peer_conn_is_flushed(const struct peer_conn *c);	/* the kernel has all that was queued */
int peer_conn_rtt_us(const struct peer_conn *c);	/* last ping; -1 unknown */
void peer_conn_goaway(struct peer_conn *c);	/* tell it we drain */
/* Close now: what is queued is dropped; channels and connection get no further
 * callback and are dead. */
void peer_conn_close(struct peer_conn *c);

/* Open a channel.  NULL with ERR_BUSY (too many), ERR_IO (not ready, going away). */
struct peer_channel *peer_channel_open(struct peer_conn *c, const struct peer_channel_cb *cb,
				       void *arg, struct err *err);
void peer_channel_set(struct peer_channel *ch, const struct peer_channel_cb *cb, void *arg);
void *peer_channel_arg(const struct peer_channel *ch);
uint32_t peer_channel_id(const struct peer_channel *ch);
struct peer_conn *peer_channel_conn(const struct peer_channel *ch);

/* Send a message: body is its packed protobuf.  Order with data is kept.  One that
 * fits no frame, or a full queue, aborts the channel as peer_channel_data does. */
void peer_channel_msg(struct peer_channel *ch, uint16_t type, const struct buf *body);
/* Send media bytes (copied, cut into frames, queued until credit is there).  Returns
 * the bytes now queued; above SEGMENT_BYTES_MAX * 2 (or 256 MiB of the connection)
 * the channel is aborted: on_close with ERR_LIMIT follows. */
size_t peer_channel_data(struct peer_channel *ch, const uint8_t *data, size_t len);
void peer_channel_consumed(struct peer_channel *ch, size_t len);
/* End in order after what is queued; no further callback. */
void peer_channel_close(struct peer_channel *ch);
/* Drop what is queued, tell the peer why; no further callback. */
void peer_channel_abort(struct peer_channel *ch, const struct err *why);

struct peer_stats {
	uint64_t bytes_in, bytes_out, n_handshakes, n_bad, n_dead;
	unsigned n_conns;
};
void peer_ctx_stats(const struct peer_ctx *ctx, struct peer_stats *out);

#endif
