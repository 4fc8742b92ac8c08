#include "test/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "protocol/peer_msg.h"

static struct buf b;
static struct err err;

static int set_up(void **state)
{
	buf_init(&b, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	buf_fini(&b);
	return 0;
}

/* ---- one good example of each ---- */

static struct msg_hello hello(void)
{
	return (struct msg_hello){ .version = 1, .features = 1ull << 63, .agent = "lpnode/0.1.0 \u00e9",
				   .max_channels = 64, .window = 1 << 20 };
}

static struct msg_identity identity(void)
{
	return (struct msg_identity){ .addr = { { 1, 2, 3 } }, .sig = { { 4, 5, 6 } } };
}

static struct stream_id stream(void)
{
	struct stream_id id;

	memset(id.s, 'a', STREAM_ID_LEN);
	id.s[STREAM_ID_LEN] = 0;
	return id;
}

static struct msg_open_session open_session(void)
{
	struct msg_open_session m = { .job_id = { 9 }, .stream = stream(), .preset = "veryfast",
				      .source_width = 1920, .source_height = 1080,
				      .source_fps_num = 30000, .source_fps_den = 1001,
				      .max_segment_ms = 4000 };

	profiles_default(&m.profiles);
	return m;
}

static struct msg_session_accept session_accept(void)
{
	return (struct msg_session_accept){ .job_id = { 9 }, .rank = 3, .output_stream = stream(),
					    .max_inflight = 4, .codec_profile = "x264-164-1" };
}

static struct msg_refuse refuse(void)
{
	return (struct msg_refuse){ .code = REFUSE_BUSY, .reason = "10 streams, no more",
				    .retry_after_ms = 5000 };
}

static struct msg_segment_header segment_header(void)
{
	return (struct msg_segment_header){ .session = 1, .width = 1920, .height = 1080,
		 .sequence = UINT64_MAX, .fmp4 = true,
					    .discontinuity = true, .expected_ms = 2000 };
}

static struct msg_segment_trailer segment_trailer(void)
{
	return (struct msg_segment_trailer){ .duration_ms = 2000, .len = SEGMENT_BYTES_MAX,
					     .data_hash = { { 7 } }, .sig = { { 8 } },
					     .n_video = 60, .deadline_ms = 8000 };
}

static struct msg_rendition_header rendition_header(void)
{
	return (struct msg_rendition_header){ .index = PROFILES_MAX - 1 };
}

static struct msg_rendition_trailer rendition_trailer(void)
{
	return (struct msg_rendition_trailer){ .index = 2, .len = 1000, .data_hash = { { 7 } },
					       .sig = { { 8 } }, .n_video = 60,
					       .duration_ms = 2000, .width = 426, .height = 240,
					       .fmp4 = true, .init_len = 1000 };
}

static struct msg_receipt receipt(void)
{
	return (struct msg_receipt){ .sequence = 17, .data_hash = { { 7 } },
				     .transcoded_hash = { { 6 } }, .sig = { { 8 } },
				     .transcode_ms = 300 };
}

static struct msg_task task(void)
{
	struct msg_task m = { .stream_key = "abc/1", .kind = TASK_TRANSCODE, .fmp4 = true,
			      .preset = "ultrafast", .len = 5, .duration_ms = 2000, .sequence = 3,
			      .max_pixels = 8847360, .bitexact = true };

	profiles_default(&m.profiles);
	return m;
}

static struct msg_task_done task_done(void)
{
	return (struct msg_task_done){ .code = ERR_INVALID, .reason = "no video",
				       .n_decoded = 60, .wall_ms = 300, .cpu_ms = 900,
				       .width = 1920, .height = 1080 };
}

/* ---- there and back ---- */

/*
 * Packs in, unpacks it, packs that again: the bytes are the same, and so is each
 * field, as packing left nothing out (fields_are_all_carried below).
 */
#define ROUND_TRIP(name, in, out)							\
	do {										\
		struct buf again;							\
											\
		buf_clear(&b);								\
		buf_init(&again, 1 << 20);						\
		assert_true(msg_##name##_pack(&b, in));					\
		assert_int_equal(msg_##name##_unpack(out, b.data, b.len, &err), 0);	\
		assert_true(msg_##name##_pack(&again, out));				\
		assert_int_equal(again.len, b.len);					\
		if (b.len)								\
			assert_memory_equal(again.data, b.data, b.len);			\
		buf_fini(&again);							\
	} while (0)

#define COMES_BACK(name)								\
	do {										\
		struct msg_##name in = name(), out;					\
											\
		ROUND_TRIP(name, &in, &out);						\
	} while (0)

static void each_message_comes_back_as_it_went(void **state)
{
	COMES_BACK(hello);
	COMES_BACK(identity);
	COMES_BACK(open_session);
	COMES_BACK(session_accept);
	COMES_BACK(refuse);
	COMES_BACK(segment_header);
	COMES_BACK(segment_trailer);
	COMES_BACK(rendition_header);
	COMES_BACK(rendition_trailer);
	COMES_BACK(receipt);
	COMES_BACK(task);
	COMES_BACK(task_done);
}

static void fields_are_all_carried(void **state)
{
	struct msg_hello h = hello(), h2;
	struct msg_identity i = identity(), i2;
	struct msg_open_session o = open_session(), o2;
	struct msg_session_accept a = session_accept(), a2;
	struct msg_refuse r = refuse(), r2;

	ROUND_TRIP(hello, &h, &h2);
	assert_int_equal(h2.version, 1);
	assert_true(h2.features == 1ull << 63);
	assert_string_equal(h2.agent, h.agent);
	assert_int_equal(h2.max_channels, 64);
	assert_int_equal(h2.window, 1 << 20);
	ROUND_TRIP(identity, &i, &i2);
	assert_memory_equal(&i2, &i, sizeof(i));
	ROUND_TRIP(open_session, &o, &o2);
	assert_memory_equal(o2.job_id, o.job_id, 32);
	assert_string_equal(o2.stream.s, o.stream.s);
	assert_int_equal(o2.profiles.n, 4);
	assert_string_equal(o2.profiles.p[3].name, "720p0");
	assert_int_equal(o2.profiles.p[3].quality, -1);
	assert_string_equal(o2.preset, "veryfast");
	assert_int_equal(o2.source_width, 1920);
	assert_int_equal(o2.source_height, 1080);
	assert_int_equal(o2.source_fps_num, 30000);
	assert_int_equal(o2.source_fps_den, 1001);
	assert_int_equal(o2.max_segment_ms, 4000);
	ROUND_TRIP(session_accept, &a, &a2);
	assert_memory_equal(a2.job_id, a.job_id, 32);
	assert_int_equal(a2.rank, 3);
	assert_string_equal(a2.output_stream.s, a.output_stream.s);
	assert_int_equal(a2.max_inflight, 4);
	assert_string_equal(a2.codec_profile, "x264-164-1");
	ROUND_TRIP(refuse, &r, &r2);
	assert_int_equal(r2.code, REFUSE_BUSY);
	assert_string_equal(r2.reason, r.reason);
	assert_int_equal(r2.retry_after_ms, 5000);
}

static void fields_of_segments_and_tasks_are_all_carried(void **state)
{
	struct msg_segment_header h = segment_header(), h2;
	struct msg_segment_trailer s = segment_trailer(), s2;
	struct msg_rendition_trailer r = rendition_trailer(), r2;
	struct msg_receipt e = receipt(), e2;
	struct msg_task t = task(), t2;
	struct msg_task_done d = task_done(), d2;

	ROUND_TRIP(segment_header, &h, &h2);
	assert_true(h2.session == 1 && h2.sequence == UINT64_MAX && h2.fmp4 && h2.discontinuity);
	assert_int_equal(h2.expected_ms, 2000);
	assert_true(h2.width == 1920 && h2.height == 1080);
	ROUND_TRIP(segment_trailer, &s, &s2);
	assert_memory_equal(&s2.data_hash, &s.data_hash, 32);
	assert_memory_equal(&s2.sig, &s.sig, 65);
	assert_true(s2.duration_ms == 2000 && s2.len == SEGMENT_BYTES_MAX && s2.n_video == 60 &&
		    s2.deadline_ms == 8000);
	ROUND_TRIP(rendition_trailer, &r, &r2);
	assert_memory_equal(&r2.data_hash, &r.data_hash, 32);
	assert_memory_equal(&r2.sig, &r.sig, 65);
	assert_true(r2.index == 2 && r2.len == 1000 && r2.n_video == 60 && r2.duration_ms == 2000 &&
		    r2.width == 426 && r2.height == 240 && r2.fmp4 && r2.init_len == 1000);
	ROUND_TRIP(receipt, &e, &e2);
	assert_memory_equal(&e2.data_hash, &e.data_hash, 32);
	assert_memory_equal(&e2.transcoded_hash, &e.transcoded_hash, 32);
	assert_memory_equal(&e2.sig, &e.sig, 65);
	assert_true(e2.sequence == 17 && e2.transcode_ms == 300);
	ROUND_TRIP(task, &t, &t2);
	assert_string_equal(t2.stream_key, "abc/1");
	assert_string_equal(t2.preset, "ultrafast");
	assert_true(t2.kind == TASK_TRANSCODE && t2.fmp4 && t2.profiles.n == 4 && t2.len == 5 &&
		    t2.duration_ms == 2000 && t2.sequence == 3 && t2.max_pixels == 8847360 &&
		    t2.bitexact);
	ROUND_TRIP(task_done, &d, &d2);
	assert_string_equal(d2.reason, "no video");
	assert_true(d2.code == ERR_INVALID && d2.n_decoded == 60 && d2.wall_ms == 300 &&
		    d2.cpu_ms == 900 && d2.width == 1920 && d2.height == 1080);
}

/* ---- rules ---- */

/* The good example with one change is refused, and the field is named. */
#define REFUSED(name, change, field)							\
	do {										\
		struct msg_##name m = name(), out;					\
											\
		change;									\
		buf_clear(&b);								\
		assert_true(msg_##name##_pack(&b, &m));					\
		memset(&err, 0, sizeof(err));						\
		assert_int_equal(msg_##name##_unpack(&out, b.data, b.len, &err), -1);	\
		assert_int_equal(err.code, ERR_INVALID);				\
		if (!strstr(err.msg, field))						\
			fail_msg("\"%s\" does not name %s", err.msg, field);		\
	} while (0)

static void absurd_fields_of_a_connection_are_refused(void **state)
{
	REFUSED(hello, m.version = 0, "Hello: version");
	REFUSED(hello, m.max_channels = 65537, "max_channels");
	REFUSED(hello, m.window = (1u << 30) + 1, "window");
	REFUSED(refuse, m.code = 0, "code");
	REFUSED(refuse, m.retry_after_ms = 3600001, "retry_after_ms");
}

static void absurd_fields_of_a_session_are_refused(void **state)
{
	REFUSED(open_session, m.stream.s[0] = 'A', "stream_id");
	REFUSED(open_session, m.stream.s[71] = 0, "stream_id");
	REFUSED(open_session, m.profiles.n = 0, "no profiles");
	REFUSED(open_session, m.profiles.p[1].name[0] = '/', "profiles[1]: name");
	REFUSED(open_session, strcpy(m.profiles.p[1].name, "240p0"), "profiles[1]: name");
	REFUSED(open_session, m.profiles.p[2].width = 5000, "profiles[2]: width");
	REFUSED(open_session, m.profiles.p[2].height = -1, "profiles[2]: height");
	REFUSED(open_session, m.profiles.p[2].bitrate = 0, "profiles[2]: bitrate");
	REFUSED(open_session, m.profiles.p[2].fps_den = 0, "profiles[2]: fpsDen");
	REFUSED(open_session, m.profiles.p[2].fps_num = 241, "profiles[2]: fps");
	REFUSED(open_session, m.profiles.p[2].gop_ms = -2, "profiles[2]: gop");
	REFUSED(open_session, m.profiles.p[2].gop_ms = 60001, "profiles[2]: gop");
	REFUSED(open_session, m.profiles.p[2].encoder = 5, "profiles[2]: encoder");
	REFUSED(open_session, m.profiles.p[2].h264 = 5, "profiles[2]: profile");
	REFUSED(open_session, m.profiles.p[2].quality = -2, "profiles[2]: quality");
	REFUSED(open_session, m.preset[0] = 0, "preset");
	REFUSED(open_session, strcpy(m.preset, "placebo"), "preset");
	REFUSED(open_session, m.source_width = 0, "source_width");
	REFUSED(open_session, m.source_height = 16385, "source_height");
	REFUSED(open_session, m.source_fps_den = 0, "source_fps_den");
	REFUSED(open_session, m.source_fps_num = 2000000, "source_fps_num");
	REFUSED(open_session, m.max_segment_ms = 0, "max_segment_ms");
	REFUSED(open_session, m.max_segment_ms = SEGMENT_MS_MAX + 1, "max_segment_ms");
	REFUSED(session_accept, m.rank = 4, "rank");
	REFUSED(session_accept, m.output_stream.s[0] = 0, "output_stream_id");
	REFUSED(session_accept, m.max_inflight = 0, "max_inflight");
	REFUSED(session_accept, m.max_inflight = 1001, "max_inflight");
}

static void absurd_fields_of_a_segment_are_refused(void **state)
{
	REFUSED(segment_header, m.session = 0, "session");
	REFUSED(segment_header, m.expected_ms = SEGMENT_MS_MAX + 1, "expected_ms");
	REFUSED(segment_trailer, m.duration_ms = 0, "duration_ms");
	REFUSED(segment_trailer, m.duration_ms = SEGMENT_MS_MAX + 1, "duration_ms");
	REFUSED(segment_trailer, m.len = 0, "len");
	REFUSED(segment_trailer, m.len = SEGMENT_BYTES_MAX + 1ull, "len");
	REFUSED(segment_trailer, m.len = UINT64_MAX, "len");
	REFUSED(segment_trailer, m.n_video = 100001, "n_video");
	REFUSED(segment_trailer, m.deadline_ms = 0, "deadline_ms");
	REFUSED(rendition_header, m.index = PROFILES_MAX, "index");
	REFUSED(rendition_trailer, m.index = PROFILES_MAX, "index");
	REFUSED(rendition_trailer, m.len = 0, "len");
	REFUSED(rendition_trailer, m.len = RENDITION_BYTES_MAX + 1ull, "len");
	REFUSED(rendition_trailer, m.init_len = 1001, "init_len");
	REFUSED(rendition_trailer, m.fmp4 = false, "init_len");
	REFUSED(rendition_trailer, m.width = 16385, "width");
	REFUSED(rendition_trailer, m.height = -1, "height");
	REFUSED(rendition_trailer, m.duration_ms = 120001, "duration_ms");
	REFUSED(receipt, m.transcode_ms = 3600001, "transcode_ms");
}

static void absurd_fields_of_a_task_are_refused(void **state)
{
	REFUSED(task, m.stream_key[0] = 0, "stream_key");
	REFUSED(task, m.kind = 4, "kind");
	REFUSED(task, m.kind = TASK_TO_TS; strcpy(m.preset, "slow"), "preset");
	REFUSED(task, m.profiles.n = 0, "no profiles");
	REFUSED(task, m.preset[0] = 0, "preset");
	REFUSED(task, m.len = SEGMENT_BYTES_MAX + 1ull, "len");
	REFUSED(task, m.duration_ms = SEGMENT_MS_MAX + 1, "duration_ms");
	REFUSED(task, m.max_pixels = 1ull << 40, "max_pixels");
	REFUSED(task_done, m.code = ERR_INTERNAL + 1, "code");
	REFUSED(task_done, m.code = -1, "code");
	REFUSED(task_done, m.width = 16385, "width");
}

static void only_a_transcode_needs_profiles_and_a_preset(void **state)
{
	struct msg_task m = { .stream_key = "k", .kind = TASK_PROBE }, out;

	ROUND_TRIP(task, &m, &out);
	assert_int_equal(out.kind, TASK_PROBE);
}

static void an_unknown_rate_of_the_source_reads_0_1(void **state)
{
	struct msg_open_session m = open_session(), out;

	m.source_fps_num = m.source_fps_den = 0;
	buf_clear(&b);
	assert_true(msg_open_session_pack(&b, &m));
	assert_int_equal(msg_open_session_unpack(&out, b.data, b.len, &err), 0);
	assert_int_equal(out.source_fps_num, 0);
	assert_int_equal(out.source_fps_den, 1);
}

static void a_worker_sends_no_signature(void **state)
{
	struct msg_rendition_trailer m = rendition_trailer(), out;
	static const struct sig65 zero;
	size_t len;

	ROUND_TRIP(rendition_trailer, &m, &out);
	len = b.len;
	m.sig = zero;
	ROUND_TRIP(rendition_trailer, &m, &out);
	assert_int_equal(b.len, len - 67);
	assert_memory_equal(&out.sig, &zero, 65);
}

static void empty_messages_are_refused_where_a_field_is_required(void **state)
{
	struct { union {
		struct msg_hello h;
		struct msg_identity i;
		struct msg_open_session o;
		struct msg_session_accept a;
		struct msg_refuse r;
		struct msg_segment_header sh;
		struct msg_segment_trailer st;
		struct msg_rendition_header rh;
		struct msg_rendition_trailer rt;
		struct msg_receipt e;
		struct msg_task t;
	} u; } m;

	assert_int_equal(msg_hello_unpack(&m.u.h, NULL, 0, &err), -1);
	assert_int_equal(msg_identity_unpack(&m.u.i, NULL, 0, &err), -1);
	assert_string_equal(err.msg, "Identity: address has 0 bytes, not 20");
	assert_int_equal(msg_open_session_unpack(&m.u.o, NULL, 0, &err), -1);
	assert_int_equal(msg_session_accept_unpack(&m.u.a, NULL, 0, &err), -1);
	assert_int_equal(msg_refuse_unpack(&m.u.r, NULL, 0, &err), -1);
	assert_int_equal(msg_segment_header_unpack(&m.u.sh, NULL, 0, &err), -1);
	assert_int_equal(msg_segment_trailer_unpack(&m.u.st, NULL, 0, &err), -1);
	assert_int_equal(msg_rendition_header_unpack(&m.u.rh, NULL, 0, &err), 0);	/* index 0 */
	assert_int_equal(msg_rendition_trailer_unpack(&m.u.rt, NULL, 0, &err), -1);
	assert_int_equal(msg_receipt_unpack(&m.u.e, NULL, 0, &err), -1);
	assert_int_equal(msg_task_unpack(&m.u.t, NULL, 0, &err), -1);
}

/* ---- foreign bytes ---- */

/* Replaces the first occurrence of what in b. */
static void patch(const void *what, size_t len, const void *with)
{
	uint8_t *at = memmem(b.data, b.len, what, len);

	assert_non_null(at);
	memcpy(at, with, len);
}

static void the_options_hash_must_be_that_of_the_profiles(void **state)
{
	struct msg_open_session m = open_session(), out;

	buf_clear(&b);
	assert_true(msg_open_session_pack(&b, &m));
	patch("480p0", 5, "481p0");
	assert_int_equal(msg_open_session_unpack(&out, b.data, b.len, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "options_hash"));
}

static int unpack_refuse(const char *reason, size_t len)
{
	struct msg_refuse out;

	buf_clear(&b);
	buf_add(&b, "\x08\x01\x12", 3);		/* code 1, reason: */
	if (len >= 128)
		buf_add_u8(&b, (uint8_t)(len | 0x80));
	buf_add_u8(&b, (uint8_t)(len >= 128 ? len >> 7 : len));
	buf_add(&b, reason, len);
	return msg_refuse_unpack(&out, b.data, b.len, &err);
}

static void text_that_steers_a_terminal_is_refused(void **state)
{
	static const char *const bad[] = {
		"a\nb", "\x1b[2J", "\x7f", "tab\t", "\xc2\x9bm",	/* C1's CSI */
		"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\xaf",
	};
	char big[300];
	size_t i;

	assert_int_equal(unpack_refuse("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xa5", 14), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(unpack_refuse(bad[i], strlen(bad[i])), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.msg, "reason"));
	}
	memset(big, 'x', sizeof(big));
	assert_int_equal(unpack_refuse(big, 199), 0);
	assert_int_equal(unpack_refuse(big, 200), -1);
}

static void our_own_odd_text_is_cleaned_before_it_goes(void **state)
{
	struct msg_refuse m = { .code = REFUSE_INTERNAL, .reason = "libav\n says \xff \xe2\x82" }, out;

	buf_clear(&b);
	assert_true(msg_refuse_pack(&b, &m));
	assert_int_equal(msg_refuse_unpack(&out, b.data, b.len, &err), 0);
	assert_string_equal(out.reason, "libav? says ? ??");
}

static void why_a_task_failed_is_ascii_once_it_is_read(void **state)
{
	struct msg_task_done m = { .code = ERR_INVALID, .reason = "no \xc3\xa4 here" }, out;

	(void)state;
	buf_clear(&b);
	assert_true(msg_task_done_pack(&b, &m));
	assert_int_equal(msg_task_done_unpack(&out, b.data, b.len, &err), 0);
	assert_string_equal(out.reason, "no ?? here");
}

static void a_refusal_of_a_later_version_is_an_internal_one(void **state)
{
	struct msg_refuse out;

	assert_int_equal(msg_refuse_unpack(&out, (const uint8_t *)"\x08\x63", 2, &err), 0);
	assert_int_equal(out.code, REFUSE_INTERNAL);
}

static void unknown_fields_are_ignored(void **state)
{
	struct msg_receipt m = receipt(), out;

	buf_clear(&b);
	assert_true(msg_receipt_pack(&b, &m));
	buf_add(&b, "\xf8\x07\x05\xfa\x07\x02hi", 8);	/* field 127: a number, a string */
	assert_int_equal(msg_receipt_unpack(&out, b.data, b.len, &err), 0);
	assert_int_equal(out.sequence, 17);
}

static void wrong_wire_types_and_cut_messages_are_refused(void **state)
{
	struct msg_open_session m = open_session(), out;
	struct msg_hello h;
	size_t len;

	/* version as a string */
	assert_int_equal(msg_hello_unpack(&h, (const uint8_t *)"\x0a\x01x", 3, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	/* agent of 4 GiB */
	assert_int_equal(msg_hello_unpack(&h, (const uint8_t *)"\x1a\xff\xff\xff\xff\x0f", 6, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	buf_clear(&b);
	assert_true(msg_open_session_pack(&b, &m));
	for (len = 0; len < b.len; len++) {
		uint8_t *cut = malloc(len ? len : 1);	/* exact: a sanitizer sees a read past it */

		memcpy(cut, b.data, len);
		/* max_segment_ms comes last and is required */
		assert_int_equal(msg_open_session_unpack(&out, cut, len, &err), -1);
		free(cut);
	}
}

static void a_million_profiles_cost_little(void **state)
{
	struct msg_open_session out;
	size_t i;

	buf_clear(&b);
	for (i = 0; i < 11; i++)
		buf_add(&b, "\x1a\x00", 2);	/* profiles: {} */
	assert_int_equal(msg_open_session_unpack(&out, b.data, b.len, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);	/* job_id comes first */
	for (i = 0; i < 20000; i++)
		buf_add(&b, "\x1a\x00", 2);
	assert_int_equal(msg_open_session_unpack(&out, b.data, b.len, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	for (i = 0; i < 40000; i++)
		buf_add(&b, "\x1a\x00", 2);
	assert_int_equal(msg_open_session_unpack(&out, b.data, b.len, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_non_null(strstr(err.msg, "at most 65536"));
}

static void a_message_of_no_bytes_is_packed(void **state)
{
	struct msg_rendition_header m = { .index = 0 };
	struct buf fresh;

	buf_init(&fresh, 10);
	assert_true(msg_rendition_header_pack(&fresh, &m));
	assert_int_equal(fresh.len, 0);
	fresh.failed = true;
	assert_false(msg_rendition_header_pack(&fresh, &m));
	buf_fini(&fresh);
}

static void a_buffer_too_small_is_told(void **state)
{
	struct msg_receipt m = receipt();
	struct buf small;

	buf_init(&small, 10);
	assert_false(msg_receipt_pack(&small, &m));
	assert_true(small.failed);
	assert_int_equal(small.len, 0);
	buf_fini(&small);
}

static void presets_go_up_to_medium(void **state)
{
	assert_true(preset_is_known("ultrafast"));
	assert_true(preset_is_known("medium"));
	assert_false(preset_is_known("slow"));
	assert_false(preset_is_known(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_comes_back_as_it_went),
		cmocka_unit_test(fields_are_all_carried),
		cmocka_unit_test(fields_of_segments_and_tasks_are_all_carried),
		cmocka_unit_test(absurd_fields_of_a_connection_are_refused),
		cmocka_unit_test(absurd_fields_of_a_session_are_refused),
		cmocka_unit_test(absurd_fields_of_a_segment_are_refused),
		cmocka_unit_test(absurd_fields_of_a_task_are_refused),
		cmocka_unit_test(only_a_transcode_needs_profiles_and_a_preset),
		cmocka_unit_test(an_unknown_rate_of_the_source_reads_0_1),
		cmocka_unit_test(a_worker_sends_no_signature),
		cmocka_unit_test(empty_messages_are_refused_where_a_field_is_required),
		cmocka_unit_test(the_options_hash_must_be_that_of_the_profiles),
		cmocka_unit_test(text_that_steers_a_terminal_is_refused),
		cmocka_unit_test(our_own_odd_text_is_cleaned_before_it_goes),
		cmocka_unit_test(why_a_task_failed_is_ascii_once_it_is_read),
		cmocka_unit_test(a_refusal_of_a_later_version_is_an_internal_one),
		cmocka_unit_test(unknown_fields_are_ignored),
		cmocka_unit_test(wrong_wire_types_and_cut_messages_are_refused),
		cmocka_unit_test(a_million_profiles_cost_little),
		cmocka_unit_test(a_message_of_no_bytes_is_packed),
		cmocka_unit_test(a_buffer_too_small_is_told),
		cmocka_unit_test(presets_go_up_to_medium),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
