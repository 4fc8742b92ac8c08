#ifndef LP_TEST_NODE_PEER_LIAR_H
#define LP_TEST_NODE_PEER_LIAR_H
/*
 * A client of its own on a plain socket: it knows Noise and frames, but no manners.
 */
#include "test/node/peer/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>

#include "protocol/noise.h"
#include "protocol/segment.h"

struct liar {
	struct world *w;
	int fd;
	struct noise *noise;
	struct noise_key key;
	struct buf in;		/* plaintext of frames */
	bool eof;
};

static inline void set_nonblock(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* from: NULL, or the loopback address it comes from. */
static inline int raw_connect_from(struct world *w, const char *from)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), flag = 1;

	assert_true(fd >= 0);
	if (from) {
		inet_pton(AF_INET, from, &sa.sin_addr);
		assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	}
	sa.sin_port = htons((uint16_t)peer_listener_port(w->listener));
	inet_pton(AF_INET, "127.0.0.1", &sa.sin_addr);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &flag, sizeof(flag));
	set_nonblock(fd);
	return fd;
}

/* False: the other side has closed. */
static inline bool raw_write(struct world *w, int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	uv_timer_again(&w->watchdog);
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return false;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else {
			uv_run(&w->loop, UV_RUN_ONCE);
		}
	}
	return true;
}

/* Exactly len bytes while the loop turns; false: the end came first. */
static inline bool raw_read(struct world *w, int fd, void *to, size_t len)
{
	uint8_t *p = to;

	uv_timer_again(&w->watchdog);
	while (len > 0) {
		ssize_t n = recv(fd, p, len, 0);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else {
			uv_run(&w->loop, UV_RUN_NOWAIT);
		}
	}
	return true;
}

static inline bool liar_send_record(struct liar *l, const uint8_t *data, size_t len)
{
	uint8_t head[2] = { (uint8_t)(len >> 8), (uint8_t)len };

	return raw_write(l->w, l->fd, head, 2) && raw_write(l->w, l->fd, data, len);
}

static inline size_t liar_read_record(struct liar *l, uint8_t to[NOISE_MSG_MAX])
{
	uint8_t head[2];
	size_t len;

	if (!raw_read(l->w, l->fd, head, 2))
		return 0;
	len = (size_t)head[0] << 8 | head[1];
	return raw_read(l->w, l->fd, to, len) ? len : 0;
}

enum lie { TRUTH, WRONG_SIGNATURE, WRONG_SIDE, WRONG_DOMAIN, OTHERS_TRANSCRIPT, NO_IDENTITY,
	   OTHERS_ADDRESS, N_LIES };

static inline void liar_identity(struct liar *l, struct buf *to, enum lie lie)
{
	struct hash32 transcript = noise_transcript_next(l->noise), digest, domain = l->w->domain;
	struct msg_identity id;

	if (lie == WRONG_DOMAIN)
		domain.b[0] ^= 1;
	if (lie == OTHERS_TRANSCRIPT)
		transcript.b[31] ^= 1;
	digest = peer_identity_digest(l->key.public, &transcript, lie == WRONG_SIDE, &domain);
	id.addr = sig_key_addr(lie == OTHERS_ADDRESS ? l->w->b_key : l->w->a_key);
	id.sig = sig_sign(l->w->a_key, &digest);
	if (lie == WRONG_SIGNATURE)
		id.sig.b[10] ^= 1;
	if (lie != NO_IDENTITY)
		msg_identity_pack(to, &id);
}

/* What b must have signed. */
static inline void liar_check_identity(struct liar *l, const uint8_t *payload, size_t len)
{
	struct hash32 transcript = noise_transcript_read(l->noise), digest;
	struct eth_addr b = sig_key_addr(l->w->b_key);
	struct msg_identity id;

	assert_int_equal(msg_identity_unpack(&id, payload, len, NULL), 0);
	digest = peer_identity_digest(noise_remote_static(l->noise), &transcript, 1, &l->w->domain);
	assert_int_equal(sig_verify(&b, &digest, &id.sig, NULL), 0);
}

/* Dials b and goes through the handshake up to the lie. */
static inline struct liar *liar_handshake(struct world *w, const char *from, enum lie lie)
{
	struct liar *l = xcalloc(1, sizeof(*l));
	uint8_t msg[NOISE_MSG_MAX], payload[NOISE_MSG_MAX];
	size_t len, payload_len;
	struct buf id;

	l->w = w;
	l->fd = raw_connect_from(w, from);
	buf_init(&l->in, 1 << 20);
	noise_key_generate(&l->key);
	l->noise = noise_new(true, &l->key, "lpnode peer 1", 13, NULL);
	noise_write(l->noise, NULL, 0, msg, &len, NULL);
	assert_true(liar_send_record(l, msg, len));
	len = liar_read_record(l, msg);
	assert_int_equal(noise_read(l->noise, msg, len, payload, &payload_len, NULL), 0);
	liar_check_identity(l, payload, payload_len);
	buf_init(&id, 1000);
	liar_identity(l, &id, lie);
	noise_write(l->noise, id.data, id.len, msg, &len, NULL);
	buf_fini(&id);
	liar_send_record(l, msg, len);
	return l;
}

static inline void liar_free(struct liar *l)
{
	close(l->fd);
	noise_free(l->noise);
	buf_fini(&l->in);
	free(l);
}

/* One frame, in a record of its own. */
static inline bool liar_frame(struct liar *l, int kind, uint32_t channel, const void *payload, size_t len)
{
	struct buf b;
	bool ok;

	buf_init(&b, NOISE_MSG_MAX);
	assert_true(frame_add(&b, (enum frame_kind)kind, channel, payload, len));
	buf_reserve(&b, NOISE_TAG);
	assert_int_equal(noise_encrypt(l->noise, b.data, b.len, b.data, NULL), 0);
	ok = liar_send_record(l, b.data, b.len + NOISE_TAG);
	buf_fini(&b);
	return ok;
}

static inline void liar_hello(struct liar *l, uint32_t version, uint32_t window)
{
	struct msg_hello h = { .version = version, .agent = "liar", .max_channels = 10,
			       .window = window };
	struct buf b;

	buf_init(&b, 1000);
	assert_true(msg_hello_pack(&b, &h));
	liar_frame(l, FRAME_HELLO, 0, b.data, b.len);
	buf_fini(&b);
}

/* The next frame; false at the end.  Payload is good until the next call. */
static inline bool liar_read(struct liar *l, struct frame *f)
{
	static uint8_t msg[NOISE_MSG_MAX];
	static uint8_t kept[FRAME_PAYLOAD_MAX];
	long n;
	size_t len;

	while ((n = frame_parse(f, l->in.data, l->in.len, NULL)) == 0) {
		len = liar_read_record(l, msg);
		if (len == 0)
			return false;
		assert_int_equal(noise_decrypt(l->noise, msg, len, msg, NULL), 0);
		buf_add(&l->in, msg, len - NOISE_TAG);
	}
	assert_true(n > 0);
	memcpy(kept, f->payload, f->len);
	f->payload = kept;
	buf_consume(&l->in, (size_t)n);
	return true;
}

/* The next frame of that kind; others are skipped. */
static inline bool liar_await(struct liar *l, enum frame_kind kind, struct frame *f)
{
	while (liar_read(l, f))
		if (f->kind == kind)
			return true;
	return false;
}

/* b ends the connection with CLOSE, this code and a text with these words. */
static inline void liar_expects_close(struct liar *l, enum err_code code, const char *words)
{
	struct frame f;
	char text[300] = "";

	do {
		if (!liar_await(l, FRAME_CLOSE, &f))
			fail_msg("ended without a reason, expected '%s'", words);
	} while (f.channel != 0);
	assert_true(f.len >= 2);
	memcpy(text, f.payload + 2, f.len - 2);
	assert_int_equal(f.payload[0] << 8 | f.payload[1], code);
	if (!strstr(text, words))
		fail_msg("reason '%s' lacks '%s'", text, words);
}

static inline struct liar *liar_ready(struct world *w, uint32_t window)
{
	struct liar *l = liar_handshake(w, NULL, TRUTH);

	liar_hello(l, 1, window);
	spin_until(w, w->b.n_ready);
	return l;
}

#endif
