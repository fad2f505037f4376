/* SPDX-License-Identifier: MIT */
/* Stacks for tasks: slots in slabs, each with a guard below it, reused last in first out.
 *
 *   slab (one mapping, reserved not committed)
 *   | guard 16K |   slot 0 usable   | guard 16K |   slot 1 usable   | ...
 *                                  ^ top                           ^ top
 *
 * MODEL      A pool belongs to one loop, so to one thread, and has one slot size (a power of two
 *            from 32 KiB up; 64 KiB unless asked otherwise, guard included). Who wants other sizes
 *            keeps a pool per power of two. Slabs are mapped PROT_READ|PROT_WRITE, MAP_NORESERVE,
 *            MADV_NOHUGEPAGE; the first has 16 slots, each as many as there were before it, up to
 *            256 MiB. They are unmapped with their pool.
 * GUARD      Four pages by MADV_GUARD_INSTALL, for many slots of a slab in one call where the
 *            kernel can (process_madvise), else one each; probed once per process by what it must
 *            do: fault. Before Linux 6.13: mprotect, until 45% of vm.max_map_count is used; from
 *            there on slots are unguarded and asyncio__stack_pool_unguarded tells how many.
 * COST       Getting and putting back a warm slot makes no system call. An idle task touches one
 *            page.
 * TRIM       asyncio__stack_trim drops the pages below a stack pointer (MADV_DONTNEED), for tasks
 *            long idle.
 * COLOUR     Tops differ by a few cache lines from slot to slot, or 10,000 ready tasks fight for
 *            one set of the cache.
 * OVERFLOW   asyncio__stack_overflow_handler_install puts a SIGSEGV/SIGBUS handler on an alternate
 *            stack: a fault inside the guard of a slot, by who runs on that slot, prints the
 *            task's name and the remedy by write(2) and dies by that signal; any other fault goes
 *            to the handler that was there before. */
#pragma once

#include "coro/sanitizer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slab;

/* Its fields are stack.c's: they stand here for the functions that are inline. */
struct stack_pool {
    char **free_slots;
    size_t count, cold;
    size_t taken, taken_peak; /* the peak since the last relax */
    size_t slot_size, guard;
    unsigned slot_shift;                     /* slot_size is 1 << this */
    char *fresh, *fresh_guarded, *fresh_end; /* fresh_guarded: from here on guards are missing */
    size_t capacity;                         /* of free_slots = all slots */
    size_t watermark;                        /* slots worth keeping in memory, decays */
    size_t unguarded;
    struct slab *slabs; /* newest first */
};

/* A slot. `bottom` is the lowest usable address (just above the guard), `top` the highest, aligned
 * to 16 and already coloured. */
struct stack {
    void *bottom, *top;
};

/* Returns new pool, or NULL: no memory, or more than 256 MiB asked. `slot_size` is rounded up to a
 * power of two of at least 16 KiB + guard; 0: the default. */
struct stack_pool *asyncio__stack_pool_new(size_t slot_size);

/* NULL allowed. All slots must be back, or are dropped. */
void asyncio__stack_pool_free(struct stack_pool *pool);
size_t asyncio__stack_pool_slot_size(const struct stack_pool *pool);
size_t asyncio__stack_pool_unguarded(const struct stack_pool *pool);

/* tops differ by 15 lines at most: an idle task fits a page */
enum { STACK_COLOURS = 16, STACK_LINE = 64 };

static inline void stack_taken(struct stack_pool *pool, char *slot, struct stack *ret)
{
    if (++pool->taken > pool->taken_peak)
        pool->taken_peak = pool->taken;
    /* Slots are a power of two apart, so without this all tops would be in one set of a cache. */
    size_t colour = ((uintptr_t)slot >> pool->slot_shift) % STACK_COLOURS * STACK_LINE;
    ret->bottom = slot + pool->guard;
    ret->top = slot + pool->slot_size - colour;
    sanitizer_slot_reuse(ret->bottom, slot + pool->slot_size);
}

/* Who makes many tasks in a row waits for the top of each stack, a page and its table entry that
 * nobody has touched for long: the one after the next two is fetched. */
static inline __attribute__((always_inline)) void
stack_fetch_ahead(const struct stack_pool *pool) /* else gcc 12 takes it for a pure function */
{
    enum { AHEAD = 3, LINES = 4 };
    if (pool->count < AHEAD)
        return;
    char *slot = pool->free_slots[pool->count - AHEAD];
    char *top = slot + pool->slot_size -
                ((uintptr_t)slot >> pool->slot_shift) % STACK_COLOURS * STACK_LINE;
    for (int i = 1; i <= LINES; i++)
        __builtin_prefetch(top - i * STACK_LINE, 1);
}

static inline char *stack_slot_of(const struct stack_pool *pool, void *address)
{
    return (char *)((uintptr_t)address & ~(pool->slot_size - 1));
}

/* A slot nobody had yet. */
int asyncio__stack_get_cold(struct stack_pool *pool, struct stack *ret);

/* 0, or -ENOMEM (the pool is as before). */
static inline int asyncio__stack_get(struct stack_pool *pool, struct stack *ret)
{
    if (__builtin_expect(pool->count == 0, 0))
        return asyncio__stack_get_cold(pool, ret);
    char *slot = pool->free_slots[--pool->count];
    if (pool->cold > pool->count)
        pool->cold = pool->count;
    stack_fetch_ahead(pool);
    stack_taken(pool, slot, ret);
    return 0;
}

/* Puts a slot back; any `address` inside it names it (`top` may be the first one past it). Never
 * fails, makes no system call. May be called while still running on it: the memory stays mapped
 * and untouched until the next asyncio__stack_get or _relax. */
static inline void asyncio__stack_put(struct stack_pool *pool, void *address)
{
    pool->free_slots[pool->count++] = stack_slot_of(pool, address);
    pool->taken--;
}

/* Ends a period, and gives back to the kernel the memory of free slots beyond what was needed at
 * once lately: the peak of the last period, or what is left of earlier ones, an eighth less each.
 * At most 256 slots a call, which takes a tenth of a millisecond. Called by the loop when it is
 * about to sleep, ten times a second at most, and not on a slot that was put back. */
void asyncio__stack_pool_relax(struct stack_pool *pool);

/* Free slots whose memory has not been given back. */
static inline size_t stack_pool_warm(const struct stack_pool *pool)
{
    return pool->count - pool->cold;
}

/* Drops whole pages of the slot below `sp`. */
void asyncio__stack_trim(struct stack_pool *pool, void *sp);

/* For the overflow message: what to call the task whose slot contains an address. `name` must be
 * async-signal-safe: it copies into `text`. Set once by the task floor. */
void asyncio__stack_set_namer(void (*name)(void *slot_address, char *text, size_t size));

/* Installs the fault handler for the process (first call) and an alternate signal stack for this
 * thread if it has none. 0 or -errno. */
int asyncio__stack_overflow_handler_install(void);

/* Gives this thread's alternate stack back, if it was ours. */
void asyncio__stack_overflow_handler_thread_exit(void);
