#include "test/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "media/wire/rtmp_chunk.h"

/* Messages as they came. */
struct seen {
	struct rtmp_msg m[32];
	uint8_t *data[32];
	size_t n;
	size_t stop_after;	/* 0: never */
};

static enum rtmp_next on_msg(void *arg, const struct rtmp_msg *m)
{
	struct seen *s = arg;

	assert_true(s->n < 32);
	s->m[s->n] = *m;
	s->data[s->n] = xmalloc(m->len + 1);
	if (m->len > 0)
		memcpy(s->data[s->n], m->data, m->len);
	s->m[s->n].data = s->data[s->n];
	s->n++;
	return s->n == s->stop_after ? RTMP_STOP : RTMP_GO_ON;
}

static void seen_clear(struct seen *s)
{
	while (s->n > 0)
		free(s->data[--s->n]);
}

static struct seen seen;
static struct err err;

/* Feeds bytes to a fresh reader, step bytes at a time. */
static long feed(const uint8_t *data, size_t len, size_t step)
{
	struct rtmp_chunk_reader *r = rtmp_chunk_reader_new(RTMP_MSG_MAX);
	size_t pos = 0, n;
	long ret = 0;
	uint8_t *exact;

	seen_clear(&seen);
	while (pos < len && ret >= 0) {
		n = len - pos < step ? len - pos : step;
		exact = xmalloc(n);
		memcpy(exact, data + pos, n);
		ret = rtmp_chunk_read(r, exact, n, on_msg, &seen, &err);
		free(exact);
		assert_true(ret < 0 || (size_t)ret == n);
		pos += n;
	}
	rtmp_chunk_reader_free(r);
	return ret;
}

#define FEED(bytes, step) feed((const uint8_t *)(bytes), sizeof(bytes) - 1, step)

static void fill(uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 31 + i / 251);
}

static void messages_survive_any_split_and_chunk_size(void **state)
{
	static const size_t steps[] = { 1, 2, 3, 7, 17, 128, 1000, 100000 };
	static const uint32_t csids[] = { 2, 3, 63, 64, 319, 320, 65599 };
	static const uint32_t times[] = { 0, 0xfffffe, 0xffffff, 0x1000000, 0xffffffff };
	static const size_t lens[] = { 0, 1, 127, 128, 129, 3000 };
	uint8_t body[3000];
	size_t i, j, n = 0;
	struct buf b;

	fill(body, sizeof(body));
	buf_init(&b, 100000);
	for (i = 0; i < 30; i++) {
		struct rtmp_msg m = { .type = 9, .stream_id = 0x01020304, .csid = csids[i % 7],
				      .time_ms = times[i % 5], .data = body, .len = lens[i % 6] };

		rtmp_chunk_write(&b, &m, 128);
	}
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_true(feed(b.data, b.len, steps[i]) >= 0);
		assert_int_equal(seen.n, 30);
		for (j = 0; j < seen.n; j++) {
			assert_int_equal(seen.m[j].type, 9);
			assert_int_equal(seen.m[j].stream_id, 0x01020304);
			assert_int_equal(seen.m[j].csid, csids[j % 7]);
			assert_int_equal(seen.m[j].time_ms, times[j % 5]);
			assert_int_equal(seen.m[j].len, lens[j % 6]);
			assert_memory_equal(seen.m[j].data, body, lens[j % 6]);
		}
		n += seen.n;
	}
	assert_int_equal(n, 30 * 8);
	buf_fini(&b);
}

static void header_types_keep_what_they_leave_out(void **state)
{
	/* Type 0 at 1000; type 1 +20, 2 bytes; type 2 +30; type 3: +30 again. */
	static const char in[] = "\x04\x00\x03\xe8\x00\x00\x01\x08\x01\x00\x00\x00" "a"
				 "\x44\x00\x00\x14\x00\x00\x02\x09" "bb"
				 "\x84\x00\x00\x1e" "cc"
				 "\xc4" "dd";
	size_t step;

	for (step = 1; step < 40; step++) {
		assert_true(FEED(in, step) >= 0);
		assert_int_equal(seen.n, 4);
		assert_int_equal(seen.m[0].time_ms, 1000);
		assert_int_equal(seen.m[0].type, 8);
		assert_int_equal(seen.m[1].time_ms, 1020);
		assert_int_equal(seen.m[1].type, 9);
		assert_int_equal(seen.m[1].stream_id, 1);
		assert_int_equal(seen.m[2].time_ms, 1050);
		assert_int_equal(seen.m[2].len, 2);
		assert_int_equal(seen.m[3].time_ms, 1080);
		assert_memory_equal(seen.m[3].data, "dd", 2);
	}
}

static void type_3_after_type_0_adds_its_timestamp(void **state)
{
	static const char in[] = "\x04\x00\x00\x0a\x00\x00\x01\x08\x01\x00\x00\x00" "a" "\xc4" "b";

	assert_true(FEED(in, 100) >= 0);
	assert_int_equal(seen.m[1].time_ms, 20);
}

static void deltas_wrap_at_32_bits(void **state)
{
	static const char in[] = "\x04\xff\xff\xff\x00\x00\x01\x08\x01\x00\x00\x00\xff\xff\xff\xf0" "a"
				 "\x84\x00\x00\x20" "b";

	assert_true(FEED(in, 100) >= 0);
	assert_int_equal(seen.m[0].time_ms, 0xfffffff0);
	assert_int_equal(seen.m[1].time_ms, 0x10);
}

static void continuations_may_repeat_the_extended_timestamp_or_not(void **state)
{
	uint8_t body[300], in[400];
	size_t step, n;
	bool repeat;

	fill(body, sizeof(body));
	for (repeat = false;; repeat = true) {
		n = 0;
		memcpy(in, "\x04\xff\xff\xff\x00\x01\x2c\x09\x01\x00\x00\x00\x01\x02\x03\x04", 16);
		n = 16;
		memcpy(in + n, body, 128);
		n += 128;
		in[n++] = 0xc4;
		if (repeat)
			memcpy(in + n, "\1\2\3\4", 4), n += 4;
		memcpy(in + n, body + 128, 128);
		n += 128;
		in[n++] = 0xc4;
		if (repeat)
			memcpy(in + n, "\1\2\3\4", 4), n += 4;
		memcpy(in + n, body + 256, 44);
		n += 44;
		for (step = 1; step < n + 1; step++) {
			assert_true(feed(in, n, step) >= 0);
			assert_int_equal(seen.n, 1);
			assert_int_equal(seen.m[0].len, 300);
			assert_memory_equal(seen.m[0].data, body, 300);
			assert_int_equal(seen.m[0].time_ms, 0x01020304);
		}
		if (repeat)
			return;
	}
}

static void messages_of_two_chunk_streams_interleave(void **state)
{
	uint8_t body[200], in[600];
	struct buf a, b;
	size_t n = 0;
	struct rtmp_msg ma = { .type = 8, .csid = 4, .data = body, .len = 200, .time_ms = 1 };
	struct rtmp_msg mb = { .type = 9, .csid = 6, .data = body, .len = 200, .time_ms = 2 };

	fill(body, sizeof(body));
	buf_init(&a, 1000);
	buf_init(&b, 1000);
	rtmp_chunk_write(&a, &ma, 128);
	rtmp_chunk_write(&b, &mb, 128);
	memcpy(in, a.data, 140), n = 140;
	memcpy(in + n, b.data, 140), n += 140;
	memcpy(in + n, a.data + 140, a.len - 140), n += a.len - 140;
	memcpy(in + n, b.data + 140, b.len - 140), n += b.len - 140;
	assert_true(feed(in, n, 9) >= 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.m[0].type, 8);
	assert_memory_equal(seen.m[0].data, body, 200);
	assert_memory_equal(seen.m[1].data, body, 200);
	buf_fini(&a);
	buf_fini(&b);
}

static void chunk_size_may_change_inside_a_message(void **state)
{
	uint8_t body[300], in[500];
	struct buf b;
	size_t n;

	fill(body, sizeof(body));
	buf_init(&b, 100);
	rtmp_chunk_write_control(&b, RTMP_SET_CHUNK_SIZE, 50);
	memcpy(in, "\x04\x00\x00\x00\x00\x01\x2c\x09\x01\x00\x00\x00", 12);
	memcpy(in + 12, body, 128), n = 140;
	memcpy(in + n, b.data, b.len), n += b.len;
	in[n++] = 0xc4;
	memcpy(in + n, body + 128, 50), n += 50;
	in[n++] = 0xc4;
	memcpy(in + n, body + 178, 50), n += 50;
	in[n++] = 0xc4;
	memcpy(in + n, body + 228, 50), n += 50;
	in[n++] = 0xc4;
	memcpy(in + n, body + 278, 22), n += 22;
	assert_true(feed(in, n, 13) >= 0);
	assert_int_equal(seen.n, 1);
	assert_memory_equal(seen.m[0].data, body, 300);
	buf_fini(&b);
}

static void bad_chunk_sizes_are_refused(void **state)
{
	static const char zero[] = "\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00\x00\x00\x00\x00";
	static const char huge[] = "\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00\x7f\xff\xff\xff";
	static const char largest[] = "\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00\x00\x10\x00\x00";
	static const char shortened[] = "\x02\x00\x00\x00\x00\x00\x03\x01\x00\x00\x00\x00\x00\x10\x00";

	assert_int_equal(FEED(zero, 100), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(FEED(huge, 100), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_true(FEED(largest, 100) >= 0);
	assert_int_equal(FEED(shortened, 100), -1);
}

static void a_new_message_inside_an_unfinished_one_is_refused(void **state)
{
	uint8_t in[400] = "\x04\x00\x00\x00\x00\x01\x2c\x09\x01\x00\x00\x00";

	/* Its length would shrink below what has come (nginx-rtmp 2f2db81). */
	memcpy(in + 140, "\x44\x00\x00\x00\x00\x00\x01\x09", 8);
	assert_int_equal(feed(in, 200, 100), -1);
	assert_int_equal(err.code, ERR_INVALID);
}

static void a_header_that_follows_nothing_is_refused(void **state)
{
	assert_int_equal(FEED("\x84\x00\x00\x00zzzzzzzzzzzzzzzzzzzz", 100), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(FEED("\xc4zzzzzzzzzzzzzzzzzzzz", 1), -1);
	/* Type 1 first is what librtmp sends on the control stream. */
	assert_true(FEED("\x42\x00\x00\x05\x00\x00\x01\x04z", 100) >= 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.m[0].time_ms, 5);
}

static void an_abort_drops_the_unfinished_message(void **state)
{
	uint8_t in[400] = "\x04\x00\x00\x00\x00\x01\x2c\x09\x01\x00\x00\x00";
	size_t n = 140;

	memcpy(in + n, "\x02\x00\x00\x00\x00\x00\x04\x02\x00\x00\x00\x00\x00\x00\x00\x04", 16), n += 16;
	memcpy(in + n, "\x04\x00\x00\x00\x00\x00\x01\x08\x01\x00\x00\x00q", 13), n += 13;
	assert_true(feed(in, n, 11) >= 0);
	assert_int_equal(seen.n, 1);
	assert_memory_equal(seen.m[0].data, "q", 1);
	/* Aborting its own chunk stream, or one that is not there, does nothing. */
	assert_true(FEED("\x02\x00\x00\x00\x00\x00\x04\x02\x00\x00\x00\x00\x00\x00\x00\x02"
			 "\xc2\x00\x00\x00\x09", 3) >= 0);
}

static void limits_hold(void **state)
{
	struct rtmp_chunk_reader *r = rtmp_chunk_reader_new(1000);
	uint8_t in[] = "\x04\x00\x00\x00\x00\x03\xe9\x09\x01\x00\x00\x00zzzzzzzzzz";
	struct buf b;
	uint32_t i;

	assert_int_equal(rtmp_chunk_read(r, in, sizeof(in) - 1, on_msg, &seen, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	rtmp_chunk_reader_free(r);
	buf_init(&b, 10000);
	for (i = 0; i <= RTMP_CHUNK_STREAMS_MAX; i++) {
		struct rtmp_msg m = { .csid = 2 + i, .type = 8 };

		rtmp_chunk_write(&b, &m, 128);
		if (i % 16 == 15)
			seen_clear(&seen);
	}
	r = rtmp_chunk_reader_new(1000);
	seen_clear(&seen);
	for (i = 0; i < RTMP_CHUNK_STREAMS_MAX; i++) {
		assert_true(rtmp_chunk_read(r, b.data + 12 * i, 12, on_msg, &seen, &err) >= 0);
		assert_int_equal(seen.n, 1);
		seen_clear(&seen);
		if (2 + i + 1 >= 64)	/* two-byte headers from here */
			break;
	}
	rtmp_chunk_reader_free(r);
	r = rtmp_chunk_reader_new(1000);
	for (i = 0; i <= RTMP_CHUNK_STREAMS_MAX; i++) {
		struct rtmp_msg m = { .csid = 100 + i, .type = 8 };

		buf_clear(&b);
		rtmp_chunk_write(&b, &m, 128);
		if (i < RTMP_CHUNK_STREAMS_MAX)
			assert_true(rtmp_chunk_read(r, b.data, b.len, on_msg, &seen, &err) >= 0);
		else
			assert_int_equal(rtmp_chunk_read(r, b.data, b.len, on_msg, &seen, &err), -1);
		seen_clear(&seen);
	}
	assert_int_equal(err.code, ERR_LIMIT);
	rtmp_chunk_reader_free(r);
	buf_fini(&b);
}

static void unfinished_messages_together_are_bounded(void **state)
{
	struct rtmp_chunk_reader *r = rtmp_chunk_reader_new(RTMP_MSG_MAX);
	uint8_t *part = xcalloc(1, 1 << 20);
	struct buf b;
	int i, ret = 0;

	buf_init(&b, 100);
	rtmp_chunk_write_control(&b, RTMP_SET_CHUNK_SIZE, 1 << 20);
	assert_true(rtmp_chunk_read(r, b.data, b.len, on_msg, &seen, &err) >= 0);
	for (i = 0; i < 9 && ret >= 0; i++) {
		uint8_t header[12] = { (uint8_t)(4 + i), 0, 0, 0, 0x7f, 0xff, 0xff, 9, 1 };

		assert_true(rtmp_chunk_read(r, header, 12, on_msg, &seen, &err) >= 0);
		ret = (int)rtmp_chunk_read(r, part, 1 << 20, on_msg, &seen, &err);
	}
	assert_int_equal(i, 9);
	assert_int_equal(ret, -1);
	assert_int_equal(err.code, ERR_LIMIT);
	rtmp_chunk_reader_free(r);
	buf_fini(&b);
	free(part);
}

static void the_callback_can_stop_between_messages(void **state)
{
	static const char in[] = "\x04\x00\x00\x00\x00\x00\x01\x08\x01\x00\x00\x00" "a" "\xc4" "b" "\xc4" "c";
	struct rtmp_chunk_reader *r = rtmp_chunk_reader_new(1000);
	const uint8_t *p = (const uint8_t *)in;
	long n;

	seen_clear(&seen);
	seen.stop_after = 2;
	n = rtmp_chunk_read(r, p, sizeof(in) - 1, on_msg, &seen, &err);
	assert_int_equal(n, 15);
	assert_int_equal(seen.n, 2);
	n = rtmp_chunk_read(r, p + n, sizeof(in) - 1 - (size_t)n, on_msg, &seen, &err);
	assert_int_equal(n, 2);
	assert_int_equal(seen.n, 3);
	assert_false(rtmp_chunk_reader_is_inside(r));
	rtmp_chunk_read(r, p, 12, on_msg, &seen, &err);
	assert_true(rtmp_chunk_reader_is_inside(r));
	seen.stop_after = 0;
	rtmp_chunk_reader_free(r);
}

static void control_messages_have_their_form(void **state)
{
	struct buf b;

	buf_init(&b, 100);
	rtmp_chunk_write_control(&b, RTMP_SET_PEER_BANDWIDTH, 0x01020304);
	assert_int_equal(b.len, 17);
	assert_memory_equal(b.data, "\2\0\0\0\0\0\5\6\0\0\0\0\1\2\3\4\2", 17);
	buf_clear(&b);
	rtmp_chunk_write_control(&b, RTMP_WINDOW_ACK_SIZE, 5);
	assert_memory_equal(b.data, "\2\0\0\0\0\0\4\5\0\0\0\0\0\0\0\5", 16);
	buf_fini(&b);
}

static int teardown(void **state)
{
	seen_clear(&seen);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_survive_any_split_and_chunk_size),
		cmocka_unit_test(header_types_keep_what_they_leave_out),
		cmocka_unit_test(type_3_after_type_0_adds_its_timestamp),
		cmocka_unit_test(deltas_wrap_at_32_bits),
		cmocka_unit_test(continuations_may_repeat_the_extended_timestamp_or_not),
		cmocka_unit_test(messages_of_two_chunk_streams_interleave),
		cmocka_unit_test(chunk_size_may_change_inside_a_message),
		cmocka_unit_test(bad_chunk_sizes_are_refused),
		cmocka_unit_test(a_new_message_inside_an_unfinished_one_is_refused),
		cmocka_unit_test(a_header_that_follows_nothing_is_refused),
		cmocka_unit_test(an_abort_drops_the_unfinished_message),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(unfinished_messages_together_are_bounded),
		cmocka_unit_test(the_callback_can_stop_between_messages),
		cmocka_unit_test(control_messages_have_their_form),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
