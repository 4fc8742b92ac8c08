#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "eth/tx.h"
#include "node/chain/journal_db.h"

struct rig {
	char dir[64];
	struct store *s;
	struct sig_key *key;
	struct eth_addr me;
	struct err err;
};

static int set_up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	uint8_t secret[32];

	assert_non_null(r);
	memset(secret, 7, sizeof(secret));
	r->key = sig_key_new(secret, NULL);
	r->me = sig_key_addr(r->key);
	snprintf(r->dir, sizeof(r->dir), "/tmp/lpnode-journal-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	r->s = store_open(r->dir, 32 << 20, &r->err);
	assert_non_null(r->s);
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *r = *state;
	char path[96];

	store_close(r->s);
	snprintf(path, sizeof(path), "%s/data.mdb", r->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/lock.mdb", r->dir);
	unlink(path);
	rmdir(r->dir);
	sig_key_free(r->key);
	free(r);
	return 0;
}

/* ---- each function in a transaction of its own ---- */

static int run_plan(struct store_txn *t, void *arg, struct err *err)
{
	return journal_db_plan(t, arg, err);
}

static int run_fill(struct store_txn *t, void *arg, struct err *err)
{
	return journal_db_fill(t, arg, err);
}

static int run_sign(struct store_txn *t, void *arg, struct err *err)
{
	return journal_db_sign(t, arg, err);
}

static int run_change(struct store_txn *t, void *arg, struct err *err)
{
	return journal_db_change(t, arg, err);
}

static int run_load(struct store_txn *t, void *arg, struct err *err)
{
	return journal_db_load(t, arg, err);
}

static void write_with(struct rig *r, store_fn *fn, void *arg)
{
	if (store_write(r->s, fn, arg, &r->err) < 0)
		fail_msg("%s", r->err.msg);
}

static struct journal_plan plan_of(struct rig *r, const char *key)
{
	struct journal_plan p = { .row = { .chain_id = 31337, .tx = { .from = r->me, .value = u256_of(1) } } };

	snprintf(p.row.tx.key, sizeof(p.row.tx.key), "%s", key);
	snprintf(p.row.tx.what, sizeof(p.row.tx.what), "pay");
	return p;
}

static uint64_t plan(struct rig *r, const char *key, bool want_new)
{
	struct journal_plan p = plan_of(r, key);

	write_with(r, run_plan, &p);
	assert_int_equal(p.is_new, want_new);
	return p.row.tx.id;
}

static struct tx_info get(struct rig *r, uint64_t id)
{
	struct tx_info tx;

	if (journal_get(r->s, id, &tx, &r->err) < 0)
		fail_msg("%s", r->err.msg);
	return tx;
}

static bool sign(struct rig *r, uint64_t id, enum tx_state seen, size_t n_attempts, uint64_t count)
{
	struct journal_sign s = {
		.seen = { id, seen, n_attempts }, .key = r->key, .gas = 21000, .count = count, .head = 10,
		.offer = { u256_of(10 + n_attempts), u256_of(1 + n_attempts) }, .now_ms = 5,
	};

	write_with(r, run_sign, &s);
	return s.changed;
}

static bool change(struct rig *r, uint64_t id, enum tx_state seen, size_t n_attempts, enum tx_state to)
{
	struct journal_change c = { .seen = { id, seen, n_attempts }, .to = to, .now_ms = 99 };

	write_with(r, run_change, &c);
	return c.changed;
}

static size_t n_open(struct rig *r, uint64_t *next_nonce)
{
	struct journal_load l = { .account = r->me, .chain_id = 31337 };
	size_t n;

	assert_int_equal(store_read(r->s, run_load, &l, &r->err), 0);
	n = l.n;
	*next_nonce = l.next_nonce;
	journal_load_fini(&l);
	return n;
}

/* ---- facts ---- */

static void a_key_that_is_there_is_not_planned_again(void **state)
{
	struct rig *r = *state;

	assert_int_equal(plan(r, "a/1", true), 1);
	assert_int_equal(plan(r, "a/2", true), 2);
	assert_int_equal(plan(r, "a/1", false), 1);
	assert_true(sign(r, 1, TX_PLANNED, 0, 0));
	assert_true(change(r, 1, TX_SIGNED, 1, TX_DONE));
	assert_int_equal(plan(r, "a/1", false), 1);
}

static void a_refused_or_displaced_key_is_free_and_a_failed_or_cancelled_one_is_not(void **state)
{
	static const struct {
		enum tx_state state;
		bool free;
	} cases[] = { { TX_FAILED, false }, { TX_CANCELLED, false }, { TX_DISPLACED, true } };
	struct rig *r = *state;
	uint64_t id = plan(r, "refused", true);

	assert_true(change(r, id, TX_PLANNED, 0, TX_REFUSED));
	assert_int_equal(plan(r, "refused", true), id + 1);
	for (size_t i = 0; i < 3; i++) {
		const char *key = tx_state_name(cases[i].state);

		id = plan(r, key, true);
		assert_true(sign(r, id, TX_PLANNED, 0, 0));
		assert_true(change(r, id, TX_SIGNED, 1, cases[i].state));
		assert_int_equal(plan(r, key, cases[i].free), cases[i].free ? id + 1 : id);
	}
}

static void nonces_are_given_in_order_and_never_below_the_chains(void **state)
{
	struct rig *r = *state;
	uint64_t a = plan(r, "a", true), b = plan(r, "b", true), c = plan(r, "c", true), d = plan(r, "d", true);

	assert_true(sign(r, b, TX_PLANNED, 0, 7));
	assert_true(sign(r, a, TX_PLANNED, 0, 7));
	assert_true(sign(r, c, TX_PLANNED, 0, 3));	/* an endpoint that is behind */
	assert_true(sign(r, d, TX_PLANNED, 0, 20));	/* another program used some */
	assert_int_equal(get(r, b).nonce, 7);
	assert_int_equal(get(r, a).nonce, 8);
	assert_int_equal(get(r, c).nonce, 9);
	assert_int_equal(get(r, d).nonce, 20);
}

static void who_comes_second_changes_nothing(void **state)
{
	struct rig *r = *state;
	uint64_t id = plan(r, "a", true), next;

	assert_true(sign(r, id, TX_PLANNED, 0, 0));
	assert_false(sign(r, id, TX_PLANNED, 0, 0));
	assert_false(change(r, id, TX_PLANNED, 0, TX_REFUSED));
	assert_true(sign(r, id, TX_SIGNED, 1, 0));
	assert_false(sign(r, id, TX_SIGNED, 1, 0));
	assert_int_equal(get(r, id).n_attempts, 2);
	assert_int_equal(n_open(r, &next), 1);
	assert_int_equal(next, 1);
}

static void a_replacement_has_the_nonce_and_other_bytes_of_our_key(void **state)
{
	struct rig *r = *state;
	uint64_t id = plan(r, "a", true), next;
	struct journal_load l = { .account = r->me, .chain_id = 31337 };
	struct eth_addr sender;
	struct hash32 hash;
	struct tx_info tx;
	struct tx raw;

	sign(r, id, TX_PLANNED, 0, 4);
	sign(r, id, TX_SIGNED, 1, 0);
	tx = get(r, id);
	assert_int_equal(tx.state, TX_SIGNED);
	assert_memory_not_equal(tx.attempts[0].hash.b, tx.attempts[1].hash.b, 32);
	assert_int_equal(store_read(r->s, run_load, &l, &r->err), 0);
	assert_int_equal(tx_parse(&raw, &sender, &hash, l.e[0].raw, l.e[0].n_raw, &r->err), 0);
	assert_true(eth_addr_equal(&sender, &r->me));
	assert_memory_equal(hash.b, tx.attempts[1].hash.b, 32);
	assert_int_equal(raw.nonce, 4);
	assert_int_equal(raw.chain_id, 31337);
	journal_load_fini(&l);
	assert_int_equal(n_open(r, &next), 1);
	assert_int_equal(next, 5);
}

static void a_cancellation_sends_nothing_to_oneself(void **state)
{
	struct rig *r = *state;
	uint64_t id = plan(r, "a", true);
	struct journal_sign s = { .seen = { id, TX_SIGNED, 1 }, .key = r->key, .gas = 21000, .cancels = true,
				  .offer = { u256_of(20), u256_of(2) } };
	struct journal_load l = { .account = r->me, .chain_id = 31337 };
	struct eth_addr sender;
	struct hash32 hash;
	struct tx raw;

	sign(r, id, TX_PLANNED, 0, 4);
	write_with(r, run_sign, &s);
	assert_int_equal(store_read(r->s, run_load, &l, &r->err), 0);
	assert_int_equal(tx_parse(&raw, &sender, &hash, l.e[0].raw, l.e[0].n_raw, &r->err), 0);
	assert_true(eth_addr_equal(&raw.to, &r->me));
	assert_true(u256_is_zero(&raw.value));
	assert_int_equal(raw.n_data, 0);
	assert_int_equal(raw.nonce, 4);
	assert_true(l.e[0].row.tx.attempts[1].cancels);
	journal_load_fini(&l);
}

static void no_more_than_so_many_replacements_are_signed(void **state)
{
	struct rig *r = *state;
	uint64_t id = plan(r, "a", true);

	assert_true(sign(r, id, TX_PLANNED, 0, 0));
	for (size_t n = 1; n < JOURNAL_ATTEMPTS_MAX; n++)
		assert_true(sign(r, id, TX_SIGNED, n, 0));
	assert_false(sign(r, id, TX_SIGNED, JOURNAL_ATTEMPTS_MAX, 0));
}

static void what_cannot_be_signed_gets_no_nonce(void **state)
{
	struct rig *r = *state;
	uint64_t id = plan(r, "a", true), next;
	struct journal_sign s = { .seen = { id, TX_PLANNED, 0 }, .key = r->key, .gas = TX_GAS_MAX + 1u };

	assert_int_equal(store_write(r->s, run_sign, &s, &r->err), -1);
	assert_int_equal(r->err.code, ERR_LIMIT);
	assert_false(get(r, id).has_nonce);
	n_open(r, &next);
	assert_int_equal(next, 0);
}

static void what_is_settled_is_open_no_more_and_a_gap_opens_it_again(void **state)
{
	struct rig *r = *state;
	uint64_t id = plan(r, "a", true), next;
	struct journal_change c = { .seen = { id, TX_DONE, 1 }, .settled = true };
	struct journal_plan fill = plan_of(r, "fill/4");

	sign(r, id, TX_PLANNED, 0, 4);
	assert_true(change(r, id, TX_SIGNED, 1, TX_DONE));
	assert_int_equal(n_open(r, &next), 1);
	write_with(r, run_change, &c);
	assert_int_equal(n_open(r, &next), 0);
	assert_int_equal(get(r, id).state, TX_DONE);
	fill.row.tx.has_nonce = true;
	fill.row.tx.nonce = 4;
	write_with(r, run_fill, &fill);
	assert_int_equal(n_open(r, &next), 1);
	assert_int_equal(journal_get(r->s, id + 1, &fill.row.tx, &r->err), -1);	/* nothing new */
}

static void a_gap_nobody_of_ours_had_is_filled_with_its_nonce(void **state)
{
	struct rig *r = *state;
	uint64_t id = plan(r, "a", true), next;
	struct journal_plan fill = plan_of(r, "fill/5");

	sign(r, id, TX_PLANNED, 0, 7);
	fill.row.tx.has_nonce = true;
	fill.row.tx.nonce = 5;
	write_with(r, run_fill, &fill);
	assert_true(sign(r, fill.row.tx.id, TX_PLANNED, 0, 5));
	assert_int_equal(get(r, fill.row.tx.id).nonce, 5);
	n_open(r, &next);
	assert_int_equal(next, 8);
}

static void a_journal_of_another_chain_is_refused(void **state)
{
	struct rig *r = *state;
	struct journal_load l = { .account = r->me, .chain_id = 1 };

	plan(r, "a", true);
	assert_int_equal(store_read(r->s, run_load, &l, &r->err), -1);
	assert_int_equal(r->err.code, ERR_INVALID);
	assert_non_null(strstr(r->err.msg, "chain 31337"));
}

static void accounts_do_not_see_each_other(void **state)
{
	struct rig *r = *state;
	struct journal_load l = { .account = { { 1 } }, .chain_id = 31337 };
	struct journal_plan other = plan_of(r, "a");
	struct tx_info list[4];

	plan(r, "a", true);
	other.row.tx.from = l.account;
	write_with(r, run_plan, &other);
	assert_true(other.is_new);
	assert_int_equal(store_read(r->s, run_load, &l, &r->err), 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.e[0].row.tx.id, 2);
	journal_load_fini(&l);
	r->err.code = ERR_NONE;
	assert_int_equal(journal_list(r->s, &r->me, list, 4, &r->err), 1);
	assert_int_equal(list[0].id, 1);
}

static void a_list_is_newest_first_and_no_longer_than_asked(void **state)
{
	struct rig *r = *state;
	struct tx_info list[3];

	for (int i = 0; i < 5; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%d", i);
		plan(r, key, true);
	}
	assert_int_equal(journal_list(r->s, &r->me, list, 3, &r->err), 3);
	assert_int_equal(list[0].id, 5);
	assert_int_equal(list[2].id, 3);
	assert_int_equal(journal_get(r->s, 6, list, &r->err), -1);
	assert_int_equal(r->err.code, ERR_NOT_FOUND);
}

static int put_bad_row(struct store_txn *t, void *arg, struct err *err)
{
	static const uint8_t id[8] = { 0, 0, 0, 0, 0, 0, 0, 1 };

	return store_put(t, "intents", id, sizeof(id), "\x01 bad", 5, err);
}

static void a_damaged_row_is_an_error_in_words(void **state)
{
	struct rig *r = *state;
	struct journal_load l = { .account = r->me, .chain_id = 31337 };

	plan(r, "a", true);
	write_with(r, put_bad_row, NULL);
	assert_int_equal(store_read(r->s, run_load, &l, &r->err), -1);
	assert_int_equal(r->err.code, ERR_INVALID);
	assert_non_null(strstr(r->err.msg, "damaged"));
}

static int del_attempt(struct store_txn *t, void *arg, struct err *err)
{
	static const uint8_t key[10] = { 0, 0, 0, 0, 0, 0, 0, 1, 0, 0 };

	return store_del(t, "attempts", key, sizeof(key), err);
}

static void a_signed_row_without_its_bytes_is_an_error(void **state)
{
	struct rig *r = *state;
	struct tx_info tx;

	plan(r, "a", true);
	sign(r, 1, TX_PLANNED, 0, 0);
	write_with(r, del_attempt, NULL);
	assert_int_equal(journal_get(r->s, 1, &tx, &r->err), -1);
	assert_int_equal(r->err.code, ERR_INVALID);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_key_that_is_there_is_not_planned_again),
		T(a_refused_or_displaced_key_is_free_and_a_failed_or_cancelled_one_is_not),
		T(nonces_are_given_in_order_and_never_below_the_chains),
		T(who_comes_second_changes_nothing),
		T(a_replacement_has_the_nonce_and_other_bytes_of_our_key),
		T(a_cancellation_sends_nothing_to_oneself),
		T(no_more_than_so_many_replacements_are_signed),
		T(what_cannot_be_signed_gets_no_nonce),
		T(what_is_settled_is_open_no_more_and_a_gap_opens_it_again),
		T(a_gap_nobody_of_ours_had_is_filled_with_its_nonce),
		T(a_journal_of_another_chain_is_refused),
		T(accounts_do_not_see_each_other),
		T(a_list_is_newest_first_and_no_longer_than_asked),
		T(a_damaged_row_is_an_error_in_words),
		T(a_signed_row_without_its_bytes_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
