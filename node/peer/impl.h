#ifndef LP_NODE_PEER_IMPL_H
#define LP_NODE_PEER_IMPL_H
#include <netinet/in.h>
#include <sys/queue.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "node/peer/conn.h"
#include "protocol/frame.h"
#include "protocol/noise.h"
#include "protocol/peer_msg.h"

/*
 * What the files of this room share; nobody else includes it.
 *
 *	dial.c, listen.c	make connections	(addr.c, ban.c: pure helpers)
 *	link.c			bytes: socket, Noise, records
 *	conn.c			frames of channel 0, states, deadlines, the end
 *	channel.c		all other frames, queues, credits, turns
 *
 * Re-entrancy: an owner may close anything inside any callback.  So (1) functions
 * of conn.h only change lists and queues, and wake the idle handle; callbacks are
 * made from libuv's callbacks alone; (2) after every callback conn_is_over() and
 * the channel's state are looked at again; (3) a channel that is gone stays on the
 * list of the dead until conn_settle, which runs last in each of libuv's callbacks;
 * (4) a connection's memory lives until its last handle has closed.
 */

#define N_BUCKETS 64

enum conn_state {
	CONN_DIALLING,	/* resolving the name, connecting */
	CONN_NOISE,	/* handshake messages go to and fro */
	CONN_HELLO,	/* keys are there (or not needed): waits for the peer's hello */
	CONN_READY,
	CONN_LINGER,	/* over for its owner; the peer reads why, its input is dropped */
	CONN_CLOSED,	/* handles are closing */
};

enum channel_state {
	CHANNEL_OPEN,
	CHANNEL_FAILED,	/* went over a limit: on_close is due */
	CHANNEL_CLOSING, /* we closed: the queue drains, its last frame is CLOSE */
	CHANNEL_GONE,	/* on the list of the dead */
};

/* A piece of a channel's queue: one message, a run of data, or the end. */
struct chunk {
	TAILQ_ENTRY(chunk) link;
	enum frame_kind kind;
	size_t len, off, cap;	/* off: sent already */
	uint8_t data[];
};

struct peer_channel {
	struct peer_conn *conn;		/* borrowed, outlives us */
	uint32_t id;
	enum channel_state state;
	const struct peer_channel_cb *cb;	/* NULL: closed by us */
	void *arg;
	struct err *failure;		/* of CHANNEL_FAILED */
	LIST_ENTRY(peer_channel) in_bucket;	/* until it is gone; */
	SLIST_ENTRY(peer_channel) in_dead;	/* then here */
	TAILQ_ENTRY(peer_channel) in_notes, in_turns, in_drained, in_failed;
	bool has_note, has_turn, is_drained;	/* which of them hold it */
	bool announce;			/* its opening frame is due */

	TAILQ_HEAD(chunk_queue, chunk) queue;
	size_t n_queued;		/* bytes in queue not sent */
	uint64_t credit;		/* DATA bytes we may still send */
	bool was_above;			/* queue passed the mark below which on_drain runs */
	uint64_t moved_ms;		/* last frame sent while closing */

	/* The peer's allowance; the three add up to the window. */
	uint32_t may_recv;		/* bytes it may still send */
	uint32_t held;			/* received, not consumed by the owner */
	uint32_t owed;			/* consumed, not yet told by CREDIT */
};
TAILQ_HEAD(channel_list, peer_channel);

struct peer_conn {
	struct peer_ctx *ctx;		/* borrowed; not touched once CONN_CLOSED */
	TAILQ_ENTRY(peer_conn) in_ctx;
	struct peer_listener *listener;	/* borrowed; NULL: dialled, attached, or it closed */
	enum conn_state state;
	const struct peer_conn_cb *cb;	/* NULL: not accepted yet, or closed by its owner */
	void *arg;
	char *name;
	struct log log;
	struct peer_limits limits;	/* the context's when we were made */
	bool is_dialler;		/* opens odd channels */
	bool is_bare;			/* socketpair: no Noise */
	uint32_t window;		/* what a channel may send us unasked; 0: no flow control */
	bool has_ping;

	/* identity */
	struct noise *noise;
	struct eth_addr addr, expect;
	bool has_expect;
	uint8_t remote_ip[16];		/* for caps and bans; of accepted ones */
	struct msg_hello hello;		/* the peer's */

	/* handles */
	uv_stream_t *sock;		/* owned by the loop until closed; NULL: none */
	uv_timer_t timer;		/* deadline of the handshake, heartbeat, linger */
	uv_idle_t idle;			/* runs while our owner gave us something to do */
	uv_connect_t connect;
	uv_getaddrinfo_t resolve;
	uv_write_t write;
	unsigned n_open;		/* handles and lookups: the last one frees us */
	bool is_resolving;
	struct addrinfo *addrs, *next_addr;	/* of a name; those not tried yet */

	/* in and out */
	uint8_t *in;			/* a record or frame that came in part */
	size_t in_len;
	struct buf raw;			/* handshake records to send */
	struct buf out;			/* what the kernel is being given */
	bool is_writing;
	uint64_t write_ms, recv_ms, tick_due_ms;

	/* frames of channel 0 that are due */
	bool hello_due, hello_sent, goaway_due, ping_due, pong_due;
	uint8_t pong[8];
	uint64_t ping_id;		/* last PING; its answer is awaited while ping_wait */
	bool ping_wait;
	int64_t ping_us;
	uint64_t ping_ms;
	int rtt_us;
	bool we_drain, peer_drains;

	/* channels */
	LIST_HEAD(, peer_channel) buckets[N_BUCKETS];
	struct channel_list notes;	/* OPEN or CREDIT frames due, in order of opening */
	struct channel_list turns;	/* a frame may be sent: round robin */
	struct channel_list drained;	/* on_drain is due */
	struct channel_list failed;	/* on_close is due */
	SLIST_HEAD(, peer_channel) dead;
	uint32_t next_id, last_remote_id;
	unsigned n_local, n_remote;	/* open channels by who opened them */
	size_t n_queued;
};

struct peer_ctx {
	uv_loop_t *loop;
	const struct sig_key *key;	/* borrowed */
	struct noise_key *static_key;	/* locked; NULL without key */
	struct hash32 domain;
	char agent[64];
	struct peer_limits limits;
	struct peer_stats stats;
	TAILQ_HEAD(, peer_conn) conns;
	TAILQ_HEAD(, peer_listener) listeners;
	uint8_t *scratch;		/* where all connections read, one at a time */
};

/* ---- conn.c ---- */
enum fail_kind {
	FAIL_LINK,	/* the connection itself broke: nobody is left to tell */
	FAIL_FAULT,	/* the peer broke a rule: it is told, and counted as bad */
	FAIL_REFUSED,	/* it is told and may try again */
};
struct peer_conn *peer_conn_new(struct peer_ctx *ctx, const char *name, bool is_dialler);
void conn_start_deadline(struct peer_conn *c);	/* of all up to CONN_READY */
void conn_begin(struct peer_conn *c);	/* the socket is connected: handshake, hello */
void conn_keys_done(struct peer_conn *c);	/* link.c: both sides have proven themselves */
bool conn_is_over(const struct peer_conn *c);
void conn_fail(struct peer_conn *c, enum fail_kind kind, const struct err *why);
int conn_fault(struct peer_conn *c, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));	/* conn_fail(FAIL_FAULT); returns -1 */
void conn_destroy(struct peer_conn *c);
void conn_unref(struct peer_conn *c);	/* one of n_open has gone */
void conn_wake(struct peer_conn *c);
void conn_settle(struct peer_conn *c);	/* last in each of libuv's callbacks */
void conn_take_frame(struct peer_conn *c, const struct frame *f);
void conn_add_control(struct peer_conn *c, struct buf *out);

/* ---- link.c ---- */
#define SCRATCH_LEN (2 + NOISE_MSG_MAX + 65536)
void link_open_sock(struct peer_conn *c, bool is_pipe);
void link_drop_sock(struct peer_conn *c);
int link_start(struct peer_conn *c, struct err *err);	/* read; say the first word */
void link_pump(struct peer_conn *c);
bool link_last_words(struct peer_conn *c, const struct err *why);
void link_fini(struct peer_conn *c);

/* ---- channel.c ---- */
void channels_init(struct peer_conn *c);
void channels_end(struct peer_conn *c, const struct err *why);	/* on_close of each */
void channels_silence(struct peer_conn *c);	/* no more callbacks */
void channels_reap(struct peer_conn *c);
void channels_fini(struct peer_conn *c);
void channels_deliver_failures(struct peer_conn *c);
void channels_deliver_drains(struct peer_conn *c);
void channels_expire(struct peer_conn *c, uint64_t now_ms);
void channels_add_frames(struct peer_conn *c, struct buf *out, size_t limit);
void channels_take_frame(struct peer_conn *c, const struct frame *f);
/* u16 code + text, as in a CLOSE frame; NULL: in order. */
void close_reason_add(struct buf *b, const struct err *why);
bool close_reason_read(struct err *why, const struct frame *f);	/* false: in order */

/* ---- listen.c ---- */
bool listener_admits(struct peer_conn *c, struct err *why);	/* sets cb and arg */
void listener_punish(struct peer_conn *c);	/* it broke a rule */
void listener_forget(struct peer_conn *c);	/* it is gone */

#endif
