#include "test/test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "protocol/noise.h"

#define VECTORS "test/vectors/noise_xx.json"

struct bytes {
	uint8_t b[256];
	size_t len;
};

static struct bytes bytes_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	struct bytes r;

	assert_non_null(s);
	r.len = strlen(s) / 2;
	assert_true(r.len <= sizeof(r.b));
	assert_int_equal(hex_parse(r.b, r.len, s), 0);
	return r;
}

static json_t *vector_load(void)
{
	json_error_t e;
	json_t *v = json_load_file(VECTORS, 0, &e);

	if (!v)
		fail_msg("%s: %s", VECTORS, e.text);
	return v;
}

static struct noise *side_of(const json_t *v, bool initiator)
{
	struct bytes s = bytes_of(v, initiator ? "init_static" : "resp_static");
	struct bytes e = bytes_of(v, initiator ? "init_ephemeral" : "resp_ephemeral");
	struct bytes prologue = bytes_of(v, "prologue");
	struct noise_key sk, ek;

	noise_key_from_secret(&sk, s.b);
	noise_key_from_secret(&ek, e.b);
	return noise_new(initiator, &sk, prologue.b, prologue.len, &ek);
}

/* One handshake message of the vector, checked byte by byte and from both sides. */
static void check_message(struct noise *from, struct noise *to, const json_t *m)
{
	struct bytes payload = bytes_of(m, "payload"), want = bytes_of(m, "ciphertext");
	struct bytes transcript = bytes_of(m, "transcript");
	uint8_t out[512], in[512];
	struct hash32 h;
	size_t len, in_len;

	assert_true(noise_wants_write(from));
	assert_false(noise_wants_write(to));
	h = noise_transcript_next(from);
	assert_memory_equal(h.b, transcript.b, 32);
	assert_int_equal(noise_write(from, payload.b, payload.len, out, &len, NULL), 0);
	assert_int_equal(len, want.len);
	assert_memory_equal(out, want.b, len);
	assert_int_equal(noise_read(to, out, len, in, &in_len, NULL), 0);
	assert_int_equal(in_len, payload.len);
	assert_memory_equal(in, payload.b, in_len);
	h = noise_transcript_read(to);
	assert_memory_equal(h.b, transcript.b, 32);
}

static void check_transport(struct noise *from, struct noise *to, const json_t *m)
{
	struct bytes payload = bytes_of(m, "payload"), want = bytes_of(m, "ciphertext");
	uint8_t out[512];

	assert_int_equal(noise_encrypt(from, payload.b, payload.len, out, NULL), 0);
	assert_memory_equal(out, want.b, want.len);
	assert_int_equal(noise_decrypt(to, out, want.len, out, NULL), 0);
	assert_memory_equal(out, payload.b, payload.len);
}

static void vector_handshake(const json_t *v, struct noise **i, struct noise **r)
{
	const json_t *m;
	size_t k;

	*i = side_of(v, true);
	*r = side_of(v, false);
	json_array_foreach(json_object_get(v, "handshake"), k, m) {
		assert_false(noise_is_done(*i));
		check_message(k % 2 ? *r : *i, k % 2 ? *i : *r, m);
	}
	assert_int_equal(k, 3);
	assert_true(noise_is_done(*i) && noise_is_done(*r));
}

static void handshake_and_transport_equal_libp2p(void **state)
{
	json_t *v = vector_load();
	const json_t *m;
	struct noise *i, *r;
	struct bytes s = bytes_of(v, "resp_static");
	struct noise_key k;
	size_t n;

	vector_handshake(v, &i, &r);
	noise_key_from_secret(&k, s.b);
	assert_memory_equal(noise_remote_static(i), k.public, 32);
	json_array_foreach(json_object_get(v, "transport"), n, m)
		check_transport(n % 2 ? r : i, n % 2 ? i : r, m);
	assert_int_equal(n, 6);
	noise_free(i);
	noise_free(r);
	json_decref(v);
}

static void handshake_hash_is_the_vectors_on_both_sides_and_zero_before(void **state)
{
	static const struct hash32 zero;
	json_t *v = vector_load();
	struct bytes want = bytes_of(v, "handshake_hash");
	struct noise *i = side_of(v, true), *r;
	struct hash32 h = noise_handshake_hash(i);
	uint8_t tag[NOISE_TAG];

	assert_memory_equal(h.b, zero.b, 32);
	noise_free(i);
	vector_handshake(v, &i, &r);
	h = noise_handshake_hash(i);
	assert_int_equal(want.len, 32);
	assert_memory_equal(h.b, want.b, 32);
	assert_int_equal(noise_encrypt(i, NULL, 0, tag, NULL), 0);
	assert_int_equal(noise_decrypt(r, tag, sizeof(tag), tag, NULL), 0);
	h = noise_handshake_hash(r);
	assert_memory_equal(h.b, want.b, 32);
	noise_free(i);
	noise_free(r);
	json_decref(v);
}

static void key_changes_after_2_to_20_messages(void **state)
{
	json_t *v = vector_load();
	struct noise *i, *r;
	uint8_t tag[NOISE_TAG];
	unsigned n;

	vector_handshake(v, &i, &r);
	for (n = 0; n < 1u << 20; n++) {
		assert_int_equal(noise_encrypt(i, NULL, 0, tag, NULL), 0);
		assert_int_equal(noise_decrypt(r, tag, sizeof(tag), tag, NULL), 0);
	}
	check_transport(i, r, json_object_get(v, "after_rekey"));
	noise_free(i);
	noise_free(r);
	json_decref(v);
}

/* ---- with random keys ---- */

struct pair {
	struct noise *i, *r;
};

static struct pair pair_new(void)
{
	struct noise_key a, b;

	noise_key_generate(&a);
	noise_key_generate(&b);
	return (struct pair){ noise_new(true, &a, "p", 1, NULL), noise_new(false, &b, "p", 1, NULL) };
}

static void pair_free(struct pair *p)
{
	noise_free(p->i);
	noise_free(p->r);
}

/* Pass up to n handshake messages; msg and len hold the last one, not yet read. */
static void run_until(struct pair *p, unsigned n, uint8_t msg[512], size_t *len)
{
	uint8_t in[512];
	size_t in_len;
	unsigned k;

	for (k = 0; k <= n; k++) {
		struct noise *from = k % 2 ? p->r : p->i, *to = k % 2 ? p->i : p->r;

		assert_int_equal(noise_write(from, "payload", 7, msg, len, NULL), 0);
		if (k < n)
			assert_int_equal(noise_read(to, msg, *len, in, &in_len, NULL), 0);
	}
}

static struct pair pair_done(void)
{
	struct pair p = pair_new();
	uint8_t msg[512], in[512];
	size_t len, in_len;

	run_until(&p, 2, msg, &len);
	assert_int_equal(noise_read(p.r, msg, len, in, &in_len, NULL), 0);
	return p;
}

static void any_changed_byte_of_the_handshake_is_noticed(void **state)
{
	uint8_t msg[512], in[512];
	size_t len, in_len, i;
	unsigned n;

	for (n = 1; n < 3; n++) {
		for (i = 0; i < 96 + 7; i += 5) {
			struct pair p = pair_new();
			struct noise *to = n % 2 ? p.i : p.r;
			struct err err = { 0 };

			run_until(&p, n, msg, &len);
			if (i < len) {
				msg[i] ^= 1;
				assert_int_equal(noise_read(to, msg, len, in, &in_len, &err), -1);
				assert_int_equal(err.code, ERR_INVALID);
				assert_false(noise_is_done(to) || noise_wants_write(to));
			}
			pair_free(&p);
		}
	}
}

static void changed_first_message_fails_at_the_second(void **state)
{
	struct pair p = pair_new();
	uint8_t msg[512], in[512];
	size_t len, in_len;

	run_until(&p, 0, msg, &len);
	msg[len - 1] ^= 1;	/* the payload: not encrypted yet, but hashed */
	assert_int_equal(noise_read(p.r, msg, len, in, &in_len, NULL), 0);
	assert_int_equal(noise_write(p.r, "x", 1, msg, &len, NULL), 0);
	assert_int_equal(noise_read(p.i, msg, len, in, &in_len, NULL), -1);
	pair_free(&p);
}

static void short_messages_are_refused_at_every_length(void **state)
{
	uint8_t msg[512], in[512];
	size_t len, in_len, cut;
	unsigned n;

	for (n = 0; n < 3; n++) {
		for (cut = 0; cut < 32 + 48 + 16; cut++) {
			struct pair p = pair_new();
			struct noise *to = n % 2 ? p.i : p.r;
			size_t enough = n == 0 ? 32 : n == 1 ? 96 : 64;

			run_until(&p, n, msg, &len);
			if (cut < enough)
				assert_int_equal(noise_read(to, msg, cut, in, &in_len, NULL), -1);
			pair_free(&p);
		}
	}
}

/* RFC 7748 section 6.1 and the curve's well-known points of low order. */
static void points_of_low_order_are_refused(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	uint8_t msg[96], in[96];
	size_t in_len, i;

	for (i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct pair p = pair_new();
		struct err err = { 0 };
		size_t len;

		memset(msg, 0, sizeof(msg));
		hex_parse(msg, 32, points[i]);
		assert_int_equal(noise_read(p.r, msg, 32, in, &in_len, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_int_equal(noise_write(p.i, NULL, 0, in, &len, NULL), 0);
		assert_int_equal(noise_read(p.i, msg, 96, in, &in_len, NULL), -1);
		pair_free(&p);
	}
}

static void other_prologue_fails(void **state)
{
	struct noise_key k;
	struct noise *i, *r;
	uint8_t msg[512], in[512];
	size_t len, in_len;

	noise_key_generate(&k);
	i = noise_new(true, &k, "a", 1, NULL);
	r = noise_new(false, &k, "b", 1, NULL);
	assert_int_equal(noise_write(i, NULL, 0, msg, &len, NULL), 0);
	assert_int_equal(noise_read(r, msg, len, in, &in_len, NULL), 0);
	assert_int_equal(noise_write(r, NULL, 0, msg, &len, NULL), 0);
	assert_int_equal(noise_read(i, msg, len, in, &in_len, NULL), -1);
	noise_free(i);
	noise_free(r);
}

static void message_out_of_turn_is_refused(void **state)
{
	struct pair p = pair_new();
	uint8_t msg[512], in[512];
	size_t len, in_len;

	memset(msg, 9, sizeof(msg));
	assert_int_equal(noise_read(p.i, msg, 96, in, &in_len, NULL), -1);
	assert_true(noise_wants_write(p.i));
	assert_int_equal(noise_decrypt(p.i, msg, 96, in, NULL), -1);
	run_until(&p, 0, msg, &len);
	pair_free(&p);
	p = pair_done();
	assert_int_equal(noise_read(p.i, msg, 96, in, &in_len, NULL), -1);
	pair_free(&p);
}

static void too_large_payloads_are_refused(void **state)
{
	static uint8_t big[NOISE_MSG_MAX + 1], out[NOISE_MSG_MAX + 200];
	struct pair p = pair_new();
	struct err err;
	size_t len;

	assert_int_equal(noise_write(p.i, big, NOISE_MSG_MAX, out, &len, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	pair_free(&p);
	p = pair_done();
	assert_int_equal(noise_encrypt(p.i, big, NOISE_MSG_MAX - NOISE_TAG + 1, out, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(noise_encrypt(p.i, big, NOISE_MSG_MAX - NOISE_TAG, out, &err), 0);
	assert_int_equal(noise_decrypt(p.r, out, NOISE_MSG_MAX, out, &err), 0);
	assert_memory_equal(out, big, NOISE_MSG_MAX - NOISE_TAG);
	pair_free(&p);
}

static void lost_repeated_or_forged_transport_message_is_final(void **state)
{
	struct pair p = pair_done();
	uint8_t a[64], b[64], out[64];

	noise_encrypt(p.i, (const uint8_t *)"one", 3, a, NULL);
	noise_encrypt(p.i, (const uint8_t *)"two", 3, b, NULL);
	assert_int_equal(noise_decrypt(p.r, a, 19, out, NULL), 0);
	assert_int_equal(noise_decrypt(p.r, a, 19, out, NULL), -1);
	assert_int_equal(noise_decrypt(p.r, b, 19, out, NULL), -1);
	pair_free(&p);
	p = pair_done();
	noise_encrypt(p.i, (const uint8_t *)"one", 3, a, NULL);
	assert_int_equal(noise_decrypt(p.r, a, 15, out, NULL), -1);
	/* but the last words may still be said */
	assert_int_equal(noise_encrypt(p.r, (const uint8_t *)"bye", 3, b, NULL), 0);
	assert_int_equal(noise_decrypt(p.i, b, 19, out, NULL), 0);
	pair_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_and_transport_equal_libp2p),
		cmocka_unit_test(handshake_hash_is_the_vectors_on_both_sides_and_zero_before),
		cmocka_unit_test(key_changes_after_2_to_20_messages),
		cmocka_unit_test(any_changed_byte_of_the_handshake_is_noticed),
		cmocka_unit_test(changed_first_message_fails_at_the_second),
		cmocka_unit_test(short_messages_are_refused_at_every_length),
		cmocka_unit_test(points_of_low_order_are_refused),
		cmocka_unit_test(other_prologue_fails),
		cmocka_unit_test(message_out_of_turn_is_refused),
		cmocka_unit_test(too_large_payloads_are_refused),
		cmocka_unit_test(lost_repeated_or_forged_transport_message_is_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
