#ifndef LP_CMD_ROUND_H
#define LP_CMD_ROUND_H
#include <stdbool.h>
#include <stdint.h>
#include "cmd/cli.h"

/*
 * The round as the chain has it now, and what follows from it: when rounds begin and how long
 * that is about.  For the commands that tell people when something holds.
 */
struct round_now {
	uint64_t round, start, length;
	uint64_t lock_perc;		/* roundLockAmount */
	uint64_t block;			/* the newest */
	uint64_t last_initialized;
	bool initialized, locked, paused;
	uint64_t block_ms;		/* about, of the last hundred; 0: not known */
};
/* Exit code. */
int round_read(struct cli *c, struct round_now *r, struct err *err);
/* The same as a part of another batch.  Adds ROUND_READS reads, which stand from `first` on. */
#define ROUND_READS 7
void round_ask(struct cli *c, struct cli_reads *reads);
int round_take(struct round_now *r, const struct cli_reads *reads, size_t first, struct err *err);
/* Parameters of eth_getBlockByNumber by which round_take_pace learns how long blocks take. */
void round_pace_params(char params[40], const struct cli *c);
void round_take_pace(struct round_now *r, const struct cli *c, const struct rpc_reply *reply);

uint64_t round_last_block(const struct round_now *r);
uint64_t round_lock_begins(const struct round_now *r);	/* block */
/* First block of a round that is not over, if roundLength stays. */
uint64_t round_first_block(const struct round_now *r, uint64_t round);
/* "about 3 min", "about 2 h 10 min"; "" when not known or no block is left. */
char *round_time(char to[60], const struct round_now *r, uint64_t blocks);
/* "round 18 (block 901, in about 10 min)"; "round 17, now". */
char *round_when(char to[120], const struct round_now *r, uint64_t round);

/* Refused by a rule: fills err, returns exit code 3. */
int cli_no(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The command line is wrong: exit code 2. */
int cli_wrong(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What the chain answered cannot be: fills err, unless something more exact is there, returns 1. */
int cli_strange(struct err *err);
/* Exit code 3 when the system is paused or the round is not initialised. */
int round_must_be_open(const struct round_now *r, struct err *err);
int round_read_open(struct cli *c, struct round_now *r, struct err *err);	/* round_read, and that */
/* The i-th log of that contract with that topic; NULL. */
const struct eth_log *receipt_event(const struct eth_receipt *r, const struct cli *c,
				    enum chain_contract contract, const struct hash32 *topic, size_t i);
/* What a read answered, so that errors name it: exit code 1 with err from a failed decoding. */
#define CLI_DECODE(type, to, reads, i, err) \
	((reads).r[i].result ? type##_read(to, (reads).r[i].result, (reads).r[i].n, err) \
			     : err_set(err, ERR_INVALID, "%s: no answer", #type))

#endif
