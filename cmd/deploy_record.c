#include "cmd/deploy_record.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "node/store/store.h"

#define KEY_LEN 28
struct record {
	uint8_t key[KEY_LEN];	/* address, number in big-endian */
	struct hash32 digest;
	bool anew, finished, was_there;
	uint64_t number;	/* the highest there is, then the one chosen */
};

static void fill_key(struct record *r)
{
	int i;

	for (i = 0; i < 8; i++)
		r->key[20 + i] = (uint8_t)(r->number >> (56 - 8 * i));
}

static int put_record(struct store_txn *t, struct record *r, struct err *err)
{
	uint8_t row[34] = { 1 };

	fill_key(r);
	memcpy(row + 1, r->digest.b, 32);
	row[33] = r->finished;
	return store_put(t, "deploys", r->key, KEY_LEN, row, sizeof(row), err);
}

/* last: what the highest number's row says. */
static int on_row(void *arg, struct store_bytes key, struct store_bytes value, struct err *err)
{
	struct record *last = arg;
	const uint8_t *k = key.p, *v = value.p;
	int i;

	if (key.n != KEY_LEN || memcmp(k, last->key, 20) != 0)
		return 1;
	if (value.n != 34 || v[0] != 1)
		return err_set(err, ERR_INVALID, "the store has a deployment of another program");
	for (last->number = 0, i = 0; i < 8; i++)
		last->number = last->number << 8 | k[20 + i];
	memcpy(last->digest.b, v + 1, 32);
	last->finished = v[33];
	last->was_there = true;
	return 0;
}

static int choose_in(struct store_txn *t, void *arg, struct err *err)
{
	struct record *r = arg, last = { 0 };

	memcpy(last.key, r->key, sizeof(last.key));
	if (store_each(t, "deploys", last.key, KEY_LEN, on_row, &last, err) < 0)
		return -1;
	r->number = last.number;
	r->was_there = last.was_there && !last.finished && !r->anew;
	if (!r->was_there) {
		r->number++;
		return put_record(t, r, err);
	}
	if (memcmp(&last.digest, &r->digest, sizeof(r->digest)) != 0)
		return err_set(err, ERR_DENIED, "deployment %" PRIu64 " of this account was not finished, and it was another: "
			       "give the same flags to go on with it, or -anew to begin again", last.number);
	return 0;
}

static int finish_in(struct store_txn *t, void *arg, struct err *err)
{
	return put_record(t, arg, err);
}

static void first_record(struct record *r, const struct cli *c, const struct hash32 *digest)
{
	memset(r, 0, sizeof(*r));
	memcpy(r->key, c->account.b, 20);
	r->digest = *digest;
}

int deploy_record_choose(uint64_t *number, bool *was_there, struct cli *c, const struct hash32 *digest, bool anew,
			 struct err *err)
{
	struct record r;

	first_record(&r, c, digest);
	r.anew = anew;
	if (store_write(c->store, choose_in, &r, err) < 0)
		return err->code == ERR_DENIED ? 3 : 1;
	*number = r.number;
	*was_there = r.was_there;
	return 0;
}

int deploy_record_finish(struct cli *c, uint64_t number, const struct hash32 *digest, struct err *err)
{
	struct record r;

	first_record(&r, c, digest);
	r.number = number;
	r.finished = true;
	return store_write(c->store, finish_in, &r, err) < 0 ? 1 : 0;
}
