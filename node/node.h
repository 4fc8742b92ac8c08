#ifndef LP_NODE_NODE_H
#define LP_NODE_NODE_H
#include <stdbool.h>
#include <stdint.h>
struct err;

/*
 * The whole node: starts the roles that the options name, joins them, runs the
 * loop, drains on SIGTERM or SIGINT.  The only place that holds everything.
 */
struct node_opts {
	/* roles */
	bool broadcaster, gateway, orchestrator, transcoder;
	/* addresses */
	char *rtmp_addr, *http_addr, *https_addr, *tls_cert, *tls_key;
	char *cli_addr, *cli_token_file, *listen_addr, *service_addr;
	/* publishing */
	char *publish_keys, *auth_webhook_url, *publish_conflict;
	bool http_ingest, rtmp_gop_cache;
	uint64_t max_streams;
	/* HLS, ms */
	uint64_t segment_ms, hls_window_ms;
	/* transcoding */
	char *orch_addr, *orch_webhook_url, *transcoding_options, *preset;
	char *max_sessions;		/* "auto" or a number */
	uint64_t workers, max_pixels, capacity;
	/* farm */
	char *orch_secret, *orch_eth_addr;
	char *nvidia, *vaapi, *qsv;
	uint64_t gpu_sessions;
	/* node */
	char *datadir;
};

/* Contradictions and unsafe combinations: fails with ERR_INVALID and one line that
 * names the flag and the remedy. */
int node_check_opts(const struct node_opts *o, struct err *err);

/* Run until drained.  Fails with the reason why it could not start (ERR_INVALID:
 * the options; else the machine).  Returns 0 after an orderly end. */
int node_run(const struct node_opts *o, struct err *err);

/* Is host:port bound to this machine alone? */
bool addr_is_loopback(const char *hostport);

#endif
