/*
 * NVIDIA tells by its management library, which comes with the driver and is loaded
 * when asked for; the few functions used have kept their form since 2012.  amdgpu
 * and others have plain files.
 */
#include "media/av/gpu.h"
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* nvml.h: nvmlReturn_t, 0 is success. */
struct nvml_utilization {
	unsigned gpu, memory;			/* percent */
};
struct nvml_memory {
	unsigned long long total, free, used;	/* bytes */
};
typedef int nvml_init_fn(void);
typedef int nvml_device_fn(unsigned index, void **device);
typedef int nvml_utilization_fn(void *device, struct nvml_utilization *u);
typedef int nvml_memory_fn(void *device, struct nvml_memory *m);
typedef int nvml_name_fn(void *device, char *name, unsigned len);

struct nvml {
	void *lib;
	nvml_init_fn *init, *shutdown;
	nvml_device_fn *device;
	nvml_utilization_fn *utilization;
	nvml_memory_fn *memory;
	nvml_name_fn *name;
};

static bool load(struct nvml *n)
{
	n->lib = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!n->lib)
		return false;
	/* POSIX's way to a function pointer. */
	*(void **)&n->init = dlsym(n->lib, "nvmlInit_v2");
	*(void **)&n->shutdown = dlsym(n->lib, "nvmlShutdown");
	*(void **)&n->device = dlsym(n->lib, "nvmlDeviceGetHandleByIndex_v2");
	*(void **)&n->utilization = dlsym(n->lib, "nvmlDeviceGetUtilizationRates");
	*(void **)&n->memory = dlsym(n->lib, "nvmlDeviceGetMemoryInfo");
	*(void **)&n->name = dlsym(n->lib, "nvmlDeviceGetName");
	return n->init && n->shutdown && n->device && n->utilization && n->memory && n->name;
}

/* The model if model is given, else the usage. */
static bool ask(const struct nvml *n, unsigned index, struct gpu_usage *u, char model[64])
{
	struct nvml_utilization load_now = { 0 };
	struct nvml_memory m = { 0 };
	void *device = NULL;

	if (n->device(index, &device) != 0)
		return false;
	if (model)
		return n->name(device, model, 64) == 0;
	if (n->utilization(device, &load_now) != 0 || n->memory(device, &m) != 0)
		return false;
	*u = (struct gpu_usage){ load_now.gpu, m.used, m.total };
	return true;
}

static bool ask_nvidia(unsigned index, struct gpu_usage *u, char model[64])
{
	struct nvml n = { 0 };
	bool told = false;

	if (load(&n) && n.init() == 0) {
		told = ask(&n, index, u, model);
		n.shutdown();
	}
	if (n.lib)
		dlclose(n.lib);
	return told;
}

void gpu_model(const struct gpu_name *n, char model[64])
{
	if (n->kind != GPU_NVIDIA || !ask_nvidia((unsigned)atoi(n->device), NULL, model))
		model[0] = '\0';
}

/* A file of one number. */
static bool read_number(const char *dir, const char *name, uint64_t *to)
{
	char path[400];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fscanf(f, "%" SCNu64, to) == 1;
	fclose(f);
	return ok;
}

bool gpu_usage_sysfs(const char *sys_dir, const char *device, struct gpu_usage *u)
{
	const char *node = strrchr(device, '/');
	char dir[300];
	uint64_t busy;

	if (!node)
		return false;
	snprintf(dir, sizeof(dir), "%s/class/drm/%s/device", sys_dir, node + 1);
	if (!read_number(dir, "gpu_busy_percent", &busy) || busy > 100)
		return false;
	*u = (struct gpu_usage){ .utilisation = (unsigned)busy };
	if (!read_number(dir, "mem_info_vram_used", &u->memory_used) ||
	    !read_number(dir, "mem_info_vram_total", &u->memory_total))
		u->memory_used = u->memory_total = 0;
	return true;
}

bool gpu_usage(const struct gpu_name *n, struct gpu_usage *u)
{
	memset(u, 0, sizeof(*u));
	switch (n->kind) {
	case GPU_NVIDIA:
		return ask_nvidia((unsigned)atoi(n->device), u, NULL);
	case GPU_VAAPI:
	case GPU_QSV:
		return gpu_usage_sysfs("/sys", n->device, u);
	case GPU_VULKAN:
		return false;
	}
	return false;
}
