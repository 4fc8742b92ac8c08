#ifndef LP_BASE_PROM_H
#define LP_BASE_PROM_H
#include <stdint.h>
struct buf;

/*
 * Prometheus text, appended to b; every name gets "livepeer_" before it.  Any thread.
 */
void prom_counter(struct buf *b, const char *name, const char *help, uint64_t v);
void prom_gauge(struct buf *b, const char *name, const char *help, double v);

/* One with several values: the head once (type: "counter", "gauge"), then a line each.
 * value: of the label, escaped here. */
void prom_head(struct buf *b, const char *name, const char *help, const char *type);
void prom_value(struct buf *b, const char *name, const char *label, const char *value, double v);

#endif
