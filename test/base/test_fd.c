#include "test/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"

#define LEN ((size_t)1 << 20)

struct reader {
	int fd;
	uint8_t *got;
	size_t len;
};

/* In small bites, so that the writer waits and is interrupted. */
static void *read_all(void *arg)
{
	struct reader *r = arg;
	ssize_t n;

	do {
		n = read(r->fd, r->got + r->len, LEN - r->len < 1000 ? LEN - r->len : 1000);
		r->len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	return NULL;
}

/* Only there so that a write is interrupted. */
static void on_alarm(int sig)
{
}

static void start_reader(pthread_t *t, struct reader *r)
{
	sigset_t alarms, old;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarms, &old);
	assert_int_equal(pthread_create(t, NULL, read_all, r), 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void all_is_written_in_spite_of_signals_and_a_slow_reader(void **state)
{
	struct itimerval often = { { 0, 200 }, { 0, 200 } }, off = { { 0, 0 }, { 0, 0 } };
	struct sigaction sa = { .sa_handler = on_alarm };	/* no SA_RESTART */
	struct reader r = { .got = malloc(LEN) };
	uint8_t *data = malloc(LEN);
	pthread_t t;
	int fds[2];
	size_t i;

	for (i = 0; i < LEN; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	assert_int_equal(pipe(fds), 0);
	r.fd = fds[0];
	sigaction(SIGALRM, &sa, NULL);
	start_reader(&t, &r);
	setitimer(ITIMER_REAL, &often, NULL);
	assert_int_equal(fd_write_all(fds[1], data, LEN), 0);
	setitimer(ITIMER_REAL, &off, NULL);
	close(fds[1]);
	pthread_join(t, NULL);
	assert_int_equal(r.len, LEN);
	assert_memory_equal(r.got, data, LEN);
	close(fds[0]);
	free(r.got);
	free(data);
}

static void failure_leaves_its_errno(void **state)
{
	char some[70000] = { 0 };
	int fds[2];

	assert_int_equal(fd_write_all(-1, "x", 1), -1);
	assert_int_equal(errno, EBADF);
	/* The first part goes in, the rest does not. */
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	assert_int_equal(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
	assert_int_equal(fd_write_all(fds[1], some, sizeof(some)), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(read(fds[0], some, sizeof(some)), 4096);
	signal(SIGPIPE, SIG_IGN);
	close(fds[0]);
	assert_int_equal(fd_write_all(fds[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(fds[1]);
}

static void nothing_is_written_without_a_call(void **state)
{
	assert_int_equal(fd_write_all(-1, NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_written_in_spite_of_signals_and_a_slow_reader),
		cmocka_unit_test(failure_leaves_its_errno),
		cmocka_unit_test(nothing_is_written_without_a_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
