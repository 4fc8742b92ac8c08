#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/near.h"
#include "bind/artifacts.h"
#include "cmd/cli.h"
#include "cmd/params.h"

#define ROUNDS CONTRACT_ROUNDS_MANAGER
#define MINTER CONTRACT_MINTER
#define BONDING CONTRACT_BONDING_MANAGER
#define JOBS CONTRACT_JOBS_MANAGER
#define VERIFIER CONTRACT_VERIFIER
#define GOVERNOR CONTRACT_LIVEPEER_GOVERNOR
#define TREASURY CONTRACT_TREASURY
#define ONE 1000000
#define U32 UINT32_MAX

/* In the order in which they are shown: by contract.  min and max are those of the setters. */
const struct param params[] = {
	{ "roundLength", "RoundLength", ROUNDS, PARAM_BLOCKS, "roundLength()", 0, "setRoundLength", 0, 2, 1000000,
	  "from one round's first block to the next one's" },
	{ "roundLockAmount", "RoundLockAmount", ROUNDS, PARAM_PERC, "roundLockAmount()", 0, "setRoundLockAmount", 0, 0,
	  ONE, "last part of a round, in which rates are locked" },

	{ "inflation", "InflationRate", MINTER, PARAM_PERC, "inflation()", 0, "setInflation", 0, 0, ONE,
	  "new LPT a round, of all LPT; moves by itself" },
	{ "inflationChange", NULL, MINTER, PARAM_PERC, "inflationChange()", 0, "setInflationChange", 0, 0, ONE,
	  "by how much inflation moves in a round" },
	{ "targetBondingRate", "ParticipationRate", MINTER, PARAM_PERC, "targetBondingRate()", 0,
	  "setTargetBondingRate", 0, 0, ONE, "part of all LPT that should be bonded" },
	{ "initializerShare", NULL, MINTER, PARAM_PERC, "initializerShare()", 0, "setInitializerShare", 0, 0, ONE,
	  "of a round's tokens, for who initialises it" },

	{ "numActiveTranscoders", "N", BONDING, PARAM_COUNT, "numActiveTranscoders()", 0, "setNumActiveTranscoders", 0,
	  1, UINT16_MAX, "active transcoders by stake (one more is drawn); only upwards" },
	{ "unbondingPeriod", "UnbondingPeriod", BONDING, PARAM_ROUNDS, "unbondingPeriod()", 0, "setUnbondingPeriod", 0,
	  1, 10000, "from unbonding to withdrawal" },
	{ "slashablePeriod", NULL, BONDING, PARAM_BLOCKS, "slashablePeriod()", 0, "setSlashablePeriod", 0, 0, U32,
	  "for how long unbonded stake can still be slashed" },
	{ "minTranscoderStake", NULL, BONDING, PARAM_LPT, "minTranscoderStake()", 0, "setMinTranscoderStake", 0, 1, 0,
	  "least stake bonded to a transcoder" },
	{ "missedRewardSlashAmount", "MissedRewardSlashAmount", BONDING, PARAM_PERC, "missedRewardSlashAmount()", 0,
	  "setMissedRewardSlashAmount", 0, 0, ONE, "slashed when reward() was not called ..." },
	{ "missedRewardRounds", NULL, BONDING, PARAM_ROUNDS, "missedRewardRounds()", 0, "setMissedRewardRounds", 0, 1,
	  100, "... in so many active rounds in a row" },
	{ "competitivenessTolerance", "CompetitivenessTolerance", BONDING, PARAM_PERC, "competitivenessTolerance()", 0,
	  "setCompetitiveness", 0, 0, ONE, "how much less work than one's part still earns rewards" },
	{ "competitivenessGrace", NULL, BONDING, PARAM_ROUNDS, "competitivenessGrace()", 0, "setCompetitiveness", 1, 0,
	  U32, "after entering the pool, in which that is not asked" },
	{ "competitivenessFloor", NULL, BONDING, PARAM_ETH, "competitivenessFloor()", 0, "setCompetitiveness", 2, 0, 0,
	  "expected work below which it is not asked" },
	{ "finderFee", "FinderFee", BONDING, PARAM_PERC, "finderFee()", 0, "setFinderFee", 0, 0, ONE,
	  "of what is slashed, for who reports it" },

	{ "verificationRate", "VerificationRate", JOBS, PARAM_ONE_IN, "verificationRate()", 0, "setVerificationRate", 0,
	  1, U32, "segments of a claim that are challenged" },
	{ "verificationPeriod", "VerificationPeriod", JOBS, PARAM_BLOCKS, "verificationPeriod()", 0,
	  "setVerificationPeriods", 0, 2, U32, "from a claim until its challenged segments are verified" },
	{ "slashingPeriod", "SlashingPeriod", JOBS, PARAM_BLOCKS, "slashingPeriod()", 0, "setVerificationPeriods", 1, 2,
	  U32, "after that, to report what was not" },
	{ "claimPeriod", NULL, JOBS, PARAM_BLOCKS, "claimPeriod()", 0, "setClaimPeriod", 0, 1, U32,
	  "after a job's end, to claim" },
	{ "failedVerificationSlashAmount", "FailedVerificationSlashAmount", JOBS, PARAM_PERC,
	  "failedVerificationSlashAmount()", 0, "setFailedVerificationSlashAmount", 0, 0, ONE,
	  "slashed when verification fails" },
	{ "missedVerificationSlashAmount", "MissedVerificationSlashAmount", JOBS, PARAM_PERC,
	  "missedVerificationSlashAmount()", 0, "setMissedVerificationSlashAmount", 0, 0, ONE,
	  "slashed when a challenge was not verified in time" },
	{ "verificationFailureThreshold", "VerificationFailureThreshold", JOBS, PARAM_PERC,
	  "verificationFailureThreshold()", 0, "setVerificationFailureThreshold", 0, 0, ONE,
	  "of 30 rounds' verifications, that may fail" },
	{ "verifierFee", NULL, JOBS, PARAM_PERC_ANY, "verifierFee()", 0, "setVerifierFee", 0, 0, U32,
	  "of a segment's price, for all its verifiers" },

	{ "committee", NULL, VERIFIER, PARAM_COUNT, "parameters()", 0, "setCommittee", 0, 1, 8,
	  "verifiers drawn for a claim" },
	{ "quorum", NULL, VERIFIER, PARAM_COUNT, "parameters()", 1, "setCommittee", 1, 1, 8,
	  "equal answers for a verdict" },
	{ "extensionDraws", NULL, VERIFIER, PARAM_COUNT, "parameters()", 2, "setCommittee", 2, 0, 8,
	  "verifiers more in an extension" },
	{ "juryDraws", NULL, VERIFIER, PARAM_COUNT, "parameters()", 3, "setJury", 0, 1, 16, "jurors of an appeal" },
	{ "juryQuorum", NULL, VERIFIER, PARAM_COUNT, "parameters()", 4, "setJury", 1, 1, 16,
	  "equal answers for theirs" },
	{ "verdictPeriod", NULL, VERIFIER, PARAM_BLOCKS, "parameters()", 5, "setPeriods", 0, 1, 10000000,
	  "for the answers of the drawn" },
	{ "appealPeriod", NULL, VERIFIER, PARAM_BLOCKS, "parameters()", 6, "setPeriods", 1, 1, 10000000,
	  "after a verdict, to appeal" },
	{ "juryPeriod", NULL, VERIFIER, PARAM_BLOCKS, "parameters()", 7, "setPeriods", 2, 1, 10000000,
	  "for the answers of a jury" },
	{ "overturnedSlash", NULL, VERIFIER, PARAM_PERC, "parameters()", 8, "setOverturnedSlash", 0, 0, ONE,
	  "of a seat, when its verdict is overturned" },
	{ "finderShare", NULL, VERIFIER, PARAM_PERC, "parameters()", 9, "setShares", 0, 0, ONE,
	  "of a fine for silence, for who reports it" },
	{ "appellantShare", NULL, VERIFIER, PARAM_PERC, "parameters()", 10, "setShares", 1, 0, ONE,
	  "of what the overturned lose; the rest is the jury's" },
	{ "juryShare", NULL, VERIFIER, PARAM_PERC, "parameters()", 11, "setShares", 2, 0, ONE,
	  "of the bond, when a jury found no verdict" },
	{ "seatStake", NULL, VERIFIER, PARAM_LPT, "parameters()", 12, "setSeatStake", 0, 1, 0, "a verifier's seat" },
	{ "silenceAmount", NULL, VERIFIER, PARAM_LPT, "parameters()", 13, "setSilenceAmount", 0, 0, 0,
	  "fine of a silent verifier" },
	{ "appealBond", NULL, VERIFIER, PARAM_LPT, "parameters()", 14, "setAppealBond", 0, 0, 0,
	  "put up by who appeals" },

	{ "votingDelay", NULL, GOVERNOR, PARAM_ROUNDS, "votingDelay()", 0, "setVotingDelay", 0, 0, U32,
	  "from a proposal to the round whose stakes vote" },
	{ "votingPeriod", NULL, GOVERNOR, PARAM_ROUNDS, "votingPeriod()", 0, "setVotingPeriod", 0, 1, U32,
	  "in which votes are cast" },
	{ "proposalThreshold", NULL, GOVERNOR, PARAM_LPT, "proposalThreshold()", 0, "setProposalThreshold", 0, 0, 0,
	  "votes that who proposes must have" },
	{ "quorumNumerator", NULL, GOVERNOR, PARAM_PERCENT, "quorumNumerator()", 0, "updateQuorumNumerator", 0, 0, 100,
	  "of the active stake, for or abstaining" },
	{ "minDelay", NULL, TREASURY, PARAM_SECONDS, "getMinDelay()", 0, "updateDelay", 0, 0, 31536000,
	  "from queueing to execution" },
};
const size_t n_params = sizeof(params) / sizeof(params[0]);
static_assert(sizeof(params) / sizeof(params[0]) < PARAMS_MAX, "PARAMS_MAX");

/* ---- names ---- */

const struct param *param_find(const char *name, const char **nearest)
{
	unsigned best = near_limit(strlen(name)), d;
	size_t i;

	if (nearest)
		*nearest = NULL;
	for (i = 0; i < n_params; i++) {
		if (strcasecmp(name, params[i].name) == 0 || (params[i].paper && strcasecmp(name, params[i].paper) == 0))
			return &params[i];
		d = near_distance(name, strlen(name), params[i].name);
		if (nearest && d <= best) {
			best = d;
			*nearest = params[i].name;
		}
	}
	return NULL;
}

const struct param *param_of_setter(enum chain_contract contract, const char *setter, unsigned arg)
{
	size_t i;

	for (i = 0; i < n_params; i++) {
		if (params[i].contract == contract && params[i].arg == arg && strcmp(params[i].setter, setter) == 0)
			return &params[i];
	}
	return NULL;
}

/* ---- values ---- */

/* Words behind a number, longest first; times are for PARAM_SECONDS alone. */
static const struct {
	const char *word;
	enum param_unit unit;
	uint64_t times;
} words[] = {
	{ "blocks", PARAM_BLOCKS, 1 }, { "block", PARAM_BLOCKS, 1 },
	{ "rounds", PARAM_ROUNDS, 1 }, { "round", PARAM_ROUNDS, 1 },
	{ "seconds", PARAM_SECONDS, 1 }, { "second", PARAM_SECONDS, 1 }, { "s", PARAM_SECONDS, 1 },
	{ "minutes", PARAM_SECONDS, 60 }, { "min", PARAM_SECONDS, 60 },
	{ "hours", PARAM_SECONDS, 3600 }, { "hour", PARAM_SECONDS, 3600 }, { "h", PARAM_SECONDS, 3600 },
	{ "days", PARAM_SECONDS, 86400 }, { "day", PARAM_SECONDS, 86400 }, { "d", PARAM_SECONDS, 86400 },
};

static const char *example(enum param_unit u)
{
	switch (u) {
	case PARAM_BLOCKS: return "60 or \"60 blocks\"";
	case PARAM_ROUNDS: return "10 or \"10 rounds\"";
	case PARAM_SECONDS: return "172800 or \"2 days\"";
	case PARAM_COUNT: return "20";
	case PARAM_PERC: return "12.5%, at most four digits behind the point";
	case PARAM_PERC_ANY: return "300%, at most four digits behind the point";
	case PARAM_PERCENT: return "33%, whole percent";
	case PARAM_ONE_IN: return "500 or 1/500";
	case PARAM_LPT: return "\"100 LPT\"";
	case PARAM_ETH: return "\"0.1 ETH\"";
	}
	return "";
}

static int parse_percent(struct u256 *v, const char *text, unsigned decimals, struct err *err)
{
	size_t len = strlen(text);
	char number[40];

	if (len > 0 && text[len - 1] == '%')
		len--;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	if (len == 0 || len >= sizeof(number))
		return err_set(err, ERR_INVALID, "no number");
	memcpy(number, text, len);
	number[len] = 0;
	return u256_parse_fixed(v, number, decimals, err);
}

static int parse_count(struct u256 *v, const char *text, enum param_unit unit, struct err *err)
{
	size_t len = strspn(text, "0123456789"), skip = len, i;
	struct u256 times = u256_of(1);
	char number[40];

	if (len == 0 || len >= sizeof(number))
		return err_set(err, ERR_INVALID, "no number");
	memcpy(number, text, len);
	number[len] = 0;
	skip += strspn(text + len, " ");
	for (i = 0; text[skip] && i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].unit == unit && strcasecmp(text + skip, words[i].word) == 0)
			break;
	}
	if (text[skip] && i == sizeof(words) / sizeof(words[0]))
		return err_set(err, ERR_INVALID, "another unit");
	if (text[skip])
		times = u256_of(words[i].times);
	if (u256_parse_dec(v, number, err) < 0)
		return -1;
	return u256_mul(v, v, &times) ? 0 : err_set(err, ERR_LIMIT, "too large");
}

static int parse_any(struct u256 *v, const struct param *p, const char *text, struct err *err)
{
	switch (p->unit) {
	case PARAM_PERC:
	case PARAM_PERC_ANY:
		return parse_percent(v, text, 4, err);
	case PARAM_PERCENT:
		return parse_percent(v, text, 0, err);
	case PARAM_ONE_IN:
		return parse_count(v, strncmp(text, "1/", 2) == 0 ? text + 2 : text, p->unit, err);
	case PARAM_LPT:
		return cli_amount(v, text, UNIT_LPT, err);
	case PARAM_ETH:
		return cli_amount(v, text, UNIT_ETH, err);
	case PARAM_BLOCKS:
	case PARAM_ROUNDS:
	case PARAM_SECONDS:
	case PARAM_COUNT:
		break;
	}
	return parse_count(v, text, p->unit, err);
}

int param_parse(struct u256 *v, const struct param *p, const char *text, struct err *err)
{
	struct u256 min = u256_of(p->min), max = u256_of(p->max);
	char lo[120], hi[120], is[120];
	struct err why;

	if (parse_any(v, p, text, &why) < 0)
		return err_set(err, ERR_INVALID, "%s cannot be \"%.40s\": write %s", p->name, text, example(p->unit));
	if (u256_bits(v) > 96 && p->max == 0)
		return err_set(err, ERR_LIMIT, "%s cannot be \"%.40s\": that is more than fits", p->name, text);
	if (u256_cmp(v, &min) >= 0 && (p->max == 0 || u256_cmp(v, &max) <= 0))
		return 0;
	if (p->max == 0)
		return err_set(err, ERR_LIMIT, "%s cannot be %s: at least %s", p->name, param_fmt(is, p, v),
			       param_fmt(lo, p, &min));
	return err_set(err, ERR_LIMIT, "%s cannot be %s: from %s to %s", p->name, param_fmt(is, p, v),
		       param_fmt(lo, p, &min), param_fmt(hi, p, &max));
}

static void fmt_seconds(char to[120], const struct u256 *v)
{
	static const struct {
		uint64_t s;
		const char *word;
	} parts[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
	uint64_t s = 0;
	size_t i;

	if (!u256_to_u64(&s, v)) {
		u256_fmt_dec(to, v);
		return;
	}
	for (i = 0; i < 3 && (s == 0 || s % parts[i].s); i++)
		;
	s /= parts[i].s;
	snprintf(to, 120, "%llu %s%s", (unsigned long long)s, parts[i].word, s == 1 ? "" : "s");
}

char *param_fmt(char to[120], const struct param *p, const struct u256 *v)
{
	char n[U256_DEC_MAX + 3];
	bool one = u256_cmp(v, &(struct u256){ { 1 } }) == 0;

	u256_fmt_dec(n, v);
	switch (p->unit) {
	case PARAM_BLOCKS:
		snprintf(to, 120, "%s block%s", n, one ? "" : "s");
		break;
	case PARAM_ROUNDS:
		snprintf(to, 120, "%s round%s", n, one ? "" : "s");
		break;
	case PARAM_SECONDS:
		fmt_seconds(to, v);
		break;
	case PARAM_COUNT:
		snprintf(to, 120, "%s", n);
		break;
	case PARAM_PERC:
	case PARAM_PERC_ANY:
		u256_fmt_fixed(n, v, 4);
		snprintf(to, 120, "%s%%", n);
		break;
	case PARAM_PERCENT:
		snprintf(to, 120, "%s%%", n);
		break;
	case PARAM_ONE_IN:
		snprintf(to, 120, "1 in %s", n);
		break;
	case PARAM_LPT:
		u256_fmt_fixed(n, v, 18);
		snprintf(to, 120, "%s LPT", n);
		break;
	case PARAM_ETH:
		u256_fmt_fixed(n, v, 18);
		snprintf(to, 120, "%s ETH", n);
		break;
	}
	return to;
}

const char *param_unit_name(enum param_unit u)
{
	switch (u) {
	case PARAM_BLOCKS: return "blocks";
	case PARAM_ROUNDS: return "rounds";
	case PARAM_SECONDS: return "seconds";
	case PARAM_COUNT: return "count";
	case PARAM_PERC:
	case PARAM_PERC_ANY: return "millionths";
	case PARAM_PERCENT: return "percent";
	case PARAM_ONE_IN: return "oneIn";
	case PARAM_LPT: return "lptWei";
	case PARAM_ETH: return "ethWei";
	}
	return "";
}

/* ---- the contracts ---- */

const struct bind_artifact *artifact_find(const char *contract)
{
	size_t i;

	for (i = 0; i < n_bind_artifacts; i++) {
		if (strcmp(bind_artifacts[i].name, contract) == 0)
			return &bind_artifacts[i];
	}
	return NULL;
}

const struct bind_function *artifact_function(const struct bind_artifact *a, const char *name)
{
	size_t i;

	for (i = 0; a && i < a->n_functions; i++) {
		if (strcmp(a->functions[i].name, name) == 0)
			return &a->functions[i];
	}
	return NULL;
}

static const struct bind_function *setter_of(const struct param *p)
{
	const struct bind_function *f =
		artifact_function(artifact_find(chain_contract_name(p->contract)), p->setter);

	assert(f);
	return f;
}

unsigned param_n_args(const struct param *p)
{
	return (unsigned)setter_of(p)->n_inputs;
}

void param_set_call(struct buf *data, const struct param *p, const struct u256 *args, size_t n_args)
{
	const struct bind_function *f = setter_of(p);
	struct abi_selector sel = abi_selector_of(f->signature);
	struct abi_args a;
	struct err err;
	size_t i;

	assert(n_args == f->n_inputs);
	abi_args_init(&a, n_args);
	for (i = 0; i < n_args; i++)
		abi_args_u256(&a, &args[i]);
	if (abi_args_end(&a, &sel, data, &err) < 0)
		data->failed = true;
}
