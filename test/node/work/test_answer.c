/* What a worker may answer, and every way in which it may not. */
#include "test/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "node/work/answer.h"
#include "protocol/frame.h"

#define CHANNEL 5

static void msg_begin(struct buf *m, enum msg_type type)
{
	buf_init(m, FRAME_PAYLOAD_MAX);
	buf_add_u16(m, type);
}

static void msg_end(struct buf *m, struct buf *to, uint32_t channel)
{
	assert_true(frame_add(to, FRAME_MSG, channel, m->data, m->len));
	buf_fini(m);
}

static void add_hello(struct buf *b, uint32_t version)
{
	struct msg_hello h = { .version = version, .agent = "w", .max_channels = 1 };
	struct buf m;

	buf_init(&m, FRAME_PAYLOAD_MAX);
	assert_true(msg_hello_pack(&m, &h));
	assert_true(frame_add(b, FRAME_HELLO, 0, m.data, m.len));
	buf_fini(&m);
}

static void add_header(struct buf *b, uint32_t index)
{
	struct msg_rendition_header h = { .index = index };
	struct buf m;

	msg_begin(&m, MSG_RENDITION_HEADER);
	assert_true(msg_rendition_header_pack(&m, &h));
	msg_end(&m, b, CHANNEL);
}

static void add_data(struct buf *b, size_t len)
{
	static const uint8_t zero[FRAME_PAYLOAD_MAX];

	for (; len > sizeof(zero); len -= sizeof(zero))
		assert_true(frame_add(b, FRAME_DATA, CHANNEL, zero, sizeof(zero)));
	assert_true(frame_add(b, FRAME_DATA, CHANNEL, zero, len));
}

static struct msg_rendition_trailer good_trailer(uint32_t index)
{
	return (struct msg_rendition_trailer){ .index = index, .len = 100, .n_video = 60,
		.duration_ms = 2000, .width = 100 * ((int)index + 1), .height = 50 };
}

static void add_trailer(struct buf *b, const struct msg_rendition_trailer *t)
{
	struct buf m;

	msg_begin(&m, MSG_RENDITION_TRAILER);
	assert_true(msg_rendition_trailer_pack(&m, t));
	msg_end(&m, b, CHANNEL);
}

static void add_rendition(struct buf *b, uint32_t index)
{
	struct msg_rendition_trailer t = good_trailer(index);

	add_header(b, index);
	add_data(b, 100);
	add_trailer(b, &t);
}

static void add_done(struct buf *b, int code, const char *reason)
{
	struct msg_task_done d = { .code = code, .n_decoded = 60, .width = 1280, .height = 720 };
	struct buf m;

	strcpy(d.reason, reason);
	msg_begin(&m, MSG_TASK_DONE);
	assert_true(msg_task_done_pack(&m, &d));
	msg_end(&m, b, CHANNEL);
}

/* A worker at a task of n renditions, 100x50, 200x50, ... */
static struct answer *at_work(enum task_kind kind, size_t n)
{
	struct answer *a = answer_new();
	struct msg_task task = { .kind = kind, .profiles = { .n = n } };
	enum answer_event ev;
	struct buf b;
	size_t i;

	for (i = 0; i < n; i++)
		task.profiles.p[i] = (struct profile){ .width = 100 * ((int)i + 1), .height = 50 };
	buf_init(&b, 1 << 16);
	add_hello(&b, 1);
	assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
	assert_int_equal(ev, ANSWER_HELLO);
	buf_fini(&b);
	answer_expect(a, &task, CHANNEL);
	return a;
}

static void expect_refused(struct answer *a, struct buf *b, enum err_code code, const char *why)
{
	enum answer_event ev;
	struct err err;

	assert_int_equal(answer_feed(a, b->data, b->len, &ev, &err), -1);
	assert_int_equal(err.code, code);
	if (!strstr(err.msg, why))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, why);
	answer_free(a);
	buf_fini(b);
}

static void check_whole_answer(struct answer *a)
{
	static const uint8_t zero[100];
	struct hash32 h = hash_sha256(zero, sizeof(zero));
	struct work_result *r = answer_take(a);

	assert_int_equal(r->done.code, 0);
	assert_int_equal(r->done.width, 1280);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->r[1].index, 1);
	assert_int_equal(r->r[1].data->len, 100);
	assert_int_equal(r->r[1].width, 200);
	assert_int_equal(r->r[1].duration_ms, 2000);
	assert_memory_equal(&r->r[0].sha256, &h, sizeof(h));
	assert_memory_equal(&r->r[1].sha256, &h, sizeof(h));
	work_result_free(r);
}

static void answer_in_any_order_and_any_pieces_is_taken(void **state)
{
	struct answer *a;
	enum answer_event ev;
	struct buf b;
	size_t step, i;

	buf_init(&b, 1 << 16);
	add_rendition(&b, 1);
	add_rendition(&b, 0);
	add_done(&b, 0, "");
	for (step = 1; step <= b.len; step = step < 8 ? step + 1 : step * 3) {
		a = at_work(TASK_TRANSCODE, 2);
		for (i = 0; i < b.len; i += step) {
			size_t n = b.len - i < step ? b.len - i : step;

			assert_int_equal(answer_feed(a, b.data + i, n, &ev, NULL), 0);
			assert_int_equal(ev, i + n == b.len ? ANSWER_DONE : ANSWER_MORE);
		}
		check_whole_answer(a);
		answer_free(a);
	}
	buf_fini(&b);
}

static void worker_may_be_used_again(void **state)
{
	struct answer *a = at_work(TASK_TRANSCODE, 2);
	struct msg_task task = { .kind = TASK_PROBE };
	struct work_result *r;
	enum answer_event ev;
	struct buf b;

	buf_init(&b, 1 << 16);
	/* A failure in the middle of a rendition. */
	add_rendition(&b, 1);
	add_header(&b, 0);
	add_data(&b, 10);
	add_done(&b, ERR_LIMIT, "too \x7f\xc3\xa4 big");
	assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
	assert_int_equal(ev, ANSWER_DONE);
	r = answer_take(a);
	assert_int_equal(r->done.code, ERR_LIMIT);
	assert_int_equal(r->n, 0);
	for (const char *p = r->done.reason; *p; p++)
		assert_in_range(*p, 0x20, 0x7e);
	work_result_free(r);
	buf_clear(&b);
	answer_expect(a, &task, CHANNEL);
	add_done(&b, 0, "");
	assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
	assert_int_equal(ev, ANSWER_DONE);
	r = answer_take(a);
	assert_int_equal(r->n, 0);
	work_result_free(r);
	answer_free(a);
	buf_fini(&b);
}

static void hello_comes_first_once_and_in_our_version(void **state)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	add_hello(&b, 2);
	expect_refused(answer_new(), &b, ERR_INVALID, "version");
	buf_init(&b, 1 << 16);
	add_done(&b, 0, "");
	expect_refused(answer_new(), &b, ERR_INVALID, "instead of a hello");
	buf_init(&b, 1 << 16);
	add_hello(&b, 1);
	add_hello(&b, 1);
	expect_refused(answer_new(), &b, ERR_INVALID, "without a task");
	buf_init(&b, 1 << 16);
	add_hello(&b, 1);
	buf_add_u8(&b, 0);
	expect_refused(answer_new(), &b, ERR_INVALID, "behind the end");
	buf_init(&b, 1 << 16);
	add_hello(&b, 1);
	expect_refused(at_work(TASK_PROBE, 0), &b, ERR_INVALID, "on channel");
}

static void idle_worker_must_be_silent(void **state)
{
	struct answer *a = answer_new();
	enum answer_event ev;
	struct buf b;

	buf_init(&b, 1 << 16);
	add_hello(&b, 1);
	assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
	buf_clear(&b);
	buf_add_u8(&b, 0);
	expect_refused(a, &b, ERR_INVALID, "without a task");
}

static void renditions_must_be_those_asked_for(void **state)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	add_header(&b, 2);
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "unasked");
	buf_init(&b, 1 << 16);
	add_rendition(&b, 1);
	add_header(&b, 1);
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "again");
	buf_init(&b, 1 << 16);
	add_header(&b, 0);
	expect_refused(at_work(TASK_PROBE, 0), &b, ERR_INVALID, "unasked");
	buf_init(&b, 1 << 16);
	add_rendition(&b, 1);
	add_done(&b, 0, "");
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "done after 1 of 2");
}

static void frames_out_of_order_are_refused(void **state)
{
	struct msg_rendition_trailer t = good_trailer(0);
	struct buf b;

	buf_init(&b, 1 << 16);
	add_header(&b, 0);
	add_header(&b, 1);
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "inside a rendition");
	buf_init(&b, 1 << 16);
	add_data(&b, 1);
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "outside a rendition");
	buf_init(&b, 1 << 16);
	add_header(&b, 0);
	frame_add(&b, FRAME_DATA, CHANNEL, NULL, 0);
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "0 bytes of data");
	buf_init(&b, 1 << 16);
	add_trailer(&b, &t);
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "without a header");
	buf_init(&b, 1 << 16);
	add_header(&b, 0);
	add_done(&b, 0, "");
	expect_refused(at_work(TASK_TRANSCODE, 1), &b, ERR_INVALID, "done after 0 of 1");
	buf_init(&b, 1 << 16);
	add_rendition(&b, 0);
	add_done(&b, 0, "");
	add_done(&b, 0, "");
	expect_refused(at_work(TASK_TRANSCODE, 1), &b, ERR_INVALID, "without a task");
}

static void foreign_frames_are_refused(void **state)
{
	struct buf b, m;

	buf_init(&b, 1 << 16);
	frame_add(&b, FRAME_PING, 0, "12345678", 8);
	expect_refused(at_work(TASK_PROBE, 0), &b, ERR_INVALID, "channel 0");
	buf_init(&b, 1 << 16);
	frame_add(&b, FRAME_CLOSE, CHANNEL, NULL, 0);
	expect_refused(at_work(TASK_PROBE, 0), &b, ERR_INVALID, "frame kind 7");
	buf_init(&b, 1 << 16);
	frame_add(&b, FRAME_MSG, CHANNEL, "x", 1);
	expect_refused(at_work(TASK_PROBE, 0), &b, ERR_INVALID, "of 1 bytes");
	buf_init(&b, 1 << 16);
	msg_begin(&m, MSG_TASK);
	msg_end(&m, &b, CHANNEL);
	expect_refused(at_work(TASK_PROBE, 0), &b, ERR_INVALID, "message type 20");
	buf_init(&b, 1 << 16);
	msg_begin(&m, MSG_TASK_DONE);
	msg_end(&m, &b, CHANNEL + 2);
	expect_refused(at_work(TASK_PROBE, 0), &b, ERR_INVALID, "channel 7");
	buf_init(&b, 1 << 16);
	buf_add_u32(&b, FRAME_PAYLOAD_MAX + 1);
	expect_refused(at_work(TASK_PROBE, 0), &b, ERR_LIMIT, "16385");
}

static void expect_bad_trailer(enum task_kind kind, const struct msg_rendition_trailer *t,
			       const char *why)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	add_header(&b, 0);
	add_data(&b, 100);
	add_trailer(&b, t);
	expect_refused(at_work(kind, kind == TASK_TRANSCODE), &b, ERR_INVALID, why);
}

static void trailer_must_fit_what_came_and_what_was_asked(void **state)
{
	struct msg_rendition_trailer t = good_trailer(0);

	t.len = 101;
	expect_bad_trailer(TASK_TRANSCODE, &t, "does not fit");
	t = good_trailer(1);
	expect_bad_trailer(TASK_TRANSCODE, &t, "does not fit");
	t = good_trailer(0);
	t.width = 102;
	expect_bad_trailer(TASK_TRANSCODE, &t, "instead of 100x50");
	t = good_trailer(0);
	t.fmp4 = true;
	expect_bad_trailer(TASK_TRANSCODE, &t, "container");
	expect_bad_trailer(TASK_TO_TS, &t, "container");
	t.fmp4 = false;
	expect_bad_trailer(TASK_TO_MP4, &t, "container");
	t.duration_ms = SEGMENT_MS_MAX + 1001;
	expect_bad_trailer(TASK_TRANSCODE, &t, "lasts");
}

static void rendition_above_the_limit_is_refused(void **state)
{
	struct answer *a = at_work(TASK_TRANSCODE, 1);
	enum answer_event ev;
	struct buf b;
	size_t n;

	buf_init(&b, 1 << 20);
	add_header(&b, 0);
	assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
	buf_clear(&b);
	add_data(&b, FRAME_PAYLOAD_MAX);
	for (n = 0; n < RENDITION_BYTES_MAX; n += FRAME_PAYLOAD_MAX)
		assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
	expect_refused(a, &b, ERR_LIMIT, "above");
}

static void renditions_above_the_limit_together_are_refused(void **state)
{
	struct answer *a = at_work(TASK_TRANSCODE, PROFILES_MAX);
	struct msg_rendition_trailer t;
	enum answer_event ev;
	struct buf b;
	uint32_t i;
	size_t n;

	buf_init(&b, 1 << 20);
	for (i = 0; i < 4; i++) {
		buf_clear(&b);
		add_header(&b, i);
		assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
		buf_clear(&b);
		add_data(&b, FRAME_PAYLOAD_MAX);
		for (n = 0; n < RENDITION_BYTES_MAX; n += FRAME_PAYLOAD_MAX)
			assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
		buf_clear(&b);
		t = good_trailer(i);
		t.len = RENDITION_BYTES_MAX;
		add_trailer(&b, &t);
		assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
	}
	buf_clear(&b);
	add_header(&b, 4);
	add_data(&b, 1);
	expect_refused(a, &b, ERR_LIMIT, "together");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_in_any_order_and_any_pieces_is_taken),
		cmocka_unit_test(worker_may_be_used_again),
		cmocka_unit_test(hello_comes_first_once_and_in_our_version),
		cmocka_unit_test(idle_worker_must_be_silent),
		cmocka_unit_test(renditions_must_be_those_asked_for),
		cmocka_unit_test(frames_out_of_order_are_refused),
		cmocka_unit_test(foreign_frames_are_refused),
		cmocka_unit_test(trailer_must_fit_what_came_and_what_was_asked),
		cmocka_unit_test(rendition_above_the_limit_is_refused),
		cmocka_unit_test(renditions_above_the_limit_together_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
