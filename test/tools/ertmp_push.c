/*
 * Publishes a media file over enhanced RTMP, as no client of Debian 12 can:
 *	ertmp_push FILE rtmp://HOST:PORT/APP/NAME [realtime]
 * HEVC goes out as hvc1, AV1 as av01, VP9 as vp09, Opus by FourCC; H.264, AAC and MP3
 * in the legacy form.  The file is MP4 or Matroska (length-prefixed NAL units).
 * Exit code: 0 all was sent, 1 refused or broken (one line says why), 2 usage.
 */
#include <errno.h>
#include <libavformat/avformat.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "media/wire/amf.h"
#include "media/wire/rtmp_chunk.h"
#include "media/wire/rtmp_handshake.h"

#define CHUNK_SIZE 4096

static int sock = -1;
static struct rtmp_chunk_reader *reader;
static char status[512];	/* codes of all onStatus and _result so far */
static bool failed;

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "ertmp_push: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

/* ---- wire ---- */

static void send_all(const void *data, size_t len)
{
	const uint8_t *p = data;
	ssize_t n;

	while (len > 0) {
		n = send(sock, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("send: %s; server said: %s", strerror(errno), status);
		p += n;
		len -= (size_t)n;
	}
}

static void recv_all(uint8_t *to, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = recv(sock, to, len, 0);
		if (n <= 0)
			die("the server closed the connection in the handshake");
		to += n;
		len -= (size_t)n;
	}
}

static enum rtmp_next on_msg(void *arg, const struct rtmp_msg *m)
{
	struct amf_value name, v;
	struct rd r = rd_of(m->data, m->len);
	size_t n = strlen(status);
	char code[128];

	if (m->type != RTMP_COMMAND_AMF0 || amf_read(&r, &name, NULL) < 0)
		return RTMP_GO_ON;
	if (amf_is_str(&name, "_error"))
		failed = true;
	while (r.left > 0 && amf_read(&r, &v, NULL) == 0) {
		struct amf_value w;

		if (amf_get(&v, "level", &w) && amf_is_str(&w, "error"))
			failed = true;
		if (amf_get(&v, "code", &w) && amf_copy_str(code, sizeof(code), &w))
			snprintf(status + n, sizeof(status) - n, "%s ", code);
		n = strlen(status);
		if (amf_get(&v, "description", &w) && failed && amf_copy_str(code, sizeof(code), &w))
			snprintf(status + n, sizeof(status) - n, "(%s) ", code);
	}
	if (amf_is_str(&name, "_result") && n < sizeof(status) - 10)
		strcat(status, "_result ");
	return RTMP_GO_ON;
}

/* Read what the server says; wait for it if told to. */
static void take_replies(bool wait)
{
	uint8_t tmp[8192];
	struct err err;
	ssize_t n = recv(sock, tmp, sizeof(tmp), wait ? 0 : MSG_DONTWAIT);

	if (n == 0)
		die("the server closed the connection; it said: %s", status);
	if (n < 0)
		return;
	if (rtmp_chunk_read(reader, tmp, (size_t)n, on_msg, NULL, &err) < 0)
		die("reply: %s", err.msg);
	if (failed)
		die("refused: %s", status);
}

static void wait_for(const char *word)
{
	while (!strstr(status, word))
		take_replies(true);
}

static void send_msg(uint8_t type, uint32_t time_ms, const struct buf *body)
{
	struct rtmp_msg m = { .type = type, .csid = type == RTMP_VIDEO ? 6 : type == RTMP_AUDIO ? 4 : 3,
			      .stream_id = type == RTMP_COMMAND_AMF0 ? 0 : 1, .time_ms = time_ms,
			      .data = body->data, .len = body->len };
	struct buf b;

	if (body->failed)
		die("a message is too long");
	buf_init(&b, 32 << 20);
	rtmp_chunk_write(&b, &m, CHUNK_SIZE);
	send_all(b.data, b.len);
	buf_fini(&b);
}

static void dial(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;

	if (getaddrinfo(host, port, &hints, &ai) != 0)
		die("cannot resolve %s", host);
	sock = socket(ai->ai_family, SOCK_STREAM, 0);
	if (sock < 0 || connect(sock, ai->ai_addr, ai->ai_addrlen) < 0)
		die("connect to %s:%s: %s", host, port, strerror(errno));
	freeaddrinfo(ai);
}

static void shake_hands(void)
{
	static uint8_t hello[RTMP_C0C1_LEN] = { 3 }, answer[RTMP_S0S1S2_LEN];

	send_all(hello, sizeof(hello));
	recv_all(answer, sizeof(answer));
	send_all(answer + 1, RTMP_HANDSHAKE_LEN);
}

static void send_connect(const char *app, const char *tc_url)
{
	static const char *const fourccs[] = { "hvc1", "av01", "vp09", "Opus" };
	struct buf b;
	size_t i;

	buf_init(&b, 8192);
	rtmp_chunk_write_control(&b, RTMP_SET_CHUNK_SIZE, CHUNK_SIZE);
	send_all(b.data, b.len);
	buf_clear(&b);
	amf_add_str(&b, "connect");
	amf_add_number(&b, 1);
	amf_begin_object(&b);
	amf_put_str(&b, "app", app);
	amf_put_str(&b, "type", "nonprivate");
	amf_put_str(&b, "flashVer", "FMLE/3.0 (compatible; ertmp_push)");
	amf_put_str(&b, "tcUrl", tc_url);
	amf_add_key(&b, "fourCcList");
	amf_begin_array(&b, 4);
	for (i = 0; i < 4; i++)
		amf_add_str(&b, fourccs[i]);
	amf_put_number(&b, "capsEx", 0);
	amf_end_object(&b);
	send_msg(RTMP_COMMAND_AMF0, 0, &b);
	buf_fini(&b);
	wait_for("Connect.Success");
	status[0] = 0;
}

static void send_command(const char *name, double id, const char *arg)
{
	struct buf b;

	buf_init(&b, 4096);
	amf_add_str(&b, name);
	amf_add_number(&b, id);
	amf_add_null(&b);
	if (arg)
		amf_add_str(&b, arg);
	send_msg(RTMP_COMMAND_AMF0, 0, &b);
	buf_fini(&b);
}

/* rtmp://HOST:PORT/APP/NAME, changed in place. */
static void publish(const char *url)
{
	char *s = strdup(url), *host, *port, *app, *name;
	char tc_url[1100];

	if (strncmp(s, "rtmp://", 7) != 0)
		die("%s: want rtmp://HOST:PORT/APP/NAME", url);
	host = s + 7;
	app = strchr(host, '/');
	name = app ? strchr(app + 1, '/') : NULL;
	if (!name)
		die("%s: want rtmp://HOST:PORT/APP/NAME", url);
	*app++ = 0;
	*name++ = 0;
	snprintf(tc_url, sizeof(tc_url), "rtmp://%s/%s", host, app);
	port = strrchr(host, ':');
	if (port)
		*port++ = 0;
	dial(host, port ? port : "1935");
	shake_hands();
	send_connect(app, tc_url);
	send_command("createStream", 2, NULL);
	wait_for("_result");
	send_command("publish", 3, name);
	wait_for("Publish.Start");
	free(s);
}

/* ---- tags ---- */

static const char *video_fourcc(enum AVCodecID id)
{
	switch (id) {
	case AV_CODEC_ID_HEVC: return "hvc1";
	case AV_CODEC_ID_AV1: return "av01";
	case AV_CODEC_ID_VP9: return "vp09";
	default: return NULL;
	}
}

/* VPCodecConfigurationRecord, without the box's version and flags. */
static void add_vpcc(struct buf *b, const AVCodecParameters *par)
{
	buf_add_u8(b, (uint8_t)(par->profile > 0 ? par->profile : 0));
	buf_add_u8(b, (uint8_t)(par->level > 0 ? par->level : 31));
	buf_add_u8(b, 8 << 4 | 1 << 1);		/* 8 bits, 4:2:0 */
	buf_add(b, "\2\2\2\0\0", 5);		/* colours unspecified, no init data */
}

static void send_video_header(const AVCodecParameters *par)
{
	const char *fourcc = video_fourcc(par->codec_id);
	struct buf b;

	buf_init(&b, 1 << 20);
	if (fourcc) {
		buf_add_u8(&b, 0x90);
		buf_add(&b, fourcc, 4);
	} else if (par->codec_id == AV_CODEC_ID_H264) {
		buf_add(&b, "\x17\0\0\0\0", 5);
	} else {
		die("video codec %s is not for RTMP", avcodec_get_name(par->codec_id));
	}
	if (par->codec_id == AV_CODEC_ID_VP9)
		add_vpcc(&b, par);
	else if (par->extradata_size < 4 || (par->extradata[0] & 0x7f) != 1)
		die("the file has no avcC, hvcC or av1C; use MP4 or Matroska");
	else
		buf_add(&b, par->extradata, (size_t)par->extradata_size);
	send_msg(RTMP_VIDEO, 0, &b);
	buf_fini(&b);
}

static void send_audio_header(const AVCodecParameters *par)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	if (par->codec_id == AV_CODEC_ID_OPUS)
		buf_add(&b, "\x90Opus", 5);
	else if (par->codec_id == AV_CODEC_ID_AAC)
		buf_add(&b, "\xaf\0", 2);
	else if (par->codec_id != AV_CODEC_ID_MP3)
		die("audio codec %s is not for RTMP", avcodec_get_name(par->codec_id));
	if (b.len > 0) {
		buf_add(&b, par->extradata, (size_t)par->extradata_size);
		send_msg(RTMP_AUDIO, 0, &b);
	}
	buf_fini(&b);
}

static void send_video(const AVCodecParameters *par, const AVPacket *pkt, uint32_t dts_ms, int32_t cts_ms)
{
	const char *fourcc = video_fourcc(par->codec_id);
	bool has_cts = par->codec_id == AV_CODEC_ID_HEVC && cts_ms != 0;
	uint8_t frame = pkt->flags & AV_PKT_FLAG_KEY ? 1 : 2;
	struct buf b;

	buf_init(&b, 32 << 20);
	if (!fourcc) {
		buf_add_u8(&b, (uint8_t)(frame << 4 | 7));
		buf_add_u8(&b, 1);
		buf_add_u24(&b, (uint32_t)cts_ms & 0xffffff);
	} else {
		/* HEVC: coded frames with a composition time, or form X without. */
		buf_add_u8(&b, (uint8_t)(0x80 | frame << 4 |
					 (par->codec_id == AV_CODEC_ID_HEVC && !has_cts ? 3 : 1)));
		buf_add(&b, fourcc, 4);
		if (has_cts)
			buf_add_u24(&b, (uint32_t)cts_ms & 0xffffff);
	}
	buf_add(&b, pkt->data, (size_t)pkt->size);
	send_msg(RTMP_VIDEO, dts_ms, &b);
	buf_fini(&b);
}

static void send_audio(const AVCodecParameters *par, const AVPacket *pkt, uint32_t time_ms)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	if (par->codec_id == AV_CODEC_ID_OPUS)
		buf_add(&b, "\x91Opus", 5);
	else if (par->codec_id == AV_CODEC_ID_AAC)
		buf_add(&b, "\xaf\1", 2);
	else
		buf_add_u8(&b, 0x2f);
	buf_add(&b, pkt->data, (size_t)pkt->size);
	send_msg(RTMP_AUDIO, time_ms, &b);
	buf_fini(&b);
}

/* ---- the file ---- */

static void wait_until(int64_t start_us, int64_t media_us)
{
	int64_t ahead = media_us - (clock_mono_us() - start_us);

	if (ahead > 0)
		usleep((useconds_t)ahead);
}

static void push_packets(AVFormatContext *in, int video, int audio, bool realtime)
{
	int64_t start_us = clock_mono_us(), first_us = AV_NOPTS_VALUE;
	AVPacket *pkt = av_packet_alloc();

	while (av_read_frame(in, pkt) >= 0) {
		const AVStream *st = in->streams[pkt->stream_index];
		int64_t dts = pkt->dts != AV_NOPTS_VALUE ? pkt->dts : pkt->pts;
		int64_t us = av_rescale_q(dts, st->time_base, AV_TIME_BASE_Q), ms;
		int64_t cts = pkt->pts == AV_NOPTS_VALUE ? 0 :
			      av_rescale_q(pkt->pts - dts, st->time_base, (AVRational){ 1, 1000 });

		if (dts == AV_NOPTS_VALUE || (st->index != video && st->index != audio)) {
			av_packet_unref(pkt);
			continue;
		}
		if (first_us == AV_NOPTS_VALUE)
			first_us = us;
		ms = us > first_us ? (us - first_us + 500) / 1000 : 0;
		if (realtime)
			wait_until(start_us, us - first_us);
		if (st->index == video)
			send_video(st->codecpar, pkt, (uint32_t)ms, (int32_t)cts);
		else
			send_audio(st->codecpar, pkt, (uint32_t)ms);
		av_packet_unref(pkt);
		take_replies(false);
	}
	av_packet_free(&pkt);
}

int main(int argc, char **argv)
{
	AVFormatContext *in = NULL;
	int video, audio;

	if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "realtime") != 0)) {
		fprintf(stderr, "usage: ertmp_push FILE rtmp://HOST:PORT/APP/NAME [realtime]\n");
		return 2;
	}
	av_log_set_level(AV_LOG_ERROR);
	if (avformat_open_input(&in, argv[1], NULL, NULL) < 0 || avformat_find_stream_info(in, NULL) < 0)
		die("cannot open %s", argv[1]);
	video = av_find_best_stream(in, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
	audio = av_find_best_stream(in, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
	reader = rtmp_chunk_reader_new(RTMP_MSG_MAX);
	publish(argv[2]);
	if (video >= 0)
		send_video_header(in->streams[video]->codecpar);
	if (audio >= 0)
		send_audio_header(in->streams[audio]->codecpar);
	push_packets(in, video, audio, argc == 4);
	send_command("FCUnpublish", 4, NULL);
	send_command("deleteStream", 5, NULL);
	shutdown(sock, SHUT_WR);
	close(sock);
	rtmp_chunk_reader_free(reader);
	avformat_close_input(&in);
	return 0;
}
