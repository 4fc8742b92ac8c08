#include "cmd/devnet_file.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define TEXT_MAX 4000	/* of a path or URL */

static int bad(struct err *err, const char *field)
{
	return err_set(err, ERR_INVALID, "\"%s\" is missing or wrong", field);
}

/* A text without control characters; borrowed from o.  NULL when it is not there or none. */
static const char *get_text(const json_t *o, const char *field)
{
	const char *s = json_string_value(json_object_get(o, field));
	size_t i;

	if (!s || !*s || strlen(s) > TEXT_MAX)
		return NULL;
	for (i = 0; s[i]; i++) {
		if (iscntrl((unsigned char)s[i]))
			return NULL;
	}
	return s;
}

static int get_addr(struct eth_addr *a, const json_t *o, const char *field, struct err *err)
{
	const char *s = get_text(o, field);

	return s && eth_addr_parse(a, s, NULL) == 0 ? 0 : bad(err, field);
}

/* A path from dir on, or NULL where there is none. */
static int get_path(char **path, const json_t *o, const char *field, const char *dir, struct err *err)
{
	const char *s = get_text(o, field);

	*path = NULL;
	if (!json_object_get(o, field))
		return 0;
	if (!s)
		return bad(err, field);
	*path = *s == '/' ? xstrdup(s) : xasprintf("%s/%s", dir, s);
	return 0;
}

static int parse_account(struct devnet_account *a, const json_t *o, const char *dir, struct err *err)
{
	if (get_addr(&a->addr, o, "address", err) < 0 ||
	    get_path(&a->keystore, o, "keystore", dir, err) < 0)
		return -1;
	return get_path(&a->password_file, o, "passwordFile", dir, err);
}

static int parse_accounts(struct devnet *d, const json_t *list, const char *dir, struct err *err)
{
	size_t i, n = json_array_size(list);

	if (!json_is_array(list))
		return bad(err, "accounts");
	if (n > DEVNET_ACCOUNTS_MAX)
		return err_set(err, ERR_LIMIT, "%zu accounts, at most %d", n, DEVNET_ACCOUNTS_MAX);
	d->accounts = xcalloc(n + 1, sizeof(*d->accounts));
	d->n_accounts = n;
	for (i = 0; i < n; i++) {
		if (parse_account(&d->accounts[i], json_array_get(list, i), dir, err) < 0)
			return err_wrap(err, "account %zu", i);
	}
	return 0;
}

static int parse_root(struct devnet *d, const json_t *root, const char *dir, struct err *err)
{
	const json_t *id = json_object_get(root, "chainId");
	const char *rpc = get_text(root, "rpc");

	if (!rpc)
		return bad(err, "rpc");
	if (!json_is_integer(id) || json_integer_value(id) <= 0)
		return bad(err, "chainId");
	d->rpc = xstrdup(rpc);
	d->chain_id = (uint64_t)json_integer_value(id);
	if (json_object_get(root, "controller") && get_addr(&d->controller, root, "controller", err) < 0)
		return -1;
	return parse_accounts(d, json_object_get(root, "accounts"), dir, err);
}

int devnet_parse(struct devnet *d, const char *text, size_t len, const char *dir, struct err *err)
{
	json_error_t why;
	json_t *root;
	int rc;

	memset(d, 0, sizeof(*d));
	if (len > DEVNET_FILE_MAX)
		return err_set(err, ERR_LIMIT, "%zu bytes, at most %d", len, DEVNET_FILE_MAX);
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return err_set(err, ERR_INVALID, "no JSON at line %d", why.line);
	rc = parse_root(d, root, dir, err);
	json_decref(root);
	if (rc < 0)
		devnet_fini(d);
	return rc;
}

int devnet_load(struct devnet *d, const char *dir, struct err *err)
{
	char *path = xasprintf("%s/devnet.json", dir), *text;
	FILE *f = fopen(path, "re");
	int rc;

	if (!f) {
		rc = errno == ENOENT ?
		     err_set(err, ERR_NOT_FOUND, "no devnet in %.100s: start one with scripts/devnet.sh up --dir DIR, "
			     "or say where with -devnetDir", dir) :
		     err_set(err, ERR_IO, "%.120s: %s", path, strerror(errno));
		free(path);
		return rc;
	}
	text = xmalloc(DEVNET_FILE_MAX + 1);
	rc = devnet_parse(d, text, fread(text, 1, DEVNET_FILE_MAX + 1, f), dir, err);
	if (rc < 0)
		err_wrap(err, "%.120s", path);
	fclose(f);
	free(text);
	free(path);
	return rc;
}

void devnet_fini(struct devnet *d)
{
	size_t i;

	for (i = 0; i < d->n_accounts; i++) {
		free(d->accounts[i].keystore);
		free(d->accounts[i].password_file);
	}
	free(d->accounts);
	free(d->rpc);
	memset(d, 0, sizeof(*d));
}
