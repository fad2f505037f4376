/* SPDX-License-Identifier: MIT */
/* The counter of forks: see fork.h. */
#include "base/fork.h"

#include <pthread.h>

atomic_uint asyncio__forks;

static void after_fork_in_child(void)
{
    atomic_fetch_add(&asyncio__forks, 1);
}

static void watch(void)
{
    (void)pthread_atfork(NULL, NULL, after_fork_in_child);
}

void asyncio__forks_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, watch);
}
