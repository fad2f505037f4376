/* SPDX-License-Identifier: MIT */
/* Many objects of one size, reused last in first out: what a loop makes and ends all the time
 * (tasks, futures, handles) costs neither a malloc nor a cold cache line when warm.
 *
 * Memory comes in chunks and goes back when the list ends. Under AddressSanitizer each object is
 * an allocation of its own, so that a use after free is seen. One thread. */
#pragma once

#include "base/sanitize.h"

#include <stddef.h>

struct freelist {
    void **free;          /* the first free object, linked through its first word */
    char *bump, *end;     /* what the last chunk has not given out yet */
    void *chunks;         /* all chunks, linked through their first word */
    size_t object_size;
    size_t chunk_objects; /* of the next chunk: grows */
};

void asyncio__freelist_init(struct freelist *list, size_t object_size);
/* all objects are back, or are lost with it */
void asyncio__freelist_fini(struct freelist *list);
/* the slow path of asyncio__freelist_get */
void *asyncio__freelist_more(struct freelist *list);

#if defined(ASYNCIO__SANITIZE_ADDRESS)
#include "base/alloc.h"
static inline void *asyncio__freelist_get(struct freelist *list)
{
    return asyncio__malloc(list->object_size);
}
static inline void asyncio__freelist_put(struct freelist *list, void *object)
{
    (void)list;
    asyncio__free(object);
}
#else
/* An object with undefined content, or NULL without memory. */
static inline void *asyncio__freelist_get(struct freelist *list)
{
    void **object = list->free;
    if (__builtin_expect(object != NULL, 1)) {
        list->free = *object;
        return object;
    }
    return asyncio__freelist_more(list);
}

static inline void asyncio__freelist_put(struct freelist *list, void *object)
{
    *(void **)object = list->free;
    list->free = object;
}
#endif
