/*
 * Any bytes, in any pieces, into a whole connection.  Every byte 0xff in the input
 * is not sent: it lets the loop run and what answers there are be read; the byte
 * behind it may answer a waiting request, resume a body or hang up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/blob.h"
#include "base/mem.h"
#include "node/http/impl.h"
#include "node/http/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uv_loop_t loop;
static struct http_server *server;
static struct blob *blob;
static struct http_req *parked;
static bool hold;	/* pause bodies until told */

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void on_gone(void *arg, struct http_req *r)
{
	if (parked == r)
		parked = NULL;
}

static void on_hello(void *arg, struct http_req *r)
{
	char q[20];

	http_req_query(r, "q", q, sizeof(q));
	http_set_header(r, "ETag", "\"1\"");
	http_set_header(r, "X-Path", http_req_path(r));
	http_set_header(r, "X-Param", http_req_param(r, "x"));
	must(strlen(http_req_peer(r)) > 0 && strlen(http_req_url(r)) > 0);
	http_reply(r, 200, "text/plain", "hello", 5);
}

static void on_blob(void *arg, struct http_req *r)
{
	http_set_header(r, "ETag", "\"1\"");
	http_reply_blob(r, 200, "video/mp2t", blob, 1);
}

static void on_file(void *arg, struct http_req *r)
{
	http_reply_file(r, "text/plain", *(int *)arg, http_req_param(r, "path"));
}

static void on_later(void *arg, struct http_req *r)
{
	parked = r;
	http_req_on_close(r, on_gone, NULL);
}

static void on_echo_body(void *arg, struct http_req *r, const uint8_t *data, size_t len, bool ok)
{
	if (data) {
		must(len > 0);
		http_write(r, data, len);
		http_req_pause(r, hold);
	} else if (ok) {
		http_write_blob(r, blob);
		http_reply_end(r);
	}
}

static void on_echo(void *arg, struct http_req *r)
{
	on_later(arg, r);
	http_reply_begin(r, 200, "text/plain", -1);
	http_req_read_body(r, 5000, on_echo_body, NULL);
}

static void on_count_body(void *arg, struct http_req *r, const uint8_t *data, size_t len, bool ok)
{
	if (!data && ok)
		http_reply_error(r, 422, "done");
}

static void on_count(void *arg, struct http_req *r)
{
	http_req_read_body(r, 50, on_count_body, NULL);
}

static void start(void)
{
	static const struct http_opts opts = { .cors = true };
	static int dirfd = -1;
	uint8_t data[20000];
	struct http_limits l;

	memset(data, 'b', sizeof(data));
	blob = blob_new(data, sizeof(data), NULL);
	uv_loop_init(&loop);
	server = http_server_new(&loop, "127.0.0.1:0", &opts, NULL);
	must(server && blob);
	http_server_limits(server, &l);
	l.tick_ms = 1;
	l.wait_ms[WAIT_LINGER] = 0;
	http_server_set_limits(server, &l);
	http_route(server, "GET|POST", "/", on_hello, NULL);
	http_route(server, "GET", "/h/:x", on_hello, NULL);
	http_route(server, "GET", "/b", on_blob, NULL);
	http_route(server, "GET", "/f/*path", on_file, &dirfd);
	http_route(server, "GET|PUT", "/l", on_later, NULL);
	http_route(server, "POST", "/e", on_echo, NULL);
	http_route(server, "POST", "/c", on_count, NULL);
}

static void pump(int fd)
{
	char sink[65536];
	int i;

	for (i = 0; i < 3; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
			;
	}
}

static void command(int fd, uint8_t what)
{
	pump(fd);
	switch (what & 7) {
	case 0:
		hold = true;
		break;
	case 1:
		hold = false;
		if (parked)
			http_req_pause(parked, false);
		break;
	case 2:
		if (parked)
			http_reply(parked, 200, "text/plain", "late", 4);
		break;
	case 3:
		if (parked)
			http_reply_blob(parked, 200, "text/plain", blob, 0);
		break;
	case 4:
		shutdown(fd, SHUT_WR);
		break;
	case 5:
		shutdown(fd, SHUT_RDWR);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *p = data, *end = data + len, *stop;
	struct http_stats st;
	int fd[2], i;

	if (!server)
		start();
	hold = false;
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) == 0);
	http_server_adopt(server, fd[1]);
	while (p < end) {
		stop = memchr(p, 0xff, (size_t)(end - p));
		stop = stop ? stop : end;
		while (p < stop) {
			ssize_t n = send(fd[0], p, (size_t)(stop - p), MSG_NOSIGNAL | MSG_DONTWAIT);

			if (n < 0 && errno != EAGAIN)
				p = stop;
			else if (n < 0)
				break;	/* a paused body: the rest is lost */
			else
				p += n;
		}
		p = stop;
		if (p < end)
			p++;
		if (p < end)
			command(fd[0], *p++);
	}
	pump(fd[0]);
	close(fd[0]);
	for (i = 0; i < 1000; i++) {
		http_server_stats(server, &st);
		if (st.n_conns == 0)
			break;
		if (parked)	/* a body that is not read hides the end */
			http_reply(parked, 200, NULL, NULL, 0);
		if (parked)
			http_req_pause(parked, false);
		uv_run(&loop, i < 20 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
	}
	must(st.n_conns == 0 && !parked);
	return 0;
}
