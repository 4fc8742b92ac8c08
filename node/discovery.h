#ifndef LP_NODE_DISCOVERY_H
#define LP_NODE_DISCOVERY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "base/sig.h"
struct err;
struct http_client;

/*
 * Orchestrators told by a webhook (-orchWebhookUrl): GET returns a JSON array of
 * {"address": "host:port"}, asked at start and each 60 s.  The address may have a
 * scheme (https://host:port), which says nothing here, or the name of who must answer
 * in front (0xADDRESS@host:port), which "ethAddress" says as well.
 */
#define ORCH_HOSTPORT_LEN 280
#define ORCH_LIST_MAX 256
#define ORCH_LIST_BYTES_MAX 65536

struct orch_entry {
	char hostport[ORCH_HOSTPORT_LEN];
	struct eth_addr addr;		/* zero unless has_addr */
	bool has_addr;
};
struct orch_list {
	size_t n;
	size_t n_bad;			/* entries that were left out */
	struct orch_entry e[ORCH_LIST_MAX];
};

/*
 * Parse an answer; pure.  Of its entries the first 256 are looked at; one that cannot
 * be read is left out, and so is a host:port that was there already.  Fails with
 * ERR_INVALID (no such JSON, or nothing in it could be read), ERR_LIMIT (too long).  An
 * empty array is a list of nobody.
 */
int orch_list_parse(struct orch_list *l, const char *json, size_t len, struct err *err);
bool orch_entry_equal(const struct orch_entry *a, const struct orch_entry *b);
/* Keep at most max: those that come first in an order by hash, which is the same each
 * time for this node and another one for other nodes. */
void orch_list_cut(struct orch_list *l, const struct eth_addr *node, size_t max);

/* Asks again and again.  Failures keep what was told last; they are logged once a
 * minute.  Loop thread; cb comes from the loop, list is borrowed for the call. */
struct discovery;
typedef void discovery_cb(void *arg, struct orch_list *list);

/* client: borrowed, outlives us.  Fails with ERR_INVALID (URL). */
struct discovery *discovery_new(uv_loop_t *loop, struct http_client *client, const char *url,
				discovery_cb *cb, void *arg, struct err *err);
/* No callback from here on; it frees itself when its timer has closed. */
void discovery_close(struct discovery *d);

#endif
