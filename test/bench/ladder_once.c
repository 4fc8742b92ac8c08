/*
 * Transcodes one segment once and ends: for callgrind, time and a look at the
 * output.  Usage: ladder_once [-s] [-n TIMES] [-p PRESET] [-o PREFIX] SEGMENT
 *   -s  serial      -n  so many times      -o  write PREFIX0.ts, PREFIX1.ts ...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "media/av/ladder.h"

static const struct ladder_rung rungs[] = {
	{ .width = 1280, .height = 720, .bitrate = 4000000, .quality = -1 },
	{ .width = 854, .height = 480, .bitrate = 2000000, .quality = -1 },
	{ .width = 640, .height = 360, .bitrate = 1200000, .quality = -1 },
	{ .width = 426, .height = 240, .bitrate = 600000, .quality = -1 },
};

static const char *prefix;

static uint8_t *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	long n;

	if (f && fseek(f, 0, SEEK_END) == 0 && (n = ftell(f)) > 0) {
		rewind(f);
		data = malloc((size_t)n);
		*len = data ? fread(data, 1, (size_t)n, f) : 0;
	}
	if (f)
		fclose(f);
	return data;
}

static void on_rendition(void *arg, struct ladder_out *out)
{
	static bool begun[4];
	char path[4096];
	FILE *f;

	if (out->last)
		printf("rendition=%zu size=%dx%d bytes=%zu frames=%u duration_90k=%lld\n",
		       out->index, out->width, out->height, out->total, out->n_video,
		       (long long)out->duration_90k);
	if (prefix) {
		snprintf(path, sizeof(path), "%s%zu.%s", prefix, out->index,
			 out->fmp4 ? "mp4" : "ts");
		f = fopen(path, begun[out->index] ? "ab" : "wb");
		if (f) {
			fwrite(out->data, 1, out->len, f);
			fclose(f);
		}
	}
	begun[out->index] = !out->last;
	free(out->data);
}

int main(int argc, char **argv)
{
	struct ladder_spec spec = {
		.rungs = rungs, .n_rungs = 4, .preset = "superfast",
		.max_pixels = 4096 * 2304, .cpu_limit_s = 3600,	/* callgrind is 50 times slower */
	};
	struct ladder_stats st;
	struct err err = { 0 };
	int c, times = 1, rc = 0;
	const char *dot;
	uint8_t *data;
	size_t len = 0;

	while ((c = getopt(argc, argv, "sn:p:o:")) != -1) {
		if (c == 's')
			spec.n_threads = 1;
		else if (c == 'n')
			times = atoi(optarg);
		else if (c == 'p')
			spec.preset = optarg;
		else if (c == 'o')
			prefix = optarg;
		else
			return 2;
	}
	data = optind < argc ? read_file(argv[optind], &len) : NULL;
	if (!data) {
		fprintf(stderr, "usage: ladder_once [-s] [-n TIMES] [-p PRESET] [-o PREFIX] SEGMENT\n");
		return 2;
	}
	dot = strrchr(argv[optind], '.');
	spec.fmp4 = dot && (!strcmp(dot, ".mp4") || !strcmp(dot, ".m4s"));
	while (rc == 0 && times-- > 0) {
		rc = ladder_run(&spec, data, len, on_rendition, NULL, &st, &err);
		if (rc == 0)
			printf("decoded=%u source=%dx%d wall_ms=%u cpu_ms=%u\n", st.n_decoded,
			       st.width, st.height, st.wall_ms, st.cpu_ms);
		else
			fprintf(stderr, "ladder_once: %s: %s\n", err_code_name(err.code), err.msg);
	}
	free(data);
	return rc < 0;
}
