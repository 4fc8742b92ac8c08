#ifndef LP_ETH_KEYSTORE_H
#define LP_ETH_KEYSTORE_H
#include <stddef.h>
#include "base/buf.h"
#include "base/sig.h"
struct err;

/*
 * Web3 Secret Storage V3: scrypt and pbkdf2 are read, scrypt (n 262144, r 8, p 1; light:
 * n 4096) is written; geth and cast read what we write and we what they write.  Slow by
 * design (a second, 256 MiB): never on the loop.  Any other thread.
 * A key leaves this room only as a struct sig_key.
 */
enum keystore_cost { KEYSTORE_STANDARD, KEYSTORE_LIGHT };

/* At most 64 KiB of JSON; scrypt above 1 GiB in all or pbkdf2 above 10^7 rounds is refused
 * at once (ERR_LIMIT).  A file need not say its address; if it does it must be right.
 * ERR_DENIED: wrong password.  ERR_INVALID names the field. */
struct sig_key *keystore_decrypt(const char *json, size_t len, const char *password, struct err *err);
/* The address that the file says it is of, without the password.  Fails with ERR_NOT_FOUND
 * when it is a keystore that does not say (cast's do not), else as above. */
int keystore_address(struct eth_addr *a, const char *json, size_t len, struct err *err);
int keystore_encrypt(struct buf *json, const struct sig_key *key, const char *password,
		     enum keystore_cost cost, struct err *err);

/* A folder of them: UTC--<time>--<address>, mode 0600, written aside, synced and renamed. */
struct keystore_entry {
	struct eth_addr addr;	/* zero when the file does not say */
	char *path;		/* owned */
};
struct keystore_list {
	struct keystore_entry *e;	/* sorted by name, that is by age */
	size_t n;
};
/* Files that are no keystores are passed over; at most 1000.  A missing folder is empty. */
int keystore_list(struct keystore_list *l, const char *dir, struct err *err);
void keystore_list_fini(struct keystore_list *l);
/* path (malloc'ed) of the new file.  Fails with ERR_INVALID when the address is there already. */
int keystore_store(char **path, const char *dir, const struct sig_key *key, const char *password,
		   enum keystore_cost cost, struct err *err);
/* The key of an address.  When no file says that it is of it, the first ten that do not say
 * are tried.  ERR_NOT_FOUND names folder and address; ERR_DENIED the file. */
struct sig_key *keystore_open(const char *dir, const struct eth_addr *addr, const char *password,
			      struct err *err);
/* New password for a file: written aside, read back, then renamed over it. */
int keystore_change_password(const char *path, const char *old_password, const char *new_password,
			     struct err *err);

#endif
