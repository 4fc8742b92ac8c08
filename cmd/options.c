#include "cmd/options.h"

#include "base/opt.h"

#define AT(f) offsetof(struct config, f)

const struct opt lpnode_opts[] = {
	{ "broadcaster", OPT_BOOL, AT(node.broadcaster), "false", 0, 0, "Roles", NULL,
	  "take live video in, have it transcoded, serve it" },
	{ "gateway", OPT_BOOL, AT(node.gateway), "false", 0, 0, "Roles", NULL,
	  "the same as -broadcaster" },
	{ "orchestrator", OPT_BOOL, AT(node.orchestrator), "false", 0, 0, "Roles", NULL,
	  "take transcoding work from broadcasters" },
	{ "transcoder", OPT_BOOL, AT(node.transcoder), "false", 0, 0, "Roles", NULL,
	  "do the work in local worker processes" },

	{ "rtmpAddr", OPT_STRING, AT(node.rtmp_addr), "127.0.0.1:1935", 0, 0, "Addresses", "HOST:PORT",
	  "where encoders publish and players play RTMP" },
	{ "httpAddr", OPT_STRING, AT(node.http_addr), "127.0.0.1:8935", 0, 0, "Addresses", "HOST:PORT",
	  "HLS, push ingest and the player page" },
	{ "httpsAddr", OPT_STRING, AT(node.https_addr), NULL, 0, 0, "Addresses", "HOST:PORT",
	  "the same over TLS" },
	{ "tlsCert", OPT_STRING, AT(node.tls_cert), NULL, 0, 0, "Addresses", "FILE",
	  "certificate chain of -httpsAddr, PEM" },
	{ "tlsKey", OPT_STRING, AT(node.tls_key), NULL, 0, 0, "Addresses", "FILE",
	  "its private key, PEM" },
	{ "cliAddr", OPT_STRING, AT(node.cli_addr), "127.0.0.1:7935", 0, 0, "Addresses", "HOST:PORT",
	  "/status, /metrics and /healthz" },
	{ "cliTokenFile", OPT_STRING, AT(node.cli_token_file), NULL, 0, 0, "Addresses", "FILE",
	  "token that -cliAddr asks for (Authorization: Bearer); needed when it is public" },
	{ "listenAddr", OPT_STRING, AT(node.listen_addr), "127.0.0.1:15000", 0, 0, "Addresses",
	  "HOST:PORT", "where an orchestrator takes broadcasters" },
	{ "serviceAddr", OPT_STRING, AT(node.service_addr), NULL, 0, 0, "Addresses", "HOST:PORT",
	  "the public address that others are told" },

	{ "publishKeys", OPT_STRING, AT(node.publish_keys), NULL, 0, 0, "Publishing", "FILE",
	  "who may publish: lines NAME KEY, NAME may be *" },
	{ "authWebhookUrl", OPT_STRING, AT(node.auth_webhook_url), NULL, 0, 0, "Publishing", "URL",
	  "asked about each publisher; no answer within 2 s refuses" },
	{ "publishConflict", OPT_STRING, AT(node.publish_conflict), "reject", 0, 0, "Publishing",
	  "reject|replace", "a second publisher of a name that is alive" },
	{ "httpIngest", OPT_BOOL, AT(node.http_ingest), "true", 0, 0, "Publishing", NULL,
	  "take segments by PUT /live/NAME/SEQ.ts" },
	{ "maxStreams", OPT_UINT, AT(node.max_streams), "1000", 1, 100000, "Publishing", "N",
	  "streams at once; beyond it publishers are refused" },

	{ "segmentDuration", OPT_DURATION, AT(node.segment_ms), "2s", 500, 10000, "HLS", "TIME",
	  "segments end at the first key frame after this long" },
	{ "hlsWindow", OPT_DURATION, AT(node.hls_window_ms), "12s", 3000, 600000, "HLS", "TIME",
	  "how much of a live stream its playlists list" },

	{ "orchAddr", OPT_STRING, AT(node.orch_addr), NULL, 0, 0, "Transcoding", "HOST:PORT,...",
	  "orchestrators a broadcaster uses" },
	{ "transcodingOptions", OPT_STRING, AT(node.transcoding_options), NULL, 0, 0, "Transcoding",
	  "PRESETS|FILE", "renditions: presets such as P240p30fps16x9,P360p30fps16x9, or a JSON "
	  "file; without it 240p0, 360p0, 480p0, 720p0" },
	{ "preset", OPT_STRING, AT(node.preset), "superfast", 0, 0, "Transcoding", "NAME",
	  "x264 preset, ultrafast to medium" },
	{ "maxSessions", OPT_UINT, AT(node.max_sessions), "10", 1, 10000, "Transcoding", "N",
	  "streams an orchestrator transcodes at once" },
	{ "workers", OPT_UINT, AT(node.workers), "0", 0, 256, "Transcoding", "N",
	  "worker processes at once; 0: one a core" },
	{ "maxPixels", OPT_UINT, AT(node.max_pixels), "9437184", 65536, 67108864, "Transcoding", "N",
	  "largest picture a worker decodes, in pixels (4096x2304)" },

	{ "datadir", OPT_STRING, AT(node.datadir), NULL, 0, 0, "Node", "DIR",
	  "keys and state; without it ~/.lpnode" },
	{ "config", OPT_STRING, AT(config_file), NULL, 0, 0, "Node", "FILE",
	  "read settings from lines NAME VALUE" },
	{ "v", OPT_STRING, AT(verbosity), "info", 0, 0, "Node", "LEVEL",
	  "lowest log level shown: error, warn, info, debug" },
	{ "logFormat", OPT_STRING, AT(log_format), "text", 0, 0, "Node", "text|json",
	  "form of the log lines on standard error" },
	{ "version", OPT_BOOL, AT(version), "false", 0, 0, "Node", NULL, "print the version and end" },
	{ "help", OPT_BOOL, AT(help), "false", 0, 0, "Node", NULL, "print this and end" },
	{ "helpMarkdown", OPT_BOOL, AT(help_markdown), "false", 0, 0, "Node", NULL,
	  "print the option tables of docs/operators.md and end" },
};
const size_t n_lpnode_opts = sizeof(lpnode_opts) / sizeof(lpnode_opts[0]);
