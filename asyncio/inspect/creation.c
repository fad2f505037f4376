/* SPDX-License-Identifier: MIT */
/* What debug mode wants to know of the code: where a task or future was made, and what a function
 * is called. The loop and task floors ask through asyncio__loop_inspector; in a program that is
 * linked statically and uses nothing of inspect/, nobody answers. */
#include "base/alloc.h"
#include "inspect/creation.h"
#include "inspect/frames.h"
#include "inspect/symbols.h"

#include <stdio.h>
#include <string.h>

enum { CAPTURED_FRAMES = 32 };

struct captured {
    size_t count;
    struct raw_frame frames[];
};

/* Addresses only: what they are called is found when somebody asks. Named as what is linked, so
 * that they are known for the runtime's frames. */
static void *asyncio__keep(const struct raw_frame *frames, size_t count)
{
    count = asyncio__frames_of_step(frames, count);
    struct captured *captured = asyncio__malloc(sizeof *captured + count * sizeof *frames);
    if (!captured)
        return NULL;
    captured->count = count;
    memcpy(captured->frames, frames, count * sizeof *frames);
    return captured;
}

static void *asyncio__capture(void)
{
    struct raw_frame frames[CAPTURED_FRAMES];
    return asyncio__keep(frames, asyncio__frames_here(frames, CAPTURED_FRAMES, NULL));
}

static void *asyncio__capture_of(const struct coro *suspended)
{
    struct raw_frame frames[CAPTURED_FRAMES];
    return asyncio__keep(frames, asyncio__frames_of(suspended, frames, CAPTURED_FRAMES));
}

static size_t name(const void *stack, asyncio_frame *ret_frames, size_t capacity)
{
    const struct captured *captured = stack;
    int r =
        asyncio__frames_name(captured->frames, captured->count, true, ret_frames, capacity);
    return r > 0 ? (size_t)r : 0;
}

static bool describe(const void *function, char *text, size_t size)
{
    uintptr_t address = (uintptr_t)function;
    const struct symbol *symbol = NULL;
    asyncio__symbols_find(&address, 1, &symbol);
    const struct place *place = symbol ? &symbol->places[symbol->place_count - 1] : NULL;
    if (!place || !place->function)
        return false;
    if (place->file)
        (void)snprintf(text, size, "%s() at %s:%d", place->function, place->file, place->line);
    else
        (void)snprintf(text, size, "%s()", place->function);
    return true;
}

static size_t stack(asyncio_task *task, asyncio_frame *ret_frames, size_t capacity)
{
    int r = asyncio__stack_of(task, NULL, ret_frames, capacity);
    return r > 0 ? (size_t)r : 0;
}

const struct loop_inspector asyncio__inspector = { asyncio__capture,       asyncio__capture_of,
                                                   asyncio__frames_extent, name,
                                                   describe,               stack };

__attribute__((constructor)) static void give_to_loop(void)
{
    asyncio__loop_inspector = &asyncio__inspector;
}
