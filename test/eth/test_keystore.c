#include "test/test.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "eth/keystore.h"
#include "test/vectors.h"

static struct {
	struct sig_key *key;
	struct eth_addr addr;
	struct buf light;	/* key under "secret" at a low cost */
} t;

static char dir[64];

static int set_up(void **state)
{
	uint8_t secret[32];

	memset(secret, 0x46, 32);
	t.key = sig_key_new(secret, NULL);
	t.addr = sig_key_addr(t.key);
	buf_init(&t.light, 4096);
	strcpy(dir, "/tmp/lp-test-keystore-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	return keystore_encrypt(&t.light, t.key, "secret", KEYSTORE_LIGHT, NULL);
}

static int tear_down(void **state)
{
	buf_fini(&t.light);
	sig_key_free(t.key);
	return rmdir(dir);
}

/* ---- known answers ---- */

static void check_opens(const char *json, size_t len, const char *password, const json_t *o,
			const char *field)
{
	struct err err = { 0 };
	struct sig_key *key = keystore_decrypt(json, len, password, &err);
	uint8_t want[32], got[32];

	if (!key)
		fail_msg("%s", err.msg);
	vectors_hex(want, 32, o, field);
	sig_key_export(key, got);
	assert_memory_equal(got, want, 32);
	sig_key_free(key);
}

static void check_official(const char *name)
{
	json_t *root = vectors_load("test/vectors/eth_basic_tests.json"), *v = json_object_get(root, name);
	char *json = json_dumps(json_object_get(v, "json"), 0);

	assert_non_null(json);
	check_opens(json, strlen(json), json_string_value(json_object_get(v, "password")), v, "priv");
	free(json);
	json_decref(root);
}

static void official_pbkdf2(void **state) { check_official("test1"); }
/* r 1 with n above 2^16: RFC 7914 forbids it, OpenSSL refuses it, everybody reads it. */
static void official_scrypt(void **state) { check_official("test2"); }
static void official_odd_iv(void **state) { check_official("python_generated_test_with_odd_iv"); }
static void official_evil_nonce(void **state) { check_official("evilnonce"); }
static void official_mycrypto(void **state) { check_official("mycrypto"); }

static void what_ethers_writes_is_read(void **state)
{
	json_t *root = vectors_load("test/vectors/eth.json"), *v = json_object_get(root, "keystore");
	const char *json = json_string_value(json_object_get(v, "json"));
	struct eth_addr a, want;

	check_opens(json, strlen(json), json_string_value(json_object_get(v, "password")), v, "secret");
	vectors_hex(want.b, 20, v, "address");
	assert_int_equal(keystore_address(&a, json, strlen(json), NULL), 0);
	assert_true(eth_addr_equal(&a, &want));
	json_decref(root);
}

/* ---- what we write ---- */

static void check_written(const char *json, size_t len, json_int_t n)
{
	json_t *root = json_loadb(json, len, 0, NULL), *crypto = json_object_get(root, "crypto"), *params;
	const char *id = json_string_value(json_object_get(root, "id"));

	assert_int_equal(json_integer_value(json_object_get(root, "version")), 3);
	assert_string_equal(json_string_value(json_object_get(root, "address")),
			    "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f");
	assert_int_equal(strlen(id), 36);
	assert_int_equal(id[14], '4');
	assert_string_equal(json_string_value(json_object_get(crypto, "kdf")), "scrypt");
	params = json_object_get(crypto, "kdfparams");
	assert_int_equal(json_integer_value(json_object_get(params, "n")), n);
	assert_int_equal(json_integer_value(json_object_get(params, "r")), 8);
	assert_int_equal(json_integer_value(json_object_get(params, "p")), 1);
	assert_null(strstr(json_string_value(json_object_get(crypto, "ciphertext")), "4646"));
	json_decref(root);
}

static void what_is_written_opens_again(void **state)
{
	struct sig_key *key = keystore_decrypt((char *)t.light.data, t.light.len, "secret", NULL);
	struct eth_addr a;

	check_written((char *)t.light.data, t.light.len, 4096);
	assert_non_null(key);
	a = sig_key_addr(key);
	assert_true(eth_addr_equal(&a, &t.addr));
	sig_key_free(key);
}

static void each_file_has_its_own_salt_and_nonce(void **state)
{
	static const char *const fields[] = { "\"salt\":\"", "\"iv\":\"", "\"ciphertext\":\"", "\"id\":\"" };
	struct buf again;
	size_t i;

	buf_init(&again, 4096);
	assert_int_equal(keystore_encrypt(&again, t.key, "secret", KEYSTORE_LIGHT, NULL), 0);
	for (i = 0; i < 4; i++) {
		const char *a = strstr(buf_cstr(&t.light), fields[i]), *b = strstr(buf_cstr(&again), fields[i]);

		assert_non_null(a);
		assert_memory_not_equal(a, b, strlen(fields[i]) + 30);
	}
	buf_fini(&again);
}

static void any_password_will_do(void **state)
{
	char lengthy[1000];
	const char *const list[] = { "", " ", "p\xc3\xa4ss\xe2\x98\x83", "\xff\xfe", lengthy };
	size_t i;

	memset(lengthy, 'x', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	for (i = 0; i < 5; i++) {
		struct sig_key *key;
		struct buf b;

		buf_init(&b, 4096);
		assert_int_equal(keystore_encrypt(&b, t.key, list[i], KEYSTORE_LIGHT, NULL), 0);
		key = keystore_decrypt((char *)b.data, b.len, list[i], NULL);
		assert_non_null(key);
		sig_key_free(key);
		buf_fini(&b);
	}
}

static void no_room_is_a_limit(void **state)
{
	struct err err;
	struct buf b;

	buf_init(&b, 300);
	assert_int_equal(keystore_encrypt(&b, t.key, "secret", KEYSTORE_LIGHT, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

/* ---- tampering: a field of ours is changed by its path ---- */

/* Takes v (NULL: the field is removed). */
static char *changed(const char *path, json_t *v)
{
	json_t *root = json_loadb((char *)t.light.data, t.light.len, 0, NULL), *o = root;
	char key[64], *text;
	const char *dot;

	for (; (dot = strchr(path, '.')); path = dot + 1) {
		snprintf(key, sizeof(key), "%.*s", (int)(dot - path), path);
		o = json_object_get(o, key);
	}
	if (v)
		json_object_set_new(o, path, v);
	else
		json_object_del(o, path);
	text = json_dumps(root, 0);
	json_decref(root);
	return text;
}

static void check_json(const char *text, enum err_code code, const char *why)
{
	struct err err = { 0 };
	struct sig_key *key = keystore_decrypt(text, strlen(text), "secret", &err);

	if (key || err.code != code || !strstr(err.msg, why))
		fail_msg("%.120s: %s %s", text, err_code_name(err.code), err.msg);
	assert_null(keystore_decrypt(text, strlen(text), "secret", NULL));
}

static void check_changed(const char *path, json_t *v, enum err_code code, const char *why)
{
	char *text = changed(path, v);

	check_json(text, code, why);
	free(text);
}

static void a_wrong_password_is_denied(void **state)
{
	static const char *const list[] = { "", "Secret", "secret ", "secre" };
	struct err err;
	size_t i;

	for (i = 0; i < 4; i++) {
		assert_null(keystore_decrypt((char *)t.light.data, t.light.len, list[i], &err));
		assert_int_equal(err.code, ERR_DENIED);
	}
}

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

static void what_was_tampered_with_does_not_open(void **state)
{
	check_changed("crypto.mac", json_string(zeros), ERR_DENIED, "password");
	check_changed("crypto.ciphertext", json_string(zeros), ERR_DENIED, "password");
	check_changed("crypto.kdfparams.salt", json_string(zeros), ERR_DENIED, "password");
	check_changed("crypto.kdfparams.n", json_integer(8192), ERR_DENIED, "password");
	/* The MAC does not cover the nonce: only the address tells. */
	check_changed("crypto.cipherparams.iv", json_string(zeros + 32), ERR_INVALID, "says it is of");
	check_changed("address", json_string(zeros + 24), ERR_INVALID, "says it is of");
	check_changed("address", json_string("no address"), ERR_INVALID, "says it is of");
	check_changed("address", json_integer(1), ERR_INVALID, "address");
}

static void each_missing_or_wrong_field_is_named(void **state)
{
	static const struct { const char *path, *name; } fields[] = {
		{ "version", "version" }, { "crypto", "cipher" }, { "crypto.cipher", "cipher" },
		{ "crypto.cipherparams", "iv" }, { "crypto.cipherparams.iv", "iv" },
		{ "crypto.ciphertext", "ciphertext" }, { "crypto.mac", "mac" }, { "crypto.kdf", "kdf" },
		{ "crypto.kdfparams", "dklen" }, { "crypto.kdfparams.dklen", "dklen" },
		{ "crypto.kdfparams.salt", "salt" }, { "crypto.kdfparams.n", "n" },
		{ "crypto.kdfparams.r", "r" }, { "crypto.kdfparams.p", "p" },
	};
	char name[40];
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		snprintf(name, sizeof(name), "\"%s\"", fields[i].name);
		check_changed(fields[i].path, NULL, ERR_INVALID, name);
		check_changed(fields[i].path, json_null(), ERR_INVALID, name);
		check_changed(fields[i].path, json_array(), ERR_INVALID, name);
		check_changed(fields[i].path, json_string("xyz"), ERR_INVALID, name);
		check_changed(fields[i].path, json_real(1.5), ERR_INVALID, name);
		check_changed(fields[i].path, json_integer(-1), ERR_INVALID, name);
	}
}

static void foreign_values_are_refused(void **state)
{
	char text[300];

	memset(text, '0', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	check_changed("version", json_integer(1), ERR_INVALID, "version");
	check_changed("crypto.cipher", json_string("aes-128-cbc"), ERR_INVALID, "cipher");
	check_changed("crypto.kdf", json_string("argon2id"), ERR_INVALID, "kdf");
	check_changed("crypto.ciphertext", json_string(zeros + 2), ERR_INVALID, "ciphertext");
	check_changed("crypto.ciphertext", json_string(text), ERR_INVALID, "ciphertext");
	check_changed("crypto.ciphertext", json_string(""), ERR_INVALID, "ciphertext");
	check_changed("crypto.mac", json_string(zeros + 1), ERR_INVALID, "mac");
	check_changed("crypto.cipherparams.iv", json_string(zeros + 31), ERR_INVALID, "iv");
	check_changed("crypto.cipherparams.iv", json_string(""), ERR_INVALID, "iv");
	check_changed("crypto.kdfparams.salt", json_string(text), ERR_INVALID, "salt");
	check_changed("crypto.kdfparams.salt", json_string("0"), ERR_INVALID, "salt");
	check_changed("crypto.kdfparams.dklen", json_integer(31), ERR_INVALID, "dklen");
	check_changed("crypto.kdfparams.dklen", json_integer(64), ERR_INVALID, "dklen");
	check_changed("crypto.kdfparams.n", json_integer(4095), ERR_INVALID, "n");
	check_changed("crypto.kdfparams.n", json_integer(1), ERR_INVALID, "n");
}

/* CPU time of this process: the machine may be slow, but these must not even begin. */
static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static json_t *pbkdf2_of(json_int_t c)
{
	return json_pack("{s:i, s:I, s:s, s:s}", "dklen", 32, "c", c, "prf", "hmac-sha256", "salt", zeros);
}

static json_t *scrypt_of(json_int_t n, json_int_t r, json_int_t p)
{
	return json_pack("{s:i, s:I, s:I, s:I, s:s}", "dklen", 32, "n", n, "r", r, "p", p, "salt", zeros);
}

static void check_bomb(json_t *params, bool scrypt)
{
	json_t *crypto = json_pack("{s:s, s:{s:s}, s:s, s:s, s:s, s:o}", "cipher", "aes-128-ctr", "cipherparams",
				   "iv", zeros + 32, "ciphertext", zeros, "mac", zeros, "kdf",
				   scrypt ? "scrypt" : "pbkdf2", "kdfparams", params);

	check_changed("crypto", crypto, ERR_LIMIT, "too much work");
}

static void costs_without_measure_are_refused_at_once(void **state)
{
	double begin = cpu_s();

	check_bomb(scrypt_of(1 << 21, 8, 1), true);
	check_bomb(scrypt_of(1ll << 40, 1, 1), true);
	check_bomb(scrypt_of(1ll << 62, 8, 1), true);
	check_bomb(scrypt_of(2, 1 << 30, 1), true);
	check_bomb(scrypt_of(2, 1, INT64_MAX), true);
	check_bomb(scrypt_of(1 << 24, 64, 64), true);
	check_bomb(scrypt_of(1 << 20, 8, 64), true);	/* little memory at once, but many minutes */
	check_bomb(pbkdf2_of(1000000000), false);
	check_bomb(pbkdf2_of(INT64_MAX), false);
	assert_true(cpu_s() - begin < 1.0);
}

static void pbkdf2_needs_its_hash_named(void **state)
{
	json_t *params = pbkdf2_of(2), *crypto;

	json_object_set_new(params, "prf", json_string("hmac-sha512"));
	crypto = json_pack("{s:s, s:{s:s}, s:s, s:s, s:s, s:o}", "cipher", "aes-128-ctr", "cipherparams",
			   "iv", zeros + 32, "ciphertext", zeros, "mac", zeros, "kdf", "pbkdf2", "kdfparams", params);
	check_changed("crypto", crypto, ERR_INVALID, "prf");
}

static void what_is_no_object_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "null", "[]", "3", "{", "{}{}", "\"x\"", "{\"version\":3,\"version\":3}",
		"{\"version\":99999999999999999999}",
	};
	char *deep = xmalloc(60001), *lengthy = xcalloc(1, 65 * 1024 + 1);
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_json(bad[i], ERR_INVALID, "JSON");
	memset(deep, '[', 60000);
	deep[60000] = '\0';
	check_json(deep, ERR_INVALID, "JSON");
	memset(lengthy, ' ', 65 * 1024);
	check_json(lengthy, ERR_LIMIT, "KiB");
	free(lengthy);
	free(deep);
}

static void geths_first_writers_said_Crypto(void **state)
{
	json_t *root = json_loadb((char *)t.light.data, t.light.len, 0, NULL);
	struct sig_key *key;
	char *text;

	json_object_set(root, "Crypto", json_object_get(root, "crypto"));
	json_object_del(root, "crypto");
	text = json_dumps(root, 0);
	key = keystore_decrypt(text, strlen(text), "secret", NULL);
	assert_non_null(key);
	sig_key_free(key);
	free(text);
	json_decref(root);
}

static void a_file_without_address_opens_but_does_not_say_whose_it_is(void **state)
{
	char *text = changed("address", NULL);
	struct sig_key *key = keystore_decrypt(text, strlen(text), "secret", NULL);
	struct eth_addr a;
	struct err err;

	assert_non_null(key);
	assert_int_equal(keystore_address(&a, text, strlen(text), &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	sig_key_free(key);
	free(text);
}

/* ---- a folder of them ---- */

static size_t count_files(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0;

	while ((e = readdir(d)))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void write_text(const char *name, const char *text, mode_t mode)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

static void remove_file(const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(remove(path), 0);
}

static void check_key_opens(const char *password)
{
	struct err err = { 0 };
	struct sig_key *key = keystore_open(dir, &t.addr, password, &err);
	struct eth_addr a;

	if (!key)
		fail_msg("%s", err.msg);
	a = sig_key_addr(key);
	assert_true(eth_addr_equal(&a, &t.addr));
	sig_key_free(key);
}

static void a_stored_key_is_found_by_its_address_alone(void **state)
{
	struct sig_key *other = sig_key_generate();
	char *path, *second;
	struct keystore_list l;
	struct stat st;
	struct err err;

	assert_int_equal(keystore_store(&path, dir, t.key, "secret", KEYSTORE_LIGHT, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_non_null(strstr(path, "/UTC--20"));
	assert_non_null(strstr(path, "Z--9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"));
	check_key_opens("secret");
	assert_null(keystore_open(dir, &t.addr, "wrong", &err));
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, path));
	assert_int_equal(keystore_store(&second, dir, t.key, "secret", KEYSTORE_LIGHT, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "there already"));
	assert_int_equal(keystore_store(&second, dir, other, "secret", KEYSTORE_LIGHT, NULL), 0);
	assert_int_equal(keystore_list(&l, dir, NULL), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.e[0].path, path);
	assert_string_equal(l.e[1].path, second);
	assert_true(eth_addr_equal(&l.e[0].addr, &t.addr));
	keystore_list_fini(&l);
	assert_int_equal(count_files(), 2);	/* nothing aside */
	remove(path);
	remove(second);
	free(path);
	free(second);
	sig_key_free(other);
}

/* As cast writes them: found by opening, after those that say whose they are. */
static void a_key_is_found_in_a_file_that_does_not_say(void **state)
{
	char *text = changed("address", NULL);
	struct eth_addr other = { { 1 } };
	struct keystore_list l;
	struct err err;

	write_text("nameless", text, 0600);
	assert_int_equal(keystore_list(&l, dir, NULL), 0);
	assert_int_equal(l.n, 1);
	assert_true(eth_addr_is_zero(&l.e[0].addr));
	keystore_list_fini(&l);
	check_key_opens("secret");
	assert_null(keystore_open(dir, &t.addr, "wrong", &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "this password"));
	assert_null(keystore_open(dir, &other, "secret", &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	/* One that says so is believed, and its password is what counts. */
	write_text("named", buf_cstr(&t.light), 0600);
	check_key_opens("secret");
	assert_null(keystore_open(dir, &t.addr, "wrong", &err));
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "/named"));
	remove_file("nameless");
	remove_file("named");
	free(text);
}

static void what_is_no_keystore_is_passed_over(void **state)
{
	char big[66 * 1024], fifo[100];
	struct keystore_list l;
	char sub[100];

	memset(big, ' ', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	write_text("big", big, 0600);
	write_text("empty", "", 0600);
	write_text("text", "not JSON", 0600);
	write_text("json", "{\"address\":\"12\"}", 0600);
	write_text("other", "{\"crypto\":7}", 0600);
	write_text(".hidden", buf_cstr(&t.light), 0600);
	write_text("good", buf_cstr(&t.light), 0600);
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(keystore_list(&l, dir, NULL), 0);
	assert_int_equal(l.n, 1);
	assert_non_null(strstr(l.e[0].path, "/good"));
	keystore_list_fini(&l);
	check_key_opens("secret");
	remove_file("big");
	remove_file("empty");
	remove_file("text");
	remove_file("json");
	remove_file("other");
	remove_file(".hidden");
	remove_file("good");
	remove_file("fifo");
	remove_file("sub");
}

static void a_missing_folder_is_empty_and_made_when_needed(void **state)
{
	char path[100], *file;
	struct keystore_list l;
	struct stat st;
	struct err err;

	snprintf(path, sizeof(path), "%s/keys", dir);
	assert_int_equal(keystore_list(&l, path, NULL), 0);
	assert_int_equal(l.n, 0);
	keystore_list_fini(&l);
	assert_null(keystore_open(path, &t.addr, "secret", &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.msg, path));
	assert_non_null(strstr(err.msg, "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"));
	assert_int_equal(keystore_store(&file, path, t.key, "secret", KEYSTORE_LIGHT, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	remove(file);
	remove(path);
	free(file);
}

static void a_folder_that_is_a_file_is_an_io_error(void **state)
{
	char path[100], *file = NULL;
	struct keystore_list l;
	struct err err;

	write_text("file", "", 0600);
	snprintf(path, sizeof(path), "%s/file", dir);
	assert_int_equal(keystore_list(&l, path, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_null(keystore_open(path, &t.addr, "secret", &err));
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(keystore_store(&file, path, t.key, "secret", KEYSTORE_LIGHT, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_null(file);
	remove_file("file");
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

static size_t get(const char *path, char to[4096])
{
	FILE *f = fopen(path, "r");
	size_t n = fread(to, 1, 4095, f);

	fclose(f);
	to[n] = '\0';
	return n;
}

/* The one case at the standard cost, as it is what operators have.  A link to another
 * file, where the new one is written aside, is no way to that file. */
static void a_password_is_changed(void **state)
{
	char victim[100], link[200], text[4096];
	struct stat st;
	struct err err;
	char *path;
	size_t n;

	assert_int_equal(keystore_store(&path, dir, t.key, "secret", KEYSTORE_LIGHT, NULL), 0);
	snprintf(victim, sizeof(victim), "%s/victim", dir);
	put(victim, "kept");
	snprintf(link, sizeof(link), "%s/.%s.new", dir, strrchr(path, '/') + 1);
	assert_int_equal(symlink(victim, link), 0);
	assert_int_equal(keystore_change_password(path, "wrong", "other", &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	check_key_opens("secret");
	assert_int_equal(keystore_change_password(path, "secret", "other", NULL), 0);
	assert_int_equal(count_files(), 2);	/* nothing aside */
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	check_key_opens("other");
	assert_null(keystore_open(dir, &t.addr, "secret", &err));
	assert_int_equal(err.code, ERR_DENIED);
	get(victim, text);
	assert_string_equal(text, "kept");
	n = get(path, text);
	check_written(text, n, 262144);
	remove(path);
	remove(victim);
	free(path);
}

static void a_path_that_is_no_file_has_no_password(void **state)
{
	char path[100];
	struct err err;

	snprintf(path, sizeof(path), "%s/none", dir);
	assert_int_equal(keystore_change_password(path, "secret", "other", &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.msg, "No such file"));
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(keystore_change_password(path, "secret", "other", &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.msg, "Invalid"));
	remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(official_pbkdf2),
		cmocka_unit_test(official_scrypt),
		cmocka_unit_test(official_odd_iv),
		cmocka_unit_test(official_evil_nonce),
		cmocka_unit_test(official_mycrypto),
		cmocka_unit_test(what_ethers_writes_is_read),
		cmocka_unit_test(what_is_written_opens_again),
		cmocka_unit_test(each_file_has_its_own_salt_and_nonce),
		cmocka_unit_test(any_password_will_do),
		cmocka_unit_test(no_room_is_a_limit),
		cmocka_unit_test(a_wrong_password_is_denied),
		cmocka_unit_test(what_was_tampered_with_does_not_open),
		cmocka_unit_test(each_missing_or_wrong_field_is_named),
		cmocka_unit_test(foreign_values_are_refused),
		cmocka_unit_test(costs_without_measure_are_refused_at_once),
		cmocka_unit_test(pbkdf2_needs_its_hash_named),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(geths_first_writers_said_Crypto),
		cmocka_unit_test(a_file_without_address_opens_but_does_not_say_whose_it_is),
		cmocka_unit_test(a_stored_key_is_found_by_its_address_alone),
		cmocka_unit_test(a_key_is_found_in_a_file_that_does_not_say),
		cmocka_unit_test(what_is_no_keystore_is_passed_over),
		cmocka_unit_test(a_missing_folder_is_empty_and_made_when_needed),
		cmocka_unit_test(a_folder_that_is_a_file_is_an_io_error),
		cmocka_unit_test(a_password_is_changed),
		cmocka_unit_test(a_path_that_is_no_file_has_no_password),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
