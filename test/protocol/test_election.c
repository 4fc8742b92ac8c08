#include "test/test.h"

#include <string.h>

#include "protocol/election.h"
#include "test/vectors.h"

#define MANY 200

static int load(void **state)
{
	*state = vectors_load("test/vectors/election.json");
	return 0;
}

static int drop(void **state)
{
	json_decref(*state);
	return 0;
}

/* ---- against the vectors ---- */

static uint64_t limb(const uint8_t word[32], int i)
{
	uint64_t v = 0;
	int k;

	for (k = 0; k < 8; k++)
		v = v << 8 | word[24 - 8 * i + k];
	return v;
}

static void logarithms_are_those_of_the_vectors(void **state)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(*state, "logs"), i, v) {
		uint8_t h[32], want[32];
		struct election_log got;

		vectors_hex(h, 32, v, "h");
		vectors_hex(want, 32, v, "L");
		got = election_neg_log2(h);
		assert_int_equal(got.hi, limb(want, 1));
		assert_int_equal(got.lo, limb(want, 0));
	}
	assert_true(i > 40);
}

static size_t load_candidates(struct election_candidate *c, const json_t *list)
{
	uint8_t stake[32];
	json_t *v;
	size_t i;

	memset(c, 0, MANY * sizeof(*c));
	json_array_foreach(list, i, v) {
		assert_true(i < MANY);
		vectors_hex(c[i].addr.b, 20, v, "address");
		vectors_hex(stake, 32, v, "stake");
		memcpy(c[i].stake, stake + 20, 12);
	}
	return i;
}

static void check_ranked(const struct election_candidate *c, size_t n, const json_t *list)
{
	uint8_t addr[20], score[32];
	json_t *v;
	size_t i;

	assert_int_equal(json_array_size(list), n);
	json_array_foreach(list, i, v) {
		vectors_hex(addr, 20, v, "address");
		vectors_hex(score, 32, v, "score");
		assert_memory_equal(c[i].addr.b, addr, 20);
		assert_int_equal(c[i].score.limb[0], limb(score, 2));
		assert_int_equal(c[i].score.limb[1], limb(score, 1));
		assert_int_equal(c[i].score.limb[2], limb(score, 0));
	}
}

static void elections_are_those_of_the_vectors(void **state)
{
	static struct election_candidate c[MANY];
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(*state, "elections"), i, v) {
		struct hash32 seed;
		uint8_t job_id[32];
		size_t n = load_candidates(c, json_object_get(v, "candidates"));

		vectors_hex(seed.b, 32, v, "seed");
		vectors_hex(job_id, 32, v, "jobId");
		assert_int_equal(election_rank(c, n, &seed, job_id), n);
		check_ranked(c, n, json_object_get(v, "ranked"));
	}
	assert_true(i >= 5);
}

/* ---- edges ---- */

static const struct hash32 any_seed = { { 7 } };
static const uint8_t job_one[32] = { [31] = 1 };

static void who_has_no_stake_is_no_candidate(void **state)
{
	struct election_candidate c[3] = { { .addr = { { 1 } } },
					   { .addr = { { 2 } }, .stake = { [11] = 1 } },
					   { .addr = { { 3 } } } };

	assert_int_equal(election_rank(c, 3, &any_seed, job_one), 1);
	assert_int_equal(c[0].addr.b[0], 2);
	assert_int_equal(election_rank(NULL, 0, &any_seed, job_one), 0);
}

static void the_order_given_does_not_matter(void **state)
{
	struct election_candidate a[9] = { 0 }, b[9] = { 0 };
	int i;

	for (i = 0; i < 9; i++) {
		a[i].addr.b[19] = (uint8_t)i;
		a[i].stake[5] = (uint8_t)(i + 1);
		b[8 - i] = a[i];
	}
	assert_int_equal(election_rank(a, 9, &any_seed, job_one), 9);
	assert_int_equal(election_rank(b, 9, &any_seed, job_one), 9);
	assert_memory_equal(a, b, sizeof(a));
}

/* ---- shares follow stakes ---- */

#define DRAWS 20000
#define SIZE 10

/*
 * Of 10 candidates with stakes 1 to 10, how often each is first.  Chi-square with 9
 * degrees of freedom; 27.9 is exceeded once in 1,000 - but the seeds are fixed, so
 * always or never.
 */
static void chances_are_in_proportion_to_stakes(void **state)
{
	double chi = 0, expected, d;
	uint32_t wins[SIZE] = { 0 };
	uint32_t i, k;

	for (i = 0; i < DRAWS; i++) {
		struct election_candidate c[SIZE] = { 0 };
		struct hash32 seed = hash_keccak256(&i, sizeof(i));

		for (k = 0; k < SIZE; k++) {
			c[k].addr.b[0] = (uint8_t)k;
			c[k].stake[3] = (uint8_t)(k + 1);
		}
		election_rank(c, SIZE, &seed, job_one);
		wins[c[0].addr.b[0]]++;
	}
	for (k = 0; k < SIZE; k++) {
		expected = DRAWS * (k + 1) / 55.0;
		d = wins[k] - expected;
		chi += d * d / expected;
	}
	assert_true(chi < 27.9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logarithms_are_those_of_the_vectors),
		cmocka_unit_test(elections_are_those_of_the_vectors),
		cmocka_unit_test(who_has_no_stake_is_no_candidate),
		cmocka_unit_test(the_order_given_does_not_matter),
		cmocka_unit_test(chances_are_in_proportion_to_stakes),
	};

	return cmocka_run_group_tests(tests, load, drop);
}
