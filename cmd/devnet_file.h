#ifndef LP_CMD_DEVNET_FILE_H
#define LP_CMD_DEVNET_FILE_H
#include <stddef.h>
#include <stdint.h>
#include "base/sig.h"
struct err;

/*
 * DIR/devnet.json, as scripts/devnet.sh writes it: where the chain is, and accounts to try
 * things with.
 */
#define DEVNET_FILE_MAX (256 * 1024)
#define DEVNET_ACCOUNTS_MAX 1000

struct devnet_account {
	struct eth_addr addr;
	char *keystore, *password_file;		/* paths; owned; may be NULL */
};
struct devnet {
	char *rpc;		/* owned */
	uint64_t chain_id;
	struct eth_addr controller;	/* zero: not deployed */
	struct devnet_account *accounts;
	size_t n_accounts;
};

/* Relative paths are meant from dir.  Fails with ERR_INVALID naming the field, ERR_LIMIT. */
int devnet_parse(struct devnet *d, const char *text, size_t len, const char *dir, struct err *err);
/* Fails also with ERR_NOT_FOUND: there is none, start one. */
int devnet_load(struct devnet *d, const char *dir, struct err *err);
void devnet_fini(struct devnet *d);

#endif
