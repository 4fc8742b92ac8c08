/* lpnode sign and recover: EIP-191 personal messages and EIP-712 typed data. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "cmd/cli_internal.h"
#include "cmd/commands.h"
#include "eth/typed_data.h"

#define MESSAGE_MAX (256 * 1024)

struct sign_opts {
	char *typed;
};
static const struct opt sign_table[] = {
	{ "typed", OPT_STRING, offsetof(struct sign_opts, typed), NULL, 0, 0, "Signature", "FILE|-",
	  "typed data (EIP-712 JSON) instead of a message" },
};

/* "\x19Ethereum Signed Message:\n" and its length stand before what is signed (EIP-191). */
static struct hash32 personal_hash(const char *message)
{
	struct hash32 h;
	struct buf b;

	buf_init(&b, strlen(message) + 64);
	buf_addf(&b, "\x19" "Ethereum Signed Message:\n%zu", strlen(message));
	buf_add_str(&b, message);
	h = hash_keccak256(b.data, b.len);
	buf_fini(&b);
	return h;
}

static int read_typed(struct typed_data *t, const char *path, struct buf *text, struct err *err)
{
	buf_init(text, MESSAGE_MAX);
	if (cli_read_file(text, path, err) == 0 &&
	    typed_data_hash(t, (const char *)text->data, text->len, err) == 0)
		return 0;
	buf_fini(text);
	return -1;
}

/* ---- sign ---- */

static int check_chain(const struct cli *c, const struct typed_data *t, struct err *err)
{
	if (!c->o.chain_id || !t->has_chain_id || c->o.chain_id == t->chain_id)
		return 0;
	err_set(err, ERR_DENIED, "the typed data is for chain %" PRIu64 ", -chainId is %" PRIu64, t->chain_id,
		c->o.chain_id);
	return 3;
}

/* What is signed can move money: it is shown as the wallet of a browser would. */
static int show_typed(struct cli *c, const struct typed_data *t, const struct buf *text, struct err *err)
{
	json_t *root = json_loadb((const char *)text->data, text->len, JSON_ALLOW_NUL, NULL);
	char *domain = json_dumps(json_object_get(root, "domain"), JSON_INDENT(2));
	char *message = json_dumps(json_object_get(root, "message"), JSON_INDENT(2));

	cli_say(c, "domain %s", domain ? domain : "{}");
	cli_say(c, "%s %s", t->primary, message ? message : "{}");
	free(domain);
	free(message);
	json_decref(root);
	if (c->o.yes)
		return 0;
	if (!c->o.json && cli_confirm(c, "Sign?"))
		return 0;
	if (!c->o.json && c->tty)
		err_set(err, ERR_DENIED, "nothing was signed");
	else
		err_set(err, ERR_INVALID, "nobody to ask: add --yes to sign it");
	return c->o.json || !c->tty ? 2 : 3;
}

static int typed_digest(struct cli *c, const char *path, struct hash32 *digest, struct err *err)
{
	struct typed_data t;
	struct buf text;
	int rc;

	if (read_typed(&t, path, &text, err) < 0)
		return 2;
	rc = check_chain(c, &t, err);
	if (rc == 0)
		rc = show_typed(c, &t, &text, err);
	*digest = t.digest;
	buf_fini(&text);
	return rc;
}

static int one_of_both(const struct sign_opts *o, size_t n_args, size_t n_others, struct err *err)
{
	if ((o->typed != NULL) + (n_args - n_others) == 1)
		return 0;
	return err_set(err, ERR_INVALID, "give a message, or typed data with --typed FILE");
}

static void tell_signature(struct cli *c, const struct hash32 *digest, const struct sig65 *sig)
{
	char addr[43], hex[131], hash[65];

	eth_addr_fmt(addr, &c->account);
	hex_fmt(hex, sig->b, sizeof(sig->b));
	hex_fmt(hash, digest->b, sizeof(digest->b));
	cli_field(c, "address", cli_json_addr(&c->account), "address", "%s", addr);
	cli_field(c, "hash", cli_json_hash(digest), "hash", "0x%s", hash);
	cli_field(c, "signature", json_sprintf("0x%s", hex), "signature", "0x%s", hex);
}

static int run_sign(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct sign_opts *o = opts;
	struct hash32 digest;
	struct sig65 sig;
	int rc = 0;

	if (one_of_both(o, n_args, 0, err) < 0)
		return 2;
	if (o->typed)
		rc = typed_digest(c, o->typed, &digest, err);
	else
		digest = personal_hash(args[0]);
	if (rc != 0)
		return rc;
	sig = sig_sign(c->key, &digest);
	tell_signature(c, &digest, &sig);
	return 0;
}

/* ---- recover ---- */

static int run_recover(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct sign_opts *o = opts;
	const char *sig_text = args[n_args - 1];
	struct typed_data t;
	struct eth_addr who;
	struct hash32 digest;
	struct sig65 sig;
	struct buf text;
	char addr[43];

	if (one_of_both(o, n_args, 1, err) < 0)
		return 2;
	if (hex_parse(sig.b, sizeof(sig.b), sig_text) < 0) {
		err_set(err, ERR_INVALID, "\"%.40s\" is no signature: 0x and 130 hex digits", sig_text);
		return 2;
	}
	if (o->typed) {
		if (read_typed(&t, o->typed, &text, err) < 0)
			return 2;
		digest = t.digest;
		buf_fini(&text);
	} else {
		digest = personal_hash(args[0]);
	}
	if (sig_recover(&who, &digest, &sig, err) < 0)
		return 3;
	eth_addr_fmt(addr, &who);
	cli_field(c, "address", cli_json_addr(&who), "signed by", "%s", addr);
	return 0;
}

#define GROUP "Accounts and signatures"
static const struct cli_command commands[] = {
	{ "sign", "MESSAGE | --typed FILE", "sign a message or typed data, as wallets do (EIP-191, EIP-712)", GROUP, 0, 1,
	  CLI_LOCAL_KEY, sign_table, 1, sizeof(struct sign_opts), run_sign },
	{ "recover", "MESSAGE SIGNATURE | --typed FILE SIGNATURE", "who signed it?", GROUP, 1, 2, CLI_NOTHING,
	  sign_table, 1, sizeof(struct sign_opts), run_recover },
};
const struct cli_commands sign_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
