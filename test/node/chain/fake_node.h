#ifndef LP_TEST_NODE_CHAIN_FAKE_NODE_H
#define LP_TEST_NODE_CHAIN_FAKE_NODE_H
/*
 * A JSON-RPC endpoint in the test's own loop that answers as it is told: well, or with one
 * lie of a list.  eth_chainId and eth_blockNumber are always answered well unless `lies_always`;
 * every other method gets `result`.
 */
#include "test/test.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/mem.h"

#define UNUSED __attribute__((unused))
#define PATIENCE_MS 60000

enum lie {
	LIE_NONE,
	LIE_SILENT,		/* takes the request, says nothing */
	LIE_CLOSE,		/* hangs up instead */
	LIE_429, LIE_429_LATER,	/* without and with Retry-After */
	LIE_503_LATER, LIE_500, LIE_403, LIE_404, LIE_302,
	LIE_HTML, LIE_EMPTY, LIE_GARBAGE, LIE_TRUNCATED, LIE_CUT_JSON,
	LIE_HUGE, LIE_HUGE_JSON, LIE_BRACKETS, LIE_DEEP,
	LIE_WRONG_ID, LIE_STRING_ID, LIE_NO_ID, LIE_SAME_ID, LIE_FEWER, LIE_MORE,
	LIE_NEITHER, LIE_BOTH, LIE_NOT_OBJECT, LIE_NO_ARRAY, LIE_BAD_ERROR,
	LIE_BUSY_ONE, LIE_BUSY_ALL,
	N_LIES
};

struct fake_node {
	uv_loop_t *loop;
	uv_tcp_t listener;
	int port;
	char url[64];
	enum lie lie;
	int n_lies;		/* this many more; <0: all */
	bool lies_always;	/* about the chain id as well */
	bool is_dead;		/* hangs up on whatever comes */
	unsigned delay_ms;	/* before each answer */
	size_t batch_max;	/* larger ones are refused; 0: none is */
	unsigned retry_after_s;
	uint64_t chain_id, head;
	const char *result;	/* JSON: of every other method */
	const char *error;	/* JSON: instead of a result */
	size_t pad;		/* bytes of a string result instead */
	unsigned n_requests, n_checks, n_calls, n_conns;	/* calls: without chain ids and heads */
	char last_method[60];
	char auth[200];		/* Authorization of the last request */
};

struct fake_conn {
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_write_t req;
	struct fake_node *node;
	char *in, *out;
	size_t n_in, n_out;
	int n_open;
	bool closing, waits;
};

static UNUSED int64_t fake_now_ms(void)
{
	return (int64_t)(uv_hrtime() / 1000000);
}

static void fake_conn_closed(uv_handle_t *h)
{
	struct fake_conn *c = h->data;

	if (--c->n_open)
		return;
	free(c->in);
	free(c->out);
	free(c);
}

static void fake_conn_close(struct fake_conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	c->node->n_conns--;
	uv_close((uv_handle_t *)&c->tcp, fake_conn_closed);
	uv_close((uv_handle_t *)&c->timer, fake_conn_closed);
}

static char *fake_member(struct fake_node *f, const json_t *call, enum lie lie, json_int_t shift)
{
	const char *method = json_string_value(json_object_get(call, "method"));
	json_int_t id = json_integer_value(json_object_get(call, "id"));
	char *pad, *s;

	snprintf(f->last_method, sizeof(f->last_method), "%s", method);
	if (lie == LIE_WRONG_ID)
		id += 1000;
	if (lie == LIE_SAME_ID)
		id -= shift;
	if (strcmp(method, "eth_chainId") == 0) {
		f->n_checks++;
		return xasprintf("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":\"0x%llx\"}", (long long)id,
				 (unsigned long long)f->chain_id);
	}
	if (strcmp(method, "eth_blockNumber") == 0)
		return xasprintf("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":\"0x%llx\"}", (long long)id,
				 (unsigned long long)f->head);
	f->n_calls++;
	if (lie == LIE_STRING_ID)
		return xasprintf("{\"id\":\"%lld\",\"result\":%s}", (long long)id, f->result);
	if (lie == LIE_NO_ID)
		return xasprintf("{\"result\":%s}", f->result);
	if (lie == LIE_NEITHER)
		return xasprintf("{\"id\":%lld}", (long long)id);
	if (lie == LIE_BOTH)
		return xasprintf("{\"id\":%lld,\"result\":1,\"error\":{\"code\":1,\"message\":\"\"}}", (long long)id);
	if (lie == LIE_BAD_ERROR)
		return xasprintf("{\"id\":%lld,\"error\":[7]}", (long long)id);
	if (lie == LIE_NOT_OBJECT)
		return xstrdup("7");
	if (lie == LIE_BUSY_ONE)
		return xasprintf("{\"id\":%lld,\"error\":{\"code\":-32005,\"message\":\"rate limit\"}}", (long long)id);
	if (f->error)
		return xasprintf("{\"id\":%lld,\"error\":%s}", (long long)id, f->error);
	if (!f->pad)
		return xasprintf("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":%s}", (long long)id, f->result);
	pad = xmalloc(f->pad + 1);
	memset(pad, 'a', f->pad);
	pad[f->pad] = 0;
	s = xasprintf("{\"id\":%lld,\"result\":\"%s\"}", (long long)id, pad);
	free(pad);
	return s;
}

static char *fake_join(char *a, const char *sep, char *b)
{
	char *s = xasprintf("%s%s%s", a, sep, b);

	free(a);
	free(b);
	return s;
}

/* The last calls first: the order is free. */
static char *fake_body(struct fake_node *f, const json_t *root, enum lie lie)
{
	size_t i, n = json_array_size(root);
	char *s = NULL;

	if (!json_is_array(root))
		return fake_member(f, root, lie, 0);
	if (lie == LIE_NO_ARRAY)
		return fake_member(f, json_array_get(root, 0), LIE_NONE, 0);
	for (i = lie == LIE_FEWER ? n - 1 : n; i-- > 0; ) {
		char *m = fake_member(f, json_array_get(root, i), i == 0 && lie != LIE_SAME_ID ? lie :
				      i == 1 && lie == LIE_SAME_ID ? lie : LIE_NONE, 1);

		s = s ? fake_join(s, ",", m) : m;
	}
	if (lie == LIE_MORE)
		s = fake_join(s, ",", fake_member(f, json_array_get(root, 0), LIE_WRONG_ID, 0));
	return fake_join(fake_join(xstrdup("["), "", s ? s : xstrdup("")), "", xstrdup("]"));
}

static char *fake_repeat(const char *part, size_t n)
{
	size_t i, len = strlen(part);
	char *s = xmalloc(n * len + 1);

	for (i = 0; i < n; i++)
		memcpy(s + i * len, part, len);
	s[n * len] = 0;
	return s;
}

/* Status, head, whether it closes behind. */
static char *fake_answer(struct fake_node *f, const json_t *root, enum lie lie, size_t *len)
{
	const char *status = "200 OK", *extra = "";
	char *body = NULL, *s, later[60];
	size_t said;

	snprintf(later, sizeof(later), "Retry-After: %u\r\n", f->retry_after_s);
	switch (lie) {
	case LIE_429: case LIE_429_LATER:
		status = "429 Too Many Requests";
		break;
	case LIE_503_LATER: status = "503 Service Unavailable"; break;
	case LIE_500: status = "500 Internal Server Error"; break;
	case LIE_403: status = "403 Forbidden"; break;
	case LIE_404: status = "404 Not Found"; break;
	case LIE_302: status = "302 Found"; extra = "Location: /\r\n"; break;
	case LIE_HTML: body = xstrdup("<html><body>nginx \x1b[31m</body></html>"); break;
	case LIE_EMPTY: body = xstrdup(""); break;
	case LIE_GARBAGE: body = xstrdup("\x01\x02\xff\xfe{{{{"); break;
	case LIE_HUGE: body = fake_repeat("0123456789abcdef", 33 << 16); break;
	case LIE_HUGE_JSON: body = fake_join(fake_join(xstrdup("\""), "", fake_repeat("0123456789abcdef", 31 << 16)),
					     "", xstrdup("\"")); break;
	case LIE_BRACKETS: body = fake_repeat("[{},", 1 << 20); break;
	case LIE_DEEP: body = fake_repeat("[", 300000); break;
	case LIE_BUSY_ALL: body = xstrdup("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":429,\"message\":\"slow down\"}}"); break;
	default: break;
	}
	if (lie == LIE_429_LATER || lie == LIE_503_LATER)
		extra = later;
	if (!body && f->batch_max && json_array_size(root) > f->batch_max)
		body = xstrdup("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"batch too large\"}}");
	if (!body)
		body = fake_body(f, root, lie);
	said = strlen(body);
	if (lie == LIE_CUT_JSON)
		body[said /= 2] = 0;
	s = xasprintf("HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s", status, extra,
		      said, body);
	*len = strlen(s) - (lie == LIE_TRUNCATED ? said / 2 : 0);
	free(body);
	return s;
}

static void fake_next(struct fake_conn *c);

static void fake_written(uv_write_t *req, int status)
{
	struct fake_conn *c = req->data;

	free(c->out);
	c->out = NULL;
	c->waits = false;
	if (status < 0)
		fake_conn_close(c);
	else
		fake_next(c);
}

static void fake_write(uv_timer_t *t)
{
	struct fake_conn *c = t->data;
	uv_buf_t b = uv_buf_init(c->out, (unsigned)c->n_out);

	if (!c->closing)
		uv_write(&c->req, (uv_stream_t *)&c->tcp, &b, 1, fake_written);
}

static void fake_on_request(struct fake_conn *c, const char *body, size_t len)
{
	struct fake_node *f = c->node;
	json_t *root = json_loadb(body, len, 0, NULL);
	const char *method = json_string_value(json_object_get(root, "method"));
	bool check = method && (strcmp(method, "eth_chainId") == 0 || strcmp(method, "eth_blockNumber") == 0);
	enum lie lie = LIE_NONE;

	assert_non_null(root);
	f->n_requests++;
	if (f->n_lies && (!check || f->lies_always)) {
		lie = f->lie;
		f->n_lies -= f->n_lies > 0;
	}
	c->waits = true;
	if (lie == LIE_SILENT) {
		;
	} else if (lie == LIE_CLOSE || f->is_dead) {
		fake_conn_close(c);
	} else {
		c->out = fake_answer(f, root, lie, &c->n_out);
		if (lie == LIE_TRUNCATED) {	/* says less than it promised, and goes */
			uv_buf_t b = uv_buf_init(c->out, (unsigned)c->n_out);

			uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
			fake_conn_close(c);
		} else {
			uv_timer_start(&c->timer, fake_write, f->delay_ms, 0);
		}
	}
	json_decref(root);
}

static void fake_note_auth(struct fake_conn *c)
{
	const char *p = strcasestr(c->in, "\r\nauthorization: ");

	c->node->auth[0] = 0;
	if (p)
		snprintf(c->node->auth, sizeof(c->node->auth), "%.*s", (int)strcspn(p + 17, "\r"), p + 17);
}

/* The next whole request, if there is one. */
static void fake_next(struct fake_conn *c)
{
	char *end = c->in ? strstr(c->in, "\r\n\r\n") : NULL, *len_at;
	size_t head, len;

	if (c->waits || c->closing || !end)
		return;
	len_at = strcasestr(c->in, "\r\ncontent-length: ");
	assert_non_null(len_at);
	head = (size_t)(end - c->in) + 4;
	len = strtoul(len_at + 18, NULL, 10);
	if (c->n_in < head + len)
		return;
	fake_note_auth(c);
	fake_on_request(c, c->in + head, len);
	c->n_in -= head + len;
	memmove(c->in, c->in + head + len, c->n_in + 1);
}

static void fake_alloc(uv_handle_t *h, size_t n, uv_buf_t *b)
{
	*b = uv_buf_init(xmalloc(65536), 65536);
}

static void fake_on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct fake_conn *c = s->data;

	if (n > 0) {
		c->in = xrealloc(c->in, c->n_in + (size_t)n + 1);
		memcpy(c->in + c->n_in, b->base, (size_t)n);
		c->n_in += (size_t)n;
		c->in[c->n_in] = 0;
		fake_next(c);
	}
	free(b->base);
	if (n < 0)
		fake_conn_close(c);
}

static void fake_on_connection(uv_stream_t *s, int status)
{
	struct fake_node *f = s->data;
	struct fake_conn *c = xcalloc(1, sizeof(*c));

	c->node = f;
	c->n_open = 2;
	c->tcp.data = c->timer.data = c->req.data = c;
	f->n_conns++;
	uv_tcp_init(f->loop, &c->tcp);
	uv_timer_init(f->loop, &c->timer);
	uv_unref((uv_handle_t *)&c->timer);
	assert_int_equal(uv_accept(s, (uv_stream_t *)&c->tcp), 0);
	uv_read_start((uv_stream_t *)&c->tcp, fake_alloc, fake_on_read);
}

static UNUSED void fake_start(struct fake_node *f, uv_loop_t *loop, const char *userinfo)
{
	struct sockaddr_in a;
	int len = sizeof(a);

	memset(f, 0, sizeof(*f));
	f->loop = loop;
	f->chain_id = 31337;
	f->result = "\"0x1\"";
	f->head = 100;
	uv_ip4_addr("127.0.0.1", 0, &a);
	uv_tcp_init(loop, &f->listener);
	f->listener.data = f;
	uv_tcp_bind(&f->listener, (struct sockaddr *)&a, 0);
	assert_int_equal(uv_listen((uv_stream_t *)&f->listener, 64, fake_on_connection), 0);
	uv_tcp_getsockname(&f->listener, (struct sockaddr *)&a, &len);
	f->port = ntohs(a.sin_port);
	snprintf(f->url, sizeof(f->url), "http://%s127.0.0.1:%d/v1/key", userinfo, f->port);
}

/* Connections end by their clients. */
static UNUSED void fake_stop(struct fake_node *f)
{
	uv_close((uv_handle_t *)&f->listener, NULL);
}

static UNUSED void fake_lie(struct fake_node *f, enum lie lie, int n)
{
	f->lie = lie;
	f->n_lies = n;
}

#endif
