#include "node/auth.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "node/http/client.h"
#include "node/stats.h"

#define KEYS_FILE_MAX (1u << 20)
#define KEY_LINES_MAX 10000
#define WEBHOOK_DEADLINE_MS 2000
#define WEBHOOK_BODY_MAX 65536
#define BAD_PER_MINUTE 10
#define OFFENDERS_MAX 256

struct key_line {
	char *name;	/* "*": any */
	char *key;
};

/* An address that gave a wrong key. */
struct offender {
	char ip[64];
	int64_t since_ms;
	unsigned n;
};

struct auth {
	struct http_client *client;	/* borrowed */
	struct stats *stats;		/* borrowed */
	char *webhook;			/* NULL: none */
	bool has_keys;
	struct key_line *lines;
	size_t n_lines;
	struct offender offenders[OFFENDERS_MAX];
	size_t next_offender;
	struct log_limit log_limit;	/* the webhook's trouble */
};

struct auth_call {
	struct auth *a;
	struct http_call *http;
	int64_t started_ms;
	char name[129];
	auth_cb *cb;
	void *arg;
};

bool stream_name_is_valid(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

	return n >= 1 && n <= 128 && name[n] == 0;
}

/* ---- the key file ---- */

static int parse_line(struct auth *a, char *line, unsigned no, struct err *err)
{
	char *save = NULL, *name, *key, *more;
	char *hash = strchr(line, '#');

	if (hash && (hash == line || hash[-1] == ' ' || hash[-1] == '\t'))
		*hash = 0;
	name = strtok_r(line, " \t\r\n", &save);
	if (!name)
		return 0;
	key = strtok_r(NULL, " \t\r\n", &save);
	more = strtok_r(NULL, " \t\r\n", &save);
	if (!key || more)
		return err_set(err, ERR_INVALID, "line %u: give NAME KEY (NAME may be *)", no);
	if (strcmp(name, "*") != 0 && !stream_name_is_valid(name))
		return err_set(err, ERR_INVALID, "line %u: a stream name is 1 to 128 of A-Z a-z 0-9 _ -",
			       no);
	if (a->n_lines == KEY_LINES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d keys", KEY_LINES_MAX);
	a->lines = xrealloc(a->lines, (a->n_lines + 1) * sizeof(*a->lines));
	a->lines[a->n_lines++] = (struct key_line){ xstrdup(name), xstrdup(key) };
	return 0;
}

static int load_keys(struct auth *a, const char *path, struct err *err)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	unsigned no = 0;
	size_t total = 0;
	int rc = 0;

	if (!f)
		return err_set(err, ERR_IO, "-publishKeys %s: %s", path, strerror(errno));
	a->has_keys = true;
	while (rc == 0 && fgets(line, sizeof(line), f)) {
		total += strlen(line);
		if (!strchr(line, '\n') && !feof(f))
			rc = err_set(err, ERR_LIMIT, "line %u: longer than %zu bytes", no + 1,
				     sizeof(line) - 2);
		else if (total > KEYS_FILE_MAX)
			rc = err_set(err, ERR_LIMIT, "larger than %u bytes", KEYS_FILE_MAX);
		else
			rc = parse_line(a, line, ++no, err);
	}
	secret_wipe(line, sizeof(line));
	fclose(f);
	if (rc == 0 && a->n_lines == 0)
		rc = err_set(err, ERR_INVALID, "holds no key: give lines NAME KEY");
	return rc < 0 ? err_wrap(err, "-publishKeys %s", path) : 0;
}

/* Every line is compared, so that time does not tell which one was near. */
static bool key_fits(const struct auth *a, const char *name, const char *key)
{
	bool fits = false;
	size_t i;

	for (i = 0; i < a->n_lines; i++) {
		const struct key_line *l = &a->lines[i];
		bool same = secret_str_equal(l->key, key);

		if (same && (strcmp(l->name, "*") == 0 || strcmp(l->name, name) == 0))
			fits = true;
	}
	return fits;
}

/* ---- back-off ---- */

static void ip_of(char to[64], const char *peer)
{
	const char *colon = strrchr(peer, ':');
	size_t n = colon ? (size_t)(colon - peer) : strlen(peer);

	if (n > 63)
		n = 63;
	memcpy(to, peer, n);
	to[n] = 0;
}

static struct offender *find_offender(struct auth *a, const char *ip)
{
	int64_t now = clock_mono_ms();
	size_t i;

	for (i = 0; i < OFFENDERS_MAX; i++) {
		struct offender *o = &a->offenders[i];

		if (o->n && now - o->since_ms > 60000)
			o->n = 0;
		if (o->n && strcmp(o->ip, ip) == 0)
			return o;
	}
	return NULL;
}

static void count_offence(struct auth *a, const char *ip)
{
	struct offender *o = find_offender(a, ip);

	if (!o) {
		o = &a->offenders[a->next_offender++ % OFFENDERS_MAX];
		*o = (struct offender){ .since_ms = clock_mono_ms() };
		snprintf(o->ip, sizeof(o->ip), "%s", ip);
	}
	o->n++;
}

/* ---- the webhook ---- */

static int parse_profiles(json_t *root, struct profile_list *profiles, bool *has, struct err *err)
{
	json_t *list = json_object_get(root, "profiles"), *presets = json_object_get(root, "presets");
	char names[2048] = "", *text;
	size_t i, used = 0;
	json_t *v;
	int rc;

	*has = false;
	if (json_is_array(list)) {
		*has = true;
		if (json_array_size(list) == 0) {
			profiles->n = 0;
			return 0;
		}
		text = json_dumps(list, JSON_COMPACT);
		rc = text ? profiles_parse_json(profiles, text, strlen(text), err) :
			err_set(err, ERR_INTERNAL, "profiles");
		free(text);
		return rc;
	}
	if (!json_is_array(presets) || json_array_size(presets) == 0)
		return 0;
	*has = true;
	json_array_foreach(presets, i, v) {
		const char *s = json_string_value(v);
		int n;

		if (!s)
			return err_set(err, ERR_INVALID, "presets[%zu] is not a string", i);
		n = snprintf(names + used, sizeof(names) - used, "%s%s", used ? "," : "", s);
		if (n < 0 || (size_t)n >= sizeof(names) - used)
			return err_set(err, ERR_LIMIT, "presets are too long");
		used += (size_t)n;
	}
	return profiles_parse_presets(profiles, names, err);
}

int auth_parse_answer(const char *json, size_t len, char name[129], struct profile_list *profiles,
		      bool *has_profiles, struct err *err)
{
	json_error_t je;
	json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &je);
	const char *id;
	int rc = 0;

	*has_profiles = false;
	if (!root)
		return err_set(err, ERR_INVALID, "not JSON: %.80s", je.text);
	id = json_string_value(json_object_get(root, "manifestID"));
	if (!json_is_object(root) || !id || !stream_name_is_valid(id))
		rc = err_set(err, ERR_INVALID, "manifestID is missing or no stream name");
	else
		snprintf(name, 129, "%s", id);
	if (rc == 0)
		rc = parse_profiles(root, profiles, has_profiles, err);
	if (rc == 0 && *has_profiles)
		rc = profiles_check_hls(profiles, err);
	json_decref(root);
	return rc;
}

static void on_webhook(void *arg, int status, const uint8_t *body, size_t len,
		       const struct err *http_err)
{
	struct auth_call *c = arg;
	struct auth_verdict v = { .name = c->name };
	struct profile_list profiles;
	bool has_profiles = false;
	struct err err = { 0 };

	hist_add(&c->a->stats->webhook_time, (double)(clock_mono_ms() - c->started_ms));
	if (status == 0) {
		if (log_may(&c->a->log_limit, 10))
			log_warn(NULL, "auth webhook does not answer, publisher refused: why=%s",
				 http_err ? http_err->msg : "");
		v.reason = "authorization is not available: try again";
	} else if (status != 200) {
		v.reason = "not authorized";
	} else if (len == 0) {
		v.allowed = true;
	} else if (auth_parse_answer((const char *)body, len, c->name, &profiles, &has_profiles,
				     &err) < 0) {
		if (log_may(&c->a->log_limit, 10))
			log_warn(NULL, "auth webhook's answer is refused: why=%s", err.msg);
		v.reason = "authorization is not available: try again";
	} else {
		v.allowed = true;
		v.profiles = has_profiles ? &profiles : NULL;
	}
	if (!v.allowed)
		c->a->stats->publish_refused++;
	c->cb(c->arg, &v);
	free(c);
}

static struct auth_call *start_webhook(struct auth *a, const char *name, const char *url,
				       auth_cb *cb, void *arg)
{
	struct auth_call *c = xcalloc(1, sizeof(*c));
	struct auth_verdict v = { .reason = "authorization is not available: try again" };
	struct buf b;
	struct err err;

	c->a = a;
	c->cb = cb;
	c->arg = arg;
	c->started_ms = clock_mono_ms();
	snprintf(c->name, sizeof(c->name), "%s", name);
	buf_init(&b, 16384);
	buf_add_str(&b, "{\"url\":");
	json_add_string(&b, url);
	buf_add_str(&b, "}");
	c->http = http_post_json(a->client, a->webhook, buf_cstr(&b), WEBHOOK_DEADLINE_MS,
				 WEBHOOK_BODY_MAX, on_webhook, c, &err);
	secret_wipe(b.data, b.cap);
	buf_fini(&b);
	if (c->http)
		return c;
	if (log_may(&a->log_limit, 10))
		log_warn(NULL, "auth webhook cannot be called: why=%s", err.msg);
	free(c);
	cb(arg, &v);
	return NULL;
}

/* ---- the question ---- */

struct auth_call *auth_check(struct auth *a, const char *name, const char *key,
			     const char *url, const char *peer, auth_cb *cb, void *arg)
{
	struct auth_verdict v = { .name = name };
	struct offender *o;
	char ip[64];

	if (a->has_keys) {
		ip_of(ip, peer);
		o = find_offender(a, ip);
		if ((o && o->n >= BAD_PER_MINUTE) || !key_fits(a, name, key)) {
			count_offence(a, ip);
			a->stats->publish_refused++;
			v.reason = "wrong or missing publish key: give rtmp://HOST/live/NAME?key=KEY";
			cb(arg, &v);
			return NULL;
		}
	}
	if (a->webhook)
		return start_webhook(a, name, url, cb, arg);
	v.allowed = true;
	cb(arg, &v);
	return NULL;
}

void auth_cancel(struct auth_call *c)
{
	http_call_cancel(c->http);
	free(c);
}

struct auth *auth_new(struct http_client *client, const char *keys_file, const char *webhook_url,
		      struct stats *stats, struct err *err)
{
	struct auth *a = xcalloc(1, sizeof(*a));

	a->client = client;
	a->stats = stats;
	if (webhook_url)
		a->webhook = xstrdup(webhook_url);
	if (keys_file && load_keys(a, keys_file, err) < 0) {
		auth_free(a);
		return NULL;
	}
	return a;
}

void auth_free(struct auth *a)
{
	size_t i;

	if (!a)
		return;
	for (i = 0; i < a->n_lines; i++) {
		secret_wipe(a->lines[i].key, strlen(a->lines[i].key));
		free(a->lines[i].key);
		free(a->lines[i].name);
	}
	free(a->lines);
	free(a->webhook);
	free(a);
}
