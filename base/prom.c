#include "base/prom.h"

#include "base/buf.h"

void prom_head(struct buf *b, const char *name, const char *help, const char *type)
{
	buf_addf(b, "# HELP livepeer_%s %s\n# TYPE livepeer_%s %s\n", name, help, name, type);
}

void prom_counter(struct buf *b, const char *name, const char *help, uint64_t v)
{
	prom_head(b, name, help, "counter");
	buf_addf(b, "livepeer_%s %llu\n", name, (unsigned long long)v);
}

void prom_gauge(struct buf *b, const char *name, const char *help, double v)
{
	prom_head(b, name, help, "gauge");
	buf_addf(b, "livepeer_%s %g\n", name, v);
}

static void add_escaped(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_addf(b, "\\%c", *s);
		else if (*s == '\n')
			buf_add_str(b, "\\n");
		else
			buf_add_u8(b, (uint8_t)*s);
	}
}

void prom_value(struct buf *b, const char *name, const char *label, const char *value, double v)
{
	buf_addf(b, "livepeer_%s{%s=\"", name, label);
	add_escaped(b, value);
	buf_addf(b, "\"} %.15g\n", v);
}
