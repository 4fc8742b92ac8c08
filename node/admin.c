#include "node/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "node/http/server.h"
#include "node/orchestrator.h"
#include "node/status.h"

#define FORM_MAX 1024
#define VALUE_MAX 32
#define SESSIONS_MAX 10000

int max_sessions_parse(const char *text, unsigned *n, struct err *err)
{
	unsigned long v;
	char *end;

	*n = 0;
	if (strcmp(text, "auto") == 0)
		return 0;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || v < 1 || v > SESSIONS_MAX)
		return err_set(err, ERR_INVALID, "maxSessions=%.40s: give a number from 1 to %d, or auto",
			       text, SESSIONS_MAX);
	*n = (unsigned)v;
	return 0;
}

/* One form on its way in. */
struct form {
	struct status *st;
	struct buf body;
};

static void set_max_sessions(struct status *st, struct http_req *r, const char *value)
{
	struct err err;
	unsigned n;

	if (max_sessions_parse(value, &n, &err) < 0) {
		http_reply_error(r, 400, "%s", err.msg);
		return;
	}
	orchestrator_set_max_sessions(st->orchestrator, n);
	log_info(NULL, "sessions allowed, by the admin port: max=%s", value);
	http_reply(r, 200, "text/plain", "ok\n", 3);
}

static void on_form(void *arg, struct http_req *r, const uint8_t *data, size_t len, bool ok)
{
	struct form *f = arg;
	char value[VALUE_MAX];

	if (data) {
		buf_add(&f->body, data, len);
		return;
	}
	if (ok && http_form_value(buf_cstr(&f->body), "maxSessions", value, sizeof(value)))
		set_max_sessions(f->st, r, value);
	else if (ok)
		http_reply_error(r, 400, "give maxSessions=N or maxSessions=auto");
	buf_fini(&f->body);
	free(f);
}

/* A page in the operator's browser may post anywhere; only its own script may not read
 * the answer. */
static bool may_change(struct status *st, struct http_req *r)
{
	if (!status_may(st, r))
		return false;
	if (!http_req_header(r, "Origin"))
		return true;
	http_reply_error(r, 403, "not from a web page");
	return false;
}

static void post_max_sessions(void *arg, struct http_req *r)
{
	struct status *st = arg;
	char value[VALUE_MAX];
	struct form *f;

	if (!may_change(st, r))
		return;
	if (!st->orchestrator) {
		http_reply_error(r, 404, "this node is no orchestrator");
		return;
	}
	if (http_req_query(r, "maxSessions", value, sizeof(value))) {
		set_max_sessions(st, r, value);
		return;
	}
	f = xcalloc(1, sizeof(*f));
	f->st = st;
	buf_init(&f->body, FORM_MAX + 1);
	http_req_read_body(r, FORM_MAX, on_form, f);
}

static void get_max_sessions(void *arg, struct http_req *r)
{
	struct status *st = arg;
	char text[VALUE_MAX] = "auto\n";
	unsigned n;

	if (!status_may(st, r))
		return;
	if (!st->orchestrator) {
		http_reply_error(r, 404, "this node is no orchestrator");
		return;
	}
	n = orchestrator_max_sessions(st->orchestrator);
	if (n > 0)
		snprintf(text, sizeof(text), "%u\n", n);
	http_reply(r, 200, "text/plain", text, strlen(text));
}

void admin_routes(struct http_server *s, struct status *st)
{
	http_route(s, "POST", "/setMaxSessions", post_max_sessions, st);
	http_route(s, "GET", "/maxSessions", get_max_sessions, st);
}
