/* SPDX-License-Identifier: MIT */
/* Objects of one size: the chunks beneath. See freelist.h. */
#include "base/freelist.h"

#include "base/alloc.h"

#include <stdint.h>
#include <sys/mman.h>

enum {
    CACHE_LINE = 64,
    HUGE_PAGE = 1 << 21,
    CHUNK_BYTES_MAX = 2 * HUGE_PAGE,
    CHUNK_OBJECTS_MIN = 16,
};

void asyncio__freelist_init(struct freelist *list, size_t object_size)
{
    *list = (struct freelist){ .object_size = (object_size + 15) & ~(size_t)15,
                           .chunk_objects = CHUNK_OBJECTS_MIN };
}

void asyncio__freelist_fini(struct freelist *list)
{
    while (list->chunks) {
        void **chunk = list->chunks;
        list->chunks = *chunk;
        asyncio__free(chunk);
    }
    list->free = NULL;
    list->bump = list->end = NULL;
}

/* Who has come to tens of thousands of objects touches them in an order that no cache knows: huge
 * pages spare most of the faults and of the address translations. A hint; errors are no matter. */
static void prefer_huge_pages(char *begin, char *end)
{
    uintptr_t first = ((uintptr_t)begin + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
    uintptr_t last = (uintptr_t)end & ~(uintptr_t)(HUGE_PAGE - 1);
    if (first < last)
        (void)madvise((void *)first, last - first, MADV_HUGEPAGE);
}

void *asyncio__freelist_more(struct freelist *list)
{
    if (list->bump == list->end) {
        size_t bytes = list->chunk_objects * list->object_size;
        char *chunk = asyncio__malloc(2 * CACHE_LINE + bytes);
        if (!chunk)
            return NULL;
        *(void **)(void *)chunk = list->chunks;
        list->chunks = chunk;
        uintptr_t first = ((uintptr_t)chunk + 2 * CACHE_LINE - 1) & ~(uintptr_t)(CACHE_LINE - 1);
        list->bump = (char *)first; /* objects begin on a cache line; the link lies before */
        list->end = list->bump + bytes;
        prefer_huge_pages(list->bump, list->end);
        if (bytes * 2 <= CHUNK_BYTES_MAX)
            list->chunk_objects *= 2;
    }
    void *object = list->bump;
    list->bump += list->object_size;
    return object;
}
