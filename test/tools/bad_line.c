/*
 * bad_line DELAY_MS JITTER_MS LOSS_PERCENT SEED NETNS NETNS: a line between two network
 * namespaces that loses packets and takes its time, as an interface "lp0" in each, for
 * kernels without netem.  Needs root and /dev/net/tun.  Prints "ready"; the interfaces
 * go when it ends.  Order is kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

#define PACKET_MAX 2048
#define QUEUE_MAX 4096	/* packets on their way; beyond they are lost, as in a router */

struct packet {
	int64_t due_ms;
	size_t len;
	uint8_t data[PACKET_MAX];
};

/* One direction: a ring. */
struct way {
	int from, to;
	struct packet *ring;
	size_t first, n;
	int64_t last_due_ms;
};

static int delay_ms, jitter_ms, loss_percent;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "bad_line: %s: %s\n", what, strerror(errno));
	_exit(1);
}

/* This thread is in the namespace from here on: the device is made there. */
static int open_tun(const char *netns)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	char path[256];
	int ns, fd;

	snprintf(path, sizeof(path), "/var/run/netns/%.100s", netns);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		fail(path);
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	strcpy(r.ifr_name, "lp0");
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0)
		fail("/dev/net/tun");
	return fd;
}

static void take(struct way *w)
{
	struct packet *p = &w->ring[(w->first + w->n) % QUEUE_MAX];
	uint8_t lost[PACKET_MAX];
	ssize_t len = read(w->from, w->n < QUEUE_MAX ? p->data : lost, PACKET_MAX);

	if (len <= 0 || w->n == QUEUE_MAX || random() % 100 < loss_percent)
		return;
	p->len = (size_t)len;
	p->due_ms = clock_mono_ms() + delay_ms;
	if (jitter_ms > 0)
		p->due_ms += random() % (2 * jitter_ms) - jitter_ms;
	if (p->due_ms < w->last_due_ms)
		p->due_ms = w->last_due_ms;
	w->last_due_ms = p->due_ms;
	w->n++;
}

/* What is due goes.  Milliseconds until the next one is, -1: none is on its way. */
static int deliver(struct way *w)
{
	int64_t now = clock_mono_ms();

	while (w->n > 0 && w->ring[w->first].due_ms <= now) {
		struct packet *p = &w->ring[w->first];

		if (write(w->to, p->data, p->len) < 0 && errno != EAGAIN && errno != EIO)
			fail("write");	/* EIO: the interface is down */
		w->first = (w->first + 1) % QUEUE_MAX;
		w->n--;
	}
	return w->n > 0 ? (int)(w->ring[w->first].due_ms - now) : -1;
}

static int sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

int main(int argc, char **argv)
{
	struct way way[2] = { { 0 } };
	struct pollfd p[2];
	int i, fd[2];

	if (argc != 7) {
		fprintf(stderr, "usage: bad_line DELAY_MS JITTER_MS LOSS_PERCENT SEED NETNS NETNS\n");
		return 2;
	}
	delay_ms = atoi(argv[1]);
	jitter_ms = atoi(argv[2]);
	loss_percent = atoi(argv[3]);
	srandom((unsigned)atoi(argv[4]));
	for (i = 0; i < 2; i++)
		fd[i] = open_tun(argv[5 + i]);
	for (i = 0; i < 2; i++) {
		way[i] = (struct way){ .from = fd[i], .to = fd[!i] };
		way[i].ring = calloc(QUEUE_MAX, sizeof(struct packet));
		if (!way[i].ring)
			fail("memory");
		p[i] = (struct pollfd){ .fd = fd[i], .events = POLLIN };
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		poll(p, 2, sooner(deliver(&way[0]), deliver(&way[1])));
		for (i = 0; i < 2; i++)
			if (p[i].revents & POLLIN)
				take(&way[i]);
	}
}
