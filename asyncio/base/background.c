/* SPDX-License-Identifier: MIT */
/* Threads of the library's own: see background.h. */
#include "base/background.h"

#include <signal.h>
#include <time.h>

int asyncio__background_start(pthread_t *ret_thread, const pthread_attr_t *attributes,
                              void *(*function)(void *argument), void *argument)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(ret_thread, attributes, function, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

void asyncio__background_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}
