#include "node/farm/join.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/secret.h"

struct farm_secret {
	size_t len;
	uint8_t b[FARM_SECRET_MAX];
};

/* ---- the secret's file ---- */

static int check_file(int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, ERR_IO, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "is no file");
	if (st.st_mode & S_IRWXO)
		return err_set(err, ERR_INVALID, "others may use it (mode %04o): chmod 640",
			       (unsigned)(st.st_mode & 07777));
	return 0;
}

/* As much as fits, and one byte more to notice what does not. */
static int read_all(int fd, uint8_t *to, size_t max, size_t *len, struct err *err)
{
	ssize_t n;

	*len = 0;
	while (*len <= max) {
		n = read(fd, to + *len, max + 1 - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, ERR_IO, "%s", strerror(errno));
		if (n == 0)
			return 0;
		*len += (size_t)n;
	}
	return err_set(err, ERR_INVALID, "longer than %zu bytes", max);
}

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int read_secret(struct farm_secret *s, int fd, struct err *err)
{
	uint8_t *raw = secret_alloc(FARM_SECRET_MAX + 1);
	int rc = read_all(fd, raw, FARM_SECRET_MAX, &s->len, err);

	while (rc == 0 && s->len > 0 && is_space(raw[s->len - 1]))
		s->len--;
	if (rc == 0 && s->len < FARM_SECRET_MIN)
		rc = err_set(err, ERR_INVALID, "%zu bytes, at least %d", s->len, FARM_SECRET_MIN);
	if (rc == 0)
		memcpy(s->b, raw, s->len);
	secret_free(raw);
	return rc;
}

struct farm_secret *farm_secret_load(const char *path, struct err *err)
{
	/* A FIFO must not hold us up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct farm_secret *s;

	if (fd < 0) {
		err_set(err, ERR_IO, "secret file %s: %s", path, strerror(errno));
		return NULL;
	}
	s = secret_alloc(sizeof(*s));
	if (check_file(fd, err) < 0 || read_secret(s, fd, err) < 0) {
		err_wrap(err, "secret file %s", path);
		farm_secret_free(s);
		s = NULL;
	}
	close(fd);
	return s;
}

void farm_secret_free(struct farm_secret *s)
{
	if (s)
		secret_free(s);
}

/* ---- proofs ---- */

/* They come first, so that one side's proof is of no use as the other's, nor elsewhere;
 * neither is the beginning of the other, and all that follows is of fixed length. */
static const char *const side_names[] = {
	[FARM_TRANSCODER] = "lpnode farm 1 transcoder",
	[FARM_ORCHESTRATOR] = "lpnode farm 1 orchestrator",
};

void farm_proof(uint8_t hmac[32], const struct farm_secret *s, enum farm_side side,
		const struct hash32 *handshake, const uint8_t nonce_transcoder[32],
		const uint8_t nonce_orchestrator[32])
{
	crypto_auth_hmacsha256_state st;
	const char *name = side_names[side];

	crypto_auth_hmacsha256_init(&st, s->b, s->len);
	crypto_auth_hmacsha256_update(&st, (const uint8_t *)name, strlen(name));
	crypto_auth_hmacsha256_update(&st, handshake->b, sizeof(handshake->b));
	crypto_auth_hmacsha256_update(&st, nonce_transcoder, 32);
	crypto_auth_hmacsha256_update(&st, nonce_orchestrator, 32);
	crypto_auth_hmacsha256_final(&st, hmac);
	secret_wipe(&st, sizeof(st));
}

bool farm_proof_holds(const uint8_t hmac[32], const struct farm_secret *s, enum farm_side side,
		      const struct hash32 *handshake, const uint8_t nonce_transcoder[32],
		      const uint8_t nonce_orchestrator[32])
{
	uint8_t want[32];
	bool holds;

	farm_proof(want, s, side, handshake, nonce_transcoder, nonce_orchestrator);
	holds = secret_equal(hmac, want, sizeof(want));
	secret_wipe(want, sizeof(want));
	return holds;
}
