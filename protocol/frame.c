#include "protocol/frame.h"

#include "base/buf.h"
#include "base/err.h"

bool frame_add(struct buf *b, enum frame_kind kind, uint32_t channel, const void *payload,
	       size_t len)
{
	if (len > FRAME_PAYLOAD_MAX || !buf_reserve(b, FRAME_HEAD + len)) {
		b->failed = true;
		return false;
	}
	buf_add_u32(b, (uint32_t)len);
	buf_add_u8(b, (uint8_t)kind);
	buf_add_u32(b, channel);
	return buf_add(b, payload, len);
}

long frame_parse(struct frame *f, const uint8_t *data, size_t len, struct err *err)
{
	struct rd r = rd_of(data, len);
	uint32_t n;

	if (len < 4)
		return 0;
	n = rd_u32(&r);
	if (n > FRAME_PAYLOAD_MAX)
		return err_set(err, ERR_LIMIT, "frame of %lu bytes, at most %d",
			       (unsigned long)n, FRAME_PAYLOAD_MAX);
	if (len < FRAME_HEAD + (size_t)n)
		return 0;
	f->kind = (enum frame_kind)rd_u8(&r);
	f->channel = rd_u32(&r);
	f->payload = rd_bytes(&r, n);
	f->len = n;
	return (long)(FRAME_HEAD + n);
}
