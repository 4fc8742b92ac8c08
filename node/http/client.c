/*
 * libcurl's multi interface on the loop: curl names the sockets and the timeout it
 * waits for, libuv waits.  Calls of one client share curl's pool of connections.
 */
#include "node/http/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define CONNECT_MS	5000
#define MAX_IDLE_CONNS	16L

struct http_client {
	CURLM *multi;
	uv_loop_t *loop;
	uv_timer_t timer;
	unsigned n_open;		/* handles open: the timer and the watches */
	struct http_call *calls;
	uint64_t retry_after_s;		/* of the answer whose callback runs */
	bool closing;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* One socket curl wants watched. */
struct watch {
	uv_poll_t poll;
	struct http_client *client;
	curl_socket_t fd;
};

struct http_call {
	struct http_client *client;	/* borrowed */
	struct http_call *next, **at;	/* in client->calls */
	CURL *easy;
	struct curl_slist *headers;
	struct buf body;
	http_call_cb *cb;
	void *arg;
};

static void free_client(struct http_client *c)
{
	void (*closed)(void *arg) = c->closed;
	void *arg = c->closed_arg;

	free(c);
	if (closed)
		closed(arg);
}

/* ---- what curl asks for ---- */

static void drop_handle(struct http_client *c)
{
	if (--c->n_open == 0 && c->closing)
		free_client(c);
}

static void on_watch_closed(uv_handle_t *h)
{
	struct watch *w = h->data;
	struct http_client *c = w->client;

	free(w);
	drop_handle(c);
}

static void finish_calls(struct http_client *c);

static void on_ready(uv_poll_t *p, int status, int events)
{
	struct watch *w = p->data;
	struct http_client *c = w->client;
	int bits = status < 0 ? CURL_CSELECT_ERR : 0, n;

	if (events & UV_READABLE)
		bits |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		bits |= CURL_CSELECT_OUT;
	curl_multi_socket_action(c->multi, w->fd, bits, &n);
	finish_calls(c);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch)
{
	struct http_client *c = arg;
	struct watch *w = watch;

	if (what == CURL_POLL_REMOVE) {
		if (w) {
			curl_multi_assign(c->multi, fd, NULL);
			uv_close((uv_handle_t *)&w->poll, on_watch_closed);
		}
		return 0;
	}
	if (!w) {
		w = xcalloc(1, sizeof(*w));
		w->client = c;
		w->fd = fd;
		w->poll.data = w;
		if (uv_poll_init_socket(c->loop, &w->poll, fd) < 0) {
			free(w);
			return -1;
		}
		c->n_open++;
		curl_multi_assign(c->multi, fd, w);
	}
	uv_poll_start(&w->poll, ((what & CURL_POLL_IN) ? UV_READABLE : 0) |
				((what & CURL_POLL_OUT) ? UV_WRITABLE : 0), on_ready);
	return 0;
}

static void on_timeout(uv_timer_t *t)
{
	struct http_client *c = t->data;
	int n;

	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &n);
	finish_calls(c);
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http_client *c = arg;

	if (timeout_ms < 0)
		uv_timer_stop(&c->timer);
	else
		uv_timer_start(&c->timer, on_timeout, (uint64_t)timeout_ms, 0);
	return 0;
}

/* ---- calls ---- */

static void free_call(struct http_call *call)
{
	*call->at = call->next;
	if (call->next)
		call->next->at = call->at;
	curl_multi_remove_handle(call->client->multi, call->easy);
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	buf_fini(&call->body);
	free(call);
}

void http_call_cancel(struct http_call *call)
{
	free_call(call);
}

uint64_t http_client_retry_after(const struct http_client *c)
{
	return c->retry_after_s;
}

static uint64_t retry_after_of(struct http_call *call)
{
	curl_off_t s = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &s);
	return s > 0 ? (uint64_t)s : 0;
}

static enum err_code code_of(CURLcode res)
{
	return res == CURLE_COULDNT_CONNECT || res == CURLE_COULDNT_RESOLVE_HOST ? ERR_NOT_FOUND : ERR_IO;
}

static void finish_call(struct http_call *call, CURLcode res)
{
	http_call_cb *cb = call->cb;
	void *arg = call->arg;
	struct buf body = call->body;
	struct err err = { 0 };
	long status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (body.failed || res == CURLE_FILESIZE_EXCEEDED)
		err_set(&err, ERR_LIMIT, "answer is over %zu bytes", body.max);
	else if (res == CURLE_OPERATION_TIMEDOUT)
		err_set(&err, ERR_TIMEOUT, "no answer in time");
	else if (res != CURLE_OK)
		err_set(&err, code_of(res), "%s", curl_easy_strerror(res));
	buf_init(&call->body, 0);
	call->client->retry_after_s = retry_after_of(call);
	free_call(call);
	if (err.code)
		cb(arg, 0, NULL, 0, &err);
	else
		cb(arg, (int)status, body.data, body.len, NULL);
	buf_fini(&body);
}

/* A callback may cancel other calls, start new ones and free the client. */
static void finish_calls(struct http_client *c)
{
	struct http_call *call;
	CURLMsg *msg;
	int left;

	while (!c->closing && (msg = curl_multi_info_read(c->multi, &left))) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		finish_call(call, msg->data.result);
	}
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct http_call *call = arg;

	return buf_add(&call->body, data, size * n) ? size * n : 0;
}

bool http_url_origin(char to[HTTP_ORIGIN_MAX], const char *url)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL;
	bool ok = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		  curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		  curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		  curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		  (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);

	ok = ok && snprintf(to, HTTP_ORIGIN_MAX, "%s://%s:%s", scheme, host, port) < HTTP_ORIGIN_MAX;
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return ok;
}

bool http_url_is_valid(const char *url)
{
	char origin[HTTP_ORIGIN_MAX];

	return http_url_origin(origin, url);
}

/* The URL is an operator's: private addresses are fine, surprises are not. */
static void set_options(CURL *e, struct http_call *call, const char *url, const char *json,
			uint64_t deadline_ms)
{
	long ms = deadline_ms < 86400000 ? (long)deadline_ms : 86400000L;

	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");	/* none from the environment either */
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);	/* never join a resolver thread */
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, ms);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, ms < CONNECT_MS ? ms : CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)call->body.max);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "lpnode/" LP_VERSION);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->headers);
	if (json)
		curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, json);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(e, CURLOPT_PRIVATE, call);
}

/* json NULL: a GET. */
static struct http_call *call_start(struct http_client *c, const char *url, const char *json,
				    uint64_t deadline_ms, size_t max_body, http_call_cb *cb,
				    void *arg, struct err *err)
{
	struct http_call *call;

	if (!http_url_is_valid(url)) {
		err_set(err, ERR_INVALID, "not a URL of http or https");
		return NULL;
	}
	call = xcalloc(1, sizeof(*call));
	*call = (struct http_call){ .client = c, .next = c->calls, .at = &c->calls,
				    .easy = curl_easy_init(), .cb = cb, .arg = arg };
	if (call->next)
		call->next->at = &call->next;
	c->calls = call;
	buf_init(&call->body, max_body);
	call->headers = curl_slist_append(NULL, "Expect:");
	if (json)
		call->headers = curl_slist_append(call->headers, "Content-Type: application/json");
	set_options(call->easy, call, url, json, deadline_ms);
	if (curl_multi_add_handle(c->multi, call->easy) != CURLM_OK) {
		free_call(call);
		err_set(err, ERR_INTERNAL, "libcurl takes no call");
		return NULL;
	}
	return call;
}

struct http_call *http_post_json(struct http_client *c, const char *url, const char *json,
				 uint64_t deadline_ms, size_t max_body, http_call_cb *cb, void *arg,
				 struct err *err)
{
	return call_start(c, url, json, deadline_ms, max_body, cb, arg, err);
}

struct http_call *http_get(struct http_client *c, const char *url, uint64_t deadline_ms,
			   size_t max_body, http_call_cb *cb, void *arg, struct err *err)
{
	return call_start(c, url, NULL, deadline_ms, max_body, cb, arg, err);
}

/* ---- life ---- */

struct http_client *http_client_new(uv_loop_t *loop)
{
	static bool started;
	struct http_client *c = xcalloc(1, sizeof(*c));

	if (!started)
		curl_global_init(CURL_GLOBAL_DEFAULT);
	started = true;
	c->loop = loop;
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	c->n_open = 1;
	c->multi = curl_multi_init();
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, MAX_IDLE_CONNS);
	return c;
}

static void on_timer_closed(uv_handle_t *h)
{
	drop_handle(h->data);
}

void http_client_free(struct http_client *c, void (*closed)(void *arg), void *arg)
{
	c->closing = true;
	c->closed = closed;
	c->closed_arg = arg;
	while (c->calls)
		free_call(c->calls);
	curl_multi_cleanup(c->multi);
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}
