/* SPDX-License-Identifier: MIT */
/* The set of timers: which is due first, in the exact order of (when, order of adding). Nothing
 * here allocates or fails.
 *
 * MODEL      Time is cut into ticks of 2^20 ns, about a millisecond. What is due in a later tick
 *            than the current one lies unsorted in a wheel: 8 levels of 64 slots, level l holding
 *            the timers whose tick differs from the current one first in its l-th group of six
 *            bits (from the top). Adding and removing is a list operation and a bit. When the
 *            current tick reaches a slot, its timers move down, at last into `near`, a pairing
 *            heap that orders them exactly. So nothing is rounded, and a timer that is removed
 *            before its tick was never sorted.
 * INVARIANT  All of `near` is of the current tick or earlier, all of the wheel later. So the
 *            earliest timer of the wheel is in the lowest slot of the lowest level that has any.
 * OWNERSHIP  A timer is the caller's memory, zeroed before its first use, and stays where it is
 *            while it is in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TIMER_TICK_BITS = 20,
    TIMER_LEVELS = 8,
    TIMER_SLOT_BITS = 6,
    TIMER_SLOTS = 1 << TIMER_SLOT_BITS
};

struct timer {
    struct timer *next;      /* in a slot, or the next sibling in the heap */
    /* what points to this one: the slot, the heap, its parent or its sibling */
    struct timer **prev;
    /* in the heap: the first child; in a slot: the next but one when it was added, only to be
     * fetched ahead, for it may be gone */
    struct timer *child;
    int64_t when;            /* ns; set it before asyncio__timers_add. INT64_MAX: never */
    uint64_t sequence : 52;  /* the order of adding */
    uint64_t place : 12;     /* 0: in no set; timers.c knows the rest */
};

struct timers {
    size_t count;
    uint64_t tick;           /* the current one */
    uint64_t sequence;       /* the last one given */
    int64_t next;            /* what timers_next says, while next_known */
    bool next_known;
    uint8_t levels;          /* bit l: level l has timers */
    uint64_t slots[TIMER_LEVELS];   /* bit s of [l]: wheel[l][s] has timers */
    struct timer *near;      /* root of the heap */
    struct timer *never;     /* list of those with INT64_MAX */
    struct timer *wheel[TIMER_LEVELS][TIMER_SLOTS];
};

/* `now` in ns says where the wheel starts; any value is right, a near one is cheap. */
void asyncio__timers_init(struct timers *timers, int64_t now);

/* Puts in a timer that is not in, with timer->when set. */
void asyncio__timers_add(struct timers *timers, struct timer *timer);

/* Takes it out; harmless when it is not in. */
void asyncio__timers_remove(struct timers *timers, struct timer *timer);

static inline bool asyncio__timer_active(const struct timer *timer)
{
    return timer->place != 0;
}

/* When asyncio__timers_pop should be called next: never later than the first timer is due, and
 * exactly then when few timers are due near it; INT64_MAX when none ever is. */
int64_t asyncio__timers_look(struct timers *timers);
static inline int64_t timers_next(struct timers *timers)
{
    return timers->next_known ? timers->next : asyncio__timers_look(timers);
}

/* The first timer with when <= now, taken out, or NULL. `now` may be any value in any order;
 * INT64_MAX, a time no clock shows, empties the set: those that never fire come last. */
struct timer *asyncio__timers_pop(struct timers *timers, int64_t now);
