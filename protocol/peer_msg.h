#ifndef LP_PROTOCOL_PEER_MSG_H
#define LP_PROTOCOL_PEER_MSG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/hash.h"
#include "base/sig.h"
#include "protocol/profile.h"
#include "protocol/segment.h"
struct buf;
struct err;

/*
 * The messages of proto/peer.proto as our own structs.  The only place that sees
 * generated protobuf-c code: every limit is checked here, so past it absurd or
 * missing fields cannot occur.  Unpacking uses an allocator with a budget of 64
 * KiB a message.  Pure.  Any thread.
 */
enum msg_type {
	MSG_OPEN_SESSION = 1, MSG_SESSION_ACCEPT = 2, MSG_REFUSE = 3,
	MSG_SEGMENT_HEADER = 10, MSG_SEGMENT_TRAILER = 11,
	MSG_RENDITION_HEADER = 12, MSG_RENDITION_TRAILER = 13, MSG_RECEIPT = 14,
	MSG_TASK = 20, MSG_TASK_DONE = 21, MSG_TASK_END = 22,
	MSG_JOIN = 30, MSG_JOIN_CHALLENGE = 31, MSG_JOIN_PROOF = 32, MSG_JOIN_ACCEPT = 33,
	MSG_LOAD = 34,
};

enum refuse_code {
	REFUSE_BUSY = 1,	/* retry here after retry_after_ms, or elsewhere now */
	REFUSE_INVALID,		/* the request breaks a rule: do not retry anywhere */
	REFUSE_UNSUPPORTED,	/* this node cannot: retry elsewhere */
	REFUSE_DENIED,		/* signature, hash or identity does not hold */
	REFUSE_INPUT,		/* the media cannot be decoded: retry elsewhere is useless */
	REFUSE_INTERNAL,	/* failed here: retry elsewhere */
};

#define SEGMENT_BYTES_MAX (32u << 20)
#define SEGMENT_MS_MAX 60000	/* pushed segments may be longer than our own 16 s */
#define RENDITION_BYTES_MAX (32u << 20)

struct msg_hello {
	uint32_t version;
	uint64_t features;
	char agent[64];
	uint32_t max_channels;
	uint32_t window;
};
struct msg_identity {
	struct eth_addr addr;
	struct sig65 sig;
};
struct msg_open_session {
	uint8_t job_id[32];
	struct stream_id stream;
	struct profile_list profiles;
	char preset[16];
	int source_width, source_height, source_fps_num, source_fps_den;
	uint32_t max_segment_ms;
};
struct msg_session_accept {
	uint8_t job_id[32];
	uint32_t rank;
	struct stream_id output_stream;
	uint32_t max_inflight;
	char codec_profile[80];
};
struct msg_refuse {
	enum refuse_code code;
	char reason[200];
	uint32_t retry_after_ms;
};
struct msg_segment_header {
	uint32_t session;
	uint64_t sequence;
	bool fmp4;
	bool discontinuity;
	uint32_t expected_ms;
	int width, height;	/* as displayed; the profiles are fitted to it */
};
struct msg_segment_trailer {
	uint32_t duration_ms;
	uint64_t len;
	struct hash32 data_hash;
	struct sig65 sig;
	uint32_t n_video;
	uint32_t deadline_ms;
};
struct msg_rendition_header {
	uint32_t index;		/* < PROFILES_MAX */
	uint64_t offset;	/* of the data that follows; 0: begins, or begins again */
};
struct msg_rendition_trailer {
	uint32_t index;
	uint64_t len;
	struct hash32 data_hash;
	struct sig65 sig;	/* all zero from a worker */
	uint32_t n_video;
	uint32_t duration_ms;
	int width, height;
	bool fmp4;
	uint32_t init_len;	/* <= len */
};
struct msg_receipt {
	uint64_t sequence;
	struct hash32 data_hash, transcoded_hash;
	struct sig65 sig;
	uint32_t transcode_ms;
};
enum task_kind {
	TASK_TRANSCODE,	/* input -> a rendition a profile */
	TASK_PROBE,	/* decode the first frame of the input; TaskDone has its size */
	TASK_TO_TS,	/* remux MP4 input into MPEG-TS, one rendition */
	TASK_TO_MP4,	/* remux TS input into fragmented MP4, one rendition */
};
struct msg_task {
	char stream_key[128];
	enum task_kind kind;
	bool fmp4;
	struct profile_list profiles;
	char preset[16];
	uint64_t len;
	uint32_t duration_ms;
	uint64_t sequence;
	uint64_t max_pixels;
	bool bitexact;
	bool streamed;		/* only TASK_TRANSCODE; len is 0, msg_task_end ends the input */
	uint32_t deadline_ms;	/* of this try, from the whole input on; 0: the receiver's own */
};
struct msg_task_end {
	uint64_t len;		/* 1..SEGMENT_BYTES_MAX */
	uint32_t duration_ms;
};
struct msg_task_done {
	int code;		/* enum err_code; 0: done; ERR_IO: the worker died on it,
				 * ERR_TIMEOUT: or hung; ERR_BUSY: no room; ERR_INVALID, ERR_LIMIT:
				 * the input is bad */
	char reason[200];	/* printable ASCII once unpacked */
	uint32_t n_decoded, wall_ms, cpu_ms;
	int width, height;
};

#define DEVICES_MAX 16
struct msg_device {
	char name[32];		/* "nvidia:0" */
	char what[96];
	uint32_t sessions, max_sessions, utilisation;	/* renditions, renditions, percent */
	uint64_t memory_used, memory_total;
	bool up;
};
struct msg_load {
	uint64_t capacity;	/* encoded pixels a second; at most CAPACITY_MAX */
	uint32_t slots, running, cores;
	char hardware[96];
	struct msg_device device[DEVICES_MAX];
	size_t n_devices;
};
#define CAPACITY_MAX 1000000000000ull
struct msg_join {
	uint32_t version;
	char codec_profile[80];
};
struct msg_join_challenge {
	uint8_t nonce[32];
};
struct msg_join_proof {
	uint8_t nonce[32];
	uint8_t hmac[32];
	struct msg_load load;
};
struct msg_join_accept {
	uint8_t hmac[32];
};

/*
 * pack appends the protobuf bytes to b (no frame, no type).  unpack fails with
 * ERR_INVALID (not protobuf, missing or absurd field, named) or ERR_LIMIT.
 */
#define MSG_DECLARE(name)							\
	bool msg_##name##_pack(struct buf *b, const struct msg_##name *m);	\
	int msg_##name##_unpack(struct msg_##name *m, const uint8_t *data,	\
				size_t len, struct err *err)
MSG_DECLARE(hello);
MSG_DECLARE(identity);
MSG_DECLARE(open_session);
MSG_DECLARE(session_accept);
MSG_DECLARE(refuse);
MSG_DECLARE(segment_header);
MSG_DECLARE(segment_trailer);
MSG_DECLARE(rendition_header);
MSG_DECLARE(rendition_trailer);
MSG_DECLARE(receipt);
MSG_DECLARE(task);
MSG_DECLARE(task_done);
MSG_DECLARE(task_end);
MSG_DECLARE(join);
MSG_DECLARE(join_challenge);
MSG_DECLARE(join_proof);
MSG_DECLARE(join_accept);
MSG_DECLARE(load);
#undef MSG_DECLARE

/* x264 preset names that may be asked for: ultrafast .. medium. */
bool preset_is_known(const char *preset);

#endif
