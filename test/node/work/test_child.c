/* The worker's frame loop, run in this process on prepared bytes. */
#include "test/test.h"
#include "test/node/work/fake_ladder.h"

#include "base/blob.h"
#include "base/buf.h"
#include "node/work/answer.h"
#include "node/work/child.h"
#include "protocol/frame.h"
#include "protocol/peer_msg.h"

#define CHANNEL 9

static const struct profile_list profiles = {
	.n = 1,
	.p = { { .name = "240p0", .width = 426, .height = 240, .bitrate = 250000, .fps_den = 1,
		 .quality = -1 } },
};

static void add_hello(struct buf *b, uint32_t version)
{
	struct msg_hello h = { .version = version, .agent = "node", .max_channels = 1 };
	struct buf m;

	buf_init(&m, FRAME_PAYLOAD_MAX);
	assert_true(msg_hello_pack(&m, &h));
	assert_true(frame_add(b, FRAME_HELLO, 0, m.data, m.len));
	buf_fini(&m);
}

static struct msg_task task_of(enum task_kind kind, size_t len)
{
	return (struct msg_task){ .stream_key = "a", .kind = kind, .profiles = profiles,
		.preset = "superfast", .len = len, .max_pixels = 1 << 20, .bitexact = true };
}

static void add_task(struct buf *b, const struct msg_task *t)
{
	struct buf m;

	buf_init(&m, FRAME_PAYLOAD_MAX);
	buf_add_u16(&m, MSG_TASK);
	assert_true(msg_task_pack(&m, t));
	assert_true(frame_add(b, FRAME_MSG, CHANNEL, m.data, m.len));
	buf_fini(&m);
}

static void add_data(struct buf *b, const char *s)
{
	assert_true(frame_add(b, FRAME_DATA, CHANNEL, s, strlen(s)));
}

/* A worker that is told this and nothing more.  Returns its exit code; what it
 * said is in out. */
static int run(struct buf *in, struct buf *out)
{
	int fds[2], rc;
	uint8_t *to;
	ssize_t n;

	if (!fake_n_runs)
		assert_int_equal(ladder_warm_up(NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(write(fds[0], in->data, in->len), in->len);
	shutdown(fds[0], SHUT_WR);
	rc = child_main(fds[1], false, NULL);
	close(fds[1]);
	buf_init(out, 1 << 20);
	do {
		to = buf_reserve(out, 65536);
		assert_non_null(to);
		n = read(fds[0], to, 65536);
		assert_true(n >= 0);
		out->len += (size_t)n;
	} while (n > 0);
	close(fds[0]);
	buf_fini(in);
	return rc;
}

/* The worker's hello and one answer. */
static struct work_result *result_of(const struct buf *out, const struct msg_task *t)
{
	struct answer *a = answer_new();
	enum answer_event ev;
	struct frame f;
	struct err err;
	struct work_result *r;
	long n = frame_parse(&f, out->data, out->len, NULL);

	assert_true(n > 0);
	assert_int_equal(answer_feed(a, out->data, (size_t)n, &ev, &err), 0);
	assert_int_equal(ev, ANSWER_HELLO);
	answer_expect(a, t, CHANNEL, NULL, NULL);
	assert_int_equal(answer_feed(a, out->data + n, out->len - (size_t)n, &ev, &err), 0);
	assert_int_equal(ev, ANSWER_DONE);
	r = answer_take(a);
	answer_free(a);
	return r;
}

static void task_is_answered_whatever_the_pieces(void **state)
{
	struct msg_task t = task_of(TASK_TRANSCODE, 9);
	struct work_result *r;
	struct buf in, out;

	buf_init(&in, 1 << 16);
	add_hello(&in, 1);
	add_task(&in, &t);
	add_data(&in, "echo");
	add_data(&in, " th");
	add_data(&in, "is");
	assert_int_equal(run(&in, &out), 0);
	r = result_of(&out, &t);
	assert_int_equal(r->done.code, 0);
	assert_int_equal(r->n, 1);
	assert_int_equal(r->r[0].data->len, 9);
	assert_memory_equal(r->r[0].data->data, "echo this", 9);
	assert_int_equal(r->r[0].width, 426);
	work_result_free(r);
	buf_fini(&out);
}

static void every_kind_is_done(void **state)
{
	static const enum task_kind kinds[] = { TASK_TRANSCODE, TASK_PROBE, TASK_TO_TS, TASK_TO_MP4 };
	struct work_result *r;
	struct buf in, out;
	size_t i;

	for (i = 0; i < 4; i++) {
		struct msg_task t = task_of(kinds[i], 4);

		buf_init(&in, 1 << 16);
		add_hello(&in, 1);
		add_task(&in, &t);
		add_data(&in, "echo");
		assert_int_equal(run(&in, &out), 0);
		r = result_of(&out, &t);
		assert_int_equal(r->done.code, 0);
		assert_int_equal(r->n, kinds[i] != TASK_PROBE);
		work_result_free(r);
		buf_fini(&out);
	}
}

static void empty_input_and_bad_input_are_answers(void **state)
{
	struct msg_task t = task_of(TASK_PROBE, 0);
	struct work_result *r;
	struct buf in, out;

	buf_init(&in, 1 << 16);
	add_hello(&in, 1);
	add_task(&in, &t);
	assert_int_equal(run(&in, &out), 0);
	r = result_of(&out, &t);
	assert_int_equal(r->done.code, ERR_INVALID);
	assert_string_equal(r->done.reason, "empty");
	work_result_free(r);
	buf_fini(&out);

	t = task_of(TASK_TRANSCODE, 3);
	buf_init(&in, 1 << 16);
	add_hello(&in, 1);
	add_task(&in, &t);
	add_data(&in, "bad");
	assert_int_equal(run(&in, &out), 0);
	r = result_of(&out, &t);
	assert_int_equal(r->done.code, ERR_INVALID);
	assert_int_equal(r->n, 0);
	work_result_free(r);
	buf_fini(&out);
}

/* ---- streamed tasks ---- */

static struct msg_task streamed_task(void)
{
	struct msg_task t = task_of(TASK_TRANSCODE, 0);

	t.streamed = true;
	return t;
}

static void add_profile(struct msg_task *t)
{
	t->profiles.p[1] = t->profiles.p[0];
	strcpy(t->profiles.p[1].name, "other");
	t->profiles.n = 2;
}

static void add_end(struct buf *b, uint64_t len)
{
	struct msg_task_end e = { .len = len, .duration_ms = 2000 };
	struct buf m;

	buf_init(&m, FRAME_PAYLOAD_MAX);
	buf_add_u16(&m, MSG_TASK_END);
	assert_true(msg_task_end_pack(&m, &e));
	assert_true(frame_add(b, FRAME_MSG, CHANNEL, m.data, m.len));
	buf_fini(&m);
}

static void begin(struct buf *in, const struct msg_task *t)
{
	buf_init(in, 1 << 16);
	add_hello(in, 1);
	add_task(in, t);
}

static void expect_text(const struct work_rendition *r, const char *text)
{
	assert_int_equal(r->len, strlen(text));
	assert_memory_equal(r->data->data, text, r->len);
}

static void streamed_task_is_answered_in_turns(void **state)
{
	struct msg_task t = streamed_task();
	struct work_result *r;
	struct buf in, out;

	add_profile(&t);
	begin(&in, &t);
	add_data(&in, "ec");
	add_data(&in, "ho ");
	add_data(&in, "and so on");
	add_end(&in, 14);
	assert_int_equal(run(&in, &out), 0);
	r = result_of(&out, &t);
	assert_int_equal(r->done.code, 0);
	assert_int_equal(r->done.n_decoded, 60);
	assert_int_equal(r->n, 2);
	expect_text(&r->r[0], "echo and so on");
	expect_text(&r->r[1], "echo and so on");
	work_result_free(r);
	buf_fini(&out);
}

static void pieces_of_whole_input_are_sent_in_turns(void **state)
{
	struct msg_task t = task_of(TASK_TRANSCODE, 21);
	struct work_result *r;
	struct buf in, out;

	add_profile(&t);
	begin(&in, &t);
	add_data(&in, "pieces of it come now");
	assert_int_equal(run(&in, &out), 0);
	r = result_of(&out, &t);
	assert_int_equal(r->n, 2);
	expect_text(&r->r[0], "pieces of it come now");
	expect_text(&r->r[1], "pieces of it come now");
	work_result_free(r);
	buf_fini(&out);
}

/* The rest of its input is dropped, and a task after it done. */
static void failure_of_a_streamed_task_is_answered_once(void **state)
{
	struct msg_task t = streamed_task();
	struct work_result *r;
	struct buf in, out;

	begin(&in, &t);
	add_data(&in, "bad ");
	add_data(&in, "more of it");
	add_data(&in, "and more");
	add_end(&in, 22);
	assert_int_equal(run(&in, &out), 0);
	r = result_of(&out, &t);
	assert_int_equal(r->done.code, ERR_INVALID);
	work_result_free(r);
	buf_fini(&out);

	begin(&in, &t);
	add_data(&in, "bad-end ");
	add_end(&in, 8);
	assert_int_equal(run(&in, &out), 0);
	r = result_of(&out, &t);
	assert_int_equal(r->done.code, ERR_INVALID);
	assert_string_equal(r->done.reason, "cut off");
	work_result_free(r);
	buf_fini(&out);

	strcpy(t.preset, "ultrafast");
	begin(&in, &t);
	add_data(&in, "echo");
	assert_int_equal(run(&in, &out), 0);
	r = result_of(&out, &t);
	assert_string_equal(r->done.reason, "cannot open");
	work_result_free(r);
	buf_fini(&out);
}

static void failure_is_answered_while_the_input_is_open(void **state)
{
	struct msg_task t = streamed_task();
	struct work_result *r;
	struct buf in, out;

	begin(&in, &t);
	add_data(&in, "bad ");
	add_data(&in, "the node goes in the middle of it");
	assert_int_equal(run(&in, &out), 0);
	r = result_of(&out, &t);
	assert_int_equal(r->done.code, ERR_INVALID);
	work_result_free(r);
	buf_fini(&out);
}

static void end_of_the_node_is_no_failure(void **state)
{
	struct msg_task t = task_of(TASK_TRANSCODE, 9);
	struct buf in, out;

	buf_init(&in, 1 << 16);
	add_hello(&in, 1);
	add_task(&in, &t);
	add_data(&in, "echo");
	assert_int_equal(run(&in, &out), 0);
	buf_fini(&out);
	buf_init(&in, 1 << 16);
	buf_add_u8(&in, 0);
	assert_int_equal(run(&in, &out), 0);
	buf_fini(&out);
}

static void expect_broken(struct buf *in)
{
	struct buf out;

	assert_int_equal(run(in, &out), 1);
	buf_fini(&out);
}

static void broken_protocol_ends_the_worker(void **state)
{
	struct msg_task t = task_of(TASK_TRANSCODE, 3);
	struct buf in;

	buf_init(&in, 1 << 16);
	add_hello(&in, 2);
	expect_broken(&in);
	buf_init(&in, 1 << 16);
	add_task(&in, &t);
	expect_broken(&in);
	buf_init(&in, 1 << 16);
	add_hello(&in, 1);
	add_data(&in, "echo");
	expect_broken(&in);
	buf_init(&in, 1 << 16);
	add_hello(&in, 1);
	frame_add(&in, FRAME_MSG, CHANNEL, "\0\x15", 2);
	expect_broken(&in);
	buf_init(&in, 1 << 16);
	add_hello(&in, 1);
	frame_add(&in, FRAME_MSG, CHANNEL, "\0\x14\xff\xff", 4);
	expect_broken(&in);
	buf_init(&in, 1 << 16);
	add_hello(&in, 1);
	add_task(&in, &t);
	add_data(&in, "echo");
	expect_broken(&in);
	buf_init(&in, 1 << 16);
	add_hello(&in, 1);
	add_task(&in, &t);
	frame_add(&in, FRAME_DATA, CHANNEL + 2, "bad", 3);
	expect_broken(&in);
	buf_init(&in, 1 << 16);
	add_hello(&in, 1);
	buf_add_u32(&in, FRAME_PAYLOAD_MAX + 1);
	expect_broken(&in);
}

static void broken_streamed_input_ends_the_worker(void **state)
{
	static const char *const words[] = { "echo ", "bad " };
	struct msg_task t = streamed_task();
	struct buf in;
	size_t i;

	for (i = 0; i < 2; i++) {	/* also while it is dropped */
		begin(&in, &t);
		add_data(&in, words[i]);
		add_end(&in, strlen(words[i]) + 1);
		expect_broken(&in);
		begin(&in, &t);
		add_data(&in, words[i]);
		add_task(&in, &t);
		expect_broken(&in);
		begin(&in, &t);
		add_data(&in, words[i]);
		frame_add(&in, FRAME_DATA, CHANNEL + 2, "x", 1);
		expect_broken(&in);
		begin(&in, &t);
		add_data(&in, words[i]);
		frame_add(&in, FRAME_DATA, CHANNEL, NULL, 0);
		expect_broken(&in);
		begin(&in, &t);
		add_data(&in, words[i]);
		frame_add(&in, FRAME_MSG, CHANNEL, "\0", 1);
		expect_broken(&in);
	}
	/* An end of nothing. */
	begin(&in, &t);
	add_end(&in, 1);
	expect_broken(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(task_is_answered_whatever_the_pieces),
		cmocka_unit_test(every_kind_is_done),
		cmocka_unit_test(empty_input_and_bad_input_are_answers),
		cmocka_unit_test(streamed_task_is_answered_in_turns),
		cmocka_unit_test(pieces_of_whole_input_are_sent_in_turns),
		cmocka_unit_test(failure_of_a_streamed_task_is_answered_once),
		cmocka_unit_test(failure_is_answered_while_the_input_is_open),
		cmocka_unit_test(end_of_the_node_is_no_failure),
		cmocka_unit_test(broken_protocol_ends_the_worker),
		cmocka_unit_test(broken_streamed_input_ends_the_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
