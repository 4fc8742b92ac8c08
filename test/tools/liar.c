/*
 * liar MODE: an orchestrator on the real wire that does the work and then lies about
 * it, so that tests can see what a broadcaster makes of it.  Prints its address, then
 * a line for each lie told.  "honest" tells none: the control that everything else
 * about it is right.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/buf.h"
#include "base/eip712.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/sig.h"
#include "media/av/ladder.h"
#include "node/peer/conn.h"
#include "node/signer.h"
#include "protocol/peer_msg.h"

enum lie {
	HONEST,
	LIE_HASH,	/* a hash that is not the bytes' */
	LIE_SIGNATURE,	/* signed by another key */
	LIE_BYTES,	/* noise, with the right hash and signature */
	LIE_SOURCE,	/* the source given back as every rendition */
	LIE_HALF,	/* only the first half of the frames */
	LIE_OLD,	/* the renditions of the segment before */
	LIE_SWAP,	/* the first two renditions exchanged */
	LIE_MISSING,	/* the last rendition left out */
	LIE_RECEIPT,	/* a receipt for other renditions */
	LIE_REFUSE,	/* "the input cannot be decoded" */
	LIE_SILENT,	/* no answer, ever */
	LIE_CLOSE,	/* the channel ends in the middle of a rendition */
	LIE_FLOOD,	/* 40 MiB of rendition */
};
static const char *const lie_names[] = {
	"honest", "hash", "signature", "bytes", "source", "half", "old", "swap", "missing",
	"receipt", "refuse", "silent", "close", "flood",
};

#define SESSIONS_MAX 16

struct work {
	uint8_t *data[PROFILES_MAX];	/* malloc'ed */
	size_t len[PROFILES_MAX];
	struct ladder_out out[PROFILES_MAX];
	size_t n;
};

struct peer {
	struct peer_conn *conn;
	struct { uint32_t channel; struct msg_open_session open; } session[SESSIONS_MAX];
	size_t n_sessions;
};

struct segment {
	struct peer *peer;
	struct peer_channel *ch;
	struct msg_open_session *open;
	struct msg_segment_header head;
	struct buf input;
};

static enum lie lie;
static struct signer *signer, *other_signer;
static struct work previous;

static void tell(struct peer_channel *ch, enum msg_type type, struct buf *b)
{
	peer_channel_msg(ch, type, b);
	buf_fini(b);
	buf_init(b, 65536);
}

static void segment_free(struct segment *g)
{
	buf_fini(&g->input);
	free(g);
}

/* ---- the work, honestly done ---- */

static void take_rendition(void *arg, struct ladder_out *out)
{
	struct work *w = arg;

	size_t i = out->index;

	w->data[i] = xrealloc(w->data[i], w->len[i] + out->len);
	memcpy(w->data[i] + w->len[i], out->data, out->len);
	free(out->data);
	w->len[i] += out->len;
	w->out[i] = *out;
}

static int do_work(struct work *w, const struct segment *g, struct err *err)
{
	const struct profile_list *l = &g->open->profiles;
	struct ladder_rung rungs[PROFILES_MAX];
	struct ladder_spec spec = {
		.rungs = rungs, .n_rungs = l->n, .preset = g->open->preset, .fmp4 = g->head.fmp4,
		.max_pixels = 4096 * 2304,
	};
	struct ladder_stats stats;
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct profile *p = &l->p[i];

		rungs[i] = (struct ladder_rung){
			.bitrate = p->bitrate, .fps_num = p->fps_num, .fps_den = p->fps_den,
			.gop_ms = p->gop_ms, .encoder = (enum ladder_encoder)p->encoder,
			.h264 = (enum ladder_h264)p->h264, .quality = p->quality,
		};
		profile_fit(p, g->head.width, g->head.height, &rungs[i].width, &rungs[i].height);
	}
	*w = (struct work){ .n = l->n };
	return ladder_run(&spec, g->input.data, g->input.len, take_rendition, w, &stats, err);
}

static void work_fini(struct work *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		free(w->data[i]);
	*w = (struct work){ 0 };
}

/* ---- the lies about the work itself ---- */

static void replace(struct work *w, size_t i, const void *data, size_t len)
{
	free(w->data[i]);
	w->data[i] = xmalloc(len);
	memcpy(w->data[i], data, len);
	w->len[i] = len;
}

static void spoil(struct work *w, const struct segment *g)
{
	struct work fresh;
	uint8_t *p;
	size_t i;

	switch (lie) {
	case LIE_BYTES:
		for (i = 0; i < w->n; i++)
			secret_random(w->data[i], w->len[i]);
		break;
	case LIE_SOURCE:
		for (i = 0; i < w->n; i++)
			replace(w, i, g->input.data, g->input.len);
		break;
	case LIE_HALF:
		for (i = 0; i < w->n; i++)
			w->len[i] = w->len[i] / 2 / 188 * 188;
		break;
	case LIE_OLD:
		fresh = *w;
		if (previous.n == w->n)
			*w = previous;
		else
			for (i = 0; i < w->n; i++)
				w->data[i] = memcpy(xmalloc(w->len[i]), fresh.data[i], w->len[i]);
		previous = fresh;
		break;
	case LIE_SWAP:
		if (w->n < 2)
			break;
		p = w->data[0];
		w->data[0] = w->data[1];
		w->data[1] = p;
		i = w->len[0];
		w->len[0] = w->len[1];
		w->len[1] = i;
		break;
	case HONEST: case LIE_HASH: case LIE_SIGNATURE: case LIE_MISSING: case LIE_RECEIPT:
	case LIE_REFUSE: case LIE_SILENT: case LIE_CLOSE: case LIE_FLOOD:
		break;
	}
}

/* ---- what is sent ---- */

static struct hash32 send_rendition(struct segment *g, const struct work *w, size_t i)
{
	struct msg_rendition_header head = { .index = (uint32_t)i };
	struct msg_rendition_trailer tail = {
		.index = (uint32_t)i, .len = w->len[i], .data_hash = hash_sha256(w->data[i], w->len[i]),
		.n_video = w->out[i].n_video,
		.duration_ms = (uint32_t)(w->out[i].duration_90k / 90),
		.width = w->out[i].width, .height = w->out[i].height, .fmp4 = w->out[i].fmp4,
		.init_len = (uint32_t)w->out[i].init_len,
	};
	struct signed_rendition r = { .stream = g->open->stream, .sequence = g->head.sequence };
	struct buf b;

	buf_init(&b, 65536);
	msg_rendition_header_pack(&b, &head);
	tell(g->ch, MSG_RENDITION_HEADER, &b);
	peer_channel_data(g->ch, w->data[i], w->len[i]);
	if (lie == LIE_HASH)
		tail.data_hash.b[7] ^= 1;
	snprintf(r.name, sizeof(r.name), "%s", g->open->profiles.p[i].name);
	r.data_hash = tail.data_hash;
	signer_rendition(lie == LIE_SIGNATURE ? other_signer : signer, &r);
	tail.sig = r.sig;
	msg_rendition_trailer_pack(&b, &tail);
	tell(g->ch, MSG_RENDITION_TRAILER, &b);
	buf_fini(&b);
	return tail.data_hash;
}

static void send_receipt(struct segment *g, const struct msg_segment_trailer *m,
			 struct hash32 *hashes, size_t n)
{
	struct receipt r = {
		.stream = g->open->stream, .sequence = g->head.sequence, .data_hash = m->data_hash,
		.broadcaster_sig = m->sig,
	};
	struct msg_receipt out;
	struct buf b;

	if (lie == LIE_RECEIPT)
		hashes[0].b[0] ^= 1;
	r.transcoded_hash = transcoded_hash(hashes, n);
	signer_receipt(signer, &r);
	out = (struct msg_receipt){
		.sequence = r.sequence, .data_hash = r.data_hash,
		.transcoded_hash = r.transcoded_hash, .sig = r.sig, .transcode_ms = 1,
	};
	buf_init(&b, 65536);
	msg_receipt_pack(&b, &out);
	tell(g->ch, MSG_RECEIPT, &b);
	buf_fini(&b);
}

static void send_refusal(struct segment *g)
{
	struct msg_refuse m = { .code = REFUSE_INPUT, .reason = "the input cannot be decoded" };
	struct buf b;

	buf_init(&b, 65536);
	msg_refuse_pack(&b, &m);
	tell(g->ch, MSG_REFUSE, &b);
	buf_fini(&b);
}

static void send_flood(struct segment *g)
{
	static uint8_t zeros[1 << 20];
	struct msg_rendition_header head = { .index = 0 };
	struct buf b;
	int i;

	buf_init(&b, 65536);
	msg_rendition_header_pack(&b, &head);
	tell(g->ch, MSG_RENDITION_HEADER, &b);
	buf_fini(&b);
	for (i = 0; i < 40; i++)
		peer_channel_data(g->ch, zeros, sizeof(zeros));
}

/* A rendition begins and the channel ends. */
static void send_beginning(struct segment *g, const struct work *w)
{
	struct msg_rendition_header head = { .index = 0 };
	struct buf b;

	buf_init(&b, 65536);
	msg_rendition_header_pack(&b, &head);
	tell(g->ch, MSG_RENDITION_HEADER, &b);
	buf_fini(&b);
	peer_channel_data(g->ch, w->data[0], w->len[0] / 2);
	peer_channel_close(g->ch);
}

/* The answer to a whole segment.  True: the channel is closed, g is to be freed. */
static bool answer(struct segment *g, const struct msg_segment_trailer *m)
{
	struct hash32 hashes[PROFILES_MAX];
	struct work w;
	struct err err;
	size_t i, n;

	if (lie == LIE_SILENT || lie == LIE_FLOOD) {
		if (lie == LIE_FLOOD)
			send_flood(g);
		return false;
	}
	if (lie == LIE_REFUSE || do_work(&w, g, &err) < 0) {
		send_refusal(g);
		peer_channel_close(g->ch);
		return true;
	}
	if (lie == LIE_CLOSE) {
		send_beginning(g, &w);
		work_fini(&w);
		return true;
	}
	spoil(&w, g);
	n = lie == LIE_MISSING ? w.n - 1 : w.n;
	for (i = 0; i < n; i++)
		hashes[i] = send_rendition(g, &w, i);
	send_receipt(g, m, hashes, n);
	peer_channel_close(g->ch);
	work_fini(&w);
	return true;
}

/* ---- conversations ---- */

static void on_segment_msg(void *arg, struct peer_channel *ch, uint16_t type,
			   const uint8_t *data, size_t len)
{
	struct segment *g = arg;
	struct msg_segment_trailer m;
	struct err err;

	(void)ch;
	if (type != MSG_SEGMENT_TRAILER || msg_segment_trailer_unpack(&m, data, len, &err) < 0)
		return;
	printf("%s seq=%llu\n", lie_names[lie], (unsigned long long)g->head.sequence);
	fflush(stdout);
	if (answer(g, &m))
		segment_free(g);
}

static void on_segment_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct segment *g = arg;

	buf_add(&g->input, data, len);
	peer_channel_consumed(ch, len);
}

static void on_segment_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	(void)ch;
	(void)why;
	segment_free(arg);
}

static const struct peer_channel_cb segment_cb = {
	.on_msg = on_segment_msg, .on_data = on_segment_data, .on_close = on_segment_close,
};

static void open_session(struct peer *p, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct msg_session_accept accept = { .max_inflight = 4 };
	struct err err;
	struct buf b;

	if (p->n_sessions == SESSIONS_MAX ||
	    msg_open_session_unpack(&p->session[p->n_sessions].open, data, len, &err) < 0)
		return;
	p->session[p->n_sessions].channel = peer_channel_id(ch);
	accept.output_stream = p->session[p->n_sessions].open.stream;
	snprintf(accept.codec_profile, sizeof(accept.codec_profile), "%s", ladder_codec_profile());
	p->n_sessions++;
	buf_init(&b, 65536);
	msg_session_accept_pack(&b, &accept);
	tell(ch, MSG_SESSION_ACCEPT, &b);
	buf_fini(&b);
}

static void open_segment(struct peer *p, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	struct segment *g = xcalloc(1, sizeof(*g));
	struct err err;
	size_t i;

	g->peer = p;
	g->ch = ch;
	buf_init(&g->input, SEGMENT_BYTES_MAX);
	if (msg_segment_header_unpack(&g->head, data, len, &err) == 0) {
		for (i = 0; i < p->n_sessions; i++)
			if (p->session[i].channel == g->head.session)
				g->open = &p->session[i].open;
	}
	if (!g->open) {
		peer_channel_close(ch);
		segment_free(g);
		return;
	}
	peer_channel_set(ch, &segment_cb, g);
}

/* The first message says what the channel is for. */
static void on_first_msg(void *arg, struct peer_channel *ch, uint16_t type,
			 const uint8_t *data, size_t len)
{
	if (type == MSG_OPEN_SESSION)
		open_session(arg, ch, data, len);
	else if (type == MSG_SEGMENT_HEADER)
		open_segment(arg, ch, data, len);
}

static void on_early_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	(void)arg;
	(void)data;
	peer_channel_consumed(ch, len);
}

static void on_channel_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	(void)arg;
	(void)ch;
	(void)why;
}

static const struct peer_channel_cb first_cb = {
	.on_msg = on_first_msg, .on_data = on_early_data, .on_close = on_channel_close,
};

static void on_channel(void *arg, struct peer_conn *c, struct peer_channel *ch)
{
	(void)c;
	peer_channel_set(ch, &first_cb, arg);
}

static void on_conn_ready(void *arg, struct peer_conn *c)
{
	(void)arg;
	(void)c;
}

static void on_conn_goaway(void *arg, struct peer_conn *c)
{
	(void)arg;
	(void)c;
}

static void on_conn_close(void *arg, struct peer_conn *c, const struct err *why)
{
	(void)c;
	(void)why;
	free(arg);
}

static const struct peer_conn_cb conn_cb = {
	.on_ready = on_conn_ready, .on_channel = on_channel, .on_goaway = on_conn_goaway,
	.on_close = on_conn_close,
};

static bool on_accept(void *arg, struct peer_conn *c, const struct peer_conn_cb **cb, void **conn_arg)
{
	struct peer *p = xcalloc(1, sizeof(*p));

	(void)arg;
	p->conn = c;
	*cb = &conn_cb;
	*conn_arg = p;
	return true;
}

/* A tool of tests ends with them: nothing to tidy. */
static void on_signal(uv_signal_t *s, int signum)
{
	(void)s;
	(void)signum;
	_exit(0);
}

static int find_lie(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(lie_names) / sizeof(lie_names[0]); i++)
		if (strcmp(name, lie_names[i]) == 0)
			return (int)i;
	return -1;
}

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	struct eip712_domain domain = { 0 };
	struct sig_key *key = sig_key_generate();
	struct peer_listener *listener;
	struct peer_ctx *peers;
	uv_signal_t term;
	struct err err;

	if (argc != 2 || find_lie(argv[1]) < 0) {
		fprintf(stderr, "usage: liar MODE\n");
		return 2;
	}
	lie = (enum lie)find_lie(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	log_setup(LOG_WARN, false);
	/* The first transcode of a process is slow: none of the test's affair. */
	if (ladder_warm_up(&err) < 0) {
		fprintf(stderr, "liar: %s\n", err.msg);
		return 1;
	}
	signer = signer_new(key, &domain);
	other_signer = signer_new(sig_key_generate(), &domain);
	peers = peer_ctx_new(loop, key, signer_domain(signer), "liar");
	listener = peer_listen(peers, "127.0.0.1:0", 16, 16, on_accept, NULL, &err);
	if (!listener) {
		fprintf(stderr, "liar: %s\n", err.msg);
		return 1;
	}
	uv_signal_init(loop, &term);
	uv_signal_start(&term, on_signal, SIGTERM);
	printf("127.0.0.1:%d\n", peer_listener_port(listener));
	fflush(stdout);
	return uv_run(loop, UV_RUN_DEFAULT);
}
