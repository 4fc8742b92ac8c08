/*
 * TLS between the socket and the connection: OpenSSL reads straight from the socket
 * and writes into a buffer of ours, through a BIO of its own instead of two memory
 * BIOs: one copy less each way, and an idle connection keeps no buffers.
 * HTTP/2 enters at on_alpn().
 */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "node/http/impl.h"

static int bio_read(BIO *b, char *to, int size)
{
	struct http_conn *c = BIO_get_data(b);
	ssize_t n;

	BIO_clear_retry_flags(b);
	if (!c->can_read) {
		BIO_set_retry_read(b);
		return -1;
	}
	n = recv(c->fd, to, (size_t)size, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		c->can_read = errno == EINTR;
		BIO_set_retry_read(b);
		return -1;
	}
	if (n > 0) {
		c->srv->stats.bytes_in += (uint64_t)n;
		if (n < size && !c->peer_done)	/* as in read_plain() */
			c->can_read = false;
	}
	if (n == 0)
		c->peer_done = true;
	return (int)n;
}

static int bio_write(BIO *b, const char *data, int len)
{
	struct http_conn *c = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	return buf_add(&c->cipher, data, (size_t)len) ? len : -1;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	return cmd == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

static const BIO_METHOD *conn_bio(void)
{
	static BIO_METHOD *m;

	if (m)
		return m;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lpnode connection");
	if (!m)
		return NULL;
	BIO_meth_set_read(m, bio_read);
	BIO_meth_set_write(m, bio_write);
	BIO_meth_set_ctrl(m, bio_ctrl);
	BIO_meth_set_create(m, bio_create);
	return m;
}

/* A client that offers no protocol of ours is told so (RFC 7301, 3.2). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";

	if (SSL_select_next_proto((unsigned char **)out, out_len, ours, sizeof(ours) - 1, in,
				  in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static int tls_fail(SSL_CTX *ctx, struct err *err, const char *what, const char *path)
{
	unsigned long e = ERR_peek_last_error();
	const char *why = ERR_reason_error_string(e);

	ERR_clear_error();
	SSL_CTX_free(ctx);
	return err_set(err, ERR_INVALID, "%s %s: %s", what, path, why ? why : "cannot be read");
}

SSL_CTX *tls_ctx_new(const char *cert, const char *key, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx || !conn_bio()) {
		SSL_CTX_free(ctx);
		err_set(err, ERR_INTERNAL, "OpenSSL does not start");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
				 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1) {
		tls_fail(ctx, err, "certificate", cert);
		return NULL;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		tls_fail(ctx, err, "private key", key);
		return NULL;
	}
	return ctx;
}

int tls_attach(struct http_conn *c)
{
	BIO *b = BIO_new(conn_bio());

	c->ssl = SSL_new(c->srv->tls);
	if (!b || !c->ssl) {
		BIO_free(b);
		return -1;
	}
	BIO_set_data(b, c);
	SSL_set_bio(c->ssl, b, b);
	SSL_set_accept_state(c->ssl);
	return 0;
}

ssize_t tls_read(struct http_conn *c, void *to, size_t size)
{
	int n, e;

	ERR_clear_error();
	n = SSL_read(c->ssl, to, (int)size);
	if (n > 0)
		return n;
	e = SSL_get_error(c->ssl, n);
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
		errno = EAGAIN;
		return -1;
	}
	ERR_clear_error();
	if (e == SSL_ERROR_ZERO_RETURN)
		return 0;
	errno = EPROTO;
	return -1;
}

ssize_t tls_write(struct http_conn *c, const void *data, size_t len)
{
	int n;

	ERR_clear_error();
	n = SSL_write(c->ssl, data, (int)len);
	if (n <= 0)
		ERR_clear_error();
	return n > 0 ? n : -1;
}

void tls_bye(struct http_conn *c)
{
	if (SSL_is_init_finished(c->ssl))
		SSL_shutdown(c->ssl);
	ERR_clear_error();
}
