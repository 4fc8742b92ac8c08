/*
 * Start and end of a node.  Start: data directory and key, peers, workers,
 * orchestrator, broadcaster, HTTP; then addresses.json, then "ready".  End: no new
 * work, what runs finishes (at most 8 s), everything closes and the loop runs dry.
 */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/sig.h"
#include "media/av/gpu.h"
#include "media/av/ladder.h"
#include "node/admin.h"
#include "node/auth.h"
#include "node/broadcaster.h"
#include "node/farm/farm.h"
#include "node/farm/join.h"
#include "node/farm/transcoder.h"
#include "node/hls.h"
#include "node/http/client.h"
#include "node/http/server.h"
#include "node/live.h"
#include "node/orchestrator.h"
#include "node/peer/conn.h"
#include "node/push.h"
#include "node/signer.h"
#include "node/stats.h"
#include "node/status.h"
#include "node/transcode.h"
#include "node/work/pool.h"
#include "protocol/peer_msg.h"
#include "protocol/profile.h"

#define WARM_POLL_MS 20
#define WARM_MAX_MS 20000	/* workers that do not come up are told by their own lines */
#define DRAIN_MS 8000
#define GIVE_UP_MS 9500
#define HTTP_DRAIN_MS 800
#define GRACE_MS 10000
#define KEEP_ENDED_MS 60000
#define PUSH_IDLE_MS 60000
#define ROLES_MAX 4
#define PROBE_WORKERS 2
#define DEVICES_AT_MOST 16

enum phase {
	PHASE_RUNNING,
	PHASE_DRAINING,	/* no new work; what runs finishes */
	PHASE_CLOSING,	/* everything is told to close */
};

struct node {
	const struct node_opts *o;	/* borrowed */
	uv_loop_t loop;
	uv_signal_t term, intr, hup;
	uv_timer_t drain, give_up, warm;
	int64_t started_ms, drain_since_ms;
	int rc;				/* of node_run, with err */
	struct err err;
	enum phase phase;

	int lock_fd;
	char *token;
	const char *roles[ROLES_MAX + 1];
	char *evidence_path;
	char devices[DEVICES_AT_MOST][GPU_NAME_MAX];
	const char *device_names[DEVICES_AT_MOST + 1];
	struct profile_list profiles;
	struct stats stats;
	struct status status;

	struct sig_key *key;
	struct signer *signer;
	struct peer_ctx *peers;
	struct work_pool *probe;	/* a broadcaster's: first frames of foreign work, remuxes */
	struct farm_secret *secret;
	struct transcoder *transcoder;
	struct farm *farm;
	struct tc *tc;
	struct orchestrator *orch;
	struct http_client *client;
	struct auth *auth;
	struct lives *lives;
	struct broadcaster *bc;
	bool bc_closed;
	struct http_server *http, *https, *cli;
	struct push *push[2];
};

/* ---- what stands before the loop ---- */

static int lock_datadir(struct node *n, struct err *err)
{
	char path[4096], pid[32] = "";
	const char *dir = n->o->datadir;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_set(err, ERR_IO, "-datadir %.150s: %s", dir, strerror(errno));
	snprintf(path, sizeof(path), "%s/lock", dir);
	n->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (n->lock_fd < 0)
		return err_set(err, ERR_IO, "-datadir %.150s: %s", dir, strerror(errno));
	if (flock(n->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (read(n->lock_fd, pid, sizeof(pid) - 1) < 0)
			pid[0] = 0;
		return err_set(err, ERR_BUSY, "-datadir %.120s: lpnode is already running there, pid %s",
			       dir, pid);
	}
	/* An earlier run's addresses would tell that this one is ready. */
	snprintf(path, sizeof(path), "%s/addresses.json", dir);
	unlink(path);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	if (ftruncate(n->lock_fd, 0) < 0 || pwrite(n->lock_fd, pid, strlen(pid), 0) < 0)
		return err_set(err, ERR_IO, "%.150s: %s", path, strerror(errno));
	return 0;
}

static void raise_nofile(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

/* What the child that runs the self-test tells. */
struct self_test_result {
	int rc;
	bool known;
	char hash[65];
	struct err err;
};

/*
 * Transcode the embedded clip in a child: the codec libraries' memory and threads
 * stay out of this process.  A node whose libraries make other bytes than its
 * codec profile says must not sell work under that name.
 */
static int self_test(struct err *err)
{
	struct self_test_result r = { .rc = -1 };
	int fd[2], status;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		r.rc = ladder_self_test(&r.known, r.hash, &r.err);
		_exit(write(fd[1], &r, sizeof(r)) != sizeof(r));
	}
	close(fd[1]);
	if (pid < 0 || read(fd[0], &r, sizeof(r)) != sizeof(r)) {
		err_set(&r.err, ERR_INTERNAL, "the test process ended without a result");
		r.rc = -1;
	}
	close(fd[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (r.rc < 0) {
		*err = r.err;
		return err_wrap(err, "codec self-test");
	}
	if (r.known)
		log_info(NULL, "codec self-test passed: profile=%s hash=%.16s", ladder_codec_profile(),
			 r.hash);
	else
		log_warn(NULL, "codec self-test: this build of the codecs is not known, its work may "
			 "not compare with others': profile=%s hash=%.16s", ladder_codec_profile(),
			 r.hash);
	return 0;
}

/* ---- start ---- */

#ifdef LP_SANITIZED
#define CONFINE false
#else
#define CONFINE true
#endif

/* Behind a transcode of seconds in one queue, a probe of milliseconds would miss its
 * deadline: it has workers of its own. */
static int start_probe(struct node *n, struct err *err)
{
	struct work_opts w = {
		.n_workers = PROBE_WORKERS, .max_queue = 256, .max_pixels = n->o->max_pixels,
		.idle_ms = 5000, .confine = CONFINE,
	};

	n->probe = work_pool_new(&n->loop, &w, err);
	return n->probe ? 0 : err_wrap(err, "probe workers");
}

/* -nvidia, -vaapi and -qsv as one list of names. */
static int list_devices(struct node *n, struct err *err)
{
	const struct { enum gpu_kind kind; const char *spec, *flag; } kinds[] = {
		{ GPU_NVIDIA, n->o->nvidia, "-nvidia" }, { GPU_VAAPI, n->o->vaapi, "-vaapi" },
		{ GPU_QSV, n->o->qsv, "-qsv" },
	};
	size_t i, k, n_names = 0;
	int got;

	for (k = 0; k < 3; k++) {
		if (!kinds[k].spec)
			continue;
		got = gpu_list(kinds[k].kind, kinds[k].spec, NULL, n->devices + n_names,
			       DEVICES_AT_MOST - n_names, err);
		if (got < 0)
			return err_wrap(err, "%s %.80s", kinds[k].flag, kinds[k].spec);
		n_names += (size_t)got;
	}
	for (i = 0; i < n_names; i++)
		n->device_names[i] = n->devices[i];
	return 0;
}

static int start_transcoder(struct node *n, struct err *err)
{
	struct transcoder_opts to = {
		.slots = (unsigned)n->o->workers, .devices = n->device_names,
		.device_sessions = (unsigned)n->o->gpu_sessions, .max_pixels = n->o->max_pixels,
		.capacity = n->o->capacity, .confine = CONFINE,
		.codec_profile = ladder_codec_profile(),
	};

	if (list_devices(n, err) < 0)
		return -1;
	n->transcoder = transcoder_new(&n->loop, &to, err);
	return n->transcoder ? 0 : err_wrap(err, "transcoder");
}

/* The orchestrator it works for is elsewhere. */
static int join_farm(struct node *n, struct err *err)
{
	struct eth_addr expect;
	char *pins;
	int rc;

	if (n->o->orch_eth_addr && eth_addr_parse(&expect, n->o->orch_eth_addr, err) < 0)
		return err_wrap(err, "-orchEthAddr");
	pins = xasprintf("%s/known_orchestrators", n->o->datadir);
	rc = transcoder_join(n->transcoder, n->peers, n->o->orch_addr,
			     n->o->orch_eth_addr ? &expect : NULL, n->secret, pins, err);
	free(pins);
	return rc < 0 ? err_wrap(err, "-orchAddr") : 0;
}

/* Roles in one process talk by the same wire, over a socketpair. */
static int make_pair(int fd[2], struct err *err)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) == 0)
		return 0;
	return err_set(err, ERR_IO, "socketpair: %s", strerror(errno));
}

static int join_own_farm(struct node *n, struct err *err)
{
	int fd[2];

	if (make_pair(fd, err) < 0)
		return -1;
	if (farm_attach(n->farm, n->peers, fd[1], err) < 0) {
		close(fd[0]);
		return -1;
	}
	return transcoder_attach(n->transcoder, n->peers, fd[0], err);
}

static int start_orchestrator(struct node *n, struct err *err)
{
	struct farm_opts fo = {
		.secret = n->secret, .codec_profile = ladder_codec_profile(), .max_queue = 256,
		.max_pixels = n->o->max_pixels,
	};
	struct orchestrator_opts oo = {
		.max_inflight = 4, .codec_profile = ladder_codec_profile(),
	};

	n->farm = farm_new(&n->loop, &fo);
	if (n->transcoder && join_own_farm(n, err) < 0)
		return err_wrap(err, "own transcoder");
	if (max_sessions_parse(n->o->max_sessions, &oo.max_sessions, err) < 0)
		return -1;
	n->evidence_path = xasprintf("%s/evidence.jsonl", n->o->datadir);
	oo.evidence_path = n->evidence_path;
	n->orch = orchestrator_new(&n->loop, n->peers, n->farm, n->signer, &n->stats, &oo);
	if (orchestrator_listen(n->orch, n->o->listen_addr, err) < 0)
		return err_wrap(err, "-listenAddr %s", n->o->listen_addr);
	return 0;
}

/* Transcoder, farm, orchestrator: whichever of them this node is. */
static int start_work(struct node *n, struct err *err)
{
	if (n->o->orch_secret) {
		n->secret = farm_secret_load(n->o->orch_secret, err);
		if (!n->secret)
			return err_wrap(err, "-orchSecret %.100s", n->o->orch_secret);
	}
	if (n->o->transcoder && start_transcoder(n, err) < 0)
		return -1;
	if (n->o->orchestrator)
		return start_orchestrator(n, err);
	return n->transcoder ? join_farm(n, err) : 0;
}

static int join_local(struct node *n, struct err *err)
{
	int fd[2];

	if (make_pair(fd, err) < 0)
		return -1;
	if (orchestrator_attach(n->orch, fd[1], err) < 0) {
		close(fd[0]);
		return -1;
	}
	return tc_add_local(n->tc, fd[0], err);
}

static int add_orchestrators(struct node *n, struct err *err)
{
	char *list, *save = NULL, *one;
	int rc = 0;

	if (n->orch && join_local(n, err) < 0)
		return err_wrap(err, "own orchestrator");
	if (n->o->orch_webhook_url && tc_set_webhook(n->tc, n->client, n->o->orch_webhook_url, err) < 0)
		return err_wrap(err, "-orchWebhookUrl");
	if (!n->o->orch_addr)
		return 0;
	list = xstrdup(n->o->orch_addr);
	for (one = strtok_r(list, ", ", &save); one && rc == 0; one = strtok_r(NULL, ", ", &save))
		rc = tc_add_orchestrator(n->tc, one, err);
	free(list);
	return rc < 0 ? err_wrap(err, "-orchAddr") : 0;
}

static int start_http(struct node *n, struct err *err)
{
	struct http_opts ho = { .max_conns = 10000, .max_per_addr = 256, .cors = true };

	n->http = http_server_new(&n->loop, n->o->http_addr, &ho, err);
	if (!n->http)
		return err_wrap(err, "-httpAddr %s", n->o->http_addr);
	if (!n->o->https_addr)
		return 0;
	ho.tls_cert = n->o->tls_cert;
	ho.tls_key = n->o->tls_key;
	n->https = http_server_new(&n->loop, n->o->https_addr, &ho, err);
	return n->https ? 0 : err_wrap(err, "-httpsAddr %s", n->o->https_addr);
}

static void add_http_routes(struct node *n, struct http_server *s, struct push **push)
{
	hls_routes(s, n->lives);
	if (n->o->http_ingest)
		*push = push_new(&n->loop, s, n->lives, n->auth, n->probe, n->tc);
	status_public_routes(s, &n->status);
}

static int start_broadcaster(struct node *n, struct err *err)
{
	struct lives_opts lo = {
		.target_ms = (int)n->o->segment_ms, .window_ms = (int)n->o->hls_window_ms,
		.grace_ms = GRACE_MS, .keep_ms = KEEP_ENDED_MS, .push_idle_ms = PUSH_IDLE_MS,
		.max_streams = (unsigned)n->o->max_streams, .preset = n->o->preset,
		.profiles = n->profiles,
	};
	enum publish_conflict conflict = strcmp(n->o->publish_conflict, "replace") == 0 ?
		CONFLICT_REPLACE : CONFLICT_REJECT;

	if (start_probe(n, err) < 0)
		return -1;
	n->tc = tc_new(&n->loop, n->peers, n->signer, n->probe, &n->stats);
	if (n->o->auth_webhook_url || n->o->orch_webhook_url)
		n->client = http_client_new(&n->loop);
	if (add_orchestrators(n, err) < 0)
		return -1;
	n->auth = auth_new(n->client, n->o->publish_keys, n->o->auth_webhook_url, &n->stats, err);
	if (!n->auth)
		return -1;
	n->lives = lives_new(&n->loop, &lo, n->tc, n->signer, &n->stats);
	n->bc = broadcaster_new(&n->loop, n->o->rtmp_addr, n->o->rtmp_gop_cache, conflict, n->auth,
				n->lives, &n->stats, err);
	if (!n->bc)
		return err_wrap(err, "-rtmpAddr %s", n->o->rtmp_addr);
	return start_http(n, err);
}

static int start_cli(struct node *n, struct err *err)
{
	static const char *const local[] = { "localhost", "127.0.0.1", "[::1]", NULL };
	struct http_opts ho = {
		.max_conns = 100, .max_per_addr = 100,
		.allow_hosts = addr_is_loopback(n->o->cli_addr) ? local : NULL,
	};

	if (n->o->cli_token_file) {
		n->token = status_read_token(n->o->cli_token_file, err);
		if (!n->token)
			return -1;
	}
	n->cli = http_server_new(&n->loop, n->o->cli_addr, &ho, err);
	return n->cli ? 0 : err_wrap(err, "-cliAddr %s", n->o->cli_addr);
}

static void fill_status(struct node *n)
{
	n->status = (struct status){
		.roles = n->roles, .started_ms = clock_mono_ms(), .stats = &n->stats,
		.lives = n->lives, .broadcaster = n->bc, .tc = n->tc, .orchestrator = n->orch,
		.farm = n->farm, .transcoder = n->transcoder,
		.pool = n->transcoder ? transcoder_pool(n->transcoder) : n->probe, .peers = n->peers, .http = { n->http, n->https },
		.token = n->token,
	};
}

static void add_addr(struct buf *b, const char *key, const char *addr, int port)
{
	const char *colon = strrchr(addr, ':');
	int host_len = colon ? (int)(colon - addr) : (int)strlen(addr);

	buf_addf(b, "%s\"%s\":\"%.*s:%d\"", b->len > 1 ? "," : "", key, host_len, addr, port);
}

/* Tests and scripts read where the kernel put us; renamed into place when all listen. */
static int write_addresses(struct node *n, struct err *err)
{
	char path[4096], tmp[4100];
	struct buf b;
	FILE *f;
	int rc = 0;

	buf_init(&b, 4096);
	buf_add_str(&b, "{");
	add_addr(&b, "cli", n->o->cli_addr, http_server_port(n->cli));
	if (n->bc)
		add_addr(&b, "rtmp", n->o->rtmp_addr, broadcaster_rtmp_port(n->bc));
	if (n->http)
		add_addr(&b, "http", n->o->http_addr, http_server_port(n->http));
	if (n->https)
		add_addr(&b, "https", n->o->https_addr, http_server_port(n->https));
	if (n->orch)
		add_addr(&b, "peer", n->o->listen_addr, orchestrator_port(n->orch));
	buf_add_str(&b, "}");
	snprintf(path, sizeof(path), "%s/addresses.json", n->o->datadir);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	f = fopen(tmp, "we");
	if (!f || fwrite(b.data, 1, b.len, f) != b.len || fclose(f) != 0 || rename(tmp, path) < 0)
		rc = err_set(err, ERR_IO, "%.150s: %s", path, strerror(errno));
	else
		log_info(NULL, "ready: addresses=%s", buf_cstr(&b));
	buf_fini(&b);
	return rc;
}

static void name_roles(struct node *n)
{
	size_t i = 0;

	if (n->o->broadcaster || n->o->gateway)
		n->roles[i++] = "broadcaster";
	if (n->o->orchestrator)
		n->roles[i++] = "orchestrator";
	if (n->o->transcoder)
		n->roles[i++] = "transcoder";
}

static void close_all(struct node *n);

/* Workers are warm, and the orchestrator knows its own transcoder. */
static bool can_work(const struct node *n)
{
	struct work_pool_stats w;
	struct farm_room room;

	if (n->probe) {
		work_pool_stats(n->probe, &w);
		if (w.n_up == 0)
			return false;
	}
	if (n->transcoder && !transcoder_is_ready(n->transcoder))
		return false;
	if (!n->farm || !n->transcoder)
		return true;
	farm_room(n->farm, &room);
	return room.n_members > 0;
}

/* Everything listens; "ready" is said when work can be done. */
static void on_warm_tick(uv_timer_t *t)
{
	struct node *n = t->data;

	if (!can_work(n) && clock_mono_ms() - n->started_ms < WARM_MAX_MS)
		return;
	uv_timer_stop(t);
	n->rc = write_addresses(n, &n->err);
	if (n->rc < 0)
		close_all(n);
}

static int start_all(struct node *n, struct err *err)
{
	const struct node_opts *o = n->o;
	struct eip712_domain domain = { 0 };	/* off chain: chain 0, no contract */

	profiles_default(&n->profiles);
	if (o->transcoding_options &&
	    (profiles_parse_option(&n->profiles, o->transcoding_options, err) < 0 ||
	     profiles_check_hls(&n->profiles, err) < 0)) {
		if (err->code == ERR_NOT_FOUND)	/* a preset: the command line's fault */
			err->code = ERR_INVALID;
		return err_wrap(err, "-transcodingOptions");
	}
	n->key = sig_key_load_or_create(o->datadir, "node.key", err);
	if (!n->key)
		return err_wrap(err, "node key");
	n->signer = signer_new(n->key, &domain);
	n->peers = peer_ctx_new(&n->loop, n->key, signer_domain(n->signer), "lpnode/" LP_VERSION);
	if (start_work(n, err) < 0)
		return -1;
	if ((o->broadcaster || o->gateway) && start_broadcaster(n, err) < 0)
		return -1;
	if (start_cli(n, err) < 0)
		return -1;
	fill_status(n);
	if (n->http)
		add_http_routes(n, n->http, &n->push[0]);
	if (n->https)
		add_http_routes(n, n->https, &n->push[1]);
	status_admin_routes(n->cli, &n->status);
	admin_routes(n->cli, &n->status);
	n->started_ms = clock_mono_ms();
	uv_timer_start(&n->warm, on_warm_tick, 1, WARM_POLL_MS);
	return 0;
}

/* ---- end ---- */

static void close_ingest(struct node *n)
{
	if (n->bc && !n->bc_closed)
		broadcaster_close(n->bc);
	n->bc_closed = true;
}

static void close_all(struct node *n)
{
	struct http_server *http[3] = { n->http, n->https, n->cli };
	size_t i;

	n->phase = PHASE_CLOSING;
	uv_close((uv_handle_t *)&n->term, NULL);
	uv_close((uv_handle_t *)&n->intr, NULL);
	uv_close((uv_handle_t *)&n->hup, NULL);
	uv_close((uv_handle_t *)&n->drain, NULL);
	uv_close((uv_handle_t *)&n->warm, NULL);
	close_ingest(n);
	/* What they use goes before their last connection. */
	push_close(n->push[0]);
	push_close(n->push[1]);
	n->status.pool = NULL;
	n->status.farm = NULL;
	n->status.transcoder = NULL;
	for (i = 0; i < 3; i++)
		if (http[i])
			http_server_close(http[i], HTTP_DRAIN_MS, NULL, NULL);
	n->status.http[0] = n->status.http[1] = NULL;
	if (n->lives)
		lives_close(n->lives);
	if (n->tc)
		tc_close(n->tc);
	/* The farm before the connections that its transcoders came by. */
	if (n->farm)
		farm_close(n->farm);
	if (n->orch)
		orchestrator_close(n->orch);
	if (n->transcoder)
		transcoder_close(n->transcoder);
	if (n->probe)
		work_pool_close(n->probe, NULL, NULL);
	if (n->client)
		http_client_free(n->client, NULL, NULL);
}

static void on_drain_tick(uv_timer_t *t)
{
	struct node *n = t->data;
	bool idle = (!n->lives || lives_are_idle(n->lives)) &&
		(!n->orch || orchestrator_is_idle(n->orch)) &&
		(!n->transcoder || transcoder_is_idle(n->transcoder));
	bool late = clock_mono_ms() - n->drain_since_ms >= DRAIN_MS;

	if (!idle && !late)
		return;
	if (!idle)
		log_warn(NULL, "work that runs is given up: waited_ms=%d", DRAIN_MS);
	close_all(n);
}

static void on_give_up(uv_timer_t *t)
{
	(void)t;
	log_error(NULL, "not everything closed in time, ending anyway");
	_exit(1);
}

static void on_signal(uv_signal_t *s, int signum)
{
	struct node *n = s->data;

	if (n->phase != PHASE_RUNNING) {
		log_warn(NULL, "second signal, ending now: signal=%d", signum);
		_exit(130);
	}
	log_info(NULL, "draining: signal=%d", signum);
	n->phase = PHASE_DRAINING;
	uv_timer_stop(&n->warm);
	n->drain_since_ms = clock_mono_ms();
	uv_timer_start(&n->give_up, on_give_up, GIVE_UP_MS, 0);
	uv_unref((uv_handle_t *)&n->give_up);
	close_ingest(n);
	if (n->lives)
		lives_drain(n->lives);
	if (n->orch)
		orchestrator_drain(n->orch);
	else if (n->transcoder)
		transcoder_drain(n->transcoder);
	uv_timer_start(&n->drain, on_drain_tick, 10, 50);
}

static void free_all(struct node *n)
{
	size_t i;

	for (i = 0; i < 2; i++)
		push_free(n->push[i]);
	broadcaster_free(n->bc);
	if (n->lives)
		lives_free(n->lives);
	auth_free(n->auth);
	tc_free(n->tc);
	orchestrator_free(n->orch);
	farm_free(n->farm);
	transcoder_free(n->transcoder);
	farm_secret_free(n->secret);
	if (n->peers)
		peer_ctx_free(n->peers);
	signer_free(n->signer);
	sig_key_free(n->key);
	if (n->token)
		secret_wipe(n->token, strlen(n->token));
	free(n->token);
	free(n->evidence_path);
	close(n->lock_fd);
}

static void init_loop(struct node *n)
{
	struct sigaction was;

	uv_loop_init(&n->loop);
	uv_signal_init(&n->loop, &n->term);
	uv_signal_init(&n->loop, &n->intr);
	uv_signal_init(&n->loop, &n->hup);
	uv_timer_init(&n->loop, &n->drain);
	uv_timer_init(&n->loop, &n->give_up);
	uv_timer_init(&n->loop, &n->warm);
	n->term.data = n->intr.data = n->hup.data = n->drain.data = n->give_up.data = n->warm.data = n;
	uv_signal_start(&n->term, on_signal, SIGTERM);
	uv_signal_start(&n->intr, on_signal, SIGINT);
	/* The terminal is gone, unless nohup asked to live on. */
	if (sigaction(SIGHUP, NULL, &was) == 0 && was.sa_handler != SIG_IGN)
		uv_signal_start(&n->hup, on_signal, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
}

int node_run(const struct node_opts *o, struct err *err)
{
	struct node *n = xcalloc(1, sizeof(*n));
	int rc, closed;

	n->o = o;
	n->lock_fd = -1;
	name_roles(n);
	raise_nofile();
	if (lock_datadir(n, err) < 0 || (o->transcoder && self_test(err) < 0)) {
		if (n->lock_fd >= 0)
			close(n->lock_fd);
		free(n);
		return -1;
	}
	init_loop(n);
	n->rc = start_all(n, &n->err);
	if (n->rc < 0)
		close_all(n);
	uv_run(&n->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&n->give_up, NULL);
	uv_run(&n->loop, UV_RUN_DEFAULT);
	free_all(n);
	closed = uv_loop_close(&n->loop);
	rc = n->rc;
	if (rc < 0)
		*err = n->err;
	else
		log_info(NULL, "ended: clean=%s", closed == 0 ? "yes" : "no");
	free(n);
	return rc;
}
