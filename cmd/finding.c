#include "cmd/finding.h"

#include <string.h>

#include "base/err.h"
#include "bind/bonding_manager.h"
#include "bind/jobs_manager.h"
#include "cmd/round.h"
#include "cmd/sent.h"

#define PERC_ONE 1000000

/* ---- commitments ---- */

struct hash32 finding_hash(struct abi_args *a, const struct abi_selector *sel)
{
	struct hash32 h;
	struct buf b;

	buf_init(&b, 4096);
	abi_args_end(a, sel, &b, NULL);
	h = hash_keccak256(b.data, b.len);
	buf_fini(&b);
	return h;
}

/* Known to whoever has the key, the same each time. */
static struct hash32 salt_of(const struct sig_key *key, const struct hash32 *action)
{
	static const char domain[] = "lpnode finding";
	uint8_t text[sizeof(domain) + 32];
	struct sig65 sig;
	struct hash32 h;

	memcpy(text, domain, sizeof(domain));
	memcpy(text + sizeof(domain), action->b, 32);
	h = hash_keccak256(text, sizeof(text));
	sig = sig_sign(key, &h);
	return hash_keccak256(sig.b, sizeof(sig.b));
}

/* keccak256(abi.encode(finder, salt, action)) */
static struct hash32 commitment_of(const struct cli *c, const struct finding *f)
{
	struct abi_args a;

	abi_args_init(&a, 3);
	abi_args_addr(&a, &c->account);
	abi_args_word(&a, f->salt.b);
	abi_args_word(&a, f->action.b);
	return finding_hash(&a, NULL);
}

/* ---- what all of them do ---- */

enum { READ_FEE, READ_INFO, READ_MISSED, READ_FAILED, READ_MISSED_VERIFY };

int finding_read(struct finding *f, enum finding_kind kind, struct cli *c, struct err *err)
{
	struct jobs_manager_missed_verification_slash_amount missed_verify;
	struct jobs_manager_failed_verification_slash_amount failed;
	struct bonding_manager_missed_reward_slash_amount missed;
	struct bonding_manager_get_transcoder_info info;
	struct bonding_manager_finder_fee fee;
	struct cli_reads reads = { 0 };
	int rc;

	bonding_manager_finder_fee_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_get_transcoder_info_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), &f->transcoder);
	bonding_manager_missed_reward_slash_amount_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER));
	jobs_manager_failed_verification_slash_amount_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER));
	jobs_manager_missed_verification_slash_amount_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER));
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && (CLI_DECODE(bonding_manager_finder_fee, &fee, reads, READ_FEE, err) < 0 ||
			CLI_DECODE(bonding_manager_get_transcoder_info, &info, reads, READ_INFO, err) < 0 ||
			CLI_DECODE(bonding_manager_missed_reward_slash_amount, &missed, reads, READ_MISSED, err) < 0 ||
			CLI_DECODE(jobs_manager_failed_verification_slash_amount, &failed, reads, READ_FAILED, err) < 0 ||
			CLI_DECODE(jobs_manager_missed_verification_slash_amount, &missed_verify, reads,
				   READ_MISSED_VERIFY, err) < 0))
		rc = 1;
	if (rc == 0) {
		f->finder_perc = fee.value.w[0];
		f->stake = info.value.stake;
		f->perc = kind == FINDING_MISSED_REWARD ? missed.value.w[0] :
			  kind == FINDING_MISSED_VERIFICATION ? missed_verify.value.w[0] : failed.value.w[0];
	}
	cli_reads_fini(&reads);
	return rc;
}

static struct u256 part(const struct u256 *v, uint64_t perc)
{
	struct u256 p = u256_of(perc), one = u256_of(PERC_ONE), r = { { 0 } };

	u256_mul_div(&r, v, &p, &one);
	return r;
}

static void say_finding(struct cli_plan *p, const struct finding *f)
{
	struct u256 taken = part(&f->stake, f->perc), mine = part(&taken, f->finder_perc);
	char who[43], a[100], b[100], x[100], perc[32], share[32];

	eth_addr_fmt(who, &f->transcoder);
	cli_plan_say(p, "%s is slashed for %s", who, f->what);
	cli_plan_say(p, "%s of the %s that are bonded to it, about %s, are taken: from it and from its delegators alike",
		     cli_fmt_perc(perc, f->perc), cli_fmt_amount(a, &f->stake, UNIT_LPT), cli_fmt_amount(b, &taken, UNIT_LPT));
	cli_plan_say(p, "you get %s of that, about %s; the rest goes to the CommonPool", cli_fmt_perc(share, f->finder_perc),
		     cli_fmt_amount(x, &mine, UNIT_LPT));
	cli_plan_say(p, "two transactions: the finding is committed first, and told a block later, so that nobody who reads it "
		     "takes your share");
}

/* Would the contract take it now?  (Without the commitment, which it does not insist on.) */
static int try_it(struct cli *c, enum chain_contract to, const struct buf *data, struct err *err)
{
	struct cli_reads reads = { 0 };
	struct buf *b = cli_read(&reads, c, to);
	int rc;

	buf_add(b, data->data, data->len);
	rc = cli_read_all(c, &reads, false, err);
	cli_reads_fini(&reads);
	return rc;
}

static int tell_slashed(struct cli *c, const struct finding *f, const struct eth_receipt *r, struct err *err)
{
	const struct eth_log *log = receipt_event(r, c, CONTRACT_BONDING_MANAGER,
						  bonding_manager_transcoder_slashed_topic(), 0);
	struct bonding_manager_transcoder_slashed_event e;
	char a[100], b[100], who[43];

	if (!log || bonding_manager_transcoder_slashed_event_read(&e, log, err) < 0) {
		err_set(err, ERR_INVALID, "the receipt does not say that anything was slashed");
		return 1;
	}
	eth_addr_fmt(who, &f->transcoder);
	cli_field(c, "transcoder", cli_json_addr(&f->transcoder), "slashed", "%s", who);
	cli_field(c, "taken", cli_json_amount(&e.penalty), "taken", "%s", cli_fmt_amount(a, &e.penalty, UNIT_LPT));
	cli_field(c, "finderReward", cli_json_amount(&e.finder_reward), "of it yours", "%s",
		  cli_fmt_amount(b, &e.finder_reward, UNIT_LPT));
	return 0;
}

int finding_send(struct cli *c, struct finding *f, enum chain_contract to, finding_call *call, const void *arg,
		 const char *key, struct err *err)
{
	static const struct hash32 none;
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct hash32 commitment;
	struct cli_plan plan = { 0 };
	struct buf trial;
	char both[JOURNAL_KEY_MAX];
	int rc;

	buf_init(&trial, 128 * 1024);
	call(&trial, &none, arg);
	rc = try_it(c, to, &trial, err);
	buf_fini(&trial);
	if (rc != 0)
		return rc;
	f->salt = salt_of(c->key, &f->action);
	commitment = commitment_of(c, f);
	snprintf(both, sizeof(both), "commit/%.150s", key);
	bonding_manager_commit_finding_call(&cli_plan_add(&plan, c, CONTRACT_BONDING_MANAGER, both,
							  "commit the finding")->data, &commitment);
	call(&cli_plan_add(&plan, c, to, key, "tell %s", f->what)->data, &f->salt, arg);
	say_finding(&plan, f);
	rc = cli_send(c, &plan, receipts, err);
	if (rc == 0)
		rc = tell_slashed(c, f, &receipts[1], err);
	sent_fini(&plan, receipts);
	return rc;
}
