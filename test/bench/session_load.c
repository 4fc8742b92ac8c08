/*
 * session_load HOST:PORT SESSIONS [CONNECTIONS]: opens idle sessions at an
 * orchestrator, spread over connections, prints "opened N refused M" once each has its
 * answer, and keeps them until SIGTERM.  Exit code 1 if a connection is lost.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/buf.h"
#include "base/eip712.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sig.h"
#include "node/peer/conn.h"
#include "protocol/peer_msg.h"
#include "protocol/profile.h"
#include "protocol/segment.h"

#define CONNS_MAX 32		/* PEER_CONNS_PER_ADDR of node/orchestrator.c */
#define CHANNELS_MAX 250	/* of 256 a connection */

static struct eth_addr self;
static struct profile_list profiles;
static unsigned n_want[CONNS_MAX], n_sessions, n_opened, n_refused;

static void answered(void)
{
	if (n_opened + n_refused < n_sessions)
		return;
	printf("opened %u refused %u\n", n_opened, n_refused);
	fflush(stdout);
}

static void on_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data, size_t len)
{
	struct msg_refuse m;
	struct err err;

	(void)arg;
	(void)ch;
	if (type == MSG_SESSION_ACCEPT)
		n_opened++;
	else
		n_refused++;
	if (type == MSG_REFUSE && msg_refuse_unpack(&m, data, len, &err) == 0)
		fprintf(stderr, "session_load: refused: %s\n", m.reason);
	answered();
}

static void open_session(struct peer_conn *c)
{
	static const struct peer_channel_cb cb = { .on_msg = on_msg };
	struct msg_open_session m = {
		.stream = stream_id_new(&self), .profiles = profiles, .preset = "ultrafast",
		.source_width = 640, .source_height = 360, .source_fps_num = 30, .source_fps_den = 1,
		.max_segment_ms = 2000,
	};
	struct peer_channel *ch;
	struct err err;
	struct buf b;

	ch = peer_channel_open(c, &cb, NULL, &err);
	if (!ch) {
		fprintf(stderr, "session_load: %s\n", err.msg);
		exit(1);
	}
	buf_init(&b, 65536);
	msg_open_session_pack(&b, &m);
	peer_channel_msg(ch, MSG_OPEN_SESSION, &b);
	buf_fini(&b);
}

static void on_ready(void *arg, struct peer_conn *c)
{
	unsigned *n = arg;

	for (; *n > 0; (*n)--)
		open_session(c);
}

static void on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	(void)arg;
	(void)c;
	fprintf(stderr, "session_load: connection lost: %s\n", why->msg);
	exit(1);
}

static void on_term(uv_signal_t *s, int signum)
{
	(void)s;
	(void)signum;
	exit(0);
}

int main(int argc, char **argv)
{
	static const struct peer_conn_cb cb = { .on_ready = on_ready, .on_close = on_close };
	uv_loop_t *loop = uv_default_loop();
	struct eip712_domain domain = { 0 };
	struct hash32 hash = eip712_domain_hash(&domain);
	struct sig_key *key = sig_key_generate();
	struct peer_ctx *peers;
	unsigned n_conns, i;
	uv_signal_t term;
	struct err err;

	n_sessions = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	n_conns = argc > 3 ? (unsigned)atoi(argv[3]) : 10;
	if (argc < 3 || n_conns < 1 || n_conns > CONNS_MAX || n_sessions < 1 ||
	    n_sessions > n_conns * CHANNELS_MAX) {
		fprintf(stderr, "usage: session_load HOST:PORT SESSIONS [CONNECTIONS]\n");
		return 2;
	}
	self = sig_key_addr(key);
	profiles_default(&profiles);
	peers = peer_ctx_new(loop, key, &hash, "session_load");
	for (i = 0; i < n_conns; i++) {
		n_want[i] = n_sessions / n_conns + (i < n_sessions % n_conns);
		if (!peer_dial(peers, argv[1], NULL, &cb, &n_want[i], &err)) {
			fprintf(stderr, "session_load: %s\n", err.msg);
			return 1;
		}
	}
	uv_signal_init(loop, &term);
	uv_signal_start(&term, on_term, SIGTERM);
	return uv_run(loop, UV_RUN_DEFAULT);
}
