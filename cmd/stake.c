#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/livepeer_token.h"
#include "cmd/stake.h"

typedef unsigned long long ull;

#define LOCKS_MAX 400	/* ids looked at, the newest: below CLI_READS_MAX */

/* ---- reading ---- */

enum { READ_DELEGATOR, READ_OWN, READ_LPT, READ_ALLOWANCE, READ_SLASHABLE, READ_UNBONDING, READ_MIN };

static void ask(struct cli *c, struct cli_reads *reads, const struct eth_addr *who)
{
	bonding_manager_get_delegator_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER), who);
	bonding_manager_get_transcoder_info_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER), who);
	livepeer_token_balance_of_call(cli_read(reads, c, CONTRACT_LIVEPEER_TOKEN), who);
	livepeer_token_allowance_call(cli_read(reads, c, CONTRACT_LIVEPEER_TOKEN), who,
				      &c->pin.contracts[CONTRACT_BONDING_MANAGER]);
	bonding_manager_slashable_period_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_unbonding_period_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_min_transcoder_stake_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
}

static int absurd(const char *what, struct err *err)
{
	return err_set(err, ERR_INVALID, "BondingManager: %s is absurdly large", what);
}

static int take_delegator(struct stake *s, const struct bonding_manager_get_delegator *d, struct err *err)
{
	s->bonded = d->bonded_amount;
	s->fees = d->fees;
	s->delegate = d->delegate_address;
	if (!u256_to_u64(&s->start_round, &d->start_round) || !u256_to_u64(&s->last_claim_round, &d->last_claim_round) ||
	    !u256_to_u64(&s->next_lock, &d->next_unbonding_lock_id) || s->start_round > UINT32_MAX ||
	    s->next_lock > UINT32_MAX)
		return absurd("a delegation", err);
	return 0;
}

static int decode(struct stake *s, const struct cli_reads *reads, struct err *err)
{
	struct bonding_manager_min_transcoder_stake min;
	struct bonding_manager_get_transcoder_info own;
	struct bonding_manager_unbonding_period unbonding;
	struct bonding_manager_slashable_period slashable;
	struct bonding_manager_get_delegator d;
	struct livepeer_token_allowance allowance;
	struct livepeer_token_balance_of lpt;

	if (CLI_DECODE(bonding_manager_get_delegator, &d, *reads, READ_DELEGATOR, err) < 0 ||
	    CLI_DECODE(bonding_manager_get_transcoder_info, &own, *reads, READ_OWN, err) < 0 ||
	    CLI_DECODE(livepeer_token_balance_of, &lpt, *reads, READ_LPT, err) < 0 ||
	    CLI_DECODE(livepeer_token_allowance, &allowance, *reads, READ_ALLOWANCE, err) < 0 ||
	    CLI_DECODE(bonding_manager_slashable_period, &slashable, *reads, READ_SLASHABLE, err) < 0 ||
	    CLI_DECODE(bonding_manager_unbonding_period, &unbonding, *reads, READ_UNBONDING, err) < 0 ||
	    CLI_DECODE(bonding_manager_min_transcoder_stake, &min, *reads, READ_MIN, err) < 0 ||
	    take_delegator(s, &d, err) < 0)
		return -1;
	if (!u256_to_u64(&s->slashable_blocks, &slashable.value) || s->slashable_blocks > UINT32_MAX ||
	    unbonding.value > UINT32_MAX)
		return absurd("a period", err);
	s->unbonding_rounds = unbonding.value;
	s->own = own.value;
	s->lpt = lpt.value;
	s->allowance = allowance.value;
	s->min_stake = min.value;
	return 0;
}

static int take_lock(struct stake *s, uint64_t id, const struct bonding_manager_get_lock *l, struct err *err)
{
	struct stake_lock *to = &s->locks[s->n_locks];

	if (eth_addr_is_zero(&l->delegate))
		return 0;
	*to = (struct stake_lock){ .id = id, .amount = l->amount, .delegate = l->delegate, .destination = l->destination };
	if (!u256_to_u64(&to->withdraw_round, &l->withdraw_round) || to->withdraw_round > UINT32_MAX ||
	    !u256_to_u64(&to->slashable_until, &l->slashable_until) || to->slashable_until > UINT64_MAX / 2)
		return absurd("a lock", err);
	s->n_locks++;
	return 0;
}

/* What the first answers lead to: the delegate, and the locks. */
static int read_rest(struct cli *c, struct stake *s, const struct eth_addr *other, struct err *err)
{
	const struct eth_addr *to = other ? other : &s->delegate;
	struct bonding_manager_get_transcoder_info info;
	struct bonding_manager_get_lock lock;
	struct cli_reads reads = { 0 };
	struct u256 id;
	uint64_t i;
	int rc;

	s->unseen = s->next_lock > LOCKS_MAX ? s->next_lock - LOCKS_MAX : 0;
	s->locks = xcalloc(s->next_lock - s->unseen + 1, sizeof(*s->locks));
	bonding_manager_get_transcoder_info_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), to);
	for (i = s->unseen; i < s->next_lock; i++) {
		id = u256_of(i);
		bonding_manager_get_lock_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), &s->who, &id);
	}
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && CLI_DECODE(bonding_manager_get_transcoder_info, &info, reads, 0, err) < 0)
		rc = 1;
	if (rc == 0 && !eth_addr_is_zero(to))
		s->to = info.value;
	for (i = s->unseen; i < s->next_lock && rc == 0; i++) {
		if (CLI_DECODE(bonding_manager_get_lock, &lock, reads, 1 + i - s->unseen, err) < 0 ||
		    take_lock(s, i, &lock, err) < 0)
			rc = 1;
	}
	cli_reads_fini(&reads);
	return rc;
}

int stake_read(struct cli *c, struct stake *s, const struct eth_addr *who, const struct eth_addr *other,
	       struct err *err)
{
	struct cli_reads reads = { 0 };
	int rc;

	memset(s, 0, sizeof(*s));
	s->who = *who;
	rc = round_read(c, &s->r, err);
	if (rc != 0)
		return rc;
	ask(c, &reads, who);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && decode(s, &reads, err) < 0)
		rc = 1;
	cli_reads_fini(&reads);
	return rc == 0 ? read_rest(c, s, other, err) : rc;
}

void stake_fini(struct stake *s)
{
	free(s->locks);
	s->locks = NULL;
	s->n_locks = 0;
}

/* ---- locks ---- */

const struct stake_lock *stake_lock_find(const struct stake *s, uint64_t id)
{
	size_t i;

	for (i = 0; i < s->n_locks; i++) {
		if (s->locks[i].id == id)
			return &s->locks[i];
	}
	return NULL;
}

bool lock_is_safe(const struct stake *s, const struct stake_lock *l)
{
	return s->r.block > l->slashable_until;
}

bool lock_is_ripe(const struct stake *s, const struct stake_lock *l)
{
	return lock_is_safe(s, l) && (!eth_addr_is_zero(&l->destination) || s->r.round >= l->withdraw_round);
}

/* The first block in which it is, if roundLength stays. */
static uint64_t ripe_block(const struct stake *s, const struct stake_lock *l)
{
	uint64_t safe = l->slashable_until + 1, first;

	if (!eth_addr_is_zero(&l->destination) || l->withdraw_round <= s->r.round)
		return safe;
	first = round_first_block(&s->r, l->withdraw_round);
	return first > safe ? first : safe;
}

char *lock_when(char to[160], const struct stake *s, const struct stake_lock *l)
{
	uint64_t block = ripe_block(s, l);
	char time[60];

	if (lock_is_ripe(s, l)) {
		snprintf(to, 160, "now");
		return to;
	}
	round_time(time, &s->r, block > s->r.block ? block - s->r.block : 0);
	snprintf(to, 160, "from block %llu on%s%s%s", (ull)block, *time ? " (in " : "", time, *time ? ")" : "");
	return to;
}

const char *delegate_flaw(const struct stake *s)
{
	if (!s->to.registered)
		return "has resigned: what is bonded to it earns nothing";
	if (!s->to.active && !s->to.in_pool)
		return "is on the waiting list: it earns only in rounds for which it is drawn";
	if (!s->to.active)
		return "is not active before the next round";
	if (!s->to.in_pool)
		return "is out of the pool from the next round on: it earns only in rounds for which it is drawn";
	if (s->to.missed_rewards > 0)
		return "has missed rewards before";
	return NULL;
}

int lock_id_arg(uint64_t *id, const char *text, struct err *err)
{
	struct u256 v;
	struct err why;

	if (u256_parse_dec(&v, text, &why) < 0 || !u256_to_u64(id, &v))
		return cli_wrong(err, "LOCK cannot be \"%.40s\": write a lock's number, as `lpnode delegator` lists them", text);
	return 0;
}

int stake_must_have_lock(const struct stake *s, const struct stake_lock **l, uint64_t id, struct err *err)
{
	*l = stake_lock_find(s, id);
	if (*l)
		return 0;
	if (id < s->unseen)
		return cli_no(err, "lock %llu is not among the newest %d, which are all that is looked at", (ull)id, LOCKS_MAX);
	if (id < s->next_lock)
		return cli_no(err, "lock %llu is over: it was withdrawn, bonded again, or moved", (ull)id);
	return cli_no(err, "there is no lock %llu%s", (ull)id,
		      s->next_lock ? ": `lpnode delegator` lists those there are" : ": nothing was ever unbonded");
}
