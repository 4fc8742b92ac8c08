#ifndef LP_CMD_BENCH_TABLE_H
#define LP_CMD_BENCH_TABLE_H
#include <stddef.h>

/* The tables of livepeer_bench, on standard error: a name and a value a row. */
struct bench_row {
	const char *name;
	char value[256];
};
#define BENCH_SET(row, ...) snprintf((row).value, sizeof((row).value), __VA_ARGS__)

/* "a", then "a,b"; what is too long is cut. */
void bench_row_add(struct bench_row *r, const char *word);
void bench_table_print(const struct bench_row *rows, size_t n);

#endif
