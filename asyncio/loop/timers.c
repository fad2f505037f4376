/* SPDX-License-Identifier: MIT */
/* The wheel and the heap: see timers.h.
 *
 * Ticks are unsigned, with the sign of the time turned round, so that they order as the times do.
 * A tick has 44 bits; the levels cover 48. The current tick only grows; a timer that is added for
 * an earlier one is simply put into the heap. */
#include "loop/timers.h"

#include <string.h>

/* What `place` says: where the timer is, and of the wheel which level and slot. */
enum { NOWHERE = 0, IN_HEAP = 1, IN_WHEEL = 2, IN_NEVER = 3, WHERE_SHIFT = 10 };

enum { SLOT_MASK = TIMER_SLOTS - 1, SCAN_MAX = 8 };

static uint64_t tick_of(int64_t when)
{
    return ((uint64_t)when ^ (1ULL << 63)) >> TIMER_TICK_BITS;
}

static int64_t start_of(uint64_t tick)
{
    return (int64_t)((tick << TIMER_TICK_BITS) ^ (1ULL << 63));
}

static bool is_before(const struct timer *a, const struct timer *b)
{
    return a->when < b->when || (a->when == b->when && a->sequence < b->sequence);
}

static void link_at(struct timer **at, struct timer *timer)
{
    timer->prev = at;
    timer->next = *at;
    if (timer->next)
        timer->next->prev = &timer->next;
    *at = timer;
}

static void unlink_it(struct timer *timer)
{
    *timer->prev = timer->next;
    if (timer->next)
        timer->next->prev = timer->prev;
}

/* One heap of two roots without siblings. */
static struct timer *meld(struct timer *a, struct timer *b)
{
    if (!a || !b)
        return a ? a : b;
    struct timer *first = is_before(a, b) ? a : b;
    link_at(&first->child, first == a ? b : a);
    return first;
}

/* One heap of a list of siblings: pairs from the front, then all from the back. That is what makes
 * it O(log n), amortised. */
static struct timer *meld_siblings(struct timer *sibling)
{
    struct timer *pairs = NULL, *root = NULL;
    while (sibling) {
        struct timer *a = sibling, *b = a->next;
        sibling = b ? b->next : NULL;
        a->next = NULL;
        if (b)
            b->next = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct timer *rest = pairs->next;
        pairs->next = NULL;
        root = meld(root, pairs);
        pairs = rest;
    }
    return root;
}

static void heap_set(struct timers *timers, struct timer *root)
{
    timers->near = root;
    if (root)
        root->prev = &timers->near;
}

static void heap_remove(struct timers *timers, struct timer *timer)
{
    unlink_it(timer);
    heap_set(timers, meld(timers->near, meld_siblings(timer->child)));
}

/* The lowest slot of the lowest level that has any: where the wheel's first timer is. */
static void first_slot(const struct timers *timers, unsigned *ret_level, unsigned *ret_slot)
{
    *ret_level = (unsigned)__builtin_ctz(timers->levels);
    *ret_slot = (unsigned)__builtin_ctzll(timers->slots[*ret_level]);
}

static uint64_t slot_tick(const struct timers *timers, unsigned level, unsigned slot)
{
    unsigned shift = level * TIMER_SLOT_BITS;
    uint64_t above = timers->tick >> shift >> TIMER_SLOT_BITS << TIMER_SLOT_BITS;
    return (above | slot) << shift;
}

static void slot_is_empty(struct timers *timers, unsigned level, unsigned slot)
{
    timers->slots[level] &= ~(1ULL << slot);
    if (!timers->slots[level])
        timers->levels &= (uint8_t)~(1U << level);
}

static void wheel_add(struct timers *timers, struct timer *timer, uint64_t tick)
{
    unsigned level = (63U - (unsigned)__builtin_clzll(tick ^ timers->tick)) / TIMER_SLOT_BITS;
    unsigned slot = (unsigned)(tick >> (level * TIMER_SLOT_BITS)) & SLOT_MASK;
    struct timer *after = timers->wheel[level][slot];
    timer->child = after ? after->next : NULL;
    link_at(&timers->wheel[level][slot], timer);
    timers->slots[level] |= 1ULL << slot;
    timers->levels |= (uint8_t)(1U << level);
    timer->place = (IN_WHEEL << WHERE_SHIFT | level << TIMER_SLOT_BITS | slot) & 0xfff;
}

/* Puts a timer with its sequence where it belongs. */
static void place_timer(struct timers *timers, struct timer *timer)
{
    uint64_t tick = tick_of(timer->when);
    if (timer->when == INT64_MAX) {
        link_at(&timers->never, timer);
        timer->place = IN_NEVER << WHERE_SHIFT;
    } else if (tick > timers->tick) {
        wheel_add(timers, timer, tick);
    } else {
        timer->next = timer->child = NULL;
        heap_set(timers, meld(timers->near, timer));
        timer->place = IN_HEAP << WHERE_SHIFT;
    }
}

void asyncio__timers_init(struct timers *timers, int64_t now)
{
    memset(timers, 0, sizeof *timers);
    timers->tick = tick_of(now);
    timers->next = INT64_MAX;
    timers->next_known = true;
}

void asyncio__timers_add(struct timers *timers, struct timer *timer)
{
    timer->sequence = ++timers->sequence & ((1ULL << 52) - 1);
    place_timer(timers, timer);
    timers->count++;
    if (timer->when < timers->next)
        timers->next = timer->when;
}

void asyncio__timers_remove(struct timers *timers, struct timer *timer)
{
    unsigned place = timer->place, where = place >> WHERE_SHIFT;
    if (where == NOWHERE)
        return;
    if (where == IN_HEAP) {
        heap_remove(timers, timer);
    } else {
        unlink_it(timer);
        unsigned level = place >> TIMER_SLOT_BITS & 0xf, slot = place & SLOT_MASK;
        if (where == IN_WHEEL && !timers->wheel[level][slot]) {
            slot_is_empty(timers, level, slot);
            timers->next_known = false;
        }
    }
    if (timer->when <= timers->next)
        timers->next_known = false;
    timer->place = NOWHERE;
    timers->count--;
}

int64_t asyncio__timers_look(struct timers *timers)
{
    timers->next = INT64_MAX;
    timers->next_known = true;
    if (timers->near) {
        timers->next = timers->near->when;
    } else if (timers->levels) {
        unsigned level, slot, seen = 0;
        first_slot(timers, &level, &slot);
        const struct timer *timer = timers->wheel[level][slot];
        for (; timer && seen < SCAN_MAX; timer = timer->next, seen++)
            if (timer->when < timers->next)
                timers->next = timer->when;
        if (timer)
            timers->next = start_of(slot_tick(timers, level, slot));
    }
    return timers->next;
}

/* Lets the current tick grow up to `target`, or to the first slot on the way that has timers. */
static void advance(struct timers *timers, uint64_t target)
{
    if (!timers->levels) {
        timers->tick = target;
        return;
    }
    unsigned level, slot;
    first_slot(timers, &level, &slot);
    uint64_t tick = slot_tick(timers, level, slot);
    if (tick > target) {
        /* below the slot all groups of bits stay apart where they were apart */
        timers->tick = target;
        return;
    }
    timers->tick = tick;
    timers->next_known = false;
    struct timer *timer = timers->wheel[level][slot];
    timers->wheel[level][slot] = NULL;
    slot_is_empty(timers, level, slot);
    while (timer) {
        struct timer *rest = timer->next;
        __builtin_prefetch(timer->child);
        place_timer(timers, timer);
        timer = rest;
    }
}

/* At the end of time, which is how a loop that closes empties the set. */
static struct timer *pop_never(struct timers *timers)
{
    struct timer *timer = timers->never;
    if (timer)
        asyncio__timers_remove(timers, timer);
    return timer;
}

struct timer *asyncio__timers_pop(struct timers *timers, int64_t now)
{
    uint64_t target = tick_of(now);
    while (!timers->near) {
        if (target <= timers->tick)
            return now == INT64_MAX ? pop_never(timers) : NULL;
        advance(timers, target);
    }
    struct timer *timer = timers->near;
    if (timer->when > now)
        return NULL;
    heap_remove(timers, timer);
    timer->place = NOWHERE;
    timers->count--;
    timers->next_known = false;
    return timer;
}
