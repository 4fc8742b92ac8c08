#include "test/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "node/farm/join.h"

/* ---- a folder of its own ---- */

static char dir[64], path[96];

static int make_dir(void **state)
{
	strcpy(dir, "/tmp/lp-test-join-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static void remove_name(const char *suffix)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	unlink(name);
}

static int remove_dir(void **state)
{
	remove_name("");
	remove_name(".lock");
	remove_name(".new");
	return rmdir(dir);
}

static void put(const void *data, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void put_text(const char *text)
{
	put(text, strlen(text), 0644);
}

/* ---- the secret's file ---- */

static struct farm_secret *secret_of(const char *text)
{
	struct err err = { 0 };
	struct farm_secret *s;

	put(text, strlen(text), 0600);
	s = farm_secret_load(path, &err);
	if (!s)
		fail_msg("%s", err.msg);
	return s;
}

static struct err refused(void)
{
	struct err err = { 0 };

	assert_null(farm_secret_load(path, &err));
	return err;
}

static void proof_of(uint8_t hmac[32], const struct farm_secret *s)
{
	static const struct hash32 h = { { 1 } };
	static const uint8_t a[32] = { 2 }, b[32] = { 3 };

	farm_proof(hmac, s, FARM_TRANSCODER, &h, a, b);
}

static void white_space_at_the_end_is_not_of_the_secret(void **state)
{
	static const char *const same[] = {
		" sixteen letters", " sixteen letters\n", " sixteen letters\r\n\t \v\f\n" };
	struct farm_secret *s;
	uint8_t first[32], other[32];
	size_t i;

	for (i = 0; i < 3; i++) {
		s = secret_of(same[i]);
		proof_of(i ? other : first, s);
		if (i)
			assert_memory_equal(first, other, 32);
		farm_secret_free(s);
	}
	s = secret_of("sixteen letters!");	/* but that before it is */
	proof_of(other, s);
	assert_memory_not_equal(first, other, 32);
	farm_secret_free(s);
}

static void secret_that_is_too_short_or_too_long_is_refused(void **state)
{
	char *big = xmalloc(FARM_SECRET_MAX + 1);
	struct farm_secret *s;

	put("fifteen letters\n\n\n", 18, 0600);
	assert_int_equal(refused().code, ERR_INVALID);
	put("", 0, 0600);
	assert_int_equal(refused().code, ERR_INVALID);
	memset(big, 'x', FARM_SECRET_MAX + 1);
	put(big, FARM_SECRET_MAX + 1, 0600);
	assert_int_equal(refused().code, ERR_INVALID);
	put(big, FARM_SECRET_MAX, 0600);
	s = farm_secret_load(path, NULL);
	assert_non_null(s);
	farm_secret_free(s);
	free(big);
}

static void secret_may_be_read_by_owner_and_group_alone(void **state)
{
	static const mode_t good[] = { 0600, 0400, 0640, 0440 };
	static const mode_t bad[] = { 0644, 0604, 0602, 0601, 0666 };
	struct farm_secret *s;
	struct err err;
	size_t i;

	for (i = 0; i < 4; i++) {
		put("a secret of some length", 23, good[i]);
		s = farm_secret_load(path, &err);
		assert_non_null(s);
		farm_secret_free(s);
		unlink(path);
	}
	for (i = 0; i < 5; i++) {
		put("a secret of some length", 23, bad[i]);
		err = refused();
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.msg, "chmod"));
		assert_null(strstr(err.msg, "a secret"));
	}
}

static void what_is_no_file_is_refused(void **state)
{
	struct err err;

	assert_int_equal(refused().code, ERR_IO);
	assert_null(farm_secret_load(dir, &err));
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(refused().code, ERR_INVALID);	/* and does not wait for a writer */
	farm_secret_free(NULL);
}

/* ---- proofs ---- */

/* Made by Python: hmac.new(b"a secret of some length", b"lpnode farm 1 transcoder" +
 * bytes(range(96)), "sha256"), and the same for the orchestrator. */
static void proofs_equal_those_made_elsewhere(void **state)
{
	static const char *const want[] = {
		"d06ab9023f8f1f7e191493ae47495db085afe6680fd29267b55dad6fa93d1dff",
		"e54008c973ed270881819d6c10b8bdc1a418c1c2fb5a788dd0d1b0b6b1f74778",
	};
	struct farm_secret *s = secret_of("a secret of some length");
	uint8_t bytes[96], hmac[32], expected[32];
	struct hash32 h;
	int side, i;

	for (i = 0; i < 96; i++)
		bytes[i] = (uint8_t)i;
	memcpy(h.b, bytes, 32);
	for (side = FARM_TRANSCODER; side <= FARM_ORCHESTRATOR; side++) {
		assert_int_equal(hex_parse(expected, 32, want[side]), 0);
		farm_proof(hmac, s, side, &h, bytes + 32, bytes + 64);
		assert_memory_equal(hmac, expected, 32);
	}
	farm_secret_free(s);
}

struct said {
	struct hash32 handshake;
	uint8_t nonce_t[32], nonce_o[32];
};

static bool holds(const uint8_t hmac[32], const struct farm_secret *s, enum farm_side side,
		  const struct said *d)
{
	return farm_proof_holds(hmac, s, side, &d->handshake, d->nonce_t, d->nonce_o);
}

static void proof_holds_for_what_it_was_made_alone(void **state)
{
	struct farm_secret *s = secret_of("a secret of some length"), *other;
	struct said said = { { { 1 } }, { 2 }, { 3 } }, d = said;
	uint8_t hmac[32];
	unsigned i;

	other = secret_of("a secret of some lengtH");
	farm_proof(hmac, s, FARM_TRANSCODER, &d.handshake, d.nonce_t, d.nonce_o);
	assert_true(holds(hmac, s, FARM_TRANSCODER, &d));
	assert_false(holds(hmac, s, FARM_ORCHESTRATOR, &d));
	assert_false(holds(hmac, other, FARM_TRANSCODER, &d));
	for (i = 0; i < sizeof(d); i++) {
		d = said;
		((uint8_t *)&d)[i] ^= 0x80;
		assert_false(holds(hmac, s, FARM_TRANSCODER, &d));
	}
	for (i = 0; i < 256; i++) {
		hmac[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(holds(hmac, s, FARM_TRANSCODER, &said));
		hmac[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	farm_secret_free(s);
	farm_secret_free(other);
}

/* ---- pins ---- */

#define ONE "0x1111111111111111111111111111111111111111"
#define TWO "0x2222222222222222222222222222222222222222"

static struct eth_addr addr_of(uint8_t b)
{
	struct eth_addr a;

	memset(a.b, b, sizeof(a.b));
	return a;
}

static bool is_pinned(const char *hostport, uint8_t b)
{
	struct eth_addr a, want = addr_of(b);
	struct err err;
	bool found;

	if (pins_find(path, hostport, &found, &a, &err) < 0)
		fail_msg("%s", err.msg);
	return found && eth_addr_equal(&a, &want);
}

static void pins_are_found_by_their_whole_name(void **state)
{
	assert_false(is_pinned("host:1", 0x11));	/* no file: nothing is pinned */
	put_text("# who answered first\n\nhost:1 " ONE "\nhost:10 " TWO "\n[::1]:1 " TWO);
	assert_true(is_pinned("host:1", 0x11));
	assert_true(is_pinned("host:10", 0x22));
	assert_true(is_pinned("[::1]:1", 0x22));
	assert_false(is_pinned("ost:1", 0x11));
	assert_false(is_pinned("host:", 0x11));
	put_text("");
	assert_false(is_pinned("host:1", 0x11));
}

static void damaged_pins_are_no_pins_at_all(void **state)
{
	static const char *const bad[] = {
		"host:1", "host:1 ", "host:1 0x11", " host:1 " ONE, "host:1  " ONE, "host " ONE,
		"host:1 " ONE "1", "host:1 " ONE " ", "host:1 " ONE "\r", "host:1\t" ONE, "\x01",
		"host:1 0xg111111111111111111111111111111111111111",
		"host:1 0xAb11111111111111111111111111111111111111",	/* its checksum is wrong */
		":1",
	};
	struct eth_addr a;
	struct err err;
	char text[300];
	bool found;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "good:1 " TWO "\n\n%s\n", bad[i]);
		put_text(text);
		err = (struct err){ 0 };
		found = true;
		if (pins_find(path, "host:1", &found, &a, &err) == 0)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.msg, "line 3"));
		assert_false(found);
		a = addr_of(1);
		assert_int_equal(pins_add(path, "new:1", &a, &err), -1);	/* nor added to */
	}
	put("host:1 " ONE "\n\0\n", 52, 0644);
	assert_int_equal(pins_find(path, "host:1", &found, &a, &err), -1);
	found = true;
	assert_int_equal(pins_find_text("host:1 " ONE "\nx\n", 52, "host:1", &found, &a, &err), -1);
	assert_false(found);	/* nothing is believed of it, also what stands before */
	put_text("host:1 " ONE "\nhost:1 " TWO "\n");
	assert_int_equal(pins_find(path, "host:1", &found, &a, &err), -1);
	assert_non_null(strstr(err.msg, "line 2"));
}

static void pins_are_added_behind_what_is_there(void **state)
{
	struct eth_addr a = addr_of(0x33), b = addr_of(0x44);
	struct err err;

	assert_int_equal(pins_add(path, "first:1", &a, &err), 0);
	assert_true(is_pinned("first:1", 0x33));
	put_text("# mine\nhost:1 " ONE);	/* no newline at the end */
	assert_int_equal(pins_add(path, "[::1]:65535", &a, &err), 0);
	assert_int_equal(pins_add(path, "[::1]:65535", &a, &err), 0);
	assert_int_equal(pins_add(path, "[::1]:65535", &b, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_true(is_pinned("host:1", 0x11));
	assert_true(is_pinned("[::1]:65535", 0x33));
}

static void name_that_would_damage_the_file_is_not_added(void **state)
{
	static const char *const bad[] = { "", "host", "a b:1", "a:1\n", "#a:1", "a:1\t" };
	struct eth_addr a = addr_of(1);
	struct err err;
	char big[400];
	size_t i;

	for (i = 0; i < 6; i++) {
		assert_int_equal(pins_add(path, bad[i], &a, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
	memset(big, 'a', sizeof(big));
	strcpy(big + 300, ":1");
	assert_int_equal(pins_add(path, big, &a, &err), -1);
	assert_int_equal(access(path, F_OK), -1);
}

static void full_and_missing_places_are_errors(void **state)
{
	char *big = xcalloc(1, 70000);
	struct eth_addr a = addr_of(1);
	struct err err;
	bool found;

	memset(big, '#', 65530);
	put_text(big);
	assert_int_equal(pins_find(path, "host:1", &found, &a, &err), 0);
	assert_int_equal(pins_add(path, "host:1", &a, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	memset(big, '#', 65537);
	put_text(big);
	assert_int_equal(pins_find(path, "host:1", &found, &a, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	free(big);
	assert_int_equal(pins_add("/nonexistent/pins", "host:1", &a, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(pins_find(dir, "host:1", &found, &a, &err), -1);
	assert_int_equal(err.code, ERR_IO);
}

static void lock_that_is_never_given_back_is_not_waited_for_long(void **state)
{
	struct eth_addr a = addr_of(1);
	struct err err;
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT, 0644);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(pins_add(path, "host:1", &a, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	close(fd);
	assert_int_equal(pins_add(path, "host:1", &a, &err), 0);
}

#define N_ADDERS 4
#define N_EACH 10

static void *add_many(void *arg)
{
	struct eth_addr a = addr_of((uint8_t)(uintptr_t)arg);
	struct err err;
	char name[32];
	uintptr_t i, n_failed = 0;

	for (i = 0; i < N_EACH; i++) {
		snprintf(name, sizeof(name), "host%d:%d", (int)(uintptr_t)arg, (int)i);
		n_failed += pins_add(path, name, &a, &err) < 0;
	}
	return (void *)n_failed;
}

static void pins_added_at_once_are_all_there(void **state)
{
	pthread_t th[N_ADDERS];
	char name[32];
	uintptr_t i, k;
	void *n_failed;

	for (i = 0; i < N_ADDERS; i++)
		assert_int_equal(pthread_create(&th[i], NULL, add_many, (void *)(i + 1)), 0);
	for (i = 0; i < N_ADDERS; i++) {
		pthread_join(th[i], &n_failed);
		assert_null(n_failed);
	}
	for (i = 0; i < N_ADDERS; i++) {
		for (k = 0; k < N_EACH; k++) {
			snprintf(name, sizeof(name), "host%d:%d", (int)i + 1, (int)k);
			assert_true(is_pinned(name, (uint8_t)(i + 1)));
		}
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(white_space_at_the_end_is_not_of_the_secret),
		T(secret_that_is_too_short_or_too_long_is_refused),
		T(secret_may_be_read_by_owner_and_group_alone),
		T(what_is_no_file_is_refused),
		T(proofs_equal_those_made_elsewhere),
		T(proof_holds_for_what_it_was_made_alone),
		T(pins_are_found_by_their_whole_name),
		T(damaged_pins_are_no_pins_at_all),
		T(pins_are_added_behind_what_is_there),
		T(name_that_would_damage_the_file_is_not_added),
		T(full_and_missing_places_are_errors),
		T(lock_that_is_never_given_back_is_not_waited_for_long),
		T(pins_added_at_once_are_all_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
