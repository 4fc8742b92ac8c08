/*
 * The line of a probe's process, in which a driver's words are: what is accepted is
 * within its bounds and can be printed.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "node/work/gpuprobe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct gpu_caps caps;
	const char *p;

	if (gpuprobe_parse(&caps, (const char *)data, len, NULL) < 0)
		return 0;
	if (len > GPUPROBE_LINE_MAX || caps.encode_sessions > GPU_SESSIONS_MAX)
		abort();
	if (!memchr(caps.model, '\0', sizeof(caps.model)) || !memchr(caps.what, '\0', sizeof(caps.what)))
		abort();
	for (p = caps.model; *p; p++)
		if (!isprint((unsigned char)*p))
			abort();
	return 0;
}
