#include "media/av/gpu.h"
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"

#define INDEX_MAX 255	/* of a card or a render node */

static const char *const prefixes[GPU_KINDS] = {
	[GPU_NVIDIA] = "nvidia", [GPU_VAAPI] = "vaapi", [GPU_QSV] = "qsv", [GPU_VULKAN] = "vulkan",
};

static bool takes_index(enum gpu_kind kind)
{
	return kind == GPU_NVIDIA || kind == GPU_VULKAN;
}

/* One to three digits, nothing else; -1: no. */
static int index_of(const char *s)
{
	size_t n = strspn(s, "0123456789");
	int i;

	if (n == 0 || n > 3 || s[n] || (n > 1 && s[0] == '0'))
		return -1;
	i = atoi(s);
	return i <= INDEX_MAX ? i : -1;
}

/* A path below /dev of plain characters and no "..". */
static bool is_path(const char *s)
{
	const char *p;

	if (strncmp(s, "/dev/", 5) != 0 || strstr(s, ".."))
		return false;
	for (p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("/-_.:", *p))
			return false;
	return p[-1] != '/';
}

static int check_device(enum gpu_kind kind, const char *device, struct err *err)
{
	if (strlen(device) >= sizeof(((struct gpu_name *)NULL)->device))
		return err_set(err, ERR_INVALID, "device \"%.40s...\": too long", device);
	if (takes_index(kind) && index_of(device) < 0)
		return err_set(err, ERR_INVALID, "device \"%s\": %s devices are numbers, 0 and up",
			       device, prefixes[kind]);
	if (!takes_index(kind) && !is_path(device))
		return err_set(err, ERR_INVALID, "device \"%s\": give a render node such as "
			       "/dev/dri/renderD128", device);
	return 0;
}

int gpu_name_parse(struct gpu_name *n, const char *text, struct err *err)
{
	size_t k, len;

	for (k = 0; k < GPU_KINDS; k++) {
		len = strlen(prefixes[k]);
		if (strncmp(text, prefixes[k], len) != 0 || text[len] != ':')
			continue;
		if (check_device((enum gpu_kind)k, text + len + 1, err) < 0)
			return -1;
		n->kind = (enum gpu_kind)k;
		snprintf(n->device, sizeof(n->device), "%s", text + len + 1);
		return 0;
	}
	return err_set(err, ERR_INVALID, "device \"%.60s\": nvidia:N, vaapi:PATH or qsv:PATH", text);
}

void gpu_name_fmt(char to[GPU_NAME_MAX], const struct gpu_name *n)
{
	snprintf(to, GPU_NAME_MAX, "%s:%s", prefixes[n->kind], n->device);
}

/* ---- lists ---- */

struct list {
	enum gpu_kind kind;
	char (*names)[GPU_NAME_MAX];
	size_t n, max;
};

static int add(struct list *l, const char *device, struct err *err)
{
	char name[GPU_NAME_MAX];
	struct gpu_name n;
	size_t i;

	if (check_device(l->kind, device, err) < 0)
		return -1;
	n.kind = l->kind;
	snprintf(n.device, sizeof(n.device), "%s", device);
	gpu_name_fmt(name, &n);
	for (i = 0; i < l->n; i++)
		if (!strcmp(l->names[i], name))
			return err_set(err, ERR_INVALID, "device \"%s\" is named twice", device);
	if (l->n == l->max)
		return err_set(err, ERR_LIMIT, "more than %zu devices", l->max);
	strcpy(l->names[l->n++], name);
	return 0;
}

/* The numbers of files called head and a number, as flags. */
static void find_numbers(const char *dir, const char *head, bool found[INDEX_MAX + 1])
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int i;

	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, head, strlen(head)) != 0)
			continue;
		i = index_of(e->d_name + strlen(head));
		if (i >= 0)
			found[i] = true;
	}
	if (d)
		closedir(d);
}

static int add_all(struct list *l, const char *dev_dir, struct err *err)
{
	bool found[INDEX_MAX + 1] = { false };
	char path[256], device[64];
	int i;

	snprintf(path, sizeof(path), "%s%s", dev_dir, takes_index(l->kind) ? "" : "/dri");
	find_numbers(path, takes_index(l->kind) ? "nvidia" : "renderD", found);
	for (i = 0; i <= INDEX_MAX; i++) {
		snprintf(device, sizeof(device), takes_index(l->kind) ? "%d" : "/dev/dri/renderD%d", i);
		if (found[i] && add(l, device, err) < 0)
			return -1;
	}
	if (l->n == 0)
		return err_set(err, ERR_NOT_FOUND, "no %s here", takes_index(l->kind) ?
			       "NVIDIA device (/dev/nvidia0)" : "render node (/dev/dri/renderD128)");
	return 0;
}

static int add_each(struct list *l, const char *spec, struct err *err)
{
	char device[sizeof(((struct gpu_name *)NULL)->device) + 1];
	size_t len;

	for (;; spec += len + 1) {
		len = strcspn(spec, ",");
		if (len >= sizeof(device))
			return err_set(err, ERR_INVALID, "device \"%.40s...\": too long", spec);
		memcpy(device, spec, len);
		device[len] = '\0';
		if (add(l, device, err) < 0)
			return -1;
		if (!spec[len])
			return 0;
	}
}

int gpu_list(enum gpu_kind kind, const char *spec, const char *dev_dir,
	     char names[][GPU_NAME_MAX], size_t max, struct err *err)
{
	struct list l = { .kind = kind, .names = names, .max = max };
	int rc;

	if (!strcmp(spec, "all"))
		rc = add_all(&l, dev_dir ? dev_dir : "/dev", err);
	else
		rc = add_each(&l, spec, err);
	return rc < 0 ? -1 : (int)l.n;
}

void gpu_caps_describe(struct gpu_caps *c)
{
	bool decodes = c->decode_h264 || c->decode_hevc, encodes = c->encode_h264 || c->encode_hevc;

	snprintf(c->what, sizeof(c->what), "%s%s%s, %s, %s%s%s", decodes ? "decodes" : "no decoder",
		 c->decode_h264 ? " h264" : "", c->decode_hevc ? " hevc" : "",
		 c->scale ? "scales" : "no scaler", encodes ? "encodes" : "no encoder: x264",
		 c->encode_h264 ? " h264" : "", c->encode_hevc ? " hevc" : "");
}
