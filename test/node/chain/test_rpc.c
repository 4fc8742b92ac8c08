/* Batches over endpoints that fail and lie. */
#include "test/node/chain/fake_node.h"

#include "base/err.h"
#include "node/chain/rpc.h"

#define N_FAKES 3

struct env {
	uv_loop_t loop;
	uv_timer_t beat;	/* so that no turn of the loop takes longer */
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

static void on_beat(uv_timer_t *t)
{
}

static void start_with(struct env *e, size_t n, const struct rpc_opts *opts)
{
	struct rpc_opts o = opts ? *opts : (struct rpc_opts){ 0 };
	char urls[N_FAKES * 100] = "";
	struct err err = { 0 };
	size_t i;

	memset(e, 0, sizeof(*e));
	assert_int_equal(uv_loop_init(&e->loop), 0);
	uv_timer_init(&e->loop, &e->beat);
	uv_timer_start(&e->beat, on_beat, 10, 10);
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
	uv_close((uv_handle_t *)&e->beat, NULL);
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
	static const struct rpc_call calls[3] = {
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

static void run_for(struct env *e, int64_t ms)
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


static void errors_of_calls_are_answers(void **state)
{
	struct result res;
	struct env e;

	start(&e, 2);
	e.f[0].error = "{\"code\":3,\"message\":\"execution reverted: too many requests\",\"data\":\"0x1234\"}";
	ask(&e, RPC_ANY, 2, &res);
	assert_true(res.ok);
	assert_int_equal(res.code[1], 3);
	assert_int_equal(e.f[1].n_calls, 0);
	stop(&e);
}

/* ---- lies ---- */

/* One rpc for each lie, on one loop, so that all wait at the same time. */
struct many {
	struct env e;
	struct fake_node f[N_LIES];
	struct rpc *r[N_LIES];
	bool closed[N_LIES];
	struct result res[N_LIES];
};

/* The liar comes first; behind it a good one for all, when there is one: then it lies for ever. */
static void start_many(struct many *m, bool has_other)
{
	struct err err = { 0 };
	int i;

	start(&m->e, 1);
	for (i = 0; i < N_LIES; i++) {
		char *urls;
		/* Only silence is waited for: the huge lies of others keep the loop busy. */
		struct rpc_opts o = { .try_ms = i == LIE_SILENT ? 1000 : 30000 };

		fake_start(&m->f[i], &m->e.loop, "");
		m->f[i].retry_after_s = 1;
		/* A kept connection that breaks is tried again by libcurl itself. */
		fake_lie(&m->f[i], (enum lie)i, i == LIE_NONE ? 0 : has_other ? -1 : i == LIE_CLOSE ? 2 : 1);
		urls = has_other ? xasprintf("%s,%s", m->f[i].url, m->e.f[0].url) : xstrdup(m->f[i].url);
		o.urls = urls;
		m->r[i] = rpc_new(&m->e.loop, &o, &err);
		assert_non_null(m->r[i]);
		free(urls);
	}
}

static void ask_many(struct many *m, size_t n)
{
	struct rpc *first = m->e.r;
	int i;

	for (i = 0; i < N_LIES; i++) {
		m->e.r = m->r[i];
		send_way(&m->e, RPC_ANY, n, PATIENCE_MS, &m->res[i]);
	}
	for (i = 0; i < N_LIES; i++)
		wait_for(&m->e, &m->res[i]);
	m->e.r = first;
}

static void stop_many(struct many *m)
{
	int i;

	for (i = 0; i < N_LIES; i++) {
		rpc_free(m->r[i], on_closed, &m->closed[i]);
		fake_stop(&m->f[i]);
	}
	stop(&m->e);
	for (i = 0; i < N_LIES; i++)
		assert_true(m->closed[i]);
}

static void each_lie_leads_to_the_other_endpoint(void **state)
{
	static struct many m;
	struct rpc_endpoint_info info[RPC_ENDPOINTS_MAX];
	int i;

	start_many(&m, true);
	ask_many(&m, 2);
	for (i = 1; i < N_LIES; i++) {
		rpc_endpoints(m.r[i], info);
		if (!m.res[i].ok || (info[0].failures == 0 && i != LIE_NO_ARRAY))	/* asked singly it is none */
			fail_msg("lie %d: ok %d, %s, %d failures", i, m.res[i].ok, m.res[i].err.msg,
				 (int)info[0].failures);
	}
	stop_many(&m);
}

static void each_lie_of_the_only_endpoint_is_outlived(void **state)
{
	static struct many m;
	int i;

	start_many(&m, false);
	ask_many(&m, 1);
	for (i = 1; i < N_LIES; i++) {
		/* These need an array, or are no lies about a single call. */
		bool harmless = i == LIE_SAME_ID || i == LIE_FEWER || i == LIE_MORE || i == LIE_NO_ARRAY;

		if (!m.res[i].ok || (!harmless && m.f[i].n_checks < 2))
			fail_msg("lie %d: ok %d, %s, %u checks", i, m.res[i].ok, m.res[i].err.msg, m.f[i].n_checks);
	}
	stop_many(&m);
}

static void retry_after_is_kept(void **state)
{
	struct result res;
	struct env e;
	int64_t begun;

	start(&e, 1);
	e.f[0].retry_after_s = 1;
	fake_lie(&e.f[0], LIE_503_LATER, 1);
	begun = fake_now_ms();
	ask(&e, RPC_ANY, 1, &res);
	assert_true(res.ok);
	assert_true(res.at_ms - begun >= 1000);
	stop(&e);
}

static void lies_about_the_chain_id_are_no_chain_id(void **state)
{
	static struct many m;
	int i;

	start_many(&m, false);
	for (i = 0; i < N_LIES; i++)
		m.f[i].lies_always = true;
	ask_many(&m, 1);
	for (i = 0; i < N_LIES; i++)
		if (!m.res[i].ok || rpc_chain_id(m.r[i]) != 31337)
			fail_msg("lie %d: %s", i, m.res[i].err.msg);
	stop_many(&m);
}

static void an_error_names_the_endpoint_but_no_key(void **state)
{
	struct result res;
	struct env e;
	char origin[60];

	start(&e, 1);
	fake_lie(&e.f[0], LIE_HTML, -1);
	send_way(&e, RPC_ANY, 1, 400, &res);
	wait_for(&e, &res);
	snprintf(origin, sizeof(origin), "http://127.0.0.1:%d: no JSON", e.f[0].port);
	assert_int_equal(res.err.code, ERR_INVALID);
	assert_non_null(strstr(res.err.msg, origin));
	assert_null(strstr(res.err.msg, "key"));
	assert_null(strchr(res.err.msg, '\x1b'));
	stop(&e);
}

static void silence_ends_at_the_deadline(void **state)
{
	struct result res;
	struct env e;
	int64_t begun;

	start(&e, 2);
	fake_lie(&e.f[0], LIE_SILENT, -1);
	fake_lie(&e.f[1], LIE_SILENT, -1);
	e.f[0].lies_always = true;
	begun = fake_now_ms();
	send_way(&e, RPC_ANY, 1, 700, &res);
	wait_for(&e, &res);
	assert_int_equal(res.err.code, ERR_TIMEOUT);
	assert_true(res.at_ms - begun >= 690);
	assert_true(e.f[1].n_calls == 0 && e.f[1].n_requests >= 1);	/* it was tried */
	stop(&e);
}

static void nobody_there_is_no_crash(void **state)
{
	struct rpc_endpoint_info info[RPC_ENDPOINTS_MAX];
	struct result res;
	struct env e;

	start(&e, 1);
	e.f[0].is_dead = true;
	send_way(&e, RPC_EACH, 1, 300, &res);
	wait_for(&e, &res);
	assert_int_equal(res.err.code, ERR_IO);
	rpc_endpoints(e.r, info);
	assert_false(info[0].is_nobody);		/* somebody hung up */
	e.f[0].is_dead = false;
	ask(&e, RPC_EACH, 1, &res);
	assert_true(res.ok);
	stop(&e);
}

static void that_nobody_listens_is_told_apart(void **state)
{
	struct rpc_endpoint_info info[RPC_ENDPOINTS_MAX];
	struct fake_node gone;
	struct result res;
	struct env e;
	struct err err;

	start(&e, 1);
	fake_start(&gone, &e.loop, "");
	fake_stop(&gone);
	rpc_free(e.r, on_closed, &e.closed);
	while (!e.closed)
		uv_run(&e.loop, UV_RUN_ONCE);
	e.closed = false;
	e.r = rpc_new(&e.loop, &(struct rpc_opts){ .urls = gone.url }, &err);
	rpc_endpoints(e.r, info);
	assert_false(info[0].is_nobody);	/* not asked yet */
	send_way(&e, RPC_ANY, 1, 300, &res);
	wait_for(&e, &res);
	assert_int_equal(res.err.code, ERR_NOT_FOUND);
	rpc_endpoints(e.r, info);
	assert_true(info[0].is_nobody);
	stop(&e);
}

/* ---- chains ---- */

static void an_endpoint_of_another_chain_is_not_used(void **state)
{
	struct rpc_opts o = { .chain_id = 31337 };
	struct result res;
	struct env e;

	start_with(&e, 3, &o);
	e.f[0].chain_id = 1;
	e.f[2].chain_id = 5;
	ask(&e, RPC_EACH, 1, &res);
	assert_true(res.ok);
	assert_int_equal(e.f[0].n_calls + e.f[2].n_calls, 0);
	assert_int_equal(e.f[1].n_calls, 1);
	stop(&e);
}

static void when_all_are_of_another_chain_it_is_said_at_once(void **state)
{
	struct rpc_opts o = { .chain_id = 1 };
	struct result res;
	struct env e;
	int i;

	start_with(&e, 2, &o);
	for (i = 0; i < 3; i++) {
		int64_t begun = fake_now_ms();

		ask(&e, (enum rpc_way)i, 1, &res);
		assert_int_equal(res.err.code, ERR_DENIED);
		assert_non_null(strstr(res.err.msg, "its chain id is 31337, not 1"));
		assert_true(res.at_ms - begun < 9000);
	}
	assert_int_equal(e.f[0].n_calls + e.f[1].n_calls, 0);
	/* It becomes the right one: a later batch notices. */
	e.f[0].chain_id = e.f[1].chain_id = 1;
	for (i = 0; i < 100 && !res.ok; i++) {
		ask(&e, RPC_ANY, 1, &res);
		run_for(&e, 50);
	}
	assert_true(res.ok);
	stop(&e);
}

static void a_chain_id_that_changes_is_noticed_behind_a_failure(void **state)
{
	struct result res;
	struct env e;

	start(&e, 2);
	ask(&e, RPC_EACH, 1, &res);
	assert_true(res.ok);
	run_for(&e, 20);		/* so that both are checked */
	e.f[0].chain_id = 99;
	fake_lie(&e.f[0], LIE_500, 1);
	ask(&e, RPC_ANY, 1, &res);
	assert_true(res.ok);
	run_for(&e, 500);		/* its rest is over */
	ask(&e, RPC_ANY, 1, &res);
	run_for(&e, 100);
	e.f[0].n_calls = e.f[1].n_calls = 0;
	ask(&e, RPC_EACH, 1, &res);
	assert_true(res.ok);
	assert_int_equal(e.f[0].n_calls, 0);
	assert_int_equal(e.f[1].n_calls, 1);
	stop(&e);
}

/* ---- better ones ---- */

static void the_quick_one_is_preferred(void **state)
{
	struct result res;
	struct env e;
	int i;

	start(&e, 2);
	e.f[0].delay_ms = 250;
	for (i = 0; i < 2; i++) {
		ask(&e, RPC_ANY, 1, &res);
		run_for(&e, 50);
	}
	e.f[0].n_calls = 0;
	for (i = 0; i < 3; i++)
		ask(&e, RPC_ANY, 1, &res);
	assert_int_equal(e.f[0].n_calls, 0);
	stop(&e);
}

static void ask_head(struct env *e, struct result *res)
{
	struct rpc_call call = { "eth_blockNumber", "[]" };

	memset(res, 0, sizeof(*res));
	rpc_send(e->r, RPC_ANY, &call, 1, 5000, on_done, res);
	wait_for(e, res);
}

static void who_is_behind_is_asked_only_when_no_other_answers(void **state)
{
	struct rpc_endpoint_info info[RPC_ENDPOINTS_MAX];
	struct result res;
	struct env e;
	int i;

	start(&e, 2);
	rpc_note_head(e.r, 104);
	e.f[1].head = 101;		/* three behind is not behind */
	ask_head(&e, &res);		/* 100: four */
	run_for(&e, 50);
	for (i = 0; i < 3; i++) {
		ask(&e, RPC_ANY, 1, &res);
		run_for(&e, 20);
	}
	e.f[0].n_calls = 0;
	ask(&e, RPC_ANY, 1, &res);
	assert_int_equal(e.f[0].n_calls, 0);
	e.f[1].is_dead = true;
	ask(&e, RPC_ANY, 1, &res);
	assert_true(res.ok);
	assert_int_equal(e.f[0].n_calls, 1);
	assert_int_equal(rpc_endpoints(e.r, info), 2);
	assert_int_equal(info[0].head, 100);
	assert_false(info[1].usable);
	assert_true(info[0].usable);
	stop(&e);
}

static void a_batch_that_is_too_large_is_halved(void **state)
{
	struct result res;
	struct env e;
	unsigned n;

	start(&e, 1);
	ask(&e, RPC_ANY, RPC_BATCH_MAX, &res);
	assert_true(res.ok);
	assert_int_equal(res.n, RPC_BATCH_MAX);
	assert_int_equal(e.f[0].n_requests, 2);		/* chain id, calls */
	e.f[0].n_calls = 0;
	e.f[0].batch_max = 10;
	ask(&e, RPC_ANY, 99, &res);
	assert_true(res.ok);
	assert_int_equal(res.n, 99);
	assert_int_equal(e.f[0].n_calls, 99);
	n = e.f[0].n_requests;
	ask(&e, RPC_ANY, 12, &res);
	assert_true(res.ok);
	assert_int_equal(e.f[0].n_requests - n, 2);	/* it is remembered */
	stop(&e);
}

/* ---- each ---- */

static void a_transaction_goes_to_each_endpoint(void **state)
{
	struct result res;
	struct env e;
	int i;

	start(&e, 3);
	e.f[1].delay_ms = 150;
	ask(&e, RPC_EACH, 1, &res);
	assert_true(res.ok);
	assert_int_equal(e.f[1].n_calls, 0);	/* not waited for */
	run_for(&e, 500);
	for (i = 0; i < 3; i++)
		assert_int_equal(e.f[i].n_calls, 1);
	stop(&e);
}

static void one_that_accepts_is_enough(void **state)
{
	struct result res;
	struct env e;

	start(&e, 3);
	e.f[0].error = "{\"code\":-32000,\"message\":\"nonce too low\"}";
	e.f[1].result = "\"0xacce97\"";
	e.f[1].delay_ms = 100;
	fake_lie(&e.f[2], LIE_500, -1);
	ask(&e, RPC_EACH, 1, &res);
	assert_true(res.ok);
	assert_string_equal(res.text[0], "0xacce97");
	stop(&e);
}

static void when_none_accepts_a_refusal_is_told(void **state)
{
	struct result res;
	struct env e;

	start(&e, 2);
	fake_lie(&e.f[0], LIE_500, -1);
	e.f[1].error = "{\"code\":-32000,\"message\":\"nonce too low\"}";
	ask(&e, RPC_EACH, 1, &res);
	assert_true(res.ok);
	assert_string_equal(res.text[0], "nonce too low");
	assert_int_equal(e.f[1].n_calls, 1);
	stop(&e);
}

static void what_goes_on_alone_ends_with_its_rpc(void **state)
{
	struct result res;
	struct env e;

	start(&e, 2);
	fake_lie(&e.f[1], LIE_SILENT, -1);
	ask(&e, RPC_EACH, 1, &res);
	assert_true(res.ok);
	stop(&e);
	assert_int_equal(res.n_calls, 1);
}

/* ---- agree ---- */

static void two_that_agree_are_believed(void **state)
{
	struct result res;
	struct env e;

	start(&e, 3);
	ask(&e, RPC_AGREE, 2, &res);
	assert_true(res.ok);
	assert_int_equal(e.f[0].n_calls + e.f[1].n_calls + e.f[2].n_calls, 4);
	stop(&e);
}

static void two_of_three_outvote_a_liar(void **state)
{
	struct result res;
	struct env e;
	int i;

	for (i = 0; i < 3; i++) {
		start(&e, 3);
		e.f[i].result = "\"0xbad\"";
		ask(&e, RPC_AGREE, 1, &res);
		assert_true(res.ok);
		assert_string_equal(res.text[0], "0x1");
		stop(&e);
	}
}

static void two_that_differ_are_not_believed(void **state)
{
	struct result res;
	struct env e;

	start(&e, 2);
	e.f[1].result = "\"0x2\"";
	send_way(&e, RPC_AGREE, 1, 900, &res);
	wait_for(&e, &res);
	assert_int_equal(res.err.code, ERR_DENIED);
	assert_non_null(strstr(res.err.msg, "eth_call"));
	assert_true(e.f[0].n_calls >= 2);	/* they were asked again */
	stop(&e);
}

/* They are seldom at the same one. */
static void heads_need_not_agree(void **state)
{
	static const struct rpc_call head = { "eth_getBlockByNumber", "[\"latest\",false]" };
	struct result res = { 0 };
	struct env e;

	start(&e, 2);
	e.f[1].result = "\"0x2\"";
	rpc_send(e.r, RPC_AGREE, &head, 1, PATIENCE_MS, on_done, &res);
	wait_for(&e, &res);
	assert_true(res.ok);
	stop(&e);
}

static void the_call_that_differs_is_named(void **state)
{
	static const struct rpc_call calls[] = { { "eth_chainId", "[]" }, { "eth_gasPrice", "[]" } };
	struct result res = { 0 };
	struct env e;

	start(&e, 2);
	e.f[1].result = "\"0x2\"";
	rpc_send(e.r, RPC_AGREE, calls, 2, 900, on_done, &res);
	wait_for(&e, &res);
	assert_int_equal(res.err.code, ERR_DENIED);
	assert_string_equal(res.err.msg, "the endpoints' answers to eth_gasPrice differ");
	stop(&e);
}

static void who_catches_up_agrees_later(void **state)
{
	struct result res;
	struct env e;

	start(&e, 2);
	e.f[1].result = "null";
	send_way(&e, RPC_AGREE, 1, 10000, &res);
	while (e.f[1].n_calls == 0)
		uv_run(&e.loop, UV_RUN_ONCE);
	e.f[1].result = "\"0x1\"";
	wait_for(&e, &res);
	assert_true(res.ok);
	assert_string_equal(res.text[0], "0x1");
	stop(&e);
}

static void one_that_differed_is_not_believed_alone(void **state)
{
	struct result res;
	struct env e;

	start(&e, 2);
	e.f[1].result = "\"0x2\"";
	send_way(&e, RPC_AGREE, 1, 1200, &res);
	while (e.f[1].n_calls == 0 || e.f[0].n_calls == 0)
		uv_run(&e.loop, UV_RUN_ONCE);
	run_for(&e, 20);
	e.f[0].is_dead = true;
	wait_for(&e, &res);
	assert_int_equal(res.err.code, ERR_DENIED);
	stop(&e);
}

static void a_second_that_fails_is_done_without(void **state)
{
	struct result res;
	struct env e;

	start(&e, 2);
	e.f[0].is_dead = true;
	ask(&e, RPC_AGREE, 1, &res);
	assert_true(res.ok);
	assert_int_equal(e.f[1].n_calls, 1);
	stop(&e);
}

static void a_second_that_failed_once_is_waited_for(void **state)
{
	struct result res;
	struct env e;

	start(&e, 2);
	fake_lie(&e.f[0], LIE_CLOSE, 1);
	e.f[0].result = "\"0xbad\"";
	send_way(&e, RPC_AGREE, 1, 1500, &res);
	wait_for(&e, &res);
	assert_int_equal(res.err.code, ERR_DENIED);
	stop(&e);
}

static void with_one_endpoint_there_is_nobody_to_agree_with(void **state)
{
	struct result res;
	struct env e;

	start(&e, 1);
	ask(&e, RPC_AGREE, 1, &res);
	assert_true(res.ok);
	stop(&e);
}

/* ---- ends ---- */

/* Turns of the loop are states: before the check, in it, behind it ... */
static void cancelled_in_any_state_it_never_calls(void **state)
{
	static const enum lie lies[] = { LIE_NONE, LIE_429, LIE_SILENT };
	struct result res;
	struct env e;
	unsigned way, lie, turns;

	for (way = 0; way < 3; way++)
		for (lie = 0; lie < 3; lie++)
			for (turns = 0; turns < 12; turns++) {
				struct rpc_batch *b;
				unsigned i;

				start(&e, 2);
				fake_lie(&e.f[0], lies[lie], -1);
				fake_lie(&e.f[1], lies[lie], -1);
				b = send_way(&e, (enum rpc_way)way, 2, 5000, &res);
				for (i = 0; i < turns && !res.n_calls; i++)
					uv_run(&e.loop, UV_RUN_ONCE);
				if (!res.n_calls) {
					rpc_cancel(b);
					run_for(&e, 2);
					assert_int_equal(res.n_calls, 0);
				}
				stop(&e);
			}
}

static void freed_in_any_state_batches_end_with_an_error(void **state)
{
	static const enum lie lies[] = { LIE_NONE, LIE_429, LIE_SILENT };
	struct result res[3];
	struct env e;
	unsigned way, lie, turns;

	for (lie = 0; lie < 3; lie++)
		for (turns = 0; turns < 12; turns++) {
			start(&e, 2);
			fake_lie(&e.f[0], lies[lie], -1);
			fake_lie(&e.f[1], lies[lie], -1);
			for (way = 0; way < 3; way++)
				send_way(&e, (enum rpc_way)way, 1, 5000, &res[way]);
			for (way = 0; way < turns; way++)
				uv_run(&e.loop, UV_RUN_ONCE);
			rpc_free(e.r, on_closed, &e.closed);
			e.r = NULL;
			for (way = 0; way < 3; way++) {
				assert_int_equal(res[way].n_calls, 1);
				assert_true(res[way].ok || res[way].err.code == ERR_IO);
			}
			stop(&e);
		}
}

struct ender {
	struct env *e;
	struct rpc_batch *other;
	unsigned n_calls;
};

static void on_done_free(void *arg, struct rpc_reply *replies, size_t n, const struct err *err)
{
	struct ender *x = arg;
	struct rpc_call call = { "eth_call", "[]" };

	x->n_calls++;
	rpc_cancel(x->other);
	x->other = NULL;
	if (!x->e->r)
		return;
	rpc_free(x->e->r, on_closed, &x->e->closed);
	assert_null(rpc_send(x->e->r, RPC_ANY, &call, 1, 1000, on_done_free, x));
	x->e->r = NULL;
}

static void a_callback_may_cancel_others_and_free_the_rpc(void **state)
{
	struct rpc_call call = { "eth_call", "[]" };
	struct result res;
	struct env e;
	int way, lie;

	for (way = 0; way < 3; way++)
		for (lie = 0; lie < 2; lie++) {
			struct ender x = { &e, NULL, 0 };

			start(&e, 2);
			fake_lie(&e.f[0], LIE_SILENT, lie ? -1 : 0);
			fake_lie(&e.f[1], LIE_SILENT, lie ? -1 : 0);
			x.other = send_way(&e, RPC_ANY, 1, 5000, &res);
			rpc_send(e.r, (enum rpc_way)way, &call, 1, lie ? 30 : 5000, on_done_free, &x);
			while (!x.n_calls && !res.n_calls)
				uv_run(&e.loop, UV_RUN_ONCE);
			if (res.n_calls)	/* the other was first: it is none to cancel */
				x.other = NULL;
			while (!x.n_calls)
				uv_run(&e.loop, UV_RUN_ONCE);
			stop(&e);
			assert_int_equal(x.n_calls, 1);
		}
}

static void too_many_in_flight_are_refused(void **state)
{
	struct result res[RPC_IN_FLIGHT_MAX + 1];
	struct env e;
	int i;

	start(&e, 1);
	fake_lie(&e.f[0], LIE_SILENT, -1);
	e.f[0].lies_always = true;
	for (i = 0; i <= RPC_IN_FLIGHT_MAX; i++)
		send_way(&e, RPC_ANY, 1, 5000, &res[i]);
	wait_for(&e, &res[RPC_IN_FLIGHT_MAX]);
	assert_int_equal(res[RPC_IN_FLIGHT_MAX].err.code, ERR_BUSY);
	run_for(&e, 50);
	assert_int_equal(res[0].n_calls, 0);
	assert_int_equal(e.f[0].n_requests, 1);		/* all wait for one check */
	stop(&e);
	for (i = 0; i < RPC_IN_FLIGHT_MAX; i++)
		assert_int_equal(res[i].err.code, ERR_IO);
}

static void large_answers_are_read_elsewhere(void **state)
{
	struct result res[20];
	struct env e;
	int i, k;

	start(&e, 1);
	e.f[0].pad = 3 << 20;
	ask(&e, RPC_ANY, 2, &res[0]);
	assert_true(res[0].ok);
	stop(&e);
	/* Cancelled or freed, perhaps while it is read. */
	for (i = 0; i < 10; i++) {
		struct rpc_batch *b;

		start(&e, 1);
		e.f[0].pad = 1 << 20;
		b = send_way(&e, RPC_ANY, 1, 5000, &res[0]);
		for (k = 0; k < 10 + 4 * i && !res[0].n_calls; k++)
			uv_run(&e.loop, UV_RUN_ONCE);
		if (!res[0].n_calls && i % 2)
			rpc_cancel(b);
		stop(&e);
		assert_true(res[0].n_calls == (i % 2 && !res[0].ok ? 0 : 1));
	}
}

/* ---- URLs ---- */

static void bad_urls_are_named_without_their_secrets(void **state)
{
	static const struct {
		const char *urls, *says;
	} bad[] = {
		{ "", "URL 1" },
		{ "ftp://user:secret@host/secret", "URL 1 (host)" },
		{ "http://a,,http://b", "URL 2" },
		{ "http://a, htp://secret@b:1/secret?secret", "URL 2 (b:1)" },
		{ "http://user:secret@:80/", "URL 1" },
		{ "http://a/secret,http://a/secret", "URL 2 (a) stands there twice" },
		{ "http://a,http://b,http://c,http://d,http://e,http://f,http://g,http://h,http://i", "more than 8" },
	};
	uv_loop_t loop;
	size_t i;

	uv_loop_init(&loop);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rpc_opts o = { .urls = bad[i].urls };
		struct err err = { 0 };

		assert_null(rpc_new(&loop, &o, &err));
		assert_int_equal(err.code, ERR_INVALID);
		if (!strstr(err.msg, bad[i].says) || strstr(err.msg, "secret"))
			fail_msg("%s: %s", bad[i].urls, err.msg);
	}
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_password_is_sent_and_never_shown(void **state)
{
	struct rpc_endpoint_info info[RPC_ENDPOINTS_MAX];
	struct rpc_opts o = { 0 };
	struct result res;
	struct env e;
	char url[100];

	start(&e, 1);
	rpc_free(e.r, NULL, NULL);
	snprintf(url, sizeof(url), "http://me:secret@127.0.0.1:%d/key", e.f[0].port);
	o.urls = url;
	e.r = rpc_new(&e.loop, &o, NULL);
	ask(&e, RPC_ANY, 1, &res);
	assert_string_equal(e.f[0].auth, "Basic bWU6c2VjcmV0");
	fake_lie(&e.f[0], LIE_403, -1);
	send_way(&e, RPC_ANY, 1, 300, &res);
	wait_for(&e, &res);
	assert_int_equal(res.err.code, ERR_DENIED);
	assert_null(strstr(res.err.msg, "secret"));
	rpc_endpoints(e.r, info);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", e.f[0].port);
	assert_string_equal(info[0].url, url);
	assert_null(strstr(info[0].why_not, "secret"));
	stop(&e);
}

/* An answer that only its caller can see through. */
static void on_done_blame(void *arg, struct rpc_reply *replies, size_t n, const struct err *err)
{
	struct env *e = arg;

	rpc_blame(e->r, "its blocks do not join");
	e->f[0].n_lies++;	/* so that the test sees that it came */
}

static void who_is_blamed_is_not_asked_next(void **state)
{
	const struct rpc_call call = { "eth_call", "[{},\"latest\"]" };
	struct rpc_endpoint_info info[RPC_ENDPOINTS_MAX];
	struct result res;
	struct env e;

	start(&e, 2);
	rpc_send(e.r, RPC_ANY, &call, 1, 5000, on_done_blame, &e);
	while (e.f[0].n_lies < 1)
		uv_run(&e.loop, UV_RUN_ONCE);
	rpc_blame(e.r, "nobody's answer");	/* nothing */
	assert_int_equal(rpc_endpoints(e.r, info), 2);
	assert_int_equal(info[0].failures + info[1].failures, 1);
	assert_string_equal(info[info[1].failures].why_not, "its blocks do not join");
	send_way(&e, RPC_ANY, 1, 5000, &res);
	wait_for(&e, &res);
	assert_true(res.ok);
	assert_int_equal(e.f[0].n_calls, 1);
	assert_int_equal(e.f[1].n_calls, 1);
	stop(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_answered_in_its_order),
		cmocka_unit_test(errors_of_calls_are_answers),
		cmocka_unit_test(each_lie_leads_to_the_other_endpoint),
		cmocka_unit_test(each_lie_of_the_only_endpoint_is_outlived),
		cmocka_unit_test(retry_after_is_kept),
		cmocka_unit_test(lies_about_the_chain_id_are_no_chain_id),
		cmocka_unit_test(an_error_names_the_endpoint_but_no_key),
		cmocka_unit_test(silence_ends_at_the_deadline),
		cmocka_unit_test(nobody_there_is_no_crash),
		cmocka_unit_test(that_nobody_listens_is_told_apart),
		cmocka_unit_test(an_endpoint_of_another_chain_is_not_used),
		cmocka_unit_test(when_all_are_of_another_chain_it_is_said_at_once),
		cmocka_unit_test(a_chain_id_that_changes_is_noticed_behind_a_failure),
		cmocka_unit_test(the_quick_one_is_preferred),
		cmocka_unit_test(who_is_behind_is_asked_only_when_no_other_answers),
		cmocka_unit_test(a_batch_that_is_too_large_is_halved),
		cmocka_unit_test(a_transaction_goes_to_each_endpoint),
		cmocka_unit_test(one_that_accepts_is_enough),
		cmocka_unit_test(when_none_accepts_a_refusal_is_told),
		cmocka_unit_test(what_goes_on_alone_ends_with_its_rpc),
		cmocka_unit_test(two_that_agree_are_believed),
		cmocka_unit_test(two_of_three_outvote_a_liar),
		cmocka_unit_test(two_that_differ_are_not_believed),
		cmocka_unit_test(heads_need_not_agree),
		cmocka_unit_test(the_call_that_differs_is_named),
		cmocka_unit_test(who_catches_up_agrees_later),
		cmocka_unit_test(one_that_differed_is_not_believed_alone),
		cmocka_unit_test(a_second_that_fails_is_done_without),
		cmocka_unit_test(a_second_that_failed_once_is_waited_for),
		cmocka_unit_test(with_one_endpoint_there_is_nobody_to_agree_with),
		cmocka_unit_test(cancelled_in_any_state_it_never_calls),
		cmocka_unit_test(freed_in_any_state_batches_end_with_an_error),
		cmocka_unit_test(a_callback_may_cancel_others_and_free_the_rpc),
		cmocka_unit_test(too_many_in_flight_are_refused),
		cmocka_unit_test(large_answers_are_read_elsewhere),
		cmocka_unit_test(bad_urls_are_named_without_their_secrets),
		cmocka_unit_test(a_password_is_sent_and_never_shown),
		cmocka_unit_test(who_is_blamed_is_not_asked_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
