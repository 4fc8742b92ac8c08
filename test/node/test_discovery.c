/*
 * A webhook that tells orchestrators: what its answer may be, whom a node takes, and
 * what happens when it fails.
 */
#include "test/node/rig.h"

#include "node/discovery.h"
#include "node/http/client.h"
#include "node/http/server.h"

static struct orch_list list;
static struct err err;

static int parse(const char *json)
{
	return orch_list_parse(&list, json, strlen(json), &err);
}

/* ---- the answer ---- */

static void addresses_may_have_a_scheme_or_a_name(void **state)
{
	static const char name[] = "0x9393c81e7c4580fE63e5846A4fF18cC7974202D0";
	char hex[43];

	(void)state;
	assert_int_equal(parse("[{\"address\":\"10.0.0.1:1\"},"
		"{\"address\":\"https://b.example:8935\",\"score\":1.5},"
		"{\"address\":\"https://c.example:8935/\","
		"\"ethAddress\":\"0x9393c81e7c4580fE63e5846A4fF18cC7974202D0\"},"
		"{\"address\":\"0x9393c81e7c4580fE63e5846A4fF18cC7974202D0@[::1]:4\",\"ethAddress\":\"\"}]"),
		0);
	assert_int_equal(list.n, 4);
	assert_int_equal(list.n_bad, 0);
	assert_string_equal(list.e[0].hostport, "10.0.0.1:1");
	assert_false(list.e[0].has_addr);
	assert_string_equal(list.e[1].hostport, "b.example:8935");
	assert_string_equal(list.e[2].hostport, "c.example:8935");
	assert_true(list.e[2].has_addr);
	eth_addr_fmt(hex, &list.e[2].addr);
	assert_string_equal(hex, name);
	assert_string_equal(list.e[3].hostport, "[::1]:4");
	assert_true(eth_addr_equal(&list.e[2].addr, &list.e[3].addr));
}

static void entries_that_cannot_be_read_are_left_out(void **state)
{
	static const char *const bad[] = {
		"7", "null", "[]", "{}", "{\"address\":7}", "{\"address\":\"\"}",
		"{\"address\":\"host\"}", "{\"address\":\"host:0\"}", "{\"address\":\"host:65536\"}",
		"{\"address\":\"ho st:1\"}", "{\"address\":\"host:1/path\"}", "{\"address\":\"0x12@host:1\"}",
		"{\"address\":\"host\\n:1\"}", "{\"address\":\"://\"}", "{\"address\":\"b:1\",\"ethAddress\":7}",
		"{\"address\":\"b:1\",\"ethAddress\":\"0x12\"}",
		("{\"address\":\"0x9393c81e7c4580fE63e5846A4fF18cC7974202D0@b:1\","
		 "\"ethAddress\":\"0xaD3aF4ea13c75c5028d8F69094D1ac848976ca72\"}"),
	};
	char json[1000];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(json, sizeof(json), "[%s,{\"address\":\"a:1\"}]", bad[i]);
		assert_int_equal(parse(json), 0);
		assert_int_equal(list.n, 1);
		assert_int_equal(list.n_bad, 1);
		snprintf(json, sizeof(json), "[%s]", bad[i]);
		assert_int_equal(parse(json), -1);	/* nothing in it: no answer */
		assert_int_equal(err.code, ERR_INVALID);
	}
}

static void too_long_address_is_left_out(void **state)
{
	char json[2000] = "[{\"address\":\"";

	(void)state;
	memset(json + strlen(json), 'h', 1000);
	strcat(json, ":1\"},{\"address\":\"a:1\"}]");
	assert_int_equal(parse(json), 0);
	assert_int_equal(list.n, 1);
}

static void other_json_is_refused(void **state)
{
	static const char *const bad[] = { "", "{", "{}", "7", "null", "\"a:1\"", "{\"address\":\"a:1\"}",
		"[{\"address\":\"a:1\"}", "[{\"address\":\"a:1\"}] x" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i]), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

static void nobody_is_a_list_too(void **state)
{
	(void)state;
	assert_int_equal(parse("[]"), 0);
	assert_int_equal(list.n, 0);
}

static void the_same_twice_is_once(void **state)
{
	(void)state;
	assert_int_equal(parse("[{\"address\":\"a:1\"},{\"address\":\"https://a:1\"}]"), 0);
	assert_int_equal(list.n, 1);
}

static void long_lists_are_cut(void **state)
{
	struct buf b;
	int i;

	(void)state;
	buf_init(&b, 1 << 20);
	for (i = 0; i < 300; i++)
		buf_addf(&b, "%c{\"address\":\"h%d:1\"}", i ? ',' : '[', i);
	buf_add_str(&b, "]");
	assert_int_equal(parse(buf_cstr(&b)), 0);
	assert_int_equal(list.n, ORCH_LIST_MAX);
	while (b.len <= ORCH_LIST_BYTES_MAX)
		buf_add_str(&b, "                                ");
	assert_int_equal(orch_list_parse(&list, (char *)b.data, b.len, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	buf_fini(&b);
}

/* ---- whom a node takes ---- */

static void fill(unsigned n, bool backwards)
{
	unsigned i;

	list.n = n;
	for (i = 0; i < n; i++) {
		list.e[i] = (struct orch_entry){ .has_addr = false };
		snprintf(list.e[i].hostport, sizeof(list.e[i].hostport), "h%u:1",
			 backwards ? n - 1 - i : i);
	}
}

static void a_node_takes_the_same_ones_each_time_and_nodes_differ(void **state)
{
	static struct orch_list first;
	struct eth_addr me = { { 1 } }, other = { { 2 } };
	unsigned i, k, n_common = 0;

	(void)state;
	fill(100, false);
	orch_list_cut(&list, &me, 16);
	first = list;
	assert_int_equal(first.n, 16);
	fill(100, true);
	orch_list_cut(&list, &me, 16);
	for (i = 0; i < 16; i++)
		assert_true(orch_entry_equal(&list.e[i], &first.e[i]));
	fill(100, false);
	orch_list_cut(&list, &other, 16);
	for (i = 0; i < 16; i++)
		for (k = 0; k < 16; k++)
			n_common += orch_entry_equal(&list.e[i], &first.e[k]);
	assert_true(n_common < 10);
	fill(16, false);
	orch_list_cut(&list, &me, 16);
	assert_string_equal(list.e[0].hostport, "h0:1");	/* as told */
}

/* ---- asking ---- */

struct hook {
	uv_loop_t loop;
	struct http_server *server;
	struct http_client *client;
	struct discovery *d;
	char url[64];
	const char *answer;
	int status;
	unsigned n_asked, n_told;
	size_t n;	/* of the last list */
};

static void on_ask(void *arg, struct http_req *r)
{
	struct hook *h = arg;

	h->n_asked++;
	http_set_header(r, "Cache-Control", "max-age=86400");	/* not ours to keep */
	http_reply(r, h->status, "application/json", h->answer, strlen(h->answer));
}

static void on_told(void *arg, struct orch_list *l)
{
	struct hook *h = arg;

	h->n_told++;
	h->n = l->n;
}

static struct hook *hook_new(const char *answer)
{
	struct hook *h = xcalloc(1, sizeof(*h));

	uv_loop_init(&h->loop);
	h->status = 200;
	h->answer = answer;
	h->server = http_server_new(&h->loop, "127.0.0.1:0", NULL, &err);
	assert_non_null(h->server);
	http_route(h->server, "GET", "/list", on_ask, h);
	h->client = http_client_new(&h->loop);
	snprintf(h->url, sizeof(h->url), "http://127.0.0.1:%d/list", http_server_port(h->server));
	h->d = discovery_new(&h->loop, h->client, h->url, on_told, h, &err);
	assert_non_null(h->d);
	return h;
}

static void hook_free(struct hook *h)
{
	discovery_close(h->d);
	http_client_free(h->client, NULL, NULL);
	http_server_close(h->server, 0, NULL, NULL);
	uv_run(&h->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&h->loop), 0);
	free(h);
}

static void asked_at_start_and_each_minute(void **state)
{
	struct hook *h = hook_new("[{\"address\":\"a:1\"}]");

	(void)state;
	spin_until(&h->loop, h->n_told == 1);
	assert_int_equal(h->n, 1);
	warp(&h->loop, 55000);
	assert_int_equal(h->n_asked, 1);
	h->answer = "[]";
	warp(&h->loop, 6000);
	spin_until(&h->loop, h->n_told == 2);
	assert_int_equal(h->n, 0);
	hook_free(h);
}

static void failures_tell_nothing(void **state)
{
	static const struct { int status; const char *answer; } bad[] = {
		{ 500, "[{\"address\":\"a:1\"}]" }, { 302, "[]" }, { 404, "[]" }, { 200, "no" },
		{ 200, "[7]" }, { 204, "" },
	};
	struct hook *h = hook_new("[{\"address\":\"a:1\"}]");
	size_t i;

	(void)state;
	spin_until(&h->loop, h->n_told == 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		h->status = bad[i].status;
		h->answer = bad[i].answer;
		warp(&h->loop, 60000);
		spin_until(&h->loop, h->n_asked == i + 2);
		settle(&h->loop);
	}
	assert_int_equal(h->n_told, 1);
	hook_free(h);
}

static void too_long_answer_is_a_failure(void **state)
{
	char *long_one = xcalloc(1, ORCH_LIST_BYTES_MAX + 10);
	struct hook *h;

	(void)state;
	memset(long_one, ' ', ORCH_LIST_BYTES_MAX + 5);
	long_one[0] = '[';
	long_one[1] = ']';
	h = hook_new(long_one);
	spin_until(&h->loop, h->n_asked == 1);
	settle(&h->loop);
	assert_int_equal(h->n_told, 0);
	hook_free(h);
	free(long_one);
}

static void closed_while_it_asks(void **state)
{
	unsigned i, k;

	(void)state;
	for (k = 0; k < 12; k++) {
		struct hook *h = hook_new("[]");

		for (i = 0; i < k; i++)
			uv_run(&h->loop, UV_RUN_NOWAIT);
		hook_free(h);
	}
}

static void url_must_be_one(void **state)
{
	static const char *const bad[] = { "", "list", "ftp://a/", "file:///etc/passwd", "http://" };
	uv_loop_t loop;
	size_t i;

	(void)state;
	uv_loop_init(&loop);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(discovery_new(&loop, NULL, bad[i], on_told, NULL, &err));
		assert_int_equal(err.code, ERR_INVALID);
	}
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_may_have_a_scheme_or_a_name),
		cmocka_unit_test(entries_that_cannot_be_read_are_left_out),
		cmocka_unit_test(too_long_address_is_left_out),
		cmocka_unit_test(other_json_is_refused),
		cmocka_unit_test(nobody_is_a_list_too),
		cmocka_unit_test(the_same_twice_is_once),
		cmocka_unit_test(long_lists_are_cut),
		cmocka_unit_test(a_node_takes_the_same_ones_each_time_and_nodes_differ),
		cmocka_unit_test(asked_at_start_and_each_minute),
		cmocka_unit_test(failures_tell_nothing),
		cmocka_unit_test(too_long_answer_is_a_failure),
		cmocka_unit_test(closed_while_it_asks),
		cmocka_unit_test(url_must_be_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
