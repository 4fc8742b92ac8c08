#include "test/test.h"

#include "node/farm/choose.h"

#define M 1000000

static struct choice_member member(uint64_t capacity)
{
	return (struct choice_member){ .usable = true, .slots = 4, .capacity = capacity,
				       .slowness = 1, .rtt_us = -1 };
}

static const struct choice_task task = { .pixels = 10 * M, .rate = 5 * M };
static const struct choice_task early = { .pixels = 10 * M, .rate = 5 * M, .early = true };

static void nobody_is_chosen_of_none(void **state)
{
	struct choice_member m = member(100 * M);

	assert_int_equal(choose_member(&m, 0, &task), -1);
	assert_int_equal(choose_member(&m, 1, &task), 0);
	m.usable = false;
	assert_int_equal(choose_member(&m, 1, &task), -1);
	m = member(0);
	assert_int_equal(choose_member(&m, 1, &task), -1);
}

static void the_earliest_finish_wins(void **state)
{
	struct choice_member m[3] = { member(50 * M), member(200 * M), member(100 * M) };

	assert_int_equal(choose_member(m, 3, &task), 1);
	m[1].outstanding = 100 * M;
	assert_int_equal(choose_member(m, 3, &task), 2);
	m[2].rtt_us = 900000;
	assert_int_equal(choose_member(m, 3, &task), 0);
	m[0].slowness = 8;
	m[1].lateness_ms = 2000;
	assert_int_equal(choose_member(m, 3, &task), 2);
}

static void a_full_one_is_passed_by_however_fast(void **state)
{
	struct choice_member m[2] = { member(1000000ull * M), member(1 * M) };

	m[0].running = m[0].slots;
	assert_int_equal(choose_member(m, 2, &task), 1);
	m[1].running = 4;
	assert_int_equal(choose_member(m, 2, &task), -1);
}

static void a_stream_stays_unless_another_is_clearly_earlier(void **state)
{
	struct choice_member m[2] = { member(100 * M), member(124 * M) };
	struct choice_task big = task;

	m[0].warm = true;
	assert_int_equal(choose_member(m, 2, &task), 0);
	/* 33 ms against 100: the line is at 100 - 20 % - 50 ms */
	m[1].capacity = 300 * M;
	assert_int_equal(choose_member(m, 2, &task), 0);
	m[1].capacity = 500 * M;
	assert_int_equal(choose_member(m, 2, &task), 1);
	/* with 10 s of work the 50 ms are nothing, 20 % are */
	big.pixels = 1000.0 * M;
	m[1].capacity = 124 * M;
	assert_int_equal(choose_member(m, 2, &big), 0);
	m[1].capacity = 130 * M;
	assert_int_equal(choose_member(m, 2, &big), 1);
	/* a warm one that is busy does not hold its stream */
	m[1].capacity = 100 * M;
	m[0].outstanding = 50 * M;
	assert_int_equal(choose_member(m, 2, &task), 1);
}

static void equals_take_turns(void **state)
{
	struct choice_member m[3] = { member(100 * M), member(100 * M), member(101 * M) };
	uint64_t turn = 0;
	int i, got;

	for (i = 0; i < 9; i++) {
		got = choose_member(m, 3, &task);
		assert_int_equal(got, i % 3);
		m[got].turn = ++turn;
	}
}

static void early_work_leaves_a_fifth_free(void **state)
{
	struct choice_member m = member(100 * M);

	m.rate = 75 * M;
	assert_int_equal(choose_member(&m, 1, &early), 0);
	m.rate = 76 * M;
	assert_int_equal(choose_member(&m, 1, &early), -1);
	assert_int_equal(choose_member(&m, 1, &task), 0);
	m.rate = 0;
	m.running = m.slots;
	assert_int_equal(choose_member(&m, 1, &early), -1);
}

static void one_that_overrates_itself_gets_less(void **state)
{
	struct choice_member m[2] = { member(100 * M), member(1000000ull * M) };
	struct speed s = speed_new;
	int i;

	assert_int_equal(choose_member(m, 2, &task), 1);
	for (i = 0; i < 8; i++) {
		speed_measure(&s, choose_claimed_ms(&m[1], task.pixels), 900);
		m[1].slowness = s.slowness;
		m[1].lateness_ms = s.lateness_ms;
	}
	assert_int_equal(choose_member(m, 2, &task), 0);
}

static void what_was_measured_is_bounded_and_forgotten(void **state)
{
	struct speed s = speed_new;
	int i;

	for (i = 0; i < 100; i++)
		speed_measure(&s, 10, 1e9);
	assert_true(s.slowness <= SPEED_MAX && s.slowness > SPEED_MAX - 0.1);
	assert_true(s.lateness_ms <= LATENESS_MAX_MS);
	for (i = 0; i < 300; i++)
		speed_forget(&s);
	assert_true(s.slowness < 1.01 && s.lateness_ms < 10);
	for (i = 0; i < 100; i++)
		speed_measure(&s, 1000, 0);
	assert_true(s.slowness >= SPEED_MIN && s.slowness < SPEED_MIN + 0.01);
	speed_measure(&s, 0, 0);
	speed_measure(&s, 0, 5);
	assert_true(s.slowness > 0 && s.slowness <= SPEED_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_chosen_of_none),
		cmocka_unit_test(the_earliest_finish_wins),
		cmocka_unit_test(a_full_one_is_passed_by_however_fast),
		cmocka_unit_test(a_stream_stays_unless_another_is_clearly_earlier),
		cmocka_unit_test(equals_take_turns),
		cmocka_unit_test(early_work_leaves_a_fifth_free),
		cmocka_unit_test(one_that_overrates_itself_gets_less),
		cmocka_unit_test(what_was_measured_is_bounded_and_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
