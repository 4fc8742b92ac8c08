/* Batches over endpoints that fail and lie. */
#include "test/node/chain/fake_node.h"

#include "base/err.h"
#include "node/chain/rpc.h"

#define N_FAKES 3

struct env {
	uv_loop_t loop;
	struct fake_node f[N_FAKES];
	size_t n;
	struct rpc *r;
	bool closed;
};

struct result {
	unsigned n_calls;
	bool ok;
	size_t n;
	char text[3][80];	/* results, or messages of errors */
	int64_t code[3];
	struct err err;
	int64_t at_ms;
};

static void on_closed(void *arg)
{
	*(bool *)arg = true;
}

static void start_with(struct env *e, size_t n, const struct rpc_opts *opts)
{
	struct rpc_opts o = opts ? *opts : (struct rpc_opts){ 0 };
	char urls[N_FAKES * 100] = "";
	struct err err = { 0 };
	size_t i;

	memset(e, 0, sizeof(*e));
	assert_int_equal(uv_loop_init(&e->loop), 0);
	e->n = n;
	for (i = 0; i < n; i++) {
		fake_start(&e->f[i], &e->loop, "");
		strcat(strcat(urls, i ? ", " : ""), e->f[i].url);
	}
	o.urls = urls;
	e->r = rpc_new(&e->loop, &o, &err);
	if (!e->r)
		fail_msg("%s", err.msg);
}

static void start(struct env *e, size_t n)
{
	start_with(e, n, NULL);
}

static void stop(struct env *e)
{
	size_t i;

	if (e->r)
		rpc_free(e->r, on_closed, &e->closed);
	for (i = 0; i < e->n; i++)
		fake_stop(&e->f[i]);
	uv_run(&e->loop, UV_RUN_DEFAULT);
	assert_true(e->closed);
	assert_int_equal(uv_loop_close(&e->loop), 0);
}

static void on_done(void *arg, struct rpc_reply *replies, size_t n, const struct err *err)
{
	struct result *res = arg;
	size_t i;

	res->n_calls++;
	res->ok = replies != NULL;
	res->at_ms = fake_now_ms();
	assert_true((replies == NULL) == (err != NULL));
	if (err) {
		assert_int_not_equal(err->code, ERR_NONE);
		res->err = *err;
	}
	res->n = n;
	for (i = 0; i < n && i < 3; i++) {
		res->code[i] = replies[i].code;
		snprintf(res->text[i], sizeof(res->text[i]), "%s", replies[i].result ?
			 json_string_value(replies[i].result) : replies[i].message);
	}
}

static struct rpc_batch *send_way(struct env *e, enum rpc_way way, size_t n, uint64_t deadline_ms,
				  struct result *res)
{
	static const struct rpc_call calls[RPC_BATCH_MAX] = {
		{ "eth_call", "[{},\"latest\"]" }, { "eth_gasPrice", "[]" }, { "eth_getCode", "[\"0x1\",\"latest\"]" },
	};
	struct rpc_call many[RPC_BATCH_MAX];
	struct rpc_batch *b;
	size_t i;

	for (i = 0; i < n; i++)
		many[i] = calls[i % 3];
	memset(res, 0, sizeof(*res));
	b = rpc_send(e->r, way, many, n, deadline_ms, on_done, res);
	assert_int_equal(res->n_calls, 0);
	return b;
}

static void wait_for(struct env *e, const struct result *res)
{
	int64_t end = fake_now_ms() + PATIENCE_MS;

	while (!res->n_calls) {
		if (fake_now_ms() > end)
			fail_msg("no callback");
		uv_run(&e->loop, UV_RUN_ONCE);
	}
	assert_int_equal(res->n_calls, 1);
}

static __attribute__((unused)) void run_for(struct env *e, int64_t ms)
{
	int64_t end = fake_now_ms() + ms;

	while (fake_now_ms() < end) {
		uv_run(&e->loop, UV_RUN_NOWAIT);
		uv_sleep(1);
	}
}

static void ask(struct env *e, enum rpc_way way, size_t n, struct result *res)
{
	send_way(e, way, n, 10000, res);
	wait_for(e, res);
}

static void a_batch_is_answered_in_its_order(void **state)
{
	struct result res;
	struct env e;

	start(&e, 1);
	assert_int_equal(rpc_chain_id(e.r), 0);
	ask(&e, RPC_ANY, 3, &res);
	assert_true(res.ok);
	assert_int_equal(res.n, 3);
	assert_string_equal(res.text[2], "0x1");
	assert_int_equal(rpc_chain_id(e.r), 31337);
	ask(&e, RPC_ANY, 1, &res);
	assert_true(res.ok);
	assert_int_equal(e.f[0].n_checks, 1);	/* asked once */
	assert_int_equal(e.f[0].n_requests, 3);
	stop(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_answered_in_its_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
