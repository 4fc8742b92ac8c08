#ifndef LP_NODE_AUTH_H
#define LP_NODE_AUTH_H
#include <stdbool.h>
#include <stddef.h>
#include "protocol/profile.h"
struct err;
struct http_client;
struct stats;

/*
 * Who may publish: a file of keys, a webhook, both (both must agree), or everybody
 * (which the options allow on loopback only).  Publishing and watching are
 * different rights; this is the first.  Loop thread.
 *
 * Key file: a line "NAME KEY"; NAME may be * for any; # comments; at most 1 MiB.
 * Webhook: POST {"url": ingest URL}; 200 with an empty body allows; 200 with JSON
 * may rename (manifestID) and set presets[] or profiles[]; anything else, and
 * silence for 2 s, refuses (facts/go-livepeer.md 2d).
 */
struct auth;
struct auth_call;

struct auth_verdict {
	bool allowed;
	const char *reason;	/* for the publisher, when refused; says no secret */
	const char *name;	/* to publish under: as asked, or the webhook's */
	const struct profile_list *profiles;	/* NULL: the node's default */
};
typedef void auth_cb(void *arg, const struct auth_verdict *v);

/* Either may be NULL.  client is borrowed; NULL without a webhook.  Fails with
 * ERR_IO, ERR_INVALID (which line of the file). */
struct auth *auth_new(struct http_client *client, const char *keys_file, const char *webhook_url,
		      struct stats *stats, struct err *err);
void auth_free(struct auth *a);

/*
 * Ask.  peer is the address with port; wrong keys from one address are slowed
 * down (10 a minute).  The callback runs inside the call when no webhook is needed
 * (then NULL is returned), else later, unless auth_cancel came first.
 */
struct auth_call *auth_check(struct auth *a, const char *name, const char *key,
			     const char *url, const char *peer, auth_cb *cb, void *arg);
void auth_cancel(struct auth_call *c);

/* Parse a webhook's answer: fills name (room for 129 chars) and profiles. */
int auth_parse_answer(const char *json, size_t len, char name[129], struct profile_list *profiles,
		      bool *has_profiles, struct err *err);

/* [A-Za-z0-9_-]{1,128} (facts/reliability A3) */
bool stream_name_is_valid(const char *name);

#endif
