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
	uint8_t *to = buf_reserve(b, len);

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
