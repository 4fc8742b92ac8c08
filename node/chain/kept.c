#include "node/chain/kept.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define ROW_VERSION 1
#define KEY_HEADER 1	/* of a table in which key 0 holds the meta row */

void kept_init(struct kept *k, uint64_t keep)
{
	assert(keep >= 1 && keep <= KEPT_KEEP_MAX);
	*k = (struct kept){ .keep = keep };
}

void kept_fini(struct kept *k)
{
	free(k->h);
	k->h = NULL;
	k->n = k->cap = 0;
}

void kept_clear(struct kept *k)
{
	k->n = 0;
}

void kept_copy(struct kept *to, const struct kept *from)
{
	*to = (struct kept){ .keep = from->keep, .n = from->n, .cap = from->n };
	if (from->n) {
		to->h = xmalloc(from->n * sizeof(*to->h));
		memcpy(to->h, from->h, from->n * sizeof(*to->h));
	}
}

const struct eth_header *kept_top(const struct kept *k)
{
	return k->n ? &k->h[k->n - 1] : NULL;
}

const struct eth_header *kept_lowest(const struct kept *k)
{
	return k->n ? &k->h[0] : NULL;
}

const struct eth_header *kept_at(const struct kept *k, uint64_t number)
{
	if (!k->n || number < k->h[0].number || number > k->h[k->n - 1].number)
		return NULL;
	return &k->h[number - k->h[0].number];
}

static void add(struct kept *k, const struct eth_header *h)
{
	if (k->n == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 64;
		k->h = xrealloc(k->h, k->cap * sizeof(*k->h));
	}
	k->h[k->n++] = *h;
}

static void drop_oldest(struct kept *k, size_t n)
{
	if (n)
		memmove(k->h, k->h + n, (k->n - n) * sizeof(*k->h));
	k->n -= n;
}

void kept_push(struct kept *k, const struct eth_header *h)
{
	const struct eth_header *top = kept_top(k);

	assert(!top || (h->number == top->number + 1 && kept_hash_equal(&h->parent, &top->hash)));
	add(k, h);
	kept_loaded(k);
}

void kept_pop(struct kept *k)
{
	assert(k->n);
	k->n--;
}

size_t kept_surplus(const struct kept *k, size_t n)
{
	size_t all = k->n + n;

	return all > k->keep + 1 ? all - (k->keep + 1) : 0;
}

bool kept_hash_equal(const struct hash32 *a, const struct hash32 *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static void put_u64(uint8_t to[8], uint64_t v)
{
	for (int i = 0; i < 8; i++)
		to[i] = v >> (56 - 8 * i);
}

void kept_key(uint8_t key[KEPT_KEY_LEN], uint64_t number)
{
	key[0] = KEY_HEADER;
	put_u64(key + 1, number);
}

void kept_row(uint8_t row[KEPT_ROW_LEN], const struct eth_header *h)
{
	row[0] = ROW_VERSION;
	memcpy(row + 1, h->hash.b, 32);
	memcpy(row + 33, h->parent.b, 32);
	put_u64(row + 65, h->timestamp);
	row[73] = h->has_base_fee;
	u256_to_be(row + 74, &h->base_fee);
}

static int check_version(uint8_t version, struct err *err)
{
	if (version > ROW_VERSION)
		return err_set(err, ERR_INVALID, "written by a newer program (version %u)", version);
	if (version != ROW_VERSION)
		return err_set(err, ERR_INVALID, "version %u there never was", version);
	return 0;
}

int kept_row_parse(struct eth_header *h, const void *key, size_t n_key, const void *row, size_t n_row,
		   struct err *err)
{
	struct rd k = rd_of(key, n_key), r = rd_of(row, n_row);
	const uint8_t *b = row;

	if (n_key != KEPT_KEY_LEN || rd_u8(&k) != KEY_HEADER)
		return err_set(err, ERR_INVALID, "a key of %zu bytes is no block's", n_key);
	*h = (struct eth_header){ .number = rd_u64(&k) };
	if (n_row && check_version(rd_u8(&r), err) < 0)
		return err_wrap(err, "block %llu", (unsigned long long)h->number);
	if (n_row != KEPT_ROW_LEN || b[73] > 1)
		return err_set(err, ERR_INVALID, "block %llu is no header", (unsigned long long)h->number);
	memcpy(h->hash.b, b + 1, 32);
	memcpy(h->parent.b, b + 33, 32);
	r = rd_of(b + 65, 8);
	h->timestamp = rd_u64(&r);
	h->has_base_fee = b[73];
	h->base_fee = u256_from_be(b + 74);
	return 0;
}

int kept_load(struct kept *k, const void *key, size_t n_key, const void *row, size_t n_row, struct err *err)
{
	const struct eth_header *top = kept_top(k);
	struct eth_header h;

	if (kept_row_parse(&h, key, n_key, row, n_row, err) < 0)
		return -1;
	if (k->n > KEPT_KEEP_MAX)
		return err_set(err, ERR_LIMIT, "more than %d headers are kept", KEPT_KEEP_MAX + 1);
	if (top && (h.number != top->number + 1 || !kept_hash_equal(&h.parent, &top->hash)))
		return err_set(err, ERR_INVALID, "block %llu does not continue block %llu",
			       (unsigned long long)h.number, (unsigned long long)top->number);
	add(k, &h);
	return 0;
}

void kept_loaded(struct kept *k)
{
	drop_oldest(k, kept_surplus(k, 0));
}

void kept_meta_row(uint8_t row[KEPT_META_LEN], const struct kept_meta *m)
{
	row[0] = ROW_VERSION;
	put_u64(row + 1, m->start_block);
	memcpy(row + 9, m->addresses.b, 32);
}

int kept_meta_parse(struct kept_meta *m, const void *row, size_t n, struct err *err)
{
	struct rd r = rd_of(row, n);

	if (n < 1)
		return err_set(err, ERR_INVALID, "its description is empty");
	if (check_version(rd_u8(&r), err) < 0)
		return -1;
	if (n != KEPT_META_LEN)
		return err_set(err, ERR_INVALID, "its description has %zu bytes", n);
	m->start_block = rd_u64(&r);
	memcpy(m->addresses.b, rd_bytes(&r, 32), 32);
	return 0;
}
