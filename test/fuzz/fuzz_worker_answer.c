/* Whatever a worker that was taken over can send to the node.  The first byte
 * chooses the task it was given, whether pieces are passed on, and the pieces that
 * arrive: by default a frame each, so that hello and the ends of tasks are not followed
 * by more at once. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/hash.h"
#include "node/work/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct msg_task task_of(uint8_t choice)
{
	struct msg_task t = { .kind = (enum task_kind)(choice & 3), .profiles = { .n = 3 } };
	int i;

	for (i = 0; i < 3; i++)
		t.profiles.p[i] = (struct profile){ .width = 100 * (i + 1), .height = 50 };
	return t;
}

/* What was passed on of the task at work. */
struct passed {
	size_t len[PROFILES_MAX];
	struct sha256 *sha[PROFILES_MAX];
};

static void passed_reset(struct passed *p)
{
	size_t i;

	for (i = 0; i < PROFILES_MAX; i++) {
		p->len[i] = 0;
		sha256_free(p->sha[i]);
		p->sha[i] = sha256_new();
	}
}

static void passed_fini(struct passed *p)
{
	size_t i;

	for (i = 0; i < PROFILES_MAX; i++)
		sha256_free(p->sha[i]);
}

static void on_piece(void *arg, size_t index, const uint8_t *data, size_t len)
{
	struct passed *p = arg;

	assert(index < 3 && len > 0);
	p->len[index] += len;
	assert(p->len[index] <= RENDITION_BYTES_MAX);
	sha256_add(p->sha[index], data, len);
}

static void check_bytes(const struct work_rendition *r, struct passed *p)
{
	struct hash32 h;

	if (r->data) {
		assert(r->data->len == r->len && p->len[r->index] == 0);
		h = hash_sha256(r->data->data, r->len);
	} else {
		assert(p->len[r->index] == r->len);
		h = sha256_end(p->sha[r->index]);
	}
	assert(memcmp(&h, &r->sha256, sizeof(h)) == 0);
}

static void check(const struct work_result *r, const struct msg_task *t, struct passed *p)
{
	size_t i;

	assert(r->done.code >= ERR_NONE && r->done.code <= ERR_INTERNAL);
	assert(r->n <= t->profiles.n);
	for (i = 0; i < r->n; i++) {
		assert(r->r[i].index == i && r->r[i].len > 0);
		assert(r->r[i].init_len <= r->r[i].len);
		check_bytes(&r->r[i], p);
	}
	for (i = 0; r->done.reason[i]; i++)
		assert(r->done.reason[i] >= ' ' && r->done.reason[i] <= '~');
}

static size_t frame_len(const uint8_t *p, size_t left)
{
	size_t n = left < 4 ? left : ((size_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]) + 9;

	return n < left ? n : left;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct passed passed = { 0 };
	struct answer *a;
	struct msg_task t;
	enum answer_event ev;
	struct work_result *r;
	struct err err;
	size_t at, n, in_frame = 0;
	uint32_t channel = 1;

	if (len == 0)
		return 0;
	t = task_of(data[0]);
	a = answer_new();
	for (at = 1; at < len; at += n) {
		if (in_frame == 0)
			in_frame = data[0] & 8 ? len - at : frame_len(data + at, len - at);
		n = data[0] & 4 && in_frame > 7 ? 7 : in_frame;
		in_frame -= n;
		if (answer_feed(a, data + at, n, &ev, &err) < 0)
			break;
		if (ev == ANSWER_DONE) {
			r = answer_take(a);
			check(r, &t, &passed);
			work_result_free(r);
			channel += 2;
		}
		if (ev == ANSWER_MORE)
			continue;
		passed_reset(&passed);
		answer_expect(a, &t, channel, data[0] & 16 ? on_piece : NULL, &passed);
	}
	answer_free(a);
	passed_fini(&passed);
	return 0;
}
