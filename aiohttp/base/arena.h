/* SPDX-License-Identifier: MIT */
/* Memory that ends together: what belongs to one request, or to one set of headers.
 *
 * MODEL      Taken from the end of a block; given back all at once, by reset or fini. A reset keeps
 *            the memory that was lent at the beginning, or else the first block when it is of the
 *            usual size, so that the next request allocates nothing. Under AddressSanitizer what
 *            was not handed out is poisoned.
 * INVARIANT  Zeroed memory is an empty arena.
 * LIMIT      None of its own: who fills it with what comes from outside has counted before. */
#pragma once

#include "base/span.h"

#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_HIDES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_HIDES 1
#endif
#endif

enum { ARENA_BLOCK = 1024, ARENA_ALIGN = 16 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* of all of it */
};

struct arena {
    char *at, *end;             /* what is free in the newest block */
    struct arena_block *blocks; /* newest first */
    char *lent;                 /* by the owner: comes first, is never freed */
    size_t lent_size;
};

/* Begins with `memory` (aligned as ARENA_ALIGN, or NULL), which stays the caller's. */
void aiohttp__arena_init(struct arena *arena, void *memory, size_t size);

/* Gives all of it back, but for what the next one begins with. */
void aiohttp__arena_reset(struct arena *arena);

/* The same, inline for an arena that has got along with what was lent. */
static inline void arena_reset(struct arena *arena)
{
#if !defined(ARENA_HIDES)
    if (__builtin_expect(!arena->blocks, 1)) {
        arena->at = arena->lent;
        return;
    }
#endif
    aiohttp__arena_reset(arena);
}

/* Gives all of it back. It is empty, and may be used again. */
void aiohttp__arena_fini(struct arena *arena);

/* `size` bytes aligned to ARENA_ALIGN, or NULL without memory. */
void *aiohttp__arena_alloc(struct arena *arena, size_t size);

/* The same, inline where nothing has to be shown to AddressSanitizer. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
#if !defined(ARENA_HIDES)
    size_t skip = -(uintptr_t)arena->at & (ARENA_ALIGN - 1);
    if (__builtin_expect(arena->at && size &&
                             (size_t)(arena->end - arena->at) > skip &&
                             (size_t)(arena->end - arena->at) - skip >= size, 1)) {
        char *memory = arena->at + skip;
        arena->at = memory + size;
        return memory;
    }
#endif
    return aiohttp__arena_alloc(arena, size);
}

/* As alloc, zeroed; -> NULL too when count times size is too much. */
void *aiohttp__arena_calloc(struct arena *arena, size_t count, size_t size);

/* For some hundred bytes: a compiler that knows their number clears eight at a time. */
void aiohttp__zero(void *memory, size_t size);

/* A copy of `text` with a NUL behind it, or NULL without memory. Not aligned. */
char *aiohttp__arena_text(struct arena *arena, struct span text);

/* The same, inline where nothing has to be shown to AddressSanitizer. */
static inline char *arena_text(struct arena *arena, struct span text)
{
#if !defined(ARENA_HIDES)
    if (__builtin_expect(arena->at && text.size &&
                             (size_t)(arena->end - arena->at) > text.size, 1)) {
        char *copy = arena->at;
        arena->at += text.size + 1;
        memcpy(copy, text.data, text.size);
        copy[text.size] = '\0';
        return copy;
    }
#endif
    return aiohttp__arena_text(arena, text);
}

/* Text of printf's form, or NULL without memory. */
char *aiohttp__arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));
