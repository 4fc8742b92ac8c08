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

static void add_turn(struct buf *b, uint32_t index, uint64_t offset)
{
	struct msg_rendition_header h = { .index = index, .offset = offset };
	struct buf m;

	msg_begin(&m, MSG_RENDITION_HEADER);
	assert_true(msg_rendition_header_pack(&m, &h));
	msg_end(&m, b, CHANNEL);
}

static void add_header(struct buf *b, uint32_t index)
{
	add_turn(b, index, 0);
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
	answer_expect(a, &task, CHANNEL, NULL, NULL);
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
	answer_expect(a, &task, CHANNEL, NULL, NULL);
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
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "behind the one of 0");
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

/* ---- turns ---- */

/* Bytes of rendition index from offset on. */
static void add_bytes(struct buf *b, uint32_t index, size_t offset, size_t len)
{
	uint8_t bytes[1000];
	size_t i;

	for (i = 0; i < len; i++)
		bytes[i] = (uint8_t)((offset + i) * 31 + index);
	assert_true(frame_add(b, FRAME_DATA, CHANNEL, bytes, len));
}

struct taken {
	struct buf data[2];
	size_t n;
};

static void on_piece(void *arg, size_t index, const uint8_t *data, size_t len)
{
	struct taken *t = arg;

	t->n++;
	assert_true(index < 2 && len > 0);
	assert_true(buf_add(&t->data[index], data, len));
}

/* Two renditions of 100 bytes in five turns. */
static void add_turns(struct buf *b)
{
	struct msg_rendition_trailer t = good_trailer(1);

	add_turn(b, 1, 0);
	add_bytes(b, 1, 0, 10);
	add_turn(b, 0, 0);
	add_bytes(b, 0, 0, 1);
	add_bytes(b, 0, 1, 49);
	add_turn(b, 1, 10);
	add_bytes(b, 1, 10, 90);
	add_turn(b, 0, 50);
	add_bytes(b, 0, 50, 50);
	add_turn(b, 1, 100);	/* nothing but its end */
	add_trailer(b, &t);
	t = good_trailer(0);
	add_turn(b, 0, 100);
	add_trailer(b, &t);
	add_done(b, 0, "");
}

static void expect_same_bytes(const struct work_rendition *r, const uint8_t *data)
{
	struct hash32 h = hash_sha256(data, 100);
	size_t i;

	for (i = 0; i < 100; i++)
		assert_int_equal(data[i], (uint8_t)(i * 31 + r->index));
	assert_int_equal(r->len, 100);
	assert_memory_equal(&r->sha256, &h, sizeof(h));
}

static void renditions_may_take_turns(void **state)
{
	struct answer *a;
	struct work_result *r;
	enum answer_event ev;
	struct buf b;
	size_t step, i;

	buf_init(&b, 1 << 16);
	add_turns(&b);
	for (step = 1; step <= b.len; step = step < 8 ? step + 1 : step * 3) {
		a = at_work(TASK_TRANSCODE, 2);
		for (i = 0; i < b.len; i += step)
			assert_int_equal(answer_feed(a, b.data + i, b.len - i < step ? b.len - i : step,
						     &ev, NULL), 0);
		assert_int_equal(ev, ANSWER_DONE);
		r = answer_take(a);
		assert_int_equal(r->n, 2);
		for (i = 0; i < 2; i++) {
			assert_int_equal(r->r[i].index, i);
			assert_int_equal(r->r[i].data->len, 100);
			expect_same_bytes(&r->r[i], r->r[i].data->data);
		}
		work_result_free(r);
		answer_free(a);
	}
	buf_fini(&b);
}

static void pieces_passed_on_are_hashed_and_not_kept(void **state)
{
	struct msg_task task = { .kind = TASK_TRANSCODE, .profiles = { .n = 2 } };
	struct answer *a = at_work(TASK_PROBE, 0);
	struct work_result *r;
	enum answer_event ev;
	struct buf b;
	size_t round, i;

	for (i = 0; i < 2; i++)
		task.profiles.p[i] = (struct profile){ .width = 100 * ((int)i + 1), .height = 50 };
	buf_init(&b, 1 << 16);
	add_done(&b, 0, "");
	assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
	work_result_free(answer_take(a));
	for (round = 0; round < 2; round++) {
		struct taken t = { .n = 0 };

		buf_init(&t.data[0], 1000);
		buf_init(&t.data[1], 1000);
		answer_expect(a, &task, CHANNEL, on_piece, &t);
		buf_clear(&b);
		add_turns(&b);
		assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
		assert_int_equal(ev, ANSWER_DONE);
		r = answer_take(a);
		assert_int_equal(t.n, 5);
		for (i = 0; i < 2; i++) {
			assert_null(r->r[i].data);
			assert_int_equal(t.data[i].len, 100);
			expect_same_bytes(&r->r[i], t.data[i].data);
			buf_fini(&t.data[i]);
		}
		work_result_free(r);
	}
	answer_free(a);
	buf_fini(&b);
}

static void expect_bad_turn(uint32_t index, uint64_t offset, const char *why)
{
	struct buf b;

	/* 10 bytes of 0, then 20 of 1; 2 is whole. */
	buf_init(&b, 1 << 16);
	add_rendition(&b, 2);
	add_turn(&b, 0, 0);
	add_data(&b, 10);
	add_turn(&b, 1, 0);
	add_data(&b, 20);
	add_turn(&b, index, offset);
	expect_refused(at_work(TASK_TRANSCODE, 4), &b, ERR_INVALID, why);
}

static void a_turn_goes_on_where_its_rendition_was(void **state)
{
	expect_bad_turn(0, 0, "rendition 0 turns to 0 after 10 bytes");
	expect_bad_turn(0, 9, "turns to 9 after 10");
	expect_bad_turn(0, 11, "turns to 11 after 10");
	expect_bad_turn(0, 20, "turns to 20 after 10");
	expect_bad_turn(1, 20, "turns to 20 after 20");	/* it is its turn */
	expect_bad_turn(2, 100, "again");
	expect_bad_turn(2, 0, "again");
	expect_bad_turn(3, 1, "turns to 1 after 0");
	expect_bad_turn(4, 0, "unasked");
	expect_bad_turn(3, RENDITION_BYTES_MAX + 1ull, "offset");
}

static void a_turn_without_bytes_or_end_is_refused(void **state)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	add_turn(&b, 0, 0);
	add_turn(&b, 0, 0);
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "behind the one of 0");
	buf_init(&b, 1 << 16);
	add_turn(&b, 0, 0);
	add_data(&b, 1);
	add_turn(&b, 1, 0);
	add_turn(&b, 0, 1);
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "behind the one of 1");
}

static void trailer_comes_in_its_rendition_s_turn(void **state)
{
	struct msg_rendition_trailer t = good_trailer(0);
	struct buf b;

	/* Of 0 while it is 1's turn. */
	buf_init(&b, 1 << 16);
	add_turn(&b, 0, 0);
	add_data(&b, 100);
	add_turn(&b, 1, 0);
	add_data(&b, 100);
	add_trailer(&b, &t);
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "does not fit");
	/* Too early. */
	buf_init(&b, 1 << 16);
	add_turn(&b, 0, 0);
	add_data(&b, 50);
	add_trailer(&b, &t);
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "does not fit");
	/* Of nothing. */
	buf_init(&b, 1 << 16);
	add_turn(&b, 0, 0);
	t.len = 0;
	add_trailer(&b, &t);
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "");
	/* Bytes behind it. */
	buf_init(&b, 1 << 16);
	add_rendition(&b, 0);
	add_data(&b, 1);
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "outside a rendition");
	/* The end while another one is under way. */
	buf_init(&b, 1 << 16);
	add_turn(&b, 1, 0);
	add_data(&b, 10);
	add_rendition(&b, 0);
	add_done(&b, 0, "");
	expect_refused(at_work(TASK_TRANSCODE, 2), &b, ERR_INVALID, "done after 1 of 2");
}

static void ignore_piece(void *arg, size_t index, const uint8_t *data, size_t len)
{
}

/* Taking turns does not get round the limits, passing on does not either. */
static void limits_count_over_turns(void **state)
{
	struct msg_task task = { .kind = TASK_TRANSCODE, .profiles = { .n = PROFILES_MAX } };
	struct answer *a = at_work(TASK_PROBE, 0);
	size_t sent[5] = { 0 }, i = 0;
	enum answer_event ev;
	struct buf b;

	buf_init(&b, 1 << 20);
	add_done(&b, 0, "");
	assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
	work_result_free(answer_take(a));
	answer_expect(a, &task, CHANNEL, ignore_piece, NULL);
	for (;;) {
		buf_clear(&b);
		add_turn(&b, (uint32_t)i, sent[i]);
		add_data(&b, 900000);
		sent[i] += 900000;
		if (sent[0] + sent[1] + sent[2] + sent[3] + sent[4] > 4 * (size_t)RENDITION_BYTES_MAX)
			break;
		assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
		i = (i + 1) % 5;
	}
	assert_true(sent[i] < RENDITION_BYTES_MAX);
	expect_refused(a, &b, ERR_LIMIT, "together");
	/* One alone, another's turn between. */
	a = at_work(TASK_TRANSCODE, 2);
	for (i = 0; i + 1000000 <= RENDITION_BYTES_MAX; i += 1000000) {
		buf_init(&b, 1 << 20);
		add_turn(&b, 0, i);
		add_data(&b, 1000000);
		add_turn(&b, 1, i / 1000000);
		add_data(&b, 1);
		assert_int_equal(answer_feed(a, b.data, b.len, &ev, NULL), 0);
		buf_fini(&b);
	}
	buf_init(&b, 1 << 20);
	add_turn(&b, 0, i);
	add_data(&b, RENDITION_BYTES_MAX - i + 1);
	expect_refused(a, &b, ERR_LIMIT, "rendition 0 is above");
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
		cmocka_unit_test(renditions_may_take_turns),
		cmocka_unit_test(pieces_passed_on_are_hashed_and_not_kept),
		cmocka_unit_test(a_turn_goes_on_where_its_rendition_was),
		cmocka_unit_test(a_turn_without_bytes_or_end_is_refused),
		cmocka_unit_test(trailer_comes_in_its_rendition_s_turn),
		cmocka_unit_test(limits_count_over_turns),
		cmocka_unit_test(rendition_above_the_limit_is_refused),
		cmocka_unit_test(renditions_above_the_limit_together_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
