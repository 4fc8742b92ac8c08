#ifndef LP_NODE_FARM_FARM_H
#define LP_NODE_FARM_FARM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "base/hash.h"
#include "protocol/peer_msg.h"
struct blob;
struct buf;
struct err;
struct farm_secret;
struct peer_channel;
struct peer_conn;
struct peer_ctx;
struct profile_list;

/*
 * An orchestrator's transcoders: one in this process behind a socketpair, others
 * behind the peer wire, all spoken to by the same messages.  A task goes to the
 * transcoder with the earliest expected finish; a stream stays where its worker is
 * warm unless that is later.  A transcoder that dies, freezes, is late or answers
 * nonsense costs the task a retry on another one within its deadline; the others
 * are not touched.
 *
 * Retries: a worker that died or hung on the input (ERR_IO, ERR_TIMEOUT), an answer
 * that fails its checks, and the verdict "bad input" of one while there are others
 * are tried once more elsewhere, twice in the whole farm; a transcoder that went
 * away is not the input's fault and costs no try, at most FARM_LOSSES_MAX times.
 *
 * Loop thread.  Callbacks come from the loop, never from inside a call.
 */
struct farm;
struct farm_task;

#define FARM_MEMBERS_MAX 256
#define FARM_TRIES_MAX 2
#define FARM_LOSSES_MAX 6

struct farm_opts {
	const struct farm_secret *secret;	/* borrowed; NULL: nobody joins from outside */
	const char *codec_profile;		/* who has another one is refused; borrowed */
	unsigned max_queue;			/* tasks that wait: 256 */
	uint64_t max_pixels;
};

struct farm *farm_new(uv_loop_t *loop, const struct farm_opts *opts);
/* The transcoder in this process, behind a socketpair end (taken), whose other end is
 * attached as the dialler. */
int farm_attach(struct farm *f, struct peer_ctx *peers, int fd, struct err *err);
/* A channel whose first message is MSG_JOIN (its body given): the farm's from here on.
 * farm_close comes before the end of c by peer_conn_close, of which nobody is told. */
void farm_join(struct farm *f, struct peer_conn *c, struct peer_channel *ch,
	       const uint8_t *data, size_t len);
/* The transcoder behind c, if there is one, takes nothing new (FRAME_GOAWAY). */
void farm_drains(struct farm *f, const struct peer_conn *c);

struct farm_spec {
	const char *stream_key;			/* copied; whose stream: worker affinity */
	const struct profile_list *profiles;	/* sizes fitted; copied */
	const char *preset;
	bool fmp4;
	uint64_t sequence;
	uint32_t expected_ms;			/* duration, for the estimate; 0: 2000 */
	double fps;				/* of the source, for the estimate; 0: 30 */
	/* Work may begin before the input is whole, where a transcoder has room to spare.
	 * Only MPEG-TS. */
	bool early;
};

struct farm_rendition {
	size_t index;
	struct blob *data;		/* borrowed: ref it to keep it; holds all of it */
	struct hash32 sha256;
	unsigned n_video;
	uint32_t duration_ms;
	int width, height;
	bool fmp4;
	size_t init_len;
};

struct farm_done {
	unsigned wall_ms, cpu_ms;	/* of the try that did it; wall_ms with an early start: from
					 * the end of the input */
	unsigned queue_ms;		/* whole input to start of work; 0 with an early start */
	unsigned n_tries;
	bool early;			/* it was begun before the input was whole */
	char transcoder[64];		/* who did it, or failed last: "local", "127.0.0.1:4711" */
};

struct farm_cb {
	/*
	 * Bytes of a rendition as they come, offset counted from its start; 0 after
	 * others: it begins again, elsewhere.  Renditions take turns.  Nothing of the last
	 * GOP comes before farm_task_end.  May be NULL.
	 */
	void (*piece)(void *arg, size_t index, uint64_t offset, const uint8_t *data, size_t len);
	/* One is whole.  All come, each once, in order of index, just before done, and only
	 * when every check passed. */
	void (*rendition)(void *arg, const struct farm_rendition *r);
	/*
	 * The end.  err NULL: all renditions came.  ERR_INVALID, ERR_LIMIT: the input is
	 * bad (two said so, or the only one; or it was the end of two workers).
	 * ERR_TIMEOUT, ERR_BUSY: nobody in time.  ERR_IO, ERR_INTERNAL: failed here.
	 */
	void (*done)(void *arg, const struct farm_done *d, const struct err *err);
};

/* The input follows by feed, then end.  NULL with ERR_BUSY (queue full, nobody joined,
 * closing), ERR_INVALID (spec is no valid message). */
struct farm_task *farm_task_open(struct farm *f, const struct farm_spec *spec,
				 const struct farm_cb *cb, void *arg, struct err *err);
/* As spec.early, from now on. */
void farm_task_allow_early(struct farm_task *t);
/* Fails with ERR_LIMIT above SEGMENT_BYTES_MAX. */
int farm_task_feed(struct farm_task *t, const uint8_t *data, size_t len, struct err *err);

struct farm_source {
	uint32_t duration_ms;		/* as the sender says: for the estimate */
	uint32_t deadline_ms;		/* from now, all tries together */
};
/* The input is whole and paid for: it may be finished, and its last GOP come back. */
void farm_task_end(struct farm_task *t, const struct farm_source *src);
size_t farm_task_len(const struct farm_task *t);	/* bytes fed */
/* No callback from here on; work at it is stopped. */
void farm_task_cancel(struct farm_task *t);
/* The stream is over: its warm workers may go. */
void farm_stream_end(struct farm *f, const char *stream_key);

struct farm_room {
	unsigned n_members;	/* joined and not draining */
	uint64_t capacity;	/* of those together, encoded pixels a second */
	unsigned slots, running, queued;
};
void farm_room(const struct farm *f, struct farm_room *out);

/* Told whenever capacity came or went; may be NULL. */
void farm_on_change(struct farm *f, void (*changed)(void *arg), void *arg);

bool farm_is_idle(const struct farm *f);	/* no task */
void farm_close(struct farm *f);	/* tasks end with ERR_INTERNAL in the next turn of the loop */
void farm_free(struct farm *f);		/* after the loop ran dry */

/* JSON array of the transcoders for /status (appended), and their metrics. */
void farm_status(const struct farm *f, struct buf *b);
void farm_metrics(const struct farm *f, struct buf *b);

#endif
