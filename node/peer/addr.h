#ifndef LP_NODE_PEER_ADDR_H
#define LP_NODE_PEER_ADDR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct err;
struct sockaddr;
struct sockaddr_storage;

/* Network addresses as text and as keys.  Pure. */

#define HOST_MAX 253	/* a name in the DNS; libuv once cut longer ones (CVE-2024-24806) */

struct hostport {
	char host[HOST_MAX + 1];	/* without brackets */
	uint16_t port;
};

/* "host:port", "1.2.3.4:port", "[v6]:port".  Fails with ERR_INVALID. */
int hostport_parse(struct hostport *hp, const char *s, struct err *err);

/* False when host is a name and not an address. */
bool hostport_numeric(struct sockaddr_storage *sa, const struct hostport *hp);

/* "1.2.3.4:5" or "[::1]:5". */
void sockaddr_fmt(char to[64], const struct sockaddr *sa);

/* What one party commands: an IPv4 address, or a whole IPv6 /64. */
void sockaddr_key(uint8_t key[16], const struct sockaddr *sa);
bool sockaddr_key_is_loopback(const uint8_t key[16]);

#endif
