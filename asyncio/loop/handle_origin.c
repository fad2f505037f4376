/* SPDX-License-Identifier: MIT */
/* Debug mode: where handles were made. A handle has room for a number only, so the frames are in a
 * table of the process: handles are made by any thread. */
#include "loop/handle.h"

#include "base/alloc.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
/* [0] is not used. What is free has the next free number in place of frames. The table goes with
 * its last entry. */
static union origin {
    void *frames;
    uintptr_t next;
} *origins;
static uint32_t count, capacity, first_free, used;

static uint32_t take_number(void)
{
    uint32_t number = first_free;
    if (number) {
        first_free = (uint32_t)origins[number].next;
        return number;
    }
    if (count + 1 >= capacity) {
        uint32_t more = capacity ? capacity * 2 : 64;
        union origin *all =
            more > capacity ? asyncio__realloc(origins, more * sizeof *all) : NULL;
        if (!all)
            return 0;
        origins = all;
        capacity = more;
    }
    return ++count;
}

static void *give_back(uint32_t number)
{
    void *frames = origins[number].frames;
    origins[number].next = first_free;
    first_free = number;
    if (--used == 0) {
        asyncio__free(origins);
        origins = NULL;
        count = capacity = first_free = 0;
    }
    return frames;
}

uint32_t asyncio__handle_origin_keep(void)
{
    const struct loop_inspector *inspector = asyncio__loop_inspector;
    void *frames = inspector ? inspector->capture() : NULL;
    if (!frames)
        return 0;
    (void)pthread_mutex_lock(&mutex);
    uint32_t number = take_number();
    if (number) {
        origins[number].frames = frames;
        used++;
    }
    (void)pthread_mutex_unlock(&mutex);
    if (!number)
        asyncio__free(frames);
    return number;
}

void asyncio__handle_origin_drop(uint32_t number)
{
    (void)pthread_mutex_lock(&mutex);
    void *frames = give_back(number);
    (void)pthread_mutex_unlock(&mutex);
    asyncio__free(frames);
}

const void *asyncio__handle_origin(const asyncio_handle *handle)
{
    if (!handle->origin)
        return NULL;
    (void)pthread_mutex_lock(&mutex);
    const void *frames = origins[handle->origin].frames;
    (void)pthread_mutex_unlock(&mutex);
    return frames;
}
