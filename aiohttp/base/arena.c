/* SPDX-License-Identifier: MIT */
/* Arenas: see arena.h. */
#include "base/arena.h"

#include <asyncio/alloc.h>
#include <stdarg.h>
#include <stdio.h>

#if defined(ARENA_HIDES)
#include <sanitizer/asan_interface.h>
#define HIDE(memory, size) ASAN_POISON_MEMORY_REGION(memory, size)
#define SHOW(memory, size) ASAN_UNPOISON_MEMORY_REGION(memory, size)
#else
#define HIDE(memory, size) ((void)(memory), (void)(size))
#define SHOW(memory, size) ((void)(memory), (void)(size))
#endif

enum { HEAD = (sizeof(struct arena_block) + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1) };

static void begin(struct arena *arena, char *memory, size_t size)
{
    arena->at = memory;
    arena->end = memory ? memory + size : NULL;
    if (memory)
        HIDE(memory, size);
}

void aiohttp__arena_init(struct arena *arena, void *memory, size_t size)
{
    *arena = (struct arena){ .lent = memory, .lent_size = memory ? size : 0 };
    begin(arena, arena->lent, arena->lent_size);
}

static void block_free(struct arena_block *block)
{
    SHOW(block, block->size);
    asyncio_mem_free(block);
}

void aiohttp__arena_reset(struct arena *arena)
{
    struct arena_block *kept = NULL;
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        if (!kept && !arena->lent && block->size == ARENA_BLOCK)
            kept = block;
        else
            block_free(block);
    }
    if (kept) {
        kept->next = NULL;
        arena->blocks = kept;
        begin(arena, (char *)kept + HEAD, kept->size - HEAD);
    } else {
        begin(arena, arena->lent, arena->lent_size);
    }
}

void aiohttp__arena_fini(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        block_free(block);
    }
    if (arena->lent)
        SHOW(arena->lent, arena->lent_size);
    *arena = (struct arena){ .lent = NULL };
}

/* What is large gets a block of its own, behind the newest, which goes on being used. */
static void *take_large(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    struct arena_block *block = asyncio_mem_malloc(HEAD + size);
    if (!block)
        return NULL;
    block->size = HEAD + size;
    if (arena->blocks) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = NULL;
        arena->blocks = block;
    }
    return (char *)block + HEAD;
}

static void *take(struct arena *arena, size_t size, size_t align)
{
    size_t skip = arena->at ? -(uintptr_t)arena->at & (align - 1) : 0;
    size_t room = arena->at ? (size_t)(arena->end - arena->at) : 0;
    if (room < skip || room - skip < size) {
        if (size > (ARENA_BLOCK - HEAD) / 4)
            return take_large(arena, size);
        struct arena_block *block = asyncio_mem_malloc(ARENA_BLOCK);
        if (!block)
            return NULL;
        *block = (struct arena_block){ .next = arena->blocks, .size = ARENA_BLOCK };
        arena->blocks = block;
        begin(arena, (char *)block + HEAD, ARENA_BLOCK - HEAD);
        skip = 0;
    }
    char *memory = arena->at + skip;
    arena->at = memory + size;
    SHOW(memory, size);
    return memory;
}

void *aiohttp__arena_alloc(struct arena *arena, size_t size)
{
    return take(arena, size ? size : 1, ARENA_ALIGN);
}

void *aiohttp__arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t all;
    void *memory = __builtin_mul_overflow(count, size, &all) ? NULL :
                                                                aiohttp__arena_alloc(arena, all);
    return memory ? memset(memory, 0, all) : NULL;
}

void aiohttp__zero(void *memory, size_t size)
{
    memset(memory, 0, size);
}

char *aiohttp__arena_text(struct arena *arena, struct span text)
{
    char *copy = text.size < SIZE_MAX ? take(arena, text.size + 1, 1) : NULL;
    if (!copy)
        return NULL;
    if (text.size)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

char *aiohttp__arena_printf(struct arena *arena, const char *format, ...)
{
    char few[256];
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int size = vsnprintf(few, sizeof few, format, list);
    va_end(list);
    char *text = NULL;
    if (size >= 0 && (size_t)size < sizeof few)
        text = aiohttp__arena_text(arena, (struct span){ few, (size_t)size });
    else if (size >= 0 && (text = take(arena, (size_t)size + 1, 1)) != NULL)
        (void)vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}
