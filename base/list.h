#ifndef LP_BASE_LIST_H
#define LP_BASE_LIST_H
#include <stdbool.h>
#include <stddef.h>

/*
 * Doubly linked lists of structs that embed a node.  A node that is in no list
 * points to itself, so removing twice is harmless.  One thread.
 */
struct list_node {
	struct list_node *prev, *next;
};
struct list {
	struct list_node head;
};

#define list_entry(n, type, member) ((type *)((char *)(n) - offsetof(type, member)))

/* Walk; the current node may be removed and freed. */
#define list_each(it, l)						\
	for (struct list_node *it = (l)->head.next, *it##_next = it->next; \
	     it != &(l)->head; it = it##_next, it##_next = it->next)

static inline void list_init(struct list *l)
{
	l->head.prev = l->head.next = &l->head;
}

static inline void list_node_init(struct list_node *n)
{
	n->prev = n->next = n;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->head.next == &l->head;
}

static inline void list_add_tail(struct list *l, struct list_node *n)
{
	n->prev = l->head.prev;
	n->next = &l->head;
	l->head.prev->next = n;
	l->head.prev = n;
}

static inline void list_add_head(struct list *l, struct list_node *n)
{
	n->next = l->head.next;
	n->prev = &l->head;
	l->head.next->prev = n;
	l->head.next = n;
}

static inline void list_remove(struct list_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_node_init(n);
}

/* First node, or NULL. */
static inline struct list_node *list_first(const struct list *l)
{
	return list_is_empty(l) ? NULL : l->head.next;
}

#endif
