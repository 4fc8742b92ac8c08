/*
 * An orchestrator that speaks the real wire and lies: `liar MODE DATADIR`.  Prints
 * "port N" when it listens, and a line a segment.  It accepts every session.
 *
 *   bytes    garbage renditions, correctly hashed and signed
 *   echo     the source itself as every rendition, correctly signed
 *   hash     the trailer's hash is not that of the bytes
 *   sig      renditions signed with another key
 *   receipt  renditions like echo, a receipt signed with another key
 *   input    says that every input is undecodable
 *   late     takes segments and never answers
 *   vanish   ends the connection in the middle of a rendition
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"
#include "node/peer/conn.h"
#include "node/signer.h"
#include "protocol/peer_msg.h"

enum mode { LIE_BYTES, LIE_ECHO, LIE_HASH, LIE_SIG, LIE_RECEIPT, LIE_INPUT, LIE_LATE, LIE_VANISH, N_LIES };
static const char *const mode_names[N_LIES] = {
	"bytes", "echo", "hash", "sig", "receipt", "input", "late", "vanish",
};

static enum mode mode;
static struct signer *honest, *other;
static struct msg_open_session session;	/* the last one opened: a test has one */

struct seg {
	struct peer_channel *ch;
	struct msg_segment_header head;
	struct buf data;
};

static void tell(struct peer_channel *ch, uint16_t type, struct buf *b)
{
	peer_channel_msg(ch, type, b);
	buf_clear(b);
}

static void send_rendition(struct seg *g, uint32_t i, const uint8_t *data, size_t len, struct buf *b)
{
	struct msg_rendition_header head = { .index = i };
	struct signed_rendition sr = { .stream = session.stream, .sequence = g->head.sequence };
	struct msg_rendition_trailer tail = {
		.index = i, .len = len, .n_video = 1, .duration_ms = 2000, .width = 320, .height = 180,
	};

	sr.data_hash = hash_sha256(data, len);
	snprintf(sr.name, sizeof(sr.name), "%s", session.profiles.p[i].name);
	signer_rendition(mode == LIE_SIG ? other : honest, &sr);
	tail.data_hash = sr.data_hash;
	tail.sig = sr.sig;
	if (mode == LIE_HASH)
		tail.data_hash.b[0] ^= 1;
	msg_rendition_header_pack(b, &head);
	tell(g->ch, MSG_RENDITION_HEADER, b);
	peer_channel_data(g->ch, data, len);
	msg_rendition_trailer_pack(b, &tail);
	tell(g->ch, MSG_RENDITION_TRAILER, b);
}

static void send_receipt(struct seg *g, const struct msg_segment_trailer *m,
			 const struct hash32 *hash, struct buf *b)
{
	struct hash32 hashes[PROFILES_MAX];
	struct receipt r = {
		.stream = session.stream, .sequence = g->head.sequence,
		.data_hash = m->data_hash, .broadcaster_sig = m->sig,
	};
	struct msg_receipt out = { .sequence = r.sequence, .data_hash = r.data_hash, .transcode_ms = 1 };
	size_t i;

	for (i = 0; i < session.profiles.n; i++)
		hashes[i] = *hash;
	r.transcoded_hash = transcoded_hash(hashes, session.profiles.n);
	signer_receipt(mode == LIE_RECEIPT ? other : honest, &r);
	out.transcoded_hash = r.transcoded_hash;
	out.sig = r.sig;
	msg_receipt_pack(b, &out);
	tell(g->ch, MSG_RECEIPT, b);
}

static void lie(struct seg *g, const struct msg_segment_trailer *m)
{
	struct msg_refuse no = { .code = REFUSE_INPUT, .reason = "cannot decode this" };
	const uint8_t *data = g->data.data;
	size_t len = g->data.len, i;
	struct hash32 hash;
	struct buf b;

	printf("segment %llu\n", (unsigned long long)g->head.sequence);
	fflush(stdout);
	if (mode == LIE_LATE)
		return;
	buf_init(&b, 65536);
	if (mode == LIE_INPUT) {
		msg_refuse_pack(&b, &no);
		tell(g->ch, MSG_REFUSE, &b);
		buf_fini(&b);
		return;
	}
	if (mode == LIE_BYTES)
		memset(g->data.data, 0x47, len);
	hash = hash_sha256(data, len);
	for (i = 0; i < session.profiles.n; i++) {
		send_rendition(g, (uint32_t)i, data, len, &b);
		if (mode == LIE_VANISH) {
			buf_fini(&b);
			exit(0);
		}
	}
	send_receipt(g, m, &hash, &b);
	buf_fini(&b);
}

static void on_seg_msg(void *arg, struct peer_channel *ch, uint16_t type,
		       const uint8_t *data, size_t len)
{
	struct msg_segment_trailer m;
	struct err err;

	(void)ch;
	if (type == MSG_SEGMENT_TRAILER && msg_segment_trailer_unpack(&m, data, len, &err) == 0)
		lie(arg, &m);
}

static void on_seg_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct seg *g = arg;

	buf_add(&g->data, data, len);
	peer_channel_consumed(ch, len);
}

static void on_seg_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	struct seg *g = arg;

	(void)ch;
	(void)why;
	buf_fini(&g->data);
	free(g);
}

static void ignore_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	(void)arg;
	(void)ch;
	(void)why;
}

static void ignore_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	(void)arg;
	(void)data;
	peer_channel_consumed(ch, len);
}

static const struct peer_channel_cb seg_cb = {
	.on_msg = on_seg_msg, .on_data = on_seg_data, .on_close = on_seg_close,
};

static void on_first(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data, size_t len)
{
	struct msg_session_accept yes = { .max_inflight = 4, .codec_profile = "liar" };
	struct seg *g;
	struct buf b;
	struct err err;

	(void)arg;
	if (type == MSG_OPEN_SESSION && msg_open_session_unpack(&session, data, len, &err) == 0) {
		yes.output_stream = session.stream;
		buf_init(&b, 4096);
		msg_session_accept_pack(&b, &yes);
		tell(ch, MSG_SESSION_ACCEPT, &b);
		buf_fini(&b);
	} else if (type == MSG_SEGMENT_HEADER) {
		g = xcalloc(1, sizeof(*g));
		g->ch = ch;
		buf_init(&g->data, SEGMENT_BYTES_MAX);
		if (msg_segment_header_unpack(&g->head, data, len, &err) == 0)
			peer_channel_set(ch, &seg_cb, g);
	}
}

static const struct peer_channel_cb first_cb = {
	.on_msg = on_first, .on_data = ignore_data, .on_close = ignore_close,
};

static void on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	(void)arg;
	(void)c;
	peer_channel_set(ch, &first_cb, NULL);
}

static void on_ready(void *arg, struct peer_conn *c)
{
	(void)arg;
	(void)c;
}

static void on_close(void *arg, struct peer_conn *c, const struct err *why)
{
	(void)arg;
	(void)c;
	(void)why;
}

static const struct peer_conn_cb conn_cb = {
	.on_ready = on_ready, .on_channel = on_channel, .on_goaway = on_ready, .on_close = on_close,
};

static bool on_accept(void *arg, struct peer_conn *c, const struct peer_conn_cb **cb, void **conn_arg)
{
	(void)arg;
	(void)c;
	*cb = &conn_cb;
	*conn_arg = NULL;
	return true;
}

int main(int argc, char **argv)
{
	struct eip712_domain domain = { 0 };
	struct sig_key *key, *key2;
	struct peer_listener *l;
	struct peer_ctx *peers;
	struct err err;
	int i;

	if (argc != 3) {
		fprintf(stderr, "usage: liar MODE DATADIR\n");
		return 2;
	}
	for (i = 0; i < N_LIES && strcmp(argv[1], mode_names[i]) != 0; i++)
		;
	if (i == N_LIES) {
		fprintf(stderr, "no mode %s\n", argv[1]);
		return 2;
	}
	mode = (enum mode)i;
	mkdir(argv[2], 0700);
	secret_process_init();
	key = sig_key_load_or_create(argv[2], "node.key", &err);
	key2 = sig_key_generate();
	if (!key) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	honest = signer_new(key, &domain);
	other = signer_new(key2, &domain);
	peers = peer_ctx_new(uv_default_loop(), key, signer_domain(honest), "liar");
	l = peer_listen(peers, "127.0.0.1:0", 16, 16, on_accept, NULL, &err);
	if (!l) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	printf("port %d\n", peer_listener_port(l));
	fflush(stdout);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	return 0;
}
