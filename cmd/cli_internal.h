#ifndef LP_CMD_CLI_INTERNAL_H
#define LP_CMD_CLI_INTERNAL_H
#include "cmd/cli.h"

/* Between the files of the frame (cmd/cli_*.c) and its tests; commands use cmd/cli.h. */

/* ---- cli_flags.c ---- */
/* The flags of a command: the common ones in a struct cli_config, its own behind it. */
struct cli_flags {
	struct opt *table;
	size_t n;
	void *values;		/* struct cli_config first */
	void *own;		/* opts_size bytes within values */
	char **args;		/* no flags */
	size_t n_args;
	char *joined[8];	/* "1.5" "LPT" given as two words; owned */
	size_t n_joined;
};
/* argv[0] is the command's last word. */
int cli_flags_parse(struct cli_flags *f, const struct cli_command *cmd, int argc, char **argv, char **env,
		    struct err *err);
void cli_flags_fini(struct cli_flags *f);
/* The common flags and a command's own. */
size_t cli_flags_table(struct opt **table, const struct cli_command *cmd);
/* What -network says, into what was not given.  c->devnet is set. */
int cli_fill_network(struct cli *c, struct cli_config *o, struct err *err);

/* ---- cli_key.c: each returns an exit code ---- */
int cli_find_account(struct cli *c, bool must_be_known, struct err *err);
int cli_open_key(struct cli *c, struct err *err);

/* ---- cli_chain.c: each returns an exit code ---- */
int cli_connect(struct cli *c, struct err *err);
int cli_open_store(struct cli *c, struct err *err);
void cli_disconnect(struct cli *c);
/* Runs the loop until *done. */
void cli_run_until(struct cli *c, const bool *done);
void cli_replies_fini(struct rpc_reply *r, size_t n);
/* Did the call revert (else: did the endpoint not do it)? */
bool cli_is_revert(const struct rpc_reply *r);
/* What a refused call says, in words. */
int cli_refused(const struct rpc_reply *r, const char *what, struct err *err);

/* ---- cli_read.c ---- */
/* "{"from":...,"to":...,"data":...}" of a call or transaction; from NULL: nobody. */
struct cli_plan_tx;
void cli_add_call(struct buf *b, const struct eth_addr *from, const struct cli_plan_tx *tx);

/* ---- cli_plan.c ---- */
/* -maxGasPrice and the least tip. */
int cli_fee_policy(struct fee_policy *p, const struct cli *c, struct err *err);
/* Simulates, and tells what happens and what it costs.  Exit code; also 3 when the account has not
 * enough. */
int cli_tell_plan(struct cli *c, struct cli_plan *plan, struct err *err);

/* ---- cli_send.c ---- */
struct cli_wait_result {
	struct tx_info tx;
	bool timed_out;		/* or interrupted */
};
/* Waits for a transaction of the journal that is there, with a progress line, as long as
 * -waitTx says.  Exit code; r->tx is filled on 0, 3, 4 and 5. */
int cli_wait_tx(struct cli *c, uint64_t id, struct cli_wait_result *r, struct err *err);
/* "Send?", unless --yes.  Exit code. */
int cli_ask_to_send(struct cli *c, struct err *err);
json_t *cli_json_tx(const struct tx_info *tx);

/* ---- cli_asked.c: what a command that was cut off has asked of the journal; exit codes ---- */
#define ASKED_MAX 32
struct cli_asked {
	char key[ASKED_MAX][JOURNAL_KEY_MAX + 1];
	size_t n;
	bool whole;		/* the last one is its plan's last */
};
/* c->asked, as it was before this run. */
int cli_asked_read(struct cli *c, struct err *err);
bool cli_asked_has(const struct cli_asked *a, const char *key);
/* Before the journal is asked.  last: of its plan. */
int cli_asked_add(struct cli *c, const char *key, bool last, struct err *err);
/* After what is told was written out; well: exit code 0. */
void cli_asked_end(struct cli *c, bool well);

/* ---- cli_sentences.c ---- */
/* A custom error by its name; of one name there may be two, with other values. */
struct cli_sentence {
	const char *name, *text;
};
const struct cli_sentence *cli_sentence_at(size_t i);	/* NULL: no more */

/* ---- cli_fmt.c ---- */
/* Printable, valid UTF-8; what is not becomes '?'.  Newlines stay when lines. */
void cli_add_clean(struct buf *b, const char *text, bool lines);

#endif
