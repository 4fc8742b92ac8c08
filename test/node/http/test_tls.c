/* TLS: a certificate made here, OpenSSL's client against our server. */
#include "test/node/http/harness.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/blob.h"

#define BIG ((size_t)4 << 20)

static char dir[] = "/tmp/lpnode-tls-XXXXXX";
static char cert_path[64], key_path[64];
static struct blob *blob, *heap;
static uint64_t n_body;

static int make_certificate(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", dir);
	snprintf(key_path, sizeof(key_path), "%s/key.pem", dir);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	name = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"localhost", -1, -1, 0);
	X509_set_issuer_name(x, name);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	f = fopen(cert_path, "w");
	PEM_write_X509(f, x);
	fclose(f);
	f = fopen(key_path, "w");
	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(key);
	return 0;
}

static int remove_certificate(void **state)
{
	unlink(cert_path);
	unlink(key_path);
	rmdir(dir);
	return 0;
}

static void on_hello(void *arg, struct http_req *r)
{
	http_reply(r, 200, "text/plain", http_req_url(r), strlen(http_req_url(r)));
}

static void on_blob(void *arg, struct http_req *r)
{
	http_reply_blob(r, 200, "video/mp2t", *(struct blob **)arg, 0);
}

static void on_body(void *arg, struct http_req *r, const uint8_t *data, size_t len, bool ok)
{
	char text[40];

	n_body += len;
	if (data || !ok)
		return;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)n_body);
	http_reply(r, 200, "text/plain", text, strlen(text));
}

static void on_count(void *arg, struct http_req *r)
{
	http_req_read_body(r, 100 << 20, on_body, NULL);
}

static void on_file(void *arg, struct http_req *r)
{
	http_reply_file(r, "text/plain", *(int *)arg, "cert.pem");
}

static void start(struct env *e)
{
	struct http_opts opts = { .tls_cert = cert_path, .tls_key = key_path };
	struct http_limits l;
	uint8_t *data = xmalloc(BIG);
	size_t i;

	for (i = 0; i < BIG; i++)
		data[i] = (uint8_t)(i * 11 + i / 997);
	env_start(e, &opts);
	http_server_limits(e->s, &l);
	l.tick_ms = 5;
	http_server_set_limits(e->s, &l);
	http_route(e->s, "GET", "/hello", on_hello, NULL);
	http_route(e->s, "GET", "/blob", on_blob, &blob);
	http_route(e->s, "GET", "/heap", on_blob, &heap);
	http_route(e->s, "POST", "/count", on_count, NULL);
	blob = blob_new(data, BIG, NULL);
	heap = blob_from_heap(data, BIG);
	n_body = 0;
}

static void stop(struct env *e)
{
	env_stop(e);
	blob_unref(blob);
	blob_unref(heap);
}

/* ---- a client ---- */

/* Run the loop when OpenSSL wants to wait; false when it failed. */
static bool may_retry(struct env *e, SSL *ssl, int n)
{
	int why = SSL_get_error(ssl, n);

	if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
		return false;
	if (why == SSL_ERROR_WANT_READ)
		turn(e, SSL_get_fd(ssl));
	else
		uv_run(&e->loop, UV_RUN_NOWAIT);
	return true;
}

static void hang_up(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_free(ssl);
	close(fd);
	ERR_clear_error();
}

/* A connection; NULL when the handshake fails. */
static SSL *tls_dial(struct env *e, int max_version, const char *alpn)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int fd = dial(e), n;
	SSL *ssl;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (max_version) {
		SSL_CTX_set_security_level(ctx, 0);
		SSL_CTX_set_min_proto_version(ctx, 0);
		SSL_CTX_set_max_proto_version(ctx, max_version);
	}
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(ssl, fd);
	if (alpn)
		SSL_set_alpn_protos(ssl, (const uint8_t *)alpn, (unsigned)strlen(alpn));
	do {
		n = SSL_connect(ssl);
	} while (n != 1 && may_retry(e, ssl, n));
	if (n == 1)
		return ssl;
	hang_up(ssl);
	return NULL;
}

static void tls_put(struct env *e, SSL *ssl, const void *data, size_t len)
{
	const uint8_t *p = data;
	int n;

	while (len > 0) {
		n = SSL_write(ssl, p, len < 10000 ? (int)len : 10000);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else {
			assert_true(may_retry(e, ssl, n));
		}
	}
}

/* All until the server says goodbye; it must say it. */
static char *tls_get(struct env *e, SSL *ssl, size_t *len)
{
	char *data = xmalloc(1);
	char part[20000];
	int n;

	*len = 0;
	for (;;) {
		n = SSL_read(ssl, part, sizeof(part));
		if (n > 0) {
			data = xrealloc(data, *len + (size_t)n + 1);
			memcpy(data + *len, part, (size_t)n);
			*len += (size_t)n;
		} else if (!may_retry(e, ssl, n)) {
			break;
		}
	}
	assert_int_equal(SSL_get_error(ssl, n), SSL_ERROR_ZERO_RETURN);
	data[*len] = 0;
	return data;
}

static char *tls_talk(struct env *e, int max_version, const char *request, size_t *len)
{
	SSL *ssl = tls_dial(e, max_version, NULL);
	char *a;

	assert_non_null(ssl);
	tls_put(e, ssl, request, strlen(request));
	a = tls_get(e, ssl, len);
	hang_up(ssl);
	return a;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

/* ---- facts ---- */

static void tls_1_2_and_1_3_are_spoken_and_nothing_older(void **state)
{
	struct env e;
	size_t len;
	char *a;

	start(&e);
	a = tls_talk(&e, TLS1_3_VERSION, GET("/hello"), &len);
	assert_int_equal(status_of(a), 200);
	assert_string_equal(body_of(a), "https://localhost/hello");
	free(a);
	a = tls_talk(&e, TLS1_2_VERSION, GET("/hello"), &len);
	assert_int_equal(status_of(a), 200);
	free(a);
	assert_null(tls_dial(&e, TLS1_1_VERSION, NULL));
	stop(&e);
}

static void alpn_gives_http_1_1_and_refuses_strangers(void **state)
{
	const unsigned char *proto;
	unsigned n;
	struct env e;
	SSL *ssl;

	start(&e);
	ssl = tls_dial(&e, 0, "\x02h2\x08http/1.1");
	assert_non_null(ssl);
	SSL_get0_alpn_selected(ssl, &proto, &n);
	assert_int_equal(n, 8);
	assert_memory_equal(proto, "http/1.1", 8);
	hang_up(ssl);
	assert_null(tls_dial(&e, 0, "\x02h2"));
	stop(&e);
}

static void big_answers_are_whole(void **state)
{
	static const char *const requests[] = { GET("/blob"), GET("/heap") };
	struct env e;
	size_t i, len, head;
	char *a;

	start(&e);
	for (i = 0; i < 2; i++) {
		a = tls_talk(&e, 0, requests[i], &len);
		head = (size_t)(body_of(a) - a);
		assert_int_equal(len - head, BIG);
		assert_memory_equal(a + head, blob->data, BIG);
		free(a);
	}
	stop(&e);
}

static void files_are_encrypted_too(void **state)
{
	int dirfd = open(dir, O_DIRECTORY | O_CLOEXEC);
	struct env e;
	size_t len;
	char *a;

	start(&e);
	http_route(e.s, "GET", "/file", on_file, &dirfd);
	a = tls_talk(&e, 0, GET("/file"), &len);
	assert_non_null(strstr(a, "BEGIN CERTIFICATE"));
	free(a);
	close(dirfd);
	stop(&e);
}

static void an_upload_and_the_next_request_share_a_connection(void **state)
{
	static const char next[] = GET("/hello");
	char head[200], *a;
	struct env e;
	size_t len;
	SSL *ssl;

	start(&e);
	ssl = tls_dial(&e, 0, NULL);
	assert_non_null(ssl);
	snprintf(head, sizeof(head), "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", BIG);
	tls_put(&e, ssl, head, strlen(head));
	tls_put(&e, ssl, blob->data, BIG);
	tls_put(&e, ssl, next, sizeof(next) - 1);
	a = tls_get(&e, ssl, &len);
	assert_non_null(strstr(a, "\r\n\r\n4194304HTTP/1.1 200 OK"));
	assert_non_null(strstr(a, "https://localhost/hello"));
	free(a);
	hang_up(ssl);
	stop(&e);
}

static void plain_text_and_a_stalled_handshake_are_cut(void **state)
{
	static const uint8_t hello[] = { 0x16, 0x03, 0x01, 0x02, 0x00, 0x01 };
	struct got g = { 0 };
	struct http_limits l;
	struct env e;
	char *a;
	int fd;

	start(&e);
	a = talk(&e, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(status_of(a), 0);
	free(a);
	http_server_limits(e.s, &l);
	l.wait_ms[WAIT_HEAD] = 40;
	http_server_set_limits(e.s, &l);
	fd = dial(&e);
	put_bytes(&e, fd, hello, sizeof(hello));
	get_more(&e, fd, &g, 0);
	assert_true(g.ended);
	free(g.data);
	close(fd);
	stop(&e);
}

static void client_that_leaves_mid_answer_is_let_go(void **state)
{
	struct http_stats st;
	struct env e;
	char part[1000];
	SSL *ssl;
	int n;

	start(&e);
	ssl = tls_dial(&e, 0, NULL);
	assert_non_null(ssl);
	tls_put(&e, ssl, GET("/heap"), strlen(GET("/heap")));
	do {
		n = SSL_read(ssl, part, sizeof(part));
	} while (n <= 0 && may_retry(&e, ssl, n));
	assert_true(n > 0);
	hang_up(ssl);
	do {
		turn(&e, -1);
		http_server_stats(e.s, &st);
	} while (st.n_conns);
	assert_int_equal(heap->refs, 1);
	stop(&e);
}

static void bad_certificate_files_are_told(void **state)
{
	struct http_opts opts = { .tls_cert = "/nonexistent.pem", .tls_key = key_path };
	struct err err;
	uv_loop_t loop;

	uv_loop_init(&loop);
	assert_null(http_server_new(&loop, "127.0.0.1:0", &opts, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "/nonexistent.pem"));
	opts.tls_cert = key_path;
	assert_null(http_server_new(&loop, "127.0.0.1:0", &opts, &err));
	assert_int_equal(err.code, ERR_INVALID);
	opts.tls_cert = cert_path;
	opts.tls_key = cert_path;
	assert_null(http_server_new(&loop, "127.0.0.1:0", &opts, &err));
	assert_non_null(strstr(err.msg, "private key"));
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_1_2_and_1_3_are_spoken_and_nothing_older),
		cmocka_unit_test(alpn_gives_http_1_1_and_refuses_strangers),
		cmocka_unit_test(big_answers_are_whole),
		cmocka_unit_test(files_are_encrypted_too),
		cmocka_unit_test(an_upload_and_the_next_request_share_a_connection),
		cmocka_unit_test(plain_text_and_a_stalled_handshake_are_cut),
		cmocka_unit_test(client_that_leaves_mid_answer_is_let_go),
		cmocka_unit_test(bad_certificate_files_are_told),
	};

	return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
