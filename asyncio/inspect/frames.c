/* SPDX-License-Identifier: MIT */
/* See frames.h. */
#include "inspect/frames.h"

#include "base/alloc.h"
#include "inspect/look.h"
#include "inspect/spoken.h"
#include "inspect/symbols.h"
#include "task/task.h"

#include <stdio.h>
#include <string.h>
#include <unwind.h>

/* --- capturing --- */

struct walk {
    struct raw_frame *frames;
    size_t capacity, count;
    const void *from;    /* skip the frames before the one that goes on here; NULL: skip none */
    uintptr_t beyond;    /* skip the frames up to and including this function; 0: none */
};

static _Unwind_Reason_Code visit_frame(struct _Unwind_Context *context, void *argument)
{
    struct walk *walk = argument;
    int is_before = 0; /* the instruction at `ip` has not run: a signal came */
    uintptr_t ip = _Unwind_GetIPInfo(context, &is_before);
    uintptr_t function = _Unwind_GetRegionStart(context);
    if (!ip)
        return _URC_END_OF_STACK;
    if (walk->from) {
        if (ip != (uintptr_t)walk->from)
            return _URC_NO_REASON;
        walk->from = NULL;
    }
    if (walk->beyond) {
        if (function == walk->beyond)
            walk->beyond = 0;
        return _URC_NO_REASON;
    }
    if (walk->count == walk->capacity)
        return _URC_END_OF_STACK;
    walk->frames[walk->count++] =
        (struct raw_frame){ (void *)ip, is_before ? ip : ip - 1, function };
    return _URC_NO_REASON;
}

size_t asyncio__frames_here(struct raw_frame *frames, size_t capacity, const void *from)
{
    struct walk walk = { .frames = frames, .capacity = capacity, .from = from };
    (void)_Unwind_Backtrace(visit_frame, &walk);
    if (walk.count == 0 && from) {
        walk = (struct walk){ .frames = frames, .capacity = capacity };
        (void)_Unwind_Backtrace(visit_frame, &walk);
    }
    return walk.count;
}

/* The unwinder initialises itself, and is bound, at its first use. */
void asyncio__frames_prepare(void)
{
    struct raw_frame frame;
    (void)asyncio__frames_here(&frame, 1, NULL);
}

static void walk_suspended(void *argument)
{
    (void)_Unwind_Backtrace(visit_frame, argument);
}

size_t asyncio__frames_of(const struct coro *suspended, struct raw_frame *frames, size_t capacity)
{
    struct walk walk = { .frames = frames,
                         .capacity = capacity,
                         .beyond = (uintptr_t)asyncio__look };
    asyncio__look(suspended->sp, walk_suspended, &walk);
    return walk.count;
}

struct extent_walk {
    struct stack_frame *frames;
    size_t capacity, count;
    uintptr_t beyond;
    bool has_one; /* its end is where the next one begins */
};

/* The unwinder says of each frame where it begins, as its callee found it. */
static _Unwind_Reason_Code visit_extent(struct _Unwind_Context *context, void *argument)
{
    struct extent_walk *walk = argument;
    uintptr_t ip = _Unwind_GetIP(context), low = _Unwind_GetCFA(context);
    uintptr_t function = _Unwind_GetRegionStart(context);
    if (walk->beyond) {
        if (function == walk->beyond)
            walk->beyond = 0;
        return _URC_NO_REASON;
    }
    if (walk->has_one) {
        walk->frames[walk->count].end = low;
        walk->frames[walk->count++].back = ip;
    }
    walk->has_one = ip && walk->count < walk->capacity;
    if (!walk->has_one)
        return _URC_END_OF_STACK;
    walk->frames[walk->count] = (struct stack_frame){ .low = low, .function = function };
    return _URC_NO_REASON;
}

static void walk_extents(void *argument)
{
    (void)_Unwind_Backtrace(visit_extent, argument);
}

size_t asyncio__frames_extent(const struct coro *suspended, struct stack_frame *ret_frames,
                              size_t capacity)
{
    struct extent_walk walk = { .frames = ret_frames,
                                .capacity = capacity,
                                .beyond = suspended ? (uintptr_t)asyncio__look : 0 };
    if (suspended)
        asyncio__look(suspended->sp, walk_extents, &walk);
    else
        walk_extents(&walk);
    return walk.count;
}

/* --- choosing --- */

size_t asyncio__frames_of_step(const struct raw_frame *frames, size_t count)
{
    size_t end = 0;
    while (end < count && frames[end].function != (uintptr_t)asyncio__task_entry &&
           frames[end].function != (uintptr_t)asyncio__loop_turn)
        end++;
    if (end > 0 && end < count && frames[end - 1].function == (uintptr_t)asyncio__coro_call_words)
        end--;
    return end;
}

static const char *name_of(const struct symbol *symbol)
{
    return symbol ? spoken(symbol->places[symbol->place_count - 1].function) : NULL;
}

static bool is_runtime(const struct raw_frame *frame, const struct symbol *symbol)
{
    const char *name = name_of(symbol);
    return frame->function == (uintptr_t)asyncio__task_suspend ||
           frame->function == (uintptr_t)asyncio__task_wait ||
           frame->function == (uintptr_t)asyncio__await_future ||
           frame->function == (uintptr_t)asyncio__task_start_eagerly || is_internal_name(name) ||
           is_public_name(name) || (symbol && is_library_object(symbol->object));
}

/* Where what a waiting user wants to see begins: at the outermost public function of those that
 * the runtime's innermost frames belong to; where names are missing, after the runtime's frames. */
static size_t first_shown(const struct raw_frame *frames, const struct symbol *const *symbols,
                          size_t count)
{
    size_t first = 0;
    while (first < count && !is_public_name(name_of(symbols[first])))
        first++;
    if (first == count)
        for (first = 0; first < count && is_runtime(&frames[first], symbols[first]);)
            first++;
    for (size_t i = first; i < count && is_runtime(&frames[i], symbols[i]); i++)
        if (is_public_name(name_of(symbols[i])))
            first = i;
    return first;
}

/* The frames around a callback are the runtime's, too. */
static size_t end_of_shown(const struct raw_frame *frames, const struct symbol *const *symbols,
                           size_t count)
{
    while (count > 0 && is_runtime(&frames[count - 1], symbols[count - 1]) &&
           !is_public_name(name_of(symbols[count - 1])))
        count--;
    return count;
}

/* --- naming --- */

/* One frame for each inlined function of the user's; the library's functions are shown whole. */
static size_t put_frame(const struct raw_frame *frame, const struct symbol *symbol,
                        asyncio_frame *ret_frames, size_t capacity)
{
    if (!symbol) {
        *ret_frames = (asyncio_frame){ .address = frame->address };
        return 1;
    }
    size_t count = 0, last = symbol->place_count - 1;
    bool is_library = is_public_name(name_of(symbol)) || is_library_object(symbol->object);
    for (size_t i = is_library ? last : 0; i <= last && count < capacity; i++) {
        const struct place *place = &symbol->places[i];
        if (i == last || !is_internal_name(place->function))
            ret_frames[count++] = (asyncio_frame){ frame->address, spoken(place->function),
                                                   place->file, place->line, symbol->object };
    }
    return count;
}

int asyncio__frames_name(const struct raw_frame *frames, size_t count, bool is_waiting,
                         asyncio_frame *ret_frames, size_t capacity)
{
    if (count == 0)
        return 0;
    uintptr_t *addresses = asyncio__malloc(count * (sizeof *addresses + sizeof(void *)));
    if (!addresses)
        return -ENOMEM;
    const struct symbol **symbols = (const struct symbol **)(void *)(addresses + count);
    for (size_t i = 0; i < count; i++)
        addresses[i] = frames[i].lookup;
    asyncio__symbols_find(addresses, count, symbols);
    size_t stored = 0;
    count = end_of_shown(frames, symbols, count);
    size_t first = is_waiting ? first_shown(frames, symbols, count) : 0;
    for (size_t i = first; i < count && stored < capacity; i++)
        if (i == first || !is_internal_name(name_of(symbols[i])))
            stored += put_frame(&frames[i], symbols[i], ret_frames + stored, capacity - stored);
    asyncio__free(addresses);
    return (int)stored;
}

void asyncio__frame_text(const asyncio_frame *frame, char *text, size_t size)
{
    const char *function = frame->function ? frame->function : "?";
    if (frame->file)
        (void)snprintf(text, size, "  File \"%s\", line %d, in %s\n", frame->file, frame->line,
                       function);
    else
        (void)snprintf(text, size, "  File \"%s\", at %p, in %s\n",
                       frame->object ? frame->object : "?", frame->address, function);
}
