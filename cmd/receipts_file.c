#include "cmd/receipts_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/round.h"

/* Calls visit for each line that has something. */
typedef int visit_fn(void *arg, const char *line, size_t len, struct err *err);

static int read_all(struct buf *b, FILE *f)
{
	uint8_t *to;
	size_t n;

	do {
		to = buf_reserve(b, 65536);
		n = to ? fread(to, 1, 65536, f) : 0;
		b->len += n;
	} while (n > 0);
	return to && !ferror(f) ? 0 : -1;
}

/* Not cli_read_file: that one keeps small secrets in locked memory. */
static int read_file(struct buf *b, const char *path, struct err *err)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	int rc = f ? read_all(b, f) : -1;

	if (rc < 0 && b->failed)
		err_set(err, ERR_LIMIT, "%.120s: more than %u MiB", path, RECEIPTS_FILE_MAX >> 20);
	else if (rc < 0)
		err_set(err, ERR_INVALID, "%.120s: %s", path, strerror(errno));
	if (f && f != stdin)
		fclose(f);
	return rc;
}

static int each_line(const char *path, visit_fn *visit, void *arg, struct err *err)
{
	const char *p, *end, *stop;
	size_t n = 0;
	struct buf b;
	int rc = 0;

	buf_init(&b, RECEIPTS_FILE_MAX);
	if (read_file(&b, path, err) < 0) {
		buf_fini(&b);
		return 2;
	}
	p = (const char *)b.data;
	end = p + b.len;
	for (; p < end && rc == 0; p = stop + 1) {
		stop = memchr(p, '\n', (size_t)(end - p));
		stop = stop ? stop : end;
		n++;
		if (stop - p > 1 || (stop > p && *p != '\r'))
			rc = visit(arg, p, (size_t)(stop - p), err);
	}
	if (rc < 0)
		err_wrap(err, "%.80s, line %zu", path, n);
	buf_fini(&b);
	return rc < 0 ? 2 : 0;
}

/* ---- receipts ---- */

static int add_receipt(void *arg, const char *line, size_t len, struct err *err)
{
	struct receipts *r = arg;

	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 256;
		r->s = xrealloc(r->s, r->cap * sizeof(*r->s));
	}
	if (claim_segment_parse(&r->s[r->n], line, len, err) < 0)
		return -1;
	r->n++;
	return 0;
}

static int by_sequence(const void *a, const void *b)
{
	const struct claim_segment *x = a, *y = b;

	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

int receipts_load(struct receipts *r, const char *path, struct err *err)
{
	size_t i;
	int rc;

	memset(r, 0, sizeof(*r));
	rc = each_line(path, add_receipt, r, err);
	if (rc == 0 && r->n == 0)
		rc = cli_wrong(err, "%.80s: no receipts in it", path);
	if (rc == 0)
		qsort(r->s, r->n, sizeof(*r->s), by_sequence);
	for (i = 1; i < r->n && rc == 0; i++) {
		if (r->s[i].sequence == r->s[i - 1].sequence)
			rc = cli_wrong(err, "%.80s: sequence %" PRIu64 " stands in it twice", path, r->s[i].sequence);
	}
	if (rc != 0)
		receipts_fini(r);
	return rc;
}

void receipts_fini(struct receipts *r)
{
	free(r->s);
	memset(r, 0, sizeof(*r));
}

const struct claim_segment *receipts_find(const struct receipts *r, uint64_t sequence)
{
	struct claim_segment key = { .sequence = sequence };

	return r->n ? bsearch(&key, r->s, r->n, sizeof(*r->s), by_sequence) : NULL;
}

/* ---- openings ---- */

struct reading {
	struct openings *l;
	bool statements;
};

static int add_opening(void *arg, const char *line, size_t len, struct err *err)
{
	struct reading *r = arg;
	struct openings *l = r->l;

	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->o = xrealloc(l->o, l->cap * sizeof(*l->o));
	}
	if (claim_opening_parse(&l->o[l->n], line, len, r->statements, err) < 0)
		return -1;
	l->n++;
	return 0;
}

static int by_draw(const void *a, const void *b)
{
	const struct claim_opening *x = a, *y = b;

	return x->k < y->k ? -1 : x->k > y->k;
}

int openings_load(struct openings *l, const char *path, bool statements, struct err *err)
{
	struct reading r = { l, statements };
	int rc;

	memset(l, 0, sizeof(*l));
	rc = each_line(path, add_opening, &r, err);
	if (rc != 0)
		openings_fini(l);
	else if (l->n)
		qsort(l->o, l->n, sizeof(*l->o), by_draw);
	return rc;
}

void openings_fini(struct openings *l)
{
	free(l->o);
	memset(l, 0, sizeof(*l));
}
