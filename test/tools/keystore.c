/*
 * Keystores for other programs to read and of other programs to open:
 *	keystore encrypt light|standard PASSWORD SECRET_HEX	the JSON to standard output
 *	keystore decrypt PASSWORD FILE				the secret and its address
 *	keystore open DIR ADDRESS PASSWORD			likewise
 *	keystore store DIR PASSWORD SECRET_HEX			the path of the new file
 *	keystore change FILE OLD_PASSWORD NEW_PASSWORD
 * Passwords on the command line are for tests only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/secret.h"
#include "eth/keystore.h"

static int fail(const struct err *err)
{
	fprintf(stderr, "%s: %s\n", err_code_name(err->code), err->msg);
	return 1;
}

static struct sig_key *key_of(const char *hex, struct err *err)
{
	uint8_t secret[32];

	if (hex_parse(secret, sizeof(secret), hex) == 0)
		return sig_key_new(secret, err);
	err_set(err, ERR_INVALID, "a secret is 64 hex digits");
	return NULL;
}

static int encrypt(const char *cost, const char *password, const char *hex)
{
	struct err err = { 0 };
	struct sig_key *key = key_of(hex, &err);
	struct buf json;
	int rc;

	if (!key)
		return fail(&err);
	buf_init(&json, 64 * 1024);
	rc = keystore_encrypt(&json, key, password, strcmp(cost, "light") == 0 ? KEYSTORE_LIGHT : KEYSTORE_STANDARD,
			      &err);
	if (rc == 0)
		fwrite(json.data, 1, json.len, stdout);
	buf_fini(&json);
	sig_key_free(key);
	return rc == 0 ? 0 : fail(&err);
}

/* Takes key. */
static int print_key(struct sig_key *key)
{
	uint8_t *secret = secret_alloc(32);
	struct eth_addr a = sig_key_addr(key);
	char hex[65], addr[43];

	sig_key_export(key, secret);
	hex_fmt(hex, secret, 32);
	eth_addr_fmt(addr, &a);
	printf("%s %s\n", hex, addr);
	secret_free(secret);
	sig_key_free(key);
	return 0;
}

static int decrypt(const char *password, const char *path)
{
	FILE *f = fopen(path, "r");
	char *json = malloc(64 * 1024);
	struct err err = { 0 };
	struct sig_key *key;

	if (!f || !json)
		return 2;
	key = keystore_decrypt(json, fread(json, 1, 64 * 1024, f), password, &err);
	fclose(f);
	free(json);
	return key ? print_key(key) : fail(&err);
}

static int open_in(const char *dir, const char *address, const char *password)
{
	struct err err = { 0 };
	struct sig_key *key = NULL;
	struct eth_addr a;

	if (eth_addr_parse(&a, address, &err) == 0)
		key = keystore_open(dir, &a, password, &err);
	return key ? print_key(key) : fail(&err);
}

static int store(const char *dir, const char *password, const char *hex)
{
	struct err err = { 0 };
	struct sig_key *key = key_of(hex, &err);
	char *path;
	int rc = key ? keystore_store(&path, dir, key, password, KEYSTORE_LIGHT, &err) : -1;

	sig_key_free(key);
	if (rc < 0)
		return fail(&err);
	puts(path);
	free(path);
	return 0;
}

static int change(const char *path, const char *old_password, const char *new_password)
{
	struct err err = { 0 };

	return keystore_change_password(path, old_password, new_password, &err) == 0 ? 0 : fail(&err);
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "encrypt") == 0)
		return encrypt(argv[2], argv[3], argv[4]);
	if (argc == 4 && strcmp(argv[1], "decrypt") == 0)
		return decrypt(argv[2], argv[3]);
	if (argc == 5 && strcmp(argv[1], "open") == 0)
		return open_in(argv[2], argv[3], argv[4]);
	if (argc == 5 && strcmp(argv[1], "store") == 0)
		return store(argv[2], argv[3], argv[4]);
	if (argc == 5 && strcmp(argv[1], "change") == 0)
		return change(argv[2], argv[3], argv[4]);
	fputs("see the top of test/tools/keystore.c\n", stderr);
	return 2;
}
