/* SPDX-License-Identifier: MIT */
/* The pool of stack slots. Contract and picture: coro/stack.h.
 *
 *   free_slots   [ cold ...... | warm ....... ]      an array beside the stacks: a link in a free
 *   stack would touch its
 *                 0        cold           count      page, and an array pops without waiting for
 *                 the last one's memory
 *   fresh        slots of the newest slab nobody had yet, handed out from low to high; their
 *   guards go in in batches
 *                just before, so a slab costs page tables only as far as it is used
 *
 * The array has room for every slot of the pool from the moment its slab exists, so putting back
 * cannot fail.
 * INVARIANT  taken + count + fresh == all slots; free_slots[0..cold) have no memory behind them. */
#include "coro/stack.h"

#include "base/alloc.h"
#include "coro/guard.h"
#include "coro/sanitizer.h"
#include "coro/slab.h"

#include <errno.h>

enum {
    SLOT_DEFAULT = 64 * 1024,
    SLAB_SLOTS_FIRST = 16,              /* 1 MiB of addresses for a small program */
    SLAB_BYTES_MAX = 256 * 1024 * 1024, /* few mappings, whole page-table pages */
    GUARD_BATCH = 256,                  /* slots guarded in one call */
    DROP_MAX = 256,                     /* slots dropped by one asyncio__stack_pool_relax */
};

struct slab {
    struct slab *next;
    char *base;
    size_t slots;
    size_t guarded;
    unsigned *ids; /* of the slots handed out, for valgrind; NULL without it */
    size_t registered;
};

struct stack_pool *asyncio__stack_pool_new(size_t slot_size)
{
    size_t least = asyncio__guard_bytes() + 16384,
           size = least > 32768 ? 2 * asyncio__guard_bytes() : 32768;
    if (slot_size == 0)
        slot_size = SLOT_DEFAULT;
    if (slot_size > SLAB_BYTES_MAX)
        return NULL;
    while (size < slot_size)
        size *= 2;
    struct stack_pool *pool = asyncio__calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->slot_size = size;
    pool->slot_shift = (unsigned)__builtin_ctzl(size);
    pool->guard = asyncio__guard_bytes();
    return pool;
}

void asyncio__stack_pool_free(struct stack_pool *pool)
{
    if (!pool)
        return;
    for (struct slab *slab = pool->slabs, *next; slab; slab = next) {
        next = slab->next;
        for (size_t i = 0; i < slab->registered; i++)
            sanitizer_slot_fini(slab->ids[i]);
        sanitizer_slot_reuse(slab->base, slab->base + slab->slots * pool->slot_size);
        asyncio__slab_remove(slab->base);
        asyncio__guard_unmap(slab->base, slab->slots * pool->slot_size);
        asyncio__guard_forget(slab->guarded);
        asyncio__free(slab->ids);
        asyncio__free(slab);
    }
    asyncio__free(pool->free_slots);
    asyncio__free(pool);
}

size_t asyncio__stack_pool_slot_size(const struct stack_pool *pool)
{
    return pool->slot_size;
}

size_t asyncio__stack_pool_unguarded(const struct stack_pool *pool)
{
    return pool->unguarded;
}

/* Maps a slab of `slots` slots and makes it the one of the fresh slots. 0 or -ENOMEM. */
static int slab_new(struct stack_pool *pool, size_t slots)
{
    size_t size = slots * pool->slot_size;
    char **array = asyncio__realloc(pool->free_slots, (pool->capacity + slots) * sizeof *array);
    if (!array)
        return -ENOMEM;
    pool->free_slots = array; /* larger than needed, should the rest fail */
    struct slab *slab = asyncio__calloc(1, sizeof *slab);
    unsigned *ids = sanitizer_is_valgrind() ? asyncio__calloc(slots, sizeof *ids) : NULL;
    char *base = asyncio__alloc_fails() ? NULL : asyncio__guard_map(size, pool->slot_size);
    if (slab && base && (ids || !sanitizer_is_valgrind()) &&
        asyncio__slab_add(base, pool->slot_size, slots) == 0) {
        *slab = (struct slab){ .next = pool->slabs, .base = base, .slots = slots, .ids = ids };
        pool->slabs = slab;
        pool->fresh = pool->fresh_guarded = base;
        pool->fresh_end = base + size;
        pool->capacity += slots;
        return 0;
    }
    if (base)
        asyncio__guard_unmap(base, size);
    asyncio__free(ids);
    asyncio__free(slab);
    return -ENOMEM;
}

/* As many slots again as there are, within limits; fewer when the address space is short. */
static int grow(struct stack_pool *pool)
{
    size_t most = SLAB_BYTES_MAX / pool->slot_size, slots = SLAB_SLOTS_FIRST;
    while (slots < pool->capacity && slots < most)
        slots *= 2;
    if (slots > most)
        slots = most;
    for (;; slots /= 2) {
        int r = slab_new(pool, slots);
        if (r == 0 || slots == 1)
            return r;
    }
}

/* Guards for the next fresh slots, as many as fit a call. */
static void guard_fresh(struct stack_pool *pool)
{
    struct slab *slab = pool->slabs;
    size_t left = (size_t)(pool->fresh_end - pool->fresh_guarded) / pool->slot_size;
    size_t n = left < GUARD_BATCH ? left : GUARD_BATCH;
    size_t guarded = asyncio__guard_install(pool->fresh_guarded, pool->slot_size, n);
    slab->guarded += guarded;
    pool->unguarded += n - guarded;
    pool->fresh_guarded += n * pool->slot_size;
}

static int slot_fresh(struct stack_pool *pool, char **ret_slot)
{
    if (pool->fresh == pool->fresh_end) {
        int r = grow(pool);
        if (r < 0)
            return r;
    }
    if (pool->fresh == pool->fresh_guarded)
        guard_fresh(pool);
    char *slot = pool->fresh;
    pool->fresh += pool->slot_size;
    struct slab *slab = pool->slabs;
    if (slab->ids)
        slab->ids[slab->registered++] =
            sanitizer_slot_init(slot + pool->guard, slot + pool->slot_size);
    *ret_slot = slot;
    return 0;
}

int asyncio__stack_get_cold(struct stack_pool *pool, struct stack *ret)
{
    char *slot;
    int r = slot_fresh(pool, &slot);
    if (r < 0)
        return r;
    stack_taken(pool, slot, ret);
    return 0;
}

void asyncio__stack_pool_relax(struct stack_pool *pool)
{
    /* What was needed at once lately, forgotten by an eighth a period. */
    size_t decayed = pool->watermark - (pool->watermark + 7) / 8;
    pool->watermark = pool->taken_peak > decayed ? pool->taken_peak : decayed;
    pool->taken_peak = pool->taken;

    size_t warm = pool->taken + pool->count - pool->cold;
    if (warm <= pool->watermark)
        return;
    size_t excess = warm - pool->watermark; /* <= count - cold, since taken <= watermark */
    size_t n = excess < DROP_MAX ? excess : DROP_MAX;
    char *usable[DROP_MAX];
    for (size_t i = 0; i < n; i++)
        usable[i] = pool->free_slots[pool->cold + i] + pool->guard;
    asyncio__guard_drop(usable, pool->slot_size - pool->guard, n);
    pool->cold += n;
}

void asyncio__stack_trim(struct stack_pool *pool, void *sp)
{
    enum { RED_ZONE = 128 }; /* leaf functions use what is below sp */
    char *bottom = stack_slot_of(pool, sp) + pool->guard;
    char *end = (char *)(((uintptr_t)sp - RED_ZONE) & ~(asyncio__guard_page() - 1));
    if (end > bottom)
        asyncio__guard_drop(&bottom, (size_t)(end - bottom), 1);
}
