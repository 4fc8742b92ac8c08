#include "node/tc_incoming.h"

#include <string.h>

#include "base/err.h"
#include "base/hash.h"

void tc_incoming_init(struct tc_incoming *in, size_t n)
{
	memset(in, 0, sizeof(*in));
	in->n = n;
	in->current = -1;
}

void tc_incoming_fini(struct tc_incoming *in)
{
	size_t i;

	for (i = 0; i < in->n; i++) {
		buf_fini(&in->r[i].data);
		sha256_free(in->r[i].sha);
		in->r[i].sha = NULL;
	}
	in->n = 0;
}

static void begin(struct tc_incoming_one *r)
{
	buf_init(&r->data, RENDITION_BYTES_MAX);
	r->sha = sha256_new();
}

/* Another transcoder makes it now: what came before is not its. */
static int begin_again(struct tc_incoming *in, struct tc_incoming_one *r, struct err *err)
{
	if (++in->n_restarts > TC_RESTARTS_MAX)
		return err_set(err, ERR_LIMIT, "renditions begin again more than %d times",
			       TC_RESTARTS_MAX);
	in->held -= r->data.len;
	buf_fini(&r->data);
	sha256_free(r->sha);
	r->is_complete = false;
	begin(r);
	return 0;
}

int tc_incoming_header(struct tc_incoming *in, const struct msg_rendition_header *m,
		       struct err *err)
{
	struct tc_incoming_one *r;

	if (m->index >= in->n)
		return err_set(err, ERR_INVALID, "rendition %u of %zu", m->index, in->n);
	r = &in->r[m->index];
	if (m->offset != 0 && (r->is_complete || m->offset != r->data.len))
		return err_set(err, ERR_INVALID, "rendition %u goes on at %llu, %zu bytes came%s",
			       m->index, (unsigned long long)m->offset, r->data.len,
			       r->is_complete ? " and its end" : "");
	if (!r->sha)
		begin(r);
	else if (m->offset == 0 && r->data.len > 0 && begin_again(in, r, err) < 0)
		return -1;
	in->current = (int)m->index;
	return 0;
}

int tc_incoming_data(struct tc_incoming *in, const uint8_t *data, size_t len, struct err *err)
{
	struct tc_incoming_one *r;

	if (in->current < 0)
		return err_set(err, ERR_INVALID, "media bytes outside a rendition");
	r = &in->r[in->current];
	in->total += len;
	if (in->total > TC_INCOMING_TOTAL_MAX || in->held + len > TC_INCOMING_HELD_MAX)
		return err_set(err, ERR_LIMIT, "renditions of %llu bytes in all",
			       (unsigned long long)in->total);
	if (!buf_add(&r->data, data, len))
		return err_set(err, ERR_LIMIT, "rendition %d is above %u bytes", in->current,
			       RENDITION_BYTES_MAX);
	in->held += len;
	sha256_add(r->sha, data, len);
	return 0;
}

int tc_incoming_trailer(struct tc_incoming *in, const struct msg_rendition_trailer *m,
			struct err *err)
{
	struct tc_incoming_one *r;
	struct hash32 hash;

	if (in->current < 0 || m->index != (uint32_t)in->current)
		return err_set(err, ERR_INVALID, "trailer of rendition %u out of turn", m->index);
	r = &in->r[m->index];
	if (m->len != r->data.len)
		return err_set(err, ERR_INVALID, "rendition %u: %zu bytes came, trailer says %llu",
			       m->index, r->data.len, (unsigned long long)m->len);
	hash = sha256_end(r->sha);
	if (memcmp(&hash, &m->data_hash, sizeof(hash)) != 0)
		return err_set(err, ERR_DENIED, "rendition %u: hash does not fit its bytes",
			       m->index);
	r->trailer = *m;
	r->is_complete = true;
	in->current = -1;
	return 0;
}

int tc_incoming_missing(const struct tc_incoming *in)
{
	size_t i;

	for (i = 0; i < in->n; i++)
		if (!in->r[i].is_complete)
			return (int)i;
	return -1;
}
