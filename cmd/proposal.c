#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "cmd/call_text.h"
#include "cmd/cli_internal.h"
#include "cmd/proposal.h"

typedef unsigned long long ull;

#define TEXT_MAX (1 << 20)
#define PREFIX_MIN 4	/* digits */

/* ---- reading ---- */

void proposals_fini(struct proposals *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		livepeer_governor_proposal_created_event_fini(&l->p[i].e);
	free(l->p);
	memset(l, 0, sizeof(*l));
}

/* Lists that do not fit one another, or rounds that are none: not our Governor's. */
static int check(struct proposal *p, struct err *err)
{
	if (p->e.n_values != p->e.n_targets || p->e.n_calldatas != p->e.n_targets || p->e.n_targets == 0 ||
	    !u256_to_u64(&p->snapshot, &p->e.vote_start) || !u256_to_u64(&p->deadline, &p->e.vote_end) ||
	    p->snapshot > p->deadline || p->deadline > UINT64_MAX / 2)
		return err_set(err, ERR_INVALID, "LivepeerGovernor: a proposal that is none");
	u256_fmt_dec(p->id, &p->e.proposal_id);
	p->description_hash = hash_keccak256(p->e.description, strlen(p->e.description));
	return 0;
}

static int take_logs(struct proposals *l, const struct eth_logs *logs, size_t first, struct err *err)
{
	struct proposal *p;
	size_t i;

	l->p = xcalloc(logs->n - first + 1, sizeof(*l->p));
	for (i = first; i < logs->n; i++) {
		p = &l->p[l->n];
		if (livepeer_governor_proposal_created_event_read(&p->e, &logs->l[i], err) < 0)
			return -1;
		l->n++;
		if (check(p, err) < 0)
			return -1;
	}
	return 0;
}

enum { READ_STATE, READ_VOTES, READ_ETA, READ_QUORUM, READ_VOTED, N_READS };

static void ask(struct cli *c, struct cli_reads *reads, const struct proposal *p)
{
	const enum chain_contract g = CONTRACT_LIVEPEER_GOVERNOR;
	const struct u256 *id = &p->e.proposal_id;

	livepeer_governor_state_call(cli_read(reads, c, g), id);
	livepeer_governor_proposal_votes_call(cli_read(reads, c, g), id);
	livepeer_governor_proposal_eta_call(cli_read(reads, c, g), id);
	livepeer_governor_quorum_call(cli_read(reads, c, g), &p->e.vote_start);
	livepeer_governor_has_voted_call(cli_read(reads, c, g), id, &c->account);
}

static int decode(struct proposal *p, const struct cli_reads *reads, size_t at, struct err *err)
{
	struct livepeer_governor_proposal_votes votes;
	struct livepeer_governor_proposal_eta eta;
	struct livepeer_governor_has_voted voted;
	struct livepeer_governor_quorum quorum;
	struct livepeer_governor_state state;

	if (CLI_DECODE(livepeer_governor_state, &state, *reads, at + READ_STATE, err) < 0 ||
	    CLI_DECODE(livepeer_governor_proposal_votes, &votes, *reads, at + READ_VOTES, err) < 0 ||
	    CLI_DECODE(livepeer_governor_proposal_eta, &eta, *reads, at + READ_ETA, err) < 0 ||
	    CLI_DECODE(livepeer_governor_has_voted, &voted, *reads, at + READ_VOTED, err) < 0)
		return -1;
	if (state.value >= N_PROPOSAL_STATES || !u256_to_u64(&p->eta, &eta.value) || p->eta > UINT32_MAX * 100ull)
		return err_set(err, ERR_INVALID, "LivepeerGovernor: a state that is none");
	/* It reverts until the round is over. */
	p->has_quorum = reads->r[at + READ_QUORUM].result &&
			CLI_DECODE(livepeer_governor_quorum, &quorum, *reads, at + READ_QUORUM, err) == 0;
	if (p->has_quorum)
		p->quorum = quorum.value;
	p->state = (enum proposal_state)state.value;
	p->votes[0] = votes.against_votes;
	p->votes[1] = votes.for_votes;
	p->votes[2] = votes.abstain_votes;
	p->voted = voted.value;
	return 0;
}

static int read_states(struct cli *c, struct proposals *l, struct err *err)
{
	struct cli_reads reads = { 0 };
	size_t i;
	int rc = 0;

	for (i = 0; i < l->n; i++)
		ask(c, &reads, &l->p[i]);
	if (l->n > 0)
		rc = cli_read_all(c, &reads, true, err);
	for (i = 0; rc == 0 && i < l->n; i++) {
		if (decode(&l->p[i], &reads, i * N_READS, err) < 0)
			rc = 1;
	}
	cli_reads_fini(&reads);
	return rc;
}

int proposals_read(struct cli *c, struct proposals *l, uint64_t from, size_t *older, struct err *err)
{
	const struct hash32 *topics[4] = { livepeer_governor_proposal_created_topic() };
	struct eth_logs logs = { 0 };
	int rc;

	memset(l, 0, sizeof(*l));
	rc = cli_logs(c, &c->pin.contracts[CONTRACT_LIVEPEER_GOVERNOR], topics, from, c->head.number, &logs, err);
	if (rc != 0)
		return rc;
	*older = logs.n > PROPOSALS_MAX ? logs.n - PROPOSALS_MAX : 0;
	rc = take_logs(l, &logs, *older, err) < 0 ? 1 : read_states(c, l, err);
	eth_logs_fini(&logs);
	if (rc != 0)
		proposals_fini(l);
	return rc;
}

uint64_t proposals_since(const struct round_now *r)
{
	uint64_t back = PROPOSAL_ROUNDS * r->length;

	return r->start > back ? r->start - back : 0;
}

/* ---- finding one ---- */

/* How many ids begin so; *i is one of them. */
static size_t count_matches(const struct proposals *l, const char *id, bool whole, size_t *i)
{
	size_t n = 0, k;

	for (k = 0; k < l->n; k++) {
		if (whole ? strcmp(l->p[k].id, id) != 0 : strncmp(l->p[k].id, id, strlen(id)) != 0)
			continue;
		*i = k;
		n++;
	}
	return n;
}

static int parse_id(char id[U256_DEC_MAX], bool *whole, const char *text, struct err *err)
{
	size_t len = strlen(text);
	struct u256 v;
	struct err why;

	*whole = strncmp(text, "0x", 2) == 0;
	if (*whole) {
		if (u256_parse_hex(&v, text, &why) < 0)
			return cli_wrong(err, "PROPOSAL \"%.80s\" is no number: write what lpnode proposals shows", text);
		u256_fmt_dec(id, &v);
		return 0;
	}
	if (len < PREFIX_MIN || strspn(text, "0123456789") != len || len >= U256_DEC_MAX)
		return cli_wrong(err, "PROPOSAL cannot be \"%.80s\": write its number as lpnode proposals shows it, or the "
				 "first digits (%d or more)", text, PREFIX_MIN);
	memcpy(id, text, len + 1);
	*whole = len >= 70;
	return 0;
}

int proposal_find(struct cli *c, struct proposals *l, size_t *i, const char *text, const struct round_now *r,
		  struct err *err)
{
	uint64_t from[2] = { proposals_since(r), 0 };
	char id[U256_DEC_MAX];
	size_t older, n = 0, k;
	bool whole;
	int rc = parse_id(id, &whole, text, err);

	memset(l, 0, sizeof(*l));
	for (k = 0; rc == 0 && n == 0 && k < (from[0] ? 2 : 1); k++) {
		proposals_fini(l);
		rc = proposals_read(c, l, from[k], &older, err);
		if (rc == 0)
			n = count_matches(l, id, whole, i);
	}
	if (rc != 0 || n == 1)
		return rc;
	proposals_fini(l);
	if (n > 1)
		return cli_wrong(err, "%zu proposals begin with %s: write more digits", n, id);
	return cli_no(err, "there is no proposal %s: lpnode proposals lists them", id);
}

/* ---- words ---- */

static const char *const state_names[] = { "pending", "active", "canceled", "defeated",
					   "succeeded", "queued", "expired", "executed" };

const char *proposal_state_name(enum proposal_state s)
{
	return state_names[s];
}

/* Enough votes, as far as is known? */
static bool has_quorum(const struct proposal *p)
{
	struct u256 sum;

	return p->has_quorum && u256_add(&sum, &p->votes[1], &p->votes[2]) && u256_cmp(&sum, &p->quorum) >= 0;
}

static void queued_words(char to[300], const struct proposal *p, const struct cli *c)
{
	char from[25], head[25];

	clock_fmt_utc(from, (int64_t)p->eta * 1000);
	clock_fmt_utc(head, (int64_t)c->head.timestamp * 1000);
	if (p->eta <= c->head.timestamp)
		snprintf(to, 300, "adopted and queued; it can be executed");
	else
		snprintf(to, 300, "adopted and queued; it can be executed in a block from %.19sZ on (the newest is of %.19sZ)",
			 from, head);
}

char *proposal_words(char to[300], const struct proposal *p, const struct cli *c, const struct round_now *r)
{
	char when[120];

	switch (p->state) {
	case PROPOSAL_PENDING:
		snprintf(to, 300, "pending: voting begins in %s", round_when(when, r, p->snapshot + 1));
		break;
	case PROPOSAL_ACTIVE:
		snprintf(to, 300, "voting goes on until round %llu ends; it is decided in %s", (ull)p->deadline,
			 round_when(when, r, p->deadline + 1));
		break;
	case PROPOSAL_CANCELED:
		snprintf(to, 300, "taken back by who proposed it");
		break;
	case PROPOSAL_DEFEATED:
		snprintf(to, 300, "not adopted: %s", has_quorum(p) ? "not more votes for than against" :
			 "fewer votes than the quorum");
		break;
	case PROPOSAL_SUCCEEDED:
		snprintf(to, 300, "adopted; to be queued");
		break;
	case PROPOSAL_QUEUED:
		queued_words(to, p, c);
		break;
	case PROPOSAL_EXPIRED:
		snprintf(to, 300, "adopted, but not executed in time");
		break;
	case PROPOSAL_EXECUTED:
		snprintf(to, 300, "adopted and executed");
		break;
	case N_PROPOSAL_STATES:
		*to = 0;
	}
	return to;
}

/* What can be done next: "lpnode queue 123". */
static char *next_step(char to[200], const struct proposal *p, const struct cli *c)
{
	*to = 0;
	if (p->state == PROPOSAL_ACTIVE && !p->voted)
		snprintf(to, 200, "lpnode vote %.12s for|against|abstain", p->id);
	if (p->state == PROPOSAL_SUCCEEDED)
		snprintf(to, 200, "lpnode queue %.12s", p->id);
	if (p->state == PROPOSAL_QUEUED && p->eta <= c->head.timestamp)
		snprintf(to, 200, "lpnode execute %.12s", p->id);
	return to;
}

static void say_call(struct cli *c, const struct proposal *p, size_t i)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	call_text(&b, c, &p->e.targets[i], &p->e.values[i], p->e.calldatas[i].p, p->e.calldatas[i].n);
	cli_say(c, "  %-10s %s", i == 0 ? "does" : "", buf_cstr(&b));
	buf_fini(&b);
}

static void say_calls(struct cli *c, const struct proposal *p)
{
	size_t i;

	for (i = 0; i < p->e.n_targets; i++)
		say_call(c, p, i);
}

static void say_votes(struct cli *c, const struct proposal *p)
{
	char for_[100], against[100], abstain[100], quorum[100];

	if (p->state == PROPOSAL_PENDING)
		return;
	cli_say(c, "  %-10s for %s, against %s, abstaining %s", "votes", cli_fmt_amount(for_, &p->votes[1], UNIT_LPT),
		cli_fmt_amount(against, &p->votes[0], UNIT_LPT), cli_fmt_amount(abstain, &p->votes[2], UNIT_LPT));
	if (p->has_quorum)
		cli_say(c, "  %-10s %s, for and abstaining together: %s", "quorum",
			cli_fmt_amount(quorum, &p->quorum, UNIT_LPT), has_quorum(p) ? "reached" : "not reached");
}

/* What a stranger wrote need not be UTF-8, which JSON must be. */
static json_t *text_json(const char *text)
{
	json_t *j = json_string(text);
	struct buf b;

	if (j)
		return j;
	buf_init(&b, TEXT_MAX);
	cli_add_clean(&b, text, true);
	j = json_string(buf_cstr(&b));
	buf_fini(&b);
	return j;
}

/* On one line, whatever it has. */
static char *one_line(const char *text)
{
	char *line = xstrdup(text), *p;

	for (p = line; *p; p++) {
		if (*p == '\n' || *p == '\r' || *p == '\t')
			*p = ' ';
	}
	return line;
}

void proposal_show(struct cli *c, const struct proposal *p, const struct round_now *r)
{
	char words[300], next[200], addr[43], *line = one_line(p->e.description);

	eth_addr_fmt(addr, &p->e.proposer);
	cli_say(c, "proposal %s", p->id);
	cli_say(c, "  %-10s %s", "says", line);
	cli_say(c, "  %-10s %s", "by", addr);
	say_calls(c, p);
	cli_say(c, "  %-10s %s", "state", proposal_words(words, p, c, r));
	say_votes(c, p);
	if (c->has_account && p->voted)
		cli_say(c, "  %-10s your votes are cast", "");
	if (*next_step(next, p, c))
		cli_say(c, "  %-10s %s", "next step", next);
	free(line);
}

static json_t *call_json(const struct cli *c, const struct proposal *p, size_t i)
{
	const struct bind_bytes *data = &p->e.calldatas[i];
	const char *name = contract_name_at(c, &p->e.targets[i]);
	json_t *j = json_object();
	char *hex = xmalloc(2 * data->n + 1);
	struct buf b;

	buf_init(&b, TEXT_MAX);
	call_text(&b, c, &p->e.targets[i], &p->e.values[i], data->p, data->n);
	hex_fmt(hex, data->p, data->n);
	json_object_set_new(j, "target", cli_json_addr(&p->e.targets[i]));
	json_object_set_new(j, "contract", name ? json_string(name) : json_null());
	json_object_set_new(j, "value", cli_json_amount(&p->e.values[i]));
	json_object_set_new(j, "calldata", json_sprintf("0x%s", hex));
	json_object_set_new(j, "text", text_json(buf_cstr(&b)));
	buf_fini(&b);
	free(hex);
	return j;
}

json_t *proposal_json(const struct cli *c, const struct proposal *p, const struct round_now *r)
{
	json_t *j = json_object(), *calls = json_array();
	char words[300], next[200];
	size_t i;

	for (i = 0; i < p->e.n_targets; i++)
		json_array_append_new(calls, call_json(c, p, i));
	json_object_set_new(j, "id", json_string(p->id));
	json_object_set_new(j, "proposer", cli_json_addr(&p->e.proposer));
	json_object_set_new(j, "description", text_json(p->e.description));
	json_object_set_new(j, "calls", calls);
	json_object_set_new(j, "state", json_string(proposal_state_name(p->state)));
	json_object_set_new(j, "words", json_string(proposal_words(words, p, c, r)));
	json_object_set_new(j, "snapshotRound", json_integer((json_int_t)p->snapshot));
	json_object_set_new(j, "deadlineRound", json_integer((json_int_t)p->deadline));
	json_object_set_new(j, "forVotes", cli_json_amount(&p->votes[1]));
	json_object_set_new(j, "againstVotes", cli_json_amount(&p->votes[0]));
	json_object_set_new(j, "abstainVotes", cli_json_amount(&p->votes[2]));
	json_object_set_new(j, "quorum", p->has_quorum ? cli_json_amount(&p->quorum) : json_null());
	json_object_set_new(j, "quorumReached", json_boolean(has_quorum(p)));
	json_object_set_new(j, "eta", p->eta ? json_integer((json_int_t)p->eta) : json_null());
	json_object_set_new(j, "voted", c->has_account ? json_boolean(p->voted) : json_null());
	json_object_set_new(j, "nextStep", *next_step(next, p, c) ? json_string(next) : json_null());
	return j;
}

int proposal_show_one(struct cli *c, const char *text, const struct round_now *r, struct err *err)
{
	struct proposals l;
	size_t i;
	int rc = proposal_find(c, &l, &i, text, r, err);

	if (rc != 0)
		return rc;
	proposal_show(c, &l.p[i], r);
	json_object_set_new(c->out, "proposal", proposal_json(c, &l.p[i], r));
	proposals_fini(&l);
	return 0;
}

int proposal_tell(struct cli *c, const struct u256 *id, struct err *err)
{
	struct rpc_call call = { "eth_getBlockByNumber", "[\"latest\",false]" };
	struct rpc_reply reply;
	char text[U256_DEC_MAX];
	struct round_now r;
	int rc;

	rc = cli_rpc(c, &call, 1, &reply, err);
	if (rc == 0 && (!reply.result || rpc_header(&c->head, reply.result, err) < 0))
		rc = cli_strange(err);
	rpc_reply_fini(&reply);
	if (rc == 0)
		rc = round_read(c, &r, err);
	u256_fmt_hex(text, id);
	return rc == 0 ? proposal_show_one(c, text, &r, err) : rc;
}
