#ifndef LP_CMD_CLI_H
#define LP_CMD_CLI_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <jansson.h>
#include <uv.h>
#include "base/buf.h"
#include "base/opt.h"
#include "base/sig.h"
#include "base/u256.h"
#include "eth/answer.h"
#include "node/chain/journal.h"
#include "node/chain/pin.h"
struct err;
struct devnet;

/*
 * What the chain commands (lpnode bond, lpnode transcoders, ...) have in common.  A command
 * is one thing after another: the functions below run the loop until what they wait for is
 * there, within a deadline.  One thread.
 *
 * Exit codes: 0 done; 1 the machine or the network; 2 the command line; 3 refused: by a
 * contract, by a rule told in words, or by the person asked; 4 sent, but failed on chain; 5 sent, not mined
 * while it was waited for (lpnode tx wait goes on).
 */

/* ---- one command ---- */
enum cli_need {
	CLI_NOTHING,	/* no network */
	CLI_CHAIN,	/* rpc, pin, head */
	CLI_ACCOUNT,	/* and account: the one asked for, or the keystore's only one; no password */
	CLI_KEY,	/* and key, store, journal: the password was right */
	CLI_LOCAL_KEY,	/* account and key, no network */
	CLI_STORE,	/* chain, account, store and a journal that only looks; no password (tx list) */
	CLI_DEPLOY,	/* as CLI_KEY, but there is no Controller yet: pin has chain id and genesis */
};

struct cli;

struct cli_command {
	const char *name;	/* "bond", "job create" */
	const char *args;	/* of its usage line: "AMOUNT [--to ADDR]" */
	const char *help;	/* one line */
	const char *group;	/* heading in lpnode --help: "Delegators", ... */
	unsigned min_args, max_args;
	enum cli_need need;
	/* Flags of its own beside the common ones; fields lie in a zeroed struct of opts_size */
	const struct opt *opts;
	size_t n_opts, opts_size;
	/* Returns an exit code with err filled unless 0. */
	int (*run)(struct cli *c, char **args, size_t n_args, void *opts, struct err *err);
};
/* Each file of commands has a table; cmd/cli_main.c lists the tables. */
struct cli_commands {
	const struct cli_command *c;
	size_t n;
};
/* argv from the first word of the command on.  Flags and arguments in any order; -h, --help
 * of a command; a wrong command word suggests the nearest. */
int cli_main(int argc, char **argv);
/* Is this the first word of a chain command? */
bool cli_knows(const char *word);
/* The command or first word that somebody who typed this may have meant; NULL: none. */
const char *cli_nearest(const char *word);
void cli_print_commands(FILE *to);		/* by group, for lpnode --help */
void cli_print_markdown(FILE *to);		/* for docs/cli.md: usage, flags */

/* Common flags: the table is in cmd/cli_flags.c.  -network devnet -devnetDir DIR fills what is
 * not given from DIR/devnet.json: rpc, chain id, controller, and for an account its keystore
 * and password file. */
extern const struct opt cli_common_opts[];
extern const size_t n_cli_common_opts;
struct cli_config {
	char *eth_url;			/* -ethUrl URL,URL */
	char *controller;		/* -ethController ADDR */
	char *keystore;			/* -ethKeystorePath FILE|DIR; default DATADIR/keystore */
	char *account;			/* -ethAcctAddr ADDR */
	char *password_file;		/* -ethPasswordFile FILE; else asked at the terminal */
	char *network, *devnet_dir;	/* -network devnet -devnetDir DIR (./devnet) */
	uint64_t chain_id;		/* -chainId N; 0: what the endpoint says */
	char *datadir;			/* -datadir DIR */
	char *max_gas_price;		/* -maxGasPrice "200 gwei" */
	uint64_t confirmations;		/* -confirmations N; 0: 1 on a chain whose id is 31337 or 1337, else 12 */
	uint64_t wait_ms;		/* -waitTx TIME: how long to wait for a transaction; 10m */
	bool legacy_tx;			/* -legacyTx */
	bool json, yes, help;		/* --json, --yes, --help */
	char *verbosity;		/* -v, warn */
	char *config_file;		/* -config FILE */
};

struct cli {
	struct cli_config o;
	uv_loop_t loop;
	struct rpc *rpc;
	struct chain_pin pin;
	struct eth_header head;		/* of the start */
	struct eth_addr account;
	bool has_account;
	char *keystore_file;		/* of account, when it is known; owned */
	struct sig_key *key;
	struct store *store;
	struct journal *journal;
	struct devnet *devnet;		/* NULL: another network */
	json_t *out;			/* the JSON object being made */
	struct cli_asked *asked;	/* of those cut off before; NULL: nothing was sent */
	char *heard;			/* the journal's key that tx wait tells of; owned */
	const struct cli_command *command;
	bool tty;			/* stdout is a terminal */
};

#define CLI_ANSWER_MS 30000	/* for one batch, whatever endpoints are tried */

/* ---- reading contracts: one batch, one round trip ---- */
#define CLI_READS_MAX 16384
struct cli_read {
	struct eth_addr to;
	struct buf data;		/* selector and arguments: a binding's _call fills it */
	uint8_t *result;		/* after cli_read_all; NULL when it reverted */
	size_t n;
	struct rpc_reply *error;	/* when it reverted: owned */
};
struct cli_reads {
	struct cli_read *r;
	size_t n, room;
};
/* Adds a call to a contract and returns its data buffer, good until the next is added; results
 * stand in the order of adding:
 *	bonding_manager_get_delegator_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), &addr);
 */
struct buf *cli_read(struct cli_reads *r, const struct cli *c, enum chain_contract to);
struct buf *cli_read_at(struct cli_reads *r, const struct eth_addr *to);
/* At block "latest", in batches of RPC_BATCH_MAX.  Exit code; a revert of one call is an error
 * in words unless may_revert. */
int cli_read_all(struct cli *c, struct cli_reads *r, bool may_revert, struct err *err);
/* Reads and n other calls, all in one batch: at most RPC_BATCH_MAX.  Exit code; then replies are
 * the caller's to fini, each with its own result or error.  Reads that revert are an error. */
int cli_read_with(struct cli *c, struct cli_reads *r, const struct rpc_call *more, size_t n,
		  struct rpc_reply *replies, struct err *err);
void cli_reads_fini(struct cli_reads *r);
/* Any JSON-RPC calls in one batch; replies are the caller's to fini. */
int cli_rpc(struct cli *c, const struct rpc_call *calls, size_t n, struct rpc_reply *replies,
	    struct err *err);
/* eth_getLogs over blocks from..to of a contract in as many requests as it takes; topics: up
 * to 4, NULL: any. */
int cli_logs(struct cli *c, const struct eth_addr *address, const struct hash32 *const topics[4],
	     uint64_t from, uint64_t to, struct eth_logs *logs, struct err *err);

/* ---- sending ---- */
#define CLI_PLAN_MAX 16
struct cli_plan_tx {
	char *what;			/* "approve 100 LPT for BondingManager".  Owned */
	struct eth_addr to;
	struct u256 value;
	struct buf data;
	bool creates;
	uint64_t gas;			/* 0: estimated */
	/* The intent's key without account and count: "bond/0x...".  Two runs of a command while
	 * the first is under way, or was cut off before it told the end, are the same intent;
	 * afterwards a new one.  What begins with "approve/" is used up by what comes behind it.
	 * Owned */
	char *key;
};
struct cli_plan {
	struct cli_plan_tx tx[CLI_PLAN_MAX];	/* in order; each is sent when the one before is done */
	size_t n;
	struct buf says;	/* lines for people: what happens, what the state will be */
};
struct cli_plan_tx *cli_plan_add(struct cli_plan *p, const struct cli *c, enum chain_contract to,
				 const char *key, const char *what_fmt, ...)
	__attribute__((format(printf, 5, 6)));
void cli_plan_say(struct cli_plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_plan_fini(struct cli_plan *p);

/*
 * Simulates the first transaction, tells what happens, what it costs now (gas, price, ETH) and
 * whether the balance covers it; asks (unless --yes; without a terminal --yes is needed: exit
 * 2); sends one after the other through the journal with a progress line on standard error;
 * waits for each.  receipts[plan->n]: filled, the caller's to fini.  out gets "transactions".
 * Errors of contracts come in words with the remedy (cmd/cli_words.h).
 */
int cli_send(struct cli *c, struct cli_plan *plan, struct eth_receipt *receipts, struct err *err);

/* ---- amounts ---- */
enum cli_unit { UNIT_LPT, UNIT_ETH };
/* "100" and "1.5 LPT" where LPT is meant, "0.01 ETH", "20 gwei", "5 wei".  A number without
 * unit is of `unit`.  Fails (exit 2 is the caller's) naming what can be written. */
int cli_amount(struct u256 *wei, const char *text, enum cli_unit unit, struct err *err);
/* "12.345678 LPT": at most 6 digits behind the point, cut; never "0" for what is not 0
 * ("<0.000001 LPT").  to has room for 100. */
char *cli_fmt_amount(char to[100], const struct u256 *wei, enum cli_unit unit);
/* The same with every digit: what is about to be sent. */
char *cli_fmt_exact(char to[100], const struct u256 *wei, enum cli_unit unit);
char *cli_fmt_gwei(char to[100], const struct u256 *wei);
/* PERC (1,000,000 = 100 %) as "12.5%", and back from "12.5" or "12.5%", at most 100 %. */
char *cli_fmt_perc(char to[32], uint64_t perc);
int cli_perc(uint64_t *perc, const char *text, struct err *err);

/* ---- output ---- */
/* Whatever is printed for people goes through a sieve: what a stranger has put on chain cannot
 * move the cursor or colour the terminal. */
/* For people only (nothing with --json); to standard output.  No newline at its end is needed. */
void cli_say(struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "label          text" for people; "name": value in the JSON object.  value is stolen.  Without
 * a label it is for JSON only, without a name for people only (value NULL). */
void cli_field(struct cli *c, const char *name, json_t *value, const char *label,
	       const char *text_fmt, ...) __attribute__((format(printf, 5, 6)));
/* Amounts in JSON are decimal strings of wei. */
json_t *cli_json_amount(const struct u256 *v);
json_t *cli_json_addr(const struct eth_addr *a);
json_t *cli_json_hash(const struct hash32 *h);

/* A table: columns aligned, numbers to the right; JSON: an array of objects under `name`. */
struct cli_column {
	const char *name;	/* in JSON */
	const char *title;	/* for people; NULL: for programs only */
	bool right;
};
struct cli_table;
struct cli_table *cli_table_new(const struct cli_column *cols, size_t n);
/* One cell after the other; value is stolen (NULL: JSON null). */
void cli_cell(struct cli_table *t, json_t *value, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void cli_table_end(struct cli *c, struct cli_table *t, const char *name);	/* prints, frees */

/* "0x..." or, for the -network devnet, an account's number "#3". */
int cli_addr(const struct cli *c, struct eth_addr *a, const char *text, struct err *err);
/* A yes or no of a person; false without a terminal. */
bool cli_confirm(struct cli *c, const char *question);
/* A password from the flag's file, descriptor (fd:N), or the terminal without echo.  secret_free. */
char *cli_password(const struct cli *c, const char *prompt, bool twice, struct err *err);
/* The same from another flag: FILE, "fd:N", or NULL for the terminal. */
char *cli_password_from(const char *source, const char *prompt, bool twice, struct err *err);
/* A file, or standard input ("-"), of at most b->max bytes.  Fails with ERR_INVALID naming it. */
int cli_read_file(struct buf *b, const char *path, struct err *err);

#endif
