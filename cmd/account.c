/* lpnode account ...: keys in Web3 keystore files, as geth and cast have them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/secret.h"
#include "cmd/cli_internal.h"
#include "cmd/commands.h"
#include "eth/keystore.h"

#define FILE_MAX (64 * 1024)
#define KEY_LEN 32

/* ---- new and import ---- */

struct new_opts {
	bool light;
	char *from_password;
};
#define AT(f) offsetof(struct new_opts, f)
static const struct opt new_table[] = {
	{ "light", OPT_BOOL, AT(light), "false", 0, 0, "Keystore", NULL,
	  "a password that is quick to check, and to guess: for tests only" },
};
static const struct opt import_table[] = {
	{ "light", OPT_BOOL, AT(light), "false", 0, 0, "Keystore", NULL,
	  "a password that is quick to check, and to guess: for tests only" },
	{ "fromPasswordFile", OPT_STRING, AT(from_password), NULL, 0, 0, "Keystore", "FILE|fd:N",
	  "password of the keystore that is imported; without it asked for" },
};
#undef AT

static int check_folder(const struct cli *c, struct err *err)
{
	struct stat st;

	if (stat(c->o.keystore, &st) < 0 || S_ISDIR(st.st_mode))
		return 0;
	return err_set(err, ERR_INVALID, "-ethKeystorePath %.100s is a file: give a folder", c->o.keystore);
}

/* The folder above the keystore may not be there yet either. */
static void make_datadir(const struct cli *c)
{
	if (mkdir(c->o.datadir, 0700) < 0 && errno != EEXIST)
		return;		/* keystore_store says why */
}

static void tell_account(struct cli *c, const struct sig_key *key, const char *path)
{
	struct eth_addr a = sig_key_addr(key);
	char text[43];

	eth_addr_fmt(text, &a);
	cli_field(c, "address", cli_json_addr(&a), "address", "%s", text);
	cli_field(c, "path", json_string(path), "keystore", "%s", path);
}

/* Stores a key under a new password and tells where. */
static int keep(struct cli *c, const struct sig_key *key, bool light, struct err *err)
{
	char *password = cli_password(c, "new password", true, err), *path = NULL;
	int rc = -1;

	if (!password)
		return 2;
	if (!*password) {
		err_set(err, ERR_INVALID, "an empty password protects nothing: give another");
	} else {
		make_datadir(c);
		rc = keystore_store(&path, c->o.keystore, key, password, light ? KEYSTORE_LIGHT : KEYSTORE_STANDARD, err);
	}
	secret_free(password);
	if (rc < 0)
		return err->code == ERR_INVALID ? 2 : 1;
	tell_account(c, key, path);
	free(path);
	return 0;
}

static int run_new(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct new_opts *o = opts;
	struct sig_key *key;
	int rc;

	if (check_folder(c, err) < 0)
		return 2;
	key = sig_key_generate();
	rc = keep(c, key, o->light, err);
	sig_key_free(key);
	if (rc == 0)
		cli_say(c, "\nKeep a copy of this file and its password: nobody can restore either.");
	return rc;
}

static bool is_private_key(const char *text)
{
	uint8_t ignored[KEY_LEN];
	bool is = hex_parse(ignored, sizeof(ignored), text) == 0;

	secret_wipe(ignored, sizeof(ignored));
	return is;
}

static int check_private(const char *path, struct err *err)
{
	struct stat st;

	if (strcmp(path, "-") == 0 || stat(path, &st) < 0 || !(st.st_mode & 077) || !S_ISREG(st.st_mode))
		return 0;
	return err_set(err, ERR_DENIED, "%.120s: a private key that others can read: chmod 600 it, or better make a "
		       "new account", path);
}

/* text is changed. */
static struct sig_key *key_of_hex(char *text, struct err *err)
{
	uint8_t *secret = secret_alloc(KEY_LEN);
	struct sig_key *key = NULL;
	char *p = text + strspn(text, " \t\r\n");
	size_t len = strcspn(p, " \t\r\n");

	if (p[len + strspn(p + len, " \t\r\n")] == '\0')
		p[len] = '\0';
	if (hex_parse(secret, KEY_LEN, p) == 0)
		key = sig_key_new(secret, err);
	else
		err_set(err, ERR_INVALID, "neither a keystore nor a private key of 64 hex digits");
	secret_free(secret);
	return key;
}

static struct sig_key *key_of_json(const struct buf *b, const char *password_file, struct err *err)
{
	char *password = cli_password_from(password_file, "password of the imported keystore", false, err);
	struct sig_key *key;

	if (!password)
		return NULL;
	key = keystore_decrypt((const char *)b->data, b->len, password, err);
	secret_free(password);
	return key;
}

static struct sig_key *key_of_file(const char *path, const char *password_file, struct err *err)
{
	struct sig_key *key = NULL;
	const char *text;
	struct buf b;

	buf_init(&b, FILE_MAX);
	if (cli_read_file(&b, path, err) == 0) {
		text = buf_cstr(&b);
		if (text[strspn(text, " \t\r\n")] == '{')
			key = key_of_json(&b, password_file, err);
		else if (check_private(path, err) == 0)
			key = key_of_hex((char *)b.data, err);
	}
	if (b.data)
		secret_wipe(b.data, b.cap);
	buf_fini(&b);
	return key;
}

static struct sig_key *key_from(const char *path, const char *password_file, struct err *err)
{
	struct sig_key *key = NULL;
	char *text;

	if (strcmp(path, "-") != 0 || !isatty(STDIN_FILENO))
		return key_of_file(path, password_file, err);
	text = cli_password_from(NULL, "private key", false, err);
	if (text)
		key = key_of_hex(text, err);
	secret_free(text);
	return key;
}

static int run_import(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct new_opts *o = opts;
	struct sig_key *key;
	int rc;

	if (is_private_key(args[0])) {
		err_set(err, ERR_DENIED, "a private key in the command line is seen by others and kept by the shell: take "
			"another one, and give it by a file or standard input (-)");
		return 2;
	}
	if (check_folder(c, err) < 0)
		return 2;
	key = key_from(args[0], o->from_password, err);
	if (!key)
		return 2;
	rc = keep(c, key, o->light, err);
	sig_key_free(key);
	return rc;
}

/* ---- list ---- */

static void list_file(struct cli *c, struct cli_table *t, const struct eth_addr *a, const char *path)
{
	bool known = !eth_addr_is_zero(a);
	char text[43] = "(the file does not say)";

	if (known)
		eth_addr_fmt(text, a);
	cli_cell(t, known ? cli_json_addr(a) : NULL, "%s", text);
	cli_cell(t, json_string(path), "%s", path);
}

/* Where a keystore file lies, as -network devnet names one; malloc'ed. */
static char *folder_of(const char *keystore)
{
	const char *slash = strrchr(keystore, '/');
	struct stat st;

	if (stat(keystore, &st) < 0 || S_ISDIR(st.st_mode))
		return xstrdup(keystore);
	return slash ? xasprintf("%.*s", (int)(slash - keystore), keystore) : xstrdup(".");
}

static int run_list(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	static const struct cli_column cols[] = {
		{ "address", "ADDRESS", false }, { "path", "KEYSTORE", false },
	};
	char *dir = folder_of(c->o.keystore);
	struct keystore_list l;
	struct cli_table *t;
	size_t i;
	int rc = keystore_list(&l, dir, err);

	free(dir);
	if (rc < 0)
		return 1;
	t = cli_table_new(cols, 2);
	for (i = 0; i < l.n; i++)
		list_file(c, t, &l.e[i].addr, l.e[i].path);
	cli_table_end(c, t, "accounts");
	keystore_list_fini(&l);
	return 0;
}

/* ---- export and passwd ---- */

static int may_show(struct cli *c, struct err *err)
{
	char addr[43], *question;
	bool yes;

	if (c->o.yes)
		return 0;
	if (!c->tty || c->o.json || !isatty(STDIN_FILENO)) {
		err_set(err, ERR_INVALID, "a private key goes to a terminal, after a yes: add --yes if you mean it");
		return 2;
	}
	eth_addr_fmt(addr, &c->account);
	question = xasprintf("Whoever sees the private key of %s owns what it owns.  Show it?", addr);
	yes = cli_confirm(c, question);
	free(question);
	if (yes)
		return 0;
	err_set(err, ERR_DENIED, "nothing was shown");
	return 3;
}

static int run_export(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	uint8_t *secret;
	char *hex;
	int rc = may_show(c, err);

	if (rc != 0)
		return rc;
	secret = secret_alloc(KEY_LEN);
	hex = secret_alloc(2 * KEY_LEN + 1);
	sig_key_export(c->key, secret);
	hex_fmt(hex, secret, KEY_LEN);
	cli_field(c, "address", cli_json_addr(&c->account), NULL, NULL);
	cli_field(c, "privateKey", json_sprintf("0x%s", hex), NULL, NULL);
	if (!c->o.json)
		printf("0x%s\n", hex);
	secret_free(hex);
	secret_free(secret);
	return 0;
}

struct passwd_opts {
	char *new_password;
};
static const struct opt passwd_table[] = {
	{ "newPasswordFile", OPT_STRING, offsetof(struct passwd_opts, new_password), NULL, 0, 0, "Keystore",
	  "FILE|fd:N", "the new password; without it asked for" },
};

/* The file of the account, owned. */
static char *file_of(struct cli *c, struct err *err)
{
	struct keystore_list l;
	char *path = NULL, text[43];
	size_t i;

	if (c->keystore_file)
		return xstrdup(c->keystore_file);
	if (keystore_list(&l, c->o.keystore, err) < 0)
		return NULL;
	for (i = 0; i < l.n && !path; i++) {
		if (eth_addr_equal(&l.e[i].addr, &c->account))
			path = xstrdup(l.e[i].path);
	}
	keystore_list_fini(&l);
	eth_addr_fmt(text, &c->account);
	if (!path)
		err_set(err, ERR_NOT_FOUND, "no file in %.80s says that it is of %s", c->o.keystore, text);
	return path;
}

static int change(struct cli *c, const char *path, const char *new_source, struct err *err)
{
	char *old = cli_password(c, "present password", false, err), *fresh = NULL;
	int rc = -1;

	if (old)
		fresh = cli_password_from(new_source, "new password", true, err);
	if (fresh && !*fresh)
		err_set(err, ERR_INVALID, "an empty password protects nothing: give another");
	else if (fresh)
		rc = keystore_change_password(path, old, fresh, err);
	secret_free(fresh);
	secret_free(old);
	return rc < 0 ? err->code == ERR_IO ? 1 : 2 : 0;
}

static int run_passwd(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct passwd_opts *o = opts;
	char *path;
	int rc = cli_find_account(c, false, err);

	if (rc != 0)
		return rc;
	path = file_of(c, err);
	if (!path)
		return 2;
	rc = change(c, path, o->new_password, err);
	if (rc == 0)
		cli_field(c, "path", json_string(path), "password changed", "%s", path);
	free(path);
	return rc;
}

#define GROUP "Accounts and signatures"
#define OPTS(t) t, sizeof(t) / sizeof(t[0])
static const struct cli_command commands[] = {
	{ "account new", "", "make a key and keep it in a keystore file", GROUP, 0, 0, CLI_NOTHING, OPTS(new_table),
	  sizeof(struct new_opts), run_new },
	{ "account list", "", "the accounts of the keystore", GROUP, 0, 0, CLI_NOTHING, NULL, 0, 0, run_list },
	{ "account import", "FILE|-", "keep the key of a keystore file, or 64 hex digits", GROUP, 1, 1, CLI_NOTHING,
	  OPTS(import_table), sizeof(struct new_opts), run_import },
	{ "account export", "", "show the private key", GROUP, 0, 0, CLI_LOCAL_KEY, NULL, 0, 0, run_export },
	{ "account passwd", "", "change the password of a keystore file", GROUP, 0, 0, CLI_NOTHING, OPTS(passwd_table),
	  sizeof(struct passwd_opts), run_passwd },
};
const struct cli_commands account_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
