/* Outgoing calls, against our own server. */
#include "test/node/http/harness.h"

#include "node/http/client.h"

struct result {
	bool done;
	unsigned n_calls;
	int status;
	char body[200];
	size_t len;
	struct err err;
};

static struct http_req *parked;
static char got_body[200], got_type[60], got_path[60];
static unsigned n_gone;

static void on_gone(void *arg, struct http_req *r)
{
	parked = NULL;
	n_gone++;
}

static void on_hook_body(void *arg, struct http_req *r, const uint8_t *data, size_t len, bool ok)
{
	if (data) {
		snprintf(got_body + strlen(got_body), sizeof(got_body) - strlen(got_body), "%.*s",
			 (int)len, data);
		return;
	}
	http_reply(r, ok ? 403 : 500, "application/json", "{\"no\":1}", 8);
}

static void on_hook(void *arg, struct http_req *r)
{
	got_body[0] = 0;
	snprintf(got_type, sizeof(got_type), "%s", http_req_header(r, "Content-Type"));
	snprintf(got_path, sizeof(got_path), "%s", http_req_path(r));
	http_req_read_body(r, 1000, on_hook_body, NULL);
}

static void on_redirect(void *arg, struct http_req *r)
{
	http_set_header(r, "Location", "/hook");
	http_reply(r, 302, NULL, NULL, 0);
}

static void on_large(void *arg, struct http_req *r)
{
	static char zeros[5000];

	if (arg) {	/* its length is not told before */
		http_reply_begin(r, 200, "text/plain", -1);
		http_write(r, zeros, sizeof(zeros));
		http_reply_end(r);
	} else {
		http_reply(r, 200, "text/plain", zeros, sizeof(zeros));
	}
}

static void on_later(void *arg, struct http_req *r)
{
	parked = r;
	http_req_on_close(r, on_gone, NULL);
}

static void on_get(void *arg, struct http_req *r)
{
	snprintf(got_type, sizeof(got_type), "%s", http_req_header(r, "Content-Type") ?: "none");
	snprintf(got_path, sizeof(got_path), "%s", http_req_path(r));
	http_reply(r, 200, "application/json", "[7]", 3);
}

static void on_answer(void *arg, int status, const uint8_t *body, size_t len, const struct err *err)
{
	struct result *res = arg;

	res->done = true;
	res->n_calls++;
	res->status = status;
	res->len = len;
	assert_true((err != NULL) == (status == 0));
	if (err)
		res->err = *err;
	else
		snprintf(res->body, sizeof(res->body), "%.*s", (int)len, (const char *)body);
}

static void on_freed(void *arg)
{
	*(bool *)arg = true;
}

static struct http_client *start(struct env *e)
{
	env_start(e, NULL);
	http_route(e->s, "POST", "/hook/*x", on_hook, NULL);
	http_route(e->s, "GET", "/get", on_get, NULL);
	http_route(e->s, "POST", "/redirect", on_redirect, NULL);
	http_route(e->s, "POST", "/large", on_large, NULL);
	http_route(e->s, "POST", "/large-chunked", on_large, e);
	http_route(e->s, "POST", "/later", on_later, NULL);
	parked = NULL;
	n_gone = 0;
	return http_client_new(&e->loop);
}

static void stop(struct env *e, struct http_client *c)
{
	bool freed = false;

	http_client_free(c, on_freed, &freed);
	assert_false(freed);
	env_stop(e);
	assert_true(freed);
}

static struct http_call *post(struct env *e, struct http_client *c, const char *path,
			      uint64_t deadline_ms, struct result *res)
{
	char url[200];

	memset(res, 0, sizeof(*res));
	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", e->port, path);
	return http_post_json(c, url, "{\"a\":1}", deadline_ms, 1000, on_answer, res, NULL);
}

static void post_sends_json_and_brings_the_answer(void **state)
{
	struct result res;
	struct http_client *c;
	struct env e;
	int i;

	/* An ambient proxy must not be taken. */
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("all_proxy", "http://127.0.0.1:1/", 1);
	c = start(&e);
	for (i = 0; i < 3; i++) {
		assert_non_null(post(&e, c, "/hook/x", 5000, &res));
		assert_false(res.done);
		wait_for_true(&e, &res.done);
		assert_int_equal(res.status, 403);
		assert_string_equal(res.body, "{\"no\":1}");
		assert_string_equal(got_body, "{\"a\":1}");
		assert_string_equal(got_type, "application/json");
		assert_string_equal(got_path, "/hook/x");
	}
	stop(&e, c);
}

static void redirects_are_answers(void **state)
{
	struct result res;
	struct env e;
	struct http_client *c = start(&e);

	post(&e, c, "/redirect", 5000, &res);
	wait_for_true(&e, &res.done);
	assert_int_equal(res.status, 302);
	stop(&e, c);
}

static void an_answer_over_the_limit_fails(void **state)
{
	static const char *const paths[] = { "/large", "/large-chunked" };
	struct result res;
	struct env e;
	struct http_client *c = start(&e);
	int i;

	for (i = 0; i < 2; i++) {
		post(&e, c, paths[i], 5000, &res);
		wait_for_true(&e, &res.done);
		assert_int_equal(res.status, 0);
		assert_int_equal(res.err.code, ERR_LIMIT);
	}
	stop(&e, c);
}

static void a_silent_server_is_a_timeout(void **state)
{
	struct result res;
	struct env e;
	struct http_client *c = start(&e);

	post(&e, c, "/later", 60, &res);
	wait_for_true(&e, &res.done);
	assert_int_equal(res.status, 0);
	assert_int_equal(res.err.code, ERR_TIMEOUT);
	stop(&e, c);
}

static void nobody_there_is_an_error_later_not_at_once(void **state)
{
	struct result res = { 0 };
	struct env e;
	struct http_client *c = start(&e);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);	/* bound, not listening */
	char url[100];

	bind(fd, (struct sockaddr *)&a, sizeof(a));
	getsockname(fd, (struct sockaddr *)&a, &len);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(a.sin_port));
	assert_non_null(http_post_json(c, url, "{}", 5000, 100, on_answer, &res, NULL));
	assert_false(res.done);
	wait_for_true(&e, &res.done);
	assert_int_equal(res.err.code, ERR_NOT_FOUND);
	close(fd);
	stop(&e, c);
}

static void only_http_urls_are_taken(void **state)
{
	static const char *const bad[] = {
		"", "x", "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:70/", "http://",
		"127.0.0.1/x", "http://a b/", "dict://127.0.0.1/", "http://127.0.0.1:99999/",
	};
	struct result res = { 0 };
	struct env e;
	struct http_client *c = start(&e);
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.code = ERR_NONE;
		if (http_post_json(c, bad[i], "{}", 5000, 100, on_answer, &res, &err))
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.code, ERR_INVALID);
	}
	stop(&e, c);
	assert_false(res.done);
}

static void cancelled_calls_are_never_answered(void **state)
{
	struct result res[2];
	struct env e;
	struct http_client *c = start(&e);
	struct http_call *call = post(&e, c, "/later", 5000, &res[0]);
	int64_t end = now_ms() + PATIENCE_MS;

	http_call_cancel(call);		/* before anything went out */
	call = post(&e, c, "/later", 5000, &res[1]);
	while (!parked && now_ms() < end)
		turn(&e, -1);
	assert_non_null(parked);
	http_call_cancel(call);
	while (!n_gone && now_ms() < end)
		turn(&e, -1);
	assert_int_equal(n_gone, 1);	/* the server saw it go */
	stop(&e, c);
	assert_false(res[0].done || res[1].done);
}

static void freeing_the_client_ends_running_calls(void **state)
{
	struct result res[3];
	struct env e;
	struct http_client *c = start(&e);
	int i;

	for (i = 0; i < 3; i++)
		post(&e, c, "/later", 5000, &res[i]);
	for (i = 0; i < 5; i++)
		turn(&e, -1);
	stop(&e, c);
	assert_false(res[0].done || res[1].done || res[2].done);
}

static bool freed_in_callback;

static void on_answer_free(void *arg, int status, const uint8_t *body, size_t len, const struct err *err)
{
	http_client_free(arg, on_freed, &freed_in_callback);
}

static void the_client_may_be_freed_in_its_callback(void **state)
{
	struct result res;
	struct env e;
	struct http_client *c = start(&e);
	char url[100];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/hook/1", e.port);
	post(&e, c, "/later", 5000, &res);
	http_post_json(c, url, "{}", 5000, 100, on_answer_free, c, NULL);
	wait_for_true(&e, &freed_in_callback);
	env_stop(&e);
	assert_false(res.done);
}

static void a_get_has_no_body(void **state)
{
	struct env e;
	struct http_client *c = start(&e);
	struct result res = { 0 };
	char url[200];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/get", e.port);
	assert_non_null(http_get(c, url, 5000, 1000, on_answer, &res, NULL));
	wait_for_true(&e, &res.done);
	assert_int_equal(res.status, 200);
	assert_string_equal(res.body, "[7]");
	assert_string_equal(got_path, "/get");
	assert_string_equal(got_type, "none");
	assert_null(http_get(c, "ftp://a/", 5000, 1000, on_answer, &res, NULL));
	stop(&e, c);
}

static void on_wait(void *arg, struct http_req *r)
{
	snprintf(got_type, sizeof(got_type), "%s", http_req_header(r, "Authorization") ?: "none");
	if (arg)
		http_set_header(r, "Retry-After", arg);
	http_reply(r, 429, NULL, NULL, 0);
}

static uint64_t retry_after_s;

static void on_wait_answer(void *arg, int status, const uint8_t *body, size_t len, const struct err *err)
{
	retry_after_s = http_client_retry_after(*(struct http_client **)arg);
	*(struct http_client **)arg = NULL;
}

static uint64_t ask_wait(struct env *e, struct http_client *c, const char *path)
{
	int64_t end = now_ms() + PATIENCE_MS;
	struct http_client *seen = c;
	char url[100];

	snprintf(url, sizeof(url), "http://me:secret@127.0.0.1:%d%s", e->port, path);
	assert_non_null(http_get(c, url, 5000, 100, on_wait_answer, &seen, NULL));
	while (seen && now_ms() < end)
		turn(e, -1);
	assert_null(seen);
	return retry_after_s;
}

static void retry_after_and_a_password(void **state)
{
	static char seconds[] = "17", nonsense[] = "-x", past[] = "Mon, 01 Jan 2001 00:00:00 GMT";
	struct env e;
	struct http_client *c = start(&e);

	http_route(e.s, "GET", "/wait", on_wait, seconds);
	http_route(e.s, "GET", "/nonsense", on_wait, nonsense);
	http_route(e.s, "GET", "/past", on_wait, past);
	http_route(e.s, "GET", "/nothing", on_wait, NULL);
	assert_int_equal(ask_wait(&e, c, "/wait"), 17);
	assert_string_equal(got_type, "Basic bWU6c2VjcmV0");
	assert_int_equal(ask_wait(&e, c, "/nothing"), 0);
	assert_int_equal(ask_wait(&e, c, "/nonsense"), 0);
	assert_int_equal(ask_wait(&e, c, "/past"), 0);
	stop(&e, c);
}

static void an_origin_has_no_secrets(void **state)
{
	static const struct {
		const char *url, *origin;
	} cases[] = {
		{ "http://me:secret@host/v1/secret?secret#secret", "http://host:80" },
		{ "https://secret@host.example:8545", "https://host.example:8545" },
		{ "https://[::1]/secret", "https://[::1]:443" },
		{ "ftp://host", NULL }, { "", NULL }, { "host/secret", NULL },
	};
	char to[HTTP_ORIGIN_MAX], longest[600] = "http://";
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(http_url_origin(to, cases[i].url), cases[i].origin != NULL);
		if (cases[i].origin)
			assert_string_equal(to, cases[i].origin);
	}
	memset(longest + 7, 'a', 500);
	assert_false(http_url_origin(to, longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(post_sends_json_and_brings_the_answer),
		cmocka_unit_test(a_get_has_no_body),
		cmocka_unit_test(retry_after_and_a_password),
		cmocka_unit_test(an_origin_has_no_secrets),
		cmocka_unit_test(redirects_are_answers),
		cmocka_unit_test(an_answer_over_the_limit_fails),
		cmocka_unit_test(a_silent_server_is_a_timeout),
		cmocka_unit_test(nobody_there_is_an_error_later_not_at_once),
		cmocka_unit_test(only_http_urls_are_taken),
		cmocka_unit_test(cancelled_calls_are_never_answered),
		cmocka_unit_test(freeing_the_client_ends_running_calls),
		cmocka_unit_test(the_client_may_be_freed_in_its_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
