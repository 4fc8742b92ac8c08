/*
 * Foreign bytes as Noise messages: u16 length and message, over and over, to a side
 * in the state that the first byte says.  All keys are fixed, so the corpus can hold
 * messages that do decrypt.
 *
 *	bit 0: we are the initiator; bit 1: the handshake was honest, only transport
 *	messages are foreign; bit 2: a first honest transport message came before.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "protocol/noise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct noise *side_new(bool initiator)
{
	struct noise_key s, e;
	uint8_t secret[32];

	memset(secret, initiator ? 1 : 2, sizeof(secret));
	noise_key_from_secret(&s, secret);
	memset(secret, initiator ? 3 : 4, sizeof(secret));
	noise_key_from_secret(&e, secret);
	return noise_new(initiator, &s, "fuzz", 4, &e);
}

/* A message written by from is what to reads. */
static void pass(struct noise *from, struct noise *to)
{
	uint8_t msg[256], in[256];
	size_t len, in_len;

	if (noise_write(from, "payload", 7, msg, &len, NULL) < 0 ||
	    noise_read(to, msg, len, in, &in_len, NULL) < 0 || in_len != 7)
		abort();
}

static void take(struct noise *n, const uint8_t *msg, size_t len)
{
	uint8_t *out = malloc(len ? len : 1);
	size_t out_len = 0;
	struct err err;

	if (!noise_is_done(n)) {
		if (noise_read(n, msg, len, out, &out_len, &err) == 0 && out_len > len)
			abort();
	} else if (noise_decrypt(n, msg, len, out, &err) == 0 && len < NOISE_TAG) {
		abort();
	}
	free(out);
}

static void answer(struct noise *n)
{
	uint8_t out[256];
	size_t len;

	if (!noise_wants_write(n))
		return;
	noise_transcript_next(n);
	if (noise_write(n, "answer", 6, out, &len, NULL) < 0 || len > sizeof(out))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rd r = rd_of(data, len);
	uint8_t mode = rd_u8(&r), msg[64];
	bool initiator = mode & 1;
	struct noise *n = side_new(initiator), *peer = side_new(!initiator);

	if (mode & 2) {
		pass(initiator ? n : peer, initiator ? peer : n);
		pass(initiator ? peer : n, initiator ? n : peer);
		pass(initiator ? n : peer, initiator ? peer : n);
	}
	if ((mode & 6) == 6) {
		noise_encrypt(peer, (const uint8_t *)"honest", 6, msg, NULL);
		if (noise_decrypt(n, msg, 6 + NOISE_TAG, msg, NULL) < 0)
			abort();
	}
	answer(n);
	while (r.left >= 2) {
		size_t k = rd_u16(&r);

		if (k > r.left)
			k = r.left;
		take(n, rd_bytes(&r, k), k);
		answer(n);
	}
	noise_free(n);
	noise_free(peer);
	return 0;
}
