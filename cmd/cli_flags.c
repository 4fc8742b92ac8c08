/*
 * Flags of the commands.  opt_parse fills one struct from one table: the common flags and a
 * command's own are put into one table whose fields lie one behind the other.
 */
#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/cli_internal.h"
#include "cmd/devnet_file.h"
#include "cmd/options.h"

#define AT(f) offsetof(struct cli_config, f)
#define DAY_MS 86400000
const struct opt cli_common_opts[] = {
	{ "ethUrl", OPT_STRING, AT(eth_url), NULL, 0, 0, "Network", "URL,...",
	  "JSON-RPC endpoints of an Ethereum node; with several, one that fails or lies is passed over" },
	{ "ethController", OPT_STRING, AT(controller), NULL, 0, 0, "Network", "ADDRESS",
	  "the Controller contract: it knows all the others" },
	{ "network", OPT_STRING, AT(network), NULL, 0, 0, "Network", "devnet",
	  "take what is not given of the network and its accounts from -devnetDir" },
	{ "devnetDir", OPT_STRING, AT(devnet_dir), "devnet", 0, 0, "Network", "DIR",
	  "where scripts/devnet.sh has put devnet.json" },
	{ "chainId", OPT_UINT, AT(chain_id), "0", 0, 0, "Network", "N",
	  "refuse another chain; 0: take what the endpoint says" },

	{ "ethAcctAddr", OPT_STRING, AT(account), NULL, 0, 0, "Account", "ADDRESS",
	  "the account; on a devnet also #0, #1, ...; without it the keystore's only one" },
	{ "ethKeystorePath", OPT_STRING, AT(keystore), NULL, 0, 0, "Account", "FILE|DIR",
	  "its keystore file, or a folder of them; without it DATADIR/keystore" },
	{ "ethPasswordFile", OPT_STRING, AT(password_file), NULL, 0, 0, "Account", "FILE|fd:N",
	  "its password: a file that only you can read, or an open descriptor; without it asked for" },

	{ "maxGasPrice", OPT_STRING, AT(max_gas_price), "200 gwei", 0, 0, "Transactions", "AMOUNT",
	  "never offer more for a unit of gas" },
	{ "confirmations", OPT_UINT, AT(confirmations), "0", 0, 1000, "Transactions", "N",
	  "blocks until a transaction counts as done; 0: 1 on a devnet, else 12" },
	{ "waitTx", OPT_DURATION, AT(wait_ms), "10m", 1000, DAY_MS, "Transactions", "TIME",
	  "how long to wait for a transaction; lpnode tx wait goes on" },
	{ "legacyTx", OPT_BOOL, AT(legacy_tx), "false", 0, 0, "Transactions", NULL,
	  "send transactions of the old kind, also where there is a base fee" },
	{ "yes", OPT_BOOL, AT(yes), "false", 0, 0, "Transactions", NULL,
	  "do not ask before something is sent or shown" },

	{ "json", OPT_BOOL, AT(json), "false", 0, 0, "Output", NULL,
	  "one JSON object to standard output, for programs" },
	{ "v", OPT_STRING, AT(verbosity), "warn", 0, 0, "Output", "LEVEL",
	  "lowest log level shown on standard error: error, warn, info, debug" },
	{ "help", OPT_BOOL, AT(help), "false", 0, 0, "Output", NULL, "print this and end" },

	{ "datadir", OPT_STRING, AT(datadir), NULL, 0, 0, "Files", "DIR",
	  "keystore and journal; without it ~/.lpnode, or lpnode in -devnetDir" },
	{ "config", OPT_STRING, AT(config_file), NULL, 0, 0, "Files", "FILE",
	  "read settings from lines NAME VALUE; may be the node's own file" },
};
const size_t n_cli_common_opts = sizeof(cli_common_opts) / sizeof(cli_common_opts[0]);

static size_t own_offset(void)
{
	size_t a = alignof(max_align_t);

	return (sizeof(struct cli_config) + a - 1) / a * a;
}

/* Our own tables: a flag that a command and the frame both have would be set in one of them. */
static bool has_twins(const struct opt *table, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < i; k++) {
			if (strcmp(table[i].name, table[k].name) == 0)
				return true;
		}
	}
	return false;
}

size_t cli_flags_table(struct opt **table, const struct cli_command *cmd)
{
	size_t n = n_cli_common_opts + cmd->n_opts, i;

	*table = xcalloc(n, sizeof(**table));
	for (i = 0; i < cmd->n_opts; i++) {
		(*table)[i] = cmd->opts[i];
		(*table)[i].field += own_offset();
	}
	memcpy(*table + cmd->n_opts, cli_common_opts, sizeof(cli_common_opts));
	assert(!has_twins(*table, n));
	return n;
}

/* ---- arguments ---- */

static bool is_unit(const char *word)
{
	static const char *const units[] = { "LPT", "LPTU", "ETH", "gwei", "wei" };
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcasecmp(word, units[i]) == 0)
			return true;
	}
	return false;
}

static bool is_number(const char *word)
{
	return *word && strspn(word, "0123456789.") == strlen(word);
}

/* bond 1.5 LPT: people do not think of quotes. */
static void join_units(struct cli_flags *f)
{
	size_t i, k = 0;
	char *text;

	for (i = 0; i < f->n_args; i++) {
		text = f->args[i];
		if (i + 1 < f->n_args && is_number(text) && is_unit(f->args[i + 1]) &&
		    f->n_joined < sizeof(f->joined) / sizeof(f->joined[0])) {
			text = xasprintf("%s %s", text, f->args[++i]);
			f->joined[f->n_joined++] = text;
		}
		f->args[k++] = text;
	}
	f->n_args = k;
}

static int check_args(struct cli_flags *f, const struct cli_command *cmd, struct err *err)
{
	if (((struct cli_config *)f->values)->help)
		return 0;
	if (f->n_args > cmd->max_args)
		join_units(f);
	if (f->n_args < cmd->min_args)
		return err_set(err, ERR_INVALID, "something is missing; usage: lpnode %s %s", cmd->name, cmd->args);
	if (f->n_args > cmd->max_args)
		return err_set(err, ERR_INVALID, "\"%.40s\" is too much; usage: lpnode %s%s%s",
			       f->args[cmd->max_args], cmd->name, *cmd->args ? " " : "", cmd->args);
	return 0;
}

/* -h is what fingers type. */
static void spell_out_help(int argc, char **argv)
{
	static char help[] = "--help";
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "-h") == 0)
			argv[i] = help;
	}
}

int cli_flags_parse(struct cli_flags *f, const struct cli_command *cmd, int argc, char **argv, char **env,
		    struct err *err)
{
	struct opt_more more = { .others = lpnode_opts, .n_others = n_lpnode_opts };

	memset(f, 0, sizeof(*f));
	spell_out_help(argc, argv);
	f->n = cli_flags_table(&f->table, cmd);
	f->values = xcalloc(1, own_offset() + cmd->opts_size);
	f->own = (char *)f->values + own_offset();
	f->args = more.args = xcalloc((size_t)argc + 1, sizeof(char *));
	if (opt_parse_more(f->table, f->n, f->values, argc, argv, env, NULL, &more, err) < 0) {
		cli_flags_fini(f);
		return -1;
	}
	f->n_args = more.n_args;
	if (check_args(f, cmd, err) == 0)
		return 0;
	cli_flags_fini(f);
	return -1;
}

void cli_flags_fini(struct cli_flags *f)
{
	size_t i;

	if (f->table)
		opt_free(f->table, f->n, f->values);
	for (i = 0; i < f->n_joined; i++)
		free(f->joined[i]);
	free(f->args);
	free(f->values);
	free(f->table);
	memset(f, 0, sizeof(*f));
}

/* ---- -network ---- */

static void set_text(char **field, const char *text)
{
	if (!*field && text)
		*field = xstrdup(text);
}

static const struct devnet_account *account_of(const struct devnet *d, const struct eth_addr *a)
{
	size_t i;

	for (i = 0; i < d->n_accounts; i++) {
		if (eth_addr_equal(&d->accounts[i].addr, a))
			return &d->accounts[i];
	}
	return NULL;
}

/* Of an account of the devnet its keystore and password are known, unless others are named. */
static int fill_account(struct cli *c, struct cli_config *o, struct err *err)
{
	const struct devnet_account *known;
	struct eth_addr a;

	if (!o->account && !o->keystore && c->devnet->n_accounts > 0)
		o->account = xstrdup("#0");
	if (!o->account)
		return 0;
	if (cli_addr(c, &a, o->account, err) < 0)
		return err_wrap(err, "-ethAcctAddr");
	known = account_of(c->devnet, &a);
	if (!known || o->keystore)
		return 0;
	set_text(&o->keystore, known->keystore);
	set_text(&o->password_file, known->password_file);
	return 0;
}

int cli_fill_network(struct cli *c, struct cli_config *o, struct err *err)
{
	char controller[43];

	if (!o->network)
		return 0;
	if (strcmp(o->network, "devnet") != 0)
		return err_set(err, ERR_INVALID, "-network=%.40s: give devnet; any other network is told by -ethUrl "
			       "and -ethController", o->network);
	c->devnet = xcalloc(1, sizeof(*c->devnet));
	if (devnet_load(c->devnet, o->devnet_dir ? o->devnet_dir : ".", err) < 0)
		return -1;
	/* A devnet's journal ends with it: the next one has other blocks and the same addresses. */
	if (!o->datadir)
		o->datadir = xasprintf("%s/lpnode", o->devnet_dir ? o->devnet_dir : ".");
	set_text(&o->eth_url, c->devnet->rpc);
	if (!eth_addr_is_zero(&c->devnet->controller)) {
		eth_addr_fmt(controller, &c->devnet->controller);
		set_text(&o->controller, controller);
	}
	if (!o->chain_id)
		o->chain_id = c->devnet->chain_id;
	return fill_account(c, o, err);
}

int cli_addr(const struct cli *c, struct eth_addr *a, const char *text, struct err *err)
{
	char *end;
	unsigned long i;

	if (*text != '#')
		return eth_addr_parse(a, text, err);
	if (!c->devnet)
		return err_set(err, ERR_INVALID, "\"%.20s\": accounts have numbers on a devnet only (-network devnet)",
			       text);
	i = strtoul(text + 1, &end, 10);
	if (text[1] < '0' || text[1] > '9' || *end || i >= c->devnet->n_accounts)
		return err_set(err, ERR_INVALID, "\"%.20s\": the devnet has accounts #0 to #%zu", text,
			       c->devnet->n_accounts ? c->devnet->n_accounts - 1 : 0);
	*a = c->devnet->accounts[i].addr;
	return 0;
}
