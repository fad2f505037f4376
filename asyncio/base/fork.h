/* SPDX-License-Identifier: MIT */
/* Forks: what a process made has neither its threads nor its kernel side to itself in a child. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

/* Counts the forks that this process descends from, since the first asyncio__forks_watch. */
extern atomic_uint asyncio__forks;

/* Before something is made that has to know. */
void asyncio__forks_watch(void);

/* `forks`: asyncio__forks when it was made. True in a child of the process that made it. */
static inline bool asyncio__is_inherited(unsigned forks)
{
    return forks != atomic_load_explicit(&asyncio__forks, memory_order_relaxed);
}
