/* SPDX-License-Identifier: MIT */
/* Buffers and their blocks. See buffer.h. */
#include "base/buffer.h"

#include "base/alloc.h"
#include "base/sanitize.h"

#include <errno.h>
#include <string.h>

/* What is kept of each size. Under AddressSanitizer only what `reserve` needs: a use after free is
 * to be seen. */
#if defined(ASYNCIO__SANITIZE_ADDRESS)
enum { KEPT_BYTES = 1 };
#else
enum { KEPT_BYTES = 1 << 18 };
#endif

static int class_of(size_t size)
{
    int class = 0;
    while (class < BLOCK_CLASSES && ((size_t)BLOCK_MIN << class) < size)
        class++;
    return class;
}

void asyncio__blocks_fini(struct blocks *blocks)
{
    for (int class = 0; class < BLOCK_CLASSES; class++) {
        while (blocks->free[class]) {
            void **block = blocks->free[class];
            blocks->free[class] = *block;
            asyncio__free(block);
        }
    }
    asyncio__free(blocks->large);
    *blocks = (struct blocks){ { NULL }, { 0 }, NULL, 0 };
}

void *asyncio__blocks_get(struct blocks *blocks, size_t size, size_t *ret_capacity)
{
    int class = class_of(size);
    if (class == BLOCK_CLASSES) {
        void *block = blocks->large;
        if (block && blocks->large_size >= size) {
            *ret_capacity = blocks->large_size;
            blocks->large = NULL;
            return block;
        }
        *ret_capacity = size;
        return asyncio__malloc(size);
    }
    *ret_capacity = (size_t)BLOCK_MIN << class;
    void **block = blocks->free[class];
    if (!block)
        return asyncio__malloc(*ret_capacity);
    blocks->free[class] = *block;
    blocks->count[class]--;
    return block;
}

void asyncio__blocks_put(struct blocks *blocks, void *block, size_t capacity)
{
    int class = class_of(capacity);
    if (!blocks || class == BLOCK_CLASSES ||
        (blocks->free[class] && (blocks->count[class] + 1) * capacity > KEPT_BYTES)) {
        asyncio__free(block);
        return;
    }
    *(void **)block = blocks->free[class];
    blocks->free[class] = block;
    blocks->count[class]++;
}

int asyncio__blocks_reserve_slowly(struct blocks *blocks, size_t size)
{
    int class = class_of(size);
    if (class < BLOCK_CLASSES ? blocks->free[class] != NULL
                              : blocks->large && blocks->large_size >= size)
        return 0;
    if (class == BLOCK_CLASSES)
        asyncio__blocks_unreserve(blocks);
    size_t capacity = class < BLOCK_CLASSES ? (size_t)BLOCK_MIN << class : size;
    void *block = asyncio__malloc(capacity);
    if (!block)
        return -ENOMEM;
    if (class < BLOCK_CLASSES) {
        asyncio__blocks_put(blocks, block, capacity);
    } else {
        blocks->large = block;
        blocks->large_size = size;
    }
    return 0;
}

void asyncio__blocks_unreserve(struct blocks *blocks)
{
    asyncio__free(blocks->large);
    blocks->large = NULL;
    blocks->large_size = 0;
}

int asyncio__buffer_reserve(struct buffer *buffer, struct blocks *blocks, size_t more)
{
    if (buffer->capacity - buffer->head - buffer->count >= more)
        return 0;
    size_t needed;
    if (__builtin_add_overflow(buffer->count, more, &needed))
        return -ENOMEM;
    /* Moving to the front pays only when at least as much was taken as is left. */
    if (needed <= buffer->capacity && buffer->head >= buffer->count) {
        memmove(buffer->data, buffer_bytes(buffer), buffer->count);
        buffer->head = 0;
        return 0;
    }
    size_t wanted = buffer->capacity * 2 > needed ? buffer->capacity * 2 : needed;
    size_t capacity;
    char *block = asyncio__blocks_get(blocks, wanted, &capacity);
    if (!block && wanted > needed)
        block = asyncio__blocks_get(blocks, needed, &capacity);
    if (!block)
        return -ENOMEM;
    if (buffer->count)
        memcpy(block, buffer_bytes(buffer), buffer->count);
    if (buffer->data)
        asyncio__blocks_put(blocks, buffer->data, buffer->capacity);
    *buffer = (struct buffer){ .data = block, .count = buffer->count, .capacity = capacity };
    return 0;
}

void asyncio__buffer_add(struct buffer *buffer, const void *bytes, size_t size)
{
    memcpy(buffer_end(buffer), bytes, size);
    buffer->count += size;
}

void asyncio__buffer_release(struct buffer *buffer, struct blocks *blocks)
{
    if (buffer->data)
        asyncio__blocks_put(blocks, buffer->data, buffer->capacity);
    *buffer = (struct buffer){ .data = NULL };
}
