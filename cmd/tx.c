/* lpnode tx ...: what the journal has sent and is sending. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "cmd/cli_internal.h"
#include "cmd/commands.h"
#include "node/store/store.h"

#define LIST_MAX 1000

static char *fmt_time(char to[25], int64_t wall_ms)
{
	clock_fmt_utc(to, wall_ms);
	to[10] = ' ';
	to[19] = '\0';
	return to;
}

static bool get_cost(struct u256 *cost, const struct tx_info *tx)
{
	struct u256 gas = u256_of(tx->gas_used);

	return tx->block && u256_mul(cost, &gas, &tx->gas_price);
}

/* ---- list ---- */

struct list_opts {
	uint64_t n;
	bool open;
};
static const struct opt list_table[] = {
	{ "n", OPT_UINT, offsetof(struct list_opts, n), "20", 1, LIST_MAX, "List", "N", "at most so many, the newest" },
	{ "open", OPT_BOOL, offsetof(struct list_opts, open), "false", 0, 0, "List", NULL,
	  "only what is under way" },
};

static void list_tx(struct cli_table *t, const struct tx_info *tx)
{
	char text[100], when[25];
	struct u256 cost;

	cli_cell(t, json_integer((json_int_t)tx->id), "%" PRIu64, tx->id);
	cli_cell(t, json_integer((json_int_t)tx->created_ms), "%s", fmt_time(when, tx->created_ms));
	cli_cell(t, json_string(tx_state_name(tx->state)), "%s", tx_state_name(tx->state));
	if (tx->block)
		cli_cell(t, json_integer((json_int_t)tx->block), "%" PRIu64, tx->block);
	else
		cli_cell(t, NULL, "-");
	if (get_cost(&cost, tx))
		cli_cell(t, cli_json_amount(&cost), "%s", cli_fmt_amount(text, &cost, UNIT_ETH));
	else
		cli_cell(t, NULL, "-");
	cli_cell(t, json_string(tx->what), "%s", tx->what);
}

static int run_list(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	static const struct cli_column cols[] = {
		{ "id", "ID", true }, { "createdMs", "SINCE (UTC)", false }, { "state", "STATE", false }, { "block", "BLOCK", true },
		{ "cost", "COST", true }, { "what", "WHAT", false },
	};
	const struct list_opts *o = opts;
	struct tx_info *list = xcalloc(LIST_MAX, sizeof(*list));
	struct cli_table *t;
	size_t n, i, shown = 0;

	n = journal_list(c->store, &c->account, list, LIST_MAX, err);
	if (err->code) {
		free(list);
		return 1;
	}
	t = cli_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	for (i = 0; i < n && shown < o->n; i++) {
		if (o->open && tx_state_is_final(list[i].state))
			continue;
		list_tx(t, &list[i]);
		shown++;
	}
	cli_table_end(c, t, "transactions");
	free(list);
	return 0;
}

/* ---- one of them ---- */

static int parse_id(uint64_t *id, const char *text, struct err *err)
{
	char *end;

	text += *text == '#';
	*id = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && *id > 0)
		return 0;
	return err_set(err, ERR_INVALID, "\"%.40s\" is no transaction's number: `lpnode tx list` shows them", text);
}

/* Fills tx; an exit code. */
static int get(struct cli *c, const char *text, struct tx_info *tx, struct err *err)
{
	char addr[43];
	uint64_t id;

	if (parse_id(&id, text, err) < 0)
		return 2;
	if (journal_get(c->store, id, tx, err) < 0) {
		if (err->code != ERR_NOT_FOUND)
			return 1;
		err_set(err, ERR_NOT_FOUND, "there is no transaction #%" PRIu64 " here: `lpnode tx list` shows them", id);
		return 2;
	}
	if (eth_addr_equal(&tx->from, &c->account))
		return 0;
	eth_addr_fmt(addr, &tx->from);
	err_set(err, ERR_INVALID, "#%" PRIu64 " is of %s: give -ethAcctAddr", id, addr);
	return 2;
}

static void show_attempts(struct cli *c, const struct tx_info *tx)
{
	static const struct cli_column cols[] = {
		{ "signedMs", "SIGNED (UTC)", false }, { "maxFee", "MOST", true }, { "maxTip", "TIP", true },
		{ "gas", "GAS", true }, { "cancels", "", false }, { "hash", "HASH", false },
	};
	struct cli_table *t = cli_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	char when[25], fee[100], tip[100];
	size_t i;

	for (i = 0; i < tx->n_attempts; i++) {
		const struct tx_attempt *a = &tx->attempts[i];
		json_t *hash = cli_json_hash(&a->hash);

		cli_cell(t, json_integer((json_int_t)a->signed_ms), "%s", fmt_time(when, a->signed_ms));
		cli_cell(t, cli_json_amount(&a->offer.max_fee), "%s", cli_fmt_gwei(fee, &a->offer.max_fee));
		cli_cell(t, cli_json_amount(&a->offer.max_tip), "%s", cli_fmt_gwei(tip, &a->offer.max_tip));
		cli_cell(t, json_integer((json_int_t)a->gas), "%" PRIu64, a->gas);
		cli_cell(t, json_boolean(a->cancels), "%s", a->cancels ? "cancels" : "");
		cli_cell(t, json_incref(hash), "%s", json_string_value(hash));
		json_decref(hash);
	}
	cli_say(c, "\n");
	cli_table_end(c, t, "attempts");
}

static void show_end(struct cli *c, const struct tx_info *tx)
{
	char price[100], cost_text[100];
	struct u256 cost;

	if (!tx->block)
		return;
	cli_field(c, NULL, NULL, "block", "%" PRIu64, tx->block);
	if (get_cost(&cost, tx))
		cli_field(c, NULL, NULL, "cost", "%" PRIu64 " gas at %s: %s", tx->gas_used,
			  cli_fmt_gwei(price, &tx->gas_price), cli_fmt_amount(cost_text, &cost, UNIT_ETH));
}

static void show(struct cli *c, const struct tx_info *tx)
{
	char from[43], to[43] = "a new contract", value[100], when[25];

	eth_addr_fmt(from, &tx->from);
	if (!tx->creates)
		eth_addr_fmt(to, &tx->to);
	cli_field(c, "transaction", cli_json_tx(tx), NULL, NULL);
	cli_field(c, NULL, NULL, "transaction", "#%" PRIu64 " %s", tx->id, tx->what);
	cli_field(c, NULL, NULL, "state", "%s", tx_state_name(tx->state));
	if (*tx->why)
		cli_field(c, NULL, NULL, "why", "%s", tx->why);
	cli_field(c, NULL, NULL, "since", "%s UTC", fmt_time(when, tx->created_ms));
	cli_field(c, NULL, NULL, "from", "%s", from);
	cli_field(c, NULL, NULL, "to", "%s", to);
	cli_field(c, NULL, NULL, "sent along", "%s", cli_fmt_exact(value, &tx->value, UNIT_ETH));
	if (tx->has_nonce)
		cli_field(c, NULL, NULL, "nonce", "%" PRIu64, tx->nonce);
	show_end(c, tx);
	if (tx->n_attempts)
		show_attempts(c, tx);
}

static int run_show(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct tx_info *tx = xcalloc(1, sizeof(*tx));
	int rc = get(c, args[0], tx, err);

	if (rc == 0)
		show(c, tx);
	free(tx);
	return rc;
}

/* ---- wait ---- */

/* The newest that is under way: its id, or 0. */
static uint64_t newest_open(struct cli *c, struct err *err)
{
	struct tx_info *list = xcalloc(LIST_MAX, sizeof(*list));
	size_t n = journal_list(c->store, &c->account, list, LIST_MAX, err), i;
	uint64_t id = 0;

	for (i = 0; i < n && !id; i++) {
		if (!tx_state_is_final(list[i].state))
			id = list[i].id;
	}
	free(list);
	return id;
}

/* Waits, and shows how it ended.  cancelled: that is what was wanted. */
static int wait_and_show(struct cli *c, uint64_t id, bool cancelled, struct err *err)
{
	struct cli_wait_result *r = xcalloc(1, sizeof(*r));
	int rc = cli_wait_tx(c, id, r, err);

	if (r->tx.id) {
		show(c, &r->tx);
		c->heard = xstrdup(r->tx.key);
	}
	/* One without a nonce yet is given up, and nothing sent. */
	if (cancelled && (r->tx.state == TX_CANCELLED || r->tx.state == TX_REFUSED)) {
		rc = 0;
	} else if (cancelled && rc == 0) {
		err_set(err, ERR_DENIED, "#%" PRIu64 " was mined before it could be cancelled", id);
		rc = 3;
	}
	free(r);
	return rc;
}

static int run_wait(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct tx_info *tx;
	uint64_t id;
	int rc = 0;

	if (n_args == 0) {
		id = newest_open(c, err);
		if (err->code)
			return 1;
		if (id)
			return wait_and_show(c, id, false, err);
		cli_say(c, "nothing is under way");
		return 0;
	}
	tx = xcalloc(1, sizeof(*tx));
	rc = get(c, args[0], tx, err);
	id = tx->id;
	free(tx);
	return rc == 0 ? wait_and_show(c, id, false, err) : rc;
}

/* ---- speed-up and cancel ---- */

static int check_replaceable(const struct tx_info *tx, bool cancels, struct err *err)
{
	if (tx->state == TX_SIGNED || tx->state == TX_SENT || (cancels && tx->state == TX_PLANNED))
		return 0;
	err_set(err, ERR_DENIED, "#%" PRIu64 " is %s: only what is sent and not mined can be replaced", tx->id,
		tx_state_name(tx->state));
	return 3;
}

static void say_replacing(struct cli *c, const struct tx_info *tx, bool cancels)
{
	if (tx->state == TX_PLANNED) {
		cli_say(c, "#%" PRIu64 " %s is given up; it was not sent.", tx->id, tx->what);
		return;
	}
	cli_say(c, "#%" PRIu64 " %s (%s) is replaced by %s, at least an eighth dearer and never above %s.", tx->id,
		tx->what, tx_state_name(tx->state), cancels ? "one that does nothing" : "the same", c->o.max_gas_price);
	cli_say(c, "Either of them is mined, not both.");
}

static int replace(struct cli *c, const char *text, bool cancels, struct err *err)
{
	struct tx_info *tx = xcalloc(1, sizeof(*tx));
	uint64_t id;
	int rc = get(c, text, tx, err);

	if (rc == 0)
		rc = check_replaceable(tx, cancels, err);
	id = tx->id;
	if (rc == 0) {
		say_replacing(c, tx, cancels);
		rc = cli_ask_to_send(c, err);
	}
	free(tx);
	if (rc != 0)
		return rc;
	if ((cancels ? journal_cancel(c->journal, id, err) : journal_speed_up(c->journal, id, err)) < 0)
		return err->code == ERR_IO || err->code == ERR_TIMEOUT ? 1 : 3;
	return wait_and_show(c, id, cancels, err);
}

static int run_speed_up(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	return replace(c, args[0], false, err);
}

static int run_cancel(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	return replace(c, args[0], true, err);
}

#define GROUP "Transactions"
static const struct cli_command commands[] = {
	{ "tx list", "", "what was sent, the newest first", GROUP, 0, 0, CLI_STORE, list_table,
	  sizeof(list_table) / sizeof(list_table[0]), sizeof(struct list_opts), run_list },
	{ "tx show", "ID", "all about one", GROUP, 1, 1, CLI_STORE, NULL, 0, 0, run_show },
	{ "tx wait", "[ID]", "go on with one, or the newest under way, until it is done", GROUP, 0, 1, CLI_KEY, NULL, 0,
	  0, run_wait },
	{ "tx speed-up", "ID", "offer more for one that is not mined", GROUP, 1, 1, CLI_KEY, NULL, 0, 0, run_speed_up },
	{ "tx cancel", "ID", "put one that does nothing in its place", GROUP, 1, 1, CLI_KEY, NULL, 0, 0, run_cancel },
};
const struct cli_commands tx_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
