#ifndef LP_PROTOCOL_FRAME_H
#define LP_PROTOCOL_FRAME_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct buf;
struct err;

/*
 * Frames of the peer wire, inside the Noise channel or bare on a socketpair:
 *
 *   u32 payload length (big-endian, <= FRAME_PAYLOAD_MAX), u8 kind, u32 channel, payload
 *
 * A channel is one conversation; its number is odd when the side that dialled
 * opened it, even (not 0) otherwise.  Channel 0 is the connection itself.  Pure.
 */
#define FRAME_HEAD 9
#define FRAME_PAYLOAD_MAX 16384

enum frame_kind {
	FRAME_HELLO = 1,	/* ch 0: protobuf Hello, first in each direction */
	FRAME_PING = 2,		/* ch 0: 8 bytes */
	FRAME_PONG = 3,		/* ch 0: the same 8 bytes */
	FRAME_MSG = 4,		/* u16 message type, protobuf; whole message in one frame */
	FRAME_DATA = 5,		/* media bytes, under flow control */
	FRAME_CREDIT = 6,	/* u32: the receiver takes this many more DATA bytes */
	FRAME_CLOSE = 7,	/* end of the channel; empty, or u16 code + text: an abort */
	FRAME_GOAWAY = 8,	/* ch 0: finishes what runs, takes nothing new (drain) */
};

struct frame {
	enum frame_kind kind;	/* unknown kinds are passed up: to be ignored */
	uint32_t channel;
	const uint8_t *payload;	/* borrowed */
	size_t len;
};

bool frame_add(struct buf *b, enum frame_kind kind, uint32_t channel, const void *payload, size_t len);

/* Takes the first frame of data.  Returns the bytes it occupied, 0 when more are
 * needed, -1 with ERR_LIMIT for a length above the cap. */
long frame_parse(struct frame *f, const uint8_t *data, size_t len, struct err *err);

#endif
