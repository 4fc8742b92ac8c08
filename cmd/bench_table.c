#include "cmd/bench_table.h"

#include <stdio.h>
#include <string.h>

void bench_row_add(struct bench_row *r, const char *word)
{
	size_t len = strlen(r->value);

	snprintf(r->value + len, sizeof(r->value) - len, "%s%s", len ? "," : "", word);
}

static void print_rule(size_t a, size_t b)
{
	size_t i;

	fputc('*', stderr);
	for (i = 0; i < a + b + 5; i++)
		fputc(i == a + 2 ? '*' : '-', stderr);
	fputs("*\n", stderr);
}

void bench_table_print(const struct bench_row *rows, size_t n)
{
	size_t i, a = 0, b = 0;

	for (i = 0; i < n; i++) {
		a = strlen(rows[i].name) > a ? strlen(rows[i].name) : a;
		b = strlen(rows[i].value) > b ? strlen(rows[i].value) : b;
	}
	print_rule(a, b);
	for (i = 0; i < n; i++)
		fprintf(stderr, "| %-*s | %-*s |\n", (int)a, rows[i].name, (int)b, rows[i].value);
	print_rule(a, b);
}
