/* Web3 Secret Storage V3: scrypt or pbkdf2, AES-128-CTR, a keccak MAC. */
#include "eth/keystore.h"

#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/secret.h"

#define JSON_MAX (64 * 1024)
#define SALT_MAX 64
#define SECRET_LEN 32
#define IV_LEN 16
#define KDF_LEN 32	/* 16 bytes for AES, 16 for the MAC */
#define SCRYPT_WORK_MAX (1ull << 30)	/* bytes mixed; four times the standard cost */
#define PBKDF2_ROUNDS_MAX 10000000	/* some seconds; files have a quarter of a million */

struct kdf {
	bool scrypt;
	uint64_t n, r, p;	/* scrypt */
	int rounds;		/* pbkdf2 */
	uint8_t salt[SALT_MAX];
	size_t n_salt;
};

struct sealed {
	struct kdf kdf;
	uint8_t iv[IV_LEN];
	uint8_t text[SECRET_LEN];
	uint8_t mac[32];
};

/* ---- reading the JSON ---- */

static int bad(struct err *err, const char *field)
{
	return err_set(err, ERR_INVALID, "keystore: \"%s\" is missing or wrong", field);
}

static int get_hex(json_t *o, const char *field, uint8_t *to, size_t len, struct err *err)
{
	const char *s = json_string_value(json_object_get(o, field));

	return s && hex_parse(to, len, s) == 0 ? 0 : bad(err, field);
}

/* Some writers drop leading zeros of numbers that they write as hex. */
static int get_short_hex(json_t *o, const char *field, uint8_t *to, size_t len, struct err *err)
{
	const char *s = json_string_value(json_object_get(o, field));
	char padded[2 * SECRET_LEN + 1];
	size_t n = s ? strlen(s) : 0;

	if (n == 0 || n > 2 * len)
		return bad(err, field);
	memset(padded, '0', 2 * len);
	memcpy(padded + 2 * len - n, s, n + 1);
	return hex_parse(to, len, padded) == 0 ? 0 : bad(err, field);
}

static int get_salt(struct kdf *k, json_t *params, struct err *err)
{
	const char *s = json_string_value(json_object_get(params, "salt"));
	size_t n = s ? strlen(s) : 0;

	if (n % 2 || n > 2 * SALT_MAX)
		return bad(err, "salt");
	k->n_salt = n / 2;
	return s && hex_parse(k->salt, k->n_salt, s) == 0 ? 0 : bad(err, "salt");
}

static int get_number(json_t *o, const char *field, uint64_t max, uint64_t *v, struct err *err)
{
	json_t *j = json_object_get(o, field);

	if (!json_is_integer(j) || json_integer_value(j) <= 0)
		return bad(err, field);
	*v = (uint64_t)json_integer_value(j);
	if (*v > max)
		return err_set(err, ERR_LIMIT, "keystore: \"%s\" of %" PRIu64 " is too much work", field, *v);
	return 0;
}

static int parse_scrypt(struct kdf *k, json_t *params, struct err *err)
{
	k->scrypt = true;
	if (get_number(params, "n", 1u << 24, &k->n, err) < 0 ||
	    get_number(params, "r", 64, &k->r, err) < 0 || get_number(params, "p", 64, &k->p, err) < 0)
		return -1;
	if (k->n < 2 || k->n & (k->n - 1))
		return bad(err, "n");
	if (128 * k->n * k->r * k->p > SCRYPT_WORK_MAX)
		return err_set(err, ERR_LIMIT, "keystore: scrypt with n %" PRIu64 ", r %" PRIu64
			       " and p %" PRIu64 " is too much work", k->n, k->r, k->p);
	return 0;
}

static int parse_pbkdf2(struct kdf *k, json_t *params, struct err *err)
{
	const char *prf = json_string_value(json_object_get(params, "prf"));
	uint64_t rounds;

	if (!prf || strcmp(prf, "hmac-sha256") != 0)
		return bad(err, "prf");
	if (get_number(params, "c", PBKDF2_ROUNDS_MAX, &rounds, err) < 0)
		return -1;
	k->rounds = (int)rounds;
	return 0;
}

static int parse_kdf(struct kdf *k, json_t *crypto, struct err *err)
{
	const char *name = json_string_value(json_object_get(crypto, "kdf"));
	json_t *params = json_object_get(crypto, "kdfparams");

	if (json_integer_value(json_object_get(params, "dklen")) != KDF_LEN)
		return bad(err, "dklen");
	if (get_salt(k, params, err) < 0)
		return -1;
	if (name && strcmp(name, "scrypt") == 0)
		return parse_scrypt(k, params, err);
	if (name && strcmp(name, "pbkdf2") == 0)
		return parse_pbkdf2(k, params, err);
	return bad(err, "kdf");
}

static int parse_sealed(struct sealed *s, json_t *root, struct err *err)
{
	json_t *crypto = json_object_get(root, "crypto");
	const char *cipher;

	if (!crypto)
		crypto = json_object_get(root, "Crypto");	/* geth's first writers */
	if (json_integer_value(json_object_get(root, "version")) != 3)
		return bad(err, "version");
	cipher = json_string_value(json_object_get(crypto, "cipher"));
	if (!cipher || strcmp(cipher, "aes-128-ctr") != 0)
		return bad(err, "cipher");
	if (get_short_hex(json_object_get(crypto, "cipherparams"), "iv", s->iv, IV_LEN, err) < 0 ||
	    get_hex(crypto, "ciphertext", s->text, SECRET_LEN, err) < 0 ||
	    get_hex(crypto, "mac", s->mac, sizeof(s->mac), err) < 0)
		return -1;
	return parse_kdf(&s->kdf, crypto, err);
}

/* Returns a reference, or NULL. */
static json_t *parse_json(const char *json, size_t len, struct err *err)
{
	json_error_t why;
	json_t *root;

	if (len > JSON_MAX) {
		err_set(err, ERR_LIMIT, "keystore: more than %d KiB", JSON_MAX / 1024);
		return NULL;
	}
	root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(root)) {
		err_set(err, ERR_INVALID, "keystore: not a JSON object");
		json_decref(root);
		return NULL;
	}
	return root;
}

/* ---- the work ---- */

/* scrypt is libsodium's: OpenSSL's keeps RFC 7914's n < 2^(16 r), which the standard's own
 * vector (n 2^18, r 1) does not. */
static int derive(uint8_t key[KDF_LEN], const struct kdf *k, const char *password, struct err *err)
{
	size_t n = strlen(password);
	int ok;

	if (k->scrypt)
		ok = crypto_pwhash_scryptsalsa208sha256_ll((const uint8_t *)password, n, k->salt, k->n_salt, k->n,
							   (uint32_t)k->r, (uint32_t)k->p, key, KDF_LEN) == 0;
	else
		ok = PKCS5_PBKDF2_HMAC(password, (int)n, k->salt, (int)k->n_salt, k->rounds,
				       EVP_sha256(), KDF_LEN, key);
	return ok ? 0 : err_set(err, ERR_INTERNAL, "keystore: key derivation failed");
}

static struct hash32 mac_of(const uint8_t key[KDF_LEN], const uint8_t text[SECRET_LEN])
{
	uint8_t both[16 + SECRET_LEN];
	struct hash32 h;

	memcpy(both, key + 16, 16);
	memcpy(both + 16, text, SECRET_LEN);
	h = hash_keccak256(both, sizeof(both));
	secret_wipe(both, sizeof(both));
	return h;
}

/* AES-128-CTR is its own inverse. */
static int crypt_ctr(uint8_t *to, const uint8_t *from, const uint8_t key[KDF_LEN],
		     const uint8_t iv[IV_LEN], struct err *err)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0, ok;

	ok = c && EVP_EncryptInit_ex(c, EVP_aes_128_ctr(), NULL, key, iv) &&
	     EVP_EncryptUpdate(c, to, &n, from, SECRET_LEN) && n == SECRET_LEN;
	EVP_CIPHER_CTX_free(c);
	return ok ? 0 : err_set(err, ERR_INTERNAL, "keystore: AES failed");
}

static struct sig_key *unseal(const struct sealed *s, const char *password, struct err *err)
{
	uint8_t *work = secret_alloc(KDF_LEN + SECRET_LEN);
	struct sig_key *key = NULL;
	struct hash32 mac;

	if (derive(work, &s->kdf, password, err) == 0) {
		mac = mac_of(work, s->text);
		if (!secret_equal(mac.b, s->mac, sizeof(s->mac)))
			err_set(err, ERR_DENIED, "keystore: wrong password");
		else if (crypt_ctr(work + KDF_LEN, s->text, work, s->iv, err) == 0)
			key = sig_key_new(work + KDF_LEN, err);
	}
	secret_free(work);
	return key;
}

/* A file whose address is not that of its key was tampered with or mixed up. */
static struct sig_key *check_address(struct sig_key *key, json_t *root, struct err *err)
{
	json_t *field = json_object_get(root, "address");
	const char *s = json_string_value(field);
	struct eth_addr says = { 0 }, is;

	if (!key || !field)
		return key;
	is = sig_key_addr(key);
	if (s && hex_parse(says.b, sizeof(says.b), s) == 0 && eth_addr_equal(&says, &is))
		return key;
	err_set(err, ERR_INVALID, "keystore: says it is of address %.42s and is not", s ? s : "(no text)");
	sig_key_free(key);
	return NULL;
}

struct sig_key *keystore_decrypt(const char *json, size_t len, const char *password, struct err *err)
{
	json_t *root = parse_json(json, len, err);
	struct sig_key *key = NULL;
	struct sealed s = { 0 };

	if (root && parse_sealed(&s, root, err) == 0)
		key = check_address(unseal(&s, password, err), root, err);
	json_decref(root);
	return key;
}

int keystore_address(struct eth_addr *a, const char *json, size_t len, struct err *err)
{
	json_t *root = parse_json(json, len, err);
	const char *s;
	int rc = 0;

	if (!root)
		return -1;
	s = json_string_value(json_object_get(root, "address"));
	if (!json_object_get(root, "address") && json_is_object(json_object_get(root, "crypto")))
		rc = err_set(err, ERR_NOT_FOUND, "keystore: does not say of which address it is");
	else if (!s || hex_parse(a->b, sizeof(a->b), s) < 0)
		rc = bad(err, "address");
	json_decref(root);
	return rc;
}

/* ---- writing ---- */

static void add_hex(struct buf *b, const char *field, const uint8_t *data, size_t len)
{
	char text[2 * SALT_MAX + 1];

	hex_fmt(text, data, len);
	buf_addf(b, "\"%s\":\"%s\"", field, text);
}

/* A random UUID (RFC 4122, version 4). */
static void add_id(struct buf *b)
{
	uint8_t u[16];
	char h[33];

	secret_random(u, sizeof(u));
	u[6] = (u[6] & 0x0f) | 0x40;
	u[8] = (u[8] & 0x3f) | 0x80;
	hex_fmt(h, u, sizeof(u));
	buf_addf(b, "\"id\":\"%.8s-%.4s-%.4s-%.4s-%s\"", h, h + 8, h + 12, h + 16, h + 20);
}

static void add_json(struct buf *b, const struct sealed *s, const struct eth_addr *a)
{
	buf_add_str(b, "{");
	add_hex(b, "address", a->b, sizeof(a->b));
	buf_add_str(b, ",\"crypto\":{\"cipher\":\"aes-128-ctr\",");
	add_hex(b, "ciphertext", s->text, sizeof(s->text));
	buf_add_str(b, ",\"cipherparams\":{");
	add_hex(b, "iv", s->iv, sizeof(s->iv));
	buf_addf(b, "},\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":%d,\"n\":%" PRIu64
		 ",\"p\":%" PRIu64 ",\"r\":%" PRIu64 ",", KDF_LEN, s->kdf.n, s->kdf.p, s->kdf.r);
	add_hex(b, "salt", s->kdf.salt, s->kdf.n_salt);
	buf_add_str(b, "},");
	add_hex(b, "mac", s->mac, sizeof(s->mac));
	buf_add_str(b, "},");
	add_id(b);
	buf_add_str(b, ",\"version\":3}\n");
}

static int seal(struct sealed *s, const struct sig_key *key, const char *password, struct err *err)
{
	uint8_t *work = secret_alloc(KDF_LEN + SECRET_LEN);
	struct hash32 mac;
	int rc = -1;

	if (derive(work, &s->kdf, password, err) == 0) {
		sig_key_export(key, work + KDF_LEN);
		rc = crypt_ctr(s->text, work + KDF_LEN, work, s->iv, err);
		mac = mac_of(work, s->text);
		memcpy(s->mac, mac.b, sizeof(s->mac));
	}
	secret_free(work);
	return rc;
}

int keystore_encrypt(struct buf *json, const struct sig_key *key, const char *password,
		     enum keystore_cost cost, struct err *err)
{
	struct sealed s = { .kdf = { .scrypt = true, .n = 262144, .r = 8, .p = 1, .n_salt = 32 } };
	struct eth_addr a = sig_key_addr(key);
	size_t start = json->len;

	if (cost == KEYSTORE_LIGHT)
		s.kdf.n = 4096;
	secret_random(s.kdf.salt, s.kdf.n_salt);
	secret_random(s.iv, sizeof(s.iv));
	if (seal(&s, key, password, err) < 0)
		return -1;
	add_json(json, &s, &a);
	if (!json->failed)
		return 0;
	json->len = start;
	return err_set(err, ERR_LIMIT, "keystore: no room for it");
}
