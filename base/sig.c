#include "base/sig.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/secret.h"

/* 64 hex digits and a line end. */
#define KEY_FILE_LEN 65

struct sig_key {
	uint8_t secret[32];
	struct eth_addr addr;
};

static secp256k1_context *ctx;	/* made once, then only read: any thread */

static void make_ctx(void)
{
	uint8_t seed[32];

	ctx = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
	secret_random(seed, sizeof(seed));
	/* Blinds signing against side channels. */
	if (!ctx || !secp256k1_context_randomize(ctx, seed))
		abort();
	secret_wipe(seed, sizeof(seed));
}

static const secp256k1_context *curve(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_ctx);
	return ctx;
}

static struct eth_addr addr_of(const secp256k1_pubkey *pub)
{
	uint8_t raw[65];
	size_t len = sizeof(raw);
	struct eth_addr a;
	struct hash32 h;

	secp256k1_ec_pubkey_serialize(curve(), raw, &len, pub, SECP256K1_EC_UNCOMPRESSED);
	h = hash_keccak256(raw + 1, 64);
	memcpy(a.b, h.b + 12, sizeof(a.b));
	return a;
}

/* ---- keys ---- */

struct sig_key *sig_key_new(const uint8_t secret[32], struct err *err)
{
	secp256k1_pubkey pub;
	struct sig_key *k;

	if (!secp256k1_ec_pubkey_create(curve(), &pub, secret)) {
		err_set(err, ERR_INVALID, "private key is zero or not below the group order");
		return NULL;
	}
	k = secret_alloc(sizeof(*k));
	memcpy(k->secret, secret, sizeof(k->secret));
	k->addr = addr_of(&pub);
	return k;
}

struct sig_key *sig_key_generate(void)
{
	uint8_t *secret = secret_alloc(32);
	struct sig_key *k;

	do {	/* the chance of a second turn is 2^-127 */
		secret_random(secret, 32);
		k = sig_key_new(secret, NULL);
	} while (!k);
	secret_free(secret);
	return k;
}

void sig_key_free(struct sig_key *k)
{
	secret_free(k);
}

struct eth_addr sig_key_addr(const struct sig_key *k)
{
	return k->addr;
}

void sig_key_export(const struct sig_key *k, uint8_t secret[32])
{
	memcpy(secret, k->secret, sizeof(k->secret));
}

/* ---- the key file ---- */

static ssize_t read_some(int fd, char *to, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	while (len < cap) {
		n = read(fd, to + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* text has room for KEY_FILE_LEN + 1; it is the caller's to wipe. */
static struct sig_key *parse_key_file(int fd, char *text, uint8_t *secret, const char *path,
				      struct err *err)
{
	struct stat st;
	struct sig_key *k;
	ssize_t len;

	if (fstat(fd, &st) < 0) {
		err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(err, ERR_INVALID, "%s: not a regular file", path);
		return NULL;
	}
	if (st.st_mode & 077) {
		err_set(err, ERR_DENIED, "%s: others may read or change this key (mode %04o); chmod 600 it",
			path, (unsigned)st.st_mode & 07777);
		return NULL;
	}
	len = read_some(fd, text, KEY_FILE_LEN + 1);
	if (len < 0) {
		err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (len == KEY_FILE_LEN && text[64] == '\n')
		len--;
	if (len == 64)
		text[64] = 0;
	if (len != 64 || hex_parse(secret, 32, text) < 0) {
		err_set(err, ERR_INVALID, "%s: damaged: not 64 hex digits", path);
		return NULL;
	}
	k = sig_key_new(secret, err);
	if (!k)
		err_wrap(err, "%s", path);
	return k;
}

/* NULL with ERR_NOT_FOUND when there is no file. */
static struct sig_key *load_key(int dir_fd, const char *name, const char *path, struct err *err)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct sig_key *k;
	uint8_t *secret;

	if (fd < 0) {
		err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
			strerror(errno));
		return NULL;
	}
	secret = secret_alloc(32 + KEY_FILE_LEN + 1);
	k = parse_key_file(fd, (char *)secret + 32, secret, path, err);
	secret_free(secret);
	close(fd);
	return k;
}

/* Give tmp its name for good.  Whoever comes second gets EEXIST, so that two
 * processes started together end up with one key. */
static int publish(int dir_fd, const char *tmp, const char *name)
{
	if (renameat2(dir_fd, tmp, dir_fd, name, RENAME_NOREPLACE) == 0)
		return fsync(dir_fd);
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* A file system that cannot promise it. */
	if (renameat(dir_fd, tmp, dir_fd, name) < 0)
		return -1;
	return fsync(dir_fd);
}

/* Whole and on disk, or not there at all.  0 also when another process was faster. */
static int create_key_file(int dir_fd, const char *name, const struct sig_key *k)
{
	char tmp[300], tag[17];
	char *text;
	uint8_t rnd[8];
	int fd, rc, saved;

	secret_random(rnd, sizeof(rnd));
	hex_fmt(tag, rnd, sizeof(rnd));
	snprintf(tmp, sizeof(tmp), ".%.200s.%s", name, tag);
	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	text = secret_alloc(KEY_FILE_LEN + 1);
	hex_fmt(text, k->secret, 32);
	text[64] = '\n';
	rc = fd_write_all(fd, text, KEY_FILE_LEN);
	secret_free(text);
	if (rc == 0)
		rc = fsync(fd);
	if (close(fd) < 0)
		rc = -1;
	if (rc == 0)
		rc = publish(dir_fd, tmp, name);
	saved = errno;
	if (rc < 0)
		unlinkat(dir_fd, tmp, 0);
	errno = saved;
	return rc < 0 && saved != EEXIST ? -1 : 0;
}

static struct sig_key *load_or_create_at(int dir_fd, const char *name, const char *path,
					 struct err *err)
{
	struct err why = { 0 };
	struct sig_key *k = load_key(dir_fd, name, path, &why);
	int rc;

	if (k)
		return k;
	if (why.code != ERR_NOT_FOUND) {
		err_set(err, why.code, "%s", why.msg);
		return NULL;
	}
	k = sig_key_generate();
	rc = create_key_file(dir_fd, name, k);
	sig_key_free(k);
	if (rc < 0) {
		err_set(err, ERR_IO, "%s: cannot create: %s", path, strerror(errno));
		return NULL;
	}
	return load_key(dir_fd, name, path, err);	/* what is on disk counts */
}

struct sig_key *sig_key_load_or_create(const char *dir, const char *name, struct err *err)
{
	char path[160];
	struct sig_key *k;
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0) {
		err_set(err, ERR_IO, "%s: %s", dir, strerror(errno));
		return NULL;
	}
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	k = load_or_create_at(dir_fd, name, path, err);
	close(dir_fd);
	return k;
}

/* ---- signatures ---- */

struct sig65 sig_sign(const struct sig_key *k, const struct hash32 *digest)
{
	secp256k1_ecdsa_recoverable_signature raw;
	struct sig65 sig;
	int recid = 0, ok;

	/* The key was checked when it was made, so neither can fail. */
	ok = secp256k1_ecdsa_sign_recoverable(curve(), &raw, digest->b, k->secret, NULL, NULL) &&
	     secp256k1_ecdsa_recoverable_signature_serialize_compact(curve(), sig.b, &recid, &raw);
	assert(ok);
	/* r of a recid above 1 lies in a gap of 2^-128: nobody will see it. */
	assert(recid < 2);
	sig.b[64] = (uint8_t)(27 + recid);
	return sig;
}

int sig_recover(struct eth_addr *signer, const struct hash32 *digest, const struct sig65 *sig,
		struct err *err)
{
	secp256k1_ecdsa_recoverable_signature raw;
	secp256k1_ecdsa_signature plain;
	secp256k1_pubkey pub;

	if (sig->b[64] != 27 && sig->b[64] != 28)
		return err_set(err, ERR_INVALID, "signature: v is %u, not 27 or 28", sig->b[64]);
	if (!secp256k1_ecdsa_recoverable_signature_parse_compact(curve(), &raw, sig->b,
								 sig->b[64] - 27))
		return err_set(err, ERR_INVALID, "signature: r or s is not below the group order");
	secp256k1_ecdsa_recoverable_signature_convert(curve(), &plain, &raw);
	if (secp256k1_ecdsa_signature_normalize(curve(), NULL, &plain))
		return err_set(err, ERR_INVALID, "signature: high s");
	if (!secp256k1_ecdsa_recover(curve(), &pub, &raw, digest->b))
		return err_set(err, ERR_INVALID, "signature: no public key has made it");
	*signer = addr_of(&pub);
	return 0;
}

int sig_verify(const struct eth_addr *signer, const struct hash32 *digest, const struct sig65 *sig,
	       struct err *err)
{
	char want[43], got[43];
	struct eth_addr a;

	if (sig_recover(&a, digest, sig, err) < 0)
		return -1;
	if (eth_addr_equal(&a, signer))
		return 0;
	eth_addr_fmt(want, signer);
	eth_addr_fmt(got, &a);
	return err_set(err, ERR_DENIED, "signed by %s, not by %s", got, want);
}

/* ---- addresses ---- */

bool eth_addr_equal(const struct eth_addr *a, const struct eth_addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool eth_addr_is_zero(const struct eth_addr *a)
{
	static const struct eth_addr zero;

	return eth_addr_equal(a, &zero);
}

/* EIP-55: a letter is a capital where the hash of the small letters has a high nibble. */
void eth_addr_fmt(char to[43], const struct eth_addr *a)
{
	struct hash32 h;
	size_t i;

	to[0] = '0';
	to[1] = 'x';
	hex_fmt(to + 2, a->b, sizeof(a->b));
	h = hash_keccak256(to + 2, 40);
	for (i = 0; i < 40; i++) {
		unsigned nibble = i % 2 ? h.b[i / 2] & 15 : h.b[i / 2] >> 4;

		if (nibble >= 8)
			to[2 + i] = (char)toupper((unsigned char)to[2 + i]);
	}
}

int eth_addr_parse(struct eth_addr *a, const char *s, struct err *err)
{
	bool has_upper = false, has_lower = false;
	char sum[43];
	const char *p;

	if (s[0] != '0' || s[1] != 'x' || hex_parse(a->b, sizeof(a->b), s) < 0)
		return err_set(err, ERR_INVALID, "not an address (0x and 40 hex digits): %.50s", s);
	for (p = s + 2; *p; p++) {
		has_upper |= *p >= 'A' && *p <= 'F';
		has_lower |= *p >= 'a' && *p <= 'f';
	}
	eth_addr_fmt(sum, a);
	if (has_upper && has_lower && strcmp(s + 2, sum + 2) != 0)
		return err_set(err, ERR_INVALID, "address %s: wrong checksum, mistyped?", s);
	return 0;
}
