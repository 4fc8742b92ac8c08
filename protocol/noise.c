/*
 * Noise XX on libsodium, but ChaCha20-Poly1305, through which all media goes, by
 * OpenSSL: measured 3.3 GB/s against 1.0 GB/s.
 *
 *	-> e			(32 bytes + payload)
 *	<- e, ee, s, es		(32 + 48 + payload + 16)
 *	-> s, se		(48 + payload + 16)
 *
 * The state is one block of locked memory, but for the copy of the last key used that
 * OpenSSL has in its context until noise_free wipes it.  A failed read is final: the
 * handshake hash no longer matches the peer's, so nothing after it could succeed.
 *
 * Source: noiseprotocol.org, revision 34, sections 5 and 12.
 */
#include "protocol/noise.h"

#include <assert.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"

#define DH_LEN 32
#define REKEY_EVERY (1u << 20)
#define N_MESSAGES 3
/* Longest run of tokens before a payload: e and an encrypted s. */
#define TOKENS_MAX (DH_LEN + DH_LEN + NOISE_TAG)

static const char protocol_name[32] = "Noise_XX_25519_ChaChaPoly_SHA256";

struct cipher {
	uint8_t k[32];
	uint64_t n;
	bool has_key;
};

struct noise {
	EVP_CIPHER_CTX *aead;		/* made once: to look the cipher up costs more than a ping */
	bool initiator;
	bool failed;
	bool has_rs;
	unsigned n_done;		/* handshake messages behind us */
	struct noise_key s, e;
	uint8_t rs[DH_LEN], re[DH_LEN];
	uint8_t ck[32];
	struct hash32 h;
	struct cipher hs;		/* during the handshake */
	struct cipher send, recv;	/* after it */
	struct hash32 read_transcript;
	uint8_t tokens[TOKENS_MAX];	/* of the next message, once made */
	size_t tokens_len;
	bool has_tokens;
};

void noise_key_from_secret(struct noise_key *k, const uint8_t secret[32])
{
	memcpy(k->secret, secret, sizeof(k->secret));
	crypto_scalarmult_base(k->public, k->secret);
}

void noise_key_generate(struct noise_key *k)
{
	if (sodium_init() < 0)
		abort();
	randombytes_buf(k->secret, sizeof(k->secret));
	crypto_scalarmult_base(k->public, k->secret);
}

static void mix_hash(struct noise *n, const void *data, size_t len)
{
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, n->h.b, sizeof(n->h.b));
	if (len > 0)
		crypto_hash_sha256_update(&st, data, len);
	crypto_hash_sha256_final(&st, n->h.b);
}

static void hmac(uint8_t out[32], const uint8_t key[32], const uint8_t *data, size_t len)
{
	crypto_auth_hmacsha256_state st;

	crypto_auth_hmacsha256_init(&st, key, 32);
	crypto_auth_hmacsha256_update(&st, data, len);
	crypto_auth_hmacsha256_final(&st, out);
	sodium_memzero(&st, sizeof(st));
}

/* HKDF with two outputs; out1 may be ck itself. */
static void hkdf2(uint8_t out1[32], uint8_t out2[32], const uint8_t ck[32],
		  const uint8_t *input, size_t len)
{
	uint8_t temp[32], block[33];

	hmac(temp, ck, input, len);
	block[0] = 1;
	hmac(out1, temp, block, 1);
	memcpy(block, out1, 32);
	block[32] = 2;
	hmac(out2, temp, block, 33);
	sodium_memzero(temp, sizeof(temp));
	sodium_memzero(block, sizeof(block));
}

static void mix_key(struct noise *n, const uint8_t shared[DH_LEN])
{
	hkdf2(n->ck, n->hs.k, n->ck, shared, DH_LEN);
	n->hs.n = 0;
	n->hs.has_key = true;
}

/* The secret of ours times their point.  False for a point of low order. */
static bool mix_dh(struct noise *n, const struct noise_key *ours, const uint8_t theirs[DH_LEN])
{
	uint8_t shared[DH_LEN];

	if (crypto_scalarmult(shared, ours->secret, theirs) != 0)
		return false;
	mix_key(n, shared);
	sodium_memzero(shared, sizeof(shared));
	return true;
}

static void nonce_of(uint8_t nonce[12], uint64_t n)
{
	int i;

	memset(nonce, 0, 4);
	for (i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(n >> (8 * i));
}

/* From here to its tag: one message.  OpenSSL fails only where we misuse it. */
static void aead_begin(struct noise *n, const struct cipher *c, const struct hash32 *ad,
		       bool encrypt)
{
	uint8_t nonce[12];
	int unused;

	nonce_of(nonce, c->n);
	if (EVP_CipherInit_ex(n->aead, NULL, NULL, c->k, nonce, encrypt) != 1 ||
	    (ad && EVP_CipherUpdate(n->aead, NULL, &unused, ad->b, sizeof(ad->b)) != 1))
		abort();
}

static void seal(struct noise *n, struct cipher *c, const struct hash32 *ad, const uint8_t *in,
		 size_t len, uint8_t *out)
{
	int n_out;

	aead_begin(n, c, ad, true);
	if (EVP_CipherUpdate(n->aead, out, &n_out, in, (int)len) != 1 ||
	    EVP_CipherFinal_ex(n->aead, out + len, &n_out) != 1 ||
	    EVP_CIPHER_CTX_ctrl(n->aead, EVP_CTRL_AEAD_GET_TAG, NOISE_TAG, out + len) != 1)
		abort();
	c->n++;
}

/* len includes the tag.  What stands in out after a failure is to be thrown away. */
static bool unseal(struct noise *n, struct cipher *c, const struct hash32 *ad, const uint8_t *in,
		   size_t len, uint8_t *out)
{
	uint8_t tag[NOISE_TAG];
	int n_out;

	if (len < NOISE_TAG)
		return false;
	len -= NOISE_TAG;
	memcpy(tag, in + len, sizeof(tag));
	aead_begin(n, c, ad, false);
	if (EVP_CIPHER_CTX_ctrl(n->aead, EVP_CTRL_AEAD_SET_TAG, NOISE_TAG, tag) != 1 ||
	    EVP_CipherUpdate(n->aead, out, &n_out, in, (int)len) != 1 ||
	    EVP_CipherFinal_ex(n->aead, tag, &n_out) != 1)
		return false;
	c->n++;
	return true;
}

struct noise *noise_new(bool initiator, const struct noise_key *s, const void *prologue,
			size_t prologue_len, const struct noise_key *e)
{
	struct noise *n = secret_alloc(sizeof(*n));

	memset(n, 0, sizeof(*n));
	n->aead = EVP_CIPHER_CTX_new();
	if (!n->aead ||
	    EVP_CipherInit_ex(n->aead, EVP_chacha20_poly1305(), NULL, NULL, NULL, 1) != 1)
		abort();	/* no memory, or an OpenSSL without the cipher */
	n->initiator = initiator;
	n->s = *s;
	if (e)
		n->e = *e;
	else
		noise_key_generate(&n->e);
	memcpy(n->h.b, protocol_name, sizeof(n->h.b));
	memcpy(n->ck, n->h.b, sizeof(n->ck));
	mix_hash(n, prologue, prologue_len);
	return n;
}

void noise_free(struct noise *n)
{
	if (n)
		EVP_CIPHER_CTX_free(n->aead);
	secret_free(n);
}

bool noise_is_done(const struct noise *n)
{
	return n->n_done == N_MESSAGES && !n->failed;
}

/* The initiator writes messages 0 and 2. */
static bool is_our_turn(const struct noise *n)
{
	return n->n_done < N_MESSAGES && (n->n_done % 2 == 0) == n->initiator;
}

bool noise_wants_write(const struct noise *n)
{
	return !n->failed && is_our_turn(n);
}

const uint8_t *noise_remote_static(const struct noise *n)
{
	return n->has_rs ? n->rs : NULL;
}

struct hash32 noise_transcript_read(const struct noise *n)
{
	return n->read_transcript;
}

/* Nothing is mixed into h once the third message is done. */
struct hash32 noise_handshake_hash(const struct noise *n)
{
	return n->n_done == N_MESSAGES ? n->h : (struct hash32){ { 0 } };
}

/* ---- writing ---- */

static void put_e(struct noise *n)
{
	memcpy(n->tokens + n->tokens_len, n->e.public, DH_LEN);
	n->tokens_len += DH_LEN;
	mix_hash(n, n->e.public, DH_LEN);
}

static void put_s(struct noise *n)
{
	uint8_t *to = n->tokens + n->tokens_len;

	seal(n, &n->hs, &n->h, n->s.public, DH_LEN, to);
	n->tokens_len += DH_LEN + NOISE_TAG;
	mix_hash(n, to, DH_LEN + NOISE_TAG);
}

/* None of these products can be zero: the peer's points were tried when read. */
static void make_tokens(struct noise *n)
{
	bool ok = true;

	n->tokens_len = 0;
	switch (n->n_done) {
	case 0:
		put_e(n);
		break;
	case 1:
		put_e(n);
		ok = mix_dh(n, &n->e, n->re);
		put_s(n);
		ok = ok && mix_dh(n, &n->s, n->re);
		break;
	case 2:
		put_s(n);
		ok = mix_dh(n, &n->s, n->re);
		break;
	}
	assert(ok);
	n->has_tokens = true;
}

struct hash32 noise_transcript_next(struct noise *n)
{
	assert(noise_wants_write(n));
	if (!n->has_tokens)
		make_tokens(n);
	return n->h;
}

/* Messages may now flow both ways; nothing of the handshake is needed any more. */
static void split(struct noise *n)
{
	struct cipher *first = n->initiator ? &n->send : &n->recv;
	struct cipher *second = n->initiator ? &n->recv : &n->send;

	hkdf2(first->k, second->k, n->ck, NULL, 0);
	first->has_key = second->has_key = true;
	sodium_memzero(n->ck, sizeof(n->ck));
	sodium_memzero(&n->hs, sizeof(n->hs));
	sodium_memzero(&n->s, sizeof(n->s));
	sodium_memzero(&n->e, sizeof(n->e));
}

static void message_done(struct noise *n)
{
	if (++n->n_done == N_MESSAGES)
		split(n);
}

int noise_write(struct noise *n, const void *payload, size_t payload_len, uint8_t *out,
		size_t *out_len, struct err *err)
{
	uint8_t *to;
	size_t len;

	assert(noise_wants_write(n));
	if (payload_len > NOISE_MSG_MAX - TOKENS_MAX - NOISE_TAG)
		return err_set(err, ERR_LIMIT, "handshake payload of %zu bytes", payload_len);
	if (!n->has_tokens)
		make_tokens(n);
	memcpy(out, n->tokens, n->tokens_len);
	to = out + n->tokens_len;
	len = payload_len + (n->hs.has_key ? NOISE_TAG : 0);
	if (n->hs.has_key)
		seal(n, &n->hs, &n->h, payload, payload_len, to);
	else if (payload_len > 0)
		memcpy(to, payload, payload_len);
	mix_hash(n, to, len);
	*out_len = n->tokens_len + len;
	n->has_tokens = false;
	message_done(n);
	return 0;
}

/* ---- reading ---- */

static bool get_e(struct noise *n, const uint8_t **p, size_t *left)
{
	if (*left < DH_LEN)
		return false;
	memcpy(n->re, *p, DH_LEN);
	mix_hash(n, n->re, DH_LEN);
	*p += DH_LEN;
	*left -= DH_LEN;
	return true;
}

static bool get_s(struct noise *n, const uint8_t **p, size_t *left)
{
	if (*left < DH_LEN + NOISE_TAG ||
	    !unseal(n, &n->hs, &n->h, *p, DH_LEN + NOISE_TAG, n->rs))
		return false;
	mix_hash(n, *p, DH_LEN + NOISE_TAG);
	*p += DH_LEN + NOISE_TAG;
	*left -= DH_LEN + NOISE_TAG;
	n->has_rs = true;
	return true;
}

static bool get_tokens(struct noise *n, const uint8_t **p, size_t *left)
{
	uint8_t unused[DH_LEN];

	switch (n->n_done) {
	case 0:
		/* Tried here, so that a point of low order (zero with every secret)
		 * fails the read and not the write of the answer. */
		return get_e(n, p, left) && crypto_scalarmult(unused, n->e.secret, n->re) == 0;
	case 1:
		return get_e(n, p, left) && mix_dh(n, &n->e, n->re) &&
		       get_s(n, p, left) && mix_dh(n, &n->e, n->rs);
	case 2:
		return get_s(n, p, left) && mix_dh(n, &n->e, n->rs);
	}
	return false;
}

static bool get_payload(struct noise *n, const uint8_t *p, size_t left, uint8_t *payload,
			size_t *payload_len)
{
	n->read_transcript = n->h;
	*payload_len = left;
	if (n->hs.has_key) {
		if (left < NOISE_TAG || !unseal(n, &n->hs, &n->h, p, left, payload))
			return false;
		*payload_len = left - NOISE_TAG;
	} else if (left > 0) {
		memmove(payload, p, left);
	}
	mix_hash(n, p, left);
	return true;
}

int noise_read(struct noise *n, const uint8_t *msg, size_t len, uint8_t *payload,
	       size_t *payload_len, struct err *err)
{
	unsigned which = n->n_done + 1;

	if (n->failed || is_our_turn(n) || n->n_done == N_MESSAGES)
		return err_set(err, ERR_INVALID, "no handshake message is due");
	if (len > NOISE_MSG_MAX || !get_tokens(n, &msg, &len) ||
	    !get_payload(n, msg, len, payload, payload_len)) {
		n->failed = true;
		return err_set(err, ERR_INVALID, "handshake message %u does not hold", which);
	}
	message_done(n);
	return 0;
}

/* ---- transport ---- */

/* REKEY: the key stream of the last nonce, which is never used for a message. */
static void rekey_if_due(struct noise *n, struct cipher *c)
{
	static const uint8_t zeros[32];
	uint8_t out[32 + NOISE_TAG];
	uint64_t next = c->n;

	if (next % REKEY_EVERY != 0)
		return;
	c->n = UINT64_MAX;
	seal(n, c, NULL, zeros, sizeof(zeros), out);
	c->n = next;
	memcpy(c->k, out, sizeof(c->k));
	sodium_memzero(out, sizeof(out));
}

int noise_encrypt(struct noise *n, const uint8_t *in, size_t len, uint8_t *out, struct err *err)
{
	/* Also after a message failed to decrypt: somebody may want to say so. */
	assert(n->n_done == N_MESSAGES);
	if (len > NOISE_MSG_MAX - NOISE_TAG)
		return err_set(err, ERR_LIMIT, "message of %zu bytes, at most %d", len,
			       NOISE_MSG_MAX - NOISE_TAG);
	seal(n, &n->send, NULL, in, len, out);
	rekey_if_due(n, &n->send);
	return 0;
}

int noise_decrypt(struct noise *n, const uint8_t *in, size_t len, uint8_t *out, struct err *err)
{
	if (!noise_is_done(n))
		return err_set(err, ERR_INVALID, "no transport keys");
	if (len < NOISE_TAG || len > NOISE_MSG_MAX ||
	    !unseal(n, &n->recv, NULL, in, len, out)) {
		n->failed = true;
		return err_set(err, ERR_INVALID, "message does not decrypt");
	}
	rekey_if_due(n, &n->recv);
	return 0;
}
