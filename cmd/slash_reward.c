/* lpnode slash missed-reward. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bind/bonding_manager.h"
#include "bind/rounds_manager.h"
#include "cmd/args.h"
#include "cmd/commands.h"
#include "cmd/finding.h"
#include "cmd/round.h"
#include "cmd/tell.h"

#define ROUNDS_MAX 30		/* of one finding */
#define LOOK_BACK 120		/* rounds in which missed ones are looked for */

struct missed {
	const struct finding *f;
	struct u256 rounds[ROUNDS_MAX];
	size_t n;
};

static void call_missed(struct buf *data, const struct hash32 *salt, const void *arg)
{
	const struct missed *m = arg;

	bonding_manager_missed_reward_slash_call(data, &m->f->transcoder, m->rounds, m->n, salt);
}

/* keccak256(abi.encode(selector, transcoder, rounds)): bytes4 is a word, left-aligned. */
static struct hash32 missed_action(const struct missed *m)
{
	static const char signature[] = "missedRewardSlash(address,uint256[],bytes32)";
	struct abi_selector sel = abi_selector_of(signature);
	struct u256 offset = u256_of(96), n = u256_of(m->n);
	uint8_t word[32] = { 0 };
	struct abi_args a;
	size_t i;

	/* A list at the end: its offset, length and items are words, too. */
	abi_args_init(&a, 4 + m->n);
	memcpy(word, sel.b, 4);
	abi_args_word(&a, word);
	abi_args_addr(&a, &m->f->transcoder);
	abi_args_u256(&a, &offset);
	abi_args_u256(&a, &n);
	for (i = 0; i < m->n; i++)
		abi_args_u256(&a, &m->rounds[i]);
	return finding_hash(&a, NULL);
}

/* A number, and what stands behind it. */
static bool parse_round(uint64_t *v, const char **p)
{
	char *end;

	if (**p < '0' || **p > '9')
		return false;
	*v = strtoull(*p, &end, 10);
	*p = end;
	return *v <= UINT32_MAX;
}

/* "5-7", "5,6,8" */
static int parse_rounds(struct missed *m, const char *text, struct err *err)
{
	const char *p = text;
	uint64_t from, to;

	while (parse_round(&from, &p)) {
		to = from;
		if (*p == '-' && (p++, !parse_round(&to, &p)))
			break;
		if (to < from || to - from >= ROUNDS_MAX - m->n)
			break;
		for (; from <= to; from++)
			m->rounds[m->n++] = u256_of(from);
		if (*p == '\0')
			return 0;
		if (*p++ != ',')
			break;
	}
	return cli_wrong(err, "ROUNDS \"%.40s\": write them like 5-7 or 5,6,8, at most %d", text, ROUNDS_MAX);
}

/* Of a round: was it initialised, and was the transcoder to call reward() in it? */
struct round_state {
	uint64_t round;
	bool initialized, active;
};

static int read_states(struct round_state *s, size_t n, struct cli *c, const struct eth_addr *who, struct err *err)
{
	struct bonding_manager_is_active_transcoder_at active;
	struct rounds_manager_initialized_round initialized;
	struct cli_reads reads = { 0 };
	struct u256 round;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		round = u256_of(s[i].round);
		rounds_manager_initialized_round_call(cli_read(&reads, c, CONTRACT_ROUNDS_MANAGER), &round);
		bonding_manager_is_active_transcoder_at_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), who, &round);
	}
	rc = cli_read_all(c, &reads, false, err);
	for (i = 0; i < n && rc == 0; i++) {
		if (CLI_DECODE(rounds_manager_initialized_round, &initialized, reads, 2 * i, err) < 0 ||
		    CLI_DECODE(bonding_manager_is_active_transcoder_at, &active, reads, 2 * i + 1, err) < 0)
			rc = 1;
		s[i].initialized = initialized.value;
		s[i].active = active.value;
	}
	cli_reads_fini(&reads);
	return rc;
}

/* Tries each run of k rounds in a row, oldest first: which were punished already is not told by
 * any view. */
static int try_runs(struct missed *m, struct cli *c, const uint64_t *rounds, size_t n, size_t k, bool *found,
		    struct err *err)
{
	static const struct hash32 none;
	struct cli_reads reads = { 0 };
	size_t i, at;
	int rc;

	*found = false;
	for (at = 0; at + k <= n; at++) {
		for (i = 0; i < k; i++)
			m->rounds[i] = u256_of(rounds[at + i]);
		m->n = k;
		call_missed(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), &none, m);
	}
	rc = reads.n ? cli_read_all(c, &reads, true, err) : 0;
	for (at = 0; at < reads.n && rc == 0 && !*found; at++) {
		if (reads.r[at].error)
			continue;
		*found = true;
		for (i = 0; i < k; i++)
			m->rounds[i] = u256_of(rounds[at + i]);
	}
	cli_reads_fini(&reads);
	return rc;
}

struct missed_rules {
	uint64_t in_a_row, last_reward;
};

static int read_missed_rules(struct missed_rules *q, struct cli *c, const struct eth_addr *who, struct err *err)
{
	struct bonding_manager_get_transcoder_info info;
	struct bonding_manager_missed_reward_rounds k;
	struct cli_reads reads = { 0 };
	int rc;

	bonding_manager_missed_reward_rounds_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_get_transcoder_info_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), who);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && (CLI_DECODE(bonding_manager_missed_reward_rounds, &k, reads, 0, err) < 0 ||
			CLI_DECODE(bonding_manager_get_transcoder_info, &info, reads, 1, err) < 0))
		rc = 1;
	cli_reads_fini(&reads);
	if (rc != 0)
		return rc;
	q->in_a_row = k.value.w[0];
	q->last_reward = info.value.last_reward_round;
	if (q->in_a_row == 0 || q->in_a_row > ROUNDS_MAX)
		return cli_no(err, "missedRewardRounds is %" PRIu64 ": more than this command knows", q->in_a_row);
	return 0;
}

static int find_missed(struct missed *m, struct cli *c, const struct round_now *r, struct err *err)
{
	struct round_state s[LOOK_BACK];
	uint64_t run[LOOK_BACK], first, round;
	struct missed_rules q = { 0 };
	size_t n = 0, n_run = 0, missed = 0, i;
	bool found = false;
	int rc = read_missed_rules(&q, c, &m->f->transcoder, err);

	if (rc != 0)
		return rc;
	first = r->round > LOOK_BACK ? r->round - LOOK_BACK : 1;
	first = q.last_reward + 1 > first ? q.last_reward + 1 : first;
	for (round = first; round < r->round; round++)
		s[n++] = (struct round_state) { .round = round };
	rc = n ? read_states(s, n, c, &m->f->transcoder, err) : 0;
	/* An initialised round in which it was not active ends a run; others do not count. */
	for (i = 0; rc == 0 && !found && i <= n; i++) {
		if (i < n && !s[i].initialized)
			continue;
		if (i < n && s[i].active) {
			run[n_run++] = s[i].round;
			missed++;
			continue;
		}
		rc = try_runs(m, c, run, n_run, q.in_a_row, &found, err);
		n_run = 0;
	}
	if (rc != 0 || found)
		return rc;
	return cli_no(err, "nothing to show: slashed are %" PRIu64 " initialised rounds in a row, active and without reward; since "
		      "round %" PRIu64 " it missed %zu that are over (those punished already count once)", q.in_a_row,
		      q.last_reward, missed);
}

static void name_rounds(struct finding *f, const struct missed *m)
{
	uint64_t list[ROUNDS_MAX];
	char text[60];
	size_t i;

	for (i = 0; i < m->n; i++)
		list[i] = m->rounds[i].w[0];
	fmt_sequences(text, sizeof(text), list, m->n);
	snprintf(f->what, sizeof(f->what), "missed rewards of rounds %s", text);
}

static int run_missed_reward(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct finding f = { .perc = 0 };
	struct missed m = { .f = &f };
	char key[JOURNAL_KEY_MAX], who[43];
	struct round_now r;
	int rc = addr_arg(c, &f.transcoder, args[0], "TRANSCODER", err);

	if (rc == 0 && n_args > 1)
		rc = parse_rounds(&m, args[1], err);
	if (rc == 0)
		rc = round_read_open(c, &r, err);
	if (rc == 0)
		rc = finding_read(&f, FINDING_MISSED_REWARD, c, err);
	if (rc == 0 && m.n == 0)
		rc = find_missed(&m, c, &r, err);
	if (rc != 0)
		return rc;
	f.action = missed_action(&m);
	name_rounds(&f, &m);
	eth_addr_fmt(who, &f.transcoder);
	snprintf(key, sizeof(key), "slash-reward/%s/%" PRIu64, who, m.rounds[0].w[0]);
	rc = finding_send(c, &f, CONTRACT_BONDING_MANAGER, call_missed, &m, key, err);
	if (rc == 0) {
		json_t *list = json_array();
		size_t i;

		for (i = 0; i < m.n; i++)
			json_array_append_new(list, json_integer((json_int_t)m.rounds[i].w[0]));
		json_field(c, "rounds", list);
	}
	return rc;
}

static const struct cli_command commands[] = {
	{ .name = "slash missed-reward", .args = "TRANSCODER [ROUNDS]", .help = "show that a transcoder did not call reward",
	  .group = "Finders", .min_args = 1, .max_args = 2, .need = CLI_KEY, .run = run_missed_reward },
};
const struct cli_commands slash_reward_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
