/*
 * What a person gives: a yes, a password, a file.  A password never comes from an argument or
 * the environment, where others could read it.  The terminal's echo comes back whatever
 * signal ends the question.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/secret.h"
#include "cmd/cli_internal.h"

#define PASSWORD_MAX 1024
#define PERSON_MS (10 * 60 * 1000)	/* somebody went for coffee */
#define PIPE_MS 30000

/* ---- bytes of a descriptor ---- */

/* One read by a deadline.  -1 with errno; EINTR is told. */
static ssize_t read_by(int fd, void *to, size_t len, int64_t end_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left = end_ms - clock_mono_ms();
	int n = poll(&p, 1, left > 0 ? (int)left : 0);

	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0 ? read(fd, to, len) : -1;
}

/* Until its end, or to a newline's when line.  -1 with errno (EFBIG: longer than max). */
static ssize_t read_all(int fd, char *to, size_t max, bool line, int wait_ms)
{
	int64_t end_ms = clock_mono_ms() + wait_ms;
	size_t len = 0;
	ssize_t n;

	for (;;) {
		n = read_by(fd, to + len, line ? 1 : max - len, end_ms);
		if (n < 0)
			return -1;
		len += (size_t)n;
		if (n == 0 || (line && to[len - 1] == '\n'))
			return (ssize_t)len;
		if (len == max) {
			errno = EFBIG;
			return -1;
		}
	}
}

int cli_read_file(struct buf *b, const char *path, struct err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = secret_alloc(b->max + 1);	/* it may be a key */
	ssize_t n = fd < 0 ? -1 : read_all(fd, text, b->max + 1, false, is_stdin ? PERSON_MS : PIPE_MS);
	int saved = errno;

	if (n < 0 && saved == EFBIG)
		err_set(err, ERR_LIMIT, "%.120s: longer than %zu bytes", path, b->max);
	else if (n < 0)
		err_set(err, ERR_INVALID, "%.120s: %s", path, strerror(saved));
	else
		buf_add(b, text, (size_t)n);
	secret_free(text);
	if (fd > STDIN_FILENO)
		close(fd);
	return n < 0 ? -1 : 0;
}

/* ---- passwords ---- */

/* Cuts the line's end; more than a line is none. */
static int check_password(char *text, size_t len, const char *where, struct err *err)
{
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	text[len] = '\0';
	if (strlen(text) != len || strpbrk(text, "\r\n"))
		return err_set(err, ERR_INVALID, "%.120s: a password is one line", where);
	return 0;
}

static int check_file(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, ERR_IO, "%.120s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		return err_set(err, ERR_INVALID, "%.120s: not a file", path);
	if (st.st_mode & 077)
		return err_set(err, ERR_DENIED, "%.120s: others can read it: chmod 600", path);
	return 0;
}

/* "fd:7" -> 7, or -1. */
static int named_fd(const char *source)
{
	char *end;
	long fd;

	if (strncmp(source, "fd:", 3) != 0 || source[3] < '0' || source[3] > '9')
		return -1;
	fd = strtol(source + 3, &end, 10);
	return *end || fd > 1 << 20 ? -1 : (int)fd;
}

static int read_source(char *to, const char *source, struct err *err)
{
	int fd = named_fd(source), opened = -1;
	ssize_t n;
	int rc = 0;

	if (fd < 0) {
		fd = opened = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		/* Not quoted: some give the password itself. */
		if (fd < 0)
			return err_set(err, ERR_INVALID, "the password file cannot be read: %s (give a file's name, not the "
				       "password)", strerror(errno));
		rc = check_file(fd, source, err);
	}
	n = rc == 0 ? read_all(fd, to, PASSWORD_MAX, opened < 0, PIPE_MS) : -1;
	if (rc == 0 && n < 0)
		rc = err_set(err, errno == EFBIG ? ERR_LIMIT : ERR_INVALID, "%.120s: %s", source,
			     errno == EFBIG ? "too long for a password" : strerror(errno));
	if (opened >= 0)
		close(opened);
	return rc < 0 ? -1 : check_password(to, (size_t)n, source, err);
}

/* ---- the terminal ---- */

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

static const int ending_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
#define N_ENDING (sizeof(ending_signals) / sizeof(ending_signals[0]))

/* poll() ends with EINTR then, so that the echo is back before the signal does its work. */
static void catch_signals(struct sigaction old[N_ENDING])
{
	struct sigaction sa = { .sa_handler = on_signal };
	size_t i;

	caught = 0;
	for (i = 0; i < N_ENDING; i++)
		sigaction(ending_signals[i], &sa, &old[i]);
}

static void release_signals(const struct sigaction old[N_ENDING])
{
	size_t i;

	for (i = 0; i < N_ENDING; i++)
		sigaction(ending_signals[i], &old[i], NULL);
	if (caught)
		raise(caught);
}

static ssize_t read_silently(int tty, char *to)
{
	struct sigaction old[N_ENDING];
	struct termios was, quiet;
	ssize_t n = -1;
	int saved;

	if (tcgetattr(tty, &was) < 0)
		return -1;
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	quiet.c_lflag |= ECHONL | ICANON;
	catch_signals(old);
	if (tcsetattr(tty, TCSAFLUSH, &quiet) == 0) {
		n = read_all(tty, to, PASSWORD_MAX, true, PERSON_MS);
		saved = errno;
		tcsetattr(tty, TCSAFLUSH, &was);
		errno = saved;
	}
	release_signals(old);
	return n;
}

static int ask_once(int tty, char *to, const char *prompt, struct err *err)
{
	ssize_t n;

	if (fd_write_all(tty, prompt, strlen(prompt)) < 0 || fd_write_all(tty, ": ", 2) < 0)
		return err_set(err, ERR_IO, "terminal: %s", strerror(errno));
	n = read_silently(tty, to);
	if (n <= 0)
		return err_set(err, ERR_INVALID, "no password was given%s%s", n < 0 ? ": " : "",
			       n < 0 ? strerror(errno) : "");
	return check_password(to, (size_t)n, "terminal", err);
}

static int ask(char *to, const char *prompt, bool twice, struct err *err)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC), rc;
	char *again;

	if (tty < 0)
		return err_set(err, ERR_INVALID, "%s: there is no terminal to ask at; give -ethPasswordFile FILE "
			       "(or fd:N)", prompt);
	rc = ask_once(tty, to, prompt, err);
	if (rc == 0 && twice) {
		again = secret_alloc(PASSWORD_MAX + 1);
		rc = ask_once(tty, again, "the same again", err);
		if (rc == 0 && !secret_str_equal(to, again))
			rc = err_set(err, ERR_INVALID, "the two are not the same");
		secret_free(again);
	}
	close(tty);
	return rc;
}

char *cli_password_from(const char *source, const char *prompt, bool twice, struct err *err)
{
	char *to = secret_alloc(PASSWORD_MAX + 1);

	if ((source ? read_source(to, source, err) : ask(to, prompt, twice, err)) == 0)
		return to;
	secret_free(to);
	return NULL;
}

char *cli_password(const struct cli *c, const char *prompt, bool twice, struct err *err)
{
	return cli_password_from(c->o.password_file, prompt, twice, err);
}

bool cli_confirm(struct cli *c, const char *question)
{
	char answer[16];
	ssize_t n;

	if (!isatty(STDIN_FILENO))
		return false;
	fflush(stdout);
	fprintf(stderr, "%s [y/N] ", question);
	n = read_all(STDIN_FILENO, answer, sizeof(answer) - 1, true, PERSON_MS);
	if (n <= 0)
		return false;
	answer[n] = '\0';
	return strcmp(answer, "y\n") == 0 || strcmp(answer, "Y\n") == 0 || strcmp(answer, "yes\n") == 0;
}
