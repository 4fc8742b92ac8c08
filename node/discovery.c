#include "node/discovery.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "node/http/client.h"
#include "node/peer/keep.h"

#define ASK_EACH_MS 60000
#define DEADLINE_MS 5000
#define ADDRESS_MAX 400		/* "https://", a name, a host and port */

/* ---- the answer ---- */

/* "https://host:port/" is "host:port". */
static const char *bare_address(char to[ADDRESS_MAX], const char *s)
{
	const char *scheme = strstr(s, "://");
	size_t len;

	if (scheme)
		s = scheme + 3;
	len = strlen(s);
	if (len > 0 && s[len - 1] == '/')
		len--;
	memcpy(to, s, len);
	to[len] = 0;
	return to;
}

static int parse_entry(struct orch_entry *e, const json_t *v, struct err *err)
{
	const char *address = json_string_value(json_object_get(v, "address"));
	const json_t *eth = json_object_get(v, "ethAddress");
	char bare[ADDRESS_MAX];
	struct eth_addr named;

	*e = (struct orch_entry){ .has_addr = false };
	if (!address || strlen(address) >= ADDRESS_MAX)
		return err_set(err, ERR_INVALID, "no address, or a too long one");
	if (peer_address_parse(bare_address(bare, address), e->hostport, &e->addr, &e->has_addr,
			       err) < 0)
		return -1;
	if (!eth || json_is_null(eth) || (json_is_string(eth) && json_string_length(eth) == 0))
		return 0;
	if (!json_is_string(eth))
		return err_set(err, ERR_INVALID, "ethAddress is no string");
	if (eth_addr_parse(&named, json_string_value(eth), err) < 0)
		return err_wrap(err, "ethAddress");
	if (e->has_addr && !eth_addr_equal(&named, &e->addr))
		return err_set(err, ERR_INVALID, "address and ethAddress name two");
	e->addr = named;
	e->has_addr = true;
	return 0;
}

static bool has_hostport(const struct orch_list *l, const char *hostport)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->e[i].hostport, hostport) == 0)
			return true;
	return false;
}

static int parse_array(struct orch_list *l, const json_t *root, struct err *err)
{
	size_t i, n = json_array_size(root);
	struct err why;

	for (i = 0; i < n && i < ORCH_LIST_MAX; i++) {
		struct orch_entry e;

		if (parse_entry(&e, json_array_get(root, i), &why) < 0) {
			if (l->n_bad++ == 0)
				err_set(err, ERR_INVALID, "entry %zu: %s", i, why.msg);
		} else if (!has_hostport(l, e.hostport)) {
			l->e[l->n++] = e;
		}
	}
	return n > 0 && l->n == 0 ? -1 : 0;
}

int orch_list_parse(struct orch_list *l, const char *json, size_t len, struct err *err)
{
	json_error_t je;
	json_t *root;
	int rc;

	l->n = l->n_bad = 0;
	if (len > ORCH_LIST_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "%zu bytes, at most %d", len, ORCH_LIST_BYTES_MAX);
	root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &je);
	if (!root)
		return err_set(err, ERR_INVALID, "not JSON: %.80s", je.text);
	rc = json_is_array(root) ? parse_array(l, root, err) :
		err_set(err, ERR_INVALID, "not an array of {\"address\": \"host:port\"}");
	json_decref(root);
	return rc;
}

bool orch_entry_equal(const struct orch_entry *a, const struct orch_entry *b)
{
	return strcmp(a->hostport, b->hostport) == 0 && a->has_addr == b->has_addr &&
		(!a->has_addr || eth_addr_equal(&a->addr, &b->addr));
}

/* ---- whom this node takes of many ---- */

struct ranked {
	struct hash32 rank;
	struct orch_entry e;
};

static int by_rank(const void *a, const void *b)
{
	return memcmp(&((const struct ranked *)a)->rank, &((const struct ranked *)b)->rank,
		      sizeof(struct hash32));
}

void orch_list_cut(struct orch_list *l, const struct eth_addr *node, size_t max)
{
	char key[sizeof(*node) + ORCH_HOSTPORT_LEN];
	struct ranked *r;
	size_t i, len;

	if (l->n <= max)
		return;
	r = xcalloc(l->n, sizeof(*r));
	for (i = 0; i < l->n; i++) {
		len = strlen(l->e[i].hostport);
		memcpy(key, node, sizeof(*node));
		memcpy(key + sizeof(*node), l->e[i].hostport, len);
		r[i] = (struct ranked){ hash_sha256(key, sizeof(*node) + len), l->e[i] };
	}
	qsort(r, l->n, sizeof(*r), by_rank);
	l->n = max;
	for (i = 0; i < max; i++)
		l->e[i] = r[i].e;
	free(r);
}

/* ---- asking ---- */

struct discovery {
	uv_timer_t timer;
	struct http_client *client;	/* borrowed */
	struct http_call *call;		/* running, or NULL */
	char *url;
	discovery_cb *cb;		/* NULL: closed */
	void *arg;
	struct log_limit log_limit;
	struct orch_list list;		/* too large for the stack */
};

/* The URL may hold a secret: it is not told. */
static void complain(struct discovery *d, const char *what, const char *why)
{
	if (log_may(&d->log_limit, 1))
		log_warn(NULL, "%s: why=%s", what, why);
}

static void on_answer(void *arg, int status, const uint8_t *body, size_t len,
		      const struct err *http_err)
{
	struct discovery *d = arg;
	struct err err = { 0 };

	d->call = NULL;
	if (status == 0)
		err = *http_err;
	else if (status != 200)
		err_set(&err, ERR_IO, "status %d", status);
	else if (orch_list_parse(&d->list, (const char *)body, len, &err) == 0)
		err.code = ERR_NONE;
	if (err.code) {
		complain(d, "orchestrator webhook gives no list, the last one stays", err.msg);
		return;
	}
	if (d->list.n_bad)
		complain(d, "orchestrator webhook has entries that cannot be read", err.msg);
	d->cb(d->arg, &d->list);
}

static void ask(uv_timer_t *timer)
{
	struct discovery *d = timer->data;
	struct err err;

	if (d->call)
		return;
	d->call = http_get(d->client, d->url, DEADLINE_MS, ORCH_LIST_BYTES_MAX, on_answer, d, &err);
	if (!d->call)
		complain(d, "orchestrator webhook cannot be asked", err.msg);
}

struct discovery *discovery_new(uv_loop_t *loop, struct http_client *client, const char *url,
				discovery_cb *cb, void *arg, struct err *err)
{
	struct discovery *d;

	if (!http_url_is_valid(url)) {
		err_set(err, ERR_INVALID, "%.150s: not a URL of http or https", url);
		return NULL;
	}
	d = xcalloc(1, sizeof(*d));
	d->client = client;
	d->url = xstrdup(url);
	d->cb = cb;
	d->arg = arg;
	uv_timer_init(loop, &d->timer);
	d->timer.data = d;
	uv_timer_start(&d->timer, ask, 0, ASK_EACH_MS);
	return d;
}

static void on_closed(uv_handle_t *h)
{
	struct discovery *d = h->data;

	free(d->url);
	free(d);
}

void discovery_close(struct discovery *d)
{
	if (d->call)
		http_call_cancel(d->call);
	d->call = NULL;
	uv_close((uv_handle_t *)&d->timer, on_closed);
}
