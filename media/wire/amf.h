#ifndef LP_MEDIA_WIRE_AMF_H
#define LP_MEDIA_WIRE_AMF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
struct err;

/*
 * AMF, the value format of RTMP commands: reads AMF0, and AMF3 where a value
 * switches to it (marker 0x11); writes AMF0 only.  A reader never allocates and
 * never recurses: containers are skipped with a stack of AMF_DEPTH_MAX frames
 * and looked into by name.  Pure.  Any thread.
 *
 * Source: Adobe AMF 0 (2007) and AMF 3 (2013) specifications.
 */
#define AMF_DEPTH_MAX 16

enum amf_type {
	AMF_NULL,	/* null, undefined, unsupported, references */
	AMF_NUMBER,
	AMF_BOOL,
	AMF_STRING,	/* also long strings and XML */
	AMF_OBJECT,	/* objects, typed objects, ECMA arrays: amf_get looks inside */
	AMF_ARRAY,	/* strict arrays */
	AMF_OTHER,	/* dates, byte arrays */
};

/* One value.  str is borrowed from the input. */
struct amf_value {
	enum amf_type type;
	double number;		/* AMF_NUMBER; NaN and infinities occur */
	bool truth;		/* AMF_BOOL */
	const char *str;	/* AMF_STRING: not NUL-terminated */
	size_t len;		/* of str, or of raw */
	const uint8_t *raw;	/* AMF_OBJECT: its bytes, for amf_get */
	bool amf3;		/* raw is AMF3 */
};

/*
 * Read the next value, containers as a whole.  Fails with ERR_INVALID (cut short,
 * unknown marker) or ERR_LIMIT (deeper than AMF_DEPTH_MAX, too many AMF3
 * references).  An ECMA array or object that ends with the input instead of its
 * end mark is taken (some encoders write it so).
 */
int amf_read(struct rd *r, struct amf_value *v, struct err *err);

/* Find a member of an object; the first of that name.  false: not there or not an
 * object.  Members of containers nested in AMF3 cannot be looked into. */
bool amf_get(const struct amf_value *obj, const char *name, struct amf_value *v);

/* Copy a string value NUL-terminated into to.  false when v is no string, holds a
 * NUL, or does not fit in cap (to is then ""). */
bool amf_copy_str(char *to, size_t cap, const struct amf_value *v);
/* Is v the string s? */
bool amf_is_str(const struct amf_value *v, const char *s);

/* A number as an unsigned integer: 0 for NaN, negative, above 2^32 - 1, not a number. */
uint32_t amf_u32(const struct amf_value *v);

/* Writers append; failure is b->failed.  Strings above 65535 bytes are cut. */
void amf_add_number(struct buf *b, double n);
void amf_add_bool(struct buf *b, bool truth);
void amf_add_str(struct buf *b, const char *s);
void amf_add_null(struct buf *b);
/* { then key, value, key, value ... then }. */
void amf_begin_object(struct buf *b);
void amf_add_key(struct buf *b, const char *key);
void amf_end_object(struct buf *b);
/* n values follow. */
void amf_begin_array(struct buf *b, uint32_t n);

/* Shorthands for members. */
void amf_put_number(struct buf *b, const char *key, double n);
void amf_put_str(struct buf *b, const char *key, const char *s);

#endif
