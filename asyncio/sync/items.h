/* SPDX-License-Identifier: MIT */
/* The items of a queue, and in which order they come out.
 *
 * MODEL      One block of `capacity` places. In order of coming: a ring that begins at `first`. The
 *            newest first: a stack. The smallest first: a heap, with CPython's heapq moves, so that
 *            items that compare equal come out as they do there.
 * MEMORY     It grows by doubling, up to maxsize, and never shrinks: a queue that has been as full
 *            as it gets allocates no more. Two places more than items lie at its end: the
 *            heap moves through the first, what is destroyed lies in the second. */
#pragma once

#include <asyncio/queue.h>
#include <stdbool.h>
#include <string.h>

enum items_order { ITEMS_FIFO, ITEMS_LIFO, ITEMS_HEAP };

/* items.c */
int asyncio__items_grow(asyncio_queue *queue);
void asyncio__items_push_heap(asyncio_queue *queue, const void *item);
void asyncio__items_pop_heap(asyncio_queue *queue, void *ret_item);

static inline char *items_at(const asyncio_queue *queue, size_t index)
{
    return queue->items + index * queue->item_size;
}

/* Pointers and numbers, which most items are, without a call. */
static inline void items_copy(void *to, const void *from, size_t size)
{
    if (size == 8)
        memcpy(to, from, 8);
    else if (size == 4)
        memcpy(to, from, 4);
    else
        memcpy(to, from, size);
}

/* Room for one more; -ENOMEM. */
static inline int items_reserve(asyncio_queue *queue)
{
    return __builtin_expect(queue->count == queue->capacity, 0) ? asyncio__items_grow(queue) : 0;
}

/* There is room. */
static inline void items_push(asyncio_queue *queue, const void *item)
{
    if (__builtin_expect(queue->order == ITEMS_HEAP, 0)) {
        asyncio__items_push_heap(queue, item);
        return;
    }
    size_t index = queue->first + queue->count++;
    if (index >= queue->capacity)
        index -= queue->capacity;
    items_copy(items_at(queue, index), item, queue->item_size);
}

/* There is an item. */
static inline void items_pop(asyncio_queue *queue, void *ret_item)
{
    if (__builtin_expect(queue->order == ITEMS_FIFO, 1)) {
        items_copy(ret_item, items_at(queue, queue->first), queue->item_size);
        queue->count--;
        if (++queue->first == queue->capacity)
            queue->first = 0;
    } else if (queue->order == ITEMS_LIFO) {
        items_copy(ret_item, items_at(queue, --queue->count), queue->item_size);
    } else {
        asyncio__items_pop_heap(queue, ret_item);
    }
}
