/* lpnode rebond, withdraw-stake, complete-move: what becomes of a lock. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cmd/args.h"
#include "cmd/commands.h"
#include "cmd/sent.h"
#include "cmd/stake_plan.h"
#include "cmd/tell.h"

typedef unsigned long long ull;

#define GROUP "Delegators"

/* ---- rebond ---- */

struct rebond_opts {
	char *to;
};
static const struct opt rebond_opts[] = {
	{ "to", OPT_STRING, offsetof(struct rebond_opts, to), NULL, 0, 0, "Stake", "ADDRESS",
	  "where nothing else is bonded: the transcoder to bond to; without it the one that it left" },
};

static int check_lock(const struct stake *s, const struct stake_lock *l, const struct eth_addr *to, struct err *err)
{
	char addr[43], when[160];

	if (!eth_addr_is_zero(&l->destination)) {
		eth_addr_fmt(addr, &l->destination);
		return cli_no(err, "lock %llu moves to %s: `lpnode complete-move %llu` ends it, %s", (ull)l->id, addr,
			      (ull)l->id, lock_when(when, s, l));
	}
	eth_addr_fmt(addr, &l->delegate);
	if (!eth_addr_equal(&l->delegate, to) && !lock_is_safe(s, l))
		return cli_no(err, "lock %llu left %s, whose misdeeds can slash it until block %llu: until then it can go "
			      "back there only", (ull)l->id, addr, (ull)l->slashable_until);
	return 0;
}

/* To whom it goes, and whether it may.  s->to is about `to`. */
static int rebond_target(struct cli *c, struct stake *s, const struct stake_lock **l, uint64_t id, struct eth_addr *to,
			 const struct rebond_opts *o, struct err *err)
{
	struct eth_addr wanted = { { 0 } };
	char addr[43];
	int rc = o->to ? addr_arg(c, &wanted, o->to, "--to", err) : 0;

	if (rc == 0)
		rc = stake_read(c, s, &c->account, NULL, err);
	if (rc == 0)
		rc = stake_must_have_lock(s, l, id, err);
	if (rc != 0)
		return rc;
	*to = !u256_is_zero(&s->bonded) ? s->delegate : o->to ? wanted : (*l)->delegate;
	eth_addr_fmt(addr, to);
	if (o->to && !eth_addr_equal(to, &wanted))
		return cli_no(err, "you are bonded to %s, so the lock goes there: leave out --to (`lpnode bond 0 --to` moves "
			      "all of it)", addr);
	if (eth_addr_equal(to, &s->delegate))
		return 0;
	stake_fini(s);
	rc = stake_read(c, s, &c->account, to, err);
	return rc == 0 ? stake_must_have_lock(s, l, id, err) : rc;
}

static void rebond_plan(struct cli *c, struct cli_plan *plan, const struct stake *s, const struct stake_lock *l,
			const struct eth_addr *to)
{
	char a[100], addr[43], key[100];
	struct cli_plan_tx *tx;
	struct u256 id = u256_of(l->id);

	eth_addr_fmt(addr, to);
	cli_fmt_exact(a, &l->amount, UNIT_LPT);
	snprintf(key, sizeof(key), "rebond/%llu", (ull)l->id);
	tx = cli_plan_add(plan, c, CONTRACT_BONDING_MANAGER, key, "bond lock %llu (%s) to %s", (ull)l->id, a, addr);
	if (u256_is_zero(&s->bonded))
		bonding_manager_rebond_from_unbonded_call(&tx->data, to, &id);
	else
		bonding_manager_rebond_call(&tx->data, &id);
	cli_plan_say(plan, "%s of lock %llu are bonded to %s again.", a, (ull)l->id, addr);
	stake_say_bonded(plan, s, to);
}

static int rebond_tell(struct cli *c, const struct eth_receipt *receipt, struct err *err)
{
	const struct eth_log *log = receipt_event(receipt, c, CONTRACT_BONDING_MANAGER, bonding_manager_rebond_topic(), 0);
	struct bonding_manager_rebond_event e;
	char a[100];

	if (!log || bonding_manager_rebond_event_read(&e, log, err) < 0)
		return cli_strange(err);
	cli_field(c, "rebonded", cli_json_amount(&e.amount), "bonded again", "%s", cli_fmt_exact(a, &e.amount, UNIT_LPT));
	return stake_tell(c, err);
}

static int rebond(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX] = { 0 };
	const struct stake_lock *l = NULL;
	struct cli_plan plan = { 0 };
	struct stake s = { 0 };
	struct eth_addr to;
	uint64_t id;
	int rc = lock_id_arg(&id, args[0], err);

	if (rc == 0)
		rc = rebond_target(c, &s, &l, id, &to, opts, err);
	if (rc == 0)
		rc = round_must_be_open(&s.r, err);
	if (rc == 0)
		rc = check_lock(&s, l, &to, err);
	if (rc == 0)
		rc = stake_check_delegate(&s, &to, err);
	if (rc == 0) {
		rebond_plan(c, &plan, &s, l, &to);
		rc = cli_send(c, &plan, receipts, err);
		if (rc == 0)
			rc = rebond_tell(c, &receipts[0], err);
		sent_fini(&plan, receipts);
	}
	stake_fini(&s);
	return rc;
}

/* ---- several locks ---- */

/* All that are ripe: of moves, or not. */
static size_t ripe_locks(const struct stake *s, const struct stake_lock *to[], size_t max, bool moves)
{
	size_t i, n = 0;

	for (i = 0; i < s->n_locks; i++) {
		if (!eth_addr_is_zero(&s->locks[i].destination) == moves && lock_is_ripe(s, &s->locks[i]) && n < max)
			to[n++] = &s->locks[i];
	}
	return n;
}

/* Nothing is ripe: when the first one is. */
static int none_ripe(const struct stake *s, bool moves, struct err *err)
{
	const struct stake_lock *first = NULL, *l;
	char a[100], when[160];
	size_t i;

	for (i = 0; i < s->n_locks; i++) {
		l = &s->locks[i];
		if (!eth_addr_is_zero(&l->destination) == moves && (!first || l->slashable_until < first->slashable_until))
			first = l;
	}
	if (!first && moves)
		return cli_no(err, "no stake is on its way to another transcoder");
	if (!first)
		return cli_no(err, "no stake is unbonded: `lpnode unbond` does that first");
	return cli_no(err, "nothing is ripe yet: lock %llu with %s will be %s", (ull)first->id,
		      cli_fmt_amount(a, &first->amount, UNIT_LPT), lock_when(when, s, first));
}

/* The lock of an argument, which must be ripe; or all of them. */
static int choose_locks(const struct stake *s, char **args, size_t n_args, const struct stake_lock *to[], size_t *n,
			bool moves, struct err *err)
{
	const struct stake_lock *l;
	char addr[43], when[160];
	uint64_t id;
	int rc;

	*n = 0;
	if (n_args == 0 || strcmp(args[0], "all") == 0) {
		*n = ripe_locks(s, to, CLI_PLAN_MAX, moves);
		return *n ? 0 : none_ripe(s, moves, err);
	}
	rc = lock_id_arg(&id, args[0], err);
	if (rc == 0)
		rc = stake_must_have_lock(s, &l, id, err);
	if (rc != 0)
		return rc;
	eth_addr_fmt(addr, &l->destination);
	if (moves && eth_addr_is_zero(&l->destination))
		return cli_no(err, "lock %llu is no move: `lpnode withdraw-stake %llu` pays it out", (ull)id, (ull)id);
	if (!moves && !eth_addr_is_zero(&l->destination))
		return cli_no(err, "lock %llu moves to %s: `lpnode complete-move %llu` bonds it there, %s", (ull)id, addr,
			      (ull)id, lock_when(when, s, l));
	if (!lock_is_ripe(s, l))
		return cli_no(err, "lock %llu is not ripe yet: it will be %s%s", (ull)id, lock_when(when, s, l),
			      moves ? "" : "; until then `lpnode rebond` puts it back");
	to[(*n)++] = l;
	return 0;
}

/* ---- withdraw-stake ---- */

static void withdraw_plan(struct cli *c, struct cli_plan *plan, const struct stake *s, const struct stake_lock *locks[],
			  size_t n)
{
	char a[100], b[100], key[60];
	struct u256 sum = s->lpt, id;
	struct cli_plan_tx *tx;
	size_t i;

	for (i = 0; i < n; i++) {
		id = u256_of(locks[i]->id);
		snprintf(key, sizeof(key), "withdraw-stake/%llu", (ull)locks[i]->id);
		tx = cli_plan_add(plan, c, CONTRACT_BONDING_MANAGER, key, "withdraw lock %llu: %s", (ull)locks[i]->id,
				  cli_fmt_exact(a, &locks[i]->amount, UNIT_LPT));
		bonding_manager_withdraw_stake_call(&tx->data, &id);
		u256_add(&sum, &sum, &locks[i]->amount);
	}
	cli_plan_say(plan, "%zu lock%s paid out to your account.  It has %s now, %s then.", n, n == 1 ? " is" : "s are",
		     cli_fmt_amount(a, &s->lpt, UNIT_LPT), cli_fmt_amount(b, &sum, UNIT_LPT));
}

static int withdraw_tell(struct cli *c, const struct eth_receipt *receipts, size_t n, struct err *err)
{
	struct bonding_manager_withdraw_stake_event e;
	struct u256 sum = u256_zero;
	const struct eth_log *log;
	json_t *ids = json_array();
	uint64_t id;
	char a[100];
	size_t i;

	json_field(c, "locks", ids);
	for (i = 0; i < n; i++) {
		log = receipt_event(&receipts[i], c, CONTRACT_BONDING_MANAGER, bonding_manager_withdraw_stake_topic(), 0);
		if (!log || bonding_manager_withdraw_stake_event_read(&e, log, err) < 0 ||
		    !u256_add(&sum, &sum, &e.amount) || !u256_to_u64(&id, &e.unbonding_lock_id))
			return cli_strange(err);
		if (c->o.json)
			json_array_append_new(ids, json_integer((json_int_t)id));
	}
	cli_field(c, "withdrawn", cli_json_amount(&sum), "withdrawn", "%s", cli_fmt_exact(a, &sum, UNIT_LPT));
	return stake_tell(c, err);
}

static int withdraw_stake(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX] = { 0 };
	const struct stake_lock *locks[CLI_PLAN_MAX];
	struct cli_plan plan = { 0 };
	struct stake s;
	size_t n;
	int rc = stake_read(c, &s, &c->account, NULL, err);

	if (rc == 0)
		rc = choose_locks(&s, args, n_args, locks, &n, false, err);
	if (rc == 0) {
		withdraw_plan(c, &plan, &s, locks, n);
		rc = cli_send(c, &plan, receipts, err);
		if (rc == 0)
			rc = withdraw_tell(c, receipts, n, err);
		sent_fini(&plan, receipts);
	}
	stake_fini(&s);
	return rc;
}

/* ---- complete-move ---- */

struct move_opts {
	char *of;
};
static const struct opt move_opts[] = {
	{ "of", OPT_STRING, offsetof(struct move_opts, of), NULL, 0, 0, "Stake", "ADDRESS",
	  "the delegator whose move it is; without it yourself" },
};

static void move_plan(struct cli *c, struct cli_plan *plan, const struct stake *s, const struct stake_lock *locks[],
		      size_t n)
{
	char a[100], key[120], addr[43], who[43];
	struct cli_plan_tx *tx;
	struct u256 id;
	size_t i;

	eth_addr_fmt(who, &s->who);
	for (i = 0; i < n; i++) {
		id = u256_of(locks[i]->id);
		/* Where its owner is bonded meanwhile it goes. */
		eth_addr_fmt(addr, !u256_is_zero(&s->bonded) || s->own.registered ? &s->delegate : &locks[i]->destination);
		snprintf(key, sizeof(key), "complete-move/%s/%llu", who, (ull)locks[i]->id);
		tx = cli_plan_add(plan, c, CONTRACT_BONDING_MANAGER, key, "end the move of lock %llu: %s to %s",
				  (ull)locks[i]->id, cli_fmt_exact(a, &locks[i]->amount, UNIT_LPT), addr);
		bonding_manager_complete_move_call(&tx->data, &s->who, &id);
		cli_plan_say(plan, "%s of lock %llu are bonded to %s, and earn from round %llu on.", a, (ull)locks[i]->id,
			     addr, (ull)s->r.round + 1);
	}
	cli_plan_say(plan, "Should that transcoder have resigned, the lock becomes one that can be withdrawn.");
}

static int move_tell(struct cli *c, const struct eth_receipt *receipts, size_t n, struct err *err)
{
	struct bonding_manager_move_completed_event e;
	json_t *list = json_array();
	const struct eth_log *log;
	uint64_t id;
	char a[100], addr[43];
	size_t i;

	json_object_set_new(c->out, "moves", list);
	for (i = 0; i < n; i++) {
		log = receipt_event(&receipts[i], c, CONTRACT_BONDING_MANAGER, bonding_manager_move_completed_topic(), 0);
		if (!log || bonding_manager_move_completed_event_read(&e, log, err) < 0 ||
		    !u256_to_u64(&id, &e.unbonding_lock_id))
			return cli_strange(err);
		eth_addr_fmt(addr, &e.to_delegate);
		if (eth_addr_is_zero(&e.to_delegate))
			cli_say(c, "lock %llu: its transcoder has resigned; withdraw it, or bond it to another", (ull)id);
		else
			cli_say(c, "lock %llu: %s bonded to %s", (ull)id, cli_fmt_exact(a, &e.amount, UNIT_LPT), addr);
		json_array_append_new(list, json_pack("{s:I, s:o, s:o}", "lock", (json_int_t)id, "amount",
						      cli_json_amount(&e.amount), "to", eth_addr_is_zero(&e.to_delegate) ?
						      json_null() : cli_json_addr(&e.to_delegate)));
	}
	return 0;
}

static int complete_move(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX] = { 0 };
	const struct stake_lock *locks[CLI_PLAN_MAX];
	const struct move_opts *o = opts;
	struct cli_plan plan = { 0 };
	struct stake s = { 0 };
	struct eth_addr who = c->account;
	size_t n;
	int rc = o->of ? addr_arg(c, &who, o->of, "--of", err) : 0;

	if (rc == 0)
		rc = stake_read(c, &s, &who, NULL, err);
	if (rc == 0)
		rc = round_must_be_open(&s.r, err);
	if (rc == 0)
		rc = choose_locks(&s, args, n_args, locks, &n, true, err);
	if (rc == 0) {
		move_plan(c, &plan, &s, locks, n);
		rc = cli_send(c, &plan, receipts, err);
		if (rc == 0)
			rc = move_tell(c, receipts, n, err);
		sent_fini(&plan, receipts);
	}
	stake_fini(&s);
	return rc;
}

static const struct cli_command commands[] = {
	{ "rebond", "LOCK [--to ADDRESS]", "bond a lock's stake again", GROUP, 1, 1, CLI_KEY, rebond_opts, 1,
	  sizeof(struct rebond_opts), rebond },
	{ "withdraw-stake", "[LOCK|all]", "pay out a lock that is ripe; without LOCK all that are", GROUP, 0, 1, CLI_KEY, NULL,
	  0, 0, withdraw_stake },
	{ "complete-move", "[LOCK|all] [--of ADDRESS]", "bond what was moved to its new transcoder; anyone can, for anyone",
	  GROUP, 0, 1, CLI_KEY, move_opts, 1, sizeof(struct move_opts), complete_move },
};
const struct cli_commands lock_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
