/*
 * Each message of the peer wire: the first byte picks which.  What unpacks must
 * pack, and what was packed must unpack to the same bytes again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "protocol/peer_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CHECKER(name)									\
	static void check_##name(const uint8_t *data, size_t len)			\
	{										\
		struct msg_##name m, again;						\
		struct err err = { 0 };							\
		struct buf a, b;							\
											\
		if (msg_##name##_unpack(&m, data, len, &err) < 0) {			\
			if (err.code != ERR_INVALID && err.code != ERR_LIMIT)		\
				abort();						\
			return;								\
		}									\
		buf_init(&a, 64 << 10);							\
		buf_init(&b, 64 << 10);							\
		if (!msg_##name##_pack(&a, &m) ||					\
		    msg_##name##_unpack(&again, a.data, a.len, &err) < 0 ||		\
		    !msg_##name##_pack(&b, &again) || a.len != b.len ||			\
		    (a.len && memcmp(a.data, b.data, a.len) != 0))			\
			abort();							\
		buf_fini(&a);								\
		buf_fini(&b);								\
	}

CHECKER(hello)
CHECKER(identity)
CHECKER(open_session)
CHECKER(session_accept)
CHECKER(refuse)
CHECKER(segment_header)
CHECKER(segment_trailer)
CHECKER(rendition_header)
CHECKER(rendition_trailer)
CHECKER(receipt)
CHECKER(task)
CHECKER(task_done)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const checks[])(const uint8_t *data, size_t len) = {
		check_hello, check_identity, check_open_session, check_session_accept,
		check_refuse, check_segment_header, check_segment_trailer,
		check_rendition_header, check_rendition_trailer, check_receipt, check_task,
		check_task_done,
	};

	if (len == 0)
		return 0;
	checks[data[0] % (sizeof(checks) / sizeof(checks[0]))](data + 1, len - 1);
	return 0;
}
