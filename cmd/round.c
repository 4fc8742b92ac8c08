#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "bind/controller.h"
#include "bind/rounds_manager.h"
#include "cmd/round.h"

#define MEAN_OF 100	/* blocks */

static void set(struct err *err, enum err_code code, const char *fmt, va_list ap)
{
	char msg[sizeof(err->msg)];

	vsnprintf(msg, sizeof(msg), fmt, ap);
	err_set(err, code, "%s", msg);
}

int cli_no(struct err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(err, ERR_DENIED, fmt, ap);
	va_end(ap);
	return 3;
}

int cli_wrong(struct err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(err, ERR_INVALID, fmt, ap);
	va_end(ap);
	return 2;
}

int cli_strange(struct err *err)
{
	if (!err->msg[0])
		err_set(err, ERR_INVALID, "the endpoint's answer does not say what the contracts tell");
	return 1;
}

/* ---- reading ---- */

enum { READ_STATE, READ_START, READ_LENGTH, READ_LOCK, READ_BLOCK, READ_LAST, READ_PAUSED, N_READS };
_Static_assert(N_READS == ROUND_READS, "round_ask adds them");

/* A number that is no amount: what does not fit 64 bits is a lie. */
static int to_u64(uint64_t *to, const struct u256 *v, const char *what, struct err *err)
{
	return u256_to_u64(to, v) ? 0 : err_set(err, ERR_INVALID, "RoundsManager: %s is absurdly large", what);
}

int round_take(struct round_now *r, const struct cli_reads *reads, size_t first, struct err *err)
{
	struct rounds_manager_current_round_start_block start;
	struct rounds_manager_last_initialized_round last;
	struct rounds_manager_round_lock_amount lock;
	struct rounds_manager_round_length length;
	struct rounds_manager_round_state state;
	struct rounds_manager_block_num block;
	struct controller_paused paused;

	if (CLI_DECODE(rounds_manager_round_state, &state, *reads, first + READ_STATE, err) < 0 ||
	    CLI_DECODE(rounds_manager_current_round_start_block, &start, *reads, first + READ_START, err) < 0 ||
	    CLI_DECODE(rounds_manager_round_length, &length, *reads, first + READ_LENGTH, err) < 0 ||
	    CLI_DECODE(rounds_manager_round_lock_amount, &lock, *reads, first + READ_LOCK, err) < 0 ||
	    CLI_DECODE(rounds_manager_block_num, &block, *reads, first + READ_BLOCK, err) < 0 ||
	    CLI_DECODE(rounds_manager_last_initialized_round, &last, *reads, first + READ_LAST, err) < 0 ||
	    CLI_DECODE(controller_paused, &paused, *reads, first + READ_PAUSED, err) < 0)
		return -1;
	if (to_u64(&r->round, &state.round, "the round", err) < 0 ||
	    to_u64(&r->start, &start.start, "its start", err) < 0 ||
	    to_u64(&r->length, &length.value, "roundLength", err) < 0 ||
	    to_u64(&r->lock_perc, &lock.value, "roundLockAmount", err) < 0 ||
	    to_u64(&r->block, &block.value, "the block", err) < 0 ||
	    to_u64(&r->last_initialized, &last.value, "the last round", err) < 0)
		return -1;
	/* Bounds by which nothing below can overflow. */
	if (r->length == 0 || r->length > UINT32_MAX || r->lock_perc > 1000000 || r->start > r->block ||
	    r->block > UINT64_MAX / 2 || r->round > UINT32_MAX)
		return err_set(err, ERR_INVALID, "RoundsManager: its answers do not fit one another");
	r->initialized = state.is_initialized;
	r->locked = state.locked;
	r->paused = paused.value;
	return 0;
}

static uint64_t pace_back(const struct cli *c)
{
	return c->head.number < MEAN_OF ? c->head.number : MEAN_OF;
}

void round_pace_params(char params[40], const struct cli *c)
{
	snprintf(params, 40, "[\"0x%llx\",false]", (unsigned long long)(c->head.number - pace_back(c)));
}

void round_take_pace(struct round_now *r, const struct cli *c, const struct rpc_reply *reply)
{
	uint64_t back = pace_back(c);
	struct eth_header then;
	struct err err;

	if (back > 0 && reply->result && rpc_header(&then, reply->result, &err) == 0 &&
	    then.timestamp < c->head.timestamp && c->head.timestamp - then.timestamp < 1000000000)
		r->block_ms = (c->head.timestamp - then.timestamp) * 1000 / back;
}

/* How long a block takes is a kindness: without it nothing is said of time. */
static void read_pace(struct cli *c, struct round_now *r)
{
	struct rpc_call call = { .method = "eth_getBlockByNumber" };
	struct rpc_reply reply = { 0 };
	char params[40];
	struct err err;

	round_pace_params(params, c);
	call.params = params;
	if (pace_back(c) == 0 || cli_rpc(c, &call, 1, &reply, &err) != 0)
		return;
	round_take_pace(r, c, &reply);
	rpc_reply_fini(&reply);
}

void round_ask(struct cli *c, struct cli_reads *reads)
{
	rounds_manager_round_state_call(cli_read(reads, c, CONTRACT_ROUNDS_MANAGER));
	rounds_manager_current_round_start_block_call(cli_read(reads, c, CONTRACT_ROUNDS_MANAGER));
	rounds_manager_round_length_call(cli_read(reads, c, CONTRACT_ROUNDS_MANAGER));
	rounds_manager_round_lock_amount_call(cli_read(reads, c, CONTRACT_ROUNDS_MANAGER));
	rounds_manager_block_num_call(cli_read(reads, c, CONTRACT_ROUNDS_MANAGER));
	rounds_manager_last_initialized_round_call(cli_read(reads, c, CONTRACT_ROUNDS_MANAGER));
	controller_paused_call(cli_read(reads, c, CONTRACT_CONTROLLER));
}

int round_read(struct cli *c, struct round_now *r, struct err *err)
{
	struct cli_reads reads = { 0 };
	int rc;

	memset(r, 0, sizeof(*r));
	round_ask(c, &reads);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && round_take(r, &reads, 0, err) < 0)
		rc = 1;
	cli_reads_fini(&reads);
	if (rc == 0)
		read_pace(c, r);
	return rc;
}

/* ---- what follows ---- */

uint64_t round_last_block(const struct round_now *r)
{
	return r->start + r->length - 1;
}

uint64_t round_lock_begins(const struct round_now *r)
{
	return r->start + r->length - r->length * r->lock_perc / 1000000;
}

uint64_t round_first_block(const struct round_now *r, uint64_t round)
{
	return r->start + (round - r->round) * r->length;
}

char *round_time(char to[60], const struct round_now *r, uint64_t blocks)
{
	uint64_t s = blocks * r->block_ms / 1000;

	*to = 0;
	if (r->block_ms == 0 || blocks == 0 || blocks > UINT64_MAX / (r->block_ms + 1))
		return to;
	if (s < 120)
		snprintf(to, 60, "about %llu s", (unsigned long long)(s ? s : 1));
	else if (s < 3600)
		snprintf(to, 60, "about %llu min", (unsigned long long)(s / 60));
	else if (s < 48 * 3600)
		snprintf(to, 60, "about %llu h %llu min", (unsigned long long)(s / 3600),
			 (unsigned long long)(s % 3600 / 60));
	else
		snprintf(to, 60, "about %llu days", (unsigned long long)(s / 86400));
	return to;
}

char *round_when(char to[120], const struct round_now *r, uint64_t round)
{
	uint64_t first;
	char time[60];

	if (round <= r->round) {
		snprintf(to, 120, "round %llu%s", (unsigned long long)round, round == r->round ? ", now" : "");
		return to;
	}
	first = round_first_block(r, round);
	round_time(time, r, first > r->block ? first - r->block : 0);
	snprintf(to, 120, "round %llu (block %llu%s%s)", (unsigned long long)round, (unsigned long long)first,
		 *time ? ", in " : "", time);
	return to;
}

int round_must_be_open(const struct round_now *r, struct err *err)
{
	if (r->paused)
		return cli_no(err, "the system is paused: only a vote starts it again (lpnode proposals)");
	if (!r->initialized)
		return cli_no(err, "round %llu is not initialised: run `lpnode initialize-round`",
			      (unsigned long long)r->round);
	return 0;
}

int round_read_open(struct cli *c, struct round_now *r, struct err *err)
{
	int rc = round_read(c, r, err);

	return rc == 0 ? round_must_be_open(r, err) : rc;
}

const struct eth_log *receipt_event(const struct eth_receipt *r, const struct cli *c, enum chain_contract contract,
				    const struct hash32 *topic, size_t i)
{
	const struct eth_log *l;
	size_t k;

	for (k = 0; k < r->logs.n; k++) {
		l = &r->logs.l[k];
		if (l->n_topics == 0 || memcmp(l->topics[0].b, topic->b, 32) != 0 ||
		    !eth_addr_equal(&l->address, &c->pin.contracts[contract]))
			continue;
		if (i-- == 0)
			return l;
	}
	return NULL;
}
