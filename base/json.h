#ifndef LP_BASE_JSON_H
#define LP_BASE_JSON_H
struct buf;

/* Append s as a JSON string with its quotes. */
void json_add_string(struct buf *b, const char *s);

#endif
