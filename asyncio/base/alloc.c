/* SPDX-License-Identifier: MIT */
/* Allocation: the user's functions or libc's, with a counter in front that can make the Nth one
 * fail. */
#include "base/alloc.h"

#include <asyncio/alloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void *libc_realloc(void *old, size_t size, void *data)
{
    (void)data;
    if (size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, size);
}

static asyncio_reallocate *reallocate = libc_realloc;
static void *reallocate_data;

/* the library has allocated: the allocator cannot change any more */
static atomic_bool used;
/* counting costs a contended cache line, so only tests count */
static atomic_bool tracking;
static atomic_uint_fast64_t live;
static atomic_uint_fast64_t counted;
static atomic_uint_fast64_t fail_nth;     /* 0: fault injection is off */
static atomic_int fail_sticky;

int asyncio_set_allocator(asyncio_reallocate *function, void *data)
{
    if (atomic_load(&used))
        return -ASYNCIO_INVALID_STATE;
    reallocate = function ? function : libc_realloc;
    reallocate_data = data;
    return 0;
}

void asyncio__alloc_fail_at(uint64_t nth, int sticky)
{
    atomic_store(&counted, 0);
    atomic_store(&fail_sticky, sticky);
    atomic_store(&fail_nth, nth);
}

uint64_t asyncio__alloc_count(void)
{
    return atomic_load(&counted);
}

uint64_t asyncio__alloc_live(void)
{
    return atomic_load(&live);
}

void asyncio__alloc_track(void)
{
    atomic_store(&tracking, true);
}

int asyncio__alloc_tracked(void)
{
    return atomic_load_explicit(&tracking, memory_order_relaxed);
}

int asyncio__alloc_fails(void)
{
    if (!atomic_load_explicit(&tracking, memory_order_relaxed))
        return 0;
    uint64_t nth = atomic_load_explicit(&fail_nth, memory_order_relaxed);
    uint64_t now = atomic_fetch_add_explicit(&counted, 1, memory_order_relaxed) + 1;
    return nth != 0 && (now == nth || (now > nth && atomic_load(&fail_sticky)));
}

void *asyncio__realloc(void *old, size_t size)
{
    if (asyncio__alloc_fails())
        return NULL;
    void *memory = reallocate(old, size ? size : 1, reallocate_data);
    if (!old && memory) {
        if (atomic_load_explicit(&tracking, memory_order_relaxed))
            atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
        if (!atomic_load_explicit(&used, memory_order_relaxed))
            atomic_store_explicit(&used, true, memory_order_relaxed);
    }
    return memory;
}

void *asyncio__malloc(size_t size)
{
    return asyncio__realloc(NULL, size);
}

void *asyncio__calloc(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    void *memory = asyncio__malloc(total);
    return memory ? memset(memory, 0, total) : NULL;
}

void asyncio__free(void *memory)
{
    if (!memory)
        return;
    if (atomic_load_explicit(&tracking, memory_order_relaxed))
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    (void)reallocate(memory, 0, reallocate_data);
}

char *asyncio__strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = asyncio__malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

/* ---- for libraries on top ---- */

void *asyncio_mem_malloc(size_t size)
{
    return asyncio__malloc(size);
}

void *asyncio_mem_calloc(size_t count, size_t size)
{
    return asyncio__calloc(count, size);
}

void *asyncio_mem_realloc(void *old, size_t size)
{
    return asyncio__realloc(old, size);
}

void asyncio_mem_free(void *memory)
{
    asyncio__free(memory);
}

char *asyncio_mem_strdup(const char *text)
{
    return asyncio__strdup(text);
}
