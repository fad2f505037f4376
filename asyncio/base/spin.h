/* SPDX-License-Identifier: MIT */
/* Looking a moment longer before going to sleep, where waking a sleeper costs more than that
 * moment: what is common to the loop, which waits for posts, and the pool, which waits for jobs.
 *
 * A try that found something earns credit, one that did not takes some away; without credit only
 * each 16th is made. Not thread-safe: the owner's, or under its lock. */
#pragma once

#include "base/clock.h"

#include <stdbool.h>

enum { SPIN_CREDIT_MAX = 8, SPIN_RETRY = 16 };

struct spin {
    bool pays;                     /* there is a second processor to do something meanwhile */
    unsigned char credit, skipped;
};

/* How many processors this thread may run on. */
unsigned asyncio__processors(void);

static inline bool spin_is_worth_it(struct spin *spin)
{
    return spin->pays && (spin->credit > 0 || ++spin->skipped % SPIN_RETRY == 0);
}

static inline void spin_ended(struct spin *spin, bool found)
{
    if (found && spin->credit < SPIN_CREDIT_MAX)
        spin->credit++;
    else if (!found && spin->credit > 0)
        spin->credit--;
}

/* A few dozen nanoseconds in which the processor's other half may run. */
static inline void spin_pause(void)
{
    for (unsigned i = 0; i < 8; i++) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("isb" ::: "memory");
#endif
    }
}
