#include "node/http/head.h"

#include <llhttp.h>
#include <string.h>
#include <strings.h>

#include "node/http/server.h"

/* What a byte may be part of. */
enum {
	IN_TOKEN = 1,	/* method, field name */
	IN_TARGET = 2,
	IN_VALUE = 4,
	IN_HOST = 8,
};

/* RFC 9110, 5.6.2 (token), 5.5 (field-value); targets may carry raw UTF-8 (curl
 * sends it so), but no "#": a fragment never travels. */
static const uint8_t byte_class[256] = {
	['\t'] = IN_VALUE, [' '] = IN_VALUE,
	['"'] = IN_TARGET | IN_VALUE, ['('] = IN_TARGET | IN_VALUE,
	[')'] = IN_TARGET | IN_VALUE, [','] = IN_TARGET | IN_VALUE,
	['/'] = IN_TARGET | IN_VALUE, [';'] = IN_TARGET | IN_VALUE,
	['<'] = IN_TARGET | IN_VALUE, ['='] = IN_TARGET | IN_VALUE,
	['>'] = IN_TARGET | IN_VALUE, ['?'] = IN_TARGET | IN_VALUE,
	['@'] = IN_TARGET | IN_VALUE, ['\\'] = IN_TARGET | IN_VALUE,
	['{'] = IN_TARGET | IN_VALUE, ['}'] = IN_TARGET | IN_VALUE,
	[':'] = IN_TARGET | IN_VALUE | IN_HOST,
	['['] = IN_TARGET | IN_VALUE | IN_HOST,
	[']'] = IN_TARGET | IN_VALUE | IN_HOST,
	['#'] = IN_TOKEN | IN_VALUE,
	['!'] = IN_TOKEN | IN_TARGET | IN_VALUE, ['$'] = IN_TOKEN | IN_TARGET | IN_VALUE,
	['&'] = IN_TOKEN | IN_TARGET | IN_VALUE, ['\''] = IN_TOKEN | IN_TARGET | IN_VALUE,
	['*'] = IN_TOKEN | IN_TARGET | IN_VALUE, ['+'] = IN_TOKEN | IN_TARGET | IN_VALUE,
	['^'] = IN_TOKEN | IN_TARGET | IN_VALUE, ['`'] = IN_TOKEN | IN_TARGET | IN_VALUE,
	['|'] = IN_TOKEN | IN_TARGET | IN_VALUE,
	['%'] = IN_TOKEN | IN_TARGET | IN_VALUE | IN_HOST,
	['-'] = IN_TOKEN | IN_TARGET | IN_VALUE | IN_HOST,
	['.'] = IN_TOKEN | IN_TARGET | IN_VALUE | IN_HOST,
	['_'] = IN_TOKEN | IN_TARGET | IN_VALUE | IN_HOST,
	['~'] = IN_TOKEN | IN_TARGET | IN_VALUE | IN_HOST,
	['0' ... '9'] = IN_TOKEN | IN_TARGET | IN_VALUE | IN_HOST,
	['A' ... 'Z'] = IN_TOKEN | IN_TARGET | IN_VALUE | IN_HOST,
	['a' ... 'z'] = IN_TOKEN | IN_TARGET | IN_VALUE | IN_HOST,
	[0x80 ... 0xff] = IN_TARGET | IN_VALUE,
};

static size_t span(const char *p, const char *end, uint8_t class)
{
	const char *s = p;

	while (p < end && (byte_class[(uint8_t)*p] & class))
		p++;
	return (size_t)(p - s);
}

static int refuse(int status, const char **why, const char *text)
{
	*why = text;
	return status;
}

int head_find_end(const char *data, size_t len, size_t *pos, const char **why)
{
	while (*pos < len) {
		const char *line = data + *pos;
		const char *lf = memchr(line, '\n', len - *pos);

		if (!lf)
			return 0;
		if (lf == line || lf[-1] != '\r')
			return refuse(-1, why, "line feed without carriage return");
		*pos = (size_t)(lf + 1 - data);
		if (lf == line + 1)
			return (int)*pos;
	}
	return 0;
}

/* "METHOD SP target SP HTTP/1.x", exactly. */
static int parse_request_line(struct head *h, const char *data, const char *end, const char **why)
{
	const char *p = data;
	size_t n = span(p, end, IN_TOKEN);

	if (n == 0 || n > 32 || p + n == end || p[n] != ' ')
		return refuse(400, why, "bad request line: method");
	h->method_len = (uint16_t)n;
	p += n + 1;
	n = span(p, end, IN_TARGET);
	if (n == 0 || p + n == end || p[n] != ' ')
		return refuse(400, why, "bad request line: target");
	if (n > HEAD_MAX_TARGET)
		return refuse(414, why, "request target too long");
	h->target = (uint16_t)(p - data);
	h->target_len = (uint16_t)n;
	p += n + 1;
	if (end - p != 8 || memcmp(p, "HTTP/", 5) != 0 || p[6] != '.' ||
	    p[5] < '0' || p[5] > '9' || p[7] < '0' || p[7] > '9')
		return refuse(400, why, "bad request line: version");
	if (p[5] != '1' || p[7] > '1')
		return refuse(505, why, "only HTTP/1.0 and HTTP/1.1");
	h->minor = (uint8_t)(p[7] - '0');
	return 0;
}

/* "name: value" with the blanks around the value cut off. */
static int parse_field(struct head_field *f, const char *data, const char *line, const char *end,
		       const char **why)
{
	size_t n = span(line, end, IN_TOKEN);
	const char *v, *v_end;

	if (*line == ' ' || *line == '\t')
		return refuse(400, why, "line begins with a blank");
	if (n == 0 || line + n == end || line[n] != ':')
		return refuse(400, why, "bad header name");
	v = line + n + 1;
	v_end = v + span(v, end, IN_VALUE);
	if (v_end != end)
		return refuse(400, why, "control character in a header");
	while (v < v_end && (*v == ' ' || *v == '\t'))
		v++;
	while (v_end > v && (v_end[-1] == ' ' || v_end[-1] == '\t'))
		v_end--;
	*f = (struct head_field){
		.name = (uint16_t)(line - data), .name_len = (uint16_t)n,
		.value = (uint16_t)(v - data), .value_len = (uint16_t)(v_end - v),
	};
	return 0;
}

static int take_host(struct head *h, const struct head_field *f, const char *v, const char **why)
{
	if (h->authority)
		return refuse(400, why, "more than one Host");
	if (f->value_len == 0 || span(v, v + f->value_len, IN_HOST) != f->value_len)
		return refuse(400, why, "bad Host");
	h->authority = f->value;
	h->authority_len = f->value_len;
	return 0;
}

static int take_length(struct head *h, const struct head_field *f, const char *v, const char **why)
{
	unsigned i;

	if (h->has_length)
		return refuse(400, why, "more than one Content-Length");
	if (f->value_len == 0 || f->value_len > 18)
		return refuse(400, why, "bad Content-Length");
	for (i = 0; i < f->value_len; i++) {
		if (v[i] < '0' || v[i] > '9')
			return refuse(400, why, "bad Content-Length");
		h->length = h->length * 10 + (uint64_t)(v[i] - '0');
	}
	h->has_length = true;
	return 0;
}

static int take_coding(struct head *h, const struct head_field *f, const char *v, const char **why)
{
	if (h->chunked)
		return refuse(400, why, "more than one Transfer-Encoding");
	if (f->value_len != 7 || strncasecmp(v, "chunked", 7) != 0)
		return refuse(501, why, "unknown Transfer-Encoding");
	h->chunked = true;
	return 0;
}

static bool is_named(const struct head_field *f, const char *data, const char *name, size_t len)
{
	return f->name_len == len && strncasecmp(data + f->name, name, len) == 0;
}

/* The fields that say where the message ends and for whom it is. */
static int take_field(struct head *h, const struct head_field *f, const char *data, const char **why)
{
	const char *v = data + f->value;

	if (is_named(f, data, "host", 4))
		return take_host(h, f, v, why);
	if (is_named(f, data, "content-length", 14))
		return take_length(h, f, v, why);
	if (is_named(f, data, "transfer-encoding", 17))
		return take_coding(h, f, v, why);
	if (is_named(f, data, "expect", 6)) {
		if (f->value_len == 12 && strncasecmp(v, "100-continue", 12) == 0)
			h->expect_continue = true;
		else
			h->expect_other = true;
	}
	return 0;
}

static int check_whole(const struct head *h, const char **why)
{
	if (!h->authority)
		return refuse(400, why, "no Host");
	if (h->chunked && h->has_length)
		return refuse(400, why, "Content-Length beside Transfer-Encoding");
	if (h->chunked && h->minor == 0)
		return refuse(400, why, "Transfer-Encoding in HTTP/1.0");
	return 0;
}

int head_parse(struct head *h, const char *data, size_t len, const char **why)
{
	const char *line = data, *end = data + len, *lf;
	int status;

	memset(h, 0, offsetof(struct head, fields));
	if (len > HEAD_MAX_LEN)
		return refuse(431, why, "head too long");
	if (len < 4 || memcmp(end - 4, "\r\n\r\n", 4) != 0)
		return refuse(400, why, "head without an empty line");
	for (; line < end - 2; line = lf + 1) {
		lf = memchr(line, '\n', (size_t)(end - line));
		if (lf == line || lf[-1] != '\r')
			return refuse(400, why, "line feed without carriage return");
		if (line == data) {
			status = parse_request_line(h, data, lf - 1, why);
		} else if (h->n_fields == HEAD_MAX_FIELDS) {
			status = refuse(431, why, "too many header fields");
		} else {
			struct head_field *f = &h->fields[h->n_fields++];

			status = parse_field(f, data, line, lf - 1, why);
			if (status == 0)
				status = take_field(h, f, data, why);
		}
		if (status)
			return status;
	}
	return check_whole(h, why);
}

int http_head_check(const char *head, size_t len, const char **why)
{
	struct head h;
	int status = head_parse(&h, head, len, why);

	return status == 0 || status == 431 ? status : 400;
}

/* The head is all we feed: stop before llhttp looks for a body. */
static int on_headers_complete(llhttp_t *p)
{
	return HPE_PAUSED;
}

int head_read(struct head *h, const char *data, size_t len, const char **why)
{
	static const llhttp_settings_t settings = { .on_headers_complete = on_headers_complete };
	int status = head_parse(h, data, len, why);
	llhttp_errno_t e;
	llhttp_t p;

	if (status)
		return status;
	llhttp_init(&p, HTTP_REQUEST, &settings);
	e = llhttp_execute(&p, data, len);
	if (e == HPE_INVALID_METHOD)
		return refuse(501, why, "unknown method");
	if (e != HPE_PAUSED)
		return refuse(400, why, llhttp_errno_name(e));
	if (p.http_minor != h->minor || !(p.flags & F_CHUNKED) != !h->chunked ||
	    !(p.flags & F_CONTENT_LENGTH) != !h->has_length ||
	    (h->has_length && p.content_length != h->length))
		return refuse(400, why, "ambiguous head");
	h->keep_alive = !(p.flags & F_CONNECTION_CLOSE) &&
			(h->minor || (p.flags & F_CONNECTION_KEEP_ALIVE));
	return 0;
}
