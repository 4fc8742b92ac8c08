#ifndef LP_MEDIA_WIRE_RTMP_CHUNK_H
#define LP_MEDIA_WIRE_RTMP_CHUNK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct buf;
struct err;

/*
 * RTMP chunk streams: bytes to messages and back.  The reader takes any split of
 * the input; a message that arrives whole in one chunk is passed on where it
 * lies, others are assembled with one copy.  Set Chunk Size and Abort are obeyed
 * inside and not passed on.  Pure, one thread at a time.
 *
 * Memory: what has arrived of unfinished messages, up to 4 times that while they
 * grow (together at most RTMP_MSG_MAX has arrived); 16 KiB are kept a chunk stream
 * that had such messages.  An announced length above 16 KiB allocates nothing.
 *
 * Source: Adobe RTMP 1.0 5.3; facts/media-servers 4.
 */
#define RTMP_CHUNK_SIZE_MAX (1 << 20)		/* of a peer's Set Chunk Size */
#define RTMP_CHUNK_STREAMS_MAX 64
#define RTMP_MSG_MAX (8 << 20)

enum rtmp_type {
	RTMP_SET_CHUNK_SIZE = 1,
	RTMP_ABORT = 2,
	RTMP_ACK = 3,
	RTMP_USER_CONTROL = 4,
	RTMP_WINDOW_ACK_SIZE = 5,
	RTMP_SET_PEER_BANDWIDTH = 6,
	RTMP_AUDIO = 8,
	RTMP_VIDEO = 9,
	RTMP_DATA_AMF3 = 15,
	RTMP_COMMAND_AMF3 = 17,
	RTMP_DATA_AMF0 = 18,
	RTMP_COMMAND_AMF0 = 20,
	RTMP_AGGREGATE = 22,
};

/* One message.  data is borrowed for the call. */
struct rtmp_msg {
	uint8_t type;		/* enum rtmp_type, or unknown */
	uint32_t stream_id;
	uint32_t csid;		/* chunk stream it came on or goes to, 2..65599 */
	uint32_t time_ms;	/* absolute; wraps */
	const uint8_t *data;
	size_t len;
};

enum rtmp_next {
	RTMP_GO_ON,
	RTMP_STOP,	/* rtmp_chunk_read returns behind this message */
};
typedef enum rtmp_next rtmp_msg_cb(void *arg, const struct rtmp_msg *m);

struct rtmp_chunk_reader;

/* max_msg: longest message, at most RTMP_MSG_MAX. */
struct rtmp_chunk_reader *rtmp_chunk_reader_new(size_t max_msg);
void rtmp_chunk_reader_free(struct rtmp_chunk_reader *r);
void rtmp_chunk_reader_set_max(struct rtmp_chunk_reader *r, size_t max_msg);

/*
 * Feed bytes.  Returns how many were used: all of them, unless cb said RTMP_STOP.
 * Fails (-1) with ERR_INVALID (a header that follows nothing, a new message inside
 * an unfinished one, chunk size 0) or ERR_LIMIT (message, chunk size, number of
 * chunk streams); the reader must then be freed.  cb must not free the reader.
 */
long rtmp_chunk_read(struct rtmp_chunk_reader *r, const uint8_t *data, size_t len,
		     rtmp_msg_cb *cb, void *arg, struct err *err);

/* Is a message unfinished (or a header cut)? */
bool rtmp_chunk_reader_is_inside(const struct rtmp_chunk_reader *r);

/* The header of a message's first chunk (type 0), or of its others (type 3); returns
 * its length.  For writers that scatter a message themselves. */
#define RTMP_CHUNK_HEADER_MAX (3 + 11 + 4)
size_t rtmp_chunk_header(uint8_t to[RTMP_CHUNK_HEADER_MAX], const struct rtmp_msg *m, bool first);

/*
 * Append a message as chunks: a full (type 0) header, then continuations.
 * chunk_size: what we announced to the peer.  Failure is b->failed.
 */
void rtmp_chunk_write(struct buf *b, const struct rtmp_msg *m, size_t chunk_size);

/* Append one protocol control message (types 1, 3, 5; 6 with limit type dynamic). */
void rtmp_chunk_write_control(struct buf *b, enum rtmp_type type, uint32_t value);

#endif
