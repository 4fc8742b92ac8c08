#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cmd/cli_internal.h"
#include "node/store/store.h"

static const struct cli_command deposit = { .name = "deposit" }, bond = { .name = "bond" }, wait_ = { .name = "tx wait" };

struct rig {
	char dir[64];
	struct cli c;
	struct err err;
};

static int set_up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	snprintf(r->dir, sizeof(r->dir), "/tmp/lpnode-asked-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	r->c.store = store_open(r->dir, 8 << 20, &r->err);
	assert_non_null(r->c.store);
	memset(r->c.account.b, 0x11, sizeof(r->c.account.b));
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *r = *state;
	char path[96];

	cli_asked_end(&r->c, false);
	store_close(r->c.store);
	snprintf(path, sizeof(path), "%s/data.mdb", r->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/lock.mdb", r->dir);
	unlink(path);
	rmdir(r->dir);
	free(r);
	return 0;
}

/* ---- a command from its beginning on ---- */

static const struct cli_asked *begin(struct rig *r, const struct cli_command *command)
{
	r->c.command = command;
	assert_int_equal(cli_asked_read(&r->c, &r->err), 0);
	return r->c.asked;
}

static void add(struct rig *r, const char *key, bool last)
{
	assert_int_equal(cli_asked_add(&r->c, key, last, &r->err), 0);
}

static void cut_off(struct rig *r, const struct cli_command *command, const char *key, bool last)
{
	begin(r, command);
	add(r, key, last);
	cli_asked_end(&r->c, false);
}

static size_t left(struct rig *r, const struct cli_command *command)
{
	size_t n = begin(r, command)->n;

	cli_asked_end(&r->c, false);
	return n;
}

static void what_was_cut_off_is_found_and_told_once(void **state)
{
	struct rig *r = *state;

	cut_off(r, &deposit, "a/deposit/1", true);
	assert_true(cli_asked_has(begin(r, &deposit), "a/deposit/1"));
	assert_false(cli_asked_has(r->c.asked, "a/deposit"));
	add(r, "a/deposit/1", true);
	cli_asked_end(&r->c, true);
	assert_int_equal(left(r, &deposit), 0);
}

static void a_run_sees_what_was_before_it_not_its_own(void **state)
{
	struct rig *r = *state;

	begin(r, &deposit);
	add(r, "a/deposit/1", true);
	assert_int_equal(cli_asked_read(&r->c, &r->err), 0);
	assert_int_equal(r->c.asked->n, 0);
}

static void commands_and_accounts_do_not_mix(void **state)
{
	struct rig *r = *state;

	cut_off(r, &deposit, "a/deposit/1", true);
	cut_off(r, &bond, "a/approve/2", false);
	begin(r, &bond);
	cli_asked_end(&r->c, true);
	assert_int_equal(left(r, &bond), 0);
	assert_int_equal(left(r, &deposit), 1);
	r->c.account.b[0]++;
	assert_int_equal(left(r, &deposit), 0);
}

static void hear(struct rig *r, const char *key)
{
	r->c.command = &wait_;
	r->c.heard = strdup(key);
	cli_asked_end(&r->c, true);
}

static void who_hears_of_the_last_one_of_a_plan_has_heard_all(void **state)
{
	struct rig *r = *state;

	cut_off(r, &deposit, "a/deposit/1", true);
	cut_off(r, &bond, "a/approve/2", false);
	hear(r, "a/approve/2");
	assert_int_equal(left(r, &bond), 1);
	cut_off(r, &bond, "a/bond/3", true);
	assert_int_equal(left(r, &bond), 2);
	hear(r, "a/bond/3");
	assert_int_equal(left(r, &bond), 0);
	assert_int_equal(left(r, &deposit), 1);
}

static void a_command_cut_off_for_ever_takes_no_room(void **state)
{
	struct rig *r = *state;
	char key[JOURNAL_KEY_MAX + 1];
	int i;

	for (i = 0; i < 2 * ASKED_MAX; i++) {
		snprintf(key, sizeof(key), "%0*d", JOURNAL_KEY_MAX, i);
		cut_off(r, &deposit, key, true);
	}
	assert_int_equal(begin(r, &deposit)->n, ASKED_MAX);
	assert_true(cli_asked_has(r->c.asked, key));
}

static int put_row(struct store_txn *t, void *arg, struct err *err)
{
	const struct store_bytes *row = arg;
	uint8_t key[20 + 7];

	memset(key, 0x11, 20);
	memcpy(key + 20, "deposit", 7);
	return store_put(t, "cli_asked", key, sizeof(key), row->p, row->n, err);
}

static void rows_of_another_program_stop_it(void **state)
{
	static char absurd[3 + JOURNAL_KEY_MAX + 1] = { 1, 1 };
	const struct store_bytes rows[] = { { "", 0 }, { "\1", 1 }, { "\2\1a", 4 }, { "\1\1a", 3 }, { absurd, sizeof(absurd) } };
	struct rig *r = *state;
	size_t i;

	memset(absurd + 2, 'x', JOURNAL_KEY_MAX + 1);
	r->c.command = &deposit;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(store_write(r->c.store, put_row, (void *)&rows[i], &r->err), 0);
		assert_int_equal(cli_asked_read(&r->c, &r->err), 1);
		assert_int_equal(r->err.code, ERR_INVALID);
		cli_asked_end(&r->c, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_cut_off_is_found_and_told_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_run_sees_what_was_before_it_not_its_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(commands_and_accounts_do_not_mix, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_hears_of_the_last_one_of_a_plan_has_heard_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_command_cut_off_for_ever_takes_no_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rows_of_another_program_stop_it, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
