#include "test/test.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "node/peer/addr.h"

static void host_and_port_are_split(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} ok[] = {
		{ "127.0.0.1:15000", "127.0.0.1", 15000 },
		{ "[::1]:1", "::1", 1 },
		{ "orch.example.org:65535", "orch.example.org", 65535 },
		{ "localhost:0", "localhost", 0 },
	};
	struct hostport hp;
	size_t i;

	for (i = 0; i < sizeof(ok) / sizeof(ok[0]); i++) {
		assert_int_equal(hostport_parse(&hp, ok[i].text, NULL), 0);
		assert_string_equal(hp.host, ok[i].host);
		assert_int_equal(hp.port, ok[i].port);
	}
}

static void malformed_addresses_are_refused(void **state)
{
	static const char *const bad[] = {
		"", ":", ":80", "host", "host:", "host:65536", "host:99999999999", "host:8a",
		"host:-1", "host: 80", "::1:80", "[]:80", "host:000080",
	};
	struct hostport hp;
	struct err err;
	char longest[400];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.code = ERR_NONE;
		assert_int_equal(hostport_parse(&hp, bad[i], &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
	memset(longest, 'a', sizeof(longest));
	strcpy(longest + HOST_MAX, ":80");
	assert_int_equal(hostport_parse(&hp, longest, &err), 0);
	memset(longest, 'a', sizeof(longest));
	strcpy(longest + HOST_MAX + 1, ":80");
	assert_int_equal(hostport_parse(&hp, longest, &err), -1);
}

static struct sockaddr_storage sa_of(const char *text)
{
	struct sockaddr_storage sa;
	struct hostport hp;

	assert_int_equal(hostport_parse(&hp, text, NULL), 0);
	assert_true(hostport_numeric(&sa, &hp));
	return sa;
}

static void addresses_print_as_they_parse(void **state)
{
	static const char *const texts[] = { "127.0.0.1:15000", "[::1]:15000", "[2001:db8::7]:1" };
	struct sockaddr_storage sa;
	struct hostport hp;
	char got[64];
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		sa = sa_of(texts[i]);
		sockaddr_fmt(got, (struct sockaddr *)&sa);
		assert_string_equal(got, texts[i]);
	}
	hostport_parse(&hp, "localhost:1", NULL);
	assert_false(hostport_numeric(&sa, &hp));
}

static bool same_key(const char *a, const char *b)
{
	struct sockaddr_storage x = sa_of(a), y = sa_of(b);
	uint8_t kx[16], ky[16];

	sockaddr_key(kx, (struct sockaddr *)&x);
	sockaddr_key(ky, (struct sockaddr *)&y);
	return memcmp(kx, ky, 16) == 0;
}

static void key_is_the_ipv4_address_or_the_ipv6_64(void **state)
{
	assert_true(same_key("10.0.0.1:1", "10.0.0.1:2"));
	assert_false(same_key("10.0.0.1:1", "10.0.0.2:1"));
	assert_true(same_key("[::ffff:10.0.0.1]:1", "10.0.0.1:2"));
	assert_false(same_key("[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.2]:1"));
	assert_true(same_key("[2001:db8::1]:1", "[2001:db8::ffff:0:0:1]:1"));
	assert_false(same_key("[2001:db8::1]:1", "[2001:db8:0:1::1]:1"));
}

static bool is_loopback(const char *text)
{
	struct sockaddr_storage sa = sa_of(text);
	uint8_t key[16];

	sockaddr_key(key, (struct sockaddr *)&sa);
	return sockaddr_key_is_loopback(key);
}

static void loopback_is_known_in_all_its_forms(void **state)
{
	assert_true(is_loopback("127.0.0.1:1"));
	assert_true(is_loopback("127.9.8.7:1"));
	assert_true(is_loopback("[::1]:1"));
	assert_true(is_loopback("[::ffff:127.0.0.1]:1"));
	assert_false(is_loopback("128.0.0.1:1"));
	assert_false(is_loopback("[::2]:1"));
	assert_false(is_loopback("0.0.0.0:1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_and_port_are_split),
		cmocka_unit_test(malformed_addresses_are_refused),
		cmocka_unit_test(addresses_print_as_they_parse),
		cmocka_unit_test(key_is_the_ipv4_address_or_the_ipv6_64),
		cmocka_unit_test(loopback_is_known_in_all_its_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
