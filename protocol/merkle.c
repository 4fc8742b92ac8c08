/*
 * The tree is OpenZeppelin's: 2n - 1 nodes, the root first, the children of node i are 2i + 1
 * and 2i + 2, leaf i is node 2n - 2 - i.  Its shape depends on the number of leaves, so nothing
 * can be hashed before the last one is known: the builder keeps leaves, 2 MiB at the most.
 */
#include "protocol/merkle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

struct hash32 merkle_leaf(const struct hash32 *value)
{
	struct hash32 h = hash_keccak256(value->b, sizeof(value->b));

	return hash_keccak256(h.b, sizeof(h.b));
}

static struct hash32 hash_pair(const struct hash32 *a, const struct hash32 *b)
{
	bool in_order = memcmp(a->b, b->b, sizeof(a->b)) < 0;
	struct hash32 both[2] = { in_order ? *a : *b, in_order ? *b : *a };

	return hash_keccak256(both, sizeof(both));
}

/* ---- the tree ---- */

int merkle_add(struct merkle *m, const struct hash32 *leaf, struct err *err)
{
	assert(!m->built);
	if (m->n == MERKLE_LEAVES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d leaves", MERKLE_LEAVES_MAX);
	if (m->n == m->cap) {
		m->cap = m->cap ? 2 * m->cap : 64;
		m->node = xrealloc(m->node, m->cap * sizeof(*m->node));
	}
	m->node[m->n++] = *leaf;
	return 0;
}

static size_t node_of_leaf(const struct merkle *m, size_t i)
{
	return 2 * m->n - 2 - i;
}

struct hash32 merkle_build(struct merkle *m)
{
	struct hash32 *tree;
	size_t i;

	assert(m->n > 0 && !m->built);
	tree = xmalloc((2 * m->n - 1) * sizeof(*tree));
	for (i = 0; i < m->n; i++)
		tree[node_of_leaf(m, i)] = m->node[i];
	for (i = m->n - 1; i-- > 0;)
		tree[i] = hash_pair(&tree[2 * i + 1], &tree[2 * i + 2]);
	free(m->node);
	m->node = tree;
	m->cap = 2 * m->n - 1;
	m->built = true;
	return tree[0];
}

void merkle_fini(struct merkle *m)
{
	free(m->node);
	memset(m, 0, sizeof(*m));
}

/* ---- proofs ---- */

static size_t sibling(size_t node)
{
	return node % 2 ? node + 1 : node - 1;
}

size_t merkle_proof(const struct merkle *m, size_t i, struct hash32 proof[MERKLE_DEPTH_MAX])
{
	size_t n = 0, at;

	assert(m->built && i < m->n);
	for (at = node_of_leaf(m, i); at > 0; at = (at - 1) / 2)
		proof[n++] = m->node[sibling(at)];
	return n;
}

size_t merkle_flag_words(size_t n_flags)
{
	return (n_flags + 255) / 256;
}

/* Nodes on the way up, those farthest from the root first; each is taken out once and puts its
 * parent in, unless its sibling did. */
struct climb {
	size_t *queue, head, tail;
	struct merkle_multiproof *p;
};

static void set_flag(struct merkle_multiproof *p, bool both)
{
	size_t i = p->n_flags++;

	if (both)
		p->flags[i / 256].w[i % 256 / 64] |= 1ull << i % 64;
}

static void climb_one(struct climb *c, const struct merkle *m)
{
	size_t node = c->queue[c->head++], other = sibling(node);
	bool both = c->head < c->tail && c->queue[c->head] == other;

	if (both)
		c->head++;
	else
		c->p->proof[c->p->n_proof++] = m->node[other];
	set_flag(c->p, both);
	c->queue[c->tail++] = (node - 1) / 2;
}

static int check_indices(const struct merkle *m, const size_t *indices, size_t n, struct err *err)
{
	size_t i;

	if (n == 0)
		return err_set(err, ERR_INVALID, "no leaf to prove");
	for (i = 0; i < n; i++) {
		if (indices[i] >= m->n)
			return err_set(err, ERR_INVALID, "leaf %zu of %zu", indices[i], m->n);
		if (i > 0 && indices[i] <= indices[i - 1])
			return err_set(err, ERR_INVALID, "leaf %zu after leaf %zu", indices[i],
				       indices[i - 1]);
	}
	return 0;
}

int merkle_multiproof(const struct merkle *m, const size_t *indices, size_t n,
		      struct merkle_multiproof *p, struct err *err)
{
	/* Each leaf climbs at most its depth, and nothing is climbed twice. */
	size_t i, steps = n < m->n ? n * MERKLE_DEPTH_MAX : 2 * m->n;
	struct climb c = { .p = p };

	memset(p, 0, sizeof(*p));
	assert(m->built);
	if (check_indices(m, indices, n, err) < 0)
		return -1;
	if (steps > 2 * m->n)
		steps = 2 * m->n;
	p->proof = xcalloc(steps, sizeof(*p->proof));
	p->flags = xcalloc(merkle_flag_words(steps) + 1, sizeof(*p->flags));
	c.queue = xcalloc(n + steps, sizeof(*c.queue));
	for (i = 0; i < n; i++)
		c.queue[c.tail++] = node_of_leaf(m, indices[i]);
	while (c.queue[c.head] > 0)
		climb_one(&c, m);
	free(c.queue);
	return 0;
}

void merkle_multiproof_fini(struct merkle_multiproof *p)
{
	free(p->proof);
	free(p->flags);
	memset(p, 0, sizeof(*p));
}

/* ---- checks ---- */

bool merkle_check(const struct hash32 *root, const struct hash32 *leaf, const struct hash32 *proof,
		  size_t n_proof)
{
	struct hash32 h = *leaf;
	size_t i;

	for (i = 0; i < n_proof; i++)
		h = hash_pair(&h, &proof[i]);
	return memcmp(h.b, root->b, sizeof(h.b)) == 0;
}

static bool flag_of(const struct merkle_multiproof *p, size_t i)
{
	return p->flags[i / 256].w[i % 256 / 64] >> i % 64 & 1;
}

/* As MultiProof.verify: a node that is not there yet is never read, all of the proof is used. */
static bool climb_all(struct hash32 *queue, size_t n, const struct merkle_multiproof *p)
{
	size_t head = 0, tail = n, used = 0, i;
	const struct hash32 *a, *b;

	for (i = 0; i < p->n_flags; i++) {
		bool both = flag_of(p, i);

		if (tail - head < (both ? 2u : 1u) || (!both && used == p->n_proof))
			return false;
		a = &queue[head++];
		b = both ? &queue[head++] : &p->proof[used++];
		queue[tail++] = hash_pair(a, b);
	}
	return used == p->n_proof;
}

bool merkle_check_multi(const struct hash32 *root, const struct hash32 *leaves, size_t n,
			const struct merkle_multiproof *p)
{
	struct hash32 *queue;
	bool ok;

	if (n == 0 || n > MERKLE_LEAVES_MAX || p->n_flags > 2 * MERKLE_LEAVES_MAX ||
	    n + p->n_proof != p->n_flags + 1)
		return false;
	queue = xmalloc((n + p->n_flags) * sizeof(*queue));
	memcpy(queue, leaves, n * sizeof(*queue));
	ok = climb_all(queue, n, p);
	ok = ok && memcmp(queue[n + p->n_flags - 1].b, root->b, sizeof(root->b)) == 0;
	free(queue);
	return ok;
}
