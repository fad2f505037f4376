/* SPDX-License-Identifier: MIT */
/* Bytes that wait: a buffer, and the blocks that buffers are made of.
 *
 * MODEL      A buffer holds its bytes in one piece: they are added behind and taken in front, so
 *            what is in it can be lent as it lies. When there is no room behind, the bytes move to
 *            the front of the block, or to one twice as large. An empty buffer can give its block
 *            back: a connection on which nothing is under way has none.
 * BLOCKS     From 4 KiB up in powers of two. Some of each size up to 64 KiB are kept for reuse,
 *            last in first out. `reserve` makes sure that the next `get` of that size cannot fail:
 *            who sends first and stores what did not go out has to know that before.
 * OWNERSHIP  Blocks are plain allocations: where the pool is gone, asyncio__free does. One
 * thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { BLOCK_MIN = 4096, BLOCK_CLASSES = 5, BLOCK_MAX = BLOCK_MIN << (BLOCK_CLASSES - 1) };

struct blocks {
    void *free[BLOCK_CLASSES];        /* linked through the first word */
    unsigned count[BLOCK_CLASSES];
    void *large;                      /* one reserved that is larger than all of these */
    size_t large_size;
};

struct buffer {
    char *data;                       /* the block, or NULL */
    size_t head, count, capacity;
};

/* Frees what is kept. */
void asyncio__blocks_fini(struct blocks *blocks);
/* A block of at least `size` bytes, *ret_capacity of them, or NULL without memory. */
void *asyncio__blocks_get(struct blocks *blocks, size_t size, size_t *ret_capacity);
/* Takes a block back. `blocks` NULL: frees it. */
void asyncio__blocks_put(struct blocks *blocks, void *block, size_t capacity);
int asyncio__blocks_reserve_slowly(struct blocks *blocks, size_t size);
/* Frees a large block that was reserved and not used. */
void asyncio__blocks_unreserve(struct blocks *blocks);

/* Makes the next get of `size` sure: 0 or -ENOMEM. */
static inline int blocks_reserve(struct blocks *blocks, size_t size)
{
    if (size <= BLOCK_MIN && blocks->free[0])
        return 0;
    return asyncio__blocks_reserve_slowly(blocks, size);
}

static inline char *buffer_bytes(const struct buffer *buffer)
{
    return buffer->data + buffer->head;
}

/* Where the next byte goes, and for how many there is room. */
static inline char *buffer_end(const struct buffer *buffer)
{
    return buffer->data + buffer->head + buffer->count;
}

static inline size_t buffer_room(const struct buffer *buffer)
{
    return buffer->capacity - buffer->head - buffer->count;
}

/* Takes `size` bytes, which are there, out in front. They stay where they are until the next
 * reserve or release. */
static inline void buffer_take(struct buffer *buffer, size_t size)
{
    buffer->head += size;
    buffer->count -= size;
}

/* For `size` bytes in a buffer without a block: the smallest, when it does and one is at hand.
 * False: reserve makes room. */
static inline bool buffer_begin(struct buffer *buffer, struct blocks *blocks, size_t size)
{
    void **block = blocks->free[0];
    if (!block || buffer->data || size > BLOCK_MIN)
        return false;
    blocks->free[0] = *block;
    blocks->count[0]--;
    *buffer = (struct buffer){ .data = (char *)block, .capacity = BLOCK_MIN };
    return true;
}

/* Makes room for `more` bytes behind. -ENOMEM, and nothing has changed. */
int asyncio__buffer_reserve(struct buffer *buffer, struct blocks *blocks, size_t more);
/* Adds bytes for which there is room. */
void asyncio__buffer_add(struct buffer *buffer, const void *bytes, size_t size);
/* Gives the block back, with what is in it. `blocks` NULL: frees it. */
void asyncio__buffer_release(struct buffer *buffer, struct blocks *blocks);
