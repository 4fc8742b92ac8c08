/* Contradictions among the options, before anything is opened. */
#include <string.h>

#include "base/err.h"
#include "node/admin.h"
#include "node/node.h"
#include "protocol/peer_msg.h"

bool addr_is_loopback(const char *a)
{
	return strncmp(a, "127.", 4) == 0 || strncmp(a, "localhost:", 10) == 0 ||
		strncmp(a, "[::1]:", 6) == 0;
}

static int check_roles(const struct node_opts *o, struct err *err)
{
	bool b = o->broadcaster || o->gateway;

	if (!b && !o->orchestrator && !o->transcoder)
		return err_set(err, ERR_INVALID, "no role: give -broadcaster, -orchestrator -transcoder, "
			       "or all three (see lpnode --help)");
	if (o->orchestrator && !o->transcoder && !o->orch_secret)
		return err_set(err, ERR_INVALID, "-orchestrator: give -transcoder too, or -orchSecret FILE "
			       "so that transcoders can join");
	if (o->transcoder && !o->orchestrator && b)
		return err_set(err, ERR_INVALID, "-broadcaster -transcoder: give -orchestrator too, or run "
			       "the transcoder as a process of its own");
	if (o->transcoder && !o->orchestrator && (!o->orch_addr || !o->orch_secret))
		return err_set(err, ERR_INVALID, "-transcoder: give -orchestrator too, or -orchAddr HOST:PORT "
			       "and -orchSecret FILE of the orchestrator it works for");
	if (o->transcoder && !o->orchestrator && strchr(o->orch_addr, ','))
		return err_set(err, ERR_INVALID, "-orchAddr %.80s: a transcoder works for one orchestrator",
			       o->orch_addr);
	if (o->orch_addr && o->orchestrator && !b)
		return err_set(err, ERR_INVALID, "-orchAddr: an -orchestrator uses no others: give -broadcaster "
			       "too, or leave it out");
	return 0;
}

/* What belongs to roles that were not asked for. */
static int check_strays(const struct node_opts *o, struct err *err)
{
	bool b = o->broadcaster || o->gateway;

	if (o->orch_webhook_url && !b)
		return err_set(err, ERR_INVALID, "-orchWebhookUrl: only a -broadcaster looks for orchestrators");
	if (o->orch_secret && !o->orchestrator && !o->transcoder)
		return err_set(err, ERR_INVALID, "-orchSecret: only an -orchestrator and its transcoders share one");
	if (o->orch_eth_addr && (!o->transcoder || o->orchestrator))
		return err_set(err, ERR_INVALID, "-orchEthAddr: only a -transcoder apart from its orchestrator "
			       "uses it; a broadcaster takes -orchAddr 0xADDRESS@HOST:PORT");
	if ((o->nvidia || o->vaapi || o->qsv || o->gpu_sessions) && !o->transcoder)
		return err_set(err, ERR_INVALID, "-nvidia, -vaapi, -qsv and -gpuSessions: give -transcoder too");
	if (o->service_addr && !o->orchestrator)
		return err_set(err, ERR_INVALID, "-serviceAddr: only an -orchestrator is told to others");
	return 0;
}

/* Publishing and watching are different rights: nobody publishes to the world by
 * accident. */
static int check_public(const struct node_opts *o, struct err *err)
{
	bool guarded = o->publish_keys || o->auth_webhook_url;

	if (guarded || (!o->broadcaster && !o->gateway))
		return 0;
	if (!addr_is_loopback(o->rtmp_addr))
		return err_set(err, ERR_INVALID, "-rtmpAddr %s is public, anybody could publish: give "
			       "-publishKeys FILE or -authWebhookUrl URL", o->rtmp_addr);
	if (o->http_ingest && !addr_is_loopback(o->http_addr))
		return err_set(err, ERR_INVALID, "-httpAddr %s is public and takes pushes: give "
			       "-publishKeys FILE, -authWebhookUrl URL or -httpIngest=false",
			       o->http_addr);
	if (o->http_ingest && o->https_addr && !addr_is_loopback(o->https_addr))
		return err_set(err, ERR_INVALID, "-httpsAddr %s is public and takes pushes: give "
			       "-publishKeys FILE, -authWebhookUrl URL or -httpIngest=false",
			       o->https_addr);
	return 0;
}

int node_check_opts(const struct node_opts *o, struct err *err)
{
	unsigned n;

	if (check_roles(o, err) < 0 || check_strays(o, err) < 0 || check_public(o, err) < 0)
		return -1;
	if (max_sessions_parse(o->max_sessions, &n, err) < 0)
		return -1;
	if (o->https_addr && (!o->tls_cert || !o->tls_key))
		return err_set(err, ERR_INVALID, "-httpsAddr: give -tlsCert FILE and -tlsKey FILE too");
	if (!o->https_addr && (o->tls_cert || o->tls_key))
		return err_set(err, ERR_INVALID, "-tlsCert and -tlsKey: give -httpsAddr HOST:PORT too");
	if (!addr_is_loopback(o->cli_addr) && !o->cli_token_file)
		return err_set(err, ERR_INVALID, "-cliAddr %s is public: give -cliTokenFile FILE",
			       o->cli_addr);
	if (strcmp(o->publish_conflict, "reject") != 0 && strcmp(o->publish_conflict, "replace") != 0)
		return err_set(err, ERR_INVALID, "-publishConflict=%s: give reject or replace",
			       o->publish_conflict);
	if (!preset_is_known(o->preset))
		return err_set(err, ERR_INVALID, "-preset=%s: give an x264 preset from ultrafast to "
			       "medium, such as superfast", o->preset);
	return 0;
}
