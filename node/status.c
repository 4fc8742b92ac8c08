#include "node/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"
#include "node/broadcaster.h"
#include "node/farm/farm.h"
#include "node/farm/transcoder.h"
#include "node/http/server.h"
#include "node/ingest/rtmp.h"
#include "node/live.h"
#include "node/orchestrator.h"
#include "node/peer/conn.h"
#include "node/stats.h"
#include "node/transcode.h"
#include "node/web_files.h"
#include "node/work/pool.h"

#define STATUS_MAX (8u << 20)
#define TOKEN_MAX 4096

/* ---- /status ---- */

static double realtime_ratio(const struct stats *s)
{
	return s->media_ms > 0 ? s->transcode_ms / s->media_ms : 0;
}

static void add_totals(struct buf *b, const struct stats *s)
{
	buf_addf(b, ",\"totals\":{\"segmentsIn\":%llu,\"segmentsComplete\":%llu,"
		 "\"renditionsOut\":%llu,\"renditionsLost\":%llu,\"transcodeMsP50\":%.1f,"
		 "\"transcodeMsP99\":%.1f,\"segmentMsP50\":%.1f,\"segmentMsP99\":%.1f,"
		 "\"overheadMsP50\":%.1f,\"overheadMsP99\":%.1f,\"realtimeRatio\":%.3f,"
		 "\"retries\":%llu,\"lies\":%llu}",
		 (unsigned long long)s->segments_source, (unsigned long long)s->segments_complete,
		 (unsigned long long)s->renditions_in, (unsigned long long)s->renditions_lost,
		 hist_quantile(&s->transcode_time, 0.5), hist_quantile(&s->transcode_time, 0.99),
		 hist_quantile(&s->segment_total, 0.5), hist_quantile(&s->segment_total, 0.99),
		 hist_quantile(&s->node_overhead, 0.5), hist_quantile(&s->node_overhead, 0.99),
		 realtime_ratio(s), (unsigned long long)s->transcode_retried,
		 (unsigned long long)s->orchestrator_lies);
}

static void add_workers(struct buf *b, const struct work_pool *pool)
{
	struct work_pool_stats w;

	if (!pool)
		return;
	work_pool_stats(pool, &w);
	buf_addf(b, ",\"workers\":{\"n\":%u,\"busy\":%u,\"queued\":%u,\"done\":%llu,"
		 "\"failed\":%llu,\"retried\":%llu,\"crashed\":%llu,\"hung\":%llu}", w.n_workers,
		 w.n_busy, w.n_queued, (unsigned long long)w.n_done,
		 (unsigned long long)w.n_failed, (unsigned long long)w.n_retried,
		 (unsigned long long)w.n_crashed, (unsigned long long)w.n_hung);
}

static void status_json(const struct status *st, struct buf *b)
{
	size_t i;

	buf_addf(b, "{\"version\":\"%s\",\"uptimeMs\":%lld,\"roles\":[", LP_VERSION,
		 (long long)(clock_mono_ms() - st->started_ms));
	for (i = 0; st->roles[i]; i++)
		buf_addf(b, "%s\"%s\"", i ? "," : "", st->roles[i]);
	buf_add_str(b, "],\"streams\":");
	if (st->lives)
		lives_status(st->lives, b);
	else
		buf_add_str(b, "[]");
	add_totals(b, st->stats);
	buf_add_str(b, ",\"orchestrators\":");
	if (st->tc)
		tc_status(st->tc, b);
	else
		buf_add_str(b, "[]");
	buf_add_str(b, ",\"sessions\":");
	if (st->orchestrator)
		orchestrator_status(st->orchestrator, b);
	else
		buf_add_str(b, "[]");
	if (st->farm) {
		buf_add_str(b, ",\"transcoders\":");
		farm_status(st->farm, b);
	}
	if (st->transcoder) {
		buf_add_str(b, ",\"transcoder\":");
		transcoder_status(st->transcoder, b);
	}
	add_workers(b, st->pool);
	buf_add_str(b, "}\n");
}

/* ---- /metrics ---- */

static void broadcaster_metrics(const struct status *st, struct buf *b)
{
	const struct stats *s = st->stats;
	struct rtmp_stats r;

	prom_counter(b, "stream_created_total", "Streams made.", s->streams_created);
	prom_counter(b, "stream_started_total", "Streams that began.", s->streams_started);
	prom_counter(b, "stream_ended_total", "Streams that ended.", s->streams_ended);
	prom_gauge(b, "current_sessions_total", "Streams there are now.",
		   st->lives ? lives_count(st->lives) : 0);
	prom_counter(b, "publish_refused_total", "Publishers refused.", s->publish_refused);
	prom_counter(b, "segment_source_emerged_total", "Source segments cut or pushed.",
		     s->segments_source);
	prom_counter(b, "segment_source_untranscodable_total", "Source segments that do not stand alone.",
		     s->segments_untranscodable);
	prom_counter(b, "segment_source_uploaded_total", "Segments sent to an orchestrator.",
		     s->segments_uploaded);
	prom_counter(b, "segment_source_upload_failed_total", "Segments that could not be sent.",
		     s->upload_failed);
	prom_counter(b, "segment_transcoded_downloaded_total", "Renditions that came back and passed.",
		     s->renditions_in);
	prom_counter(b, "segment_transcoded_all_appeared_total", "Segments with every rendition.",
		     s->segments_complete);
	prom_counter(b, "segment_transcoded_lost_total", "Renditions that could not be had in time.",
		     s->renditions_lost);
	prom_counter(b, "transcode_retried", "Tries after the first.", s->transcode_retried);
	prom_counter(b, "transcode_hedged_total", "Second tries beside a late first one.", s->hedges);
	prom_counter(b, "transcode_hedges_won_total", "Second tries that were back first.",
		     s->hedges_won);
	prom_counter(b, "segment_refused_input_total",
		     "Segments that orchestrators found undecodable.", s->segments_refused_input);
	prom_counter(b, "orchestrator_swaps", "Times a stream went to another orchestrator.",
		     s->orchestrator_swaps);
	prom_counter(b, "orchestrator_lies_total", "Results refused: hash, signature or content.",
		     s->orchestrator_lies);
	prom_gauge(b, "success_rate", "Segments with every rendition / source segments.",
		   s->segments_source ? (double)s->segments_complete / (double)s->segments_source : 1);
	prom_gauge(b, "transcode_score", "Transcode time / duration: below 1 is faster than real time.",
		   realtime_ratio(s));
	prom_hist(b, "source_segment_duration_seconds", "Length of source segments.",
		  &s->source_duration);
	prom_hist(b, "transcode_time_seconds", "Pure work, as the orchestrator tells it.",
		  &s->transcode_time);
	prom_hist(b, "segment_total_time_seconds", "From a segment's end to its renditions.",
		  &s->segment_total);
	prom_hist(b, "segment_overhead_seconds", "The same without the pure work.",
		  &s->node_overhead);
	prom_hist(b, "auth_webhook_time_seconds", "Answer time of the auth webhook.",
		  &s->webhook_time);
	broadcaster_rtmp_stats(st->broadcaster, &r);
	prom_gauge(b, "rtmp_connections", "RTMP connections.", r.n_conns);
	prom_gauge(b, "rtmp_publishers", "RTMP publishers.", r.n_publishers);
	prom_gauge(b, "rtmp_players", "RTMP players.", r.n_players);
	prom_counter(b, "rtmp_bytes_in_total", "Bytes from RTMP clients.", r.bytes_in);
	prom_counter(b, "rtmp_bytes_out_total", "Bytes to RTMP clients.", r.bytes_out);
	prom_counter(b, "rtmp_protocol_errors_total", "RTMP connections that broke the protocol.",
		     r.n_bad);
	if (st->tc)
		prom_gauge(b, "orchestrators_ready", "Orchestrators connected and usable.",
			   tc_ready(st->tc));
}

static void add_orchestrator_metrics(const struct status *st, struct buf *b)
{
	const struct stats *s = st->stats;

	prom_counter(b, "orchestrator_sessions_opened_total", "Sessions accepted.", s->sessions_opened);
	prom_counter(b, "orchestrator_sessions_refused_total", "Sessions refused.", s->sessions_refused);
	prom_counter(b, "segment_source_appeared_total", "Segments that came from broadcasters.",
		     s->segments_in);
	prom_counter(b, "segment_refused_total", "Segments refused.", s->segments_refused);
	prom_counter(b, "segment_transcoded_total", "Segments transcoded.", s->segments_done);
	prom_counter(b, "segment_transcode_failed_total", "Segments that failed.", s->segments_failed);
	prom_counter(b, "segment_equivocation_total", "Sequences signed twice with other data.",
		     s->equivocations);
	prom_counter(b, "segment_early_total", "Segments whose work began before they were whole.",
		     s->segments_early);
	prom_hist(b, "worker_time_seconds", "Time of a segment in a worker.", &s->worker_time);
	prom_hist(b, "segment_after_trailer_seconds", "From a segment's signature to its receipt.",
		  &s->after_trailer);
	orchestrator_metrics(st->orchestrator, b);
}

static void worker_metrics(const struct work_pool *pool, struct buf *b)
{
	struct work_pool_stats w;

	work_pool_stats(pool, &w);
	prom_gauge(b, "worker_processes", "Worker processes: tasks that can run at once.", w.n_workers);
	prom_gauge(b, "worker_tasks_running", "Tasks that worker processes have.", w.n_busy);
	prom_gauge(b, "worker_tasks_queued", "Tasks that wait for a worker process.", w.n_queued);
	prom_counter(b, "worker_tasks_done_total", "Tasks done.", w.n_done);
	prom_counter(b, "worker_tasks_failed_total", "Tasks failed.", w.n_failed);
	prom_counter(b, "worker_retries_total", "Tasks given to a second worker.", w.n_retried);
	prom_counter(b, "worker_crashes_total", "Workers that crashed.", w.n_crashed);
	prom_counter(b, "worker_hangs_total", "Workers killed at their deadline.", w.n_hung);
}

static void common_metrics(const struct status *st, struct buf *b)
{
	struct http_stats h = { 0 }, one;
	struct peer_stats p = { 0 };
	struct rusage ru;
	size_t i;

	for (i = 0; i < 2; i++) {
		if (!st->http[i])
			continue;
		http_server_stats(st->http[i], &one);
		h.n_conns += one.n_conns;
		h.n_requests += one.n_requests;
		h.n_bad += one.n_bad;
		h.bytes_in += one.bytes_in;
		h.bytes_out += one.bytes_out;
	}
	prom_gauge(b, "http_connections", "HTTP connections.", h.n_conns);
	prom_counter(b, "http_requests_total", "HTTP requests.", h.n_requests);
	prom_counter(b, "http_bad_requests_total", "HTTP requests that broke the protocol.", h.n_bad);
	prom_counter(b, "http_bytes_in_total", "Bytes from HTTP clients.", h.bytes_in);
	prom_counter(b, "http_bytes_out_total", "Bytes to HTTP clients.", h.bytes_out);
	peer_ctx_stats(st->peers, &p);
	prom_gauge(b, "peer_connections", "Peer connections.", p.n_conns);
	prom_counter(b, "peer_bytes_in_total", "Bytes from peers.", p.bytes_in);
	prom_counter(b, "peer_bytes_out_total", "Bytes to peers.", p.bytes_out);
	prom_counter(b, "peer_dead_total", "Peers lost by heartbeat.", p.n_dead);
	prom_counter(b, "peer_bad_total", "Peers that broke the protocol.", p.n_bad);
	getrusage(RUSAGE_SELF, &ru);
	prom_gauge(b, "process_max_resident_bytes", "Highest resident memory.",
		   (double)ru.ru_maxrss * 1024);
	buf_addf(b, "# HELP livepeer_versions Build.\n# TYPE livepeer_versions gauge\n"
		 "livepeer_versions{version=\"%s\"} 1\n", LP_VERSION);
}

/* ---- routes ---- */

bool status_may(const struct status *st, struct http_req *r)
{
	const char *h = http_req_header(r, "Authorization");

	if (!st->token || (h && strncmp(h, "Bearer ", 7) == 0 && secret_str_equal(h + 7, st->token)))
		return true;
	http_set_header(r, "WWW-Authenticate", "Bearer");
	http_reply_error(r, 401, "give Authorization: Bearer TOKEN (see -cliTokenFile)");
	return false;
}

/* A list cut off in its middle would be no JSON. */
static void reply_json(struct http_req *r, struct buf *b)
{
	http_set_header(r, "Cache-Control", "no-store");
	if (b->failed)
		http_reply_error(r, 500, "the answer would be over %u bytes", STATUS_MAX);
	else
		http_reply(r, 200, "application/json", b->data, b->len);
	buf_fini(b);
}

static void get_status(void *arg, struct http_req *r)
{
	struct buf b;

	if (!status_may(arg, r))
		return;
	buf_init(&b, STATUS_MAX);
	status_json(arg, &b);
	reply_json(r, &b);
}

static void get_metrics(void *arg, struct http_req *r)
{
	struct status *st = arg;
	struct buf b;

	if (!status_may(st, r))
		return;
	buf_init(&b, STATUS_MAX);
	if (st->broadcaster)
		broadcaster_metrics(st, &b);
	if (st->orchestrator)
		add_orchestrator_metrics(st, &b);
	if (st->farm)
		farm_metrics(st->farm, &b);
	if (st->transcoder)
		transcoder_metrics(st->transcoder, &b);
	if (st->pool)
		worker_metrics(st->pool, &b);
	common_metrics(st, &b);
	http_reply(r, 200, "text/plain; version=0.0.4", b.data, b.len);
	buf_fini(&b);
}

static void get_healthz(void *arg, struct http_req *r)
{
	(void)arg;
	http_reply(r, 200, "text/plain", "ok\n", 3);
}

/* What a viewer may know. */
static void get_streams(void *arg, struct http_req *r)
{
	struct status *st = arg;
	struct buf b;

	buf_init(&b, STATUS_MAX);
	buf_add_str(&b, "{\"streams\":");
	lives_status(st->lives, &b);
	add_totals(&b, st->stats);
	buf_add_str(&b, "}\n");
	reply_json(r, &b);
}

static void reply_web(struct http_req *r, const char *path)
{
	size_t i;

	for (i = 0; i < n_web_files; i++) {
		const struct web_file *f = &web_files[i];

		if (strcmp(f->path, path) != 0)
			continue;
		http_set_header(r, "ETag", f->etag);
		http_set_header(r, "Cache-Control", "no-cache");
		http_reply(r, 200, f->type, f->data, (size_t)(f->end - f->data));
		return;
	}
	http_reply_error(r, 404, "no such page");
}

static void get_page(void *arg, struct http_req *r)
{
	(void)arg;
	reply_web(r, "index.html");
}

static void get_web(void *arg, struct http_req *r)
{
	(void)arg;
	reply_web(r, http_req_param(r, "file"));
}

void status_admin_routes(struct http_server *s, struct status *st)
{
	http_route(s, "GET", "/status", get_status, st);
	http_route(s, "GET", "/metrics", get_metrics, st);
	http_route(s, "GET", "/healthz", get_healthz, st);
}

void status_public_routes(struct http_server *s, struct status *st)
{
	http_route(s, "GET", "/", get_page, st);
	http_route(s, "GET", "/web/:file", get_web, st);
	http_route(s, "GET", "/healthz", get_healthz, st);
	if (st->lives)
		http_route(s, "GET", "/api/streams", get_streams, st);
}

char *status_read_token(const char *path, struct err *err)
{
	char line[TOKEN_MAX] = "";
	FILE *f = fopen(path, "re");
	char *token = NULL;

	if (!f || !fgets(line, sizeof(line), f)) {
		err_set(err, ERR_IO, "-cliTokenFile %s: %s", path,
			f ? "empty" : strerror(errno));
	} else {
		line[strcspn(line, "\r\n")] = 0;
		if (strlen(line) < 16)
			err_set(err, ERR_INVALID, "-cliTokenFile %s: give at least 16 characters",
				path);
		else
			token = xstrdup(line);
	}
	secret_wipe(line, sizeof(line));
	if (f)
		fclose(f);
	return token;
}
