/*
 * Every message is unpacked by protobuf-c into memory taken from a budget, copied
 * field by field into our plain struct under the field's rule, and freed.  proto3
 * knows no required fields: an absent one reads as zero or empty, and where that is
 * no sensible value the field's rule refuses it.
 */
#include "protocol/peer_msg.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/peer.pb-c.h"

#define UNPACK_BUDGET (64u << 10)
#define MSG_LEN_MAX (64u << 10)

#define CHANNELS_MAX 65536
#define WINDOW_MAX (1u << 30)
#define SIDE_MAX 16384			/* of a source; 16K video is not there yet */
#define PIXELS_MAX ((uint64_t)SIDE_MAX * SIDE_MAX)
#define FPS_MAX 1000
#define FPS_DEN_MAX 1000000
#define RANK_MAX 3			/* DESIGN 6, Election */
#define INFLIGHT_MAX 1000
#define FRAMES_MAX 100000		/* 60 s of 1000 fps and then some */
#define WAIT_MS_MAX (60 * 60 * 1000)
#define SESSIONS_MAX 100000

/* ---- memory ---- */

/* What is freed while unpacking is not given back: the sum of all allocations is
 * what a peer can make us do. */
struct budget {
	size_t left;
	bool exceeded;
};

static void *budget_alloc(void *arg, size_t size)
{
	struct budget *b = arg;

	if (size > b->left) {
		b->exceeded = true;
		return NULL;
	}
	b->left -= size;
	return malloc(size ? size : 1);
}

static void budget_free(void *arg, void *p)
{
	free(p);
}

/* NULL with err set.  Free with done(). */
static void *unpack(const ProtobufCMessageDescriptor *d, const uint8_t *data, size_t len,
		    struct err *err)
{
	struct budget budget = { .left = UNPACK_BUDGET };
	ProtobufCAllocator a = { budget_alloc, budget_free, &budget };
	void *msg;

	if (len > MSG_LEN_MAX) {
		err_set(err, ERR_LIMIT, "%s of %zu bytes, at most %u", d->short_name, len, MSG_LEN_MAX);
		return NULL;
	}
	msg = protobuf_c_message_unpack(d, &a, len, data);
	if (!msg && budget.exceeded)
		err_set(err, ERR_LIMIT, "%s takes more than %u bytes", d->short_name, UNPACK_BUDGET);
	else if (!msg)
		err_set(err, ERR_INVALID, "%s is not protobuf", d->short_name);
	return msg;
}

/* Free msg and pass rc on, with the message's name before a failure's text. */
static int done(void *msg, int rc, struct err *err)
{
	static ProtobufCAllocator a = { budget_alloc, budget_free, NULL };
	const char *name = ((ProtobufCMessage *)msg)->descriptor->short_name;

	if (rc < 0)
		err_wrap(err, "%s", name);
	protobuf_c_message_free_unpacked(msg, &a);
	return rc;
}

static bool pack(struct buf *b, const void *msg)
{
	size_t len = protobuf_c_message_get_packed_size(msg);
	uint8_t *to;

	if (len == 0)	/* all fields at zero: RenditionHeader 0 */
		return !b->failed;
	to = buf_reserve(b, len);
	if (!to)
		return false;
	b->len += protobuf_c_message_pack(msg, to);
	return true;
}

/* ---- rules of single fields ---- */

static int get_fixed(void *to, size_t len, const ProtobufCBinaryData *from, const char *field,
		     struct err *err)
{
	if (from->len != len)
		return err_set(err, ERR_INVALID, "%s has %zu bytes, not %zu", field, from->len, len);
	memcpy(to, from->data, len);
	return 0;
}

static int check_range(uint64_t v, uint64_t min, uint64_t max, const char *field, struct err *err)
{
	if (v < min || v > max)
		return err_set(err, ERR_INVALID, "%s is %llu, not %llu to %llu", field,
			       (unsigned long long)v, (unsigned long long)min,
			       (unsigned long long)max);
	return 0;
}

/* Length of the well-formed UTF-8 character at s that is no control character; 0: none. */
static size_t text_char(const unsigned char *s)
{
	uint32_t c;
	size_t n, i;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	c = s[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	/* Overlong forms, surrogates, beyond Unicode, and the C1 controls. */
	if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)) ||
	    (c >= 0xd800 && c <= 0xdfff) || c < 0xa0)
		return 0;
	return n;
}

/* Text for people: logs and terminals show it, so nothing that steers them. */
static int get_text(char *to, size_t cap, const char *from, const char *field, struct err *err)
{
	size_t len = strlen(from), i, n;

	if (len >= cap)
		return err_set(err, ERR_INVALID, "%s has %zu bytes, at most %zu", field, len, cap - 1);
	for (i = 0; i < len; i += n) {
		n = text_char((const unsigned char *)from + i);
		if (n == 0)
			return err_set(err, ERR_INVALID, "%s has a control or malformed character",
				       field);
	}
	memcpy(to, from, len + 1);
	return 0;
}

/* Our own text may quote a library's or be cut within a character: the peer must
 * not refuse the message for it. */
static void clean_text(char *to, size_t cap, const char *from)
{
	size_t i = 0, n;

	while (from[i] && i + 1 < cap) {
		n = text_char((const unsigned char *)from + i);
		if (n == 0) {
			to[i++] = '?';
			continue;
		}
		if (i + n >= cap)
			break;
		memcpy(to + i, from + i, n);
		i += n;
	}
	to[i] = 0;
}

static int get_container(bool *fmp4, uint32_t container, struct err *err)
{
	*fmp4 = container == 1;
	return check_range(container, 0, 1, "container", err);
}

static int get_stream(struct stream_id *id, const char *s, const char *field, struct err *err)
{
	return stream_id_parse(id, s, err) < 0 ? err_wrap(err, "%s", field) : 0;
}

bool preset_is_known(const char *preset)
{
	static const char *const known[] = {
		"ultrafast", "superfast", "veryfast", "faster", "fast", "medium",
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(preset, known[i]) == 0)
			return true;
	}
	return false;
}

static int get_preset(char to[16], const char *from, struct err *err)
{
	if (!preset_is_known(from))
		return err_set(err, ERR_INVALID, "preset is not ultrafast .. medium");
	memcpy(to, from, strlen(from) + 1);
	return 0;
}

static ProtobufCBinaryData bytes_of(const void *data, size_t len)
{
	return (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)data };
}

/* ---- hello, identity ---- */

bool msg_hello_pack(struct buf *b, const struct msg_hello *m)
{
	Lp__Hello pb = LP__HELLO__INIT;
	char agent[sizeof(m->agent)];

	clean_text(agent, sizeof(agent), m->agent);
	pb.version = m->version;
	pb.features = m->features;
	pb.agent = agent;
	pb.max_channels = m->max_channels;
	pb.window = m->window;
	return pack(b, &pb);
}

static int get_hello(struct msg_hello *m, const Lp__Hello *pb, struct err *err)
{
	/* Any version: whether we speak it is the connection's to decide. */
	if (check_range(pb->version, 1, UINT32_MAX, "version", err) < 0 ||
	    get_text(m->agent, sizeof(m->agent), pb->agent, "agent", err) < 0 ||
	    check_range(pb->max_channels, 0, CHANNELS_MAX, "max_channels", err) < 0 ||
	    check_range(pb->window, 0, WINDOW_MAX, "window", err) < 0)
		return -1;
	m->version = pb->version;
	m->features = pb->features;
	m->max_channels = pb->max_channels;
	m->window = pb->window;
	return 0;
}

int msg_hello_unpack(struct msg_hello *m, const uint8_t *data, size_t len, struct err *err)
{
	Lp__Hello *pb = unpack(&lp__hello__descriptor, data, len, err);

	*m = (struct msg_hello){ 0 };
	return pb ? done(pb, get_hello(m, pb, err), err) : -1;
}

bool msg_identity_pack(struct buf *b, const struct msg_identity *m)
{
	Lp__Identity pb = LP__IDENTITY__INIT;

	pb.address = bytes_of(m->addr.b, sizeof(m->addr.b));
	pb.signature = bytes_of(m->sig.b, sizeof(m->sig.b));
	return pack(b, &pb);
}

static int get_identity(struct msg_identity *m, const Lp__Identity *pb, struct err *err)
{
	if (get_fixed(m->addr.b, sizeof(m->addr.b), &pb->address, "address", err) < 0)
		return -1;
	return get_fixed(m->sig.b, sizeof(m->sig.b), &pb->signature, "signature", err);
}

int msg_identity_unpack(struct msg_identity *m, const uint8_t *data, size_t len, struct err *err)
{
	Lp__Identity *pb = unpack(&lp__identity__descriptor, data, len, err);

	*m = (struct msg_identity){ 0 };
	return pb ? done(pb, get_identity(m, pb, err), err) : -1;
}

/* ---- profiles, inside others ---- */

/* Generated structs for a list, pointing into it: good as long as the list is. */
struct profile_pbs {
	Lp__Profile pb[PROFILES_MAX];
	Lp__Profile *ptr[PROFILES_MAX];
};

static void put_profiles(struct profile_pbs *to, const struct profile_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct profile *p = &l->p[i];
		Lp__Profile *pb = &to->pb[i];

		lp__profile__init(pb);
		pb->name = (char *)p->name;
		pb->width = (uint32_t)p->width;
		pb->height = (uint32_t)p->height;
		pb->bitrate = p->bitrate;
		pb->fps_num = (uint32_t)p->fps_num;
		pb->fps_den = (uint32_t)p->fps_den;
		pb->gop_ms = p->gop_ms;
		pb->encoder = p->encoder;
		pb->h264_profile = p->h264;
		pb->quality = p->quality;
		to->ptr[i] = pb;
	}
}

/* Only what would not fit our types is judged here, the rest by profile_check. */
static int get_profile(struct profile *p, const Lp__Profile *pb, struct err *err)
{
	size_t len = strlen(pb->name);

	if (len >= sizeof(p->name))
		return err_set(err, ERR_INVALID, "name has %zu bytes, at most %zu", len,
			       sizeof(p->name) - 1);
	if (check_range(pb->width, 0, INT32_MAX, "width", err) < 0 ||
	    check_range(pb->height, 0, INT32_MAX, "height", err) < 0 ||
	    check_range(pb->fps_num, 0, INT32_MAX, "fps", err) < 0 ||
	    check_range(pb->fps_den, 0, INT32_MAX, "fpsDen", err) < 0 ||
	    check_range(pb->encoder, 0, ENCODER_AV1, "encoder", err) < 0 ||
	    check_range(pb->h264_profile, 0, H264_HIGH, "profile", err) < 0)
		return -1;
	memcpy(p->name, pb->name, len + 1);
	p->width = (int)pb->width;
	p->height = (int)pb->height;
	p->bitrate = pb->bitrate;
	p->fps_num = (int)pb->fps_num;
	p->fps_den = (int)pb->fps_den;
	p->gop_ms = pb->gop_ms;
	p->encoder = (enum profile_encoder)pb->encoder;
	p->h264 = (enum profile_h264)pb->h264_profile;
	p->quality = pb->quality;
	return 0;
}

static int get_profiles(struct profile_list *l, Lp__Profile *const *pbs, size_t n, struct err *err)
{
	size_t i;

	if (n > PROFILES_MAX)
		return err_set(err, ERR_LIMIT, "%zu profiles, at most %d", n, PROFILES_MAX);
	for (i = 0; i < n; i++) {
		if (get_profile(&l->p[i], pbs[i], err) < 0)
			return err_wrap(err, "profiles[%zu]", i);
	}
	l->n = n;
	return profiles_check(l, err);
}

/* ---- open_session, session_accept, refuse ---- */

bool msg_open_session_pack(struct buf *b, const struct msg_open_session *m)
{
	Lp__OpenSession pb = LP__OPEN_SESSION__INIT;
	struct hash32 options = profiles_hash(&m->profiles);
	struct profile_pbs profiles;

	put_profiles(&profiles, &m->profiles);
	pb.job_id = bytes_of(m->job_id, sizeof(m->job_id));
	pb.stream_id = (char *)m->stream.s;
	pb.profiles = profiles.ptr;
	pb.n_profiles = m->profiles.n;
	pb.options_hash = bytes_of(options.b, sizeof(options.b));
	pb.preset = (char *)m->preset;
	pb.source_width = (uint32_t)m->source_width;
	pb.source_height = (uint32_t)m->source_height;
	pb.source_fps_num = (uint32_t)m->source_fps_num;
	pb.source_fps_den = (uint32_t)m->source_fps_den;
	pb.max_segment_ms = m->max_segment_ms;
	return pack(b, &pb);
}

/* 0/0 and 0/1: not known. */
static int get_source(struct msg_open_session *m, const Lp__OpenSession *pb, struct err *err)
{
	uint32_t den = pb->source_fps_num == 0 && pb->source_fps_den == 0 ? 1 : pb->source_fps_den;

	if (check_range(pb->source_width, 1, SIDE_MAX, "source_width", err) < 0 ||
	    check_range(pb->source_height, 1, SIDE_MAX, "source_height", err) < 0 ||
	    check_range(den, 1, FPS_DEN_MAX, "source_fps_den", err) < 0 ||
	    check_range(pb->source_fps_num, 0, (uint64_t)FPS_MAX * den, "source_fps_num", err) < 0)
		return -1;
	m->source_width = (int)pb->source_width;
	m->source_height = (int)pb->source_height;
	m->source_fps_num = (int)pb->source_fps_num;
	m->source_fps_den = (int)den;
	return 0;
}

static int get_open_session(struct msg_open_session *m, const Lp__OpenSession *pb, struct err *err)
{
	struct hash32 claimed, options;

	if (get_fixed(m->job_id, sizeof(m->job_id), &pb->job_id, "job_id", err) < 0 ||
	    get_stream(&m->stream, pb->stream_id, "stream_id", err) < 0 ||
	    get_profiles(&m->profiles, pb->profiles, pb->n_profiles, err) < 0 ||
	    get_fixed(claimed.b, sizeof(claimed.b), &pb->options_hash, "options_hash", err) < 0 ||
	    get_preset(m->preset, pb->preset, err) < 0 || get_source(m, pb, err) < 0 ||
	    check_range(pb->max_segment_ms, 1, SEGMENT_MS_MAX, "max_segment_ms", err) < 0)
		return -1;
	if (m->profiles.n == 0)
		return err_set(err, ERR_INVALID, "no profiles");
	options = profiles_hash(&m->profiles);
	if (memcmp(&options, &claimed, sizeof(options)) != 0)
		return err_set(err, ERR_INVALID, "options_hash is not the hash of the profiles");
	m->max_segment_ms = pb->max_segment_ms;
	return 0;
}

int msg_open_session_unpack(struct msg_open_session *m, const uint8_t *data, size_t len,
			    struct err *err)
{
	Lp__OpenSession *pb = unpack(&lp__open_session__descriptor, data, len, err);

	*m = (struct msg_open_session){ 0 };
	return pb ? done(pb, get_open_session(m, pb, err), err) : -1;
}

bool msg_session_accept_pack(struct buf *b, const struct msg_session_accept *m)
{
	Lp__SessionAccept pb = LP__SESSION_ACCEPT__INIT;
	char codec[sizeof(m->codec_profile)];

	clean_text(codec, sizeof(codec), m->codec_profile);
	pb.job_id = bytes_of(m->job_id, sizeof(m->job_id));
	pb.rank = m->rank;
	pb.output_stream_id = (char *)m->output_stream.s;
	pb.max_inflight = m->max_inflight;
	pb.codec_profile = codec;
	return pack(b, &pb);
}

static int get_session_accept(struct msg_session_accept *m, const Lp__SessionAccept *pb,
			      struct err *err)
{
	if (get_fixed(m->job_id, sizeof(m->job_id), &pb->job_id, "job_id", err) < 0 ||
	    check_range(pb->rank, 0, RANK_MAX, "rank", err) < 0 ||
	    get_stream(&m->output_stream, pb->output_stream_id, "output_stream_id", err) < 0 ||
	    check_range(pb->max_inflight, 1, INFLIGHT_MAX, "max_inflight", err) < 0 ||
	    get_text(m->codec_profile, sizeof(m->codec_profile), pb->codec_profile,
		     "codec_profile", err) < 0)
		return -1;
	m->rank = pb->rank;
	m->max_inflight = pb->max_inflight;
	return 0;
}

int msg_session_accept_unpack(struct msg_session_accept *m, const uint8_t *data, size_t len,
			      struct err *err)
{
	Lp__SessionAccept *pb = unpack(&lp__session_accept__descriptor, data, len, err);

	*m = (struct msg_session_accept){ 0 };
	return pb ? done(pb, get_session_accept(m, pb, err), err) : -1;
}

bool msg_refuse_pack(struct buf *b, const struct msg_refuse *m)
{
	Lp__Refuse pb = LP__REFUSE__INIT;
	char reason[sizeof(m->reason)];

	clean_text(reason, sizeof(reason), m->reason);
	pb.code = m->code;
	pb.reason = reason;
	pb.retry_after_ms = m->retry_after_ms;
	return pack(b, &pb);
}

static int get_refuse(struct msg_refuse *m, const Lp__Refuse *pb, struct err *err)
{
	if (check_range(pb->code, 1, UINT32_MAX, "code", err) < 0 ||
	    get_text(m->reason, sizeof(m->reason), pb->reason, "reason", err) < 0 ||
	    check_range(pb->retry_after_ms, 0, WAIT_MS_MAX, "retry_after_ms", err) < 0)
		return -1;
	/* A code of a later version: for us a refusal to take elsewhere. */
	m->code = pb->code <= REFUSE_INTERNAL ? (enum refuse_code)pb->code : REFUSE_INTERNAL;
	m->retry_after_ms = pb->retry_after_ms;
	return 0;
}

int msg_refuse_unpack(struct msg_refuse *m, const uint8_t *data, size_t len, struct err *err)
{
	Lp__Refuse *pb = unpack(&lp__refuse__descriptor, data, len, err);

	*m = (struct msg_refuse){ 0 };
	return pb ? done(pb, get_refuse(m, pb, err), err) : -1;
}

/* ---- segment_header, segment_trailer ---- */

bool msg_segment_header_pack(struct buf *b, const struct msg_segment_header *m)
{
	Lp__SegmentHeader pb = LP__SEGMENT_HEADER__INIT;

	pb.session = m->session;
	pb.sequence = m->sequence;
	pb.container = m->fmp4;
	pb.discontinuity = m->discontinuity;
	pb.expected_ms = m->expected_ms;
	pb.width = (uint32_t)m->width;
	pb.height = (uint32_t)m->height;
	return pack(b, &pb);
}

static int get_segment_header(struct msg_segment_header *m, const Lp__SegmentHeader *pb,
			      struct err *err)
{
	if (check_range(pb->session, 1, UINT32_MAX, "session", err) < 0 ||
	    get_container(&m->fmp4, pb->container, err) < 0 ||
	    check_range(pb->expected_ms, 0, SEGMENT_MS_MAX, "expected_ms", err) < 0 ||
	    check_range(pb->width, 1, SIDE_MAX, "width", err) < 0 ||
	    check_range(pb->height, 1, SIDE_MAX, "height", err) < 0)
		return -1;
	m->session = pb->session;
	m->sequence = pb->sequence;
	m->discontinuity = pb->discontinuity;
	m->expected_ms = pb->expected_ms;
	m->width = (int)pb->width;
	m->height = (int)pb->height;
	return 0;
}

int msg_segment_header_unpack(struct msg_segment_header *m, const uint8_t *data, size_t len,
			      struct err *err)
{
	Lp__SegmentHeader *pb = unpack(&lp__segment_header__descriptor, data, len, err);

	*m = (struct msg_segment_header){ 0 };
	return pb ? done(pb, get_segment_header(m, pb, err), err) : -1;
}

bool msg_segment_trailer_pack(struct buf *b, const struct msg_segment_trailer *m)
{
	Lp__SegmentTrailer pb = LP__SEGMENT_TRAILER__INIT;

	pb.duration_ms = m->duration_ms;
	pb.len = m->len;
	pb.data_hash = bytes_of(m->data_hash.b, sizeof(m->data_hash.b));
	pb.signature = bytes_of(m->sig.b, sizeof(m->sig.b));
	pb.n_video = m->n_video;
	pb.deadline_ms = m->deadline_ms;
	return pack(b, &pb);
}

static int get_segment_trailer(struct msg_segment_trailer *m, const Lp__SegmentTrailer *pb,
			       struct err *err)
{
	if (check_range(pb->duration_ms, 1, SEGMENT_MS_MAX, "duration_ms", err) < 0 ||
	    check_range(pb->len, 1, SEGMENT_BYTES_MAX, "len", err) < 0 ||
	    get_fixed(m->data_hash.b, sizeof(m->data_hash.b), &pb->data_hash, "data_hash", err) < 0 ||
	    get_fixed(m->sig.b, sizeof(m->sig.b), &pb->signature, "signature", err) < 0 ||
	    check_range(pb->n_video, 0, FRAMES_MAX, "n_video", err) < 0 ||
	    check_range(pb->deadline_ms, 1, WAIT_MS_MAX, "deadline_ms", err) < 0)
		return -1;
	m->duration_ms = pb->duration_ms;
	m->len = pb->len;
	m->n_video = pb->n_video;
	m->deadline_ms = pb->deadline_ms;
	return 0;
}

int msg_segment_trailer_unpack(struct msg_segment_trailer *m, const uint8_t *data, size_t len,
			       struct err *err)
{
	Lp__SegmentTrailer *pb = unpack(&lp__segment_trailer__descriptor, data, len, err);

	*m = (struct msg_segment_trailer){ 0 };
	return pb ? done(pb, get_segment_trailer(m, pb, err), err) : -1;
}

/* ---- rendition_header, rendition_trailer, receipt ---- */

bool msg_rendition_header_pack(struct buf *b, const struct msg_rendition_header *m)
{
	Lp__RenditionHeader pb = LP__RENDITION_HEADER__INIT;

	pb.index = m->index;
	pb.offset = m->offset;
	return pack(b, &pb);
}

static int get_rendition_header(struct msg_rendition_header *m, const Lp__RenditionHeader *pb,
				struct err *err)
{
	m->index = pb->index;
	m->offset = pb->offset;
	if (check_range(pb->offset, 0, RENDITION_BYTES_MAX, "offset", err) < 0)
		return -1;
	return check_range(pb->index, 0, PROFILES_MAX - 1, "index", err);
}

int msg_rendition_header_unpack(struct msg_rendition_header *m, const uint8_t *data, size_t len,
				struct err *err)
{
	Lp__RenditionHeader *pb = unpack(&lp__rendition_header__descriptor, data, len, err);

	*m = (struct msg_rendition_header){ 0 };
	return pb ? done(pb, get_rendition_header(m, pb, err), err) : -1;
}

static bool sig_is_zero(const struct sig65 *s)
{
	static const struct sig65 zero;

	return memcmp(s, &zero, sizeof(zero)) == 0;
}

bool msg_rendition_trailer_pack(struct buf *b, const struct msg_rendition_trailer *m)
{
	Lp__RenditionTrailer pb = LP__RENDITION_TRAILER__INIT;

	pb.index = m->index;
	pb.len = m->len;
	pb.data_hash = bytes_of(m->data_hash.b, sizeof(m->data_hash.b));
	if (!sig_is_zero(&m->sig))
		pb.signature = bytes_of(m->sig.b, sizeof(m->sig.b));
	pb.n_video = m->n_video;
	pb.duration_ms = m->duration_ms;
	pb.width = (uint32_t)m->width;
	pb.height = (uint32_t)m->height;
	pb.container = m->fmp4;
	pb.init_len = m->init_len;
	return pack(b, &pb);
}

static int get_rendition_trailer(struct msg_rendition_trailer *m, const Lp__RenditionTrailer *pb,
				 struct err *err)
{
	/* A worker signs nothing: no signature stays all zero, and holds nowhere. */
	if (pb->signature.len > 0 &&
	    get_fixed(m->sig.b, sizeof(m->sig.b), &pb->signature, "signature", err) < 0)
		return -1;
	if (check_range(pb->index, 0, PROFILES_MAX - 1, "index", err) < 0 ||
	    check_range(pb->len, 1, RENDITION_BYTES_MAX, "len", err) < 0 ||
	    get_fixed(m->data_hash.b, sizeof(m->data_hash.b), &pb->data_hash, "data_hash", err) < 0 ||
	    check_range(pb->n_video, 0, FRAMES_MAX, "n_video", err) < 0 ||
	    check_range(pb->duration_ms, 0, 2 * SEGMENT_MS_MAX, "duration_ms", err) < 0 ||
	    check_range(pb->width, 0, SIDE_MAX, "width", err) < 0 ||
	    check_range(pb->height, 0, SIDE_MAX, "height", err) < 0 ||
	    get_container(&m->fmp4, pb->container, err) < 0 ||
	    check_range(pb->init_len, 0, m->fmp4 ? pb->len : 0, "init_len", err) < 0)
		return -1;
	m->index = pb->index;
	m->len = pb->len;
	m->n_video = pb->n_video;
	m->duration_ms = pb->duration_ms;
	m->width = (int)pb->width;
	m->height = (int)pb->height;
	m->init_len = pb->init_len;
	return 0;
}

int msg_rendition_trailer_unpack(struct msg_rendition_trailer *m, const uint8_t *data, size_t len,
				 struct err *err)
{
	Lp__RenditionTrailer *pb = unpack(&lp__rendition_trailer__descriptor, data, len, err);

	*m = (struct msg_rendition_trailer){ 0 };
	return pb ? done(pb, get_rendition_trailer(m, pb, err), err) : -1;
}

bool msg_receipt_pack(struct buf *b, const struct msg_receipt *m)
{
	Lp__Receipt pb = LP__RECEIPT__INIT;

	pb.sequence = m->sequence;
	pb.data_hash = bytes_of(m->data_hash.b, sizeof(m->data_hash.b));
	pb.transcoded_hash = bytes_of(m->transcoded_hash.b, sizeof(m->transcoded_hash.b));
	pb.signature = bytes_of(m->sig.b, sizeof(m->sig.b));
	pb.transcode_ms = m->transcode_ms;
	return pack(b, &pb);
}

static int get_receipt(struct msg_receipt *m, const Lp__Receipt *pb, struct err *err)
{
	if (get_fixed(m->data_hash.b, sizeof(m->data_hash.b), &pb->data_hash, "data_hash", err) < 0 ||
	    get_fixed(m->transcoded_hash.b, sizeof(m->transcoded_hash.b), &pb->transcoded_hash,
		      "transcoded_hash", err) < 0 ||
	    get_fixed(m->sig.b, sizeof(m->sig.b), &pb->signature, "signature", err) < 0 ||
	    check_range(pb->transcode_ms, 0, WAIT_MS_MAX, "transcode_ms", err) < 0)
		return -1;
	m->sequence = pb->sequence;
	m->transcode_ms = pb->transcode_ms;
	return 0;
}

int msg_receipt_unpack(struct msg_receipt *m, const uint8_t *data, size_t len, struct err *err)
{
	Lp__Receipt *pb = unpack(&lp__receipt__descriptor, data, len, err);

	*m = (struct msg_receipt){ 0 };
	return pb ? done(pb, get_receipt(m, pb, err), err) : -1;
}

/* ---- task, task_done ---- */

bool msg_task_pack(struct buf *b, const struct msg_task *m)
{
	Lp__Task pb = LP__TASK__INIT;
	struct profile_pbs profiles;
	char key[sizeof(m->stream_key)];

	clean_text(key, sizeof(key), m->stream_key);
	put_profiles(&profiles, &m->profiles);
	pb.stream_key = key;
	pb.kind = m->kind;
	pb.container = m->fmp4;
	pb.profiles = profiles.ptr;
	pb.n_profiles = m->profiles.n;
	pb.preset = (char *)m->preset;
	pb.len = m->len;
	pb.duration_ms = m->duration_ms;
	pb.sequence = m->sequence;
	pb.max_pixels = m->max_pixels;
	pb.bitexact = m->bitexact;
	pb.streamed = m->streamed;
	pb.deadline_ms = m->deadline_ms;
	return pack(b, &pb);
}

/* Only a transcode needs profiles and a preset. */
static int get_work(struct msg_task *m, const Lp__Task *pb, struct err *err)
{
	if (check_range(pb->kind, TASK_TRANSCODE, TASK_TO_MP4, "kind", err) < 0 ||
	    get_profiles(&m->profiles, pb->profiles, pb->n_profiles, err) < 0)
		return -1;
	m->kind = (enum task_kind)pb->kind;
	if (m->kind == TASK_TRANSCODE && m->profiles.n == 0)
		return err_set(err, ERR_INVALID, "no profiles");
	if (m->kind != TASK_TRANSCODE && pb->preset[0] == 0)
		return 0;
	return get_preset(m->preset, pb->preset, err);
}

static int get_task(struct msg_task *m, const Lp__Task *pb, struct err *err)
{
	if (get_text(m->stream_key, sizeof(m->stream_key), pb->stream_key, "stream_key", err) < 0 ||
	    get_work(m, pb, err) < 0 || get_container(&m->fmp4, pb->container, err) < 0 ||
	    check_range(pb->len, 0, SEGMENT_BYTES_MAX, "len", err) < 0 ||
	    check_range(pb->duration_ms, 0, SEGMENT_MS_MAX, "duration_ms", err) < 0 ||
	    check_range(pb->max_pixels, 0, PIXELS_MAX, "max_pixels", err) < 0 ||
	    check_range(pb->deadline_ms, 0, WAIT_MS_MAX, "deadline_ms", err) < 0)
		return -1;
	if (pb->streamed && (m->kind != TASK_TRANSCODE || pb->len > 0))
		return err_set(err, ERR_INVALID, "streamed is for a transcode of unknown length");
	/* Tasks of one key share a worker: none would mean that all do. */
	if (m->stream_key[0] == 0)
		return err_set(err, ERR_INVALID, "stream_key is empty");
	m->len = pb->len;
	m->duration_ms = pb->duration_ms;
	m->sequence = pb->sequence;
	m->max_pixels = pb->max_pixels;
	m->bitexact = pb->bitexact;
	m->streamed = pb->streamed;
	m->deadline_ms = pb->deadline_ms;
	return 0;
}

int msg_task_unpack(struct msg_task *m, const uint8_t *data, size_t len, struct err *err)
{
	Lp__Task *pb = unpack(&lp__task__descriptor, data, len, err);

	*m = (struct msg_task){ 0 };
	return pb ? done(pb, get_task(m, pb, err), err) : -1;
}

bool msg_task_done_pack(struct buf *b, const struct msg_task_done *m)
{
	Lp__TaskDone pb = LP__TASK_DONE__INIT;
	char reason[sizeof(m->reason)];

	clean_text(reason, sizeof(reason), m->reason);
	pb.code = (uint32_t)m->code;
	pb.reason = reason;
	pb.n_decoded = m->n_decoded;
	pb.wall_ms = m->wall_ms;
	pb.cpu_ms = m->cpu_ms;
	pb.width = (uint32_t)m->width;
	pb.height = (uint32_t)m->height;
	return pack(b, &pb);
}

/* It comes from where foreign media was decoded, and goes to logs and to people. */
static void make_ascii(char *s)
{
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			*s = '?';
}

static int get_task_done(struct msg_task_done *m, const Lp__TaskDone *pb, struct err *err)
{
	if (check_range(pb->code, ERR_NONE, ERR_INTERNAL, "code", err) < 0 ||
	    get_text(m->reason, sizeof(m->reason), pb->reason, "reason", err) < 0 ||
	    check_range(pb->n_decoded, 0, FRAMES_MAX, "n_decoded", err) < 0 ||
	    check_range(pb->wall_ms, 0, WAIT_MS_MAX, "wall_ms", err) < 0 ||
	    check_range(pb->width, 0, SIDE_MAX, "width", err) < 0 ||
	    check_range(pb->height, 0, SIDE_MAX, "height", err) < 0)
		return -1;
	make_ascii(m->reason);
	m->code = (int)pb->code;
	m->n_decoded = pb->n_decoded;
	m->wall_ms = pb->wall_ms;
	m->cpu_ms = pb->cpu_ms;
	m->width = (int)pb->width;
	m->height = (int)pb->height;
	return 0;
}

int msg_task_done_unpack(struct msg_task_done *m, const uint8_t *data, size_t len, struct err *err)
{
	Lp__TaskDone *pb = unpack(&lp__task_done__descriptor, data, len, err);

	*m = (struct msg_task_done){ 0 };
	return pb ? done(pb, get_task_done(m, pb, err), err) : -1;
}

bool msg_task_end_pack(struct buf *b, const struct msg_task_end *m)
{
	Lp__TaskEnd pb = LP__TASK_END__INIT;

	pb.len = m->len;
	pb.duration_ms = m->duration_ms;
	return pack(b, &pb);
}

static int get_task_end(struct msg_task_end *m, const Lp__TaskEnd *pb, struct err *err)
{
	if (check_range(pb->len, 1, SEGMENT_BYTES_MAX, "len", err) < 0 ||
	    check_range(pb->duration_ms, 0, SEGMENT_MS_MAX, "duration_ms", err) < 0)
		return -1;
	m->len = pb->len;
	m->duration_ms = pb->duration_ms;
	return 0;
}

int msg_task_end_unpack(struct msg_task_end *m, const uint8_t *data, size_t len, struct err *err)
{
	Lp__TaskEnd *pb = unpack(&lp__task_end__descriptor, data, len, err);

	*m = (struct msg_task_end){ 0 };
	return pb ? done(pb, get_task_end(m, pb, err), err) : -1;
}

/* ---- load ---- */

struct load_pbs {
	Lp__Load load;
	Lp__Device device[DEVICES_MAX];
	Lp__Device *ptr[DEVICES_MAX];
	struct msg_load text;	/* the strings, cleaned */
};

static void put_load(struct load_pbs *to, const struct msg_load *m)
{
	size_t i;

	lp__load__init(&to->load);
	clean_text(to->text.hardware, sizeof(to->text.hardware), m->hardware);
	to->load.capacity = m->capacity;
	to->load.slots = m->slots;
	to->load.running = m->running;
	to->load.cores = m->cores;
	to->load.hardware = to->text.hardware;
	to->load.n_devices = m->n_devices;
	to->load.devices = to->ptr;
	for (i = 0; i < m->n_devices; i++) {
		const struct msg_device *d = &m->device[i];
		struct msg_device *t = &to->text.device[i];
		Lp__Device *pb = to->ptr[i] = &to->device[i];

		lp__device__init(pb);
		clean_text(t->name, sizeof(t->name), d->name);
		clean_text(t->what, sizeof(t->what), d->what);
		pb->name = t->name;
		pb->what = t->what;
		pb->sessions = d->sessions;
		pb->max_sessions = d->max_sessions;
		pb->utilisation = d->utilisation;
		pb->memory_used = d->memory_used;
		pb->memory_total = d->memory_total;
		pb->up = d->up;
	}
}

static int get_device(struct msg_device *m, const Lp__Device *pb, struct err *err)
{
	if (get_text(m->name, sizeof(m->name), pb->name, "name", err) < 0 ||
	    get_text(m->what, sizeof(m->what), pb->what, "what", err) < 0 ||
	    check_range(pb->sessions, 0, SESSIONS_MAX, "sessions", err) < 0 ||
	    check_range(pb->max_sessions, 0, SESSIONS_MAX, "max_sessions", err) < 0 ||
	    check_range(pb->utilisation, 0, 100, "utilisation", err) < 0)
		return -1;
	m->sessions = pb->sessions;
	m->max_sessions = pb->max_sessions;
	m->utilisation = pb->utilisation;
	m->memory_used = pb->memory_used;
	m->memory_total = pb->memory_total;
	m->up = pb->up;
	return 0;
}

static int get_load(struct msg_load *m, const Lp__Load *pb, struct err *err)
{
	size_t i;

	if (check_range(pb->capacity, 0, CAPACITY_MAX, "capacity", err) < 0 ||
	    check_range(pb->slots, 1, SESSIONS_MAX, "slots", err) < 0 ||
	    check_range(pb->running, 0, SESSIONS_MAX, "running", err) < 0 ||
	    check_range(pb->cores, 0, SESSIONS_MAX, "cores", err) < 0 ||
	    check_range(pb->n_devices, 0, DEVICES_MAX, "number of devices", err) < 0 ||
	    get_text(m->hardware, sizeof(m->hardware), pb->hardware, "hardware", err) < 0)
		return -1;
	m->capacity = pb->capacity;
	m->slots = pb->slots;
	m->running = pb->running;
	m->cores = pb->cores;
	m->n_devices = pb->n_devices;
	for (i = 0; i < m->n_devices; i++)
		if (get_device(&m->device[i], pb->devices[i], err) < 0)
			return err_wrap(err, "device %zu", i);
	return 0;
}

bool msg_load_pack(struct buf *b, const struct msg_load *m)
{
	struct load_pbs pbs;

	put_load(&pbs, m);
	return pack(b, &pbs.load);
}

int msg_load_unpack(struct msg_load *m, const uint8_t *data, size_t len, struct err *err)
{
	Lp__Load *pb = unpack(&lp__load__descriptor, data, len, err);

	*m = (struct msg_load){ 0 };
	return pb ? done(pb, get_load(m, pb, err), err) : -1;
}

/* ---- join and its three answers ---- */

bool msg_join_pack(struct buf *b, const struct msg_join *m)
{
	Lp__Join pb = LP__JOIN__INIT;
	char profile[sizeof(m->codec_profile)];

	clean_text(profile, sizeof(profile), m->codec_profile);
	pb.version = m->version;
	pb.codec_profile = profile;
	return pack(b, &pb);
}

int msg_join_unpack(struct msg_join *m, const uint8_t *data, size_t len, struct err *err)
{
	Lp__Join *pb = unpack(&lp__join__descriptor, data, len, err);
	int rc;

	*m = (struct msg_join){ 0 };
	if (!pb)
		return -1;
	m->version = pb->version;
	rc = get_text(m->codec_profile, sizeof(m->codec_profile), pb->codec_profile,
		      "codec_profile", err);
	return done(pb, rc, err);
}

bool msg_join_challenge_pack(struct buf *b, const struct msg_join_challenge *m)
{
	Lp__JoinChallenge pb = LP__JOIN_CHALLENGE__INIT;

	pb.nonce = bytes_of(m->nonce, sizeof(m->nonce));
	return pack(b, &pb);
}

int msg_join_challenge_unpack(struct msg_join_challenge *m, const uint8_t *data, size_t len,
			      struct err *err)
{
	Lp__JoinChallenge *pb = unpack(&lp__join_challenge__descriptor, data, len, err);

	*m = (struct msg_join_challenge){ 0 };
	return pb ? done(pb, get_fixed(m->nonce, sizeof(m->nonce), &pb->nonce, "nonce", err), err) : -1;
}

bool msg_join_proof_pack(struct buf *b, const struct msg_join_proof *m)
{
	Lp__JoinProof pb = LP__JOIN_PROOF__INIT;
	struct load_pbs load;

	put_load(&load, &m->load);
	pb.nonce = bytes_of(m->nonce, sizeof(m->nonce));
	pb.hmac = bytes_of(m->hmac, sizeof(m->hmac));
	pb.load = &load.load;
	return pack(b, &pb);
}

static int get_join_proof(struct msg_join_proof *m, const Lp__JoinProof *pb, struct err *err)
{
	if (get_fixed(m->nonce, sizeof(m->nonce), &pb->nonce, "nonce", err) < 0 ||
	    get_fixed(m->hmac, sizeof(m->hmac), &pb->hmac, "hmac", err) < 0)
		return -1;
	if (!pb->load)
		return err_set(err, ERR_INVALID, "load is missing");
	return get_load(&m->load, pb->load, err);
}

int msg_join_proof_unpack(struct msg_join_proof *m, const uint8_t *data, size_t len,
			  struct err *err)
{
	Lp__JoinProof *pb = unpack(&lp__join_proof__descriptor, data, len, err);

	*m = (struct msg_join_proof){ 0 };
	return pb ? done(pb, get_join_proof(m, pb, err), err) : -1;
}

bool msg_join_accept_pack(struct buf *b, const struct msg_join_accept *m)
{
	Lp__JoinAccept pb = LP__JOIN_ACCEPT__INIT;

	pb.hmac = bytes_of(m->hmac, sizeof(m->hmac));
	return pack(b, &pb);
}

int msg_join_accept_unpack(struct msg_join_accept *m, const uint8_t *data, size_t len,
			   struct err *err)
{
	Lp__JoinAccept *pb = unpack(&lp__join_accept__descriptor, data, len, err);

	*m = (struct msg_join_accept){ 0 };
	return pb ? done(pb, get_fixed(m->hmac, sizeof(m->hmac), &pb->hmac, "hmac", err), err) : -1;
}
