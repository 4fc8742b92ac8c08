/* NVIDIA's management library with two cards; the second tells no utilisation. */
#include <stddef.h>
#include <stdio.h>

struct utilization {
	unsigned gpu, memory;
};

struct memory {
	unsigned long long total, free, used;
};

enum { OK = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3 };

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

static int n_open;
static char cards[2];

int nvmlInit_v2(void)
{
	n_open++;
	return OK;
}

int nvmlShutdown(void)
{
	n_open--;
	return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
	if (index >= 2 || n_open != 1)
		return INVALID_ARGUMENT;
	*device = &cards[index];
	return OK;
}

int nvmlDeviceGetUtilizationRates(void *device, struct utilization *u)
{
	*u = (struct utilization){ 42, 7 };
	return device == &cards[0] ? OK : NOT_SUPPORTED;
}

int nvmlDeviceGetMemoryInfo(void *device, struct memory *m)
{
	*m = (struct memory){ 16ull << 30, 13ull << 30, 3ull << 30 };
	return OK;
}

int nvmlDeviceGetName(void *device, char *name, unsigned len)
{
	snprintf(name, len, "Fake Card");
	return OK;
}
