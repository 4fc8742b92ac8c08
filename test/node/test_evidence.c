/* What is kept of streams that have ended costs little. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "node/evidence.h"

#define STREAMS_KEPT 64
#define SEGMENTS 10	/* of a stream of 20 s */
#define STREAM_BYTES_MAX 4096

static const struct eth_addr who = { { 7 } };

static struct stream_id stream_of(unsigned n)
{
	struct stream_id id;

	snprintf(id.s, sizeof(id.s), "0700000000000000000000000000000000000000%032x", n);
	return id;
}

static struct signed_segment segment_of(unsigned stream, uint64_t sequence, uint8_t data)
{
	struct signed_segment s = {
		.stream = stream_of(stream), .sequence = sequence, .duration_ms = 2000,
		.data_hash = { { data } },
	};

	return s;
}

static void stream_comes_and_goes(struct evidence *e, unsigned n, unsigned n_segments)
{
	struct stream_id id = stream_of(n);
	struct history *h = history_open(e, &who, &id);
	struct signed_segment s;
	unsigned i;

	for (i = 0; i < n_segments; i++) {
		s = segment_of(n, i, 1);
		history_add(h, &s);
	}
	history_close(h);
}

static enum seen_verdict ask(struct evidence *e, unsigned stream, uint64_t sequence, uint8_t data)
{
	struct stream_id id = stream_of(stream);
	struct signed_segment s = segment_of(stream, sequence, data);
	struct history *h = history_open(e, &who, &id);
	enum seen_verdict v = history_check(h, &s);

	history_close(h);
	return v;
}

static struct evidence *evidence_of_nobody(void)
{
	static const struct hash32 domain = { { 1 } };

	return evidence_new(NULL, NULL, &domain);	/* no file: no loop is touched */
}

/* Under sanitizers mallinfo2() tells 0 and this holds by itself. */
static void short_stream_that_ended_takes_little(void **state)
{
	struct evidence *e = evidence_of_nobody();
	size_t before, grown;
	unsigned i;

	(void)state;
	before = mallinfo2().uordblks;
	for (i = 0; i < STREAMS_KEPT; i++)
		stream_comes_and_goes(e, i, SEGMENTS);
	grown = mallinfo2().uordblks - before;
	if (grown > STREAMS_KEPT * STREAM_BYTES_MAX)
		fail_msg("%d streams take %zu bytes", STREAMS_KEPT, grown);
	evidence_free(e);
}

static void streams_that_ended_are_remembered_up_to_64(void **state)
{
	struct evidence *e = evidence_of_nobody();
	unsigned i;

	(void)state;
	for (i = 0; i < STREAMS_KEPT; i++)
		stream_comes_and_goes(e, i, SEGMENTS);
	assert_int_equal(ask(e, 0, 3, 1), SEEN_SAME);
	assert_int_equal(ask(e, 0, 3, 2), SEEN_EQUIVOCATION);
	/* Asked for last, it is the one kept longest; the next oldest makes room. */
	stream_comes_and_goes(e, STREAMS_KEPT, SEGMENTS);
	assert_int_equal(ask(e, 0, 3, 1), SEEN_SAME);
	assert_int_equal(ask(e, 1, 3, 2), SEEN_NEW);
	assert_int_equal(ask(e, 2, 3, 2), SEEN_EQUIVOCATION);
	evidence_free(e);
}

/* Its table has grown to the end and begins to forget: what is kept beside it follows. */
static void long_stream_is_remembered_to_its_bound(void **state)
{
	struct evidence *e = evidence_of_nobody();

	(void)state;
	stream_comes_and_goes(e, 0, 3 * SEEN_MAX);
	assert_int_equal(ask(e, 0, 3 * SEEN_MAX - 1, 2), SEEN_EQUIVOCATION);
	assert_int_equal(ask(e, 0, 2 * SEEN_MAX, 1), SEEN_SAME);
	assert_int_equal(ask(e, 0, 2 * SEEN_MAX - 1, 1), SEEN_TOO_OLD);
	assert_int_equal(ask(e, 0, 3 * SEEN_MAX, 1), SEEN_NEW);
	evidence_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_stream_that_ended_takes_little),
		cmocka_unit_test(streams_that_ended_are_remembered_up_to_64),
		cmocka_unit_test(long_stream_is_remembered_to_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
