#include "test/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sig.h"
#include "test/vectors.h"

static struct {
	json_t *vectors;
	struct sig_key *key;
	struct hash32 digest;
	struct sig65 sig;
} t;

static char dir[64];

static int set_up(void **state)
{
	uint8_t secret[32];
	json_t *segment;

	t.vectors = vectors_load("test/vectors/eip712.json");
	segment = json_object_get(json_array_get(json_object_get(t.vectors, "domains"), 0),
				  "segment");
	vectors_hex(secret, 32, t.vectors, "broadcasterKey");
	vectors_hex(t.digest.b, 32, segment, "digest");
	vectors_hex(t.sig.b, 65, segment, "signature");
	t.key = sig_key_new(secret, NULL);
	strcpy(dir, "/tmp/lp-test-sig-XXXXXX");
	return t.key && mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	sig_key_free(t.key);
	json_decref(t.vectors);
	return rmdir(dir);
}

/* ---- signatures ---- */

static void signature_is_that_of_ethers(void **state)
{
	struct sig65 got = sig_sign(t.key, &t.digest);

	assert_memory_equal(got.b, t.sig.b, 65);
}

static void signer_is_recovered(void **state)
{
	struct eth_addr a, want = sig_key_addr(t.key);

	assert_int_equal(sig_recover(&a, &t.digest, &t.sig, NULL), 0);
	assert_true(eth_addr_equal(&a, &want));
	assert_int_equal(sig_verify(&want, &t.digest, &t.sig, NULL), 0);
}

/* s' = n - s with v flipped is a signature of the same key over the same digest. */
static void malleable_twin_is_refused(void **state)
{
	static const uint8_t n[32] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c,
		0xd0, 0x36, 0x41, 0x41,
	};
	struct sig65 twin = t.sig;
	struct eth_addr a;
	struct err err;
	int borrow = 0, i;

	for (i = 31; i >= 0; i--) {
		int d = n[i] - t.sig.b[32 + i] - borrow;

		borrow = d < 0;
		twin.b[32 + i] = (uint8_t)d;
	}
	twin.b[64] ^= 27 ^ 28;
	assert_int_equal(sig_recover(&a, &t.digest, &twin, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "high s"));
}

static void other_v_are_refused(void **state)
{
	static const uint8_t bad[] = { 0, 1, 2, 3, 26, 29, 30, 35, 255 };
	struct sig65 s = t.sig;
	struct eth_addr a;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(bad); i++) {
		s.b[64] = bad[i];
		assert_int_equal(sig_recover(&a, &t.digest, &s, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

static void zero_and_overflowing_parts_are_refused(void **state)
{
	struct sig65 s = t.sig;
	struct eth_addr a;
	struct err err;

	memset(s.b, 0, 32);
	assert_int_equal(sig_recover(&a, &t.digest, &s, &err), -1);
	s = t.sig;
	memset(s.b + 32, 0, 32);
	assert_int_equal(sig_recover(&a, &t.digest, &s, &err), -1);
	s = t.sig;
	memset(s.b, 0xff, 32);
	assert_int_equal(sig_recover(&a, &t.digest, &s, &err), -1);
	memset(&s, 0, sizeof(s));
	assert_int_equal(sig_recover(&a, &t.digest, &s, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
}

static void another_signer_is_denied_by_both_names(void **state)
{
	struct sig_key *other = sig_key_generate();
	struct eth_addr me = sig_key_addr(t.key), you = sig_key_addr(other);
	char mine[43], yours[43];
	struct err err;

	eth_addr_fmt(mine, &me);
	eth_addr_fmt(yours, &you);
	assert_int_equal(sig_verify(&you, &t.digest, &t.sig, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, mine));
	assert_non_null(strstr(err.msg, yours));
	sig_key_free(other);
}

static void each_flipped_bit_of_the_digest_changes_the_signer(void **state)
{
	struct eth_addr me = sig_key_addr(t.key), a;
	int i;

	for (i = 0; i < 256; i += 17) {
		struct hash32 d = t.digest;

		d.b[i / 8] ^= (uint8_t)(1 << i % 8);
		if (sig_recover(&a, &d, &t.sig, NULL) == 0)
			assert_false(eth_addr_equal(&a, &me));
	}
}

static void impossible_keys_are_refused(void **state)
{
	uint8_t zero[32] = { 0 }, high[32];
	struct err err;

	memset(high, 0xff, 32);
	assert_null(sig_key_new(zero, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_null(sig_key_new(high, &err));
	assert_int_equal(err.code, ERR_INVALID);
}

static void *sign_much(void *arg)
{
	struct eth_addr me = sig_key_addr(t.key);
	int i;

	for (i = 0; i < 50; i++) {
		struct sig65 s = sig_sign(t.key, &t.digest);

		if (memcmp(s.b, t.sig.b, 65) != 0 || sig_verify(&me, &t.digest, &s, NULL) < 0)
			return (void *)1;
	}
	return NULL;
}

static void threads_may_sign_together(void **state)
{
	pthread_t th[4];
	void *bad;
	int i;

	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&th[i], NULL, sign_much, NULL), 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(th[i], &bad), 0);
		assert_null(bad);
	}
}

/* ---- addresses ---- */

/* From EIP-55 itself. */
static void addresses_are_written_with_their_checksum(void **state)
{
	static const char *const good[] = {
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
		"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
		"0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
		"0x52908400098527886E0F7030069857D2E4169EE7",
		"0xde709f2102306220921060314715629080e2fb77",
	};
	struct eth_addr a;
	char s[43];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(eth_addr_parse(&a, good[i], NULL), 0);
		eth_addr_fmt(s, &a);
		assert_string_equal(s, good[i]);
	}
}

static void one_case_needs_no_checksum_but_mixed_case_does(void **state)
{
	struct eth_addr a, b;
	struct err err;

	assert_int_equal(eth_addr_parse(&a, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", NULL), 0);
	assert_int_equal(eth_addr_parse(&b, "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED", NULL), 0);
	assert_true(eth_addr_equal(&a, &b));
	assert_int_equal(eth_addr_parse(&a, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed", &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "checksum"));
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "0x", "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae",
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaedd",
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg",
		"0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
	};
	struct eth_addr a;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(eth_addr_parse(&a, bad[i], &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

static void only_the_zero_address_is_zero(void **state)
{
	struct eth_addr a = { { 0 } };

	assert_true(eth_addr_is_zero(&a));
	a.b[19] = 1;
	assert_false(eth_addr_is_zero(&a));
}

/* ---- key file ---- */

static const char *key_path(void)
{
	static char path[100];

	snprintf(path, sizeof(path), "%s/node.key", dir);
	return path;
}

static void write_key_file(const char *text, size_t len, mode_t mode)
{
	int fd = open(key_path(), O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	fchmod(fd, mode);
	close(fd);
}

static void key_is_made_once_and_private(void **state)
{
	struct eth_addr a, b;
	struct sig_key *k = sig_key_load_or_create(dir, "node.key", NULL);
	struct stat st;

	assert_non_null(k);
	a = sig_key_addr(k);
	sig_key_free(k);
	assert_int_equal(stat(key_path(), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 65);
	k = sig_key_load_or_create(dir, "node.key", NULL);
	assert_non_null(k);
	b = sig_key_addr(k);
	assert_true(eth_addr_equal(&a, &b));
	sig_key_free(k);
	unlink(key_path());
	/* No other file was left: tear_down's rmdir says so. */
}

static void readable_by_others_is_denied(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0660, 0602 };
	char text[66];
	struct err err;
	size_t i;

	memset(text, '1', 64);
	text[64] = '\n';
	for (i = 0; i < 4; i++) {
		write_key_file(text, 65, modes[i]);
		assert_null(sig_key_load_or_create(dir, "node.key", &err));
		assert_int_equal(err.code, ERR_DENIED);
		assert_non_null(strstr(err.msg, "chmod 600"));
		unlink(key_path());
	}
}

static void damaged_files_are_refused_and_kept(void **state)
{
	char text[70];
	static const size_t lens[] = { 0, 1, 63, 66, 70 };
	struct err err;
	struct stat st;
	size_t i;

	memset(text, '1', sizeof(text));
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		write_key_file(text, lens[i], 0600);
		assert_null(sig_key_load_or_create(dir, "node.key", &err));
		assert_int_equal(err.code, ERR_INVALID);
		assert_null(strstr(err.msg, "1111"));
		assert_int_equal(stat(key_path(), &st), 0);
		unlink(key_path());
	}
	memset(text, '0', 64);	/* digits, but no key */
	write_key_file(text, 64, 0600);
	assert_null(sig_key_load_or_create(dir, "node.key", &err));
	assert_int_equal(err.code, ERR_INVALID);
	unlink(key_path());
}

static void a_link_or_a_folder_is_no_key(void **state)
{
	struct err err;

	assert_int_equal(symlink("/dev/null", key_path()), 0);
	assert_null(sig_key_load_or_create(dir, "node.key", &err));
	assert_int_equal(err.code, ERR_IO);
	unlink(key_path());
	assert_int_equal(mkdir(key_path(), 0700), 0);
	assert_null(sig_key_load_or_create(dir, "node.key", &err));
	assert_int_equal(err.code, ERR_INVALID);
	rmdir(key_path());
}

static void a_missing_folder_is_an_io_error(void **state)
{
	struct err err;

	assert_null(sig_key_load_or_create("/nonexistent/folder", "node.key", &err));
	assert_int_equal(err.code, ERR_IO);
}

static void *load_key(void *arg)
{
	return sig_key_load_or_create(dir, "node.key", NULL);
}

static void starting_twice_at_once_gives_one_key(void **state)
{
	pthread_t th[4];
	struct eth_addr first = { { 0 } }, a;
	void *k;
	int i;

	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&th[i], NULL, load_key, NULL), 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(th[i], &k), 0);
		assert_non_null(k);
		a = sig_key_addr(k);
		sig_key_free(k);
		if (i == 0)
			first = a;
		assert_true(eth_addr_equal(&a, &first));
	}
	unlink(key_path());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signature_is_that_of_ethers),
		cmocka_unit_test(signer_is_recovered),
		cmocka_unit_test(malleable_twin_is_refused),
		cmocka_unit_test(other_v_are_refused),
		cmocka_unit_test(zero_and_overflowing_parts_are_refused),
		cmocka_unit_test(another_signer_is_denied_by_both_names),
		cmocka_unit_test(each_flipped_bit_of_the_digest_changes_the_signer),
		cmocka_unit_test(impossible_keys_are_refused),
		cmocka_unit_test(threads_may_sign_together),
		cmocka_unit_test(addresses_are_written_with_their_checksum),
		cmocka_unit_test(one_case_needs_no_checksum_but_mixed_case_does),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(only_the_zero_address_is_zero),
		cmocka_unit_test(key_is_made_once_and_private),
		cmocka_unit_test(readable_by_others_is_denied),
		cmocka_unit_test(damaged_files_are_refused_and_kept),
		cmocka_unit_test(a_link_or_a_folder_is_no_key),
		cmocka_unit_test(a_missing_folder_is_an_io_error),
		cmocka_unit_test(starting_twice_at_once_gives_one_key),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
