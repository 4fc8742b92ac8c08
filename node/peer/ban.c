#include "node/peer/ban.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static double score_now(const struct ban_entry *e, uint64_t now_ms)
{
	return e->score * exp2(-(double)(now_ms - e->at_ms) / BAN_HALF_LIFE_MS);
}

static struct ban_entry *find(struct ban_table *t, const uint8_t key[16])
{
	size_t i;

	for (i = 0; i < BAN_ENTRIES; i++)
		if (t->e[i].score > 0 && memcmp(t->e[i].key, key, 16) == 0)
			return &t->e[i];
	return NULL;
}

static struct ban_entry *make_room(struct ban_table *t, uint64_t now_ms)
{
	struct ban_entry *least = &t->e[0];
	size_t i;

	for (i = 1; i < BAN_ENTRIES; i++)
		if (score_now(&t->e[i], now_ms) < score_now(least, now_ms))
			least = &t->e[i];
	return least;
}

void ban_add(struct ban_table *t, const uint8_t key[16], double points, uint64_t now_ms)
{
	struct ban_entry *e = find(t, key);

	if (!e) {
		e = make_room(t, now_ms);
		*e = (struct ban_entry){ .at_ms = now_ms };
		memcpy(e->key, key, 16);
	}
	e->score = score_now(e, now_ms) + points;
	/* Or an hour's attack would keep a shared address out for the day. */
	if (e->score > 2 * BAN_SCORE)
		e->score = 2 * BAN_SCORE;
	e->at_ms = now_ms;
	if (e->score >= BAN_SCORE)
		e->is_out = true;
}

bool ban_is_out(struct ban_table *t, const uint8_t key[16], uint64_t now_ms)
{
	struct ban_entry *e = find(t, key);

	if (e && e->is_out && score_now(e, now_ms) <= BAN_SCORE / 2)
		e->is_out = false;
	return e && e->is_out;
}
