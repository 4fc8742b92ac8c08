#include "test/test.h"

#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "media/wire/rtmp_handshake.h"

/* Origin of the digests: test/vectors/rtmp_handshake.py, Python's hmac module. */
struct vector {
	enum rtmp_handshake kind;
	int c1_at;
	const char *c1_digest;
	int s1_at;
	const char *s1_digest, *s2_signature;
};

static const struct vector vectors[] = {
	{ RTMP_HANDSHAKE_DIGEST_LAST, 942,
	  "492c04ebd265e6343c4c12f5580a46399bec2724821f27f321b95ca75b63b318", 1038,
	  "86defec2c4835da6efbc204a358c449570cf39ee0976ace288ede2d326b214d3",
	  "46d3e68131013dfb86ecb7cc716a6d497e1d145b60d500ea26c7ee8333130d7b" },
	{ RTMP_HANDSHAKE_DIGEST_FIRST, 290,
	  "36d27b365b84e5e55f376e2f24f3a7dd6b8b5e9b002f035f99366c07e43b8d41", 450,
	  "e0ddc6777629687417322b270fa8ca482e66affd603547337a7882f51aa92428",
	  "e282b9b9cd1164c88950bde72e27577b3c0738823a50b270262afbbb0d6edadc" },
};

static uint8_t c0c1[RTMP_C0C1_LEN], random_bytes[RTMP_HANDSHAKE_LEN], out[RTMP_S0S1S2_LEN];

static void fill(void)
{
	int i;

	c0c1[0] = 3;
	for (i = 0; i < RTMP_HANDSHAKE_LEN; i++) {
		c0c1[1 + i] = (uint8_t)(7 * i + 3);
		random_bytes[i] = (uint8_t)(11 * i + 5);
	}
}

static void assert_hex(const uint8_t *data, const char *want)
{
	char got[65];

	hex_fmt(got, data, 32);
	assert_string_equal(got, want);
}

static void digests_of_both_layouts_match_an_independent_implementation(void **state)
{
	enum rtmp_handshake kind;
	size_t i;

	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];

		fill();
		assert_int_equal(hex_parse(c0c1 + 1 + v->c1_at, 32, v->c1_digest), 0);
		assert_int_equal(rtmp_handshake_answer(out, c0c1, random_bytes, 0x01020304, &kind, NULL), 0);
		assert_int_equal(kind, v->kind);
		assert_int_equal(out[0], 3);
		assert_memory_equal(out + 1, "\1\2\3\4\4\5\0\1", 8);
		assert_hex(out + 1 + v->s1_at, v->s1_digest);
		assert_hex(out + sizeof(out) - 32, v->s2_signature);
	}
}

static void a_simple_client_gets_its_own_bytes_back(void **state)
{
	enum rtmp_handshake kind;

	fill();
	memset(c0c1 + 1, 0, 8);
	assert_int_equal(rtmp_handshake_answer(out, c0c1, random_bytes, 7, &kind, NULL), 0);
	assert_int_equal(kind, RTMP_HANDSHAKE_SIMPLE);
	assert_memory_equal(out, "\3\0\0\0\7\0\0\0\0", 9);
	assert_memory_equal(out + 9, random_bytes + 8, RTMP_HANDSHAKE_LEN - 8);
	assert_memory_equal(out + 1 + RTMP_HANDSHAKE_LEN, c0c1 + 1, RTMP_HANDSHAKE_LEN);
}

static void a_wrong_digest_falls_back_to_the_echo(void **state)
{
	enum rtmp_handshake kind;

	fill();
	assert_int_equal(hex_parse(c0c1 + 1 + vectors[0].c1_at, 32, vectors[0].c1_digest), 0);
	c0c1[1 + vectors[0].c1_at] ^= 1;
	assert_int_equal(rtmp_handshake_answer(out, c0c1, random_bytes, 7, &kind, NULL), 0);
	assert_int_equal(kind, RTMP_HANDSHAKE_SIMPLE);
	assert_memory_equal(out + 1 + RTMP_HANDSHAKE_LEN, c0c1 + 1, RTMP_HANDSHAKE_LEN);
}

static void digest_offsets_at_their_maximum_stay_inside(void **state)
{
	fill();
	memset(c0c1 + 1 + 4, 0xff, RTMP_HANDSHAKE_LEN - 4);
	memset(random_bytes, 0xff, sizeof(random_bytes));
	assert_int_equal(rtmp_handshake_answer(out, c0c1, random_bytes, 0, NULL, NULL), 0);
	/* 727 is the largest offset: 182 + 182 + 182 + 181. */
	memcpy(c0c1 + 1 + 8, "\xb6\xb6\xb6\xb5", 4);
	memcpy(c0c1 + 1 + 772, "\xb6\xb6\xb6\xb5", 4);
	assert_int_equal(rtmp_handshake_answer(out, c0c1, random_bytes, 0, NULL, NULL), 0);
}

static void other_versions_are_refused(void **state)
{
	struct err err;

	fill();
	c0c1[0] = 6;	/* RTMPE */
	assert_int_equal(rtmp_handshake_answer(out, c0c1, random_bytes, 0, NULL, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	c0c1[0] = 'G';
	assert_int_equal(rtmp_handshake_answer(out, c0c1, random_bytes, 0, NULL, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_of_both_layouts_match_an_independent_implementation),
		cmocka_unit_test(a_simple_client_gets_its_own_bytes_back),
		cmocka_unit_test(a_wrong_digest_falls_back_to_the_echo),
		cmocka_unit_test(digest_offsets_at_their_maximum_stay_inside),
		cmocka_unit_test(other_versions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
