/* SPDX-License-Identifier: MIT */
/* What the items of a queue seldom need: more room, and the heap. */
#include "sync/items.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdint.h>

enum { CAPACITY_FIRST = 16 };

/* The ring is laid straight when it moves. */
int asyncio__items_grow(asyncio_queue *queue)
{
    size_t capacity = queue->capacity ? queue->capacity * 2 : CAPACITY_FIRST;
    if (queue->maxsize && capacity > queue->maxsize)
        capacity = queue->maxsize;
    size_t bytes;
    if (capacity <= queue->capacity ||
        __builtin_mul_overflow(capacity + 2, queue->item_size, &bytes))
        return -ENOMEM;
    char *items = asyncio__malloc(bytes);
    if (!items)
        return -ENOMEM;
    size_t straight = queue->capacity - queue->first;
    if (straight > queue->count)
        straight = queue->count;
    if (queue->count) {
        memcpy(items, items_at(queue, queue->first), straight * queue->item_size);
        memcpy(items + straight * queue->item_size, queue->items,
               (queue->count - straight) * queue->item_size);
    }
    asyncio__free(queue->items);
    queue->items = items;
    queue->capacity = capacity;
    queue->first = 0;
    return 0;
}

static bool is_before(const asyncio_queue *queue, size_t a, size_t b)
{
    return queue->compare(items_at(queue, a), items_at(queue, b)) < 0;
}

static void move(asyncio_queue *queue, size_t to, size_t from)
{
    items_copy(items_at(queue, to), items_at(queue, from), queue->item_size);
}

/* heapq's _siftdown. The item that moves is in the first place beyond all; its own is `at`. */
static void sift_down(asyncio_queue *queue, size_t at)
{
    size_t moving = queue->capacity;
    while (at > 0 && is_before(queue, moving, (at - 1) / 2)) {
        move(queue, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
    move(queue, at, moving);
}

void asyncio__items_push_heap(asyncio_queue *queue, const void *item)
{
    items_copy(items_at(queue, queue->capacity), item, queue->item_size);
    sift_down(queue, queue->count++);
}

/* heapq's heappop and _siftup: the last item goes to the bottom by way of the smaller children,
 * then up. */
void asyncio__items_pop_heap(asyncio_queue *queue, void *ret_item)
{
    items_copy(ret_item, queue->items, queue->item_size);
    size_t end = --queue->count, at = 0, child;
    if (end == 0)
        return;
    move(queue, queue->capacity, end);
    while ((child = 2 * at + 1) < end) {
        if (child + 1 < end && !is_before(queue, child, child + 1))
            child++;
        move(queue, at, child);
        at = child;
    }
    sift_down(queue, at);
}
