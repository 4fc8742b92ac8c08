/*
 * What bench_http.sh measures: /p is a playlist of 400 bytes from memory, /m a
 * segment of 1 MiB from a sealed memfd.  Prints its port; ends on SIGTERM.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/mem.h"
#include "node/http/server.h"

static char playlist[400];
static struct blob *segment;

static void on_playlist(void *arg, struct http_req *r)
{
	http_set_header(r, "Cache-Control", "no-cache");
	http_reply(r, 200, "application/vnd.apple.mpegurl", playlist, sizeof(playlist));
}

static void on_segment(void *arg, struct http_req *r)
{
	http_reply_blob(r, 200, "video/mp2t", segment, 0);
}

static void on_signal(uv_signal_t *sig, int num)
{
	http_server_close(sig->data, 0, NULL, NULL);
	uv_close((uv_handle_t *)sig, NULL);
}

int main(int argc, char **argv)
{
	struct http_opts opts = { .tls_cert = argc > 1 ? argv[1] : NULL,
				  .tls_key = argc > 2 ? argv[2] : NULL };
	uint8_t *data = xmalloc(1 << 20);
	uv_loop_t *loop = uv_default_loop();
	struct http_server *s;
	uv_signal_t sig;
	struct err err;

	memset(playlist, '#', sizeof(playlist));
	memset(data, 'm', 1 << 20);
	segment = blob_new(data, 1 << 20, &err);
	free(data);
	s = http_server_new(loop, "127.0.0.1:0", &opts, &err);
	if (!segment || !s) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	http_route(s, "GET", "/p", on_playlist, NULL);
	http_route(s, "GET", "/m", on_segment, NULL);
	uv_signal_init(loop, &sig);
	sig.data = s;
	uv_signal_start(&sig, on_signal, SIGTERM);
	printf("%d\n", http_server_port(s));
	fflush(stdout);
	uv_run(loop, UV_RUN_DEFAULT);
	blob_unref(segment);
	return 0;
}
