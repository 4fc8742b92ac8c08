#include "node/farm/intake.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define SWITCHES_MAX 100000	/* headers in one answer */

struct part {
	struct buf data;	/* so far */
	struct sha256 *sha;	/* over it; NULL: nothing came */
	struct intake_rendition whole;	/* its data NULL: not yet */
};

struct intake {
	struct profile_list profiles;
	struct part part[PROFILES_MAX];
	int current;		/* whose bytes come; -1: a header comes first */
	size_t n_bytes, n_whole;
	unsigned n_switches;
	bool input_ended;
};

struct intake *intake_new(const struct profile_list *profiles)
{
	struct intake *in = xcalloc(1, sizeof(*in));
	size_t i;

	in->profiles = *profiles;
	in->current = -1;
	for (i = 0; i < PROFILES_MAX; i++)
		buf_init(&in->part[i].data, RENDITION_BYTES_MAX);
	return in;
}

void intake_free(struct intake *in)
{
	size_t i;

	if (!in)
		return;
	for (i = 0; i < PROFILES_MAX; i++) {
		buf_fini(&in->part[i].data);
		sha256_free(in->part[i].sha);
		blob_unref(in->part[i].whole.data);
	}
	free(in);
}

void intake_input_ended(struct intake *in)
{
	in->input_ended = true;
}

int intake_header(struct intake *in, const uint8_t *data, size_t len, struct err *err)
{
	struct msg_rendition_header h;
	struct part *p;

	if (msg_rendition_header_unpack(&h, data, len, err) < 0)
		return err_wrap(err, "rendition header");
	if (h.index >= in->profiles.n)
		return err_set(err, ERR_INVALID, "rendition %u, %zu asked for", h.index,
			       in->profiles.n);
	p = &in->part[h.index];
	if (p->whole.data)
		return err_set(err, ERR_INVALID, "rendition %u again", h.index);
	if (h.offset != p->data.len)
		return err_set(err, ERR_INVALID, "rendition %u goes on at %llu, %zu bytes came",
			       h.index, (unsigned long long)h.offset, p->data.len);
	if (++in->n_switches > SWITCHES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d turns of renditions", SWITCHES_MAX);
	if (!p->sha)
		p->sha = sha256_new();
	in->current = (int)h.index;
	return 0;
}

int intake_data(struct intake *in, const uint8_t *data, size_t len, size_t *index,
		uint64_t *offset, struct err *err)
{
	struct part *p;

	if (in->current < 0)
		return err_set(err, ERR_INVALID, "%zu bytes of no rendition", len);
	p = &in->part[in->current];
	*index = (size_t)in->current;
	*offset = p->data.len;
	if (!buf_add(&p->data, data, len))
		return err_set(err, ERR_LIMIT, "rendition %d is above %u bytes", in->current,
			       RENDITION_BYTES_MAX);
	in->n_bytes += len;
	if (in->n_bytes > INTAKE_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "renditions together are above %zu bytes",
			       INTAKE_BYTES_MAX);
	sha256_add(p->sha, data, len);
	return 0;
}

/* Is it what was asked for, by its own word? */
static int check_claims(const struct msg_rendition_trailer *t, const struct profile *p,
			struct err *err)
{
	if (t->width != p->width || t->height != p->height)
		return err_set(err, ERR_INVALID, "rendition %u is %dx%d instead of %dx%d",
			       t->index, t->width, t->height, p->width, p->height);
	if (t->fmp4 != profile_is_fmp4(p))
		return err_set(err, ERR_INVALID, "rendition %u is in the other container", t->index);
	return 0;
}

/* Is it what came? */
static int check_bytes(struct intake *in, const struct msg_rendition_trailer *t, struct err *err)
{
	struct part *p = &in->part[t->index];
	struct hash32 hash;

	if (p->whole.data)
		return err_set(err, ERR_INVALID, "rendition %u ends again", t->index);
	if (!p->sha || t->len != p->data.len)
		return err_set(err, ERR_INVALID, "rendition %u ends at %llu bytes, %zu came",
			       t->index, (unsigned long long)t->len, p->data.len);
	hash = sha256_end(p->sha);
	sha256_reset(p->sha);
	if (memcmp(&hash, &t->data_hash, sizeof(hash)) != 0)
		return err_set(err, ERR_INVALID, "rendition %u does not fit its hash", t->index);
	return 0;
}

int intake_trailer(struct intake *in, const uint8_t *data, size_t len, struct err *err)
{
	struct msg_rendition_trailer t;
	struct part *p;

	if (msg_rendition_trailer_unpack(&t, data, len, err) < 0)
		return err_wrap(err, "rendition trailer");
	if (!in->input_ended)
		return err_set(err, ERR_INVALID, "rendition %u ends before its input", t.index);
	if (t.index >= in->profiles.n)
		return err_set(err, ERR_INVALID, "end of rendition %u, %zu asked for", t.index,
			       in->profiles.n);
	if (check_claims(&t, &in->profiles.p[t.index], err) < 0 || check_bytes(in, &t, err) < 0)
		return -1;
	p = &in->part[t.index];
	p->whole.trailer = t;
	p->whole.data = blob_from_heap(xrealloc(p->data.data, p->data.len), p->data.len);
	buf_init(&p->data, p->data.max);
	in->n_whole++;
	if (in->current == (int)t.index)
		in->current = -1;
	return 0;
}

int intake_done(struct intake *in, const uint8_t *data, size_t len, struct msg_task_done *out,
		struct err *err)
{
	if (msg_task_done_unpack(out, data, len, err) < 0)
		return err_wrap(err, "task done");
	if (out->code == ERR_NONE && in->n_whole != in->profiles.n)
		return err_set(err, ERR_INVALID, "done after %zu of %zu renditions", in->n_whole,
			       in->profiles.n);
	return 0;
}

const struct intake_rendition *intake_get(const struct intake *in, size_t index)
{
	return &in->part[index].whole;
}
