/* The strict scan of heads, alone and with llhttp behind it. */
#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "node/http/head.h"
#include "node/http/server.h"

#define HOST "Host: a\r\n"

static int check(const char *s, size_t len)
{
	const char *why = "";
	/* exact size, so that ASan sees a read past the end */
	char *copy = malloc(len ? len : 1);
	int status;

	memcpy(copy, s, len);
	status = http_head_check(copy, len, &why);
	free(copy);
	return status;
}

static int read_status(const char *s, struct head *h)
{
	const char *why = "";

	return head_read(h, s, strlen(s), &why);
}

static void plain_heads_are_taken(void **state)
{
	static const char *const good[] = {
		"GET / HTTP/1.1\r\n" HOST "\r\n",
		"GET /a?b=c HTTP/1.0\r\nhost:a\r\n\r\n",
		"PUT /x HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
		"POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: [::1]:80\r\nX:\r\nY: \t v \t\r\n\r\n",
		"GET /\xc3\xa9 HTTP/1.1\r\n" HOST "X: \xc3\xa9\r\n\r\n",
	};
	struct head h;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(check(good[i], strlen(good[i])), 0);
		assert_int_equal(read_status(good[i], &h), 0);
	}
}

/* The table of facts/dependencies, section 2, and its relatives. */
static void malformed_heads_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",					/* no Host */
		"GET / HTTP/1.1\r\n" HOST HOST "\r\n",				/* two */
		"GET / HTTP/1.1\r\nHost: \r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n",				/* "Host :" */
		"GET / HTTP/1.1\nHost: a\n\n",					/* bare LF */
		"GET / HTTP/1.1\r\nHost: a\n\r\n",
		"GET / HTTP/1.1\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "X: \rxTransfer-Encoding: chunked\r\n\r\n",	/* CVE-2023-30589 */
		"POST / HTTP/1.1\r\n" HOST "X: a\rTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.1\r\r\n" HOST "\r\n",
		"GET / HTTP/1.1\r\n Content-Length: 5\r\n" HOST "\r\n",	/* leading space */
		"GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n",		/* folded */
		"GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 5 5\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding\t: chunked\r\n\r\n",
		"POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
		"GET  / HTTP/1.1\r\n" HOST "\r\n",
		"GET / a HTTP/1.1\r\n" HOST "\r\n",
		"GET /#f HTTP/1.1\r\n" HOST "\r\n",
		"GET /\x01 HTTP/1.1\r\n" HOST "\r\n",
		" GET / HTTP/1.1\r\n" HOST "\r\n",
		"GET /\r\n" HOST "\r\n",
		"GET / HTTP/2.0\r\n" HOST "\r\n",
		"GET / HTTP/1.10\r\n" HOST "\r\n",
		"GET / http/1.1\r\n" HOST "\r\n",
		"GET / HTTP/1.1 \r\n" HOST "\r\n",
		"G\x7f / HTTP/1.1\r\n" HOST "\r\n",
		"GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "a b: x\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "a\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "a: \x0b\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "a: \x7f\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n\r\n",	/* more behind the end */
		("GET / HTTP/1.1\r\n" HOST),					/* no end */
	};
	struct head h;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (check(bad[i], strlen(bad[i])) != 400)
			fail_msg("taken: case %zu: %s", i, bad[i]);
		assert_int_not_equal(read_status(bad[i], &h), 0);
	}
}

static void nul_anywhere_is_refused(void **state)
{
	static const char whole[] = "GET /ab HTTP/1.1\r\nHost: abc\r\nX: y\r\n\r\n";
	char copy[sizeof(whole)];
	size_t i;

	assert_int_equal(check(whole, sizeof(whole) - 1), 0);
	for (i = 0; i < sizeof(whole) - 1; i++) {
		memcpy(copy, whole, sizeof(whole));
		copy[i] = 0;
		assert_int_equal(check(copy, sizeof(whole) - 1), 400);
	}
}

/* Every byte of a head replaced by CR and by LF must not be taken. */
static void cr_or_lf_in_any_place_is_refused(void **state)
{
	static const char whole[] = "GET /ab HTTP/1.1\r\nHost: abc\r\nXyz: yzw\r\n\r\n";
	char copy[sizeof(whole)];
	size_t i;

	for (i = 0; i < sizeof(whole) - 1; i++) {
		memcpy(copy, whole, sizeof(whole));
		copy[i] = whole[i] == '\r' ? 'x' : '\r';
		assert_int_equal(check(copy, sizeof(whole) - 1), 400);
		copy[i] = whole[i] == '\n' ? 'x' : '\n';
		assert_int_equal(check(copy, sizeof(whole) - 1), 400);
	}
}

/* A request with n fields, and one whose value of X makes it len bytes long. */
static int check_many(unsigned n)
{
	struct buf b;
	unsigned i;
	int status;

	buf_init(&b, 10000);
	buf_add_str(&b, "GET / HTTP/1.1\r\n" HOST);
	for (i = 1; i < n; i++)
		buf_add_str(&b, "a: b\r\n");
	buf_add_str(&b, "\r\n");
	status = check((const char *)b.data, b.len);
	buf_fini(&b);
	return status;
}

static int check_long(size_t len)
{
	struct buf b;
	int status;

	buf_init(&b, len);
	buf_add_str(&b, "GET / HTTP/1.1\r\n" HOST "X: ");
	while (b.len < len - 4)
		buf_add_u8(&b, 'x');
	buf_add_str(&b, "\r\n\r\n");
	status = check((const char *)b.data, b.len);
	buf_fini(&b);
	return status;
}

static void too_many_fields_and_too_long_a_head_are_431(void **state)
{
	assert_int_equal(check_many(HEAD_MAX_FIELDS), 0);
	assert_int_equal(check_many(HEAD_MAX_FIELDS + 1), 431);
	assert_int_equal(check_long(HEAD_MAX_LEN), 0);
	assert_int_equal(check_long(HEAD_MAX_LEN + 1), 431);
}

static void head_read_tells_what_follows(void **state)
{
	struct head h;

	assert_int_equal(read_status("PUT /a%20b?c HTTP/1.1\r\nHost: h:8\r\nContent-Length: 0012\r\n"
				     "Expect: 100-Continue\r\nX: yy\r\n\r\n", &h), 0);
	assert_int_equal(h.method_len, 3);
	assert_int_equal(h.target, 4);
	assert_int_equal(h.target_len, 8);
	assert_int_equal(h.authority_len, 3);
	assert_int_equal(h.minor, 1);
	assert_true(h.has_length && h.length == 12 && !h.chunked);
	assert_true(h.expect_continue && !h.expect_other);
	assert_true(h.keep_alive);
	assert_int_equal(h.n_fields, 4);
	assert_int_equal(h.fields[3].value_len, 2);

	assert_int_equal(read_status("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", &h), 0);
	assert_false(h.keep_alive);
	assert_int_equal(read_status("GET / HTTP/1.0\r\n" HOST "\r\n", &h), 0);
	assert_false(h.keep_alive);
	assert_int_equal(read_status("GET / HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n", &h), 0);
	assert_true(h.keep_alive);
	assert_int_equal(read_status("GET / HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", &h), 0);
	assert_true(h.expect_other);
}

static void refusals_have_their_own_status(void **state)
{
	struct head h;
	char *s = xmalloc(20000);

	assert_int_equal(read_status("GET / HTTP/3.0\r\n" HOST "\r\n", &h), 505);
	assert_int_equal(read_status("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", &h), 501);
	assert_int_equal(read_status("BREW / HTTP/1.1\r\n" HOST "\r\n", &h), 501);
	memset(s, 'a', 20000);
	memcpy(s, "GET /", 5);
	strcpy(s + 5 + HEAD_MAX_TARGET, " HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(read_status(s, &h), 414);
	free(s);
}

static void end_of_a_head_is_found_a_byte_at_a_time(void **state)
{
	static const char s[] = "GET / HTTP/1.1\r\n" HOST "X: y\r\n\r\nbody";
	const char *why = "";
	size_t pos = 0, i, head_len = sizeof(s) - 1 - 4;

	for (i = 0; i < head_len; i++)
		assert_int_equal(head_find_end(s, i, &pos, &why), 0);
	assert_int_equal(head_find_end(s, head_len, &pos, &why), head_len);
	pos = 0;
	assert_int_equal(head_find_end(s, sizeof(s) - 1, &pos, &why), head_len);
	pos = 0;
	assert_int_equal(head_find_end("GET / HTTP/1.1\n", 15, &pos, &why), -1);
	pos = 0;
	assert_int_equal(head_find_end("\n", 1, &pos, &why), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_heads_are_taken),
		cmocka_unit_test(malformed_heads_are_refused),
		cmocka_unit_test(nul_anywhere_is_refused),
		cmocka_unit_test(cr_or_lf_in_any_place_is_refused),
		cmocka_unit_test(too_many_fields_and_too_long_a_head_are_431),
		cmocka_unit_test(head_read_tells_what_follows),
		cmocka_unit_test(refusals_have_their_own_status),
		cmocka_unit_test(end_of_a_head_is_found_a_byte_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
