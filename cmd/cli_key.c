/* Which account is meant, and its key. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"
#include "cmd/cli_internal.h"
#include "eth/keystore.h"

#define KEYSTORE_FILE_MAX (64 * 1024)

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 || S_ISDIR(st.st_mode);
}

/* The text of a keystore file, into b. */
static int read_keystore(struct buf *b, const char *path, struct err *err)
{
	buf_init(b, KEYSTORE_FILE_MAX);
	if (cli_read_file(b, path, err) == 0)
		return 0;
	buf_fini(b);
	return err_wrap(err, "-ethKeystorePath");
}

/* Of a file.  Not every file says (cast's do not): then has_account stays false. */
static int account_of_file(struct cli *c, const char *path, struct err *err)
{
	struct err why = { 0 };
	struct buf b;
	int rc;

	if (read_keystore(&b, path, err) < 0)
		return -1;
	rc = keystore_address(&c->account, (const char *)b.data, b.len, &why);
	buf_fini(&b);
	c->has_account = rc == 0;
	if (rc == 0 || why.code == ERR_NOT_FOUND)
		return 0;
	return err_set(err, why.code, "%s: %s", path, why.msg);
}

static void set_keystore(struct cli *c, const char *path)
{
	free(c->keystore_file);
	c->keystore_file = xstrdup(path);
}

/* The only one in a folder. */
static int account_of_folder(struct cli *c, const char *dir, struct err *err)
{
	struct keystore_list l;
	size_t n;

	if (keystore_list(&l, dir, err) < 0)
		return -1;
	n = l.n;
	if (n == 1) {
		c->account = l.e[0].addr;
		c->has_account = !eth_addr_is_zero(&c->account);
		set_keystore(c, l.e[0].path);
	}
	keystore_list_fini(&l);
	if (n == 0)
		return err_set(err, ERR_INVALID, "no account in %s: make one with `lpnode account new`, or say "
			       "where it is with -ethKeystorePath", dir);
	if (n > 1)
		return err_set(err, ERR_INVALID, "%zu accounts in %s: say which with -ethAcctAddr "
			       "(`lpnode account list` shows them)", n, dir);
	return 0;
}

static int find(struct cli *c, struct err *err)
{
	struct eth_addr asked;

	if (c->o.account) {
		if (cli_addr(c, &asked, c->o.account, err) < 0)
			return err_wrap(err, "-ethAcctAddr");
		c->account = asked;
		c->has_account = true;
	}
	if (is_folder(c->o.keystore))
		return c->has_account ? 0 : account_of_folder(c, c->o.keystore, err);
	set_keystore(c, c->o.keystore);
	return c->has_account ? 0 : account_of_file(c, c->o.keystore, err);
}

int cli_find_account(struct cli *c, bool must_be_known, struct err *err)
{
	if (find(c, err) < 0)
		return 2;
	if (must_be_known && !c->has_account) {
		err_set(err, ERR_INVALID, "%s does not say whose it is: give -ethAcctAddr", c->keystore_file);
		return 2;
	}
	return 0;
}

static struct sig_key *open_file(const char *path, const char *password, struct err *err)
{
	struct sig_key *key;
	struct buf b;

	if (read_keystore(&b, path, err) < 0)
		return NULL;
	key = keystore_decrypt((const char *)b.data, b.len, password, err);
	buf_fini(&b);
	if (!key)
		err_wrap(err, "%s", path);
	return key;
}

static int check_is_account(struct cli *c, struct err *err)
{
	struct eth_addr is = sig_key_addr(c->key);
	char has[43], wants[43];

	if (!c->has_account) {
		c->account = is;
		c->has_account = true;
	}
	if (eth_addr_equal(&is, &c->account))
		return 0;
	eth_addr_fmt(has, &is);
	eth_addr_fmt(wants, &c->account);
	return err_set(err, ERR_INVALID, "the keystore is of %s, -ethAcctAddr is %s", has, wants);
}

/* Before the password is asked for: it would be asked in vain. */
static int check_there(const struct cli *c, struct err *err)
{
	struct keystore_list l;
	bool maybe = false;
	char text[43];
	size_t i;

	if (c->keystore_file)
		return 0;
	if (keystore_list(&l, c->o.keystore, err) < 0)
		return -1;
	for (i = 0; i < l.n; i++)
		maybe |= eth_addr_is_zero(&l.e[i].addr) || eth_addr_equal(&l.e[i].addr, &c->account);
	keystore_list_fini(&l);
	if (maybe)
		return 0;
	eth_addr_fmt(text, &c->account);
	return err_set(err, ERR_NOT_FOUND, "no key of %s in %s", text, c->o.keystore);
}

int cli_open_key(struct cli *c, struct err *err)
{
	char prompt[80] = "password", addr[43], *password;

	if (check_there(c, err) < 0)
		return 2;
	if (c->has_account) {
		eth_addr_fmt(addr, &c->account);
		snprintf(prompt, sizeof(prompt), "password of %s", addr);
	}
	password = cli_password(c, prompt, false, err);
	if (!password)
		return 2;
	c->key = c->keystore_file ? open_file(c->keystore_file, password, err) :
		 keystore_open(c->o.keystore, &c->account, password, err);
	secret_free(password);
	return c->key && check_is_account(c, err) == 0 ? 0 : 2;
}
