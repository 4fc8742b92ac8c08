/* Whatever a worker that was taken over can send to the node.  The first byte
 * chooses the task it was given and the pieces that arrive: by default a frame each,
 * so that hello and the ends of tasks are not followed by more at once. */
#include <assert.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
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

static void check(const struct work_result *r, const struct msg_task *t)
{
	size_t i;

	assert(r->done.code >= ERR_NONE && r->done.code <= ERR_INTERNAL);
	assert(r->n <= t->profiles.n);
	for (i = 0; i < r->n; i++) {
		assert(r->r[i].index == i && r->r[i].data && r->r[i].data->len > 0);
		assert(r->r[i].init_len <= r->r[i].data->len);
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
			check(r, &t);
			work_result_free(r);
			channel += 2;
		}
		if (ev != ANSWER_MORE)
			answer_expect(a, &t, channel);
	}
	answer_free(a);
	return 0;
}
