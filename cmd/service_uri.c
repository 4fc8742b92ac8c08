/* lpnode service-uri: where a node is reached. */
#include "cmd/service_uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/service_registry.h"
#include "cmd/cli_internal.h"
#include "cmd/commands.h"
#include "cmd/round.h"

#define URI_MAX 256	/* ServiceRegistry.sol */

int service_uri_read(struct cli *c, const struct eth_addr *who, char **uri, struct err *err)
{
	struct service_registry_get_service_uri r;
	struct cli_reads reads = { 0 };
	int rc;

	service_registry_get_service_uri_call(cli_read(&reads, c, CONTRACT_SERVICE_REGISTRY), who);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && CLI_DECODE(service_registry_get_service_uri, &r, reads, 0, err) < 0)
		rc = 1;
	cli_reads_fini(&reads);
	*uri = NULL;
	if (rc == 0) {
		*uri = xstrdup(r.value ? r.value : "");
		service_registry_get_service_uri_fini(&r);
	}
	return rc;
}

static bool is_host(const char *p, size_t len)
{
	size_t i;

	if (len > 2 && p[0] == '[' && p[len - 1] == ']') {
		for (i = 1; i + 1 < len; i++) {
			if (!strchr("0123456789abcdefABCDEF:.", p[i]))
				return false;
		}
		return true;
	}
	for (i = 0; i < len; i++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.", p[i]))
			return false;
	}
	return len > 0 && p[0] != '-' && p[0] != '.';
}

static bool is_port(const char *p, size_t len)
{
	char digits[8];

	if (len == 0 || len > 5 || strspn(p, "0123456789") < len)
		return false;
	memcpy(digits, p, len);
	digits[len] = 0;
	return atoi(digits) > 0 && atoi(digits) < 65536;
}

/* "host:port", or http(s)://host[:port][/path]: printable, no space, no user and password. */
static int check_uri(const char *uri, struct err *err)
{
	bool url = strncmp(uri, "https://", 8) == 0 || strncmp(uri, "http://", 7) == 0;
	const char *p = url ? strstr(uri, "//") + 2 : uri, *colon = NULL;
	size_t len = url ? strcspn(p, "/?#") : strlen(p), i;

	if (strlen(uri) > URI_MAX)
		return cli_wrong(err, "the URI has %zu bytes, at most %d", strlen(uri), URI_MAX);
	for (i = 0; i < len; i++) {
		if (p[i] == ':' && !memchr(p + i, ']', len - i))
			colon = p + i;
	}
	for (i = 0; uri[i]; i++) {
		if (uri[i] <= ' ' || uri[i] > '~')
			return cli_wrong(err, "\"%.60s\" has a space or a letter that no URI has", uri);
	}
	if ((colon || url) && is_host(p, colon ? (size_t)(colon - p) : len) &&
	    (!colon || is_port(colon + 1, len - (size_t)(colon + 1 - p))))
		return 0;
	return cli_wrong(err, "\"%.60s\" is no address of a service: write host:port, or https://host:port", uri);
}

static int set_uri(struct cli *c, const char *uri, struct err *err)
{
	struct eth_receipt receipt = { 0 };
	struct cli_plan plan = { 0 };
	struct round_now r;
	struct cli_plan_tx *tx;
	char *was = NULL, key[80], hex[65];
	struct hash32 hash = hash_keccak256(uri, strlen(uri));
	int rc;

	rc = round_read(c, &r, err);
	if (rc == 0 && r.paused)
		rc = cli_no(err, "the system is paused: only a vote starts it again (lpnode proposals)");
	if (rc == 0)
		rc = service_uri_read(c, &c->account, &was, err);
	if (rc == 0 && strcmp(was, uri) == 0)
		rc = *uri ? cli_no(err, "your service is told as %.120s already", uri) : cli_no(err, "there is none told");
	if (rc != 0)
		goto out;
	snprintf(hex, sizeof(hex), "%02x%02x%02x%02x", hash.b[0], hash.b[1], hash.b[2], hash.b[3]);
	snprintf(key, sizeof(key), "serviceURI/%s", hex);
	if (*uri)
		tx = cli_plan_add(&plan, c, CONTRACT_SERVICE_REGISTRY, key, "tell your service's address, %.80s", uri);
	else
		tx = cli_plan_add(&plan, c, CONTRACT_SERVICE_REGISTRY, key, "take your service's address back");
	service_registry_set_service_uri_call(&tx->data, uri);
	cli_plan_say(&plan, "Broadcasters and others who look for you %s %s%s%s.", *uri ? "find" : "find nothing", uri,
		     *was ? (*uri ? " instead of " : "instead of ") : "", was);
	rc = cli_send(c, &plan, &receipt, err);
	free(was);
	was = NULL;
	if (rc == 0)
		rc = service_uri_read(c, &c->account, &was, err);
	if (rc == 0) {
		cli_field(c, "address", cli_json_addr(&c->account), NULL, " ");
		cli_field(c, "serviceURI", json_string(was), "service", "%s", *was ? was : "none is told");
	}
out:
	free(was);
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

static int service_uri(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	char addr[43], *uri;
	int rc;

	if (n_args > 0) {
		rc = *args[0] ? check_uri(args[0], err) : 0;
		if (rc == 0)
			rc = cli_find_account(c, false, err);
		if (rc == 0)
			rc = cli_open_key(c, err);
		if (rc == 0)
			rc = cli_open_store(c, err);
		return rc == 0 ? set_uri(c, args[0], err) : rc;
	}
	rc = cli_find_account(c, true, err);
	if (rc == 0)
		rc = service_uri_read(c, &c->account, &uri, err);
	if (rc != 0)
		return rc;
	eth_addr_fmt(addr, &c->account);
	cli_field(c, "address", cli_json_addr(&c->account), "account", "%s", addr);
	cli_field(c, "serviceURI", json_string(uri), "service", "%s", *uri ? uri : "none is told");
	free(uri);
	return 0;
}

static const struct cli_command commands[] = {
	{ "service-uri", "[URI]", "show or tell where your node is reached; \"\" takes it back", "Transcoders", 0, 1,
	  CLI_CHAIN, NULL, 0, 0, service_uri },
};
const struct cli_commands service_uri_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
