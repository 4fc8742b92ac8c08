#include "node/peer/addr.h"

#include <netinet/in.h>
#include <string.h>
#include <uv.h>

#include "base/err.h"

static int port_parse(uint16_t *port, const char *s)
{
	unsigned long v = 0;
	size_t i;

	for (i = 0; s[i]; i++) {
		if (s[i] < '0' || s[i] > '9' || i == 5)
			return -1;
		v = v * 10 + (unsigned)(s[i] - '0');
	}
	if (i == 0 || v > 65535)
		return -1;
	*port = (uint16_t)v;
	return 0;
}

int hostport_parse(struct hostport *hp, const char *s, struct err *err)
{
	const char *colon = strrchr(s, ':'), *from = s;
	size_t len;

	if (!colon || port_parse(&hp->port, colon + 1) < 0)
		return err_set(err, ERR_INVALID, "'%.100s' has no port: give HOST:PORT", s);
	len = (size_t)(colon - s);
	if (len >= 2 && s[0] == '[' && colon[-1] == ']') {
		from++;
		len -= 2;
	} else if (memchr(s, ':', len)) {
		return err_set(err, ERR_INVALID, "'%.100s': write an IPv6 address as [::1]:PORT", s);
	}
	if (len == 0 || len > HOST_MAX)
		return err_set(err, ERR_INVALID, "'%.100s' has no host, or a too long one", s);
	memcpy(hp->host, from, len);
	hp->host[len] = 0;
	return 0;
}

bool hostport_numeric(struct sockaddr_storage *sa, const struct hostport *hp)
{
	memset(sa, 0, sizeof(*sa));
	return uv_ip4_addr(hp->host, hp->port, (struct sockaddr_in *)sa) == 0 ||
	       uv_ip6_addr(hp->host, hp->port, (struct sockaddr_in6 *)sa) == 0;
}

void sockaddr_fmt(char to[64], const struct sockaddr *sa)
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;
	char ip[48] = "?";

	if (sa->sa_family == AF_INET) {
		uv_ip4_name(v4, ip, sizeof(ip));
		snprintf(to, 64, "%s:%u", ip, ntohs(v4->sin_port));
	} else {
		uv_ip6_name(v6, ip, sizeof(ip));
		snprintf(to, 64, "[%s]:%u", ip, ntohs(v6->sin6_port));
	}
}

static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

void sockaddr_key(uint8_t key[16], const struct sockaddr *sa)
{
	static const uint8_t v6_loopback[16] = { [15] = 1 };
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;

	if (sa->sa_family == AF_INET) {
		memcpy(key, v4_mapped, 12);
		memcpy(key + 12, &v4->sin_addr, 4);
		return;
	}
	memcpy(key, &v6->sin6_addr, 16);
	if (memcmp(key, v4_mapped, 12) != 0 && memcmp(key, v6_loopback, 16) != 0)
		memset(key + 8, 0, 8);
}

bool sockaddr_key_is_loopback(const uint8_t key[16])
{
	static const uint8_t v6_loopback[16] = { [15] = 1 };

	return memcmp(key, v6_loopback, 16) == 0 ||
	       (memcmp(key, v4_mapped, 12) == 0 && key[12] == 127);
}
