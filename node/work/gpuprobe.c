#include "node/work/gpuprobe.h"

#include <ctype.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

/* ---- the line ---- */

static const struct {
	const char *name;
	size_t offset;
} flags[] = {
	{ "decode_h264", offsetof(struct gpu_caps, decode_h264) },
	{ "decode_hevc", offsetof(struct gpu_caps, decode_hevc) },
	{ "scale", offsetof(struct gpu_caps, scale) },
	{ "encode_h264", offsetof(struct gpu_caps, encode_h264) },
	{ "encode_hevc", offsetof(struct gpu_caps, encode_hevc) },
};
#define N_FLAGS (sizeof(flags) / sizeof(flags[0]))

static json_t *line_of(const char *device, const struct gpu_caps *caps, const struct err *err)
{
	json_t *o = json_object();
	size_t i;

	json_object_set_new(o, "device", json_string(device));
	if (err) {
		json_object_set_new(o, "code", json_integer(err->code));
		json_object_set_new(o, "error", json_string(err->msg));
		return o;
	}
	for (i = 0; i < N_FLAGS; i++)
		json_object_set_new(o, flags[i].name,
				    json_boolean(*(const bool *)((const char *)caps + flags[i].offset)));
	json_object_set_new(o, "encode_sessions", json_integer(caps->encode_sessions));
	json_object_set_new(o, "model", json_string(caps->model));
	json_object_set_new(o, "what", json_string(caps->what));
	return o;
}

/* A driver's words end in logs and pages. */
static void copy_printable(char *to, size_t cap, const char *from)
{
	size_t n = 0;

	for (; *from && n + 1 < cap; from++)
		to[n++] = isprint((unsigned char)*from) ? *from : '?';
	to[n] = '\0';
}

static int parse_failure(const json_t *o, const char *text, struct err *err)
{
	json_int_t code = json_integer_value(json_object_get(o, "code"));
	char shown[sizeof(err->msg)];

	copy_printable(shown, sizeof(shown), text);
	if (code != ERR_INVALID && code != ERR_INTERNAL)
		code = ERR_IO;
	return err_set(err, (enum err_code)code, "%s", shown);
}

static int parse_caps(struct gpu_caps *caps, const json_t *o, struct err *err)
{
	json_t *n = json_object_get(o, "encode_sessions"), *v;
	size_t i;

	memset(caps, 0, sizeof(*caps));
	for (i = 0; i < N_FLAGS; i++) {
		v = json_object_get(o, flags[i].name);
		if (!json_is_boolean(v))
			return err_set(err, ERR_IO, "the probe did not tell %s", flags[i].name);
		*(bool *)((char *)caps + flags[i].offset) = json_is_true(v);
	}
	if (!json_is_integer(n) || json_integer_value(n) < 0 ||
	    json_integer_value(n) > GPU_SESSIONS_MAX)
		return err_set(err, ERR_IO, "the probe did not tell encode_sessions");
	caps->encode_sessions = (unsigned)json_integer_value(n);
	v = json_object_get(o, "model");
	if (json_is_string(v))
		copy_printable(caps->model, sizeof(caps->model), json_string_value(v));
	gpu_caps_describe(caps);
	return 0;
}

int gpuprobe_parse(struct gpu_caps *caps, const char *line, size_t len, struct err *err)
{
	json_t *o = len <= GPUPROBE_LINE_MAX ? json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL)
					     : NULL;
	const char *text = json_string_value(json_object_get(o, "error"));
	int rc;

	if (!json_is_object(o))
		rc = err_set(err, ERR_IO, "the probe gave no answer that can be read");
	else if (text)
		rc = parse_failure(o, text, err);
	else
		rc = parse_caps(caps, o, err);
	json_decref(o);
	return rc;
}

/* ---- the child ---- */

static void print_line(int fd, const char *device, const struct gpu_caps *caps,
		       const struct err *err)
{
	json_t *o = line_of(device, caps, err);
	char *text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (text)
		dprintf(fd, "%s\n", text);
	free(text);
	json_decref(o);
}

int gpu_probe_main(int argc, char **argv)
{
	struct gpu_caps caps;
	struct gpu_name name;
	struct err err;
	int fd, rc;

	if (argc != 3 || gpu_name_parse(&name, argv[2], &err) < 0) {
		fprintf(stderr, "lpnode: %s DEVICE: nvidia:0, vaapi:/dev/dri/renderD128 or "
			"qsv:/dev/dri/renderD128\n", GPU_PROBE_ARG);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Drivers print: what they say is not the answer. */
	fd = dup(STDOUT_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	rc = gpu_probe(&name, &caps, &err);
	print_line(fd, argv[2], &caps, rc < 0 ? &err : NULL);
	close(fd);
	return rc < 0;
}

/* ---- the parent ---- */

struct gpuprobe {
	uv_process_t process;
	uv_pipe_t out;		/* its standard output */
	uv_timer_t deadline;
	int n_open;		/* handles still open: the last one frees us */
	gpuprobe_cb *cb;	/* NULL once delivered or cancelled */
	void *arg;
	char device[GPU_NAME_MAX];
	char line[GPUPROBE_LINE_MAX + 1];
	size_t len;
	bool has_ended, has_exited;	/* its output, the process */
	int sig;			/* that it died of */
};

static void on_closed(uv_handle_t *h)
{
	struct gpuprobe *p = h->data;

	if (--p->n_open == 0)
		free(p);
}

/* The process handle stays until the process is reaped. */
void gpuprobe_cancel(struct gpuprobe *p)
{
	p->cb = NULL;
	uv_close((uv_handle_t *)&p->out, on_closed);
	uv_close((uv_handle_t *)&p->deadline, on_closed);
	if (!p->has_exited)
		uv_process_kill(&p->process, SIGKILL);
}

static void finish(struct gpuprobe *p, const struct gpu_caps *caps, const struct err *err)
{
	gpuprobe_cb *cb = p->cb;
	void *arg = p->arg;

	gpuprobe_cancel(p);
	cb(arg, caps, err);
}

static void answer(struct gpuprobe *p)
{
	const char *end = memchr(p->line, '\n', p->len);
	struct gpu_caps caps;
	struct err err;

	if (end && gpuprobe_parse(&caps, p->line, (size_t)(end - p->line), &err) == 0) {
		finish(p, &caps, NULL);
		return;
	}
	if (!end && p->sig)
		err_set(&err, ERR_IO, "device %s: its probe died of signal %d", p->device, p->sig);
	else if (!end)
		err_set(&err, ERR_IO, "device %s: its probe ended without an answer", p->device);
	finish(p, NULL, &err);
}

static void on_process_exit(uv_process_t *process, int64_t status, int sig)
{
	struct gpuprobe *p = process->data;

	p->has_exited = true;
	p->sig = sig;
	if (p->cb && p->has_ended)
		answer(p);
	uv_close((uv_handle_t *)process, on_closed);
}

static void on_room(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
	struct gpuprobe *p = h->data;

	*buf = uv_buf_init(p->line + p->len, (unsigned)(GPUPROBE_LINE_MAX - p->len));
}

/* What is longer than a line may be does not get to the end of one: UV_ENOBUFS. */
static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct gpuprobe *p = s->data;

	if (n > 0)
		p->len += (size_t)n;
	if (n >= 0)
		return;
	uv_read_stop(s);
	p->has_ended = true;
	if (p->has_exited)
		answer(p);
	else if (n != UV_EOF)
		uv_process_kill(&p->process, SIGKILL);
}

static void on_deadline(uv_timer_t *t)
{
	struct gpuprobe *p = t->data;
	struct err err;

	err_set(&err, ERR_TIMEOUT, "device %s: its probe did not end in time", p->device);
	finish(p, NULL, &err);
}

/* What drivers and loaders need; no secret that came by the environment. */
static const char *const kept_env[] = {
	"PATH", "HOME", "LANG", "TZ", "LD_LIBRARY_PATH", "LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH",
	"CUDA_CACHE_PATH", "CUDA_VISIBLE_DEVICES", "VK_ICD_FILENAMES", "VK_DRIVER_FILES",
	"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS",
};
#define N_KEPT (sizeof(kept_env) / sizeof(kept_env[0]))

static int spawn(struct gpuprobe *p, uv_loop_t *loop)
{
	char exe[] = "/proc/self/exe", name[] = "lpnode", flag[] = GPU_PROBE_ARG;
	char *args[] = { name, flag, p->device, NULL };
	char *env[N_KEPT + 1], **e = env;
	uv_stdio_container_t io[3] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&p->out },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
	};
	uv_process_options_t o = { .file = exe, .args = args, .env = env, .stdio = io,
				   .stdio_count = 3, .exit_cb = on_process_exit };
	size_t i;
	int rc;

	for (i = 0; i < N_KEPT; i++)
		if (getenv(kept_env[i]))
			*e++ = xasprintf("%s=%s", kept_env[i], getenv(kept_env[i]));
	*e = NULL;
	rc = uv_spawn(loop, &p->process, &o);
	for (e = env; *e; e++)
		free(*e);
	return rc;
}

struct gpuprobe *gpuprobe_start(uv_loop_t *loop, const char *name, unsigned timeout_ms,
				gpuprobe_cb *cb, void *arg, struct err *err)
{
	struct gpu_name parsed;
	struct gpuprobe *p;
	int rc;

	if (gpu_name_parse(&parsed, name, err) < 0)
		return NULL;
	p = xcalloc(1, sizeof(*p));
	gpu_name_fmt(p->device, &parsed);
	p->cb = cb;
	p->arg = arg;
	uv_pipe_init(loop, &p->out, 0);
	uv_timer_init(loop, &p->deadline);
	p->process.data = p->out.data = p->deadline.data = p;
	p->n_open = 3;
	rc = spawn(p, loop);
	if (rc < 0) {
		err_set(err, ERR_IO, "device %s: start its probe: %s", p->device, uv_strerror(rc));
		p->has_exited = true;
		gpuprobe_cancel(p);
		uv_close((uv_handle_t *)&p->process, on_closed);
		return NULL;
	}
	uv_read_start((uv_stream_t *)&p->out, on_room, on_read);
	uv_timer_start(&p->deadline, on_deadline, timeout_ms ? timeout_ms : GPUPROBE_MS, 0);
	return p;
}
