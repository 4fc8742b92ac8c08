/*
 * rtmp_load FILE URLPREFIX COUNT SECONDS: publishes FILE at its own pace to
 * URLPREFIX0 .. URLPREFIX(COUNT-1), looped, from one process with a thread each.
 *
 * The packets are read once and sent by libavformat's RTMP client, so that the
 * generator costs little beside the server measured.  Prints one line of JSON: when
 * the first packet of stream 0 went out, what failed, how late writes were.
 */
#include <libavformat/avformat.h>
#include <libavutil/time.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>

#define MAX_STREAMS 1000

static AVFormatContext *input;
static AVPacket **packets;
static size_t n_packets;
static int64_t loop_us;		/* length of the file */
static atomic_llong stop_us;	/* when to end, av_gettime_relative */
static const char *prefix;
static atomic_int n_failed;
static atomic_llong n_bytes, max_late_us;
static atomic_llong first_wall_ms;

static int64_t to_us(const AVPacket *p, int64_t v)
{
	return av_rescale_q(v, input->streams[p->stream_index]->time_base, AV_TIME_BASE_Q);
}

static int read_all(const char *file)
{
	AVPacket *p;

	if (avformat_open_input(&input, file, NULL, NULL) < 0 ||
	    avformat_find_stream_info(input, NULL) < 0)
		return -1;
	loop_us = input->duration;
	for (;;) {
		p = av_packet_alloc();
		if (!p || av_read_frame(input, p) < 0) {
			av_packet_free(&p);
			return n_packets ? 0 : -1;
		}
		if (n_packets % 4096 == 0) {
			packets = realloc(packets, (n_packets + 4096) * sizeof(*packets));
			if (!packets)
				abort();
		}
		packets[n_packets++] = p;
	}
}

static AVFormatContext *open_output(const char *url)
{
	AVFormatContext *out = NULL;
	unsigned i;

	if (avformat_alloc_output_context2(&out, NULL, "flv", url) < 0)
		return NULL;
	for (i = 0; i < input->nb_streams; i++) {
		AVStream *s = avformat_new_stream(out, NULL);

		if (!s || avcodec_parameters_copy(s->codecpar, input->streams[i]->codecpar) < 0)
			goto fail;
		s->codecpar->codec_tag = 0;
	}
	if (avio_open2(&out->pb, url, AVIO_FLAG_WRITE, NULL, NULL) < 0)
		goto fail;
	if (avformat_write_header(out, NULL) < 0) {
		avio_closep(&out->pb);
		goto fail;
	}
	return out;
fail:
	avformat_free_context(out);
	return NULL;
}

static void note_late(int64_t late_us)
{
	long long old = atomic_load(&max_late_us);

	while (late_us > old && !atomic_compare_exchange_weak(&max_late_us, &old, late_us))
		;
}

/* Send one packet at its time, base_us later than in the file.  start_us: when time
 * 0 was. */
static int send_packet(AVFormatContext *out, const AVPacket *in, int64_t base_us, int64_t start_us)
{
	AVPacket *p = av_packet_clone(in);
	AVRational ms = { 1, 1000 };
	int64_t due = start_us + base_us + to_us(in, in->dts), now = av_gettime_relative();
	int rc;

	if (!p)
		abort();
	if (due > now)
		av_usleep((unsigned)(due - now));
	else
		note_late(now - due);
	av_packet_rescale_ts(p, input->streams[in->stream_index]->time_base, ms);
	p->pts += base_us / 1000;
	p->dts += base_us / 1000;
	atomic_fetch_add(&n_bytes, p->size);
	rc = av_write_frame(out, p);
	av_packet_free(&p);
	return rc;
}

static void *publisher(void *arg)
{
	long index = (long)arg;
	int64_t base_us, start_us;
	AVFormatContext *out;
	struct timeval tv;
	char url[512];
	size_t i;

	snprintf(url, sizeof(url), "%s%ld", prefix, index);
	out = open_output(url);
	if (!out) {
		atomic_fetch_add(&n_failed, 1);
		return NULL;
	}
	start_us = av_gettime_relative();
	if (index == 0) {
		gettimeofday(&tv, NULL);
		atomic_store(&first_wall_ms, tv.tv_sec * 1000LL + tv.tv_usec / 1000);
	}
	for (base_us = 0; av_gettime_relative() < stop_us; base_us += loop_us) {
		for (i = 0; i < n_packets && av_gettime_relative() < stop_us; i++) {
			if (send_packet(out, packets[i], base_us, start_us) < 0) {
				atomic_fetch_add(&n_failed, 1);
				stop_us = 0;
			}
		}
	}
	av_write_trailer(out);
	avio_closep(&out->pb);
	avformat_free_context(out);
	return NULL;
}

int main(int argc, char **argv)
{
	static pthread_t threads[MAX_STREAMS];
	struct rusage ru;
	long count, i;

	if (argc != 5 || (count = strtol(argv[3], NULL, 10)) < 1 || count > MAX_STREAMS) {
		fprintf(stderr, "usage: rtmp_load FILE URLPREFIX COUNT SECONDS\n");
		return 2;
	}
	av_log_set_level(AV_LOG_ERROR);
	avformat_network_init();
	prefix = argv[2];
	if (read_all(argv[1]) < 0) {
		fprintf(stderr, "rtmp_load: cannot read %s\n", argv[1]);
		return 1;
	}
	stop_us = av_gettime_relative() + strtol(argv[4], NULL, 10) * 1000000LL;
	for (i = 0; i < count; i++) {
		if (pthread_create(&threads[i], NULL, publisher, (void *)i) != 0)
			abort();
		/* Spread: thirty key frames at the same instant are no measure of anything. */
		av_usleep(2000000 / (unsigned)count);
	}
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	getrusage(RUSAGE_SELF, &ru);
	printf("{\"firstMs\":%lld,\"failed\":%d,\"bytes\":%lld,\"maxLateMs\":%lld,\"cpuMs\":%ld}\n",
	       (long long)first_wall_ms, (int)n_failed, (long long)n_bytes, (long long)max_late_us / 1000,
	       (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000L +
	       (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1000);
	for (i = 0; i < (long)n_packets; i++)
		av_packet_free(&packets[i]);
	free(packets);
	avformat_close_input(&input);
	return n_failed != 0;
}
