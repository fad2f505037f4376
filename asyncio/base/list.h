/* SPDX-License-Identifier: MIT */
/* An intrusive, circular, doubly linked list.
 *
 * A head is a node whose neighbours are the last and the first member; an empty head points to
 * itself, and so does a node that is in no list. A member can leave without knowing which list it
 * is in, which is why a cancelled handle costs nothing: it is simply unlinked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(head) { &(head), &(head) }

/* The object of `type` whose member `member` is `node`. */
#define container_of(node, type, member) ((type *)(void *)((char *)(node) - offsetof(type, member)))

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list__between(struct list *node, struct list *before, struct list *after)
{
    node->prev = before;
    node->next = after;
    before->next = node;
    after->prev = node;
}

static inline void list_append(struct list *head, struct list *node)
{
    list__between(node, head->prev, head);
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list__between(node, head, head->next);
}

/* Takes `node` out of whatever list it is in; harmless on a node that is in none. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* The first member, taken out, or NULL. */
static inline struct list *list_pop(struct list *head)
{
    struct list *node = head->next;
    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}

/* Moves all members of `from` behind those of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}
