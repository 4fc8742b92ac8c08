#include "base/secret.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/hash.h"

void secret_process_init(void)
{
	static const struct rlimit none = { 0, 0 };

	if (sodium_init() < 0) {
		fputs("libsodium does not start: no random numbers\n", stderr);
		abort();
	}
	setrlimit(RLIMIT_CORE, &none);
#ifndef LP_SANITIZED
	/* LeakSanitizer looks for leaks by ptrace: it could not with this. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

void secret_random(void *to, size_t len)
{
	randombytes_buf(to, len);
}

void secret_wipe(void *p, size_t len)
{
	sodium_memzero(p, len);
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

bool secret_str_equal(const char *a, const char *b)
{
	struct hash32 ha = hash_sha256(a, strlen(a)), hb = hash_sha256(b, strlen(b));

	return secret_equal(ha.b, hb.b, sizeof(ha.b));
}

void *secret_alloc(size_t len)
{
	void *p;

	/* The allocator's canary and page size are set by sodium_init; calling it
	 * again costs nothing. */
	if (sodium_init() < 0)
		abort();
	/* sodium_malloc puts the end of the block at the end of a page, so the start
	 * is only as aligned as the length. */
	p = sodium_malloc((len + 15) & ~(size_t)15);
	if (!p) {
		fputs("out of memory for secrets\n", stderr);
		abort();
	}
	return p;
}

void secret_free(void *p)
{
	sodium_free(p);
}
