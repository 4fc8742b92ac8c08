/*
 * What commands print.  People get lines and tables, programs (--json) one object at the end.
 * Names, links and words that strangers put on chain pass through cli_add_clean.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"
#include "cmd/cli_internal.h"

#define LINE_MAX_LEN (1 << 20)
#define LABEL_WIDTH 24

/* ---- the sieve ---- */

/* The code point at p (len bytes are there) and its length; 0: not UTF-8. */
static size_t decode(const unsigned char *p, size_t len, uint32_t *c)
{
	size_t n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3 :
		   *p >= 0xf0 && *p < 0xf5 ? 4 : 0, i;

	if (n == 0 || n > len)
		return 0;
	*c = n == 1 ? *p : *p & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	if ((n == 3 && *c < 0x800) || (n == 4 && *c < 0x10000) || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return n;
}

/* Controls, and what turns the direction of text or is not seen. */
static bool is_seen(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return false;
	return !((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
		 c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || c == 0x61c);
}

void cli_add_clean(struct buf *b, const char *text, bool lines)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text), n;
	uint32_t c = 0;

	for (; left > 0; p += n, left -= n) {
		n = decode(p, left, &c);
		if (n && (is_seen(c) || (lines && c == '\n'))) {
			buf_add(b, p, n);
		} else {
			buf_add_str(b, "?");
			n = n ? n : 1;
		}
	}
}

/* How many places it takes in a terminal, but for the letters of the East. */
static size_t width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static char *clean(bool lines, const char *fmt, va_list ap)
{
	char *raw = NULL;
	struct buf b;

	if (!fmt || vasprintf(&raw, fmt, ap) < 0)
		return xstrdup("");
	buf_init(&b, LINE_MAX_LEN);
	cli_add_clean(&b, raw, lines);
	buf_cstr(&b);
	free(raw);
	return b.data ? (char *)b.data : xstrdup("");
}

/* ---- lines and fields ---- */

void cli_say(struct cli *c, const char *fmt, ...)
{
	va_list ap;
	char *text;
	size_t n;

	if (c->o.json)
		return;
	va_start(ap, fmt);
	text = clean(true, fmt, ap);
	va_end(ap);
	n = strlen(text);
	printf("%s%s", text, n > 0 && text[n - 1] == '\n' ? "" : "\n");
	free(text);
}

void cli_field(struct cli *c, const char *name, json_t *value, const char *label, const char *text_fmt, ...)
{
	va_list ap;
	char *text;

	if (c->o.json && name) {
		json_object_set_new(c->out, name, value ? value : json_null());
		return;
	}
	json_decref(value);
	if (c->o.json || !label)
		return;
	va_start(ap, text_fmt);
	text = clean(false, text_fmt, ap);
	va_end(ap);
	printf("%-*s%s%s\n", LABEL_WIDTH, label, width(label) >= LABEL_WIDTH ? " " : "", text);
	free(text);
}

json_t *cli_json_amount(const struct u256 *v)
{
	char text[U256_DEC_MAX];

	u256_fmt_dec(text, v);
	return json_string(text);
}

json_t *cli_json_addr(const struct eth_addr *a)
{
	char text[43];

	eth_addr_fmt(text, a);
	return json_string(text);
}

json_t *cli_json_hash(const struct hash32 *h)
{
	char text[67] = "0x";

	hex_fmt(text + 2, h->b, sizeof(h->b));
	return json_string(text);
}

/* ---- tables ---- */

struct cell {
	char *text;		/* owned, clean */
	json_t *value;		/* owned */
};

struct cli_table {
	const struct cli_column *cols;	/* borrowed */
	size_t n_cols;
	struct cell *cells;	/* owned, row after row */
	size_t n, cap;
};

struct cli_table *cli_table_new(const struct cli_column *cols, size_t n)
{
	struct cli_table *t = xcalloc(1, sizeof(*t));

	t->cols = cols;
	t->n_cols = n;
	return t;
}

void cli_cell(struct cli_table *t, json_t *value, const char *fmt, ...)
{
	struct cell *cell;
	va_list ap;

	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->cells = xrealloc(t->cells, t->cap * sizeof(*t->cells));
	}
	cell = &t->cells[t->n++];
	cell->value = value ? value : json_null();
	va_start(ap, fmt);
	cell->text = clean(false, fmt, ap);
	va_end(ap);
}

static size_t column_width(const struct cli_table *t, size_t col)
{
	size_t max = width(t->cols[col].title), i, w;

	for (i = col; i < t->n; i += t->n_cols) {
		w = width(t->cells[i].text);
		max = w > max ? w : max;
	}
	return max;
}

/* The last column that people see has nothing behind it. */
static size_t last_column(const struct cli_table *t)
{
	size_t col = t->n_cols - 1;

	while (!t->cols[col].title)
		col--;
	return col;
}

static void print_cell(const struct cli_table *t, size_t col, const char *text, size_t wide)
{
	int pad = (int)(wide - width(text));
	bool last = col == last_column(t);

	printf("%s%*s%s%*s", col ? "  " : "", t->cols[col].right ? pad : 0, "", text,
	       t->cols[col].right || last ? 0 : pad, "");
}

static void print_table(const struct cli_table *t)
{
	size_t *wide = xcalloc(t->n_cols, sizeof(*wide)), n = last_column(t) + 1, i, col;

	for (col = 0; col < n; col++)
		wide[col] = t->cols[col].title ? column_width(t, col) : 0;
	for (col = 0; col < n; col++)
		if (t->cols[col].title)
			print_cell(t, col, t->cols[col].title, wide[col]);
	printf("\n");
	for (i = 0; i < t->n; i += t->n_cols) {
		for (col = 0; col < n; col++)
			if (t->cols[col].title)
				print_cell(t, col, t->cells[i + col].text, wide[col]);
		printf("\n");
	}
	free(wide);
}

static json_t *table_json(const struct cli_table *t)
{
	json_t *rows = json_array(), *row = NULL;
	size_t i;

	for (i = 0; i < t->n; i++) {
		if (i % t->n_cols == 0) {
			row = json_object();
			json_array_append_new(rows, row);
		}
		json_object_set(row, t->cols[i % t->n_cols].name, t->cells[i].value);
	}
	return rows;
}

void cli_table_end(struct cli *c, struct cli_table *t, const char *name)
{
	size_t i;

	if (c->o.json)
		json_object_set_new(c->out, name, table_json(t));
	else if (t->n == 0)
		printf("none\n");
	else
		print_table(t);
	for (i = 0; i < t->n; i++) {
		free(t->cells[i].text);
		json_decref(t->cells[i].value);
	}
	free(t->cells);
	free(t);
}
