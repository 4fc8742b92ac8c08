#include "test/test.h"

#include <string.h>

#include "base/err.h"
#include "node/farm/farm.h"
#include "node/farm/tries.h"

/* What a task whose tries end so comes to; ERR_NONE: it is tried again. */
struct row {
	const char *name;
	enum outcome o[2];
	unsigned n;
	bool local, alone;	/* at the last of them */
	enum err_code want;
	const char *text;	/* in the error; NULL: any */
};

static const struct row rows[] = {
	{ "one verdict among several", { OUTCOME_VERDICT }, 1, false, false, ERR_NONE, NULL },
	{ "the verdict of the only one", { OUTCOME_VERDICT }, 1, false, true, ERR_LIMIT, "said" },
	{ "the verdict of our own", { OUTCOME_VERDICT }, 1, true, false, ERR_LIMIT, "said" },
	{ "two verdicts", { OUTCOME_VERDICT, OUTCOME_VERDICT }, 2, false, false, ERR_LIMIT, "said" },
	{ "one death", { OUTCOME_DIED }, 1, false, false, ERR_NONE, NULL },
	{ "one death of the only one", { OUTCOME_DIED }, 1, true, true, ERR_NONE, NULL },
	{ "two deaths", { OUTCOME_DIED, OUTCOME_DIED }, 2, false, false, ERR_INVALID,
	  "a worker failed on it twice: said" },
	{ "verdict, death", { OUTCOME_VERDICT, OUTCOME_DIED }, 2, false, false, ERR_INVALID, "refused" },
	{ "death, verdict", { OUTCOME_DIED, OUTCOME_VERDICT }, 2, false, false, ERR_LIMIT, "said" },
	{ "one lie", { OUTCOME_LIED }, 1, false, true, ERR_NONE, NULL },
	{ "two lies", { OUTCOME_LIED, OUTCOME_LIED }, 2, false, false, ERR_IO, "said" },
	{ "a lie, then one verdict of several", { OUTCOME_LIED, OUTCOME_VERDICT }, 2, false, false,
	  ERR_IO, "said" },
	{ "a lie, then the verdict of the only one", { OUTCOME_LIED, OUTCOME_VERDICT }, 2, false,
	  true, ERR_LIMIT, "said" },
	{ "a lie, then a death", { OUTCOME_LIED, OUTCOME_DIED }, 2, false, false, ERR_IO, "said" },
	{ "late once", { OUTCOME_LATE }, 1, false, true, ERR_NONE, NULL },
	{ "late twice", { OUTCOME_LATE, OUTCOME_LATE }, 2, false, true, ERR_TIMEOUT, NULL },
	{ "given up twice", { OUTCOME_FAILED, OUTCOME_FAILED }, 2, false, true, ERR_INTERNAL, NULL },
	{ "busy twice", { OUTCOME_BUSY, OUTCOME_BUSY }, 2, false, true, ERR_NONE, NULL },
	{ "lost twice", { OUTCOME_LOST, OUTCOME_LOST }, 2, false, true, ERR_NONE, NULL },
};

static void verdicts_follow_the_rules(void **state)
{
	size_t i;
	unsigned k;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct tries t = { 0 };
		struct err err = { 0 };
		bool over = false;

		for (k = 0; k < r->n; k++) {
			bool last = k + 1 == r->n;

			assert_false(over);
			err_set(&err, ERR_LIMIT, "said");
			over = tries_over(&t, r->o[k], last && r->local, !(last && r->alone), &err);
		}
		if (over != (r->want != ERR_NONE) || (over && err.code != r->want) ||
		    (over && r->text && !strstr(err.msg, r->text)))
			fail_msg("%s: over=%d code=%d %s", r->name, over, err.code, err.msg);
	}
}

static void losses_are_no_tries_but_end(void **state)
{
	struct tries t = { 0 };
	struct err err;
	int i;

	for (i = 0; i < FARM_LOSSES_MAX; i++) {
		err_set(&err, ERR_IO, "gone");
		assert_false(tries_over(&t, OUTCOME_LOST, false, true, &err));
	}
	assert_int_equal(t.n, 0);
	err_set(&err, ERR_TIMEOUT, "gone");
	assert_true(tries_over(&t, OUTCOME_LOST, false, true, &err));
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.msg, "7 transcoders went away with it: gone");
}

static void the_first_try_leaves_time_for_another(void **state)
{
	struct tries t = { 0 };

	assert_int_equal(tries_share_ms(&t, true, 1000), 550);
	assert_int_equal(tries_share_ms(&t, false, 1000), 900);
	t.n = 1;
	assert_int_equal(tries_share_ms(&t, true, 1000), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_follow_the_rules),
		cmocka_unit_test(losses_are_no_tries_but_end),
		cmocka_unit_test(the_first_try_leaves_time_for_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
