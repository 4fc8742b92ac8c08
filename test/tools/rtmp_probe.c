/*
 * An RTMP server that lets everybody publish and play and says what came:
 *	rtmp_probe [ADDRESS:PORT [KEY]]
 * The default is 127.0.0.1:0.  The first line of its output is "port N"; then one
 * line of key=value a track, a second line when a publisher ends, and a last one
 * with the process's CPU time at SIGINT or SIGTERM.  Names that begin with "deny"
 * are denied, "busy" are refused as in use, "late" are accepted after 500 ms; with
 * KEY, only that key may publish.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"
#include "media/wire/params.h"
#include "node/ingest/rtmp.h"

/* What one track of a publisher sent. */
struct tally {
	struct track_config config;
	unsigned n_configs, n_packets, n_keys, n_back;
	uint64_t bytes;
	int64_t first_dts, last_dts, last_step, max_step_change;
	int64_t min_cts, max_cts;
};

struct source {
	struct rtmp_publisher *pub;
	uv_timer_t late;
	struct tally tracks[N_TRACKS];
};

static const char *wanted_key;
static struct rtmp_server *server;
static uv_signal_t on_int, on_term;

static void on_late_closed(uv_handle_t *h)
{
	free(h->data);
}

static void on_late(uv_timer_t *t)
{
	struct source *s = t->data;

	if (s->pub)
		rtmp_publish_accept(s->pub, s);
}

static void on_publish(void *arg, struct rtmp_publisher *p, const struct rtmp_request *req)
{
	uv_loop_t *loop = arg;
	struct source *s;

	printf("publish name=%s app=%s key=%s url=%s peer=%s\n", req->name, req->app,
	       req->key[0] ? "yes" : "no", req->url, req->peer);
	if (strncmp(req->name, "deny", 4) == 0 || (wanted_key && !secret_str_equal(wanted_key, req->key))) {
		rtmp_publish_reject(p, true, "The key is wrong or the stream is unknown.");
		return;
	}
	if (strncmp(req->name, "busy", 4) == 0) {
		rtmp_publish_reject(p, false, "The stream is already being published.");
		return;
	}
	s = xcalloc(1, sizeof(*s));
	s->pub = p;
	s->late.data = s;
	uv_timer_init(loop, &s->late);
	if (strncmp(req->name, "late", 4) == 0)
		uv_timer_start(&s->late, on_late, 500, 0);
	else
		rtmp_publish_accept(p, s);
}

static bool on_play(void *arg, const struct rtmp_request *req)
{
	printf("play name=%s\n", req->name);
	return strncmp(req->name, "deny", 4) != 0;
}

static void on_track(void *arg, struct rtmp_publisher *p, enum track track,
		     const struct track_config *c)
{
	struct source *s = rtmp_publisher_user(p);
	char codecs[40];

	s->tracks[track].config = *c;
	s->tracks[track].n_configs++;
	params_codecs(codecs, c);
	printf("track name=%s track=%s codec=%s codecs=%s extra=%zu size=%dx%d fps=%d/%d rate=%d channels=%d\n",
	       rtmp_publisher_request(p)->name, track == TRACK_VIDEO ? "video" : "audio",
	       codec_name(c->codec), codecs, c->extra_len, c->width, c->height, c->fps_num, c->fps_den,
	       c->sample_rate, c->channels);
}

static void on_packet(void *arg, struct rtmp_publisher *p, const struct media_packet *pkt)
{
	struct source *s = rtmp_publisher_user(p);
	struct tally *t = &s->tracks[pkt->track];
	int64_t cts = pkt->pts_90k - pkt->dts_90k, step = pkt->dts_90k - t->last_dts;

	if (t->n_packets == 0) {
		t->first_dts = pkt->dts_90k;
		t->min_cts = t->max_cts = cts;
	} else {
		t->n_back += step <= 0;
		if (t->n_packets > 1 && llabs(step - t->last_step) > t->max_step_change)
			t->max_step_change = llabs(step - t->last_step);
		t->last_step = step;
	}
	t->last_dts = pkt->dts_90k;
	t->min_cts = cts < t->min_cts ? cts : t->min_cts;
	t->max_cts = cts > t->max_cts ? cts : t->max_cts;
	t->n_packets++;
	t->n_keys += pkt->key;
	t->bytes += pkt->len;
}

static void on_publish_end(void *arg, struct rtmp_publisher *p, bool clean, const char *why)
{
	struct source *s = rtmp_publisher_user(p);
	int i;

	printf("end name=%s clean=%d why=\"%s\"", rtmp_publisher_request(p)->name, clean, why);
	for (i = 0; s && i < N_TRACKS; i++) {
		const struct tally *t = &s->tracks[i];

		if (t->n_packets == 0)
			continue;
		printf(" %s: codec=%s configs=%u packets=%u keys=%u bytes=%llu ms=%lld..%lld back=%u "
		       "jitter_90k=%lld cts_90k=%lld..%lld",
		       i == TRACK_VIDEO ? "video" : "audio", codec_name(t->config.codec), t->n_configs,
		       t->n_packets, t->n_keys, (unsigned long long)t->bytes,
		       (long long)t->first_dts / 90, (long long)t->last_dts / 90, t->n_back,
		       (long long)t->max_step_change, (long long)t->min_cts, (long long)t->max_cts);
	}
	printf("\n");
	if (!s)
		return;
	s->pub = NULL;
	uv_close((uv_handle_t *)&s->late, on_late_closed);
}

static void on_signal(uv_signal_t *h, int signum)
{
	struct rtmp_stats st;

	rtmp_server_stats(server, &st);
	printf("stats conns=%u publishers=%u players=%u bytes_in=%llu bytes_out=%llu bad=%llu gop_bytes=%llu\n",
	       st.n_conns, st.n_publishers, st.n_players, (unsigned long long)st.bytes_in,
	       (unsigned long long)st.bytes_out, (unsigned long long)st.n_bad,
	       (unsigned long long)st.gop_bytes);
	rtmp_server_close(server, NULL, NULL);
	uv_close((uv_handle_t *)&on_int, NULL);
	uv_close((uv_handle_t *)&on_term, NULL);
}

static void print_usage(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	printf("cpu user_ms=%ld system_ms=%ld maxrss_kb=%ld\n",
	       ru.ru_utime.tv_sec * 1000L + ru.ru_utime.tv_usec / 1000,
	       ru.ru_stime.tv_sec * 1000L + ru.ru_stime.tv_usec / 1000, ru.ru_maxrss);
}

int main(int argc, char **argv)
{
	static const struct rtmp_opts opts = { .idle_ms = 10000, .max_conns = 2000, .max_per_addr = 2000 };
	static const struct rtmp_cb cb = { on_publish, on_play, on_track, on_packet, on_publish_end };
	uv_loop_t *loop = uv_default_loop();
	struct err err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	secret_process_init();
	wanted_key = argc > 2 ? argv[2] : NULL;
	server = rtmp_server_new(loop, argc > 1 ? argv[1] : "127.0.0.1:0", &opts, &cb, loop, &err);
	if (!server) {
		fprintf(stderr, "rtmp_probe: %s\n", err.msg);
		return 1;
	}
	printf("port %d\n", rtmp_server_port(server));
	uv_signal_init(loop, &on_int);
	uv_signal_start(&on_int, on_signal, SIGINT);
	uv_signal_init(loop, &on_term);
	uv_signal_start(&on_term, on_signal, SIGTERM);
	uv_run(loop, UV_RUN_DEFAULT);
	print_usage();
	return uv_loop_close(loop) != 0;
}
