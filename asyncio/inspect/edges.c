/* SPDX-License-Identifier: MIT */
/* See edges.h. The edges of one task are its queue as well: each that leads to a future that
 * follows others is followed in its turn, once, however many ways there are to it. */
#include "inspect/edges.h"

#include "base/alloc.h"
#include "task/scope.h"

#include <stdlib.h>

static int add(struct edges *edges, asyncio_future *awaited, size_t waiter)
{
    if (!awaited || future_done(awaited))
        return 0;
    if (edges->count == edges->capacity) {
        size_t capacity = edges->capacity ? edges->capacity * 2 : 64;
        struct edge *all = asyncio__realloc(edges->all, capacity * sizeof *all);
        if (!all)
            return -ENOMEM;
        edges->all = all;
        edges->capacity = capacity;
    }
    edges->all[edges->count++] = (struct edge){ awaited, waiter };
    return 0;
}

/* A member of what `base` is, and a future that a member points to. */
static const void *at(const void *base, int32_t offset)
{
    return (const char *)base + offset;
}

static asyncio_future *future_at(const void *base, int32_t offset)
{
    return *(asyncio_future *const *)at(base, offset);
}

static int add_items(struct edges *edges, const struct awaits *awaits, const char *items,
                     size_t count, size_t waiter)
{
    int r = 0;
    for (size_t i = 0; i < count && r >= 0; i++)
        r = add(edges, future_at(items + i * (size_t)awaits->item, awaits->future), waiter);
    return r;
}

static int add_list(struct edges *edges, const struct awaits *awaits, const struct list *head,
                    size_t waiter)
{
    int r = 0;
    for (const struct list *node = head->next; node != head && r >= 0; node = node->next)
        r = add(edges, future_at((const char *)node - awaits->item, awaits->future), waiter);
    return r;
}

/* What lies behind `base`. */
static int follow(struct edges *edges, const void *base, const struct awaits *awaits, size_t waiter)
{
    if (!awaits)
        return 0;
    switch (awaits->kind) {
    case AWAITS_ONE:
        return add(edges, future_at(base, awaits->at), waiter);
    case AWAITS_ARRAY:
        return add_items(edges, awaits, *(char *const *)at(base, awaits->at),
                         *(const size_t *)at(base, awaits->count), waiter);
    case AWAITS_INLINE:
        return add_items(edges, awaits, at(base, awaits->at),
                         *(const size_t *)at(base, awaits->count), waiter);
    case AWAITS_LIST:
        return add_list(edges, awaits, at(base, awaits->at), waiter);
    default:
        return 0;
    }
}

static int add_task(struct edges *edges, size_t waiter)
{
    const asyncio_task *task = edges->tasks[waiter];
    const struct awaited *waiting = task->waiting;
    size_t begin = edges->count;
    int r = 0;
    if (waiting && (waiting->type->flags & FUTURE_TYPE_REAL))
        r = add(edges, (asyncio_future *)(void *)task->waiting, waiter);
    else if (waiting)
        r = follow(edges, waiting, waiting->type->awaits, waiter);
    for (struct scope *scope = task->scopes; scope && r >= 0; scope = scope->outer)
        r = follow(edges, scope, scope->type->awaits, waiter);
    for (size_t i = begin; i < edges->count && r >= 0; i++) {
        asyncio_future *awaited = edges->all[i].awaited;
        if (!awaited->type->awaits || (awaited->flags & FUTURE_FOLLOWED))
            continue;
        awaited->flags |= FUTURE_FOLLOWED;
        r = follow(edges, awaited, awaited->type->awaits, waiter);
    }
    for (size_t i = begin; i < edges->count; i++)
        edges->all[i].awaited->flags &= (uint8_t)~FUTURE_FOLLOWED;
    return r;
}

static int compare(const void *left, const void *right)
{
    const struct edge *a = left, *b = right;
    uintptr_t x = (uintptr_t)a->awaited, y = (uintptr_t)b->awaited;
    if (x != y)
        return x < y ? -1 : 1;
    return a->waiter < b->waiter ? -1 : a->waiter > b->waiter;
}

static void sort(struct edges *edges)
{
    size_t kept = 0;
    if (edges->count == 0)
        return;
    qsort(edges->all, edges->count, sizeof *edges->all, compare);
    for (size_t i = 1; i < edges->count; i++)
        if (compare(&edges->all[kept], &edges->all[i]) != 0)
            edges->all[++kept] = edges->all[i];
    edges->count = kept + 1;
}

int asyncio__edges_collect(asyncio_loop *loop, struct edges *ret_edges)
{
    struct edges edges = { .all = NULL };
    for (struct list *node = loop->tasks.next; node != &loop->tasks; node = node->next)
        edges.task_count++;
    edges.tasks = asyncio__malloc((edges.task_count + 1) * sizeof(asyncio_task *));
    int r = edges.tasks ? 0 : -ENOMEM;
    size_t index = 0;
    for (struct list *node = loop->tasks.next; node != &loop->tasks && r >= 0; node = node->next) {
        edges.tasks[index] = container_of(node, asyncio_task, all);
        r = add_task(&edges, index++);
    }
    if (r < 0) {
        asyncio__edges_fini(&edges);
        return r;
    }
    sort(&edges);
    *ret_edges = edges;
    return 0;
}

void asyncio__edges_fini(struct edges *edges)
{
    asyncio__free(edges->all);
    asyncio__free(edges->tasks);
}

const struct edge *asyncio__edges_to(const struct edges *edges, const asyncio_future *awaited,
                                     size_t *ret_count)
{
    size_t low = 0, high = edges->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uintptr_t)edges->all[middle].awaited < (uintptr_t)awaited)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < edges->count && edges->all[end].awaited == awaited)
        end++;
    *ret_count = end - low;
    return edges->count ? edges->all + low : NULL;
}
