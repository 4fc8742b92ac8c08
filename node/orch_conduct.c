#include "node/orch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define REMEMBERED 1024
#define GOOD_MAX 100000

/* Only those who once left a segment unpaid are in here. */
struct record {
	struct eth_addr who;
	unsigned missing;	/* good segments until trust is back; 0: it is */
	unsigned penalty;	/* the next time */
	uint64_t touched;
};

struct conduct {
	struct record r[REMEMBERED];
	size_t n;
	uint64_t clock;
};

struct conduct *conduct_new(void)
{
	return xcalloc(1, sizeof(struct conduct));
}

void conduct_free(struct conduct *c)
{
	free(c);
}

static struct record *find(const struct conduct *c, const struct eth_addr *who)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (eth_addr_equal(&c->r[i].who, who))
			return (struct record *)&c->r[i];
	return NULL;
}

bool conduct_may_start_early(const struct conduct *c, const struct eth_addr *who)
{
	const struct record *r = find(c, who);

	return !r || r->missing == 0;
}

void conduct_paid(struct conduct *c, const struct eth_addr *who)
{
	struct record *r = find(c, who);

	if (!r)
		return;
	r->touched = ++c->clock;
	if (r->missing > 0)
		r->missing--;
}

/* The one heard of longest ago makes room. */
static struct record *add(struct conduct *c, const struct eth_addr *who)
{
	struct record *r = &c->r[0];
	size_t i;

	if (c->n < REMEMBERED)
		r = &c->r[c->n++];
	else
		for (i = 1; i < c->n; i++)
			if (c->r[i].touched < r->touched)
				r = &c->r[i];
	*r = (struct record){ .who = *who, .penalty = CONDUCT_GOOD };
	return r;
}

void conduct_left_unpaid(struct conduct *c, const struct eth_addr *who)
{
	struct record *r = find(c, who);

	if (!r)
		r = add(c, who);
	r->touched = ++c->clock;
	r->missing = r->penalty;
	if (r->penalty < GOOD_MAX)
		r->penalty *= 2;
}
