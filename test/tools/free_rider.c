/*
 * free_rider HOST:PORT OUTDIR GOP_MS FILE.ts STEP...: a broadcaster on the real wire that
 * wants work without paying for it.  It sends the same 2 s of media once a step, as an
 * encoder would produce them (over a second), looks for a while at what comes back, and
 * then ends the segment as the step says:
 *
 *	honest		with a trailer that holds, and waits for the receipt
 *	none		without a trailer
 *	hash		with the hash of other bytes
 *	length		with another length
 *	signature	signed by another key
 *
 * Its renditions are "low" (256x144) and "mid" (320x180) with a key frame each GOP_MS.
 * Prints a line a step, "STEP seq=N end=receipt|left|refused trailers=N low=BYTES
 * mid=BYTES", and keeps what came in OUTDIR/SEQ-NAME.ts.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/eip712.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/sig.h"
#include "node/peer/conn.h"
#include "node/signer.h"
#include "protocol/peer_msg.h"

#define N_PIECES 20
#define PIECE_MS 50
#define LOOK_MS 1200	/* at what comes back before the segment's end */
#define ANSWER_MS 20000
#define SEGMENT_MS 2000
#define N_RENDITIONS 2

static const char *out_dir, **steps;
static int n_steps, step;
static struct buf input;
static size_t n_sent;
static struct signer *signer, *other_signer;
static struct peer_conn *conn;
static struct peer_channel *session, *segment;
static struct msg_open_session session_spec;
static struct buf got[N_RENDITIONS];
static int current;
static unsigned n_trailers;
static uv_timer_t timer;

static void begin_step(void);

/* A tool of tests ends with what it came for: nothing to tidy. */
static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "free_rider: %s: %s\n", what, why);
	_exit(1);
}

static void tell(struct peer_channel *ch, enum msg_type type, struct buf *b)
{
	peer_channel_msg(ch, (uint16_t)type, b);
	buf_fini(b);
}

/* ---- what came ---- */

static void keep_rendition(int i)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%d-%s.ts", out_dir, step + 1, session_spec.profiles.p[i].name);
	f = fopen(path, "we");
	if (!f || (got[i].len && fwrite(got[i].data, got[i].len, 1, f) != 1) || fclose(f) != 0)
		fail(path, "cannot be written");
	buf_clear(&got[i]);
}

static void on_next_step(uv_timer_t *t)
{
	(void)t;
	if (step < n_steps)
		begin_step();
	else
		_exit(0);
}

/* The segment is over.  The next begins from the loop, never inside a callback. */
static void end_step(const char *how)
{
	int i;

	segment = NULL;
	printf("%s seq=%d end=%s trailers=%u", steps[step], step + 1, how, n_trailers);
	for (i = 0; i < N_RENDITIONS; i++)
		printf(" %s=%zu", session_spec.profiles.p[i].name, got[i].len);
	printf("\n");
	fflush(stdout);
	for (i = 0; i < N_RENDITIONS; i++)
		keep_rendition(i);
	step++;
	uv_timer_start(&timer, on_next_step, 1, 0);
}

static void on_rendition_header(const uint8_t *data, size_t len)
{
	struct msg_rendition_header m;
	struct err err;

	if (msg_rendition_header_unpack(&m, data, len, &err) < 0 || m.index >= N_RENDITIONS)
		fail("rendition header", "it is none");
	current = (int)m.index;
	if (m.offset == 0)
		buf_clear(&got[current]);
	else if (m.offset != got[current].len)
		fail("rendition header", "it goes on elsewhere");
}

static void on_segment_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data,
			   size_t len)
{
	struct msg_refuse refuse;
	struct err err;

	(void)arg;
	if (type == MSG_RENDITION_HEADER) {
		on_rendition_header(data, len);
	} else if (type == MSG_RENDITION_TRAILER) {
		n_trailers++;
	} else if (type == MSG_RECEIPT) {
		peer_channel_close(ch);
		end_step("receipt");
	} else if (type == MSG_REFUSE && msg_refuse_unpack(&refuse, data, len, &err) == 0) {
		printf("# refused: code=%d %s\n", (int)refuse.code, refuse.reason);
		peer_channel_close(ch);
		end_step("refused");
	}
}

static void on_segment_data(void *arg, struct peer_channel *ch, const uint8_t *data, size_t len)
{
	(void)arg;
	buf_add(&got[current], data, len);
	peer_channel_consumed(ch, len);
}

static void on_segment_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	(void)arg;
	(void)ch;
	fail("the segment's channel ended", why ? why->msg : "closed");
}

static const struct peer_channel_cb segment_cb = {
	.on_msg = on_segment_msg, .on_data = on_segment_data, .on_close = on_segment_close,
};

/* ---- what goes ---- */

static void on_no_answer(uv_timer_t *t)
{
	(void)t;
	fail(steps[step], "no answer");
}

static void send_trailer(void)
{
	struct signed_segment s = {
		.transcoder = *peer_conn_addr(conn), .stream = session_spec.stream,
		.sequence = (uint64_t)step + 1, .duration_ms = SEGMENT_MS,
		.data_hash = hash_sha256(input.data, input.len),
	};
	struct msg_segment_trailer m = {
		.duration_ms = SEGMENT_MS, .len = input.len, .deadline_ms = 4 * SEGMENT_MS,
	};
	struct buf b;

	if (strcmp(steps[step], "hash") == 0)
		s.data_hash.b[0] ^= 1;
	if (strcmp(steps[step], "length") == 0)
		m.len += 188;
	signer_segment(strcmp(steps[step], "signature") == 0 ? other_signer : signer, &s);
	m.data_hash = s.data_hash;
	m.sig = s.sig;
	buf_init(&b, 4096);
	msg_segment_trailer_pack(&b, &m);
	tell(segment, MSG_SEGMENT_TRAILER, &b);
	uv_timer_start(&timer, on_no_answer, ANSWER_MS, 0);
}

static void on_looked(uv_timer_t *t)
{
	struct err why;

	(void)t;
	if (strcmp(steps[step], "none") != 0) {
		send_trailer();
		return;
	}
	err_set(&why, ERR_INTERNAL, "never mind");
	peer_channel_abort(segment, &why);
	end_step("left");
}

static void on_piece_tick(uv_timer_t *t)
{
	size_t n = input.len / N_PIECES + 1;

	if (n > input.len - n_sent)
		n = input.len - n_sent;
	peer_channel_data(segment, input.data + n_sent, n);
	n_sent += n;
	uv_timer_start(t, n_sent < input.len ? on_piece_tick : on_looked,
		       n_sent < input.len ? PIECE_MS : LOOK_MS, 0);
}

static void begin_step(void)
{
	struct msg_segment_header m = {
		.session = peer_channel_id(session), .sequence = (uint64_t)step + 1,
		.expected_ms = SEGMENT_MS, .width = session_spec.source_width,
		.height = session_spec.source_height,
	};
	struct err err;
	struct buf b;

	n_sent = 0;
	n_trailers = 0;
	segment = peer_channel_open(conn, &segment_cb, NULL, &err);
	if (!segment)
		fail("segment", err.msg);
	buf_init(&b, 4096);
	msg_segment_header_pack(&b, &m);
	tell(segment, MSG_SEGMENT_HEADER, &b);
	uv_timer_start(&timer, on_piece_tick, 1, 0);
}

/* ---- session and connection ---- */

static void on_session_msg(void *arg, struct peer_channel *ch, uint16_t type, const uint8_t *data,
			   size_t len)
{
	struct msg_refuse refuse;
	struct err err;

	(void)arg;
	(void)ch;
	if (type == MSG_SESSION_ACCEPT)
		uv_timer_start(&timer, on_next_step, 1, 0);
	else if (type == MSG_REFUSE && msg_refuse_unpack(&refuse, data, len, &err) == 0)
		fail("session refused", refuse.reason);
}

static void on_session_close(void *arg, struct peer_channel *ch, const struct err *why)
{
	(void)arg;
	(void)ch;
	fail("the session ended", why ? why->msg : "closed");
}

static const struct peer_channel_cb session_cb = {
	.on_msg = on_session_msg, .on_close = on_session_close,
};

static void on_ready(void *arg, struct peer_conn *c)
{
	struct err err;
	struct buf b;

	(void)arg;
	session = peer_channel_open(c, &session_cb, NULL, &err);
	if (!session)
		fail("session", err.msg);
	buf_init(&b, 65536);
	msg_open_session_pack(&b, &session_spec);
	tell(session, MSG_OPEN_SESSION, &b);
}

static void on_conn_close(void *arg, struct peer_conn *c, const struct err *why)
{
	(void)arg;
	(void)c;
	fail("the connection ended", why ? why->msg : "closed");
}

static const struct peer_conn_cb conn_cb = { .on_ready = on_ready, .on_close = on_conn_close };

static void describe_session(int gop_ms)
{
	struct eth_addr me = signer_addr(signer);
	struct msg_open_session *m = &session_spec;
	int i;

	m->stream = stream_id_new(&me);
	m->profiles.n = N_RENDITIONS;
	for (i = 0; i < N_RENDITIONS; i++)
		m->profiles.p[i] = (struct profile){
			.width = i ? 320 : 256, .height = i ? 180 : 144, .fps_den = 1,
			.bitrate = 250000, .gop_ms = gop_ms, .quality = -1,
		};
	strcpy(m->profiles.p[0].name, "low");
	strcpy(m->profiles.p[1].name, "mid");
	strcpy(m->preset, "ultrafast");
	m->source_width = 320;
	m->source_height = 180;
	m->source_fps_num = 30;
	m->source_fps_den = 1;
	m->max_segment_ms = SEGMENT_MS;
}

static void read_input(const char *path)
{
	FILE *f = fopen(path, "re");
	uint8_t piece[65536];
	size_t n;

	if (!f)
		fail(path, "cannot be read");
	buf_init(&input, SEGMENT_BYTES_MAX);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_add(&input, piece, n);
	fclose(f);
}

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	struct eip712_domain domain = { 0 };
	struct sig_key *key = sig_key_generate();
	struct err err;
	int i;

	if (argc < 6) {
		fprintf(stderr, "usage: free_rider HOST:PORT OUTDIR GOP_MS FILE.ts STEP...\n");
		return 2;
	}
	out_dir = argv[2];
	steps = (const char **)argv + 5;
	n_steps = argc - 5;
	signal(SIGPIPE, SIG_IGN);
	log_setup(LOG_WARN, false);
	read_input(argv[4]);
	for (i = 0; i < N_RENDITIONS; i++)
		buf_init(&got[i], RENDITION_BYTES_MAX);
	signer = signer_new(key, &domain);
	other_signer = signer_new(sig_key_generate(), &domain);
	describe_session(atoi(argv[3]));
	uv_timer_init(loop, &timer);
	conn = peer_dial(peer_ctx_new(loop, key, signer_domain(signer), "free rider"), argv[1], NULL,
			 &conn_cb, NULL, &err);
	if (!conn)
		fail(argv[1], err.msg);
	return uv_run(loop, UV_RUN_DEFAULT);
}
